/* Answers to a user's operations, and submission-control: they wait here until the association takes them,
 * as does a delivery. */
#include "base/alloc.h"
#include "base/clock.h"
#include "protocol/p3_private.h"
#include "schema/x419.h"

/* ---- which operation ---- */

uint32_t p3_number(struct p3 *p3, const struct osi_ro *ro) {
    for (size_t i = 0; i < OSI_RO_OUTSTANDING; i++)
        if (!p3->opens[i].number) {
            p3->number = p3->number == UINT32_MAX ? 1 : p3->number + 1;
            p3->opens[i] = (struct p3_open){.number = p3->number, .id = ro->id, .syntax = ro->syntax};
            return p3->number;
        }
    return 0;
}

static struct p3_open *find(struct p3 *p3, uint32_t number) {
    for (size_t i = 0; number && i < OSI_RO_OUTSTANDING; i++)
        if (p3->opens[i].number == number)
            return &p3->opens[i];
    return NULL;
}

void p3_number_weighs(struct p3 *p3, uint32_t number, size_t octets) {
    struct p3_open *open = find(p3, number);
    if (!open)
        return;
    open->octets += octets;
    p3->open_octets += octets;
}

static void forget(struct p3 *p3, struct p3_open *open) {
    p3->open_octets -= open->octets;
    *open = (struct p3_open){0};
}

void p3_number_free(struct p3 *p3, uint32_t number) {
    struct p3_open *open = find(p3, number);
    if (open)
        forget(p3, open);
}

/* ---- the queue ---- */

static void give_up(const struct p3 *p3) {
    osi_association_abort(p3->connection->association, OSI_ABORT_LOCAL_SYSTEM_PROBLEM, "no memory");
}

static size_t octets_of(const struct p3_answer *answer) {
    return sizeof *answer + answer->parameter.len;
}

static void end_if_untaken(const struct p3 *p3) {
    struct osi_association *a = p3->connection->association;
    if (p3->answers_octets > P3_ANSWERS_MOST && a && !osi_association_is_over(a))
        osi_association_abort(a, OSI_ABORT_USER_ERROR, "it asks on and takes no answers");
}

static void put(struct p3 *p3, const struct osi_ro *ro, struct span parameter) {
    struct p3_answer *answer = mem_alloc(sizeof *answer);
    if (answer) {
        *answer = (struct p3_answer){.ro = *ro};
        buf_init(&answer->parameter, 0);
        answer->ro.has_parameter = parameter.len > 0;
    }
    if (!answer || (parameter.len && !buf_append_span(&answer->parameter, parameter))) {
        mem_free(answer);
        give_up(p3);
        return;
    }
    *(p3->last ? &p3->last->next : &p3->first) = answer;
    p3->last = answer;
    p3->answers_octets += octets_of(answer);
    p3_push(p3);
    end_if_untaken(p3);
}

static void take_first(struct p3 *p3) {
    struct p3_answer *answer = p3->first;
    p3->answers_octets -= octets_of(answer);
    p3->first = answer->next;
    if (!answer->next)
        p3->last = NULL;
    buf_free(&answer->parameter);
    mem_free(answer);
}

bool p3_forgo(const struct p3 *p3, const struct osi_ro *ro) {
    struct osi_association *a = p3->connection->association;
    if (osi_association_is_over(a) || osi_ro_is_allowed(a, ro))
        return false;
    if (ro->kind == OSI_RO_INVOKE)
        return true;
    connection_warn(p3->connection,
                    "operation rejected: what answers it is not allowed in its place (code %lld)",
                    (long long)ro->code);
    if (!osi_ro_reject(a, ro->id, ro->syntax, OSI_RO_INVOKE_PROBLEM, OSI_RO_RESOURCE_LIMITATION,
                       clock_monotonic_us()))
        osi_association_abort(a, OSI_ABORT_LOCAL_SYSTEM_PROBLEM, "an operation can't be answered");
    return true;
}

