/* `track`: the history of messages, from the recorded events. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "mta/client_private.h"
#include "mta/event.h"
#include "mta/summary.h"
#include "names/codes.h"
#include "names/identifier.h"

void track_recent(struct mta *mta, struct span identifier, struct span content_identifier) {
    struct recent *recent = &mta->recent[mta->recent_next++ % RECENT_MOST];
    snprintf(recent->identifier, sizeof recent->identifier, "%.*s",
             (int)(identifier.len < 512 ? identifier.len : 512), (const char *)identifier.data);
    snprintf(recent->content_identifier, sizeof recent->content_identifier, "%.*s",
             (int)(content_identifier.len < 64 ? content_identifier.len : 0),
             content_identifier.len ? (const char *)content_identifier.data : "");
}

/* ---- one event as JSON ---- */

static struct span printable(struct span s) {
    return s.len ? s : (struct span){NULL, 0};
}

static json_t *outcome_of(const struct event_record *record) {
    char text[200];
    const char *reason = non_delivery_reason_name(record->reason);
    const char *diagnostic = non_delivery_diagnostic_name(record->diagnostic);
    if (record->reason < 0)
        return record->kind == MTS_EVENT_REPORT_IN ? json_string("delivered") : json_null();
    int length = reason ? snprintf(text, sizeof text, "%s", reason)
                        : snprintf(text, sizeof text, "reason %lld", (long long)record->reason);
    if (diagnostic)
        length += snprintf(text + length, sizeof text - (size_t)length, ", %s", diagnostic);
    else if (record->diagnostic >= 0)
        length += snprintf(text + length, sizeof text - (size_t)length, ", diagnostic %lld",
                           (long long)record->diagnostic);
    return json_text(span_of(text, (size_t)length));
}

static json_t *detail_of(const struct event_record *record) {
    char text[40];
    if (record->kind == MTS_EVENT_NOT_DELIVERED || record->kind == MTS_EVENT_REPORT_IN)
        return outcome_of(record);
    if (record->kind == EVENT_MESSAGE) {
        int length = snprintf(text, sizeof text, "message %lld", (long long)record->number);
        return json_text(span_of(text, (size_t)length));
    }
    struct span other = record->other.len ? record->other : record->text;
    if (record->kind == MTS_EVENT_DEFERRED)
        return json_time(record->time);
    return json_text(printable(other));
}

static json_t *event_json(const struct event_record *record, int64_t at) {
    json_t *recipients = json_array();
    bool submitted = record->kind == MTS_EVENT_SUBMITTED;
    if (record->name.len && !submitted)
        json_array_append_new(recipients, json_text(record->name));
    else if (record->number >= 0 && record->kind < EVENT_MESSAGE)
        json_array_append_new(recipients, json_integer(record->number));
    json_t *event = json_pack("{s:o, s:s, s:o, s:o, s:o}", "time", json_time(at / SECOND), "event",
                              event_name(record), "peer", json_text(printable(record->peer)), "recipients",
                              recipients, "detail", detail_of(record));
    if (submitted)
        json_object_set_new(event, "originator", json_text(printable(record->name)));
    return event;
}

/* What one history shows at most; it says when there was more. */
#define MESSAGES_MOST 1000
#define EVENTS_MOST   100000

/* A frame has room for so many events; a longer history is told in parts. */
#define EVENTS_A_PART 400

struct history {
    struct mta *mta;
    json_t *events;
    uint64_t messages[MESSAGES_MOST]; /* whose copies' events follow */
    size_t message_count;
    bool truncated;
};

static bool add_events(void *context, int64_t at, struct span data) {
    struct history *history = context;
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
        json_t *event = event_json(&record, at);
        json_object_set_new(event, "at", json_integer(at)); /* to sort by; not part of the answer */
        json_array_append_new(history->events, event);
    }
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

static json_t *history_of(struct mta *mta, struct span identifier) {
    struct history history = {.mta = mta, .events = json_array()};
    struct error err = {0};
    bool done = store_track(mta->store, identifier, add_events, &history, &err);
    for (size_t i = 0; done && i < history.message_count; i++) {
        uint8_t key[9];
        done =
            store_track(mta->store, event_message_key(history.messages[i], key), add_events, &history, &err);
    }
    if (!done || json_array_size(history.events) == 0) {
        json_decref(history.events);
        return NULL;
    }
    return json_pack("{s:o, s:o, s:o, s:b}", "mts-identifier", json_text(identifier), "message",
                     history.message_count ? json_integer((json_int_t)history.messages[0]) : json_null(),
                     "events", sorted(history.events), "truncated", history.truncated);
}

bool track_events(struct mta *mta, struct span key, json_t *events) {
    struct history history = {.mta = mta, .events = events};
    bool found = store_track(mta->store, key, add_events, &history, NULL);
    json_t *event;
    size_t i;
    json_array_foreach(events, i, event) json_object_del(event, "at");
    return found;
}

