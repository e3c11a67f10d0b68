/*
 * One OSI association over one TCP connection: TPKT (RFC 1006), COTP class 0
 * (X.224), session (X.225), presentation (X.226), ACSE (X.227), and what the
 * application context names above them: RTSE (X.228), ROSE (X.880) or ROSE over
 * RTSE, in one object, as initiator or responder. It has no socket and no clock:
 * octets and the time go in, octets, events and a deadline come out. Functions
 * osi_rt_… are for RTSE, osi_ro_… (remote.h) for either ROSE.
 *
 * The loop of its owner:
 *
 *     in = what was read from the socket
 *     for (;;) {
 *         while (osi_association_next_event(a, &event))
 *             handle it; calls into `a` are allowed here
 *         if (in.len == 0 || (used = osi_association_input(a, in, now)) == 0)
 *             break;                      keep the rest of `in` for later
 *         in = span_sub(in, used, in.len - used);
 *     }
 *     write osi_association_output(a) to the socket, then osi_association_output_taken
 *     arm a timer for osi_association_deadline(a), on which osi_association_timeout is called
 *     osi_association_is_over(a): write the rest of the output, shut down the sending side, read to the end
 * of the stream (or a few seconds), close, free: closing at once could make TCP drop our last PDU
 *
 * An event's spans live until the next call of osi_association_next_event or
 * osi_association_input, but those of OSI_EVENT_OPEN_INDICATION and of a resume
 * until they are answered. TRANSFER_DATA may point into the `in` of the owner.
 *
 * Offsets count the octets of the transferred APDU (MTS-APDU) from its start,
 * in every mode: the EXTERNAL that normal mode puts around it is added and
 * taken away here.
 *
 * Functions that return false did nothing: the state does not allow the call,
 * or memory is exhausted. `now` is the monotonic time of the call in
 * microseconds: what the peer owes us by it is due from then on, however long
 * the association was idle before.
 */
#ifndef OSI_ASSOCIATION_H
#define OSI_ASSOCIATION_H

#include "base/buf.h"
#include "base/error.h"
#include "base/span.h"
#include "osi/context.h"
#include "osi/remote.h"

struct osi_association;

enum osi_role { OSI_INITIATOR, OSI_RESPONDER };

enum osi_dialogue { OSI_MONOLOGUE = 0, OSI_TWO_WAY_ALTERNATE = 1 };

/* Selectors; `data == NULL` leaves one out. T-selectors up to 32 octets, S 16, P 16 (longer ones are
 * refused). */
struct osi_address {
    struct span t, s, p;
};

/*
 * An association's name for recovery (SessionConnectionIdentifier, X.228 §9):
 * characters without tag and length. A peer that knows it may resume the
 * association's transfers: `calling` must hold random characters.
 */
struct osi_connection_id {
    struct span calling;    /* SSAP address of the initiator: 1 to 62 T.61 characters; from a peer up to 64 */
    struct span common;     /* UTCTime, `YYMMDDHHMMSSZ` */
    struct span additional; /* 0 to 2 T.61 characters, from a peer up to 64; often absent */
};

/* AP-title, AE-qualifier and so on of ACSE: whole BER elements of the CHOICEs' types, or absent. */
struct osi_entity {
    struct span ap_title;
    struct span ae_qualifier;
};

/* What holds where a number is 0. */
enum {
    OSI_CHECKPOINT_SIZE = 63,
    OSI_WINDOW_SIZE = 3,
    OSI_CONNECT_SECONDS = 60,
    OSI_TRANSFER_SECONDS = 300,
    OSI_RELEASE_SECONDS = 30
};

