/* Stores in a PostgreSQL server: `place` is the URI of a database. */
#include "store/postgres/home.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "store/backup.h"
#include "store/place.h"
#include "store/postgres/hosts.h"
#include "store/postgres/postgres_private.h"
#include "store/postgres/uri.h"

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

static bool drop_schema(struct pg *pg, struct error *err) {
    return pg_script(pg, "DROP SCHEMA IF EXISTS chasqui CASCADE", err);
}

static bool pg_remove(const char *place, struct error *err) {
    return with_server(place, drop_schema, err);
}

/* ---- from within a sandbox ---- */

/* Adds an option to the URI; what stands last holds. */
static void add_option(struct buf *uri, const char *name, const char *value) {
    buf_printf(uri, "%c%s=", memchr(uri->data, '?', uri->len) ? '&' : '?', name);
    for (const char *c = value; *c; c++)
        buf_printf(uri, strchr("!#$%&'()*+,/:;=?@[] \"", *c) || *c <= ' ' || *c > '~' ? "%%%02X" : "%c",
                   (unsigned)(unsigned char)*c);
}

/* What stands in the buffer as a string of its own; the buffer is freed. */
static char *string_of(struct buf *text) {
    char *copy = buf_append_byte(text, 0) ? mem_strdup((const char *)text->data) : NULL;
    buf_wipe(text);
    return copy;
}

static char *pg_secret_place(const char *place, const char *password) {
    struct buf uri;
    buf_init(&uri, 0);
    buf_append(&uri, place, strlen(place));
    add_option(&uri, "password", password);
    return string_of(&uri);
}

static void note_files(const PQconninfoOption *options, struct store_reach *reach) {
    static const char *const names[] = {"sslrootcert", "sslcert", "sslkey", "sslcrl"};
    size_t count = 0;
    for (; options && options->keyword; options++)
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (!strcmp(options->keyword, names[i]) && options->val && *options->val == '/')
                reach->files[count++] = mem_strdup(options->val);
}

/* The addresses of all hosts: whichever of them serves later is called then. */
static bool add_hosts(struct buf *uri, struct pg_hosts *hosts, struct error *err) {
    if (!pg_hosts_are_alike(hosts))
        return error_set(
            err, STORE_BAD_REQUEST,
            "the hosts of the store must have one port, and be all on the network or all folders "
            "of sockets: the sandbox lets no more be called");
    if (!pg_hosts_resolve(hosts, err))
        return false;
    if (!pg_hosts_have_addresses(hosts))
        return true;
    add_option(uri, "host", hosts->host);
    add_option(uri, "hostaddr", hosts->hostaddr);
    if (hosts->port)
        add_option(uri, "port", hosts->port);
    return true;
}

/* Names of users and hosts are looked up, and passwords read from a file, once: in the sandbox nobody can. */
static bool write_reach(struct pg *pg, const char *place, struct store_reach *reach, struct error *err) {
    struct buf uri;
    buf_init(&uri, 0);
    buf_append(&uri, place, strlen(place));
    add_option(&uri, "user", PQuser(pg->conn));
    if (PQpass(pg->conn) && *PQpass(pg->conn))
        add_option(&uri, "password", PQpass(pg->conn));
    struct pg_hosts hosts;
    pg_hosts_called(pg->conn, &hosts);
    bool ok = add_hosts(&uri, &hosts, err);
    pg_hosts_free(&hosts);
    reach->calls = true;
    reach->port = *PQhost(pg->conn) == '/' ? 0 : (uint16_t)atoi(PQport(pg->conn));
    PQconninfoOption *options = PQconninfo(pg->conn);
    note_files(options, reach);
    PQconninfoFree(options);
    reach->place = string_of(&uri);
    return ok && (reach->place || error_set(err, STORE_NO_MEMORY, "out of memory"));
}

static bool pg_reach(const char *place, struct store_reach *reach, struct error *err) {
    struct pg pg = {0};
    bool ok = pg_connect(&pg, place, "look", err) && write_reach(&pg, place, reach, err);
    pg_disconnect(&pg);
    pg_free(&pg);
    return ok;
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
    .remove = pg_remove,
    .public_place = pg_public_uri,
    .secret_place = pg_secret_place,
    .reach = pg_reach,
    .open = pg_open,
};
