/* Opening. */
#include "store/sqlite/sqlite_private.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "store/sqlite/log_file.h"

#define BUSY_MS 5000

/* Two wake-ups are worth it from so many requests on. */
#define BESIDE_FROM 24

/* ---- opening ---- */

/* Who has the lock wrote its name and number into the file. */
static void tell_holder(const char *place, int lock, struct error *err) {
    char holder[40];
    ssize_t length = pread(lock, holder, sizeof holder - 1, 0);
    holder[length > 0 ? length : 0] = '\0';
    holder[strcspn(holder, "\n")] = '\0';
    error_set(err, STORE_LOCKED, "%s: another process writes to this store%s%s", place, holder[0] ? ": " : "",
              holder);
}

/* On a full disk nobody is told; the lock holds all the same. */
static void note_holder(const char *name, int lock) {
    char holder[40];
    int length =
        snprintf(holder, sizeof holder, "%.16s, process %d\n", program_invocation_short_name, (int)getpid());
    if (ftruncate(lock, 0) != 0 || pwrite(lock, holder, (size_t)length, 0) != length)
        log_info("%s: it can't be noted who writes to the store: %s", name, strerror(errno));
}

int store_lock(const char *place, struct error *err) {
    char name[4096];
    snprintf(name, sizeof name, "%s/lock", place);
    int lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0) {
        note_holder(name, lock);
        return lock;
    }
    if (lock >= 0 && errno == EWOULDBLOCK)
        tell_holder(place, lock, err);
    else
        errno_error(place, errno, "lock", err);
    if (lock >= 0)
        close(lock);
    return -1;
}

static bool take_lock(struct sqlite *store, struct error *err) {
    store->lock = store_lock(store->head.place, err);
    return store->lock >= 0;
}

/* A folder that may not be entered need not be empty. */
static bool not_there(const char *place, int cause, struct error *err) {
    if (cause == EACCES)
        return error_set(err, STORE_READ_ONLY,
                         "%s: Permission denied; ask as root, or as the user that mhsd runs as", place);
    if (cause == ENOTDIR)
        return error_set(err, STORE_BAD_REQUEST, "%s is no folder, as a store is, or lies in none", place);
    return error_set(err, STORE_NOT_FOUND, "%s: there is no store here", place);
}

/* A backup's database gets its name last (backup.c). What has none is no store, nor a place for one. */
static bool is_finished(const char *place, struct error *err) {
    char name[4096];
    bool fits = snprintf(name, sizeof name, "%s/queue.db.unfinished", place) < (int)sizeof name;
    return !fits || access(name, F_OK) != 0 ||
           error_set(err, STORE_CORRUPT,
                     "%s: the backup into it was broken off and is not whole: remove it, and make another",
                     place);
}

static bool make_folders(struct sqlite *store, bool create, struct error *err) {
    char name[4096];
    struct stat s;
    if (snprintf(name, sizeof name, "%s/segments", store->head.place) >= (int)sizeof name)
        return error_set(err, STORE_NOT_FOUND, "%s: the path is too long", store->head.place);
    if (!is_finished(store->head.place, err))
        return false;
    if (!create)
        return stat(name, &s) == 0 || not_there(store->head.place, errno, err);
    if ((mkdir(store->head.place, 0700) && errno != EEXIST) || (mkdir(name, 0700) && errno != EEXIST))
        return errno_error(store->head.place, errno, "mkdir", err);
    return true;
}

static const struct sqlite_options *engine_options(const struct store_options *options) {
    static const struct sqlite_options defaults;
    return options->engine ? options->engine : &defaults;
}

/* Nobody else's to read, whatever the umask of who makes it: SQLite would go by that, and gives the files
 * beside it the mode of this one. One that is there is not opened: closing it would end our locks. */
static bool make_database(const char *name, struct error *err) {
    int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST || errno_error(name, errno, "open", err);
    close(fd);
    return true;
}

static void name_database(const struct sqlite *store, char name[static 4096]) {
    snprintf(name, 4096, "%s/queue.db", store->head.place);
}

