/* Repeat keys, as far as they stand in a batch. */
#include "store/batch_private.h"

enum store_repeat store_find_repeat(struct store *store, struct store_batch *batch,
                                    const uint8_t key[static STORE_DIGEST], struct error *err) {
    const struct operation *pending = batch ? batch_repeat(batch, key, batch->count) : NULL;
    bool found = false;
    if (pending) {
        batch_share(batch, pending);
        return STORE_REPEAT_PENDING;
    }
    if (!store->engine->find_repeat(store, key, &found, err))
        return STORE_REPEAT_FAILED;
    return found ? STORE_REPEAT_KNOWN : STORE_REPEAT_UNKNOWN;
}

bool store_batch_adds_repeat(const struct store_batch *batch, const uint8_t key[static STORE_DIGEST]) {
    return batch_repeat(batch, key, batch->count) != NULL;
}
