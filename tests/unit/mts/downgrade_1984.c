/* What an MTA of 1984 gets (X.419 Annex B, RFC 1328). */
#include "names/dn.h"
#include "play.h"
#include "schema/x41184.h"

#define OLD "/C=US/A=MCI"

static struct x411_MessageTransferEnvelope *for_old(struct play *play) {
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, OLD "/S=smith", WANTS_NDN);
    return envelope;
}

static void is_refused(struct play *play, const struct x411_MessageTransferEnvelope *envelope) {
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_unable_to_downgrade);
}

static void what_1984_does_not_know_is_dropped(void **state) {
    struct play *play = *state;
    struct span extended = SPAN_LIT("\x2a\x03");
    struct x411_EncodedInformationTypes types = {
        .extended_encoded_information_types = {.items = &extended, .count = 1}};
    struct x411_MessageTransferEnvelope *envelope = for_old(play);
    visit(play, &envelope->trace_information, OTHER, REDIRECTED);
    assert_true(ber_bit_set(&types.built_in_encoded_information_types, 2, true, &play->arena));
    envelope->original_encoded_information_types = &types;
    extend_enumerated(play, &envelope->extensions, EXT_CONVERSION_WITH_LOSS_PROHIBITED, 1);
    extend_enumerated(play, &envelope->per_recipient_fields.items[0].extensions, 22, 1);
    indicate(play, envelope, 0);
    indicate(play, envelope, 3);
    indicate(play, envelope, 5);
    struct x411_PerDomainBilateralInformation bilateral[2] = {0};
    for (size_t i = 0; i < 2; i++) {
        bilateral[i].country_name.choice = x411_CountryName_iso_3166_alpha2_code;
        bilateral[i].country_name.u.iso_3166_alpha2_code = SPAN_LIT("US");
        bilateral[i].bilateral_information = SPAN_LIT("\x05\x00");
    }
    bilateral[0].domain.choice = x411_BilateralDomain_domain_private_domain;
    bilateral[0].domain.u.private_domain.administration_domain_name.choice =
        x411_AdministrationDomainName_printable;
    bilateral[0].domain.u.private_domain.administration_domain_name.u.printable = SPAN_LIT("MCI");
    bilateral[0].domain.u.private_domain.private_domain_identifier.choice =
        x411_PrivateDomainIdentifier_printable;
    bilateral[0].domain.u.private_domain.private_domain_identifier.u.printable = SPAN_LIT("P");
    bilateral[1].domain.choice = x411_BilateralDomain_domain_administration_domain_name;
    bilateral[1].domain.u.administration_domain_name.choice = x411_AdministrationDomainName_printable;
    bilateral[1].domain.u.administration_domain_name.u.printable = SPAN_LIT("MCI");
    envelope->per_domain_bilateral_information.items = bilateral;
    envelope->per_domain_bilateral_information.count = 2;
    arrives(play, "other", envelope);
    struct x411_MessageTransferEnvelope *sent = sent_to(play, "old");
    assert_int_equal(sent->per_domain_bilateral_information.count, 1);
    assert_int_equal(sent->per_domain_bilateral_information.items[0].domain.choice,
                     x411_BilateralDomain_domain_administration_domain_name);
    assert_int_equal(sent->extensions.count, 0);
    assert_int_equal(sent->per_recipient_fields.items[0].extensions.count, 0);
    assert_int_equal(sent->trace_information.count, 3);
    assert_null(sent->trace_information.items[1].domain_supplied_information.other_actions.octets.data);
    assert_int_equal(sent->original_encoded_information_types->extended_encoded_information_types.count, 0);
    assert_true(ber_bit(&sent->original_encoded_information_types->built_in_encoded_information_types, 0));
    assert_true(ber_bit(&sent->original_encoded_information_types->built_in_encoded_information_types, 2));
    assert_int_equal(sent->per_message_indicators.octets.data[0], 0x90);
    assert_int_equal(sent->content_type.u.built_in, 22);
    assert_true(subject_responsible(&sent->per_recipient_fields.items[0]));
}

