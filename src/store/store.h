/*
 * The store: all that must survive the power cut, behind one interface.
 *
 * Everything is written in batches. A batch is built in memory, then
 * store_commit makes it durable as one: either all of it is on disk when the
 * call returns true, or none of it is there. An answer that moves
 * responsibility (X.411 §12, X.228 S-ACTIVITY-END) is sent after that, never
 * before. Envelopes, contents and `data` fields are opaque octets to the store.
 *
 * One process writes (store_open fails with STORE_LOCKED for a second one);
 * others open it read_only and never wait for the writer. A handle belongs to
 * one thread. What can be done with a store that is not open stands beside this:
 * place.h, backup.h, move.h, check.h.
 *
 * All times are microseconds since 1970 UTC (clock_now_us). All ids rise, are
 * never used twice, and are never 0. Functions that return an id return 0, and
 * those that return bool return false, on failure; where a function takes an
 * `err` its code is an `enum store_code`. Functions that add to a batch fail
 * only for want of memory (the batch then stays as before the call) unless
 * their comment says more. Spans that are passed in are copied. Spans that are
 * handed to a callback live during the call.
 *
 * The invariants that every engine keeps are numbered in store_private.h.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/span.h"

struct arena;
struct buf;
struct store;
struct store_batch;
struct store_content;

enum store_code {
    STORE_OK = 0,
    STORE_FULL,      /* no space on the disk, or a quota is used up */
    STORE_READ_ONLY, /* the file system or the files can't be written */
    STORE_IO,        /* a read, write or sync failed */
    STORE_CORRUPT,   /* something stored is damaged or missing: `mhs store check` says more */
    STORE_NO_MEMORY,
    STORE_LOCKED,      /* another process writes to this store */
    STORE_VERSION,     /* the schema is one that this program doesn't know */
    STORE_NOT_FOUND,   /* no such store, message, entry, activity */
    STORE_IN_USE,      /* the content is open for writing elsewhere */
    STORE_BAD_REQUEST, /* the caller broke the contract: an id that isn't there, a content that failed before
                        */
    STORE_REPEATED,    /* verdict of a commit: the repeat key is there already */
    STORE_FENCED,      /* another process has the store, or another node our work: leave it alone */
    STORE_MOVED        /* the store was moved away, or a move into it is not at its end (store_move) */
};

/* The code's name in lower case ("disk full"), for log lines and `mhs status`. */
const char *store_code_text(enum store_code code);

struct store_options {
    bool read_only;     /* read only: no lock; every function that writes fails with STORE_READ_ONLY */
    bool alone;         /* with read_only: keep writers out meanwhile; STORE_LOCKED when there is one */
    bool create;        /* make the folder and an empty store if there is none */
    bool moved;         /* also one that would be refused with STORE_MOVED */
    uint64_t low_water; /* free octets on the disk below which it stops accepting; 0 means 64 MiB */
    unsigned node;      /* which of the nodes of the store (store_claim) opens it, from 1; 0: the first. A
                           folder has no other: STORE_BAD_REQUEST */
    struct store_thread *thread; /* for a writer whose commits are not to wait for the disk
                                    (store/thread.h); outlives the store. NULL: they end inline */
    const void
        *engine; /* what the engine's own header says (store/sqlite/options.h), for tests; NULL: nothing */
};

/*
 * Opens the store at `place`; `options` may be NULL (writer, no create). An
 * older schema is migrated, an unknown one refused with STORE_VERSION. What a
 * crash left unfinished is put right. NULL on failure.
 */
struct store *store_open(const char *place, const struct store_options *options, struct error *err);

/* Closes it. Batches and contents must have been freed and released before. NULL is allowed. */
void store_close(struct store *store);

/* ---- health ---- */

/*
 * True while new messages should be taken in. False after a commit failed for
 * a cause that lies in the disk or the files, and below the low-water mark:
 * refuse new ones with the protocol's temporary refusal; what is held stays
 * and may be worked on (commits that finish work are still tried).
 */
bool store_accepting(const struct store *store);

