/* The matching rules (X.413 §12, X.420 §19.7) as comparisons of values that were read. */
#include "ms/match.h"
#include "names/identifier.h"

typedef const struct ms_operand *operand;

/* ---- numbers, octets, text ---- */

static bool same_number(operand asserted, operand stored) {
    return asserted->number == stored->number;
}

static int number_order(operand asserted, operand stored) {
    return (stored->number > asserted->number) - (stored->number < asserted->number);
}

/* X.520's ordering rules by themselves: the value stands before the asserted one. */
static bool number_before(operand asserted, operand stored) {
    return stored->number < asserted->number;
}

static bool same_octets(operand asserted, operand stored) {
    return span_eq(asserted->octets, stored->octets);
}

static bool same_text(operand asserted, operand stored) {
    return span_eq(asserted->text, stored->text);
}

static int text_order(operand asserted, operand stored) {
    return span_cmp(stored->text, asserted->text);
}

static bool text_before(operand asserted, operand stored) {
    return span_cmp(stored->text, asserted->text) < 0;
}

/* Where the part first stands in the text, or NULL. */
static const uint8_t *find(struct span text, struct span part) {
    if (part.len == 0 || !part.data)
        return text.data;
    return part.len <= text.len ? memmem(text.data, text.len, part.data, part.len) : NULL;
}

static bool contains(struct span text, struct span part) {
    return find(text, part);
}

static bool has_part(operand asserted, operand stored) {
    return contains(stored->text, asserted->text);
}

/* The parts in their order: an initial one first, a final one last, none of them overlapping. */
static bool has_parts(operand asserted, operand stored) {
    struct span rest = stored->text;
    for (size_t i = 0; i < asserted->count; i++) {
        struct span part = asserted->texts[i];
        if (part.len > rest.len)
            return false;
        const uint8_t *at = asserted->parts[i] == MS_ANY     ? find(rest, part)
                            : asserted->parts[i] == MS_FINAL ? rest.data + (rest.len - part.len)
                                                             : rest.data;
        if (!at || !span_eq(span_of(at, part.len), part))
            return false;
        size_t used = (size_t)(at - rest.data) + part.len;
        rest = span_of(rest.data + used, rest.len - used);
    }
    return true;
}

static bool same_correlator(operand asserted, operand stored) {
    return asserted->number == stored->number && span_eq(asserted->octets, stored->octets);
}

static bool same_identifier(operand asserted, operand stored) {
    return mts_identifier_equal(asserted->identifier, stored->identifier);
}

/* ---- lists of texts ---- */

static bool same_texts(operand asserted, operand stored) {
    bool same = asserted->count == stored->count;
    for (size_t i = 0; same && i < stored->count; i++)
        same = span_eq(asserted->texts[i], stored->texts[i]);
    return same;
}

static bool parts_of_texts(operand asserted, operand stored) {
    bool within = asserted->count == stored->count;
    for (size_t i = 0; within && i < stored->count; i++)
        within = contains(stored->texts[i], asserted->texts[i]);
    return within;
}

/* Each of the asserted texts is an element of the list, or, for `part`, of one. */
static bool each_in_texts(operand asserted, operand stored, bool part) {
    for (size_t i = 0; i < asserted->count; i++) {
        bool found = false;
        for (size_t k = 0; !found && k < stored->count; k++)
            found = part ? contains(stored->texts[k], asserted->texts[i])
                         : span_eq(stored->texts[k], asserted->texts[i]);
        if (!found)
            return false;
    }
    return true;
}

static bool elements_of_texts(operand asserted, operand stored) {
    return each_in_texts(asserted, stored, false);
}

static bool parts_of_elements(operand asserted, operand stored) {
    return each_in_texts(asserted, stored, true);
}

/* ---- names ---- */

static bool same_address(operand asserted, operand stored) {
    return oraddress_equal(&asserted->name.address, &stored->name.address);
}

