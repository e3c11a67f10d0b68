/* Random values for tests: valid by the type's bounds and repertoires, with edge cases more often than chance
 * has them. */
#ifndef ASN1_RANDOM_H
#define ASN1_RANDOM_H

#include "asn1/ber.h"

/*
 * Fills `value`, all of it in `arena`. The same seed gives the same value.
 * False when memory is short or the type can't end (a SEQUENCE that contains
 * itself without a way out).
 */
bool ber_random(const struct ber_type *type, uint64_t seed, struct arena *arena, void *value);

#endif
