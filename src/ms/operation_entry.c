/*
 * What is shown of an entry: an EntryInformation (X.413 §8.1.5), written from
 * front to back, since all lengths are known before. A content is left out of
 * it: where it stands is told.
 */
#include "ms/operation_private.h"

/* Which values are not for lists and alerts: X.413's table of that was not at hand; what an entry's whole
 * content or body is was concluded from what they are for. */
static const char *const not_listed[] = {"mt-content", "body"};

bool ms_is_content(const struct ms_attribute *attribute) {
    return !strcmp(attribute->name, "mt-content");
}

static bool is_listed(const struct ms_attribute *attribute) {
    for (size_t i = 0; i < sizeof not_listed / sizeof *not_listed; i++)
        if (!strcmp(attribute->name, not_listed[i]))
            return false;
    return true;
}

bool ms_check_requested(struct ms_operation *operation,
                        const struct x413_EntryInformationSelection *requested, bool list) {
    for (size_t i = 0; i < requested->count; i++) {
        struct span type = requested->items[i].type;
        const struct ms_attribute *attribute = ms_find_attribute(operation, type);
        if (!attribute)
            return false;
        if (list && !is_listed(attribute))
            return ms_fail_attribute(operation, x413_AttributeProblem_inappropriate_for_operation, type,
                                     (struct span){NULL, 0});
    }
    return true;
}

/* ---- values ---- */

struct asked {
    const struct ms_mailbox *mailbox;
    const struct store_entry *entry;
};

static bool get_other(void *user, const struct ms_attribute *attribute, const struct span **values,
                      size_t *count) {
    const struct asked *asked = user;
    return asked->mailbox->get(asked->mailbox->user, asked->entry, attribute, values, count);
}

/* Values that can't be told are left out, as of a content that is none: the others of the entry can be shown.
 */
static bool is_hindered(struct ms_operation *operation) {
    const struct error *hindrance = operation->service->mailbox->hindrance;
    if (hindrance && hindrance->code)
        return !ms_fail_store(operation, hindrance);
    return (operation->values.cap_hit || operation->values.starved) &&
           !ms_fail_service(operation, x413_ServiceProblem_unavailable,
                            "values of an entry take too much memory");
}

/* They live until the next are got: so they are copied. */
static bool copy_values(struct ms_operation *operation, const struct span *values, size_t count,
                        struct ms_shown *shown) {
    shown->total = shown->count = count;
    shown->values = arena_array(&operation->values, count, sizeof *shown->values);
    for (size_t i = 0; shown->values && i < count; i++) {
        shown->values[i] = arena_dup(&operation->values, values[i]);
        if (!shown->values[i].data)
            return false;
    }
    return shown->values != NULL;
}

static bool show_content(struct ms_operation *operation, const struct store_entry *entry,
                         struct ms_shown *shown) {
    const struct ms_service *service = operation->service;
    struct error err = {0};
    shown->is_content = service->content(service->user, entry, &shown->octets, &err);
    shown->count = shown->total = shown->is_content;
    return !err.code || ms_fail_store(operation, &err);
}

bool ms_show(struct ms_operation *operation, const struct store_entry *entry,
             const struct ms_attribute *attribute, struct ms_shown *shown) {
    const struct ms_mailbox *mailbox = operation->service->mailbox;
    struct asked asked = {mailbox, entry};
    struct ms_entry values = {.row = entry,
                              .items = mailbox->items(entry),
                              .others = {mailbox->get ? get_other : NULL, &asked},
                              .arena = &operation->values};
    const struct span *found = NULL;
    size_t count = 0;
    *shown = (struct ms_shown){.attribute = attribute};
    if (ms_is_content(attribute))
        return show_content(operation, entry, shown);
    if (!ms_entry_get(&values, attribute, &found, &count))
        return !is_hindered(operation);
    if (count && !copy_values(operation, found, count, shown))
        return ms_fail_service(operation, x413_ServiceProblem_unavailable,
                               "values of an entry take too much memory");
    return true;
}

