/* RT-TRANSFER of ours: pieces, checkpoints, end, interrupt and discard (X.228 §7.3 to §7.8). */
#include "osi/association_private.h"

#define TSDU_OVERHEAD (4 + PDATA_HEADER)

void rtse_send_free(struct osi_association *a) {
    buf_free(&a->rtse.tx.pending);
    buf_init(&a->rtse.tx.pending, 0);
}

/* ---- start ---- */

/* The next activity identifier: a BER INTEGER that counts this association's activities (X.228 §7.3.2). */
static struct osi_activity name_activity(struct osi_association *a) {
    struct osi_activity activity = {.id = {0x02}};
    uint8_t octets[9];
    size_t len = pdata_integer(octets, ++a->rtse.tx.activities);
    activity.id[1] = (uint8_t)len;
    memcpy(activity.id + 2, octets, len);
    activity.id_len = (uint8_t)(2 + len);
    return activity;
}

static void reset(struct osi_association *a, uint64_t offset, bool resumed) {
    a->rtse.tx.offset = offset;
    a->rtse.tx.started = a->rtse.tx.any_confirmed = a->rtse.tx.resume_unproven = resumed;
    a->rtse.tx.streaming = a->rtse.tx.blocked = a->rtse.tx.by_owner = false;
    a->rtse.tx.mark_count = 0;
    a->rtse.tx.stop_reason = -1;
    buf_clear(&a->rtse.tx.pending);
    a->rtse.state = RTSE_SENDING;
}

static bool may_begin(const struct osi_association *a) {
    return a->rtse.state == RTSE_OPEN && a->rtse.tx.activities < INT32_MAX;
}

bool osi_rt_transfer_begin(struct osi_association *a, struct osi_activity *activity, int64_t now) {
    if (!may_begin(a))
        return false;
    struct osi_activity name = name_activity(a);
    if (!session_activity_start(&a->session, span_of(name.id, name.id_len)))
        return false;
    reset(a, 0, false);
    association_waits_from(a, now);
    *activity = name;
    return true;
}

bool osi_rt_transfer_resume(struct osi_association *a, const struct osi_connection_id *old_id,
                            const struct osi_activity *old_activity, uint32_t serial, uint64_t offset,
                            struct osi_activity *activity, int64_t now) {
    struct session_identifier old = {0};
    bool x410 = a->x410;
    if (!may_begin(a) || old_activity->id_len > sizeof old_activity->id)
        return false;
    if (old_id && (!rtse_reference_encode(&a->scratch, x410 ? 0x14 : 0x04, old_id->calling, &old.calling) ||
                   !rtse_reference_encode(&a->scratch, 0x17, old_id->common, &old.common) ||
                   !rtse_reference_encode(&a->scratch, 0x14, old_id->additional, &old.additional)))
        return false;
    struct osi_activity name = name_activity(a);
    if (!session_activity_resume(&a->session, span_of(name.id, name.id_len), old_id ? &old : NULL,
                                 span_of(old_activity->id, old_activity->id_len), serial))
        return false;
    reset(a, offset, true);
    association_waits_from(a, now);
    *activity = name;
    return true;
}

/* ---- data ---- */

/* Most octets of the APDU between two checkpoints. */
static size_t piece_size(const struct osi_association *a) {
    size_t around = a->x410 ? 0 : EXTERNAL_OVERHEAD;
    size_t piece = (size_t)a->open.checkpoint_size * 1024 - around;
    size_t tsdu = a->session.tsdu_out;
    /* A piece that fits in one TSDU needs no segmenting: peers know that path best. */
    if (tsdu > TSDU_OVERHEAD + around && piece > tsdu - TSDU_OVERHEAD - around)
        piece = tsdu - TSDU_OVERHEAD - around;
    return piece;
}

static bool may_write(const struct osi_association *a) {
    return association_output_pending(a) <= a->parameters.output_high_water &&
           a->rtse.tx.mark_count < a->open.window_size;
}

/* One P-DATA with what is pending, then `data`; `last` closes the EXTERNAL. */
static bool write_piece(struct osi_association *a, struct span data, bool last) {
    uint8_t header[PDATA_HEADER], external[EXTERNAL_OVERHEAD];
    struct span parts[6] = {0};
    size_t count = 0, len = 0;
    bool normal = !a->x410;
    if (normal)
        count++; /* the P-DATA's header, when the length is known */
    if (normal && !a->rtse.tx.started)
        parts[count++] = span_of(external, external_header(external, a->rtse.context_out));
    parts[count++] = buf_span(&a->rtse.tx.pending);
    parts[count++] = data;
    if (normal && last)
        parts[count++] = external_trailer();
    for (size_t i = normal; i < count; i++)
        len += parts[i].len;
    if (normal)
        parts[0] = span_of(header, pdata_header(header, presentation_carrier(&a->presentation), len));
    if (!session_data(&a->session, parts, count, true, true))
        return false;
    a->rtse.tx.started = true;
    a->rtse.tx.offset += a->rtse.tx.pending.len + data.len;
    buf_clear(&a->rtse.tx.pending);
    return true;
}

