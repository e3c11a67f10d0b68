/* Numbers that every implementation has to agree on, stated once more and held against the modules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "asn1/table.h"
#include "schema/x411ext.h"
#include "schema/x419.h"

struct row {
    int64_t number;
    const char *name;
    unsigned criticality;
};

struct number {
    int64_t ours, wanted;
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* X.411 annex A, EXTENSIONS; 36 is X.413's, 41, 43 and 44 are X.420's. */
static const struct row extensions[] = {
    {1, "recipient-reassignment-prohibited", BER_FOR_DELIVERY},
    {2, "originator-requested-alternate-recipient", BER_FOR_SUBMISSION},
    {3, "dl-expansion-prohibited", BER_FOR_DELIVERY},
    {4, "conversion-with-loss-prohibited", BER_FOR_DELIVERY},
    {5, "latest-delivery-time", BER_FOR_DELIVERY},
    {6, "requested-delivery-method", 0},
    {7, "physical-forwarding-prohibited", BER_FOR_DELIVERY},
    {8, "physical-forwarding-address-request", BER_FOR_DELIVERY},
    {9, "physical-delivery-modes", BER_FOR_DELIVERY},
    {10, "registered-mail-type", BER_FOR_DELIVERY},
    {11, "recipient-number-for-advice", BER_FOR_DELIVERY},
    {12, "physical-rendition-attributes", BER_FOR_DELIVERY},
    {13, "originator-return-address", 0},
    {14, "physical-delivery-report-request", BER_FOR_DELIVERY},
    {15, "originator-certificate", 0},
    {16, "message-token", BER_FOR_DELIVERY},
    {17, "content-confidentiality-algorithm-identifier", BER_FOR_DELIVERY},
    {18, "content-integrity-check", BER_FOR_DELIVERY},
    {19, "message-origin-authentication-check", BER_FOR_DELIVERY},
    {20, "message-security-label", BER_FOR_DELIVERY},
    {21, "proof-of-submission-request", BER_FOR_SUBMISSION},
    {22, "proof-of-delivery-request", BER_FOR_DELIVERY},
    {23, "content-correlator", 0},
    {24, "probe-origin-authentication-check", BER_FOR_DELIVERY},
    {25, "redirection-history", 0},
    {26, "dl-expansion-history", 0},
    {27, "physical-forwarding-address", 0},
    {28, "recipient-certificate", 0},
    {29, "proof-of-delivery", 0},
    {30, "originator-and-DL-expansion-history", 0},
    {31, "reporting-DL-name", 0},
    {32, "reporting-MTA-certificate", BER_FOR_DELIVERY},
    {33, "report-origin-authentication-check", BER_FOR_DELIVERY},
    {34, "originating-MTA-certificate", 0},
    {35, "proof-of-submission", 0},
    {36, "forwarding-request", 0},
    {37, "trace-information", 0},
    {38, "internal-trace-information", 0},
    {39, "reporting-MTA-name", 0},
    {40, "multiple-originator-certificates", 0},
    {41, "blind-copy-recipients", 0},
    {42, "dl-exempted-recipients", 0},
    {43, "body-part-encryption-token", BER_FOR_DELIVERY},
    {44, "forwarded-content-token", BER_FOR_DELIVERY},
    {45, "certificate-selectors", 0},
    {46, "certificate-selectors-override", 0},
};

/* X.411 figure 2, EXTENSION-ATTRIBUTEs. */
static const struct row attributes[] = {
    {1, "common-name", 0},
    {2, "teletex-common-name", 0},
    {3, "teletex-organization-name", 0},
    {4, "teletex-personal-name", 0},
    {5, "teletex-organizational-unit-names", 0},
    {6, "teletex-domain-defined-attributes", 0},
    {7, "pds-name", 0},
    {8, "physical-delivery-country-name", 0},
    {9, "postal-code", 0},
    {10, "physical-delivery-office-name", 0},
    {11, "physical-delivery-office-number", 0},
    {12, "extension-OR-address-components", 0},
    {13, "physical-delivery-personal-name", 0},
    {14, "physical-delivery-organization-name", 0},
    {15, "extension-physical-delivery-address-components", 0},
    {16, "unformatted-postal-address", 0},
    {17, "street-address", 0},
    {18, "post-office-box-address", 0},
    {19, "poste-restante-address", 0},
    {20, "unique-postal-name", 0},
    {21, "local-postal-attributes", 0},
    {22, "extended-network-address", 0},
    {23, "terminal-type", 0},
    {24, "universal-common-name", 0},
    {25, "universal-organization-name", 0},
    {26, "universal-personal-name", 0},
    {27, "universal-organizational-unit-names", 0},
    {28, "universal-domain-defined-attributes", 0},
    {29, "universal-physical-delivery-office-name", 0},
    {30, "universal-physical-delivery-office-number", 0},
    {31, "universal-extension-OR-address-components", 0},
    {32, "universal-physical-delivery-personal-name", 0},
    {33, "universal-physical-delivery-organization-name", 0},
    {34, "universal-extension-physical-delivery-address-components", 0},
    {35, "universal-unformatted-postal-address", 0},
    {36, "universal-street-address", 0},
    {37, "universal-post-office-box-address", 0},
    {38, "universal-poste-restante-address", 0},
    {39, "universal-unique-postal-name", 0},
    {40, "universal-local-postal-attributes", 0},
};

