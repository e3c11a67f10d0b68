#include "mta/looking.h"

#include "mta/mta_private.h"
#include "mta/view.h"
#include "mts/row.h"

/* Nothing is in the rows. */
static struct span no_items(const struct store_entry *entry) {
    (void)entry;
    return (struct span){NULL, 0};
}

static struct span envelope_of(struct looking *looking, const struct store_entry *entry,
                               const struct delivered *delivered) {
    struct store_message message;
    struct error err = {0};
    if (delivered->envelope.data)
        return delivered->envelope;
    if (!store_get_message(looking->view->store, entry->message, &looking->arena, &message, &err))
        return (struct span){NULL, 0};
    struct mts_stored stored = {.kind = delivered->kind, .octets = message.envelope};
    return mts_delivery_envelope(&stored, delivered->position, entry->at / SECOND, &looking->arena);
}

static bool get(void *user, const struct store_entry *entry, const struct ms_attribute *attribute,
                const struct span **values, size_t *count) {
    struct looking *looking = user;
    struct delivered delivered;
    *count = 0;
    arena_reset(&looking->arena);
    if (!delivered_read(entry->data, &delivered))
        return false;
    const char *envelope = delivered.kind == MTS_REPORT ? "mt-report-delivery-envelope"
                                                         : "mt-message-delivery-envelope";
    if (strcmp(attribute->name, envelope) != 0)
        return true;
    looking->value = envelope_of(looking, entry, &delivered);
    *values = &looking->value;
    *count = 1;
    return looking->value.data != NULL;
}

bool looking_begin(struct looking *looking, struct view *view, uint32_t mailbox) {
    *looking = (struct looking){.view = view,
                                .mailbox = {.store = view->store,
                                            .mailbox = mailbox,
                                            .items = no_items,
                                            .get = get,
                                            .user = looking}};
    arena_init(&looking->arena, view->config->limits.envelope_memory);
    return true;
}

void looking_end(struct looking *looking) {
    arena_free(&looking->arena);
}
