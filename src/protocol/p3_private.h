/* P3: binds of users, operations that come in and their answers, deliveries; shared by its files. */
#ifndef PROTOCOL_P3_PRIVATE_H
#define PROTOCOL_P3_PRIVATE_H

#include "asn1/scanner.h"
#include "ipc/bind.h"
#include "protocol/connection.h"
#include "protocol/p3.h"

/* What becomes of the parameter that comes in. */
enum p3_in {
    P3_NOTHING, /* none comes, or it is passed over */
    P3_STREAMS, /* a message: its content goes to the store process as it comes */
    P3_GATHERS, /* any other argument: whole */
    P3_ANSWERS, /* the parameter of the answer to a delivery: whole */
    P3_FAULTY,  /* it is none of the operation's: rejected at its end */
    P3_OVER     /* it is longer than is taken */
};

/* An operation of the user's that is not answered, by the number under which the store process knows it. */
struct p3_open {
    uint32_t number; /* 0: free */
    int64_t id;
    enum osi_syntax syntax;
    size_t octets; /* of its argument, which the store process holds */
};

/* Most octets of arguments that are not answered, but for the last of them: no more is read till some are. */
#define P3_OPEN_OCTETS ((size_t)256 * 1024)

/* Most octets of answers that wait. Over a session that is full no more is read; over RTSE, where who has the
 * turn may keep it and ask on, the association ends. */
#define P3_ANSWERS_MOST ((size_t)1024 * 1024)

/* What waits to be sent: answers in their order, and controls. */
struct p3_answer {
    struct p3_answer *next;
    struct osi_ro ro; /* RESULT, ERROR, REJECT (its problem in `problem`), INVOKE */
    struct buf parameter;
    size_t sent;
    bool begun;
};

/* What is being delivered: the store process gives everything before the content, and the content itself at
 * once when it is small; a large one is read in pieces, one ahead of what the association takes. */
struct p3_delivery {
    bool active;
    struct osi_ro ro;
    uint64_t length;                  /* of the content */
    struct buf prefix, content, next; /* the piece that is at hand, and the one after it */
    uint64_t content_at, asked;       /* where that piece begins, and up to where the content was asked for */
    uint64_t offset;                  /* octets of the argument that were taken */
    bool begun, handed_over;          /* handed over: all of them */
};

struct p3 {
    struct connection *connection;
    struct osi_open open;     /* of the bind; its spans live until it is answered */
    int64_t asked, refuse_at; /* monotonic µs; the bind is refused then, 0: it is not */
    /* the operation that comes in */
    struct osi_ro ro;
    bool coming; /* a PDU is */
    enum p3_in in;
    struct ber_scanner scanner;
    struct buf gathered;
    bool told;           /* the store process got USER_SUBMIT_BEGIN */
    uint32_t submission; /* the number of the one of which it did */
    uint32_t number;     /* of the last operation; others may get theirs while a submission comes in */
    struct p3_open opens[OSI_RO_OUTSTANDING];
    size_t open_octets; /* of their arguments */
    unsigned faults;    /* arguments in a row that were none */
    struct p3_answer *first, *last;
    size_t answers_octets; /* that wait */
    struct p3_delivery delivery;
};

static inline struct p3 *p3_of(const struct connection *c) {
    return c->user;
}

/* ---- p3_submission.c: operations that come in ---- */

void p3_begin(struct p3 *p3, const struct osi_ro *ro);
void p3_data(struct p3 *p3, struct span data);
void p3_end(struct p3 *p3);
/* It was none, or was broken off; or the association ends. */
void p3_dropped(struct p3 *p3);
void p3_forget_argument(struct p3 *p3);
/* The log hears of a submission that a stop cuts. False: none was coming in. */
bool p3_tell_cut(const struct p3 *p3);

/* ---- p3_delivery.c: deliveries ---- */

/* Says what of it is at hand, as far as it is taken. */
void p3_delivery_push(struct p3 *p3);
/* True if its argument is under way: nothing else can be said. */
bool p3_delivery_is_said(const struct p3 *p3);
/* An answer to it comes: true if it is one. `p3_delivery_answered`: it is whole, and its parameter was
 * gathered (or was too long); p3_push is due after it. */
bool p3_delivery_answers(const struct p3 *p3, const struct osi_ro *ro);
void p3_delivery_answered(struct p3 *p3);
/* It did not get to the user (RO-REJECT-P). */
void p3_delivery_returned(struct p3 *p3, const struct osi_ro *ro);
/* The association is over. */
void p3_delivery_ended(struct p3 *p3, const char *cause);
void p3_delivery_free(struct p3_delivery *delivery);
/* Frames of the store process; p3_push is due after them. */
bool p3_on_deliver(struct p3 *p3, struct span payload);
bool p3_on_deliver_data(struct p3 *p3, struct span payload);

/* ---- p3_answers.c: what is said ---- */

/* A number for the operation `ro`, by which it is answered. 0: there are too many. */
uint32_t p3_number(struct p3 *p3, const struct osi_ro *ro);
/* So many octets of its argument go to the store process. */
void p3_number_weighs(struct p3 *p3, uint32_t number, size_t octets);
/* Answers it without the store process: an abstract error. */
void p3_error(struct p3 *p3, const struct osi_ro *ro, int64_t code, struct span parameter);
/* It is not answered by that any more. */
void p3_number_free(struct p3 *p3, uint32_t number);
/* Answers it without the store process: an invoke problem. */
void p3_reject(struct p3 *p3, const struct osi_ro *ro, int64_t problem);
/* osi_ro_begin says no: true if it always will. Then nothing is left to say: an operation was rejected in
 * place of an answer that its type does not have, and a control of a port that the other side did not ask for
 * is none of its. */
bool p3_forgo(const struct p3 *p3, const struct osi_ro *ro);
/* Says what waits, as far as it is taken. */
void p3_push(struct p3 *p3);
/* The other side did not take what was said (RO-REJECT-P). A control is over; an answer ends the association.
 */
void p3_returned(struct p3 *p3, const struct osi_ro *ro);
void p3_answers_free(struct p3 *p3);
/* Frames of the store process. */
bool p3_on_answer(struct p3 *p3, struct span payload);
bool p3_on_control(struct p3 *p3, struct span payload);

#endif
