/* Refusals: lengths, types, conversion, methods, restrictions, criticality, bilateral agreement. */
#include "play.h"

enum {
    CONVERSION = x411_NonDeliveryReasonCode_conversion_not_performed,
    RESTRICTED = x411_NonDeliveryReasonCode_restricted_delivery,
    NO_PD = x411_NonDeliveryReasonCode_physical_delivery_not_performed,
    NO_RENDITION = x411_NonDeliveryReasonCode_physical_rendition_not_performed
};
#define DIAGNOSTIC(name) x411_NonDeliveryDiagnosticCode_##name

static struct x411_MessageTransferEnvelope *for_whom(struct play *play, const char *address) {
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, address, WANTS_NDN);
    return envelope;
}

static void set_types(struct play *play, struct x411_MessageTransferEnvelope *envelope, unsigned bit) {
    struct x411_EncodedInformationTypes *types = arena_alloc(&play->arena, sizeof *types);
    assert_true(ber_bit_set(&types->built_in_encoded_information_types, bit, true, &play->arena));
    envelope->original_encoded_information_types = types;
}
enum { TELEX = 1, IA5 = 2, G3 = 3, TELETEX = 5, VOICE = 7 };

static void content_length(void **state) {
    struct play *play = *state;
    add_user(play, BOB, (struct mts_user){.mailbox = "bob", .max_length = 1999});
    arrives(play, "beta", for_whom(play, BOB));
    assert_not_delivered(play, 1, UNABLE, DIAGNOSTIC(content_too_long));
    add_user(play, BOB, (struct mts_user){.mailbox = "bob", .max_length = 2000});
    arrives(play, "beta", for_whom(play, BOB));
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    add_hop(play, (struct mts_hop){.name = "small", .domain = "/C=IT/A=M", .max_length = 1999});
    add_route(play, "/C=IT", "small");
    arrives(play, "beta", for_whom(play, "/C=IT/A=M/S=x"));
    assert_not_delivered(play, 1, UNABLE, DIAGNOSTIC(content_too_long));
}

static void content_type(void **state) {
    struct play *play = *state;
    static const char *const accepted[] = {"p2", "2.6.1.10.9"};
    add_user(play, BOB, (struct mts_user){.mailbox = "bob", .content_types = {accepted, 2}});
    struct x411_MessageTransferEnvelope *envelope = for_whom(play, BOB);
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, DIAGNOSTIC(content_type_not_supported));
    envelope->content_type.u.built_in = 2;
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    envelope->content_type.choice = x411_ContentType_extended;
    envelope->content_type.u.extended = SPAN_LIT("\x56\x01\x0a\x09");
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
}

static void security_labels(void **state) {
    struct play *play = *state;
    static const char *const cleared[] = {"1.2.3/secret/1.2.4:0500", "unmarked"};
    struct x411_SecurityCategory category = {.type = SPAN_LIT("\x2a\x04"), .value = SPAN_LIT("\x05\x00")};
    struct x411_SecurityLabel label = {.security_policy_identifier = SPAN_LIT("\x2a\x03"),
                                       .has_security_classification = true,
                                       .security_classification = x411_SecurityClassification_secret};
    add_user(play, BOB, (struct mts_user){.mailbox = "bob", .labels = {cleared, 2}});
    struct x411_MessageTransferEnvelope *envelope = for_whom(play, BOB);
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    extend(play, &envelope->extensions, EXT_MESSAGE_SECURITY_LABEL, &x411_SecurityLabel_type, &label, 0);
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, x411_NonDeliveryReasonCode_transfer_failure_for_security_reason,
                         DIAGNOSTIC(security_policy_violation));
    label.security_categories.items = &category;
    label.security_categories.count = 1;
    extend(play, &envelope->extensions, EXT_MESSAGE_SECURITY_LABEL, &x411_SecurityLabel_type, &label, 0);
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
}

static void peers_recipient_limit(void **state) {
    struct play *play = *state;
    add_hop(play, (struct mts_hop){.name = "small", .domain = "/C=IT/A=M", .max_recipients = 1});
    add_route(play, "/C=IT", "small");
    struct x411_MessageTransferEnvelope *envelope = for_whom(play, "/C=IT/A=M/S=x");
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, "small", NULL, NULL));
    to(play, envelope, FRANK, WANTS_NDN);
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, DIAGNOSTIC(too_many_recipients));
}

