#include "mta/user_agent.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "mta/copy.h"
#include "mta/json.h"
#include "mta/mailbox_name.h"
#include "mta/mta_private.h"
#include "mta/user_association.h"
#include "mta/user_delivery.h"
#include "mta/users.h"
#include "names/oraddress.h"

/* Copies that one turn moves elsewhere, or begins to deliver. */
#define A_TURN 200

struct user_agent *user_agent_of(struct destination *destination) {
    return destination && destination->kind == DESTINATION_USER ? (struct user_agent *)destination : NULL;
}

struct user_agent *user_agent_at(const struct mta *mta, uint32_t number) {
    return user_agent_of(destination_at(mta, number));
}

/* ---- which there are ---- */

static uint64_t hash_of(struct span key) {
    return span_hash(key) | 1; /* a map's keys are not 0 */
}

/* In whatever spelling: a user of another spelling now is the same. */
static struct user_agent *find(const struct mta *mta, struct span key, struct arena *arena) {
    struct user_agent *agent = map_get(&mta->user_agents, hash_of(key));
    while (agent && !span_eq(mailbox_name(arena, agent->address), key))
        agent = agent->next_alike;
    return agent;
}

static struct user_agent *add(struct mta *mta, struct span address, struct span key) {
    struct user_agent *agent = mem_alloc(sizeof *agent);
    struct buf name;
    if (!agent)
        return NULL;
    *agent = (struct user_agent){.destination = {.kind = DESTINATION_USER}, .hash = hash_of(key)};
    agent->next_alike = map_get(&mta->user_agents, agent->hash);
    buf_init(&name, 0);
    buf_append_span(&name, SPAN_LIT(USER_AGENT_NAME));
    bool done = buf_append_span(&name, address) && map_put(&mta->user_agents, agent->hash, agent);
    if (done && !destination_add(mta, &agent->destination, buf_span(&name))) {
        if (agent->next_alike)
            map_put(&mta->user_agents, agent->hash, agent->next_alike); /* its place is there */
        else
            map_remove(&mta->user_agents, agent->hash);
        done = false;
    }
    buf_free(&name);
    if (!done) {
        mem_free(agent);
        return NULL;
    }
    agent->address = agent->destination.name + strlen(USER_AGENT_NAME);
    return agent;
}

static struct user_agent *with_key(struct mta *mta, struct span address, struct span key) {
    struct arena arena;
    arena_init(&arena, 1024 * 1024);
    struct user_agent *agent = find(mta, key, &arena);
    arena_free(&arena);
    return agent ? agent : add(mta, address, key);
}

struct user_agent *user_agent_for(struct mta *mta, const struct local_user *user) {
    return with_key(mta, span_str(user->address), buf_span(&user->key));
}

struct destination *user_agent_named(struct mta *mta, struct span name, bool *is_one) {
    struct span prefix = SPAN_LIT(USER_AGENT_NAME);
    struct span address = span_sub(name, prefix.len, SIZE_MAX);
    struct arena arena;
    *is_one = span_eq(span_sub(name, 0, prefix.len), prefix) && address.len > 0;
    if (!*is_one)
        return NULL;
    arena_init(&arena, 1024 * 1024);
    struct span key = oraddress_key_of(address, &arena, NULL);
    struct user_agent *agent = with_key(mta, address, key.data ? key : address);
    arena_free(&arena);
    return agent ? &agent->destination : NULL;
}

struct user_agent *user_agent_of_mailbox(struct mta *mta, struct arena *arena, const char *mailbox,
                                         bool *failed) {
    *failed = false;
    if (!mta->view.users.some_by_p3)
        return NULL;
    const struct local_user *user = users_with_key(&mta->view.users, mailbox_name(arena, mailbox));
    if (!user || !user->by_p3)
        return NULL;
    struct user_agent *agent = user_agent_for(mta, user);
    *failed = !agent;
    return agent;
}

static void release(struct mta *mta, struct destination *destination) {
    (void)mta;
    mem_free(destination);
}