/* X.419 §6, errors of each port. */
static const struct row submission_errors[] = {
    {1, "submission-control-violated", 0},
    {2, "originator-invalid", 0},
    {3, "recipient-improperly-specified", 0},
    {4, "element-of-service-not-subscribed", 0},
    {7, "message-submission-identifier-invalid", 0},
    {8, "deferred-delivery-cancellation-rejected", 0},
    {11, "inconsistent-request", 0},
    {12, "security-error", 0},
    {13, "unsupported-critical-function", 0},
    {15, "remote-bind-error", 0},
};

static const struct row delivery_errors[] = {
    {1, "delivery-control-violated", 0},
    {12, "security-error", 0},
    {13, "unsupported-critical-function", 0},
    {14, "control-violates-registration", 0},
    {16, "operation-refused", 0},
};

static const struct row administration_errors[] = {
    {5, "old-credentials-incorrectly-specified", 0},
    {6, "new-credentials-unacceptable", 0},
    {10, "register-rejected", 0},
    {12, "security-error", 0},
    {15, "remote-bind-error", 0},
    {16, "operation-refused", 0},
};

/* X.411 §8.3.1.2.1.10 and .11. */
static const struct number report_codes[] = {
    {x411_NonDeliveryReasonCode_transfer_failure, 0},
    {x411_NonDeliveryReasonCode_unable_to_transfer, 1},
    {x411_NonDeliveryReasonCode_conversion_not_performed, 2},
    {x411_NonDeliveryReasonCode_physical_rendition_not_performed, 3},
    {x411_NonDeliveryReasonCode_physical_delivery_not_performed, 4},
    {x411_NonDeliveryReasonCode_restricted_delivery, 5},
    {x411_NonDeliveryReasonCode_directory_operation_unsuccessful, 6},
    {x411_NonDeliveryReasonCode_deferred_delivery_not_performed, 7},
    {x411_NonDeliveryReasonCode_transfer_failure_for_security_reason, 8},
    {x411_NonDeliveryDiagnosticCode_unrecognised_OR_name, 0},
    {x411_NonDeliveryDiagnosticCode_ambiguous_OR_name, 1},
    {x411_NonDeliveryDiagnosticCode_mts_congestion, 2},
    {x411_NonDeliveryDiagnosticCode_loop_detected, 3},
    {x411_NonDeliveryDiagnosticCode_recipient_unavailable, 4},
    {x411_NonDeliveryDiagnosticCode_maximum_time_expired, 5},
    {x411_NonDeliveryDiagnosticCode_encoded_information_types_unsupported, 6},
    {x411_NonDeliveryDiagnosticCode_content_too_long, 7},
    {x411_NonDeliveryDiagnosticCode_conversion_impractical, 8},
    {x411_NonDeliveryDiagnosticCode_implicit_conversion_prohibited, 9},
    {x411_NonDeliveryDiagnosticCode_implicit_conversion_not_subscribed, 10},
    {x411_NonDeliveryDiagnosticCode_invalid_arguments, 11},
    {x411_NonDeliveryDiagnosticCode_content_syntax_error, 12},
    {x411_NonDeliveryDiagnosticCode_size_constraint_violation, 13},
    {x411_NonDeliveryDiagnosticCode_protocol_violation, 14},
    {x411_NonDeliveryDiagnosticCode_content_type_not_supported, 15},
    {x411_NonDeliveryDiagnosticCode_too_many_recipients, 16},
    {x411_NonDeliveryDiagnosticCode_no_bilateral_agreement, 17},
    {x411_NonDeliveryDiagnosticCode_unsupported_critical_function, 18},
    {x411_NonDeliveryDiagnosticCode_conversion_with_loss_prohibited, 19},
    {x411_NonDeliveryDiagnosticCode_line_too_long, 20},
    {x411_NonDeliveryDiagnosticCode_page_split, 21},
    {x411_NonDeliveryDiagnosticCode_pictorial_symbol_loss, 22},
    {x411_NonDeliveryDiagnosticCode_punctuation_symbol_loss, 23},
    {x411_NonDeliveryDiagnosticCode_alphabetic_character_loss, 24},
    {x411_NonDeliveryDiagnosticCode_multiple_information_loss, 25},
    {x411_NonDeliveryDiagnosticCode_recipient_reassignment_prohibited, 26},
    {x411_NonDeliveryDiagnosticCode_redirection_loop_detected, 27},
    {x411_NonDeliveryDiagnosticCode_dl_expansion_prohibited, 28},
    {x411_NonDeliveryDiagnosticCode_no_dl_submit_permission, 29},
    {x411_NonDeliveryDiagnosticCode_dl_expansion_failure, 30},
    {x411_NonDeliveryDiagnosticCode_physical_rendition_attributes_not_supported, 31},
    {x411_NonDeliveryDiagnosticCode_undeliverable_mail_physical_delivery_address_incorrect, 32},
    {x411_NonDeliveryDiagnosticCode_undeliverable_mail_physical_delivery_office_incorrect_or_invalid, 33},
    {x411_NonDeliveryDiagnosticCode_undeliverable_mail_physical_delivery_address_incomplete, 34},
    {x411_NonDeliveryDiagnosticCode_undeliverable_mail_recipient_unknown, 35},
    {x411_NonDeliveryDiagnosticCode_undeliverable_mail_recipient_deceased, 36},
    {x411_NonDeliveryDiagnosticCode_undeliverable_mail_organization_expired, 37},
    {x411_NonDeliveryDiagnosticCode_undeliverable_mail_recipient_refused_to_accept, 38},
    {x411_NonDeliveryDiagnosticCode_undeliverable_mail_recipient_did_not_claim, 39},
    {x411_NonDeliveryDiagnosticCode_undeliverable_mail_recipient_changed_address_permanently, 40},
    {x411_NonDeliveryDiagnosticCode_undeliverable_mail_recipient_changed_address_temporarily, 41},
    {x411_NonDeliveryDiagnosticCode_undeliverable_mail_recipient_changed_temporary_address, 42},
    {x411_NonDeliveryDiagnosticCode_undeliverable_mail_new_address_unknown, 43},
    {x411_NonDeliveryDiagnosticCode_undeliverable_mail_recipient_did_not_want_forwarding, 44},
    {x411_NonDeliveryDiagnosticCode_undeliverable_mail_originator_prohibited_forwarding, 45},
    {x411_NonDeliveryDiagnosticCode_secure_messaging_error, 46},
    {x411_NonDeliveryDiagnosticCode_unable_to_downgrade, 47},
    {x411_NonDeliveryDiagnosticCode_unable_to_complete_transfer, 48},
    {x411_NonDeliveryDiagnosticCode_transfer_attempts_limit_reached, 49},
    {x411_NonDeliveryDiagnosticCode_incorrect_notification_type, 50},
    {x411_NonDeliveryDiagnosticCode_dl_expansion_prohibited_by_security_policy, 51},
    {x411_NonDeliveryDiagnosticCode_forbidden_alternate_recipient, 52},
    {x411_NonDeliveryDiagnosticCode_security_policy_violation, 53},
    {x411_NonDeliveryDiagnosticCode_security_services_refusal, 54},
    {x411_NonDeliveryDiagnosticCode_unauthorised_dl_member, 55},
    {x411_NonDeliveryDiagnosticCode_unauthorised_dl_name, 56},
    {x411_NonDeliveryDiagnosticCode_unauthorised_originally_intended_recipient_name, 57},
    {x411_NonDeliveryDiagnosticCode_unauthorised_originator_name, 58},
    {x411_NonDeliveryDiagnosticCode_unauthorised_recipient_name, 59},
    {x411_NonDeliveryDiagnosticCode_unreliable_system, 60},
    {x411_NonDeliveryDiagnosticCode_authentication_failure_on_subject_message, 61},
    {x411_NonDeliveryDiagnosticCode_decryption_failed, 62},
    {x411_NonDeliveryDiagnosticCode_decryption_key_unobtainable, 63},
    {x411_NonDeliveryDiagnosticCode_double_envelope_creation_failure, 64},
    {x411_NonDeliveryDiagnosticCode_double_enveloping_message_restoring_failure, 65},
    {x411_NonDeliveryDiagnosticCode_failure_of_proof_of_message, 66},
    {x411_NonDeliveryDiagnosticCode_integrity_failure_on_subject_message, 67},
    {x411_NonDeliveryDiagnosticCode_invalid_security_label, 68},
    {x411_NonDeliveryDiagnosticCode_key_failure, 69},
    {x411_NonDeliveryDiagnosticCode_mandatory_parameter_absence, 70},
    {x411_NonDeliveryDiagnosticCode_operation_security_failure, 71},
    {x411_NonDeliveryDiagnosticCode_repudiation_failure_of_message, 72},
    {x411_NonDeliveryDiagnosticCode_security_context_failure, 73},
    {x411_NonDeliveryDiagnosticCode_token_decryption_failed, 74},
    {x411_NonDeliveryDiagnosticCode_token_error, 75},
    {x411_NonDeliveryDiagnosticCode_unknown_security_label, 76},
    {x411_NonDeliveryDiagnosticCode_unsupported_algorithm_identifier, 77},
    {x411_NonDeliveryDiagnosticCode_unsupported_security_policy, 78},
};

