/* Alternate recipients: whose wish comes first, what bars it, and the history that is kept. */
#include "play.h"

static struct x411_MessageTransferEnvelope *for_whom(struct play *play, const char *address) {
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, address, WANTS_NDN);
    return envelope;
}

static void request_alternate(struct play *play, recipient_fields *fields, const char *address) {
    struct x411_ORName name = name_of(play, address);
    extend(play, &fields->extensions, EXT_ORIGINATOR_REQUESTED_ALTERNATE,
           &x411_MTAOriginatorRequestedAlternateRecipient_type, &name, 0);
}

static struct x411_RedirectionHistory history(struct play *play, const recipient_fields *fields) {
    struct x411_RedirectionHistory redirections = {0};
    assert_true(extension_decode(&play->arena, &fields->extensions, EXT_REDIRECTION_HISTORY,
                                 &x411_RedirectionHistory_type, &redirections));
    return redirections;
}

static void add_carol(struct play *play, const char *alternate, struct mts_class class) {
    struct mts_redirection redirection = {.class = class, .alternate = alternate};
    add_user(play, CAROL,
             (struct mts_user){.mailbox = "carol", .redirections = &redirection, .redirection_count = 1});
}

static void by_the_recipient(void **state) {
    struct play *play = *state;
    add_carol(play, FRANK, (struct mts_class){0});
    arrives(play, "beta", for_whom(play, CAROL));
    struct x411_MessageTransferEnvelope *sent = sent_to(play, "other");
    const recipient_fields *fields = &sent->per_recipient_fields.items[0];
    assert_name(play, &fields->recipient_name, FRANK);
    assert_int_equal(fields->originally_specified_recipient_number, 1);
    struct x411_RedirectionHistory redirections = history(play, fields);
    assert_int_equal(redirections.count, 1);
    assert_name(play, &redirections.items[0].intended_recipient_name.intended_recipient, CAROL);
    assert_int_equal(redirections.items[0].redirection_reason,
                     x411_RedirectionReason_recipient_assigned_alternate_recipient);
    assert_true(ber_bit(&sent->trace_information.items[1].domain_supplied_information.other_actions,
                        x411_OtherActions_redirected));
    assert_non_null(event_of(play, MTS_EVENT_REDIRECTED));
    assert_null(find_copy(play, NULL, "carol", NULL));
}

static unsigned actions_of(const struct ber_bits *actions) {
    return (ber_bit(actions, x411_OtherActions_redirected) ? REDIRECTED : 0u) |
           (ber_bit(actions, x411_OtherActions_dl_operation) ? DL_OPERATION : 0u);
}

static void assert_actions(struct play *play, const struct x411_MessageTransferEnvelope *sent, unsigned first,
                           unsigned second) {
    struct x411_InternalTraceInformation internal = {0};
    const struct x411_TraceInformation *trace = &sent->trace_information;
    assert_int_equal(trace->count, 3);
    for (size_t i = 1; i < 3; i++) {
        assert_true(domain_equal(&trace->items[i].global_domain_identifier, &play->tables->domain));
        assert_int_equal(actions_of(&trace->items[i].domain_supplied_information.other_actions),
                         i == 1 ? first : second);
        assert_true(span_eq(trace->items[i].domain_supplied_information.arrival_time, utc(play, NOW)));
    }
    assert_true(extension_decode(&play->arena, &sent->extensions, EXT_INTERNAL_TRACE,
                                 &x411_InternalTraceInformation_type, &internal));
    assert_int_equal(internal.count, 2);
    assert_int_equal(actions_of(&internal.items[0].mta_supplied_information.other_actions), first);
    assert_int_equal(actions_of(&internal.items[1].mta_supplied_information.other_actions), second);
    assert_true(span_eq(internal.items[1].mta_name, SPAN_LIT("alpha-1")));
}

