/* Requests to readers, and to a store process, that do not answer: each has an answer all the same, and what
 * comes late goes to nobody. And whose turn it is with a reader, where several users ask. */
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

static struct gone read_gone(struct span payload) {
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

static bool on_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
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

static void on_closed(void *context, struct ipc_channel *channel, const char *cause) {
    struct end *end = context;
    (void)channel, (void)cause;
    end->channel = NULL;
    end->closed++;
}

static const struct ipc_handler handler = {.frame = on_frame, .closed = on_closed};

static void attach(struct world *world, unsigned number, int fd) {
    world->ends[number] = (struct end){0};
    world->ends[number].channel = ipc_channel_new(world->loop, fd, "end", &handler, &world->ends[number]);
    assert_non_null(world->ends[number].channel);
}

/* The process's end; the other is the test's. */
static int open_end(struct world *world, unsigned number) {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    attach(world, number, pair[0]);
    return pair[1];
}

static void start_reader(struct world *world, unsigned number) {
    int end = open_end(world, number);
    struct ipc_holder holder = {.end = IPC_END_READER, .number = (uint8_t)(number - READER), .life = LIFE};
    assert_true(ipc_door_pass(world->door, &holder, end));
    close(end);
}

/* A local socket without a name in the file system, and a client of it. */
static int listen_local(struct sockaddr_un *local, socklen_t *length) {
    static unsigned count; /* one that fell keeps its own */
    *local = (struct sockaddr_un){.sun_family = AF_UNIX};
    int octets = snprintf(local->sun_path + 1, sizeof local->sun_path - 1, "chasqui-test-readers-%d-%u",
                          (int)getpid(), ++count);
    *length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)octets);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (const struct sockaddr *)local, *length) == 0 && listen(fd, 8) == 0);
    return fd;
}

static void run(struct world *world) {
    for (int i = 0; i < 100; i++)
        event_base_loop(world->loop, EVLOOP_NONBLOCK);
}

static void open_client(struct world *world, unsigned number) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&world->local, world->local_length), 0);
    attach(world, number, fd);
    assert_true(ipc_send(world->ends[number].channel, IPC_HELLO, 0, SPAN_LIT("\0\1\0\0\0\0"),
                         (struct span){NULL, 0}));
    run(world);
}

