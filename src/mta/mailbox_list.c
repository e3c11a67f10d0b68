/* `mailbox-list`: the entries that a client's filters select (ms/select.h). */
#include "mta/client.h"
#include "mta/json.h"
#include "mta/looking.h"
#include "mta/mailbox.h"
#include "mta/mta_private.h"
#include "mta/requests.h"
#include "mta/view.h"
#include "names/oraddress.h"
#include "schema/x413at.h"

struct listing {
    struct view *view;
    json_t *entries;
    struct arena arena;
    struct error err; /* set: the list is not whole */
    uint64_t last;
};

/* ---- filters ---- */

#define GENERAL(n) span_of("\x56\x04\x03" n, 4)
#define HEADING(n) span_of("\x56\x01\x07" n, 4)

struct making {
    struct arena *arena;
    struct x413_Filter items[24];
    size_t count;
    bool failed;
};

static struct x413_Filter *add(struct making *making, int choice) {
    struct x413_Filter *filter = &making->items[making->count++];
    *filter = (struct x413_Filter){.choice = choice};
    return filter;
}

static struct x413_FilterItem *add_item(struct making *making, int choice) {
    struct x413_FilterItem *item = &add(making, x413_Filter_item)->u.item;
    item->choice = choice;
    return item;
}

static void add_part(struct making *making, struct span attribute, struct span element) {
    struct x413_FilterItem *item = add_item(making, x413_FilterItem_substrings);
    struct x413_FilterItem_substrings_strings *strings = &item->u.substrings.strings;
    item->u.substrings.type = attribute;
    strings->items = arena_array(making->arena, 1, sizeof *strings->items);
    making->failed |= !strings->items;
    if (making->failed)
        return;
    strings->count = 1;
    strings->items[0].choice = x413_FilterItem_substrings_strings_item_any;
    strings->items[0].u.any = element;
}

/* All that was added since, as one. */
static void join(struct making *making, size_t from, int choice) {
    size_t count = making->count - from;
    struct x413_Filter *within = arena_array(making->arena, count + 1, sizeof *within);
    making->failed |= !within;
    if (making->failed)
        return;
    memcpy(within, making->items + from, count * sizeof *within);
    making->count = from;
    struct x413_Filter *filter = add(making, choice);
    if (choice == x413_Filter_not) {
        filter->u.not = within;
    } else {
        filter->u.and.items = within; /* or's list lies in the same place */
        filter->u.and.count = count;
    }
}

/* What has no subject may be a report or a notification on what has one: the client knows that. */
static void add_subject(struct making *making, const char *part) {
    struct span text = span_str(part), element;
    size_t from = making->count;
    making->failed |= !ber_encode_arena(&ber_UTF8String_type, &text, making->arena, &element, NULL);
    add_part(making, HEADING("\x04"), element);
    add_part(making, HEADING("\x1E"), element);
    add_item(making, x413_FilterItem_present)->u.present = HEADING("\x04");
    join(making, making->count - 1, x413_Filter_not);
    join(making, from, x413_Filter_or);
}

/* The originator's name has each element, with that in it. */
static bool add_name(struct making *making, const char *text) {
    struct x411_ORName name = {.raw = {NULL, 0}};
    struct span element;
    if (!oraddress_parse_name(span_str(text), making->arena, &name, NULL) ||
        !ber_encode_arena(&x411_ORName_type, &name, making->arena, &element, NULL))
        return false;
    struct x413_FilterItem *item = add_item(making, x413_FilterItem_other_match);
    item->u.other_match.matching_rule = ms_matching_rule_row(MS_OR_NAME_SUBSTRING_ELEMENTS_MATCH)->oid;
    item->u.other_match.attribute_type = GENERAL("\x1B");
    item->u.other_match.match_value = element;
    return true;
}

/* A word is looked for in each kind of element; what no element can hold is in none. */
static void add_originator(struct making *making, const char *from) {
    static const char *const kinds[] = {"S",   "G",   "CN", "O", "OU1",        "OU2",
                                        "OU3", "OU4", "P",  "A", "DDA:RFC-822"};
    size_t first = making->count;
    if (strpbrk(from, "=/") && add_name(making, from))
        return;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const char *text = arena_printf(making->arena, "/%s=%s", kinds[i], from);
        making->failed |= !text;
        if (text)
            add_name(making, text);
    }
    join(making, first, x413_Filter_or);
}

/* NULL: there is none, or (making->failed) no memory. */
static const struct ms_filter *make_filter(struct making *making, json_t *request) {
    const char *from = json_string_value(json_object_get(request, "from")),
               *subject = json_string_value(json_object_get(request, "subject"));
    enum ms_filter_error why;
    if (from)
        add_originator(making, from);
    if (subject)
        add_subject(making, subject);
    if (!making->count || making->failed)
        return NULL;
    join(making, 0, x413_Filter_and);
    const struct ms_filter *filter =
        making->failed ? NULL : ms_filter_prepare(&making->items[0], making->arena, &why);
    making->failed |= !filter;
    return filter;
}

