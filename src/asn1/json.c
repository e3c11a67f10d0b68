#include "asn1/json_private.h"
#include "base/buf.h"

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

/* The one member that names a type. */
static const char *type_key(const json_t *json) {
    const char *key, *found = NULL;
    json_t *ignored;
    json_object_foreach((json_t *)json, key, ignored) {
        if (strcmp(key, "@octets") == 0 || strcmp(key, "@error") == 0 || strcmp(key, "@complaints") == 0)
            continue;
        if (key[0] != '@' || found)
            return NULL;
        found = key;
    }
    return found;
}

/* Notes the bounds and repertoires that it breaks. */
static void note_faults(struct json_reader *r, const struct ber_type *type, struct span octets) {
    struct ber_limits limits = {.lenient = true, .passed = r->how->passed};
    void *value = r->how->passed ? arena_alloc(r->arena, type->size) : NULL;
    struct ber_error ignored;
    if (value)
        ber_decode(type, octets, r->arena, &limits, value, &ignored);
}

static void put_path(const struct json_step *step, struct buf *path) {
    if (step->outer) {
        put_path(step->outer, path);
        buf_append_byte(path, '.');
    }
    if (step->name)
        buf_printf(path, "%s", step->name);
    else
        buf_printf(path, "%zu", step->number);
}

/* Octets in hex are no value that was looked at. */
static void note_unchecked(const struct json_reader *r) {
    struct buf *unchecked = r->how->unchecked;
    if (!unchecked)
        return;
    if (unchecked->len)
        buf_printf(unchecked, ", ");
    if (r->step)
        put_path(r->step, unchecked);
    else
        buf_printf(unchecked, "the outermost value");
}

/* {"@Type": value}: read, and encoded at once. */
static bool read_typed(struct json_reader *r, const struct ber_place *outer, const json_t *json,
                       const struct ber_type **type, struct span *octets) {
    const char *key = type_key(json);
    if (!key)
        return ber_fail(r->error, BER_VALUE, 0, "expected {\"@Type\": value}");
    *type = find_type(r, outer, key + 1);
    if (!*type)
        return ber_fail(r->error, BER_VALUE, 0, "unknown type '%s'", key + 1);
    void *value = arena_alloc(r->arena, (*type)->size);
    if (!value)
        return ber_fail(r->error, BER_MEMORY, 0, "no memory");
    return read_value(r, outer, *type, json_object_get(json, key), value) &&
           ber_encode_arena(*type, value, r->arena, octets, r->error);
}

/* The octets count, not the value beside them: who changed that and left the octets is told. A value that is
 * wrong or lacks something can't be compared. */
static bool read_kept(struct json_reader *r, const struct ber_place *outer, const json_t *json,
                      const json_t *kept, struct span *octets) {
    struct ber_limits lenient = {.lenient = true, .elements = 1 << 20};
    struct ber_error ignored = {0};
    struct ber_json quiet = *r->how;
    struct json_reader beside = {&quiet, r->arena, &ignored, r->step};
    const struct ber_type *type;
    struct span shown, normal;
    quiet.passed = NULL;
    quiet.unchecked = NULL;
    if (!json_hex(r, kept, octets))
        return false;
    note_unchecked(r);
    if (!read_typed(&beside, outer, json, &type, &shown) ||
        !ber_normal(type, *octets, &lenient, r->arena, &normal) || span_eq(shown, normal))
        return true;
    return ber_fail(r->error, BER_VALUE, 0,
                    "the value beside '@octets' is not theirs: take '@octets' out to encode it");
}

