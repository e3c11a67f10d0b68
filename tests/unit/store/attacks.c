/*
 * I15: whatever the writer does between any two file operations of a reader
 * (moving, removing, using the space again, starting anew), the reader hands out
 * the content's octets or says that it is gone.
 *
 * And a script of all that a day brings, with the n-th write or sync failing for
 * each n, of the database and of the segments apart: what was confirmed stays,
 * the store says why it stops accepting, and goes on when the disk does.
 */
#include "no_sync.h"

#include <errno.h>
#include <fcntl.h>

/* ---- the reader's file operations ---- */

static struct {
    long left; /* operations until the writer has its turn; negative: it has none */
    void (*turn)(void);
    struct room *room;
    uint64_t work, message;
    bool restarts;
} attack = {.left = -1};

static void maybe_turn(void) {
    if (attack.left < 0 || attack.left-- > 0)
        return;
    attack.turn();
}

static int attacked_open(const char *path, int flags, mode_t mode) {
    maybe_turn();
    return store_system_files.open(path, flags, mode);
}

static ssize_t attacked_pread(int fd, void *out, size_t len, off_t offset) {
    maybe_turn();
    ssize_t got = pread(fd, out, len, offset);
    maybe_turn();
    return got;
}

static int attacked_close(int fd) {
    maybe_turn();
    return close(fd);
}

/* ---- the writer ---- */

enum { PART = 2000000 };

static uint64_t add_rubbish(struct room *room, uint8_t octet, uint64_t *work) {
    static uint8_t octets[PART];
    memset(octets, octet, sizeof octets);
    struct store_content *content = store_content_create(room->store, sizeof octets, NULL);
    assert_true(store_content_append(content, span_of(octets, sizeof octets), NULL));
    uint64_t message = store_add_message(room->batch, 1, SPAN_LIT("rubbish"), content);
    store_content_release(content);
    *work = store_add_work(room->batch, &(struct store_work){.message = message});
    return message;
}

static void use_space_again(struct room *room) {
    uint64_t work;
    if (attack.restarts)
        room_reopen(room);
    for (unsigned i = 0; i < 34; i++)
        add_rubbish(room, 0xEE, &work);
    room_commit(room);
}

static void move_it(void) {
    for (int i = 0; i < 300; i++)
        store_maintain(attack.room->store, 0, 0, 1000);
    use_space_again(attack.room);
}

static void remove_it(void) {
    store_finish_work(attack.room->batch, attack.work, attack.message);
    room_commit(attack.room);
    store_maintain(attack.room->store, 0, 0, 1000);
    use_space_again(attack.room);
}

/* One content that is read stands alone in a full segment; another one comes after it. */
static void prepare_attack(struct room *room) {
    uint64_t work[34], ids[34];
    attack.message = add_one(room, PART, 9, &attack.work);
    for (unsigned i = 0; i < 34; i++)
        ids[i] = add_rubbish(room, 0xDD, &work[i]);
    room_commit(room);
    for (unsigned i = 0; i < 34; i++)
        store_finish_work(room->batch, work[i], ids[i]);
    room_commit(room);
    attack.room = room;
}

/* The octets as far as they came; false when the content is gone. */
static bool read_all(struct store *reader) {
    static uint8_t got_octets[500000], want[500000];
    struct error err = {0};
    struct store_content *content = store_content_open(reader, attack.message, &err);
    size_t got = 1;
    bool there = content != NULL;
    for (uint64_t at = 0; there && at < PART; at += got) {
        there = store_content_read(content, at, got_octets, sizeof got_octets, &got, &err);
        if (!there)
            break;
        assert_int_not_equal(got, 0);
        fill_octets(want, at, got, 9);
        assert_memory_equal(got_octets, want, got);
    }
    store_content_release(content);
    if (!there)
        assert_int_equal(err.code, STORE_NOT_FOUND);
    return there;
}

