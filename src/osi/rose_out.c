/* PDUs of ours: whole ones from a queue, and one of any size by the pieces. */
#include "osi/rose_private.h"

#include "base/alloc.h"

#define REJECT_ROOM 8192 /* octets of the queue that are there for rejects alone */

struct queued {
    size_t length;
    struct osi_ro ro;
};

bool rose_new(struct osi_association *a, const struct rose_carrier *carrier) {
    const struct osi_parameters *p = &a->parameters;
    a->rose = mem_alloc(sizeof *a->rose);
    if (!a->rose)
        return osi_cause_set(&a->cause, OSI_END_MEMORY, OSI_LAYER_ROSE, false, -1, "",
                             "no memory for an association");
    memset(a->rose, 0, sizeof *a->rose);
    a->rose->carrier = carrier;
    rose_init(&a->rose->machine, p->operations, p->operation_count, p->role == OSI_INITIATOR, p->outstanding);
    ber_scanner_init(&a->rose->in.scanner, rose_pdu_plan(), 0);
    ber_scanner_init(&a->rose->pdv, rose_pdu_plan(), 0);
    return true;
}

void rose_free(struct osi_association *a) {
    if (!a->rose)
        return;
    ber_scanner_free(&a->rose->in.scanner);
    ber_scanner_free(&a->rose->pdv);
    buf_free(&a->rose->out.queue);
    mem_free(a->rose);
    a->rose = NULL;
}

size_t rose_memory(const struct osi_association *a) {
    return a->rose ? sizeof *a->rose + a->rose->out.queue.cap + a->rose->in.scanner.head.cap +
                         a->rose->pdv.head.cap
                   : 0;
}

bool rose_out_is_idle(const struct osi_association *a) {
    return a->rose->out.state == ROSE_OUT_IDLE && a->rose->out.queue.len == 0;
}

bool rose_is_sending(const struct osi_association *a) {
    return !rose_out_is_idle(a);
}

/* A class that is always answered: the peer owes that. */
struct association_due rose_due(const struct osi_association *a) {
    struct association_due due = {0, "the peer did not answer an operation in time"};
    const struct rose_invocations *ours = &a->rose->machine.ours;
    for (size_t i = 0; i < ours->count; i++)
        if (!ours->items[i].forgotten &&
            (!ours->items[i].operation || ours->items[i].operation->operation_class <= 2))
            due.us = a->parameters.transfer_us;
    return due;
}

/* ---- handing over ---- */

/* Octets of our own go before those of the owner. True: they are all handed over. */
static bool push_edge(struct osi_association *a) {
    struct rose_out *out = &a->rose->out;
    size_t taken = a->rose->carrier->data(a, span_of(out->edge, out->edge_len), out->ending);
    out->edge_len -= taken;
    memmove(out->edge, out->edge + taken, out->edge_len);
    return out->edge_len == 0;
}

/* The PDU under way is handed over to its last octet. */
static void handed_over(struct osi_association *a) {
    a->rose->out.state = a->rose->carrier->at_once ? ROSE_OUT_IDLE : ROSE_OUT_CARRIED;
}

static void push_queued(struct osi_association *a) {
    struct rose_out *out = &a->rose->out;
    struct queued head;
    memcpy(&head, out->queue.data, sizeof head);
    struct span pdu = span_sub(buf_span(&out->queue), sizeof head + out->taken, head.length - out->taken);
    out->taken += a->rose->carrier->data(a, pdu, true);
    if (out->taken < head.length || a->over)
        return;
    out->taken = 0;
    buf_consume(&out->queue, sizeof head + head.length);
    if (out->queue.len == 0)
        buf_free(&out->queue);
    handed_over(a);
}

static void push_stream(struct osi_association *a) {
    struct rose_out *out = &a->rose->out;
    if (out->edge_len > 0 && !push_edge(a))
        return;
    if (out->ending)
        handed_over(a);
}

static bool start_queued(struct osi_association *a) {
    struct rose_out *out = &a->rose->out;
    struct queued head;
    if (out->queue.len == 0 || !a->rose->carrier->is_free(a))
        return false;
    memcpy(&head, out->queue.data, sizeof head);
    if (!a->rose->carrier->begin(a, head.ro.syntax))
        return false;
    out->ro = head.ro;
    out->state = ROSE_OUT_QUEUED;
    return true;
}

/* The owner may go on: with the parameter under way, or with another PDU. */
static void tell_owner(struct osi_association *a) {
    struct rose_out *out = &a->rose->out;
    bool more =
        out->state == ROSE_OUT_STREAM && out->edge_len == 0 && !out->ending && a->rose->carrier->has_room(a);
    if (!out->wanted || (!more && (!rose_out_is_idle(a) || !a->rose->carrier->is_free(a))))
        return;
    out->wanted = false;
    association_push_type(a, OSI_EVENT_MAY_SEND);
}

void rose_out_push(struct osi_association *a) {
    struct rose_out *out = &a->rose->out;
    if (a->state != ASSOCIATION_OPEN)
        return;
    if (out->state == ROSE_OUT_STREAM)
        push_stream(a);
    do {
        if (out->state == ROSE_OUT_QUEUED)
            push_queued(a);
    } while (!a->over && out->state == ROSE_OUT_IDLE && start_queued(a));
    if (!a->over)
        tell_owner(a);
}

void rose_out_done(struct osi_association *a) {
    a->rose->out.state = ROSE_OUT_IDLE;
}

