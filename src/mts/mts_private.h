/* What the files of this room share. The path of a message: accept.c or submission.c, recipient.c, split.c,
 * outbound.c. */
#ifndef MTS_PRIVATE_H
#define MTS_PRIVATE_H

#include "mts/process.h"
#include "mts/tables_private.h"
#include "names/identifier.h"
#include "names/rfc1328.h"

/* Numbers of standard extensions (X.411 §9.1). */
enum extension {
    EXT_RECIPIENT_REASSIGNMENT_PROHIBITED = 1,
    EXT_ORIGINATOR_REQUESTED_ALTERNATE = 2,
    EXT_DL_EXPANSION_PROHIBITED = 3,
    EXT_CONVERSION_WITH_LOSS_PROHIBITED = 4,
    EXT_LATEST_DELIVERY_TIME = 5,
    EXT_REQUESTED_DELIVERY_METHOD = 6,
    EXT_PHYSICAL_FORWARDING_PROHIBITED = 7,
    EXT_PHYSICAL_RENDITION_ATTRIBUTES = 12,
    EXT_ORIGINATOR_RETURN_ADDRESS = 13,
    EXT_PHYSICAL_DELIVERY_REPORT_REQUEST = 14,
    EXT_MESSAGE_SECURITY_LABEL = 20,
    EXT_PROOF_OF_SUBMISSION_REQUEST = 21,
    EXT_PROOF_OF_DELIVERY_REQUEST = 22,
    EXT_CONTENT_CORRELATOR = 23,
    EXT_REDIRECTION_HISTORY = 25,
    EXT_DL_EXPANSION_HISTORY = 26,
    EXT_ORIGINATOR_AND_DL_EXPANSION_HISTORY = 30,
    EXT_REPORTING_DL_NAME = 31,
    EXT_FORWARDING_REQUEST = 36,
    EXT_INTERNAL_TRACE = 38,
    EXT_REPORTING_MTA_NAME = 39,
    EXT_DL_EXEMPTED_RECIPIENTS = 42
};

enum {
    CRITICAL_FOR_SUBMISSION = 0,
    CRITICAL_FOR_TRANSFER = 1,
    CRITICAL_FOR_DELIVERY = 2
}; /* bits of Criticality */

/* Why a recipient can't be served. `diagnostic` -1: none. */
struct cause {
    int reason;
    int diagnostic;
    const char *supplementary;
};

/* A message or probe that is decided on. A probe is carried in the message's struct: its fields are the same
 * but for content-length. */
struct subject {
    enum mts_kind kind;
    struct x411_MessageTransferEnvelope envelope;
    bool has_length;
    uint64_t length;        /* of the content */
    int64_t arrival;        /* here: what our trace element says */
    struct span identifier; /* as text */
    bool anonymous;         /* a supposed one (explain.c) whose originator is left open */
    const struct hop *from; /* the foreign peer that brings it in this call, else NULL */
    /* What the trace says last that the content was converted to; NULL: it was not. Each recipient is judged
     * by it, and the trace may be long. */
    struct x411_EncodedInformationTypes *converted;
};

typedef struct x411_PerRecipientMessageTransferFields recipient_fields;

enum target_kind {
    TARGET_NONE = 0, /* not our responsibility, or moved to another branch */
    TARGET_HOP,
    TARGET_MAILBOX,
    TARGET_FAILED,
    TARGET_ANSWERED, /* a probe's positive answer, or a list's expansion: a delivery report may be due */
    TARGET_DROPPED   /* nothing more, no report: a list that has expanded this message already */
};

struct target {
    enum target_kind kind;
    int hop;
    const char *mailbox;
    struct cause cause;
    int64_t user_type; /* ANSWERED: x411_TypeOfMTSUser_… */
};

/* One envelope and what becomes of each of its recipients. Redirections and lists make further ones. */
struct branch {
    struct subject subject;
    struct target *targets;    /* one for each recipient */
    struct branch *redirected; /* where redirected recipients of this envelope go on */
    struct branch *next;
    unsigned dl_depth;
    const struct dl **expanded; /* the lists that this envelope has been expanded for */
    size_t expanded_count;
    bool dealt; /* its mailboxes are those that share an envelope (split.c) */
};

