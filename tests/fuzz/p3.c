/*
 * P3: a user who is bound with the net process, and says by his operations what
 * the input says; the store process is played here and answers each. The first
 * octet chooses the application context. Each step: u8 what, u16 length, octets.
 * `what` is the operation (bits 0 to 2); with bit 7 the octets are its argument, as they
 * are, else those of a content in a right one (message-submission); bits 3 to 6
 * say how the store process answers.
 *
 * The oracle: what the store process hears are legal frames, and of a right
 * message its envelope and content; each invocation is answered once, as the
 * store process said; and the net process ends for nothing.
 */
#include "protocol/net.h"

#include <signal.h>
#include <stdio.h>
#include <sys/un.h>

#include "frames.h"
#include "ipc/bind.h"
#include "ipc/payload.h"
#include "protocol/p3.h"
#include "quiet.h"
#include "schema/x419.h"

#include "../unit/numbers.h"

enum { TURNS = 400, STEPS = 24 };

/* MessageSubmissionEnvelope of a user, to himself. */
#define NAME                                                                                                 \
    "\x60\x17\x30\x15\x61\x04\x13\x02GB\x62\x06\x13\x04GOLD\xA5\x05\x80\x03"                                 \
    "ann"
#define ENVELOPE "\x31\x3D" NAME "\x46\x01\x16\xA1\x1F\x31\x1D" NAME "\x80\x02\x03\x08"

struct world {
    struct event_base *loop;
    struct net *net;
    struct protocol_config config;
    struct end store;
    struct osi_association *user;
    int fd;
    bool opened, closed;
    /* the right message under way, as the store process should hear it */
    uint64_t content, content_sum, heard, heard_sum;
    bool right;
    /* what the store process hears */
    unsigned state; /* enum ipc_state */
    uint32_t number, last;
    uint8_t kind; /* enum ipc_submission */
    unsigned how; /* it answers the next */
    /* answers */
    unsigned invoked, answered;
    enum osi_ro_kind wanted;
    int64_t wanted_code;
    /* the delivery that is under way */
    uint64_t ref; /* of the association */
    bool delivering;
    enum ipc_user_delivered delivered; /* what the store process heard of the last one; 0: nothing */
    unsigned answers;                  /* how the user answers it */
    struct osi_ro delivery;
    uint8_t argument[4096], came[4096];
    size_t argument_len, came_len, prefix_len;
};

static struct world world;

static void require(bool condition) {
    if (!condition)
        __builtin_trap();
}

static uint64_t sum(uint64_t so_far, struct span octets) {
    for (size_t i = 0; i < octets.len; i++)
        so_far = so_far * 31 + octets.data[i];
    return so_far;
}

/* ---- the store process ---- */

static void say(enum ipc_type type, uint64_t ref, struct span payload) {
    uint8_t header[FRAME_HEADER] = {
        0, 0, (uint8_t)(payload.len >> 8), (uint8_t)payload.len, 0, (uint8_t)type};
    for (unsigned i = 0; i < 8; i++)
        header[8 + i] = (uint8_t)(ref >> (56 - 8 * i));
    end_write(&world.store, span_of(header, sizeof header));
    end_write(&world.store, payload);
}

static void admit(uint64_t ref) {
    struct buf payload;
    buf_init(&payload, 0);
    ipc_bind_answer_write(&(struct ipc_bind_answer){.verdict = IPC_BIND_ADMITTED,
                                                    .peer = SPAN_LIT("/C=GB/A=GOLD/S=ann"),
                                                    .credentials = {.form = IPC_CREDENTIALS_OCTET_STRING,
                                                                    .name = SPAN_LIT("ALPHA"),
                                                                    .password = SPAN_LIT("")}},
                          &payload);
    say(IPC_BIND_ANSWER, ref, buf_span(&payload));
    buf_free(&payload);
}

