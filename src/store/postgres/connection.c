#include "store/postgres/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "store/postgres/hosts.h"
#include "store/postgres/libpq.h"
#include "store/postgres/uri.h"
#include "store/store.h"

/* ---- errors ---- */

/* That transactions may only read may have been the default when the session began, or be the host's lot:
 * both are the session's for good, whatever the server's administrator does since. It is given up, for
 * another. */
#define READ_ONLY_TRANSACTION "25006"

#define TABLES_GONE                                                                                          \
    "; somebody took away what lies in the schema chasqui: put it back, or stop the daemon and restore the " \
    "database (docs/guide-backup.md)"

/* PostgreSQL's manual, appendix A, by class or by whole code; the first that fits. `remedy`: where its words
 * leave it open what is to be done; NULL: they don't. */
static const struct cause {
    const char *sqlstate;
    enum store_code code;
    const char *remedy;
} causes[] = {
    {"53100", STORE_FULL},
    {"53200", STORE_NO_MEMORY},
    {READ_ONLY_TRANSACTION, STORE_READ_ONLY,
     "; it is tried again by itself until the database may be written to"},
    {"42501", STORE_READ_ONLY,
     "; the schema chasqui and all that lies in it must belong to the role that 'store' names (ALTER … OWNER "
     "TO; "
     "'pg_restore --no-owner' as that role)"},
    {"28", STORE_READ_ONLY},
    {"3D000", STORE_NOT_FOUND},
    {"XX001", STORE_CORRUPT},
    {"XX002", STORE_CORRUPT},
    {"23", STORE_BAD_REQUEST},
    {"22", STORE_BAD_REQUEST},
    {"CH", STORE_BAD_REQUEST},
    {"55P03", STORE_LOCKED},
    {"42P01", STORE_VERSION, TABLES_GONE},
    {"42703", STORE_VERSION, TABLES_GONE},
    {"3F000", STORE_VERSION, TABLES_GONE},
};

static const struct cause *cause_of(const char *sqlstate) {
    static const struct cause other = {"", STORE_IO};
    for (size_t i = 0; sqlstate && i < sizeof causes / sizeof *causes; i++)
        if (!strncmp(sqlstate, causes[i].sqlstate, strlen(causes[i].sqlstate)))
            return &causes[i];
    return &other;
}

/* libpq's texts have several lines; the first says what it was. */
static bool say(const struct pg *pg, enum store_code code, const char *text, struct error *err) {
    while (*text == '\n' || *text == ' ')
        text++;
    int length = (int)strcspn(text, "\n");
    return error_set(err, code, "%s: %.*s", pg->place ? pg->place : "postgresql", length, text);
}

static bool result_error(struct pg *pg, const PGresult *result, struct error *err) {
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (sqlstate && strcmp(sqlstate, READ_ONLY_TRANSACTION) == 0)
        pg->lost = true;
    const struct cause *cause = cause_of(sqlstate);
    say(pg, cause->code, primary ? primary : PQresultErrorMessage(result), err);
    return cause->remedy && error_append(err, cause->remedy);
}

static bool is_lost(struct pg *pg, const char *text, struct error *err) {
    pg->lost = true;
    pg->stage = PG_GONE;
    say(pg, STORE_IO, text && *text ? text : "the connection to the server is lost", err);
    if (text && strstr(text, "Peer authentication failed"))
        error_append(
            err, "; the server lets in only the machine's user of that name: run it as that one, runuser -u "
                 "NAME -- …");
    return false;
}

/* It was waited for, and may hang for long: nobody waits for it again before it has answered. */
static bool is_silent(struct pg *pg, const char *text, struct error *err) {
    pg->silent = true;
    return is_lost(pg, text, err);
}

static bool no_memory(const struct pg *pg, struct error *err) {
    return error_set(err, STORE_NO_MEMORY, "%s: out of memory", pg->place ? pg->place : "postgresql");
}

/* ---- waiting ---- */

/* False when nothing came before `deadline`. */
static bool wait_for(PGconn *conn, short events, int64_t deadline) {
    struct pollfd fd = {PQsocket(conn), events, 0};
    for (;;) {
        int64_t left = (deadline - clock_monotonic_us() + 999) / 1000;
        int ready = left > 0 ? poll(&fd, 1, (int)left) : 0;
        if (ready > 0)
            return true;
        if (ready == 0 || errno != EINTR)
            return false;
    }
}

/* Writes what can be written now. */
static bool flush(struct pg *pg) {
    int left = PQflush(pg->conn);
    pg->unsent = left > 0;
    return left >= 0;
}

