/* The host of a socket's address as text: how frames, log lines and checks by address name it. */
#ifndef PROTOCOL_HOST_H
#define PROTOCOL_HOST_H

#include <stddef.h>
#include <sys/socket.h>

#define HOST_TEXT_SIZE 64

/* As inet_ntop(3) writes it, an IPv4 address that came over IPv6 as IPv4; `?` for another family. */
void host_text(const struct sockaddr_storage *address, char out[static HOST_TEXT_SIZE]);

#endif
