/* P7's types by their octets, written by hand: what is right is read and written again, what is not is
 * refused. */
#include "../arena_room.h"

#include "asn1/ber.h"
#include "base/buf.h"
#include "schema/x413.h"
#include "schema/x413at.h"
#include "schema/x420aa.h"
#include "schema/x420ms.h"

static bool read_as(const struct ber_type *type, struct span in, void **value, struct ber_error *error) {
    *value = arena_alloc(&arena, ber_type_size(type));
    assert_non_null(*value);
    return ber_decode(type, in, &arena, NULL, *value, error);
}

/* Decodes the octets, and encodes the value afresh to the same ones. */
static void *through(const struct ber_type *type, struct span in) {
    struct ber_error error = {0};
    struct span out;
    void *value;
    if (!read_as(type, in, &value, &error))
        fail_msg("%s: %s: %s at %zu", ber_type_name(type), error.path, error.text, error.offset);
    void *afresh = arena_alloc(&arena, ber_type_size(type));
    assert_true(ber_decode(type, in, &arena, NULL, afresh, NULL));
    ber_forget_raw(type, afresh);
    assert_true(ber_encode_arena(type, afresh, &arena, &out, NULL));
    assert_int_equal(out.len, in.len);
    assert_memory_equal(out.data, in.data, in.len);
    return value;
}

#define THROUGH(type, octets) through(&type##_type, SPAN_LIT(octets))

static void a_bind_has_explicit_tags(void **state) {
    (void)state;
    /* SET { name, [2] "pw", [4] { [2] 4000 }, [5] TRUE, [6] "UA" } */
    static const char octets[] = "\x31\x26\x60\x09\x30\x07\x61\x05\x13\x03"
                                 "abc"
                                 "\xA2\x04\x16\x02pw\xA4\x08\x31\x06\xA2\x04\x02\x02\x0F\xA0"
                                 "\xA5\x03\x01\x01\xFF\xA6\x04\x13\x02UA";
    /* The country's name is too long by one character. */
    struct ber_error error;
    void *value;
    assert_false(read_as(&x413_MSBindArgument_type, SPAN_LIT(octets), &value, &error));
    assert_int_equal(error.code, BER_BOUND);
    assert_string_equal(error.bound, "ub-country-name-alpha-length");
    const struct x413_MSBindArgument *bind =
        THROUGH(x413_MSBindArgument, "\x31\x25\x60\x08\x30\x06\x61\x04\x13\x02GB"
                                     "\xA2\x04\x16\x02pw\xA4\x08\x31\x06\xA2\x04\x02\x02\x0F\xA0"
                                     "\xA5\x03\x01\x01\xFF\xA6\x04\x13\x02UA");
    assert_true(bind->ms_configuration_request);
    assert_int_equal(bind->fetch_restrictions->maximum_attribute_length, 4000);
    assert_null(bind->fetch_restrictions->allowed_EITs.items);
    assert_true(span_eq(bind->ua_registration_identifier, SPAN_LIT("UA")));
    assert_true(span_eq(bind->initiator_credentials.u.simple.u.ia5_string, SPAN_LIT("pw")));
}

static void a_bind_error_is_a_number_or_more(void **state) {
    (void)state;
    const struct x413_MSBindError *old = THROUGH(x413_MSBindError, "\x0A\x01\x02");
    assert_int_equal(old->choice, x413_MSBindError_unqualified_error);
    assert_int_equal(old->u.unqualified_error, x413_BindProblem_unable_to_establish_association);
    const struct x413_MSBindError *new =
        THROUGH(x413_MSBindError, "\x31\x0C\xA0\x03\x0A\x01\x03\xA1\x05\x1B\x03why");
    assert_int_equal(new->choice, x413_MSBindError_qualified_error);
    assert_int_equal(new->u.qualified_error.bind_problem, x413_BindProblem_bind_extension_problem);
    assert_true(span_eq(new->u.qualified_error.supplementary_information, SPAN_LIT("why")));
}

/* Filter { and { equality sequence number 5, not present parent } } */
#define EQUALITY "\xA0\x0D\xA0\x0B\x30\x09\x06\x04\x56\x04\x03\x27\x02\x01\x05"
#define PRESENT  "\xA0\x08\xA4\x06\x06\x04\x56\x04\x03\x1D"

