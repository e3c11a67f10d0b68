#include "mta/clients.h"

#include "base/alloc.h"
#include "mta/client.h"
#include "mta/mta_private.h"
#include "mta/requests.h"
#include "mta/submit.h"

bool client_open(struct net *net, uint64_t ref, struct span payload) {
    struct reader r = reader_of(payload);
    uint32_t uid = reader_u32(&r), gid = reader_u32(&r);
    if (!payload_done(&r) || !ref || ref > UINT32_MAX || map_get(&net->clients, ref))
        return false;
    struct client *client = mem_alloc(sizeof *client);
    if (!client)
        return false;
    *client = (struct client){.net = net, .ref = ref, .uid = uid, .gid = gid};
    if (map_put(&net->clients, ref, client))
        return true;
    mem_free(client);
    return false;
}

static void client_free(struct client *client) {
    backup_leave(client);
    submissions_free(client);
    mem_free(client);
}

bool client_close(struct net *net, uint64_t ref, struct span payload) {
    (void)payload;
    struct client *client = map_get(&net->clients, ref);
    if (!client)
        return false;
    map_remove(&net->clients, ref);
    client_free(client);
    return true;
}

void clients_leave(struct net *net) {
    for (size_t i = 0; i < net->clients.room; i++)
        if (net->clients.slots[i].value)
            client_free(net->clients.slots[i].value);
    map_free(&net->clients);
}
