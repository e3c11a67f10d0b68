/*
 * The hosts that a URI names, as lists that libpq reads (host, hostaddr, port; a comma between them): it
 * tries them in their order, and takes the first that is as target_session_attrs asks.
 */
#ifndef STORE_POSTGRES_HOSTS_H
#define STORE_POSTGRES_HOSTS_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "base/error.h"

struct pg_hosts {
    char *host, *hostaddr, *port; /* NULL: the URI says nothing of it */
    unsigned count;               /* 0: none is named */
};

/* As they stand in the URI; one that can't be read names none. */
void pg_hosts_of(const char *uri, struct pg_hosts *hosts);
/* Those of a connection: what the URI leaves open may come from its environment. */
void pg_hosts_called(PGconn *conn, struct pg_hosts *hosts);
void pg_hosts_free(struct pg_hosts *hosts);

/* Looks up each name, once for all: in its place come its addresses. False: none has any. */
bool pg_hosts_resolve(struct pg_hosts *hosts, struct error *err);

bool pg_hosts_have_addresses(const struct pg_hosts *hosts);

/* All have the same port, and all are reached by a network or none is: a sandbox allows no more. */
bool pg_hosts_are_alike(const struct pg_hosts *hosts);

/* A list that begins with its element number `first`, and has those before it at its end; NULL without
 * memory. One with a single element is for all, and stays. mem_free frees it. */
char *pg_hosts_from(const char *list, unsigned first);

#endif
