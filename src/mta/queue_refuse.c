#include "mta/queue_refuse.h"

#include <stdio.h>

#include "base/clock.h"
#include "mta/client.h"
#include "mta/jump.h"
#include "mta/waiting.h"

/* `peer` NULL: it is a user's, whose program may have it. */
static json_t *refuse_doubtful(const struct queue_change *change, const struct destination *destination,
                               const struct peer *peer) {
    bool gone = peer && !peer->config;
    if ((!gone && queue_change_is(change, "queue-retry")) || queue_change_is(change, "queue-hold") ||
        change->may_arrive_twice)
        return NULL;
    return client_error("wrong-state",
                        "the copy may have arrived at %.300s: its recipients and route are frozen, and it is "
                        "tried again there only%s; with --may-arrive-twice it can be changed all the same",
                        destination->name,
                        gone ? " (that peer is not in the configuration: put it back)" : "");
}

static json_t *refuse_failures(json_t *failures) {
    const json_t *first = json_array_get(failures, 0);
    const char *address = json_string_value(json_object_get(first, "address"));
    const char *cause = json_string_value(json_object_get(first, "cause"));
    char more[40] = "";
    if (json_array_size(failures) > 1)
        snprintf(more, sizeof more, " (and %zu more)", json_array_size(failures) - 1);
    json_t *refusal = client_error("wrong-state",
                                   "it would be non-delivered to %.300s%s: %s; --force sends it all the same",
                                   address ? address : "?", more, cause ? cause : "?");
    json_decref(failures);
    return refusal;
}

/* A mistyped address, say, would end the copy, and nobody could take that back. */
static json_t *refuse_redirection(const struct queue_change *change, const struct work *work) {
    if (change->leave_held && work->state == WORK_HELD)
        return client_error("wrong-state", "the copy is held: 'mhs queue release' lets it go, and 'mhs queue "
                                           "redirect ID' sends it elsewhere, where it is held too");
    if (change->force)
        return NULL;
    const char *why = redirect_loops(change->mta, &change->to, work);
    if (why)
        return client_error("wrong-state", "the copy would loop: %s; --force sends it all the same", why);
    json_t *failures = redirect_failures(change->mta, &change->to, work);
    return failures ? refuse_failures(failures) : NULL;
}

/* The lifetime of a copy runs on while it is held. */
static json_t *refuse_release(const struct queue_change *change, const struct work *work) {
    char time[21];
    bool over = schedule_expiry(work) <= jump_now(change->mta);
    if (work->state == WORK_HELD && over && !change->force)
        return client_error(
            "wrong-state", "its time ended at %s: it will be non-delivered; --force releases it all the same",
            clock_format(schedule_expiry(work) / SECOND, time));
    if (work->state == WORK_HELD)
        return NULL;
    if (waiting_is_deferred(work))
        return client_error("wrong-state", "the copy is not held, but the originator deferred it until %s",
                            clock_format(work->due / SECOND, time));
    const struct destination *destination = waiting_destination(change->mta, work);
    if (destination_blocked(change->mta, destination))
        return client_error("wrong-state", "the copy is not held, but %s",
                            destination_trouble(change->mta, destination));
    return client_error("wrong-state", "the copy is not held, so that nothing is to be released; 'mhs queue "
                                       "retry' has it tried now");
}

json_t *queue_refuse(const struct queue_change *change, const struct work *work) {
    char until[21];
    struct destination *destination = waiting_destination(change->mta, work);
    const struct peer *peer = peer_of(destination);
    const char *fixed = destination_fixed(change->mta, destination);
    bool held = work->state == WORK_HELD;
    json_t *wrong;
    if (work->damaged)
        return client_error("wrong-state",
                            "its row is damaged: 'mhs store repair', with the daemon stopped, makes "
                            "it one that can be shown and changed");
    if (work->state == WORK_SENDING)
        return client_error("wrong-state", "the copy is under way just now: look again in a moment");
    if (work->taken)
        return client_error("wrong-state", "its user has the copy: that is written as soon as the store can");
    if (work->lost)
        return client_error("wrong-state", "its content is lost: its originator gets a report at once");
    if (queue_change_is(change, "queue-release"))
        return refuse_release(change, work);
    if (held && queue_change_is(change, "queue-hold"))
        return client_error("wrong-state", "the copy is held already; 'mhs queue release' lets it go");
    if (held && queue_change_is(change, "queue-retry"))
        return client_error("wrong-state", "the copy is held: 'mhs queue release' lets it go");
    if (work->in_doubt && (wrong = refuse_doubtful(change, destination, peer)))
        return wrong;
    if (queue_change_is(change, "queue-retry") && peer && destination_blocked(change->mta, destination))
        return client_error("wrong-state",
                            peer->config ? "the peer is disabled: 'mhs peer enable %s' lets its copies go"
                                         : "the peer %s is not in the configuration any more: 'mhs queue "
                                           "redirect' has the copy take another way",
                            peer->name);
    if (queue_change_is(change, "queue-retry") && !peer && destination_blocked(change->mta, destination))
        return client_error("wrong-state", "%s", destination_trouble(change->mta, destination));
    if (queue_change_is(change, "queue-retry") && !work->in_doubt && waiting_is_deferred(work))
        return client_error("wrong-state", "the originator deferred it until %s: it can't go before",
                            clock_format(work->due / SECOND, until));
    if (!queue_change_is(change, "queue-redirect"))
        return NULL;
    if (!change->to.address && fixed)
        return client_error("wrong-state", "%s", fixed);
    return refuse_redirection(change, work);
}