static void a_decoder_of_1984_reads_it(void **state) {
    struct play *play = *state;
    struct buf out;
    struct ber_error error = {0};
    struct x41184_MPDU mpdu = {0};
    struct x411_MessageTransferEnvelope *envelope = for_old(play);
    visit(play, &envelope->trace_information, OTHER, DL_OPERATION);
    extend_enumerated(play, &envelope->extensions, EXT_CONVERSION_WITH_LOSS_PROHIBITED, 1);
    arrives(play, "other", envelope);
    struct mts_stored stored = stored_copy(play, "old", NULL);
    stored.content_length = 0;
    buf_init(&out, 0);
    assert_true(mts_outbound(&stored, &play->arena, &out));
    if (!ber_decode(&x41184_MPDU_type, buf_span(&out), &play->arena, NULL, &mpdu, &error))
        fail_msg("%s: %s", error.path, error.text);
    buf_free(&out);
}

static void critical_extensions_are_refused(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = for_old(play);
    extend_enumerated(play, &envelope->extensions, EXT_CONVERSION_WITH_LOSS_PROHIBITED, 1);
    struct x411_ExtensionField *field = &envelope->extensions.items[0];
    assert_true(ber_bit_set(&field->criticality, CRITICAL_FOR_DELIVERY, true, &play->arena));
    is_refused(play, envelope);
    envelope = for_old(play);
    extend_enumerated(play, &envelope->per_recipient_fields.items[0].extensions, 22, 1);
    field = &envelope->per_recipient_fields.items[0].extensions.items[0];
    assert_true(ber_bit_set(&field->criticality, CRITICAL_FOR_TRANSFER, true, &play->arena));
    is_refused(play, envelope);
}

/* X.419 B.2.8 (Microsoft's Q181947): a numeric user identifier or an X.121 address beside a PRMD. */
static void numeric_addresses_with_a_private_domain_are_refused(void **state) {
    struct play *play = *state;
    static const struct {
        const char *recipient;
        bool passes;
    } addresses[] = {{"/C=US/A=MCI/N-ID=123", true},
                     {"/C=US/A=MCI/X.121=3110", true},
                     {"/C=US/A=MCI/P=PRIV/N-ID=123", false},
                     {"/C=US/A=MCI/P=PRIV/X.121=3110", false},
                     {"/C=US/A=MCI/P=PRIV/S=bell", true}};
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        struct x411_MessageTransferEnvelope *envelope = message(play, FRANK, OTHER);
        to(play, envelope, addresses[i].recipient, WANTS_NDN);
        if (!addresses[i].passes)
            is_refused(play, envelope);
        else {
            arrives(play, "other", envelope);
            assert_non_null(find_copy(play, "old", NULL, NULL));
        }
    }
    struct x411_MessageTransferEnvelope *envelope = message(play, OTHER "/N-ID=7", OTHER);
    to(play, envelope, "/C=US/A=MCI/S=bell", WANTS_NDN);
    is_refused(play, envelope);
}