static void types_that_nobody_converts(void **state) {
    struct play *play = *state;
    static const char *const ia5[] = {"ia5-text"}, *const telex[] = {"telex"};
    add_user(play, BOB, (struct mts_user){.mailbox = "bob", .eits = {ia5, 1}});
    struct x411_MessageTransferEnvelope *envelope = for_whom(play, BOB);
    arrives(play, "beta", envelope); /* no types given: none to refuse */
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    set_types(play, envelope, IA5);
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    set_types(play, envelope, VOICE); /* X.408 knows no conversion */
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, DIAGNOSTIC(encoded_information_types_unsupported));
    set_types(play, envelope, TELEX); /* X.408 knows one, we have no converter */
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, CONVERSION, DIAGNOSTIC(conversion_impractical));
    extend_enumerated(play, &envelope->extensions, EXT_CONVERSION_WITH_LOSS_PROHIBITED,
                      1); /* it would lose nothing */
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, CONVERSION, DIAGNOSTIC(conversion_impractical));
    indicate(play, envelope, x411_PerMessageIndicators_implicit_conversion_prohibited);
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, CONVERSION, DIAGNOSTIC(implicit_conversion_prohibited));
    envelope = for_whom(play, BOB);
    set_types(play, envelope, IA5);
    extend_enumerated(play, &envelope->extensions, EXT_CONVERSION_WITH_LOSS_PROHIBITED, 1);
    add_user(play, BOB, (struct mts_user){.mailbox = "bob", .eits = {telex, 1}});
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, CONVERSION, DIAGNOSTIC(conversion_with_loss_prohibited));
    add_user(play, BOB,
             (struct mts_user){.mailbox = "bob", .eits = {telex, 1}, .no_implicit_conversion = true});
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, DIAGNOSTIC(implicit_conversion_not_subscribed));
}

static void extended_types(void **state) {
    struct play *play = *state;
    static const char *const accepted[] = {"2.6.3.4.2", "1.2.3"};
    struct span extended = SPAN_LIT("\x2a\x03");
    add_user(play, BOB, (struct mts_user){.mailbox = "bob", .eits = {accepted, 2}});
    struct x411_MessageTransferEnvelope *envelope = for_whom(play, BOB);
    set_types(play, envelope, IA5); /* the built-in type's object identifier */
    struct x411_EncodedInformationTypes *types = envelope->original_encoded_information_types;
    types->extended_encoded_information_types.items = &extended;
    types->extended_encoded_information_types.count = 1;
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    extended = SPAN_LIT("\x2a\x04");
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, DIAGNOSTIC(encoded_information_types_unsupported));
}

/* What counts is what the content is now, not what it was. */
static void types_after_a_conversion(void **state) {
    struct play *play = *state;
    static const char *const ia5[] = {"ia5-text"};
    add_user(play, BOB, (struct mts_user){.mailbox = "bob", .eits = {ia5, 1}});
    struct x411_MessageTransferEnvelope *envelope = for_whom(play, BOB);
    set_types(play, envelope, TELEX);
    struct x411_EncodedInformationTypes converted = {0};
    assert_true(ber_bit_set(&converted.built_in_encoded_information_types, IA5, true, &play->arena));
    envelope->trace_information.items[0].domain_supplied_information.converted_encoded_information_types =
        &converted;
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    /* The explicit conversion has been done. */
    envelope->per_recipient_fields.items[0].has_explicit_conversion = true;
    envelope->per_recipient_fields.items[0].explicit_conversion = 11; /* teletex-to-ia5-text */
    set_types(play, envelope, TELETEX);
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    set_types(play, envelope, IA5);
    converted = (struct x411_EncodedInformationTypes){0};
    assert_true(ber_bit_set(&converted.built_in_encoded_information_types, VOICE, true, &play->arena));
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, DIAGNOSTIC(encoded_information_types_unsupported));
}

static void explicit_conversion_is_the_last_mtas(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = for_whom(play, BOB);
    to(play, envelope, FRANK, WANTS_NDN);
    for (size_t i = 0; i < 2; i++) {
        envelope->per_recipient_fields.items[i].has_explicit_conversion = true;
        envelope->per_recipient_fields.items[i].explicit_conversion = 8; /* ia5-text-to-g3-facsimile */
    }
    set_types(play, envelope, IA5);
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, CONVERSION, DIAGNOSTIC(conversion_impractical));
    assert_int_equal(sent_to(play, "other")->per_recipient_fields.items[1].explicit_conversion, 8);
    set_types(play, envelope, TELETEX); /* nothing there to convert */
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
}