static void begin(struct world *world, unsigned readers, unsigned answer_ms) {
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

static void end(struct world *world) {
    clients_free(world->clients);
    run(world);
    for (unsigned i = 0; i < ENDS; i++)
        ipc_channel_free(world->ends[i].channel);
    close(world->door);
    event_base_free(world->loop);
}

static void ask(struct world *world, uint64_t ref) {
    assert_true(ipc_send(world->ends[CLIENT].channel, IPC_REQUEST, ref, LIST, (struct span){NULL, 0}));
    run(world);
}

static void answer(struct world *world, unsigned reader, uint64_t ref, bool last, const char *text) {
    uint8_t octet = last;
    assert_true(ipc_send(world->ends[reader].channel, IPC_RESPONSE, ref, span_of(&octet, 1), span_str(text)));
    run(world);
}

/* Until an end has heard so often, for so long at the most. */
static void let_hear(struct world *world, unsigned number, unsigned times, int ms) {
    const struct timeval moment = {.tv_usec = 10000};
    for (int64_t until = clock_monotonic_us() + ms * INT64_C(1000);
         world->ends[number].heard < times && clock_monotonic_us() < until;) {
        event_base_loopexit(world->loop, &moment);
        event_base_dispatch(world->loop);
    }
}

/* Until the client has heard so many answers: 20 s at most, where one is due after less than one. */
static void await(struct world *world, unsigned answers) {
    let_hear(world, CLIENT, answers, 20000);
    assert_int_equal(world->ends[CLIENT].heard, answers);
}

static void expect_unavailable(const struct world *world, uint64_t ref, const char *text) {
    const struct end *client = &world->ends[CLIENT];
    assert_int_equal(client->ref, ref);
    assert_non_null(strstr(client->text, "\"unavailable\""));
    if (!strstr(client->text, text))
        fail_msg("%s", client->text);
}

#define SOON 200 /* ms: tests wait for these, and for nothing else */

static void a_reader_that_says_nothing_keeps_nobody_waiting(void **state) {
    struct world world;
    (void)state;
    begin(&world, 1, SOON);
    ask(&world, 1);
    ask(&world, 2);
    assert_int_equal(world.ends[READER].heard, 2);
    await(&world, 2);
    expect_unavailable(&world, 2, "has not answered in time");
    ask(&world, 3); /* it is asked nothing more */
    expect_unavailable(&world, 3, "no process that reads the store");
    assert_int_equal(world.ends[READER].heard, 2);
    end(&world);
}

static void nobody_is_told_before_the_time(void **state) {
    struct world world;
    (void)state;
    begin(&world, 1, 0);
    ask(&world, 1);
    usleep(2 * SOON * 1000);
    run(&world);
    assert_int_equal(world.ends[CLIENT].heard, 0);
    answer(&world, READER, world.ends[READER].ref, true, "{}");
    assert_int_equal(world.ends[CLIENT].heard, 1);
    assert_string_equal(world.ends[CLIENT].text, "{}");
    end(&world);
}

/* The client may have used the ref for something else by then. */
static void what_comes_late_goes_to_nobody(void **state) {
    struct world world;
    (void)state;
    begin(&world, 1, SOON);
    ask(&world, 1);
    uint64_t first = world.ends[READER].ref;
    answer(&world, READER, first, false, "{\"entries\":[1]}");
    assert_int_equal(world.ends[CLIENT].heard, 1);
    await(&world, 2);
    expect_unavailable(&world, 1, "in time");
    answer(&world, READER, first, false, "{\"entries\":[2]}");
    answer(&world, READER, first, true, "{\"entries\":[3]}");
    assert_int_equal(world.ends[CLIENT].heard, 2);
    ask(&world, 1); /* and it is as good as before */
    assert_int_equal(world.ends[READER].heard, 2);
    answer(&world, READER, world.ends[READER].ref, true, "{\"entries\":[4]}");
    assert_string_equal(world.ends[CLIENT].text, "{\"entries\":[4]}");
    assert_int_equal(world.ends[READER].closed, 0);
    end(&world);
}

static void another_reader_answers_in_its_place(void **state) {
    struct world world;
    (void)state;
    begin(&world, 2, SOON);
    ask(&world, 1);
    unsigned silent = world.ends[READER].heard ? READER : OTHER_READER;
    unsigned other = silent == READER ? OTHER_READER : READER;
    await(&world, 1);
    ask(&world, 2);
    assert_int_equal(world.ends[other].heard, 1);
    answer(&world, other, world.ends[other].ref, true, "{}");
    assert_string_equal(world.ends[CLIENT].text, "{}");
    end(&world);
}

/* One that ends, or is followed by another of its number, takes with it what nobody was told of. */
static void the_end_of_a_late_reader_tells_nobody_twice(void **state) {
    struct world world;
    (void)state;
    begin(&world, 1, SOON);
    ask(&world, 1);
    await(&world, 1);
    ipc_channel_free(world.ends[READER].channel);
    start_reader(&world, READER);
    run(&world);
    assert_int_equal(world.ends[CLIENT].heard, 1);
    ask(&world, 2);
    answer(&world, READER, world.ends[READER].ref, true, "{}");
    assert_string_equal(world.ends[CLIENT].text, "{}");
    end(&world);
}

static void an_answer_that_nobody_asked_for_ends_the_channel(void **state) {
    struct world world;
    (void)state;
    begin(&world, 1, 0);
    ask(&world, 1);
    answer(&world, READER, world.ends[READER].ref + 1, false, "{}");
    assert_int_equal(world.ends[READER].closed, 1);
    expect_unavailable(&world, 1, "ended");
    end(&world);
}

static void expect_told(const struct world *world, unsigned reader, bool broke_rules) {
    const struct end *parent = &world->ends[PARENT];
    assert_int_equal(parent->heard, 1);
    assert_int_equal(parent->said.holder.end, IPC_END_READER);
    assert_int_equal(parent->said.holder.number, reader - READER);
    assert_int_equal(parent->said.holder.life, LIFE);
    assert_int_equal(parent->said.broke_rules, broke_rules);
}

/* It might stay, without a channel, and nobody would follow it. */
static void the_parent_hears_of_a_reader_that_broke_the_rules(void **state) {
    struct world world;
    (void)state;
    begin(&world, 2, 0);
    answer(&world, OTHER_READER, 77, false, "{}");
    assert_int_equal(world.ends[OTHER_READER].closed, 1);
    expect_told(&world, OTHER_READER, true);
    end(&world);
}

static void the_parent_hears_of_a_reader_that_closed_its_channel(void **state) {
    struct world world;
    (void)state;
    begin(&world, 1, 0);
    ipc_channel_free(world.ends[READER].channel);
    world.ends[READER].channel = NULL;
    run(&world);
    expect_told(&world, READER, false);
    end(&world);
}

static void a_frame_that_is_too_long_breaks_the_rules(void **state) {
    struct world world;
    static const uint8_t header[16] = {0xff, 0xff, 0xff, 0xff, [5] = IPC_RESPONSE};
    int pair[2];
    (void)state;
    begin(&world, 1, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    struct ipc_holder holder = {.end = IPC_END_READER, .number = 0, .life = LIFE};
    assert_true(ipc_door_pass(world.door, &holder, pair[1]));
    assert_int_equal(write(pair[0], header, sizeof header), sizeof header);
    run(&world);
    expect_told(&world, READER, true);
    close(pair[0]);
    close(pair[1]);
    end(&world);
}

/* Its channel can't be taken up (no memory; here, no socket): it would stay so, and answer nobody. */
static void the_parent_hears_of_a_reader_that_is_not_met(void **state) {
    struct world world;
    (void)state;
    begin(&world, 2, 0);
    FILE *file = tmpfile();
    assert_non_null(file);
    struct ipc_holder holder = {.end = IPC_END_READER, .number = 1, .life = LIFE};
    assert_true(ipc_door_pass(world.door, &holder, fileno(file)));
    fclose(file);
    run(&world);
    expect_told(&world, OTHER_READER, false);
    end(&world);
}

/* ---- the store process ---- */

/* Until the store process was asked so often. */
static void await_asked(struct world *world, unsigned times) {
    let_hear(world, STORE, times, 20000);
    assert_int_equal(world->ends[STORE].heard, times);
}

static void ask_with(struct world *world, uint64_t ref, const char *operation, const char *more) {
    char request[80];
    snprintf(request, sizeof request, "{\"operation\":\"%s\"%s}", operation, more);
    assert_true(
        ipc_send(world->ends[CLIENT].channel, IPC_REQUEST, ref, span_str(request), (struct span){NULL, 0}));
    run(world);
}

static void ask_for(struct world *world, uint64_t ref, const char *operation) {
    ask_with(world, ref, operation, "");
}

static int64_t ms_since(int64_t then) {
    return (clock_monotonic_us() - then) / 1000;
}

static void a_store_process_that_says_nothing_keeps_nobody_waiting(void **state) {
    struct world world;
    const struct end *client = &world.ends[CLIENT];
    (void)state;
    begin(&world, 0, SOON);
    int64_t asked = clock_monotonic_us();
    ask_for(&world, 1, "queue-list");
    uint64_t first = world.ends[STORE].ref;
    await_asked(&world, 2); /* for a sign */
    assert_int_equal(client->heard, 0);
    assert_int_equal(world.ends[STORE].clients, 1); /* and who asked for it is no client any more */
    await(&world, 1);
    assert_true(ms_since(asked) >= 2 * SOON);
    assert_non_null(strstr(client->text, "\"timed-out\""));
    assert_non_null(strstr(client->text, "does not answer"));
    ask_for(&world, 2, "queue-hold");
    await(&world, 2);
    assert_non_null(strstr(client->text, "it may still be done"));
    answer(&world, STORE, first, true, "{\"late\":1}");
    assert_int_equal(client->heard, 2);
    ask_for(&world, 1, "queue-list"); /* and it is as good as before */
    answer(&world, STORE, world.ends[STORE].ref, true, "{}");
    assert_string_equal(client->text, "{}");
    assert_int_equal(world.ends[STORE].closed, 0);
    end(&world);
}

/* Whose commits take long answers what is only looked at. */
static void nobody_is_told_while_the_store_process_gives_a_sign(void **state) {
    struct world world;
    (void)state;
    begin(&world, 0, SOON);
    int64_t asked = clock_monotonic_us();
    ask_for(&world, 1, "queue-hold");
    uint64_t first = world.ends[STORE].ref;
    for (unsigned signs = 1; signs <= 4; signs++) {
        await_asked(&world, 1 + signs);
        answer(&world, STORE, world.ends[STORE].ref, true, "{\"sign\":1}");
    }
    assert_int_equal(world.ends[CLIENT].heard, 0);
    assert_true(ms_since(asked) >= 4 * SOON); /* it is not asked for them again and again */
    answer(&world, STORE, first, true, "{}");
    assert_string_equal(world.ends[CLIENT].text, "{}");
    end(&world);
}

/* A client that was told may use the ref again: the answers come in any order then. */
static void a_late_answer_is_not_given_to_another_request(void **state) {
    struct world world;
    const struct end *client = &world.ends[CLIENT];
    (void)state;
    begin(&world, 0, SOON);
    ask_for(&world, 1, "queue-delete");
    uint64_t first = world.ends[STORE].ref;
    await(&world, 1);
    ask_for(&world, 1, "queue-show");
    uint64_t second = world.ends[STORE].ref;
    answer(&world, STORE, first, true, "{\"late\":1}");
    assert_int_equal(client->heard, 1);
    answer(&world, STORE, second, true, "{\"shown\":1}");
    assert_int_equal(client->heard, 2);
    assert_int_equal(client->ref, 1);
    assert_string_equal(client->text, "{\"shown\":1}");
    end(&world);
}

/* Both of one ref are answered, each once. */
static void a_client_may_use_a_ref_twice_at_a_time(void **state) {
    struct world world;
    const struct end *client = &world.ends[CLIENT];
    (void)state;
    begin(&world, 0, 0);
    ask_for(&world, 1, "queue-list");
    uint64_t first = world.ends[STORE].ref;
    ask_for(&world, 1, "queue-show");
    uint64_t second = world.ends[STORE].ref;
    answer(&world, STORE, second, true, "{\"shown\":1}");
    assert_string_equal(client->text, "{\"shown\":1}");
    answer(&world, STORE, first, true, "{\"listed\":1}");
    assert_string_equal(client->text, "{\"listed\":1}");
    assert_int_equal(client->heard, 2);
    end(&world);
}

static struct ipc_channel *another_client(struct world *world, struct end *end) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&world->local, world->local_length), 0);
    *end = (struct end){.channel = ipc_channel_new(world->loop, fd, "end", &handler, end)};
    assert_non_null(end->channel);
    assert_true(ipc_send(end->channel, IPC_HELLO, 0, SPAN_LIT("\0\1\0\0\0\0"), (struct span){NULL, 0}));
    run(world);
    return end->channel;
}

