#include "osi/rose.h"

#include <string.h>

/* Each reject weighs as much as so many good PDUs; so many may come at once. */
#define REJECT_WEIGHT 8
#define REJECT_BURST  16

void rose_init(struct rose_machine *m, const struct osi_operation *operations, size_t count, bool initiator,
               size_t bound) {
    memset(m, 0, sizeof *m);
    m->operations = operations;
    m->operation_count = count;
    m->us = initiator ? OSI_RO_BY_INITIATOR : OSI_RO_BY_RESPONDER;
    m->them = initiator ? OSI_RO_BY_RESPONDER : OSI_RO_BY_INITIATOR;
    m->bound = bound && bound < OSI_RO_OUTSTANDING ? bound : OSI_RO_OUTSTANDING;
}

/* ---- invocations ---- */

const struct rose_invocation *rose_find(const struct rose_invocations *list, int64_t id) {
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].id == id)
            return &list->items[i];
    return NULL;
}

static void remove_at(struct rose_invocations *list, size_t at) {
    list->count--;
    memmove(list->items + at, list->items + at + 1, (list->count - at) * sizeof *list->items);
}

bool rose_close(struct rose_invocations *list, int64_t id) {
    const struct rose_invocation *open = rose_find(list, id);
    if (open)
        remove_at(list, (size_t)(open - list->items));
    return open != NULL;
}

static unsigned class_of(const struct osi_operation *operation) {
    return operation ? operation->operation_class : 2;
}

bool rose_forget(struct rose_machine *m, int64_t id) {
    for (size_t i = 0; i < m->ours.count; i++)
        if (m->ours.items[i].id == id && !m->ours.items[i].forgotten)
            return m->ours.items[i].forgotten = true;
    return false;
}

bool rose_is_forgotten(const struct rose_machine *m, const struct osi_ro *ro) {
    const struct rose_invocation *open = rose_find(&m->ours, ro->id);
    return (ro->kind == OSI_RO_RESULT || ro->kind == OSI_RO_ERROR) && open && open->forgotten;
}

size_t rose_awaited(const struct rose_machine *m) {
    size_t count = 0;
    for (size_t i = 0; i < m->ours.count; i++)
        count += !m->ours.items[i].forgotten;
    return count;
}

/* True if neither result nor error must come, or nobody waits: the invoker can't know when it is over. */
static bool may_stay_silent(const struct rose_invocation *invocation) {
    return invocation->forgotten || class_of(invocation->operation) >= 3;
}

static bool has_room(const struct rose_invocations *list) {
    for (size_t i = 0; i < list->count; i++)
        if (may_stay_silent(&list->items[i]))
            return true;
    return list->count < OSI_RO_OUTSTANDING;
}

static void open_invocation(struct rose_invocations *list, const struct osi_ro *ro) {
    for (size_t i = 0; list->count == OSI_RO_OUTSTANDING && i < list->count; i++)
        if (may_stay_silent(&list->items[i]))
            remove_at(list, i);
    list->items[list->count++] =
        (struct rose_invocation){.id = ro->id, .syntax = ro->syntax, .operation = ro->operation};
}

/* ---- the table ---- */

static const struct osi_operation *find_operation(const struct rose_machine *m, const struct osi_ro *ro) {
    for (size_t i = 0; ro->has_code && i < m->operation_count; i++)
        if (m->operations[i].syntax == ro->syntax && m->operations[i].code == ro->code)
            return &m->operations[i];
    return NULL;
}

static bool is_listed(const int64_t *codes, size_t count, int64_t code) {
    for (size_t i = 0; i < count; i++)
        if (codes[i] == code)
            return true;
    return false;
}

static bool allows_error(const struct osi_operation *operation, int64_t code) {
    return !operation || !operation->errors || is_listed(operation->errors, operation->error_count, code);
}

static bool answers_result(const struct osi_operation *operation) {
    unsigned answered = class_of(operation);
    return answered == 1 || answered == 2 || answered == 4;
}

static bool answers_error(const struct osi_operation *operation) {
    return class_of(operation) <= 3;
}

