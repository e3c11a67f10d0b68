/* P1 as a service: which event and which frame goes where, and what an association's end leaves behind. */
#include "protocol/p1.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "protocol/p1_private.h"

/* ---- the end ---- */

static void tell_close(const struct connection *c, const struct osi_cause *cause) {
    struct buf payload;
    buf_init(&payload, 0);
    enum ipc_close how = cause->end == OSI_END_RELEASED       ? IPC_CLOSE_RELEASED
                         : cause->end == OSI_END_DISCONNECTED ? IPC_CLOSE_BROKEN
                                                              : IPC_CLOSE_ABORTED;
    buf_append_byte(&payload, (uint8_t)how);
    payload_put_octets(&payload, span_str(cause->text));
    net_tell(c->net, IPC_ASSOCIATION_CLOSE, c->ref, &payload);
}

/* What became of the copy under way. The receiver's abort may say it (X.228 §7.8): a resume of what it
 * doesn't know begins anew, and what it had completed is done. */
static enum ipc_sent sent_at_end(const struct p1 *p1, const struct osi_cause *cause) {
    bool abort = cause->by_peer && cause->end == OSI_END_PROVIDER_ABORT;
    if (abort && cause->code == OSI_ABORT_TRANSFER_COMPLETED)
        return IPC_SENT;
    if (abort && cause->code == OSI_ABORT_UNRECOGNIZED_ACTIVITY)
        return IPC_SENT_DEFERRED;
    return p1->out.last_taken ? IPC_SENT_IN_DOUBT : IPC_SENT_BROKEN;
}

/* Who ended a transfer, and how; nobody when the network did. Where the peer's ability is jeopardized, or it
 * aborts for another problem of the moment, it is not the transfer's fault. */
static unsigned sent_flags(const struct osi_cause *cause) {
    bool abort = cause->by_peer && cause->end == OSI_END_PROVIDER_ABORT;
    if (abort && cause->code == OSI_ABORT_TEMPORARY_PROBLEM)
        return IPC_SENT_FOR_NOW;
    if (cause->end == OSI_END_PROTOCOL_ERROR || cause->end == OSI_END_TIMEOUT)
        return IPC_SENT_GIVEN_UP;
    return abort || cause->end == OSI_END_USER_ABORT ? IPC_SENT_ABORTED : 0;
}

/* An initiator that does not believe our bind result has no other way to say so (X.411 §12.1.1.1.2). */
static bool refused_us(const struct p1 *p1, const struct osi_cause *cause) {
    return p1->connection->inbound && p1->connection->announced && cause->by_peer &&
           cause->end == OSI_END_USER_ABORT && !p1->transfers_in;
}

/* An association that was up (or asked for admission) is gone: nothing of its transfers may stay open. */
static void report_close(struct p1 *p1, const struct osi_cause *cause) {
    static const char doubt[] = "; perhaps it does not know our name or password: see 'our-mta-name' and "
                                "'our-password' of the peer here";
    struct connection *c = p1->connection;
    bool refused = refused_us(p1, cause);
    if (p1->in.active)
        transfer_in_stopped(p1, true);
    if (p1->out.active)
        transfer_out_ended(p1, sent_at_end(p1, cause), cause->text, sent_flags(cause) | IPC_SENT_CLOSING);
    if (c->announced)
        tell_close(c, cause);
    c->announced = false;
    if (cause->end != OSI_END_RELEASED && cause->end != OSI_END_LOCAL)
        connection_warn(c, "association ended: %s%s", cause->text, refused ? doubt : "");
}

/* ---- the process ends ---- */

#define CUT_TEXT 128

/* After the next start it goes on from what is on disk, which this tells. */
static void describe_out(const struct transfer_out *out, char text[static CUT_TEXT]) {
    unsigned long long total = out->prefix_length + out->content_length, sent = out->offset,
                       known = out->confirmed;
    if (out->last_taken)
        snprintf(text, CUT_TEXT,
                 "all %llu octets were sent and are not confirmed yet: this peer gets them again", total);
    else if (known)
        snprintf(text, CUT_TEXT, "%llu of %llu octets were sent; it is resumed from octet %llu on", sent,
                 total, known);
    else
        snprintf(text, CUT_TEXT, "%llu of %llu octets were sent, and nothing was confirmed: it begins anew",
                 sent, total);
}

static void describe_in(const struct transfer_in *in, char text[static CUT_TEXT]) {
    snprintf(text, CUT_TEXT, "%llu octets had come; the peer %s",
             (unsigned long long)(in->scanner.offset + in->gathered.len),
             in->resumable ? "can resume it from its last checkpoint" : "sends it anew");
}

static bool tell_cut(struct connection *c) {
    struct p1 *p1 = p1_of(c);
    char text[CUT_TEXT];
    bool in = p1->in.active, out = p1->out.active;
    if (in) {
        describe_in(&p1->in, text);
        connection_log_once(c, LOG_LEVEL_NOTICE, "the stop cuts a transfer from it: %s", text);
    }
    if (out) {
        describe_out(&p1->out, text);
        connection_log_once(c, LOG_LEVEL_NOTICE, "the stop cuts a transfer to it: %s", text);
    }
    return in || out;
}