/* True: all of it was taken. */
static bool say(const struct p3 *p3, struct osi_association *a, struct p3_answer *answer) {
    int64_t now = clock_monotonic_us();
    struct span rest = span_sub(buf_span(&answer->parameter), answer->sent, SIZE_MAX);
    if (answer->ro.kind == OSI_RO_REJECT)
        return osi_ro_reject(a, answer->ro.id, answer->ro.syntax, OSI_RO_INVOKE_PROBLEM, answer->ro.problem,
                             now);
    if (!answer->begun && !osi_ro_begin(a, &answer->ro, now))
        return p3_forgo(p3, &answer->ro);
    answer->begun = true;
    if (!answer->ro.has_parameter)
        return true;
    answer->sent += osi_ro_data(a, rest, true, now);
    return answer->sent == answer->parameter.len;
}

/* One PDU at a time is said, and a delivery that has begun first. */
void p3_push(struct p3 *p3) {
    struct osi_association *a = p3->connection->association;
    if (!a || osi_association_is_over(a))
        return;
    if (p3_delivery_is_said(p3))
        p3_delivery_push(p3);
    while (p3->first && !p3_delivery_is_said(p3) && !osi_association_is_over(a) && say(p3, a, p3->first))
        take_first(p3);
    if (!p3->first && !osi_association_is_over(a))
        p3_delivery_push(p3);
}

/* The invocation that an answer was for is closed: it can't be answered once more. */
void p3_returned(struct p3 *p3, const struct osi_ro *ro) {
    struct p3_answer *first = p3->first;
    bool is_first = first && first->begun && first->ro.kind == ro->kind && first->ro.id == ro->id;
    if (ro->kind != OSI_RO_INVOKE) {
        connection_warn(p3->connection, "association aborted: an answer was not taken");
        osi_association_abort(p3->connection->association, OSI_ABORT_USER_ERROR, "an answer was not taken");
    } else if (is_first) {
        take_first(p3);
        p3_push(p3);
    }
}

void p3_answers_free(struct p3 *p3) {
    while (p3->first)
        take_first(p3);
}

void p3_reject(struct p3 *p3, const struct osi_ro *ro, int64_t problem) {
    struct osi_ro reject = {.kind = OSI_RO_REJECT, .id = ro->id, .syntax = ro->syntax, .problem = problem};
    put(p3, &reject, (struct span){NULL, 0});
}

void p3_error(struct p3 *p3, const struct osi_ro *ro, int64_t code, struct span parameter) {
    struct osi_ro error = {
        .kind = OSI_RO_ERROR, .id = ro->id, .syntax = ro->syntax, .has_code = true, .code = code};
    put(p3, &error, parameter);
}

/* ---- frames of the store process ---- */

bool p3_on_answer(struct p3 *p3, struct span payload) {
    struct reader r = reader_of(payload);
    struct p3_open *open = find(p3, reader_u32(&r));
    uint8_t what = reader_u8(&r);
    uint16_t code = reader_u16(&r);
    struct span value = payload_rest(&r);
    if (!open)
        return false;
    struct osi_ro ro = {.id = open->id, .syntax = open->syntax};
    forget(p3, open);
    if (what == IPC_USER_REJECT) {
        p3_reject(p3, &ro, code);
        return true;
    }
    ro.kind = what == IPC_USER_RESULT ? OSI_RO_RESULT : OSI_RO_ERROR;
    ro.has_code = true;
    ro.code = code;
    put(p3, &ro, value);
    return true;
}

bool p3_on_control(struct p3 *p3, struct span payload) {
    bool of_store = osi_context_uses(osi_context_row(p3->open.context), OSI_SYNTAX_MS_MSSE);
    struct osi_ro ro = {.kind = OSI_RO_INVOKE,
                        .syntax = of_store ? OSI_SYNTAX_MS_MSSE : OSI_SYNTAX_MSSE,
                        .has_code = true,
                        .code = x419_op_submission_control};
    put(p3, &ro, payload);
    return true;
}