/* Every number has a default, taken for 0. The spans are copied. */
struct osi_parameters {
    enum osi_role role;
    unsigned contexts;          /* responder: those accepted; initiator: the one proposed */
    struct osi_address calling; /* initiator: sent; responder: not used */
    struct osi_address called;  /* initiator: sent; responder: must match where present; absent takes any */
    const struct osi_address *others; /* responder: addresses that are taken beside `called`, likewise */
    size_t other_count;
    struct osi_entity calling_entity, called_entity; /* sent in normal mode where present */
    struct osi_connection_id id;                     /* initiator: this association's name */
    bool recover; /* initiator: RT-RECOVER of `recovered` instead of a bind */
    struct osi_connection_id recovered;
    struct span user_data;         /* initiator: the bind argument, one whole BER element */
    enum osi_dialogue dialogue;    /* initiator: proposed */
    bool refuse_two_way_alternate; /* responder: answers unacceptable dialogue mode */
    bool responder_turn;           /* initiator: with two-way alternate, the responder gets the first turn */
    unsigned tpdu_size;            /* largest TPDU: 128 to 65531; 65531 */
    unsigned session_versions;     /* bit 0 version 1, bit 1 version 2; both */
    unsigned tsdu_size;            /* TSDU maximum size proposed, 0 none */
    bool no_checkpoints;           /* propose and answer no checkpointing */
    unsigned checkpoint_size;      /* in KiB: proposed, and the most answered; 63 */
    unsigned window_size;          /* proposed, and the most answered; 3 */
    const struct osi_operation *operations; /* ROSE: those of the context; NULL takes any. The owner's */
    size_t operation_count;
    size_t outstanding;   /* ROSE: open invocations of the peer, at most; OSI_RO_OUTSTANDING */
    size_t connect_limit; /* octets of a TSDU other than transferred data, bind argument included; 65536 */
    size_t output_high_water; /* osi_rt_transfer_data takes no more above; 65536 */
    int64_t connect_us;       /* from creation to RT-OPEN confirm or indication; 60 s */
    int64_t transfer_us; /* a confirmation is outstanding, or data is expected, and nothing comes; 300 s */
    int64_t release_us;  /* the response to RT-CLOSE, or to our interrupt or discard of an activity; 30 s */
};

/* ---- why an association ended ---- */

enum osi_layer {
    OSI_LAYER_TRANSPORT, /* TPKT and COTP */
    OSI_LAYER_SESSION,
    OSI_LAYER_PRESENTATION,
    OSI_LAYER_ACSE,
    OSI_LAYER_RTSE,
    OSI_LAYER_USER, /* the user of RTSE or ROSE: a bind error, an abort by the application */
    OSI_LAYER_ROSE,
};

enum osi_end {
    OSI_END_RELEASED,       /* RT-CLOSE, orderly */
    OSI_END_REFUSED,        /* the association was not made */
    OSI_END_USER_ABORT,     /* RT-U-ABORT of the peer */
    OSI_END_PROVIDER_ABORT, /* RT-P-ABORT: the peer's or our provider gave up; see `code` */
    OSI_END_PROTOCOL_ERROR, /* the peer's octets broke the protocol; `layer` and `parameter` say where */
    OSI_END_TIMEOUT,
    OSI_END_DISCONNECTED, /* the network connection was lost */
    OSI_END_MEMORY,       /* memory was exhausted */
    OSI_END_LOCAL,        /* we aborted or refused by a call of the owner */
};

/* `code` of a refusal by RTSE in X.410 mode (RefuseReason), X.228 §9. */
enum osi_refuse_reason {
    OSI_REFUSE_RTS_BUSY = 0,
    OSI_REFUSE_CANNOT_RECOVER = 1,
    OSI_REFUSE_VALIDATION_FAILURE = 2,
    OSI_REFUSE_UNACCEPTABLE_DIALOGUE_MODE = 3,
};

/* `code` of a provider abort by RTSE (AbortReason), X.228 §9. */
enum osi_abort_reason {
    OSI_ABORT_LOCAL_SYSTEM_PROBLEM = 0,
    OSI_ABORT_INVALID_PARAMETER = 1,
    OSI_ABORT_UNRECOGNIZED_ACTIVITY = 2,
    OSI_ABORT_TEMPORARY_PROBLEM = 3,
    OSI_ABORT_PROTOCOL_ERROR = 4,
    OSI_ABORT_PERMANENT_PROBLEM = 5,
    OSI_ABORT_USER_ERROR = 6,
    OSI_ABORT_TRANSFER_COMPLETED = 7,
};

