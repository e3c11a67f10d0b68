#include "mta/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mta/client.h"
#include "mta/event.h"
#include "mta/json.h"
#include "mta/users.h"
#include "mta/view.h"
#include "names/codes.h"
#include "store/store.h"

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

/* What one history shows at most, beside HISTORY_EVENTS_MOST; it says when there was more. */
#define MESSAGES_MOST 1000
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
    history->truncated = history->truncated || json_array_size(history->events) >= HISTORY_EVENTS_MOST;
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
bool history_failed_for_now(const struct error *err) {
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

bool history_is_probe(const struct view *view, struct span subject, bool *probe, struct error *err) {
    struct error inner = {0};
    *probe = false;
    return !subject.len || store_track(view->store, subject, began_as_probe, probe, &inner) ||
           !history_failed_for_now(&inner) || error_set(err, inner.code, "%s", inner.text);
}

/* What a report on a probe says "delivered" of could be delivered: its first event, which names the subject,
 * tells so. */
static bool note_probe(const struct view *view, json_t *events, struct error *err) {
    json_t *first = json_array_get(events, 0);
    const char *subject = json_string_value(json_object_get(first, "detail"));
    bool probe = false;
    bool done = !json_object_get(first, "originator") || !subject || *subject != '[' ||
                history_is_probe(view, span_str(subject), &probe, err);
    if (probe)
        json_object_set_new(first, "about-probe", json_true());
    return done;
}

json_t *history_of(const struct view *view, struct span identifier, struct error *err) {
    struct history history = {.view = view, .events = json_array()};
    struct error inner = {0};
    bool done = store_track(view->store, identifier, add_events, &history, &inner);
    for (size_t i = 0; done && i < history.message_count; i++) {
        uint8_t key[9];
        done = store_track(view->store, event_message_key(history.messages[i], key), add_events, &history,
                           &inner);
    }
    done = done && add_refused(&history, identifier, &inner);
    if (!done && history_failed_for_now(&inner))
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

bool history_events(const struct view *view, struct span key, json_t *events, struct error *err) {
    struct history history = {.view = view, .events = events};
    struct error inner = {0};
    bool told =
        store_track(view->store, key, add_events, &history, &inner) || !history_failed_for_now(&inner);
    json_t *event;
    size_t i;
    json_array_foreach(events, i, event) json_object_del(event, "at");
    return told || error_set(err, inner.code, "%s", inner.text);
}

void history_add(json_t *messages, json_t *history) {
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

bool history_may_see(struct client *client, json_t *history) {
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

#define LOOK_UP_COST 40
#define TOLD_COST    10

size_t history_cost(const json_t *history) {
    return LOOK_UP_COST + TOLD_COST * json_array_size(json_object_get(history, "events"));
}
