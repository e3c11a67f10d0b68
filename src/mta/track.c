/* `track`: the history of messages, from the recorded events. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "mta/client.h"
#include "mta/event.h"
#include "mta/json.h"
#include "mta/requests.h"
#include "mta/users.h"
#include "mta/view.h"
#include "mts/summary.h"
#include "names/codes.h"
#include "names/identifier.h"
#include "store/store.h"

/* ---- one event as JSON ---- */

static struct span printable(struct span s) {
    return s.len ? s : (struct span){NULL, 0};
}

static json_t *outcome_of(const struct event_record *record) {
    char text[800]; /* of which the record's own text has 512 at most */
    const char *reason = non_delivery_reason_name(record->reason);
    const char *diagnostic = non_delivery_diagnostic_name(record->diagnostic);
    if (record->reason < 0 && record->kind == MTS_EVENT_REPORT_DOUBTED && record->text.len)
        return json_sprintf("delivered: %.*s", (int)record->text.len, (const char *)record->text.data);
    if (record->reason < 0)
        return record->kind != MTS_EVENT_NOT_DELIVERED ? json_string("delivered") : json_null();
    int length = reason ? snprintf(text, sizeof text, "%s", reason)
                        : snprintf(text, sizeof text, "reason %lld", (long long)record->reason);
    if (diagnostic)
        length += snprintf(text + length, sizeof text - (size_t)length, ", %s", diagnostic);
    else if (record->diagnostic >= 0)
        length += snprintf(text + length, sizeof text - (size_t)length, ", diagnostic %lld",
                           (long long)record->diagnostic);
    if (record->text.len)
        length += snprintf(text + length, sizeof text - (size_t)length, ": %.*s", (int)record->text.len,
                           (const char *)record->text.data);
    return json_text(span_of(text, (size_t)length));
}

static json_t *detail_of(const struct event_record *record) {
    char text[40];
    if (record->kind == MTS_EVENT_NOT_DELIVERED || record->kind == MTS_EVENT_REPORT_IN ||
        record->kind == MTS_EVENT_REPORT_DOUBTED)
        return outcome_of(record);
    if (record->kind == EVENT_MESSAGE) {
        int length = snprintf(text, sizeof text, "message %lld", (long long)record->number);
        return json_text(span_of(text, (size_t)length));
    }
    if (record->kind == MTS_EVENT_REDIRECTED) {
        const char *reason = redirection_reason_name(record->reason);
        return reason ? json_string(reason) : json_null();
    }
    bool why = record->kind == MTS_EVENT_DISCARDED || !record->other.len;
    struct span other = why ? record->text : record->other;
    if (record->kind == MTS_EVENT_DEFERRED)
        return json_time(record->time);
    return json_text(printable(other));
}

static bool is_try(const struct event_record *record) {
    return record->kind >= EVENT_TRANSFERRED && record->kind <= EVENT_IN_DOUBT;
}

static json_t *event_json(const struct event_record *record, int64_t at) {
    json_t *recipients = json_array();
    bool began = record->kind == MTS_EVENT_SUBMITTED || record->kind == MTS_EVENT_ACCEPTED;
    if (record->name.len && !began)
        json_array_append_new(recipients, json_text(record->name));
    else if (record->number >= 0 && record->kind < EVENT_MESSAGE)
        json_array_append_new(recipients, json_integer(record->number));
    json_t *event = json_pack("{s:o, s:s, s:o, s:o, s:o}", "time", json_time(at / SECOND), "event",
                              event_name(record), "peer", json_text(printable(record->peer)), "recipients",
                              recipients, "detail", detail_of(record));
    if (began)
        json_object_set_new(event, "originator", json_text(printable(record->name)));
    if (record->kind == MTS_EVENT_REDIRECTED)
        json_object_set_new(event, "from", json_text(printable(record->other)));
    if (record->kind == MTS_EVENT_NOT_DELIVERED)
        json_object_set_new(event, "address", json_text(printable(record->other)));
    if (is_try(record) && record->number > 0) {
        json_object_set_new(event, "try", json_integer(record->number));
        json_object_set_new(event, "next-try",
                            record->time * SECOND > at ? json_time(record->time) : json_null());
    }
    return event;
}

