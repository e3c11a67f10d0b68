/*
 * The tables. Step n brings a store from version n to n + 1; a store is created
 * by all of them, so that an old one and a new one can't differ. Steps are never
 * changed once released: a new version is a new step at the end.
 */
#include <stdio.h>

#include "base/log.h"
#include "store/sqlite/sqlite_private.h"

static const char *const steps[SCHEMA_VERSION] = {
    /* 0 to 1: the queue. `refs` and the ids come first in a row: they are read without its blobs. */
    "CREATE TABLE counter(name TEXT PRIMARY KEY, next INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE message(id INTEGER PRIMARY KEY, refs INTEGER NOT NULL, content INTEGER NOT NULL,"
    " arrival INTEGER NOT NULL, envelope BLOB NOT NULL, body BLOB);"
    "CREATE TABLE content(id INTEGER PRIMARY KEY, refs INTEGER NOT NULL, length INTEGER NOT NULL, digest "
    "BLOB);"
    "CREATE TABLE extent(content INTEGER, seq INTEGER, segment INTEGER NOT NULL, offset INTEGER NOT NULL,"
    " length INTEGER NOT NULL, PRIMARY KEY(content, seq)) WITHOUT ROWID;"
    "CREATE TABLE next_hop(id INTEGER PRIMARY KEY, name BLOB NOT NULL);"
    "CREATE TABLE work(id INTEGER PRIMARY KEY, message INTEGER NOT NULL, next_hop INTEGER NOT NULL,"
    " priority INTEGER NOT NULL, status INTEGER NOT NULL, doubt_peer INTEGER NOT NULL, tries INTEGER NOT "
    "NULL,"
    " due INTEGER NOT NULL, expiry INTEGER NOT NULL, data BLOB);"
    "CREATE TABLE hold(id INTEGER PRIMARY KEY, message INTEGER NOT NULL, kind INTEGER NOT NULL, data BLOB);"
    "CREATE TABLE event(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, data BLOB NOT NULL);"
    "CREATE TABLE track(bucket INTEGER, hash INTEGER, batch INTEGER, PRIMARY KEY(bucket, hash, batch)) "
    "WITHOUT ROWID;"
    "CREATE TABLE repeat(id INTEGER PRIMARY KEY, expiry INTEGER NOT NULL, data BLOB NOT NULL);"
    "CREATE TABLE repeat_track(bucket INTEGER, hash INTEGER, batch INTEGER, PRIMARY KEY(bucket, hash, batch))"
    " WITHOUT ROWID;"
    "CREATE TABLE run(bucket INTEGER PRIMARY KEY, repeats INTEGER NOT NULL, filter BLOB NOT NULL);"
    "CREATE TABLE activity_in(id INTEGER PRIMARY KEY, peer BLOB NOT NULL, association BLOB NOT NULL,"
    " activity BLOB NOT NULL, at INTEGER NOT NULL, serial INTEGER NOT NULL, offset INTEGER NOT NULL,"
    " content INTEGER NOT NULL, length INTEGER NOT NULL, chain BLOB NOT NULL, state BLOB NOT NULL);"
    "CREATE TABLE activity_out(work INTEGER PRIMARY KEY, association BLOB NOT NULL, activity BLOB NOT NULL,"
    " at INTEGER NOT NULL, serial INTEGER NOT NULL, offset INTEGER NOT NULL, data BLOB NOT NULL);",
    /* 1 to 2: mailboxes and named records. An entry's id is mailbox * 2^32 + sequence-number. */
    "CREATE TABLE mailbox(id INTEGER PRIMARY KEY, next INTEGER NOT NULL, name BLOB NOT NULL);"
    "CREATE TABLE entry(id INTEGER PRIMARY KEY, message INTEGER NOT NULL, at INTEGER NOT NULL,"
    " flags INTEGER NOT NULL, data BLOB NOT NULL);"
    "CREATE TABLE record(kind INTEGER, name BLOB, data BLOB NOT NULL, PRIMARY KEY(kind, name)) WITHOUT "
    "ROWID;",
    /* 2 to 3: outcomes of activities, which were records of kind 65. Those did not say whether the activity
     * was accepted or refused, so they go: who resumes one of them begins anew, and a message that was
     * accepted is known by its repeat key. */
    "CREATE TABLE outcome(association BLOB, activity BLOB, peer BLOB, expiry INTEGER NOT NULL, data BLOB NOT "
    "NULL,"
    " PRIMARY KEY(association, activity, peer)) WITHOUT ROWID;"
    "CREATE INDEX outcome_expiry ON outcome(expiry);"
    "DELETE FROM record WHERE kind = 65;",
    /* 3 to 4: entries count what they take of their mailbox, messages have checksums (NULL: unchecked). From
     * here on an entry's data holds no envelope; those that do stay as they are. */
    "ALTER TABLE message ADD COLUMN envelope_sum INTEGER;"
    "ALTER TABLE message ADD COLUMN body_sum INTEGER;"
    "ALTER TABLE entry ADD COLUMN octets INTEGER NOT NULL DEFAULT 0;"
    "UPDATE entry SET octets = length(data) + coalesce((SELECT coalesce(length(m.body), c.length) FROM "
    "message m"
    " LEFT JOIN content c ON c.id = m.content WHERE m.id = entry.message), 0);",
    /* 4 to 5: no program ever held a message but by work and entries. */
    "UPDATE message SET refs = refs - (SELECT count(*) FROM hold WHERE hold.message = message.id)"
    " WHERE id IN (SELECT message FROM hold);"
    "DROP TABLE hold;"
    "UPDATE content SET refs = refs - (SELECT count(*) FROM message m WHERE m.content = content.id AND "
    "m.refs <= 0)"
    " WHERE id IN (SELECT content FROM message WHERE refs <= 0);"
    "DELETE FROM message WHERE refs <= 0;"
    "DELETE FROM extent WHERE content IN (SELECT id FROM content WHERE refs <= 0);"
    "DELETE FROM content WHERE refs <= 0;",
    /* 5 to 6: checksums of the other rows (NULL: unchecked). */
    "ALTER TABLE work ADD COLUMN sum INTEGER;"
    "ALTER TABLE entry ADD COLUMN sum INTEGER;"
    "ALTER TABLE activity_in ADD COLUMN sum INTEGER;"
    "ALTER TABLE activity_out ADD COLUMN sum INTEGER;",
    /* 6 to 7: the outcomes of one association and peer stand together, so that none of another peer's are
     * read to tell whether there are any. */
    "DROP INDEX outcome_expiry;"
    "ALTER TABLE outcome RENAME TO former_outcome;"
    "CREATE TABLE outcome(association BLOB, activity BLOB, peer BLOB, expiry INTEGER NOT NULL, data BLOB NOT "
    "NULL,"
    " PRIMARY KEY(association, peer, activity)) WITHOUT ROWID;"
    "INSERT INTO outcome SELECT association, activity, peer, expiry, data FROM former_outcome;"
    "DROP TABLE former_outcome;"
    "CREATE INDEX outcome_expiry ON outcome(expiry);",
    /* 7 to 8: an entry's row stays as it was written, with one number for all that takes few bits (sums.c);
     * what changes stands in rows of bits (bits_private.h). Of the flags that there were one meant that the
     * user had read it, which is its first status now, the other is a flag still. */
    "ALTER TABLE entry ADD COLUMN head INTEGER NOT NULL DEFAULT 0;"
    "UPDATE entry SET head = (CASE WHEN hex(substr(data, 1, 1)) IN ('03', '13') THEN 16 ELSE 0 END)"
    " | (flags & 1) * 196608 | (flags & 2) * 262144;"
    "UPDATE entry SET sum = (sum | flags) - (sum & flags);"
    "UPDATE entry SET sum = (sum | head) - (sum & head);"
    "ALTER TABLE entry DROP COLUMN flags;"
    "CREATE TABLE status(id INTEGER PRIMARY KEY, bits BLOB NOT NULL);",
};

