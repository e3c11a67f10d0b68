/*
 * The parent: opens the sockets, starts the store, reader and net processes, restarts
 * those that die, passes reloads and stops on. It reads no octet of the network, nor
 * of local clients: those that come while the store process is away are told so.
 */
#ifndef MHSD_PARENT_H
#define MHSD_PARENT_H

#include "mhsd/config.h"

/*
 * Serves until SIGTERM or SIGINT; SIGHUP, which the caller may have blocked until now,
 * reads the file at `path` anew. `config` is what the file held. Returns the exit status: 0 after a clean
 * stop.
 */
int parent_run(const char *path, struct config *config);

#endif
