/* Commits that a thread of the store's does while its owner goes on (src/store/sqlite/commit.c). Between
 * store_commit_begin and store_proceed nothing has landed, however far the thread is. */
#include "room.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct ending {
    unsigned calls;
    bool done;
    int code;
};

static void note_end(void *context, bool done, const struct error *err) {
    struct ending *ending = context;
    ending->calls++;
    ending->done = done;
    ending->code = done ? STORE_OK : err->code;
}

static void begin(struct room *room, struct ending *ending) {
    *ending = (struct ending){0};
    store_commit_begin(room->batch, note_end, ending);
    assert_int_equal(ending->calls, 0);
}

static void land(struct room *room, const struct ending *ending, bool done) {
    store_proceed(room->store, true);
    assert_int_equal(ending->calls, 1);
    assert_int_equal(ending->done, done);
}

static int setup(void **state) {
    setenv("CHASQUI_TEST_BESIDE", "1", 1);
    return room_setup(state);
}

/* ---- what is read meanwhile ---- */

static void reads_see_what_was_there_before(void **state) {
    struct room *room = *state;
    struct ending ending;
    uint64_t work, old = add_one(room, 100, 1, &work);
    room_commit(room);
    store_finish_work(room->batch, work, old);
    uint64_t fresh = add_one(room, 100, 2, NULL);
    begin(room, &ending);
    assert_true(store_thread_ended(room->options.thread, true)); /* it is on the disk, and not told */
    assert_true(is_there(room, old));
    assert_false(is_there(room, fresh));
    assert_int_equal(rows_of_work(room, -1), 1);
    expect_message(room, old, 100, 1);
    land(room, &ending, true);
    assert_false(is_there(room, old));
    assert_true(is_there(room, fresh));
}

static void its_descriptor_tells_of_the_end(void **state) {
    struct room *room = *state;
    struct ending ending;
    add_one(room, 100000, 1, NULL); /* bodies first, rows next */
    begin(room, &ending);
    while (!ending.calls) {
        struct pollfd end = {.fd = store_descriptor(room->store), .events = POLLIN};
        assert_int_equal(poll(&end, 1, 10000), 1);
        store_proceed(room->store, false);
    }
    assert_true(ending.done);
    store_proceed(room->store, false);
    struct pollfd idle = {.fd = store_descriptor(room->store), .events = POLLIN};
    assert_int_equal(poll(&idle, 1, 0), 0); /* whoever waits for it would never rest */
}

/* ---- what is written meanwhile ---- */

static bool count_event(void *context, int64_t at, struct span data) {
    (void)at, (void)data;
    ++*(unsigned *)context;
    return true;
}

/* What the thread was given has ended, and is not told: maintenance does not put itself off then. */
static void maintain_at_the_end(struct room *room) {
    assert_true(store_thread_ended(room->options.thread, true));
    store_maintain(room->store, 10, 10, 1);
}

/* Maintenance, and a store that is closed. */
static void other_transactions_wait_for_it(void **state) {
    struct room *room = *state;
    struct ending ending;
    uint64_t first = add_one(room, 100, 1, NULL);
    unsigned events = 0;
    assert_true(store_add_event(room->batch, SPAN_LIT("key"), 5, SPAN_LIT("expires")));
    room_commit(room);
    uint64_t message = add_one(room, 100, 1, NULL);
    begin(room, &ending);
    maintain_at_the_end(room);
    assert_false(is_there(room, message));
    assert_true(is_there(room, first));
    land(room, &ending, true);
    expect_message(room, message, 100, 1);
    assert_true(store_track(room->store, SPAN_LIT("key"), count_event, &events, NULL));
    assert_int_equal(events, 0);
    add_one(room, 70000, 2, NULL);
    begin(room, &ending);
    room_close(room);
    room_open(room);
}

/* I4: nor does its space, as long as what is read says that it is there. */
static void what_maintenance_landed_keeps_its_octets(void **state) {
    struct room *room = *state;
    struct ending ending;
    uint64_t work, old = add_one(room, 70000, 1, &work);
    room_commit(room);
    store_finish_work(room->batch, work, old);
    begin(room, &ending);
    maintain_at_the_end(room);
    assert_true(is_there(room, old));
    struct store_content *open = store_content_open(room->store, old, NULL);
    assert_non_null(open);
    land(room, &ending, true);
    assert_false(is_there(room, old));
    struct store_content *other = make_content(room, 70000, 2);
    expect_octets(open, 70000, 1);
    store_content_release(other);
    store_content_release(open);
}

enum { KEYS_EACH = 2048, KEY_ROUNDS = 66 }; /* more than a run of them (runs_private.h) */

