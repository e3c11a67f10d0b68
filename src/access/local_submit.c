/* Submissions over the local socket. */
#include "access/local.h"
#include "asn1/ber.h"
#include "base/alloc.h"
#include "ipc/payload.h"
#include "names/identifier.h"
#include "schema/x411p3.h"

/* Memory for the result of a submission: two names and a time. */
#define RESULT_MAX ((size_t)64 * 1024)

static const struct span nothing = {NULL, 0};

void local_forget_submission(struct local *local) {
    mem_free(local->notified_mailbox);
    local->notified_mailbox = NULL;
    local->ref = 0;
}

enum mhs_code local_submit_begin(struct mhs_session *session, const struct access_submission *what) {
    struct local *local = session->link;
    uint8_t kind = what->probe ? IPC_SUBMISSION_PROBE : IPC_SUBMISSION_MESSAGE;
    char *mailbox = what->notified_mailbox ? mem_strdup(what->notified_mailbox) : NULL;
    if (what->notified_mailbox && !mailbox)
        return access_fail(session, MHS_NO_MEMORY, "no memory for the submission");
    uint64_t ref = 0;
    enum mhs_code code = local_send(session, IPC_SUBMIT_BEGIN, &ref, span_of(&kind, 1), what->envelope);
    if (code != MHS_OK) {
        mem_free(mailbox);
        return code;
    }
    local->ref = ref;
    local->probe = what->probe;
    local->notified_mailbox = mailbox;
    local->notified_entry = what->notified_entry;
    return MHS_OK;
}

/* An unfinished submission goes with its connection. */
void local_submit_cancel(struct mhs_session *session) {
    local_forget_submission(session->link);
    local_disconnect(session);
}

static enum mhs_code refuse_submission(struct mhs_session *session, struct span text) {
    json_t *answer = json_loadb((const char *)text.data, text.len, 0, NULL);
    const json_t *error = json_object_get(answer, "error");
    enum mhs_code code =
        error ? local_refuse(session, error) : local_nonsense(session, "a result that is none");
    json_decref(answer);
    return code;
}

/* A refusal may come before the end. */
static enum mhs_code look_for_refusal(struct mhs_session *session) {
    struct local *local = session->link;
    struct span payload;
    if (!ipc_client_waiting(local->client))
        return MHS_OK;
    enum mhs_code code = local_receive(session, local->ref, IPC_SUBMIT_RESULT, &payload);
    return code == MHS_OK ? refuse_submission(session, span_sub(payload, 1, payload.len)) : code;
}

enum mhs_code local_submit_content(struct mhs_session *session, struct span octets) {
    struct local *local = session->link;
    enum mhs_code code = MHS_OK;
    for (size_t at = 0; code == MHS_OK && at < octets.len; at += IPC_CHUNK) {
        code = look_for_refusal(session);
        if (code == MHS_OK)
            code = local_send_more(session, IPC_SUBMIT_CONTENT, local->ref, span_sub(octets, at, IPC_CHUNK),
                                   nothing);
    }
    if (code != MHS_OK)
        local_forget_submission(local);
    return code;
}

static enum mhs_code send_end(struct mhs_session *session) {
    struct local *local = session->link;
    struct buf payload;
    buf_init(&payload, 0);
    if (local->notified_mailbox) {
        payload_put_octets(&payload, span_str(local->notified_mailbox));
        buf_append_u64(&payload, local->notified_entry);
    }
    enum mhs_code code =
        payload.failed ? access_fail(session, MHS_NO_MEMORY, "no memory")
                       : local_send_more(session, IPC_SUBMIT_END, local->ref, buf_span(&payload), nothing);
    buf_free(&payload);
    return code;
}

static bool keep_submitted(const struct x411_MTSIdentifier *identifier, struct span time,
                           struct mhs_submitted *submitted) {
    struct buf text;
    buf_init(&text, sizeof submitted->identifier - 1);
    bool fits = mts_identifier_print(identifier, &text) && ber_utctime_read(time, &submitted->time);
    if (fits)
        memcpy(submitted->identifier, text.data, text.len);
    buf_free(&text);
    return fits;
}

static bool read_submitted(bool probe, struct span octets, struct arena *arena,
                           struct mhs_submitted *submitted) {
    struct x411p3_MessageSubmissionResult message;
    struct x411p3_ProbeSubmissionResult tried;
    *submitted = (struct mhs_submitted){0};
    if (probe)
        return ber_decode(&x411p3_ProbeSubmissionResult_type, octets, arena, NULL, &tried, NULL) &&
               keep_submitted(&tried.probe_submission_identifier, tried.probe_submission_time, submitted);
    return ber_decode(&x411p3_MessageSubmissionResult_type, octets, arena, NULL, &message, NULL) &&
           keep_submitted(&message.message_submission_identifier, message.message_submission_time, submitted);
}

static enum mhs_code receive_submitted(struct mhs_session *session, struct mhs_submitted *submitted) {
    struct local *local = session->link;
    struct span payload;
    struct arena arena;
    enum mhs_code code = local_receive(session, local->ref, IPC_SUBMIT_RESULT, &payload);
    if (code == MHS_UNREACHABLE)
        return access_fail(session, code,
                           "the daemon closed the connection without an answer: what was submitted may have "
                           "been taken; 'mhs track --recent 5' tells");
    if (code != MHS_OK)
        return code;
    struct reader r = reader_of(payload);
    bool accepted = reader_u8(&r) == 1;
    struct span rest = payload_rest(&r);
    if (!accepted)
        return refuse_submission(session, rest);
    arena_init(&arena, RESULT_MAX);
    access_lock();
    bool read = read_submitted(local->probe, rest, &arena, submitted);
    access_unlock();
    if (!read)
        code = local_nonsense(session, "a result of a submission that can't be read");
    arena_free(&arena);
    return code;
}

enum mhs_code local_submit_end(struct mhs_session *session, struct mhs_submitted *submitted) {
    enum mhs_code code = look_for_refusal(session);
    if (code == MHS_OK)
        code = send_end(session);
    if (code == MHS_OK)
        code = receive_submitted(session, submitted);
    local_forget_submission(session->link);
    return code;
}
