/*
 * Inside the PostgreSQL engine.
 *
 * Two connections. `writer` holds the lock of the store (an advisory lock of
 * its session) and makes the batches durable, synchronous_commit on. `side`
 * reads, and writes chunks of contents, on which nobody relies before a later
 * commit. It runs with synchronous_commit off: a commit of the writer flushes
 * the log up to itself, hence all that `side` was told is done before that
 * commit was asked for (I1). A crash of the server may take away chunks that it
 * had answered for, and ends both sessions: after either was lost a commit looks
 * first whether the chunks it relies on are there.
 *
 * Nothing waits for the server while the process serves, but a read, once: for PG_ANSWER_MS, and half as long
 * before that where its session was doubted and called anew (server.c). A connection that was given up as
 * silent is made anew bit by bit (pg_tend_side, pg_tend_writer), and till it is ready all that needs it fails
 * at once. A commit has limits for each step (give_up_late); before COMMIT was sent it fails then, afterwards
 * its connection is given up and its end is asked for. `poll` wakes the head's loop for whatever goes on:
 * answers, room for what was not written yet, calls. What a session that was given up may still do, the next
 * one ends first (`side`), or waits for by the lock (`writer`).
 *
 * A commit takes two steps. First everything up to COMMIT, in one pipeline;
 * its first statement moves `serial` in our row of `node`, which fences us off
 * when another took our place, and gives the transaction's number. Then COMMIT.
 * When the connection breaks in the second step, nobody guesses: a new
 * connection takes the lock, which the old session must have given up, so that
 * its transaction is over; then pg_xact_status says how it ended. A number that
 * never reached the disk is given out anew after a crash of the server, so
 * `serial` has to say the same, and where they differ it is the one that is
 * believed: it is part of that very transaction.
 */
#ifndef STORE_POSTGRES_PRIVATE_H
#define STORE_POSTGRES_PRIVATE_H

#include "store/batch_private.h"
#include "store/check.h"
#include "store/engine.h"
#include "store/name_table_private.h"
#include "store/postgres/connection.h"
#include "store/postgres/sieve.h"

/* A content's octets lie in rows of this many; the last one is shorter. */
#define CHUNK (UINT64_C(256) << 10)
/* Chunks on the way to the server, of all contents, above which whoever can brings no more for now, and above
 * which the next has to wait. */
#define CHUNKS_UNDER_WAY 8
#define CHUNKS_MOST      16
/* Rows that a walk fetches at a time. */
#define PAGE 500
/* The lease of a node that has no work. */
#define NO_LEASE_END "9223372036854775807"

enum query {
    Q_BEGIN,
    Q_COMMIT,
    Q_ROLLBACK,
    Q_FENCE,
    Q_ADD_MESSAGES,
    Q_ADD_CONTENTS,
    Q_SET_CONTENTS,
    Q_PUT_CHUNKS,
    Q_ADD_WORK,
    Q_SET_WORK,
    Q_ADD_ENTRIES,
    Q_COPY_ENTRIES,
    Q_NUMBER_ENTRIES,
    Q_CLEAR_BITS,
    Q_SET_BITS,
    Q_COUNT,
    Q_PUT_COLUMNS,
    Q_DROP_EMPTY,
    Q_PUT_ACTIVITIES_IN,
    Q_DROP_ACTIVITIES_IN,
    Q_PUT_ACTIVITIES_OUT,
    Q_DROP_ACTIVITIES_OUT,
    Q_PUT_OUTCOMES,
    Q_DROP_OUTCOMES,
    Q_PUT_RECORDS,
    Q_DROP_RECORDS,
    Q_ADD_EVENTS,
    Q_ADD_REPEATS,
    Q_ASK_REPEATS,
    Q_SETTLE,
    Q_TAKE_IDS,
    Q_PROBE,
    Q_PUT_CHUNK,
    Q_GET_CHUNK,
    Q_COUNT_CHUNKS,
    Q_DURABLY,
    Q_DROP_CHUNKS,
    Q_CUT_CHUNK,
    Q_GET_CONTENT,
    Q_GET_BODY,
    Q_GET_MESSAGE,
    Q_GET_WORK,
    Q_EACH_WORK,
    Q_RENEW,
    Q_EACH_OWN_WORK,
    Q_FIND_GONE,
    Q_TAKING,
    Q_FENCE_GONE,
    Q_TAKE_WORK,
    Q_LEAVE_GONE,
    Q_TRACK,
    Q_EACH_EVENT,
    Q_FIND_REPEAT,
    Q_PAGE_REPEATS,
    Q_OTHER_NODES,
    Q_FIND_ACTIVITY_IN,
    Q_GET_ACTIVITY_IN,
    Q_PAGE_ACTIVITIES,
    Q_EACH_ACTIVITY_OF,
    Q_EACH_ACTIVITY_IN,
    Q_EACH_ACTIVITY_OUT,
    Q_GET_OUTCOME,
    Q_HAS_OUTCOME,
    Q_EACH_OUTCOME,
    Q_FIND_NEXT_HOP,
    Q_ADD_NEXT_HOP,
    Q_NEXT_HOP_NAME,
    Q_FIND_MAILBOX,
    Q_ADD_MAILBOX,
    Q_EACH_MAILBOX,
    Q_GET_ENTRY,
    Q_EACH_ENTRY,
    Q_GET_BITS,
    Q_EACH_COLUMN,
    Q_LAST_ENTRY,
    Q_COUNT_COLUMNS,
    Q_GET_RECORD,
    Q_EACH_RECORD,
    Q_UNNAME_MAILBOX,
    Q_NAME_MAILBOX,
    Q_JOIN_BITS,
    Q_JOIN_MAILBOX,
    Q_DROP_BITS,
    Q_EXPIRE_EVENTS,
    Q_DATE_EVENTS,
    Q_EXPIRE_REPEATS,
    Q_EXPIRE_OUTCOMES,
    QUERIES
};
extern const struct pg_statement pg_statements[QUERIES];

