#include "mta/clients.h"

#include "base/alloc.h"
#include "base/log.h"
#include "mta/client.h"
#include "mta/mailbox.h"
#include "mta/mta_private.h"
#include "mta/requests.h"
#include "mta/submit.h"

static bool open_client(struct clients_process *process, uint64_t ref, struct span payload) {
    struct reader r = reader_of(payload);
    uint32_t uid = reader_u32(&r), gid = reader_u32(&r);
    if (!payload_done(&r) || !ref || ref > UINT32_MAX || map_get(&process->clients, ref))
        return false;
    struct client *client = mem_alloc(sizeof *client);
    if (!client)
        return false;
    *client = (struct client){
        .process = process, .view = process->view, .mta = process->mta, .ref = ref, .uid = uid, .gid = gid};
    if (map_put(&process->clients, ref, client))
        return true;
    mem_free(client);
    return false;
}

static void client_free(struct client *client) {
    if (client->mta)
        backup_leave(client);
    submissions_free(client);
    mem_free(client);
}

static bool close_client(struct clients_process *process, uint64_t ref) {
    struct client *client = map_get(&process->clients, ref);
    if (!client)
        return false;
    map_remove(&process->clients, ref);
    client_free(client);
    return true;
}

static bool client_frame(struct clients_process *process, enum ipc_type type, uint64_t ref,
                         struct span payload) {
    struct client *client = map_get(&process->clients, ref >> 32);
    if (!client)
        return false;
    switch ((int)type) {
    case IPC_REQUEST:
        request_run(client, ref, payload);
        return true;
    case IPC_FETCH:
        mailbox_fetch(client, ref, payload);
        return true;
    default:
        return client->mta && submit_frame(client, type, ref, payload);
    }
}

static bool dispatch(struct clients_process *process, enum ipc_type type, uint64_t ref, struct span payload) {
    if (type == IPC_CLIENT_OPEN)
        return open_client(process, ref, payload);
    if (type == IPC_CLIENT_CLOSE)
        return close_client(process, ref);
    return client_frame(process, type, ref, payload);
}

static bool on_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                     struct span payload) {
    struct clients_process *process = context;
    if (process->mta)
        batch_request(process->mta);
    if (dispatch(process, type, ref, payload))
        return link_goes_on(channel);
    return link_broke_rules(channel, type, ref, payload);
}

static void leave(struct clients_process *process) {
    for (struct clients_process **at = &process->view->processes; *at; at = &(*at)->next)
        if (*at == process) {
            *at = process->next;
            break;
        }
    for (size_t i = 0; i < process->clients.room; i++)
        if (process->clients.slots[i].value)
            client_free(process->clients.slots[i].value);
    map_free(&process->clients);
    mem_free(process);
}

static void on_closed(void *context, struct ipc_channel *channel, const char *cause) {
    struct clients_process *process = context;
    if (!process->mta || !process->mta->stopping)
        log_warning("the channel to process %s ended: %s", ipc_name(channel), cause);
    leave(process);
}

/* Octets of clients' frames between the turns of the net processes, who get 1 MiB in each: local users may
 * send as much as they like, and peers wait for answers. */
#define CLIENTS_TURN ((size_t)64 * 1024)

static const struct ipc_handler handler = {on_frame, NULL, on_closed, link_on_writable};

bool clients_attach(struct event_base *loop, struct view *view, struct mta *mta, int fd, const char *name) {
    struct clients_process *process = mem_alloc(sizeof *process);
    if (!process)
        return false;
    *process = (struct clients_process){.view = view, .mta = mta, .number = ++view->process_number};
    process->channel = ipc_channel_new(loop, fd, name, &handler, process);
    if (!process->channel) {
        mem_free(process);
        return false;
    }
    ipc_turn(process->channel, CLIENTS_TURN);
    process->next = view->processes;
    view->processes = process;
    return true;
}

void clients_close(struct view *view) {
    while (view->processes) {
        struct ipc_channel *channel = view->processes->channel;
        leave(view->processes);
        ipc_channel_free(channel);
    }
}
