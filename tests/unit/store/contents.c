/* Contents: any size, stored once, resumed after a restart, their space given back and used again. */
#include "room.h"

#include <dirent.h>

static void expect_sizes(struct room *room, const uint64_t *sizes, size_t count) {
    uint64_t ids[16];
    for (size_t i = 0; i < count; i++)
        ids[i] = add_one(room, sizes[i], (unsigned)i, NULL);
    room_commit(room);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < count; i++)
            expect_message(room, ids[i], sizes[i], (unsigned)i);
        room_reopen(room);
    }
}

static void every_size_comes_back(void **state) {
    static const uint64_t sizes[] = {0,     1,     4095,    8191,          8192,   8193,
                                     12288, 70000, 1 << 20, (1 << 20) + 1, 5000000};
    expect_sizes(*state, sizes, sizeof sizes / sizeof *sizes);
}

/* One that does not fit the rest of a segment, and one that is longer than a segment. */
static void content_crosses_segments(void **state) {
    static const uint64_t sizes[] = {50u << 20, 20u << 20, 66u << 20};
    expect_sizes(*state, sizes, sizeof sizes / sizeof *sizes);
}

static void short_appends_make_the_same_content(void **state) {
    struct room *room = *state;
    struct error err = {0};
    uint8_t octets[777], digest[STORE_DIGEST], whole[STORE_DIGEST];
    struct store_content *content = store_content_create(room->store, 0, &err);
    for (unsigned n = 0; n < 2000; n++) {
        fill_octets(octets, store_content_length(content), sizeof octets, 5);
        assert_true(store_content_append(content, span_of(octets, sizeof octets), &err));
        if (n == 3) /* a digest in between changes nothing */
            assert_true(store_content_digest(content, digest, &err));
    }
    struct store_content *other = make_content(room, 777 * 2000, 5);
    assert_true(store_content_digest(content, digest, &err));
    assert_true(store_content_digest(other, whole, &err));
    assert_memory_equal(digest, whole, sizeof digest);
    expect_octets(content, 777 * 2000, 5);
    store_content_release(content);
    store_content_release(other);
}

/* SHA-256 of "abc" (FIPS 180-4, example). */
static void digest_of_a_short_content_is_sha256(void **state) {
    struct room *room = *state;
    static const uint8_t abc[STORE_DIGEST] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
        0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    uint8_t digest[STORE_DIGEST];
    struct store_content *content = store_content_create(room->store, 0, NULL);
    assert_true(store_content_append(content, SPAN_LIT("abc"), NULL));
    assert_true(span_eq(store_content_memory(content), SPAN_LIT("abc")));
    assert_true(store_content_digest(content, digest, NULL));
    assert_memory_equal(digest, abc, sizeof abc);
    store_content_release(content);
}

/* I8: one content, several messages, also one that comes in a later batch. */
static void content_is_stored_once(void **state) {
    struct room *room = *state;
    struct store_figures figures;
    struct store_content *content = make_content(room, 300000, 1);
    struct store_work row = {0};
    uint64_t ids[3], work[3];
    for (int i = 0; i < 2; i++) {
        row.message = ids[i] = store_add_message(room->batch, 1, SPAN_LIT("e"), content);
        work[i] = store_add_work(room->batch, &row);
    }
    store_content_release(content);
    room_commit(room);
    room_reopen(room);
    content = store_content_open(room->store, ids[0], NULL);
    row.message = ids[2] = store_add_message(room->batch, 1, SPAN_LIT("list"), content);
    work[2] = store_add_work(room->batch, &row);
    store_content_release(content);
    room_commit(room);
    store_figures(room->store, &figures);
    assert_true(figures.content_octets < 310000);
    for (int i = 0; i < 2; i++) {
        store_finish_work(room->batch, work[i], ids[i]);
        room_commit(room);
    }
    expect_message(room, ids[2], 300000, 1);
    store_finish_work(room->batch, work[2], ids[2]);
    room_commit(room);
    store_figures(room->store, &figures);
    assert_int_equal(figures.content_octets, 0);
}

/* I4: an open content is readable after its message is gone, and its space is not given out before it is
 * released. */
static void open_content_outlives_its_message(void **state) {
    struct room *room = *state;
    struct store_figures figures;
    uint64_t work, message = add_one(room, 200000, 9, &work);
    room_commit(room);
    struct store_content *content = store_content_open(room->store, message, NULL);
    store_finish_work(room->batch, work, message);
    room_commit(room);
    for (unsigned i = 0; i < 20; i++)
        add_one(room, 200000, i, NULL);
    room_commit(room);
    expect_octets(content, 200000, 9);
    store_content_release(content);
    store_figures(room->store, &figures);
    assert_true(figures.content_octets <= 20 * 204800);
}

