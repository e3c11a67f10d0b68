/* Columns of mailboxes: sealed when their numbers are given out, gone with their entries, checked, made anew.
 * What selections make of them is ms/mailbox_model.c's. */
#include "room.h"

#include "store/columns.h"

struct chunks {
    uint64_t numbers[8];
    size_t count;
    bool whole;      /* each could be opened */
    uint64_t second; /* the value of the second number of the first chunk */
};

static bool note_chunk(void *context, uint64_t chunk, struct span octets) {
    static struct store_column_view view;
    struct chunks *chunks = context;
    chunks->numbers[chunks->count++] = chunk;
    chunks->whole &= store_column_open(octets, STORE_COLUMN_SIZE, &view);
    if (chunks->count == 1)
        chunks->second = view.numbers[2];
    return chunks->count < 8;
}

static struct chunks chunks_of(struct room *room, const char *mailbox) {
    struct chunks chunks = {.whole = true};
    assert_true(store_each_column(room->store, store_find_mailbox(room->store, span_str(mailbox), NULL),
                                  STORE_COLUMN_SIZE, 0, note_chunk, &chunks, NULL));
    return chunks;
}

static bool derive(void *context, const struct store_entry *entry, struct store_columns *columns) {
    (void)context;
    columns->numbers[STORE_COLUMN_SIZE] = store_column_number((int64_t)entry->sequence * 10);
    columns->texts[0] = SPAN_LIT("subject");
    return true;
}

/* How many chunks were looked at. */
static unsigned seal_all(struct room *room) {
    struct error err = {0};
    struct store_chunk chunk;
    unsigned chunks = 0;
    bool more = true;
    while (assert_true(store_next_chunk(room->store, &chunk, &more, &err)), more) {
        if (!chunk.mailbox)
            continue;
        assert_true(store_seal_chunk(room->batch, &chunk, derive, NULL, &err));
        room_commit(room);
        store_chunk_done(room->store, &chunk);
        chunks++;
    }
    return chunks;
}

static uint64_t message;

static void add_entries(struct room *room, const char *mailbox, unsigned count) {
    uint32_t box = store_mailbox(room->store, span_str(mailbox), NULL);
    if (!message)
        message = add_one(room, 10, 1, NULL);
    for (unsigned i = 0; i < count; i++)
        assert_true(store_add_entry(room->batch, box,
                                    &(struct store_entry){.message = message, .at = i, .data = SPAN_LIT("d")},
                                    NULL));
    room_commit(room);
}

static void remove_entries(struct room *room, const char *mailbox, uint64_t first, uint64_t last) {
    uint32_t box = store_find_mailbox(room->store, span_str(mailbox), NULL);
    for (uint64_t i = first; i <= last; i++)
        assert_true(store_remove_entry(room->batch, box, i, message));
    room_commit(room);
}

static void chunks_are_sealed_when_they_are_complete(void **state) {
    struct room *room = *state;
    message = 0;
    add_entries(room, "box", 255);
    add_entries(room, "other", 254);
    seal_all(room);
    assert_int_equal(chunks_of(room, "box").count, 1); /* 0 to 255 */
    assert_int_equal(chunks_of(room, "other").count, 0);
    add_entries(room, "box", 600);
    assert_int_equal(seal_all(room), 2);
    struct chunks chunks = chunks_of(room, "box");
    assert_true(chunks.count == 3 && chunks.numbers[0] == 0 && chunks.numbers[1] == 1 &&
                chunks.numbers[2] == 2 && chunks.whole);
    assert_true(chunks.second == store_column_number(20));
    assert_int_equal(seal_all(room), 0);
    room_reopen(room);
    assert_int_equal(seal_all(room), 0);
    assert_int_equal(chunks_of(room, "box").count, 3);
    room_close(room);
    room_check(room);
    room_open(room);
}

