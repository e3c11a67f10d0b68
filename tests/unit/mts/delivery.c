/* The delivery envelope, and what may have changed since the copy was stored. */
#include <stdio.h>

#include "play.h"

static struct x411p3_MessageDeliveryEnvelope *delivered(struct play *play, const char *mailbox,
                                                        struct mts_delivery *delivery) {
    struct x411p3_MessageDeliveryEnvelope *envelope = arena_alloc(&play->arena, sizeof *envelope);
    struct mts_stored stored = stored_copy(play, NULL, mailbox);
    struct ber_error error = {0};
    mts_deliver(&play->run, &stored, delivery);
    assert_true(delivery->delivered);
    assert_string_equal(delivery->mailbox, mailbox);
    if (!ber_decode(&x411p3_MessageDeliveryEnvelope_type, delivery_envelope(play, &stored, delivery),
                    &play->arena, NULL, envelope, &error))
        fail_msg("delivery envelope: %s %s", error.path, error.text);
    return envelope;
}

static void envelope_for_the_user(void **state) {
    struct play *play = *state;
    struct mts_delivery delivery;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    envelope->priority = MTS_NON_URGENT;
    indicate(play, envelope, x411_PerMessageIndicators_implicit_conversion_prohibited);
    to(play, envelope, BOB, WANTS_NDN);
    to(play, envelope, FRANK, WANTS_NDN);
    arrives(play, "beta", envelope);
    play->run.now += 7;
    struct x411p3_MessageDeliveryEnvelope *got = delivered(play, "bob", &delivery);
    const struct x411p3_OtherMessageDeliveryFields *fields = &got->other_fields;
    assert_true(mts_identifier_equal(&got->message_delivery_identifier, &envelope->message_identifier));
    assert_true(span_eq(got->message_delivery_time, SPAN_LIT("261122060007Z")));
    assert_name(play, &fields->originator_name, DIETER);
    assert_name(play, &fields->this_recipient_name, BOB);
    assert_null(fields->originally_intended_recipient_name);
    assert_int_equal(fields->content_type.u.built_in, 22);
    assert_int_equal(fields->priority, MTS_NON_URGENT);
    assert_true(ber_bit(&fields->delivery_flags, 1));
    assert_true(
        span_eq(fields->message_submission_time, SPAN_LIT("261122055000Z"))); /* the first trace element */
    assert_true(span_eq(fields->content_identifier, SPAN_LIT("cid")));
    assert_int_equal(fields->other_recipient_names.count, 0);
    assert_int_equal(delivery.more.object_count, 0);
}

static void others_are_disclosed_on_request(void **state) {
    struct play *play = *state;
    struct mts_delivery delivery;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    indicate(play, envelope, x411_PerMessageIndicators_disclosure_of_other_recipients);
    to(play, envelope, FRANK, MTA_NDN_BIT);
    to(play, envelope, BOB, WANTS_NDN);
    to(play, envelope, EVA, MTA_NDN_BIT);
    arrives(play, "beta", envelope);
    struct x411p3_MessageDeliveryEnvelope *got = delivered(play, "bob", &delivery);
    assert_int_equal(got->other_fields.other_recipient_names.count, 2);
    assert_name(play, &got->other_fields.other_recipient_names.items[0], FRANK);
    assert_name(play, &got->other_fields.other_recipient_names.items[1], EVA);
}

static const char *mailbox_of(struct play *play, size_t i) {
    char *name = arena_alloc(&play->arena, 24);
    snprintf(name, 24, "u%zu", i);
    return name;
}

static const char *address_of_mailbox(struct play *play, const char *mailbox) {
    char *address = arena_alloc(&play->arena, 64);
    snprintf(address, 64, OURS "/S=%s", mailbox);
    return address;
}

/* A user of ours, who is known from then on. */
static const char *somebody(struct play *play, size_t i) {
    const char *mailbox = mailbox_of(play, i), *address = address_of_mailbox(play, mailbox);
    add_user(play, address, (struct mts_user){.mailbox = mailbox});
    return address;
}

/* A message to EVA and 130 of our users. */
static struct x411_MessageTransferEnvelope *to_many(struct play *play) {
    struct x411_MessageTransferEnvelope *envelope = message(play, FRANK, OTHER);
    for (size_t i = 0; i < 131; i++)
        to(play, envelope, i == 5 ? EVA : somebody(play, i), WANTS_NDN);
    return envelope;
}

