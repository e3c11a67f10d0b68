/*
 * A reader process: it answers what only reads the store's rows, from a handle
 * of its own that never waits for the writer. A request sees all that was
 * committed before it came, since each statement begins a new snapshot.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "mta/client_private.h"

static bool open_store(struct mta *mta, struct error *err) {
    struct store_options options = {.read_only = true};
    mta->store = store_open(mta->config->store_directory, &options, err);
    return mta->store && (batch_init(mta) || error_set(err, STORE_NO_MEMORY, "no memory")) &&
           users_load(mta, err);
}

struct mta *reader_new(struct event_base *loop, const struct mta_config *config,
                       const struct mta_reload *reload, struct error *err) {
    struct mta *mta = mem_alloc(sizeof *mta);
    if (!mta) {
        error_set(err, STORE_NO_MEMORY, "no memory");
        return NULL;
    }
    size_t memory = config->limits.envelope_memory;
    *mta = (struct mta){.loop = loop, .config = config, .reader = true};
    if (reload)
        mta->reload = *reload;
    arena_init(&mta->arena, memory ? memory : (size_t)64 * 1024 * 1024);
    buf_init(&mta->config_parts, IPC_CONFIG_MAX);
    buf_init(&mta->head, 0);
    buf_init(&mta->scratch, 0);
    buf_init(&mta->prefix, 0);
    if (open_store(mta, err))
        return mta;
    mta_free(mta);
    return NULL;
}

bool reader_attach(struct mta *mta, int fd, const char *name) {
    struct span nothing = {NULL, 0};
    return mta_attach_net(mta, fd, name) &&
           ipc_send(mta->nets->channel, IPC_READER_READY, 0, nothing, nothing);
}

int reader_run(const struct mta_config *config, const struct mta_reload *reload,
               const struct mta_descriptors *descriptors) {
    struct error err = {0};
    struct event_base *loop = event_base_new();
    struct mta *mta = loop ? reader_new(loop, config, reload, &err) : NULL;
    int status = 1;
    if (!mta) {
        log_error("the reader process can't start: %s", err.text);
    } else if (mta_attach(mta, descriptors)) {
        event_base_dispatch(loop);
        status = mta->stopped ? 0 : 1;
    }
    mta_free(mta);
    if (loop)
        event_base_free(loop);
    return status;
}
