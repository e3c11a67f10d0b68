#include "mta/user_registration.h"

#include "base/alloc.h"
#include "base/log.h"
#include "mta/mta_private.h"
#include "mta/users.h"
#include "security/password.h"

bool registration_set(struct view *view, struct local_user *user, struct span octets, struct error *err) {
    struct buf kept;
    buf_init(&kept, 0);
    if (!buf_append_span(&kept, octets) ||
        !mts_tables_register(view->config->tables, user->address, octets, err)) {
        buf_free(&kept);
        return err->code ? false : error_set(err, STORE_NO_MEMORY, "no memory");
    }
    buf_free(&user->registered);
    user->registered = kept;
    return true;
}

bool registration_password(struct local_user *user, const char *hash) {
    char *copy = hash ? mem_strdup(hash) : NULL;
    if (hash && !copy)
        return false;
    mem_free(user->password);
    user->password = copy;
    return true;
}

/* ---- the record: the operator's hash that counted then, the user's own, what he registered ---- */

void registration_apply(struct view *view, struct local_user *user, struct span data) {
    struct reader r = reader_of(data);
    struct span replaced = payload_octets(&r), own = payload_octets(&r), registered = payload_rest(&r);
    char hash[PASSWORD_HASH_SIZE];
    struct error err = {0};
    if (r.failed || own.len >= sizeof hash)
        return;
    if (own.len && user->given && span_eq(replaced, span_str(user->given))) {
        memcpy(hash, own.data, own.len);
        hash[own.len] = '\0';
        registration_password(user, hash);
    }
    if (user->in_rules || user->configured)
        registration_set(view, user, registered, &err);
    if (err.code)
        log_error("user %s: what he registered is not obeyed: %s", user->address, err.text);
}

bool registration_forget(struct view *view, struct local_user *user) {
    struct error err = {0};
    return registration_password(user, user->given) && registration_set(view, user, SPAN_LIT(""), &err);
}

void registration_keep(struct view *view, struct local_user *user, const struct local_user *before) {
    struct error err = {0};
    bool same = user->given && before->given && strcmp(user->given, before->given) == 0;
    if (same)
        registration_password(user, before->password);
    registration_set(view, user, buf_span(&before->registered), &err);
}

static bool has_own_password(const struct local_user *user) {
    return user->password && user->given && strcmp(user->password, user->given) != 0;
}

bool registration_put(struct mta *mta, const struct local_user *user) {
    bool own = has_own_password(user);
    buf_clear(&mta->scratch);
    payload_put_octets(&mta->scratch, span_str(own ? user->given : ""));
    payload_put_octets(&mta->scratch, span_str(own ? user->password : ""));
    return buf_append_span(&mta->scratch, buf_span(&user->registered)) &&
           store_put_record(mta->batch.store, USER_REGISTRATION, buf_span(&user->key),
                            buf_span(&mta->scratch));
}

bool registration_remove(struct mta *mta, const struct local_user *user) {
    return store_remove_record(mta->batch.store, USER_REGISTRATION, buf_span(&user->key));
}

bool registration_reset(struct mta *mta, struct local_user *user) {
    struct error err = {0};
    return registration_set(&mta->view, user, SPAN_LIT(""), &err) &&
           (has_own_password(user) ? registration_put(mta, user) : registration_remove(mta, user));
}
