#include "store/postgres/connection.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "store/postgres/libpq.h"

/* ---- the URI ---- */

static size_t scheme_length(const char *place) {
    static const char *const schemes[] = {"postgresql://", "postgres://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (!strncmp(place, schemes[i], strlen(schemes[i])))
            return strlen(schemes[i]);
    return 0;
}

bool pg_is_uri(const char *place) {
    return scheme_length(place) != 0;
}

static void put_text(struct buf *uri, const char *text, const char *reserved) {
    for (const char *c = text; *c; c++)
        buf_printf(uri, *c <= ' ' || *c > '~' || strchr(reserved, *c) ? "%%%02X" : "%c",
                   (unsigned)(unsigned char)*c);
}

static const char *value_of(const PQconninfoOption *options, const char *keyword) {
    for (; options->keyword; options++)
        if (!strcmp(options->keyword, keyword))
            return options->val;
    return NULL;
}

static bool is_secret(const PQconninfoOption *option) {
    return strchr(option->dispchar, '*') != NULL;
}

/* A URI of the options that are given, without the secret ones. */
static char *write_public(const PQconninfoOption *options) {
    const char *user = value_of(options, "user"), *database = value_of(options, "dbname");
    struct buf uri;
    char separator = '?';
    buf_init(&uri, 0);
    buf_printf(&uri, "postgresql://");
    put_text(&uri, user ? user : "", "%&?#@:=+/\"");
    buf_printf(&uri, user ? "@/" : "/");
    put_text(&uri, database ? database : "", "%&?#@:=+/\"");
    for (const PQconninfoOption *option = options; option->keyword; option++) {
        if (!option->val || is_secret(option) || option->val == user || option->val == database)
            continue;
        buf_printf(&uri, "%c%s=", separator, option->keyword);
        put_text(&uri, option->val, "%&?#@=+\"");
        separator = '&';
    }
    char *text = buf_append_byte(&uri, 0) ? mem_strdup((const char *)uri.data) : NULL;
    buf_free(&uri);
    return text;
}

/* libpq alone knows where a password stands in it. */
char *pg_public_uri(const char *uri) {
    PQconninfoOption *options = libpq_load(NULL) ? PQconninfoParse(uri, NULL) : NULL;
    bool secret = false;
    if (!options)
        return mem_strdup("postgresql://(no URI that can be read)");
    for (const PQconninfoOption *option = options; option->keyword; option++)
        secret |= option->val && is_secret(option);
    char *shown = secret ? write_public(options) : mem_strdup(uri);
    PQconninfoFree(options);
    return shown;
}

/* ---- errors ---- */

/* PostgreSQL's manual, appendix A, by class or by whole code; the first that fits. */
static const struct {
    const char *sqlstate;
    enum store_code code;
} codes[] = {
    {"53100", STORE_FULL},      {"53200", STORE_NO_MEMORY}, {"25006", STORE_READ_ONLY},
    {"42501", STORE_READ_ONLY}, {"28", STORE_READ_ONLY},    {"3D000", STORE_NOT_FOUND},
    {"XX001", STORE_CORRUPT},   {"XX002", STORE_CORRUPT},   {"23", STORE_BAD_REQUEST},
    {"22", STORE_BAD_REQUEST},  {"CH", STORE_BAD_REQUEST},  {"55P03", STORE_LOCKED},
    {"42P01", STORE_VERSION},   {"42703", STORE_VERSION},
};

static enum store_code code_of(const char *sqlstate) {
    for (size_t i = 0; sqlstate && i < sizeof codes / sizeof *codes; i++)
        if (!strncmp(sqlstate, codes[i].sqlstate, strlen(codes[i].sqlstate)))
            return codes[i].code;
    return STORE_IO;
}

/* libpq's texts have several lines; the first says what it was. */
static bool say(const struct pg *pg, enum store_code code, const char *text, struct error *err) {
    while (*text == '\n' || *text == ' ')
        text++;
    int length = (int)strcspn(text, "\n");
    return error_set(err, code, "%s: %.*s", pg->place ? pg->place : "postgresql", length, text);
}

static bool result_error(const struct pg *pg, const PGresult *result, struct error *err) {
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    return say(pg, code_of(PQresultErrorField(result, PG_DIAG_SQLSTATE)),
               primary ? primary : PQresultErrorMessage(result), err);
}

static bool is_lost(struct pg *pg, const char *text, struct error *err) {
    pg->lost = true;
    return say(pg, STORE_IO, text && *text ? text : "the connection to the server is lost", err);
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

bool pg_must_wait(struct pg *pg) {
    if (pg->lost || PQflush(pg->conn) < 0 || !PQconsumeInput(pg->conn))
        return false; /* taking it says what is wrong */
    return PQisBusy(pg->conn) == 1;
}

bool pg_is_connected(struct pg *pg) {
    if (!pg->lost && (!PQconsumeInput(pg->conn) || PQstatus(pg->conn) != CONNECTION_OK))
        pg->lost = true;
    return !pg->lost;
}

/* What the server sends meanwhile is taken in, or it might wait for us to read. */
bool pg_flush(struct pg *pg, struct error *err) {
    int64_t deadline = clock_monotonic_us() + PG_PATIENCE_MS * INT64_C(1000);
    int flushed = pg->lost ? -1 : PQflush(pg->conn);
    while (flushed > 0) {
        if (!wait_for(pg->conn, POLLIN | POLLOUT, deadline))
            return is_lost(pg, "the server does not read", err);
        flushed = PQconsumeInput(pg->conn) ? PQflush(pg->conn) : -1;
    }
    return flushed == 0 || is_lost(pg, pg->lost ? NULL : PQerrorMessage(pg->conn), err);
}

/* Until a result is there. While output is left it is written too, or the server might wait for us to read.
 */
static bool wait_result(struct pg *pg, struct error *err) {
    int64_t deadline = clock_monotonic_us() + PG_PATIENCE_MS * INT64_C(1000);
    if (pg->lost)
        return is_lost(pg, NULL, err);
    for (;;) {
        int flushed = PQflush(pg->conn);
        if (flushed < 0 || !PQconsumeInput(pg->conn))
            return is_lost(pg, PQerrorMessage(pg->conn), err);
        if (!PQisBusy(pg->conn))
            return true;
        if (!wait_for(pg->conn, POLLIN | (flushed ? POLLOUT : 0), deadline))
            return is_lost(pg, "the server does not answer", err);
    }
}

/* ---- connecting ---- */

static bool finish_connecting(struct pg *pg, struct error *err) {
    int64_t deadline = clock_monotonic_us() + PG_CONNECT_MS * INT64_C(1000);
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    while (state != PGRES_POLLING_OK) {
        if (state == PGRES_POLLING_FAILED)
            return is_lost(pg, PQerrorMessage(pg->conn), err);
        if (!wait_for(pg->conn, state == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline))
            return is_lost(pg, "the server does not answer to a connection", err);
        state = PQconnectPoll(pg->conn);
    }
    return true;
}

static bool start_connecting(struct pg *pg, const char *uri, const char *role, struct error *err) {
    char name[64];
    snprintf(name, sizeof name, "%.20s, process %d, %s", program_invocation_short_name, (int)getpid(), role);
    /* What stands before the URI it may change, what stands after it not. */
    const char *keys[] = {"gssencmode", "application_name", "dbname", "client_encoding", NULL, NULL, NULL};
    const char *values[] = {"disable", name, uri, "UTF8", NULL, NULL, NULL};
    size_t count = 4;
    if (pg->password)
        keys[count] = "password", values[count++] = pg->password;
    if (pg->address)
        keys[count] = "hostaddr", values[count++] = pg->address;
    pg->conn = PQconnectStartParams(keys, values, 1);
    if (!pg->conn)
        return no_memory(pg, err);
    pg->lost = PQstatus(pg->conn) == CONNECTION_BAD;
    return !pg->lost || is_lost(pg, PQerrorMessage(pg->conn), err);
}

/* An address of the only host, for the next time. Of several hosts libpq must choose each time. */
static void note_address(struct pg *pg, const char *uri) {
    const char *host = PQhost(pg->conn), *address = PQhostaddr(pg->conn);
    if (!pg->address && host && *host && *host != '/' && address && *address && !strchr(uri, ','))
        pg->address = mem_strdup(address);
}

bool pg_value(struct pg *pg, const char *text, char *out, size_t cap, struct error *err) {
    PGresult *result = PQexec(pg->conn, text);
    bool ok = PQresultStatus(result) == PGRES_TUPLES_OK;
    bool row = ok && PQntuples(result) == 1 && PQnfields(result) == 1;
    if (row)
        snprintf(out, cap, "%s", PQgetvalue(result, 0, 0));
    else if (ok)
        error_set(err, STORE_NOT_FOUND, "%s: the server gives no answer", pg->place);
    else
        result_error(pg, result, err);
    PQclear(result);
    return row;
}

/* What is answered as committed must outlive a power cut of the server. */
static bool check_durable(struct pg *pg, struct error *err) {
    static const char *const needed[] = {"fsync", "full_page_writes"};
    char text[80], value[16];
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        snprintf(text, sizeof text, "SELECT current_setting('%s')", needed[i]);
        if (!pg_value(pg, text, value, sizeof value, err))
            return false;
        if (strcmp(value, "on") != 0)
            return error_set(err, STORE_BAD_REQUEST,
                             "%s: the server has %s = %s, so that a power cut loses mail that was "
                             "confirmed; set it to on in postgresql.conf",
                             pg->place, needed[i], value);
    }
    return pg_script(pg, "SET synchronous_commit = on; SET client_min_messages = warning; SET jit = off",
                     err);
}

static bool check_server(struct pg *pg, struct error *err) {
    int version = PQserverVersion(pg->conn);
    if (version < 150000)
        return error_set(err, STORE_VERSION,
                         "%s: PostgreSQL 15 or later is needed, this server is version %d.%d", pg->place,
                         version / 10000, version % 10000);
    return check_durable(pg, err);
}

static void ignore_notice(void *context, const PGresult *result) {
    (void)context, (void)result;
}

bool pg_connect(struct pg *pg, const char *uri, const char *role, struct error *err) {
    pg_disconnect(pg);
    if (!pg->place && !(pg->place = pg_public_uri(uri)))
        return no_memory(pg, err);
    if (!libpq_load(err) || !start_connecting(pg, uri, role, err) || !finish_connecting(pg, err))
        return false;
    PQsetNoticeReceiver(pg->conn, ignore_notice, NULL);
    note_address(pg, uri);
    if (check_server(pg, err))
        return true;
    pg->lost = true;
    return false;
}

bool pg_script(struct pg *pg, const char *text, struct error *err) {
    PGresult *result = PQexec(pg->conn, text);
    ExecStatusType status = PQresultStatus(result);
    bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!ok && PQstatus(pg->conn) != CONNECTION_OK)
        is_lost(pg, PQerrorMessage(pg->conn), err);
    else if (!ok)
        result_error(pg, result, err);
    PQclear(result);
    return ok;
}

