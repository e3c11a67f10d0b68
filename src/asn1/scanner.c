#include <stdio.h>

#include "asn1/scanner_private.h"
#include "base/reader.h"

/* Indefinite elements within one another in what is collected, or told as it is. */
#define OPEN_MAXIMUM 64
#define HEAD_SIZE    1024

void ber_scanner_init(struct ber_scanner *s, const struct ber_plan *plan, size_t limit) {
    /* Levels are set as they are entered: this stands on the way of each message. */
    memset(s, 0, offsetof(struct ber_scanner, levels));
    s->error[0] = '\0';
    s->plan = plan;
    s->limit = limit;
    buf_init(&s->head, 0);
}

void ber_scanner_free(struct ber_scanner *s) {
    buf_free(&s->head);
}

BER_COLD static bool fail(struct ber_scanner *s, const char *why) {
    s->in = BER_SCAN_FAILED;
    if (!s->error[0])
        snprintf(s->error, sizeof s->error, "%s", why);
    return false;
}

/* ---- headers ---- */

struct header {
    uint32_t id;
    bool constructed, indefinite;
    uint64_t length;
    struct span octets;
    size_t identifier; /* octets of it */
};

static bool is_end(const struct header *h) {
    return h->octets.data[0] == 0;
}

enum look { LOOK_MORE, LOOK_FOUND, LOOK_BAD };

/* The number of a long tag; false: it is not whole, or has more than five octets. */
static bool read_long_tag(struct span in, struct header *h) {
    uint32_t number = 0;
    size_t at = 1;
    do {
        if (at == in.len || at == 5)
            return false;
        number = number << 7 | (in.data[at] & 0x7F);
    } while (in.data[at++] & 0x80);
    h->id = BER_ID((uint32_t)in.data[0] >> 6, number);
    h->identifier = at;
    return true;
}

/* A length of several octets, at `at`. */
static enum look read_long_length(struct span in, size_t at, struct header *h) {
    unsigned octets = in.data[at++] & 0x7F;
    if (octets > 8)
        return LOOK_BAD;
    if (in.len < at + octets)
        return LOOK_MORE;
    for (unsigned i = 0; i < octets; i++)
        h->length = h->length << 8 | in.data[at + i];
    h->octets = span_sub(in, 0, at + octets);
    return h->length >> 62 || in.data[0] == 0 ? LOOK_BAD : LOOK_FOUND;
}

static inline enum look read_header(struct span in, struct header *h) {
    if (in.len < 2)
        return LOOK_MORE;
    uint8_t first = in.data[0];
    h->constructed = (first & 0x20) != 0;
    h->identifier = 1;
    h->id = BER_ID((uint32_t)first >> 6, first & 0x1Fu);
    if ((first & 0x1F) == 0x1F && !read_long_tag(in, h))
        return in.len > 5 ? LOOK_BAD : LOOK_MORE;
    size_t at = h->identifier;
    if (at == in.len)
        return LOOK_MORE;
    uint8_t length = in.data[at];
    h->indefinite = length == 0x80;
    h->length = 0;
    if (length > 0x80)
        return read_long_length(in, at, h);
    h->length = h->indefinite ? 0 : length;
    h->octets = span_of(in.data, at + 1);
    return (h->indefinite && !h->constructed) || (first == 0 && length) ? LOOK_BAD : LOOK_FOUND;
}

/* ---- levels ---- */

static uint64_t end_of(const struct ber_scanner *s) {
    return s->depth ? s->levels[s->depth - 1].end : UINT64_MAX;
}

static bool fits(const struct ber_scanner *s, uint64_t length) {
    return length <= end_of(s) - s->offset;
}

BER_COLD static bool too_long(struct ber_scanner *s) {
    s->over_limit = true;
    return fail(s, "what is not the field is longer than the limit");
}

static bool append(struct ber_scanner *s, struct span octets) {
    if (octets.len > s->limit - s->head.len)
        return too_long(s);
    /* Small elements come one by one: one allocation serves the usual envelope. */
    size_t room = s->head.cap == 0 && octets.len < HEAD_SIZE ? HEAD_SIZE : octets.len;
    if (s->head.cap - s->head.len < octets.len && !buf_reserve(&s->head, room))
        return fail(s, "no memory for what is not the field");
    memcpy(s->head.data + s->head.len, octets.data, octets.len);
    s->head.len += octets.len;
    return true;
}

