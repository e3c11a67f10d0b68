/*
 * Stores of older versions are opened with all that they hold, newer ones and
 * other programs' databases are refused and left as they are.
 *
 * old/version-2.sql was left by the first program that kept a store. No program
 * ever left one of version 1 (both steps came together), so that one is made
 * from it by taking away what the second step adds.
 */
#include "raw_sql.h"
#include "room.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "store/backup.h"
#include "store/check.h"
#include "store/move.h"
#include "store/place.h"
#include "store/sqlite/sqlite_private.h"

static void shell(const char *format, const char *path) {
    char command[512];
    snprintf(command, sizeof command, format, path);
    assert_int_equal(system(command), 0);
}

/* ---- the old store ---- */

static char *read_whole(const char *path) {
    static char text[32768];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (len <= 0)
        fail_msg("%s can't be read", path);
    close(fd);
    text[len] = 0;
    return text;
}

/* The contents in the segment, as extents of version-2.sql have them. */
static const struct {
    unsigned seed;
    long offset;
    size_t len;
} bodies[] = {{3, 0, 20000},        {4, 20480, 100000},  {6, 122880, 8193},
              {7, 135168, 1500000}, {8, 1638400, 30000}, {11, 1671168, 40000}};

/* Version 2 noted completed activities as records, and not whether they were accepted. What was read and
 * answered had both of an entry's flags. */
#define COMPLETED "INSERT INTO record VALUES(65, x'61', x'62'); UPDATE entry SET flags = 3 WHERE flags = 1"

static void write_segment(const struct room *room) {
    static uint8_t octets[1500000];
    char name[128];
    snprintf(name, sizeof name, "%s/segments", room->path);
    assert_int_equal(mkdir(name, 0700), 0);
    snprintf(name, sizeof name, "%s/segments/00000001", room->path);
    int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, 64 << 20), 0);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        fill_octets(octets, 0, bodies[i].len, bodies[i].seed);
        assert_int_equal(pwrite(fd, octets, bodies[i].len, bodies[i].offset), bodies[i].len);
    }
    close(fd);
}

#define BACK_TO_1                                                                                            \
    "DROP TABLE mailbox; DROP TABLE entry; DROP TABLE record; DELETE FROM message WHERE id = 34;"            \
    "DELETE FROM content WHERE id = 33; DELETE FROM extent WHERE content = 33; PRAGMA user_version = 1"

static void make_old(struct room *room, int version) {
    const char *source = getenv("CHASQUI_SOURCE");
    char name[1024];
    if (room->store)
        room_close(room);
    shell("rm -rf %s/*", room->path);
    snprintf(name, sizeof name, "%s/tests/unit/store/old/version-2.sql", source ? source : ".");
    raw_sql(room, read_whole(name));
    raw_sql(room, version == 1 ? BACK_TO_1 : COMPLETED);
    write_segment(room);
}

/* ---- all that it holds ---- */

static const struct {
    uint64_t message, work;
    size_t len;
    unsigned seed;
    struct store_work row;
    const char *data;
} copies[] = {
    {1, 2, 100, 1, {.due = 5, .expiry = 10, .next_hop = 1, .priority = 1}, "ready"},
    {5, 6, 0, 2, {.due = 9000, .expiry = 10000, .next_hop = 1, .priority = 2, .status = 1}, "deferred"},
    {10, 11, 20000, 3, {.due = 7, .expiry = 70, .next_hop = 2, .tries = 4, .status = 2}, "held"},
    {15,
     16,
     100000,
     4,
     {.due = 8, .expiry = 80, .next_hop = 2, .doubt_peer = 2, .tries = 1, .priority = 2},
     "in doubt"},
    {19, 20, 300, 5, {.due = 1, .expiry = 90, .next_hop = 1, .priority = 2}, "second short one"},
    {24, 25, 8193, 6, {.due = 1, .expiry = 90, .next_hop = 1, .priority = 2}, "shortest in a segment"},
    {29, 30, 1500000, 7, {.due = 1, .expiry = 90, .next_hop = 1, .priority = 2}, "two blocks of the digest"},
};
#define COPIES (sizeof copies / sizeof *copies)

