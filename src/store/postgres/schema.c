/*
 * The tables, in a schema of their own. Step n brings a store from version n to
 * n + 1; a store is created by all of them. Steps are never changed once
 * released: a new version is a new step at the end.
 *
 * Keys of strangers are up to 1,024 octets each, more than an index of the
 * server takes: indexes hold their SHA-256. Envelopes and contents are not
 * compressed (EXTERNAL) and stay in their row up to 8 kB.
 *
 * Several nodes may work on one store: each has a row in `node`, whose epoch
 * fences it off, whose serial counts its commits, and whose lease is that of all
 * work that names it as owner.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "store/postgres/postgres_private.h"

#define VERSION 7

static const char *const steps[VERSION] = {
    "CREATE SCHEMA chasqui;"
    "CREATE TABLE setting(name text PRIMARY KEY, value bigint NOT NULL);"
    "CREATE TABLE node(id bigint PRIMARY KEY, epoch bigint NOT NULL, serial bigint NOT NULL, name text NOT "
    "NULL)"
    " WITH (fillfactor = 10);"
    "CREATE TABLE message(id bigint PRIMARY KEY, refs bigint NOT NULL, content bigint NOT NULL,"
    " arrival bigint NOT NULL, envelope_sum bigint NOT NULL, body_sum bigint, envelope bytea NOT NULL, body "
    "bytea)"
    " WITH (toast_tuple_target = 8160);"
    "ALTER TABLE message ALTER envelope SET STORAGE EXTERNAL, ALTER body SET STORAGE EXTERNAL;"
    "CREATE TABLE content(id bigint PRIMARY KEY, refs bigint NOT NULL, length bigint NOT NULL, digest bytea);"
    "CREATE TABLE chunk(content bigint, seq bigint, data bytea NOT NULL, PRIMARY KEY(content, seq));"
    "ALTER TABLE chunk ALTER data SET STORAGE EXTERNAL;"
    "CREATE TABLE next_hop(id bigint PRIMARY KEY, name bytea NOT NULL);"
    "CREATE UNIQUE INDEX next_hop_name ON next_hop(sha256(name));"
    "CREATE TABLE work(id bigint PRIMARY KEY, message bigint NOT NULL, next_hop bigint NOT NULL,"
    " priority bigint NOT NULL, status bigint NOT NULL, doubt_peer bigint NOT NULL, tries bigint NOT NULL,"
    " due bigint NOT NULL, expiry bigint NOT NULL, owner bigint NOT NULL, epoch bigint NOT NULL,"
    " lease bigint NOT NULL, data bytea NOT NULL) WITH (fillfactor = 80);"
    "CREATE TABLE event(id bigint PRIMARY KEY, hash bigint NOT NULL, at bigint NOT NULL, key bytea NOT NULL,"
    " data bytea NOT NULL);"
    "CREATE INDEX track ON event(hash, id);"
    "CREATE TABLE repeat(digest bytea PRIMARY KEY, expiry bigint NOT NULL);"
    "CREATE INDEX repeat_expiry ON repeat(expiry);"
    "CREATE TABLE activity_in(id bigint PRIMARY KEY, peer bytea NOT NULL, association bytea NOT NULL,"
    " activity bytea NOT NULL, at bigint NOT NULL, serial bigint NOT NULL, \"offset\" bigint NOT NULL,"
    " content bigint NOT NULL, length bigint NOT NULL, chain bytea NOT NULL, state bytea NOT NULL);"
    "CREATE INDEX activity_in_age ON activity_in(at, id);"
    "CREATE INDEX activity_in_key ON activity_in(sha256(association), sha256(activity));"
    "CREATE TABLE activity_out(work bigint PRIMARY KEY, association bytea NOT NULL, activity bytea NOT NULL,"
    " at bigint NOT NULL, serial bigint NOT NULL, \"offset\" bigint NOT NULL, data bytea NOT NULL);"
    "CREATE TABLE outcome(association bytea NOT NULL, activity bytea NOT NULL, peer bytea NOT NULL,"
    " expiry bigint NOT NULL, data bytea NOT NULL);"
    "CREATE UNIQUE INDEX outcome_key ON outcome(sha256(association), sha256(activity), sha256(peer));"
    "CREATE INDEX outcome_expiry ON outcome(expiry);"
    "CREATE TABLE mailbox(id bigint PRIMARY KEY, next bigint NOT NULL, name bytea NOT NULL) WITH (fillfactor "
    "= 80);"
    "CREATE UNIQUE INDEX mailbox_name ON mailbox(sha256(name));"
    "CREATE TABLE entry(mailbox bigint, sequence bigint, message bigint NOT NULL, at bigint NOT NULL,"
    " flags bigint NOT NULL, octets bigint NOT NULL, data bytea NOT NULL, PRIMARY KEY(mailbox, sequence));"
    "CREATE TABLE record(kind bigint NOT NULL, name bytea NOT NULL, data bytea NOT NULL);"
    "CREATE UNIQUE INDEX record_key ON record(kind, sha256(name));",
    /* Events, packed (packed.c) in few rows a batch, each with the hashes of its keys: as rows of their own
     * they were a quarter of what a batch cost. */
    "CREATE TABLE packed(id bigint PRIMARY KEY, at bigint NOT NULL, hashes bigint[] NOT NULL, data bytea NOT "
    "NULL)"
    " WITH (toast_tuple_target = 8160);"
    "ALTER TABLE packed ALTER hashes SET STORAGE EXTERNAL, ALTER data SET STORAGE EXTERNAL;"
    "INSERT INTO packed SELECT id, at, ARRAY[hash], int2send(octet_length(key)::smallint)"
    " || int4send(octet_length(data)) || int8send(at) || key || data FROM event;"
    "DROP TABLE event;"
    "ALTER TABLE packed RENAME TO event;"
    "ALTER INDEX packed_pkey RENAME TO event_pkey;"
    "CREATE INDEX track ON event USING gin(hashes) WITH (fastupdate = off);",
    /* Checksums of rows (NULL: unchecked); a node's lease instead of one of each row of work. */
    "ALTER TABLE work DROP epoch, DROP lease, ADD sum bigint;"
    "ALTER TABLE entry ADD sum bigint;"
    "ALTER TABLE activity_in ADD sum bigint;"
    "ALTER TABLE activity_out ADD sum bigint;"
    "ALTER TABLE node ADD lease bigint NOT NULL DEFAULT " NO_LEASE_END ";",
    /* The outcomes of one association and peer stand together. */
    "DROP INDEX outcome_key;"
    "CREATE UNIQUE INDEX outcome_key ON outcome"
    "(sha256(association), sha256(peer), sha256(activity));",
    /* As the embedded engine's step from 7 to 8. */
    "ALTER TABLE entry ADD head bigint NOT NULL DEFAULT 0;"
    "UPDATE entry SET head = (CASE WHEN encode(substr(data, 1, 1), 'hex') IN ('03', '13') THEN 16 ELSE 0 END)"
    " | (flags & 1) * 196608 | (flags & 2) * 262144;"
    "UPDATE entry SET sum = sum # flags # head;"
    "ALTER TABLE entry ALTER head DROP DEFAULT, DROP flags;"
    "CREATE TABLE status(mailbox bigint, block bigint, plane bigint, bits bit(8192) NOT NULL,"
    " PRIMARY KEY(mailbox, block, plane));",
    /* Columns of mailboxes, which are hashes for the most part. */
    "CREATE TABLE col(mailbox bigint, kind bigint, chunk bigint, data bytea NOT NULL,"
    " PRIMARY KEY(mailbox, kind, chunk)) WITH (toast_tuple_target = 8160);"
    "ALTER TABLE col ALTER data SET STORAGE EXTERNAL;",
    /* Rows of mailboxes (mailbox_rows.c) are records that are read by ranges. */
    "CREATE INDEX record_range ON record(kind, name) WHERE kind >= 192;",
};