struct osi_cause {
    enum osi_end end;
    enum osi_layer layer;
    bool by_peer;       /* the peer said so, not we */
    int code;           /* the layer's own reason code, -1 for none */
    char parameter[40]; /* what did not match, in the standard's words: `called S-selector`; may be empty */
    char text[160];     /* one line for a person, layer included */
    struct span user_data; /* bind error or abort information of the peer: one BER element, or absent */
};

/* ---- events ---- */

enum osi_event_type {
    OSI_EVENT_OPEN_INDICATION =
        1,                    /* responder: RT-OPEN (or RT-RECOVER) asked; answer with accept or refuse */
    OSI_EVENT_OPEN_CONFIRM,   /* initiator: the association is there */
    OSI_EVENT_TRANSFER_BEGIN, /* the peer starts or resumes an APDU; a resume waits for osi_rt_resume_* */
    OSI_EVENT_TRANSFER_DATA,  /* octets of the APDU; the span is gone with the next osi_association_input */
    OSI_EVENT_CHECKPOINT, /* the peer set a checkpoint; confirm it with osi_rt_checkpoint_confirm when kept */
    OSI_EVENT_TRANSFER_END,       /* the APDU is whole: osi_rt_transfer_confirm or osi_rt_transfer_reject */
    OSI_EVENT_TRANSFER_CUT_SHORT, /* the activity ended inside the APDU: rejected already, for the log only */
    OSI_EVENT_TRANSFER_INTERRUPTED, /* the peer stopped; it may resume if a checkpoint was confirmed */
    OSI_EVENT_TRANSFER_DISCARDED,   /* the peer gave up: forget what came */
    OSI_EVENT_MAY_SEND,             /* osi_rt_transfer_data takes octets again */
    OSI_EVENT_CHECKPOINT_CONFIRMED, /* our checkpoint is kept by the peer */
    OSI_EVENT_TRANSFER_CONFIRMED,   /* our APDU is the peer's responsibility now */
    OSI_EVENT_TRANSFER_REFUSED, /* our APDU was interrupted or discarded at the peer's wish; see `refused` */
    OSI_EVENT_TURN_PLEASE,      /* the peer asks for the turn */
    OSI_EVENT_TURN_GIVE,        /* the turn is ours */
    OSI_EVENT_CLOSE_INDICATION, /* the initiator released, unbind argument in `data`; it was answered already
                                 */
    OSI_EVENT_RO_BEGIN,         /* a PDU of a remote operation comes; see remote.h */
    OSI_EVENT_RO_DATA,     /* octets of its parameter; the span is gone with the next osi_association_input */
    OSI_EVENT_RO_END,      /* it is whole */
    OSI_EVENT_RO_DROPPED,  /* it is none, or was broken off: forget it */
    OSI_EVENT_RO_RETURNED, /* RO-REJECT-P: our PDU did not get to the peer; an invocation is closed by it */
    OSI_EVENT_CLOSED,      /* the last event, exactly once */
};

struct osi_open {
    enum osi_context context;
    struct osi_address calling, called; /* as received; in the confirm: `called` is the responding address */
    struct osi_entity calling_entity,
        called_entity;           /* in the confirm: `called_entity` is the responding one */
    struct osi_connection_id id; /* of this association, for both sides to keep */
    bool recover;                /* RT-RECOVER: `recovered` names the broken association; there is no bind */
    struct osi_connection_id recovered;
    enum osi_dialogue dialogue;
    unsigned checkpoint_size; /* KiB as proposed, in the confirm as agreed; 0 none */
    unsigned window_size;
    unsigned session_version; /* 1 or 2 */
    bool turn;                /* we have the first turn */
    struct span user_data;    /* bind argument or result: one whole BER element, or absent */
};

/* Where an incoming APDU can be taken up again. To be kept for each of the last window + 1 checkpoints. */
#define OSI_CHECKPOINT_STATE 16
struct osi_checkpoint {
    uint32_t serial;                     /* synchronization point serial number, from 1 */
    uint64_t offset;                     /* octets of the APDU up to it */
    uint8_t state[OSI_CHECKPOINT_STATE]; /* opaque; to be kept with it by the receiver */
};

