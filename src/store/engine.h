/*
 * What stands behind the store: an engine is two tables of functions that the neutral part (store.h) calls,
 * one for places (struct store_home), one for handles (struct store_engine). Another one is added in a folder
 * of its own and by one line in homes.c; nothing else knows it.
 *
 * WHO DOES WHAT. The neutral part checks the caller's contract (lengths of keys, read-only handles, unknown
 * mailboxes), builds batches, keeps the references of contents and short contents' octets, makes digests and
 * repeat keys, and says whether the store accepts. The engine keeps all that is durable, and decides what may
 * be decided only where other writers are seen too: ids beyond its block, sequence-numbers, repeat keys, who
 * owns which work. It keeps the invariants of store_private.h.
 *
 * MEMORY. An engine's handle begins with a struct store, its contents with a struct store_content: the
 * functions below get the heads, and cast. What `open` gives is zeroed but for what it filled in itself.
 *
 * ERRORS. Functions that return bool return false on failure and fill `err` (never NULL here; its code an
 * enum store_code). A function that reads and finds nothing says STORE_NOT_FOUND. A failure that lies in the
 * disk, the files or the server is told to the head by store_failed, so that no new mail is taken until
 * `probe` finds it gone. Walks call back in the order that store.h gives; false from a callback ends one,
 * which is no failure; what fails on the way is one, whatever was given before. A callback may read the
 * store, and add to batches, but not commit.
 *
 * THREADS. All is called on one thread. An engine may have threads of its own behind `commit_begin`; nothing
 * of theirs is seen before `proceed` was called.
 */
#ifndef STORE_ENGINE_H
#define STORE_ENGINE_H

#include "store/backup.h"
#include "store/check.h"
#include "store/place.h"
#include "store/store.h"

struct mailbox_change {
    uint32_t mailbox;
    uint32_t into; /* 0: it only gets the name; else its entries go there, behind those that are there, and it
                      goes */
    struct span name; /* of `mailbox` from now on, or of `into` */
};

/* What no other walk gives whole, one thing after the other: those that have a function. False from one of
 * them ends the walk of its kind, which is no failure. */
struct store_scan {
    void *context;
    bool (*message)(void *context, uint64_t id);                                 /* in the order of the ids */
    bool (*event)(void *context, struct span key, int64_t at, struct span data); /* in their order */
    bool (*repeat)(void *context, const uint8_t key[static STORE_DIGEST], int64_t expiry);
    bool (*outcome)(void *context, const struct store_outcome *outcome);
    bool (*record)(void *context, uint32_t kind, struct span name, struct span data);
};

/* What can be done with a place, be it open or not. */
struct store_home {
    const char *name; /* for texts */

    /* Is `place` (as the configuration has it) one of this engine's? */
    bool (*owns)(const char *place);
    /* As store_is_there, store_examine, store_backup, store_restore, store_check, store_repair. */
    bool (*is_there)(const char *place, struct error *err);
    bool (*examine)(const char *place, struct error *err);
    bool (*backup)(const char *place, const char *to, bool alone, store_progress_cb *progress, void *context,
                   struct error *err);
    bool (*restore)(const char *from, const char *place, bool force, store_progress_cb *progress,
                    void *context, struct error *err);
    bool (*check)(const char *place, bool deep, store_finding_cb *cb, void *context, uint64_t *findings,
                  struct error *err);
    bool (*repair)(const char *place, store_finding_cb *cb, void *context, uint64_t *findings,
                   struct error *err);

    /* Removes the store at `place` for good; nobody has it open. */
    bool (*remove)(const char *place, struct error *err);
    /* A new store is complete: whoever will serve from `place` gets the right to it. NULL: has it. */
    bool (*hand_over)(const char *place, struct error *err);

    /* As store_public_place, store_secret_place, store_reach; NULL: it is a folder. */
    char *(*public_place)(const char *place);
    char *(*secret_place)(const char *place, const char *password);
    bool (*reach)(const char *place, struct store_reach *reach, struct error *err);
    /* As store_open; NULL on failure. It sets up the head by store_head_init, with its struct store_engine,
     * before it does anything else, and before it returns fills head.secret (made once, durable: keyed hashes
     * of what strangers choose depend on it) and takes its first block of ids. */
    struct store *(*open)(const char *place, const struct store_options *options, struct error *err);
};

/* What can be done with a handle. */
struct store_engine {
    size_t content_size; /* octets of its struct that begins with a struct store_content */
    /* Octets of a content that is not short and of which more may come, that lie in memory at most. */
    size_t content_memory;

