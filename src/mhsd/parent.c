#include "mhsd/parent.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/lines.h"
#include "base/reader.h"
#include "ipc/channel.h"
#include "ipc/door.h"
#include "ipc/frame.h"
#include "mhsd/absence.h"
#include "mhsd/children.h"
#include "mhsd/examine.h"
#include "mhsd/manage.h"
#include "mhsd/patience.h"
#include "mhsd/sockets.h"
#include "mhsd/spawn.h"
#include "mhsd/supervisor.h"

/* A child that keeps dying is started less and less often. */
#define FIRST_PAUSE_US   ((int64_t)200000)
#define LONGEST_PAUSE_US ((int64_t)30 * 1000000)

/* An honest process that loses a channel ends by itself, well before this. The store process gives its store
 * back first. */
#define LINGER_SECONDS       5
#define STORE_LINGER_SECONDS 15

/* How often the listeners are looked at while processes have them. */
#define LOOK_SECONDS 10

/* Whoever asked for a reload is answered by then, also where a process hangs. */
#define RELOAD_SECONDS 60

/* A child's descriptors besides these are the network's listeners and the local socket. */
#define DESCRIPTORS (CHILD_LISTENERS - CHILD_PARENT)

struct child {
    enum child_kind kind;
    pid_t pid; /* 0: not running */
    struct ipc_channel *channel;
    int door;      /* the parent's end, -1: it has none */
    uint32_t life; /* how many were started in this place */
    struct event *restart;
    struct event *lingers; /* it has lost a channel, and should have ended by then */
    int64_t pause;
    struct parent *parent;
    int number; /* among those of its kind */
    bool ready;
    bool served;       /* one of its place was ready before */
    bool excused;      /* the parent ended it */
    bool condemned;    /* it is killed, and has not gone yet */
    unsigned untaken;  /* reloads that it was told of and has not answered */
    int64_t begun;     /* its start, monotonic */
    unsigned failures; /* how often it ended since it last was ready */
};

struct parent {
    struct event_base *loop;
    const char *path;
    struct config *config;
    int program;
    struct sockets sockets;
    struct child *children[KINDS];
    unsigned count[KINDS];
    struct event *signals[4];
    struct event *patience;
    struct event *look; /* at the listeners */
    bool stopping;
    bool store_ready;
    bool local_failed;       /* it may not serve: opened anew before the next process has it */
    struct absence *absence; /* answers at the local socket while the store process is not ready */
    bool told;               /* that it serves */
    uint64_t asked;          /* the ref of the client that waits for the answer to its reload; 0: nobody */
    json_t *reload_answer;   /* for that client, when all have taken the reload */
    struct event *overdue;   /* that answer */
    struct examination *examination; /* of the store that a reload's configuration names; NULL: none */
    uint64_t compared;               /* the ref of the client that waits for its config-diff; 0: nobody */
    json_t *comparison;              /* for that client, when its warnings are complete */
    struct examination *users;       /* which looks for them; NULL: none */
    int status;
};

static void start_child(struct child *child);

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

/* One log line for each line of a report. */
static void log_lines(enum log_level level, const char *before, const struct buf *lines, const char *behind) {
    struct span rest = buf_span(lines), line;
    while (lines_next(&rest, &line))
        log_write(level, "%s%.*s%s", before, (int)line.len, (const char *)line.data, behind);
}

/* ---- channels to the children ---- */

/* Why the local socket is not served, for whoever calls there. */
static void tell_absence(const void *context, char *text, size_t size) {
    const struct parent *parent = context;
    const struct child *store = parent->children[KIND_STORE];
    char ended[64] = "";
    if (store->failures)
        snprintf(ended, sizeof ended, "it ended %u time%s", store->failures, store->failures == 1 ? "" : "s");
    if (store->pid == 0)
        snprintf(text, size,
                 "the store process is not there yet: %s and is started again; the daemon's log says why",
                 ended);
    else
        snprintf(
            text, size,
            "the store process is not there yet: %s%sit has been starting for %lld s; the daemon's log may "
            "say why; ask again later",
            ended, ended[0] ? ", and now " : "", (long long)(clock_monotonic_us() - store->begun) / 1000000);
}