/* What pg_work_of and its like read. */
#define WORK_COLUMNS  "id, message, next_hop, priority, status, doubt_peer, tries, due, expiry, data, sum"
#define ENTRY_COLUMNS "sequence, message, at, head, octets, data, sum"
#define ACTIVITY_COLUMNS                                                                                     \
    "id, peer, association, activity, at, serial, \"offset\", content, length, chain, state, sum"
/* Bits of entries (bits_private.h) as the server has them, and as they come. */
#define BITS(octets)         "('x' || encode(" octets ", 'hex'))::bit(8192)"
#define ALL_BITS             "(-1)::bit(8192)"
#define ACTIVITY_OUT_COLUMNS "work, association, activity, at, serial, \"offset\", data, sum"

/* The statements of a commit that take rows as arrays, in the order in which they are sent. */
#define FOLD_FIRST   Q_ADD_MESSAGES
#define FOLD_END     Q_ASK_REPEATS
#define FOLD_COLUMNS 12

/* The row of events that is being packed: its latest time, and where its hashes begin in their column. */
struct events {
    struct buf packed;
    int64_t at;
    uint32_t first;
};

/* A batch, folded: of the operations on one row only what they come to, as columns for the statements. */
struct fold {
    struct pg_array columns[FOLD_END - FOLD_FIRST][FOLD_COLUMNS];
    struct map work;                       /* id -> index of its last operation + 1, and what it comes to */
    struct map messages, contents, counts; /* message -> change of refs; id -> content; content -> change */
    struct map activities_in, activities_out; /* id -> index of the last operation + 1 */
    struct map bits;                          /* as bits_note has it */
    struct map keys; /* hash of an outcome's or a record's key -> index of the last operation + 1 */
    struct events events;
    uint64_t content_octets; /* of contents that get a row */
};
void fold_init(struct fold *fold);
void fold_free(struct fold *fold);
/* False without memory, or when a content can't be read. */
bool fold_batch(struct fold *fold, struct store_batch *batch, struct error *err);
size_t fold_columns(enum query query);
/* There is nothing to be sent for it. */
bool fold_is_empty(const struct fold *fold, enum query query);

enum commit_step {
    COMMIT_NONE,
    COMMIT_READYING, /* the writer is called, or owes an answer; chunks are on their way */
    COMMIT_WRITING,  /* what comes before COMMIT was sent */
    COMMIT_ENDING,   /* COMMIT was sent */
    COMMIT_UNDOING,  /* ROLLBACK was sent, another pass follows, or `failure` is told */
    COMMIT_UNSETTLED /* the connection broke in ENDING */
};

struct garbage {
    uint64_t content, first; /* its chunks from that one on */
};

/* Which keys of a table are surely not there, and how far the table was read for that. */
struct known {
    struct sieve sieve;
    int64_t after;
    struct buf after_key;
};

/* A socket in `poll`, and for what; -1: none. */
struct watched {
    int fd;
    uint32_t events;
};

