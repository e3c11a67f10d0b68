/* Rows of mailboxes, inside the store: as records. */
#ifndef STORE_MAILBOX_ROWS_PRIVATE_H
#define STORE_MAILBOX_ROWS_PRIVATE_H

#include "store/check_private.h"
#include "store/mailbox_rows.h"
#include "store/store_private.h"

/* The record's kind is this and the row's kind; the PostgreSQL schema has an index on those from here on. */
#define ROWS_KIND 192u

static inline bool rows_is_kind(uint32_t kind) {
    return kind > ROWS_KIND && kind < ROWS_KIND + STORE_ROW_KINDS;
}

/* The invariant I19, of all of them; `drop` takes a record out, with repair. */
typedef bool rows_drop(void *context, uint32_t kind, struct span name, struct error *err);
bool rows_check(struct store *store, struct check_report *report, rows_drop *drop, void *context,
                struct error *err);

#endif
