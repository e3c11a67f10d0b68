/*
 * Every failure path is run: the n-th allocation, the n-th file operation of the
 * segments, the n-th operation of SQLite's files fails, for each n until all
 * goes well. After each: nothing of the failed batch is there (I2), what was
 * there before still is, the cause is told, and the store recovers.
 */
#include "room.h"

#include <dirent.h>
#include <errno.h>
#include <sqlite3.h>
#include <sys/stat.h>

/* ---- a countdown that every layer shares ---- */

static long countdown = -1; /* operations to let pass; negative: never fail */
static int fault_errno;
static bool stays_broken; /* as a full disk does, till it is ended */
static bool short_writes;
static bool hit;

static bool fails_now(void) {
    if (countdown < 0 || countdown-- > 0)
        return false;
    hit = true;
    if (stays_broken)
        countdown = 0;
    errno = fault_errno;
    return true;
}

static void arm(long n, int number, bool stays) {
    countdown = n;
    fault_errno = number;
    stays_broken = stays;
    hit = false;
}

static void disarm(void) {
    countdown = -1;
}

/* ---- segments ---- */

static int faulty_open(const char *path, int flags, mode_t mode) {
    return fails_now() ? -1 : store_system_files.open(path, flags, mode);
}

static ssize_t faulty_pwrite(int fd, const void *octets, size_t len, off_t offset) {
    if (fails_now()) {
        if (!short_writes || len < 2)
            return -1;
        return pwrite(fd, octets, len / 2, offset); /* the rest comes next time */
    }
    return pwrite(fd, octets, len, offset);
}

static ssize_t faulty_pread(int fd, void *out, size_t len, off_t offset) {
    return fails_now() ? -1 : pread(fd, out, len, offset);
}

static int faulty_datasync(int fd) {
    return fails_now() ? -1 : fdatasync(fd);
}

static unsigned write_backs;

static void count_write_back(int fd) {
    (void)fd;
    write_backs++;
}

static int faulty_allocate(int fd, off_t len) {
    return fails_now() ? fault_errno : store_system_files.allocate(fd, len);
}

static int faulty_sync_folder(const char *path) {
    return fails_now() ? -1 : store_system_files.sync_folder(path);
}

static int64_t free_octets = INT64_MAX;
static bool segments_count; /* what they take is not free */

static int64_t octets_of_segments(const char *place) {
    char path[256];
    int64_t octets = 0;
    struct stat s;
    snprintf(path, sizeof path, "%s/segments", place);
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (entry->d_name[0] != '.' && fstatat(dirfd(folder), entry->d_name, &s, 0) == 0)
            octets += s.st_size;
    if (folder)
        closedir(folder);
    return octets;
}

static int64_t told_space(const char *path) {
    return segments_count ? free_octets - octets_of_segments(path) : free_octets;
}

static const struct store_files faulty_files = {
    .open = faulty_open,
    .close = close,
    .pread = faulty_pread,
    .pwrite = faulty_pwrite,
    .datasync = faulty_datasync,
    .write_back = count_write_back,
    .allocate = faulty_allocate,
    .unlink = unlink,
    .sync_folder = faulty_sync_folder,
    .free_space = told_space,
};

/* ---- SQLite: the system's VFS with its write, sync and truncate calls replaced ---- */

/* SQLite has one table of methods for the database and another one for its log. */
static struct methods {
    sqlite3_io_methods ours;
    const sqlite3_io_methods *real;
} methods[4];

static const sqlite3_io_methods *real_of(const sqlite3_file *file) {
    return ((const struct methods *)file->pMethods)->real;
}

static int sqlite_code(int otherwise) {
    return fault_errno == ENOSPC ? SQLITE_FULL : otherwise;
}

static int db_write(sqlite3_file *file, const void *octets, int len, sqlite3_int64 offset) {
    if (fails_now()) {
        real_of(file)->xWrite(file, octets, len / 2, offset);
        return sqlite_code(SQLITE_IOERR_WRITE);
    }
    return real_of(file)->xWrite(file, octets, len, offset);
}

