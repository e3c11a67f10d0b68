/* What the rules ask of the record: where the copies of a message were routed. */
#include "mta/event.h"

/*
 * A look at a history reads so many events at most, the oldest first: what a
 * message is routed to is decided as it comes in, but for copies that fail or are
 * rerouted. Reports lengthen the history of their subject, and who sends many of
 * them shall not make each of them dearer.
 */
#define EVENTS_MOST 65536

struct routed {
    struct mta *mta;
    struct arena *arena;
    struct mts_routed *items;
    size_t count, room, looked;
    bool no_memory;
};

static bool add(struct routed *routed, const struct event_record *record) {
    if (routed->count == routed->room) {
        size_t room = routed->room ? 2 * routed->room : 16;
        struct mts_routed *items = arena_array(routed->arena, room, sizeof *items);
        if (!items)
            return false;
        if (routed->count)
            memcpy(items, routed->items, routed->count * sizeof *items);
        routed->items = items;
        routed->room = room;
    }
    const struct peer *peer = peer_find(routed->mta, record->peer);
    routed->items[routed->count++] = (struct mts_routed){record->number, peer ? peer->hop : -1};
    return true;
}

static bool each(void *context, int64_t at, struct span data) {
    struct routed *routed = context;
    struct reader r = reader_of(data);
    struct event_record record;
    (void)at;
    for (; event_read(&r, &record); routed->looked++)
        if (record.kind == MTS_EVENT_ROUTED && record.peer.len && !add(routed, &record)) {
            routed->no_memory = true;
            return false;
        }
    return routed->looked < EVENTS_MOST;
}

bool event_routed(void *context, struct span identifier, struct arena *arena, struct mts_routed **items,
                  size_t *count) {
    struct routed routed = {.mta = context, .arena = arena};
    struct error err = {0};
    store_track(routed.mta->store, identifier, each, &routed, &err);
    *items = routed.items;
    *count = routed.count;
    return !routed.no_memory;
}
