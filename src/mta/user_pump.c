#include "mta/user_pump.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "mta/copy.h"
#include "mta/counters.h"
#include "mta/event.h"
#include "mta/json.h"
#include "mta/mta_private.h"
#include "mta/user_agent.h"
#include "mta/user_association.h"
#include "mta/user_delivery.h"
#include "mta/users.h"

/* Copies that one turn moves elsewhere, or begins to deliver, and µs for which it begins with more: what a
 * user has registered is looked at for each. */
#define A_TURN  200
#define TURN_US 5000

/* ---- the copies ---- */

static struct work *next_ready(const struct mta *mta, const struct user_agent *agent) {
    struct work *work = schedule_first(&mta->schedule, agent->destination.number);
    return work && work->committed ? work : NULL;
}

/* What was in doubt may be with him twice then. */
static void move(struct mta *mta, const struct user_agent *agent, struct work *work,
                 const struct destination *mailboxes) {
    batch_request(mta);
    if (work->in_doubt) {
        if (!event_delivery(mta, work->message, EVENT_IN_DOUBT, agent->address, work->tries, 0,
                            "it goes into his mailbox, and may be with him already")) {
            copy_put_off(mta, work, "moved", &copy_no_memory);
            return;
        }
        mta->counters[COUNT_POSSIBLE_DUPLICATES]++;
        schedule_doubt(&mta->schedule, work, false);
    }
    copy_move(mta, work, mailboxes);
}

/* The user was removed, or has a mailbox now: that decides. On what is in doubt only his mailbox does
 * (I4): he can't be asked any more, and of one who is gone it would be said that he does not have it. */
static bool move_all(struct mta *mta, struct user_agent *agent) {
    bool has_mailbox = user_find(&mta->view, span_str(agent->address)) != NULL;
    struct destination *mailboxes = destination_of_kind(mta, DESTINATION_MAILBOX);
    const struct queue *queue = &mta->schedule.queues[agent->destination.number];
    unsigned left = A_TURN;
    for (size_t lane = 0; lane < LANES; lane++)
        for (struct work *work = queue->lanes[lane].first, *next; work; work = next) {
            next = work->next;
            if (work->taken || !work->committed || (work->in_doubt && !has_mailbox))
                continue;
            if (left-- == 0)
                return true;
            move(mta, agent, work, mailboxes);
        }
    return false;
}

static bool has_idle(const struct user_agent *agent) {
    const struct user_association *association = agent->first;
    while (association && !user_association_is_idle(association))
        association = association->next_of_agent;
    return association != NULL;
}

static bool pump(struct mta *mta, struct destination *destination) {
    struct user_agent *agent = user_agent_of(destination);
    if (mta->stopping)
        return false;
    const struct local_user *user = user_find(&mta->view, span_str(agent->address));
    agent->no_user = !user;
    agent->forsaken = agent->forsaken && !user;
    if (!user && !agent->forsaken)
        return false;
    if (!user || !user->by_p3)
        return move_all(mta, agent);
    if (user->leaving) /* which may be refused */
        return false;
    int64_t end = clock_monotonic_us() + TURN_US;
    for (unsigned i = 0; i < A_TURN && (!i || clock_monotonic_us() < end); i++) {
        struct work *work = next_ready(mta, agent);
        if (!work || !has_idle(agent))
            return false;
        batch_request(mta);
        if (!user_delivery_begin(mta, agent, work))
            return false;
    }
    return true;
}

/* ---- what operators see ---- */

static bool waits(const struct destination *destination) {
    return !((const struct user_agent *)destination)->first;
}

static int64_t next_try(const struct destination *destination) {
    return waits(destination) ? INT64_MAX : 0;
}

static const char *blocked(const struct destination *destination) {
    return ((const struct user_agent *)destination)->no_user ? "user-removed"
           : waits(destination)                              ? "unbound"
                                                             : NULL;
}

static const char *trouble(const struct destination *destination) {
    const struct user_agent *agent = (const struct user_agent *)destination;
    return agent->no_user
               ? "there is no such user any more: 'mhs user add', or his section, brings him back; "
                 "'mhs queue nondeliver' has the message non-delivered"
           : waits(destination)   ? "the user is not bound: a delivery waits for his program to bind by P3"
           : agent->last_error[0] ? agent->last_error
                                  : NULL;
}

static void show(struct mta *mta, struct destination *destination, json_t *status) {
    const struct user_agent *agent = (const struct user_agent *)destination;
    const struct queue *queue = &mta->schedule.queues[destination->number];
    json_t *users = json_object_get(status, "users");
    json_int_t bound = 0;
    for (const struct user_association *one = agent->first; one; one = one->next_of_agent)
        bound++;
    if (!bound && !queue->count)
        return;
    if (!users) {
        users = json_array();
        json_object_set_new(status, "users", users);
    }
    json_array_append_new(
        users, json_pack("{s:o, s:I, s:I, s:o, s:o}", "address", json_text(span_str(agent->address)),
                         "associations", bound, "copies", (json_int_t)queue->count, "last-error",
                         agent->last_error[0] ? json_text(span_str(agent->last_error)) : json_null(),
                         "last-error-at", json_time(agent->last_error_at / SECOND)));
}

static void release(struct mta *mta, struct destination *destination) {
    (void)mta;
    mem_free(destination);
}

const struct destination_operations user_agent_operations = {
    .pump = pump,
    .waits = waits,
    .next_try = next_try,
    .blocked = blocked,
    .trouble = trouble,
    .show = show,
    .release = release,
    .fixed = "the copy is for a user here, who takes it by P3, not for a peer: redirect it to an address"};
