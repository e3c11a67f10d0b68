/* Copies of a store at work: what they hold when contents go and come meanwhile, and whose space is kept for
 * them. */
#include "room.h"

enum { LONG = 200000, COUNT = 30 };

struct writer {
    struct room *room;
    uint64_t ids[COUNT], work[COUNT];
    char to[PLACE_MAX + 16];
    bool keeps, done;
};

static void begin(struct writer *writer, struct room *room) {
    writer->room = room;
    snprintf(writer->to, sizeof writer->to, "%s/copy", room->path);
    for (unsigned i = 0; i < COUNT; i++)
        writer->ids[i] = add_one(room, LONG, i, &writer->work[i]);
    room_commit(room);
}

/* Once the database is copied, the writer removes all that was there, and others come in its place. */
static void replace_all(void *context, uint64_t done, uint64_t total) {
    struct writer *writer = context;
    (void)total;
    if (writer->done || done == 0)
        return;
    writer->done = true;
    for (unsigned i = 0; i < COUNT; i++)
        store_finish_work(writer->room->batch, writer->work[i], writer->ids[i]);
    room_commit(writer->room);
    for (int i = 0; i < 50; i++)
        store_maintain(writer->room->store, 0, 0, 1000);
    for (unsigned i = 0; i < COUNT; i++)
        writer->ids[i] = add_one(writer->room, LONG, 100 + i, NULL);
    room_commit(writer->room);
}

static uint64_t findings_of(const char *place) {
    struct error err = {0};
    uint64_t findings = 0;
    if (!store_check(place, true, print_finding, NULL, &findings, &err))
        fail_msg("check: %s", err.text);
    return findings;
}

/* I4: what a copy reads is not given out again while it is made, and is afterwards. */
static void space_of_what_is_copied_is_kept(void **state) {
    struct room *room = *state;
    struct writer writer = {0};
    struct error err = {0};
    struct store_figures before, after;
    begin(&writer, room);
    uint64_t first = writer.ids[0];
    store_keep(room->store);
    if (!store_backup(room->path, writer.to, false, replace_all, &writer, &err))
        fail_msg("backup: %s", err.text);
    assert_true(writer.done);
    assert_true(store_keep_end(room->store));
    assert_int_equal(findings_of(writer.to), 0);
    struct store_options options = {.read_only = true};
    struct store *copy = store_open(writer.to, &options, &err);
    assert_non_null(copy);
    struct store_content *content = store_content_open(copy, first, &err);
    assert_non_null(content);
    expect_octets(content, LONG, 0);
    store_content_release(content);
    store_close(copy);
    for (unsigned i = 0; i < COUNT; i++)
        expect_message(room, writer.ids[i], LONG, 100 + i);
    store_figures(room->store, &before);
    room_reopen(room);
    store_figures(room->store, &after);
    assert_int_equal(before.content_octets, after.content_octets);
}

/* What comes between the beginning of the keeping and the copy's moment is in the copy, in segments made
 * since. */
static void so_is_what_came_since(void **state) {
    struct room *room = *state;
    struct writer writer = {0};
    struct error err = {0};
    store_keep(room->store);
    begin(&writer, room);
    if (!store_backup(room->path, writer.to, false, replace_all, &writer, &err))
        fail_msg("backup: %s", err.text);
    assert_true(store_keep_end(room->store));
    assert_int_equal(findings_of(writer.to), 0);
}

/* The control: without that the copy is damaged, and its check finds it. */
static void without_keeping_the_check_finds_it(void **state) {
    struct room *room = *state;
    struct writer writer = {0};
    struct error err = {0};
    begin(&writer, room);
    if (!store_backup(room->path, writer.to, false, replace_all, &writer, &err))
        fail_msg("backup: %s", err.text);
    assert_true(findings_of(writer.to) > 0);
}

static int64_t free_octets = INT64_MAX;

static int64_t free_space(const char *path) {
    (void)path;
    return free_octets;
}

/* Mail comes before a backup: when the disk runs full the space is taken back, and who copies is told. */
static void a_full_disk_ends_the_keeping(void **state) {
    struct room *room = *state;
    struct store_files files = store_system_files;
    struct writer writer = {0};
    room_close(room);
    files.free_space = free_space;
    room->engine.files = &files;
    room->options.low_water = 1 << 20;
    room_open(room);
    begin(&writer, room);
    store_keep(room->store);
    for (unsigned i = 0; i < COUNT; i++)
        store_finish_work(room->batch, writer.work[i], writer.ids[i]);
    room_commit(room);
    free_octets = 1000;
    for (int i = 0; i < 70; i++)
        room_commit(room);
    store_probe(room->store);
    free_octets = INT64_MAX;
    assert_true(store_probe(room->store));
    assert_false(store_keep_end(room->store));
    room_close(room);
    room->engine.files = NULL;
    free_octets = INT64_MAX;
}

/* A restore puts what was there aside, and a folder that is in use or has a store is refused. */
static void restore_replaces_only_when_told(void **state) {
    struct room *room = *state;
    struct writer writer = {0};
    struct error err = {0};
    char aside[PLACE_MAX + 16];
    begin(&writer, room);
    if (!store_backup(room->path, writer.to, false, NULL, NULL, &err))
        fail_msg("backup: %s", err.text);
    assert_false(store_backup(room->path, writer.to, false, NULL, NULL, &err));
    assert_int_equal(err.code, STORE_IN_USE);
    assert_false(store_restore(writer.to, room->path, true, NULL, NULL, &err));
    assert_int_equal(err.code, STORE_LOCKED);
    store_finish_work(room->batch, writer.work[0], writer.ids[0]);
    room_commit(room);
    room_close(room);
    assert_false(store_restore(writer.to, room->path, false, NULL, NULL, &err));
    assert_int_equal(err.code, STORE_IN_USE);
    if (!store_restore(writer.to, room->path, true, NULL, NULL, &err))
        fail_msg("restore: %s", err.text);
    snprintf(aside, sizeof aside, "%s/replaced", room->path);
    assert_int_equal(findings_of(aside), 0);
    room_open(room);
    for (unsigned i = 0; i < COUNT; i++)
        expect_message(room, writer.ids[i], LONG, i);
    room_close(room);
    assert_false(store_restore(writer.to, room->path, true, NULL, NULL, &err));
    assert_int_equal(err.code, STORE_IN_USE);
    assert_non_null(strstr(err.text, "replaced"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(space_of_what_is_copied_is_kept, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(so_is_what_came_since, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(without_keeping_the_check_finds_it, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_ends_the_keeping, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(restore_replaces_only_when_told, room_setup, room_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
