/* What the rules decided becomes rows, units of the schedule and effects. */
#ifndef MTA_DECIDE_H
#define MTA_DECIDE_H

#include <jansson.h>

#include "mta/batch.h"
#include "mts/process.h"

struct destination;
struct mta;
struct store_content;
struct work;

/* The content that goes with what was decided. */
struct content {
    struct store_content *stored; /* NULL: none */
    uint64_t length;
    struct span memory; /* the content when it is in memory, else absent */
    const char *who;    /* caused it, as the log names him; NULL: it stands in the decision, or nobody did */
    /* Of what was decided on a copy that waited: objects of its kind go on for it. 0: none does. */
    enum mts_kind successor_of;
    int64_t arrival;  /* theirs, µs: when the copy's own message came; 0: now */
    const char *held; /* their copies are held, and that is why; NULL: they are not */
};

/* A call's circumstances for the rules. decide_apply takes note of the identifiers that were used. */
struct mts_run run_begin(struct mta *mta, struct arena *arena);
/* Looks up what the rules asked for. True: they are to be called again with the same arguments. */
bool run_again(struct mta *mta, struct mts_run *run, struct mts_decisions *out);

/* Adds held objects, copies, deliveries and events to the batch. False without memory or when the store
 * fails: the caller undoes to its mark. */
bool decide_apply(struct mta *mta, struct mts_run *run, const struct mts_decisions *decisions,
                  const struct content *content);

/*
 * Delivers the copy `stored` of the message: as mts_deliver, and adds the mailbox entry to the batch. A full
 * mailbox is a failure of the copy (a report is discarded). What follows is in `more`. False without memory,
 * or when the store fails. With something in `waits` nothing was decided.
 */
struct delivery_waits {
    bool removal;                /* its user is being removed, which may be refused */
    struct destination *instead; /* its user's own program takes it, which is there */
};
bool decide_delivery(struct mta *mta, struct mts_run *run, const struct mts_stored *stored, uint64_t message,
                     struct mts_decisions *more, struct delivery_waits *waits);

/* Whether the mailbox to which the copy of an object would be delivered takes it now; `full`: the failure
 * that it would be. Of a copy that goes elsewhere it does. */
bool decide_has_room(struct mta *mta, struct arena *arena, const struct mts_object *object,
                     const struct mts_copy *copy, uint64_t content_length, struct mts_failure *full);

/* The ids of the copies of that kind that were added to the batch since the mark. NULL without memory. */
json_t *decide_added(const struct mta *mta, struct batch_mark since, enum mts_kind kind);

/* The unit's octets, if they wait in memory, are read from the store when it leaves. */
void work_forget_bytes(struct mta *mta, struct work *work);

#endif