/* X.411 annex A: the content is the encoding of an EXTERNAL whose direct-reference is the content type. */
static void content_types_by_identifier_travel_as_external(void **state) {
    struct play *play = *state;
    struct ber_element external, oid, octets;
    struct x411_MessageTransferEnvelope *envelope = for_old(play);
    envelope->content_type.choice = x411_ContentType_extended;
    envelope->content_type.u.extended = SPAN_LIT("\x2a\x03");
    arrives(play, "beta", envelope);
    struct mts_stored stored = stored_copy(play, "old", NULL);
    struct x411_MTS_APDU *apdu = outbound(play, &stored);
    assert_int_equal(apdu->u.message.envelope.content_type.choice, x411_ContentType_built_in);
    assert_int_equal(apdu->u.message.envelope.content_type.u.built_in, 1);
    struct span all = apdu->u.message.content;
    assert_true(ber_element_read(all, &external, NULL));
    assert_int_equal(external.total, all.len);
    assert_int_equal(all.data[0], 0x28);
    struct span inside = ber_element_contents(all, &external);
    assert_true(ber_element_read(inside, &oid, NULL));
    assert_true(span_eq(span_sub(inside, 0, oid.total), SPAN_LIT("\x06\x02\x2a\x03")));
    struct span rest = span_sub(inside, oid.total, inside.len);
    assert_true(ber_element_read(rest, &octets, NULL));
    assert_int_equal(rest.data[0], 0x81);
    struct span value = ber_element_contents(rest, &octets);
    assert_int_equal(value.len, 2000);
    assert_int_equal(value.data[0], 'x');
    /* A peer behind which only P2 is understood gets none. */
    play->tables->hops[3].given.edition_1984_content_only = true;
    is_refused(play, envelope);
}

static bool opens(struct play *play, int peer, struct span content, uint64_t length) {
    struct span type;
    uint64_t offset;
    struct x411_MessageTransferEnvelope *envelope = for_old(play);
    envelope->content_type.u.built_in = x411_BuiltInContentType_external;
    if (!mts_external(play->tables, peer, envelope, content, length, &type, &offset))
        return false;
    assert_true(span_eq(type, SPAN_LIT("\x2a\x03")));
    assert_true(offset == content.len || content.data[offset] == 'x');
    return true;
}

