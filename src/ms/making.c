/* Values of one attribute, as they are found. */
#include "ms/object_private.h"

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
        making_add(making, span_sub(rest, 0, head.total));
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
