#include "protocol/apdu_scanner.h"

#include <stdio.h>

/* What is enough of an element for its identifier and length: 1 + 5 octets of tag, 1 + 8 of length. */
#define HEADER_MAX 16

/* Indefinite elements within one another in what is collected. */
#define WALK_DEPTH 64

/* The content stands in the message's SEQUENCE; its segments, if it has some, stand deeper. */
#define CONTENT_DEPTH 1

void apdu_scanner_init(struct apdu_scanner *s, size_t envelope_limit) {
    *s = (struct apdu_scanner){.state = APDU_OUTER, .limit = envelope_limit};
    buf_init(&s->pending, envelope_limit + HEADER_MAX);
}

void apdu_scanner_free(struct apdu_scanner *s) {
    buf_free(&s->pending);
}

static bool fail(struct apdu_scanner *s, const char *why) {
    s->state = APDU_FAILED;
    snprintf(s->error, sizeof s->error, "%s", why);
    return false;
}

/* ---- headers ---- */

struct header {
    uint8_t identifier; /* only tags below 31 occur here */
    bool indefinite;
    uint64_t length;
    size_t size;
};

enum look { LOOK_MORE, LOOK_FOUND, LOOK_BAD };

static enum look read_header(struct span in, struct header *h) {
    if (in.len < 2)
        return LOOK_MORE;
    h->identifier = in.data[0];
    if ((h->identifier & 0x1F) == 0x1F)
        return LOOK_BAD;
    uint8_t first = in.data[1];
    unsigned octets = first & 0x7F;
    h->indefinite = first == 0x80;
    h->length = first < 0x80 ? first : 0;
    h->size = 2;
    if (first <= 0x80)
        return h->indefinite && !(h->identifier & 0x20) ? LOOK_BAD : LOOK_FOUND;
    if (octets > 8)
        return LOOK_BAD;
    if (in.len < 2 + (size_t)octets)
        return LOOK_MORE;
    for (unsigned i = 0; i < octets; i++)
        h->length = h->length << 8 | in.data[2 + i];
    h->size = 2 + (size_t)octets;
    return h->length >> 62 ? LOOK_BAD : LOOK_FOUND;
}

/* ---- levels: lengths of the enclosing elements ---- */

/* Takes `count` octets from every enclosing definite length; false when one is shorter. Levels nest, so that
 * only the innermost definite one can be broken first: each level was checked against its parent when it was
 * entered. */
static bool consume(struct apdu_scanner *s, uint64_t count) {
    for (unsigned i = s->depth; i-- > 0;) {
        if (s->levels[i].indefinite)
            continue;
        if (s->levels[i].left < count)
            return fail(s, "an element is longer than what encloses it");
        s->levels[i].left -= count;
    }
    s->offset += count;
    return true;
}

static bool fits(const struct apdu_scanner *s, uint64_t length) {
    for (unsigned i = s->depth; i-- > 0;)
        if (!s->levels[i].indefinite)
            return length <= s->levels[i].left;
    return true;
}

static bool enter(struct apdu_scanner *s, const struct header *h) {
    if (!h->indefinite && !fits(s, h->length))
        return fail(s, "an element is longer than what encloses it");
    if (s->depth == APDU_DEPTH)
        return fail(s, "the content's segments are nested too deeply");
    s->levels[s->depth++] = (struct apdu_level){.left = h->length, .indefinite = h->indefinite};
    return true;
}

static bool at_end(const struct apdu_scanner *s) {
    const struct apdu_level *top = &s->levels[s->depth - 1];
    return !top->indefinite && top->left == 0;
}

/* ---- the element that is collected ---- */

/* Reads a header with a tag of any length: the octets of a long tag are skipped, the decoder judges them
 * later. */
