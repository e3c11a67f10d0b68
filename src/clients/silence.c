/*
 * A store process that stands still. It answers what is only looked at while its commits take their time, so
 * when a request has waited for long it is asked something of our own; no word on that either means that it
 * answers nobody. Its clients are told so then, and do not wait for ever: of a change that it may still be
 * made. What it says later of a request that was answered so goes to nobody (local_answer).
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "clients/clients_private.h"

/* How long a request waits before the store process is asked for a sign, and how long that may take. */
#define DOUBT_MS 5000

/* How often that is looked at; once it is known to say nothing, a request waits no longer than this. */
#define LOOKS_IN_DOUBT 5

/* As a client of no user, whose number no other has. */
#define OUR_NUMBER UINT32_MAX
#define NOBODY     UINT32_MAX

/* ---- what was asked ---- */

static bool only_looks(enum ipc_type type, struct span payload) {
    static const char *const operations[] = {"status",       "ping",         "peer-status", "queue-list",
                                             "queue-show",   "track",        "route",       "mailboxes",
                                             "mailbox-list", "mailbox-show", "user-list"};
    if (type != IPC_REQUEST)
        return true;
    json_t *request = json_loadb((const char *)payload.data, payload.len, JSON_REJECT_DUPLICATES, NULL);
    const char *name = json_string_value(json_object_get(request, "operation"));
    bool found = json_is_true(json_object_get(request, "count"));
    for (size_t i = 0; name && i < sizeof operations / sizeof *operations; i++)
        found = found || strcmp(operations[i], name) == 0;
    json_decref(request);
    return found;
}

static int64_t doubt_us(const struct clients *clients) {
    return (clients->config->answer_ms ? clients->config->answer_ms : DOUBT_MS) * INT64_C(1000);
}

static void watch(struct clients *clients) {
    int64_t wait = doubt_us(clients) / LOOKS_IN_DOUBT;
    struct timeval soon = {.tv_sec = wait / 1000000, .tv_usec = wait % 1000000};
    if (!event_pending(clients->silence, EV_TIMEOUT, NULL))
        event_add(clients->silence, &soon);
}

void silence_asked(struct local_client *client, enum ipc_type type, uint64_t ref, struct span payload) {
    for (size_t i = 0; i < REQUESTS_MOST; i++) {
        struct asked *asked = &client->asked[i];
        if (asked->state == ASKED_REQUEST && asked->ref == (uint32_t)ref) {
            asked->passed = clock_monotonic_us();
            asked->looks = only_looks(type, payload);
            watch(client->clients);
        }
    }
}

/* Calls for each request that the store process has not answered. `visit` may answer it. */
static void each_asked(struct clients *clients,
                       void (*visit)(struct local_client *client, struct asked *asked, int64_t *value),
                       int64_t *value) {
    for (struct visitor *visitor = clients->visitors; visitor; visitor = visitor->next)
        for (struct local_client *client = visitor->list; client; client = client->next)
            for (size_t i = 0; i < REQUESTS_MOST; i++)
                if (client->asked[i].state == ASKED_REQUEST && client->asked[i].passed)
                    visit(client, &client->asked[i], value);
}

static void find_oldest(struct local_client *client, struct asked *asked, int64_t *oldest) {
    (void)client;
    if (asked->passed < *oldest)
        *oldest = asked->passed;
}

/* ---- a sign of it ---- */

static void ask_for_sign(struct clients *clients) {
    struct buf who;
    const struct span nothing = {NULL, 0};
    buf_init(&who, 0);
    buf_append_u32(&who, NOBODY);
    buf_append_u32(&who, NOBODY);
    clients->sign_asked = clock_monotonic_us();
    clients->sign_missing = true;
    if (clients->store && !who.failed) {
        ipc_send(clients->store, IPC_CLIENT_OPEN, OUR_NUMBER, buf_span(&who), nothing);
        ipc_send(clients->store, IPC_REQUEST, (uint64_t)OUR_NUMBER << 32 | 1,
                 SPAN_LIT("{\"operation\":\"status\"}"), nothing);
        ipc_send(clients->store, IPC_CLIENT_CLOSE, OUR_NUMBER, nothing, nothing);
    }
    buf_free(&who);
}

void silence_heard(struct clients *clients) {
    clients->sign_missing = false;
    if (clients->silent)
        log_notice("the store process answers again");
    clients->silent = false;
}

/* ---- when there is none ---- */

static void give_up(struct local_client *client, struct asked *asked, int64_t *before) {
    uint64_t ref = (uint64_t)client->number << 32 | asked->ref;
    if (asked->passed > *before)
        return;
    asked->passed = 0;
    local_respond(client->clients, ref,
                  asked->looks
                      ? SPAN_LIT("{\"error\":{\"code\":\"timed-out\",\"text\":\"the store process does "
                                 "not answer; the daemon's log says since when\"}}")
                      : SPAN_LIT("{\"error\":{\"code\":\"timed-out\",\"text\":\"no answer yet, as the "
                                 "store process does not answer: it may still be done\"}}"));
}

static void note_silence(struct clients *clients, int64_t oldest) {
    char since[21];
    if (clients->silent)
        return;
    clients->silent = true;
    log_error(
        "the store process does not answer: what it was asked at %s waits still; those who ask are told "
        "so until it answers",
        clock_format((clock_now_us() - (clock_monotonic_us() - oldest)) / 1000000, since));
}

static void look(evutil_socket_t fd, short what, void *arg) {
    struct clients *clients = arg;
    int64_t oldest = INT64_MAX, now = clock_monotonic_us(), doubt = doubt_us(clients);
    int64_t before = now - doubt / LOOKS_IN_DOUBT;
    (void)fd;
    (void)what;
    each_asked(clients, find_oldest, &oldest);
    if (oldest == INT64_MAX)
        return;
    if (clients->sign_missing && now - clients->sign_asked >= doubt) {
        note_silence(clients, oldest);
        each_asked(clients, give_up, &before);
    } else if (!clients->sign_missing && now - oldest >= doubt && now - clients->sign_asked >= doubt)
        ask_for_sign(clients);
    watch(clients);
}

/* ---- life ---- */

bool silence_open(struct clients *clients) {
    clients->silence = event_new(clients->loop, -1, 0, look, clients);
    return clients->silence;
}

void silence_close(struct clients *clients) {
    if (clients->silence)
        event_free(clients->silence);
    clients->silence = NULL;
}