bool pg_schema_version(struct pg *pg, int *version, struct error *err) {
    struct error inner = {0};
    char value[32];
    *version = 0;
    if (!pg_value(pg, "SELECT to_regclass('chasqui.setting') IS NOT NULL", value, sizeof value, err))
        return false;
    if (*value != 't')
        return true;
    if (!pg_value(pg, "SELECT value FROM chasqui.setting WHERE name = 'schema'", value, sizeof value, &inner))
        return inner.code == STORE_NOT_FOUND
                   ? error_set(err, STORE_CORRUPT, "%s: the schema chasqui says no version", pg->place)
                   : error_set(err, inner.code, "%s", inner.text);
    *version = atoi(value);
    if (*version >= 1 && *version <= VERSION)
        return true;
    return error_set(err, STORE_VERSION,
                     "%s: the store has schema version %d, and this program knows those up to %d; nothing "
                     "was changed",
                     pg->place, *version, VERSION);
}

static bool take_step(struct pg *pg, int version, struct error *err) {
    char mark[160];
    snprintf(mark, sizeof mark,
             "INSERT INTO setting VALUES('schema', %d) ON CONFLICT(name) DO UPDATE SET value = %d; COMMIT",
             version + 1, version + 1);
    if (pg_script(pg, "BEGIN", err) && pg_script(pg, steps[version], err) && pg_script(pg, mark, err))
        return true;
    pg_script(pg, "ROLLBACK", NULL);
    return false;
}

bool pg_schema_migrate(struct pg *pg, bool create, struct error *err) {
    int version;
    if (!pg_schema_version(pg, &version, err))
        return false;
    if (!version && !create)
        return error_set(err, STORE_NOT_FOUND, "%s: there is no store in this database", pg->place);
    int before = version;
    for (; version < VERSION; version++)
        if (!take_step(pg, version, err))
            return false;
    if (before && before < VERSION)
        log_notice("%s: store brought from schema %d to %d", pg->place, before, VERSION);
    return true;
}

bool pg_schema_is_current(struct pg *pg, struct error *err) {
    int version;
    if (!pg_schema_version(pg, &version, err))
        return false;
    if (!version)
        return error_set(err, STORE_NOT_FOUND, "%s: there is no store in this database", pg->place);
    return version == VERSION || error_set(err, STORE_VERSION,
                                           "%s: the store has the older schema version %d, which mhsd brings "
                                           "to version %d when it starts",
                                           pg->place, version, VERSION);
}
