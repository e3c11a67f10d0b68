/* What a user submits, and the transfer envelope that it becomes. */
#include "play.h"

static struct x411p3_MessageSubmissionEnvelope *submission(struct play *play) {
    struct x411p3_MessageSubmissionEnvelope *envelope = arena_alloc(&play->arena, sizeof *envelope);
    envelope->originator_name = name_of(play, ALICE);
    envelope->content_type.choice = x411_ContentType_built_in;
    envelope->content_type.u.built_in = 22;
    return envelope;
}

static struct x411p3_PerRecipientMessageSubmissionFields *
submit_to(struct play *play, struct x411p3_MessageSubmissionEnvelope *envelope, const char *address,
          uint8_t request) {
    size_t count = envelope->per_recipient_fields.count;
    struct x411p3_PerRecipientMessageSubmissionFields *items =
        arena_array(&play->arena, count + 1, sizeof *items);
    if (count)
        memcpy(items, envelope->per_recipient_fields.items, count * sizeof *items);
    envelope->per_recipient_fields.items = items;
    envelope->per_recipient_fields.count = count + 1;
    if (address)
        items[count].recipient_name = name_of(play, address);
    items[count].originator_report_request = bits(play, request);
    return &items[count];
}
enum { NONE = 0, REPORT = 0x10, NON_DELIVERY = 0x08 };

static struct mts_submission submit(struct play *play, const char *user,
                                    const struct x411p3_MessageSubmissionEnvelope *envelope) {
    struct mts_submission submitted;
    mts_submit_message(&play->run, user, envelope, 2000, &submitted, &play->out);
    return submitted;
}

static void becomes_a_transfer(void **state) {
    struct play *play = *state;
    struct x411p3_MessageSubmissionEnvelope *envelope = submission(play);
    envelope->priority = MTS_URGENT;
    submit_to(play, envelope, DIETER, REPORT);
    submit_to(play, envelope, EVA, NON_DELIVERY);
    submit_to(play, envelope, BETA "/S=third", NONE);
    struct mts_submission submitted = submit(play, ALICE, envelope);
    assert_int_equal(play->out.result, MTS_DECIDED);
    assert_true(span_eq(submitted.time, SPAN_LIT("261122060000Z")));
    struct x411_MessageTransferEnvelope *sent = sent_to(play, "beta");
    assert_true(mts_identifier_equal(&sent->message_identifier, &submitted.identifier));
    assert_true(domain_equal(&submitted.identifier.global_domain_identifier, &play->tables->domain));
    assert_int_equal(sent->trace_information.count, 1);
    assert_int_equal(sent->priority, MTS_URGENT);
    const uint8_t expected[] = {WANTS_REPORT, WANTS_NDN, RESPONSIBLE | MTA_NDN_BIT};
    for (size_t i = 0; i < 3; i++) {
        const recipient_fields *fields = &sent->per_recipient_fields.items[i];
        assert_int_equal(fields->originally_specified_recipient_number, i + 1);
        assert_int_equal(fields->per_recipient_indicators.octets.len, 1);
        assert_int_equal(fields->per_recipient_indicators.octets.data[0], expected[i]);
    }
    assert_non_null(event_of(play, MTS_EVENT_SUBMITTED));
}

