/*
 * What the checks and repairs of all engines are made of: rules, what they say,
 * and what repair does. Each engine has its own queries.
 */
#ifndef STORE_CHECK_PRIVATE_H
#define STORE_CHECK_PRIVATE_H

#include "base/buf.h"
#include "store/check.h"
#include "store/store.h"

/* A query that gives a line of text for each violation, and what repair does about them. */
struct check_rule {
    int invariant;
    const char *find;
    const char *repair; /* NULL: nothing that a program should do alone */
    const char *how;    /* what repair did, for the finding's text */
    const char *lost;   /* instead of `repair`: the contents that are lost */
};

#define CHECK_TAKEN_OUT    "the content was given up: see its messages"
#define CHECK_BEGINS_AGAIN "the activity was given up; its sender will begin again"

struct check_report {
    bool deep, repair;
    store_finding_cb *cb;
    void *context;
    uint64_t findings;
    struct store_step step;
};

/* What is being done now, of so many octets (0: it is not told by octets); and again while it goes on. */
void check_begin_step(struct check_report *report, const char *what, uint64_t total);
void check_advance(struct check_report *report, uint64_t octets);
void check_tell_step(struct check_report *report);

/* `how`: what repair did about it; NULL: nothing. */
void check_report(struct check_report *report, int invariant, const char *how, const char *text);

/* What the findings before it mean for one copy or entry. */
void check_report_lost(struct check_report *report, const struct store_lost *lost);

/* A message's octets against their checksums (I16); of those of its content repair makes it one without. */
void check_report_envelope(struct check_report *report, uint64_t message);
void check_report_body(struct check_report *report, uint64_t message);

/* Rows against their checksums (I16): the finding's text, with the row's id and (an entry's) the mailbox's,
 * and what repair does: a copy is held for an operator to look at, an entry stays as it is, and a transfer
 * that was interrupted begins anew. */
enum check_row { CHECK_WORK, CHECK_ENTRY, CHECK_ACTIVITY_IN, CHECK_ACTIVITY_OUT, CHECK_ROWS };
void check_report_row(struct check_report *report, enum check_row kind, const uint64_t id[static 2]);

/* Adds `id` to the rows of a VALUES clause; the buffer remembers a failure. */
void check_add_id(struct buf *ids, uint64_t id);

/* As a string; NULL: out of memory. */
const char *check_text(struct buf *text);

#endif
