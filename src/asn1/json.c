#include "asn1/json_private.h"

static bool read_value(struct json_reader *r, const struct ber_place *outer, const struct ber_type *type,
                       const json_t *json, void *value);

static const struct ber_type *find_type(const struct json_reader *r, const struct ber_place *place,
                                        const char *name) {
    const struct ber_type *type =
        r->how->open ? r->how->open(r->how->user, place, (struct span){NULL, 0}) : NULL;
    if (type && strcmp(type->name, name) == 0)
        return type;
    for (const struct ber_type *const *universal = ber_common_types; *universal; universal++)
        if (strcmp((*universal)->name, name) == 0)
            return *universal;
    return r->how->find ? r->how->find(r->how->user, name) : NULL;
}

/* {"@Type": value} for an open type or OCTET STRING: read, and encoded at once. */
static bool read_open(struct json_reader *r, const struct ber_place *outer, const json_t *json,
                      struct span *octets) {
    const char *key = json_object_iter_key(json_object_iter((json_t *)json));
    if (!key || key[0] != '@' || json_object_size(json) != 1)
        return ber_fail(r->error, BER_VALUE, 0, "expected {\"@Type\": value}");
    const struct ber_type *type = find_type(r, outer, key + 1);
    if (!type)
        return ber_fail(r->error, BER_VALUE, 0, "unknown type '%s'", key + 1);
    void *value = arena_alloc(r->arena, type->size);
    if (!value)
        return ber_fail(r->error, BER_MEMORY, 0, "no memory");
    return read_value(r, outer, type, json_object_get(json, key), value) &&
           ber_encode_arena(type, value, r->arena, octets, r->error);
}

static bool read_field(struct json_reader *r, const struct ber_place *outer, const struct ber_type *type,
                       const struct ber_field *field, const json_t *json, void *value) {
    void *member = field->flags & BER_FIELD_VOID ? NULL : ber_member(value, field->offset);
    struct ber_place place = {outer, type, value, field};
    if (field->flags & BER_FIELD_POINTER) {
        void *pointee = arena_alloc(r->arena, field->type->size);
        if (!pointee)
            return ber_fail(r->error, BER_MEMORY, 0, "no memory");
        memcpy(member, &pointee, sizeof pointee);
        member = pointee;
    }
    if (field->flags & BER_FIELD_HAS)
        *(bool *)ber_member(value, field->has) = true;
    bool done = read_value(r, &place, field->type, json, member);
    if (!done)
        ber_path_prepend(r->error, field->name);
    return done;
}

static bool absent_field(struct json_reader *r, const struct ber_field *field, void *value) {
    if (!(field->flags & BER_FIELD_OPTIONAL)) {
        ber_fail(r->error, BER_MISSING, 0, "'%s' is missing", field->name);
        ber_path_prepend(r->error, field->name);
        return false;
    }
    if (field->flags & BER_FIELD_DEFAULT) {
        void *member = ber_member(value, field->offset);
        if (field->type->kind == BER_KIND_BOOLEAN)
            *(bool *)member = field->value;
        else
            *(int64_t *)member = field->value;
    }
    return true;
}

static bool is_known(const struct ber_type *type, const char *key) {
    if (strcmp(key, "@offset") == 0 || strcmp(key, "@error") == 0 || strcmp(key, "@passed-over") == 0)
        return true;
    if (strcmp(key, "...") == 0)
        return type->flags & BER_TYPE_EXTENSIBLE;
    for (uint32_t i = 0; i < type->count; i++)
        if (strcmp(type->fields[i].name, key) == 0)
            return true;
    return false;
}

static bool check_keys(struct json_reader *r, const struct ber_type *type, const json_t *json) {
    const char *key;
    json_t *ignored;
    if (!json_is_object(json))
        return ber_fail(r->error, BER_VALUE, 0, "%s wants an object", type->name);
    json_object_foreach((json_t *)json, key, ignored) if (!is_known(type, key)) return ber_fail(
        r->error, BER_UNEXPECTED, 0, "%s has no '%s'", type->name, key);
    return true;
}

