/*
 * What a filter can tell of the entries of a chunk by its columns. Each node
 * gives three sets: entries of which it may be true, may be false, may be
 * undefined. An item with a column of numbers tells for sure; of hashes and
 * texts only that it is not true. What has no column may be anything. So an
 * entry that is in the first set alone is selected, one that is not in the first
 * is not, and the others are decided on their rows (ms_filter_decide).
 */
#include "ms/columns.h"
#include "ms/columns_private.h"
#include "ms/entry.h"
#include "ms/filter_private.h"

enum { MAY_TRUE, MAY_FALSE, MAY_UNDEFINED, SETS };

struct sets {
    uint64_t of[SETS][MS_CHUNK_WORDS];
};

/* ---- which column an item asks ---- */

#define NO_COLUMN  STORE_COLUMNS
#define THE_STATUS (STORE_COLUMNS + 1) /* marks, above the status in the head */

static bool is(const struct ms_attribute *attribute, const char *oid) {
    return attribute->oid.len == 4 && !memcmp(attribute->oid.data, oid, 4);
}

static unsigned number_column(const struct ms_attribute *attribute) {
    return is(attribute, "\x56\x04\x03\x0B")                                        ? STORE_COLUMN_AT
           : is(attribute, "\x56\x04\x03\x17")                                      ? STORE_COLUMN_SUBMITTED
           : is(attribute, "\x56\x04\x03\x06")                                      ? STORE_COLUMN_SIZE
           : is(attribute, "\x56\x04\x03\x0F")                                      ? THE_STATUS
           : is(attribute, "\x56\x04\x03\x10") || is(attribute, "\x56\x04\x03\x1F") ? STORE_COLUMN_HEAD
                                                                                    : NO_COLUMN;
}

static unsigned hash_column(const struct ms_attribute *attribute) {
    return is(attribute, "\x56\x04\x03\x1B")   ? STORE_COLUMN_ORIGINATOR
           : is(attribute, "\x56\x04\x03\x13") ? STORE_COLUMN_MTS
           : is(attribute, "\x56\x01\x07\x01") ? STORE_COLUMN_IPM
           : is(attribute, "\x56\x01\x07\x03") ? STORE_COLUMN_REPLIED_TO
           : is(attribute, "\x56\x01\x07\x04") ? STORE_COLUMN_SUBJECT
                                               : NO_COLUMN;
}

static bool is_subject(const struct ms_attribute *attribute) {
    return is(attribute, "\x56\x01\x07\x04");
}

/* One that has it has a subject of which the column can't tell the text. */
static bool is_extended_subject(const struct ms_attribute *attribute) {
    return is(attribute, "\x56\x01\x07\x1E");
}

static bool by_rule(const struct item *item, enum ms_matching_rule rule) {
    return rule != MS_NO_MATCH && item->comparison == ms_comparison(rule);
}

/* Whether there is a value: a name that can't be hashed is one, so of names and identifiers no hash tells. */
static unsigned presence_column(const struct ms_attribute *attribute) {
    unsigned column = is_subject(attribute) ? STORE_COLUMN_SUBJECT_TEXT : number_column(attribute);
    return column == STORE_COLUMN_SUBMITTED || column == STORE_COLUMN_SIZE || column >= STORE_FIRST_HASH
               ? column
               : NO_COLUMN;
}

static unsigned column_of(const struct item *item) {
    const struct ms_attribute *attribute = item->attribute;
    if (item->problem != NO_PROBLEM)
        return NO_COLUMN;
    if (item->kind == ITEM_PRESENT)
        return presence_column(attribute);
    unsigned column = number_column(attribute);
    if (column != NO_COLUMN) /* other rules than these compare numbers otherwise */
        return item->kind != ITEM_MATCH || by_rule(item, attribute->equality) ? column : NO_COLUMN;
    if (item->kind == ITEM_MATCH && by_rule(item, attribute->equality))
        return hash_column(attribute);
    if (item->kind == ITEM_MATCH && by_rule(item, attribute->substrings) &&
        (is_subject(attribute) || is_extended_subject(attribute)))
        return STORE_COLUMN_SUBJECT_TEXT;
    return is(attribute, "\x56\x04\x03\x1B") && (by_rule(item, MS_OR_NAME_SUBSTRING_ELEMENTS_MATCH) ||
                                                 by_rule(item, MS_OR_NAME_ELEMENTS_MATCH))
               ? STORE_COLUMN_ORIGINATOR_TEXT
               : NO_COLUMN;
}