bool pg_begin_pipeline(struct pg *pg, const struct pg_statement *statements, size_t count,
                       struct error *err) {
    pg->statements = statements;
    pg->statement_count = count;
    if (PQsetnonblocking(pg->conn, 1) != 0 || !PQenterPipelineMode(pg->conn))
        return is_lost(pg, PQerrorMessage(pg->conn), err);
    for (size_t i = 0; i < count; i++) {
        if (!PQsendPrepare(pg->conn, statements[i].name, statements[i].text, 0, NULL))
            return is_lost(pg, PQerrorMessage(pg->conn), err);
        pg->pending++;
    }
    return pg_sync(pg, err) && pg_take_sync(pg, err);
}

void pg_disconnect(struct pg *pg) {
    if (pg->conn)
        PQfinish(pg->conn);
    pg->conn = NULL;
    pg->pending = 0;
    pg->lost = true;
}

void pg_free(struct pg *pg) {
    mem_free(pg->place);
    mem_free(pg->address);
    pg->place = pg->address = NULL;
}

/* ---- parameters ---- */

void pg_add_octets(struct pg_parameters *parameters, struct span octets) {
    parameters->values[parameters->count] = octets.len ? (const char *)octets.data : "";
    parameters->lengths[parameters->count++] = (int)octets.len;
}

