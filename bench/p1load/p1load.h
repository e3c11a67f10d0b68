/* p1load: a source and a sink of P1 messages in normal mode, to measure a relay between them. */
#pragma once
#include <stdint.h>

#include "stack.h"

struct options {
    uint16_t port;
    uint32_t associations;
    uint64_t messages;
    uint64_t size;
    uint32_t hold; /* seconds to stay bound and idle after the work */
    const char *tsel, *from, *to;
    struct bind bind;
};

int source_run(const struct options *options);
int sink_run(const struct options *options);
