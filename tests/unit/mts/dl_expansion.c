/* Distribution lists: permission, expansion, nesting, loops, and where reports go. */
#include "play.h"

#define STAFF OURS "/CN=staff"
#define BOARD OURS "/CN=board"

static struct x411_MessageTransferEnvelope *for_list(struct play *play, const char *list) {
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, list, WANTS_NDN);
    return envelope;
}

static struct x411_DLExpansionHistory history(struct play *play,
                                              const struct x411_MessageTransferEnvelope *envelope) {
    struct x411_DLExpansionHistory lists = {0};
    extension_decode(&play->arena, &envelope->extensions, EXT_DL_EXPANSION_HISTORY,
                     &x411_DLExpansionHistory_type, &lists);
    return lists;
}

static void members_get_it(void **state) {
    struct play *play = *state;
    add_dl(play, (struct mts_dl){.address = STAFF}, BOB, FRANK, EVA, NULL);
    struct x411_MessageTransferEnvelope *envelope = for_list(play, STAFF);
    recipient_fields *list = &envelope->per_recipient_fields.items[0];
    struct x411_ORName alternate = name_of(play, ALICE);
    extend(play, &list->extensions, EXT_ORIGINATOR_REQUESTED_ALTERNATE,
           &x411_MTAOriginatorRequestedAlternateRecipient_type, &alternate, 0);
    indicate(play, envelope, x411_PerMessageIndicators_disclosure_of_other_recipients);
    arrives(play, "beta", envelope);
    assert_int_equal(play->out.object_count, 1);
    assert_int_equal(play->out.objects[0].copy_count, 3);
    struct x411_MessageTransferEnvelope *sent = sent_to(play, "other");
    assert_int_equal(sent->per_recipient_fields.count, 3);
    const recipient_fields *frank = &sent->per_recipient_fields.items[1];
    assert_name(play, &frank->recipient_name, FRANK);
    assert_true(subject_responsible(frank));
    assert_false(subject_responsible(&sent->per_recipient_fields.items[0]));
    assert_int_equal(frank->originally_specified_recipient_number, 1);
    assert_int_equal(frank->extensions.count, 0);
    assert_int_equal(history(play, sent).count, 1);
    assert_name(play, &history(play, sent).items[0].dl, STAFF);
    assert_true(ber_bit(&sent->trace_information.items[1].domain_supplied_information.other_actions,
                        x411_OtherActions_dl_operation));
    assert_false(
        ber_bit(&sent->per_message_indicators, x411_PerMessageIndicators_disclosure_of_other_recipients));
    assert_non_null(event_of(play, MTS_EVENT_EXPANDED));
}

static void others_are_no_part_of_it(void **state) {
    struct play *play = *state;
    add_dl(play, (struct mts_dl){.address = STAFF}, BOB, NULL);
    struct x411_MessageTransferEnvelope *envelope = for_list(play, STAFF);
    to(play, envelope, FRANK, WANTS_NDN);
    arrives(play, "beta", envelope);
    struct x411_MessageTransferEnvelope *sent = sent_to(play, "other");
    assert_int_equal(history(play, sent).count, 0);
    assert_false(ber_bit(&sent->trace_information.items[1].domain_supplied_information.other_actions, 1));
    assert_int_equal(sent->per_recipient_fields.count, 2);
    assert_false(subject_responsible(&sent->per_recipient_fields.items[0]));
}

static void prohibited_by_the_originator(void **state) {
    struct play *play = *state;
    add_dl(play, (struct mts_dl){.address = STAFF}, BOB, NULL);
    struct x411_MessageTransferEnvelope *envelope = for_list(play, STAFF);
    extend_enumerated(play, &envelope->extensions, EXT_DL_EXPANSION_PROHIBITED, 1);
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_dl_expansion_prohibited);
    assert_null(find_copy(play, NULL, "bob", NULL));
}

static void permission_to_submit(void **state) {
    struct play *play = *state;
    const char *submitters[] = {OURS, BETA "/S=eva"};
    add_dl(play, (struct mts_dl){.address = STAFF, .submitters = submitters, .submitter_count = 2}, BOB,
           NULL);
    arrives(play, "beta", for_list(play, STAFF));
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_no_dl_submit_permission);
    struct x411_MessageTransferEnvelope *envelope = for_list(play, STAFF);
    envelope->originator_name = name_of(play, EVA);
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    /* What a list of ours passes on is submitted by that list. */
    add_dl(play, (struct mts_dl){.address = BOARD}, STAFF, NULL);
    arrives(play, "beta", for_list(play, BOARD));
    assert_non_null(find_copy(play, NULL, "bob", NULL));
}

