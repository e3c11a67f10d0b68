#include "ms/select.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "ms/columns.h"

#define MEMORY ((size_t)16 << 20) /* for one entry */

/* An entry that is to be ordered. */
struct key {
    uint64_t sequence;
    int64_t number;
    struct span text;
};

struct scan {
    const struct ms_mailbox *mailbox;
    const struct ms_selection *selection;
    ms_select_cb *cb;
    void *context;
    struct arena row, values, scratch, keys;
    unsigned columns;       /* that the filter asks */
    enum store_column lead; /* the one that chunks are walked by */
    uint64_t first, last;   /* numbers: the selection's, or a part of them; `last` 0: to the end */
    uint64_t at;            /* the first number that was not looked at */
    uint64_t given, next, undecided;
    bool decided;      /* the filter is true of the entry, as its columns say */
    bool ended;        /* nothing more of them is to be looked at */
    bool stopped;      /* by the callback */
    struct buf sorted; /* struct key */
    struct error err;
    struct buf octets[STORE_COLUMNS];
    struct store_column_view *views; /* of all columns */
};

/* ---- one entry ---- */

struct asked {
    const struct ms_mailbox *mailbox;
    const struct store_entry *entry;
};

static bool get_other(void *user, const struct ms_attribute *attribute, const struct span **values,
                      size_t *count) {
    const struct asked *asked = user;
    return asked->mailbox->get(asked->mailbox->user, asked->entry, attribute, values, count);
}

static enum ms_verdict decide(struct scan *scan, const struct store_entry *entry) {
    struct asked asked = {scan->mailbox, entry};
    struct ms_entry values = {.row = entry,
                              .items = scan->mailbox->items(entry),
                              .others = {scan->mailbox->get ? get_other : NULL, &asked},
                              .arena = &scan->values};
    arena_reset(&scan->values);
    return ms_filter_decide(scan->selection->filter,
                            &(struct ms_values){ms_entry_get, &values, scan->mailbox->work}, &scan->scratch);
}

static bool is_short(const struct arena *arena) {
    return arena->cap_hit || arena->starved;
}

/* Not what is asked hinders, but the store or memory: then nothing can be said of the whole. */
static bool is_hindered(struct scan *scan) {
    const struct error *hindrance = scan->mailbox->hindrance;
    if (scan->mailbox->work && !*scan->mailbox->work)
        error_set(&scan->err, STORE_IO, "the filter takes too much work with these entries");
    else if (hindrance && hindrance->code)
        scan->err = *hindrance;
    else if (is_short(&scan->values) || is_short(&scan->scratch))
        error_set(&scan->err, STORE_NO_MEMORY, "what a filter asks of an entry takes too much memory");
    return scan->err.code;
}

static bool is_unread(const struct ms_selection *selection, unsigned status, unsigned flags) {
    return !selection->unread || status != STORE_PROCESSED || flags & selection->unread_flags;
}

static bool is_within(const struct scan *scan, const struct store_entry *entry) {
    const struct ms_selection *selection = scan->selection;
    return is_unread(selection, entry->status, entry->flags) &&
           selection->classes >> entry->entry_class & 1 && entry->sequence >= scan->first &&
           (!scan->last || entry->sequence <= scan->last) && (selection->children || !entry->parent) &&
           (!selection->by_time || (entry->at >= selection->from && entry->at <= selection->to));
}

static struct span text_key(struct scan *scan, const struct store_entry *entry, enum store_column column) {
    struct ms_deriving deriving = {.store = scan->mailbox->store, .items = scan->mailbox->items};
    struct store_columns columns = {{0}, {{NULL, 0}}};
    struct span text = {NULL, 0};
    arena_init(&deriving.arena, MEMORY);
    if (ms_derive(&deriving, entry, &columns) && columns.texts[column - STORE_FIRST_TEXT].data)
        text = arena_dup(&scan->keys, columns.texts[column - STORE_FIRST_TEXT]);
    arena_free(&deriving.arena);
    return text;
}

