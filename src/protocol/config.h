/*
 * What a net process knows of the world: where to listen, and how the peers are
 * called. Names and passwords are not among it: whose a bind is, and what we give
 * in ours, the store process says (ipc/bind.h). Made by the daemon from the
 * configuration file; the net process reads no file.
 */
#ifndef PROTOCOL_CONFIG_H
#define PROTOCOL_CONFIG_H

#include <sys/socket.h>

#include "base/span.h"
#include "ipc/frames.h"
#include "osi/association.h"

/* Where to listen or to call. An IP address is in `address`; a name is resolved when it is needed. */
struct protocol_endpoint {
    struct sockaddr_storage address;
    socklen_t length; /* 0: `host` is a name */
    const char *host; /* a name, NULL for an IP address */
    uint16_t port;    /* of a name */
    /* a peer's: */
    struct osi_address called; /* selectors */
    unsigned contexts; /* or'ed enum osi_context: those that it is called with; 0: each of the peer's */
};

/* A peer. */
struct protocol_peer {
    const char *name;                          /* in the configuration; frames and log lines use it */
    const struct protocol_endpoint *endpoints; /* where we call, tried in turn */
    size_t endpoint_count;
    struct osi_address calling;   /* our selectors when we call */
    enum osi_context contexts[3]; /* tried in turn when we call */
    unsigned context_count;
    enum osi_dialogue dialogue;
    unsigned tpdu_size;
    unsigned checkpoint_size; /* KiB */
    unsigned window_size;
    bool no_checkpoints;
};

/* A place to listen at: the socket is opened by the parent, in the order of the array. */
struct protocol_listener {
    struct protocol_endpoint endpoint;
    struct osi_address selectors;     /* what a caller must address; absent parts take any */
    const struct osi_address *others; /* or one of these */
    size_t other_count;
    bool users; /* those of users, who bind by P3; else those of MTAs */
};

/* Everything is owned by the daemon and stays valid until the next configuration is in use. */
struct protocol_config {
    const struct protocol_listener *listeners;
    size_t listener_count;
    const struct protocol_peer *peers;
    size_t peer_count;
    const char *const *name_servers; /* addresses; none: those of the machine */
    size_t name_server_count;
    bool readers;             /* there are reader processes: the store process answers for no mailbox */
    unsigned connections_max; /* TCP connections of this process */
    unsigned opening_max;     /* of these, at most so many that have not bound yet */
    size_t envelope_octets;   /* longest envelope, probe or report that is collected */
    int64_t connect_us;       /* from a call to the bind's result */
    int64_t transfer_us;      /* how long a peer that is due may say nothing */
    int64_t release_us;       /* how long the answer to a release may take */
    int64_t stop_us;          /* how long a stop waits for transfers under way */
};

/* The peer of this name, or NULL. */
const struct protocol_peer *protocol_peer_named(const struct protocol_config *config, struct span name);

#endif
