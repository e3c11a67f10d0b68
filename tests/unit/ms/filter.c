/* Filters by examples: each matching rule, what is undefined, and what is refused. */
#include "entries.h"

#include "ms/match.h"
#include "schema/x420.h"

#define IS(verdict, filter) assert_int_equal(decided(filter, &entry), verdict)
#define SUBJECT             x420ms_id_hat_subject
#define NUMBER              x413at_id_att_sequence_number
#define ORIGINATOR          x413at_id_att_originator_name
#define UNKNOWN             SPAN_LIT("\x2A\x03\x04")
#define PART(place_, value_)                                                                                 \
    { .place = (place_), .value = (value_) }

static struct entry one(struct span oid, struct span value) {
    struct entry entry = {0};
    entry_add(&entry, oid, value);
    return entry;
}

/* An ORAddress of country, ADMD, surname and given name; what is NULL is left out. */
static struct span address(const char *country, const char *admd, const char *surname, const char *given) {
    struct span standard[4] = {{NULL, 0}}, personal[3] = {{NULL, 0}};
    size_t count = 0, names = 0;
    if (country)
        standard[count++] = TLV(0x61, printable(country));
    if (admd)
        standard[count++] = TLV(0x62, printable(admd));
    if (surname)
        personal[names++] = string(0x80, surname);
    if (given)
        personal[names++] = string(0x81, given);
    if (names)
        standard[count++] = tlv(0xA5, personal);
    return TLV(0x30, tlv(0x30, standard));
}

/* The same within an ORName: of the tag of a type that stands for it. */
static struct span parts_of_name(unsigned tag, const char *country, const char *admd, const char *surname,
                                 const char *given) {
    struct ber_element element;
    enum ber_error_code why;
    struct span whole = address(country, admd, surname, given);
    assert_true(ber_element_read(whole, &element, &why));
    return TLV(tag, ber_element_contents(whole, &element));
}

/* An ORName of an address and a directory name of one attribute. */
static struct span named(const char *surname, const char *common_name) {
    struct span attribute = TLV(0x30, TLV(0x06, span_of("\x55\x04\x03", 3)), printable(common_name));
    struct ber_element element;
    enum ber_error_code why;
    struct span whole = address("GB", "Gold", surname, NULL);
    assert_true(ber_element_read(whole, &element, &why));
    return TLV(0x60, ber_element_contents(whole, &element), TLV(0xA0, TLV(0x30, TLV(0x31, attribute))));
}

static struct span or_name(const char *surname, const char *given) {
    return parts_of_name(0x60, "GB", "Gold", surname, given);
}

static struct span described(struct span formal_name) {
    return TLV(0x31, formal_name);
}

static struct span specified(struct span formal_name) {
    return TLV(0x31, TLV(0xA0, formal_name));
}

static void numbers_are_compared(void **state) {
    (void)state;
    struct entry entry = one(NUMBER, integer(5));
    entry_add(&entry, x413at_id_att_priority, tagged_number(0x47, 2));
    IS(MS_TRUE, equality(NUMBER, integer(5)));
    IS(MS_FALSE, equality(NUMBER, integer(6)));
    IS(MS_TRUE, approximate(NUMBER, integer(5)));
    IS(MS_TRUE, at_least(NUMBER, integer(5)));
    IS(MS_TRUE, at_least(NUMBER, integer(4)));
    IS(MS_FALSE, at_least(NUMBER, integer(6)));
    IS(MS_TRUE, at_most(NUMBER, integer(6)));
    IS(MS_FALSE, at_most(NUMBER, integer(4)));
    IS(MS_TRUE, equality(x413at_id_att_priority, tagged_number(0x47, 2)));
    IS(MS_TRUE, other(MS_INTEGER_ORDERING_MATCH, x413at_id_att_priority, integer(3)));
    IS(MS_FALSE, other(MS_INTEGER_ORDERING_MATCH, x413at_id_att_priority, integer(2)));
    IS(MS_FALSE, equality(x413at_id_att_entry_type, integer(0)));
}