static int db_sync(sqlite3_file *file, int flags) {
    return fails_now() ? SQLITE_IOERR_FSYNC : real_of(file)->xSync(file, flags);
}

static int db_read(sqlite3_file *file, void *out, int len, sqlite3_int64 offset) {
    return fault_errno == EIO && fails_now() ? SQLITE_IOERR_READ
                                             : real_of(file)->xRead(file, out, len, offset);
}

static int db_truncate(sqlite3_file *file, sqlite3_int64 size) {
    return fails_now() ? SQLITE_IOERR_TRUNCATE : real_of(file)->xTruncate(file, size);
}

static sqlite3_vfs faulty_vfs;

static int db_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags) {
    struct methods *m = methods;
    int code = ((sqlite3_vfs *)vfs->pAppData)->xOpen(vfs->pAppData, name, file, flags, out_flags);
    if (code != SQLITE_OK || !file->pMethods)
        return code;
    while (m->real && m->real != file->pMethods)
        m++;
    m->real = file->pMethods;
    m->ours = *m->real;
    m->ours.xWrite = db_write;
    m->ours.xSync = db_sync;
    m->ours.xRead = db_read;
    m->ours.xTruncate = db_truncate;
    file->pMethods = &m->ours;
    return code;
}

static int setup(void **state) {
    if (!faulty_vfs.zName) {
        faulty_vfs = *sqlite3_vfs_find(NULL);
        faulty_vfs.pAppData = sqlite3_vfs_find(NULL);
        faulty_vfs.zName = "faulty";
        faulty_vfs.xOpen = db_open;
        sqlite3_vfs_register(&faulty_vfs, 0);
    }
    disarm();
    short_writes = false;
    free_octets = INT64_MAX;
    if (room_setup(state))
        return -1;
    struct room *room = *state;
    room_close(room);
    room->engine.vfs = "faulty";
    room->engine.files = &faulty_files;
    room_open(room);
    return 0;
}

/* ---- one unit of work that touches everything ---- */

struct step {
    uint64_t kept, kept_work; /* from before */
    uint64_t message, work, activity;
};

static bool add_all(struct room *room, struct step *step, struct error *err) {
    struct store *store = room->store;
    uint8_t digest[STORE_DIGEST] = {42};
    static uint8_t octets[60000];
    struct store_content *content = store_content_create(store, sizeof octets, err);
    bool ok = content && store_content_append(content, span_of(octets, sizeof octets), err);
    step->message = ok ? store_add_message(room->batch, 1, SPAN_LIT("e"), content) : 0;
    struct store_work work = {.message = step->message,
                              .next_hop = store_next_hop(store, SPAN_LIT("GAMMA"), NULL)};
    step->work = step->message && work.next_hop ? store_add_work(room->batch, &work) : 0;
    uint32_t box = store_mailbox(store, SPAN_LIT("box"), NULL);
    struct store_entry entry = {.message = step->message};
    struct store_activity_in in = {
        .peer = SPAN_LIT("p"), .association = SPAN_LIT("a"), .activity = SPAN_LIT("1")};
    struct store_activity_out out = {.work = step->work};
    ok = ok && step->work && box && store_add_entry(room->batch, box, &entry, NULL) &&
         add_repeat(room->batch, SPAN_LIT("p"), SPAN_LIT("id"), digest, INT64_MAX) &&
         store_add_event(room->batch, SPAN_LIT("id"), 1, SPAN_LIT("data")) &&
         (step->activity = store_put_activity_in(room->batch, &in, content)) != 0 &&
         store_put_activity_out(room->batch, &out) &&
         store_put_record(room->batch, STORE_USER, SPAN_LIT("u"), SPAN_LIT("d")) &&
         store_finish_work(room->batch, step->kept_work, step->kept);
    store_content_release(content);
    return ok;
}

static bool no_event(void *context, int64_t at, struct span data) {
    (void)at, (void)data;
    *(bool *)context = true;
    return true;
}