static enum look read_any_header(struct span in, struct header *h) {
    size_t tag = 1;
    if (in.len >= 1 && (in.data[0] & 0x1F) == 0x1F)
        while (tag < 6 && tag < in.len && in.data[tag++] & 0x80)
            ;
    if (in.len <= tag)
        return LOOK_MORE;
    uint8_t plain[HEADER_MAX] = {in.data[0] & 0xE0};
    struct span length = span_sub(in, tag, 9);
    memcpy(plain + 1, length.data, length.len);
    enum look look = read_header(span_of(plain, 1 + length.len), h);
    h->size += tag - 1;
    return look;
}

/*
 * Walks the element at the start of `in` from where the last walk stopped: over
 * definite elements in one step, into indefinite ones. LOOK_FOUND: it is whole,
 * and `walked` is its length.
 */
static enum look walk(struct apdu_scanner *s, struct span in) {
    do {
        struct header h;
        struct span rest = span_sub(in, s->walked, SIZE_MAX);
        if (s->open > 0 && rest.len >= 2 && rest.data[0] == 0 && rest.data[1] == 0) {
            s->walked += 2;
            s->open--;
            continue;
        }
        enum look look = read_any_header(rest, &h);
        if (look != LOOK_FOUND || h.length > s->limit || s->walked > s->limit)
            return look == LOOK_MORE ? LOOK_MORE : LOOK_BAD;
        if (h.length > rest.len - h.size)
            return LOOK_MORE;
        s->walked += h.size + (size_t)h.length;
        s->open += h.indefinite;
        if (s->open > WALK_DEPTH)
            return LOOK_BAD;
    } while (s->open > 0);
    return s->walked > s->limit ? LOOK_BAD : LOOK_FOUND;
}

static size_t tell_envelope(struct apdu_scanner *s, struct span element, size_t used,
                            const struct apdu_handler *handler, void *context) {
    if (!consume(s, used))
        return 0;
    if (!handler->envelope(context, s->kind, element))
        return fail(s, "the envelope was not taken"), 0;
    buf_free(&s->pending);
    s->state = s->kind == IPC_APDU_MESSAGE ? APDU_CONTENT : APDU_COMPLETE;
    return used;
}

/* Tells the element that `in` begins with, or goes on with; what is not whole yet waits in `pending`. Returns
 * what it used. */
static size_t collect(struct apdu_scanner *s, struct span in, const struct apdu_handler *handler,
                      void *context) {
    size_t before = s->pending.len;
    enum look look = before == 0 ? walk(s, in) : LOOK_MORE;
    if (look == LOOK_FOUND)
        return tell_envelope(s, span_sub(in, 0, s->walked), s->walked, handler, context);
    if (look == LOOK_MORE && before <= s->limit) {
        if (!buf_append_span(&s->pending, span_sub(in, 0, s->limit + 1 - before)))
            return fail(s, "no memory for the envelope"), 0;
        look = walk(s, buf_span(&s->pending));
    }
    if (look == LOOK_FOUND)
        return tell_envelope(s, span_of(s->pending.data, s->walked), s->walked - before, handler, context);
    if (look == LOOK_BAD || s->pending.len > s->limit)
        return fail(s, "the envelope is no BER element, or longer than the limit"), 0;
    return consume(s, s->pending.len - before) ? s->pending.len - before : 0;
}

/* ---- states that need a header ---- */

/* Leaves the levels whose definite length is used up; the content is over when its own level goes. */
static void close_levels(struct apdu_scanner *s) {
    while (s->depth > 0 && at_end(s))
        s->depth--;
    if (s->depth == 0)
        s->state = APDU_COMPLETE;
    else if (s->depth <= CONTENT_DEPTH)
        s->state = APDU_CLOSE;
}

/* After a segment: more segments, or what follows the content. */
static void octets_done(struct apdu_scanner *s) {
    s->state = s->depth > CONTENT_DEPTH ? APDU_CONTENT : APDU_CLOSE;
    close_levels(s);
}

static bool on_end_of_contents(struct apdu_scanner *s) {
    if (!s->levels[s->depth - 1].indefinite)
        return fail(s, "end-of-contents octets where none belong");
    if (s->state == APDU_CONTENT && s->depth == CONTENT_DEPTH)
        return fail(s, "the message has no content");
    s->depth--;
    close_levels(s);
    return true;
}

