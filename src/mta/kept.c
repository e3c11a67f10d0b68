#include "mta/kept.h"

#include "asn1/ber.h"
#include "mta/delivered.h"
#include "mta/jump.h"
#include "mta/mailbox_name.h"
#include "mta/mta_private.h"
#include "mta/quota.h"
#include "names/oraddress.h"
#include "schema/x413.h"

#define ENTRY_OCTETS 256 /* rows and their places */

struct span kept_for(struct mta *mta, const struct x411_ORName *originator) {
    static const struct span none = {NULL, 0};
    if (!mta->view.config->limits.kept_seconds)
        return none;
    struct span text = oraddress_name_text(originator, &mta->arena);
    const struct local_user *user = text.data ? user_find(&mta->view, text) : NULL;
    const char *mailbox = user ? mts_mailbox_of(mta->view.config->tables, user->address) : NULL;
    return mailbox ? mailbox_name(&mta->arena, mailbox) : none;
}

static bool write_data(struct mta *mta, struct arena *arena, const struct mts_object *object,
                       uint64_t content_length, struct store_entry *row) {
    static const struct ber_limits limits = {.relax_bounds = true};
    struct delivered delivered = {.kind = MTS_MESSAGE, .has_content = object->has_content};
    struct x411_MessageTransferEnvelope *envelope = arena_alloc(arena, sizeof *envelope);
    struct mts_delivery what = {.envelope = envelope};
    buf_clear(&mta->scratch);
    return envelope &&
           ber_decode(&x411_MessageTransferEnvelope_type, object->octets, arena, &limits, envelope, NULL) &&
           delivered_write(&mta->scratch, &delivered) &&
           delivered_add_items(&mta->scratch, &what, content_length, arena, row);
}

bool kept_add(struct mta *mta, struct arena *arena, struct span mailbox, const struct mts_object *object,
              uint64_t content_length, uint64_t message) {
    struct store_entry row = {.message = message,
                              .at = jump_now(mta),
                              .octets = ENTRY_OCTETS + object->octets.len + content_length,
                              .entry_class = x413_EntryClass_submission,
                              .type = x413_EntryType_submitted_message};
    if (!quota_has_room(mta, mailbox, row.octets, false))
        return true;
    uint32_t key = store_mailbox(mta->view.store, mailbox, NULL);
    if (!key || !write_data(mta, arena, object, content_length, &row))
        return false;
    row.data = buf_span(&mta->scratch);
    return store_add_entry(mta->batch.store, key, &row, NULL) && quota_add(mta, key, row.octets);
}