/* X.411 annex B. */
static const struct number upper_bounds[] = {
    {x411_ub_additional_info, 1024},
    {x411_ub_bilateral_info, 1024},
    {x411_ub_bit_options, 16},
    {x411_ub_built_in_content_type, 32767},
    {x411_ub_built_in_encoded_information_types, 32},
    {x411_ub_certificates, 64},
    {x411_ub_common_name_length, 64},
    {x411_ub_content_correlator_length, 512},
    {x411_ub_content_id_length, 16},
    {x411_ub_content_length, 2147483647},
    {x411_ub_content_types, 1024},
    {x411_ub_country_name_alpha_length, 2},
    {x411_ub_country_name_numeric_length, 3},
    {x411_ub_deliverable_class, 256},
    {x411_ub_diagnostic_codes, 32767},
    {x411_ub_dl_expansions, 512},
    {x411_ub_domain_defined_attribute_type_length, 8},
    {x411_ub_domain_defined_attribute_value_length, 128},
    {x411_ub_domain_defined_attributes, 4},
    {x411_ub_domain_name_length, 16},
    {x411_ub_e163_4_number_length, 15},
    {x411_ub_e163_4_sub_address_length, 40},
    {x411_ub_encoded_information_types, 1024},
    {x411_ub_extension_attributes, 256},
    {x411_ub_extension_types, 256},
    {x411_ub_generation_qualifier_length, 3},
    {x411_ub_given_name_length, 16},
    {x411_ub_initials_length, 5},
    {x411_ub_integer_options, 256},
    {x411_ub_labels_and_redirections, 256},
    {x411_ub_local_id_length, 32},
    {x411_ub_mta_name_length, 32},
    {x411_ub_mts_user_types, 256},
    {x411_ub_numeric_user_id_length, 32},
    {x411_ub_organization_name_length, 64},
    {x411_ub_organizational_unit_name_length, 32},
    {x411_ub_organizational_units, 4},
    {x411_ub_orig_and_dl_expansions, 513},
    {x411_ub_password_length, 62},
    {x411_ub_pds_name_length, 16},
    {x411_ub_pds_parameter_length, 30},
    {x411_ub_pds_physical_address_lines, 6},
    {x411_ub_postal_code_length, 16},
    {x411_ub_privacy_mark_length, 128},
    {x411_ub_queue_size, 2147483647},
    {x411_ub_reason_codes, 32767},
    {x411_ub_recipient_number_for_advice_length, 32},
    {x411_ub_recipients, 32767},
    {x411_ub_redirection_classes, 256},
    {x411_ub_redirections, 512},
    {x411_ub_restrictions, 1024},
    {x411_ub_security_categories, 64},
    {x411_ub_security_labels, 256},
    {x411_ub_security_problems, 256},
    {x411_ub_supplementary_info_length, 256},
    {x411_ub_surname_length, 40},
    {x411_ub_teletex_private_use_length, 128},
    {x411_ub_terminal_id_length, 24},
    {x411_ub_transfers, 512},
    {x411_ub_tsap_id_length, 16},
    {x411_ub_unformatted_address_length, 180},
    {x411_ub_universal_generation_qualifier_length, 16},
    {x411_ub_universal_given_name_length, 40},
    {x411_ub_universal_initials_length, 16},
    {x411_ub_universal_surname_length, 64},
    {x411_ub_x121_address_length, 16},
};