static size_t recipients_held(struct play *play, const struct mts_object *object, int64_t *numbers) {
    struct x411_MessageTransferEnvelope envelope = {0};
    struct ber_error error = {0};
    if (!ber_decode(&x411_MessageTransferEnvelope_type, object->octets, &play->arena, NULL, &envelope,
                    &error))
        fail_msg("held: %s %s", error.path, error.text);
    for (size_t i = 0; i < envelope.per_recipient_fields.count; i++)
        numbers[i] = envelope.per_recipient_fields.items[i].originally_specified_recipient_number;
    return envelope.per_recipient_fields.count;
}

static void many_mailboxes_share_envelopes_in_parts(void **state) {
    static const size_t wanted[] = {1, 64, 64, 2};
    struct play *play = *state;
    int64_t numbers[131];
    arrives(play, "other", to_many(play));
    assert_int_equal(play->out.object_count, 4);
    assert_int_equal(play->out.objects[0].copies[0].kind, MTS_COPY_TRANSFER);
    assert_int_equal(recipients_held(play, &play->out.objects[0], numbers), 131);
    for (size_t i = 0, at = 1; i < 4; i++) {
        struct mts_object *object = &play->out.objects[i];
        assert_int_equal(object->copy_count, wanted[i]);
        for (size_t k = 0; i && k < object->copy_count; k++) {
            struct mts_delivery delivery;
            assert_int_equal(recipients_held(play, object, numbers), object->copy_count);
            at += at == 6; /* EVA's number */
            assert_int_equal(numbers[k], at++);
            struct mts_stored stored = stored_of(object, &object->copies[k]);
            mts_deliver(&play->run, &stored, &delivery);
            assert_true(delivery.delivered);
            assert_string_equal(delivery.mailbox, mailbox_of(play, at - 2));
        }
    }
    struct x411_MessageTransferEnvelope *sent = sent_to(play, "beta");
    assert_int_equal(sent->per_recipient_fields.count, 131);
    for (size_t i = 0; i < 131; i++)
        assert_int_equal(ber_bit(&sent->per_recipient_fields.items[i].per_recipient_indicators, 0), i == 5);
}

static void disclosed_names_stay_together(void **state) {
    struct play *play = *state;
    int64_t numbers[131];
    struct x411_MessageTransferEnvelope *envelope = to_many(play);
    indicate(play, envelope, x411_PerMessageIndicators_disclosure_of_other_recipients);
    arrives(play, "other", envelope);
    assert_int_equal(play->out.object_count, 1);
    assert_int_equal(play->out.objects[0].copy_count, 131);
    assert_int_equal(recipients_held(play, &play->out.objects[0], numbers), 131);
}

static size_t copies_for(const struct play *play, const char *mailbox) {
    size_t count = 0;
    for (size_t i = 0; i < play->out.object_count; i++)
        for (size_t k = 0; k < play->out.objects[i].copy_count; k++)
            count += play->out.objects[i].copies[k].mailbox &&
                     strcmp(play->out.objects[i].copies[k].mailbox, mailbox) == 0;
    return count;
}

/* Also where the address is written otherwise, and among so many that the envelope is dealt. */
static void a_mailbox_that_is_named_often_gets_one_copy(void **state) {
    struct play *play = *state;
    struct mts_delivery delivery;
    struct x411_MessageTransferEnvelope *envelope = message(play, FRANK, OTHER);
    to(play, envelope, BOB, WANTS_REPORT);
    to(play, envelope, ALICE, WANTS_NDN);
    to(play, envelope, "/C=gb/A=gold/P=alpha/S=BOB", WANTS_REPORT);
    to(play, envelope, BOB, WANTS_NDN);
    arrives(play, "other", envelope);
    assert_int_equal(copies_for(play, "bob"), 1);
    assert_int_equal(copies_for(play, "alice"), 1);
    play->run.now += 5;
    struct x411p3_MessageDeliveryEnvelope *got = delivered(play, "bob", &delivery);
    assert_name(play, &got->other_fields.this_recipient_name, BOB);
    assert_int_equal(delivery.position, 0);
    play->out = delivery.more;
    struct x411_Report *report = report_held(play, 0);
    assert_int_equal(report->content.per_recipient_fields.count, 2); /* the third did not ask */
    for (int64_t number = 1; number <= 3; number += 2)
        assert_true(span_eq(
            reported(report, number)->last_trace_information.report_type.u.delivery.message_delivery_time,
            SPAN_LIT("261122060005Z")));
    size_t events = 0;
    for (size_t i = 0; i < play->out.event_count; i++)
        events += play->out.events[i].kind == MTS_EVENT_DELIVERED;
    assert_int_equal(events, 3);
}

