#include "octets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t *take(size_t length) {
    uint8_t *memory = malloc(length ? length : 1);
    if (!memory) {
        fputs("p1load: out of memory\n", stderr);
        exit(2);
    }
    return memory;
}

struct octets octets_of(const void *data, size_t length) {
    return (struct octets){data, length};
}

struct octets octets_text(const char *text) {
    return octets_of(text, strlen(text));
}

struct octets octets_hex(const char *digits) {
    uint8_t *out = take(strlen(digits) / 2 + 1);
    size_t count = 0;
    for (const char *at = digits; *at; at++) {
        if (*at == ' ') {
            continue;
        }
        char pair[3] = {at[0], at[1], 0};
        out[count++] = (uint8_t)strtoul(pair, NULL, 16);
        at++;
    }
    return octets_of(out, count);
}

struct octets octets_join(size_t count, const struct octets *parts) {
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += parts[i].length;
    }
    uint8_t *out = take(total);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].length) {
            memcpy(out + at, parts[i].data, parts[i].length);
        }
        at += parts[i].length;
    }
    return octets_of(out, total);
}

struct octets ber_header(uint8_t identifier, uint64_t length) {
    uint8_t *out = take(10);
    out[0] = identifier;
    if (length < 0x80) {
        out[1] = (uint8_t)length;
        return octets_of(out, 2);
    }
    size_t count = 0;
    for (uint64_t rest = length; rest; rest >>= 8) {
        count++;
    }
    out[1] = (uint8_t)(0x80 | count);
    for (size_t i = 0; i < count; i++) {
        out[2 + i] = (uint8_t)(length >> 8 * (count - 1 - i));
    }
    return octets_of(out, 2 + count);
}

struct octets ber_tlv(uint8_t identifier, struct octets contents) {
    return JOIN(ber_header(identifier, contents.length), contents);
}

struct octets ber_integer(uint8_t identifier, uint32_t value) {
    uint8_t *out = take(5);
    size_t count = 0;
    for (int shift = 32; shift >= 0; shift -= 8) {
        uint8_t octet = shift == 32 ? 0 : (uint8_t)(value >> shift);
        int needed = shift == 0 || count || value >> (shift - 1);
        if (needed) {
            out[count++] = octet;
        }
    }
    return ber_tlv(identifier, octets_of(out, count));
}

static int read_length(const struct octets *from, size_t *at, size_t *length, int *indefinite) {
    size_t first = from->data[(*at)++];
    *indefinite = first == 0x80;
    *length = first;
    if (first <= 0x80) {
        return 1;
    }
    size_t count = first & 0x7f;
    if (count > 8 || *at + count > from->length) {
        return 0;
    }
    *length = 0;
    for (size_t i = 0; i < count; i++) {
        *length = *length << 8 | from->data[(*at)++];
    }
    return 1;
}

/* The length of the elements up to the end-of-contents octets. */
static size_t indefinite_length(struct octets inside) {
    const uint8_t *start = inside.data;
    struct element element;
    while (inside.length >= 2 && (inside.data[0] || inside.data[1])) {
        if (!ber_next(&inside, &element)) {
            break;
        }
    }
    return (size_t)(inside.data - start);
}

int ber_next(struct octets *from, struct element *element) {
    size_t at = 1, length;
    int indefinite;
    if (from->length < 2 || !read_length(from, &at, &length, &indefinite)) {
        return 0;
    }
    element->identifier = from->data[0];
    if (indefinite) {
        length = indefinite_length(octets_of(from->data + at, from->length - at));
    }
    if (length > from->length - at) {
        return 0;
    }
    element->contents = octets_of(from->data + at, length);
    at += length + (indefinite ? 2 : 0);
    if (at > from->length) {
        return 0;
    }
    *from = octets_of(from->data + at, from->length - at);
    return 1;
}

struct octets ber_find(struct octets in, uint8_t identifier) {
    struct element element;
    while (ber_next(&in, &element)) {
        if (element.identifier == identifier) {
            return element.contents;
        }
    }
    return octets_of(NULL, 0);
}

uint32_t ber_number(struct octets contents) {
    uint32_t value = 0;
    for (size_t i = 0; i < contents.length; i++) {
        value = value << 8 | contents.data[i];
    }
    return value;
}
