/* Entries of class delivery: what their rows say, and the messages for which they stand. */
#ifndef MTA_DELIVERED_H
#define MTA_DELIVERED_H

#include "base/arena.h"
#include "mts/process.h"
#include "mts/row.h"
#include "store/store.h"

struct view;

/* An entry with the message that it stands for. */
struct loaded {
    const struct store_entry *entry;
    struct delivered delivered;
    struct store_message message;
};

/* Into `arena`, which must be empty enough for an envelope. */
bool delivered_load(struct view *view, const struct store_entry *entry, struct arena *arena,
                    struct loaded *loaded, struct error *err);

/* BER of the delivery envelope, or of the report's; absent: the octets don't decode, or there is no memory.
 */
struct span delivered_envelope(const struct loaded *loaded, struct arena *arena);

/* The values of attributes in the entry's row (ms/entry.h). */
struct span delivered_items(const struct store_entry *entry);

/* Appends those of a message's envelope that are known when it is delivered, and says so in the row:
 * `priority` and `known`. */
bool delivered_add_items(struct buf *out, const struct mts_delivery *delivery, uint64_t content_length,
                         struct arena *arena, struct store_entry *row);

#endif
