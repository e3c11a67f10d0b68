/* What the rules ask of the record: where the copies of a message were routed. */
#include "base/log.h"
#include "mta/event.h"

/*
 * A look at a history reads so many events at most, the oldest first: what a
 * message is routed to is decided as it comes in, but for copies that fail or are
 * rerouted. Reports lengthen the history of their subject, each by entries that
 * tell of no route, and who sends many of them shall not make each of them
 * dearer: so few of those are read.
 */
#define EVENTS_MOST    65536
#define FRUITLESS_MOST 1024

struct routed {
    struct mta *mta;
    struct arena *arena;
    struct mts_routed *items;
    size_t count, room, looked;
    size_t fruitless; /* entries */
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
    size_t before = routed->count;
    (void)at;
    for (; event_read(&r, &record); routed->looked++)
        if (record.kind == MTS_EVENT_ROUTED && record.peer.len && !add(routed, &record)) {
            routed->no_memory = true;
            return false;
        }
    routed->fruitless += routed->count == before;
    return routed->looked < EVENTS_MOST && routed->fruitless < FRUITLESS_MOST;
}

enum mts_record event_routed(void *context, struct span identifier, struct arena *arena,
                             struct mts_routed **items, size_t *count) {
    struct routed routed = {.mta = context, .arena = arena};
    struct error err = {0};
    char text[LOG_TEXT_SIZE];
    bool read = store_track(routed.mta->view.store, identifier, each, &routed, &err);
    *items = routed.items;
    *count = routed.count;
    if (!read)
        log_error("where copies of %s were routed can't be read, so what comes of it is refused for now: %s",
                  log_text(identifier, text), err.text);
    return routed.no_memory ? MTS_RECORD_NO_MEMORY : read ? MTS_RECORD_READ : MTS_RECORD_FAILED;
}
