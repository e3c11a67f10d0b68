/* Copies of a store at work: what they hold when contents go and come meanwhile, and whose space is kept for
 * them. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "room.h"
#include "store/backup.h"
#include "store/check.h"
#include "store/move.h"
#include "store/place.h"

enum { LONG = 200000, COUNT = 30 };

/* The next rename of a path that ends so fails; NULL: none. The linker gives this to the store. */
static const char *broken_rename;

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);

int __wrap_rename(const char *from, const char *to) {
    size_t length = strlen(from), end = broken_rename ? strlen(broken_rename) : SIZE_MAX;
    if (end > length || strcmp(from + length - end, broken_rename) != 0)
        return __real_rename(from, to);
    broken_rename = NULL;
    errno = EACCES;
    return -1;
}

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

static void expect_refused(bool done, const struct error *err, int code, const char *words) {
    if (done || err->code != code || !strstr(err->text, words))
        fail_msg("%d: %s", done ? 0 : err->code, err->text);
}

/* Two stores of one MTA are never to be served: a folder that says that it is the store no more is neither
 * copied nor made one again, whatever its schema; nor does a copy of its files become one. */
static void what_was_moved_away_is_no_store(void **state) {
    struct room *room = *state;
    struct writer writer = {0};
    struct error err = {0};
    struct store_moved moved;
    char to[PLACE_MAX], files[PLACE_MAX + 16], other[PLACE_MAX + 16], command[5 * PLACE_MAX];
    const char *schemas[] = {"", "PRAGMA user_version = 3"};
    begin(&writer, room);
    assert_true(place_make_folder(to));
    if (!store_backup(room->path, writer.to, false, NULL, NULL, &err))
        fail_msg("backup: %s", err.text);
    room_close(room);
    if (!store_move(room->path, to, false, NULL, NULL, &moved, &err))
        fail_msg("move: %s", err.text);
    snprintf(other, sizeof other, "%s/other", room->path);
    expect_refused(store_backup(room->path, other, true, NULL, NULL, &err), &err, STORE_MOVED,
                   "was moved to");
    expect_refused(store_restore(writer.to, room->path, false, NULL, NULL, &err), &err, STORE_IN_USE,
                   "--force");
    snprintf(files, sizeof files, "%s/files", room->path);
    snprintf(command, sizeof command, "mkdir %s && cp -r %s/queue.db %s/segments %s", files, room->path,
             room->path, files);
    assert_int_equal(system(command), 0);
    expect_refused(store_restore(files, other, false, NULL, NULL, &err), &err, STORE_MOVED, "was moved to");
    for (size_t i = 0; i < 2; i++) {
        assert_true(place_spoil(room->path, schemas[i], ""));
        expect_refused(store_restore(writer.to, room->path, true, NULL, NULL, &err), &err, STORE_MOVED,
                       "two stores of one MTA");
    }
    /* What is not wholly there is no more a store than what left. */
    assert_true(
        place_spoil(to, "INSERT INTO record SELECT 3, CAST('move' AS BLOB), x'01' || zeroblob(17)", ""));
    expect_refused(store_restore(writer.to, to, true, NULL, NULL, &err), &err, STORE_MOVED,
                   "is not at its end");
    expect_refused(store_backup(to, other, true, NULL, NULL, &err), &err, STORE_MOVED, "is not at its end");
    /* What can't be opened has no mark. */
    snprintf(command, sizeof command, "echo garbage > %s/queue.db", room->path);
    assert_int_equal(system(command), 0);
    if (!store_restore(writer.to, room->path, true, NULL, NULL, &err))
        fail_msg("restore: %s", err.text);
    assert_true(place_remove(to));
}

