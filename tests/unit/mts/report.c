/* Who asked for a report, what it says, and where it ends. */
#include "play.h"

/* Delivers the copy in `mailbox` and leaves what follows in play->out. */
static struct mts_delivery deliver(struct play *play, const char *mailbox) {
    struct mts_delivery delivery;
    struct mts_stored stored = stored_copy(play, NULL, mailbox);
    mts_deliver(&play->run, &stored, &delivery);
    assert_int_equal(delivery.more.result, MTS_DECIDED);
    play->out = delivery.more;
    return delivery;
}

static void delivery_is_told_when_somebody_asked(void **state) {
    struct play *play = *state;
    static const struct {
        unsigned indicators;
        bool told;
    } cases[] = {
        {RESPONSIBLE | MTA_NDN_BIT, false},
        {RESPONSIBLE | MTA_NDN_BIT | ORIGINATOR_NDN_BIT, false},
        {RESPONSIBLE | MTA_REPORT_BIT, true},
        {RESPONSIBLE | MTA_REPORT_BIT | MTA_NDN_BIT, true},
        {RESPONSIBLE | MTA_NDN_BIT | ORIGINATOR_REPORT_BIT, true},
        {RESPONSIBLE, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
        to(play, envelope, BOB, cases[i].indicators);
        play->run.now = NOW;
        arrives(play, "beta", envelope);
        play->run.now = NOW + 30;
        assert_true(deliver(play, "bob").delivered);
        assert_int_equal(report_held(play, 0) != NULL, cases[i].told);
    }
}

static void delivery_report_says_when_and_to_whom(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, EVA, MTA_REPORT_BIT | ORIGINATOR_REPORT_BIT);
    to(play, envelope, BOB, WANTS_REPORT);
    arrives(play, "beta", envelope);
    play->run.now = NOW + 30;
    deliver(play, "bob");
    struct x411_Report *report = report_held(play, 0);
    struct x411_PerRecipientReportTransferFields *fields = reported(report, 2);
    assert_name(play, &fields->actual_recipient_name, BOB);
    assert_null(fields->originally_intended_recipient_name);
    assert_true(span_eq(fields->last_trace_information.arrival_time, SPAN_LIT("261122060000Z")));
    const struct x411_ReportType *type = &fields->last_trace_information.report_type;
    assert_int_equal(type->choice, x411_ReportType_delivery);
    assert_true(span_eq(type->u.delivery.message_delivery_time, SPAN_LIT("261122060030Z")));
    assert_int_equal(report->content.per_recipient_fields.count, 1);
    assert_name(play, &report->envelope.report_destination_name, DIETER);
    assert_true(
        domain_equal(&report->envelope.report_identifier.global_domain_identifier, &play->tables->domain));
    assert_non_null(extension_find(&report->envelope.extensions, EXT_REPORTING_MTA_NAME));
    assert_int_equal(report->content.content_type->u.built_in, 22);
}

static void trace_only_when_audited(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    visit(play, &envelope->trace_information, OTHER, VISIT);
    to(play, envelope, BOB, WANTS_AUDIT);
    arrives(play, "other", envelope);
    deliver(play, "bob");
    struct x411_TraceInformation *trace =
        &report_held(play, 0)->content.subject_intermediate_trace_information;
    assert_int_equal(trace->count, 2); /* without our own element */
    envelope->per_recipient_fields.items[0].per_recipient_indicators = bits(play, WANTS_REPORT);
    arrives(play, "other", envelope);
    deliver(play, "bob");
    assert_int_equal(report_held(play, 0)->content.subject_intermediate_trace_information.count, 0);
}