/* An activity's names on the wire (session activity identifier: at most 6 octets, a BER INTEGER by X.228). */
struct osi_activity {
    uint8_t id[6];
    uint8_t id_len;
};

struct osi_begin {
    struct osi_activity activity;
    bool resumed;
    struct osi_activity old_activity; /* if resumed */
    struct osi_connection_id old_id;  /* if resumed; all absent: an activity of this association */
    uint32_t serial;                  /* if resumed: the last checkpoint that the sender saw confirmed */
};

enum osi_refusal {
    OSI_REFUSAL_INTERRUPTED, /* try again later, resume if a checkpoint was confirmed */
    OSI_REFUSAL_DISCARDED,   /* the peer has forgotten it: start anew, later */
};

/* Why a transfer was refused, for people: by the reason that the peer's exception report gave; -1: none. */
#define OSI_EXCEPTION_TEXT 128
void osi_exception_text(int reason, char out[static OSI_EXCEPTION_TEXT]);

struct osi_event {
    enum osi_event_type type;
    union {
        struct osi_open open;             /* OPEN_* */
        struct osi_begin begin;           /* TRANSFER_BEGIN */
        struct span data;                 /* TRANSFER_DATA, RO_DATA, CLOSE_INDICATION */
        struct osi_ro ro;                 /* RO_*, but RO_DATA */
        struct osi_checkpoint checkpoint; /* CHECKPOINT, CHECKPOINT_CONFIRMED (state is zero there) */
        struct {
            enum osi_refusal what;
            int reason; /* session exception report reason (X.225), -1 when the peer gave none */
        } refused;
        int priority;                  /* TURN_PLEASE: 0 is the most urgent */
        const struct osi_cause *cause; /* CLOSED; lives as long as the association */
    } u;
};

/* ---- life ---- */

/*
 * A new association; `now` is the monotonic time in microseconds. An
 * initiator's first octets are in the output at once: the TCP connection must
 * be there or follow. NULL and `err` when a parameter is out of range or memory
 * is exhausted. Freed with osi_association_free.
 */
struct osi_association *osi_association_new(const struct osi_parameters *parameters, int64_t now,
                                            struct error *err);
void osi_association_free(struct osi_association *a);

/*
 * Takes octets that came from the peer; returns how many were used. It may use
 * fewer than given: at most one TPDU a call, so that events stay few; 0 while an
 * event waits to be fetched or an indication waits for its answer (open, resume).
 */
size_t osi_association_input(struct osi_association *a, struct span in, int64_t now);
/* Would it take some? */
bool osi_association_takes_input(const struct osi_association *a);

/* The peer closed or lost the TCP connection. */
void osi_association_disconnected(struct osi_association *a, int64_t now);

/* Fetches the oldest event; false when there is none. */
bool osi_association_next_event(struct osi_association *a, struct osi_event *event);

/* Octets to write to the peer; the span lives until the next call for this association. */
struct span osi_association_output(struct osi_association *a);
void osi_association_output_taken(struct osi_association *a, size_t len, int64_t now);

/* The time at which osi_association_timeout wants to be called; INT64_MAX for never. */
int64_t osi_association_deadline(const struct osi_association *a);
void osi_association_timeout(struct osi_association *a, int64_t now);

/* True when nothing more will be read: write what output is left, then close. */
bool osi_association_is_over(const struct osi_association *a);

/* Heap octets held, for the limits and the tests. */
size_t osi_association_memory(const struct osi_association *a);

/* ---- opening and closing ---- */

/*
 * The answer to OSI_EVENT_OPEN_INDICATION (RT-OPEN or A-ASSOCIATE response). `user_data` is the bind result,
 * one whole BER element; absent for RT-RECOVER.
 * Agreed checkpoint size and window come out of proposal and parameters by X.228 §7.1;
 * they are in osi_association_open().
 */
bool osi_association_accept(struct osi_association *a, struct span user_data, int64_t now);

/*
 * The same, refused. Normal mode carries `user_data` (the bind error, one BER element, or absent);
 * X.410 mode carries `reason` only.
 */
bool osi_association_refuse(struct osi_association *a, enum osi_refuse_reason reason, struct span user_data);

