/* Associations as the store process knows them: admission, ends, and which may be recovered. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "mta/mta_private.h"

struct association *association_find(const struct net *net, uint64_t ref) {
    return map_get(&net->associations, ref);
}

void association_idle(struct association *association, bool idle) {
    struct peer *peer = association->peer;
    if (association->idle == idle)
        return;
    association->idle = idle;
    if (!idle) {
        *(association->prev_idle ? &association->prev_idle->next_idle : &peer->idle) = association->next_idle;
        if (association->next_idle)
            association->next_idle->prev_idle = association->prev_idle;
        return;
    }
    association->idle_since = clock_now_us();
    association->prev_idle = NULL;
    association->next_idle = peer->idle;
    if (peer->idle)
        peer->idle->prev_idle = association;
    peer->idle = association;
}

/* ---- opening ---- */

static void admit(const struct net *net, uint64_t ref, enum ipc_admission admission, struct span peer,
                  const char *cause) {
    struct buf *head = &net->mta->head;
    buf_clear(head);
    buf_append_byte(head, (uint8_t)admission);
    payload_put_octets(head, peer);
    payload_put_octets(head, span_str(cause));
    ipc_send(net->channel, IPC_ASSOCIATION_ADMIT, ref, buf_span(head), (struct span){NULL, 0});
}

static struct association *add_association(struct net *net, uint64_t ref, struct peer *peer, bool out,
                                           struct span id, struct span address) {
    struct association *association = mem_alloc(sizeof *association);
    if (!association)
        return NULL;
    *association =
        (struct association){.net = net, .peer = peer, .ref = ref, .out = out, .state = ASSOCIATION_UP};
    association->id = bytes_new(id, address);
    if (!association->id || !map_put(&net->associations, ref, association)) {
        bytes_drop(association->id);
        mem_free(association);
        return NULL;
    }
    *(out ? &peer->out : &peer->in) += 1;
    net->mta->associations_in += !out;
    net->out += out;
    return association;
}

/* An RT-RECOVER names the association that broke. The store may still think that it is up (half open, or in
 * another net process): then it is fenced, so that nothing more of it counts (X.228 §7.8). Only who calls
 * from the same address can do that: the names that some MTAs give to their associations can be guessed. */
static void fence(struct mta *mta, struct span id, struct span address) {
    for (struct net *net = mta->nets; net; net = net->next)
        for (size_t i = 0; i < net->associations.room; i++) {
            struct association *association = net->associations.slots[i].value;
            if (!association || association->out || !span_eq(bytes_head(association->id), id) ||
                !span_eq(bytes_rest(association->id), address))
                continue;
            association_end(association, IPC_CLOSE_ABORTED, "recovered by another association");
            map_remove(&net->associations, association->ref);
            association_gone(association, "recovered by another association");
            return;
        }
}

static const char *why_busy(const struct mta *mta, const struct peer *peer) {
    if (mta->stopping)
        return "the MTA is stopping";
    if (!peer->config)
        return "the peer is not in the configuration";
    if (mta->associations_in >= mta->config->limits.associations_in)
        return "too many associations";
    if (peer->in >= peer->config->max_in)
        return "too many associations with this peer";
    return NULL;
}

static bool open_inbound(struct net *net, uint64_t ref, struct span name, struct span address, struct span id,
                         struct span recover) {
    struct mta *mta = net->mta;
    if (recover.len)
        fence(mta, recover, address);
    struct peer *peer = recover.len ? receive_recoverable(mta, recover, address) : peer_find(mta, name);
    if (!peer) {
        admit(net, ref, IPC_CANNOT_RECOVER, name, recover.len ? "no such association broke" : "unknown peer");
        return true;
    }
    const char *busy = why_busy(mta, peer);
    if (!busy && !add_association(net, ref, peer, false, id, address))
        busy = "no memory";
    if (busy)
        log_notice("peer=%s association refused: %s", peer->name, busy);
    admit(net, ref, busy ? IPC_BUSY : IPC_ADMITTED, span_str(peer->name), busy ? busy : "");
    return true;
}

static bool open_outbound(struct net *net, uint64_t ref, struct span name, struct span address,
                          struct span id) {
    struct mta *mta = net->mta;
    struct peer *peer = peer_find(mta, name);
    if (!peer || !peer_connected(net, peer))
        return net_broke_rules(net, "it opened an association that nobody asked for");
    struct association *association = add_association(net, ref, peer, true, id, address);
    if (!association)
        return false;
    peer_worked(mta, peer);
    association_idle(association, true);
    peer_pump(mta, peer);
    return true;
}

