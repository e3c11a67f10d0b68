#include "mta/redirect.h"

#include "mta/copy.h"
#include "mta/decide.h"
#include "mta/event.h"
#include "mta/json.h"
#include "mta/telling.h"
#include "mts/summary.h"

const char *redirect_loops(struct mta *mta, const struct redirection *redirection, const struct work *work) {
    struct copy copy;
    struct error err = {0};
    const struct peer *peer = redirection->peer;
    if ((!peer && !redirection->address) || !copy_load_rows(mta, work, &copy, &err))
        return NULL;
    struct mts_run run = run_begin(mta, &mta->arena);
    return mts_loop_ahead(&run, &copy.stored, peer ? peer->hop : -1, redirection->address);
}

static bool decide(struct mta *mta, const struct redirection *redirection, const struct work *work,
                   const struct copy *copy, struct mts_run *run, struct mts_decisions *decisions) {
    if (!redirection->address)
        return copy_decide_hop(mta, work, copy, redirection->peer, run, decisions);
    *run = run_begin(mta, &mta->arena);
    do
        mts_redirect(run, &copy->stored, redirection->address, decisions);
    while (run_again(mta, run, decisions));
    copy_keep_expiry(work, copy, decisions);
    return decisions->result == MTS_DECIDED;
}

static void add_failure(json_t **failures, struct span address, const char *cause) {
    *failures = *failures ? *failures : json_array();
    if (json_array_size(*failures) < REDIRECT_TELL_MOST)
        json_array_append_new(
            *failures, json_pack("{s:o, s:o}", "address", json_text(address), "cause", json_whole(cause)));
}

/* Mailboxes that are full take nothing, which the rules don't know. */
static void add_full(struct mta *mta, const struct copy *copy, const struct mts_object *object,
                     json_t **failures) {
    struct mts_failure full;
    for (size_t i = 0; object->kind == copy->row.kind && i < object->copy_count; i++)
        if (!decide_has_room(mta, &mta->arena, object, &object->copies[i], copy->stored.content_length,
                             &full)) {
            struct mts_event event = {.reason = full.reason, .diagnostic = full.diagnostic};
            char cause[TELLING_CAUSE], text[TELLING_CAUSE + 64];
            snprintf(text, sizeof text, "%s: %s", telling_cause(&event, cause), full.supplementary);
            add_failure(failures, span_str(object->copies[i].mailbox), text);
        }
}

static json_t *failures_of(struct mta *mta, const struct copy *copy, const struct mts_decisions *decisions) {
    json_t *failures = NULL;
    for (size_t i = 0; i < decisions->event_count; i++) {
        const struct mts_event *event = &decisions->events[i];
        char cause[TELLING_CAUSE], text[TELLING_CAUSE + 300];
        if (event->kind != MTS_EVENT_NOT_DELIVERED)
            continue;
        snprintf(text, sizeof text, "%s%s%s", telling_cause(event, cause), event->text ? ": " : "",
                 event->text ? event->text : "");
        add_failure(&failures, event->other, text);
    }
    for (size_t i = 0; i < decisions->object_count; i++)
        add_full(mta, copy, &decisions->objects[i], &failures);
    return failures;
}

json_t *redirect_failures(struct mta *mta, const struct redirection *redirection, const struct work *work) {
    struct copy copy;
    struct error err = {0};
    struct mts_run run;
    struct mts_decisions decisions = {0};
    if (!copy_load_rows(mta, work, &copy, &err))
        return NULL;
    copy.stored.content_length = copy.row.has_content ? copy.message.content_length : 0;
    return decide(mta, redirection, work, &copy, &run, &decisions) ? failures_of(mta, &copy, &decisions)
                                                                   : NULL;
}

/* It stands under the identifier, for what takes the copy's place has a number of its own. */
static bool add_note(struct mta *mta, const struct copy *copy, struct span note) {
    struct summary summary;
    return summary_of(copy->row.kind, copy->stored.octets, &mta->arena, &summary) &&
           event_identifier(mta, summary.identifier, EVENT_REDIRECTED_BY_OPERATOR, NULL, note);
}

enum redirect_result redirect_copy(struct mta *mta, const struct redirection *redirection, struct work *work,
                                   struct span note) {
    struct copy copy;
    struct error err = {0};
    struct mts_run run;
    struct mts_decisions decisions = {0};
    if (!copy_load(mta, work, &copy, &err))
        return REDIRECT_NOT_NOW;
    bool decided = decide(mta, redirection, work, &copy, &run, &decisions);
    bool done =
        decided && add_note(mta, &copy, note) && copy_replace(mta, work, &copy, &run, &decisions, COPY_STAYS);
    copy_release(&copy);
    bool no_way = !decided && (decisions.result == MTS_DECIDED || decisions.result == MTS_INVALID);
    return done ? REDIRECT_DONE : no_way ? REDIRECT_NO_WAY : REDIRECT_NOT_NOW;
}
