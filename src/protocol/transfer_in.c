/*
 * An APDU on its way in. A short one is gathered and given to the store process
 * in one frame when its activity ends; a longer one goes to the store process
 * in pieces as it comes. Nothing is confirmed to the peer before the store
 * process says that it is on disk.
 *
 * A checkpoint of a short one would cost a commit of its own, while the answer
 * to the activity's end confirms it too (X.225: the end of an activity is a
 * major synchronization point). So it is held: until the sender's window is
 * full, the APDU is not short any more, or its end takes too long to come.
 */
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "protocol/net_private.h"

/* An APDU up to SHORT is always gathered; up to IPC_WHOLE_MAX while all of them have no more than
 * GATHERED_MOST: slow senders must not fill the memory. */
#define SHORT         ((size_t)64 * 1024)
#define GATHERED_MOST ((size_t)16 * 1024 * 1024)
#define HOLD_US       50000 /* a checkpoint waits for the end of its activity */

static bool is_short(const struct connection *c, size_t more) {
    size_t len = c->in.gathered.len + more;
    return len <= SHORT || (len <= IPC_WHOLE_MAX && c->net->gathered + more <= GATHERED_MOST);
}

static void free_gathered(struct connection *c) {
    c->net->gathered -= c->in.gathered.len;
    buf_free(&c->in.gathered);
}

void transfer_in_free(struct connection *c) {
    free_gathered(c);
    apdu_scanner_free(&c->in.scanner);
    c->in = (struct transfer_in){0};
}

static void tell_piece(struct connection *c, enum ipc_type type, struct span piece) {
    if (!net_store_send(c->net, type, c->ref, piece, (struct span){NULL, 0}))
        osi_association_abort(c->association, OSI_ABORT_LOCAL_SYSTEM_PROBLEM,
                              "the store process can't take more");
}

/* ---- what the scanner finds ---- */

static bool on_envelope(void *context, enum ipc_apdu kind, struct span envelope) {
    struct connection *c = context;
    uint8_t octet = (uint8_t)kind;
    struct span rest = span_sub(envelope, c->in.told, SIZE_MAX);
    if (!net_store_send(c->net, IPC_TRANSFER_ENVELOPE, c->ref, span_of(&octet, 1), rest))
        osi_association_abort(c->association, OSI_ABORT_LOCAL_SYSTEM_PROBLEM,
                              "the store process can't take more");
    return true;
}

/* What came of an envelope that is not complete, as far as the store process has not got it. */
static void tell_collected(struct connection *c) {
    struct span collected = apdu_scanner_collected(&c->in.scanner);
    if (collected.len > c->in.told)
        on_envelope(c, IPC_APDU_PARTIAL, collected);
    c->in.told = collected.len;
}

static bool on_content(void *context, struct span content) {
    struct connection *c = context;
    while (content.len > 0) {
        struct span piece = span_sub(content, 0, IPC_CHUNK);
        tell_piece(c, IPC_TRANSFER_CONTENT, piece);
        content = span_sub(content, piece.len, SIZE_MAX);
    }
    return true;
}

static const struct apdu_handler pieces_handler = {on_envelope, on_content};

/* ---- refusals ---- */

/* The peer sent what is no MTS-APDU: it shall not try the same octets again. */
static void refuse_apdu(struct connection *c) {
    log_warning("peer=%s address=%s transfer refused: %s at octet %llu of the APDU", connection_peer(c),
                c->address, c->in.scanner.error, (unsigned long long)c->in.scanner.offset);
    if (c->in.pieces)
        tell_piece(c, IPC_TRANSFER_STOP, SPAN_LIT("\0"));
    transfer_in_free(c);
    osi_rt_transfer_reject(c->association, false, clock_monotonic_us());
}

static void scan(struct connection *c, struct span data, const struct apdu_handler *handler) {
    if (!apdu_scanner_feed(&c->in.scanner, data, handler, c))
        refuse_apdu(c);
}

static void tell_checkpoint(struct connection *c, const struct osi_checkpoint *checkpoint) {
    struct buf payload;
    tell_collected(c);
    buf_init(&payload, 0);
    buf_append_u32(&payload, checkpoint->serial);
    buf_append_u64(&payload, checkpoint->offset);
    buf_append(&payload, checkpoint->state, sizeof checkpoint->state);
    apdu_scanner_save(&c->in.scanner, &payload);
    net_tell(c->net, IPC_TRANSFER_CHECKPOINT, c->ref, &payload);
}