static void start_others(struct parent *parent) {
    struct walk walk = {.parent = parent};
    for (struct child *child; (child = next_child(&walk));)
        if (child->pid == 0 && child->kind != KIND_STORE && !parent->stopping)
            start_child(child);
}

/* Who is answered: the client of that ref. */
struct asker {
    struct parent *parent;
    uint64_t ref;
};

static void send_managed(void *context, struct span payload) {
    struct asker *asker = context;
    struct ipc_channel *channel = asker->parent->children[KIND_CLIENTS]->channel;
    if (channel)
        ipc_send(channel, IPC_MANAGED, asker->ref, payload, (struct span){NULL, 0});
}

/* `answer` is consumed. */
static void answer_asker(struct parent *parent, uint64_t ref, json_t *answer) {
    manage_send(answer, send_managed, &(struct asker){parent, ref});
}

/* Said once, when the peers and the local socket are served. */
static void tell_ready(struct parent *parent) {
    if (parent->told || !parent->children[KIND_NET]->ready || !parent->children[KIND_CLIENTS]->ready)
        return;
    parent->told = true;
    log_notice("serving at %zu address%s; mhs reaches it at %s", parent->sockets.listener_count,
               parent->sockets.listener_count == 1 ? "" : "es", parent->config->socket);
    supervisor_tell("READY=1");
}

static bool on_ready(struct child *child, uint64_t ref, struct span payload) {
    (void)ref;
    (void)payload;
    child->pause = FIRST_PAUSE_US;
    child->ready = child->served = true;
    child->failures = 0;
    tell_ready(child->parent);
    if (child->kind == KIND_STORE && !child->parent->store_ready) {
        child->parent->store_ready = true;
        absence_end(child->parent->absence);
        start_others(child->parent);
    }
    return true;
}

/* Each process has taken the reload, or is gone: who asked for it is answered. */
static void answer_reload(struct parent *parent) {
    unsigned untaken = 0;
    struct walk walk = {.parent = parent};
    for (struct child *child; (child = next_child(&walk));)
        untaken += child->untaken;
    if (untaken > 0 || parent->examination || !parent->asked)
        return;
    answer_asker(parent, parent->asked, parent->reload_answer);
    parent->reload_answer = NULL;
    parent->asked = 0;
}

/* What is found when the configuration is taken is warned of as what the file alone shows. */
static void warn(struct parent *parent, const struct buf *warnings) {
    log_lines(LOG_LEVEL_WARNING, "", warnings, "");
    if (parent->asked)
        manage_add_warnings(parent->reload_answer, warnings);
}

static void take_remarks(struct parent *parent, struct span remarks) {
    struct buf warnings;
    buf_init(&warnings, 0);
    config_add_remarks(parent->config, remarks, &warnings);
    warn(parent, &warnings);
    buf_free(&warnings);
}

/* The store process alone knows of users what the configuration does not: of another these would be made up,
 * and go to the log and to an operator as the daemon's own word. */
static bool on_taken(struct child *child, uint64_t ref, struct span payload) {
    (void)ref;
    struct parent *parent = child->parent;
    struct span remarks = span_sub(payload, 1, payload.len);
    if (child->untaken == 0 || (remarks.len && child->kind != KIND_STORE))
        return false;
    child->untaken--;
    take_remarks(parent, remarks);
    if (!payload.data[0] && parent->asked) {
        json_decref(parent->reload_answer);
        parent->reload_answer =
            manage_error("unavailable", "a process could not take the new configuration: see the log");
    }
    answer_reload(parent);
    return true;
}

static bool on_manage(struct child *child, uint64_t ref, struct span payload);

/* ---- who is ended ---- */

static const char *child_name(const struct child *child) {
    return child_kinds[child->kind].name;
}

/* The parent alone may end a process, and knows which it is. The log says the reason by then; of what is said
 * of it later, nothing. */
static void end_child(struct child *child) {
    child->condemned = true;
    if (child->pid > 0)
        kill(child->pid, SIGKILL);
}

/* Nobody could reach it any more, and while it is there no other takes its place: it ends by itself, or is
 * ended. */
static void await_end(struct child *child) {
    struct timeval most = {.tv_sec = child->kind == KIND_STORE ? STORE_LINGER_SECONDS : LINGER_SECONDS};
    if (child->pid > 0 && !child->condemned && !child->parent->stopping &&
        !event_pending(child->lingers, EV_TIMEOUT, NULL))
        event_add(child->lingers, &most);
}

