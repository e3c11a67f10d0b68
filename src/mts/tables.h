/*
 * The tables by which the message transfer service decides: who we are, the
 * next hops and what each can take, routes, users, distribution lists, and the
 * schedules. Whoever reads the configuration fills them; the rules only read.
 *
 * Addresses are given as text in any spelling that names/ reads (F.401,
 * RFC 1685). Everything passed in is copied. One set of tables is built, used,
 * and replaced as a whole on a reload; users and lists may also be added and
 * removed in between.
 */
#ifndef MTS_TABLES_H
#define MTS_TABLES_H

#include "base/error.h"
#include "base/span.h"

struct mts_tables;

enum mts_priority { MTS_NORMAL = 0, MTS_NON_URGENT = 1, MTS_URGENT = 2 }; /* values of x411_Priority */

enum mts_edition { MTS_EDITION_1988 = 0, MTS_EDITION_1984 }; /* 1988 stands for all later ones too */

/* A list of strings: content types (`p2`, `p22`, `edi-messaging` … or a dotted OBJECT IDENTIFIER) or encoded
 * information types (`ia5-text`, `voice` … or a dotted one). Count 0: everything is accepted. */
struct mts_names {
    const char *const *items;
    size_t count;
};

/* How long a message of one priority is tried; seconds. */
struct mts_schedule {
    int64_t expiry;        /* from its arrival here to non-delivery */
    int64_t first_retry;   /* after the first failure */
    int64_t longest_retry; /* upper end of the doubling back-off */
};

/* Who we are. */
struct mts_self {
    const char *domain;   /* our global domain identifier as an address: "/C=GB/A=GOLD/P=ALPHA" */
    const char *mta_name; /* at most 32 characters */
    bool internal_trace;  /* add internal-trace-information (default in the configuration: yes) */
    const char
        *rfc1328_address; /* below which addresses travel to peers of 1984 (RFC 1328 §3.1); NULL: none */
    bool pdau; /* a physical delivery access unit stands behind some route: don't refuse its fields */
    uint32_t max_recipients;          /* of one message, after which too-many-recipients; 0: ub-recipients */
    uint32_t dl_depth;                /* lists within lists */
    uint32_t redirections;            /* of one recipient; 0: ub-redirections */
    struct mts_schedule schedules[3]; /* by enum mts_priority */
};

/* A peer, as next hop and as sender. Its index in the tables (order of adding, from 0) is its `hop`
 * number. */
struct mts_hop {
    const char *name;     /* in the configuration, unique */
    const char *domain;   /* its global domain identifier as an address; NULL: an MTA of our own domain */
    const char *mta_name; /* for internal trace's attempted element; NULL: the name */
    enum mts_edition edition;
    /* Behind the peer only contents of 1984 are understood: others are unable-to-downgrade. */
    bool edition_1984_content_only;
    bool rfc1328; /* 1984 peers: addresses go and come as domain-defined attributes (RFC 1328 §3), and P22
                     goes as P2 where P22 is not understood (§5) */
    bool rfc1328_encapsulate; /* a body part that P2 lacks goes whole within a nationally-defined one (§6);
                                 else */
    bool rfc1328_replace;     /* a body part that P2 lacks is replaced by a text (RFC 1328 §6, option 3) */
    bool old_extension_form;  /* it reads the number of a standard extension as an explicit [0] only */
    bool defers;              /* bilateral agreement: the peer holds deferred messages itself */
    bool keep_internal_trace; /* across the domain's boundary */
    bool service_messages;    /* bilateral agreement about the service-message indicator */
    bool physical_delivery;   /* a PDAU is there or behind */
    bool dont_check_loops;    /* take what its trace says for granted, and what it would find in ours */
    /* What a foreign peer may hand over, beyond what is from its own domain and the address spaces that are
     * routed to it, for addresses of ours: patterns like a route's (authority.c). */
    bool transit; /* anything */
    struct mts_names originators;
    struct mts_names destinations;
    uint64_t max_length;     /* of a content, in octets; 0: no limit */
    uint32_t max_recipients; /* 0: no limit */
    struct mts_names content_types;
    struct mts_names eits;
    const char *bilateral; /* bilateral information that we add for its domain, as hex of one BER element;
                              NULL: none */
};