static void expect_envelope(struct room *room, uint64_t id, unsigned seed) {
    struct store_message message;
    char want[40];
    struct error err = {0};
    if (!store_get_message(room->store, id, &room->arena, &message, &err))
        fail_msg("message %llu: %s", (unsigned long long)id, err.text);
    snprintf(want, sizeof want, "envelope %u", seed);
    assert_true(span_eq(message.envelope, span_str(want)));
    assert_int_equal(message.arrival, 1000 + seed);
}

static bool count_event(void *context, int64_t at, struct span data) {
    (void)at;
    assert_true(span_eq(data, SPAN_LIT("accepted")));
    ++*(int *)context;
    return true;
}

static void expect_history(struct room *room, unsigned seed) {
    char name[40];
    int events = 0;
    uint8_t digest[STORE_DIGEST] = {(uint8_t)seed};
    snprintf(name, sizeof name, "envelope %u", seed);
    assert_true(store_track(room->store, span_str(name), count_event, &events, NULL));
    assert_int_equal(events, 1);
    assert_int_equal(find_repeat(room->store, NULL, SPAN_LIT("ALPHA"), span_str(name), digest),
                     STORE_REPEAT_KNOWN);
}

static void expect_copies(struct room *room) {
    for (size_t i = 0; i < COPIES; i++) {
        struct store_work row;
        const struct store_work *want = &copies[i].row;
        assert_true(store_get_work(room->store, copies[i].work, &room->arena, &row, NULL));
        assert_int_equal(row.message, copies[i].message);
        assert_int_equal(row.next_hop, want->next_hop);
        assert_int_equal(row.doubt_peer, want->doubt_peer);
        assert_int_equal(row.status, want->status);
        assert_int_equal(row.priority, want->priority);
        assert_int_equal(row.tries, want->tries);
        assert_int_equal(row.due, want->due);
        assert_int_equal(row.expiry, want->expiry);
        assert_true(span_eq(row.data, span_str(copies[i].data)));
        expect_envelope(room, copies[i].message, copies[i].seed);
        expect_message(room, copies[i].message, copies[i].len, copies[i].seed);
        expect_history(room, copies[i].seed);
    }
    struct span name;
    assert_true(store_next_hop_name(room->store, 1, &name, NULL) && span_eq(name, SPAN_LIT("BETA")));
    assert_true(store_next_hop_name(room->store, 2, &name, NULL) && span_eq(name, SPAN_LIT("GAMMA")));
}

static bool note_activity_out(void *context, const struct store_activity_out *out) {
    assert_int_equal(out->work, 16);
    assert_int_equal(out->serial, 3);
    assert_int_equal(out->offset, 65536);
    assert_true(span_eq(out->association, SPAN_LIT("their association")));
    assert_true(span_eq(out->data, SPAN_LIT("state out")));
    ++*(int *)context;
    return true;
}

static void expect_activities(struct room *room) {
    int out = 0;
    assert_false(is_there(room, 38)); /* nothing but a hold was left of it */
    assert_true(store_each_activity_out(room->store, note_activity_out, &out, NULL));
    assert_int_equal(out, 1);
    const struct store_activity_in *in =
        find_activity(room->store, SPAN_LIT("ALPHA"), SPAN_LIT("a1"), SPAN_LIT("1"));
    assert_non_null(in);
    assert_int_equal(in->serial, 4);
    assert_int_equal(in->offset, 40100);
    assert_int_equal(in->content_length, 40000);
    assert_true(span_eq(in->state, SPAN_LIT("state in")));
    assert_non_null(find_activity(room->store, SPAN_LIT("ALPHA"), SPAN_LIT("a1"), SPAN_LIT("2")));
}

static void expect_entry(struct room *room, const char *mailbox, enum store_entry_status status) {
    struct store_entry entry;
    uint32_t box = store_find_mailbox(room->store, span_str(mailbox), NULL);
    assert_int_not_equal(box, 0);
    assert_true(store_get_entry(room->store, box, 1, &room->arena, &entry, NULL));
    assert_int_equal(entry.message, 34);
    assert_int_equal(entry.at, 44);
    assert_int_equal(entry.status, status);
    assert_int_equal(entry.flags, status == STORE_PROCESSED ? 2 : 0);
    assert_true(span_eq(entry.data, SPAN_LIT("delivery 8")));
    assert_int_equal(entry.octets, 10 + 30000); /* its data and the message's content */
}

