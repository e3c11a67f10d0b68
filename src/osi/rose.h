/*
 * The remote operations machine, without any octets: which invocations are open
 * on each side, and what is wrong with a PDU in the light of them and of the
 * table of operations (X.880 §9, X.229 §7).
 */
#ifndef OSI_ROSE_H
#define OSI_ROSE_H

#include "osi/remote.h"

struct rose_invocation {
    int64_t id;
    enum osi_syntax syntax;
    const struct osi_operation *operation;
    bool forgotten; /* ours: nobody waits for the answer any more; when it comes it is passed over */
};

/* In the order in which they came. */
struct rose_invocations {
    struct rose_invocation items[OSI_RO_OUTSTANDING];
    size_t count;
};

struct rose_machine {
    const struct osi_operation *operations; /* the owner's; NULL: whatever comes is class 2 of both sides */
    size_t operation_count;
    unsigned us, them; /* OSI_RO_BY_… */
    size_t bound;      /* open invocations of the peer, at most */
    struct rose_invocations ours, theirs;
    int64_t last_id;  /* our last invoke identifier */
    unsigned rejects; /* see rose_note */
};

void rose_init(struct rose_machine *m, const struct osi_operation *operations, size_t count, bool initiator,
               size_t bound);

/* The open invocation with this identifier, or NULL. */
const struct rose_invocation *rose_find(const struct rose_invocations *list, int64_t id);

/* True if we may say this: fills in `ro`'s identifier (of an INVOKE), operation and code. */
bool rose_may_say(const struct rose_machine *m, struct osi_ro *ro);

/* True if we may say it now or later: only other PDUs that must come first can be in its way. */
bool rose_allows(const struct rose_machine *m, const struct osi_ro *ro);

/* We say it: an INVOKE opens an invocation of ours, an answer closes one of theirs. */
void rose_say(struct rose_machine *m, const struct osi_ro *ro);

/* What is wrong with a PDU of the peer, or that nothing is; fills in its operation. */
enum osi_ro_problem_kind rose_judge(const struct rose_machine *m, struct osi_ro *ro, int64_t *problem);

/* A PDU that was judged well begins: an INVOKE opens an invocation of theirs. It ends: an answer closes one
 * of ours. It turns out to be none: the invocation is closed again. */
void rose_begin(struct rose_machine *m, const struct osi_ro *ro);
void rose_end(struct rose_machine *m, const struct osi_ro *ro);
void rose_drop(struct rose_machine *m, const struct osi_ro *ro);

/* Closes one; false: it is not open. */
bool rose_close(struct rose_invocations *list, int64_t id);

/* Nobody waits for the answer to an invocation of ours any more; false: it is not open. */
bool rose_forget(struct rose_machine *m, int64_t id);

/* True for an answer to one of those. */
bool rose_is_forgotten(const struct rose_machine *m, const struct osi_ro *ro);

/* Invocations of ours whose answer somebody waits for. */
size_t rose_awaited(const struct rose_machine *m);

/* Counts good PDUs against those that had to be rejected or passed over; false: there are too many of these.
 */
bool rose_note(struct rose_machine *m, bool good);

#endif
