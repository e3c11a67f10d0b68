#include "mta/user_agent.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "mta/jump.h"
#include "mta/mailbox_name.h"
#include "mta/mta_private.h"
#include "mta/user_association.h"
#include "mta/users.h"
#include "names/oraddress.h"

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

static struct user_agent *find_for(const struct mta *mta, const struct local_user *user) {
    struct arena arena;
    arena_init(&arena, 1024 * 1024);
    struct user_agent *agent = find(mta, buf_span(&user->key), &arena);
    arena_free(&arena);
    return agent;
}

static size_t copies(const struct mta *mta, const struct user_agent *agent) {
    return mta->schedule.queues[agent->destination.number].count;
}

size_t user_agent_copies(const struct mta *mta, const struct local_user *user) {
    const struct user_agent *agent = find_for(mta, user);
    return agent ? copies(mta, agent) : 0;
}

void user_agent_forsake(struct mta *mta, const struct local_user *user) {
    struct user_agent *agent = find_for(mta, user);
    if (!agent)
        return;
    agent->forsaken = true;
    destination_mark(mta, &agent->destination);
}

void user_agents_remark_gone(struct mta *mta) {
    for (size_t i = 0; i < mta->destination_count; i++) {
        const struct user_agent *agent = user_agent_of(mta->destinations[i]);
        size_t count = agent ? copies(mta, agent) : 0;
        if (count && !agent->forsaken && !user_find(&mta->view, span_str(agent->address)))
            buf_printf(
                &mta->view.users.remarks,
                "%s\this program has %zu message%s to take, and there is no such user: %s till he is "
                "back, here or by 'mhs user add', or till %s; 'mhs queue nondeliver' has %s non-delivered\n",
                agent->address, count, count == 1 ? "" : "s", count == 1 ? "it waits" : "they wait",
                count == 1 ? "it expires" : "they expire", count == 1 ? "it" : "them");
    }
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

/* ---- who is bound ---- */

static bool count_one(void *context, struct work *work) {
    uint32_t *waiting = context;
    if (work->state != WORK_HELD && !work->taken)
        waiting[work->lane]++;
    return true;
}

void user_agent_waiting(const struct mta *mta, const struct user_agent *agent,
                        uint32_t waiting[static LANES]) {
    schedule_each_of(&mta->schedule, agent->destination.number, count_one, waiting);
}

static bool unbar(void *context, struct work *work) {
    struct mta *mta = context;
    if (work->barred)
        schedule_set(&mta->schedule, work, WORK_READY, jump_now(mta), work->in_doubt);
    return true;
}

void user_agent_unbar(struct mta *mta, struct user_agent *agent) {
    if (mta->schedule.barred)
        schedule_each_of(&mta->schedule, agent->destination.number, unbar, mta);
    destination_mark(mta, &agent->destination);
}

static void join(struct user_agent *agent, struct user_association *association) {
    struct user_association **at = &agent->first;
    while (*at)
        at = &(*at)->next_of_agent;
    *at = association;
    association->next_of_agent = NULL;
    association->agent = agent;
    user_agent_unbar(association->net->mta, agent);
}

void user_agent_leave(struct user_association *association) {
    struct user_agent *agent = association->agent;
    struct user_association **at = agent ? &agent->first : NULL;
    while (at && *at && *at != association)
        at = &(*at)->next_of_agent;
    if (at && *at)
        *at = association->next_of_agent;
    association->agent = NULL;
    if (agent)
        user_agent_unbar(association->net->mta, agent);
}

void user_agent_follow(struct user_association *association) {
    struct mta *mta = association->net->mta;
    const struct local_user *user = user_find(&mta->view, user_association_address(association));
    bool takes = user && user->by_p3 && !user->leaving && association->state == USER_UP &&
                 !association->of_store; /* P7 has no delivery port */
    struct user_agent *agent = takes ? user_agent_for(mta, user) : NULL;
    if (agent == association->agent)
        return;
    user_agent_leave(association);
    if (agent)
        join(agent, association);
}

void user_agent_error(struct user_agent *agent, const char *cause) {
    snprintf(agent->last_error, sizeof agent->last_error, "%s", cause);
    agent->last_error_at = clock_now_us();
}
