#include "asn1/stream.h"

#include "asn1/ber_private.h"
#include "asn1/stream_layer.h"

#define ID_EXTERNAL     BER_ID(BER_UNIVERSAL, 8)
#define ID_OID          BER_ID(BER_UNIVERSAL, 6)
#define ID_INTEGER      BER_ID(BER_UNIVERSAL, 2)
#define ID_DESCRIPTOR   BER_ID(BER_UNIVERSAL, 7)
#define ID_OCTET_STRING BER_ID(BER_UNIVERSAL, 4)

enum outer_state {
    OUTER_START,      /* before the first octet */
    OUTER_BARE,       /* the APDU stands alone */
    OUTER_PARTS,      /* among the components of the EXTERNAL */
    OUTER_OID,        /* in its direct-reference */
    OUTER_INTEGER,    /* in its indirect-reference */
    OUTER_DESCRIPTOR, /* in its data-value-descriptor */
    OUTER_SINGLE,     /* in its single-ASN1-type */
    OUTER_ALIGNED,    /* in its octet-aligned */
    OUTER_CLOSING,    /* behind the encoding */
    OUTER_DONE
};

enum inner_state {
    INNER_START,    /* before the APDU */
    INNER_WHOLE,    /* gathering an APDU that is no message */
    INNER_MESSAGE,  /* before the envelope */
    INNER_ENVELOPE, /* gathering it */
    INNER_AFTER,    /* before the content */
    INNER_CONTENT,  /* in the content */
    INNER_CLOSING,  /* behind the content */
    INNER_DONE
};

_Static_assert(OUTER_DONE + 1 == BER_STREAM_OUTER_STATES && INNER_DONE + 1 == BER_STREAM_INNER_STATES,
               "a saved state is checked against these");

/* One call of feed. */
struct feed {
    struct ber_stream *stream;
    const struct ber_stream_sink *sink;
    struct ber_error *error;
};

void ber_stream_init(struct ber_stream *stream, size_t limit) {
    *stream = (struct ber_stream){0};
    buf_init(&stream->gathered, limit);
}

void ber_stream_free(struct ber_stream *stream) {
    buf_free(&stream->gathered);
}

bool ber_stream_done(const struct ber_stream *stream) {
    return stream->outer.state == OUTER_DONE;
}

struct span ber_stream_gathered(const struct ber_stream *stream) {
    return buf_span(&stream->gathered);
}

uint64_t ber_stream_offset(const struct ber_stream *stream) {
    return stream->outer.at;
}

static bool fail(struct feed *f, enum ber_error_code code, const char *text) {
    return ber_fail(f->error, code, (size_t)f->stream->outer.at, "%s", text);
}

static bool fail_piece(struct feed *f, const struct layer_piece *piece) {
    const char *text = piece->error == BER_TAG
                           ? "no tag, or end-of-contents octets out of place"
                           : "a length that runs out of the enclosing element, or is none";
    return fail(f, piece->error, text);
}

/* ---- the APDU ---- */

static bool gather(struct feed *f, const void *octets, size_t len) {
    return buf_append(&f->stream->gathered, octets, len) ||
           fail(f, BER_MEMORY, "the envelope is larger than its limit");
}

static bool gathered_all(struct feed *f) {
    struct ber_stream_layer *layer = &f->stream->inner;
    layer->state = layer->state == INNER_WHOLE ? INNER_DONE : INNER_AFTER;
    return f->sink->envelope(f->sink->user, f->stream->kind, buf_span(&f->stream->gathered)) ||
           fail(f, BER_VALUE, "refused");
}

/* A header of, or within, the element that is gathered. */
static bool gather_header(struct feed *f, const struct layer_piece *piece) {
    struct ber_stream_layer *layer = &f->stream->inner;
    if (!gather(f, piece->octets, piece->octet_count))
        return false;
    if (piece->indefinite)
        return ++layer->nest <= BER_DEFAULT_DEPTH || fail(f, BER_DEPTH, "nested too deep");
    layer_pass(layer, piece);
    return layer->left || layer->nest || gathered_all(f);
}

