/* Values of one attribute, as they are found. */
#include "asn1/table.h"
#include "ms/object_private.h"

#define CHECKING_MOST ((size_t)16 << 20)

void making_add(struct making *making, struct span element) {
    if (!element.data || making->failed)
        return;
    if (making->count == making->room) {
        size_t room = making->room ? making->room * 4 : 4;
        struct span *more =
            room > MS_VALUES_MOST ? NULL : arena_array(making->object->arena, room, sizeof *more);
        making->failed = !more;
        if (!more)
            return;
        if (making->count)
            memcpy(more, making->values, making->count * sizeof *more);
        making->values = more;
        making->room = room;
    }
    making->values[making->count++] = element;
}

void making_add_checked(struct making *making, struct span element) {
    static const struct ber_limits limits = {.relax_bounds = true, .relax_characters = true};
    struct arena scratch;
    arena_init(&scratch, CHECKING_MOST);
    void *value = arena_alloc(&scratch, making->attribute->type->size);
    if (element.data && value && ber_decode(making->attribute->type, element, &scratch, &limits, value, NULL))
        making_add(making, element);
    arena_free(&scratch);
}

void making_encode(struct making *making, const void *value) {
    struct span element;
    if (making->failed)
        return;
    making->failed = !ber_encode_arena(making->attribute->type, value, making->object->arena, &element, NULL);
    if (!making->failed)
        making_add(making, element);
}

void making_add_each(struct making *making, struct span sequence) {
    struct ber_element head;
    if (!sequence.data || !ber_element_read(sequence, &head, NULL))
        return;
    struct span rest = ber_element_contents(sequence, &head);
    while (rest.len && ber_element_read(rest, &head, NULL)) {
        making_add_checked(making, span_sub(rest, 0, head.total));
        rest = span_sub(rest, head.total, rest.len - head.total);
    }
}

static void add_oid(struct making *making, struct span oid) {
    making_encode(making, &oid);
}

/* X.411's identifiers of built-in types end in the number of their bit. */
void making_add_eits(struct making *making, const struct x411_EncodedInformationTypes *types) {
    if (!types)
        return;
    for (unsigned bit = 0; bit <= 9; bit++) {
        uint8_t oid[] = {0x56, 3, 4, (uint8_t)bit};
        if (ber_bit(&types->built_in_encoded_information_types, bit))
            add_oid(making, span_of(oid, sizeof oid));
    }
    for (size_t i = 0; i < types->extended_encoded_information_types.count; i++)
        add_oid(making, types->extended_encoded_information_types.items[i]);
}
