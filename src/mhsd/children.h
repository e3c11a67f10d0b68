/* What runs in the children: each is executed anew, reads its configuration from the parent, enters its
 * sandbox and serves. */
#ifndef MHSD_CHILDREN_H
#define MHSD_CHILDREN_H

#include <stdbool.h>

#include "ipc/channel.h"
#include "ipc/door.h"
#include "ipc/frame.h"
#include "mhsd/config.h"

/* In the order in which they start; all but the store process wait until it is ready, and end before it. */
enum child_kind { KIND_STORE, KIND_READER, KIND_NET, KIND_CLIENTS, KIND_WORK, KINDS };

/* What a kind of process is given: no descriptor and no option besides. Each has a channel to the parent. */
struct child_kind_entry {
    const char *name;          /* `store` and so on: the child's first argument */
    enum config_process slice; /* what it is told of the configuration */
    enum ipc_party party;      /* in frames */
    enum ipc_end end;          /* what it is to the store process, on a channel of its own; 0: it has none */
    bool door;                 /* through which ends of channels to others come */
    bool listeners;            /* of the network */
    bool local;                /* the local socket */
};

extern const struct child_kind_entry child_kinds[KINDS];

/* Sends the slice of the configuration that the kind is told, in parts. False for want of memory. */
bool child_tell_config(enum child_kind kind, const struct config *config, struct ipc_channel *channel);

/* Whether a process of the kind `by` may say that its channel to one of the kind `end` is gone (`*kind`): the
 * store process of all that it has channels to, the process of the clients and a reader of each other. */
bool child_may_accuse(enum child_kind by, enum ipc_end end, enum child_kind *kind);

/* The log's line about one that ended, with its status of wait(2), and is started again in `pause` s. */
void child_log_ending(enum child_kind kind, int status, double pause);

/* True when this process was started as a child (mhsd/spawn.h): `mhsd KIND NUMBER`, and the parent at
 * the other end of CHILD_PARENT. */
bool child_is_one(int argc, char **argv);

/* Makes an empty store where `config` says, as the user that the processes run as, which this process is
 * afterwards. False when there is one already, or it can't be made. */
bool child_create_store(const struct config *config, struct error *err);

/* Where to look when there is no store and should be one. */
const char *child_where_store_is(const struct config *config);

/* Whether the daemon could use the store's folder, or make it; nothing is changed, but root's process becomes
 * the user of 'run-as'. The error's code is an errno. */
bool child_may_use_store(const struct config *config, struct error *err);

/* Starts the store process's threads, for its configuration: one that compares passwords, and one for the
 * disk where the store is files. Where the system gives none (TasksMax of systemd.resource-control(5)) that
 * is logged, and it does without. sandbox_rights.start. */
bool child_start_threads(void *config, struct error *err);

/* The child's life. Returns the exit status: MTA_EXIT_NO_RETRY (mta/mta.h) where the next start can't fare
 * better. */
int child_run(char **argv);

#endif