static void times_are_compared_as_moments(void **state) {
    (void)state;
    struct entry entry = one(x413at_id_att_creation_time, string(0x17, "991231235900Z"));
    IS(MS_TRUE, equality(x413at_id_att_creation_time, string(0x17, "9912312359Z")));
    IS(MS_TRUE, equality(x413at_id_att_creation_time, string(0x17, "000101005900+0100")));
    IS(MS_TRUE, at_least(x413at_id_att_creation_time, string(0x17, "991231235859Z")));
    IS(MS_FALSE, at_least(x413at_id_att_creation_time, string(0x17, "000101000000Z")));
    IS(MS_UNDEFINED, equality(x413at_id_att_creation_time, string(0x17, "yesterday")));
}

static void text_is_compared_by_its_characters(void **state) {
    (void)state;
    /* in T.61 a diaeresis stands before its letter */
    struct entry entry = one(SUBJECT, teletex("  Gr\xC8u\xFB"
                                              "e   aus Ulm "));
    IS(MS_TRUE, equality(SUBJECT, teletex("gr\xC8U\xFB"
                                          "E AUS ulm")));
    IS(MS_FALSE, equality(SUBJECT, teletex("gruesse aus ulm")));
    struct span bmp = TLV(0x31, TLV(0x1E, span_of("\0U\0l\0m", 6)));
    entry_add(&entry, x420ms_id_hat_extended_subject, bmp);
    IS(MS_TRUE, equality(x420ms_id_hat_extended_subject, TLV(0x31, TLV(0x1E, span_of("\0u\0L\0M", 6)))));
    IS(MS_TRUE, other(MS_STRING_MATCH, x420ms_id_hat_extended_subject, printable("ULM")));
    IS(MS_TRUE,
       other(MS_SUBSTRINGS_MATCH, x420ms_id_hat_extended_subject, TLV(0x30, TLV(0xA1, printable("l")))));
    IS(MS_UNDEFINED,
       other(MS_SUBSTRINGS_MATCH, x420ms_id_hat_extended_subject, TLV(0x30, TLV(0xA3, printable("l")))));
    IS(MS_UNDEFINED, other(MS_SUBSTRINGS_MATCH, x420ms_id_hat_extended_subject,
                           TLV(0x30, TLV(0xA1, printable("l")), TLV(0xA0, printable("u")))));
}

static void parts_of_text_stand_in_order(void **state) {
    (void)state;
    struct entry entry = one(SUBJECT, teletex("Minutes of the  Meeting"));
    IS(MS_TRUE, SUBSTRINGS(SUBJECT, PART(INITIAL, teletex("minutes"))));
    IS(MS_TRUE, SUBSTRINGS(SUBJECT, PART(FINAL, teletex("ing"))));
    IS(MS_TRUE, SUBSTRINGS(SUBJECT, PART(ANY, teletex(" of "))));
    IS(MS_FALSE, SUBSTRINGS(SUBJECT, PART(ANY, teletex(" fo "))));
    IS(MS_TRUE, SUBSTRINGS(SUBJECT, PART(INITIAL, teletex("min")), PART(ANY, teletex("of")),
                           PART(ANY, teletex("THE ")), PART(FINAL, teletex("meeting"))));
    IS(MS_FALSE, SUBSTRINGS(SUBJECT, PART(ANY, teletex("the")), PART(ANY, teletex("of"))));
    IS(MS_FALSE,
       SUBSTRINGS(SUBJECT, PART(INITIAL, teletex("minutes of the meet")), PART(FINAL, teletex("meeting"))));
    IS(MS_FALSE, SUBSTRINGS(SUBJECT, PART(INITIAL, teletex("of"))));
    IS(MS_FALSE, SUBSTRINGS(SUBJECT, PART(FINAL, teletex("meet"))));
    IS(MS_UNDEFINED, SUBSTRINGS(SUBJECT, PART(FINAL, teletex("ing")), PART(ANY, teletex("of"))));
    IS(MS_UNDEFINED, SUBSTRINGS(SUBJECT, PART(ANY, teletex("of")), PART(INITIAL, teletex("min"))));
    IS(MS_UNDEFINED, SUBSTRINGS(NUMBER, PART(ANY, integer(1))));
}

