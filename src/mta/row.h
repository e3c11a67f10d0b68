/* The `data` of a work row and of a mailbox entry: the few octets that the store keeps for the switch. */
#ifndef MTA_ROW_H
#define MTA_ROW_H

#include "base/buf.h"
#include "mts/process.h"

struct row {
    enum mts_kind kind;
    enum mts_copy_kind copy;
    bool has_content;
    struct span plan;
};

bool row_write(struct buf *out, const struct row *row);
/* The plan points into `data`. False when it is no row of ours. */
bool row_read(struct span data, struct row *row);

#endif