static void lists_within_lists(void **state) {
    struct play *play = *state;
    add_dl(play, (struct mts_dl){.address = BOARD}, FRANK, NULL);
    add_dl(play, (struct mts_dl){.address = STAFF}, BOB, BOARD, NULL);
    arrives(play, "beta", for_list(play, STAFF));
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    struct x411_MessageTransferEnvelope *sent = sent_to(play, "other");
    assert_int_equal(history(play, sent).count, 2);
    assert_name(play, &history(play, sent).items[1].dl, BOARD);
    assert_int_equal(sent->per_recipient_fields.count, 1);
}

static void a_list_meets_a_message_once(void **state) {
    struct play *play = *state;
    add_dl(play, (struct mts_dl){.address = BOARD}, STAFF, FRANK, NULL);
    add_dl(play, (struct mts_dl){.address = STAFF}, BOARD, BOB, NULL);
    arrives(play, "beta", for_list(play, STAFF));
    assert_null(report_held(play, 0));
    assert_int_equal(play->out.object_count, 2);
    assert_non_null(event_of(play, MTS_EVENT_DISCARDED));
    /* Also when it was elsewhere in between. */
    struct x411_MessageTransferEnvelope *again = sent_to(play, "other");
    again->raw = (struct span){NULL, 0};
    again->per_recipient_fields.items[1].recipient_name = name_of(play, STAFF);
    again->per_recipient_fields.items[1].raw = (struct span){NULL, 0};
    visit(play, &again->trace_information, OTHER, VISIT);
    arrives(play, "other", again);
    assert_int_equal(play->out.object_count, 0);
}

static void depth_is_bounded(void **state) {
    struct play *play = *state;
    play->tables->self.dl_depth = 1;
    add_dl(play, (struct mts_dl){.address = BOARD}, FRANK, NULL);
    add_dl(play, (struct mts_dl){.address = STAFF}, BOARD, NULL);
    arrives(play, "beta", for_list(play, STAFF));
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_dl_expansion_failure);
}

static void exempted_recipients_and_originator(void **state) {
    struct play *play = *state;
    struct x411_ORName exempted = name_of(play, OURS "/S=BOB");
    struct x411_DLExemptedRecipients list = {.items = &exempted, .count = 1};
    add_dl(play, (struct mts_dl){.address = STAFF, .remove_originator = true}, BOB, DIETER, ALICE, NULL);
    struct x411_MessageTransferEnvelope *envelope = for_list(play, STAFF);
    extend(play, &envelope->extensions, EXT_DL_EXEMPTED_RECIPIENTS, &x411_DLExemptedRecipients_type, &list,
           0);
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, NULL, "alice", NULL));
    assert_null(find_copy(play, NULL, "bob", NULL));
    assert_null(find_copy(play, "beta", NULL, NULL));
}

/* How the list's own recipient came to it is no business of its members. */
static void redirected_to_a_list(void **state) {
    struct play *play = *state;
    struct mts_redirection to_staff = {.alternate = STAFF};
    add_dl(play, (struct mts_dl){.address = STAFF}, BOB, FRANK, NULL);
    add_user(play, CAROL,
             (struct mts_user){.mailbox = "carol", .redirections = &to_staff, .redirection_count = 1});
    arrives(play, "beta", for_list(play, CAROL));
    struct x411_MessageTransferEnvelope *sent = sent_to(play, "other");
    for (size_t i = 0; i < sent->per_recipient_fields.count; i++)
        assert_null(extension_find(&sent->per_recipient_fields.items[i].extensions, EXT_REDIRECTION_HISTORY));
    assert_int_equal(history(play, sent).count, 1);
}

/* Who expands is for this list the delivering MTA. */
static void criticality_for_delivery(void **state) {
    struct play *play = *state;
    add_dl(play, (struct mts_dl){.address = STAFF}, FRANK, NULL);
    struct x411_MessageTransferEnvelope *envelope = for_list(play, STAFF);
    extend_enumerated(play, &envelope->extensions, 200, 1);
    assert_true(
        ber_bit_set(&envelope->extensions.items[0].criticality, CRITICAL_FOR_DELIVERY, true, &play->arena));
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_unsupported_critical_function);
}

