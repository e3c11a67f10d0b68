/*
 * A world for the switch: its process, forked, with a store at a place of its
 * own (tests/unit/store/place.h), and this test as the net process at the other
 * end of the socket. The peers are beta and gamma, the users jones and smith of
 * /C=GB/A=GOLD/P=ALPHA. late.c makes every commit land late, where it is asked to.
 */
#ifndef WORLD_H
#define WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/log.h"
#include "ipc/bind.h"
#include "ipc/door.h"
#include "ipc/frames.h"
#include "ipc/payload.h"
#include "mta/mta.h"
#include "names/identifier.h"
#include "schema/x411p3.h"

#include "../numbers.h"
#include "../store/place.h"

#define UNUSED __attribute__((unused))

#define OURS  "/C=GB/A=GOLD/P=ALPHA"
#define BETA  "/C=DE/A=VIAT/P=BETA"
#define GAMMA "/C=FR/A=ATLAS/P=GAMMA"
#define JONES OURS "/S=jones"
#define SMITH OURS "/S=smith"
#define EVA   BETA "/S=eva"
#define FRANK GAMMA "/S=frank"

#define NOTHING ((struct span){NULL, 0})

#define ANY_MODE (1u << IPC_MODE_NORMAL | 1u << IPC_MODE_X410_1988 | 1u << IPC_MODE_1984)

struct frame {
    enum ipc_type type;
    uint64_t ref;
    struct buf payload;
};

struct world {
    char place[PLACE_MAX]; /* of its store */
    struct mta_config config;
    struct mta_peer peers[2];
    struct mta_user users[2];
    struct arena arena;
    pid_t pid;
    int net, clients; /* the ends of a net process and of the process of the clients */
    int parent, door;
    struct frame last; /* what `expect` found */
    struct frame kept[64];
    size_t kept_count;
    unsigned messages;      /* made so far, for their identifiers */
    uint32_t transfer;      /* the number of the last transfer in, of all associations */
    int priority;           /* the next envelopes', as x411_Priority has it; 0: normal */
    const char *originator; /* of the next envelopes; NULL: eva */
    bool were_here;         /* the next envelopes' trace says that they came from our domain to beta */
    int64_t deferred;       /* the next envelopes' deferred-delivery-time, s since 1970; 0: none */
    int64_t latest;         /* the next envelopes' latest-delivery-time, s since 1970; 0: none */
    int patience;           /* ms for which `expect` waits; 0: 10 s; -1: as long as the switch works */
    const struct mta_reload *reload;
};

/* Begun and not ended: more than one where a case fell, for what it had stays behind. */
static unsigned worlds;
static pid_t last_switch; /* 0: it was waited for */

/* ---- tables ---- */

UNUSED static void route_to(struct mts_tables *tables, const char *pattern, const char *hop) {
    struct error err = {0};
    struct mts_choice choice = {.hop = hop, .weight = 1};
    struct mts_route route = {.pattern = pattern, .choices = &choice, .choice_count = 1};
    if (!hop)
        route = (struct mts_route){.pattern = pattern, .action = MTS_ROUTE_LOCAL};
    if (!mts_tables_add_route(tables, &route, &err))
        fail_msg("%s", err.text);
}

UNUSED static struct mts_tables *make_tables_for(const struct mts_self *self) {
    struct error err = {0};
    struct mts_tables *tables = mts_tables_new(self, &err);
    assert_non_null(tables);
    assert_true(
        mts_tables_add_hop(tables, &(struct mts_hop){.name = "beta", .domain = BETA, .transit = true}, &err));
    assert_true(mts_tables_add_hop(
        tables, &(struct mts_hop){.name = "gamma", .domain = GAMMA, .transit = true}, &err));
    route_to(tables, OURS, NULL);
    route_to(tables, BETA, "beta");
    route_to(tables, GAMMA, "gamma");
    assert_true(mts_tables_add_user(tables, &(struct mts_user){.address = JONES, .mailbox = JONES}, &err));
    assert_true(mts_tables_add_user(tables, &(struct mts_user){.address = SMITH, .mailbox = SMITH}, &err));
    return tables;
}

UNUSED static struct mts_tables *make_tables(void) {
    return make_tables_for(&(struct mts_self){.domain = OURS, .mta_name = "alpha-1", NUMBERS_OF_SELF});
}

/* ---- the process ---- */

/* Of the processes at the other ends. */
#define WORLD_LIFE 77