/* One of the next hops of a route. */
struct mts_choice {
    const char *hop;
    uint32_t rank;   /* lower ranks first; higher ones only when all of the lower are backing off */
    uint32_t weight; /* share among those of equal rank, from 1 */
};

enum mts_route_action {
    MTS_ROUTE_TRANSFER, /* to one of `choices` */
    MTS_ROUTE_LOCAL,    /* an address space of ours: who isn't a user or list here does not exist */
    MTS_ROUTE_REFUSE    /* non-delivery with the stated reason */
};

/*
 * A route for an address space. `pattern` is an O/R address; a value "*" matches any value of an attribute
 * that is there, "abc*" a prefix. The route with the most specific pattern wins: attributes compared in the
 * hierarchy's order (country, ADMD, PRMD, organization, units 1 to 4, then all others), exact before prefix
 * before any before not named. The empty pattern "" is the default route.
 */
struct mts_route {
    const char *pattern;
    enum mts_route_action action;
    const struct mts_choice *choices;
    size_t choice_count;
    int reason;                /* REFUSE: x411_NonDeliveryReasonCode_… */
    int diagnostic;            /* or -1: none */
    const char *supplementary; /* or NULL */
};

/* Who stands behind a copy (X.411 §8.4.1.1.1.7): of several restrictions the first that matches decides. */
enum mts_source { MTS_ORIGINATED_BY = 1, MTS_REDIRECTED_BY = 2, MTS_DL_EXPANDED_BY = 4 };
struct mts_restriction {
    bool permitted;
    unsigned sources;    /* bits of enum mts_source; 0: all */
    const char *pattern; /* like a route's; NULL: any name */
};

enum mts_objects { MTS_OBJECTS_BOTH = 0, MTS_OBJECTS_MESSAGES, MTS_OBJECTS_REPORTS };

/* A RedirectionClass (X.411 §8.4.1.1.1.6, MessageClass of 1999); parts that are empty match all. */
struct mts_class {
    struct mts_names content_types;
    struct mts_names acceptable_eits; /* matches when one of the types is in it */
    struct mts_names exclusive_eits; /* matches when all of them are; with acceptable ones either is enough */
    struct mts_names unacceptable_eits; /* never matches when one of the types is in it */
    uint64_t max_length;                /* 0: any */
    unsigned priorities;                /* bits 1 << enum mts_priority; 0: any */
    struct mts_names labels;            /* security labels (labels/label.h): one of them must match */
    enum mts_objects objects;
    const struct mts_restriction *applies_only_to; /* messages for which these say `permitted`; none: all */
    size_t applies_only_to_count;
};

struct mts_redirection {
    struct mts_class class;
    const char
        *alternate; /* the recipient-assigned alternate recipient; NULL: no redirection for this class */
};

struct mts_user {
    const char *address;
    const char
        *mailbox; /* where the deliveries go; NULL: registered but unavailable (recipient-unavailable) */
    uint64_t max_length; /* deliverable-maximum-content-length; 0: any */
    struct mts_names content_types;
    struct mts_names eits; /* exclusively acceptable; the message's types must all be in it */
    bool may_not_submit;
    bool no_implicit_conversion;                /* implicit conversion is not subscribed to */
    const struct mts_redirection *redirections; /* in order: the first class that fits counts */
    size_t redirection_count;
    const char *domain_alternate;               /* recipient-MD-assigned alternate recipient; NULL: none */
    const struct mts_restriction *restrictions; /* restricted delivery; permitted when none matches */
    size_t restriction_count;
    /* Security labels (labels/label.h) of what may be delivered, one of which must match: a message without a
     * label counts as `unmarked`. None: every label. */
    struct mts_names labels;
};