static void one_copy_among_many_that_are_dealt(void **state) {
    static const size_t held[] = {64, 1, 200};
    struct play *play = *state;
    int64_t numbers[265];
    struct x411_MessageTransferEnvelope *envelope = message(play, FRANK, OTHER);
    for (size_t i = 0; i < 65; i++)
        to(play, envelope, somebody(play, i), WANTS_NDN);
    for (size_t i = 0; i < 200; i++)
        to(play, envelope, i % 2 ? BOB : "/C=gb/A=gold/P=alpha/S=BOB", WANTS_NDN);
    arrives(play, "other", envelope);
    assert_int_equal(play->out.object_count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(recipients_held(play, &play->out.objects[i], numbers), held[i]);
    assert_int_equal(copies_for(play, "u0"), 1);
    assert_int_equal(copies_for(play, "u64"), 1);
    assert_int_equal(copies_for(play, "bob"), 1);
}

/* Redirected recipients share an envelope, and a list's members do. */
static void redirected_and_members_are_joined(void **state) {
    struct play *play = *state;
    struct mts_delivery delivery;
    struct mts_redirection away = {.alternate = BOB};
    struct x411_MessageTransferEnvelope *envelope = message(play, FRANK, OTHER);
    add_user(play, ALICE,
             (struct mts_user){.mailbox = "alice", .redirections = &away, .redirection_count = 1});
    add_dl(play, (struct mts_dl){.address = OURS "/CN=list"}, CAROL, CAROL, CAROL, NULL);
    add_user(play, CAROL, (struct mts_user){.mailbox = "carol"});
    for (size_t i = 0; i < 9; i++)
        to(play, envelope, i % 3 ? ALICE : OURS "/CN=list", WANTS_REPORT);
    arrives(play, "other", envelope);
    assert_int_equal(copies_for(play, "bob"), 1);
    assert_int_equal(copies_for(play, "carol"), 1);
    struct x411p3_MessageDeliveryEnvelope *got = delivered(play, "bob", &delivery);
    assert_name(play, got->other_fields.originally_intended_recipient_name, ALICE);
    play->out = delivery.more;
    assert_int_equal(report_held(play, 0)->content.per_recipient_fields.count, 6);
}

/* Both lead to Bob, who has meanwhile forbidden what one of them redirects. */
static void a_joined_copy_may_fail_in_part(void **state) {
    struct play *play = *state;
    struct mts_delivery delivery;
    struct mts_redirection away = {.alternate = BOB};
    struct mts_restriction not_from_alice = {.sources = MTS_REDIRECTED_BY, .pattern = ALICE};
    struct mts_failure failure = {.reason = UNABLE, .diagnostic = -1};
    struct x411_MessageTransferEnvelope *envelope = message(play, FRANK, OTHER);
    add_user(play, ALICE,
             (struct mts_user){.mailbox = "alice", .redirections = &away, .redirection_count = 1});
    add_user(play, CAROL,
             (struct mts_user){.mailbox = "carol", .redirections = &away, .redirection_count = 1});
    to(play, envelope, ALICE, WANTS_REPORT);
    to(play, envelope, CAROL, WANTS_REPORT);
    arrives(play, "other", envelope);
    assert_int_equal(copies_for(play, "bob"), 1);
    struct mts_stored stored = stored_copy(play, NULL, "bob");
    add_user(play, BOB,
             (struct mts_user){.mailbox = "bob", .restrictions = &not_from_alice, .restriction_count = 1});
    mts_deliver(&play->run, &stored, &delivery);
    assert_true(delivery.delivered);
    assert_int_equal(delivery.position, 1);
    play->out = delivery.more;
    assert_int_equal(play->out.object_count, 2); /* both are reports: no second copy */
    const struct x411_ReportType *type =
        &reported(report_held(play, 0), 2)->last_trace_information.report_type;
    assert_int_equal(type->choice, x411_ReportType_delivery);
    type = &reported(report_held(play, 1), 1)->last_trace_information.report_type;
    assert_int_equal(type->choice, x411_ReportType_non_delivery);
    /* One that fails as a whole, as for a full mailbox, is told for each number. */
    mts_work_failed(&play->run, &stored, &failure, &play->out);
    assert_int_equal(report_held(play, 0)->content.per_recipient_fields.count, 2);
}

static void extensions_that_a_user_gets(void **state) {
    struct play *play = *state;
    struct mts_delivery delivery;
    static const int per_message[] = {1, 3, 4, 5, 20, 23}, per_recipient[] = {16, 22};
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    recipient_fields *fields = to(play, envelope, BOB, WANTS_NDN);
    for (size_t i = 0; i < sizeof per_message / sizeof *per_message; i++)
        extend_enumerated(play, &envelope->extensions, per_message[i], 0);
    for (size_t i = 0; i < 2; i++)
        extend_enumerated(play, &fields->extensions, per_recipient[i], 0);
    arrives(play, "beta", envelope);
    const struct x411_Extensions *got = &delivered(play, "bob", &delivery)->other_fields.extensions;
    static const struct {
        int number;
        bool there;
    } expected[] = {{1, false}, {3, false},  {4, true},  {5, false},
                    {20, true}, {23, false}, {16, true}, {22, true}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_int_equal(extension_find(got, expected[i].number) != NULL, expected[i].there);
}

static struct mts_stored bobs_copy(struct play *play) {
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, BOB, WANTS_NDN);
    arrives(play, "beta", envelope);
    return stored_copy(play, NULL, "bob");
}

static void user_has_gone(void **state) {
    struct play *play = *state;
    struct mts_delivery delivery;
    struct mts_stored stored = bobs_copy(play);
    assert_true(mts_tables_remove(play->tables, BOB));
    mts_deliver(&play->run, &stored, &delivery);
    assert_false(delivery.delivered);
    play->out = delivery.more;
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_unrecognised_OR_name);
}