/* What is wrong with a linked-ID; -1 when nothing is. `parents` are the invocations of the other side. */
static int linked_problem(const struct rose_machine *m, const struct rose_invocations *parents,
                          const struct osi_ro *ro) {
    const struct rose_invocation *parent = rose_find(parents, ro->linked_id);
    if (!ro->has_linked)
        return -1;
    if (!parent)
        return OSI_RO_UNRECOGNIZED_LINKED_ID;
    if (!m->operations)
        return -1;
    if (parent->operation->linked_count == 0)
        return OSI_RO_LINKED_RESPONSE_UNEXPECTED;
    return is_listed(parent->operation->linked, parent->operation->linked_count, ro->code)
               ? -1
               : OSI_RO_UNEXPECTED_LINKED_OPERATION;
}

/* ---- what we say ---- */

/* A synchronous operation of ours must be answered before we invoke any other (X.219 §7.2). */
static bool waits_for_answer(const struct rose_machine *m) {
    for (size_t i = 0; i < m->ours.count; i++)
        if (class_of(m->ours.items[i].operation) == 1 && !m->ours.items[i].forgotten)
            return true;
    return false;
}

static bool is_ours_to_invoke(const struct rose_machine *m, const struct osi_operation *operation) {
    return operation ? (operation->invokers & m->us) != 0 : !m->operations;
}

static bool may_invoke(const struct rose_machine *m, struct osi_ro *ro) {
    ro->operation = find_operation(m, ro);
    bool known = is_ours_to_invoke(m, ro->operation);
    bool synchronous = class_of(ro->operation) == 1 && rose_awaited(m) > 0;
    if (!known || !ro->has_code || synchronous || waits_for_answer(m) || !has_room(&m->ours) ||
        linked_problem(m, &m->theirs, ro) >= 0)
        return false;
    ro->has_id = true;
    ro->id = m->last_id;
    do
        ro->id = ro->id == INT32_MAX ? 1 : ro->id + 1;
    while (rose_find(&m->ours, ro->id));
    return true;
}

bool rose_may_say(const struct rose_machine *m, struct osi_ro *ro) {
    if (ro->kind == OSI_RO_INVOKE)
        return may_invoke(m, ro);
    const struct rose_invocation *open = rose_find(&m->theirs, ro->id);
    if (!open)
        return false;
    ro->has_id = true;
    ro->syntax = open->syntax;
    ro->operation = open->operation;
    if (ro->kind == OSI_RO_ERROR)
        return answers_error(open->operation) && allows_error(open->operation, ro->code);
    if (open->operation)
        ro->code = open->operation->code;
    return ro->kind == OSI_RO_RESULT && answers_result(open->operation);
}

bool rose_allows(const struct rose_machine *m, const struct osi_ro *ro) {
    struct osi_ro said = *ro;
    return ro->kind == OSI_RO_INVOKE ? is_ours_to_invoke(m, find_operation(m, ro)) : rose_may_say(m, &said);
}

void rose_say(struct rose_machine *m, const struct osi_ro *ro) {
    if (ro->kind != OSI_RO_INVOKE) {
        rose_close(&m->theirs, ro->id);
        return;
    }
    m->last_id = ro->id;
    open_invocation(&m->ours, ro);
}

/* ---- what they say ---- */

static enum osi_ro_problem_kind judge_invoke(const struct rose_machine *m, struct osi_ro *ro,
                                             int64_t *problem) {
    int linked = linked_problem(m, &m->ours, ro);
    ro->operation = find_operation(m, ro);
    bool known = ro->has_code && (ro->operation ? ro->operation->invokers & m->them : !m->operations);
    *problem = rose_find(&m->theirs, ro->id) ? OSI_RO_DUPLICATE_INVOCATION
               : !known                      ? OSI_RO_UNRECOGNIZED_OPERATION
               : linked >= 0                 ? linked
               : m->theirs.count >= m->bound ? OSI_RO_RESOURCE_LIMITATION
                                             : -1;
    return *problem < 0 ? OSI_RO_NO_PROBLEM : OSI_RO_INVOKE_PROBLEM;
}

