/*
 * Looking at the entries of a mailbox, for all who select, list or fetch (X.413): a struct ms_mailbox for
 * ms_select, and the values of one entry after the other. Values come from the entry's row, from the columns
 * of its chunk where it was sealed, and else from the message for which it stands, of whose content the
 * beginning alone is read. A content that was found to be not readable when its chunk was sealed is not
 * opened again: what it has of X.420's attributes can't be had.
 *
 * In a reader, or in the process that has the store; nothing is written. It lives as long as its view.
 */
#ifndef MTA_LOOKING_H
#define MTA_LOOKING_H

#include "ms/columns.h"
#include "ms/object.h"
#include "ms/select.h"
#include "mta/delivered.h"

struct looked;
#define LOOKED_LISTS 32

struct looking {
    struct view *view;
    struct ms_mailbox mailbox;
    struct error hindrance;
    uint64_t work; /* that the question may still be */
    /* Of the entry that was looked at last (0: none). */
    uint64_t sequence;
    struct arena arena, values;
    struct looked *looked[LOOKED_LISTS]; /* what was asked of it */
    bool loaded;                         /* what it stands for is there */
    struct loaded entry;
    struct ms_object object;
    struct store_content *content;
    struct ms_entry asked;
    /* Of the chunk whose columns were looked for last. */
    bool chunk_read, chunk_sealed;
    uint64_t chunk;
    struct buf octets;
    struct store_column_view *items;
};

/* False: no memory. */
bool looking_begin(struct looking *looking, struct view *view, uint32_t mailbox);
void looking_end(struct looking *looking);

/* The values of one entry, until the next is asked for. The entry lives as long. */
struct ms_values looking_values(struct looking *looking, const struct store_entry *entry);

/* The first value of one attribute, of the same entry; the absent span: it has none, or that can't be had. */
struct span looking_value(struct looking *looking, const struct store_entry *entry, const char *oid);

#endif