/* Our end of a new channel to the switch. */
static int pass_numbered(int door, enum ipc_end end, uint8_t number) {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_true(
        ipc_door_pass(door, &(struct ipc_holder){.end = end, .number = number, .life = WORLD_LIFE}, pair[1]));
    close(pair[1]);
    return pair[0];
}

/* Of a process of another number than those before. */
UNUSED static int pass_through(int door, enum ipc_end end) {
    static uint8_t number;
    return pass_numbered(door, end, end == IPC_END_CLIENTS ? 0 : number++);
}

/* `exit` looks for leaks, and would find in this fork what fallen cases left in the test: one fault would
 * fell all cases after it. */
__attribute__((noreturn)) static void end_switch(int status) {
    if (worlds <= 1)
        exit(status);
    fflush(NULL);
    _exit(status);
}

UNUSED static void world_start(struct world *world) {
    int door[2], parent[2];
    assert_true(ipc_door(door));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, parent), 0);
    fflush(stdout);
    fflush(stderr);
    world->pid = fork();
    assert_true(world->pid >= 0);
    if (world->pid == 0) {
        close(door[0]);
        close(parent[0]);
        if (!getenv("WORLD_LOG"))
            log_set_level(LOG_LEVEL_ERROR);
        struct mta_descriptors descriptors = {.parent = parent[1], .door = door[1]};
        end_switch(mta_run(&world->config, world->reload, &descriptors));
    }
    last_switch = world->pid;
    close(door[1]);
    close(parent[1]);
    world->door = door[0];
    world->parent = parent[0];
    world->net = pass_through(door[0], IPC_END_NET);
    world->clients = pass_through(door[0], IPC_END_CLIENTS);
    for (size_t i = 0; i < world->kept_count; i++)
        buf_free(&world->kept[i].payload);
    world->kept_count = 0;
}

/* Nobody else ends the switch of a case that fell. */
static void end_fallen(void) {
    if (last_switch && kill(last_switch, SIGKILL) == 0)
        waitpid(last_switch, NULL, 0);
    last_switch = 0;
}

UNUSED static void world_begin(struct world *world) {
    end_fallen();
    worlds++;
    *world = (struct world){0};
    assert_true(place_make(world->place));
    arena_init(&world->arena, (size_t)64 << 20);
    for (int i = 0; i < 2; i++) {
        world->peers[i] = (struct mta_peer){.name = i ? "gamma" : "beta", NUMBERS_OF_PEER};
        world->peers[i].bind =
            (struct mta_bind){.mta_name = i ? SPAN_LIT("GAMMA-MTA") : SPAN_LIT("BETA-MTA"),
                              .passwords = {i ? SPAN_LIT("g") : SPAN_LIT("b")},
                              .modes = ANY_MODE,
                              .ours = {IPC_CREDENTIALS_IA5_STRING, SPAN_LIT("ALPHA-MTA"), SPAN_LIT("a")}};
    }
    world->users[0] = (struct mta_user){.address = JONES, .uid = 1001, .has_uid = true};
    world->users[1] = (struct mta_user){.address = SMITH, .uid = 1002, .has_uid = true};
    world->config = (struct mta_config){.node = "a1",
                                        .store = world->place,
                                        .store_place = world->place,
                                        .tables = make_tables(),
                                        .peers = world->peers,
                                        .peer_count = 2,
                                        .users = world->users,
                                        .user_count = 2,
                                        .limits = {NUMBERS_OF_LIMITS},
                                        .service_uid = UINT32_MAX,
                                        .operators_gid = UINT32_MAX};
    world_start(world);
}

UNUSED static int world_wait(struct world *world) {
    int status;
    assert_int_equal(waitpid(world->pid, &status, 0), world->pid);
    close(world->net);
    close(world->clients);
    close(world->door);
    close(world->parent);
    world->pid = last_switch = 0;
    return status;
}

UNUSED static void world_kill(struct world *world) {
    kill(world->pid, SIGKILL);
    world_wait(world);
}

UNUSED static void put(int fd, enum ipc_type type, uint64_t ref, struct span head, struct span body) {
    struct buf frame;
    buf_init(&frame, 0);
    buf_append_u32(&frame, (uint32_t)(head.len + body.len));
    buf_append_u16(&frame, (uint16_t)type);
    buf_append_u16(&frame, 0);
    buf_append_u64(&frame, ref);
    buf_append_span(&frame, head);
    buf_append_span(&frame, body);
    size_t sent = 0;
    while (sent < frame.len) {
        ssize_t part = send(fd, frame.data + sent, frame.len - sent, MSG_NOSIGNAL);
        if (part <= 0)
            break; /* the other end is gone: the test sees it in what it expects next */
        sent += (size_t)part;
    }
    buf_free(&frame);
}

