/*
 * Remote operations (X.880; the protocol of X.229 for the contexts of 1988) on
 * an association whose context has ROSE: over presentation, or over RTSE. One
 * PDU at a time goes each way; its parameter (argument, result, parameter of
 * an error) is one BER element of any size, which is handed over and told in
 * pieces and never held.
 *
 * Told are, in this order: OSI_EVENT_RO_BEGIN with all but the parameter,
 * OSI_EVENT_RO_DATA with its octets, and OSI_EVENT_RO_END, or
 * OSI_EVENT_RO_DROPPED when the PDU turned out to be none, or its transfer was
 * stopped: then it counts as never begun. The association's end drops it, too. What breaks ROSE's own rules
 * is rejected here and not told. Who is rejected over and over again is aborted.
 */
#ifndef OSI_REMOTE_H
#define OSI_REMOTE_H

#include "base/span.h"
#include "osi/context.h"

struct osi_association;

#define OSI_RO_OUTSTANDING 64                  /* open invocations on each side, at most */
#define OSI_RO_QUEUE       ((size_t)64 * 1024) /* octets of whole PDUs that wait to be sent */

enum osi_ro_kind { OSI_RO_INVOKE = 1, OSI_RO_RESULT, OSI_RO_ERROR, OSI_RO_REJECT };

/* The choice in RORJ's problem (X.880 §9.6, X.229 §9). */
enum osi_ro_problem_kind {
    OSI_RO_NO_PROBLEM,
    OSI_RO_GENERAL_PROBLEM,
    OSI_RO_INVOKE_PROBLEM,
    OSI_RO_RESULT_PROBLEM,
    OSI_RO_ERROR_PROBLEM,
};

enum osi_ro_general_problem {
    OSI_RO_UNRECOGNIZED_PDU = 0,
    OSI_RO_MISTYPED_PDU = 1,
    OSI_RO_BADLY_STRUCTURED_PDU = 2,
};

enum osi_ro_invoke_problem {
    OSI_RO_DUPLICATE_INVOCATION = 0,
    OSI_RO_UNRECOGNIZED_OPERATION = 1,
    OSI_RO_MISTYPED_ARGUMENT = 2,
    OSI_RO_RESOURCE_LIMITATION = 3,
    OSI_RO_RELEASE_IN_PROGRESS = 4,
    OSI_RO_UNRECOGNIZED_LINKED_ID = 5,
    OSI_RO_LINKED_RESPONSE_UNEXPECTED = 6,
    OSI_RO_UNEXPECTED_LINKED_OPERATION = 7,
};

enum osi_ro_result_problem {
    OSI_RO_RESULT_UNRECOGNIZED_INVOCATION = 0,
    OSI_RO_RESULT_RESPONSE_UNEXPECTED = 1,
    OSI_RO_MISTYPED_RESULT = 2,
};

enum osi_ro_error_problem {
    OSI_RO_ERROR_UNRECOGNIZED_INVOCATION = 0,
    OSI_RO_ERROR_RESPONSE_UNEXPECTED = 1,
    OSI_RO_UNRECOGNIZED_ERROR = 2,
    OSI_RO_UNEXPECTED_ERROR = 3,
    OSI_RO_MISTYPED_PARAMETER = 4,
};

/* Who may invoke an operation. By association class (X.219 §8.1): of 1 all have the first alone, of 2 the
 * second. */
enum { OSI_RO_BY_INITIATOR = 1, OSI_RO_BY_RESPONDER = 2, OSI_RO_BY_BOTH = 3 };

/*
 * One operation of the context's ports. A code has a meaning within its abstract
 * syntax. Classes (X.219 §7.2): 1 synchronous, 2 asynchronous, each answered
 * by result or error; 3 by an error alone, 4 by a result alone, 5 not at all.
 */
struct osi_operation {
    enum osi_syntax syntax;
    int64_t code;
    unsigned operation_class;
    unsigned invokers;
    const int64_t *errors; /* that it may answer; NULL: any */
    size_t error_count;
    const int64_t *linked; /* operations that its performer may invoke with its identifier as linked-ID */
    size_t linked_count;
};

/* A PDU without its parameter. */
struct osi_ro {
    enum osi_ro_kind kind;
    enum osi_syntax syntax; /* of the port that it belongs to */
    bool has_id;            /* false only in a reject of what could not be read */
    int64_t id;             /* invoke identifier */
    bool has_linked;        /* INVOKE */
    int64_t linked_id;
    bool has_code; /* a result without parameter has none, and a reject */
    int64_t code;  /* of the operation or error; local values alone are known */
    bool has_parameter;
    const struct osi_operation *operation; /* told of INVOKE, RESULT, ERROR; NULL where no table was given */
    enum osi_ro_problem_kind problem_kind; /* REJECT */
    int64_t problem;
};

/*
 * Begins a PDU: an INVOKE, whose identifier is drawn here and put into `ro->id`,
 * or a RESULT or ERROR for an open invocation of the peer. With `has_parameter`
 * its octets follow by osi_ro_data, else it is complete. False when another one
 * is under way, or waits (OSI_EVENT_MAY_SEND tells when none is), when the
 * tables or the operation's class do not allow it, or too many are open.
 */
bool osi_ro_begin(struct osi_association *a, struct osi_ro *ro, int64_t now);

/* May it be said on this association at all? Where osi_ro_begin says no to such a one, it says yes when what
 * is under way or open has ended; to another one it never does. */
bool osi_ro_is_allowed(const struct osi_association *a, const struct osi_ro *ro);

/* Hands over the next octets of the parameter; returns how many were taken, the rest again after
 * OSI_EVENT_MAY_SEND. `last` says that it ends with `data`. */
size_t osi_ro_data(struct osi_association *a, struct span data, bool last, int64_t now);

/* A PDU at once, with its parameter or the absent span; it waits in the queue when another is under way.
 * False as osi_ro_begin, or when the queue is full (OSI_EVENT_MAY_SEND tells when it is empty). */
bool osi_ro_send(struct osi_association *a, struct osi_ro *ro, struct span parameter, int64_t now);

/*
 * RO-REJECT-U: of an open invocation of the peer, which is closed by it, with a
 * problem of the invocation, or of its last result or error with a problem of
 * that. False when it is not open, or the queue is full, as in osi_ro_send.
 */
bool osi_ro_reject(struct osi_association *a, int64_t id, enum osi_syntax syntax,
                   enum osi_ro_problem_kind kind, int64_t problem, int64_t now);

/* Closes an invocation of the peer that will not be answered (class 3 succeeded, 4 failed), or gives up one
 * of ours: an answer that comes nevertheless is passed over. False: it is not open. */
bool osi_ro_forget(struct osi_association *a, bool ours, int64_t id);

/* Open invocations on each side; of ours those that were not given up. */
size_t osi_ro_outstanding(const struct osi_association *a, bool ours);

#endif
