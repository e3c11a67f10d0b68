/*
 * Two net processes in one loop, joined by TCP on loopback; the test plays the
 * store process of each. A calls B.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "protocol/net_private.h"

/* ---- the stage ---- */

struct frame {
    enum ipc_type type;
    uint64_t ref;
    struct buf payload;
};

#define FRAMES 4096

struct side {
    struct net *net;
    struct ipc_channel *channel; /* the store process's end */
    struct protocol_config config;
    struct protocol_peer peer;
    struct protocol_listener listener;
    struct protocol_endpoint endpoint;
    struct frame frames[FRAMES];
    size_t first, count;
    bool closed;
};

struct stage {
    struct event_base *loop;
    struct side a, b;
};

static bool on_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                     struct span payload) {
    struct side *side = context;
    (void)channel;
    assert_true(side->count < FRAMES);
    struct frame *frame = &side->frames[(side->first + side->count++) % FRAMES];
    buf_clear(&frame->payload);
    frame->type = type;
    frame->ref = ref;
    return buf_append_span(&frame->payload, payload);
}

static void on_closed(void *context, struct ipc_channel *channel, const char *cause) {
    (void)channel;
    (void)cause;
    ((struct side *)context)->closed = true;
}

static const struct ipc_handler handler = {.frame = on_frame, .closed = on_closed};

static void turn(struct stage *stage) {
    event_base_loop(stage->loop, EVLOOP_NONBLOCK);
}

/* The next frame, which must be of this type; it stays valid until the frames have gone round. */
static struct frame *expect(struct stage *stage, struct side *side, enum ipc_type type) {
    int64_t limit = clock_monotonic_us() + 20 * 1000000;
    while (side->count == 0 && clock_monotonic_us() < limit)
        turn(stage);
    assert_true(side->count > 0);
    struct frame *frame = &side->frames[side->first++ % FRAMES];
    side->count--;
    assert_int_equal(frame->type, type);
    return frame;
}

static void say(struct side *side, enum ipc_type type, uint64_t ref, struct buf *payload) {
    assert_true(ipc_send(side->channel, type, ref, buf_span(payload), (struct span){NULL, 0}));
    buf_free(payload);
}

static int listen_on_loopback(struct protocol_endpoint *endpoint) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    endpoint->length = sizeof address;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&endpoint->address, &endpoint->length), 0);
    return fd;
}

static void start_side(struct stage *stage, struct side *side, int listener) {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct net_descriptors descriptors = {
        .store = pair[0], .parent = -1, .listeners = &listener, .local = -1};
    side->config.peers = &side->peer;
    side->config.peer_count = 1;
    side->config.listeners = &side->listener;
    side->config.listener_count = listener >= 0;
    side->net = net_new(stage->loop, &side->config, NULL, &descriptors);
    side->channel = ipc_channel_new(stage->loop, pair[1], "net", &handler, side);
    assert_non_null(side->net);
    assert_non_null(side->channel);
}

static struct stage *new_stage(enum osi_context context) {
    struct stage *stage = mem_alloc(sizeof *stage);
    stage->loop = event_base_new();
    stage->a.config.mta_name = span_str("MTA-A");
    stage->b.config.mta_name = span_str("MTA-B");
    int listener = listen_on_loopback(&stage->b.listener.endpoint);
    stage->a.endpoint = stage->b.listener.endpoint;
    stage->a.peer = (struct protocol_peer){.name = "B",
                                           .mta_name = span_str("MTA-B"),
                                           .password = span_str("secret-b"),
                                           .our_mta_name = span_str("MTA-A"),
                                           .our_password = span_str("secret-a"),
                                           .endpoints = &stage->a.endpoint,
                                           .endpoint_count = 1,
                                           .contexts = {context},
                                           .context_count = 1,
                                           .accepted_contexts = 7};
    stage->b.peer = (struct protocol_peer){.name = "A",
                                           .mta_name = span_str("MTA-A"),
                                           .password = span_str("secret-a"),
                                           .our_mta_name = span_str("MTA-B"),
                                           .our_password = span_str("secret-b"),
                                           .accepted_contexts = 7};
    start_side(stage, &stage->b, listener);
    start_side(stage, &stage->a, -1);
    return stage;
}

