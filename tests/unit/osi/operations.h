/* Two associations of remote operations back to back in memory; what each was told is kept. */
#ifndef TEST_OSI_OPERATIONS_H
#define TEST_OSI_OPERATIONS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "osi/association.h"

#define HEARD 64

struct heard {
    struct osi_ro ro;
    enum osi_event_type end; /* RO_END, RO_DROPPED, RO_RETURNED; 0: under way */
    uint64_t octets;
    uint32_t sum;
    uint8_t start[64];
};

struct side {
    struct osi_association *a;
    struct heard heard[HEARD];
    unsigned heard_count;
    struct osi_open open;
    uint8_t user_data[256], unbind[64];
    size_t user_data_len, unbind_len;
    struct osi_cause cause;
    bool opened, closed, refuse, may_send, turn;
    uint64_t left;  /* octets of the parameter that is streamed out */
    bool streaming; /* one is */
    uint64_t total;
    size_t most_memory;
    void (*on_end)(struct side *side, const struct heard *heard); /* an operation was told whole */
};

struct talk {
    struct side initiator, responder;
    size_t chunk;
};

static inline uint32_t test_sum(uint32_t sum, struct span octets) {
    for (size_t i = 0; i < octets.len; i++)
        sum = sum * 31 + octets.data[i];
    return sum;
}

/* Octet number `at` of a streamed parameter: a header of an OCTET STRING, then what no shift leaves the same.
 */
static inline uint8_t test_octet(uint64_t at, uint64_t total) {
    static const uint8_t tag[] = {0x04, 0x84};
    if (at < 2)
        return tag[at];
    return at < 6 ? (uint8_t)((total - 6) >> 8 * (5 - at)) : (uint8_t)(at * 2654435761u >> 13);
}

/* Hands over what the association takes. */
static inline void side_stream(struct side *s) {
    static uint8_t octets[32768];
    while (s->streaming) {
        size_t len = s->left < sizeof octets ? (size_t)s->left : sizeof octets;
        for (size_t i = 0; i < len; i++)
            octets[i] = test_octet(s->total - s->left + i, s->total);
        size_t taken = osi_ro_data(s->a, span_of(octets, len), len == s->left, 0);
        s->left -= taken;
        if (s->left == 0)
            s->streaming = false;
        if (taken < len)
            break;
    }
}

static inline bool side_begin(struct side *s, struct osi_ro *ro, uint64_t total) {
    ro->has_parameter = true;
    if (!osi_ro_begin(s->a, ro, 0))
        return false;
    s->left = s->total = total;
    s->streaming = true;
    side_stream(s);
    return true;
}

static inline size_t side_keep(uint8_t *out, size_t size, struct span data) {
    size_t len = data.len < size ? data.len : size;
    if (data.data)
        memcpy(out, data.data, len);
    return len;
}

static inline struct heard *side_last(struct side *s) {
    assert_true(s->heard_count > 0);
    return &s->heard[(s->heard_count - 1) % HEARD];
}

static inline void side_handle_ro(struct side *s, const struct osi_event *event) {
    switch (event->type) {
    case OSI_EVENT_RO_BEGIN:
        assert_true(s->heard_count == 0 || side_last(s)->end != 0);
        s->heard_count++;
        *side_last(s) = (struct heard){.ro = event->u.ro};
        break;
    case OSI_EVENT_RO_DATA:
        assert_true(side_last(s)->ro.has_parameter && side_last(s)->end == 0);
        if (side_last(s)->octets == 0)
            side_keep(side_last(s)->start, 64, event->u.data);
        side_last(s)->octets += event->u.data.len;
        side_last(s)->sum = test_sum(side_last(s)->sum, event->u.data);
        break;
    case OSI_EVENT_RO_END:
        assert_int_equal(side_last(s)->end, 0);
        side_last(s)->end = event->type;
        if (s->on_end)
            s->on_end(s, side_last(s));
        break;
    case OSI_EVENT_RO_DROPPED:
        assert_int_equal(side_last(s)->end, 0);
        side_last(s)->end = event->type;
        break;
    default:
        s->heard_count++;
        *side_last(s) = (struct heard){.ro = event->u.ro, .end = event->type};
        break;
    }
}