static void a_filter_nests(void **state) {
    (void)state;
    const struct x413_Filter *filter = THROUGH(x413_Filter, "\xA1\x1D\x31\x1B" EQUALITY "\xA3\x0A" PRESENT);
    assert_int_equal(filter->choice, x413_Filter_and);
    assert_int_equal(filter->u.and.count, 2);
    const struct x413_Filter *equality = &filter->u.and.items[0], *not = &filter->u.and.items[1];
    assert_int_equal(equality->u.item.choice, x413_FilterItem_equality);
    assert_true(span_eq(equality->u.item.u.equality.attribute_value, SPAN_LIT("\x02\x01\x05")));
    assert_int_equal(not ->choice, x413_Filter_not);
    assert_int_equal(not ->u.not ->u.item.choice, x413_FilterItem_present);
    assert_true(span_eq(not ->u.not ->u.item.u.present, x413at_id_att_parent_sequence_number));
}

static void a_fetch_takes_a_number_or_a_selector(void **state) {
    (void)state;
    const struct x413_FetchArgument *precise = THROUGH(x413_FetchArgument, "\x31\x05\xA2\x03\x02\x01\x07");
    assert_int_equal(precise->entry_class, x413_EntryClass_delivery);
    assert_int_equal(precise->item.choice, x413_FetchArgument_item_precise);
    assert_int_equal(precise->item.u.precise, 7);
    const struct x413_FetchArgument *search =
        THROUGH(x413_FetchArgument, "\x31\x17\xA0\x03\x02\x01\x02\xA1\x10\x31\x0E\xA1\x0C\xA0\x0A\x30\x08"
                                    "\xA0\x06\x02\x04\x7F\xFF\xFF\xFF");
    assert_int_equal(search->entry_class, x413_EntryClass_draft);
    const struct x413_Range *range = search->item.u.search.range;
    assert_int_equal(range->choice, x413_Range_sequence_number_range);
    assert_true(range->u.sequence_number_range.has_from);
    assert_int_equal(range->u.sequence_number_range.from, x413_ub_messages);
    assert_false(range->u.sequence_number_range.has_to);
}

static void results_of_1988_are_null(void **state) {
    (void)state;
    const struct x413_DeleteResult *deleted = THROUGH(x413_DeleteResult, "\x05\x00");
    assert_int_equal(deleted->choice, x413_DeleteResult_delete_result_88);
    const struct x413_DeleteResult *listed =
        THROUGH(x413_DeleteResult, "\x31\x0A\xA0\x08\x30\x06\x02\x01\x03\x02\x01\x04");
    assert_int_equal(listed->choice, x413_DeleteResult_delete_result_94);
    assert_int_equal(listed->u.delete_result_94.entries_deleted.count, 2);
    const struct x413_Register_MSResult *registered = THROUGH(x413_Register_MSResult, "\x05\x00");
    assert_int_equal(registered->choice, x413_Register_MSResult_no_status_information);
}

static void an_entry_carries_attributes_of_any_type(void **state) {
    (void)state;
    const struct x413_EntryInformation *entry =
        THROUGH(x413_EntryInformation,
                "\x30\x26\x02\x01\x04\x31\x0D\x30\x0B\x06\x04\x56\x04\x03\x27\x30\x03\x02\x01\x04"
                "\xA0\x12\x31\x10\x30\x0E\xA0\x06\x06\x04\x56\x01\x07\x0B\xA1\x04\x02\x02\x01\x2C");
    assert_int_equal(entry->attributes.count, 1);
    assert_int_equal(entry->attributes.items[0].attribute_values.count, 1);
    assert_int_equal(entry->value_count_exceeded.items[0].total, 300);
    assert_true(span_eq(entry->value_count_exceeded.items[0].type, x420ms_id_hat_primary_recipients));
}

/* The results of P3's submission keep their implicit tags within the store's, whose own are explicit. */
static void what_is_x_411s_keeps_its_tags(void **state) {
    (void)state;
    const struct x413_MSMessageSubmissionResult *result =
        THROUGH(x413_MSMessageSubmissionResult,
                "\x31\x30\x64\x14\x63\x0D\x61\x04\x13\x02GB\x62\x05\x13\x03TLD\x16\x03x-1\x80\x0D"
                "990101000000Z"
                "\xA4\x09\x31\x07\xA0\x05\x02\x03\x01\x00\x00");
    assert_int_equal(result->choice, x413_MSMessageSubmissionResult_mts_result);
    assert_int_equal(result->u.mts_result.ms_message_result->created_entry, 65536);
    const struct x413_MSMessageSubmissionResult *draft =
        THROUGH(x413_MSMessageSubmissionResult, "\xA4\x07\x31\x05\xA0\x03\x02\x01\x09");
    assert_int_equal(draft->choice, x413_MSMessageSubmissionResult_store_draft_result);
    const struct x420ms_CorrelatedDeliveredIPNs *ipns =
        THROUGH(x420ms_CorrelatedDeliveredIPNs, "\xA1\x03\x02\x01\x05");
    assert_int_equal(ipns->u.ipns_received.count, 1);
    const struct x413at_ReportLocation *location =
        THROUGH(x413at_ReportLocation, "\xA1\x0E\x30\x0C\x30\x0A\xA0\x03\x02\x01\x05\xA1\x03\x02\x01\x02");
    assert_int_equal(location->u.location.items[0].position, 2);
}