/* As the process whose frame it is. */
UNUSED static void tell(struct world *world, enum ipc_type type, uint64_t ref, struct span head,
                        struct span body) {
    put(type >= IPC_REQUEST && type <= IPC_CLIENT_CLOSE ? world->clients : world->net, type, ref, head, body);
}

/* As a net process does that stops too; it may be gone already. */
static void say_stopping(int net) {
    static const uint8_t header[16] = {[5] = IPC_STOPPING};
    if (net >= 0 && send(net, header, sizeof header, MSG_NOSIGNAL) < 0)
        assert_true(errno == EPIPE || errno == ECONNRESET || errno == EBADF || errno == ENOTSOCK);
}

UNUSED static void world_stop(struct world *world) {
    say_stopping(world->net);
    put(world->parent, IPC_STOP, 0, NOTHING, NOTHING);
    int status = world_wait(world);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("the switch ended with status %d", status);
}

UNUSED static void world_end(struct world *world) {
    if (world->pid)
        world_stop(world);
    for (size_t i = 0; i < world->kept_count; i++)
        buf_free(&world->kept[i].payload);
    buf_free(&world->last.payload);
    mts_tables_free(world->config.tables);
    arena_free(&world->arena);
    assert_true(place_remove(world->place));
    worlds--;
}

/* Ends it without waiting for what it still has under way. */
UNUSED static void world_abandon(struct world *world) {
    world_kill(world);
    world_end(world);
}

/* Killed, and started anew. */
UNUSED static void world_anew(struct world *world) {
    world_kill(world);
    world_start(world);
}

/* Waits for what no frame tells of. */
#define EVENTUALLY(condition)                                                                                \
    do {                                                                                                     \
        int64_t eventually_end = clock_monotonic_us() + 30000000;                                            \
        while (!(condition)) {                                                                               \
            if (clock_monotonic_us() > eventually_end)                                                       \
                fail_msg("it does not become true: %s", #condition);                                         \
            usleep(5000);                                                                                    \
        }                                                                                                    \
    } while (0)

/* ---- frames from the switch ---- */

static bool read_all(int fd, void *out, size_t length, int timeout_ms) {
    uint8_t *at = out;
    while (length) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        if (poll(&poll_fd, 1, timeout_ms) <= 0)
            return false;
        ssize_t part = read(fd, at, length);
        if (part <= 0)
            return false;
        at += part;
        length -= (size_t)part;
    }
    return true;
}

/* Where something can be read; -1: nowhere in time. */
static int readable(struct world *world, int timeout_ms) {
    struct pollfd both[] = {{.fd = world->net, .events = POLLIN}, {.fd = world->clients, .events = POLLIN}};
    if (poll(both, world->clients ? 2 : 1, timeout_ms) <= 0)
        return -1;
    return both[0].revents ? world->net : world->clients;
}

static bool read_frame(struct world *world, struct frame *frame, int timeout_ms) {
    uint8_t header[16];
    int fd = readable(world, timeout_ms);
    if (!read_all(fd, header, sizeof header, timeout_ms))
        return false;
    struct reader r = reader_of(span_of(header, sizeof header));
    uint32_t length = reader_u32(&r);
    frame->type = (enum ipc_type)reader_u16(&r);
    reader_u16(&r);
    frame->ref = reader_u64(&r);
    buf_init(&frame->payload, 0);
    assert_true(buf_reserve(&frame->payload, length + 1));
    frame->payload.len = length;
    return read_all(fd, frame->payload.data, length, timeout_ms);
}

/* The next frame of this type (and ref, when it is not 0) within the time (-1: whenever it comes, while the
 * switch lives); others are kept for later. */