static void names_are_compared_by_their_attributes(void **state) {
    (void)state;
    struct entry entry = one(ORIGINATOR, or_name("Smith", "Ann"));
    IS(MS_TRUE, equality(ORIGINATOR, parts_of_name(0x60, "gb", "GOLD", "SMITH", "ann")));
    IS(MS_FALSE, equality(ORIGINATOR, or_name("Smith", NULL)));
    IS(MS_TRUE, other(MS_OR_NAME_ELEMENTS_MATCH, ORIGINATOR, parts_of_name(0x60, NULL, NULL, "smith", NULL)));
    IS(MS_FALSE, other(MS_OR_NAME_ELEMENTS_MATCH, ORIGINATOR, parts_of_name(0x60, NULL, NULL, "smi", NULL)));
    IS(MS_TRUE,
       other(MS_OR_NAME_SUBSTRING_ELEMENTS_MATCH, ORIGINATOR, parts_of_name(0x60, NULL, "OL", "mit", NULL)));
    IS(MS_FALSE,
       other(MS_OR_NAME_SUBSTRING_ELEMENTS_MATCH, ORIGINATOR, parts_of_name(0x60, NULL, NULL, "ann", NULL)));
    IS(MS_TRUE, other(MS_OR_NAME_SINGLE_ELEMENT_MATCH, ORIGINATOR, printable("ANN")));
    IS(MS_FALSE, other(MS_OR_NAME_SINGLE_ELEMENT_MATCH, ORIGINATOR, printable("an")));
    IS(MS_UNDEFINED, other(MS_OR_DESCRIPTOR_MATCH, ORIGINATOR, described(or_name("Smith", "Ann"))));
    IS(MS_FALSE, equality(ORIGINATOR, parts_of_name(0x60, NULL, NULL, NULL, NULL)));
    IS(MS_FALSE, other(MS_OR_NAME_ELEMENTS_MATCH, ORIGINATOR, named("Smith", "Ann")));
    entry = one(ORIGINATOR, named("Smith", "Ann  S"));
    IS(MS_TRUE, equality(ORIGINATOR, named("smith", "ann s")));
    IS(MS_FALSE, equality(ORIGINATOR, named("Smith", "Bob")));
    IS(MS_TRUE, equality(ORIGINATOR, or_name("Smith", NULL)));
    IS(MS_FALSE, other(MS_OR_NAME_SUBSTRING_ELEMENTS_MATCH, ORIGINATOR, named("mi", "Ann")));
    IS(MS_TRUE, other(MS_OR_NAME_SUBSTRING_ELEMENTS_MATCH, ORIGINATOR, named("mi", "Ann S")));
}

static void of_several_values_one_is_enough(void **state) {
    (void)state;
    struct entry entry = one(x420ms_id_hat_primary_recipients, specified(or_name("Smith", NULL)));
    entry_add(&entry, x420ms_id_hat_primary_recipients, specified(or_name("Jones", "Bob")));
    IS(MS_TRUE, equality(x420ms_id_hat_primary_recipients, specified(or_name("jones", "bob"))));
    IS(MS_FALSE, equality(x420ms_id_hat_primary_recipients, specified(or_name("Smith", "Bob"))));
    IS(MS_TRUE,
       other(MS_RECIPIENT_SPECIFIER_SINGLE_ELEMENT_MATCH, x420ms_id_hat_primary_recipients, general("bob")));
    IS(MS_TRUE, other(MS_RECIPIENT_SPECIFIER_ELEMENTS_MATCH, x420ms_id_hat_primary_recipients,
                      specified(parts_of_name(0x60, "GB", NULL, NULL, NULL))));
}

static void descriptors_are_compared_by_what_both_have(void **state) {
    (void)state;
    struct span originator = x420ms_id_hat_originator;
    struct span ann = TLV(0x31, or_name("Smith", "Ann"), string(0x80, "Ann S."), string(0x81, "+44 1"));
    struct entry entry = one(originator, ann);
    IS(MS_TRUE, equality(originator, described(or_name("Smith", "Ann"))));
    IS(MS_FALSE, equality(originator, TLV(0x31, or_name("Smith", "Bob"), string(0x80, "Ann S."))));
    IS(MS_TRUE, equality(originator, TLV(0x31, string(0x80, "ann s."))));
    IS(MS_FALSE, equality(originator, TLV(0x31, string(0x80, "ann s."), string(0x81, "+44 2"))));
    IS(MS_FALSE, equality(originator, EMPTY(0x31)));
    IS(MS_TRUE, other(MS_OR_DESCRIPTOR_SUBSTRING_ELEMENTS_MATCH, originator, TLV(0x31, string(0x80, "nn"))));
    IS(MS_TRUE, other(MS_OR_DESCRIPTOR_SINGLE_ELEMENT_MATCH, originator, printable("ann s.")));
}

