/*
 * `store check` finds each kind of damage under the number of its invariant,
 * `store repair` puts it right and says so, and a second check finds nothing.
 * Also: files that no longer are what they were, and older and unknown schemas.
 */
#include "room.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "store/store_private.h"

struct findings {
    uint64_t count, repaired;
    int invariant; /* of the first */
    char text[512];
};

static void note(void *context, const struct store_finding *finding) {
    struct findings *findings = context;
    if (!findings->count++) {
        findings->invariant = finding->invariant;
        snprintf(findings->text, sizeof findings->text, "%s", finding->text);
    }
    findings->repaired += finding->repaired;
}

static void damage(const struct room *room, const char *text) {
    char name[128], *message = NULL;
    sqlite3 *db;
    snprintf(name, sizeof name, "%s/queue.db", room->path);
    assert_int_equal(sqlite3_open(name, &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", text, message);
    sqlite3_close(db);
}

struct inhabited {
    uint64_t small, large, shared, activity;
};

/* A bit of everything. */
static struct inhabited inhabit(struct room *room) {
    struct inhabited in;
    uint64_t work;
    uint8_t digest[STORE_DIGEST] = {3};
    in.small = add_one(room, 100, 1, NULL);
    in.large = add_one(room, 100000, 2, &work);
    in.shared = add_one(room, 200000, 3, NULL);
    struct store_entry entry = {.message = in.shared};
    store_add_entry(room->batch, store_mailbox(room->store, SPAN_LIT("box")), &entry);
    struct store_hold hold = {.message = in.shared};
    store_add_hold(room->batch, &hold);
    struct store_activity_in activity = {.peer = SPAN_LIT("p")};
    struct store_content *content = make_content(room, 50000, 4);
    in.activity = store_put_activity_in(room->batch, &activity, content);
    store_content_release(content);
    struct store_activity_out out = {.work = work};
    store_put_activity_out(room->batch, &out);
    store_add_event(room->batch, SPAN_LIT("key"), 1, SPAN_LIT("data"));
    store_add_repeat(room->batch, SPAN_LIT("p"), SPAN_LIT("key"), digest, INT64_MAX);
    room_commit(room);
    return in;
}

static const struct {
    int invariant;
    const char *sql;
} damages[] = {
    {5, "UPDATE extent SET offset = (SELECT offset FROM extent ORDER BY content LIMIT 1)"},
    {5, "UPDATE extent SET segment = 77 WHERE content = (SELECT max(content) FROM extent)"},
    {5, "UPDATE extent SET offset = 67108864 - 4096"},
    {6, "DELETE FROM extent WHERE content = (SELECT min(content) FROM extent)"},
    {6, "UPDATE extent SET length = length - 1 WHERE content = (SELECT min(content) FROM extent)"},
    {6, "UPDATE extent SET seq = 1 WHERE content = (SELECT min(content) FROM extent)"},
    {6, "INSERT INTO extent VALUES(999, 0, 1, 60000000, 10)"},
    {6, "UPDATE activity_in SET length = length + 1"},
    {7, "UPDATE message SET refs = refs + 1"},
    {7, "DELETE FROM work"},
    {7, "INSERT INTO work VALUES(900, 4711, 0, 0, 0, 0, 0, 0, 0, x'')"},
    {7, "DELETE FROM message WHERE id = (SELECT min(id) FROM message)"},
    {8, "UPDATE content SET refs = 9 WHERE id = (SELECT min(id) FROM content)"},
    {8, "DELETE FROM activity_in"},
    {9, "UPDATE counter SET next = 2 WHERE name = 'id'"},
    {9, "DELETE FROM counter WHERE name = 'id'"},
    {14, "INSERT INTO activity_out VALUES(5555, x'', x'', 0, 0, 0, x'')"},
    {14, "DELETE FROM mailbox"},
    {14, "UPDATE mailbox SET next = 1"},
    {14, "DELETE FROM next_hop"},
};

static void each_damage_is_found_and_repaired(void **state) {
    struct room *room = *state;
    struct error err;
    char command[128];
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        inhabit(room);
        room_close(room);
        room_check(room);
        damage(room, damages[i].sql);
        struct findings found = {0}, repaired = {0};
        uint64_t n = 0;
        assert_true(store_check(room->path, true, note, &found, &n, &err));
        if (!n || found.invariant != damages[i].invariant)
            fail_msg("%s: I%d %s", damages[i].sql, found.invariant, found.text);
        assert_int_equal(n, found.count);
        if (!store_repair(room->path, note, &repaired, &n, &err))
            fail_msg("%s: repair: %s", damages[i].sql, err.text);
        assert_true(repaired.repaired > 0);
        room_check(room);
        room_open(room); /* and it works */
        add_one(room, 30000, 8, NULL);
        room_commit(room);
        room_close(room);
        room_check(room);
        snprintf(command, sizeof command, "rm -rf %s/*", room->path);
        assert_int_equal(system(command), 0);
        room_open(room);
    }
}

/* I10, I11: runs that lost rows are found and made anew. */
static void lost_rows_of_runs_are_rebuilt(void **state) {
    struct room *room = *state;
    struct findings found = {0};
    struct error err;
    uint64_t n;
    uint8_t digest[STORE_DIGEST] = {0};
    for (unsigned i = 0; i < 140000; i++) {
        memcpy(digest, &i, sizeof i);
        store_add_event(room->batch, span_of(digest, 4), i, SPAN_LIT(""));
        store_add_repeat(room->batch, SPAN_LIT("p"), SPAN_LIT("i"), digest, INT64_MAX);
        if (i % 1000 == 999)
            room_commit(room);
    }
    room_close(room);
    damage(room, "DELETE FROM track WHERE hash % 7 = 0; DELETE FROM repeat_track WHERE hash % 7 = 0");
    assert_true(store_check(room->path, true, note, &found, &n, &err));
    assert_int_equal(n, 2);
    assert_int_equal(found.invariant, 11);
    assert_true(store_repair(room->path, note, &found, &n, &err));
    assert_int_equal(found.repaired, 2);
    room_open(room);
    for (unsigned i = 0; i < 140000; i += 1009) {
        memcpy(digest, &i, sizeof i);
        assert_int_equal(store_find_repeat(room->store, NULL, SPAN_LIT("p"), SPAN_LIT("i"), digest, NULL),
                         STORE_REPEAT_KNOWN);
    }
}

static bool count_event(void *context, int64_t at, struct span data) {
    assert_int_equal(at, 7);
    assert_true(span_eq(data, SPAN_LIT("data")));
    ++*(int *)context;
    return true;
}

static void damaged_packed_rows_are_found(void **state) {
    struct room *room = *state;
    struct findings found = {0};
    struct error err;
    uint64_t n;
    inhabit(room);
    room_close(room);
    damage(room, "UPDATE event SET data = substr(data, 1, length(data) - 1); UPDATE repeat SET data = x'00'");
    assert_true(store_check(room->path, false, note, &found, &n, &err));
    assert_int_equal(n, 2);
    room_open(room); /* what is damaged stops nothing else */
    store_add_event(room->batch, SPAN_LIT("other"), 7, SPAN_LIT("data"));
    room_commit(room);
    int events = 0;
    assert_true(store_track(room->store, SPAN_LIT("other"), count_event, &events, &err));
    assert_int_equal(events, 1);
    room_close(room);
    damage(room, "DELETE FROM event; DELETE FROM repeat");
}

static void segment_name(const struct room *room, char out[static 128]) {
    snprintf(out, 128, "%s/segments/00000001", room->path);
}

static void missing_segment_stops_accepting(void **state) {
    struct room *room = *state;
    struct findings found = {0};
    struct error err = {0};
    char name[128], away[140];
    uint64_t n;
    struct inhabited in = inhabit(room);
    room_close(room);
    segment_name(room, name);
    snprintf(away, sizeof away, "%s.away", name);
    assert_int_equal(rename(name, away), 0);
    assert_true(store_check(room->path, false, note, &found, &n, &err));
    assert_int_equal(found.invariant, 5);
    room_open(room);
    assert_false(store_accepting(room->store));
    assert_int_equal(store_cause(room->store)->code, STORE_CORRUPT);
    expect_message(room, in.small, 100, 1); /* what is held in rows is still served */
    struct store_content *content = store_content_open(room->store, in.large, &err);
    uint8_t octet;
    size_t got;
    assert_false(content && store_content_read(content, 0, &octet, 1, &got, &err));
    assert_int_equal(err.code, STORE_CORRUPT);
    store_content_release(content);
    assert_false(store_probe(room->store));
    assert_int_equal(rename(away, name), 0);
    assert_true(store_probe(room->store)); /* it is back */
    expect_message(room, in.large, 100000, 2);
    room_close(room);
    room_check(room);
    assert_int_equal(unlink(name), 0);
    assert_true(store_repair(room->path, note, &found, &n, &err));
    room_open(room);
    assert_true(store_accepting(room->store));
    expect_message(room, in.small, 100, 1);
    assert_false(is_there(room, in.large));
}

static void changed_octet_is_found(void **state) {
    struct room *room = *state;
    struct findings found = {0};
    struct error err = {0};
    char name[128];
    uint64_t n;
    inhabit(room);
    room_close(room);
    segment_name(room, name);
    int fd = open(name, O_WRONLY);
    assert_int_equal(pwrite(fd, "!", 1, 70000), 1);
    close(fd);
    assert_true(store_check(room->path, false, note, &found, &n, &err));
    assert_int_equal(n, 0); /* only the deep check reads contents */
    assert_true(store_check(room->path, true, note, &found, &n, &err));
    assert_int_equal(n, 1);
    assert_int_equal(found.invariant, 6);
    fd = open(name, O_WRONLY);
    uint8_t right;
    fill_octets(&right, 70000, 1, 2);
    assert_int_equal(pwrite(fd, &right, 1, 70000), 1);
    close(fd);
}

static void overwrite(const struct room *room, long offset, size_t len) {
    char name[128];
    uint8_t rubbish[8192];
    snprintf(name, sizeof name, "%s/queue.db", room->path);
    for (size_t i = 0; i < sizeof rubbish; i++)
        rubbish[i] = (uint8_t)(i * 37 + 11);
    int fd = open(name, O_WRONLY);
    assert_int_equal(pwrite(fd, rubbish, len, offset), len);
    close(fd);
}

/* Each page in turn is rubbish: the store opens or refuses, never crashes, and the check says so. */
static void corrupt_pages_are_survived(void **state) {
    struct room *room = *state;
    char name[128], copy[600];
    struct stat s;
    unsigned noticed = 0;
    for (unsigned i = 0; i < 40; i++)
        inhabit(room);
    room_close(room);
    snprintf(name, sizeof name, "%s/queue.db", room->path);
    snprintf(copy, sizeof copy, "cp %s %s.good", name, name);
    assert_int_equal(system(copy), 0);
    assert_int_equal(stat(name, &s), 0);
    for (long page = 0; page < s.st_size / 8192; page++) {
        struct findings found = {0};
        struct error err = {0};
        uint64_t n = 0;
        overwrite(room, page * 8192, 8192);
        bool checked = store_check(room->path, true, note, &found, &n, &err);
        noticed += !checked || n > 0;
        room->store = store_open(room->path, &room->options, &err);
        if (room->store) {
            room->batch = store_batch_new(room->store);
            add_one(room, 20000, 1, NULL);
            if (!store_commit(room->batch, &err))
                assert_true(!store_accepting(room->store) || err.code == STORE_BAD_REQUEST);
            room_close(room);
        }
        snprintf(copy, sizeof copy, "rm -f %s-wal %s-shm; cp %s.good %s", name, name, name, name);
        assert_int_equal(system(copy), 0);
    }
    assert_true(noticed >= s.st_size / 8192 - 1);
}

/* ---- schemas ---- */

static void unknown_schema_is_refused(void **state) {
    struct room *room = *state;
    struct error err = {0};
    room_close(room);
    damage(room, "PRAGMA user_version = 99");
    assert_null(store_open(room->path, &room->options, &err));
    assert_int_equal(err.code, STORE_VERSION);
    struct store_options reader = {.read_only = true};
    assert_null(store_open(room->path, &reader, &err));
    assert_int_equal(err.code, STORE_VERSION);
    damage(room, "PRAGMA user_version = 2; PRAGMA application_id = 1");
    assert_null(store_open(room->path, &room->options, &err));
    assert_int_equal(err.code, STORE_VERSION);
    damage(room, "PRAGMA application_id = 1128813393");
}

/* Somebody else's database is left alone. */
static void foreign_database_is_refused(void **state) {
    struct room *room = *state;
    struct error err = {0};
    char command[128];
    room_close(room);
    snprintf(command, sizeof command, "rm -f %s/queue.db*", room->path);
    assert_int_equal(system(command), 0);
    damage(room, "CREATE TABLE address_book(name)");
    assert_null(store_open(room->path, &room->options, &err));
    assert_int_equal(err.code, STORE_VERSION);
    assert_int_equal(system(command), 0);
    room_open(room);
}

static void older_schema_is_migrated_with_what_it_holds(void **state) {
    struct room *room = *state;
    struct error err = {0};
    char command[128], name[128];
    room_close(room);
    snprintf(command, sizeof command, "rm -f %s/queue.db*", room->path);
    assert_int_equal(system(command), 0);
    sqlite3 *db;
    snprintf(name, sizeof name, "%s/queue.db", room->path);
    assert_int_equal(sqlite3_open(name, &db), SQLITE_OK);
    sqlite3_exec(db, "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    assert_true(schema_migrate(db, 1, &err));
    sqlite3_close(db);
    damage(room, "INSERT INTO counter VALUES('id', 100); INSERT INTO next_hop VALUES(1, x'42455441');"
                 "INSERT INTO message VALUES(7, 1, 0, 1000, x'656e76', x'626f6479');"
                 "INSERT INTO work VALUES(8, 7, 1, 0, 0, 0, 0, 5, 10, x'00')");
    struct store_options reader = {.read_only = true};
    assert_null(store_open(room->path, &reader, &err)); /* a reader does not migrate */
    assert_int_equal(err.code, STORE_VERSION);
    room_open(room);
    struct store_message message;
    assert_true(store_get_message(room->store, 7, &room->arena, &message, &err));
    assert_true(span_eq(message.envelope, SPAN_LIT("env")));
    assert_int_equal(store_next_hop(room->store, SPAN_LIT("BETA")), 1);
    uint32_t box = store_mailbox(room->store, SPAN_LIT("new table"));
    struct store_entry entry = {.message = 7};
    assert_int_equal(store_add_entry(room->batch, box, &entry), 1);
    assert_true(add_one(room, 10, 1, NULL) >= 100);
    room_commit(room);
}

/* Rows with values of other types and sizes than we write: refused or read as something, never a crash. */
static void rubbish_rows_are_survived(void **state) {
    struct room *room = *state;
    struct error err = {0};
    static const char *const rubbish[] = {
        "UPDATE activity_in SET chain = x'01', state = 17, content = -5",
        "UPDATE activity_in SET content = 'x', length = -1, peer = 3.5",
        "UPDATE extent SET segment = -1",
        "UPDATE extent SET length = 9223372036854775807, offset = 9223372036854775807",
        "UPDATE content SET length = -1, refs = 'many'",
        "UPDATE work SET message = 'x', data = 12, status = 1e30",
        "UPDATE event SET data = zeroblob(13)",
        "UPDATE event SET data = x'ffff00000000000000000000000000'",
        "UPDATE run SET filter = x'00'; INSERT INTO run VALUES(-4, 0, x'')",
        "UPDATE mailbox SET id = 4294967296 * 5, next = -1",
        "UPDATE next_hop SET id = 16777217",
        "UPDATE counter SET next = -1",
        "UPDATE message SET content = 424242",
    };
    char command[128];
    for (size_t i = 0; i < sizeof rubbish / sizeof *rubbish; i++) {
        struct findings found = {0};
        uint64_t n;
        inhabit(room);
        room_close(room);
        damage(room, rubbish[i]);
        store_check(room->path, true, note, &found, &n, &err);
        room->store = store_open(room->path, &room->options, &err);
        if (room->store) {
            room->batch = store_batch_new(room->store);
            add_one(room, 20000, 1, NULL);
            store_commit(room->batch, &err);
            store_maintain(room->store, 1, 1, 1000);
            room_close(room);
        }
        store_repair(room->path, note, &found, &n, &err);
        snprintf(command, sizeof command, "rm -rf %s/*", room->path);
        assert_int_equal(system(command), 0);
        room_open(room);
    }
}

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, room_setup, room_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_ROOM(each_damage_is_found_and_repaired),
        IN_ROOM(lost_rows_of_runs_are_rebuilt),
        IN_ROOM(damaged_packed_rows_are_found),
        IN_ROOM(missing_segment_stops_accepting),
        IN_ROOM(changed_octet_is_found),
        IN_ROOM(corrupt_pages_are_survived),
        IN_ROOM(unknown_schema_is_refused),
        IN_ROOM(foreign_database_is_refused),
        IN_ROOM(older_schema_is_migrated_with_what_it_holds),
        IN_ROOM(rubbish_rows_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