/* ---- who is bound ---- */

static void join(struct user_agent *agent, struct user_association *association) {
    struct user_association **at = &agent->first;
    while (*at)
        at = &(*at)->next_of_agent;
    *at = association;
    association->next_of_agent = NULL;
    association->agent = agent;
    destination_mark(association->net->mta, &agent->destination);
}

void user_agent_leave(struct user_association *association) {
    struct user_agent *agent = association->agent;
    struct user_association **at = agent ? &agent->first : NULL;
    while (at && *at && *at != association)
        at = &(*at)->next_of_agent;
    if (at && *at)
        *at = association->next_of_agent;
    association->agent = NULL;
}

void user_agent_follow(struct user_association *association) {
    struct mta *mta = association->net->mta;
    const struct local_user *user = user_find(&mta->view, user_association_address(association));
    bool takes = user && user->by_p3 && !user->leaving && association->state == USER_UP;
    struct user_agent *agent = takes ? user_agent_for(mta, user) : NULL;
    if (agent == association->agent)
        return;
    user_agent_leave(association);
    if (agent)
        join(agent, association);
}

/* ---- the copies ---- */

static const struct local_user *user_of(const struct mta *mta, const struct user_agent *agent) {
    const struct local_user *user = user_find(&mta->view, span_str(agent->address));
    return user && user->by_p3 ? user : NULL;
}

static struct work *next_ready(const struct mta *mta, const struct user_agent *agent) {
    struct work *work = schedule_first(&mta->schedule, agent->destination.number);
    return work && work->committed ? work : NULL;
}

/* The user is none any more, or has a mailbox now: that decides on what is not in doubt. */
static bool move_all(struct mta *mta, struct user_agent *agent) {
    struct destination *mailboxes = destination_of_kind(mta, DESTINATION_MAILBOX);
    const struct queue *queue = &mta->schedule.queues[agent->destination.number];
    unsigned left = A_TURN;
    for (size_t lane = 0; lane < LANES; lane++)
        for (struct work *work = queue->lanes[lane].first, *next; work; work = next) {
            next = work->next;
            if (work->in_doubt || !work->committed)
                continue;
            if (left-- == 0)
                return true;
            batch_request(mta);
            copy_move(mta, work, mailboxes);
        }
    return false;
}

static struct user_association *idle_association(const struct user_agent *agent) {
    struct user_association *association = agent->first;
    while (association && !user_delivery_may_begin(association))
        association = association->next_of_agent;
    return association;
}

static bool pump(struct mta *mta, struct destination *destination) {
    struct user_agent *agent = user_agent_of(destination);
    if (mta->stopping)
        return false;
    const struct local_user *user = user_of(mta, agent);
    if (!user)
        return move_all(mta, agent);
    if (user->leaving) /* which may be refused */
        return false;
    for (unsigned i = 0; i < A_TURN; i++) {
        struct work *work = next_ready(mta, agent);
        struct user_association *association = work && !work->taken ? idle_association(agent) : NULL;
        if (!work || (!work->taken && !association))
            return false;
        batch_request(mta);
        if (work->taken)
            user_delivery_note(mta, work);
        else if (!user_delivery_begin(association, work))
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
    return waits(destination) ? "unbound" : NULL;
}

static const char *trouble(const struct destination *destination) {
    const struct user_agent *agent = (const struct user_agent *)destination;
    return waits(destination)     ? "the user is not bound: a delivery waits for his program to bind by P3"
           : agent->last_error[0] ? agent->last_error
                                  : NULL;
}

void user_agent_error(struct user_agent *agent, const char *cause) {
    snprintf(agent->last_error, sizeof agent->last_error, "%s", cause);
    agent->last_error_at = clock_now_us();
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

const struct destination_operations user_agent_operations = {
    .pump = pump,
    .waits = waits,
    .next_try = next_try,
    .blocked = blocked,
    .trouble = trouble,
    .show = show,
    .release = release,
    .fixed = "the copy is for a user here, who takes it by P3, not for a peer: redirect it to an address"};
