/* `status` and `peer-status`. */
#include "base/clock.h"
#include "mta/client.h"
#include "mta/json.h"
#include "mta/mta_private.h"
#include "mta/peer_show.h"
#include "mta/requests.h"
#include "mta/stop.h"
#include "mta/users.h"
#include "mta/waiting.h"

json_t *request_peers(struct client *client, json_t *request) {
    struct mta *mta = client->mta;
    const char *name = json_string_value(json_object_get(request, "peer"));
    const struct peer *only = name ? peer_find(mta, span_str(name)) : NULL;
    if (name && !only)
        return peer_unknown(mta, name);
    arena_reset(&mta->arena);
    return json_pack("{s:o}", "peers", peers_shown(mta, only));
}

static void count_more(json_t *counts, const char *state, size_t more) {
    json_t *count = json_object_get(counts, state);
    json_integer_set(count, json_integer_value(count) + (json_int_t)more);
}

/* Each unit once, under the state that queue-list gives it. */
static json_t *work_json(const struct mta *mta) {
    json_t *counts =
        json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "ready", 0, "user-removed", 0,
                  "unbound", 0, "restricted", 0, "deferred", 0, "backing-off", 0, "peer-disabled", 0,
                  "peer-removed", 0, "held", 0, "sending", 0, "in-doubt", 0);
    for (size_t i = 0; i < mta->destination_count; i++)
        for (size_t how = 0; how < WORK_COUNTS; how++)
            if (mta->schedule.queues[i].counted[how])
                count_more(counts, waiting_state_counted(mta, mta->destinations[i], (enum work_count)how),
                           mta->schedule.queues[i].counted[how]);
    return counts;
}

static json_t *counters_json(const struct mta *mta) {
    static const char *const names[COUNTERS] = {
        [COUNT_RECEIVED] = "received",       [COUNT_SUBMITTED] = "submitted",
        [COUNT_TRANSFERRED] = "transferred", [COUNT_DELIVERED] = "delivered",
        [COUNT_REPORTS] = "reports",         [COUNT_REPEATS] = "repeats",
        [COUNT_REFUSED] = "refused",         [COUNT_POSSIBLE_DUPLICATES] = "possible-duplicates"};
    json_t *counters = json_object();
    for (size_t i = 0; i < COUNTERS; i++)
        json_object_set_new(counters, names[i], json_integer((json_int_t)mta->counters[i]));
    return counters;
}

json_t *request_status(struct client *client, json_t *request) {
    struct mta *mta = client->mta;
    const struct mts_self *self = mts_self_of(mta->view.config->tables);
    struct store_figures figures;
    char waits[STOP_TEXT];
    (void)request;
    bool accepting = store_accepting(mta->view.store);
    const struct error *cause =
        accepting ? store_content_cause(mta->view.store) : store_cause(mta->view.store);
    json_t *status = json_pack("{s:s, s:s, s:s, s:s}", "mta", self->mta_name, "domain", self->domain,
                               "version", CHASQUI_VERSION, "state",
                               mta->stopping ? "stopping"
                               : accepting   ? "serving"
                                             : "refusing");
    if (!client_is_operator(client))
        return status;
    arena_reset(&mta->arena);
    store_figures(mta->view.store, &figures);
    json_object_set_new(status, "cause",
                        mta->stopping ? json_text(span_str(stop_waits_for(mta, waits)))
                        : cause->code ? json_text(span_str(cause->text))
                                      : json_null());
    json_object_set_new(status, "started", json_time(mta->started / SECOND));
    json_object_set_new(status, "now", json_time(clock_now_us() / SECOND));
    json_object_set_new(status, "copies", json_integer((json_int_t)mta->schedule.count));
    json_object_set_new(status, "work", work_json(mta));
    json_object_set_new(status, "counters", counters_json(mta));
    json_object_set_new(status, "store",
                        json_pack("{s:I, s:I, s:I, s:I}", "commits", (json_int_t)figures.commits,
                                  "failed-commits", (json_int_t)figures.failed_commits, "content-octets",
                                  (json_int_t)figures.content_octets, "sync-us",
                                  (json_int_t)figures.sync_us));
    json_object_set_new(status, "peers", json_array());
    destinations_show(mta, status);
    return status;
}
