/*
 * `store check` finds each kind of damage under the number of its invariant,
 * `store repair` puts it right and says so, and a second check finds nothing.
 * Also: files that no longer are what they were.
 */
#include "damage.h"
#include "no_sync.h"
#include "raw_sql.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "store/check.h"
#include "store/sqlite/sqlite_private.h"

#define FIRST "(SELECT min(content) FROM extent)"

/* Of the numbered invariants those that files can show: I1 to I4, I12, I13 and I15 speak of a moment
 * (crash.c, faults.c, contents.c), and what they forbid ends as one of these. */
static const struct {
    int invariant;
    const char *sql;
    unsigned kept;
} damages[] = {
    /* At one place: only the first content is what was stored. */
    {5, "UPDATE extent SET offset = (SELECT offset FROM extent ORDER BY content LIMIT 1)",
     ALL - SHARED - ACTIVITY},
    /* The unfinished one lies over a finished one, which stays. */
    {5,
     "UPDATE extent SET offset = (SELECT offset FROM extent ORDER BY content LIMIT 1) WHERE content ="
     " (SELECT max(content) FROM extent)",
     ALL - ACTIVITY},
    {5, "UPDATE extent SET segment = 77 WHERE content = (SELECT max(content) FROM extent)", ALL - ACTIVITY},
    {5, "UPDATE extent SET segment = 77 WHERE content = " FIRST, ALL - LARGE},
    {5, "UPDATE extent SET offset = 67108864 - 4096", ALL - LARGE - SHARED - ACTIVITY},
    {5, "UPDATE extent SET offset = -4096 WHERE content = " FIRST, ALL - LARGE},
    {6, "DELETE FROM extent WHERE content = " FIRST, ALL - LARGE},
    {6, "UPDATE extent SET length = length - 1 WHERE content = " FIRST, ALL - LARGE},
    {6, "UPDATE extent SET seq = 1 WHERE content = " FIRST, ALL - LARGE},
    {6, "UPDATE content SET length = length + 5 WHERE id = " FIRST, ALL - LARGE},
    {6, "UPDATE content SET digest = zeroblob(32) WHERE id = " FIRST, ALL - LARGE},
    {6, "UPDATE content SET digest = x'00' WHERE id = " FIRST, ALL - LARGE},
    {6, "INSERT INTO extent VALUES(999, 0, 1, 60000000, 10)", ALL},
    {6, "UPDATE activity_in SET length = length + 1, sum = NULL", ALL - ACTIVITY},
    {7, "UPDATE message SET refs = refs + 1", ALL},
    {7, "UPDATE message SET refs = 0", ALL},
    {7, "UPDATE message SET refs = refs - 1 WHERE refs > 1", ALL},
    {7, "INSERT INTO work VALUES(900, 4711, 1, 0, 0, 0, 0, 0, 0, x'', NULL)", ALL},
    {7, "INSERT INTO entry VALUES(1 << 32, 4711, 1, x'', 0, NULL, 0)", ALL},
    {7, "DELETE FROM message WHERE id = (SELECT min(id) FROM message)", ALL - SMALL},
    {8, "UPDATE content SET refs = 9 WHERE id = " FIRST, ALL},
    {8, "UPDATE content SET refs = 0 WHERE id = " FIRST, ALL},
    {8, "DELETE FROM activity_in", ALL - ACTIVITY},
    {8, "UPDATE activity_in SET content = 4711, sum = NULL; UPDATE content SET refs = 0 WHERE digest IS NULL",
     ALL - ACTIVITY},
    {8, "UPDATE message SET content = 4711 WHERE content = " FIRST, ALL - LARGE},
    {9, "UPDATE counter SET next = 2 WHERE name = 'id'", ALL},
    {9, "DELETE FROM counter WHERE name = 'id'", ALL},
    {9, "UPDATE counter SET next = (SELECT max(id) FROM message) WHERE name = 'id'", ALL},
    {10, "UPDATE repeat SET data = data || x'00'", ALL},
    {10, "UPDATE repeat SET data = substr(data, 1, 31)", ALL - REPEAT},
    {11, "UPDATE event SET data = data || x'0001'", ALL},
    {11, "UPDATE event SET data = substr(data, 1, length(data) - 1)", ALL - HISTORY},
    {14, "INSERT INTO activity_out VALUES(5555, x'', x'', 0, 0, 0, x'', NULL)", ALL},
    {14, "DELETE FROM mailbox", ALL},
    {14, "UPDATE mailbox SET next = 1", ALL},
    {14, "DELETE FROM next_hop", ALL},
    {16, "UPDATE message SET body = zeroblob(length(body)) WHERE id = (SELECT min(id) FROM message)",
     ALL - SMALL},
    {16, "UPDATE message SET body_sum = body_sum + 1 WHERE id = (SELECT min(id) FROM message)", ALL - SMALL},
    {16, "UPDATE work SET data = data || x'00' WHERE id = (SELECT min(id) FROM work)", ALL},
    {16, "UPDATE work SET expiry = expiry + 1 WHERE id = (SELECT max(id) FROM work)", ALL},
    {16, "UPDATE entry SET head = head + 1", ALL},
    {16, "UPDATE entry SET at = at + 1 WHERE id = (SELECT max(id) FROM entry)", ALL},
    {16, "UPDATE activity_in SET state = x'00'", ALL - ACTIVITY},
    {17, "INSERT INTO status VALUES(1 << 32, x'0F')", ALL},
    {17, "INSERT INTO status VALUES(99 << 32, zeroblob(1024))", ALL},
    {17, "INSERT INTO status VALUES((1 << 32) + 1, randomblob(1024))", ALL},
    {17, "INSERT INTO status VALUES((1 << 32) + (7 << 20), zeroblob(1024))", ALL},
    {17, "INSERT INTO status VALUES(1 << 32, randomblob(1024))", ALL},
};

