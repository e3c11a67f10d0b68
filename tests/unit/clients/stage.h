/*
 * The process of the clients, in one loop with the test, which plays all that it speaks with: the store
 * process, readers, the parent and clients at the local socket.
 */
#ifndef STAGE_H
#define STAGE_H

#define UNUSED __attribute__((unused))

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "clients/clients_private.h"
#include "ipc/channel.h"
#include "ipc/door.h"
#include "ipc/payload.h"

#define LIFE 5 /* of the readers */

/* Some clients are of other users than root, who is an operator. */
enum { STORE, READER, OTHER_READER, CLIENT, PARENT, ANNS, BENS, ANNS_OTHER, CROWDS };

enum { ANN = 61001, BEN, CROWD, MOST_HEARD = 40 };

/* A crowd of users, each of whom asks for as much as one may (128 KiB, and what goes beyond that). */
enum { CROWD_USERS = 96, CROWD_ASKS = 3, ENDS = CROWDS + CROWD_USERS };

#define LIST SPAN_LIT("{\"operation\":\"mailbox-list\",\"mailbox\":\"x\"}")

/* What the parent is told of a channel. */
struct gone {
    struct ipc_holder holder;
    bool broke_rules;
};

UNUSED static struct gone read_gone(struct span payload) {
    struct gone gone;
    struct reader r = reader_of(payload);
    gone.holder.end = (enum ipc_end)reader_u8(&r);
    gone.holder.number = reader_u8(&r);
    gone.holder.life = reader_u32(&r);
    gone.broke_rules = reader_u8(&r);
    assert_true(payload_done(&r));
    return gone;
}

/* The other end of a channel of the process: what was heard there last. */
struct end {
    struct ipc_channel *channel;
    unsigned heard, closed;         /* requests, or responses and results of submissions */
    unsigned contents;              /* pieces of submissions */
    uint64_t client;                /* the number of the last that was announced */
    int clients;                    /* that were said to be there, and not to have gone */
    uint64_t ref, refs[MOST_HEARD]; /* the last one, and the first ones */
    char text[300];                 /* of a response, behind its first octet */
    unsigned undone;                /* a bit for each ref of which it was said that it may still be done */
    struct gone said;
};

struct world {
    struct event_base *loop;
    struct clients *clients;
    struct clients_config config;
    struct sockaddr_un local;
    socklen_t local_length;
    int door;
    struct end ends[ENDS];
};

UNUSED static bool on_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                            struct span payload) {
    struct end *end = context;
    (void)channel;
    end->clients += (type == IPC_CLIENT_OPEN) - (type == IPC_CLIENT_CLOSE);
    end->contents += type == IPC_SUBMIT_CONTENT;
    if (type == IPC_CLIENT_OPEN)
        end->client = ref;
    if (type != IPC_REQUEST && type != IPC_FETCH && type != IPC_RESPONSE && type != IPC_SUBMIT_RESULT &&
        type != IPC_CHANNEL_GONE)
        return true;
    if (end->heard < MOST_HEARD)
        end->refs[end->heard] = ref;
    end->heard++;
    end->ref = ref;
    struct span text = span_sub(payload, type == IPC_RESPONSE, payload.len);
    end->said = (struct gone){0};
    if (type == IPC_CHANNEL_GONE)
        end->said = read_gone(payload);
    snprintf(end->text, sizeof end->text, "%.*s", (int)text.len, (const char *)text.data);
    if (strstr(end->text, "it may still be done"))
        end->undone |= 1u << ref;
    return true;
}

UNUSED static void on_closed(void *context, struct ipc_channel *channel, const char *cause) {
    struct end *end = context;
    (void)channel, (void)cause;
    end->channel = NULL;
    end->closed++;
}

static const struct ipc_handler handler = {.frame = on_frame, .closed = on_closed};

UNUSED static void attach(struct world *world, unsigned number, int fd) {
    world->ends[number] = (struct end){0};
    world->ends[number].channel = ipc_channel_new(world->loop, fd, "end", &handler, &world->ends[number]);
    assert_non_null(world->ends[number].channel);
}

/* The process's end; the other is the test's. */
UNUSED static int open_end(struct world *world, unsigned number) {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    attach(world, number, pair[0]);
    return pair[1];
}

UNUSED static void start_reader(struct world *world, unsigned number) {
    int end = open_end(world, number);
    struct ipc_holder holder = {.end = IPC_END_READER, .number = (uint8_t)(number - READER), .life = LIFE};
    assert_true(ipc_door_pass(world->door, &holder, end));
    close(end);
}

