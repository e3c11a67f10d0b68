/*
 * The rules of the message transfer service (X.411 clause 14) as functions
 * without I/O: what has come in, and what became of work, goes in; what must
 * be stored, sent, delivered and recorded comes out.
 *
 * The model. An **object** is a message, probe or report as this MTA keeps
 * it: its transfer envelope with our own trace already in it. The caller
 * stores the octets as they are. Upon each object stand **copies**, one
 * piece of work each: a transfer to a next hop, or a delivery to a mailbox. A
 * copy's `plan` is a few octets, opaque to the caller, stored with the work.
 * The outbound APDU is mts_outbound(stored octets, plan, content): a pure
 * function of what is stored, so a repeat is the same octets. Whatever changes
 * an envelope (redirection, list expansion, rerouting) makes a new object
 * that shares the subject's content.
 *
 * Nothing here waits, or asks by itself. Where knowledge is missing (a directory
 * name), the result is MTS_NEEDS with what is needed; the caller finds out, and
 * calls again with the answers added (mts_answer) and otherwise the same arguments.
 *
 * All results live in run->arena.
 */
#ifndef MTS_PROCESS_H
#define MTS_PROCESS_H

#include "base/arena.h"
#include "base/buf.h"
#include "mts/tables.h"
#include "schema/x411.h"
#include "schema/x411p3.h"

/* What an answered need says. */
struct mts_answer {
    struct span directory_name; /* the need's, BER of Name */
    const char *address;        /* its O/R address as text, or NULL: there is no such entry, or it has none */
    bool failed;                /* the directory could not answer */
};

/* Fills `address` or `failed` for a directory name. */
typedef void mts_find(void *context, struct mts_answer *answer);

/* A copy for a recipient was routed to a next hop. */
struct mts_routed {
    int64_t recipient; /* originally-specified-recipient-number */
    int hop;           /* -1: one that is not in the tables any more */
    bool sent;     /* a copy of the message may have arrived there: it was taken, is in doubt or under way */
    uint32_t more; /* further copies of that number there: members of a list all have its number */
    struct span name; /* the first one's recipient, as text; absent: not recorded */
};

/* A report that was believed told of a recipient. */
struct mts_told {
    int64_t recipient;
    int hop;          /* which brought it */
    struct span name; /* whom it named, as text */
};

/* What is recorded of a message or probe. */
struct mts_history {
    struct mts_routed *routed; /* in no certain order */
    size_t count;
    struct span originator; /* his address as text, as it first came in; absent: not recorded */
    struct span *lists;     /* those that expanded it, as text: ours, and the last one before it came here */
    size_t list_count;
    struct mts_told *told;
    size_t told_count;
    size_t discarded; /* reports on it that were */
    size_t others;    /* entries that route nothing, those of reports among them */
    bool as_written;  /* a user of ours submitted it, and none of its recipients was redirected here */
};

/* Leaves nine digits to base 36 of ub-local-id-length's 32 characters for the number. */
#define MTS_ID_PREFIX 22

/* LONG: its beginning was read, and more is there. FAILED: it can't be read now. Nobody may be judged by what
 * is not known then. */
enum mts_record { MTS_RECORD_READ, MTS_RECORD_LONG, MTS_RECORD_NO_MEMORY, MTS_RECORD_FAILED };

/* The circumstances of one call. */
struct mts_run {
    const struct mts_tables *tables;
    struct arena *arena;
    int64_t now; /* seconds since 1970 UTC */

    /* MTS-identifiers: `id_prefix` (at most MTS_ID_PREFIX characters of IA5String; includes the node and a
     * part that no earlier run of the node has used) and a number that the calls raise. The same prefix and
     * number never come twice. */
    const char *id_prefix;
    uint64_t id_next;

    /* Upper bounds of X.411: `relax_bounds` lets values over them pass; `over_bounds`: the APDU's decoder
     * found one. */
    bool relax_bounds, over_bounds;

    /* By hop number: true while the next hop is backing off, or an operator disabled it; the second alone.
     * NULL: none is. */
    const bool *hop_down, *hop_disabled;
    size_t hop_down_count;

