/*
 * What the parts of an association share. From below: association_core.c
 * (events, what is gathered, the end), association_close.c (release, aborts),
 * association_connect.c (opening), all of session, presentation and ACSE; then
 * the users of it, each behind a table of functions: RTSE (rtse_send.c,
 * rtse_receive.c, rtse_turn.c, rtse.c); on top association.c (life, input,
 * output, timers), which alone knows which users there are.
 */
#ifndef OSI_ASSOCIATION_PRIVATE_H
#define OSI_ASSOCIATION_PRIVATE_H

#include "base/arena.h"
#include "osi/acse.h"
#include "osi/association.h"
#include "osi/cause.h"
#include "osi/cotp.h"
#include "osi/external.h"
#include "osi/pdata.h"
#include "osi/presentation.h"
#include "osi/rtse_pdu.h"
#include "osi/session.h"

#define EVENTS_MAXIMUM 16
#define WINDOW_MAXIMUM 64

enum association_state {
    ASSOCIATION_IDLE,
    ASSOCIATION_REQUESTED, /* our connect is sent */
    ASSOCIATION_INDICATED, /* the owner's answer to the peer's is awaited */
    ASSOCIATION_OPEN,
    ASSOCIATION_CLOSING, /* our release is sent */
    ASSOCIATION_CLOSED,  /* over */
};

/* What the peer owes, and how long it may take over it. 0: the user waits for nothing, but what is half sent
 * on either side is due; ASSOCIATION_NOTHING_DUE: not even that, for it is we who are waited for. */
#define ASSOCIATION_NOTHING_DUE (-1)

struct association_due {
    int64_t us;
    const char *overdue; /* what is said when it did not come in time */
};

/* Why an association is not made, in the words of each layer that says so. */
struct association_refusal {
    int presentation;      /* provider reason of CPR; PRESENTATION_USER_REFUSES: the layers above tell */
    int diagnostic;        /* of AARE; ACSE_NULL: the user's APDU tells */
    bool by_acse_provider; /* whose diagnostic it is */
    int reason;            /* RTORJ's refuse reason, in X.410 mode only (X.228 §7.1.6.1) */
    struct span user_data; /* of the bind error, in normal mode only (X.228 §7.1.6.2) */
};

/*
 * A user of session and presentation: what they call when something happens.
 * APDUs are the user's own, which go with those of ACSE, or of the session in
 * X.410 mode. Functions that return false have filled the cause, or are without
 * memory. One table for each user, chosen by the application context.
 */
struct association_user {
    enum osi_layer layer;
    unsigned units;                 /* session functional units that it needs */
    enum osi_event_type data_event; /* as which association_emit tells octets */

    /* Opening. The APDU that asks; of the peer's that asks, when all below agree: the owner is told, or it is
     * refused. Then the owner's answer, positive and negative, and the peer's. */
    bool (*request)(struct osi_association *a, struct span *apdu);
    void (*on_connect)(struct osi_association *a, struct span apdu, struct osi_open *open);
    bool (*accept)(struct osi_association *a, struct span user_data, struct span *apdu);
    bool (*refuse)(struct osi_association *a, int reason, struct span user_data, struct span *apdu);
    bool (*on_accept)(struct osi_association *a, struct span apdu, struct osi_open *open);
    void (*on_refuse)(struct osi_association *a, struct span apdu, const char *how);
    void (*on_open)(struct osi_association *a); /* the association stands, on either side */

    /* In between. */
    void (*on_data)(struct osi_association *a, struct span data, bool end); /* a part of an SSDU */
    void (*on_activity)(struct osi_association *a, const struct session_indication *in); /* the rest */
    void (*on_output)(struct osi_association *a); /* octets went out: there may be room again */
    struct association_due (*due)(const struct osi_association *a);
    bool (*is_sending)(const struct osi_association *a);

    /* The end. Whether we may release now; the APDU of an abort of ours, what the peer's says, that it is
     * over.
     */
    bool (*may_release)(const struct osi_association *a);
    bool (*abort)(struct osi_association *a, int reason, struct span user_data, struct span *apdu);
    void (*on_abort)(struct osi_association *a, struct span apdu, const char *how);
    void (*on_end)(struct osi_association *a);

    size_t (*memory)(const struct osi_association *a);
    void (*free)(struct osi_association *a);
};