static void abandoned_content_gives_its_space_back(void **state) {
    struct room *room = *state;
    struct store_figures figures;
    for (unsigned i = 0; i < 30; i++) {
        struct store_content *content = make_content(room, 10u << 20, i);
        store_content_release(content);
    }
    store_figures(room->store, &figures);
    assert_int_equal(figures.content_octets, 0);
    assert_true(figures.segments <= 1);
}

static void sealed_content_takes_no_more(void **state) {
    struct room *room = *state;
    struct error err = {0};
    struct store_content *content = make_content(room, 20000, 1);
    struct store_work row = {.message = store_add_message(room->batch, 1, SPAN_LIT("e"), content)};
    store_add_work(room->batch, &row);
    assert_false(store_content_append(content, SPAN_LIT("more"), &err));
    assert_int_equal(err.code, STORE_BAD_REQUEST);
    store_content_release(content);
    room_commit(room);
}

/* ---- activities in ---- */

static uint64_t checkpoint(struct room *room, uint64_t id, uint32_t serial, struct store_content *content) {
    struct store_activity_in in = {.id = id,
                                   .peer = SPAN_LIT("BETA"),
                                   .association = SPAN_LIT("a1"),
                                   .activity = SPAN_LIT("7"),
                                   .serial = serial,
                                   .offset = serial * 1000,
                                   .state = SPAN_LIT("parser state")};
    return store_put_activity_in(room->batch, &in, content);
}

/* I12 */
static void resume_goes_on_from_the_last_checkpoint(void **state) {
    struct room *room = *state;
    struct error err = {0};
    struct store_content *content = store_content_create(room->store, 0, &err);
    uint64_t id = checkpoint(room, 0, 0, NULL);
    assert_int_not_equal(id, 0);
    room_commit(room);
    for (uint32_t serial = 1; serial <= 40; serial++) {
        append_octets(content, 99991, 3);
        assert_int_equal(checkpoint(room, id, serial, content), id);
        if (serial % 3 == 0)
            room_commit(room);
    }
    store_batch_clear(room->batch); /* 39 is the last one that was committed */
    append_octets(content, 1234567, 3);
    assert_null(store_content_resume(room->store, id, &err));
    assert_int_equal(err.code, STORE_IN_USE);
    store_content_release(content);

    for (int round = 0; round < 2; round++) {
        const struct store_activity_in *in =
            find_activity(room->store, SPAN_LIT("BETA"), SPAN_LIT("a1"), SPAN_LIT("7"));
        assert_non_null(in);
        assert_int_equal(in->serial, 39);
        assert_int_equal(in->offset, 39000);
        assert_int_equal(in->content_length, 39 * 99991);
        assert_true(span_eq(in->state, SPAN_LIT("parser state")));
        content = store_content_resume(room->store, id, &err);
        assert_non_null(content);
        expect_octets(content, 39 * 99991, 3);
        append_octets(content, 500, 4);
        store_content_release(content); /* nothing of this was committed */
        room_reopen(room);
    }
    content = store_content_resume(room->store, id, &err);
    append_octets(content, 2000000, 3);
    struct store_work row = {.message = store_add_message(room->batch, 1, SPAN_LIT("e"), content)};
    store_add_work(room->batch, &row);
    store_remove_activity_in(room->batch, id);
    uint8_t digest[STORE_DIGEST], want[STORE_DIGEST];
    assert_true(store_content_digest(content, digest, &err));
    store_content_release(content);
    room_commit(room);
    assert_null(find_activity(room->store, SPAN_LIT("BETA"), SPAN_LIT("a1"), SPAN_LIT("7")));
    expect_message(room, row.message, 39 * 99991 + 2000000, 3);
    content = make_content(room, 39 * 99991 + 2000000, 3);
    assert_true(store_content_digest(content, want, &err));
    assert_memory_equal(digest, want, sizeof want);
    store_content_release(content);
}

/* Octets that came after the checkpoint was put, but before its commit, are no part of it. */
static void checkpoint_is_where_it_was_put(void **state) {
    struct room *room = *state;
    struct store_content *content = make_content(room, 3000, 1); /* still in memory */
    uint64_t id = checkpoint(room, 0, 1, content);
    append_octets(content, 50000, 1);
    room_commit(room);
    store_content_release(content);
    content = store_content_resume(room->store, id, NULL);
    expect_octets(content, 3000, 1);
    store_content_release(content);
}

static void given_up_activity_frees_its_space(void **state) {
    struct room *room = *state;
    struct store_figures figures;
    struct store_content *content = make_content(room, 3000000, 1);
    uint64_t id = checkpoint(room, 0, 1, content);
    room_commit(room);
    store_content_release(content);
    room_reopen(room);
    store_remove_activity_in(room->batch, id);
    room_commit(room);
    store_figures(room->store, &figures);
    assert_int_equal(figures.content_octets, 0);
    /* Put and removed in one batch: nothing is left either. */
    content = make_content(room, 30000, 1);
    id = checkpoint(room, 0, 1, content);
    store_remove_activity_in(room->batch, id);
    store_content_release(content);
    room_commit(room);
    store_figures(room->store, &figures);
    assert_int_equal(figures.content_octets, 0);
}

