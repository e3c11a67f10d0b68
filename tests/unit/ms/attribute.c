/*
 * The tables of attribute types, matching rules and auto-actions: their document, and that they say what the
 * modules say. CHASQUI_WRITE_DOCS=1 writes docs/ms-attributes.md anew.
 */
#include "../arena_room.h"
#include "../document.h"

#include "asn1/table.h"
#include "base/buf.h"
#include "ms/attribute.h"
#include "ms/auto_action.h"
#include "schema/x413.h"
#include "schema/x413at.h"
#include "schema/x420aa.h"
#include "schema/x420ms.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- against the modules ---- */

static void assert_in_table(const struct ber_table *table, struct span oid, const char *name,
                            const struct ber_type *type) {
    const struct ber_table_row *row = ber_table_by_oid(table, oid);
    if (!row)
        fail_msg("%s has no row of %s's identifier", table->name, name);
    assert_string_equal(row->name, name);
    assert_ptr_equal(row->type, type);
}

static void attribute_types_are_those_of_the_modules(void **state) {
    (void)state;
    const struct ber_table *const tables[] = {&x413at_AttributeTable_table, &x420ms_IPMSAttributeTable_table};
    size_t count[COUNT(tables)] = {0};
    const struct ms_attribute *attribute, *before = NULL;
    for (size_t i = 0; (attribute = ms_attribute_at(i)); i++) {
        assert_in_table(tables[attribute->origin], attribute->oid, attribute->name, attribute->type);
        assert_ptr_equal(ms_attribute_by_oid(attribute->oid), attribute);
        if (before && before->origin == attribute->origin && span_cmp(before->oid, attribute->oid) >= 0)
            fail_msg("%s stands behind %s", attribute->name, before->name);
        count[attribute->origin]++;
        before = attribute;
    }
    assert_int_equal(count[MS_GENERAL], tables[MS_GENERAL]->oid_count);
    assert_int_equal(count[MS_IPM], tables[MS_IPM]->oid_count);
    assert_int_equal(ms_attribute_count(), count[MS_GENERAL] + count[MS_IPM]);
    assert_null(ms_attribute_by_oid(SPAN_LIT("\x56\x04\x03\x2D"))); /* the 45th is not assigned */
    assert_null(ms_attribute_by_oid(SPAN_LIT("\x56\x04\x03")));
    assert_null(ms_attribute_by_oid((struct span){NULL, 0}));
}

static void matching_rules_are_those_of_the_modules(void **state) {
    (void)state;
    size_t general = 0, ipm = 0;
    for (int i = MS_NO_MATCH + 1; i < MS_MATCHING_RULES; i++) {
        const struct ms_matching_rule_row *rule = ms_matching_rule_row((enum ms_matching_rule)i);
        assert_non_null(rule);
        assert_non_null(rule->name);
        assert_in_table(rule->is_ipm ? &x420ms_IPMMatchingRuleTable_table : &x413at_MatchingRuleTable_table,
                        rule->oid, rule->name, rule->type);
        assert_int_equal(ms_matching_rule_by_oid(rule->oid), i);
        general += !rule->is_ipm;
        ipm += rule->is_ipm;
    }
    assert_int_equal(general, x413at_MatchingRuleTable_table.oid_count);
    assert_int_equal(ipm, x420ms_IPMMatchingRuleTable_table.oid_count);
    assert_null(ms_matching_rule_row(MS_NO_MATCH));
    assert_null(ms_matching_rule_row(MS_MATCHING_RULES));
    assert_int_equal(ms_matching_rule_by_oid(SPAN_LIT("\x55\x0D\x01")), MS_NO_MATCH);
}

static void auto_actions_are_those_of_the_modules(void **state) {
    (void)state;
    const struct ber_table *const tables[] = {&x413at_AutoActionTable_table,
                                              &x420aa_IPMAutoActionTable_table};
    size_t with_parameter = 0;
    const struct ms_auto_action *action;
    for (size_t i = 0; (action = ms_auto_action_at(i)); i++) {
        assert_ptr_equal(ms_auto_action_by_oid(action->oid), action);
        if (action->parameter)
            assert_in_table(tables[action->origin], action->oid, action->name, action->parameter);
        else
            assert_null(ber_table_by_oid(tables[action->origin], action->oid));
        with_parameter += action->parameter != NULL;
    }
    assert_int_equal(with_parameter, tables[MS_GENERAL]->oid_count + tables[MS_IPM]->oid_count);
    assert_null(ms_auto_action_by_oid(SPAN_LIT("\x56\x04\x04\x05")));
}

