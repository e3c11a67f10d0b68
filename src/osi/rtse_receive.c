/* RT-TRANSFER of the peer: octets, checkpoints, end, resume, interrupt and discard (X.228 §7.3 to §7.8). */
#include "osi/association_private.h"

/* ---- octets ---- */

static bool take_value(struct osi_association *a, struct span octets) {
    struct span value[2];
    int count = external_input(&a->rtse.rx.external, octets, a->rtse.context_in, value);
    for (int i = 0; i < count; i++) {
        a->rtse.rx.offset += value[i].len;
        if (!a->rtse.upper->octets(a, value[i]))
            return false;
    }
    return count >= 0;
}

static bool take_pdata(struct osi_association *a, struct span data, bool end) {
    struct pdata *pdata = &a->rtse.rx.pdata;
    if (!a->rtse.rx.in_ssdu)
        pdata_begin(pdata, presentation_carrier(&a->presentation));
    a->rtse.rx.in_ssdu = !end;
    struct span octets;
    enum pdata_result result;
    while ((result = pdata_input(pdata, &data, &octets)) == PDATA_OCTETS)
        if (!take_value(a, octets))
            return osi_cause_set(&a->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_RTSE, false,
                                 OSI_ABORT_PROTOCOL_ERROR, "RTTR",
                                 "the transfer value is no EXTERNAL of the MTSE context");
    if (result == PDATA_BAD)
        return osi_cause_set(&a->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_PRESENTATION, false, -1,
                             "user data", "P-DATA: %s", pdata->error);
    if (end && !pdata_is_complete(pdata))
        return osi_cause_set(&a->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_PRESENTATION, false, -1,
                             "user data", "P-DATA ends inside its user data");
    return true;
}

void rtse_receive_data(struct osi_association *a, struct span data, bool end) {
    if (a->rtse.state != RTSE_RECEIVING || a->rtse.rx.swallow)
        return;
    bool ok = a->x410 ? take_value(a, data) : take_pdata(a, data, end);
    if (ok)
        return;
    osi_cause_set(&a->cause, OSI_END_MEMORY, OSI_LAYER_RTSE, false, -1, "", "no memory for the transfer");
    association_abort(a, OSI_ABORT_PROTOCOL_ERROR);
}

/* ---- begin and resume ---- */

static struct osi_activity activity_of(struct span id) {
    struct osi_activity activity = {.id_len = (uint8_t)id.len};
    memcpy(activity.id, id.data ? id.data : (const uint8_t *)"", id.len);
    return activity;
}

static void reset(struct osi_association *a) {
    a->rtse.rx.offset = 0;
    a->rtse.rx.swallow = a->rtse.rx.in_ssdu = false;
    a->data = (struct span){0};
    if (a->x410)
        external_none(&a->rtse.rx.external);
    else
        external_begin(&a->rtse.rx.external);
}

void rtse_receive_begin(struct osi_association *a, const struct session_indication *in) {
    reset(a);
    a->rtse.state = RTSE_RECEIVING;
    struct osi_event event = {.type = OSI_EVENT_TRANSFER_BEGIN};
    event.u.begin.activity = activity_of(in->activity);
    rtse_tell(a, &event);
}

static struct span keep_reference(struct osi_association *a, struct span pi) {
    return association_keep(a, rtse_reference_decode(pi));
}

void rtse_receive_resume(struct osi_association *a, const struct session_indication *in) {
    reset(a);
    a->rtse.state = RTSE_RESUME_INDICATED;
    struct osi_event event = {.type = OSI_EVENT_TRANSFER_BEGIN};
    struct osi_begin *begin = &event.u.begin;
    begin->activity = activity_of(in->activity);
    begin->old_activity = activity_of(in->old_activity);
    begin->resumed = true;
    begin->serial = in->serial;
    begin->old_id.calling = keep_reference(a, in->old.calling.data ? in->old.calling : in->old.called);
    begin->old_id.common = keep_reference(a, in->old.common);
    begin->old_id.additional = keep_reference(a, in->old.additional);
    a->rtse.rx.resume_serial = in->serial;
    a->answer_due = true;
    rtse_tell(a, &event);
}

static void resume_answered(struct osi_association *a) {
    a->rtse.state = RTSE_RECEIVING;
    a->answer_due = false;
}

bool osi_rt_resume_accept(struct osi_association *a, const struct osi_checkpoint *checkpoint, int64_t now) {
    if (a->rtse.state != RTSE_RESUME_INDICATED || checkpoint->serial != a->rtse.rx.resume_serial ||
        !external_restore(&a->rtse.rx.external, checkpoint->state))
        return false;
    a->rtse.rx.offset = checkpoint->offset;
    resume_answered(a);
    association_waits_from(a, now);
    return true;
}

