/* Reads what stands in open types, and in OCTET STRINGs whose contents' type is known, for who prints it. */
#include "asn1/print_private.h"

#define MAX_NESTED 16 /* open types within open types */

static const struct ber_type *universal_type(struct span octets) {
    for (const struct ber_type *const *type = ber_common_types; octets.len && *type; type++)
        if ((*type)->tags[0] == (octets.data[0] & ~0x20u))
            return *type;
    return NULL;
}

static const struct ber_type *open_type_of(const struct printer *p, const struct ber_place *outer,
                                           const struct ber_field *member, const struct ber_type *type,
                                           struct span octets) {
    if (!p->how->arena || !octets.data || p->nested == MAX_NESTED)
        return NULL;
    if (type->kind != BER_KIND_ANY && type->kind != BER_KIND_OCTET_STRING)
        return NULL;
    const struct ber_type *found = p->how->open && member ? p->how->open(p->how->user, outer, octets) : NULL;
    return found || type->kind == BER_KIND_OCTET_STRING ? found : universal_type(octets);
}

/* Faults in octets that are not the input's count from those octets' start. */
static void shift_faults(const struct printer *p, size_t from, struct span octets) {
    struct ber_passed_list *passed = p->how->passed;
    uintptr_t start = (uintptr_t)p->how->input.data, at = (uintptr_t)octets.data;
    bool inside = start && at >= start && at - start <= p->how->input.len;
    for (size_t i = from; inside && passed && i < passed->count; i++)
        passed->items[i].offset += at - start;
}

/*
 * Decodes what an open type holds. False when it is no value of the type: more
 * than half of it has no place in one.
 */
static bool decode_open(struct printer *p, const struct ber_type *type, struct span octets, void *value,
                        struct ber_error *error) {
    struct ber_passed_list none = {0}, *passed = p->how->passed ? p->how->passed : &none, before = *passed;
    struct ber_limits limits = {.lenient = p->how->passed,
                                .relax_bounds = !p->how->passed,
                                .relax_characters = !p->how->passed,
                                .passed = passed};
    bool whole = ber_decode(type, octets, p->how->arena, &limits, value, error);
    bool mostly = (passed->octets - before.octets) * 2 <= octets.len;
    if (whole && mostly) {
        shift_faults(p, before.count, octets);
        *error = (struct ber_error){0};
        return true;
    }
    *passed = before;
    return false;
}

bool open_decode(struct printer *p, const struct ber_place *outer, const struct ber_field *member,
                 const struct ber_type *type, struct span octets, struct opened *opened) {
    *opened = (struct opened){.type = open_type_of(p, outer, member, type, octets)};
    opened->value = opened->type ? arena_alloc(p->how->arena, opened->type->size) : NULL;
    if (!opened->value)
        return false;
    if (!decode_open(p, opened->type, octets, opened->value, &opened->error))
        return p->stop != NULL;
    if (p->how->json && !ber_encodes_to(opened->type, octets, p->how->arena))
        opened->octets = octets;
    return true;
}