/* Under whatever name, and what a restore makes within it and takes away again. */
static void a_store_is_no_copy_of_itself(void **state) {
    struct room *room = *state;
    struct writer writer = {0};
    struct error err = {0};
    char name[PLACE_MAX + 16];
    begin(&writer, room);
    snprintf(name, sizeof name, "%s/restored", room->path);
    if (!store_backup(room->path, name, false, NULL, NULL, &err))
        fail_msg("backup: %s", err.text);
    room_close(room);
    expect_refused(store_restore(name, room->path, true, NULL, NULL, &err), &err, STORE_BAD_REQUEST,
                   "name a backup");
    assert_int_equal(findings_of(name), 0);
    snprintf(name, sizeof name, "%s/.", room->path);
    expect_refused(store_restore(name, room->path, true, NULL, NULL, &err), &err, STORE_BAD_REQUEST,
                   "the store itself");
    room_open(room);
    for (unsigned i = 0; i < COUNT; i++)
        expect_message(room, writer.ids[i], LONG, i);
}

/* Neither restored, nor looked at, nor taken for a place where a store could be made. */
static void a_backup_that_was_broken_off_is_told_as_that(void **state) {
    struct room *room = *state;
    struct writer writer = {0};
    struct store_options maker = {.create = true};
    struct error err = {0};
    char unfinished[PLACE_MAX + 64], whole[PLACE_MAX + 64], fresh[PLACE_MAX + 16];
    uint64_t findings;
    begin(&writer, room);
    if (!store_backup(room->path, writer.to, false, NULL, NULL, &err))
        fail_msg("backup: %s", err.text);
    snprintf(whole, sizeof whole, "%s/queue.db", writer.to);
    snprintf(unfinished, sizeof unfinished, "%s/queue.db.unfinished", writer.to);
    snprintf(fresh, sizeof fresh, "%s/fresh", room->path);
    assert_int_equal(rename(whole, unfinished), 0);
    expect_refused(store_restore(writer.to, fresh, false, NULL, NULL, &err), &err, STORE_CORRUPT,
                   "was broken off");
    expect_refused(store_check(writer.to, true, NULL, NULL, &findings, &err), &err, STORE_CORRUPT,
                   "was broken off");
    expect_refused(store_is_there(writer.to, &err), &err, STORE_CORRUPT, "was broken off");
    expect_refused(store_open(writer.to, &maker, &err) != NULL, &err, STORE_CORRUPT, "was broken off");
    assert_int_not_equal(access(whole, F_OK), 0);
}

static void what_is_no_database_is_told_as_that(void **state) {
    struct room *room = *state;
    struct error err = {0};
    char name[PLACE_MAX + 16], kept[PLACE_MAX + 16];
    room_close(room);
    snprintf(name, sizeof name, "%s/queue.db", room->path);
    snprintf(kept, sizeof kept, "%s/kept", room->path);
    assert_int_equal(rename(name, kept), 0);
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    for (unsigned i = 0; i < 3000; i++)
        fputs("garbage ", file);
    assert_int_equal(fclose(file), 0);
    expect_refused(store_open(room->path, NULL, &err) != NULL, &err, STORE_CORRUPT, "mhs store restore");
    expect_refused(store_is_there(name, &err), &err, STORE_BAD_REQUEST, "is no folder");
    assert_int_equal(rename(kept, name), 0);
}

/* Who else may write there could exchange what is restored one day. */
static void a_copy_goes_to_no_folder_of_others(void **state) {
    struct room *room = *state;
    struct error err = {0};
    char name[PLACE_MAX + 16];
    snprintf(name, sizeof name, "%s/given", room->path);
    assert_int_equal(mkdir(name, 0700), 0);
    assert_int_equal(chmod(name, 0777), 0);
    expect_refused(store_backup(room->path, name, false, NULL, NULL, &err), &err, STORE_IN_USE,
                   "by everybody");
    assert_int_equal(chmod(name, 0755), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(name, 4711, 4711), 0);
        expect_refused(store_backup(room->path, name, false, NULL, NULL, &err), &err, STORE_IN_USE,
                       "belongs to uid 4711");
        assert_int_equal(chown(room->path, 4711, 4711), 0); /* the store's own user has it anyway */
    }
    if (!store_backup(room->path, name, false, NULL, NULL, &err))
        fail_msg("backup: %s", err.text);
}

