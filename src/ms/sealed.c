#include "ms/sealed.h"

#include "base/reader.h"
#include "ms/entry.h"

struct ms_sealed ms_sealed_open(struct span octets) {
    struct reader r = reader_of(octets);
    struct ms_sealed sealed = {.reading = MS_NOT_READ};
    uint8_t reading = octets.len ? reader_u8(&r) : MS_NOT_READ;
    if (reading > MS_UNREADABLE)
        return sealed;
    sealed.reading = (enum ms_reading)reading;
    sealed.items = reader_take(&r, reader_left(&r));
    return sealed;
}

bool ms_sealed_tells(const struct ms_sealed *sealed, const struct ms_attribute *attribute) {
    return sealed->reading == MS_READ_NEITHER || ms_is_summary(attribute);
}

bool ms_sealed_values(const struct ms_sealed *sealed, const struct ms_attribute *attribute,
                      struct arena *arena, const struct span **values, size_t *count) {
    struct span *value = arena_alloc(arena, sizeof *value);
    if (!value)
        return false;
    *value = ms_item(sealed->items, attribute);
    *values = value;
    *count = value->data != NULL;
    return true;
}

/* ---- making ---- */

static const uint8_t summary[][4] = {
    {0x56, 1, 6, 0}, {0x56, 1, 7, 1}, {0x56, 1, 7, 3}, {0x56, 1, 7, 4}, {0x56, 1, 7, 30}};

/* The content, with nothing of an envelope. */
static bool write_items(struct buf *out, struct ms_object *object) {
    for (size_t i = 0; i < sizeof summary / sizeof *summary; i++) {
        const struct ms_attribute *attribute = ms_attribute_by_oid(span_of(summary[i], 4));
        const struct span *values;
        size_t count;
        if (!ms_object_get(object, attribute, &values, &count) ||
            (count && !ms_item_write(out, attribute, values[0])))
            return false;
    }
    return true;
}

static struct span type_in(struct span items) {
    static const uint8_t oid[] = {0x56, 4, 3, 8};
    struct span element = ms_item(items, ms_attribute_by_oid(span_of(oid, sizeof oid)));
    struct ber_element head;
    return element.data && ber_element_read(element, &head, NULL) ? ber_element_contents(element, &head)
                                                                  : (struct span){NULL, 0};
}

/* A report's row has no items, and needs none: it has no heading. */
static enum ms_reading read_content(const struct store_entry *entry, struct span items,
                                    const struct ms_content *content, struct ms_object *object) {
    if (entry->type == x413_EntryType_delivered_report)
        return MS_READ_NEITHER;
    if (!(entry->known & (MS_KNOWS_ENVELOPE | MS_KNOWS_SUMMARY)))
        return MS_NOT_READ; /* of an earlier release: its type can't be told by its row */
    return ms_content_read(type_in(items), content, object->arena, &object->heading, &object->notification);
}

/* What is hashed counts as a whole only. */
static void bound(struct ms_facts *facts) {
    for (size_t i = STORE_FIRST_HASH; i < STORE_COLUMNS; i++) {
        struct span *value = &facts->spans[i];
        if (value->len <= MS_FACT_MOST)
            continue;
        *value = i < STORE_FIRST_TEXT ? (struct span){NULL, 0} : span_sub(*value, 0, MS_FACT_MOST);
        facts->numbers[i] = i < STORE_FIRST_TEXT ? STORE_UNKNOWN : facts->numbers[i];
    }
}

static bool make_facts(const struct store_entry *row, enum ms_reading reading, struct span row_items,
                       struct span more, struct arena *arena, struct ms_facts *facts) {
    struct store_entry entry = *row;
    struct buf items, text;
    buf_init(&items, 0);
    buf_init(&text, 0);
    if (reading == MS_READ_NEITHER)
        entry.known |= MS_KNOWS_HEADING;
    else if (reading == MS_READ_IPM || reading == MS_READ_IPN)
        entry.known |= MS_KNOWS_SUBJECT;
    buf_append_span(&items, row_items);
    buf_append_span(&items, more);
    buf_append_byte(&text, (uint8_t)reading);
    buf_append_span(&text, more);
    struct span all = arena_dup(arena, buf_span(&items)), sealed = arena_dup(arena, buf_span(&text));
    bool done =
        !items.failed && !text.failed && all.data && sealed.data && ms_facts_of(&entry, all, arena, facts);
    facts->spans[STORE_COLUMN_ITEMS] = sealed;
    bound(facts);
    buf_free(&items);
    buf_free(&text);
    return done;
}

bool ms_seal_facts(const struct store_entry *entry, struct span items, const struct ms_content *content,
                   struct arena *arena, struct ms_facts *facts) {
    struct ms_object object = {.opened = true, .decoded = true, .content = *content, .arena = arena};
    struct buf more;
    buf_init(&more, 0);
    object.reading = read_content(entry, items, content, &object);
    bool read = object.reading == MS_READ_IPM || object.reading == MS_READ_IPN;
    if (read && !write_items(&more, &object)) {
        object.reading = MS_UNREADABLE;
        buf_clear(&more);
    }
    bool done = make_facts(entry, object.reading, items, buf_span(&more), arena, facts);
    buf_free(&more);
    return done;
}

bool ms_seal_unread(const struct store_entry *entry, struct span items, struct arena *arena,
                    struct ms_facts *facts) {
    return make_facts(entry, MS_UNREADABLE, items, (struct span){NULL, 0}, arena, facts);
}
