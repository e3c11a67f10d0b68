/*
 * Decoding, structure: SEQUENCE, SET, OF, CHOICE and explicit tags. Functions
 * that decode an element return the octet behind it, or NULL when they have set
 * the error.
 */
#include "asn1/decode_private.h"

static decode_reader *const readers[];

/* One element within an explicit tag; `tags` are those that still have to come. */
static const uint8_t *decode_explicit(struct decoder *d, const struct ber_type *type, const uint32_t *tags,
                                      unsigned count, const struct ber_header *h, void *value);

/* True if the element can hold elements, and they are not nested too deep. */
static inline bool can_enter(struct decoder *d, const struct ber_type *type, const struct ber_header *h) {
    if (ber_constructed(h) && d->depth > 0)
        return true;
    if (ber_constructed(h))
        decode_fail(d, BER_DEPTH, h->start, "nested too deep");
    else
        decode_fail(d, BER_VALUE, h->start, "%s in primitive form", type->name);
    return false;
}

/* ---- SEQUENCE and SET ---- */

__attribute__((noinline)) static void set_defaults(const struct ber_type *type, void *value) {
    for (uint32_t i = 0; i < type->count; i++) {
        const struct ber_field *field = &type->fields[i];
        if (!(field->flags & BER_FIELD_DEFAULT))
            continue;
        if (field->type->kind == BER_KIND_BOOLEAN)
            *(bool *)ber_member(value, field->offset) = field->value;
        else
            *(int64_t *)ber_member(value, field->offset) = field->value;
    }
}

static const uint8_t *decode_place(struct decoder *d, const struct ber_field *field,
                                   const struct ber_header *h, void *member) {
    if (field->around)
        return decode_explicit(d, field->type, field->tags + 1, field->tag_count - 1u, h, member);
    return readers[field->type->kind](d, field->type, h, member);
}

/* A component that is more than a value with its own tag at `offset`. */
__attribute__((noinline)) static const uint8_t *
decode_odd_field(struct decoder *d, const struct ber_field *field, const struct ber_header *h, void *value) {
    void *member = field->flags & BER_FIELD_VOID ? NULL : ber_member(value, field->offset);
    if (field->flags & BER_FIELD_POINTER) {
        void *pointee = arena_alloc(d->arena, field->type->size);
        if (!pointee)
            return decode_fail(d, BER_MEMORY, h->start, "no memory for '%s'", field->name);
        memcpy(member, &pointee, sizeof pointee);
        member = pointee;
    }
    const uint8_t *behind = decode_place(d, field, h, member);
    if (behind && field->flags & BER_FIELD_HAS)
        *(bool *)ber_member(value, field->has) = true;
    return behind;
}

static inline const uint8_t *decode_field(struct decoder *d, const struct ber_field *field,
                                          const struct ber_header *h, void *value) {
    const struct ber_type *type = field->type;
    const uint8_t *behind = field->flags & BER_FIELD_PLAIN
                                ? readers[type->kind](d, type, h, ber_member(value, field->offset))
                                : decode_odd_field(d, field, h, value);
    if (behind)
        return behind;
    ber_path_prepend(d->error, field->name);
    return decode_pass_element(d, value, field, h);
}

/* Adds an element that the type does not know to `unknown`; parts that don't adjoin are joined in the arena.
 */
BER_COLD static const uint8_t *keep_unknown(struct decoder *d, const struct ber_type *type,
                                            const struct ber_header *h, void *value) {
    const uint8_t *behind = decode_skip(d, h);
    if (!behind)
        return NULL;
    struct span *unknown = ber_member(value, type->extra);
    size_t len = (size_t)(behind - h->start);
    if (!unknown->data) {
        *unknown = span_of(h->start, len);
    } else if (unknown->data + unknown->len == h->start) {
        unknown->len += len;
    } else {
        uint8_t *joined = arena_alloc(d->arena, unknown->len + len);
        if (!joined)
            return decode_fail(d, BER_MEMORY, h->start, "no memory for unknown elements");
        memcpy(joined, unknown->data, unknown->len);
        memcpy(joined + unknown->len, h->start, len);
        *unknown = span_of(joined, unknown->len + len);
    }
    return behind;
}

