/* Transfers cut off and taken up again: after a broken connection, after an interrupt, and the refusals. */
#include "pair.h"

#define APDU_LEN 20000

/* The receiver's part in a resume: truncate to the checkpoint that the sender names and go on from it. */
static void answer_resume(struct end *e) {
    assert_true(e->begin.resumed);
    for (unsigned i = 0; i < e->checkpoint_count; i++)
        if (e->checkpoints[i].serial == e->begin.serial) {
            e->received.len = e->checkpoints[i].offset;
            e->checkpoint_count = i + 1;
            assert_true(osi_rt_resume_accept(e->a, &e->checkpoints[i], end_now(e)));
            return;
        }
    fail_msg("the sender resumes at a checkpoint that was never kept");
}

/* The second connection after a cut: the receiver still has what it kept. */
static void second_connection(struct pair *p, const struct pair *first, unsigned context, bool recover) {
    struct osi_parameters initiator = initiator_parameters(context);
    initiator.id.calling = SPAN_LIT("second-77aa");
    initiator.checkpoint_size = 1;
    initiator.recover = recover;
    initiator.recovered = initiator_parameters(context).id;
    pair_begin(p, initiator, responder_parameters());
    p->responder.received = first->responder.received;
    memcpy(p->responder.checkpoints, first->responder.checkpoints, sizeof p->responder.checkpoints);
    p->responder.checkpoint_count = first->responder.checkpoint_count;
    pair_run(p);
    assert_int_equal(end_last(&p->initiator)->type, OSI_EVENT_OPEN_CONFIRM);
    assert_int_equal(p->responder.open.recover, recover);
    if (recover)
        assert_true(p->responder.user_data_len == 0);
}

static void resume(struct pair *p, const struct pair *first, struct span apdu, const struct osi_activity *old,
                   const struct osi_connection_id *old_id) {
    struct osi_activity activity;
    size_t offset = first->initiator.confirmed_offset;
    assert_true(osi_rt_transfer_resume(p->initiator.a, old_id, old, first->initiator.confirmed_serial, offset,
                                       &activity, p->now));
    p->initiator.to_send = span_sub(apdu, offset, apdu.len);
    p->initiator.sending = true;
    p->initiator.last_taken = false;
    end_send(&p->initiator);
    while (pair_move(p, &p->initiator, &p->responder, 0) && !p->responder.begin.resumed)
        continue;
    end_events(&p->responder);
    answer_resume(&p->responder);
    pair_run(p);
}

static size_t open_octets(unsigned context) {
    struct pair p;
    struct osi_parameters initiator = initiator_parameters(context);
    initiator.checkpoint_size = 1;
    pair_open(&p, initiator, responder_parameters());
    size_t written = p.initiator.written;
    pair_end(&p);
    return written;
}

static unsigned resumed_transfers;

/* Cuts the wire after `cut` of the initiator's octets; true if the transfer was over by then. */
static bool cut_and_resume(unsigned context, size_t cut, bool recover) {
    struct pair first, second;
    struct osi_parameters initiator = initiator_parameters(context);
    struct osi_activity activity;
    struct span apdu = test_apdu(APDU_LEN);
    initiator.checkpoint_size = 1;
    pair_begin(&first, initiator, responder_parameters());
    first.cut_after = cut;
    pair_run(&first);
    end_start(&first.initiator, apdu, &activity);
    pair_run(&first);
    osi_association_disconnected(first.initiator.a, first.now);
    osi_association_disconnected(first.responder.a, first.now);
    end_events(&first.initiator);
    end_events(&first.responder);
    assert_int_equal(first.initiator.cause.end, OSI_END_DISCONNECTED);
    bool complete = first.initiator.confirmed_transfers == 1;
    if (!complete && first.initiator.confirmed_serial > 0) {
        second_connection(&second, &first, context, recover);
        buf_init(&first.responder.received, 0);
        resume(&second, &first, apdu, &activity, &initiator.id);
        assert_int_equal(second.initiator.confirmed_transfers, 1);
        resumed_transfers++;
        assert_true(span_eq(buf_span(&second.responder.received), apdu));
        assert_true(span_eq(second.responder.begin.old_id.common, SPAN_LIT("")) == false);
        assert_memory_equal(second.responder.begin.old_activity.id, activity.id, activity.id_len);
        assert_int_equal(second.responder.begin.serial, first.initiator.confirmed_serial);
        pair_end(&second);
    }
    pair_end(&first);
    free((void *)apdu.data);
    return complete;
}