/* Why it does not accept (code and text); code is STORE_OK while it does. Lives until the next call on the
 * store. */
const struct error *store_cause(const struct store *store);

/* Why contents of more than 8 kB are refused (STORE_FULL) while shorter ones are taken; code is STORE_OK
 * where both are treated alike. As store_cause. */
const struct error *store_content_cause(const struct store *store);

/* Looks whether there is still space on the disk (free segments are given back before it is said that there
 * is none); while not accepting it tries a small durable write, and accepts again if that works and there is
 * space. Call it each second. Returns store_accepting. Damage (STORE_CORRUPT) lasts until `mhs store repair`,
 * a segment or a database that is not there any more until its file is back. That another process took the
 * store over, or another node the work (STORE_FENCED, the cause from then on) is final: nothing is written by
 * this handle any more, what is in memory is old, and all that is left to do is to close it. */
bool store_probe(struct store *store);

/*
 * Work that can wait: fills the next segment, compacts sparse ones, drops
 * expired repeat keys and events older than `events_before` (one that is dated
 * in the future, since the clock was wrong, is from now on one of now), for
 * about `budget_us`. Call it when idle and once a second under load. True: there
 * is more to do at once.
 */
bool store_maintain(struct store *store, int64_t now, int64_t events_before, int64_t budget_us);

/*
 * Filling the next segment has fallen behind the bodies that came: store_catch_up does a step of it, which
 * writes up to 1 MiB and may sync. Not before the answers to a commit are sent.
 */
bool store_behind(const struct store *store);
void store_catch_up(struct store *store);

/*
 * The gathering policy of group commit: how many microseconds the caller may
 * still wait for more requests before it commits. `requests` in the batch,
 * `in_flight` in all that the peers have open, `since` is clock_monotonic_us of
 * the batch's first request. 0: commit now. It waits at most 0.5 ms, only while
 * syncs are fast and others are in flight.
 */
int64_t store_gather_us(const struct store *store, unsigned requests, unsigned in_flight, int64_t since,
                        int64_t now);

struct store_figures {
    uint64_t commits, failed_commits;
    uint64_t segments, free_segments, content_octets; /* octets that live contents hold in segments */
    int64_t sync_us;                                  /* moving average of a commit's duration */
};
void store_figures(const struct store *store, struct store_figures *figures);

/*
 * From that moment on (monotonic µs) no read of messages, contents, mailboxes, events and records begins any
 * more, nor does a walk ask a server for more rows: it fails with STORE_IO, which says nothing of the store's
 * health. So is the sum of many reads bounded, each of which has a bound of its own. 0: there is no such
 * moment.
 */
void store_read_until(struct store *store, int64_t until);

/* ---- batches ---- */

/* An empty batch, NULL without memory. There may be several; each is committed by itself. */
struct store_batch *store_batch_new(struct store *store);
void store_batch_free(struct store_batch *batch);

/* Forgets all that was added; contents that it held are released. */
void store_batch_clear(struct store_batch *batch);
bool store_batch_is_empty(const struct store_batch *batch);

/* Octets of memory that it takes, with what its contents hold there: whoever adds while another batch is
 * under way keeps it in bounds. */
uint64_t store_batch_octets(const struct store_batch *batch);

/*
 * Begins a request: what is added from here to the next one stands or falls together, whatever becomes of the
 * others. Requests are numbered from 0. What was added before the first of them belongs to all.
 */
unsigned store_batch_request(struct store_batch *batch);

/* Where the batch stands, and back to there: undoes what was added since. A mark lies in the request that
 * goes on, or at the beginning of one. */
size_t store_batch_mark(const struct store_batch *batch);
void store_batch_undo(struct store_batch *batch, size_t mark);

/*
 * A commit has ended. `done`: the batch is on disk, but for the requests that have a verdict, and is empty
 * after the call. Else (`err`) none of it is there, and the batch is as before, to be committed again or
 * cleared; the handle may have ceased to accept (store_accepting). The batch may be asked for verdicts and
 * cleared, no more; others may be added to and begun.
 */