static int64_t size_key(struct scan *scan, const struct store_entry *entry) {
    struct ms_deriving deriving = {.store = scan->mailbox->store, .items = scan->mailbox->items};
    struct store_columns columns = {{0}, {{NULL, 0}}};
    arena_init(&deriving.arena, MEMORY);
    bool done = ms_derive(&deriving, entry, &columns);
    arena_free(&deriving.arena);
    return done ? (int64_t)columns.numbers[STORE_COLUMN_SIZE] : 0;
}

static bool note_key(struct scan *scan, const struct store_entry *entry) {
    struct key key = {.sequence = entry->sequence};
    enum ms_order order = scan->selection->order;
    if (order == MS_BY_SUBJECT || order == MS_BY_ORIGINATOR)
        key.text = text_key(
            scan, entry, order == MS_BY_SUBJECT ? STORE_COLUMN_SUBJECT_TEXT : STORE_COLUMN_ORIGINATOR_TEXT);
    key.number = order == MS_BY_CREATION   ? entry->at
                 : order == MS_BY_PRIORITY ? entry->priority
                 : order == MS_BY_SIZE     ? size_key(scan, entry)
                                           : 0;
    if (!buf_append(&scan->sorted, &key, sizeof key))
        error_set(&scan->err, STORE_NO_MEMORY, "out of memory");
    return !scan->err.code;
}

static bool is_sorted(const struct ms_selection *selection) {
    return selection->order != MS_BY_NUMBER || selection->down;
}

/* The entry is selected. */
static bool give(struct scan *scan, const struct store_entry *entry) {
    if (is_sorted(scan->selection))
        return note_key(scan, entry);
    if (scan->selection->limit && scan->given == scan->selection->limit) {
        scan->next = entry->sequence;
        return false;
    }
    scan->given++;
    return scan->cb(scan->context, entry);
}

static bool look_at(void *context, const struct store_entry *entry) {
    struct scan *scan = context;
    if (scan->last && entry->sequence > scan->last) {
        scan->ended = true;
        return false;
    }
    if (!is_within(scan, entry))
        return true;
    enum ms_verdict verdict = entry->damaged ? scan->selection->damaged ? MS_TRUE : MS_UNDECIDED
                              : scan->decided || !scan->selection->filter ? MS_TRUE
                                                                          : decide(scan, entry);
    bool undecided = verdict == MS_UNDECIDED;
    scan->undecided += undecided;
    scan->ended =
        (verdict == MS_TRUE && !give(scan, entry)) || (undecided && !entry->damaged && is_hindered(scan));
    return !scan->ended;
}

/* ---- rows, from the first that was not looked at ---- */

struct rows {
    struct scan *scan;
    uint64_t end;
};

static bool look_at_row(void *context, const struct store_entry *entry) {
    struct rows *rows = context;
    return entry->sequence < rows->end && look_at(rows->scan, entry);
}

/* True: it goes on behind them. */
static bool look_at_rows(struct scan *scan, uint64_t end) {
    struct rows rows = {scan, end};
    bool done = scan->ended || scan->at >= end ||
                store_each_entry(scan->mailbox->store, scan->mailbox->mailbox, scan->at ? scan->at - 1 : 0, 0,
                                 look_at_row, &rows, &scan->err);
    scan->at = end;
    return done && !scan->err.code && !scan->ended;
}

/* ---- chunks ---- */

static bool open_others(struct scan *scan, struct ms_chunk *chunk) {
    for (unsigned i = 0; i < STORE_COLUMNS; i++) {
        if (i == scan->lead || !(scan->columns >> i & 1))
            continue;
        buf_clear(&scan->octets[i]);
        if (!store_get_column(scan->mailbox->store, scan->mailbox->mailbox, (enum store_column)i,
                              chunk->number, &scan->octets[i], &scan->err))
            return false;
        if (store_column_open(buf_span(&scan->octets[i]), (enum store_column)i, &scan->views[i]))
            chunk->columns[i] = &scan->views[i];
    }
    return true;
}

