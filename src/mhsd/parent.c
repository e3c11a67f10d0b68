#include "mhsd/parent.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "ipc/channel.h"
#include "mhsd/children.h"
#include "mhsd/sockets.h"
#include "mhsd/supervisor.h"

/* A child that keeps dying is started less and less often. */
#define FIRST_PAUSE_US   ((int64_t)200000)
#define LONGEST_PAUSE_US ((int64_t)30 * 1000000)

/* In the order in which they start; all but the store process wait until it is ready, and end before it. */
enum kind { STORE, READER, NET, WORK, KINDS };

struct child {
    enum kind kind;
    pid_t pid; /* 0: not running */
    struct ipc_channel *channel;
    int descriptor; /* the channel's, while there is one */
    struct event *restart;
    int64_t pause;
    int64_t started;
    struct parent *parent;
    int number; /* among those of its kind */
};

struct parent {
    struct event_base *loop;
    const char *path;
    struct config *config;
    struct sockets sockets;
    struct child *children[KINDS];
    unsigned count[KINDS];
    struct event *signals[4];
    struct event *patience;
    bool stopping;
    bool store_ready;
    bool served; /* the store process has been ready once */
    bool told;   /* that it serves */
    int status;
};

static void start_child(struct child *child);

static int run_store(struct child_context *context, int number) {
    (void)number;
    return child_store(context);
}

static const struct {
    const char *name;
    enum config_process process;
    int (*run)(struct child_context *context, int number);
} kinds[KINDS] = {[STORE] = {"store", CONFIG_STORE, run_store},
                  [READER] = {"reader", CONFIG_READER, child_reader},
                  [NET] = {"net", CONFIG_NET, child_net},
                  [WORK] = {"work", CONFIG_WORK, child_work}};

/* A walk over all children, which ends with NULL. */
struct walk {
    struct parent *parent;
    unsigned kind, number;
};

static struct child *next_child(struct walk *walk) {
    while (walk->kind < KINDS && walk->number >= walk->parent->count[walk->kind]) {
        walk->kind++;
        walk->number = 0;
    }
    return walk->kind < KINDS ? &walk->parent->children[walk->kind][walk->number++] : NULL;
}

/* ---- channels to the children ---- */

static void start_others(struct parent *parent) {
    struct walk walk = {.parent = parent};
    for (struct child *child; (child = next_child(&walk));)
        if (child->pid == 0 && child->kind != STORE && !parent->stopping)
            start_child(child);
}

/* Said once, when the local socket is served too. */
static void tell_ready(struct parent *parent) {
    if (parent->told)
        return;
    parent->told = true;
    log_notice("serving at %zu address%s; mhs reaches it at %s", parent->sockets.listener_count,
               parent->sockets.listener_count == 1 ? "" : "es", parent->config->socket);
    supervisor_tell("READY=1");
}

static bool on_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                     struct span payload) {
    struct child *child = context;
    (void)channel;
    (void)ref;
    if (type != IPC_READY || payload.len != 0)
        return false;
    child->pause = FIRST_PAUSE_US;
    if (child->kind == NET)
        tell_ready(child->parent);
    if (child->kind == STORE && !child->parent->store_ready) {
        child->parent->store_ready = child->parent->served = true;
        start_others(child->parent);
    }
    return true;
}

static void on_closed(void *context, struct ipc_channel *channel, const char *cause) {
    struct child *child = context;
    (void)channel;
    (void)cause;
    child->channel = NULL; /* what became of the process, SIGCHLD tells */
}

static const struct ipc_handler handler = {.frame = on_frame, .closed = on_closed};

static void tell_kind(struct parent *parent, enum kind kind, enum ipc_type type, uint64_t ref,
                      struct span payload) {
    for (unsigned i = 0; i < parent->count[kind]; i++)
        if (parent->children[kind][i].channel)
            ipc_send(parent->children[kind][i].channel, type, ref, payload, (struct span){NULL, 0});
}

/* Its slice, in parts: a frame is bounded. */
static bool tell_config(struct parent *parent, enum kind kind) {
    struct buf slice;
    buf_init(&slice, IPC_CONFIG_MAX);
    bool done = config_slice(parent->config, kinds[kind].process, &slice);
    for (size_t at = 0; done && (at == 0 || at < slice.len); at += IPC_CHUNK) {
        struct span part = span_sub(buf_span(&slice), at, IPC_CHUNK);
        tell_kind(parent, kind, IPC_CONFIG, at + part.len < slice.len, part);
    }
    buf_free(&slice);
    return done;
}

/* ---- starting ---- */

static const char *child_name(const struct child *child) {
    return kinds[child->kind].name;
}

static void restart_later(struct child *child) {
    struct timeval tv = {.tv_sec = child->pause / 1000000, .tv_usec = child->pause % 1000000};
    event_add(child->restart, &tv);
    child->pause = child->pause * 2 > LONGEST_PAUSE_US ? LONGEST_PAUSE_US : child->pause * 2;
}

