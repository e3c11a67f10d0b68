/*
 * libmhs: what a user agent, a gateway or an operator's program asks of a
 * Chasqui message transfer agent. `mhs` is written upon it.
 *
 * A session is one user's way to the MTS. Today it leads over the local socket
 * of mhsd (docs/local-protocol.md); the names of what can be asked are those of
 * X.411's submission and delivery ports and X.413's retrieval port, so that a
 * way over P3 or P7 changes no caller.
 *
 * Rules for all of it:
 * - Text is UTF-8 and ends with a NUL. Times are seconds since 1970, UTC; 0 is
 *   none. Sizes are octets.
 * - A function that can fail returns MHS_OK or says why; mhs_error_text then
 *   tells a person. No function ends the process, prints, or raises a signal.
 * - What a function is given stays the caller's and is used until it returns,
 *   unless it says otherwise. What a callback is given lives until it returns.
 * - A session is used by one thread at a time; several sessions are independent.
 * - Structures are filled by name and zeroed otherwise (`= {.mailbox = …}`):
 *   zero is always the default.
 */
#ifndef CHASQUI_MHS_H
#define CHASQUI_MHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- errors ---- */

/* Numbers never change their meaning; new ones may come. The ranges tell who refused. */
enum mhs_code {
    MHS_OK = 0,

    /* This library */
    MHS_INVALID = 1, /* an argument: the text says which; nothing was sent */
    MHS_NO_MEMORY = 2,
    MHS_UNREACHABLE =
        3, /* nobody answers there, or the connection broke: what was under way may have been done */
    MHS_TIMED_OUT = 4,   /* no answer within the time of mhs_set_timeout, and the connection is closed; or
                            the MTA says that its store process answers nobody, and the connection stays.
                            What was asked for may still be done */
    MHS_PROTOCOL = 5,    /* the answer makes no sense; the connection is closed */
    MHS_UNSUPPORTED = 6, /* this way to the MTS can't do it */
    MHS_STOPPED = 7,     /* a callback said so */

    /* The MTA, by docs/local-protocol.md */
    MHS_BAD_REQUEST = 32,
    MHS_NOT_PERMITTED = 33,
    MHS_NOT_FOUND = 34,
    MHS_WRONG_STATE = 35,
    MHS_EXISTS = 36,
    MHS_BAD_CONFIGURATION = 37, /* mhs_error_complaint has each */
    MHS_UNAVAILABLE = 38,       /* for now; try again later */
    MHS_TOO_LARGE = 39,
    MHS_REFUSED = 63, /* by a code that this version does not know; mhs_error_name has it */

    /* The abstract errors of submission, X.411 §8.2.2 */
    MHS_SUBMISSION_CONTROL_VIOLATED = 64,
    MHS_ELEMENT_OF_SERVICE_NOT_SUBSCRIBED = 65,
    MHS_DEFERRED_DELIVERY_CANCELLATION_REJECTED = 66,
    MHS_ORIGINATOR_INVALID = 67,
    MHS_RECIPIENT_IMPROPERLY_SPECIFIED = 68, /* mhs_error_recipient has each */
    MHS_MESSAGE_SUBMISSION_IDENTIFIER_INVALID = 69,
    MHS_INCONSISTENT_REQUEST = 70,
    MHS_SECURITY_ERROR = 71,
    MHS_UNSUPPORTED_CRITICAL_FUNCTION = 72,
    MHS_REMOTE_BIND_ERROR = 73
};

/* `not-found` for MHS_NOT_FOUND; `unknown` for a number that is none. Static. */
const char *mhs_code_name(enum mhs_code code);

/* ---- sessions ---- */

struct mhs_session;

/* The socket of mhsd where mhs_open is told nothing and $CHASQUI_SOCKET is not set. */
#define MHS_DEFAULT_SOCKET "/run/chasqui/mhsd.sock"

/*
 * Makes a session. `where` is the path of mhsd's socket, with or without `unix:`
 * before it; NULL: $CHASQUI_SOCKET, else MHS_DEFAULT_SOCKET. Nothing is
 * connected until the first question, and then again after a connection broke.
 * `*session` is NULL only with MHS_NO_MEMORY; else it is the caller's, who closes
 * it even when this failed (it then tells why and can do no more).
 */
enum mhs_code mhs_open(const char *where, struct mhs_session **session);

/* Ends a submission that was not ended and frees the session. NULL is passed over. */
void mhs_close(struct mhs_session *session);

/* How long an answer may take, in milliseconds, from now on: 120,000 at first; negative: for ever. */
void mhs_set_timeout(struct mhs_session *session, int milliseconds);

/* Of the last function of this session that failed, until the next call: one line in plain English without
 * a full stop ("" before any); the code's name as the other side gave it; and the recipients that were
 * improperly specified or the complaints about a configuration, from 0, NULL after the last. */
const char *mhs_error_text(const struct mhs_session *session);
const char *mhs_error_name(const struct mhs_session *session);
const char *mhs_error_recipient(const struct mhs_session *session, size_t number);
const char *mhs_error_complaint(const struct mhs_session *session, size_t number);