static void key_of(unsigned number, uint8_t key[STORE_DIGEST]) {
    uint8_t digest[STORE_DIGEST] = {0};
    uint8_t id[4] = {(uint8_t)number, (uint8_t)(number >> 8), (uint8_t)(number >> 16)};
    assert_true(store_repeat_key(SPAN_LIT("PEER"), span_of(id, 4), digest, key));
}

static unsigned keys_missing(struct room *room, unsigned count) {
    unsigned missing = 0;
    uint8_t key[STORE_DIGEST];
    for (unsigned i = 0; i < count; i += 500) {
        key_of(i, key);
        missing += store_find_repeat(room->store, NULL, key, NULL) != STORE_REPEAT_KNOWN;
    }
    return missing;
}

/* I10, in the commit that writes the last of a run's index, too. */
static void repeat_keys_are_known_at_each_moment(void **state) {
    struct room *room = *state;
    for (unsigned round = 0; round < KEY_ROUNDS; round++) {
        struct ending ending;
        uint8_t key[STORE_DIGEST];
        for (unsigned i = 0; i < KEYS_EACH; i++) {
            key_of(round * KEYS_EACH + i, key);
            assert_true(store_add_repeat(room->batch, key, 1000000));
        }
        begin(room, &ending);
        assert_int_equal(keys_missing(room, round * KEYS_EACH), 0);
        maintain_at_the_end(room);
        assert_int_equal(keys_missing(room, round * KEYS_EACH), 0);
        land(room, &ending, true);
        assert_int_equal(keys_missing(room, (round + 1) * KEYS_EACH), 0);
    }
}

/* A name that was made while rows of others were on their way gets its row with the next commit. */
static void names_of_meanwhile_are_kept(void **state) {
    struct room *room = *state;
    struct ending ending;
    struct error err = {0};
    assert_int_not_equal(store_next_hop(room->store, SPAN_LIT("FIRST"), &err), 0);
    add_one(room, 100, 1, NULL);
    begin(room, &ending);
    uint32_t key = store_next_hop(room->store, SPAN_LIT("MEANWHILE"), &err);
    land(room, &ending, true);
    add_one(room, 100, 1, NULL);
    begin(room, &ending);
    land(room, &ending, true);
    room_reopen(room);
    struct span name;
    assert_true(store_next_hop_name(room->store, key, &name, &err));
    assert_true(span_eq(name, SPAN_LIT("MEANWHILE")));
}

/* NULL: as the system does. */
static void sync_by(struct room *room, int (*datasync)(int fd)) {
    static struct store_files files;
    files = store_system_files;
    files.datasync = datasync ? datasync : files.datasync;
    room_close(room);
    room->engine.files = &files;
    room_open(room);
}

static unsigned syncs;

static int counted_datasync(int fd) {
    syncs++;
    return store_system_files.datasync(fd);
}

/* I3: octets that came while a sync of their segment went on are not taken for synced. */
static void octets_of_meanwhile_are_synced_with_their_own(void **state) {
    struct room *room = *state;
    struct ending ending;
    sync_by(room, counted_datasync);
    add_one(room, 70000, 1, NULL);
    begin(room, &ending);
    struct store_content *meanwhile = make_content(room, 70000, 2);
    land(room, &ending, true);
    syncs = 0;
    uint64_t message = store_add_message(room->batch, 1000, SPAN_LIT("envelope"), meanwhile);
    store_content_release(meanwhile);
    struct store_work row = {.message = message, .next_hop = 1, .due = 5, .expiry = 10};
    assert_true(store_add_work(room->batch, &row));
    begin(room, &ending);
    land(room, &ending, true);
    assert_int_equal(syncs, 1);
    expect_message(room, message, 70000, 2);
    sync_by(room, NULL);
}

static int slow_datasync(int fd) {
    usleep(1500000);
    return store_system_files.datasync(fd);
}

/* SQLite's default operations, with syncs of the log that take as long. */
static struct slow_methods {
    sqlite3_io_methods ours;
    const sqlite3_io_methods *real;
} slow_log;

static useconds_t slow_us = 1500000;

static int slow_sync(sqlite3_file *file, int flags) {
    usleep(slow_us);
    return slow_log.real->xSync(file, flags);
}

static int slow_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags) {
    int code = ((sqlite3_vfs *)vfs->pAppData)->xOpen(vfs->pAppData, name, file, flags, out_flags);
    if (code == SQLITE_OK && flags & SQLITE_OPEN_WAL) {
        slow_log.real = file->pMethods;
        slow_log.ours = *file->pMethods;
        slow_log.ours.xSync = slow_sync;
        file->pMethods = &slow_log.ours;
    }
    return code;
}