/* ---- rules and types ---- */

/* The kinds of types that a rule compares; others only where it is of the very type. */
static bool suits(enum ms_matching_rule rule, const struct ms_attribute *attribute) {
    enum ber_kind kind = attribute->type->kind;
    switch (rule) {
    case MS_INTEGER_MATCH:
    case MS_INTEGER_ORDERING_MATCH:
        return kind == BER_KIND_INTEGER || kind == BER_KIND_ENUMERATED;
    case MS_STRING_MATCH: /* a text, or the texts of X.411's UniversalOrBMPString */
    case MS_SUBSTRINGS_MATCH:
        return (kind >= BER_KIND_UTF8STRING && kind <= BER_KIND_BMPSTRING) || kind == BER_KIND_SET;
    case MS_STRING_LIST_MATCH:
        return kind == BER_KIND_SEQUENCE_OF;
    default:
        return kind == ms_matching_rule_row(rule)->type->kind &&
               (kind < BER_KIND_ANY ? attribute->type->fields == ms_matching_rule_row(rule)->type->fields ||
                                          attribute->type->count == ms_matching_rule_row(rule)->type->count
                                    : true);
    }
}

static void rules_suit_the_types_of_values(void **state) {
    (void)state;
    const struct ms_attribute *attribute;
    for (size_t i = 0; (attribute = ms_attribute_at(i)); i++) {
        const enum ms_matching_rule rules[] = {attribute->equality, attribute->ordering,
                                               attribute->substrings};
        for (size_t k = 0; k < COUNT(rules); k++) {
            if (rules[k] == MS_NO_MATCH)
                continue;
            if (!suits(rules[k], attribute))
                fail_msg("%s has %s", attribute->name, ms_matching_rule_row(rules[k])->name);
            assert_true(ms_attribute_has_rule(attribute, rules[k]));
        }
        if (attribute->edition == MS_1988 && attribute->equality != MS_NO_MATCH && !attribute->other_matches)
            assert_false(ms_attribute_has_rule(attribute, MS_VALUE_COUNT_MATCH));
    }
    const struct ms_attribute *group = ms_attribute_by_oid(x413at_id_att_message_group_name);
    assert_true(ms_attribute_has_rule(group, MS_VALUE_COUNT_MATCH));
    assert_true(ms_attribute_has_rule(group, MS_STRING_LIST_MATCH));
    assert_false(ms_attribute_has_rule(group, MS_STRING_MATCH));
    assert_false(ms_attribute_has_rule(group, MS_NO_MATCH));
    const struct ms_attribute *originator = ms_attribute_by_oid(x413at_id_att_originator_name);
    assert_true(ms_attribute_has_rule(originator, MS_OR_NAME_SINGLE_ELEMENT_MATCH));
}

/* An attribute with an ordering has an equality too; content-length alone has no equality (X.413 §11.2.7). */
static void what_is_ordered_is_compared(void **state) {
    (void)state;
    const struct ms_attribute *attribute;
    for (size_t i = 0; (attribute = ms_attribute_at(i)); i++)
        if (attribute->ordering != MS_NO_MATCH && attribute->equality == MS_NO_MATCH)
            assert_string_equal(attribute->name, "ms-content-length");
}

/* ---- entry classes ---- */

static bool in(struct span oid, int64_t entry_class) {
    const struct ms_attribute *attribute = ms_attribute_by_oid(oid);
    assert_non_null(attribute);
    return ms_attribute_in_class(attribute, entry_class);
}