void pg_add_number(struct pg_parameters *parameters, int64_t value) {
    uint64_t big = htobe64((uint64_t)value);
    uint8_t *place = parameters->numbers[parameters->count];
    memcpy(place, &big, sizeof big);
    pg_add_octets(parameters, span_of(place, sizeof big));
}

void pg_add_null(struct pg_parameters *parameters) {
    parameters->values[parameters->count] = NULL;
    parameters->lengths[parameters->count++] = 0;
}

/* An array as the server's array_recv reads it: dimensions, are there NULLs, the type; then for each
 * dimension its size and first index; then the elements, each with its length. */
#define ARRAY_HEAD 20

static void put_head(struct pg_array *array) {
    const uint32_t head[] = {htobe32(1), htobe32(1), htobe32(array->type), htobe32(array->count), htobe32(1)};
    if (array->octets.len >= sizeof head)
        memcpy(array->octets.data, head, sizeof head);
}

void pg_array_init(struct pg_array *array, uint32_t type) {
    *array = (struct pg_array){.type = type};
    buf_init(&array->octets, 0);
}

void pg_array_clear(struct pg_array *array) {
    buf_clear(&array->octets);
    array->count = 0;
}

void pg_array_free(struct pg_array *array) {
    buf_free(&array->octets);
}

