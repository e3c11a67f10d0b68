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
#include "protocol/p1_private.h"

/* An APDU up to SHORT is always gathered; up to IPC_WHOLE_MAX while all of them have no more than
 * GATHERED_MOST: slow senders must not fill the memory. */
#define SHORT         ((size_t)64 * 1024)
#define GATHERED_MOST ((size_t)16 * 1024 * 1024)
#define HOLD_US       50000 /* a checkpoint waits for the end of its activity */

static bool is_short(const struct p1 *p1, size_t more) {
    size_t len = p1->in.gathered.len + more;
    return len <= SHORT || (len <= IPC_WHOLE_MAX && p1->connection->net->gathered + more <= GATHERED_MOST);
}

static void free_gathered(struct p1 *p1) {
    p1->connection->net->gathered -= p1->in.gathered.len;
    buf_free(&p1->in.gathered);
}

void transfer_in_free(struct p1 *p1) {
    free_gathered(p1);
    apdu_scanner_free(&p1->in.scanner);
    p1->in = (struct transfer_in){0};
}

static void tell_piece(struct p1 *p1, enum ipc_type type, struct span piece) {
    if (!net_store_send(p1->connection->net, type, p1->connection->ref, piece, (struct span){NULL, 0}))
        osi_association_abort(p1->connection->association, OSI_ABORT_LOCAL_SYSTEM_PROBLEM,
                              "the store process can't take more");
}

/* ---- what the scanner finds ---- */

static bool on_envelope(void *context, enum ipc_apdu kind, struct span envelope) {
    struct p1 *p1 = context;
    uint8_t octet = (uint8_t)kind;
    struct span rest = span_sub(envelope, p1->in.told, SIZE_MAX);
    if (!net_store_send(p1->connection->net, IPC_TRANSFER_ENVELOPE, p1->connection->ref, span_of(&octet, 1),
                        rest))
        osi_association_abort(p1->connection->association, OSI_ABORT_LOCAL_SYSTEM_PROBLEM,
                              "the store process can't take more");
    return true;
}

/* What came of an envelope that is not complete, as far as the store process has not got it. */
static void tell_collected(struct p1 *p1) {
    struct span collected = apdu_scanner_collected(&p1->in.scanner);
    if (collected.len > p1->in.told)
        on_envelope(p1, IPC_APDU_PARTIAL, collected);
    p1->in.told = collected.len;
}

static bool on_content(void *context, struct span content) {
    struct p1 *p1 = context;
    while (content.len > 0) {
        struct span piece = span_sub(content, 0, IPC_CHUNK);
        tell_piece(p1, IPC_TRANSFER_CONTENT, piece);
        content = span_sub(content, piece.len, SIZE_MAX);
    }
    return true;
}

static const struct apdu_handler pieces_handler = {on_envelope, on_content};

/* ---- refusals ---- */

/* The peer sent what is no MTS-APDU: it shall not try the same octets again. */
static void refuse_apdu(struct p1 *p1) {
    connection_warn(p1->connection, "transfer refused: %s at octet %llu of the APDU", p1->in.scanner.error,
                    (unsigned long long)p1->in.scanner.offset);
    if (p1->in.pieces)
        tell_piece(p1, IPC_TRANSFER_STOP, SPAN_LIT("\0"));
    transfer_in_free(p1);
    osi_rt_transfer_reject(p1->connection->association, false, clock_monotonic_us());
}

static void scan(struct p1 *p1, struct span data, const struct apdu_handler *handler) {
    if (!apdu_scanner_feed(&p1->in.scanner, data, handler, p1))
        refuse_apdu(p1);
}

static void tell_checkpoint(struct p1 *p1, const struct osi_checkpoint *checkpoint) {
    struct buf payload;
    tell_collected(p1);
    buf_init(&payload, 0);
    buf_append_u32(&payload, checkpoint->serial);
    buf_append_u64(&payload, checkpoint->offset);
    buf_append(&payload, checkpoint->state, sizeof checkpoint->state);
    apdu_scanner_save(&p1->in.scanner, &payload);
    net_tell(p1->connection->net, IPC_TRANSFER_CHECKPOINT, p1->connection->ref, &payload);
}

