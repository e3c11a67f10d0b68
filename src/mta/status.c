/* `status` and `peer-status`. */
#include "base/clock.h"
#include "base/log.h"
#include "mta/client.h"
#include "mta/convert.h"
#include "mta/json.h"
#include "mta/mta_private.h"
#include "mta/requests.h"
#include "mta/users.h"

/* Without associations, or refusing what it is sent. */
static unsigned tries_of(const struct peer *peer) {
    return peer->failures ? peer->failures : peer->rests;
}

static const char *state_of(const struct peer *peer) {
    if (peer->disabled)
        return "disabled";
    if (!peer->config)
        return "removed";
    return peer_backs_off(peer) ? "backing-off" : peer->in + peer->out ? "up" : "idle";
}

/* What waits for each peer, by its number. */
struct waiting {
    uint64_t copies, in_doubt;
    uint64_t oldest; /* the lowest number of a message: they rise */
};

static bool count_waiting(void *context, struct work *work) {
    struct waiting *waiting = context;
    if (work->peer == PEER_NONE)
        return true;
    waiting += work->peer;
    waiting->copies++;
    waiting->in_doubt += work->in_doubt;
    if (!waiting->oldest || work->message < waiting->oldest)
        waiting->oldest = work->message;
    return true;
}

static void add_waiting(struct mta *mta, json_t *peer, const struct waiting *waiting) {
    struct store_message message = {0};
    struct error err = {0};
    if (waiting->oldest)
        store_get_message(mta->store, waiting->oldest, &mta->arena, &message, &err);
    json_object_set_new(peer, "waiting", json_integer((json_int_t)waiting->copies));
    json_object_set_new(peer, "in-doubt", json_integer((json_int_t)waiting->in_doubt));
    json_object_set_new(peer, "oldest-waiting", json_time(message.arrival / SECOND));
}

static json_t *peer_json(const struct mta *mta, const struct peer *peer) {
    return json_pack(
        "{s:s, s:s, s:b, s:i, s:i, s:i, s:I, s:i, s:o, s:o, s:o, s:o, s:b, s:I, s:I, s:I, s:I}", "peer",
        peer->name, "state", state_of(peer), "configured", peer->config != NULL, "associations-in", peer->in,
        "associations-out", peer->out, "connecting", peer->connecting, "queued",
        (json_int_t)mta->schedule.peers[peer->number].ready, "tries", tries_of(peer), "next-try",
        json_time(peer_next_try(peer) / SECOND), "last-error",
        peer->last_error[0] ? json_text(span_str(peer->last_error)) : json_null(), "last-error-at",
        json_time(peer->last_error_at / SECOND), "last-success", json_time(peer->last_success / SECOND),
        "permanent", peer->config && peer->config->permanent, "messages-in",
        (json_int_t)peer->received.messages, "octets-in", (json_int_t)peer->received.octets, "messages-out",
        (json_int_t)peer->sent.messages, "octets-out", (json_int_t)peer->sent.octets);
}

static json_t *peers_json(struct mta *mta, const struct peer *only) {
    json_t *peers = json_array();
    struct waiting *waiting = arena_array(&mta->arena, mta->peer_count + 1, sizeof *waiting);
    if (waiting)
        schedule_each(&mta->schedule, count_waiting, waiting);
    for (size_t i = 0; i < mta->peer_count; i++) {
        if ((only && mta->peers[i] != only) || mta->peers[i] == mta->conversion)
            continue;
        json_t *peer = peer_json(mta, mta->peers[i]);
        if (waiting)
            add_waiting(mta, peer, &waiting[i]);
        json_array_append_new(peers, peer);
    }
    return peers;
}

json_t *request_peers(struct client *client, json_t *request) {
    struct mta *mta = client->net->mta;
    const char *name = json_string_value(json_object_get(request, "peer"));
    const struct peer *only = name ? peer_find(mta, span_str(name)) : NULL;
    if (name && !only)
        return client_error("not-found", "no peer has the name %s", name);
    arena_reset(&mta->arena);
    return json_pack("{s:o}", "peers", peers_json(mta, only));
}

/* Waiting units are counted once: those that were tried back off, the others are deferred. */
struct state_counts {
    uint64_t deferred, backing_off;
};

static bool count_state(void *context, struct work *work) {
    struct state_counts *counts = context;
    if (work->state == WORK_WAITING)
        *(work->tries ? &counts->backing_off : &counts->deferred) += 1;
    return true;
}

/* What is ready waits all the same while its peer is left alone. */
static json_t *work_json(const struct mta *mta) {
    struct state_counts counts = {0};
    uint64_t ready = 0;
    if (mta->schedule.states[WORK_WAITING])
        schedule_each(&mta->schedule, count_state, &counts);
    for (size_t i = 0; i < mta->peer_count; i++)
        *(peer_backs_off(mta->peers[i]) ? &counts.backing_off : &ready) += mta->schedule.peers[i].ready;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "ready", (json_int_t)ready, "deferred",
                     (json_int_t)counts.deferred, "backing-off", (json_int_t)counts.backing_off, "held",
                     (json_int_t)mta->schedule.states[WORK_HELD], "sending",
                     (json_int_t)mta->schedule.states[WORK_SENDING], "in-doubt",
                     (json_int_t)mta->schedule.in_doubt);
}

static json_t *counters_json(const struct counters *counters) {
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "received", (json_int_t)counters->received,
                     "submitted", (json_int_t)counters->submitted, "transferred",
                     (json_int_t)counters->transferred, "delivered", (json_int_t)counters->delivered,
                     "reports", (json_int_t)counters->reports, "repeats", (json_int_t)counters->repeats,
                     "refused", (json_int_t)counters->refused, "possible-duplicates",
                     (json_int_t)counters->possible_duplicates);
}

json_t *request_status(struct client *client, json_t *request) {
    struct mta *mta = client->net->mta;
    const struct mts_self *self = mts_self_of(mta->config->tables);
    const struct error *cause = store_cause(mta->store);
    struct store_figures figures;
    (void)request;
    bool accepting = store_accepting(mta->store);
    json_t *status = json_pack("{s:s, s:s, s:s, s:s}", "mta", self->mta_name, "domain", self->domain,
                               "version", CHASQUI_VERSION, "state",
                               mta->stopping ? "stopping"
                               : accepting   ? "serving"
                                             : "refusing");
    if (!client_is_operator(client))
        return status;
    arena_reset(&mta->arena);
    store_figures(mta->store, &figures);
    json_object_set_new(status, "cause", accepting ? json_null() : json_text(span_str(cause->text)));
    json_object_set_new(status, "started", json_time(mta->started / SECOND));
    json_object_set_new(status, "now", json_time(clock_now_us() / SECOND));
    json_object_set_new(status, "copies", json_integer((json_int_t)mta->schedule.count));
    json_object_set_new(status, "work", work_json(mta));
    json_object_set_new(status, "counters", counters_json(&mta->counters));
    json_object_set_new(status, "store",
                        json_pack("{s:I, s:I, s:I, s:I}", "commits", (json_int_t)figures.commits,
                                  "failed-commits", (json_int_t)figures.failed_commits, "content-octets",
                                  (json_int_t)figures.content_octets, "sync-us",
                                  (json_int_t)figures.sync_us));
    json_object_set_new(status, "peers", peers_json(mta, NULL));
    unsigned converting, processes = convert_count(mta, &converting);
    json_object_set_new(status, "work-processes", json_integer(processes));
    json_object_set_new(status, "converting", json_integer(converting));
    return status;
}
