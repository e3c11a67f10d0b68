/* Transfers in: receive.c what they come to, receive_pieces.c and
 * receive_resume.c those that come in pieces. */
#ifndef MTA_RECEIVE_H
#define MTA_RECEIVE_H

#include "base/error.h"
#include "base/span.h"
#include "ipc/frames.h"

struct association;
struct mta;
struct peer;
struct store_content;

struct arrival {
    struct peer *peer;
    enum ipc_apdu kind;
    struct span envelope;
    struct span memory; /* the content when it is in memory, else absent */
    struct store_content *content;
    uint64_t content_length;
    bool late; /* it began after the order to stop, which lets no more end than were under way */
};

enum arrival_result {
    ARRIVAL_TAKEN,   /* in the batch: answer after the commit */
    ARRIVAL_KNOWN,   /* was taken before and is on disk: confirm now */
    ARRIVAL_LATER,   /* refuse temporarily */
    ARRIVAL_REFUSED, /* no APDU of ours */
};
/* The store's cause tells an operator what to do and is not cut. */
#define RECEIVE_CAUSE sizeof((struct error *)0)->text

enum arrival_result receive_apdu(struct mta *mta, const struct arrival *arrival,
                                 char cause[static RECEIVE_CAUSE]);

/* Frames, after net.c has judged them by their rows and states (ipc/frame.h). False: one does not fit. */
bool receive_whole(struct association *association, struct span payload);
bool receive_begin(struct association *association, struct span payload);
bool receive_envelope(struct association *association, struct span payload);
bool receive_content(struct association *association, struct span payload);
bool receive_checkpoint(struct association *association, struct span payload);
bool receive_end(struct association *association, struct span payload);
bool receive_stop(struct association *association, struct span payload);
bool receive_resume(struct association *association, struct span payload);
/* Sends the answer, now or with the batch. */
void receive_answer(struct association *association, enum arrival_result result, const char *cause);

#endif
