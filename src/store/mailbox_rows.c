/* Rows of mailboxes: records named by mailbox and number, both with the highest octet first, and the row's
 * name; before the data a checksum of all of it. */
#include "store/mailbox_rows_private.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/reader.h"
#include "store/batch_private.h"

#define KEY  12 /* octets of mailbox and number */
#define PAGE 256

struct key {
    uint8_t octets[KEY + STORE_ROW_NAME_MOST + 1];
    size_t len;
};

static struct span name_of(struct key *key, uint32_t mailbox, uint64_t number, struct span name) {
    for (size_t i = 0; i < 4; i++)
        key->octets[i] = (uint8_t)(mailbox >> (24 - 8 * i));
    for (size_t i = 0; i < 8; i++)
        key->octets[4 + i] = (uint8_t)(number >> (56 - 8 * i));
    if (name.len)
        memcpy(key->octets + KEY, name.data, name.len);
    key->len = KEY + name.len;
    return span_of(key->octets, key->len);
}

static uint64_t sum_of(uint32_t kind, struct span name, struct span data) {
    const int64_t number = kind;
    const struct span spans[] = {name, data};
    return store_sum(&number, 1, spans, 2);
}

/* ---- writing ---- */

bool store_put_row(struct store_batch *batch, const struct store_row *row) {
    struct key key;
    struct buf data;
    uint32_t kind = ROWS_KIND + row->kind;
    if (row->name.len > STORE_ROW_NAME_MOST || row->data.len > STORE_ROW_DATA_MOST)
        return false;
    struct span name = name_of(&key, row->mailbox, row->number, row->name);
    buf_init(&data, 0);
    bool done = buf_append_u64(&data, sum_of(kind, name, row->data)) && buf_append_span(&data, row->data) &&
                store_put_record(batch, kind, name, buf_span(&data));
    buf_free(&data);
    return done;
}

bool store_drop_row(struct store_batch *batch, const struct store_row *row) {
    struct key key;
    return row->name.len <= STORE_ROW_NAME_MOST &&
           store_remove_record(batch, ROWS_KIND + row->kind,
                               name_of(&key, row->mailbox, row->number, row->name));
}

/* ---- reading ---- */

static bool open_row(uint32_t kind, struct span name, struct span stored, struct store_row *row) {
    struct reader key = reader_of(name), data = reader_of(stored);
    *row = (struct store_row){.kind = (enum store_row_kind)(kind - ROWS_KIND)};
    row->mailbox = reader_u32(&key);
    row->number = reader_u64(&key);
    row->name = reader_take(&key, reader_left(&key));
    uint64_t sum = reader_u64(&data);
    row->data = reader_take(&data, reader_left(&data));
    row->damaged = key.failed || data.failed || sum != sum_of(kind, name, row->data);
    if (row->damaged)
        row->data = (struct span){NULL, 0};
    return !row->damaged;
}

bool store_get_row(struct store *store, const struct store_row *row, struct buf *data, struct error *err) {
    struct key key;
    struct store_row found;
    struct buf stored;
    uint32_t kind = ROWS_KIND + row->kind;
    struct span name = name_of(&key, row->mailbox, row->number, row->name);
    buf_init(&stored, 0);
    bool done = store_get_record(store, kind, name, &stored, err) &&
                (open_row(kind, name, buf_span(&stored), &found) ||
                 error_set(err, STORE_CORRUPT, "row %u.%u.%" PRIu64 " is not what was stored",
                           (unsigned)row->kind, (unsigned)row->mailbox, row->number)) &&
                (buf_append_span(data, found.data) || store_no_memory(store, err));
    buf_free(&stored);
    return done;
}

struct page {
    uint32_t kind;
    store_row_cb *cb;
    void *context;
    size_t given;
    bool stopped;
    struct key last;
};

