/*
 * What local clients are answered from when they ask for what rows of the store say: the switch has one, and
 * a reader process is one with channels. Nothing that is reached from here needs a switch.
 */
#ifndef MTA_VIEW_H
#define MTA_VIEW_H

#include "base/arena.h"
#include "base/buf.h"
#include "mta/mta.h"
#include "mta/users.h"

struct clients_process;
struct process;
struct store;

struct view {
    const struct mta_config *config;
    struct store *store;
    struct users users;
    struct process *process;           /* that has it */
    struct clients_process *processes; /* of clients */
    uint32_t process_number;           /* of the last of them */
    struct arena arena;                /* for the request that is being answered */
    struct buf head;                   /* frame fields that are being put together */
    struct buf scratch;                /* octets that are being put together */
    uint64_t question_work;            /* how much the filters of one question may compare (ms/filter.h) */
    bool left_to_readers;              /* it answers for no mailbox by P7: readers do */
};

/* Of a reader. Others wait behind a question, but not all mail: view_init_beside has narrower bounds. */
void view_init(struct view *view, const struct mta_config *config);
/* Of the process that has the store. */
void view_init_beside(struct view *view, const struct mta_config *config);
/* From here on what one request reads of the store has a bound, till view_answered. Where that is not enough
 * it is answered that it takes too long: clients wait behind it, and its own one does not for ever. */
void view_answer(struct view *view);
void view_answered(struct view *view);
/* Its channels are closed; the store is closed by this. */
void view_free(struct view *view);

#endif
