#include "mhs/outcome.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "mhs/output.h"
#include "names/oraddress.h"

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

/* Beside the rows of an outcome while they are made: {"ADDRESS'S KEY": row}, and {"NUMBER": row}. */
#define BY_ADDRESS "by-address"
#define BY_NUMBER  "by-number"

#define KEY_MEMORY ((size_t)256 * 1024)

void outcome_add_step(json_t *row, const char *step, const char *time, const char *detail) {
    json_array_append_new(json_object_get(row, "steps"),
                          json_pack("{s:s, s:s*, s:s*}", "step", step, "time", time, "detail",
                                    detail && *detail ? detail : NULL));
    json_object_set_new(row, "state", json_string(step));
}

json_t *outcome_row(json_t *outcome, const char *address) {
    struct arena arena;
    arena_init(&arena, KEY_MEMORY);
    struct span key = oraddress_key_of(span_str(address), &arena, NULL);
    const char *name = key.data ? (const char *)key.data : address; /* a directory name has no key */
    json_t *rows = json_object_get(outcome, BY_ADDRESS), *row = json_object_get(rows, name);
    if (!row) {
        row = json_pack("{s:s, s:s, s:[]}", "recipient", address, "state", "submitted", "steps");
        json_array_append_new(json_object_get(outcome, "recipients"), row);
        json_object_set(rows, name, row);
    }
    arena_free(&arena);
    return row;
}

struct number {
    char text[24];
};

static struct number number_of(const json_t *recipient) {
    struct number number;
    snprintf(number.text, sizeof number.text, "%lld", (long long)json_integer_value(recipient));
    return number;
}

/* The row of a recipient as an event names him: by his address, or by his number in the envelope. NULL: none.
 */
static json_t *named_row(json_t *outcome, const json_t *recipient) {
    if (json_is_string(recipient))
        return outcome_row(outcome, json_string_value(recipient));
    return json_object_get(json_object_get(outcome, BY_NUMBER), number_of(recipient).text);
}

void outcome_complete(json_t *outcome) {
    json_object_del(outcome, BY_ADDRESS);
    json_object_del(outcome, BY_NUMBER);
}

/* ---- a history ---- */

/* What is waited for is told while nothing else is. */
static void wait_for(json_t *row, const char *state) {
    if (is(out_text(row, "state"), "submitted"))
        json_object_set_new(row, "state", json_string(state));
}

static void take_routed(json_t *outcome, const json_t *event) {
    const json_t *recipient = json_array_get(json_object_get(event, "recipients"), 0);
    const char *address = json_is_string(recipient) ? json_string_value(recipient)
                                                    : json_string_value(json_object_get(event, "detail"));
    json_t *row = address ? outcome_row(outcome, address) : NULL;
    if (!row)
        return;
    if (json_is_integer(recipient))
        json_object_set(json_object_get(outcome, BY_NUMBER), number_of(recipient).text, row);
    json_object_set(row, "peer", json_object_get(event, "peer"));
    wait_for(row, "waiting");
}

/* Steps of some recipients, or of all that go to the event's peer when it names none. */
static void take_step(json_t *outcome, const json_t *event, const char *step, const char *detail) {
    const json_t *recipients = json_object_get(event, "recipients"), *recipient;
    json_t *row;
    size_t i;
    json_array_foreach(recipients, i, recipient) if ((row = named_row(outcome, recipient)) != NULL)
        outcome_add_step(row, step, out_text(event, "time"), detail);
    if (json_array_size(recipients) == 0)
        json_array_foreach(json_object_get(outcome, "recipients"), i,
                           row) if (json_equal(json_object_get(row, "peer"), json_object_get(event, "peer")))
            outcome_add_step(row, step, out_text(event, "time"), detail);
}

/* Nothing has become of it yet that this MTA is told of. */
static bool is_under_way(const json_t *row) {
    static const char *const states[] = {"submitted", "waiting", "deferred", "held", "in doubt"};
    const char *state = out_text(row, "state");
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (is(state, states[i]))
            return true;
    return false;
}

/* What an operator does with a copy: of those that are still in it, which are all that go to its peer; of one
 * that goes to none (to mailboxes, say) and from before such events named it, all that are under way. */
