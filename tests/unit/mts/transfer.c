/* Messages and probes that pass through, are delivered, or find nobody: splitting, responsibility, trace. */
#include "play.h"

static void goes_on_to_the_next_domain(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, FRANK, WANTS_NDN);
    arrives(play, "beta", envelope);
    assert_int_equal(play->out.object_count, 1);
    assert_int_equal(play->out.objects[0].copy_count, 1);
    struct x411_MessageTransferEnvelope *sent = sent_to(play, "other");
    assert_int_equal(sent->trace_information.count, 2);
    const struct x411_TraceInformationElement *ours = &sent->trace_information.items[1];
    assert_true(domain_equal(&ours->global_domain_identifier, &play->tables->domain));
    assert_int_equal(ours->domain_supplied_information.routing_action, x411_RoutingAction_relayed);
    assert_true(span_eq(ours->domain_supplied_information.arrival_time, SPAN_LIT("261122060000Z")));
    assert_true(subject_responsible(&sent->per_recipient_fields.items[0]));
    assert_int_equal(play->out.objects[0].copies[0].priority, MTS_NORMAL);
    assert_int_equal(play->out.objects[0].copies[0].expires, NOW + 86400);
}

static void untouched_parts_keep_their_octets(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    struct x411_ExtensionField private = {.value = SPAN_LIT("\x04\x03pqr")};
    private.type.choice = x411_ExtensionType_private_extension;
    private.type.u.private_extension = SPAN_LIT("\x2a\x03\x04");
    to(play, envelope, FRANK, WANTS_NDN);
    assert_true(extension_add(&play->arena, &envelope->extensions, &private));
    struct x411_MessageTransferEnvelope *received = over_the_wire(play, envelope);
    mts_accept_message(&play->run, 0, received, 2000, &play->out);
    struct x411_MessageTransferEnvelope *sent = sent_to(play, "other");
    assert_true(
        span_eq(sent->per_recipient_fields.items[0].raw, received->per_recipient_fields.items[0].raw));
    assert_int_equal(sent->extensions.count, 1);
    assert_true(span_eq(sent->extensions.items[0].raw, received->extensions.items[0].raw));
}

static void one_copy_goes_to_each_next_hop(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = message(play, OURS "/O=inner/S=ivo", OURS);
    to(play, envelope, DIETER, WANTS_NDN);
    to(play, envelope, FRANK, WANTS_NDN);
    to(play, envelope, EVA, WANTS_NDN);
    to(play, envelope, BOB, WANTS_NDN);
    to(play, envelope, BETA "/S=served-elsewhere", MTA_NDN_BIT);
    arrives(play, "inner", envelope);
    assert_int_equal(play->out.object_count, 1);
    assert_int_equal(play->out.objects[0].copy_count, 3);
    struct x411_MessageTransferEnvelope *beta = sent_to(play, "beta"), *other = sent_to(play, "other");
    const bool for_beta[] = {true, false, true, false, false},
               for_other[] = {false, true, false, false, false};
    assert_int_equal(beta->per_recipient_fields.count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(subject_responsible(&beta->per_recipient_fields.items[i]), for_beta[i]);
        assert_int_equal(subject_responsible(&other->per_recipient_fields.items[i]), for_other[i]);
        assert_int_equal(beta->per_recipient_fields.items[i].originally_specified_recipient_number, i + 1);
    }
    assert_non_null(find_copy(play, NULL, "bob", NULL));
}

static void repeat_is_the_same_octets(void **state) {
    struct play *play = *state;
    struct buf first, second;
    struct x411_MessageTransferEnvelope *envelope = message(play, OURS "/O=inner/S=ivo", OURS);
    to(play, envelope, DIETER, WANTS_NDN);
    to(play, envelope, FRANK, WANTS_NDN);
    arrives(play, "inner", envelope);
    struct mts_stored stored = stored_copy(play, "beta", NULL);
    buf_init(&first, 0);
    buf_init(&second, 0);
    assert_true(mts_outbound(&stored, &play->arena, &first));
    play->run.now += 5000;
    assert_true(mts_outbound(&stored, &play->arena, &second));
    assert_true(span_eq(buf_span(&first), buf_span(&second)));
    buf_free(&first);
    buf_free(&second);
}