static void histories_are_compared_by_their_names(void **state) {
    (void)state;
    struct span time = string(0x17, "991231235900Z");
    struct entry entry = one(x413at_id_att_dl_expansion_history, TLV(0x30, or_name("List", NULL), time));
    entry_add(&entry, x413at_id_att_redirection_history,
              TLV(0x30, TLV(0x30, or_name("Smith", NULL), time), tagged_number(0x0A, 4)));
    IS(MS_TRUE, other(MS_REDIRECTION_OR_DL_EXPANSION_MATCH, x413at_id_att_dl_expansion_history,
                      or_name("LIST", NULL)));
    IS(MS_TRUE, other(MS_REDIRECTION_OR_DL_EXPANSION_MATCH, x413at_id_att_redirection_history,
                      or_name("SMITH", NULL)));
    IS(MS_TRUE, other(MS_REDIRECTION_OR_DL_EXPANSION_SINGLE_ELEMENT_MATCH, x413at_id_att_redirection_history,
                      general("smith")));
    IS(MS_TRUE,
       other(MS_REDIRECTION_REASON_MATCH, x413at_id_att_redirection_history, tagged_number(0x0A, 4)));
    IS(MS_FALSE,
       other(MS_REDIRECTION_REASON_MATCH, x413at_id_att_redirection_history, tagged_number(0x0A, 0)));
    IS(MS_UNDEFINED,
       other(MS_REDIRECTION_REASON_MATCH, x413at_id_att_dl_expansion_history, tagged_number(0x0A, 0)));
    IS(MS_UNDEFINED, equality(x413at_id_att_dl_expansion_history, TLV(0x30, or_name("List", NULL), time)));
}

static void groups_are_lists_of_texts(void **state) {
    (void)state;
    struct span group = x413at_id_att_message_group_name;
    struct entry entry = one(group, TLV(0x30, general("Work"), general("Plans")));
    IS(MS_TRUE, equality(group, TLV(0x30, general("WORK"), general("plans"))));
    IS(MS_FALSE, equality(group, TLV(0x30, general("work"))));
    IS(MS_FALSE, equality(group, TLV(0x30, general("work"), general("plans"), general("x"))));
    IS(MS_TRUE, other(MS_STRING_LIST_ELEMENTS_MATCH, group, TLV(0x30, printable("plans"))));
    IS(MS_FALSE, other(MS_STRING_LIST_ELEMENTS_MATCH, group, TLV(0x30, printable("plan"))));
    IS(MS_TRUE, other(MS_SINGLE_SUBSTRING_LIST_MATCH, group, TLV(0x30, printable("or"), printable("lan"))));
    IS(MS_FALSE, other(MS_SINGLE_SUBSTRING_LIST_MATCH, group, TLV(0x30, printable("lan"), printable("or"))));
    IS(MS_FALSE, other(MS_SINGLE_SUBSTRING_LIST_MATCH, group,
                       TLV(0x30, printable("or"), printable("lan"), printable("x"))));
    IS(MS_TRUE,
       other(MS_SINGLE_SUBSTRING_LIST_ELEMENTS_MATCH, group, TLV(0x30, printable("lan"), printable("or"))));
    IS(MS_TRUE, other(MS_VALUE_COUNT_MATCH, group, integer(1)));
    IS(MS_FALSE, other(MS_VALUE_COUNT_MATCH, group, integer(2)));
}

