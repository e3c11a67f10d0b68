/*
 * Inside the store: the SQLite engine with segment files.
 *
 * A store is a folder: `queue.db` (SQLite, WAL), `lock` (held by the writer)
 * and `segments/NNNNNNNN` (64 MiB each, bodies of contents over 8 kB).
 *
 * THE INVARIANTS of this engine: how it keeps those of store_private.h, and its
 * own, I3 to I6, I15 and I16. store_check verifies what a look at the files can
 * show; tests name the one that they try to break.
 *
 *  I1  A commit syncs segments, then their folder, then one transaction with
 *      SQLite's log synced (synchronous FULL).
 *  I3  A row never points at octets that are not synced.
 *  I4  Space in a segment is given out again only after the commit that
 *      removed the last row pointing at it, and after the last open content
 *      that reads it is released, and while a backup runs (store_keep) not at
 *      all where it was in a segment then.
 *  I5  Extents in rows lie inside a segment that exists and never overlap.
 *  I6  The extents of a content are numbered 0, 1, 2 …; their lengths add up
 *      to its length (for a partial one: to its activity's content length).
 *  I7  message.refs = rows of work and entry that name it, and is above 0.
 *  I8  content.refs = messages and activities that name it, and is above 0.
 *  I9  Each id in a row is below the durable counter `id`, and the handle starts
 *      above it.
 *  I10 and I11 A key is found through a finished run, or from memory, which is
 *      rebuilt from the packed rows above the last finished run.
 *  I13 One process writes: it holds the lock.
 *  I15 What another process reads of a content through a read-only handle are
 *      its octets, whatever the writer does meanwhile. The reader opens the
 *      segment's file, reads, and only then looks at the extents again, in a
 *      snapshot that begins after the read; it hands the octets over only if
 *      they are where they were before. While they were there all the time, I4
 *      kept their space. They were: an id is never used for a second content
 *      (I9), and an extent that was moved away never comes back to the same
 *      place, since a segment that is being emptied by moves gets nothing more
 *      and is removed, and while the writer lives no other file gets its number.
 *      A file of that number made by a later writer is another file: the
 *      reader keeps none open from one read to the next.
 *  I16 message.envelope_sum and body_sum, and the column `sum` of the other rows;
 *      body_sum is NULL also where there is no body.
 */
#ifndef STORE_SQLITE_SQLITE_PRIVATE_H
#define STORE_SQLITE_SQLITE_PRIVATE_H

#include <sqlite3.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "store/activity_private.h"
#include "store/backup.h"
#include "store/batch_private.h"
#include "store/check.h"
#include "store/name_table_private.h"
#include "store/sqlite/files.h"
#include "store/sqlite/options.h"
#include "store/sqlite/runs_private.h"
#include "store/store_private.h"
#include "store/thread.h"

#define SEGMENT_SIZE   (UINT64_C(64) << 20)
#define SEGMENT_ALIGN  UINT64_C(4096)
#define ID_BLOCK       (UINT64_C(1) << 20)
#define APPLICATION_ID 0x43485351 /* "CHSQ" */
#define SCHEMA_VERSION 9