    /* Also of one that `open` gave up. Nothing is under way any more. */
    void (*close)(struct store *store);

    /* ---- health ---- */

    /* Could new mail be taken? Called each second. Looks for space where it can; when the head does not
     * accept, also tries a small durable write, with which the store begins to accept again. False: `err` is
     * the cause from now on. */
    bool (*probe)(struct store *store, struct error *err);
    /* Is there room for contents that are not short? NULL: they fail for no cause of their own. */
    bool (*has_room)(struct store *store, struct error *err);
    /* As store_maintain, with the budget as a time of the monotonic
     * clock. True: there is more to do at once. */
    bool (*maintain)(struct store *store, int64_t now, int64_t events_before, int64_t until);
    /* As store_behind, store_catch_up, for a writer; `behind` NULL: it never is. */
    bool (*behind)(const struct store *store);
    void (*catch_up)(struct store *store);
    /* Fills in segments, free_segments and content_octets. NULL: it has none. */
    void (*figures)(const struct store *store, struct store_figures *figures);
    /* As store_keep, store_keep_end; NULL: its copies need no keeping. */
    void (*keep)(struct store *store);
    bool (*keep_end)(struct store *store);

    /* ---- ids ---- */

    /* The block head.next_id to head.id_end is used up: sets both to one that no other writer has or ever
     * had, and that begins at `least` or above. Ids of a block may be given out before anything of it is
     * durable, as long as no later writer can begin below what is durable then (I9). */
    bool (*more_ids)(struct store *store, uint64_t least, struct error *err);

    /* ---- commits ---- */

    /*
     * Begins to make durable what batch_private.h lists: all requests of the batch that have not failed, in
     * their order, as one; or nothing. None is begun while another is under way. It tells the end by
     * batch_done, once: before it returns, or later from within `proceed`. Until then the batch is not
     * changed, and reads see what was there before. A request that adds to what is not there, or repeats a
     * key that is known (STORE_REPEATED), is given its verdict by batch_fail, and what it added
     * (operation.left_out) is no more part of it, so that the others are committed: a failed request costs
     * the commit another pass, an ordinary commit nothing. With results: sequence-numbers go to
     * operation.sequence. A failure of the whole (disk, server; STORE_FENCED: another process or node has
     * taken over) leaves memory and disk as they were before. When it can't be told whether a commit came
     * about, the engine finds out before it answers.
     */
    void (*commit_begin)(struct store_batch *batch);
    /* Goes on with what is under way; with `wait` until there is nothing any more. NULL: all ends inline, as
     * it also may where there is one. Does not wait otherwise. */
    void (*proceed)(struct store *store, bool wait);
    /* Readable when `proceed` has something to do; -1: never. NULL: all ends inline. */
    int (*descriptor)(const struct store *store);
    /* As store_give_up, while a commit is under way. NULL: one that was begun is waited for. `close` waits
     * for nothing then: what others still hold of the handle stays until the process ends. */
    void (*give_up)(struct store *store);

    /* ---- contents: what is longer than the head keeps in memory ---- */

    /* As store_takes_octets. NULL: always. */
    bool (*takes_octets)(const struct store *store);
    /* Appends octets to a content that has an id; durable with a commit that names it. */
    bool (*content_write)(struct store_content *content, struct span octets, struct error *err);
    /* Reads exactly `len` octets, which are below its length. */
    bool (*content_read)(struct store_content *content, uint64_t offset, void *out, size_t len,
                         struct error *err);
    /* No octets will come any more: what was reserved for them may go. NULL: nothing is reserved. */
    void (*content_end)(struct store_content *content);
    /* The last reference is gone, of short ones too: gives back the octets that no row names and what the
     * engine's part of it holds; the head frees the rest. */
    void (*content_close)(struct store_content *content);
    /* As store_content_open, store_content_resume, by content_new, content_short, or content_find for one
     * that is open. */
    struct store_content *(*content_open)(struct store *store, uint64_t message, struct error *err);
    struct store_content *(*content_resume)(struct store *store, uint64_t activity, struct error *err);

    /* ---- rows, as the functions of store.h that are named like these ---- */

