/*
 * P7: a user who is bound to his message store with the net process, and asks by
 * retrieval operations what the input says; the store process is played here and
 * answers each. The first octet chooses the application context. Each step: u8
 * what, u16 length, octets, which are the argument as they are. Of `what` bits 0
 * to 2 choose the operation, 3 and 4 the kind of answer, 5 and 6 how many slices
 * of a content are in it, 7 whether entries change.
 *
 * The oracle: what the store process hears are legal frames, with the seal and the
 * address that it gave; each invocation is answered once, as it said, with the
 * very octets of answer and slices; none is asked before the changes of the last
 * one are said to be there; and the net process ends for nothing.
 */
#include "protocol/net.h"

#include <signal.h>
#include <stdio.h>
#include <sys/un.h>

#include "frames.h"
#include "ipc/bind.h"
#include "ipc/payload.h"
#include "protocol/p7.h"
#include "quiet.h"
#include "schema/x413.h"
#include "schema/x419.h"

#include "../unit/numbers.h"

enum { TURNS = 2000, STEPS = 24, SLICE_LENGTH = 700, SERVICE_ERROR = 27 };

#define SEAL    "0123456789abcdef0123456789abcdef"
#define ADDRESS "/C=GB/S=smith"

struct world {
    struct event_base *loop;
    struct net *net;
    struct protocol_config config;
    struct end store;
    struct osi_association *user;
    int fd;
    bool opened, closed;
    /* what the store process hears and says */
    unsigned state; /* enum ipc_state */
    uint32_t last, changing;
    unsigned how; /* it answers the next */
    /* answers */
    unsigned invoked, answered;
    enum osi_ro_kind wanted;
    int64_t wanted_code;
    uint64_t wanted_octets, got_octets, wanted_sum, got_sum;
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

static void say(enum ipc_type type, uint64_t ref, struct buf *payload) {
    uint8_t header[FRAME_HEADER] = {
        0, 0, (uint8_t)(payload->len >> 8), (uint8_t)payload->len, 0, (uint8_t)type};
    for (unsigned i = 0; i < 8; i++)
        header[8 + i] = (uint8_t)(ref >> (56 - 8 * i));
    end_write(&world.store, span_of(header, sizeof header));
    end_write(&world.store, buf_span(payload));
    buf_free(payload);
}

static void admit(uint64_t ref) {
    static const uint8_t result[] = {0x31, 0x04, 0xA2, 0x02, 0x04, 0x00};
    struct buf payload;
    buf_init(&payload, 0);
    payload_put_octets(&payload, SPAN_LIT(SEAL));
    payload_put_octets(&payload, span_of(result, sizeof result));
    buf_append(&payload, result, sizeof result);
    say(IPC_MS_OPEN, ref, &payload);
    buf_init(&payload, 0);
    ipc_bind_answer_write(&(struct ipc_bind_answer){.verdict = IPC_BIND_ADMITTED,
                                                    .peer = SPAN_LIT(ADDRESS),
                                                    .credentials = {.form = IPC_CREDENTIALS_OCTET_STRING,
                                                                    .name = SPAN_LIT("ALPHA"),
                                                                    .password = SPAN_LIT("")}},
                          &payload);
    say(IPC_BIND_ANSWER, ref, &payload);
}

static bool reader_is_right(struct reader *r) {
    uint32_t number = reader_u32(r);
    struct span seal = payload_octets(r), address = payload_octets(r);
    return number && span_eq(seal, SPAN_LIT(SEAL)) && span_eq(address, SPAN_LIT(ADDRESS));
}

static uint8_t octet_at(uint64_t entry, uint64_t offset) {
    return (uint8_t)(entry * 7 + offset);
}

enum { HEAD = 4, TEXT = 3 };

/* An OCTET STRING, which begins so; the first slice is between its head and the text, the others behind. */
static void put_text(struct buf *out, unsigned slices) {
    buf_append_u16(out, 0x0482);
    buf_append_u16(out, (uint16_t)(TEXT + slices * SLICE_LENGTH));
    buf_append(out, "abc", TEXT);
}

static void put_slices(struct buf *payload, unsigned slices) {
    buf_append_u32(payload, slices * 28);
    for (unsigned i = 0; i < slices; i++) {
        buf_append_u32(payload, i == 0 ? HEAD : HEAD + TEXT);
        buf_append_u64(payload, i + 1);
        buf_append_u64(payload, i * 100);
        buf_append_u64(payload, SLICE_LENGTH);
    }
}

/* The octets as they should come. */
static void want(unsigned slices) {
    struct buf text, octets;
    buf_init(&text, 0);
    buf_init(&octets, 0);
    put_text(&text, slices);
    buf_append(&octets, text.data, slices ? HEAD : HEAD + TEXT);
    for (unsigned i = 0; i < slices; i++) {
        for (uint64_t at = 0; at < SLICE_LENGTH; at++)
            buf_append_byte(&octets, octet_at(i + 1, i * 100 + at));
        if (i == 0)
            buf_append(&octets, text.data + HEAD, TEXT);
    }
    world.wanted_octets = octets.len;
    world.wanted_sum = sum(0, buf_span(&octets));
    world.got_octets = world.got_sum = 0;
    buf_free(&text);
    buf_free(&octets);
}

static void hear_ask(struct span payload, uint64_t ref) {
    struct reader r = reader_of(payload), first = r;
    struct buf answer;
    uint32_t number = reader_u32(&first);
    uint8_t what = (uint8_t)(1 + world.how % 3);
    unsigned slices = what == IPC_USER_RESULT ? world.how >> 2 & 3 : 0;
    bool changes = what == IPC_USER_RESULT && world.how & 16;
    require(number > world.last && reader_is_right(&r) && !world.changing);
    uint16_t operation = reader_u16(&r);
    uint16_t code = what == IPC_USER_RESULT ? operation : what == IPC_USER_ERROR ? SERVICE_ERROR : 3;
    world.last = number;
    world.wanted = what == IPC_USER_RESULT  ? OSI_RO_RESULT
                   : what == IPC_USER_ERROR ? OSI_RO_ERROR
                                            : OSI_RO_REJECT;
    world.wanted_code = code;
    want(slices);
    buf_init(&answer, 0);
    buf_append_u32(&answer, number);
    buf_append_byte(&answer, what);
    buf_append_u16(&answer, code);
    payload_put_octets(&answer, changes ? SPAN_LIT("\0\0\0\1\0\0\0\2") : SPAN_LIT(""));
    payload_put_octets(&answer, SPAN_LIT(""));
    payload_put_octets(&answer, SPAN_LIT(""));
    payload_put_octets(&answer, SPAN_LIT(""));
    put_slices(&answer, slices);
    put_text(&answer, slices);
    world.changing = changes ? number : 0;
    say(IPC_MS_ANSWER, ref, &answer);
}

static void hear_read(struct span payload, uint64_t ref) {
    struct reader r = reader_of(payload);
    struct buf data;
    require(reader_is_right(&r));
    uint64_t entry = reader_u64(&r), offset = reader_u64(&r);
    uint32_t length = reader_u32(&r);
    require(length && length <= SLICE_LENGTH && offset + length <= (entry - 1) * 100 + SLICE_LENGTH);
    uint32_t part = length > 300 ? 300 : length; /* fewer octets than were asked for */
    buf_init(&data, 0);
    buf_append_u32(&data, 1);
    buf_append_u64(&data, offset);
    for (uint32_t i = 0; i < part; i++)
        buf_append_byte(&data, octet_at(entry, offset + i));
    say(IPC_MS_DATA, ref, &data);
}

static void hear_change(struct span payload, uint64_t ref) {
    struct reader r = reader_of(payload);
    struct buf answer;
    uint32_t number = reader_u32(&r);
    require(number == world.changing);
    world.changing = 0;
    buf_init(&answer, 0);
    buf_append_u32(&answer, number);
    buf_append_byte(&answer, IPC_USER_RESULT);
    buf_append_u16(&answer, reader_u16(&r));
    say(IPC_USER_ANSWER, ref, &answer);
}

static void judge(const struct end *end, struct span payload) {
    static const struct ipc_side side = {.self = IPC_STORE, .other = IPC_NET};
    char why[IPC_WHY];
    enum ipc_type type = (enum ipc_type)end->type;
    const struct ipc_frame *frame = ipc_frame(type);
    require(frame && (frame->from & IPC_NET));
    if (end->length <= sizeof end->payload)
        require(ipc_frame_take(&side, type, end->heard, payload, why));
    require(ipc_frame_judge(frame, world.state, why) == IPC_LEGAL);
    if (type == IPC_BIND) {
        world.state = IPC_STATE_USER | IPC_STATE_NO_SUBMISSION;
        admit(end->heard);
    } else if (type == IPC_MS_ASK) {
        hear_ask(payload, end->heard);
    } else if (type == IPC_MS_READ) {
        hear_read(payload, end->heard);
    } else if (type == IPC_MS_CHANGE) {
        hear_change(payload, end->heard);
    }
}

/* ---- the user ---- */

static void handle(const struct osi_event *event) {
    if (event->type == OSI_EVENT_OPEN_CONFIRM)
        world.opened = true;
    else if (event->type == OSI_EVENT_CLOSED)
        world.closed = true;
    else if (event->type == OSI_EVENT_TURN_PLEASE)
        osi_rt_turn_give(world.user, 0);
    else if (event->type == OSI_EVENT_RO_DATA) {
        world.got_octets += event->u.data.len;
        world.got_sum = sum(world.got_sum, event->u.data);
    } else if (event->type == OSI_EVENT_RO_END && world.wanted == OSI_RO_RESULT) {
        require(world.got_octets == world.wanted_octets && world.got_sum == world.wanted_sum);
        world.answered++;
    } else if (event->type == OSI_EVENT_RO_BEGIN) {
        const struct osi_ro *ro = &event->u.ro;
        world.got_octets = world.got_sum = 0;
        require(ro->kind == (world.wanted ? world.wanted : OSI_RO_REJECT));
        if (world.wanted)
            require((ro->kind == OSI_RO_REJECT ? ro->problem : ro->code) == world.wanted_code);
        world.answered += ro->kind != OSI_RO_RESULT;
    }
}

static void handle_all(void) {
    struct osi_event event;
    while (osi_association_next_event(world.user, &event))
        handle(&event);
}

static void move(void) {
    static uint8_t octets[65536];
    handle_all();
    struct span out = osi_association_output(world.user);
    ssize_t sent = out.len ? send(world.fd, out.data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    if (sent > 0)
        osi_association_output_taken(world.user, (size_t)sent, 0);
    ssize_t got = recv(world.fd, octets, sizeof octets, MSG_DONTWAIT);
    struct span in = span_of(octets, got > 0 ? (size_t)got : 0);
    if (got == 0)
        world.closed = true;
    while (in.len) {
        handle_all();
        size_t used = osi_association_input(world.user, in, 0);
        require(used || osi_association_is_over(world.user));
        in = span_sub(in, used ? used : in.len, SIZE_MAX);
    }
    handle_all();
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

static void invoke(enum osi_context context, unsigned what, struct span argument) {
    static const int64_t codes[] = {x419_op_summarize, x419_op_list,        x419_op_fetch, x419_op_delete,
                                    x419_op_fetch,     x419_op_register_ms, x419_op_list,  x419_op_fetch};
    bool of_94 = osi_context_row(context)->edition == 1994;
    struct osi_ro ro = {.kind = OSI_RO_INVOKE,
                        .syntax = of_94 ? OSI_SYNTAX_MRSE_94 : OSI_SYNTAX_MRSE_88,
                        .has_code = true,
                        .code = codes[what & 7],
                        .has_parameter = true};
    struct ber_element element;
    enum ber_error_code why;
    world.how = what >> 3;
    world.wanted = 0;
    bool whole = argument.len && ber_element_read(argument, &element, &why) && element.total == argument.len;
    if (!whole || !osi_ro_send(world.user, &ro, argument, 0))
        return;
    world.invoked++;
    turn(is_answered);
    require(world.closed || is_answered());
}

/* ---- the world ---- */

static int listen_at(struct sockaddr_un *address, socklen_t *length) {
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int text =
        snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "chasqui-fuzz-p7-%d", (int)getpid());
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
    static const enum osi_context contexts[] = {OSI_MS_ACCESS_88, OSI_MS_ACCESS_94, OSI_MS_RELIABLE_ACCESS_88,
                                                OSI_MS_RELIABLE_ACCESS_94};
    struct reader in = reader_of(span_of(data, size));
    signal(SIGPIPE, SIG_IGN); /* as each process does */
    log_set_level(LOG_LEVEL_ERROR);
    enum osi_context context = contexts[reader_u8(&in) % 4];
    begin(context);
    for (unsigned steps = 0; steps < STEPS && reader_left(&in) >= 3 && !world.closed; steps++) {
        unsigned what = reader_u8(&in);
        size_t length = reader_u16(&in);
        length = length < reader_left(&in) ? length : reader_left(&in);
        invoke(context, what, reader_take(&in, length < 1500 ? length : 1500));
    }
    finish();
    return 0;
}