/* Doc 9880 IIB 4.5.6.2.12: "if and only if" all recipients of the subject asked for audited-report. */
static void trace_only_when_all_are_audited(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, OURS "/S=nobody", WANTS_AUDIT);
    to(play, envelope, OURS "/S=noone", WANTS_AUDIT);
    arrives(play, "beta", envelope);
    assert_int_equal(report_held(play, 0)->content.subject_intermediate_trace_information.count, 1);
    to(play, envelope, BOB, WANTS_REPORT);
    arrives(play, "beta", envelope);
    assert_int_equal(report_held(play, 0)->content.per_recipient_fields.count, 2);
    assert_int_equal(report_held(play, 0)->content.subject_intermediate_trace_information.count, 0);
}

static void label_and_correlator_go_along(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, OURS "/S=nobody", WANTS_NDN);
    assert_true(extension_set(&play->arena, &envelope->extensions, EXT_MESSAGE_SECURITY_LABEL,
                              SPAN_LIT("\x31\x03\x02\x01\x02")));
    assert_true(
        extension_set(&play->arena, &envelope->extensions, EXT_CONTENT_CORRELATOR, SPAN_LIT("\x16\x02hi")));
    arrives(play, "beta", envelope);
    struct x411_Report *report = report_held(play, 0);
    assert_true(span_eq(extension_find(&report->envelope.extensions, EXT_MESSAGE_SECURITY_LABEL)->value,
                        SPAN_LIT("\x31\x03\x02\x01\x02")));
    assert_true(span_eq(extension_find(&report->content.extensions, EXT_CONTENT_CORRELATOR)->value,
                        SPAN_LIT("\x16\x02hi")));
}

static void content_is_returned_when_asked(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, OURS "/S=nobody", WANTS_NDN);
    arrives(play, "beta", envelope);
    assert_false(play->out.objects[0].has_content);
    struct mts_stored stored = stored_copy(play, "beta", NULL);
    assert_null(outbound(play, &stored)->u.report.content.returned_content.data);
    indicate(play, envelope, x411_PerMessageIndicators_content_return_request);
    arrives(play, "beta", envelope);
    assert_true(play->out.objects[0].has_content);
    stored = stored_copy(play, "beta", NULL);
    struct x411_MTS_APDU *apdu = outbound(play, &stored);
    assert_int_equal(apdu->choice, x411_MTS_APDU_report);
    assert_int_equal(apdu->u.report.content.returned_content.len, 2000);
    assert_int_equal(apdu->u.report.content.per_recipient_fields.count, 1);
    /* A content of each length's form stands at the end. */
    for (stored.content_length = 120; stored.content_length < 300; stored.content_length += 9)
        assert_int_equal(outbound(play, &stored)->u.report.content.returned_content.len,
                         stored.content_length);
}

/* PP 6.0 refuses every report whose extensions are not in their old form. */
static void a_reports_extensions_go_in_their_old_form(void **state) {
    struct play *play = *state;
    struct buf out;
    play->tables->hops[mts_hop_number(play->tables, "beta")].given.old_extension_form = true;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, OURS "/S=nobody", WANTS_NDN);
    assert_true(
        extension_set(&play->arena, &envelope->extensions, EXT_CONTENT_CORRELATOR, SPAN_LIT("\x16\x02hi")));
    for (int returned = 0; returned < 2; returned++) {
        arrives(play, "beta", envelope);
        struct mts_stored stored = stored_copy(play, "beta", NULL);
        struct x411_Report *report = &outbound(play, &stored)->u.report;
        assert_true(span_eq(extension_find(&report->content.extensions, EXT_CONTENT_CORRELATOR)->value,
                            SPAN_LIT("\x16\x02hi")));
        buf_init(&out, 0);
        assert_true(mts_outbound(&stored, &play->arena, &out));
        unsigned old = 0, standard = 0;
        for (size_t i = 0; i + 5 <= out.len; i++) {
            old += memcmp(out.data + i, "\xA0\x03\x02\x01\x17", 5) == 0;
            standard += memcmp(out.data + i, "\x80\x01\x17", 3) == 0;
        }
        buf_free(&out);
        assert_int_equal(old, 1);
        assert_int_equal(standard, 0);
        indicate(play, envelope, x411_PerMessageIndicators_content_return_request);
    }
}

