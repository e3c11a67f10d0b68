/* What an entry of a mailbox says, as JSON and for a person. */
#ifndef MHS_VIEW_H
#define MHS_VIEW_H

#include <jansson.h>

#include "mhs/entry.h"

/* The entry (fetched) as JSON: envelope, heading, parts with their texts; of a report, its recipients. NULL
 * without memory. */
json_t *view_entry(const struct entry *entry);

/* Adds what a content says: member `ipm` or `ipn`, else `content-error`, why it can't be shown. */
void view_content(json_t *object, struct span octets, struct arena *arena);
/* Prints the members that view_content added. */
void view_print_content(const json_t *view);

/* Prints what view_entry made: headings, texts, and a line for each other part. `user` as it was given with
 * --user, which commands that it hints at need too; NULL: it was not. */
void view_print(const json_t *view, const char *user);

#endif
