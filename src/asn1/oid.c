#include <stdio.h>

#include "asn1/ber_private.h"

#define MAX_OID 128 /* contents octets that ber_oid_parse makes at most */

bool ber_oid_check(struct span oid) {
    if (!oid.data || oid.len == 0 || oid.data[oid.len - 1] & 0x80)
        return false;
    for (size_t i = 0; i < oid.len; i++)
        if (oid.data[i] == 0x80 && (i == 0 || !(oid.data[i - 1] & 0x80)))
            return false; /* X.690 §8.19.2: no leading zeros in a subidentifier */
    return true;
}

/* One arc in decimal; stops at the dot or the end. */
static const char *parse_arc(const char *at, uint64_t *arc) {
    if (*at < '0' || *at > '9' || (at[0] == '0' && at[1] >= '0' && at[1] <= '9'))
        return NULL;
    uint64_t read = 0;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(read, 10, &read) || __builtin_add_overflow(read, *at - '0', &read))
            return NULL;
    *arc = read;
    return at;
}

static bool put_arc(uint8_t *out, size_t *len, uint64_t arc) {
    unsigned octets = 1;
    while (octets < 10 && arc >> 7 * octets)
        octets++;
    if (*len + octets > MAX_OID)
        return false;
    for (unsigned i = octets; i-- > 0;)
        out[(*len)++] = (uint8_t)((arc >> 7 * i & 0x7F) | (i ? 0x80 : 0));
    return true;
}

bool ber_oid_parse(const char *dotted, struct arena *arena, struct span *oid) {
    uint8_t octets[MAX_OID];
    size_t len = 0;
    uint64_t first, arc;
    const char *at = parse_arc(dotted, &first);
    if (!at || first > 2 || *at++ != '.' || !(at = parse_arc(at, &arc)) || (first < 2 && arc > 39) ||
        arc > UINT64_MAX - 80 || !put_arc(octets, &len, first * 40 + arc))
        return false;
    while (*at == '.')
        if (!(at = parse_arc(at + 1, &arc)) || !put_arc(octets, &len, arc))
            return false;
    if (*at)
        return false;
    *oid = arena_dup(arena, span_of(octets, len));
    return oid->data;
}

bool ber_oid_format(struct span oid, char *out, size_t size) {
    size_t used = 0;
    uint64_t arc = 0;
    if (size)
        out[0] = '\0';
    if (!ber_oid_check(oid))
        return false;
    for (size_t i = 0, start = 0; i < oid.len; i++) {
        if (arc >> 57)
            return false;
        arc = arc << 7 | (oid.data[i] & 0x7F);
        if (oid.data[i] & 0x80)
            continue;
        char *to = used < size ? out + used : NULL;
        size_t room = to ? size - used : 0;
        unsigned root = arc < 40 ? 0 : arc < 80 ? 1 : 2;
        int len = start == 0 ? snprintf(to, room, "%u.%llu", root, (unsigned long long)(arc - root * 40))
                             : snprintf(to, room, ".%llu", (unsigned long long)arc);
        used += (size_t)len;
        start = i + 1;
        arc = 0;
    }
    return true;
}