/* What was converted on the way is not what the originator sent; the report says into what it was. */
static void a_converted_content_is_not_returned(void **state) {
    struct play *play = *state;
    struct x411_EncodedInformationTypes types = {0};
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    assert_true(ber_bit_set(&types.built_in_encoded_information_types, 5, true, &play->arena));
    envelope->trace_information.items[0].domain_supplied_information.converted_encoded_information_types =
        &types;
    to(play, envelope, OURS "/S=nobody", WANTS_NDN);
    indicate(play, envelope, x411_PerMessageIndicators_content_return_request);
    arrives(play, "beta", envelope);
    assert_false(play->out.objects[0].has_content);
    const struct x411_EncodedInformationTypes *told =
        reported(report_held(play, 0), 1)->last_trace_information.converted_encoded_information_types;
    assert_non_null(told);
    assert_true(ber_bit(&told->built_in_encoded_information_types, 5));
}

/* A PrintableString lacks most of what people write. Each character that it has no letter for is one `?`. */
static void supplementary_information_is_plain(void **state) {
    struct play *play = *state;
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"Größe überschritten", "Grosse uberschritten"},
        {"\u0141ód\u017A, \u00C5ngstr\u00F6m, \u0152uvre, \u00C6r\u00F8", "Lodz, Angstrom, OEuvre, AEro"},
        {"\u201Ezu gro\u00DF\u201C \u2013 \"so\"\u2026 5 \u20AC", "'zu gross' - 'so'... 5 EUR"},
        {"\u5C71\u7530 _95%_", "?? ?95??"},
        {"caf\xE9 x", "caf? x"},
        {"plain: (a) + b = c?", "plain: (a) + b = c?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct x411_MessageTransferEnvelope *envelope = message(play, FRANK, OTHER);
        to(play, envelope, DIETER, WANTS_NDN);
        arrives(play, "other", envelope);
        struct mts_stored stored = stored_copy(play, "beta", NULL);
        struct mts_failure failure = {.reason = UNABLE, .diagnostic = -1, .supplementary = cases[i].text};
        mts_work_failed(&play->run, &stored, &failure, &play->out);
        struct span told = reported(report_held(play, 0), 1)->supplementary_information;
        assert_int_equal(told.len, strlen(cases[i].said));
        assert_memory_equal(told.data, cases[i].said, told.len);
    }
}

/* ub-supplementary-info-length is 256 characters. */
static void supplementary_information_is_cut(void **state) {
    struct play *play = *state;
    static char text[300];
    struct x411_MessageTransferEnvelope *envelope = message(play, FRANK, OTHER);
    memset(text, 'x', sizeof text - 1);
    text[0] = '@';
    to(play, envelope, DIETER, WANTS_NDN);
    arrives(play, "other", envelope);
    struct mts_stored stored = stored_copy(play, "beta", NULL);
    struct mts_failure failure = {.reason = UNABLE, .diagnostic = -1, .supplementary = text};
    mts_work_failed(&play->run, &stored, &failure, &play->out);
    struct span told = reported(report_held(play, 0), 1)->supplementary_information;
    assert_int_equal(told.len, x411_ub_supplementary_info_length);
    assert_int_equal(told.data[0], '?');
    assert_int_equal(told.data[1], 'x');
}

static void content_is_not_returned_on_delivery(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    indicate(play, envelope, x411_PerMessageIndicators_content_return_request);
    to(play, envelope, BOB, WANTS_REPORT);
    arrives(play, "beta", envelope);
    deliver(play, "bob");
    assert_int_equal(play->out.object_count, 1);
    assert_false(play->out.objects[0].has_content);
}