static void hash(const struct store *store, struct item *item) {
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct span hashed = ms_hashed(item->comparison->asserted, &item->asserted, &arena);
    item->hash = hashed.data ? store_column_hash(store, hashed) : STORE_UNKNOWN;
    arena_free(&arena);
}

unsigned ms_filter_columns(const struct store *store, const struct ms_filter *filter) {
    unsigned columns = 0;
    for (size_t i = 0; filter && i < filter->count; i++) {
        struct item *item = filter->nodes[i].item;
        unsigned column = item ? column_of(item) : NO_COLUMN;
        columns |= column == THE_STATUS ? 1u << STORE_COLUMN_HEAD : column < STORE_COLUMNS ? 1u << column : 0;
        if (column >= STORE_FIRST_HASH && column < STORE_FIRST_TEXT)
            hash(store, item);
    }
    return columns;
}

/* ---- what it says ---- */

enum says { NOT_TRUE, IS_TRUE, PERHAPS };

/* The number of an entry that the item compares; false: it has none, or only the row tells. */
static enum says number_at(const struct item *item, unsigned column, const struct ms_chunk *chunk,
                           size_t slot, int64_t *number) {
    const struct store_column_view *view = chunk->columns[column == THE_STATUS ? STORE_COLUMN_HEAD : column];
    uint64_t stored = view->numbers[slot];
    struct store_entry head;
    if (stored == STORE_NO_VALUE || stored == STORE_UNKNOWN)
        return stored == STORE_UNKNOWN ? PERHAPS : NOT_TRUE;
    if (column != STORE_COLUMN_HEAD && column != THE_STATUS) {
        int64_t value = (int64_t)(stored - (UINT64_C(1) << 62));
        *number = column == STORE_COLUMN_AT ? value / 1000000 - (value % 1000000 < 0) : value;
        return IS_TRUE;
    }
    store_head_of(stored, &head);
    bool priority = item->attribute->oid.data[3] == 31;
    *number = column == THE_STATUS
                  ? ms_status_number(head.status |
                                     store_status_in(chunk->marks, chunk->number * STORE_CHUNK + slot))
              : priority ? head.priority
                         : head.type;
    return priority && (head.priority == MS_NO_PRIORITY || !head.known) ? PERHAPS : IS_TRUE;
}

static enum says says_number(const struct item *item, unsigned column, const struct ms_chunk *chunk,
                             size_t slot) {
    struct ms_operand stored = {0};
    enum says has = number_at(item, column, chunk, slot, &stored.number);
    if (has != IS_TRUE || item->kind == ITEM_PRESENT)
        return has;
    return item->kind == ITEM_MATCH        ? item->comparison->matches(&item->asserted, &stored)
           : item->kind == ITEM_NOT_BEFORE ? item->comparison->order(&item->asserted, &stored) >= 0
                                           : item->comparison->order(&item->asserted, &stored) <= 0;
}

/* Each value of the asserted name is within one of the other's. */
static bool may_include(const struct item *item, struct span text) {
    const struct oraddress *address = &item->asserted.name.address;
    for (size_t i = 0; i < address->count; i++) {
        struct span part = address->items[i].key;
        if (part.len && (!text.data || !memmem(text.data, text.len, part.data, part.len)))
            return false;
    }
    return true;
}

static enum says says_text(const struct item *item, unsigned column, const struct store_column_view *view,
                           size_t slot) {
    struct ms_operand stored = {.text = view->texts[slot]};
    if (view->numbers[slot] == STORE_UNKNOWN)
        return PERHAPS;
    if (item->kind == ITEM_PRESENT)
        return stored.text.data ? IS_TRUE : NOT_TRUE;
    if (is_extended_subject(item->attribute))
        return NOT_TRUE;
    if (column == STORE_COLUMN_ORIGINATOR_TEXT)
        return may_include(item, stored.text) ? PERHAPS : NOT_TRUE;
    return stored.text.data && item->comparison->matches(&item->asserted, &stored) ? IS_TRUE : NOT_TRUE;
}

static void set(struct sets *sets, size_t slot, enum says says) {
    uint64_t bit = UINT64_C(1) << (slot % 64);
    if (says != NOT_TRUE)
        sets->of[MAY_TRUE][slot / 64] |= bit;
    if (says != IS_TRUE)
        sets->of[MAY_FALSE][slot / 64] |= bit;
}

static void scan_hashes(const struct item *item, const struct store_column_view *view, struct sets *sets) {
    for (size_t i = 0; i < STORE_CHUNK; i++) {
        uint64_t stored = view->numbers[i];
        bool perhaps = stored == item->hash || stored == STORE_UNKNOWN || item->hash == STORE_UNKNOWN;
        set(sets, i, perhaps ? PERHAPS : NOT_TRUE);
    }
}

