/* Which entries an operation means: its entry class, its selector (X.413 §8.1.4), or numbers. */
#include "ms/operation_private.h"
#include "schema/x419.h"

/* Extensions came with 1994; one of 1988 can't be told which of them is not known. */
bool ms_check_extensions(struct ms_operation *operation, const struct x413_MSExtensions *extensions) {
    struct x413_MSExtensionErrorParameter parameter = {
        .choice = x413_MSExtensionErrorParameter_unknown_ms_extension};
    if (!extensions->count)
        return true;
    if (operation->request->edition == MS_1988)
        return ms_fail_service(operation, x413_ServiceProblem_unwilling_to_perform,
                               "an extension in a context of 1988");
    parameter.u.unknown_ms_extension = extensions->items[0].type_id;
    return ms_fail(operation, MS_EXTENSION_ERROR, &x413_MSExtensionErrorParameter_type, &parameter);
}

/* The contexts of 1988 know no error for a class: theirs was an information base, which there is or not. */
bool ms_check_class(struct ms_operation *operation, int64_t entry_class, unsigned *classes) {
    struct x413_EntryClassErrorParameter parameter = {.entry_class = entry_class};
    *classes = entry_class >= 0 && entry_class < 32 ? ms_entry_classes(entry_class) : 0;
    if (*classes && (operation->service->classes >> entry_class & 1))
        return true;
    if (operation->request->edition == MS_1988)
        return ms_fail_service(operation, x413_ServiceProblem_unwilling_to_perform,
                               "an information base that is not there");
    if (!ber_bit_set(&parameter.problem, 0, true, &operation->arena))
        return ms_fail_service(operation, x413_ServiceProblem_unavailable, "no memory");
    return ms_fail(operation, MS_ENTRY_CLASS_ERROR, &x413_EntryClassErrorParameter_type, &parameter);
}

static bool fail_range(struct ms_operation *operation) {
    struct x413_RangeErrorParameter parameter = {.problem = x413_RangeProblem_reversed};
    return ms_fail(operation, MS_RANGE_ERROR, &x413_RangeErrorParameter_type, &parameter);
}

static bool read_numbers(struct ms_operation *operation, const struct x413_NumberRange *range,
                         struct ms_selection *selection) {
    if (range->has_from && range->has_to && range->from > range->to)
        return fail_range(operation);
    selection->first = range->has_from ? (uint64_t)range->from : 0;
    selection->last = range->has_to ? (uint64_t)range->to : 0;
    if (range->has_to && !range->to) /* 0 is a number, which no entry has; for a selection it is the end */
        selection->classes = 0;
    return true;
}

#define SECOND INT64_C(1000000)

/* A creation-time is told by the second: one within the last second of the range is in it. */
static bool read_times(struct ms_operation *operation, const struct x413_TimeRange *range,
                       struct ms_selection *selection) {
    int64_t from = INT64_MIN / SECOND, to = INT64_MAX / SECOND - 1;
    if ((range->from.data && !ber_utctime_read(range->from, &from)) ||
        (range->to.data && !ber_utctime_read(range->to, &to)))
        return ms_reject_argument(operation);
    if (from > to)
        return fail_range(operation);
    selection->by_time = true;
    selection->from = from * SECOND;
    selection->to = to * SECOND + SECOND - 1;
    return true;
}

/* Delete has no attribute-error among its errors (X.413 §8.2.5). */
static bool fail_filter(struct ms_operation *operation, const struct ms_filter *filter) {
    struct x413_AttributeErrorParameter parameter = {.problems = {NULL, 0}};
    struct ms_filter_problem problem;
    size_t count = 0;
    if (operation->request->code == x419_op_delete)
        return ms_fail_service(operation, x413_ServiceProblem_unwilling_to_perform,
                               "a filter with an item that can't be evaluated");
    while (count < x413_ub_per_entry && ms_filter_problem(filter, count, &problem))
        count++;
    parameter.problems.items = arena_array(&operation->arena, count, sizeof *parameter.problems.items);
    if (!parameter.problems.items)
        return ms_fail_service(operation, x413_ServiceProblem_unavailable, "no memory");
    for (; parameter.problems.count < count; parameter.problems.count++) {
        ms_filter_problem(filter, parameter.problems.count, &problem);
        parameter.problems.items[parameter.problems.count] =
            (struct x413_AttributeErrorParameter_problems_item){
                .problem = problem.problem, .type = problem.type, .value = problem.value};
    }
    return ms_fail(operation, MS_ATTRIBUTE_ERROR, &x413_AttributeErrorParameter_type, &parameter);
}

static bool read_filter(struct ms_operation *operation, const struct x413_Filter *filter,
                        struct ms_selection *selection) {
    enum ms_filter_error why = MS_FILTER_MEMORY;
    struct ms_filter_problem problem;
    selection->filter = filter ? ms_filter_prepare(filter, &operation->arena, &why) : NULL;
    if (filter && !selection->filter)
        return ms_fail_service(operation,
                               why == MS_FILTER_TOO_LARGE ? x413_ServiceProblem_unwilling_to_perform
                                                          : x413_ServiceProblem_unavailable,
                               why == MS_FILTER_TOO_LARGE ? "the filter is too large" : "no memory");
    return !selection->filter || !ms_filter_problem(selection->filter, 0, &problem) ||
           fail_filter(operation, selection->filter);
}

bool ms_read_selector(struct ms_operation *operation, const struct x413_Selector *selector,
                      int64_t entry_class, struct ms_selection *selection) {
    const struct x413_Range *range = selector->range;
    *selection = (struct ms_selection){.children = selector->child_entries,
                                       .limit = selector->has_limit ? (size_t)selector->limit : 0};
    if (!ms_check_class(operation, entry_class, &selection->classes))
        return false;
    if (range && !(range->choice == x413_Range_sequence_number_range
                       ? read_numbers(operation, &range->u.sequence_number_range, selection)
                       : read_times(operation, &range->u.creation_time_range, selection)))
        return false;
    return read_filter(operation, selector->filter, selection);
}

const struct ms_attribute *ms_find_attribute(struct ms_operation *operation, struct span type) {
    const struct ms_attribute *attribute = ms_attribute_by_oid(type);
    if (attribute && attribute->edition <= operation->request->edition)
        return attribute;
    ms_fail_attribute(operation, x413_AttributeProblem_unavailable_attribute_type, type,
                      (struct span){NULL, 0});
    return NULL;
}

bool ms_run_selection(struct ms_operation *operation, const struct ms_selection *selection, ms_select_cb *cb,
                      void *context, uint64_t *next) {
    struct error err = {0};
    uint64_t undecided;
    *next = 0;
    if (!operation->service->mailbox->mailbox || !selection->classes)
        return true; /* nothing was ever delivered, or nothing is meant */
    return ms_select(operation->service->mailbox, selection, cb, context, next, &undecided, &err) ||
           ms_fail_store(operation, &err);
}

bool ms_find_entry(struct ms_operation *operation, unsigned classes, uint64_t number,
                   struct store_entry *entry) {
    const struct ms_mailbox *mailbox = operation->service->mailbox;
    struct error err = {.code = STORE_NOT_FOUND};
    arena_reset(&operation->values);
    bool found = mailbox->mailbox && number &&
                 store_get_entry(mailbox->store, mailbox->mailbox, number, &operation->values, entry, &err);
    if (!found && err.code != STORE_NOT_FOUND)
        return ms_fail_store(operation, &err);
    return (found && (classes >> entry->entry_class & 1)) || ms_fail_number(operation, number);
}