bool pg_must_wait(struct pg *pg) {
    if (pg->lost || !flush(pg) || !PQconsumeInput(pg->conn))
        return false; /* taking it says what is wrong */
    return PQisBusy(pg->conn) == 1;
}

bool pg_is_connected(struct pg *pg) {
    if (!pg->lost && (!PQconsumeInput(pg->conn) || PQstatus(pg->conn) != CONNECTION_OK))
        pg->lost = true;
    return !pg->lost;
}

bool pg_flush(struct pg *pg, struct error *err) {
    return (!pg->lost && flush(pg)) || is_lost(pg, pg->lost ? NULL : PQerrorMessage(pg->conn), err);
}

int pg_events(const struct pg *pg) {
    bool writes = pg->stage == PG_CALLING ? pg->polled != PGRES_POLLING_READING : pg->unsent;
    return POLLIN | (writes ? POLLOUT : 0);
}

static int64_t in_ms(int64_t ms) {
    return clock_monotonic_us() + ms * 1000;
}

/* Until a result is there. While output is left it is written too,
 * or the server might wait for us to read. */
static bool wait_until(struct pg *pg, int64_t deadline, struct error *err) {
    if (pg->lost)
        return is_lost(pg, NULL, err);
    for (;;) {
        if (!flush(pg) || !PQconsumeInput(pg->conn))
            return is_lost(pg, PQerrorMessage(pg->conn), err);
        if (!PQisBusy(pg->conn))
            return true;
        if (!wait_for(pg->conn, (short)(POLLIN | (pg->unsent ? POLLOUT : 0)), deadline))
            return is_silent(pg, "the server does not answer", err);
    }
}

static bool wait_result(struct pg *pg, struct error *err) {
    return wait_until(pg, in_ms(pg->patience_ms ? pg->patience_ms : PG_PATIENCE_MS), err);
}

/* ---- connecting ---- */

/* What is told to libpq: what stands before the URI it may change, what stands after it not. */
struct settings {
    const char *keys[16], *values[16];
    size_t count;
};

static void add_setting(struct settings *settings, const char *key, const char *value) {
    settings->keys[settings->count] = key;
    settings->values[settings->count++] = value;
}

/* A host that vanished is noticed within a minute. */
static void add_settings(struct settings *settings, const struct pg *pg, const char *name, const char *uri) {
    add_setting(settings, "gssencmode", "disable");
    add_setting(settings, "keepalives_idle", "20");
    add_setting(settings, "keepalives_interval", "10");
    add_setting(settings, "keepalives_count", "4");
    add_setting(settings, "tcp_user_timeout", "60000");
    add_setting(settings, "application_name", name);
    add_setting(settings, "dbname", uri);
    add_setting(settings, "client_encoding", "UTF8");
    if (pg->password)
        add_setting(settings, "password", pg->password);
}

/* The same hosts, but for the one that is called first. */
static void add_hosts(struct settings *settings, struct pg_hosts *hosts, unsigned first) {
    char **lists[] = {&hosts->host, &hosts->hostaddr, &hosts->port};
    static const char *const keys[] = {"host", "hostaddr", "port"};
    for (size_t i = 0; i < 3; i++) {
        char *list = *lists[i] ? pg_hosts_from(*lists[i], first) : NULL;
        if (!list)
            continue;
        mem_free(*lists[i]);
        *lists[i] = list;
        add_setting(settings, keys[i], list);
    }
}

static bool start_connecting(struct pg *pg, const char *uri, struct error *err) {
    char name[64];
    struct settings settings = {0};
    struct pg_hosts hosts = {0};
    snprintf(name, sizeof name, "%.20s, process %d, %s", program_invocation_short_name, (int)getpid(),
             pg->role);
    add_settings(&settings, pg, name, uri);
    if (pg->first) {
        pg_hosts_of(uri, &hosts);
        add_hosts(&settings, &hosts, pg->first);
    }
    pg->called = clock_monotonic_us();
    pg->stage = PG_CALLING;
    pg->polled = PGRES_POLLING_WRITING;
    pg->conn = PQconnectStartParams(settings.keys, settings.values, 1);
    pg_hosts_free(&hosts);
    if (!pg->conn)
        return no_memory(pg, err);
    return PQstatus(pg->conn) != CONNECTION_BAD || is_lost(pg, PQerrorMessage(pg->conn), err);
}

/* One that does not answer keeps libpq from the next, which it would try after one that refuses. False: all
 * were tried. */