/* A child that an intruder rules must not speak to the others with the parent's voice. */
static void close_channels(struct parent *parent) {
    struct walk walk = {.parent = parent};
    for (struct child *other; (other = next_child(&walk));)
        if (other->channel)
            close(other->descriptor);
}

static void run_child(struct child *child, int channel) {
    struct parent *parent = child->parent;
    struct child_context context = {.config = parent->config, .sockets = &parent->sockets, .parent = channel};
    event_reinit(parent->loop);
    close_channels(parent);
    signal(SIGHUP, SIG_IGN); /* the parent passes reloads on; a terminal's hang-up is for it too */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody would supervise it any more */
    _exit(kinds[child->kind].run(&context, child->number));
}

static void start_child(struct child *child) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        log_error("no channel for the %s process: %s", child_name(child), strerror(errno));
        restart_later(child);
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        run_child(child, pair[1]);
    }
    close(pair[1]);
    child->started = clock_monotonic_us();
    child->pid = pid > 0 ? pid : 0;
    child->descriptor = pair[0];
    child->channel =
        pid > 0 ? ipc_channel_new(child->parent->loop, pair[0], child_name(child), &handler, child) : NULL;
    if (!child->channel)
        close(pair[0]);
    if (pid < 0) {
        log_error("the %s process can't be started: %s", child_name(child), strerror(errno));
        restart_later(child);
    }
}

static void on_restart(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct child *child = arg;
    /* The others follow the store process: net processes end with it. */
    if (!child->parent->stopping && child->pid == 0 && (child->kind == STORE || child->parent->store_ready))
        start_child(child);
}

/* ---- endings ---- */

static unsigned running(const struct parent *parent) {
    unsigned count = 0;
    struct walk walk = {.parent = (struct parent *)parent};
    for (struct child *child; (child = next_child(&walk));)
        count += child->pid != 0;
    return count;
}

/* The store process goes last: it commits what the net processes still tell it. */
static void stop_store_when_alone(struct parent *parent) {
    struct child *store = parent->children[STORE];
    if (parent->stopping && store->channel && running(parent) == 1 && store->pid != 0)
        ipc_send(store->channel, IPC_STOP, 0, (struct span){NULL, 0}, (struct span){NULL, 0});
    if (parent->stopping && running(parent) == 0)
        event_base_loopbreak(parent->loop);
}

static void stop(struct parent *parent);

static void child_ended(struct child *child, int status) {
    struct parent *parent = child->parent;
    child->pid = 0;
    if (child->channel) {
        ipc_channel_free(child->channel);
        child->channel = NULL;
    }
    if (child->kind == STORE)
        parent->store_ready = false;
    bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (parent->stopping) {
        if (!clean && child->kind != WORK)
            parent->status = 1;
        stop_store_when_alone(parent);
        return;
    }
    if (child->kind == STORE && !parent->served && WIFEXITED(status) &&
        WEXITSTATUS(status) == MTA_EXIT_IN_VAIN) {
        parent->status = 1; /* the others were not started yet */
        event_base_loopbreak(parent->loop);
        return;
    }
    if (WIFSIGNALED(status))
        log_error("the %s process was ended by signal %d; it is started again", child_name(child),
                  WTERMSIG(status));
    else
        log_error("the %s process exited with status %d; it is started again", child_name(child),
                  WEXITSTATUS(status));
    restart_later(child);
}

static void on_child(evutil_socket_t signal_number, short what, void *arg) {
    (void)signal_number;
    (void)what;
    struct parent *parent = arg;
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct walk walk = {.parent = parent};
        for (struct child *child; (child = next_child(&walk));)
            if (pid == child->pid) {
                child_ended(child, status);
                break;
            }
    }
}

/* Transfers under way may end; who takes longer is ended, and its unfinished transfers are tried again later.
 */
static void out_of_patience(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct parent *parent = arg;
    parent->status = 1;
    log_warning("not all processes stopped in time; they are ended now");
    struct walk walk = {.parent = parent};
    for (struct child *child; (child = next_child(&walk));)
        if (child->pid)
            kill(child->pid, SIGKILL);
}

/* They have nothing to finish. SIGKILL: one that was forked just now could lose a SIGTERM to the handler that
 * it inherited. */
static void end_work_processes(const struct parent *parent) {
    for (unsigned i = 0; i < parent->count[WORK]; i++)
        if (parent->children[WORK][i].pid)
            kill(parent->children[WORK][i].pid, SIGKILL);
}

static void stop(struct parent *parent) {
    static const struct timeval limit = {.tv_sec = 15};
    parent->stopping = true;
    /* The store process last: when it ends, the others have their order to stop already. */
    tell_kind(parent, NET, IPC_STOP, 0, (struct span){NULL, 0});
    tell_kind(parent, READER, IPC_STOP, 0, (struct span){NULL, 0});
    tell_kind(parent, STORE, IPC_STOP, 0, (struct span){NULL, 0});
    end_work_processes(parent);
    event_add(parent->patience, &limit);
    stop_store_when_alone(parent);
}