/* A result, an error that the operation knows, or a reject. */
static void answer(uint64_t ref, uint32_t number, int64_t result, uint16_t error) {
    static const uint8_t value[3000] = {0x04, 0x82, 0x0B, 0xB4};
    struct buf payload;
    uint8_t what = (uint8_t)(1 + world.how % 3);
    uint16_t code = what == IPC_USER_RESULT ? (uint16_t)result : what == IPC_USER_ERROR ? error : 3;
    buf_init(&payload, 0);
    buf_append_u32(&payload, number);
    buf_append_byte(&payload, what);
    buf_append_u16(&payload, code);
    if (what != IPC_USER_REJECT)
        buf_append_span(&payload, world.how & 8 ? span_of(value, sizeof value) : SPAN_LIT("\x05\x00"));
    world.wanted = what == IPC_USER_RESULT  ? OSI_RO_RESULT
                   : what == IPC_USER_ERROR ? OSI_RO_ERROR
                                            : OSI_RO_REJECT;
    world.wanted_code = code;
    say(IPC_USER_ANSWER, ref, buf_span(&payload));
    buf_free(&payload);
}

static void hear_begin(struct span payload, uint64_t length) {
    struct reader r = reader_of(payload);
    world.number = reader_u32(&r);
    world.kind = reader_u8(&r);
    require(world.number > world.last);
    world.last = world.number;
    world.state = IPC_STATE_USER | IPC_STATE_SUBMITTING;
    world.heard = world.heard_sum = 0;
    if (!world.right)
        return;
    require(world.kind == IPC_SUBMISSION_MESSAGE && length == 5 + sizeof ENVELOPE - 1);
    require(span_eq(payload_rest(&r), SPAN_LIT(ENVELOPE)));
}

static void hear_end(uint64_t ref) {
    world.state = IPC_STATE_USER | IPC_STATE_NO_SUBMISSION;
    if (world.right)
        require(world.heard == world.content && world.heard_sum == world.content_sum);
    bool probe = world.kind == IPC_SUBMISSION_PROBE;
    answer(ref, world.number, probe ? x419_op_probe_submission : x419_op_message_submission, 2);
}

static void hear_request(struct span payload, uint64_t ref) {
    static const int64_t results[] = {0,
                                      x419_op_cancel_deferred_delivery,
                                      x419_op_delivery_control,
                                      x419_op_register,
                                      x419_op_change_credentials,
                                      x419_op_delivery_control,
                                      x419_op_register};
    static const uint16_t errors[] = {0, 7, 14, 10, 6, 14, 10};
    struct reader r = reader_of(payload);
    uint32_t number = reader_u32(&r);
    uint8_t operation = reader_u8(&r);
    require(!world.right && number > world.last);
    world.last = number;
    answer(ref, number, results[operation], errors[operation]);
}

static void hear_read(struct span payload, uint64_t ref) {
    struct reader r = reader_of(payload);
    uint64_t offset = reader_u64(&r);
    uint32_t length = reader_u32(&r);
    struct span content = span_sub(span_of(world.argument, world.argument_len), world.prefix_len, SIZE_MAX);
    struct buf data;
    require(offset <= content.len && length <= content.len - offset);
    buf_init(&data, 0);
    buf_append_u64(&data, offset);
    buf_append_span(&data, span_sub(content, offset, length));
    say(IPC_USER_DELIVER_DATA, ref, buf_span(&data));
    buf_free(&data);
}

static void judge(const struct end *end, struct span payload) {
    static const struct ipc_side side = {.self = IPC_STORE, .other = IPC_NET};
    char why[IPC_WHY];
    enum ipc_type type = (enum ipc_type)end->type;
    const struct ipc_frame *frame = ipc_frame(type);
    require(frame && (frame->from & IPC_NET));
    if (end->length <= sizeof end->payload)
        require(ipc_frame_take(&side, type, end->heard, payload, why));
    unsigned delivers = !(world.state & IPC_STATE_USER) ? 0
                        : world.delivering              ? IPC_STATE_DELIVERING
                                                        : IPC_STATE_NO_DELIVERY;
    require(ipc_frame_judge(frame, world.state | delivers, why) == IPC_LEGAL);
    if (type == IPC_BIND) {
        world.ref = end->heard;
        world.state = IPC_STATE_USER | IPC_STATE_NO_SUBMISSION;
        admit(end->heard);
    } else if (type == IPC_USER_SUBMIT_BEGIN) {
        hear_begin(payload, end->length);
    } else if (type == IPC_USER_SUBMIT_CONTENT) {
        require(end->length <= sizeof end->payload);
        world.heard += payload.len;
        world.heard_sum = sum(world.heard_sum, payload);
    } else if (type == IPC_USER_SUBMIT_END) {
        hear_end(end->heard);
    } else if (type == IPC_USER_SUBMIT_STOP) {
        require(!world.right);
        world.state = IPC_STATE_USER | IPC_STATE_NO_SUBMISSION;
    } else if (type == IPC_USER_REQUEST) {
        hear_request(payload, end->heard);
    } else if (type == IPC_USER_DELIVER_READ) {
        hear_read(payload, end->heard);
    } else if (type == IPC_USER_DELIVER_RESULT) {
        world.delivering = false;
        world.delivered = (enum ipc_user_delivered)payload.data[0];
    }
}