static void on_lingers(evutil_socket_t fd, short what, void *arg) {
    struct child *child = arg;
    (void)fd;
    (void)what;
    if (child->pid == 0 || child->parent->stopping)
        return;
    log_error("the %s process has lost a channel and does not end by itself; it is ended", child_name(child));
    end_child(child);
}

/* Of one that has ended meanwhile, or is about to, there is nothing to do. Where a reader says it one of the
 * two was taken over, and nobody can tell which: the reader goes too, so that it can't end others again and
 * again. */
static bool on_channel_gone(struct child *by, uint64_t ref, struct span payload) {
    struct reader r = reader_of(payload);
    struct ipc_holder holder;
    holder.end = (enum ipc_end)reader_u8(&r);
    holder.number = reader_u8(&r);
    holder.life = reader_u32(&r);
    bool broke_rules = reader_u8(&r);
    enum child_kind kind;
    (void)ref;
    if (!child_may_accuse(by->kind, holder.end, &kind) || holder.number >= by->parent->count[kind])
        return false;
    struct child *child = &by->parent->children[kind][holder.number];
    if (child->life != holder.life || child->pid == 0 || child->condemned || child->parent->stopping)
        return true;
    if (!broke_rules) {
        await_end(child);
        return true;
    }
    log_error("the %s process broke the rules, says the %s process; %s", child_name(child), child_name(by),
              by->kind == KIND_READER ? "both are ended" : "it is ended");
    end_child(child);
    if (by->kind == KIND_READER)
        end_child(by);
    return true;
}

/* What is done with a frame, by its number. */
static bool (*const rows[IPC_NUMBERS])(struct child *child, uint64_t ref,
                                       struct span payload) = {[IPC_READY] = on_ready,
                                                               [IPC_CONFIG_TAKEN] = on_taken,
                                                               [IPC_MANAGE] = on_manage,
                                                               [IPC_CHANNEL_GONE] = on_channel_gone};

static bool dispatch(struct child *child, enum ipc_type type, uint64_t ref, struct span payload,
                     char why[static IPC_WHY]) {
    const struct ipc_side side = {.self = IPC_PARENT, .other = child_kinds[child->kind].party};
    const struct ipc_frame *frame = ipc_frame_take(&side, type, ref, payload, why);
    unsigned state = child->ready ? IPC_STATE_UP : IPC_STATE_STARTING;
    if (!frame || ipc_frame_judge(frame, state, why) != IPC_LEGAL)
        return false;
    snprintf(why, IPC_WHY, "frame %s, which nothing called for", frame->name);
    return rows[type](child, ref, payload);
}

/* Nothing of what it says could be believed any more. */
static bool on_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                     struct span payload) {
    struct child *child = context;
    char why[IPC_WHY];
    (void)channel;
    if (dispatch(child, type, ref, payload, why))
        return true;
    log_error("the %s process broke the rules by %s; it is ended", child_name(child), why);
    end_child(child);
    return false;
}

static void on_closed(void *context, struct ipc_channel *channel, const char *cause) {
    struct child *child = context;
    (void)cause;
    child->channel = NULL; /* what became of the process, SIGCHLD tells */
    if (ipc_broke_rules(channel))
        end_child(child);
    else
        await_end(child);
}

static void on_writable(void *context, struct ipc_channel *channel) {
    (void)context;
    ipc_resume(channel);
}

static const struct ipc_handler handler = {.frame = on_frame, .closed = on_closed, .writable = on_writable};

/* The store process last: when it ends, the others have their order to stop already. Work processes are ended
 * without. */
static void tell_to_stop(struct parent *parent) {
    struct span nothing = {NULL, 0};
    for (unsigned kind = KINDS; kind-- > 0;)
        for (unsigned i = 0; i < parent->count[kind] && kind != KIND_WORK; i++)
            if (parent->children[kind][i].channel)
                ipc_send(parent->children[kind][i].channel, IPC_STOP, 0, nothing, nothing);
}

static bool tell_config(struct child *child) {
    return child_tell_config(child->kind, child->parent->config, child->channel);
}

/* ---- starting ---- */