static void end_side(struct side *side) {
    net_free(side->net);
    if (!side->closed)
        ipc_channel_free(side->channel);
    for (size_t i = 0; i < FRAMES; i++)
        buf_free(&side->frames[i].payload);
}

static void end_stage(struct stage *stage) {
    end_side(&stage->a);
    end_side(&stage->b);
    event_base_free(stage->loop);
    mem_free(stage);
}

/* ---- the play's usual beginning ---- */

static void ask_connect(struct stage *stage) {
    struct buf payload;
    buf_init(&payload, 0);
    payload_put_octets(&payload, span_str("B"));
    payload_put_octets(&payload, span_str(""));
    say(&stage->a, IPC_CONNECT, 0, &payload);
}

static void admit(struct side *side, uint64_t ref, enum ipc_admission admission, const char *peer) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_byte(&payload, (uint8_t)admission);
    payload_put_octets(&payload, span_str(peer));
    payload_put_octets(&payload, span_str("the test says so"));
    say(side, IPC_ASSOCIATION_ADMIT, ref, &payload);
}

static void open_association(struct stage *stage, uint64_t *a, uint64_t *b) {
    ask_connect(stage);
    struct frame *frame = expect(stage, &stage->b, IPC_ASSOCIATION_OPEN);
    struct reader r = reader_of(buf_span(&frame->payload));
    assert_int_equal(reader_u8(&r), 0);
    assert_true(span_eq(payload_octets(&r), span_str("A")));
    *b = frame->ref;
    admit(&stage->b, *b, IPC_ADMITTED, "A");
    frame = expect(stage, &stage->a, IPC_ASSOCIATION_OPEN);
    r = reader_of(buf_span(&frame->payload));
    assert_int_equal(reader_u8(&r), 1);
    *a = frame->ref;
}

static void send_begin(struct side *side, uint64_t ref, struct span prefix, uint64_t content_length,
                       struct span content) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_u64(&payload, content_length);
    buf_append_u64(&payload, 0);
    buf_append_u32(&payload, 0);
    payload_put_octets(&payload, span_str(""));
    payload_put_octets(&payload, span_str(""));
    payload_put_octets(&payload, prefix);
    buf_append_span(&payload, content);
    say(side, IPC_SEND_BEGIN, ref, &payload);
}

static void transfer_result(struct side *side, uint64_t ref, enum ipc_result result) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_byte(&payload, (uint8_t)result);
    payload_put_octets(&payload, span_str("the test says so"));
    say(side, IPC_TRANSFER_RESULT, ref, &payload);
}

static enum ipc_sent sent(struct stage *stage, uint64_t ref) {
    struct frame *frame = expect(stage, &stage->a, IPC_SEND_RESULT);
    assert_int_equal(frame->ref, ref);
    return (enum ipc_sent)frame->payload.data[0];
}

#define SMALL_PREFIX SPAN_LIT("\xA0\x09\x31\x02\x05\x00\x04\x03")

/* ---- the plays ---- */

static void small_message(enum osi_context context) {
    struct stage *stage = new_stage(context);
    uint64_t a, b;
    open_association(stage, &a, &b);
    for (int i = 0; i < 20; i++) {
        send_begin(&stage->a, a, SMALL_PREFIX, 3, SPAN_LIT("abc"));
        expect(stage, &stage->a, IPC_SEND_ACTIVITY);
        struct frame *frame = expect(stage, &stage->b, IPC_TRANSFER_WHOLE);
        assert_int_equal(frame->ref, b);
        struct reader r = reader_of(buf_span(&frame->payload));
        assert_int_equal(reader_u8(&r), IPC_APDU_MESSAGE);
        payload_octets(&r);
        assert_true(span_eq(payload_octets(&r), SPAN_LIT("\x31\x02\x05\x00")));
        assert_true(span_eq(payload_rest(&r), SPAN_LIT("abc")));
        /* Nothing is confirmed before the store process says so. */
        for (int turns = 0; turns < 50; turns++)
            turn(stage);
        assert_int_equal(stage->a.count, 0);
        transfer_result(&stage->b, b, IPC_ACCEPTED);
        assert_int_equal(sent(stage, a), IPC_SENT);
    }
    end_stage(stage);
}

static void a_small_message_crosses(void **state) {
    (void)state;
    small_message(OSI_MTS_TRANSFER);
    small_message(OSI_MTS_TRANSFER_PROTOCOL);
    small_message(OSI_MTS_TRANSFER_PROTOCOL_1984);
}