static void request_methods(struct play *play, struct x411_MessageTransferEnvelope *envelope, int64_t first,
                            int64_t second) {
    int64_t methods[] = {first, second};
    struct x411_RequestedDeliveryMethod list = {.items = methods, .count = second < 0 ? 1 : 2};
    extend(play, &envelope->per_recipient_fields.items[0].extensions, EXT_REQUESTED_DELIVERY_METHOD,
           &x411_RequestedDeliveryMethod_type, &list, 0);
}

static void delivery_methods(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = for_whom(play, BOB);
    request_methods(play, envelope, 2, 1);
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    request_methods(play, envelope, 0, -1);
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    /* It "states only a preference" (TC 5 to ISO 10021-4): nothing is refused for it. */
    request_methods(play, envelope, 2, -1);
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    request_methods(play, envelope, 3, 5);
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
}

static void physical_delivery_without_a_pdau(void **state) {
    struct play *play = *state;
    const char *postal = OURS "/PD-SERVICE=post/PD-COUNTRY=GB/PD-CODE=N1/PD-PERSON=Bob";
    arrives(play, "beta", for_whom(play, postal));
    assert_not_delivered(play, 1, NO_PD, -1);
    /* Nor behind another MTA of the domain, unless it is said to be there. */
    const char *inner = OURS "/O=inner/PD-SERVICE=post/PD-COUNTRY=GB/PD-CODE=N1/PD-PERSON=Bob";
    arrives(play, "beta", for_whom(play, inner));
    assert_not_delivered(play, 1, NO_PD, -1);
    play->tables->hops[mts_hop_number(play->tables, "inner")].given.physical_delivery = true;
    arrives(play, "beta", for_whom(play, inner));
    assert_non_null(find_copy(play, "inner", NULL, NULL));
    /* Physical delivery fields go along to those who may serve them. */
    struct x411_MessageTransferEnvelope *envelope =
        for_whom(play, OTHER "/PD-SERVICE=post/PD-COUNTRY=FR/PD-CODE=75/PD-PERSON=Jean");
    struct span rendition = x411_id_att_physicalRendition_no_cover_page;
    extend(play, &envelope->per_recipient_fields.items[0].extensions, EXT_PHYSICAL_RENDITION_ATTRIBUTES,
           &x411_PhysicalRenditionAttributes_type, &rendition, FOR_DELIVERY);
    arrives(play, "beta", envelope);
    assert_int_equal(sent_to(play, "other")->per_recipient_fields.items[0].extensions.count, 1);
}

/* Each extension that asks something of a physical delivery (X.411 §8.2.1.1.1.15 to 22), as it is critical
 * for delivery: a mailbox is no access unit. 7 to 12 and 14 stand in a recipient's fields, 13 in all
 * recipients'. */
static void physical_delivery_is_asked_of_a_mailbox(void **state) {
    struct play *play = *state;
    const struct span any = SPAN_LIT("\x02\x01\x00");
    for (int number = 7; number <= 14; number++)
        for (unsigned critical = 0; critical <= FOR_DELIVERY; critical += FOR_DELIVERY) {
            struct x411_MessageTransferEnvelope *envelope = for_whom(play, BOB);
            struct x411_Extensions *extensions = number == EXT_ORIGINATOR_RETURN_ADDRESS
                                                     ? &envelope->extensions
                                                     : &envelope->per_recipient_fields.items[0].extensions;
            assert_true(extension_set(&play->arena, extensions, number, any));
            if (critical)
                assert_true(ber_bit_set(&extensions->items[0].criticality, CRITICAL_FOR_DELIVERY, true,
                                        &play->arena));
            arrives(play, "beta", envelope);
            if (critical)
                assert_not_delivered(play, 1, NO_RENDITION, DIAGNOSTIC(unsupported_critical_function));
            else
                assert_non_null(find_copy(play, NULL, "bob", NULL));
        }
}

static void restricted_delivery(void **state) {
    struct play *play = *state;
    struct mts_restriction list[] = {{true, MTS_ORIGINATED_BY, BETA "/S=eva"}, {false, 0, NULL}};
    add_user(play, BOB, (struct mts_user){.mailbox = "bob", .restrictions = list, .restriction_count = 2});
    struct x411_MessageTransferEnvelope *envelope = for_whom(play, BOB);
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, RESTRICTED, -1);
    envelope->originator_name = name_of(play, EVA);
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    /* What a list sends is judged by the list's name. */
    struct mts_restriction no_lists[] = {{false, MTS_DL_EXPANDED_BY, NULL}};
    add_user(play, BOB,
             (struct mts_user){.mailbox = "bob", .restrictions = no_lists, .restriction_count = 1});
    add_dl(play, (struct mts_dl){.address = OURS "/CN=staff"}, BOB, NULL);
    arrives(play, "beta", for_whom(play, BOB));
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    arrives(play, "beta", for_whom(play, OURS "/CN=staff"));
    assert_not_delivered(play, 1, RESTRICTED, -1);
}

