/* `track`: the history of messages, from the recorded events. */
#include <stdio.h>
#include <stdlib.h>

#include "mta/client.h"
#include "mta/event.h"
#include "mta/history.h"
#include "mta/json.h"
#include "mta/look_back.h"
#include "mta/requests.h"
#include "mta/view.h"
#include "mts/summary.h"
#include "names/identifier.h"
#include "store/store.h"

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
    bool told = history_events(view, event_message_key(message, key), events, err);
    struct summary summary = {0};
    bool known = told && store_get_message(view->store, message, &view->arena, &row, &inner) &&
                 (summary_of(MTS_MESSAGE, row.envelope, &view->arena, &summary) ||
                  summary_of(MTS_PROBE, row.envelope, &view->arena, &summary) ||
                  summary_of(MTS_REPORT, row.envelope, &view->arena, &summary));
    json_t *found = known ? history_of(view, summary.identifier, err) : NULL;
    if (history_failed_for_now(&inner))
        *err = inner;
    if (found || !told || json_array_size(events) == 0) {
        json_decref(events);
        return found;
    }
    return json_pack("{s:n, s:I, s:o}", "mts-identifier", "message", (json_int_t)message, "events", events);
}

/* ---- looking back ---- */

/* ---- by content-identifier ---- */

static bool note_identifier(void *context, int64_t at, struct span data) {
    struct reader r = reader_of(data);
    struct event_record record;
    (void)at;
    if (event_read(&r, &record) && record.kind == EVENT_IDENTIFIED)
        json_array_append_new(context, json_text(record.name));
    return json_array_size(context) < HISTORY_EVENTS_MOST;
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
    for (; done && at > 0 && shown < most && cost < HISTORY_COST_MOST; at--) {
        const char *identifier = json_string_value(json_array_get(identifiers, at - 1));
        json_t *history = identifier && !json_object_get(seen, identifier)
                              ? history_of(view, span_str(identifier), err)
                              : NULL;
        cost += history_cost(history);
        if (history && history_may_see(client, history)) {
            json_object_set_new(seen, identifier, json_null());
            history_add(messages, history);
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
        done = look_back(&look, (uint64_t)wanted->after, answer, err);
    arena_free(&arena);
    return done;
}

static bool add_by_identifier(struct client *client, const struct wanted *wanted, json_t *answer,
                              struct error *err) {
    json_t *found = wanted->after ? NULL : by_identifier(client->view, wanted->identifier, err);
    if (found && history_may_see(client, found)) {
        history_add(json_object_get(answer, "messages"), found);
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
    return look_back(&look, (uint64_t)wanted->after, answer, err);
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
    if (found && history_may_see(client, found))
        history_add(json_object_get(answer, "messages"), found);
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
