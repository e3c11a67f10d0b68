/*
 * What a process may still do once it serves: an unprivileged user, no new
 * privileges, no file system (Landlock where the kernel has it), and only the
 * system calls of its part (seccomp). Linux only.
 */
#ifndef IPC_SANDBOX_H
#define IPC_SANDBOX_H

#include "base/error.h"

enum sandbox_part {
    SANDBOX_NET,     /* sockets that are open or to be made; no file system */
    SANDBOX_STORE,   /* files below one directory; no network sockets */
    SANDBOX_READER,  /* the same, but makes and removes no files: only those that are there are written
                        (SQLite's shared memory, its WAL) */
    SANDBOX_CLIENTS, /* sockets that are open or taken from the local one; no file system */
    SANDBOX_WORK,    /* the sockets that are open, memory and the clock; nothing else */
};

/*
 * Drops to `user` (its primary group, no others) when the process is root; `user` NULL keeps the identity.
 * The signal at the parent's death stays as it was; a parent that dies meanwhile is not told of.
 */
bool sandbox_drop_user(const char *user, struct error *err);

/*
 * Enters the sandbox of `part`; `directory` is what SANDBOX_STORE and SANDBOX_READER
 * may use, else NULL. What the kernel lacks is left out with a log line; a failure of what it
 * has is an error.
 */
bool sandbox_enter(enum sandbox_part part, const char *directory, struct error *err);

#endif
