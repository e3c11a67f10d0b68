/*
 * Log lines about strangers: whoever has not bound may cause as many as he likes.
 * A network (IPv6: a /48) gets a few of them a minute; then one says that the next
 * are left out, and the first of a later minute how many were. All of
 * them together come out of the process's budget (base/log.h).
 */
#ifndef PROTOCOL_STRANGERS_H
#define PROTOCOL_STRANGERS_H

#include <stdint.h>

#include "base/host.h"

#define STRANGERS_NETWORKS 64
#define STRANGERS_LINES    30 /* a minute */

struct strangers_network {
    char name[HOST_TEXT_SIZE]; /* empty: free */
    int64_t since;             /* monotonic µs */
    unsigned lines, left_out;
};

/* All zero at first. With more networks than places the one that has been silent longest is forgotten. */
struct strangers {
    struct strangers_network networks[STRANGERS_NETWORKS];
};

enum strangers_line { STRANGERS_LINE, STRANGERS_LAST_LINE, STRANGERS_NO_LINE };

/* Whether a line may be written, and whether it is the last for a while. `*left_out` gets how many lines
 * about this network were not written before this one. */
enum strangers_line strangers_line(struct strangers *strangers, const char *network, int64_t now,
                                   unsigned *left_out);

/* Writes the line `peer=? address=ADDRESS TEXT`, if one may be written. */
void strangers_warn(struct strangers *strangers, const char *address, const char *text);

#endif
