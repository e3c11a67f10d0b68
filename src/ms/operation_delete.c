/*
 * Delete (X.413 §8.2.5): which entries go. All that are meant, or none with the
 * problems of all that can't go: an entry that is new still, or the child of
 * another one.
 */
#include <stdlib.h>

#include "ms/operation_private.h"

/* Most entries of one deletion, which is one commit. */
#define ENTRIES_MOST 10000

struct deleting {
    struct ms_operation *operation;
    struct buf problems; /* struct x413_DeleteErrorParameter_problems_item */
    struct buf numbers;  /* uint64_t */
    bool failed;
};

/* In a context of 1988 no other problem says that an entry is new. */
static int64_t problem_of(const struct deleting *deleting, const struct store_entry *entry) {
    if (entry->parent)
        return x413_DeleteProblem_child_entry_specified;
    if (entry->status != STORE_NEW || entry->entry_class != x413_EntryClass_delivery)
        return -1;
    return deleting->operation->request->edition == MS_1988 ? x413_DeleteProblem_delete_restriction_problem
                                                            : x413_DeleteProblem_new_entry_specified;
}

static bool note(void *context, const struct store_entry *entry) {
    struct deleting *deleting = context;
    struct x413_DeleteErrorParameter_problems_item item = {.problem = problem_of(deleting, entry),
                                                           .sequence_number = (int64_t)entry->sequence};
    bool room = deleting->numbers.len / sizeof(uint64_t) < ENTRIES_MOST;
    bool noted = item.problem >= 0
                     ? deleting->problems.len / sizeof item >= x413_ub_per_entry ||
                           buf_append(&deleting->problems, &item, sizeof item)
                     : room && buf_append(&deleting->numbers, &entry->sequence, sizeof entry->sequence);
    if (!noted)
        deleting->failed = !ms_fail_service(deleting->operation, x413_ServiceProblem_unwilling_to_perform,
                                            "a deletion of too many entries at a time");
    return noted;
}

static int by_number(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* A number may come twice. */
static bool note_numbers(struct deleting *deleting, x413_SequenceNumber *numbers, size_t count,
                         unsigned classes) {
    if (count)
        qsort(numbers, count, sizeof *numbers, by_number);
    for (size_t i = 0; i < count && !deleting->failed; i++) {
        struct store_entry entry;
        if (i && numbers[i] == numbers[i - 1])
            continue;
        if (!ms_find_entry(deleting->operation, classes, (uint64_t)numbers[i], &entry))
            return false;
        note(deleting, &entry);
    }
    return !deleting->failed;
}

static bool fail(const struct deleting *deleting) {
    struct x413_DeleteErrorParameter parameter = {0};
    parameter.problems.items =
        (struct x413_DeleteErrorParameter_problems_item *)(void *)deleting->problems.data;
    parameter.problems.count = deleting->problems.len / sizeof *parameter.problems.items;
    return ms_fail(deleting->operation, MS_DELETE_ERROR, &x413_DeleteErrorParameter_type, &parameter);
}

static bool put_deleted(const struct deleting *deleting) {
    struct ms_operation *operation = deleting->operation;
    struct ms_reply *reply = operation->reply;
    struct x413_DeleteResult result = {.choice = x413_DeleteResult_delete_result_94};
    const uint64_t *numbers = (const uint64_t *)(const void *)deleting->numbers.data;
    size_t count = deleting->numbers.len / sizeof *numbers;
    if (operation->request->edition == MS_1988)
        result.choice = x413_DeleteResult_delete_result_88;
    else if (count) {
        result.u.delete_result_94.entries_deleted.items =
            (x413_SequenceNumber *)(void *)deleting->numbers.data;
        result.u.delete_result_94.entries_deleted.count = count;
    }
    for (size_t i = 0; i < count; i++)
        if (!ms_put_run(&reply->deleted, numbers[i]))
            return ms_fail_service(operation, x413_ServiceProblem_unavailable, "no memory");
    return ber_encode(&x413_DeleteResult_type, &result, &reply->octets, NULL) ||
           ms_fail_service(operation, x413_ServiceProblem_unavailable, "no memory");
}

static bool find_all(struct deleting *deleting, struct x413_DeleteArgument *argument) {
    struct ms_operation *operation = deleting->operation;
    struct ms_selection selection = {0};
    uint64_t next;
    if (argument->items.choice == x413_DeleteArgument_items_sequence_numbers)
        return ms_check_class(operation, argument->entry_class, &selection.classes) &&
               note_numbers(deleting, argument->items.u.sequence_numbers.items,
                            argument->items.u.sequence_numbers.count, selection.classes);
    return ms_read_selector(operation, &argument->items.u.selector, argument->entry_class, &selection) &&
           ms_run_selection(operation, &selection, note, deleting, &next) && !deleting->failed;
}

bool ms_delete(struct ms_operation *operation) {
    struct x413_DeleteArgument argument = {0};
    struct deleting deleting = {.operation = operation};
    if (!ms_read_argument(operation, &x413_DeleteArgument_type, &argument) ||
        !ms_check_extensions(operation, &argument.delete_extensions))
        return false;
    buf_init(&deleting.problems, 0);
    buf_init(&deleting.numbers, 0);
    bool done =
        find_all(&deleting, &argument) && (deleting.problems.len ? fail(&deleting) : put_deleted(&deleting));
    buf_free(&deleting.problems);
    buf_free(&deleting.numbers);
    return done;
}
