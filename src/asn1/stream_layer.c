#include "asn1/stream_layer.h"

#include "asn1/table.h"

uint64_t layer_room(const struct ber_stream_layer *layer) {
    return layer->depth ? layer->open[layer->depth - 1].end - layer->at : UINT64_MAX - layer->at;
}

/* Octets of the identifier at the start of `h`, or 0 when more are needed; more than `len` when it is too
 * long. */
static size_t identifier_size(const uint8_t *h, size_t len, uint32_t *number) {
    *number = h[0] & 0x1F;
    if (*number != 0x1F)
        return 1;
    *number = 0;
    for (size_t i = 1; i < len; i++) {
        if (i > 5 || *number >> 22)
            return len + 1;
        *number = *number << 7 | (h[i] & 0x7F);
        if (!(h[i] & 0x80))
            return i + 1;
    }
    return 0;
}

/* 1 when the header is complete, 0 when it needs more octets, -1 with the error when it is none. */
static int parse_header(const uint8_t *h, size_t len, struct layer_piece *piece) {
    uint32_t number;
    size_t size = identifier_size(h, len, &number);
    piece->error = BER_TAG;
    if (size > len)
        return -1;
    if (size == 0 || size == len)
        return 0;
    piece->id = BER_ID(h[0] >> 6, number);
    piece->constructed = h[0] & 0x20;
    uint8_t first = h[size++];
    piece->indefinite = first == 0x80;
    piece->length = first < 0x80 ? first : 0;
    piece->error = BER_LENGTH;
    if (first == 0xFF || (piece->indefinite && !piece->constructed))
        return -1;
    if (first <= 0x80)
        return 1;
    for (unsigned octets = first & 0x7F; octets; octets--, size++) {
        if (size == sizeof piece->octets || piece->length >> 55)
            return -1;
        if (size == len)
            return 0;
        piece->length = piece->length << 8 | h[size];
    }
    return 1;
}

static enum layer_event fail(struct layer_piece *piece, enum ber_error_code code) {
    piece->error = code;
    return LAYER_ERROR;
}

static enum layer_event end_of_contents(struct ber_stream_layer *layer, struct layer_piece *piece) {
    if (piece->length || piece->constructed || piece->octet_count != 2)
        return fail(piece, BER_TAG);
    if (layer->nest) {
        layer->nest--;
        return LAYER_NESTED;
    }
    if (!layer->depth || !layer->open[layer->depth - 1].indefinite)
        return fail(piece, BER_TAG);
    layer->depth--;
    return LAYER_END;
}

static enum layer_event read_header(struct ber_stream_layer *layer, struct span *in,
                                    struct layer_piece *piece) {
    int complete = 0;
    while (complete == 0) {
        if (in->len == 0)
            return LAYER_MORE;
        if (layer->header_len == sizeof layer->header || layer_room(layer) == 0)
            return fail(piece, BER_LENGTH);
        layer->header[layer->header_len++] = *in->data;
        *in = span_sub(*in, 1, in->len);
        layer->at++;
        complete = parse_header(layer->header, layer->header_len, piece);
    }
    if (complete < 0)
        return LAYER_ERROR;
    memcpy(piece->octets, layer->header, sizeof piece->octets);
    piece->octet_count = layer->header_len;
    layer->header_len = 0;
    if (piece->id == 0)
        return end_of_contents(layer, piece);
    if (!piece->indefinite && piece->length > layer_room(layer))
        return fail(piece, BER_LENGTH);
    return LAYER_HEADER;
}

enum layer_event layer_next(struct ber_stream_layer *layer, struct span *in, struct layer_piece *piece) {
    if (layer->left) {
        piece->data = span_sub(*in, 0, layer->left < in->len ? (size_t)layer->left : in->len);
        *in = span_sub(*in, piece->data.len, in->len);
        layer->left -= piece->data.len;
        layer->at += piece->data.len;
        return piece->data.len ? LAYER_DATA : LAYER_MORE;
    }
    if (layer->header_len == 0 && layer->depth && layer_room(layer) == 0) {
        if (layer->nest || layer->open[layer->depth - 1].indefinite)
            return fail(piece, BER_LENGTH);
        layer->depth--;
        return LAYER_END;
    }
    return read_header(layer, in, piece);
}

bool layer_enter(struct ber_stream_layer *layer, const struct layer_piece *piece) {
    if (layer->depth == BER_STREAM_LEVELS)
        return false;
    uint64_t end = piece->indefinite ? layer->at + layer_room(layer) : layer->at + piece->length;
    layer->open[layer->depth].end = end;
    layer->open[layer->depth++].indefinite = piece->indefinite;
    return true;
}

void layer_pass(struct ber_stream_layer *layer, const struct layer_piece *piece) {
    layer->left = piece->length;
}
