/* Remote operations over presentation and over RTSE: two associations back to back, for each context. */
#include "operations.h"

enum { ECHO = 3, FAIL = 4, LONG = 5 };

/* What a performer does. */
static void perform(struct side *s, const struct heard *heard) {
    struct osi_ro ro = {.id = heard->ro.id};
    if (heard->ro.kind != OSI_RO_INVOKE)
        return;
    ro.kind = heard->ro.code == FAIL ? OSI_RO_ERROR : OSI_RO_RESULT;
    ro.has_code = true;
    ro.code = heard->ro.code == FAIL ? 7 : heard->ro.code;
    if (heard->ro.code == LONG)
        assert_true(side_begin(s, &ro, 2000000));
    else
        assert_true(osi_ro_send(s->a, &ro, SPAN_LIT("\x02\x01\x2A"), 0));
}

static void each_context(void (*test)(enum osi_context context)) {
    for (unsigned bit = 3; bit < OSI_CONTEXT_COUNT; bit++)
        test((enum osi_context)(1u << bit));
}

static void assert_heard(struct side *s, unsigned number, enum osi_ro_kind kind, int64_t id,
                         uint64_t octets) {
    assert_true(number < s->heard_count);
    assert_int_equal(s->heard[number].ro.kind, kind);
    assert_int_equal(s->heard[number].end, OSI_EVENT_RO_END);
    assert_int_equal(s->heard[number].ro.id, id);
    assert_int_equal(s->heard[number].octets, octets);
}

static void operate(enum osi_context context) {
    struct talk t;
    struct osi_ro first = talk_invoke(context, ECHO), second = talk_invoke(context, FAIL),
                  third = talk_invoke(context, ECHO);
    talk_open(&t, context);
    t.responder.on_end = t.initiator.on_end = perform;
    assert_int_equal(t.responder.open.context, context);
    assert_int_equal(t.responder.user_data_len, 9);
    assert_memory_equal(t.initiator.user_data, "\xB1\x02\x31\x00", 4);
    assert_true(osi_ro_send(t.initiator.a, &first,
                            SPAN_LIT("\x04\x03"
                                     "abc"),
                            0));
    assert_true(osi_ro_send(t.initiator.a, &second, (struct span){0}, 0));
    talk_run(&t);
    assert_heard(&t.responder, 0, OSI_RO_INVOKE, first.id, 5);
    assert_memory_equal(t.responder.heard[0].start,
                        "\x04\x03"
                        "abc",
                        5);
    assert_int_equal(t.responder.heard[0].ro.syntax, first.syntax);
    assert_heard(&t.responder, 1, OSI_RO_INVOKE, second.id, 0);
    assert_false(t.responder.heard[1].ro.has_parameter);
    assert_heard(&t.initiator, 0, OSI_RO_RESULT, first.id, 3);
    assert_heard(&t.initiator, 1, OSI_RO_ERROR, second.id, 3);
    assert_int_equal(t.initiator.heard[1].ro.code, 7);
    /* the other way round */
    assert_true(osi_ro_send(t.responder.a, &third, SPAN_LIT("\x05\x00"), 0));
    talk_run(&t);
    assert_heard(&t.initiator, 2, OSI_RO_INVOKE, third.id, 2);
    assert_heard(&t.responder, 2, OSI_RO_RESULT, third.id, 3);
    assert_int_equal(osi_ro_outstanding(t.initiator.a, true) + osi_ro_outstanding(t.initiator.a, false), 0);
    /* the turn comes back to who wants to unbind */
    if (!osi_association_release(t.initiator.a, SPAN_LIT("\xB3\x02\x05\x00"), 0)) {
        assert_true(osi_rt_turn_please(t.initiator.a, 0, 0));
        talk_run(&t);
        assert_true(t.initiator.turn);
        assert_true(osi_association_release(t.initiator.a, SPAN_LIT("\xB3\x02\x05\x00"), 0));
    }
    talk_run(&t);
    assert_true(t.initiator.closed && t.responder.closed);
    assert_int_equal(t.responder.cause.end, OSI_END_RELEASED);
    assert_int_equal(t.responder.unbind_len, 4);
    talk_end(&t);
}

