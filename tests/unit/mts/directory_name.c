/* Names by directory name: found, not found, and both forms kept on the way. */
#include "play.h"

#include "names/dn.h"

#define BOB_NAME "CN=Bob,O=Widget,C=GB"

static struct x501_Name *dn(struct play *play, const char *text) {
    struct x501_Name *name = arena_alloc(&play->arena, sizeof *name);
    assert_true(dn_parse(span_str(text), &play->arena, name, NULL));
    return name;
}

static const char *dn_of(struct play *play, const struct x411_ORName *name) {
    assert_non_null(name->directory_name);
    return (const char *)dn_text(name->directory_name, &play->arena).data;
}

static void table(void *context, struct mts_answer *answer) {
    static const char *const rows[][2] = {{"Bob", BOB}, {"Alice", ALICE}, {"Frank", FRANK}, {"Carol", CAROL}};
    struct span name = answer->directory_name;
    (void)context;
    for (size_t i = 0; i < 4; i++)
        if (memmem(name.data, name.len, rows[i][0], strlen(rows[i][0])))
            answer->address = rows[i][1];
}

/* A recipient with a directory name and no address, as per-recipient-fields bring it. */
static recipient_fields *to_directory_name(struct play *play, struct x411_MessageTransferEnvelope *envelope,
                                           const char *name, unsigned indicators) {
    recipient_fields *recipient = to(play, envelope, BOB, indicators);
    recipient->recipient_name = (struct x411_ORName){.directory_name = dn(play, name)};
    return recipient;
}

static void the_address_is_found_and_both_forms_are_kept(void **state) {
    struct play *play = *state;
    play->find = table;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to_directory_name(play, envelope, "CN=Frank,C=FR", WANTS_REPORT);
    arrives(play, "beta", envelope);
    struct x411_MessageTransferEnvelope *sent = sent_to(play, "other");
    const struct x411_ORName *name = &sent->per_recipient_fields.items[0].recipient_name;
    assert_name(play, name, FRANK);
    assert_string_equal(dn_of(play, name), "CN=Frank,C=FR");
}

static void delivery_and_report_have_both_forms(void **state) {
    struct play *play = *state;
    struct mts_delivery delivery;
    struct x411p3_MessageDeliveryEnvelope delivered;
    play->find = table;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to_directory_name(play, envelope, BOB_NAME, WANTS_REPORT);
    arrives(play, "beta", envelope);
    struct mts_stored stored = stored_copy(play, NULL, "bob");
    do
        mts_deliver(&play->run, &stored, &delivery);
    while (again(play, &delivery.more));
    assert_true(delivery.delivered);
    assert_true(ber_decode(&x411p3_MessageDeliveryEnvelope_type, delivery_envelope(play, &stored, &delivery),
                           &play->arena, NULL, &delivered, NULL));
    assert_string_equal(dn_of(play, &delivered.other_fields.this_recipient_name), BOB_NAME);
    play->out = delivery.more;
    const struct x411_ORName *actual = &reported(report_held(play, 0), 1)->actual_recipient_name;
    assert_name(play, actual, BOB);
    assert_string_equal(dn_of(play, actual), BOB_NAME);
}

static void an_unknown_name_is_reported_by_itself(void **state) {
    struct play *play = *state;
    play->find = table;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to_directory_name(play, envelope, "CN=Eve,C=GB", WANTS_NDN);
    to(play, envelope, ALICE, WANTS_NDN);
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, x411_NonDeliveryReasonCode_directory_operation_unsuccessful,
                         x411_NonDeliveryDiagnosticCode_unrecognised_OR_name);
    const struct x411_ORName *actual = &reported(report_held(play, 0), 1)->actual_recipient_name;
    assert_true(address_is_empty(actual));
    assert_string_equal(dn_of(play, actual), "CN=Eve,C=GB");
    assert_non_null(find_copy(play, NULL, "alice", NULL));
    assert_string_equal((const char *)event_of(play, MTS_EVENT_REPORTED)->name.data, DIETER);
}

static void an_unknown_name_has_its_requested_alternate(void **state) {
    struct play *play = *state;
    play->find = table;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    recipient_fields *recipient = to_directory_name(play, envelope, "CN=Eve,C=GB", WANTS_NDN);
    struct x411_ORName alternate = name_of(play, ALICE);
    extend(play, &recipient->extensions, EXT_ORIGINATOR_REQUESTED_ALTERNATE,
           &x411_MTAOriginatorRequestedAlternateRecipient_type, &alternate, 0);
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, NULL, "alice", NULL));
}