/* Statements that are kept prepared; sql.c has their texts. */
enum statement {
    SQL_BEGIN,
    SQL_BEGIN_READING,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_SET_COUNTER,
    SQL_GET_COUNTER,
    SQL_ADD_MESSAGE,
    SQL_DROP_LAST,
    SQL_GET_REFS,
    SQL_SET_REFS,
    SQL_DROP_MESSAGE,
    SQL_GET_MESSAGE,
    SQL_GET_BODY,
    SQL_ADD_CONTENT,
    SQL_GET_CONTENT,
    SQL_SET_CONTENT,
    SQL_COUNT_CONTENT,
    SQL_DROP_CONTENT,
    SQL_PUT_EXTENT,
    SQL_GET_EXTENTS,
    SQL_DROP_EXTENTS,
    SQL_MOVE_EXTENT,
    SQL_ADD_WORK,
    SQL_SET_WORK,
    SQL_DROP_WORK,
    SQL_GET_WORK,
    SQL_ADD_EVENTS,
    SQL_GET_EVENTS,
    SQL_ADD_REPEATS,
    SQL_GET_REPEATS,
    SQL_ADD_TRACK,
    SQL_ADD_REPEAT_TRACK,
    SQL_FIND_TRACK,
    SQL_FIND_REPEAT_TRACK,
    SQL_LOOK_AT_RUNS,
    SQL_EVENTS_BEHIND,
    SQL_REPEATS_BEHIND,
    SQL_DATA_VERSION,
    SQL_ADD_RUN,
    SQL_PUT_ACTIVITY_IN,
    SQL_DROP_ACTIVITY_IN,
    SQL_PUT_OUTCOME,
    SQL_DROP_OUTCOME,
    SQL_GET_OUTCOME,
    SQL_HAS_OUTCOME,
    SQL_PUT_ACTIVITY_OUT,
    SQL_DROP_ACTIVITY_OUT,
    SQL_ADD_NEXT_HOP,
    SQL_PUT_MAILBOX,
    SQL_DROP_MAILBOX,
    SQL_MOVE_ENTRIES,
    SQL_ADD_ENTRY,
    SQL_DROP_ENTRY,
    SQL_GET_ENTRY,
    SQL_GET_BITS,
    SQL_PUT_BITS,
    SQL_DROP_BITS,
    SQL_IS_EMPTY,
    SQL_LAST_ENTRY,
    SQL_PUT_COLUMN,
    SQL_DROP_COLUMN,
    SQL_COUNT_CHUNKS,
    SQL_PUT_RECORD,
    SQL_DROP_RECORD,
    SQL_GET_RECORD,
    SQL_STATEMENTS
};

struct segment {
    uint64_t id;
    int fd;            /* -1: not open */
    uint64_t tail;     /* octets given out, from 0 */
    uint64_t live;     /* of those, octets that a content holds */
    uint64_t filled;   /* blocks are on disk up to here, of zeros or of former contents: a hint */
    uint64_t unsynced; /* octets written since the last sync or write-back */
    uint64_t written;  /* how often it was written to */
    bool dirty;        /* written since the last sync */
    bool syncing;      /* the commit that begins has it on its list */
    bool broken;       /* a sync or write failed: nothing new goes here */
    bool retired;      /* its contents are being moved away: nothing goes here any more (I15) */
    bool kept;         /* a backup reads it: nothing of it is given out again */
    bool missing;      /* rows name it, the file is not there or too short, or they are outside its bounds */
    uint64_t end;      /* of the last octet that a row named when the store was opened */
    uint64_t size;     /* of its file then; 0: not there */
};

struct extent {
    struct segment *segment;
    uint64_t offset;
    uint64_t length;   /* octets of the content in it */
    uint64_t reserved; /* octets that it holds of the segment, aligned */
};

struct content {
    struct store_content head;
    struct extent *extents;
    size_t extent_count, extent_cap;
    uint64_t commit_length; /* octets that rows point at if the commit under way succeeds */
    uint64_t saved_length;  /* octets that rows point at */
    size_t saved_extents;   /* rows of extents; the last may grow */
    bool has_row;
    bool doomed; /* its rows are gone: space is freed with the last reference */
};

/* Where a commit is. What waits for the disk is done by the store's thread, if it has one (commit.c). */
enum flight {
    FLIGHT_NONE,
    FLIGHT_BODIES,     /* the thread syncs segments; no transaction has begun */
    FLIGHT_SYNCED,     /* that has ended */
    FLIGHT_ROWS,       /* the thread commits the transaction: the writing connection is its own */
    FLIGHT_LANDED,     /* that has ended; memory and batch_done were not told yet */
    FLIGHT_CHECKPOINT, /* the thread copies the log into the database: the writing connection is its own */
};