static bool await(struct world *world, enum ipc_type type, uint64_t ref, int timeout_ms) {
    int64_t end = clock_monotonic_us() + (int64_t)timeout_ms * 1000;
    buf_free(&world->last.payload);
    for (size_t i = 0; i < world->kept_count; i++) {
        if (world->kept[i].type != type || (ref && world->kept[i].ref != ref))
            continue;
        world->last = world->kept[i];
        memmove(&world->kept[i], &world->kept[i + 1], (--world->kept_count - i) * sizeof world->kept[0]);
        return true;
    }
    for (;;) {
        int64_t left = timeout_ms < 0 ? -1 : (end - clock_monotonic_us()) / 1000;
        struct frame frame = {0};
        if ((timeout_ms >= 0 && left < 0) || !read_frame(world, &frame, (int)left)) {
            buf_free(&frame.payload);
            return false;
        }
        if (frame.type == type && (!ref || frame.ref == ref)) {
            world->last = frame;
            return true;
        }
        assert_true(world->kept_count < sizeof world->kept / sizeof world->kept[0]);
        world->kept[world->kept_count++] = frame;
    }
}

UNUSED static struct reader expect(struct world *world, enum ipc_type type, uint64_t ref) {
    if (!await(world, type, ref, world->patience ? world->patience : 10000))
        fail_msg("no frame of type %d came", (int)type);
    return reader_of(buf_span(&world->last.payload));
}

UNUSED static void expect_none(struct world *world, enum ipc_type type) {
    if (await(world, type, 0, 300))
        fail_msg("a frame of type %d came", (int)type);
}

/* ---- associations ---- */

UNUSED static void say_bind(struct world *world, uint64_t ref, const struct ipc_bind *bind) {
    struct buf payload;
    buf_init(&payload, 0);
    assert_true(ipc_bind_write(bind, &payload));
    tell(world, IPC_BIND, ref, buf_span(&payload), NOTHING);
    buf_free(&payload);
}

/* What beta gives, or gamma and all others. */
UNUSED static struct ipc_credentials credentials_of(const char *peer) {
    bool beta = strcmp(peer, "beta") == 0;
    return (struct ipc_credentials){.form = IPC_CREDENTIALS_OCTET_STRING,
                                    .name = beta ? SPAN_LIT("BETA-MTA") : SPAN_LIT("GAMMA-MTA"),
                                    .password = beta ? SPAN_LIT("b") : SPAN_LIT("g")};
}

/* A bind, or the result of a responder, as the peer makes it. */
UNUSED static struct ipc_bind bind_of(const char *peer, bool out, const char *id) {
    return (struct ipc_bind){.direction = out ? IPC_DIRECTION_OUT : IPC_DIRECTION_IN,
                             .peer = span_str(out ? peer : ""),
                             .address = SPAN_LIT("192.0.2.1"),
                             .mode = IPC_MODE_NORMAL,
                             .id = span_str(id),
                             .credentials = credentials_of(peer)};
}

UNUSED static void announce(struct world *world, uint64_t ref, bool out, const char *peer, const char *id,
                            const char *recover) {
    struct ipc_bind bind = bind_of(peer, out, id);
    bind.recover_id = span_str(recover);
    say_bind(world, ref, &bind);
}

UNUSED static struct ipc_bind_answer bind_answer(struct world *world, uint64_t ref) {
    struct ipc_bind_answer answer;
    expect(world, IPC_BIND_ANSWER, ref);
    assert_true(ipc_bind_answer_read(buf_span(&world->last.payload), &answer));
    return answer;
}

UNUSED static enum ipc_bind_verdict admission(struct world *world, uint64_t ref) {
    return bind_answer(world, ref).verdict;
}

/* A peer's association that is admitted. */
UNUSED static void associate(struct world *world, uint64_t ref, const char *peer) {
    char id[32];
    snprintf(id, sizeof id, "in-%llu", (unsigned long long)ref);
    announce(world, ref, false, peer, id, "");
    assert_int_equal(admission(world, ref), IPC_BIND_ADMITTED);
}

/* One of beta's, by this name. */
UNUSED static void associate_as(struct world *world, uint64_t ref, const char *id) {
    announce(world, ref, false, "beta", id, "");
    assert_int_equal(admission(world, ref), IPC_BIND_ADMITTED);
}

/* A world in which beta has its association 1. */
UNUSED static void begin_with_beta(struct world *world) {
    world_begin(world);
    associate(world, 1, "beta");
}

/* Waits for CONNECT and answers it. */
UNUSED static void connect_out(struct world *world, uint64_t ref, const char *peer) {
    char id[32];
    struct reader r = expect(world, IPC_CONNECT, 0);
    assert_true(span_eq(payload_octets(&r), span_str(peer)));
    snprintf(id, sizeof id, "out-%llu", (unsigned long long)ref);
    announce(world, ref, true, peer, id, "");
    assert_int_equal(admission(world, ref), IPC_BIND_ADMITTED);
}