/* True if the attribute is among the address's, or, for `part`, its value within that of one. */
static bool has_attribute(const struct oraddress *address, const struct oraddress_attribute *wanted,
                          bool part) {
    for (size_t i = 0; i < address->count; i++) {
        const struct oraddress_attribute *item = &address->items[i];
        if (item->kind == wanted->kind && span_eq(item->type_key, wanted->type_key) &&
            (part ? contains(item->key, wanted->key) : span_eq(item->key, wanted->key)))
            return true;
    }
    return false;
}

/* Every attribute of the asserted address is one of the other. */
static bool subset(const struct oraddress *asserted, const struct oraddress *stored, bool part) {
    for (size_t i = 0; i < asserted->count; i++)
        if (!has_attribute(stored, &asserted->items[i], part))
            return false;
    return true;
}

static bool address_elements(operand asserted, operand stored) {
    return subset(&asserted->name.address, &stored->name.address, false);
}

static bool address_parts(operand asserted, operand stored) {
    return subset(&asserted->name.address, &stored->name.address, true);
}

/* Names are the same by what both have, of address and directory name, which must not be nothing. */
static bool same_or_name(const struct ms_name *a, const struct ms_name *b) {
    bool addresses = a->address.count && b->address.count, directory = a->directory.data && b->directory.data;
    return (addresses || directory) && (!addresses || oraddress_equal(&a->address, &b->address)) &&
           (!directory || span_eq(a->directory, b->directory));
}

static bool same_name(operand asserted, operand stored) {
    return same_or_name(&asserted->name, &stored->name);
}

static bool has_formal_name(const struct ms_name *name) {
    return name->address.count || name->directory.data;
}

/* Two texts of which one may be absent. */
static bool agree(struct span a, struct span b, bool *compared) {
    *compared |= a.data && b.data;
    return !a.data || !b.data || span_eq(a, b);
}

/* Formal names decide where both have one; else the free-form name and the telephone number that both have.
 */
static bool same_descriptor(operand asserted, operand stored) {
    const struct ms_name *a = &asserted->name, *b = &stored->name;
    bool compared = false;
    if (has_formal_name(a) && has_formal_name(b))
        return same_or_name(a, b);
    return agree(a->free_form, b->free_form, &compared) && agree(a->telephone, b->telephone, &compared) &&
           compared;
}

/* A text that was asserted is there; `part`: is within it. */
static bool includes(struct span asserted, struct span stored, bool part) {
    return !asserted.data || (stored.data && (part ? contains(stored, asserted) : span_eq(stored, asserted)));
}

static bool name_includes(const struct ms_name *asserted, const struct ms_name *stored, bool part) {
    return subset(&asserted->address, &stored->address, part) &&
           includes(asserted->directory, stored->directory, false) &&
           includes(asserted->free_form, stored->free_form, part) &&
           includes(asserted->telephone, stored->telephone, part);
}

static bool name_elements(operand asserted, operand stored) {
    return name_includes(&asserted->name, &stored->name, false);
}

static bool name_parts(operand asserted, operand stored) {
    return name_includes(&asserted->name, &stored->name, true);
}

/* One text against each element of a name. */
static bool single_element(operand asserted, operand stored) {
    const struct ms_name *name = &stored->name;
    for (size_t i = 0; i < name->address.count; i++)
        if (span_eq(name->address.items[i].key, asserted->text))
            return true;
    return (name->free_form.data && span_eq(name->free_form, asserted->text)) ||
           (name->telephone.data && span_eq(name->telephone, asserted->text));
}

/* ---- X.420's others ---- */

static bool same_ipm_identifier(operand asserted, operand stored) {
    bool users = has_formal_name(&asserted->name) && has_formal_name(&stored->name);
    return span_eq(asserted->octets, stored->octets) &&
           has_formal_name(&asserted->name) == has_formal_name(&stored->name) &&
           (!users || same_or_name(&asserted->name, &stored->name));
}

static bool located(operand asserted, operand stored) {
    for (size_t i = 0; i < stored->count; i++)
        if (stored->numbers[i] == asserted->number)
            return true;
    return false;
}