static bool try_next_host(struct pg *pg, const char *uri, struct error *err) {
    struct pg_hosts hosts;
    if (pg->stage != PG_CALLING)
        return false;
    pg_hosts_of(uri, &hosts);
    unsigned count = hosts.count;
    pg_hosts_free(&hosts);
    if (!count)
        return false;
    pg->first = (pg->first + 1) % count;
    if (++pg->tried >= count)
        return false;
    PQfinish(pg->conn);
    pg->conn = NULL;
    return start_connecting(pg, uri, err);
}

/* What is answered as committed must outlive a power cut of the server. */
static bool is_durable(const struct pg *pg, const PGresult *result, struct error *err) {
    for (int column = 0; column < PQnfields(result); column++)
        if (strcmp(PQgetvalue(result, 0, column), "on") != 0)
            return error_set(err, STORE_BAD_REQUEST,
                             "%s: the server has %s = %s, so that a power cut loses mail that was "
                             "confirmed; set it to on in postgresql.conf",
                             pg->place, PQfname(result, column), PQgetvalue(result, 0, column));
    return true;
}

static bool check_version(struct pg *pg, struct error *err) {
    int version = PQserverVersion(pg->conn);
    return version >= 150000 ||
           error_set(err, STORE_VERSION, "%s: PostgreSQL 15 or later is needed, this server is version %d.%d",
                     pg->place, version / 10000, version % 10000);
}

/*
 * What each session begins with: is it durable, and our settings. The server is to notice within a minute
 * that our host vanished, or its locks would keep others out for hours; it looks whether we are still there
 * also while it works.
 */
#define GREETING                                                                                             \
    "SELECT current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes;"     \
    " SET synchronous_commit = on; SET client_min_messages = warning; SET jit = off;"                        \
    " SET tcp_keepalives_idle = 20; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 4;"         \
    " SET tcp_user_timeout = 60000; SET client_connection_check_interval = '10s';"

static void ignore_notice(void *context, const PGresult *result) {
    (void)context, (void)result;
}

bool pg_call(struct pg *pg, const char *uri, const char *role, const struct pg_greeting *greeting,
             struct error *err) {
    static const struct pg_greeting none;
    pg_disconnect(pg);
    pg->greeting = greeting ? greeting : &none;
    pg->role = role;
    pg->tried = 0;
    return libpq_load(err) && (pg->place || (pg->place = pg_public_uri(uri)) || no_memory(pg, err)) &&
           start_connecting(pg, uri, err);
}

static bool greet(struct pg *pg, struct error *err) {
    char text[2600];
    PQsetNoticeReceiver(pg->conn, ignore_notice, NULL);
    snprintf(text, sizeof text, GREETING "%s", pg->greeting->script ? pg->greeting->script : "");
    pg->greeted = 0;
    pg->stage = PG_GREETING;
    return check_version(pg, err) &&
           ((PQsetnonblocking(pg->conn, 1) == 0 && PQsendQuery(pg->conn, text) && flush(pg)) ||
            is_lost(pg, PQerrorMessage(pg->conn), err));
}

/* The rows alone are judged: ours first, then those of the caller's script, numbered from 1. */
static bool take_greeting(struct pg *pg, const PGresult *result, struct error *err) {
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK)
        return true;
    if (status != PGRES_TUPLES_OK)
        return PQstatus(pg->conn) == CONNECTION_OK ? result_error(pg, result, err)
                                                   : is_lost(pg, PQresultErrorMessage(result), err);
    unsigned number = pg->greeted++;
    return number ? pg->greeting->judge(pg->greeting->context, number, result, err)
                  : is_durable(pg, result, err);
}

static bool prepare(struct pg *pg, struct error *err) {
    pg->stage = PG_PREPARING;
    for (size_t i = 0; i < pg->statement_count; i++)
        if (!PQsendPrepare(pg->conn, pg->statements[i].name, pg->statements[i].text, 0, NULL))
            return is_lost(pg, PQerrorMessage(pg->conn), err);
    return (PQpipelineSync(pg->conn) && flush(pg)) || is_lost(pg, PQerrorMessage(pg->conn), err);
}

static bool begin_statements(struct pg *pg, const struct pg_statement *statements, size_t count,
                             struct error *err) {
    pg->statements = statements;
    pg->statement_count = count;
    return PQenterPipelineMode(pg->conn) ? prepare(pg, err) : is_lost(pg, PQerrorMessage(pg->conn), err);
}