/* Waits for CONNECT, and says that it failed. */
UNUSED static void gamma_is_not_found(struct world *world) {
    struct buf payload;
    expect(world, IPC_CONNECT, 0);
    buf_init(&payload, 0);
    payload_put_octets(&payload, SPAN_LIT("gamma"));
    buf_append_byte(&payload, IPC_LAYER_NAME);
    payload_put_octets(&payload, SPAN_LIT("no such host"));
    payload_put_octets(&payload, SPAN_LIT(""));
    tell(world, IPC_CONNECT_FAILED, 0, buf_span(&payload), NOTHING);
    buf_free(&payload);
}

UNUSED static void close_association(struct world *world, uint64_t ref, enum ipc_close how) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_byte(&payload, (uint8_t)how);
    payload_put_octets(&payload, SPAN_LIT("test"));
    tell(world, IPC_ASSOCIATION_CLOSE, ref, buf_span(&payload), NOTHING);
    buf_free(&payload);
}

/* The same, in which X.411's bounds are not held. */
UNUSED static void begin_relaxed(struct world *world) {
    world_begin(world);
    world_stop(world);
    world->config.limits.relax_bounds = true;
    world_start(world);
    associate(world, 1, "beta");
}

/* ---- messages ---- */

UNUSED static struct x411_ORName name_of(struct world *world, const char *text) {
    struct x411_ORName name;
    struct error err = {0};
    if (!oraddress_parse_name(span_str(text), &world->arena, &name, &err))
        fail_msg("%s: %s", text, err.text);
    return name;
}

static struct x411_TraceInformationElement *trace_of(struct world *world,
                                                     struct x411_GlobalDomainIdentifier domain) {
    struct x411_TraceInformationElement *element = arena_alloc(&world->arena, sizeof *element);
    element->global_domain_identifier = domain;
    assert_true(ber_utctime_write(clock_now_us() / 1000000 - 60, &world->arena,
                                  &element->domain_supplied_information.arrival_time));
    return element;
}

/* Indicators: responsibility, non-delivery reports to MTA and originator; or both kinds of report. */
#define WANTS_NDN    0xA8
#define WANTS_REPORT 0xD0

/* The extension latest-delivery-time (5), a UTCTime. */
static struct x411_Extensions latest_delivery(struct world *world) {
    struct x411_ExtensionField *field = arena_alloc(&world->arena, sizeof *field);
    uint8_t head[2] = {0x17};
    struct buf value;
    struct span time;
    assert_true(ber_utctime_write(world->latest, &world->arena, &time));
    head[1] = (uint8_t)time.len;
    buf_init(&value, 64);
    buf_append_span(&value, span_of(head, 2));
    buf_append_span(&value, time);
    *field = (struct x411_ExtensionField){.value = arena_dup(&world->arena, buf_span(&value))};
    buf_free(&value);
    field->type.choice = x411_ExtensionType_standard_extension;
    field->type.u.standard_extension = 5;
    return (struct x411_Extensions){.items = field, .count = 1};
}

/* The envelope of a new message that beta's eva sends to the recipients (up to the NULL), unless the world
 * says otherwise. */
UNUSED static struct span envelope_to(struct world *world, uint8_t indicators, const char *recipient, ...) {
    struct x411_MessageTransferEnvelope envelope = {0};
    struct x411_GlobalDomainIdentifier domain = {0}, ours = {0};
    struct x411_PerRecipientMessageTransferFields fields[8] = {0};
    va_list more;
    assert_true(domain_parse(span_str(BETA), &world->arena, &domain, NULL));
    envelope.message_identifier.global_domain_identifier = domain;
    envelope.message_identifier.local_identifier =
        span_str(arena_printf(&world->arena, "m-%u", ++world->messages));
    envelope.originator_name = name_of(world, world->originator ? world->originator : EVA);
    envelope.content_type.choice = x411_ContentType_built_in;
    envelope.content_type.u.built_in = 22;
    envelope.priority = world->priority;
    if (world->deferred)
        assert_true(ber_utctime_write(world->deferred, &world->arena, &envelope.deferred_delivery_time));
    if (world->latest)
        envelope.extensions = latest_delivery(world);
    assert_true(domain_parse(span_str(OURS), &world->arena, &ours, NULL));
    struct x411_TraceInformationElement trace[] = {*trace_of(world, ours), *trace_of(world, domain)};
    envelope.trace_information.items = world->were_here ? trace : trace + 1;
    envelope.trace_information.count = world->were_here ? 2 : 1;
    envelope.per_recipient_fields.items = fields;
    va_start(more, recipient);
    for (; recipient; recipient = va_arg(more, const char *)) {
        struct x411_PerRecipientMessageTransferFields *field = &fields[envelope.per_recipient_fields.count++];
        field->recipient_name = name_of(world, recipient);
        field->originally_specified_recipient_number = (int64_t)envelope.per_recipient_fields.count;
        field->per_recipient_indicators.octets = arena_dup(&world->arena, span_of(&indicators, 1));
    }
    va_end(more);
    struct span octets;
    struct ber_error error = {0};
    if (!ber_encode_arena(&x411_MessageTransferEnvelope_type, &envelope, &world->arena, &octets, &error))
        fail_msg("%s", error.text);
    return octets;
}

