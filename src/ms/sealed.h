/*
 * What is sealed of an entry's content (STORE_COLUMN_ITEMS): how it could be read, and as items (ms/entry.h)
 * those of X.420's attributes that are in a summary (ms_is_summary). Made by a process that opens contents,
 * read by whoever looks at the entry.
 */
#ifndef MS_SEALED_H
#define MS_SEALED_H

#include "ms/columns.h"
#include "ms/object.h"

/* NOT_READ: nothing is known of the content, it is to be read. */
struct ms_sealed {
    enum ms_reading reading;
    struct span items;
};

/* The absent span is one that is not read. */
struct ms_sealed ms_sealed_open(struct span octets);

/* Do the items say whether the entry has the attribute, one of X.420's? */
bool ms_sealed_tells(const struct ms_sealed *sealed, const struct ms_attribute *attribute);
/* Those that it has; false without memory. */
bool ms_sealed_values(const struct ms_sealed *sealed, const struct ms_attribute *attribute,
                      struct arena *arena, const struct span **values, size_t *count);

#define MS_FACT_MOST 4096 /* octets of one; of a longer text the beginning */

/* Reads the content and gives all that the entry's columns are made of; `entry` is its row, whose `data` is
 * not looked at, `items` those of the row. Lives in the arena. False without memory. */
bool ms_seal_facts(const struct store_entry *entry, struct span items, const struct ms_content *content,
                   struct arena *arena, struct ms_facts *facts);
/* The same of one whose content is not to be opened. */
bool ms_seal_unread(const struct store_entry *entry, struct span items, struct arena *arena,
                    struct ms_facts *facts);

#endif
