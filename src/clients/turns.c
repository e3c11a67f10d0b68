/*
 * Whose turn it is with the readers. One answers in the order in which it is asked, and one request may cost
 * it ten thousand times what another does: so a reader is given few at a time, and what else is asked waits
 * here, by uid. The uids take turns, however much each asks; of one uid's requests the earliest goes first.
 * Every other turn is an operator's, if one waits. So who asks one thing waits for what is under way and one
 * request of each other uid that waits, and an operator for one beside it.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "clients/clients_private.h"

/* Octets of what waits, of all uids together: above it only operators are read. */
#define WAITING_MOST ((size_t)16 * 1024 * 1024)

bool turns_are_full(const struct clients *clients) {
    return clients->waiting >= WAITING_MOST;
}

static void line_up(struct visitor *visitor, struct waiting *waiting) {
    struct waiting **at = &visitor->waiting;
    while (*at)
        at = &(*at)->next;
    *at = waiting;
    waiting->next = NULL;
}

static struct waiting *take_out(struct clients *clients, struct waiting **at) {
    struct waiting *waiting = *at;
    bool was_full = turns_are_full(clients);
    *at = waiting->next;
    clients->waiting -= waiting->length;
    if (was_full && !turns_are_full(clients))
        local_resume_all(clients);
    return waiting;
}

bool turns_wait(struct local_client *client, enum ipc_type type, uint64_t ref, struct span payload) {
    struct waiting *waiting = mem_alloc(sizeof *waiting + payload.len);
    if (!waiting)
        return false;
    *waiting = (struct waiting){
        .client = client, .type = type, .ref = ref, .taken = clock_monotonic_us(), .length = payload.len};
    if (payload.len)
        memcpy(waiting->octets, payload.data, payload.len);
    line_up(client->visitor, waiting);
    client->clients->waiting += waiting->length;
    return true;
}

static bool is_operators(const struct clients *clients, const struct waiting *waiting) {
    return visitor_is_operator(clients, waiting->client->uid, waiting->client->gid);
}

/* The uid's earliest for which a reader has room; NULL: none. */
static struct waiting **first_of(struct visitor *visitor, bool (*has_room)(const struct waiting *waiting)) {
    for (struct waiting **at = &visitor->waiting; *at; at = &(*at)->next)
        if (has_room(*at))
            return at;
    return NULL;
}

struct waiting *turns_take(struct clients *clients, bool (*has_room)(const struct waiting *waiting)) {
    enum { OTHERS, OPERATORS, KINDS };
    struct waiting **first[KINDS] = {NULL};
    struct visitor *whose[KINDS] = {NULL};
    for (struct visitor *visitor = clients->visitors; visitor; visitor = visitor->next) {
        struct waiting **at = first_of(visitor, has_room);
        int kind = at && is_operators(clients, *at) ? OPERATORS : OTHERS;
        if (at && (!first[kind] || visitor->turn < whose[kind]->turn)) {
            first[kind] = at;
            whose[kind] = visitor;
        }
    }
    int kind = first[OPERATORS] && !(first[OTHERS] && clients->operators_turn) ? OPERATORS : OTHERS;
    if (!first[kind])
        return NULL;
    clients->operators_turn = kind == OPERATORS;
    whose[kind]->turn = ++clients->turns;
    return take_out(clients, first[kind]);
}

struct waiting *turns_take_overdue(struct clients *clients, int64_t before) {
    for (struct visitor *visitor = clients->visitors; visitor; visitor = visitor->next)
        if (visitor->waiting && visitor->waiting->taken <= before)
            return take_out(clients, &visitor->waiting);
    return NULL;
}

int64_t turns_oldest(const struct clients *clients) {
    int64_t oldest = INT64_MAX;
    for (const struct visitor *visitor = clients->visitors; visitor; visitor = visitor->next)
        if (visitor->waiting && visitor->waiting->taken < oldest)
            oldest = visitor->waiting->taken;
    return oldest;
}

void turns_leave(struct local_client *client) {
    struct waiting **at = &client->visitor->waiting;
    while (*at)
        if ((*at)->client == client)
            mem_free(take_out(client->clients, at));
        else
            at = &(*at)->next;
}