/* The envelope of what jones submits to the recipients (up to the NULL), to whom nothing is reported but a
 * non-delivery. */
UNUSED static struct span submission_to(struct world *world, const char *recipient, ...) {
    struct x411p3_MessageSubmissionEnvelope envelope = {.originator_name = name_of(world, JONES)};
    struct x411p3_PerRecipientMessageSubmissionFields fields[8] = {0};
    struct span octets;
    struct ber_error error = {0};
    va_list more;
    envelope.content_type.choice = x411_ContentType_built_in;
    envelope.content_type.u.built_in = 22;
    envelope.content_identifier = SPAN_LIT("C-1");
    if (world->deferred)
        assert_true(ber_utctime_write(world->deferred, &world->arena, &envelope.deferred_delivery_time));
    envelope.per_recipient_fields.items = fields;
    va_start(more, recipient);
    for (; recipient; recipient = va_arg(more, const char *)) {
        struct x411p3_PerRecipientMessageSubmissionFields *field =
            &fields[envelope.per_recipient_fields.count++];
        field->recipient_name = name_of(world, recipient);
        field->originator_report_request.octets = SPAN_LIT("\x80");
        field->originator_report_request.unused = 6;
    }
    va_end(more);
    if (!ber_encode_arena(&x411p3_MessageSubmissionEnvelope_type, &envelope, &world->arena, &octets, &error))
        fail_msg("%s", error.text);
    return octets;
}

UNUSED static void send_whole(struct world *world, uint64_t ref, struct span envelope, struct span content) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_u32(&payload, ++world->transfer);
    buf_append_byte(&payload, IPC_APDU_MESSAGE);
    payload_put_octets(&payload, SPAN_LIT("\2\1\1"));
    payload_put_octets(&payload, envelope);
    tell(world, IPC_TRANSFER_WHOLE, ref, buf_span(&payload), content);
    buf_free(&payload);
}

UNUSED static enum ipc_result result_of(struct world *world, uint64_t ref) {
    struct reader r = expect(world, IPC_TRANSFER_RESULT, ref);
    uint32_t transfer = reader_u32(&r);
    assert_in_range(transfer, 1, world->transfer);
    return (enum ipc_result)reader_u8(&r);
}

/* A message of beta's, on its association 1, is accepted. */
UNUSED static void comes_in(struct world *world, const char *recipient) {
    send_whole(world, 1, envelope_to(world, WANTS_NDN, recipient, NULL), SPAN_LIT("content"));
    assert_int_equal(result_of(world, 1), IPC_ACCEPTED);
}

/* The channel of the net process is as good as before. */
UNUSED static void still_served(struct world *world) {
    associate(world, 77, "gamma");
    send_whole(world, 77, envelope_to(world, WANTS_NDN, JONES, NULL), SPAN_LIT("content"));
    assert_int_equal(result_of(world, 77), IPC_ACCEPTED);
}

/* ---- a message in pieces ---- */

UNUSED static void say_transfer(struct world *world, uint64_t ref, const char *activity) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_u32(&payload, ++world->transfer);
    payload_put_octets(&payload, span_str(activity));
    tell(world, IPC_TRANSFER_BEGIN, ref, buf_span(&payload), NOTHING);
    buf_free(&payload);
}