/* From here on the store process gets what comes, as it comes. */
static void go_to_pieces(struct connection *c) {
    struct transfer_in *in = &c->in;
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_u32(&payload, in->number);
    payload_put_octets(&payload, span_of(in->activity.id, in->activity.id_len));
    net_tell(c->net, IPC_TRANSFER_BEGIN, c->ref, &payload);
    in->pieces = true;
    struct buf gathered = in->gathered;
    struct osi_checkpoint last = in->last;
    size_t at = in->held ? in->last_at : 0;
    c->net->gathered -= gathered.len;
    buf_init(&in->gathered, 0);
    if (in->held)
        scan(c, span_sub(buf_span(&gathered), 0, at), &pieces_handler);
    if (in->held)
        tell_checkpoint(c, &last);
    if (in->active)
        scan(c, span_sub(buf_span(&gathered), at, SIZE_MAX), &pieces_handler);
    buf_free(&gathered);
}

/* False: the sender waits for a confirmation, or may have to before the APDU ends. */
static bool hold_checkpoint(struct connection *c, const struct osi_checkpoint *checkpoint) {
    struct transfer_in *in = &c->in;
    if (in->held == 0)
        in->hold_until = clock_monotonic_us() + HOLD_US;
    in->held++;
    in->last = *checkpoint;
    in->last_at = in->gathered.len;
    return in->held < osi_association_open(c->association)->window_size;
}

int64_t transfer_in_deadline(const struct connection *c) {
    return c->in.active && !c->in.pieces && c->in.held ? c->in.hold_until : INT64_MAX;
}

void transfer_in_timeout(struct connection *c) {
    go_to_pieces(c);
}

/* ---- events of the association ---- */

static void ask_resume(struct connection *c, const struct osi_begin *begin) {
    struct buf payload, id;
    buf_init(&payload, 0);
    buf_init(&id, 0);
    const struct osi_connection_id *old = begin->old_id.calling.data ? &begin->old_id : NULL;
    if (old)
        connection_id_write(old, &id);
    buf_append_u32(&payload, c->in.number);
    payload_put_octets(&payload, buf_span(&id));
    payload_put_octets(&payload, span_of(begin->old_activity.id, begin->old_activity.id_len));
    buf_append_u32(&payload, begin->serial);
    net_tell(c->net, IPC_RESUME, c->ref, &payload);
    buf_free(&id);
    c->in.resuming = true;
}

void transfer_in_begin(struct connection *c, const struct osi_begin *begin) {
    transfer_in_free(c);
    c->in.number = ++c->transfers_in;
    c->in.active = true;
    c->in.activity = begin->activity;
    buf_init(&c->in.gathered, 0);
    apdu_scanner_init(&c->in.scanner, c->net->config->envelope_octets);
    if (begin->resumed)
        ask_resume(c, begin);
}

void transfer_in_data(struct connection *c, struct span data) {
    struct transfer_in *in = &c->in;
    if (!in->active)
        return; /* refused, and the sender has not stopped yet */
    if (!in->pieces && !is_short(c, data.len))
        go_to_pieces(c);
    if (!in->active)
        return;
    if (in->pieces)
        scan(c, data, &pieces_handler);
    else if (buf_append_span(&in->gathered, data))
        c->net->gathered += data.len;
    else
        osi_association_abort(c->association, OSI_ABORT_LOCAL_SYSTEM_PROBLEM, "no memory");
}

void transfer_in_checkpoint(struct connection *c, const struct osi_checkpoint *checkpoint) {
    struct transfer_in *in = &c->in;
    if (!in->active)
        return;
    if (in->pieces)
        tell_checkpoint(c, checkpoint);
    else if (!hold_checkpoint(c, checkpoint))
        go_to_pieces(c);
}

/* A short APDU in one frame: the envelope is copied into its head, for the scanner's is gone after its call;
 * a content in one piece stays where it was gathered. */
struct whole {
    uint32_t number;
    struct span activity;
    struct buf head;
    struct span content;
    struct buf joined; /* a content in several pieces */
};

static bool whole_envelope(void *context, enum ipc_apdu kind, struct span envelope) {
    struct whole *whole = context;
    return buf_append_u32(&whole->head, whole->number) && buf_append_byte(&whole->head, (uint8_t)kind) &&
           payload_put_octets(&whole->head, whole->activity) && payload_put_octets(&whole->head, envelope);
}

static bool whole_content(void *context, struct span content) {
    struct whole *whole = context;
    if (!whole->content.len) {
        whole->content = content;
        return true;
    }
    bool ok = (whole->joined.len || buf_append_span(&whole->joined, whole->content)) &&
              buf_append_span(&whole->joined, content);
    whole->content = buf_span(&whole->joined);
    return ok;
}

static const struct apdu_handler whole_handler = {whole_envelope, whole_content};

static void send_whole(struct connection *c) {
    struct transfer_in *in = &c->in;
    struct whole whole = {.number = in->number, .activity = span_of(in->activity.id, in->activity.id_len)};
    if (!apdu_scanner_feed(&in->scanner, buf_span(&in->gathered), &whole_handler, &whole) ||
        !apdu_scanner_finish(&in->scanner)) {
        refuse_apdu(c);
    } else {
        if (!net_store_send(c->net, IPC_TRANSFER_WHOLE, c->ref, buf_span(&whole.head), whole.content))
            osi_association_abort(c->association, OSI_ABORT_LOCAL_SYSTEM_PROBLEM,
                                  "the store process can't take more");
        free_gathered(c);
    }
    buf_free(&whole.joined);
    buf_free(&whole.head);
}

