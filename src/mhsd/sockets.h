/* The sockets that the parent opens, while it still may: P1 listeners, the local socket, and the store
 * process's own. */
#ifndef MHSD_SOCKETS_H
#define MHSD_SOCKETS_H

#include "mhsd/config.h"
#include "protocol/net.h"

struct sockets {
    int *listeners; /* one a protocol_listener, listening */
    size_t listener_count;
    int local;    /* the local socket, listening */
    int *readers; /* where net processes reach each reader process, listening; no names either */
    size_t reader_count;
    int store; /* where net processes reach the store process, listening; no name in the file system */
    int work;  /* where work processes do */
};

/* Opens all. False with an error that names the address and the cause; what is open stays in `sockets` for
 * sockets_close. */
bool sockets_open(struct sockets *sockets, const struct config *config, struct error *err);

/* A new connection to the store process; -1 with errno set. */
int sockets_connect_store(const struct sockets *sockets);
int sockets_connect_work(const struct sockets *sockets);

/* The addresses of the readers' sockets, `reader_count` of them; the caller frees them. NULL without memory.
 */
struct net_reader *sockets_reader_addresses(const struct sockets *sockets);

void sockets_close(struct sockets *sockets, const struct config *config);

#endif
