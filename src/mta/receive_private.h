/* Transfers in that come in pieces. */
#ifndef MTA_RECEIVE_PRIVATE_H
#define MTA_RECEIVE_PRIVATE_H

#include "mta/mta_private.h"

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
    enum ipc_apdu kind; /* PARTIAL: the envelope is not complete */
    uint64_t stored;    /* the store's number of the activity, 0: no checkpoint yet */
    char failure[120];  /* the store could not take it: END is refused for now */
    bool answered;      /* it was refused before its end: the frames that still come are swallowed */
};

/* Most octets of an envelope that stands in the activity's state. */
#define INBOUND_ENVELOPE_MAX ((size_t)16 * 1024)

/* Adds a checkpoint to those the transfer has; the oldest makes room. False without memory. */
bool inbound_checkpoint(struct inbound *inbound, uint32_t serial, uint64_t offset, struct span parser);
void inbound_free(struct association *association);
void receive_forget_answered(struct association *association);

/* The activity's state as the store keeps it: the peer's address, kind, envelope or where it is, the
 * checkpoints. */
bool inbound_write(const struct inbound *inbound, struct span address, struct buf *out);
bool inbound_read(struct inbound *inbound, struct span state);
/* Of either state; that of a spooled envelope is the address alone. */
struct span inbound_address(struct span state);

/* Both activities go with the batch. */
bool inbound_remove(struct mta *mta, const struct inbound *inbound);

/* A stored activity, and its spooled envelope, go with the batch: its sender began another by its name. */
void inbound_forget(struct mta *mta, const struct store_activity_in *activity);

/* ---- outcome.c: what became of transfers in, for a sender who did not learn it ---- */

/* The transfer under way is over with the batch. False without memory. */
bool outcome_note(struct association *association, bool accepted);
/* What a resume of it is told: IPC_RESUME_COMPLETED, _REFUSED, or _UNKNOWN_ACTIVITY. What the batch says does
 * not count: commit before. */
enum ipc_resume outcome_of(struct association *association, struct span name, struct span activity);
/* A new association has its name: do outcomes have that name already? */
void outcome_look(struct association *association);
/* The association begins an activity: what was known of another by the same names is forgotten. */
void outcome_begins(struct association *association, struct span activity);
/* It is released: it can't be recovered any more. */
void outcome_released(struct association *association);
bool outcome_is_released(struct mta *mta, struct span association, struct span peer);
/* Where the association was called from. */
struct span outcome_address(const struct store_outcome *outcome);

/* ---- recovery.c: RT-RECOVER ---- */

/* The peer whose association may be recovered by this RT-RECOVER, or NULL. Costs no commit and no walk. */
struct peer *recovery_peer(struct mta *mta, const struct ipc_bind *bind);
/* Ends the association that is to be recovered, when it is still up. */
void recovery_fence(struct mta *mta, const struct peer *peer, const struct ipc_bind *bind);
/* The new association recovers that of the name `id`, in either direction. False without memory. */
bool recovery_begin(struct association *association, struct span id);
/* Called when a transfer begins anew. True: the association recovers another, and has to go. */
bool recovery_brings_new(struct association *association);
/* True if activities of association `id` may be resumed on this one. */
bool recovery_is_for(const struct association *association, struct span id);

/* Sends the answer, now or with the batch. */
void receive_answer(struct association *association, enum arrival_result result, const char *cause);

#endif