/* I2: nothing of the failed step is there, what it would have finished is. */
static void expect_nothing(struct room *room, const struct step *step) {
    uint8_t digest[STORE_DIGEST] = {42};
    bool event = false;
    if (step->message)
        assert_false(is_there(room, step->message));
    expect_message(room, step->kept, 20000, 1);
    assert_int_equal(find_repeat(room->store, NULL, SPAN_LIT("p"), SPAN_LIT("id"), digest),
                     STORE_REPEAT_UNKNOWN);
    assert_true(store_track(room->store, SPAN_LIT("id"), no_event, &event, NULL));
    assert_false(event);
    assert_null(find_activity(room->store, SPAN_LIT("p"), SPAN_LIT("a"), SPAN_LIT("1")));
}

static void expect_all(struct room *room, const struct step *step) {
    uint8_t digest[STORE_DIGEST] = {42};
    assert_true(is_there(room, step->message));
    assert_false(is_there(room, step->kept));
    assert_int_equal(find_repeat(room->store, NULL, SPAN_LIT("p"), SPAN_LIT("id"), digest),
                     STORE_REPEAT_KNOWN);
    assert_non_null(find_activity(room->store, SPAN_LIT("p"), SPAN_LIT("a"), SPAN_LIT("1")));
}

static bool do_step(struct room *room, struct step *step, struct error *err) {
    return add_all(room, step, err) && store_commit(room->batch, err);
}

static void prepare(struct room *room, struct step *step) {
    *step = (struct step){0};
    step->kept = add_one(room, 20000, 1, &step->kept_work);
    room_commit(room);
}

/* What the next start finds if the process is killed now: the log as it is, and nobody's index of it. */
static void expect_nothing_after_a_kill(struct room *room, const struct step *step) {
    struct room after = *room;
    char command[3 * PLACE_MAX + 40];
    assert_true(place_make(after.path));
    snprintf(command, sizeof command, "cp -r %s/. %s && rm -f %s/queue.db-shm", room->path, after.path,
             after.path);
    assert_int_equal(system(command), 0);
    after.store = NULL;
    room_open(&after);
    expect_nothing(&after, step);
    room_close(&after);
    assert_true(place_remove(after.path));
}

/* A fresh store for each n: the paths of a first commit are run too. */
static void next_store(struct room *room) {
    char command[128];
    room_close(room);
    room_check(room);
    snprintf(command, sizeof command, "rm -rf %s/*", room->path);
    assert_int_equal(system(command), 0);
    room_open(room);
}

static void fault_at_each_point(struct room *room, int number, bool stays, enum store_code code) {
    struct step step;
    struct error err;
    unsigned failures = 0, n = 0;
    for (;; n++) {
        prepare(room, &step);
        err = (struct error){0};
        arm(n, number, stays);
        bool ok = do_step(room, &step, &err);
        disarm();
        if (!hit) {
            assert_true(ok);
            break;
        }
        if (ok) /* what comes after the commit, a segment filled ahead, may fail without harm */
            expect_all(room, &step);
        else {
            failures++;
            assert_true(err.code == (int)code || err.code == STORE_IO);
            assert_false(store_accepting(room->store));
            assert_true(store_cause(room->store)->code == err.code);
            store_batch_clear(room->batch);
            expect_nothing(room, &step);
            if (!stays)
                expect_nothing_after_a_kill(room, &step);
            assert_true(store_probe(room->store)); /* recovers */
            assert_int_equal(store_cause(room->store)->code, STORE_OK);
            assert_true(do_step(room, &step, &err));
            expect_all(room, &step);
            room_reopen(room);
            expect_all(room, &step);
        }
        next_store(room);
    }
    assert_true(failures >= 3);
    fprintf(stderr, "# %u points, %u of them failed the batch\n", n, failures);
}

static void full_disk_at_each_point(void **state) {
    fault_at_each_point(*state, ENOSPC, true, STORE_FULL);
}

static void write_error_at_each_point(void **state) {
    fault_at_each_point(*state, EIO, false, STORE_IO);
}

