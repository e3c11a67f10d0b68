/* What is a loop, and what is none (X.411 §14.3). */
#include "play.h"

static bool loops(struct play *play, const struct x411_MessageTransferEnvelope *envelope, const char *peer) {
    arrives(play, peer, envelope);
    if (play->out.loop)
        assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_loop_detected);
    else
        assert_null(report_held(play, 0));
    return play->out.loop;
}

static struct x411_MessageTransferEnvelope *for_frank(struct play *play, const char *domain) {
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, domain);
    to(play, envelope, FRANK, WANTS_NDN);
    return envelope;
}

static void ours_again_after_a_foreign_domain(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = for_frank(play, OURS);
    visit(play, &envelope->trace_information, BETA, VISIT);
    assert_true(loops(play, envelope, "beta"));
    assert_int_equal(play->out.object_count, 1); /* the report only */
}

static void also_when_others_lie_between(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = for_frank(play, BETA);
    visit(play, &envelope->trace_information, OURS, VISIT);
    visit(play, &envelope->trace_information, OTHER, VISIT);
    visit(play, &envelope->trace_information, BETA, VISIT);
    assert_true(loops(play, envelope, "beta"));
}

static void first_visit_is_none(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = for_frank(play, BETA);
    visit(play, &envelope->trace_information, OTHER, VISIT);
    visit(play, &envelope->trace_information, BETA, VISIT); /* a loop of BETA's is BETA's to find */
    assert_false(loops(play, envelope, "beta"));
}

static void redirection_since_is_none(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = for_frank(play, OURS);
    visit(play, &envelope->trace_information, BETA, REDIRECTED);
    assert_false(loops(play, envelope, "beta"));
}

static void our_own_redirection_is_none(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, FRANK, WANTS_NDN);
    visit(play, &envelope->trace_information, OURS, REDIRECTED);
    visit(play, &envelope->trace_information, BETA, VISIT);
    assert_false(loops(play, envelope, "beta"));
}

static void list_since_is_none(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = for_frank(play, OURS);
    visit(play, &envelope->trace_information, BETA, DL_OPERATION);
    visit(play, &envelope->trace_information, OTHER, VISIT);
    assert_false(loops(play, envelope, "beta"));
}

static void redirection_before_our_visit_does_not_help(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = for_frank(play, OTHER);
    visit(play, &envelope->trace_information, BETA, REDIRECTED);
    visit(play, &envelope->trace_information, OURS, VISIT);
    visit(play, &envelope->trace_information, BETA, VISIT);
    assert_true(loops(play, envelope, "beta"));
}

static void adjacent_elements_of_ours_are_none(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = for_frank(play, OURS);
    visit(play, &envelope->trace_information, OURS, VISIT);
    assert_false(loops(play, envelope, "inner"));
}

static void rerouted_elements_and_attempts_are_none(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = for_frank(play, OTHER);
    struct x411_GlobalDomainIdentifier ours = domain_named(play, OURS);
    visit(play, &envelope->trace_information, OTHER, REROUTED)->domain_supplied_information.attempted_domain =
        &ours;
    visit(play, &envelope->trace_information, BETA, VISIT);
    assert_false(loops(play, envelope, "beta"));
    /* An element of ours that only says `rerouted` is no visit either. */
    envelope = for_frank(play, BETA);
    visit(play, &envelope->trace_information, OURS, REROUTED);
    visit(play, &envelope->trace_information, BETA, VISIT);
    assert_false(loops(play, envelope, "beta"));
}

static void domain_names_compare_without_case(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = for_frank(play, "/C=gb/A=Gold/P=alpha");
    visit(play, &envelope->trace_information, BETA, VISIT);
    assert_true(loops(play, envelope, "beta"));
}

static void another_prmd_is_another_domain(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = for_frank(play, "/C=GB/A=GOLD/P=GAMMA");
    visit(play, &envelope->trace_information, "/C=GB/A=GOLD", VISIT);
    assert_false(loops(play, envelope, "beta"));
}

static struct x411_InternalTraceInformationElement mta(struct play *play, const char *domain,
                                                       const char *name, bool redirected) {
    struct x411_InternalTraceInformationElement element = {
        .global_domain_identifier = domain_named(play, domain), .mta_name = span_str(name)};
    element.mta_supplied_information.arrival_time = utc(play, NOW - 60);
    if (redirected)
        assert_true(ber_bit_set(&element.mta_supplied_information.other_actions, 0, true, &play->arena));
    return element;
}

static bool internal_loops(struct play *play, struct x411_InternalTraceInformationElement *items,
                           size_t count) {
    struct x411_MessageTransferEnvelope *envelope = for_frank(play, OURS);
    struct x411_InternalTraceInformation trace = {.items = items, .count = count};
    extend(play, &envelope->extensions, EXT_INTERNAL_TRACE, &x411_InternalTraceInformation_type, &trace, 0);
    return loops(play, envelope, "inner");
}