bool osi_rt_resume_swallow(struct osi_association *a, int64_t now) {
    if (a->rtse.state != RTSE_RESUME_INDICATED)
        return false;
    a->rtse.rx.swallow = true;
    resume_answered(a);
    association_waits_from(a, now);
    return true;
}

bool osi_rt_resume_refuse(struct osi_association *a, int64_t now) {
    if (a->rtse.state != RTSE_RESUME_INDICATED)
        return false;
    resume_answered(a);
    return osi_rt_transfer_reject(a, false, now);
}

bool osi_rt_resume_unknown(struct osi_association *a) {
    if (a->rtse.state != RTSE_RESUME_INDICATED)
        return false;
    osi_cause_set(&a->cause, OSI_END_LOCAL, OSI_LAYER_RTSE, false, OSI_ABORT_UNRECOGNIZED_ACTIVITY, "",
                  "the peer resumes an activity that is not known here");
    association_abort(a, OSI_ABORT_UNRECOGNIZED_ACTIVITY);
    return true;
}

/* ---- checkpoints and end ---- */

void rtse_receive_checkpoint(struct osi_association *a, uint32_t serial) {
    if (a->rtse.state != RTSE_RECEIVING)
        return;
    if (a->rtse.rx.swallow) {
        session_sync_minor_response(&a->session, serial);
        return;
    }
    /* One more than the window is let pass: the Recommendation can be read either way. */
    if (a->session.vm - a->session.va > a->open.window_size + 1) {
        association_protocol_error(a, "window size",
                                   "more checkpoints than the window allows are not confirmed");
        return;
    }
    struct osi_event event = {.type = OSI_EVENT_CHECKPOINT};
    event.u.checkpoint.serial = serial;
    event.u.checkpoint.offset = a->rtse.rx.offset;
    external_save(&a->rtse.rx.external, event.u.checkpoint.state);
    rtse_tell(a, &event);
}

bool osi_rt_checkpoint_confirm(struct osi_association *a, uint32_t serial, int64_t now) {
    if ((a->rtse.state != RTSE_RECEIVING && a->rtse.state != RTSE_ENDED) ||
        !session_sync_minor_response(&a->session, serial))
        return false;
    association_waits_from(a, now);
    return true;
}

void rtse_receive_end(struct osi_association *a) {
    if (a->rtse.state != RTSE_RECEIVING)
        return;
    if (a->rtse.rx.swallow) {
        session_activity_end_response(&a->session);
        a->rtse.state = RTSE_OPEN;
        return;
    }
    a->rtse.state = RTSE_ENDED;
    if (external_is_complete(&a->rtse.rx.external)) {
        rtse_tell_type(a, OSI_EVENT_TRANSFER_END);
        return;
    }
    rtse_tell_type(a, OSI_EVENT_TRANSFER_CUT_SHORT);
    osi_rt_transfer_reject(a, false, a->now);
}

bool osi_rt_transfer_confirm(struct osi_association *a, int64_t now) {
    if (a->rtse.state != RTSE_ENDED || !session_activity_end_response(&a->session))
        return false;
    a->rtse.state = RTSE_OPEN;
    association_waits_from(a, now);
    return true;
}

/* ---- exceptions, interrupt and discard ---- */

bool osi_rt_transfer_reject(struct osi_association *a, bool again, int64_t now) {
    if (a->rtse.state != RTSE_RECEIVING && a->rtse.state != RTSE_ENDED)
        return false;
    association_waits_from(a, now);
    int reason = again ? SESSION_LOCAL_USER_ERROR : SESSION_UNRECOVERABLE_PROCEDURAL_ERROR;
    if (session_exception_report(&a->session, reason, (struct span){0}))
        a->rtse.state = RTSE_REJECTING;
    else
        osi_association_abort(a, again ? OSI_ABORT_TEMPORARY_PROBLEM : OSI_ABORT_PERMANENT_PROBLEM,
                              "the transfer is refused and no exception report is possible");
    return true;
}

void rtse_receive_stopped(struct osi_association *a, bool interrupted) {
    if (a->rtse.rx.swallow && !interrupted) {
        /* X.228 §7.6.3: the sender learns that the activity it gives up was completed. */
        osi_association_abort(a, OSI_ABORT_TRANSFER_COMPLETED,
                              "the peer discards an activity that was completed");
        return;
    }
    if (interrupted)
        session_activity_interrupt_response(&a->session);
    else
        session_activity_discard_response(&a->session);
    bool quiet = a->rtse.rx.swallow;
    a->rtse.state = RTSE_OPEN;
    if (!quiet)
        rtse_tell_type(a, interrupted ? OSI_EVENT_TRANSFER_INTERRUPTED : OSI_EVENT_TRANSFER_DISCARDED);
}