static bool is_checked(operand asserted, operand stored) {
    (void)asserted;
    return stored->number;
}

static bool both(struct span a, struct span b) {
    return a.data && b.data;
}

/* X.420 §19.7.16: by the identifiers and, where it is in both, the text; where one has no identifier, by the
 * text. */
static bool same_code(operand asserted, operand stored) {
    bool same_codes = both(asserted->text, stored->text) && span_eq(asserted->text, stored->text);
    bool neither = !asserted->text.data && !stored->text.data;
    return both(asserted->octets, stored->octets)
               ? span_eq(asserted->octets, stored->octets) && (neither || same_codes)
               : same_codes;
}

/* X.420 §19.7.17: by the references, and the descriptions where both are there; by these where no reference
 * is. */
static bool same_category(operand asserted, operand stored) {
    bool described = both(asserted->text, stored->text);
    bool same_description = described && span_eq(asserted->text, stored->text);
    if (both(asserted->octets, stored->octets))
        return span_eq(asserted->octets, stored->octets) && (!described || same_description);
    return !asserted->octets.data && !stored->octets.data && same_description;
}

/* ---- the rules ---- */

#define PLAIN(form, matches)                                                                                 \
    { MS_FORM_##form, MS_FORM_##form, matches, NULL }
#define ORDER(form, matches, order)                                                                          \
    { MS_FORM_##form, MS_FORM_##form, matches, order }
#define AGAINST(form, stored, matches)                                                                       \
    { MS_FORM_##form, MS_FORM_##stored, matches, NULL }

static const struct ms_comparison comparisons[MS_MATCHING_RULES] = {
    [MS_OBJECT_IDENTIFIER_MATCH] = PLAIN(OCTETS, same_octets),
    [MS_BOOLEAN_MATCH] = PLAIN(NUMBER, same_number),
    [MS_INTEGER_MATCH] = PLAIN(NUMBER, same_number),
    [MS_INTEGER_ORDERING_MATCH] = ORDER(NUMBER, number_before, number_order),
    [MS_BIT_STRING_MATCH] = PLAIN(OCTETS, same_octets),
    [MS_UTC_TIME_MATCH] = PLAIN(TIME, same_number),
    [MS_UTC_TIME_ORDERING_MATCH] = ORDER(TIME, number_before, number_order),
    [MS_GENERALIZED_TIME_MATCH] = PLAIN(TIME, same_number),
    [MS_GENERALIZED_TIME_ORDERING_MATCH] = ORDER(TIME, number_before, number_order),
    [MS_CONTENT_CORRELATOR_MATCH] = PLAIN(CORRELATOR, same_correlator),
    [MS_CONTENT_IDENTIFIER_MATCH] = PLAIN(EXACT_TEXT, same_text),
    [MS_SINGLE_SUBSTRING_LIST_ELEMENTS_MATCH] = PLAIN(TEXTS, parts_of_elements),
    [MS_SINGLE_SUBSTRING_LIST_MATCH] = PLAIN(TEXTS, parts_of_texts),
    [MS_SINGLE_SUBSTRING_MATCH] = PLAIN(TEXT, has_part),
    [MS_SUBSTRINGS_MATCH] = AGAINST(PARTS, TEXT, has_parts),
    [MS_STRING_CASE_SENSITIVE_MATCH] = PLAIN(EXACT_TEXT, same_text),
    [MS_STRING_LIST_ELEMENTS_MATCH] = PLAIN(TEXTS, elements_of_texts),
    [MS_STRING_LIST_MATCH] = PLAIN(TEXTS, same_texts),
    [MS_STRING_MATCH] = PLAIN(TEXT, same_text),
    [MS_STRING_ORDERING_MATCH] = ORDER(TEXT, text_before, text_order),
    [MS_MTS_IDENTIFIER_MATCH] = PLAIN(MTS_IDENTIFIER, same_identifier),
    [MS_OR_ADDRESS_ELEMENTS_MATCH] = PLAIN(ADDRESS, address_elements),
    [MS_OR_ADDRESS_MATCH] = PLAIN(ADDRESS, same_address),
    [MS_OR_ADDRESS_SUBSTRING_ELEMENTS_MATCH] = PLAIN(ADDRESS, address_parts),
    [MS_OR_NAME_ELEMENTS_MATCH] = PLAIN(NAME, name_elements),
    [MS_OR_NAME_MATCH] = PLAIN(NAME, same_name),
    [MS_OR_NAME_SINGLE_ELEMENT_MATCH] = AGAINST(TEXT, NAME, single_element),
    [MS_OR_NAME_SUBSTRING_ELEMENTS_MATCH] = PLAIN(NAME, name_parts),
    [MS_REDIRECTION_OR_DL_EXPANSION_ELEMENTS_MATCH] = AGAINST(NAME, HISTORY, name_elements),
    [MS_REDIRECTION_OR_DL_EXPANSION_MATCH] = AGAINST(NAME, HISTORY, same_name),
    [MS_REDIRECTION_OR_DL_EXPANSION_SUBSTRING_ELEMENTS_MATCH] = AGAINST(NAME, HISTORY, name_parts),
    [MS_REDIRECTION_REASON_MATCH] = AGAINST(NUMBER, REASON, same_number),
    [MS_VALUE_COUNT_MATCH] = {MS_FORM_NUMBER, MS_FORM_NUMBER, NULL, NULL},
    [MS_REDIRECTION_OR_DL_EXPANSION_SINGLE_ELEMENT_MATCH] = AGAINST(TEXT, HISTORY, single_element),
    [MS_IPM_IDENTIFIER_MATCH] = PLAIN(IPM_IDENTIFIER, same_ipm_identifier),
    [MS_OR_DESCRIPTOR_MATCH] = PLAIN(DESCRIPTOR, same_descriptor),
    [MS_OR_DESCRIPTOR_ELEMENTS_MATCH] = PLAIN(DESCRIPTOR, name_elements),
    [MS_OR_DESCRIPTOR_SUBSTRING_ELEMENTS_MATCH] = PLAIN(DESCRIPTOR, name_parts),
    [MS_RECIPIENT_SPECIFIER_MATCH] = PLAIN(SPECIFIER, same_descriptor),
    [MS_RECIPIENT_SPECIFIER_ELEMENTS_MATCH] = PLAIN(SPECIFIER, name_elements),
    [MS_RECIPIENT_SPECIFIER_SUBSTRING_ELEMENTS_MATCH] = PLAIN(SPECIFIER, name_parts),
    [MS_IPM_LOCATION_MATCH] = AGAINST(NUMBER, LOCATION, located),
    [MS_OR_DESCRIPTOR_SINGLE_ELEMENT_MATCH] = AGAINST(TEXT, DESCRIPTOR, single_element),
    [MS_RECIPIENT_SPECIFIER_SINGLE_ELEMENT_MATCH] = AGAINST(TEXT, SPECIFIER, single_element),
    [MS_CIRCULATION_MEMBER_MATCH] = PLAIN(MEMBER, same_descriptor),
    [MS_CIRCULATION_MEMBER_ELEMENTS_MATCH] = PLAIN(MEMBER, name_elements),
    [MS_CIRCULATION_MEMBER_SUBSTRING_ELEMENTS_MATCH] = PLAIN(MEMBER, name_parts),
    [MS_CIRCULATION_MEMBER_SINGLE_ELEMENT_MATCH] = AGAINST(TEXT, MEMBER, single_element),
    [MS_CIRCULATION_MEMBER_CHECKMARK_MATCH] = PLAIN(MEMBER, is_checked),
    [MS_DISTRIBUTION_CODE_MATCH] = PLAIN(CODE, same_code),
    [MS_INFORMATION_CATEGORY_MATCH] = PLAIN(CATEGORY, same_category),
};

const struct ms_comparison *ms_comparison(enum ms_matching_rule rule) {
    return ms_matching_rule_row(rule) ? &comparisons[rule] : NULL;
}
