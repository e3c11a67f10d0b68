#include "store/postgres/libpq.h"

#include <dlfcn.h>
#include <libpq-fe.h>

#include "store/store.h"

#define LIBRARY "libpq.so.5"

/* What is used of libpq: result, name, parameters, arguments. The compiler holds each beside libpq-fe.h. */
#define FUNCTIONS(F)                                                                                         \
    F(PGconn *, PQconnectStartParams,                                                                        \
      (const char *const *keywords, const char *const *values, int expand_dbname),                           \
      (keywords, values, expand_dbname))                                                                     \
    F(PostgresPollingStatusType, PQconnectPoll, (PGconn * conn), (conn))                                     \
    F(void, PQfinish, (PGconn * conn), (conn))                                                               \
    F(PQconninfoOption *, PQconninfo, (PGconn * conn), (conn))                                               \
    F(PQconninfoOption *, PQconninfoParse, (const char *conninfo, char **errmsg), (conninfo, errmsg))        \
    F(void, PQconninfoFree, (PQconninfoOption * options), (options))                                         \
    F(char *, PQuser, (const PGconn *conn), (conn))                                                          \
    F(char *, PQpass, (const PGconn *conn), (conn))                                                          \
    F(char *, PQhost, (const PGconn *conn), (conn))                                                          \
    F(char *, PQport, (const PGconn *conn), (conn))                                                          \
    F(ConnStatusType, PQstatus, (const PGconn *conn), (conn))                                                \
    F(char *, PQerrorMessage, (const PGconn *conn), (conn))                                                  \
    F(int, PQserverVersion, (const PGconn *conn), (conn))                                                    \
    F(int, PQsocket, (const PGconn *conn), (conn))                                                           \
    F(PQnoticeReceiver, PQsetNoticeReceiver, (PGconn * conn, PQnoticeReceiver receiver, void *context),      \
      (conn, receiver, context))                                                                             \
    F(int, PQsetnonblocking, (PGconn * conn, int on), (conn, on))                                            \
    F(int, PQenterPipelineMode, (PGconn * conn), (conn))                                                     \
    F(int, PQpipelineSync, (PGconn * conn), (conn))                                                          \
    F(int, PQflush, (PGconn * conn), (conn))                                                                 \
    F(int, PQconsumeInput, (PGconn * conn), (conn))                                                          \
    F(int, PQisBusy, (PGconn * conn), (conn))                                                                \
    F(PGresult *, PQgetResult, (PGconn * conn), (conn))                                                      \
    F(int, PQsendQuery, (PGconn * conn, const char *query), (conn, query))                                   \
    F(int, PQbackendPID, (const PGconn *conn), (conn))                                                       \
    F(char *, PQfname, (const PGresult *result, int column), (result, column))                               \
    F(PGresult *, PQexecParams,                                                                              \
      (PGconn * conn, const char *command, int count, const Oid *types, const char *const *values,           \
       const int *lengths, const int *formats, int format),                                                  \
      (conn, command, count, types, values, lengths, formats, format))                                       \
    F(int, PQsendPrepare, (PGconn * conn, const char *name, const char *query, int count, const Oid *types), \
      (conn, name, query, count, types))                                                                     \
    F(int, PQsendQueryPrepared,                                                                              \
      (PGconn * conn, const char *name, int count, const char *const *values, const int *lengths,            \
       const int *formats, int format),                                                                      \
      (conn, name, count, values, lengths, formats, format))                                                 \
    F(ExecStatusType, PQresultStatus, (const PGresult *result), (result))                                    \
    F(char *, PQresultErrorMessage, (const PGresult *result), (result))                                      \
    F(char *, PQresultErrorField, (const PGresult *result, int code), (result, code))                        \
    F(int, PQntuples, (const PGresult *result), (result))                                                    \
    F(int, PQnfields, (const PGresult *result), (result))                                                    \
    F(char *, PQcmdStatus, (PGresult * result), (result))                                                    \
    F(char *, PQcmdTuples, (PGresult * result), (result))                                                    \
    F(char *, PQgetvalue, (const PGresult *result, int row, int column), (result, row, column))              \
    F(int, PQgetlength, (const PGresult *result, int row, int column), (result, row, column))                \
    F(int, PQgetisnull, (const PGresult *result, int row, int column), (result, row, column))                \
    F(void, PQclear, (PGresult * result), (result))

#define FORWARD(result, name, parameters, arguments)                                                         \
    static result(*loaded_##name) parameters;                                                                \
    result name parameters {                                                                                 \
        return loaded_##name arguments;                                                                      \
    }
FUNCTIONS(FORWARD)

#define ROW(result, name, parameters, arguments) {#name, (void **)&loaded_##name},
static const struct {
    const char *name;
    void **loaded;
} rows[] = {FUNCTIONS(ROW)};

static bool is_loaded;

bool libpq_load(struct error *err) {
    static const char remedy[] = "a store in PostgreSQL needs " LIBRARY " of PostgreSQL 15 or later (Debian: "
                                 "libpq5)";
    if (is_loaded)
        return true;
    void *library = dlopen(LIBRARY, RTLD_NOW);
    if (!library)
        return error_set(err, STORE_IO, "%s: %s", remedy, dlerror());
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!(*rows[i].loaded = dlsym(library, rows[i].name)))
            return error_set(err, STORE_IO, "%s: the one here has no %s", remedy, rows[i].name);
    is_loaded = true;
    return true;
}