static bool go_on_greeting(struct pg *pg, struct error *err) {
    while (PQconsumeInput(pg->conn) && flush(pg) && !PQisBusy(pg->conn)) {
        PGresult *result = PQgetResult(pg->conn);
        bool end = !result, ok = end || take_greeting(pg, result, err);
        PQclear(result);
        if (!ok)
            return false;
        if (!end)
            continue;
        pg->stage = PG_READY;
        return !pg->greeting->statements ||
               begin_statements(pg, pg->greeting->statements, pg->greeting->statement_count, err);
    }
    return PQstatus(pg->conn) == CONNECTION_OK || is_lost(pg, PQerrorMessage(pg->conn), err);
}

static bool go_on_preparing(struct pg *pg, struct error *err) {
    while (PQconsumeInput(pg->conn) && flush(pg) && !PQisBusy(pg->conn)) {
        PGresult *result = PQgetResult(pg->conn);
        ExecStatusType status = PQresultStatus(result);
        bool failed = result && status == PGRES_FATAL_ERROR && !result_error(pg, result, err);
        PQclear(result);
        if (failed)
            return false;
        if (status == PGRES_PIPELINE_SYNC) {
            pg->stage = PG_READY;
            return true;
        }
    }
    return PQstatus(pg->conn) == CONNECTION_OK || is_lost(pg, PQerrorMessage(pg->conn), err);
}

static bool advance(struct pg *pg, struct error *err) {
    if (pg->stage == PG_CALLING) {
        pg->polled = PQconnectPoll(pg->conn);
        if (pg->polled == PGRES_POLLING_FAILED)
            return is_lost(pg, PQerrorMessage(pg->conn), err);
        return pg->polled != PGRES_POLLING_OK || greet(pg, err);
    }
    return pg->stage == PG_GREETING    ? go_on_greeting(pg, err)
           : pg->stage == PG_PREPARING ? go_on_preparing(pg, err)
                                       : pg->stage == PG_READY;
}

enum pg_stage pg_go_on(struct pg *pg, const char *uri, struct error *err) {
    if (pg->stage == PG_READY && pg->lost)
        pg->stage = PG_GONE;
    if (pg->stage == PG_GONE || pg->stage == PG_READY)
        return pg->stage;
    if (!advance(pg, err)) {
        pg->stage = PG_GONE;
        pg->lost = true;
    } else if (pg->stage == PG_READY) {
        pg->lost = pg->silent = false;
        pg->backend = PQbackendPID(pg->conn);
    } else if (clock_monotonic_us() - pg->called > PG_CONNECT_MS * INT64_C(1000) &&
               !try_next_host(pg, uri, err))
        is_silent(pg, "the server does not answer to a connection", err);
    return pg->stage;
}

bool pg_wait_ready(struct pg *pg, const char *uri, int most_ms, struct error *err) {
    int64_t end = most_ms ? in_ms(most_ms) : INT64_MAX;
    enum pg_stage stage;
    while ((stage = pg_go_on(pg, uri, err)) != PG_GONE && stage != PG_READY) {
        int64_t until = pg->called + PG_CONNECT_MS * INT64_C(1000) + 1000;
        if (clock_monotonic_us() >= end) {
            pg->silent = true;
            return say(pg, STORE_IO, "the server does not answer to a connection yet", err);
        }
        wait_for(pg->conn, (short)pg_events(pg), until < end ? until : end);
    }
    return stage == PG_READY;
}

bool pg_connect(struct pg *pg, const char *uri, const char *role, struct error *err) {
    return pg_call(pg, uri, role, NULL, err) && pg_wait_ready(pg, uri, 0, err);
}

/* The results of a script one after the other; the last one is the caller's. NULL: it failed. */
static PGresult *run_script(struct pg *pg, const char *text, struct error *err) {
    int64_t deadline = in_ms(pg->patience_ms ? pg->patience_ms : PG_SCRIPT_MS);
    PGresult *last = NULL, *next = NULL;
    bool failed = pg->lost || !PQsendQuery(pg->conn, text);
    if (failed)
        is_lost(pg, pg->lost ? NULL : PQerrorMessage(pg->conn), err);
    while (!failed && wait_until(pg, deadline, err) && (next = PQgetResult(pg->conn))) {
        PQclear(last);
        last = next;
    }
    ExecStatusType status = PQresultStatus(last);
    if (!failed && !pg->lost && (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK))
        return last;
    if (last && !pg->lost && PQstatus(pg->conn) == CONNECTION_OK)
        result_error(pg, last, err);
    else if (!pg->lost)
        is_lost(pg, PQerrorMessage(pg->conn), err);
    PQclear(last);
    return NULL;
}

