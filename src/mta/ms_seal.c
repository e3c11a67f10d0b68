#include "mta/ms_seal.h"

#include <sys/random.h>

#include "mta/view.h"

#define RECORD SPAN_LIT("ms-seal-secret")
#define SECRET 32

bool ms_seal_begin(struct store *store, struct error *err) {
    uint8_t secret[SECRET];
    struct buf former;
    struct error inner = {0};
    buf_init_secret(&former, 0);
    bool there = store_get_record(store, STORE_SETTING, RECORD, &former, &inner) && former.len == SECRET;
    buf_wipe(&former);
    if (there)
        return true;
    if (inner.code && inner.code != STORE_NOT_FOUND)
        return error_set(err, inner.code, "%s", inner.text);
    struct store_batch *batch = store_batch_new(store);
    bool done = batch && getrandom(secret, sizeof secret, 0) == (ssize_t)sizeof secret &&
                store_put_record(batch, STORE_SETTING, RECORD, span_of(secret, sizeof secret));
    if (!done)
        error_set(err, STORE_NO_MEMORY, "no memory");
    done = done && store_commit(batch, err);
    store_batch_free(batch);
    return done;
}

/* SHA-256 of the secret and of that of secret and address: nobody can add to what is within. */
bool ms_seal(struct view *view, struct span address, uint8_t seal[static MS_SEAL]) {
    struct buf secret;
    uint8_t inner[STORE_DIGEST];
    buf_init_secret(&secret, 0);
    bool done = store_get_record(view->store, STORE_SETTING, RECORD, &secret, NULL) && secret.len == SECRET &&
                store_digest((struct span[]){buf_span(&secret), address}, 2, inner) &&
                store_digest((struct span[]){buf_span(&secret), span_of(inner, sizeof inner)}, 2, seal);
    buf_wipe(&secret);
    return done;
}

bool ms_seal_is_right(struct view *view, struct span address, struct span given) {
    uint8_t seal[MS_SEAL], difference = 0;
    if (given.len != MS_SEAL || !ms_seal(view, address, seal))
        return false;
    for (size_t i = 0; i < MS_SEAL; i++) /* in a time that tells nothing */
        difference |= seal[i] ^ given.data[i];
    return difference == 0;
}
