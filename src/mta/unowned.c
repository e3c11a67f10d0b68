/* Mail that nobody can read: its user was taken out of the configuration. */
#include "asn1/ber.h"
#include "mta/delivered.h"
#include "mta/mailbox.h"
#include "mta/users.h"
#include "mta/view.h"
#include "names/oraddress.h"
#include "schema/x411p3.h"
#include "store/store.h"

/* So many entries are counted in all, so that a reload does not wait for the rest of a long mailbox. */
#define COUNTED_MOST 100000

struct search {
    struct view *view;
    size_t left; /* entries that may still be counted */
    /* of the mailbox that is looked at: */
    uint64_t entries;
    uint64_t message; /* the number of the last entry that is one; 0: none is */
};

static bool count(void *context, const struct store_entry *entry) {
    struct search *search = context;
    struct delivered delivered;
    search->entries++;
    if (!entry->damaged && delivered_read(entry->data, &delivered) && delivered.kind == MTS_MESSAGE)
        search->message = entry->sequence;
    return true;
}

/* NULL: it can't be read. */
static const struct x411p3_MessageDeliveryEnvelope *envelope_of(const struct search *search,
                                                                uint32_t mailbox) {
    static const struct ber_limits as_it_came = {.relax_bounds = true, .relax_characters = true};
    struct view *view = search->view;
    struct arena *arena = &view->arena;
    struct store_entry entry;
    struct loaded loaded;
    struct error err = {0};
    struct x411p3_MessageDeliveryEnvelope *envelope = arena_alloc(arena, sizeof *envelope);
    if (!envelope || !search->message ||
        !store_get_entry(view->store, mailbox, search->message, arena, &entry, &err) ||
        !delivered_load(view, &entry, arena, &loaded, &err))
        return NULL;
    struct span octets = delivered_envelope(&loaded, arena);
    return octets.data && ber_decode(&x411p3_MessageDeliveryEnvelope_type, octets, arena, &as_it_came,
                                     envelope, NULL)
               ? envelope
               : NULL;
}

static bool has_control(struct span text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < ' ')
            return true;
    return false;
}

/* His address as who wrote to him spelled it; the key of it, which is the mailbox's name, where nobody tells.
 */
static struct span spelled(const struct search *search, uint32_t mailbox, struct span name) {
    struct arena *arena = &search->view->arena;
    arena_reset(arena);
    const struct x411p3_MessageDeliveryEnvelope *envelope = envelope_of(search, mailbox);
    if (!envelope)
        return name;
    struct span text = oraddress_name_text(&envelope->other_fields.this_recipient_name, arena);
    struct span key = text.data ? oraddress_key_of(text, arena, NULL) : text;
    return key.data && span_eq(key, name) && !has_control(text) ? text : name;
}

/* The name of a mailbox is the key of its user's address (mailbox_name.h). */
static bool look_at(void *context, uint32_t mailbox, struct span name, uint64_t next) {
    struct search *search = context;
    struct view *view = search->view;
    (void)next;
    search->entries = search->message = 0;
    if (users_with_key(&view->users, name) ||
        !store_each_entry(view->store, mailbox, 0, search->left, count, search, NULL) || !search->entries)
        return true; /* where it can't be read others say so */
    struct span user = spelled(search, mailbox, name);
    bool all = search->entries < search->left;
    search->left -= search->entries;
    buf_printf(
        &view->users.remarks,
        "%.*s\this mailbox has %s%llu entr%s, and there is no such user: nobody can read it before he is "
        "back, here or by 'mhs user add'\n",
        (int)user.len, (const char *)user.data, all ? "" : "at least ", (unsigned long long)search->entries,
        search->entries == 1 ? "y" : "ies");
    return search->left > 0;
}

void mailboxes_remark_unowned(struct view *view) {
    struct search search = {.view = view, .left = COUNTED_MOST};
    store_each_mailbox(view->store, look_at, &search, NULL);
}