static inline void side_handle(struct side *s, const struct osi_event *event) {
    switch (event->type) {
    case OSI_EVENT_OPEN_INDICATION:
        s->open = event->u.open;
        s->user_data_len = side_keep(s->user_data, sizeof s->user_data, event->u.open.user_data);
        if (s->refuse)
            assert_true(osi_association_refuse(s->a, OSI_REFUSE_VALIDATION_FAILURE,
                                               SPAN_LIT("\xB2\x03\x02\x01\x02")));
        else
            assert_true(osi_association_accept(s->a, SPAN_LIT("\xB1\x02\x31\x00"), 0));
        s->opened = !s->refuse;
        break;
    case OSI_EVENT_OPEN_CONFIRM:
        s->open = event->u.open;
        s->user_data_len = side_keep(s->user_data, sizeof s->user_data, event->u.open.user_data);
        s->opened = true;
        break;
    case OSI_EVENT_MAY_SEND:
        s->may_send = true;
        side_stream(s);
        break;
    case OSI_EVENT_TURN_GIVE:
        s->turn = true;
        break;
    case OSI_EVENT_CLOSE_INDICATION:
        s->unbind_len = side_keep(s->unbind, sizeof s->unbind, event->u.data);
        break;
    case OSI_EVENT_CLOSED:
        assert_false(s->closed);
        s->closed = true;
        s->cause = *event->u.cause;
        if (s->cause.user_data.data)
            s->user_data_len = side_keep(s->user_data, sizeof s->user_data, s->cause.user_data);
        break;
    default:
        side_handle_ro(s, event);
        break;
    }
}

static inline void side_events(struct side *s) {
    struct osi_event event;
    size_t memory = osi_association_memory(s->a);
    s->most_memory = memory > s->most_memory ? memory : s->most_memory;
    while (osi_association_next_event(s->a, &event))
        side_handle(s, &event);
}

static inline bool talk_move(struct talk *t, struct side *from, struct side *to) {
    struct span out = osi_association_output(from->a);
    size_t len = t->chunk && out.len > t->chunk ? t->chunk : out.len;
    if (len == 0)
        return false;
    uint8_t *copy = malloc(len);
    memcpy(copy, out.data, len);
    struct span in = {copy, len};
    size_t used = 0;
    side_events(to);
    while (in.len > 0 && (used = osi_association_input(to->a, in, 0)) > 0) {
        in = span_sub(in, used, in.len);
        side_events(to);
    }
    size_t moved = osi_association_is_over(to->a) ? len : len - in.len;
    free(copy);
    osi_association_output_taken(from->a, moved, 0);
    side_events(from);
    return moved > 0;
}

/* Until nothing moves any more. */
static inline void talk_run(struct talk *t) {
    bool moved;
    side_events(&t->initiator);
    side_events(&t->responder);
    do {
        moved = talk_move(t, &t->initiator, &t->responder);
        moved |= talk_move(t, &t->responder, &t->initiator);
    } while (moved);
}

static inline struct osi_parameters talk_initiator(enum osi_context context) {
    return (struct osi_parameters){
        .role = OSI_INITIATOR,
        .contexts = context,
        .called.t = SPAN_LIT("BETA"),
        .id = {.calling = SPAN_LIT("ua-1"), .common = SPAN_LIT("261122061500Z")},
        .user_data = SPAN_LIT("\xB0\x07\xA1\x05\x80\x03"
                              "ABC"),
    };
}

static inline struct osi_parameters talk_responder(unsigned contexts) {
    return (struct osi_parameters){.role = OSI_RESPONDER, .contexts = contexts, .called.t = SPAN_LIT("BETA")};
}

static inline void talk_begin(struct talk *t, struct osi_parameters initiator,
                              struct osi_parameters responder) {
    memset(t, 0, sizeof *t);
    t->initiator.a = osi_association_new(&initiator, 0, NULL);
    t->responder.a = osi_association_new(&responder, 0, NULL);
    assert_non_null(t->initiator.a);
    assert_non_null(t->responder.a);
}

static inline void talk_open(struct talk *t, enum osi_context context) {
    talk_begin(t, talk_initiator(context), talk_responder(OSI_ALL_CONTEXTS));
    talk_run(t);
    assert_true(t->initiator.opened && t->responder.opened);
}

static inline void talk_end(struct talk *t) {
    osi_association_free(t->initiator.a);
    osi_association_free(t->responder.a);
}

/* The first port of a context. */
static inline struct osi_ro talk_invoke(enum osi_context context, int64_t code) {
    return (struct osi_ro){.kind = OSI_RO_INVOKE,
                           .syntax = osi_context_row(context)->syntaxes[0],
                           .has_code = true,
                           .code = code};
}

#endif