static const struct number operations[] = {
    {x419_op_cancel_deferred_delivery, 7},
    {x419_op_change_credentials, 8},
    {x419_op_delivery_control, 2},
    {x419_op_message_delivery, 5},
    {x419_op_message_submission, 3},
    {x419_op_probe_submission, 4},
    {x419_op_register, 1},
    {x419_op_report_delivery, 6},
    {x419_op_submission_control, 2},
};

static void assert_rows(const struct ber_table *table, const struct row *rows, size_t count) {
    assert_int_equal(table->number_count, count);
    for (size_t i = 0; i < count; i++) {
        const struct ber_table_row *row = ber_table_by_number(table, rows[i].number);
        if (!row)
            fail_msg("%s has no %s", table->name, rows[i].name);
        assert_string_equal(row->name, rows[i].name);
        assert_int_equal(row->criticality, rows[i].criticality);
    }
}

static void assert_numbers(const struct number *numbers, size_t count) {
    for (size_t i = 0; i < count; i++)
        assert_int_equal(numbers[i].ours, numbers[i].wanted);
}

static void extensions_have_number_name_and_criticality(void **state) {
    (void)state;
    assert_rows(&x411ext_StandardExtensions_table, extensions, COUNT(extensions));
}

/* What the table of all extensions says holds where an extension may stand, but for the one whose value
 * differs in P1. */