/* One element never says both: a new one is made, in both traces (X.411, 1999, §12.2.1.1). */
static void an_element_has_one_action(void **state) {
    struct play *play = *state;
    play->tables->self.internal_trace = true;
    add_dl(play, (struct mts_dl){.address = OURS "/S=list"}, OURS "/O=inner/S=ivo", NULL);
    assert_true(mts_tables_add_alias(play->tables, OURS "/S=alias", OURS "/S=list", NULL));
    arrives(play, "beta", for_whom(play, OURS "/S=alias"));
    assert_actions(play, sent_to(play, "inner"), REDIRECTED, DL_OPERATION);
    assert_true(mts_tables_add_alias(play->tables, OURS "/S=away", OURS "/O=inner/S=ivo", NULL));
    add_dl(play, (struct mts_dl){.address = OURS "/S=list"}, OURS "/S=away", NULL);
    arrives(play, "beta", for_whom(play, OURS "/S=list"));
    assert_actions(play, sent_to(play, "inner"), DL_OPERATION, REDIRECTED);
    /* The same action twice is one. */
    assert_true(mts_tables_add_alias(play->tables, OURS "/S=twice", OURS "/S=away", NULL));
    arrives(play, "beta", for_whom(play, OURS "/S=twice"));
    assert_int_equal(sent_to(play, "inner")->trace_information.count, 2);
}

static void only_the_redirected_copy_is_marked(void **state) {
    struct play *play = *state;
    add_carol(play, FRANK, (struct mts_class){0});
    struct x411_MessageTransferEnvelope *envelope = for_whom(play, CAROL);
    to(play, envelope, OURS "/O=inner/S=ivo", WANTS_NDN);
    arrives(play, "beta", envelope);
    struct x411_MessageTransferEnvelope *inner = sent_to(play, "inner"), *other = sent_to(play, "other");
    assert_false(ber_bit(&inner->trace_information.items[1].domain_supplied_information.other_actions, 0));
    assert_true(ber_bit(&other->trace_information.items[1].domain_supplied_information.other_actions, 0));
    assert_false(subject_responsible(&inner->per_recipient_fields.items[0]));
    assert_true(subject_responsible(&inner->per_recipient_fields.items[1]));
    assert_true(subject_responsible(&other->per_recipient_fields.items[0]));
    assert_false(subject_responsible(&other->per_recipient_fields.items[1]));
    assert_name(play, &inner->per_recipient_fields.items[0].recipient_name, CAROL);
}

static void barred_by_reassignment_prohibited(void **state) {
    struct play *play = *state;
    add_carol(play, FRANK, (struct mts_class){0});
    struct x411_MessageTransferEnvelope *envelope = for_whom(play, CAROL);
    extend_enumerated(play, &envelope->extensions, EXT_RECIPIENT_REASSIGNMENT_PROHIBITED, 1);
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_recipient_reassignment_prohibited);
    request_alternate(play, &envelope->per_recipient_fields.items[0], BOB); /* that is the originator's own */
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    envelope = for_whom(play, CAROL);
    extend_enumerated(play, &envelope->extensions, EXT_RECIPIENT_REASSIGNMENT_PROHIBITED, 0);
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, "other", NULL, NULL));
}

static void only_for_its_class(void **state) {
    struct play *play = *state;
    static const char *const p2[] = {"p2"};
    add_carol(play, FRANK, (struct mts_class){.priorities = 1u << MTS_URGENT});
    arrives(play, "beta", for_whom(play, CAROL));
    assert_non_null(find_copy(play, NULL, "carol", NULL));
    add_carol(play, FRANK, (struct mts_class){.content_types = {p2, 1}});
    arrives(play, "beta", for_whom(play, CAROL));
    assert_non_null(find_copy(play, NULL, "carol", NULL));
    add_carol(play, FRANK, (struct mts_class){.max_length = 1999});
    arrives(play, "beta", for_whom(play, CAROL));
    assert_non_null(find_copy(play, NULL, "carol", NULL));
    add_carol(play, FRANK, (struct mts_class){.max_length = 2000, .priorities = 1u << MTS_NORMAL});
    arrives(play, "beta", for_whom(play, CAROL));
    assert_non_null(find_copy(play, "other", NULL, NULL));
}

