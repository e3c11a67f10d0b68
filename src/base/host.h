/* The host of a socket's address as text: how frames, log lines and checks by address name it. */
#ifndef BASE_HOST_H
#define BASE_HOST_H

#include <stddef.h>
#include <sys/socket.h>

#define HOST_TEXT_SIZE 64

/* As inet_ntop(3) writes it, an IPv4 address that came over IPv6 as IPv4; `?` for another family. */
void host_text(const struct sockaddr_storage *address, char out[static HOST_TEXT_SIZE]);

/*
 * The network that the host of this text belongs to. With IPv6 one subscriber has
 * a /64 or more of addresses (RFC 6177), so whoever counts what a host does counts
 * the first `bits` of its address (`2001:db8::/64`). An IPv4 address, and what is no
 * address, stays as it is.
 * Some have a /48 of such networks: a site.
 */
enum { HOST_NETWORK_BITS = 64, HOST_SITE_BITS = 48 };
void host_network(const char *host, unsigned bits, char out[static HOST_TEXT_SIZE]);

#endif