/* Recipients of a branch that are still to be decided. */
struct undecided {
    struct branch *branch;
    size_t next, end; /* positions */
    struct undecided *below;
};

enum { MTS_SOURCES = 3 };

/* Who stands behind a copy, by enum mts_source, each address read once (authority.c). */
struct sources {
    const struct subject *subject;
    const struct x411_ORName *names[MTS_SOURCES]; /* NULL: there is none */
    struct address addresses[MTS_SOURCES];        /* key absent: it can't be read */
    enum { NOT_ASKED, PROVED, NOT_PROVED } proofs[MTS_SOURCES];
};

/* What a user, or an administrator for him, wants of a message (user_verdict.c). */
struct user_verdict {
    const struct x411_ORName *alternate; /* to whom it is redirected; NULL: to nobody */
    /* where it is to nobody: */
    bool permitted; /* by restricted-delivery */
    bool taken;     /* by one of his deliverable classes; else `cause` */
    struct cause cause;
};

/* Those of a ruling, by user: all recipients of a branch that are he have the same. */
#define VERDICTS 64
struct known_verdict {
    const struct branch *branch;
    const struct user *user;
    struct user_verdict verdict;
};

/* One call of the rules: what was given, and what is decided so far. */
struct ruling {
    struct mts_run *run;
    struct arena *arena;
    const struct mts_tables *tables;
    struct mts_decisions *out;
    struct branch *first;
    struct branch **last;
    struct undecided *undecided; /* a stack: see work_undecided() */
    struct arena scratch;        /* forgotten after each recipient that was decided */
    bool has_content;            /* the subject's content is stored: it may be returned */
    const char *record;          /* why recipients fail whose cause has no text: for our record, no report */
    const void *loop_trace;      /* the internal trace that loop_ahead() has searched, */
    uint8_t *hop_loops;          /* and what it found of each hop */
    struct known_verdict *verdicts; /* VERDICTS of them; NULL: none is known yet */
    const char *bound;              /* the last one that was found broken (bounds.c) */
    bool no_memory;                 /* or, with `no_record`, nothing can be decided for want of the record */
    bool no_record;
};

/* ruling.c: the growing lists of the result */
void ruling_begin(struct ruling *ruling, struct mts_run *run, struct mts_decisions *out);
void ruling_end(struct ruling *ruling);
struct mts_event *ruling_event(struct ruling *ruling, enum mts_event_kind kind, struct span identifier);
struct mts_object *ruling_object(struct ruling *ruling);
void ruling_need(struct ruling *ruling, struct span directory_name);
void *ruling_grow(struct ruling *ruling, void *items, size_t count, size_t size);
struct span ruling_identifier(struct ruling *ruling, struct x411_MTSIdentifier *identifier);
/* Puts `count` recipients of the branch, from `position` on, before all that wait to be decided: what comes
 * of one recipient (who takes his place, the members of a list) is decided before the next one. */
void ruling_undecided(struct ruling *ruling, struct branch *branch, size_t position, size_t count);
/* Takes the next one. False: none waits, or the ruling has failed. */
bool ruling_next_undecided(struct ruling *ruling, struct branch **branch, size_t *position);

/* subject.c */
/* The types that the content has now: the converted ones, else the original ones. NULL: nobody told. */
const struct x411_EncodedInformationTypes *subject_types(const struct subject *subject);
bool subject_of_message(struct ruling *ruling, const struct x411_MessageTransferEnvelope *envelope,
                        uint64_t length, struct subject *subject);
bool subject_of_probe(struct ruling *ruling, const struct x411_ProbeTransferEnvelope *envelope,
                      struct subject *subject);
/* The recipients are changed on the way: what was passed in must stay as it is, for a second call with
 * answers or another delivery. Gives the subject an array of its own. */