static bool give(void *context, struct span name, struct span data) {
    struct page *page = context;
    struct store_row row;
    open_row(page->kind, name, data, &row);
    page->given++;
    page->last.len = name.len < sizeof page->last.octets ? name.len : sizeof page->last.octets - 1;
    memcpy(page->last.octets, name.data, page->last.len);
    page->stopped = !page->cb(page->context, &row);
    return !page->stopped;
}

bool store_each_row(struct store *store, enum store_row_kind kind, uint32_t mailbox, uint64_t first,
                    uint64_t last, store_row_cb *cb, void *context, struct error *err) {
    static const struct span none = {NULL, 0};
    struct page page = {.kind = ROWS_KIND + kind, .cb = cb, .context = context};
    struct key end;
    struct span from = name_of(&page.last, mailbox, first, none),
                to = last < UINT64_MAX ? name_of(&end, mailbox, last + 1, none)
                                       : name_of(&end, mailbox + 1, 0, none);
    do {
        page.given = 0;
        if (!store_in_time(store, err) ||
            !store->engine->each_record_in(store, page.kind, from, to, PAGE, give, &page, err))
            return false;
        page.last.octets[page.last.len] = 0; /* the first name behind it */
        from = span_of(page.last.octets, page.last.len + 1);
    } while (page.given == PAGE && !page.stopped);
    return true;
}

/* ---- dropping many ---- */

struct dropping {
    struct store_batch *batch;
    size_t left;
    bool more, failed;
};

static bool drop_one(void *context, const struct store_row *row) {
    struct dropping *dropping = context;
    dropping->more = !dropping->left;
    if (dropping->more)
        return false;
    dropping->left--;
    dropping->failed = !store_drop_row(dropping->batch, row);
    return !dropping->failed;
}

bool store_drop_rows(struct store_batch *batch, enum store_row_kind kind, uint32_t mailbox, uint64_t first,
                     uint64_t last, size_t most, bool *more, struct error *err) {
    struct store *store = batch->store;
    struct dropping dropping = {.batch = batch, .left = most};
    enum store_row_kind from = kind ? kind : (enum store_row_kind)1, end = kind ? kind : STORE_ROW_KINDS - 1;
    for (enum store_row_kind i = from; i <= end && !dropping.more; i++)
        if (!store_each_row(store, i, mailbox, first, last, drop_one, &dropping, err))
            return false;
    *more = dropping.more;
    return !dropping.failed || store_no_memory(store, err);
}

/* ---- the check ---- */

struct rows_look {
    struct store *store;
    struct check_report *report;
    rows_drop *drop;
    void *context;
    struct error err;
    struct map mailboxes;
    uint32_t kind;
};

static bool note_mailbox(void *context, uint32_t mailbox, struct span name, uint64_t next) {
    struct rows_look *look = context;
    (void)name, (void)next;
    return map_at(&look->mailboxes, mailbox) || store_no_memory(look->store, &look->err);
}

static bool look_at_row(void *context, struct span name, struct span data) {
    struct rows_look *look = context;
    struct store_row row;
    char text[120];
    bool sound = open_row(look->kind, name, data, &row), there = map_find(&look->mailboxes, row.mailbox);
    if (sound && there)
        return true;
    snprintf(text, sizeof text, "mailbox %u: row %u.%" PRIu64 " %s", (unsigned)row.mailbox,
             (unsigned)row.kind, row.number, there ? "is not what was stored" : "is of no mailbox");
    check_report(look->report, 19, look->report->repair ? "it was removed" : NULL, text);
    return !look->report->repair || look->drop(look->context, look->kind, name, &look->err);
}

bool rows_check(struct store *store, struct check_report *report, rows_drop *drop, void *context,
                struct error *err) {
    struct rows_look look = {.store = store, .report = report, .drop = drop, .context = context};
    bool done = store->engine->each_mailbox(store, note_mailbox, &look, err);
    for (look.kind = ROWS_KIND + 1; done && rows_is_kind(look.kind) && !look.err.code; look.kind++)
        done = store->engine->each_record(store, look.kind, look_at_row, &look, err);
    map_free(&look.mailboxes);
    return done && store_passed(&look.err, err);
}