bool pg_script(struct pg *pg, const char *text, struct error *err) {
    PGresult *result = run_script(pg, text, err);
    PQclear(result);
    return result != NULL;
}

bool pg_value(struct pg *pg, const char *text, char *out, size_t cap, struct error *err) {
    PGresult *result = run_script(pg, text, err);
    bool row = result && PQntuples(result) == 1 && PQnfields(result) == 1;
    if (row)
        snprintf(out, cap, "%s", PQgetvalue(result, 0, 0));
    else if (result)
        error_set(err, STORE_NOT_FOUND, "%s: the server gives no answer", pg->place);
    PQclear(result);
    return row;
}

bool pg_begin_pipeline(struct pg *pg, const struct pg_statement *statements, size_t count,
                       struct error *err) {
    pg->called = clock_monotonic_us();
    return begin_statements(pg, statements, count, err) && pg_wait_ready(pg, NULL, 0, err);
}

void pg_disconnect(struct pg *pg) {
    if (pg->conn)
        PQfinish(pg->conn);
    pg->conn = NULL;
    pg->pending = 0;
    pg->lost = true;
    pg->unsent = false;
    pg->stage = PG_GONE;
}

void pg_free(struct pg *pg) {
    mem_free(pg->place);
    pg->place = NULL;
}

/* ---- statements ---- */

bool pg_send(struct pg *pg, size_t statement, const struct pg_parameters *parameters, struct error *err) {
    static const int binary[PG_PARAMETERS] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    if (pg->lost)
        return is_lost(pg, NULL, err);
    if (!PQsendQueryPrepared(pg->conn, pg->statements[statement].name, parameters ? parameters->count : 0,
                             parameters ? parameters->values : NULL, parameters ? parameters->lengths : NULL,
                             binary, 1))
        return is_lost(pg, PQerrorMessage(pg->conn), err);
    pg->pending++;
    return true;
}

bool pg_sync(struct pg *pg, struct error *err) {
    if (pg->lost || !PQpipelineSync(pg->conn))
        return is_lost(pg, pg->lost ? NULL : PQerrorMessage(pg->conn), err);
    pg->pending++;
    return true;
}

/* A statement's result is followed by NULL, a mark by nothing. */
static PGresult *next_result(struct pg *pg, struct error *err) {
    PGresult *result = wait_result(pg, err) ? PQgetResult(pg->conn) : NULL;
    if (pg->lost)
        return NULL;
    pg->pending -= pg->pending != 0;
    if (!result || (PQstatus(pg->conn) == CONNECTION_BAD)) {
        PQclear(result);
        is_lost(pg, PQerrorMessage(pg->conn), err);
        return NULL;
    }
    if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
        return result;
    PGresult *end = wait_result(pg, err) ? PQgetResult(pg->conn) : NULL;
    PQclear(end);
    if (!pg->lost && !end)
        return result;
    /* A session that the server ends says why first. */
    is_lost(pg, PQresultErrorMessage(result), err);
    PQclear(result);
    return NULL;
}

PGresult *pg_take(struct pg *pg, struct error *err) {
    PGresult *result = next_result(pg, err);
    ExecStatusType status = PQresultStatus(result);
    if (!result || status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return result;
    if (status == PGRES_PIPELINE_ABORTED)
        say(pg, STORE_IO, "passed over after an error", err);
    else
        result_error(pg, result, err);
    PQclear(result);
    return NULL;
}

bool pg_take_sync(struct pg *pg, struct error *err) {
    struct error first = {0};
    for (;;) {
        PGresult *result = next_result(pg, &first);
        ExecStatusType status = PQresultStatus(result);
        if (!first.code && status == PGRES_FATAL_ERROR)
            result_error(pg, result, &first);
        PQclear(result);
        if (!result || status == PGRES_PIPELINE_SYNC)
            return !first.code || error_set(err, (int)first.code, "%s", first.text);
    }
}

PGresult *pg_query(struct pg *pg, size_t statement, const struct pg_parameters *parameters,
                   struct error *err) {
    if (!pg_send(pg, statement, parameters, err) || !pg_sync(pg, err))
        return NULL;
    PGresult *result = pg_take(pg, err);
    if (!pg->lost && pg_take_sync(pg, result ? err : NULL))
        return result;
    PQclear(result);
    return NULL;
}
