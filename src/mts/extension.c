/* Extension fields (X.411 §9.1): found by number, replaced without touching the others. */
#include "mts/mts_private.h"

#define EXTENSIONS_MOST 256

int64_t extension_number(const struct x411_ExtensionField *field) {
    return field->type.choice == x411_ExtensionType_standard_extension ? field->type.u.standard_extension
                                                                       : -1;
}

const struct x411_ExtensionField *extension_find(const struct x411_Extensions *extensions, int number) {
    for (size_t i = 0; i < extensions->count; i++)
        if (extension_number(&extensions->items[i]) == number)
            return &extensions->items[i];
    return NULL;
}

bool extensions_are_too_many(const struct x411_Extensions *extensions) {
    return extensions->count > EXTENSIONS_MOST;
}

bool extension_critical(const struct x411_ExtensionField *field, unsigned bit) {
    return ber_bit(&field->criticality, bit);
}

static bool rebuild(struct arena *arena, struct x411_Extensions *extensions, int drop,
                    const struct x411_ExtensionField *add) {
    struct x411_ExtensionField *items = arena_array(arena, extensions->count + 1, sizeof *items);
    if (!items)
        return false;
    size_t count = 0;
    for (size_t i = 0; i < extensions->count; i++)
        if (drop < 0 || extension_number(&extensions->items[i]) != drop)
            items[count++] = extensions->items[i];
    if (add)
        items[count++] = *add;
    *extensions = (struct x411_Extensions){.items = count ? items : NULL, .count = count};
    return true;
}

bool extension_set(struct arena *arena, struct x411_Extensions *extensions, int number, struct span value) {
    struct x411_ExtensionField field = {.value = value};
    const struct x411_ExtensionField *old = extension_find(extensions, number);
    if (!value.data)
        return !old || rebuild(arena, extensions, number, NULL);
    if (old)
        field.criticality = old->criticality;
    field.type.choice = x411_ExtensionType_standard_extension;
    field.type.u.standard_extension = number;
    return rebuild(arena, extensions, number, &field);
}

bool extension_add(struct arena *arena, struct x411_Extensions *extensions,
                   const struct x411_ExtensionField *field) {
    return rebuild(arena, extensions, -1, field);
}

/* The value of an ENUMERATED or INTEGER extension; -1 when it is not there or can't be decoded. */
int64_t extension_enumerated(const struct x411_Extensions *extensions, int number) {
    const struct x411_ExtensionField *field = extension_find(extensions, number);
    struct ber_element element;
    if (!field || !field->value.data || !ber_element_read(field->value, &element, NULL))
        return -1;
    struct span contents = ber_element_contents(field->value, &element);
    if (contents.len == 0 || contents.len > 4)
        return -1;
    int64_t value = 0;
    for (size_t i = 0; i < contents.len; i++)
        value = value << 8 | contents.data[i];
    return value;
}

bool extension_decode(struct arena *arena, const struct x411_Extensions *extensions, int number,
                      const struct ber_type *type, void *value) {
    const struct x411_ExtensionField *field = extension_find(extensions, number);
    struct ber_limits limits = {.relax_bounds = true, .relax_characters = true};
    return field && field->value.data && ber_decode(type, field->value, arena, &limits, value, NULL);
}

bool extension_encode(struct arena *arena, struct x411_Extensions *extensions, int number,
                      const struct ber_type *type, const void *value) {
    struct span octets;
    return ber_encode_arena(type, value, arena, &octets, NULL) &&
           extension_set(arena, extensions, number, octets);
}