/* The place, from 1, of the first component from `from` on that can bear the tag, or 0. */
static uint32_t find_field(const struct ber_type *type, uint32_t from, uint32_t id) {
    for (uint32_t i = from; i < type->count; i++)
        if (ber_field_matches(&type->fields[i], id))
            return i + 1;
    return 0;
}

/* The same where `index` does not tell: a long tag, one of several components, or one that is not known. */
__attribute__((noinline)) static uint32_t find_odd_field(const struct ber_type *type, uint64_t seen,
                                                         uint32_t id) {
    uint32_t from = type->kind == BER_KIND_SEQUENCE && seen ? 64 - (uint32_t)__builtin_clzll(seen) : 0;
    return find_field(type, from, id);
}

BER_COLD static const uint8_t *refuse_element(struct decoder *d, const struct ber_type *type,
                                              const struct ber_field *wanted, const struct ber_header *h) {
    char found[32], expected[32];
    uint32_t place = find_field(type, 0, ber_header_id(h));
    const struct ber_field *known = place ? &type->fields[place - 1] : NULL;
    ber_id_text(ber_header_id(h), found);
    if (wanted && known && known > wanted)
        return decode_fail(d, BER_MISSING, h->start, "'%s' is missing before '%s'", wanted->name,
                           known->name);
    if (known)
        return decode_fail(d, BER_UNEXPECTED, h->start, "'%s' stands out of order or twice", known->name);
    if (wanted && wanted->tag_count)
        return decode_fail(d, BER_TAG, h->start, "expected '%s' with tag %s, found tag %s", wanted->name,
                           ber_id_text(wanted->tags[0], expected), found);
    return decode_fail(d, BER_UNEXPECTED, h->start, "%s has no component with tag %s", type->name, found);
}

/* `lacking` has a bit for each mandatory component that did not come. */
BER_COLD static const uint8_t *missing(struct decoder *d, const struct ber_type *type, uint64_t lacking,
                                       const void *value, const uint8_t *at, const uint8_t *behind) {
    for (; lacking; lacking &= lacking - 1) {
        const struct ber_field *field = &type->fields[__builtin_ctzll(lacking)];
        decode_fail(d, BER_MISSING, at, "%s ends without its '%s'", type->name, field->name);
        ber_path_prepend(d->error, field->name);
        if (!decode_pass_missing(d, value, field))
            return NULL;
    }
    return behind;
}

/* An element that is no component in its place. `place` is what its tag would make it, or 0. */
BER_COLD static const uint8_t *take_misplaced(struct decoder *d, const struct ber_type *type, uint32_t place,
                                              uint64_t seen, const struct ber_header *h, void *value) {
    if (place && type->kind == BER_KIND_SET)
        return decode_fail(d, BER_DUPLICATE, h->start, "'%s' stands twice in %s",
                           type->fields[place - 1].name, type->name);
    if (type->flags & BER_TYPE_EXTENSIBLE && !d->refuse_unknown)
        return keep_unknown(d, type, h, value);
    uint64_t wanted = type->kind == BER_KIND_SET ? 0 : type->mandatory & ~seen;
    uint64_t behind = seen ? ~(UINT64_MAX >> __builtin_clzll(seen)) : UINT64_MAX;
    wanted &= behind;
    return refuse_element(d, type, wanted ? &type->fields[__builtin_ctzll(wanted)] : NULL, h);
}

/* In a SEQUENCE: one before it is missing, which a lenient decoding tells at the end. */
static bool comes_late(const struct decoder *d, uint32_t place, uint64_t seen) {
    return d->lenient && place && UINT64_C(1) << (place - 1) % 64 > seen;
}

BER_COLD static const uint8_t *decode_misplaced(struct decoder *d, const struct ber_type *type,
                                                uint32_t place, uint64_t seen, const struct ber_header *h,
                                                void *value) {
    if (comes_late(d, place, seen))
        return decode_field(d, &type->fields[place - 1], h, value);
    const uint8_t *behind = take_misplaced(d, type, place, seen, h, value);
    return behind ? behind : decode_pass_element(d, value, NULL, h);
}

