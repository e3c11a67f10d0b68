/* Channels: frames arrive whole and in order, limits hold, the end is told once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "ipc/channel.h"
#include "ipc/client.h"
#include "ipc/payload.h"

struct end {
    struct event_base *loop;
    struct ipc_channel *channel;
    int frames, closes, breaches, writables;
    uint64_t ref_sum;
    size_t octets;
    bool refuse;
    bool free_in_frame;
    char cause[80];
};

static bool on_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                     struct span payload) {
    struct end *end = context;
    assert_int_equal(type, IPC_REQUEST);
    end->frames++;
    end->ref_sum += ref;
    end->octets += payload.len;
    if (end->free_in_frame) {
        end->channel = NULL;
        ipc_channel_free(channel);
    }
    return !end->refuse;
}

static void on_closed(void *context, struct ipc_channel *channel, const char *cause) {
    assert_true(cause[0] != '\0');
    struct end *end = context;
    end->closes++;
    end->breaches += ipc_broke_rules(channel);
    snprintf(end->cause, sizeof end->cause, "%s", cause);
    end->channel = NULL;
}

static void on_writable(void *context, struct ipc_channel *channel) {
    (void)channel;
    ((struct end *)context)->writables++;
}

static const struct ipc_handler handler = {on_frame, on_closed, on_writable};

static void open_pair(struct event_base *loop, struct end *a, struct end *b) {
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    *a = (struct end){.loop = loop};
    *b = (struct end){.loop = loop};
    a->channel = ipc_channel_new(loop, fds[0], "a", &handler, a);
    b->channel = ipc_channel_new(loop, fds[1], "b", &handler, b);
    assert_non_null(a->channel);
    assert_non_null(b->channel);
}

static void run(struct event_base *loop) {
    for (int i = 0; i < 200; i++)
        event_base_loop(loop, EVLOOP_NONBLOCK);
}

static void frames_arrive_whole_and_in_order(void **state) {
    (void)state;
    struct event_base *loop = event_base_new();
    struct end a, b;
    open_pair(loop, &a, &b);
    for (uint64_t i = 1; i <= 100; i++)
        assert_true(ipc_send(a.channel, IPC_REQUEST, i, SPAN_LIT("head"), SPAN_LIT("body")));
    run(loop);
    assert_int_equal(b.frames, 100);
    assert_int_equal(b.ref_sum, 5050);
    assert_int_equal(b.octets, 800);
    ipc_channel_free(a.channel);
    run(loop);
    assert_int_equal(b.closes, 1);
    event_base_free(loop);
}

static void a_frame_over_the_limit_ends_the_channel(void **state) {
    (void)state;
    struct event_base *loop = event_base_new();
    struct end a;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    a = (struct end){.loop = loop};
    a.channel = ipc_channel_new(loop, fds[0], "a", &handler, &a);
    uint8_t header[16] = {0xFF, 0xFF, 0xFF, 0xFF};
    assert_int_equal(write(fds[1], header, sizeof header), sizeof header);
    run(loop);
    assert_int_equal(a.frames, 0);
    assert_int_equal(a.closes, 1);
    close(fds[1]);
    event_base_free(loop);
}

static void a_refused_frame_ends_the_channel(void **state) {
    (void)state;
    struct event_base *loop = event_base_new();
    struct end a, b;
    open_pair(loop, &a, &b);
    b.refuse = true;
    ipc_send(a.channel, IPC_REQUEST, 1, SPAN_LIT(""), SPAN_LIT(""));
    ipc_send(a.channel, IPC_REQUEST, 2, SPAN_LIT(""), SPAN_LIT(""));
    run(loop);
    assert_int_equal(b.frames, 1);
    assert_int_equal(b.closes, 1);
    assert_int_equal(a.closes, 1);
    event_base_free(loop);
}

/* A process that died before it had read all is told from one that closed its end. */
static void what_ended_the_other_end_is_told(void **state) {
    static const char *const causes[] = {"the other end closed it", "Connection reset by peer"};
    (void)state;
    for (int unread = 0; unread < 2; unread++) {
        struct event_base *loop = event_base_new();
        struct end a = {.loop = loop};
        int fds[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        a.channel = ipc_channel_new(loop, fds[0], "a", &handler, &a);
        if (unread)
            assert_true(ipc_send(a.channel, IPC_REQUEST, 1, SPAN_LIT("head"), SPAN_LIT("body")));
        run(loop);
        close(fds[1]);
        run(loop);
        assert_int_equal(a.closes, 1);
        assert_string_equal(a.cause, causes[unread]);
        event_base_free(loop);
    }
}

static void a_channel_may_be_freed_by_its_handler(void **state) {
    (void)state;
    struct event_base *loop = event_base_new();
    struct end a, b;
    open_pair(loop, &a, &b);
    b.free_in_frame = true;
    ipc_send(a.channel, IPC_REQUEST, 1, SPAN_LIT(""), SPAN_LIT(""));
    ipc_send(a.channel, IPC_REQUEST, 2, SPAN_LIT(""), SPAN_LIT(""));
    run(loop);
    assert_int_equal(b.frames, 1);
    assert_int_equal(b.closes, 0);
    assert_int_equal(a.closes, 1);
    event_base_free(loop);
}

static unsigned complaints;

static void on_complaint(int severity, const char *text) {
    (void)severity;
    fprintf(stderr, "libevent: %s\n", text);
    complaints++;
}

/* The loop has let go of a descriptor when it is closed: another file may have its number at once. */
static void what_is_freed_while_it_waits_to_write_leaves_the_loop_first(void **state) {
    (void)state;
    struct event_base *loop = event_base_new();
    struct end a, b;
    static const uint8_t chunk[IPC_CHUNK];
    event_set_log_callback(on_complaint);
    open_pair(loop, &a, &b);
    ipc_pause(b.channel);
    for (int i = 0; i < 8; i++)
        assert_true(ipc_send(a.channel, IPC_REQUEST, 1, span_of(chunk, sizeof chunk), SPAN_LIT("")));
    run(loop);
    ipc_channel_free(a.channel);
    run(loop);
    event_set_log_callback(NULL);
    assert_int_equal(complaints, 0);
    ipc_channel_free(b.channel);
    event_base_free(loop);
}

static void a_pause_holds_frames_back(void **state) {
    (void)state;
    struct event_base *loop = event_base_new();
    struct end a, b;
    open_pair(loop, &a, &b);
    ipc_pause(b.channel);
    ipc_send(a.channel, IPC_REQUEST, 1, SPAN_LIT(""), SPAN_LIT(""));
    run(loop);
    assert_int_equal(b.frames, 0);
    ipc_resume(b.channel);
    run(loop);
    assert_int_equal(b.frames, 1);
    ipc_channel_free(a.channel);
    ipc_channel_free(b.channel);
    event_base_free(loop);
}

static void a_full_queue_says_so_and_drains(void **state) {
    (void)state;
    struct event_base *loop = event_base_new();
    struct end a, b;
    open_pair(loop, &a, &b);
    static const uint8_t chunk[IPC_CHUNK];
    int sent = 0;
    while (!ipc_is_full(a.channel)) {
        assert_true(ipc_send(a.channel, IPC_REQUEST, 1, span_of(chunk, sizeof chunk), SPAN_LIT("")));
        assert_true(++sent < 1000);
    }
    run(loop);
    assert_int_equal(b.frames, sent);
    assert_int_equal(a.writables, 1);
    assert_false(ipc_is_full(a.channel));
    ipc_channel_free(a.channel);
    ipc_channel_free(b.channel);
    event_base_free(loop);
}

/* What the frames' octets are says their ref, so that no order but the right one goes unnoticed. */
static bool on_ordered(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                       struct span payload) {
    struct end *end = context;
    assert_int_equal(ref, ++end->frames);
    end->octets += payload.len;
    for (size_t i = 0; i < payload.len; i++)
        assert_int_equal(payload.data[i], (uint8_t)ref);
    if (end->refuse && ref % 7 == 0) {
        ipc_pause(channel);
        ipc_resume(channel);
    }
    return type == IPC_REQUEST;
}

static const struct ipc_handler ordered = {on_ordered, on_closed, on_writable};

/* Small ones gather, large ones go at once, and now and then the socket takes no more. */
static void frames_of_all_sizes_keep_their_order(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 20, 4000, 65519, 65520, 65521, 100000, 262144, 1000000, 3};
    static uint8_t octets[1000000];
    for (int pauses = 0; pauses < 2; pauses++) {
        struct event_base *loop = event_base_new();
        struct end a, b;
        int fds[2], sent = 0;
        size_t all = 0;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        a = (struct end){.loop = loop, .channel = ipc_channel_new(loop, fds[0], "a", &ordered, &a)};
        b = (struct end){.loop = loop, .refuse = pauses};
        b.channel = ipc_channel_new(loop, fds[1], "b", &ordered, &b);
        ipc_turn(b.channel, pauses ? 65536 : SIZE_MAX);
        for (unsigned i = 0; i < 300; i++) {
            size_t size = sizes[(i * i + i / 7) % (sizeof sizes / sizeof *sizes)];
            memset(octets, ++sent, size);
            size_t head = size / 3;
            assert_true(ipc_send(a.channel, IPC_REQUEST, (uint64_t)sent, span_of(octets, head),
                                 span_of(octets + head, size - head)));
            all += size;
            if (i % 5 == 0)
                event_base_loop(loop, EVLOOP_NONBLOCK);
        }
        for (int i = 0; i < 100000 && b.frames < sent; i++)
            event_base_loop(loop, EVLOOP_NONBLOCK);
        assert_int_equal(b.frames, sent);
        assert_int_equal(b.octets, all);
        ipc_channel_free(a.channel);
        ipc_channel_free(b.channel);
        event_base_free(loop);
    }
}