static bool on_outer(struct apdu_scanner *s, const struct header *h) {
    s->state = APDU_COLLECT;
    if (!consume(s, h->size) || !enter(s, h))
        return false;
    return !at_end(s) || fail(s, "the message has no envelope");
}

static bool on_content_header(struct apdu_scanner *s, const struct header *h) {
    if ((h->identifier & ~0x20) != 0x04)
        return fail(s, "the content is no OCTET STRING");
    if (!fits(s, h->length))
        return fail(s, "the content is longer than what encloses it");
    if (h->identifier & 0x20) {
        if (!enter(s, h))
            return false;
    } else {
        s->octets_left = h->length;
        s->state = APDU_OCTETS;
    }
    if (s->octets_left == 0 && (s->state == APDU_OCTETS || at_end(s)))
        octets_done(s);
    return true;
}

static bool on_header(struct apdu_scanner *s, const struct header *h) {
    if (s->state == APDU_OUTER)
        return on_outer(s, h);
    if (!consume(s, h->size))
        return false;
    if (h->identifier == 0 && h->length == 0 && !h->indefinite)
        return on_end_of_contents(s);
    return s->state == APDU_CONTENT ? on_content_header(s, h) : fail(s, "octets after the content");
}

/* Completes a header that may be cut between two feeds; returns what it used of `in`. */
static size_t take_header(struct apdu_scanner *s, struct span in) {
    struct header h;
    size_t before = s->pending.len;
    if (!buf_append_span(&s->pending, span_sub(in, 0, HEADER_MAX - before)))
        return fail(s, "no memory"), 0;
    enum look look = read_header(buf_span(&s->pending), &h);
    if (look == LOOK_BAD || (look == LOOK_MORE && s->pending.len == HEADER_MAX))
        return fail(s, "an element's header is not valid"), 0;
    if (look == LOOK_MORE)
        return s->pending.len - before;
    buf_free(&s->pending);
    return on_header(s, &h) ? h.size - before : 0;
}

/* ---- the octets of the content ---- */

static size_t pass_on(struct apdu_scanner *s, struct span in, const struct apdu_handler *handler,
                      void *context) {
    struct span piece = span_sub(in, 0, s->octets_left < SIZE_MAX ? (size_t)s->octets_left : SIZE_MAX);
    if (!consume(s, piece.len))
        return 0;
    if (!handler->content(context, piece))
        return fail(s, "the content was not taken"), 0;
    s->octets_left -= piece.len;
    if (s->octets_left == 0)
        octets_done(s);
    return piece.len;
}

/* The first octet tells what comes: only a message's content is worth streaming. */
static void begin(struct apdu_scanner *s, uint8_t first) {
    switch (first) {
    case 0xA0:
        s->kind = IPC_APDU_MESSAGE;
        break;
    case 0xA1:
        s->kind = IPC_APDU_REPORT;
        s->state = APDU_COLLECT;
        break;
    case 0xA2:
        s->kind = IPC_APDU_PROBE;
        s->state = APDU_COLLECT;
        break;
    default:
        fail(s, "no MTS-APDU: it begins with another tag");
    }
}

static size_t step(struct apdu_scanner *s, struct span in, const struct apdu_handler *handler,
                   void *context) {
    if (s->state == APDU_OUTER && s->pending.len == 0)
        begin(s, in.data[0]);
    switch (s->state) {
    case APDU_OUTER:
    case APDU_CONTENT:
    case APDU_CLOSE:
        return take_header(s, in);
    case APDU_COLLECT:
        return collect(s, in, handler, context);
    case APDU_OCTETS:
        return pass_on(s, in, handler, context);
    case APDU_COMPLETE:
        return fail(s, "octets after the APDU"), 0;
    case APDU_FAILED:
        break;
    }
    return 0;
}

