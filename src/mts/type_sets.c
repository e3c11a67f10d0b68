/* Content types and encoded information types by name, and sets of them. */
#include "mts/mts_private.h"

/* Built-in values stand in a set as 0xFF (no first octet of an OBJECT IDENTIFIER) and a 16-bit number. */
static struct span built_in(uint8_t octets[static 3], int64_t number) {
    octets[0] = 0xFF;
    octets[1] = (uint8_t)(number >> 8);
    octets[2] = (uint8_t)number;
    return span_of(octets, 3);
}

static const struct {
    const char *name;
    int64_t number;
} content_types[] = {
    {"unidentified", 0},
    {"external", 1},
    {"interpersonal-messaging-1984", 2},
    {"p2", 2},
    {"interpersonal-messaging-1988", 22},
    {"p22", 22},
    {"edi-messaging", 35},
    {"p35", 35},
    {"voice-messaging", 40},
};

static const struct {
    const char *name;
    int64_t number; /* the bit, and the last arc below id-eit */
} eits[] = {
    {"unknown", 0}, {"telex", 1},    {"ia5-text", 2}, {"g3-facsimile", 3}, {"g4-class-1", 4},
    {"teletex", 5}, {"videotex", 6}, {"voice", 7},    {"sfd", 8},          {"mixed-mode", 9},
};

static struct span eit_octets(uint8_t octets[static 4], int64_t number) {
    /* id-eit is 2.6.3.4. */
    octets[0] = 0x56;
    octets[1] = 3;
    octets[2] = 4;
    octets[3] = (uint8_t)number;
    return span_of(octets, 4);
}

static bool read_name(struct arena *arena, const char *name, bool is_content_type, struct span *item) {
    uint8_t octets[4];
    for (size_t i = 0; is_content_type && i < sizeof content_types / sizeof *content_types; i++)
        if (strcmp(content_types[i].name, name) == 0) {
            *item = arena_dup(arena, built_in(octets, content_types[i].number));
            return item->data;
        }
    for (size_t i = 0; !is_content_type && i < sizeof eits / sizeof *eits; i++)
        if (strcmp(eits[i].name, name) == 0) {
            *item = arena_dup(arena, eit_octets(octets, eits[i].number));
            return item->data;
        }
    return ber_oid_parse(name, arena, item);
}

bool name_set_read(struct arena *arena, const struct mts_names *names, bool is_content_type,
                   struct name_set *set, struct error *err) {
    set->count = names->count;
    set->items = names->count ? arena_array(arena, names->count, sizeof *set->items) : NULL;
    if (names->count && !set->items)
        return error_set(err, 1, "out of memory");
    for (size_t i = 0; i < names->count; i++)
        if (!read_name(arena, names->items[i], is_content_type, &set->items[i]))
            return error_set(err, 1, "'%s' is no %s and no object identifier", names->items[i],
                             is_content_type ? "content type" : "encoded information type");
    return true;
}

static bool set_has(const struct name_set *set, struct span item) {
    for (size_t i = 0; i < set->count; i++)
        if (span_eq(set->items[i], item))
            return true;
    return false;
}

bool content_type_in(const struct name_set *set, const struct x411_ContentType *type) {
    uint8_t octets[3];
    if (!set->count)
        return true;
    if (!type)
        return false;
    if (type->choice == x411_ContentType_built_in)
        return set_has(set, built_in(octets, type->u.built_in));
    return set_has(set, type->u.extended);
}

/* True if all of the types (or, without `all`, one of them) are in the set. Types without a bit set are in
 * every set. */
bool eits_meet(const struct name_set *set, const struct x411_EncodedInformationTypes *types, bool all) {
    uint8_t octets[4];
    for (unsigned bit = 0; bit < 10; bit++)
        if (ber_bit(&types->built_in_encoded_information_types, bit) &&
            set_has(set, eit_octets(octets, bit)) != all)
            return !all;
    for (size_t i = 0; i < types->extended_encoded_information_types.count; i++)
        if (set_has(set, types->extended_encoded_information_types.items[i]) != all)
            return !all;
    return all;
}

