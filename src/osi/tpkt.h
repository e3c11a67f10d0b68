/* Packets on a TCP stream: version 3, a reserved octet, a 16-bit length, then one TPDU (RFC 1006 §6). */
#ifndef OSI_TPKT_H
#define OSI_TPKT_H

#include "base/buf.h"
#include "base/span.h"

#define TPKT_HEADER  4
#define TPKT_MAXIMUM 65535
#define TPKT_MINIMUM 7 /* header and the smallest TPDU, three octets (RFC 1006 §6) */

struct tpkt {
    struct buf partial; /* the start of a packet that is not whole yet */
    bool delivered;     /* `partial` holds the packet that was given out last */
};

enum tpkt_result { TPKT_MORE, TPKT_PACKET, TPKT_BAD, TPKT_MEMORY };

void tpkt_init(struct tpkt *t);
void tpkt_free(struct tpkt *t);

/*
 * Takes octets of the stream up to the end of one packet; `*used` says how many.
 * TPKT_PACKET: `*tpdu` holds the TPDU, valid until the next call and as long as
 * `in`. A packet that lies whole in `in` is not copied.
 */
enum tpkt_result tpkt_input(struct tpkt *t, struct span in, size_t *used, struct span *tpdu);

/* Forgets the packet that was given out last; gives its memory back if it is large. */
void tpkt_release(struct tpkt *t);

/* What opens a connection is secret, and its buffer is wiped; what comes from now on is not. */
void tpkt_no_secret(struct tpkt *t);

/* True while the start of a packet waits for its rest. */
bool tpkt_is_partial(const struct tpkt *t);

/* Writes the header of a packet that carries `tpdu_len` octets. */
void tpkt_header(uint8_t out[static TPKT_HEADER], size_t tpdu_len);

#endif
