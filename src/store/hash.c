#include "store/store_private.h"

#define ROTATE(x, n) ((x) << (n) | (x) >> (64 - (n)))

static void sip_round(uint64_t v[4]) {
    v[0] += v[1], v[1] = ROTATE(v[1], 13) ^ v[0], v[0] = ROTATE(v[0], 32);
    v[2] += v[3], v[3] = ROTATE(v[3], 16) ^ v[2];
    v[0] += v[3], v[3] = ROTATE(v[3], 21) ^ v[0];
    v[2] += v[1], v[1] = ROTATE(v[1], 17) ^ v[2], v[2] = ROTATE(v[2], 32);
}

/* SipHash-1-3 (Aumasson and Bernstein), cut to 63 bits since SQLite's integers are signed. */
static uint64_t sip_hash(uint64_t k0, uint64_t k1, struct span s) {
    uint64_t last = (uint64_t)s.len << 56;
    uint64_t v[4] = {k0 ^ UINT64_C(0x736F6D6570736575), k1 ^ UINT64_C(0x646F72616E646F6D),
                     k0 ^ UINT64_C(0x6C7967656E657261), k1 ^ UINT64_C(0x7465646279746573)};
    size_t i = 0;
    for (; i + 8 <= s.len; i += 8) {
        uint64_t m;
        memcpy(&m, s.data + i, 8);
        v[3] ^= m;
        sip_round(v);
        v[0] ^= m;
    }
    for (size_t j = 0; i + j < s.len; j++)
        last |= (uint64_t)s.data[i + j] << (8 * j);
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xFF;
    for (int n = 0; n < 3; n++)
        sip_round(v);
    uint64_t hash = (v[0] ^ v[1] ^ v[2] ^ v[3]) >> 1;
    return hash ? hash : 1;
}

uint64_t store_hash(const struct store *store, struct span s) {
    return sip_hash(store->secret[0], store->secret[1], s);
}

uint64_t store_checksum(struct span s) {
    return sip_hash(0, 0, s);
}

uint64_t store_sum(const int64_t *numbers, size_t count, const struct span *spans, size_t span_count) {
    uint64_t sum = sip_hash(0, 0, span_of(numbers, count * sizeof *numbers));
    for (size_t i = 0; i < span_count; i++)
        sum = sip_hash(sum, i + 1, spans[i]);
    return sum;
}