    /* The record: whose the message or probe `identifier` (as text) is, and where copies of it went from
     * here, at any time. What it fills in lies in `arena`. NULL: there is no record. */
    enum mts_record (*record)(void *context, struct span identifier, struct arena *arena,
                              struct mts_history *history);
    void *record_context;

    /* To the needs of the calls before, by name: mts_answer() adds to them. */
    struct mts_answer *answers;
    size_t answer_count;
};

enum mts_kind { MTS_MESSAGE = 1, MTS_PROBE, MTS_REPORT }; /* values of enum ipc_apdu */

/* CONVERT: the content must be rewritten before the copy can go on (mts_conversion); it has no next hop until
 * then. */
enum mts_copy_kind { MTS_COPY_TRANSFER = 1, MTS_COPY_DELIVER, MTS_COPY_CONVERT };

struct mts_copy {
    enum mts_copy_kind kind;
    int hop;                    /* TRANSFER: the next hop's number; CONVERT: that for which it is done */
    const char *mailbox;        /* DELIVER: to all of the copy's recipients, whose address is one user's */
    enum mts_priority priority; /* the lane: a report's is urgent */
    int64_t due;                /* not before this time (deferred delivery); else the run's now */
    int64_t expires;            /* call mts_work_expired then, a span of time after `due` */
    int64_t latest;             /* or then, whatever the clock says meanwhile (latest delivery); 0: none */
    struct span plan;
    const uint32_t
        *recipients; /* positions in the stored envelope's per-recipient-fields, from 0; none for a report */
    size_t recipient_count;
};

struct mts_object {
    enum mts_kind kind;
    struct span octets; /* BER of MessageTransferEnvelope, ProbeTransferEnvelope, or Report without returned
                           content */
    bool has_content;   /* the subject's content goes with it: always for a message; a report returns it */
    struct span identifier;  /* MTS-identifier as text, as in events */
    struct mts_copy *copies; /* may be none: then only events are left of it */
    size_t copy_count;
};

enum mts_event_kind {
    MTS_EVENT_ACCEPTED =
        1, /* transferred in; `hop` is the sender (-1: our own report), `name` the originator */
    MTS_EVENT_SUBMITTED,
    MTS_EVENT_ROUTED,        /* recipient to `hop`; `other` is the recipient's address */
    MTS_EVENT_TO_MAILBOX,    /* recipient to `name`'s mailbox */
    MTS_EVENT_DEFERRED,      /* until `time` */
    MTS_EVENT_REDIRECTED,    /* recipient from `other` to `name`; `reason` is x411_RedirectionReason_… */
    MTS_EVENT_EXPANDED,      /* the list `name`; with `hop`: before that brought it */
    MTS_EVENT_REROUTED,      /* from `hop` */
    MTS_EVENT_DELIVERED,     /* recipient at `time`; `name` is its mailbox, of a probe its address */
    MTS_EVENT_NOT_DELIVERED, /* recipient, whose address is `other`; `reason`, `diagnostic` */
    MTS_EVENT_REPORTED,      /* `other` is the report's identifier, `name` its destination */
    MTS_EVENT_REPORT_IN,     /* a report on `other`, which `hop` brings, tells of a recipient: reason -1 means
                                delivered */
    MTS_EVENT_DISCARDED,     /* `text` says why: a looping report, one without a destination, … */
    MTS_EVENT_TO_CONVERSION, /* recipient: the content is rewritten before it goes to `hop` */
    MTS_EVENT_CONVERTED,     /* the content was rewritten; `text` says into what */
    MTS_EVENT_REPORT_DOUBTED /* as REPORT_IN, which is not believed; `text` says why */
};

/* The text of ACCEPTED and SUBMITTED where it is a probe. */
#define MTS_EVENT_OF_PROBE "probe"

