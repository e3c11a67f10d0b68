/*
 * A reader process: it answers what only reads the store's rows, from a handle
 * of its own that never waits for the writer. A request sees all that was
 * committed before it came, since each statement begins a new snapshot.
 */
#include <stddef.h>

#include "asn1/ber.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "mta/clients.h"
#include "mta/process.h"
#include "mta/reader_net.h"
#include "mta/view.h"
#include "store/store.h"

struct mta_reader {
    struct view view;
    struct process process;
    struct reader_net *nets;
    struct event *store, *tick; /* a server that was away is called again before anybody asks */
};

static struct mta_reader *of(struct process *process) {
    return (struct mta_reader *)((char *)process - offsetof(struct mta_reader, process));
}

static bool follow(struct process *process, struct error *err) {
    return users_load(&of(process)->view, err);
}

static bool attach(struct process *process, int fd, const struct ipc_holder *holder) {
    struct mta_reader *reader = of(process);
    return holder->end == IPC_END_CLIENTS
               ? reader_attach_clients(reader, fd, holder)
               : holder->end == IPC_END_NET && reader_attach_net(reader, fd, holder);
}

static const struct process_operations operations = {
    .follow = follow, .stop = process_stopped, .attach = attach};

bool reader_attach_clients(struct mta_reader *reader, int fd, const struct ipc_holder *holder) {
    return clients_attach(reader->process.loop, &reader->view, NULL, fd, holder);
}

bool reader_attach_net(struct mta_reader *reader, int fd, const struct ipc_holder *holder) {
    return reader_net_attach(reader->process.loop, &reader->view, fd, holder, &reader->nets);
}

static void on_store(evutil_socket_t fd, short what, void *arg) {
    struct mta_reader *reader = arg;
    (void)fd;
    (void)what;
    store_proceed(reader->view.store, false);
}

static bool watch_store(struct mta_reader *reader, struct event_base *loop, struct error *err) {
    static const struct timeval second = {.tv_sec = 1};
    int descriptor = store_descriptor(reader->view.store);
    if (descriptor < 0)
        return true;
    reader->store = event_new(loop, descriptor, EV_READ | EV_PERSIST, on_store, reader);
    reader->tick = event_new(loop, -1, EV_PERSIST, on_store, reader);
    return (reader->store && reader->tick && event_add(reader->store, NULL) == 0 &&
            event_add(reader->tick, &second) == 0) ||
           error_set(err, STORE_NO_MEMORY, "no memory");
}

struct mta_reader *reader_new(struct event_base *loop, const struct mta_config *config,
                              const struct mta_reload *reload, struct error *err) {
    struct store_options options = {.read_only = true};
    struct mta_reader *reader = mem_alloc(sizeof *reader);
    if (!reader) {
        error_set(err, STORE_NO_MEMORY, "no memory");
        return NULL;
    }
    view_init(&reader->view, config);
    process_init(&reader->process, IPC_READER, &operations, loop, &reader->view, reload);
    ber_utctime_set_now(clock_now_us() / 1000000);
    reader->view.store = store_open(config->store_place, &options, err);
    if (reader->view.store && users_load(&reader->view, err) && watch_store(reader, loop, err))
        return reader;
    reader_free(reader);
    return NULL;
}

void reader_free(struct mta_reader *reader) {
    if (!reader)
        return;
    clients_close(&reader->view);
    reader_nets_close(&reader->nets);
    process_close(&reader->process);
    if (reader->store)
        event_free(reader->store);
    if (reader->tick)
        event_free(reader->tick);
    view_free(&reader->view);
    mem_free(reader);
}

int reader_run(const struct mta_config *config, const struct mta_reload *reload,
               const struct mta_descriptors *descriptors) {
    struct error err = {.text = "no memory"};
    struct event_base *loop = event_base_new();
    struct mta_reader *reader = loop ? reader_new(loop, config, reload, &err) : NULL;
    int status = process_serve(reader ? &reader->process : NULL, config->store_place, descriptors, &err);
    reader_free(reader);
    if (loop)
        event_base_free(loop);
    return status;
}
