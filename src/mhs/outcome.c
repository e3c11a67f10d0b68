#include "mhs/outcome.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "mhs/output.h"

static bool is(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

bool outcome_is_good(const char *state) {
    return is(state, "delivered") || is(state, "read") || is(state, "replied") || is(state, "acknowledged");
}

bool outcome_is_bad(const char *state) {
    return is(state, "failed") || is(state, "not read") || is(state, "deleted");
}

/* ---- rows ---- */

void outcome_add_step(json_t *row, const char *step, const char *time, const char *detail) {
    json_array_append_new(json_object_get(row, "steps"),
                          json_pack("{s:s, s:s*, s:s*}", "step", step, "time", time, "detail",
                                    detail && *detail ? detail : NULL));
    json_object_set_new(row, "state", json_string(step));
}

static json_t *new_row(json_t *rows, const char *recipient) {
    json_t *row = json_pack("{s:s, s:s, s:[]}", "recipient", recipient, "state", "submitted", "steps");
    json_array_append_new(rows, row);
    return row;
}

/* The row of a recipient as an event names him: by his number in the envelope, or by his address. NULL: none.
 */
static json_t *find(json_t *rows, const json_t *recipient) {
    json_t *row;
    size_t i;
    json_array_foreach(rows, i, row) {
        if (json_is_integer(recipient) && json_equal(json_object_get(row, "number"), recipient))
            return row;
        if (json_is_string(recipient) && is(out_text(row, "recipient"), json_string_value(recipient)))
            return row;
    }
    return NULL;
}

static json_t *row_of(json_t *rows, const char *address) {
    json_t *wanted = json_string(address), *row = find(rows, wanted);
    json_decref(wanted);
    return row ? row : new_row(rows, address);
}

json_t *outcome_row(json_t *outcome, const char *address) {
    return row_of(json_object_get(outcome, "recipients"), address);
}

/* ---- a history ---- */

/* What is waited for is told while nothing else is. */
static void wait_for(json_t *row, const char *state) {
    if (is(out_text(row, "state"), "submitted"))
        json_object_set_new(row, "state", json_string(state));
}

static void take_routed(json_t *rows, const json_t *event) {
    const json_t *recipient = json_array_get(json_object_get(event, "recipients"), 0);
    const char *address = json_is_string(recipient) ? json_string_value(recipient)
                                                    : json_string_value(json_object_get(event, "detail"));
    json_t *row = address ? row_of(rows, address) : NULL;
    if (!row)
        return;
    if (json_is_integer(recipient))
        json_object_set(row, "number", (json_t *)(uintptr_t)recipient);
    json_object_set(row, "peer", json_object_get(event, "peer"));
    wait_for(row, "waiting");
}

/* Steps of some recipients, or of all that go to the event's peer when it names none. */
static void take_step(json_t *rows, const json_t *event, const char *step, const char *detail) {
    const json_t *recipients = json_object_get(event, "recipients"), *recipient;
    json_t *row;
    size_t i;
    json_array_foreach(recipients, i, recipient) {
        row = find(rows, recipient);
        if (!row && json_is_string(recipient))
            row = new_row(rows, json_string_value(recipient));
        if (row)
            outcome_add_step(row, step, out_text(event, "time"), detail);
    }
    if (json_array_size(recipients) == 0)
        json_array_foreach(rows, i,
                           row) if (json_equal(json_object_get(row, "peer"), json_object_get(event, "peer")))
            outcome_add_step(row, step, out_text(event, "time"), detail);
}

/* `address` names who was not delivered to, also where he was routed nowhere before. */
static void take_failed(json_t *rows, const json_t *event) {
    const char *address = json_string_value(json_object_get(event, "address"));
    if (address)
        outcome_add_step(row_of(rows, address), "failed", out_text(event, "time"),
                         json_string_value(json_object_get(event, "detail")));
    else
        take_step(rows, event, "failed", json_string_value(json_object_get(event, "detail")));
}

static void take_report(json_t *rows, const json_t *event) {
    const char *detail = out_text(event, "detail"), *peer = json_string_value(json_object_get(event, "peer"));
    char told[128] = "";
    if (peer)
        snprintf(told, sizeof told, "told by %.100s", peer);
    if (is(detail, "delivered"))
        take_step(rows, event, "delivered", told);
    else
        take_step(rows, event, "failed", detail);
}

/* Who was to have it keeps his row, which tells who has it now. */
static void take_redirected(json_t *rows, const json_t *event) {
    const char *from = json_string_value(json_object_get(event, "from"));
    const char *to = json_string_value(json_array_get(json_object_get(event, "recipients"), 0));
    if (from && to)
        outcome_add_step(row_of(rows, from), "redirected", out_text(event, "time"), to);
    if (to)
        wait_for(row_of(rows, to), "waiting");
}

static void take_event(json_t *rows, const json_t *event) {
    /* Those whose name says it. */
    static const char *const plain[][2] = {{"delivered", "delivered"},
                                           {"held", "held"},
                                           {"deleted", "deleted"},
                                           {"in-doubt", "in doubt"},
                                           {"expanded", "expanded"}};
    const char *name = out_text(event, "event"),
               *detail = json_string_value(json_object_get(event, "detail"));
    json_t *row;
    size_t i;
    if (is(name, "routed"))
        take_routed(rows, event);
    else if (is(name, "deferred"))
        json_array_foreach(rows, i, row) wait_for(row, "deferred"),
            outcome_add_step(row, "deferred", out_text(event, "time"), detail);
    else if (is(name, "transferred"))
        take_step(rows, event, "transferred", json_string_value(json_object_get(event, "peer")));
    else if (is(name, "non-delivered") || is(name, "non-delivered-by-operator"))
        take_failed(rows, event);
    else if (is(name, "report-received"))
        take_report(rows, event);
    else if (is(name, "redirected"))
        take_redirected(rows, event);
    for (i = 0; i < sizeof plain / sizeof *plain; i++)
        if (is(name, plain[i][0]))
            take_step(rows, event, plain[i][1], detail);
}

json_t *outcome_of_history(const json_t *message) {
    const json_t *event, *events = json_object_get(message, "events");
    json_t *rows = json_array(), *row;
    size_t i;
    json_array_foreach(events, i, event) take_event(rows, event);
    json_array_foreach(rows, i, row) {
        json_object_del(row, "number");
        json_object_del(row, "peer");
    }
    return json_pack("{s:s, s:s, s:o}", "mts-identifier", out_text(message, "mts-identifier"), "submitted",
                     out_text(json_array_get(events, 0), "time"), "recipients", rows);
}