/*
 * True if component `bit` may stand behind those in `seen`: in a SET once, in a
 * SEQUENCE before none of them and with no mandatory one left out.
 */
static inline bool is_in_place(const struct ber_type *type, bool is_set, uint64_t seen, uint64_t bit) {
    return is_set ? !(seen & bit) : bit > seen && !(type->mandatory & ~seen & (bit - 1));
}

/*
 * Reads the header of the element at `at` and finds the component that it is.
 * At once for a short header with a tag that `index` knows.
 */
static inline bool find_component(struct decoder *d, const struct ber_type *type, const uint8_t *at,
                                  const struct ber_header *parent, uint64_t seen, struct ber_header *inner,
                                  uint32_t *place) {
    size_t left = (size_t)(parent->end - at);
    if (left >= 2 && (*place = type->index[at[0]]) && at[1] < 0x80 && at[1] <= left - 2) {
        ber_header_fill(at, 2, at[1], inner);
        return true;
    }
    if (!decode_any_header(d, at, parent, inner))
        return false;
    *place = type->index[*at];
    if (!*place)
        *place = find_odd_field(type, seen, ber_header_id(inner));
    return true;
}

static inline const uint8_t *decode_components(struct decoder *d, const struct ber_type *type, bool is_set,
                                               const struct ber_header *h, void *value) {
    const uint8_t *at = h->contents, *behind;
    uint64_t seen = 0;
    struct ber_header inner;
    uint32_t place;
    if (!can_enter(d, type, h))
        return NULL;
    d->depth--;
    if (type->flags & BER_TYPE_DEFAULTS)
        set_defaults(type, value);
    while (!decode_at_end(d, h, at, &behind)) {
        if (!find_component(d, type, at, h, seen, &inner, &place)) {
            behind = decode_pass_rest(d, value, h, at);
            break;
        }
        uint64_t bit = UINT64_C(1) << (place - 1) % 64;
        if (place && is_in_place(type, is_set, seen, bit)) {
            seen |= bit;
            at = decode_field(d, &type->fields[place - 1], &inner, value);
        } else {
            at = decode_misplaced(d, type, place, seen, &inner, value);
            seen |= comes_late(d, place, seen) ? bit : 0;
        }
        if (!at) {
            behind = NULL;
            break;
        }
    }
    d->depth++;
    if (behind && type->mandatory & ~seen)
        behind = missing(d, type, type->mandatory & ~seen, value, at, behind);
    if (behind)
        *(struct span *)value = span_of(h->start, (size_t)(behind - h->start));
    return behind;
}

static const uint8_t *decode_sequence(struct decoder *d, const struct ber_type *type,
                                      const struct ber_header *h, void *value) {
    return decode_components(d, type, false, h, value);
}

static const uint8_t *decode_set(struct decoder *d, const struct ber_type *type, const struct ber_header *h,
                                 void *value) {
    return decode_components(d, type, true, h, value);
}

/* ---- OF ---- */

/* How many elements stand in `h`, up to the first of indefinite length: that one's end is found by decoding
 * it. */
static size_t count_ahead(const struct ber_header *h, size_t most) {
    size_t count = 0;
    const uint8_t *at = h->contents;
    struct ber_header inner;
    while (count <= most && at < h->end) {
        if (ber_is_short(at, (size_t)(h->end - at))) {
            at += 2 + at[1];
        } else {
            if (ber_header_read(at, h->end, h->open, &inner) != BER_OK || !ber_header_id(&inner))
                break;
            if (inner.indefinite)
                return count + 1;
            at = inner.end;
        }
        count++;
    }
    return count;
}

/* Makes room for `room` items of the list, of which `list->count` are used. */
static bool resize_list(struct decoder *d, struct ber_list *list, size_t size, size_t room) {
    void *items = arena_array(d->arena, room, size);
    if (!items)
        return false;
    if (list->count) {
        memcpy(items, list->items, list->count * size);
        decode_items_moved(d, list->items, items, list->count * size);
    }
    list->items = items;
    return true;
}

static size_t grown(size_t room, size_t most) {
    size_t more = room < 4 ? 8 : room * 2;
    return more < most ? more : most;
}