/* The sync of the log fails, and so does the write that makes what is there void: the operator hears it. */
static void what_may_come_true_is_told(void **state) {
    static char said[64 * 1024];
    FILE *log = tmpfile();
    int stderr_fd = dup(STDERR_FILENO);
    assert_true(log && stderr_fd >= 0);
    dup2(fileno(log), STDERR_FILENO);
    fault_at_each_point(*state, EIO, true, STORE_IO);
    dup2(stderr_fd, STDERR_FILENO);
    close(stderr_fd);
    rewind(log);
    said[fread(said, 1, sizeof said - 1, log)] = '\0';
    (void)fclose(log);
    const char *line = strstr(said, "what was refused may be found done after the next start");
    assert_non_null(line);
    assert_null(strstr(line + 1, "what was refused may be found done"));
}

static void short_writes_are_finished(void **state) {
    struct room *room = *state;
    struct step step;
    struct error err = {0};
    prepare(room, &step);
    short_writes = true;
    static uint8_t octets[60000];
    struct store_content *content = store_content_create(room->store, 0, &err);
    fill_octets(octets, 0, sizeof octets, 5);
    arm(0, EIO, false);
    assert_true(store_content_append(content, span_of(octets, sizeof octets), &err));
    assert_true(hit);
    expect_octets(content, sizeof octets, 5);
    store_content_release(content);
}

static void empty_heap_at_each_point(void **state) {
    struct room *room = *state;
    struct step step;
    struct error err;
    unsigned failures = 0;
    for (int64_t n = 0;; n++) {
        prepare(room, &step);
        err = (struct error){0};
        mem_fail_after(n);
        bool ok = do_step(room, &step, &err);
        mem_fail_after(-1);
        if (ok) {
            expect_all(room, &step);
            break;
        }
        failures++;
        store_batch_clear(room->batch);
        assert_true(store_accepting(room->store)); /* the disk is not to blame */
        expect_nothing(room, &step);
        assert_true(do_step(room, &step, &err));
        expect_all(room, &step);
        next_store(room);
    }
    assert_true(failures >= 10);
}

static void opening_without_memory_fails_cleanly(void **state) {
    struct room *room = *state;
    struct step step;
    struct error err;
    prepare(room, &step);
    room_close(room);
    unsigned failures = 0;
    for (int64_t n = 0; !room->store; n++) {
        mem_fail_after(n);
        room->store = store_open(room->path, &room->options, &err);
        mem_fail_after(-1);
        failures += !room->store;
        assert_true(room->store || err.code == STORE_NO_MEMORY);
    }
    assert_true(failures >= 5);
    room->batch = store_batch_new(room->store);
    expect_message(room, step.kept, 20000, 1);
}

/* Below the low-water mark it takes nothing in, but what is held can be finished. */
static void low_space_stops_accepting_in_time(void **state) {
    struct room *room = *state;
    struct step step;
    prepare(room, &step);
    room_close(room);
    room->options.low_water = 1000;
    room_open(room);
    free_octets = 999;
    for (int i = 0; i < 70 && store_accepting(room->store); i++) {
        store_add_event(room->batch, SPAN_LIT("k"), 1, SPAN_LIT(""));
        room_commit(room);
    }
    assert_false(store_accepting(room->store));
    assert_int_equal(store_cause(room->store)->code, STORE_FULL);
    assert_false(store_probe(room->store));
    store_finish_work(room->batch, step.kept_work, step.kept);
    room_commit(room);
    free_octets = 1000;
    assert_true(store_probe(room->store));
    assert_true(store_accepting(room->store));
}

#define MIB ((int64_t)1 << 20)

static bool takes(struct room *room, uint64_t len) {
    static const uint8_t octets[10000];
    struct error err = {0};
    struct store_content *content = store_content_create(room->store, len, &err);
    bool done = content && store_content_append(content, span_of(octets, len), &err);
    if (done)
        done = store_add_message(room->batch, 1000, SPAN_LIT("envelope"), content) &&
               store_commit(room->batch, &err);
    assert_true(done || err.code == STORE_FULL);
    store_content_release(content);
    store_batch_clear(room->batch);
    return done;
}

