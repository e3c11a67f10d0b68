/* The extensions of the heading that business uses brought (X.420 annex A of 1999): circulation list,
 * distribution codes, information categories, manual handling instructions, precedence. */
#include "asn1/ber.h"
#include "content/heading.h"

static const struct ber_limits lax = {.relax_bounds = true, .relax_characters = true};

/* ---- reading ---- */

/* What AlphaCode, DescriptionString and ManualHandlingInstruction are within: a SET, whatever its tag. */
static const char *string_read(struct span raw, struct arena *arena) {
    uint8_t *element = raw.len ? arena_alloc(arena, raw.len) : NULL;
    if (!element)
        return NULL;
    memcpy(element, raw.data, raw.len);
    element[0] = 0x31;
    return wide_text_read(span_of(element, raw.len), arena);
}

static bool codes_read(struct span value, struct arena *arena, struct ipm_codes *codes) {
    struct x420_DistributionCodes *from = arena_alloc(arena, sizeof *from);
    if (!from || !ber_decode(&x420_DistributionCodes_type, value, arena, &lax, from, NULL))
        return false;
    struct ipm_code *items = arena_array(arena, from->count + 1, sizeof *items);
    for (size_t i = 0; items && i < from->count; i++) {
        const struct x420_DistributionCode *code = &from->items[i];
        struct ipm_user *user = code->or_descriptor ? arena_alloc(arena, sizeof *user) : NULL;
        if (code->or_descriptor && (!user || !user_read(code->or_descriptor, arena, user)))
            return false;
        items[i] = (struct ipm_code){
            code->oid_code, code->alphanumeric_code ? string_read(code->alphanumeric_code->raw, arena) : NULL,
            user};
    }
    *codes = (struct ipm_codes){items, items ? from->count : 0};
    return items != NULL;
}

static bool categories_read(struct span value, struct arena *arena, struct ipm_codes *codes) {
    struct x420_InformationCategories *from = arena_alloc(arena, sizeof *from);
    if (!from || !ber_decode(&x420_InformationCategories_type, value, arena, &lax, from, NULL))
        return false;
    struct ipm_code *items = arena_array(arena, from->count + 1, sizeof *items);
    for (size_t i = 0; items && i < from->count; i++)
        items[i] = (struct ipm_code){
            from->items[i].reference,
            from->items[i].description ? string_read(from->items[i].description->raw, arena) : NULL, NULL};
    *codes = (struct ipm_codes){items, items ? from->count : 0};
    return items != NULL;
}

static bool handling_read(struct span value, struct arena *arena, struct ipm_heading *heading) {
    struct x420_ManualHandlingInstructions *from = arena_alloc(arena, sizeof *from);
    if (!from || !ber_decode(&x420_ManualHandlingInstructions_type, value, arena, &lax, from, NULL))
        return false;
    const char **items = arena_array(arena, from->count + 1, sizeof *items);
    size_t count = 0;
    for (; items && count < from->count; count++)
        if (!(items[count] = string_read(from->items[count].raw, arena)))
            return false;
    heading->handling_instructions = items;
    heading->handling_count = count;
    return items != NULL;
}

static bool member_read(const struct x420_CirculationMember *from, struct arena *arena,
                        struct ipm_member *to) {
    if (from->checked) {
        to->checked = true;
        if (from->checked->choice == x420_Checkmark_timestamped)
            ber_generalizedtime_read(from->checked->u.timestamped, &to->checked_at);
        else if (from->checked->choice == x420_Checkmark_signed)
            to->mark = from->checked->raw;
    }
    return recipient_read(&from->circulation_recipient, arena, &to->recipient);
}

static bool circulation_read(struct span value, struct arena *arena, struct ipm_members *members) {
    struct x420_CirculationList *from = arena_alloc(arena, sizeof *from);
    if (!from || !ber_decode(&x420_CirculationList_type, value, arena, &lax, from, NULL))
        return false;
    struct ipm_members list = {arena_array(arena, from->count + 1, sizeof *list.items), 0};
    for (; list.items && list.count < from->count; list.count++)
        if (!member_read(&from->items[list.count], arena, &list.items[list.count]))
            return false;
    *members = list;
    return list.items != NULL;
}

