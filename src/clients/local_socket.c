/*
 * The local socket: clients' frames go on, to whom the caller's table says, with
 * the client's number in the upper half of their ref; answers come back the same
 * way. A client that has asked enough, or does not take its answers, is not
 * read until that has changed: what waits for it here is bounded.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "clients/clients_private.h"
#include "ipc/refuse.h"

/* What waits for an answer, of one client and of all clients of one uid: requests, fetches, and submissions
 * whose end was sent. An answer is at most a frame of IPC_CLIENT_MAX, most are far shorter. */
#define OPEN_EACH    REQUESTS_MOST
#define OPEN_VISITOR 32u

/* The same in octets of requests and envelopes: work grows with them, and one uid's holds up the others'. */
#define OCTETS_VISITOR ((uint64_t)128 * 1024)

/* Octets of answers that a client has not taken: above it is not read, until half of them are gone. */
#define UNREAD_MOST ((size_t)256 * 1024)

static uint64_t ref_of(const struct local_client *client, uint64_t ref) {
    return (uint64_t)client->number << 32 | (uint32_t)ref;
}

/* ---- pauses ---- */

static bool has_enough(const struct local_client *client) {
    return client->open >= OPEN_EACH || client->visitor->open >= OPEN_VISITOR ||
           client->visitor->octets >= OCTETS_VISITOR || ipc_is_full(client->channel) ||
           client->clients->calls->is_full(client);
}

static void pause_or_resume(struct local_client *client) {
    bool pause = has_enough(client);
    if (pause == client->paused || client->dismissed)
        return;
    client->paused = pause;
    if (pause)
        ipc_pause(client->channel);
    else
        ipc_resume(client->channel);
}

static void resume(struct visitor *visitor) {
    for (struct local_client *client = visitor->list; client; client = client->next)
        pause_or_resume(client);
}

void local_resume_all(struct clients *clients) {
    for (struct visitor *visitor = clients->visitors; visitor; visitor = visitor->next)
        resume(visitor);
}

static void on_writable(void *context, struct ipc_channel *channel) {
    (void)channel;
    pause_or_resume(context);
}

/* Whoever filled the way to the others comes last when there is room again, and so does his uid. */
static void yield_to_others(struct local_client *client) {
    visitor_last(client);
    local_resume_all(client->clients);
}

/* ---- what waits for an answer ---- */

static bool waits(const struct asked *asked) {
    return asked->state == ASKED_REQUEST || asked->state == ASKED_ENDED;
}

static struct asked *asked_place(struct local_client *client, bool of_request, uint64_t ref,
                                 enum asked_state first, enum asked_state last) {
    for (size_t i = of_request ? 0 : REQUESTS_MOST; i < (of_request ? REQUESTS_MOST : ASKED_MOST); i++) {
        struct asked *asked = &client->asked[i];
        if (asked->state >= first && asked->state <= last && (first == ASKED_NOTHING || asked->ref == ref))
            return asked;
    }
    return NULL;
}

static void set_state(struct local_client *client, struct asked *asked, enum asked_state state) {
    struct visitor *visitor = client->visitor;
    bool held_others = visitor->open >= OPEN_VISITOR || visitor->octets >= OCTETS_VISITOR;
    bool waited = waits(asked);
    asked->state = state;
    if (waits(asked) && !waited) {
        client->open++;
        visitor->open++;
        visitor->octets += asked->octets;
    } else if (!waits(asked) && waited) {
        client->open--;
        visitor->open--;
        visitor->octets -= asked->octets;
        if (held_others && visitor->open < OPEN_VISITOR && visitor->octets < OCTETS_VISITOR)
            resume(visitor);
    }
}

/* The request of that ref at somebody who answers under the client's own, as the store process does not. */
static struct asked *asked_elsewhere(struct local_client *client, uint32_t ref) {
    for (size_t i = 0; i < REQUESTS_MOST; i++) {
        struct asked *asked = &client->asked[i];
        if (asked->state == ASKED_REQUEST && asked->ref == ref && !asked->passed)
            return asked;
    }
    return NULL;
}

