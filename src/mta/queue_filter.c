#include "mta/queue_filter.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "mta/client.h"
#include "mta/peer_show.h"
#include "mta/waiting.h"
#include "mts/summary.h"
#include "names/oraddress.h"

static bool string_member(json_t *request, const char *name, const char **value) {
    json_t *member = json_object_get(request, name);
    *value = json_string_value(member);
    return !member || *value;
}

static const char *const states[] = {"ready",        "deferred",     "backing-off", "peer-disabled",
                                     "peer-removed", "user-removed", "unbound",     "restricted",
                                     "held",         "sending",      "in-doubt",    NULL};
static const char *const priorities[] = {"urgent", "normal", "non-urgent", NULL};
static const char *const kinds[] = {"message", "probe", "report", NULL};

static json_t *check_word(const char *name, const char *word, const char *const *words) {
    char known[200];
    size_t length = 0;
    for (size_t i = 0; words[i]; i++) {
        if (!word || strcmp(word, words[i]) == 0)
            return NULL;
        if (length < sizeof known)
            length +=
                (size_t)snprintf(known + length, sizeof known - length, "%s%s", i ? ", " : "", words[i]);
    }
    return client_error("bad-request", "%s '%.40s' is none of: %s", name, word, known);
}

json_t *queue_check_address(struct mta *mta, const char *name, const char *text) {
    struct oraddress address;
    struct error err = {0};
    arena_reset(&mta->arena);
    return !text || oraddress_parse(span_str(text), &mta->arena, &address, &err)
               ? NULL
               : client_error("bad-request", "%s: %s", name, err.text);
}

/* Only whole addresses are compared: a domain would fit nothing. */
static json_t *check_user_address(struct mta *mta, const char *name, const char *text) {
    struct oraddress address;
    const char *missing = NULL;
    json_t *wrong = queue_check_address(mta, name, text);
    if (wrong || !text || !oraddress_parse(span_str(text), &mta->arena, &address, NULL) ||
        oraddress_is_complete(&address, &missing))
        return wrong;
    return client_error("bad-request",
                        "%s: a filter takes a whole address, and '%.64s' lacks %s; 'next-hop' ('--peer') "
                        "chooses all that goes to one peer",
                        name, text, missing);
}

static json_t *check_filter(struct mta *mta, const struct queue_filter *filter) {
    if (filter->next_hop && !destination_find(mta, span_str(filter->next_hop)))
        return peer_unknown(mta, filter->next_hop);
    json_t *error = check_word("state", filter->state, states);
    error = error ? error : check_word("priority", filter->priority, priorities);
    error = error ? error : check_word("kind", filter->kind, kinds);
    error = error ? error : check_user_address(mta, "originator", filter->originator);
    return error ? error : check_user_address(mta, "recipient", filter->recipient);
}

json_t *queue_filter_read(struct mta *mta, json_t *request, struct queue_filter *filter) {
    json_t *older = json_object_get(request, "older-than");
    *filter = (struct queue_filter){0};
    if (older)
        filter->before = clock_now_us() - json_integer_value(older) * SECOND;
    if ((older && !json_is_integer(older)) || !string_member(request, "next-hop", &filter->next_hop) ||
        !string_member(request, "originator", &filter->originator) ||
        !string_member(request, "recipient", &filter->recipient) ||
        !string_member(request, "state", &filter->state) ||
        !string_member(request, "priority", &filter->priority) ||
        !string_member(request, "kind", &filter->kind))
        return client_error(
            "bad-request",
            "a filter has the wrong type: older-than is a number of seconds, the others are texts");
    return check_filter(mta, filter);
}

bool queue_filter_needs_row(const struct queue_filter *filter) {
    return filter->before || filter->kind || filter->originator || filter->recipient || filter->next_hop ||
           filter->priority;
}

bool queue_filter_fits_unit(const struct mta *mta, const struct queue_filter *filter,
                            const struct work *work) {
    const char *hop = waiting_destination(mta, work)->name;
    return work->committed && (!filter->next_hop || strcmp(filter->next_hop, hop) == 0) &&
           (!filter->state || strcmp(filter->state, waiting_state(mta, work)) == 0) &&
           (!filter->priority || strcmp(filter->priority, waiting_lane(work)) == 0);
}

static bool same_address(struct arena *arena, struct span text, const char *wanted) {
    struct span a = text.data ? oraddress_key_of(text, arena, NULL) : text;
    struct span b = oraddress_key_of(span_str(wanted), arena, NULL);
    return a.data && b.data && span_eq(a, b);
}

static bool has_recipient(struct arena *arena, const struct copy *copy, const char *wanted) {
    struct mts_recipient *recipients;
    size_t count;
    if (!mts_recipients(&copy->stored, arena, &recipients, &count))
        return false;
    for (size_t i = 0; i < count; i++)
        if (same_address(arena, recipients[i].name, wanted))
            return true;
    return false;
}

bool queue_filter_fits_row(struct mta *mta, const struct queue_filter *filter, const struct copy *copy) {
    struct summary summary;
    if (filter->before && copy->message.arrival > filter->before)
        return false;
    if (filter->kind && strcmp(filter->kind, summary_kind(copy->row.kind)) != 0)
        return false;
    if (filter->originator && (!summary_of(copy->row.kind, copy->stored.octets, &mta->arena, &summary) ||
                               !same_address(&mta->arena, summary.originator, filter->originator)))
        return false;
    return !filter->recipient || has_recipient(&mta->arena, copy, filter->recipient);
}
