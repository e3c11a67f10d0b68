/*
 * A sieve tells which keys are surely not in a table, so that nobody need ask
 * for them: a Bloom filter of the keys' hashes. It is filled from the table
 * piece by piece; whoever writes a key puts it in too, meanwhile and after.
 * Until it is full every key may be there. Keys that went stay in it, so it is
 * filled anew, beside itself, when twice as many were put in as it was made of.
 */
#ifndef STORE_POSTGRES_SIEVE_H
#define STORE_POSTGRES_SIEVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sieve_bits {
    uint64_t *words;
    uint64_t bits; /* a power of two */
    uint64_t keys; /* that were put in */
};

struct sieve {
    struct sieve_bits whole, next; /* without words: there is none */
    uint64_t fresh_until;          /* keys in `whole` above which it should be filled anew */
};

void sieve_free(struct sieve *sieve);
/* False: the key is not there. */
bool sieve_may_have(const struct sieve *sieve, uint64_t hash);
void sieve_put(struct sieve *sieve, uint64_t hash);

/* Should it be filled, from the beginning of the table? */
bool sieve_wants(const struct sieve *sieve);
/* Filling begins, for about that many keys. False without memory. */
bool sieve_begin(struct sieve *sieve, uint64_t keys);
bool sieve_is_filling(const struct sieve *sieve);
/* A key of the table. False: there are far more than was said, and it has to begin again for more. */
bool sieve_fill(struct sieve *sieve, uint64_t hash);
/* That were all. */
void sieve_filled(struct sieve *sieve);

#endif
