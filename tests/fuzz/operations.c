/*
 * Remote operations: two associations back to back, and an owner at each that
 * does what the input says. The first octet chooses the application context and
 * whether the input may also put octets of its own into a P-DATA. As long as it
 * does not, all is legal: then nothing may end the association but the release,
 * and what one side says is what the other is told.
 */
#include <stdlib.h>

#include "base/reader.h"
#include "osi/rose_private.h"

static const int64_t errors[] = {1, 2}, children[] = {4};
static const struct osi_operation table[] = {
    {OSI_SYNTAX_MSSE, 1, 1, OSI_RO_BY_BOTH, errors, 2, NULL, 0},
    {OSI_SYNTAX_MSSE, 2, 2, OSI_RO_BY_BOTH, errors, 2, children, 1},
    {OSI_SYNTAX_MSSE, 3, 3, OSI_RO_BY_BOTH, errors, 2, NULL, 0},
    {OSI_SYNTAX_MSSE, 4, 4, OSI_RO_BY_BOTH, NULL, 0, NULL, 0},
    {OSI_SYNTAX_MSSE, 5, 5, OSI_RO_BY_BOTH, NULL, 0, NULL, 0},
    {OSI_SYNTAX_MASE_88, 2, 2, OSI_RO_BY_INITIATOR, errors, 1, NULL, 0},
};
static const enum osi_context contexts[] = {OSI_MTS_ACCESS_88, OSI_MTS_RELIABLE_ACCESS_88, OSI_MS_ACCESS_88,
                                            OSI_MTS_FORCED_RELIABLE_ACCESS_88};

struct side {
    struct osi_association *a;
    uint64_t said, heard; /* octets of parameters */
    size_t pdus_said, pdus_heard;
    size_t left; /* of the parameter under way, 0 none */
    bool told;   /* RO_BEGIN without its end */
    bool rejected, forgot;
    bool closed;
    struct osi_cause cause;
};

static void require(bool condition) {
    if (!condition)
        abort();
}

static void handle(struct side *s, const struct osi_event *event) {
    switch (event->type) {
    case OSI_EVENT_OPEN_INDICATION:
        require(osi_association_accept(s->a, SPAN_LIT("\xB1\x00"), 0));
        break;
    case OSI_EVENT_RO_BEGIN:
        require(!s->told);
        s->told = true;
        s->rejected |= event->u.ro.kind == OSI_RO_REJECT;
        break;
    case OSI_EVENT_RO_DATA:
        require(s->told && event->u.data.len > 0);
        s->heard += event->u.data.len;
        break;
    case OSI_EVENT_RO_END:
    case OSI_EVENT_RO_DROPPED:
        require(s->told);
        s->told = false;
        s->pdus_heard++;
        break;
    case OSI_EVENT_CLOSED:
        require(!s->closed);
        s->closed = true;
        s->cause = *event->u.cause;
        break;
    default:
        break;
    }
}

static void events(struct side *s) {
    struct osi_event event;
    while (osi_association_next_event(s->a, &event))
        handle(s, &event);
    require(osi_association_memory(s->a) < 2 * 1024 * 1024);
}

static bool move(struct side *from, struct side *to, size_t chunk) {
    struct span out = osi_association_output(from->a);
    struct span in = span_sub(out, 0, chunk);
    size_t at = 0, used = 1;
    events(to);
    while (at < in.len && used) {
        used = osi_association_input(to->a, span_sub(in, at, SIZE_MAX), 0);
        at += used;
        events(to);
    }
    at = osi_association_is_over(to->a) ? in.len : at;
    osi_association_output_taken(from->a, at, 0);
    events(from);
    return at > 0;
}

static void run(struct side s[2], size_t chunk) {
    bool moved = true;
    while (moved) {
        moved = move(&s[0], &s[1], chunk);
        moved |= move(&s[1], &s[0], chunk);
    }
}

/* The rest of the parameter under way, up to so many octets. */
static void go_on(struct side *s, size_t most) {
    static const uint8_t zeros[70000];
    size_t len = s->left < most ? s->left : most;
    size_t taken = len ? osi_ro_data(s->a, span_of(zeros, len), len == s->left, 0) : 0;
    s->left -= taken;
}

static void said(struct side *s, size_t octets) {
    s->said += octets;
    s->pdus_said++;
}

/* A parameter of 5 + `size` octets. */
static void begin(struct side *s, struct osi_ro *ro, size_t size) {
    uint8_t header[] = {0x04, 0x83, 0, (uint8_t)(size >> 8), (uint8_t)size};
    ro->has_parameter = true;
    if (s->left || !osi_ro_begin(s->a, ro, 0))
        return;
    said(s, sizeof header + size);
    require(osi_ro_data(s->a, span_of(header, sizeof header), size == 0, 0) == sizeof header);
    s->left = size;
}

