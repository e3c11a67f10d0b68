#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"

void buf_init(struct buf *buf, size_t limit) {
    *buf = (struct buf){.limit = limit};
}

void buf_init_secret(struct buf *buf, size_t limit) {
    *buf = (struct buf){.limit = limit, .secret = true};
}

static void wipe(struct buf *buf, size_t from, size_t to) {
    if (buf->secret && buf->data)
        explicit_bzero(buf->data + from, to - from);
}

void buf_no_secret(struct buf *buf) {
    wipe(buf, buf->len, buf->cap);
    buf->secret = false;
}

void buf_free(struct buf *buf) {
    wipe(buf, 0, buf->cap);
    mem_free(buf->data);
    *buf = (struct buf){.limit = buf->limit, .secret = buf->secret};
}

void buf_wipe(struct buf *buf) {
    buf->secret = true;
    buf_free(buf);
    buf->secret = false;
}

void buf_clear(struct buf *buf) {
    wipe(buf, 0, buf->len);
    buf->len = 0;
    buf->failed = false;
}

/* mem_resize leaves a copy behind where it moves what is there. */
static uint8_t *resize(struct buf *buf, size_t cap) {
    if (!buf->secret || !buf->data)
        return mem_resize(buf->data, cap);
    uint8_t *data = mem_resize(NULL, cap);
    if (!data)
        return NULL;
    memcpy(data, buf->data, buf->cap);
    wipe(buf, 0, buf->cap);
    mem_free(buf->data);
    return data;
}

static bool grow(struct buf *buf, size_t want) {
    size_t cap = buf->cap ? buf->cap : 256;
    while (cap < want)
        cap = cap > SIZE_MAX / 2 ? want : cap * 2;
    uint8_t *data = resize(buf, cap);
    if (!data)
        return false;
    buf->data = data;
    buf->cap = cap;
    return true;
}

bool buf_reserve(struct buf *buf, size_t len) {
    size_t want;
    if (buf->failed || __builtin_add_overflow(buf->len, len, &want) || (buf->limit && want > buf->limit) ||
        ((want > buf->cap || !buf->data) && !grow(buf, want))) {
        buf->failed = true;
        return false;
    }
    return true;
}

bool buf_append(struct buf *buf, const void *data, size_t len) {
    if (!buf_reserve(buf, len))
        return false;
    if (len)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    return true;
}

bool buf_append_span(struct buf *buf, struct span s) {
    return buf_append(buf, s.data, s.len);
}

bool buf_append_byte(struct buf *buf, uint8_t byte) {
    return buf_append(buf, &byte, 1);
}

static bool append_big_endian(struct buf *buf, uint64_t value, unsigned octets) {
    uint8_t bytes[8];
    for (unsigned i = 0; i < octets; i++)
        bytes[i] = (uint8_t)(value >> (8 * (octets - 1 - i)));
    return buf_append(buf, bytes, octets);
}

bool buf_append_u16(struct buf *buf, uint16_t value) {
    return append_big_endian(buf, value, 2);
}

bool buf_append_u32(struct buf *buf, uint32_t value) {
    return append_big_endian(buf, value, 4);
}

bool buf_append_u64(struct buf *buf, uint64_t value) {
    return append_big_endian(buf, value, 8);
}

bool buf_printf(struct buf *buf, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || !buf_reserve(buf, (size_t)len + 1))
        return false;
    va_start(args, format);
    vsnprintf((char *)buf->data + buf->len, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
    return true;
}

void buf_consume(struct buf *buf, size_t len) {
    len = len < buf->len ? len : buf->len;
    if (len < buf->len)
        memmove(buf->data, buf->data + len, buf->len - len);
    buf->len -= len;
    wipe(buf, buf->len, buf->len + len);
}