static const uint8_t *decode_item(struct decoder *d, const struct ber_type *type, const struct ber_header *h,
                                  void *item) {
    const struct ber_field *element = type->fields;
    const uint8_t *behind;
    char found[32];
    if ((*h->start & ~0x20) != element->octet && !ber_field_matches(element, ber_header_id(h)))
        behind = decode_fail(d, BER_TAG, h->start, "%s is no element of %s",
                             ber_id_text(ber_header_id(h), found), type->name);
    else if (element->flags & BER_FIELD_PLAIN)
        behind = readers[element->type->kind](d, element->type, h, item);
    else
        behind = decode_place(d, element, h, item);
    return behind ? behind : decode_pass_element(d, item, element, h);
}

/* A list's upper bound, judged before memory is taken for what is too many. */
static bool may_have(struct decoder *d, const struct ber_type *type, size_t count, const uint8_t *at) {
    const struct ber_bounds *bounds = type->bounds;
    return !bounds || !d->check_bounds || (int64_t)count <= bounds->max || d->lenient ||
           decode_out_of_bounds(d, type, (int64_t)count, at, NULL);
}

__attribute__((noinline)) static bool has_room(struct decoder *d, const struct ber_type *type,
                                               struct ber_list *list, size_t *room, const uint8_t *at) {
    if (list->count == d->elements) {
        decode_fail(d, BER_COUNT, at, "more than %zu elements in %s", d->elements, type->name);
        return false;
    }
    if (list->count < *room)
        return true;
    if (!may_have(d, type, list->count + 1, at))
        return false;
    *room = grown(*room, d->elements);
    if (resize_list(d, list, type->fields->type->size, *room))
        return true;
    decode_fail(d, BER_MEMORY, at, "no memory for %zu elements of %s", *room, type->name);
    return false;
}

static const uint8_t *decode_items(struct decoder *d, const struct ber_type *type, const struct ber_header *h,
                                   struct ber_list *list, const void *value) {
    size_t size = type->fields->type->size;
    size_t room = count_ahead(h, d->elements);
    const uint8_t *at = h->contents, *behind;
    struct ber_header inner;
    if (room > d->elements)
        return decode_fail(d, BER_COUNT, h->start, "more than %zu elements in %s", d->elements, type->name);
    if (!may_have(d, type, room, h->start))
        return NULL;
    if (!resize_list(d, list, size, room))
        return decode_fail(d, BER_MEMORY, h->start, "no memory for %zu elements of %s", room, type->name);
    while (!decode_at_end(d, h, at, &behind)) {
        if (list->count == room && !has_room(d, type, list, &room, at))
            return NULL;
        if (!decode_header(d, at, h, &inner))
            return decode_pass_rest(d, value, h, at);
        at = decode_item(d, type, &inner, (uint8_t *)list->items + list->count * size);
        if (!at)
            ber_path_prepend_number(d->error, list->count);
        list->count++;
        if (!at)
            return NULL;
    }
    return behind;
}

static const uint8_t *decode_list(struct decoder *d, const struct ber_type *type, const struct ber_header *h,
                                  void *value) {
    struct ber_list list = {0};
    if (!can_enter(d, type, h))
        return NULL;
    d->depth--;
    const uint8_t *behind = decode_items(d, type, h, &list, value);
    d->depth++;
    memcpy(value, &list, sizeof list);
    if (behind && !decode_check_bounds(d, type, (int64_t)list.count, h->start, value))
        return NULL;
    return behind;
}

/* ---- CHOICE, explicit tags, and the rest ---- */

static const uint8_t *decode_alternative(struct decoder *d, const struct ber_type *type,
                                         const struct ber_header *h, void *value) {
    char found[32];
    uint32_t place = type->index[*h->start];
    if (!place)
        place = find_field(type, 0, ber_header_id(h));
    if (!place)
        return type->flags & BER_TYPE_EXTENSIBLE && !d->refuse_unknown
                   ? decode_skip(d, h)
                   : decode_fail(d, BER_TAG, h->start, "%s has no alternative with tag %s", type->name,
                                 ber_id_text(ber_header_id(h), found));
    const struct ber_field *field = &type->fields[place - 1];
    int choice = (int)field->value;
    memcpy(ber_member(value, type->extra), &choice, sizeof choice);
    return decode_field(d, field, h, value);
}

