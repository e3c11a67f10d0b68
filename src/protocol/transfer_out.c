/*
 * An APDU on its way out. The store process gives everything before the
 * content, and the content itself at once when it is small; a large one is
 * read in pieces, one ahead of what the association takes. What the association
 * takes at once goes to it out of the frame; only what it leaves is kept.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "protocol/p1_private.h"

void transfer_out_free(struct transfer_out *out) {
    buf_free(&out->kept_prefix);
    buf_free(&out->kept);
    buf_free(&out->next);
    *out = (struct transfer_out){0};
}

static void ask(struct p1 *p1) {
    struct transfer_out *out = &p1->out;
    uint64_t left = out->content_length - out->asked;
    uint32_t length = left < IPC_CHUNK ? (uint32_t)left : IPC_CHUNK;
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_u64(&payload, out->asked);
    buf_append_u32(&payload, length);
    out->asked += length;
    net_tell(p1->connection->net, IPC_SEND_READ, p1->connection->ref, &payload);
}

/* Keeps one piece at hand and one on its way. */
static void read_ahead(struct p1 *p1) {
    struct transfer_out *out = &p1->out;
    if (out->asked < out->content_length && out->next.len == 0 &&
        out->asked <= out->content_at + out->content.len)
        ask(p1);
}

/* The octets of the APDU from `offset` on that are at hand. */
static struct span at_hand(struct transfer_out *out) {
    if (out->offset < out->prefix_length)
        return span_sub(out->prefix, out->offset, SIZE_MAX);
    uint64_t content_offset = out->offset - out->prefix_length;
    if (content_offset == out->content_at + out->content.len && out->next.len > 0) {
        struct buf used = out->kept;
        out->content_at += out->content.len;
        out->kept = out->next;
        out->content = buf_span(&out->kept);
        out->next = used;
        buf_clear(&out->next);
    }
    if (content_offset < out->content_at)
        return (struct span){NULL, 0};
    return span_sub(out->content, content_offset - out->content_at, SIZE_MAX);
}

void transfer_out_push(struct p1 *p1) {
    struct transfer_out *out = &p1->out;
    if (!out->active || out->last_taken || !p1->connection->association)
        return;
    uint64_t total = out->prefix_length + out->content_length;
    for (;;) {
        struct span piece = at_hand(out);
        bool last = out->offset + piece.len == total;
        if (piece.len == 0 && !last)
            break;
        size_t taken = osi_rt_transfer_data(p1->connection->association, piece, last, clock_monotonic_us());
        out->offset += taken;
        if (taken < piece.len)
            break;
        if (last) {
            out->last_taken = true;
            break;
        }
    }
    if (!out->last_taken)
        read_ahead(p1);
}

void transfer_out_ended(struct p1 *p1, enum ipc_sent result, const char *cause, unsigned flags) {
    struct buf payload;
    if (!p1->out.active)
        return;
    if (flags & (IPC_SENT_FOR_NOW | IPC_SENT_ABORTED | IPC_SENT_GIVEN_UP) && p1->out.resume_unproven)
        flags |= IPC_SENT_RESUME_FAILED;
    transfer_out_free(&p1->out);
    buf_init(&payload, 0);
    buf_append_byte(&payload, (uint8_t)result);
    payload_put_octets(&payload, span_str(cause));
    buf_append_byte(&payload, (uint8_t)flags);
    net_tell(p1->connection->net, IPC_SEND_RESULT, p1->connection->ref, &payload);
}

/* A refused transfer is tried again in both cases: the receiver has not taken responsibility (X.228 §7.7). */
void transfer_out_refused(struct p1 *p1, int reason) {
    char cause[OSI_EXCEPTION_TEXT];
    osi_exception_text(reason, cause);
    transfer_out_ended(p1, IPC_SENT_DEFERRED, cause, IPC_SENT_FOR_NOW);
}

void transfer_out_checkpoint(struct p1 *p1, const struct osi_checkpoint *checkpoint) {
    struct buf payload;
    p1->out.resume_unproven = false;
    p1->out.confirmed = checkpoint->offset;
    buf_init(&payload, 0);
    buf_append_u32(&payload, checkpoint->serial);
    buf_append_u64(&payload, checkpoint->offset);
    payload_put_octets(&payload, span_of(p1->out.activity.id, p1->out.activity.id_len));
    net_tell(p1->connection->net, IPC_SEND_CHECKPOINT, p1->connection->ref, &payload);
}

