/* Opening, health, copies of the whole. */
#include "store/backup.h"
#include "store/check.h"
#include "store/mark_private.h"
#include "store/place.h"
#include "store/store_private.h"

#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"

#define GATHER_LIMIT_US 500

const char *store_code_text(enum store_code code) {
    static const char *const texts[] = {
        [STORE_OK] = "ok",
        [STORE_FULL] = "disk full",
        [STORE_READ_ONLY] = "read-only",
        [STORE_IO] = "input/output error",
        [STORE_CORRUPT] = "damaged",
        [STORE_NO_MEMORY] = "out of memory",
        [STORE_LOCKED] = "locked",
        [STORE_VERSION] = "another version",
        [STORE_NOT_FOUND] = "not found",
        [STORE_IN_USE] = "in use",
        [STORE_BAD_REQUEST] = "bad request",
        [STORE_REPEATED] = "repeated",
        [STORE_FENCED] = "another node's",
        [STORE_MOVED] = "moved",
    };
    return (size_t)code < sizeof texts / sizeof *texts ? texts[code] : "unknown";
}

/* ---- by place ---- */

void store_close(struct store *store) {
    if (store)
        store->engine->close(store);
}

/* What has an id below the first block was there before. */
static bool note_own(struct store *store, struct error *err) {
    if (!store->read_only && store->next_id == store->id_end && !store->engine->more_ids(store, 0, err))
        return false;
    store->own_from = store->next_id;
    return true;
}

struct store *store_open(const char *place, const struct store_options *options, struct error *err) {
    static const struct store_options defaults;
    options = options ? options : &defaults;
    struct store *store = home_of(place)->open(place, options, err);
    if (!store || (note_own(store, err) && (options->moved || move_is_over(store, err))))
        return store;
    store_close(store);
    return NULL;
}

bool store_is_there(const char *place, struct error *err) {
    return home_of(place)->is_there(place, err);
}

bool store_examine(const char *place, struct error *err) {
    return home_of(place)->examine(place, err);
}

bool store_backup(const char *place, const char *to, bool alone, store_progress_cb *progress, void *context,
                  struct error *err) {
    return home_of(place)->backup(place, to, alone, progress, context, err);
}

bool store_restore(const char *from, const char *place, bool force, store_progress_cb *progress,
                   void *context, struct error *err) {
    return home_of(place)->restore(from, place, force, progress, context, err);
}

bool store_check(const char *place, bool deep, store_finding_cb *cb, void *context, uint64_t *findings,
                 struct error *err) {
    return home_of(place)->check(place, deep, cb, context, findings, err);
}

bool store_repair(const char *place, store_finding_cb *cb, void *context, uint64_t *findings,
                  struct error *err) {
    return home_of(place)->repair(place, cb, context, findings, err);
}

bool store_is_place(const char *place, struct error *err) {
    size_t scheme = strspn(place, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
    if (!store_is_folder(place) || !scheme || place[0] == '.' || strncmp(place + scheme, ":/", 2) != 0)
        return true;
    return error_set(err, STORE_BAD_REQUEST,
                     "'%.100s' is no place of a store: that is a folder, or postgresql://… "
                     "(a folder of that name is written ./%.100s)",
                     place, place);
}

bool store_is_folder(const char *place) {
    return !home_of(place)->reach;
}

char *store_public_place(const char *place) {
    return store_is_folder(place) ? mem_strdup(place) : home_of(place)->public_place(place);
}

char *store_full_place(const char *place) {
    char folder[4096], full[8192];
    if (!store_is_folder(place) || *place == '/' || !getcwd(folder, sizeof folder))
        return store_public_place(place);
    snprintf(full, sizeof full, "%s/%s", folder[1] ? folder : "", place);
    return mem_strdup(full);
}

char *store_secret_place(const char *place, const char *password) {
    return store_is_folder(place) ? NULL : home_of(place)->secret_place(place, password);
}

bool store_reach(const char *place, struct store_reach *reach, struct error *err) {
    *reach = (struct store_reach){0};
    if (!store_is_folder(place))
        return home_of(place)->reach(place, reach, err);
    reach->place = mem_strdup(place);
    return reach->place || error_set(err, STORE_NO_MEMORY, "%s: out of memory", place);
}

void store_reach_free(struct store_reach *reach) {
    mem_free(reach->place);
    for (size_t i = 0; i < sizeof reach->files / sizeof *reach->files; i++)
        mem_free(reach->files[i]);
    *reach = (struct store_reach){0};
}

/* ---- health ---- */

bool store_accepting(const struct store *store) {
    return store->accepting;
}

const struct error *store_cause(const struct store *store) {
    return &store->cause;
}

const struct error *store_content_cause(const struct store *store) {
    return &store->no_room;
}

/* What else may be wrong with the disk is the cause of refusing all. */
static void look_for_room(struct store *store) {
    struct error cause = {0};
    if (store->no_room.code && store->engine->has_room(store, &cause))
        store->no_room = (struct error){0};
    else if (store->no_room.code)
        store->no_room = cause;
}

bool store_probe(struct store *store) {
    struct error cause = {0};
    look_for_room(store);
    if (store->read_only || store->needs_repair || store->fenced)
        return store->accepting;
    if (!store->engine->probe(store, &cause))
        return store_refuses(store, &cause);
    store->cause = (struct error){0};
    return store->accepting = true;
}

bool store_maintain(struct store *store, int64_t now, int64_t events_before, int64_t budget_us) {
    return !store->read_only && !store->fenced &&
           store->engine->maintain(store, now, events_before, clock_monotonic_us() + budget_us);
}

bool store_behind(const struct store *store) {
    return !store->read_only && store->engine->behind && store->engine->behind(store);
}

void store_catch_up(struct store *store) {
    if (store_behind(store))
        store->engine->catch_up(store);
}

int64_t store_gather_us(const struct store *store, unsigned requests, unsigned in_flight, int64_t since,
                        int64_t now) {
    /* When the disk is slow, enough gathers while it syncs; when nobody else is under way, waiting only
     * costs. */
    if (!requests || requests >= in_flight || store->figures.sync_us >= GATHER_LIMIT_US)
        return 0;
    int64_t left = since + GATHER_LIMIT_US - now;
    return left < 0 ? 0 : left > GATHER_LIMIT_US ? GATHER_LIMIT_US : left;
}

void store_figures(const struct store *store, struct store_figures *figures) {
    *figures = store->figures;
    if (store->engine->figures)
        store->engine->figures(store, figures);
}

void store_keep(struct store *store) {
    if (store->engine->keep)
        store->engine->keep(store);
}

bool store_keep_end(struct store *store) {
    return !store->engine->keep_end || store->engine->keep_end(store);
}
