/*
 * The process of the clients: it alone holds the local socket (docs/local-protocol.md). The kernel tells it
 * who calls, and it tells the store process and the readers, which believe nobody else in that. It passes
 * requests on and answers back, and keeps order in the queue: who asks without reading, opens too many
 * connections or asks too much at a time waits or is refused, and keeps nobody else out.
 */
#ifndef CLIENTS_CLIENTS_H
#define CLIENTS_CLIENTS_H

#include <event2/event.h>

#include "base/error.h"
#include "base/span.h"

/* Owned by the caller; stays valid until the next configuration is in use. */
struct clients_config {
    unsigned clients_max;          /* connections; a tenth of them, at least one, are kept for operators */
    unsigned clients_per_user;     /* of a uid that is no operator */
    uint32_t service_uid;          /* an operator, as root is */
    uint32_t operators_gid;        /* so are those with this primary group */
    const uint32_t *operator_uids; /* and these */
    size_t operator_uid_count;
    unsigned
        reader_count; /* reader processes; 0: the store process answers everything. Not changed by a reload */
    unsigned answer_ms; /* for tests: how long a reader may take for an answer, 0: a minute; and the store
                           process, till it is asked for a sign, and for that, 0: five seconds */
};

struct clients;

struct clients_descriptors {
    int store;        /* a channel to the store process */
    int parent;       /* to the parent, -1: none */
    int local;        /* the local socket, listening */
    int former_local; /* the one before it, shut: who called there and was not served; -1: none */
    int door;         /* ipc/door.h: the ends of channels to readers come through it; -1: none */
};

/* How a reload gets its configuration; as mta_reload. */
struct clients_reload {
    const struct clients_config *(*read)(void *context, struct span slice, struct error *err);
    void (*release)(void *context, const struct clients_config *old);
    void *context;
};

/* Takes over the descriptors. NULL when memory or the loop fails. `reload` may be NULL. */
struct clients *clients_new(struct event_base *loop, const struct clients_config *config,
                            const struct clients_reload *reload,
                            const struct clients_descriptors *descriptors);

void clients_free(struct clients *clients);

/* Clients are served on for as long as the store process is there, then the loop is left. */
void clients_stop(struct clients *clients);

/* The whole process. Returns the exit status: 0 after a clean stop. */
int clients_run(const struct clients_config *config, const struct clients_reload *reload,
                const struct clients_descriptors *descriptors);

#endif