/* The numbers of chasqui.conf(5), "The store's disk". */
static void the_disk_is_kept_free_as_the_manual_says(void **state) {
    struct room *room = *state;
    room_close(room);
    room->options.low_water = 0;
    room_open(room);
    free_octets = 96 * MIB - 1;
    assert_false(takes(room, 8193)); /* needs the first segment */
    assert_true(store_accepting(room->store));
    assert_int_equal(store_content_cause(room->store)->code, STORE_FULL);
    assert_non_null(strstr(store_content_cause(room->store)->text, "make room"));
    assert_true(takes(room, 8192));
    assert_true(store_probe(room->store));
    assert_int_equal(store_content_cause(room->store)->code, STORE_FULL); /* it stays so, and is told once */
    free_octets = 96 * MIB;
    assert_true(store_probe(room->store));
    assert_int_equal(store_content_cause(room->store)->code, STORE_OK);
    assert_true(takes(room, 8193));
    free_octets = 64 * MIB;
    assert_true(store_probe(room->store));
    assert_true(takes(room, 8193)); /* there is room in the segment */
    free_octets = 64 * MIB - 1;
    assert_false(store_probe(room->store));
    assert_false(store_accepting(room->store));
    free_octets = 64 * MIB;
    assert_true(store_probe(room->store));
    assert_true(store_accepting(room->store));
}

static void note_verdicts(void *context, bool done, const struct error *err) {
    const struct room *room = ((void **)context)[0];
    int *verdicts = ((void **)context)[1];
    (void)err;
    assert_true(done);
    for (unsigned i = 0; i < 2; i++)
        verdicts[i] = store_batch_verdict(room->batch, i)->code;
}

/* A checkpoint puts even a short content into a segment: it fails, and nothing that is committed with it. */
static void a_checkpoint_without_room_fails_alone(void **state) {
    struct room *room = *state;
    struct error err = {0};
    struct store_activity_in in = {
        .peer = SPAN_LIT("p"), .association = SPAN_LIT("a"), .activity = SPAN_LIT("1")};
    room_close(room);
    room->options.low_water = 0;
    room_open(room);
    free_octets = 64 * MIB;
    struct store_content *content = store_content_create(room->store, 0, &err);
    assert_true(store_content_append(content, SPAN_LIT("short"), &err));
    store_batch_request(room->batch);
    assert_true(store_put_activity_in(room->batch, &in, content) != 0);
    store_batch_request(room->batch);
    uint64_t message = add_one(room, 100, 1, NULL);
    int verdicts[2] = {-1, -1};
    store_commit_begin(room->batch, note_verdicts, (void *[]){room, verdicts});
    store_proceed(room->store, true);
    assert_int_equal(verdicts[0], STORE_FULL);
    assert_int_equal(verdicts[1], STORE_OK);
    assert_true(store_accepting(room->store));
    store_batch_clear(room->batch);
    store_content_release(content);
    expect_message(room, message, 100, 1);
}

static void rename_in(const struct room *room, const char *from, const char *to) {
    char old[PLACE_MAX + 40], new[PLACE_MAX + 40];
    snprintf(old, sizeof old, "%s/%s", room->path, from);
    snprintf(new, sizeof new, "%s/%s", room->path, to);
    assert_int_equal(rename(old, new), 0);
}

