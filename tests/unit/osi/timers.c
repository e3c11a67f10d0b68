/* Each timer of the stack after an idle time longer than itself: what the peer owes is due from the moment it
 * began to owe it. */
#include "pair.h"

#define IDLE        ((int64_t)3600 * 1000000) /* longer than every timer */
#define TRANSFER_US ((int64_t)300 * 1000000)
#define RELEASE_US  ((int64_t)30 * 1000000)

/* Due `limit` from now, not before; then the association ends by it. */
static void assert_runs_from_now(struct pair *p, struct end *e, int64_t limit) {
    int64_t due = p->now + limit;
    end_events(e);
    assert_int_equal(osi_association_deadline(e->a), due);
    osi_association_timeout(e->a, due - 1);
    assert_false(osi_association_is_over(e->a));
    osi_association_timeout(e->a, due);
    end_events(e);
    assert_true(osi_association_is_over(e->a));
    assert_int_equal(e->cause.end, OSI_END_TIMEOUT);
    pair_end(p);
}

/* An association that was idle, or whose owner took long, for an hour. */
static void idle(struct pair *p) {
    p->now += IDLE;
}

static void open_idle(struct pair *p, struct osi_parameters initiator) {
    pair_open(p, initiator, responder_parameters());
    assert_int_equal(osi_association_deadline(p->initiator.a), INT64_MAX);
    assert_int_equal(osi_association_deadline(p->responder.a), INT64_MAX);
    idle(p);
}

static struct osi_parameters small_checkpoints(void) {
    struct osi_parameters parameters = initiator_parameters(OSI_MTS_TRANSFER);
    parameters.checkpoint_size = 1;
    return parameters;
}

static void test_release(void **state) {
    (void)state;
    struct pair p;
    open_idle(&p, initiator_parameters(OSI_MTS_TRANSFER));
    assert_true(osi_association_release(p.initiator.a, (struct span){0}, p.now));
    assert_runs_from_now(&p, &p.initiator, RELEASE_US);
}

static void test_confirmation_of_the_end(void **state) {
    (void)state;
    for (unsigned context = OSI_MTS_TRANSFER; context <= OSI_MTS_TRANSFER_PROTOCOL_1984; context *= 2) {
        struct pair p;
        struct osi_activity activity;
        open_idle(&p, initiator_parameters(context));
        end_start(&p.initiator, SPAN_LIT("x"), &activity);
        assert_runs_from_now(&p, &p.initiator, TRANSFER_US);
    }
}

static void test_confirmation_of_a_checkpoint(void **state) {
    (void)state;
    struct pair p;
    struct osi_activity activity;
    struct span apdu = test_apdu(10000);
    open_idle(&p, small_checkpoints());
    p.responder.no_checkpoint_confirm = true;
    end_start(&p.initiator, apdu, &activity);
    assert_runs_from_now(&p, &p.initiator, TRANSFER_US);
    free((uint8_t *)apdu.data);
}

/* The owner reads the next octets from a slow disk: nothing is due meanwhile, and the rest is due from then
 * on. */
static void test_data_after_a_pause(void **state) {
    (void)state;
    struct pair p;
    struct osi_activity activity;
    open_idle(&p, initiator_parameters(OSI_MTS_TRANSFER));
    assert_true(osi_rt_transfer_begin(p.initiator.a, &activity, p.now));
    pair_run(&p);
    assert_int_equal(osi_association_deadline(p.initiator.a), INT64_MAX);
    idle(&p);
    assert_int_equal(osi_rt_transfer_data(p.initiator.a, SPAN_LIT("x"), true, p.now), 1);
    assert_runs_from_now(&p, &p.initiator, TRANSFER_US);
}

static void test_confirmation_of_a_stop(void **state) {
    (void)state;
    for (int interrupt = 0; interrupt < 2; interrupt++) {
        struct pair p;
        struct osi_activity activity;
        open_idle(&p, initiator_parameters(OSI_MTS_TRANSFER));
        assert_true(osi_rt_transfer_begin(p.initiator.a, &activity, p.now));
        pair_run(&p);
        idle(&p);
        assert_true(interrupt ? osi_rt_transfer_interrupt(p.initiator.a, p.now)
                              : osi_rt_transfer_discard(p.initiator.a, p.now));
        assert_runs_from_now(&p, &p.initiator, RELEASE_US);
    }
}