static struct x411_Report *comes_back(struct play *play, const char *destination, unsigned indicators,
                                      bool delivered) {
    struct x411_Report *report = arena_alloc(&play->arena, sizeof *report);
    struct x411_PerRecipientReportTransferFields *fields = arena_alloc(&play->arena, sizeof *fields);
    report->envelope.report_identifier.global_domain_identifier = domain_named(play, BETA);
    report->envelope.report_identifier.local_identifier = SPAN_LIT("r-1");
    report->envelope.report_destination_name = name_of(play, destination);
    visit(play, &report->envelope.trace_information, BETA, VISIT);
    report->content.subject_identifier.global_domain_identifier = domain_named(play, OURS);
    report->content.subject_identifier.local_identifier = SPAN_LIT("m-7");
    fields->actual_recipient_name = name_of(play, DIETER);
    fields->originally_specified_recipient_number = 1;
    fields->per_recipient_indicators = bits(play, (uint8_t)indicators);
    fields->last_trace_information.arrival_time = utc(play, NOW);
    struct x411_ReportType *type = &fields->last_trace_information.report_type;
    type->choice = delivered ? x411_ReportType_delivery : x411_ReportType_non_delivery;
    if (delivered)
        type->u.delivery.message_delivery_time = utc(play, NOW);
    report->content.per_recipient_fields.items = fields;
    report->content.per_recipient_fields.count = 1;
    mts_accept_report(&play->run, 0, report, &play->out);
    assert_int_equal(play->out.result, MTS_DECIDED);
    return report;
}