/* ---- the user ---- */

/* By the low bits of `answers`: rightly, in other words, or in none that there are. */
static void answer_delivery(void) {
    static const int64_t codes[] = {1, 12, 13, 16, 99};
    struct osi_ro ro = {.kind = world.answers & 1 ? OSI_RO_ERROR : OSI_RO_RESULT,
                        .syntax = world.delivery.syntax,
                        .has_id = true,
                        .id = world.delivery.id,
                        .has_code = true,
                        .code = world.answers & 1 ? codes[(world.answers >> 1) % 5] : world.delivery.code};
    static const char *const values[] = {"\x31\0", "\x05\0", "\x30\0", "\x02\0"};
    struct span value = span_of((const uint8_t *)values[(world.answers >> 2) % 4], 2);
    require(span_eq(span_of(world.came, world.came_len), span_of(world.argument, world.argument_len)));
    if ((world.answers & 15) == 14)
        osi_ro_reject(world.user, ro.id, ro.syntax, OSI_RO_INVOKE_PROBLEM, world.answers >> 4, 0);
    else if ((world.answers & 15) == 10)
        osi_association_user_abort(world.user, (struct span){NULL, 0});
    else
        osi_ro_send(world.user, &ro, value, 0);
}

static void take_octets(struct span octets) {
    require(world.came_len + octets.len <= sizeof world.came);
    memcpy(world.came + world.came_len, octets.data, octets.len);
    world.came_len += octets.len;
}

/* Of an answer of ours to a delivery. */
static bool is_of_answer(const struct osi_ro *ro) {
    return ro->kind == OSI_RO_REJECT &&
           (ro->problem_kind == OSI_RO_RESULT_PROBLEM || ro->problem_kind == OSI_RO_ERROR_PROBLEM);
}

static void handle(const struct osi_event *event) {
    if (event->type == OSI_EVENT_OPEN_CONFIRM)
        world.opened = true;
    else if (event->type == OSI_EVENT_CLOSED)
        world.closed = true;
    else if (event->type == OSI_EVENT_TURN_PLEASE)
        osi_rt_turn_give(world.user, 0);
    else if (event->type == OSI_EVENT_RO_BEGIN && event->u.ro.kind == OSI_RO_INVOKE) {
        require(world.delivering && !world.delivery.has_id);
        world.delivery = event->u.ro;
    } else if (event->type == OSI_EVENT_RO_DATA && world.delivery.has_id) {
        take_octets(event->u.data);
    } else if (event->type == OSI_EVENT_RO_END && world.delivery.has_id) {
        answer_delivery();
        world.delivery.has_id = false;
    } else if (event->type == OSI_EVENT_RO_BEGIN && !is_of_answer(&event->u.ro)) {
        const struct osi_ro *ro = &event->u.ro;
        world.answered++;
        if (world.wanted) /* the store process has spoken: so it must come */
            require(ro->kind == world.wanted && (ro->kind == OSI_RO_REJECT ? ro->problem == world.wanted_code
                                                                           : ro->code == world.wanted_code));
        else
            require(ro->kind == OSI_RO_REJECT && !world.right);
    }
}