static struct buf *next_element(struct pg_array *array) {
    static const uint8_t head[ARRAY_HEAD];
    if (!array->octets.len)
        buf_append(&array->octets, head, sizeof head);
    array->count++;
    return &array->octets;
}

void pg_array_number(struct pg_array *array, int64_t value) {
    struct buf *out = next_element(array);
    buf_append_u32(out, 8);
    buf_append_u64(out, (uint64_t)value);
}

void pg_array_octets(struct pg_array *array, struct span octets) {
    struct buf *out = next_element(array);
    buf_append_u32(out, (uint32_t)octets.len);
    buf_append_span(out, octets);
}

void pg_array_null(struct pg_array *array) {
    buf_append_u32(next_element(array), UINT32_MAX);
}

bool pg_add_array(struct pg_parameters *parameters, struct pg_array *array) {
    /* No element: an array without dimensions. */
    static const uint32_t none[] = {0, 0};
    if (array->octets.failed || array->octets.len > INT32_MAX)
        return false;
    if (!array->count) {
        uint32_t empty[3] = {none[0], none[1], htobe32(array->type)};
        memcpy(array->numbers, empty, sizeof empty);
        pg_add_octets(parameters, span_of(array->numbers, sizeof empty));
        return true;
    }
    put_head(array);
    pg_add_octets(parameters, buf_span(&array->octets));
    return true;
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

/* ---- results ---- */

int64_t pg_number(const PGresult *result, int row, int column) {
    uint64_t wide;
    uint32_t narrow;
    const char *value = PQgetvalue(result, row, column);
    switch (PQgetlength(result, row, column)) {
    case sizeof wide:
        memcpy(&wide, value, sizeof wide);
        return (int64_t)be64toh(wide);
    case sizeof narrow:
        memcpy(&narrow, value, sizeof narrow);
        return (int32_t)be32toh(narrow);
    case 1: /* a boolean */
        return *value;
    default:
        return 0;
    }
}

struct span pg_octets(const PGresult *result, int row, int column) {
    if (PQgetisnull(result, row, column))
        return (struct span){NULL, 0};
    return span_of(PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column));
}
