/* `route`: what the rules would decide on a supposed message, as JSON. */
#include "mta/client.h"
#include "mta/decide.h"
#include "mta/json.h"
#include "mta/mta_private.h"
#include "mta/requests.h"
#include "mts/explain.h"
#include "names/codes.h"

static json_t *text_or_null(const char *text) {
    return text ? json_text(span_str(text)) : json_null();
}

/* A code as {"code": number, "name": text or null}; null for -1. */
static json_t *code_json(int code, const char *name) {
    return code < 0 ? json_null() : json_pack("{s:i, s:o}", "code", code, "name", text_or_null(name));
}

static void set_cause(json_t *object, int reason, int diagnostic, const char *supplementary) {
    json_object_set_new(object, "reason", code_json(reason, non_delivery_reason_name(reason)));
    json_object_set_new(object, "diagnostic",
                        code_json(diagnostic, non_delivery_diagnostic_name(diagnostic)));
    json_object_set_new(object, "supplementary-information", text_or_null(supplementary));
}

static json_t *hops_json(const struct mts_explanation *explanation) {
    json_t *hops = json_array();
    for (size_t i = 0; i < explanation->hop_count; i++) {
        const struct mts_explained_hop *hop = &explanation->hops[i];
        json_t *object = json_pack("{s:o, s:I, s:I, s:b, s:b, s:b, s:b, s:b}", "peer", text_or_null(hop->hop),
                                   "rank", (json_int_t)hop->rank, "weight", (json_int_t)hop->weight, "chosen",
                                   hop->chosen, "backing-off", hop->backing_off, "disabled", hop->disabled,
                                   "converted", hop->converted, "usable", hop->usable);
        set_cause(object, hop->reason, hop->diagnostic, hop->supplementary);
        json_array_append_new(hops, object);
    }
    return hops;
}

static json_t *redirections_json(const struct mts_explanation *explanation) {
    json_t *redirections = json_array();
    for (size_t i = 0; i < explanation->redirection_count; i++) {
        const struct mts_explained_redirection *redirection = &explanation->redirections[i];
        json_array_append_new(redirections,
                              json_pack("{s:o, s:o, s:o}", "from", json_text(redirection->from), "to",
                                        json_text(redirection->to), "reason",
                                        text_or_null(redirection_reason_name(redirection->reason))));
    }
    return redirections;
}

static json_t *steps_json(const struct mts_explanation *explanation) {
    json_t *steps = json_array();
    for (size_t i = 0; i < explanation->step_count; i++)
        json_array_append_new(steps, json_text(span_str(explanation->steps[i])));
    return steps;
}

static json_t *explanation_json(const struct mts_explanation *explanation) {
    json_t *object = json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "outcome", mts_outcome_name(explanation->outcome),
        "recipient", json_text(explanation->recipient), "directory-name",
        json_text(explanation->directory_name), "next-hop", text_or_null(explanation->hop), "mailbox",
        text_or_null(explanation->mailbox), "route", text_or_null(explanation->route), "next-hops",
        hops_json(explanation), "redirections", redirections_json(explanation));
    json_object_set_new(object, "members",
                        explanation->outcome == MTS_OUTCOME_EXPANSION
                            ? json_integer((json_int_t)explanation->members)
                            : json_null());
    set_cause(object, explanation->reason, explanation->diagnostic, explanation->supplementary);
    json_object_set_new(object, "steps", steps_json(explanation));
    return object;
}

static const char *member(const json_t *request, const char *name) {
    return json_string_value(json_object_get(request, name));
}

static bool read_names(struct mta *mta, const json_t *list, struct mts_names *names) {
    const char **items = arena_array(&mta->arena, json_array_size(list) + 1, sizeof *items);
    if (!items)
        return false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        items[i] = json_string_value(json_array_get(list, i));
        if (!items[i])
            return false;
    }
    *names = (struct mts_names){items, json_array_size(list)};
    return true;
}

/* False: the request is wrong in the member whose name is in `*wrong`. */
static bool read_supposed(struct mta *mta, const json_t *request, struct mts_supposed *supposed,
                          const char **wrong) {
    const json_t *length = json_object_get(request, "content-length");
    const char *priority = member(request, "priority");
    *supposed = (struct mts_supposed){
        .recipient = member(request, "address"),
        .directory_name = member(request, "directory-name"),
        .originator = member(request, "originator"),
        .content_type = member(request, "content-type"),
        .security_label = member(request, "security-label"),
        .alternate_allowed = json_is_true(json_object_get(request, "alternate-recipient-allowed")),
        .has_length = length != NULL,
        .content_length = (uint64_t)json_integer_value(length)};
    if (priority)
        supposed->priority = strcmp(priority, "urgent") == 0       ? MTS_URGENT
                             : strcmp(priority, "non-urgent") == 0 ? MTS_NON_URGENT
                                                                   : MTS_NORMAL;
    *wrong = !supposed->recipient                                                     ? "address"
             : length && (!json_is_integer(length) || json_integer_value(length) < 0) ? "content-length"
             : priority && supposed->priority == MTS_NORMAL && strcmp(priority, "normal") != 0 ? "priority"
             : !read_names(mta, json_object_get(request, "encoded-information-types"), &supposed->eits)
                 ? "encoded-information-types"
             : !read_names(mta, json_object_get(request, "via"), &supposed->via) ? "via"
                                                                                 : NULL;
    return !*wrong;
}

/* What the rules don't know: a mailbox that takes no more. Whoever names no length asks for the shortest
 * message. False without memory. */
static bool look_at_mailbox(struct mta *mta, const struct mts_supposed *supposed,
                            struct mts_explanation *explanation) {
    const struct mts_object object = {.kind = MTS_MESSAGE, .has_content = true};
    const struct mts_copy copy = {.kind = MTS_COPY_DELIVER, .mailbox = explanation->mailbox};
    struct mts_failure full;
    if (explanation->outcome != MTS_OUTCOME_DELIVERY ||
        decide_has_room(mta, &mta->arena, &object, &copy, supposed->content_length, &full))
        return true;
    const char **steps = arena_array(&mta->arena, explanation->step_count + 1, sizeof *steps);
    if (!steps)
        return false;
    if (explanation->step_count)
        memcpy(steps, explanation->steps, explanation->step_count * sizeof *steps);
    steps[explanation->step_count++] = "non-delivery: the mailbox is full ('mailbox-octets')";
    explanation->steps = steps;
    explanation->outcome = MTS_OUTCOME_NON_DELIVERY;
    explanation->reason = full.reason;
    explanation->diagnostic = full.diagnostic;
    explanation->supplementary = full.supplementary;
    return true;
}

json_t *request_route(struct client *client, json_t *request) {
    struct mta *mta = client->mta;
    struct error err = {0};
    struct mts_supposed supposed;
    struct mts_explanation explanation;
    const char *wrong;
    arena_reset(&mta->arena);
    struct mts_run run = run_begin(mta, &mta->arena);
    if (!read_supposed(mta, request, &supposed, &wrong))
        return client_error("bad-request", "%s is missing or wrong", wrong);
    bool done;
    do
        done = mts_explain(&run, &supposed, &explanation, &err);
    while (run_again(mta, &run, &explanation.decisions));
    if (!done)
        return client_error("bad-request", "%s", err.text);
    if (!look_at_mailbox(mta, &supposed, &explanation))
        return client_error("unavailable", "no memory");
    return explanation_json(&explanation);
}
