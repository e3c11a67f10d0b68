/* Rows that mailboxes have beside their entries, against a model of them: added, replaced, dropped and read
 * by ranges, after each restart too. What was changed of them is found and removed (I19), and a move takes
 * them to the mailbox of the same name. */
#include "room.h"

#include "store/mailbox_rows.h"

#define MOST 4000

struct modelled {
    bool there;
    unsigned kind, box;
    uint64_t number;
    char name[24];
    char data[40];
};

static struct modelled rows[MOST];
static size_t row_count;
static uint32_t boxes[3];

static uint64_t chance = UINT64_C(0x9E3779B97F4A7C15);

static unsigned below(unsigned most) {
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (unsigned)(chance >> 33) % most;
}

static uint64_t any_number(void) {
    static const uint64_t odd[] = {0, 1, 255, 256, UINT32_MAX, UINT64_MAX - 1, UINT64_MAX};
    return below(4) ? below(60) : odd[below(7)];
}

static struct store_row row_of(const struct modelled *row) {
    return (struct store_row){.kind = (enum store_row_kind)row->kind,
                              .mailbox = boxes[row->box],
                              .number = row->number,
                              .name = span_str(row->name),
                              .data = span_str(row->data)};
}

static struct modelled *find(const struct modelled *key) {
    for (size_t i = 0; i < row_count; i++)
        if (rows[i].kind == key->kind && rows[i].box == key->box && rows[i].number == key->number &&
            strcmp(rows[i].name, key->name) == 0)
            return &rows[i];
    return NULL;
}

static struct modelled any_key(void) {
    static const char *const names[] = {"", "a", "ab", "b", "\xFF\xFF", "group"};
    struct modelled key = {.there = true, .kind = 1 + below(STORE_ROW_KINDS - 1), .box = below(3)};
    key.number = any_number();
    snprintf(key.name, sizeof key.name, "%s", names[below(6)]);
    return key;
}

static void put(struct room *room) {
    struct modelled key = any_key(), *row = find(&key);
    if (!row && row_count < MOST)
        row = &rows[row_count++];
    if (!row)
        return;
    *row = key;
    snprintf(row->data, sizeof row->data, "data %u", below(1000) * !!below(9));
    struct store_row stored = row_of(row);
    assert_true(store_put_row(room->batch, &stored));
}

static void drop(struct room *room) {
    struct modelled key = any_key(),
                    *row = row_count && below(2) ? &rows[below((unsigned)row_count)] : find(&key);
    struct store_row stored = row_of(row ? row : &key);
    assert_true(store_drop_row(room->batch, &stored));
    if (row)
        row->there = false;
}

/* ---- what is read ---- */

static int in_order(const void *a, const void *b) {
    const struct modelled *x = *(struct modelled *const *)a, *y = *(struct modelled *const *)b;
    return x->number != y->number ? x->number < y->number ? -1 : 1 : strcmp(x->name, y->name);
}

struct expected {
    struct modelled *rows[MOST];
    size_t count, at;
};

static bool is_expected(void *context, const struct store_row *row) {
    struct expected *expected = context;
    assert_true(expected->at < expected->count);
    struct store_row want = row_of(expected->rows[expected->at++]);
    assert_true(!row->damaged && row->kind == want.kind && row->mailbox == want.mailbox &&
                row->number == want.number && span_eq(row->name, want.name) && span_eq(row->data, want.data));
    return true;
}

static void expect(struct expected *expected, unsigned kind, unsigned box, uint64_t first, uint64_t last) {
    expected->count = expected->at = 0;
    for (size_t i = 0; i < row_count; i++)
        if (rows[i].there && rows[i].kind == kind && rows[i].box == box && rows[i].number >= first &&
            rows[i].number <= last)
            expected->rows[expected->count++] = &rows[i];
    qsort(expected->rows, expected->count, sizeof expected->rows[0], in_order);
}

static void compare(struct room *room, unsigned kind, unsigned box, uint64_t first, uint64_t last) {
    static struct expected expected;
    struct error err = {0};
    expect(&expected, kind, box, first, last);
    assert_true(store_each_row(room->store, (enum store_row_kind)kind, boxes[box], first, last, is_expected,
                               &expected, &err));
    assert_int_equal(expected.at, expected.count);
}

static void compare_all(struct room *room) {
    for (unsigned kind = 1; kind < STORE_ROW_KINDS; kind++)
        for (unsigned box = 0; box < 3; box++)
            compare(room, kind, box, 0, UINT64_MAX);
}

static void compare_one(struct room *room) {
    struct modelled key = any_key();
    const struct modelled *row = find(&key);
    struct store_row stored = row_of(&key);
    struct error err = {0};
    struct buf data;
    buf_init(&data, 0);
    bool found = store_get_row(room->store, &stored, &data, &err);
    assert_true(found == (row && row->there));
    assert_true(found ? span_eq(buf_span(&data), span_str(row->data)) : err.code == STORE_NOT_FOUND);
    buf_free(&data);
}

