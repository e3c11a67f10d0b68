/* The machine of remote operations alone: what may be said, and what is wrong with what was said (X.880 §9).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "osi/rose.h"

enum { SYNCHRONOUS = 1, PLAIN, ERROR_ALONE, RESULT_ALONE, SILENT, CHILD, BY_INITIATOR };

static const int64_t errors[] = {7, 8}, other_errors[] = {9}, children[] = {CHILD};
static const struct osi_operation operations[] = {
    {OSI_SYNTAX_MSSE, SYNCHRONOUS, 1, OSI_RO_BY_BOTH, errors, 2, NULL, 0},
    {OSI_SYNTAX_MSSE, PLAIN, 2, OSI_RO_BY_BOTH, errors, 2, children, 1},
    {OSI_SYNTAX_MSSE, ERROR_ALONE, 3, OSI_RO_BY_BOTH, other_errors, 1, NULL, 0},
    {OSI_SYNTAX_MSSE, RESULT_ALONE, 4, OSI_RO_BY_BOTH, NULL, 0, NULL, 0},
    {OSI_SYNTAX_MSSE, SILENT, 5, OSI_RO_BY_BOTH, NULL, 0, NULL, 0},
    {OSI_SYNTAX_MSSE, CHILD, 2, OSI_RO_BY_BOTH, errors, 2, NULL, 0},
    {OSI_SYNTAX_MSSE, BY_INITIATOR, 2, OSI_RO_BY_INITIATOR, errors, 2, NULL, 0},
};

static struct rose_machine user, provider;

static int begin(void **state) {
    (void)state;
    size_t count = sizeof operations / sizeof *operations;
    rose_init(&user, operations, count, true, 0);
    rose_init(&provider, operations, count, false, 0);
    return 0;
}

static struct osi_ro invoke(int64_t code) {
    return (struct osi_ro){.kind = OSI_RO_INVOKE, .syntax = OSI_SYNTAX_MSSE, .has_code = true, .code = code};
}

static struct osi_ro answer(enum osi_ro_kind kind, int64_t id, int64_t code) {
    return (struct osi_ro){
        .kind = kind, .syntax = OSI_SYNTAX_MSSE, .has_id = true, .id = id, .has_code = true, .code = code};
}

/* One says it, the other hears it. */
static void pass(struct rose_machine *from, struct rose_machine *to, struct osi_ro *ro) {
    int64_t problem;
    assert_true(rose_may_say(from, ro));
    rose_say(from, ro);
    assert_int_equal(rose_judge(to, ro, &problem), OSI_RO_NO_PROBLEM);
    rose_begin(to, ro);
    rose_end(to, ro);
}

static int64_t call(struct rose_machine *from, struct rose_machine *to, int64_t code) {
    struct osi_ro ro = invoke(code);
    pass(from, to, &ro);
    return ro.id;
}

static void assert_problem(struct rose_machine *m, struct osi_ro ro, enum osi_ro_problem_kind kind,
                           int64_t what) {
    int64_t problem = -1;
    assert_int_equal(rose_judge(m, &ro, &problem), kind);
    assert_int_equal(problem, what);
}

static void assert_refused(struct rose_machine *m, struct osi_ro ro) {
    assert_false(rose_may_say(m, &ro));
}

static void answers_come_in_any_order_each_once(void **state) {
    (void)state;
    int64_t first = call(&user, &provider, PLAIN), second = call(&user, &provider, PLAIN);
    assert_int_not_equal(first, second);
    struct osi_ro error = answer(OSI_RO_ERROR, second, 7), result = answer(OSI_RO_RESULT, first, 0);
    pass(&provider, &user, &error);
    assert_refused(&provider, error);
    assert_problem(&user, error, OSI_RO_ERROR_PROBLEM, OSI_RO_ERROR_UNRECOGNIZED_INVOCATION);
    pass(&provider, &user, &result);
    assert_int_equal(result.code, PLAIN);
    assert_problem(&user, result, OSI_RO_RESULT_PROBLEM, OSI_RO_RESULT_UNRECOGNIZED_INVOCATION);
    assert_int_equal(user.ours.count + provider.theirs.count, 0);
}

