/* Octets with several owners: what was received waits in memory for the transfers that will send it. */
#ifndef MTA_BYTES_H
#define MTA_BYTES_H

#include "base/span.h"

struct bytes {
    unsigned owners;
    size_t head;   /* the first part: an envelope, or the APDU's octets before its content */
    size_t length; /* of all */
    uint8_t data[];
};

/* A copy of both parts with one owner, or NULL. */
struct bytes *bytes_new(struct span head, struct span rest);

struct bytes *bytes_keep(struct bytes *bytes);
/* NULL is allowed. Returns the octets that were freed with the last owner, else 0. */
size_t bytes_drop(struct bytes *bytes);

static inline struct span bytes_head(const struct bytes *bytes) {
    return span_of(bytes->data, bytes->head);
}

static inline struct span bytes_rest(const struct bytes *bytes) {
    return span_of(bytes->data + bytes->head, bytes->length - bytes->head);
}

#endif
