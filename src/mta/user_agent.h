/*
 * A user who takes his messages and reports by P3 (X.411 §8.3): a destination of its own, where copies wait
 * while none of his programs is bound. The mailbox entry of other users is his program's confirmation.
 */
#ifndef MTA_USER_AGENT_H
#define MTA_USER_AGENT_H

#include "mta/destination.h"
#include "mta/schedule.h"

struct arena;
struct local_user;
struct user_association;

struct user_agent {
    struct destination destination;
    const char *address; /* of the user, within the destination's name */
    uint64_t hash;       /* of his address's key, and the next agent that has the same */
    struct user_agent *next_alike;
    struct user_association *first; /* his associations that take deliveries; the oldest first */
    char last_error[200];           /* of a delivery; empty: none failed */
    int64_t last_error_at;          /* µs since 1970 */
    bool no_user;                   /* there is none any more: what waits stays, for he may come back */
    bool forsaken;                  /* he was removed for good: what waits is non-delivered */
};

/* Names of such destinations begin with it; the user's address follows. */
#define USER_AGENT_NAME "user "

/* NULL: the destination is none. */
struct user_agent *user_agent_of(struct destination *destination);
struct user_agent *user_agent_at(const struct mta *mta, uint32_t number);

/* That of the user, made where there is none. NULL without memory. */
struct user_agent *user_agent_for(struct mta *mta, const struct local_user *user);
/* The destination of that name: NULL with `*is_one` set without memory, without it when the name is none of a
 * user. */
struct destination *user_agent_named(struct mta *mta, struct span name, bool *is_one);

/* Copies that wait for the user's program, or are on their way to it. */
size_t user_agent_copies(const struct mta *mta, const struct local_user *user);
/* He was removed, and who removed him knew of his copies. */
void user_agent_forsake(struct mta *mta, const struct local_user *user);
/* A remark (users.h) on each whose user is none any more, and for whom copies wait. */
void user_agents_remark_gone(struct mta *mta);

/* Where a copy for the rules' mailbox waits: with a user's agent, or NULL: in the mailbox. `*failed` without
 * memory. */
struct user_agent *user_agent_of_mailbox(struct mta *mta, struct arena *arena, const char *mailbox,
                                         bool *failed);

/* The association is up, or its user has been changed: it takes deliveries, or none any more. */
void user_agent_follow(struct user_association *association);
/* It goes. */
void user_agent_leave(struct user_association *association);

/* How many copies wait for the user, by lane: what X.411 tells him when he binds (§8.1.1.1.2.2). */
void user_agent_waiting(const struct mta *mta, const struct user_agent *agent,
                        uint32_t waiting[static LANES]);

/* What delivery controls held up is looked at again. */
void user_agent_unbar(struct mta *mta, struct user_agent *agent);

/* A delivery failed: what operators are shown. */
void user_agent_error(struct user_agent *agent, const char *cause);

#endif