/* The same from such a peer is the content type again. */
static void an_external_is_opened(void **state) {
    struct play *play = *state;
    const int old = 3;
    assert_true(opens(play, old, SPAN_LIT("\x28\x07\x06\x02\x2a\x03\x81\x01x"), 9));
    assert_true(opens(play, old, SPAN_LIT("\x28\x07\x06\x02\x2a\x03\xa0\x01x"), 9));
    /* A long one is judged by its beginning. */
    assert_true(opens(play, old, SPAN_LIT("\x28\x82\x01\x08\x06\x02\x2a\x03\x81\x82\x01\x00"), 268));
    assert_false(opens(play, old, SPAN_LIT("\x28\x82\x01\x08\x06\x02\x2a\x03\x81\x82\x01\x00"), 269));
    assert_false(opens(play, 0, SPAN_LIT("\x28\x07\x06\x02\x2a\x03\x81\x01x"), 9));
    static const struct span others[] = {
        SPAN_LIT(""),
        SPAN_LIT("\x28"),
        SPAN_LIT("\x30\x07\x06\x02\x2a\x03\x81\x01x"),
        SPAN_LIT("\x28\x08\x06\x02\x2a\x03\x81\x01x"),
        SPAN_LIT("\x28\x06\x06\x02\x2a\x03\x81\x01x"),
        SPAN_LIT("\x28\x80\x06\x02\x2a\x03\x81\x01x\x00\x00"),
        SPAN_LIT("\x28\x07\x06\x02\x2a\x83\x81\x01x"),
        SPAN_LIT("\x28\x07\x06\x02\x2a\x03\x82\x01x"),
        SPAN_LIT("\x28\x07\x06\x02\x2a\x03\x81\x00x"),
        SPAN_LIT("\x28\x05\x06\x7f\x2a\x03x"),
        SPAN_LIT("\x28\x06\x06\x02\x2a\x03\x81\x00"),
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(opens(play, old, others[i], others[i].len));
}

static void an_extension_that_repeats_a_printable_one_goes(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    recipient_fields *recipient = to(play, envelope, OLD "/O=Bank/S=smith", WANTS_NDN);
    struct x411_ORName teletex = name_of(play, OLD "/O=B\303\244nk/S=smith");
    assert_int_equal(teletex.extension_attributes.count, 1);
    recipient->recipient_name.extension_attributes = teletex.extension_attributes;
    arrives(play, "beta", envelope);
    const struct x411_ORName *name = &sent_to(play, "old")->per_recipient_fields.items[0].recipient_name;
    assert_int_equal(name->extension_attributes.count, 0);
    assert_name(play, name, OLD "/O=Bank/S=smith");
    /* Alone it can't be left out. */
    recipient->recipient_name = teletex;
    is_refused(play, envelope);
}

static void directory_names_are_dropped(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = for_old(play);
    struct x501_Name name = {.choice = x501_Name_rdnSequence};
    envelope->originator_name.directory_name = &name;
    envelope->per_recipient_fields.items[0].recipient_name.directory_name = &name;
    arrives(play, "beta", envelope);
    struct x411_MessageTransferEnvelope *sent = sent_to(play, "old");
    assert_null(sent->originator_name.directory_name);
    assert_null(sent->per_recipient_fields.items[0].recipient_name.directory_name);
}

/* ---- RFC 1328 ---- */

#define RELAY  OURS "/O=MHS-Relay"
#define POSTAL OLD "/PD-SN=post/PD-C=US/PD-PC=10118/PD-S=350 5th Ave"

static void play_relay(struct play *play) {
    struct error err = {0};
    struct mts_self self = {.domain = OURS, .mta_name = "alpha-1", NUMBERS_OF_SELF, .rfc1328_address = RELAY};
    mts_tables_free(play->tables);
    play->tables = mts_tables_new(&self, &err);
    assert_non_null(play->tables);
    play->run.tables = play->tables;
    add_hop(play, (struct mts_hop){.name = "beta", .domain = BETA, .transit = true});
    add_hop(play, (struct mts_hop){.name = "old",
                                   .domain = OLD,
                                   .edition = MTS_EDITION_1984,
                                   .rfc1328 = true,
                                   .transit = true,
                                   .physical_delivery = true});
    add_route(play, BETA, "beta");
    add_route(play, OURS, NULL);
    add_route(play, OLD, "old");
    add_user(play, OURS "/CN=Postmaster", (struct mts_user){.mailbox = "postmaster"});
}

static void other_addresses_go_below_our_own(void **state) {
    struct play *play = *state;
    play_relay(play);
    struct x411_MessageTransferEnvelope *envelope = message(play, BETA "/CN=Dieter/PD-C=DE", BETA);
    to(play, envelope, POSTAL, WANTS_NDN);
    arrives(play, "beta", envelope);
    struct x411_MessageTransferEnvelope *sent = sent_to(play, "old");
    const struct x411_ORName *name = &sent->per_recipient_fields.items[0].recipient_name;
    assert_name(play, name,
                RELAY "/DDA:X400-88=$/PD-STREET$=350 5th Ave$/PD-CODE$=10118$/PD-C$=US$/PD-SERVICE$=post"
                      "$/ADMD$=MCI$/C$=US$/");
    /* And come back from it: the originator's too. */
    struct x411_MessageTransferEnvelope *back = message(play, OLD "/S=smith", OLD);
    recipient_fields *recipient = to(play, back, BOB, WANTS_NDN);
    recipient->recipient_name = sent->originator_name;
    arrives(play, "old", back);
    assert_name(play, &sent_to(play, "beta")->per_recipient_fields.items[0].recipient_name,
                BETA "/CN=Dieter/PD-C=DE");
}

static void common_names_come_back(void **state) {
    struct play *play = *state;
    play_relay(play);
    struct x411_MessageTransferEnvelope *envelope = message(play, OLD "/DDA:Common=Smith", OLD);
    to(play, envelope, OURS "/DDA:Common=Postmaster", WANTS_NDN);
    to(play, envelope, DIETER, WANTS_NDN);
    arrives(play, "old", envelope);
    assert_non_null(find_copy(play, NULL, "postmaster", NULL));
    assert_name(play, &sent_to(play, "beta")->originator_name, OLD "/CN=Smith");
    /* From others the attribute is what it says. */
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_unrecognised_OR_name);
}

