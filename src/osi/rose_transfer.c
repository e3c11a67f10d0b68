/*
 * ROSE over RTSE: each PDU is one RT-TRANSFER (X.229 §8.2), bind and unbind go
 * with RT-OPEN and RT-CLOSE. Who has something to say asks for the turn; who is
 * asked gives it after the PDU under way. A transfer that the peer interrupts may
 * be resumed on the same association; ours are not, nor those of another one.
 */
#include "osi/rose_private.h"

/* ---- out ---- */

static bool is_free(struct osi_association *a) {
    bool room = association_output_pending(a) <= a->parameters.output_high_water / 2;
    if (a->rtse.state == RTSE_OPEN && osi_rt_has_turn(a))
        return room;
    if (!a->rose->turn_wanted && !osi_rt_has_turn(a))
        a->rose->turn_wanted = osi_rt_turn_please(a, 0, a->now);
    return false;
}

static bool begin(struct osi_association *a, enum osi_syntax syntax) {
    struct osi_activity activity;
    a->rtse.context_out = a->presentation.context[syntax];
    return osi_rt_transfer_begin(a, &activity, a->now);
}

static bool has_room(const struct osi_association *a) {
    return a->rtse.state == RTSE_SENDING && !a->rtse.tx.blocked;
}

static size_t data(struct osi_association *a, struct span octets, bool last) {
    return osi_rt_transfer_data(a, octets, last, a->now);
}

static const struct rose_carrier carrier = {
    .is_free = is_free, .begin = begin, .has_room = has_room, .data = data};

/* ---- in ---- */

/* The first octets of an APDU: its EXTERNAL has told of which abstract syntax it is. */
static bool begin_pdu(struct osi_association *a) {
    enum osi_syntax syntax = presentation_syntax(&a->presentation, a->rtse.rx.external.context);
    const struct osi_context_row *row = a->presentation.row;
    if (syntax <= OSI_SYNTAX_ACSE || syntax == row->carrier || !osi_context_uses(row, syntax))
        return false;
    rose_in_begin(a, syntax);
    return true;
}

static bool on_octets(struct osi_association *a, struct span octets) {
    struct rose_kept *kept = &a->rose->kept;
    size_t again = octets.len < kept->skip ? octets.len : (size_t)kept->skip;
    kept->received += octets.len;
    kept->skip -= again;
    octets = span_sub(octets, again, SIZE_MAX);
    if (octets.len == 0)
        return true;
    if (!a->rose->in.active && !begin_pdu(a))
        return osi_cause_set(&a->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_RTSE, false,
                             OSI_ABORT_PROTOCOL_ERROR, "RTTR",
                             "the transfer value is of a context that an operation can't have");
    rose_in_octets(a, octets);
    return true;
}

static void drop_kept(struct osi_association *a) {
    a->rose->kept = (struct rose_kept){0};
    rose_in_stopped(a);
}

/* What was kept of the activity that was interrupted, at that checkpoint; NULL: nothing. One of another
 * association is not kept. */
static const struct osi_checkpoint *kept_at(const struct rose_kept *kept, const struct osi_begin *begin) {
    bool same = kept->interrupted && !begin->old_id.calling.data && !begin->old_id.common.data &&
                begin->old_activity.id_len == kept->activity.id_len &&
                memcmp(begin->old_activity.id, kept->activity.id, kept->activity.id_len) == 0;
    for (size_t i = 0; same && i < kept->count; i++)
        if (kept->checkpoints[i].serial == begin->serial)
            return &kept->checkpoints[i];
    return NULL;
}

/* The PDU goes on where it broke off: what was taken of it behind the checkpoint comes again, and is passed
 * over (X.228 §7.7). When it broke off once more before all of that had come, the rest is still to be passed
 * over. */
static void resume(struct osi_association *a, const struct osi_begin *begin) {
    struct rose_kept *kept = &a->rose->kept;
    const struct osi_checkpoint *checkpoint = kept_at(kept, begin);
    if (!checkpoint || !osi_rt_resume_accept(a, checkpoint, a->now)) {
        drop_kept(a);
        osi_rt_resume_refuse(a, a->now);
        return;
    }
    kept->activity = begin->activity;
    kept->interrupted = false;
    kept->skip += kept->received - checkpoint->offset;
    kept->received = checkpoint->offset;
    kept->count = (size_t)(checkpoint - kept->checkpoints) + 1;
}

static void on_transfer_begin(struct osi_association *a, const struct osi_begin *begin) {
    if (begin->resumed) {
        resume(a, begin);
        return;
    }
    drop_kept(a); /* one at a time is kept */
    a->rose->kept.activity = begin->activity;
}

static void on_checkpoint(struct osi_association *a, const struct osi_checkpoint *checkpoint) {
    struct rose_kept *kept = &a->rose->kept;
    if (kept->count == ROSE_CHECKPOINTS)
        memmove(kept->checkpoints, kept->checkpoints + 1, --kept->count * sizeof *checkpoint);
    kept->checkpoints[kept->count++] = *checkpoint;
    osi_rt_checkpoint_confirm(a, checkpoint->serial, a->now);
}