static bool gather_piece(struct feed *f, enum layer_event event, const struct layer_piece *piece) {
    struct ber_stream_layer *layer = &f->stream->inner;
    if (event == LAYER_HEADER)
        return gather_header(f, piece);
    if (event == LAYER_END)
        return fail(f, BER_LENGTH, "the envelope has no end");
    bool kept = event == LAYER_DATA ? gather(f, piece->data.data, piece->data.len)
                                    : gather(f, piece->octets, piece->octet_count);
    return kept && (layer->left || layer->nest || gathered_all(f));
}

static bool start_apdu(struct feed *f, const struct layer_piece *piece) {
    static const enum ber_stream_kind kinds[] = {BER_STREAM_MESSAGE, BER_STREAM_REPORT, BER_STREAM_PROBE};
    uint32_t number = piece->id - BER_ID(BER_CONTEXT, 0);
    struct ber_stream_layer *layer = &f->stream->inner;
    if (!piece->constructed)
        return fail(f, BER_TAG, "no APDU: its outermost element is primitive");
    f->stream->kind = number < 3 ? kinds[number] : BER_STREAM_OTHER;
    if (f->stream->kind == BER_STREAM_MESSAGE) {
        layer->state = INNER_MESSAGE;
        return layer_enter(layer, piece) || fail(f, BER_DEPTH, "nested too deep");
    }
    layer->state = INNER_WHOLE;
    return gather_header(f, piece);
}

/* An OCTET STRING begins, or a segment of it: true when it can be read. */
static bool enter_string(struct feed *f, struct ber_stream_layer *layer, const struct layer_piece *piece) {
    if (!piece->constructed) {
        layer_pass(layer, piece);
        return true;
    }
    return layer_enter(layer, piece) || fail(f, BER_DEPTH, "a string's segments are nested too deep");
}

/* True when the string that began at depth `string - 1` has come to its end. */
static bool string_done(const struct ber_stream_layer *layer) {
    return !layer->left && layer->depth < layer->string;
}

static bool content_piece(struct feed *f, enum layer_event event, const struct layer_piece *piece) {
    struct ber_stream_layer *layer = &f->stream->inner;
    if (event == LAYER_HEADER) {
        if (piece->id != ID_OCTET_STRING)
            return fail(f, BER_TAG, "the content is no OCTET STRING");
        if (layer->state == INNER_AFTER) {
            layer->state = INNER_CONTENT;
            layer->string = layer->depth + 1;
        }
        if (!enter_string(f, layer, piece))
            return false;
    } else if (event == LAYER_DATA) {
        f->stream->content_len += piece->data.len;
        if (!f->sink->content(f->sink->user, piece->data))
            return fail(f, BER_VALUE, "refused");
    } else if (layer->state == INNER_AFTER) {
        return fail(f, BER_MISSING, "a message without content");
    }
    if (string_done(layer)) {
        layer->state = INNER_CLOSING;
        layer->string = 0;
    }
    return true;
}

static bool inner_piece(struct feed *f, enum layer_event event, const struct layer_piece *piece) {
    struct ber_stream_layer *layer = &f->stream->inner;
    switch ((enum inner_state)layer->state) {
    case INNER_START:
        return start_apdu(f, piece);
    case INNER_MESSAGE:
        if (event != LAYER_HEADER || !piece->constructed)
            return fail(f, BER_MISSING, "a message without envelope");
        layer->state = INNER_ENVELOPE;
        return gather_header(f, piece);
    case INNER_WHOLE:
    case INNER_ENVELOPE:
        return gather_piece(f, event, piece);
    case INNER_AFTER:
    case INNER_CONTENT:
        return content_piece(f, event, piece);
    case INNER_CLOSING:
        if (event != LAYER_END)
            return fail(f, BER_UNEXPECTED, "an element behind the message's content");
        layer->state = INNER_DONE;
        return true;
    case INNER_DONE:
        break;
    }
    return fail(f, BER_TRAILING, "octets behind the APDU");
}

