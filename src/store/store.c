/* Opening, closing, health, counters. */
#include "store/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

#define LOW_WATER           (UINT64_C(64) << 20)
#define SPACE_CHECK_COMMITS 64
#define BUSY_MS             5000

const char *store_code_text(enum store_code code) {
    static const char *const texts[] = {
        [STORE_OK] = "ok",
        [STORE_FULL] = "disk full",
        [STORE_READ_ONLY] = "read-only",
        [STORE_IO] = "input/output error",
        [STORE_CORRUPT] = "damaged",
        [STORE_NO_MEMORY] = "out of memory",
        [STORE_LOCKED] = "locked",
        [STORE_VERSION] = "another version",
        [STORE_NOT_FOUND] = "not found",
        [STORE_IN_USE] = "in use",
        [STORE_BAD_REQUEST] = "bad request",
    };
    return (size_t)code < sizeof texts / sizeof *texts ? texts[code] : "unknown";
}

/* ---- errors ---- */

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

bool db_error(struct store *store, const char *what, struct error *err) {
    int number = errno; /* SQLite keeps it for failed opens only */
    int code = sqlite3_extended_errcode(store->db);
    enum store_code mapped = code_of_sqlite(code);
    /* A full disk, or one that became read-only, also shows as a failed write; what the system said last
     * tells them apart. */
    if (mapped == STORE_IO && number == ENOSPC)
        mapped = STORE_FULL;
    if (mapped == STORE_IO && number == EROFS)
        mapped = STORE_READ_ONLY;
    return error_set(err, mapped, "%s: %s (%s)", store->path, sqlite3_errmsg(store->db), what);
}

static bool errno_error_at(const char *place, int number, const char *what, struct error *err) {
    enum store_code code = number == ENOSPC || number == EDQUOT || number == EFBIG  ? STORE_FULL
                           : number == EROFS || number == EACCES || number == EPERM ? STORE_READ_ONLY
                           : number == ENOMEM                                       ? STORE_NO_MEMORY
                                                                                    : STORE_IO;
    return error_set(err, code, "%s: %s: %s", place, what, strerror(number));
}

bool errno_error(struct store *store, int number, const char *what, struct error *err) {
    return errno_error_at(store->path, number, what, err);
}

bool refuse_read_only(const struct store *store, struct error *err) {
    return store->read_only && !error_set(err, STORE_READ_ONLY, "%s is open for reading only", store->path);
}

bool store_failed(struct store *store, const struct error *err) {
    store->figures.failed_commits++;
    if (err->code == STORE_FULL || err->code == STORE_READ_ONLY || err->code == STORE_IO ||
        err->code == STORE_CORRUPT) {
        store->accepting = false;
        store->needs_repair |= err->code == STORE_CORRUPT;
        store->cause = *err;
    }
    return false;
}

/* ---- counters and hashes ---- */

static bool get_counter(struct store *store, const char *name, uint64_t *next, struct error *err) {
    sqlite3_stmt *statement = sql(store, SQL_GET_COUNTER);
    if (!statement)
        return db_error(store, "counter", err);
    struct error inner = {0};
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    *next = sql_next(store, statement, &inner) ? (uint64_t)sqlite3_column_int64(statement, 0) : 1;
    sqlite3_reset(statement);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

static bool set_counter(struct store *store, const char *name, uint64_t next, struct error *err) {
    sqlite3_stmt *statement = sql(store, SQL_SET_COUNTER);
    if (!statement)
        return db_error(store, "counter", err);
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)next);
    return sql_run(store, SQL_SET_COUNTER, NULL, err);
}

uint64_t store_take_id(struct store *store) {
    return store->next_id++;
}

#define ROTATE(x, n) ((x) << (n) | (x) >> (64 - (n)))