static void on_stop(evutil_socket_t signal_number, short what, void *arg) {
    (void)what;
    struct parent *parent = arg;
    if (parent->stopping)
        return;
    log_notice("stopping (signal %d)", (int)signal_number);
    supervisor_tell("STOPPING=1");
    stop(parent);
}

/* ---- reload ---- */

/* One log line for each line of a report. */
static void log_lines(enum log_level level, const char *before, const struct buf *lines, const char *behind) {
    struct span rest = buf_span(lines);
    while (rest.len) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        size_t length = end ? (size_t)(end - rest.data) : rest.len;
        log_write(level, "%s%.*s%s", before, (int)length, (const char *)rest.data, behind);
        rest = span_sub(rest, length + 1, rest.len);
    }
}

static bool tell_configs(struct parent *parent) {
    /* Work processes are told nothing: a configuration plays no part in what they do. */
    return tell_config(parent, NET) && tell_config(parent, READER) && tell_config(parent, STORE);
}

static void on_reload(evutil_socket_t signal_number, short what, void *arg) {
    (void)signal_number;
    (void)what;
    struct parent *parent = arg;
    struct config_report report;
    config_report_init(&report);
    struct config *config = config_read_file(parent->path, parent->config, &report, NULL);
    if (!config) {
        log_lines(LOG_LEVEL_ERROR, "the configuration was not reloaded: ", &report.complaints, "");
    } else {
        config_free(parent->config);
        parent->config = config;
        log_set_level(config->log_level);
        log_lines(LOG_LEVEL_NOTICE, "reload: ", &report.changes, "");
        log_lines(LOG_LEVEL_WARNING, "'", &report.waiting,
                  "' has changed: that takes effect when the daemon is started anew");
        if (!tell_configs(parent))
            log_error("the configuration was not reloaded in all processes: no memory");
    }
    config_report_free(&report);
}

/* ---- life ---- */

static bool init_children(struct parent *parent, enum kind kind, unsigned count) {
    parent->children[kind] = mem_alloc((count + 1) * sizeof(struct child));
    if (!parent->children[kind])
        return false;
    for (; parent->count[kind] < count; parent->count[kind]++) {
        struct child *child = &parent->children[kind][parent->count[kind]];
        *child = (struct child){
            .parent = parent, .kind = kind, .number = (int)parent->count[kind], .pause = FIRST_PAUSE_US};
        child->restart = event_new(parent->loop, -1, 0, on_restart, child);
        if (!child->restart)
            return false;
    }
    return true;
}

static bool init(struct parent *parent) {
    static const struct {
        int number;
        event_callback_fn call;
    } signals[] = {{SIGTERM, on_stop}, {SIGINT, on_stop}, {SIGHUP, on_reload}, {SIGCHLD, on_child}};
    parent->loop = event_base_new();
    if (!parent->loop)
        return false;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        parent->signals[i] = evsignal_new(parent->loop, signals[i].number, signals[i].call, parent);
        if (!parent->signals[i] || event_add(parent->signals[i], NULL) != 0)
            return false;
    }
    parent->patience = event_new(parent->loop, -1, 0, out_of_patience, parent);
    return parent->patience && init_children(parent, STORE, 1) &&
           init_children(parent, READER, parent->config->reader_processes) &&
           init_children(parent, NET, parent->config->net_processes) &&
           init_children(parent, WORK, parent->config->work_processes);
}

static void done(struct parent *parent) {
    struct walk walk = {.parent = parent};
    for (struct child *child; (child = next_child(&walk));)
        event_free(child->restart);
    if (parent->patience)
        event_free(parent->patience);
    for (size_t i = 0; i < sizeof parent->signals / sizeof *parent->signals; i++)
        if (parent->signals[i])
            event_free(parent->signals[i]);
    sockets_close(&parent->sockets, parent->config);
    if (parent->loop)
        event_base_free(parent->loop);
    for (unsigned kind = 0; kind < KINDS; kind++)
        mem_free(parent->children[kind]);
    config_free(parent->config);
}

int parent_run(const char *path, struct config *config) {
    struct parent parent = {.path = path, .config = config};
    struct error err = {0};
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ,
           SIG_IGN); /* for the children too: a limit on the length of files is met as a full disk is */
    if (!init(&parent)) {
        log_error("no memory, or no event loop");
        parent.status = 1;
    } else if (!sockets_open(&parent.sockets, config, &err)) {
        log_error("%s", err.text);
        parent.status = 1;
    } else {
        start_child(parent.children[STORE]);
        event_base_dispatch(parent.loop);
        log_notice("stopped");
    }
    int status = parent.status;
    done(&parent);
    return status;
}