static void by_the_originator_on_failure(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = for_whom(play, OURS "/S=nobody");
    request_alternate(play, &envelope->per_recipient_fields.items[0], FRANK);
    arrives(play, "beta", envelope);
    const recipient_fields *fields = &sent_to(play, "other")->per_recipient_fields.items[0];
    assert_name(play, &fields->recipient_name, FRANK);
    assert_int_equal(history(play, fields).items[0].redirection_reason,
                     x411_RedirectionReason_originator_requested_alternate_recipient);
    assert_null(extension_find(&fields->extensions, EXT_ORIGINATOR_REQUESTED_ALTERNATE));
    assert_null(report_held(play, 0));
}

static void originator_before_domain(void **state) {
    struct play *play = *state;
    add_user(play, CAROL, (struct mts_user){.domain_alternate = ALICE});
    struct x411_MessageTransferEnvelope *envelope = for_whom(play, CAROL);
    indicate(play, envelope, x411_PerMessageIndicators_alternate_recipient_allowed);
    request_alternate(play, &envelope->per_recipient_fields.items[0], BOB);
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    assert_null(find_copy(play, NULL, "alice", NULL));
}

static void by_the_domain_only_when_allowed(void **state) {
    struct play *play = *state;
    add_user(play, CAROL, (struct mts_user){.domain_alternate = ALICE});
    struct x411_MessageTransferEnvelope *envelope = for_whom(play, CAROL);
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_recipient_unavailable);
    indicate(play, envelope, x411_PerMessageIndicators_alternate_recipient_allowed);
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, NULL, "alice", NULL));
    assert_int_equal(event_of(play, MTS_EVENT_REDIRECTED)->reason,
                     x411_RedirectionReason_recipient_MD_assigned_alternate_recipient);
    /* One who is his own alternate fails as if there were none. */
    add_user(play, CAROL, (struct mts_user){.domain_alternate = CAROL});
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_recipient_unavailable);
}

static void catch_all_for_unknown_addresses(void **state) {
    struct play *play = *state;
    assert_true(mts_tables_set_catch_all(play->tables, ALICE, NULL));
    struct x411_MessageTransferEnvelope *envelope = for_whom(play, OURS "/S=nobody");
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_unrecognised_OR_name);
    indicate(play, envelope, x411_PerMessageIndicators_alternate_recipient_allowed);
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, NULL, "alice", NULL));
    /* A remote recipient is another domain's. */
    envelope = for_whom(play, "/C=AQ/A=SNOMAIL/S=x");
    indicate(play, envelope, x411_PerMessageIndicators_alternate_recipient_allowed);
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_unrecognised_OR_name);
}

static void loops_are_found(void **state) {
    struct play *play = *state;
    struct mts_redirection to_bob = {.alternate = BOB}, to_carol = {.alternate = CAROL};
    add_user(play, CAROL, (struct mts_user){.mailbox = "c", .redirections = &to_bob, .redirection_count = 1});
    add_user(play, BOB, (struct mts_user){.mailbox = "b", .redirections = &to_carol, .redirection_count = 1});
    arrives(play, "beta", for_whom(play, CAROL));
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_redirection_loop_detected);
    struct x411_PerRecipientReportTransferFields *fields = reported(report_held(play, 0), 1);
    assert_name(play, &fields->actual_recipient_name, BOB);
    assert_name(play, fields->originally_intended_recipient_name, CAROL);
    assert_non_null(extension_find(&fields->extensions, EXT_REDIRECTION_HISTORY));
    add_carol(play, CAROL, (struct mts_class){0}); /* to himself is no redirection */
    arrives(play, "beta", for_whom(play, CAROL));
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_redirection_loop_detected);
    assert_null(event_of(play, MTS_EVENT_REDIRECTED));
}