static void put_frame(struct buf *out, uint64_t ref, size_t length) {
    buf_append_u32(out, (uint32_t)length);
    buf_append_u16(out, IPC_REQUEST);
    buf_append_u16(out, 0);
    buf_append_u64(out, ref);
    for (size_t i = 0; i < length; i++)
        buf_append_byte(out, (uint8_t)ref);
}

/* However the octets are parted, and though the socket's end comes with them. */
static void frames_come_in_pieces(void **state) {
    (void)state;
    struct buf octets;
    buf_init(&octets, 0);
    for (uint64_t ref = 1; ref <= 5; ref++)
        put_frame(&octets, ref, (size_t)(ref - 1) * 9);
    for (size_t piece = 1; piece <= octets.len; piece++) {
        struct event_base *loop = event_base_new();
        struct end a = {.loop = loop, .refuse = piece % 2};
        int fds[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        a.channel = ipc_channel_new(loop, fds[0], "a", &ordered, &a);
        for (size_t at = 0; at < octets.len; at += piece) {
            size_t left = octets.len - at;
            assert_true(write(fds[1], octets.data + at, left < piece ? left : piece) > 0);
            if (piece % 3)
                event_base_loop(loop, EVLOOP_NONBLOCK);
        }
        if (piece % 5) { /* nothing else wakes it up */
            run(loop);
            assert_int_equal(a.frames, 5);
        }
        close(fds[1]);
        run(loop);
        assert_int_equal(a.frames, 5);
        assert_int_equal(a.closes, 1);
        event_base_free(loop);
    }
    buf_free(&octets);
}

/* Its end comes with a read that has octets of the next frame as well, and nothing comes behind them. */
static void a_long_frame_needs_no_further_octets_to_be_whole(void **state) {
    (void)state;
    struct buf octets;
    buf_init(&octets, 0);
    put_frame(&octets, 1, 180000);
    put_frame(&octets, 2, 10);
    for (size_t first = 1; first < 180000; first = first * 2 + 1) {
        struct event_base *loop = event_base_new();
        struct end a = {.loop = loop};
        int fds[2], room = 1 << 20;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
        a.channel = ipc_channel_new(loop, fds[0], "a", &ordered, &a);
        assert_int_equal(write(fds[1], octets.data, first), first);
        run(loop);
        assert_int_equal(write(fds[1], octets.data + first, octets.len - first), octets.len - first);
        run(loop);
        assert_int_equal(a.frames, 2);
        close(fds[1]);
        run(loop);
        assert_int_equal(a.closes, 1);
        event_base_free(loop);
    }
    buf_free(&octets);
}

/* ---- what is secret ---- */

extern char __data_start, _end; /* of the program, by its linker */

/* Whether the octets lie in what is static here; read by the kernel, as the sanitizer guards what lies
 * between. */
static bool lies_in_static_memory(struct span wanted) {
    size_t length = (size_t)(&_end - &__data_start);
    uint8_t *copy = malloc(length);
    int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, copy, length, (off_t)(uintptr_t)&__data_start), length);
    close(fd);
    bool found = memmem(copy, length, wanted.data, wanted.len) != NULL;
    free(copy);
    return found;
}

