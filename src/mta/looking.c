#include "mta/looking.h"

#include "base/alloc.h"
#include "ms/sealed.h"
#include "mta/mta_private.h"
#include "mta/view.h"

#define MEMORY ((size_t)64 << 20) /* for one entry */

/* ---- the message ---- */

static void leave(struct looking *looking) {
    store_content_release(looking->content);
    looking->content = NULL;
    looking->loaded = false;
    looking->sequence = 0;
    memset(looking->looked, 0, sizeof looking->looked);
    arena_reset(&looking->arena);
}

/* What is damaged or given up can't be told; anything else may be there. */
static bool hinders(struct looking *looking, const struct error *err) {
    if (err->code && err->code != STORE_CORRUPT && err->code != STORE_NOT_FOUND)
        looking->hindrance = *err;
    return false;
}

static bool read_content(void *context, uint64_t offset, void *out, size_t len) {
    struct looking *looking = context;
    struct error err = {0};
    size_t got = 0;
    if (!looking->content)
        looking->content = store_content_open(looking->view->store, looking->entry.message.id, &err);
    if (!looking->content || !store_content_read(looking->content, offset, out, len, &got, &err))
        return hinders(looking, &err);
    return got == len;
}

/* What was submitted names all its recipients. */
static const struct x411_MessageTransferEnvelope *submitted(struct looking *looking,
                                                            const struct store_entry *entry) {
    static const struct ber_limits limits = {.relax_bounds = true};
    struct x411_MessageTransferEnvelope *envelope;
    if (entry->entry_class != x413_EntryClass_submission)
        return NULL;
    envelope = arena_alloc(&looking->arena, sizeof *envelope);
    return envelope && ber_decode(&x411_MessageTransferEnvelope_type, looking->entry.message.envelope,
                                  &looking->arena, &limits, envelope, NULL)
               ? envelope
               : NULL;
}

static bool load(struct looking *looking, const struct store_entry *entry) {
    struct error err = {0};
    if (looking->loaded)
        return true;
    if (!delivered_load(looking->view, entry, &looking->arena, &looking->entry, &err))
        return hinders(looking, &err);
    const struct delivered *delivered = &looking->entry.delivered;
    looking->object =
        (struct ms_object){.report = delivered->kind == MTS_REPORT,
                           .has_content = delivered->has_content,
                           .envelope = delivered_envelope(&looking->entry, &looking->arena),
                           .content = {read_content, looking,
                                       delivered->has_content ? looking->entry.message.content_length : 0},
                           .submitted = submitted(looking, entry),
                           .arena = &looking->arena};
    looking->loaded = true;
    return true;
}

/* ---- columns ---- */

/* What was sealed of the entry beside its row; the absent span: nothing was, or it is not what was stored. */
static struct span sealed_of(struct looking *looking, uint64_t sequence) {
    static const enum store_column column = STORE_COLUMN_ITEMS;
    uint64_t chunk = sequence / STORE_CHUNK;
    size_t slot = sequence % STORE_CHUNK;
    if (!looking->chunk_read || looking->chunk != chunk) {
        buf_clear(&looking->octets);
        looking->chunk = chunk;
        looking->chunk_read = true;
        looking->chunk_sealed = store_get_column(looking->mailbox.store, looking->mailbox.mailbox, column,
                                                 chunk, &looking->octets, &(struct error){0}) &&
                                store_column_open(buf_span(&looking->octets), column, looking->items);
    }
    return looking->chunk_sealed && looking->items->numbers[slot] != STORE_UNKNOWN
               ? looking->items->texts[slot]
               : (struct span){NULL, 0};
}

/* ---- values ---- */

/* A filter may ask for the same values many times. */
struct looked {
    const struct ms_attribute *attribute;
    const struct span *values;
    size_t count;
    struct looked *next;
};

static struct looked **list_of(struct looking *looking, const struct ms_attribute *attribute) {
    return &looking->looked[(uintptr_t)attribute / sizeof *attribute % LOOKED_LISTS];
}