static void test_operations_in_each_context(void **state) {
    (void)state;
    each_context(operate);
}

static void refuse(enum osi_context context) {
    struct talk t;
    talk_begin(&t, talk_initiator(context), talk_responder(OSI_ALL_CONTEXTS));
    t.responder.refuse = true;
    talk_run(&t);
    assert_true(t.initiator.closed && !t.initiator.opened);
    assert_int_equal(t.initiator.cause.end, OSI_END_REFUSED);
    assert_int_equal(t.initiator.cause.layer, OSI_LAYER_USER);
    assert_memory_equal(t.initiator.user_data, "\xB2\x03\x02\x01\x02", 5);
    talk_end(&t);
    /* a context that is not accepted */
    talk_begin(&t, talk_initiator(context), talk_responder(OSI_ALL_CONTEXTS & ~(unsigned)context));
    talk_run(&t);
    assert_int_equal(t.initiator.cause.end, OSI_END_REFUSED);
    assert_string_equal(t.initiator.cause.parameter, "application context name");
    talk_end(&t);
}

static void test_binds_are_refused(void **state) {
    (void)state;
    each_context(refuse);
}

/* A hundred megabytes each way, and neither side holds more than a few hundred kilobytes. */
static void stream(enum osi_context context, uint64_t total, size_t chunk) {
    struct talk t;
    struct osi_ro ro = talk_invoke(context, ECHO);
    uint32_t sum = 0;
    for (uint64_t i = 0; i < total; i++)
        sum = sum * 31 + test_octet(i, total);
    talk_open(&t, context);
    t.chunk = chunk;
    assert_true(side_begin(&t.initiator, &ro, total));
    /* What is short waits until the long one is through. */
    struct osi_ro behind = talk_invoke(context, ECHO);
    assert_true(osi_ro_send(t.initiator.a, &behind, SPAN_LIT("\x05\x00"), 0));
    talk_run(&t);
    assert_heard(&t.responder, 0, OSI_RO_INVOKE, ro.id, total);
    assert_int_equal(t.responder.heard[0].sum, sum);
    assert_heard(&t.responder, 1, OSI_RO_INVOKE, behind.id, 2);
    struct osi_ro result = {.kind = OSI_RO_RESULT, .id = ro.id, .has_code = true, .code = ECHO};
    if (!side_begin(&t.responder, &result, total)) {
        talk_run(&t); /* the turn comes */
        assert_true(t.responder.may_send);
        assert_true(side_begin(&t.responder, &result, total));
    }
    talk_run(&t);
    assert_heard(&t.initiator, 0, OSI_RO_RESULT, ro.id, total);
    assert_int_equal(t.initiator.heard[0].sum, sum);
    assert_true(t.initiator.most_memory < 400 * 1024 && t.responder.most_memory < 400 * 1024);
    talk_end(&t);
}

static void test_a_hundred_megabytes_in_bounded_memory(void **state) {
    (void)state;
    stream(OSI_MTS_ACCESS_88, 100000000, 0);
    stream(OSI_MTS_RELIABLE_ACCESS_88, 100000000, 0);
}

static void test_parameters_of_any_size_however_they_are_cut(void **state) {
    (void)state;
    static const uint64_t sizes[] = {6, 7, 200, 65533, 300000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t chunk = 1; chunk < 2000; chunk = chunk * 7 + 5) {
            if (sizes[i] > 70000 && chunk < 50)
                continue;
            stream(OSI_MS_ACCESS_94, sizes[i], chunk);
            stream(OSI_MS_RELIABLE_ACCESS_94, sizes[i], chunk);
        }
}

/* Both sides have long ones to say at once: over RTSE they take turns. */
static void both_ways(enum osi_context context) {
    struct talk t;
    talk_open(&t, context);
    t.responder.on_end = t.initiator.on_end = perform;
    for (int i = 0; i < 5; i++) {
        struct osi_ro mine = talk_invoke(context, ECHO), theirs = talk_invoke(context, ECHO);
        assert_true(osi_ro_send(t.initiator.a, &mine, SPAN_LIT("\x05\x00"), 0));
        assert_true(osi_ro_send(t.responder.a, &theirs, SPAN_LIT("\x05\x00"), 0));
    }
    talk_run(&t);
    assert_int_equal(t.initiator.heard_count, 10);
    assert_int_equal(t.responder.heard_count, 10);
    struct osi_ro ro = talk_invoke(context, LONG);
    t.initiator.may_send = false;
    if (!side_begin(&t.initiator, &ro, 3000000)) {
        talk_run(&t);
        assert_true(t.initiator.may_send);
        assert_true(side_begin(&t.initiator, &ro, 3000000));
    }
    t.responder.on_end = NULL;
    talk_run(&t);
    assert_int_equal(t.responder.heard[10].octets, 3000000);
    talk_end(&t);
}