/* Nobody is read while the way to the store process is full; who is there already is told all the same. What
 * begins then is refused, and what is under way waits. */
static void a_submission_that_fills_the_way_keeps_nobody_waiting(void **state) {
    struct world world;
    struct end other;
    static const uint8_t content[200000];
    const struct span nothing = {NULL, 0};
    const struct end *client = &world.ends[CLIENT];
    (void)state;
    begin(&world, 0, SOON);
    struct ipc_channel *submits = another_client(&world, &other);
    ipc_pause(world.ends[STORE].channel);
    ipc_send(submits, IPC_SUBMIT_BEGIN, 9, SPAN_LIT("\1x"), nothing);
    for (unsigned i = 0; i < 8; i++)
        ipc_send(submits, IPC_SUBMIT_CONTENT, 9, span_of(content, sizeof content), nothing);
    ipc_send(submits, IPC_REQUEST, 10, SPAN_LIT("{\"operation\":\"queue-list\"}"), nothing);
    run(&world);
    ask_for(&world, 1, "queue-list");
    assert_int_equal(client->heard, 0);
    await(&world, 1);
    assert_non_null(strstr(client->text, "\"unavailable\""));
    ask_for(&world, 2, "queue-hold");
    assert_int_equal(client->heard, 2);
    assert_int_equal(client->ref, 2);
    ipc_send(world.ends[CLIENT].channel, IPC_SUBMIT_BEGIN, 3, SPAN_LIT("\1x"), nothing);
    run(&world);
    assert_int_equal(client->heard, 3);
    assert_int_equal(client->ref, 3);
    assert_int_equal(other.heard, 0);
    ipc_resume(world.ends[STORE].channel);
    run(&world);
    assert_int_equal(world.ends[STORE].contents, 8);
    answer(&world, STORE, world.ends[STORE].ref, true, "{}");
    ask_for(&world, 4, "queue-show"); /* and it is as good as before */
    answer(&world, STORE, world.ends[STORE].ref, true, "{}");
    assert_string_equal(client->text, "{}");
    ipc_channel_free(submits);
    end(&world);
}

