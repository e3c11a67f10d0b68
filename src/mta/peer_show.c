#include "mta/peer_show.h"

#include "mta/json.h"
#include "mta/mta_private.h"
#include "mta/requests.h"

/* Without associations, or refusing what it is sent. */
static unsigned tries_of(const struct peer *peer) {
    return peer->failures ? peer->failures : peer->pauses;
}

static const char *state_of(const struct peer *peer) {
    if (!peer->config)
        return "removed";
    if (peer->disabled)
        return "disabled";
    if (peer->connecting && !(peer->in + peer->out))
        return "calling";
    /* Its back-off was ended, and nothing has called it since. */
    bool for_now = !peer_next_try(peer) && !peer->connecting;
    return peer_backs_off(peer) && !for_now ? "backing-off" : peer->in + peer->out ? "up" : "idle";
}

/* Ids of work and messages rise together: the oldest copy stands for the message that came first. */
static void add_waiting(struct mta *mta, const struct peer *peer, json_t *shown) {
    const struct queue *queue = &mta->schedule.queues[peer->destination.number];
    struct store_message message = {0};
    struct error err = {0};
    if (queue->oldest)
        store_get_message(mta->view.store, queue->oldest->message, &mta->arena, &message, &err);
    json_object_set_new(shown, "waiting", json_integer((json_int_t)queue->count));
    json_object_set_new(shown, "in-doubt", json_integer((json_int_t)queue->in_doubt));
    json_object_set_new(shown, "oldest-waiting", json_time(message.arrival / SECOND));
}

static json_t *described(const struct mta *mta, const struct peer *peer) {
    return json_pack(
        "{s:s, s:s, s:b, s:i, s:i, s:i, s:I, s:i, s:o, s:o, s:o, s:o, s:b, s:I, s:I, s:I, s:I}", "peer",
        peer->name, "state", state_of(peer), "configured", peer->config != NULL, "associations-in", peer->in,
        "associations-out", peer->out, "connecting", peer->connecting, "queued",
        (json_int_t)mta->schedule.queues[peer->destination.number].ready, "tries", tries_of(peer), "next-try",
        json_time(peer_next_try(peer) / SECOND), "last-error",
        peer->last_error[0] ? json_text(span_str(peer->last_error)) : json_null(), "last-error-at",
        json_time(peer->last_error_at / SECOND), "last-success", json_time(peer->last_success / SECOND),
        "permanent", peer->config && peer->config->permanent, "messages-in",
        (json_int_t)peer->received.messages, "octets-in", (json_int_t)peer->received.octets, "messages-out",
        (json_int_t)peer->sent.messages, "octets-out", (json_int_t)peer->sent.octets);
}

static json_t *shown(struct mta *mta, const struct peer *peer) {
    json_t *json = described(mta, peer);
    arena_reset(&mta->arena);
    add_waiting(mta, peer, json);
    json_object_set_new(json, "disabled", peer_why_disabled(mta, peer));
    json_object_set_new(json, "binds-refused-until", json_time(peer_wait_end(mta, peer) / SECOND));
    return json;
}

/* One that left the configuration, and has nothing here any more, is of no concern to an operator. */
static bool is_past(const struct mta *mta, const struct peer *peer) {
    return !peer->config && !mta->schedule.queues[peer->destination.number].count &&
           !(peer->in + peer->out + peer->connecting);
}

json_t *peers_shown(struct mta *mta, const struct peer *only) {
    json_t *peers = json_array();
    for (uint32_t i = 0; i < mta->destination_count; i++) {
        const struct peer *peer = peer_at(mta, i);
        if (peer && (only ? peer == only : !is_past(mta, peer)))
            json_array_append_new(peers, shown(mta, peer));
    }
    return peers;
}

void peer_show(struct mta *mta, struct destination *destination, json_t *status) {
    const struct peer *peer = peer_of(destination);
    if (!is_past(mta, peer))
        json_array_append_new(json_object_get(status, "peers"), shown(mta, peer));
}