/* ---- submission (X.411 §8.2.1) ---- */

struct mhs_octets {
    const void *data; /* NULL: absent */
    size_t length;
};

/* An O/R name: as text in any spelling of mhs-address(7), `DN:` and a directory name among them, or as the
 * BER of X.411's ORName, which counts when it is there. */
struct mhs_name {
    const char *text;
    struct mhs_octets ber;
};

enum mhs_priority { MHS_NORMAL = 0, MHS_NON_URGENT = 1, MHS_URGENT = 2 };

/* originator-report-request: what the originator wants to be told of a recipient. */
enum mhs_report_request { MHS_REPORT_NON_DELIVERY = 0, MHS_REPORT_NONE = 1, MHS_REPORT_DELIVERY = 2 };

struct mhs_recipient {
    struct mhs_name name;
    enum mhs_report_request report;
    struct mhs_name alternate; /* originator-requested-alternate-recipient */
    /* requested-delivery-method: 0 any, 1 mhs, 2 physical, 3 telex, 4 teletex, 5 G3 and 6 G4 facsimile, 7
     * ia5-terminal, 8 videotex, 9 telephone */
    int delivery_method;
};

/* The envelope of a message or probe. */
struct mhs_submission {
    struct mhs_name originator; /* a mailbox of who submits */
    const struct mhs_recipient *recipients;
    size_t recipient_count;          /* 1 to 32,767 */
    int content_type;                /* built-in: 22 (interpersonal, also 0), 2 (of 1984), 35 (EDI) … */
    const char *content_type_oid;    /* dotted: instead of a built-in one */
    const char *content_identifier;  /* at most 16 characters; returned in reports */
    struct mhs_octets encoded_types; /* BER of EncodedInformationTypes */
    enum mhs_priority priority;      /* not of a probe */
    bool disclose_recipients;        /* disclosure-of-other-recipients */
    bool conversion_prohibited;      /* implicit-conversion-prohibited */
    bool conversion_with_loss_prohibited;
    bool alternate_recipient_allowed;
    bool content_return;          /* content-return-request */
    bool reassignment_prohibited; /* recipient-reassignment-prohibited */
    bool dl_expansion_prohibited;
    const struct mhs_name *dl_exempted; /* dl-exempted-recipients */
    size_t dl_exempted_count;
    int64_t deferred_delivery, latest_delivery;
    uint64_t content_length; /* of a probe: of the message that might follow; 0: not said */
    /* Of a notification (X.420 §8): the mailbox and entry that asked for it. The entry is marked with the
     * submission itself, and a second one is refused with MHS_WRONG_STATE. */
    const char *notified_mailbox;
    uint64_t notified_entry;
    /* content-correlator: at most 512 octets of the originator's own, which come back in reports and reach no
     * recipient. As IA5String where all are ASCII. Not of a probe. */
    struct mhs_octets content_correlator;
};

#define MHS_IDENTIFIER_SIZE 256

/* What the MTS answered, after the message is on its disk. */
struct mhs_submitted {
    char identifier[MHS_IDENTIFIER_SIZE]; /* `[/PRMD=ALPHA/ADMD=GOLD/C=GB/;local]` */
    int64_t time;
};

/*
 * Message-submission, streamed: begin, the content in pieces of any size, end.
 * One at a time in a session; nothing else may be asked meanwhile
 * (MHS_WRONG_STATE). When one of the three fails the submission is over and
 * nothing was submitted, with one exception: MHS_UNREACHABLE and MHS_TIMED_OUT
 * of the end leave open whether it was.
 */
enum mhs_code mhs_submit_begin(struct mhs_session *session, const struct mhs_submission *submission);
enum mhs_code mhs_submit_content(struct mhs_session *session, const void *octets, size_t length);
enum mhs_code mhs_submit_end(struct mhs_session *session, struct mhs_submitted *submitted);
/* Gives a begun submission up. Nothing is submitted. */
void mhs_submit_cancel(struct mhs_session *session);

/* The three at once, for a content in memory. */
enum mhs_code mhs_submit(struct mhs_session *session, const struct mhs_submission *submission,
                         struct mhs_octets content, struct mhs_submitted *submitted);

/* Probe-submission. What it found out comes as a report into the originator's mailbox. */
enum mhs_code mhs_probe(struct mhs_session *session, const struct mhs_submission *submission,
                        struct mhs_submitted *submitted);

/* ---- mailboxes ---- */

struct mhs_mailbox {
    const char *address; /* canonical text */
    uint64_t entries, unseen;
    uint64_t octets, quota; /* what the entries count for, and may count for; quota 0: without a bound */
};

/* Tells of each mailbox that this user may use. The callback returns false to stop (MHS_STOPPED). */
enum mhs_code mhs_mailboxes(struct mhs_session *session,
                            bool (*each)(void *context, const struct mhs_mailbox *mailbox), void *context);

enum mhs_kind { MHS_MESSAGE = 1, MHS_REPORT = 2, MHS_DAMAGED = 3 };

/* An entry of a mailbox. Of a damaged one only number, kind, damage, arrival, seen and notified are there;
 * pointers may be NULL where it has nothing to say. */