static void attack_at_each_operation(struct room *room, void (*turn)(void), bool restarts) {
    static struct store_files files;
    char command[128];
    files = store_system_files;
    files.open = attacked_open;
    files.pread = attacked_pread;
    files.close = attacked_close;
    struct sqlite_options engine = {.files = &files};
    struct store_options options = {.read_only = true, .engine = &engine};
    unsigned gone = 0;
    for (long n = 0; n < 5; n++) { /* a whole round of opening, reading and closing, and the next */
        prepare_attack(room);
        struct store *reader = store_open(room->path, &options, NULL);
        assert_non_null(reader);
        attack.left = n;
        attack.turn = turn;
        attack.restarts = restarts;
        bool there = read_all(reader);
        assert_true(attack.left < 0); /* it had its turn */
        assert_true(there || turn == remove_it);
        gone += !there;
        attack.left = -1;
        store_close(reader);
        room_close(room);
        snprintf(command, sizeof command, "rm -rf %s/*", room->path);
        assert_int_equal(system(command), 0);
        room_open(room);
    }
    assert_true(turn != remove_it || gone > 0);
}

static void reader_survives_moves_between_its_operations(void **state) {
    attack_at_each_operation(*state, move_it, false);
}

static void reader_survives_moves_and_a_new_writer(void **state) {
    attack_at_each_operation(*state, move_it, true);
}

static void reader_survives_removal_between_its_operations(void **state) {
    attack_at_each_operation(*state, remove_it, false);
}

static void reader_survives_removal_and_a_new_writer(void **state) {
    attack_at_each_operation(*state, remove_it, true);
}

/* ---- faults of one side ---- */

enum side { NEITHER, DATABASE, SEGMENTS };

static struct {
    enum side side;
    long left; /* calls to let pass */
    int number;
    bool hit;
} fault;

static bool fails(enum side side) {
    if (fault.side != side || fault.left-- > 0)
        return false;
    fault.left = 0; /* it stays so until it is ended */
    fault.hit = true;
    errno = fault.number;
    return true;
}

static const sqlite3_io_methods *real_of(const sqlite3_file *file) {
    return ((const struct no_sync_methods *)file->pMethods)->real;
}