static void restart_later(struct child *child) {
    struct timeval tv = {.tv_sec = child->pause / 1000000, .tv_usec = child->pause % 1000000};
    event_add(child->restart, &tv);
    child->pause = child->pause * 2 > LONGEST_PAUSE_US ? LONGEST_PAUSE_US : child->pause * 2;
}

/* ---- the channels between children: the parent makes them, and hands an end to each ---- */

/* Passes an end through the child's door. One that has closed that and lives would be introduced to nobody.
 */
static bool pass_end(struct child *to, enum ipc_end kind, const struct child *holder, int fd) {
    struct ipc_holder other = {.end = kind, .number = (uint8_t)holder->number, .life = holder->life};
    if (ipc_door_pass(to->door, &other, fd))
        return true;
    int cause = errno;
    if (cause == EPIPE || cause == ECONNRESET)
        await_end(to);
    errno = cause;
    return false;
}

/* Gives `to` the end of a new channel; the other is for `of`, a process of that kind. -1 with errno. */
static int introduce(struct child *to, enum ipc_end kind, const struct child *of) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return -1;
    bool ok = pass_end(to, kind, of, pair[0]);
    int cause = errno;
    close(pair[0]);
    if (ok)
        return pair[1];
    close(pair[1]);
    errno = cause;
    return -1;
}

/* A reader and the process of the clients learn of each other when either is started. One that is ending
 * meanwhile takes no end; whoever follows it is introduced again. */
static void introduce_readers(struct child *child) {
    struct parent *parent = child->parent;
    struct child *clients = parent->children[KIND_CLIENTS];
    for (unsigned i = 0; i < parent->count[KIND_READER]; i++) {
        struct child *reader = &parent->children[KIND_READER][i];
        if ((child != clients && child != reader) || clients->door < 0 || reader->door < 0)
            continue;
        int end = introduce(reader, IPC_END_CLIENTS, clients);
        if (end >= 0) {
            pass_end(clients, IPC_END_READER, reader, end);
            close(end);
        }
    }
}

/* The child's end of a channel to the store process, -1 for those that have none. */
static bool open_store_end(const struct child *child, int *end) {
    enum ipc_end of = child_kinds[child->kind].end;
    *end = -1;
    if (!of)
        return true;
    *end = introduce(child->parent->children[KIND_STORE], of, child);
    return *end >= 0;
}

/* ---- what a child leaves of the sockets that it shared ---- */

static bool has_other(const struct child *child) {
    bool other = false;
    for (unsigned i = 0; i < child->parent->count[child->kind]; i++)
        other = other || (i != (unsigned)child->number && child->parent->children[child->kind][i].pid != 0);
    return other;
}

/* Who has a listener that is another's by now is started with that, once its transfers have ended. */
static void mend_listeners(struct parent *parent) {
    bool anew;
    sockets_mend_listeners(&parent->sockets, &anew);
    for (unsigned i = 0; anew && i < parent->count[KIND_NET]; i++)
        if (parent->children[KIND_NET][i].channel)
            ipc_send(parent->children[KIND_NET][i].channel, IPC_STOP, 0, (struct span){NULL, 0},
                     (struct span){NULL, 0});
}

static void on_look(evutil_socket_t fd, short what, void *arg) {
    struct parent *parent = arg;
    (void)fd;
    (void)what;
    log_tell_left_out();
    if (!parent->stopping)
        mend_listeners(parent);
}

static void renew_local(struct parent *parent) {
    parent->local_failed = !sockets_renew_local(&parent->sockets, parent->config->socket);
    absence_move(parent->absence, parent->sockets.local, parent->sockets.left);
}

static void drop_left(struct parent *parent) {
    sockets_drop_left(&parent->sockets);
    absence_move(parent->absence, parent->sockets.local, -1);
}

/* It has ended, and another follows. Who calls meanwhile waits for that one. */
static void take_sockets_back(struct child *child) {
    const struct child_kind_entry *kind = &child_kinds[child->kind];
    if (kind->listeners && !has_other(child))
        sockets_renew_listeners(&child->parent->sockets);
    if (kind->local)
        renew_local(child->parent);
}

static void look_at_sockets(struct child *child) {
    const struct child_kind_entry *kind = &child_kinds[child->kind];
    if (kind->listeners)
        mend_listeners(child->parent);
    if (kind->local && child->parent->local_failed)
        renew_local(child->parent);
}