/* What was not asked for is not missing: the question needs no memory. */
static void a_sign_is_asked_for_without_memory(void **state) {
    struct world world;
    const struct timeval moment = {.tv_usec = 10000};
    (void)state;
    begin(&world, 0, SOON);
    ask_for(&world, 1, "queue-list");
    mem_fail_after(0);
    for (int i = 0; i < 500 && world.ends[STORE].heard < 2; i++) {
        event_base_loopexit(world.loop, &moment);
        event_base_dispatch(world.loop);
    }
    mem_fail_after(-1);
    assert_int_equal(world.ends[STORE].heard, 2);
    end(&world);
}

/* Nor 0, when all have been given once, nor that of one that is there still (the first is). */
static void no_client_has_the_number_of_the_sign(void **state) {
    struct world world;
    struct end others[3];
    static const uint64_t numbers[] = {UINT32_MAX - 1, 2, 3};
    (void)state;
    begin(&world, 0, 0);
    assert_int_equal(world.ends[STORE].client, 1);
    world.clients->next_number = UINT32_MAX - 2;
    for (size_t i = 0; i < 3; i++) {
        another_client(&world, &others[i]);
        assert_int_equal(world.ends[STORE].client, numbers[i]);
    }
    for (size_t i = 0; i < 3; i++)
        ipc_channel_free(others[i].channel);
    end(&world);
}

