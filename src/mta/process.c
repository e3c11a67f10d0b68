#include "mta/process.h"

#include <unistd.h>

#include "base/log.h"
#include "ipc/loop.h"
#include "mta/view.h"
#include "store/place.h"
#include "store/store.h"

void process_init(struct process *process, enum ipc_party party, const struct process_operations *operations,
                  struct event_base *loop, struct view *view, const struct mta_reload *reload) {
    *process = (struct process){.party = party, .operations = operations, .loop = loop, .view = view};
    if (reload)
        process->reload = *reload;
    view->process = process;
}

void process_close(struct process *process) {
    ipc_parent_free(process->parent);
    process->parent = NULL;
    if (process->door) {
        close(event_get_fd(process->door));
        event_free(process->door);
    }
    process->door = NULL;
}

void process_stopped(struct process *process) {
    process->stopped = true;
    event_base_loopexit(process->loop, NULL);
}

/* ---- the configuration ---- */

static const struct mta_config *read_config(const struct process *process, struct span text,
                                            struct error *err) {
    const struct mta_reload *reload = &process->reload;
    if (reload->read && text.data)
        return reload->read(reload->context, text, err);
    error_set(err, STORE_NO_MEMORY, "%s",
              text.data ? "no reload here" : "it is too long, or there is no memory");
    return NULL;
}

/* The parent believes the store process alone in what it says of it. */
static bool stays(const struct process *process, const struct error *err, struct buf *remarks) {
    const char *cause = err->text[0] ? err->text : "no memory";
    log_error("the configuration stays as it was: %s", cause);
    if (process->party == IPC_STORE)
        buf_append_span(remarks, span_str(cause));
    return false;
}

static void release(const struct process *process, const struct mta_config *config) {
    if (process->reload.release)
        process->reload.release(process->reload.context, config);
}

/* True: it is in use. */
static bool reload(void *context, struct span text, struct buf *remarks) {
    struct process *process = context;
    const struct process_operations *operations = process->operations;
    struct error err = {0};
    const struct mta_config *old = process->view->config, *fresh = read_config(process, text, &err);
    if (!fresh)
        return stays(process, &err, remarks);
    process->view->config = fresh;
    if (!operations->follow(process, &err)) {
        process->view->config = old;
        release(process, fresh);
        return stays(process, &err, remarks);
    }
    release(process, old);
    if (operations->reloaded)
        operations->reloaded(process, remarks);
    return true;
}

/* ---- the parent ---- */

static void stop(void *context) {
    struct process *process = context;
    process->operations->stop(process);
}

static const struct ipc_parent_calls parent_calls = {.reload = reload, .stop = stop};

bool process_attach_parent(struct process *process, int fd) {
    process->parent = ipc_parent_new(process->loop, fd, process->party, &parent_calls, process);
    return process->parent && ipc_parent_ready(process->parent);
}

/* ---- the door ---- */

static void on_door(evutil_socket_t door, short what, void *arg) {
    struct process *process = arg;
    struct ipc_holder holder;
    int fd, took;
    (void)what;
    while ((took = ipc_door_take(door, &holder, &fd)) > 0)
        if (!process->operations->attach(process, fd, &holder)) {
            log_error("a channel that the parent handed over can't be used");
            close(fd);
        }
    if (took < 0)
        event_del(process->door); /* the parent is gone: its channel tells */
}

static bool process_attach(struct process *process, const struct mta_descriptors *descriptors) {
    process->door = event_new(process->loop, descriptors->door, EV_READ | EV_PERSIST, on_door, process);
    return process->door && event_add(process->door, NULL) == 0 &&
           (descriptors->parent < 0 || process_attach_parent(process, descriptors->parent));
}

/* A server's own words say what is wrong there. */
static const char *remedy_of(int code, const char *store) {
    if (!store_is_folder(store) && code != STORE_LOCKED)
        return "";
    switch (code) {
    case STORE_LOCKED:
        return "; end that first, or let 'store' name another place";
    case STORE_FULL:
        return "; make room where 'store' is: it is tried again by itself until there is some";
    case STORE_READ_ONLY:
        return "; let the user of 'run-as' write the store (or the disk is mounted read-only): it is tried "
               "again by itself until that can be";
    default:
        return "";
    }
}

int process_serve(struct process *process, const char *store, const struct mta_descriptors *descriptors,
                  const struct error *err) {
    if (!process) {
        log_error("this process can't start: %s%s", err->text, remedy_of(err->code, store));
        return err->code == STORE_LOCKED || err->code == STORE_VERSION || err->code == STORE_MOVED
                   ? MTA_EXIT_NO_RETRY
                   : 1;
    }
    if (!process_attach(process, descriptors))
        return 1;
    loop_run(process->loop);
    return process->stopped ? 0 : 1;
}