/* The states of the reliable transfer protocol machine, by what it waits for (X.228 Annex A). */
enum rtse_state {
    RTSE_CLOSED,           /* no association, or one that opens or is released */
    RTSE_OPEN,             /* associated, no transfer */
    RTSE_SENDING,          /* an activity of ours */
    RTSE_ENDING,           /* its end is sent, confirmation awaited */
    RTSE_STOPPING,         /* interrupt or discard sent, confirmation awaited */
    RTSE_RECEIVING,        /* an activity of the peer */
    RTSE_RESUME_INDICATED, /* its resume waits for the owner's word */
    RTSE_ENDED,            /* its end came, RT-TRANSFER response is awaited */
    RTSE_REJECTING,        /* we reported an exception */
};

struct checkpoint_mark {
    uint32_t serial;
    uint64_t offset;
};

struct sender {
    uint32_t activities; /* begun so far: the next one's name */
    uint64_t offset;     /* octets of the APDU that are written */
    bool started;        /* the EXTERNAL's header is written, or belongs to an earlier association */
    bool streaming;      /* no checkpoints: one RTTR in pieces */
    bool blocked;        /* the owner waits for MAY_SEND */
    bool by_owner;       /* the stop under way was the owner's wish */
    int stop_reason;     /* exception reason that made us stop, -1 */
    enum osi_refusal refusal;
    bool any_confirmed;   /* a checkpoint of this activity was confirmed, ever */
    bool resume_unproven; /* it was resumed, and nothing was confirmed since: the peer may not know it */
    struct buf pending;   /* octets that make no whole piece yet */
    struct checkpoint_mark marks[WINDOW_MAXIMUM]; /* unconfirmed, oldest first */
    unsigned mark_count;
};

struct receiver {
    struct pdata pdata;
    struct external external;
    uint64_t offset;        /* octets of the APDU given out */
    bool swallow;           /* a completed activity comes again */
    bool in_ssdu;           /* an SSDU has begun */
    uint32_t resume_serial; /* of the resume that waits for the owner */
};

/* Who uses RTSE: the owner of the association, or ROSE. */
struct rtse_upper {
    void (*event)(struct osi_association *a, const struct osi_event *event);
    bool (*octets)(struct osi_association *a, struct span octets); /* of an APDU that comes */
    void (*turn_given)(
        struct osi_association *a); /* the peer has the turn that we gave; NULL: of no interest */
    bool has_operations;            /* associations must be new and two-way alternate */
};

struct rtse {
    enum rtse_state state;
    const struct rtse_upper *upper;
    int64_t context_in;  /* presentation context of the APDUs that come; 0: any, the EXTERNAL says which */
    int64_t context_out; /* of those that go */
    struct rtse_codec codec;
    struct osi_connection_id recovered; /* responder: what RTORQ asks to recover, until the answer */
    struct sender tx;
    struct receiver rx;
};

struct osi_association {
    struct osi_parameters parameters; /* spans in `strings` */
    struct arena strings;
    struct osi_address *meant; /* responder: those of ours that the caller may still mean */
    size_t meant_count;
    struct arena scratch; /* for one control PDU; freed with the next input */
    struct buf out;
    size_t out_start; /* octets of `out` that are written already */
    struct osi_cause cause;
    struct cotp cotp;
    struct session session;
    struct presentation presentation;
    struct acse acse;
    struct osi_event events[EVENTS_MAXIMUM];
    unsigned event_first, event_count;
    enum association_state state;
    const struct association_user *const *users; /* by enum osi_user */
    const struct association_user *user;         /* NULL as long as the application context is not known */
    bool x410;
    bool answer_due; /* the owner was told of what it must answer: nothing more is read before */
    struct osi_open open;
    bool over;
    bool bound; /* what was said to open it is wiped, in each buffer that it was in */
    int64_t now;
    int64_t created;
    int64_t progress; /* since when the peer is waited for, or its last progress while it is */
    int64_t closing_since;
    struct span data;  /* octets for the owner that are not yet in an event */
    struct buf joined; /* where they are put together if they were apart */
    struct rtse rtse;
    struct rose *rose; /* NULL where the context has none */
};

/* association_core.c */
/* The owner did something: what the peer owes us from here on it owes from `now`. */
void association_waits_from(struct osi_association *a, int64_t now);
void association_push(struct osi_association *a, const struct osi_event *event);
void association_push_type(struct osi_association *a, enum osi_event_type type);
size_t association_output_pending(const struct osi_association *a);

