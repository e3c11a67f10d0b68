/* What an association tells its owner, and how it ends. */
#include "osi/association_private.h"

#define JOIN_BELOW 5 /* octets: such crumbs may come from memory that the next ones overwrite */

void association_gathered_free(struct osi_association *a) {
    buf_free(&a->joined);
}

bool association_emit(struct osi_association *a, struct span octets) {
    if (a->data.len == 0 && octets.len >= JOIN_BELOW) {
        a->data = octets;
        return true;
    }
    bool joining = a->data.len > 0 && a->data.data == a->joined.data;
    if (!joining) {
        buf_clear(&a->joined);
        buf_append_span(&a->joined, a->data);
    }
    bool ok = buf_append_span(&a->joined, octets);
    a->data = buf_span(&a->joined);
    return ok;
}

static void push(struct osi_association *a, const struct osi_event *event) {
    if (a->event_count == EVENTS_MAXIMUM)
        return; /* can't be: one TPDU makes a few, and input waits until they are fetched */
    a->events[(a->event_first + a->event_count) % EVENTS_MAXIMUM] = *event;
    a->event_count++;
}

void association_flush(struct osi_association *a) {
    struct span data = a->data;
    if (data.len == 0)
        return;
    a->data = (struct span){0};
    push(a, &(struct osi_event){.type = a->user->data_event, .u.data = data});
}

void association_push(struct osi_association *a, const struct osi_event *event) {
    association_flush(a);
    push(a, event);
}

void association_push_type(struct osi_association *a, enum osi_event_type type) {
    association_push(a, &(struct osi_event){.type = type});
}

void association_waits_from(struct osi_association *a, int64_t now) {
    a->now = a->progress = now;
}

size_t association_output_pending(const struct osi_association *a) {
    return a->out.len - a->out_start;
}

struct span association_keep(struct osi_association *a, struct span s) {
    return s.data ? arena_dup(&a->scratch, s) : s;
}

struct span association_keep_with_cause(struct osi_association *a, struct span s) {
    return s.data ? arena_dup(&a->strings, s) : s;
}

void association_finish(struct osi_association *a) {
    if (a->over)
        return;
    a->over = true;
    a->state = ASSOCIATION_CLOSED;
    a->answer_due = false;
    if (a->user)
        a->user->on_end(a);
    osi_cause_set(&a->cause, OSI_END_DISCONNECTED, OSI_LAYER_TRANSPORT, true, -1, "",
                  "the network connection was closed");
    association_push(a, &(struct osi_event){.type = OSI_EVENT_CLOSED, .u.cause = &a->cause});
}

void association_keep_open(struct osi_association *a, const struct osi_open *open) {
    struct span none = {0};
    a->open = *open;
    a->open.calling = a->open.called = (struct osi_address){0};
    a->open.calling_entity = a->open.called_entity = (struct osi_entity){0};
    a->open.id = a->open.recovered = (struct osi_connection_id){0};
    a->open.user_data = none;
}
