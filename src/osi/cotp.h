/*
 * COTP class 0 (X.224) over TPKT, one transport connection. The states and
 * TPDUs bear X.224's names. A CR is answered here at once: class 0 has nothing
 * that the user must decide but the T-selector, which is a parameter.
 */
#ifndef OSI_COTP_H
#define OSI_COTP_H

#include "base/buf.h"
#include "osi/cause.h"
#include "osi/tpkt.h"

#define COTP_TSELECTOR_MAXIMUM 32
#define COTP_TPDU_MINIMUM      128
#define COTP_TPDU_MAXIMUM      65531

/* X.224 Annex A, the states that class 0 knows. */
enum cotp_state { COTP_CLOSED, COTP_WFCC, COTP_WFCR, COTP_OPEN };

/* DR reasons (X.224 §13.5.3). */
enum cotp_reason {
    COTP_REASON_NOT_SPECIFIED = 0,
    COTP_REASON_CONGESTION_AT_TSAP = 1,
    COTP_REASON_SESSION_ENTITY_NOT_ATTACHED = 2,
    COTP_REASON_ADDRESS_UNKNOWN = 3,
    COTP_REASON_NORMAL = 128,
    COTP_REASON_CONGESTION = 129,
    COTP_REASON_NEGOTIATION_FAILED = 130,
    COTP_REASON_DUPLICATE_REFERENCE = 131,
    COTP_REASON_MISMATCHED_REFERENCES = 132,
    COTP_REASON_PROTOCOL_ERROR = 133,
    COTP_REASON_REFERENCE_OVERFLOW = 135,
    COTP_REASON_REFUSED_ON_THIS_CONNECTION = 136,
    COTP_REASON_INVALID_LENGTH = 138,
};

/* A T-selector kept inside the object: `len` is -1 when absent. */
struct cotp_selector {
    int len;
    uint8_t octets[COTP_TSELECTOR_MAXIMUM];
};

struct cotp {
    enum cotp_state state;
    struct tpkt tpkt;
    struct buf *out;         /* the association's output */
    struct osi_cause *cause; /* filled when something fails */
    unsigned tpdu_size;      /* ours, then what was agreed */
    uint16_t local_reference, remote_reference;
    struct cotp_selector calling, called; /* initiator: sent; responder: received */
    const struct span *required; /* responder: the called T-selector must be one of these; the owner's */
    size_t required_count;       /* 0: any */
    bool preferred_proposed;
};

enum cotp_event {
    COTP_NOTHING,
    COTP_T_CONNECT,    /* the connection is open: T-CONNECT confirm, or the CR was accepted */
    COTP_T_DATA,       /* `data` is a part of a TSDU */
    COTP_T_DISCONNECT, /* it is over; `cause` tells */
};

struct cotp_indication {
    enum cotp_event event;
    struct span data; /* valid until the next cotp_input */
    bool end;         /* the TSDU ends with `data` */
};

/* `tpdu_size` 128 to 65531. Selectors are copied; longer than 32 octets is false. */
bool cotp_init(struct cotp *c, struct buf *out, struct osi_cause *cause, unsigned tpdu_size,
               struct span calling, struct span called);
void cotp_free(struct cotp *c);

/* Initiator: T-CONNECT request, writes the CR. */
bool cotp_connect(struct cotp *c);

/* Responder: waits for a CR whose called T-selector is one of `required`, which stays the caller's and valid
 * as long as `c`; with a count of 0 any is. */
void cotp_listen(struct cotp *c, const struct span *required, size_t required_count);

/* Takes octets of the TCP stream up to one TPDU; `*used` says how many. */
struct cotp_indication cotp_input(struct cotp *c, struct span in, size_t *used);

/*
 * T-DATA request: octets of a TSDU, made of `count` parts in order, cut into DTs;
 * `end` says that the TSDU ends with them. False without memory.
 */
bool cotp_data(struct cotp *c, const struct span *parts, size_t count, bool end);

/* The received or sent selectors, as spans into the object; absent ones have no data. */
struct span cotp_selector_span(const struct cotp_selector *selector);

#endif
