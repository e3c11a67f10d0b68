/*
 * A store on a disk that lies: u8 file, u32 offset, u16 length and so many octets
 * are written over a good store, again and again. Then it is opened, read whole,
 * written to, checked and repaired. Whatever that says, it says it.
 */
#include "base/arena.h"
#include "base/reader.h"
#include "disk.h"
#include "quiet.h"
#include "store/check.h"
#include "store/store.h"

#define NOW INT64_C(1795327200000000)

static struct arena arena;

/* ---- a good store, with a bit of everything ---- */

static struct store_content *make_content(struct store *store, size_t length) {
    static uint8_t octets[200000];
    struct error err = {0};
    memset(octets, 'c', sizeof octets);
    struct store_content *content = store_content_create(store, length, &err);
    disk_require(content && store_content_append(content, span_of(octets, length), &err));
    return content;
}

static uint64_t add_message(struct store *store, struct store_batch *batch, size_t length) {
    struct store_content *content = make_content(store, length);
    uint64_t message = store_add_message(batch, NOW, SPAN_LIT("envelope"), content);
    struct store_work work = {.message = message,
                              .next_hop = store_next_hop(store, SPAN_LIT("beta"), NULL),
                              .data = SPAN_LIT("plan")};
    store_content_release(content);
    store_add_work(batch, &work);
    return message;
}

static void inhabit(struct store *store) {
    static const uint8_t digest[STORE_DIGEST] = {3};
    struct error err = {0};
    struct store_batch *batch = store_batch_new(store);
    add_message(store, batch, 100);
    add_message(store, batch, 100000);
    uint64_t message = add_message(store, batch, 200000);
    struct store_entry entry = {.message = message, .data = SPAN_LIT("entry")};
    store_add_entry(batch, store_mailbox(store, SPAN_LIT("box"), NULL), &entry, NULL);
    struct store_content *content = make_content(store, 50000);
    store_put_activity_in(batch, &(struct store_activity_in){.peer = SPAN_LIT("p")}, content);
    store_content_release(content);
    store_add_event(batch, SPAN_LIT("key"), NOW, SPAN_LIT("data"));
    store_add_repeat(batch, digest, INT64_MAX);
    store_put_record(batch, 1, SPAN_LIT("user"), SPAN_LIT("record"));
    disk_require(store_commit(batch, &err));
    store_batch_free(batch);
}

static void note(void *context, const struct store_finding *finding) {
    if (finding->step)
        return;
    *(uint64_t *)context += !finding->lost && !finding->note; /* what is no finding is not counted */
    disk_require(finding->text[0]);
}

static const struct store_options options = {.create = true, .low_water = 1};

static void make_store(void) {
    struct error err = {0};
    struct store *store = store_open(disk_begin(), &options, &err);
    disk_require(store != NULL);
    inhabit(store);
    store_close(store);
    disk_keep();
    /* What was kept is what was there. */
    uint64_t told = 0, findings = 0;
    disk_restore();
    disk_require(store_check(disk.folder, true, note, &told, &findings, &err) && findings == 0);
}

/* ---- all that reads ---- */

static void read_content(struct store *store, uint64_t message) {
    static uint8_t octets[4096];
    struct error err = {0};
    struct store_content *content = store_content_open(store, message, &err);
    size_t got = 1;
    uint8_t digest[STORE_DIGEST];
    for (uint64_t at = 0; content && got && at < 300000; at += got)
        if (!store_content_read(content, at, octets, sizeof octets, &got, &err))
            break;
    if (content)
        store_content_digest(content, digest, &err);
    store_content_release(content);
}

static bool on_work(void *context, const struct store_work *work) {
    struct store *store = context;
    struct store_message message;
    struct store_work again;
    struct error err = {0};
    if (store_get_message(store, work->message, &arena, &message, &err))
        read_content(store, work->message);
    store_get_work(store, work->id, &arena, &again, &err);
    return true;
}

static bool on_entry(void *context, const struct store_entry *entry) {
    read_content(context, entry->message);
    return true;
}

static bool on_event(void *context, int64_t at, struct span data) {
    *(uint64_t *)context += (uint64_t)at + span_hash(data);
    return true;
}

static bool on_record(void *context, struct span name, struct span data) {
    *(uint64_t *)context += span_hash(name) + span_hash(data);
    return true;
}

static void read_all(struct store *store) {
    static const uint8_t digest[STORE_DIGEST] = {3};
    struct error err = {0};
    uint64_t sum = 0;
    store_each_work(store, 0, 100, 0, -1, on_work, store, &err);
    store_each_entry(store, store_find_mailbox(store, SPAN_LIT("box"), NULL), 0, 100, on_entry, store, &err);
    store_track(store, SPAN_LIT("key"), on_event, &sum, &err);
    store_find_repeat(store, NULL, digest, &err);
    store_each_record(store, 1, on_record, &sum, &err);
}

static void write_more(struct store *store) {
    struct error err = {0};
    struct store_batch *batch = store_batch_new(store);
    add_message(store, batch, 10);
    store_commit(batch, &err);
    store_batch_free(batch);
    store_maintain(store, NOW, NOW + 1, 1000);
}

static void use(void) {
    struct error err = {0};
    struct store *store = store_open(disk.folder, &options, &err);
    if (!store) {
        disk_require(err.text[0]);
        return;
    }
    read_all(store);
    write_more(store);
    store_close(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct reader in = reader_of(span_of(data, size));
    struct error err = {0};
    uint64_t told = 0, findings = 0;
    if (!disk.count)
        make_store();
    disk_restore();
    while (reader_left(&in) >= 7) {
        size_t file = reader_u8(&in) % disk.count;
        size_t offset = reader_u32(&in), length = reader_u16(&in);
        struct span octets = reader_take(&in, length < reader_left(&in) ? length : reader_left(&in));
        disk_damage(file, offset % (disk.files[file].octets.len + 1000), octets);
    }
    arena_init(&arena, 16 << 20);
    use();
    if (store_check(disk.folder, true, note, &told, &findings, &err))
        disk_require(told == findings);
    store_repair(disk.folder, note, &told, &findings, &err);
    use();
    arena_free(&arena);
    return 0;
}
