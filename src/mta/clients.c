#include "mta/clients.h"

#include <stdio.h>

#include "base/alloc.h"
#include "ipc/frame.h"
#include "mta/client.h"
#include "mta/later.h"
#include "mta/lost.h"
#include "mta/mailbox.h"
#include "mta/mta_private.h"
#include "mta/process.h"
#include "mta/requests.h"
#include "mta/submit.h"

static bool open_client(struct clients_process *process, uint64_t ref, struct span payload) {
    struct reader r = reader_of(payload);
    uint32_t uid = reader_u32(&r), gid = reader_u32(&r);
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
    if (client->mta) {
        backup_leave(client);
        later_leave(client->mta, client);
    }
    users_leave(client);
    submissions_free(client);
    mem_free(client);
}

static bool close_client(struct clients_process *process, uint64_t ref, struct span payload) {
    struct client *client = map_get(&process->clients, ref);
    (void)payload;
    map_remove(&process->clients, ref);
    client_free(client);
    return true;
}

/* What is done with a frame, by its number. */
static const struct row {
    void (*client)(struct client *client, uint64_t ref, struct span payload);
    bool (*process)(struct clients_process *process, uint64_t ref, struct span payload);
} rows[IPC_NUMBERS] = {
    [IPC_CLIENT_OPEN] = {.process = open_client},      [IPC_CLIENT_CLOSE] = {.process = close_client},
    [IPC_REQUEST] = {.client = request_run},           [IPC_SUBMIT_BEGIN] = {.client = submit_begin},
    [IPC_SUBMIT_CONTENT] = {.client = submit_content}, [IPC_SUBMIT_END] = {.client = submit_end},
    [IPC_FETCH] = {.client = mailbox_fetch},
};

static bool dispatch(struct clients_process *process, enum ipc_type type, uint64_t ref, struct span payload,
                     char why[static IPC_WHY]) {
    const struct ipc_side side = {.self = process->mta ? IPC_STORE : IPC_READER, .other = IPC_CLIENTS};
    const struct ipc_frame *frame = ipc_frame_take(&side, type, ref, payload, why);
    if (!frame)
        return false;
    struct client *client = map_get(&process->clients, frame->about == IPC_ABOUT_REQUEST ? ref >> 32 : ref);
    if (ipc_frame_judge(frame, client ? IPC_STATE_UP : IPC_STATE_NEW, why) != IPC_LEGAL)
        return false;
    if (rows[type].client) {
        rows[type].client(client, ref, payload);
        return true;
    }
    /* One more, which is none: their process asks for a sign by it (clients/silence.c). */
    if (type == IPC_CLIENT_OPEN && process->clients.count > IPC_CLIENTS_MOST) {
        snprintf(why, IPC_WHY, "frame %s beyond %d clients", frame->name, IPC_CLIENTS_MOST);
        return false;
    }
    snprintf(why, IPC_WHY, "frame %s, for which there is no memory", frame->name);
    return rows[type].process(process, ref, payload);
}

static bool on_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                     struct span payload) {
    struct clients_process *process = context;
    char why[IPC_WHY];
    if (process->mta)
        batch_request(process->mta);
    bool taken = dispatch(process, type, ref, payload, why);
    if (taken && type == IPC_SUBMIT_CONTENT)
        link_brought(process->mta, channel);
    return taken ? link_goes_on(channel) : link_broke_rules(channel, why);
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
    if (process->mta)
        lost_note(process->mta, channel, &process->holder, cause);
    else if (ipc_broke_rules(channel)) /* a reader has its order to stop when the clients are gone */
        ipc_parent_channel_gone(process->view->process->parent, &process->holder, true);
    leave(process);
}

/* Octets of clients' frames between the turns of the net processes, who get 1 MiB in each: local users may
 * send as much as they like, and peers wait for answers. */
#define CLIENTS_TURN ((size_t)64 * 1024)

static const struct ipc_handler handler = {on_frame, on_closed, link_on_writable};

bool clients_attach(struct event_base *loop, struct view *view, struct mta *mta, int fd,
                    const struct ipc_holder *holder) {
    char name[IPC_HOLDER_NAME];
    struct clients_process *process = mem_alloc(sizeof *process);
    if (!process)
        return false;
    *process = (struct clients_process){
        .view = view, .mta = mta, .number = ++view->process_number, .holder = *holder};
    ipc_holder_name(holder, name);
    process->channel = ipc_channel_new(loop, fd, name, &handler, process);
    if (!process->channel) {
        mem_free(process);
        return false;
    }
    ipc_turn(process->channel, CLIENTS_TURN);
    for (struct clients_process *former = view->processes; former; former = former->next)
        link_is_replaced(former->channel, &former->holder, holder);
    process->next = view->processes;
    view->processes = process;
    return true;
}

void clients_close(struct view *view) {
    while (view->processes) {
        struct ipc_channel *channel = view->processes->channel;
        ipc_flush(channel); /* what the last commit lets be said */
        leave(view->processes);
        ipc_channel_free(channel);
    }
}