static void answered(struct local_client *client, enum ipc_type type, uint64_t ref) {
    bool submission = type == IPC_SUBMIT_RESULT;
    struct asked *asked = asked_place(client, !submission, ref, submission ? ASKED_OPEN : ASKED_REQUEST,
                                      submission ? ASKED_ENDED : ASKED_REQUEST);
    if (asked)
        set_state(client, asked, ASKED_NOTHING);
}

/* ---- answers ---- */

static bool is_last(enum ipc_type type, struct span payload) {
    return type == IPC_FETCH_DATA || type == IPC_SUBMIT_RESULT ||
           (type == IPC_RESPONSE && payload.len > 0 && payload.data[0]);
}

static void answer(struct local_client *client, enum ipc_type type, uint64_t ref, struct span payload) {
    ipc_send(client->channel, type, (uint32_t)ref, payload, (struct span){NULL, 0});
    if (is_last(type, payload))
        answered(client, type, (uint32_t)ref);
    pause_or_resume(client);
}

void local_answer_asked(struct local_client *client, struct asked *asked, enum ipc_type type,
                        struct span payload) {
    ipc_send(client->channel, type, asked->ref, payload, (struct span){NULL, 0});
    if (is_last(type, payload))
        set_state(client, asked, ASKED_NOTHING);
    pause_or_resume(client);
}

void local_answer(struct clients *clients, enum ipc_type type, uint64_t ref, struct span payload) {
    struct local_client *client = map_get(&clients->numbers, ref >> 32);
    bool of_request = type == IPC_RESPONSE || type == IPC_FETCH_DATA;
    struct asked *asked = client && of_request ? asked_elsewhere(client, (uint32_t)ref) : NULL;
    if (asked)
        local_answer_asked(client, asked, type, payload);
    else if (client && !of_request)
        answer(client, type, ref, payload);
}

void local_respond(struct clients *clients, uint64_t ref, struct span json) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_byte(&payload, 1);
    buf_append_span(&payload, json);
    local_answer(clients, IPC_RESPONSE, ref, buf_span(&payload));
    buf_free(&payload);
}

/* ---- frames of a client ---- */

/* What the frame belongs to; NULL: it goes no further. */
static struct asked *note(struct local_client *client, enum ipc_type type, uint64_t ref,
                          struct span payload) {
    bool goes_on = type == IPC_SUBMIT_CONTENT || type == IPC_SUBMIT_END, begins = type == IPC_SUBMIT_BEGIN;
    enum asked_state old = goes_on ? ASKED_OPEN : ASKED_NOTHING;
    struct asked *asked = asked_place(client, !goes_on && !begins, ref, old, old);
    if (!asked && begins)
        answer(client, IPC_SUBMIT_RESULT, ref,
               SPAN_LIT("\0{\"error\":{\"code\":\"unavailable\",\"text\":\"64 submissions are open on this "
                        "connection: end one first\"}}"));
    if (!asked) /* what comes after a refusal is let go by */
        return NULL;
    if (!goes_on) {
        asked->ref = (uint32_t)ref;
        asked->octets = (uint32_t)payload.len;
        asked->passed = 0;
    }
    if (type != IPC_SUBMIT_CONTENT)
        set_state(client, asked, begins ? ASKED_OPEN : type == IPC_SUBMIT_END ? ASKED_ENDED : ASKED_REQUEST);
    if (type != IPC_REQUEST || payload.len <= IPC_REQUEST_MAX)
        return asked;
    local_respond(client->clients, ref_of(client, ref),
                  SPAN_LIT("{\"error\":{\"code\":\"too-large\",\"text\":\"a request has at most 64 KiB\"}}"));
    return NULL;
}

static void tell(struct local_client *client, enum ipc_type type, uint64_t ref, struct span payload) {
    ipc_send(client->channel, type, ref, payload, (struct span){NULL, 0});
}

/* Says what is wrong with the connection itself, and ends it. */
static void dismiss(struct local_client *client, const char *code, const char *text) {
    struct buf json;
    buf_init(&json, 0);
    buf_printf(&json, "\1{\"error\":{\"code\":\"%s\",\"text\":\"%s\"}}", code, text);
    log_caused_by_user(ipc_name(client->channel), LOG_LEVEL_WARNING, "%s was refused: %s",
                       ipc_name(client->channel), text);
    tell(client, IPC_RESPONSE, 0, buf_span(&json));
    buf_free(&json);
    client->dismissed = true;
    ipc_finish(client->channel);
}

