#include "content/scan_private.h"

/* Deeper than X.420 ever nests between two forwarded messages, and what ber_element_read allows. */
#define DEPTH_MOST    64
#define ELEMENTS_MOST 4000000

/* Strings in strings (see element.c). */
#define SEGMENT_DEPTH 8

/* Identifier of up to five octets, length of up to nine. */
#define HEADER_MOST 14

bool scan_init(struct scan *scan, const struct content_source *source, struct arena *arena) {
    *scan = (struct scan){.source = source,
                          .arena = arena,
                          .window = arena_alloc(arena, SCAN_WINDOW),
                          .elements = ELEMENTS_MOST};
    return scan->window || scan_fail(scan, SCAN_MEMORY);
}

bool scan_fail(struct scan *scan, enum scan_failure failure) {
    if (scan->failure == SCAN_OK)
        scan->failure = failure;
    return false;
}

bool scan_look(struct scan *scan, struct range range, size_t len, struct span *octets) {
    if (len > range.end - range.at)
        len = (size_t)(range.end - range.at);
    if (range.at < scan->at || range.at + len > scan->at + scan->held) {
        uint64_t left = scan->source->length - range.at;
        size_t want = left < SCAN_WINDOW ? (size_t)left : SCAN_WINDOW;
        scan->at = range.at;
        scan->held = 0;
        if (!scan->source->read(scan->source->context, range.at, scan->window, want))
            return scan_fail(scan, SCAN_NO_INPUT);
        scan->held = want;
    }
    *octets = span_of(scan->window + (range.at - scan->at), len);
    return true;
}

struct header {
    size_t size;
    uint64_t length;
    bool indefinite;
};

static size_t read_identifier(struct span in, struct place *place) {
    place->tag_class = (enum ber_class)(in.data[0] >> 6);
    place->constructed = in.data[0] & 0x20;
    place->number = in.data[0] & 0x1F;
    if (place->number != 0x1F)
        return 1;
    place->number = 0;
    for (size_t i = 1; i < in.len && i < 5; i++) {
        place->number = place->number << 7 | (in.data[i] & 0x7F);
        if (!(in.data[i] & 0x80))
            return i + 1;
    }
    return 0;
}

static bool read_length(struct span in, size_t at, struct header *header) {
    if (at >= in.len)
        return false;
    uint8_t first = in.data[at];
    *header = (struct header){.size = at + 1, .length = first, .indefinite = first == 0x80};
    if (first <= 0x80)
        return true;
    size_t octets = first & 0x7F;
    header->length = 0;
    if (octets > in.len - header->size)
        return false;
    for (size_t i = 0; i < octets; i++) {
        if (header->length >> 56)
            return false;
        header->length = header->length << 8 | in.data[header->size + i];
    }
    header->size += octets;
    return true;
}

static bool next(struct scan *scan, struct range *rest, struct place *place, unsigned depth);

/* The end of an indefinite length is found by its elements. */
static bool find_end(struct scan *scan, struct range rest, struct place *place, unsigned depth) {
    struct place inner;
    struct span in;
    place->contents.at = rest.at;
    while (scan_look(scan, rest, 2, &in) && in.len == 2) {
        if (in.data[0] == 0 && in.data[1] == 0) {
            place->contents.end = rest.at;
            place->whole.end = rest.at + 2;
            return true;
        }
        if (!next(scan, &rest, &inner, depth + 1))
            break;
    }
    return scan_fail(scan, SCAN_SYNTAX);
}

static bool next(struct scan *scan, struct range *rest, struct place *place, unsigned depth) {
    struct span in;
    struct header header;
    if (rest->at >= rest->end || scan->failure)
        return false;
    if (depth > DEPTH_MOST || scan->elements-- == 0)
        return scan_fail(scan, SCAN_LIMIT);
    if (!scan_look(scan, *rest, HEADER_MOST, &in))
        return false;
    size_t identifier = read_identifier(in, place);
    /* Universal 0 is the end of contents, and nothing else (X.690 §8.1.5). */
    if (!identifier || place_is(place, BER_UNIVERSAL, 0) || !read_length(in, identifier, &header) ||
        (header.indefinite && !place->constructed))
        return scan_fail(scan, SCAN_SYNTAX);
    place->whole.at = rest->at;
    if (header.indefinite) {
        if (!find_end(scan, (struct range){rest->at + header.size, rest->end}, place, depth))
            return false;
    } else {
        if (header.length > rest->end - rest->at - header.size)
            return scan_fail(scan, SCAN_SYNTAX);
        place->contents = (struct range){rest->at + header.size, rest->at + header.size + header.length};
        place->whole.end = place->contents.end;
    }
    rest->at = place->whole.end;
    return true;
}

bool scan_next(struct scan *scan, struct range *rest, struct place *place) {
    return next(scan, rest, place, 0);
}

struct span scan_octets(struct scan *scan, struct range range, uint64_t most) {
    uint64_t length = range.end - range.at;
    uint8_t *octets = length <= most ? arena_alloc(scan->arena, (size_t)length + 1) : NULL;
    if (!octets) {
        scan_fail(scan, length <= most ? SCAN_MEMORY : SCAN_LIMIT);
        return (struct span){NULL, 0};
    }
    if (length && !scan->source->read(scan->source->context, range.at, octets, (size_t)length)) {
        scan_fail(scan, SCAN_NO_INPUT);
        return (struct span){NULL, 0};
    }
    return span_of(octets, (size_t)length);
}

static bool walk(struct scan *scan, const struct place *place, unsigned depth,
                 bool (*each)(void *, struct range), void *context) {
    struct place segment;
    struct range rest = place->contents;
    if (!place->constructed)
        return each(context, place->contents);
    if (depth > SEGMENT_DEPTH)
        return scan_fail(scan, SCAN_LIMIT);
    while (scan_next(scan, &rest, &segment))
        if (!walk(scan, &segment, depth + 1, each, context))
            return false;
    return scan->failure == SCAN_OK;
}

bool scan_string(struct scan *scan, const struct place *place,
                 bool (*each)(void *context, struct range segment), void *context) {
    return walk(scan, place, 0, each, context);
}
