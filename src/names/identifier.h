/*
 * Identifiers of domains and messages as text: `/PRMD=ALPHA/ADMD=GOLD/C=GB/` and
 * `[/PRMD=ALPHA/ADMD=GOLD/C=GB/;local-id]` (RFC 2156 §5.3.6, X400-MTS-Identifier).
 */
#ifndef NAMES_IDENTIFIER_H
#define NAMES_IDENTIFIER_H

#include "names/oraddress.h"

/* Reads a global domain identifier: an O/R address of country, ADMD and perhaps PRMD, in any spelling. */
bool domain_parse(struct span text, struct arena *arena, struct x411_GlobalDomainIdentifier *domain,
                  struct error *err);

/* The identifier as an address of up to three attributes; false without memory. */
bool domain_of(const struct x411_GlobalDomainIdentifier *domain, struct arena *arena,
               struct oraddress *address);
bool domain_build(const struct oraddress *address, struct arena *arena,
                  struct x411_GlobalDomainIdentifier *domain, struct error *err);

/* Appends `/PRMD=ALPHA/ADMD=GOLD/C=GB/`, as RFC 2156 writes it in identifiers and trace. */
bool domain_print(const struct x411_GlobalDomainIdentifier *domain, struct buf *out);

/* Equal as O/R addresses are; no memory is needed. */
bool domain_equal(const struct x411_GlobalDomainIdentifier *a, const struct x411_GlobalDomainIdentifier *b);

/* `[domain;local-id]`; the brackets may be missing on reading. */
bool mts_identifier_parse(struct span text, struct arena *arena, struct x411_MTSIdentifier *identifier,
                          struct error *err);
bool mts_identifier_print(const struct x411_MTSIdentifier *identifier, struct buf *out);
bool mts_identifier_equal(const struct x411_MTSIdentifier *a, const struct x411_MTSIdentifier *b);

#endif