/* An open type or OCTET STRING, or the outermost value. */
static bool read_open(struct json_reader *r, const struct ber_place *outer, const json_t *json,
                      struct span *octets) {
    const json_t *kept = json_object_get(json, "@octets");
    const struct ber_type *type;
    if (kept)
        return read_kept(r, outer, json, kept, octets);
    if (!read_typed(r, outer, json, &type, octets))
        return false;
    note_faults(r, type, *octets);
    return true;
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
    struct json_step step = {r->step, field->name, 0};
    r->step = &step;
    bool done = json_object_get(json, "@wrong")
                    ? ber_fail(r->error, BER_VALUE, 0, "its octets were wrong: put the right value here")
                    : read_value(r, &place, field->type, json, member);
    r->step = step.outer;
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
    if (strcmp(key, "@offset") == 0 || strcmp(key, "@error") == 0)
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

/* One to `most` whole elements, in hex. */
static bool read_elements(struct json_reader *r, const json_t *json, size_t most, struct span *octets) {
    struct ber_element element;
    enum ber_error_code why;
    size_t count = 0;
    if (!json_hex(r, json, octets))
        return false;
    for (struct span rest = *octets; rest.len && count <= most; count++) {
        if (!ber_element_read(rest, &element, &why))
            return ber_fail(r->error, BER_VALUE, 0, "the hex digits are no whole element of BER");
        rest = span_sub(rest, element.total, SIZE_MAX);
    }
    return (count && count <= most) ||
           ber_fail(r->error, BER_VALUE, 0,
                    count ? "one element, and no more, can stand here" : "an element has to stand here");
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
    return !unknown || read_elements(r, unknown, SIZE_MAX, ber_member(value, type->extra));
}

/* The alternative that the JSON names; NULL: none, or two. */
static const struct ber_field *chosen(const struct ber_type *type, const json_t *json) {
    const struct ber_field *found = NULL;
    for (uint32_t i = 0; i < type->count; i++) {
        if (!json_object_get(json, type->fields[i].name))
            continue;
        if (found)
            return NULL;
        found = &type->fields[i];
    }
    return found;
}

static bool read_choice(struct json_reader *r, const struct ber_place *outer, const struct ber_type *type,
                        const json_t *json, void *value) {
    if (!check_keys(r, type, json))
        return false;
    const json_t *unknown = json_object_get(json, "...");
    const struct ber_field *field = chosen(type, json);
    if (unknown && !field)
        return read_elements(r, unknown, 1, value);
    if (unknown || !field)
        return ber_fail(r->error, BER_MISSING, 0, "%s wants one alternative", type->name);
    int choice = (int)field->value;
    memcpy(ber_member(value, type->extra), &choice, sizeof choice);
    return read_field(r, outer, type, field, json_object_get(json, field->name), value);
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
        struct json_step step = {r->step, NULL, i};
        r->step = &step;
        bool done = read_value(r, &place, element->type, json_array_get(json, i), item);
        r->step = step.outer;
        if (done)
            continue;
        ber_path_prepend_number(r->error, i);
        return false;
    }
    return true;
}

static bool read_element(struct json_reader *r, const json_t *json, struct span *element) {
    note_unchecked(r);
    return read_elements(r, json, 1, element);
}

/* An OCTET STRING has bounds of its own, which are seen when it is encoded; what it holds may have more. */
static bool read_octets(struct json_reader *r, const struct ber_place *outer, const struct ber_type *type,
                        const json_t *json, struct span *octets) {
    if (!json_primitive(r, type, json, octets))
        return false;
    if (outer && r->how->open && r->how->open(r->how->user, outer, *octets))
        note_unchecked(r);
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
        return json_is_object(json) ? read_open(r, outer, json, value) : read_element(r, json, value);
    case BER_KIND_OCTET_STRING:
        return json_is_object(json) ? read_open(r, outer, json, value)
                                    : read_octets(r, outer, type, json, value);
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
    struct json_reader r = {how, arena, error, NULL};
    memset(value, 0, type->size);
    json_t *json = parse(text, error);
    bool done = json && read_value(&r, NULL, type, json, value);
    json_decref(json);
    return done;
}

bool ber_open_from_json(struct span text, const struct ber_json *how, struct arena *arena,
                        struct span *octets, struct ber_error *error) {
    struct json_reader r = {how, arena, error, NULL};
    json_t *json = parse(text, error);
    bool done = json && read_open(&r, NULL, json, octets);
    json_decref(json);
    return done;
}
