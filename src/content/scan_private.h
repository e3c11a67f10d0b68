/*
 * Walking a content that is not in memory: elements by their place. Only
 * headers are looked at, through a window; the octets of a body are skipped.
 */
#ifndef CONTENT_SCAN_PRIVATE_H
#define CONTENT_SCAN_PRIVATE_H

#include "asn1/ber.h"
#include "base/arena.h"
#include "content/source.h"

#define SCAN_WINDOW (64 * 1024)

/* Why a scan ended early. */
enum scan_failure {
    SCAN_OK,
    SCAN_SYNTAX,  /* no BER, or cut off */
    SCAN_LIMIT,   /* nested too deep, or more elements than are looked at */
    SCAN_MEMORY,  /* the arena is exhausted */
    SCAN_NO_INPUT /* the source gave no octets */
};

struct scan {
    const struct content_source *source;
    struct arena *arena;
    uint8_t *window;
    uint64_t at;       /* where the window begins */
    size_t held;       /* octets in it */
    uint64_t elements; /* that may still be looked at: bounds the time that hostile nesting can take */
    enum scan_failure failure; /* the first one */
};

/* A part of the content. */
struct range {
    uint64_t at, end;
};

/* An element by its place. */
struct place {
    enum ber_class tag_class;
    uint32_t number;
    bool constructed;
    struct range whole;
    struct range contents;
};

bool scan_init(struct scan *scan, const struct content_source *source, struct arena *arena);

/* Notes the failure, unless an earlier one stands. Returns false. */
bool scan_fail(struct scan *scan, enum scan_failure failure);

/* The first octets of a range: `len` (at most SCAN_WINDOW) or all of it, until the next call. */
bool scan_look(struct scan *scan, struct range range, size_t len, struct span *octets);

/* Takes the first element off `rest`. False at its end, and when there is no element: then the scan has
 * failed.
 */
bool scan_next(struct scan *scan, struct range *rest, struct place *place);

static inline bool place_is(const struct place *place, enum ber_class tag_class, uint32_t number) {
    return place->tag_class == tag_class && place->number == number;
}

/* The octets of a range in the arena; the absent span (and the scan has failed) above `most` octets. */
struct span scan_octets(struct scan *scan, struct range range, uint64_t most);

/* Calls for each primitive segment of the string at `place` in order. False when `each` said so or the scan
 * failed. */
bool scan_string(struct scan *scan, const struct place *place,
                 bool (*each)(void *context, struct range segment), void *context);

#endif
