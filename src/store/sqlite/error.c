/* What SQLite and the system say, as codes of the store. */
#include <errno.h>

#include "store/sqlite/sqlite_private.h"

static enum store_code code_of_sqlite(int code) {
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
        return code == SQLITE_IOERR_NOMEM ? STORE_NO_MEMORY : STORE_IO;
    }
}

bool db_error(struct sqlite *store, const char *what, struct error *err) {
    int number = errno; /* SQLite keeps it for failed opens only */
    int code = sqlite3_extended_errcode(store->db);
    enum store_code mapped = code_of_sqlite(code);
    /* A full disk, or one that became read-only, also shows as a failed write; what the system said last
     * tells them apart. */
    if (mapped == STORE_IO && number == ENOSPC)
        mapped = STORE_FULL;
    if (mapped == STORE_IO && number == EROFS)
        mapped = STORE_READ_ONLY;
    return error_set(err, mapped, "%s: %s (%s)", store->head.place, sqlite3_errmsg(store->db), what);
}

bool errno_error(const char *place, int number, const char *what, struct error *err) {
    enum store_code code = number == ENOSPC || number == EDQUOT || number == EFBIG  ? STORE_FULL
                           : number == EROFS || number == EACCES || number == EPERM ? STORE_READ_ONLY
                           : number == ENOMEM                                       ? STORE_NO_MEMORY
                                                                                    : STORE_IO;
    return error_set(err, code, "%s: %s: %s", place, what, strerror(number));
}