typedef void store_done_cb(void *context, bool done, const struct error *err);

/*
 * Begins to make the batch durable: bodies of contents first, then all else as one. Calls `done` once, before
 * it returns or from within store_proceed; until then the batch is left alone, and nothing read shows any of
 * it. One at a time: while one is under way another is refused (STORE_BAD_REQUEST). After STORE_IO a
 * power cut at once may still bring the batch to light; its repeat keys then are there with it, so the peer's
 * repeat is confirmed.
 */
void store_commit_begin(struct store_batch *batch, store_done_cb *done, void *context);

/*
 * What became of a request: code STORE_OK when it is on disk. STORE_BAD_REQUEST: it adds to a message or a
 * mailbox that is not there; STORE_REPEATED: its repeat key is known; STORE_IO: octets of its content could
 * not be written. Nothing of such a request is there. To change or remove a row that is gone changes nothing,
 * and is no failure.
 */
const struct error *store_batch_verdict(const struct store_batch *batch, unsigned request);

/* Has any request of the batch a verdict? For the same moment. */
bool store_batch_is_refused(const struct store_batch *batch);

/* Goes on with commits that are under way; with `wait`, until there is none. */
void store_proceed(struct store *store, bool wait);

/*
 * For the end of the process: what is under way is not waited for any more. `done` is called at once, with
 * STORE_IO: nobody knows whether it comes about, the next to open the store finds what did. Nothing more is
 * written by this handle.
 */
void store_give_up(struct store *store);

/* Readable when store_proceed has something to do, for a reader as well: a server is called again. -1: it
 * never has, and commits end before store_commit_begin returns. */
int store_descriptor(const struct store *store);

/* The same at one go, all or nothing: where a request would get a verdict, the commit fails for it. */
bool store_commit(struct store_batch *batch, struct error *err);

/* ---- contents ---- */

/*
 * A content that is being received. `expected` is its length if known, else 0
 * (a hint). Up to 8 kB it stays in memory until its message's row, above that
 * it goes to segment files as it comes. Counted reference: the caller's one.
 */
struct store_content *store_content_create(struct store *store, uint64_t expected, struct error *err);
struct store_content *store_content_ref(struct store_content *content);

/* Gives the reference back. The last one of a content that no row names frees its space. NULL is allowed. */
void store_content_release(struct store_content *content);

/* False: who appends now may have to wait for what was appended before; whoever can brings more when it says
 * true again, which store_descriptor and store_probe bring about. */
bool store_takes_octets(const struct store *store);

/* Adds octets at the end. After a failure the content can only be released. STORE_BAD_REQUEST once a message
 * has it. */
bool store_content_append(struct store_content *content, struct span octets, struct error *err);

uint64_t store_content_length(const struct store_content *content);

/* All of it, if it is held in memory (a short one); else the absent span. Lives as long as the reference. */
struct span store_content_memory(const struct store_content *content);

/* Copies up to `len` octets from `offset`; `*got` is less only at the end. STORE_CORRUPT when the segment is
 * not there. */
bool store_content_read(struct store_content *content, uint64_t offset, void *out, size_t len, size_t *got,
                        struct error *err);

/*
 * A digest of all octets so far: SHA-256 of a content of at most 1 MiB; above
 * that, each further MiB is hashed after the digest of those before it, so that
 * a resume need not read the whole. Equal contents have equal digests.
 */
#define STORE_DIGEST 32
bool store_content_digest(struct store_content *content, uint8_t out[static STORE_DIGEST], struct error *err);
/* SHA-256 of the parts, one after the other. False without memory. */
bool store_digest(const struct span *parts, size_t count, uint8_t out[static STORE_DIGEST]);

/* The content of a stored message, for reading. A message without one gives an empty content. It may be read
 * on after the message was deleted, until it is released. */
struct store_content *store_content_open(struct store *store, uint64_t message, struct error *err);

/* ---- messages ---- */

struct store_message {
    uint64_t id;
    int64_t arrival;
    uint64_t content_length;
    struct span envelope;
};