static void user_has_assigned_an_alternate(void **state) {
    struct play *play = *state;
    struct mts_delivery delivery;
    struct mts_stored stored = bobs_copy(play);
    struct mts_redirection away = {.alternate = ALICE};
    add_user(play, BOB, (struct mts_user){.mailbox = "bob", .redirections = &away, .redirection_count = 1});
    mts_deliver(&play->run, &stored, &delivery);
    assert_false(delivery.delivered);
    play->out = delivery.more;
    delivered(play, "alice", &delivery);
}

static void latest_delivery_has_passed(void **state) {
    struct play *play = *state;
    struct mts_delivery delivery;
    struct span latest = utc(play, NOW + 10);
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, BOB, WANTS_NDN);
    extend(play, &envelope->extensions, EXT_LATEST_DELIVERY_TIME, &x411_LatestDeliveryTime_type, &latest, 0);
    arrives(play, "beta", envelope);
    struct mts_stored stored = stored_copy(play, NULL, "bob");
    play->run.now = NOW + 11;
    mts_deliver(&play->run, &stored, &delivery);
    assert_false(delivery.delivered);
    play->out = delivery.more;
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_maximum_time_expired);
}

static void assert_same_decisions(const struct mts_decisions *a, const struct mts_decisions *b) {
    assert_int_equal(a->result, b->result);
    assert_int_equal(a->object_count, b->object_count);
    assert_int_equal(a->event_count, b->event_count);
    for (size_t i = 0; i < a->object_count; i++)
        assert_true(span_eq(a->objects[i].octets, b->objects[i].octets));
    for (size_t i = 0; i < a->event_count; i++) {
        assert_int_equal(a->events[i].kind, b->events[i].kind);
        assert_int_equal(a->events[i].recipient, b->events[i].recipient);
    }
}

/* Delivered, redirected to another MTA and failed, in turn: none leaves a trace in what is open. Every second
 * address is named twice. */