static void a_place_has_the_same_criticality(void **state) {
    (void)state;
    const struct ber_table *const places[] = {
        &x411ext_PerMessageSubmissionExtensions_table,
        &x411ext_PerRecipientMessageSubmissionExtensions_table,
        &x411ext_PerProbeSubmissionExtensions_table,
        &x411ext_PerRecipientProbeSubmissionExtensions_table,
        &x411ext_MessageSubmissionResultExtensions_table,
        &x411ext_MessageTransferExtensions_table,
        &x411ext_PerRecipientMessageTransferExtensions_table,
        &x411ext_ProbeTransferExtensions_table,
        &x411ext_PerRecipientProbeTransferExtensions_table,
        &x411ext_ReportTransferEnvelopeExtensions_table,
        &x411ext_ReportTransferContentExtensions_table,
        &x411ext_PerRecipientReportTransferExtensions_table,
        &x411ext_MessageDeliveryExtensions_table,
        &x411ext_ReportDeliveryExtensions_table,
        &x411ext_PerRecipientReportDeliveryExtensions_table,
    };
    for (size_t i = 0; i < COUNT(places); i++)
        for (size_t k = 0; k < places[i]->number_count; k++) {
            const struct ber_table_row *row = &places[i]->numbers[k];
            const struct row *all = &extensions[row->number - 1];
            assert_string_equal(row->name, all->name);
            if (row->type == &x411_MTAOriginatorRequestedAlternateRecipient_type)
                assert_int_equal(row->criticality, 0);
            else
                assert_int_equal(row->criticality, all->criticality);
        }
}

static void extension_attributes_have_their_numbers(void **state) {
    (void)state;
    assert_rows(&x411_ExtensionAttributeTable_table, attributes, COUNT(attributes));
}

static void reports_say_why_in_x_411s_codes(void **state) {
    (void)state;
    assert_numbers(report_codes, COUNT(report_codes));
}

static void upper_bounds_are_annex_bs(void **state) {
    (void)state;
    assert_numbers(upper_bounds, COUNT(upper_bounds));
}

static void operations_and_errors_have_their_codes(void **state) {
    (void)state;
    assert_numbers(operations, COUNT(operations));
    assert_rows(&x419_SubmissionErrors_table, submission_errors, COUNT(submission_errors));
    assert_rows(&x419_DeliveryErrors_table, delivery_errors, COUNT(delivery_errors));
    assert_rows(&x419_AdministrationErrors_table, administration_errors, COUNT(administration_errors));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(extensions_have_number_name_and_criticality),
        cmocka_unit_test(a_place_has_the_same_criticality),
        cmocka_unit_test(extension_attributes_have_their_numbers),
        cmocka_unit_test(reports_say_why_in_x_411s_codes),
        cmocka_unit_test(upper_bounds_are_annex_bs),
        cmocka_unit_test(operations_and_errors_have_their_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
