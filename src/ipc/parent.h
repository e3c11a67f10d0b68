/* The channel of a process to its parent: reloads and the order to stop. (The first configuration is read
 * before the process has a loop, mhsd/children.c.) */
#ifndef IPC_PARENT_H
#define IPC_PARENT_H

#include <event2/event.h>

#include "base/buf.h"
#include "ipc/door.h"
#include "ipc/frame.h"

struct ipc_parent;

struct ipc_parent_calls {
    /* Another configuration; `slice` is valid during the call, and absent when it was too long or memory was
     * exhausted. True: it is in use. What an operator should hear of it goes into `remarks`, in the lines of
     * IPC_CONFIG_TAKEN; what has no room there is dropped. Of the store process: why it is not. */
    bool (*reload)(void *context, struct span slice, struct buf *remarks);
    /* The order to stop, or the parent is gone. */
    void (*stop)(void *context);
    /* The answer to ipc_parent_manage; NULL for processes that don't ask. */
    void (*managed)(void *context, uint64_t ref, struct span payload);
};

/* Takes over `fd`. NULL without memory; then `fd` is still the caller's. `context` is the calls'. */
struct ipc_parent *ipc_parent_new(struct event_base *loop, int fd, enum ipc_party self,
                                  const struct ipc_parent_calls *calls, void *context);
/* NULL is allowed. */
void ipc_parent_free(struct ipc_parent *parent);

/* Says that the process serves. False: there is no memory. */
bool ipc_parent_ready(struct ipc_parent *parent);

/* Passes an operator's request on. False: the parent is gone (NULL is allowed), or there is no memory. */
bool ipc_parent_manage(struct ipc_parent *parent, uint64_t ref, struct span payload);

/* Says that the channel to another process is closed, and whether that broke the rules: the parent sees to it
 * that it ends. NULL is allowed. */
void ipc_parent_channel_gone(struct ipc_parent *parent, const struct ipc_holder *holder, bool broke_rules);

#endif