static bool open_database(struct sqlite *store, const struct store_options *options, struct error *err) {
    char name[4096];
    name_database(store, name);
    if (!store->head.read_only && options->create && !make_database(name, err))
        return false;
    int flags = SQLITE_OPEN_NOMUTEX | (store->head.read_only ? SQLITE_OPEN_READONLY
                                       : options->create     ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                                             : SQLITE_OPEN_READWRITE);
    const char *vfs = engine_options(options)->vfs;
    if (!store->head.read_only && !(vfs = log_file_vfs(vfs)))
        return error_set(err, STORE_NO_MEMORY, "%s: out of memory", name);
    if (sqlite3_open_v2(name, &store->writing.db, flags, vfs) != SQLITE_OK)
        return store->writing.db ? db_error(store, name, err)
                                 : error_set(err, STORE_NO_MEMORY, "%s: out of memory", name);
    sqlite3_extended_result_codes(store->writing.db, 1);
    sqlite3_busy_timeout(store->writing.db, BUSY_MS);
    return true;
}

static bool set_pragmas(struct sqlite *store, struct error *err) {
    if (store->head.read_only)
        return sql_exec(store, "PRAGMA cache_size=-32768; PRAGMA query_only=1", err);
    return sql_exec(
        store,
        "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-32768;"
        "PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=OFF",
        err);
}

/* For what is read while the thread has the connection that writes. */
static bool open_reading(struct sqlite *store, const struct store_options *options, struct error *err) {
    char name[4096];
    if (!options->thread || store->head.read_only || !sqlite3_threadsafe())
        return true;
    name_database(store, name);
    store->connection = &store->reading;
    bool ok = sqlite3_open_v2(name, &store->reading.db, SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READONLY,
                              log_file_vfs(engine_options(options)->vfs)) == SQLITE_OK;
    if (!ok && !store->reading.db)
        error_set(err, STORE_NO_MEMORY, "%s: out of memory", name);
    else if (!ok)
        db_error(store, name, err);
    else {
        sqlite3_extended_result_codes(store->reading.db, 1);
        sqlite3_busy_timeout(store->reading.db, BUSY_MS);
        ok = sql_exec(store, "PRAGMA cache_size=-2048; PRAGMA query_only=1", err);
    }
    store->connection = &store->writing;
    store->thread = ok ? options->thread : NULL;
    return ok;
}

static bool watch_log(struct sqlite *store) {
    if (!store->head.read_only)
        sqlite_watch_log(store);
    return true;
}

/* Before anything is set: what is not ours stays as it is. */
static bool check_version(struct sqlite *store, struct error *err) {
    int version;
    return schema_version(store->writing.db, store->head.place, &version, err) &&
           (version == SCHEMA_VERSION || !store->head.read_only ||
            error_set(
                err, STORE_VERSION,
                "%s: the store has the older schema version %d, which mhsd brings to version %d when it "
                "starts, and 'mhs store restore' where it is a copy",
                store->head.place, version, SCHEMA_VERSION));
}

/* The secret is made once: the hashes in `track` depend on it. */
static bool load_secret(struct sqlite *store, struct error *err) {
    if (!counter_get(store, "secret.0", &store->head.secret[0], err) ||
        !counter_get(store, "secret.1", &store->head.secret[1], err))
        return false;
    if (store->head.secret[0] != 1 || store->head.read_only)
        return true;
    if (RAND_bytes((unsigned char *)store->head.secret, sizeof store->head.secret) != 1)
        return error_set(err, STORE_IO, "%s: no random octets to be had", store->head.place);
    return sql_exec(store, "BEGIN IMMEDIATE", err) &&
           counter_set(store, "secret.0", store->head.secret[0], err) &&
           counter_set(store, "secret.1", store->head.secret[1], err) && sql_exec(store, "COMMIT", err);
}

/* I9: what the counter says is above every id that a row can have. The first commit takes the next block. */
static bool load_ids(struct sqlite *store, struct error *err) {
    if (!counter_get(store, "id", &store->head.next_id, err))
        return false;
    if (!store->head.next_id || store->head.next_id > INT64_MAX - ID_BLOCK) {
        store->head.next_id = UINT64_C(1) << 62; /* above all that can be there; repair finds the right one */
        struct error cause;
        error_set(&cause, STORE_CORRUPT, "%s: the counter of ids is damaged; run `mhs store check`",
                  store->head.place);
        store_refuses(&store->head, &cause);
        store->head.needs_repair = true;
    }
    store->id_limit = store->head.next_id;
    store->head.id_end = UINT64_MAX; /* one process writes: commits say how far it has come */
    return true;
}

