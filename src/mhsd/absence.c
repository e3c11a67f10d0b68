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
    int former;
    bool begun;
    absence_cause *cause;
    const void *context;
};

static void await_moment(struct absence *absence) {
    static const struct timeval moment = {.tv_sec = MOMENT_SECONDS};
    event_add(absence->moment, &moment);
}

/* True: one was there. */
static bool answer(const struct absence *absence, int listener) {
    char text[256];
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return false;
    absence->cause(absence->context, text, sizeof text);
    ipc_refuse(fd, text);
    return true;
}

static void after_moment(evutil_socket_t fd, short what, void *arg) {
    struct absence *absence = arg;
    (void)fd;
    (void)what;
    while (absence->former >= 0 && answer(absence, absence->former)) {
    }
    event_add(absence->calls, NULL);
}

static void on_call(evutil_socket_t listener, short what, void *arg) {
    struct absence *absence = arg;
    (void)what;
    if (answer(absence, listener))
        return;
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
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
    *absence = (struct absence){.cause = cause, .context = context, .former = -1};
    absence->calls = event_new(loop, listener, EV_READ | EV_PERSIST, on_call, absence);
    absence->moment = event_new(loop, -1, 0, after_moment, absence);
    if (absence->calls && absence->moment)
        return absence;
    absence_free(absence);
    return NULL;
}

void absence_move(struct absence *absence, int listener, int former) {
    if (!absence)
        return;
    absence->former = former;
    event_del(absence->calls);
    event_assign(absence->calls, event_get_base(absence->calls), listener, EV_READ | EV_PERSIST, on_call,
                 absence);
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
