/*
 * The presentation protocol machine (X.226), kernel only, as its PPDUs stand in
 * session user data. In normal mode it negotiates contexts and wraps APDUs; in
 * X.410-1984 mode it takes no part after the mode selector, whose connect, accept,
 * refuse and abort PPDUs are RTSE's own (rtse_pdu.h).
 *
 * All results live in `arena`, all inputs must outlive them. Functions return
 * false after a protocol error or without memory; `cause` then tells.
 */
#ifndef OSI_PRESENTATION_H
#define OSI_PRESENTATION_H

#include "base/arena.h"
#include "osi/cause.h"
#include "osi/context.h"

#define PRESENTATION_CONTEXTS_MAXIMUM 32
#define PRESENTATION_SELECTOR_MAXIMUM 16

/* X.226 Annex A. */
enum presentation_state {
    STAI0, /* idle */
    STAI1, /* wait for the CPA PPDU */
    STAI2, /* wait for P-CONNECT response */
    STAt0, /* connected */
};

struct presentation {
    enum presentation_state state;
    struct arena *arena;
    struct osi_cause *cause;
    unsigned application_contexts;     /* those that may be asked for; one, when we ask */
    const struct osi_context_row *row; /* the application context; NULL before it is known */
    int64_t context[OSI_SYNTAXES];     /* presentation context identifiers, 0 none: of several of
                                          one kind the first */
    enum osi_syntax proposed[2 + OSI_CONTEXT_SYNTAXES]; /* by us, in their order */
    uint8_t results[PRESENTATION_CONTEXTS_MAXIMUM];     /* of the proposed contexts, in their order */
    size_t result_count;
};

struct presentation_connect {
    bool x410;
    struct span calling, called; /* P-selectors; in the accept: `called` is the responding one */
    struct span user_data;       /* one APDU of ACSE */
};

/* Provider-reason of CPR. */
enum presentation_refuse {
    PRESENTATION_REASON_NOT_SPECIFIED = 0,
    PRESENTATION_ADDRESS_UNKNOWN = 3,
    PRESENTATION_VERSION_NOT_SUPPORTED = 4,
    PRESENTATION_USER_DATA_NOT_READABLE = 6,
    PRESENTATION_USER_REFUSES = -1, /* no provider reason: the user data tell */
};

/* Abort-reason of ARP. */
enum presentation_abort {
    PRESENTATION_UNRECOGNIZED_PPDU = 1,
    PRESENTATION_UNEXPECTED_PPDU = 2,
    PRESENTATION_UNEXPECTED_SESSION_PRIMITIVE = 3,
    PRESENTATION_INVALID_PARAMETER_VALUE = 6,
};

void presentation_init(struct presentation *p, struct arena *arena, struct osi_cause *cause,
                       unsigned application_contexts);

/* P-CONNECT request: the CP PPDU with the contexts of ACSE and of the abstract syntaxes that the one
 * application context needs. */
bool presentation_connect(struct presentation *p, const struct presentation_connect *c, struct span *ppdu);

/*
 * Reads a CP PPDU. With `x410` set nothing more is read and the PPDU is RTSE's.
 * On false `*refuse_reason` holds the provider reason for presentation_refuse.
 */
bool presentation_connect_indication(struct presentation *p, struct span ppdu, struct presentation_connect *c,
                                     int *refuse_reason);

/*
 * The application context that was asked for. False (a refusal without further
 * reason) if what it can't do without is not defined: the syntax of its bind,
 * and that of the transfer, or of one of its ports.
 */
bool presentation_settle(struct presentation *p, const struct osi_context_row *row);

bool presentation_accept(struct presentation *p, struct span responding, struct span user_data,
                         struct span *ppdu);
bool presentation_refuse(struct presentation *p, int reason, struct span user_data, struct span *ppdu);

/* Reads the CPA and CPR PPDUs. A CPR's user data may be absent; `*reason` is -1 when the user refused. */
bool presentation_accepted(struct presentation *p, struct span ppdu, struct presentation_connect *c);
bool presentation_refused(struct presentation *p, struct span ppdu, struct span *user_data, int *reason);

/* The presentation context of the user's APDU that goes with ACSE's. */
int64_t presentation_carrier(const struct presentation *p);

/* The abstract syntax of a presentation context; none where it is not defined. */
enum osi_syntax presentation_syntax(const struct presentation *p, int64_t context);

/* One APDU as fully encoded user data, and back: `*syntax` tells whose it is. */
bool presentation_wrap(struct presentation *p, enum osi_syntax syntax, struct span apdu, struct span *ppdu);
bool presentation_unwrap(struct presentation *p, struct span ppdu, enum osi_syntax *syntax,
                         struct span *apdu);

/* ARU with an ABRT APDU, and ARP. */
bool presentation_user_abort(struct presentation *p, struct span apdu, struct span *ppdu);
bool presentation_provider_abort(struct presentation *p, enum presentation_abort reason, struct span *ppdu);

/* Reads session abort data: `apdu` is absent after ARP, whose reason is `*reason` (-1 none). */
bool presentation_aborted(struct presentation *p, struct span ppdu, struct span *apdu, int *reason);

#endif