void content_type_of_item(struct span item, struct x411_ContentType *type) {
    *type = (struct x411_ContentType){0};
    if (item.len == 3 && item.data[0] == 0xFF) {
        type->choice = x411_ContentType_built_in;
        type->u.built_in = item.data[1] << 8 | item.data[2];
    } else {
        type->choice = x411_ContentType_extended;
        type->u.extended = item;
    }
}

/* The built-in types of id-eit as bits, the others as they are. */
bool eits_of_items(struct arena *arena, const struct name_set *set,
                   struct x411_EncodedInformationTypes *types) {
    struct x411_ExtendedEncodedInformationTypes *extended = &types->extended_encoded_information_types;
    uint8_t octets[4];
    *types = (struct x411_EncodedInformationTypes){0};
    extended->items = arena_array(arena, set->count, sizeof *extended->items);
    if (!extended->items)
        return false;
    for (size_t i = 0; i < set->count; i++) {
        struct span item = set->items[i];
        unsigned bit = item.len == 4 ? item.data[3] : 10;
        if (bit >= 10 || !span_eq(item, eit_octets(octets, bit)))
            extended->items[extended->count++] = item;
        else if (!ber_bit_set(&types->built_in_encoded_information_types, bit, true, arena))
            return false;
    }
    return true;
}

bool items_of_eits(struct arena *arena, const struct x411_EncodedInformationTypes *types,
                   struct name_set *set) {
    const struct x411_ExtendedEncodedInformationTypes *extended = &types->extended_encoded_information_types;
    uint8_t octets[4];
    *set = (struct name_set){.items = arena_array(arena, extended->count + 10, sizeof *set->items)};
    for (unsigned bit = 0; set->items && bit < 10; bit++)
        if (ber_bit(&types->built_in_encoded_information_types, bit)) {
            set->items[set->count] = arena_dup(arena, eit_octets(octets, bit));
            if (!set->items[set->count++].data)
                return false;
        }
    for (size_t i = 0; set->items && i < extended->count; i++)
        set->items[set->count++] = extended->items[i];
    return set->items != NULL;
}

static struct name_set set_of(const struct x411_ExtendedEncodedInformationTypes *types) {
    return (struct name_set){types->items, types->count};
}

/* As of a class (redirection.c), but that a message whose types nobody told is in all of them. */
bool constraints_take(const struct x411p3_EncodedInformationTypesConstraints *constraints,
                      const struct x411_EncodedInformationTypes *types) {
    struct name_set unacceptable = set_of(&constraints->unacceptable_eits),
                    acceptable = set_of(&constraints->acceptable_eits),
                    exclusive = set_of(&constraints->exclusively_acceptable_eits);
    if (!types)
        return true;
    if (unacceptable.count && eits_meet(&unacceptable, types, false))
        return false;
    if (!acceptable.count && !constraints->exclusively_acceptable_eits.items)
        return true;
    return (acceptable.count && eits_meet(&acceptable, types, false)) ||
           (constraints->exclusively_acceptable_eits.items && eits_meet(&exclusive, types, true));
}

bool items_of_content_types(struct arena *arena, const struct x411_ContentTypes *types,
                            struct name_set *set) {
    uint8_t octets[3];
    *set = (struct name_set){.items = arena_array(arena, types->count + 1, sizeof *set->items)};
    for (size_t i = 0; set->items && i < types->count; i++) {
        const struct x411_ContentType *type = &types->items[i];
        set->items[i] = type->choice == x411_ContentType_built_in
                            ? arena_dup(arena, built_in(octets, type->u.built_in))
                            : type->u.extended;
        if (!set->items[i].data)
            return false;
        set->count++;
    }
    return set->items != NULL;
}
