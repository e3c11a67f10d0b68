/*
 * Segment files. Space is given out from the front of one segment to its end;
 * what is freed in between is not used again until the whole segment is free
 * (I4), then it starts over. So the allocator's state is two numbers a segment,
 * and after a crash both follow from the rows: space that was given out and
 * never committed is simply below nobody's row.
 */
#include "store/sqlite/sqlite_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/log.h"

#define OPEN_LIMIT  64
#define SPARE_LIMIT 4
#define FILL_STEP   (UINT64_C(1) << 20)
#define WRITE_BACK  (UINT64_C(4) << 20)

void segment_path(const struct sqlite *store, uint64_t id, struct buf *out) {
    buf_printf(out, "%s/segments/%08llu", store->head.place, (unsigned long long)id);
    buf_append_byte(out, 0);
}

/* ---- the list ---- */

static size_t position(const struct sqlite *store, uint64_t id) {
    size_t low = 0, high = store->segment_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (store->segments[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct segment *segment_find(struct sqlite *store, uint64_t id) {
    size_t at = position(store, id);
    return at < store->segment_count && store->segments[at]->id == id ? store->segments[at] : NULL;
}

static struct segment *add(struct sqlite *store, uint64_t id) {
    if (store->segment_count == store->segment_cap) {
        size_t cap = store->segment_cap ? store->segment_cap * 2 : 16;
        struct segment **list = mem_resize(store->segments, cap * sizeof(struct segment *));
        if (!list)
            return NULL;
        store->segments = list;
        store->segment_cap = cap;
    }
    struct segment *segment = mem_alloc(sizeof *segment);
    if (!segment)
        return NULL;
    *segment = (struct segment){.id = id, .fd = -1, .kept = store->keeps};
    size_t at = position(store, id);
    memmove(store->segments + at + 1, store->segments + at,
            (store->segment_count - at) * sizeof(struct segment *));
    store->segments[at] = segment;
    store->segment_count++;
    if (id >= store->next_segment)
        store->next_segment = id + 1;
    return segment;
}

struct segment *segment_note(struct sqlite *store, uint64_t id) {
    struct segment *segment = id ? add(store, id) : NULL;
    if (segment)
        segment->tail = segment->live = SEGMENT_SIZE; /* not ours to give out */
    return segment;
}

void segment_close(struct sqlite *store, struct segment *segment) {
    if (segment->fd >= 0)
        store->files->close(segment->fd);
    segment->fd = -1;
}

static void drop(struct sqlite *store, struct segment *segment) {
    size_t at = position(store, segment->id);
    segment_close(store, segment);
    memmove(store->segments + at, store->segments + at + 1,
            (store->segment_count - at - 1) * sizeof(struct segment *));
    store->segment_count--;
    mem_free(segment);
}

void segments_free(struct sqlite *store) {
    while (store->segment_count)
        drop(store, store->segments[store->segment_count - 1]);
    mem_free(store->segments);
    store->segments = NULL;
}

/* ---- files ---- */

static void limit_open(struct sqlite *store, const struct segment *keep) {
    size_t open = 0;
    for (size_t i = 0; i < store->segment_count; i++)
        open += store->segments[i]->fd >= 0;
    for (size_t i = 0; open > OPEN_LIMIT && i < store->segment_count; i++) {
        struct segment *other = store->segments[i];
        if (other != keep && other != store->current && !other->dirty && other->fd >= 0) {
            segment_close(store, other);
            open--;
        }
    }
}

static bool open_file(struct sqlite *store, struct segment *segment, int flags, struct error *err) {
    if (segment->fd >= 0)
        return true;
    struct buf path;
    buf_init(&path, 0);
    segment_path(store, segment->id, &path);
    if (!path.failed)
        segment->fd = store->files->open((const char *)path.data,
                                         store->head.read_only ? O_RDONLY : O_RDWR | flags, 0600);
    int number = path.failed ? ENOMEM : errno;
    buf_free(&path);
    if (segment->fd < 0 && number == ENOENT)
        return presence_of_folder(store, err) &&
               error_set(err, STORE_CORRUPT, "%s: segment %llu is missing", store->head.place,
                         (unsigned long long)segment->id);
    if (segment->fd < 0)
        return errno_error(store->head.place, number, "open segment", err);
    limit_open(store, segment);
    return true;
}

static void remove_file(struct sqlite *store, uint64_t id) {
    struct buf path;
    buf_init(&path, 0);
    segment_path(store, id, &path);
    if (!path.failed && store->files->unlink((const char *)path.data))
        log_warning("store: can't remove free segment %s: %s", (const char *)path.data, strerror(errno));
    buf_free(&path);
}

bool room_for_segment(const struct sqlite *store, uint64_t left) {
    int64_t space = store->files->free_space(store->head.place);
    return space < 0 || (uint64_t)space >= SEGMENT_SIZE + left;
}

static bool may_create(const struct sqlite *store, struct error *err) {
    return room_for_segment(store, store->head.low_water / 2) ||
           error_set(err, STORE_FULL,
                     "%s: only %lld MiB of the disk are free: a new segment for contents takes %llu MiB, and "
                     "%llu MiB are kept for the database; make room",
                     store->head.place, (long long)(store->files->free_space(store->head.place) >> 20),
                     (unsigned long long)(SEGMENT_SIZE >> 20),
                     (unsigned long long)(store->head.low_water / 2 >> 20));
}

static struct segment *create(struct sqlite *store, struct error *err) {
    if (!may_create(store, err))
        return NULL;
    struct segment *segment = add(store, store->next_segment);
    if (!segment) {
        error_set(err, STORE_NO_MEMORY, "%s: out of memory", store->head.place);
        return NULL;
    }
    if (!open_file(store, segment, O_CREAT | O_EXCL, err)) {
        drop(store, segment);
        return NULL;
    }
    int number = store->files->allocate(segment->fd, (off_t)SEGMENT_SIZE);
    if (number) {
        errno_error(store->head.place, number, "make a segment", err);
        remove_file(store, segment->id);
        drop(store, segment);
        return NULL;
    }
    store->new_segments = true;
    return segment;
}

bool segments_sync_folder(struct sqlite *store, struct error *err) {
    struct buf path;
    if (!store->new_segments)
        return true;
    buf_init(&path, 0);
    buf_printf(&path, "%s/segments", store->head.place);
    bool ok = buf_append_byte(&path, 0) && store->files->sync_folder((const char *)path.data) == 0;
    int number = path.failed ? ENOMEM : errno;
    buf_free(&path);
    store->new_segments = !ok;
    return ok || errno_error(store->head.place, number, "sync the folder of segments", err);
}

/* ---- reading and writing ---- */

bool segment_write(struct sqlite *store, struct segment *segment, uint64_t offset, struct span octets,
                   struct error *err) {
    if (!open_file(store, segment, 0, err))
        return false;
    segment->dirty = true;
    segment->written++;
    while (octets.len) {
        ssize_t done = store->files->pwrite(segment->fd, octets.data, octets.len, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            segment->broken = true;
            return errno_error(store->head.place, done ? errno : ENOSPC, "write to a segment", err);
        }
        octets = span_sub(octets, (size_t)done, octets.len);
        offset += (uint64_t)done;
        segment->unsynced += (uint64_t)done;
    }
    /* Of a long content little is left for the sync, so that its commit doesn't keep the others waiting. */
    if (segment->unsynced >= WRITE_BACK) {
        store->files->write_back(segment->fd);
        segment->unsynced = 0;
    }
    return true;
}

bool segment_read(struct sqlite *store, struct segment *segment, uint64_t offset, void *out, size_t len,
                  struct error *err) {
    uint8_t *to = out;
    if (!open_file(store, segment, 0, err))
        return false;
    while (len) {
        ssize_t done = store->files->pread(segment->fd, to, len, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return errno_error(store->head.place, errno, "read a segment", err);
        if (done == 0)
            return error_set(err, STORE_CORRUPT, "%s: segment %llu is cut short", store->head.place,
                             (unsigned long long)segment->id);
        to += done;
        len -= (size_t)done;
        offset += (uint64_t)done;
    }
    return true;
}

/*
 * After a failed sync the system may call lost pages clean, so that a second
 * sync succeeds without them. Therefore every content with octets there that no
 * row has yet is given up, and nothing new goes to this segment until it is free.
 */
static void give_up(struct sqlite *store, struct segment *segment) {
    segment->broken = true;
    for (size_t i = 0; i < store->head.open_contents.room; i++) {
        struct content *content = store->head.open_contents.slots[i].value;
        if (!store->head.open_contents.slots[i].key || content->saved_length == content->head.length)
            continue;
        for (size_t n = content->saved_extents ? content->saved_extents - 1 : 0; n < content->extent_count;
             n++)
            if (content->extents[n].segment == segment)
                content->head.failed = true;
    }
}

int segment_datasync(const struct sqlite *store, const struct segment *segment) {
    if (segment->fd < 0)
        return EIO;
    return store->files->datasync(segment->fd) ? errno : 0;
}

bool segment_synced(struct sqlite *store, struct segment *segment, uint64_t written, int result,
                    struct error *err) {
    if (result) {
        errno_error(store->head.place, result, "sync a segment", err);
        give_up(store, segment);
        return false;
    }
    if (segment->written == written) {
        segment->dirty = false;
        segment->unsynced = 0;
    }
    return true;
}

bool segment_sync(struct sqlite *store, struct segment *segment, struct error *err) {
    return !segment->dirty ||
           segment_synced(store, segment, segment->written, segment_datasync(store, segment), err);
}

/* ---- giving out space ---- */

static bool is_free(const struct sqlite *store, const struct segment *segment) {
    return !segment->live && !segment->tail && !segment->missing && segment != store->current;
}

static struct segment *next_free(struct sqlite *store) {
    struct segment *best = NULL;
    for (size_t i = 0; i < store->segment_count; i++) {
        struct segment *segment = store->segments[i];
        if (is_free(store, segment) && !segment->broken && !segment->retired &&
            (!best || segment->filled > best->filled))
            best = segment;
    }
    return best;
}

bool segments_have_room(struct sqlite *store, struct error *err) {
    bool begins = store->current && !store->current->tail && !store->current->broken;
    return begins || next_free(store) || may_create(store, err);
}

/* What held contents has its blocks on disk, as what was filled with zeros has. */
static void start_over(struct segment *segment) {
    uint64_t used = segment->tail / FILL_STEP * FILL_STEP;
    if (segment->filled < used)
        segment->filled = used;
    segment->tail = 0;
    segment->broken = false;
}

static void keep_end(struct segment *segment) {
    bool was_kept = segment->kept;
    segment->kept = false;
    if (was_kept && !segment->live && !segment->missing)
        start_over(segment);
}

void segments_keep(struct sqlite *store) {
    store->keeps = true;
    for (size_t i = 0; i < store->segment_count; i++)
        store->segments[i]->kept = true;
}

bool segments_keep_end(struct sqlite *store) {
    bool kept = store->keeps;
    store->keeps = false;
    for (size_t i = 0; i < store->segment_count; i++)
        keep_end(store->segments[i]);
    return kept;
}

bool segment_take(struct sqlite *store, uint64_t want, struct extent *extent, struct error *err) {
    struct segment *current = store->current;
    if (!current || current->broken || current->tail >= SEGMENT_SIZE) {
        struct segment *next = next_free(store);
        if (!next && store->keeps && !room_for_segment(store, store->head.low_water)) {
            segments_keep_end(store); /* mail comes before a backup */
            next = next_free(store);
        }
        if (!next && !(next = create(store, err)))
            return false;
        store->current = current = next;
    }
    uint64_t room = SEGMENT_SIZE - current->tail;
    want = want < SEGMENT_SIZE ? align_up(want) : SEGMENT_SIZE;
    *extent = (struct extent){current, current->tail, 0, want < room ? want : room};
    current->tail += extent->reserved;
    current->live += extent->reserved;
    store->fill_debt += extent->reserved;
    return true;
}

void segment_give_back(struct extent *extent, uint64_t keep) {
    struct segment *segment = extent->segment;
    uint64_t back = extent->reserved - align_up(keep);
    if (segment->tail == extent->offset + extent->reserved && !segment->kept)
        segment->tail -= back;
    segment->live -= back;
    extent->reserved -= back;
    if (!segment->live && !segment->kept)
        start_over(segment);
}

/* ---- work off the hot path ---- */

static struct segment *to_fill(struct sqlite *store) {
    struct segment *best = next_free(store);
    if (best || !store->current || store->current->tail < SEGMENT_SIZE / 2 || store->head.read_only ||
        !room_for_segment(store, 2 * store->head.low_water)) /* a spare one never makes us refuse mail */
        return best;
    struct error ignored;
    return create(store, &ignored); /* without space for a spare one, the commit that needs it will say so */
}

bool segment_fill_step(struct sqlite *store) {
    static const uint8_t zeros[FILL_STEP];
    struct error err;
    struct segment *segment = to_fill(store);
    if (!segment || segment->filled >= SEGMENT_SIZE)
        return false;
    if (!segment_write(store, segment, segment->filled, span_of(zeros, sizeof zeros), &err))
        return false;
    segment->filled += FILL_STEP;
    return segment->filled < SEGMENT_SIZE;
}

void segments_drop_spare(struct sqlite *store) {
    size_t spare = 0;
    for (size_t i = store->segment_count; i-- > 0;)
        if (is_free(store, store->segments[i]) && (store->segments[i]->retired || ++spare > SPARE_LIMIT)) {
            remove_file(store, store->segments[i]->id);
            drop(store, store->segments[i]);
        }
}

bool segments_drop_free(struct sqlite *store) {
    size_t before = store->segment_count;
    if (store->current && !store->current->live)
        store->current = NULL;
    for (size_t i = store->segment_count; i-- > 0;)
        if (is_free(store, store->segments[i])) {
            remove_file(store, store->segments[i]->id);
            drop(store, store->segments[i]);
        }
    return store->segment_count < before;
}

/* ---- at start ---- */

static bool note_file(struct sqlite *store, const char *name, struct error *err) {
    char *end;
    errno = 0;
    unsigned long long id = strtoull(name, &end, 10);
    if (*end || end == name || errno || id == 0)
        return true; /* not a segment: left alone */
    struct segment *segment = segment_find(store, id);
    char path[4400];
    struct stat s;
    snprintf(path, sizeof path, "%s/segments/%s", store->head.place, name);
    if (stat(path, &s))
        return errno == ENOENT || errno_error(store->head.place, errno, path, err);
    if (!segment && !(segment = add(store, id)))
        return error_set(err, STORE_NO_MEMORY, "%s: out of memory", store->head.place);
    segment->size = (uint64_t)s.st_size;
    segment->missing = segment->size < segment->end;
    segment->filled = SEGMENT_SIZE;
    if (!segment->live && (uint64_t)s.st_size < SEGMENT_SIZE) { /* a crash cut its making short */
        if (!store->head.read_only)
            remove_file(store, id);
        drop(store, segment);
    }
    return true;
}

static bool read_folder(struct sqlite *store, struct error *err) {
    char path[4400];
    bool ok = true;
    snprintf(path, sizeof path, "%s/segments", store->head.place);
    DIR *folder = opendir(path);
    if (!folder)
        return errno_error(store->head.place, errno, path, err);
    for (struct dirent *entry; ok && (entry = readdir(folder));)
        if (entry->d_name[0] != '.')
            ok = note_file(store, entry->d_name, err);
    closedir(folder);
    return ok;
}

static bool read_rows(struct sqlite *store, struct error *err) {
    struct error inner = {0};
    sqlite3_stmt *walk =
        sql_walk(store,
                 "SELECT segment, max(offset + length), sum((length + 4095) / 4096 * 4096) FROM extent"
                 " GROUP BY segment",
                 err);
    if (!walk)
        return false;
    while (!inner.code && sql_next(store, walk, &inner)) {
        struct segment *segment = add(store, (uint64_t)sqlite3_column_int64(walk, 0));
        if (!segment) {
            error_set(&inner, STORE_NO_MEMORY, "%s: out of memory", store->head.place);
            break;
        }
        segment->end = (uint64_t)sqlite3_column_int64(walk, 1);
        segment->tail = align_up(segment->end);
        segment->live = (uint64_t)sqlite3_column_int64(walk, 2);
        segment->missing = true; /* until its file is seen */
    }
    sqlite3_finalize(walk);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

static bool bad_rows(const struct segment *segment) {
    return segment->tail > SEGMENT_SIZE || segment->live > segment->tail || !segment->id;
}

static bool tell_missing(const struct sqlite *store, const struct segment *segment, struct error *err) {
    return error_set(err, STORE_CORRUPT, "%s: segment %llu is missing or damaged; run `mhs store check`",
                     store->head.place, (unsigned long long)segment->id);
}

bool segments_are_there(struct sqlite *store, struct error *err) {
    char path[4400];
    struct stat s;
    for (size_t i = 0; i < store->segment_count; i++) {
        struct segment *segment = store->segments[i];
        snprintf(path, sizeof path, "%s/segments/%08llu", store->head.place, (unsigned long long)segment->id);
        if (segment->missing && (stat(path, &s) || (uint64_t)s.st_size < SEGMENT_SIZE))
            return tell_missing(store, segment, err);
        segment->missing = false;
    }
    return true;
}

static void set_aside(struct sqlite *store, struct segment *segment) {
    struct error cause;
    store->head.needs_repair |= bad_rows(segment);
    segment->missing = true;
    segment->tail = SEGMENT_SIZE; /* nothing is put into it */
    tell_missing(store, segment, &cause);
    store_refuses(&store->head, &cause);
}

bool segments_load(struct sqlite *store, struct error *err) {
    store->next_segment = 1;
    if (!read_rows(store, err) || !read_folder(store, err))
        return false;
    for (size_t i = 0; i < store->segment_count; i++) {
        struct segment *segment = store->segments[i];
        if (segment->missing || bad_rows(segment))
            set_aside(store, segment);
        else if (segment->live && segment->tail < SEGMENT_SIZE / 4 * 3)
            store->current = segment; /* go on where it stopped */
    }
    return true;
}