static void flip_first_octet(const char *path) {
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fputc('!', file), '!');
    assert_int_equal(fclose(file), 0);
}

static bool is_in(const struct room *room, const char *name) {
    char path[PLACE_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", room->path, name);
    return access(path, F_OK) == 0;
}

static void count_calls(void *context, uint64_t done, uint64_t total) {
    unsigned *calls = context;
    (void)done, (void)total;
    ++*calls;
}

/* One that can't be is refused before anything is copied, and one that fails takes away what it made: by root
 * made, it would keep the daemon from its store. */
static void a_restore_that_fails_leaves_nothing(void **state) {
    struct room *room = *state;
    struct writer writer = {0};
    struct error err = {0};
    char path[PLACE_MAX + 64];
    unsigned calls = 0;
    begin(&writer, room);
    if (!store_backup(room->path, writer.to, false, NULL, NULL, &err))
        fail_msg("backup: %s", err.text);
    room_close(room);
    snprintf(path, sizeof path, "%s/replaced", room->path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_false(store_restore(writer.to, room->path, true, count_calls, &calls, &err));
    assert_int_equal(err.code, STORE_IN_USE);
    assert_int_equal(calls, 0);
    assert_false(is_in(room, "restored"));
    assert_int_equal(rmdir(path), 0);
    snprintf(path, sizeof path, "%s/queue.db", writer.to);
    flip_first_octet(path);
    assert_false(store_restore(writer.to, room->path, true, NULL, NULL, &err));
    assert_false(is_in(room, "restored"));
    assert_false(is_in(room, "replaced"));
    snprintf(path, sizeof path, "%s/fresh", room->path);
    assert_false(store_restore(writer.to, path, false, NULL, NULL, &err));
    assert_false(is_in(room, "fresh"));
    room_open(room);
    for (unsigned i = 0; i < COUNT; i++)
        expect_message(room, writer.ids[i], LONG, i);
}

/* The store is moved away before the new one can't take its place: it comes back. */
static void a_store_comes_back_when_another_cannot_take_its_place(void **state) {
    struct room *room = *state;
    struct writer writer = {0};
    struct error err = {0};
    begin(&writer, room);
    if (!store_backup(room->path, writer.to, false, NULL, NULL, &err))
        fail_msg("backup: %s", err.text);
    room_close(room);
    broken_rename = "restored/queue.db";
    assert_false(store_restore(writer.to, room->path, true, NULL, NULL, &err));
    assert_null(broken_rename); /* it was met */
    assert_false(is_in(room, "restored"));
    assert_false(is_in(room, "replaced"));
    broken_rename = "segments";
    assert_false(store_restore(writer.to, room->path, true, NULL, NULL, &err));
    assert_null(broken_rename);
    assert_false(is_in(room, "restored"));
    assert_false(is_in(room, "replaced"));
    room_open(room);
    for (unsigned i = 0; i < COUNT; i++)
        expect_message(room, writer.ids[i], LONG, i);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(space_of_what_is_copied_is_kept, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(so_is_what_came_since, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(without_keeping_the_check_finds_it, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_ends_the_keeping, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(restore_replaces_only_when_told, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(what_was_moved_away_is_no_store, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(a_store_is_no_copy_of_itself, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(a_backup_that_was_broken_off_is_told_as_that, room_setup,
                                        room_teardown),
        cmocka_unit_test_setup_teardown(what_is_no_database_is_told_as_that, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(a_copy_goes_to_no_folder_of_others, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(a_restore_that_fails_leaves_nothing, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(a_store_comes_back_when_another_cannot_take_its_place, room_setup,
                                        room_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
