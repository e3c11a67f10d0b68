/*
 * Who may come in: one uid's connections are limited, and a tenth of all are kept for operators, so that
 * nobody locks out those who could help. What a uid may ask at a time is limited in local_socket.c.
 */
#include "base/alloc.h"
#include "clients/clients_private.h"

bool visitor_is_operator(const struct clients *clients, uint32_t uid, uint32_t gid) {
    const struct clients_config *config = clients->config;
    bool found =
        uid == 0 || uid == config->service_uid || (config->operators_gid && gid == config->operators_gid);
    for (size_t i = 0; i < config->operator_uid_count && !found; i++)
        found = config->operator_uids[i] == uid;
    return found;
}

static struct visitor *find(const struct clients *clients, uint32_t uid) {
    struct visitor *visitor = clients->visitors;
    while (visitor && visitor->uid != uid)
        visitor = visitor->next;
    return visitor;
}

const char *visitor_refusal(const struct clients *clients, uint32_t uid, uint32_t gid) {
    unsigned most = clients->config->clients_max, each = clients->config->clients_per_user;
    unsigned reserve = (most + 9) / 10;
    bool operates = visitor_is_operator(clients, uid, gid);
    const struct visitor *visitor = find(clients, uid);
    if (clients->count >= most)
        return "too many connections to the local socket ('clients')";
    if (operates)
        return NULL;
    if (clients->count + reserve >= most)
        return "too many connections to the local socket ('clients'); the rest is for operators";
    return visitor && visitor->connections >= each
               ? "your user has too many connections to the local socket ('clients-per-user')"
               : NULL;
}

struct visitor *visitor_enter(struct clients *clients, uint32_t uid) {
    struct visitor *visitor = find(clients, uid);
    if (!visitor && (visitor = mem_alloc(sizeof *visitor))) {
        *visitor = (struct visitor){.next = clients->visitors, .uid = uid, .turn = clients->turns};
        clients->visitors = visitor;
    }
    if (visitor)
        visitor->connections++;
    return visitor;
}

void visitor_leave(struct clients *clients, struct visitor *visitor) {
    if (--visitor->connections > 0)
        return;
    struct visitor **at = &clients->visitors;
    while (*at != visitor)
        at = &(*at)->next;
    *at = visitor->next;
    for (struct waiting *waiting; (waiting = visitor->waiting);) { /* at the end of the process */
        visitor->waiting = waiting->next;
        mem_free(waiting);
    }
    mem_free(visitor);
}

static void client_last(struct local_client *client) {
    struct local_client **at = &client->visitor->list, *last = NULL;
    if (!client->next)
        return;
    *(client->previous ? &client->previous->next : at) = client->next;
    client->next->previous = client->previous;
    for (; *at; at = &(*at)->next)
        last = *at;
    *at = client;
    client->previous = last;
    client->next = NULL;
}

void visitor_last(struct local_client *client) {
    struct visitor *visitor = client->visitor, **at = &client->clients->visitors;
    client_last(client);
    while (*at != visitor)
        at = &(*at)->next;
    *at = visitor->next;
    while (*at)
        at = &(*at)->next;
    *at = visitor;
    visitor->next = NULL;
}
