/*
 * The application contexts of X.419 in one table: what each is called, which
 * user of an association it names (RTSE, ROSE, or ROSE over RTSE), and which
 * abstract syntaxes must be defined for it. Their object identifiers are those
 * of schema/x419.asn1.
 *
 * Sources: X.419 (06/1999) §8, §9, Annexes A to C (MHSProtocolObjectIdentifiers,
 * MTSAccessProtocol, MSAccessProtocol, MTSTransferProtocol); the forms of 1988
 * bear `88` there, for those of 1994 have other object identifiers.
 */
#ifndef OSI_CONTEXT_H
#define OSI_CONTEXT_H

#include "base/span.h"

/* They can be or'ed: what a responder accepts. */
enum osi_context {
    OSI_MTS_TRANSFER = 1,               /* normal mode */
    OSI_MTS_TRANSFER_PROTOCOL = 2,      /* X.410-1984 mode, application protocol 12, 1988 content */
    OSI_MTS_TRANSFER_PROTOCOL_1984 = 4, /* X.410-1984 mode, application protocol 1 or absent */
    OSI_MTS_ACCESS_88 = 1 << 3,
    OSI_MTS_FORCED_ACCESS_88 = 1 << 4,
    OSI_MTS_RELIABLE_ACCESS_88 = 1 << 5,
    OSI_MTS_FORCED_RELIABLE_ACCESS_88 = 1 << 6,
    OSI_MS_ACCESS_88 = 1 << 7,
    OSI_MS_RELIABLE_ACCESS_88 = 1 << 8,
    OSI_MTS_ACCESS_94 = 1 << 9,
    OSI_MTS_FORCED_ACCESS_94 = 1 << 10,
    OSI_MTS_RELIABLE_ACCESS_94 = 1 << 11,
    OSI_MTS_FORCED_RELIABLE_ACCESS_94 = 1 << 12,
    OSI_MS_ACCESS_94 = 1 << 13,
    OSI_MS_RELIABLE_ACCESS_94 = 1 << 14,
};

#define OSI_CONTEXT_COUNT 15
#define OSI_ALL_TRANSFER  (OSI_MTS_TRANSFER | OSI_MTS_TRANSFER_PROTOCOL | OSI_MTS_TRANSFER_PROTOCOL_1984)
#define OSI_ALL_CONTEXTS  ((1u << OSI_CONTEXT_COUNT) - 1)

/* Abstract syntaxes by what they are for. */
enum osi_syntax {
    OSI_SYNTAX_NONE,
    OSI_SYNTAX_ACSE,
    OSI_SYNTAX_RTSE,       /* id-as-mta-rtse, -mts-rtse, -ms-rtse, and RTSE's own name */
    OSI_SYNTAX_MTS_BIND,   /* id-as-mts: bind and unbind of P3 */
    OSI_SYNTAX_MS_BIND_88, /* id-as-ms: of P7 */
    OSI_SYNTAX_MS_BIND_94,
    OSI_SYNTAX_MTSE,    /* message transfer (P1) */
    OSI_SYNTAX_MSSE,    /* message submission (P3, and P7 of 1988) */
    OSI_SYNTAX_MS_MSSE, /* message submission to a message store (P7 of 1994) */
    OSI_SYNTAX_MDSE_88, /* message delivery (P3) */
    OSI_SYNTAX_MDSE_94,
    OSI_SYNTAX_MRSE_88, /* message retrieval (P7) */
    OSI_SYNTAX_MRSE_94,
    OSI_SYNTAX_MASE_88, /* message administration (P3, P7) */
    OSI_SYNTAX_MASE_94,
    OSI_SYNTAXES
};

/* What a context carries over session and presentation. */
enum osi_user {
    OSI_USER_RTSE,           /* APDUs by RT-TRANSFER */
    OSI_USER_ROSE,           /* remote operations by P-DATA */
    OSI_USER_ROSE_OVER_RTSE, /* remote operations by RT-TRANSFER */
};

/* Who opens an association of the context. */
enum osi_initiator { OSI_BY_MTA, OSI_BY_MTS_USER, OSI_BY_MTS, OSI_BY_MS_USER };

#define OSI_CONTEXT_SYNTAXES 3

struct osi_context_row {
    enum osi_context context;
    const char *name;             /* as X.419 has it, with the year where it gives two */
    const struct span *oid;       /* contents octets of the object identifier; NULL in X.410 mode */
    int64_t application_protocol; /* X.410 mode: what stands in RTORQ */
    enum osi_user user;
    enum osi_initiator initiator;
    unsigned edition;        /* 1984, 1988, 1994 */
    enum osi_syntax carrier; /* of the user's APDU in ACSE's user information: RTSE's, or that of the bind */
    const struct span *carrier_oid;                 /* the name by which it is proposed */
    enum osi_syntax syntaxes[OSI_CONTEXT_SYNTAXES]; /* of the application; the rest are none */
};

/* The row of one context; of none the first, so that there always is one. */
const struct osi_context_row *osi_context_row(enum osi_context context);

/* The row whose name or object identifier this is, or NULL. */
const struct osi_context_row *osi_context_by_name(const char *name);
const struct osi_context_row *osi_context_by_oid(struct span oid);

/* The row of X.410 mode for an application protocol of RTORQ (absent: 1), or NULL. */
const struct osi_context_row *osi_context_by_protocol(int64_t application_protocol);

/* True if the application of the context needs the abstract syntax, or its bind does. */
bool osi_context_uses(const struct osi_context_row *row, enum osi_syntax syntax);

/* An abstract syntax's kind (OSI_SYNTAX_NONE: unknown here), its first name and what people call it. */
enum osi_syntax osi_syntax_by_oid(struct span oid);
struct span osi_syntax_oid(enum osi_syntax syntax);
const char *osi_syntax_name(enum osi_syntax syntax);

#endif