static enum osi_ro_problem_kind judge_result(const struct rose_invocation *open, const struct osi_ro *ro,
                                             int64_t *problem) {
    *problem = !open                              ? OSI_RO_RESULT_UNRECOGNIZED_INVOCATION
               : !answers_result(open->operation) ? OSI_RO_RESULT_RESPONSE_UNEXPECTED
               : ro->has_code && open->operation && ro->code != open->operation->code ? OSI_RO_MISTYPED_RESULT
                                                                                      : -1;
    return *problem < 0 ? OSI_RO_NO_PROBLEM : OSI_RO_RESULT_PROBLEM;
}

/* True if some operation of the port knows the error. */
static bool is_error_of_port(const struct rose_machine *m, const struct osi_ro *ro) {
    for (size_t i = 0; i < m->operation_count; i++)
        if (m->operations[i].syntax == ro->syntax && m->operations[i].errors &&
            allows_error(&m->operations[i], ro->code))
            return true;
    return false;
}

static enum osi_ro_problem_kind judge_error(const struct rose_machine *m, const struct rose_invocation *open,
                                            const struct osi_ro *ro, int64_t *problem) {
    *problem = !open                             ? OSI_RO_ERROR_UNRECOGNIZED_INVOCATION
               : !answers_error(open->operation) ? OSI_RO_ERROR_RESPONSE_UNEXPECTED
               : ro->has_code && allows_error(open->operation, ro->code) ? -1
               : is_error_of_port(m, ro)                                 ? OSI_RO_UNEXPECTED_ERROR
                                                                         : OSI_RO_UNRECOGNIZED_ERROR;
    return *problem < 0 ? OSI_RO_NO_PROBLEM : OSI_RO_ERROR_PROBLEM;
}

enum osi_ro_problem_kind rose_judge(const struct rose_machine *m, struct osi_ro *ro, int64_t *problem) {
    if (ro->kind == OSI_RO_REJECT) {
        const struct rose_invocation *rejected = ro->has_id ? rose_find(&m->ours, ro->id) : NULL;
        ro->operation = rejected ? rejected->operation : NULL;
        return OSI_RO_NO_PROBLEM;
    }
    if (!ro->has_id) { /* noInvokeId: nothing could answer it */
        *problem = OSI_RO_MISTYPED_PDU;
        return OSI_RO_GENERAL_PROBLEM;
    }
    if (ro->kind == OSI_RO_INVOKE)
        return judge_invoke(m, ro, problem);
    const struct rose_invocation *open = rose_find(&m->ours, ro->id);
    if (open && open->syntax != ro->syntax) /* of another port */
        open = NULL;
    ro->operation = open ? open->operation : NULL;
    return ro->kind == OSI_RO_RESULT ? judge_result(open, ro, problem) : judge_error(m, open, ro, problem);
}

void rose_begin(struct rose_machine *m, const struct osi_ro *ro) {
    if (ro->kind == OSI_RO_INVOKE && class_of(ro->operation) != 5)
        open_invocation(&m->theirs, ro);
}

void rose_end(struct rose_machine *m, const struct osi_ro *ro) {
    bool of_invoke = ro->problem_kind == OSI_RO_INVOKE_PROBLEM || ro->problem_kind == OSI_RO_GENERAL_PROBLEM;
    if (ro->kind == OSI_RO_RESULT || ro->kind == OSI_RO_ERROR ||
        (ro->kind == OSI_RO_REJECT && ro->has_id && of_invoke))
        rose_close(&m->ours, ro->id);
}

void rose_drop(struct rose_machine *m, const struct osi_ro *ro) {
    if (ro->kind == OSI_RO_INVOKE)
        rose_close(&m->theirs, ro->id);
}

bool rose_note(struct rose_machine *m, bool good) {
    if (good)
        m->rejects -= m->rejects > 0;
    else
        m->rejects += REJECT_WEIGHT;
    return m->rejects <= REJECT_WEIGHT * REJECT_BURST;
}
