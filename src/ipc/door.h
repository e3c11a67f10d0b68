/*
 * A door: how the parent hands a process the ends of channels to others. Neither
 * the store process nor a reader has a socket that anybody could call: who
 * reaches them was started by the parent, and is of the kind that the parent says.
 * A pair of sequenced-packet sockets; each message says who has the other end, and brings one descriptor.
 */
#ifndef IPC_DOOR_H
#define IPC_DOOR_H

#include <stdbool.h>
#include <stdint.h>

/* A kind of process. */
enum ipc_end { IPC_END_NET = 1, IPC_END_CLIENTS, IPC_END_WORK, IPC_END_READER };

/* Who has the other end. */
struct ipc_holder {
    enum ipc_end end;
    uint8_t number; /* among those of its kind */
    uint32_t life;  /* how many the parent has started in that place: who follows one that ended is another */
};

#define IPC_HOLDER_NAME 16

/* For log lines: `net0` and so on. The end is one of those above. */
void ipc_holder_name(const struct ipc_holder *holder, char name[static IPC_HOLDER_NAME]);

/* Makes a door: the parent keeps door[0], which never blocks. Both are closed on exec. False with errno. */
bool ipc_door(int door[2]);

/* Hands over `fd`, which stays the caller's too. False with errno: EPIPE or ECONNRESET when the process is
 * gone, or takes no more; others when it has left too many of them untaken, say. */
bool ipc_door_pass(int door, const struct ipc_holder *holder, int fd);

/* Takes what waits: 1, and `*fd` is the caller's (closed on exec). 0: nothing waits. -1: the parent is gone,
 * or what came is none of this. */
int ipc_door_take(int door, struct ipc_holder *holder, int *fd);

#endif
