/*
 * The statements. $n are bigint, bytea, or arrays of them: one array a column, one element a row. The hottest
 * unnest each column by itself: from a function of several arrays, each would be copied to a store of its
 * own.
 */
#include "store/postgres/postgres_private.h"

#define WORK_ARRAYS                                                                                          \
    "unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],"             \
    " $7::bigint[], $8::bigint[], $9::bigint[], $10::bytea[], $11::bigint[])"

/* When the transaction began, as the leases have it; and other nodes than $1 whose lease is over. */
#define NOW  "(extract(epoch FROM now()) * 1000000)::bigint"
#define GONE "id <> $1::bigint AND lease < " NOW

const struct pg_statement pg_statements[QUERIES] = {
    [Q_BEGIN] = {"begin", "BEGIN"},
    [Q_COMMIT] = {"commit", "COMMIT"},
    [Q_ROLLBACK] = {"rollback", "ROLLBACK"},
    [Q_FENCE] = {"fence", "UPDATE node SET serial = $3::bigint, lease = " NOW " + $4::bigint"
                          " WHERE id = $1::bigint AND epoch = $2::bigint"
                          " RETURNING pg_current_xact_id()::text::bigint"},
    [Q_ADD_MESSAGES] =
        {"add_messages",
         "INSERT INTO message(id, refs, content, arrival, envelope_sum, body_sum, envelope, body)"
         " SELECT unnest($1::bigint[]), unnest($2::bigint[]), unnest($3::bigint[]), unnest($4::bigint[]),"
         " unnest($5::bigint[]), unnest($6::bigint[]), unnest($7::bytea[]), unnest($8::bytea[])"},
    [Q_ADD_CONTENTS] = {"add_contents", "INSERT INTO content(id, refs, length, digest) SELECT * FROM"
                                        " unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[])"},
    [Q_SET_CONTENTS] = {"set_contents",
                        "UPDATE content SET length = c.length, digest = c.digest FROM"
                        " unnest($1::bigint[], $2::bigint[], $3::bytea[]) AS c(id, length, digest)"
                        " WHERE content.id = c.id"},
    [Q_PUT_CHUNKS] = {"put_chunks", "INSERT INTO chunk(content, seq, data) SELECT * FROM"
                                    " unnest($1::bigint[], $2::bigint[], $3::bytea[])"
                                    " ON CONFLICT(content, seq) DO UPDATE SET data = excluded.data"},
    [Q_ADD_WORK] = {"add_work", "INSERT INTO work(" WORK_COLUMNS ", owner)"
                                " SELECT *, $12::bigint FROM " WORK_ARRAYS},
    [Q_SET_WORK] = {"set_work",
                    "UPDATE work SET next_hop = w.next_hop, priority = w.priority, status = w.status,"
                    " doubt_peer = w.doubt_peer, tries = w.tries, due = w.due, expiry = w.expiry, data = "
                    "w.data, sum = w.sum"
                    " FROM " WORK_ARRAYS " AS w(" WORK_COLUMNS ") WHERE work.id = w.id"},
    /* The sequence-numbers are the mailbox's next ones, in the order of the operations. */
    [Q_ADD_ENTRIES] =
        {"add_entries",
         "WITH given AS (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], "
         "$5::bigint[],"
         " $6::bytea[], $7::bigint[]) WITH ORDINALITY AS g(mailbox, message, at, head, octets, data, sum, "
         "place)),"
         " counted AS (UPDATE mailbox SET next = next + c.n FROM"
         " (SELECT mailbox, count(*) AS n FROM given GROUP BY mailbox) AS c WHERE mailbox.id = c.mailbox"
         " RETURNING mailbox.id, mailbox.next - c.n AS first),"
         " put AS (INSERT INTO entry(mailbox, sequence, message, at, head, octets, data, sum) SELECT "
         "g.mailbox,"
         " counted.first + row_number() OVER (PARTITION BY g.mailbox ORDER BY g.place) - 1,"
         " g.message, g.at, g.head, g.octets, g.data, g.sum FROM given g JOIN counted ON counted.id = "
         "g.mailbox)"
         " SELECT id, first FROM counted"},
    [Q_COPY_ENTRIES] = {"copy_entries",
                        "INSERT INTO entry(mailbox, " ENTRY_COLUMNS ") SELECT * FROM"
                        " unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],"
                        " $6::bigint[], $7::bytea[], $8::bigint[])"},
    [Q_NUMBER_ENTRIES] = {"number_entries",
                          "UPDATE mailbox SET next = greatest(mailbox.next, n.next) FROM"
                          " unnest($1::bigint[], $2::bigint[]) AS n(id, next) WHERE mailbox.id = n.id"},
    [Q_CLEAR_BITS] =
        {"clear_bits",
         "UPDATE status SET bits = status.bits & ~" BITS(
             "c.bits") " FROM"
                       " unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[]) AS c(mailbox, block, "
                       "plane, bits)"
                       " WHERE status.mailbox = c.mailbox AND status.block = c.block AND status.plane = "
                       "c.plane"},
    /* Of entries that are or were there: none of the mailbox's next number and above. */
    [Q_SET_BITS] =
        {"set_bits",
         "INSERT INTO status(mailbox, block, plane, bits) SELECT s.mailbox, s.block, s.plane,"
         " " BITS(
             "s.bits") " & (" ALL_BITS " << greatest(0, 8192 - 2 * (m.next - s.block * "
                       "4096))::int) FROM"
                       " unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[]) AS s(mailbox, block, "
                       "plane, bits)"
                       " JOIN mailbox m ON m.id = s.mailbox WHERE s.block * 4096 < m.next ORDER BY 1, 2, 3"
                       " ON CONFLICT(mailbox, block, plane) DO UPDATE SET bits = status.bits | "
                       "excluded.bits"},
    /*
     * What the batch takes away, and the counts of references that change with it (I7, I8): $1 work that is
     * done, $2 and $3 entries that go; $4 and $5 messages of before that get references; $6 activities that
     * are written or end; $7 and $8 contents of before that get references. Rows: 0 and a content whose row
     * went, with its length; 1 and a message that is not there.
     */
    [Q_COUNT] =
        {"count",
         "WITH done AS (DELETE FROM work WHERE id = ANY($1::bigint[]) RETURNING message),"
         " resumed AS (DELETE FROM activity_out WHERE work = ANY($1::bigint[])),"
         " taken AS (DELETE FROM entry USING unnest($2::bigint[], $3::bigint[]) AS u(mailbox, sequence)"
         " WHERE entry.mailbox = u.mailbox AND entry.sequence = u.sequence RETURNING entry.message),"
         " change AS (SELECT message, sum(n) AS n, max(n) AS most FROM (SELECT message, -1 AS n FROM done "
         "UNION ALL"
         " SELECT message, -1 FROM taken UNION ALL SELECT * FROM unnest($4::bigint[], $5::bigint[])) AS a"
         " GROUP BY message),"
         " kept AS (UPDATE message SET refs = refs + change.n FROM change WHERE message.id = change.message"
         " AND refs + change.n > 0 RETURNING message.id),"
         " dropped AS (DELETE FROM message USING change WHERE message.id = change.message"
         " AND refs + change.n <= 0 RETURNING content),"
         " content_change AS (SELECT content, sum(n) AS n FROM (SELECT content, -1 AS n FROM dropped UNION "
         "ALL"
         " SELECT content, -1 FROM activity_in WHERE id = ANY($6::bigint[]) UNION ALL"
         " SELECT * FROM unnest($7::bigint[], $8::bigint[])) AS a WHERE content <> 0 GROUP BY content),"
         " content_kept AS (UPDATE content SET refs = refs + c.n FROM content_change AS c WHERE content.id = "
         "c.content"
         " AND c.n <> 0 AND refs + c.n > 0),"
         " content_dropped AS (DELETE FROM content USING content_change AS c WHERE content.id = c.content"
         " AND refs + c.n <= 0 RETURNING content.id, content.length)"
         " SELECT 0::bigint, id, length FROM content_dropped UNION ALL"
         " SELECT 1, message, 0 FROM change WHERE most > 0 AND message NOT IN (SELECT id FROM kept)"},
    /* Of a chunk that has entries still. */
    [Q_PUT_COLUMNS] = {"put_columns",
                       "INSERT INTO col(mailbox, kind, chunk, data) SELECT * FROM"
                       " unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[]) AS c(mailbox, kind, "
                       "chunk, data)"
                       " WHERE EXISTS (SELECT FROM entry WHERE entry.mailbox = c.mailbox AND sequence >= "
                       "c.chunk * 256"
                       " AND sequence < (c.chunk + 1) * 256)"
                       " ON CONFLICT(mailbox, kind, chunk) DO UPDATE SET data = excluded.data"},
    /* What stands beside entries of which none is left: $2 are chunks. */
    [Q_DROP_EMPTY] = {"drop_empty",
                      "WITH u AS (SELECT DISTINCT * FROM unnest($1::bigint[], $2::bigint[]) AS u(mailbox, "
                      "chunk)),"
                      " c AS (DELETE FROM col USING u WHERE col.mailbox = u.mailbox AND col.chunk = u.chunk"
                      " AND NOT EXISTS (SELECT FROM entry WHERE entry.mailbox = u.mailbox"
                      " AND sequence >= u.chunk * 256 AND sequence < (u.chunk + 1) * 256))"
                      " DELETE FROM status USING u WHERE status.mailbox = u.mailbox AND status.block = "
                      "u.chunk / 16"
                      " AND NOT EXISTS (SELECT FROM entry WHERE entry.mailbox = u.mailbox"
                      " AND sequence >= status.block * 4096 AND sequence < (status.block + 1) * 4096)"},
    [Q_PUT_ACTIVITIES_IN] =
        {"put_activities_in",
         "INSERT INTO activity_in(" ACTIVITY_COLUMNS
         ") SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[],"
         " $4::bytea[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bytea[],"
         " $11::bytea[], $12::bigint[]) ON CONFLICT(id) DO UPDATE SET peer = excluded.peer, association = "
         "excluded.association,"
         " activity = excluded.activity, at = excluded.at, serial = excluded.serial, \"offset\" = "
         "excluded.\"offset\","
         " content = excluded.content, length = excluded.length, chain = excluded.chain, state = "
         "excluded.state, sum = excluded.sum"},
    [Q_DROP_ACTIVITIES_IN] = {"drop_activities_in", "DELETE FROM activity_in WHERE id = ANY($1::bigint[])"},
    [Q_PUT_ACTIVITIES_OUT] =
        {"put_activities_out",
         "INSERT INTO activity_out(" ACTIVITY_OUT_COLUMNS ") SELECT * FROM"
         " unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[], "
         "$7::bytea[], $8::bigint[])"
         " AS a(" ACTIVITY_OUT_COLUMNS ")"
         " WHERE EXISTS (SELECT FROM work WHERE work.id = a.work)"
         " ON CONFLICT(work) DO UPDATE SET association = excluded.association, activity = excluded.activity,"
         " at = excluded.at, serial = excluded.serial, \"offset\" = excluded.\"offset\", data = "
         "excluded.data, sum = excluded.sum"},
    [Q_DROP_ACTIVITIES_OUT] = {"drop_activities_out",
                               "DELETE FROM activity_out WHERE work = ANY($1::bigint[])"},
    [Q_PUT_OUTCOMES] = {"put_outcomes",
                        "INSERT INTO outcome(association, activity, peer, expiry, data) SELECT * FROM"
                        " unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bigint[], $5::bytea[])"
                        " ON CONFLICT(sha256(association), sha256(activity), sha256(peer))"
                        " DO UPDATE SET expiry = excluded.expiry, data = excluded.data"},
    [Q_DROP_OUTCOMES] =
        {"drop_outcomes",
         "DELETE FROM outcome USING unnest($1::bytea[], $2::bytea[], $3::bytea[]) AS u(association, "
         "activity, peer)"
         " WHERE sha256(outcome.association) = sha256(u.association)"
         " AND sha256(outcome.activity) = sha256(u.activity) AND sha256(outcome.peer) = sha256(u.peer)"},
    [Q_PUT_RECORDS] = {"put_records", "INSERT INTO record(kind, name, data) SELECT * FROM"
                                      " unnest($1::bigint[], $2::bytea[], $3::bytea[])"
                                      " ON CONFLICT(kind, sha256(name)) DO UPDATE SET data = excluded.data"},
    [Q_DROP_RECORDS] = {"drop_records",
                        "DELETE FROM record USING unnest($1::bigint[], $2::bytea[]) AS u(kind, name)"
                        " WHERE record.kind = u.kind AND sha256(record.name) = sha256(u.name)"},
    /* Rows of packed events, each with the hashes of its keys: in $6, from $3 to $4. */
    [Q_ADD_EVENTS] = {"add_events",
                      "INSERT INTO event(id, at, hashes, data) SELECT e.id, e.at,"
                      " ($6::bigint[])[e.first:e.last], e.data FROM unnest($1::bigint[], $2::bigint[],"
                      " $3::bigint[], $4::bigint[], $5::bytea[]) AS e(id, at, first, last, data)"},
    /* Fails where one is there already. */
    [Q_ADD_REPEATS] = {"add_repeats", "INSERT INTO repeat(digest, expiry)"
                                      " SELECT unnest($1::bytea[]), unnest($2::bigint[])"},
    /* Those that are there already are not among the rows. */
    [Q_ASK_REPEATS] = {"ask_repeats", "INSERT INTO repeat(digest, expiry)"
                                      " SELECT unnest($1::bytea[]), unnest($2::bigint[])"
                                      " ON CONFLICT(digest) DO NOTHING RETURNING digest"},
    [Q_SETTLE] = {"settle",
                  "SELECT CASE WHEN $2::bigint::text::xid8 < pg_snapshot_xmax(pg_current_snapshot())"
                  " THEN pg_xact_status($2::bigint::text::xid8) END, serial FROM node WHERE id = $1::bigint"},
    [Q_TAKE_IDS] =
        {"take_ids",
         "INSERT INTO setting VALUES('id', greatest(1, $2::bigint) + $1::bigint) ON CONFLICT(name)"
         " DO UPDATE SET value = greatest(setting.value, $2::bigint) + $1::bigint RETURNING value"},
    [Q_PROBE] = {"probe", "INSERT INTO setting VALUES('probe', 1) ON CONFLICT(name)"
                          " DO UPDATE SET value = setting.value + 1"},
    [Q_PUT_CHUNK] = {"put_chunk",
                     "INSERT INTO chunk(content, seq, data) SELECT $1::bigint, $2::bigint, $3::bytea"
                     " WHERE EXISTS (SELECT FROM node WHERE id = $4::bigint AND epoch = $5::bigint)"
                     " ON CONFLICT(content, seq) DO UPDATE SET data = excluded.data"},
    [Q_GET_CHUNK] = {"get_chunk", "SELECT substr(data, 1 + $3::bigint::int, $4::bigint::int) FROM chunk"
                                  " WHERE content = $1::bigint AND seq = $2::bigint"},
    /* Whole ones: a short one is what a checkpoint left, and more of it was lost. */
    [Q_COUNT_CHUNKS] = {"count_chunks", "SELECT count(*) FROM chunk WHERE content = $1::bigint"
                                        " AND seq < $2::bigint AND octet_length(data) = $3::bigint"},
    /* Of the transaction that it begins; $1: ms. */
    [Q_DURABLY] = {"durably", "SELECT set_config('synchronous_commit', 'on', true),"
                              " set_config('lock_timeout', $1::bigint::text, true)"},
    [Q_DROP_CHUNKS] = {"drop_chunks",
                       "DELETE FROM chunk WHERE content = $1::bigint AND seq IN (SELECT seq FROM chunk"
                       " WHERE content = $1::bigint AND seq >= $2::bigint ORDER BY seq LIMIT 16)"
                       " AND EXISTS (SELECT FROM node WHERE id = $3::bigint AND epoch = $4::bigint)"
                       " RETURNING seq"},
    [Q_CUT_CHUNK] = {"cut_chunk",
                     "UPDATE chunk SET data = substr(data, 1, $3::bigint::int) WHERE"
                     " content = $1::bigint AND seq = $2::bigint AND octet_length(data) > $3::bigint"
                     " AND EXISTS (SELECT FROM node WHERE id = $4::bigint AND epoch = $5::bigint)"},
    [Q_GET_CONTENT] = {"get_content", "SELECT length FROM content WHERE id = $1::bigint"},
    [Q_GET_BODY] = {"get_body", "SELECT m.content, m.body, c.length FROM message m LEFT JOIN content c"
                                " ON c.id = m.content WHERE m.id = $1::bigint"},
    [Q_GET_MESSAGE] =
        {"get_message",
         "SELECT m.arrival, coalesce(length(m.body), c.length, 0)::bigint, m.envelope FROM message m"
         " LEFT JOIN content c ON c.id = m.content WHERE m.id = $1::bigint"},
    [Q_GET_WORK] = {"get_work", "SELECT " WORK_COLUMNS " FROM work WHERE id = $1::bigint"},
    [Q_EACH_WORK] = {"each_work",
                     "SELECT " WORK_COLUMNS " FROM work WHERE ($1::bigint = 0 OR next_hop = $1)"
                     " AND ($2::bigint < 0 OR status = $2) AND id > $3::bigint ORDER BY id LIMIT $4::bigint"},
    [Q_RENEW] = {"renew", "UPDATE node SET lease = " NOW " + $3::bigint WHERE id = $1::bigint"
                          " AND epoch = $2::bigint RETURNING id"},
    [Q_EACH_OWN_WORK] = {"each_own_work", "SELECT " WORK_COLUMNS " FROM work WHERE owner = $1::bigint"
                                          " AND id > $2::bigint ORDER BY id LIMIT $3::bigint"},
    [Q_FIND_GONE] = {"find_gone", "SELECT id FROM node WHERE " GONE " LIMIT 1"},
    /* Of one transaction, with the next three (node.c). */
    [Q_TAKING] = {"taking", "SELECT set_config('synchronous_commit', 'on', true),"
                            " set_config('lock_timeout', '200ms', true)"},
    [Q_FENCE_GONE] = {"fence_gone", "UPDATE node SET epoch = epoch + 1 WHERE " GONE},
    [Q_TAKE_WORK] = {"take_work", "UPDATE work SET owner = $1::bigint WHERE id IN (SELECT id FROM work"
                                  " WHERE owner IN (SELECT id FROM node WHERE " GONE ") ORDER BY id"
                                  " LIMIT $2::bigint) RETURNING " WORK_COLUMNS},
    [Q_LEAVE_GONE] = {"leave_gone", "UPDATE node SET lease = " NO_LEASE_END " WHERE " GONE
                                    " AND NOT EXISTS (SELECT FROM work WHERE owner = node.id)"},
    /* Those of one message are few: they are never to be looked for in the order of ids. */
    [Q_TRACK] = {"track", "WITH found AS MATERIALIZED (SELECT id, data FROM event WHERE hashes @>"
                          " ARRAY[$1::bigint]) SELECT id, data FROM found WHERE id > $2::bigint ORDER BY id"
                          " LIMIT $3::bigint"},
    [Q_EACH_EVENT] = {"each_event", "SELECT id, data FROM event WHERE id <= $1::bigint ORDER BY id DESC"
                                    " LIMIT $2::bigint"},
    [Q_OTHER_NODES] = {"other_nodes", "SELECT 1 FROM node WHERE id <> $1::bigint ORDER BY id LIMIT 1"},
    [Q_PAGE_REPEATS] = {"page_repeats", "SELECT digest FROM repeat WHERE digest > $1::bytea ORDER BY digest"
                                        " LIMIT $2::bigint"},
    [Q_PAGE_ACTIVITIES] = {"page_activities", "SELECT association, activity, id FROM activity_in"
                                              " WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint"},
    [Q_FIND_REPEAT] = {"find_repeat", "SELECT expiry FROM repeat WHERE digest = $1::bytea"},
    [Q_FIND_ACTIVITY_IN] = {"find_activity_in",
                            "SELECT " ACTIVITY_COLUMNS " FROM activity_in WHERE sha256(association) ="
                            " sha256($1::bytea) AND sha256(activity) = sha256($2::bytea) AND peer = $3::bytea"
                            " ORDER BY id DESC LIMIT 1"},
    [Q_GET_ACTIVITY_IN] = {"get_activity_in",
                           "SELECT " ACTIVITY_COLUMNS " FROM activity_in WHERE id = $1::bigint"},
    [Q_EACH_ACTIVITY_OF] = {"each_activity_of", "SELECT " ACTIVITY_COLUMNS " FROM activity_in WHERE"
                                                " sha256(association) = sha256($1::bytea) AND id > $2::bigint"
                                                " ORDER BY id LIMIT $3::bigint"},
    [Q_EACH_ACTIVITY_IN] = {"each_activity_in", "SELECT " ACTIVITY_COLUMNS " FROM activity_in WHERE"
                                                " (at, id) > ($1::bigint, $2::bigint) ORDER BY at, id"
                                                " LIMIT $3::bigint"},
    [Q_EACH_ACTIVITY_OUT] = {"each_activity_out", "SELECT " ACTIVITY_OUT_COLUMNS " FROM activity_out"
                                                  " WHERE work > $1::bigint ORDER BY work LIMIT $2::bigint"},
    [Q_GET_OUTCOME] = {"get_outcome",
                       "SELECT data FROM outcome WHERE sha256(association) = sha256($1::bytea)"
                       " AND sha256(activity) = sha256($2::bytea) AND sha256(peer) = sha256($3::bytea)"},
    [Q_HAS_OUTCOME] = {"has_outcome", "SELECT FROM outcome WHERE sha256(association) = sha256($1::bytea)"
                                      " AND sha256(peer) = sha256($2::bytea) LIMIT 1"},
    /* From peer to peer: the others' rows of the index are passed over. */
    [Q_EACH_OUTCOME] =
        {"each_outcome",
         "WITH RECURSIVE named(peer) AS ("
         "(SELECT sha256(peer) FROM outcome WHERE sha256(association) = sha256($1::bytea)"
         " ORDER BY sha256(peer) LIMIT 1) UNION ALL"
         " SELECT (SELECT sha256(o.peer) FROM outcome o WHERE sha256(o.association) = sha256($1::bytea)"
         " AND sha256(o.peer) > named.peer ORDER BY sha256(o.peer) LIMIT 1) FROM named"
         " WHERE named.peer IS NOT NULL)"
         " SELECT o.activity, o.peer, o.expiry, o.data FROM named, LATERAL (SELECT * FROM outcome"
         " WHERE sha256(association) = sha256($1::bytea) AND sha256(outcome.peer) = named.peer"
         " ORDER BY sha256(activity) LIMIT $2::bigint) AS o"},
    [Q_FIND_NEXT_HOP] = {"find_next_hop", "SELECT id FROM next_hop WHERE sha256(name) = sha256($1::bytea)"},
    [Q_ADD_NEXT_HOP] = {"add_next_hop",
                        "INSERT INTO next_hop(id, name) SELECT coalesce(max(id), 0) + 1, $1::bytea"
                        " FROM next_hop RETURNING id"},
    [Q_NEXT_HOP_NAME] = {"next_hop_name", "SELECT name FROM next_hop WHERE id = $1::bigint"},
    [Q_FIND_MAILBOX] = {"find_mailbox", "SELECT id FROM mailbox WHERE sha256(name) = sha256($1::bytea)"},
    [Q_ADD_MAILBOX] = {"add_mailbox",
                       "INSERT INTO mailbox(id, next, name) SELECT coalesce(max(id), 0) + 1, 1, $1::bytea"
                       " FROM mailbox RETURNING id"},
    [Q_EACH_MAILBOX] = {"each_mailbox", "SELECT id, name, next FROM mailbox WHERE id > $1::bigint ORDER BY id"
                                        " LIMIT $2::bigint"},
    [Q_GET_ENTRY] = {"get_entry", "SELECT " ENTRY_COLUMNS " FROM entry"
                                  " WHERE mailbox = $1::bigint AND sequence = $2::bigint"},
    [Q_EACH_ENTRY] = {"each_entry", "SELECT " ENTRY_COLUMNS " FROM entry WHERE mailbox = $1::bigint"
                                    " AND sequence > $2::bigint ORDER BY sequence LIMIT $3::bigint"},
    [Q_GET_BITS] = {"get_bits", "SELECT plane, bits FROM status WHERE mailbox = $1::bigint AND block ="
                                " $2::bigint"},
    [Q_EACH_COLUMN] = {"each_column", "SELECT chunk, data FROM col WHERE mailbox = $1::bigint AND kind ="
                                      " $2::bigint AND chunk > $3::bigint ORDER BY chunk LIMIT $4::bigint"},
    [Q_LAST_ENTRY] = {"last_entry",
                      "SELECT coalesce(max(sequence), 0) FROM entry WHERE mailbox = $1::bigint"},
    [Q_COUNT_COLUMNS] = {"count_columns", "SELECT coalesce(max(chunk) + 1, 0) FROM col WHERE mailbox ="
                                          " $1::bigint AND kind = 0"},
    [Q_GET_RECORD] = {"get_record", "SELECT data FROM record WHERE kind = $1::bigint"
                                    " AND sha256(name) = sha256($2::bytea)"},
    [Q_EACH_RECORD] = {"each_record", "SELECT name, data FROM record WHERE kind = $1::bigint ORDER BY name"},
    [Q_UNNAME_MAILBOX] = {"unname_mailbox",
                          "UPDATE mailbox SET name = convert_to(format('renamed %s', id), 'UTF8')"
                          " WHERE id = $1::bigint"},
    [Q_NAME_MAILBOX] = {"name_mailbox", "UPDATE mailbox SET name = $2::bytea WHERE id = $1::bigint"},
    /* The entries of $1 follow those of $2, in their order; their bits before them. */
    [Q_JOIN_BITS] =
        {"join_bits",
         "INSERT INTO status(mailbox, block, plane, bits) SELECT $2::bigint, (e.sequence + m.next - 1) / "
         "4096, s.plane,"
         " bit_or(substring(s.bits FROM (2 * (e.sequence % 4096) + 1)::int FOR 2)::bit(8192)"
         " >> (2 * ((e.sequence + m.next - 1) % 4096))::int)"
         " FROM entry e JOIN status s ON s.mailbox = e.mailbox AND s.block = e.sequence / 4096,"
         " mailbox m WHERE e.mailbox = $1::bigint AND m.id = $2::bigint GROUP BY 2, 3"
         " ON CONFLICT(mailbox, block, plane) DO UPDATE SET bits = status.bits | excluded.bits"},
    [Q_JOIN_MAILBOX] =
        {"join_mailbox",
         "WITH old AS (DELETE FROM mailbox WHERE id = $1::bigint RETURNING next),"
         " target AS (UPDATE mailbox SET next = mailbox.next + old.next - 1 FROM old WHERE mailbox.id = "
         "$2::bigint"
         " AND mailbox.next + old.next <= 4294967296 RETURNING mailbox.next - old.next AS before)"
         " UPDATE entry SET mailbox = $2::bigint, sequence = sequence + target.before FROM target"
         " WHERE mailbox = $1::bigint"},
    [Q_DROP_BITS] = {"drop_bits", "WITH c AS (DELETE FROM col WHERE mailbox = $1::bigint)"
                                  " DELETE FROM status WHERE mailbox = $1::bigint"},
    [Q_EXPIRE_EVENTS] = {"expire_events",
                         "DELETE FROM event WHERE id IN (SELECT id FROM event ORDER BY id LIMIT"
                         " $2::bigint) AND at < $1::bigint"},
    [Q_DATE_EVENTS] = {"date_events",
                       "UPDATE event SET at = $1::bigint WHERE id IN (SELECT id FROM event ORDER BY id LIMIT"
                       " $2::bigint) AND at > $1::bigint"},
    [Q_EXPIRE_REPEATS] = {"expire_repeats",
                          "DELETE FROM repeat WHERE digest IN (SELECT digest FROM repeat WHERE"
                          " expiry < $1::bigint ORDER BY expiry LIMIT $2::bigint FOR UPDATE SKIP LOCKED)"},
    [Q_EXPIRE_OUTCOMES] = {"expire_outcomes",
                           "DELETE FROM outcome WHERE ctid = ANY(ARRAY(SELECT ctid FROM outcome WHERE"
                           " expiry < $1::bigint ORDER BY expiry LIMIT $2::bigint FOR UPDATE SKIP LOCKED))"},
};