/*
 * Adds a message; `content` may be NULL, and may serve several messages (of a
 * distribution list, say): it is stored once. Returns the message's id at once.
 * A message lives while work or a mailbox entry refers to it; it goes,
 * with its content's space, in the commit that removes the last of them. One
 * that nothing refers to when its batch is committed is not stored at all.
 */
uint64_t store_add_message(struct store_batch *batch, int64_t arrival, struct span envelope,
                           struct store_content *content);

/* Reads a message; the envelope is copied to `arena`. STORE_NOT_FOUND when it is gone. */
bool store_get_message(struct store *store, uint64_t id, struct arena *arena, struct store_message *message,
                       struct error *err);

/* ---- next hops ---- */

/* The key of a next hop's name, made at need (durable with the next commit at the latest); 0 on failure. At
 * most a few thousand names. */
uint32_t store_next_hop(struct store *store, struct span name, struct error *err);

/* The name of a key, which lives as long as the store is open. STORE_NOT_FOUND: there is none. */
bool store_next_hop_name(struct store *store, uint32_t next_hop, struct span *name, struct error *err);

/* The next hop to which store_repair (store/check.h) gives the copies whose content is lost; they are READY,
 * due, and without a content. Whoever reads the queue reports them to their originators: the store can't. No
 * peer may have this name. */
#define STORE_LOST_HOP "(content lost)"

/* ---- work: one row for each copy that is to go to a next hop ---- */

enum store_status { STORE_READY, STORE_DEFERRED, STORE_HELD, STORE_STATUS_COUNT };

struct store_work {
    uint64_t id;
    uint64_t message;
    int64_t due;    /* not before */
    int64_t expiry; /* when it becomes a non-delivery */
    uint32_t next_hop;
    uint32_t doubt_peer; /* the next hop with which this copy is in doubt (X.228: end sent, no confirmation);
                            0 = not in doubt */
    uint32_t tries;
    uint8_t priority; /* lane, the caller's numbers */
    uint8_t status;   /* enum store_status */
    bool damaged;     /* when it is read: the row is not what was stored */
    struct span data; /* recipients, state: the caller's; keep it short, it is read for each row at start */
};

/* Adds work for a message of this batch or a stored one; `id` is ignored. Returns the new id. */
uint64_t store_add_work(struct store_batch *batch, const struct store_work *work);

/* Replaces the row `work->id`; its message stays, and is to be named. */
bool store_update_work(struct store_batch *batch, const struct store_work *work);

/* The work is done: its row goes, its outbound activity too, and
 * the message if this was the last reference. */
bool store_finish_work(struct store_batch *batch, uint64_t work, uint64_t message);

/* Calls back for work rows in the order of ids, those above `after`; at most
 * `limit` (0 = all); `next_hop` and `status` choose when not 0 / not negative.
 * False from the callback ends it early, which is no failure. */
typedef bool store_work_cb(void *context, const struct store_work *work);
bool store_each_work(struct store *store, uint64_t after, size_t limit, uint32_t next_hop, int status,
                     store_work_cb *cb, void *context, struct error *err);

/*
 * Work has an owner, the node that added it or took it over. A node has an epoch, which each opening raises,
 * and a lease of all that is its own, which each commit and each of these two calls prolongs to `lease` µs
 * from now, by the engine's clock. A node whose lease is over may be gone: the first claim of another one
 * raises its epoch, so that it commits nothing any more, and takes its work. It loses all of it at once:
 * whatever it does next fails with STORE_FENCED, which is final (store_probe), and nothing of what it had may
 * be sent any more.
 *
 * store_claim calls back, as store_each_work does, for what became the caller's since the last claim, at most
 * `limit` rows (0 = all): first what was its own when it opened the store, then what it took over. What it
 * added itself it is not given. With one node, and always in a folder, nobody takes anything over.
 */
bool store_claim(struct store *store, int64_t lease, size_t limit, store_work_cb *cb, void *context,
                 struct error *err);
bool store_renew(struct store *store, int64_t lease, struct error *err);

