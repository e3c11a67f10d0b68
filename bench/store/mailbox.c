/*
 * What the store alone can do with mailboxes: deliveries, lists, filters and
 * marks, as the message store asks for them. One process, no sockets.
 *
 *   bench-mailbox FOLDER [ENTRIES]
 *
 * A mailbox of 11,000 entries, of which the last 1,000 are new, is listed; then
 * one of ENTRIES (default 0: none) is filled, filtered, marked and deleted from.
 * FOLDER may be the URI of a server. Prints one line of JSON; times are medians
 * in µs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ms/columns.h"
#include "ms/select.h"
#include "names/oraddress.h"
#include "schema/x411.h"
#include "schema/x413at.h"
#include "schema/x420ms.h"

#define TURNS 15

struct bench {
    struct store *store;
    struct store_batch *batch;
    struct arena arena;
    struct ms_deriving deriving;
    uint64_t message;
};

static void die(const char *what, const struct error *err) {
    fprintf(stderr, "bench-mailbox: %s: %s\n", what, err->text);
    exit(1);
}

static void commit(struct bench *b) {
    struct error err = {0};
    if (!store_commit(b->batch, &err))
        die("commit", &err);
}

static struct span items_of(const struct store_entry *entry) {
    return entry->data;
}

/* ---- entries ---- */

static struct span text_element(struct bench *b, const char *text) {
    struct span value = span_str(text), out = {NULL, 0};
    ber_encode_arena(&x420ms_SubjectField_type, &value, &b->arena, &out, NULL);
    return out;
}

static struct span name_element(struct bench *b, unsigned number) {
    char text[80];
    struct x411_ORName name;
    struct span out = {NULL, 0};
    snprintf(text, sizeof text, "/C=gb/A=gold/P=alpha/O=Bank/S=Sender%u", number);
    if (oraddress_parse_name(span_str(text), &b->arena, &name, NULL))
        ber_encode_arena(&x411_ORName_type, &name, &b->arena, &out, NULL);
    return out;
}

/* Of 5,000 senders; each subject is another one. */
static void deliver(struct bench *b, uint32_t mailbox, unsigned number) {
    char subject[80];
    struct buf data;
    buf_init(&data, 0);
    arena_reset(&b->arena);
    snprintf(subject, sizeof subject, "Quarterly figures of branch %u, second reading", number);
    ms_item_write(&data, ms_attribute_by_oid(x413at_id_att_originator_name), name_element(b, number % 5000));
    ms_item_write(&data, ms_attribute_by_oid(span_of("\x56\x01\x07\x04", 4)), text_element(b, subject));
    struct store_entry entry = {.message = b->message,
                                .at = (INT64_C(1700000000) + number) * 1000000,
                                .octets = 10000,
                                .priority = (uint8_t)(number % 3),
                                .known = MS_KNOWS_ENVELOPE | MS_KNOWS_HEADING,
                                .data = buf_span(&data)};
    store_add_entry(b->batch, mailbox, &entry, NULL);
    buf_free(&data);
}

static void seal(struct bench *b) {
    struct error err = {0};
    struct store_chunk chunk;
    bool more = true;
    while (more) {
        if (!store_next_chunk(b->store, &chunk, &more, &err) ||
            (chunk.mailbox && !store_seal_chunk(b->batch, &chunk, ms_derive, &b->deriving, &err)))
            die("seal", &err);
        commit(b);
        store_chunk_done(b->store, &chunk);
    }
}

/* Batches of 32, as they come in under load; sealing is part of it. */
static double fill(struct bench *b, uint32_t mailbox, unsigned count) {
    int64_t start = clock_monotonic_us();
    for (unsigned i = 1; i <= count; i++) {
        deliver(b, mailbox, i);
        if (i % 32 == 0)
            commit(b);
        if (i % 4096 == 0)
            seal(b);
    }
    commit(b);
    seal(b);
    return count * 1e6 / (double)(clock_monotonic_us() - start);
}

/* ---- what is asked ---- */

static bool count_one(void *context, const struct store_entry *entry) {
    *(size_t *)context += entry->sequence != 0;
    return true;
}