static void classes_hold_what_they_may(void **state) {
    (void)state;
    const struct ms_attribute *attribute;
    for (size_t i = 0; (attribute = ms_attribute_at(i)); i++) {
        assert_int_not_equal(attribute->entry_types, 0);
        assert_int_not_equal(attribute->entry_classes, 0);
    }
    for (int64_t class = x413_EntryClass_delivery; class <= x413_EntryClass_auto_action_log; class ++)
        assert_true(in(x413at_id_att_sequence_number, class));
    assert_true(in(x413at_id_att_content, x413_EntryClass_delivery));
    assert_true(in(x413at_id_att_content, x413_EntryClass_stored_message));
    assert_false(in(x413at_id_att_content, x413_EntryClass_message_log));
    assert_false(in(x413at_id_att_content, x413_EntryClass_auto_action_log));
    assert_true(in(x413at_id_att_deletion_time, x413_EntryClass_delivery_log));
    assert_true(in(x413at_id_att_deletion_time, x413_EntryClass_message_log));
    assert_false(in(x413at_id_att_deletion_time, x413_EntryClass_stored_message));
    assert_true(in(x413at_id_att_auto_action_error, x413_EntryClass_auto_action_log));
    assert_false(in(x413at_id_att_auto_action_error, x413_EntryClass_delivery));
    assert_true(in(x413at_id_att_message_submission_envelope, x413_EntryClass_draft));
    assert_false(in(x413at_id_att_message_submission_envelope, x413_EntryClass_delivery));
    assert_true(in(x420ms_id_sat_ipm_auto_discarded, x413_EntryClass_delivery_log));
    assert_false(in(x420ms_id_sat_ipm_auto_discarded, x413_EntryClass_delivery));
    assert_false(in(x420ms_id_bat_body, x413_EntryClass_submission_log));
    assert_int_equal(ms_entry_classes(x413_EntryClass_auto_action_log + 1), 0);
    assert_int_equal(ms_entry_classes(-1), 0);
}

static void editions_are_told(void **state) {
    (void)state;
    size_t old = 0;
    const struct ms_attribute *attribute;
    for (size_t i = 0; (attribute = ms_attribute_at(i)); i++)
        old += attribute->edition == MS_1988;
    assert_int_equal(old, 42 + 60);
    assert_int_equal(ms_attribute_by_oid(x413at_id_att_message_group_name)->edition, MS_1994);
    assert_int_equal(ms_attribute_by_oid(x420ms_id_hat_subject)->edition, MS_1988);
    assert_true(ms_matching_rule_row(MS_OR_NAME_MATCH)->is_1988);
    assert_false(ms_matching_rule_row(MS_STRING_MATCH)->is_1988);
}

/* ---- the document ---- */

static const char head[] =
    "# Attributes, matching rules and auto-actions of the message store\n\n"
    "This page is made of the tables in `src/ms/` (`tests/unit/ms/attribute.c` compares them; run it with\n"
    "`CHASQUI_WRITE_DOCS=1` to write the page anew). The ASN.1 is in `schema/x413.asn1`, `x413at.asn1`,\n"
    "`x420ms.asn1` and `x420aa.asn1`. What is tested of every row: identifier, name and type "
    "(`schema-store_facts`,\n"
    "`ms-attribute`), a value of each attribute through `mhs decode` and `mhs encode`, and before tshark\n"
    "(`play-notation_p7`).\n\n"
    "Entry classes: **d** delivery, **s** submission, **f** draft, **dl** delivery-log, **sl** "
    "submission-log,\n"
    "**al** auto-action-log. They were concluded from the text on each attribute, since the tables of X.413 "
    "§11.3\n"
    "and X.420 were not at hand.\n";

static const char attribute_head[] = "\n| attribute | identifier | type | values | edition | entry classes | "
                                     "equality, ordering, substrings | others |\n"
                                     "|---|---|---|---|---|---|---|---|\n";

static void put_oid(struct buf *out, struct span oid) {
    char text[64];
    assert_true(ber_oid_format(oid, text, sizeof text));
    buf_printf(out, "%s", text);
}

static void put_classes(struct buf *out, unsigned classes) {
    static const char *const names[] = {"d", "s", "f", NULL, "dl", "sl", NULL, "al"};
    const char *between = "";
    for (size_t i = 0; i < COUNT(names); i++)
        if (names[i] && classes & 1u << i) {
            buf_printf(out, "%s%s", between, names[i]);
            between = " ";
        }
}

static void put_rules(struct buf *out, const enum ms_matching_rule *rules, size_t count) {
    const char *between = "";
    for (size_t i = 0; i < count; i++)
        if (rules[i] != MS_NO_MATCH) {
            buf_printf(out, "%s%s", between, ms_matching_rule_row(rules[i])->name);
            between = ", ";
        }
}