static void reports_cross_both_ways(void **state) {
    struct play *play = *state;
    play_relay(play);
    struct x411_MessageTransferEnvelope *envelope = message(play, OLD "/DDA:Common=Smith", OLD);
    to(play, envelope, OURS "/CN=nobody", WANTS_NDN);
    arrives(play, "old", envelope);
    struct mts_stored stored = stored_copy(play, "old", NULL);
    struct x411_Report *sent = &outbound(play, &stored)->u.report;
    assert_name(play, &sent->envelope.report_destination_name, OLD "/DDA:Common=Smith");
    assert_name(play, &reported(sent, 1)->actual_recipient_name, OURS "/DDA:Common=nobody");
    sent->envelope.report_destination_name = name_of(play, OURS "/DDA:Common=Postmaster");
    sent->envelope.trace_information.count = 0;
    visit(play, &sent->envelope.trace_information, OLD, VISIT);
    mts_accept_report(&play->run, 1, sent, &play->out);
    assert_int_equal(play->out.result, MTS_DECIDED);
    assert_non_null(find_copy(play, NULL, "postmaster", NULL));
    assert_name(play, &reported(report_held(play, 0), 1)->actual_recipient_name, OURS "/CN=nobody");
}

static void the_address_must_be_one_of_1984(void **state) {
    static const char *const wrong[] = {"rubbish", "", RELAY "/CN=x", RELAY "/DDA:a=b"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct mts_self self = {.domain = OURS, .mta_name = "a", .rfc1328_address = wrong[i]};
        assert_null(mts_tables_new(&self, NULL));
    }
}

static void common_names_need_rfc_1328(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, OLD "/CN=Postmaster", WANTS_NDN);
    is_refused(play, envelope);
    play->tables->hops[3].given.rfc1328 = true;
    arrives(play, "beta", envelope);
    struct x411_ORName *name = &sent_to(play, "old")->per_recipient_fields.items[0].recipient_name;
    assert_int_equal(name->extension_attributes.count, 0);
    assert_int_equal(name->built_in_domain_defined_attributes.count, 1);
    assert_true(span_eq(name->built_in_domain_defined_attributes.items[0].type, SPAN_LIT("Common")));
    assert_true(span_eq(name->built_in_domain_defined_attributes.items[0].value, SPAN_LIT("Postmaster")));
    /* The originator's address counts too. */
    play->tables->hops[3].given.rfc1328 = false;
    envelope = for_old(play);
    envelope->originator_name = name_of(play, BETA "/CN=Dieter");
    is_refused(play, envelope);
    /* Other extension attributes are beyond it. */
    play->tables->hops[3].given.rfc1328 = true;
    envelope = message(play, DIETER, BETA);
    to(play, envelope, OLD "/PD-SERVICE=post/PD-COUNTRY=US/PD-CODE=1/CN=x", WANTS_NDN);
    is_refused(play, envelope);
}

static void other_copies_recipients_may_be_left_out(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, OTHER "/CN=Frank", WANTS_NDN);
    to(play, envelope, OLD "/S=smith", WANTS_NDN);
    arrives(play, "beta", envelope);
    struct x411_MessageTransferEnvelope *sent = sent_to(play, "old");
    assert_int_equal(sent->per_recipient_fields.count, 1);
    assert_int_equal(sent->per_recipient_fields.items[0].originally_specified_recipient_number, 2);
    assert_int_equal(sent_to(play, "other")->per_recipient_fields.count, 2);
}