/* Of several each is told what it was: one that only counts changes nothing. */
static void each_is_told_whether_it_may_still_be_done(void **state) {
    struct world world;
    (void)state;
    begin(&world, 0, SOON);
    ask_for(&world, 1, "queue-delete");
    ask_with(&world, 2, "queue-delete", ",\"count\":true");
    ask_with(&world, 3, "queue-hold", ",\"count\":false");
    ask_for(&world, 4, "status");
    await(&world, 4);
    assert_int_equal(world.ends[CLIENT].undone, 1 << 1 | 1 << 3);
    end(&world);
}

/* When it is known that nobody is answered a request still has a moment, in which the store process may be
 * there again; and when nothing is asked, nothing is looked at. */
static void who_asks_in_the_silence_has_a_moment(void **state) {
    struct world world;
    (void)state;
    begin(&world, 0, 5 * SOON);
    int events = event_base_get_num_events(world.loop, EVENT_BASE_COUNT_ADDED);
    ask_for(&world, 1, "status");
    await(&world, 1);
    let_hear(&world, CLIENT, 2, SOON / 2); /* to the middle between two looks */
    int64_t asked = clock_monotonic_us();
    ask_for(&world, 2, "status");
    await(&world, 2);
    assert_true(ms_since(asked) >= SOON);
    let_hear(&world, CLIENT, 3, 2 * SOON);
    assert_int_equal(event_base_get_num_events(world.loop, EVENT_BASE_COUNT_ADDED), events);
    end(&world);
}

/* What readers were asked does not count: they are watched by themselves. */
static void a_request_to_a_reader_casts_no_doubt_on_the_store_process(void **state) {
    struct world world;
    (void)state;
    begin(&world, 1, 20000);
    ask(&world, 1);
    assert_int_equal(world.ends[READER].heard, 1);
    ask_for(&world, 2, "queue-hold");
    let_hear(&world, STORE, 2, 4500); /* one look, after a fifth of the time */
    assert_int_equal(world.ends[STORE].heard, 1);
    end(&world);
}

static unsigned times_in(FILE *log, const char *text) {
    static char said[8192];
    unsigned times = 0;
    ssize_t length = pread(fileno(log), said, sizeof said - 1, 0);
    assert_true(length >= 0);
    said[length] = '\0';
    for (const char *at = said; (at = strstr(at, text)); at++)
        times++;
    return times;
}

