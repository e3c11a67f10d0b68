/* P7: binds of users, retrieval and its answers; shared by its files. */
#ifndef PROTOCOL_P7_PRIVATE_H
#define PROTOCOL_P7_PRIVATE_H

#include "protocol/mailbox_readers.h"
#include "protocol/p3_private.h"
#include "protocol/p7.h"

/* What the bind asked for (X.413 §7.1.1). */
struct p7_bind {
    struct buf restrictions; /* BER of Restrictions, or empty */
    bool configuration;      /* what the store has is to be told */
    bool registration;       /* it named a registration of its user agent: none is known here */
    struct buf unknown;      /* extensions that are not known: object identifiers, octets each */
};

/* An operation of retrieval that was not asked of the mailbox yet. */
struct p7_question {
    struct p7_question *next;
    struct osi_ro ro;
    struct buf argument;
    unsigned losses; /* readers that ended with it */
};

/* A slice of a content within an answer. */
struct p7_slice {
    size_t at; /* the octet of the answer before which it belongs */
    uint64_t entry, offset, length;
};

/* An answer that is being said. */
struct p7_answer {
    bool is; /* there is one */
    bool begun;
    struct osi_ro ro;
    struct buf octets;
    size_t sent;
    struct p7_slice *slices; /* in their order */
    size_t slice_count, slice;
    uint64_t sliced; /* octets of the slice that were said */
};

/* P3's part comes first, for its functions (p3_of) take an association of P7 as one of P3: submission,
 * numbers and answers are the same. */
struct p7 {
    struct p3 p3;
    struct p7_bind bind;
    struct buf seal, result; /* of IPC_MS_OPEN; the MSBindResult is the edition's */
    /* the operation of retrieval that comes in */
    bool gathers, over;
    struct p7_question *coming;
    /* those that wait for their turn, in their order */
    struct p7_question *first, **last;
    size_t waiting;               /* octets of their arguments */
    struct osi_ro ro;             /* the one that is answered */
    uint32_t asked;               /* its number while the answer is awaited; 0: none is */
    struct p7_question *question; /* that, while it is awaited */
    const void *asked_of;         /* who answers it: a reader, or NULL */
    bool waits;                   /* that, or the next piece of a content, waits for a reader */
    uint32_t changes;             /* of the one whose changes are not on disk yet; 0: none is */
    bool awaited;                 /* the result is said when these are */
    struct p7_answer answer;
    bool reading; /* a piece of a content was asked for */
    const void *read_of;
    struct buf piece;
    size_t piece_said;
};

static inline struct p7 *p7_of(const struct connection *c) {
    return c->user;
}

/* The edition of the association's context. */
static inline bool p7_is_1994(const struct p7 *p7) {
    return osi_context_row(p7->p3.open.context)->edition >= 1994;
}

/* ---- p7_bind.c ---- */

void p7_indication(struct p7 *p7, const struct osi_open *open);
bool p7_on_open(struct p7 *p7, struct span payload);
bool p7_on_bind_answer(struct p7 *p7, struct span payload);
/* The moment has come at which a wrong bind is refused. */
void p7_refuse_wrong(struct p7 *p7);
void p7_bind_free(struct p7 *p7);

/* ---- p7_retrieval.c: what is asked of the mailbox ---- */

bool p7_is_retrieval(const struct osi_ro *ro);
void p7_begin(struct p7 *p7, const struct osi_ro *ro);
void p7_data(struct p7 *p7, struct span data);
void p7_end(struct p7 *p7);
void p7_dropped(struct p7 *p7);
bool p7_on_answer(struct p7 *p7, struct span payload);
/* IPC_USER_ANSWER: to a submission, or the changes of the last operation are on disk, or are not to be. */
bool p7_on_changed(struct p7 *p7, struct span payload);
/* What was said before is answered: the next in turn is asked. */
void p7_ask_next(struct p7 *p7);
/* A reader has gone: what it was asked is asked anew. */
void p7_ask_anew(struct p7 *p7, const void *reader);
/* Asks what waits for a reader; false: nothing does. */
void p7_ask_waiting(struct p7 *p7);
/* No more of what the user says is taken now. */
bool p7_is_sated(const struct p7 *p7);
void p7_retrieval_free(struct p7 *p7);

/* ---- p7_answer.c: what is said ---- */

/* Do the slices of a frame belong into so many octets, in their order? */
bool p7_slices_fit(struct span slices, size_t length);
/* Takes over the octets. */
void p7_say(struct p7 *p7, const struct osi_ro *ro, struct buf *octets, struct span slices);
void p7_push(struct p7 *p7);
bool p7_on_data(struct p7 *p7, struct span payload);
void p7_answer_free(struct p7 *p7);
/* Asks for the next piece of the content. */
void p7_read_on(struct p7 *p7);
/* A reader has gone: it is asked for anew. */
void p7_read_anew(struct p7 *p7, const void *reader);
/* Asks a reader, or waits for one; the association is aborted where neither can be. */
void p7_ask_reader(struct p7 *p7, const struct mailbox_question *question, const void **reader);
/* A frame for who answers for the mailbox: what asks, in the frame's first fields. */
void p7_ask_head(const struct p7 *p7, uint32_t number, struct buf *out);

#endif
