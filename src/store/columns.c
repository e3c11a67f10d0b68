/* Columns: how they are written, opened and compared with the rows that they were made of. */
#include "store/columns_private.h"

#include <endian.h>

#define PRESENT   (UINT64_C(1) << 63)
#define TEXT_MOST 1000
/* Of a text's length: it was cut; there is none; it can't be told. */
#define TEXT_CUT     0x4000
#define TEXT_NONE    0x8000
#define TEXT_UNKNOWN 0x8001

uint64_t store_column_hash(const struct store *store, struct span value) {
    uint64_t hash = store_hash(store, value);
    return hash > STORE_UNKNOWN ? hash : hash + 2;
}

void store_head_of(uint64_t number, struct store_entry *entry) {
    entry_set_head(entry, (int64_t)(number & ~PRESENT));
}

/* A plain sum, against accidents: each look at a column begins with it, over all its octets. */
static uint64_t column_sum(struct span octets, uint64_t column) {
    uint64_t sum = (column + octets.len) * UINT64_C(0x9E3779B97F4A7C15) + 1, word;
    size_t at = 0;
    for (; at + 8 <= octets.len; at += 8) {
        memcpy(&word, octets.data + at, sizeof word);
        sum = (sum ^ le64toh(word)) * UINT64_C(0xD6E8FEB86659FD93);
        sum ^= sum >> 32;
    }
    for (; at < octets.len; at++)
        sum = (sum ^ octets.data[at]) * UINT64_C(0xD6E8FEB86659FD93);
    return sum ^ sum >> 32;
}

/* ---- writing ---- */

static bool put_number(struct buf *out, uint64_t number) {
    uint64_t little = htole64(number);
    return buf_append(out, &little, sizeof little);
}

static void put_length(struct buf *out, uint16_t length) {
    uint16_t little = htole16(length);
    buf_append(out, &little, sizeof little);
}

static uint16_t length_of(struct span text, bool unknown) {
    return unknown                 ? TEXT_UNKNOWN
           : !text.data            ? TEXT_NONE
           : text.len <= TEXT_MOST ? (uint16_t)text.len
                                   : TEXT_CUT | TEXT_MOST;
}

bool columns_begin(struct columns *columns) {
    for (size_t i = 0; i < STORE_COLUMNS; i++)
        buf_init(&columns->octets[i], 0);
    for (size_t i = 0; i < STORE_COLUMNS - STORE_FIRST_TEXT; i++)
        buf_init(&columns->texts[i], 0);
    columns->slots = 0;
    return true;
}

void columns_free(struct columns *columns) {
    for (size_t i = 0; i < STORE_COLUMNS; i++)
        buf_free(&columns->octets[i]);
    for (size_t i = 0; i < STORE_COLUMNS - STORE_FIRST_TEXT; i++)
        buf_free(&columns->texts[i]);
}

static void put_text(struct columns *columns, size_t text, struct span octets, bool unknown) {
    put_length(&columns->octets[STORE_FIRST_TEXT + text], length_of(octets, unknown));
    if (!unknown && octets.data)
        buf_append_span(&columns->texts[text],
                        span_sub(octets, 0, octets.len < TEXT_MOST ? octets.len : TEXT_MOST));
}

/* NULL: there is no such entry. */
static void put_slot(struct columns *columns, const struct store_entry *entry,
                     const struct store_columns *values) {
    for (size_t i = 0; i < STORE_FIRST_TEXT; i++)
        put_number(&columns->octets[i], !entry                   ? 0
                                        : i == STORE_COLUMN_HEAD ? PRESENT | (uint64_t)entry_head(entry)
                                        : i == STORE_COLUMN_AT   ? store_column_number(entry->at)
                                                                 : values->numbers[i]);
    for (size_t i = 0; i < STORE_COLUMNS - STORE_FIRST_TEXT; i++)
        put_text(columns, i, entry ? values->texts[i] : (struct span){NULL, 0},
                 entry && values->numbers[STORE_FIRST_TEXT + i] == STORE_UNKNOWN);
    columns->slots++;
}