/* What one history shows at most; it says when there was more. */
#define MESSAGES_MOST 1000
#define EVENTS_MOST   100000
/* And of what a peer was refused under that identifier: anybody can make many of these who guesses it. */
#define REFUSED_MOST 1000

/* A frame has room for so many events; a longer history is told in parts. */
#define EVENTS_A_PART 400

struct history {
    const struct view *view;
    json_t *events;
    uint64_t messages[MESSAGES_MOST]; /* whose copies' events follow */
    size_t message_count;
    size_t refused_count;
    bool truncated;
};

/* One that was written again after a refused commit happened before, in a second that is known. */
static int64_t time_of(const struct event_record *record, int64_t at) {
    bool late = record->kind == EVENT_TRANSFERRED && record->time < at / SECOND;
    return late ? record->time * SECOND + SECOND - 1 : at;
}

static void add_event(struct history *history, int64_t at, struct span data) {
    struct reader r = reader_of(data);
    struct event_record record;
    while (event_read(&r, &record)) {
        if (record.kind == EVENT_MESSAGE) {
            if (history->message_count < MESSAGES_MOST)
                history->messages[history->message_count++] = (uint64_t)record.number;
            else
                history->truncated = true;
            continue;
        }
        int64_t happened = time_of(&record, at);
        json_t *event = event_json(&record, happened);
        json_object_set_new(event, "at", json_integer(happened)); /* to sort by; not part of the answer */
        json_array_append_new(history->events, event);
    }
}

static bool add_events(void *context, int64_t at, struct span data) {
    struct history *history = context;
    add_event(history, at, data);
    history->truncated = history->truncated || json_array_size(history->events) >= EVENTS_MOST;
    return !history->truncated;
}

struct placed {
    json_t *event;
    size_t place;
};

static int by_time(const void *a, const void *b) {
    const struct placed *first = a, *second = b;
    json_int_t one = json_integer_value(json_object_get(first->event, "at"));
    json_int_t two = json_integer_value(json_object_get(second->event, "at"));
    if (one != two)
        return one > two ? 1 : -1;
    return (first->place > second->place) - (first->place < second->place);
}

/* Events of several keys in the order of time; those recorded at once as they were found. */
static json_t *sorted(json_t *events) {
    size_t count = json_array_size(events);
    struct placed *placed = calloc(count + 1, sizeof *placed);
    json_t *result = json_array();
    for (size_t i = 0; placed && i < count; i++)
        placed[i] = (struct placed){json_array_get(events, i), i};
    if (placed)
        qsort(placed, count, sizeof *placed, by_time);
    for (size_t i = 0; placed && i < count; i++) {
        json_object_del(placed[i].event, "at");
        json_array_append(result, placed[i].event);
    }
    free(placed);
    json_decref(events);
    return result;
}

static bool add_refusal(void *context, int64_t at, struct span data) {
    struct history *history = context;
    if (history->refused_count++ == REFUSED_MOST) {
        history->truncated = true;
        return false;
    }
    add_event(history, at, data);
    return true;
}

/* Last, and bounded on their own: however many there are, what became of the message is told. */
static bool add_refused(struct history *history, struct span identifier, struct error *err) {
    struct buf key;
    buf_init(&key, 0);
    event_refused_key(identifier, &key);
    bool done = !key.failed && store_track(history->view->store, buf_span(&key), add_refusal, history, err);
    buf_free(&key);
    return done;
}

/* A server says so by other codes than STORE_IO too: a lock of somebody else ends a read with STORE_LOCKED.
 */
bool track_failed_for_now(const struct error *err) {
    return err->code && err->code != STORE_NOT_FOUND && err->code != STORE_CORRUPT;
}

