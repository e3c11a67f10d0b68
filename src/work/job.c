/* What an operation asks of the store process, and says to it. */
#include "ipc/payload.h"
#include "work/work_private.h"

static const struct span nothing = {NULL, 0};

/* ---- the octets of the content ---- */

static bool broken(struct job *job) {
    job->broken = true;
    return false;
}

/* One piece: asked for, and waited for. */
static bool read_piece(struct job *job, uint64_t offset, uint8_t *out, uint32_t len) {
    struct error err;
    struct buf head;
    enum ipc_type type;
    uint64_t ref;
    struct span payload;
    buf_init(&head, 0);
    buf_append_u64(&head, offset);
    buf_append_u32(&head, len);
    bool sent =
        !head.failed && ipc_client_send(job->store, IPC_WORK_READ, job->ref, buf_span(&head), nothing, &err);
    buf_free(&head);
    if (!sent || !ipc_client_receive(job->store, &type, &ref, &payload, -1, &err))
        return broken(job);
    struct reader r = reader_of(payload);
    bool right = type == IPC_WORK_DATA && ref == job->ref && reader_u64(&r) == offset;
    struct span octets = payload_rest(&r);
    if (!right || octets.len != len)
        return broken(job);
    memcpy(out, octets.data, len);
    return true;
}

bool work_read(void *context, uint64_t offset, void *out, size_t len) {
    struct job *job = context;
    for (uint8_t *at = out; len > 0;) {
        uint32_t piece = len < IPC_CHUNK ? (uint32_t)len : IPC_CHUNK;
        if (job->broken || !read_piece(job, offset, at, piece))
            return false;
        offset += piece;
        at += piece;
        len -= piece;
    }
    return true;
}

/* ---- answers ---- */

static bool send_frame(struct job *job, enum ipc_type type, struct span head, struct span body) {
    struct error err;
    return ipc_client_send(job->store, type, job->ref, head, body, &err) || broken(job);
}

bool work_done(struct job *job, uint64_t length, struct span results) {
    struct buf head;
    buf_init(&head, 0);
    buf_append_byte(&head, IPC_WORK_DONE);
    buf_append_u64(&head, length);
    bool sent = !head.failed && send_frame(job, IPC_WORK_RESULT, buf_span(&head), results);
    buf_free(&head);
    return sent;
}

static bool send_verdict(struct job *job, enum ipc_work_verdict verdict, int reason, int diagnostic,
                         const char *text) {
    struct buf head;
    buf_init(&head, 0);
    buf_append_byte(&head, (uint8_t)verdict);
    buf_append_u16(&head, (uint16_t)reason);
    buf_append_u16(&head, (uint16_t)diagnostic);
    payload_put_octets(&head, span_str(text));
    bool sent = !head.failed && send_frame(job, IPC_WORK_RESULT, buf_span(&head), nothing);
    buf_free(&head);
    return sent;
}

bool work_refused(struct job *job, int reason, int diagnostic, const char *text) {
    return send_verdict(job, IPC_WORK_REFUSED, reason, diagnostic, text);
}

bool work_failed(struct job *job, const char *text) {
    return send_verdict(job, IPC_WORK_FAILED, 0, 0, text);
}

bool work_flush(struct job *job) {
    bool sent = job->written.len == 0 || send_frame(job, IPC_WORK_CONTENT, nothing, buf_span(&job->written));
    buf_clear(&job->written);
    return sent;
}

/* Small pieces are gathered. */
bool work_write(void *context, struct span octets) {
    struct job *job = context;
    while (octets.len > 0) {
        struct span piece = span_sub(octets, 0, IPC_CHUNK - job->written.len);
        if (!buf_append_span(&job->written, piece) || (job->written.len == IPC_CHUNK && !work_flush(job)))
            return false;
        octets = span_sub(octets, piece.len, octets.len);
    }
    return true;
}