static bool load(struct sqlite *store, struct error *err) {
    return load_secret(store, err) && load_ids(store, err) && names_load(store, err) &&
           segments_load(store, err) && activities_load(store, err) &&
           (store->head.read_only || (runs_load(store, false, err) && runs_load(store, true, err)));
}

static bool prepare_runs(struct sqlite *store, struct error *err) {
    return store->head.read_only ||
           (runs_init(&store->track, TRACK_FILTER) && runs_init(&store->repeats, REPEAT_FILTER)) ||
           error_set(err, STORE_NO_MEMORY, "%s: out of memory", store->head.place);
}

static bool open_all(struct sqlite *store, const struct store_options *options, struct error *err) {
    return make_folders(store, options->create && !store->head.read_only, err) &&
           ((store->head.read_only && !options->alone) || take_lock(store, err)) &&
           prepare_runs(store, err) && open_database(store, options, err) && check_version(store, err) &&
           set_pragmas(store, err) && watch_log(store) &&
           (store->head.read_only ||
            schema_migrate(store->writing.db, store->head.place, SCHEMA_VERSION, err)) &&
           open_reading(store, options, err) && load(store, err);
}

/* A handle that is not open yet. */
static struct sqlite *new_store(const char *place, const struct store_options *options, struct error *err) {
    struct sqlite *store = mem_alloc(sizeof *store);
    if (!store || !store_head_init(&store->head, &sqlite_engine, place, options, err)) {
        mem_free(store);
        error_set(err, STORE_NO_MEMORY, "%s: out of memory", place);
        return NULL;
    }
    store->lock = -1;
    store->connection = &store->writing;
    store->beside_from = engine_options(options)->beside ? 0 : BESIDE_FROM;
    store->files = engine_options(options)->files ? engine_options(options)->files : &store_system_files;
    store->commit.store = store;
    store->activities.store = &store->head;
    buf_init(&store->commit.events, 0);
    buf_init(&store->commit.repeat_keys, 0);
    names_init(&store->next_hops);
    names_init(&store->mailboxes);
    return store;
}

static void warn_of_space(const struct sqlite *store) {
    int64_t space = store->files->free_space(store->head.place);
    if (store->head.read_only || space < 0 || room_for_segment(store, store->head.low_water))
        return;
    log_warning(
        "%s: only %lld MiB of the disk are free: %llu MiB are kept free, and a new segment for contents "
        "takes %llu MiB; make room, or mail is soon refused",
        store->head.place, (long long)(space >> 20), (unsigned long long)(store->head.low_water >> 20),
        (unsigned long long)(SEGMENT_SIZE >> 20));
}

struct sqlite *sqlite_open(const char *place, const struct store_options *options, struct error *err) {
    struct error inner = {0};
    struct sqlite *store = new_store(place, options, err);
    if (!store)
        return NULL;
    if (open_all(store, options, &inner)) {
        warn_of_space(store);
        return store;
    }
    error_set(err, inner.code, "%s", inner.text);
    sqlite_close(store);
    return NULL;
}

struct sqlite *sqlite_open_older(const char *place, struct error *err) {
    static const struct store_options reader = {.read_only = true};
    struct error inner = {0};
    int version;
    struct sqlite *store = new_store(place, &reader, err);
    if (!store)
        return NULL;
    if (make_folders(store, false, &inner) && open_database(store, &reader, &inner) &&
        schema_version(store->writing.db, place, &version, &inner))
        return store;
    error_set(err, inner.code, "%s", inner.text);
    sqlite_close(store);
    return NULL;
}

bool sqlite_is_there(const char *place, struct error *err) {
    char name[4096];
    errno = ENAMETOOLONG;
    if (snprintf(name, sizeof name, "%s/queue.db", place) < (int)sizeof name && access(name, F_OK) == 0)
        return true;
    int cause = errno;
    return is_finished(place, err) && not_there(place, cause, err);
}

bool sqlite_examine(const char *place, struct error *err) {
    static const struct store_options reader = {.read_only = true};
    struct error inner = {0};
    int version;
    if (!sqlite_is_there(place, err))
        return false;
    struct sqlite *store = new_store(place, &reader, err);
    if (!store)
        return false;
    bool ok = open_database(store, &reader, &inner) &&
              schema_version(store->writing.db, store->head.place, &version, &inner);
    sqlite_close(store);
    return ok || error_set(err, inner.code, "%s", inner.text);
}
