/*
 * A door: how the parent hands a process the ends of channels to others. Neither
 * the store process nor a reader has a socket that anybody could call: who
 * reaches them was started by the parent, and is of the kind that the parent says.
 * A pair of sequenced-packet sockets; each message is a kind, a number and one descriptor.
 */
#ifndef IPC_DOOR_H
#define IPC_DOOR_H

#include <stdbool.h>
#include <stdint.h>

/* Who has the other end. */
enum ipc_end { IPC_END_NET = 1, IPC_END_CLIENTS, IPC_END_WORK, IPC_END_READER };

/* Makes a door: the parent keeps door[0], which never blocks. Both are closed on exec. False with errno. */
bool ipc_door(int door[2]);

/* Hands over `fd`, which stays the caller's too; `number` is the other end's among those of its kind. False
 * with errno: the process is gone, or has left too many of them untaken. */
bool ipc_door_pass(int door, enum ipc_end end, uint8_t number, int fd);

/* Takes what waits: 1, and `*fd` is the caller's (closed on exec). 0: nothing waits. -1: the parent is gone,
 * or what came is none of this. */
int ipc_door_take(int door, enum ipc_end *end, uint8_t *number, int *fd);

#endif