bool business_read(const struct x420_IPMSExtension *extension, struct arena *arena,
                   struct ipm_heading *heading) {
    struct span type = extension->type, value = extension->value;
    if (span_eq(type, x420_id_hex_circulation_list_recipients))
        return circulation_read(value, arena, &heading->circulation_list);
    if (span_eq(type, x420_id_hex_distribution_codes))
        return codes_read(value, arena, &heading->distribution_codes);
    if (span_eq(type, x420_id_hex_information_category))
        return categories_read(value, arena, &heading->information_categories);
    if (span_eq(type, x420_id_hex_manual_handling_instructions))
        return handling_read(value, arena, heading);
    return span_eq(type, x420_id_hex_precedence_policy_id) &&
           ber_decode(&x420_PrecedencePolicyIdentifier_type, value, arena, &lax, &heading->precedence_policy,
                      NULL);
}

/* ---- writing ---- */

struct writing {
    struct arena *arena;
    struct x420_IPMSExtensions *to;
    struct error *err;
};

static bool put(const struct writing *writing, const char *what, struct span oid, const struct ber_type *type,
                const void *value) {
    struct ber_error why = {0};
    struct x420_IPMSExtension *extension = &writing->to->items[writing->to->count++];
    extension->type = oid;
    return ber_encode_arena(type, value, writing->arena, &extension->value, &why) ||
           error_set(writing->err, 1, "the %s can't be written: %s", what, why.text);
}

static bool few(const struct writing *writing, const char *what, size_t count, int64_t most) {
    return count <= (size_t)most || error_set(writing->err, 1, "more than %d %s", (int)most, what);
}

/* The three types of strings differ in their bounds alone. */
#define COPY_STRING(type, from, to)                                                                          \
    do {                                                                                                     \
        bool two =                                                                                           \
            (from)->character_encoding.choice == x411_UniversalOrBMPString_character_encoding_two_octets;    \
        (to)->character_encoding.choice =                                                                    \
            two ? type##_character_encoding_two_octets : type##_character_encoding_four_octets;              \
        if (two)                                                                                             \
            (to)->character_encoding.u.two_octets = (from)->character_encoding.u.two_octets;                 \
        else                                                                                                 \
            (to)->character_encoding.u.four_octets = (from)->character_encoding.u.four_octets;               \
    } while (0)

static bool code_write(const struct ipm_code *from, struct arena *arena, struct x420_DistributionCode *to) {
    struct x411_UniversalOrBMPString text;
    to->oid_code = from->oid;
    to->alphanumeric_code = from->text ? arena_alloc(arena, sizeof *to->alphanumeric_code) : NULL;
    to->or_descriptor = from->user ? arena_alloc(arena, sizeof *to->or_descriptor) : NULL;
    if ((from->text && (!to->alphanumeric_code || !wide_text_write(from->text, arena, &text))) ||
        (from->user && (!to->or_descriptor || !user_write(from->user, arena, to->or_descriptor))))
        return false;
    if (from->text)
        COPY_STRING(x420_AlphaCode, &text, to->alphanumeric_code);
    return true;
}

static bool codes_write(const struct writing *writing, const struct ipm_codes *codes) {
    if (!few(writing, "distribution codes", codes->count, x420_ub_distribution_codes))
        return false;
    for (size_t i = 0; i < codes->count; i++)
        if (!text_in_bounds(codes->items[i].text, "distribution code", x420_ub_alpha_code_length,
                            writing->err))
            return false;
    struct x420_DistributionCodes list = {arena_array(writing->arena, codes->count, sizeof *list.items), 0};
    for (; list.items && list.count < codes->count; list.count++)
        if (!code_write(&codes->items[list.count], writing->arena, &list.items[list.count]))
            return false;
    return list.items && put(writing, "distribution codes", x420_id_hex_distribution_codes,
                             &x420_DistributionCodes_type, &list);
}