struct pg_store {
    struct store head;
    char *uri;
    bool alone;
    struct pg writer, side;
    int answer_ms; /* how long an answer may take while others wait */
    int doubt_ms; /* how long `side` may be silent, and may take to be made anew, while others wait; 0: nobody
                     does. More than a read waits for a lock */
    int64_t node, epoch, serial;
    int64_t lease;   /* µs by which a commit prolongs ours */
    int poll, timer; /* an epoll descriptor for the head's loop; a timer in it, for what is tried again */
    struct watched watched, side_watched; /* of `writer`, of `side` */
    int64_t commit_us; /* how long a commit may go unanswered before new mail is refused; after twice that the
                          connection is given up */
    bool proved;       /* the last commit, or probe, was durable, and nothing has failed since */
    unsigned chunks;   /* results of Q_PUT_CHUNK that `side` owes, of these contents */
    uint64_t chunks_of[CHUNKS_MOST];
    int64_t chunk_since; /* monotonic µs: since when the oldest of them is waited for */
    char holder[100];    /* of the lock, when it was asked for last */
    char side_script[700], writer_script[1000];
    struct pg_greeting side_greeting, writer_greeting;
    bool probing;   /* the writer owes the answer to a probe */
    int64_t probed; /* monotonic µs: when it was asked */
    bool suspect;   /* a session was lost: chunks that no row names yet may be gone */
    uint64_t content_octets;
    struct garbage *garbage; /* chunks that nobody needs any more; maintain drops them */
    size_t garbage_count, garbage_cap;
    struct commit {
        enum commit_step step;
        struct store_batch *batch;
        struct fold fold;
        int64_t transaction;
        int64_t since;        /* monotonic µs: when the step began */
        unsigned awaited;     /* of `chunks`: those that were sent before it began */
        bool retried;         /* with a new connection, as the old one had ended unnoticed */
        bool answered;        /* what came while it was written is an answer: the timer tells of it */
        bool asks;            /* some of its repeat keys may be there already */
        bool again;           /* it is undone for another pass, without the requests that failed */
        struct error failure; /* else why it is undone */
        PGresult *counted;    /* of Q_COUNT: used when it is durable */
        struct map numbers;   /* of Q_ADD_ENTRIES: mailbox -> the number that its next entry gets */
    } commit;
    bool others;                       /* other nodes have written to this store */
    struct known repeats, activities;  /* a writer's */
    struct names next_hops, mailboxes; /* those that were asked for: a name keeps its key while we live */
    PGresult *found; /* the activity that was given out last: what the caller has points into it */
    PGresult *taken; /* work that was taken over, of which `given` rows were given */
    int given;
};

struct pg_content {
    struct store_content head;
    struct buf tail;        /* octets above those in whole chunks */
    uint64_t chunked;       /* octets in whole chunks that were sent */
    uint64_t saved;         /* octets that its row names */
    uint64_t commit_length; /* octets that it names if the commit under way succeeds */
    struct buf held; /* the whole chunk at `held_at`, which counts as sent: it is when the commit ends */
    uint64_t held_at;
    bool flies; /* the batch of the commit under way names it */
    bool has_row;
    bool doomed; /* the row is gone */
};

/* A walk over many rows. The statement's parameters: octets, numbers, where it goes on, how many rows. */
struct walk {
    struct pg_store *pg;
    enum query query;
    /* Gives a row to the caller and notes where to go on behind it; false ends the walk. */
    bool (*row)(struct walk *walk, const PGresult *rows, int row);
    struct span key[2];
    int64_t number[2], after[2];
    int keys, numbers, afters; /* afters 0: all rows at once */
    size_t limit;              /* 0: all */
    uint64_t before;           /* of events: their places are below; 0: all */
    struct buf *scratch;
    bool damaged; /* a row that was given can't be read; set by `row`, which ends the walk */
    union {
        store_work_cb *work;
        store_entry_cb *entry;
        store_record_cb *record;
        store_event_cb *event;
        store_past_cb *past;
        store_activity_in_cb *activity_in;
        store_activity_out_cb *activity_out;
        store_outcome_cb *outcome;
        store_mailbox_cb *mailbox;
        bool (*column)(void *context, uint64_t chunk, struct span octets);
    } cb;
    void *context;
};

static inline struct pg_store *pg_of(const struct store *store) {
    return (struct pg_store *)(uintptr_t)store;
}

static inline struct pg_content *pg_content_of(struct store_content *content) {
    return (struct pg_content *)content;
}

/* ---- schema.c ---- */
bool pg_schema_version(struct pg *pg, int *version, struct error *err);
/* Brings the schema to the present version; makes it when there is none and `create` allows it. */
bool pg_schema_migrate(struct pg *pg, bool create, struct error *err);
/* For readers: it must be there, and of the present version. */
bool pg_schema_is_current(struct pg *pg, struct error *err);