/* Octets for the owner: however they were cut, one TPDU makes one event. association_push flushes them. */
bool association_emit(struct osi_association *a, struct span octets);
void association_flush(struct osi_association *a);
void association_gathered_free(struct osi_association *a);

/* A copy that lives until the events are handled, and one that lives as long as the association. */
struct span association_keep(struct osi_association *a, struct span s);
struct span association_keep_with_cause(struct osi_association *a, struct span s);

/* The association is over, for the cause that is there. */
void association_finish(struct osi_association *a);

/* Makes `open` what osi_association_open tells from now on: without the spans, which live in the scratch
 * arena. */
void association_keep_open(struct osi_association *a, const struct osi_open *open);

/* association_close.c */
void association_release_indication(struct osi_association *a, struct span user_data);
void association_release_confirm(struct osi_association *a, struct span user_data);
void association_abort_indication(struct osi_association *a, struct span user_data);

/* Ends the association by our own side: the user's abort with `reason` (or that of the layer in the cause).
 */
void association_abort(struct osi_association *a, enum osi_abort_reason reason);

/* Says the peer broke the user's protocol, and aborts. */
void association_protocol_error(struct osi_association *a, const char *parameter, const char *text);

/* True for an APDU of X.410 mode where one of normal mode could stand. */
bool association_is_x410_apdu(struct span user_data);

/* association_connect.c */
void association_request(struct osi_association *a);
void association_connect_indication(struct osi_association *a, const struct session_connect *connect);
void association_connect_confirm(struct osi_association *a, const struct session_connect *connect);
void association_connect_refused(struct osi_association *a, const struct session_connect *connect);

/* Refuses for the cause that is there already: that is what the peer gets. */
void association_refuse_for_cause(struct osi_association *a, const struct association_refusal *why);

/* All agree: the owner is told, and its answer waited for. */
void association_indicate_open(struct osi_association *a, const struct osi_open *open);

/* rtse.c: the functions of its table, for those who use RTSE themselves */
extern const struct association_user rtse_user;
bool rtse_request(struct osi_association *a, struct span *apdu);
void rtse_on_connect(struct osi_association *a, struct span apdu, struct osi_open *open);
bool rtse_accept(struct osi_association *a, struct span user_data, struct span *apdu);
bool rtse_refuse(struct osi_association *a, int reason, struct span user_data, struct span *apdu);
bool rtse_on_accept(struct osi_association *a, struct span apdu, struct osi_open *open);
void rtse_on_refuse(struct osi_association *a, struct span apdu, const char *how);
void rtse_on_open(struct osi_association *a);
void rtse_on_activity(struct osi_association *a, const struct session_indication *in);
struct association_due rtse_due(const struct osi_association *a);
bool rtse_is_sending(const struct osi_association *a);
bool rtse_may_release(const struct osi_association *a);
bool rtse_abort(struct osi_association *a, int reason, struct span user_data, struct span *apdu);
void rtse_on_abort(struct osi_association *a, struct span apdu, const char *how);
void rtse_on_end(struct osi_association *a);
size_t rtse_memory(const struct osi_association *a);

/* Something happened: RTSE tells who uses it. */
static inline void rtse_tell(struct osi_association *a, const struct osi_event *event) {
    a->rtse.upper->event(a, event);
}

static inline void rtse_tell_type(struct osi_association *a, enum osi_event_type type) {
    rtse_tell(a, &(struct osi_event){.type = type});
}

/* rtse_send.c */
void rtse_send_free(struct osi_association *a);
void rtse_send_checkpoint_confirmed(struct osi_association *a, uint32_t serial);
void rtse_send_end_confirmed(struct osi_association *a);
void rtse_send_exception(struct osi_association *a, int reason);
void rtse_send_stopped(struct osi_association *a, bool interrupted);
void rtse_send_unblock(struct osi_association *a);

/* rtse_receive.c */
void rtse_receive_begin(struct osi_association *a, const struct session_indication *in);
void rtse_receive_resume(struct osi_association *a, const struct session_indication *in);
void rtse_receive_data(struct osi_association *a, struct span data, bool end);
void rtse_receive_checkpoint(struct osi_association *a, uint32_t serial);
void rtse_receive_end(struct osi_association *a);
void rtse_receive_stopped(struct osi_association *a, bool interrupted);

/* The turn: rtse_turn.c */
void rtse_turn_please(struct osi_association *a, struct span user_data);
void rtse_turn_received(struct osi_association *a);

#endif