/* `from` counts from 1. */
static void cut(const struct x413_AttributeSelection *selection, struct ms_shown *shown) {
    size_t from = selection->has_from ? (size_t)selection->from - 1 : 0;
    if (!shown->attribute->multi_valued)
        return;
    from = from < shown->count ? from : shown->count;
    shown->count -= from;
    shown->values += from;
    if (selection->has_count && (size_t)selection->count < shown->count)
        shown->count = (size_t)selection->count;
}

struct ms_shown *ms_show_requested(struct ms_operation *operation, const struct store_entry *entry,
                                   const struct x413_EntryInformationSelection *requested, size_t *count) {
    struct ms_shown *shown = arena_array(&operation->values, requested->count + 1, sizeof *shown);
    *count = 0;
    if (!shown) {
        ms_fail_service(operation, x413_ServiceProblem_unavailable, "no memory");
        return NULL;
    }
    for (size_t i = 0; i < requested->count; i++) {
        const struct ms_attribute *attribute = ms_attribute_by_oid(requested->items[i].type);
        if (!ms_show(operation, entry, attribute, &shown[*count]))
            return NULL;
        if (shown[*count].total)
            cut(&requested->items[i], &shown[(*count)++]);
    }
    return shown;
}

/* ---- octets ---- */

bool ms_put_head(struct buf *out, uint8_t tag, uint64_t length) {
    unsigned octets = 0;
    buf_append_byte(out, tag);
    if (length < 128)
        return buf_append_byte(out, (uint8_t)length);
    while (octets < 8 && length >> (8 * octets))
        octets++;
    buf_append_byte(out, (uint8_t)(0x80 | octets));
    while (octets--)
        buf_append_byte(out, (uint8_t)(length >> (8 * octets)));
    return !out->failed;
}

uint64_t ms_element_length(uint64_t contents) {
    unsigned octets = 0;
    while (contents >= 128 && octets < 8 && contents >> (8 * octets))
        octets++;
    return 2 + octets + contents;
}

/* No negative number is told here. */
bool ms_put_number(struct buf *out, uint8_t tag, int64_t number) {
    unsigned octets = 1;
    while (octets < 8 && number >> (8 * octets - 1))
        octets++;
    if (tag)
        ms_put_head(out, tag, 2 + octets);
    ms_put_head(out, 0x02, octets);
    while (octets--)
        buf_append_byte(out, (uint8_t)((uint64_t)number >> (8 * octets)));
    return !out->failed;
}

bool ms_put_run(struct buf *runs, uint64_t number) {
    struct ms_run run = {(uint32_t)number, (uint32_t)number};
    size_t count = runs->len / sizeof run;
    struct ms_run *all = (struct ms_run *)(void *)runs->data;
    if (count && all[count - 1].last + 1 == run.first) {
        all[count - 1].last++;
        return true;
    }
    return buf_append(runs, &run, sizeof run);
}

/* ---- an entry ---- */

static uint64_t values_length(const struct ms_shown *shown) {
    uint64_t length = shown->is_content ? ms_element_length(shown->octets) : 0;
    for (size_t i = 0; i < shown->count && !shown->is_content; i++)
        length += shown->values[i].len;
    return length;
}

static uint64_t attribute_length(const struct ms_shown *shown) {
    return ms_element_length(shown->attribute->oid.len) + ms_element_length(values_length(shown));
}

static bool put_type(struct buf *out, uint8_t tag, const struct ms_attribute *attribute) {
    if (tag)
        ms_put_head(out, tag, ms_element_length(attribute->oid.len));
    ms_put_head(out, 0x06, attribute->oid.len);
    return buf_append_span(out, attribute->oid);
}

