/* A batch: operations in the order in which they were added, and the octets that they need. */
#ifndef STORE_BATCH_PRIVATE_H
#define STORE_BATCH_PRIVATE_H

#include "store/store_private.h"

enum operation_type {
    ADD_MESSAGE,
    ADD_WORK,
    SET_WORK,
    DROP_WORK,
    ADD_HOLD,
    SET_HOLD,
    DROP_HOLD,
    ADD_EVENT,
    ADD_REPEAT,
    PUT_ACTIVITY_IN,
    DROP_ACTIVITY_IN,
    PUT_ACTIVITY_OUT,
    DROP_ACTIVITY_OUT,
    ADD_ENTRY,
    SET_ENTRY,
    DROP_ENTRY,
    PUT_RECORD,
    DROP_RECORD,
    PUT_OUTCOME,
    DROP_OUTCOME
};

struct operation {
    enum operation_type type;
    uint32_t number;               /* mailbox, kind of a record */
    struct store_content *content; /* a reference, or NULL */
    struct activity *activity;     /* PUT_ACTIVITY_IN: owned until the commit */
    union {
        struct {
            uint64_t id, other; /* what a DROP names, and its message */
        } ids;
        struct store_message message;
        struct store_work work;
        struct store_hold hold;
        struct store_entry entry;
        struct store_activity_out activity_out;
        struct {
            struct span key, data;
            int64_t at;
        } event;
        struct {
            uint8_t digest[STORE_DIGEST];
            int64_t expiry;
        } repeat;
        struct {
            struct span name, data;
        } record;
        struct store_outcome outcome;
    };
};

struct store_batch {
    struct store *store;
    struct operation *list;
    size_t count, cap;
    size_t repeats;       /* how many of them are ADD_REPEAT */
    struct idmap pending; /* repeat_short of those -> how many */
    struct arena arena;

    /* What a commit finds out on its way; batch_reset_commit forgets it. */
    struct idmap message_refs, content_refs; /* id -> change of the count */
    struct idmap contents;                   /* id -> struct store_content, of those that operations name */
    struct idmap activity_contents; /* activity -> content that it names after the operations so far */
    struct buf events, repeat_keys;
    int64_t events_at, repeats_expiry; /* the latest */
    uint64_t event_row, repeat_row;
    struct store_content **freed; /* contents whose rows go with this commit; a reference each */
    size_t freed_count, freed_cap;
    struct drain {
        size_t heads;    /* of the sealed table, drained when this commits */
        uint8_t *filter; /* set when it is then drained to its end */
    } drain_track, drain_repeats;
};

void batch_reset_commit(struct store_batch *batch);

/* The key of a repeat in `pending`. */
uint64_t repeat_short(const uint8_t key[static STORE_DIGEST]);

/* ---- commit_rows.c ---- */
bool rows_write(struct store_batch *batch, struct operation *operation, struct error *err);
/* Inserts the new messages and settles the counts of the others. */
bool rows_settle_messages(struct store_batch *batch, struct error *err);
bool rows_write_packed(struct store_batch *batch, struct error *err);
bool rows_write_names(struct store *store, struct error *err);

/* ---- commit_content.c ---- */
/* Makes the octets of the operation's content durable, before any row. */
bool contents_prepare(struct store_batch *batch, struct operation *operation, struct error *err);
/* Adds `change` to the references of content `id`. */
bool contents_count(struct store_batch *batch, uint64_t id, int64_t change, struct error *err);
bool contents_settle(struct store_batch *batch, struct error *err);
/* The transaction is durable. */
void contents_apply(struct store_batch *batch);

/* ---- drain.c ---- */
/* Writes rows of the sealed tables. */
bool runs_drain(struct store_batch *batch, struct error *err);
void runs_apply(struct store_batch *batch);

static inline bool batch_no_memory(const struct store_batch *batch, struct error *err) {
    return error_set(err, STORE_NO_MEMORY, "%s: out of memory", batch->store->path);
}

#endif