void transfer_in_end(struct connection *c) {
    struct transfer_in *in = &c->in;
    if (!in->active)
        return;
    in->held = 0; /* the answer to the end confirms them */
    if (!in->pieces)
        send_whole(c);
    else if (apdu_scanner_finish(&in->scanner))
        net_tell_empty(c->net, IPC_TRANSFER_END, c->ref);
    else
        refuse_apdu(c);
}

void transfer_in_stopped(struct connection *c, bool keep) {
    struct transfer_in *in = &c->in;
    /* The store process may have taken up a resume by now. */
    bool told = in->active && (in->pieces || in->resuming);
    if (told || in->refused)
        tell_piece(c, IPC_TRANSFER_STOP, keep ? SPAN_LIT("\1") : SPAN_LIT("\0"));
    transfer_in_free(c);
}

/* ---- answers of the store process ---- */

/* Not of one that the peer has given up: the peer could take the answer for that of the next. */
static bool is_for(const struct connection *c, uint32_t transfer) {
    return c->in.active && c->in.number == transfer;
}

static bool on_checkpoint_done(struct connection *c, struct reader *r) {
    uint32_t transfer = reader_u32(r), serial = reader_u32(r);
    if (payload_done(r) && is_for(c, transfer))
        osi_rt_checkpoint_confirm(c->association, serial, clock_monotonic_us());
    return payload_done(r);
}

static bool on_result(struct connection *c, struct reader *r) {
    uint32_t transfer = reader_u32(r);
    uint8_t result = reader_u8(r);
    struct span cause = payload_octets(r);
    char text[LOG_TEXT_SIZE];
    if (!payload_done(r))
        return false;
    if (!is_for(c, transfer))
        return true;
    if (result == IPC_ACCEPTED) {
        transfer_in_free(c);
        osi_rt_transfer_confirm(c->association, clock_monotonic_us());
        return true;
    }
    /* The store process tells of those refused temporarily, and not of each. */
    if (result == IPC_REFUSED)
        log_warning("peer=%s address=%s transfer refused for good: %s", connection_peer(c), c->address,
                    log_text(cause, text));
    bool refused = c->in.pieces && result == IPC_REFUSED_TEMPORARILY;
    transfer_in_free(c);
    c->in.refused = refused;
    osi_rt_transfer_reject(c->association, result == IPC_REFUSED_TEMPORARILY, clock_monotonic_us());
    return true;
}

static bool resume_from(struct connection *c, uint32_t serial, uint64_t offset, struct span state,
                        struct span collected) {
    struct osi_checkpoint checkpoint = {.serial = serial, .offset = offset};
    struct reader r = reader_of(state);
    struct span osi_state = reader_take(&r, sizeof checkpoint.state);
    if (r.failed ||
        !apdu_scanner_restore(&c->in.scanner, payload_rest(&r), collected, c->net->config->envelope_octets))
        return false;
    c->in.told = collected.len;
    memcpy(checkpoint.state, osi_state.data, sizeof checkpoint.state);
    c->in.pieces = true;
    return osi_rt_resume_accept(c->association, &checkpoint, clock_monotonic_us());
}

static bool on_resume(struct connection *c, struct reader *r) {
    uint32_t transfer = reader_u32(r);
    uint8_t result = reader_u8(r);
    uint32_t serial = reader_u32(r);
    uint64_t offset = reader_u64(r);
    struct span state = payload_octets(r), collected = payload_rest(r);
    if (!payload_done(r))
        return false;
    if (!is_for(c, transfer) || !c->in.resuming)
        return true;
    c->in.resuming = false;
    if (result == IPC_RESUME_FROM && resume_from(c, serial, offset, state, collected))
        return true;
    if (result == IPC_RESUME_FROM) /* it can't be taken up here: its sender begins anew */
        tell_piece(c, IPC_TRANSFER_STOP, SPAN_LIT("\0"));
    transfer_in_free(c);
    if (result == IPC_RESUME_COMPLETED)
        osi_rt_resume_swallow(c->association, clock_monotonic_us());
    else if (result == IPC_RESUME_REFUSED)
        osi_rt_resume_refuse(c->association, clock_monotonic_us());
    else
        osi_rt_resume_unknown(c->association);
    return true;
}

bool transfer_in_frame(struct connection *c, enum ipc_type type, struct reader *r) {
    bool ok = type == IPC_TRANSFER_CHECKPOINT_DONE ? on_checkpoint_done(c, r)
              : type == IPC_TRANSFER_RESULT        ? on_result(c, r)
                                                   : on_resume(c, r);
    if (ok)
        connection_kick(c);
    return ok;
}