static bool look_at_one(struct scan *scan, uint64_t sequence) {
    struct error err = {0};
    struct store_entry entry;
    arena_reset(&scan->row); /* the others are reset for the filter */
    if (store_get_entry(scan->mailbox->store, scan->mailbox->mailbox, sequence, &scan->row, &entry, &err))
        return look_at(scan, &entry);
    if (err.code == STORE_CORRUPT)
        return store_each_entry(scan->mailbox->store, scan->mailbox->mailbox, sequence - 1, 1, look_at, scan,
                                &scan->err) &&
               !scan->ended && !scan->err.code;
    if (err.code != STORE_NOT_FOUND)
        scan->err = err;
    return !scan->err.code;
}

static unsigned count(const uint64_t *words) {
    unsigned bits = 0;
    for (size_t i = 0; i < MS_CHUNK_WORDS; i++)
        bits += (unsigned)__builtin_popcountll(words[i]);
    return bits;
}

static bool has(const uint64_t *words, uint64_t sequence) {
    return words[sequence % STORE_CHUNK / 64] >> (sequence % 64) & 1;
}

static bool look_at_each(struct scan *scan, uint64_t number, const struct ms_candidates *candidates) {
    for (unsigned i = 0; i < STORE_CHUNK; i++) {
        uint64_t sequence = number * STORE_CHUNK + i;
        if (!has(candidates->true_of, sequence) || sequence < scan->at)
            continue;
        scan->decided = !has(candidates->other_of, sequence);
        bool goes_on = look_at_one(scan, sequence);
        scan->decided = false;
        if (!goes_on)
            return false;
    }
    return true;
}

/* So many of a chunk are read one after the other. */
#define MANY 8

struct candidate_rows {
    struct scan *scan;
    uint64_t end;
    const struct ms_candidates *candidates;
};

static bool look_at_candidate(void *context, const struct store_entry *entry) {
    struct candidate_rows *rows = context;
    if (entry->sequence >= rows->end)
        return false;
    if (!has(rows->candidates->true_of, entry->sequence))
        return true;
    rows->scan->decided = !has(rows->candidates->other_of, entry->sequence);
    bool goes_on = look_at(rows->scan, entry);
    rows->scan->decided = false;
    return goes_on;
}

static bool walk_candidates(struct scan *scan, uint64_t number, const struct ms_candidates *candidates) {
    struct candidate_rows rows = {scan, (number + 1) * STORE_CHUNK, candidates};
    return store_each_entry(scan->mailbox->store, scan->mailbox->mailbox, scan->at ? scan->at - 1 : 0,
                            STORE_CHUNK, look_at_candidate, &rows, &scan->err) &&
           !scan->err.code && !scan->ended;
}

/* The slots whose numbers, times or marks leave them out are no candidates. */
static void bound(const struct scan *scan, const struct ms_chunk *chunk, struct ms_candidates *candidates) {
    const struct ms_selection *selection = scan->selection;
    const struct store_column_view *at = selection->by_time ? chunk->columns[STORE_COLUMN_AT] : NULL;
    for (unsigned i = 0; i < STORE_CHUNK; i++) {
        uint64_t sequence = chunk->number * STORE_CHUNK + i;
        int64_t time = at ? (int64_t)(at->numbers[i] - (UINT64_C(1) << 62)) : 0;
        bool out = sequence < scan->at || (scan->last && sequence > scan->last) ||
                   (at && (time < selection->from || time > selection->to)) ||
                   (selection->unread && chunk->marks &&
                    !is_unread(selection, store_status_in(chunk->marks, sequence),
                               store_flags_in(chunk->marks, sequence)));
        if (out)
            candidates->true_of[i / 64] &= ~(UINT64_C(1) << i % 64);
    }
}