static int in_order(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t median(int64_t *times) {
    qsort(times, TURNS, sizeof *times, in_order);
    return times[TURNS / 2];
}

/* How long it takes; `*found` is how many there were. */
static int64_t selected(struct bench *b, uint32_t mailbox, const struct x413_FilterItem *item, size_t limit,
                        size_t *found) {
    struct x413_Filter filter = {.choice = x413_Filter_item, .u.item = *item};
    struct ms_mailbox box = {.store = b->store, .mailbox = mailbox, .items = items_of};
    struct ms_selection selection = {.classes = 1, .limit = limit};
    int64_t times[TURNS];
    enum ms_filter_error why;
    struct error err = {0};
    uint64_t next, undecided;
    selection.filter = ms_filter_prepare(&filter, &b->arena, &why);
    for (unsigned i = 0; i < TURNS; i++) {
        int64_t start = clock_monotonic_us();
        *found = 0;
        if (!ms_select(&box, &selection, count_one, found, &next, &undecided, &err))
            die("select", &err);
        times[i] = clock_monotonic_us() - start;
    }
    return median(times);
}

static struct x413_FilterItem equality(struct span type, struct span value) {
    return (struct x413_FilterItem){.choice = x413_FilterItem_equality,
                                    .u.equality = {.attribute_type = type, .attribute_value = value}};
}

static void list_new(struct bench *b) {
    struct error err = {0};
    size_t found;
    uint32_t mailbox = store_mailbox(b->store, SPAN_LIT("eleven thousand"), &err);
    fill(b, mailbox, 11000);
    store_raise_status(b->batch, mailbox, 1, 10000, STORE_PROCESSED);
    commit(b);
    struct x413_FilterItem is_new = equality(x413at_id_att_retrieval_status, SPAN_LIT("\x02\x01\x00"));
    int64_t us = selected(b, mailbox, &is_new, 0, &found);
    printf("{\"list-new-us\": %lld, \"new\": %zu", (long long)us, found);
}

static int64_t changed(struct bench *b, uint32_t mailbox, unsigned entries, bool remove) {
    int64_t times[TURNS];
    for (unsigned turn = 0; turn < TURNS; turn++) {
        int64_t start = clock_monotonic_us();
        for (unsigned i = 0; i < 1000; i++) {
            uint64_t number = 1 + (turn + (uint64_t)i * (entries / 1000)) % entries;
            if (remove)
                store_remove_entry(b->batch, mailbox, number, b->message);
            else
                store_raise_status(b->batch, mailbox, number, number, STORE_PROCESSED);
        }
        commit(b);
        times[turn] = clock_monotonic_us() - start;
    }
    return median(times);
}

static void large(struct bench *b, unsigned entries) {
    struct error err = {0};
    size_t equal, part, other;
    uint32_t mailbox = store_mailbox(b->store, SPAN_LIT("large"), &err);
    double rate = fill(b, mailbox, entries);
    arena_reset(&b->arena);
    struct x413_FilterItem from = equality(x413at_id_att_originator_name, name_element(b, 4711));
    struct x413_FilterItem_substrings_strings_item string = {
        .choice = x413_FilterItem_substrings_strings_item_any, .u.any = text_element(b, "branch 4999")};
    struct x413_FilterItem within = {
        .choice = x413_FilterItem_substrings,
        .u.substrings = {.type = span_of("\x56\x01\x07\x04", 4), .strings = {.items = &string, .count = 1}}};
    struct x413_FilterItem present = {.choice = x413_FilterItem_present,
                                      .u.present = x413at_id_att_message_notes};
    int64_t equality_us = selected(b, mailbox, &from, 100, &equal),
            part_us = selected(b, mailbox, &within, 100, &part),
            other_us = selected(b, mailbox, &present, 100, &other);
    printf(
        ", \"entries\": %u, \"deliveries\": %.0f, \"equality-us\": %lld, \"equal\": %zu, \"substring-us\": "
        "%lld, \"with-part\": %zu, \"other-us\": %lld",
        entries, rate, (long long)equality_us, equal, (long long)part_us, part, (long long)other_us);
    printf(", \"mark-us\": %lld", (long long)changed(b, mailbox, entries, false));
    printf(", \"delete-us\": %lld", (long long)changed(b, mailbox, entries, true));
}

int main(int argc, char **argv) {
    struct bench b = {0};
    struct error err = {0};
    struct store_options options = {.create = true};
    if (argc < 2) {
        fprintf(stderr, "usage: bench-mailbox FOLDER [ENTRIES]\n");
        return 2;
    }
    if (!(b.store = store_open(argv[1], &options, &err)))
        die("open", &err);
    b.batch = store_batch_new(b.store);
    arena_init(&b.arena, (size_t)64 << 20);
    b.deriving = (struct ms_deriving){.store = b.store, .items = items_of};
    arena_init(&b.deriving.arena, (size_t)64 << 20);
    b.message = store_add_message(b.batch, 1, SPAN_LIT("an envelope"), NULL);
    struct store_work work = {.message = b.message};
    store_add_work(b.batch, &work); /* it stays when all entries go */
    list_new(&b);
    if (argc > 2 && atoi(argv[2]) >= 1000)
        large(&b, (unsigned)atoi(argv[2]));
    printf("}\n");
    store_batch_free(b.batch);
    store_close(b.store);
    arena_free(&b.deriving.arena);
    arena_free(&b.arena);
    return 0;
}