/* ---- entries ---- */

/* What the store lost of its message is no reason to hide it: its user may delete it, or wait for a repair.
 */
static json_t *damaged_json(const struct store_entry *entry, const struct error *err) {
    return json_pack("{s:I, s:s, s:o, s:o, s:b, s:b}", "entry", (json_int_t)entry->sequence, "kind",
                     "damaged", "damage", json_text(span_str(err->text)), "arrival",
                     json_time(entry->at / SECOND), "seen", (int)mailbox_is_seen(entry), "notified",
                     (entry->flags & FLAG_NOTIFIED) != 0);
}

static json_t *listed_json(struct listing *listing, const struct store_entry *entry) {
    struct loaded loaded;
    struct error err = {0};
    arena_reset(&listing->arena);
    if (delivered_load(listing->view, entry, &listing->arena, &loaded, &err))
        return mailbox_entry_json(listing->view, &loaded, &listing->arena, &listing->err);
    if (err.code == STORE_CORRUPT || err.code == STORE_NOT_FOUND)
        return damaged_json(entry, &err);
    listing->err = err;
    return NULL;
}

static bool list_entry(void *context, const struct store_entry *entry) {
    struct listing *listing = context;
    json_t *json = listed_json(listing, entry);
    if (json)
        json_array_append_new(listing->entries, json);
    listing->last = entry->sequence;
    return json != NULL;
}

static bool read_selection(json_t *request, struct ms_selection *selection) {
    json_t *limit = json_object_get(request, "limit");
    json_int_t most = limit ? json_integer_value(limit) : 100,
               after = json_integer_value(json_object_get(request, "after")),
               before = json_integer_value(json_object_get(request, "before")),
               since = json_integer_value(json_object_get(request, "since"));
    if (most < 1 || most > 1000 || after < 0 || before < 0 || since < 0 || since > INT64_MAX / SECOND)
        return false;
    selection->classes = 1u << x413_EntryClass_delivery;
    selection->first = (uint64_t)after + 1;
    selection->last = before ? (uint64_t)before - 1 : 0;
    selection->limit = (size_t)most;
    selection->down = json_is_true(json_object_get(request, "newest"));
    selection->unread = json_is_true(json_object_get(request, "unseen"));
    selection->unread_flags = FLAG_UNREAD;
    selection->children = selection->damaged = true;
    selection->by_time = since != 0;
    selection->from = since * SECOND;
    selection->to = INT64_MAX;
    return true;
}

static bool select_entries(struct listing *listing, uint32_t mailbox, const struct ms_selection *selection,
                           uint64_t *next) {
    struct looking looking;
    uint64_t undecided;
    if (!looking_begin(&looking, listing->view, mailbox))
        return error_set(&listing->err, STORE_NO_MEMORY, "no memory");
    bool done = ms_select(&looking.mailbox, selection, list_entry, listing, next, &undecided, &listing->err);
    looking_end(&looking);
    return done && !listing->err.code;
}

static json_t *list(struct listing *listing, const struct opened *opened, json_t *request) {
    struct arena arena;
    struct making making = {.arena = &arena};
    struct ms_selection selection = {.order = MS_BY_NUMBER};
    uint64_t next = 0;
    if (!read_selection(request, &selection))
        return client_error("bad-request", "limit is not 1 to 1000, or after, before or since is negative");
    arena_init(&arena, (size_t)4 << 20);
    selection.filter = make_filter(&making, request);
    if (making.failed)
        error_set(&listing->err, STORE_NO_MEMORY, "no memory");
    bool empty = !opened->mailbox || (selection.last && selection.last < selection.first);
    bool done = !making.failed && (empty || select_entries(listing, opened->mailbox, &selection, &next));
    arena_free(&arena);
    return done ? json_pack("{s:O, s:o}", "entries", listing->entries, "cursor",
                            next ? json_integer((json_int_t)listing->last) : json_null())
                : client_error("unavailable", "the list can't be read: %s", listing->err.text);
}

json_t *request_mailbox_list(struct client *client, json_t *request) {
    struct opened opened;
    struct listing listing = {.view = client->view};
    json_t *answer = mailbox_open(client, request, &opened);
    if (answer)
        return answer;
    listing.entries = json_array();
    arena_init(&listing.arena, (size_t)64 * 1024 * 1024);
    answer = list(&listing, &opened, request);
    arena_free(&listing.arena);
    json_decref(listing.entries);
    return answer;
}