static const char *slow_vfs(void) {
    static sqlite3_vfs slow;
    if (!slow.zName) {
        slow = *sqlite3_vfs_find(NULL);
        slow.pAppData = sqlite3_vfs_find(NULL);
        slow.zName = "slow";
        slow.xOpen = slow_open;
        sqlite3_vfs_register(&slow, 0);
    }
    return slow.zName;
}

static void maintenance_does_not_wait_for_the_disk(void **state) {
    struct room *room = *state;
    struct ending ending;
    sync_by(room, slow_datasync);
    add_one(room, 70000, 1, NULL);
    begin(room, &ending);
    for (unsigned i = 0; i < 60; i++)
        assert_false(store_maintain(room->store, 10, 10, 1));
    assert_false(store_thread_ended(room->options.thread, false));
    store_maintain(room->store, 10, 10, 1); /* its turn has come, though it waits */
    assert_true(store_thread_ended(room->options.thread, false));
    land(room, &ending, true);
    sync_by(room, NULL);
}

/* As the daemon opens it: the thread is not given each commit. */
static void small_commits_go_there_on_a_slow_disk(void **state) {
    struct room *room = *state;
    struct ending ending;
    struct error err = {0};
    unsigned waited = 0;
    room_close(room);
    slow_us = 50000;
    room->engine.vfs = slow_vfs();
    room->engine.beside = false;
    room->store = store_open(room->path, &room->options, &err);
    room->batch = store_batch_new(room->store);
    for (ending.calls = 1; ending.calls && waited < 20; waited += ending.calls) {
        ending = (struct ending){0};
        add_one(room, 100, 1, NULL);
        store_commit_begin(room->batch, note_end, &ending);
    }
    assert_in_range(waited, 1, 19); /* it was not slow yet */
    land(room, &ending, true);
    assert_int_equal(rows_of_work(room, -1), waited + 1);
}

static void with_slow_syncs(struct room *room) {
    room_close(room);
    slow_us = 300000;
    room->engine.vfs = slow_vfs();
    room_open(room);
}

/* A commit that is begun while the thread copies the log comes after that. */
static void a_commit_waits_for_the_copy_of_the_log(void **state) {
    struct room *room = *state;
    static uint8_t octets[16000];
    struct ending ending;
    with_slow_syncs(room);
    for (unsigned i = 0; i < 1200; i++) { /* over 2,000 pages */
        uint8_t name[2] = {(uint8_t)i, (uint8_t)(i >> 8)};
        assert_true(
            store_put_record(room->batch, 70, span_of(name, sizeof name), span_of(octets, sizeof octets)));
    }
    begin(room, &ending);
    while (!ending.calls)
        store_proceed(room->store, false);
    assert_false(store_thread_ended(room->options.thread, false)); /* the log is being copied */
    uint64_t message = add_one(room, 100, 1, NULL);
    begin(room, &ending);
    land(room, &ending, true);
    room_reopen(room);
    assert_true(is_there(room, message));
}

/* What the thread has is waited for. */
static void a_store_is_closed_under_a_commit(void **state) {
    struct room *room = *state;
    struct ending ending;
    with_slow_syncs(room);
    uint64_t message = add_one(room, 100, 1, NULL);
    begin(room, &ending);
    room_reopen(room);
    assert_true(is_there(room, message));
}

/* ---- the end of the process ---- */

static int64_t ms_since(int64_t then) {
    return (clock_monotonic_us() - then) / 1000;
}

/* It waits for nothing: neither who gives up nor who closes. A child, since what is given up stays until the
 * process ends. */
