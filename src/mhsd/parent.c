#include "mhsd/parent.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "mhsd/parent_child.h"
#include "mhsd/parent_frames.h"
#include "mhsd/parent_manage.h"
#include "mhsd/parent_reload.h"
#include "mhsd/parent_sockets.h"
#include "mhsd/parent_start.h"
#include "mhsd/parent_stop.h"
#include "mhsd/spawn.h"

/* Their channels to it are gone. */
static void await_those_of_store(struct parent *parent) {
    struct child_walk walk = {.parent = parent};
    for (struct child *child; (child = child_next(&walk));)
        if (child_kinds[child->kind].end)
            child_await_end(child);
}

static void child_ended(struct child *child, int status) {
    struct parent *parent = child->parent;
    child->pid = 0;
    event_del(child->lingers);
    if (child->channel) {
        ipc_channel_free(child->channel);
        child->channel = NULL;
    }
    child_close_door(child);
    child->untaken = 0;
    child->failures++;
    if (child->kind == KIND_CLIENTS)
        parent_forget_asker(parent);
    parent_answer_reload(parent);
    if (child->kind == KIND_STORE)
        parent->store_ready = false;
    if (parent->stopping) {
        parent_note_stopped(child, status);
        return;
    }
    if (!child->served && WIFEXITED(status) && WEXITSTATUS(status) == MTA_EXIT_NO_RETRY) {
        log_error("the %s process can't serve, and would not if it were started again: the daemon ends",
                  child_name(child));
        parent->status = 1;
        parent_stop(parent);
        return;
    }
    child_log_ending(child->kind, status, (double)child->pause / 1e6);
    child_give_sockets_back(child);
    if (child->kind == KIND_STORE)
        await_those_of_store(parent);
    parent_begin_absence(parent);
    child_restart_later(child);
}

static void on_child(evutil_socket_t signal_number, short what, void *arg) {
    (void)signal_number;
    (void)what;
    struct parent *parent = arg;
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct child_walk walk = {.parent = parent};
        for (struct child *child; (child = child_next(&walk));)
            if (pid == child->pid) {
                child_ended(child, status);
                break;
            }
    }
}

/* Blocked so far: while there was no handler the signal would have ended the daemon. */
static void take_reloads(void) {
    sigset_t reload;
    sigemptyset(&reload);
    sigaddset(&reload, SIGHUP);
    sigprocmask(SIG_UNBLOCK, &reload, NULL);
}

static bool add_places(struct parent *parent) {
    const unsigned counts[KINDS] = {[KIND_STORE] = 1,
                                    [KIND_READER] = parent->config->reader_processes,
                                    [KIND_NET] = parent->config->net_processes,
                                    [KIND_CLIENTS] = 1,
                                    [KIND_WORK] = parent->config->work_processes};
    for (unsigned kind = 0; kind < KINDS; kind++)
        if (!children_add(parent, kind, counts[kind], child_on_restart))
            return false;
    return true;
}

static bool init(struct parent *parent) {
    static const struct {
        int number;
        event_callback_fn call;
    } signals[] = {
        {SIGTERM, parent_on_stop}, {SIGINT, parent_on_stop}, {SIGHUP, parent_on_reload}, {SIGCHLD, on_child}};
    parent->loop = event_base_new();
    if (!parent->loop)
        return false;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        parent->signals[i] = evsignal_new(parent->loop, signals[i].number, signals[i].call, parent);
        if (!parent->signals[i] || event_add(parent->signals[i], NULL) != 0)
            return false;
    }
    parent->patience = event_new(parent->loop, -1, 0, parent_on_impatience, parent);
    if (!parent->patience || !add_places(parent) || !parent_expect_reloads(parent) ||
        !parent_watch_sockets(parent))
        return false;
    take_reloads();
    return true;
}

static void done(struct parent *parent) {
    if (parent->patience)
        event_free(parent->patience);
    for (size_t i = 0; i < sizeof parent->signals / sizeof *parent->signals; i++)
        if (parent->signals[i])
            event_free(parent->signals[i]);
    parent_forget_asker(parent);
    parent_end_reloads(parent);
    parent_close_sockets(parent);
    children_free(parent);
    if (parent->loop)
        event_base_free(parent->loop);
    if (parent->program >= 0)
        close(parent->program);
    config_free(parent->config);
}

int parent_run(const char *path, struct config *config) {
    struct parent parent = {
        .path = path, .config = config, .handler = &parent_handler, .program = spawn_program()};
    struct error err = {0};
    signal(SIGPIPE, SIG_IGN);
    if (parent.program < 0) {
        log_error("this program's file is out of reach at /proc/self/exe: %s; mount /proc", strerror(errno));
        parent.status = 1;
    } else if (!init(&parent)) {
        log_error("no memory, or no event loop");
        parent.status = 1;
    } else if (!parent_open_sockets(&parent, &err)) {
        log_error("%s", err.text);
        parent.status = 1;
    } else {
        child_start(parent.children[KIND_STORE]);
        event_base_dispatch(parent.loop);
        log_notice("stopped");
    }
    int status = parent.status;
    done(&parent);
    return status;
}
