/* A stream's state as octets, to go on after a restart. */
#include "asn1/stream_layer.h"
#include "base/reader.h"

#define FORMAT 1 /* the first octet; another format is refused */

struct writer {
    uint8_t *at;
};

static void put(struct writer *w, uint64_t value, unsigned octets) {
    for (unsigned i = octets; i-- > 0;)
        *w->at++ = (uint8_t)(value >> 8 * i);
}

static void put_octets(struct writer *w, const uint8_t *octets, size_t len) {
    memcpy(w->at, octets, len);
    w->at += len;
}

static void save_layer(struct writer *w, const struct ber_stream_layer *layer) {
    put(w, layer->at, 8);
    put(w, layer->left, 8);
    put(w, layer->nest, 4);
    put_octets(w, layer->header, sizeof layer->header);
    put(w, layer->header_len, 1);
    put(w, layer->state, 1);
    put(w, layer->string, 1);
    put(w, layer->depth, 1);
    for (unsigned i = 0; i < BER_STREAM_LEVELS; i++) {
        put(w, layer->open[i].end, 8);
        put(w, layer->open[i].indefinite, 1);
    }
}

size_t ber_stream_save(const struct ber_stream *stream, uint8_t out[static BER_STREAM_SAVED]) {
    struct writer w = {out};
    put(&w, FORMAT, 1);
    put(&w, stream->kind, 1);
    put(&w, stream->external, 1);
    put(&w, stream->direct_reference_len, 1);
    put_octets(&w, stream->direct_reference, sizeof stream->direct_reference);
    put(&w, stream->has_indirect_reference, 1);
    put(&w, (uint64_t)stream->indirect_reference, 8);
    put(&w, stream->content_len, 8);
    put(&w, stream->gathered.len, 8);
    save_layer(&w, &stream->outer);
    save_layer(&w, &stream->inner);
    return (size_t)(w.at - out);
}

static bool read_bool(struct reader *r) {
    uint8_t octet = reader_u8(r);
    r->failed |= octet > 1;
    return octet;
}

static void read_octets(struct reader *r, uint8_t *octets, size_t len) {
    struct span s = reader_take(r, len);
    if (s.data)
        memcpy(octets, s.data, len);
}

/* A state that could not have been saved must not come back: its levels end in order, its counts fit. */
static bool is_sound(const struct ber_stream_layer *layer) {
    uint64_t outer = UINT64_MAX;
    for (unsigned i = 0; i < layer->depth; i++) {
        if (layer->open[i].end > outer || layer->open[i].end < layer->at)
            return false;
        outer = layer->open[i].end;
    }
    return layer->left <= outer - layer->at;
}

static void restore_layer(struct reader *r, struct ber_stream_layer *layer, unsigned last_state) {
    layer->at = reader_u64(r);
    layer->left = reader_u64(r);
    layer->nest = reader_u32(r);
    read_octets(r, layer->header, sizeof layer->header);
    layer->header_len = reader_u8(r);
    layer->state = reader_u8(r);
    layer->string = reader_u8(r);
    layer->depth = reader_u8(r);
    for (unsigned i = 0; i < BER_STREAM_LEVELS; i++) {
        layer->open[i].end = reader_u64(r);
        layer->open[i].indefinite = read_bool(r);
    }
    r->failed |= layer->header_len > sizeof layer->header || layer->depth > BER_STREAM_LEVELS ||
                 layer->string > BER_STREAM_LEVELS + 1 || layer->state > last_state || !is_sound(layer);
}

bool ber_stream_restore(struct ber_stream *stream, size_t limit, struct span saved, struct span gathered) {
    struct reader r = reader_of(saved);
    ber_stream_init(stream, limit);
    bool known = reader_u8(&r) == FORMAT;
    uint8_t kind = reader_u8(&r);
    stream->kind = kind;
    stream->external = read_bool(&r);
    stream->direct_reference_len = reader_u8(&r);
    read_octets(&r, stream->direct_reference, sizeof stream->direct_reference);
    stream->has_indirect_reference = read_bool(&r);
    stream->indirect_reference = (int64_t)reader_u64(&r);
    stream->content_len = reader_u64(&r);
    uint64_t gathered_len = reader_u64(&r);
    restore_layer(&r, &stream->outer, BER_STREAM_OUTER_STATES - 1);
    restore_layer(&r, &stream->inner, BER_STREAM_INNER_STATES - 1);
    bool sound = known && !r.failed && reader_left(&r) == 0 && kind <= BER_STREAM_OTHER &&
                 stream->direct_reference_len <= sizeof stream->direct_reference &&
                 gathered_len == gathered.len;
    if (sound && buf_append_span(&stream->gathered, gathered))
        return true;
    ber_stream_free(stream);
    ber_stream_init(stream, limit);
    return false;
}
