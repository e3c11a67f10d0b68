#include "store/postgres/sieve.h"

#include "base/alloc.h"

#define HASH_BITS 4
/* For each key that is expected; one key in 400 is then asked for in vain, and one in 40 when it is as full
 * as it may get. */
#define KEY_BITS 16
#define LEAST    (UINT64_C(1) << 20)
#define MOST     (UINT64_C(1) << 29) /* 64 MiB */

static void bits_free(struct sieve_bits *bits) {
    mem_free(bits->words);
    *bits = (struct sieve_bits){0};
}

void sieve_free(struct sieve *sieve) {
    bits_free(&sieve->whole);
    bits_free(&sieve->next);
}

/* Double hashing; the second step is odd, so that it meets all bits. */
static uint64_t bit_of(const struct sieve_bits *bits, uint64_t hash, unsigned i) {
    return (hash + i * ((hash >> 31) | 1) * UINT64_C(0x9E3779B1)) & (bits->bits - 1);
}

static bool has(const struct sieve_bits *bits, uint64_t hash) {
    for (unsigned i = 0; i < HASH_BITS; i++) {
        uint64_t bit = bit_of(bits, hash, i);
        if (!(bits->words[bit / 64] >> bit % 64 & 1))
            return false;
    }
    return true;
}

static void put(struct sieve_bits *bits, uint64_t hash) {
    if (!bits->words)
        return;
    bits->keys++;
    for (unsigned i = 0; i < HASH_BITS; i++) {
        uint64_t bit = bit_of(bits, hash, i);
        bits->words[bit / 64] |= UINT64_C(1) << bit % 64;
    }
}

bool sieve_may_have(const struct sieve *sieve, uint64_t hash) {
    return !sieve->whole.words || has(&sieve->whole, hash);
}

void sieve_put(struct sieve *sieve, uint64_t hash) {
    put(&sieve->whole, hash);
    put(&sieve->next, hash);
}

/* ---- filling ---- */

bool sieve_wants(const struct sieve *sieve) {
    return !sieve->next.words && (!sieve->whole.words || sieve->whole.keys > sieve->fresh_until);
}

bool sieve_begin(struct sieve *sieve, uint64_t keys) {
    uint64_t bits = LEAST;
    while (bits < MOST && bits / KEY_BITS < keys)
        bits *= 2;
    bits_free(&sieve->next);
    sieve->next = (struct sieve_bits){mem_alloc(bits / 8), bits, 0};
    return sieve->next.words != NULL;
}

bool sieve_is_filling(const struct sieve *sieve) {
    return sieve->next.words != NULL;
}

bool sieve_fill(struct sieve *sieve, uint64_t hash) {
    put(&sieve->next, hash);
    return sieve->next.bits == MOST || sieve->next.keys <= sieve->next.bits / KEY_BITS;
}

void sieve_filled(struct sieve *sieve) {
    uint64_t room = sieve->next.bits / KEY_BITS;
    bits_free(&sieve->whole);
    sieve->whole = sieve->next;
    sieve->next = (struct sieve_bits){0};
    sieve->fresh_until = 2 * (sieve->whole.keys > room ? sieve->whole.keys : room);
}