static size_t occurrences(const struct buf *octets, struct span wanted) {
    size_t found = 0;
    for (size_t i = 0; i + wanted.len <= octets->len; i++)
        found += memcmp(octets->data + i, wanted.data, wanted.len) == 0;
    return found;
}

/* PP 6.0 as it was shipped reads no other; what it says of an extension stays as it was. */
static void extensions_go_in_their_old_form(void **state) {
    struct play *play = *state;
    struct buf out;
    add_hop(play, (struct mts_hop){.name = "pp6",
                                   .domain = "/C=SE/A=PP",
                                   .old_extension_form = true,
                                   .keep_internal_trace = true});
    add_route(play, "/C=SE", "pp6");
    play->tables->self.internal_trace = true;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, "/C=SE/A=PP/S=x", WANTS_NDN);
    arrives(play, "beta", envelope);
    struct mts_stored stored = stored_copy(play, "pp6", NULL);
    buf_init(&out, 0);
    assert_true(mts_outbound(&stored, &play->arena, &out));
    assert_int_equal(occurrences(&out, SPAN_LIT("\xA0\x03\x02\x01\x26")), 1); /* internal-trace-information */
    assert_int_equal(occurrences(&out, SPAN_LIT("\x80\x01\x26")), 0);
    buf_free(&out);
    const struct x411_MessageTransferEnvelope *sent = sent_to(play, "pp6");
    struct x411_InternalTraceInformation internal = {0};
    assert_true(extension_decode(&play->arena, &sent->extensions, EXT_INTERNAL_TRACE,
                                 &x411_InternalTraceInformation_type, &internal));
    assert_int_equal(internal.count, 1);
}

static void nobody_at_our_address(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, OURS "/S=nobody", WANTS_NDN);
    to(play, envelope, BOB, WANTS_NDN);
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_unrecognised_OR_name);
    struct x411_Report *report = report_held(play, 0);
    assert_int_equal(report->content.per_recipient_fields.count, 1);
    assert_name(play, &report->envelope.report_destination_name, DIETER);
    assert_true(mts_identifier_equal(&report->content.subject_identifier, &envelope->message_identifier));
    assert_true(span_eq(report->content.content_identifier, SPAN_LIT("cid")));
    assert_int_equal(report->envelope.trace_information.count, 1);
    assert_null(report->content.subject_intermediate_trace_information.items);
    struct mts_copy *copy = find_copy(play, "beta", NULL, NULL);
    assert_non_null(copy);
    assert_int_equal(copy->priority, MTS_URGENT);
    /* Bob's copy is kept without the failed recipient's flag. */
    struct mts_stored stored = stored_copy(play, NULL, "bob");
    struct mts_recipient *recipients;
    size_t count;
    assert_true(mts_recipients(&stored, &play->arena, &recipients, &count));
    assert_int_equal(count, 1);
    assert_int_equal(recipients[0].number, 2);
}

static void no_route_is_nobody(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, "/C=AQ/A=SNOMAIL/S=penguin", WANTS_NDN);
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_unrecognised_OR_name);
}

static void priorities_have_their_lanes(void **state) {
    struct play *play = *state;
    const int64_t expiry[] = {86400, 129600, 14400};
    for (int priority = 0; priority < 3; priority++) {
        struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
        envelope->priority = priority;
        to(play, envelope, FRANK, WANTS_NDN);
        arrives(play, "beta", envelope);
        assert_int_equal(play->out.objects[0].copies[0].priority, priority);
        assert_int_equal(play->out.objects[0].copies[0].expires, NOW + expiry[priority]);
    }
}

static void deferred_delivery_is_held_here(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    envelope->deferred_delivery_time = utc(play, NOW + 3600);
    to(play, envelope, FRANK, WANTS_NDN);
    arrives(play, "beta", envelope);
    assert_int_equal(play->out.objects[0].copies[0].due, NOW + 3600);
    assert_int_equal(play->out.objects[0].copies[0].expires, NOW + 3600 + 86400);
    struct x411_MessageTransferEnvelope *sent = sent_to(play, "other");
    assert_null(sent->deferred_delivery_time.data);
    assert_true(span_eq(sent->trace_information.items[1].domain_supplied_information.deferred_time,
                        SPAN_LIT("261122070000Z")));
}