/* When nobody is left to get it the expansion was the delivery. */
static void all_members_are_exempted(void **state) {
    struct play *play = *state;
    struct x411_ORName exempted = name_of(play, BOB);
    struct x411_DLExemptedRecipients list = {.items = &exempted, .count = 1};
    add_dl(play, (struct mts_dl){.address = STAFF}, BOB, NULL);
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, STAFF, WANTS_REPORT);
    extend(play, &envelope->extensions, EXT_DL_EXEMPTED_RECIPIENTS, &x411_DLExemptedRecipients_type, &list,
           0);
    arrives(play, "beta", envelope);
    const struct x411_ReportType *type =
        &reported(report_held(play, 0), 1)->last_trace_information.report_type;
    assert_int_equal(type->choice, x411_ReportType_delivery);
    assert_int_equal(type->u.delivery.type_of_MTS_user, x411_TypeOfMTSUser_dl);
}

static void expansion_may_count_as_delivery(void **state) {
    struct play *play = *state;
    add_dl(play, (struct mts_dl){.address = STAFF, .expansion_is_delivery = true}, BOB, NULL);
    add_dl(play, (struct mts_dl){.address = BOARD}, BOB, NULL);
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, STAFF, WANTS_REPORT);
    to(play, envelope, BOARD, WANTS_REPORT);
    arrives(play, "beta", envelope);
    struct x411_Report *report = report_held(play, 0);
    const struct x411_ReportType *type = &reported(report, 1)->last_trace_information.report_type;
    assert_int_equal(type->u.delivery.type_of_MTS_user, x411_TypeOfMTSUser_dl);
    assert_int_equal(report->content.per_recipient_fields.count, 1);
}

static void a_list_named_often_counts_once(void **state) {
    struct play *play = *state;
    add_dl(play, (struct mts_dl){.address = STAFF}, BOB, NULL);
    struct x411_MessageTransferEnvelope *envelope = for_list(play, STAFF);
    to(play, envelope, STAFF, WANTS_NDN);
    to(play, envelope, OURS "/CN=Staff", WANTS_NDN);
    arrives(play, "beta", envelope);
    assert_int_equal(play->out.object_count, 1);
    assert_int_equal(play->out.objects[0].copy_count, 1);
}

static void probe_never_expands(void **state) {
    struct play *play = *state;
    const char *nobody[] = {"/C=AQ"};
    add_dl(play, (struct mts_dl){.address = STAFF}, BOB, NULL);
    add_dl(play, (struct mts_dl){.address = BOARD, .submitters = nobody, .submitter_count = 1}, BOB, NULL);
    struct ruling ruling;
    struct subject subject = {.kind = MTS_PROBE, .envelope = *message(play, DIETER, BETA)};
    struct x411_ProbeTransferEnvelope probe = {0};
    struct span octets;
    to(play, &subject.envelope, STAFF, WANTS_REPORT);
    to(play, &subject.envelope, BOARD, WANTS_REPORT);
    ruling_begin(&ruling, &play->run, &play->out);
    assert_true(subject_encode(&ruling, &subject, &octets));
    assert_true(ber_decode(&x411_ProbeTransferEnvelope_type, octets, &play->arena, NULL, &probe, NULL));
    mts_accept_probe(&play->run, 0, &probe, &play->out);
    const struct x411_ReportType *type =
        &reported(report_held(play, 0), 1)->last_trace_information.report_type;
    assert_int_equal(type->choice, x411_ReportType_delivery);
    assert_int_equal(type->u.delivery.type_of_MTS_user, x411_TypeOfMTSUser_dl);
    assert_not_delivered(play, 2, UNABLE, x411_NonDeliveryDiagnosticCode_no_dl_submit_permission);
    assert_int_equal(play->out.object_count, 1);
}

/* ---- reports through lists ---- */

static void failed_member_is_told_to_the_list(void **state) {
    struct play *play = *state;
    struct x411_OriginatorAndDLExpansionHistory known = {0};
    add_dl(play, (struct mts_dl){.address = STAFF}, OURS "/S=nobody", NULL);
    arrives(play, "beta", for_list(play, STAFF));
    /* The list is ours too: its policy sends the report back to the originator. */
    struct x411_Report *report = report_held(play, 0);
    assert_name(play, &report->envelope.report_destination_name, DIETER);
    assert_non_null(find_copy(play, "beta", NULL, NULL));
    assert_true(extension_decode(&play->arena, &report->envelope.extensions,
                                 EXT_ORIGINATOR_AND_DL_EXPANSION_HISTORY,
                                 &x411_OriginatorAndDLExpansionHistory_type, &known));
    assert_int_equal(known.count, 2);
    assert_name(play, &known.items[0].originator_or_dl_name, DIETER);
    assert_name(play, &known.items[1].originator_or_dl_name, STAFF);
    assert_null(extension_find(&report->envelope.extensions, EXT_REPORTING_DL_NAME));
    /* Without the mark the domain that reported would take the report on its way back for a loop. */
    const struct x411_TraceInformation *trace = &report->envelope.trace_information;
    assert_true(ber_bit(&trace->items[trace->count - 1].domain_supplied_information.other_actions,
                        x411_OtherActions_dl_operation));
}

