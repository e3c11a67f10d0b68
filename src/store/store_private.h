/*
 * Inside the store: the SQLite engine with segment files.
 *
 * A store is a folder: `queue.db` (SQLite, WAL), `lock` (held by the writer)
 * and `segments/NNNNNNNN` (64 MiB each, bodies of contents over 8 kB).
 *
 * THE INVARIANTS. store_check verifies those that a look at the files can
 * show; tests name the one that they try to break.
 *
 *  I1  A batch is on disk when store_commit returns true: segments synced,
 *      folder synced, then one transaction, WAL synced (synchronous FULL).
 *  I2  A batch is there as a whole or not at all, after a failed commit and
 *      after a crash at any instant.
 *  I3  A row never points at octets that are not synced.
 *  I4  Space in a segment is given out again only after the commit that
 *      removed the last row pointing at it, and after the last open content
 *      that reads it is released, and while a backup runs (store_keep) not at
 *      all where it was in a segment then.
 *  I5  Extents in rows lie inside a segment that exists and never overlap.
 *  I6  The extents of a content are numbered 0, 1, 2 …; their lengths add up
 *      to its length (for a partial one: to its activity's content length).
 *  I7  message.refs = rows of work, entry and hold that name it, and is above
 *      0; each of those rows names a message that exists.
 *  I8  content.refs = messages and activities that name it, and is above 0;
 *      each content named exists.
 *  I9  Ids rise: each id in a row is below the durable counter `id`, and the
 *      handle starts above it.
 *  I10 A repeat key commits in the transaction of its message, and is found
 *      until it expires.
 *  I11 Each event is found by its key, in the order of the commits: through a
 *      finished run of `track`, or from memory, which is rebuilt from the
 *      events above the last finished run.
 *  I12 A resumed content has exactly the octets of the last committed
 *      checkpoint.
 *  I13 One process writes.
 *  I14 An activity out names work that exists; an entry a mailbox that exists
 *      with a `next` above its sequence.
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
 *  I16 message.envelope_sum and body_sum are the checksums of the octets beside
 *      them; NULL in rows of before schema version 4, and where there is no body.
 */
#ifndef STORE_STORE_PRIVATE_H
#define STORE_STORE_PRIVATE_H

#include <sqlite3.h>

#include "base/arena.h"
#include "base/buf.h"
#include "store/files.h"
#include "store/idmap_private.h"
#include "store/names_private.h"
#include "store/runs_private.h"
#include "store/store.h"

#define SMALL_CONTENT   8192
#define SEGMENT_SIZE    (UINT64_C(64) << 20)
#define SEGMENT_ALIGN   UINT64_C(4096)
#define DIGEST_BLOCK    (UINT64_C(1) << 20)
#define ID_BLOCK        (UINT64_C(1) << 20)
#define KEY_LIMIT       1024
#define APPLICATION_ID  0x43485351 /* "CHSQ" */
#define SCHEMA_VERSION  4
#define GATHER_LIMIT_US 500

/* Statements that are kept prepared; sql.c has their texts. */
enum statement {
    SQL_BEGIN,
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
    SQL_ADD_HOLD,
    SQL_SET_HOLD,
    SQL_DROP_HOLD,
    SQL_ADD_EVENTS,
    SQL_GET_EVENTS,
    SQL_ADD_REPEATS,
    SQL_GET_REPEATS,
    SQL_ADD_TRACK,
    SQL_ADD_REPEAT_TRACK,
    SQL_FIND_TRACK,
    SQL_FIND_REPEAT_TRACK,
    SQL_ADD_RUN,
    SQL_PUT_ACTIVITY_IN,
    SQL_DROP_ACTIVITY_IN,
    SQL_PUT_OUTCOME,
    SQL_DROP_OUTCOME,
    SQL_GET_OUTCOME,
    SQL_PUT_ACTIVITY_OUT,
    SQL_DROP_ACTIVITY_OUT,
    SQL_ADD_NEXT_HOP,
    SQL_PUT_MAILBOX,
    SQL_DROP_MAILBOX,
    SQL_MOVE_ENTRIES,
    SQL_ADD_ENTRY,
    SQL_SET_ENTRY,
    SQL_DROP_ENTRY,
    SQL_GET_ENTRY,
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
    uint64_t filled;   /* zero-filled up to here */
    uint64_t unsynced; /* octets written since the last sync or write-back */
    bool dirty;        /* written since the last sync */
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

struct store_content {
    struct store *store;
    uint64_t id; /* 0 while it has no place in segments */
    unsigned references;
    uint64_t length, expected;
    struct buf memory; /* all octets, while short */
    struct extent *extents;
    size_t extent_count, extent_cap;
    uint64_t commit_length; /* octets that rows point at if the commit under way succeeds */
    uint64_t saved_length;  /* octets that rows point at */
    size_t saved_extents;   /* rows of extents; the last may grow */
    bool has_row;
    bool writer; /* may be appended to */
    bool sealed; /* a message has it */
    bool failed; /* a write or sync of its octets failed */
    bool doomed; /* its rows are gone: space is freed with the last reference */
    struct digest {
        uint8_t chain[STORE_DIGEST]; /* digest of all whole blocks so far, when there are any */
        uint64_t hashed;             /* octets that went into chain and context */
        void *context;               /* EVP_MD_CTX of the block under way */
    } digest;
};

/* The ways to an activity in memory. */
enum activity_index { BY_ID, BY_KEY, BY_ASSOCIATION, ACTIVITY_INDEXES };

struct activity {
    struct {
        uint64_t hash;
        struct activity *next, **at; /* in its chain */
    } links[ACTIVITY_INDEXES];
    struct activity *older, *newer; /* by the time of their writing */
    struct store_activity_in public;
    uint64_t content; /* 0: none */
    uint8_t chain[STORE_DIGEST];
    uint8_t *octets; /* what the spans point into */
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *statements[SQL_STATEMENTS];
    const struct store_files *files;
    char *path;
    int lock;
    bool read_only;
    bool accepting;
    bool needs_repair; /* accepting again would not be right before `mhs store repair` */
    struct error cause;
    uint64_t low_water;
    unsigned commits_to_space_check;
    uint64_t next_id, id_limit;
    uint64_t secret[2]; /* of the hashes in tables: strangers choose the keys */
    struct store_figures figures;

