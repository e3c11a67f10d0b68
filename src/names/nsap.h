/*
 * Network addresses in octets (X.213 annex A), and TCP hosts in that form
 * (RFC 1277 §4.5): AFI 54, IDI 00728722, prefix 03, then twelve digits of IPv4,
 * perhaps five of port and five of transport set.
 */
#ifndef NAMES_NSAP_H
#define NAMES_NSAP_H

#include "base/arena.h"
#include "base/span.h"

enum { NSAP_MAX = 20 };

/* Digits to semi-octets, an odd one filled with F. False over NSAP_MAX octets. */
bool nsap_of_digits(const char *digits, uint8_t out[NSAP_MAX], size_t *len);

/* RFC 1278's user-oriented form: AFI's name, IDI, and DSP with its letter (`d`, `x`), or empty. False if it
 * is none. */
bool nsap_of_parts(struct span afi, struct span idi, struct span dsp, uint8_t out[NSAP_MAX], size_t *len);

/* The TCP host that an NSAP of RFC 1277 means: dotted IPv4, port (0: none is named), transport set. */
bool nsap_to_tcp(struct span nsap, char host[16], uint16_t *port, uint16_t *transport);

/* The NSAP of a host. False when `host` is no dotted IPv4 address. */
bool nsap_of_tcp(struct span host, uint16_t port, uint16_t transport, uint8_t out[NSAP_MAX], size_t *len);

#endif
