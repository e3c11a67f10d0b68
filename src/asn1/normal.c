/* What of octets is kept when a value goes through JSON, and what is not: the order of a SET, forms of
 * length, a DEFAULT that is written out, zeros behind named bits, unknown elements where the type has no
 * extension marker. */
#include "asn1/ber_private.h"
#include "asn1/print.h"

static void trim_bits(const struct ber_type *type, void *value);

static void trim_in_field(const struct ber_field *field, void *value) {
    const void *member = ber_field_value(field, value);
    if (member && !(field->flags & BER_FIELD_VOID))
        trim_bits(field->type, ber_member(member, 0));
}

static void trim_list(const struct ber_type *element, struct ber_list list) {
    for (size_t i = 0; i < list.count; i++)
        trim_bits(element, (uint8_t *)list.items + i * element->size);
}

static void trim_named_bits(struct ber_bits *bits) {
    size_t count = bits->octets.len * 8 - bits->unused;
    while (count && !ber_bit(bits, (unsigned)count - 1))
        count--;
    *bits = (struct ber_bits){span_of(bits->octets.data, (count + 7) / 8), (unsigned)(-count & 7)};
}

/* Takes the zeros behind the last one off named bits, as their names do. */
static void trim_bits(const struct ber_type *type, void *value) {
    int choice = type->kind == BER_KIND_CHOICE ? ber_choice_of(type, value) : 0;
    if (type->kind == BER_KIND_BIT_STRING && type->name_count)
        trim_named_bits(value);
    else if (type->kind == BER_KIND_SEQUENCE_OF || type->kind == BER_KIND_SET_OF)
        trim_list(type->fields->type, ber_list_of(value));
    else if (choice > 0 && (uint32_t)choice <= type->count)
        trim_in_field(&type->fields[choice - 1], value);
    for (uint32_t i = 0; (type->kind == BER_KIND_SEQUENCE || type->kind == BER_KIND_SET) && i < type->count;
         i++)
        trim_in_field(&type->fields[i], value);
}

bool ber_normal(const struct ber_type *type, struct span octets, const struct ber_limits *limits,
                struct arena *arena, struct span *normal) {
    struct ber_error ignored;
    void *value = arena_alloc(arena, type->size);
    if (!value || !ber_decode(type, octets, arena, limits, value, &ignored))
        return false;
    ber_forget_raw(type, value);
    trim_bits(type, value);
    return ber_encode_arena(type, value, arena, normal, NULL);
}

bool ber_encodes_to(const struct ber_type *type, struct span octets, struct arena *arena) {
    struct ber_limits limits = {.relax_bounds = true, .relax_characters = true};
    struct span again;
    return ber_normal(type, octets, &limits, arena, &again) && span_eq(again, octets);
}