/* What becomes of reports on messages that a list expanded (X.411 §14.3, DL-policy's report propagation).
 */
enum mts_dl_reports {
    MTS_DL_REPORTS_TO_ORIGINATOR, /* pass it back along the history (the default) */
    MTS_DL_REPORTS_TO_OWNER,      /* to the owner only */
    MTS_DL_REPORTS_TO_BOTH
};

struct mts_dl {
    const char *address;
    const char *const *members; /* addresses, or `DN:` and a directory name */
    size_t member_count;
    const char *const *submitters; /* patterns of those with permission to submit; none: everybody */
    size_t submitter_count;
    const char *owner; /* where reports go by policy; NULL: to the originator in any case */
    enum mts_dl_reports reports;
    bool expansion_is_delivery; /* report delivery (type dl) on expansion; else members' reports answer for it
                                 */
    bool remove_originator;     /* the originator is no recipient of the expanded message */
};

/* Empty tables for `self`. NULL and `err` when self is wrong or memory is short. */
struct mts_tables *mts_tables_new(const struct mts_self *self, struct error *err);
void mts_tables_free(struct mts_tables *tables);

/* Each adds one entry, or returns false with an error that names the entry and the cause. Routes refer to
 * hops by name: add hops first. An address, in any spelling, is that of one user, list or alias:
 * a second one is refused. */
bool mts_tables_add_hop(struct mts_tables *tables, const struct mts_hop *hop, struct error *err);
bool mts_tables_add_route(struct mts_tables *tables, const struct mts_route *route, struct error *err);
bool mts_tables_add_user(struct mts_tables *tables, const struct mts_user *user, struct error *err);
bool mts_tables_add_dl(struct mts_tables *tables, const struct mts_dl *dl, struct error *err);
/* Another name of a user, a list or a remote recipient: redirected with reason alias(4). */
bool mts_tables_add_alias(struct mts_tables *tables, const char *address, const char *target,
                          struct error *err);
/* Where the domain sends what is for addresses of its own that nobody has (alternate-recipient-allowed only).
 */
bool mts_tables_set_catch_all(struct mts_tables *tables, const char *address, struct error *err);

/* What the user with this address has registered by P3: BER of RegisterArgument (X.411 §8.4.1.1); without
 * octets, nothing. False with an error, and all stays: it can't be obeyed. It goes with the user. */
bool mts_tables_register(struct mts_tables *tables, const char *address, struct span octets,
                         struct error *err);

/* False when there is no such user, list or alias, or the address is no valid one. */
bool mts_tables_remove(struct mts_tables *tables, const char *address);

/* ---- what others read from the tables ---- */

/* Who we are, as it was given, with defaults filled in. */
const struct mts_self *mts_self_of(const struct mts_tables *tables);

/* The hop's number, or -1. */
int mts_hop_number(const struct mts_tables *tables, const char *name);
/* NULL when there is no such number. */
const struct mts_hop *mts_hop_of(const struct mts_tables *tables, int number);
size_t mts_hop_count(const struct mts_tables *tables);
const struct mts_schedule *mts_schedule_of(const struct mts_tables *tables, enum mts_priority priority);

/* True when a route makes the address (text) one of ours, whether somebody has it or not. */
bool mts_is_ours(const struct mts_tables *tables, const char *address);

/* The mailbox of the user with this address (text), or NULL when there is none. */
const char *mts_mailbox_of(const struct mts_tables *tables, const char *address);

/* Seconds until try number `tries` + 1 after `tries` failures (at least 1): doubling from first_retry to
 * longest_retry. */
int64_t mts_retry_delay(const struct mts_schedule *schedule, unsigned tries);

/* ---- codes in the configuration (names/codes.h) ---- */

/* The code of a name (`unable-to-transfer`, `unrecognised-OR-name`) or of a decimal number; -1 when it is
 * none. */
int mts_reason_read(const char *name);
int mts_diagnostic_read(const char *name);

#endif