static bool write_checkpoint(struct osi_association *a) {
    uint32_t serial;
    if (!session_sync_minor(&a->session, &serial))
        return false;
    a->rtse.tx.marks[a->rtse.tx.mark_count++] = (struct checkpoint_mark){serial, a->rtse.tx.offset};
    return true;
}

static bool write_end(struct osi_association *a) {
    uint32_t serial;
    if (!session_activity_end(&a->session, &serial))
        return false;
    a->rtse.state = RTSE_ENDING;
    rtse_send_free(a);
    return true;
}

/* The output is full, or the serial numbers are used up (X.225 ends them at 999999): there is no way to go
 * on. */
static void give_up(struct osi_association *a) {
    osi_cause_set(&a->cause, OSI_END_LOCAL, OSI_LAYER_RTSE, false, OSI_ABORT_LOCAL_SYSTEM_PROBLEM, "",
                  "the transfer can't go on: no memory, or no synchronization point serial number is left");
    association_abort(a, OSI_ABORT_LOCAL_SYSTEM_PROBLEM);
}

static size_t send_pieces(struct osi_association *a, struct span data, bool last) {
    size_t piece = piece_size(a), taken = 0;
    for (;;) {
        size_t available = a->rtse.tx.pending.len + data.len - taken;
        bool whole = available > piece || (available == piece && !last);
        if (!whole && !last) {
            if (!buf_append_span(&a->rtse.tx.pending, span_sub(data, taken, data.len)))
                give_up(a);
            return data.len;
        }
        if (!may_write(a)) {
            a->rtse.tx.blocked = true;
            return taken;
        }
        struct span part = span_sub(data, taken, whole ? piece - a->rtse.tx.pending.len : data.len);
        if (!write_piece(a, part, !whole) || !(whole ? write_checkpoint(a) : write_end(a))) {
            give_up(a);
            return taken;
        }
        taken += part.len;
        if (!whole)
            return taken;
    }
}

/* ---- without checkpoints: the whole APDU is one RTTR, written as it comes ---- */

static bool stream_begin(struct osi_association *a) {
    uint8_t header[PDATA_HEADER], piece[PDATA_HEADER], external[EXTERNAL_OVERHEAD];
    a->rtse.tx.streaming = a->rtse.tx.started = true;
    if (a->x410)
        return session_data(&a->session, NULL, 0, true, false);
    size_t external_len = external_header(external, a->rtse.context_out);
    struct span parts[] = {
        span_of(header, pdata_stream_header(header, presentation_carrier(&a->presentation))),
        span_of(piece, pdata_piece_header(piece, external_len)), span_of(external, external_len)};
    return session_data(&a->session, parts, 3, true, false);
}

static bool stream_piece(struct osi_association *a, struct span data) {
    uint8_t head[PDATA_HEADER];
    struct span parts[] = {span_of(head, 0), data};
    if (data.len == 0)
        return true;
    if (!a->x410)
        parts[0].len = pdata_piece_header(head, data.len);
    a->rtse.tx.offset += data.len;
    return session_data(&a->session, parts, 2, false, false);
}

/* Ends the SSDU; `whole` says that the APDU is complete, else the transfer is being stopped. */
static bool stream_end(struct osi_association *a, bool whole) {
    uint8_t head[PDATA_HEADER];
    struct span parts[3] = {0};
    if (!a->x410) {
        struct span trailer = external_trailer();
        if (whole) {
            parts[0] = span_of(head, pdata_piece_header(head, trailer.len));
            parts[1] = trailer;
        }
        parts[2] = pdata_stream_trailer();
    }
    a->rtse.tx.streaming = false;
    return session_data(&a->session, parts, 3, false, true);
}

static size_t send_stream(struct osi_association *a, struct span data, bool last) {
    if (!may_write(a)) {
        a->rtse.tx.blocked = true;
        return 0;
    }
    bool ok;
    if (last && !a->rtse.tx.streaming) {
        ok = write_piece(a, data, true) && write_end(a);
    } else {
        ok = (a->rtse.tx.streaming || stream_begin(a)) && stream_piece(a, data);
        if (last)
            ok = ok && stream_end(a, true) && write_end(a);
    }
    if (!ok)
        give_up(a);
    return data.len;
}

size_t osi_rt_transfer_data(struct osi_association *a, struct span data, bool last, int64_t now) {
    if (a->rtse.state != RTSE_SENDING)
        return 0;
    size_t taken = a->open.checkpoint_size ? send_pieces(a, data, last) : send_stream(a, data, last);
    if (taken > 0 || a->rtse.state == RTSE_ENDING)
        association_waits_from(a, now);
    return taken;
}

