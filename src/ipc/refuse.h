/* How a connection at the local socket is refused: whoever holds the socket says why, and closes it. */
#ifndef IPC_REFUSE_H
#define IPC_REFUSE_H

/* Tells the client at `fd` that it is not served ("unavailable") and why, as far as its socket takes it
 * without waiting, and closes `fd`. Reads nothing of it. `why` needs no escapes in JSON. */
void ipc_refuse(int fd, const char *why);

#endif
