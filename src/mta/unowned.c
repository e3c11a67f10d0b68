/* Mail that nobody can read: its user was taken out of the configuration. */
#include "mta/mailbox.h"
#include "mta/users.h"
#include "mta/view.h"
#include "store/store.h"

/* So many entries are counted in all, so that a reload does not wait for the rest of a long mailbox. */
#define COUNTED_MOST 100000

struct search {
    struct view *view;
    size_t left;      /* entries that may still be counted */
    uint64_t entries; /* of the mailbox that is looked at */
};

static bool count(void *context, const struct store_entry *entry) {
    struct search *search = context;
    (void)entry;
    search->entries++;
    return true;
}

/* The name of a mailbox is the key of its user's address (mailbox_name.h). */
static bool look_at(void *context, uint32_t mailbox, struct span name, uint64_t next) {
    struct search *search = context;
    struct view *view = search->view;
    (void)next;
    search->entries = 0;
    if (users_with_key(&view->users, name) ||
        !store_each_entry(view->store, mailbox, 0, search->left, count, search, NULL) || !search->entries)
        return true; /* where it can't be read others say so */
    bool all = search->entries < search->left;
    search->left -= search->entries;
    buf_printf(
        &view->users.remarks,
        "%.*s\this mailbox has %s%llu entr%s, and there is no such user: nobody can read it before he is "
        "back, here or by 'mhs user add'\n",
        (int)name.len, (const char *)name.data, all ? "" : "at least ", (unsigned long long)search->entries,
        search->entries == 1 ? "y" : "ies");
    return search->left > 0;
}

void mailboxes_remark_unowned(struct view *view) {
    struct search search = {.view = view, .left = COUNTED_MOST};
    store_each_mailbox(view->store, look_at, &search, NULL);
}
