/*
 * Two net processes in one loop, joined by TCP on loopback; the test plays the
 * store process of each. A calls B.
 */
#ifndef STAGE_H
#define STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "protocol/p1_private.h"

#include "../numbers.h"

#define UNUSED __attribute__((unused))

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
    struct protocol_peer peers[2]; /* where a play needs two */
    struct protocol_listener listener;
    struct protocol_endpoint endpoint;
    struct frame frames[FRAMES];
    size_t first, count;
    uint32_t transfer; /* number of the last transfer in */
    bool closed;
};

struct stage {
    struct event_base *loop;
    struct evdns_server_port *name_server; /* of the play; its address is in `server` */
    char server[32];
    struct side a, b;
};

/* ---- the name server ---- */

static const struct {
    const char *name;
    unsigned addresses;
    const char *address[2];
} zone[] = {
    {"two.test", 2, {"127.0.0.66", "127.0.0.1"}},
    {"one.test", 1, {"127.0.0.1"}},
    {"elsewhere.test", 1, {"127.0.0.77"}},
};

UNUSED static void add_addresses(struct evdns_server_request *request, const char *name, size_t entry) {
    struct in_addr found[2];
    for (unsigned i = 0; i < zone[entry].addresses; i++)
        assert_int_equal(inet_pton(AF_INET, zone[entry].address[i], &found[i]), 1);
    evdns_server_request_add_a_reply(request, name, (int)zone[entry].addresses, found, 60);
}

/* `silent.test` gets no answer, what is not in the zone does not exist. */
UNUSED static void on_question(struct evdns_server_request *request, void *arg) {
    (void)arg;
    int result = DNS_ERR_NOTEXIST;
    for (int i = 0; i < request->nquestions; i++) {
        const struct evdns_server_question *question = request->questions[i];
        if (strcasecmp(question->name, "silent.test") == 0) {
            evdns_server_request_drop(request);
            return;
        }
        for (size_t e = 0; e < sizeof zone / sizeof *zone; e++)
            if (strcasecmp(question->name, zone[e].name) == 0) {
                result = DNS_ERR_NONE;
                if (question->type == EVDNS_TYPE_A)
                    add_addresses(request, question->name, e);
            }
    }
    evdns_server_request_respond(request, result);
}

UNUSED static void serve_names(struct stage *stage) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    snprintf(stage->server, sizeof stage->server, "127.0.0.1:%u", ntohs(address.sin_port));
    stage->name_server = evdns_add_server_port_with_base(stage->loop, fd, 0, on_question, NULL);
    assert_non_null(stage->name_server);
}

/* ---- frames ---- */

UNUSED static bool on_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                            struct span payload) {
    struct side *side = context;
    (void)channel;
    assert_true(side->count < FRAMES);
    struct frame *frame = &side->frames[(side->first + side->count++) % FRAMES];
    buf_clear(&frame->payload);
    frame->type = type;
    frame->ref = ref;
    struct reader r = reader_of(payload);
    if (type == IPC_TRANSFER_WHOLE || type == IPC_TRANSFER_BEGIN || type == IPC_RESUME)
        side->transfer = reader_u32(&r);
    return buf_append_span(&frame->payload, payload);
}

UNUSED static void on_closed(void *context, struct ipc_channel *channel, const char *cause) {
    (void)channel;
    (void)cause;
    ((struct side *)context)->closed = true;
}

static const struct ipc_handler handler = {.frame = on_frame, .closed = on_closed};

UNUSED static void turn(struct stage *stage) {
    event_base_loop(stage->loop, EVLOOP_NONBLOCK);
}

/* The next frame, which must be of this type; it stays valid until the frames have gone round. */
UNUSED static struct frame *expect(struct stage *stage, struct side *side, enum ipc_type type) {
    int64_t limit = clock_monotonic_us() + 20 * 1000000;
    while (side->count == 0 && clock_monotonic_us() < limit)
        turn(stage);
    assert_true(side->count > 0);
    struct frame *frame = &side->frames[side->first++ % FRAMES];
    side->count--;
    assert_int_equal(frame->type, type);
    return frame;
}