    struct segment **segments;
    size_t segment_count, segment_cap;
    struct segment *current;
    uint64_t next_segment;
    bool new_segments; /* the folder needs a sync */
    uint64_t fill_debt;
    struct idmap open_contents; /* id -> struct store_content, those in segments */
    struct segment *compacting;
    bool keeps;            /* a backup reads what is committed: no space of it is given out again */
    uint64_t compacted_to; /* contents below have been moved out of it */

    struct names next_hops, mailboxes;
    struct runs track, repeats;
    struct activity_table {
        struct activity **chains[ACTIVITY_INDEXES];
        size_t cap, count; /* chains of each index, a power of two; activities */
        struct activity *oldest, *newest;
    } activities;
    struct idmap activities_out; /* work ids that have a row there: spares most finished work a DELETE */
};

/* ---- store.c ---- */

/* Fills `err` from SQLite's state and returns false. `what` says what was being done. */
bool db_error(struct store *store, const char *what, struct error *err);
bool errno_error(struct store *store, int number, const char *what, struct error *err);
/* Notes that a commit failed; the disk's causes end accepting. Returns false. */
bool store_failed(struct store *store, const struct error *err);
uint64_t store_take_id(struct store *store);
/* A keyed hash of 63 bits, never 0, for the tables of runs. */
uint64_t store_hash(const struct store *store, struct span s);
/* The same with a fixed key, so that it holds for itself what `secret` is worth: the sums of rows. */
uint64_t store_checksum(struct span s);
bool refuse_read_only(const struct store *store, struct error *err);
/* The writer's lock of the store at `place`: a descriptor that holds it. -1 with STORE_LOCKED, and by whom.
 */
int store_lock(const char *place, struct error *err);
/* Looks every now and then whether there is still space. */
void store_watch_space(struct store *store);
/* True when `left` octets of the disk stay free after another segment was made. */
bool store_room_for_segment(const struct store *store, uint64_t left);

/* ---- sql.c ---- */

/* The prepared statement, reset; NULL when it can't be prepared. */
sqlite3_stmt *sql(struct store *store, enum statement which);
/* Steps a statement that gives no rows and resets it. `*changed` (may be NULL) gets the number of rows. */
bool sql_run(struct store *store, enum statement which, int64_t *changed, struct error *err);
bool sql_exec(struct store *store, const char *text, struct error *err);
/* A fresh statement for a walk that may be entered again; the caller finalizes it. */
sqlite3_stmt *sql_walk(struct store *store, const char *text, struct error *err);
/* SQLITE_ROW: true. SQLITE_DONE: false and *err untouched. Else false, and err->code is set. */
bool sql_next(struct store *store, sqlite3_stmt *statement, struct error *err);
void sql_bind_span(sqlite3_stmt *statement, int index, struct span s);
struct span sql_span(sqlite3_stmt *statement, int column);
void sql_finish_all(struct store *store);

/* ---- schema.c ---- */

/* The schema's version (0: empty). False: it can't be read, or STORE_VERSION: this program doesn't know it.
 * `place` is for the error's text. */
bool schema_version(sqlite3 *db, const char *place, int *version, struct error *err);
/* Brings the schema from its version to `target`. */
bool schema_migrate(sqlite3 *db, const char *place, int target, struct error *err);

/* ---- segment.c ---- */

/* False, and the cause is set: a segment that rows name is still missing. */
bool segments_are_there(struct store *store);
bool segments_load(struct store *store, struct error *err);
void segments_free(struct store *store);
struct segment *segment_find(struct store *store, uint64_t id);
/* Gives out up to `want` octets (aligned up) at one place. */
bool segment_take(struct store *store, uint64_t want, struct extent *extent, struct error *err);
/* Gives the octets above `keep` of the extent's reservation back. Only for octets that no row points at. */
void segment_give_back(struct extent *extent, uint64_t keep);
/* No backup reads it any more (I4). */
void segment_keep_end(struct segment *segment);
/* For a reader: a segment that the writer made since. */
struct segment *segment_note(struct store *store, uint64_t id);
bool segment_write(struct store *store, struct segment *segment, uint64_t offset, struct span octets,
                   struct error *err);
bool segment_read(struct store *store, struct segment *segment, uint64_t offset, void *out, size_t len,
                  struct error *err);
bool segment_sync(struct store *store, struct segment *segment, struct error *err);
bool segments_sync_folder(struct store *store, struct error *err);
/* One step of zero-filling a segment that is to be used next. True: there is more to fill. */
bool segment_fill_step(struct store *store);
/* Removes the files of free segments that are not wanted. */
void segments_drop_spare(struct store *store);
/* Removes those of all free ones, also of the one that is used next. True: there were some. */
bool segments_drop_free(struct store *store);
/* Closes the segment's file until it is used next. */
void segment_close(struct store *store, struct segment *segment);
void segment_path(const struct store *store, uint64_t id, struct buf *out);

static inline uint64_t align_up(uint64_t n) {
    return (n + SEGMENT_ALIGN - 1) & ~(SEGMENT_ALIGN - 1);
}

/* ---- content.c, digest.c ---- */

/* Moves a short content from memory to segments. */
bool content_spill(struct store_content *content, struct error *err);
/* Gives back all space above the first `length` octets, what was reserved and not used included. */
void content_trim(struct store_content *content, uint64_t length);
/* Syncs all segments that hold octets of it which no row points at yet. */
bool content_sync(struct store_content *content, struct error *err);
/* Loads the extents of content `id`, as a reference that the caller releases. */
struct store_content *content_load(struct store *store, uint64_t id, uint64_t length, struct error *err);
/* Its rows are gone: frees the space now, or with the last reference. */
void content_free_space(struct store_content *content);
const void *digest_sha256(void); /* an EVP_MD */
bool digest_add(struct digest *digest, struct span octets);
/* The digest of what was added; leaves the context as it is. */
bool digest_get(struct digest *digest, uint8_t out[static STORE_DIGEST]);
void digest_free(struct digest *digest);
/* Puts the digest at the end of `length` octets of a content whose whole blocks gave `chain`. */
bool digest_restore(struct store_content *content, const uint8_t chain[static STORE_DIGEST], uint64_t length,
                    struct error *err);

/* ---- events.c, repeat.c: what stands in packed rows ---- */

/* Reads packed events (a row of `event`): calls back for each; false when the octets are no packed events. */
typedef bool packed_event_cb(void *context, struct span key, int64_t at, struct span data);
bool events_unpack(struct span packed, packed_event_cb *cb, void *context);
bool events_pack(struct buf *out, struct span key, int64_t at, struct span data);
/* Reads packed repeat keys (a row of `repeat`). */
typedef bool packed_repeat_cb(void *context, struct span digest);
bool repeats_unpack(struct span packed, packed_repeat_cb *cb, void *context);
/* The digest that stands for the whole key; false without memory. */
bool repeat_key(struct span peer, struct span mts_identifier, const uint8_t digest[static STORE_DIGEST],
                uint8_t out[static STORE_DIGEST]);
bool events_load(struct store *store, struct error *err);
bool repeats_load(struct store *store, struct error *err);
/* Enters the keys of one packed row in the open table; false without memory. */
bool events_enter(struct store *store, uint64_t row, struct span packed);
bool repeats_enter(struct store *store, uint64_t row, struct span packed);

/* ---- lookup.c ---- */

/* Appends to `out` (as uint64_t, in rising order, each once) the packed rows that may hold `hash`. A reader
 * first takes in what was committed since it last looked. */
bool runs_lookup(struct store *store, bool repeats, uint64_t hash, struct buf *out, struct error *err);
/* Reads one packed row into `out`. */
bool packed_row(struct store *store, bool repeats, uint64_t id, struct buf *out, struct error *err);
/* Fills the runs at start: finished ones from their rows, the open table from the packed rows above them. */
typedef bool runs_refill_cb(struct store *store, uint64_t row, struct span packed);
bool runs_load(struct store *store, bool repeats, runs_refill_cb *refill, struct error *err);
/* Drains the sealed table to its end in a transaction of its own. */
bool runs_drain_whole(struct store *store, struct runs *runs, struct error *err);

/* ---- activity.c ---- */

bool activities_load(struct store *store, struct error *err);
void activities_free(struct store *store);
struct activity *activity_find(struct store *store, uint64_t id);
struct activity *activity_copy(const struct store_activity_in *from);
void activity_free(struct activity *activity);
/* Puts `activity` in the place of the one with its id, or removes that when `activity` is NULL. It can't fail
 * where room was reserved. */
void activity_replace(struct store *store, uint64_t id, struct activity *activity);
bool activities_reserve(struct store *store, size_t count);

#endif