static void number_of_redirections_is_bounded(void **state) {
    struct play *play = *state;
    play->tables->self.redirections = 1;
    add_carol(play, OURS "/S=erik", (struct mts_class){0});
    struct mts_redirection away = {.alternate = BOB};
    add_user(play, OURS "/S=erik",
             (struct mts_user){.mailbox = "e", .redirections = &away, .redirection_count = 1});
    arrives(play, "beta", for_whom(play, CAROL));
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_redirection_loop_detected);
}

static void alias_is_followed(void **state) {
    struct play *play = *state;
    assert_true(mts_tables_add_alias(play->tables, OURS "/CN=postmaster", BOB, NULL));
    arrives(play, "beta", for_whom(play, OURS "/CN=Postmaster"));
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    assert_int_equal(event_of(play, MTS_EVENT_REDIRECTED)->reason, x411_RedirectionReason_alias);
}

static void delivery_tells_whom_it_was_meant_for(void **state) {
    struct play *play = *state;
    struct mts_delivery delivery;
    struct x411p3_MessageDeliveryEnvelope envelope = {0};
    add_carol(play, BOB, (struct mts_class){0});
    arrives(play, "beta", for_whom(play, CAROL));
    struct mts_stored stored = stored_copy(play, NULL, "bob");
    mts_deliver(&play->run, &stored, &delivery);
    assert_true(delivery.delivered);
    assert_true(ber_decode(&x411p3_MessageDeliveryEnvelope_type, delivery_envelope(play, &stored, &delivery),
                           &play->arena, NULL, &envelope, NULL));
    assert_name(play, &envelope.other_fields.this_recipient_name, BOB);
    assert_name(play, envelope.other_fields.originally_intended_recipient_name, CAROL);
    assert_non_null(extension_find(&envelope.other_fields.extensions, EXT_REDIRECTION_HISTORY));
}

/* ---- the components of MessageClass ---- */

static bool goes_on(struct play *play, struct mts_class class,
                    const struct x411_MessageTransferEnvelope *envelope) {
    add_carol(play, FRANK, class);
    arrives(play, "beta", envelope);
    bool redirected = find_copy(play, "other", NULL, NULL);
    assert_int_equal(find_copy(play, NULL, "carol", NULL) != NULL, !redirected);
    return redirected;
}

static void a_class_has_security_labels(void **state) {
    struct play *play = *state;
    static const char *const labels[] = {"1.2.3/secret", "1.2.4"};
    struct mts_class class = {.labels = {labels, 2}};
    struct x411_SecurityLabel label = {.security_policy_identifier = SPAN_LIT("\x2a\x03"),
                                       .has_security_classification = true,
                                       .security_classification = x411_SecurityClassification_secret};
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, CAROL, WANTS_NDN);
    assert_false(goes_on(play, class, envelope));
    extend(play, &envelope->extensions, EXT_MESSAGE_SECURITY_LABEL, &x411_SecurityLabel_type, &label, 0);
    assert_true(goes_on(play, class, envelope));
    label.security_classification = x411_SecurityClassification_restricted;
    extend(play, &envelope->extensions, EXT_MESSAGE_SECURITY_LABEL, &x411_SecurityLabel_type, &label, 0);
    assert_false(goes_on(play, class, envelope));
    label.security_policy_identifier = SPAN_LIT("\x2a\x04");
    extend(play, &envelope->extensions, EXT_MESSAGE_SECURITY_LABEL, &x411_SecurityLabel_type, &label, 0);
    assert_true(goes_on(play, class, envelope));
}

