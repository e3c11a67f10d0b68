/*
 * The parent's side of a child: a place for a process of a kind, who is in it, and how he is ended. The other
 * files of the parent stand on this one.
 */
#ifndef MHSD_PARENT_CHILD_H
#define MHSD_PARENT_CHILD_H

#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ipc/channel.h"
#include "mhsd/children.h"
#include "mhsd/config.h"
#include "mhsd/sockets.h"

struct absence;
struct examination;

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
    const struct ipc_handler *handler; /* of what the children say; their context is the child */
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
    struct {
        uint64_t asked;                  /* the ref of the client that waits for the answer; 0: nobody */
        json_t *answer;                  /* for that client, when all have taken the reload */
        struct event *overdue;           /* that answer */
        struct examination *examination; /* of the store that the new configuration names; NULL: none */
    } reload;
    struct {
        uint64_t asked;            /* the ref of the client that waits for its config-diff; 0: nobody */
        json_t *answer;            /* for that client, when its warnings are complete */
        struct examination *users; /* which looks for them; NULL: none */
    } comparison;
    int status;
};

/* Places for `count` of the kind; `restart` (parent_start.h) is called with the child when its pause is over.
 * False without memory: what was made is there for children_free. */
bool children_add(struct parent *parent, enum child_kind kind, unsigned count, event_callback_fn restart);
/* The places, and the doors to whoever is in them. */
void children_free(struct parent *parent);

/* A walk over all children, which ends with NULL. */
struct child_walk {
    struct parent *parent;
    unsigned kind, number;
};
struct child *child_next(struct child_walk *walk);

/* How many run, of that kind; KINDS: of any kind. */
unsigned children_running(const struct parent *parent, enum child_kind kind);

/* For the log. */
const char *child_name(const struct child *child);

/* Kills it. The parent alone may end a process, and knows which it is. The log says the reason by then; of
 * what is said of it later, nothing. */
void child_end(struct child *child);

/* It has lost a channel. Nobody could reach it any more, and while it is there no other takes its place: it
 * ends by itself, or is ended. Again, or while all stop: nothing. */
void child_await_end(struct child *child);

/* It has ended, or was not started: another is started after a pause, which grows while none gets ready. */
void child_restart_later(struct child *child);
/* One is ready. */
void child_shorten_pause(struct child *child);

void child_close_door(struct child *child);

#endif