/* Each silence has a line, and its end one, however many asked meanwhile. */
static void the_log_tells_of_each_silence_once(void **state) {
    struct world world;
    FILE *log = tmpfile();
    int stderr_fd = dup(STDERR_FILENO);
    (void)state;
    assert_true(log && stderr_fd >= 0);
    dup2(fileno(log), STDERR_FILENO);
    begin(&world, 0, SOON);
    for (unsigned silence = 0; silence < 2; silence++) {
        for (unsigned i = 1; i <= 3; i++) {
            ask_for(&world, i, "status");
            let_hear(&world, CLIENT, 3 * silence + i, 20000);
        }
        answer(&world, STORE, world.ends[STORE].ref, true, "{}");
        answer(&world, STORE, world.ends[STORE].ref, true, "{}");
    }
    unsigned answers = world.ends[CLIENT].heard;
    end(&world);
    fflush(stderr);
    dup2(stderr_fd, STDERR_FILENO);
    close(stderr_fd);
    assert_int_equal(answers, 6);
    assert_int_equal(times_in(log, "the store process does not answer: what it was asked at"), 2);
    assert_int_equal(times_in(log, "the store process answers again"), 2);
    fclose(log);
}

/* ---- whose turn it is ---- */

/* The system says of a socket who connected it. */
static void open_client_as(struct world *world, unsigned number, uid_t uid) {
    assert_int_equal(seteuid(uid), 0);
    open_client(world, number);
    assert_int_equal(seteuid(0), 0);
}

static void begin_with_users(struct world *world, unsigned answer_ms) {
    if (geteuid() != 0)
        skip();
    begin(world, 1, answer_ms);
    open_client_as(world, ANNS, ANN);
    open_client_as(world, BENS, BEN);
}

static void ask_as(struct world *world, unsigned client, uint64_t first, unsigned count) {
    for (uint64_t ref = first; ref < first + count; ref++)
        assert_true(ipc_send(world->ends[client].channel, IPC_REQUEST, ref, LIST, (struct span){NULL, 0}));
    run(world);
}

/* The reader answers what it was asked in its order, beginning with the request of that place, so often.
 */
static void answer_on(struct world *world, unsigned first, unsigned count) {
    for (unsigned i = first; i < first + count; i++)
        answer(world, READER, world->ends[READER].refs[i], true, "{}");
}

/* Whose requests the reader was asked, of the clients in the order in which they came: "011". */
static void expect_asked(const struct world *world, const char *whose) {
    const struct end *reader = &world->ends[READER];
    char said[MOST_HEARD + 1] = "";
    assert_in_range(reader->heard, 0, MOST_HEARD);
    for (unsigned i = 0; i < reader->heard; i++)
        said[i] = (char)('0' + (reader->refs[i] >> 32) - 1);
    assert_string_equal(said, whose);
}

#define OPERATORS "0"

static void a_user_who_asks_much_has_turns_as_others_do(void **state) {
    struct world world;
    (void)state;
    begin_with_users(&world, 0);
    ask_as(&world, ANNS, 1, 8);
    expect_asked(&world, "11");
    ask_as(&world, BENS, 1, 2);
    expect_asked(&world, "11");
    answer_on(&world, 0, 4);
    expect_asked(&world, "112121");
    answer_on(&world, 4, 6);
    expect_asked(&world, "1121211111");
    assert_int_equal(world.ends[ANNS].heard, 8);
    assert_int_equal(world.ends[BENS].heard, 2);
    for (uint64_t i = 1; i <= 8; i++)
        assert_int_equal(world.ends[ANNS].refs[i - 1], i);
    end(&world);
}

static void every_other_turn_is_an_operators(void **state) {
    struct world world;
    (void)state;
    begin_with_users(&world, 0);
    ask_as(&world, ANNS, 1, 6);
    ask_as(&world, BENS, 1, 2);
    ask_as(&world, CLIENT, 1, 4);
    answer_on(&world, 0, 10);
    expect_asked(&world, "11" OPERATORS "2" OPERATORS "1" OPERATORS "2" OPERATORS "111");
    end(&world);
}

/* As long as it may be, nearly. */
#define LONG_REQUEST ((size_t)60 * 1024)

static void ask_at_length(struct world *world, unsigned client) {
    struct buf text;
    buf_init(&text, 0);
    buf_append_span(&text, SPAN_LIT("{\"operation\":\"mailbox-list\",\"mailbox\":\""));
    while (text.len < LONG_REQUEST)
        buf_append_byte(&text, 'x');
    buf_append_span(&text, SPAN_LIT("\"}"));
    for (uint64_t ref = 1; ref <= CROWD_ASKS; ref++) {
        assert_true(
            ipc_send(world->ends[client].channel, IPC_REQUEST, ref, buf_span(&text), (struct span){NULL, 0}));
        run(world);
    }
    buf_free(&text);
}

