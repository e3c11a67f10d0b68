/*
 * A reader process: it answers what only reads the store's rows, from a handle
 * of its own that never waits for the writer. A request sees all that was
 * committed before it came, since each statement begins a new snapshot.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "mta/mta_private.h"
#include "mta/run.h"
#include "mta/users.h"

static bool open_store(struct mta *mta, struct error *err) {
    struct store_options options = {.read_only = true};
    mta->reader = true;
    mta->store = store_open(mta->config->store_directory, &options, err);
    return mta->store && (batch_init(mta, NULL) || error_set(err, STORE_NO_MEMORY, "no memory")) &&
           users_load(mta, err);
}

struct mta *reader_new(struct event_base *loop, const struct mta_config *config,
                       const struct mta_reload *reload, struct error *err) {
    return mta_make(loop, config, reload, open_store, err);
}

int reader_run(const struct mta_config *config, const struct mta_reload *reload,
               const struct mta_descriptors *descriptors) {
    struct error err = {.text = "no memory"};
    struct event_base *loop = event_base_new();
    return mta_serve(loop, loop ? reader_new(loop, config, reload, &err) : NULL, descriptors, &err);
}
