/* A fresh place for a store: a folder, or a database of the server whose folder is in $CHASQUI_TEST_POSTGRES.
 */
#ifndef TESTS_STORE_PLACE_H
#define TESTS_STORE_PLACE_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libpq-fe.h>
#include <sqlite3.h>

#include "store/postgres/libpq.h"

#define PLACE_MAX 96

static inline const char *place_server(void) {
    return getenv("CHASQUI_TEST_POSTGRES");
}

/* A session at the server, in `database`. */
static inline PGconn *place_connect(const char *database) {
    char where[PLACE_MAX];
    snprintf(where, sizeof where, "postgresql://postgres@/%s?host=%s", database, place_server());
    return PQconnectdb(where);
}

/* Runs a command at the server, in `database`; says on stderr what went wrong. */
static inline bool place_run(const char *database, const char *command) {
    if (!libpq_load(NULL)) /* the store's calls of libpq are the ones that are linked here */
        return false;
    PGconn *conn = place_connect(database);
    PGresult *result = PQexec(conn, command);
    bool ok = PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK;
    if (!ok)
        fprintf(stderr, "# %s: %s", command, PQerrorMessage(conn));
    PQclear(result);
    PQfinish(conn);
    return ok;
}

/* Sends all processes of the server a signal: SIGKILL is as a power cut of its machine, and whoever started
 * it starts it again. */
static inline bool place_signal_server(int signal) {
    char name[PLACE_MAX];
    int pid = 0;
    snprintf(name, sizeof name, "%s/data/postmaster.pid", place_server());
    FILE *file = fopen(name, "r");
    bool ok = file && fscanf(file, "%d", &pid) == 1;
    if (file)
        fclose(file);
    snprintf(name, sizeof name, "/proc/%d/task/%d/children", pid, pid);
    file = ok ? fopen(name, "r") : NULL;
    if (!file || kill(pid, signal) != 0)
        return false;
    for (int child; fscanf(file, "%d", &child) == 1;)
        kill(child, signal);
    fclose(file);
    return true;
}

static inline bool place_kill_server(void) {
    return place_signal_server(SIGKILL);
}

/* Until the server answers again; false after two minutes. */
static inline bool place_await_server(void) {
    char where[PLACE_MAX];
    snprintf(where, sizeof where, "postgresql://postgres@/postgres?host=%s", place_server());
    for (int tries = 0; tries < 2400; tries++) {
        if (PQping(where) == PQPING_OK)
            return true;
        usleep(50000);
    }
    return false;
}

/* The name of the database of a place. */
static inline void place_database(const char place[static PLACE_MAX], char out[static 32]) {
    const char *name = strstr(place, "@/") + 2;
    snprintf(out, 32, "%.*s", (int)strcspn(name, "?"), name);
}

static inline bool place_make_folder(char place[static PLACE_MAX]) {
    const char *folder = getenv("TMPDIR");
    int length = snprintf(place, PLACE_MAX, "%s/chasqui-store-XXXXXX", folder ? folder : "/tmp");
    return length < PLACE_MAX && mkdtemp(place) != NULL;
}

static inline bool place_make_database(char place[static PLACE_MAX]) {
    static unsigned number;
    char command[80];
    snprintf(place, PLACE_MAX, "postgresql://postgres@/room%u_%u?host=%s", (unsigned)getpid(), ++number,
             place_server());
    snprintf(command, sizeof command, "CREATE DATABASE room%u_%u", (unsigned)getpid(), number);
    return place_run("postgres", command);
}

static inline bool place_make(char place[static PLACE_MAX]) {
    return place_server() ? place_make_database(place) : place_make_folder(place);
}

static inline bool place_is_folder(const char place[static PLACE_MAX]) {
    return *place == '/';
}

static inline bool place_remove(const char place[static PLACE_MAX]) {
    char command[PLACE_MAX + 64], database[32];
    if (place_is_folder(place)) {
        snprintf(command, sizeof command, "rm -rf %s", place);
        return system(command) == 0;
    }
    place_database(place, database);
    snprintf(command, sizeof command, "DROP DATABASE %s WITH (FORCE)", database);
    return place_run("postgres", command);
}

static inline bool place_run_embedded(const char *place, const char *command) {
    char path[PLACE_MAX + 16];
    char *text = NULL;
    sqlite3 *database;
    snprintf(path, sizeof path, "%s/queue.db", place);
    bool ok = sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
              sqlite3_busy_timeout(database, 10000) == SQLITE_OK &&
              sqlite3_exec(database, command, NULL, NULL, &text) == SQLITE_OK;
    if (!ok)
        fprintf(stderr, "# %s: %s\n", command, text ? text : "it can't be opened");
    sqlite3_free(text);
    return sqlite3_close(database) == SQLITE_OK && ok;
}

/* Does to the rows of a place what no store would: SQL for the embedded engine, and for the server. */
static inline bool place_spoil(const char place[static PLACE_MAX], const char *embedded, const char *server) {
    char database[32], command[1000];
    if (place_is_folder(place))
        return place_run_embedded(place, embedded);
    place_database(place, database);
    snprintf(command, sizeof command, "SET client_min_messages = warning; SET search_path = chasqui; %s",
             server);
    return place_run(database, command);
}

#endif
