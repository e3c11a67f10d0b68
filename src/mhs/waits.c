#include "mhs/waits.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "mhs/address.h"
#include "mhs/daemon.h"
#include "mhs/output.h"

#define KEY_MEMORY ((size_t)64 * 1024)

/* A next hop that is a user's own program is called so, and his address. */
#define USER_HOP "user "

/* His last step may be one that lies behind: of what was deferred once nothing else is told. */
static bool waits(const json_t *row) {
    const char *state = out_text(row, "state");
    return strcmp(state, "waiting") == 0 || strcmp(state, "in doubt") == 0 || strcmp(state, "deferred") == 0;
}

/* What a copy is found by: its next hop; a user's by the key of his address, as places are. */
static bool add_copy(json_t *by_hop, json_t *copy) {
    const char *hop = json_string_value(json_object_get(copy, "next-hop"));
    size_t prefix = strlen(USER_HOP);
    struct arena arena;
    if (!hop || strncmp(hop, USER_HOP, prefix) != 0)
        return json_object_set(by_hop, hop ? hop : "", copy) == 0;
    arena_init(&arena, KEY_MEMORY);
    struct span key = address_key_of(hop + prefix, &arena);
    const char *name =
        key.data ? arena_printf(&arena, USER_HOP "%.*s", (int)key.len, (const char *)key.data) : NULL;
    bool added = name && json_object_set(by_hop, name, copy) == 0;
    arena_free(&arena);
    return added;
}

static json_t *by_hop_of(const json_t *copies) {
    json_t *by_hop = json_object(), *copy;
    size_t i;
    json_array_foreach(copies, i, copy) if (!add_copy(by_hop, copy)) break;
    return by_hop;
}

/* The copy that goes where his waits; the only one that there is, where his took the way of another peer
 * since. */
static json_t *copy_of(const json_t *place, const char *key, const json_t *by_hop) {
    const char *at = json_string_value(json_object_get(place, "at"));
    json_t *name = at && !*at ? json_sprintf(USER_HOP "%s", key) : NULL;
    json_t *copy = name ? json_object_get(by_hop, json_string_value(name)) : NULL;
    json_decref(name);
    if (!copy && at)
        copy = json_object_get(by_hop, at);
    if (!copy && at && *at && json_object_size(by_hop) == 1)
        copy = json_object_iter_value(json_object_iter((json_t *)by_hop));
    return copy;
}

static void add_waits(const struct outcome *outcome, const json_t *copies) {
    static const char *const members[] = {"next-hop", "state", "last-error", "next-try", "expires"};
    const char *key;
    json_t *place, *by_hop = by_hop_of(copies);
    json_object_foreach(outcome->by_address, key, place) {
        json_t *row = json_object_get(place, "row");
        const json_t *copy = waits(row) ? copy_of(place, key, by_hop) : NULL;
        json_t *told = copy ? json_object() : NULL;
        for (size_t i = 0; told && i < sizeof members / sizeof *members; i++)
            json_object_set(told, members[i], json_object_get(copy, members[i]));
        if (told)
            json_object_set_new(row, "waits-for", told);
    }
    json_decref(by_hop);
}

static bool some_wait(const struct outcome *outcome) {
    const json_t *row;
    size_t i;
    json_array_foreach(json_object_get(outcome->json, "recipients"), i, row) if (waits(row)) return true;
    return false;
}

enum command_status outcomes_add_waits(struct outcomes *outcomes) {
    enum command_status status = COMMAND_OK;
    for (size_t i = 0; i < outcomes->count && status == COMMAND_OK; i++) {
        json_t *answer;
        if (!some_wait(&outcomes->items[i]))
            continue;
        daemon_quiet(true);
        status = daemon_request(
            json_pack("{s:s, s:s}", "operation", "waiting", "mts-identifier", outcomes->items[i].identifier),
            &answer);
        daemon_quiet(false);
        if (status == COMMAND_OK)
            add_waits(&outcomes->items[i], json_object_get(answer, "copies"));
        json_decref(answer);
    }
    return status == COMMAND_NO ? COMMAND_OK : status;
}

/* In words, where nothing failed. */
static const char *words_of(const char *state) {
    return strcmp(state, "ready") == 0     ? "it goes next"
           : strcmp(state, "sending") == 0 ? "it is under way"
                                           : state;
}

json_t *waits_text(const json_t *row) {
    const json_t *copy = json_object_get(row, "waits-for");
    const char *hop = json_string_value(json_object_get(copy, "next-hop")), *state = out_text(copy, "state");
    const char *cause = json_string_value(json_object_get(copy, "last-error"));
    const char *next = json_string_value(json_object_get(copy, "next-try"));
    if (!waits(row) || (copy && strcmp(state, "deferred") == 0))
        return NULL;
    if (!copy)
        return json_string(
            "the copy has just gone on, or is one of very many: an operator sees them by 'mhs queue list'");
    return json_sprintf("%s%s%s%s%s%s", hop ? "for " : "", hop ? hop : "", hop ? ": " : "",
                        cause ? cause : words_of(state), cause && next ? "; next try " : "",
                        cause && next ? next : "");
}
