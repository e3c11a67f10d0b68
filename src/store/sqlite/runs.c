#include "store/sqlite/runs_private.h"

#include <string.h>

#include "base/alloc.h"

static size_t head_of(uint64_t hash) {
    return (size_t)(hash >> 47); /* hashes have 63 bits, heads 16 */
}

static bool table_init(struct run_table *table) {
    table->heads = mem_alloc(RUN_HEADS * sizeof *table->heads);
    table->entries = mem_alloc(RUN_ENTRIES * sizeof *table->entries);
    table->cap = RUN_ENTRIES;
    return table->heads && table->entries;
}

static void table_free(struct run_table *table) {
    mem_free(table->heads);
    mem_free(table->entries);
}

void run_table_clear(struct run_table *table) {
    memset(table->heads, 0, RUN_HEADS * sizeof *table->heads);
    table->count = 0;
    table->last_batch = 0;
}

bool runs_init(struct runs *runs, size_t filter) {
    filters_init(&runs->done, filter);
    return table_init(&runs->open) && table_init(&runs->sealed);
}

void runs_free(struct runs *runs) {
    table_free(&runs->open);
    table_free(&runs->sealed);
    filters_free(&runs->done);
    *runs = (struct runs){0};
}

void runs_forget_recent(struct runs *runs) {
    run_table_clear(&runs->open);
    run_table_clear(&runs->sealed);
    runs->drained_heads = 0;
}

void runs_clear(struct runs *runs) {
    runs_forget_recent(runs);
    filters_free(&runs->done);
    runs->seen = 0;
}

bool runs_reserve(struct runs *runs, size_t count) {
    struct run_table *open = &runs->open;
    if (count <= open->cap - open->count)
        return true;
    if (count > UINT32_MAX / 4)
        return false;
    size_t cap = open->cap * 2 > open->count + count ? open->cap * 2 : open->count + count;
    struct run_entry *entries = cap < UINT32_MAX ? mem_resize(open->entries, cap * sizeof *entries) : NULL;
    if (!entries)
        return false;
    open->entries = entries;
    open->cap = cap;
    return true;
}

void runs_add(struct runs *runs, uint64_t hash, uint64_t batch) {
    struct run_table *open = &runs->open;
    uint32_t *head = &open->heads[head_of(hash)];
    if (*head && open->entries[*head - 1].hash == hash && open->entries[*head - 1].batch == batch)
        return;
    open->entries[open->count] = (struct run_entry){hash, batch, *head};
    *head = (uint32_t)++open->count;
    open->last_batch = batch;
}

void runs_seal(struct runs *runs) {
    if (runs->open.count < RUN_ENTRIES || runs->sealed.count)
        return;
    struct run_table full = runs->open;
    runs->open = runs->sealed;
    runs->sealed = full;
    runs->drained_heads = 0;
}

static bool table_each(const struct run_table *table, uint64_t hash, run_cb *cb, void *context) {
    for (uint32_t at = table->heads[head_of(hash)]; at; at = table->entries[at - 1].next)
        if (table->entries[at - 1].hash == hash && !cb(context, table->entries[at - 1].batch))
            return false;
    return true;
}

bool runs_each_recent(const struct runs *runs, uint64_t hash, run_cb *cb, void *context) {
    return table_each(&runs->sealed, hash, cb, context) && table_each(&runs->open, hash, cb, context);
}

uint8_t *runs_filter(const struct runs *runs) {
    uint8_t *filter = filter_new(&runs->done);
    for (size_t n = 0; filter && n < runs->sealed.count; n++)
        filter_set(&runs->done, filter, runs->sealed.entries[n].hash);
    return filter;
}
