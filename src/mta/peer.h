/*
 * Adjacent MTAs (X.411 §12), which configuration, commands and code all call peers: which there are, and
 * whether they may be tried now.
 */
#ifndef MTA_PEER_H
#define MTA_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/burst.h"
#include "base/error.h"
#include "base/log.h"
#include "base/span.h"
#include "mta/destination.h"

struct association;
struct buf;
struct mta;
struct mta_peer;
struct work;

struct peer {
    struct destination destination;
    const char *name;              /* the destination's */
    const struct mta_peer *config; /* NULL: not in the configuration (any more) */
    int hop;                       /* the rules' number, -1: not in the tables */
    unsigned in, out, connecting;  /* associations */
    unsigned recovering;           /* of those out, that send what was unfinished only (I8) */
    struct association *idle;      /* those we opened that wait for a transfer */
    int64_t last_begun;            /* monotonic µs: when the last of its transfers out began */
    int64_t last_taken;            /* monotonic µs: when it last confirmed one; 0: it has not */
    unsigned failures;             /* to get an association, in a row */
    unsigned by_hand;           /* of these: tries that an operator wanted, which don't lengthen the wait */
    bool tried_by_hand;         /* the next one that fails is such a one */
    int64_t next_try;           /* monotonic µs; 0: now */
    bool without_recovery;      /* a recovery failed: the next association is opened without one */
    unsigned done, done_before; /* transfers out in this second and in the last */
    char last_error[160];
    int64_t last_error_at;  /* µs; 0: never */
    int64_t last_success;   /* µs: it took, gave or answered something; 0: never */
    int64_t back_off_ended; /* monotonic µs: when it called in, or answered a ping; 0: never */
    struct {
        uint64_t messages, octets; /* since the start; octets of envelopes and contents */
    } received, sent;
    bool disabled;      /* by an operator: no association either way */
    uint64_t bind_mark; /* of its configuration (bind.h); 0: it has none */
    bool by_former;     /* it bound by its former password, and by the new one not since */

    struct log_causer lines; /* of the log, all that it causes at will */

    /* refusal.c: what it refuses, and what is refused to it, temporarily */
    unsigned refusals;       /* copies in a row; none was taken in between */
    uint64_t refused;        /* the work id of the last of them */
    unsigned pauses;         /* how many times it has been left alone since; 0: it is not */
    unsigned pauses_by_hand; /* of these: after a probe that an operator wanted */
    bool probe_by_hand;      /* the next probe is such a one */
    uint64_t wanted;         /* the work id that an operator wants to go first; 0: none */
    unsigned pause_noted;
    int64_t paused_until;     /* monotonic µs */
    struct burst turned_away; /* of its transfers in: the lines about that */
    size_t aside_octets;      /* of frames of its associations that wait for the store (aside.h) */

    /* leftovers.c: what it may have left unfinished, at most */
    struct leftovers {
        unsigned count;
        uint64_t octets;
        bool counted; /* since the start */
    } left;
    struct burst left_lines;
    struct burst shared_lines; /* outcome.c: names that it gives twice */
    struct burst names_lines;  /* and too many names of nothing */
    int64_t names_until;       /* by jump_steady: what the last of these have taken of the time */
};

bool peers_configure(struct mta *mta);
/* The peer of this name, made when it is not there (a row of a former configuration names it). NULL without
 * memory. */
struct peer *peer_named(struct mta *mta, struct span name);
struct peer *peer_find(const struct mta *mta, struct span name);
struct peer *peer_of_hop(const struct mta *mta, int hop);
/* The peer that the destination is, or NULL. */
struct peer *peer_of(struct destination *destination);
/* The same of the destination of that number: for a walk through all, up to mta->destination_count. */
struct peer *peer_at(const struct mta *mta, uint32_t number);
/* True while the peer may be tried. */
bool peer_is_up(const struct peer *peer);
/* No association came up, or one broke before anything was transferred. */
void peer_failed(struct mta *mta, struct peer *peer, struct span cause);
void peer_worked(struct mta *mta, struct peer *peer);
/* Something went wrong with the peer: status shows it, and when. */
void peer_error(struct peer *peer, struct span cause);
/* A peer that calls in, or answers a ping, is there: its back-off ends. What calls in but can't be called
 * ends it at most once in the peer's first retry time. */
void peer_is_there(struct mta *mta, struct peer *peer, const char *what);
/* The names of those that an operator disabled, before the start or a reload (as payload_put_octets writes
 * them), and that they are. */
bool peers_read_disabled(struct mta *mta, struct buf *names, struct error *err);
void peers_disable(struct mta *mta, struct span names);
/* Seconds to wait after `before` failures in a row and one more: the peer's first retry time, doubled with
 * each, up to its longest. */
int64_t peer_back_off(const struct peer *peer, unsigned before);
/* No association comes up, it refuses what it is sent, an operator disabled it, or it is not configured any
 * more: its copies wait, whatever their own state. */
bool peer_backs_off(const struct peer *peer);
/* When its back-off ends, µs by the clock of now; 0: it has none; INT64_MAX: nobody knows. */
int64_t peer_next_try(const struct peer *peer);
/* An operator, or a reload, ends its back-off: a try that comes of that and fails does not lengthen the next
 * wait. */
void peer_end_back_off(struct peer *peer);
/* The same of the wait of its binds after wrong ones (guesses.h). False: there was none. */
bool peer_end_wait(const struct mta *mta, const struct peer *peer);
/* When that ends by itself, µs by the clock of now; 0: there is none. */
int64_t peer_wait_end(const struct mta *mta, const struct peer *peer);
/* Lets the rules know whether the peer may be tried. */
void peer_tell_rules(struct mta *mta, const struct peer *peer);
/* What a row of destination operations asks of a peer. */
bool peer_waits(const struct destination *destination);
int64_t peer_retries_at(const struct destination *destination);
const char *peer_blocked(const struct destination *destination);
const char *peer_trouble(const struct destination *destination);
bool peer_is_gone(const struct destination *destination);
void peer_try_now(struct mta *mta, struct destination *destination, uint64_t work);
/* The copy that goes next, or NULL. It stays where it is. */
struct work *peer_next_copy(const struct mta *mta, struct peer *peer);
void peer_release(struct mta *mta, struct destination *destination);

/* ---- refusal.c: peers that refuse temporarily, and those that are refused ---- */

/* True while no copy shall go to the peer, as it refused the last ones. */
bool refusal_pauses(const struct peer *peer);
/* A copy went out: when the peer refused the last ones, the next waits for the peer's next time. */
void refusal_probe(struct peer *peer);
/* The peer refused the copy temporarily, or its transfer ended by an abort (`what`: `refused`, `ended` or
 * `failed in`). */
void refusal_came(struct mta *mta, struct peer *peer, const struct work *work, const char *what,
                  struct span cause);
/* The peer took a copy, after it had refused some. */
void refusal_over(struct mta *mta, struct peer *peer);
/* Logs that a transfer of the peer is refused temporarily, so often
 * that the log doesn't grow with what it tries. */
void refusal_log_in(struct peer *peer, const char *cause);

#endif