static void internal_trace_counts_in_our_domain_only(void **state) {
    struct play *play = *state;
    struct x411_InternalTraceInformationElement here[] = {mta(play, OURS, "alpha-1", false),
                                                          mta(play, OURS, "alpha-2", false)};
    assert_true(internal_loops(play, here, 2));
    struct x411_InternalTraceInformationElement elsewhere[] = {mta(play, BETA, "alpha-1", false),
                                                               mta(play, BETA, "alpha-2", false)};
    assert_false(internal_loops(play, elsewhere, 2));
    struct x411_InternalTraceInformationElement moved[] = {mta(play, OURS, "alpha-1", false),
                                                           mta(play, OURS, "alpha-2", true)};
    assert_false(internal_loops(play, moved, 2));
    struct x411_InternalTraceInformationElement others[] = {mta(play, OURS, "alpha-2", false),
                                                            mta(play, OURS, "alpha-3", false)};
    assert_false(internal_loops(play, others, 2));
    /* An element of rerouting is no visit. */
    struct x411_InternalTraceInformationElement again[] = {mta(play, OURS, "alpha-1", false),
                                                           mta(play, OURS, "alpha-2", false)};
    again[0].mta_supplied_information.routing_action = x411_RoutingAction_rerouted;
    assert_false(internal_loops(play, again, 2));
}

static struct x411_Report *report_from(struct play *play, const char *domain) {
    struct x411_Report *report = arena_alloc(&play->arena, sizeof *report);
    struct x411_PerRecipientReportTransferFields *fields = arena_alloc(&play->arena, sizeof *fields);
    report->envelope.report_identifier.global_domain_identifier = domain_named(play, BETA);
    report->envelope.report_identifier.local_identifier = SPAN_LIT("r-1");
    report->envelope.report_destination_name = name_of(play, FRANK);
    report->content.subject_identifier = report->envelope.report_identifier;
    fields->actual_recipient_name = name_of(play, DIETER);
    fields->originally_specified_recipient_number = 1;
    fields->per_recipient_indicators = bits(play, WANTS_NDN);
    fields->last_trace_information.arrival_time = utc(play, NOW);
    fields->last_trace_information.report_type.choice = x411_ReportType_non_delivery;
    report->content.per_recipient_fields.items = fields;
    report->content.per_recipient_fields.count = 1;
    visit(play, &report->envelope.trace_information, domain, VISIT);
    return report;
}

static void looping_report_is_dropped_and_recorded(void **state) {
    struct play *play = *state;
    struct x411_Report *report = report_from(play, OURS);
    visit(play, &report->envelope.trace_information, BETA, VISIT);
    mts_accept_report(&play->run, 0, report, &play->out);
    assert_int_equal(play->out.result, MTS_DECIDED);
    assert_true(play->out.loop);
    assert_int_equal(play->out.object_count, 0);
    assert_non_null(event_of(play, MTS_EVENT_DISCARDED));
    mts_accept_report(&play->run, 0, report_from(play, BETA), &play->out);
    assert_false(play->out.loop);
    assert_non_null(find_copy(play, "other", NULL, NULL));
}

/* ---- the next hop's loop, seen here ---- */

static struct x411_MessageTransferEnvelope *for_inside(struct play *play, const char *first,
                                                       const char *second, bool redirected) {
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    struct x411_InternalTraceInformationElement items[] = {mta(play, OURS, first, false),
                                                           mta(play, OURS, second, redirected)};
    struct x411_InternalTraceInformation trace = {.items = items, .count = 2};
    to(play, envelope, OURS "/O=inner/S=x", WANTS_NDN);
    visit(play, &envelope->trace_information, BETA, VISIT);
    extend(play, &envelope->extensions, EXT_INTERNAL_TRACE, &x411_InternalTraceInformation_type, &trace, 0);
    return envelope;
}

static void add_spare(struct play *play) {
    struct mts_choice choices[] = {{.hop = "inner", .rank = 1, .weight = 1},
                                   {.hop = "spare", .rank = 2, .weight = 1}};
    struct mts_route route = {.pattern = OURS "/O=inner/OU1=two", .choices = choices, .choice_count = 2};
    add_hop(play, (struct mts_hop){.name = "spare", .mta_name = "SPARE-MTA"});
    assert_true(mts_tables_add_route(play->tables, &route, NULL));
}

