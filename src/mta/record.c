/* What the rules ask of the record: whose a message is, where its copies were routed, and whether they were
 * sent. */
#include "base/log.h"
#include "mta/event.h"

/*
 * A look at a history costs no more than what the subject's own recipients added
 * to it: each pair of a recipient and a hop is kept once, and what became of the
 * copies is read until all hops are known to have got one. Reports lengthen the
 * history of their subject, each by entries that tell of no route, and who sends
 * many of them shall not make each of them dearer: so few of those are read, the
 * oldest first, as what a message is routed to is decided when it comes in, but for
 * copies that fail or are rerouted. Where more are there, that is told.
 */
#define WITHOUT_ROUTE_MOST 1024

struct routed {
    struct mta *mta;
    struct arena *arena;
    struct mts_routed *items;
    size_t count, room;
    struct map pairs; /* of recipient and hop: the place in `items`, from 1 */
    struct span *lists;
    size_t list_count, list_room;
    struct mts_told *told;
    size_t told_count, told_room;
    size_t discarded;
    bool submitted, redirected;
    uint64_t *messages; /* under whose numbers it stands what became of the copies */
    size_t message_count, message_room;
    bool *wanted, *sent;  /* by hop number: one was routed there; it may have arrived there */
    size_t unsent;        /* hops that are wanted and not sent */
    size_t without_route; /* entries */
    struct span originator;
    bool no_memory;
};

static int hop_of(const struct routed *routed, struct span name) {
    const struct peer *peer = name.len ? peer_find(routed->mta, name) : NULL;
    return peer ? peer->hop : -1;
}

/* Room for one more of them. */
static void *room_for(struct arena *arena, void *items, size_t count, size_t *room, size_t size) {
    if (count < *room)
        return items;
    size_t wider = *room ? 2 * *room : 16;
    uint8_t *grown = arena_array(arena, wider, size);
    if (grown && count)
        memcpy(grown, items, count * size);
    if (grown)
        *room = wider;
    return grown;
}

/* Members of a list all have its number: one is kept, and how many more there are. Numbers of recipients have
 * 15 bits; of what else they may be all are kept. False without memory. */
static bool is_new(struct routed *routed, int64_t recipient, int hop, bool *added) {
    uint64_t key = (uint64_t)recipient << 24 | (uint64_t)(hop + 2);
    bool far = recipient < 0 || recipient >= (int64_t)1 << 39;
    struct map_slot *slot = map_at(&routed->pairs, key);
    if (!slot)
        return false;
    *added = far || !slot->number;
    if (*added)
        slot->number = (int64_t)routed->count + 1;
    else
        routed->items[slot->number - 1].more++;
    return true;
}

static bool add(struct routed *routed, const struct event_record *record) {
    int hop = hop_of(routed, record->peer);
    bool added;
    if (!is_new(routed, record->number, hop, &added))
        return false;
    if (!added)
        return true;
    struct mts_routed *items =
        room_for(routed->arena, routed->items, routed->count, &routed->room, sizeof *items);
    if (!items)
        return false;
    routed->items = items;
    items[routed->count++] = (struct mts_routed){
        .recipient = record->number, .hop = hop, .name = arena_dup(routed->arena, record->other)};
    return !record->other.len || items[routed->count - 1].name.data;
}

static bool add_message(struct routed *routed, uint64_t message) {
    uint64_t *messages = room_for(routed->arena, routed->messages, routed->message_count,
                                  &routed->message_room, sizeof *messages);
    if (!messages)
        return false;
    routed->messages = messages;
    messages[routed->message_count++] = message;
    return true;
}

/* Whoever was named first: another message may come under the same identifier. False without memory. */
static bool take_originator(struct routed *routed, struct span name) {
    if (!routed->originator.data && name.len)
        routed->originator = arena_dup(routed->arena, name);
    return !name.len || routed->originator.data;
}

static bool take_list(struct routed *routed, struct span name) {
    struct span *lists =
        room_for(routed->arena, routed->lists, routed->list_count, &routed->list_room, sizeof *lists);
    if (!lists)
        return false;
    routed->lists = lists;
    lists[routed->list_count] = arena_dup(routed->arena, name);
    return !name.len || lists[routed->list_count++].data;
}

static bool take_told(struct routed *routed, const struct event_record *record) {
    struct mts_told *told =
        room_for(routed->arena, routed->told, routed->told_count, &routed->told_room, sizeof *told);
    if (!told)
        return false;
    routed->told = told;
    told[routed->told_count] = (struct mts_told){record->number, hop_of(routed, record->peer),
                                                 arena_dup(routed->arena, record->name)};
    return !record->name.len || told[routed->told_count++].name.data;
}

