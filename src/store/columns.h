/*
 * Columns of mailboxes: what a selection looks at first, of 256 entries at a
 * time, so that of 500,000 entries few rows are read. Each column of a chunk is
 * a row of its own; a filter on one attribute reads one.
 *
 * Columns are derived: all that stands in them is in the rows of entries too,
 * and who finds something by them looks at the row (entries may have gone since,
 * two values may have one hash). A chunk that is not there is no fault: its
 * entries are looked at one by one. The writer seals one when all its numbers
 * were given out; it goes with the last of its entries.
 */
#ifndef STORE_COLUMNS_H
#define STORE_COLUMNS_H

#include "store/store.h"

#define STORE_CHUNK 256

/* The numbers are stored: none is ever given to another column. */
enum store_column {
    STORE_COLUMN_HEAD, /* class, type, priority: store_head_of; 0: there was no such entry */
    STORE_COLUMN_AT,   /* creation-time, µs */
    STORE_COLUMN_SUBMITTED,
    STORE_COLUMN_SIZE, /* of the content */
    STORE_COLUMN_ORIGINATOR,
    STORE_COLUMN_IPM,
    STORE_COLUMN_MTS,
    STORE_COLUMN_REPLIED_TO,
    STORE_COLUMN_SUBJECT,
    STORE_COLUMN_SUBJECT_TEXT,
    STORE_COLUMN_ORIGINATOR_TEXT,
    STORE_COLUMN_ITEMS, /* values that are not in the row, as the caller has them */
    STORE_COLUMNS
};
#define STORE_FIRST_HASH STORE_COLUMN_ORIGINATOR
#define STORE_FIRST_TEXT STORE_COLUMN_SUBJECT_TEXT

/* Of numbers and hashes: the entry has no such value; it can't be told without its row. */
#define STORE_NO_VALUE UINT64_C(0)
#define STORE_UNKNOWN  UINT64_C(1)
/* A time or a size as it stands in a column. */
static inline uint64_t store_column_number(int64_t number) {
    return (uint64_t)number + (UINT64_C(1) << 62);
}

/* A keyed hash of what is equal where values match, above STORE_UNKNOWN. */
uint64_t store_column_hash(const struct store *store, struct span value);

/* What one entry has, but for head and creation time, which the store knows. Those of texts in `numbers` say
 * STORE_UNKNOWN where it can't be told; no text: the absent span. */
struct store_columns {
    uint64_t numbers[STORE_COLUMNS];
    struct span texts[STORE_COLUMNS - STORE_FIRST_TEXT];
};

/* Fills the columns, which are zeroed, from the row. What it hands over lives until the next call. False: it
 * can't (memory), and nothing is sealed. */
typedef bool store_derive_cb(void *context, const struct store_entry *entry, struct store_columns *columns);

/* A chunk that is complete and has no columns; mailbox 0: none. */
struct store_chunk {
    uint32_t mailbox;
    uint64_t number;
};

/*
 * The next chunk to be sealed, which stays the next until store_chunk_done. None was found, and `*more`: ask
 * again, as each call looks at one mailbox. Cheap where there is none. The first call looks at all mailboxes,
 * the others at those in which a commit completed a chunk.
 */
bool store_next_chunk(struct store *store, struct store_chunk *chunk, bool *more, struct error *err);
/* Could it find one? Costs nothing. */
bool store_may_have_chunks(const struct store *store);
/* Adds its columns to the batch: none where an entry is damaged, or all have gone. */
bool store_seal_chunk(struct store_batch *batch, const struct store_chunk *chunk, store_derive_cb *derive,
                      void *context, struct error *err);
/* Its columns are on disk, or it gets none before the store is opened anew. */
void store_chunk_done(struct store *store, const struct store_chunk *chunk);

/* ---- reading ---- */

/* The octets of a column, opened. */
struct store_column_view {
    uint64_t numbers[STORE_CHUNK]; /* of a text: STORE_UNKNOWN where it can't be told, or was cut */
    struct span texts[STORE_CHUNK];
    struct span all; /* the texts, one right behind the other */
};

/* False: they are not what was stored. Texts point into them. */
bool store_column_open(struct span octets, enum store_column column, struct store_column_view *view);

/* The chunks of a mailbox that have the column, from `chunk` on, in their order, as octets that live during
 * the call. False from the callback ends it, which is no failure. */
typedef bool store_column_cb(void *context, uint64_t chunk, struct span octets);
bool store_each_column(struct store *store, uint32_t mailbox, enum store_column column, uint64_t chunk,
                       store_column_cb *cb, void *context, struct error *err);
/* One of them, appended to `out`; nothing is appended where there is none. */
bool store_get_column(struct store *store, uint32_t mailbox, enum store_column column, uint64_t chunk,
                      struct buf *out, struct error *err);

/* What stands in STORE_COLUMN_HEAD: the entry as far as its row's head goes. */
void store_head_of(uint64_t number, struct store_entry *entry);

/* The status and flags of the 4,096 entries from `block` * 4,096 on. */
struct store_marks {
    uint8_t bits[2][1024];
};
bool store_get_marks(struct store *store, uint32_t mailbox, uint64_t block, struct store_marks *marks,
                     struct error *err);
enum store_entry_status store_status_in(const struct store_marks *marks, uint64_t sequence);
unsigned store_flags_in(const struct store_marks *marks, uint64_t sequence);

#endif
