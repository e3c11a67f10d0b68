/*
 * Repeat keys: a digest of (peer, MTS-identifier, digest of envelope and
 * content), packed one row a commit, 32 octets each. The lookup of a key that
 * was never seen, which is nearly every one, costs a look in memory and at the
 * filters of the runs.
 */
#include <openssl/evp.h>

#include "base/alloc.h"
#include "store/batch_private.h"

bool repeat_key(struct span peer, struct span mts_identifier, const uint8_t digest[static STORE_DIGEST],
                uint8_t out[static STORE_DIGEST]) {
    uint64_t lengths[2] = {peer.len, mts_identifier.len}; /* so that the borders are part of the key */
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context && EVP_DigestInit_ex(context, digest_sha256(), NULL) == 1 &&
              EVP_DigestUpdate(context, lengths, sizeof lengths) == 1 &&
              EVP_DigestUpdate(context, peer.data, peer.len) == 1 &&
              EVP_DigestUpdate(context, mts_identifier.data, mts_identifier.len) == 1 &&
              EVP_DigestUpdate(context, digest, STORE_DIGEST) == 1 &&
              EVP_DigestFinal_ex(context, out, NULL) == 1;
    EVP_MD_CTX_free(context);
    return ok;
}

bool repeats_unpack(struct span packed, packed_repeat_cb *cb, void *context) {
    for (size_t at = 0; at + STORE_DIGEST <= packed.len; at += STORE_DIGEST)
        if (!cb(context, span_sub(packed, at, STORE_DIGEST)))
            return true;
    return packed.len % STORE_DIGEST == 0;
}

struct refill {
    struct store *store;
    uint64_t row;
    bool failed;
};

static bool refill_key(void *context, struct span digest) {
    struct refill *refill = context;
    refill->failed = !runs_reserve(&refill->store->repeats, 1);
    if (!refill->failed)
        runs_add(&refill->store->repeats, store_hash(refill->store, digest), refill->row);
    return !refill->failed;
}

bool repeats_enter(struct store *store, uint64_t row, struct span packed) {
    struct refill refill = {store, row, false};
    repeats_unpack(packed, refill_key, &refill);
    return !refill.failed;
}

bool repeats_load(struct store *store, struct error *err) {
    return runs_load(store, true, repeats_enter, err);
}

/* ---- lookup ---- */

uint64_t repeat_short(const uint8_t key[static STORE_DIGEST]) {
    uint64_t id;
    memcpy(&id, key, sizeof id);
    return id | 1; /* an idmap's ids are not 0 */
}

static bool is_pending(const struct store_batch *batch, const uint8_t key[static STORE_DIGEST]) {
    if (!batch || !idmap_find(&batch->pending, repeat_short(key)))
        return false;
    for (size_t i = 0; i < batch->count; i++)
        if (batch->list[i].type == ADD_REPEAT && !memcmp(batch->list[i].repeat.digest, key, STORE_DIGEST))
            return true;
    return false;
}

struct search {
    const uint8_t *key;
    bool found;
};

static bool match_key(void *context, struct span digest) {
    struct search *search = context;
    search->found = !memcmp(digest.data, search->key, STORE_DIGEST);
    return !search->found;
}

static bool find_in_rows(struct store *store, const struct buf *rows, struct search *search,
                         struct error *err) {
    struct buf packed;
    bool ok = true;
    buf_init(&packed, 0);
    for (size_t at = 0; ok && !search->found && at < rows->len; at += sizeof(uint64_t)) {
        uint64_t row;
        memcpy(&row, rows->data + at, sizeof row);
        ok = packed_row(store, true, row, &packed, err);
        if (ok)
            repeats_unpack(buf_span(&packed), match_key, search);
    }
    buf_free(&packed);
    return ok;
}

enum store_repeat store_find_repeat(struct store *store, const struct store_batch *batch, struct span peer,
                                    struct span mts_identifier, const uint8_t digest[static STORE_DIGEST],
                                    struct error *err) {
    uint8_t key[STORE_DIGEST];
    struct search search = {key, false};
    struct buf rows;
    if (!repeat_key(peer, mts_identifier, digest, key)) {
        error_set(err, STORE_NO_MEMORY, "%s: out of memory", store->path);
        return STORE_REPEAT_FAILED;
    }
    if (is_pending(batch, key))
        return STORE_REPEAT_PENDING;
    buf_init(&rows, 0);
    bool ok = runs_lookup(store, true, store_hash(store, span_of(key, sizeof key)), &rows, err) &&
              find_in_rows(store, &rows, &search, err);
    buf_free(&rows);
    return !ok ? STORE_REPEAT_FAILED : search.found ? STORE_REPEAT_KNOWN : STORE_REPEAT_UNKNOWN;
}
