/* Stores in a PostgreSQL server: `place` is the URI of a database. */
#include "store/postgres/home.h"

#include "base/alloc.h"
#include "store/postgres/postgres_private.h"

static bool with_server(const char *place, bool (*look)(struct pg *pg, struct error *err),
                        struct error *err) {
    struct pg pg = {0};
    bool ok = pg_connect(&pg, place, "look", err) && look(&pg, err);
    pg_disconnect(&pg);
    pg_free(&pg);
    return ok;
}

static bool look_for_version(struct pg *pg, struct error *err) {
    int version;
    return pg_schema_version(pg, &version, err) &&
           (version || error_set(err, STORE_NOT_FOUND, "%s: there is no store in this database", pg->place));
}

/* A store of another version is there, too. */
static bool pg_is_there(const char *place, struct error *err) {
    struct error inner = {0};
    return with_server(place, look_for_version, &inner) || inner.code == STORE_VERSION ||
           error_set(err, inner.code, "%s", inner.text);
}

static bool pg_examine(const char *place, struct error *err) {
    return with_server(place, look_for_version, err);
}

static bool refuse_copy(const char *place, const char *what, struct error *err) {
    char *shown = pg_public_uri(place);
    error_set(err, STORE_BAD_REQUEST,
              "%s: a store in PostgreSQL is %s with the server's own means: pg_dump and pg_restore, or "
              "pg_basebackup; see docs/guide-backup.md",
              shown ? shown : "postgresql", what);
    mem_free(shown);
    return false;
}

static bool pg_backup(const char *place, const char *to, bool alone, store_progress_cb *progress,
                      void *context, struct error *err) {
    (void)to, (void)alone, (void)progress, (void)context;
    return refuse_copy(place, "copied", err);
}

static bool pg_restore(const char *from, const char *place, bool force, store_progress_cb *progress,
                       void *context, struct error *err) {
    (void)from, (void)force, (void)progress, (void)context;
    return refuse_copy(place, "restored", err);
}

const struct store_home postgres_home = {
    .name = "PostgreSQL",
    .owns = pg_is_uri,
    .is_there = pg_is_there,
    .examine = pg_examine,
    .backup = pg_backup,
    .restore = pg_restore,
    .check = pg_check,
    .repair = pg_repair,
    .open = pg_open,
};