static void a_chunk_goes_with_its_last_entry(void **state) {
    struct room *room = *state;
    message = 0;
    add_entries(room, "box", 800);
    seal_all(room);
    remove_entries(room, "box", 256, 510);
    assert_int_equal(chunks_of(room, "box").count, 3);
    remove_entries(room, "box", 511, 511);
    struct chunks chunks = chunks_of(room, "box");
    assert_true(chunks.count == 2 && chunks.numbers[1] == 2);
    remove_entries(room, "box", 512, 767);
    room_reopen(room);
    seal_all(room); /* what is empty is not sealed again */
    assert_int_equal(chunks_of(room, "box").count, 1);
    room_close(room);
    room_check(room);
    room_open(room);
}

static void count_18(void *context, const struct store_finding *finding) {
    *(int *)context += !finding->step && !finding->note && finding->invariant == 18;
}

/* I18: what was changed, and what says something else than the rows. */
static void wrong_columns_are_found_and_made_anew(void **state) {
    static const char *const damages[][2] = {
        {"UPDATE col SET data = substr(data, 1, 100) WHERE id >> 23 & 31 = 3 AND id & 255 = 1",
         "UPDATE col SET data = substr(data, 1, 100) WHERE kind = 3 AND chunk = 1"},
        {"UPDATE col SET data = (SELECT data FROM col c WHERE c.id = col.id + 1) WHERE id & 255 = 1",
         "UPDATE col SET data = (SELECT data FROM col c WHERE c.kind = col.kind AND c.mailbox = col.mailbox"
         " AND c.chunk = 2) WHERE chunk = 1"},
        {"DELETE FROM col WHERE id >> 23 & 31 = 11 AND id & 255 = 1",
         "DELETE FROM col WHERE kind = 11 AND chunk = 1"},
        {"DELETE FROM col WHERE id >> 23 & 31 = 0 AND id & 255 = 1",
         "DELETE FROM col WHERE kind = 0 AND chunk = 1"},
        {"DELETE FROM col WHERE id & 255 = 1", "DELETE FROM col WHERE chunk = 1"}};
    struct room *room = *state;
    struct error err;
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        uint64_t n = 0;
        int findings = 0;
        if (!i) {
            message = 0;
            add_entries(room, "box", 767);
            seal_all(room);
        }
        room_close(room);
        assert_true(place_spoil(room->path, damages[i][0], damages[i][1]));
        assert_true(store_check(room->path, false, count_18, &findings, &n, &err));
        assert_true(findings > 0 && n == (uint64_t)findings);
        assert_true(store_repair(room->path, count_18, &findings, &n, &err));
        room_check(room);
        room_open(room);
        assert_int_equal(chunks_of(room, "box").count, 1);
        seal_all(room);
        struct chunks chunks = chunks_of(room, "box");
        assert_true(chunks.count == 3 && chunks.whole);
    }
}

static struct span one_name(void *context, struct span name) {
    (void)context, (void)name;
    return SPAN_LIT("one");
}

static void joined_mailboxes_are_sealed_anew(void **state) {
    struct room *room = *state;
    struct store_rename changed;
    message = 0;
    add_entries(room, "a", 300);
    add_entries(room, "b", 300);
    seal_all(room);
    assert_true(store_rename_mailboxes(room->store, one_name, NULL, &changed, NULL));
    assert_int_equal(changed.joined, 1);
    room_reopen(room);
    seal_all(room);
    struct chunks chunks = chunks_of(room, "one");
    assert_true(chunks.count == 2 && chunks.whole);
    room_close(room);
    room_check(room);
    room_open(room);
}

int main(void) {
#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, room_setup, room_teardown)
    const struct CMUnitTest tests[] = {
        IN_ROOM(chunks_are_sealed_when_they_are_complete),
        IN_ROOM(a_chunk_goes_with_its_last_entry),
        IN_ROOM(wrong_columns_are_found_and_made_anew),
        IN_ROOM(joined_mailboxes_are_sealed_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