/* From here on the store process gets what comes, as it comes. */
static void go_to_pieces(struct p1 *p1) {
    struct transfer_in *in = &p1->in;
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_u32(&payload, in->number);
    payload_put_octets(&payload, span_of(in->activity.id, in->activity.id_len));
    net_tell(p1->connection->net, IPC_TRANSFER_BEGIN, p1->connection->ref, &payload);
    in->pieces = true;
    struct buf gathered = in->gathered;
    struct osi_checkpoint last = in->last;
    size_t at = in->held ? in->last_at : 0;
    p1->connection->net->gathered -= gathered.len;
    buf_init(&in->gathered, 0);
    if (in->held)
        scan(p1, span_sub(buf_span(&gathered), 0, at), &pieces_handler);
    if (in->held)
        tell_checkpoint(p1, &last);
    if (in->active)
        scan(p1, span_sub(buf_span(&gathered), at, SIZE_MAX), &pieces_handler);
    buf_free(&gathered);
}

/* False: the sender waits for a confirmation, or may have to before the APDU ends. */
static bool hold_checkpoint(struct p1 *p1, const struct osi_checkpoint *checkpoint) {
    struct transfer_in *in = &p1->in;
    if (in->held == 0)
        in->hold_until = clock_monotonic_us() + HOLD_US;
    in->held++;
    in->last = *checkpoint;
    in->last_at = in->gathered.len;
    return in->held < osi_association_open(p1->connection->association)->window_size;
}

int64_t transfer_in_deadline(const struct p1 *p1) {
    return p1->in.active && !p1->in.pieces && p1->in.held ? p1->in.hold_until : INT64_MAX;
}

void transfer_in_timeout(struct p1 *p1) {
    go_to_pieces(p1);
}

void transfer_in_tell(struct p1 *p1) {
    const struct transfer_in *in = &p1->in;
    if (in->active && !in->pieces && !in->resuming && !in->ended)
        go_to_pieces(p1);
}

/* ---- events of the association ---- */

static void ask_resume(struct p1 *p1, const struct osi_begin *begin) {
    struct buf payload, id;
    buf_init(&payload, 0);
    buf_init(&id, 0);
    const struct osi_connection_id *old = begin->old_id.calling.data ? &begin->old_id : NULL;
    if (old)
        connection_id_write(old, &id);
    buf_append_u32(&payload, p1->in.number);
    payload_put_octets(&payload, buf_span(&id));
    payload_put_octets(&payload, span_of(begin->old_activity.id, begin->old_activity.id_len));
    buf_append_u32(&payload, begin->serial);
    payload_put_octets(&payload, span_of(begin->activity.id, begin->activity.id_len));
    net_tell(p1->connection->net, IPC_RESUME, p1->connection->ref, &payload);
    buf_free(&id);
    p1->in.resuming = true;
}

void transfer_in_begin(struct p1 *p1, const struct osi_begin *begin) {
    transfer_in_free(p1);
    p1->in.number = ++p1->transfers_in;
    p1->in.active = true;
    p1->in.activity = begin->activity;
    buf_init(&p1->in.gathered, 0);
    apdu_scanner_init(&p1->in.scanner, p1->connection->net->config->envelope_octets);
    if (begin->resumed)
        ask_resume(p1, begin);
}

void transfer_in_data(struct p1 *p1, struct span data) {
    struct transfer_in *in = &p1->in;
    if (!in->active)
        return; /* refused, and the sender has not stopped yet */
    if (!in->pieces && !is_short(p1, data.len))
        go_to_pieces(p1);
    if (!in->active)
        return;
    if (in->pieces)
        scan(p1, data, &pieces_handler);
    else if (buf_append_span(&in->gathered, data))
        p1->connection->net->gathered += data.len;
    else
        osi_association_abort(p1->connection->association, OSI_ABORT_LOCAL_SYSTEM_PROBLEM, "no memory");
}

