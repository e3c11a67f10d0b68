/*
 * What the parts of an association share: association.c (life, input, output),
 * association_open.c (RT-OPEN, RT-CLOSE, aborts), rtse_send.c and rtse_receive.c
 * (RT-TRANSFER both ways, the turn).
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

/* The states of the reliable transfer protocol machine, by what it waits for (X.228 Annex A). */
enum rtse_state {
    RTSE_IDLE,             /* no association */
    RTSE_OPEN_REQUESTED,   /* RTORQ is sent */
    RTSE_OPEN_INDICATED,   /* RT-OPEN response is awaited */
    RTSE_OPEN,             /* associated, no transfer */
    RTSE_SENDING,          /* an activity of ours */
    RTSE_ENDING,           /* its end is sent, confirmation awaited */
    RTSE_STOPPING,         /* interrupt or discard sent, confirmation awaited */
    RTSE_RECEIVING,        /* an activity of the peer */
    RTSE_RESUME_INDICATED, /* its resume waits for the owner's word */
    RTSE_ENDED,            /* its end came, RT-TRANSFER response is awaited */
    RTSE_REJECTING,        /* we reported an exception */
    RTSE_CLOSING,          /* RT-CLOSE requested */
    RTSE_CLOSED,           /* over */
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
    struct span data;       /* octets not yet in an event */
    struct buf joined;      /* where they are put together if they were apart */
};

struct osi_association {
    struct osi_parameters parameters; /* spans in `strings` */
    struct arena strings;
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
    enum rtse_state state;
    struct osi_open open;
    struct rtse_codec codec;
    struct osi_connection_id recovered; /* responder: what RTORQ asks to recover, until the answer */
    bool over;
    int64_t now;
    int64_t created;
    int64_t progress; /* since when the peer is waited for, or its last progress while it is */
    int64_t closing_since;
    struct sender tx;
    struct receiver rx;
};

/* association.c */
/* The owner did something: what the peer owes us from here on it owes from `now`. */
void association_waits_from(struct osi_association *a, int64_t now);
void association_push(struct osi_association *a, const struct osi_event *event);
void association_push_type(struct osi_association *a, enum osi_event_type type);
void association_finish(struct osi_association *a);
size_t association_output_pending(const struct osi_association *a);

/* association_open.c */
void association_request(struct osi_association *a);
void association_connect_indication(struct osi_association *a, const struct session_connect *connect);
void association_connect_confirm(struct osi_association *a, const struct session_connect *connect);
void association_connect_refused(struct osi_association *a, const struct session_connect *connect);
void association_release_indication(struct osi_association *a, struct span user_data);
void association_release_confirm(struct osi_association *a, struct span user_data);
void association_abort_indication(struct osi_association *a, struct span user_data);

/* Ends the association by our own side: sends RTAB with `reason` (or an abort of the layer in the cause). */
void association_abort(struct osi_association *a, enum osi_abort_reason reason);

/* Says the peer broke RTSE's protocol, and aborts. */
void association_protocol_error(struct osi_association *a, const char *parameter, const char *text);

/* rtse_send.c */
void rtse_send_free(struct osi_association *a);
void rtse_send_checkpoint_confirmed(struct osi_association *a, uint32_t serial);
void rtse_send_end_confirmed(struct osi_association *a);
void rtse_send_exception(struct osi_association *a, int reason);
void rtse_send_stopped(struct osi_association *a, bool interrupted);
void rtse_send_unblock(struct osi_association *a);

/* rtse_receive.c */
void rtse_receive_free(struct osi_association *a);
void rtse_receive_begin(struct osi_association *a, const struct session_indication *in);
void rtse_receive_resume(struct osi_association *a, const struct session_indication *in);
void rtse_receive_data(struct osi_association *a, struct span data, bool end);
void rtse_receive_checkpoint(struct osi_association *a, uint32_t serial);
void rtse_receive_end(struct osi_association *a);
void rtse_receive_stopped(struct osi_association *a, bool interrupted);
void rtse_receive_flush(struct osi_association *a);

/* The turn: rtse_turn.c */
void rtse_turn_please(struct osi_association *a, struct span user_data);
void rtse_turn_received(struct osi_association *a);

#endif
