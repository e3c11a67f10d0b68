/* Remote operations: two machines back to back, and the rejects of X.880 §10. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "osi/rose.h"

#define ARGUMENT                                                                                             \
    SPAN_LIT("\x04\x03"                                                                                      \
             "arg")

static struct arena arena;
static struct rose user, provider;

static int begin(void **state) {
    (void)state;
    arena_init(&arena, 1 << 20);
    rose_init(&user);
    rose_init(&provider);
    return 0;
}

static int end(void **state) {
    (void)state;
    arena_free(&arena);
    return 0;
}

static void test_operations(void **state) {
    (void)state;
    struct span pdu, reply;
    struct rose_pdu got;
    int64_t first, second;
    assert_true(rose_invoke(&user, 3, ARGUMENT, &arena, &first, &pdu));
    assert_int_equal(rose_input(&provider, pdu, &arena, &got, &reply), ROSE_INDICATION);
    assert_int_equal(got.kind, ROSE_INVOKE);
    assert_int_equal(got.id, first);
    assert_int_equal(got.code, 3);
    assert_true(span_eq(got.parameter, ARGUMENT));
    assert_true(rose_invoke(&user, 4, (struct span){0}, &arena, &second, &pdu));
    assert_int_not_equal(first, second);
    assert_int_equal(rose_input(&provider, pdu, &arena, &got, &reply), ROSE_INDICATION);
    assert_null(got.parameter.data);
    /* Answers come in any order, each once. */
    assert_true(rose_error(&provider, second, 7, ARGUMENT, &arena, &pdu));
    assert_false(rose_error(&provider, second, 7, ARGUMENT, &arena, &reply));
    assert_int_equal(rose_input(&user, pdu, &arena, &got, &reply), ROSE_INDICATION);
    assert_int_equal(got.kind, ROSE_ERROR);
    assert_int_equal(got.code, 7);
    assert_true(rose_result(&provider, first, 3, SPAN_LIT("\x05\x00"), &arena, &pdu));
    assert_int_equal(rose_input(&user, pdu, &arena, &got, &reply), ROSE_INDICATION);
    assert_int_equal(got.kind, ROSE_RESULT);
    assert_int_equal(user.ours.count + provider.theirs.count, 0);
}

/* The RORJ that `reply` holds, as the other side reads it. */
static void assert_reject(struct rose *r, struct span reply, enum rose_problem_kind kind, int64_t problem) {
    struct rose_pdu got;
    struct span none;
    assert_int_equal(rose_input(r, reply, &arena, &got, &none), ROSE_INDICATION);
    assert_int_equal(got.kind, ROSE_REJECT);
    assert_int_equal(got.problem_kind, kind);
    assert_int_equal(got.problem, problem);
}

static void test_rejects(void **state) {
    (void)state;
    struct span pdu, reply;
    struct rose_pdu got;
    int64_t id;
    assert_true(rose_invoke(&user, 3, ARGUMENT, &arena, &id, &pdu));
    assert_int_equal(rose_input(&provider, pdu, &arena, &got, &reply), ROSE_INDICATION);
    assert_int_equal(rose_input(&provider, pdu, &arena, &got, &reply), ROSE_REJECTED);
    assert_reject(&user, reply, ROSE_INVOKE_PROBLEM, ROSE_DUPLICATE_INVOCATION);
    assert_int_equal(user.ours.count, 0);
    assert_true(rose_result(&provider, id, 3, ARGUMENT, &arena, &pdu));
    assert_int_equal(rose_input(&user, pdu, &arena, &got, &reply), ROSE_REJECTED);
    assert_reject(&provider, reply, ROSE_RESULT_PROBLEM, ROSE_UNRECOGNIZED_INVOCATION);
    assert_int_equal(rose_input(&user, SPAN_LIT("\x30\x00"), &arena, &got, &reply), ROSE_REJECTED);
    assert_reject(&provider, reply, ROSE_GENERAL, ROSE_UNRECOGNIZED_PDU);
    assert_int_equal(rose_input(&user, SPAN_LIT("\xA1\x03\x04\x01x"), &arena, &got, &reply), ROSE_REJECTED);
    assert_reject(&provider, reply, ROSE_GENERAL, ROSE_MISTYPED_PDU);
    assert_int_equal(rose_input(&user, SPAN_LIT("\xA1\x08\x02\x01"), &arena, &got, &reply), ROSE_REJECTED);
    assert_reject(&provider, reply, ROSE_GENERAL, ROSE_BADLY_STRUCTURED_PDU);
    assert_int_equal(rose_input(&user, SPAN_LIT("\xA4\x01x"), &arena, &got, &reply), ROSE_IGNORED);
}

static void test_too_many_invocations(void **state) {
    (void)state;
    struct span pdu, reply;
    struct rose_pdu got;
    int64_t id;
    for (unsigned i = 0; i < ROSE_OUTSTANDING; i++) {
        assert_true(rose_invoke(&user, 1, ARGUMENT, &arena, &id, &pdu));
        assert_int_equal(rose_input(&provider, pdu, &arena, &got, &reply), ROSE_INDICATION);
    }
    assert_false(rose_invoke(&user, 1, ARGUMENT, &arena, &id, &pdu));
    struct rose another;
    rose_init(&another);
    another.next = 1000;
    assert_true(rose_invoke(&another, 1, ARGUMENT, &arena, &id, &pdu));
    assert_int_equal(rose_input(&provider, pdu, &arena, &got, &reply), ROSE_REJECTED);
    assert_reject(&another, reply, ROSE_INVOKE_PROBLEM, ROSE_RESOURCE_LIMITATION);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_operations, begin, end),
        cmocka_unit_test_setup_teardown(test_rejects, begin, end),
        cmocka_unit_test_setup_teardown(test_too_many_invocations, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