static void put_attribute(struct buf *out, const struct ms_attribute *attribute) {
    const enum ms_matching_rule rules[] = {attribute->equality, attribute->ordering, attribute->substrings};
    enum ms_matching_rule others[MS_MATCHING_RULES];
    size_t count = 0;
    for (int i = MS_NO_MATCH + 1; i < MS_MATCHING_RULES; i++)
        if (attribute->other_matches & UINT64_C(1) << i)
            others[count++] = (enum ms_matching_rule)i;
    buf_printf(out, "| %s | ", attribute->name);
    put_oid(out, attribute->oid);
    buf_printf(out, " | %s | %s | %s | ", ber_type_name(attribute->type),
               attribute->multi_valued ? "multi" : "single", attribute->edition == MS_1988 ? "1988" : "1994");
    put_classes(out, attribute->entry_classes);
    buf_printf(out, " | ");
    put_rules(out, rules, COUNT(rules));
    buf_printf(out, " | ");
    put_rules(out, others, count);
    buf_printf(out, " |\n");
}

static void put_attributes(struct buf *out) {
    const struct ms_attribute *attribute;
    for (size_t i = 0; (attribute = ms_attribute_at(i)); i++) {
        if (i == 0)
            buf_printf(out, "\n## General attributes (X.413 §11)\n%s", attribute_head);
        else if (attribute->origin != ms_attribute_at(i - 1)->origin)
            buf_printf(out, "\n## Attributes of interpersonal messages (X.420 §19.6)\n%s", attribute_head);
        put_attribute(out, attribute);
    }
}

static void put_matching_rules(struct buf *out) {
    buf_printf(out, "\n## Matching rules (X.413 §12, X.420 §19.7)\n\n"
                    "| rule | identifier | asserted | edition |\n|---|---|---|---|\n");
    for (int i = MS_NO_MATCH + 1; i < MS_MATCHING_RULES; i++) {
        const struct ms_matching_rule_row *rule = ms_matching_rule_row((enum ms_matching_rule)i);
        buf_printf(out, "| %s | ", rule->name);
        put_oid(out, rule->oid);
        buf_printf(out, " | %s | %s |\n", ber_type_name(rule->type), rule->is_1988 ? "1988" : "1994");
    }
}

static void put_auto_actions(struct buf *out) {
    static const char *const triggers[] = {[MS_ON_DELIVERY] = "a delivery",
                                           [MS_ON_CREATION] = "the creation of any entry",
                                           [MS_ON_PROCESSED] = "an entry that becomes processed",
                                           [MS_ON_TIME] = "a time, or what obsoletes the entry"};
    buf_printf(out,
               "\n## Auto-actions (X.413 §13, X.420 §19.8)\n\n"
               "| auto-action | identifier | parameter | edition | performed on |\n|---|---|---|---|---|\n");
    const struct ms_auto_action *action;
    for (size_t i = 0; (action = ms_auto_action_at(i)); i++) {
        buf_printf(out, "| %s | ", action->name);
        put_oid(out, action->oid);
        buf_printf(out, " | %s | %s | %s |\n", action->parameter ? ber_type_name(action->parameter) : "none",
                   action->edition == MS_1988 ? "1988" : "1994", triggers[action->trigger]);
    }
}

static void the_document_is_made_of_the_tables(void **state) {
    (void)state;
    struct buf out;
    buf_init(&out, 0);
    buf_printf(&out, "%s", head);
    put_attributes(&out);
    put_matching_rules(&out);
    put_auto_actions(&out);
    document_is("ms-attributes.md", &out, "src/ms");
    buf_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attribute_types_are_those_of_the_modules),
        cmocka_unit_test(matching_rules_are_those_of_the_modules),
        cmocka_unit_test(auto_actions_are_those_of_the_modules),
        cmocka_unit_test(rules_suit_the_types_of_values),
        cmocka_unit_test(what_is_ordered_is_compared),
        cmocka_unit_test(classes_hold_what_they_may),
        cmocka_unit_test(editions_are_told),
        cmocka_unit_test(the_document_is_made_of_the_tables),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