static void identifiers_are_compared(void **state) {
    (void)state;
    struct span mts =
        TLV(0x64, TLV(0x63, TLV(0x61, printable("GB")), TLV(0x62, printable("GOLD"))), string(0x16, "x-1"));
    struct span same =
        TLV(0x64, TLV(0x63, TLV(0x61, printable("gb")), TLV(0x62, printable("gold"))), string(0x16, "x-1"));
    struct entry entry = one(x413at_id_att_message_identifier, mts);
    entry_add(&entry, x413at_id_att_content_identifier, string(0x4A, "Id  1"));
    entry_add(&entry, x420ms_id_hat_this_ipm, TLV(0x6B, or_name("Smith", NULL), printable("M-1")));
    entry_add(&entry, x413at_id_att_content_correlator, string(0x16, "c"));
    IS(MS_TRUE, equality(x413at_id_att_message_identifier, same));
    IS(MS_TRUE, other(MS_CONTENT_IDENTIFIER_MATCH, x413at_id_att_content_identifier, string(0x4A, "Id  1")));
    IS(MS_FALSE, equality(x413at_id_att_content_identifier, string(0x4A, "id  1")));
    IS(MS_TRUE, equality(x420ms_id_hat_this_ipm, TLV(0x6B, or_name("SMITH", NULL), printable("M-1"))));
    IS(MS_FALSE, equality(x420ms_id_hat_this_ipm, TLV(0x6B, or_name("SMITH", NULL), printable("M-2"))));
    IS(MS_FALSE, equality(x420ms_id_hat_this_ipm, TLV(0x6B, printable("M-1"))));
    IS(MS_TRUE, equality(x413at_id_att_content_correlator, string(0x16, "c")));
    IS(MS_FALSE, equality(x413at_id_att_content_correlator, string(0x04, "c")));
}

static void bits_and_flags_are_compared(void **state) {
    (void)state;
    struct entry entry = one(x413at_id_att_per_message_indicators, TLV(0x48, span_of("\x00\x40\x00", 3)));
    entry_add(&entry, x413at_id_att_content_returned, TLV(0x01, span_of("\xFF", 1)));
    entry_add(&entry, x413at_id_att_content_type, TLV(0x06, span_of("\x56\x01\x0A\x01", 4)));
    IS(MS_TRUE, equality(x413at_id_att_per_message_indicators, TLV(0x48, span_of("\x06\x40", 2))));
    IS(MS_FALSE, equality(x413at_id_att_per_message_indicators, TLV(0x48, span_of("\x06\xC0", 2))));
    IS(MS_TRUE, equality(x413at_id_att_content_returned, TLV(0x01, span_of("\x01", 1))));
    IS(MS_FALSE, equality(x413at_id_att_content_returned, TLV(0x01, span_of("\x00", 1))));
    IS(MS_TRUE, equality(x413at_id_att_content_type, TLV(0x06, span_of("\x56\x01\x0A\x01", 4))));
}

static void x_420s_own_rules(void **state) {
    (void)state;
    struct span member = x420ms_id_hat_circulation_list_recipients, code = x420ms_id_hat_distribution_codes,
                category = x420ms_id_hat_information_category, oid = TLV(0x06, span_of("\x2A\x03", 2));
    struct span alpha = TLV(0x31, TLV(0x1E, span_of("\0A", 2)));
    struct entry entry = one(x420ms_id_cat_obsoleted_ipms, TLV(0x31, integer(4), integer(7)));
    entry_add(&entry, member, TLV(0x31, specified(or_name("Smith", NULL)), EMPTY(0x05)));
    entry_add(&entry, code, TLV(0x30, oid, alpha));
    entry_add(&entry, category, TLV(0x30, string(0x80, "\x2A\x03")));
    IS(MS_TRUE, other(MS_IPM_LOCATION_MATCH, x420ms_id_cat_obsoleted_ipms, integer(7)));
    IS(MS_FALSE, other(MS_IPM_LOCATION_MATCH, x420ms_id_cat_obsoleted_ipms, integer(5)));
    IS(MS_TRUE, equality(member, TLV(0x31, specified(or_name("smith", NULL)))));
    IS(MS_TRUE,
       other(MS_CIRCULATION_MEMBER_CHECKMARK_MATCH, member, TLV(0x31, specified(or_name("X", NULL)))));
    struct entry unchecked = one(member, TLV(0x31, specified(or_name("Smith", NULL))));
    assert_int_equal(decided(other(MS_CIRCULATION_MEMBER_CHECKMARK_MATCH, member,
                                   TLV(0x31, specified(or_name("Smith", NULL)))),
                             &unchecked),
                     MS_FALSE);
    IS(MS_TRUE, equality(code, TLV(0x30, oid, TLV(0x31, TLV(0x1E, span_of("\0a", 2))))));
    IS(MS_FALSE, equality(code, TLV(0x30, oid)));
    IS(MS_TRUE, equality(code, TLV(0x30, alpha)));
    IS(MS_TRUE,
       equality(category, TLV(0x30, string(0x80, "\x2A\x03"), TLV(0xA1, TLV(0x1E, span_of("\0x", 2))))));
    IS(MS_FALSE, equality(category, TLV(0x30, string(0x80, "\x2A\x04"))));
    IS(MS_FALSE, equality(category, TLV(0x30, TLV(0xA1, TLV(0x1E, span_of("\0x", 2))))));
    struct span described_category = TLV(0xA1, TLV(0x1E, span_of("\0y", 2)));
    entry = one(category, TLV(0x30, string(0x80, "\x2A\x03"), described_category));
    IS(MS_FALSE, equality(category, TLV(0x30, described_category)));
    entry = one(category, TLV(0x30, described_category));
    IS(MS_TRUE, equality(category, TLV(0x30, described_category)));
}