static bool fail(sqlite3 *db, const char *place, struct error *err) {
    sqlite_error(db, place, "schema", err);
    if (!sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return false;
}

static int pragma_value(sqlite3 *db, const char *text) {
    sqlite3_stmt *statement = NULL;
    int value = -1;
    if (sqlite3_prepare_v2(db, text, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        value = sqlite3_column_int(statement, 0);
    return sqlite3_finalize(statement) == SQLITE_OK ? value : -1;
}

static bool take_step(sqlite3 *db, const char *place, int version, struct error *err) {
    char mark[96];
    snprintf(mark, sizeof mark, "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT", APPLICATION_ID,
             version + 1);
    if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) ||
        sqlite3_exec(db, steps[version], NULL, NULL, NULL) || sqlite3_exec(db, mark, NULL, NULL, NULL))
        return fail(db, place, err);
    return true;
}

bool schema_version(sqlite3 *db, const char *place, int *version, struct error *err) {
    *version = pragma_value(db, "PRAGMA user_version");
    int application = pragma_value(db, "PRAGMA application_id");
    int tables = pragma_value(db, "SELECT count(*) FROM sqlite_schema");
    if (*version < 0 || application < 0 || tables < 0)
        return fail(db, place, err);
    if (tables && application != APPLICATION_ID)
        return error_set(err, STORE_VERSION,
                         "%s: queue.db is no store of ours, but another program's database (application %d, "
                         "version %d); nothing was changed",
                         place, application, *version);
    if ((tables != 0) != (*version != 0))
        return error_set(err, STORE_CORRUPT, "%s: queue.db has schema version %d and %d tables", place,
                         *version, tables);
    if (*version > SCHEMA_VERSION)
        return error_set(
            err, STORE_VERSION,
            "%s: the store has schema version %d, and this program knows those up to %d; nothing "
            "was changed",
            place, *version, SCHEMA_VERSION);
    return true;
}

bool schema_migrate(sqlite3 *db, const char *place, int target, struct error *err) {
    int version;
    if (!schema_version(db, place, &version, err))
        return false;
    int before = version;
    for (; version < target; version++)
        if (!take_step(db, place, version, err))
            return false;
    if (before && before < target) /* 0: a store that was just made */
        log_notice("%s: store brought from schema %d to %d", place, before, target);
    return true;
}