static void cut(struct connection *c) {
    struct p1 *p1 = p1_of(c);
    struct osi_cause cause = {.end = OSI_END_LOCAL, .text = "the daemon was stopped"};
    char text[CUT_TEXT];
    if (c->state != CONNECTION_OPEN)
        return;
    if (!tell_cut(c))
        connection_log(c, LOG_LEVEL_NOTICE, "the stop cuts the association, which carried nothing");
    if (p1->out.active) {
        describe_out(&p1->out, text);
        snprintf(cause.text, sizeof cause.text, "the daemon was stopped: %s", text);
    }
    report_close(p1, &cause);
}

/* A refusal may follow: the octets gathered so far are looked at. */
static void stops(struct connection *c) {
    transfer_in_tell(p1_of(c));
    connection_kick(c);
}

/* ---- the association's end ---- */

static bool is_being_made(const struct connection *c) {
    return !c->inbound && c->state < CONNECTION_ADMISSION;
}

static void on_closed(struct p1 *p1, const struct osi_cause *cause) {
    if (is_being_made(p1->connection)) {
        connect_ended(p1, cause); /* `over` tries the next way */
        return;
    }
    if (p1->call.ping)
        ping_ended(p1, cause->end == OSI_END_RELEASED, p1_layer(cause), cause->parameter, cause->text);
    report_close(p1, cause);
}

static bool over(struct connection *c) {
    struct p1 *p1 = p1_of(c);
    if (!is_being_made(c))
        return false;
    connect_failed(p1, p1->call.failure_layer, p1->call.failure);
    return true;
}

/* ---- events ---- */

/* What comes in. */
static void on_event_in(struct p1 *p1, struct osi_event *event) {
    switch (event->type) {
    case OSI_EVENT_TRANSFER_BEGIN:
        transfer_in_begin(p1, &event->u.begin);
        break;
    case OSI_EVENT_TRANSFER_DATA:
        transfer_in_data(p1, event->u.data);
        break;
    case OSI_EVENT_CHECKPOINT:
        transfer_in_checkpoint(p1, &event->u.checkpoint);
        break;
    case OSI_EVENT_TRANSFER_END:
        transfer_in_end(p1);
        break;
    case OSI_EVENT_TRANSFER_CUT_SHORT:
        connection_warn(p1->connection,
                        "transfer refused: its activity ended before the lengths in its APDU said so");
        break;
    case OSI_EVENT_TRANSFER_INTERRUPTED:
        transfer_in_stopped(p1, true);
        break;
    case OSI_EVENT_TRANSFER_DISCARDED:
        transfer_in_stopped(p1, false);
        break;
    default:
        break;
    }
}

static void on_event(struct connection *c, struct osi_event *event) {
    struct p1 *p1 = p1_of(c);
    switch (event->type) {
    case OSI_EVENT_OPEN_INDICATION:
        admission_indication(p1, &event->u.open);
        break;
    case OSI_EVENT_OPEN_CONFIRM:
        connect_confirmed(p1, &event->u.open);
        break;
    case OSI_EVENT_TRANSFER_BEGIN:
    case OSI_EVENT_TRANSFER_DATA:
    case OSI_EVENT_CHECKPOINT:
    case OSI_EVENT_TRANSFER_END:
    case OSI_EVENT_TRANSFER_CUT_SHORT:
    case OSI_EVENT_TRANSFER_INTERRUPTED:
    case OSI_EVENT_TRANSFER_DISCARDED:
        on_event_in(p1, event);
        break;
    case OSI_EVENT_MAY_SEND:
    case OSI_EVENT_TURN_GIVE:
        transfer_out_push(p1);
        break;
    case OSI_EVENT_CHECKPOINT_CONFIRMED:
        transfer_out_checkpoint(p1, &event->u.checkpoint);
        break;
    case OSI_EVENT_TRANSFER_CONFIRMED:
        transfer_out_ended(p1, IPC_SENT, "", 0);
        break;
    case OSI_EVENT_TRANSFER_REFUSED:
        transfer_out_refused(p1, event->u.refused.reason);
        break;
    case OSI_EVENT_TURN_PLEASE:
        if (!p1->out.active)
            osi_rt_turn_give(c->association, clock_monotonic_us());
        break;
    case OSI_EVENT_CLOSE_INDICATION:
    case OSI_EVENT_RO_BEGIN: /* P1's contexts have no operations */
    case OSI_EVENT_RO_DATA:
    case OSI_EVENT_RO_END:
    case OSI_EVENT_RO_DROPPED:
    case OSI_EVENT_RO_RETURNED:
        break;
    case OSI_EVENT_CLOSED:
        on_closed(p1, event->u.cause);
        break;
    }
}

static int64_t due(const struct connection *c) {
    const struct p1 *p1 = p1_of(c);
    int64_t deadline = transfer_in_deadline(p1);
    return p1->refuse_at && p1->refuse_at < deadline ? p1->refuse_at : deadline;
}