static void reports_in_the_terms_of_1984(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = message(play, OLD "/S=smith", OLD);
    struct mts_restriction nobody[] = {{false, 0, NULL}};
    add_user(play, BOB, (struct mts_user){.mailbox = "bob", .restrictions = nobody, .restriction_count = 1});
    struct x411_EncodedInformationTypes types = {0};
    assert_true(ber_bit_set(&types.built_in_encoded_information_types, 2, true, &play->arena));
    envelope->original_encoded_information_types = &types;
    add_dl(play, (struct mts_dl){.address = OURS "/S=staff", .expansion_is_delivery = true}, ALICE, NULL);
    static const char *const p2[] = {"p2"};
    add_user(play, OURS "/S=old", (struct mts_user){.mailbox = "old", .content_types = {p2, 1}});
    to(play, envelope, BOB, WANTS_AUDIT);
    to(play, envelope, OURS "/S=nobody", WANTS_AUDIT);
    to(play, envelope, OURS "/S=old", WANTS_AUDIT);
    to(play, envelope, OURS "/S=staff", WANTS_AUDIT);
    arrives(play, "old", envelope);
    const struct x411_TraceInformation *before =
        &report_held(play, 0)->content.subject_intermediate_trace_information;
    assert_int_equal(before->count, 1);
    assert_non_null(report_held(play, 0)->content.original_encoded_information_types);
    assert_not_delivered(play, 1, x411_NonDeliveryReasonCode_restricted_delivery, -1);
    struct mts_stored stored = stored_copy(play, "old", NULL);
    struct x411_Report *sent = &outbound(play, &stored)->u.report;
    assert_int_equal(sent->envelope.extensions.count, 0);
    assert_null(sent->content.content_type);
    const struct x411_ReportType *bob = &reported(sent, 1)->last_trace_information.report_type;
    assert_int_equal(bob->u.non_delivery.non_delivery_reason_code, UNABLE);
    const struct x411_ReportType *other = &reported(sent, 2)->last_trace_information.report_type;
    assert_int_equal(other->u.non_delivery.non_delivery_diagnostic_code, 0);
    assert_null(sent->content.original_encoded_information_types);
    /* Diagnostics end at 11 in 1984, and nobody but a user of a UA gets anything. */
    const struct x411_ReportType *old = &reported(sent, 3)->last_trace_information.report_type;
    assert_int_equal(old->u.non_delivery.non_delivery_reason_code, UNABLE);
    assert_false(old->u.non_delivery.has_non_delivery_diagnostic_code);
    const struct x411_ReportType *staff = &reported(sent, 4)->last_trace_information.report_type;
    assert_int_equal(staff->choice, x411_ReportType_delivery);
    assert_int_equal(staff->u.delivery.type_of_MTS_user, x411_TypeOfMTSUser_private);
}

static struct x411_Report *report_for(struct play *play, const char *destination) {
    struct x411_Report *report = arena_alloc(&play->arena, sizeof *report);
    struct x411_PerRecipientReportTransferFields *fields = arena_alloc(&play->arena, sizeof *fields);
    report->envelope.report_identifier.global_domain_identifier = domain_named(play, BETA);
    report->envelope.report_identifier.local_identifier = SPAN_LIT("r-1");
    report->envelope.report_destination_name = name_of(play, destination);
    visit(play, &report->envelope.trace_information, BETA, VISIT);
    report->content.subject_identifier = report->envelope.report_identifier;
    visit(play, &report->content.subject_intermediate_trace_information, OTHER, REDIRECTED);
    fields->actual_recipient_name = name_of(play, DIETER);
    fields->originally_specified_recipient_number = 1;
    fields->per_recipient_indicators = bits(play, WANTS_AUDIT);
    fields->last_trace_information.arrival_time = utc(play, NOW);
    fields->last_trace_information.report_type.choice = x411_ReportType_non_delivery;
    report->content.per_recipient_fields.items = fields;
    report->content.per_recipient_fields.count = 1;
    return report;
}

static void knows_dieter(void *context, struct mts_answer *answer) {
    answer->address = *(const bool *)context ? DIETER : NULL;
}