struct mhs_entry {
    uint64_t number; /* in its mailbox; rises, and is never used again */
    enum mhs_kind kind;
    const char *identifier; /* the message's; of a report that of its subject */
    const char *originator; /* of a message */
    int64_t arrival, submitted;
    uint64_t size;            /* of the content; 0: there is none */
    const char *content_type; /* a number, or a dotted OBJECT IDENTIFIER */
    const char *content_identifier;
    enum mhs_priority priority;
    bool seen, notified;
    uint64_t delivered, non_delivered; /* of a report: recipients that it tells of */
    const char *damage;                /* of a damaged one: what is wrong */
    uint64_t envelope_size;            /* of the delivery envelope; from mhs_show only */
    bool on_probe; /* of a report: on a probe that was submitted here, while that is on record */
};

struct mhs_list {
    const char *mailbox; /* an O/R address in any spelling */
    uint64_t after;      /* only entries after this one */
    uint64_t limit;      /* at most so many; 0: all */
    bool unseen;         /* only those that were not read yet */
    uint64_t before;     /* only entries before this one; 0: all */
    bool newest;         /* the newest first */
    int64_t since;       /* only what arrived then or later, seconds since 1970; 0: all */
    const char *from; /* only from originators of whose address an element contains this word; or each element
                         that an address names contains its value, as in `/O=acme/S=smi`. NULL: from all */
    const char *subject; /* only those whose subject contains this, in any case, and those that have none, as
                            reports; NULL: all */
};

/*
 * Tells of the entries, oldest first unless it says newest. The callback may ask the same session
 * other things but to submit, and returns false to stop (MHS_STOPPED). `*more`
 * (unless NULL): the entry to go on after (newest first: before) when the limit was
 * reached; 0: these were all.
 */
enum mhs_code mhs_list(struct mhs_session *session, const struct mhs_list *list,
                       bool (*each)(void *context, const struct mhs_entry *entry), void *context,
                       uint64_t *more);

/*
 * Waits at most so many milliseconds (negative: for ever) until the mailbox has
 * an entry after `after`: `*entry` is the first such one. MHS_TIMED_OUT when none
 * came; the session is as good as before then.
 */
enum mhs_code mhs_wait(struct mhs_session *session, const char *mailbox, uint64_t after, int milliseconds,
                       uint64_t *entry);

/* Tells of one. */
enum mhs_code mhs_show(struct mhs_session *session, const char *mailbox, uint64_t entry,
                       bool (*each)(void *context, const struct mhs_entry *entry), void *context);

enum mhs_part {
    MHS_CONTENT = 0,
    MHS_ENVELOPE = 1 /* BER of X.411's MessageDeliveryEnvelope without content, or ReportDeliveryEnvelope */
};

struct mhs_fetch {
    const char
        *mailbox; /* NULL: `entry` is the message of a copy in the queue (operators only; its content) */
    uint64_t entry;
    enum mhs_part part;
    uint64_t offset;
    uint64_t length; /* at most so many octets; 0: all from the offset on */
};

/*
 * Gives what was delivered, piece by piece; the entry is not marked. The
 * callback returns false to stop (MHS_STOPPED). `*total` (unless NULL): the whole
 * length of the part. A part of no octets gives no piece.
 */
enum mhs_code mhs_fetch(struct mhs_session *session, const struct mhs_fetch *fetch,
                        bool (*piece)(void *context, struct mhs_octets octets), void *context,
                        uint64_t *total);

/* Marks an entry as read, or as new. */
enum mhs_code mhs_mark(struct mhs_session *session, const char *mailbox, uint64_t entry, bool seen);

enum mhs_code mhs_delete(struct mhs_session *session, const char *mailbox, uint64_t entry);

/* ---- interpersonal messages of text (X.420) ---- */

/*
 * Makes the content of a message with a subject (NULL: none) and a text, to the
 * recipients of the submission (all primary). `*content` belongs to the session
 * and lives until the next call of this function or mhs_close. The text goes
 * as IA5 text when it is ASCII, else as general text.
 */
enum mhs_code mhs_text_make(struct mhs_session *session, const struct mhs_submission *submission,
                            const char *subject, const char *text, struct mhs_octets *content);

/*
 * Reads subject and texts of such a content, of whoever made it: body parts that
 * are text, one after the other with an empty line between. Both belong to the
 * session and live until the next call of this function or mhs_close; NULL: there
 * is none. MHS_INVALID when the content is no interpersonal message.
 */
enum mhs_code mhs_text_read(struct mhs_session *session, struct mhs_octets content, const char **subject,
                            const char **text);

/* ---- operating and following ---- */

/*
 * Asks for one of the operations of docs/local-protocol.md (`queue-list`, `track`,
 * `peer-retry` …): `request` is its JSON object as text, `*answer` the whole answer
 * as JSON text, which the caller frees with free(); NULL when this failed. Only
 * mhsd's local socket knows these (else MHS_UNSUPPORTED).
 */
enum mhs_code mhs_operate(struct mhs_session *session, const char *request, char **answer);

#ifdef __cplusplus
}
#endif

#endif