/* What was agreed, from the open event on; spans in it are not kept and are absent. */
const struct osi_open *osi_association_open(const struct osi_association *a);

/* RT-CLOSE or A-RELEASE request: initiator, no transfer in progress, the turn held. `user_data` is the
 * unbind's argument, one BER element, or absent. OSI_EVENT_CLOSED follows. */
bool osi_association_release(struct osi_association *a, struct span user_data, int64_t now);

/* The abort of the application (RT-U-ABORT, A-ABORT), which may carry `user_data`. X.410 mode has none: the
 * peer sees localSystemProblem. */
void osi_association_user_abort(struct osi_association *a, struct span user_data);

/* The abort of the provider, RT-P-ABORT by our side, with RTAB `reason`; X.410 mode knows no permanentProblem
 * and says localSystemProblem. */
void osi_association_abort(struct osi_association *a, enum osi_abort_reason reason, const char *text);

/* ---- the turn (two-way alternate) ---- */

bool osi_rt_has_turn(const struct osi_association *a);
bool osi_rt_turn_please(struct osi_association *a, int priority, int64_t now);
bool osi_rt_turn_give(struct osi_association *a, int64_t now);

/* ---- sending ---- */

/* RT-TRANSFER request: starts an APDU. `*activity` gets its name, to be kept for a resume. Needs the turn. */
bool osi_rt_transfer_begin(struct osi_association *a, struct osi_activity *activity, int64_t now);

/*
 * Resumes an APDU that an earlier association (`old_id`), or this one after an
 * interrupt (`old_id` NULL), did not finish, at `serial` and `offset` of the
 * last OSI_EVENT_CHECKPOINT_CONFIRMED. The data that follows starts at `offset`.
 */
bool osi_rt_transfer_resume(struct osi_association *a, const struct osi_connection_id *old_id,
                            const struct osi_activity *old_activity, uint32_t serial, uint64_t offset,
                            struct osi_activity *activity, int64_t now);

/*
 * Hands over the next octets of the APDU; returns how many were taken (window
 * and output bound it; the rest again after OSI_EVENT_MAY_SEND). `last` says
 * that the APDU ends with `data`: when all of it is taken, the end of the
 * activity is sent and the copy is in doubt until TRANSFER_CONFIRMED or _REFUSED.
 */
size_t osi_rt_transfer_data(struct osi_association *a, struct span data, bool last, int64_t now);

/* Our wish to stop sending: interrupt (to resume later) or discard (forget). OSI_EVENT_TRANSFER_REFUSED
 * follows. */
bool osi_rt_transfer_interrupt(struct osi_association *a, int64_t now);
bool osi_rt_transfer_discard(struct osi_association *a, int64_t now);

/* ---- receiving ---- */

/* Answers TRANSFER_BEGIN with `resumed`: goes on from `checkpoint`, kept from the event with that serial. */
bool osi_rt_resume_accept(struct osi_association *a, const struct osi_checkpoint *checkpoint, int64_t now);

/* The activity was completed and confirmed before: its octets are swallowed and it is confirmed again,
 * a discard is answered by RTAB transferCompleted. No more events for it come. */
bool osi_rt_resume_swallow(struct osi_association *a, int64_t now);

/* The activity was refused for good before: it is refused again, as by osi_rt_transfer_reject. */
bool osi_rt_resume_refuse(struct osi_association *a, int64_t now);

/* The activity (or its association) is not known here: RTAB unrecognizedActivity. */
bool osi_rt_resume_unknown(struct osi_association *a);

/* The octets up to checkpoint `serial` are on disk; confirms it and all before it. */
bool osi_rt_checkpoint_confirm(struct osi_association *a, uint32_t serial, int64_t now);

/* RT-TRANSFER response, positive: responsibility is ours. Only after the commit. */
bool osi_rt_transfer_confirm(struct osi_association *a, int64_t now);

/*
 * Refuses the APDU being received, at any moment before its confirmation, by an
 * exception report: `again` true asks for an interrupt (a temporary problem),
 * false for a discard (a permanent one). TRANSFER_INTERRUPTED or _DISCARDED follows.
 */
bool osi_rt_transfer_reject(struct osi_association *a, bool again, int64_t now);

#endif