static void test_both_sides_speak(void **state) {
    (void)state;
    each_context(both_ways);
}

/* ---- hostile peers ---- */

static const int64_t errors[] = {7};
static const struct osi_operation table[] = {
    {OSI_SYNTAX_MSSE, ECHO, 2, OSI_RO_BY_BOTH, errors, 1, NULL, 0},
    {OSI_SYNTAX_MSSE, FAIL, 2, OSI_RO_BY_INITIATOR, errors, 1, NULL, 0},
};

static void open_strict(struct talk *t, enum osi_context context) {
    struct osi_parameters responder = talk_responder(OSI_ALL_CONTEXTS);
    responder.operations = table;
    responder.operation_count = 2;
    responder.outstanding = 3;
    talk_begin(t, talk_initiator(context), responder);
    talk_run(t);
    assert_true(t->responder.opened);
}

static void assert_rejected(struct side *s, unsigned number, int64_t id, enum osi_ro_problem_kind kind,
                            int64_t problem) {
    assert_heard(s, number, OSI_RO_REJECT, id, 0);
    assert_int_equal(s->heard[number].ro.problem_kind, kind);
    assert_int_equal(s->heard[number].ro.problem, problem);
}

static void reject(enum osi_context context) {
    struct talk t;
    open_strict(&t, context);
    struct osi_ro unknown = talk_invoke(context, 99), linked = talk_invoke(context, ECHO), fits[4];
    assert_true(osi_ro_send(t.initiator.a, &unknown, SPAN_LIT("\x05\x00"), 0));
    talk_run(&t);
    assert_rejected(&t.initiator, 0, unknown.id, OSI_RO_INVOKE_PROBLEM, OSI_RO_UNRECOGNIZED_OPERATION);
    assert_int_equal(t.responder.heard_count, 0);
    linked.has_linked = true;
    linked.linked_id = 5;
    assert_false(osi_ro_send(t.initiator.a, &linked, SPAN_LIT("\x05\x00"), 0));
    for (int i = 0; i < 4; i++) {
        fits[i] = talk_invoke(context, ECHO);
        assert_true(osi_ro_send(t.initiator.a, &fits[i], SPAN_LIT("\x05\x00"), 0));
    }
    talk_run(&t);
    assert_rejected(&t.initiator, 1, fits[3].id, OSI_RO_INVOKE_PROBLEM, OSI_RO_RESOURCE_LIMITATION);
    assert_int_equal(t.responder.heard_count, 3);
    /* by the performer itself */
    assert_true(osi_ro_reject(t.responder.a, fits[0].id, fits[0].syntax, OSI_RO_INVOKE_PROBLEM,
                              OSI_RO_MISTYPED_ARGUMENT, 0));
    assert_false(osi_ro_reject(t.responder.a, fits[0].id, fits[0].syntax, OSI_RO_INVOKE_PROBLEM,
                               OSI_RO_MISTYPED_ARGUMENT, 0));
    talk_run(&t);
    assert_rejected(&t.initiator, 2, fits[0].id, OSI_RO_INVOKE_PROBLEM, OSI_RO_MISTYPED_ARGUMENT);
    assert_int_equal(osi_ro_outstanding(t.initiator.a, true), 2);
    /* of an invocation that nobody made */
    struct osi_ro stale = {.kind = OSI_RO_RESULT, .id = fits[0].id};
    assert_false(osi_ro_send(t.responder.a, &stale, (struct span){0}, 0));
    talk_end(&t);
}

static void test_what_does_not_fit_is_rejected(void **state) {
    (void)state;
    reject(OSI_MTS_ACCESS_88);
    reject(OSI_MTS_RELIABLE_ACCESS_88);
}