/* The first event of what came in here. */
static bool began_as_probe(void *context, int64_t at, struct span data) {
    struct reader r = reader_of(data);
    struct event_record record;
    (void)at;
    *(bool *)context = event_read(&r, &record) &&
                       (record.kind == MTS_EVENT_SUBMITTED || record.kind == MTS_EVENT_ACCEPTED) &&
                       span_eq(record.text, SPAN_LIT(MTS_EVENT_OF_PROBE));
    return false;
}

bool track_is_probe(const struct view *view, struct span subject, bool *probe, struct error *err) {
    struct error inner = {0};
    *probe = false;
    return !subject.len || store_track(view->store, subject, began_as_probe, probe, &inner) ||
           !track_failed_for_now(&inner) || error_set(err, inner.code, "%s", inner.text);
}

/* What a report on a probe says "delivered" of could be delivered: its first event, which names the subject,
 * tells so. */
static bool note_probe(const struct view *view, json_t *events, struct error *err) {
    json_t *first = json_array_get(events, 0);
    const char *subject = json_string_value(json_object_get(first, "detail"));
    bool probe = false;
    bool done = !json_object_get(first, "originator") || !subject || *subject != '[' ||
                track_is_probe(view, span_str(subject), &probe, err);
    if (probe)
        json_object_set_new(first, "about-probe", json_true());
    return done;
}

/* A store that can't be read now is told of, by `err`: what it does not say may be there. */
static json_t *history_of(const struct view *view, struct span identifier, struct error *err) {
    struct history history = {.view = view, .events = json_array()};
    struct error inner = {0};
    bool done = store_track(view->store, identifier, add_events, &history, &inner);
    for (size_t i = 0; done && i < history.message_count; i++) {
        uint8_t key[9];
        done = store_track(view->store, event_message_key(history.messages[i], key), add_events, &history,
                           &inner);
    }
    done = done && add_refused(&history, identifier, &inner);
    if (!done && track_failed_for_now(&inner))
        *err = inner;
    if (!done || json_array_size(history.events) == 0) {
        json_decref(history.events);
        return NULL;
    }
    json_t *events = sorted(history.events);
    if (!note_probe(view, events, err)) {
        json_decref(events);
        return NULL;
    }
    return json_pack("{s:o, s:o, s:o, s:b}", "mts-identifier", json_text(identifier), "message",
                     history.message_count ? json_integer((json_int_t)history.messages[0]) : json_null(),
                     "events", events, "truncated", history.truncated);
}

bool track_events(const struct view *view, struct span key, json_t *events, struct error *err) {
    struct history history = {.view = view, .events = events};
    struct error inner = {0};
    bool told = store_track(view->store, key, add_events, &history, &inner) || !track_failed_for_now(&inner);
    json_t *event;
    size_t i;
    json_array_foreach(events, i, event) json_object_del(event, "at");
    return told || error_set(err, inner.code, "%s", inner.text);
}

/* ---- which messages ---- */

static void own_identifier(struct view *view, const char *local, char *out, size_t size) {
    struct x411_GlobalDomainIdentifier domain;
    const struct mts_self *self = mts_self_of(view->config->tables);
    arena_reset(&view->arena);
    buf_clear(&view->scratch);
    if (domain_parse(span_str(self->domain), &view->arena, &domain, NULL))
        domain_print(&domain, &view->scratch);
    snprintf(out, size, "[%.*s;%s]", (int)view->scratch.len, (const char *)view->scratch.data, local);
}

/* The identifier that was meant: as given, in brackets, or a local identifier of our own domain. */
static json_t *by_identifier(struct view *view, const char *wanted, struct error *err) {
    json_t *found = history_of(view, span_str(wanted), err);
    char text[1100];
    if (!found) {
        snprintf(text, sizeof text, "[%s]", wanted);
        found = history_of(view, span_str(text), err);
    }
    if (!found) {
        own_identifier(view, wanted, text, sizeof text);
        found = history_of(view, span_str(text), err);
    }
    return found;
}

