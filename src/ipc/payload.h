/* Payload fields of frames: written to a buf, read through a reader (base/reader.h). */
#ifndef IPC_PAYLOAD_H
#define IPC_PAYLOAD_H

#include "base/buf.h"
#include "base/reader.h"

/* A u32 length and the octets. */
static inline bool payload_put_octets(struct buf *buf, struct span octets) {
    return octets.len <= UINT32_MAX && buf_append_u32(buf, (uint32_t)octets.len) &&
           buf_append_span(buf, octets);
}

static inline struct span payload_octets(struct reader *r) {
    return reader_take(r, reader_u32(r));
}

static inline struct span payload_rest(struct reader *r) {
    return reader_take(r, reader_left(r));
}

/* True if everything was there and nothing is left over. */
static inline bool payload_done(const struct reader *r) {
    return !r->failed && reader_left(r) == 0;
}

/* Gathers the parts of an IPC_CONFIG with ref `more` in `parts` (whose limit is IPC_CONFIG_MAX). True: it is
 * whole, and `*text` lives until the next call; absent when it was too long, or for want of memory. */
static inline bool payload_config(struct buf *parts, uint64_t more, struct span part, struct span *text) {
    static const struct span absent = {NULL, 0};
    buf_append_span(parts, part);
    if (more)
        return false;
    *text = parts->failed ? absent : buf_span(parts);
    parts->len = 0;
    parts->failed = false;
    return true;
}

#endif
