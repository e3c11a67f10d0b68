/*
 * What the store process and the readers have in common as processes: the parent, from which the
 * configuration and the end come, and the door, through which the ends of channels to all others come.
 */
#ifndef MTA_PROCESS_H
#define MTA_PROCESS_H

#include "ipc/door.h"
#include "ipc/parent.h"
#include "mta/mta.h"

struct process;
struct view;

struct process_operations {
    /* A configuration has taken another's place in the view: all that hangs on it is made anew. False:
     * nothing was changed, the old one stays. */
    bool (*follow)(struct process *process, struct error *err);
    /* It is in use; remarks as in ipc/parent.h. May be NULL. */
    void (*reloaded)(struct process *process, struct buf *remarks);

    void (*stop)(struct process *process);
    /* Takes over the end of a channel. False: there is none of this kind, or no memory. */
    bool (*attach)(struct process *process, int fd, const struct ipc_holder *holder);
};

struct process {
    enum ipc_party party; /* IPC_STORE or IPC_READER */
    const struct process_operations *operations;
    struct event_base *loop;
    struct view *view;
    struct mta_reload reload;
    struct ipc_parent *parent;
    struct event *door;
    bool stopped; /* in good order */
};

/* `reload` may be NULL. */
void process_init(struct process *process, enum ipc_party party, const struct process_operations *operations,
                  struct event_base *loop, struct view *view, const struct mta_reload *reload);
/* Closes the channel to the parent, and the door. */
void process_close(struct process *process);

bool process_attach_parent(struct process *process, int fd);

/* Leaves the loop, in good order. */
void process_stopped(struct process *process);

/* Runs until it is stopped; NULL: it can't start, and says why, by `err`, and what is to be done with
 * `store`, the store's place. Returns the process's exit status. */
int process_serve(struct process *process, const char *store, const struct mta_descriptors *descriptors,
                  const struct error *err);

#endif
