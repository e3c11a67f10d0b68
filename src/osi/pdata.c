#include "osi/pdata.h"

/* What a frame's contents are. */
enum kind {
    KIND_TOP,      /* one [APPLICATION 1] */
    KIND_USER,     /* fully-encoded-data: PDV-lists */
    KIND_PDV,      /* syntax name, context identifier, value */
    KIND_VALUE,    /* single-ASN1-type or octet-aligned: one OCTET STRING */
    KIND_STRING,   /* a constructed OCTET STRING's segments */
    KIND_OCTETS,   /* primitive: RTTR's octets */
    KIND_SKIPPED,  /* primitive: of no interest */
    KIND_CONTEXT,  /* primitive: presentation context identifier */
    KIND_REJECTED, /* no such element here */
};

enum {
    TAG_EOC = 0x00,
    TAG_INTEGER = 0x02,
    TAG_OCTETS = 0x04,
    TAG_OID = 0x06,
    TAG_STRING = 0x24,
    TAG_SEQUENCE = 0x30,
    TAG_FULLY_ENCODED = 0x61,
    TAG_OCTET_ALIGNED = 0x81,
    TAG_SINGLE = 0xA0,
};

void pdata_begin(struct pdata *p, int64_t context) {
    *p = (struct pdata){.context = context, .depth = 1};
    p->stack[0] = (struct pdata_frame){.end = UINT64_MAX, .kind = KIND_TOP};
}

bool pdata_is_complete(const struct pdata *p) {
    return p->complete && p->depth == 1 && p->head_len == 0;
}

static bool is_primitive(uint8_t kind) {
    return kind == KIND_OCTETS || kind == KIND_SKIPPED || kind == KIND_CONTEXT;
}

static enum pdata_result bad(struct pdata *p, const char *error) {
    p->error = error;
    return PDATA_BAD;
}

/* The kind of an element with this tag inside a frame of `parent`. */
static uint8_t child_kind(struct pdata *p, uint8_t parent, uint8_t tag) {
    switch (parent) {
    case KIND_TOP:
        return tag == TAG_FULLY_ENCODED && !p->complete ? KIND_USER : KIND_REJECTED;
    case KIND_USER:
        p->number = -1;
        p->value_seen = false;
        return tag == TAG_SEQUENCE ? KIND_PDV : KIND_REJECTED;
    case KIND_PDV:
        if (tag == TAG_OID)
            return KIND_SKIPPED;
        if (tag == TAG_INTEGER && p->number < 0) {
            p->number = 0;
            return KIND_CONTEXT;
        }
        return (tag == TAG_SINGLE || tag == TAG_OCTET_ALIGNED) && p->number == p->context && !p->value_seen
                   ? KIND_VALUE
                   : KIND_REJECTED;
    case KIND_VALUE:
        if (p->value_seen)
            return KIND_REJECTED;
        p->value_seen = true;
        return tag == TAG_OCTETS ? KIND_OCTETS : tag == TAG_STRING ? KIND_STRING : KIND_REJECTED;
    default:
        return tag == TAG_OCTETS ? KIND_OCTETS : tag == TAG_STRING ? KIND_STRING : KIND_REJECTED;
    }
}

static void pop(struct pdata *p) {
    p->depth--;
    if (p->depth == 1)
        p->complete = true;
}

/* The octets of identifier and length in `head`, 0 when it is not whole, -1 when it is none that we take. */
static int head_complete(const struct pdata *p, uint64_t *length, bool *indefinite) {
    if (p->head_len < 2)
        return 0;
    uint8_t first = p->head[1];
    *indefinite = first == 0x80;
    *length = first < 0x80 ? first : 0;
    if (first <= 0x80)
        return 2;
    unsigned octets = first & 0x7F;
    if (octets > 8)
        return -1;
    if (p->head_len < 2 + octets)
        return 0;
    for (unsigned i = 0; i < octets; i++)
        *length = *length << 8 | p->head[2 + i];
    return (int)(2 + octets);
}

/* A whole identifier and length: opens the element. */
static enum pdata_result open_element(struct pdata *p, uint64_t length, bool indefinite) {
    const struct pdata_frame *parent = &p->stack[p->depth - 1];
    uint8_t tag = p->head[0];
    p->head_len = 0;
    if (tag == TAG_EOC) {
        if (!parent->indefinite || length != 0 || indefinite)
            return bad(p, "end-of-contents where there is nothing to end");
        pop(p);
        return PDATA_MORE;
    }
    uint8_t kind = child_kind(p, parent->kind, tag);
    bool constructed = (tag & 0x20) != 0;
    if (kind == KIND_REJECTED)
        return bad(p, "an element that is no PDV-list with an OCTET STRING in RTSE's context");
    if ((indefinite && !constructed) || (!indefinite && length > parent->end - p->position))
        return bad(p, "a length that leaves its element");
    if (p->depth == PDATA_DEPTH)
        return bad(p, "an OCTET STRING nested too deep");
    p->stack[p->depth++] = (struct pdata_frame){
        .end = indefinite ? parent->end : p->position + length, .kind = kind, .indefinite = indefinite};
    return PDATA_MORE;
}