void rose_out_returned(struct osi_association *a) {
    struct rose_out *out = &a->rose->out;
    struct queued head;
    if (out->state == ROSE_OUT_QUEUED) { /* it was not handed over yet */
        memcpy(&head, out->queue.data, sizeof head);
        buf_consume(&out->queue, sizeof head + head.length);
    }
    out->taken = out->edge_len = 0;
    out->state = ROSE_OUT_IDLE;
    if (out->ro.kind == OSI_RO_INVOKE)
        rose_close(&a->rose->machine.ours, out->ro.id);
    association_push(a, &(struct osi_event){.type = OSI_EVENT_RO_RETURNED, .u.ro = out->ro});
}

/* ---- the queue ---- */

static bool enqueue(struct osi_association *a, const struct osi_ro *ro, struct span parameter) {
    struct rose_out *out = &a->rose->out;
    struct queued head = {.ro = *ro};
    size_t start = out->queue.len;
    bool fits = start + parameter.len <= OSI_RO_QUEUE + (ro->kind == OSI_RO_REJECT ? REJECT_ROOM : 0);
    if (!fits || !buf_append(&out->queue, &head, sizeof head) ||
        !rose_pdu_encode(ro, parameter, &out->queue)) {
        out->queue.len = start < out->queue.len ? start : out->queue.len;
        out->queue.failed = false;
        out->wanted = true; /* when there is room again the owner may try anew */
        return false;
    }
    head.length = out->queue.len - start - sizeof head;
    memcpy(out->queue.data + start, &head, sizeof head);
    rose_out_push(a);
    return true;
}

bool rose_out_reject(struct osi_association *a, const struct osi_ro *about, enum osi_ro_problem_kind kind,
                     int64_t problem) {
    struct osi_ro ro = {.kind = OSI_RO_REJECT,
                        .syntax = about->syntax,
                        .has_id = about->has_id,
                        .id = about->id,
                        .problem_kind = kind,
                        .problem = problem};
    return rose_note(&a->rose->machine, false) && enqueue(a, &ro, (struct span){0});
}

/* ---- requests ---- */

static bool is_open(const struct osi_association *a) {
    return a->rose && a->state == ASSOCIATION_OPEN && !a->over;
}

bool osi_ro_send(struct osi_association *a, struct osi_ro *ro, struct span parameter, int64_t now) {
    ro->has_parameter = parameter.data != NULL;
    if (!is_open(a) || !rose_may_say(&a->rose->machine, ro) || !a->presentation.context[ro->syntax])
        return false;
    association_waits_from(a, now);
    rose_say(&a->rose->machine, ro);
    if (enqueue(a, ro, parameter))
        return true;
    /* It was not said. */
    if (ro->kind == OSI_RO_INVOKE)
        rose_close(&a->rose->machine.ours, ro->id);
    else
        rose_begin(&a->rose->machine, &(struct osi_ro){.kind = OSI_RO_INVOKE,
                                                       .id = ro->id,
                                                       .syntax = ro->syntax,
                                                       .operation = ro->operation});
    return false;
}

bool osi_ro_begin(struct osi_association *a, struct osi_ro *ro, int64_t now) {
    if (!is_open(a))
        return false;
    a->now = now;
    struct rose_out *out = &a->rose->out;
    if (!ro->has_parameter)
        return osi_ro_send(a, ro, (struct span){0}, now);
    if (!rose_out_is_idle(a) || !a->rose->carrier->is_free(a)) {
        out->wanted = true;
        return false;
    }
    if (!rose_may_say(&a->rose->machine, ro) || !a->presentation.context[ro->syntax] ||
        !a->rose->carrier->begin(a, ro->syntax))
        return false;
    association_waits_from(a, now);
    rose_say(&a->rose->machine, ro);
    out->ro = *ro;
    out->edge_len = rose_pdu_head(ro, out->edge);
    out->ending = out->wanted = false;
    out->state = ROSE_OUT_STREAM;
    push_edge(a);
    return !a->over;
}

bool osi_ro_is_allowed(const struct osi_association *a, const struct osi_ro *ro) {
    return is_open(a) && a->presentation.context[ro->syntax] && rose_allows(&a->rose->machine, ro);
}

size_t osi_ro_data(struct osi_association *a, struct span data, bool last, int64_t now) {
    if (!is_open(a) || a->rose->out.state != ROSE_OUT_STREAM || a->rose->out.ending)
        return 0;
    struct rose_out *out = &a->rose->out;
    association_waits_from(a, now);
    size_t taken = a->rose->carrier->data(a, data, false);
    out->wanted = taken < data.len;
    if (taken < data.len || !last || a->over)
        return taken;
    struct span tail = rose_pdu_tail(&out->ro);
    memcpy(out->edge, tail.data, tail.len);
    out->edge_len = tail.len;
    out->ending = true;
    rose_out_push(a);
    return taken;
}

bool osi_ro_reject(struct osi_association *a, int64_t id, enum osi_syntax syntax,
                   enum osi_ro_problem_kind kind, int64_t problem, int64_t now) {
    struct osi_ro ro = {.kind = OSI_RO_REJECT,
                        .syntax = syntax,
                        .has_id = true,
                        .id = id,
                        .problem_kind = kind,
                        .problem = problem};
    bool of_invoke = kind == OSI_RO_INVOKE_PROBLEM;
    a->now = now;
    if (!is_open(a) || (of_invoke && !rose_find(&a->rose->machine.theirs, id)) ||
        !enqueue(a, &ro, (struct span){0}))
        return false;
    if (of_invoke)
        rose_close(&a->rose->machine.theirs, id);
    association_waits_from(a, now);
    return true;
}

bool osi_ro_forget(struct osi_association *a, bool ours, int64_t id) {
    if (!a->rose)
        return false;
    return ours ? rose_forget(&a->rose->machine, id) : rose_close(&a->rose->machine.theirs, id);
}

size_t osi_ro_outstanding(const struct osi_association *a, bool ours) {
    return !a->rose ? 0 : ours ? rose_awaited(&a->rose->machine) : a->rose->machine.theirs.count;
}
