/* Associations of users of the MTS (X.411 §8.1), who bind by P3 or P7: found by their refs and numbers, told
 * what became of what they asked, and ended. */
#ifndef MTA_USER_ASSOCIATION_H
#define MTA_USER_ASSOCIATION_H

#include "ipc/frame.h"
#include "mta/link.h"

struct submission;

enum user_association_state {
    USER_ASKED, /* the password is being compared */
    USER_UP,
    USER_CLOSING, /* its end was asked for */
};

struct user_association {
    struct net_process *net;
    uint64_t ref;        /* the net process's */
    uint64_t number;     /* never used again: effects name it so */
    struct bytes *names; /* head: the user's address as it stands here, or as he gave it; rest: where he calls
                            from */
    enum user_association_state state;
    bool of_store;                 /* he binds to his message store (P7), else to the MTS (P3) */
    bool security_context;         /* asked: the bind wants one */
    uint8_t failed;                /* enum attempt_error: why what comes in of a submission is let go by */
    bool restricted;               /* the user was told by submission-control that nothing is taken now */
    uint32_t invocation;           /* the net process's number of the submission that comes in */
    struct submission *submission; /* NULL: none does */
};

/* NULL without memory. `address` is his, as it stands here; of one who is unknown as he gave it. */
struct user_association *user_association_add(struct net_process *net, uint64_t ref, struct span address,
                                              struct span host);
struct user_association *user_association_find(const struct net_process *net, uint64_t ref);
struct user_association *user_association_numbered(const struct mta *mta, uint64_t number);

/* As a frame's row has it (ipc/frame.h). */
unsigned user_association_frame_state(const struct user_association *association);

/* Whose it is: the user's address as it stands here. */
struct span user_association_address(const struct user_association *association);

/* How many the user has. */
unsigned user_associations_of(const struct mta *mta, struct span address);

/* Asks the net process to end it. */
void user_association_end(struct user_association *association, const char *cause);
/* It is gone, with what comes in and what waits. Frees it. */
void user_association_gone(struct user_association *association);
/* The net process has gone, with all of them. */
void user_associations_drop(struct net_process *net);
/* Ends those whose user is none any more, or can't bind any more; all of them when the MTA stops. */
void user_associations_look(struct mta *mta);

#endif
