/*
 * What is said of a mailbox: the octets of an answer, and slices of contents
 * where they belong, which are read a piece at a time when the association has
 * taken the one before. So a content of any size takes no more memory than that.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "protocol/p7_private.h"

void p7_ask_head(const struct p7 *p7, uint32_t number, struct buf *out) {
    buf_append_u32(out, number);
    payload_put_octets(out, buf_span(&p7->seal));
    payload_put_octets(out, span_str(connection_peer(p7->p3.connection)));
}

void p7_ask_reader(struct p7 *p7, const struct mailbox_question *question, const void **reader) {
    struct connection *c = p7->p3.connection;
    struct mailbox_question asked = *question;
    asked.ref = c->ref;
    enum mailbox_asked how =
        asked.head.len ? mailbox_readers_ask(c->net, &asked, reader) : MAILBOX_FAILED /* no memory */;
    p7->waits = how == MAILBOX_WAITS;
    if (how != MAILBOX_FAILED)
        return;
    osi_association_abort(c->association, OSI_ABORT_LOCAL_SYSTEM_PROBLEM,
                          "who answers for the mailbox can't take more");
    connection_kick(c);
}

/* ---- an answer begins ---- */

#define SLICE 28 /* octets of one in the frame */

bool p7_slices_fit(struct span slices, size_t length) {
    struct reader r = reader_of(slices);
    size_t last = 0;
    while (reader_left(&r)) {
        size_t at = reader_u32(&r);
        reader_take(&r, SLICE - 4);
        if (r.failed || at < last || at > length)
            return false;
        last = at;
    }
    return true;
}

static bool take_slices(struct p7_answer *answer, struct span slices) {
    struct reader r = reader_of(slices);
    size_t count = slices.len / SLICE;
    answer->slices = count ? mem_alloc(count * sizeof *answer->slices) : NULL;
    while (answer->slices && answer->slice_count < count) {
        struct p7_slice *slice = &answer->slices[answer->slice_count++];
        slice->at = reader_u32(&r);
        slice->entry = reader_u64(&r);
        slice->offset = reader_u64(&r);
        slice->length = reader_u64(&r);
    }
    return !count || answer->slices;
}

void p7_say(struct p7 *p7, const struct osi_ro *ro, struct buf *octets, struct span slices) {
    struct p7_answer *answer = &p7->answer;
    bool failed = octets->failed || answer->is;
    p7_answer_free(p7);
    *answer = (struct p7_answer){.is = true, .ro = *ro, .octets = *octets};
    answer->ro.has_parameter = octets->len > 0;
    if (failed || !take_slices(answer, slices))
        osi_association_abort(p7->p3.connection->association, OSI_ABORT_LOCAL_SYSTEM_PROBLEM, "no memory");
    else
        p7_push(p7);
}

void p7_answer_free(struct p7 *p7) {
    buf_free(&p7->answer.octets);
    mem_free(p7->answer.slices);
    buf_free(&p7->piece);
    p7->answer = (struct p7_answer){.is = false};
    p7->waits = p7->waits && !p7->reading;
    p7->reading = false;
}

/* ---- it goes on ---- */

static const struct p7_slice *slice_of(const struct p7_answer *answer) {
    return answer->slice < answer->slice_count ? &answer->slices[answer->slice] : NULL;
}

static void read_on(struct p7 *p7, const struct p7_slice *slice) {
    uint64_t left = slice->length - p7->answer.sliced;
    struct buf head;
    buf_init(&head, 0);
    p7_ask_head(p7, 1, &head);
    buf_append_u64(&head, slice->entry);
    buf_append_u64(&head, slice->offset + p7->answer.sliced);
    buf_append_u32(&head, left < IPC_CHUNK ? (uint32_t)left : IPC_CHUNK);
    p7->reading = true;
    p7_ask_reader(p7,
                  &(struct mailbox_question){.type = IPC_MS_READ,
                                             .head = head.failed ? (struct span){NULL, 0} : buf_span(&head)},
                  &p7->read_of);
    buf_free(&head);
}