/* Who redirected a copy may be restricted, whatever holds for the user's other copies of the message. */
static void who_is_named_often_is_judged_by_who_redirected(void **state) {
    struct play *play = *state;
    struct mts_restriction not_from_eva[] = {{false, MTS_REDIRECTED_BY, EVA}};
    struct x411_Redirection item = {.redirection_reason =
                                        x411_RedirectionReason_recipient_assigned_alternate_recipient};
    item.intended_recipient_name.intended_recipient = name_of(play, EVA);
    item.intended_recipient_name.redirection_time = utc(play, NOW - 60);
    struct x411_RedirectionHistory history = {.items = &item, .count = 1};
    add_user(play, BOB,
             (struct mts_user){.mailbox = "bob", .restrictions = not_from_eva, .restriction_count = 1});
    for (size_t redirected = 0; redirected < 3; redirected++) {
        struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
        for (size_t i = 0; i < 3; i++) {
            recipient_fields *fields = to(play, envelope, BOB, WANTS_NDN);
            if (i == redirected)
                extend(play, &fields->extensions, EXT_REDIRECTION_HISTORY, &x411_RedirectionHistory_type,
                       &history, 0);
        }
        arrives(play, "beta", envelope);
        assert_non_null(find_copy(play, NULL, "bob", NULL));
        assert_not_delivered(play, (int64_t)redirected + 1, RESTRICTED, -1);
        assert_int_equal(report_held(play, 0)->content.per_recipient_fields.count, 1);
    }
}

static void add_unknown(struct play *play, struct x411_Extensions *extensions, unsigned critical) {
    struct span value = SPAN_LIT("\x05\x00");
    assert_true(extension_set(&play->arena, extensions, 200, value));
    struct x411_ExtensionField *field = (struct x411_ExtensionField *)extension_find(extensions, 200);
    assert_true(ber_bit_set(&field->criticality, critical - 1, true, &play->arena));
}

static void criticality_of_the_message(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = for_whom(play, FRANK);
    add_unknown(play, &envelope->extensions, FOR_TRANSFER);
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, DIAGNOSTIC(unsupported_critical_function));
    envelope = for_whom(play, FRANK);
    add_unknown(play, &envelope->extensions, FOR_DELIVERY); /* not ours to judge: we don't deliver it */
    add_unknown(play, &envelope->per_recipient_fields.items[0].extensions, FOR_DELIVERY);
    arrives(play, "beta", envelope);
    assert_int_equal(sent_to(play, "other")->extensions.count, 1);
    envelope = for_whom(play, BOB);
    add_unknown(play, &envelope->extensions, FOR_DELIVERY);
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, DIAGNOSTIC(unsupported_critical_function));
    envelope = for_whom(play, BOB);
    add_unknown(play, &envelope->extensions, FOR_SUBMISSION); /* has no meaning in P1 */
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
}

static void proof_of_delivery(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = for_whom(play, BOB);
    struct x411_Extensions *extensions = &envelope->per_recipient_fields.items[0].extensions;
    const int64_t yes = x411_ProofOfDeliveryRequest_proof_of_delivery_requested;
    extend(play, extensions, EXT_PROOF_OF_DELIVERY_REQUEST, &x411_ProofOfDeliveryRequest_type, &yes, 0);
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    extend(play, extensions, EXT_PROOF_OF_DELIVERY_REQUEST, &x411_ProofOfDeliveryRequest_type, &yes,
           FOR_DELIVERY);
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, DIAGNOSTIC(unsupported_critical_function));
    envelope->per_recipient_fields.items[0].recipient_name = name_of(play, FRANK);
    arrives(play, "beta", envelope);
    assert_int_equal(sent_to(play, "other")->per_recipient_fields.items[0].extensions.count, 1);
}