/* What is not of the type: the code that it is refused with, and where. */
static void other_tags_are_refused(void **state) {
    (void)state;
    static const struct {
        const struct ber_type *type;
        struct span octets;
        enum ber_error_code code;
    } wrong[] = {
        /* implicit tags, as in P3 */
        {&x413_FetchArgument_type, SPAN_LIT("\x31\x03\x82\x01\x07"), BER_VALUE},
        {&x413_MSBindArgument_type,
         SPAN_LIT("\x31\x11\x60\x08\x30\x06\x61\x04\x13\x02GB\xA2\x02\x16\x00\x85\x01\xFF"), BER_VALUE},
        {&x413at_ReportLocation_type, SPAN_LIT("\xA1\x05\x30\x03\x80\x01\x05"), BER_TAG},
        /* explicit ones where X.420's are implicit */
        {&x420ms_CorrelatedDeliveredIPNs_type, SPAN_LIT("\xA1\x05\x30\x03\x02\x01\x05"), BER_TAG},
        /* a SEQUENCE for a SET, [4] of nobody, no choice, no selector, an entry class twice */
        {&x413_FetchArgument_type, SPAN_LIT("\x30\x05\xA2\x03\x02\x01\x07"), BER_TAG},
        {&x413_FetchArgument_type, SPAN_LIT("\x31\x09\xA2\x03\x02\x01\x07\xA5\x02\x05\x00"), BER_UNEXPECTED},
        {&x413_FetchArgument_type, SPAN_LIT("\x31\x05\xA0\x03\x02\x01\x00"), BER_MISSING},
        {&x413_ListArgument_type, SPAN_LIT("\x31\x00"), BER_MISSING},
        {&x413_FetchArgument_type,
         SPAN_LIT("\x31\x0F\xA0\x03\x02\x01\x00\xA0\x03\x02\x01\x01\xA2\x03\x02\x01\x07"), BER_DUPLICATE},
        {&x413_AlertResult_type, SPAN_LIT("\x05\x01\x00"), BER_VALUE},
        {&x413_Filter_type, SPAN_LIT("\xA4\x02\x05\x00"), BER_TAG},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct ber_error error = {0};
        void *value;
        if (read_as(wrong[i].type, wrong[i].octets, &value, &error))
            fail_msg("%zu: %s was taken", i, ber_type_name(wrong[i].type));
        if (error.code != wrong[i].code)
            fail_msg("%zu: %s: %s (%d)", i, ber_type_name(wrong[i].type), error.text, (int)error.code);
    }
}