extern const struct store_engine postgres_engine;

/* ---- server.c ---- */
/* Takes the oldest answer to a chunk that was sent; what failed makes its content fail. */
void pg_take_chunk(struct pg_store *pg, struct error *err);
/* Takes those that have come, without waiting. */
void pg_chunks_look(struct pg_store *pg);
bool pg_takes_octets(const struct store *store);
/* All chunks that were sent have arrived. */
bool pg_chunks_settle(struct pg_store *pg, struct error *err);
/* One query on `side`, which is connected anew when it was lost. A lock of others ends it with STORE_LOCKED,
 * and leaves the session as it is. */
PGresult *pg_read(struct pg_store *pg, enum query query, const struct pg_parameters *parameters,
                  struct error *err);
/* The same for what is written, and durable when it returns. */
PGresult *pg_write(struct pg_store *pg, enum query query, const struct pg_parameters *parameters,
                   struct error *err);
/* Makes `side` anew, or `writer`, which takes the lock; waits till it is ready. */
bool pg_open_side(struct pg_store *pg, struct error *err);
bool pg_open_writer(struct pg_store *pg, struct error *err);
/* Is it ready? Else it is called, or what was begun goes on, without waiting; `err` is set when that failed.
 */
bool pg_tend_side(struct pg_store *pg, struct error *err);
bool pg_tend_writer(struct pg_store *pg, struct error *err);
/* `side` is ready for a query; it is waited for, but not again where it was given up. */
bool pg_have_side(struct pg_store *pg, struct error *err);
/* Where it was given up it is called, or what was begun goes on, without waiting, though nobody asks for it.
 */
void pg_step_side(struct pg_store *pg);
/* STORE_FENCED: another process began to write. */
bool pg_taken_over(const struct pg_store *pg, struct error *err);
/* A failure of the server: tells the head, and returns false with `err` as it is. */
bool pg_failed(struct pg_store *pg, const struct error *err);

/* ---- open.c ---- */
struct store *pg_open(const char *place, const struct store_options *options, struct error *err);

/* ---- commit.c ---- */
void pg_commit_begin(struct store_batch *batch);
void pg_proceed(struct store *store, bool wait);
int pg_descriptor(const struct store *store);
void pg_give_up(struct store *store);
/* The descriptor shows what the connections wait for. */
void pg_watch(struct pg_store *pg);
/* Nothing new should rest on a commit that goes unanswered, for `err`. */
bool pg_commit_is_late(const struct pg_store *pg, struct error *err);
/* Takes the answer to a probe of the writer. */
bool pg_take_probe(struct pg_store *pg, struct error *err);

/* ---- known.c ---- */
/* False: it is surely not there. */
bool pg_may_have_repeat(const struct pg_store *pg, const uint8_t key[static STORE_DIGEST]);
bool pg_may_have_activity(const struct pg_store *pg, struct span association, struct span activity);
/* What the batch brings: to be called before its commit begins, and when it is done. True: some of its repeat
 * keys may have been there, or stand in it twice. */
bool pg_known_note(struct pg_store *pg, const struct store_batch *batch);
/* Reads tables for a while, when the store is opened. */
void pg_known_open(struct pg_store *pg);
/* A step of that; true: there is more. */
bool pg_known_fill(struct pg_store *pg);
void pg_known_free(struct pg_store *pg);

/* ---- node.c ---- */
bool pg_renew(struct store *store, int64_t lease, struct error *err);
bool pg_take_over(struct store *store, size_t limit, store_work_cb *cb, void *context, struct error *err);

/* ---- content.c ---- */
bool pg_content_write(struct store_content *content, struct span octets, struct error *err);
bool pg_content_read(struct store_content *content, uint64_t offset, void *out, size_t len,
                     struct error *err);
void pg_content_close(struct store_content *content);
struct store_content *pg_content_open(struct store *store, uint64_t message, struct error *err);
struct store_content *pg_content_resume(struct store *store, uint64_t activity, struct error *err);
/* The one with this id, for reading. */
struct store_content *pg_content_load(struct pg_store *pg, uint64_t id, uint64_t length, struct error *err);
/* The commit of a batch begins, has ended: chunks that it may write are held in between, and then sent; or
 * their contents fail, when its session was given up. */
void pg_contents_fly(const struct store_batch *batch);
void pg_contents_land(const struct store_batch *batch, bool given_up);
/* After a loss: the contents that are being written and whose chunks did not all survive have failed. */
bool pg_chunks_verify(struct pg_store *pg, struct error *err);
/* Nobody needs the content's chunks any more, from the number `first` on. */
void pg_chunks_forget(struct pg_store *pg, uint64_t content, uint64_t first);
/* Drops some; true: there are more. */
bool pg_chunks_drop(struct pg_store *pg);