/* ---- which messages ---- */

static bool ends_with_local(const char *identifier, const char *local) {
    size_t length = strlen(identifier), wanted = strlen(local);
    return length > wanted + 2 && identifier[length - wanted - 2] == ';' &&
           memcmp(identifier + length - wanted - 1, local, wanted) == 0;
}

static void own_identifier(struct mta *mta, const char *local, char *out, size_t size) {
    struct x411_GlobalDomainIdentifier domain;
    const struct mts_self *self = mts_self_of(mta->config->tables);
    arena_reset(&mta->arena);
    buf_clear(&mta->scratch);
    if (domain_parse(span_str(self->domain), &mta->arena, &domain, NULL))
        domain_print(&domain, &mta->scratch);
    snprintf(out, size, "[%.*s;%s]", (int)mta->scratch.len, (const char *)mta->scratch.data, local);
}

/* The identifier that was meant: as given, in brackets, or a local identifier among the recent ones or of our
 * own domain. */
static json_t *by_identifier(struct mta *mta, const char *wanted) {
    json_t *found = history_of(mta, span_str(wanted));
    char text[1100];
    if (!found) {
        snprintf(text, sizeof text, "[%s]", wanted);
        found = history_of(mta, span_str(text));
    }
    for (size_t i = 0; i < RECENT_MOST && !found; i++)
        if (ends_with_local(mta->recent[i].identifier, wanted))
            found = history_of(mta, span_str(mta->recent[i].identifier));
    if (!found) {
        own_identifier(mta, wanted, text, sizeof text);
        found = history_of(mta, span_str(text));
    }
    return found;
}

static json_t *by_message(struct mta *mta, uint64_t message) {
    struct error err = {0};
    struct store_message row;
    arena_reset(&mta->arena);
    json_t *events = json_array();
    uint8_t key[9];
    track_events(mta, event_message_key(message, key), events);
    struct summary summary = {0};
    bool known = store_get_message(mta->store, message, &mta->arena, &row, &err) &&
                 (summary_of(MTS_MESSAGE, row.envelope, &mta->arena, &summary) ||
                  summary_of(MTS_PROBE, row.envelope, &mta->arena, &summary) ||
                  summary_of(MTS_REPORT, row.envelope, &mta->arena, &summary));
    json_t *found = known ? history_of(mta, summary.identifier) : NULL;
    if (found || json_array_size(events) == 0) {
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
    struct mta *mta = client->net->mta;
    json_t *event;
    size_t i;
    json_array_foreach(json_object_get(history, "events"), i, event) {
        if (strcmp(json_string_value(json_object_get(event, "event")), "submitted") != 0)
            continue;
        const char *name = json_string_value(json_object_get(event, "originator"));
        const struct local_user *user = name ? user_find(mta, span_str(name)) : NULL;
        return user && client_owns(client, user);
    }
    return false;
}

static void add_recent(struct client *client, json_t *messages, const char *content_identifier,
                       json_int_t most) {
    struct mta *mta = client->net->mta;
    json_int_t found = 0;
    for (size_t i = 0; i < RECENT_MOST && found < most && i < mta->recent_next; i++) {
        const struct recent *recent = &mta->recent[(mta->recent_next - 1 - i) % RECENT_MOST];
        if (content_identifier && strcmp(recent->content_identifier, content_identifier) != 0)
            continue;
        json_t *history = history_of(mta, span_str(recent->identifier));
        if (history && may_see(client, history)) {
            add_history(messages, history);
            found++;
        } else
            json_decref(history);
    }
}

json_t *request_track(struct client *client, json_t *request) {
    struct mta *mta = client->net->mta;
    const char *identifier = json_string_value(json_object_get(request, "mts-identifier"));
    const char *content = json_string_value(json_object_get(request, "content-identifier"));
    json_int_t message = json_integer_value(json_object_get(request, "message"));
    json_int_t recent = json_integer_value(json_object_get(request, "recent"));
    json_t *messages = json_array();
    json_t *found = NULL;
    if ((identifier != NULL) + (content != NULL) + (message > 0) + (recent > 0) != 1 || recent > 1000) {
        json_decref(messages);
        return client_error("bad-request",
                            "give one of mts-identifier, message, content-identifier and recent (1 to 1000)");
    }
    batch_commit(mta);
    if (identifier)
        found = by_identifier(mta, identifier);
    else if (message > 0)
        found = by_message(mta, (uint64_t)message);
    else
        add_recent(client, messages, content, content ? RECENT_MOST : recent);
    if (found && may_see(client, found))
        add_history(messages, found);
    else
        json_decref(found);
    if (json_array_size(messages) || recent > 0)
        return json_pack("{s:o}", "messages", messages);
    json_decref(messages);
    return client_error("not-found",
                        "no such message is known here; 'mhs track --recent 20' shows the last ones");
}