/* Once no process has the local socket: none takes away then what the parent was told is there. */
static void begin_absence(struct parent *parent) {
    if (!parent->store_ready && parent->children[KIND_CLIENTS]->pid == 0)
        absence_begin(parent->absence);
}

/* ---- a child ---- */

static void close_all(const int *descriptors, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (descriptors[i] >= 0)
            close(descriptors[i]);
}

static bool open_door(struct child *child, int *end) {
    int door[2];
    *end = -1;
    if (!child_kinds[child->kind].door)
        return true;
    if (!ipc_door(door))
        return false;
    child->door = door[0];
    *end = door[1];
    introduce_readers(child);
    return true;
}

static void close_door(struct child *child) {
    if (child->door >= 0)
        close(child->door);
    child->door = -1;
}

/* Executes the child with `ends` and the sockets of its kind. */
static pid_t execute(struct child *child, const int ends[DESCRIPTORS]) {
    struct parent *parent = child->parent;
    const struct sockets *sockets = &parent->sockets;
    const struct child_kind_entry *kind = &child_kinds[child->kind];
    int *descriptors = mem_alloc((DESCRIPTORS + sockets->listener_count + 2) * sizeof *descriptors);
    if (!descriptors)
        return -1;
    size_t count = 0;
    char number[12];
    snprintf(number, sizeof number, "%d", child->number);
    for (; count < DESCRIPTORS; count++)
        descriptors[count] = ends[count];
    for (size_t i = 0; kind->listeners && i < sockets->listener_count; i++)
        descriptors[count++] = sockets->listeners[i];
    if (kind->local) {
        descriptors[count++] = sockets->local;
        descriptors[count++] = sockets->left;
    }
    char *arguments[] = {"mhsd", (char *)child_name(child), number, NULL};
    pid_t pid = spawn(parent->program, arguments, descriptors, count);
    mem_free(descriptors);
    return pid;
}

static void not_started(struct child *child) {
    log_error("the %s process can't be started: %s", child_name(child), strerror(errno));
    close_door(child);
    restart_later(child);
}

static void start_child(struct child *child) {
    int pair[2], ends[DESCRIPTORS] = {-1, -1, -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        not_started(child);
        return;
    }
    ends[CHILD_PARENT - CHILD_PARENT] = pair[1];
    child->life++;
    look_at_sockets(child);
    pid_t pid = open_door(child, &ends[CHILD_DOOR - CHILD_PARENT]) &&
                        open_store_end(child, &ends[CHILD_STORE - CHILD_PARENT])
                    ? execute(child, ends)
                    : -1;
    int cause = errno;
    close_all(ends, DESCRIPTORS);
    child->ready = child->excused = child->condemned = false;
    child->pid = pid > 0 ? pid : 0;
    child->begun = clock_monotonic_us();
    child->channel =
        pid > 0 ? ipc_channel_new(child->parent->loop, pair[0], child_name(child), &handler, child) : NULL;
    if (!child->channel)
        close(pair[0]);
    else
        ipc_turn(child->channel, 1); /* a frame may bring work: between two all others have their turn */
    errno = cause;
    if (pid < 0) {
        not_started(child);
        return;
    }
    if (child_kinds[child->kind].local)
        drop_left(child->parent);
    if (!tell_config(child)) {
        log_error("the %s process can't be told its configuration: no memory", child_name(child));
        end_child(child);
    }
}

static void on_restart(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct child *child = arg;
    /* The others follow the store process: net processes end with it. */
    if (!child->parent->stopping && child->pid == 0 &&
        (child->kind == KIND_STORE || child->parent->store_ready))
        start_child(child);
}

/* ---- endings ---- */

/* KINDS: of any kind. */
static unsigned running(const struct parent *parent, enum child_kind kind) {
    unsigned count = 0;
    struct walk walk = {.parent = (struct parent *)parent};
    for (struct child *child; (child = next_child(&walk));)
        count += child->pid != 0 && (kind == KINDS || kind == child->kind);
    return count;
}

/* The store process goes last: it commits what the net processes still tell it. */
static void stop_store_when_alone(struct parent *parent) {
    struct child *store = parent->children[KIND_STORE];
    if (parent->stopping && store->channel && running(parent, KINDS) == 1 && store->pid != 0)
        ipc_send(store->channel, IPC_STOP, 0, (struct span){NULL, 0}, (struct span){NULL, 0});
    if (parent->stopping && running(parent, KINDS) == 0)
        event_base_loopbreak(parent->loop);
}

