/* What operators do with the copies that wait: one, or all that a filter chooses. */
#include <stdio.h>
#include <string.h>

#include "mta/client.h"
#include "mta/json.h"
#include "mta/peer_show.h"
#include "mta/queue_change.h"
#include "mta/queue_refuse.h"
#include "mta/queue_scan.h"
#include "mta/requests.h"
#include "mta/waiting.h"
#include "mts/supplementary.h"

struct tally {
    const struct queue_change *change;
    json_int_t changed, skipped;
    char why[560]; /* the first of these was left alone */
};

static void change_taken(struct queue_scan *scan, struct work *work, struct copy *copy) {
    struct tally *tally = scan->context;
    uint64_t id = work->id; /* the change may end the unit */
    json_t *refusal = queue_refuse(tally->change, work);
    (void)copy;
    enum redirect_result result =
        refusal || tally->change->count ? REDIRECT_DONE : queue_change_make(tally->change, work);
    bool done = !refusal && result == REDIRECT_DONE;
    if (!done && !tally->skipped) {
        refusal = refusal ? refusal : queue_change_undone(tally->change, result);
        const char *why = json_string_value(json_object_get(json_object_get(refusal, "error"), "text"));
        snprintf(tally->why, sizeof tally->why, "copy %llu: %.520s", (unsigned long long)id,
                 why ? why : "no memory to tell why");
    }
    json_decref(refusal);
    tally->changed += done;
    tally->skipped += !done;
}

static json_t *change_all(struct queue_change *change, json_t *request) {
    struct queue_filter filter;
    struct error err = {0};
    struct tally tally = {.change = change};
    struct queue_scan scan = {.mta = change->mta, .filter = &filter, .take = change_taken, .context = &tally};
    json_t *wrong = queue_filter_read(change->mta, request, &filter);
    wrong = wrong ? wrong : queue_read_page(&scan, request, QUEUE_LIST_MOST);
    if (wrong)
        return wrong;
    change->leave_held = !filter.state || strcmp(filter.state, "held") != 0;
    scan.until = (uint64_t)json_integer_value(json_object_get(request, "until"));
    if (!queue_scan(&scan, &err))
        return client_error("unavailable", "%s", err.text);
    return json_pack("{s:I, s:I, s:I, s:o, s:O*, s:o*}", "last", (json_int_t)scan.last, "changed",
                     tally.changed, "skipped", tally.skipped, "cursor", queue_cursor(&scan), "redirected",
                     change->redirected, "why", tally.why[0] ? json_whole(tally.why) : NULL);
}

static json_t *check_target(struct queue_change *change, json_t *request) {
    bool anew = json_is_true(json_object_get(request, "anew"));
    if ((change->by_peer != NULL) + (change->to.address != NULL) + anew != 1)
        return client_error("bad-request", "give one of by-peer, address and anew: true");
    if (!change->by_peer)
        return change->to.address ? queue_check_address(change->mta, "address", change->to.address) : NULL;
    const struct peer *peer = change->to.peer = peer_find(change->mta, span_str(change->by_peer));
    return peer && peer->config && peer->hop >= 0 ? NULL : peer_unknown(change->mta, change->by_peer);
}

static json_t *check_change(struct queue_change *change, json_t *request) {
    size_t length = change->reason ? strlen(change->reason) : 0;
    if (length < 1 || length > 256)
        return client_error("bad-request", "give a reason of 1 to 256 octets");
    if (!json_object_get(request, "id") == !json_is_true(json_object_get(request, "all")))
        return client_error("bad-request", "give either id or all: true");
    return queue_change_is(change, "queue-redirect") ? check_target(change, request) : NULL;
}

static json_t *change_by_id(const struct queue_change *change, json_t *request) {
    struct work *work = queue_find(change->mta, request);
    json_t *refusal = work ? queue_refuse(change, work) : client_error("not-found", QUEUE_NO_SUCH_COPY);
    if (refusal)
        return refusal;
    json_t *expires = waiting_expiry(work); /* the change may end the unit */
    enum redirect_result result = change->count ? REDIRECT_DONE : queue_change_make(change, work);
    if (result != REDIRECT_DONE) {
        json_decref(expires);
        return queue_change_undone(change, result);
    }
    return json_pack("{s:i, s:i, s:n, s:O*, s:o}", "changed", 1, "skipped", 0, "cursor", "redirected",
                     change->redirected, "expires", expires);
}

/* A report can't say all that a reason can; the history can. */
static void tell_what_reports_say(const struct queue_change *change, json_t *answer) {
    struct arena *arena = &change->mta->arena;
    struct span reason = span_str(change->reason);
    arena_reset(arena);
    struct span said = supplementary_of(reason, arena);
    if (said.data && !span_eq(said, reason) && json_integer_value(json_object_get(answer, "changed")))
        json_object_set_new(answer, "supplementary-information",
                            json_stringn((const char *)said.data, said.len));
}

json_t *request_queue_change(struct client *client, json_t *request) {
    const char *operation = json_string_value(json_object_get(request, "operation"));
    struct queue_change change = {.mta = client->mta,
                                  .client = client,
                                  .operation = operation,
                                  .reason = json_string_value(json_object_get(request, "reason")),
                                  .may_arrive_twice =
                                      json_is_true(json_object_get(request, "may-arrive-twice")),
                                  .by_peer = json_string_value(json_object_get(request, "by-peer")),
                                  .to.address = json_string_value(json_object_get(request, "address")),
                                  .force = json_is_true(json_object_get(request, "force")),
                                  .count = json_is_true(json_object_get(request, "count"))};
    json_t *answer = check_change(&change, request);
    if (answer)
        return answer;
    if (queue_change_is(&change, "queue-redirect") && !change.count)
        change.redirected = json_array();
    answer = json_object_get(request, "id") ? change_by_id(&change, request) : change_all(&change, request);
    if (queue_change_is(&change, "queue-nondeliver") && !change.count)
        tell_what_reports_say(&change, answer);
    json_decref(change.redirected);
    return answer;
}
