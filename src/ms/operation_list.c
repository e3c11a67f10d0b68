/* List (X.413 §8.2.3) and fetch (§8.2.4). */
#include "ms/operation_private.h"

/* ---- list ---- */

struct listing {
    struct ms_operation *operation;
    const struct x413_EntryInformationSelection *requested;
    struct buf entries;
    struct ms_written written; /* of one entry */
    uint64_t next;
    bool failed;
};

static bool list_entry(void *context, const struct store_entry *entry) {
    struct listing *listing = context;
    struct ms_operation *operation = listing->operation;
    size_t count;
    if (listing->entries.len >= MS_LIST_MOST) {
        listing->next = entry->sequence;
        return false;
    }
    arena_reset(&operation->values);
    const struct ms_shown *shown = ms_show_requested(operation, entry, listing->requested, &count);
    if (!shown || !ms_write_entry(operation, entry, shown, count, &listing->written)) {
        listing->failed = true;
        return false;
    }
    if (!buf_append_span(&listing->entries, buf_span(&listing->written.octets)) ||
        (entry->status == STORE_NEW && !ms_put_run(&operation->reply->listed, entry->sequence)))
        listing->failed = !ms_fail_service(operation, x413_ServiceProblem_unavailable, "no memory");
    return !listing->failed;
}

static void put_list(struct listing *listing, uint64_t next) {
    struct buf *out = &listing->operation->reply->octets;
    struct buf body;
    buf_init(&body, 0);
    if (next)
        ms_put_number(&body, 0xA0, (int64_t)next);
    if (listing->entries.len) {
        ms_put_head(&body, 0xA1, ms_element_length(listing->entries.len));
        ms_put_head(&body, 0x30, listing->entries.len);
        buf_append_span(&body, buf_span(&listing->entries));
    }
    ms_put_head(out, 0x31, body.len);
    buf_append_span(out, buf_span(&body));
    out->failed |= body.failed;
    buf_free(&body);
}

bool ms_list(struct ms_operation *operation) {
    struct x413_ListArgument argument = {0};
    struct ms_selection selection;
    if (!ms_read_argument(operation, &x413_ListArgument_type, &argument) ||
        !ms_check_extensions(operation, &argument.list_extensions) ||
        !ms_read_selector(operation, &argument.selector, argument.entry_class, &selection))
        return false;
    struct listing listing = {.operation = operation,
                              .requested = ms_requested(operation, &argument.requested_attributes, true)};
    if (!listing.requested)
        return false;
    uint64_t next;
    buf_init(&listing.entries, 0);
    buf_init(&listing.written.octets, 0);
    buf_init(&listing.written.inserts, 0);
    bool done = ms_run_selection(operation, &selection, list_entry, &listing, &next) && !listing.failed;
    if (done)
        put_list(&listing, listing.next ? listing.next : next);
    buf_free(&listing.entries);
    buf_free(&listing.written.octets);
    buf_free(&listing.written.inserts);
    return done;
}

/* ---- the restrictions of a fetch (X.413 §7.1.1, §8.1.4) ---- */

/* Bits of an override. */
enum { OVERRIDE_CONTENT_TYPES, OVERRIDE_EITS, OVERRIDE_LENGTH };

static bool fail_restriction(struct ms_operation *operation,
                             struct x413_FetchRestrictionErrorParameter_problems_item *item) {
    struct x413_FetchRestrictionErrorParameter parameter = {.problems = {item, 1}};
    return ms_fail(operation, MS_FETCH_RESTRICTION_ERROR, &x413_FetchRestrictionErrorParameter_type,
                   &parameter);
}

static bool is_among(struct span oid, const struct span *oids, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (span_eq(oid, oids[i]))
            return true;
    return false;
}

static struct span oid_in(struct span value) {
    struct ber_element element;
    enum ber_error_code why;
    return ber_element_read(value, &element, &why) ? ber_element_contents(value, &element)
                                                   : (struct span){NULL, 0};
}

/* Values of the attribute 2.6.4.3.n. */
static bool show_numbered(struct ms_operation *operation, const struct store_entry *entry, uint8_t number,
                          struct ms_shown *shown) {
    const uint8_t oid[] = {0x56, 4, 3, number};
    return ms_show(operation, entry, ms_attribute_by_oid(span_of(oid, sizeof oid)), shown);
}

enum { CONTENT_TYPE = 8, DELIVERED_EITS = 12 };