static void only_by_users_of_ours(void **state) {
    struct play *play = *state;
    struct x411p3_MessageSubmissionEnvelope *envelope = submission(play);
    submit_to(play, envelope, DIETER, NONE);
    assert_int_equal(submit(play, BOB, envelope).error, MTS_SUBMIT_ORIGINATOR_INVALID);
    assert_int_equal(play->out.result, MTS_INVALID);
    assert_int_equal(play->out.object_count, 0);
    envelope->originator_name = name_of(play, DIETER);
    assert_int_equal(submit(play, NULL, envelope).error, MTS_SUBMIT_ORIGINATOR_INVALID);
    envelope->originator_name = (struct x411_ORName){0};
    assert_int_equal(submit(play, NULL, envelope).error, MTS_SUBMIT_ORIGINATOR_INVALID);
    envelope->originator_name = name_of(play, ALICE);
    assert_int_equal(submit(play, NULL, envelope).error, MTS_SUBMIT_OK);
    assert_int_equal(submit(play, "s=Alice;p=alpha;a=gold;c=gb", envelope).error, MTS_SUBMIT_OK);
    assert_int_equal(play->out.result, MTS_DECIDED);
    add_user(play, ALICE, (struct mts_user){.mailbox = "alice", .may_not_submit = true});
    assert_int_equal(submit(play, NULL, envelope).error, MTS_SUBMIT_ELEMENT_NOT_SUBSCRIBED);
}

static void improper_recipients_are_named(void **state) {
    struct play *play = *state;
    struct x411p3_MessageSubmissionEnvelope *envelope = submission(play);
    submit_to(play, envelope, DIETER, NONE);
    submit_to(play, envelope, NULL, NONE);
    struct mts_submission submitted = submit(play, ALICE, envelope);
    assert_int_equal(submitted.error, MTS_SUBMIT_RECIPIENT_IMPROPERLY_SPECIFIED);
    assert_int_equal(submitted.improper_count, 1);
    assert_int_equal(submitted.improper[0], 1);
    /* Another fault in a later recipient: those found before are still told of. */
    struct x411_ORName nobody = {0};
    struct x411p3_PerRecipientMessageSubmissionFields *fields = submit_to(play, envelope, EVA, NONE);
    extend(play, &fields->extensions, EXT_ORIGINATOR_REQUESTED_ALTERNATE,
           &x411_OriginatorRequestedAlternateRecipient_type, &nobody, 0);
    submitted = submit(play, ALICE, envelope);
    assert_int_equal(submitted.error, MTS_SUBMIT_RECIPIENT_IMPROPERLY_SPECIFIED);
    assert_int_equal(submitted.improper_count, 1);
    assert_int_equal(submitted.improper[0], 1);
}

static void submissions_own_extensions_stay_behind(void **state) {
    struct play *play = *state;
    struct x411p3_MessageSubmissionEnvelope *envelope = submission(play);
    struct x411p3_PerRecipientMessageSubmissionFields *fields = submit_to(play, envelope, DIETER, NONE);
    struct x411_ORName alternate = name_of(play, FRANK);
    extend(play, &fields->extensions, EXT_ORIGINATOR_REQUESTED_ALTERNATE,
           &x411_MTAOriginatorRequestedAlternateRecipient_type, &alternate, FOR_SUBMISSION);
    extend_enumerated(play, &envelope->extensions, EXT_PROOF_OF_SUBMISSION_REQUEST, 1);
    extend_enumerated(play, &envelope->extensions, EXT_DL_EXPANSION_PROHIBITED, 1);
    submit(play, ALICE, envelope);
    struct x411_MessageTransferEnvelope *sent = sent_to(play, "beta");
    assert_int_equal(sent->extensions.count, 1);
    assert_int_equal(extension_number(&sent->extensions.items[0]), EXT_DL_EXPANSION_PROHIBITED);
    const struct x411_ExtensionField *kept =
        extension_find(&sent->per_recipient_fields.items[0].extensions, EXT_ORIGINATOR_REQUESTED_ALTERNATE);
    assert_non_null(kept);
    assert_false(extension_critical(kept, CRITICAL_FOR_SUBMISSION));
}

