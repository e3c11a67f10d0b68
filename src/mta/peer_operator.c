/*
 * `peer-disable`, `peer-enable` and `peer-retry`. A peer that an operator
 * disabled has no association, either way: its copies wait, or go by another
 * peer where the routes have one. The store keeps that under the peer's name.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "mta/client.h"
#include "mta/json.h"
#include "mta/mta_private.h"
#include "mta/peer_show.h"
#include "mta/requests.h"

/* Kind of the records: the name is the peer's, the data says who disabled it, and why. */
#define DISABLED_PEER (STORE_KIND_OTHER + 2)

static void set_disabled(struct mta *mta, struct peer *peer, bool disabled) {
    peer->disabled = disabled;
    peer_end_back_off(peer);
    destination_mark(mta, &peer->destination);
    peer->destination.reroute = peer->destination.reroute || disabled;
    peer_tell_rules(mta, peer);
}

static bool read_record(void *context, struct span name, struct span data) {
    (void)data;
    payload_put_octets(context, name);
    return true;
}

bool peers_read_disabled(struct mta *mta, struct buf *names, struct error *err) {
    return store_each_record(mta->view.store, DISABLED_PEER, read_record, names, err) &&
           (!names->failed || error_set(err, STORE_NO_MEMORY, "no memory"));
}

void peers_disable(struct mta *mta, struct span names) {
    struct reader r = reader_of(names);
    while (reader_left(&r)) {
        struct peer *peer = peer_find(mta, payload_octets(&r));
        if (peer)
            set_disabled(mta, peer, true);
    }
}

json_t *peer_why_disabled(struct mta *mta, const struct peer *peer) {
    struct buf text;
    buf_init(&text, 0);
    json_t *why =
        peer->disabled && store_get_record(mta->view.store, DISABLED_PEER, span_str(peer->name), &text, NULL)
            ? json_text(buf_span(&text))
            : json_null();
    buf_free(&text);
    return why;
}

/* ---- requests ---- */

static json_t *find_peer(struct mta *mta, json_t *request, struct peer **peer) {
    const char *name = json_string_value(json_object_get(request, "peer"));
    *peer = NULL;
    if (!name)
        return client_error("bad-request", "give the name of a peer; 'mhs peer list' shows them");
    *peer = peer_find(mta, span_str(name));
    if (*peer && (*peer)->config)
        return NULL;
    return peer_unknown(mta, name);
}

static void disabled_on_disk(struct mta *mta, const struct effect *effect) {
    if (!(effect->number & 1))
        peer_end_wait(mta, peer_at(mta, effect->number >> 1));
    set_disabled(mta, peer_at(mta, effect->number >> 1), effect->number & 1);
}

/* The log has told that it would be. */
static void still_as_it_was(struct mta *mta, const struct effect *effect) {
    const struct peer *peer = peer_at(mta, effect->number >> 1);
    log_warning("peer=%s is still %s, as that was not written: %s", peer->name,
                peer->disabled ? "disabled" : "enabled", batch_cause(mta));
}

static const struct effect_kind abling = {disabled_on_disk, still_as_it_was};

static bool write_record(struct client *client, const struct peer *peer, bool disable, const char *reason) {
    struct mta *mta = client->mta;
    char text[300];
    int length = snprintf(text, sizeof text, "uid %u: %s", client->uid, reason);
    struct span name = span_str(peer->name);
    bool done = disable
                    ? store_put_record(mta->batch.store, DISABLED_PEER, name, span_of(text, (size_t)length))
                    : store_remove_record(mta->batch.store, DISABLED_PEER, name);
    log_notice("peer=%s is %s by uid %u: %s", peer->name, disable ? "disabled" : "enabled", client->uid,
               reason);
    return done && batch_effect(mta, (struct effect){.kind = &abling,
                                                     .number = peer->destination.number << 1 | disable});
}

json_t *request_peer_able(struct client *client, json_t *request) {
    const char *reason = json_string_value(json_object_get(request, "reason"));
    bool disable = strcmp(json_string_value(json_object_get(request, "operation")), "peer-disable") == 0;
    struct peer *peer;
    json_t *wrong = find_peer(client->mta, request, &peer);
    if (wrong)
        return wrong;
    if (!reason || !*reason || strlen(reason) > 256)
        return client_error("bad-request", "give a reason of 1 to 256 octets");
    if (!disable && !peer->disabled && peer_end_wait(client->mta, peer))
        return json_pack("{s:i, s:b}", "changed", 0, "bind-wait-ended", true);
    if (peer->disabled == disable)
        return client_error("wrong-state",
                            disable ? "the peer is disabled already; 'mhs peer enable %s' ends that"
                                    : "the peer is enabled already; 'mhs peer show %s' tells how it is",
                            peer->name);
    if (write_record(client, peer, disable, reason))
        return json_pack("{s:i}", "changed", 1);
    return client_error("unavailable", "no memory for the change; try again");
}

struct retrying {
    struct mta *mta;
    json_int_t changed, skipped;
    char why[120]; /* the first of these was left alone */
};

static bool leave_alone(struct retrying *retrying, const struct work *work) {
    char until[21];
    unsigned long long id = work->id;
    if (!retrying->skipped++ && work->state == WORK_WAITING)
        snprintf(retrying->why, sizeof retrying->why, "copy %llu: the originator deferred it until %s", id,
                 clock_format(work->due / SECOND, until));
    else if (retrying->skipped == 1)
        snprintf(retrying->why, sizeof retrying->why, "copy %llu: %s", id,
                 work->state == WORK_HELD ? "it is held: 'mhs queue release' lets it go"
                                          : "it is under way just now");
    return true;
}

static bool retry_unit(void *context, struct work *work) {
    struct retrying *retrying = context;
    bool deferred = work->state == WORK_WAITING && !work->tries;
    if (work->state == WORK_HELD || work->state == WORK_SENDING || deferred)
        return leave_alone(retrying, work);
    schedule_set(&retrying->mta->schedule, work, WORK_READY, work->due, false);
    retrying->changed++;
    return true;
}

json_t *request_peer_retry(struct client *client, json_t *request) {
    struct mta *mta = client->mta;
    struct peer *peer;
    json_t *wrong = find_peer(mta, request, &peer);
    if (wrong)
        return wrong;
    if (peer->disabled)
        return client_error("wrong-state", "the peer is disabled: 'mhs peer enable %s'", peer->name);
    struct retrying retrying = {.mta = mta};
    bool backed_off = peer_next_try(peer) > 0;
    schedule_each_of(&mta->schedule, peer->destination.number, retry_unit, &retrying);
    destination_try_now(mta, &peer->destination, 0);
    bool waited = peer_end_wait(mta, peer);
    return json_pack("{s:I, s:I, s:b, s:b, s:s*}", "changed", retrying.changed, "skipped", retrying.skipped,
                     "back-off-ended", backed_off, "bind-wait-ended", waited, "why",
                     retrying.skipped ? retrying.why : NULL);
}