static bool enter(struct ber_scanner *s, const struct header *h, uint8_t node) {
    if (s->depth == BER_SCAN_DEPTH)
        return fail(s, "an element's segments are nested too deeply");
    uint64_t end = h->indefinite ? end_of(s) : s->offset + h->length;
    s->levels[s->depth++] = (struct ber_scan_level){.end = end, .indefinite = h->indefinite, .node = node};
    return true;
}

/* The innermost level is over; on the way to the field it has an end in the envelope, too. */
static bool leave(struct ber_scanner *s) {
    s->depth--;
    if (s->in == BER_SCAN_IN_STRING) {
        if (s->depth == s->field_depth)
            s->in = BER_SCAN_IN_PATH;
        return true;
    }
    if (s->depth == 0)
        s->in = BER_SCAN_COMPLETE;
    return append(s, SPAN_LIT("\0\0"));
}

/* An element is over: so are those that end with it. */
static bool close_levels(struct ber_scanner *s) {
    if (s->depth == 0)
        s->in = BER_SCAN_COMPLETE;
    while (s->depth > 0 && s->in <= BER_SCAN_IN_STRING) {
        const struct ber_scan_level *top = &s->levels[s->depth - 1];
        if (top->indefinite || s->offset < top->end)
            break;
        if (!leave(s))
            return false;
    }
    return true;
}

/* ---- elements that go to the envelope ---- */

/* Was that which the level's condition waits for? The element begins at `element` in the head. */
__attribute__((noinline)) static void check_condition(struct ber_scanner *s) {
    struct header h;
    if (s->depth == 0 || s->component == 0)
        return;
    struct ber_scan_level *level = &s->levels[s->depth - 1];
    for (unsigned i = 1; i < s->plan->count; i++) {
        const struct ber_plan_node *node = &s->plan->nodes[i];
        struct span element = span_sub(buf_span(&s->head), s->element, SIZE_MAX);
        if (node->parent == level->node && node->condition == s->component &&
            read_header(element, &h) == LOOK_FOUND &&
            span_eq(s->plan->when[node->path], span_sub(element, h.octets.len, SIZE_MAX)))
            level->met = true;
    }
}

static bool element_done(struct ber_scanner *s) {
    if (s->in == BER_SCAN_IN_REST && s->plan->conditional)
        check_condition(s);
    s->in = BER_SCAN_IN_PATH;
    return close_levels(s);
}

static bool begin_rest(struct ber_scanner *s, const struct header *h) {
    if (h->length > s->limit)
        return too_long(s);
    s->in = BER_SCAN_IN_REST;
    s->element = s->head.len;
    s->left = h->length;
    s->open = h->indefinite;
    return append(s, h->octets) && (s->left || s->open || element_done(s));
}

/* ---- the field ---- */

static bool tell(struct ber_scanner *s, struct span octets, const struct ber_scan_handler *handler,
                 void *context) {
    return octets.len == 0 || handler->octets(context, octets) ||
           fail(s, "the octets of the field were not taken");
}

static bool string_done(struct ber_scanner *s) {
    if (s->depth == s->field_depth)
        s->in = BER_SCAN_IN_PATH;
    return close_levels(s);
}

/* The header of the string, or of a segment of it. */
static bool on_string(struct ber_scanner *s, const struct header *h, uint8_t node) {
    if (h->constructed)
        return enter(s, h, node) && (h->indefinite || h->length || close_levels(s));
    s->left = h->length;
    return s->left || string_done(s);
}

/* What stands in the envelope for the field: a string without octets under its own tag, or a NULL. */
static void stand_in(struct ber_scanner *s, const struct header *h, bool string) {
    s->field[0] = 0x05;
    s->field_len = 1;
    if (string) {
        s->field_len = (unsigned)h->identifier;
        memcpy(s->field, h->octets.data, s->field_len);
        s->field[0] &= 0xDF;
    }
    s->field[s->field_len++] = 0;
}

