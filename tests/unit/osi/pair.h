/* Two associations back to back in memory, and an owner for each that keeps what it is told. */
#ifndef TEST_OSI_PAIR_H
#define TEST_OSI_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "osi/association.h"

struct end {
    struct osi_association *a;
    struct buf received; /* octets of the APDU under way, or of the last one */
    struct osi_event events[64];
    unsigned event_count;
    struct osi_checkpoint checkpoints[4096];
    unsigned checkpoint_count;
    struct osi_begin begin;
    struct osi_open open;
    struct osi_cause cause;
    uint8_t user_data[512];
    size_t user_data_len;
    struct span to_send; /* the rest of our APDU */
    bool sending, last_taken;
    bool manual_open;    /* the test answers RT-OPEN */
    bool manual_confirm; /* the test confirms transfers */
    bool manual_resume;
    bool no_checkpoint_confirm;
    unsigned confirmed_transfers;
    uint32_t confirmed_serial;
    uint64_t confirmed_offset;
    unsigned data_events;
    size_t written;     /* octets put on the wire so far */
    const int64_t *now; /* of the pair; NULL: an end without another */
};

struct pair {
    struct end initiator, responder;
    size_t chunk;     /* octets handed over at a time, 0 all */
    size_t cut_after; /* the initiator's octets after which the wire is cut, 0 never */
    size_t cut_back;  /* the responder's */
    int64_t now;
};

static inline struct osi_parameters initiator_parameters(unsigned context) {
    return (struct osi_parameters){
        .role = OSI_INITIATOR,
        .contexts = context,
        .calling.t = SPAN_LIT("ALPHA"),
        .called = {.t = SPAN_LIT("BETA")},
        .id = {.calling = SPAN_LIT("alpha-1f93ab"),
               .common = SPAN_LIT("261122061500Z"),
               .additional = SPAN_LIT("01")},
        .user_data = SPAN_LIT("\xB0\x07\xA1\x05\x80\x03"
                              "ABC"),
    };
}

static inline struct osi_parameters responder_parameters(void) {
    return (struct osi_parameters){
        .role = OSI_RESPONDER,
        .contexts = OSI_MTS_TRANSFER | OSI_MTS_TRANSFER_PROTOCOL | OSI_MTS_TRANSFER_PROTOCOL_1984,
        .called.t = SPAN_LIT("BETA"),
    };
}

static inline void pair_begin(struct pair *p, struct osi_parameters initiator,
                              struct osi_parameters responder) {
    struct error err = {0};
    memset(p, 0, sizeof *p);
    p->now = 1000000;
    p->initiator.now = p->responder.now = &p->now;
    p->initiator.a = osi_association_new(&initiator, p->now, &err);
    if (!p->initiator.a)
        print_message("%s\n", err.text);
    assert_non_null(p->initiator.a);
    p->responder.a = osi_association_new(&responder, p->now, &err);
    assert_non_null(p->responder.a);
    buf_init(&p->initiator.received, 0);
    buf_init(&p->responder.received, 0);
}

static inline void pair_end(struct pair *p) {
    osi_association_free(p->initiator.a);
    osi_association_free(p->responder.a);
    buf_free(&p->initiator.received);
    buf_free(&p->responder.received);
}

static inline int64_t end_now(const struct end *e) {
    return e->now ? *e->now : 0;
}

static inline void end_send(struct end *e) {
    while (e->sending && !e->last_taken) {
        size_t before = e->to_send.len;
        size_t taken = osi_rt_transfer_data(e->a, e->to_send, true, end_now(e));
        e->to_send = span_sub(e->to_send, taken, before);
        if (taken == before) {
            e->last_taken = true;
        } else if (taken == 0) {
            break;
        }
    }
}

static inline void keep_user_data(struct end *e, struct span s) {
    e->user_data_len = s.len < sizeof e->user_data ? s.len : sizeof e->user_data;
    if (s.data)
        memcpy(e->user_data, s.data, e->user_data_len);
}

