/*
 * Binds of callers that are not who they say: counted by network and name, by
 * network, and by IPv6 site (base/host.h), MTAs and users each for themselves: a user
 * agent keeps out no MTA that calls from where it does. Whoever has been wrong too often in a
 * minute is refused unread until the minute is over, so that passwords can't be
 * guessed in numbers; peers that call from elsewhere are not touched by it. The log
 * gets a line for each cause, up to GUESSES_CAUSES_MOST of a network and name, one
 * when it is too much, and one with the count and the last cause when the minute is
 * over. What is kept is bounded.
 */
#ifndef MTA_GUESSES_H
#define MTA_GUESSES_H

#include "base/span.h"
#include "mta/mta.h"

enum { GUESSES_CAUSES_MOST = 4 };

struct guesses;

/* A bind that was judged. `name` is an MTA name, or what a user is called; the log has it. */
struct guess {
    struct span address, name; /* the caller's, and the MTA name that it gives */
    bool user;                 /* `name` is a user's, not an MTA's */
    struct span counted;       /* by what the name is counted; absent: as it stands */
    /* once it was judged: */
    const char *peer; /* whom it came nearest to; NULL: nobody */
    const char *parameter, *cause;
};

/* NULL without memory. `guesses_free` tells what is untold. */
struct guesses *guesses_new(void);
void guesses_free(struct guesses *guesses);

/* The caller has been wrong too often: its bind by this name is not looked at. */
bool guesses_are_too_many(struct guesses *guesses, const struct guess *guess, int64_t now);

/* It is wrong again. True: say so in the log, nothing with this cause has come in this minute. */
bool guesses_wrong(struct guesses *guesses, const struct guess *guess, int64_t now);

/* An operator changed the peer, or wants it tried: its next bind is looked at, where it calls from (anywhere,
 * where the configuration names no addresses but hosts by name, or none), and its causes are told again. Just
 * one, so that the operator's doing gives nobody a minute's guesses. True: its binds were refused unread. */
bool guesses_look_again(struct guesses *guesses, const struct mta_bind *peer);

/* When its next bind is looked at again by itself, in monotonic µs; 0: it is looked at now. */
int64_t guesses_wait_end(const struct guesses *guesses, const struct mta_bind *peer, int64_t now);

/* Tells and forgets what is over; to be called each second or so. `now` is the monotonic time in µs. */
void guesses_tick(struct guesses *guesses, int64_t now);

#endif
