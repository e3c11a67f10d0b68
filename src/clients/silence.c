/*
 * A store process that stands still. When a request has waited for long, or the way to it has been full for
 * long, it is asked something of our own, which it answers while a commit is under way on a thread or at a
 * server; no word on that either means that it answers nobody. Its clients are told so then, and do not wait
 * for ever: of a change that it may still be made. While the way is full, what they ask is refused at once,
 * so that they are read and no more waits here; who has a submission under way waits with it.
 *
 * Requests go to it under refs of our own, each of which a client has once: what it says later of one that
 * was answered so goes to nobody, though the client may use its ref for another by then.
 */

#include "base/clock.h"
#include "base/log.h"
#include "clients/clients_private.h"
#include "ipc/operation.h"

/* How long a request waits before the store process is asked for a sign, and how long that may take. */
#define DOUBT_MS 5000

/* How often that is looked at; once it is known to say nothing, a request waits no longer than this. */
#define LOOKS_IN_DOUBT 5

/* As a client of no user, whose number no other has. */
#define OUR_NUMBER UINT32_MAX

#define NOT_TAKEN                                                                                            \
    "{\"error\":{\"code\":\"unavailable\",\"text\":\"the store process does not answer, and takes nothing "  \
    "more: try again later\"}}"

/* ---- what was asked ---- */

static bool only_looks(enum ipc_type type, struct span payload) {
    if (type != IPC_REQUEST)
        return true;
    json_t *request = json_loadb((const char *)payload.data, payload.len, JSON_REJECT_DUPLICATES, NULL);
    const char *name = json_string_value(json_object_get(request, "operation"));
    bool looks =
        json_is_true(json_object_get(request, "count")) || ipc_operation_of(name) != IPC_OPERATION_ACTS;
    json_decref(request);
    return looks;
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

uint64_t silence_asked(struct local_client *client, struct asked *asked, enum ipc_type type, uint64_t ref,
                       struct span payload) {
    if (type != IPC_REQUEST && type != IPC_FETCH)
        return ref;
    client->last_store_ref += client->last_store_ref == UINT32_MAX ? 2 : 1; /* never 0 */
    asked->store_ref = client->last_store_ref;
    asked->passed = clock_monotonic_us();
    asked->looks = only_looks(type, payload);
    watch(client->clients);
    return (uint64_t)client->number << 32 | asked->store_ref;
}

/* ---- a way that is full ---- */

static bool is_stuck(const struct clients *clients) {
    return clients->silent && clients->store && ipc_is_full(clients->store);
}

static bool submits(const struct local_client *client) {
    for (size_t i = REQUESTS_MOST; i < ASKED_MOST; i++)
        if (client->asked[i].state == ASKED_OPEN)
            return true;
    return false;
}

bool silence_waits(const struct local_client *client) {
    const struct clients *clients = client->clients;
    return ipc_is_full(clients->store) && (!clients->silent || submits(client));
}

bool silence_refuses(struct local_client *client, enum ipc_type type, uint64_t ref) {
    bool begins = type == IPC_SUBMIT_BEGIN;
    if (!is_stuck(client->clients) || (!begins && type != IPC_REQUEST && type != IPC_FETCH))
        return false;
    if (begins)
        local_answer(client->clients, IPC_SUBMIT_RESULT, ref, SPAN_LIT("\0" NOT_TAKEN));
    else
        local_respond(client->clients, ref, SPAN_LIT(NOT_TAKEN));
    return true;
}

void silence_sent(struct clients *clients) {
    if (!clients->store || !ipc_is_full(clients->store))
        clients->full_since = 0;
    else if (!clients->full_since)
        clients->full_since = clock_monotonic_us();
    if (clients->full_since)
        watch(clients);
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
    static const uint8_t nobody[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}; /* uid and gid */
    const struct span nothing = {NULL, 0};
    struct ipc_channel *store = clients->store;
    clients->sign_asked = clock_monotonic_us();
    clients->sign_missing =
        store && ipc_send(store, IPC_CLIENT_OPEN, OUR_NUMBER, span_of(nobody, sizeof nobody), nothing) &&
        ipc_send(store, IPC_REQUEST, (uint64_t)OUR_NUMBER << 32 | 1, SPAN_LIT("{\"operation\":\"status\"}"),
                 nothing) &&
        ipc_send(store, IPC_CLIENT_CLOSE, OUR_NUMBER, nothing, nothing);
}

static void note_heard(struct clients *clients) {
    clients->sign_missing = false;
    if (!clients->silent)
        return;
    log_notice("the store process answers again");
    clients->silent = false;
    local_resume_all(clients); /* or they wait now for the way to be free */
}

/* The request that has that ref there. */
static struct asked *find_asked(struct local_client *client, uint32_t store_ref) {
    for (size_t i = 0; i < REQUESTS_MOST; i++) {
        struct asked *asked = &client->asked[i];
        if (asked->state == ASKED_REQUEST && asked->passed && asked->store_ref == store_ref)
            return asked;
    }
    return NULL;
}

void silence_heard(struct clients *clients, enum ipc_type type, uint64_t ref, struct span payload) {
    struct local_client *client = map_get(&clients->numbers, ref >> 32);
    note_heard(clients);
    if (type != IPC_RESPONSE && type != IPC_FETCH_DATA) {
        local_answer(clients, type, ref, payload);
        return;
    }
    struct asked *asked = client ? find_asked(client, (uint32_t)ref) : NULL;
    if (asked)
        local_answer_asked(client, asked, type, payload);
}

/* ---- when there is none ---- */

static void tell_of_silence(struct local_client *client, struct asked *asked, int64_t *before) {
    if (asked->passed > *before)
        return;
    local_answer_asked(
        client, asked, IPC_RESPONSE,
        asked->looks ? SPAN_LIT("\1{\"error\":{\"code\":\"timed-out\",\"text\":\"the store process does "
                                "not answer; the daemon's log says since when\"}}")
                     : SPAN_LIT("\1{\"error\":{\"code\":\"timed-out\",\"text\":\"no answer yet, as the "
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
    local_resume_all(clients); /* who waited for the way to be free */
}

static void look(evutil_socket_t fd, short what, void *arg) {
    struct clients *clients = arg;
    int64_t oldest = clients->full_since ? clients->full_since : INT64_MAX, now = clock_monotonic_us(),
            doubt = doubt_us(clients);
    int64_t before = now - doubt / LOOKS_IN_DOUBT;
    (void)fd;
    (void)what;
    each_asked(clients, find_oldest, &oldest);
    if (oldest == INT64_MAX)
        return;
    if (clients->sign_missing && now - clients->sign_asked >= doubt) {
        note_silence(clients, oldest);
        each_asked(clients, tell_of_silence, &before);
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