/* An actual recipient by directory name alone would be an empty name to 1984, which its MTAs throw away
 * (Microsoft's Q188597): the address is looked up, and without one the report ends, and says so. */
static void reported_directory_names_get_their_address(void **state) {
    struct play *play = *state;
    struct x501_Name name = {0};
    for (int known = 1; known >= 0; known--) {
        bool knows = known;
        struct x411_Report *report = report_for(play, OLD "/S=smith");
        assert_true(dn_parse(SPAN_LIT("CN=Dieter,C=DE"), &play->arena, &name, NULL));
        report->content.per_recipient_fields.items[0].actual_recipient_name =
            (struct x411_ORName){.directory_name = &name};
        play->find = knows_dieter;
        play->find_context = &knows;
        play->run.answer_count = 0;
        do
            mts_accept_report(&play->run, 0, report, &play->out);
        while (again(play, &play->out));
        if (!known) {
            assert_null(find_copy(play, "old", NULL, NULL));
            assert_non_null(event_of(play, MTS_EVENT_DISCARDED)->text);
            continue;
        }
        struct mts_stored stored = stored_copy(play, "old", NULL);
        struct x411_Report *sent = &outbound(play, &stored)->u.report;
        assert_name(play, &sent->content.per_recipient_fields.items[0].actual_recipient_name, DIETER);
    }
}

/* A report that must not be downgraded ends; by hand it is not sent where it would. */
static void a_report_that_does_not_fit(void **state) {
    struct play *play = *state;
    struct x411_Report *report = report_for(play, OLD "/S=smith");
    mts_accept_report(&play->run, 0, report, &play->out);
    struct mts_stored stored = stored_copy(play, "old", NULL);
    struct x411_Report *sent = &outbound(play, &stored)->u.report;
    assert_null(sent->content.subject_intermediate_trace_information.items[0]
                    .domain_supplied_information.other_actions.octets.data);
    extend_enumerated(play, &report->envelope.extensions, EXT_REPORTING_MTA_NAME, 0);
    assert_true(ber_bit_set(&report->envelope.extensions.items[0].criticality, CRITICAL_FOR_DELIVERY, true,
                            &play->arena));
    mts_accept_report(&play->run, 0, report, &play->out);
    assert_int_equal(play->out.object_count, 0);
    assert_non_null(event_of(play, MTS_EVENT_DISCARDED));
    report->envelope.report_destination_name = name_of(play, FRANK);
    mts_accept_report(&play->run, 0, report, &play->out);
    stored = stored_copy(play, "other", NULL);
    struct mts_rerouting by_hand = {.attempted = -1, .wanted = mts_hop_number(play->tables, "old")};
    mts_reroute(&play->run, &stored, &by_hand, &play->out);
    assert_int_equal(play->out.result, MTS_DECIDED);
    assert_int_equal(play->out.object_count, 0);
    assert_int_equal(play->out.event_count, 0); /* it stays where it is */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE(what_1984_does_not_know_is_dropped),
        SCENE(a_decoder_of_1984_reads_it),
        SCENE(critical_extensions_are_refused),
        SCENE(numeric_addresses_with_a_private_domain_are_refused),
        SCENE(content_types_by_identifier_travel_as_external),
        SCENE(an_external_is_opened),
        SCENE(an_extension_that_repeats_a_printable_one_goes),
        SCENE(directory_names_are_dropped),
        SCENE(other_addresses_go_below_our_own),
        SCENE(common_names_come_back),
        SCENE(reports_cross_both_ways),
        SCENE(the_address_must_be_one_of_1984),
        SCENE(common_names_need_rfc_1328),
        SCENE(other_copies_recipients_may_be_left_out),
        SCENE(reports_in_the_terms_of_1984),
        SCENE(a_report_that_does_not_fit),
        SCENE(reported_directory_names_get_their_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