static void classes_say_what_may_be_answered(void **state) {
    (void)state;
    int64_t error_alone = call(&user, &provider, ERROR_ALONE),
            result_alone = call(&user, &provider, RESULT_ALONE), silent = call(&user, &provider, SILENT);
    assert_refused(&provider, answer(OSI_RO_RESULT, error_alone, ERROR_ALONE));
    assert_refused(&provider, answer(OSI_RO_ERROR, result_alone, 7));
    assert_refused(&provider, answer(OSI_RO_RESULT, silent, SILENT));
    assert_null(rose_find(&provider.theirs, silent));
    assert_problem(&user, answer(OSI_RO_RESULT, error_alone, ERROR_ALONE), OSI_RO_RESULT_PROBLEM,
                   OSI_RO_RESULT_RESPONSE_UNEXPECTED);
    assert_problem(&user, answer(OSI_RO_ERROR, result_alone, 7), OSI_RO_ERROR_PROBLEM,
                   OSI_RO_ERROR_RESPONSE_UNEXPECTED);
    assert_problem(&user, answer(OSI_RO_RESULT, silent, SILENT), OSI_RO_RESULT_PROBLEM,
                   OSI_RO_RESULT_RESPONSE_UNEXPECTED);
    struct osi_ro error = answer(OSI_RO_ERROR, error_alone, 9);
    pass(&provider, &user, &error);
    assert_true(rose_close(&provider.theirs, result_alone));
}

static void a_synchronous_operation_waits_for_its_answer(void **state) {
    (void)state;
    int64_t plain = call(&user, &provider, PLAIN);
    assert_refused(&user, invoke(SYNCHRONOUS));
    struct osi_ro result = answer(OSI_RO_RESULT, plain, PLAIN);
    pass(&provider, &user, &result);
    int64_t synchronous = call(&user, &provider, SYNCHRONOUS);
    assert_refused(&user, invoke(PLAIN));
    assert_refused(&user, invoke(SILENT));
    call(&provider, &user, PLAIN); /* the other side may */
    result = answer(OSI_RO_RESULT, synchronous, SYNCHRONOUS);
    pass(&provider, &user, &result);
    call(&user, &provider, PLAIN);
}

static void invocations_that_do_not_fit_are_rejected(void **state) {
    (void)state;
    struct osi_ro ro = invoke(PLAIN);
    pass(&user, &provider, &ro);
    assert_problem(&provider, ro, OSI_RO_INVOKE_PROBLEM, OSI_RO_DUPLICATE_INVOCATION);
    ro.id++;
    ro.code = 77;
    assert_problem(&provider, ro, OSI_RO_INVOKE_PROBLEM, OSI_RO_UNRECOGNIZED_OPERATION);
    ro.code = PLAIN;
    ro.syntax = OSI_SYNTAX_MASE_88; /* of another port */
    assert_problem(&provider, ro, OSI_RO_INVOKE_PROBLEM, OSI_RO_UNRECOGNIZED_OPERATION);
    ro = invoke(BY_INITIATOR);
    ro.has_id = true;
    assert_problem(&user, ro, OSI_RO_INVOKE_PROBLEM, OSI_RO_UNRECOGNIZED_OPERATION);
    assert_refused(&provider, invoke(BY_INITIATOR));
    call(&user, &provider, BY_INITIATOR);
    ro.has_code = false; /* a global code */
    assert_problem(&provider, ro, OSI_RO_INVOKE_PROBLEM, OSI_RO_UNRECOGNIZED_OPERATION);
    ro.has_id = false;
    assert_problem(&provider, ro, OSI_RO_GENERAL_PROBLEM, OSI_RO_MISTYPED_PDU);
}

static void answers_that_do_not_fit_are_rejected(void **state) {
    (void)state;
    int64_t id = call(&user, &provider, PLAIN);
    assert_problem(&user, answer(OSI_RO_RESULT, id, CHILD), OSI_RO_RESULT_PROBLEM, OSI_RO_MISTYPED_RESULT);
    assert_problem(&user, answer(OSI_RO_ERROR, id, 9), OSI_RO_ERROR_PROBLEM, OSI_RO_UNEXPECTED_ERROR);
    assert_problem(&user, answer(OSI_RO_ERROR, id, 10), OSI_RO_ERROR_PROBLEM, OSI_RO_UNRECOGNIZED_ERROR);
    struct osi_ro other_port = answer(OSI_RO_RESULT, id, PLAIN);
    other_port.syntax = OSI_SYNTAX_MDSE_88;
    assert_problem(&user, other_port, OSI_RO_RESULT_PROBLEM, OSI_RO_RESULT_UNRECOGNIZED_INVOCATION);
    assert_refused(&provider, answer(OSI_RO_ERROR, id, 9));
}

