/*
 * Bloom filters of many runs, asked together.
 *
 * Each finished run has a filter of its own, as it stands in the run's row. To ask them one by one would cost
 * time that grows with what is kept. So eight of them are joined to a slab: its row b holds bit b of all
 * eight, side by side; eight slabs are joined to one that is eight times as
 * wide, up to 512 runs. One look at the rows of a hash's bits tells of all runs
 * of a slab. There are at most seven slabs of each width but the widest, and one
 * of those for each 33 million keys.
 */
#ifndef STORE_FILTERS_H
#define STORE_FILTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct slab {
    unsigned width; /* runs: 1, 8, 64 or 512 */
    uint8_t *rows;  /* as many rows of `width` bits as a filter has bits; of one run, its filter */
};

struct filters {
    size_t octets;      /* of one filter, a power of 2 */
    struct slab *slabs; /* oldest runs first */
    size_t slab_count, slab_cap;
    uint64_t *buckets; /* of the slabs' runs, in their order */
    size_t bucket_count, bucket_cap;
    size_t dropped; /* oldest runs that are gone, but whose slab is not */
};

/* For filters of so many octets, a power of 2. */
void filters_init(struct filters *filters, size_t octets);
/* There are none of them any more; others can be added. */
void filters_free(struct filters *filters);

/* A filter of `filters`' size with no bits; NULL without memory. */
uint8_t *filter_new(const struct filters *filters);
/* Sets the hash's bits in it. */
void filter_set(const struct filters *filters, uint8_t *filter, uint64_t hash);
/* One that stands in a row, where it may be longer: each bit stands for some of that, so it is folded. What
 * is no filter gets all bits: its run is always asked. NULL without memory. */
uint8_t *filter_of(const struct filters *filters, struct span row);

/* Makes sure that the next filters_add does not fail. */
bool filters_reserve(struct filters *filters);
/* Adds the youngest run. The filter becomes the filters' own. */
void filters_add(struct filters *filters, uint64_t bucket, uint8_t *filter);

size_t filters_count(const struct filters *filters);
/* The oldest and the youngest run's bucket; 0 when there is none. */
uint64_t filters_oldest(const struct filters *filters);
uint64_t filters_newest(const struct filters *filters);
void filters_drop_oldest(struct filters *filters);

/* Calls back for each run that may have the hash, oldest first. False from the callback ends it and is
 * returned. */
typedef bool filters_cb(void *context, uint64_t bucket);
bool filters_ask(const struct filters *filters, uint64_t hash, filters_cb *cb, void *context);

#endif