static void expect_mailboxes(struct room *room) {
    struct buf data;
    buf_init(&data, 100);
    expect_entry(room, "/S=Ann/", STORE_NEW);
    expect_entry(room, "/S=Ben/", STORE_PROCESSED);
    expect_envelope(room, 34, 8);
    expect_message(room, 34, 30000, 8);
    assert_true(store_get_record(room->store, STORE_USER, SPAN_LIT("/S=Ann/"), &data, NULL));
    assert_true(span_eq(buf_span(&data), SPAN_LIT("uid 1000")));
    assert_true(store_get_record(room->store, STORE_SETTING, SPAN_LIT("a"), &data, NULL));
    buf_free(&data);
}

static void expect_outcomes(struct room *room) {
    struct buf data;
    buf_init(&data, 0);
    assert_false(store_get_record(room->store, 65, SPAN_LIT("a"), &data, NULL));
    assert_false(store_get_outcome(room->store, SPAN_LIT("a1"), SPAN_LIT("1"), SPAN_LIT("p"), &data, NULL));
    assert_true(store_put_outcome(room->batch, &(struct store_outcome){.association = SPAN_LIT("a1")}));
    room_commit(room);
    assert_true(store_get_outcome(room->store, SPAN_LIT("a1"), SPAN_LIT(""), SPAN_LIT(""), &data, NULL));
    buf_free(&data);
}

static void expect_old(struct room *room, int version) {
    expect_copies(room);
    expect_activities(room);
    if (version > 1)
        expect_mailboxes(room);
    expect_outcomes(room);
}

/* ---- and the work goes on ---- */

static void resume_activity(struct room *room) {
    struct error err = {0};
    struct store_activity_in in =
        *find_activity(room->store, SPAN_LIT("ALPHA"), SPAN_LIT("a1"), SPAN_LIT("1"));
    struct store_content *content = store_content_resume(room->store, in.id, &err);
    if (!content)
        fail_msg("resume: %s", err.text);
    append_octets(content, 30000, 11);
    uint64_t message = store_add_message(room->batch, 5000, SPAN_LIT("resumed"), content);
    struct store_work work = {.message = message, .next_hop = 1};
    assert_true(store_add_work(room->batch, &work) && store_remove_activity_in(room->batch, in.id));
    store_content_release(content);
    room_commit(room);
    expect_message(room, message, 70000, 11);
}

static void go_on(struct room *room) {
    uint64_t before = add_one(room, 60000, 20, NULL);
    assert_true(before > 42); /* no number is used twice */
    struct store_entry entry = {.message = before};
    uint64_t sequence = 0;
    assert_true(store_add_entry(room->batch, store_mailbox(room->store, SPAN_LIT("/S=Ann/"), NULL), &entry,
                                &sequence));
    room_commit(room);
    assert_true(sequence == 1 || sequence == 3); /* 1 in a store of version 1; 2 was given out and is gone */
    resume_activity(room);
    for (size_t i = 0; i < COPIES; i++)
        assert_true(store_finish_work(room->batch, copies[i].work, copies[i].message));
    room_commit(room);
    for (size_t i = 0; i < COPIES; i++)
        assert_false(is_there(room, copies[i].message));
    expect_message(room, before, 60000, 20);
}

static void count_note(void *context, const struct store_finding *finding) {
    if (finding->step)
        return;
    *(int *)context += finding->note && strstr(finding->text, "unchecked");
}

/* What is older than the checksums is told of, and is no finding. */
static void expect_unchecked(const struct room *room) {
    struct error err;
    uint64_t findings = 0;
    int notes = 0;
    assert_true(store_check(room->path, true, count_note, &notes, &findings, &err));
    assert_int_equal(findings, 0);
    assert_int_equal(notes, 1);
}

static void old_store_goes_on_with_all_that_it_holds(void **state) {
    struct room *room = *state;
    for (int version = 1; version <= 2; version++) {
        make_old(room, version);
        struct error err = {0};
        assert_true(store_examine(room->path, &err));
        room_open(room);
        expect_old(room, version);
        room_close(room);
        expect_unchecked(room);
        room_open(room);
        expect_old(room, version);
        go_on(room);
        room_close(room);
        room_check(room);
        room_open(room);
    }
}

