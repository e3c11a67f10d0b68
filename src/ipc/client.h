/* A blocking client of the daemon's local socket, for libmhs; the work processes speak so with the
 * store process. What comes is checked by the table of frames (frame.h). */
#ifndef IPC_CLIENT_H
#define IPC_CLIENT_H

#include "base/buf.h"
#include "base/error.h"
#include "ipc/frame.h"

struct ipc_client;

/* Connects to the Unix socket at `path`, and says hello: the answer is taken by the first ipc_client_receive.
 * NULL with an error that says what to do (is mhsd running?). */
struct ipc_client *ipc_client_open(const char *path, struct error *err);
/* The same over a connected socket, which is taken over, and nobody says hello. NULL without memory. */
struct ipc_client *ipc_client_of(int fd, struct ipc_side side);
void ipc_client_close(struct ipc_client *client);

/* Sends one frame. False when the daemon is gone. */
bool ipc_client_send(struct ipc_client *client, enum ipc_type type, uint64_t ref, struct span head,
                     struct span body, struct error *err);

/* Waits for the next frame, at most `timeout_ms` (negative: for ever). The payload is valid until the next
 * call, and as the frame's row says. EPROTO: the other side broke the rules. */
bool ipc_client_receive(struct ipc_client *client, enum ipc_type *type, uint64_t *ref, struct span *payload,
                        int timeout_ms, struct error *err);

/* True if something of the other side is there to be received, its end included: for who sends for long. */
bool ipc_client_waiting(struct ipc_client *client);

#endif
