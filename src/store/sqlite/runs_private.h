/*
 * Runs: an index from hashes to packed rows ("batches") whose rows in the
 * database are written late and in order, so that no hot table needs a
 * secondary index.
 *
 * New pairs (hash, batch) go to the open table in memory. When it is full it is
 * sealed, and each commit drains some of it, in the order of hashes, to rows
 * (bucket, hash, batch), where the bucket is the sealed table's last batch.
 * When all are drained the run's own row is written, with a Bloom filter that
 * spares a lookup most runs. After a crash, rows above the last finished run
 * are dropped and the open table is filled anew from the packed rows.
 */
#ifndef STORE_RUNS_PRIVATE_H
#define STORE_RUNS_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/sqlite/filters.h"

#define RUN_ENTRIES 65536
#define RUN_HEADS   65536

/* Octets of a run's filter. For each new message the repeat keys are asked: 16 bits a key, so that one run in
 * 400 is looked at in vain. Tracking is asked by people, and for reports: with 4 it is one in 40 when
 * each key has two events, as that of a relayed message, and one in 6 when all differ. */
#define REPEAT_FILTER ((size_t)128 * 1024)
#define TRACK_FILTER  ((size_t)32 * 1024)

struct run_entry {
    uint64_t hash, batch;
    uint32_t next; /* index + 1 of the next entry under the same head */
};

struct run_table {
    struct run_entry *entries;
    size_t count, cap;
    uint32_t *heads; /* RUN_HEADS, by the hash's top bits: their order is the hashes' order */
    uint64_t last_batch;
};

struct runs {
    struct run_table open, sealed;
    size_t drained_heads; /* of the sealed table, committed */
    struct filters done;
    uint64_t seen; /* for a reader: the last packed row that it entered */
};

/* Allocates the tables, and says how long a run's filter is. */
bool runs_init(struct runs *runs, size_t filter);
void runs_free(struct runs *runs);

/* Makes sure that `count` runs_add calls will not fail. */
bool runs_reserve(struct runs *runs, size_t count);
void runs_add(struct runs *runs, uint64_t hash, uint64_t batch);

/* Seals the open table if it is full and the last sealed one is drained. */
void runs_seal(struct runs *runs);

/* Collects the batches of `hash` in memory. False from the callback ends it and is returned. */
typedef bool run_cb(void *context, uint64_t batch);
bool runs_each_recent(const struct runs *runs, uint64_t hash, run_cb *cb, void *context);
/* Forgets what stands in the tables, or all; keeps the tables' memory. */
void runs_forget_recent(struct runs *runs);
void runs_clear(struct runs *runs);

/* The filter of the sealed table's hashes; NULL without memory. */
uint8_t *runs_filter(const struct runs *runs);
void run_table_clear(struct run_table *table);

#endif
