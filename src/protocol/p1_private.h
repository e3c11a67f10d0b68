/* P1 (X.411 §12, X.419 §8): binds of MTAs, and transfers of APDUs in and out; shared by its files. */
#ifndef PROTOCOL_P1_PRIVATE_H
#define PROTOCOL_P1_PRIVATE_H

#include "ipc/bind.h"
#include "protocol/apdu_scanner.h"
#include "protocol/connection.h"
#include "protocol/p1.h"

/* An APDU that comes in. Small ones are gathered and sent to the store process whole. */
struct transfer_in {
    uint32_t number; /* in the association, as the store process knows it */
    bool active;
    bool pieces;    /* the store process got TRANSFER_BEGIN */
    bool resuming;  /* the store process looks for the state of a resume */
    bool ended;     /* all of it has come: its result is waited for */
    bool resumable; /* a checkpoint of it is confirmed */
    bool refused;   /* for now, when it was in pieces: the store process keeps them for a resume */
    struct osi_activity activity;
    struct apdu_scanner scanner;
    size_t told;         /* octets of an envelope that is not complete and that the store process has */
    struct buf gathered; /* the APDU's octets, as long as it is not in pieces */
    /* Checkpoints among them that are not confirmed: */
    unsigned held;              /* how many */
    struct osi_checkpoint last; /* the last of them */
    size_t last_at;             /* its place in `gathered` */
    int64_t hold_until;         /* when the first of them has waited long enough; monotonic µs */
};

/* An APDU that goes out. */
struct transfer_out {
    bool active;
    bool last_taken;      /* all octets are with the association: from here the copy may be in doubt */
    bool resume_unproven; /* it was resumed, and the peer confirmed nothing since */
    struct osi_activity activity;
    /* What is at hand: octets of the frame that is being handled, or of the buffers below. */
    struct span prefix;
    struct span content; /* the piece at `content_at`, or all of a small content */
    struct buf kept_prefix, kept;
    struct buf next; /* the piece after `content`, read ahead */
    uint64_t content_at;
    uint64_t prefix_length;
    uint64_t content_length;
    uint64_t offset;    /* of the next octet of the APDU to hand over */
    uint64_t confirmed; /* octets of it that the peer's last confirmed checkpoint has; 0: none */
    uint64_t asked;     /* content octets that were asked from the store process, up to this offset */
};

/* An association that we open: where it is tried, and why the last try failed. */
struct call {
    const struct protocol_peer *peer;
    size_t endpoint;
    unsigned context_at;
    char host[256];                           /* the endpoint's name, if it is one */
    struct evutil_addrinfo *found, *found_at; /* what it resolved to, and the address that is tried */
    uint16_t port;
    struct buf recover_id;
    struct buf ours;   /* what we give in the bind, as ipc_credentials_write has it; until it is opened */
    char failure[200]; /* why the last try failed */
    char failure_parameter[40]; /* what did not match; may be empty */
    enum ipc_layer failure_layer;
    bool recovery_refused; /* the peer understood RT-RECOVER, and refused it */
    uint64_t ping;         /* not 0: `mhs ping`; released as soon as it is open */
};

struct p1 {
    struct connection *connection;
    enum osi_context context;
    struct resolve *question;    /* a name that is being resolved, either side */
    struct admission *admission; /* inbound, while it is not answered (admission.c) */
    int64_t refuse_at;           /* the bind is refused then (admission.c); 0: it is not */
    struct call call;            /* outbound */
    uint32_t transfers_in;       /* begun so far */
    struct transfer_in in;
    struct transfer_out out;
};

static inline struct p1 *p1_of(const struct connection *c) {
    return c->user;
}

/* ---- p1_words.c: what OSI says, as the frames have it ---- */

enum ipc_mode p1_mode(enum osi_context context);
/* `mts-transfer` and so on. */
enum ipc_layer p1_layer(const struct osi_cause *cause);

/* ---- p1_ask.c: may it be? ---- */

/* Asks the store process, with what the association itself tells of the bind. */
void p1_ask(struct p1 *p1, const struct osi_open *open, struct ipc_bind *bind);