static bool look_at_candidates(struct scan *scan, const struct ms_chunk *chunk) {
    struct ms_candidates candidates;
    ms_filter_scan(scan->selection->filter, chunk, &candidates);
    bound(scan, chunk, &candidates);
    if (count(candidates.true_of) && scan->columns != 1u << scan->lead) {
        struct ms_chunk more = *chunk;
        if (!open_others(scan, &more))
            return false;
        ms_filter_scan(scan->selection->filter, &more, &candidates);
        bound(scan, &more, &candidates);
    }
    return count(candidates.true_of) < MANY ? look_at_each(scan, chunk->number, &candidates)
                                            : walk_candidates(scan, chunk->number, &candidates);
}

/* What has no column, or a damaged one, is gone through row by row. */
static bool look_at_chunk(void *context, uint64_t number, struct span octets) {
    struct scan *scan = context;
    uint64_t first = number * STORE_CHUNK, end = first + STORE_CHUNK;
    struct store_marks marks;
    struct ms_chunk chunk = {.number = number, .marks = &marks};
    if (scan->ended || (scan->last && first > scan->last) ||
        !look_at_rows(scan, scan->at > first ? scan->at : first))
        return false;
    if (!store_column_open(octets, scan->lead, &scan->views[scan->lead]))
        return look_at_rows(scan, end);
    chunk.columns[scan->lead] = &scan->views[scan->lead];
    if ((scan->columns & 1u << STORE_COLUMN_HEAD) &&
        !store_get_marks(scan->mailbox->store, scan->mailbox->mailbox, first / 4096, &marks, &scan->err))
        return false;
    if (!(scan->columns & 1u << STORE_COLUMN_HEAD))
        chunk.marks = NULL;
    bool goes_on = look_at_candidates(scan, &chunk) && !scan->ended;
    scan->at = end;
    return goes_on;
}

/* The column that tells most apart, and costs least to read. */
static enum store_column lead_of(unsigned columns) {
    for (unsigned i = STORE_FIRST_HASH; i < STORE_FIRST_TEXT; i++)
        if (columns >> i & 1)
            return (enum store_column)i;
    for (unsigned i = 0; i < STORE_COLUMNS; i++)
        if (columns >> i & 1)
            return (enum store_column)i;
    return STORE_COLUMNS;
}

static bool look_at_all(struct scan *scan) {
    scan->at = scan->first;
    scan->ended = false;
    scan->lead = lead_of(scan->columns);
    if (scan->lead != STORE_COLUMNS &&
        (!store_each_column(scan->mailbox->store, scan->mailbox->mailbox, scan->lead, scan->at / STORE_CHUNK,
                            look_at_chunk, scan, &scan->err) ||
         scan->err.code))
        return false;
    if (!scan->ended)
        look_at_rows(scan, UINT64_MAX);
    return !scan->err.code;
}

/* ---- another order ---- */

static int in_order(const void *a, const void *b) {
    const struct key *x = a, *y = b;
    int order = (x->number > y->number) - (x->number < y->number);
    if (!order)
        order = span_cmp(x->text, y->text);
    return order ? order : (x->sequence > y->sequence) - (x->sequence < y->sequence);
}

static int by_number(const void *a, const void *b) {
    const struct key *x = a, *y = b;
    return (x->sequence > y->sequence) - (x->sequence < y->sequence);
}

/* Of equals the lower number is first that way too. */
static int down(const void *a, const void *b) {
    const struct key *x = a, *y = b;
    int order = (x->number < y->number) - (x->number > y->number);
    if (!order)
        order = -span_cmp(x->text, y->text);
    return order ? order : by_number(a, b);
}

static int numbers_down(const void *a, const void *b) {
    return -by_number(a, b);
}