/* Nothing is confirmed that is written to files which the next start does not find. */
static void a_database_that_went_away_takes_nothing(void **state) {
    static const char *const files[] = {"queue.db", "queue.db-wal"};
    struct room *room = *state;
    for (size_t i = 0; i < 2; i++) {
        assert_true(takes(room, 100));
        assert_true(store_probe(room->store));
        rename_in(room, files[i], "away");
        assert_false(store_probe(room->store));
        assert_false(store_accepting(room->store));
        assert_non_null(strstr(store_cause(room->store)->text, files[i]));
        rename_in(room, "away", files[i]);
        assert_true(store_probe(room->store));
        assert_true(takes(room, 100));
    }
    /* Another database in its place is not ours. */
    rename_in(room, "queue.db", "away");
    char command[2 * PLACE_MAX + 60];
    snprintf(command, sizeof command, "cp %s/away %s/queue.db", room->path, room->path);
    assert_int_equal(system(command), 0);
    assert_false(store_probe(room->store));
    rename_in(room, "away", "queue.db");
    for (int i = 0; i < 70 && store_accepting(room->store); i++)
        assert_true(takes(room, 100));
    assert_true(store_probe(room->store));
}

/* Others filled the disk meanwhile. */
static void free_segments_are_given_back_before_mail_is_refused(void **state) {
    struct room *room = *state;
    struct step step;
    room_close(room);
    room->options.low_water = 0;
    room_open(room);
    prepare(room, &step);
    segments_count = true;
    free_octets = 2 * 64 * MIB - 1; /* with a segment, less than is kept free */
    assert_false(store_probe(room->store));
    store_finish_work(room->batch, step.kept_work, step.kept);
    room_commit(room);
    assert_true(store_probe(room->store));
    assert_true(store_accepting(room->store));
    assert_int_equal(octets_of_segments(room->path), 0);
    segments_count = false;
}

/* A failed sync of one content's segment gives up every content with unsynced octets there, and no other one.
 */
static void failed_sync_gives_up_what_it_may_have_lost(void **state) {
    struct room *room = *state;
    struct error err = {0};
    uint64_t safe = add_one(room, 50000, 1, NULL);
    room_commit(room);
    struct store_content *other = make_content(room, 50000, 2);
    add_one(room, 50000, 3, NULL);
    arm(0, EIO, false);
    assert_false(store_commit(room->batch, &err));
    assert_int_equal(err.code, STORE_IO);
    assert_false(store_content_append(other, SPAN_LIT("x"), &err));
    assert_int_equal(err.code, STORE_BAD_REQUEST);
    store_content_release(other);
    /* The retry must not succeed on octets that may be lost. */
    assert_false(store_commit(room->batch, &err));
    store_batch_clear(room->batch);
    assert_true(store_probe(room->store));
    uint64_t after = add_one(room, 50000, 4, NULL);
    room_commit(room);
    expect_message(room, safe, 50000, 1);
    expect_message(room, after, 50000, 4);
}

/* Octets of many short appends are begun to be written as those of a long one are; a sync begins anew. */
static void a_long_content_leaves_little_for_its_sync(void **state) {
    struct room *room = *state;
    write_backs = 0;
    struct store_content *content = make_content(room, 3 * MIB, 1);
    store_add_message(room->batch, 1, SPAN_LIT("e"), content);
    room_commit(room);
    assert_int_equal(write_backs, 0);
    store_content_release(content);
    content = make_content(room, 3 * MIB, 2); /* with those before the sync it would be enough */
    assert_int_equal(write_backs, 0);
    store_content_release(content);
    content = make_content(room, 12 * MIB, 3);
    assert_in_range(write_backs, 3, 4);
    store_content_release(content);
}

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, setup, room_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_ROOM(full_disk_at_each_point),
        IN_ROOM(write_error_at_each_point),
        IN_ROOM(what_may_come_true_is_told),
        IN_ROOM(short_writes_are_finished),
        IN_ROOM(empty_heap_at_each_point),
        IN_ROOM(opening_without_memory_fails_cleanly),
        IN_ROOM(low_space_stops_accepting_in_time),
        IN_ROOM(free_segments_are_given_back_before_mail_is_refused),
        IN_ROOM(the_disk_is_kept_free_as_the_manual_says),
        IN_ROOM(a_checkpoint_without_room_fails_alone),
        IN_ROOM(a_database_that_went_away_takes_nothing),
        IN_ROOM(failed_sync_gives_up_what_it_may_have_lost),
        IN_ROOM(a_long_content_leaves_little_for_its_sync),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
