/* Decoding, elements: their headers and ends, and the error of the one that is wrong. */
#include <stdarg.h>
#include <stdio.h>

#include "asn1/decode_private.h"

const uint8_t *decode_fail(struct decoder *d, enum ber_error_code code, const uint8_t *at, const char *format,
                           ...) {
    char text[sizeof d->error->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ber_fail(d->error, code, (size_t)(at - d->start), "%s", text);
    return NULL;
}

bool decode_any_header(struct decoder *d, const uint8_t *at, const struct ber_header *parent,
                       struct ber_header *header) {
    enum ber_error_code code = ber_header_read(at, parent->end, parent->open, header);
    if (code == BER_OK && ber_header_id(header) != 0)
        return true;
    if (code == BER_OK) /* X.690 §8.1.5 keeps it for end-of-contents */
        code = BER_TAG;
    const char *what = code == BER_TRUNCATED ? "the input ends inside an identifier or length"
                       : code == BER_TAG     ? "no tag that X.690 allows"
                                             : "a length that runs out of the enclosing value";
    decode_fail(d, code, at, "%s", what);
    return false;
}

bool decode_at_odd_end(struct decoder *d, const struct ber_header *h, const uint8_t *at,
                       const uint8_t **behind) {
    if (!h->indefinite) {
        if (at != h->end)
            return false;
        *behind = decode_fail(d, BER_TRUNCATED, at, "the input ends inside the value");
        return true;
    }
    if (h->end - at >= 2 && at[0] == 0 && at[1] == 0) {
        *behind = at + 2;
        return true;
    }
    if (at == h->end) {
        *behind = decode_fail(d, h->open ? BER_TRUNCATED : BER_LENGTH, at, "no end-of-contents octets");
        return true;
    }
    return false;
}

const uint8_t *decode_skip(struct decoder *d, const struct ber_header *h) {
    if (h->cut)
        return decode_fail(d, BER_TRUNCATED, h->end, "the input ends inside the value");
    if (!h->indefinite)
        return h->end;
    enum ber_error_code why;
    const uint8_t *behind = ber_find_end(h->contents, h->end, d->depth, &why);
    return behind ? behind
                  : decode_fail(d, why, h->start, "an element of indefinite length has no proper end");
}
