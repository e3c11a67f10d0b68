/* What the SQLite engine does with a handle. */
#include <unistd.h>

#include "base/alloc.h"
#include "store/bits_private.h"
#include "store/sqlite/sqlite_private.h"

static void free_commit(struct commit *commit) {
    while (commit->freed_count)
        store_content_release(&commit->freed[--commit->freed_count]->head);
    map_free(&commit->message_refs);
    map_free(&commit->content_refs);
    map_free(&commit->contents);
    map_free(&commit->activity_contents);
    bits_free(&commit->bits);
    map_free(&commit->emptied);
    buf_free(&commit->events);
    buf_free(&commit->repeat_keys);
    mem_free(commit->freed);
    mem_free(commit->job.list);
    mem_free(commit->drain_track.filter);
    mem_free(commit->drain_repeats.filter);
}

void sqlite_close(struct sqlite *store) {
    if (!store)
        return;
    if (store->head.fenced && !store_thread_ended(store->thread, false))
        return; /* it goes with the process, and its lock too: until then nobody else writes */
    if (store->thread)
        store_thread_ended(store->thread, true); /* what became of it shows at the next start */
    sql_close(&store->reading);
    sql_close(&store->writing);
    free_commit(&store->commit);
    segments_free(store);
    activities_free(&store->activities);
    map_free(&store->activities_out);
    names_free(&store->next_hops);
    names_free(&store->mailboxes);
    runs_free(&store->track);
    runs_free(&store->repeats);
    if (store->lock >= 0)
        close(store->lock);
    store_head_free(&store->head);
    mem_free(store);
}

static void close_store(struct store *head) {
    sqlite_close(sqlite_of(head));
}

static void keep(struct store *head) {
    segments_keep(sqlite_of(head));
}

static bool keep_end(struct store *head) {
    return segments_keep_end(sqlite_of(head));
}

static bool has_room(struct store *head, struct error *err) {
    return segments_have_room(sqlite_of(head), err);
}

/* The handle begins above what the counter says, and the first commit raises that: one block is enough. */
static bool more_ids(struct store *head, uint64_t least, struct error *err) {
    if (least && least < head->id_end) {
        head->next_id = least > head->next_id ? least : head->next_id;
        return true;
    }
    return error_set(err, STORE_FULL, "%s: there are no ids any more", head->place);
}

static bool write_something(struct sqlite *store, struct error *err) {
    uint64_t value;
    sqlite_write_begin(store);
    bool ok = counter_get(store, "probe", &value, err) && counter_set(store, "probe", value + 1, err);
    sqlite_write_end(store);
    return ok;
}

static bool probe(struct store *head, struct error *err) {
    struct sqlite *store = sqlite_of(head);
    if (!presence_of_store(store, err))
        return false;
    if (head->accepting)
        return space_look(store, err);
    return segments_are_there(store, err) && space_look(store, err) && write_something(store, err);
}

const struct store_engine sqlite_engine = {
    .content_size = sizeof(struct content),
    .close = close_store,
    .probe = probe,
    .has_room = has_room,
    .maintain = sqlite_maintain,
    .behind = sqlite_behind,
    .catch_up = sqlite_catch_up,
    .figures = sqlite_figures,
    .keep = keep,
    .keep_end = keep_end,
    .more_ids = more_ids,
    .commit_begin = sqlite_commit_begin,
    .proceed = sqlite_proceed,
    .descriptor = sqlite_descriptor,
    .give_up = sqlite_give_up,
    .content_write = sqlite_content_write,
    .content_read = sqlite_content_read,
    .content_end = sqlite_content_end,
    .content_close = sqlite_content_close,
    .content_open = sqlite_content_open,
    .content_resume = sqlite_content_resume,
    .get_message = sqlite_get_message,
    .get_work = sqlite_get_work,
    .each_work = sqlite_each_work,
    .track = sqlite_track,
    .each_event = sqlite_each_event,
    .find_repeat = sqlite_find_repeat,
    .find_activity_in = sqlite_find_activity_in,
    .each_activity_of = sqlite_each_activity_of,
    .each_activity_in = sqlite_each_activity_in,
    .each_activity_out = sqlite_each_activity_out,
    .get_outcome = sqlite_get_outcome,
    .has_outcome = sqlite_has_outcome,
    .each_outcome = sqlite_each_outcome,
    .scan = sqlite_scan,
    .next_hop = sqlite_next_hop,
    .mailbox = sqlite_mailbox,
    .next_hop_name = sqlite_next_hop_name,
    .each_mailbox = sqlite_each_mailbox,
    .change_mailboxes = sqlite_change_mailboxes,
    .get_entry = sqlite_get_entry,
    .each_entry = sqlite_each_entry,
    .get_bits = sqlite_get_bits,
    .each_column = sqlite_each_column,
    .last_entry = sqlite_last_entry,
    .count_chunks = sqlite_count_chunks,
    .get_record = sqlite_get_record,
    .each_record = sqlite_each_record,
};
