/* asn1c's code for envelope.asn1, behind functions that need none of its headers. */
#ifndef BENCH_BER_PEER_H
#define BENCH_BER_PEER_H

#include <stddef.h>

/* The decoded envelope, or NULL. */
void *peer_decode(const void *octets, size_t len);

/* Octets written into `out`, 0 on failure. */
size_t peer_encode(void *envelope, void *out, size_t size);

void peer_free(void *envelope);

/* The same, compiled without asn1c's calls for debugging. */
void *lean_decode(const void *octets, size_t len);
size_t lean_encode(void *envelope, void *out, size_t size);
void lean_free(void *envelope);

#endif
