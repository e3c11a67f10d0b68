/* The connection to mhsd: frames out, frames in, refusals, requests. */
#include <errno.h>
#include <stdlib.h>

#include "access/local.h"
#include "ipc/payload.h"

/* A connection that the daemon refuses tells so before it ends; how long that is waited for. */
#define REFUSAL_MS 1000

static const struct span nothing = {NULL, 0};

void local_disconnect(struct mhs_session *session) {
    struct local *local = session->link;
    ipc_client_close(local->client);
    local->client = NULL;
}

/* Nothing is under way here: what waits to be read on an old connection is its end, or why it ends. */
static enum mhs_code connection(struct mhs_session *session) {
    struct local *local = session->link;
    struct error err = {0};
    if (!local || !local->path)
        return access_fail(session, MHS_NO_MEMORY, "the session could not be made");
    if (local->client && ipc_client_waiting(local->client))
        local_disconnect(session);
    if (!local->client)
        local->client = ipc_client_open(local->path, &err);
    return local->client ? MHS_OK : access_fail(session, MHS_UNREACHABLE, "%s", err.text);
}

/* The connection broke, or can't be used any more. */
static enum mhs_code broken(struct mhs_session *session, const struct error *err) {
    local_disconnect(session);
    return access_fail(session,
                       err->code == ETIMEDOUT ? MHS_TIMED_OUT
                       : err->code == EPROTO  ? MHS_PROTOCOL
                       : err->code == ENOMEM  ? MHS_NO_MEMORY
                                              : MHS_UNREACHABLE,
                       "%s", err->text);
}

enum mhs_code local_nonsense(struct mhs_session *session, const char *what) {
    local_disconnect(session);
    return access_fail(session, MHS_PROTOCOL,
                       "the daemon's answer makes no sense: %s; are both of the same version?", what);
}

/* ---- answers ---- */

/* The JSON value of an IPC_RESPONSE; NULL when it is none. */
static json_t *read_response(struct span payload, bool *last) {
    struct reader r = reader_of(payload);
    *last = reader_u8(&r) == 1;
    struct span text = payload_rest(&r);
    return json_loadb((const char *)text.data, text.len, JSON_DECODE_ANY, NULL);
}

static void add_all(struct buf *list, const json_t *texts) {
    size_t i;
    const json_t *text;
    json_array_foreach(texts, i, text) {
        if (json_is_string(text))
            access_error_add(list, json_string_value(text));
    }
}

/* {"code": …, "text": …, "recipients": […], "complaints": […]} */
enum mhs_code local_refuse(struct mhs_session *session, const json_t *error) {
    const char *name = json_string_value(json_object_get(error, "code"));
    enum mhs_code code =
        access_refuse(session, name ? name : "refused", json_string_value(json_object_get(error, "text")));
    add_all(&session->error.recipients, json_object_get(error, "recipients"));
    add_all(&session->error.complaints, json_object_get(error, "complaints"));
    return code;
}

/* Takes a response that came where data was expected. */
static enum mhs_code refuse_by(struct mhs_session *session, struct span payload) {
    bool last;
    json_t *response = read_response(payload, &last);
    const json_t *error = json_object_get(response, "error");
    enum mhs_code code =
        error ? local_refuse(session, error) : local_nonsense(session, "a response that nobody asked for");
    json_decref(response);
    return code;
}

/* A frame with ref 0 is about the connection itself: it was refused, and ends. */
static enum mhs_code receive(struct mhs_session *session, uint64_t ref, enum ipc_type wanted, int timeout_ms,
                             struct span *payload) {
    struct local *local = session->link;
    struct error err = {0};
    enum ipc_type type;
    uint64_t got;
    do {
        if (!ipc_client_receive(local->client, &type, &got, payload, timeout_ms, &err))
            return broken(session, &err);
    } while (got != ref && (got != 0 || type != IPC_RESPONSE));
    if (type == wanted && got == ref)
        return MHS_OK;
    enum mhs_code code =
        type == IPC_RESPONSE ? refuse_by(session, *payload) : local_nonsense(session, "an unexpected frame");
    if (got == 0)
        local_disconnect(session);
    return code;
}

enum mhs_code local_receive(struct mhs_session *session, uint64_t ref, enum ipc_type wanted,
                            struct span *payload) {
    return receive(session, ref, wanted, session->timeout_ms, payload);
}

/* Nothing can be sent any more: the daemon may have said why. */
static enum mhs_code not_sent(struct mhs_session *session, const struct error *err) {
    struct span payload;
    enum mhs_code code = receive(session, 0, IPC_RESPONSE, REFUSAL_MS, &payload);
    if (code == MHS_OK)
        code = refuse_by(session, payload);
    local_disconnect(session);
    return code >= MHS_BAD_REQUEST ? code : access_fail(session, MHS_UNREACHABLE, "%s", err->text);
}

enum mhs_code local_send_more(struct mhs_session *session, enum ipc_type type, uint64_t ref, struct span head,
                              struct span body) {
    struct local *local = session->link;
    struct error err = {0};
    if (ipc_client_send(local->client, type, ref, head, body, &err))
        return MHS_OK;
    return err.code == EMSGSIZE ? access_fail(session, MHS_TOO_LARGE, "%s", err.text)
                                : not_sent(session, &err);
}

enum mhs_code local_send(struct mhs_session *session, enum ipc_type type, uint64_t *ref, struct span head,
                         struct span body) {
    struct local *local = session->link;
    enum mhs_code code = connection(session);
    if (code != MHS_OK)
        return code;
    local->last_ref = local->last_ref % UINT32_MAX + 1; /* the daemon takes 32 bits of it */
    *ref = local->last_ref;
    return local_send_more(session, type, *ref, head, body);
}

/* ---- requests ---- */

/* Joins `more` (consumed) to `*whole`: members of the same name that are arrays are put one after the other.
 */
static void join(json_t **whole, json_t *more) {
    const char *name;
    json_t *value;
    if (!*whole) {
        *whole = more;
        return;
    }
    json_object_foreach(more, name, value) {
        json_t *old = json_object_get(*whole, name);
        if (json_is_array(old) && json_is_array(value))
            json_array_extend(old, value);
        else
            json_object_set(*whole, name, value);
    }
    json_decref(more);
}

static enum mhs_code gather(struct mhs_session *session, uint64_t ref, json_t **answer) {
    for (bool last = false; !last;) {
        struct span payload;
        enum mhs_code code = local_receive(session, ref, IPC_RESPONSE, &payload);
        if (code != MHS_OK)
            return code;
        json_t *response = read_response(payload, &last);
        const json_t *error = json_object_get(response, "error");
        if (!response)
            return local_nonsense(session, "it is no JSON");
        if (error) {
            code = local_refuse(session, error);
            json_decref(response);
            return code;
        }
        join(answer, response);
    }
    return MHS_OK;
}

/* `text` is the request's JSON. */
enum mhs_code local_ask(struct mhs_session *session, const char *text, json_t **answer) {
    uint64_t ref = 0;
    *answer = NULL;
    enum mhs_code code = local_send(session, IPC_REQUEST, &ref, span_str(text), nothing);
    if (code == MHS_OK)
        code = gather(session, ref, answer);
    if (code != MHS_OK) {
        json_decref(*answer);
        *answer = NULL;
    }
    return code;
}

enum mhs_code local_request(struct mhs_session *session, json_t *request, json_t **answer) {
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    *answer = NULL;
    enum mhs_code code = text ? local_ask(session, text, answer)
                              : access_fail(session, MHS_INVALID,
                                            "no memory for the request, or text in it that is not UTF-8");
    free(text);
    json_decref(request);
    return code;
}