static bool is_known(struct looking *looking, const struct ms_attribute *attribute,
                     const struct span **values, size_t *count) {
    const struct looked *looked = *list_of(looking, attribute);
    while (looked && looked->attribute != attribute)
        looked = looked->next;
    if (looked) {
        *values = looked->values;
        *count = looked->count;
    }
    return looked;
}

static void note(struct looking *looking, const struct ms_attribute *attribute, const struct span *values,
                 size_t count) {
    struct looked **list = list_of(looking, attribute),
                  *looked = arena_alloc(&looking->arena, sizeof *looked);
    if (!looked)
        return;
    *looked = (struct looked){attribute, values, count, *list};
    *list = looked;
}

static bool find(struct looking *looking, const struct store_entry *entry,
                 const struct ms_attribute *attribute, const struct span **values, size_t *count) {
    if (attribute->origin == MS_IPM) {
        struct ms_sealed sealed = ms_sealed_open(sealed_of(looking, entry->sequence));
        if (sealed.reading == MS_UNREADABLE)
            return false;
        if (sealed.reading != MS_NOT_READ && ms_sealed_tells(&sealed, attribute))
            return ms_sealed_values(&sealed, attribute, &looking->arena, values, count);
    }
    return load(looking, entry) && ms_object_get(&looking->object, attribute, values, count);
}

static bool get(void *user, const struct store_entry *entry, const struct ms_attribute *attribute,
                const struct span **values, size_t *count) {
    struct looking *looking = user;
    *count = 0;
    *values = NULL;
    looking->hindrance = (struct error){0};
    if (looking->sequence != entry->sequence) {
        leave(looking);
        looking->sequence = entry->sequence;
    }
    if (is_known(looking, attribute, values, count))
        return true;
    bool found = find(looking, entry, attribute, values, count);
    if (found)
        note(looking, attribute, *values, *count);
    else if (looking->arena.cap_hit || looking->arena.starved)
        error_set(&looking->hindrance, STORE_NO_MEMORY, "what is asked of an entry takes too much memory");
    return found;
}

static bool get_asked(void *user, const struct ms_attribute *attribute, const struct span **values,
                      size_t *count) {
    struct looking *looking = user;
    return get(looking, looking->asked.row, attribute, values, count);
}

bool looking_begin(struct looking *looking, struct view *view, uint32_t mailbox) {
    *looking = (struct looking){.view = view,
                                .mailbox = {.store = view->store,
                                            .mailbox = mailbox,
                                            .items = delivered_items,
                                            .get = get,
                                            .user = looking,
                                            .hindrance = &looking->hindrance,
                                            .work = &looking->work},
                                .work = view->question_work};
    arena_init(&looking->arena, MEMORY);
    arena_init(&looking->values, MEMORY);
    buf_init(&looking->octets, 0);
    looking->items = mem_alloc(sizeof *looking->items);
    return looking->items;
}

void looking_end(struct looking *looking) {
    leave(looking);
    mem_free(looking->items);
    buf_free(&looking->octets);
    arena_free(&looking->values);
    arena_free(&looking->arena);
}

struct ms_values looking_values(struct looking *looking, const struct store_entry *entry) {
    arena_reset(&looking->values);
    looking->asked = (struct ms_entry){.row = entry,
                                       .items = delivered_items(entry),
                                       .others = {get_asked, looking},
                                       .arena = &looking->values};
    return (struct ms_values){ms_entry_get, &looking->asked};
}

struct span looking_value(struct looking *looking, const struct store_entry *entry, const char *oid) {
    struct ms_values values = looking_values(looking, entry);
    const struct ms_attribute *attribute = ms_attribute_by_oid(span_of(oid, 4));
    const struct span *found = NULL;
    size_t count = 0;
    return values.get(values.user, attribute, &found, &count) && count ? found[0] : (struct span){NULL, 0};
}
