/* The octets of contents, synced before the rows that point at them (I3): inline, or by the store's thread.
 */
#include "base/alloc.h"
#include "store/sqlite/commit_private.h"

static bool grow(struct commit *commit, struct error *err) {
    size_t cap = commit->job.cap ? commit->job.cap * 2 : 8;
    struct body *list = mem_resize(commit->job.list, cap * sizeof *list);
    if (!list)
        return store_no_memory(&commit->store->head, err);
    commit->job.list = list;
    commit->job.cap = cap;
    return true;
}

static bool add(struct commit *commit, struct segment *segment, struct error *err) {
    if (commit->bodies_synced || !segment->dirty || segment->syncing)
        return true;
    if (commit->job.count == commit->job.cap && !grow(commit, err))
        return false;
    commit->job.list[commit->job.count++] = (struct body){segment, segment->written, 0};
    segment->syncing = true;
    return true;
}

bool bodies_list(struct commit *commit, const struct content *content, struct error *err) {
    for (size_t i = content->saved_extents ? content->saved_extents - 1 : 0; i < content->extent_count; i++)
        if (!add(commit, content->extents[i].segment, err))
            return false;
    return true;
}

void bodies_forget(struct commit *commit) {
    while (commit->job.count)
        commit->job.list[--commit->job.count].segment->syncing = false;
}

void bodies_sync(struct commit *commit) {
    for (size_t i = 0; i < commit->job.count; i++)
        commit->job.list[i].result = segment_datasync(commit->store, commit->job.list[i].segment);
}

bool bodies_end(struct commit *commit, struct error *err) {
    bool synced = true;
    for (size_t i = 0; i < commit->job.count; i++) {
        const struct body *body = &commit->job.list[i];
        synced = segment_synced(commit->store, body->segment, body->written, body->result, err) && synced;
    }
    bodies_forget(commit);
    commit->bodies_synced = synced;
    return synced;
}
