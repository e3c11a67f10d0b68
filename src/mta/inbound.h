/* The state of a transfer in that comes in pieces, in memory and as the store keeps it. */
#ifndef MTA_INBOUND_H
#define MTA_INBOUND_H

#include "base/buf.h"
#include "base/error.h"
#include "ipc/frame.h"

struct association;
struct bytes;
struct mta;
struct store_activity_in;
struct store_content;

/* What the peer may resume from. A sender may be behind what we confirmed last, by the window at most. */
struct checkpoint {
    uint64_t offset;         /* of the APDU stream */
    uint64_t content_length; /* of content that had come */
    uint32_t serial;
    uint32_t envelope_length; /* octets of the envelope that had come */
    enum ipc_apdu kind;       /* PARTIAL: it was not complete */
    struct bytes *parser;     /* the net process's state: head */
};

#define CHECKPOINTS 8

struct inbound {
    struct checkpoint checkpoints[CHECKPOINTS]; /* oldest first */
    size_t checkpoint_count;
    uint64_t skip; /* octets of content that come again after a resume and are stored already */
    bool resumed;
    struct store_content *content; /* NULL until octets have come */
    /* An envelope that is too long to be written anew with each checkpoint is kept like a content, which
     * grows; under an activity of its own, of which `spool` is the number. */
    struct store_content *spooled;
    uint64_t spool;
    struct bytes *names; /* head: the association's identifier under which it began, rest: the activity's */
    struct buf envelope;
    enum ipc_apdu kind;   /* PARTIAL: the envelope is not complete */
    uint64_t stored;      /* the store's number of the activity, 0: no checkpoint yet */
    struct error failure; /* with a text: the store could not take it: END is refused for now */
    bool late;            /* it began after the order to stop, which does not wait for its end */
    bool answered;        /* it was refused before its end: the frames that still come are swallowed */
};

/* Most octets of an envelope that stands in the activity's state. */
#define INBOUND_ENVELOPE_MAX ((size_t)16 * 1024)

/* One that goes on from a checkpoint: its state, before what it names is read. */
bool inbound_read(struct inbound *inbound, struct span state);

/* Which frames of a transfer in may come now: or'ed enum ipc_state. NULL is allowed. */
unsigned inbound_state(const struct inbound *inbound);

/* Adds a checkpoint to those the transfer has; the oldest makes room. False without memory. */
bool inbound_checkpoint(struct inbound *inbound, uint32_t serial, uint64_t offset, struct span parser);
/* The association has none any more; what the store keeps of it stays there. NULL is allowed. */
void inbound_free(struct association *association);
/* Before another transfer: what was refused before its end was kept
 * to swallow the frames that were under way. */
void inbound_forget_answered(struct association *association);

/* Its END has come: its names and the store's numbers are kept until the next begins, as an answer for now
 * may be followed by a discard. It has ended well when the caller says so. */
void inbound_note_ended(struct association *association);
void inbound_forget_ended(struct association *association);

/* The activity's state as the store keeps it: the peer's address, kind, envelope or where it is, the
 * checkpoints. */
bool inbound_write(const struct inbound *inbound, struct span address, struct buf *out);
/* Of either state; that of a spooled envelope is the address alone. */
struct span inbound_address(struct span state);

/* The number of the activity under which its envelope is spooled, 0: none. */
uint64_t inbound_spool(struct span state);

/* Both activities go with the batch. */
bool inbound_remove(struct mta *mta, const struct inbound *inbound);

/* A stored activity, and its spooled envelope, go with the batch: false without memory. */
bool inbound_forget(struct mta *mta, const struct store_activity_in *activity);

#endif