void transfer_in_checkpoint(struct p1 *p1, const struct osi_checkpoint *checkpoint) {
    struct transfer_in *in = &p1->in;
    if (!in->active)
        return;
    if (in->pieces)
        tell_checkpoint(p1, checkpoint);
    else if (!hold_checkpoint(p1, checkpoint))
        go_to_pieces(p1);
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

static void send_whole(struct p1 *p1) {
    struct transfer_in *in = &p1->in;
    struct whole whole = {.number = in->number, .activity = span_of(in->activity.id, in->activity.id_len)};
    if (!apdu_scanner_feed(&in->scanner, buf_span(&in->gathered), &whole_handler, &whole) ||
        !apdu_scanner_finish(&in->scanner)) {
        refuse_apdu(p1);
    } else {
        if (!net_store_send(p1->connection->net, IPC_TRANSFER_WHOLE, p1->connection->ref,
                            buf_span(&whole.head), whole.content))
            osi_association_abort(p1->connection->association, OSI_ABORT_LOCAL_SYSTEM_PROBLEM,
                                  "the store process can't take more");
        free_gathered(p1);
    }
    buf_free(&whole.joined);
    buf_free(&whole.head);
}

void transfer_in_end(struct p1 *p1) {
    struct transfer_in *in = &p1->in;
    if (!in->active)
        return;
    in->held = 0; /* the answer to the end confirms them */
    in->ended = true;
    if (!in->pieces)
        send_whole(p1);
    else if (apdu_scanner_finish(&in->scanner))
        net_tell_empty(p1->connection->net, IPC_TRANSFER_END, p1->connection->ref);
    else
        refuse_apdu(p1);
}

void transfer_in_stopped(struct p1 *p1, bool keep) {
    struct transfer_in *in = &p1->in;
    /* The store process may have taken up a resume by now. */
    bool told = in->active && (in->pieces || in->resuming);
    if (told || in->refused)
        tell_piece(p1, IPC_TRANSFER_STOP, keep ? SPAN_LIT("\1") : SPAN_LIT("\0"));
    transfer_in_free(p1);
}

/* ---- answers of the store process ---- */

/* Not of one that the peer has given up: the peer could take the answer for that of the next. */
static bool is_for(const struct p1 *p1, uint32_t transfer) {
    return p1->in.active && p1->in.number == transfer;
}

bool transfer_in_checkpoint_done(struct p1 *p1, struct span payload) {
    struct reader r = reader_of(payload);
    uint32_t transfer = reader_u32(&r), serial = reader_u32(&r);
    if (!payload_done(&r) || !is_for(p1, transfer))
        return payload_done(&r);
    p1->in.resumable = true;
    osi_rt_checkpoint_confirm(p1->connection->association, serial, clock_monotonic_us());
    return true;
}

bool transfer_in_result(struct p1 *p1, struct span payload) {
    struct reader r = reader_of(payload);
    uint32_t transfer = reader_u32(&r);
    uint8_t result = reader_u8(&r);
    struct span cause = payload_octets(&r);
    char text[LOG_TEXT_SIZE];
    if (!payload_done(&r))
        return false;
    if (!is_for(p1, transfer))
        return true;
    if (result == IPC_ACCEPTED) {
        transfer_in_free(p1);
        osi_rt_transfer_confirm(p1->connection->association, clock_monotonic_us());
        return true;
    }
    /* The store process tells of those refused temporarily, and not of each. */
    if (result == IPC_REFUSED)
        connection_warn(p1->connection, "transfer refused for good: %s", log_text(cause, text));
    bool refused = p1->in.pieces && result == IPC_REFUSED_TEMPORARILY;
    transfer_in_free(p1);
    p1->in.refused = refused;
    osi_rt_transfer_reject(p1->connection->association, result == IPC_REFUSED_TEMPORARILY,
                           clock_monotonic_us());
    return true;
}

static bool resume_from(struct p1 *p1, uint32_t serial, uint64_t offset, struct span state,
                        struct span collected) {
    struct osi_checkpoint checkpoint = {.serial = serial, .offset = offset};
    struct reader r = reader_of(state);
    struct span osi_state = reader_take(&r, sizeof checkpoint.state);
    if (r.failed || !apdu_scanner_restore(&p1->in.scanner, payload_rest(&r), collected,
                                          p1->connection->net->config->envelope_octets))
        return false;
    p1->in.told = collected.len;
    memcpy(checkpoint.state, osi_state.data, sizeof checkpoint.state);
    p1->in.pieces = p1->in.resumable = true;
    return osi_rt_resume_accept(p1->connection->association, &checkpoint, clock_monotonic_us());
}

bool transfer_in_resume_result(struct p1 *p1, struct span payload) {
    struct reader r = reader_of(payload);
    uint32_t transfer = reader_u32(&r);
    uint8_t result = reader_u8(&r);
    uint32_t serial = reader_u32(&r);
    uint64_t offset = reader_u64(&r);
    struct span state = payload_octets(&r), collected = payload_rest(&r);
    if (!payload_done(&r))
        return false;
    if (!is_for(p1, transfer) || !p1->in.resuming)
        return true;
    p1->in.resuming = false;
    if (result == IPC_RESUME_FROM && resume_from(p1, serial, offset, state, collected))
        return true;
    if (result == IPC_RESUME_FROM) /* it can't be taken up here: its sender begins anew */
        tell_piece(p1, IPC_TRANSFER_STOP, SPAN_LIT("\0"));
    transfer_in_free(p1);
    if (result == IPC_RESUME_COMPLETED)
        osi_rt_resume_swallow(p1->connection->association, clock_monotonic_us());
    else if (result == IPC_RESUME_REFUSED)
        osi_rt_resume_refuse(p1->connection->association, clock_monotonic_us());
    else
        osi_rt_resume_unknown(p1->connection->association);
    return true;
}
