/* Associations of users of the MTS (X.411 §8.1), who bind by P3 or P7: found by their refs and numbers, told
 * what became of what they asked, and ended. */
#ifndef MTA_USER_ASSOCIATION_H
#define MTA_USER_ASSOCIATION_H

#include "ipc/frame.h"
#include "mta/link.h"

struct store_content;
struct submission;
struct user_agent;
struct work;

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
    uint64_t password;             /* up: a hash of that of the password by which he bound */
    uint8_t failed;                /* enum attempt_error: why what comes in of a submission is let go by */
    bool restricted;               /* the user was told by submission-control that nothing is taken now */
    uint64_t told_octets;          /* and that no content is longer; 0: he may send any */
    uint32_t changing;             /* the invocation of change-credentials that is being compared; 0: none */
    uint32_t invocation;           /* the net process's number of the submission that comes in */
    struct submission *submission; /* NULL: none does */
    /* deliveries (user_delivery.h) */
    struct user_agent *agent; /* whose copies it takes; NULL: it takes none */
    struct user_association *next_of_agent;
    struct work *delivering;       /* what it is given; NULL: nothing */
    bool committing;               /* that waits for its row's mark */
    enum ipc_user_delivery what;   /* it is */
    struct bytes *prefix;          /* of it: the argument before its content, and a short content */
    struct store_content *content; /* of it, when it is read in pieces */
    struct bytes *controls;        /* BER of Controls (user_controls.h); NULL: he has set none */
    uint64_t read;                 /* octets of that which were asked for */
    int64_t heard; /* of what it is given: since when nothing of it is asked for; monotonic µs */
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

/* Who pays for what is asked for on it (quota.h, later.h): whoever is bound several times is one; no uid is
 * so large. */
uint64_t user_association_payer(const struct user_association *association);

/* He has shown that he has the password with this hash. */
void user_association_proved(struct user_association *association, const char *hash);

/* How many the user has. */
unsigned user_associations_of(const struct mta *mta, struct span address);

/* Submissions that come in of all users. */
unsigned user_submissions(const struct mta *mta);
/* It is up, and nothing is being delivered on it. */
bool user_association_is_idle(const struct user_association *association);

/* Deliveries that are under way to all users. */
unsigned user_deliveries(const struct mta *mta);

/* Asks the net process to end it. */
void user_association_end(struct user_association *association, const char *cause);
/* Frees it; what hangs on it was let go (user_end.h). */
void user_association_free(struct user_association *association);

#endif