/* Answers A's reads with a pattern and B's checkpoints with their confirmation, until B has all of it. */
static void play_large(struct stage *stage, uint64_t b, uint64_t length) {
    uint64_t got = 0;
    bool begun = false;
    static uint8_t pattern[IPC_CHUNK];
    memset(pattern, 'x', sizeof pattern);
    for (;;) {
        while (stage->a.count == 0 && stage->b.count == 0)
            turn(stage);
        if (stage->a.count > 0) {
            struct frame *frame = &stage->a.frames[stage->a.first % FRAMES];
            if (frame->type == IPC_SEND_CHECKPOINT) {
                expect(stage, &stage->a, IPC_SEND_CHECKPOINT);
                continue;
            }
            expect(stage, &stage->a, IPC_SEND_READ);
            struct reader r = reader_of(buf_span(&frame->payload));
            struct buf payload;
            buf_init(&payload, 0);
            buf_append_u64(&payload, reader_u64(&r));
            buf_append(&payload, pattern, reader_u32(&r));
            say(&stage->a, IPC_SEND_DATA, frame->ref, &payload);
        } else {
            struct frame *frame = &stage->b.frames[stage->b.first++ % FRAMES];
            stage->b.count--;
            begun = begun || frame->type == IPC_TRANSFER_BEGIN;
            assert_true(begun);
            if (frame->type == IPC_TRANSFER_CONTENT)
                got += frame->payload.len;
            if (frame->type == IPC_TRANSFER_CHECKPOINT) {
                struct reader r = reader_of(buf_span(&frame->payload));
                struct buf payload;
                buf_init(&payload, 0);
                buf_append_u32(&payload, reader_u32(&r));
                say(&stage->b, IPC_TRANSFER_CHECKPOINT_DONE, b, &payload);
            }
            if (frame->type == IPC_TRANSFER_END)
                break;
        }
    }
    assert_int_equal(got, length);
}

static void a_large_message_crosses_in_pieces(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    uint64_t a, b, length = 3000000;
    open_association(stage, &a, &b);
    struct buf prefix;
    buf_init(&prefix, 0);
    buf_append_span(&prefix, SPAN_LIT("\xA0\x84"));
    buf_append_u32(&prefix, (uint32_t)(4 + 6 + length));
    buf_append_span(&prefix, SPAN_LIT("\x31\x02\x05\x00\x04\x84"));
    buf_append_u32(&prefix, (uint32_t)length);
    send_begin(&stage->a, a, buf_span(&prefix), length, SPAN_LIT(""));
    buf_free(&prefix);
    expect(stage, &stage->a, IPC_SEND_ACTIVITY);
    play_large(stage, b, length);
    transfer_result(&stage->b, b, IPC_ACCEPTED);
    struct frame *frame;
    do {
        while (stage->a.count == 0)
            turn(stage);
        frame = &stage->a.frames[stage->a.first++ % FRAMES];
        stage->a.count--;
    } while (frame->type == IPC_SEND_CHECKPOINT);
    assert_int_equal(frame->type, IPC_SEND_RESULT);
    assert_int_equal(frame->payload.data[0], IPC_SENT);
    end_stage(stage);
}

static void a_temporary_refusal_comes_back(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    uint64_t a, b;
    open_association(stage, &a, &b);
    send_begin(&stage->a, a, SMALL_PREFIX, 3, SPAN_LIT("abc"));
    expect(stage, &stage->a, IPC_SEND_ACTIVITY);
    expect(stage, &stage->b, IPC_TRANSFER_WHOLE);
    transfer_result(&stage->b, b, IPC_REFUSED_TEMPORARILY);
    assert_int_equal(sent(stage, a), IPC_SENT_DEFERRED);
    /* The association is as good as before. */
    send_begin(&stage->a, a, SMALL_PREFIX, 3, SPAN_LIT("abc"));
    expect(stage, &stage->a, IPC_SEND_ACTIVITY);
    expect(stage, &stage->b, IPC_TRANSFER_WHOLE);
    transfer_result(&stage->b, b, IPC_ACCEPTED);
    assert_int_equal(sent(stage, a), IPC_SENT);
    end_stage(stage);
}