/* ---- rules that no attribute of the tables has ---- */

static bool rule_holds(enum ms_matching_rule rule, struct span asserted, struct span stored) {
    struct ms_operand a, b;
    const struct ms_comparison *comparison = ms_comparison(rule);
    const struct ber_type *type = ms_matching_rule_row(rule)->type;
    assert_int_equal(ms_operand_read(comparison->asserted, type, asserted, &arena, &a), MS_READ);
    assert_int_equal(ms_operand_read(comparison->stored, type, stored, &arena, &b), MS_READ);
    return comparison->matches(&a, &b);
}

static void rules_for_attributes_to_come(void **state) {
    (void)state;
    assert_true(rule_holds(MS_STRING_CASE_SENSITIVE_MATCH, printable("Ann"), general("Ann")));
    assert_false(rule_holds(MS_STRING_CASE_SENSITIVE_MATCH, printable("ann"), general("Ann")));
    assert_true(rule_holds(MS_STRING_ORDERING_MATCH, printable("b"), printable("A")));
    assert_false(rule_holds(MS_STRING_ORDERING_MATCH, printable("a"), printable("A")));
    struct span ann = address("GB", "Gold", "Smith", "Ann");
    assert_true(rule_holds(MS_OR_ADDRESS_MATCH, address("gb", "gold", "smith", "ann"), ann));
    assert_false(rule_holds(MS_OR_ADDRESS_MATCH, address("gb", "gold", "smith", NULL), ann));
    assert_true(rule_holds(MS_OR_ADDRESS_ELEMENTS_MATCH, address(NULL, NULL, "smith", NULL), ann));
    assert_false(rule_holds(MS_OR_ADDRESS_ELEMENTS_MATCH, address(NULL, NULL, "smit", NULL), ann));
    assert_true(rule_holds(MS_OR_ADDRESS_SUBSTRING_ELEMENTS_MATCH, address(NULL, NULL, "smit", NULL), ann));
    assert_false(rule_holds(MS_OR_ADDRESS_SUBSTRING_ELEMENTS_MATCH, address(NULL, NULL, "x", NULL), ann));
    struct ms_operand a = {.text = span_str("a")}, b = {.text = span_str("b")};
    assert_true(ms_comparison(MS_STRING_ORDERING_MATCH)->order(&a, &b) > 0);
}

/* ---- what is undefined ---- */

static void undefined_stays_so(void **state) {
    (void)state;
    struct entry entry = one(NUMBER, integer(5));
    struct x413_Filter yes = equality(NUMBER, integer(5)), no = equality(NUMBER, integer(6)),
                       unknown = present(UNKNOWN);
    IS(MS_UNDEFINED, unknown);
    IS(MS_UNDEFINED, NONE_OF(unknown));
    IS(MS_FALSE, NONE_OF(yes));
    IS(MS_TRUE, NONE_OF(no));
    IS(MS_UNDEFINED, ALL(yes, unknown));
    IS(MS_FALSE, ALL(unknown, no));
    IS(MS_TRUE, SOME(unknown, yes));
    IS(MS_UNDEFINED, SOME(unknown, no));
    IS(MS_TRUE, joined(x413_Filter_and, NULL, 0));
    IS(MS_FALSE, joined(x413_Filter_or, NULL, 0));
    IS(MS_FALSE, NONE_OF(joined(x413_Filter_and, NULL, 0)));
    IS(MS_TRUE, ALL(SOME(no, ALL(yes, NONE_OF(no))), yes));
    IS(MS_TRUE, present(NUMBER));
    IS(MS_FALSE, present(SUBJECT));
    IS(MS_TRUE, NONE_OF(equality(SUBJECT, teletex("x"))));
    struct entry *none = &entry;
    struct ms_values values = {entry_get, none};
    assert_int_equal(ms_filter_decide(prepared(NULL), &values, &arena), MS_TRUE);
}