/* ---- frames of the store process ---- */

static bool read_begin(struct transfer_out *out, struct reader *r, struct osi_begin *resume,
                       struct span *old_id) {
    out->content_length = reader_u64(r);
    out->offset = reader_u64(r);
    resume->serial = reader_u32(r);
    *old_id = payload_octets(r);
    struct span old_activity = payload_octets(r);
    out->prefix = payload_octets(r);
    out->prefix_length = out->prefix.len;
    out->content = payload_rest(r);
    if (!payload_done(r) || old_activity.len > sizeof resume->old_activity.id ||
        (out->content.len > 0 && out->content.len != out->content_length))
        return false;
    memcpy(resume->old_activity.id, old_activity.data ? old_activity.data : (const uint8_t *)"",
           old_activity.len);
    resume->old_activity.id_len = (uint8_t)old_activity.len;
    resume->resumed = old_activity.len > 0;
    out->asked = out->content.len;
    return true;
}

/* The frame goes: what the association did not take of it is kept. */
static bool keep_rest(struct transfer_out *out) {
    if (out->last_taken) {
        out->prefix = out->content = (struct span){NULL, 0};
        return true;
    }
    bool in_prefix = out->offset < out->prefix_length;
    uint64_t taken = in_prefix ? 0 : out->offset - out->prefix_length - out->content_at;
    struct span rest = span_sub(out->content, taken, SIZE_MAX);
    bool ok = (!in_prefix || buf_append_span(&out->kept_prefix, out->prefix)) &&
              (!rest.len || buf_append_span(&out->kept, rest));
    out->content_at += rest.len ? taken : 0;
    out->prefix = buf_span(&out->kept_prefix);
    out->content = buf_span(&out->kept);
    return ok;
}

static void no_memory(struct p1 *p1) {
    osi_association_abort(p1->connection->association, OSI_ABORT_LOCAL_SYSTEM_PROBLEM, "no memory");
}

bool transfer_out_send_begin(struct p1 *p1, struct span payload) {
    struct reader r = reader_of(payload);
    struct transfer_out *out = &p1->out;
    struct osi_begin resume = {0};
    struct span old_id;
    if (out->active || !read_begin(out, &r, &resume, &old_id))
        return false;
    out->active = true;
    out->confirmed = out->offset;
    out->resume_unproven = resume.resumed;
    /* A resume begins to read where it sends: pieces before are not needed. */
    if (out->asked == 0 && out->offset > out->prefix_length) {
        out->content_at = out->offset - out->prefix_length;
        out->asked = out->content_at;
    }
    bool ok;
    struct osi_connection_id old;
    if (resume.resumed)
        ok = connection_id_read(old_id, &old) &&
             osi_rt_transfer_resume(p1->connection->association, &old, &resume.old_activity, resume.serial,
                                    out->offset, &out->activity, clock_monotonic_us());
    else
        ok = osi_rt_transfer_begin(p1->connection->association, &out->activity, clock_monotonic_us());
    if (!ok) {
        transfer_out_ended(p1, IPC_SENT_BROKEN, "the association can't begin a transfer now",
                           IPC_SENT_NOT_BEGUN);
        return true;
    }
    transfer_out_push(p1);
    if (!keep_rest(out))
        no_memory(p1);
    return true;
}

bool transfer_out_send_data(struct p1 *p1, struct span payload) {
    struct reader r = reader_of(payload);
    struct transfer_out *out = &p1->out;
    uint64_t offset = reader_u64(&r);
    struct span content = payload_rest(&r);
    if (!payload_done(&r))
        return false;
    if (!out->active || offset + content.len != out->asked)
        return true; /* of a transfer that has ended meanwhile */
    bool is_next = out->content.len && out->offset - out->prefix_length != out->content_at + out->content.len;
    struct buf *piece = is_next ? &out->next : &out->kept;
    if (!is_next)
        buf_clear(piece);
    if (!buf_append_span(piece, content)) {
        no_memory(p1);
        return true;
    }
    if (!is_next) {
        out->content_at = offset;
        out->content = buf_span(piece);
    }
    transfer_out_push(p1);
    return true;
}
