/* What SQLite and the system say, as codes of the store. */
#include <errno.h>

#include "store/sqlite/sqlite_private.h"

static bool is_of_space(int number) {
    return number == ENOSPC || number == EDQUOT || number == EFBIG;
}

/* A full disk, or one that became read-only, also shows as a failed write; what the system said tells them
 * apart. */
static enum store_code code_of_sqlite(int code, int number) {
    switch (code & 0xFF) {
    case SQLITE_FULL:
        return STORE_FULL;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return STORE_READ_ONLY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return STORE_CORRUPT;
    case SQLITE_NOMEM:
        return STORE_NO_MEMORY;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return STORE_LOCKED;
    case SQLITE_CONSTRAINT:
        return STORE_BAD_REQUEST;
    default:
        return code == SQLITE_IOERR_NOMEM ? STORE_NO_MEMORY
               : is_of_space(number)      ? STORE_FULL
               : number == EROFS          ? STORE_READ_ONLY
                                          : STORE_IO;
    }
}

/* What the system may have said of it. */
static bool is_of_system(enum store_code code) {
    return code == STORE_IO || code == STORE_FULL || code == STORE_READ_ONLY;
}

/* SQLite 3.40 keeps the system's number (sqlite3_system_errno) for failed opens only: what it leaves in errno
 * is taken, which whoever calls it sets to 0 before. */
bool sqlite_error(sqlite3 *db, const char *place, const char *what, struct error *err) {
    int number = errno, code = sqlite3_extended_errcode(db);
    enum store_code mapped = code_of_sqlite(code, number);
    if ((code & 0xFF) == SQLITE_NOTADB)
        return error_set(err, mapped,
                         "%s: queue.db is no database, or its beginning is damaged (SQLite's code %d, %s): "
                         "restore a backup, 'mhs store restore --force'",
                         place, code, what);
    if (number && is_of_system(mapped))
        return error_set(err, mapped, "%s: %s: SQLite's code %d, errno %d, %s (%s)", place,
                         sqlite3_errmsg(db), code, number, strerror(number), what);
    return error_set(err, mapped, "%s: %s: SQLite's code %d (%s)", place, sqlite3_errmsg(db), code, what);
}

bool db_error(struct sqlite *store, const char *what, struct error *err) {
    return sqlite_error(store->connection->db, store->head.place, what, err);
}

bool errno_error(const char *place, int number, const char *what, struct error *err) {
    enum store_code code = is_of_space(number)                                      ? STORE_FULL
                           : number == EROFS || number == EACCES || number == EPERM ? STORE_READ_ONLY
                           : number == ENOMEM                                       ? STORE_NO_MEMORY
                                                                                    : STORE_IO;
    return error_set(err, code, "%s: %s: %s", place, what, strerror(number));
}