static void shell(const char *format, const char *path) {
    char command[256];
    snprintf(command, sizeof command, format, path, path);
    assert_int_equal(system(command), 0);
}

/* The check says `invariant` and nothing else, twice the same, and the database stays as it is. */
static void check_names(const struct room *room, int invariant, const char *damaged) {
    uint64_t before = 0;
    struct error err;
    shell("cp %s/queue.db %s.before", room->path);
    for (int turn = 0; turn < 2; turn++) {
        struct findings found = {0};
        uint64_t n = 0;
        if (!store_check(room->path, true, note, &found, &n, &err))
            fail_msg("%s: check: %s", damaged, err.text);
        if (!n || found.invariant != invariant || found.others)
            fail_msg("%s: I%d %s (%d findings)", damaged, found.invariant, found.text, (int)n);
        assert_int_equal(n, found.count);
        assert_int_equal(found.repaired, 0);
        assert_true(!turn || n == before);
        before = n;
    }
    shell("cmp %s/queue.db %s.before", room->path);
    shell("rm %s.before", room->path);
}

static void repair_and_go_on(struct room *room, const struct inhabited *in, unsigned kept,
                             const char *damaged) {
    repair(room, damaged);
    go_on(room, in, kept, damaged);
}

static void each_damage_is_found_and_repaired(void **state) {
    struct room *room = *state;
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        struct inhabited in = inhabit(room);
        assert_int_equal(whats_there(room, &in), ALL);
        room_close(room);
        room_check(room);
        raw_sql(room, damages[i].sql);
        check_names(room, damages[i].invariant, damages[i].sql);
        repair_and_go_on(room, &in, damages[i].kept, damages[i].sql);
        shell("rm -rf %s/*", room->path);
        room_open(room);
    }
}

/* I16: what an envelope was, nobody can tell; it is left to the operator. */
static void flipped_envelope_is_found(void **state) {
    struct room *room = *state;
    struct findings found = {0};
    struct error err;
    uint64_t n = 0;
    inhabit(room);
    room_close(room);
    raw_sql(
        room,
        "UPDATE message SET envelope = CAST('envelopf' AS BLOB) WHERE id = (SELECT min(id) FROM message)");
    check_names(room, 16, "envelope");
    assert_true(store_repair(room->path, note, &found, &n, &err));
    assert_int_equal(n, 1);
    assert_int_equal(found.repaired, 0);
    assert_non_null(strstr(found.text, "envelope is not what was stored"));
    raw_sql(room, "UPDATE message SET envelope = CAST('envelope' AS BLOB)");
    room_check(room);
}

/* ---- the segments' files ---- */

/* `small` needs no segment; `large` lies from 0, `shared` from 102400, the activity from 303104. */
static const struct {
    const char *command; /* in the folder of segments */
    int invariant;       /* 0: no finding */
    unsigned kept;
} file_damages[] = {
    {"rm 00000001", 5, ALL - LARGE - SHARED - ACTIVITY},
    {"truncate -s 0 00000001", 5, ALL - LARGE - SHARED - ACTIVITY},
    {"truncate -s 4096 00000001", 5, ALL - LARGE - SHARED - ACTIVITY},
    {"truncate -s 200000 00000001", 5, ALL - SHARED - ACTIVITY}, /* what lies before the cut stays */
    {"truncate -s 310000 00000001", 5, ALL - ACTIVITY},
    {"truncate -s 30000000 00000001", 0, ALL}, /* nobody's octets */
    {"truncate -s 70000000 00000001", 0, ALL},
    {"echo extended >> 00000001", 0, ALL},
    {"touch 00000007 00000009 notes.txt; truncate -s 67108864 00000008", 0, ALL}, /* free or somebody's */
    {"printf '!!' | dd of=00000001 bs=1 seek=70000 conv=notrunc 2>/dev/null", 6, ALL - LARGE},
    {"truncate -s 67108864 2; mv 2 00000001", 6, 0}, /* another file; the unfinished one has no digest */
};

