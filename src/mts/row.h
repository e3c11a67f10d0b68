/* The `data` of a work row and of a mailbox entry: the few octets that the store keeps for the switch. */
#ifndef MTS_ROW_H
#define MTS_ROW_H

#include "base/buf.h"
#include "mts/process.h"

struct row {
    enum mts_kind kind;
    enum mts_copy_kind copy;
    bool has_content;
    struct span plan;
    int64_t latest;   /* µs since 1970: struct work has it; 0: none */
    int64_t delivery; /* s since 1970: the message-delivery-time of the last try by protocol; 0: none */
};

/* The data of a mailbox entry. The envelope is not in it: it is made of the message's when somebody reads it
 * (mts_delivery_envelope), so that many entries share one. */
struct delivered {
    enum mts_kind kind;
    bool has_content;
    uint32_t position; /* of mts_delivery */
    struct span
        envelope;      /* absent; of entries written before schema version 4 the delivery envelope itself */
    struct span items; /* what the caller adds: values of attributes (ms/entry.h) */
};

bool delivered_write(struct buf *out, const struct delivered *delivered);
/* Envelope and items point into `data`. False when it is no entry of ours. */
bool delivered_read(struct span data, struct delivered *delivered);

bool row_write(struct buf *out, const struct row *row);
/* The plan points into `data`. False when it is no row of ours. */
bool row_read(struct span data, struct row *row);

#endif
