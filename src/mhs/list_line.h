/* What an entry of a mailbox says in one line: a message's subject; of a report or a receipt whose message,
 * which recipient, what became of it and why. */
#ifndef MHS_LIST_LINE_H
#define MHS_LIST_LINE_H

#include <jansson.h>

#include "base/arena.h"

/*
 * Completes a row of `mhs list`, fetching what the daemon's list does not tell.
 * JSON's members are those of mhs-json(7); for a table also `who` and, in
 * `subject`, the line. What is fetched lives in `arena` until the next reset; subjects
 * that reports tell are remembered for the receipts that follow.
 */
void list_line_complete(const char *mailbox, json_t *row, struct arena *arena);

#endif
