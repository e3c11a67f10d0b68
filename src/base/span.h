/*
 * A span: octets that somebody else owns.
 *
 * A span never owns memory. `data == NULL` means absent; an empty but present
 * span has a non-null `data` and `len == 0`.
 */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const uint8_t *data;
    size_t len;
};

/* The span of a string literal or array, without its closing NUL. */
#define SPAN_LIT(s) ((struct span){(const uint8_t *)(s), sizeof(s) - 1})

/* The span of a C string, without its closing NUL; a null pointer gives the absent span. */
static inline struct span span_str(const char *s) {
    return s ? (struct span){(const uint8_t *)s, strlen(s)} : (struct span){NULL, 0};
}

static inline struct span span_of(const void *data, size_t len) {
    return (struct span){(const uint8_t *)data, len};
}

static inline bool span_eq(struct span a, struct span b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Octetwise order; a prefix sorts first. Returns <0, 0 or >0. */
int span_cmp(struct span a, struct span b);

/* Equal but for the case of ASCII letters. */
bool span_eq_nocase(struct span a, struct span b);

/* The part of `s` from `offset`, at most `len` octets; clipped to `s`, never outside it. */
static inline struct span span_sub(struct span s, size_t offset, size_t len) {
    if (offset > s.len)
        offset = s.len;
    if (len > s.len - offset)
        len = s.len - offset;
    return (struct span){s.data ? s.data + offset : NULL, len};
}

/* A 64-bit hash for tables in memory (FNV-1a with a final mix); not for security. */
uint64_t span_hash(struct span s);

#endif
