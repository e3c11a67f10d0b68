/*
 * What an entry's row says of it: the fields of struct store_entry, and items,
 * values of attributes as they were sent, which the row has for what is listed
 * and filtered most.
 */
#ifndef MS_ENTRY_H
#define MS_ENTRY_H

#include "base/arena.h"
#include "base/buf.h"
#include "ms/filter.h"
#include "store/store.h"

/* Of `known`: which attributes the entry does not have where they are no items of its row. */
#define MS_KNOWS_ENVELOPE 1u /* `mt-…`, and ms-content-length */
#define MS_KNOWS_HEADING  2u /* those of X.420 */
#define MS_KNOWS_SUMMARY  4u /* those of the envelope that ms_is_summary names */
#define MS_KNOWS_SUBJECT  8u /* those of X.420 that it names */

/* Of `priority`, which else is X.411's number: the row does not say. Nor does one of which nothing is known:
 * of an earlier release. */
#define MS_NO_PRIORITY 15

/* Appends an item: a whole element of the attribute's type. */
bool ms_item_write(struct buf *out, const struct ms_attribute *attribute, struct span element);

/* Takes the first of them from `rest`; false when there is none, or it is none of ours. */
bool ms_item_next(struct span *rest, struct span *oid, struct span *element);

/* The entry's first value of the attribute in the items; absent: it is not there. */
struct span ms_item(struct span items, const struct ms_attribute *attribute);

/* Is it one of those that lists show and columns hold? Of the envelope: mt-originator-name,
 * mt-message-identifier, mt-message-submission-time, mt-content-type, mt-content-identifier,
 * ms-content-length. Of X.420's: ipm-entry-type, this-ipm, replied-to-IPM, subject, extended-subject. */
bool ms_is_summary(const struct ms_attribute *attribute);

/* Does the entry not have the attribute, where no item says so? */
bool ms_entry_lacks(const struct store_entry *entry, const struct ms_attribute *attribute);

/* An entry whose values are asked for. */
struct ms_entry {
    const struct store_entry *row;
    struct span items;
    struct ms_values others; /* where the others come from; `get` NULL: there are none */
    struct arena *arena;     /* for values that are made, and lists of them */
};

/* A `get` of struct ms_values, of which an ms_entry is the `user`. */
bool ms_entry_get(void *entry, const struct ms_attribute *attribute, const struct span **values,
                  size_t *count);

/* X.413's number of a status. */
int64_t ms_status_number(unsigned status);

#endif
