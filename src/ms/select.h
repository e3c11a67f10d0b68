/*
 * Selection (X.413 §8.1.4): which entries of a mailbox a selector means, by
 * class, numbers, creation time and filter, in the order of their numbers or
 * another. Columns say first which entries need not be looked at; the row of
 * each entry that is given was read and decided on.
 */
#ifndef MS_SELECT_H
#define MS_SELECT_H

#include "ms/entry.h"

struct ms_mailbox {
    struct store *store;
    uint32_t mailbox;
    struct span (*items)(const struct store_entry *entry); /* where in its data they are */
    /* Values that are not in the row; NULL: there are none. As `get` of struct ms_values. */
    bool (*get)(void *user, const struct store_entry *entry, const struct ms_attribute *attribute,
                const struct span **values, size_t *count);
    void *user;
    /* What kept `get` from values that are there: an error of the store, or want of memory. NULL, or its code
     * 0: nothing did, they can't be told. */
    const struct error *hindrance;
    uint64_t *work; /* as in struct ms_values */
};

enum ms_order { MS_BY_NUMBER, MS_BY_CREATION, MS_BY_SIZE, MS_BY_PRIORITY, MS_BY_SUBJECT, MS_BY_ORIGINATOR };

struct ms_selection {
    unsigned classes;     /* bit n: entries of the x413_EntryClass n */
    uint64_t first, last; /* numbers; `last` 0: to the end */
    bool by_time;         /* with the next two: creation-times, µs, both included */
    int64_t from, to;
    bool unread;                    /* only those that are not processed, or have one of the flags */
    uint8_t unread_flags;           /* of struct store_entry */
    bool children;                  /* entries that have a parent, too */
    bool damaged;                   /* those that can't be decided on as their rows are damaged, too */
    const struct ms_filter *filter; /* NULL: none */
    size_t limit;                   /* 0: none */
    enum ms_order order;            /* of equals the lower number first */
    bool down;                      /* the highest first */
};

/*
 * Calls back for each, at most `limit`; false from the callback ends it, which is no failure. `*next` is the
 * number of the first one above the limit, 0: there is none. Entries that can't be decided on (damaged, or a
 * value can't be told) are not selected, and counted in `*undecided`. False, with the cause in `*err`: the
 * store or memory failed, also where a value is asked; what was called back for is not all then. What is
 * ordered otherwise than by number is held in memory as numbers and keys. By number, either way, no more is
 * looked at than has to be.
 */
typedef bool ms_select_cb(void *context, const struct store_entry *entry);
bool ms_select(const struct ms_mailbox *mailbox, const struct ms_selection *selection, ms_select_cb *cb,
               void *context, uint64_t *next, uint64_t *undecided, struct error *err);

#endif