static void what_is_wrong_with_items_is_told(void **state) {
    (void)state;
    struct x413_Filter filter =
        ALL(equality(NUMBER, integer(5)), NONE_OF(equality(NUMBER, teletex("five"))), present(UNKNOWN),
            SOME(at_least(SUBJECT, teletex("a")), equality(x413at_id_att_content, string(0x04, "c"))),
            other(MS_STRING_MATCH, NUMBER, printable("x")));
    static const int64_t wanted[] = {
        x413_AttributeProblem_invalid_attribute_value, x413_AttributeProblem_unavailable_attribute_type,
        x413_AttributeProblem_inappropriate_matching, x413_AttributeProblem_inappropriate_matching,
        x413_AttributeProblem_inappropriate_matching};
    const struct ms_filter *made = prepared(&filter);
    struct ms_filter_problem problem;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        assert_true(ms_filter_problem(made, i, &problem));
        assert_int_equal(problem.problem, wanted[i]);
        if (i == 0)
            assert_true(span_eq(problem.type, NUMBER) && span_eq(problem.value, teletex("five")));
        if (i == 1)
            assert_true(span_eq(problem.type, UNKNOWN) && !problem.value.data);
    }
    assert_false(ms_filter_problem(made, sizeof wanted / sizeof wanted[0], &problem));
}

/* ---- limits ---- */

static void only_what_decides_is_asked_for(void **state) {
    (void)state;
    struct entry entry = one(NUMBER, integer(5));
    struct x413_Filter yes = equality(NUMBER, integer(5)), no = equality(NUMBER, integer(6));
    IS(MS_FALSE, ALL(no, yes, SOME(yes, no)));
    assert_int_equal(entry.asked, 1);
    entry.asked = 0;
    IS(MS_TRUE, SOME(ALL(yes, no, yes), yes, no));
    assert_int_equal(entry.asked, 3);
}

static void what_is_too_much_work_is_left_undecided(void **state) {
    (void)state;
    struct entry entry = one(NUMBER, integer(5));
    struct arena scratch;
    uint64_t work = 3;
    struct ms_values values = {entry_get, &entry, &work};
    struct x413_Filter none = equality(NUMBER, integer(6)), some = SOME(none, none),
                       text = equality(SUBJECT, teletex("x"));
    arena_init(&scratch, 1 << 16);
    assert_int_equal(ms_filter_decide(prepared(&some), &values, &scratch), MS_FALSE);
    assert_int_equal(work, 1);
    assert_int_equal(ms_filter_decide(prepared(&none), &values, &scratch), MS_UNDECIDED);
    assert_int_equal(work, 0);
    assert_int_equal(ms_filter_decide(prepared(&none), &values, &scratch), MS_UNDECIDED);
    char long_text[200] = {0};
    memset(long_text, 'a', sizeof long_text - 1);
    entry_add(&entry, SUBJECT, teletex(long_text));
    work = 5;
    assert_int_equal(ms_filter_decide(prepared(&text), &values, &scratch), MS_FALSE);
    assert_int_equal(work, 1);
    arena_free(&scratch);
}