static bool check_content_type(struct ms_operation *operation, const struct store_entry *entry) {
    const struct x413_Restrictions *restrictions = operation->request->restrictions.bind;
    struct x413_FetchRestrictionErrorParameter_problems_item item = {
        .problem = x413_FetchRestrictionProblem_content_type_problem,
        .restriction.choice = x413_FetchRestrictionErrorParameter_problems_item_restriction_content_type};
    struct ms_shown shown;
    if (!restrictions->allowed_content_types.count)
        return true;
    if (!show_numbered(operation, entry, CONTENT_TYPE, &shown))
        return false;
    struct span type = shown.count ? oid_in(shown.values[0]) : (struct span){NULL, 0};
    if (!type.data ||
        is_among(type, restrictions->allowed_content_types.items, restrictions->allowed_content_types.count))
        return true;
    item.restriction.u.content_type = type;
    return fail_restriction(operation, &item);
}

static bool check_types(struct ms_operation *operation, const struct store_entry *entry) {
    const struct x413_MS_EITs *allowed = &operation->request->restrictions.bind->allowed_EITs;
    struct x413_FetchRestrictionErrorParameter_problems_item item = {
        .problem = x413_FetchRestrictionProblem_eit_problem,
        .restriction.choice = x413_FetchRestrictionErrorParameter_problems_item_restriction_eit};
    struct x413_MS_EITs *others = &item.restriction.u.eit;
    struct ms_shown shown;
    if (!allowed->count)
        return true;
    if (!show_numbered(operation, entry, DELIVERED_EITS, &shown))
        return false;
    others->items = arena_array(&operation->values, shown.count + 1, sizeof *others->items);
    if (!others->items)
        return ms_fail_service(operation, x413_ServiceProblem_unavailable, "no memory");
    for (size_t i = 0; i < shown.count; i++) {
        struct span type = oid_in(shown.values[i]);
        if (type.data && !is_among(type, allowed->items, allowed->count))
            others->items[others->count++] = type;
    }
    return !others->count || fail_restriction(operation, &item);
}

static bool check_lengths(struct ms_operation *operation, const struct ms_shown *shown, size_t count) {
    const struct x413_Restrictions *restrictions = operation->request->restrictions.bind;
    struct x413_FetchRestrictionErrorParameter_problems_item item = {
        .problem = x413_FetchRestrictionProblem_maximum_length_problem,
        .restriction.choice = x413_FetchRestrictionErrorParameter_problems_item_restriction_attribute_length};
    if (!restrictions->has_maximum_attribute_length)
        return true;
    for (size_t i = 0; i < count; i++) {
        uint64_t length = shown[i].octets;
        for (size_t j = 0; !shown[i].is_content && j < shown[i].count; j++)
            length = length < shown[i].values[j].len ? shown[i].values[j].len : length;
        if (restrictions->maximum_attribute_length < 0 ||
            length > (uint64_t)restrictions->maximum_attribute_length) {
            item.restriction.u.attribute_length = (int64_t)length;
            return fail_restriction(operation, &item);
        }
    }
    return true;
}

static bool check_restrictions(struct ms_operation *operation, const struct ber_bits *override,
                               const struct store_entry *entry, const struct ms_shown *shown, size_t count) {
    if (!operation->request->restrictions.bind)
        return true;
    return (ber_bit(override, OVERRIDE_CONTENT_TYPES) || check_content_type(operation, entry)) &&
           (ber_bit(override, OVERRIDE_EITS) || check_types(operation, entry)) &&
           (ber_bit(override, OVERRIDE_LENGTH) || check_lengths(operation, shown, count));
}

/* ---- fetch ---- */

/* Most of its other entries that a fetch tells: as a list's bound. */
#define OTHERS_MOST ((size_t)1 << 20)

struct fetching {
    struct ms_operation *operation;
    const struct x413_EntryInformationSelection *requested;
    uint64_t first, next;
    bool found;
    struct buf others; /* INTEGERs */
};

static bool find(void *context, const struct store_entry *entry) {
    struct fetching *fetching = context;
    if (fetching->others.len >= OTHERS_MOST) {
        fetching->next = entry->sequence;
        return false;
    }
    if (fetching->found)
        return ms_put_number(&fetching->others, 0, (int64_t)entry->sequence);
    fetching->first = entry->sequence;
    fetching->found = true;
    return true;
}