/* The first of the names that is not among what we offer; absent: all are. */
static struct span not_offered(struct span wanted) {
    const struct span offers = SPAN_LIT(" " IPC_LOCAL_OFFERS " ");
    while (wanted.len > 0) {
        const uint8_t *end = memchr(wanted.data, ' ', wanted.len);
        struct span name = span_sub(wanted, 0, end ? (size_t)(end - wanted.data) : wanted.len);
        char padded[40];
        int length = snprintf(padded, sizeof padded, " %.*s ", (int)(name.len < 30 ? name.len : 30),
                              (const char *)name.data);
        if (name.len > 0 && (name.len > 30 || !memmem(offers.data, offers.len, padded, (size_t)length)))
            return name;
        wanted = span_sub(wanted, name.len + 1, wanted.len);
    }
    return (struct span){NULL, 0};
}

static void welcome_client(struct local_client *client) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_u16(&payload, IPC_LOCAL_VERSION);
    payload_put_octets(&payload, SPAN_LIT("mhsd " CHASQUI_VERSION));
    buf_append_span(&payload, SPAN_LIT(IPC_LOCAL_OFFERS));
    client->greeted = true;
    tell(client, IPC_WELCOME, 0, buf_span(&payload));
    buf_free(&payload);
}

static void greet(struct local_client *client, struct span payload) {
    struct reader r = reader_of(payload);
    unsigned version = reader_u16(&r);
    struct span program = payload_octets(&r), missing = not_offered(payload_rest(&r));
    char text[200], name[LOG_TEXT_SIZE];
    if (r.failed || program.len > 64) {
        dismiss(client, "bad-request", "the hello makes no sense");
    } else if (version != IPC_LOCAL_VERSION) {
        snprintf(text, sizeof text,
                 "the client speaks version %u of the local protocol, this daemon (" CHASQUI_VERSION
                 ") version %d: use a client of the daemon's release",
                 version, IPC_LOCAL_VERSION);
        dismiss(client, "version", text);
    } else if (missing.data) {
        log_text(span_sub(missing, 0, 30), name);
        for (char *at = name; *at; at++)
            *at = *at == '"' || *at == '\\' ? '?' : *at;
        snprintf(text, sizeof text, "this daemon (" CHASQUI_VERSION ") does not offer '%.100s'", name);
        dismiss(client, "version", text);
    } else {
        welcome_client(client);
    }
}

static void take(struct local_client *client, enum ipc_type type, uint64_t ref, struct span payload) {
    struct asked *asked = note(client, type, ref, payload);
    if (asked)
        client->clients->calls->frame(client, asked, type, ref_of(client, ref), payload);
    if (client->clients->calls->is_full(client))
        yield_to_others(client);
    pause_or_resume(client);
}

static bool on_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                     struct span payload) {
    static const struct ipc_side side = {.self = IPC_CLIENTS, .other = IPC_CLIENT};
    struct local_client *client = context;
    char why[IPC_WHY];
    const struct ipc_frame *frame = ipc_frame_take(&side, type, ref, payload, why);
    if (frame && !client->greeted && type != IPC_HELLO) {
        dismiss(client, "version",
                "the client says no hello: it is older than this daemon (" CHASQUI_VERSION
                "); use one of the daemon's release");
        return true;
    }
    if (!frame ||
        ipc_frame_judge(frame, client->greeted ? IPC_STATE_UP : IPC_STATE_STARTING, why) != IPC_LEGAL) {
        log_caused_by_user(ipc_name(channel), LOG_LEVEL_WARNING, "%s broke the rules by %s",
                           ipc_name(channel), why);
        return false;
    }
    if (type != IPC_HELLO) {
        take(client, type, ref, payload);
        return true;
    }
    greet(client, payload);
    pause_or_resume(client); /* who comes while others have to wait does so too */
    return true;
}