static void a_next_hop_that_had_it_ends_it(void **state) {
    struct play *play = *state;
    play->tables->self.internal_trace = true;
    arrives(play, "beta", for_inside(play, "alpha-2", "INNER", false));
    assert_false(play->out.loop); /* none came round yet */
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_loop_detected);
    assert_null(find_copy(play, "inner", NULL, NULL));
    arrives(play, "beta", for_inside(play, "inner", "alpha-2", true)); /* redirected since */
    assert_non_null(find_copy(play, "inner", NULL, NULL));
    arrives(play, "beta", for_inside(play, "alpha-2", "alpha-3", false));
    assert_non_null(find_copy(play, "inner", NULL, NULL));
    /* Where we record no way of ours, what we redirect would look like a loop, too. */
    play->tables->self.internal_trace = false;
    arrives(play, "beta", for_inside(play, "alpha-2", "inner", false));
    assert_non_null(find_copy(play, "inner", NULL, NULL));
}

static void another_choice_is_taken_instead(void **state) {
    struct play *play = *state;
    play->tables->self.internal_trace = true;
    add_spare(play);
    struct x411_MessageTransferEnvelope *envelope = for_inside(play, "inner", "alpha-2", false);
    envelope->per_recipient_fields.items[0].recipient_name = name_of(play, OURS "/O=inner/OU1=two/S=x");
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, "spare", NULL, NULL));
    assert_null(find_copy(play, "inner", NULL, NULL));
    /* by the name that the MTA gives itself, not that of the section */
    envelope = for_inside(play, "inner", "spare-mta", false);
    envelope->per_recipient_fields.items[0].recipient_name = name_of(play, OURS "/O=inner/OU1=two/S=x");
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_loop_detected);
}

static struct x411_Report *report_for_inside(struct play *play, const char *unit, const char *before) {
    struct x411_Report *report = report_from(play, BETA);
    struct x411_InternalTraceInformationElement items[] = {mta(play, OURS, before, false)};
    struct x411_InternalTraceInformation trace = {.items = items, .count = 1};
    report->envelope.report_destination_name = name_of(play, unit);
    extend(play, &report->envelope.extensions, EXT_INTERNAL_TRACE, &x411_InternalTraceInformation_type,
           &trace, 0);
    return report;
}

static void a_report_is_not_sent_round_either(void **state) {
    struct play *play = *state;
    play->tables->self.internal_trace = true;
    add_spare(play);
    mts_accept_report(&play->run, 0, report_for_inside(play, OURS "/O=inner/S=x", "inner"), &play->out);
    assert_int_equal(play->out.object_count, 0);
    assert_non_null(event_of(play, MTS_EVENT_DISCARDED));
    mts_accept_report(&play->run, 0, report_for_inside(play, OURS "/O=inner/OU1=two/S=x", "inner"),
                      &play->out);
    assert_non_null(find_copy(play, "spare", NULL, NULL));
}

static void a_trusted_next_hop_is_not_asked(void **state) {
    struct play *play = *state;
    play->tables->self.internal_trace = true;
    add_hop(play, (struct mts_hop){.name = "scanner", .dont_check_loops = true});
    add_route(play, OURS "/O=scanned", "scanner");
    struct x411_MessageTransferEnvelope *envelope = for_inside(play, "scanner", "alpha-2", false);
    envelope->per_recipient_fields.items[0].recipient_name = name_of(play, OURS "/O=scanned/S=x");
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, "scanner", NULL, NULL));
}

static void trusted_peer_is_not_checked(void **state) {
    struct play *play = *state;
    add_hop(play, (struct mts_hop){
                      .name = "trusted", .domain = "/C=IT/A=M", .transit = true, .dont_check_loops = true});
    struct x411_MessageTransferEnvelope *envelope = for_frank(play, OURS);
    visit(play, &envelope->trace_information, "/C=IT/A=M", VISIT);
    assert_false(loops(play, envelope, "trusted"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE(ours_again_after_a_foreign_domain),
        SCENE(also_when_others_lie_between),
        SCENE(first_visit_is_none),
        SCENE(redirection_since_is_none),
        SCENE(our_own_redirection_is_none),
        SCENE(list_since_is_none),
        SCENE(redirection_before_our_visit_does_not_help),
        SCENE(adjacent_elements_of_ours_are_none),
        SCENE(rerouted_elements_and_attempts_are_none),
        SCENE(domain_names_compare_without_case),
        SCENE(another_prmd_is_another_domain),
        SCENE(internal_trace_counts_in_our_domain_only),
        SCENE(looping_report_is_dropped_and_recorded),
        SCENE(a_next_hop_that_had_it_ends_it),
        SCENE(another_choice_is_taken_instead),
        SCENE(a_report_is_not_sent_round_either),
        SCENE(a_trusted_next_hop_is_not_asked),
        SCENE(trusted_peer_is_not_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