/* Whether the longest part stands nowhere in the texts of the chunk: a look at all of them at once. */
static bool is_nowhere(const struct item *item, const struct store_column_view *view) {
    struct span longest = {NULL, 0};
    for (size_t i = 0; i < item->asserted.count; i++)
        if (item->asserted.texts[i].len > longest.len)
            longest = item->asserted.texts[i];
    return longest.len &&
           (longest.len > view->all.len || !memmem(view->all.data, view->all.len, longest.data, longest.len));
}

static void scan_texts(const struct item *item, unsigned column, const struct store_column_view *view,
                       struct sets *sets) {
    bool none = column == STORE_COLUMN_SUBJECT_TEXT && item->kind == ITEM_MATCH && is_nowhere(item, view);
    for (size_t i = 0; i < STORE_CHUNK; i++)
        set(sets, i,
            !none                               ? says_text(item, column, view, i)
            : view->numbers[i] == STORE_UNKNOWN ? PERHAPS
                                                : NOT_TRUE);
}

static void fill(struct sets *sets, int which) {
    memset(sets->of[which], 0xFF, sizeof sets->of[which]);
}

static void scan_item(const struct item *item, const struct ms_chunk *chunk, struct sets *sets) {
    unsigned column = column_of(item), stored = column == THE_STATUS ? STORE_COLUMN_HEAD : column;
    if (item->problem != NO_PROBLEM) {
        fill(sets, MAY_UNDEFINED);
    } else if (column == NO_COLUMN || !chunk->columns[stored] || (column == THE_STATUS && !chunk->marks)) {
        fill(sets, MAY_TRUE);
        fill(sets, MAY_FALSE);
    } else if (stored >= STORE_FIRST_TEXT) {
        scan_texts(item, column, chunk->columns[stored], sets);
    } else if (stored >= STORE_FIRST_HASH) {
        scan_hashes(item, chunk->columns[stored], sets);
    } else {
        for (size_t i = 0; i < STORE_CHUNK; i++)
            set(sets, i, says_number(item, column, chunk, i));
    }
}

/* ---- what joins others ---- */

static void join(enum node_kind kind, struct sets *whole, const struct sets *part) {
    int meet = kind == NODE_AND ? MAY_TRUE : MAY_FALSE, either = kind == NODE_AND ? MAY_FALSE : MAY_TRUE;
    for (size_t i = 0; i < MS_CHUNK_WORDS; i++) {
        whole->of[meet][i] &= part->of[meet][i];
        whole->of[either][i] |= part->of[either][i];
        whole->of[MAY_UNDEFINED][i] |= part->of[MAY_UNDEFINED][i];
    }
}

/* A tree is at most MS_FILTER_DEPTH deep. Gives the index behind the node. */
static size_t scan_node(const struct ms_filter *filter, size_t at, const struct ms_chunk *chunk,
                        struct sets *sets) {
    const struct node *node = &filter->nodes[at];
    memset(sets, 0, sizeof *sets);
    if (node->kind == NODE_ITEM) {
        scan_item(node->item, chunk, sets);
        return at + 1;
    }
    fill(sets, node->kind == NODE_OR ? MAY_FALSE : MAY_TRUE);
    for (size_t next = at + 1; next < node->end;) {
        struct sets part;
        next = scan_node(filter, next, chunk, &part);
        if (node->kind == NODE_NOT) {
            memcpy(sets->of[MAY_TRUE], part.of[MAY_FALSE], sizeof part.of[0]);
            memcpy(sets->of[MAY_FALSE], part.of[MAY_TRUE], sizeof part.of[0]);
            memcpy(sets->of[MAY_UNDEFINED], part.of[MAY_UNDEFINED], sizeof part.of[0]);
        } else
            join(node->kind, sets, &part);
    }
    return node->end;
}

void ms_filter_scan(const struct ms_filter *filter, const struct ms_chunk *chunk,
                    struct ms_candidates *candidates) {
    struct sets sets = {{{0}}};
    if (filter && filter->count)
        scan_node(filter, 0, chunk, &sets);
    else
        fill(&sets, MAY_TRUE);
    for (size_t i = 0; i < MS_CHUNK_WORDS; i++) {
        candidates->true_of[i] = sets.of[MAY_TRUE][i];
        candidates->other_of[i] = sets.of[MAY_FALSE][i] | sets.of[MAY_UNDEFINED][i];
    }
}