static enum pdata_result read_head(struct pdata *p, struct span *in) {
    p->head[p->head_len++] = in->data[0];
    *in = span_sub(*in, 1, in->len);
    p->position++;
    if (p->position > p->stack[p->depth - 1].end)
        return bad(p, "an element that leaves the one around it");
    uint64_t length;
    bool indefinite;
    int head = head_complete(p, &length, &indefinite);
    if (head < 0)
        return bad(p, "a length of more than eight octets");
    return head ? open_element(p, length, indefinite) : PDATA_MORE;
}

static void read_primitive(struct pdata *p, struct span *in, struct span *octets) {
    const struct pdata_frame *frame = &p->stack[p->depth - 1];
    uint64_t left = frame->end - p->position;
    struct span part = span_sub(*in, 0, left < in->len ? (size_t)left : in->len);
    *in = span_sub(*in, part.len, in->len);
    p->position += part.len;
    if (frame->kind == KIND_OCTETS)
        *octets = part;
    else if (frame->kind == KIND_CONTEXT)
        for (size_t i = 0; i < part.len; i++)
            p->number = p->number > INT32_MAX ? p->number : p->number << 8 | part.data[i];
}

enum pdata_result pdata_input(struct pdata *p, struct span *in, struct span *octets) {
    for (;;) {
        const struct pdata_frame *frame = &p->stack[p->depth - 1];
        if (p->depth > 1 && !frame->indefinite && p->position == frame->end && p->head_len == 0) {
            pop(p);
            continue;
        }
        if (in->len == 0)
            return PDATA_MORE;
        if (is_primitive(frame->kind)) {
            *octets = (struct span){0};
            read_primitive(p, in, octets);
            if (octets->len)
                return PDATA_OCTETS;
            continue;
        }
        if (read_head(p, in) == PDATA_BAD)
            return PDATA_BAD;
    }
}

/* ---- writing ---- */

static size_t length_octets(uint8_t out[static 9], size_t len) {
    if (len < 0x80) {
        out[0] = (uint8_t)len;
        return 1;
    }
    size_t octets = 0;
    for (size_t rest = len; rest; rest >>= 8)
        octets++;
    out[0] = (uint8_t)(0x80 | octets);
    for (size_t i = 0; i < octets; i++)
        out[1 + i] = (uint8_t)(len >> 8 * (octets - 1 - i));
    return 1 + octets;
}

size_t pdata_integer(uint8_t out[static 9], int64_t value) {
    size_t octets = 1;
    while (octets < 8 && value >> (8 * octets - 1))
        octets++;
    for (size_t i = 0; i < octets; i++)
        out[i] = (uint8_t)(value >> 8 * (octets - 1 - i));
    return octets;
}

/* Puts tag and length of `*len` octets in front of what starts at `*at`. */
static void prepend(uint8_t *out, size_t *at, uint8_t tag, size_t *len) {
    uint8_t length[9];
    size_t octets = length_octets(length, *len);
    *at -= octets + 1;
    out[*at] = tag;
    memcpy(out + *at + 1, length, octets);
    *len += octets + 1;
}

/* The header around what starts at `*at`, which is a value or the header of one. */
static size_t finish_header(uint8_t out[static PDATA_HEADER], size_t at, int64_t context, size_t len) {
    uint8_t number[9];
    prepend(out, &at, TAG_SINGLE, &len);
    size_t octets = pdata_integer(number, context);
    at -= octets + 2;
    out[at] = TAG_INTEGER;
    out[at + 1] = (uint8_t)octets;
    memcpy(out + at + 2, number, octets);
    len += octets + 2;
    prepend(out, &at, TAG_SEQUENCE, &len);
    prepend(out, &at, TAG_FULLY_ENCODED, &len);
    memmove(out, out + at, PDATA_HEADER - at);
    return PDATA_HEADER - at;
}

size_t pdata_header(uint8_t out[static PDATA_HEADER], int64_t context, size_t len) {
    size_t at = PDATA_HEADER;
    prepend(out, &at, TAG_OCTETS, &len);
    return finish_header(out, at, context, len);
}

size_t pdata_value_header(uint8_t out[static PDATA_HEADER], int64_t context, size_t len) {
    return finish_header(out, PDATA_HEADER, context, len);
}

size_t pdata_value_stream_header(uint8_t out[static PDATA_HEADER], int64_t context) {
    static const uint8_t start[] = {TAG_FULLY_ENCODED, 0x80, TAG_SEQUENCE, 0x80, TAG_INTEGER};
    memcpy(out, start, sizeof start);
    size_t octets = pdata_integer(out + sizeof start + 1, context), at = sizeof start + 1 + octets;
    out[sizeof start] = (uint8_t)octets;
    out[at++] = TAG_SINGLE;
    out[at++] = 0x80;
    return at;
}

size_t pdata_stream_header(uint8_t out[static PDATA_HEADER], int64_t context) {
    size_t at = pdata_value_stream_header(out, context);
    out[at++] = TAG_STRING;
    out[at++] = 0x80;
    return at;
}

size_t pdata_piece_header(uint8_t out[static PDATA_HEADER], size_t len) {
    out[0] = TAG_OCTETS;
    return 1 + length_octets(out + 1, len);
}

static const uint8_t ends[8] = {0}; /* OCTET STRING, [0], PDV-list, user data */

struct span pdata_stream_trailer(void) {
    return span_of(ends, sizeof ends);
}

struct span pdata_value_stream_trailer(void) {
    return span_of(ends, sizeof ends - 2);
}