UNUSED static void say_checkpoint(struct world *world, uint64_t ref, uint32_t serial, uint64_t offset,
                                  const char *parser) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_u32(&payload, serial);
    buf_append_u64(&payload, offset);
    tell(world, IPC_TRANSFER_CHECKPOINT, ref, buf_span(&payload), span_str(parser));
    buf_free(&payload);
}

UNUSED static void expect_checkpoint(struct world *world, uint64_t ref, uint32_t serial) {
    struct reader r = expect(world, IPC_TRANSFER_CHECKPOINT_DONE, ref);
    assert_int_equal(reader_u32(&r), world->transfer);
    assert_int_equal(reader_u32(&r), serial);
}

UNUSED static void ask_resume_as(struct world *world, uint64_t ref, const char *association,
                                 const char *activity, uint32_t serial, const char *new) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_u32(&payload, ++world->transfer);
    payload_put_octets(&payload, span_str(association));
    payload_put_octets(&payload, span_str(activity));
    buf_append_u32(&payload, serial);
    payload_put_octets(&payload, span_str(new));
    tell(world, IPC_RESUME, ref, buf_span(&payload), NOTHING);
    buf_free(&payload);
}

/* As an activity of a name that no other has. */
UNUSED static void ask_resume(struct world *world, uint64_t ref, const char *association,
                              const char *activity, uint32_t serial) {
    char new[8];
    snprintf(new, sizeof new, "\2\4n%03u", world->transfer % 1000);
    ask_resume_as(world, ref, association, activity, serial, new);
}

/* What the answer says behind the transfer's number. */
UNUSED static struct reader say_resume(struct world *world, uint64_t ref, const char *association,
                                       const char *activity, uint32_t serial) {
    ask_resume(world, ref, association, activity, serial);
    struct reader r = expect(world, IPC_RESUME_RESULT, ref);
    assert_int_equal(reader_u32(&r), world->transfer);
    return r;
}

/* ---- what goes out ---- */

/* What SEND_BEGIN says. Spans live until the next frame is awaited. */
struct outgoing {
    uint64_t ref, content_length, start;
    uint32_t serial;
    struct span old_association, old_activity, prefix, content;
};

UNUSED static struct outgoing outgoing_of(struct world *world, uint64_t ref) {
    struct reader r = expect(world, IPC_SEND_BEGIN, ref);
    struct outgoing out = {.ref = world->last.ref, .content_length = reader_u64(&r)};
    out.start = reader_u64(&r);
    out.serial = reader_u32(&r);
    out.old_association = payload_octets(&r);
    out.old_activity = payload_octets(&r);
    out.prefix = payload_octets(&r);
    out.content = payload_rest(&r);
    assert_true(payload_done(&r));
    return out;
}

/* The peer confirmed a checkpoint of the transfer out, in activity 7. */
UNUSED static void confirm_checkpoint(struct world *world, uint64_t ref, uint32_t serial, uint64_t offset) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_u32(&payload, serial);
    buf_append_u64(&payload, offset);
    payload_put_octets(&payload, SPAN_LIT("\2\1\7"));
    tell(world, IPC_SEND_CHECKPOINT, ref, buf_span(&payload), NOTHING);
    buf_free(&payload);
}

/* `flags`: enum ipc_sent_flag. */
UNUSED static void sent_so(struct world *world, uint64_t ref, enum ipc_sent result, unsigned flags) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_byte(&payload, (uint8_t)result);
    payload_put_octets(&payload, SPAN_LIT("test"));
    buf_append_byte(&payload, (uint8_t)flags);
    tell(world, IPC_SEND_RESULT, ref, buf_span(&payload), NOTHING);
    buf_free(&payload);
}

UNUSED static void sent(struct world *world, uint64_t ref, enum ipc_sent result) {
    sent_so(world, ref, result, result == IPC_SENT_DEFERRED ? IPC_SENT_FOR_NOW : 0);
}

/* The peer is called, and is being sent a copy. */
UNUSED static struct outgoing sets_out(struct world *world, uint64_t ref, const char *peer) {
    connect_out(world, ref, peer);
    return outgoing_of(world, ref);
}

/* It takes it. */
UNUSED static void goes_out(struct world *world, uint64_t ref, const char *peer) {
    sets_out(world, ref, peer);
    sent(world, ref, IPC_SENT);
}

/* A world in which a copy is on its way to gamma, on association 2. */
UNUSED static struct outgoing begin_on_its_way(struct world *world) {
    begin_with_beta(world);
    comes_in(world, FRANK);
    return sets_out(world, 2, "gamma");
}