/* Who does not hold it does not say so: deferred-time is for the MTA that did. */
static void a_peer_that_defers_holds_it(void **state) {
    struct play *play = *state;
    add_hop(play, (struct mts_hop){
                      .name = "patient", .domain = "/C=IT/A=M", .defers = true, .keep_internal_trace = true});
    add_route(play, "/C=IT", "patient");
    play->tables->self.internal_trace = true;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    envelope->deferred_delivery_time = utc(play, NOW + 3600);
    to(play, envelope, "/C=IT/A=M/S=x", WANTS_NDN);
    for (int others = 0; others < 2; others++) {
        arrives(play, "beta", envelope);
        assert_int_equal(find_copy(play, "patient", NULL, NULL)->due, NOW);
        struct x411_MessageTransferEnvelope *sent = sent_to(play, "patient");
        struct x411_InternalTraceInformation internal = {0};
        assert_true(span_eq(sent->deferred_delivery_time, SPAN_LIT("261122070000Z")));
        assert_null(sent->trace_information.items[1].domain_supplied_information.deferred_time.data);
        assert_true(extension_decode(&play->arena, &sent->extensions, EXT_INTERNAL_TRACE,
                                     &x411_InternalTraceInformation_type, &internal));
        assert_int_equal(internal.count, 1);
        assert_null(internal.items[0].mta_supplied_information.deferred_time.data);
        to(play, envelope, FRANK, WANTS_NDN); /* then with a copy that we hold */
    }
    assert_int_equal(find_copy(play, "other", NULL, NULL)->due, NOW + 3600);
    assert_true(
        span_eq(sent_to(play, "other")->trace_information.items[1].domain_supplied_information.deferred_time,
                SPAN_LIT("261122070000Z")));
}

static void a_deferral_that_is_over_defers_nothing(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    envelope->deferred_delivery_time = utc(play, NOW - 3600);
    to(play, envelope, FRANK, WANTS_NDN);
    arrives(play, "beta", envelope);
    assert_int_equal(play->out.objects[0].copies[0].due, NOW);
    assert_null(event_of(play, MTS_EVENT_DEFERRED));
    assert_null(
        sent_to(play, "other")->trace_information.items[1].domain_supplied_information.deferred_time.data);
}

static void an_only_copy_leaves_as_it_is_held(void **state) {
    struct play *play = *state;
    struct buf out;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, FRANK, WANTS_NDN);
    arrives(play, "beta", envelope);
    struct mts_stored stored = stored_copy(play, "other", NULL);
    struct arena no_memory;
    arena_init(&no_memory, 0);
    buf_init(&out, 0);
    assert_true(mts_outbound(&stored, &no_memory, &out)); /* nothing need be decoded */
    buf_free(&out);
}

static void latest_delivery_ends_the_trying(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    struct span latest = utc(play, NOW + 60);
    extend(play, &envelope->extensions, EXT_LATEST_DELIVERY_TIME, &x411_LatestDeliveryTime_type, &latest, 0);
    to(play, envelope, FRANK, WANTS_NDN);
    arrives(play, "beta", envelope);
    assert_int_equal(play->out.objects[0].copies[0].latest, NOW + 60);
    assert_int_equal(play->out.objects[0].copies[0].expires, NOW + 86400);
    play->run.now += 60;
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, "other", NULL, NULL));
    play->run.now++;
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_maximum_time_expired);
}

static void internal_trace_stays_in_the_domain(void **state) {
    struct play *play = *state;
    struct x411_InternalTraceInformation internal;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, FRANK, WANTS_NDN);
    to(play, envelope, OURS "/O=inner/S=ivo", WANTS_NDN);
    arrives(play, "beta", envelope); /* it is not asked for */
    assert_null(extension_find(&sent_to(play, "inner")->extensions, EXT_INTERNAL_TRACE));
    play->tables->self.internal_trace = true;
    arrives(play, "beta", envelope);
    assert_null(extension_find(&sent_to(play, "other")->extensions, EXT_INTERNAL_TRACE));
    struct x411_MessageTransferEnvelope *inner = sent_to(play, "inner");
    assert_true(extension_decode(&play->arena, &inner->extensions, EXT_INTERNAL_TRACE,
                                 &x411_InternalTraceInformation_type, &internal));
    assert_int_equal(internal.count, 1);
    assert_true(span_eq(internal.items[0].mta_name, SPAN_LIT("alpha-1")));
    /* Alone, it need not be taken out for each try. */
    struct x411_MessageTransferEnvelope *alone = message(play, DIETER, BETA);
    to(play, alone, FRANK, WANTS_NDN);
    arrives(play, "beta", alone);
    assert_null(extension_find(&sent_to(play, "other")->extensions, EXT_INTERNAL_TRACE));
}