bool apdu_scanner_feed(struct apdu_scanner *s, struct span in, const struct apdu_handler *handler,
                       void *context) {
    while (in.len > 0 && s->state != APDU_FAILED) {
        size_t used = step(s, in, handler, context);
        in = span_sub(in, used, SIZE_MAX);
    }
    return s->state != APDU_FAILED;
}

bool apdu_scanner_finish(struct apdu_scanner *s) {
    return s->state == APDU_COMPLETE || fail(s, "the APDU ends too early");
}

/* ---- the state, kept with a checkpoint ---- */

struct span apdu_scanner_collected(const struct apdu_scanner *s) {
    return s->state == APDU_COLLECT ? buf_span(&s->pending) : SPAN_LIT("");
}

_Static_assert(3 + 16 + APDU_DEPTH * 9 + HEADER_MAX <= APDU_STATE_MAX, "a state is longer than promised");

bool apdu_scanner_save(const struct apdu_scanner *s, struct buf *out) {
    buf_append_byte(out, (uint8_t)s->state);
    buf_append_byte(out, (uint8_t)s->kind);
    buf_append_byte(out, (uint8_t)s->depth);
    buf_append_u64(out, s->octets_left);
    buf_append_u64(out, s->offset);
    for (unsigned i = 0; i < s->depth; i++) {
        buf_append_byte(out, s->levels[i].indefinite);
        buf_append_u64(out, s->levels[i].left);
    }
    return buf_append_span(out, s->state == APDU_COLLECT ? SPAN_LIT("") : buf_span(&s->pending));
}

/* Whoever kept the state may have changed it: each definite level fits into what encloses it. */
static bool levels_nest(const struct apdu_scanner *s) {
    uint64_t around = UINT64_MAX;
    for (unsigned i = 0; i < s->depth; i++) {
        if (s->levels[i].indefinite)
            continue;
        if (s->levels[i].left > around)
            return false;
        around = s->levels[i].left;
    }
    return s->octets_left <= around;
}

/* True for a state that scanning can come to. */
static bool is_possible(const struct apdu_scanner *s) {
    bool message = s->kind == IPC_APDU_MESSAGE,
         other = s->kind == IPC_APDU_REPORT || s->kind == IPC_APDU_PROBE;
    if (s->kind > IPC_APDU_REPORT || !levels_nest(s) || (s->octets_left > 0) != (s->state == APDU_OCTETS))
        return false;
    switch (s->state) {
    case APDU_OUTER:
        return s->depth == 0 && !other;
    case APDU_COLLECT:
        return message ? s->depth == 1 : other && s->depth == 0;
    case APDU_CONTENT:
    case APDU_OCTETS:
    case APDU_CLOSE:
        return message && s->depth >= CONTENT_DEPTH;
    case APDU_COMPLETE:
        return (message || other) && s->depth == 0;
    case APDU_FAILED:
        break;
    }
    return false;
}

bool apdu_scanner_restore(struct apdu_scanner *s, struct span state, struct span collected,
                          size_t envelope_limit) {
    struct reader r = reader_of(state);
    apdu_scanner_free(s);
    apdu_scanner_init(s, envelope_limit);
    s->state = (enum apdu_state)reader_u8(&r);
    s->kind = (enum ipc_apdu)reader_u8(&r);
    s->depth = reader_u8(&r);
    s->octets_left = reader_u64(&r);
    s->offset = reader_u64(&r);
    if (s->state >= APDU_FAILED || s->depth > APDU_DEPTH)
        return false;
    for (unsigned i = 0; i < s->depth; i++) {
        s->levels[i].indefinite = reader_u8(&r) != 0;
        s->levels[i].left = reader_u64(&r);
    }
    if (r.failed || !is_possible(s))
        return false;
    struct span header = reader_take(&r, reader_left(&r));
    if (s->state == APDU_COLLECT ? header.len > 0 : header.len >= HEADER_MAX || collected.len > 0)
        return false;
    return buf_append_span(&s->pending, header) && buf_append_span(&s->pending, collected);
}