static bool read_components(struct json_reader *r, const struct ber_place *outer, const struct ber_type *type,
                            const json_t *json, void *value) {
    if (!check_keys(r, type, json))
        return false;
    for (uint32_t i = 0; i < type->count; i++) {
        const json_t *part = json_object_get(json, type->fields[i].name);
        bool done = part ? read_field(r, outer, type, &type->fields[i], part, value)
                         : absent_field(r, &type->fields[i], value);
        if (!done)
            return false;
    }
    const json_t *unknown = json_object_get(json, "...");
    return !unknown || json_hex(r, unknown, ber_member(value, type->extra));
}

static bool read_choice(struct json_reader *r, const struct ber_place *outer, const struct ber_type *type,
                        const json_t *json, void *value) {
    if (!check_keys(r, type, json))
        return false;
    const json_t *unknown = json_object_get(json, "...");
    if (unknown)
        return json_hex(r, unknown, value);
    for (uint32_t i = 0; i < type->count; i++) {
        const json_t *part = json_object_get(json, type->fields[i].name);
        int choice = (int)type->fields[i].value;
        if (!part)
            continue;
        memcpy(ber_member(value, type->extra), &choice, sizeof choice);
        return read_field(r, outer, type, &type->fields[i], part, value);
    }
    return ber_fail(r->error, BER_MISSING, 0, "%s names no alternative", type->name);
}

static bool read_list(struct json_reader *r, const struct ber_place *outer, const struct ber_type *type,
                      const json_t *json, void *value) {
    const struct ber_field *element = type->fields;
    struct ber_place place = {outer, type, value, element};
    if (!json_is_array(json))
        return ber_fail(r->error, BER_VALUE, 0, "%s wants an array", type->name);
    struct ber_list list = {arena_array(r->arena, json_array_size(json), element->type->size),
                            json_array_size(json)};
    if (!list.items)
        return ber_fail(r->error, BER_MEMORY, 0, "no memory");
    memcpy(value, &list, sizeof list);
    for (size_t i = 0; i < list.count; i++) {
        void *item = (uint8_t *)list.items + i * element->type->size;
        if (read_value(r, &place, element->type, json_array_get(json, i), item))
            continue;
        ber_path_prepend_number(r->error, i);
        return false;
    }
    return true;
}

static bool read_value(struct json_reader *r, const struct ber_place *outer, const struct ber_type *type,
                       const json_t *json, void *value) {
    switch (type->kind) {
    case BER_KIND_SEQUENCE:
    case BER_KIND_SET:
        return read_components(r, outer, type, json, value);
    case BER_KIND_SEQUENCE_OF:
    case BER_KIND_SET_OF:
        return read_list(r, outer, type, json, value);
    case BER_KIND_CHOICE:
        return read_choice(r, outer, type, json, value);
    case BER_KIND_ANY:
    case BER_KIND_OCTET_STRING:
        if (json_is_object(json))
            return read_open(r, outer, json, value);
        return json_primitive(r, type, json, value);
    default:
        return json_primitive(r, type, json, value);
    }
}

static json_t *parse(struct span text, struct ber_error *error) {
    json_error_t syntax;
    if (error)
        *error = (struct ber_error){0};
    json_t *json =
        json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &syntax);
    if (!json)
        ber_fail(error, BER_VALUE, (size_t)syntax.position, "line %d, column %d: %s", syntax.line,
                 syntax.column, syntax.text);
    return json;
}

bool ber_from_json(const struct ber_type *type, struct span text, const struct ber_json *how,
                   struct arena *arena, void *value, struct ber_error *error) {
    struct json_reader r = {how, arena, error};
    memset(value, 0, type->size);
    json_t *json = parse(text, error);
    bool done = json && read_value(&r, NULL, type, json, value);
    json_decref(json);
    return done;
}

bool ber_open_from_json(struct span text, const struct ber_json *how, struct arena *arena,
                        struct span *octets, struct ber_error *error) {
    struct json_reader r = {how, arena, error};
    json_t *json = parse(text, error);
    bool done = json && read_open(&r, NULL, json, octets);
    json_decref(json);
    return done;
}
