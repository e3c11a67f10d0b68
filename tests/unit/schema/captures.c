/* The modules against real traffic: APDUs of another MTA decode, and encode again to the same value. */
#include "../arena_room.h"

#include <stdio.h>
#include <stdlib.h>

#include "asn1/ber.h"
#include "asn1/table.h"
#include "base/arena.h"
#include "schema/asn1.h"
#include "schema/x411.h"
#include "schema/x41184.h"
#include "schema/x411ext.h"

static struct span read_capture(const char *name) {
    static uint8_t octets[4096];
    char path[256];
    snprintf(path, sizeof(path), "%s/tests/unit/schema/captures/%s.ber", getenv("CHASQUI_SOURCE"), name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(octets, 1, sizeof(octets), file);
    fclose(file);
    assert_in_range(len, 1, sizeof(octets) - 1);
    return arena_dup(&arena, span_of(octets, len));
}

static void decode(const struct ber_type *type, struct span in, void *value) {
    struct ber_error error;
    if (!ber_decode(type, in, &arena, NULL, value, &error))
        fail_msg("%s: %s at %zu", error.path, error.text, error.offset);
}

/* In normal mode and X.410 mode of 1988 the APDU stands within an EXTERNAL. */
static void decode_named(const char *name, struct x411_MTS_APDU *apdu) {
    struct span in = read_capture(name);
    struct asn1_EXTERNAL external;
    if (in.data[0] == 0x28) {
        decode(&asn1_EXTERNAL_type, in, &external);
        assert_int_equal(external.encoding.choice, asn1_EXTERNAL_encoding_single_ASN1_type);
        in = external.encoding.u.single_ASN1_type;
    }
    decode(&x411_MTS_APDU_type, in, apdu);
}

static int64_t extension_number(const struct x411_ExtensionField *field) {
    assert_int_equal(field->type.choice, x411_ExtensionType_standard_extension);
    return field->type.u.standard_extension;
}

/* Every extension has a row in the envelope's table, and its value decodes by it. */
static void check_extensions(const struct x411_Extensions *extensions, const struct ber_table *table) {
    for (size_t i = 0; i < extensions->count; i++) {
        const struct ber_table_row *row = ber_table_by_number(table, extension_number(&extensions->items[i]));
        assert_non_null(row);
        void *value = arena_alloc(&arena, ber_type_size(row->type));
        assert_non_null(value);
        decode(row->type, extensions->items[i].value, value);
    }
}

static void check_round_trip(const struct ber_type *type, const void *value, void *again) {
    struct span encoded;
    struct ber_error error;
    if (!ber_encode_arena(type, value, &arena, &encoded, &error))
        fail_msg("%s: %s", error.path, error.text);
    decode(type, encoded, again);
    assert_true(ber_equal(type, value, again));
}

static void a_message_of_1988_is_read(void **state) {
    (void)state;
    struct x411_MTS_APDU apdu, again;
    decode_named("p1-88-normal-s0-p1024-0", &apdu);
    assert_int_equal(apdu.choice, x411_MTS_APDU_message);
    const struct x411_MessageTransferEnvelope *envelope = &apdu.u.message.envelope;
    assert_true(
        span_eq(envelope->message_identifier.global_domain_identifier.country_name.u.iso_3166_alpha2_code,
                SPAN_LIT("GB")));
    assert_int_equal(envelope->content_type.choice, x411_ContentType_built_in);
    assert_int_equal(envelope->content_type.u.built_in, x411_BuiltInContentType_interpersonal_messaging_1988);
    assert_int_equal(envelope->trace_information.count, 2);
    assert_true(envelope->per_recipient_fields.count >= 1);
    check_extensions(&envelope->extensions, &x411ext_MessageTransferExtensions_table);
    check_round_trip(&x411_MTS_APDU_type, &apdu, &again);
}

static void reports_of_1988_are_read(void **state) {
    (void)state;
    static const struct {
        const char *name;
        bool delivered;
    } reports[] = {{"p1-88-normal-s1-p1025-1", true}, {"p1-88-normal-s3-p1027-3", false}};
    for (size_t i = 0; i < 2; i++) {
        struct x411_MTS_APDU apdu, again;
        decode_named(reports[i].name, &apdu);
        assert_int_equal(apdu.choice, x411_MTS_APDU_report);
        const struct x411_ReportTransferContent *content = &apdu.u.report.content;
        assert_int_equal(content->per_recipient_fields.count, 1);
        const struct x411_ReportType *type =
            &content->per_recipient_fields.items[0].last_trace_information.report_type;
        assert_int_equal(type->choice,
                         reports[i].delivered ? x411_ReportType_delivery : x411_ReportType_non_delivery);
        check_extensions(&apdu.u.report.envelope.extensions, &x411ext_ReportTransferEnvelopeExtensions_table);
        check_extensions(&content->extensions, &x411ext_ReportTransferContentExtensions_table);
        check_round_trip(&x411_MTS_APDU_type, &apdu, &again);
    }
}

static void a_probe_is_read(void **state) {
    (void)state;
    struct x411_MTS_APDU apdu, again;
    decode_named("p1-88-normal-s4-p1028-4", &apdu);
    assert_int_equal(apdu.choice, x411_MTS_APDU_probe);
    check_extensions(&apdu.u.probe.extensions, &x411ext_ProbeTransferExtensions_table);
    check_round_trip(&x411_MTS_APDU_type, &apdu, &again);
}

static void extension_types_are_read_in_both_encodings(void **state) {
    (void)state;
    static const char *const names[] = {"p1-88-stdext-s1-p1025-0", "p1-88-normal-s0-p1024-0"};
    for (size_t i = 0; i < 2; i++) {
        struct x411_MTS_APDU apdu;
        bool found = false;
        decode_named(names[i], &apdu);
        const struct x411_Extensions *extensions = apdu.choice == x411_MTS_APDU_message
                                                       ? &apdu.u.message.envelope.extensions
                                                       : &apdu.u.report.envelope.extensions;
        for (size_t j = 0; j < extensions->count; j++)
            found |= extension_number(&extensions->items[j]) == 38;
        assert_true(found);
    }
}

static void extension_types_are_written_as_the_standard_says(void **state) {
    (void)state;
    struct x411_ExtensionField field = {.type.choice = x411_ExtensionType_standard_extension,
                                        .type.u.standard_extension = 23,
                                        .value = SPAN_LIT("\x16\x01x")};
    struct span out;
    assert_true(ber_encode_arena(&x411_ExtensionField_type, &field, &arena, &out, NULL));
    assert_int_equal(out.len, 10);
    assert_memory_equal(out.data, "\x30\x08\x80\x01\x17\xA2\x03\x16\x01x", 10);
}

static void all_of_1988_are_read(void **state) {
    (void)state;
    static const char *const names[] = {
        "p1-88-normal-s2-p1026-2", "p1-88-stdext-s1-p1025-0", "p1-88-stdext-s2-p1026-1",
        "p1-88-x410-s0-p1024-0",   "p1-88-x410-s1-p1025-1",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct x411_MTS_APDU apdu, again;
        decode_named(names[i], &apdu);
        check_round_trip(&x411_MTS_APDU_type, &apdu, &again);
    }
}

static void all_of_1984_are_read(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int choice;
    } files[] = {{"p1-84-s0-p1025-0", x41184_MPDU_userMPDU},
                 {"p1-84-s1-p1026-1", x41184_MPDU_deliveryReportMPDU},
                 {"p1-84-s2-p1024-2", x41184_MPDU_userMPDU},
                 {"p1-84-s3-p1027-3", x41184_MPDU_deliveryReportMPDU}};
    for (size_t i = 0; i < 4; i++) {
        struct x41184_MPDU mpdu, again;
        decode(&x41184_MPDU_type, read_capture(files[i].name), &mpdu);
        assert_int_equal(mpdu.choice, files[i].choice);
        check_round_trip(&x41184_MPDU_type, &mpdu, &again);
    }
}

static void messages_of_1984_are_also_messages_of_1988(void **state) {
    (void)state;
    struct x411_MTS_APDU apdu;
    decode_named("p1-84-s0-p1025-0", &apdu);
    assert_int_equal(apdu.choice, x411_MTS_APDU_message);
    assert_int_equal(apdu.u.message.envelope.content_type.u.built_in,
                     x411_BuiltInContentType_interpersonal_messaging_1984);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_of_1988_is_read),
        cmocka_unit_test(reports_of_1988_are_read),
        cmocka_unit_test(a_probe_is_read),
        cmocka_unit_test(extension_types_are_read_in_both_encodings),
        cmocka_unit_test(extension_types_are_written_as_the_standard_says),
        cmocka_unit_test(all_of_1988_are_read),
        cmocka_unit_test(all_of_1984_are_read),
        cmocka_unit_test(messages_of_1984_are_also_messages_of_1988),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
