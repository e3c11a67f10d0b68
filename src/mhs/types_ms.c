#include "mhs/types_ms.h"

#include <string.h>

#include "schema/x227.h"
#include "schema/x413.h"
#include "schema/x413at.h"
#include "schema/x419.h"
#include "schema/x420aa.h"
#include "schema/x420ms.h"
#include "schema/x880.h"

/* ---- by identifiers ---- */

/* X.413's own and X.420's table of a kind. */
struct tables {
    const struct ber_table *general, *ipm;
};

static const struct tables attributes = {&x413at_AttributeTable_table, &x420ms_IPMSAttributeTable_table};
static const struct tables matching_rules = {&x413at_MatchingRuleTable_table,
                                             &x420ms_IPMMatchingRuleTable_table};
static const struct tables auto_actions = {&x413at_AutoActionTable_table, &x420aa_IPMAutoActionTable_table};
static const struct tables auto_action_errors = {&x413at_AutoActionErrorTable_table,
                                                 &x420aa_IPMAutoActionErrorTable_table};
static const struct tables extensions = {&x413_MSExtensionTable_table, &x420ms_IPMSubmissionExtensions_table};

static const struct ber_type *by_oid(const struct tables *tables, struct span oid) {
    const struct ber_table_row *row = ber_table_by_oid(tables->general, oid);
    row = row ? row : ber_table_by_oid(tables->ipm, oid);
    return row ? row->type : NULL;
}

static const struct ber_type *by_code(const struct x880_Code *code) {
    if (code->choice == x880_Code_global)
        return by_oid(&auto_action_errors, code->u.global);
    if (code->choice != x880_Code_local)
        return NULL;
    const struct ber_table_row *row = ber_table_by_number(auto_action_errors.general, code->u.local);
    row = row ? row : ber_table_by_number(&x419_MSSubmissionErrors_table, code->u.local);
    return row ? row->type : NULL;
}

/* The value `levels` places further out, if it is of that type. */
static const void *around(const struct ber_place *place, unsigned levels, const struct ber_type *type) {
    for (; place && levels; levels--)
        place = place->outer;
    return place && place->type == type ? place->value : NULL;
}

/* The attribute type that a value stands beside; absent where it is none. */
static struct span attribute_type(const struct ber_place *place) {
    const void *value = place->value, *outer;
    if (place->type == &x413_AttributeValueAssertion_type)
        return ((const struct x413_AttributeValueAssertion *)value)->attribute_type;
    if (place->type == &x413_Summary_present_item_type)
        return ((const struct x413_Summary_present_item *)value)->type;
    if (place->type == &x413_AttributeErrorParameter_problems_item_type)
        return ((const struct x413_AttributeErrorParameter_problems_item *)value)->type;
    if ((outer = around(place, 1, &x413_Attribute_type)))
        return ((const struct x413_Attribute *)outer)->attribute_type;
    if ((outer = around(place, 2, &x413_OrderedAttribute_type)))
        return ((const struct x413_OrderedAttribute *)outer)->attribute_type;
    if ((outer = around(place, 2, &x413_FilterItem_substrings_type)))
        return ((const struct x413_FilterItem_substrings *)outer)->type;
    return (struct span){NULL, 0};
}

const struct ber_type *types_ms_open(const struct ber_place *place) {
    const void *value = place->value;
    struct span type = attribute_type(place);
    if (type.data)
        return by_oid(&attributes, type);
    if (place->type == &x413_MatchingRuleAssertion_type)
        return by_oid(&matching_rules, ((const struct x413_MatchingRuleAssertion *)value)->matching_rule);
    if (place->type == &x413_MSExtensionItem_type)
        return by_oid(&extensions, ((const struct x413_MSExtensionItem *)value)->type_id);
    if (place->type == &x413_AutoActionRegistration_type)
        return by_oid(&auto_actions, ((const struct x413_AutoActionRegistration *)value)->auto_action_type);
    if (place->type == &x413_AutoActionError_type)
        return by_code(&((const struct x413_AutoActionError *)value)->error_code);
    return place->type == &x420aa_AutoForwardRegistrationParameter88_type
               ? &x420aa_ForwardingInformation1988_type
               : NULL;
}

/* ---- by tags ---- */