/* A reader, and the check with it, says what to do and migrates nothing. */
static void reader_does_not_migrate(void **state) {
    struct room *room = *state;
    struct error err = {0};
    uint64_t findings = 0;
    struct store_options reader = {.read_only = true};
    make_old(room, 1);
    assert_null(store_open(room->path, &reader, &err));
    assert_int_equal(err.code, STORE_VERSION);
    assert_non_null(strstr(err.text, "older schema version 1"));
    assert_false(store_check(room->path, true, print_finding, NULL, &findings, &err));
    assert_int_equal(err.code, STORE_VERSION);
    room_open(room);
    expect_old(room, 1);
}

/* Of an old copy the store is made as a start would have made it; the copy stays as it is. */
static void old_copy_is_restored(void **state) {
    struct room *room = *state;
    for (int version = 1; version <= 2; version++) {
        struct error err = {0};
        char copy[96];
        make_old(room, version);
        snprintf(copy, sizeof copy, "%.80s.copy", room->path);
        shell("rm -rf %s", copy);
        assert_int_equal(rename(room->path, copy), 0);
        if (!store_restore(copy, room->path, false, NULL, NULL, &err))
            fail_msg("restore: %s", err.text);
        expect_unchecked(room);
        room_open(room);
        expect_old(room, version);
        room_close(room);
        struct store_options reader = {.read_only = true};
        assert_null(store_open(copy, &reader, &err));
        assert_int_equal(err.code, STORE_VERSION);
        shell("rm -rf %s", copy);
        shell("rm -rf %s", room->path);
        room_open(room);
    }
}

/* An older program can go on with what was not moved. */
static void a_move_that_is_refused_migrates_nothing(void **state) {
    struct room *room = *state;
    struct error err = {0};
    struct store_moved moved;
    const struct store_options reader = {.read_only = true}, maker = {.create = true};
    char other[96];
    snprintf(other, sizeof other, "%.80s.other", room->path);
    shell("rm -rf %s", other);
    make_old(room, 2);
    assert_false(store_move(room->path, "/nowhere/at/all", false, NULL, NULL, &moved, &err));
    assert_int_equal(err.code, STORE_VERSION);
    store_close(store_open(other, &maker, NULL));
    assert_false(store_move(other, room->path, false, NULL, NULL, &moved, &err));
    assert_int_equal(err.code, STORE_VERSION);
    assert_non_null(strstr(err.text, "--replace"));
    assert_null(store_open(room->path, &reader, &err));
    assert_int_equal(err.code, STORE_VERSION);
    shell("rm -rf %s", other);
    room_open(room);
    expect_old(room, 2);
}

/* ---- a migration that ends in between ---- */

static long operations_left = -1; /* the process ends at this one; negative: never */

/* SQLite has a table of methods for each kind of file. */
static struct methods {
    sqlite3_io_methods ours;
    const sqlite3_io_methods *real;
} methods[4];

static const sqlite3_io_methods *real_of(const sqlite3_file *file) {
    return ((const struct methods *)file->pMethods)->real;
}

static bool dies_now(void) {
    return operations_left >= 0 && operations_left-- == 0;
}

static int dying_write(sqlite3_file *file, const void *octets, int len, sqlite3_int64 offset) {
    if (dies_now()) {
        real_of(file)->xWrite(file, octets, len / 2, offset);
        _exit(9);
    }
    return real_of(file)->xWrite(file, octets, len, offset);
}

static int dying_sync(sqlite3_file *file, int flags) {
    (void)file, (void)flags; /* what a kill leaves needs no sync */
    if (dies_now())
        _exit(9);
    return SQLITE_OK;
}

static int dying_truncate(sqlite3_file *file, sqlite3_int64 size) {
    if (dies_now())
        _exit(9);
    return real_of(file)->xTruncate(file, size);
}

static int dying_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags) {
    int code = ((sqlite3_vfs *)vfs->pAppData)->xOpen(vfs->pAppData, name, file, flags, out_flags);
    if (code != SQLITE_OK || !file->pMethods)
        return code;
    struct methods *m = methods;
    while (m->real && m->real != file->pMethods)
        m++;
    m->real = file->pMethods;
    m->ours = *m->real;
    m->ours.xWrite = dying_write;
    m->ours.xSync = dying_sync;
    m->ours.xTruncate = dying_truncate;
    file->pMethods = &m->ours;
    return code;
}

static void use_dying_vfs(void) {
    static sqlite3_vfs dying;
    dying = *sqlite3_vfs_find(NULL);
    dying.pAppData = sqlite3_vfs_find(NULL);
    dying.zName = "dying";
    dying.xOpen = dying_open;
    sqlite3_vfs_register(&dying, 1);
}