/* Lengths longer than they need be, an indefinite one and an unused bit that is set: as they came. */
static void unknown_extensions_pass_octet_for_octet(void **state) {
    struct play *play = *state;
    const struct span odd[] = {
        SPAN_LIT("\x30\x80\x80\x02\x00\xC8\xA2\x80\x24\x80\x04\x81\x01x\x00\x00\x00\x00\x00\x00"),
        SPAN_LIT("\x30\x81\x0F\x83\x81\x02\x2A\x03\x81\x02\x05\x1F\xA2\x04\x30\x82\x00\x00"),
    };
    struct x411_ExtensionField fields[] = {{.raw = odd[0]}, {.raw = odd[1]}};
    struct x411_MessageTransferEnvelope *envelope = for_whom(play, FRANK);
    envelope->extensions = (struct x411_Extensions){.items = fields, .count = 2};
    envelope->per_recipient_fields.items[0].extensions = envelope->extensions;
    arrives(play, "beta", envelope);
    struct x411_MessageTransferEnvelope *sent = sent_to(play, "other");
    const struct x411_Extensions *places[] = {&sent->extensions,
                                              &sent->per_recipient_fields.items[0].extensions};
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < 2; k++) {
            assert_true(places[i]->count >= 2);
            assert_true(span_eq(places[i]->items[k].raw, odd[k]));
        }
}

static void criticality_of_one_recipient(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = for_whom(play, FRANK);
    to(play, envelope, OTHER "/S=gerd", WANTS_NDN);
    add_unknown(play, &envelope->per_recipient_fields.items[0].extensions, FOR_TRANSFER);
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, DIAGNOSTIC(unsupported_critical_function));
    assert_int_equal(report_held(play, 0)->content.per_recipient_fields.count, 1);
    assert_true(subject_responsible(&sent_to(play, "other")->per_recipient_fields.items[1]));
    envelope = for_whom(play, BOB);
    add_unknown(play, &envelope->per_recipient_fields.items[0].extensions, FOR_DELIVERY);
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, DIAGNOSTIC(unsupported_critical_function));
}

/* A standard extension that has no meaning in a message's envelope is an unknown one there. */
static void standard_extensions_that_are_known(void **state) {
    struct play *play = *state;
    static const int unknown[] = {21, 27, 29, 31, 32, 33, 34, 35, 36, 37, 47};
    size_t next = 0;
    for (int number = 1; number <= 47; number++) {
        struct x411_MessageTransferEnvelope *envelope = for_whom(play, FRANK);
        assert_true(extension_set(&play->arena, &envelope->extensions, number, SPAN_LIT("\x05\x00")));
        assert_true(ber_bit_set(&envelope->extensions.items[0].criticality, CRITICAL_FOR_TRANSFER, true,
                                &play->arena));
        arrives(play, "beta", envelope);
        if (number == unknown[next]) {
            assert_not_delivered(play, 1, UNABLE, DIAGNOSTIC(unsupported_critical_function));
            next++;
        } else
            assert_non_null(find_copy(play, "other", NULL, NULL));
    }
    assert_int_equal(next, sizeof unknown / sizeof *unknown);
}

static void service_message_needs_an_agreement(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = for_whom(play, FRANK);
    indicate(play, envelope, x411_PerMessageIndicators_service_message);
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, DIAGNOSTIC(no_bilateral_agreement));
    play->tables->hops[2].given.service_messages = true;
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, "other", NULL, NULL));
    /* Within the domain none is needed. */
    envelope = for_whom(play, OURS "/O=inner/S=ivo");
    indicate(play, envelope, x411_PerMessageIndicators_service_message);
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, "inner", NULL, NULL));
}

static void only_p2_is_understood_there(void **state) {
    struct play *play = *state;
    play->tables->hops[2].given.edition_1984_content_only = true;
    struct x411_MessageTransferEnvelope *envelope = for_whom(play, FRANK);
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, DIAGNOSTIC(unable_to_downgrade));
    envelope->content_type.u.built_in = 2;
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, "other", NULL, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE(content_length),
        SCENE(content_type),
        SCENE(who_is_named_often_is_judged_by_who_redirected),
        SCENE(security_labels),
        SCENE(peers_recipient_limit),
        SCENE(types_that_nobody_converts),
        SCENE(extended_types),
        SCENE(types_after_a_conversion),
        SCENE(explicit_conversion_is_the_last_mtas),
        SCENE(proof_of_delivery),
        SCENE(delivery_methods),
        SCENE(physical_delivery_without_a_pdau),
        SCENE(physical_delivery_is_asked_of_a_mailbox),
        SCENE(restricted_delivery),
        SCENE(criticality_of_the_message),
        SCENE(unknown_extensions_pass_octet_for_octet),
        SCENE(criticality_of_one_recipient),
        SCENE(service_message_needs_an_agreement),
        SCENE(only_p2_is_understood_there),
        SCENE(standard_extensions_that_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