static void test_resume_after_a_cut_anywhere(void **state) {
    (void)state;
    static const unsigned contexts[] = {OSI_MTS_TRANSFER, OSI_MTS_TRANSFER_PROTOCOL,
                                        OSI_MTS_TRANSFER_PROTOCOL_1984};
    for (unsigned i = 0; i < 3; i++) {
        size_t cut = open_octets(contexts[i]) + 1;
        bool recover = i % 2 == 0;
        while (!cut_and_resume(contexts[i], cut, recover))
            cut += 97;
    }
    assert_in_range(resumed_transfers, 300, 3000);
}

static void begin_slow_transfer(struct pair *p, struct span apdu, struct osi_activity *activity) {
    struct osi_parameters initiator = initiator_parameters(OSI_MTS_TRANSFER);
    initiator.checkpoint_size = 1;
    pair_begin(p, initiator, responder_parameters());
    pair_run(p);
    end_start(&p->initiator, apdu, activity);
    while (p->initiator.confirmed_serial < 2) {
        bool there = pair_move(p, &p->initiator, &p->responder, 0);
        bool back = pair_move(p, &p->responder, &p->initiator, 0);
        assert_true(there || back);
    }
}

static void test_interrupt_and_resume_on_one_association(void **state) {
    (void)state;
    struct pair p;
    struct span apdu = test_apdu(APDU_LEN);
    struct osi_activity activity;
    begin_slow_transfer(&p, apdu, &activity);
    assert_true(osi_rt_transfer_interrupt(p.initiator.a, p.now));
    pair_run(&p);
    assert_int_equal(end_last(&p.responder)->type, OSI_EVENT_TRANSFER_INTERRUPTED);
    assert_int_equal(end_last(&p.initiator)->type, OSI_EVENT_TRANSFER_REFUSED);
    struct pair before = {.initiator = {.confirmed_serial = p.initiator.confirmed_serial,
                                        .confirmed_offset = p.initiator.confirmed_offset}};
    resume(&p, &before, apdu, &activity, NULL);
    assert_null(p.responder.begin.old_id.calling.data);
    assert_int_equal(p.initiator.confirmed_transfers, 1);
    assert_true(span_eq(buf_span(&p.responder.received), apdu));
    free((void *)apdu.data);
    pair_end(&p);
}

/* What an earlier association's checkpoints say stays true: the activity is kept, though nothing of it was
 * confirmed here. */
static void test_a_resumed_transfer_is_interrupted(void **state) {
    (void)state;
    struct pair p;
    struct span apdu = test_apdu(APDU_LEN);
    struct osi_activity activity, again;
    begin_slow_transfer(&p, apdu, &activity);
    assert_true(osi_rt_transfer_interrupt(p.initiator.a, p.now));
    pair_run(&p);
    assert_true(osi_rt_transfer_resume(p.initiator.a, NULL, &activity, p.initiator.confirmed_serial,
                                       p.initiator.confirmed_offset, &again, p.now));
    assert_true(osi_rt_transfer_interrupt(p.initiator.a, p.now));
    while (!p.responder.begin.resumed)
        assert_true(pair_move(&p, &p.initiator, &p.responder, 0));
    answer_resume(&p.responder);
    pair_run(&p);
    assert_int_equal(end_last(&p.responder)->type, OSI_EVENT_TRANSFER_INTERRUPTED);
    free((void *)apdu.data);
    pair_end(&p);
}

/* All references of the old association reach the receiver. */
static void test_linking_information(void **state) {
    (void)state;
    static const unsigned contexts[] = {OSI_MTS_TRANSFER, OSI_MTS_TRANSFER_PROTOCOL};
    for (unsigned i = 0; i < 2; i++) {
        struct pair p;
        struct osi_activity old = {.id = {0x02, 0x01, 0x07}, .id_len = 3}, activity;
        struct osi_connection_id id = {SPAN_LIT("old"), SPAN_LIT("261122000000Z"), SPAN_LIT("AB")};
        pair_open(&p, initiator_parameters(contexts[i]), responder_parameters());
        assert_true(osi_rt_transfer_resume(p.initiator.a, &id, &old, 3, 3000, &activity, p.now));
        pair_run(&p);
        assert_true(span_eq(p.responder.begin.old_id.calling, id.calling));
        assert_true(span_eq(p.responder.begin.old_id.common, id.common));
        assert_true(span_eq(p.responder.begin.old_id.additional, id.additional));
        assert_memory_equal(p.responder.begin.old_activity.id, old.id, sizeof old.id);
        pair_end(&p);
    }
}