static void take_change(json_t *outcome, const json_t *event, const char *step) {
    const json_t *peer = json_object_get(event, "peer");
    const char *detail = json_string_value(json_object_get(event, "detail"));
    bool let_go = is(step, "released");
    json_t *row;
    size_t i;
    json_array_foreach(json_object_get(outcome, "recipients"), i, row) {
        if (!is_under_way(row) || (json_is_string(peer) && !json_equal(json_object_get(row, "peer"), peer)) ||
            (let_go && !is(out_text(row, "state"), "held")))
            continue;
        outcome_add_step(row, step, out_text(event, "time"), detail);
        if (let_go)
            json_object_set_new(row, "state", json_string("waiting"));
    }
}

/* `address` names who was not delivered to, also where he was routed nowhere before. */
static void take_failed(json_t *outcome, const json_t *event) {
    const char *address = json_string_value(json_object_get(event, "address"));
    if (address)
        outcome_add_step(outcome_row(outcome, address), "failed", out_text(event, "time"),
                         json_string_value(json_object_get(event, "detail")));
    else
        take_step(outcome, event, "failed", json_string_value(json_object_get(event, "detail")));
}

static void take_report(json_t *outcome, const json_t *event) {
    const char *detail = out_text(event, "detail"), *peer = json_string_value(json_object_get(event, "peer"));
    char told[128] = "";
    if (peer)
        snprintf(told, sizeof told, "told by %.100s", peer);
    if (is(detail, "delivered"))
        take_step(outcome, event, "delivered", told);
    else
        take_step(outcome, event, "failed", detail);
}

/* Who was to have it keeps his row, which tells who has it now. */
static void take_redirected(json_t *outcome, const json_t *event) {
    const char *from = json_string_value(json_object_get(event, "from"));
    const char *to = json_string_value(json_array_get(json_object_get(event, "recipients"), 0));
    if (from && to)
        outcome_add_step(outcome_row(outcome, from), "redirected", out_text(event, "time"), to);
    if (to)
        wait_for(outcome_row(outcome, to), "waiting");
}

static void take_event(json_t *outcome, const json_t *event) {
    /* Those whose name says it. */
    static const char *const changes[][2] = {
        {"held", "held"}, {"deleted", "deleted"}, {"released", "released"}};
    static const char *const plain[][2] = {
        {"delivered", "delivered"}, {"in-doubt", "in doubt"}, {"expanded", "expanded"}};
    const char *name = out_text(event, "event"),
               *detail = json_string_value(json_object_get(event, "detail"));
    json_t *row;
    size_t i;
    if (is(name, "routed"))
        take_routed(outcome, event);
    else if (is(name, "deferred"))
        json_array_foreach(json_object_get(outcome, "recipients"), i, row) wait_for(row, "deferred"),
            outcome_add_step(row, "deferred", out_text(event, "time"), detail);
    else if (is(name, "transferred"))
        take_step(outcome, event, "transferred", json_string_value(json_object_get(event, "peer")));
    else if (is(name, "non-delivered")) /* that an operator did it stands beside that of each recipient */
        take_failed(outcome, event);
    else if (is(name, "report-received"))
        take_report(outcome, event);
    else if (is(name, "redirected"))
        take_redirected(outcome, event);
    for (i = 0; i < sizeof plain / sizeof *plain; i++)
        if (is(name, plain[i][0]))
            take_step(outcome, event, plain[i][1], detail);
    for (i = 0; i < sizeof changes / sizeof *changes; i++)
        if (is(name, changes[i][0]))
            take_change(outcome, event, changes[i][1]);
}

json_t *outcome_of_history(const json_t *message) {
    const json_t *event, *events = json_object_get(message, "events");
    json_t *row, *outcome = json_pack("{s:s, s:s, s:[], s:{}, s:{}}", "mts-identifier",
                                      out_text(message, "mts-identifier"), "submitted",
                                      out_text(json_array_get(events, 0), "time"), "recipients", BY_ADDRESS,
                                      BY_NUMBER);
    size_t i;
    json_array_foreach(events, i, event) take_event(outcome, event);
    json_array_foreach(json_object_get(outcome, "recipients"), i, row) json_object_del(row, "peer");
    return outcome;
}