static void an_open_envelope_delivers_as_its_octets_do(void **state) {
    struct play *play = *state;
    struct mts_redirection away = {.alternate = EVA};
    struct x411_MessageTransferEnvelope *envelope = message(play, FRANK, OTHER);
    for (size_t i = 0; i < 24; i++)
        to(play, envelope, somebody(play, i), WANTS_REPORT);
    for (size_t i = 0; i < 24; i += 2)
        to(play, envelope, address_of_mailbox(play, mailbox_of(play, i)), WANTS_REPORT);
    arrives(play, "other", envelope);
    for (size_t i = 0; i < 24; i++) {
        const char *mailbox = mailbox_of(play, i), *address = address_of_mailbox(play, mailbox);
        if (i % 3 == 1)
            add_user(play, address,
                     (struct mts_user){.mailbox = mailbox, .redirections = &away, .redirection_count = 1});
        else if (i % 3 == 2)
            assert_true(mts_tables_remove(play->tables, address));
    }
    struct mts_object *object = &play->out.objects[0];
    assert_int_equal(object->copy_count, 24);
    struct mts_stored stored = stored_of(object, &object->copies[0]);
    struct mts_opened *opened = mts_open(&play->run, &stored);
    assert_non_null(opened);
    for (size_t i = 0; i < object->copy_count; i++) {
        struct mts_delivery by_octets, by_opened;
        uint64_t id = play->run.id_next;
        stored = stored_of(object, &object->copies[i]);
        mts_deliver(&play->run, &stored, &by_octets);
        stored.opened = opened;
        play->run.id_next = id;
        mts_deliver(&play->run, &stored, &by_opened);
        assert_int_equal(by_opened.delivered, i % 3 == 0);
        assert_int_equal(by_opened.delivered, by_octets.delivered);
        assert_int_equal(by_opened.position, by_octets.position);
        assert_same_decisions(&by_opened.more, &by_octets.more);
    }
}

/* The memory of a delivery does not grow with the envelope when that is open. */
static void an_open_envelope_costs_a_delivery_nothing(void **state) {
    struct play *play = *state;
    static uint8_t long_octets[900000] = {0x04, 0x83, 0x0D, 0xBB, 0x9B};
    struct x411_MessageTransferEnvelope *envelope = message(play, FRANK, OTHER);
    struct mts_delivery delivery;
    struct arena small;
    for (size_t i = 0; i < 60; i++)
        to(play, envelope, somebody(play, i), WANTS_NDN);
    assert_true(
        extension_set(&play->arena, &envelope->extensions, 30, span_of(long_octets, sizeof long_octets)));
    arrives(play, "other", envelope);
    struct mts_object *object = &play->out.objects[0];
    assert_int_equal(object->copy_count, 60);
    assert_true(object->octets.len > sizeof long_octets);
    struct mts_stored stored = stored_of(object, &object->copies[0]);
    struct mts_opened *opened = mts_open(&play->run, &stored);
    struct mts_run run = play->run;
    arena_init(&small, 32768);
    run.arena = &small;
    for (size_t i = 0; i < object->copy_count; i++) {
        arena_reset(&small);
        stored = stored_of(object, &object->copies[i]);
        mts_deliver(&run, &stored, &delivery);
        assert_false(delivery.delivered); /* it has not the memory to decode */
        arena_reset(&small);
        stored.opened = opened;
        mts_deliver(&run, &stored, &delivery);
        assert_true(delivery.delivered);
        assert_string_equal(delivery.mailbox, mailbox_of(play, i));
    }
    arena_free(&small);
}

static void rubbish_is_refused(void **state) {
    struct play *play = *state;
    struct mts_delivery delivery;
    struct mts_stored stored = bobs_copy(play);
    stored.plan = SPAN_LIT("rubbish");
    mts_deliver(&play->run, &stored, &delivery);
    assert_int_equal(delivery.more.result, MTS_INVALID);
    stored = bobs_copy(play);
    stored.octets = SPAN_LIT("rubbish");
    mts_deliver(&play->run, &stored, &delivery);
    assert_int_equal(delivery.more.result, MTS_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE(envelope_for_the_user),
        SCENE(others_are_disclosed_on_request),
        SCENE(many_mailboxes_share_envelopes_in_parts),
        SCENE(disclosed_names_stay_together),
        SCENE(a_mailbox_that_is_named_often_gets_one_copy),
        SCENE(one_copy_among_many_that_are_dealt),
        SCENE(redirected_and_members_are_joined),
        SCENE(a_joined_copy_may_fail_in_part),
        SCENE(extensions_that_a_user_gets),
        SCENE(user_has_gone),
        SCENE(user_has_assigned_an_alternate),
        SCENE(latest_delivery_has_passed),
        SCENE(an_open_envelope_delivers_as_its_octets_do),
        SCENE(an_open_envelope_costs_a_delivery_nothing),
        SCENE(rubbish_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
