#include "mhs/histories.h"

#include <string.h>

#include "mhs/daemon.h"
#include "mhs/output.h"

/* All parts but the first say that they go on; they stand behind each other in one answer. */
void histories_join(json_t *messages) {
    json_t *whole = json_array(), *message, *last = NULL;
    size_t i;
    json_array_foreach(messages, i, message) {
        if (last && json_is_true(json_object_get(message, "continued"))) {
            json_array_extend(json_object_get(last, "events"), json_object_get(message, "events"));
            continue;
        }
        json_array_append(whole, message);
        last = message;
    }
    json_array_clear(messages);
    json_array_extend(messages, whole);
    json_decref(whole);
}

enum command_status histories_each(json_t *request, bool (*take)(void *context, const json_t *history),
                                   void *context) {
    enum command_status status = COMMAND_OK;
    bool more = true;
    while (more && status == COMMAND_OK) {
        json_t *answer, *message;
        size_t i;
        status = daemon_request(json_deep_copy(request), &answer);
        if (status != COMMAND_OK)
            break;
        json_t *messages = json_object_get(answer, "messages");
        histories_join(messages);
        json_array_foreach(messages, i, message) if (more) more = take(context, message);
        int64_t cursor = out_integer(answer, "cursor");
        json_object_set_new(request, "after", json_integer(cursor));
        more = more && cursor;
        json_decref(answer);
    }
    json_decref(request);
    return status;
}

bool history_is_of_probe(const json_t *history) {
    const json_t *first = json_array_get(json_object_get(history, "events"), 0);
    return json_object_get(first, "originator") && strcmp(out_text(first, "detail"), "probe") == 0;
}
