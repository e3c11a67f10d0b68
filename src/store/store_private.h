/*
 * Inside the store, above the engines: what is the same for all of them.
 *
 * THE INVARIANTS that every engine keeps. store_check verifies those that a
 * look at what is stored can show; tests name the one that they try to break.
 * The numbers left out here are an engine's own (sqlite/sqlite_private.h).
 *
 *  I1  A batch is durable when its commit is said to be done: it outlives the
 *      end of every process and of the power.
 *  I2  A batch is there as a whole, but for requests that got a verdict, or not
 *      at all, after a failed commit and after a crash at any instant.
 *  I7  A message is there while a row of work or entry names it, and goes in the
 *      commit that removes the last; each of those rows names a message that
 *      exists.
 *  I8  A content is there while a message or an activity names it; each content
 *      named exists.
 *  I9  Ids rise, and none is given out twice, whatever crashes in between.
 *  I10 A repeat key commits with its message, and is found until it expires. A
 *      key is there once: a request that adds one that is there already is
 *      refused by its verdict.
 *  I11 Each event is found by its key, in the order of the commits.
 *  I12 A resumed content has exactly the octets of the last committed
 *      checkpoint.
 *  I13 What is written to belongs to one writer: the whole store, or all work of
 *      a node while its lease lasts. Whoever lost it writes and drops nothing
 *      more.
 *  I14 An activity out names work that exists; an entry a mailbox that exists
 *      with a next sequence-number above its own.
 *  I16 What stands beside the octets of a message, and beside a row of work,
 *      entry or activity, is their checksum; NULL in rows of before there were
 *      any, and of those that a repair changed. Nothing is sent, shown or resumed
 *      from a row that has another.
 *  I17 The status of an entry never goes back, whatever order changes come in;
 *      bits stand beside entries that are there or were, none beside one that is
 *      still to come.
 *  I18 Columns say what the rows of their entries say, those that went
 *      included, or are not there: a mailbox's numbers were all given out when
 *      its chunk was made, and one whose entries have all gone has none.
 */
#ifndef STORE_STORE_PRIVATE_H
#define STORE_STORE_PRIVATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "store/engine.h"
#include "store/store.h"

#define SMALL_CONTENT 8192
#define DIGEST_BLOCK  (UINT64_C(1) << 20)
#define KEY_LIMIT     1024

/* The head of an engine's handle. */
struct store {
    const struct store_engine *engine;
    char *place;
    bool read_only;
    bool accepting;
    bool needs_repair; /* accepting again would not be right before `mhs store repair` */
    bool fenced;       /* another process has taken the store over: nothing is written any more */
    bool committing;   /* a batch is under way */
    struct error cause;
    struct error no_room; /* why contents that are not short are refused while the others are taken */
    uint64_t low_water;
    uint64_t next_id, id_end; /* the block of ids that is given out */
    uint64_t own_from;        /* the first id that this handle could give out */
    uint64_t claimed_to;      /* of work below that, the last that store_claim gave */
    bool claimed_all;         /* and it gave all */
    uint64_t secret[2];       /* of hashes that are stored: strangers choose the keys */
    int64_t read_until;       /* monotonic µs: no read begins from then on; 0: no such moment */
    struct store_figures figures;
    bool complete_known;      /* all mailboxes were looked at */
    struct map complete;      /* mailbox -> its chunks of which each number was given out; it may be sealed */
    size_t complete_at;       /* the slot at which the next to be sealed is looked for */
    struct map sealed;        /* mailbox -> the chunk up to which that was done */
    struct map open_contents; /* id -> struct store_content, those that are not in memory whole */
};

struct digest {
    uint8_t chain[STORE_DIGEST]; /* digest of all whole blocks so far, when there are any */
    uint64_t hashed;             /* octets that went into chain and context */
    void *context;               /* EVP_MD_CTX of the block under way */
    uint8_t known[STORE_DIGEST]; /* the digest that was asked for last */
    uint64_t known_at;           /* and `hashed` at that time */
    bool is_known;
};

/* The head of an engine's content. */
struct store_content {
    struct store *store;
    uint64_t id; /* 0 while all of it is in memory */
    unsigned references;
    uint64_t length, expected;
    struct buf memory; /* all octets, while short */
    bool writer;       /* may be appended to */
    bool sealed;       /* a message has it */
    bool failed;       /* octets of it could not be written or synced */
    struct digest digest;
};