/* A list type of `count` equal elements. */
static struct span list_of(uint8_t tag, struct span element, size_t count) {
    struct buf out;
    buf_init(&out, 0);
    size_t len = element.len * count;
    const uint8_t head[] = {tag, 0x83, (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};
    buf_append(&out, head, sizeof head);
    for (size_t i = 0; i < count; i++)
        buf_append(&out, element.data, element.len);
    struct span copy = arena_dup(&arena, buf_span(&out));
    buf_free(&out);
    return copy;
}

static void assert_bound(const struct ber_type *type, struct span octets, const char *bound) {
    struct ber_error error = {0};
    void *value;
    if (read_as(type, octets, &value, &error))
        fail_msg("%s was taken over %s", ber_type_name(type), bound);
    assert_int_equal(error.code, BER_BOUND);
    assert_string_equal(error.bound, bound);
}

static void taken(const struct ber_type *type, struct span octets) {
    struct ber_error error = {0};
    void *value;
    if (!read_as(type, octets, &value, &error))
        fail_msg("%s: %s", ber_type_name(type), error.text);
}

static void values_over_their_bounds_are_refused(void **state) {
    (void)state;
    taken(&x413_SequenceNumber_type, SPAN_LIT("\x02\x01\x00"));
    taken(&x413_SequenceNumber_type, SPAN_LIT("\x02\x04\x7F\xFF\xFF\xFF"));
    assert_bound(&x413_SequenceNumber_type, SPAN_LIT("\x02\x05\x00\x80\x00\x00\x00"), "ub-messages");
    taken(&x413_Selector_type, SPAN_LIT("\x31\x05\xA3\x03\x02\x01\x01"));
    struct span part = list_of(0x1B, SPAN_LIT("x"), 128), long_part = list_of(0x1B, SPAN_LIT("x"), 129);
    taken(&x413_MessageGroupName_type, list_of(0x30, part, 64));
    assert_bound(&x413_MessageGroupName_type, list_of(0x30, part, 65), "ub-group-depth");
    assert_bound(&x413_MessageGroupName_type, list_of(0x30, long_part, 1), "ub-group-part-length");
    struct span selection = SPAN_LIT("\x31\x06\x06\x04\x56\x04\x03\x27");
    taken(&x413_EntryInformationSelection_type, list_of(0x31, selection, 1024));
    assert_bound(&x413_EntryInformationSelection_type, list_of(0x31, selection, 1025), "ub-per-entry");
    taken(&x413at_MessageNote_type, list_of(0x1B, SPAN_LIT("n"), 1024));
    assert_bound(&x413at_MessageNote_type, list_of(0x1B, SPAN_LIT("n"), 1025), "ub-message-notes-length");
    assert_bound(&x413_AttributeProblem_type, SPAN_LIT("\x02\x01\x11"), "ub-error-reasons");
    struct ber_error error = {0};
    void *value;
    assert_false(read_as(&x413_SequenceNumber_type, SPAN_LIT("\x02\x01\xFF"), &value, &error));
    assert_int_equal(error.code, BER_BOUND);
    assert_false(read_as(&x413_Selector_type, SPAN_LIT("\x31\x05\xA3\x03\x02\x01\x00"), &value, &error));
    assert_int_equal(error.code, BER_BOUND);
}

/* `not` within `not`, 100,000 deep, with lengths that fit. */
static void a_filter_can_not_be_nested_without_end(void **state) {
    (void)state;
    enum { DEEP = 100000, SHALLOW = 20 };
    for (unsigned depth = SHALLOW; depth <= DEEP; depth += DEEP - SHALLOW) {
        struct buf out;
        buf_init(&out, 0);
        for (unsigned i = 0; i < depth; i++)
            buf_append(&out, "\xA3\x80", 2);
        buf_append(&out, PRESENT, sizeof PRESENT - 1);
        for (unsigned i = 0; i < depth; i++)
            buf_append(&out, "\0\0", 2);
        struct ber_error error = {0};
        void *value;
        bool read = read_as(&x413_Filter_type, buf_span(&out), &value, &error);
        if (read != (depth == SHALLOW) || (!read && error.code != BER_DEPTH && error.code != BER_LENGTH))
            fail_msg("%u deep: %s (%d)", depth, error.text, (int)error.code);
        buf_free(&out);
    }
}

static void parameters_of_auto_actions_are_explicit(void **state) {
    (void)state;
    const struct x413at_AutoAlertRegistrationParameter *alert =
        THROUGH(x413at_AutoAlertRegistrationParameter, "\x31\x11\xA0\x0A" PRESENT "\xA3\x03\x01\x01\x00");
    assert_int_equal(alert->filter->choice, x413_Filter_item);
    assert_false(alert->suppress_alert_destinations);
    const struct x413at_AutoAlertRegistrationParameter *plain =
        THROUGH(x413at_AutoAlertRegistrationParameter, "\x31\x00");
    assert_true(plain->suppress_alert_destinations);
    const struct x420aa_IPMAutoDiscardRegistrationParameter *discard =
        THROUGH(x420aa_IPMAutoDiscardRegistrationParameter,
                "\x31\x0F\xA2\x03\x01\x01\xFF\xA3\x03\x01\x01\x00\xA4\x03\x01\x01\xFF");
    assert_true(discard->auto_discard_expired_ipms);
    assert_false(discard->auto_discard_obsoleted_ipms);
    assert_true(discard->restrict_obsoleting_to_originator);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bind_has_explicit_tags),
        cmocka_unit_test(a_bind_error_is_a_number_or_more),
        cmocka_unit_test(a_filter_nests),
        cmocka_unit_test(a_fetch_takes_a_number_or_a_selector),
        cmocka_unit_test(results_of_1988_are_null),
        cmocka_unit_test(an_entry_carries_attributes_of_any_type),
        cmocka_unit_test(what_is_x_411s_keeps_its_tags),
        cmocka_unit_test(other_tags_are_refused),
        cmocka_unit_test(values_over_their_bounds_are_refused),
        cmocka_unit_test(a_filter_can_not_be_nested_without_end),
        cmocka_unit_test(parameters_of_auto_actions_are_explicit),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
