/* `waiting`: what the copies of a message wait for, told to who submitted it, and to operators. */
#include "mta/client.h"
#include "mta/event.h"
#include "mta/json.h"
#include "mta/requests.h"
#include "mta/users.h"
#include "mta/waiting.h"

/* Of one answer: each is looked at with its history, and others wait meanwhile. */
#define COPIES_MOST 100

/* Messages that a submission became: by lists and conversions. */
#define PARTS_MOST 1000

struct search {
    struct client *client;
    bool begun, his, truncated;
    uint64_t messages[PARTS_MOST];
    size_t count;
    json_t *copies;
};

static bool may_see(const struct search *search, const struct event_record *first) {
    if (client_is_operator(search->client))
        return true;
    const struct local_user *user = first->kind == MTS_EVENT_SUBMITTED && first->name.len
                                        ? user_find(search->client->view, first->name)
                                        : NULL;
    return user && client_owns(search->client, user);
}

static json_t *copy_json(struct mta *mta, struct work *work) {
    const char *hop = waiting_destination(mta, work)->name;
    return json_pack("{s:o, s:s, s:i, s:o, s:o, s:o}", "next-hop",
                     hop[0] ? json_text(span_str(hop)) : json_null(), "state", waiting_state(mta, work),
                     "tries", work->tries, "next-try", json_time(waiting_next_try(mta, work) / SECOND),
                     "expires", waiting_expiry(work), "last-error", json_text(waiting_cause(mta, work)));
}

static void add_copies(struct search *search, uint64_t message) {
    struct mta *mta = search->client->mta;
    struct work *work = schedule_of_message(&mta->schedule, message);
    for (; work && !search->truncated; work = schedule_next_of_message(work)) {
        search->truncated = json_array_size(search->copies) == COPIES_MOST;
        if (work->committed && !search->truncated)
            json_array_append_new(search->copies, copy_json(mta, work));
    }
}

/* The record of a submission begins with that, so whose it is shows at once; each message that it became
 * stands there alone (event.h). */
static bool look_at(void *context, int64_t at, struct span data) {
    struct search *search = context;
    struct reader r = reader_of(data);
    struct event_record record;
    (void)at;
    if (!event_read(&r, &record))
        return true;
    if (!search->begun)
        search->his = may_see(search, &record);
    else if (record.kind == EVENT_MESSAGE && search->count < PARTS_MOST)
        search->messages[search->count++] = (uint64_t)record.number;
    else if (record.kind == EVENT_MESSAGE)
        search->truncated = true;
    search->begun = true;
    return search->his && !search->truncated;
}

json_t *request_waiting(struct client *client, json_t *request) {
    const char *identifier = json_string_value(json_object_get(request, "mts-identifier"));
    struct search search = {.client = client, .copies = json_array()};
    struct error err = {0};
    json_t *wrong = NULL;
    if (!identifier || strlen(identifier) > EVENT_IDENTIFIER_MOST)
        wrong = client_error("bad-request", "mts-identifier is missing, or too long");
    else if (!store_track(client->view->store, span_str(identifier), look_at, &search, &err))
        wrong = client_error("unavailable", "%s", err.text);
    else if (!search.his)
        wrong = client_error("not-found", "no such message is known here");
    for (size_t i = 0; !wrong && i < search.count; i++)
        add_copies(&search, search.messages[i]);
    if (!wrong)
        return json_pack("{s:o, s:b}", "copies", search.copies, "truncated", search.truncated);
    json_decref(search.copies);
    return wrong;
}