static void foreign_list_gets_the_report(void **state) {
    struct play *play = *state;
    struct x411_DLExpansion expansion = {.dl = name_of(play, OTHER "/CN=club"),
                                         .dl_expansion_time = utc(play, NOW)};
    struct x411_DLExpansionHistory lists = {.items = &expansion, .count = 1};
    struct x411_MessageTransferEnvelope *envelope = for_list(play, OURS "/S=nobody");
    extend(play, &envelope->extensions, EXT_DL_EXPANSION_HISTORY, &x411_DLExpansionHistory_type, &lists, 0);
    arrives(play, "beta", envelope);
    assert_name(play, &report_held(play, 0)->envelope.report_destination_name, OTHER "/CN=club");
    assert_non_null(find_copy(play, "other", NULL, NULL));
}

static void policy_sends_reports_to_the_owner(void **state) {
    struct play *play = *state;
    struct mts_dl dl = {.address = STAFF, .owner = ALICE, .reports = MTS_DL_REPORTS_TO_OWNER};
    struct x411_ORName by = {0};
    add_dl(play, dl, OURS "/S=nobody", NULL);
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, STAFF,
       RESPONSIBLE | MTA_NDN_BIT); /* the owner sees also what the originator did not ask for */
    arrives(play, "beta", envelope);
    struct x411_Report *report = report_held(play, 0);
    assert_name(play, &report->envelope.report_destination_name, ALICE);
    assert_non_null(find_copy(play, NULL, "alice", NULL));
    assert_null(report_held(play, 1));
    assert_true(extension_decode(&play->arena, &report->envelope.extensions, EXT_REPORTING_DL_NAME,
                                 &x411_ReportingDLName_type, &by));
    assert_name(play, &by, STAFF);
    dl.reports = MTS_DL_REPORTS_TO_BOTH;
    add_dl(play, dl, OURS "/S=nobody", NULL);
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, NULL, "alice", NULL));
    assert_non_null(find_copy(play, "beta", NULL, NULL));
}

/* Lists that own each other: the report ends. */
static void reports_do_not_circle_among_owners(void **state) {
    struct play *play = *state;
    add_dl(play, (struct mts_dl){.address = STAFF, .owner = BOARD, .reports = MTS_DL_REPORTS_TO_OWNER},
           OURS "/S=nobody", NULL);
    add_dl(play, (struct mts_dl){.address = BOARD, .owner = STAFF, .reports = MTS_DL_REPORTS_TO_OWNER}, BOB,
           NULL);
    arrives(play, "beta", for_list(play, STAFF));
    assert_int_equal(play->out.object_count, 0);
    assert_string_equal(event_of(play, MTS_EVENT_DISCARDED)->text,
                        "the list's owner has had the report already");
    /* Nor do they multiply: the originator gets one. */
    add_dl(play, (struct mts_dl){.address = STAFF, .owner = BOARD, .reports = MTS_DL_REPORTS_TO_BOTH}, BOARD,
           NULL);
    add_dl(play, (struct mts_dl){.address = BOARD, .owner = STAFF, .reports = MTS_DL_REPORTS_TO_BOTH},
           OURS "/S=nobody", NULL);
    arrives(play, "beta", for_list(play, STAFF));
    assert_int_equal(play->out.object_count, 1);
    assert_non_null(find_copy(play, "beta", NULL, NULL));
    add_dl(play, (struct mts_dl){.address = BOARD}, BOB, NULL);
    add_dl(play, (struct mts_dl){.address = STAFF, .owner = BOARD, .reports = MTS_DL_REPORTS_TO_OWNER},
           OURS "/S=nobody", NULL);
    arrives(play, "beta", for_list(play, STAFF));
    assert_int_equal(play->out.object_count, 0);
}

static void report_climbs_back_through_nested_lists(void **state) {
    struct play *play = *state;
    add_dl(play, (struct mts_dl){.address = BOARD, .owner = BOB, .reports = MTS_DL_REPORTS_TO_BOTH},
           OURS "/S=nobody", NULL);
    add_dl(play, (struct mts_dl){.address = STAFF}, BOARD, NULL);
    arrives(play, "beta", for_list(play, STAFF));
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    assert_non_null(find_copy(play, "beta", NULL, NULL));
}