/* What a commit finds out on its way (commit_private.h). */
struct commit {
    struct sqlite *store;
    struct store_batch *batch;
    enum flight flight;
    bool waits;         /* `batch` begins when the checkpoint has ended */
    bool bodies_synced; /* those of `batch` */
    bool beside;        /* what waits for the disk is the thread's work */
    uint64_t id_limit;  /* of the counter, when it has committed */
    struct error failure;
    struct { /* what the thread is given, and gives */
        struct body {
            struct segment *segment;
            uint64_t written; /* to it, when the sync began */
            int result;       /* errno */
        } * list;             /* of bodies.c */
        size_t count, cap;
        sqlite3_stmt *statement;
        int code, number; /* of SQLite, and errno */
    } job;
    size_t next_hops_written, mailboxes_written; /* changed names that have rows in it */
    struct map message_refs, content_refs;       /* id -> change of the count */
    struct map contents;                         /* id -> struct content, of those that operations name */
    struct map bits;                             /* as bits_note has it */
    struct map emptied;           /* where entries went: of each 256 numbers, the first's id in `entry` */
    struct map activity_contents; /* activity -> content that it names after the operations so far */
    struct buf events, repeat_keys;
    int64_t events_at, repeats_expiry; /* the latest */
    uint64_t event_row, repeat_row;
    bool again; /* requests got verdicts in this pass: it is rolled back, and there is another one */
    struct content **freed; /* contents whose rows go with this commit; a reference each */
    size_t freed_count, freed_cap;
    struct drain {
        size_t heads;    /* of the sealed table, drained when this commits */
        uint8_t *filter; /* set when it is then drained to its end */
    } drain_track, drain_repeats;
};

struct connection {
    sqlite3 *db;
    sqlite3_stmt *statements[SQL_STATEMENTS];
};

struct sqlite {
    struct store head;
    /* What writes, and what reads while the store's thread has that: what was there before the commit under
     * way. Without a thread there is one. */
    struct connection writing, reading;
    struct connection *connection; /* the one of both that is used now */
    struct store_thread *thread;   /* NULL: commits end inline */
    unsigned beside_from;          /* requests of a commit that the thread is worth */
    unsigned put_off;              /* calls of sqlite_maintain in a row that did nothing */
    int log_pages;                 /* of SQLite's log, when a transaction was last committed */
    const struct store_files *files;
    int lock;
    unsigned commits_to_space_check;
    uint64_t id_limit; /* ids below may be in rows: what the counter says */
    struct commit commit;

    struct segment **segments;
    size_t segment_count, segment_cap;
    struct segment *current;
    uint64_t next_segment;
    bool new_segments; /* the folder needs a sync */
    uint64_t fill_debt;
    struct segment *compacting;
    bool keeps;            /* a backup reads what is committed: no space of it is given out again */
    uint64_t compacted_to; /* contents below have been moved out of it */

    struct names next_hops, mailboxes;
    struct runs track, repeats;
    int64_t
        followed[2]; /* of a reader: the database's version that its `track` and `repeats` know; 0: none */
    struct activity_table activities;
    struct map activities_out; /* work ids that have a row there: spares most finished work a DELETE */
};

static inline struct sqlite *sqlite_of(struct store *head) {
    return (struct sqlite *)head;
}

static inline struct content *content_of(struct store_content *head) {
    return (struct content *)head;
}

/* ---- bits.c ---- */

/* Writes what bits_note noted, and drops what stands beside entries of which none is left (`emptied`, as
 * struct commit has it). */
bool bits_write(struct sqlite *store, const struct map *changes, struct error *err);
bool bits_drop_empty(struct sqlite *store, const struct map *emptied, struct error *err);
/* The bits of a mailbox whose entries have become another one's, their numbers higher by `shift`. */
bool bits_move(struct sqlite *store, uint32_t mailbox, uint32_t into, uint64_t shift, struct error *err);

/* ---- error.c ---- */

/* Fills `err` from the state that a call of SQLite left, its extended code and errno, and returns false.
 * `what` says what was being done. */
bool sqlite_error(sqlite3 *db, const char *place, const char *what, struct error *err);
bool db_error(struct sqlite *store, const char *what, struct error *err);
bool errno_error(const char *place, int number, const char *what, struct error *err);

/* ---- sql.c ---- */

/* The prepared statement, reset; NULL when it can't be prepared. */
sqlite3_stmt *sql(struct sqlite *store, enum statement which);
/* Steps a statement that gives no rows and resets it. `*changed` (may be NULL) gets the number of rows. */
bool sql_run(struct sqlite *store, enum statement which, int64_t *changed, struct error *err);
/* After a transaction that failed: is it undone for good? False is logged (log_file.h). */
bool sql_is_undone(struct sqlite *store);
bool sql_exec(struct sqlite *store, const char *text, struct error *err);
/* A fresh statement for a walk that may be entered again; the caller finalizes it. */
sqlite3_stmt *sql_walk(struct sqlite *store, const char *text, struct error *err);
/* SQLITE_ROW: true. SQLITE_DONE: false and *err untouched. Else false, and err->code is set. */
bool sql_next(struct sqlite *store, sqlite3_stmt *statement, struct error *err);
void sql_bind_span(sqlite3_stmt *statement, int index, struct span s);
struct span sql_span(sqlite3_stmt *statement, int column);
/* Is there a checksum in the column, and another one? (I16) */
bool sql_differs(sqlite3_stmt *row, int column, uint64_t sum);
void sql_close(struct connection *connection);
/* A number under a name, 1 when there is none. */
bool counter_get(struct sqlite *store, const char *name, uint64_t *next, struct error *err);
bool counter_set(struct sqlite *store, const char *name, uint64_t next, struct error *err);