/* Without a checkpoint, or before the PDU said what it is, there is nothing to go on from. */
static void on_interrupted(struct osi_association *a) {
    a->rose->kept.interrupted = a->rose->kept.count > 0 && a->rose->in.active;
    if (!a->rose->kept.interrupted)
        drop_kept(a);
}

static void on_transfer_end(struct osi_association *a) {
    osi_rt_transfer_confirm(a, a->now);
    rose_in_end(a);
}

/* ---- the turn ---- */

static void give_turn(struct osi_association *a) {
    if (a->rose->turn_asked && a->rtse.state == RTSE_OPEN && osi_rt_turn_give(a, a->now))
        a->rose->turn_asked = false;
}

static void on_turn_please(struct osi_association *a) {
    a->rose->turn_asked = true;
    give_turn(a);
}

static void on_turn_give(struct osi_association *a) {
    a->rose->turn_wanted = false;
    if (rose_out_is_idle(a) && !a->rose->out.wanted)
        association_push_type(a, OSI_EVENT_TURN_GIVE);
}

/* The peer may speak between two of our PDUs; the next of ours asks for the turn again. */
static void on_sent(struct osi_association *a, bool carried) {
    if (carried)
        rose_out_done(a);
    else
        rose_out_returned(a);
    give_turn(a);
}

static void on_event(struct osi_association *a, const struct osi_event *event) {
    switch (event->type) {
    case OSI_EVENT_TRANSFER_BEGIN:
        on_transfer_begin(a, &event->u.begin);
        break;
    case OSI_EVENT_CHECKPOINT:
        on_checkpoint(a, &event->u.checkpoint);
        break;
    case OSI_EVENT_TRANSFER_END:
        on_transfer_end(a);
        break;
    case OSI_EVENT_TRANSFER_INTERRUPTED:
        on_interrupted(a);
        break;
    case OSI_EVENT_TRANSFER_CUT_SHORT:
    case OSI_EVENT_TRANSFER_DISCARDED:
        drop_kept(a);
        break;
    case OSI_EVENT_TRANSFER_CONFIRMED:
        on_sent(a, true);
        break;
    case OSI_EVENT_TRANSFER_REFUSED:
        on_sent(a, false);
        break;
    case OSI_EVENT_TURN_PLEASE:
        on_turn_please(a);
        break;
    case OSI_EVENT_TURN_GIVE:
        on_turn_give(a);
        break;
    default:
        break;
    }
    if (!a->over) /* what could not be done in the state of before */
        rose_out_push(a);
}

static const struct rtse_upper upper = {
    .event = on_event, .octets = on_octets, .turn_given = rose_out_push, .has_operations = true};

/* ---- opening and the end ---- */

static bool request(struct osi_association *a, struct span *apdu) {
    a->rtse.upper = &upper;
    return rose_new(a, &carrier) && rtse_request(a, apdu);
}

static void on_connect(struct osi_association *a, struct span apdu, struct osi_open *open) {
    a->rtse.upper = &upper;
    if (!rose_new(a, &carrier))
        association_refuse_for_cause(
            a, &(struct association_refusal){PRESENTATION_USER_REFUSES, ACSE_NO_REASON_GIVEN, .reason = 0});
    else
        rtse_on_connect(a, apdu, open);
}

static struct association_due due(const struct osi_association *a) {
    struct association_due due = rtse_due(a);
    return due.us ? due : rose_due(a);
}

static bool is_sending(const struct osi_association *a) {
    return rtse_is_sending(a) || rose_is_sending(a);
}

static bool may_release(const struct osi_association *a) {
    return rose_out_is_idle(a) && rtse_may_release(a);
}

static void on_output(struct osi_association *a) {
    rtse_send_unblock(a);
    rose_out_push(a);
}

static size_t memory(const struct osi_association *a) {
    return rtse_memory(a) + rose_memory(a);
}

static void free_both(struct osi_association *a) {
    rtse_send_free(a);
    rose_free(a);
}

const struct association_user rose_over_rtse_user = {
    .layer = OSI_LAYER_ROSE,
    .units = SESSION_UNITS_RTSE,
    .data_event = OSI_EVENT_RO_DATA,
    .request = request,
    .on_connect = on_connect,
    .accept = rtse_accept,
    .refuse = rtse_refuse,
    .on_accept = rtse_on_accept,
    .on_refuse = rtse_on_refuse,
    .on_open = rtse_on_open,
    .on_data = rtse_receive_data,
    .on_activity = rtse_on_activity,
    .on_output = on_output,
    .due = due,
    .is_sending = is_sending,
    .may_release = may_release,
    .abort = rtse_abort,
    .on_abort = rtse_on_abort,
    .on_end = rtse_on_end,
    .memory = memory,
    .free = free_both,
};