static inline void end_handle(struct end *e, const struct osi_event *event) {
    assert_true(e->event_count < 64 || event->type != OSI_EVENT_CLOSED);
    if (event->type != OSI_EVENT_TRANSFER_DATA && event->type != OSI_EVENT_CHECKPOINT &&
        event->type != OSI_EVENT_CHECKPOINT_CONFIRMED && event->type != OSI_EVENT_MAY_SEND &&
        e->event_count < 64)
        e->events[e->event_count++] = *event;
    switch (event->type) {
    case OSI_EVENT_OPEN_INDICATION:
        e->open = event->u.open;
        keep_user_data(e, event->u.open.user_data);
        if (!e->manual_open)
            assert_true(osi_association_accept(
                e->a, event->u.open.recover ? (struct span){0} : SPAN_LIT("\xB1\x03\x80\x01Z"), end_now(e)));
        break;
    case OSI_EVENT_OPEN_CONFIRM:
        e->open = event->u.open;
        keep_user_data(e, event->u.open.user_data);
        break;
    case OSI_EVENT_TRANSFER_BEGIN:
        e->begin = event->u.begin;
        if (!event->u.begin.resumed) {
            buf_clear(&e->received);
            e->checkpoint_count = 0;
        }
        break;
    case OSI_EVENT_TRANSFER_DATA:
        e->data_events++;
        assert_true(buf_append_span(&e->received, event->u.data));
        break;
    case OSI_EVENT_CHECKPOINT:
        assert_int_equal(event->u.checkpoint.offset, e->received.len);
        if (e->checkpoint_count < 4096)
            e->checkpoints[e->checkpoint_count++] = event->u.checkpoint;
        if (!e->no_checkpoint_confirm)
            assert_true(osi_rt_checkpoint_confirm(e->a, event->u.checkpoint.serial, end_now(e)));
        break;
    case OSI_EVENT_TRANSFER_END:
        if (!e->manual_confirm)
            assert_true(osi_rt_transfer_confirm(e->a, end_now(e)));
        break;
    case OSI_EVENT_MAY_SEND:
        end_send(e);
        break;
    case OSI_EVENT_CHECKPOINT_CONFIRMED:
        e->confirmed_serial = event->u.checkpoint.serial;
        e->confirmed_offset = event->u.checkpoint.offset;
        break;
    case OSI_EVENT_TRANSFER_CONFIRMED:
        e->confirmed_transfers++;
        e->sending = false;
        break;
    case OSI_EVENT_TRANSFER_REFUSED:
        e->sending = false;
        break;
    case OSI_EVENT_CLOSED:
        e->cause = *event->u.cause;
        keep_user_data(e, e->cause.user_data);
        break;
    default:
        break;
    }
}

static inline void end_events(struct end *e) {
    struct osi_event event;
    while (osi_association_next_event(e->a, &event))
        end_handle(e, &event);
}

/* Hands octets from one end to the other; true if anything moved. */
static inline bool pair_move(struct pair *p, struct end *from, struct end *to, size_t cut) {
    struct span out = osi_association_output(from->a);
    size_t len = p->chunk && out.len > p->chunk ? p->chunk : out.len;
    if (cut && from->written + len > cut)
        len = cut - from->written;
    if (len == 0)
        return false;
    /* A copy that ends where it ends: sanitizers see reads past it. */
    uint8_t *copy = malloc(len);
    memcpy(copy, out.data, len);
    struct span in = {copy, len};
    size_t used = 0;
    end_events(to);
    while (in.len > 0 && (used = osi_association_input(to->a, in, p->now)) > 0) {
        in = span_sub(in, used, in.len);
        end_events(to);
    }
    size_t moved = len - in.len;
    free(copy);
    if (osi_association_is_over(to->a))
        moved = len;
    from->written += moved;
    osi_association_output_taken(from->a, moved, p->now);
    end_events(from);
    return moved > 0;
}

/* Until nothing moves any more. */
static inline void pair_run(struct pair *p) {
    bool moved;
    end_events(&p->initiator);
    end_events(&p->responder);
    do {
        moved = pair_move(p, &p->initiator, &p->responder, p->cut_after);
        moved |= pair_move(p, &p->responder, &p->initiator, p->cut_back);
    } while (moved);
}

static inline void end_start(struct end *e, struct span apdu, struct osi_activity *activity) {
    assert_true(osi_rt_transfer_begin(e->a, activity, end_now(e)));
    e->to_send = apdu;
    e->sending = true;
    e->last_taken = false;
    end_send(e);
}

static inline void pair_open(struct pair *p, struct osi_parameters initiator,
                             struct osi_parameters responder) {
    pair_begin(p, initiator, responder);
    pair_run(p);
}

static inline const struct osi_event *end_last(const struct end *e) {
    return e->event_count ? &e->events[e->event_count - 1] : NULL;
}

/* An APDU of `len` octets that no shift or repeat leaves the same. */
static inline struct span test_apdu(size_t len) {
    uint8_t *octets = malloc(len ? len : 1);
    uint32_t state = 12345;
    for (size_t i = 0; i < len; i++) {
        state = state * 1664525u + 1013904223u;
        octets[i] = (uint8_t)(state >> 24);
    }
    return span_of(octets, len);
}

#endif