void rtse_send_unblock(struct osi_association *a) {
    bool room = association_output_pending(a) <= a->parameters.output_high_water / 2;
    if (!a->rtse.tx.blocked || a->rtse.state != RTSE_SENDING || !room || !may_write(a))
        return;
    a->rtse.tx.blocked = false;
    rtse_tell_type(a, OSI_EVENT_MAY_SEND);
}

/* ---- confirmations ---- */

void rtse_send_checkpoint_confirmed(struct osi_association *a, uint32_t serial) {
    unsigned confirmed = 0;
    uint64_t offset = 0;
    while (confirmed < a->rtse.tx.mark_count && a->rtse.tx.marks[confirmed].serial <= serial)
        offset = a->rtse.tx.marks[confirmed++].offset;
    if (confirmed == 0)
        return;
    a->rtse.tx.mark_count -= confirmed;
    memmove(a->rtse.tx.marks, a->rtse.tx.marks + confirmed, a->rtse.tx.mark_count * sizeof *a->rtse.tx.marks);
    a->rtse.tx.any_confirmed = true;
    a->rtse.tx.resume_unproven = false;
    struct osi_event event = {.type = OSI_EVENT_CHECKPOINT_CONFIRMED};
    event.u.checkpoint.serial = serial;
    event.u.checkpoint.offset = offset;
    rtse_tell(a, &event);
    rtse_send_unblock(a);
}

void rtse_send_end_confirmed(struct osi_association *a) {
    a->rtse.state = RTSE_OPEN;
    rtse_tell_type(a, OSI_EVENT_TRANSFER_CONFIRMED);
}

/* ---- stopping ---- */

/* X.228 §7.5 and §7.6: interrupt keeps what was confirmed; without a confirmed checkpoint there is nothing to
 * keep. */
static bool stop(struct osi_association *a, bool interrupt, int reason) {
    if (a->rtse.tx.streaming && !stream_end(a, false))
        return false;
    bool sent = interrupt && a->rtse.tx.any_confirmed ? session_activity_interrupt(&a->session, reason)
                                                      : session_activity_discard(&a->session, reason);
    if (!sent)
        return false;
    a->rtse.state = RTSE_STOPPING;
    a->rtse.tx.refusal = interrupt ? OSI_REFUSAL_INTERRUPTED : OSI_REFUSAL_DISCARDED;
    a->rtse.tx.mark_count = 0;
    a->rtse.tx.blocked = false;
    rtse_send_free(a);
    return true;
}

/*
 * The peer's exception report chooses what becomes of the activity (X.228 §7.8):
 * errors of the moment interrupt, errors that would come again discard, and a
 * receiver that can't receive any more ends the association. Whatever is said to
 * a resume discards: what could not be resumed once is not kept for another try.
 */
void rtse_send_exception(struct osi_association *a, int reason) {
    a->rtse.tx.stop_reason = reason;
    bool stopped = false;
    switch (reason) {
    case SESSION_SEQUENCE_ERROR:
    case SESSION_UNRECOVERABLE_PROCEDURAL_ERROR:
        stopped = stop(a, false, reason);
        break;
    case SESSION_RECEIVING_ABILITY_JEOPARDIZED:
        break;
    default:
        stopped = stop(a, !a->rtse.tx.resume_unproven, reason < 0 ? SESSION_NON_SPECIFIC_ERROR : reason);
        break;
    }
    if (stopped)
        return;
    char text[OSI_EXCEPTION_TEXT];
    osi_exception_text(reason, text);
    osi_cause_set(&a->cause, OSI_END_PROVIDER_ABORT, OSI_LAYER_RTSE, true, OSI_ABORT_TEMPORARY_PROBLEM, "",
                  "%s", text);
    association_abort(a, OSI_ABORT_TEMPORARY_PROBLEM);
}

void rtse_send_stopped(struct osi_association *a, bool interrupted) {
    (void)interrupted;
    a->rtse.state = RTSE_OPEN;
    struct osi_event event = {.type = OSI_EVENT_TRANSFER_REFUSED};
    event.u.refused.what = a->rtse.tx.refusal;
    event.u.refused.reason = a->rtse.tx.by_owner ? -1 : a->rtse.tx.stop_reason;
    rtse_tell(a, &event);
}

static bool stop_by_owner(struct osi_association *a, bool interrupt, int64_t now) {
    if (a->rtse.state != RTSE_SENDING && a->rtse.state != RTSE_ENDING)
        return false;
    if (!stop(a, interrupt, SESSION_LOCAL_USER_ERROR))
        return false;
    a->rtse.tx.by_owner = true;
    association_waits_from(a, now);
    return true;
}

bool osi_rt_transfer_interrupt(struct osi_association *a, int64_t now) {
    return stop_by_owner(a, true, now);
}

bool osi_rt_transfer_discard(struct osi_association *a, int64_t now) {
    return stop_by_owner(a, false, now);
}