UNUSED static void say(struct side *side, enum ipc_type type, uint64_t ref, struct buf *payload) {
    assert_true(ipc_send(side->channel, type, ref, buf_span(payload), (struct span){NULL, 0}));
    buf_free(payload);
}

UNUSED static int listen_on_loopback(struct protocol_endpoint *endpoint) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    endpoint->length = sizeof address;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&endpoint->address, &endpoint->length), 0);
    return fd;
}

UNUSED static void start_side(struct stage *stage, struct side *side, int listener) {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    const char *server = stage->server;
    struct net_descriptors descriptors = {.store = pair[0],
                                          .parent = -1,
                                          .listeners = &listener,
                                          .resolver = resolver_new(stage->loop, &server, 1)};
    assert_non_null(descriptors.resolver);
    side->config.peers = &side->peer;
    side->config.peer_count = 1;
    side->config.listeners = &side->listener;
    side->config.listener_count = listener >= 0;
    side->net = net_new(stage->loop, &side->config, NULL, &descriptors);
    side->channel = ipc_channel_new(stage->loop, pair[1], "net", &handler, side);
    assert_non_null(side->net);
    assert_non_null(side->channel);
}

UNUSED static struct stage *new_stage(enum osi_context context) {
    struct stage *stage = mem_alloc(sizeof *stage);
    stage->loop = event_base_new();
    serve_names(stage);
    stage->a.config = (struct protocol_config){.envelope_octets = (size_t)8 << 20, NUMBERS_OF_PROTOCOL};
    stage->b.config = stage->a.config;
    int listener = listen_on_loopback(&stage->b.listener.endpoint);
    stage->a.endpoint = stage->b.listener.endpoint;
    stage->a.peer = (struct protocol_peer){.name = "B",
                                           .endpoints = &stage->a.endpoint,
                                           .endpoint_count = 1,
                                           .contexts = {context},
                                           .context_count = 1};
    stage->b.peer = (struct protocol_peer){.name = "A"};
    start_side(stage, &stage->b, listener);
    start_side(stage, &stage->a, -1);
    return stage;
}

UNUSED static void end_side(struct side *side) {
    net_free(side->net);
    if (!side->closed)
        ipc_channel_free(side->channel);
    for (size_t i = 0; i < FRAMES; i++)
        buf_free(&side->frames[i].payload);
}

UNUSED static void end_stage(struct stage *stage) {
    end_side(&stage->a);
    end_side(&stage->b);
    evdns_close_server_port(stage->name_server);
    event_base_free(stage->loop);
    mem_free(stage);
}

/* ---- the play's usual beginning ---- */

static const struct ipc_credentials of_a = {IPC_CREDENTIALS_OCTET_STRING, SPAN_LIT("MTA-A"),
                                            SPAN_LIT("secret-a")},
                                    of_b = {IPC_CREDENTIALS_IA5_STRING, SPAN_LIT("MTA-B"),
                                            SPAN_LIT("secret-b")};

UNUSED static void ask_connect_to(struct stage *stage, const char *peer) {
    struct buf payload;
    buf_init(&payload, 0);
    payload_put_octets(&payload, span_str(peer));
    payload_put_octets(&payload, span_str(""));
    ipc_credentials_write(&of_a, &payload);
    say(&stage->a, IPC_CONNECT, 0, &payload);
}

UNUSED static void ask_connect(struct stage *stage) {
    ask_connect_to(stage, "B");
}

UNUSED static void answer_bind(struct side *side, uint64_t ref, const struct ipc_bind_answer *answer) {
    struct buf payload;
    buf_init(&payload, 0);
    assert_true(ipc_bind_answer_write(answer, &payload));
    say(side, IPC_BIND_ANSWER, ref, &payload);
}

UNUSED static void admit(struct side *side, uint64_t ref, const char *peer) {
    answer_bind(
        side, ref,
        &(struct ipc_bind_answer){.verdict = IPC_BIND_ADMITTED, .peer = span_str(peer), .credentials = of_b});
}

