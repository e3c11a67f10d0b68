/*
 * `store check` and `repair` in a PostgreSQL database: each damage that SQL can do
 * to rows is found under the number of its invariant, put right, and a second
 * check finds nothing.
 */
#include "damage.h"
#include "store/check.h"

#define FIRST "(SELECT min(id) FROM content)"

/* Beside what files can show (check.c): I9 and I13 are the server's rows `setting` and `node`. */
static const struct {
    int invariant; /* 0: no finding */
    const char *sql;
    unsigned kept;
} damages[] = {
    {6, "DELETE FROM chunk WHERE content = " FIRST " AND seq = 1", ALL - LARGE},
    {6, "DELETE FROM chunk WHERE content = " FIRST, ALL - LARGE},
    {6, "DELETE FROM chunk WHERE content = (SELECT max(id) FROM content)", ALL - ACTIVITY},
    {6, "UPDATE chunk SET data = substr(data, 1, length(data) - 1) WHERE seq = 0 AND content = " FIRST,
     ALL - LARGE},
    {6, "UPDATE chunk SET data = '' WHERE seq = 2 AND content = " FIRST, ALL - LARGE},
    /* As many octets as there should be, but not where they should be. */
    {6,
     "UPDATE chunk SET data = CASE seq WHEN 0 THEN data || '\\x00'::bytea ELSE substr(data, 2) END"
     " WHERE seq < 2 AND content = " FIRST,
     ALL - LARGE},
    {6, "UPDATE chunk SET seq = seq + 1 WHERE seq = 2 AND content = " FIRST, ALL - LARGE},
    {6, "UPDATE chunk SET seq = -1 WHERE seq = 1 AND content = " FIRST, ALL - LARGE},
    {6,
     "UPDATE chunk SET data = set_byte(data, 77, 255 - get_byte(data, 77)) WHERE seq = 1 AND content "
     "= " FIRST,
     ALL - LARGE},
    {0, "UPDATE chunk SET data = data || 'left by a broken transfer'::bytea WHERE seq = 2", ALL},
    {0, "INSERT INTO chunk VALUES(4711, 0, 'of nothing'), (" FIRST ", 9, 'above')", ALL},
    {6, "UPDATE content SET length = length + 5 WHERE id = " FIRST, ALL - LARGE},
    {6, "UPDATE content SET length = 600000 - 5 WHERE id = " FIRST, ALL - LARGE},
    {6, "UPDATE content SET digest = decode(repeat('00', 32), 'hex') WHERE id = " FIRST, ALL - LARGE},
    {6, "UPDATE content SET digest = '\\x00' WHERE id = " FIRST, ALL - LARGE},
    {6, "UPDATE activity_in SET length = length + 1, sum = NULL", ALL - ACTIVITY},
    {7, "UPDATE message SET refs = refs + 1", ALL},
    {7, "UPDATE message SET refs = 0", ALL},
    {7, "UPDATE message SET refs = refs - 1 WHERE refs > 1", ALL},
    {7,
     "INSERT INTO work SELECT (jsonb_populate_record(w, '{\"id\": 900, \"message\": 4711, \"sum\": null}')).*"
     " FROM work w LIMIT 1",
     ALL},
    {7,
     "INSERT INTO entry SELECT (jsonb_populate_record(e, '{\"sequence\": 0, \"message\": 4711, \"sum\": "
     "null}')).*"
     " FROM entry e LIMIT 1",
     ALL},
    {7, "DELETE FROM message WHERE id = (SELECT min(id) FROM message)", ALL - SMALL},
    {7, "DELETE FROM entry", ALL},
    {8, "UPDATE content SET refs = 9 WHERE id = " FIRST, ALL},
    {8, "UPDATE content SET refs = 0 WHERE id = " FIRST, ALL},
    {8, "DELETE FROM activity_in", ALL - ACTIVITY},
    {8, "UPDATE activity_in SET content = 4711, sum = NULL; UPDATE content SET refs = 0 WHERE digest IS NULL",
     ALL - ACTIVITY},
    {8, "UPDATE message SET content = 4711 WHERE content = " FIRST, ALL - LARGE},
    {9, "UPDATE setting SET value = 2 WHERE name = 'id'", ALL},
    {9, "DELETE FROM setting WHERE name = 'id'", ALL},
    {9, "UPDATE setting SET value = (SELECT max(id) FROM message) WHERE name = 'id'", ALL},
    {10, "UPDATE repeat SET digest = substr(digest, 1, 31)", ALL - REPEAT},
    {10, "UPDATE repeat SET digest = digest || '\\x00'::bytea", ALL - REPEAT},
    {11, "UPDATE event SET data = data || '\\x0001'::bytea", ALL},
    {11, "UPDATE event SET data = substr(data, 1, length(data) - 1)", ALL - HISTORY},
    {11, "UPDATE event SET hashes = ARRAY[hashes[1] + 1]", ALL},
    {11, "UPDATE event SET hashes = '{}'", ALL},
    {0, "DELETE FROM node", ALL},
    {0, "UPDATE node SET epoch = 77, serial = -5", ALL},
    {14,
     "INSERT INTO activity_out SELECT (jsonb_populate_record(a, '{\"work\": 5555, \"sum\": null}')).*"
     " FROM activity_out a LIMIT 1",
     ALL},
    {14, "DELETE FROM mailbox", ALL},
    {14, "UPDATE mailbox SET next = 1", ALL},
    {14, "DELETE FROM next_hop", ALL},
    {16,
     "UPDATE message SET body = decode(repeat('00', length(body)), 'hex') WHERE id = (SELECT min(id) FROM"
     " message)",
     ALL - SMALL},
    {16, "UPDATE message SET body_sum = body_sum + 1 WHERE id = (SELECT min(id) FROM message)", ALL - SMALL},
    {16, "UPDATE work SET data = data || '\\x00'::bytea WHERE id = (SELECT min(id) FROM work)", ALL},
    {16, "UPDATE work SET expiry = expiry + 1 WHERE id = (SELECT max(id) FROM work)", ALL},
    {16, "UPDATE entry SET head = head + 1", ALL},
    {16, "UPDATE activity_in SET state = '\\x00'", ALL - ACTIVITY},
    {16, "UPDATE activity_out SET serial = serial + 1", ALL},
    {17, "INSERT INTO status VALUES(99, 0, 0, 0::bit(8192))", ALL},
    {17, "INSERT INTO status VALUES(1, 1, 0, B'1'::bit(8192))", ALL},
    {17, "INSERT INTO status VALUES(1, 0, 1, B'000011'::bit(8192))", ALL},
    {17, "INSERT INTO status VALUES(1, 0, 0, B'0010'::bit(8192))", ALL},
};