/* The next element of a constructed one's contents; steps over it. */
static bool next(struct span *contents, struct ber_element *element, struct span *inside) {
    enum ber_error_code why;
    if (!contents->data || !ber_element_read(*contents, element, &why))
        return false;
    *inside = ber_element_contents(*contents, element);
    *contents = span_of(contents->data + element->total, contents->len - element->total);
    return true;
}

/* True if an element with that context tag stands in the outermost one; `inside` gets its contents. */
static bool has(struct span octets, uint32_t number, struct span *inside) {
    struct ber_element element;
    struct span contents;
    if (!next(&octets, &element, &contents))
        return false;
    while (next(&contents, &element, inside))
        if (element.tag_class == BER_CONTEXT && element.number == number)
            return true;
    return false;
}

static bool begins(struct span octets, uint8_t tag) {
    return octets.len && octets.data[0] == tag;
}

/* The application context of the AARQ or AARE around the place; absent where there is none. */
static struct span context_around(const struct ber_place *place) {
    for (; place; place = place->outer) {
        if (place->type == &x227_AARQ_apdu_type)
            return ((const struct x227_AARQ_apdu *)place->value)->application_context_name;
        if (place->type == &x227_AARE_apdu_type)
            return ((const struct x227_AARE_apdu *)place->value)->application_context_name;
    }
    return (struct span){NULL, 0};
}

static bool is_ms_context(struct span context) {
    return span_eq(context, x419_id_ac_ms_access_88) || span_eq(context, x419_id_ac_ms_reliable_access_88) ||
           span_eq(context, x419_id_ac_ms_access_94) || span_eq(context, x419_id_ac_ms_reliable_access_94);
}

/* P3's argument may have messages-waiting [1] and extensions [5], a SET OF; P7's has [4], [6], [7], and a
 * BOOLEAN in its [5]. */
static bool is_ms_argument(struct span octets) {
    struct span inside;
    return has(octets, 4, &inside) || has(octets, 6, &inside) || has(octets, 7, &inside) ||
           (has(octets, 5, &inside) && begins(inside, 0x01));
}

/* P3's result has a name: an O/R name, an MTA's [0] or a store's [4], whose contents are a SEQUENCE. */
static bool is_ms_result(struct span octets) {
    struct ber_element element;
    struct span rest = octets, contents, inside;
    if (!next(&rest, &element, &contents) || has(octets, 0, &inside))
        return false;
    while (next(&contents, &element, &inside))
        if (element.tag_class == BER_APPLICATION ||
            (element.tag_class == BER_CONTEXT && element.number == 4 && begins(inside, 0x30)))
            return false;
    return true;
}

const struct ber_type *types_ms_bind(const struct ber_place *place, struct span octets) {
    const char *member = place->member->name;
    struct span context = context_around(place);
    if (strcmp(member, "bindError") == 0)
        return begins(octets, 0x0A) || begins(octets, 0x31) ? &x413_MSBindError_type : NULL;
    if (!begins(octets, 0x31) || (context.data && !is_ms_context(context)))
        return NULL;
    if (strcmp(member, "bindResult") == 0)
        return context.data || is_ms_result(octets) ? &x413_MSBindResult_type : NULL;
    return context.data || is_ms_argument(octets) ? &x413_MSBindArgument_type : NULL;
}

const struct ber_type *types_ms_submission(const struct ber_place *place, struct span octets) {
    const struct ber_table *table = NULL;
    const struct x880_Code *code = NULL;
    if (place->type == &x880_Invoke_type) {
        table = &x419_MSSubmissionArguments_table;
        code = &((const struct x880_Invoke *)place->value)->opcode;
    } else if (place->type == &x880_ReturnResult_result_type) {
        table = &x419_MSSubmissionResults_table;
        code = &((const struct x880_ReturnResult_result *)place->value)->opcode;
    }
    struct span inside;
    bool of_store =
        code && code->choice == x880_Code_local &&
        (code->u.local == x419_op_ms_message_submission || code->u.local == x419_op_ms_probe_submission) &&
        (begins(octets, 0xA4) || has(octets, 4, &inside));
    const struct ber_table_row *row = of_store ? ber_table_by_number(table, code->u.local) : NULL;
    return row ? row->type : NULL;
}