static void wake(struct connection *c) {
    struct p1 *p1 = p1_of(c);
    int64_t now = clock_monotonic_us();
    if (transfer_in_deadline(p1) <= now)
        transfer_in_timeout(p1);
    if (p1->refuse_at && p1->refuse_at <= now)
        admission_refuse_now(p1);
}

/* ---- frames of the store process ---- */

/* An answer may have crossed the end of what it is about, and an order the end of the association. */
static unsigned state(const struct connection *c) {
    const struct p1 *p1 = p1_of(c);
    if (!c->announced)
        return IPC_STATE_GONE;
    if (c->state == CONNECTION_ADMISSION)
        return IPC_STATE_ASKED;
    if (c->state != CONNECTION_OPEN)
        return IPC_STATE_GONE;
    return IPC_STATE_UP | (p1->out.active ? IPC_STATE_SENDING : IPC_STATE_NO_OUTBOUND);
}

static bool on_answer(struct p1 *p1, struct span payload) {
    struct connection *c = p1->connection;
    struct ipc_bind_answer answer;
    if (!ipc_bind_answer_read(payload, &answer))
        return false;
    if (c->inbound)
        admission_answer(p1, &answer);
    else
        connect_answer(p1, &answer);
    connection_pump(c);
    return true;
}

/* What is done with a frame, by its number. */
static bool (*const rows[IPC_NUMBERS])(struct p1 *p1, struct span payload) = {
    [IPC_TRANSFER_CHECKPOINT_DONE] = transfer_in_checkpoint_done,
    [IPC_TRANSFER_RESULT] = transfer_in_result,
    [IPC_RESUME_RESULT] = transfer_in_resume_result,
    [IPC_SEND_BEGIN] = transfer_out_send_begin,
    [IPC_SEND_DATA] = transfer_out_send_data,
};

static bool on_frame(struct connection *c, enum ipc_type type, struct span payload) {
    if (type == IPC_BIND_ANSWER)
        return on_answer(p1_of(c), payload); /* which may free it */
    bool right = rows[type](p1_of(c), payload);
    if (right)
        connection_kick(c);
    return right;
}

/* ---- life ---- */

static bool take_on(struct connection *c) {
    struct p1 *p1 = mem_alloc(sizeof *p1);
    c->user = p1;
    if (p1)
        p1->connection = c;
    return p1;
}

static void let_go(struct connection *c) {
    struct p1 *p1 = p1_of(c);
    admission_forget(p1);
    connect_forget(p1);
    transfer_in_free(p1);
    transfer_out_free(&p1->out);
    mem_free(p1);
    c->user = NULL;
}

static void reloaded(struct connection *c) {
    static const struct protocol_peer removed = {.name = "(removed)"};
    struct p1 *p1 = p1_of(c);
    admission_ask_again(p1);
    if (!c->name)
        return;
    const struct protocol_peer *peer = protocol_peer_named(c->net->config, span_str(c->name));
    if (!peer) {
        log_notice("peer=%s is no longer configured: its association ends", c->name);
        if (is_being_made(c))
            connect_unconfigured(p1);
        if (c->association)
            osi_association_user_abort(c->association, (struct span){NULL, 0});
        connection_kick(c);
    }
    p1->call.peer = peer ? peer : &removed;
}

const struct service p1_service = {.contexts = OSI_MTS_TRANSFER | OSI_MTS_TRANSFER_PROTOCOL |
                                               OSI_MTS_TRANSFER_PROTOCOL_1984,
                                   .open = take_on,
                                   .event = on_event,
                                   .state = state,
                                   .frame = on_frame,
                                   .due = due,
                                   .wake = wake,
                                   .over = over,
                                   .reloaded = reloaded,
                                   .stops = stops,
                                   .tell_cut = tell_cut,
                                   .cut = cut,
                                   .close = let_go};

/* ---- calls ---- */

static void call(struct net *net, struct span name, struct span recover_id,
                 const struct ipc_credentials *ours, uint64_t ping) {
    struct connection *c = connection_new(net, &p1_service);
    if (c && connect_prepare(p1_of(c), name, recover_id, ours, ping)) {
        connect_begin(p1_of(c));
        return;
    }
    if (c)
        connection_free(c);
    connect_never_begun(net, name, recover_id, ping);
}

bool p1_connect(struct net *net, uint64_t ref, struct span payload) {
    (void)ref;
    struct reader r = reader_of(payload);
    struct span name = payload_octets(&r);
    struct span recover_id = payload_octets(&r);
    struct ipc_credentials ours;
    if (!ipc_credentials_read(&r, &ours) || !payload_done(&r))
        return false;
    call(net, name, recover_id, &ours, 0);
    return true;
}

bool p1_ping(struct net *net, uint64_t ping, struct span payload) {
    struct reader r = reader_of(payload);
    struct span name = payload_octets(&r);
    struct ipc_credentials ours;
    if (!ping || !ipc_credentials_read(&r, &ours) || !payload_done(&r))
        return false;
    call(net, name, (struct span){NULL, 0}, &ours, ping);
    return true;
}