/* Reads as much of the APDU as `*in` holds; takes what it used off its front. */
static bool feed_inner(struct feed *f, struct span *in) {
    struct ber_stream_layer *layer = &f->stream->inner;
    while (layer->state != INNER_DONE) {
        struct layer_piece piece;
        uint64_t before = layer->at;
        enum layer_event event = layer_next(layer, in, &piece);
        f->stream->outer.at += layer->at - before;
        if (event == LAYER_MORE)
            return true;
        if (event == LAYER_ERROR)
            return fail_piece(f, &piece);
        if (!inner_piece(f, event, &piece))
            return false;
    }
    return true;
}

/* ---- what encloses it ---- */

static bool start_encoding(struct feed *f, const struct layer_piece *piece) {
    struct ber_stream_layer *layer = &f->stream->outer;
    if (piece->id == BER_ID(BER_CONTEXT, 0) && piece->constructed) {
        layer->state = OUTER_SINGLE;
        return layer_enter(layer, piece) || fail(f, BER_DEPTH, "nested too deep");
    }
    if (piece->id == BER_ID(BER_CONTEXT, 1)) {
        layer->state = OUTER_ALIGNED;
        layer->string = layer->depth + 1;
        return enter_string(f, layer, piece);
    }
    return fail(f, BER_TAG, "the EXTERNAL has another encoding than single-ASN1-type or octet-aligned");
}

static bool external_part(struct feed *f, const struct layer_piece *piece) {
    struct ber_stream_layer *layer = &f->stream->outer;
    bool part = piece->id == ID_OID || piece->id == ID_INTEGER || piece->id == ID_DESCRIPTOR;
    if (!part)
        return start_encoding(f, piece);
    size_t most = piece->id == ID_OID       ? sizeof f->stream->direct_reference
                  : piece->id == ID_INTEGER ? 8
                                            : 1024;
    if (piece->constructed || piece->length == 0 || piece->length > most)
        return fail(f, BER_VALUE, "a reference of the EXTERNAL is malformed");
    layer->state = piece->id == ID_OID       ? OUTER_OID
                   : piece->id == ID_INTEGER ? OUTER_INTEGER
                                             : OUTER_DESCRIPTOR;
    if (piece->id == ID_OID)
        f->stream->direct_reference_len = 0;
    f->stream->indirect_reference = piece->id == ID_INTEGER ? 0 : f->stream->indirect_reference;
    layer_pass(layer, piece);
    return true;
}

static bool reference_octets(struct feed *f, struct span octets) {
    struct ber_stream *s = f->stream;
    if (s->outer.state == OUTER_OID) {
        if (octets.len > sizeof s->direct_reference - s->direct_reference_len)
            return fail(f, BER_VALUE, "the EXTERNAL's direct-reference is too long");
        memcpy(s->direct_reference + s->direct_reference_len, octets.data, octets.len);
        s->direct_reference_len += (uint8_t)octets.len;
    }
    if (s->outer.state == OUTER_INTEGER) {
        uint64_t number = (uint64_t)s->indirect_reference;
        if (!s->has_indirect_reference && octets.data[0] & 0x80)
            number = UINT64_MAX;
        for (size_t i = 0; i < octets.len; i++)
            number = number << 8 | octets.data[i];
        s->indirect_reference = (int64_t)number;
        s->has_indirect_reference = true;
    }
    if (!s->outer.left)
        s->outer.state = OUTER_PARTS;
    return true;
}

/* Octets of the octet-aligned encoding: the APDU, cut into segments anywhere. */
static bool aligned_piece(struct feed *f, enum layer_event event, const struct layer_piece *piece) {
    struct ber_stream_layer *layer = &f->stream->outer;
    if (event == LAYER_HEADER) {
        if (piece->id != ID_OCTET_STRING)
            return fail(f, BER_TAG, "a segment of the EXTERNAL is no OCTET STRING");
        if (!enter_string(f, layer, piece))
            return false;
    } else if (event == LAYER_DATA) {
        struct span octets = piece->data;
        layer->at -= octets.len; /* the inner layer counts them */
        if (!feed_inner(f, &octets))
            return false;
        if (octets.len)
            return fail(f, BER_TRAILING, "octets behind the APDU");
    }
    if (string_done(layer)) {
        layer->string = 0;
        layer->state = OUTER_CLOSING;
        if (f->stream->inner.state != INNER_DONE)
            return fail(f, BER_LENGTH, "the EXTERNAL ends inside the APDU");
    }
    return true;
}

