/*
 * Bits of entries: what changes of an entry while its row stays as it was
 * delivered. Two planes, of two bits an entry each: what its user has seen of it
 * (enum store_entry_status), and flags. A row holds those of 4,096 entries, the
 * first one's in the highest bits of the first octet; no row is a row of zeros.
 * So a thousand entries that lie scattered are marked by a few rows.
 *
 * A status is written in unary (0, 1, 3): the higher of two is their OR, by
 * which I17 holds in whatever order changes come, without a look at what was
 * there.
 */
#ifndef STORE_BITS_PRIVATE_H
#define STORE_BITS_PRIVATE_H

#include "store/batch_private.h"

#define BITS_ENTRIES UINT64_C(4096)
#define BITS_OCTETS  1024

enum bits_plane { BITS_STATUS, BITS_FLAGS, BITS_PLANES };

/* The key of a row: mailbox, plane, and which 4,096 entries. Never 0. */
static inline uint64_t bits_row(uint32_t mailbox, enum bits_plane plane, uint64_t sequence) {
    return (uint64_t)mailbox << 32 | (uint64_t)plane << 20 | sequence / BITS_ENTRIES;
}

static inline uint32_t bits_mailbox(uint64_t row) {
    return (uint32_t)(row >> 32);
}

static inline enum bits_plane bits_plane(uint64_t row) {
    return (enum bits_plane)(row >> 20 & 0xFFF);
}

static inline uint64_t bits_block(uint64_t row) {
    return row & 0xFFFFF;
}

/* What a batch does to a row: it becomes (row AND NOT clear) OR set. */
struct bits_change {
    uint8_t set[BITS_OCTETS], clear[BITS_OCTETS];
};

/* Of the entry in its row. */
static inline unsigned bits_get(const uint8_t *row, uint64_t sequence) {
    return row[sequence % BITS_ENTRIES / 4] >> (6 - 2 * (sequence % 4)) & 3;
}

/* Adds what the operation (SET_ENTRY or RAISE_ENTRIES) does to the changes, a map of rows to struct
 * bits_change. False without memory. */
bool bits_note(struct map *changes, const struct operation *operation);
void bits_free(struct map *changes);

/* Entries `next` and above were never there: their bits in that block become zeros. True: some were not. */
bool bits_cut(uint8_t *row, uint64_t block, uint64_t next);

/* A status that is none, processed without being listed, becomes processed. True: there was one. */
bool bits_mend_status(uint8_t *row);

void bits_apply(uint8_t *row, const struct bits_change *change);

/* The rows of 4,096 entries of a mailbox (rows.c). */
bool store_get_bits(struct store *store, uint32_t mailbox, uint64_t block,
                    uint8_t bits[static BITS_PLANES][BITS_OCTETS], struct error *err);

#endif
