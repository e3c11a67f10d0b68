#include "mta/look_back.h"

#include <string.h>

#include "mta/client.h"
#include "mta/event.h"
#include "mta/history.h"
#include "mta/users.h"
#include "mta/view.h"
#include "names/identifier.h"
#include "names/oraddress.h"
#include "store/store.h"

/* A request looks at so many events at most, so that others have their turn: the answer's cursor says where
 * the next request goes on. */
#define EVENTS_A_REQUEST 100000

/* Beside history_cost: to compare the addresses of an event. */
#define MATCH_COST 4

static bool ends_with_local(struct span identifier, const char *local) {
    size_t wanted = strlen(local);
    const char *text = (const char *)identifier.data;
    return identifier.len > wanted + 2 && text[identifier.len - 1] == ']' &&
           text[identifier.len - wanted - 2] == ';' &&
           memcmp(text + identifier.len - wanted - 1, local, wanted) == 0;
}

/* Domains are equal in many spellings (names/identifier.h); the key of the events is one of them. */
static bool is_meant(struct look_back *look, struct span key) {
    struct x411_MTSIdentifier identifier;
    if (!ends_with_local(key, look->local) || !look->domain)
        return ends_with_local(key, look->local);
    arena_reset(&look->arena);
    return mts_identifier_parse(key, &look->arena, &identifier, NULL) &&
           domain_equal(&identifier.global_domain_identifier, look->domain);
}

/* The record with which a message, probe or report began here; others don't hold what their asker may not
 * see. */
static bool came_in(struct client *client, struct span data) {
    struct reader r = reader_of(data);
    struct event_record record;
    if (!event_read(&r, &record) || (record.kind != MTS_EVENT_SUBMITTED && record.kind != MTS_EVENT_ACCEPTED))
        return false;
    if (client_is_operator(client))
        return true;
    const struct local_user *user =
        record.kind == MTS_EVENT_SUBMITTED && record.name.len ? user_find(client->view, record.name) : NULL;
    return user && client_owns(client, user);
}

/* With the place of its newest event: a request that went on behind an older one would pass over what lies
 * between. */
static void note_found(struct look_back *look, struct span key, uint64_t place) {
    if (!json_object_getn(look->found, (const char *)key.data, key.len))
        json_object_setn_new(look->found, (const char *)key.data, key.len, json_integer((json_int_t)place));
}

static bool take_event(void *context, uint64_t place, struct span key, int64_t at, struct span data) {
    struct look_back *look = context;
    if (at < look->since * SECOND)
        return false;
    if (look->events_seen++ == EVENTS_A_REQUEST || json_object_size(look->found) == look->most) {
        look->more = true;
        return false;
    }
    look->place = place;
    key = event_key_identifier(key);
    if (key.len && at / SECOND <= look->until &&
        (look->local ? is_meant(look, key) : came_in(look->client, data)))
        note_found(look, key, place);
    return true;
}

/* What a history says of who and to whom. */
struct match {
    struct look_back *look;
    bool originator, recipient;
};

static bool is_address(struct look_back *look, struct span text, struct span wanted) {
    if (!wanted.data || !text.len)
        return false;
    arena_reset(&look->arena);
    struct span key = oraddress_key_of(text, &look->arena, NULL);
    return key.data && span_eq(key, wanted);
}

static bool match_event(void *context, int64_t at, struct span data) {
    struct match *match = context;
    struct look_back *look = match->look;
    struct reader r = reader_of(data);
    struct event_record record;
    (void)at;
    while (event_read(&r, &record)) {
        bool began = record.kind == MTS_EVENT_SUBMITTED || record.kind == MTS_EVENT_ACCEPTED;
        look->cost += MATCH_COST;
        match->originator =
            match->originator || (began && is_address(look, record.name, look->originator_key));
        match->recipient =
            match->recipient || (!began && (is_address(look, record.name, look->recipient_key) ||
                                            is_address(look, record.other, look->recipient_key)));
    }
    return true;
}

static bool fits(struct look_back *look, const char *identifier) {
    struct match match = {look, !look->originator, !look->recipient};
    if (match.originator && match.recipient)
        return true;
    look->cost += history_cost(NULL);
    return store_track(look->client->view->store, span_str(identifier), match_event, &match, NULL) &&
           match.originator && match.recipient;
}

static void tell(struct look_back *look, const char *identifier, json_t *messages, struct error *err) {
    json_t *history = history_of(look->client->view, span_str(identifier), err);
    look->cost += history_cost(history);
    if (history && history_may_see(look->client, history))
        history_add(messages, history);
    else
        json_decref(history);
}

/* Adds the histories of what was found, and its cursor to the answer. */
static bool add_found(struct look_back *look, uint64_t before, json_t *answer, struct error *err) {
    struct view *view = look->client->view;
    json_t *messages = json_object_get(answer, "messages");
    const char *identifier;
    json_t *value;
    if (!store_each_event(view->store, before, take_event, look, err))
        return false;
    size_t shown = 0;
    json_object_foreach(look->found, identifier, value) {
        bool enough = look->last && look->cost >= HISTORY_COST_MOST,
             fitting = !enough && fits(look, identifier);
        if (enough || (fitting && look->limit && shown == look->limit)) {
            look->more = true;
            look->place = look->last;
            break;
        }
        look->last = (uint64_t)json_integer_value(value);
        shown += fitting;
        if (fitting)
            tell(look, identifier, messages, err);
    }
    if (look->limit && shown == look->limit)
        look->place = look->last;
    if (look->more)
        json_object_set_new(answer, "cursor", json_integer((json_int_t)look->place));
    return true;
}

static struct span key_in(struct arena *arena, const char *address) {
    struct span none = {NULL, 0};
    return address ? oraddress_key_of(span_str(address), arena, NULL) : none;
}

bool look_back(struct look_back *look, uint64_t before, json_t *answer, struct error *err) {
    struct arena kept;
    look->found = json_object();
    arena_init(&look->arena, (size_t)1 << 20);
    arena_init(&kept, (size_t)1 << 20);
    look->originator_key = key_in(&kept, look->originator);
    look->recipient_key = key_in(&kept, look->recipient);
    bool done = look->found && add_found(look, before, answer, err);
    arena_free(&look->arena);
    arena_free(&kept);
    json_decref(look->found);
    return done;
}
