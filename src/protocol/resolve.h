/*
 * Names of hosts, resolved when a peer is called: by the hosts file and the name
 * servers of the machine, both read when the resolver is made (before the
 * sandbox goes up), without holding up the loop. Answers are not kept: each call
 * asks anew, so that a host that moves is found.
 */
#ifndef PROTOCOL_RESOLVE_H
#define PROTOCOL_RESOLVE_H

#include <event2/event.h>
#include <event2/util.h>

#include "base/error.h"

struct resolver;
struct resolve; /* a question under way */

/*
 * Reads /etc/hosts and, where `server_count` is 0, /etc/resolv.conf. Servers are
 * `192.0.2.1`, `192.0.2.1:53` or `[2001:db8::1]:53`. A machine without name
 * servers resolves what its hosts file has. NULL without memory.
 */
struct resolver *resolver_new(struct event_base *loop, const char *const *servers, size_t server_count);

/* Asks other servers from now on; no effect when `server_count` is 0: files can't be read any more. */
void resolver_set_servers(struct resolver *r, const char *const *servers, size_t server_count);

/* Questions under way must have been cancelled. NULL is allowed. */
void resolver_free(struct resolver *r);

/*
 * `found` has the addresses, IPv4 and IPv6, with the port set; the callee frees it
 * with evutil_freeaddrinfo. It is NULL when the name does not resolve; `why` tells,
 * valid during the call.
 */
typedef void resolve_done(void *context, struct evutil_addrinfo *found, const char *why);

/*
 * Begins to resolve. `done` is called once, in a later turn of the loop, unless
 * the question is cancelled before. `r` may be NULL: no name resolves. NULL
 * without memory; `done` is not called then.
 */
struct resolve *resolve_begin(struct resolver *r, struct event_base *loop, const char *host, unsigned port,
                              resolve_done *done, void *context);
void resolve_cancel(struct resolve *question);

/* True if `server` can be used as a name server's address. */
bool resolver_server_is_address(const char *server);

#endif
