/*
 * The commit, above the engine's: responsibility may move when batch_done says that it is done (I1); memory
 * says what it said before when it is not (I2).
 */
#include "base/clock.h"
#include "store/batch_private.h"
#include "store/columns_private.h"

static const struct error in_order;

/* ---- verdicts ---- */

/* NULL: it was added before the first request. */
static struct request *request_of(struct store_batch *batch, size_t operation) {
    size_t low = 0, high = batch->request_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (batch->requests[middle].from <= operation)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &batch->requests[low - 1] : NULL;
}

static size_t shared_with(const struct store_batch *batch, size_t request) {
    while (batch->requests[request].shares != request)
        request = batch->requests[request].shares;
    return request;
}

static void leave_out(struct store_batch *batch, size_t number, uint32_t verdict) {
    size_t to = number + 1 < batch->request_count ? batch->requests[number + 1].from : batch->count;
    batch->requests[number].failed = verdict;
    for (size_t i = batch->requests[number].from; i < to; i++)
        batch->list[i].left_out = true;
}

bool batch_fail(struct store_batch *batch, const struct operation *operation, struct error *err) {
    const struct request *request =
        batch->whole ? NULL : request_of(batch, (size_t)(operation - batch->list));
    if (!request)
        return false;
    if (request->failed)
        return true;
    if (!buf_append(&batch->verdicts, err, sizeof *err))
        return store_no_memory(batch->store, err);
    size_t root = shared_with(batch, (size_t)(request - batch->requests));
    for (size_t i = root; i < batch->request_count; i++)
        if (shared_with(batch, i) == root)
            leave_out(batch, i, (uint32_t)(batch->verdicts.len / sizeof *err));
    return true;
}

const struct error *store_batch_verdict(const struct store_batch *batch, unsigned request) {
    uint32_t failed = request < batch->request_count ? batch->requests[request].failed : 0;
    const struct error *verdicts = (const struct error *)(const void *)batch->verdicts.data;
    return failed ? &verdicts[failed - 1] : &in_order;
}

bool store_batch_is_refused(const struct store_batch *batch) {
    return batch->verdicts.len != 0;
}

/* It may be committed again: what was left out may be right then. */
static void forget_verdicts(struct store_batch *batch) {
    buf_clear(&batch->verdicts);
    for (size_t i = 0; i < batch->request_count; i++)
        batch->requests[i].failed = 0;
    for (size_t i = 0; i < batch->count; i++)
        batch->list[i].left_out = false;
}

/* ---- the commit ---- */

static void give_results(const struct store_batch *batch) {
    for (size_t i = 0; batch->results && i < batch->count; i++)
        if (batch->list[i].sequence && !batch->list[i].left_out)
            *batch->list[i].sequence = batch->list[i].entry.sequence;
}

/* An entry took the last number of a chunk: it can be sealed. */
static void look_for_chunks(const struct store_batch *batch) {
    struct store *store = batch->store;
    for (size_t i = 0; i < batch->count && store->complete_known; i++) {
        const struct operation *operation = &batch->list[i];
        if (operation->type == ADD_ENTRY && !operation->left_out &&
            operation->entry.sequence % STORE_CHUNK == STORE_CHUNK - 1)
            store->complete_known =
                columns_note_complete(store, operation->number, operation->entry.sequence + 1);
    }
}

void batch_done(struct store_batch *batch, const struct error *failure) {
    struct store_figures *figures = &batch->store->figures;
    batch->under_way = batch->store->committing = false;
    if (failure) {
        struct error err = *failure;
        store_failed(batch->store, &err);
        if (batch->verdicts.len)
            forget_verdicts(batch);
        batch->done(batch->context, false, &err);
        return;
    }
    figures->commits += batch->count != 0;
    figures->sync_us += (clock_monotonic_us() - batch->begun - figures->sync_us) / 8;
    give_results(batch);
    look_for_chunks(batch);
    batch->done(batch->context, true, NULL);
    store_batch_clear(batch);
}

static void begin(struct store_batch *batch, bool whole, store_done_cb *done, void *context) {
    struct error err;
    if (batch->store->committing) {
        error_set(&err, STORE_BAD_REQUEST, "another commit is under way");
        done(context, false, &err);
        return;
    }
    batch->whole = whole;
    batch->done = done;
    batch->context = context;
    if (refuse_read_only(batch->store, &err)) {
        done(context, false, &err);
        return;
    }
    if (batch->store->fenced) {
        done(context, false, &batch->store->cause);
        return;
    }
    batch->begun = clock_monotonic_us();
    batch->under_way = batch->store->committing = true;
    batch->store->engine->commit_begin(batch);
}

void store_commit_begin(struct store_batch *batch, store_done_cb *done, void *context) {
    begin(batch, false, done, context);
}

void store_proceed(struct store *store, bool wait) {
    if (store->engine->proceed)
        store->engine->proceed(store, wait);
}

void store_give_up(struct store *store) {
    if (store->committing && store->engine->give_up)
        store->engine->give_up(store);
    else
        store_proceed(store, true);
}

int store_descriptor(const struct store *store) {
    return store->engine->descriptor ? store->engine->descriptor(store) : -1;
}

struct end {
    bool done;
    struct error *err;
};

static void note_end(void *context, bool done, const struct error *err) {
    struct end *end = context;
    end->done = done;
    if (!done)
        error_set(end->err, err->code, "%s", err->text);
}

bool store_commit(struct store_batch *batch, struct error *err) {
    struct end end = {false, err};
    begin(batch, true, note_end, &end);
    while (batch->under_way)
        store_proceed(batch->store, true);
    return end.done;
}