static void sip_round(uint64_t v[4]) {
    v[0] += v[1], v[1] = ROTATE(v[1], 13) ^ v[0], v[0] = ROTATE(v[0], 32);
    v[2] += v[3], v[3] = ROTATE(v[3], 16) ^ v[2];
    v[0] += v[3], v[3] = ROTATE(v[3], 21) ^ v[0];
    v[2] += v[1], v[1] = ROTATE(v[1], 17) ^ v[2], v[2] = ROTATE(v[2], 32);
}

/* SipHash-1-3 (Aumasson and Bernstein), cut to 63 bits since SQLite's integers are signed. */
static uint64_t sip_hash(uint64_t k0, uint64_t k1, struct span s) {
    uint64_t last = (uint64_t)s.len << 56;
    uint64_t v[4] = {k0 ^ UINT64_C(0x736F6D6570736575), k1 ^ UINT64_C(0x646F72616E646F6D),
                     k0 ^ UINT64_C(0x6C7967656E657261), k1 ^ UINT64_C(0x7465646279746573)};
    size_t i = 0;
    for (; i + 8 <= s.len; i += 8) {
        uint64_t m;
        memcpy(&m, s.data + i, 8);
        v[3] ^= m;
        sip_round(v);
        v[0] ^= m;
    }
    for (size_t j = 0; i + j < s.len; j++)
        last |= (uint64_t)s.data[i + j] << (8 * j);
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xFF;
    for (int n = 0; n < 3; n++)
        sip_round(v);
    uint64_t hash = (v[0] ^ v[1] ^ v[2] ^ v[3]) >> 1;
    return hash ? hash : 1;
}

uint64_t store_hash(const struct store *store, struct span s) {
    return sip_hash(store->secret[0], store->secret[1], s);
}

uint64_t store_checksum(struct span s) {
    return sip_hash(0, 0, s);
}

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
        errno_error_at(place, errno, "lock", err);
    if (lock >= 0)
        close(lock);
    return -1;
}

static bool take_lock(struct store *store, struct error *err) {
    store->lock = store_lock(store->path, err);
    return store->lock >= 0;
}

/* A folder that may not be entered need not be empty. */
static bool not_there(const char *place, int cause, struct error *err) {
    if (cause == EACCES)
        return error_set(err, STORE_READ_ONLY,
                         "%s: Permission denied; ask as root, or as the user that mhsd runs as", place);
    return error_set(err, STORE_NOT_FOUND, "%s: there is no store here", place);
}

static bool make_folders(struct store *store, bool create, struct error *err) {
    char name[4096];
    struct stat s;
    if (snprintf(name, sizeof name, "%s/segments", store->path) >= (int)sizeof name)
        return error_set(err, STORE_NOT_FOUND, "%s: the path is too long", store->path);
    if (!create)
        return stat(name, &s) == 0 || not_there(store->path, errno, err);
    if ((mkdir(store->path, 0700) && errno != EEXIST) || (mkdir(name, 0700) && errno != EEXIST))
        return errno_error(store, errno, "mkdir", err);
    return true;
}

static bool open_database(struct store *store, const struct store_options *options, struct error *err) {
    char name[4096];
    snprintf(name, sizeof name, "%s/queue.db", store->path);
    int flags = SQLITE_OPEN_NOMUTEX | (store->read_only  ? SQLITE_OPEN_READONLY
                                       : options->create ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                                         : SQLITE_OPEN_READWRITE);
    if (sqlite3_open_v2(name, &store->db, flags, options->database_files) != SQLITE_OK)
        return store->db ? db_error(store, name, err)
                         : error_set(err, STORE_NO_MEMORY, "%s: out of memory", name);
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, BUSY_MS);
    return true;
}

static bool set_pragmas(struct store *store, struct error *err) {
    if (store->read_only)
        return sql_exec(store, "PRAGMA cache_size=-32768; PRAGMA query_only=1", err);
    return sql_exec(
        store,
        "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-32768;"
        "PRAGMA wal_autocheckpoint=2000; PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=OFF",
        err);
}

