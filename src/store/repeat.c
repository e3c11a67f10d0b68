/* Repeat keys, as far as they stand in a batch. */
#include "store/batch_private.h"

static bool is_pending(const struct store_batch *batch, const uint8_t key[static STORE_DIGEST]) {
    if (!batch || !idmap_find(&batch->pending, repeat_short(key)))
        return false;
    for (size_t i = 0; i < batch->count; i++)
        if (batch->list[i].type == ADD_REPEAT && !memcmp(batch->list[i].repeat.digest, key, STORE_DIGEST))
            return true;
    return false;
}

enum store_repeat store_find_repeat(struct store *store, const struct store_batch *batch, struct span peer,
                                    struct span mts_identifier, const uint8_t digest[static STORE_DIGEST],
                                    struct error *err) {
    uint8_t key[STORE_DIGEST];
    bool found = false;
    if (!repeat_key(peer, mts_identifier, digest, key)) {
        store_no_memory(store, err);
        return STORE_REPEAT_FAILED;
    }
    if (is_pending(batch, key))
        return STORE_REPEAT_PENDING;
    if (!store->engine->find_repeat(store, key, &found, err))
        return STORE_REPEAT_FAILED;
    return found ? STORE_REPEAT_KNOWN : STORE_REPEAT_UNKNOWN;
}