bool association_open(struct net *net, uint64_t ref, struct span payload) {
    struct reader r = reader_of(payload);
    uint8_t direction = reader_u8(&r);
    struct span name = payload_octets(&r), address = payload_octets(&r);
    uint8_t mode = reader_u8(&r);
    struct span id = payload_octets(&r), recover = payload_octets(&r);
    if (!payload_done(&r) || direction > 1 || mode < IPC_MODE_NORMAL || mode > IPC_MODE_1984 || !ref ||
        id.len > IPC_IDENTIFIER_MAX || address.len > IPC_IDENTIFIER_MAX || recover.len > IPC_IDENTIFIER_MAX ||
        association_find(net, ref))
        return false;
    return direction ? open_outbound(net, ref, name, address, id)
                     : open_inbound(net, ref, name, address, id, recover);
}

/* ---- ends ---- */

void association_end(struct association *association, enum ipc_close how, const char *cause) {
    struct buf *head = &association->net->mta->head;
    if (association->state == ASSOCIATION_CLOSING)
        return;
    association->state = ASSOCIATION_CLOSING;
    association_idle(association, false);
    buf_clear(head);
    buf_append_byte(head, (uint8_t)how);
    payload_put_octets(head, span_str(cause));
    ipc_send(association->net->channel, IPC_ASSOCIATION_CLOSE, association->ref, buf_span(head),
             (struct span){NULL, 0});
}

void association_gone(struct association *association, const char *cause) {
    struct mta *mta = association->net->mta;
    struct peer *peer = association->peer;
    association->state = ASSOCIATION_CLOSING;
    association_idle(association, false);
    pace_forget(association);
    log_debug("peer=%s association ended: %s", peer->name, cause);
    if (association->inbound)
        receive_interrupted(association);
    if (association->sending)
        send_lost(association);
    batch_forget_association(mta, association);
    *(association->out ? &peer->out : &peer->in) -= 1;
    mta->associations_in -= !association->out;
    if (association->out)
        association->net->out--;
    store_content_release(association->content);
    bytes_drop(association->prefix);
    bytes_drop(association->activity);
    bytes_drop(association->id);
    mem_free(association);
    peer->pump = true;
    batch_arm(mta);
}

bool association_close_frame(struct net *net, uint64_t ref, struct span payload) {
    struct reader r = reader_of(payload);
    uint8_t how = reader_u8(&r);
    struct span cause = payload_octets(&r);
    if (!payload_done(&r) || how < IPC_CLOSE_RELEASED || how > IPC_CLOSE_BROKEN)
        return false;
    struct association *association = association_find(net, ref);
    if (!association)
        return true;
    char text[LOG_TEXT_SIZE];
    struct peer *peer = association->peer;
    if (how != IPC_CLOSE_RELEASED) {
        if (association->state != ASSOCIATION_CLOSING) /* else it was asked for */
            log_notice("peer=%s association broke: %s", peer->name, log_text(cause, text));
        /* One that ends without having carried anything says no more than a refused connection. */
        if (association->out && !association->activity && association->state == ASSOCIATION_UP)
            peer_failed(net->mta, peer, cause);
    }
    map_remove(&net->associations, ref);
    association_gone(association, log_text(cause, text));
    if (net->mta->stopping)
        event_active(net->mta->tick, EV_TIMEOUT, 0); /* the last one may have been awaited */
    return true;
}

bool association_connect_failed(struct net *net, struct span payload) {
    struct reader r = reader_of(payload);
    struct span name = payload_octets(&r);
    uint8_t layer = reader_u8(&r);
    struct span cause = payload_octets(&r), recover = payload_octets(&r);
    struct peer *peer = peer_find(net->mta, name);
    if (!payload_done(&r) || layer < IPC_LAYER_TCP || layer > IPC_LAYER_NAME || !peer ||
        recover.len > IPC_IDENTIFIER_MAX || !peer_connected(net, peer))
        return false;
    if (recover.len && !peer->plain) {
        /* The peer may have forgotten the association; an activity is resumed in a new one as well (X.228
         * §7.8). */
        peer->plain = true;
        peer_pump(net->mta, peer);
    } else {
        peer_failed(net->mta, peer, cause);
    }
    return true;
}
