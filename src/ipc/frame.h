/*
 * What a frame is: one row for each number (frame.c). The checks on both sides,
 * docs/frames.md and the fuzz targets are made from it; what is done with a frame
 * stands in the table of the process that gets it.
 */
#ifndef IPC_FRAME_H
#define IPC_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "ipc/frames.h"

/* Who speaks; or'ed where a frame has several senders or receivers. */
enum ipc_party {
    IPC_STORE = 1,
    IPC_NET = 2,
    IPC_CLIENTS = 4, /* the process that holds the local socket */
    IPC_CLIENT = 8,  /* somebody at the local socket */
    IPC_READER = 16,
    IPC_WORK = 32,
    IPC_PARENT = 64
};

/* What a frame's ref names. */
enum ipc_about {
    IPC_ABOUT_PROCESS,     /* nothing: it is 0 */
    IPC_ABOUT_PARTS,       /* 1: more parts follow, 0: it is whole */
    IPC_ABOUT_ASSOCIATION, /* a number that the net process chose, unique in its life */
    IPC_ABOUT_PING,        /* a number that the store process chose */
    IPC_ABOUT_CLIENT,      /* a number that the process of the clients chose */
    IPC_ABOUT_REQUEST,     /* a number that the client chose, with the client's own in the upper half */
    IPC_ABOUT_JOB          /* a number that the store process chose, one at a time for each work process */
};

/* States of what the ref names, as its receiver sees them; several may hold at once, and a frame is legal in
 * each that its row has. */
enum ipc_state {
    IPC_STATE_GONE = 1 << 0, /* it has ended, while this was on its way: all but breaches is passed over */
    IPC_STATE_NEW = 1 << 1,  /* nothing has this ref */
    IPC_STATE_UP = 1 << 2,   /* it is there */
    /* an association: */
    IPC_STATE_ASKED = 1 << 3,       /* a bind is not answered */
    IPC_STATE_CLOSING = 1 << 4,     /* its end was asked for */
    IPC_STATE_NO_INBOUND = 1 << 5,  /* no transfer in is under way */
    IPC_STATE_ENVELOPE = 1 << 6,    /* one comes in pieces, and its envelope is not complete */
    IPC_STATE_CONTENT = 1 << 7,     /* one comes in pieces, and its envelope is */
    IPC_STATE_NO_OUTBOUND = 1 << 8, /* no transfer out is under way */
    IPC_STATE_SENDING = 1 << 9,     /* one is */
    /* a process and its jobs: */
    IPC_STATE_STARTING = 1 << 10,
    IPC_STATE_WORKING = 1 << 11, /* a job has no verdict yet */
    IPC_STATE_GIVING = 1 << 12,  /* it has, and the new content comes */
    /* an association of a user: */
    IPC_STATE_USER = 1 << 13,          /* it is there */
    IPC_STATE_NO_SUBMISSION = 1 << 14, /* no submission comes in */
    IPC_STATE_SUBMITTING = 1 << 15,    /* one does */
    IPC_STATE_NO_DELIVERY = 1 << 16,   /* nothing is being delivered */
    IPC_STATE_DELIVERING = 1 << 17     /* something is */
};

enum ipc_field_kind { IPC_U8, IPC_U16, IPC_U32, IPC_U64, IPC_OCTETS, IPC_REST };

/* Numbers are big-endian; OCTETS is a u32 length and so many octets; REST is all that is left. */
struct ipc_field {
    enum ipc_field_kind kind;
    const char *name;
    uint64_t least, most; /* of the number, or of octets */
    bool optional;        /* it and those after it may be absent */
};

struct ipc_frame {
    const char *name;
    unsigned from, to; /* enum ipc_party */
    enum ipc_about about;
    unsigned states;                /* or'ed enum ipc_state */
    const struct ipc_field *fields; /* of the payload, in this order */
    size_t field_count;
    size_t most; /* octets of the payload */
    bool open;   /* from a client: of its fields what is wrong is answered, and is no breach */
    bool secret; /* names and passwords: its octets are wiped wherever they were (ipc/channel.c) */
    const char *help;
};

#define IPC_NUMBERS 176 /* each is below */

/* The row of this number, or NULL: there is no such frame. */
const struct ipc_frame *ipc_frame(enum ipc_type type);

/* False for what is no frame. */
bool ipc_frame_is_secret(enum ipc_type type);

/* Who is at both ends of a channel. */
struct ipc_side {
    enum ipc_party self, other;
};

#define IPC_WHY 200

/*
 * The row of a frame that came: its number is one of those that the other side
 * sends to this one, its ref and its payload are as the row says. Otherwise
 * NULL, and `why` names it and what is wrong.
 */
const struct ipc_frame *ipc_frame_take(const struct ipc_side *side, enum ipc_type type, uint64_t ref,
                                       struct span payload, char why[static IPC_WHY]);

enum ipc_judgement { IPC_LEGAL, IPC_LATE, IPC_BREACH };

/* May it come now? `state` is or'ed enum ipc_state. IPC_LATE: it is to be passed over. IPC_BREACH: `why` says
 * so. */
enum ipc_judgement ipc_frame_judge(const struct ipc_frame *frame, unsigned state, char why[static IPC_WHY]);

/* The words for a state, as the documentation has them. */
const char *ipc_state_name(enum ipc_state state);

#endif
