/*
 * Presentation addresses (X.213, X.216) as people write them (RFC 1278) and as
 * OSI over TCP uses them (RFC 1006, RFC 1277):
 *
 *   "591"/Internet=gw.example.net+102          T-selector and a TCP host
 *   #63/#41/#12/Internet=192.0.2.7             all selectors, GOSIP numbers
 *   'a0ff'H/TELEX+00728722+RFC-1006+03+10.0.0.6+9001
 *   "p1"/Internet=[2001:db8::1]+102            IPv6 in brackets (ours; RFC 1278 knows none)
 *   "x400in88"/NS+54007287220301000000000600102f
 */
#ifndef NAMES_PADDRESS_H
#define NAMES_PADDRESS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "schema/x501.h"

enum { PADDRESS_MAX_SELECTOR = 32, PADDRESS_MAX_NETWORK = 8, PADDRESS_DEFAULT_PORT = 102 };

enum paddress_kind {
    PADDRESS_TCP = 1, /* a host reached by RFC 1006 */
    PADDRESS_NSAP     /* another network address, in octets: nothing that we can call */
};

struct paddress_network {
    enum paddress_kind kind;
    struct span host;   /* name, IPv4 or IPv6 address as text (no brackets), NUL after it */
    uint16_t port;      /* 102 when the text names none */
    uint16_t transport; /* RFC 1277's transport set; 1 is TCP */
    struct span nsap;   /* PADDRESS_NSAP: X.213's concrete binary form */
};

struct paddress {
    struct span p_selector, s_selector, t_selector; /* absent when `data` is NULL; empty is another thing */
    struct paddress_network networks[PADDRESS_MAX_NETWORK];
    size_t count; /* 0: selectors alone, as a listener has them */
};

enum paddress_error { PADDRESS_SYNTAX = 1, PADDRESS_TOO_LONG, PADDRESS_MEMORY };

/* Reads RFC 1278 text. Macros known: Internet, Internet-RFC-1006. A text of selectors that ends in `/` has no
 * network address. An NSAP of RFC 1277's form (NS+54007287220 3…) is read as the TCP host that it means. */
bool paddress_parse(struct span text, struct arena *arena, struct paddress *address, struct error *err);

/* Appends the text: selectors as "…" if they are letters, digits, `+`, `-` and `.`, else '…'H; TCP hosts by
 * the macro Internet, with the port unless it is 102. Reading it back gives an equal address. */
bool paddress_print(const struct paddress *address, struct buf *out);

bool paddress_equal(const struct paddress *a, const struct paddress *b);

/* X.520 PresentationAddress to this and back. IPv4 hosts become RFC 1277 NSAPs; a host that is a name or an
 * IPv6 address has none, which is an error (PADDRESS_SYNTAX). */
bool paddress_of(const struct x501_PresentationAddress *wire, struct arena *arena, struct paddress *address);
bool paddress_build(const struct paddress *address, struct arena *arena,
                    struct x501_PresentationAddress *wire, struct error *err);

#endif