/* ---- admission.c: inbound binds ---- */

void admission_indication(struct p1 *p1, const struct osi_open *open);
void admission_answer(struct p1 *p1, const struct ipc_bind_answer *answer);
/* The time has come to say no. */
void admission_refuse_now(struct p1 *p1);
/* Gives up what an inbound bind waits for. */
void admission_forget(struct p1 *p1);
/* After a reload: a bind that waits for names of hosts is asked anew. */
void admission_ask_again(struct p1 *p1);

/* ---- connect.c: outbound associations ---- */

/* What is called, and with what; false without memory. `ours` is copied. */
bool connect_prepare(struct p1 *p1, struct span name, struct span recover_id,
                     const struct ipc_credentials *ours, uint64_t ping);
/* Begins to open the association, or says why not. May free the connection. */
void connect_begin(struct p1 *p1);
/* It was not even begun: there is no connection. */
void connect_never_begun(struct net *net, struct span name, struct span recover_id, uint64_t ping);
/* The responder has accepted. */
void connect_confirmed(struct p1 *p1, const struct osi_open *open);
/* The store process knows the responder, or does not. */
void connect_answer(struct p1 *p1, const struct ipc_bind_answer *answer);
/* The association was not made; why is kept for connect_failed. */
void connect_ended(struct p1 *p1, const struct osi_cause *cause);
/* The peer that is called was taken out of the configuration: that is why, whatever ends the call. */
void connect_unconfigured(struct p1 *p1);
/* This try failed: takes the next context or endpoint, or gives up. Frees the connection's association; may
 * free the connection. */
void connect_failed(struct p1 *p1, enum ipc_layer layer, const char *cause);
/* Frees what names were resolved to and what was given, and gives up the question under way. */
void connect_forget(struct p1 *p1);

/* ---- ping.c ---- */

/* Answers from the call's failure. */
void ping_failed(struct p1 *p1);
/* Answers: the association was open, and is over. */
void ping_ended(struct p1 *p1, bool released, enum ipc_layer layer, const char *parameter, const char *cause);

/* ---- transfer_in.c ---- */

void transfer_in_begin(struct p1 *p1, const struct osi_begin *begin);
void transfer_in_data(struct p1 *p1, struct span data);
void transfer_in_checkpoint(struct p1 *p1, const struct osi_checkpoint *checkpoint);
void transfer_in_end(struct p1 *p1);
void transfer_in_stopped(struct p1 *p1, bool keep);
/* The store process is told of one under way of which it knows nothing yet. */
void transfer_in_tell(struct p1 *p1);
void transfer_in_free(struct p1 *p1);
/* When transfer_in_timeout is due, monotonic µs; INT64_MAX: never. */
int64_t transfer_in_deadline(const struct p1 *p1);
/* A checkpoint was not followed by the end of its transfer soon: it is to be confirmed. */
void transfer_in_timeout(struct p1 *p1);
/* Frames of the store process. */
bool transfer_in_checkpoint_done(struct p1 *p1, struct span payload);
bool transfer_in_result(struct p1 *p1, struct span payload);
bool transfer_in_resume_result(struct p1 *p1, struct span payload);

/* ---- transfer_out.c ---- */

void transfer_out_push(struct p1 *p1);
void transfer_out_checkpoint(struct p1 *p1, const struct osi_checkpoint *checkpoint);
void transfer_out_refused(struct p1 *p1, int reason);
/* `flags`: enum ipc_sent_flag; whether a resume failed is added here where the peer ended it. */
void transfer_out_ended(struct p1 *p1, enum ipc_sent result, const char *cause, unsigned flags);
void transfer_out_free(struct transfer_out *out);
/* Frames of the store process. */
bool transfer_out_send_begin(struct p1 *p1, struct span payload);
bool transfer_out_send_data(struct p1 *p1, struct span payload);

/* ---- connection_id.c: the session connection identifier as one string of octets ---- */

bool connection_id_write(const struct osi_connection_id *id, struct buf *out);
bool connection_id_read(struct span octets, struct osi_connection_id *id);
bool connection_id_new(struct osi_connection_id *id, char calling[static 33], char common[static 14]);

#endif
