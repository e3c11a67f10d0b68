/*
 * A bounded window over octets for the hand-made formats (session SPDUs, ipc
 * frames). Reading past the end gives zeros and sets `failed`; inner code
 * can't leave the window.
 */
#ifndef BASE_READER_H
#define BASE_READER_H

#include "base/span.h"

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

static inline struct reader reader_of(struct span s) {
    return (struct reader){s.data, s.data ? s.data + s.len : NULL, false};
}

static inline size_t reader_left(const struct reader *r) {
    return r->at ? (size_t)(r->end - r->at) : 0;
}

/* The next `len` octets; the absent span, and `failed`, when they are not there. */
static inline struct span reader_take(struct reader *r, size_t len) {
    if (r->failed || len > reader_left(r)) {
        r->failed = true;
        return (struct span){NULL, 0};
    }
    struct span taken = {r->at, len};
    if (len)
        r->at += len;
    return taken;
}

static inline uint64_t reader_uint(struct reader *r, unsigned octets) {
    struct span s = reader_take(r, octets);
    uint64_t value = 0;
    for (size_t i = 0; i < s.len; i++)
        value = value << 8 | s.data[i];
    return value;
}

static inline uint8_t reader_u8(struct reader *r) {
    return (uint8_t)reader_uint(r, 1);
}

static inline uint16_t reader_u16(struct reader *r) {
    return (uint16_t)reader_uint(r, 2);
}

static inline uint32_t reader_u32(struct reader *r) {
    return (uint32_t)reader_uint(r, 4);
}

static inline uint64_t reader_u64(struct reader *r) {
    return reader_uint(r, 8);
}

#endif