static void a_bad_address_gives_way_to_the_directory(void **state) {
    struct play *play = *state;
    struct x411_RedirectionHistory history;
    play->find = table;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    recipient_fields *recipient = to(play, envelope, OURS "/S=franklin", WANTS_NDN);
    recipient->recipient_name.directory_name = dn(play, "CN=Frank,C=FR");
    arrives(play, "beta", envelope);
    struct x411_MessageTransferEnvelope *sent = sent_to(play, "other");
    assert_name(play, &sent->per_recipient_fields.items[0].recipient_name, FRANK);
    assert_true(extension_decode(&play->arena, &sent->per_recipient_fields.items[0].extensions,
                                 EXT_REDIRECTION_HISTORY, &x411_RedirectionHistory_type, &history));
    assert_int_equal(history.items[0].redirection_reason, x411_RedirectionReason_directory_look_up);
    assert_name(play, &history.items[0].intended_recipient_name.intended_recipient, OURS "/S=franklin");
}

static void a_bad_address_that_the_directory_repeats_fails(void **state) {
    struct play *play = *state;
    play->find = table;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    recipient_fields *recipient = to(play, envelope, CAROL, WANTS_NDN);
    recipient->recipient_name.directory_name = dn(play, "CN=Carol,C=GB");
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_unrecognised_OR_name);
}

/* ---- lists ---- */

static void members_by_directory_name(void **state) {
    struct play *play = *state;
    play->find = table;
    add_dl(play, (struct mts_dl){.address = OURS "/S=all"}, "DN:" BOB_NAME, "dn: cn=Frank, c=FR", "DN:CN=Eve",
           NULL);
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, OURS "/S=all", WANTS_NDN);
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    assert_string_equal(dn_of(play, &sent_to(play, "other")->per_recipient_fields.items[1].recipient_name),
                        "CN=Frank,C=FR");
    assert_not_delivered(play, 1, x411_NonDeliveryReasonCode_directory_operation_unsuccessful,
                         x411_NonDeliveryDiagnosticCode_unrecognised_OR_name);
}

static void exempted_members_by_either_name(void **state) {
    struct play *play = *state;
    play->find = table;
    add_dl(play, (struct mts_dl){.address = OURS "/S=all"}, "DN:" BOB_NAME, ALICE, FRANK, NULL);
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, OURS "/S=all", WANTS_NDN);
    struct x411_ORName names[] = {name_of(play, BOB), {.directory_name = dn(play, "CN=Alice,C=GB")}};
    struct x411_DLExemptedRecipients exempted = {names, 2};
    extend(play, &envelope->extensions, EXT_DL_EXEMPTED_RECIPIENTS, &x411_DLExemptedRecipients_type,
           &exempted, 0);
    arrives(play, "beta", envelope);
    assert_null(find_copy(play, NULL, "bob", NULL));
    assert_null(find_copy(play, NULL, "alice", NULL));
    assert_non_null(find_copy(play, "other", NULL, NULL));
}

static void members_are_needs_where_no_table_is(void **state) {
    struct play *play = *state;
    add_dl(play, (struct mts_dl){.address = OURS "/S=all"}, "DN:" BOB_NAME, NULL);
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, OURS "/S=all", WANTS_NDN);
    mts_accept_message(&play->run, 0, over_the_wire(play, envelope), 1, &play->out);
    assert_int_equal(play->out.result, MTS_NEEDS);
    assert_int_equal(play->out.object_count, 0);
}

static void tables_refuse_wrong_members(void **state) {
    struct play *play = *state;
    static const char *const wrong[] = {"DN:", "DN:rubbish", "", "rubbish"};
    for (size_t i = 0; i < 4; i++) {
        struct mts_dl dl = {.address = OURS "/S=all", .members = &wrong[i], .member_count = 1};
        assert_false(mts_tables_add_dl(play->tables, &dl, NULL));
    }
}

/* ---- submission ---- */

static void submit(struct play *play, struct x411_ORName originator, struct x411_ORName recipient,
                   const struct x411_ORName *alternate, struct mts_submission *submission) {
    struct x411p3_PerRecipientMessageSubmissionFields fields = {.recipient_name = recipient};
    if (alternate)
        extend(play, &fields.extensions, EXT_ORIGINATOR_REQUESTED_ALTERNATE,
               &x411_OriginatorRequestedAlternateRecipient_type, alternate, 0);
    struct x411p3_MessageSubmissionEnvelope envelope = {.originator_name = originator,
                                                        .per_recipient_fields = {&fields, 1}};
    envelope.content_type.choice = x411_ContentType_built_in;
    envelope.content_type.u.built_in = 22;
    do
        mts_submit_message(&play->run, NULL, &envelope, 2000, submission, &play->out);
    while (again(play, &play->out));
}

