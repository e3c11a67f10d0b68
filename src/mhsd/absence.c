#include "mhsd/absence.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "ipc/refuse.h"

/* A caller waits for so long: a start is mostly done by then, and he need not ask again. */
#define MOMENT_SECONDS 2

struct absence {
    struct event *calls, *moment;
    bool begun;
    absence_cause *cause;
    const void *context;
};

static void await_moment(struct absence *absence) {
    static const struct timeval moment = {.tv_sec = MOMENT_SECONDS};
    event_add(absence->moment, &moment);
}

static void after_moment(evutil_socket_t fd, short what, void *arg) {
    struct absence *absence = arg;
    (void)fd;
    (void)what;
    event_add(absence->calls, NULL);
}

static void on_call(evutil_socket_t listener, short what, void *arg) {
    struct absence *absence = arg;
    char text[256];
    (void)what;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        absence->cause(absence->context, text, sizeof text);
        ipc_refuse(fd, text);
    } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
        /* No descriptors, or no memory: the call would be told of over and over. */
        event_del(absence->calls);
        await_moment(absence);
    }
}

struct absence *absence_new(struct event_base *loop, int listener, absence_cause *cause,
                            const void *context) {
    struct absence *absence = mem_alloc(sizeof *absence);
    if (!absence)
        return NULL;
    *absence = (struct absence){.cause = cause, .context = context};
    absence->calls = event_new(loop, listener, EV_READ | EV_PERSIST, on_call, absence);
    absence->moment = event_new(loop, -1, 0, after_moment, absence);
    if (absence->calls && absence->moment)
        return absence;
    absence_free(absence);
    return NULL;
}

void absence_free(struct absence *absence) {
    if (!absence)
        return;
    if (absence->calls)
        event_free(absence->calls);
    if (absence->moment)
        event_free(absence->moment);
    mem_free(absence);
}

void absence_begin(struct absence *absence) {
    if (!absence || absence->begun)
        return;
    absence->begun = true;
    await_moment(absence);
}

void absence_end(struct absence *absence) {
    if (!absence)
        return;
    absence->begun = false;
    event_del(absence->calls);
    event_del(absence->moment);
}