/* What waits is bounded: above that nobody is read but operators, whoever comes anew neither; as there is
 * room again the others are. */
static void above_what_may_wait_operators_alone_are_read(void **state) {
    enum { BOUND = 16 << 20 };
    struct world world;
    const size_t *waiting;
    unsigned answers = 0;
    (void)state;
    begin_with_users(&world, 0);
    waiting = &world.clients->waiting;
    world.config.clients_max = 200;
    for (unsigned i = 0; i < CROWD_USERS; i++) {
        open_client_as(&world, CROWDS + i, CROWD + i);
        ask_at_length(&world, CROWDS + i);
    }
    size_t before = *waiting;
    assert_in_range(before, BOUND, BOUND + LONG_REQUEST + 10);
    ask_as(&world, BENS, 1, 1);
    assert_int_equal(*waiting, before);
    ask_as(&world, CLIENT, 1, 1);
    assert_int_equal(*waiting, before + LIST.len);
    for (; !world.ends[BENS].heard && answers < MOST_HEARD - 2; answers++) {
        answer_on(&world, answers, 1);
        assert_in_range(*waiting, 0, BOUND + LONG_REQUEST + 10);
    }
    assert_int_equal(world.ends[CLIENT].heard, 1);
    assert_int_equal(world.ends[BENS].heard, 1);
    end(&world);
}

/* Who comes again for each request is no newcomer, before whom others wait. */
static void who_comes_anew_comes_last(void **state) {
    struct world world;
    (void)state;
    begin_with_users(&world, 0);
    ask_as(&world, ANNS, 1, 2);
    ask_as(&world, BENS, 1, 1);
    ipc_channel_free(world.ends[ANNS].channel);
    run(&world);
    open_client_as(&world, ANNS, ANN);
    ask_as(&world, ANNS, 1, 1);
    answer_on(&world, 0, 1);
    expect_asked(&world, "112");
    answer_on(&world, 1, 1);
    expect_asked(&world, "1123");
    end(&world);
}

static void what_waits_goes_to_the_reader_that_follows(void **state) {
    struct world world;
    (void)state;
    begin_with_users(&world, 0);
    ask_as(&world, ANNS, 1, 3);
    ask_as(&world, BENS, 1, 1);
    ipc_channel_free(world.ends[READER].channel);
    world.ends[READER].channel = NULL;
    run(&world);
    assert_int_equal(world.ends[ANNS].heard, 2);
    assert_non_null(strstr(world.ends[ANNS].text, "ended"));
    assert_int_equal(world.ends[BENS].heard, 0);
    start_reader(&world, READER);
    run(&world);
    assert_int_equal(world.ends[READER].heard, 2);
    answer_on(&world, 0, 2);
    assert_string_equal(world.ends[ANNS].text, "{}");
    assert_string_equal(world.ends[BENS].text, "{}");
    assert_int_equal(world.ends[ANNS].heard, 3);
    end(&world);
}

static void what_waits_of_a_client_that_goes_is_asked_of_nobody(void **state) {
    struct world world;
    (void)state;
    begin_with_users(&world, 0);
    open_client_as(&world, ANNS_OTHER, ANN);
    ask_as(&world, ANNS, 1, 8);
    ipc_channel_free(world.ends[ANNS].channel);
    world.ends[ANNS].channel = NULL;
    run(&world);
    ask_as(&world, BENS, 1, 1);
    answer_on(&world, 0, 3);
    expect_asked(&world, "112");
    assert_int_equal(world.ends[BENS].heard, 1);
    end(&world);
}

/* It has too much to do, but does not hang: the others' requests still go to it. */
static void a_reader_that_answers_is_asked_on_though_some_waited_too_long(void **state) {
    struct world world;
    (void)state;
    begin_with_users(&world, 2000);
    ask_as(&world, ANNS, 1, 3);
    usleep(1000000);
    answer_on(&world, 0, 1);
    for (int64_t until = clock_monotonic_us() + 20000000;
         world.ends[ANNS].heard < 3 && clock_monotonic_us() < until; usleep(10000))
        run(&world);
    assert_int_equal(world.ends[ANNS].heard, 3); /* the second and the third, that their time is over */
    assert_non_null(strstr(world.ends[ANNS].text, "in time"));
    ask_as(&world, BENS, 1, 1);
    assert_int_equal(world.ends[BENS].heard, 0);
    answer_on(&world, 1, 3);
    assert_string_equal(world.ends[BENS].text, "{}");
    assert_int_equal(world.ends[ANNS].heard, 3);
    end(&world);
}

