/* Work that fails, expires, takes another way, or is redirected by hand. */
#include "play.h"

static const struct mts_failure refused = {.reason = 0, .diagnostic = 2, .supplementary = "peer says no"};

static struct mts_stored two_at_beta(struct play *play, bool alternate) {
    struct x411_MessageTransferEnvelope *envelope = message(play, OURS "/O=inner/S=ivo", OURS);
    to(play, envelope, FRANK, WANTS_NDN);
    recipient_fields *fields = to(play, envelope, DIETER, WANTS_NDN);
    struct x411_ORName name = name_of(play, BOB);
    if (alternate)
        extend(play, &fields->extensions, EXT_ORIGINATOR_REQUESTED_ALTERNATE,
               &x411_MTAOriginatorRequestedAlternateRecipient_type, &name, 0);
    to(play, envelope, EVA, WANTS_NDN);
    arrives(play, "inner", envelope);
    return stored_copy(play, "beta", NULL);
}

static void failure_is_reported_for_this_copy_only(void **state) {
    struct play *play = *state;
    struct mts_stored stored = two_at_beta(play, false);
    mts_work_failed(&play->run, &stored, &refused, &play->out);
    struct x411_Report *report = report_held(play, 0);
    assert_int_equal(report->content.per_recipient_fields.count, 2);
    assert_not_delivered(play, 2, 0, 2);
    assert_not_delivered(play, 3, 0, 2);
    assert_true(span_eq(reported(report, 2)->supplementary_information, SPAN_LIT("peer says no")));
    assert_true(span_eq(reported(report, 2)->last_trace_information.arrival_time, SPAN_LIT("261122055000Z")));
}

static void alternate_gets_it_instead(void **state) {
    struct play *play = *state;
    struct mts_stored stored = two_at_beta(play, true);
    mts_work_failed(&play->run, &stored, &refused, &play->out);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    assert_int_equal(report_held(play, 0)->content.per_recipient_fields.count, 1);
    assert_not_delivered(play, 3, 0, 2);
}

static void final_means_no_alternate(void **state) {
    struct play *play = *state;
    struct mts_stored stored = two_at_beta(play, true);
    struct mts_failure by_hand = {.reason = UNABLE, .diagnostic = -1, .final = true};
    mts_work_failed(&play->run, &stored, &by_hand, &play->out);
    assert_null(find_copy(play, NULL, "bob", NULL));
    assert_not_delivered(play, 2, UNABLE, -1);
}

static void expiry_is_non_delivery(void **state) {
    struct play *play = *state;
    struct mts_stored stored = two_at_beta(play, true);
    mts_work_expired(&play->run, &stored, "no route to 192.0.2.7 port 102", &play->out);
    assert_not_delivered(play, 2, UNABLE, x411_NonDeliveryDiagnosticCode_maximum_time_expired);
    assert_not_delivered(play, 3, UNABLE, x411_NonDeliveryDiagnosticCode_maximum_time_expired);
    assert_null(find_copy(play, NULL, "bob", NULL));
    /* The record says why; others hear nothing of our addresses. */
    assert_int_equal(reported(report_held(play, 0), 2)->supplementary_information.len, 0);
    assert_string_equal(event_of(play, MTS_EVENT_NOT_DELIVERED)->text, "no route to 192.0.2.7 port 102");
    const struct mts_failure late = {UNABLE, x411_NonDeliveryDiagnosticCode_maximum_time_expired, NULL,
                                     false};
    mts_work_failed(&play->run, &stored, &late, &play->out);
    assert_not_delivered(play, 2, UNABLE, x411_NonDeliveryDiagnosticCode_maximum_time_expired);
    assert_null(find_copy(play, NULL, "bob", NULL)); /* an alternate would be too late as well */
}

static void add_second_way(struct play *play) {
    struct mts_choice choices[] = {{"beta", 1, 1}, {"way", 2, 1}};
    struct mts_route route = {.pattern = BETA "/S=*", .choices = choices, .choice_count = 2};
    add_hop(play, (struct mts_hop){.name = "way", .domain = "/C=IT/A=MASTER400"});
    assert_true(mts_tables_add_route(play->tables, &route, NULL));
}

static struct mts_rerouting away_from(const struct play *play, const char *hop) {
    return (struct mts_rerouting){.attempted = mts_hop_number(play->tables, hop), .wanted = -1};
}

static void another_way_leaves_a_trace(void **state) {
    struct play *play = *state;
    struct mts_rerouting way = away_from(play, "beta");
    add_second_way(play);
    struct mts_stored stored = two_at_beta(play, false);
    mts_reroute(&play->run, &stored, &way, &play->out);
    assert_int_equal(play->out.object_count, 1); /* nobody is down, but we asked: the other way is up */
    play->down[0] = true;
    play->run.now += 100;
    mts_reroute(&play->run, &stored, &way, &play->out);
    assert_non_null(event_of(play, MTS_EVENT_REROUTED));
    struct x411_MessageTransferEnvelope *sent = sent_to(play, "way");
    assert_int_equal(sent->trace_information.count, 2);
    const struct x411_DomainSuppliedInformation *supplied =
        &sent->trace_information.items[1].domain_supplied_information;
    struct x411_GlobalDomainIdentifier beta = domain_named(play, BETA);
    assert_int_equal(supplied->routing_action, x411_RoutingAction_rerouted);
    assert_true(domain_equal(supplied->attempted_domain, &beta));
    const bool responsible[] = {false, true, true};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(subject_responsible(&sent->per_recipient_fields.items[i]), responsible[i]);
}

