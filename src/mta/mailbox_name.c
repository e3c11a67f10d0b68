#include "mta/mailbox_name.h"

#include "base/arena.h"
#include "base/log.h"
#include "names/oraddress.h"
#include "store/store.h"

static struct span key_of_mailbox(void *context, struct span name) {
    struct arena *arena = context;
    arena_reset(arena);
    return oraddress_key_of(name, arena, NULL);
}

struct span mailbox_name(struct arena *arena, const char *mailbox) {
    struct span key = oraddress_key_of(span_str(mailbox), arena, NULL);
    return key.data ? key : span_str(mailbox);
}

bool mailboxes_rename(struct store *store, struct arena *arena, struct error *err) {
    struct store_rename changed;
    if (!store_rename_mailboxes(store, key_of_mailbox, arena, &changed, err))
        return false;
    if (changed.renamed || changed.joined)
        log_notice(
            "mailboxes now go by their address's key: %zu were renamed, and the entries of %zu others went "
            "to the mailbox of the same address",
            changed.renamed, changed.joined);
    return true;
}
