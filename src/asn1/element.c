#include "asn1/ber_private.h"

static const uint8_t *read_long_tag(const uint8_t *at, const uint8_t *end, uint32_t *number) {
    uint32_t read = 0;
    for (; at < end; at++) {
        if (read >> 22)
            return NULL;
        read = read << 7 | (*at & 0x7F);
        if (!(*at & 0x80)) {
            *number = read;
            return at + 1;
        }
    }
    return NULL;
}

/* Octets behind 0x80+n. Lengths of more than eight octets, leading zeros aside, are beyond any input. */
static const uint8_t *read_long_length(const uint8_t *at, const uint8_t *end, unsigned octets,
                                       uint64_t *length) {
    if ((size_t)(end - at) < octets)
        return NULL;
    uint64_t read = 0;
    for (unsigned i = 0; i < octets; i++)
        read = read >> 56 ? UINT64_MAX : read << 8 | at[i];
    *length = read;
    return at + octets;
}

static enum ber_error_code read_length(const uint8_t *at, const uint8_t *end, bool open,
                                       struct ber_header *header) {
    enum ber_error_code beyond = open ? BER_TRUNCATED : BER_LENGTH;
    if (at == end)
        return beyond;
    uint64_t length = *at++;
    header->indefinite = length == 0x80;
    if (length == 0xFF || (header->indefinite && !ber_constructed(header)))
        return BER_LENGTH;
    if (length > 0x80 && !(at = read_long_length(at, end, (unsigned)length & 0x7F, &length)))
        return beyond;
    header->contents = at;
    header->end = end;
    header->open = open;
    header->cut = !header->indefinite && length > (size_t)(end - at);
    header->odd = header->indefinite || header->cut;
    if (header->cut)
        return open ? BER_OK : BER_LENGTH;
    if (!header->indefinite) {
        header->end = at + length;
        header->open = false;
    }
    return BER_OK;
}

uint32_t ber_long_id(const struct ber_header *header) {
    uint32_t number = 0;
    read_long_tag(header->start + 1, header->contents, &number);
    return BER_ID(*header->start >> 6, number);
}

enum ber_error_code ber_header_read(const uint8_t *at, const uint8_t *end, bool open,
                                    struct ber_header *header) {
    if (at == end)
        return open ? BER_TRUNCATED : BER_LENGTH;
    size_t left = (size_t)(end - at);
    if (ber_is_short(at, left)) {
        ber_header_fill(at, 2, at[1], header);
        return BER_OK;
    }
    if (left > 3 && at[1] == 0x81 && at[0] && (at[0] & 0x1F) != 0x1F && at[2] <= left - 3) {
        ber_header_fill(at, 3, at[2], header);
        return BER_OK;
    }
    header->start = at;
    uint8_t first = *at++;
    uint32_t number = first & 0x1F;
    if (number == 0x1F && !(at = read_long_tag(at, end, &number)))
        return open && end - header->start < 6 ? BER_TRUNCATED : BER_TAG;
    return read_length(at, end, open, header);
}

const uint8_t *ber_find_end(const uint8_t *at, const uint8_t *end, unsigned depth, enum ber_error_code *why) {
    unsigned open = 1;
    while (open) {
        struct ber_header inner;
        if (end - at >= 2 && at[0] == 0 && at[1] == 0) {
            at += 2;
            open--;
            continue;
        }
        enum ber_error_code code = ber_header_read(at, end, true, &inner);
        if (code == BER_OK && ber_header_id(&inner) == 0)
            code = BER_TAG;
        if (code == BER_OK && inner.cut)
            code = BER_TRUNCATED;
        if (code == BER_OK && inner.indefinite && ++open > depth)
            code = BER_DEPTH;
        if (code != BER_OK) {
            *why = code;
            return NULL;
        }
        at = inner.indefinite ? inner.contents : inner.end;
    }
    return at;
}

bool ber_element_read(struct span in, struct ber_element *element, enum ber_error_code *why) {
    enum ber_error_code ignored;
    why = why ? why : &ignored;
    struct ber_header header;
    const uint8_t *end = in.data ? in.data + in.len : NULL;
    *why = ber_header_read(in.data, end, true, &header);
    if (*why == BER_OK && header.cut)
        *why = BER_TRUNCATED;
    if (*why != BER_OK)
        return false;
    const uint8_t *behind = header.end;
    if (header.indefinite && !(behind = ber_find_end(header.contents, end, BER_DEFAULT_DEPTH, why)))
        return false;
    *element = (struct ber_element){
        .tag_class = BER_ID_CLASS(ber_header_id(&header)),
        .number = BER_ID_NUMBER(ber_header_id(&header)),
        .constructed = ber_constructed(&header),
        .indefinite = header.indefinite,
        .header = (size_t)(header.contents - header.start),
        .length = (size_t)(behind - header.contents) - (header.indefinite ? 2 : 0),
        .total = (size_t)(behind - header.start),
    };
    return true;
}

struct span ber_element_contents(struct span in, const struct ber_element *element) {
    return span_sub(in, element->header, element->length);
}
