/* How much of the disk is free; and what is looked at every now and then. */
#include "store/sqlite/sqlite_private.h"

#define SPACE_CHECK_COMMITS 64

/* What lies in free segments of ours is given back before anybody is refused for want of space. */
bool space_look(struct sqlite *store, struct error *err) {
    int64_t space = store->files->free_space(store->head.place);
    if (space >= 0 && (uint64_t)space < store->head.low_water) {
        segments_keep_end(store); /* mail comes before a backup */
        if (segments_drop_free(store))
            space = store->files->free_space(store->head.place);
    }
    return space < 0 || (uint64_t)space >= store->head.low_water ||
           error_set(err, STORE_FULL,
                     "%s: only %lld MiB of the disk are free; make room: mail is taken again above %llu MiB",
                     store->head.place, (long long)(space >> 20),
                     (unsigned long long)(store->head.low_water >> 20));
}

void space_watch(struct sqlite *store) {
    struct error cause;
    if (store->commits_to_space_check--)
        return;
    store->commits_to_space_check = SPACE_CHECK_COMMITS;
    if (store->head.accepting && (!presence_of_store(store, &cause) || !space_look(store, &cause)))
        store_refuses(&store->head, &cause);
}

void sqlite_figures(const struct store *head, struct store_figures *figures) {
    const struct sqlite *store = (const struct sqlite *)head;
    for (size_t i = 0; i < store->segment_count; i++) {
        figures->segments++;
        figures->free_segments += store->segments[i]->live == 0;
        figures->content_octets += store->segments[i]->live;
    }
}