static void storm(enum osi_context context) {
    struct talk t;
    open_strict(&t, context);
    for (int i = 0; i < 1000 && !t.initiator.closed; i++) {
        struct osi_ro unknown = talk_invoke(context, 99);
        osi_ro_send(t.initiator.a, &unknown, SPAN_LIT("\x05\x00"), 0);
        talk_run(&t);
        assert_true(i < 100);
    }
    assert_int_equal(t.responder.cause.end, OSI_END_PROTOCOL_ERROR);
    assert_int_equal(t.responder.cause.layer, OSI_LAYER_ROSE);
    assert_true(t.initiator.closed);
    talk_end(&t);
}

static void test_a_storm_of_rejects_ends_in_an_abort(void **state) {
    (void)state;
    storm(OSI_MTS_ACCESS_88);
    storm(OSI_MTS_RELIABLE_ACCESS_88);
}

static void abort_in_the_middle(enum osi_context context) {
    struct talk t;
    struct osi_ro ro = talk_invoke(context, ECHO);
    talk_open(&t, context);
    ro.has_parameter = true;
    assert_true(osi_ro_begin(t.initiator.a, &ro, 0));
    static const uint8_t start[100000] = {0x04, 0x83, 0x10, 0x00, 0x00};
    assert_in_range(osi_ro_data(t.initiator.a, span_of(start, sizeof start), false, 0), 60000, sizeof start);
    talk_run(&t);
    assert_false(osi_ro_begin(t.initiator.a, &ro, 0)); /* one at a time */
    assert_false(osi_association_release(t.initiator.a, (struct span){0}, 0));
    osi_association_user_abort(t.initiator.a, SPAN_LIT("\x05\x00"));
    talk_run(&t);
    assert_true(t.responder.closed);
    assert_int_equal(t.responder.cause.end, OSI_END_USER_ABORT);
    assert_int_equal(t.responder.user_data_len, 2);
    assert_int_not_equal(side_last(&t.responder)->end, OSI_EVENT_RO_END);
    talk_end(&t);
}

static void test_aborts_carry_what_the_user_says(void **state) {
    (void)state;
    each_context(abort_in_the_middle);
}

/* What was given up is answered nevertheless: nobody is told, and nobody blamed. */
static void give_up(enum osi_context context) {
    struct talk t;
    talk_open(&t, context);
    t.responder.on_end = perform;
    for (int i = 0; i < 100; i++) {
        struct osi_ro ro = talk_invoke(context, i % 2 ? ECHO : FAIL);
        assert_true(osi_ro_send(t.initiator.a, &ro, SPAN_LIT("\x05\x00"), 0));
        assert_true(osi_ro_forget(t.initiator.a, true, ro.id));
        talk_run(&t);
    }
    assert_int_equal(t.responder.heard_count, 100);
    assert_int_equal(t.initiator.heard_count, 0);
    assert_false(t.initiator.closed);
    talk_end(&t);
}

static void test_answers_to_what_was_given_up(void **state) {
    (void)state;
    give_up(OSI_MTS_ACCESS_88);
    give_up(OSI_MTS_RELIABLE_ACCESS_88);
}

/* What crosses the unbind is passed over: it was said too late. */
static void test_operations_cross_the_release(void **state) {
    (void)state;
    struct talk t;
    struct osi_ro ro = talk_invoke(OSI_MTS_ACCESS_88, ECHO), large = talk_invoke(OSI_MTS_ACCESS_88, LONG);
    talk_open(&t, OSI_MTS_ACCESS_88);
    assert_true(osi_ro_send(t.responder.a, &ro, SPAN_LIT("\x05\x00"), 0));
    assert_true(side_begin(&t.responder, &large, 60000));
    assert_true(osi_association_release(t.initiator.a, (struct span){0}, 0));
    talk_run(&t);
    assert_int_equal(t.initiator.cause.end, OSI_END_RELEASED);
    assert_int_equal(t.responder.cause.end, OSI_END_RELEASED);
    assert_int_equal(t.initiator.heard_count, 0);
    talk_end(&t);
}