static bool begin_field(struct ber_scanner *s, const struct header *h, uint8_t node,
                        const struct ber_scan_handler *handler, void *context) {
    bool string = s->plan->nodes[node].kind == BER_PLAN_STRING;
    s->found = s->beginning = true;
    stand_in(s, h, string);
    if (!handler->field(context, s->plan->nodes[node].path, buf_span(&s->head)))
        return fail(s, "the field was not taken");
    s->beginning = false;
    if (!append(s, span_of(s->field, s->field_len)))
        return false;
    s->field_depth = s->depth;
    s->in = string ? BER_SCAN_IN_STRING : BER_SCAN_IN_RAW;
    if (string)
        return on_string(s, h, node);
    s->left = h->length;
    s->open = h->indefinite;
    return tell(s, h->octets, handler, context) && (s->left || s->open || element_done(s));
}

/* ---- headers by place ---- */

/* Within an element that goes on as it is. */
static bool on_inner(struct ber_scanner *s, const struct header *h, const struct ber_scan_handler *handler,
                     void *context) {
    bool ok = s->in == BER_SCAN_IN_REST ? append(s, h->octets) : tell(s, h->octets, handler, context);
    if (is_end(h)) {
        s->open--;
        return ok && (s->open || element_done(s));
    }
    s->left = h->length;
    s->open += h->indefinite;
    return ok && (s->open <= OPEN_MAXIMUM || fail(s, "elements are nested too deeply"));
}

static bool on_end(struct ber_scanner *s) {
    if (s->depth == 0 || !s->levels[s->depth - 1].indefinite)
        return fail(s, "end-of-contents octets where none belong");
    return leave(s) && close_levels(s);
}

static bool on_element(struct ber_scanner *s, const struct header *h, const struct ber_scan_handler *handler,
                       void *context) {
    struct ber_scan_level outside = {.node = 0};
    struct ber_scan_level *level = s->depth ? &s->levels[s->depth - 1] : &outside;
    int component;
    uint8_t node = ber_plan_child(s->plan, level, h->octets.data[0], h->id, &component);
    /* A node behind the first is an alternative of a CHOICE, found by its tag. */
    if (s->depth == 0 && node <= 1 && !ber_plan_begins(s->plan, h->octets.data[0], h->id))
        return fail(s, "it begins with another tag");
    s->component = (uint8_t)(component + 1);
    enum ber_plan_kind kind = node ? s->plan->nodes[node].kind : BER_PLAN_NONE;
    if (kind == BER_PLAN_STRING && s->plan->nodes[node].type->kind == BER_KIND_ANY &&
        h->id != BER_ID(BER_UNIVERSAL, 4))
        kind = BER_PLAN_NONE; /* it holds something else */
    if (kind == BER_PLAN_STRING || kind == BER_PLAN_RAW)
        return s->found ? begin_rest(s, h) : begin_field(s, h, node, handler, context);
    if (kind == BER_PLAN_NONE || !h->constructed)
        return begin_rest(s, h);
    uint8_t identifier[BER_SCAN_HEADER];
    memcpy(identifier, h->octets.data, h->identifier);
    identifier[h->identifier] = 0x80;
    return append(s, span_of(identifier, h->identifier + 1)) && enter(s, h, node) &&
           (h->indefinite || h->length || close_levels(s));
}

static bool on_header(struct ber_scanner *s, const struct header *h, const struct ber_scan_handler *handler,
                      void *context) {
    if (!fits(s, h->octets.len))
        return fail(s, "an element is longer than what encloses it");
    s->offset += h->octets.len;
    if (!h->indefinite && !fits(s, h->length))
        return fail(s, "an element is longer than what encloses it");
    if (s->in == BER_SCAN_IN_REST || s->in == BER_SCAN_IN_RAW)
        return on_inner(s, h, handler, context);
    if (is_end(h))
        return on_end(s);
    if (s->in == BER_SCAN_IN_PATH)
        return on_element(s, h, handler, context);
    if (h->id != BER_ID(BER_UNIVERSAL, 4)) /* X.690 §8.7.3.2, §8.23.3 */
        return fail(s, "a segment of the field is no OCTET STRING");
    return on_string(s, h, s->levels[s->depth - 1].node);
}

/* Takes a header that may be cut between two feeds; returns what it used of `in`. */
static size_t take_header(struct ber_scanner *s, struct span in, const struct ber_scan_handler *handler,
                          void *context) {
    struct header h;
    unsigned before = s->header_len;
    struct span more = span_sub(in, 0, BER_SCAN_HEADER - before);
    if (before) {
        memcpy(s->header + before, more.data, more.len);
        more = span_of(s->header, before + more.len);
    }
    enum look look = read_header(more, &h);
    if (look == LOOK_BAD || (look == LOOK_MORE && more.len == BER_SCAN_HEADER))
        return fail(s, "an element's header is not valid"), 0;
    if (look == LOOK_MORE) {
        memmove(s->header, more.data, more.len);
        s->header_len = (unsigned)more.len;
        return more.len - before;
    }
    s->header_len = 0;
    return on_header(s, &h, handler, context) ? h.octets.len - before : 0;
}

