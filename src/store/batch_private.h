/* A batch: operations in the order in which they were added, the requests that they are for, and the octets
 * that they need. What an engine commits. */
#ifndef STORE_BATCH_PRIVATE_H
#define STORE_BATCH_PRIVATE_H

#include "store/activity_private.h"
#include "store/store_private.h"

enum operation_type {
    ADD_MESSAGE,
    ADD_WORK,
    SET_WORK,
    DROP_WORK,
    ADD_EVENT,
    ADD_REPEAT,
    PUT_ACTIVITY_IN,
    DROP_ACTIVITY_IN,
    PUT_ACTIVITY_OUT,
    DROP_ACTIVITY_OUT,
    ADD_ENTRY,
    SET_ENTRY,     /* flags of the entry ids.id: those to set in ids.other, those to clear above 2^32 */
    RAISE_ENTRIES, /* from ids.id to the low half of ids.other, to the status in its high half */
    DROP_ENTRY,
    COPY_ENTRY,   /* ADD_ENTRY with the sequence-number that it has */
    NUMBER_ENTRY, /* the mailbox's next entry gets the number ids.id at least */
    PUT_RECORD,
    DROP_RECORD,
    PUT_OUTCOME,
    DROP_OUTCOME
};

struct operation {
    enum operation_type type;
    bool left_out;                 /* its request has a verdict */
    bool kept;                     /* ADD_MESSAGE: also while nothing refers to it */
    uint32_t number;               /* mailbox, kind of a record */
    uint32_t octets;               /* that its content and activity keep in memory */
    struct store_content *content; /* a reference, or NULL */
    struct activity *activity;     /* PUT_ACTIVITY_IN: owned; an engine that keeps it sets NULL here */
    uint64_t *sequence;            /* ADD_ENTRY: where the caller wants the number that the commit gives it */
    union {
        struct {
            uint64_t id, other; /* what a DROP names, and its message */
        } ids;
        struct store_message message;
        struct store_work work;
        struct store_entry entry; /* the engine sets `sequence` */
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
    size_t repeats;     /* how many of them are ADD_REPEAT */
    struct map pending; /* repeat_short of those -> how many */
    struct arena arena;
    uint64_t octets; /* of its operations' contents and activities */
    bool results;    /* some ask for what the commit gives them */

    struct request {
        size_t from;     /* its first operation */
        uint32_t failed; /* its verdict in `verdicts`, from 1; 0: none */
        uint32_t shares; /* an earlier one whose checkpoint is also its own: they stand or fall together; its
                            own number: none */
    } * requests;
    size_t request_count, request_cap;
    struct buf verdicts; /* struct error */

    bool under_way; /* begun, and not told to be done */
    bool whole;     /* all or nothing */
    int64_t begun;  /* monotonic µs */
    store_done_cb *done;
    void *context;
};

/* The request that goes on needs the operation of an earlier one: they stand or fall together. */
void batch_share(struct store_batch *batch, const struct operation *operation);

/* The operation that adds the key, or NULL; at most the first `count` are looked at. */
const struct operation *batch_repeat(const struct store_batch *batch, const uint8_t key[static STORE_DIGEST],
                                     size_t count);

/* For what is moved: rows with the ids and numbers that they have elsewhere, all below those that the store
 * gives out. A message is kept though what refers to it comes in a later batch (against I7, till then). */
bool batch_copy_message(struct store_batch *batch, const struct store_message *message,
                        struct store_content *content);
bool batch_copy_work(struct store_batch *batch, const struct store_work *work);
bool batch_copy_entry(struct store_batch *batch, uint32_t mailbox, const struct store_entry *entry);
bool batch_number_entry(struct store_batch *batch, uint32_t mailbox, uint64_t next);

/* The engine found that the operation can't be: its request gets `err` as verdict, and all of it is left out.
 * False: the commit fails for it, of `err`. */
bool batch_fail(struct store_batch *batch, const struct operation *operation, struct error *err);

/* The engine's commit has ended: NULL, or why nothing of it is there. */
void batch_done(struct store_batch *batch, const struct error *failure);

#endif