/* ---- head.c ---- */

/* May another read begin (store_read_until)? */
bool store_in_time(const struct store *store, struct error *err);

/* Prepares the zeroed head of a handle; false without memory. */
bool store_head_init(struct store *store, const struct store_engine *engine, const char *place,
                     const struct store_options *options, struct error *err);
void store_head_free(struct store *store);
/* Notes that something failed for good or for now; what lies in the disk, the files or the server ends
 * accepting. Returns false. */
bool store_failed(struct store *store, const struct error *err);
/* The failure is that there is no room for a content that is not short, and says nothing of the others: it is
 * noted, and store_probe ends it. */
bool store_lacks_room(struct store *store, const struct error *err);
/* Ends accepting, for the cause; STORE_FENCED is the last one. Returns false. */
bool store_refuses(struct store *store, const struct error *cause);
/* 0: none is left. */
uint64_t store_take_id(struct store *store);
bool refuse_read_only(const struct store *store, struct error *err);
bool store_no_memory(const struct store *store, struct error *err);
/* `err` gets what stands in `inner`, if anything; returns whether nothing does. */
bool store_passed(const struct error *inner, struct error *err);

/* ---- hash.c: keyed hashes of 63 bits, never 0 ---- */

uint64_t store_hash(const struct store *store, struct span s);
/* The same with a fixed key, so that it holds for itself what `secret` is worth: the sums of rows. */
uint64_t store_checksum(struct span s);
/* One of numbers and octets; the borders are part of it. */
uint64_t store_sum(const int64_t *numbers, size_t count, const struct span *spans, size_t span_count);

/* ---- sums.c: what stands beside a row ---- */

uint64_t sum_of_work(const struct store_work *work);
uint64_t sum_of_entry(const struct store_entry *entry);

/* The numbers of an entry that take few bits, as one column: class, type, priority, known, its first status
 * and flags, 4, 4, 4, 4, 2 and 2 bits from below; its parent from bit 32. */
int64_t entry_head(const struct store_entry *entry);
void entry_set_head(struct store_entry *entry, int64_t head);
/* `content` and `chain` are what the store adds to the caller's fields. */
uint64_t sum_of_activity_in(const struct store_activity_in *in, uint64_t content, struct span chain);
uint64_t sum_of_activity_out(const struct store_activity_out *out);

/* ---- content.c ---- */

/* A new content with one reference, without an id; NULL without memory. */
struct store_content *content_new(struct store *store, struct error *err);
/* The one with this id that is open, with a reference more; NULL when none is. */
struct store_content *content_find(struct store *store, uint64_t id);
/* Gives it the id under which content_find finds it. */
bool content_enter(struct store_content *content, uint64_t id, struct error *err);
/* A short one with these octets. */
struct store_content *content_short(struct store *store, struct span octets, struct error *err);
/* Hands a short content's octets to the engine. */
bool content_spill(struct store_content *content, struct error *err);
/* Puts the digest at the end of the content, whose whole blocks gave `chain`. */
bool content_restore_digest(struct store_content *content, const uint8_t chain[static STORE_DIGEST],
                            struct error *err);

/* ---- digest.c ---- */

bool digest_add(struct digest *digest, struct span octets);
/* The digest of what was added; leaves the context as it is. */
bool digest_get(struct digest *digest, uint8_t out[static STORE_DIGEST]);
void digest_free(struct digest *digest);
/* A short form of a repeat key, for an map. */
uint64_t repeat_short(const uint8_t key[static STORE_DIGEST]);

/* ---- packed.c: many events in one row ---- */

/* Reads packed events: calls back for each; false when the octets are no packed events. */
typedef bool packed_event_cb(void *context, struct span key, int64_t at, struct span data);
bool events_unpack(struct span packed, packed_event_cb *cb, void *context);
/* How many octets of damaged ones make sense from their front. */
size_t events_readable(struct span packed);
bool events_pack(struct buf *out, struct span key, int64_t at, struct span data);
/* A place is a row's id and an event's number in it: more than these of one row share the last one's. */
#define PLACE_BITS 20
#define PLACE_MASK ((UINT64_C(1) << PLACE_BITS) - 1)
/* Gives the events of a row as store_each_event does. False: the callback has enough, or `scratch` failed for
 * want of memory. */
bool events_backwards(struct buf *scratch, uint64_t row, struct span packed, uint64_t before,
                      store_past_cb *cb, void *context);

#endif