static void test_receiver_interrupts(void **state) {
    (void)state;
    struct pair p;
    struct span apdu = test_apdu(APDU_LEN);
    struct osi_activity activity;
    begin_slow_transfer(&p, apdu, &activity);
    assert_true(osi_rt_transfer_reject(p.responder.a, true, p.now));
    pair_run(&p);
    assert_int_equal(end_last(&p.responder)->type, OSI_EVENT_TRANSFER_INTERRUPTED);
    assert_int_equal(end_last(&p.initiator)->type, OSI_EVENT_TRANSFER_REFUSED);
    assert_int_equal(end_last(&p.initiator)->u.refused.what, OSI_REFUSAL_INTERRUPTED);
    assert_int_equal(end_last(&p.initiator)->u.refused.reason, 5);
    free((void *)apdu.data);
    pair_end(&p);
}

/* An association on which the initiator asks to resume activity 7 of another one at checkpoint 3. */
static void resume_request(struct pair *p, unsigned context) {
    struct osi_activity old = {.id = {0x02, 0x01, 0x07}, .id_len = 3}, activity;
    struct osi_parameters initiator = initiator_parameters(context);
    initiator.checkpoint_size = 1;
    pair_open(p, initiator, responder_parameters());
    assert_true(osi_rt_transfer_resume(p->initiator.a, &initiator.id, &old, 3, 3000, &activity, p->now));
    pair_run(p);
    assert_true(p->responder.begin.resumed);
    assert_int_equal(p->responder.begin.serial, 3);
}

static void test_unknown_activity(void **state) {
    (void)state;
    static const unsigned contexts[] = {OSI_MTS_TRANSFER, OSI_MTS_TRANSFER_PROTOCOL};
    for (unsigned i = 0; i < 2; i++) {
        struct pair p;
        resume_request(&p, contexts[i]);
        assert_true(osi_rt_resume_unknown(p.responder.a));
        pair_run(&p);
        assert_int_equal(p.initiator.cause.end, OSI_END_PROVIDER_ABORT);
        assert_int_equal(p.initiator.cause.code, OSI_ABORT_UNRECOGNIZED_ACTIVITY);
        pair_end(&p);
    }
}

static void test_completed_activity_is_swallowed(void **state) {
    (void)state;
    struct pair p;
    resume_request(&p, OSI_MTS_TRANSFER);
    assert_true(osi_rt_resume_swallow(p.responder.a, p.now));
    p.responder.no_checkpoint_confirm = true; /* they are confirmed without the owner */
    struct span rest = test_apdu(200000);
    p.initiator.to_send = rest;
    p.initiator.sending = true;
    end_send(&p.initiator);
    pair_run(&p);
    assert_int_equal(p.initiator.confirmed_transfers, 1);
    assert_int_equal(p.responder.received.len, 0);
    assert_int_equal(p.responder.checkpoint_count, 0);
    free((void *)rest.data);
    pair_end(&p);
}

static void test_discard_of_a_completed_activity(void **state) {
    (void)state;
    static const unsigned contexts[] = {OSI_MTS_TRANSFER, OSI_MTS_TRANSFER_PROTOCOL_1984};
    for (unsigned i = 0; i < 2; i++) {
        struct pair p;
        resume_request(&p, contexts[i]);
        assert_true(osi_rt_resume_swallow(p.responder.a, p.now));
        assert_true(osi_rt_transfer_discard(p.initiator.a, p.now));
        pair_run(&p);
        assert_int_equal(p.initiator.cause.layer, OSI_LAYER_RTSE);
        assert_int_equal(p.initiator.cause.code, OSI_ABORT_TRANSFER_COMPLETED);
        pair_end(&p);
    }
}

