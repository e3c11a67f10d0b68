/*
 * Rows that a mailbox has beside its entries: what is kept of an entry that has gone, what its user
 * registered, which entries are in which group, when something is due, and what came of what was submitted.
 * Each has a kind, a number and a name, by which it is found, and the caller's data. Those of one kind and
 * mailbox stand together in the order of number and name, so that a range of numbers costs what is in it.
 *
 * They are records (store.h) of kinds of their own with a checksum: a batch adds and drops them with what
 * they go with; backups have them, and a move takes them to where their mailbox is. They don't go with an
 * entry: who removes it drops its rows. Those of a mailbox that was joined to another
 * (store_rename_mailboxes) are lost.
 */
#ifndef STORE_MAILBOX_ROWS_H
#define STORE_MAILBOX_ROWS_H

#include "store/store.h"

/* The numbers are stored. */
enum store_row_kind {
    STORE_ROW_LOG = 1,      /* of a log: number: the sequence-number of the entry that it is about */
    STORE_ROW_GROUP,        /* name: the group's; number: 0 */
    STORE_ROW_GROUPED,      /* number: an entry; name: a group that it is in */
    STORE_ROW_REGISTRATION, /* number: its identifier; name: of what type it is */
    STORE_ROW_DUE,          /* number: when, in µs; name: what, of which entry */
    STORE_ROW_OUTCOME,      /* number: an entry of what was submitted; name: what came of it, for whom */
    STORE_ROW_KINDS
};

#define STORE_ROW_NAME_MOST 512
#define STORE_ROW_DATA_MOST (1u << 20)

struct store_row {
    enum store_row_kind kind;
    uint32_t mailbox;
    uint64_t number;
    struct span name; /* of any octets, also none */
    struct span data;
    bool damaged; /* when it is read: it is not what was stored, and `data` is absent */
};

/* Adds or replaces the row. False also where name or data are above their bounds. */
bool store_put_row(struct store_batch *batch, const struct store_row *row);
/* Removes the row with the kind, mailbox, number and name, where there is one. */
bool store_drop_row(struct store_batch *batch, const struct store_row *row);

/* Appends the committed row's data. STORE_NOT_FOUND: there is none; STORE_CORRUPT: it is damaged. */
bool store_get_row(struct store *store, const struct store_row *row, struct buf *data, struct error *err);

/* Calls back for the committed rows of the kind and mailbox whose numbers are from `first` to `last`, in
 * their order. False from the callback ends it, which is no failure. */
typedef bool store_row_cb(void *context, const struct store_row *row);
bool store_each_row(struct store *store, enum store_row_kind kind, uint32_t mailbox, uint64_t first,
                    uint64_t last, store_row_cb *cb, void *context, struct error *err);

/* Drops those with the batch, at most `most`; `*more`: there are others. Of all kinds, where `kind` is 0, for
 * the end of a mailbox. */
bool store_drop_rows(struct store_batch *batch, enum store_row_kind kind, uint32_t mailbox, uint64_t first,
                     uint64_t last, size_t most, bool *more, struct error *err);

#endif
