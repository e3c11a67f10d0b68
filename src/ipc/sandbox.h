/*
 * What a process may still do once it serves: an unprivileged user, or root
 * without root's rights over others, no new privileges, the files of its kind
 * (Landlock, all that the kernel knows of it), and only the system calls of its
 * kind (seccomp, an allowlist). Its standard input is never read; to standard
 * output and error it writes, and can do nothing else with them: they are the
 * daemon's log. Linux only.
 * docs/ARCHITECTURE.md has a table of what each kind can still do.
 */
#ifndef IPC_SANDBOX_H
#define IPC_SANDBOX_H

#include <stdint.h>

#include "base/error.h"

enum sandbox_part {
    SANDBOX_STORE,   /* files below one directory, or a server that it calls; no other sockets but those it is
                        given */
    SANDBOX_READER,  /* the same, but makes, shortens and removes no files: only those that are there are
                        written (SQLite's shared memory, its WAL) */
    SANDBOX_NET,     /* Internet sockets, called and taken; no file system */
    SANDBOX_CLIENTS, /* what it takes from the local socket; no file system */
    SANDBOX_WORK,    /* what it is given, memory and the clock; nothing else */
    SANDBOX_PARTS
};

/* What is done when the kernel lacks Landlock. */
enum sandbox_level {
    SANDBOX_FULL,   /* it is an error */
    SANDBOX_PARTIAL /* a log line: the file system is guarded by permissions and system calls only */
};

/*
 * Drops to `user` (its primary group, no others) when the process is root; `user` NULL keeps the identity.
 * The signal at the parent's death stays as it was; a parent that dies meanwhile is not told of.
 */
bool sandbox_drop_user(const char *user, struct error *err);

/* What a process may use beyond what its kind says. The first four are for SANDBOX_STORE and SANDBOX_READER.
 */
struct sandbox_rights {
    const char *directory;    /* NULL: none */
    bool calls;               /* a server: sockets may be made and connected */
    uint16_t port;            /* the one TCP port that it may call; 0: a Unix socket only */
    const char *const *files; /* that may be read, closed by NULL; NULL: none */
    int door;                 /* (ipc/door.h) by which alone descriptors come in; 0: none */
    int first_listener;       /* of listening sockets, numbered without a gap, which outlive the process */
    unsigned listener_count;  /* of these; calls are taken from them, and nothing changes them */
    /* Called when the files are guarded, and the system calls are not yet: for a thread, which no kind may
     * start later and which the guards of both hold for. NULL: nothing is started. */
    bool (*start)(void *context, struct error *err);
    void *context;
};

/*
 * Enters the sandbox of `part`; `rights` is NULL for those that need none.
 * Rights that only a newer kernel guards are left out; all else that fails is an error, which says what to
 * do.
 */
bool sandbox_enter(enum sandbox_part part, const struct sandbox_rights *rights, enum sandbox_level level,
                   struct error *err);

#endif