/* ---- contents ---- */

static size_t pass_on(struct ber_scanner *s, struct span in, const struct ber_scan_handler *handler,
                      void *context) {
    struct span piece = span_sub(in, 0, s->left < SIZE_MAX ? (size_t)s->left : SIZE_MAX);
    s->offset += piece.len;
    s->left -= piece.len;
    bool ok = s->in == BER_SCAN_IN_REST ? append(s, piece) : tell(s, piece, handler, context);
    if (ok && s->left == 0)
        ok = s->in == BER_SCAN_IN_STRING ? string_done(s) : s->open || element_done(s);
    return ok ? piece.len : 0;
}

bool ber_scanner_feed(struct ber_scanner *s, struct span in, const struct ber_scan_handler *handler,
                      void *context) {
    while (in.len > 0 && s->in != BER_SCAN_FAILED) {
        if (s->in == BER_SCAN_COMPLETE)
            return fail(s, "octets after the value");
        size_t used = s->left ? pass_on(s, in, handler, context) : take_header(s, in, handler, context);
        in = span_sub(in, used, SIZE_MAX);
    }
    return s->in != BER_SCAN_FAILED;
}

bool ber_scanner_finish(struct ber_scanner *s) {
    return s->in == BER_SCAN_COMPLETE || fail(s, "the value ends too early");
}

bool ber_scanner_envelope(const struct ber_scanner *s, struct buf *out) {
    unsigned open = s->in == BER_SCAN_IN_STRING ? s->field_depth : s->depth;
    buf_append_span(out, buf_span(&s->head));
    if (s->beginning)
        buf_append(out, s->field, s->field_len);
    for (unsigned i = 0; i < open; i++)
        buf_append_u16(out, 0);
    return !out->failed;
}

/* ---- the way out ---- */

struct split {
    const struct ber_scanner *scanner;
    struct buf *head;
    size_t tail_at;
    bool string;
};

static bool split_here(void *context, unsigned path, struct span head) {
    struct split *split = context;
    (void)path;
    /* A NULL stands for a field that is told as it is. */
    split->string = split->scanner->field[0] != 0x05 || split->scanner->field_len > 2;
    split->tail_at = head.len + split->scanner->field_len;
    buf_append_span(split->head, head);
    if (split->string)
        buf_append(split->head, split->scanner->field, split->scanner->field_len - 1);
    return !split->head->failed;
}

static bool must_be_empty(void *context, struct span octets) {
    (void)octets;
    return !((struct split *)context)->string;
}

static bool append_length(struct buf *out, uint64_t length) {
    unsigned octets = 0;
    for (uint64_t rest = length; rest; rest >>= 8)
        octets++;
    if (length < 0x80)
        return buf_append_byte(out, (uint8_t)length);
    buf_append_byte(out, (uint8_t)(0x80 | octets));
    while (octets-- > 0)
        buf_append_byte(out, (uint8_t)(length >> 8 * octets));
    return !out->failed;
}

bool ber_scanner_split(const struct ber_plan *plan, struct span value, uint64_t length, struct buf *head,
                       struct buf *tail) {
    static const struct ber_scan_handler handler = {split_here, must_be_empty};
    struct ber_scanner s;
    struct split split = {.scanner = &s, .head = head};
    ber_scanner_init(&s, plan, SIZE_MAX / 2);
    bool ok = ber_scanner_feed(&s, value, &handler, &split) && ber_scanner_finish(&s) && s.found;
    if (ok && split.string)
        ok = append_length(head, length);
    ok = ok && buf_append_span(tail, span_sub(buf_span(&s.head), split.tail_at, SIZE_MAX));
    ber_scanner_free(&s);
    return ok;
}

/* ---- the state, kept with a checkpoint ---- */

