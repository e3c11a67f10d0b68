/* Answers to local clients. */
#include "mta/client.h"
#include "mta/clients.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "mta/json.h"
#include "mta/mta_private.h"

json_t *client_error(const char *code, const char *format, ...) {
    char text[600]; /* an address and what to do */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return json_pack("{s:{s:s, s:o}}", "error", "code", code, "text", json_whole(text));
}

static struct bytes *response(json_t *value, bool last) {
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    json_decref(value);
    uint8_t head = last;
    struct span body =
        text ? span_str(text) : SPAN_LIT("{\"error\":{\"code\":\"unavailable\",\"text\":\"no memory\"}}");
    if (body.len >= IPC_CLIENT_MAX) {
        body = SPAN_LIT(
            "{\"error\":{\"code\":\"too-large\",\"text\":\"the answer is too long: use a smaller limit\"}}");
        head = true;
    }
    struct bytes *bytes = bytes_new(span_of(&head, 1), body);
    free(text);
    return bytes;
}

static void send_bytes(struct clients_process *process, enum ipc_type type, uint64_t ref,
                       struct bytes *bytes) {
    if (process && bytes)
        ipc_send(process->channel, type, ref, bytes_head(bytes), bytes_rest(bytes));
    bytes_drop(bytes);
}

/* The member of the answer that is an array, when there is just one. */
static const char *only_array(json_t *value, json_t **array) {
    const char *name, *found = NULL;
    json_t *member;
    json_object_foreach(value, name, member) {
        if (json_is_array(member) && found)
            return NULL;
        if (json_is_array(member)) {
            *array = member;
            found = name;
        }
    }
    return found;
}

/* Elements that make a frame; what is left over goes with the last. */
static void respond_in_parts(struct client *client, uint64_t ref, json_t *value, const char *name,
                             json_t *array, bool last) {
    json_t *part = json_array(), *element;
    size_t i, length = 0;
    json_array_foreach(array, i, element) {
        length += json_dumpb(element, NULL, 0, JSON_COMPACT) + 1;
        if (length > IPC_CLIENT_MAX / 2 && json_array_size(part)) {
            send_bytes(client->process, IPC_RESPONSE, ref, response(json_pack("{s:o}", name, part), false));
            part = json_array();
            length = 0;
        }
        json_array_append(part, element);
    }
    json_object_set_new(value, name, part);
    send_bytes(client->process, IPC_RESPONSE, ref, response(value, last));
}

void client_respond(struct client *client, uint64_t ref, json_t *value, bool last) {
    json_t *array = NULL;
    const char *name = only_array(value, &array);
    if (name && json_array_size(array) > 1)
        respond_in_parts(client, ref, value, name, array, last);
    else
        send_bytes(client->process, IPC_RESPONSE, ref, response(value, last));
}

static struct clients_process *process_numbered(const struct mta *mta, const struct effect *effect) {
    struct clients_process *process = mta->view.processes;
    while (process && process->number != effect->process)
        process = process->next;
    return process;
}

static void answer_now(struct mta *mta, const struct effect *effect) {
    send_bytes(process_numbered(mta, effect), (enum ipc_type)effect->number, effect->ref, effect->bytes);
}

/* A submission's refusal is its own frame, with JSON after the octet that says so. */
static void answer_unavailable(struct mta *mta, const struct effect *effect) {
    json_t *error = client_error("unavailable", "%s", batch_cause(mta));
    bytes_drop(effect->bytes);
    bool submission = effect->number == IPC_SUBMIT_RESULT;
    send_bytes(process_numbered(mta, effect), (enum ipc_type)effect->number, effect->ref,
               response(error, !submission));
}

static const struct effect_kind answer_of_commit = {answer_now, answer_unavailable};

static bool answer_with_batch(struct mta *mta, uint32_t process, enum ipc_type type, uint64_t ref,
                              struct bytes *bytes) {
    struct effect effect = {
        .kind = &answer_of_commit, .process = process, .ref = ref, .number = (uint32_t)type, .bytes = bytes};
    if (bytes && batch_effect(mta, effect))
        return true;
    bytes_drop(bytes);
    return false;
}

bool client_answer_after_commit(struct client *client, enum ipc_type type, uint64_t ref,
                                struct bytes *bytes) {
    return answer_with_batch(client->mta, client->process->number, type, ref, bytes);
}

void client_answer(struct mta *mta, uint32_t process, uint64_t ref, json_t *value) {
    const struct effect who = {.process = process};
    send_bytes(process_numbered(mta, &who), IPC_RESPONSE, ref, response(value, true));
}

void client_answer_with_batch(struct mta *mta, uint32_t process, uint64_t ref, json_t *value) {
    if (!answer_with_batch(mta, process, IPC_RESPONSE, ref, response(value, true)))
        client_answer(mta, process, ref, client_error("unavailable", "no memory"));
}

void client_respond_after_commit(struct client *client, uint64_t ref, json_t *value) {
    if (!client_answer_after_commit(client, IPC_RESPONSE, ref, response(value, true)))
        client_respond(client, ref, client_error("unavailable", "no memory"), true);
}

void client_refuse_submission(struct client *client, uint64_t ref, json_t *error) {
    send_bytes(client->process, IPC_SUBMIT_RESULT, ref, response(error, false));
}