/* A peer's report to the list STAFF, whose history says what the peer likes. */
static void reported_by_history(struct play *play, const char *const *names, size_t count) {
    struct x411_Report report = {0};
    struct x411_PerRecipientReportTransferFields fields = {
        .actual_recipient_name = name_of(play, DIETER),
        .originally_specified_recipient_number = 1,
        .per_recipient_indicators = bits(play, WANTS_NDN),
        .last_trace_information = {.arrival_time = utc(play, NOW),
                                   .report_type = {.choice = x411_ReportType_non_delivery}}};
    struct x411_OriginatorAndDLExpansion items[8];
    struct x411_OriginatorAndDLExpansionHistory history = {.items = items, .count = count};
    for (size_t i = 0; i < count; i++)
        items[i] = (struct x411_OriginatorAndDLExpansion){.originator_or_dl_name = name_of(play, names[i]),
                                                          .origination_or_expansion_time = utc(play, NOW)};
    report.envelope.report_identifier.global_domain_identifier = domain_named(play, BETA);
    report.envelope.report_identifier.local_identifier = SPAN_LIT("r-1");
    report.envelope.report_destination_name = name_of(play, STAFF);
    visit(play, &report.envelope.trace_information, BETA, VISIT);
    report.content.subject_identifier.global_domain_identifier = domain_named(play, OURS);
    report.content.subject_identifier.local_identifier = SPAN_LIT("m-7");
    report.content.per_recipient_fields.items = &fields;
    report.content.per_recipient_fields.count = 1;
    assert_true(extension_encode(&play->arena, &report.envelope.extensions,
                                 EXT_ORIGINATOR_AND_DL_EXPANSION_HISTORY,
                                 &x411_OriginatorAndDLExpansionHistory_type, &history));
    mts_accept_report(&play->run, 0, &report, &play->out);
    assert_int_equal(play->out.result, MTS_DECIDED);
}

#define ALIAS OURS "/CN=employees"

/* One report stays one for each who has a right to it, whatever its history says. */
static void a_history_does_not_multiply_a_report(void **state) {
    static const struct {
        const char *names[6];
        size_t objects;
        const char *end;
    } cases[] = {
        {{FRANK, STAFF}, 2, NULL},
        {{STAFF, STAFF}, 1, "the report's history names the list as the originator"},
        {{FRANK, STAFF, STAFF}, 1, "the report's history names the list twice"},
        {{FRANK, STAFF, BOARD, STAFF, BOARD, STAFF}, 1, "the report's history names the list twice"},
        {{FRANK, ALIAS, STAFF}, 1, "the list has had the report already"},
        {{FRANK, BOARD, STAFF}, 2, "the list's owner has had the report already"},
    };
    struct play *play = *state;
    struct error err = {0};
    struct mts_dl dl = {.address = STAFF, .owner = ALICE, .reports = MTS_DL_REPORTS_TO_BOTH};
    add_dl(play, dl, BOB, NULL);
    dl.address = BOARD;
    add_dl(play, dl, BOB, NULL);
    assert_true(mts_tables_add_alias(play->tables, ALIAS, STAFF, &err));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t count = 0;
        while (count < 6 && cases[i].names[count])
            count++;
        reported_by_history(play, cases[i].names, count);
        assert_int_equal(play->out.object_count, cases[i].objects);
        assert_non_null(find_copy(play, NULL, "alice", NULL));
        assert_int_equal(find_copy(play, "other", NULL, NULL) != NULL, cases[i].objects == 2);
        const struct mts_event *event = event_of(play, MTS_EVENT_DISCARDED);
        assert_int_equal(event != NULL, cases[i].end != NULL);
        if (event)
            assert_string_equal(event->text, cases[i].end);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE(a_history_does_not_multiply_a_report),
        SCENE(members_get_it),
        SCENE(others_are_no_part_of_it),
        SCENE(prohibited_by_the_originator),
        SCENE(permission_to_submit),
        SCENE(lists_within_lists),
        SCENE(a_list_meets_a_message_once),
        SCENE(depth_is_bounded),
        SCENE(exempted_recipients_and_originator),
        SCENE(expansion_may_count_as_delivery),
        SCENE(a_list_named_often_counts_once),
        SCENE(probe_never_expands),
        SCENE(failed_member_is_told_to_the_list),
        SCENE(foreign_list_gets_the_report),
        SCENE(policy_sends_reports_to_the_owner),
        SCENE(report_climbs_back_through_nested_lists),
        SCENE(redirected_to_a_list),
        SCENE(criticality_for_delivery),
        SCENE(all_members_are_exempted),
        SCENE(reports_do_not_circle_among_owners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
