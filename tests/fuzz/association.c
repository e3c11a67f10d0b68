/*
 * A whole association against a peer that says anything. The first octet chooses
 * the role, the application context and what the owner answers; the rest are the
 * octets of the TCP stream.
 */
#include "osi/association.h"

static struct osi_association *create(uint8_t choice) {
    struct osi_parameters p = {
        .role = choice & 1 ? OSI_INITIATOR : OSI_RESPONDER,
        .contexts = choice & 1 ? 1u << ((choice >> 1 & 3) % 3) : 7,
        .id = {.calling = SPAN_LIT("fuzz"), .common = SPAN_LIT("261122061500Z")},
        .user_data = SPAN_LIT("\x04\x01x"),
        .dialogue = choice & 8 ? OSI_TWO_WAY_ALTERNATE : OSI_MONOLOGUE,
    };
    return osi_association_new(&p, 0, NULL);
}

static void start(struct osi_association *a) {
    static const uint8_t octets[3000];
    struct osi_activity activity;
    if (osi_rt_transfer_begin(a, &activity, 0))
        osi_rt_transfer_data(a, span_of(octets, sizeof octets), true, 0);
    else if (!osi_rt_has_turn(a))
        osi_rt_turn_please(a, 1, 0);
}

static void handle(struct osi_association *a, const struct osi_event *event, uint8_t choice,
                   uint64_t *received) {
    struct osi_checkpoint checkpoint = {.serial = event->u.begin.serial};
    switch (event->type) {
    case OSI_EVENT_OPEN_INDICATION:
        if (choice & 16)
            osi_association_refuse(a, OSI_REFUSE_VALIDATION_FAILURE, SPAN_LIT("\x02\x01\x02"));
        else
            osi_association_accept(a, SPAN_LIT("\x04\x01y"), 0);
        break;
    case OSI_EVENT_OPEN_CONFIRM:
    case OSI_EVENT_TURN_GIVE:
    case OSI_EVENT_TRANSFER_CONFIRMED:
        start(a);
        break;
    case OSI_EVENT_TRANSFER_BEGIN:
        *received = 0;
        checkpoint.state[7] = 1;
        if (event->u.begin.resumed &&
            !(choice & 32 ? osi_rt_resume_swallow(a, 0) : osi_rt_resume_accept(a, &checkpoint, 0)))
            __builtin_trap();
        break;
    case OSI_EVENT_TRANSFER_DATA:
        *received += event->u.data.len;
        break;
    case OSI_EVENT_CHECKPOINT:
        if (event->u.checkpoint.offset != *received)
            __builtin_trap();
        osi_rt_checkpoint_confirm(a, event->u.checkpoint.serial, 0);
        break;
    case OSI_EVENT_TRANSFER_END:
        if (choice & 64)
            osi_rt_transfer_reject(a, true, 0);
        else
            osi_rt_transfer_confirm(a, 0);
        break;
    case OSI_EVENT_TURN_PLEASE:
        osi_rt_turn_give(a, 0);
        break;
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    struct osi_association *a = create(data[0]);
    struct span in = span_of(data + 1, size - 1);
    struct osi_event event;
    uint64_t received = 0;
    unsigned closed = 0;
    if (!a)
        return 0;
    for (;;) {
        while (osi_association_next_event(a, &event)) {
            closed += event.type == OSI_EVENT_CLOSED;
            handle(a, &event, data[0], &received);
        }
        osi_association_output_taken(a, osi_association_output(a).len, 1);
        if (osi_association_memory(a) > 2 * 1024 * 1024)
            __builtin_trap();
        size_t used = osi_association_input(a, span_sub(in, 0, data[0] & 128 ? 7 : in.len), 1);
        if (used == 0 && !osi_association_next_event(a, &event))
            break;
        if (used == 0)
            closed += event.type == OSI_EVENT_CLOSED;
        in = span_sub(in, used, in.len);
    }
    osi_association_timeout(a, INT64_MAX - 1);
    osi_association_disconnected(a, 2);
    while (osi_association_next_event(a, &event))
        closed += event.type == OSI_EVENT_CLOSED;
    if (closed != 1)
        __builtin_trap();
    osi_association_free(a);
    return 0;
}
