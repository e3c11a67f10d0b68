#include "mta/delivered.h"

#include "asn1/ber.h"
#include "ms/entry.h"
#include "ms/object.h"
#include "mta/mta_private.h"
#include "mta/view.h"
#include "schema/x411.h"

bool delivered_load(struct view *view, const struct store_entry *entry, struct arena *arena,
                    struct loaded *loaded, struct error *err) {
    loaded->entry = entry;
    if (entry->damaged)
        return error_set(err, STORE_CORRUPT, "entry %llu is not what was stored",
                         (unsigned long long)entry->sequence);
    return (delivered_read(entry->data, &loaded->delivered) ||
            error_set(err, STORE_CORRUPT, "entry %llu has a form that this program doesn't know",
                      (unsigned long long)entry->sequence)) &&
           store_get_message(view->store, entry->message, arena, &loaded->message, err);
}

struct span delivered_envelope(const struct loaded *loaded, struct arena *arena) {
    const struct delivered *delivered = &loaded->delivered;
    struct mts_stored stored = {.kind = delivered->kind, .octets = loaded->message.envelope};
    if (delivered->envelope.data)
        return delivered->envelope;
    return mts_delivery_envelope(&stored, delivered->position, loaded->entry->at / SECOND, arena);
}

struct span delivered_items(const struct store_entry *entry) {
    struct delivered delivered;
    return delivered_read(entry->data, &delivered) ? delivered.items : (struct span){NULL, 0};
}

/* ---- items ---- */

struct adding {
    struct buf *out;
    struct arena *arena;
    bool failed;
};

/* The attribute 2.6.4.3.`number`. */
static void add(struct adding *adding, uint8_t number, const void *value) {
    const uint8_t oid[] = {0x56, 4, 3, number};
    const struct ms_attribute *attribute = ms_attribute_by_oid(span_of(oid, sizeof oid));
    struct span element;
    adding->failed = adding->failed ||
                     !ber_encode_arena(attribute->type, value, adding->arena, &element, NULL) ||
                     !ms_item_write(adding->out, attribute, element);
}

static void add_present(struct adding *adding, uint8_t number, struct span value) {
    if (value.data)
        add(adding, number, &value);
}

bool delivered_add_items(struct buf *out, const struct mts_delivery *delivery, uint64_t content_length,
                         struct arena *arena, struct store_entry *row) {
    const struct x411_MessageTransferEnvelope *envelope = delivery->envelope;
    const struct x411_ContentType *type = &envelope->content_type;
    struct adding adding = {out, arena, false};
    int64_t length = (int64_t)content_length;
    add(&adding, 27, &envelope->originator_name);
    add(&adding, 19, &envelope->message_identifier);
    if (envelope->trace_information.count)
        add_present(&adding, 23,
                    envelope->trace_information.items[0].domain_supplied_information.arrival_time);
    add_present(&adding, 8,
                type->choice == x411_ContentType_built_in ? ms_content_type(type->u.built_in)
                                                          : type->u.extended);
    add_present(&adding, 4, envelope->content_identifier);
    add(&adding, 6, &length);
    row->known = MS_KNOWS_SUMMARY;
    row->priority = envelope->priority >= 0 && envelope->priority < MS_NO_PRIORITY
                        ? (uint8_t)envelope->priority
                        : MS_NO_PRIORITY;
    return !adding.failed;
}