bool subject_own_recipients(struct ruling *ruling, struct subject *subject);
bool subject_decode(struct ruling *ruling, const struct mts_stored *stored, struct subject *subject);
bool subject_encode(struct ruling *ruling, const struct subject *subject, struct span *octets);
bool subject_responsible(const recipient_fields *recipient);
bool subject_set_responsible(struct arena *arena, recipient_fields *recipient, bool responsible);
bool subject_has(const struct subject *subject, unsigned bit);
struct branch *branch_new(struct ruling *ruling, const struct subject *subject);
/* The same with the targets that the caller has for its recipients. */
struct branch *branch_with(struct ruling *ruling, const struct subject *subject, struct target *targets);
/* A branch whose recipients may be changed: the array is a copy, nobody is responsible. */
struct branch *branch_copy(struct ruling *ruling, const struct branch *from);
struct span identifier_text(struct arena *arena, const struct x411_MTSIdentifier *identifier);

/* extension.c */
const struct x411_ExtensionField *extension_find(const struct x411_Extensions *extensions, int number);
/* More fields than anybody has in an envelope. They are looked through for each recipient, so that a message
 * of half a megabyte could keep the switch busy for a minute. The bound is ours (EXTENSIONS_MOST). */
bool extensions_are_too_many(const struct x411_Extensions *extensions);
int64_t extension_number(const struct x411_ExtensionField *field);
bool extension_critical(const struct x411_ExtensionField *field, unsigned bit);
/* Puts `value` (BER, whole element) in place of the extension or at the end; drops it when value.data is
 * NULL. */
bool extension_set(struct arena *arena, struct x411_Extensions *extensions, int number, struct span value);
/* Adds a copy of `field`. */
bool extension_add(struct arena *arena, struct x411_Extensions *extensions,
                   const struct x411_ExtensionField *field);
int64_t extension_enumerated(const struct x411_Extensions *extensions, int number);
bool extension_decode(struct arena *arena, const struct x411_Extensions *extensions, int number,
                      const struct ber_type *type, void *value);
bool extension_encode(struct arena *arena, struct x411_Extensions *extensions, int number,
                      const struct ber_type *type, const void *value);

/* criticality.c: the first critical extension of a message or probe that we do not know, or NULL; whether a
 * report has one anywhere */
const struct x411_ExtensionField *criticality_unknown(const struct x411_Extensions *extensions, unsigned bit);
bool criticality_unknown_in_report(const struct x411_Report *report, unsigned bit);

/* trace.c and loop.c */
bool trace_arrive(struct ruling *ruling, int peer, struct x411_TraceInformation *trace,
                  struct x411_Extensions *extensions, int64_t deferred);
bool trace_mark(struct ruling *ruling, struct x411_TraceInformation *trace,
                struct x411_Extensions *extensions, unsigned bit);
/* Takes the deferred-time out of the elements that trace_arrive has added. */
bool trace_not_deferred(struct ruling *ruling, struct x411_TraceInformation *trace,
                        struct x411_Extensions *extensions);
/* What the last conversion that the trace tells of made; NULL: none was. */
struct x411_EncodedInformationTypes *trace_converted_types(const struct x411_TraceInformation *trace);
bool trace_reroute(struct ruling *ruling, struct subject *subject, int attempted);
bool loop_detected(const struct mts_tables *tables, const struct x411_TraceInformation *trace,
                   const struct x411_Extensions *extensions, struct arena *arena);
/* Whether the next hop, an MTA of our own domain, would find a loop on arrival: internal trace shows that it
 * had the object, and nobody has redirected it since. Not asked of one whose `check-loops` is off. */
bool loop_ahead(struct ruling *ruling, const struct x411_Extensions *extensions, int number);
bool loop_of_domain(const struct x411_GlobalDomainIdentifier *domain,
                    const struct x411_TraceInformation *trace);

/* time.c */
bool time_write(struct ruling *ruling, int64_t seconds, struct span *time);
bool time_read(struct span time, int64_t *seconds);

/* directory_name.c */
enum lookup {
    LOOKUP_FOUND, /* `found` has the address, and `name` as its directory name */
    LOOKUP_NONE,  /* `cause` is filled */
    LOOKUP_ASKED  /* nothing decided now counts: the name is a need of the result, or memory is short */
};
enum lookup directory_look_up(struct ruling *ruling, struct x501_Name *name, struct x411_ORName *found,
                              struct cause *cause);

struct span ruling_address(struct ruling *ruling, const struct x411_ORName *name);

