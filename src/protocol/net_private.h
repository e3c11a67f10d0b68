/* The net process as its files see it: its loop, its channels, its table of connections. */
#ifndef PROTOCOL_NET_PRIVATE_H
#define PROTOCOL_NET_PRIVATE_H

#include "base/buf.h"
#include "base/burst.h"
#include "base/log.h"
#include "base/map.h"
#include "ipc/channel.h"
#include "ipc/payload.h"
#include "protocol/net.h"
#include "protocol/throttle.h"

struct connection;
struct service;

/* The place of a connection; its ref is `generation << 32 | index`, so that a late frame never meets a new
 * connection. */
struct slot {
    struct connection *connection;
    uint32_t generation;
};

#define MAILBOX_TURNS 256

struct net {
    struct event_base *loop;
    const struct protocol_config *config;
    const struct net_reload *reload;
    const struct service *const *services; /* ends with NULL */
    struct resolver *resolver;
    struct ipc_channel *store;
    struct ipc_parent *parent;
    struct event *door;             /* by which channels to readers come */
    struct mailbox_reader *readers; /* mailbox_readers.c */
    bool mailbox_waits;             /* an association may wait for one of them */
    uint32_t mailbox_turn;          /* the slot with which the search for the next begins */
    uint64_t mailbox_questions;     /* how many were asked */
    uint64_t
        mailbox_turns[MAILBOX_TURNS]; /* which of them was the last of a user: by a hash of his address */
    struct event **listeners;
    size_t listener_count;
    struct slot *slots;
    uint32_t slot_count;
    uint32_t slot_hint;   /* where the search for a free slot begins */
    unsigned connections; /* in use */
    unsigned opening;     /* of these, inbound and without a bind */
    unsigned lingering;   /* of these, over and waiting for the peer to close (linger.c) */
    struct connection *lingering_first, *lingering_last; /* the oldest, the newest */
    struct event *rest;       /* listeners that ran out of descriptors listen again */
    struct burst exhausted;   /* log lines about the want of descriptors */
    struct throttle throttle; /* of hosts that fail to recover an association */
    struct map peer_lines;    /* log lines that peers cause: struct log_causer by a hash of the name */
    struct event *tell;       /* now and then: how many were left out */
    size_t gathered;          /* octets of APDUs that come in and are not with the store process yet */
    bool stopping;
    int status;
    char lost[100]; /* why the channel to the store process ended */
};

/* ---- tell.c: what the store process is told ---- */

/*
 * The channel to the store process ends before the loop does: what is left of
 * the loop's turn finds it gone. Then nothing is sent (false), and it is full.
 */
bool net_store_send(struct net *net, enum ipc_type type, uint64_t ref, struct span head, struct span body);
bool net_store_is_full(const struct net *net);

/* The store process is half of this one: without it, or without memory for it, there is nothing to do but end
 * and be restarted; or, while both stop, to end with it. The loop goes on for a moment: the order to stop,
 * which the parent gives to this process first, may be seen later than the end of the store's channel. */
void net_lose_store(struct net *net, const char *cause);

/* Sends a frame to the store process. */
void net_tell(struct net *net, enum ipc_type type, uint64_t ref, struct buf *payload);
void net_tell_empty(struct net *net, enum ipc_type type, uint64_t ref);

/* ---- listeners.c ---- */

/* Listens at `sockets`, one for each listener of the configuration. */
bool listeners_open(struct net *net, const int *sockets, event_callback_fn ready);
void listeners_close(struct net *net);
/* No descriptors are left: new connections wait a moment, instead of being found again and again. */
void listeners_rest(struct net *net);

/* ---- peer_lines.c ---- */

/* Writes the line, which names the peer, unless it has caused too many. */
void peer_lines_write(struct net *net, const char *peer, enum log_level level, const char *text);
void peer_lines_free(struct net *net);

/* ---- slots.c ---- */

/* Takes a free slot; slots grow up to the limit of the configuration. False: there is none, or no memory. */
bool slots_take(struct net *net, struct connection *c);
void slots_leave(struct net *net, const struct connection *c);
/* The connection, or NULL when it is gone or its association is over. */
struct connection *slots_find(const struct net *net, uint64_t ref);

#endif