static void a_class_constrains_encoded_information_types(void **state) {
    struct play *play = *state;
    static const char *const ia5[] = {"ia5-text"}, *const both[] = {"ia5-text", "g3-facsimile"};
    struct x411_EncodedInformationTypes types = {0};
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, CAROL, WANTS_NDN);
    assert_false(goes_on(play, (struct mts_class){.acceptable_eits = {ia5, 1}}, envelope));
    assert_true(goes_on(play, (struct mts_class){.unacceptable_eits = {ia5, 1}}, envelope));
    envelope->original_encoded_information_types = &types;
    assert_true(ber_bit_set(&types.built_in_encoded_information_types, 2, true, &play->arena));
    assert_true(ber_bit_set(&types.built_in_encoded_information_types, 3, true, &play->arena));
    assert_true(goes_on(play, (struct mts_class){.acceptable_eits = {ia5, 1}}, envelope));
    assert_false(goes_on(play, (struct mts_class){.exclusive_eits = {ia5, 1}}, envelope));
    assert_true(goes_on(play, (struct mts_class){.exclusive_eits = {both, 2}}, envelope));
    assert_false(goes_on(play, (struct mts_class){.unacceptable_eits = {ia5, 1}}, envelope));
    assert_true(
        goes_on(play, (struct mts_class){.acceptable_eits = {ia5, 1}, .exclusive_eits = {ia5, 1}}, envelope));
    assert_false(goes_on(
        play, (struct mts_class){.acceptable_eits = {ia5, 1}, .unacceptable_eits = {both, 2}}, envelope));
}

static void a_class_applies_only_to_some(void **state) {
    struct play *play = *state;
    struct mts_restriction but_dieter[] = {{false, MTS_ORIGINATED_BY, DIETER}, {true, 0, BETA}};
    struct mts_restriction only_lists[] = {{true, MTS_DL_EXPANDED_BY, NULL}};
    struct mts_class class = {.applies_only_to = but_dieter, .applies_only_to_count = 2};
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, CAROL, WANTS_NDN);
    assert_false(goes_on(play, class, envelope));
    envelope->originator_name = name_of(play, EVA);
    assert_true(goes_on(play, class, envelope));
    envelope->originator_name = name_of(play, FRANK);
    assert_false(goes_on(play, class, envelope));
    class = (struct mts_class){.applies_only_to = only_lists, .applies_only_to_count = 1};
    assert_false(goes_on(play, class, envelope));
    add_carol(play, FRANK, class);
    add_dl(play, (struct mts_dl){.address = OURS "/S=all"}, CAROL, NULL);
    envelope = message(play, DIETER, BETA);
    to(play, envelope, OURS "/S=all", WANTS_NDN);
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, "other", NULL, NULL));
}

static void a_class_of_reports_alone_leaves_messages(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, CAROL, WANTS_NDN);
    assert_false(goes_on(play, (struct mts_class){.objects = MTS_OBJECTS_REPORTS}, envelope));
    assert_true(goes_on(play, (struct mts_class){.objects = MTS_OBJECTS_MESSAGES}, envelope));
}

static void wrong_classes_are_refused(void **state) {
    struct play *play = *state;
    static const char *const hush[] = {"hush"};
    const struct mts_class wrong[] = {{.labels = {hush, 1}},
                                      {.acceptable_eits = {hush, 1}},
                                      {.exclusive_eits = {hush, 1}},
                                      {.unacceptable_eits = {hush, 1}},
                                      {.content_types = {hush, 1}}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct mts_redirection redirection = {.class = wrong[i], .alternate = FRANK};
        struct mts_user user = {
            .address = CAROL, .mailbox = "carol", .redirections = &redirection, .redirection_count = 1};
        assert_false(mts_tables_add_user(play->tables, &user, NULL));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE(by_the_recipient),
        SCENE(only_the_redirected_copy_is_marked),
        SCENE(an_element_has_one_action),
        SCENE(barred_by_reassignment_prohibited),
        SCENE(only_for_its_class),
        SCENE(by_the_originator_on_failure),
        SCENE(originator_before_domain),
        SCENE(by_the_domain_only_when_allowed),
        SCENE(catch_all_for_unknown_addresses),
        SCENE(loops_are_found),
        SCENE(number_of_redirections_is_bounded),
        SCENE(alias_is_followed),
        SCENE(delivery_tells_whom_it_was_meant_for),
        SCENE(a_class_has_security_labels),
        SCENE(a_class_constrains_encoded_information_types),
        SCENE(a_class_applies_only_to_some),
        SCENE(a_class_of_reports_alone_leaves_messages),
        SCENE(wrong_classes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
