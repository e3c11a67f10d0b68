#include "ms/entry.h"

#include "asn1/ber.h"
#include "base/reader.h"
#include "ms/attribute_private.h"

/* ---- items ---- */

bool ms_item_write(struct buf *out, const struct ms_attribute *attribute, struct span element) {
    return buf_append_byte(out, (uint8_t)attribute->oid.len) && buf_append_span(out, attribute->oid) &&
           buf_append_u32(out, (uint32_t)element.len) && buf_append_span(out, element);
}

bool ms_item_next(struct span *rest, struct span *oid, struct span *element) {
    struct reader r = reader_of(*rest);
    *oid = reader_take(&r, reader_u8(&r));
    *element = reader_take(&r, reader_u32(&r));
    if (r.failed || !oid->len)
        return false;
    *rest = reader_take(&r, reader_left(&r));
    return true;
}

struct span ms_item(struct span items, const struct ms_attribute *attribute) {
    struct span oid, element;
    while (ms_item_next(&items, &oid, &element))
        if (span_eq(oid, attribute->oid))
            return element;
    return (struct span){NULL, 0};
}

bool ms_is_summary(const struct ms_attribute *attribute) {
    static const uint8_t summary[][4] = {{0x56, 4, 3, 27}, {0x56, 4, 3, 19}, {0x56, 4, 3, 23},
                                         {0x56, 4, 3, 8},  {0x56, 4, 3, 4},  {0x56, 4, 3, 6},
                                         {0x56, 1, 6, 0},  {0x56, 1, 7, 1},  {0x56, 1, 7, 3},
                                         {0x56, 1, 7, 4},  {0x56, 1, 7, 30}};
    for (size_t i = 0; i < sizeof summary / sizeof *summary; i++)
        if (span_eq(attribute->oid, span_of(summary[i], 4)))
            return true;
    return false;
}

bool ms_entry_lacks(const struct store_entry *entry, const struct ms_attribute *attribute) {
    bool envelope = attribute->origin == MS_GENERAL &&
                    (!strncmp(attribute->name, "mt-", 3) || !strcmp(attribute->name, "ms-content-length"));
    if (!(attribute->entry_types >> entry->type & 1))
        return true;
    if (!envelope && attribute->origin != MS_IPM)
        return false;
    return entry->known & (envelope ? MS_KNOWS_ENVELOPE : MS_KNOWS_HEADING) ||
           (entry->known & (envelope ? MS_KNOWS_SUMMARY : MS_KNOWS_SUBJECT) && ms_is_summary(attribute));
}

/* ---- values ---- */

int64_t ms_status_number(unsigned status) {
    return status == STORE_PROCESSED ? x413_RetrievalStatus_processed
           : status == STORE_LISTED  ? x413_RetrievalStatus_listed
                                     : x413_RetrievalStatus_new;
}

#define ID_OF(octet)                                                                                         \
    (struct span) {                                                                                          \
        (const uint8_t *)octet, 4                                                                            \
    }

/* The attributes that the fields of a row say, by the last octet of their identifiers (2.6.4.3.n). */
enum field { CREATION = 11, STATUS = 15, TYPE = 16, PARENT = 29, PRIORITY = 31, SEQUENCE = 39 };

static bool field_of(const struct ms_attribute *attribute, enum field *field) {
    static const uint8_t prefix[] = {0x56, 4, 3};
    struct span oid = attribute->oid;
    if (oid.len != 4 || memcmp(oid.data, prefix, 3) != 0)
        return false;
    *field = oid.data[3];
    return *field == CREATION || *field == STATUS || *field == TYPE || *field == PARENT ||
           *field == PRIORITY || *field == SEQUENCE;
}

static bool has_field(const struct store_entry *row, enum field field) {
    return field == PARENT     ? row->parent != 0
           : field == PRIORITY ? row->known && row->priority != MS_NO_PRIORITY
                               : true;
}

static int64_t number_in(const struct store_entry *row, enum field field) {
    return field == STATUS     ? ms_status_number(row->status)
           : field == TYPE     ? row->type
           : field == PARENT   ? (int64_t)row->parent
           : field == PRIORITY ? row->priority
                               : (int64_t)row->sequence;
}

static int64_t seconds(int64_t microseconds) {
    return microseconds / 1000000 - (microseconds % 1000000 < 0);
}

static bool make_value(const struct ms_entry *entry, const struct ms_attribute *attribute, enum field field,
                       struct span *value) {
    struct ber_error error = {0};
    struct span text;
    int64_t number = number_in(entry->row, field);
    if (field != CREATION)
        return ber_encode_arena(attribute->type, &number, entry->arena, value, &error);
    return ber_utctime_write(seconds(entry->row->at), entry->arena, &text) &&
           ber_encode_arena(attribute->type, &text, entry->arena, value, &error);
}

static size_t count_items(struct span items, struct span wanted, struct span *into) {
    struct span oid, element;
    size_t count = 0;
    while (ms_item_next(&items, &oid, &element))
        if (span_eq(oid, wanted)) {
            if (into)
                into[count] = element;
            count++;
        }
    return count;
}

bool ms_entry_get(void *user, const struct ms_attribute *attribute, const struct span **values,
                  size_t *count) {
    const struct ms_entry *entry = user;
    enum field field;
    bool is_field = field_of(attribute, &field) && has_field(entry->row, field);
    *count = is_field ? 1 : count_items(entry->items, attribute->oid, NULL);
    if (!*count)
        return !entry->others.get || ms_entry_lacks(entry->row, attribute) ||
               entry->others.get(entry->others.user, attribute, values, count);
    struct span *list = arena_array(entry->arena, *count, sizeof *list);
    *values = list;
    if (!list)
        return false;
    if (is_field)
        return make_value(entry, attribute, field, list);
    count_items(entry->items, attribute->oid, list);
    return true;
}