static void put_fetched(const struct fetching *fetching, const struct ms_written *written) {
    struct ms_reply *reply = fetching->operation->reply;
    struct buf rest;
    const struct ms_insert *inserts = (const struct ms_insert *)(const void *)written->inserts.data;
    buf_init(&rest, 0);
    if (fetching->others.len) {
        ms_put_head(&rest, 0xA1, ms_element_length(fetching->others.len));
        ms_put_head(&rest, 0x30, fetching->others.len);
        buf_append_span(&rest, buf_span(&fetching->others));
    }
    if (fetching->next)
        ms_put_number(&rest, 0xA2, (int64_t)fetching->next);
    ms_put_head(&reply->octets, 0x31, ms_element_length(written->length) + rest.len);
    ms_put_head(&reply->octets, 0xA0, written->length);
    for (size_t i = 0; i < written->inserts.len / sizeof *inserts; i++) {
        struct ms_insert insert = inserts[i];
        insert.at += reply->octets.len;
        reply->inserts.failed |= !buf_append(&reply->inserts, &insert, sizeof insert);
    }
    buf_append_span(&reply->octets, buf_span(&written->octets));
    reply->octets.failed |= !buf_append_span(&reply->octets, buf_span(&rest)) || reply->inserts.failed;
    buf_free(&rest);
}

static bool note_status(struct ms_operation *operation, const struct store_entry *entry, bool whole) {
    struct ms_reply *reply = operation->reply;
    if (whole && entry->status < STORE_PROCESSED)
        return ms_put_run(&reply->processed, entry->sequence);
    return whole || entry->status != STORE_NEW || ms_put_run(&reply->listed, entry->sequence);
}

static bool fetch_entry(const struct fetching *fetching, unsigned classes, const struct ber_bits *override) {
    struct ms_operation *operation = fetching->operation;
    struct store_entry entry;
    struct ms_written written = {.length = 0};
    size_t count = 0;
    if (!ms_find_entry(operation, classes, fetching->first, &entry))
        return false;
    const struct ms_shown *shown = ms_show_requested(operation, &entry, fetching->requested, &count);
    if (!shown || !check_restrictions(operation, override, &entry, shown, count))
        return false;
    buf_init(&written.octets, 0);
    buf_init(&written.inserts, 0);
    bool done = ms_write_entry(operation, &entry, shown, count, &written);
    if (done)
        put_fetched(fetching, &written);
    if (done && !note_status(operation, &entry, written.whole))
        done = ms_fail_service(operation, x413_ServiceProblem_unavailable, "no memory");
    buf_free(&written.octets);
    buf_free(&written.inserts);
    return done;
}

static bool fetch_found(struct fetching *fetching, const struct x413_FetchArgument *argument,
                        const struct ms_selection *selection) {
    struct ms_operation *operation = fetching->operation;
    uint64_t next;
    if (!ms_run_selection(operation, selection, find, fetching, &next))
        return false;
    if (fetching->others.failed)
        return ms_fail_service(operation, x413_ServiceProblem_unavailable, "no memory");
    fetching->next = fetching->next ? fetching->next : next;
    return fetching->found ? fetch_entry(fetching, selection->classes, &argument->item.u.search.override)
                           : ms_put_head(&operation->reply->octets, 0x31, 0);
}

bool ms_fetch(struct ms_operation *operation) {
    static const struct ber_bits nothing;
    struct x413_FetchArgument argument = {0};
    struct ms_selection selection = {0};
    if (!ms_read_argument(operation, &x413_FetchArgument_type, &argument))
        return false;
    bool precise = argument.item.choice == x413_FetchArgument_item_precise;
    if (!ms_check_extensions(operation, &argument.fetch_extensions) ||
        !(precise ? ms_check_class(operation, argument.entry_class, &selection.classes)
                  : ms_read_selector(operation, &argument.item.u.search, argument.entry_class, &selection)))
        return false;
    struct fetching fetching = {.operation = operation,
                                .requested = ms_requested(operation, &argument.requested_attributes, false),
                                .found = precise};
    if (!fetching.requested)
        return false;
    buf_init(&fetching.others, 0);
    fetching.first = precise ? (uint64_t)argument.item.u.precise : 0;
    bool done = precise ? fetch_entry(&fetching, selection.classes, &nothing)
                        : fetch_found(&fetching, &argument, &selection);
    buf_free(&fetching.others);
    return done;
}