/* authority.c: what a peer may say. */
/* Who stands behind the recipient's copy, by the bits' order of enum mts_source: the originator, who
 * redirected it last (or NULL), the last list (or NULL). */
void authority_sources(struct ruling *ruling, const struct subject *subject,
                       const recipient_fields *recipient,
                       const struct x411_ORName *sources[static MTS_SOURCES]);
/* Whether that name, a source of that kind, has a right to what is permitted to it. */
bool authority_proves(struct ruling *ruling, const struct subject *subject, unsigned source,
                      const struct x411_ORName *name);
/* Before our own element is added. False: the ruling is MTS_INVALID. */
bool authority_trace(struct ruling *ruling, int peer, const struct x411_TraceInformation *trace);
/* May the peer's message bear its MTS-identifier? False: the ruling is MTS_INVALID, or failed. */
bool authority_identifier(struct ruling *ruling, int peer, const struct subject *subject);
/* May the peer send for its originator, and by its last list? False: the ruling is MTS_INVALID, so that the
 * peer keeps the message, or failed. */
bool authority_originators(struct ruling *ruling, int peer, const struct subject *subject);
/* Whether the peer is bound to what it may hand over, and whether it may what is for that address. */
bool authority_is_limited(const struct mts_tables *tables, int peer);
bool authority_hands_over(const struct mts_tables *tables, int peer, const struct address *address);
/* The same of who would take a recipient's place for something that the peer wrote; true where no peer is
 * known. */
bool authority_redirects(struct ruling *ruling, const struct subject *subject, const struct x411_ORName *to);
/* The same of a report. Those of third domains come through many hands: such a one passes unless its
 * identifier is that of something else. */
bool authority_report_identifier(struct ruling *ruling, int peer, const struct x411_Report *report);
/* Whether each of the report's recipients is believed (SOME), and whether any is: NONE: its copy was not sent
 * to the peer; UNKNOWN: the record has nothing of its subject; LONG: its beginning, which alone was read, has
 * nothing of them; REPEATS: the peer has told of them before; ELSEWHERE: it would go to whom the record does
 * not name. `*strange`: what is discarded of it shall not stand in the subject's record. */
enum authority_belief {
    AUTHORITY_NONE,
    AUTHORITY_UNKNOWN,
    AUTHORITY_LONG,
    AUTHORITY_REPEATS,
    AUTHORITY_ELSEWHERE,
    AUTHORITY_SOME
};
enum authority_belief authority_report(struct ruling *ruling, int peer, struct x411_Report *report,
                                       enum authority_belief *beliefs, bool *strange);

/* recipient.c: each of these decides targets[position], and of all who take its place: redirections and lists
 * are followed to their ends. */
void recipient_resolve(struct ruling *ruling, struct branch *branch, size_t position);
/* What a recipient that can't be served gets instead: alternates, or TARGET_FAILED. */
void recipient_fail(struct ruling *ruling, struct branch *branch, size_t position, struct cause cause);
void recipient_redirect(struct ruling *ruling, struct branch *branch, size_t position,
                        const struct x411_ORName *to, int reason);
/* Gives one that is known by directory name alone its address. False: it has failed, or must be asked for. */
bool recipient_has_address(struct ruling *ruling, struct branch *branch, size_t position);

/* redirection.c. Who takes the recipient's place is left undecided; the recipient fails where it would loop.
 */
void redirect_recipient(struct ruling *ruling, struct branch *branch, size_t position,
                        const struct x411_ORName *to, int reason);
/* True when a redirection to `to` would be found to loop: the recipient has that address, or had it. */
bool redirection_loops(struct ruling *ruling, const recipient_fields *recipient,
                       const struct x411_ORName *to);
/* The alternate of the first class that fits; NULL: the user takes it himself. */
const struct x411_ORName *redirection_assigned(struct ruling *ruling, const struct user *user,
                                               struct sources *sources);
/* The classes that the user has registered as deliverable take it; else why not. */
bool registration_takes(struct ruling *ruling, const struct user *user, struct sources *sources,
                        struct cause *cause);
const struct x411_ORName *redirection_of_report(struct ruling *ruling, const struct user *user,
                                                const struct x411_Report *report);