static bool on_any(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                   struct span payload) {
    struct end *end = context;
    (void)channel, (void)type, (void)ref;
    end->frames++;
    end->octets += payload.len;
    return true;
}

static const struct ipc_handler any = {on_any, on_closed, on_writable};

/* A frame with a secret of 32 octets, which is made here alone. */
static struct span put_secret(struct buf *out, enum ipc_type type) {
    put_frame(out, 1, 40);
    out->data[out->len - 56 + 5] = (uint8_t)type;
    for (size_t i = 0; i < 32; i++)
        out->data[out->len - 32 + i] = (uint8_t)(i * 37 + 11);
    return span_of(out->data + out->len - 32, 32);
}

/* A channel whose other side is written to by hand. */
struct fed {
    struct event_base *loop;
    struct end end;
    struct buf octets; /* to be written */
    size_t written;
    int fd;
};

static void begin_fed(struct fed *fed) {
    int fds[2];
    *fed = (struct fed){.loop = event_base_new()};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    fed->end.loop = fed->loop;
    fed->end.channel = ipc_channel_new(fed->loop, fds[0], "a", &any, &fed->end);
    fed->fd = fds[1];
    buf_init(&fed->octets, 0);
}

/* All but the last `left` octets have been written, and were read. */
static void feed(struct fed *fed, size_t left) {
    size_t part = fed->octets.len - left - fed->written;
    assert_int_equal(write(fed->fd, fed->octets.data + fed->written, part), part);
    fed->written += part;
    run(fed->loop);
}