/* One row; `data` is copied to `arena`. STORE_NOT_FOUND when it is finished, STORE_CORRUPT when it is
 * damaged. */
bool store_get_work(struct store *store, uint64_t id, struct arena *arena, struct store_work *work,
                    struct error *err);

/* ---- tracking events ---- */

/* Adds an event of the message whose MTS-identifier (any octets, at most 1,024) is `key`. */
bool store_add_event(struct store_batch *batch, struct span key, int64_t at, struct span data);

/* Calls back for all events of `key` in the order in which they were added (committed ones only). */
typedef bool store_event_cb(void *context, int64_t at, struct span data);
bool store_track(struct store *store, struct span key, store_event_cb *cb, void *context, struct error *err);

/*
 * Calls back for the committed events of all keys, the newest first, as far as
 * their place is below `before` (0: all). A place rises from commit to commit
 * and stays what it is, so a walk can go on later from where it ended. False
 * from the callback ends it, which is no failure.
 */
typedef bool store_past_cb(void *context, uint64_t place, struct span key, int64_t at, struct span data);
bool store_each_event(struct store *store, uint64_t before, store_past_cb *cb, void *context,
                      struct error *err);

/* ---- repeats ---- */

enum store_repeat { STORE_REPEAT_UNKNOWN = 1, STORE_REPEAT_KNOWN, STORE_REPEAT_PENDING, STORE_REPEAT_FAILED };

/* The key of what came: peer, MTS-identifier, digest of envelope and content. False without memory. */
bool store_repeat_key(struct span peer, struct span mts_identifier, const uint8_t digest[static STORE_DIGEST],
                      uint8_t key[static STORE_DIGEST]);

/* Notes that it was taken in; kept until `expiry`. Add it to the batch of its message. A key is there once:
 * the commit refuses a request that adds a known one (STORE_REPEATED), so that of two that came at once, by
 * whatever way or node, one is taken. */
bool store_add_repeat(struct store_batch *batch, const uint8_t key[static STORE_DIGEST], int64_t expiry);

/* Was it taken in before? PENDING: it stands in `batch` (may be NULL) and is not yet durable: answer after
 * its commit; the request that goes on shares the fate of the one that added it. FAILED (err is
 * set): the table could not be read, refuse temporarily. */
enum store_repeat store_find_repeat(struct store *store, struct store_batch *batch,
                                    const uint8_t key[static STORE_DIGEST], struct error *err);

/* Does the batch, which may be under way, add the key? */
bool store_batch_adds_repeat(const struct store_batch *batch, const uint8_t key[static STORE_DIGEST]);

/* ---- activities in: what is received of a transfer whose association may break; one whose row is damaged is
 * as one that is not there ---- */

struct store_activity_in {
    uint64_t id;
    struct span peer, association, activity; /* the key: at most 1,024 octets each */
    int64_t at;                              /* when it was last written */
    uint32_t serial;                         /* last checkpoint */
    uint64_t offset;                         /* of the APDU stream at that checkpoint */
    uint64_t content_length;                 /* octets of content at that checkpoint; set by the store */
    struct span state;                       /* parser state and envelope prefix */
};

/*
 * Adds (id 0) or replaces an activity: a checkpoint. All octets that `content`
 * has now become durable with the commit; `content` may be NULL while none has
 * come. A later one of the same activity in the same batch takes the place of the
 * earlier, so that many small checkpoints share one write. Returns its id.
 */
uint64_t store_put_activity_in(struct store_batch *batch, const struct store_activity_in *activity,
                               struct store_content *content);

/* Ends it: completed (its content then belongs to a message of the same batch) or given up (its space is
 * freed). */
bool store_remove_activity_in(struct store_batch *batch, uint64_t id);

/* The last committed state of an activity, by its key. What the spans of `found` point at lives until
 * another is looked for, and until the next commit. It costs the same however many there are. STORE_NOT_FOUND
 * when there is none. */
bool store_find_activity_in(struct store *store, struct span peer, struct span association,
                            struct span activity, struct store_activity_in *found, struct error *err);