/* A local socket without a name in the file system, and a client of it. */
UNUSED static int listen_local(struct sockaddr_un *local, socklen_t *length) {
    static unsigned count; /* one that fell keeps its own */
    *local = (struct sockaddr_un){.sun_family = AF_UNIX};
    int octets = snprintf(local->sun_path + 1, sizeof local->sun_path - 1, "chasqui-test-readers-%d-%u",
                          (int)getpid(), ++count);
    *length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)octets);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (const struct sockaddr *)local, *length) == 0 && listen(fd, 8) == 0);
    return fd;
}

UNUSED static void run(struct world *world) {
    for (int i = 0; i < 100; i++)
        event_base_loop(world->loop, EVLOOP_NONBLOCK);
}

UNUSED static void open_client(struct world *world, unsigned number) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&world->local, world->local_length), 0);
    attach(world, number, fd);
    assert_true(ipc_send(world->ends[number].channel, IPC_HELLO, 0, SPAN_LIT("\0\1\0\0\0\0"),
                         (struct span){NULL, 0}));
    run(world);
}

UNUSED static void begin(struct world *world, unsigned readers, unsigned answer_ms) {
    int door[2];
    *world = (struct world){
        .loop = event_base_new(),
        .config = {
            .clients_max = 100, .clients_per_user = 20, .reader_count = readers, .answer_ms = answer_ms}};
    assert_true(ipc_door(door));
    world->door = door[0];
    struct clients_descriptors descriptors = {.store = open_end(world, STORE),
                                              .parent = open_end(world, PARENT),
                                              .local = listen_local(&world->local, &world->local_length),
                                              .former_local = -1,
                                              .door = door[1]};
    world->clients = clients_new(world->loop, &world->config, NULL, &descriptors);
    assert_non_null(world->clients);
    for (unsigned i = 0; i < readers; i++)
        start_reader(world, READER + i);
    open_client(world, CLIENT);
}

UNUSED static void end(struct world *world) {
    clients_free(world->clients);
    run(world);
    for (unsigned i = 0; i < ENDS; i++)
        ipc_channel_free(world->ends[i].channel);
    close(world->door);
    event_base_free(world->loop);
}

UNUSED static void ask(struct world *world, uint64_t ref) {
    assert_true(ipc_send(world->ends[CLIENT].channel, IPC_REQUEST, ref, LIST, (struct span){NULL, 0}));
    run(world);
}

UNUSED static void answer(struct world *world, unsigned reader, uint64_t ref, bool last, const char *text) {
    uint8_t octet = last;
    assert_true(ipc_send(world->ends[reader].channel, IPC_RESPONSE, ref, span_of(&octet, 1), span_str(text)));
    run(world);
}

/* Until an end has heard so often, for so long at the most. */
UNUSED static void let_hear(struct world *world, unsigned number, unsigned times, int ms) {
    const struct timeval moment = {.tv_usec = 10000};
    for (int64_t until = clock_monotonic_us() + ms * INT64_C(1000);
         world->ends[number].heard < times && clock_monotonic_us() < until;) {
        event_base_loopexit(world->loop, &moment);
        event_base_dispatch(world->loop);
    }
}

/* Until the client has heard so many answers: 20 s at most, where one is due after less than one. */
UNUSED static void await(struct world *world, unsigned answers) {
    let_hear(world, CLIENT, answers, 20000);
    assert_int_equal(world->ends[CLIENT].heard, answers);
}

UNUSED static void expect_unavailable(const struct world *world, uint64_t ref, const char *text) {
    const struct end *client = &world->ends[CLIENT];
    assert_int_equal(client->ref, ref);
    assert_non_null(strstr(client->text, "\"unavailable\""));
    if (!strstr(client->text, text))
        fail_msg("%s", client->text);
}

#define SOON 200 /* ms: tests wait for these, and for nothing else */

/* Until the store process was asked so often. */
UNUSED static void await_asked(struct world *world, unsigned times) {
    let_hear(world, STORE, times, 20000);
    assert_int_equal(world->ends[STORE].heard, times);
}

UNUSED static void ask_with(struct world *world, uint64_t ref, const char *operation, const char *more) {
    char request[80];
    snprintf(request, sizeof request, "{\"operation\":\"%s\"%s}", operation, more);
    assert_true(
        ipc_send(world->ends[CLIENT].channel, IPC_REQUEST, ref, span_str(request), (struct span){NULL, 0}));
    run(world);
}

UNUSED static void ask_for(struct world *world, uint64_t ref, const char *operation) {
    ask_with(world, ref, operation, "");
}

UNUSED static int64_t ms_since(int64_t then) {
    return (clock_monotonic_us() - then) / 1000;
}

#endif