static void answer(struct side *s, struct reader *in, bool error) {
    const struct rose_invocations *open = &s->a->rose->machine.theirs;
    struct osi_ro ro = {.kind = error ? OSI_RO_ERROR : OSI_RO_RESULT, .has_code = true};
    unsigned which = reader_u8(in);
    ro.id = open->count ? open->items[which % open->count].id : which;
    ro.code = 1 + which % 3;
    if (which & 0x80)
        begin(s, &ro, reader_u16(in));
    else if (osi_ro_send(s->a, &ro, SPAN_LIT("\x05\x00"), 0))
        said(s, 2);
}

static void act(struct side s[2], struct reader *in, bool hostile) {
    unsigned what = reader_u8(in);
    struct side *me = &s[what & 1];
    struct osi_ro ro = {.kind = OSI_RO_INVOKE,
                        .syntax = what & 0x40 ? OSI_SYNTAX_MASE_88 : OSI_SYNTAX_MSSE,
                        .has_code = true,
                        .code = what >> 4 & 7,
                        .has_linked = (what & 0x80) != 0,
                        .linked_id = 1};
    switch (what >> 1 & 7) {
    case 0:
        if (osi_ro_send(me->a, &ro, SPAN_LIT("\x04\x01x"), 0))
            said(me, 3);
        break;
    case 1:
        begin(me, &ro, reader_u16(in));
        break;
    case 2:
    case 3:
        answer(me, in, what & 2);
        break;
    case 4:
        go_on(me, (size_t)reader_u16(in) + 1);
        break;
    case 5:
        run(s, what & 0x10 ? SIZE_MAX : (size_t)(what >> 4) * 40 + 7);
        break;
    case 6:
        me->forgot |= osi_ro_forget(me->a, what & 0x10, reader_u8(in));
        break;
    default:
        if (hostile && !me->left && !me->a->rose->out_ssdu && rose_out_is_idle(me->a) &&
            me->a->session.units & SESSION_DUPLEX) {
            uint8_t header[PDATA_HEADER];
            size_t length = reader_u8(in);
            struct span pdu = reader_take(in, length < reader_left(in) ? length : reader_left(in));
            struct span parts[] = {
                span_of(header,
                        pdata_value_header(header, me->a->presentation.context[OSI_SYNTAX_MSSE], pdu.len)),
                pdu};
            session_data(&me->a->session, parts, 2, true, true);
        }
    }
    events(me);
}

/* All is said and heard; the initiator unbinds. */
static void finish(struct side s[2], bool legal) {
    for (unsigned i = 0; i < 100 && (s[0].left || s[1].left); i++) {
        go_on(&s[0], 70000);
        go_on(&s[1], 70000);
        run(s, SIZE_MAX);
    }
    run(s, SIZE_MAX);
    if (!legal)
        return;
    require(!s[0].closed && !s[1].closed && s[0].left + s[1].left == 0);
    for (unsigned i = 0; i < 2; i++) /* with the rejects that were said by themselves */
        require(!s[!i].told && (s[i].rejected || s[!i].forgot ||
                                (s[i].said == s[!i].heard && s[!i].pdus_heard >= s[i].pdus_said)));
    for (unsigned i = 0; i < 3 && !osi_association_release(s[0].a, (struct span){0}, 0); i++) {
        osi_rt_turn_please(s[0].a, 0, 0);
        run(s, SIZE_MAX);
    }
    run(s, SIZE_MAX);
    require(s[0].closed && s[1].closed);
    require(s[0].cause.end == OSI_END_RELEASED && s[1].cause.end == OSI_END_RELEASED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct reader in = reader_of(span_of(data, size));
    unsigned choice = reader_u8(&in);
    struct side s[2] = {{0}};
    struct osi_parameters p = {.role = OSI_INITIATOR,
                               .contexts = contexts[choice % 4],
                               .id = {.calling = SPAN_LIT("fuzz"), .common = SPAN_LIT("261122061500Z")},
                               .user_data = SPAN_LIT("\xB0\x00"),
                               .checkpoint_size = choice & 8 ? 1 : 0,
                               .no_checkpoints = (choice & 16) != 0,
                               .tsdu_size = choice & 32 ? 512 : 0,
                               .operations = table,
                               .operation_count = sizeof table / sizeof *table};
    s[0].a = osi_association_new(&p, 0, NULL);
    p.role = OSI_RESPONDER;
    p.contexts = OSI_ALL_CONTEXTS;
    s[1].a = osi_association_new(&p, 0, NULL);
    if (s[0].a && s[1].a) {
        run(s, SIZE_MAX);
        require(s[0].a->rose && s[1].a->rose);
        for (unsigned i = 0; i < 400 && reader_left(&in) > 0; i++)
            act(s, &in, choice & 4);
        finish(s, !(choice & 4));
    }
    osi_association_free(s[0].a);
    osi_association_free(s[1].a);
    return 0;
}
