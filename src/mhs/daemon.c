#include "mhs/daemon.h"

#include <string.h>

#include "base/reader.h"
#include "ipc/payload.h"
#include "mhs/output.h"

static struct ipc_client *client;
static uint64_t last_ref;
static json_t *refusal; /* the last that was not said */

struct ipc_client *daemon_connection(void) {
    if (client)
        return client;
    struct error err = {0};
    client = ipc_client_open(command_settings.socket ? command_settings.socket : MHS_DEFAULT_SOCKET, &err);
    if (!client)
        command_fail(COMMAND_UNREACHABLE, "%s", err.text);
    return client;
}

void daemon_close(void) {
    ipc_client_close(client);
    client = NULL;
    json_decref(refusal);
    refusal = NULL;
}

uint64_t daemon_next_ref(void) {
    return ++last_ref;
}

static bool quiet;
const json_t *daemon_refusal(void) {
    return refusal;
}

void daemon_quiet(bool on) {
    quiet = on;
}

enum command_status daemon_refused(const json_t *error) {
    const char *text = json_string_value(json_object_get(error, "text"));
    if (quiet) {
        json_decref(refusal);
        refusal = json_deep_copy(error);
        return COMMAND_NO;
    }
    fputs("mhs: refused: ", stderr);
    if (text)
        out_untrusted(stderr, text, strlen(text));
    const char *code = json_string_value(json_object_get(error, "code"));
    fprintf(stderr, "%s%s%s%s\n", text ? "" : "(no reason given)", code ? " (" : "", code ? code : "",
            code ? ")" : "");
    const json_t *recipients = json_object_get(error, "recipients");
    size_t i;
    json_t *complaint;
    json_array_foreach(json_object_get(error, "complaints"), i, complaint) {
        const char *line = json_string_value(complaint);
        fputs("mhs:   ", stderr);
        out_untrusted(stderr, line ? line : "?", line ? strlen(line) : 1);
        fputc('\n', stderr);
    }
    json_t *recipient;
    json_array_foreach(recipients, i, recipient) {
        const char *name = json_string_value(recipient);
        fputs("mhs:   recipient ", stderr);
        out_untrusted(stderr, name ? name : "?", name ? strlen(name) : 1);
        fputc('\n', stderr);
    }
    if (command_settings.json)
        out_json_error(json_deep_copy(error));
    return COMMAND_NO;
}

static enum command_status broken(const char *what) {
    return (enum command_status)command_fail(COMMAND_UNREACHABLE, "the daemon's answer makes no sense: %s",
                                             what);
}

/* The JSON value of an IPC_RESPONSE; NULL when it is none. */
static json_t *read_response(struct span payload, bool *last) {
    struct reader r = reader_of(payload);
    *last = reader_u8(&r) == 1;
    struct span text = payload_rest(&r);
    return r.failed ? NULL : json_loadb((const char *)text.data, text.len, JSON_DECODE_ANY, NULL);
}

/* Takes a response that came where data was expected. */
static enum command_status read_refusal(struct span payload) {
    bool last;
    json_t *response = read_response(payload, &last);
    const json_t *error = json_object_get(response, "error");
    enum command_status status = error ? daemon_refused(error) : broken("a response that nobody asked for");
    json_decref(response);
    return status;
}

bool daemon_receive(uint64_t ref, enum ipc_type wanted, struct span *payload, enum command_status *status) {
    struct error err = {0};
    enum ipc_type type;
    uint64_t got_ref;
    do {
        if (!ipc_client_receive(client, &type, &got_ref, payload, MHS_TIMEOUT_MS, &err)) {
            *status = (enum command_status)command_fail(COMMAND_UNREACHABLE, "%s", err.text);
            return false;
        }
    } while (got_ref != ref && (got_ref != 0 || type != IPC_RESPONSE)); /* 0: about the connection itself */
    if (type == wanted && got_ref == ref)
        return true;
    *status = type == IPC_RESPONSE ? read_refusal(*payload) : broken("an unexpected frame");
    return false;
}

static bool send_request(const json_t *request, uint64_t ref, struct error *err) {
    char *text = json_dumps(request, JSON_COMPACT);
    if (!text)
        return error_set(err, 1, "no memory for the request");
    bool ok = ipc_client_send(client, IPC_REQUEST, ref, span_str(text), (struct span){NULL, 0}, err);
    free(text);
    return ok;
}

/* Joins `more` (consumed) to `*whole`: members of the same name that are arrays are put one after the other.
 */
static void join(json_t **whole, json_t *more) {
    if (!*whole) {
        *whole = more;
        return;
    }
    const char *name;
    json_t *value;
    json_object_foreach(more, name, value) {
        json_t *old = json_object_get(*whole, name);
        if (json_is_array(old) && json_is_array(value))
            json_array_extend(old, value);
        else
            json_object_set(*whole, name, value);
    }
    json_decref(more);
}

static enum command_status collect(uint64_t ref, json_t **answer) {
    for (bool last = false; !last;) {
        struct span payload;
        enum command_status status;
        if (!daemon_receive(ref, IPC_RESPONSE, &payload, &status))
            return status;
        json_t *response = read_response(payload, &last);
        if (!response)
            return broken("it is no JSON");
        const json_t *error = json_object_get(response, "error");
        if (error) {
            status = daemon_refused(error);
            json_decref(response);
            return status;
        }
        join(answer, response);
    }
    return COMMAND_OK;
}

enum command_status daemon_request(json_t *request, json_t **answer) {
    *answer = NULL;
    if (!request)
        return (enum command_status)command_fail(COMMAND_FAILED,
                                                 "no memory for the request, or text in it that is no UTF-8");
    enum command_status status = daemon_connection() ? COMMAND_OK : COMMAND_UNREACHABLE;
    struct error err = {0};
    uint64_t ref = daemon_next_ref();
    if (status == COMMAND_OK && !send_request(request, ref, &err))
        status = (enum command_status)command_fail(COMMAND_UNREACHABLE, "%s", err.text);
    json_decref(request);
    if (status == COMMAND_OK)
        status = collect(ref, answer);
    if (status != COMMAND_OK) {
        json_decref(*answer);
        *answer = NULL;
    }
    return status;
}

enum command_status daemon_ask(json_t *request, void (*print)(const json_t *answer)) {
    json_t *answer;
    enum command_status status = daemon_request(request, &answer);
    if (status != COMMAND_OK)
        return status;
    if (command_settings.json)
        out_json(answer);
    else
        print(answer);
    json_decref(answer);
    return COMMAND_OK;
}