/* Calls back for the committed activities of an association in no order; or for all, the one that was written
 * longest ago first. False from the callback ends it, which is no failure. */
typedef bool store_activity_in_cb(void *context, const struct store_activity_in *activity);
bool store_each_activity_of(struct store *store, struct span association, store_activity_in_cb *cb,
                            void *context, struct error *err);
bool store_each_activity_in(struct store *store, store_activity_in_cb *cb, void *context, struct error *err);

/* Its content for appending, cut back to the last committed checkpoint. STORE_IN_USE while another reference
 * from store_content_create or _resume is held: release that first. */
struct store_content *store_content_resume(struct store *store, uint64_t activity, struct error *err);

/* ---- outcomes: what became of activities in that are over, for a sender who did not learn it ---- */

struct store_outcome {
    struct span association, activity, peer; /* the key: at most 1,024 octets each; `activity` may be empty */
    int64_t expiry;                          /* store_maintain removes it after that time */
    struct span data;                        /* the caller's */
};

/* Adds or replaces an outcome. Add it to the batch that holds what it says. */
bool store_put_outcome(struct store_batch *batch, const struct store_outcome *outcome);
bool store_remove_outcome(struct store_batch *batch, struct span association, struct span activity,
                          struct span peer);

/* Appends the committed outcome's data to `data` (may be NULL). STORE_NOT_FOUND when there is none. */
bool store_get_outcome(struct store *store, struct span association, struct span activity, struct span peer,
                       struct buf *data, struct error *err);

/* Has the peer a committed outcome of any activity of the association, or of itself? That costs what one
 * does, however many there are, of this peer or others. */
bool store_has_outcome(struct store *store, struct span association, struct span peer, bool *has,
                       struct error *err);

/* Calls back for the committed outcomes of an association: of each peer that has some, at most so many, which
 * are always the same ones; the others are not read. False from the callback ends it, which is no failure. */
typedef bool store_outcome_cb(void *context, const struct store_outcome *outcome);
bool store_each_outcome(struct store *store, struct span association, unsigned most, store_outcome_cb *cb,
                        void *context, struct error *err);

/* ---- activities out: the state of a transfer that may have to be resumed; goes with its work. One whose row
 * is damaged is as one that is not there ---- */

struct store_activity_out {
    uint64_t work;
    struct span association, activity; /* at most 1,024 octets each */
    int64_t at;
    uint32_t serial; /* last one that the peer confirmed */
    uint64_t offset;
    struct span data;
};

/* Adds or replaces the activity of `work`. */
bool store_put_activity_out(struct store_batch *batch, const struct store_activity_out *activity);
bool store_remove_activity_out(struct store_batch *batch, uint64_t work);
typedef bool store_activity_out_cb(void *context, const struct store_activity_out *activity);
bool store_each_activity_out(struct store *store, store_activity_out_cb *cb, void *context,
                             struct error *err);

/* ---- mailboxes ---- */

/* What its user has seen of an entry (X.413 §6.3.8). The numbers are those of the bits that are stored. */
enum store_entry_status { STORE_NEW = 0, STORE_LISTED = 1, STORE_PROCESSED = 3 };

/* An entry of a mailbox: a row that stays as it was written, and bits beside it, for what changes. */
struct store_entry {
    uint64_t sequence; /* X.413 sequence-number: rises within the mailbox, never used again */
    uint64_t message;
    int64_t at;          /* creation-time */
    uint64_t octets;     /* what it takes of its mailbox's room: the caller's */
    uint32_t parent;     /* the entry whose child it is; 0: none. At most 2^31-1 */
    uint8_t entry_class; /* x413_EntryClass: 0 to 15 */
    uint8_t type;        /* x413_EntryType: 0 to 15 */
    uint8_t priority;    /* the caller's: 0 to 15 */
    uint8_t known;       /* the caller's: 0 to 15, which of its values stand in `data` */
    uint8_t status;      /* enum store_entry_status */
    uint8_t flags;       /* the caller's, 0 to 3; a new entry has none */
    bool damaged;        /* when it is read: the row is not what was stored */
    struct span data;    /* the caller's; short: what it has in common with others stands in the message */
};