/* One line of the history. Absent spans and -1 mean that a field says nothing. */
struct mts_event {
    enum mts_event_kind kind;
    struct span
        identifier; /* of the message, probe or report, as text: "[/PRMD=ALPHA/ADMD=GOLD/C=GB/;local-id]" */
    int64_t recipient; /* originally-specified-recipient-number */
    struct span name;  /* an O/R address as text */
    struct span other;
    struct span originator; /* NOT_DELIVERED: O/R address as text, for the log alone */
    int hop;
    int64_t reason;
    int64_t diagnostic;
    int64_t time;
    const char *text;
    size_t more;  /* REPORT_DOUBTED: how many other recipients, for the same cause, have no event */
    bool strange; /* DISCARDED: it shall not stand in the record of `other`, of which nothing is recorded, or
                     so many discarded reports already */
};

struct mts_need {
    struct span directory_name; /* BER of Name whose O/R address is needed */
};

enum mts_result {
    MTS_DECIDED = 1, /* `out` says what to do */
    MTS_NEEDS,       /* answer `needs` and call again */
    MTS_INVALID,     /* the input is no valid APDU (a submission: see its error); nothing is ours */
    MTS_NO_MEMORY,   /* the arena is exhausted: a temporary refusal */
    MTS_NO_RECORD    /* the record can't be read now: a temporary refusal */
};

struct mts_decisions {
    enum mts_result result;
    struct mts_object *objects; /* objects[0] is the accepted one itself where it goes on; others follow */
    size_t object_count;
    struct mts_event *events;
    size_t event_count;
    struct mts_need *needs;
    size_t need_count;
    const char *cause; /* INVALID: one line for the log and the peer */
    bool loop;         /* a loop was found */
};

/*
 * Answers what a call asked for. True: `find` was asked for each name, and the
 * call is to be made again with the same arguments; it does not ask for these
 * any more, and comes to an end since redirections and lists do. False: nothing
 * was asked for, or memory is short, which `out` then says.
 */
bool mts_answer(struct mts_run *run, struct mts_decisions *out, mts_find *find, void *context);

/* ---- in ---- */

/*
 * A content that a peer of 1984 sent as external(1) is an EXTERNAL: "the value of
 * the content octet string is the ASN.1 encoding of the external-content" (X.411
 * annex A). True when `beginning`, its first MTS_EXTERNAL_HEAD octets or all of its
 * `length`, is one with definite lengths that fills it: `type` is then the content
 * type's OBJECT IDENTIFIER (contents octets, within `beginning`), and the content
 * itself goes from `offset` to the end.
 */
#define MTS_EXTERNAL_HEAD 256
bool mts_external(const struct mts_tables *tables, int peer,
                  const struct x411_MessageTransferEnvelope *envelope, struct span beginning, uint64_t length,
                  struct span *type, uint64_t *offset);

/* What came by a transfer from the peer with number `peer`, decoded with raw spans. `content_length` in
 * octets. */
void mts_accept_message(struct mts_run *run, int peer, const struct x411_MessageTransferEnvelope *envelope,
                        uint64_t content_length, struct mts_decisions *out);
void mts_accept_probe(struct mts_run *run, int peer, const struct x411_ProbeTransferEnvelope *envelope,
                      struct mts_decisions *out);
void mts_accept_report(struct mts_run *run, int peer, const struct x411_Report *report,
                       struct mts_decisions *out);

/* Abstract errors of submission (X.411 §8.2.2). */
enum mts_submit_error {
    MTS_SUBMIT_OK = 0,
    MTS_SUBMIT_ORIGINATOR_INVALID,
    MTS_SUBMIT_RECIPIENT_IMPROPERLY_SPECIFIED,
    MTS_SUBMIT_ELEMENT_NOT_SUBSCRIBED,
    MTS_SUBMIT_INCONSISTENT_REQUEST,
    MTS_SUBMIT_UNSUPPORTED_CRITICAL_FUNCTION,
    MTS_SUBMIT_CONTROL_VIOLATED
};

struct mts_submission {
    enum mts_submit_error error; /* set when the decisions' result is MTS_INVALID */
    const uint32_t *improper;    /* positions of the recipients at fault */
    size_t improper_count;
    struct x411_MTSIdentifier identifier; /* message- or probe-submission-identifier */
    struct span time;                     /* UTCTime */
};