    bool (*get_message)(struct store *store, uint64_t id, struct arena *arena, struct store_message *message,
                        struct error *err);
    bool (*get_work)(struct store *store, uint64_t id, struct arena *arena, struct store_work *work,
                     struct error *err);
    bool (*each_work)(struct store *store, uint64_t after, size_t limit, uint32_t next_hop, int status,
                      store_work_cb *cb, void *context, struct error *err);
    /* As store_renew; each commit then prolongs the lease as well. This and the next two NULL: there is one
     * node, whose all work is for ever. */
    bool (*renew)(struct store *store, int64_t lease, struct error *err);
    /* As each_work, of what is the handle's node's. */
    bool (*each_own_work)(struct store *store, uint64_t after, size_t limit, store_work_cb *cb, void *context,
                          struct error *err);
    /* Of nodes whose lease is over: raises their epochs, takes their work and calls back for it. */
    bool (*take_over)(struct store *store, size_t limit, store_work_cb *cb, void *context, struct error *err);

    bool (*track)(struct store *store, struct span key, store_event_cb *cb, void *context, struct error *err);
    bool (*each_event)(struct store *store, uint64_t before, store_past_cb *cb, void *context,
                       struct error *err);
    /* Is the key (repeat.c makes it) there and not expired? */
    bool (*find_repeat)(struct store *store, const uint8_t key[static STORE_DIGEST], bool *found,
                        struct error *err);

    /* The span fields of `found` live until another is looked for, or the next commit is done. */
    bool (*find_activity_in)(struct store *store, struct span peer, struct span association,
                             struct span activity, struct store_activity_in *found, struct error *err);
    bool (*each_activity_of)(struct store *store, struct span association, store_activity_in_cb *cb,
                             void *context, struct error *err);
    bool (*each_activity_in)(struct store *store, store_activity_in_cb *cb, void *context, struct error *err);
    bool (*each_activity_out)(struct store *store, store_activity_out_cb *cb, void *context,
                              struct error *err);
    bool (*get_outcome)(struct store *store, struct span association, struct span activity, struct span peer,
                        struct buf *data, struct error *err);
    bool (*has_outcome)(struct store *store, struct span association, struct span peer, bool *has,
                        struct error *err);
    bool (*each_outcome)(struct store *store, struct span association, unsigned most, store_outcome_cb *cb,
                         void *context, struct error *err);

    bool (*scan)(struct store *store, const struct store_scan *scan, struct error *err);

    /* The key of a name; with `make` it is made at need. An engine may hold names in memory. */
    bool (*next_hop)(struct store *store, struct span name, bool make, uint32_t *key, struct error *err);
    bool (*mailbox)(struct store *store, struct span name, bool make, uint32_t *key, struct error *err);
    /* As store_next_hop_name. */
    bool (*next_hop_name)(struct store *store, uint32_t next_hop, struct span *name, struct error *err);
    /* In the order of the keys. */
    bool (*each_mailbox)(struct store *store, store_mailbox_cb *cb, void *context, struct error *err);
    /* All of the changes, in their order, or none; durable when it returns. */
    bool (*change_mailboxes)(struct store *store, const struct mailbox_change *changes, size_t count,
                             struct error *err);

    bool (*get_entry)(struct store *store, uint32_t mailbox, uint64_t sequence, struct arena *arena,
                      struct store_entry *entry, struct error *err);
    bool (*each_entry)(struct store *store, uint32_t mailbox, uint64_t after, size_t limit,
                       store_entry_cb *cb, void *context, struct error *err);
    /* As store_last_entry. */
    bool (*last_entry)(struct store *store, uint32_t mailbox, uint64_t *sequence, struct error *err);
    /* The rows of 4,096 entries (bits_private.h), of which those are written that are there. */
    bool (*get_bits)(struct store *store, uint32_t mailbox, uint64_t block, uint8_t (*bits)[1024],
                     struct error *err);
    /* As store_each_column; and the last chunk of a mailbox that has columns, plus 1. */
    bool (*each_column)(struct store *store, uint32_t mailbox, unsigned column, uint64_t chunk,
                        bool (*cb)(void *context, uint64_t chunk, struct span octets), void *context,
                        struct error *err);
    bool (*count_chunks)(struct store *store, uint32_t mailbox, uint64_t *chunks, struct error *err);
    bool (*get_record)(struct store *store, uint32_t kind, struct span name, struct buf *out,
                       struct error *err);
    bool (*each_record)(struct store *store, uint32_t kind, store_record_cb *cb, void *context,
                        struct error *err);
};

/* The home of a place (homes.c, the one list of them). */
const struct store_home *home_of(const char *place);

#endif
