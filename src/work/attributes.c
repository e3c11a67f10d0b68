/* What the columns of entries are made of (ms/sealed.h): of each the row's items and the beginning of the
 * content. */
#include "ipc/payload.h"
#include "ms/sealed.h"
#include "work/work_private.h"

#define ENTRY_MEMORY ((size_t)32 << 20)

/* The octets of a content that came with the job. */
struct beginning {
    struct span octets;
    bool short_of; /* more was wanted */
};

static bool read_beginning(void *context, uint64_t offset, void *out, size_t len) {
    struct beginning *beginning = context;
    if (offset > beginning->octets.len || len > beginning->octets.len - offset) {
        beginning->short_of = true;
        return false;
    }
    memcpy(out, beginning->octets.data + offset, len);
    return true;
}

/* False without memory, or where it is no job. */
static bool tell_entry(struct reader *r, struct buf *results) {
    struct store_entry entry = {.type = reader_u8(r), .known = reader_u8(r)};
    struct span items = payload_octets(r);
    struct beginning beginning = {.short_of = false};
    struct ms_content content = {read_beginning, &beginning, reader_u64(r)};
    struct arena arena;
    struct ms_facts facts;
    beginning.octets = payload_octets(r);
    if (r->failed)
        return false;
    arena_init(&arena, ENTRY_MEMORY);
    bool done = ms_seal_facts(&entry, items, &content, &arena, &facts);
    if (done && beginning.short_of && beginning.octets.len < MS_BEGINNING)
        buf_append_byte(results, IPC_WORK_MORE);
    else
        done = done && buf_append_byte(results, IPC_WORK_FACTS) && ms_facts_write(results, &facts);
    arena_free(&arena);
    return done && !results->failed;
}

bool work_attributes(struct job *job) {
    struct reader r = reader_of(job->arguments);
    struct buf results;
    bool done = true;
    buf_init(&results, IPC_CLIENT_MAX);
    while (done && reader_left(&r))
        done = tell_entry(&r, &results);
    bool said = done && work_done(job, 0, buf_span(&results));
    buf_free(&results);
    return done ? said : work_failed(job, "no memory");
}
