/*
 * A connection to a PostgreSQL server, always in pipeline mode: statements are
 * queued, then their results are taken in the same order. All parameters and
 * results are binary (values.h). Nothing here knows the store's tables.
 *
 * A connection that broke stays broken (pg_lost) until pg_connect makes it
 * anew; what was queued is forgotten then. Errors are enum store_code.
 */
#ifndef STORE_POSTGRES_CONNECTION_H
#define STORE_POSTGRES_CONNECTION_H

#include <libpq-fe.h>

#include "base/error.h"
#include "store/postgres/values.h"

/* How long one answer may take before the server counts as gone: at the opening, and where nobody waits for
 * others meanwhile; for the reads of a process that serves; for a script, which may change a whole table. */
#define PG_PATIENCE_MS 60000
#define PG_ANSWER_MS   5000
#define PG_SCRIPT_MS   600000
/* How long a connection may take until it is ready; a host that has not answered then is no more waited for.
 */
#define PG_CONNECT_MS 5000

struct pg_statement {
    const char *name, *text;
};

enum pg_stage {
    PG_GONE,
    PG_CALLING,   /* libpq connects */
    PG_GREETING,  /* the first script was sent */
    PG_PREPARING, /* the statements were */
    PG_READY
};

/* What follows the settings of each session before it is ready. */
struct pg_greeting {
    const char *script; /* may be NULL */
    /* Judges the rows of its queries, numbered from 1. */
    bool (*judge)(void *context, unsigned number, const PGresult *result, struct error *err);
    void *context;
    const struct pg_statement *statements; /* NULL: it stays out of pipeline mode */
    size_t statement_count;
};

struct pg {
    PGconn *conn;
    enum pg_stage stage;
    const struct pg_greeting *greeting;
    int64_t called; /* monotonic µs: when it began to connect */
    PostgresPollingStatusType polled;
    unsigned greeted; /* queries of the greeting that were answered */
    int patience_ms;  /* for one answer; 0: PG_PATIENCE_MS, or PG_SCRIPT_MS for that to a script */
    bool unsent;      /* output is left */
    struct error why; /* a call of which nobody saw the end failed, until that is told */
    bool silent;      /* it was given up as it did not answer, and has not been ready since */
    int backend; /* the server's process of the session that was ready last, which may be over; 0: none */
    const struct pg_statement *statements; /* prepared when it is connected */
    size_t statement_count;
    char *place; /* the URI without a password, for texts */
    const char *role;
    unsigned first, tried; /* the host of the URI that is called first; how many a call has tried */
    char *password;   /* from the configuration, or NULL: libpq finds one in the URI or the password file */
    unsigned pending; /* results that are still to be taken, the marks of pg_sync included */
    bool lost;
};

/*
 * Begins to connect, or to connect anew after a loss. `role` is told to the server beside our name. The
 * server must keep what it commits: fsync and full_page_writes on, or it is refused (STORE_READ_ONLY would
 * mislead: the code is STORE_BAD_REQUEST). The session gets synchronous_commit = on. `greeting` lives until
 * another call; NULL: none. Of several hosts libpq takes the first that answers as the URI asks.
 */
bool pg_call(struct pg *pg, const char *uri, const char *role, const struct pg_greeting *greeting,
             struct error *err);
/* Goes on without waiting. PG_GONE: it failed, or took longer than PG_CONNECT_MS with each of its hosts;
 * before PG_READY it is `lost`. */
enum pg_stage pg_go_on(struct pg *pg, const char *uri, struct error *err);
/* The same until it is ready, or for as long; 0: to its end. What is still called then is `silent`. */
bool pg_wait_ready(struct pg *pg, const char *uri, int most_ms, struct error *err);
/* POLLIN, POLLOUT: for what its socket is to be watched. */
int pg_events(const struct pg *pg);

/* Calls and waits. Not yet in pipeline mode, so that pg_script works; pg_begin_pipeline prepares the
 * statements and enters it. */
bool pg_connect(struct pg *pg, const char *uri, const char *role, struct error *err);
bool pg_script(struct pg *pg, const char *text, struct error *err);
/* One text value of a query without parameters; false with STORE_NOT_FOUND when it gives no row. */
bool pg_value(struct pg *pg, const char *text, char *out, size_t cap, struct error *err);
bool pg_begin_pipeline(struct pg *pg, const struct pg_statement *statements, size_t count, struct error *err);
void pg_disconnect(struct pg *pg);
/* What the struct holds beside the connection. */
void pg_free(struct pg *pg);

/* ---- statements ---- */

/* Queues one. What it will answer must be taken. */
bool pg_send(struct pg *pg, size_t statement, const struct pg_parameters *parameters, struct error *err);
/* Marks the end of what belongs together: after an error the server passes over all up to the mark. */
bool pg_sync(struct pg *pg, struct error *err);
/* Writes out what is queued, as far as that goes without waiting; the rest goes with whatever is done next.
 */
bool pg_flush(struct pg *pg, struct error *err);

/* The next statement's result (PQclear frees it); NULL: it failed.
 * A row or a command's end are no failures. */
PGresult *pg_take(struct pg *pg, struct error *err);
/* Takes the mark of pg_sync, and all failures that stand before it. */
bool pg_take_sync(struct pg *pg, struct error *err);
/* Takes notice of an end of the session that came meanwhile. */
bool pg_is_connected(struct pg *pg);
/* Would pg_take have to wait? */
bool pg_must_wait(struct pg *pg);

/* Queues, marks and takes: one statement by itself. */
PGresult *pg_query(struct pg *pg, size_t statement, const struct pg_parameters *parameters,
                   struct error *err);

#endif