bool ber_scanner_save(const struct ber_scanner *s, struct buf *out) {
    buf_append_byte(out, (uint8_t)s->in);
    buf_append_byte(out, (uint8_t)s->depth);
    buf_append_byte(out, (uint8_t)s->field_depth);
    buf_append_byte(out, (uint8_t)s->open);
    buf_append_byte(out, s->found);
    buf_append_byte(out, s->component);
    buf_append_u64(out, s->left);
    buf_append_u64(out, s->offset);
    buf_append_u32(out, (uint32_t)s->element);
    for (unsigned i = 0; i < s->depth; i++) {
        buf_append_byte(out, (uint8_t)(s->levels[i].indefinite | s->levels[i].met << 1));
        buf_append_byte(out, s->levels[i].node);
        buf_append_byte(out, s->levels[i].cursor);
        buf_append_u64(out, s->levels[i].end);
    }
    return buf_append(out, s->header, s->header_len);
}

/* Whoever kept the state may have changed it: true if it is one of a level that can follow the one before. */
static bool level_is_possible(const struct ber_scanner *s, unsigned depth) {
    const struct ber_scan_level *level = &s->levels[depth];
    uint64_t around = depth ? s->levels[depth - 1].end : UINT64_MAX;
    if (level->node == 0 || level->node >= s->plan->count || level->end > around || level->end < s->offset ||
        (level->indefinite && level->end != around))
        return false;
    enum ber_plan_kind kind = s->plan->nodes[level->node].kind;
    uint8_t outer = depth ? s->levels[depth - 1].node : 0;
    if (s->in == BER_SCAN_IN_STRING && depth > s->field_depth)
        return level->node == outer;
    if (s->in == BER_SCAN_IN_STRING && depth == s->field_depth) {
        if (kind != BER_PLAN_STRING)
            return false;
    } else if (kind < BER_PLAN_EXPLICIT || kind > BER_PLAN_OF) {
        return false;
    }
    uint8_t parent = s->plan->nodes[level->node].parent;
    while (parent && s->plan->nodes[parent].kind == BER_PLAN_CHOICE)
        parent = s->plan->nodes[parent].parent;
    return parent == outer;
}

static bool is_possible(const struct ber_scanner *s) {
    bool inner = s->in == BER_SCAN_IN_REST || s->in == BER_SCAN_IN_RAW;
    if (s->in > BER_SCAN_COMPLETE || s->open > OPEN_MAXIMUM || (!inner && s->open) ||
        (inner && !s->open && !s->left) || (s->left && s->in == BER_SCAN_IN_PATH) ||
        (s->in == BER_SCAN_COMPLETE && (s->depth || s->left)) || s->offset >> 62 ||
        s->left > end_of(s) - s->offset)
        return false;
    if (s->in == BER_SCAN_IN_STRING
            ? !s->found || s->field_depth > s->depth || (s->field_depth == s->depth && !s->left)
            : s->in == BER_SCAN_IN_RAW && !s->found)
        return false;
    return true;
}

bool ber_scanner_restore(struct ber_scanner *s, const struct ber_plan *plan, struct span state,
                         struct span head, size_t limit) {
    struct reader r = reader_of(state);
    ber_scanner_free(s);
    ber_scanner_init(s, plan, limit);
    s->in = (enum ber_scan_in)reader_u8(&r);
    s->depth = reader_u8(&r);
    s->field_depth = reader_u8(&r);
    s->open = reader_u8(&r);
    uint8_t found = reader_u8(&r);
    s->found = found == 1;
    s->component = reader_u8(&r);
    s->left = reader_u64(&r);
    s->offset = reader_u64(&r);
    s->element = reader_u32(&r);
    if (s->depth > BER_SCAN_DEPTH || found > 1)
        return false;
    for (unsigned i = 0; i < s->depth; i++) {
        uint8_t flags = reader_u8(&r);
        s->levels[i] = (struct ber_scan_level){.indefinite = flags & 1, .met = flags & 2};
        s->levels[i].node = reader_u8(&r);
        s->levels[i].cursor = reader_u8(&r);
        s->levels[i].end = reader_u64(&r);
        if (r.failed || !level_is_possible(s, i))
            return false;
    }
    struct span header = reader_take(&r, reader_left(&r));
    if (r.failed || !is_possible(s) || header.len >= BER_SCAN_HEADER || (header.len && s->left) ||
        head.len > limit)
        return false;
    memcpy(s->header, header.data ? header.data : (const uint8_t *)"", header.len);
    s->header_len = (unsigned)header.len;
    return buf_append_span(&s->head, head);
}
