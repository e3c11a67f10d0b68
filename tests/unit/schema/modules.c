/* The modules' constants against the numbers that peers use, and binds and operations by their octets. */
#include "../arena_room.h"

#include <stdio.h>

#include "asn1/ber.h"
#include "asn1/table.h"
#include "schema/x227.h"
#include "schema/x228.h"
#include "schema/x41184.h"
#include "schema/x411ext.h"
#include "schema/x411p3.h"
#include "schema/x419.h"
#include "schema/x420.h"
#include "schema/x880.h"

static void decode(const struct ber_type *type, struct span in, void *value) {
    struct ber_error error;
    if (!ber_decode(type, in, &arena, NULL, value, &error))
        fail_msg("%s: %s at %zu", error.path, error.text, error.offset);
}

static void assert_octets(const struct ber_type *type, const void *value, struct span wanted) {
    struct span out;
    struct ber_error error;
    if (!ber_encode_arena(type, value, &arena, &out, &error))
        fail_msg("%s: %s", error.path, error.text);
    assert_int_equal(out.len, wanted.len);
    assert_memory_equal(out.data, wanted.data, wanted.len);
}

static void object_identifiers_are_those_of_the_world(void **state) {
    (void)state;
    const struct {
        struct span oid;
        const char *dotted;
    } known[] = {
        {x227_acse_as_id, "2.2.1.0.1"},
        {x227_basic_encoding, "2.1.1"},
        {x228_rTSE_abstract_syntax, "2.3.2"},
        {x419_id_ac_mts_transfer, "2.6.0.1.6"},
        {x419_id_ac_mts_access_94, "2.6.0.1.7"},
        {x419_id_as_msse, "2.6.0.2.1"},
        {x419_id_as_mtse, "2.6.0.2.7"},
        {x419_id_as_mts_rtse, "2.6.0.2.8"},
        {x419_id_as_mta_rtse, "2.6.0.2.12"},
        {x419_id_as_mase_94, "2.6.0.2.16"},
        {x411_id_eit_ia5_text, "2.6.3.4.2"},
        {x411_id_tok_asymmetricToken, "2.6.3.6.0"},
        {x411_id_cont_inner_envelope, "2.6.3.3.1"},
        {x420_id_et_file_transfer, "2.6.1.4.12"},
        {x420_id_ep_file_transfer, "2.6.1.11.12"},
        {x420_id_ep_content_p22, "2.6.1.11.17.2.6.1.10.1"},
        {x420_id_hex_languages, "2.6.1.5.1"},
        {x501_id_at_commonName, "2.5.4.3"},
        {x501_id_at_domainComponent, "0.9.2342.19200300.100.1.25"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char text[64];
        assert_true(ber_oid_format(known[i].oid, text, sizeof(text)));
        assert_string_equal(text, known[i].dotted);
    }
}

/* The connect of another MTA (X.410 mode, 1984): who it is stands in the connection data. */
static void a_bind_of_1984_is_read_and_written(void **state) {
    (void)state;
    static const char octets[] =
        "\x31\x27\xA0\x03\x80\x01\x00\xA1\x20\x80\x01\x3F\x82\x01\x00\xA3\x15\xA0\x13\xA1\x11"
        "\x80\x04PP-A\xA1\x09\x16\x07secretA\x84\x01\x01";
    struct x228_PConnect connect;
    struct x41184_MTABind bind;
    decode(&x228_PConnect_type, SPAN_LIT(octets), &connect);
    assert_int_equal(connect.pUserData.checkpointSize, 63);
    assert_int_equal(connect.pUserData.windowSize, 3);
    assert_int_equal(connect.pUserData.dialogueMode, x228_DialogueMode_monologue);
    assert_int_equal(connect.pUserData.applicationProtocol, x228_ApplicationProtocol_p1);
    assert_int_equal(connect.pUserData.connectionDataRQ.choice, x228_ConnectionData_open);
    decode(&x41184_MTABind_type, connect.pUserData.connectionDataRQ.u.open, &bind);
    assert_true(span_eq(bind.u.authenticated.mTAName, SPAN_LIT("PP-A")));
    assert_true(span_eq(bind.u.authenticated.password, SPAN_LIT("secretA")));
    bind.raw = bind.u.authenticated.raw = (struct span){NULL, 0};
    assert_octets(&x41184_MTABind_type, &bind, connect.pUserData.connectionDataRQ.u.open);
}

static void a_bind_of_1988_has_credentials(void **state) {
    (void)state;
    struct x411_MTABindArgument bind = {.choice = x411_MTABindArgument_authenticated};
    bind.u.authenticated.initiator_name = SPAN_LIT("A");
    bind.u.authenticated.initiator_credentials.choice = x411_Credentials_simple;
    bind.u.authenticated.initiator_credentials.u.simple.choice = x411_Password_octet_string;
    bind.u.authenticated.initiator_credentials.u.simple.u.octet_string = SPAN_LIT("pw");
    assert_octets(&x411_MTABindArgument_type, &bind,
                  SPAN_LIT("\xA1\x09\x80\x01"
                           "A\xA1\x04\x04\x02pw"));
}

static void remote_operations_have_their_tags(void **state) {
    (void)state;
    struct x880_ROS ros = {.choice = x880_ROS_invoke};
    ros.u.invoke.invokeId = (struct x880_InvokeId){.choice = x880_InvokeId_present, .u.present = 7};
    ros.u.invoke.opcode.choice = x880_Code_local;
    ros.u.invoke.opcode.u.local = x419_op_message_submission;
    assert_octets(&x880_ROS_type, &ros, SPAN_LIT("\xA1\x06\x02\x01\x07\x02\x01\x03"));
    struct x880_ROS reject, nameless;
    decode(&x880_ROS_type, SPAN_LIT("\xA1\x05\x05\x00\x02\x01\x03"), &nameless);
    assert_int_equal(nameless.u.invoke.invokeId.choice, x880_InvokeId_absent);
    decode(&x880_ROS_type, SPAN_LIT("\xA4\x05\x05\x00\x80\x01\x02"), &reject);
    assert_int_equal(reject.u.reject.invokeId.choice, x880_InvokeId_absent);
    assert_int_equal(reject.u.reject.problem.u.general, x880_GeneralProblem_badlyStructuredPDU);
}

static void tables_give_type_and_criticality(void **state) {
    (void)state;
    const struct ber_table_row *row =
        ber_table_by_number(&x411ext_PerRecipientMessageTransferExtensions_table, 2);
    assert_non_null(row);
    assert_int_equal(row->criticality, 0);
    row = ber_table_by_number(&x411ext_PerRecipientMessageSubmissionExtensions_table, 2);
    assert_int_equal(row->criticality, BER_FOR_SUBMISSION);
    row = ber_table_by_number(&x411ext_MessageTransferExtensions_table, 1);
    assert_int_equal(row->criticality, BER_FOR_DELIVERY);
    assert_ptr_equal(row->type, &x411_RecipientReassignmentProhibited_type);
    assert_null(ber_table_by_number(&x411ext_MessageTransferExtensions_table, 2));
    assert_int_equal(x411ext_StandardExtensions_table.number_count, 46);
    assert_int_equal(x411_ExtensionAttributeTable_table.number_count, 40);
    row = ber_table_by_oid(&x420_ExtendedBodyPartTypes_table, x420_id_et_report);
    assert_non_null(row);
    assert_ptr_equal(row->type, &x411p3_ReportDeliveryArgument_type);
}

/* The document type's name is an OBJECT IDENTIFIER without a tag of its own. */
static void file_transfer_parameters_are_x_420s(void **state) {
    (void)state;
    static const char octets[] = "\x30\x0B\xA1\x09\xA0\x07\x06\x05\x28\xC2\x7B\x05\x03";
    struct x420_FileTransferParameters parameters;
    decode(&x420_FileTransferParameters_type, SPAN_LIT(octets), &parameters);
    assert_non_null(parameters.contents_type);
    char text[32];
    assert_true(
        ber_oid_format(parameters.contents_type->u.document_type.document_type_name, text, sizeof(text)));
    assert_string_equal(text, "1.0.8571.5.3");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(object_identifiers_are_those_of_the_world),
        cmocka_unit_test(a_bind_of_1984_is_read_and_written),
        cmocka_unit_test(a_bind_of_1988_has_credentials),
        cmocka_unit_test(remote_operations_have_their_tags),
        cmocka_unit_test(tables_give_type_and_criticality),
        cmocka_unit_test(file_transfer_parameters_are_x_420s),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
