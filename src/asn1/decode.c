/*
 * Decoding, structure: SEQUENCE, SET, OF, CHOICE and explicit tags. Functions
 * that decode an element return the octet behind it, or NULL when they have set
 * the error.
 */
#include <stdarg.h>
#include <stdio.h>

#include "asn1/decode_private.h"

static const uint8_t *decode_tagged(struct decoder *d, const struct ber_type *type, const uint32_t *tags,
                                    unsigned count, const struct ber_header *h, void *value);

const uint8_t *decode_fail(struct decoder *d, enum ber_error_code code, const uint8_t *at, const char *format,
                           ...) {
    char text[sizeof d->error->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ber_fail(d->error, code, (size_t)(at - d->start), "%s", text);
    return NULL;
}

bool decode_any_header(struct decoder *d, const uint8_t *at, const struct ber_header *parent,
                       struct ber_header *header) {
    enum ber_error_code code = ber_header_read(at, parent->end, parent->open, header);
    if (code == BER_OK && header->id != 0)
        return true;
    if (code == BER_OK) /* X.690 §8.1.5 keeps it for end-of-contents */
        code = BER_TAG;
    const char *what = code == BER_TRUNCATED ? "the input ends inside an identifier or length"
                       : code == BER_TAG     ? "no tag that X.690 allows"
                                             : "a length that runs out of the enclosing value";
    decode_fail(d, code, at, "%s", what);
    return false;
}

bool decode_at_odd_end(struct decoder *d, const struct ber_header *h, const uint8_t *at,
                       const uint8_t **behind) {
    if (!h->indefinite) {
        if (at != h->end)
            return false;
        *behind = decode_fail(d, BER_TRUNCATED, at, "the input ends inside the value");
        return true;
    }
    if (h->end - at >= 2 && at[0] == 0 && at[1] == 0) {
        *behind = at + 2;
        return true;
    }
    if (at == h->end) {
        *behind = decode_fail(d, h->open ? BER_TRUNCATED : BER_LENGTH, at, "no end-of-contents octets");
        return true;
    }
    return false;
}

const uint8_t *decode_skip(struct decoder *d, const struct ber_header *h) {
    if (h->cut)
        return decode_fail(d, BER_TRUNCATED, h->end, "the input ends inside the value");
    if (!h->indefinite)
        return h->end;
    enum ber_error_code why;
    const uint8_t *behind = ber_find_end(h->contents, h->end, d->depth, &why);
    return behind ? behind
                  : decode_fail(d, why, h->start, "an element of indefinite length has no proper end");
}

/* ---- SEQUENCE and SET ---- */

static void set_default(const struct ber_field *field, void *value) {
    if (!(field->flags & BER_FIELD_DEFAULT))
        return;
    void *member = ber_member(value, field->offset);
    if (field->type->kind == BER_KIND_BOOLEAN)
        *(bool *)member = field->value;
    else
        *(int64_t *)member = field->value;
}

static const uint8_t *decode_field(struct decoder *d, const struct ber_field *field,
                                   const struct ber_header *h, void *value) {
    void *member = field->flags & BER_FIELD_VOID ? NULL : ber_member(value, field->offset);
    if (field->flags & BER_FIELD_POINTER) {
        void *pointee = arena_alloc(d->arena, field->type->size);
        if (!pointee)
            return decode_fail(d, BER_MEMORY, h->start, "no memory for '%s'", field->name);
        memcpy(member, &pointee, sizeof pointee);
        member = pointee;
    }
    const uint8_t *behind = decode_tagged(d, field->type, field->tags, field->tag_count, h, member);
    if (!behind)
        ber_path_prepend(d->error, field->name);
    else if (field->flags & BER_FIELD_HAS)
        *(bool *)ber_member(value, field->has) = true;
    return behind;
}

/* Adds an element that the type does not know to `unknown`; parts that don't adjoin are joined in the arena.
 */
static const uint8_t *keep_unknown(struct decoder *d, const struct ber_type *type, const struct ber_header *h,
                                   void *value) {
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

static const struct ber_field *find_field(const struct ber_type *type, uint32_t id) {
    for (uint32_t i = 0; i < type->count; i++)
        if (ber_field_matches(&type->fields[i], id))
            return &type->fields[i];
    return NULL;
}

/* The component of a SEQUENCE that an element belongs to; `*cursor` moves behind it. */
static const struct ber_field *next_field(const struct ber_type *type, uint32_t *cursor, uint32_t id,
                                          void *value) {
    for (uint32_t i = *cursor; i < type->count; i++) {
        const struct ber_field *field = &type->fields[i];
        if (ber_field_matches(field, id)) {
            for (uint32_t k = *cursor; k < i; k++)
                set_default(&type->fields[k], value);
            *cursor = i + 1;
            return field;
        }
        if (!(field->flags & BER_FIELD_OPTIONAL))
            return NULL;
    }
    return NULL;
}

static const uint8_t *refuse_element(struct decoder *d, const struct ber_type *type,
                                     const struct ber_field *wanted, const struct ber_header *h) {
    char found[32], expected[32];
    const struct ber_field *known = find_field(type, h->id);
    ber_id_text(h->id, found);
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

/* The first mandatory component from `cursor` on. */
static const struct ber_field *next_mandatory(const struct ber_type *type, uint32_t cursor) {
    for (uint32_t i = cursor; i < type->count; i++)
        if (!(type->fields[i].flags & BER_FIELD_OPTIONAL))
            return &type->fields[i];
    return NULL;
}

static const uint8_t *missing(struct decoder *d, const struct ber_type *type, const struct ber_field *field,
                              const uint8_t *at) {
    decode_fail(d, BER_MISSING, at, "%s ends without its '%s'", type->name, field->name);
    ber_path_prepend(d->error, field->name);
    return NULL;
}

static const uint8_t *decode_sequence(struct decoder *d, const struct ber_type *type,
                                      const struct ber_header *h, void *value) {
    uint32_t cursor = 0;
    const uint8_t *at = h->contents, *behind;
    while (!decode_at_end(d, h, at, &behind)) {
        struct ber_header inner;
        if (!decode_header(d, at, h, &inner))
            return NULL;
        const struct ber_field *field = next_field(type, &cursor, inner.id, value);
        if (field)
            at = decode_field(d, field, &inner, value);
        else if (type->flags & BER_TYPE_EXTENSIBLE && !d->refuse_unknown)
            at = keep_unknown(d, type, &inner, value);
        else
            at = refuse_element(d, type, next_mandatory(type, cursor), &inner);
        if (!at)
            return NULL;
    }
    if (!behind)
        return NULL;
    for (; cursor < type->count; cursor++) {
        if (!(type->fields[cursor].flags & BER_FIELD_OPTIONAL))
            return missing(d, type, &type->fields[cursor], at);
        set_default(&type->fields[cursor], value);
    }
    return behind;
}

struct seen {
    uint64_t bits[2];
    uint32_t cursor; /* in-order elements are found at once */
};

/* The component of a SET that an element belongs to, or NULL. */
static const struct ber_field *next_in_set(const struct ber_type *type, struct seen *seen, uint32_t id,
                                           bool *duplicate) {
    for (uint32_t n = 0, i = seen->cursor; n < type->count; n++, i++) {
        if (i >= type->count)
            i = 0;
        if (!ber_field_matches(&type->fields[i], id))
            continue;
        uint64_t bit = UINT64_C(1) << i % 64;
        *duplicate = seen->bits[i / 64] & bit;
        seen->bits[i / 64] |= bit;
        seen->cursor = i + 1;
        return &type->fields[i];
    }
    return NULL;
}

static const uint8_t *decode_set_element(struct decoder *d, const struct ber_type *type, struct seen *seen,
                                         const struct ber_header *inner, void *value) {
    bool duplicate = false;
    const struct ber_field *field = next_in_set(type, seen, inner->id, &duplicate);
    if (duplicate)
        return decode_fail(d, BER_DUPLICATE, inner->start, "'%s' stands twice in %s", field->name,
                           type->name);
    if (field)
        return decode_field(d, field, inner, value);
    if (type->flags & BER_TYPE_EXTENSIBLE && !d->refuse_unknown)
        return keep_unknown(d, type, inner, value);
    return refuse_element(d, type, NULL, inner);
}

static const uint8_t *decode_set(struct decoder *d, const struct ber_type *type, const struct ber_header *h,
                                 void *value) {
    struct seen seen = {0};
    const uint8_t *at = h->contents, *behind;
    while (!decode_at_end(d, h, at, &behind)) {
        struct ber_header inner;
        if (!decode_header(d, at, h, &inner) || !(at = decode_set_element(d, type, &seen, &inner, value)))
            return NULL;
    }
    for (uint32_t i = 0; behind && i < type->count; i++) {
        if (seen.bits[i / 64] >> i % 64 & 1)
            continue;
        if (!(type->fields[i].flags & BER_FIELD_OPTIONAL))
            return missing(d, type, &type->fields[i], at);
        set_default(&type->fields[i], value);
    }
    return behind;
}

/* ---- OF ---- */

/* How many elements stand in `h`, up to the first of indefinite length: that one's end is found by decoding
 * it. */
static size_t count_ahead(const struct ber_header *h, size_t most) {
    size_t count = 0;
    const uint8_t *at = h->contents;
    struct ber_header inner;
    while (count <= most && at < h->end && ber_header_read(at, h->end, h->open, &inner) == BER_OK &&
           inner.id) {
        count++;
        if (inner.indefinite)
            break;
        at = inner.end;
    }
    return count;
}

/* Makes room for `room` items of the list, of which `list->count` are used. */
static bool resize_list(struct decoder *d, struct ber_list *list, size_t size, size_t room) {
    void *items = arena_array(d->arena, room, size);
    if (!items)
        return false;
    if (list->count)
        memcpy(items, list->items, list->count * size);
    list->items = items;
    return true;
}

static size_t grown(size_t room, size_t most) {
    size_t more = room < 4 ? 8 : room * 2;
    return more < most ? more : most;
}

static const uint8_t *decode_item(struct decoder *d, const struct ber_type *type, const uint8_t *at,
                                  const struct ber_header *h, void *item, size_t index) {
    const struct ber_field *element = type->fields;
    struct ber_header inner;
    char found[32];
    if (!decode_header(d, at, h, &inner))
        at = NULL;
    else if (ber_field_matches(element, inner.id))
        at = decode_tagged(d, element->type, element->tags, element->tag_count, &inner, item);
    else
        at = decode_fail(d, BER_TAG, at, "%s is no element of %s", ber_id_text(inner.id, found), type->name);
    if (!at)
        ber_path_prepend_number(d->error, index);
    return at;
}

static const uint8_t *decode_items(struct decoder *d, const struct ber_type *type, const struct ber_header *h,
                                   struct ber_list *list) {
    size_t size = type->fields->type->size;
    size_t room = count_ahead(h, d->elements);
    const uint8_t *at = h->contents, *behind;
    if (room > d->elements)
        return decode_fail(d, BER_COUNT, h->start, "more than %zu elements in %s", d->elements, type->name);
    if (!resize_list(d, list, size, room))
        return decode_fail(d, BER_MEMORY, h->start, "no memory for %zu elements of %s", room, type->name);
    while (!decode_at_end(d, h, at, &behind)) {
        if (list->count == d->elements)
            return decode_fail(d, BER_COUNT, at, "more than %zu elements in %s", d->elements, type->name);
        if (list->count == room && !resize_list(d, list, size, room = grown(room, d->elements)))
            return decode_fail(d, BER_MEMORY, at, "no memory for %zu elements of %s", room, type->name);
        void *item = (uint8_t *)list->items + list->count * size;
        at = decode_item(d, type, at, h, item, list->count++);
        if (!at)
            return NULL;
    }
    return behind;
}

static const uint8_t *decode_list(struct decoder *d, const struct ber_type *type, const struct ber_header *h,
                                  void *value) {
    struct ber_list list = {0};
    const uint8_t *behind = decode_items(d, type, h, &list);
    memcpy(value, &list, sizeof list);
    if (behind && !decode_check_bounds(d, type, (int64_t)list.count, h->start))
        return NULL;
    return behind;
}

/* ---- CHOICE, explicit tags, and the rest ---- */

static const uint8_t *decode_choice(struct decoder *d, const struct ber_type *type,
                                    const struct ber_header *h, void *value) {
    const struct ber_field *field = find_field(type, h->id);
    char found[32];
    if (!field && (d->refuse_unknown || !(type->flags & BER_TYPE_EXTENSIBLE)))
        return decode_fail(d, BER_TAG, h->start, "%s has no alternative with tag %s", type->name,
                           ber_id_text(h->id, found));
    if (field) {
        int choice = (int)field->value;
        memcpy(ber_member(value, type->extra), &choice, sizeof choice);
    }
    const uint8_t *behind = field ? decode_field(d, field, h, value) : decode_skip(d, h);
    if (behind)
        *(struct span *)value = span_of(h->start, (size_t)(behind - h->start));
    return behind;
}

static const uint8_t *decode_constructed(struct decoder *d, const struct ber_type *type,
                                         const struct ber_header *h, void *value) {
    if (!h->constructed)
        return decode_fail(d, BER_VALUE, h->start, "%s in primitive form", type->name);
    if (type->kind == BER_KIND_SEQUENCE_OF || type->kind == BER_KIND_SET_OF)
        return decode_list(d, type, h, value);
    const uint8_t *behind =
        type->kind == BER_KIND_SET ? decode_set(d, type, h, value) : decode_sequence(d, type, h, value);
    if (behind)
        *(struct span *)value = span_of(h->start, (size_t)(behind - h->start));
    return behind;
}

static const uint8_t *decode_any(struct decoder *d, const struct ber_header *h, void *value) {
    const uint8_t *behind = decode_skip(d, h);
    /* What is there of a broken one is kept for who prints it. */
    *(struct span *)value = span_of(h->start, (size_t)((behind ? behind : h->end) - h->start));
    return behind;
}

/* `h` is an explicit tag: decodes the one element in it. `tags` are those that still have to come. */
static const uint8_t *decode_explicit(struct decoder *d, const struct ber_type *type, const uint32_t *tags,
                                      unsigned count, const struct ber_header *h, void *value) {
    struct ber_header inner;
    char found[32], expected[32];
    const uint8_t *behind;
    if (!h->constructed)
        return decode_fail(d, BER_VALUE, h->start, "an explicit tag in primitive form");
    if (decode_at_end(d, h, h->contents, &behind))
        return behind ? decode_fail(d, BER_MISSING, h->start, "an explicit tag without contents") : NULL;
    if (!decode_header(d, h->contents, h, &inner))
        return NULL;
    if (count && inner.id != tags[0])
        return decode_fail(d, BER_TAG, inner.start, "expected tag %s, found %s",
                           ber_id_text(tags[0], expected), ber_id_text(inner.id, found));
    const uint8_t *at = decode_tagged(d, type, tags, count, &inner, value);
    if (!at)
        return NULL;
    if (!decode_at_end(d, h, at, &behind))
        return decode_fail(d, BER_UNEXPECTED, at, "more than one element in an explicit tag");
    return behind;
}

/*
 * True for an implicitly tagged number that was sent with its own tag within,
 * as PP 6.0 writes the standard-extension of an extension field. It can't be
 * mistaken for anything else.
 */
static bool is_wrapped_number(const struct ber_type *type, const struct ber_header *h) {
    return h->constructed && (type->kind == BER_KIND_INTEGER || type->kind == BER_KIND_ENUMERATED);
}

static const uint8_t *decode_base(struct decoder *d, const struct ber_type *type, const struct ber_header *h,
                                  void *value) {
    if (type->kind > BER_KIND_ANY && !is_wrapped_number(type, h))
        return decode_primitive(d, type, h, value);
    if (d->depth == 0)
        return decode_fail(d, BER_DEPTH, h->start, "nested too deep");
    d->depth--;
    uint32_t id = type->kind > BER_KIND_ANY ? ber_universal_id(type->kind) : 0;
    const uint8_t *behind = id                              ? decode_explicit(d, type, &id, 1, h, value)
                            : type->kind == BER_KIND_CHOICE ? decode_choice(d, type, h, value)
                            : type->kind == BER_KIND_ANY    ? decode_any(d, h, value)
                                                            : decode_constructed(d, type, h, value);
    d->depth++;
    return behind;
}

/* `h` bears the first of `tags` (or, without tags, one that a CHOICE or ANY can have). */
static const uint8_t *decode_tagged(struct decoder *d, const struct ber_type *type, const uint32_t *tags,
                                    unsigned count, const struct ber_header *h, void *value) {
    unsigned own = ber_is_untagged_kind(type->kind) ? 0 : 1;
    if (count <= own)
        return decode_base(d, type, h, value);
    if (d->depth == 0)
        return decode_fail(d, BER_DEPTH, h->start, "nested too deep");
    d->depth--;
    const uint8_t *behind = decode_explicit(d, type, tags + 1, count - 1, h, value);
    d->depth++;
    return behind;
}

/* ---- the doors ---- */

static const uint8_t *decode_top(struct decoder *d, const struct ber_type *type, struct span in,
                                 void *value) {
    struct ber_header window = {.end = in.data ? in.data + in.len : NULL, .open = true};
    struct ber_header h;
    char found[32], expected[32];
    if (!decode_header(d, in.data, &window, &h))
        return NULL;
    if (type->tag_count && h.id != type->tags[0])
        return decode_fail(d, BER_TAG, h.start, "expected %s with tag %s, found %s", type->name,
                           ber_id_text(type->tags[0], expected), ber_id_text(h.id, found));
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
        .check_characters = !limits || !limits->relax_characters,
    };
    if (error) {
        error->code = BER_OK;
        error->bound = NULL;
        error->path[0] = error->text[0] = '\0';
    }
    memset(value, 0, type->size);
    const uint8_t *behind = decode_top(&d, type, in, value);
    if (behind)
        *used = (size_t)(behind - in.data);
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