static void test_a_wrong_checkpoint_is_not_accepted(void **state) {
    (void)state;
    struct pair p;
    resume_request(&p, OSI_MTS_TRANSFER);
    struct osi_checkpoint wrong = {.serial = 2};
    assert_false(osi_rt_resume_accept(p.responder.a, &wrong, p.now));
    wrong.serial = 3; /* a state that never came from a checkpoint */
    assert_false(osi_rt_resume_accept(p.responder.a, &wrong, p.now));
    memset(wrong.state, 0xFF, sizeof wrong.state);
    assert_false(osi_rt_resume_accept(p.responder.a, &wrong, p.now));
    pair_end(&p);
    /* One of another serial number. */
    struct span apdu = test_apdu(APDU_LEN);
    struct osi_activity activity, again;
    begin_slow_transfer(&p, apdu, &activity);
    assert_true(osi_rt_transfer_interrupt(p.initiator.a, p.now));
    pair_run(&p);
    assert_true(osi_rt_transfer_resume(p.initiator.a, NULL, &activity, p.initiator.confirmed_serial,
                                       p.initiator.confirmed_offset, &again, p.now));
    pair_run(&p);
    assert_true(p.responder.begin.resumed && p.responder.begin.serial > 1);
    assert_false(osi_rt_resume_accept(p.responder.a, &p.responder.checkpoints[0], p.now));
    answer_resume(&p.responder);
    free((void *)apdu.data);
    pair_end(&p);
}

static void test_recovery_is_refused(void **state) {
    (void)state;
    static const unsigned contexts[] = {OSI_MTS_TRANSFER, OSI_MTS_TRANSFER_PROTOCOL};
    for (unsigned i = 0; i < 2; i++) {
        struct pair p;
        struct osi_parameters initiator = initiator_parameters(contexts[i]);
        initiator.recover = true;
        initiator.recovered = (struct osi_connection_id){SPAN_LIT("gone"), SPAN_LIT("261122000000Z"), {0}};
        pair_begin(&p, initiator, responder_parameters());
        p.responder.manual_open = true;
        pair_run(&p);
        assert_true(p.responder.open.recover);
        assert_true(span_eq(p.responder.open.recovered.calling, SPAN_LIT("gone")));
        assert_true(osi_association_refuse(p.responder.a, OSI_REFUSE_CANNOT_RECOVER, (struct span){0}));
        pair_run(&p);
        assert_int_equal(p.initiator.cause.end, OSI_END_REFUSED);
        assert_int_equal(p.initiator.cause.layer, OSI_LAYER_RTSE);
        assert_int_equal(p.initiator.cause.code, i == 0 ? -1 : OSI_REFUSE_CANNOT_RECOVER);
        pair_end(&p);
    }
}

/* An owner that asks for what can't be is refused, and nothing is said to the peer. */
static void a_resume_out_of_place_is_refused(void **state) {
    struct pair p;
    struct osi_activity activity, old = {.id_len = sizeof old.id + 1};
    struct span apdu = test_apdu(APDU_LEN);
    (void)state;
    pair_begin(&p, initiator_parameters(OSI_MTS_TRANSFER), responder_parameters());
    assert_false(osi_rt_transfer_resume(p.initiator.a, NULL, &old, 1, 100, &activity, p.now)); /* not open */
    pair_run(&p);
    assert_false(osi_rt_transfer_resume(p.initiator.a, NULL, &old, 1, 100, &activity, p.now)); /* too long */
    old.id_len = 1;
    end_start(&p.initiator, apdu, &activity);
    assert_false(
        osi_rt_transfer_resume(p.initiator.a, NULL, &old, 1, 100, &activity, p.now)); /* one at a time */
    pair_run(&p);
    assert_int_equal(p.initiator.confirmed_transfers, 1);
    pair_end(&p);
    free((void *)apdu.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resume_after_a_cut_anywhere),
        cmocka_unit_test(a_resume_out_of_place_is_refused),
        cmocka_unit_test(test_interrupt_and_resume_on_one_association),
        cmocka_unit_test(test_a_resumed_transfer_is_interrupted),
        cmocka_unit_test(test_linking_information),
        cmocka_unit_test(test_receiver_interrupts),
        cmocka_unit_test(test_unknown_activity),
        cmocka_unit_test(test_completed_activity_is_swallowed),
        cmocka_unit_test(test_discard_of_a_completed_activity),
        cmocka_unit_test(test_a_wrong_checkpoint_is_not_accepted),
        cmocka_unit_test(test_recovery_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