static void move(void) {
    static uint8_t octets[65536];
    struct osi_event event;
    while (osi_association_next_event(world.user, &event))
        handle(&event);
    struct span out = osi_association_output(world.user);
    ssize_t sent = out.len ? send(world.fd, out.data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    if (sent > 0)
        osi_association_output_taken(world.user, (size_t)sent, 0);
    ssize_t got = recv(world.fd, octets, sizeof octets, MSG_DONTWAIT);
    struct span in = span_of(octets, got > 0 ? (size_t)got : 0);
    if (got == 0)
        world.closed = true;
    while (in.len) {
        while (osi_association_next_event(world.user, &event))
            handle(&event);
        size_t used = osi_association_input(world.user, in, 0);
        require(used || osi_association_is_over(world.user));
        in = span_sub(in, used ? used : in.len, SIZE_MAX);
    }
    while (osi_association_next_event(world.user, &event))
        handle(&event);
}

static void turn(bool (*until)(void)) {
    for (unsigned i = 0; i < TURNS && !until() && !world.closed; i++) {
        event_base_loop(world.loop, EVLOOP_NONBLOCK);
        require(!event_base_got_exit(world.loop));
        end_listen(&world.store);
        move();
    }
}

static bool is_open(void) {
    return world.opened;
}

static bool is_answered(void) {
    return world.answered == world.invoked;
}

static const struct {
    enum osi_syntax of_88, of_94;
    int64_t code;
} operations[] = {{OSI_SYNTAX_MSSE, OSI_SYNTAX_MSSE, x419_op_message_submission},
                  {OSI_SYNTAX_MSSE, OSI_SYNTAX_MSSE, x419_op_probe_submission},
                  {OSI_SYNTAX_MSSE, OSI_SYNTAX_MSSE, x419_op_cancel_deferred_delivery},
                  {OSI_SYNTAX_MDSE_88, OSI_SYNTAX_MDSE_94, x419_op_delivery_control},
                  {OSI_SYNTAX_MASE_88, OSI_SYNTAX_MASE_94, x419_op_register},
                  {OSI_SYNTAX_MASE_88, OSI_SYNTAX_MASE_94, x419_op_change_credentials},
                  {OSI_SYNTAX_MSSE, OSI_SYNTAX_MSSE, x419_op_submission_control},
                  {OSI_SYNTAX_MSSE, OSI_SYNTAX_MSSE, 77}};

/* A message with this content, now and then in segments. */
static void put_message(struct buf *argument, struct span content, bool segments) {
    buf_append_span(argument, SPAN_LIT("\x30\x80" ENVELOPE));
    buf_append_span(argument, segments ? SPAN_LIT("\x24\x80") : SPAN_LIT(""));
    for (struct span rest = content; segments && rest.len; rest = span_sub(rest, 100, SIZE_MAX)) {
        struct span piece = span_sub(rest, 0, 100);
        buf_append_byte(argument, 4);
        buf_append_byte(argument, (uint8_t)piece.len);
        buf_append_span(argument, piece);
    }
    if (segments) {
        buf_append_u16(argument, 0);
    } else {
        buf_append_u16(argument, 0x0482);
        buf_append_u16(argument, (uint16_t)content.len);
        buf_append_span(argument, content);
    }
    buf_append_u16(argument, 0);
}

static void invoke(enum osi_context context, unsigned what, struct span octets) {
    bool of_94 = osi_context_row(context)->edition == 1994;
    struct buf argument;
    buf_init(&argument, 0);
    world.right = !(what & 0x80) && (what & 7) == 0;
    world.how = what >> 3;
    world.wanted = 0;
    world.content = octets.len;
    world.content_sum = sum(0, octets);
    if (world.right)
        put_message(&argument, octets, octets.len % 2);
    else
        buf_append_span(&argument, octets);
    struct osi_ro ro = {.kind = OSI_RO_INVOKE,
                        .syntax = of_94 ? operations[what & 7].of_94 : operations[what & 7].of_88,
                        .has_code = true,
                        .code = operations[what & 7].code,
                        .has_parameter = argument.len > 0};
    struct ber_element element;
    enum ber_error_code why;
    bool whole = argument.len && ber_element_read(buf_span(&argument), &element, &why) &&
                 element.total == argument.len;
    if (whole && osi_ro_send(world.user, &ro, buf_span(&argument), 0)) {
        world.invoked++;
        turn(is_answered);
        require(world.closed || is_answered());
    }
    buf_free(&argument);
}

static bool is_delivered(void) {
    return !world.delivering;
}

/* `how`: in the frame or by pieces, a message or a report, and what the user answers. What is a right result
 * is told so, and nothing else is. */
static void deliver(unsigned how, struct span content) {
    struct buf payload;
    uint8_t head[] = {0x30, 0x82, 0, 0, 0x04, 0x82, 0, 0};
    bool pieces = how & 0x100 && content.len;
    if (world.delivering)
        return;
    head[2] = (uint8_t)((content.len + 4) >> 8), head[3] = (uint8_t)(content.len + 4);
    head[6] = (uint8_t)(content.len >> 8), head[7] = (uint8_t)content.len;
    world.prefix_len = sizeof head;
    memcpy(world.argument, head, sizeof head);
    if (content.len)
        memcpy(world.argument + sizeof head, content.data, content.len);
    world.argument_len = sizeof head + content.len;
    world.came_len = 0;
    world.answers = how | 0x200;
    world.delivered = (enum ipc_user_delivered)0;
    buf_init(&payload, 0);
    buf_append_byte(&payload, IPC_USER_MESSAGE);
    buf_append_u64(&payload, content.len);
    payload_put_octets(&payload, span_of(head, sizeof head));
    if (!pieces)
        buf_append_span(&payload, content);
    world.delivering = true;
    say(IPC_USER_DELIVER, world.ref, buf_span(&payload));
    buf_free(&payload);
    turn(is_delivered);
    bool result = !(how & 1) && (how & 15) != 14 && (how & 15) != 10;
    if (is_delivered() && !world.closed)
        require((world.delivered == IPC_USER_TAKEN) == (result && (how >> 2) % 4 == 0));
    world.answers = 0;
}

/* ---- the world ---- */

static int listen_at(struct sockaddr_un *address, socklen_t *length) {
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int text =
        snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "chasqui-fuzz-p3-%d", (int)getpid());
    *length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)text);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    require(fd >= 0 && bind(fd, (const struct sockaddr *)address, *length) == 0 && listen(fd, 8) == 0);
    return fd;
}

