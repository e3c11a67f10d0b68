/*
 * A growing buffer of octets with a limit. Appending past the limit, or
 * without memory, fails and sets `failed`; later appends fail too, so that a
 * caller may check once at the end.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/span.h"

struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t limit; /* most octets it holds; 0 means no limit */
    bool failed;
    bool secret; /* what it gives up is wiped: memory given back, octets that are forgotten or moved away */
};

void buf_init(struct buf *buf, size_t limit);
/* One for what nobody shall find later, in memory that was given back. */
void buf_init_secret(struct buf *buf, size_t limit);
/* Nothing secret comes any more: what is left of it outside the octets held is wiped, and nothing from now
 * on. */
void buf_no_secret(struct buf *buf);
/* Keeps the limit, and whether it is secret. */
void buf_free(struct buf *buf);
/* buf_free for what is secret: nothing of it stays in the memory that is given back. */
void buf_wipe(struct buf *buf);

/* Forgets the octets (and `failed`), keeps the memory. */
void buf_clear(struct buf *buf);

/* Makes room for `len` more octets at `data + len`; the caller then adds to `len` what it wrote. */
bool buf_reserve(struct buf *buf, size_t len);

bool buf_append(struct buf *buf, const void *data, size_t len);
bool buf_append_span(struct buf *buf, struct span s);
bool buf_append_byte(struct buf *buf, uint8_t byte);
bool buf_append_u16(struct buf *buf, uint16_t value); /* big-endian */
bool buf_append_u32(struct buf *buf, uint32_t value);
bool buf_append_u64(struct buf *buf, uint64_t value);
bool buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Removes the first `len` octets. */
void buf_consume(struct buf *buf, size_t len);

static inline struct span buf_span(const struct buf *buf) {
    return (struct span){buf->data, buf->len};
}

#endif