/* Gives the report another destination and records that; false when it was there before or was redirected too
 * often. */
bool redirect_report(struct ruling *ruling, struct x411_Report *report, const struct x411_ORName *to);
bool redirection_by_originator(struct ruling *ruling, const recipient_fields *recipient,
                               struct x411_ORName *to);

/* user_verdict.c: once for each user and branch, where recipients were not redirected before: what a user may
 * register is long, and what may name him many times. */
void user_verdict(struct ruling *ruling, const struct branch *branch, const recipient_fields *recipient,
                  const struct user *user, struct user_verdict *verdict);

/* dl_expansion.c: false fills `cause`; an expansion that must not be repeated is no failure. The members are
 * left undecided. */
bool dl_permits(struct ruling *ruling, const struct subject *subject, const struct dl *dl,
                struct cause *cause);
bool dl_expand(struct ruling *ruling, struct branch *branch, size_t position, const struct dl *dl,
               struct cause *cause);

/* bounds.c: upper bounds in the values of extensions and extension attributes, which the envelope's decoder
 * leaves open; in what concerns all recipients. */
bool bounds_hold_for_all(struct ruling *ruling, const struct subject *subject);
/* The same, and what the decoder let pass (run->over_bounds): in one recipient's fields; in one name; in an
 * envelope, whose first recipient's fields must hold. False: ruling->bound says which bound was broken. */
bool bounds_hold_in_recipient(struct ruling *ruling, enum mts_kind kind, const recipient_fields *recipient);
bool bounds_hold_in_name(struct ruling *ruling, const struct x411_ORName *name);
bool bounds_hold_around(struct ruling *ruling, const struct subject *subject);

/* checks.c and conversion.c: false fills `cause` */
bool check_message(struct ruling *ruling, const struct subject *subject, struct cause *cause);
bool check_user(struct ruling *ruling, const struct subject *subject, const recipient_fields *recipient,
                const struct user *user, const struct user_verdict *verdict, struct cause *cause);
/* Whether the next hop may take the recipient. What an operator wishes goes there though it would loop. */
bool check_next_hop(struct ruling *ruling, const struct subject *subject, const recipient_fields *recipient,
                    int number, struct cause *cause);
bool check_hop(struct ruling *ruling, const struct subject *subject, const recipient_fields *recipient,
               int hop, struct cause *cause);
/* What the first restriction that matches says of whoever stands behind the copy; `otherwise` when none does.
 */
bool restrictions_permit(struct ruling *ruling, const struct restriction *restrictions, size_t count,
                         struct sources *sources, bool otherwise);
/* True when one of the labels matches the message's. Without a label it has none, or `unmarked` it counts as
 * unmarked. */
bool label_among(struct ruling *ruling, const struct x411_SecurityLabel *labels, size_t count,
                 const struct x411_Extensions *extensions, bool unmarked);
bool check_latest_delivery(struct ruling *ruling, const struct subject *subject, struct cause *cause);
bool conversion_explicit(const struct subject *subject, const recipient_fields *recipient,
                         struct cause *cause);
bool conversion_implicit(const struct subject *subject, const struct name_set *accepted, bool not_subscribed,
                         struct cause *cause);
/* A type that is not known (NULL) is only in the set of all. */
bool content_type_in(const struct name_set *set, const struct x411_ContentType *type);
/* The type of an item of a set of content types, and the types of a set of EITs; false without memory. */
void content_type_of_item(struct span item, struct x411_ContentType *type);
bool eits_of_items(struct arena *arena, const struct name_set *set,
                   struct x411_EncodedInformationTypes *types);
bool eits_meet(const struct name_set *set, const struct x411_EncodedInformationTypes *types, bool all);
/* The other way: each type as an object identifier. */
bool items_of_eits(struct arena *arena, const struct x411_EncodedInformationTypes *types,
                   struct name_set *set);
bool items_of_content_types(struct arena *arena, const struct x411_ContentTypes *types, struct name_set *set);
/* EncodedInformationTypesConstraints (X.411 §8.4.1.1.1.3); `types` NULL: nobody told. */
bool constraints_take(const struct x411p3_EncodedInformationTypesConstraints *constraints,
                      const struct x411_EncodedInformationTypes *types);