static void what_waits_for_its_turn_is_told_in_time(void **state) {
    struct world world;
    (void)state;
    begin_with_users(&world, SOON);
    ask_as(&world, ANNS, 1, 8);
    ask_as(&world, BENS, 1, 1);
    for (int64_t until = clock_monotonic_us() + 20000000;
         world.ends[BENS].heard < 1 && clock_monotonic_us() < until; usleep(10000))
        run(&world);
    assert_int_equal(world.ends[BENS].heard, 1);
    assert_non_null(strstr(world.ends[BENS].text, "in time"));
    assert_int_equal(world.ends[ANNS].heard, 8);
    assert_int_equal(world.ends[READER].heard, 2);
    end(&world);
}

static void more_fetches_than_requests_go_at_a_time(void **state) {
    static const uint8_t fetch[4 + 1 + 8 + 8 + 4 + 1] = {[3] = 1, [4] = 'x'};
    struct world world;
    (void)state;
    begin(&world, 1, 0);
    open_client(&world, ANNS);
    for (uint64_t ref = 1; ref <= 12; ref++)
        assert_true(ipc_send(world.ends[ref > 6 ? ANNS : CLIENT].channel, IPC_FETCH, ref,
                             span_of(fetch, sizeof fetch), (struct span){NULL, 0}));
    run(&world);
    assert_int_equal(world.ends[READER].heard, 8);
    end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_that_says_nothing_keeps_nobody_waiting),
        cmocka_unit_test(nobody_is_told_before_the_time),
        cmocka_unit_test(what_comes_late_goes_to_nobody),
        cmocka_unit_test(another_reader_answers_in_its_place),
        cmocka_unit_test(the_end_of_a_late_reader_tells_nobody_twice),
        cmocka_unit_test(an_answer_that_nobody_asked_for_ends_the_channel),
        cmocka_unit_test(the_parent_hears_of_a_reader_that_broke_the_rules),
        cmocka_unit_test(the_parent_hears_of_a_reader_that_closed_its_channel),
        cmocka_unit_test(a_frame_that_is_too_long_breaks_the_rules),
        cmocka_unit_test(the_parent_hears_of_a_reader_that_is_not_met),
        cmocka_unit_test(a_late_answer_is_not_given_to_another_request),
        cmocka_unit_test(a_client_may_use_a_ref_twice_at_a_time),
        cmocka_unit_test(a_submission_that_fills_the_way_keeps_nobody_waiting),
        cmocka_unit_test(a_sign_is_asked_for_without_memory),
        cmocka_unit_test(no_client_has_the_number_of_the_sign),
        cmocka_unit_test(a_store_process_that_says_nothing_keeps_nobody_waiting),
        cmocka_unit_test(nobody_is_told_while_the_store_process_gives_a_sign),
        cmocka_unit_test(a_user_who_asks_much_has_turns_as_others_do),
        cmocka_unit_test(every_other_turn_is_an_operators),
        cmocka_unit_test(above_what_may_wait_operators_alone_are_read),
        cmocka_unit_test(who_comes_anew_comes_last),
        cmocka_unit_test(what_waits_goes_to_the_reader_that_follows),
        cmocka_unit_test(what_waits_of_a_client_that_goes_is_asked_of_nobody),
        cmocka_unit_test(a_reader_that_answers_is_asked_on_though_some_waited_too_long),
        cmocka_unit_test(what_waits_for_its_turn_is_told_in_time),
        cmocka_unit_test(more_fetches_than_requests_go_at_a_time),
        cmocka_unit_test(each_is_told_whether_it_may_still_be_done),
        cmocka_unit_test(who_asks_in_the_silence_has_a_moment),
        cmocka_unit_test(a_request_to_a_reader_casts_no_doubt_on_the_store_process),
        cmocka_unit_test(the_log_tells_of_each_silence_once),
    };
    return cmocka_run_group_tests_name("readers", tests, NULL, NULL);
}
