/* What the columns of a mailbox (store/columns.h) hold of an entry, and what a filter can tell by them alone.
 */
#ifndef MS_COLUMNS_H
#define MS_COLUMNS_H

#include "ms/filter.h"
#include "store/columns.h"

/* What an entry's columns are made of, as far as that hangs on no key of the store's: numbers; STORE_UNKNOWN;
 * and spans that are hashed, or are texts. Head and creation-time are the store's own. */
struct ms_facts {
    uint64_t numbers[STORE_COLUMNS];
    struct span spans[STORE_COLUMNS];
};
/* Of the entry's items, which may be more than its row has. False without memory. */
bool ms_facts_of(const struct store_entry *entry, struct span items, struct arena *arena,
                 struct ms_facts *facts);
void ms_facts_columns(const struct store *store, const struct ms_facts *facts, struct store_columns *columns);
/* From one process to another. Takes them from `rest`; false: they are none. */
bool ms_facts_write(struct buf *out, const struct ms_facts *facts);
bool ms_facts_read(struct span *rest, struct ms_facts *facts);

/* Derives columns of rows alone: the `context` of store_derive_cb. */
struct ms_deriving {
    const struct store *store;
    struct span (*items)(const struct store_entry *entry); /* where in its data they are */
    struct arena arena;                                    /* is reset for each */
};
bool ms_derive(void *deriving, const struct store_entry *entry, struct store_columns *columns);

/* The columns that the filter asks something of which they can answer: bit n is the store_column n. To be
 * called before ms_filter_scan, with the store whose columns these are. */
unsigned ms_filter_columns(const struct store *store, const struct ms_filter *filter);

#define MS_CHUNK_WORDS (STORE_CHUNK / 64)

/* The columns of a chunk that are there. */
struct ms_chunk {
    const struct store_column_view *columns[STORE_COLUMNS]; /* NULL: not there */
    const struct store_marks *marks;
    uint64_t number; /* of the chunk */
};

/* For each of its entries, a bit: the filter may be true of it; it may be other than true. */
struct ms_candidates {
    uint64_t true_of[MS_CHUNK_WORDS], other_of[MS_CHUNK_WORDS];
};
void ms_filter_scan(const struct ms_filter *filter, const struct ms_chunk *chunk,
                    struct ms_candidates *candidates);

#endif
