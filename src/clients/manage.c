/* Requests about the configuration: the parent answers them, which knows it and takes a new one. It believes
 * this process who an operator is. */
#include "clients/clients_private.h"

bool manage_serves(enum ipc_type type, struct span payload) {
    static const char *const operations[] = {"reload", "config-show", "config-diff"};
    if (type != IPC_REQUEST)
        return false;
    json_t *request = json_loadb((const char *)payload.data, payload.len, JSON_REJECT_DUPLICATES, NULL);
    const char *name = json_string_value(json_object_get(request, "operation"));
    bool serves = false;
    for (size_t i = 0; name && i < sizeof operations / sizeof *operations; i++)
        serves = serves || strcmp(operations[i], name) == 0;
    json_decref(request);
    return serves;
}

void manage_ask(struct local_client *client, uint64_t ref, struct span payload) {
    struct clients *clients = client->clients;
    if (!visitor_is_operator(clients, client->uid, client->gid))
        local_respond(
            clients, ref,
            SPAN_LIT("{\"error\":{\"code\":\"not-permitted\",\"text\":\"only root and the operators may "
                     "ask for the configuration\"}}"));
    else if (!ipc_parent_manage(clients->parent, ref, payload))
        local_respond(clients, ref,
                      SPAN_LIT("{\"error\":{\"code\":\"unavailable\",\"text\":\"the daemon is stopping\"}}"));
}