static void within_the_domain_no_second_element(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = message(play, OURS "/O=inner/S=ivo", OURS);
    to(play, envelope, FRANK, WANTS_NDN);
    arrives(play, "inner", envelope);
    assert_int_equal(sent_to(play, "other")->trace_information.count, 1);
}

static void bilateral_information_is_added(void **state) {
    struct play *play = *state;
    add_hop(play, (struct mts_hop){.name = "friend", .domain = "/C=IT/A=MASTER400", .bilateral = "0c026869"});
    add_route(play, "/C=IT/A=MASTER400", "friend");
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, "/C=IT/A=MASTER400/S=gino", WANTS_NDN);
    arrives(play, "beta", envelope);
    struct x411_MessageTransferEnvelope *sent = sent_to(play, "friend");
    assert_int_equal(sent->per_domain_bilateral_information.count, 1);
    assert_true(span_eq(sent->per_domain_bilateral_information.items[0].bilateral_information,
                        SPAN_LIT("\x0c\x02hi")));
}

/* As a former version wrote it: with the next hop's number, and the flags in one octet or two. */
static struct span former_plan(struct play *play, struct span plan, uint8_t version) {
    size_t flags = version < 3 ? 1 : 2;
    uint8_t *octets = arena_alloc(&play->arena, plan.len + 4);
    assert_non_null(octets);
    octets[0] = version;
    memcpy(octets + 1, plan.data + 3 - flags, flags);
    memcpy(octets + 1 + flags, "\0\0\0\5", 4);
    memcpy(octets + 5 + flags, plan.data + 3, plan.len - 3);
    return span_of(octets, plan.len + 2 + flags);
}

/* A store that an earlier version filled has them, also of copies in doubt: the same octets must leave. */
static void plans_of_former_versions_read(void **state) {
    struct play *play = *state;
    struct buf now, then;
    add_hop(play, (struct mts_hop){.name = "friend", .domain = "/C=IT/A=MASTER400", .bilateral = "0c026869"});
    add_route(play, "/C=IT/A=MASTER400", "friend");
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, "/C=IT/A=MASTER400/S=gino", WANTS_NDN);
    to(play, envelope, BOB, WANTS_NDN);
    arrives(play, "beta", envelope);
    struct mts_stored stored = stored_copy(play, "friend", NULL), former = stored;
    buf_init(&now, 0);
    assert_true(mts_outbound(&stored, &play->arena, &now));
    for (uint8_t version = 1; version <= 3; version++) {
        buf_init(&then, 0);
        former.plan = former_plan(play, stored.plan, version);
        assert_true(mts_outbound(&former, &play->arena, &then));
        assert_true(span_eq(buf_span(&now), buf_span(&then)));
        buf_free(&then);
    }
    former.plan = former_plan(play, stored.plan, 5);
    assert_false(mts_outbound(&former, &play->arena, &now));
    buf_free(&now);
}

static struct x411_ProbeTransferEnvelope *probe(struct play *play,
                                                const struct x411_MessageTransferEnvelope *from) {
    struct mts_decisions out = {0};
    struct ruling ruling;
    struct span octets;
    struct subject subject = {.kind = MTS_PROBE, .envelope = *from, .has_length = true, .length = 99};
    ruling_begin(&ruling, &play->run, &out);
    assert_true(subject_encode(&ruling, &subject, &octets));
    struct x411_ProbeTransferEnvelope *envelope = arena_alloc(&play->arena, sizeof *envelope);
    assert_true(ber_decode(&x411_ProbeTransferEnvelope_type, octets, &play->arena, NULL, envelope, NULL));
    return envelope;
}

static bool names(struct span address, const char *part) {
    return memmem(address.data, address.len, part, strlen(part)) != NULL;
}