static void an_originator_by_directory_name_gets_the_address(void **state) {
    struct play *play = *state;
    struct mts_submission submission;
    play->find = table;
    submit(play, (struct x411_ORName){.directory_name = dn(play, "CN=Alice,C=GB")}, name_of(play, FRANK),
           NULL, &submission);
    assert_int_equal(play->out.result, MTS_DECIDED);
    const struct x411_ORName *name = &sent_to(play, "other")->originator_name;
    assert_name(play, name, ALICE);
    assert_string_equal(dn_of(play, name), "CN=Alice,C=GB");
    submit(play, (struct x411_ORName){.directory_name = dn(play, "CN=Eve,C=GB")}, name_of(play, FRANK), NULL,
           &submission);
    assert_int_equal(play->out.result, MTS_INVALID);
    assert_int_equal(submission.error, MTS_SUBMIT_ORIGINATOR_INVALID);
    play->find = NULL;
    play->run.answer_count = 0;
    submit(play, (struct x411_ORName){.directory_name = dn(play, "CN=Alice,C=GB")}, name_of(play, FRANK),
           NULL, &submission);
    assert_int_equal(play->out.result, MTS_NEEDS);
}

/* Beside his address a user's own name goes out, another's never, and what nobody knows is left out. */
static void an_originator_has_no_name_but_his_own(void **state) {
    struct play *play = *state;
    struct mts_submission submission;
    struct x411_ORName alice = name_of(play, ALICE);
    play->find = table;
    alice.directory_name = dn(play, "CN=Alice,C=GB");
    submit(play, alice, name_of(play, FRANK), NULL, &submission);
    assert_string_equal(dn_of(play, &sent_to(play, "other")->originator_name), "CN=Alice,C=GB");
    alice.directory_name = dn(play, "CN=Eve,C=GB");
    submit(play, alice, name_of(play, FRANK), NULL, &submission);
    assert_int_equal(play->out.result, MTS_DECIDED);
    assert_null(sent_to(play, "other")->originator_name.directory_name);
    assert_name(play, &sent_to(play, "other")->originator_name, ALICE);
    alice.directory_name = dn(play, BOB_NAME);
    submit(play, alice, name_of(play, FRANK), NULL, &submission);
    assert_int_equal(play->out.result, MTS_INVALID);
    assert_int_equal(submission.error, MTS_SUBMIT_ORIGINATOR_INVALID);
}

static void a_requested_alternate_gets_its_address_on_submission(void **state) {
    struct play *play = *state;
    struct mts_submission submission;
    struct x411_ORName alternate = {.directory_name = dn(play, BOB_NAME)}, travelled = {0};
    play->find = table;
    submit(play, name_of(play, ALICE), name_of(play, FRANK), &alternate, &submission);
    assert_int_equal(play->out.result, MTS_DECIDED);
    const recipient_fields *sent = &sent_to(play, "other")->per_recipient_fields.items[0];
    assert_true(extension_decode(&play->arena, &sent->extensions, EXT_ORIGINATOR_REQUESTED_ALTERNATE,
                                 &x411_MTAOriginatorRequestedAlternateRecipient_type, &travelled));
    assert_name(play, &travelled, BOB);
    assert_string_equal(dn_of(play, &travelled), BOB_NAME);
    alternate.directory_name = dn(play, "CN=Eve");
    submit(play, name_of(play, ALICE), name_of(play, FRANK), &alternate, &submission);
    assert_int_equal(submission.error, MTS_SUBMIT_RECIPIENT_IMPROPERLY_SPECIFIED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE(the_address_is_found_and_both_forms_are_kept),
        SCENE(delivery_and_report_have_both_forms),
        SCENE(an_unknown_name_is_reported_by_itself),
        SCENE(an_unknown_name_has_its_requested_alternate),
        SCENE(a_bad_address_gives_way_to_the_directory),
        SCENE(a_bad_address_that_the_directory_repeats_fails),
        SCENE(members_by_directory_name),
        SCENE(exempted_members_by_either_name),
        SCENE(members_are_needs_where_no_table_is),
        SCENE(tables_refuse_wrong_members),
        SCENE(an_originator_by_directory_name_gets_the_address),
        SCENE(an_originator_has_no_name_but_his_own),
        SCENE(a_requested_alternate_gets_its_address_on_submission),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