/* ---- schema.c ---- */

/* The schema's version (0: empty). False: it can't be read, or STORE_VERSION: this program doesn't know it.
 * `place` is for the error's text. */
bool schema_version(sqlite3 *db, const char *place, int *version, struct error *err);
/* Brings the schema from its version to `target`. */
bool schema_migrate(sqlite3 *db, const char *place, int target, struct error *err);

/* ---- segment.c ---- */

/* False, and `err` says which: a segment that rows name is still missing. */
bool segments_are_there(struct sqlite *store, struct error *err);
bool segments_load(struct sqlite *store, struct error *err);
void segments_free(struct sqlite *store);
struct segment *segment_find(struct sqlite *store, uint64_t id);
/* Gives out up to `want` octets (aligned up) at one place. */
bool segment_take(struct sqlite *store, uint64_t want, struct extent *extent, struct error *err);
/* Is there a segment of which nothing is given out, or the space for a new one? What is left of one does not
 * count: what needed more was refused. */
bool segments_have_room(struct sqlite *store, struct error *err);
/* Gives the octets above `keep` of the extent's reservation back. Only for octets that no row points at. */
void segment_give_back(struct extent *extent, uint64_t keep);
/* No backup reads it any more (I4). */
bool segments_keep_end(struct sqlite *store);
void segments_keep(struct sqlite *store);
/* For a reader: a segment that the writer made since. */
struct segment *segment_note(struct sqlite *store, uint64_t id);
bool segment_write(struct sqlite *store, struct segment *segment, uint64_t offset, struct span octets,
                   struct error *err);
bool segment_read(struct sqlite *store, struct segment *segment, uint64_t offset, void *out, size_t len,
                  struct error *err);
bool segment_sync(struct sqlite *store, struct segment *segment, struct error *err);
/* The same in two steps: the first, which gives errno or 0, also on the store's thread; what was written to
 * the segment since it was `written` times need not be durable. */
int segment_datasync(const struct sqlite *store, const struct segment *segment);
bool segment_synced(struct sqlite *store, struct segment *segment, uint64_t written, int result,
                    struct error *err);
bool segments_sync_folder(struct sqlite *store, struct error *err);
/* One step of zero-filling a segment that is to be used next. True: there is more to fill. */
bool segment_fill_step(struct sqlite *store);
/* True when `left` octets of the disk stay free after another segment was made. */
bool room_for_segment(const struct sqlite *store, uint64_t left);
/* Removes the files of free segments that are not wanted. */
void segments_drop_spare(struct sqlite *store);
/* Removes those of all free ones, also of the one that is used next. True: there were some. */
bool segments_drop_free(struct sqlite *store);
/* Closes the segment's file until it is used next. */
void segment_close(struct sqlite *store, struct segment *segment);
void segment_path(const struct sqlite *store, uint64_t id, struct buf *out);

static inline uint64_t align_up(uint64_t n) {
    return (n + SEGMENT_ALIGN - 1) & ~(SEGMENT_ALIGN - 1);
}

/* ---- commit.c ---- */

/* A job of the thread's goes on: sqlite_write_begin would wait for it. */
bool sqlite_is_at_disk(const struct sqlite *store);
/* Around transactions that are no commit of a batch: they wait for what the thread does, and are read at
 * once.
 */
void sqlite_write_begin(struct sqlite *store);
void sqlite_write_end(struct sqlite *store);
/* From now on the length of SQLite's log is known. */
void sqlite_watch_log(struct sqlite *store);
/* Copies the log into the database if it is long, and no commit is under way. */
void sqlite_checkpoint(struct sqlite *store);