/* False without memory. */
static bool take(struct routed *routed, const struct event_record *record) {
    routed->discarded += record->kind == MTS_EVENT_DISCARDED;
    routed->submitted |= record->kind == MTS_EVENT_SUBMITTED;
    routed->redirected |= record->kind == MTS_EVENT_REDIRECTED;
    if (record->kind == MTS_EVENT_EXPANDED)
        return take_list(routed, record->name);
    if (record->kind == MTS_EVENT_REPORT_IN)
        return take_told(routed, record);
    if (record->kind == MTS_EVENT_SUBMITTED || record->kind == MTS_EVENT_ACCEPTED)
        return take_originator(routed, record->name);
    if (record->kind == MTS_EVENT_ROUTED && record->peer.len)
        return add(routed, record);
    return record->kind != EVENT_MESSAGE || add_message(routed, (uint64_t)record->number);
}

static bool each(void *context, int64_t at, struct span data) {
    struct routed *routed = context;
    struct reader r = reader_of(data);
    struct event_record record;
    size_t before = routed->count + routed->message_count;
    (void)at;
    if (routed->without_route == WITHOUT_ROUTE_MOST) {
        routed->without_route++; /* there are more */
        return false;
    }
    while (event_read(&r, &record))
        if (!take(routed, &record)) {
            routed->no_memory = true;
            return false;
        }
    routed->without_route += routed->count + routed->message_count == before;
    return true;
}

/* ---- what was sent ---- */

static bool is_hop(const struct routed *routed, int hop) {
    return hop >= 0 && (size_t)hop < routed->mta->hop_count;
}

static bool begin_hops(struct routed *routed) {
    size_t room = routed->mta->hop_count + 1;
    routed->wanted = arena_array(routed->arena, room, sizeof *routed->wanted);
    routed->sent = arena_array(routed->arena, room, sizeof *routed->sent);
    routed->no_memory |= !routed->wanted || !routed->sent;
    for (size_t i = 0; i < routed->count && !routed->no_memory; i++) {
        int hop = routed->items[i].hop;
        if (!is_hop(routed, hop) || routed->wanted[hop])
            continue;
        routed->wanted[hop] = true;
        routed->unsent++;
    }
    return !routed->no_memory;
}

static void note_sent(struct routed *routed, int hop) {
    if (!is_hop(routed, hop) || routed->sent[hop])
        return;
    routed->sent[hop] = true;
    routed->unsent -= routed->wanted[hop];
}

static bool each_of_copies(void *context, int64_t at, struct span data) {
    struct routed *routed = context;
    struct reader r = reader_of(data);
    struct event_record record;
    (void)at;
    while (event_read(&r, &record))
        if (record.kind == EVENT_TRANSFERRED || record.kind == EVENT_IN_DOUBT)
            note_sent(routed, hop_of(routed, record.peer));
    return routed->unsent > 0;
}

/* What is under way has no event yet, and what was in doubt at the start may have none. */
static void look_at_queue(struct routed *routed, uint64_t message) {
    struct mta *mta = routed->mta;
    for (const struct work *work = schedule_of_message(&mta->schedule, message); work;
         work = schedule_next_of_message(work)) {
        const struct peer *peer = peer_at(mta, work->destination);
        if (peer && (work->begun || work->in_doubt))
            note_sent(routed, peer->hop);
    }
}

/* A message that was routed anew has another number. */
static bool find_sent(struct routed *routed, struct error *err) {
    uint8_t key[9];
    if (!routed->count || !begin_hops(routed))
        return true;
    for (size_t i = 0; i < routed->message_count && routed->unsent; i++) {
        uint64_t message = routed->messages[i];
        look_at_queue(routed, message);
        if (routed->unsent && !store_track(routed->mta->view.store, event_message_key(message, key),
                                           each_of_copies, routed, err))
            return false;
    }
    for (size_t i = 0; i < routed->count; i++) {
        struct mts_routed *item = &routed->items[i];
        item->sent = is_hop(routed, item->hop) && routed->sent[item->hop];
    }
    return true;
}

enum mts_record event_history(void *context, struct span identifier, struct arena *arena,
                              struct mts_history *history) {
    struct routed routed = {.mta = context, .arena = arena};
    struct error err = {0};
    char text[LOG_TEXT_SIZE];
    bool read =
        store_track(routed.mta->view.store, identifier, each, &routed, &err) && find_sent(&routed, &err);
    map_free(&routed.pairs);
    *history = (struct mts_history){.routed = routed.items,
                                    .count = routed.count,
                                    .originator = routed.originator,
                                    .lists = routed.lists,
                                    .list_count = routed.list_count,
                                    .told = routed.told,
                                    .told_count = routed.told_count,
                                    .discarded = routed.discarded,
                                    .others = routed.without_route,
                                    .as_written = routed.submitted && !routed.redirected};
    if (!read)
        log_caused_by(
            &routed.mta->lines, LOG_LEVEL_ERROR,
            "where copies of %s were sent can't be read, so what comes of it is refused for now: %s",
            log_text(identifier, text), err.text);
    return routed.no_memory                             ? MTS_RECORD_NO_MEMORY
           : !read                                      ? MTS_RECORD_FAILED
           : routed.without_route <= WITHOUT_ROUTE_MOST ? MTS_RECORD_READ
                                                        : MTS_RECORD_LONG;
}