/* Before anything is set: what is not ours stays as it is. */
static bool check_version(struct store *store, struct error *err) {
    int version;
    return schema_version(store->db, store->path, &version, err) &&
           (version == SCHEMA_VERSION || !store->read_only ||
            error_set(
                err, STORE_VERSION,
                "%s: the store has the older schema version %d, which mhsd brings to version %d when it "
                "starts",
                store->path, version, SCHEMA_VERSION));
}

/* The secret is made once: the hashes in `track` depend on it. */
static bool load_secret(struct store *store, struct error *err) {
    if (!get_counter(store, "secret.0", &store->secret[0], err) ||
        !get_counter(store, "secret.1", &store->secret[1], err))
        return false;
    if (store->secret[0] != 1 || store->read_only)
        return true;
    if (RAND_bytes((unsigned char *)store->secret, sizeof store->secret) != 1)
        return error_set(err, STORE_IO, "%s: no random octets to be had", store->path);
    return sql_exec(store, "BEGIN IMMEDIATE", err) && set_counter(store, "secret.0", store->secret[0], err) &&
           set_counter(store, "secret.1", store->secret[1], err) && sql_exec(store, "COMMIT", err);
}

/* I9: what the counter says is above every id that a row can have. The first commit takes the next block. */
static bool load_ids(struct store *store, struct error *err) {
    if (!get_counter(store, "id", &store->next_id, err))
        return false;
    if (!store->next_id || store->next_id > INT64_MAX - ID_BLOCK) {
        store->next_id = UINT64_C(1) << 62; /* above all that can be there; repair finds the right one */
        store->accepting = false;
        store->needs_repair = true;
        error_set(&store->cause, STORE_CORRUPT, "%s: the counter of ids is damaged; run `mhs store check`",
                  store->path);
    }
    store->id_limit = store->next_id;
    return true;
}