/* All rows, in one line. */
static void fingerprint(const struct room *room, char out[static 33]) {
    static const char query[] =
        "SELECT md5((SELECT string_agg(format('%s %s %s %s %s', id, refs, content, arrival, md5(body)), ',' "
        "ORDER "
        "BY id) FROM chasqui.message) ||"
        " (SELECT string_agg(format('%s %s %s %s', id, refs, length, digest), ',' ORDER BY id) FROM "
        "chasqui.content) ||"
        " coalesce((SELECT string_agg(format('%s %s %s', content, seq, md5(data)), ',' ORDER BY content, "
        "seq) FROM "
        "chasqui.chunk), '') ||"
        " (SELECT string_agg(w::text, ',' ORDER BY id) FROM chasqui.work w) ||"
        " coalesce((SELECT string_agg(e::text, ',' ORDER BY mailbox, sequence) FROM chasqui.entry e), '') ||"
        " coalesce((SELECT string_agg(a::text, ',' ORDER BY id) FROM chasqui.activity_in a), ''))";
    char database[32];
    place_database(room->path, database);
    PGconn *conn = place_connect(database);
    PGresult *result = PQexec(conn, query);
    if (PQntuples(result) != 1 || PQgetisnull(result, 0, 0))
        fail_msg("fingerprint: %s", PQerrorMessage(conn));
    snprintf(out, 33, "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
    PQfinish(conn);
}

/* The check says that and nothing else, twice the same, and changes nothing. */
static void check_names(const struct room *room, int invariant, const char *damaged) {
    char before[33], after[33];
    struct error err;
    fingerprint(room, before);
    for (int turn = 0; turn < 2; turn++) {
        struct findings found = {0};
        uint64_t n = 0;
        if (!store_check(room->path, true, note, &found, &n, &err))
            fail_msg("%s: check: %s", damaged, err.text);
        if (found.invariant != invariant || found.others || !n != !invariant || found.repaired)
            fail_msg("%s: I%d %s (%d findings)", damaged, found.invariant, found.text, (int)n);
    }
    fingerprint(room, after);
    assert_string_equal(before, after);
}

static void each_damage_is_found_and_repaired(void **state) {
    struct room *room = *state;
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        struct inhabited in = inhabit(room);
        assert_int_equal(whats_there(room, &in), ALL);
        room_close(room);
        assert_true(place_spoil(room->path, "", damages[i].sql));
        check_names(room, damages[i].invariant, damages[i].sql);
        if (damages[i].invariant)
            repair(room, damages[i].sql);
        go_on(room, &in, damages[i].kept, damages[i].sql);
        assert_true(place_spoil(room->path, "", "DROP SCHEMA chasqui CASCADE"));
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
    assert_true(place_spoil(
        room->path, "", "UPDATE message SET envelope = 'envelopf' WHERE id = (SELECT min(id) FROM message)"));
    check_names(room, 16, "envelope");
    assert_true(store_repair(room->path, note, &found, &n, &err));
    assert_int_equal(n, 1);
    assert_int_equal(found.repaired, 0);
    assert_true(place_spoil(room->path, "", "UPDATE message SET envelope = 'envelope'"));
}

/* The copy and the entry of a message whose content is lost are named and kept, as in a folder (check.c). */
static void what_loses_its_content_is_named_and_kept(void **state) {
    struct room *room = *state;
    struct inhabited in = inhabit(room);
    room_close(room);
    assert_true(
        place_spoil(room->path, "", "DELETE FROM chunk WHERE content IN (SELECT content FROM message)"));
    lost_are_named_and_kept(room, &in);
}

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, room_setup, room_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_ROOM(each_damage_is_found_and_repaired),
        IN_ROOM(flipped_envelope_is_found),
        IN_ROOM(what_loses_its_content_is_named_and_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