static void criticality_for_submission(void **state) {
    struct play *play = *state;
    struct x411p3_MessageSubmissionEnvelope *envelope = submission(play);
    submit_to(play, envelope, DIETER, NONE);
    extend_enumerated(play, &envelope->extensions, EXT_PROOF_OF_SUBMISSION_REQUEST, 1);
    assert_true(ber_bit_set(&envelope->extensions.items[0].criticality, 0, true, &play->arena));
    assert_int_equal(submit(play, ALICE, envelope).error, MTS_SUBMIT_UNSUPPORTED_CRITICAL_FUNCTION);
    extend_enumerated(play, &envelope->extensions, EXT_PROOF_OF_SUBMISSION_REQUEST, 0);
    assert_int_equal(submit(play, ALICE, envelope).error, MTS_SUBMIT_OK);
    extend_enumerated(play, &envelope->extensions, 199, 0);
    assert_int_equal(submit(play, ALICE, envelope).error, MTS_SUBMIT_OK);
    assert_true(ber_bit_set(&envelope->extensions.items[1].criticality, 0, true, &play->arena));
    assert_int_equal(submit(play, ALICE, envelope).error, MTS_SUBMIT_UNSUPPORTED_CRITICAL_FUNCTION);
}

static void times_must_agree(void **state) {
    struct play *play = *state;
    struct x411p3_MessageSubmissionEnvelope *envelope = submission(play);
    struct span latest = utc(play, NOW + 100);
    submit_to(play, envelope, DIETER, NONE);
    envelope->deferred_delivery_time = utc(play, NOW + 101);
    extend(play, &envelope->extensions, EXT_LATEST_DELIVERY_TIME, &x411_LatestDeliveryTime_type, &latest, 0);
    assert_int_equal(submit(play, ALICE, envelope).error, MTS_SUBMIT_INCONSISTENT_REQUEST);
    envelope->deferred_delivery_time = utc(play, NOW + 100);
    assert_int_equal(submit(play, ALICE, envelope).error, MTS_SUBMIT_OK);
    assert_int_equal(play->out.objects[0].copies[0].due, NOW + 100);
    assert_non_null(event_of(play, MTS_EVENT_DEFERRED));
}

static void unknown_recipient_is_reported_at_once(void **state) {
    struct play *play = *state;
    struct x411p3_MessageSubmissionEnvelope *envelope = submission(play);
    submit_to(play, envelope, OURS "/S=nobody", NON_DELIVERY);
    submit(play, ALICE, envelope);
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_unrecognised_OR_name);
    assert_non_null(find_copy(play, NULL, "alice", NULL));
    /* Who asked for no report gets none, though the MTA knows. */
    envelope = submission(play);
    submit_to(play, envelope, OURS "/S=nobody", NONE);
    submit(play, ALICE, envelope);
    assert_int_equal(play->out.object_count, 0);
    assert_non_null(event_of(play, MTS_EVENT_NOT_DELIVERED));
}

static void probe_is_submitted(void **state) {
    struct play *play = *state;
    struct x411p3_PerRecipientProbeSubmissionFields fields = {
        .recipient_name = name_of(play, DIETER), .originator_report_request = bits(play, REPORT)};
    struct x411p3_ProbeSubmissionEnvelope envelope = {.originator_name = name_of(play, ALICE),
                                                      .content_type = submission(play)->content_type,
                                                      .has_content_length = true,
                                                      .content_length = 4711,
                                                      .per_recipient_fields = {.items = &fields, .count = 1}};
    struct mts_submission submitted;
    mts_submit_probe(&play->run, ALICE, &envelope, &submitted, &play->out);
    assert_int_equal(play->out.result, MTS_DECIDED);
    struct mts_stored stored = stored_copy(play, "beta", NULL);
    struct x411_MTS_APDU *apdu = outbound(play, &stored);
    assert_int_equal(apdu->choice, x411_MTS_APDU_probe);
    assert_int_equal(apdu->u.probe.content_length, 4711);
    assert_true(mts_identifier_equal(&apdu->u.probe.probe_identifier, &submitted.identifier));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE(becomes_a_transfer),
        SCENE(only_by_users_of_ours),
        SCENE(improper_recipients_are_named),
        SCENE(submissions_own_extensions_stay_behind),
        SCENE(criticality_for_submission),
        SCENE(times_must_agree),
        SCENE(unknown_recipient_is_reported_at_once),
        SCENE(probe_is_submitted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