static bool start_outer(struct feed *f, const struct layer_piece *piece) {
    struct ber_stream_layer *layer = &f->stream->outer;
    if (piece->id != ID_EXTERNAL || !piece->constructed) {
        struct span header = span_of(piece->octets, piece->octet_count);
        layer->state = OUTER_BARE;
        layer->at = 0;
        return feed_inner(f, &header);
    }
    f->stream->external = true;
    layer->state = OUTER_PARTS;
    return layer_enter(layer, piece) || fail(f, BER_DEPTH, "nested too deep");
}

static bool outer_piece(struct feed *f, enum layer_event event, const struct layer_piece *piece) {
    struct ber_stream_layer *layer = &f->stream->outer;
    switch ((enum outer_state)layer->state) {
    case OUTER_START:
        return start_outer(f, piece);
    case OUTER_PARTS:
        if (event != LAYER_HEADER)
            return fail(f, BER_MISSING, "an EXTERNAL without encoding");
        return external_part(f, piece);
    case OUTER_OID:
    case OUTER_INTEGER:
    case OUTER_DESCRIPTOR:
        return reference_octets(f, piece->data);
    case OUTER_ALIGNED:
        return aligned_piece(f, event, piece);
    case OUTER_CLOSING:
        if (event != LAYER_END)
            return fail(f, BER_UNEXPECTED, "an element behind the EXTERNAL's encoding");
        if (layer->depth == 0)
            layer->state = OUTER_DONE;
        return true;
    default:
        return fail(f, BER_TRAILING, "octets behind the APDU");
    }
}

/* The APDU's octets stand in the input as they are: bare, or in single-ASN1-type. */
static bool feed_direct(struct feed *f, struct span *in) {
    struct ber_stream_layer *layer = &f->stream->outer;
    uint64_t room = layer_room(layer);
    struct span part = span_sub(*in, 0, room < in->len ? (size_t)room : in->len);
    size_t given = part.len;
    if (!feed_inner(f, &part))
        return false;
    *in = span_sub(*in, given - part.len, in->len);
    if (f->stream->inner.state == INNER_DONE)
        layer->state = layer->state == OUTER_BARE ? OUTER_DONE : OUTER_CLOSING;
    else if (layer_room(layer) == 0)
        return fail(f, BER_LENGTH, "the EXTERNAL ends inside the APDU");
    return true;
}

static bool feed_outer(struct feed *f, struct span *in, bool *more) {
    struct layer_piece piece;
    struct ber_stream_layer *layer = &f->stream->outer;
    if (layer->state == OUTER_BARE || layer->state == OUTER_SINGLE) {
        if (!feed_direct(f, in))
            return false;
        *more = layer->state != OUTER_BARE && layer->state != OUTER_SINGLE;
        return true;
    }
    enum layer_event event = layer_next(layer, in, &piece);
    if (event == LAYER_ERROR)
        return fail_piece(f, &piece);
    *more = event != LAYER_MORE;
    return event == LAYER_MORE || outer_piece(f, event, &piece);
}

bool ber_stream_feed(struct ber_stream *stream, struct span in, const struct ber_stream_sink *sink,
                     struct ber_error *error) {
    struct feed f = {stream, sink, error};
    if (error)
        *error = (struct ber_error){0};
    bool more = true;
    while (more && stream->outer.state != OUTER_DONE)
        if (!feed_outer(&f, &in, &more))
            return false;
    return in.len == 0 || fail(&f, BER_TRAILING, "octets behind the APDU");
}