UNUSED static void refuse(struct side *side, uint64_t ref, enum ipc_bind_verdict verdict) {
    answer_bind(
        side, ref,
        &(struct ipc_bind_answer){.verdict = verdict,
                                  .parameter = span_str("responder-credentials"),
                                  .cause = span_str("bind: responder-credentials: the test says so")});
}

/* What the process says of a bind; its spans are valid as long as the frame. */
UNUSED static uint64_t bind_asked(struct stage *stage, struct side *side, struct ipc_bind *bind) {
    struct frame *frame = expect(stage, side, IPC_BIND);
    assert_true(ipc_bind_read(buf_span(&frame->payload), bind));
    return frame->ref;
}

UNUSED static bool same_credentials(const struct ipc_credentials *a, const struct ipc_credentials *b) {
    return a->form == b->form && span_eq(a->name, b->name) && span_eq(a->password, b->password);
}

UNUSED static uint64_t bind_in(struct stage *stage) {
    struct ipc_bind bind;
    uint64_t ref = bind_asked(stage, &stage->b, &bind);
    assert_int_equal(bind.direction, IPC_DIRECTION_IN);
    assert_true(span_eq(bind.credentials.name, of_a.name));
    assert_true(span_eq(bind.credentials.password, of_a.password));
    assert_true(span_eq(bind.address, SPAN_LIT("127.0.0.1")));
    return ref;
}

UNUSED static void open_association(struct stage *stage, uint64_t *a, uint64_t *b) {
    struct ipc_bind bind;
    ask_connect(stage);
    *b = bind_in(stage);
    admit(&stage->b, *b, "A");
    *a = bind_asked(stage, &stage->a, &bind);
    assert_int_equal(bind.direction, IPC_DIRECTION_OUT);
    assert_true(span_eq(bind.peer, SPAN_LIT("B")));
    assert_true(same_credentials(&bind.credentials, &of_b) || bind.mode == IPC_MODE_1984);
    admit(&stage->a, *a, "B");
}

UNUSED static void send_begin(struct side *side, uint64_t ref, struct span prefix, uint64_t content_length,
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

UNUSED static void transfer_result(struct side *side, uint64_t ref, enum ipc_result result) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_u32(&payload, side->transfer);
    buf_append_byte(&payload, (uint8_t)result);
    payload_put_octets(&payload, span_str("the test says so"));
    say(side, IPC_TRANSFER_RESULT, ref, &payload);
}

UNUSED static enum ipc_sent sent(struct stage *stage, uint64_t ref) {
    struct frame *frame = expect(stage, &stage->a, IPC_SEND_RESULT);
    assert_int_equal(frame->ref, ref);
    return (enum ipc_sent)frame->payload.data[0];
}

/* What stands before a content of `content` octets, with an envelope of `envelope`; both at least 256. */
UNUSED static void put_prefix(struct buf *out, size_t envelope, size_t content) {
    buf_init(out, 0);
    buf_append_span(out, SPAN_LIT("\xA0\x82"));
    buf_append_u16(out, (uint16_t)(4 + envelope + 4 + content));
    buf_append_span(out, SPAN_LIT("\x31\x82"));
    buf_append_u16(out, (uint16_t)envelope);
    buf_append_span(out, SPAN_LIT("\x04\x82"));
    buf_append_u16(out, (uint16_t)(envelope - 4));
    for (size_t i = 4; i < envelope; i++)
        buf_append_byte(out, 'e');
    buf_append_span(out, SPAN_LIT("\x04\x82"));
    buf_append_u16(out, (uint16_t)content);
}

UNUSED static void checkpoints_each_kib(struct stage *stage, uint64_t *a, uint64_t *b) {
    stage->a.peer.checkpoint_size = 1;
    stage->a.peer.window_size = 3;
    open_association(stage, a, b);
}

#define SMALL_PREFIX SPAN_LIT("\xA0\x09\x31\x02\x05\x00\x04\x03")

#endif
