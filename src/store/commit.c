/*
 * The commit, above the engine's: responsibility may move when batch_done says that it is done (I1), and
 * memory says what it said before when it is not (I2).
 */
#include "base/clock.h"
#include "store/batch_private.h"

static void give_results(const struct store_batch *batch) {
    for (size_t i = 0; i < batch->count; i++)
        if (batch->list[i].sequence)
            *batch->list[i].sequence = batch->list[i].entry.sequence;
}

void batch_done(struct store_batch *batch, const struct error *failure) {
    struct store_figures *figures = &batch->store->figures;
    batch->under_way = false;
    batch->done = !failure;
    if (failure) {
        batch->err = *failure;
        store_failed(batch->store, failure);
        return;
    }
    figures->commits += batch->count != 0;
    figures->sync_us += (clock_monotonic_us() - batch->begun - figures->sync_us) / 8;
    give_results(batch);
    store_batch_clear(batch);
}

bool store_commit(struct store_batch *batch, struct error *err) {
    struct store *store = batch->store;
    if (refuse_read_only(store, err))
        return false;
    batch->begun = clock_monotonic_us();
    batch->under_way = true;
    store->engine->commit_begin(batch);
    while (batch->under_way)
        store->engine->proceed(store, true);
    return batch->done || error_set(err, batch->err.code, "%s", batch->err.text);
}