static void what_only_the_mta_asked_for_ends_here(void **state) {
    struct play *play = *state;
    static const struct {
        unsigned indicators;
        bool delivered, given;
    } cases[] = {
        {MTA_REPORT_BIT | MTA_NDN_BIT, true, false},
        {MTA_REPORT_BIT | MTA_NDN_BIT, false, false},
        {MTA_NDN_BIT | ORIGINATOR_NDN_BIT, false, true},
        {MTA_REPORT_BIT | ORIGINATOR_NDN_BIT, true, false},
        {MTA_REPORT_BIT | ORIGINATOR_REPORT_BIT, true, true},
        {MTA_REPORT_BIT | ORIGINATOR_REPORT_BIT, false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        comes_back(play, BOB, cases[i].indicators, cases[i].delivered);
        assert_int_equal(find_copy(play, NULL, "bob", NULL) != NULL, cases[i].given);
        assert_int_equal(event_of(play, MTS_EVENT_DISCARDED) != NULL, !cases[i].given);
        assert_non_null(event_of(play, MTS_EVENT_REPORT_IN));
    }
}

/* Of two recipients the user is told of the one that he asked about. */
static void one_part_of_a_report_ends_here(void **state) {
    struct play *play = *state;
    struct span octets;
    struct x411_Report received, *report = comes_back(play, ALICE, WANTS_NDN, false);
    struct x411_PerRecipientReportTransferFields two[2] = {report->content.per_recipient_fields.items[0],
                                                           report->content.per_recipient_fields.items[0]};
    two[1].originally_specified_recipient_number = 2;
    two[1].per_recipient_indicators = bits(play, RESPONSIBLE | MTA_NDN_BIT);
    report->content.per_recipient_fields.items = two;
    report->content.per_recipient_fields.count = 2;
    assert_true(ber_encode_arena(&x411_Report_type, report, &play->arena, &octets, NULL));
    assert_true(ber_decode(&x411_Report_type, octets, &play->arena, NULL, &received, NULL));
    mts_accept_report(&play->run, 0, &received, &play->out);
    assert_int_equal(play->out.result, MTS_DECIDED);
    assert_int_equal(report_held(play, 0)->content.per_recipient_fields.count, 1);
    reported(report_held(play, 0), 1);
}

static void report_passes_through(void **state) {
    struct play *play = *state;
    comes_back(play, FRANK, MTA_NDN_BIT, false);
    struct mts_copy *copy = find_copy(play, "other", NULL, NULL);
    assert_non_null(copy);
    assert_int_equal(copy->priority, MTS_URGENT);
    struct mts_stored stored = stored_copy(play, "other", NULL);
    struct x411_MTS_APDU *apdu = outbound(play, &stored);
    assert_int_equal(apdu->choice, x411_MTS_APDU_report);
    assert_int_equal(apdu->u.report.envelope.trace_information.count, 2);
}

static void report_reaches_its_user(void **state) {
    struct play *play = *state;
    struct x411p3_ReportDeliveryEnvelope envelope = {0};
    struct mts_delivery delivery;
    comes_back(play, BOB, MTA_NDN_BIT | ORIGINATOR_NDN_BIT, false);
    struct mts_stored stored = stored_copy(play, NULL, "bob");
    mts_deliver(&play->run, &stored, &delivery);
    assert_true(delivery.delivered);
    assert_string_equal(delivery.mailbox, "bob");
    assert_true(ber_decode(&x411p3_ReportDeliveryEnvelope_type, delivery_envelope(play, &stored, &delivery),
                           &play->arena, NULL, &envelope, NULL));
    assert_true(span_eq(envelope.subject_submission_identifier.local_identifier, SPAN_LIT("m-7")));
    assert_int_equal(envelope.per_recipient_fields.count, 1);
    assert_name(play, &envelope.per_recipient_fields.items[0].actual_recipient_name, DIETER);
    assert_int_equal(envelope.per_recipient_fields.items[0].report_type.choice, x411_ReportType_non_delivery);
}

static void no_report_on_a_report(void **state) {
    struct play *play = *state;
    struct mts_failure failure = {.reason = UNABLE, .diagnostic = 0};
    comes_back(play, OURS "/S=nobody", MTA_NDN_BIT | ORIGINATOR_NDN_BIT, false);
    assert_int_equal(play->out.object_count, 0);
    assert_non_null(event_of(play, MTS_EVENT_DISCARDED));
    comes_back(play, FRANK, MTA_NDN_BIT | ORIGINATOR_NDN_BIT, false);
    struct mts_stored stored = stored_copy(play, "other", NULL);
    mts_work_failed(&play->run, &stored, &failure, &play->out);
    assert_int_equal(play->out.object_count, 0);
    assert_non_null(event_of(play, MTS_EVENT_DISCARDED));
    mts_work_expired(&play->run, &stored, NULL, &play->out);
    assert_int_equal(play->out.object_count, 0);
    assert_non_null(event_of(play, MTS_EVENT_DISCARDED));
}

static void takes_again(struct play *play, const struct x411_Report *report, const char *discarded) {
    mts_accept_report(&play->run, 0, report, &play->out);
    const struct mts_event *event = event_of(play, MTS_EVENT_DISCARDED);
    assert_int_equal(event != NULL, discarded != NULL);
    if (event)
        assert_non_null(strstr(event->text, discarded));
}

/* An extension that nobody here knows, wherever it stands; those of reports' own are known. */
static void criticality_of_a_report(void **state) {
    struct play *play = *state;
    const unsigned wants = MTA_NDN_BIT | ORIGINATOR_NDN_BIT;
    struct x411_Report *mine = comes_back(play, BOB, wants, false);
    struct x411_Extensions *lists[] = {&mine->envelope.extensions, &mine->content.extensions,
                                       &mine->content.per_recipient_fields.items[0].extensions};
    const int64_t value = 1;
    const struct ber_type *type = &x411_RecipientReassignmentProhibited_type; /* stands for any */
    for (size_t i = 0; i < 3; i++) {
        extend(play, lists[i], 200, type, &value, 0);
        takes_again(play, mine, NULL);
        extend(play, lists[i], 200, type, &value, FOR_DELIVERY);
        takes_again(play, mine, "critical for delivery");
        mine->envelope.report_destination_name = name_of(play, FRANK);
        takes_again(play, mine, NULL);
        extend(play, lists[i], 200, type, &value, FOR_TRANSFER);
        takes_again(play, mine, "critical for transfer");
        mine->envelope.report_destination_name = name_of(play, BOB);
        *lists[i] = (struct x411_Extensions){0};
    }
    extend(play, &mine->envelope.extensions, 33, type, &value, FOR_DELIVERY);
    takes_again(play, mine, NULL);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
}

static void reports_may_be_redirected(void **state) {
    struct play *play = *state;
    struct mts_redirection reports = {
        .class = {.objects = MTS_OBJECTS_REPORTS, .priorities = 1u << MTS_URGENT}, .alternate = ALICE};
    add_user(play, BOB,
             (struct mts_user){.mailbox = "bob", .redirections = &reports, .redirection_count = 1});
    comes_back(play, BOB, MTA_NDN_BIT | ORIGINATOR_NDN_BIT, false);
    assert_non_null(find_copy(play, NULL, "alice", NULL));
    const struct x411_Report *report = report_held(play, 0);
    struct x411_RedirectionHistory history;
    assert_true(extension_decode(&play->arena, &report->envelope.extensions, EXT_REDIRECTION_HISTORY,
                                 &x411_RedirectionHistory_type, &history));
    assert_int_equal(history.count, 1);
    const struct x411_TraceInformation *trace = &report->envelope.trace_information;
    assert_true(ber_bit(&trace->items[trace->count - 1].domain_supplied_information.other_actions,
                        x411_OtherActions_redirected));
}

static void reports_do_not_circle(void **state) {
    struct play *play = *state;
    struct mts_redirection there = {.class = {.objects = MTS_OBJECTS_REPORTS}, .alternate = FRANK};
    struct mts_redirection back = {.class = {.objects = MTS_OBJECTS_REPORTS}, .alternate = BOB};
    add_user(play, BOB, (struct mts_user){.mailbox = "bob", .redirections = &there, .redirection_count = 1});
    add_user(play, FRANK,
             (struct mts_user){.mailbox = "frank", .redirections = &back, .redirection_count = 1});
    comes_back(play, BOB, MTA_NDN_BIT | ORIGINATOR_NDN_BIT, false);
    assert_int_equal(play->out.object_count, 0);
    assert_string_equal(event_of(play, MTS_EVENT_DISCARDED)->text, "a redirection loop");
}

static void identifiers_are_never_repeated(void **state) {
    struct play *play = *state;
    struct span seen[3];
    for (int i = 0; i < 3; i++) {
        struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
        to(play, envelope, OURS "/S=nobody", WANTS_NDN);
        arrives(play, "beta", envelope);
        seen[i] = report_held(play, 0)->envelope.report_identifier.local_identifier;
        assert_true(seen[i].len <= 32);
        assert_memory_equal(seen[i].data, "alpha-1.7.", 10);
    }
    assert_false(span_eq(seen[0], seen[1]));
    assert_false(span_eq(seen[1], seen[2]));
    assert_int_equal(play->run.id_next, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE(delivery_is_told_when_somebody_asked),
        SCENE(delivery_report_says_when_and_to_whom),
        SCENE(trace_only_when_audited),
        SCENE(trace_only_when_all_are_audited),
        SCENE(label_and_correlator_go_along),
        SCENE(content_is_returned_when_asked),
        SCENE(a_reports_extensions_go_in_their_old_form),
        SCENE(content_is_not_returned_on_delivery),
        SCENE(what_only_the_mta_asked_for_ends_here),
        SCENE(report_passes_through),
        SCENE(report_reaches_its_user),
        SCENE(no_report_on_a_report),
        SCENE(criticality_of_a_report),
        SCENE(reports_may_be_redirected),
        SCENE(reports_do_not_circle),
        SCENE(identifiers_are_never_repeated),
        SCENE(a_converted_content_is_not_returned),
        SCENE(supplementary_information_is_plain),
        SCENE(supplementary_information_is_cut),
        SCENE(one_part_of_a_report_ends_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