static int give_up_in_a_child(struct room *room, uint64_t length) {
    pid_t child = fork();
    if (child == 0) {
        struct ending ending;
        room_open(room);
        add_one(room, length, 1, NULL);
        begin(room, &ending);
        int64_t then = clock_monotonic_us();
        store_give_up(room->store);
        bool told = ending.calls == 1 && !ending.done && ending.code == STORE_IO;
        store_proceed(room->store, true);
        store_commit_begin(room->batch, note_end, &ending);
        bool refused = ending.calls == 2 && !ending.done;
        store_probe(room->store);
        bool accepts = store_accepting(room->store), more = store_maintain(room->store, 10, 10, 1000);
        room_close(room);
        _exit(!told ? 1 : !refused ? 2 : accepts || more ? 3 : ms_since(then) > 1000 ? 4 : 0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void what_the_disk_keeps_can_be_given_up(void **state) {
    struct room *room = *state;
    sync_by(room, slow_datasync);
    slow_us = 1500000;
    room_close(room);
    assert_int_equal(give_up_in_a_child(room, 70000), 0); /* bodies */
    room->engine.vfs = slow_vfs();
    assert_int_equal(give_up_in_a_child(room, 100), 0); /* rows */
    room->engine.vfs = NULL;
    room->engine.files = NULL;
    room_open(room);
    assert_in_range(rows_of_work(room, -1), 0, 1);
}

/* What has ended by then is told as it is. */
static void what_has_ended_is_not_given_up(void **state) {
    struct room *room = *state;
    struct ending ending;
    uint64_t message = add_one(room, 100, 1, NULL);
    begin(room, &ending);
    assert_true(store_thread_ended(room->options.thread, true));
    store_give_up(room->store);
    assert_int_equal(ending.calls, 1);
    assert_true(ending.done);
    room_reopen(room);
    assert_true(is_there(room, message));
}

/* The contents that it would have removed are released. */
static void a_store_is_closed_under_a_removal(void **state) {
    struct room *room = *state;
    struct ending ending;
    uint64_t work, old = add_one(room, 70000, 1, &work);
    room_commit(room);
    store_finish_work(room->batch, work, old);
    begin(room, &ending);
    room_reopen(room);
}

/* ---- what fails ---- */

static int failing_datasync(int fd) {
    (void)fd;
    errno = EIO;
    return -1;
}

static void a_sync_that_fails_there_fails_the_commit(void **state) {
    struct room *room = *state;
    struct ending ending;
    sync_by(room, failing_datasync);
    add_one(room, 70000, 1, NULL);
    begin(room, &ending);
    land(room, &ending, false);
    assert_int_equal(ending.code, STORE_IO);
    assert_int_equal(rows_of_work(room, -1), 0);
    assert_false(store_accepting(room->store));
    sync_by(room, NULL);
}

/* ---- the log ---- */

static long log_size(const struct room *room) {
    char name[PLACE_MAX + 20];
    struct stat status;
    snprintf(name, sizeof name, "%s/queue.db-wal", room->path);
    return stat(name, &status) == 0 ? (long)status.st_size : 0;
}

/* It is used from its begin again once it was copied into the database: 2,000 pages, and what came meanwhile.
 */
static void the_log_does_not_grow_without_end(void **state) {
    struct room *room = *state;
    static uint8_t octets[8000];
    struct ending ending;
    for (unsigned i = 0; i < 1200; i++) {
        uint8_t name[4] = {(uint8_t)i, (uint8_t)(i >> 8)};
        for (unsigned n = 0; n < 8; n++) {
            name[2] = (uint8_t)n;
            assert_true(store_put_record(room->batch, 70, span_of(name, sizeof name),
                                         span_of(octets, sizeof octets)));
        }
        begin(room, &ending);
        land(room, &ending, true);
    }
    assert_in_range(log_size(room), 1, 24 << 20);
}

/* ---- the thread itself ---- */

static void note_signals(void *blocked) {
    pthread_sigmask(SIG_SETMASK, NULL, blocked);
}

/* A signal of its process is the owner's, whose loop it wakes: the thread is never interrupted in a sync. */
static void it_takes_no_signals(void **state) {
    static const int theirs[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1, SIGALRM};
    struct store_thread *thread = store_thread_start(NULL);
    sigset_t blocked, before, after;
    (void)state;
    assert_non_null(thread);
    sigemptyset(&blocked);
    store_thread_begin(thread, note_signals, &blocked);
    assert_true(store_thread_ended(thread, true));
    store_thread_stop(thread);
    for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++)
        assert_true(sigismember(&blocked, theirs[i]));
    /* and who started one takes them as before */
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    thread = store_thread_start(NULL);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    store_thread_stop(thread);
    for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++)
        assert_true(!sigismember(&before, theirs[i]) && !sigismember(&after, theirs[i]));
}

#define BESIDE(test) cmocka_unit_test_setup_teardown(test, setup, room_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        BESIDE(reads_see_what_was_there_before),
        BESIDE(its_descriptor_tells_of_the_end),
        BESIDE(other_transactions_wait_for_it),
        BESIDE(what_maintenance_landed_keeps_its_octets),
        BESIDE(repeat_keys_are_known_at_each_moment),
        BESIDE(names_of_meanwhile_are_kept),
        BESIDE(maintenance_does_not_wait_for_the_disk),
        BESIDE(small_commits_go_there_on_a_slow_disk),
        BESIDE(a_commit_waits_for_the_copy_of_the_log),
        BESIDE(a_store_is_closed_under_a_commit),
        BESIDE(what_the_disk_keeps_can_be_given_up),
        BESIDE(what_has_ended_is_not_given_up),
        BESIDE(a_store_is_closed_under_a_removal),
        BESIDE(octets_of_meanwhile_are_synced_with_their_own),
        BESIDE(a_sync_that_fails_there_fails_the_commit),
        BESIDE(the_log_does_not_grow_without_end),
        cmocka_unit_test(it_takes_no_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
