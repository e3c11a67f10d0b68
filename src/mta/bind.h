/* Whose bind is it? Pure decisions upon the configuration (X.411 §12.1.1). */
#ifndef MTA_BIND_H
#define MTA_BIND_H

#include "base/buf.h"
#include "mta/mta.h"

struct bind_judgement {
    enum ipc_bind_verdict verdict;
    const struct mta_peer *peer; /* admitted: whose bind it is; refused: the one that it came nearest to (by
                                    name, else by its address), or NULL */
    const char *parameter;       /* refused: what did not match, in X.411's words; may be empty */
    bool unknown;                /* refused: name, password or address is wrong */
    bool former_password;        /* admitted by the password that is being replaced */
    char cause[300];             /* refused: for our log, never for the other side */
};

/*
 * Judges an inbound bind (not RT-RECOVER). Of the peers that fit, the one that is
 * described most closely is taken: by its address, then by the selectors that
 * were called and given, then the first. How long it takes does not depend on
 * what is wrong with name or password. When that hangs on names of hosts they are
 * appended to `hosts`, as in the answer's frame, and the verdict is IPC_BIND_RESOLVE.
 */
void bind_judge(const struct mta_peer *peers, size_t count, const struct ipc_bind *bind, struct buf *hosts,
                struct bind_judgement *judgement);

/* A number of what decides on its binds, never 0: another one when a reload changed something of that. */
uint64_t bind_mark(const struct mta_bind *peer);

/* Judges the result of a responder that was called as `peer`. */
void bind_judge_result(const struct mta_peer *peer, const struct ipc_bind *bind,
                       struct bind_judgement *judgement);

#endif