static void drop_range(struct room *room) {
    unsigned kind = 1 + below(STORE_ROW_KINDS - 1), box = below(3);
    uint64_t first = any_number(), last = any_number();
    struct error err = {0};
    bool more = true;
    while (more) {
        assert_true(
            store_drop_rows(room->batch, (enum store_row_kind)kind, boxes[box], first, last, 3, &more, &err));
        room_commit(room);
    }
    for (size_t i = 0; i < row_count; i++)
        if (rows[i].kind == kind && rows[i].box == box && rows[i].number >= first && rows[i].number <= last)
            rows[i].there = false;
}

static void begin(struct room *room) {
    static const char *const names[] = {"one", "two", "three"};
    memset(rows, 0, sizeof rows);
    row_count = 0;
    for (unsigned i = 0; i < 3; i++)
        boxes[i] = store_mailbox(room->store, span_str(names[i]), NULL);
    room_commit(room);
}

static void rows_are_as_the_model_has_them(void **state) {
    struct room *room = *state;
    unsigned steps = place_server() ? 400 : 3000;
    begin(room);
    for (unsigned step = 0; step < steps; step++) {
        unsigned what = below(100);
        for (unsigned i = 0; i < 6; i++)
            if (what < 70)
                put(room);
            else if (what < 80)
                drop(room);
        room_commit(room);
        compare_one(room);
        compare(room, 1 + below(STORE_ROW_KINDS - 1), below(3), any_number(), any_number());
        if (what >= 90 && what < 93)
            drop_range(room);
        if (what == 99)
            room_reopen(room);
    }
    compare_all(room);
    room_close(room);
    room_check(room);
    room_open(room);
    compare_all(room);
}

/* More than one page of them. */
static void many_rows_are_read(void **state) {
    struct room *room = *state;
    begin(room);
    for (row_count = 0; row_count < 1500; row_count++) {
        rows[row_count] = (struct modelled){.there = true, .kind = STORE_ROW_LOG, .number = row_count / 3};
        snprintf(rows[row_count].name, sizeof rows[0].name, "%zu", row_count % 3);
        struct store_row row = row_of(&rows[row_count]);
        assert_true(store_put_row(room->batch, &row));
    }
    room_commit(room);
    compare(room, STORE_ROW_LOG, 0, 0, UINT64_MAX);
    compare(room, STORE_ROW_LOG, 0, 100, 299);
    compare(room, STORE_ROW_LOG, 1, 0, UINT64_MAX);
}

static void bounds_are_kept(void **state) {
    struct room *room = *state;
    static char octets[STORE_ROW_DATA_MOST + 1];
    begin(room);
    struct store_row row = {
        .kind = STORE_ROW_LOG, .mailbox = boxes[0], .name = span_of(octets, STORE_ROW_NAME_MOST)};
    assert_true(store_put_row(room->batch, &row));
    row.name.len++;
    assert_false(store_put_row(room->batch, &row));
    assert_false(store_drop_row(room->batch, &row));
    row.name.len--;
    row.data = span_of(octets, sizeof octets);
    assert_false(store_put_row(room->batch, &row));
    room_commit(room);
}

static void count_19(void *context, const struct store_finding *finding) {
    *(int *)context += !finding->step && !finding->note && finding->invariant == 19;
}

static void wrong_rows_are_found_and_removed(void **state) {
    static const char *const damages[][2] = {
        {"UPDATE record SET data = substr(data, 1, 9) WHERE kind = 193", NULL},
        {"UPDATE record SET name = CAST(name || x'00' AS BLOB) WHERE kind = 194",
         "UPDATE record SET name = name || '\\x00'::bytea WHERE kind = 194"},
        {"UPDATE record SET name = CAST(substr(name, 1, 4) || x'0000000000000008' AS BLOB) WHERE kind = 196",
         "UPDATE record SET name = substr(name, 1, 4) || '\\x0000000000000008'::bytea WHERE kind = 196"},
        {"DELETE FROM mailbox WHERE name = CAST('two' AS BLOB)",
         "DELETE FROM mailbox WHERE name = 'two'::bytea"}};
    struct room *room = *state;
    struct error err;
    for (size_t i = 0; i < 4; i++) {
        int findings = 0;
        uint64_t n;
        begin(room);
        for (unsigned kind = 1; kind < STORE_ROW_KINDS; kind++)
            for (unsigned box = 0; box < 3; box++) {
                struct store_row row = {
                    .kind = (enum store_row_kind)kind, .mailbox = boxes[box], .number = 7};
                row.data = SPAN_LIT("some data");
                assert_true(store_put_row(room->batch, &row));
            }
        room_commit(room);
        room_close(room);
        assert_true(place_spoil(room->path, damages[i][0], damages[i][1] ? damages[i][1] : damages[i][0]));
        assert_true(store_check(room->path, false, count_19, &findings, &n, &err));
        assert_true(findings >= 3 && n == (uint64_t)findings);
        assert_true(store_repair(room->path, count_19, &findings, &n, &err));
        room_check(room);
        room_open(room);
    }
}

int main(void) {
#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, room_setup, room_teardown)
    const struct CMUnitTest tests[] = {
        IN_ROOM(rows_are_as_the_model_has_them),
        IN_ROOM(many_rows_are_read),
        IN_ROOM(bounds_are_kept),
        IN_ROOM(wrong_rows_are_found_and_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
