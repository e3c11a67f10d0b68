#include "osi/external.h"

#include "base/reader.h"
#include "osi/pdata.h"

enum {
    TAG_EXTERNAL = 0x28,
    TAG_OID = 0x06,
    TAG_INTEGER = 0x02,
    TAG_DESCRIPTOR = 0x07,
    TAG_SINGLE = 0xA0,
    TAG_ALIGNED = 0x81
};

void external_begin(struct external *e) {
    memset(e, 0, sizeof *e);
}

void external_none(struct external *e) {
    memset(e, 0, sizeof *e);
    e->passing = true;
}

struct tag_length {
    uint8_t tag;
    bool indefinite;
    uint64_t length;
};

/* False when the window ends inside; the reader's `failed` tells. */
static bool read_head(struct reader *r, struct tag_length *t) {
    t->tag = reader_u8(r);
    uint8_t first = reader_u8(r);
    t->indefinite = first == 0x80;
    t->length = first < 0x80 ? first : 0;
    if (first > 0x80) {
        if ((first & 0x7F) > 8)
            return false;
        t->length = reader_uint(r, first & 0x7F);
    }
    return !r->failed;
}

enum header { HEADER_MORE, HEADER_BAD, HEADER_DONE };

/* The start of the value: how it ends, and how long it is. */
static enum header value_starts(struct external *e, const struct reader *r, const struct tag_length *outer,
                                const struct tag_length *value, size_t outer_head) {
    bool single = value->tag == TAG_SINGLE;
    if (!single && (value->tag != TAG_ALIGNED || value->indefinite))
        return HEADER_BAD;
    e->trailer = (uint8_t)((outer->indefinite ? 2 : 0) + (value->indefinite ? 2 : 0));
    size_t used = (size_t)(r->at - e->head);
    if (!value->indefinite) {
        e->length_known = true;
        e->left = value->length;
    }
    if (!outer->indefinite) {
        uint64_t inside = used - outer_head + (value->indefinite ? 2 : 0);
        if (outer->length < inside || (e->length_known && outer->length - inside != e->left))
            return HEADER_BAD;
        e->left = outer->length - inside;
        e->length_known = true;
    }
    e->passing = true;
    return HEADER_DONE;
}

static enum header parse_header(struct external *e, int64_t context, size_t *used) {
    struct reader r = reader_of(span_of(e->head, e->head_len));
    struct tag_length outer, part;
    if (!read_head(&r, &outer))
        return r.failed ? HEADER_MORE : HEADER_BAD;
    if (outer.tag != TAG_EXTERNAL)
        return HEADER_BAD;
    size_t outer_head = (size_t)(r.at - e->head);
    for (;;) {
        if (!read_head(&r, &part))
            return r.failed ? HEADER_MORE : HEADER_BAD;
        if (part.tag != TAG_OID && part.tag != TAG_INTEGER && part.tag != TAG_DESCRIPTOR) {
            *used = (size_t)(r.at - e->head);
            return value_starts(e, &r, &outer, &part, outer_head);
        }
        if (part.indefinite || part.length > EXTERNAL_HEADER_LIMIT)
            return HEADER_BAD;
        struct span contents = reader_take(&r, (size_t)part.length);
        if (r.failed)
            return HEADER_MORE;
        struct reader number = reader_of(contents);
        if (part.tag != TAG_INTEGER)
            continue;
        e->context = contents.len > 8 ? -1 : (int64_t)reader_uint(&number, (unsigned)contents.len);
        if (e->context <= 0 || (context && e->context != context))
            return HEADER_BAD;
    }
}

/* Passes `in` but for its last `trailer` octets, which are held back. */
static int pass(struct external *e, struct span in, struct span out[static 2]) {
    if (e->length_known) {
        uint64_t room = e->left + e->trailer - e->held_len;
        if (in.len > room)
            return -1;
    }
    if (e->trailer == 0) {
        e->left -= e->length_known ? in.len : 0;
        out[0] = in;
        return in.len ? 1 : 0;
    }
    size_t total = e->held_len + in.len;
    size_t given = total > e->trailer ? total - e->trailer : 0;
    size_t of_held = given < e->held_len ? given : e->held_len;
    int count = 0;
    memcpy(e->out, e->held, of_held);
    if (of_held)
        out[count++] = span_of(e->out, of_held);
    if (given > of_held)
        out[count++] = span_sub(in, 0, given - of_held);
    memmove(e->held, e->held + of_held, e->held_len - of_held);
    e->held_len = (uint8_t)(e->held_len - of_held);
    struct span rest = span_sub(in, given - of_held, in.len);
    if (rest.len)
        memcpy(e->held + e->held_len, rest.data, rest.len);
    e->held_len = (uint8_t)(e->held_len + rest.len);
    e->left -= e->length_known ? given : 0;
    return count;
}

int external_input(struct external *e, struct span in, int64_t context, struct span out[static 2]) {
    if (e->passing)
        return pass(e, in, out);
    size_t before = e->head_len;
    struct span start = span_sub(in, 0, EXTERNAL_HEADER_LIMIT - e->head_len);
    memcpy(e->head + e->head_len, start.data, start.len);
    e->head_len += start.len;
    size_t used = 0;
    switch (parse_header(e, context, &used)) {
    case HEADER_DONE:
        return pass(e, span_sub(in, used - before, in.len), out);
    case HEADER_MORE:
        return e->head_len < EXTERNAL_HEADER_LIMIT ? 0 : -1;
    case HEADER_BAD:
        break;
    }
    return -1;
}

bool external_is_complete(const struct external *e) {
    static const uint8_t zeros[4] = {0};
    return e->passing && e->held_len == e->trailer && memcmp(e->held, zeros, e->held_len) == 0 &&
           (!e->length_known || e->left == 0);
}

void external_save(const struct external *e, uint8_t state[static OSI_CHECKPOINT_STATE]) {
    memset(state, 0, OSI_CHECKPOINT_STATE);
    state[0] = e->trailer;
    state[1] = e->held_len;
    memcpy(state + 2, e->held, sizeof e->held);
    state[6] = e->length_known;
    state[7] = e->passing;
    for (unsigned i = 0; i < 8; i++)
        state[8 + i] = (uint8_t)(e->left >> 8 * (7 - i));
}

bool external_restore(struct external *e, const uint8_t state[static OSI_CHECKPOINT_STATE]) {
    external_begin(e);
    e->trailer = state[0];
    e->held_len = state[1];
    memcpy(e->held, state + 2, sizeof e->held);
    e->length_known = state[6] != 0;
    e->passing = state[7] != 0;
    struct reader r = reader_of(span_of(state + 8, 8));
    e->left = reader_u64(&r);
    return e->passing && e->trailer <= 4 && e->held_len <= e->trailer;
}

size_t external_header(uint8_t out[static EXTERNAL_OVERHEAD], int64_t context) {
    out[0] = TAG_EXTERNAL;
    out[1] = 0x80;
    out[2] = TAG_INTEGER;
    size_t octets = pdata_integer(out + 4, context);
    out[3] = (uint8_t)octets;
    out[4 + octets] = TAG_SINGLE;
    out[5 + octets] = 0x80;
    return 6 + octets;
}

struct span external_trailer(void) {
    static const uint8_t ends[4] = {0};
    return span_of(ends, sizeof ends);
}