/* ---- rows.c, track.c, names.c: as the functions of struct store_engine ---- */
bool pg_walk(struct walk *walk, struct error *err);
struct store_work pg_work_of(const PGresult *rows, int row);
/* Is there a checksum in the column, and another one? (I16) */
struct store_entry pg_entry_of(const PGresult *rows, int row);
struct store_activity_in pg_activity_in_of(const PGresult *rows, int row, bool *damaged);
struct store_activity_out pg_activity_out_of(const PGresult *rows, int row, bool *damaged);
bool pg_differs(const PGresult *rows, int row, int column, uint64_t sum);
bool pg_get_message(struct store *store, uint64_t id, struct arena *arena, struct store_message *message,
                    struct error *err);
bool pg_get_work(struct store *store, uint64_t id, struct arena *arena, struct store_work *work,
                 struct error *err);
bool pg_each_work(struct store *store, uint64_t after, size_t limit, uint32_t next_hop, int status,
                  store_work_cb *cb, void *context, struct error *err);
bool pg_each_own_work(struct store *store, uint64_t after, size_t limit, store_work_cb *cb, void *context,
                      struct error *err);
bool pg_get_entry(struct store *store, uint32_t mailbox, uint64_t sequence, struct arena *arena,
                  struct store_entry *entry, struct error *err);
bool pg_each_entry(struct store *store, uint32_t mailbox, uint64_t after, size_t limit, store_entry_cb *cb,
                   void *context, struct error *err);
bool pg_get_bits(struct store *store, uint32_t mailbox, uint64_t block, uint8_t (*bits)[1024],
                 struct error *err);
bool pg_each_column(struct store *store, uint32_t mailbox, unsigned column, uint64_t chunk,
                    bool (*cb)(void *context, uint64_t chunk, struct span octets), void *context,
                    struct error *err);
bool pg_last_entry(struct store *store, uint32_t mailbox, uint64_t *sequence, struct error *err);
bool pg_count_chunks(struct store *store, uint32_t mailbox, uint64_t *chunks, struct error *err);
bool pg_get_record(struct store *store, uint32_t kind, struct span name, struct buf *out, struct error *err);
bool pg_each_record(struct store *store, uint32_t kind, store_record_cb *cb, void *context,
                    struct error *err);
bool pg_track(struct store *store, struct span key, store_event_cb *cb, void *context, struct error *err);
bool pg_each_event(struct store *store, uint64_t before, store_past_cb *cb, void *context, struct error *err);
bool pg_find_repeat(struct store *store, const uint8_t key[static STORE_DIGEST], bool *found,
                    struct error *err);
bool pg_find_activity_in(struct store *store, struct span peer, struct span association, struct span activity,
                         struct store_activity_in *found, struct error *err);
bool pg_each_activity_of(struct store *store, struct span association, store_activity_in_cb *cb,
                         void *context, struct error *err);
bool pg_each_activity_in(struct store *store, store_activity_in_cb *cb, void *context, struct error *err);
bool pg_each_activity_out(struct store *store, store_activity_out_cb *cb, void *context, struct error *err);
bool pg_get_outcome(struct store *store, struct span association, struct span activity, struct span peer,
                    struct buf *data, struct error *err);
bool pg_has_outcome(struct store *store, struct span association, struct span peer, bool *has,
                    struct error *err);
bool pg_each_outcome(struct store *store, struct span association, unsigned most, store_outcome_cb *cb,
                     void *context, struct error *err);
bool pg_scan(struct store *store, const struct store_scan *scan, struct error *err);
bool pg_next_hop(struct store *store, struct span name, bool make, uint32_t *key, struct error *err);
bool pg_mailbox(struct store *store, struct span name, bool make, uint32_t *key, struct error *err);
bool pg_next_hop_name(struct store *store, uint32_t next_hop, struct span *text, struct error *err);
bool pg_each_mailbox(struct store *store, store_mailbox_cb *cb, void *context, struct error *err);
bool pg_change_mailboxes(struct store *store, const struct mailbox_change *changes, size_t count,
                         struct error *err);

/* ---- check.c ---- */
bool pg_check(const char *place, bool deep, store_finding_cb *cb, void *context, uint64_t *findings,
              struct error *err);
bool pg_repair(const char *place, store_finding_cb *cb, void *context, uint64_t *findings, struct error *err);

#endif
