/* The head of an engine's handle: what the neutral part and the engines keep together. */
#include "base/alloc.h"
#include "base/clock.h"
#include "store/store_private.h"

#define LOW_WATER (UINT64_C(64) << 20)

bool store_head_init(struct store *store, const struct store_engine *engine, const char *place,
                     const struct store_options *options, struct error *err) {
    store->engine = engine;
    store->place = mem_strdup(place);
    store->read_only = options->read_only;
    store->accepting = !options->read_only;
    store->low_water = options->low_water ? options->low_water : LOW_WATER;
    return store->place || error_set(err, STORE_NO_MEMORY, "%s: out of memory", place);
}

void store_head_free(struct store *store) {
    map_free(&store->open_contents);
    map_free(&store->complete);
    map_free(&store->sealed);
    mem_free(store->place);
}

bool store_refuses(struct store *store, const struct error *cause) {
    store->accepting = false;
    if (!store->fenced)
        store->cause = *cause;
    store->fenced |= cause->code == STORE_FENCED;
    return false;
}

bool store_lacks_room(struct store *store, const struct error *err) {
    struct error none = {0};
    if (err->code != STORE_FULL || !store->engine->has_room || store->engine->has_room(store, &none))
        return false;
    store->no_room = none;
    return true;
}

bool store_failed(struct store *store, const struct error *err) {
    store->figures.failed_commits++;
    store->needs_repair |= err->code == STORE_CORRUPT;
    /* STORE_VERSION: tables are not there any more. */
    return (err->code == STORE_FULL || err->code == STORE_READ_ONLY || err->code == STORE_IO ||
            err->code == STORE_CORRUPT || err->code == STORE_FENCED || err->code == STORE_VERSION) &&
           store_refuses(store, err);
}

uint64_t store_take_id(struct store *store) {
    struct error err = {0};
    if (store->next_id == store->id_end && !store->engine->more_ids(store, 0, &err)) {
        store_failed(store, &err);
        return 0;
    }
    return store->next_id++;
}

bool refuse_read_only(const struct store *store, struct error *err) {
    return store->read_only && !error_set(err, STORE_READ_ONLY, "%s is open for reading only", store->place);
}

void store_read_until(struct store *store, int64_t until) {
    store->read_until = until;
}

bool store_in_time(const struct store *store, struct error *err) {
    return !store->read_until || clock_monotonic_us() < store->read_until ||
           error_set(err, STORE_IO, "%s: reading what was asked for takes too long", store->place);
}

bool store_no_memory(const struct store *store, struct error *err) {
    return error_set(err, STORE_NO_MEMORY, "%s: out of memory", store->place);
}

bool store_passed(const struct error *inner, struct error *err) {
    return !inner->code || error_set(err, inner->code, "%s", inner->text);
}