/* ---- presence.c ---- */

/* False: the database, its log, the folder of segments or an open segment is not where it was opened, `err`
 * says which. */
bool presence_of_store(const struct sqlite *store, struct error *err);
/* Of the folder of segments alone. */
bool presence_of_folder(const struct sqlite *store, struct error *err);

/* ---- space.c ---- */

/* False: the disk has less than the low-water mark, `err` says so; free segments were given back before. */
bool space_look(struct sqlite *store, struct error *err);
/* Looks every now and then. */
void space_watch(struct sqlite *store);

/* ---- content.c ---- */

/* Gives back all space above the first `length` octets, what was reserved and not used included. */
void content_trim(struct content *content, uint64_t length);
/* Loads the extents of content `id`, as a reference that the caller releases. */
struct content *content_load(struct sqlite *store, uint64_t id, uint64_t length, struct error *err);
/* Its rows are gone: frees the space now, or with the last reference. */
void content_free_space(struct content *content);

/* ---- queue.c, mailbox.c: rows, work's of `SELECT *`, an entry's of ENTRY_COLUMNS ---- */

#define ENTRY_COLUMNS "id, message, at, head, data, octets, sum"
struct store_work work_of(sqlite3_stmt *row);
struct store_entry entry_of(sqlite3_stmt *row);

/* ---- lookup.c: packed rows, and the runs that lead to them ---- */

/* Reads packed repeat keys (a row of `repeat`). */
typedef bool packed_repeat_cb(void *context, struct span digest);
bool repeats_unpack(struct span packed, packed_repeat_cb *cb, void *context);
/* Appends to `out` (as uint64_t, in rising order, each once) the packed rows that may hold `hash`. A reader
 * first takes in what was committed since it last looked. */
bool runs_lookup(struct sqlite *store, bool repeats, uint64_t hash, struct buf *out, struct error *err);
/* Reads one packed row into `out`. */
bool packed_row(struct sqlite *store, bool repeats, uint64_t id, struct buf *out, struct error *err);
/* Fills the runs at start: finished ones from their rows, the open table from the packed rows above them. */
bool runs_load(struct sqlite *store, bool repeats, struct error *err);

/* ---- drain.c ---- */

/* Drains the sealed table to its end in a transaction of its own. */
bool runs_drain_whole(struct sqlite *store, struct runs *runs, struct error *err);

/* ---- activity.c, names.c: loaded at the start ---- */

bool activities_load(struct sqlite *store, struct error *err);
/* A row of `SELECT *`; its spans live as long as the row. */
struct store_activity_in activity_in_of(sqlite3_stmt *row, bool *damaged);
struct store_activity_out activity_out_of(sqlite3_stmt *row, bool *damaged);
bool names_load(struct sqlite *store, struct error *err);

/* ---- engine.c ---- */

extern const struct store_engine sqlite_engine;
void sqlite_close(struct sqlite *store);

/* ---- open.c ---- */

/* The writer's lock of the store at `place`: a descriptor that
 * holds it. -1 with STORE_LOCKED, and by whom. */
int store_lock(const char *place, struct error *err);
/* NULL on failure. */
struct sqlite *sqlite_open(const char *place, const struct store_options *options, struct error *err);

/* ---- the engine's functions (engine.h says what they do) ---- */

bool sqlite_is_there(const char *place, struct error *err);
bool sqlite_examine(const char *place, struct error *err);
/* To copy it: an older schema is no matter, and nothing of it is loaded. sqlite_close ends it. */
struct sqlite *sqlite_open_older(const char *place, struct error *err);
bool sqlite_backup(const char *place, const char *to, bool alone, store_progress_cb *progress, void *context,
                   struct error *err);
bool sqlite_restore(const char *from, const char *place, bool force, store_progress_cb *progress,
                    void *context, struct error *err);
bool sqlite_remove(const char *place, struct error *err);
bool sqlite_hand_over(const char *place, struct error *err);
bool sqlite_check(const char *place, bool deep, store_finding_cb *cb, void *context, uint64_t *findings,
                  struct error *err);
bool sqlite_repair(const char *place, store_finding_cb *cb, void *context, uint64_t *findings,
                   struct error *err);