static json_t *by_message(struct view *view, uint64_t message, struct error *err) {
    struct error inner = {0};
    struct store_message row;
    arena_reset(&view->arena);
    json_t *events = json_array();
    uint8_t key[9];
    bool told = track_events(view, event_message_key(message, key), events, err);
    struct summary summary = {0};
    bool known = told && store_get_message(view->store, message, &view->arena, &row, &inner) &&
                 (summary_of(MTS_MESSAGE, row.envelope, &view->arena, &summary) ||
                  summary_of(MTS_PROBE, row.envelope, &view->arena, &summary) ||
                  summary_of(MTS_REPORT, row.envelope, &view->arena, &summary));
    json_t *found = known ? history_of(view, summary.identifier, err) : NULL;
    if (track_failed_for_now(&inner))
        *err = inner;
    if (found || !told || json_array_size(events) == 0) {
        json_decref(events);
        return found;
    }
    return json_pack("{s:n, s:I, s:o}", "mts-identifier", "message", (json_int_t)message, "events", events);
}

/* Adds a history (taken over) to the answer: a long one in parts, of which all but the first say that they
 * continue it. */
static void add_history(json_t *messages, json_t *history) {
    json_t *events = json_object_get(history, "events");
    size_t count = json_array_size(events);
    for (size_t at = 0; at == 0 || at < count; at += EVENTS_A_PART) {
        json_t *part = json_array(), *head = json_copy(history);
        for (size_t i = at; i < count && i < at + EVENTS_A_PART; i++)
            json_array_append(part, json_array_get(events, i));
        json_object_set_new(head, "events", part);
        if (at)
            json_object_set_new(head, "continued", json_true());
        json_array_append_new(messages, head);
    }
    json_decref(history);
}

static bool may_see(struct client *client, json_t *history) {
    if (client_is_operator(client))
        return true;
    struct view *view = client->view;
    json_t *event;
    size_t i;
    json_array_foreach(json_object_get(history, "events"), i, event) {
        if (strcmp(json_string_value(json_object_get(event, "event")), "submitted") != 0)
            continue;
        const char *name = json_string_value(json_object_get(event, "originator"));
        const struct local_user *user = name ? user_find(view, span_str(name)) : NULL;
        return user && client_owns(client, user);
    }
    return false;
}

/* ---- looking back ---- */

/* A request looks at so many events at most, so that others have their turn: the answer's cursor says where
 * the next request goes on. */
#define EVENTS_A_REQUEST 100000

/* What it does with the histories of what it finds has a bound of its own, since one may have many events:
 * about the work of looking at so many. */
#define COST_MOST    100000u
#define HISTORY_COST 40 /* to look one up */
#define MATCH_COST   4  /* to compare the addresses of an event */
#define TOLD_COST    10 /* to tell of one */

static size_t cost_of(const json_t *history) {
    return HISTORY_COST + TOLD_COST * json_array_size(json_object_get(history, "events"));
}

/* What is looked for among past events, the newest first, and the identifiers that were found. */
struct look_back {
    struct client *client;
    const char *local; /* the local identifier that is to be found; NULL: whatever came in */
    const struct x411_GlobalDomainIdentifier *domain; /* beside it; NULL: any */
    json_t *found;                                    /* object: each identifier once, with its place */
    int64_t since, until;                             /* seconds */
    const char *originator, *recipient;               /* addresses; NULL: any */
    struct span originator_key, recipient_key;        /* of these */
    size_t limit;                                     /* histories in the answer; 0: all that were found */
    struct arena arena;
    size_t most;
    unsigned events_seen;
    size_t cost;    /* of histories */
    uint64_t place; /* of the last event that was looked at */
    uint64_t last;  /* of the last history that was looked at */
    bool more;
};

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

static bool look_back(void *context, uint64_t place, struct span key, int64_t at, struct span data) {
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
    look->cost += HISTORY_COST;
    return store_track(look->client->view->store, span_str(identifier), match_event, &match, NULL) &&
           match.originator && match.recipient;
}

static void tell(struct look_back *look, const char *identifier, json_t *messages, struct error *err) {
    json_t *history = history_of(look->client->view, span_str(identifier), err);
    look->cost += cost_of(history);
    if (history && may_see(look->client, history))
        add_history(messages, history);
    else
        json_decref(history);
}

