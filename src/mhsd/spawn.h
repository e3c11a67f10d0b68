/*
 * Starting a child: forked, then executed anew, so that it has an address layout of its own, nothing of what
 * the parent has read, and of the parent's descriptors only those that it is given.
 */
#ifndef MHSD_SPAWN_H
#define MHSD_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Where a child finds its descriptors. One that its kind does not have is closed. */
enum child_descriptor {
    CHILD_PARENT = 3, /* a channel: the configuration first, then reloads and the order to stop */
    CHILD_DOOR,       /* ipc/door.h: ends of channels to others */
    CHILD_STORE,      /* a channel to the store process */
    CHILD_LISTENERS   /* listening sockets: of the network, or the local one and the one before it */
};

/* Whoever started the daemon may have closed some of descriptors 0 to 2: /dev/null takes their place, or the
 * next that is opened would, and a child's own would be put over it. False with errno. */
bool spawn_hold_standard(void);

/* This very program, also when another has taken its place in the file system meanwhile; -1 with errno. */
int spawn_program(void);

/*
 * Runs `program` with `arguments` (closed by NULL). Descriptor i becomes 3 + i, -1 is left out; 0 is
 * /dev/null, 1 and 2 are the parent's standard error. The child dies with the parent. -1 with errno when it
 * can't be forked; one that can't be executed exits with status 127.
 */
pid_t spawn(int program, char *const arguments[], int *descriptors, size_t count);

#endif
