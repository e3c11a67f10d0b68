/*
 * The lowest floor of the switch: the processes at the other end of its channels, the associations and
 * clients that they speak for, and how each is found, told something, and ended. It decides nothing.
 */
#ifndef MTA_LINK_H
#define MTA_LINK_H

#include "base/map.h"
#include "ipc/channel.h"
#include "ipc/door.h"
#include "mta/bytes.h"

struct inbound;
struct mta;
struct peer;
struct ping;
struct store_content;
struct work;

enum association_state { ASSOCIATION_UP = 1, ASSOCIATION_CLOSING };

struct association {
    struct net_process *net;
    struct peer *peer;
    uint64_t number; /* never used again: effects name it so */
    uint64_t ref;    /* the net process's */
    struct association *next_idle, *prev_idle;
    struct association *next_delayed, *prev_delayed; /* whose answer is delayed */
    const struct peer *delayed_for;                  /* NULL: it is not */
    int64_t delayed_until;
    uint32_t transfer;         /* the net process's number of the last transfer in */
    uint32_t delayed_transfer; /* whose answer is delayed */
    unsigned unanswered;       /* transfers in that were taken, whose answer waits for a commit */
    uint64_t named_in;         /* the number of the batch that last said something of its activities */
    struct bytes
        *recovers;        /* head: the name of the association that it recovers without a bind; NULL: bound */
    unsigned recoveries;  /* what it has resumed so */
    unsigned empty_names; /* what it resumed that was not there, and what it discarded */
    struct inbound *inbound;
    /* The store's numbers of the transfer in that ended last, until the next begins: one that was refused for
     * now is resumed, or its sender discards it and what is stored of it goes. */
    uint64_t ended, ended_spool;
    struct bytes *ended_names; /* as inbound's; NULL: none */
    bool ended_well;           /* it was accepted, or refused for good, with a batch */
    struct work *sending;
    struct bytes *prefix;          /* of the transfer out: the APDU before its content, and a short content */
    struct store_content *content; /* of the transfer out, when it is read in pieces */
    struct bytes *id;              /* head: association_id; rest: address */
    int64_t idle_since;            /* monotonic µs */
    uint8_t state;
    uint64_t length;            /* of the transfer out, in octets */
    uint64_t read;              /* octets of the content out that were asked for; 0 at the beginning */
    bool out, idle, committing; /* committing: SEND_BEGIN waits for the batch */
    bool carried;               /* a transfer out has ended on it, well or not */
    /* outcome.c */
    bool looked;       /* whether the store knows of its name, from before */
    bool outcomes;     /* the store may have some of its own */
    bool shares_id;    /* its name is another's too, or one of its activities has that of another */
    int64_t shared_at; /* by jump_steady: when that was last written; 0: it was not */
};

/* A net process. */
struct net_process {
    struct mta *mta;
    struct net_process *next;
    struct ipc_channel *channel;
    struct ipc_holder holder;
    struct map associations;
    struct map users;      /* associations of users (user_association.h), by their ref */
    struct map asides;     /* frames that wait for a batch, by their ref (aside.h) */
    struct map connecting; /* how many associations are being opened, by peer number + 1 */
    struct ping *pings;    /* ping.c */
    unsigned out;          /* associations opened through it, or being opened */
};

/* A frame was taken: when the other side reads too slowly, no more is read from it for now. Returns true. */
bool link_goes_on(struct ipc_channel *channel);
/* It brought octets of a content: nor is it when the store takes no more for now. */
void link_brought(struct mta *mta, struct ipc_channel *channel);
/* Reads again what is not read for that, when the store takes more. Then the event mta->release is active, so
 * that what was put aside goes on as well; before that it is now and then, for links_look: whatever reads of
 * the store may have waited for what was under way. */
void links_release(struct mta *mta);
void links_look(struct mta *mta);
/* The handler for that it reads again. */
void link_on_writable(void *context, struct ipc_channel *channel);
/* A new process came: a channel of one in its place is that of one which is no more, whoever holds its end,
 * and ends in the next turn of the loop. */
void link_is_replaced(struct ipc_channel *channel, const struct ipc_holder *former,
                      const struct ipc_holder *holder);
/* Logs what a process did: `why` is a frame that is against the rules (ipc/frame.h). Returns false: the
 * channel is closed. */
bool link_broke_rules(struct ipc_channel *channel, const char *why);

/* The net process with the fewest associations out, or NULL. */
struct net_process *net_with_fewest(const struct mta *mta);

/* The one of this number, or NULL: it went away. */
struct association *association_numbered(const struct mta *mta, uint64_t number);

struct association *association_find(const struct net_process *net, uint64_t ref);

/* A walk over the associations of all net processes, from mta->nets on, which ends with NULL. While it goes
 * on they may be ended, but none leaves its net process. */
struct association_walk {
    const struct net_process *net;
    size_t slot;
};
struct association *association_next(struct association_walk *walk);

/* It waits for a transfer out, or does so no more. */
void association_idle(struct association *association, bool idle);

/* Answers the association's transfer in of this number. */
void association_answer(struct association *association, uint32_t transfer, enum ipc_result result,
                        const char *cause);

/* Asks the net process to end it. What is under way on it goes when that has answered (association.h). */
void association_end(struct association *association, enum ipc_close how, const char *cause);

#endif