/* The receiver's window was full while the disk was slow; the sender is due from its confirmation on. */
static void test_data_after_a_full_window(void **state) {
    (void)state;
    struct pair p;
    struct osi_activity activity;
    struct span apdu = test_apdu(10000);
    open_idle(&p, small_checkpoints());
    p.responder.no_checkpoint_confirm = true;
    end_start(&p.initiator, apdu, &activity);
    pair_run(&p);
    assert_int_equal(osi_association_deadline(p.responder.a), INT64_MAX);
    idle(&p);
    assert_true(osi_rt_checkpoint_confirm(p.responder.a, 1, p.now));
    assert_runs_from_now(&p, &p.responder, TRANSFER_US);
    free((uint8_t *)apdu.data);
}

static void test_data_after_the_answer_to_a_resume(void **state) {
    (void)state;
    struct pair p;
    struct osi_parameters initiator = small_checkpoints();
    struct osi_activity old = {.id = {2, 1, 1}, .id_len = 3}, activity;
    struct osi_checkpoint checkpoint = {.serial = 3, .offset = 3000};
    open_idle(&p, initiator);
    assert_true(osi_rt_transfer_resume(p.initiator.a, &initiator.id, &old, 3, 3000, &activity, p.now));
    pair_run(&p);
    idle(&p);
    /* what the receiver kept: it was inside the EXTERNAL's octets */
    checkpoint.state[7] = 1;
    assert_true(osi_rt_resume_accept(p.responder.a, &checkpoint, p.now));
    assert_runs_from_now(&p, &p.responder, TRANSFER_US);
}

static void test_answer_to_a_refusal(void **state) {
    (void)state;
    struct pair p;
    struct osi_activity activity;
    open_idle(&p, initiator_parameters(OSI_MTS_TRANSFER));
    p.responder.manual_confirm = true;
    end_start(&p.initiator, SPAN_LIT("x"), &activity);
    pair_run(&p);
    assert_int_equal(osi_association_deadline(p.responder.a), INT64_MAX);
    idle(&p);
    assert_true(osi_rt_transfer_reject(p.responder.a, true, p.now));
    assert_runs_from_now(&p, &p.responder, TRANSFER_US);
}

static void test_rest_of_a_tpdu(void **state) {
    (void)state;
    struct pair p;
    open_idle(&p, initiator_parameters(OSI_MTS_TRANSFER));
    assert_int_equal(osi_association_input(p.responder.a, SPAN_LIT("\x03\x00\x00"), p.now), 3);
    assert_runs_from_now(&p, &p.responder, TRANSFER_US);
}

/* Without checkpoints nothing is confirmed, but the peer's TCP has to take what we write. */
static void test_output_that_nobody_takes(void **state) {
    (void)state;
    struct pair p;
    struct osi_activity activity;
    struct osi_parameters initiator = initiator_parameters(OSI_MTS_TRANSFER);
    initiator.no_checkpoints = true;
    pair_open(&p, initiator, responder_parameters());
    idle(&p);
    assert_true(osi_rt_transfer_begin(p.initiator.a, &activity, p.now));
    assert_int_equal(osi_rt_transfer_data(p.initiator.a, SPAN_LIT("xyz"), false, p.now), 3);
    assert_runs_from_now(&p, &p.initiator, TRANSFER_US);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_release),
        cmocka_unit_test(test_confirmation_of_the_end),
        cmocka_unit_test(test_confirmation_of_a_checkpoint),
        cmocka_unit_test(test_data_after_a_pause),
        cmocka_unit_test(test_confirmation_of_a_stop),
        cmocka_unit_test(test_data_after_a_full_window),
        cmocka_unit_test(test_data_after_the_answer_to_a_resume),
        cmocka_unit_test(test_answer_to_a_refusal),
        cmocka_unit_test(test_rest_of_a_tpdu),
        cmocka_unit_test(test_output_that_nobody_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