/* The same, killed then; `first` gets what was sent of it. */
UNUSED static void killed_in_doubt(struct world *world, struct buf *first) {
    buf_init(first, 0);
    buf_append_span(first, begin_on_its_way(world).prefix);
    world_kill(world);
}

/* ---- local clients ---- */

UNUSED static void client(struct world *world, uint64_t ref, uint32_t uid) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_u32(&payload, uid);
    buf_append_u32(&payload, uid);
    tell(world, IPC_CLIENT_OPEN, ref, buf_span(&payload), NOTHING);
    buf_free(&payload);
}

/* Asks as client 1 and gives the answer; the caller lets go of it. */
UNUSED static json_t *ask(struct world *world, const char *request) {
    tell(world, IPC_REQUEST, (uint64_t)1 << 32 | 5, NOTHING, span_str(request));
    struct reader r = expect(world, IPC_RESPONSE, (uint64_t)1 << 32 | 5);
    assert_int_equal(reader_u8(&r), 1);
    struct span text = payload_rest(&r);
    json_t *answer = json_loadb((const char *)text.data, text.len, 0, NULL);
    assert_non_null(answer);
    return answer;
}

/* The code of the error with which a submission is answered; "": it was taken. */
UNUSED static const char *error_of(struct world *world, uint64_t ref) {
    static char code[40];
    struct reader r = expect(world, IPC_SUBMIT_RESULT, ref);
    if (reader_u8(&r) == 1)
        return "";
    struct span octets = payload_rest(&r);
    json_t *answer = json_loadb((const char *)octets.data, octets.len, 0, NULL);
    const char *got = json_string_value(json_object_get(json_object_get(answer, "error"), "code"));
    snprintf(code, sizeof code, "%s", got ? got : "no error");
    json_decref(answer);
    return code;
}

UNUSED static json_t *entry_at(json_t *list, size_t i) {
    return json_array_get(json_object_get(list, "entries"), i);
}

UNUSED static json_int_t number_at(json_t *value, const char *first, const char *second) {
    json_t *inner = json_object_get(value, first);
    return json_integer_value(second ? json_object_get(inner, second) : inner);
}

/* How many entries the answer to a request that lists some has. */
UNUSED static json_int_t listed(struct world *world, const char *request) {
    json_t *list = ask(world, request), *entries = json_object_get(list, "entries");
    assert_non_null(entries); /* an error has none, and would count as an empty list */
    json_int_t count = (json_int_t)json_array_size(entries);
    json_decref(list);
    return count;
}

/* How many entries the mailbox has; how many copies are in that state ("all": in any). */
UNUSED static json_int_t entries_of(struct world *world, const char *mailbox) {
    char request[200];
    snprintf(request, sizeof request, "{\"operation\":\"mailbox-list\",\"mailbox\":\"%s\"}", mailbox);
    return listed(world, request);
}

UNUSED static json_int_t copies_in(struct world *world, const char *state) {
    char request[100];
    if (strcmp(state, "all") == 0)
        return listed(world, "{\"operation\":\"queue-list\"}");
    snprintf(request, sizeof request, "{\"operation\":\"queue-list\",\"state\":\"%s\"}", state);
    return listed(world, request);
}

/* How many copies the queue has. */
UNUSED static json_int_t queued(struct world *world) {
    json_t *answer = ask(world, "{\"operation\":\"status\"}");
    json_int_t copies = number_at(answer, "copies", NULL);
    json_decref(answer);
    return copies;
}

/* A world in which beta has its association 1, and an operator is client 1. */
UNUSED static void begin_with_operator(struct world *world) {
    begin_with_beta(world);
    client(world, 1, 0);
}

/* Starts the switch anew, and asks it as an operator. */
UNUSED static void begin_again(struct world *world) {
    world_start(world);
    client(world, 1, 0);
}

/* Waits until the queue is empty: a confirmation's row goes with a commit that nobody is told of. */
UNUSED static void expect_drained(struct world *world) {
    EVENTUALLY(queued(world) == 0);
}

/* A message of beta's, whose association is number 1, to a user here: what the switch was told before is on
 * disk when it is accepted. */
UNUSED static void expect_committed(struct world *world) {
    send_whole(world, 1, envelope_to(world, WANTS_NDN, JONES, NULL), SPAN_LIT("a commit"));
    assert_int_equal(result_of(world, 1), IPC_ACCEPTED);
}

#endif