static void a_cut_before_the_confirmation_leaves_a_doubt(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    uint64_t a, b;
    open_association(stage, &a, &b);
    send_begin(&stage->a, a, SMALL_PREFIX, 3, SPAN_LIT("abc"));
    expect(stage, &stage->a, IPC_SEND_ACTIVITY);
    expect(stage, &stage->b, IPC_TRANSFER_WHOLE);
    net_free(stage->b.net);
    stage->b.net = NULL;
    assert_int_equal(sent(stage, a), IPC_SENT_IN_DOUBT);
    expect(stage, &stage->a, IPC_ASSOCIATION_CLOSE);
    end_stage(stage);
}

static void failed(struct stage *stage, enum ipc_layer layer, const char *says) {
    struct frame *frame = expect(stage, &stage->a, IPC_CONNECT_FAILED);
    struct reader r = reader_of(buf_span(&frame->payload));
    assert_true(span_eq(payload_octets(&r), span_str("B")));
    assert_int_equal(reader_u8(&r), layer);
    struct span cause = payload_octets(&r);
    assert_non_null(memmem(cause.data, cause.len, says, strlen(says)));
}

static void a_wrong_password_is_refused(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct stage *stage = new_stage(i ? OSI_MTS_TRANSFER_PROTOCOL : OSI_MTS_TRANSFER);
        stage->a.peer.our_password = span_str("secret-x");
        ask_connect(stage);
        failed(stage, i ? IPC_LAYER_RTSE : IPC_LAYER_BIND, i ? "validationFailure" : "authentication-error");
        assert_int_equal(stage->b.count, 0);
        end_stage(stage);
    }
}

static void a_responder_must_prove_itself_too(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    stage->b.peer.our_password = span_str("secret-x");
    ask_connect(stage);
    struct frame *frame = expect(stage, &stage->b, IPC_ASSOCIATION_OPEN);
    admit(&stage->b, frame->ref, IPC_ADMITTED, "A");
    failed(stage, IPC_LAYER_BIND, "responder-name");
    end_stage(stage);
}

static void the_store_process_may_be_busy(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    ask_connect(stage);
    struct frame *frame = expect(stage, &stage->b, IPC_ASSOCIATION_OPEN);
    admit(&stage->b, frame->ref, IPC_BUSY, "A");
    failed(stage, IPC_LAYER_BIND, "busy");
    end_stage(stage);
}

static void nobody_listens(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    net_free(stage->b.net);
    stage->b.net = NULL;
    ask_connect(stage);
    failed(stage, IPC_LAYER_TCP, "refused");
    end_stage(stage);
}

static void an_apdu_that_is_none_is_refused(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    uint64_t a, b;
    open_association(stage, &a, &b);
    send_begin(&stage->a, a, SPAN_LIT("\x30\x03\x02\x01\x05"), 0, SPAN_LIT(""));
    expect(stage, &stage->a, IPC_SEND_ACTIVITY);
    assert_int_equal(sent(stage, a), IPC_SENT_DEFERRED);
    assert_int_equal(stage->b.count, 0);
    end_stage(stage);
}

static void an_association_is_released(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    uint64_t a, b;
    open_association(stage, &a, &b);
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_byte(&payload, IPC_CLOSE_RELEASED);
    payload_put_octets(&payload, span_str("idle"));
    say(&stage->a, IPC_ASSOCIATION_CLOSE, a, &payload);
    assert_int_equal(expect(stage, &stage->a, IPC_ASSOCIATION_CLOSE)->payload.data[0], IPC_CLOSE_RELEASED);
    assert_int_equal(expect(stage, &stage->b, IPC_ASSOCIATION_CLOSE)->payload.data[0], IPC_CLOSE_RELEASED);
    assert_int_equal(stage->a.net->connections, 0);
    assert_int_equal(stage->b.net->connections, 0);
    end_stage(stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_message_crosses),
        cmocka_unit_test(a_large_message_crosses_in_pieces),
        cmocka_unit_test(a_temporary_refusal_comes_back),
        cmocka_unit_test(a_cut_before_the_confirmation_leaves_a_doubt),
        cmocka_unit_test(a_wrong_password_is_refused),
        cmocka_unit_test(a_responder_must_prove_itself_too),
        cmocka_unit_test(the_store_process_may_be_busy),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(an_apdu_that_is_none_is_refused),
        cmocka_unit_test(an_association_is_released),
    };
    return cmocka_run_group_tests_name("protocol-net", tests, NULL, NULL);
}