static const uint8_t *decode_choice(struct decoder *d, const struct ber_type *type,
                                    const struct ber_header *h, void *value) {
    if (d->depth == 0)
        return decode_fail(d, BER_DEPTH, h->start, "nested too deep");
    d->depth--;
    const uint8_t *behind = decode_alternative(d, type, h, value);
    d->depth++;
    if (behind)
        *(struct span *)value = span_of(h->start, (size_t)(behind - h->start));
    return behind;
}

static const uint8_t *decode_any(struct decoder *d, const struct ber_type *type, const struct ber_header *h,
                                 void *value) {
    (void)type;
    if (d->depth == 0)
        return decode_fail(d, BER_DEPTH, h->start, "nested too deep");
    const uint8_t *behind = decode_skip(d, h);
    /* What is there of a broken one is kept for who prints it. */
    *(struct span *)value = span_of(h->start, (size_t)((behind ? behind : h->end) - h->start));
    return behind;
}

/* `h` bears the first of `tags` (or, without tags, one that a CHOICE or ANY can have). */
static const uint8_t *decode_tagged(struct decoder *d, const struct ber_type *type, const uint32_t *tags,
                                    unsigned count, const struct ber_header *h, void *value) {
    unsigned own = ber_is_untagged_kind(type->kind) ? 0 : 1;
    if (count <= own)
        return readers[type->kind](d, type, h, value);
    return decode_explicit(d, type, tags + 1, count - 1, h, value);
}

/* `h` is an explicit tag: decodes the one element in it. `tags` are those that still have to come. */
__attribute__((noinline)) static const uint8_t *decode_odd_explicit(struct decoder *d,
                                                                    const struct ber_type *type,
                                                                    const uint32_t *tags, unsigned count,
                                                                    const struct ber_header *h, void *value) {
    struct ber_header inner;
    char found[32], expected[32];
    const uint8_t *behind;
    if (decode_at_end(d, h, h->contents, &behind))
        return behind ? decode_fail(d, BER_MISSING, h->start, "an explicit tag without contents") : NULL;
    if (!decode_header(d, h->contents, h, &inner))
        return NULL;
    if (count && ber_header_id(&inner) != tags[0])
        return decode_fail(d, BER_TAG, inner.start, "expected tag %s, found %s",
                           ber_id_text(tags[0], expected), ber_id_text(ber_header_id(&inner), found));
    const uint8_t *at = decode_tagged(d, type, tags, count, &inner, value);
    if (!at)
        return NULL;
    if (!decode_at_end(d, h, at, &behind))
        return decode_fail(d, BER_UNEXPECTED, at, "more than one element in an explicit tag");
    return behind;
}

static const uint8_t *decode_explicit(struct decoder *d, const struct ber_type *type, const uint32_t *tags,
                                      unsigned count, const struct ber_header *h, void *value) {
    const uint8_t *at = h->contents, *behind;
    size_t left = (size_t)(h->end - at);
    if (!ber_constructed(h))
        return decode_fail(d, BER_VALUE, h->start, "an explicit tag in primitive form");
    if (d->depth == 0)
        return decode_fail(d, BER_DEPTH, h->start, "nested too deep");
    d->depth--;
    if (count == 0 && !h->odd && ber_is_short(at, left) && at[1] + 2u == left) { /* the usual case */
        struct ber_header inner;
        ber_header_fill(at, 2, at[1], &inner);
        behind = readers[type->kind](d, type, &inner, value);
    } else {
        behind = decode_odd_explicit(d, type, tags, count, h, value);
    }
    d->depth++;
    return behind;
}

/*
 * An implicitly tagged number that was sent with its own tag within, as PP 6.0
 * writes the standard-extension of an extension field, can't be mistaken for
 * anything else.
 */
static const uint8_t *decode_any_number(struct decoder *d, const struct ber_type *type,
                                        const struct ber_header *h, void *value) {
    if (!ber_constructed(h))
        return decode_number(d, type, h, value);
    uint32_t id = ber_universal_id(type->kind);
    return decode_explicit(d, type, &id, 1, h, value);
}