static void end_fed(struct fed *fed) {
    ipc_channel_free(fed->end.channel);
    close(fed->fd);
    buf_free(&fed->octets);
    event_base_free(fed->loop);
}

/* A bind comes in two reads, alone and behind another frame: what came of it lies in the channel's queue, and
 * nowhere else meanwhile or afterwards. A frame that is no secret shows that it would be found. */
static void a_secret_in_pieces_stays_nowhere(void **state) {
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        struct fed fed;
        begin_fed(&fed);
        if (kind == 1)
            put_frame(&fed.octets, 2, 100);
        struct span secret = put_secret(&fed.octets, kind == 2 ? IPC_REQUEST : IPC_BIND);
        struct span begun = span_sub(secret, 0, 24);
        feed(&fed, 8);
        assert_int_equal(lies_in_static_memory(begun), kind == 2);
        feed(&fed, 0);
        assert_int_equal(fed.end.frames, kind == 1 ? 2 : 1);
        if (kind != 2)
            assert_false(lies_in_static_memory(begun) || lies_in_static_memory(span_sub(secret, 24, 8)));
        end_fed(&fed);
    }
}

/* So it is when its header came alone, so that the rest is joined to it. */
static void a_secret_behind_its_header_stays_nowhere(void **state) {
    (void)state;
    for (size_t first = 1; first <= 40; first += 13) {
        struct fed fed;
        begin_fed(&fed);
        struct span secret = put_secret(&fed.octets, IPC_BIND);
        feed(&fed, fed.octets.len - first);
        feed(&fed, 6);
        assert_false(lies_in_static_memory(span_sub(secret, 0, 26)));
        feed(&fed, 0);
        assert_int_equal(fed.end.frames, 1);
        end_fed(&fed);
    }
}

/* ---- */

/* Whoever broke the rules is cut off though there is much that he has not read. */
static void a_channel_is_cut_with_what_waits(void **state) {
    (void)state;
    static const uint8_t piece[100000];
    struct fed fed;
    begin_fed(&fed);
    for (int i = 0; i < 20; i++)
        assert_true(ipc_send(fed.end.channel, IPC_REQUEST, 1, span_of(piece, sizeof piece), SPAN_LIT("")));
    run(fed.loop);
    assert_int_equal(fed.end.closes, 0);
    ipc_cut(fed.end.channel);
    assert_int_equal(fed.end.closes, 0);
    run(fed.loop);
    assert_int_equal(fed.end.closes, 1);
    fed.end.channel = NULL;
    end_fed(&fed);
}