bool sqlite_maintain(struct store *store, int64_t now, int64_t events_before, int64_t until);
bool sqlite_behind(const struct store *store);
void sqlite_catch_up(struct store *store);
void sqlite_figures(const struct store *store, struct store_figures *figures);
void sqlite_commit_begin(struct store_batch *batch);
void sqlite_proceed(struct store *store, bool wait);
int sqlite_descriptor(const struct store *store);
void sqlite_give_up(struct store *store);
bool sqlite_content_write(struct store_content *content, struct span octets, struct error *err);
bool sqlite_content_read(struct store_content *content, uint64_t offset, void *out, size_t len,
                         struct error *err);
void sqlite_content_end(struct store_content *content);
void sqlite_content_close(struct store_content *content);
struct store_content *sqlite_content_open(struct store *store, uint64_t message, struct error *err);
struct store_content *sqlite_content_resume(struct store *store, uint64_t activity, struct error *err);
bool sqlite_get_message(struct store *store, uint64_t id, struct arena *arena, struct store_message *message,
                        struct error *err);
bool sqlite_get_work(struct store *store, uint64_t id, struct arena *arena, struct store_work *work,
                     struct error *err);
bool sqlite_each_work(struct store *store, uint64_t after, size_t limit, uint32_t next_hop, int status,
                      store_work_cb *cb, void *context, struct error *err);
bool sqlite_track(struct store *store, struct span key, store_event_cb *cb, void *context, struct error *err);
bool sqlite_each_event(struct store *store, uint64_t before, store_past_cb *cb, void *context,
                       struct error *err);
bool sqlite_find_repeat(struct store *store, const uint8_t key[static STORE_DIGEST], bool *found,
                        struct error *err);
bool sqlite_find_activity_in(struct store *store, struct span peer, struct span association,
                             struct span activity, struct store_activity_in *found, struct error *err);
bool sqlite_each_activity_of(struct store *store, struct span association, store_activity_in_cb *cb,
                             void *context, struct error *err);
bool sqlite_each_activity_in(struct store *store, store_activity_in_cb *cb, void *context, struct error *err);
bool sqlite_each_activity_out(struct store *store, store_activity_out_cb *cb, void *context,
                              struct error *err);
bool sqlite_get_outcome(struct store *store, struct span association, struct span activity, struct span peer,
                        struct buf *data, struct error *err);
bool sqlite_has_outcome(struct store *store, struct span association, struct span peer, bool *has,
                        struct error *err);
bool sqlite_each_outcome(struct store *store, struct span association, unsigned most, store_outcome_cb *cb,
                         void *context, struct error *err);
bool sqlite_scan(struct store *store, const struct store_scan *scan, struct error *err);
bool sqlite_next_hop(struct store *store, struct span name, bool make, uint32_t *key, struct error *err);
bool sqlite_mailbox(struct store *store, struct span name, bool make, uint32_t *key, struct error *err);
bool sqlite_next_hop_name(struct store *store, uint32_t next_hop, struct span *name, struct error *err);
bool sqlite_each_mailbox(struct store *store, store_mailbox_cb *cb, void *context, struct error *err);
bool sqlite_change_mailboxes(struct store *store, const struct mailbox_change *changes, size_t count,
                             struct error *err);
bool sqlite_get_entry(struct store *store, uint32_t mailbox, uint64_t sequence, struct arena *arena,
                      struct store_entry *entry, struct error *err);
bool sqlite_each_entry(struct store *store, uint32_t mailbox, uint64_t after, size_t limit,
                       store_entry_cb *cb, void *context, struct error *err);
bool sqlite_get_bits(struct store *store, uint32_t mailbox, uint64_t block, uint8_t (*bits)[1024],
                     struct error *err);
bool sqlite_each_column(struct store *store, uint32_t mailbox, unsigned column, uint64_t chunk,
                        bool (*cb)(void *context, uint64_t chunk, struct span octets), void *context,
                        struct error *err);
bool sqlite_last_entry(struct store *store, uint32_t mailbox, uint64_t *sequence, struct error *err);
bool sqlite_count_chunks(struct store *store, uint32_t mailbox, uint64_t *chunks, struct error *err);
bool sqlite_get_record(struct store *store, uint32_t kind, struct span name, struct buf *out,
                       struct error *err);
bool sqlite_each_record(struct store *store, uint32_t kind, store_record_cb *cb, void *context,
                        struct error *err);

#endif