/* downgrade_1984.c and upgrade_1984.c */
bool downgrade_possible(struct ruling *ruling, const struct hop *hop, const struct subject *subject,
                        const recipient_fields *recipient);
bool downgrade_message(struct arena *arena, struct subject *subject, const struct rfc1328 *how);
bool downgrade_report(struct arena *arena, struct x411_Report *report, const struct rfc1328 *how);
bool downgrade_report_possible(struct ruling *ruling, const struct hop *hop,
                               const struct x411_Report *report);
void upgrade_subject(struct ruling *ruling, int peer, struct subject *subject);
void upgrade_report(struct ruling *ruling, int peer, struct x411_Report *report);

/* conversion_p2.c: whether P22 becomes P2 on the way to the hop; converted.c does it */
bool conversion_to_p2(const struct hop *hop, const struct subject *subject);
/* True when the content is not the one that the originator sent. */

/* routing.c */
struct decision {
    const struct route *route; /* NULL: no route */
    int hop;                   /* TRANSFER: the chosen one */
};
bool route_find(const struct mts_tables *tables, const struct address *address, struct decision *decision);
int route_choose(const struct mts_run *run, const struct route *route, uint64_t salt, int not_this);

/* split.c: copies and objects of all branches, reports for what failed or was answered */
void split_branches(struct ruling *ruling);

/* accept.c: resolves all recipients that are our responsibility */
void branch_resolve(struct ruling *ruling, struct branch *branch);

/* plan.c */
struct plan {
    unsigned flags;
    uint32_t *positions;
    size_t count;
    struct span bilateral;
    struct span rfc1328_address; /* of PLAN_RFC1328: our address of RFC 1328 §3.1 as text; absent: none */
};
enum {
    PLAN_ALL = 1, /* all recipients with the responsibility flag */
    PLAN_DROP_INTERNAL_TRACE = 2,
    PLAN_DROP_DEFERRED = 4,
    PLAN_1984 = 8,
    PLAN_RFC1328 = 16,
    PLAN_TO_P2 = 32, /* the content is still P22, and must be P2 */
    PLAN_REPLACE = 64,
    PLAN_ENCAPSULATE = 128,
    PLAN_PEER_HOLDS = 256,    /* until the deferred delivery time: we do not */
    PLAN_OLD_EXTENSIONS = 512 /* the number of a standard extension in its old form */
};
bool plan_write(struct arena *arena, const struct plan *plan, struct span *octets);
bool plan_read(struct arena *arena, struct span octets, struct plan *plan);
/* The positions of the copy's recipients, one a call: those that the plan names, or all with the flag. False:
 * there is no more. */
bool plan_next(const struct plan *plan, const struct subject *subject, size_t *cursor, size_t *position);
unsigned plan_flags_of_hop(const struct mts_tables *tables, int hop);

/* A message's priority as the wire has it: one that X.411 does not know is normal. */
static inline enum mts_priority priority_lane(int64_t priority) {
    return priority == MTS_NON_URGENT || priority == MTS_URGENT ? (enum mts_priority)priority : MTS_NORMAL;
}

/* report_request.c: who asked for a report */
bool report_wanted(const struct ber_bits *indicators, bool delivered);
bool report_wanted_by_originator(const struct ber_bits *indicators, bool delivered);
/* True when all recipients, of whom the subject's envelope may have some alone, asked for audited-report. */
bool report_audited_for_all(const struct subject *subject);

/* report.c and report_route.c */
struct outcome {
    size_t position;
    bool delivered;
    int64_t time;
    int64_t user_type;
    struct cause cause;
};
void report_make(struct ruling *ruling, const struct subject *subject, const struct outcome *outcomes,
                 size_t count);
void report_dispatch(struct ruling *ruling, struct x411_Report *report, bool has_content,
                     struct span identifier);
/* The same by a next hop that was chosen already: one that report_fits. */
void report_send_by(struct ruling *ruling, struct x411_Report *report, bool has_content,
                    struct span identifier, int hop);
/* False when the hop is of 1984 and the report can't be downgraded. */
bool report_fits(struct ruling *ruling, const struct x411_Report *report, int hop);

#endif