/* Opens the store in a process that ends at operation `n`. True: it came to the end. */
static bool open_and_die_at(const struct room *room, long n) {
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        operations_left = n;
        _exit(store_open(room->path, &room->options, NULL) ? 0 : 1); /* without a close, as a kill */
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 1);
    return WEXITSTATUS(status) == 0;
}

static void die_at_each_operation(struct room *room, int version) {
    long n = 0;
    for (bool done = false; !done; n++) {
        struct error err = {0};
        if (version)
            make_old(room, version);
        else {
            if (room->store)
                room_close(room);
            shell("rm -rf %s/*", room->path);
        }
        done = open_and_die_at(room, n);
        if (!store_examine(room->path, &err))
            /* It ended before there was a file, or in the middle of a change that only a writer rolls back.
             */
            assert_true(err.code == STORE_NOT_FOUND || err.code == STORE_READ_ONLY);
        room_open(room);
        if (version)
            expect_old(room, version);
        add_one(room, 100, 1, NULL);
        room_commit(room);
        room_close(room);
        room_check(room);
    }
    fprintf(stderr, "# version %d: ended at each of %ld operations\n", version, n - 1);
    assert_true(n > 4);
}

static void interrupted_migration_begins_again(void **state) {
    die_at_each_operation(*state, 1);
}

static void interrupted_creation_begins_again(void **state) {
    die_at_each_operation(*state, 0);
}

/* A migration that can't write (a full disk) is an error, and the store stays what it was. */
static void failing_migration_leaves_the_store_as_it_was(void **state) {
    struct room *room = *state;
    struct error err = {0};
    sqlite3 *db;
    char name[128];
    int version;
    make_old(room, 1);
    raw_sql(room, "VACUUM"); /* no free pages */
    snprintf(name, sizeof name, "%s/queue.db", room->path);
    assert_int_equal(sqlite3_open(name, &db), SQLITE_OK);
    sqlite3_exec(db, "PRAGMA max_page_count = 1", NULL, NULL, NULL); /* no page more than there is */
    assert_false(schema_migrate(db, room->path, SCHEMA_VERSION, &err));
    assert_int_equal(err.code, STORE_FULL);
    assert_true(schema_version(db, room->path, &version, &err));
    assert_int_equal(version, 1);
    sqlite3_close(db);
    room_open(room);
    expect_old(room, 1);
}

/* ---- outcomes ---- */

/* As they were up to version 6: by association, activity and peer. */
#define BACK_TO_6                                                                                            \
    "DROP INDEX outcome_expiry; ALTER TABLE outcome RENAME TO later;"                                        \
    "CREATE TABLE outcome(association BLOB, activity BLOB, peer BLOB, expiry INTEGER NOT NULL,"              \
    " data BLOB NOT NULL, PRIMARY KEY(association, activity, peer)) WITHOUT ROWID;"                          \
    "INSERT INTO outcome SELECT * FROM later; DROP TABLE later;"                                             \
    "DROP TABLE entry; DROP TABLE status; DROP TABLE col; CREATE TABLE entry(id INTEGER PRIMARY KEY, "       \
    "message INTEGER NOT"                                                                                    \
    " NULL, at INTEGER NOT NULL, flags INTEGER NOT NULL, data BLOB NOT NULL, octets INTEGER NOT NULL"        \
    " DEFAULT 0, sum INTEGER);"                                                                              \
    "CREATE INDEX outcome_expiry ON outcome(expiry); PRAGMA user_version = 6"

static void expect_outcome(struct room *room, struct span activity, struct span peer, const char *want) {
    struct buf data;
    buf_init(&data, 0);
    assert_int_equal(store_get_outcome(room->store, SPAN_LIT("a1"), activity, peer, &data, NULL),
                     want != NULL);
    assert_true(!want || span_eq(buf_span(&data), span_str(want)));
    buf_free(&data);
}