/* The key of a mailbox, made at need (durable with the next commit at the latest); 0 on failure. */
uint32_t store_mailbox(struct store *store, struct span name, struct error *err);

/* The key of one that is there. 0: there is none (`err` is untouched), or the names could not be read (its
 * code is set). */
uint32_t store_find_mailbox(struct store *store, struct span name, struct error *err);

/* Each mailbox: `next` is the sequence-number that the next entry gets. */
typedef bool store_mailbox_cb(void *context, uint32_t mailbox, struct span name, uint64_t next);
bool store_each_mailbox(struct store *store, store_mailbox_cb *cb, void *context, struct error *err);

/*
 * Before anything else is done with an opened store: puts each mailbox under the
 * name that `key_of` gives for its present one (valid until the next call; the
 * absent span leaves it). Those that come under one name become one: the entries
 * of the others go, with new sequence-numbers, behind those of the first that was
 * made. All or nothing; without a change nothing is written.
 */
struct store_rename {
    size_t renamed, joined; /* of `joined` mailboxes nothing but the entries is left */
};
typedef struct span store_key_cb(void *context, struct span name);
bool store_rename_mailboxes(struct store *store, store_key_cb *key_of, void *context,
                            struct store_rename *changed, struct error *err);

/* Delivers: adds an entry; its `sequence` is ignored. The commit gives it one: when it is done, `*sequence`
 * has it (NULL: nobody asks), which lives until then. STORE_BAD_REQUEST of the commit: there is no such
 * mailbox. False also where a field is above its bounds. */
bool store_add_entry(struct store_batch *batch, uint32_t mailbox, const struct store_entry *entry,
                     uint64_t *sequence);
/* Sets and clears flags of an entry; those that other operations of the batch change stay theirs. */
bool store_change_entry_flags(struct store_batch *batch, uint32_t mailbox, uint64_t sequence, uint32_t set,
                              uint32_t clear);
/* The entries from `first` to `last` have at least that status from now on: none goes back (I17). Costs some
 * 1 kB for each 4,096 numbers in which there is one, however many that are. */
bool store_raise_status(struct store_batch *batch, uint32_t mailbox, uint64_t first, uint64_t last,
                        enum store_entry_status status);
bool store_remove_entry(struct store_batch *batch, uint32_t mailbox, uint64_t sequence, uint64_t message);

/* `data` is copied to `arena`. STORE_NOT_FOUND when it is not there, STORE_CORRUPT when it is damaged. */
bool store_get_entry(struct store *store, uint32_t mailbox, uint64_t sequence, struct arena *arena,
                     struct store_entry *entry, struct error *err);
/* The highest number of an entry that is there; 0: none is. */
bool store_last_entry(struct store *store, uint32_t mailbox, uint64_t *sequence, struct error *err);
/* Entries above `after` in rising order; at most `limit` (0 = all). */
typedef bool store_entry_cb(void *context, const struct store_entry *entry);
bool store_each_entry(struct store *store, uint32_t mailbox, uint64_t after, size_t limit, store_entry_cb *cb,
                      void *context, struct error *err);

/* ---- named records: settings, users ---- */

enum store_kind {
    STORE_SETTING = 1,
    STORE_USER,
    STORE_MOVE,           /* the store's own: where it was moved to, or is being moved from */
    STORE_KIND_OTHER = 64 /* and above: the caller's */
};

bool store_put_record(struct store_batch *batch, uint32_t kind, struct span name, struct span data);
bool store_remove_record(struct store_batch *batch, uint32_t kind, struct span name);
/* Appends the record's data to `out`. STORE_NOT_FOUND when there is none. */
bool store_get_record(struct store *store, uint32_t kind, struct span name, struct buf *out,
                      struct error *err);
typedef bool store_record_cb(void *context, struct span name, struct span data);
bool store_each_record(struct store *store, uint32_t kind, store_record_cb *cb, void *context,
                       struct error *err);

#endif