static bool categories_write(const struct writing *writing, const struct ipm_codes *codes) {
    if (!few(writing, "information categories", codes->count, x420_ub_information_categories))
        return false;
    struct x420_InformationCategories list = {arena_array(writing->arena, codes->count, sizeof *list.items),
                                              0};
    struct x411_UniversalOrBMPString text;
    for (; list.items && list.count < codes->count; list.count++) {
        const struct ipm_code *from = &codes->items[list.count];
        struct x420_InformationCategory *to = &list.items[list.count];
        to->reference = from->oid;
        if (!from->text)
            continue;
        to->description = arena_alloc(writing->arena, sizeof *to->description);
        if (!text_in_bounds(from->text, "information category", x420_ub_information_category_length,
                            writing->err))
            return false;
        if (!to->description || !wide_text_write(from->text, writing->arena, &text))
            return false;
        COPY_STRING(x420_DescriptionString, &text, to->description);
    }
    return list.items && put(writing, "information categories", x420_id_hex_information_category,
                             &x420_InformationCategories_type, &list);
}

static bool handling_write(const struct writing *writing, const struct ipm_heading *heading) {
    struct x420_ManualHandlingInstructions list = {
        arena_array(writing->arena, heading->handling_count, sizeof *list.items), 0};
    struct x411_UniversalOrBMPString text;
    if (!few(writing, "manual handling instructions", heading->handling_count,
             x420_ub_manual_handling_instructions))
        return false;
    for (; list.items && list.count < heading->handling_count; list.count++) {
        if (!text_in_bounds(heading->handling_instructions[list.count], "manual handling instruction",
                            x420_ub_manual_handling_instruction_length, writing->err))
            return false;
        if (!wide_text_write(heading->handling_instructions[list.count], writing->arena, &text))
            return false;
        COPY_STRING(x420_ManualHandlingInstruction, &text, &list.items[list.count]);
    }
    return list.items &&
           put(writing, "manual handling instructions", x420_id_hex_manual_handling_instructions,
               &x420_ManualHandlingInstructions_type, &list);
}

static bool member_write(const struct ipm_member *from, struct arena *arena,
                         struct x420_CirculationMember *to) {
    to->checked = from->checked ? arena_alloc(arena, sizeof *to->checked) : NULL;
    if (!recipient_write(&from->recipient, arena, &to->circulation_recipient) ||
        (from->checked && !to->checked))
        return false;
    if (!from->checked)
        return true;
    if (from->mark.data)
        return ber_decode(&x420_Checkmark_type, from->mark, arena, &lax, to->checked, NULL);
    to->checked->choice = from->checked_at ? x420_Checkmark_timestamped : x420_Checkmark_simple;
    return !from->checked_at ||
           ber_generalizedtime_write(from->checked_at, arena, &to->checked->u.timestamped);
}

static bool circulation_write(const struct writing *writing, const struct ipm_members *members) {
    struct x420_CirculationList list = {arena_array(writing->arena, members->count, sizeof *list.items), 0};
    if (members->count < 2)
        return error_set(writing->err, 1, "a circulation list has two members at least");
    if (!few(writing, "members of the circulation list", members->count, x420_ub_circulation_list_members))
        return false;
    for (; list.items && list.count < members->count; list.count++)
        if (!member_write(&members->items[list.count], writing->arena, &list.items[list.count]))
            return false;
    return list.items && put(writing, "circulation list", x420_id_hex_circulation_list_recipients,
                             &x420_CirculationList_type, &list);
}

bool business_write(const struct ipm_heading *heading, struct arena *arena, struct x420_IPMSExtensions *to,
                    struct error *err) {
    const struct writing writing = {arena, to, err};
    return (!heading->circulation_list.count || circulation_write(&writing, &heading->circulation_list)) &&
           (!heading->distribution_codes.count || codes_write(&writing, &heading->distribution_codes)) &&
           (!heading->information_categories.count ||
            categories_write(&writing, &heading->information_categories)) &&
           (!heading->handling_count || handling_write(&writing, heading)) &&
           (!heading->precedence_policy.data ||
            put(&writing, "precedence policy", x420_id_hex_precedence_policy_id,
                &x420_PrecedencePolicyIdentifier_type, &heading->precedence_policy));
}
