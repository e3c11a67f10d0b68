#include "content/element_private.h"

/* Strings in strings: nobody needs more, and each level costs a walk over the ones below. */
#define SEGMENT_DEPTH 8

bool element_next(struct span *rest, struct element *out) {
    enum ber_error_code why;
    if (rest->len == 0 || !ber_element_read(*rest, &out->head, &why))
        return false;
    out->whole = span_sub(*rest, 0, out->head.total);
    out->contents = ber_element_contents(*rest, &out->head);
    *rest = span_sub(*rest, out->head.total, rest->len);
    return true;
}

static bool walk(struct span string, unsigned depth, bool (*sink)(void *, struct span), void *context) {
    struct element e;
    if (!element_next(&string, &e) || depth > SEGMENT_DEPTH)
        return false;
    if (!e.head.constructed)
        return sink(context, e.contents);
    struct element segment;
    for (struct span rest = e.contents; element_next(&rest, &segment);)
        if (!walk(segment.whole, depth + 1, sink, context))
            return false;
    return true;
}

bool string_walk(struct span string, bool (*sink)(void *, struct span), void *context) {
    return walk(string, 0, sink, context);
}

static bool add_length(void *context, struct span piece) {
    *(uint64_t *)context += piece.len;
    return true;
}

static uint64_t string_length(struct span string) {
    uint64_t length = 0;
    string_walk(string, add_length, &length);
    return length;
}

static bool join(void *context, struct span piece) {
    uint8_t **at = context;
    if (piece.len)
        memcpy(*at, piece.data, piece.len);
    *at += piece.len;
    return true;
}

struct span string_octets(struct span string, struct arena *arena) {
    struct element e;
    struct span rest = string;
    if (element_next(&rest, &e) && !e.head.constructed)
        return e.contents;
    uint64_t length = string_length(string);
    uint8_t *joined = length < SIZE_MAX ? arena_alloc(arena, (size_t)length + 1) : NULL;
    uint8_t *at = joined;
    if (!joined)
        return (struct span){NULL, 0};
    string_walk(string, join, &at);
    return span_of(joined, (size_t)(at - joined));
}
