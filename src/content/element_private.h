/* Walking the elements of a body, which may be of any size, without decoding it into memory. */
#ifndef CONTENT_ELEMENT_PRIVATE_H
#define CONTENT_ELEMENT_PRIVATE_H

#include "asn1/ber.h"
#include "base/arena.h"

/* One element: its head, the whole of it and its contents. */
struct element {
    struct ber_element head;
    struct span whole;
    struct span contents;
};

/* Takes the first element off `rest`. False at the end and when what is there is no element (then `rest` is
 * not empty). */
bool element_next(struct span *rest, struct element *out);

/* True if the element has this class and number. */
static inline bool element_is(const struct element *e, enum ber_class tag_class, uint32_t number) {
    return e->head.tag_class == tag_class && e->head.number == number;
}

/*
 * Gives the octets of a string (whatever its tag) to `sink`, segment by
 * segment where it is constructed. False when `sink` said so, or when a segment
 * is none.
 */
bool string_walk(struct span string, bool (*sink)(void *context, struct span piece), void *context);

/* The octets of a string: in place where they are in one piece, else joined in the arena. The absent span
 * without memory. */
struct span string_octets(struct span string, struct arena *arena);

#endif