/* A submission by a user who may be `user` (address text; NULL: any of our users). */
void mts_submit_message(struct mts_run *run, const char *user,
                        const struct x411p3_MessageSubmissionEnvelope *envelope, uint64_t content_length,
                        struct mts_submission *submission, struct mts_decisions *out);
void mts_submit_probe(struct mts_run *run, const char *user,
                      const struct x411p3_ProbeSubmissionEnvelope *envelope,
                      struct mts_submission *submission, struct mts_decisions *out);

/* ---- out ---- */

/* A copy as the store has it. */
struct mts_stored {
    enum mts_kind kind;
    struct span octets; /* mts_object.octets */
    struct span plan;   /* mts_copy.plan */
    bool has_content;
    uint64_t content_length;   /* 0 without content */
    struct mts_opened *opened; /* by mts_open; NULL: the octets are decoded anew in each call */
};

/*
 * Appends the APDU's octets up to its content: the whole MTS-APDU but for the `content_length` content
 * octets, which always come last. A pure function of `stored`. False when the octets do not decode or `out`
 * is full.
 */
bool mts_outbound(const struct mts_stored *stored, struct arena *arena, struct buf *out);

/* The recipients of a copy, for people and tracking: text of each current name. False when the octets do not
 * decode. */
struct mts_recipient {
    uint32_t position;
    int64_t number;   /* originally-specified-recipient-number */
    struct span name; /* O/R address as text */
};
bool mts_recipients(const struct mts_stored *stored, struct arena *arena, struct mts_recipient **recipients,
                    size_t *count);

/* ---- delivery ---- */

struct mts_delivery {
    bool delivered;
    uint32_t position; /* that of the first recipient to whom it was delivered in the stored envelope's
                          per-recipient-fields, from 0; 0 for a report */
    struct span
        returned_content; /* of a report that came with it; with has_content it is the stored content */
    const char *mailbox;
    int64_t time;           /* seconds: when its user confirmed it by protocol; 0: he is not asked */
    struct span originator; /* O/R address as text (a report: none) */
    struct span recipient;  /* O/R address as text */
    struct span identifier; /* message-delivery-identifier or subject's identifier as text */
    const struct x411_MessageTransferEnvelope *envelope; /* what is stored, decoded; NULL: a report */
    struct mts_decisions more;                           /* reports, alternates, events */
};

/*
 * Decodes the envelope of a message once for all deliveries of it: what each costs then does not grow with
 * the envelope. Lives in run->arena, as do the octets, until the last of them is done; they may have arenas
 * of their own, but the tables of this run. NULL: a report; it does not decode; or there is no memory, which
 * the delivery then finds too.
 */
struct mts_opened *mts_open(struct mts_run *run, const struct mts_stored *stored);

/* Delivers a DELIVER copy at run->now: once, however many of the envelope's recipients it is for; each has
 * its event, and its part of the report where one was asked for. Store position and time in the mailbox, with
 * a reference to the object, and `more`, in one commit. */
void mts_deliver(struct mts_run *run, const struct mts_stored *stored, struct mts_delivery *out);

/*
 * What the user at `position` got at `time` (seconds): BER of MessageDeliveryEnvelope, or for a report of
 * ReportDeliveryEnvelope. A pure function of what is stored (the plan does not count), so that mailboxes
 * share the object and keep no envelope each. Absent when the octets do not decode, when they have no
 * such recipient, or without memory.
 */
struct span mts_delivery_envelope(const struct mts_stored *stored, uint32_t position, int64_t time,
                                  struct arena *arena);

/*
 * Delivery by protocol (X.411 §8.3): the user is given the message and confirms it. Before: `delivered` says
 * that all of the copy's recipients would be delivered to him now, and nothing else is in `out`; else `more`
 * is what becomes of the copy instead. After: he has it since `time` (seconds), whatever has become of him;
 * `mailbox` is his address, as in the tables, and outlives `out`.
 */
void mts_delivery_ahead(struct mts_run *run, const struct mts_stored *stored, struct mts_delivery *out);
void mts_delivered(struct mts_run *run, const struct mts_stored *stored, const char *mailbox, int64_t time,
                   struct mts_delivery *out);

