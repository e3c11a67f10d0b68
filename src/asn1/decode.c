/*
 * Decoding, structure: SEQUENCE, SET, OF, CHOICE and explicit tags. Functions
 * that decode an element return the octet behind it, or NULL when they have set
 * the error.
 *
 * decode_struct() and decode_list() go through what has a definite length and
 * take the elements of the usual form in line (decode_quick.h). Whatever is of
 * another form goes by its header to the readers, which know all forms and tell
 * what is wrong.
 */
#include "asn1/decode_quick.h"

static decode_reader *const readers[];

/* The components of a SEQUENCE or SET, and the items of an OF, whose element of definite length begins at
 * `start` and has the contents from `at` to `end`. */
static const uint8_t *decode_struct(struct decoder *d, const struct ber_type *type, const uint8_t *start,
                                    const uint8_t *at, const uint8_t *end, void *value);
static const uint8_t *decode_list(struct decoder *d, const struct ber_type *type, const uint8_t *start,
                                  const uint8_t *at, const uint8_t *end, void *value);

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

/* The header of an element of definite length that was read before. */
static struct ber_header header_again(const uint8_t *start, const uint8_t *end) {
    struct ber_header h;
    ber_header_read(start, end, false, &h);
    return h;
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

/* The value of a component, at `member`. */
static const uint8_t *decode_value(struct decoder *d, const struct ber_field *field,
                                   const struct ber_header *h, void *member) {
    if (field->around)
        return decode_explicit(d, field->type, field->tags + 1, field->tag_count - 1u, h, member);
    return readers[field->kind](d, field->type, h, member);
}

/* Memory for what the pointer at `member` leads to; NULL when that set the error. */
static inline void *decode_pointee(struct decoder *d, const struct ber_field *field, const uint8_t *at,
                                   void *member) {
    void *pointee = arena_alloc(d->arena, field->type->size);
    if (!pointee)
        decode_fail(d, BER_MEMORY, at, "no memory for '%s'", field->name);
    memcpy(member, &pointee, sizeof pointee);
    return pointee;
}

/* The end of a component: its value was read up to `behind`, or could not be read. */
static const uint8_t *end_field(struct decoder *d, const struct ber_field *field, const struct ber_header *h,
                                void *value, const uint8_t *behind) {
    if (behind && field->flags & BER_FIELD_HAS)
        *(bool *)ber_member(value, field->has) = true;
    if (behind)
        return behind;
    ber_path_prepend(d->error, field->name);
    return decode_pass_element(d, value, field, h);
}

/* A component of any form. */
static const uint8_t *decode_field(struct decoder *d, const struct ber_field *field,
                                   const struct ber_header *h, void *value) {
    void *member = field->flags & BER_FIELD_VOID ? NULL : ber_member(value, field->offset);
    if (field->flags & BER_FIELD_POINTER && !(member = decode_pointee(d, field, h->start, member)))
        return end_field(d, field, h, value, NULL);
    return end_field(d, field, h, value, decode_value(d, field, h, member));
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

/* `lacking` has a bit for each mandatory component that did not come. True where that is passed over. */
BER_COLD static bool missing(struct decoder *d, const struct ber_type *type, uint64_t lacking,
                             const void *value, const uint8_t *at) {
    for (; lacking; lacking &= lacking - 1) {
        const struct ber_field *field = &type->fields[__builtin_ctzll(lacking)];
        decode_fail(d, BER_MISSING, at, "%s ends without its '%s'", type->name, field->name);
        ber_path_prepend(d->error, field->name);
        if (!decode_pass_missing(d, value, field))
            return false;
    }
    return true;
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
static inline bool is_in_place(const struct ber_type *type, uint64_t seen, uint64_t bit) {
    if (type->kind == BER_KIND_SET)
        return !(seen & bit);
    return bit > seen && !(type->mandatory & ~seen & (bit - 1));
}

/* The element of any form with this header as the next component. */
static const uint8_t *decode_component(struct decoder *d, const struct ber_type *type,
                                       const struct ber_header *h, uint64_t *seen, void *value) {
    uint32_t place = type->index[*h->start];
    if (!place)
        place = find_odd_field(type, *seen, ber_header_id(h));
    uint64_t bit = UINT64_C(1) << (place - 1) % 64;
    if (place && is_in_place(type, *seen, bit)) {
        *seen |= bit;
        return decode_field(d, &type->fields[place - 1], h, value);
    }
    const uint8_t *behind = decode_misplaced(d, type, place, *seen, h, value);
    *seen |= comes_late(d, place, *seen) ? bit : 0;
    return behind;
}

/* The components from `at` on, of any form; those in `seen` were there. */
static const uint8_t *decode_rest(struct decoder *d, const struct ber_type *type, const struct ber_header *h,
                                  const uint8_t *at, uint64_t seen, void *value) {
    const uint8_t *behind;
    struct ber_header inner;
    while (!decode_at_end(d, h, at, &behind)) {
        if (!decode_any_header(d, at, h, &inner)) {
            behind = decode_pass_rest(d, value, h, at);
            break;
        }
        at = decode_component(d, type, &inner, &seen, value);
        if (!at)
            return NULL;
    }
    uint64_t lacking = type->mandatory & ~seen;
    if (!behind || (lacking && !missing(d, type, lacking, value, at)))
        return NULL;
    *(struct span *)value = span_of(h->start, (size_t)(behind - h->start));
    return behind;
}

static const uint8_t *decode_any_struct(struct decoder *d, const struct ber_type *type,
                                        const struct ber_header *h, void *value) {
    if (!can_enter(d, type, h))
        return NULL;
    if (!h->odd)
        return decode_struct(d, type, h->start, h->contents, h->end, value);
    d->depth--;
    if (type->flags & BER_TYPE_DEFAULTS)
        set_defaults(type, value);
    const uint8_t *behind = decode_rest(d, type, h, h->contents, 0, value);
    d->depth++;
    return behind;
}

/* ---- SEQUENCE and SET of definite length, in line as far as all is of the usual form ---- */

/* A component that has no step, or is not of the usual form after all: memory for it was taken, if any. */
static const uint8_t *decode_unusual(struct decoder *d, const struct ber_field *field, const uint8_t *start,
                                     const uint8_t *end, void *value) {
    struct ber_header h = header_again(start, end);
    if (field->step == BER_STEP_NONE)
        return decode_field(d, field, &h, value);
    void *member = ber_member(value, field->offset);
    if (field->flags & BER_FIELD_POINTER)
        member = ber_load_pointer(member);
    return end_field(d, field, &h, value, member ? decode_value(d, field, &h, member) : NULL);
}

/* A struct or list that could not be read. */
BER_COLD static const uint8_t *pass_field(struct decoder *d, const struct ber_field *field,
                                          const uint8_t *start, const uint8_t *end, void *value) {
    struct ber_header h = header_again(start, end);
    return end_field(d, field, &h, value, NULL);
}

/* Where the value of a step that may stand behind a pointer goes; NULL when there is no memory for it. */
static inline void *find_member(struct decoder *d, const struct ber_field *field, struct quick e,
                                void *value) {
    void *member = ber_member(value, field->offset);
    return field->flags & BER_FIELD_POINTER ? decode_pointee(d, field, e.start, member) : member;
}

/* A struct or list. */
static inline const uint8_t *decode_inner(struct decoder *d, const struct ber_field *field, struct quick e,
                                          void *value) {
    void *member = find_member(d, field, e, value);
    const uint8_t *behind = NULL;
    if (field->step == BER_STEP_LIST)
        behind = decode_list(d, field->type, e.start, e.contents, e.end, member);
    else if (member)
        behind = decode_struct(d, field->type, e.start, e.contents, e.end, member);
    return behind ? behind : pass_field(d, field, e.start, e.end, value);
}

/* Reads a component without elements that have steps of their own. */
static inline bool decode_leaf(struct decoder *d, const struct ber_field *field, struct quick e,
                               void *value) {
    void *member = ber_member(value, field->offset);
    switch ((enum ber_step)field->step) {
    case BER_STEP_CHOICE:
        return quick_explicit(d, field, e, find_member(d, field, e, value));
    case BER_STEP_OPEN:
        return quick_explicit(d, field, e, member);
    case BER_STEP_UNTAGGED:
        return quick_choice(d, field->type, e, find_member(d, field, e, value));
    case BER_STEP_CHARACTERS:
        return quick_characters(d, field, e, member);
    case BER_STEP_OCTETS:
        return quick_octets(field, e, member);
    case BER_STEP_BITS:
        return quick_bits(field, e, member);
    case BER_STEP_NUMBER:
        return quick_optional_number(field, e, value);
    case BER_STEP_NONE:
    case BER_STEP_STRUCT:
    case BER_STEP_LIST:
        return false;
    }
    __builtin_unreachable();
}

/* A component in its place that begins as `field` does in the usual form. */
static inline const uint8_t *decode_usual(struct decoder *d, const struct ber_field *field, struct quick e,
                                          void *value) {
    if (field->step >= BER_STEP_STRUCT)
        return decode_inner(d, field, e, value);
    return decode_leaf(d, field, e, value) ? e.end : decode_unusual(d, field, e.start, e.end, value);
}

/* The place, from 1, of the component that begins with this octet in the usual form, if it is in its place;
 * else 0. */
static inline uint32_t find_usual(const struct ber_type *type, uint8_t octet, uint64_t seen) {
    uint32_t place = type->index[octet];
    if (!place || !is_in_place(type, seen, UINT64_C(1) << (place - 1)))
        return 0;
    const struct ber_field *field = &type->fields[place - 1];
    return field->octet == octet || field->step == BER_STEP_UNTAGGED ? place : 0;
}

/* Goes on from `at`, where something of another form stands, or fails for there is none. Then `raw`, which
 * was set in advance, may not stay. */
BER_COLD static const uint8_t *decode_struct_slowly(struct decoder *d, const struct ber_type *type,
                                                    const uint8_t *at, const uint8_t *end, uint64_t seen,
                                                    void *value) {
    struct span *raw = value;
    struct ber_header h = header_again(raw->data, end);
    *raw = (struct span){NULL, 0};
    return at ? decode_rest(d, type, &h, at, seen, value) : NULL;
}

static const uint8_t *decode_struct(struct decoder *d, const struct ber_type *type, const uint8_t *start,
                                    const uint8_t *at, const uint8_t *end, void *value) {
    const struct ber_field *field = type->fields; /* the next one, if it comes in order */
    unsigned expected = type->first;              /* the octet with which that begins */
    uint64_t seen = 0, bit = 1;
    struct quick e;
    if (d->depth == 0)
        return decode_fail(d, BER_DEPTH, start, "nested too deep");
    d->depth--;
    if (type->flags & BER_TYPE_DEFAULTS)
        set_defaults(type, value);
    *(struct span *)value = span_of(start, (size_t)(end - start));
    while (end - at >= 2) {
        if (BER_SELDOM(*at != expected || seen & bit)) {
            uint32_t place = find_usual(type, *at, seen);
            if (!place)
                break;
            bit = UINT64_C(1) << (place - 1);
            field = &type->fields[place - 1];
        }
        if (!quick_element(at, end, &e))
            break;
        seen |= bit;
        at = decode_usual(d, field, e, value);
        if (!at)
            break;
        expected = field->next;
        field++;
        bit <<= 1;
    }
    if (at != end || type->mandatory & ~seen)
        at = decode_struct_slowly(d, type, at, end, seen, value);
    d->depth++;
    return at;
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

/* Item `number` could not be read. */
BER_COLD static const uint8_t *pass_item(struct decoder *d, const struct ber_field *element,
                                         const struct ber_header *h, const void *item, size_t number) {
    const uint8_t *behind = decode_pass_element(d, item, element, h);
    if (!behind)
        ber_path_prepend_number(d->error, number);
    return behind;
}

/* The element of any form with this header as item `number`. */
static const uint8_t *decode_item(struct decoder *d, const struct ber_type *type, const struct ber_header *h,
                                  void *item, size_t number) {
    const struct ber_field *element = type->fields;
    const uint8_t *behind;
    char found[32];
    if (ber_field_matches(element, ber_header_id(h)))
        behind = decode_value(d, element, h, item);
    else
        behind = decode_fail(d, BER_TAG, h->start, "%s is no element of %s",
                             ber_id_text(ber_header_id(h), found), type->name);
    return behind ? behind : pass_item(d, element, h, item, number);
}

/* A list's upper bound, judged before memory is taken for what is too many. */
static bool may_have(struct decoder *d, const struct ber_type *type, size_t count, const uint8_t *at) {
    const struct ber_bounds *bounds = type->bounds;
    return !bounds || !d->check_bounds || (int64_t)count <= bounds->max || d->lenient ||
           decode_out_of_bounds(d, type, (int64_t)count, at, NULL);
}

static bool has_room(struct decoder *d, const struct ber_type *type, struct ber_list *list, size_t *room,
                     const uint8_t *at) {
    if (list->count < *room)
        return true;
    if (list->count == d->elements) {
        decode_fail(d, BER_COUNT, at, "more than %zu elements in %s", d->elements, type->name);
        return false;
    }
    if (!may_have(d, type, list->count + 1, at))
        return false;
    *room = grown(*room, d->elements);
    if (resize_list(d, list, type->fields->type->size, *room))
        return true;
    decode_fail(d, BER_MEMORY, at, "no memory for %zu elements of %s", *room, type->name);
    return false;
}

/* The items from `at` on, of any form, behind those that the list has; there is room for `room`. */
static const uint8_t *decode_items(struct decoder *d, const struct ber_type *type, const struct ber_header *h,
                                   const uint8_t *at, struct ber_list *list, size_t room, const void *value) {
    const struct ber_field *element = type->fields;
    const uint8_t *behind;
    struct ber_header inner;
    while (!decode_at_end(d, h, at, &behind)) {
        if (!has_room(d, type, list, &room, at))
            return NULL;
        if (!decode_header(d, at, h, &inner))
            return decode_pass_rest(d, value, h, at);
        void *item = (uint8_t *)list->items + list->count * element->type->size;
        at = decode_item(d, type, &inner, item, list->count++);
        if (!at)
            return NULL;
    }
    return behind;
}

/* The same, and the end of the list. */
static const uint8_t *end_list(struct decoder *d, const struct ber_type *type, const struct ber_header *h,
                               const uint8_t *at, struct ber_list list, size_t room, void *value) {
    const uint8_t *behind = at ? decode_items(d, type, h, at, &list, room, value) : NULL;
    memcpy(value, &list, sizeof list);
    if (behind && !decode_check_bounds(d, type, (int64_t)list.count, h->start, value))
        return NULL;
    return behind;
}

/* All items, of any form. */
static const uint8_t *decode_all_items(struct decoder *d, const struct ber_type *type,
                                       const struct ber_header *h, void *value) {
    struct ber_list list = {0};
    size_t room = count_ahead(h, d->elements);
    if (room > d->elements)
        return decode_fail(d, BER_COUNT, h->start, "more than %zu elements in %s", d->elements, type->name);
    if (!may_have(d, type, room, h->start))
        return NULL;
    if (!resize_list(d, &list, type->fields->type->size, room))
        return decode_fail(d, BER_MEMORY, h->start, "no memory for %zu elements of %s", room, type->name);
    return end_list(d, type, h, h->contents, list, room, value);
}

static const uint8_t *decode_any_list(struct decoder *d, const struct ber_type *type,
                                      const struct ber_header *h, void *value) {
    if (!can_enter(d, type, h))
        return NULL;
    if (!h->odd)
        return decode_list(d, type, h->start, h->contents, h->end, value);
    d->depth--;
    const uint8_t *behind = decode_all_items(d, type, h, value);
    d->depth++;
    return behind;
}

/* ---- OF of definite length, in line as far as all is of the usual form ---- */

/* True for a number of items for which memory may be taken at once. */
static inline bool is_usual_count(const struct decoder *d, const struct ber_type *type, size_t count) {
    const struct ber_bounds *bounds = type->bounds;
    return count > 0 && count <= d->elements &&
           (!bounds || ((int64_t)count >= bounds->min && (int64_t)count <= bounds->max));
}

static inline const uint8_t *decode_struct_item(struct decoder *d, const struct ber_field *element,
                                                struct quick e, void *item, size_t number) {
    const uint8_t *behind = decode_struct(d, element->type, e.start, e.contents, e.end, item);
    if (behind)
        return behind;
    struct ber_header h = header_again(e.start, e.end);
    return pass_item(d, element, &h, item, number);
}

/* What is left of a list behind the items that it has, or all of it where it has no room; `at` is NULL when
 * an item failed. */
BER_COLD static const uint8_t *decode_list_slowly(struct decoder *d, const struct ber_type *type,
                                                  const uint8_t *start, const uint8_t *at, const uint8_t *end,
                                                  struct ber_list list, size_t room, void *value) {
    struct ber_header h = header_again(start, end);
    return list.items ? end_list(d, type, &h, at, list, room, value) : decode_all_items(d, type, &h, value);
}

static const uint8_t *decode_list(struct decoder *d, const struct ber_type *type, const uint8_t *start,
                                  const uint8_t *at, const uint8_t *end, void *value) {
    const struct ber_field *element = type->fields;
    size_t room = quick_count(type, at, end), size = element->type->size, count = 0;
    uint8_t *items = NULL;
    struct quick e;
    if (d->depth == 0)
        return decode_fail(d, BER_DEPTH, start, "nested too deep");
    d->depth--;
    if (is_usual_count(d, type, room) && (items = arena_array(d->arena, room, size)))
        while (at && count < room && quick_element(at, end, &e)) {
            void *item = items + count * size;
            if (element->step == BER_STEP_STRUCT)
                at = decode_struct_item(d, element, e, item, count);
            else if (quick_primitive(d, element, e, item))
                at = e.end;
            else
                break;
            count++;
        }
    struct ber_list list = {items, count};
    if (items && at == end)
        memcpy(value, &list, sizeof list);
    else
        at = decode_list_slowly(d, type, start, at, end, list, room, value);
    d->depth++;
    return at;
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
    if (!h->odd && quick_choice(d, type, quick_of(h), value))
        return h->end;
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
    [BER_KIND_SEQUENCE] = decode_any_struct,
    [BER_KIND_SET] = decode_any_struct,
    [BER_KIND_SEQUENCE_OF] = decode_any_list,
    [BER_KIND_SET_OF] = decode_any_list,
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