static int faulty_write(sqlite3_file *file, const void *octets, int len, sqlite3_int64 offset) {
    if (!fails(DATABASE))
        return real_of(file)->xWrite(file, octets, len, offset);
    return fault.number == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int faulty_sync(sqlite3_file *file, int flags) {
    (void)file, (void)flags;
    return fails(DATABASE) ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int faulty_truncate(sqlite3_file *file, sqlite3_int64 size) {
    return fails(DATABASE) ? SQLITE_IOERR_TRUNCATE : real_of(file)->xTruncate(file, size);
}

static int faulty_open_database(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                                int *out_flags) {
    int code = no_sync_open(vfs, name, file, flags, out_flags);
    if (code == SQLITE_OK && file->pMethods) {
        struct no_sync_methods *m = no_sync_methods;
        while (&m->ours != file->pMethods)
            m++;
        m->ours.xWrite = faulty_write;
        m->ours.xSync = faulty_sync;
        m->ours.xTruncate = faulty_truncate;
    }
    return code;
}

static int faulty_open(const char *path, int flags, mode_t mode) {
    return flags & O_CREAT && fails(SEGMENTS) ? -1 : store_system_files.open(path, flags, mode);
}

static ssize_t faulty_pwrite(int fd, const void *octets, size_t len, off_t offset) {
    return fails(SEGMENTS) ? -1 : pwrite(fd, octets, len, offset);
}

static int faulty_datasync(int fd) {
    (void)fd;
    return fails(SEGMENTS) ? -1 : 0;
}

static int faulty_allocate(int fd, off_t len) {
    return fails(SEGMENTS) ? fault.number : store_system_files.allocate(fd, len);
}

static int faulty_unlink(const char *path) {
    return fails(SEGMENTS) ? -1 : unlink(path);
}

static int faulty_sync_folder(const char *path) {
    (void)path;
    return fails(SEGMENTS) ? -1 : 0;
}

static int64_t plenty(const char *path) {
    (void)path;
    return INT64_MAX;
}

static int faults_setup(void **state) {
    static sqlite3_vfs vfs;
    static struct store_files files;
    if (no_sync_setup(state))
        return -1;
    struct room *room = *state;
    if (!vfs.zName) {
        vfs = *sqlite3_vfs_find("unix");
        vfs.pAppData = sqlite3_vfs_find("unix");
        vfs.zName = "one-side";
        vfs.xOpen = faulty_open_database;
        sqlite3_vfs_register(&vfs, 0);
        files = store_system_files;
        files.open = faulty_open;
        files.pwrite = faulty_pwrite;
        files.datasync = faulty_datasync;
        files.allocate = faulty_allocate;
        files.unlink = faulty_unlink;
        files.sync_folder = faulty_sync_folder;
        files.free_space = plenty;
    }
    room_close(room);
    room->engine.vfs = "one-side";
    room->engine.files = &files;
    room_open(room);
    return 0;
}

/* ---- the script ---- */

enum { STEPS = 6 };

struct script {
    struct room *room;
    uint64_t message[STEPS], work[STEPS], activity;
    bool confirmed[STEPS]; /* the commit of the step said so */
};

static size_t length_of(unsigned step) {
    static const size_t lengths[] = {100, 30000, 8193, 0, 1200000, 60};
    return lengths[step];
}

/* NULL: the content's octets found no place. */
static struct store_content *content_of(struct script *script, unsigned step, struct error *err) {
    static uint8_t octets[1200000];
    size_t len = length_of(step);
    struct store_content *content = store_content_create(script->room->store, len, err);
    fill_octets(octets, 0, len, step);
    if (content && store_content_append(content, span_of(octets, len), err))
        return content;
    store_content_release(content);
    return NULL;
}

/* A message comes in, with all that may come with one; the one of two steps before leaves. */
static bool take_step(struct script *script, unsigned step, struct error *err) {
    struct room *room = script->room;
    char key[16];
    uint8_t digest[STORE_DIGEST] = {(uint8_t)step};
    snprintf(key, sizeof key, "step %u", step);
    struct store_content *content = content_of(script, step, err);
    if (!content)
        return false;
    struct store_activity_in in = {.id = script->activity, .peer = SPAN_LIT("p"), .serial = step};
    script->message[step] = store_add_message(room->batch, step, span_str(key), content);
    script->work[step] = store_add_work(
        room->batch, &(struct store_work){.message = script->message[step],
                                          .next_hop = store_next_hop(room->store, span_str(key), NULL)});
    store_add_event(room->batch, span_str(key), step, SPAN_LIT("in"));
    add_repeat(room->batch, SPAN_LIT("p"), span_str(key), digest, INT64_MAX);
    store_add_entry(room->batch, store_mailbox(room->store, SPAN_LIT("box"), NULL),
                    &(struct store_entry){.message = script->message[step]}, NULL);
    script->activity = store_put_activity_in(room->batch, &in, NULL);
    if (step >= 2)
        store_finish_work(room->batch, script->work[step - 2], script->message[step - 2]);
    store_content_release(content);
    return store_commit(room->batch, err);
}

static bool ignore(void *context, int64_t at, struct span data) {
    (void)at, (void)data;
    ++*(int *)context;
    return true;
}

static void expect_step(struct script *script, unsigned step) {
    struct room *room = script->room;
    char key[16];
    int events = 0;
    uint8_t digest[STORE_DIGEST] = {(uint8_t)step};
    snprintf(key, sizeof key, "step %u", step);
    assert_true(is_there(room, script->message[step]));
    expect_message(room, script->message[step], length_of(step), step);
    assert_int_equal(find_repeat(room->store, NULL, SPAN_LIT("p"), span_str(key), digest),
                     STORE_REPEAT_KNOWN);
    assert_true(store_track(room->store, span_str(key), ignore, &events, NULL));
    assert_int_equal(events, 1);
}

/* The disk fails: the batch is refused with its cause; the disk is well again: the same step succeeds. */
static void overcome(struct script *script, unsigned step, const struct error *err, enum store_code code) {
    struct room *room = script->room;
    if (err->code != (int)code)
        fail_msg("step %u: %s", step, err->text);
    /* A content without a place is refused by itself; a failed commit closes the store. */
    assert_true(store_batch_is_empty(room->batch) || !store_accepting(room->store));
    if (!store_accepting(room->store)) {
        assert_int_equal(store_cause(room->store)->code, err->code);
        assert_int_equal(store_probe(room->store),
                         fault.side == SEGMENTS); /* what it tries is the database */
    }
    for (unsigned before = 0; before < step; before++)
        if (script->confirmed[before])
            expect_step(script, before); /* what is held is served */
    store_batch_clear(room->batch);
    fault.side = NEITHER;
    assert_true(store_accepting(room->store) || store_probe(room->store));
    struct error again = {0};
    if (!take_step(script, step, &again))
        fail_msg("step %u, again: %s", step, again.text);
}

/* True when the fault was hit. */
static bool run_script(struct room *room, enum side side, long n, int number, enum store_code code) {
    struct script script = {.room = room};
    fault.side = side;
    fault.left = n;
    fault.number = number;
    fault.hit = false;
    for (unsigned step = 0; step < STEPS; step++) {
        struct error err = {0};
        uint64_t activity = script.activity;
        if (!take_step(&script, step, &err)) {
            script.activity = activity;
            overcome(&script, step, &err, code);
        }
        script.confirmed[step] = true;
        store_maintain(room->store, 0, 0, 1);
        if (!store_accepting(room->store)) { /* what comes after a commit may close it too */
            fault.side = NEITHER;
            assert_true(store_probe(room->store));
        }
    }
    fault.side = NEITHER;
    room_reopen(room);
    for (unsigned step = 0; step < STEPS; step++)
        expect_step(&script, step);
    assert_true(store_accepting(room->store));
    return fault.hit;
}

static void fail_at_each_call(struct room *room, enum side side, int number, enum store_code code,
                              long stride) {
    char command[128];
    long n = 0;
    for (bool hit = true; hit; n += stride) {
        hit = run_script(room, side, n, number, code);
        room_close(room);
        room_check(room);
        snprintf(command, sizeof command, "rm -rf %s/*", room->path);
        assert_int_equal(system(command), 0);
        room_open(room);
    }
    fprintf(stderr, "# failed at %ld calls\n", n / stride - 1);
    assert_true(n > 5);
}

static void full_disk_under_the_database(void **state) {
    fail_at_each_call(*state, DATABASE, ENOSPC, STORE_FULL, 1);
}

static void read_only_disk_under_the_database(void **state) {
    fail_at_each_call(*state, DATABASE, EROFS, STORE_READ_ONLY, 5);
}

static void full_disk_under_the_segments(void **state) {
    fail_at_each_call(*state, SEGMENTS, ENOSPC, STORE_FULL, 1);
}

static void read_only_disk_under_the_segments(void **state) {
    fail_at_each_call(*state, SEGMENTS, EROFS, STORE_READ_ONLY, 1);
}

/* What an operator needs to know of a commit that failed: SQLite's own word says the same of all of them. */
static void a_failed_commit_tells_what_the_system_said(void **state) {
    static const struct {
        int number;
        enum store_code code;
        const char *text;
    } cases[] = {
        {EIO, STORE_IO, "SQLite's code 778, errno 5, Input/output error (COMMIT)"},
        {EFBIG, STORE_FULL, "SQLite's code 778, errno 27, File too large (COMMIT)"},
        {EDQUOT, STORE_FULL, "SQLite's code 778, errno 122, Disk quota exceeded (COMMIT)"},
        {EROFS, STORE_READ_ONLY, "SQLite's code 778, errno 30, Read-only file system (COMMIT)"},
        {ENOSPC, STORE_FULL, "SQLite's code 13, errno 28, No space left on device (COMMIT)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct script script = {.room = *state};
        struct error err = {0};
        fault.side = DATABASE;
        fault.left = 0;
        fault.number = cases[i].number;
        assert_false(take_step(&script, 0, &err));
        fault.side = NEITHER;
        assert_int_equal(err.code, cases[i].code);
        if (!strstr(err.text, cases[i].text))
            fail_msg("%s", err.text);
        store_batch_clear(script.room->batch);
        assert_true(store_probe(script.room->store));
    }
}

#define IN_ROOM(test)    cmocka_unit_test_setup_teardown(test, no_sync_setup, room_teardown)
#define WITH_FAULT(test) cmocka_unit_test_setup_teardown(test, faults_setup, room_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_ROOM(reader_survives_moves_between_its_operations),
        IN_ROOM(reader_survives_moves_and_a_new_writer),
        IN_ROOM(reader_survives_removal_between_its_operations),
        IN_ROOM(reader_survives_removal_and_a_new_writer),
        WITH_FAULT(a_failed_commit_tells_what_the_system_said),
        WITH_FAULT(full_disk_under_the_database),
        WITH_FAULT(read_only_disk_under_the_database),
        WITH_FAULT(full_disk_under_the_segments),
        WITH_FAULT(read_only_disk_under_the_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
