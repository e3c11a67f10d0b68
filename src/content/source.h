/*
 * A content that is not in memory: its octets are read where they are needed.
 * The work process reads them from the store process, the tests from memory.
 */
#ifndef CONTENT_SOURCE_H
#define CONTENT_SOURCE_H

#include "base/span.h"

struct content_source {
    /* Copies the `len` octets at `offset`, which are within `length`. False when they can't be had. */
    bool (*read)(void *context, uint64_t offset, void *out, size_t len);
    void *context;
    uint64_t length; /* of the whole content */
};

#endif
