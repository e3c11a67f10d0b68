/* Columns, inside the store: made, sealed and checked. */
#ifndef STORE_COLUMNS_PRIVATE_H
#define STORE_COLUMNS_PRIVATE_H

#include "store/bits_private.h"
#include "store/check_private.h"
#include "store/columns.h"

/* Numbers above these have no columns: 2^23 chunks. */
#define COLUMNS_NUMBERS (UINT64_C(1) << 31)

struct columns {
    struct buf octets[STORE_COLUMNS], texts[STORE_COLUMNS - STORE_FIRST_TEXT];
    size_t slots; /* entries and gaps so far */
};

bool columns_begin(struct columns *columns);
void columns_free(struct columns *columns);
/* The chunk's entries in their order. */
void columns_add(struct columns *columns, const struct store_entry *entry,
                 const struct store_columns *values);
/* False without memory. */
bool columns_end(struct columns *columns, struct store_batch *batch, uint32_t mailbox, uint64_t chunk);

/* The mailbox's numbers below `next` were given out: whole chunks of them are complete. False without memory.
 */
bool columns_note_complete(struct store *store, uint32_t mailbox, uint64_t next);

/* I18, of all mailboxes; `drop` takes a mailbox's chunks from that one on out, with repair. */
typedef bool columns_drop(void *context, uint32_t mailbox, uint64_t chunk, struct error *err);
bool columns_check(struct store *store, struct check_report *report, columns_drop *drop, void *context,
                   struct error *err);

#endif