static void probe_is_answered_and_passed_on(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, BOB, WANTS_REPORT);
    to(play, envelope, FRANK, WANTS_REPORT);
    to(play, envelope, OURS "/S=nobody", WANTS_REPORT);
    mts_accept_probe(&play->run, 0, probe(play, envelope), &play->out);
    assert_int_equal(play->out.result, MTS_DECIDED);
    struct x411_Report *report = report_held(play, 0);
    assert_int_equal(report->content.per_recipient_fields.count, 2);
    const struct x411_ReportType *bob = &reported(report, 1)->last_trace_information.report_type;
    assert_int_equal(bob->choice, x411_ReportType_delivery);
    assert_int_equal(bob->u.delivery.type_of_MTS_user, x411_TypeOfMTSUser_private);
    assert_not_delivered(play, 3, UNABLE, x411_NonDeliveryDiagnosticCode_unrecognised_OR_name);
    assert_true(names(event_of(play, MTS_EVENT_DELIVERED)->name, "S=bob"));
    assert_true(names(event_of(play, MTS_EVENT_NOT_DELIVERED)->other, "S=nobody"));
    assert_null(find_copy(play, NULL, "bob", NULL));
    struct mts_stored stored = stored_copy(play, "other", NULL);
    assert_int_equal(stored.kind, MTS_PROBE);
    assert_int_equal(find_copy(play, "other", NULL, NULL)->priority, MTS_URGENT); /* it has no priority */
    struct x411_MTS_APDU *apdu = outbound(play, &stored);
    assert_int_equal(apdu->choice, x411_MTS_APDU_probe);
    assert_int_equal(apdu->u.probe.content_length, 99);
    assert_int_equal(apdu->u.probe.trace_information.count, 2);
}

static void too_many_recipients(void **state) {
    struct play *play = *state;
    play->tables->self.max_recipients = 2;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, BOB, WANTS_NDN);
    to(play, envelope, FRANK, WANTS_NDN);
    to(play, envelope, ALICE, MTA_NDN_BIT);
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_too_many_recipients);
    assert_int_equal(report_held(play, 0)->content.per_recipient_fields.count, 2);
}

static void unknown_peer_is_refused(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, BOB, WANTS_NDN);
    mts_accept_message(&play->run, 77, over_the_wire(play, envelope), 1, &play->out);
    assert_int_equal(play->out.result, MTS_INVALID);
    assert_int_equal(play->out.object_count, 0);
}

static void short_memory_decides_nothing(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, BOB, WANTS_REPORT);
    to(play, envelope, FRANK, WANTS_NDN);
    to(play, envelope, OURS "/S=nobody", WANTS_NDN);
    struct x411_MessageTransferEnvelope *received = over_the_wire(play, envelope);
    bool decided = false;
    for (size_t cap = 0; !decided && cap < 1 << 20; cap += 64) {
        struct arena arena;
        arena_init(&arena, cap);
        play->run.arena = &arena;
        mts_accept_message(&play->run, 0, received, 2000, &play->out);
        decided = play->out.result == MTS_DECIDED;
        if (!decided) {
            assert_int_equal(play->out.result, MTS_NO_MEMORY);
            assert_int_equal(play->out.object_count, 0);
        } else
            assert_int_equal(play->out.object_count, 2);
        arena_free(&arena);
    }
    assert_true(decided);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE(goes_on_to_the_next_domain),
        SCENE(untouched_parts_keep_their_octets),
        SCENE(one_copy_goes_to_each_next_hop),
        SCENE(repeat_is_the_same_octets),
        SCENE(nobody_at_our_address),
        SCENE(no_route_is_nobody),
        SCENE(priorities_have_their_lanes),
        SCENE(deferred_delivery_is_held_here),
        SCENE(a_peer_that_defers_holds_it),
        SCENE(a_deferral_that_is_over_defers_nothing),
        SCENE(an_only_copy_leaves_as_it_is_held),
        SCENE(latest_delivery_ends_the_trying),
        SCENE(internal_trace_stays_in_the_domain),
        SCENE(within_the_domain_no_second_element),
        SCENE(bilateral_information_is_added),
        SCENE(plans_of_former_versions_read),
        SCENE(probe_is_answered_and_passed_on),
        SCENE(too_many_recipients),
        SCENE(unknown_peer_is_refused),
        SCENE(extensions_go_in_their_old_form),
        SCENE(short_memory_decides_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
