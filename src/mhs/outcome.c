#include "mhs/outcome.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "mhs/address.h"
#include "mhs/histories.h"
#include "mhs/output.h"

static bool is(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

static bool is_one_of(const char *text, const char *const *words) {
    while (*words && !is(text, *words))
        words++;
    return *words != NULL;
}

bool outcome_is_good(const char *state) {
    static const char *const good[] = {"delivered", "deliverable", "read", "replied", "acknowledged", NULL};
    return is_one_of(state, good);
}

bool outcome_is_bad(const char *state) {
    static const char *const bad[] = {"failed", "not deliverable", "not read", "deleted", NULL};
    return is_one_of(state, bad);
}

/* ---- rows and their places ---- */

#define KEY_MEMORY ((size_t)64 * 1024)

/* What a copy for mailboxes here waits for; a peer has a name. */
#define MAILBOXES  ""
#define CONVERSION "(conversion)"

struct number {
    char text[24];
};

static struct number number_of(const json_t *integer) {
    struct number number;
    snprintf(number.text, sizeof number.text, "%lld", (long long)json_integer_value(integer));
    return number;
}

static json_t *row_at(const json_t *place) {
    return json_object_get(place, "row");
}

static const char *state_at(const json_t *place) {
    return out_text(row_at(place), "state");
}

static json_t *find_place(const struct outcome *outcome, struct span key) {
    return key.data ? json_object_getn(outcome->by_address, (const char *)key.data, key.len) : NULL;
}

static json_t *new_place(struct outcome *outcome, const char *address, struct span key) {
    json_t *rows = json_object_get(outcome->json, "recipients");
    json_t *row = json_pack("{s:s, s:s, s:[]}", "recipient", address, "state", "submitted", "steps");
    json_t *place = json_pack("{s:O, s:I}", "row", row, "index", (json_int_t)json_array_size(rows));
    json_array_append_new(rows, row);
    json_object_setn_new_nocheck(outcome->by_address, (const char *)key.data, key.len, place);
    return place;
}

static json_t *place_of(struct outcome *outcome, const char *address) {
    struct arena arena;
    arena_init(&arena, KEY_MEMORY);
    struct span key = address_key_of(address, &arena);
    json_t *place = find_place(outcome, key);
    if (!place && key.data)
        place = new_place(outcome, address, key);
    arena_free(&arena);
    return place;
}

json_t *outcome_row(struct outcome *outcome, const char *address) {
    return row_at(place_of(outcome, address));
}

bool outcome_names(const struct outcome *outcome, const char *address) {
    struct arena arena;
    arena_init(&arena, KEY_MEMORY);
    bool names = find_place(outcome, address_key_of(address, &arena)) != NULL;
    arena_free(&arena);
    return names;
}

/* As an event names him: by his address, or by his number in the envelope. NULL: none. */
static json_t *named_place(struct outcome *outcome, const json_t *recipient) {
    if (json_is_string(recipient))
        return place_of(outcome, json_string_value(recipient));
    return json_object_get(outcome->by_number, number_of(recipient).text);
}

void outcome_add_step(json_t *row, const char *step, const char *time, const char *detail) {
    json_array_append_new(json_object_get(row, "steps"),
                          json_pack("{s:s, s:s, s:s*}", "step", step, "time", time, "detail",
                                    detail && *detail ? detail : NULL));
    json_object_set_new(row, "state", json_string(step));
}

/* ---- what is under way here ---- */

/* His copy is not here any more. */
static void leave(struct outcome *outcome, json_t *place) {
    const char *at = json_string_value(json_object_get(place, "at"));
    if (at)
        json_object_del(json_object_get(outcome->under_way, at),
                        number_of(json_object_get(place, "index")).text);
    json_object_del(place, "at");
}

/* It waits for this now. */
static void wait_at(struct outcome *outcome, json_t *place, const char *at) {
    leave(outcome, place);
    if (!json_object_get(outcome->under_way, at))
        json_object_set_new(outcome->under_way, at, json_object());
    json_object_set(json_object_get(outcome->under_way, at), number_of(json_object_get(place, "index")).text,
                    place);
    json_object_set_new(place, "at", json_string(at));
}

/* What is waited for is told while nothing else is. */
static void wait_for(const json_t *place, const char *state) {
    if (is(state_at(place), "submitted"))
        json_object_set_new(row_at(place), "state", json_string(state));
}

static void take_way(struct outcome *outcome, const json_t *event) {
    const json_t *recipient = json_array_get(json_object_get(event, "recipients"), 0);
    const char *address = json_is_string(recipient) ? json_string_value(recipient)
                                                    : json_string_value(json_object_get(event, "detail"));
    const char *peer = json_string_value(json_object_get(event, "peer"));
    json_t *place = address ? place_of(outcome, address) : NULL;
    if (!place)
        return;
    if (json_is_integer(recipient))
        json_object_set(outcome->by_number, number_of(recipient).text, place);
    wait_at(outcome, place,
            is(out_text(event, "event"), "to-conversion") ? CONVERSION
            : peer                                        ? peer
                                                          : MAILBOXES);
    wait_for(place, "waiting");
    outcome->routed = place;
}

/* It names nobody: it stands behind the way of its recipient. */
static void take_deferred(struct outcome *outcome, const json_t *event) {
    if (!outcome->routed)
        return;
    wait_for(outcome->routed, "deferred");
    outcome_add_step(row_at(outcome->routed), "deferred", out_text(event, "time"),
                     json_string_value(json_object_get(event, "detail")));
}

/* ---- what happened to copies, and to recipients ---- */

/* What an event does to a recipient whom it means. */
typedef void take_one(struct outcome *outcome, json_t *place, const json_t *event);

static void take_group(struct outcome *outcome, json_t *group, const json_t *event, take_one *take) {
    const char *index;
    json_t *place;
    void *next;
    json_object_foreach_safe(group, next, index, place) take(outcome, place, event);
}

static void take_meant(struct outcome *outcome, const json_t *event, take_one *take) {
    const json_t *recipients = json_object_get(event, "recipients"), *recipient;
    const char *at, *peer = json_string_value(json_object_get(event, "peer"));
    json_t *place, *group;
    size_t i;
    json_array_foreach(recipients, i, recipient) if ((place = named_place(outcome, recipient)) != NULL)
        take(outcome, place, event);
    if (json_array_size(recipients))
        return;
    if (peer)
        take_group(outcome, json_object_get(outcome->under_way, peer), event, take);
    else
        json_object_foreach(outcome->under_way, at, group) take_group(outcome, group, event, take);
}

static void add(json_t *place, const json_t *event, const char *step, const char *detail) {
    outcome_add_step(row_at(place), step, out_text(event, "time"), detail);
}

static const char *detail_of(const json_t *event) {
    return json_string_value(json_object_get(event, "detail"));
}

static void transferred(struct outcome *outcome, json_t *place, const json_t *event) {
    leave(outcome, place);
    add(place, event, "transferred", json_string_value(json_object_get(event, "peer")));
}

/* Nothing is delivered of a probe: it asks whether a message could be. */
static void delivered(struct outcome *outcome, json_t *place, const json_t *event) {
    leave(outcome, place);
    add(place, event, outcome->probe ? "deliverable" : "delivered", detail_of(event));
}

static void failed(struct outcome *outcome, json_t *place, const json_t *event) {
    leave(outcome, place);
    add(place, event, outcome->probe ? "not deliverable" : "failed", detail_of(event));
}

static void expanded(struct outcome *outcome, json_t *place, const json_t *event) {
    leave(outcome, place);
    add(place, event, "expanded", detail_of(event));
}

static void in_doubt(struct outcome *outcome, json_t *place, const json_t *event) {
    (void)outcome;
    if (!is(state_at(place), "in doubt"))
        add(place, event, "in doubt", detail_of(event));
}

static void held(struct outcome *outcome, json_t *place, const json_t *event) {
    (void)outcome;
    if (is(state_at(place), "held"))
        return;
    json_object_set(place, "before", json_object_get(row_at(place), "state"));
    add(place, event, "held", detail_of(event));
}

/* He waits for what he waited for. */
static void released(struct outcome *outcome, json_t *place, const json_t *event) {
    (void)outcome;
    if (!is(state_at(place), "held"))
        return;
    add(place, event, "released", detail_of(event));
    json_object_set(row_at(place), "state", json_object_get(place, "before"));
}

static void deleted(struct outcome *outcome, json_t *place, const json_t *event) {
    leave(outcome, place);
    add(place, event, "deleted", detail_of(event));
}

static void cancelled(struct outcome *outcome, json_t *place, const json_t *event) {
    leave(outcome, place);
    add(place, event, "cancelled", NULL);
}

/* A report told of him. */
static void reported(struct outcome *outcome, json_t *place, const json_t *event) {
    const char *peer = json_string_value(json_object_get(event, "peer"));
    char told[128] = "";
    if (!is(out_text(event, "detail"), "delivered")) {
        failed(outcome, place, event);
        return;
    }
    if (peer)
        snprintf(told, sizeof told, "told by %.100s", peer);
    leave(outcome, place);
    add(place, event, outcome->probe ? "deliverable" : "delivered", told);
}

/* `address` names who was not delivered to, also where he was routed nowhere before. */
static void take_failed(struct outcome *outcome, const json_t *event) {
    const char *address = json_string_value(json_object_get(event, "address"));
    json_t *place = address ? place_of(outcome, address) : NULL;
    if (place)
        failed(outcome, place, event);
    else if (json_array_size(json_object_get(event, "recipients")))
        take_meant(outcome, event, failed);
}

/* Who was to have it keeps his row, which tells who has it now. */
static void take_redirected(struct outcome *outcome, const json_t *event) {
    const char *from = json_string_value(json_object_get(event, "from"));
    const char *to = json_string_value(json_array_get(json_object_get(event, "recipients"), 0));
    json_t *former = from && to ? place_of(outcome, from) : NULL, *place = to ? place_of(outcome, to) : NULL;
    if (former) {
        leave(outcome, former);
        add(former, event, "redirected", to);
    }
    if (place)
        wait_for(place, "waiting");
}

static void take_event(struct outcome *outcome, const json_t *event) {
    static const struct {
        const char *event;
        take_one *take;
    } happened[] = {{"transferred", transferred},  {"delivered", delivered}, {"expanded", expanded},
                    {"report-received", reported}, {"in-doubt", in_doubt},   {"held", held},
                    {"released", released},        {"deleted", deleted},     {"cancelled", cancelled}};
    const char *name = out_text(event, "event");
    if (is(name, "routed") || is(name, "to-conversion"))
        take_way(outcome, event);
    else if (is(name, "deferred"))
        take_deferred(outcome, event);
    else if (is(name, "non-delivered")) /* that an operator did it stands beside that of each recipient */
        take_failed(outcome, event);
    else if (is(name, "redirected"))
        take_redirected(outcome, event);
    for (size_t i = 0; i < sizeof happened / sizeof *happened; i++)
        if (is(name, happened[i].event))
            take_meant(outcome, event, happened[i].take);
}

/* ---- one and several ---- */

static void outcome_init(struct outcome *outcome, const json_t *history) {
    const json_t *first = json_array_get(json_object_get(history, "events"), 0);
    *outcome = (struct outcome){.submitted = out_time(first, "time"),
                                .probe = history_is_of_probe(history),
                                .by_address = json_object(),
                                .by_number = json_object(),
                                .under_way = json_object()};
    outcome->json = json_pack("{s:s, s:s, s:[]}", "mts-identifier", out_text(history, "mts-identifier"),
                              "submitted", out_text(first, "time"), "recipients");
    outcome->identifier = json_string_value(json_object_get(outcome->json, "mts-identifier"));
    if (outcome->probe)
        json_object_set_new(outcome->json, "probe", json_true());
    if (json_is_true(json_object_get(history, "truncated")))
        json_object_set_new(outcome->json, "truncated", json_true());
}

void outcomes_init(struct outcomes *outcomes) {
    *outcomes = (struct outcomes){.by_identifier = json_object()};
}

bool outcomes_add(struct outcomes *outcomes, const json_t *history) {
    const json_t *event;
    size_t i;
    if (outcomes->count == outcomes->room) {
        size_t room = outcomes->room ? 2 * outcomes->room : 16;
        struct outcome *items = realloc(outcomes->items, room * sizeof *items);
        if (!items) {
            command_fail(COMMAND_FAILED, "no memory for so many messages");
            return false;
        }
        outcomes->items = items;
        outcomes->room = room;
    }
    struct outcome *outcome = &outcomes->items[outcomes->count];
    outcome_init(outcome, history);
    json_object_set_new(outcomes->by_identifier, outcome->identifier,
                        json_integer((json_int_t)outcomes->count++));
    json_array_foreach(json_object_get(history, "events"), i, event) take_event(outcome, event);
    return true;
}

struct outcome *outcomes_find(const struct outcomes *outcomes, const char *identifier) {
    const json_t *index = json_object_get(outcomes->by_identifier, identifier);
    return index ? &outcomes->items[json_integer_value(index)] : NULL;
}

void outcomes_free(struct outcomes *outcomes) {
    for (size_t i = 0; i < outcomes->count; i++) {
        struct outcome *outcome = &outcomes->items[i];
        json_decref(outcome->json);
        json_decref(outcome->by_address);
        json_decref(outcome->by_number);
        json_decref(outcome->under_way);
    }
    free(outcomes->items);
    json_decref(outcomes->by_identifier);
    *outcomes = (struct outcomes){0};
}