/* Appends the argument of message-delivery or report-delivery, BER, up to its content, whose octets come
 * last. A pure function of what is stored and `time`: a repeat is the same octets. False when it does not
 * decode, or without memory. */
bool mts_delivery_argument(const struct mts_stored *stored, int64_t time, struct arena *arena,
                           struct buf *out);

/* ---- what became of work ---- */

struct mts_failure {
    int reason;                /* x411_NonDeliveryReasonCode_… */
    int diagnostic;            /* x411_NonDeliveryDiagnosticCode_… or -1 */
    const char *supplementary; /* or NULL; cut to ub-supplementary-info-length, made printable */
    bool final;                /* no alternates: an operator's non-delivery */
};

/* A copy failed for good: originator-requested alternate, domain-assigned one, or non-delivery. */
void mts_work_failed(struct mts_run *run, const struct mts_stored *stored, const struct mts_failure *failure,
                     struct mts_decisions *out);

/* A copy was tried until it expired (maximum-time-expired). `last`: why the last try failed, for the events
 * alone, since it may name addresses of ours; NULL: that is not known. It outlives `out`. */
void mts_work_expired(struct mts_run *run, const struct mts_stored *stored, const char *last,
                      struct mts_decisions *out);

/* Why a copy leaves its next hop, and for where. Both are numbers in run->tables. */
struct mts_rerouting {
    int attempted; /* the hop that it waited for, which the trace then names as attempted; -1: no attempt is
                      to be told of (the hop left the tables, or was never tried) */
    int wanted;    /* the hop that an operator chose; -1: the rules choose */
};

/*
 * Another next hop for a copy. With an attempted hop and none wanted: another
 * of the route's choices that is not backing off (run->hop_down). With neither:
 * the hop is gone, and each recipient is decided on as if it came now. No
 * object and no event in `out` when there is nothing better than to
 * stay: no other choice, a hop that can't take it, no route at all. Never for a
 * copy in doubt.
 */
void mts_reroute(struct mts_run *run, const struct mts_stored *stored, const struct mts_rerouting *rerouting,
                 struct mts_decisions *out);

/* An operator sends the copy's recipients to another address (redirection by the domain). MTS_INVALID when
 * the address is no valid one. */
void mts_redirect(struct mts_run *run, const struct mts_stored *stored, const char *address,
                  struct mts_decisions *out);

/* Before an operator sends a copy by `hop`, or (-1) to `address`: why it would loop, NULL when nothing says
 * so. By a hop: the trace shows that its domain, or (internal trace, in our own domain) it itself, had the
 * object already, and nobody has redirected it since (X.411 §14.3). To an address: a recipient has it, or had
 * it before it was redirected (§14.3.2). */
const char *mts_loop_ahead(struct mts_run *run, const struct mts_stored *stored, int hop,
                           const char *address);

/* ---- conversion ---- */

/* What must become of the content of a CONVERT copy: from P22 to P2 (RFC 1328 §5). */
struct mts_conversion {
    bool conversion_prohibited; /* implicit-conversion-prohibited */
    bool loss_prohibited;       /* conversion-with-loss-prohibited */
    bool encapsulate;           /* body parts without a counterpart go whole into nationally-defined ones, */
    bool replace;               /* or are replaced by a text, for this next hop */
    struct span
        rfc1328_address; /* ours, as text: below which O/R names travel (RFC 1328 §3.1); may be absent */
};
/* False when the copy can't be decoded, or needs no conversion. */
bool mts_conversion(const struct mts_stored *stored, struct arena *arena, struct mts_conversion *conversion);

/*
 * The content was rewritten and has `length` octets now; `types` are its
 * built-in encoded information types (bit 1 << number), `lost` says what of it
 * was lost ("": nothing). The result is a new
 * object with content type P2, whose trace says what was converted, and its
 * copies: the recipients are routed anew. Store it with the new content, and
 * remove the old copy in the same commit. A copy that failed is mts_work_failed's.
 */
void mts_converted(struct mts_run *run, const struct mts_stored *stored, uint64_t length, unsigned types,
                   const char *lost, struct mts_decisions *out);

#endif