static void begin(enum osi_context context) {
    static const struct protocol_listener listener = {.users = true};
    static const char argument[] = "\xB0\x1C\x31\x1A"
                                   "\x60\x11\x30\x0F\x61\x04\x13\x02GB\xA5\x07\x80\x05smith"
                                   "\xA2\x05\x16\x03pwd";
    struct sockaddr_un address;
    socklen_t length;
    world = (struct world){.loop = event_base_new(), .state = IPC_STATE_NEW};
    world.config = (struct protocol_config){
        .listeners = &listener, .listener_count = 1, .envelope_octets = 1 << 16, NUMBERS_OF_PROTOCOL};
    int fd = listen_at(&address, &length);
    struct net_descriptors descriptors = {.store = end_open(&world.store), .parent = -1, .listeners = &fd};
    world.store.judge = judge;
    world.net = net_new(world.loop, &world.config, NULL, &descriptors);
    world.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    require(world.net && connect(world.fd, (const struct sockaddr *)&address, length) == 0);
    struct osi_parameters parameters = {
        .role = OSI_INITIATOR,
        .contexts = context,
        .dialogue = OSI_TWO_WAY_ALTERNATE,
        .id = {.calling = SPAN_LIT("abc"), .common = SPAN_LIT("251130120000Z")},
        .user_data = span_of(argument, sizeof argument - 1)};
    world.user = osi_association_new(&parameters, 0, NULL);
    require(world.user);
    turn(is_open);
    require(world.opened);
}

static void finish(void) {
    osi_association_free(world.user);
    close(world.fd);
    end_close(&world.store);
    net_free(world.net);
    event_base_free(world.loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const enum osi_context contexts[] = {OSI_MTS_ACCESS_88, OSI_MTS_ACCESS_94,
                                                OSI_MTS_RELIABLE_ACCESS_88, OSI_MTS_RELIABLE_ACCESS_94};
    struct reader in = reader_of(span_of(data, size));
    signal(SIGPIPE, SIG_IGN); /* as each process does */
    log_set_level(LOG_LEVEL_ERROR);
    enum osi_context context = contexts[reader_u8(&in) % 4];
    begin(context);
    for (unsigned steps = 0; steps < STEPS && reader_left(&in) >= 3 && !world.closed; steps++) {
        unsigned what = reader_u8(&in);
        size_t length = reader_u16(&in);
        length = length < reader_left(&in) ? length : reader_left(&in);
        struct span octets = reader_take(&in, length < 2000 ? length : 2000);
        if ((what & 0x87) == 0x87 && octets.len)
            deliver((what >> 3 & 15) | (unsigned)octets.data[0] << 4, octets);
        else
            invoke(context, what, octets);
    }
    finish();
    return 0;
}