/* ---- segments ---- */

/* I4: emptied segments are used again; the folder does not grow. */
static void space_is_used_again(void **state) {
    struct room *room = *state;
    struct store_figures figures;
    uint64_t work[8], ids[8];
    for (unsigned i = 0; i < 60; i++) {
        if (i >= 8) {
            expect_message(room, ids[i % 8], 4000000, i - 8);
            store_finish_work(room->batch, work[i % 8], ids[i % 8]);
        }
        ids[i % 8] = add_one(room, 4000000, i, &work[i % 8]);
        room_commit(room);
    }
    store_figures(room->store, &figures);
    assert_true(figures.segments <= 4);
    for (unsigned i = 0; i < 8; i++)
        expect_message(room, ids[i], 4000000, 52 + (i + 8 - 52 % 8) % 8);
}

/* A full segment with little left in it is emptied by moving what is left. */
static void sparse_segments_are_compacted(void **state) {
    if (is_at_a_server())
        return;
    struct room *room = *state;
    struct store_figures figures;
    uint64_t work[100], ids[100];
    for (unsigned i = 0; i < 100; i++) {
        ids[i] = add_one(room, 2000000, i, &work[i]);
        if (i % 10 == 9)
            room_commit(room);
    }
    struct store_content *open = store_content_open(room->store, ids[0], NULL);
    for (unsigned i = 0; i < 100; i++)
        if (i % 25 > 2)
            store_finish_work(room->batch, work[i], ids[i]);
    room_commit(room);
    store_figures(room->store, &figures);
    assert_true(figures.segments - figures.free_segments >= 3);
    for (int i = 0; i < 500; i++)
        store_maintain(room->store, 0, 0, 1000);
    store_figures(room->store, &figures);
    assert_true(figures.segments - figures.free_segments <= 2);
    expect_octets(open, 2000000, 0);
    store_content_release(open);
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 100; i++)
            if (i % 25 <= 2)
                expect_message(room, ids[i], 2000000, i);
        room_reopen(room);
    }
}

/* A reader whose content is moved meanwhile reads the right octets; when it is removed it is told so. */
static void reader_notices_moves_and_removal(void **state) {
    struct room *room = *state;
    struct error err = {0};
    uint64_t work[40], ids[40];
    for (unsigned i = 0; i < 40; i++)
        ids[i] = add_one(room, 2000000, i, &work[i]);
    room_commit(room);
    struct store_options options = {.read_only = true};
    struct store *reader = store_open(room->path, &options, &err);
    struct store_content *content = store_content_open(reader, ids[0], &err);
    for (unsigned i = 1; i < 40; i++)
        store_finish_work(room->batch, work[i], ids[i]);
    room_commit(room);
    for (int i = 0; i < 100; i++)
        store_maintain(room->store, 0, 0, 1000);
    for (unsigned i = 50; i < 100; i++)
        add_one(room, 2000000, i, NULL);
    room_commit(room);
    expect_octets(content, 2000000, 0);
    store_finish_work(room->batch, work[0], ids[0]);
    room_commit(room);
    for (int i = 0; i < 100; i++)
        store_maintain(room->store, 0, 0, 1000);
    uint8_t octet;
    size_t got;
    assert_false(store_content_read(content, 0, &octet, 1, &got, &err));
    assert_int_equal(err.code, STORE_NOT_FOUND);
    store_content_release(content);
    store_close(reader);
}

static void next_segment_is_filled_ahead(void **state) {
    if (is_at_a_server())
        return;
    struct room *room = *state;
    struct store_figures figures;
    add_one(room, 40u << 20, 1, NULL);
    room_commit(room);
    for (int i = 0; i < 200; i++)
        store_maintain(room->store, 0, 0, 1000);
    store_figures(room->store, &figures);
    assert_int_equal(figures.segments, 2);
    assert_int_equal(figures.free_segments, 1);
}

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, room_setup, room_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_ROOM(every_size_comes_back),
        IN_ROOM(content_crosses_segments),
        IN_ROOM(short_appends_make_the_same_content),
        IN_ROOM(digest_of_a_short_content_is_sha256),
        IN_ROOM(content_is_stored_once),
        IN_ROOM(open_content_outlives_its_message),
        IN_ROOM(abandoned_content_gives_its_space_back),
        IN_ROOM(sealed_content_takes_no_more),
        IN_ROOM(resume_goes_on_from_the_last_checkpoint),
        IN_ROOM(checkpoint_is_where_it_was_put),
        IN_ROOM(given_up_activity_frees_its_space),
        IN_ROOM(space_is_used_again),
        IN_ROOM(sparse_segments_are_compacted),
        IN_ROOM(reader_notices_moves_and_removal),
        IN_ROOM(next_segment_is_filled_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