static void no_better_way_means_stay(void **state) {
    struct play *play = *state;
    struct mts_rerouting way = away_from(play, "beta");
    struct mts_stored stored = two_at_beta(play, false);
    play->down[0] = true;
    mts_reroute(&play->run, &stored, &way, &play->out);
    assert_int_equal(play->out.result, MTS_DECIDED);
    assert_int_equal(play->out.object_count, 0);
    add_second_way(play);
    play->down[4] = true;
    mts_reroute(&play->run, &stored, &way, &play->out);
    assert_int_equal(play->out.object_count, 0);
}

static void inside_the_domain_internal_trace_tells(void **state) {
    struct play *play = *state;
    struct mts_rerouting way = away_from(play, "inner");
    struct mts_choice choices[] = {{"inner", 1, 1}, {"inner-2", 2, 1}};
    struct mts_route route = {.pattern = OURS "/O=inner/S=*", .choices = choices, .choice_count = 2};
    struct x411_InternalTraceInformation internal;
    play->tables->self.internal_trace = true;
    add_hop(play, (struct mts_hop){.name = "inner-2"});
    assert_true(mts_tables_add_route(play->tables, &route, NULL));
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, OURS "/O=inner/S=ivo", WANTS_NDN);
    arrives(play, "beta", envelope);
    struct mts_stored stored = stored_copy(play, "inner", NULL);
    play->down[1] = true;
    mts_reroute(&play->run, &stored, &way, &play->out);
    struct x411_MessageTransferEnvelope *sent = sent_to(play, "inner-2");
    assert_int_equal(sent->trace_information.count, 2);
    assert_true(extension_decode(&play->arena, &sent->extensions, EXT_INTERNAL_TRACE,
                                 &x411_InternalTraceInformation_type, &internal));
    assert_int_equal(internal.count, 2);
    assert_int_equal(internal.items[1].mta_supplied_information.routing_action, x411_RoutingAction_rerouted);
    assert_true(span_eq(internal.items[1].mta_supplied_information.attempted->u.mta, SPAN_LIT("inner")));
}

/* The hop left the tables, or was given another number: nothing of the copy's plan names it. */
static void a_hop_that_is_gone_is_routed_anew(void **state) {
    struct play *play = *state;
    struct mts_rerouting way = {.attempted = -1, .wanted = -1};
    struct mts_stored stored = two_at_beta(play, false);
    add_second_way(play);
    play->down[0] = true;
    mts_reroute(&play->run, &stored, &way, &play->out);
    struct x411_MessageTransferEnvelope *sent = sent_to(play, "way");
    assert_int_equal(sent->trace_information.count,
                     1); /* it was never tried: the trace tells of no attempt */
    assert_int_equal(event_of(play, MTS_EVENT_REROUTED)->hop, -1);
}

static void nobody_moves_while_one_has_no_way(void **state) {
    struct play *play = *state;
    struct mts_rerouting way = {.attempted = -1, .wanted = -1};
    struct mts_stored stored = two_at_beta(play, false);
    struct mts_self self = {.domain = OURS, .mta_name = "alpha-1", NUMBERS_OF_SELF};
    struct mts_tables *empty = mts_tables_new(&self, NULL);
    play->run.tables = empty;
    mts_reroute(&play->run, &stored, &way, &play->out);
    assert_int_equal(play->out.result, MTS_DECIDED);
    assert_int_equal(play->out.object_count + play->out.event_count, 0);
    play->run.tables = play->tables;
    mts_tables_free(empty);
}

static void an_operator_chooses_the_hop(void **state) {
    struct play *play = *state;
    struct mts_stored stored = two_at_beta(play, false);
    add_second_way(play);
    struct mts_rerouting way = {.attempted = -1, .wanted = mts_hop_number(play->tables, "way")};
    mts_reroute(&play->run, &stored, &way, &play->out);
    assert_int_equal(sent_to(play, "way")->trace_information.count, 1);
}

static void redirected_by_hand(void **state) {
    struct play *play = *state;
    struct mts_stored stored = two_at_beta(play, false);
    mts_redirect(&play->run, &stored, ALICE, &play->out);
    assert_int_equal(play->out.result, MTS_DECIDED);
    assert_null(report_held(play, 0));
    assert_int_equal(play->out.object_count, 1);
    assert_int_equal(play->out.objects[0].copy_count, 1); /* two recipients, one mailbox */
    assert_int_equal(play->out.objects[0].copies[0].recipient_count, 2);
    assert_int_equal(event_of(play, MTS_EVENT_REDIRECTED)->reason,
                     x411_RedirectionReason_recipient_MD_assigned_alternate_recipient);
    mts_redirect(&play->run, &stored, "rubbish", &play->out);
    assert_int_equal(play->out.result, MTS_INVALID);
}

static void copies_recipients_are_named(void **state) {
    struct play *play = *state;
    struct mts_recipient *recipients;
    size_t count;
    struct mts_stored stored = two_at_beta(play, false);
    assert_true(mts_recipients(&stored, &play->arena, &recipients, &count));
    assert_int_equal(count, 2);
    assert_int_equal(recipients[0].number, 2);
    assert_int_equal(recipients[1].position, 2);
    assert_true(span_eq(recipients[0].name, SPAN_LIT(DIETER)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE(failure_is_reported_for_this_copy_only),
        SCENE(alternate_gets_it_instead),
        SCENE(final_means_no_alternate),
        SCENE(expiry_is_non_delivery),
        SCENE(another_way_leaves_a_trace),
        SCENE(no_better_way_means_stay),
        SCENE(inside_the_domain_internal_trace_tells),
        SCENE(a_hop_that_is_gone_is_routed_anew),
        SCENE(nobody_moves_while_one_has_no_way),
        SCENE(an_operator_chooses_the_hop),
        SCENE(redirected_by_hand),
        SCENE(copies_recipients_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