static decode_reader *const readers[] = {
    [BER_KIND_SEQUENCE] = decode_sequence,
    [BER_KIND_SET] = decode_set,
    [BER_KIND_SEQUENCE_OF] = decode_list,
    [BER_KIND_SET_OF] = decode_list,
    [BER_KIND_CHOICE] = decode_choice,
    [BER_KIND_ANY] = decode_any,
    [BER_KIND_BOOLEAN] = decode_boolean,
    [BER_KIND_INTEGER] = decode_any_number,
    [BER_KIND_ENUMERATED] = decode_any_number,
    [BER_KIND_NULL] = decode_null,
    [BER_KIND_BIT_STRING] = decode_bits,
    [BER_KIND_OCTET_STRING] = decode_string,
    [BER_KIND_OBJECT_IDENTIFIER] = decode_oid,
    [BER_KIND_RELATIVE_OID] = decode_oid,
    [BER_KIND_REAL] = decode_oid,
    [BER_KIND_OBJECTDESCRIPTOR] = decode_string,
    [BER_KIND_UTF8STRING] = decode_string,
    [BER_KIND_NUMERICSTRING] = decode_characters,
    [BER_KIND_PRINTABLESTRING] = decode_characters,
    [BER_KIND_TELETEXSTRING] = decode_string,
    [BER_KIND_VIDEOTEXSTRING] = decode_string,
    [BER_KIND_IA5STRING] = decode_characters,
    [BER_KIND_GRAPHICSTRING] = decode_string,
    [BER_KIND_VISIBLESTRING] = decode_characters,
    [BER_KIND_GENERALSTRING] = decode_string,
    [BER_KIND_UNIVERSALSTRING] = decode_string,
    [BER_KIND_BMPSTRING] = decode_string,
    [BER_KIND_UTCTIME] = decode_characters,
    [BER_KIND_GENERALIZEDTIME] = decode_characters,
};

/* ---- the doors ---- */

static const uint8_t *decode_top(struct decoder *d, const struct ber_type *type, struct span in,
                                 void *value) {
    struct ber_header window = {.end = in.data ? in.data + in.len : NULL, .open = true};
    struct ber_header h;
    char found[32], expected[32];
    if (!decode_header(d, in.data, &window, &h))
        return NULL;
    if (type->tag_count && ber_header_id(&h) != type->tags[0])
        return decode_fail(d, BER_TAG, h.start, "expected %s with tag %s, found %s", type->name,
                           ber_id_text(type->tags[0], expected), ber_id_text(ber_header_id(&h), found));
    return decode_tagged(d, type, type->tags, type->tag_count, &h, value);
}

bool ber_decode_prefix(const struct ber_type *type, struct span in, struct arena *arena,
                       const struct ber_limits *limits, void *value, size_t *used, struct ber_error *error) {
    struct decoder d = {
        .start = in.data,
        .arena = arena,
        .error = error,
        .depth = limits && limits->depth ? limits->depth : BER_DEFAULT_DEPTH,
        .elements = limits && limits->elements ? limits->elements : BER_DEFAULT_ELEMENTS,
        .check_bounds = !limits || !limits->relax_bounds,
        .refuse_unknown = limits && limits->refuse_unknown,
        .lenient = limits && limits->lenient,
        .passed = limits ? limits->passed : NULL,
        .check_characters = !limits || !limits->relax_characters,
    };
    struct ber_error own, first;
    if (d.lenient) {
        d.error = error ? error : &own;
        d.first = &first;
        first.code = BER_OK;
    }
    ber_error_clear(d.error);
    memset(value, 0, type->size);
    const uint8_t *behind = decode_top(&d, type, in, value);
    if (behind)
        *used = (size_t)(behind - in.data);
    if (behind && d.lenient && first.code != BER_OK)
        *d.error = first;
    return behind;
}

bool ber_decode(const struct ber_type *type, struct span in, struct arena *arena,
                const struct ber_limits *limits, void *value, struct ber_error *error) {
    size_t used;
    if (!ber_decode_prefix(type, in, arena, limits, value, &used, error))
        return false;
    if (used != in.len && !(limits && limits->allow_trailing))
        return ber_fail(error, BER_TRAILING, used, "%zu octets after the value", in.len - used);
    return true;
}