static bool load_names(struct store *store, struct names *names, const char *text, struct error *err) {
    struct error inner = {0};
    sqlite3_stmt *statement = sql_walk(store, text, err);
    if (!statement)
        return false;
    while (sql_next(store, statement, &inner)) {
        struct span name = sql_span(statement, 1);
        uint32_t key = (uint32_t)sqlite3_column_int64(statement, 0);
        if (!key || !names_add(names, store_hash(store, name), name, key,
                               (uint64_t)sqlite3_column_int64(statement, 2)))
            error_set(&inner, key ? STORE_NO_MEMORY : STORE_CORRUPT, "%s: a name's key %u can't be held",
                      store->path, key);
        if (inner.code)
            break;
    }
    sqlite3_finalize(statement);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

static bool load_activities_out(struct store *store, struct error *err) {
    struct error inner = {0};
    sqlite3_stmt *statement = sql_walk(store, "SELECT work FROM activity_out", err);
    if (!statement)
        return false;
    while (!inner.code && sql_next(store, statement, &inner))
        if (sqlite3_column_int64(statement, 0) &&
            !idmap_put(&store->activities_out, (uint64_t)sqlite3_column_int64(statement, 0)))
            error_set(&inner, STORE_NO_MEMORY, "%s: out of memory", store->path);
    sqlite3_finalize(statement);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

static bool load(struct store *store, struct error *err) {
    return load_secret(store, err) && load_ids(store, err) &&
           load_names(store, &store->next_hops, "SELECT id, name, 0 FROM next_hop ORDER BY id", err) &&
           load_names(store, &store->mailboxes, "SELECT id, name, next FROM mailbox ORDER BY id", err) &&
           segments_load(store, err) && activities_load(store, err) && load_activities_out(store, err) &&
           (store->read_only || (events_load(store, err) && repeats_load(store, err)));
}

static bool prepare_runs(struct store *store, struct error *err) {
    return store->read_only || (runs_init(&store->track) && runs_init(&store->repeats)) ||
           error_set(err, STORE_NO_MEMORY, "%s: out of memory", store->path);
}

static bool open_all(struct store *store, const struct store_options *options, struct error *err) {
    return make_folders(store, options->create && !store->read_only, err) &&
           ((store->read_only && !options->alone) || take_lock(store, err)) && prepare_runs(store, err) &&
           open_database(store, options, err) && check_version(store, err) && set_pragmas(store, err) &&
           (store->read_only || schema_migrate(store->db, store->path, SCHEMA_VERSION, err)) &&
           load(store, err);
}

/* A handle that is not open yet. */
static struct store *new_store(const char *place, const struct store_options *options, struct error *err) {
    struct store *store = mem_alloc(sizeof *store);
    if (!store || !(store->path = mem_strdup(place))) {
        mem_free(store);
        error_set(err, STORE_NO_MEMORY, "%s: out of memory", place);
        return NULL;
    }
    store->lock = -1;
    store->read_only = options->read_only;
    store->files = options->files ? options->files : &store_system_files;
    store->low_water = options->low_water ? options->low_water : LOW_WATER;
    store->accepting = !store->read_only;
    names_init(&store->next_hops);
    names_init(&store->mailboxes);
    return store;
}

static void warn_of_space(const struct store *store) {
    int64_t space = store->files->free_space(store->path);
    if (store->read_only || space < 0 || store_room_for_segment(store, store->low_water))
        return;
    log_warning(
        "%s: only %lld MiB of the disk are free: %llu MiB are kept free, and a new segment for contents "
        "takes %llu MiB; make room, or mail is soon refused",
        store->path, (long long)(space >> 20), (unsigned long long)(store->low_water >> 20),
        (unsigned long long)(SEGMENT_SIZE >> 20));
}

struct store *store_open(const char *place, const struct store_options *options, struct error *err) {
    static const struct store_options defaults;
    struct error inner = {0};
    struct store *store = new_store(place, options ? options : &defaults, err);
    if (!store)
        return NULL;
    if (open_all(store, options ? options : &defaults, &inner)) {
        warn_of_space(store);
        return store;
    }
    error_set(err, inner.code, "%s", inner.text);
    store_close(store);
    return NULL;
}

bool store_is_there(const char *place, struct error *err) {
    char name[4096];
    errno = ENAMETOOLONG;
    if (snprintf(name, sizeof name, "%s/queue.db", place) < (int)sizeof name && access(name, F_OK) == 0)
        return true;
    return not_there(place, errno, err);
}

bool store_examine(const char *place, struct error *err) {
    static const struct store_options reader = {.read_only = true};
    struct error inner = {0};
    int version;
    if (!store_is_there(place, err))
        return false;
    struct store *store = new_store(place, &reader, err);
    if (!store)
        return false;
    bool ok =
        open_database(store, &reader, &inner) && schema_version(store->db, store->path, &version, &inner);
    store_close(store);
    return ok || error_set(err, inner.code, "%s", inner.text);
}

void store_close(struct store *store) {
    if (!store)
        return;
    sql_finish_all(store);
    sqlite3_close_v2(store->db);
    segments_free(store);
    activities_free(store);
    idmap_free(&store->activities_out);
    idmap_free(&store->open_contents);
    names_free(&store->next_hops);
    names_free(&store->mailboxes);
    runs_free(&store->track);
    runs_free(&store->repeats);
    if (store->lock >= 0)
        close(store->lock);
    mem_free(store->path);
    mem_free(store);
}

/* ---- health ---- */

bool store_accepting(const struct store *store) {
    return store->accepting;
}

const struct error *store_cause(const struct store *store) {
    return &store->cause;
}

/* What lies in free segments of ours is given back before anybody is refused for want of space. */
static bool has_space(struct store *store) {
    int64_t space = store->files->free_space(store->path);
    if (space >= 0 && (uint64_t)space < store->low_water) {
        store_keep_end(store); /* mail comes before a backup */
        if (segments_drop_free(store))
            space = store->files->free_space(store->path);
    }
    if (space < 0 || (uint64_t)space >= store->low_water)
        return true;
    store->accepting = false;
    return error_set(&store->cause, STORE_FULL,
                     "%s: only %lld MiB of the disk are free; make room: mail is taken again above %llu MiB",
                     store->path, (long long)(space >> 20), (unsigned long long)(store->low_water >> 20));
}

bool store_room_for_segment(const struct store *store, uint64_t left) {
    int64_t space = store->files->free_space(store->path);
    return space < 0 || (uint64_t)space >= SEGMENT_SIZE + left;
}

void store_watch_space(struct store *store) {
    if (store->commits_to_space_check--)
        return;
    store->commits_to_space_check = SPACE_CHECK_COMMITS;
    if (store->accepting)
        has_space(store);
}

bool store_probe(struct store *store) {
    struct error err = {0};
    uint64_t value;
    if (store->read_only || store->needs_repair || (!store->accepting && !segments_are_there(store)) ||
        !has_space(store) || store->accepting)
        return store->accepting;
    if (!get_counter(store, "probe", &value, &err) || !set_counter(store, "probe", value + 1, &err)) {
        store->cause = err;
        return false;
    }
    store->cause = (struct error){0};
    store->accepting = true;
    return true;
}

int64_t store_gather_us(const struct store *store, unsigned requests, unsigned in_flight, int64_t since,
                        int64_t now) {
    /* When the disk is slow, enough gathers while it syncs; when nobody else is under way, waiting only
     * costs. */
    if (!requests || requests >= in_flight || store->figures.sync_us >= GATHER_LIMIT_US)
        return 0;
    int64_t left = since + GATHER_LIMIT_US - now;
    return left < 0 ? 0 : left > GATHER_LIMIT_US ? GATHER_LIMIT_US : left;
}

void store_figures(const struct store *store, struct store_figures *figures) {
    *figures = store->figures;
    for (size_t i = 0; i < store->segment_count; i++) {
        figures->segments++;
        figures->free_segments += store->segments[i]->live == 0;
        figures->content_octets += store->segments[i]->live;
    }
}

/* ---- names ---- */

/* A reader looks for names that the writer made since. */
static void refresh(struct store *store, struct names *names, const char *columns) {
    char text[128];
    struct error ignored;
    snprintf(text, sizeof text, "SELECT %s WHERE id > %u ORDER BY id", columns, (unsigned)names->count);
    load_names(store, names, text, &ignored);
}

static uint32_t find_next_hop(struct store *store, struct span name) {
    uint32_t key = names_find(&store->next_hops, store_hash(store, name), name);
    if (key || !store->read_only)
        return key;
    refresh(store, &store->next_hops, "id, name, 0 FROM next_hop");
    return names_find(&store->next_hops, store_hash(store, name), name);
}

uint32_t store_next_hop(struct store *store, struct span name) {
    uint32_t key = find_next_hop(store, name);
    return key || store->read_only ? key : names_add(&store->next_hops, store_hash(store, name), name, 0, 0);
}

struct span store_next_hop_name(struct store *store, uint32_t next_hop) {
    const struct name *name = names_get(&store->next_hops, next_hop);
    if (!name && store->read_only) {
        refresh(store, &store->next_hops, "id, name, 0 FROM next_hop");
        name = names_get(&store->next_hops, next_hop);
    }
    return name ? name->text : (struct span){NULL, 0};
}

uint32_t store_find_mailbox(struct store *store, struct span name) {
    uint32_t key = names_find(&store->mailboxes, store_hash(store, name), name);
    if (key || !store->read_only)
        return key;
    refresh(store, &store->mailboxes, "id, name, next FROM mailbox");
    return names_find(&store->mailboxes, store_hash(store, name), name);
}

uint32_t store_mailbox(struct store *store, struct span name) {
    uint32_t key = store_find_mailbox(store, name);
    return key || store->read_only ? key : names_add(&store->mailboxes, store_hash(store, name), name, 0, 1);
}
