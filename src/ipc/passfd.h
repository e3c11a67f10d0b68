/* Passing an open file descriptor to another process over a Unix socket (SCM_RIGHTS). */
#ifndef IPC_PASSFD_H
#define IPC_PASSFD_H

#include <stdbool.h>

/* Sends a copy of `fd`, which stays the caller's, with one octet `tag`. False with errno set. */
bool ipc_pass_fd(int socket, int fd, unsigned char tag);

/* Receives one; -1 with errno set, or with errno 0 when the other end is closed. The caller closes it. */
int ipc_receive_fd(int socket, unsigned char *tag);

#endif