static void outcomes_of_version_6_are_kept(void **state) {
    static const struct span peers[] = {SPAN_LIT("BETA"), SPAN_LIT("GAMMA")};
    struct room *room = *state;
    for (unsigned i = 0; i < 4; i++) {
        struct store_outcome outcome = {.association = SPAN_LIT("a1"),
                                        .activity = i < 2 ? SPAN_LIT("1") : SPAN_LIT(""),
                                        .peer = peers[i % 2],
                                        .expiry = 100 + i,
                                        .data = i < 2 ? SPAN_LIT("accepted") : SPAN_LIT("shared")};
        assert_true(store_put_outcome(room->batch, &outcome));
    }
    room_commit(room);
    room_close(room);
    raw_sql(room, BACK_TO_6);
    room_open(room);
    store_maintain(room->store, 101, 0, 0);
    expect_outcome(room, SPAN_LIT("1"), peers[0], NULL); /* its time is over */
    expect_outcome(room, SPAN_LIT("1"), peers[1], "accepted");
    expect_outcome(room, SPAN_LIT(""), peers[0], "shared");
    expect_outcome(room, SPAN_LIT(""), peers[1], "shared");
    room_close(room);
    room_check(room);
    room_open(room);
}

/* ---- what is not ours ---- */

static void expect_refused(struct room *room, const char *text) {
    struct error err = {0};
    struct store_options reader = {.read_only = true};
    uint64_t findings = 0;
    assert_null(store_open(room->path, &room->options, &err));
    assert_int_equal(err.code, STORE_VERSION);
    assert_non_null(strstr(err.text, text));
    assert_null(store_open(room->path, &reader, &err));
    assert_int_equal(err.code, STORE_VERSION);
    assert_false(store_examine(room->path, &err));
    assert_int_equal(err.code, STORE_VERSION);
    assert_non_null(strstr(err.text, text));
    assert_false(store_check(room->path, true, print_finding, NULL, &findings, &err));
    assert_int_equal(err.code, STORE_VERSION);
    assert_false(store_repair(room->path, print_finding, NULL, &findings, &err));
    assert_int_equal(err.code, STORE_VERSION);
}

static void newer_schema_is_refused(void **state) {
    struct room *room = *state;
    char text[64];
    add_one(room, 100, 1, NULL);
    room_commit(room);
    room_close(room);
    snprintf(text, sizeof text, "PRAGMA user_version = %d", SCHEMA_VERSION + 1);
    raw_sql(room, text);
    snprintf(text, sizeof text, "schema version %d", SCHEMA_VERSION + 1);
    expect_refused(room, text);
    snprintf(text, sizeof text, "PRAGMA user_version = %d", SCHEMA_VERSION);
    raw_sql(room, text);
    room_check(room);
}

/* Somebody else's database is not even brought to another journal mode. */
static void foreign_database_is_refused_and_left_alone(void **state) {
    struct room *room = *state;
    char copy[512];
    room_close(room);
    shell("rm -rf %s/queue.db*", room->path);
    raw_sql(room, "CREATE TABLE address_book(name); INSERT INTO address_book VALUES('Ann')");
    snprintf(copy, sizeof copy, "cp %s/queue.db %s.copy", room->path, room->path);
    assert_int_equal(system(copy), 0);
    expect_refused(room, "another program's");
    snprintf(copy, sizeof copy, "cmp %s/queue.db %s.copy && rm %s.copy", room->path, room->path, room->path);
    assert_int_equal(system(copy), 0);
    raw_sql(room, "PRAGMA application_id = 1; PRAGMA user_version = 2");
    expect_refused(room, "another program's");
    shell("rm -rf %s/*", room->path);
    room_open(room);
}

static void no_store_is_no_other_version(void **state) {
    struct room *room = *state;
    struct error err = {0};
    assert_false(store_examine("/nowhere/at/all", &err));
    assert_int_equal(err.code, STORE_NOT_FOUND);
    assert_true(store_examine(room->path, &err)); /* beside its writer */
}

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, room_setup, room_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_ROOM(old_store_goes_on_with_all_that_it_holds),
        IN_ROOM(old_copy_is_restored),
        IN_ROOM(a_move_that_is_refused_migrates_nothing),
        IN_ROOM(reader_does_not_migrate),
        IN_ROOM(interrupted_migration_begins_again),
        IN_ROOM(interrupted_creation_begins_again),
        IN_ROOM(failing_migration_leaves_the_store_as_it_was),
        IN_ROOM(outcomes_of_version_6_are_kept),
        IN_ROOM(newer_schema_is_refused),
        IN_ROOM(foreign_database_is_refused_and_left_alone),
        IN_ROOM(no_store_is_no_other_version),
    };
    use_dying_vfs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