/* Adds the histories of what was found, and its cursor to the answer. */
static bool add_found(struct look_back *look, uint64_t before, json_t *answer, struct error *err) {
    struct view *view = look->client->view;
    json_t *messages = json_object_get(answer, "messages");
    const char *identifier;
    json_t *value;
    if (!store_each_event(view->store, before, look_back, look, err))
        return false;
    size_t shown = 0;
    json_object_foreach(look->found, identifier, value) {
        bool enough = look->last && look->cost >= COST_MOST, fitting = !enough && fits(look, identifier);
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

/* The look's filters are set; the rest here. */
static bool add_past(struct look_back *look, uint64_t before, json_t *answer, struct error *err) {
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

/* ---- by content-identifier ---- */

static bool note_identifier(void *context, int64_t at, struct span data) {
    struct reader r = reader_of(data);
    struct event_record record;
    (void)at;
    if (event_read(&r, &record) && record.kind == EVENT_IDENTIFIED)
        json_array_append_new(context, json_text(record.name));
    return json_array_size(context) < EVENTS_MOST;
}

/* The newest first; the cursor counts from the oldest. */
static bool add_by_content(struct client *client, const char *content_identifier, size_t most,
                           uint64_t before, json_t *answer, struct error *err) {
    struct view *view = client->view;
    uint8_t key[EVENT_CONTENT_KEY];
    json_t *identifiers = json_array(), *seen = json_object(),
           *messages = json_object_get(answer, "messages");
    bool done = store_track(view->store, event_content_key(span_str(content_identifier), key),
                            note_identifier, identifiers, err);
    size_t at = json_array_size(identifiers), shown = 0, cost = 0;
    if (before && before < at)
        at = (size_t)before;
    for (; done && at > 0 && shown < most && cost < COST_MOST; at--) {
        const char *identifier = json_string_value(json_array_get(identifiers, at - 1));
        json_t *history = identifier && !json_object_get(seen, identifier)
                              ? history_of(view, span_str(identifier), err)
                              : NULL;
        cost += cost_of(history);
        if (history && may_see(client, history)) {
            json_object_set_new(seen, identifier, json_null());
            add_history(messages, history);
            shown++;
        } else
            json_decref(history);
    }
    if (done && at > 0)
        json_object_set_new(answer, "cursor", json_integer((json_int_t)at));
    json_decref(seen);
    json_decref(identifiers);
    return done;
}

/* ---- the request ---- */

struct wanted {
    const char *identifier, *content;
    json_int_t message, recent, after;
    /* with recent */
    const char *originator, *recipient;
    json_int_t since, until, limit;
};

#define RECENT_MOST 1000
#define PAGE        100 /* histories in one answer, when the request names no number */

static bool read_wanted(json_t *request, struct wanted *wanted) {
    *wanted = (struct wanted){json_string_value(json_object_get(request, "mts-identifier")),
                              json_string_value(json_object_get(request, "content-identifier")),
                              json_integer_value(json_object_get(request, "message")),
                              json_integer_value(json_object_get(request, "recent")),
                              json_integer_value(json_object_get(request, "after")),
                              json_string_value(json_object_get(request, "originator")),
                              json_string_value(json_object_get(request, "recipient")),
                              json_integer_value(json_object_get(request, "since")),
                              json_integer_value(json_object_get(request, "until")),
                              json_integer_value(json_object_get(request, "limit"))};
    bool filtered =
        wanted->originator || wanted->recipient || wanted->since || wanted->until || wanted->limit;
    if ((filtered && !wanted->recent) || wanted->since < 0 || wanted->until < 0 || wanted->limit < 0)
        return false;
    return (wanted->identifier != NULL) + (wanted->content != NULL) + (wanted->message > 0) +
                   (wanted->recent > 0) ==
               1 &&
           wanted->recent <= RECENT_MOST && wanted->after >= 0;
}

/* One that is whole but spelled otherwise than the key, and a local one of another domain, is looked for, the
 * newest events first. */
static bool look_for(struct client *client, const struct wanted *wanted, json_t *answer, struct error *err) {
    struct look_back look = {
        .client = client, .local = wanted->identifier, .most = 1, .until = INT64_MAX / SECOND};
    struct x411_MTSIdentifier meant;
    struct arena arena;
    bool done = true;
    arena_init(&arena, 16 * 1024);
    bool whole = wanted->identifier[0] == '[' || wanted->identifier[0] == '/';
    bool read = whole && mts_identifier_parse(span_str(wanted->identifier), &arena, &meant, NULL);
    if (read) {
        look.local = (const char *)arena_dup(&arena, meant.local_identifier).data;
        look.domain = &meant.global_domain_identifier;
    }
    if (look.local && (read || !whole))
        done = add_past(&look, (uint64_t)wanted->after, answer, err);
    arena_free(&arena);
    return done;
}

static bool add_by_identifier(struct client *client, const struct wanted *wanted, json_t *answer,
                              struct error *err) {
    json_t *found = wanted->after ? NULL : by_identifier(client->view, wanted->identifier, err);
    if (found && may_see(client, found)) {
        add_history(json_object_get(answer, "messages"), found);
        return true;
    }
    bool known = found;
    json_decref(found);
    return known || look_for(client, wanted, answer, err);
}

static bool add_recent(struct client *client, const struct wanted *wanted, json_t *answer,
                       struct error *err) {
    struct look_back look = {.client = client,
                             .most = (size_t)wanted->recent,
                             .since = wanted->since,
                             .until = wanted->until ? wanted->until : INT64_MAX / SECOND,
                             .originator = wanted->originator,
                             .recipient = wanted->recipient,
                             .limit = (size_t)wanted->limit};
    return add_past(&look, (uint64_t)wanted->after, answer, err);
}

static bool add_wanted(struct client *client, const struct wanted *wanted, json_t *answer,
                       struct error *err) {
    if (wanted->identifier)
        return add_by_identifier(client, wanted, answer, err);
    if (wanted->content)
        return add_by_content(client, wanted->content, PAGE, (uint64_t)wanted->after, answer, err);
    if (wanted->recent)
        return add_recent(client, wanted, answer, err);
    json_t *found = by_message(client->view, (uint64_t)wanted->message, err);
    if (found && may_see(client, found))
        add_history(json_object_get(answer, "messages"), found);
    else
        json_decref(found);
    return true;
}

/* An error for the client, or NULL: a filter that is no address would fit nothing, and seem to be an answer.
 */
static json_t *check_address(const char *name, const char *text) {
    struct arena arena;
    struct error err = {0};
    arena_init(&arena, (size_t)1 << 20);
    bool right = !text || oraddress_key_of(span_str(text), &arena, &err).data;
    arena_free(&arena);
    return right ? NULL : client_error("bad-request", "%s: %s", name, err.text[0] ? err.text : "it is empty");
}

json_t *request_track(struct client *client, json_t *request) {
    struct wanted wanted;
    struct error err = {0};
    if (!read_wanted(request, &wanted))
        return client_error("bad-request",
                            "give one of mts-identifier, message, content-identifier and recent (1 to %d)",
                            RECENT_MOST);
    json_t *wrong = check_address("originator", wanted.originator);
    wrong = wrong ? wrong : check_address("recipient", wanted.recipient);
    if (wrong)
        return wrong;
    json_t *answer = json_pack("{s:[], s:n}", "messages", "cursor");
    if (!add_wanted(client, &wanted, answer, &err) || err.code) {
        json_decref(answer);
        return client_error("unavailable", "%s", err.text[0] ? err.text : "no memory");
    }
    if (wanted.recent || (wanted.content && wanted.after) ||
        json_array_size(json_object_get(answer, "messages")) ||
        json_is_integer(json_object_get(answer, "cursor")))
        return answer;
    json_decref(answer);
    return client_error("not-found",
                        "no such message is known here; 'mhs track --recent 20' shows the last ones");
}