static void free_client(struct local_client *client) {
    struct clients *clients = client->clients;
    *(client->previous ? &client->previous->next : &client->visitor->list) = client->next;
    if (client->next)
        client->next->previous = client->previous;
    map_remove(&clients->numbers, client->number);
    clients->count--;
    for (size_t i = 0; i < ASKED_MOST; i++)
        set_state(client, &client->asked[i], ASKED_NOTHING);
    visitor_leave(clients, client->visitor);
    mem_free(client);
}

static void on_closed(void *context, struct ipc_channel *channel, const char *cause) {
    struct local_client *client = context;
    (void)channel;
    (void)cause;
    client->clients->calls->leave(client);
    free_client(client);
}

static const struct ipc_handler handler = {.frame = on_frame, .closed = on_closed, .writable = on_writable};

/* ---- new clients ---- */

static bool open_channel(struct local_client *client, int fd) {
    char name[48];
    snprintf(name, sizeof name, "uid=%u", client->uid); /* as log lines name who caused them */
    client->channel = ipc_channel_new(client->clients->loop, fd, name, &handler, client);
    if (!client->channel)
        return false;
    ipc_limit(client->channel, IPC_CLIENT_MAX);
    ipc_full_at(client->channel, UNREAD_MOST);
    return true;
}

/* One that no client has. */
static uint32_t new_number(struct clients *clients) {
    do
        clients->next_number++;
    while (clients->next_number == 0 || clients->next_number == UINT32_MAX /* silence.c */ ||
           map_get(&clients->numbers, clients->next_number));
    return clients->next_number;
}

static void link_client(struct local_client *client) {
    struct visitor *visitor = client->visitor;
    client->next = visitor->list;
    if (client->next)
        client->next->previous = client;
    visitor->list = client;
    client->clients->count++;
}

static bool add_client(struct clients *clients, int fd, const struct ucred *who) {
    struct local_client *client = mem_alloc(sizeof *client);
    struct visitor *visitor = client ? visitor_enter(clients, who->uid) : NULL;
    if (!visitor) {
        mem_free(client);
        return false;
    }
    *client = (struct local_client){.clients = clients,
                                    .visitor = visitor,
                                    .number = new_number(clients),
                                    .uid = who->uid,
                                    .gid = who->gid};
    if (!map_put(&clients->numbers, client->number, client) || !open_channel(client, fd)) {
        map_remove(&clients->numbers, client->number);
        visitor_leave(clients, visitor);
        mem_free(client);
        return false;
    }
    link_client(client);
    clients->calls->enter(client);
    return true;
}

static void log_refusal(uint32_t uid, const char *why) {
    char who[24];
    snprintf(who, sizeof who, "uid=%u", (unsigned)uid);
    log_caused_by_user(who, LOG_LEVEL_WARNING, "%s a local client was refused: %s", who, why);
}

/* The client is told too. */
static void refuse(int fd, uint32_t uid, const char *why) {
    log_refusal(uid, why);
    ipc_refuse(fd, why);
}

static void welcome(struct clients *clients, int fd) {
    struct ucred who = {.uid = UINT32_MAX};
    socklen_t length = sizeof who;
    bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length) == 0;
    const char *why =
        known ? visitor_refusal(clients, who.uid, who.gid) : "the system does not say who it is";
    if (!why && !add_client(clients, fd, &who))
        why = "no memory";
    if (why)
        refuse(fd, who.uid, why);
}

void local_take_former(struct clients *clients, int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        welcome(clients, fd);
    close(listener);
}

void local_ready(evutil_socket_t listener, short what, void *arg) {
    static const struct timeval moment = {.tv_usec = 100000};
    struct clients *clients = arg;
    (void)what;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        welcome(clients, fd);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        log_refusal(UINT32_MAX, "no descriptors, or no memory, for another connection");
        event_del(clients->local); /* it stays ready: looked at again after a moment, not at once */
        event_add(clients->breath, &moment);
    } else if (errno == EINVAL && !clients->stopping) {
        log_error("the local socket was shut: this process ends, and another gets a new one");
        clients->status = 1;
        event_base_loopexit(clients->loop, NULL);
    }
}

void local_free_all(struct clients *clients) {
    while (clients->visitors) {
        struct local_client *client = clients->visitors->list;
        ipc_channel_free(client->channel);
        free_client(client);
    }
    map_free(&clients->numbers);
}
