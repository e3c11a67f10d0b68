/*
 * What the parts of ROSE share. From below: rose.c (the machine) and rose_pdu.c
 * (its octets); rose_out.c and rose_in.c (PDUs of ours and of the peer, by the
 * pieces); rose_data.c and rose_transfer.c, the two users of an association that
 * carry them, in P-DATA and by RT-TRANSFER.
 */
#ifndef OSI_ROSE_PRIVATE_H
#define OSI_ROSE_PRIVATE_H

#include "osi/association_private.h"
#include "osi/rose.h"
#include "osi/rose_pdu.h"

/* What carries PDUs. */
struct rose_carrier {
    /* A PDU whose last octet was taken is carried; else rose_out_done or rose_out_returned says when. */
    bool at_once;
    /* True if a PDU may begin, and its first octets will be taken; else what can be done for it is done, and
     * rose_out_push called when it may. */
    bool (*is_free)(struct osi_association *a);
    bool (*begin)(struct osi_association *a, enum osi_syntax syntax);
    bool (*has_room)(const struct osi_association *a); /* for more of the one under way */
    /* Takes octets of the PDU, which ends with `last`; those that it did not take again by rose_out_push. */
    size_t (*data)(struct osi_association *a, struct span data, bool last);
};

enum rose_out_state {
    ROSE_OUT_IDLE,
    ROSE_OUT_QUEUED,  /* the first of the queue is handed over */
    ROSE_OUT_STREAM,  /* one of the owner's, by the pieces */
    ROSE_OUT_CARRIED, /* it is handed over, but not carried yet */
};

struct rose_out {
    enum rose_out_state state;
    struct osi_ro ro;            /* the one under way */
    struct buf queue;            /* whole PDUs, each behind a struct queued */
    size_t taken;                /* octets of the queue's first that were handed over */
    uint8_t edge[ROSE_PDU_HEAD]; /* octets of our own around the parameter that are not handed over yet */
    size_t edge_len;
    bool ending; /* the parameter is complete: only the edge is left */
    bool wanted; /* the owner waits for MAY_SEND */
};

struct rose_in {
    struct ber_scanner scanner;
    bool active;      /* a PDU comes */
    bool told;        /* RO_BEGIN was */
    bool passed_over; /* the answer to what was forgotten */
    struct osi_ro ro;
    enum osi_syntax syntax;                /* in which it comes */
    enum osi_ro_problem_kind problem_kind; /* what is wrong with it: the rest is passed over */
    int64_t problem;
};

/* Over RTSE: where the peer's transfer that is under way, or was interrupted, can be taken up again on this
 * association. The sender may be behind what was confirmed last, by the window at most. */
#define ROSE_CHECKPOINTS (WINDOW_MAXIMUM + 1)
struct rose_kept {
    struct osi_activity activity;
    struct osi_checkpoint checkpoints[ROSE_CHECKPOINTS]; /* oldest first */
    size_t count;
    uint64_t received; /* octets of the PDU that were taken */
    uint64_t skip;     /* octets that come again after a resume */
    bool interrupted;
};

struct rose {
    struct rose_machine machine;
    const struct rose_carrier *carrier;
    struct rose_out out;
    struct rose_in in;
    struct ber_scanner pdv;     /* P-DATA in: the presentation's user data */
    bool in_ssdu, out_ssdu;     /* P-DATA: an SSDU has begun */
    bool cut_short;             /* P-DATA: the last one ended within its user data */
    enum osi_syntax out_syntax; /* of the PDU under way */
    struct rose_kept kept;
    bool turn_asked;  /* over RTSE: the peer wants the turn */
    bool turn_wanted; /* we asked for it */
};

/* rose_out.c */
bool rose_new(struct osi_association *a, const struct rose_carrier *carrier);
void rose_free(struct osi_association *a);
size_t rose_memory(const struct osi_association *a);
/* There may be room again, or a PDU may begin. */
void rose_out_push(struct osi_association *a);
/* The PDU under way was carried, or was not: then the owner gets it back (RO-REJECT-P). rose_out_push is due
 * after either. */
void rose_out_done(struct osi_association *a);
void rose_out_returned(struct osi_association *a);
/* True if nothing is under way or waits. */
bool rose_out_is_idle(const struct osi_association *a);
/* A reject by the machine itself. False: there are too many. */
bool rose_out_reject(struct osi_association *a, const struct osi_ro *about, enum osi_ro_problem_kind kind,
                     int64_t problem);
/* What the peer owes by open invocations. */
struct association_due rose_due(const struct osi_association *a);
bool rose_is_sending(const struct osi_association *a);

/* rose_in.c: a PDU comes; its octets; it is whole, or was broken off. */
void rose_in_begin(struct osi_association *a, enum osi_syntax syntax);
void rose_in_octets(struct osi_association *a, struct span octets);
void rose_in_end(struct osi_association *a);
void rose_in_stopped(struct osi_association *a);

/* rose_data.c, rose_transfer.c */
extern const struct association_user rose_user, rose_over_rtse_user;

#endif