static void linked_operations_name_their_parent(void **state) {
    (void)state;
    int64_t parent = call(&user, &provider, PLAIN), childless = call(&user, &provider, BY_INITIATOR);
    struct osi_ro child = invoke(CHILD), other = invoke(PLAIN);
    child.has_linked = other.has_linked = true;
    child.linked_id = other.linked_id = parent;
    pass(&provider, &user, &child);
    assert_refused(&provider, other);
    other.has_id = true;
    other.id = 1000;
    assert_problem(&user, other, OSI_RO_INVOKE_PROBLEM, OSI_RO_UNEXPECTED_LINKED_OPERATION);
    other.code = CHILD;
    other.linked_id = childless;
    assert_problem(&user, other, OSI_RO_INVOKE_PROBLEM, OSI_RO_LINKED_RESPONSE_UNEXPECTED);
    other.linked_id = 999;
    assert_problem(&user, other, OSI_RO_INVOKE_PROBLEM, OSI_RO_UNRECOGNIZED_LINKED_ID);
    assert_refused(&provider, other);
}

static void outstanding_invocations_are_bounded(void **state) {
    (void)state;
    rose_init(&provider, operations, sizeof operations / sizeof *operations, false, 10);
    for (int i = 0; i < 10; i++)
        call(&user, &provider, PLAIN);
    struct osi_ro more = invoke(PLAIN);
    assert_true(rose_may_say(&user, &more));
    assert_problem(&provider, more, OSI_RO_INVOKE_PROBLEM, OSI_RO_RESOURCE_LIMITATION);
    rose_init(&provider, NULL, 0, false, 0);
    rose_init(&user, NULL, 0, true, 0);
    for (int i = 0; i < OSI_RO_OUTSTANDING; i++)
        call(&user, &provider, PLAIN);
    assert_refused(&user, invoke(PLAIN));
    /* Those that nobody answers make room for others. */
    begin(state);
    for (int i = 0; i < 3 * OSI_RO_OUTSTANDING; i++)
        call(&user, &provider, SILENT);
    assert_int_equal(user.ours.count, OSI_RO_OUTSTANDING);
    assert_int_equal(provider.theirs.count, 0);
}

static void identifiers_start_again_without_those_in_use(void **state) {
    (void)state;
    int64_t first = call(&user, &provider, PLAIN);
    user.last_id = INT32_MAX;
    assert_int_equal(first, 1);
    assert_int_equal(call(&user, &provider, PLAIN), 2);
}

static void late_answers_are_passed_over(void **state) {
    (void)state;
    int64_t id = call(&user, &provider, SYNCHRONOUS), problem;
    struct osi_ro late = answer(OSI_RO_RESULT, id, SYNCHRONOUS);
    assert_true(rose_forget(&user, id));
    assert_false(rose_forget(&user, id));
    assert_int_equal(rose_awaited(&user), 0);
    call(&user, &provider, PLAIN); /* nothing is waited for */
    assert_int_equal(rose_judge(&user, &late, &problem), OSI_RO_NO_PROBLEM);
    assert_true(rose_is_forgotten(&user, &late));
    rose_end(&user, &late);
    assert_problem(&user, late, OSI_RO_RESULT_PROBLEM, OSI_RO_RESULT_UNRECOGNIZED_INVOCATION);
}

static void who_is_always_rejected_is_given_up(void **state) {
    (void)state;
    unsigned rejects = 0;
    while (rose_note(&user, false))
        rejects++;
    assert_in_range(rejects, 8, 64);
    begin(state);
    for (int i = 0; i < 10000; i++) /* one wrong among ten is no storm */
        assert_true(rose_note(&user, i % 10 != 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(answers_come_in_any_order_each_once, begin),
        cmocka_unit_test_setup(classes_say_what_may_be_answered, begin),
        cmocka_unit_test_setup(a_synchronous_operation_waits_for_its_answer, begin),
        cmocka_unit_test_setup(invocations_that_do_not_fit_are_rejected, begin),
        cmocka_unit_test_setup(answers_that_do_not_fit_are_rejected, begin),
        cmocka_unit_test_setup(linked_operations_name_their_parent, begin),
        cmocka_unit_test_setup(outstanding_invocations_are_bounded, begin),
        cmocka_unit_test_setup(identifiers_start_again_without_those_in_use, begin),
        cmocka_unit_test_setup(late_answers_are_passed_over, begin),
        cmocka_unit_test_setup(who_is_always_rejected_is_given_up, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
