#include "osi/spdu.h"

bool spdu_header_read(struct span in, uint8_t *si, size_t *header, size_t *length) {
    if (in.len < 2)
        return false;
    *si = in.data[0];
    *header = 2;
    *length = in.data[1];
    if (*length == 255) {
        if (in.len < 4)
            return false;
        *header = 4;
        *length = (size_t)in.data[2] << 8 | in.data[3];
    }
    return true;
}

static bool read_unit(struct reader *r, uint8_t *code, struct span *value) {
    *code = reader_u8(r);
    size_t length = reader_u8(r);
    if (length == 255)
        length = reader_u16(r);
    *value = reader_take(r, length);
    return !r->failed;
}

static bool read_group(struct span in, struct span table[static SPDU_PI_COUNT]) {
    struct reader r = reader_of(in);
    while (reader_left(&r) > 0) {
        uint8_t code;
        struct span value;
        if (!read_unit(&r, &code, &value))
            return false;
        if (code < SPDU_PI_COUNT)
            table[code] = value;
    }
    return true;
}

static bool read_parameters(struct span in, struct spdu *spdu) {
    struct reader r = reader_of(in);
    while (reader_left(&r) > 0) {
        uint8_t code;
        struct span value;
        if (!read_unit(&r, &code, &value))
            return false;
        bool ok = true;
        if (code == PGI_CONNECTION_IDENTIFIER || code == PGI_CONNECT_ACCEPT_ITEM)
            ok = read_group(value, spdu->parameter);
        else if (code == PGI_LINKING_INFORMATION)
            ok = read_group(value, spdu->linking);
        else if (code == PGI_USER_DATA || code == PGI_EXTENDED_USER_DATA)
            spdu->user_data = value;
        if (!ok)
            return false;
        if (code < SPDU_PI_COUNT)
            spdu->parameter[code] = value;
    }
    return true;
}

bool spdu_read(struct span in, struct spdu *spdu) {
    memset(spdu, 0, sizeof *spdu);
    size_t header, length;
    if (!spdu_header_read(in, &spdu->si, &header, &length) || length > in.len - header)
        return false;
    spdu->information = span_sub(in, header + length, in.len);
    spdu->raw = span_sub(in, 0, header + length);
    return read_parameters(span_sub(in, header, length), spdu);
}

uint32_t spdu_number(struct span parameter, uint32_t fallback) {
    if (parameter.len == 0 || parameter.len > 4)
        return fallback;
    struct reader r = reader_of(parameter);
    return (uint32_t)reader_uint(&r, (unsigned)parameter.len);
}

bool spdu_serial_read(struct span parameter, uint32_t *serial) {
    if (parameter.len == 0 || parameter.len > 6)
        return false;
    *serial = 0;
    for (size_t i = 0; i < parameter.len; i++) {
        if (parameter.data[i] < '0' || parameter.data[i] > '9')
            return false;
        *serial = *serial * 10 + (uint32_t)(parameter.data[i] - '0');
    }
    return true;
}

size_t spdu_length_write(uint8_t out[static 3], size_t length) {
    if (length < 255) {
        out[0] = (uint8_t)length;
        return 1;
    }
    out[0] = 255;
    out[1] = (uint8_t)(length >> 8);
    out[2] = (uint8_t)length;
    return 3;
}

void spdu_put(struct spdu_writer *w, uint8_t code, struct span value) {
    if (w->failed || value.len + 4 > sizeof w->octets - w->len) {
        w->failed = true;
        return;
    }
    w->octets[w->len++] = code;
    w->len += spdu_length_write(w->octets + w->len, value.len);
    if (value.len)
        memcpy(w->octets + w->len, value.data, value.len);
    w->len += value.len;
}

void spdu_put_number(struct spdu_writer *w, uint8_t code, uint32_t value, unsigned octets) {
    uint8_t bytes[4];
    for (unsigned i = 0; i < octets; i++)
        bytes[i] = (uint8_t)(value >> 8 * (octets - 1 - i));
    spdu_put(w, code, span_of(bytes, octets));
}

void spdu_put_serial(struct spdu_writer *w, uint32_t serial) {
    uint8_t digits[6];
    size_t at = sizeof digits;
    do {
        digits[--at] = (uint8_t)('0' + serial % 10);
        serial /= 10;
    } while (serial > 0 && at > 0);
    spdu_put(w, PI_SERIAL_NUMBER, span_of(digits + at, sizeof digits - at));
}

void spdu_put_group(struct spdu_writer *w, uint8_t code, const struct spdu_writer *inner) {
    if (inner->failed)
        w->failed = true;
    else if (inner->len > 0)
        spdu_put(w, code, span_of(inner->octets, inner->len));
}
