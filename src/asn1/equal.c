/* Equality of abstract values. */
#include "asn1/ber_private.h"
#include "base/alloc.h"

static bool equal_base(const struct ber_type *type, const void *a, const void *b);

static bool equal_field(const struct ber_field *field, const void *a, const void *b) {
    const void *left = ber_field_value(field, a), *right = ber_field_value(field, b);
    if (!left || !right)
        return !left && !right;
    return field->flags & BER_FIELD_VOID || equal_base(field->type, left, right);
}

static bool equal_components(const struct ber_type *type, const void *a, const void *b) {
    for (uint32_t i = 0; i < type->count; i++)
        if (!equal_field(&type->fields[i], a, b))
            return false;
    if (!(type->flags & BER_TYPE_EXTENSIBLE))
        return true;
    const struct span *left = ber_member(a, type->extra), *right = ber_member(b, type->extra);
    return span_eq(*left, *right);
}

static bool equal_choice(const struct ber_type *type, const void *a, const void *b) {
    int choice = ber_choice_of(type, a);
    if (choice != ber_choice_of(type, b))
        return false;
    if (choice < 1 || (uint32_t)choice > type->count) /* an unknown alternative */
        return span_eq(*(const struct span *)a, *(const struct span *)b);
    return equal_field(&type->fields[choice - 1], a, b);
}

static bool equal_in_order(const struct ber_type *element, struct ber_list a, struct ber_list b) {
    for (size_t i = 0; i < a.count; i++)
        if (!equal_base(element, (uint8_t *)a.items + i * element->size,
                        (uint8_t *)b.items + i * element->size))
            return false;
    return true;
}

/* Finds for each item of `a` an item of `b` that was not taken yet, from the place on where the last one was.
 */
static bool equal_as_bags(const struct ber_type *element, struct ber_list a, struct ber_list b) {
    bool *taken = mem_alloc(b.count);
    bool equal = taken;
    size_t from = 0;
    for (size_t i = 0; equal && i < a.count; i++) {
        size_t tried = 0;
        for (; tried < b.count; tried++, from = from + 1 < b.count ? from + 1 : 0)
            if (!taken[from] && equal_base(element, (uint8_t *)a.items + i * element->size,
                                           (uint8_t *)b.items + from * element->size))
                break;
        equal = tried < b.count;
        if (equal)
            taken[from] = true;
    }
    mem_free(taken);
    return equal;
}

static bool equal_list(const struct ber_type *type, const void *a, const void *b) {
    const struct ber_type *element = type->fields->type;
    struct ber_list left = ber_list_of(a), right = ber_list_of(b);
    if (left.count != right.count)
        return false;
    if (equal_in_order(element, left, right))
        return true;
    return type->kind == BER_KIND_SET_OF && equal_as_bags(element, left, right);
}

/* Bit strings with named bits are equal whatever zeros end them (X.680 §22.7). */
static bool equal_bits(const struct ber_type *type, const struct ber_bits *a, const struct ber_bits *b) {
    size_t left = a->octets.len * 8 - a->unused, right = b->octets.len * 8 - b->unused;
    size_t most = left > right ? left : right;
    if (left != right && !type->name_count)
        return false;
    for (size_t i = 0; i < most; i++)
        if (ber_bit(a, (unsigned)i) != ber_bit(b, (unsigned)i))
            return false;
    return true;
}

static bool equal_base(const struct ber_type *type, const void *a, const void *b) {
    switch (type->kind) {
    case BER_KIND_SEQUENCE:
    case BER_KIND_SET:
        return equal_components(type, a, b);
    case BER_KIND_SEQUENCE_OF:
    case BER_KIND_SET_OF:
        return equal_list(type, a, b);
    case BER_KIND_CHOICE:
        return equal_choice(type, a, b);
    case BER_KIND_BOOLEAN:
    case BER_KIND_NULL:
        return *(const bool *)a == *(const bool *)b;
    case BER_KIND_INTEGER:
    case BER_KIND_ENUMERATED:
        return *(const int64_t *)a == *(const int64_t *)b;
    case BER_KIND_BIT_STRING:
        return equal_bits(type, a, b);
    default:
        return span_eq(*(const struct span *)a, *(const struct span *)b);
    }
}

bool ber_equal(const struct ber_type *type, const void *a, const void *b) {
    return equal_base(type, a, b);
}