/* An answer is due in time, unless nobody waits for it. */
static void wait_for_answer(enum osi_context context) {
    struct talk t;
    struct osi_ro ro = talk_invoke(context, ECHO), other = talk_invoke(context, ECHO);
    talk_open(&t, context);
    assert_true(osi_ro_send(t.initiator.a, &ro, SPAN_LIT("\x05\x00"), 0));
    talk_run(&t);
    int64_t due = osi_association_deadline(t.initiator.a);
    assert_int_equal(due, OSI_TRANSFER_SECONDS * INT64_C(1000000));
    assert_int_equal(osi_association_deadline(t.responder.a), INT64_MAX);
    assert_true(osi_ro_forget(t.initiator.a, true, ro.id));
    assert_int_equal(osi_association_deadline(t.initiator.a), INT64_MAX);
    /* after an idle time longer than the timer it starts from now */
    assert_true(osi_ro_send(t.initiator.a, &other, SPAN_LIT("\x05\x00"), 2 * due));
    assert_true(osi_association_deadline(t.initiator.a) >= 3 * due);
    talk_run(&t);
    osi_association_timeout(t.initiator.a, 4 * due);
    talk_run(&t);
    assert_int_equal(t.initiator.cause.end, OSI_END_TIMEOUT);
    assert_int_equal(t.initiator.cause.layer, OSI_LAYER_ROSE);
    assert_true(t.responder.closed);
    talk_end(&t);
}

static void test_answers_are_due_in_time(void **state) {
    (void)state;
    wait_for_answer(OSI_MTS_ACCESS_88);
    wait_for_answer(OSI_MTS_RELIABLE_ACCESS_88);
}

/* Each context of X.419 is found by its object identifier and by its name, and has what it needs. */
static void test_contexts_stand_in_one_table(void **state) {
    (void)state;
    for (unsigned bit = 0; bit < OSI_CONTEXT_COUNT; bit++) {
        const struct osi_context_row *row = osi_context_row((enum osi_context)(1u << bit));
        assert_int_equal(row->context, 1u << bit);
        assert_ptr_equal(osi_context_by_name(row->name), row);
        assert_ptr_equal(row->oid ? osi_context_by_oid(*row->oid)
                                  : osi_context_by_protocol(row->application_protocol),
                         row);
        assert_int_equal(osi_syntax_by_oid(*row->carrier_oid), row->carrier);
        for (size_t i = 0; i < OSI_CONTEXT_SYNTAXES && row->syntaxes[i]; i++)
            assert_int_equal(osi_syntax_by_oid(osi_syntax_oid(row->syntaxes[i])), row->syntaxes[i]);
    }
    assert_null(osi_context_by_oid(SPAN_LIT("\x56\x00\x01\x0D")));
    assert_null(osi_context_by_name("mts-access"));
    assert_null(osi_context_by_protocol(3));
}

/* An initiator that goes one way alone, or wants to recover, is told why. */
static void test_reliable_contexts_need_both_ways(void **state) {
    (void)state;
    struct osi_parameters recover = talk_initiator(OSI_MTS_RELIABLE_ACCESS_88);
    struct error err = {0};
    recover.recover = true;
    recover.recovered = recover.id;
    assert_null(osi_association_new(&recover, 0, &err));
    assert_non_null(strstr(err.text, "recovered"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations_in_each_context),
        cmocka_unit_test(test_binds_are_refused),
        cmocka_unit_test(test_a_hundred_megabytes_in_bounded_memory),
        cmocka_unit_test(test_parameters_of_any_size_however_they_are_cut),
        cmocka_unit_test(test_both_sides_speak),
        cmocka_unit_test(test_what_does_not_fit_is_rejected),
        cmocka_unit_test(test_a_storm_of_rejects_ends_in_an_abort),
        cmocka_unit_test(test_aborts_carry_what_the_user_says),
        cmocka_unit_test(test_answers_to_what_was_given_up),
        cmocka_unit_test(test_operations_cross_the_release),
        cmocka_unit_test(test_answers_are_due_in_time),
        cmocka_unit_test(test_contexts_stand_in_one_table),
        cmocka_unit_test(test_reliable_contexts_need_both_ways),
    };
    return cmocka_run_group_tests_name("osi-operations", tests, NULL, NULL);
}