static void stop(struct parent *parent);

/* With the process of the clients the one is gone that asked. */
static void forget_asker(struct parent *parent) {
    json_decref(parent->reload_answer);
    parent->reload_answer = NULL;
    parent->asked = 0;
    json_decref(parent->comparison);
    parent->comparison = NULL;
    parent->compared = 0;
    examine_free(parent->users);
    parent->users = NULL;
}

/* Their channels to it are gone. */
static void await_those_of_store(struct parent *parent) {
    struct walk walk = {.parent = parent};
    for (struct child *child; (child = next_child(&walk));)
        if (child_kinds[child->kind].end)
            await_end(child);
}

static void child_ended(struct child *child, int status) {
    struct parent *parent = child->parent;
    child->pid = 0;
    event_del(child->lingers);
    if (child->channel) {
        ipc_channel_free(child->channel);
        child->channel = NULL;
    }
    close_door(child);
    child->untaken = 0;
    child->failures++;
    if (child->kind == KIND_CLIENTS)
        forget_asker(parent);
    answer_reload(parent);
    if (child->kind == KIND_STORE)
        parent->store_ready = false;
    if (parent->stopping) {
        bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (!clean && !child->excused)
            parent->status = 1;
        if (running(parent, KIND_NET) == 0) /* no transfer is waited for */
            patience_shorten(parent->patience);
        stop_store_when_alone(parent);
        return;
    }
    if (!child->served && WIFEXITED(status) && WEXITSTATUS(status) == MTA_EXIT_NO_RETRY) {
        log_error("the %s process can't serve, and would not if it were started again: the daemon ends",
                  child_name(child));
        parent->status = 1;
        stop(parent);
        return;
    }
    child_log_ending(child->kind, status, (double)child->pause / 1e6);
    take_sockets_back(child);
    if (child->kind == KIND_STORE)
        await_those_of_store(parent);
    begin_absence(parent);
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

/* Work processes have nothing to finish, and what is starting yet has begun nothing. */
static void end_idle_processes(struct parent *parent) {
    struct walk walk = {.parent = parent};
    for (struct child *child; (child = next_child(&walk));)
        if (child->pid && (child->kind == KIND_WORK || (child->kind != KIND_STORE && !child->ready))) {
            child->excused = true;
            kill(child->pid, SIGKILL);
        }
}

static void stop(struct parent *parent) {
    const struct timeval limit = {.tv_sec = patience_seconds(parent->config)};
    parent->stopping = true;
    absence_end(parent->absence);
    tell_to_stop(parent);
    end_idle_processes(parent);
    event_add(parent->patience, &limit);
    stop_store_when_alone(parent);
}

static void on_stop(evutil_socket_t signal_number, short what, void *arg) {
    (void)what;
    struct parent *parent = arg;
    if (parent->stopping) { /* somebody does not want to wait */
        patience_shorten(parent->patience);
        tell_to_stop(parent);
        return;
    }
    log_notice("stopping (signal %d)", (int)signal_number);
    supervisor_tell_stopping(patience_seconds(parent->config));
    stop(parent);
}

/* ---- reload ---- */

/* Work processes are told nothing: a reload plays no part in what they do. */
static bool tell_configs(struct parent *parent) {
    bool done = true;
    struct walk walk = {.parent = parent};
    for (struct child *child; (child = next_child(&walk));)
        if (child->channel && child->kind != KIND_WORK) {
            done = tell_config(child) && done;
            child->untaken++;
        }
    return done;
}

static void store_examined(void *context, struct span warnings) {
    struct parent *parent = context;
    struct buf lines;
    parent->examination = NULL;
    buf_init(&lines, 0);
    buf_append_span(&lines, warnings);
    warn(parent, &lines);
    buf_free(&lines);
    answer_reload(parent);
}

/* Another store is used by the next start alone: what speaks against it is told now. */
static void examine_store(struct parent *parent, const struct config_report *report) {
    examine_free(parent->examination);
    parent->examination = report->waiting.len ? examine_begin(parent->loop, parent->program, parent->path,
                                                              EXAMINE_MOVED, store_examined, parent)
                                              : NULL;
}

/* True: the new one is in use, or on its way to the processes. */
static bool reload(struct parent *parent, struct config_report *report) {
    struct config *config = config_read_file(parent->path, parent->config, report, NULL);
    if (!config) {
        log_lines(LOG_LEVEL_ERROR, "the configuration was not reloaded: ", &report->complaints, "");
        return false;
    }
    config_free(parent->config);
    parent->config = config;
    log_set_level(config->log_level);
    log_lines(LOG_LEVEL_NOTICE, "reload: ", &report->changes, "");
    log_lines(LOG_LEVEL_WARNING, "", &report->warnings, "");
    log_lines(LOG_LEVEL_WARNING, "reload: ", &report->waiting,
              ": that takes effect when the daemon is restarted");
    if (!tell_configs(parent))
        log_error("the configuration was not reloaded in all processes: no memory");
    examine_store(parent, report);
    return true;
}

static void on_reload(evutil_socket_t signal_number, short what, void *arg) {
    struct config_report report;
    (void)signal_number;
    (void)what;
    config_report_init(&report);
    reload(arg, &report);
    config_report_free(&report);
}

/* ---- requests of operators ---- */

/* A process hangs, or has too much to do. */
static void on_overdue(evutil_socket_t fd, short what, void *arg) {
    struct parent *parent = arg;
    char text[160];
    struct walk walk = {.parent = parent};
    struct child *child = next_child(&walk);
    (void)fd;
    (void)what;
    while (child && !child->untaken)
        child = next_child(&walk);
    if (!parent->asked || !child)
        return;
    snprintf(text, sizeof text,
             "the %s process has not taken the new configuration within %d s: it will when it goes on, and "
             "the others use it",
             child_name(child), RELOAD_SECONDS);
    json_decref(parent->reload_answer);
    answer_asker(parent, parent->asked, manage_error("unavailable", text));
    parent->reload_answer = NULL;
    parent->asked = 0;
}

static void reload_for(struct parent *parent) {
    static const struct timeval most = {.tv_sec = RELOAD_SECONDS};
    struct config_report report;
    config_report_init(&report);
    bool done = reload(parent, &report);
    parent->reload_answer = done ? manage_reloaded(&report) : manage_refused(&report);
    config_report_free(&report);
    event_add(parent->overdue, &most);
    answer_reload(parent);
}

static void users_examined(void *context, struct span warnings) {
    struct parent *parent = context;
    struct buf lines;
    parent->users = NULL;
    buf_init(&lines, 0);
    buf_append_span(&lines, warnings);
    manage_add_warnings(parent->comparison, &lines);
    buf_free(&lines);
    answer_asker(parent, parent->compared, parent->comparison);
    parent->comparison = NULL;
    parent->compared = 0;
}

/* A reload's warnings on users come from the store process, which has their records; here a process looks at
 * them as `mhsd -t` does. A file that is refused needs none. */
static void compare_for(struct parent *parent, uint64_t ref, json_t *answer) {
    if (json_object_get(answer, "warnings"))
        parent->users =
            examine_begin(parent->loop, parent->program, parent->path, EXAMINE_USERS, users_examined, parent);
    if (!parent->users) {
        answer_asker(parent, ref, answer);
        return;
    }
    parent->compared = ref;
    parent->comparison = answer;
}

static void manage(struct parent *parent, uint64_t ref, const json_t *request, const char *operation) {
    bool is_diff = operation && strcmp(operation, "config-diff") == 0;
    if (parent->stopping)
        answer_asker(parent, ref, manage_error("unavailable", "the daemon is stopping"));
    else if (is_diff && parent->compared)
        answer_asker(parent, ref, manage_error("unavailable", "a config diff is under way; ask again"));
    else if (is_diff)
        compare_for(parent, ref, manage_answer(parent->path, parent->config, request));
    else
        answer_asker(parent, ref, manage_answer(parent->path, parent->config, request));
}

/* One reload at a time is answered, and one config-diff; the other requests at once. */
static bool on_manage(struct child *child, uint64_t ref, struct span payload) {
    struct parent *parent = child->parent;
    json_t *request = json_loadb((const char *)payload.data, payload.len, JSON_REJECT_DUPLICATES, NULL);
    const char *operation = json_string_value(json_object_get(request, "operation"));
    bool is_reload = operation && strcmp(operation, "reload") == 0 && json_object_size(request) == 1;
    if (is_reload && !parent->asked) {
        parent->asked = ref;
        reload_for(parent);
    } else if (is_reload) {
        answer_asker(parent, ref, manage_error("unavailable", "a reload is under way; ask again"));
    } else {
        manage(parent, ref, request, operation);
    }
    json_decref(request);
    if (ipc_is_full(child->channel))
        ipc_pause(child->channel); /* who does not hear the answers asks nothing more */
    return true;
}

/* ---- life ---- */

static bool init_children(struct parent *parent, enum child_kind kind, unsigned count) {
    parent->children[kind] = mem_alloc((count + 1) * sizeof(struct child));
    if (!parent->children[kind])
        return false;
    for (; parent->count[kind] < count; parent->count[kind]++) {
        struct child *child = &parent->children[kind][parent->count[kind]];
        *child = (struct child){.parent = parent,
                                .kind = kind,
                                .number = (int)parent->count[kind],
                                .door = -1,
                                .pause = FIRST_PAUSE_US};
        child->restart = event_new(parent->loop, -1, 0, on_restart, child);
        child->lingers = event_new(parent->loop, -1, 0, on_lingers, child);
        if (!child->restart || !child->lingers)
            return false;
    }
    return true;
}

/* Blocked so far: while there was no handler the signal would have ended the daemon. */
static void take_reloads(void) {
    sigset_t reload;
    sigemptyset(&reload);
    sigaddset(&reload, SIGHUP);
    sigprocmask(SIG_UNBLOCK, &reload, NULL);
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
    parent->overdue = event_new(parent->loop, -1, 0, on_overdue, parent);
    parent->look = event_new(parent->loop, -1, EV_PERSIST, on_look, parent);
    if (!parent->patience || !parent->overdue || !parent->look || !init_children(parent, KIND_STORE, 1) ||
        !init_children(parent, KIND_READER, parent->config->reader_processes) ||
        !init_children(parent, KIND_NET, parent->config->net_processes) ||
        !init_children(parent, KIND_CLIENTS, 1) ||
        !init_children(parent, KIND_WORK, parent->config->work_processes))
        return false;
    take_reloads();
    return event_add(parent->look, &(struct timeval){.tv_sec = LOOK_SECONDS}) == 0;
}

static void done(struct parent *parent) {
    struct walk walk = {.parent = parent};
    for (struct child *child; (child = next_child(&walk));) {
        if (child->restart)
            event_free(child->restart);
        if (child->lingers)
            event_free(child->lingers);
        close_door(child);
    }
    if (parent->patience)
        event_free(parent->patience);
    if (parent->overdue)
        event_free(parent->overdue);
    if (parent->look)
        event_free(parent->look);
    for (size_t i = 0; i < sizeof parent->signals / sizeof *parent->signals; i++)
        if (parent->signals[i])
            event_free(parent->signals[i]);
    forget_asker(parent);
    examine_free(parent->examination);
    absence_free(parent->absence);
    sockets_close(&parent->sockets, parent->config);
    if (parent->loop)
        event_base_free(parent->loop);
    for (unsigned kind = 0; kind < KINDS; kind++)
        mem_free(parent->children[kind]);
    if (parent->program >= 0)
        close(parent->program);
    config_free(parent->config);
}

int parent_run(const char *path, struct config *config) {
    struct parent parent = {.path = path, .config = config, .program = spawn_program()};
    struct error err = {0};
    signal(SIGPIPE, SIG_IGN);
    if (parent.program < 0) {
        log_error("this program's file is out of reach at /proc/self/exe: %s; mount /proc", strerror(errno));
        parent.status = 1;
    } else if (!init(&parent)) {
        log_error("no memory, or no event loop");
        parent.status = 1;
    } else if (!sockets_open(&parent.sockets, config, &err)) {
        log_error("%s", err.text);
        parent.status = 1;
    } else {
        parent.absence = absence_new(parent.loop, parent.sockets.local, tell_absence, &parent);
        absence_begin(parent.absence);
        start_child(parent.children[KIND_STORE]);
        event_base_dispatch(parent.loop);
        log_notice("stopped");
    }
    int status = parent.status;
    done(&parent);
    return status;
}