static void each_damage_of_a_segment_is_found_and_repaired(void **state) {
    struct room *room = *state;
    char command[256];
    for (size_t i = 0; i < sizeof file_damages / sizeof *file_damages; i++) {
        struct inhabited in = inhabit(room);
        room_close(room);
        snprintf(command, sizeof command, "cd %s/segments && { %s; }", room->path, file_damages[i].command);
        assert_int_equal(system(command), 0);
        if (file_damages[i].invariant) {
            check_names(room, file_damages[i].invariant, file_damages[i].command);
            if (!file_damages[i].kept) {
                struct findings repaired = {0};
                struct error err;
                uint64_t n;
                assert_true(store_repair(room->path, note, &repaired, &n, &err));
                assert_int_equal(repaired.repaired, 2);
                room_check(room);
            } else
                repair_and_go_on(room, &in, file_damages[i].kept, file_damages[i].command);
        } else {
            room_check(room);
            room_open(room);
            assert_true(store_accepting(room->store));
            assert_int_equal(whats_there(room, &in), ALL);
            room_close(room);
        }
        shell("rm -rf %s/*", room->path);
        room_open(room);
    }
}

/* Two segments have changed their names: each content's digest says so. */
static void swapped_segments_are_found(void **state) {
    struct room *room = *state;
    struct error err;
    uint64_t ids[3], n = 0;
    struct findings found = {0};
    for (unsigned i = 0; i < 3; i++) {
        ids[i] = add_one(room, 40 << 20, i, NULL);
        room_commit(room);
    }
    room_close(room);
    shell("cd %s/segments && mv 00000001 1 && mv 00000002 00000001 && mv 1 00000002", room->path);
    check_names(room, 6, "swapped segments");
    shell("cd %s/segments && mv 00000001 1 && mv 00000002 00000001 && mv 1 00000002", room->path);
    room_check(room); /* which is why a repair wants a copy first: nothing was lost yet */
    shell("cd %s/segments && mv 00000001 1 && mv 00000002 00000001 && mv 1 00000002", room->path);
    assert_true(store_repair(room->path, note, &found, &n, &err));
    assert_int_equal(found.repaired, n);
    room_check(room);
    room_open(room);
    for (unsigned i = 0; i < 3; i++)
        assert_false(serves(room, ids[i], 40 << 20, i)); /* each had octets in one of the two */
    add_one(room, 100000, 1, NULL);
    room_commit(room);
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
        add_repeat(room->batch, SPAN_LIT("p"), SPAN_LIT("i"), digest, INT64_MAX);
        if (i % 1000 == 999)
            room_commit(room);
    }
    room_close(room);
    raw_sql(room, "DELETE FROM track WHERE hash % 7 = 0; DELETE FROM repeat_track WHERE hash % 7 = 0");
    assert_true(store_check(room->path, true, note, &found, &n, &err));
    assert_int_equal(n, 2);
    assert_int_equal(found.invariant, 11);
    assert_true(store_repair(room->path, note, &found, &n, &err));
    assert_int_equal(found.repaired, 2);
    room_open(room);
    for (unsigned i = 0; i < 140000; i += 1009) {
        memcpy(digest, &i, sizeof i);
        assert_int_equal(find_repeat(room->store, NULL, SPAN_LIT("p"), SPAN_LIT("i"), digest),
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
    raw_sql(room,
            "UPDATE event SET data = substr(data, 1, length(data) - 1); UPDATE repeat SET data = x'00'");
    assert_true(store_check(room->path, false, note, &found, &n, &err));
    assert_int_equal(n, 2);
    room_open(room); /* what is damaged stops nothing else */
    store_add_event(room->batch, SPAN_LIT("other"), 7, SPAN_LIT("data"));
    room_commit(room);
    int events = 0;
    assert_true(store_track(room->store, SPAN_LIT("other"), count_event, &events, &err));
    assert_int_equal(events, 1);
    room_close(room);
    raw_sql(room, "DELETE FROM event; DELETE FROM repeat");
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
    assert_false(serves(room, in.large, 100000, 2));
}

/* The copy and the entry of a message whose content is lost are named and kept: with the envelope, without
 * content, the copy at the next hop that says so, in no doubt and not held. */
static void what_loses_its_content_is_named_and_kept(void **state) {
    struct room *room = *state;
    struct inhabited in = inhabit(room);
    room_close(room);
    raw_sql(room, "UPDATE content SET digest = zeroblob(32) WHERE digest IS NOT NULL;"
                  "UPDATE work SET status = 2, doubt_peer = next_hop, sum = NULL WHERE message IN"
                  " (SELECT id FROM message WHERE content != 0)");
    lost_are_named_and_kept(room, &in);
    room_close(room);
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
        raw_sql(room, rubbish[i]);
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

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, no_sync_setup, room_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_ROOM(each_damage_is_found_and_repaired),
        IN_ROOM(flipped_envelope_is_found),
        IN_ROOM(each_damage_of_a_segment_is_found_and_repaired),
        IN_ROOM(swapped_segments_are_found),
        IN_ROOM(lost_rows_of_runs_are_rebuilt),
        IN_ROOM(damaged_packed_rows_are_found),
        IN_ROOM(missing_segment_stops_accepting),
        IN_ROOM(what_loses_its_content_is_named_and_kept),
        IN_ROOM(changed_octet_is_found),
        IN_ROOM(corrupt_pages_are_survived),
        IN_ROOM(rubbish_rows_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
