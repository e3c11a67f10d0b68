/*
 * The net process: it speaks P1 with the peers and frames with the store
 * process. It checks all that strangers send; it has no file system and no
 * database.
 */
#ifndef PROTOCOL_NET_H
#define PROTOCOL_NET_H

#include <event2/event.h>

#include "base/error.h"
#include "protocol/config.h"
#include "protocol/resolve.h"

struct net;

struct net_descriptors {
    int store;            /* a connected channel to the store process */
    int parent;           /* to the parent, -1: none */
    int door;             /* (ipc/door.h) by which channels to readers come, 0: none */
    const int *listeners; /* listening TCP sockets, as many and in the order of protocol_config.listeners */
    struct resolver *resolver; /* of the same loop; NULL: peers are called by IP address only */
};

/* How a reload gets its configuration; as mta_reload. */
struct net_reload {
    const struct protocol_config *(*read)(void *context, struct span text, struct error *err);
    void (*release)(void *context, const struct protocol_config *old);
    void *context;
};

/* Takes over the descriptors and the resolver. NULL when memory or the loop fails. `reload` may be NULL. */
struct net *net_new(struct event_base *loop, const struct protocol_config *config,
                    const struct net_reload *reload, const struct net_descriptors *descriptors);

/* Aborts what is open and frees everything. */
void net_free(struct net *net);

/* No new associations; those idle are released, transfers under way end, then the loop is left. */
void net_stop(struct net *net);

/* The whole process, in a loop that it frees. Returns the exit status: 0 after a clean stop. */
int net_run(struct event_base *loop, const struct protocol_config *config, const struct net_reload *reload,
            const struct net_descriptors *descriptors);

#endif