static void values_that_can_not_be_had_leave_it_undecided(void **state) {
    (void)state;
    struct entry entry = one(NUMBER, integer(5));
    entry_add(&entry, SUBJECT, teletex("long enough to need more than that"));
    entry.fails = true;
    IS(MS_UNDECIDED, SOME(NONE_OF(equality(NUMBER, integer(5))), present(NUMBER)));
    entry.fails = false;
    struct x413_Filter filter = NONE_OF(equality(SUBJECT, teletex("x")));
    struct ms_values values = {entry_get, &entry};
    struct arena scratch;
    arena_init(&scratch, 16);
    assert_int_equal(ms_filter_decide(prepared(&filter), &values, &scratch), MS_UNDECIDED);
    arena_free(&scratch);
    enum ms_filter_error why;
    arena_init(&scratch, 64);
    assert_null(ms_filter_prepare(&filter, &scratch, &why));
    assert_int_equal(why, MS_FILTER_MEMORY);
    arena_free(&scratch);
}

/* A value in an entry that is none of its type matches nothing, and harms nothing. */
static void broken_values_match_nothing(void **state) {
    (void)state;
    struct entry entry = one(SUBJECT, integer(5));
    entry_add(&entry, NUMBER, EMPTY(0x02));
    entry_add(&entry, ORIGINATOR, TLV(0x60, span_of("\x30\x7F", 2)));
    entry_add(&entry, x413at_id_att_message_group_name, TLV(0x30, span_of("\x1B\x7Fx", 3)));
    IS(MS_FALSE, equality(SUBJECT, teletex("x")));
    IS(MS_FALSE, at_least(NUMBER, integer(0)));
    IS(MS_FALSE, equality(ORIGINATOR, or_name("Smith", NULL)));
    IS(MS_FALSE, equality(x413at_id_att_message_group_name, TLV(0x30, general("x"))));
    IS(MS_TRUE, present(SUBJECT));
}

static struct x413_Filter nested(size_t depth) {
    struct x413_Filter filter = equality(NUMBER, integer(5));
    for (size_t i = 0; i < depth; i++)
        filter = NONE_OF(filter);
    return filter;
}

static void depth_and_size_are_bounded(void **state) {
    (void)state;
    struct entry entry = one(NUMBER, integer(5));
    IS(MS_TRUE, nested(MS_FILTER_DEPTH));
    IS(MS_FALSE, nested(MS_FILTER_DEPTH - 1));
    enum ms_filter_error why = 0;
    struct x413_Filter deep = nested(MS_FILTER_DEPTH + 1);
    assert_null(ms_filter_prepare(&deep, &arena, &why));
    assert_int_equal(why, MS_FILTER_TOO_LARGE);
    struct x413_Filter *many = arena_array(&arena, MS_FILTER_NODES, sizeof *many);
    assert_non_null(many);
    for (size_t i = 0; i < MS_FILTER_NODES; i++)
        many[i] = present(NUMBER);
    struct x413_Filter most = {.choice = x413_Filter_and, .u.and = {many, MS_FILTER_NODES - 1}}, more = most;
    more.u.and.count++;
    struct arena room;
    arena_init(&room, 1 << 25);
    assert_non_null(ms_filter_prepare(&most, &room, &why));
    assert_null(ms_filter_prepare(&more, &room, &why));
    assert_int_equal(why, MS_FILTER_TOO_LARGE);
    arena_free(&room);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_compared),
        cmocka_unit_test(times_are_compared_as_moments),
        cmocka_unit_test(text_is_compared_by_its_characters),
        cmocka_unit_test(parts_of_text_stand_in_order),
        cmocka_unit_test(names_are_compared_by_their_attributes),
        cmocka_unit_test(of_several_values_one_is_enough),
        cmocka_unit_test(descriptors_are_compared_by_what_both_have),
        cmocka_unit_test(histories_are_compared_by_their_names),
        cmocka_unit_test(groups_are_lists_of_texts),
        cmocka_unit_test(identifiers_are_compared),
        cmocka_unit_test(bits_and_flags_are_compared),
        cmocka_unit_test(x_420s_own_rules),
        cmocka_unit_test(rules_for_attributes_to_come),
        cmocka_unit_test(undefined_stays_so),
        cmocka_unit_test(what_is_wrong_with_items_is_told),
        cmocka_unit_test(only_what_decides_is_asked_for),
        cmocka_unit_test(what_is_too_much_work_is_left_undecided),
        cmocka_unit_test(values_that_can_not_be_had_leave_it_undecided),
        cmocka_unit_test(broken_values_match_nothing),
        cmocka_unit_test(depth_and_size_are_bounded),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