void columns_add(struct columns *columns, const struct store_entry *entry,
                 const struct store_columns *values) {
    while (columns->slots < entry->sequence % STORE_CHUNK)
        put_slot(columns, NULL, NULL);
    put_slot(columns, entry, values);
}

bool columns_end(struct columns *columns, struct store_batch *batch, uint32_t mailbox, uint64_t chunk) {
    while (columns->slots < STORE_CHUNK)
        put_slot(columns, NULL, NULL);
    for (size_t i = 0; i < STORE_COLUMNS; i++) {
        struct buf *octets = &columns->octets[i];
        if (i >= STORE_FIRST_TEXT)
            buf_append_span(octets, buf_span(&columns->texts[i - STORE_FIRST_TEXT]));
        put_number(octets, column_sum(buf_span(octets), i));
        if (octets->failed || !batch_put_column(batch, mailbox, (uint64_t)i << 23 | chunk, buf_span(octets)))
            return false;
    }
    return true;
}

/* ---- reading ---- */

static uint64_t number_at(struct span octets, size_t at) {
    uint64_t little;
    memcpy(&little, octets.data + at, sizeof little);
    return le64toh(little);
}

static bool open_texts(struct span octets, struct store_column_view *view) {
    size_t at = (size_t)2 * STORE_CHUNK;
    if (octets.len < at)
        return false;
    view->all = span_sub(octets, at, octets.len - at);
    for (size_t i = 0; i < STORE_CHUNK; i++) {
        uint16_t little;
        memcpy(&little, octets.data + 2 * i, sizeof little);
        uint16_t length = le16toh(little);
        size_t len = length & TEXT_NONE ? 0 : length & ~TEXT_CUT;
        if (len > octets.len - at)
            return false;
        view->numbers[i] = length == TEXT_UNKNOWN || (length & TEXT_CUT && !(length & TEXT_NONE));
        view->texts[i] = length & TEXT_NONE ? (struct span){NULL, 0} : span_sub(octets, at, len);
        at += len;
    }
    return at == octets.len;
}

bool store_column_open(struct span octets, enum store_column column, struct store_column_view *view) {
    if (octets.len < 8)
        return false;
    struct span body = span_sub(octets, 0, octets.len - 8);
    if (number_at(octets, body.len) != column_sum(body, column))
        return false;
    if (column >= STORE_FIRST_TEXT)
        return open_texts(body, view);
    if (body.len != (size_t)8 * STORE_CHUNK)
        return false;
    for (size_t i = 0; i < STORE_CHUNK; i++)
        view->numbers[i] = number_at(body, 8 * i);
    return true;
}

bool store_each_column(struct store *store, uint32_t mailbox, enum store_column column, uint64_t chunk,
                       store_column_cb *cb, void *context, struct error *err) {
    return store_in_time(store, err) &&
           store->engine->each_column(store, mailbox, column, chunk, cb, context, err);
}

struct one_column {
    uint64_t chunk;
    struct buf *out;
};

static bool take_one(void *context, uint64_t chunk, struct span octets) {
    struct one_column *one = context;
    if (chunk == one->chunk)
        buf_append_span(one->out, octets);
    return false;
}

bool store_get_column(struct store *store, uint32_t mailbox, enum store_column column, uint64_t chunk,
                      struct buf *out, struct error *err) {
    struct one_column one = {chunk, out};
    return store_each_column(store, mailbox, column, chunk, take_one, &one, err) &&
           (!out->failed || store_no_memory(store, err));
}

bool store_get_marks(struct store *store, uint32_t mailbox, uint64_t block, struct store_marks *marks,
                     struct error *err) {
    return store_get_bits(store, mailbox, block, marks->bits, err);
}

enum store_entry_status store_status_in(const struct store_marks *marks, uint64_t sequence) {
    return (enum store_entry_status)bits_get(marks->bits[BITS_STATUS], sequence);
}

unsigned store_flags_in(const struct store_marks *marks, uint64_t sequence) {
    return bits_get(marks->bits[BITS_FLAGS], sequence);
}
