/*
 * The remote operations machine (X.880, whose PDUs are those of X.229 as far as
 * P3 and P7 use them): invoke, result, error, reject. It keeps which invocations
 * are open on each side and rejects what does not fit them with ROSE's own
 * problem; what an operation means is its user's matter.
 */
#ifndef OSI_ROSE_H
#define OSI_ROSE_H

#include "base/arena.h"
#include "base/span.h"

#define ROSE_OUTSTANDING 64 /* open invocations on each side */

struct rose_invocations {
    int64_t ids[ROSE_OUTSTANDING];
    size_t count;
};

struct rose {
    struct rose_invocations ours, theirs;
    int64_t next; /* our next invoke identifier */
};

enum rose_kind { ROSE_INVOKE = 1, ROSE_RESULT, ROSE_ERROR, ROSE_REJECT };

/* The choice in RORJ's problem (X.880 §10). */
enum rose_problem_kind { ROSE_GENERAL = 1, ROSE_INVOKE_PROBLEM, ROSE_RESULT_PROBLEM, ROSE_ERROR_PROBLEM };

/* Problems that the machine itself gives. */
enum {
    ROSE_UNRECOGNIZED_PDU = 0,
    ROSE_MISTYPED_PDU = 1,
    ROSE_BADLY_STRUCTURED_PDU = 2,
    ROSE_DUPLICATE_INVOCATION = 0,
    ROSE_RESOURCE_LIMITATION = 3,
    ROSE_UNRECOGNIZED_INVOCATION = 0,
};

/* A PDU; spans point into the received octets or are the user's. */
struct rose_pdu {
    enum rose_kind kind;
    bool has_id; /* false only in a reject */
    int64_t id;
    bool has_code;
    int64_t code;          /* operation or error, local values only */
    struct span parameter; /* argument, result or error parameter: one BER element, or absent */
    enum rose_problem_kind problem_kind;
    int64_t problem;
};

enum rose_input {
    ROSE_INDICATION, /* `pdu` is for the user */
    ROSE_REJECTED,   /* the PDU was wrong: send `reply`, a RORJ */
    ROSE_IGNORED,    /* a wrong RORJ is never rejected itself (X.880 §10.4) */
    ROSE_NO_MEMORY,
};

void rose_init(struct rose *r);

/* RO-INVOKE request; `*id` gets the invoke identifier. False when too many are open, or without memory. */
bool rose_invoke(struct rose *r, int64_t operation, struct span argument, struct arena *arena, int64_t *id,
                 struct span *pdu);

/* RO-RESULT, RO-ERROR and RO-REJECT-U requests for an open invocation of the peer; it is closed by them. */
bool rose_result(struct rose *r, int64_t id, int64_t operation, struct span result, struct arena *arena,
                 struct span *pdu);
bool rose_error(struct rose *r, int64_t id, int64_t error, struct span parameter, struct arena *arena,
                struct span *pdu);
bool rose_reject(struct rose *r, int64_t id, int64_t invoke_problem, struct arena *arena, struct span *pdu);

/* Reads a PDU of the peer. */
enum rose_input rose_input(struct rose *r, struct span in, struct arena *arena, struct rose_pdu *pdu,
                           struct span *reply);

#endif