/* Whom nobody needs any more is not told of as one who broke the rules. */
static void a_channel_is_given_up_for_a_cause(void **state) {
    struct fed fed;
    (void)state;
    for (int gives_up = 0; gives_up < 2; gives_up++) {
        begin_fed(&fed);
        if (gives_up)
            ipc_give_up(fed.end.channel, "of no use any more");
        else
            ipc_cut(fed.end.channel);
        assert_int_equal(fed.end.closes, 0);
        run(fed.loop);
        assert_int_equal(fed.end.closes, 1);
        assert_string_equal(fed.end.cause, gives_up ? "of no use any more" : "a frame against the rules");
        assert_int_equal(fed.end.breaches, !gives_up);
        end_fed(&fed);
    }
}

static void payload_fields_round_trip(void **state) {
    (void)state;
    struct buf buf;
    buf_init(&buf, 0);
    payload_put_octets(&buf, SPAN_LIT("peer"));
    buf_append_byte(&buf, 7);
    buf_append_span(&buf, SPAN_LIT("rest"));
    struct reader r = reader_of(buf_span(&buf));
    assert_true(span_eq(payload_octets(&r), SPAN_LIT("peer")));
    assert_int_equal(reader_u8(&r), 7);
    assert_true(span_eq(payload_rest(&r), SPAN_LIT("rest")));
    assert_true(payload_done(&r));
    struct reader bad = reader_of(SPAN_LIT("\xFF\xFF\xFF\xFFxx"));
    payload_octets(&bad);
    assert_false(payload_done(&bad));
    buf_free(&buf);
}

/* What the blocking client sends at the most, in one frame or not at all: the daemon would end the connection
 * at a longer one, and nobody would know why. */
static void a_client_asks_nothing_over_the_limit(void **state) {
    static const struct {
        size_t head, body;
        bool goes;
    } cases[] = {{0, IPC_CLIENT_MAX, true},        {10, IPC_CLIENT_MAX - 10, true},
                 {IPC_CLIENT_MAX, 0, true},        {0, IPC_CLIENT_MAX + 1, false},
                 {10, IPC_CLIENT_MAX - 9, false},  {IPC_CLIENT_MAX + 1, 0, false},
                 {IPC_CLIENT_MAX + 1, 1000, false}};
    (void)state;
    uint8_t *octets = calloc(1, IPC_CLIENT_MAX + 1), first[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        int fds[2];
        /* Nobody reads: what goes is seen by its start. */
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        struct ipc_client *client =
            ipc_client_of(fds[0], (struct ipc_side){.self = IPC_CLIENT, .other = IPC_CLIENTS});
        assert_false(ipc_client_send(client, IPC_REQUEST, 1, span_of(octets, cases[i].head),
                                     span_of(octets, cases[i].body), &err));
        assert_int_equal(err.code, cases[i].goes ? EPIPE : EMSGSIZE);
        assert_int_equal(recv(fds[1], first, sizeof first, 0) > 0, cases[i].goes);
        ipc_client_close(client);
        close(fds[1]);
    }
    free(octets);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_arrive_whole_and_in_order),
        cmocka_unit_test(a_frame_over_the_limit_ends_the_channel),
        cmocka_unit_test(a_refused_frame_ends_the_channel),
        cmocka_unit_test(what_ended_the_other_end_is_told),
        cmocka_unit_test(a_channel_may_be_freed_by_its_handler),
        cmocka_unit_test(what_is_freed_while_it_waits_to_write_leaves_the_loop_first),
        cmocka_unit_test(a_pause_holds_frames_back),
        cmocka_unit_test(a_full_queue_says_so_and_drains),
        cmocka_unit_test(frames_of_all_sizes_keep_their_order),
        cmocka_unit_test(frames_come_in_pieces),
        cmocka_unit_test(a_long_frame_needs_no_further_octets_to_be_whole),
        cmocka_unit_test(a_secret_in_pieces_stays_nowhere),
        cmocka_unit_test(a_secret_behind_its_header_stays_nowhere),
        cmocka_unit_test(a_channel_is_cut_with_what_waits),
        cmocka_unit_test(a_channel_is_given_up_for_a_cause),
        cmocka_unit_test(payload_fields_round_trip),
        cmocka_unit_test(a_client_asks_nothing_over_the_limit),
    };
    return cmocka_run_group_tests_name("ipc-channel", tests, NULL, NULL);
}