void p7_read_on(struct p7 *p7) {
    const struct p7_slice *slice = slice_of(&p7->answer);
    if (slice)
        read_on(p7, slice);
}

void p7_read_anew(struct p7 *p7, const void *reader) {
    if (p7->reading && p7->read_of == reader)
        p7_read_on(p7);
}

/* True: all octets before the slice were taken. */
static bool say_octets(struct p7 *p7, struct osi_association *a, const struct p7_slice *slice) {
    struct p7_answer *answer = &p7->answer;
    size_t end = slice ? slice->at : answer->octets.len;
    struct span rest = span_sub(buf_span(&answer->octets), answer->sent, end - answer->sent);
    if (rest.len || !slice)
        answer->sent += osi_ro_data(a, rest, !slice, clock_monotonic_us());
    return answer->sent == end;
}

/* True: the slice was taken. */
static bool say_slice(struct p7 *p7, struct osi_association *a, const struct p7_slice *slice) {
    struct p7_answer *answer = &p7->answer;
    while (p7->piece.len) {
        struct span rest = span_sub(buf_span(&p7->piece), p7->piece_said, SIZE_MAX);
        bool ends = answer->sliced + rest.len == slice->length && answer->slice + 1 == answer->slice_count &&
                    answer->sent == answer->octets.len;
        size_t taken = osi_ro_data(a, rest, ends, clock_monotonic_us());
        p7->piece_said += taken;
        answer->sliced += taken;
        if (taken < rest.len)
            return false;
        buf_clear(&p7->piece);
        p7->piece_said = 0;
    }
    if (answer->sliced < slice->length && !p7->reading)
        read_on(p7, slice);
    return answer->sliced == slice->length;
}

/* True: it was said whole. */
static bool say(struct p7 *p7, struct osi_association *a) {
    struct p7_answer *answer = &p7->answer;
    const struct p7_slice *slice;
    if (!answer->begun && !osi_ro_begin(a, &answer->ro, clock_monotonic_us()))
        return p3_forgo(&p7->p3, &answer->ro);
    answer->begun = true;
    if (!answer->ro.has_parameter)
        return true;
    while ((slice = slice_of(answer))) {
        if (!say_octets(p7, a, slice) || !say_slice(p7, a, slice))
            return false;
        answer->slice++;
        answer->sliced = 0;
    }
    bool ended = answer->slice_count && answer->sent == answer->octets.len; /* with the last slice */
    return ended || say_octets(p7, a, NULL);
}

void p7_push(struct p7 *p7) {
    struct osi_association *a = p7->p3.connection->association;
    p3_push(&p7->p3);
    if (!p7->answer.is || !a || osi_association_is_over(a) || !say(p7, a))
        return;
    p7_answer_free(p7);
}

/* ---- pieces ---- */

static void give_up(const struct p7 *p7) {
    connection_warn(p7->p3.connection, "association aborted: the content of an entry that is being fetched "
                                       "can't be read any more");
    osi_association_abort(p7->p3.connection->association, OSI_ABORT_LOCAL_SYSTEM_PROBLEM,
                          "the content can't be read any more");
}

bool p7_on_data(struct p7 *p7, struct span payload) {
    const struct p7_answer *answer = &p7->answer;
    const struct p7_slice *slice = slice_of(answer);
    struct reader r = reader_of(payload);
    reader_u32(&r);
    uint64_t offset = reader_u64(&r);
    struct span octets = payload_rest(&r);
    if (r.failed || !p7->reading || !slice || offset != slice->offset + answer->sliced ||
        octets.len > slice->length - answer->sliced)
        return false;
    p7->reading = p7->waits = false;
    p7->piece_said = 0;
    buf_clear(&p7->piece);
    if (!octets.len || !buf_append_span(&p7->piece, octets))
        give_up(p7);
    else
        p7_push(p7);
    return true;
}