static bool give_sorted(struct scan *scan) {
    struct key *keys = (struct key *)(void *)scan->sorted.data;
    size_t count = scan->sorted.len / sizeof *keys, limit = scan->selection->limit;
    if (count)
        qsort(keys, count, sizeof *keys,
              !scan->selection->down                   ? in_order
              : scan->selection->order == MS_BY_NUMBER ? numbers_down
                                                       : down);
    for (size_t i = 0; i < count; i++) {
        struct error err = {0};
        struct store_entry entry;
        if (limit && scan->given == limit) {
            scan->next = keys[i].sequence;
            break;
        }
        arena_reset(&scan->values);
        if (store_get_entry(scan->mailbox->store, scan->mailbox->mailbox, keys[i].sequence, &scan->values,
                            &entry, &err)) {
            scan->given++;
            scan->stopped = !scan->cb(scan->context, &entry);
            if (scan->stopped)
                break;
        } else if (err.code != STORE_NOT_FOUND && err.code != STORE_CORRUPT)
            return error_set(&scan->err, err.code, "%s", err.text);
    }
    return true;
}

/* ---- from the highest number down ---- */

#define CHUNKS_MOST 64 /* that are looked at before any of them is given */

static bool select_part(struct scan *scan, uint64_t first, uint64_t last) {
    scan->first = first;
    scan->last = last;
    buf_clear(&scan->sorted);
    arena_reset(&scan->keys);
    return look_at_all(scan) && give_sorted(scan);
}

/* Chunk by chunk, of which more are taken together where few entries are selected. */
static bool select_down(struct scan *scan) {
    const struct ms_selection *selection = scan->selection;
    uint64_t last, chunks = 1;
    if (!store_last_entry(scan->mailbox->store, scan->mailbox->mailbox, &last, &scan->err))
        return false;
    if (selection->last && selection->last < last)
        last = selection->last;
    while (last && last >= selection->first && !scan->next && !scan->stopped) {
        uint64_t chunk = last / STORE_CHUNK, first = chunk >= chunks ? (chunk + 1 - chunks) * STORE_CHUNK : 1,
                 given = scan->given;
        if (first < selection->first)
            first = selection->first;
        if (!select_part(scan, first, last))
            return false;
        chunks = scan->given - given < MANY && chunks < CHUNKS_MOST ? 2 * chunks : chunks;
        last = first ? first - 1 : 0;
    }
    return true;
}

static bool select_any(struct scan *scan) {
    if (scan->selection->down && scan->selection->order == MS_BY_NUMBER)
        return select_down(scan);
    return look_at_all(scan) && (!is_sorted(scan->selection) || give_sorted(scan));
}

bool ms_select(const struct ms_mailbox *mailbox, const struct ms_selection *selection, ms_select_cb *cb,
               void *context, uint64_t *next, uint64_t *undecided, struct error *err) {
    struct scan scan = {.mailbox = mailbox,
                        .selection = selection,
                        .cb = cb,
                        .context = context,
                        .first = selection->first,
                        .last = selection->last};
    scan.columns = ms_filter_columns(mailbox->store, selection->filter) |
                   (selection->unread ? 1u << STORE_COLUMN_HEAD : 0) |
                   (selection->by_time ? 1u << STORE_COLUMN_AT : 0);
    arena_init(&scan.row, SIZE_MAX);
    arena_init(&scan.values, MEMORY);
    arena_init(&scan.scratch, MEMORY);
    arena_init(&scan.keys, SIZE_MAX);
    buf_init(&scan.sorted, 0);
    for (size_t i = 0; i < STORE_COLUMNS; i++)
        buf_init(&scan.octets[i], 0);
    scan.views = scan.columns ? mem_alloc(STORE_COLUMNS * sizeof *scan.views) : NULL;
    if (scan.columns && !scan.views)
        scan.columns = 0; /* row by row */
    bool done = select_any(&scan);
    *next = scan.next;
    *undecided = scan.undecided;
    mem_free(scan.views);
    for (size_t i = 0; i < STORE_COLUMNS; i++)
        buf_free(&scan.octets[i]);
    buf_free(&scan.sorted);
    arena_free(&scan.keys);
    arena_free(&scan.scratch);
    arena_free(&scan.values);
    arena_free(&scan.row);
    return done || error_set(err, scan.err.code, "%s", scan.err.text);
}