static bool put_attribute(const struct ms_shown *shown, uint64_t entry, struct ms_written *written) {
    struct buf *out = &written->octets;
    ms_put_head(out, 0x30, attribute_length(shown));
    put_type(out, 0, shown->attribute);
    ms_put_head(out, 0x30, values_length(shown));
    if (shown->is_content) {
        ms_put_head(out, 0x04, shown->octets);
        struct ms_insert insert = {.at = out->len, .entry = entry, .length = shown->octets};
        written->length += shown->octets;
        return !shown->octets || buf_append(&written->inserts, &insert, sizeof insert);
    }
    for (size_t i = 0; i < shown->count; i++)
        buf_append_span(out, shown->values[i]);
    return !out->failed;
}

static bool is_cut(const struct ms_operation *operation, const struct ms_shown *shown) {
    return operation->request->edition != MS_1988 && shown->count < shown->total;
}

static void put_counts(const struct ms_operation *operation, const struct ms_shown *shown, size_t count,
                       struct buf *out) {
    struct buf counts;
    buf_init(&counts, 0);
    for (size_t i = 0; i < count; i++) {
        struct buf one;
        if (!is_cut(operation, &shown[i]))
            continue;
        buf_init(&one, 0);
        put_type(&one, 0xA0, shown[i].attribute);
        ms_put_number(&one, 0xA1, (int64_t)shown[i].total);
        ms_put_head(&counts, 0x30, one.len);
        out->failed |= !buf_append_span(&counts, buf_span(&one));
        buf_free(&one);
    }
    if (counts.len) {
        ms_put_head(out, 0xA0, ms_element_length(counts.len));
        ms_put_head(out, 0x31, counts.len);
        buf_append_span(out, buf_span(&counts));
    }
    buf_free(&counts);
}

/* Processed is what was fetched whole: a message's content, a report's envelope. Of these rules X.413 was
 * read in part only. */
static bool makes_processed(const struct store_entry *entry, const struct ms_attribute *attribute) {
    return ms_is_content(attribute) ||
           (entry->type == x413_EntryType_delivered_report &&
            (!strcmp(attribute->name, "mt-report-delivery-envelope") ||
             !strcmp(attribute->name, "mt-per-recipient-report-delivery-fields")));
}

/* Within an EntryInformation; its head comes before all that, when the length is known. */
static void put_parts(struct ms_operation *operation, const struct store_entry *entry,
                      const struct ms_shown *shown, size_t count, struct ms_written *written) {
    uint64_t attributes = 0;
    for (size_t i = 0; i < count; i++)
        attributes += shown[i].count ? ms_element_length(attribute_length(&shown[i])) : 0;
    ms_put_number(&written->octets, 0, (int64_t)entry->sequence);
    if (attributes)
        ms_put_head(&written->octets, 0x31, attributes);
    for (size_t i = 0; i < count; i++)
        if (shown[i].count) {
            written->octets.failed |= !put_attribute(&shown[i], entry->sequence, written);
            written->whole |= makes_processed(entry, shown[i].attribute);
        }
    put_counts(operation, shown, count, &written->octets);
}

static bool put_before(struct ms_written *written, struct span head) {
    struct ms_insert *inserts = (struct ms_insert *)(void *)written->inserts.data;
    if (!buf_reserve(&written->octets, head.len))
        return false;
    memmove(written->octets.data + head.len, written->octets.data, written->octets.len);
    memcpy(written->octets.data, head.data, head.len);
    written->octets.len += head.len;
    for (size_t i = 0; i < written->inserts.len / sizeof *inserts; i++)
        inserts[i].at += head.len;
    written->length += written->octets.len;
    return true;
}

bool ms_write_entry(struct ms_operation *operation, const struct store_entry *entry,
                    const struct ms_shown *shown, size_t count, struct ms_written *written) {
    struct buf head;
    buf_clear(&written->octets);
    buf_clear(&written->inserts);
    written->length = 0;
    written->whole = false;
    put_parts(operation, entry, shown, count, written);
    buf_init(&head, 0);
    ms_put_head(&head, 0x30, written->octets.len + written->length);
    bool done = !written->octets.failed && !head.failed && put_before(written, buf_span(&head));
    buf_free(&head);
    return done || ms_fail_service(operation, x413_ServiceProblem_unavailable, "no memory");
}
