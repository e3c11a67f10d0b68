/* Octets that a load generator sends again and again, put together once. Memory is never given back: the
 * program is short-lived and builds each template once. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct octets {
    const uint8_t *data;
    size_t length;
};

struct octets octets_of(const void *data, size_t length);
struct octets octets_text(const char *text);
/* Bytes written as hexadecimal digits, spaces allowed. */
struct octets octets_hex(const char *digits);
struct octets octets_join(size_t count, const struct octets *parts);
#define JOIN(...)                                                                                            \
    octets_join(sizeof((struct octets[]){__VA_ARGS__}) / sizeof(struct octets),                              \
                (struct octets[]){__VA_ARGS__})

/* The identifier octet and a definite length, for contents of `length` octets that follow elsewhere. */
struct octets ber_header(uint8_t identifier, uint64_t length);
struct octets ber_tlv(uint8_t identifier, struct octets contents);
struct octets ber_integer(uint8_t identifier, uint32_t value);

/* One element as read: identifier octet (low tag form), contents. */
struct element {
    uint8_t identifier;
    struct octets contents;
};
/* Takes the next element off `*from`. False at the end or when it isn't whole; indefinite lengths are
 * accepted. */
int ber_next(struct octets *from, struct element *element);
/* The first child of `in` with the identifier; contents NULL when there is none. */
struct octets ber_find(struct octets in, uint8_t identifier);
uint32_t ber_number(struct octets contents);
