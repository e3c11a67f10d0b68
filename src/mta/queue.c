/* What operators see of the copies that wait. */
#include "mta/client.h"
#include "mta/event.h"
#include "mta/history.h"
#include "mta/json.h"
#include "mta/queue_scan.h"
#include "mta/requests.h"
#include "mta/user_association.h"
#include "mta/waiting.h"
#include "mts/summary.h"
#include "names/identifier.h"

/* How much of the content has been handed to the net process. */
static json_t *sent_of(const struct mta *mta, const struct work *work) {
    if (work->state != WORK_SENDING)
        return json_null();
    struct association_walk walk = {mta->nets};
    for (const struct association *association; (association = association_next(&walk));)
        if (association->sending == work && association->content)
            return json_integer((json_int_t)association->read);
    for (size_t i = 0; i < mta->user_associations.room; i++) {
        const struct user_association *one = mta->user_associations.slots[i].value;
        if (one && one->delivering == work && one->content)
            return json_integer((json_int_t)one->read);
    }
    return json_null();
}

static json_t *entry_json(struct mta *mta, struct work *work, const struct copy *copy,
                          struct summary *summary) {
    struct mts_recipient *recipients = NULL;
    size_t count = 0;
    summary_of(copy->row.kind, copy->stored.octets, &mta->arena, summary);
    mts_recipients(&copy->stored, &mta->arena, &recipients, &count);
    const char *hop = waiting_destination(mta, work)->name;
    json_t *entry =
        json_pack("{s:I, s:I, s:o, s:s, s:o, s:I, s:o, s:o, s:s, s:s, s:I, s:o, s:o, s:o, s:i}", "id",
                  (json_int_t)work->id, "message", (json_int_t)work->message, "mts-identifier",
                  json_text(summary->identifier), "kind", summary_kind(copy->row.kind), "originator",
                  json_text(summary->originator), "recipients", (json_int_t)count, "first-recipient",
                  count ? json_text(recipients[0].name) : json_null(), "next-hop",
                  hop[0] ? json_text(span_str(hop)) : json_null(), "priority", waiting_lane(work), "state",
                  waiting_state(mta, work), "size", (json_int_t)copy->message.content_length, "arrival",
                  json_time(copy->message.arrival / SECOND), "due", json_time(work->due / SECOND), "expires",
                  waiting_expiry(work), "tries", work->tries);
    json_object_set_new(entry, "next-try", json_time(waiting_next_try(mta, work) / SECOND));
    json_object_set_new(entry, "sent", sent_of(mta, work));
    json_object_set_new(entry, "last-error", json_text(waiting_cause(mta, work)));
    json_object_set_new(entry, "in-doubt", json_boolean(work->in_doubt));
    return entry;
}

/* The members are those of entry_json: what nobody can tell is null. */
static json_t *damaged_json(struct mta *mta, const struct work *work) {
    return json_pack("{s:I, s:n, s:n, s:s, s:n, s:n, s:n, s:n, s:n, s:s, s:n, s:n, s:n, s:n, s:i, s:n, s:n, "
                     "s:s, s:b}",
                     "id", (json_int_t)work->id, "message", "mts-identifier", "kind", "damaged", "originator",
                     "recipients", "first-recipient", "next-hop", "priority", "state",
                     waiting_state(mta, work), "size", "arrival", "due", "expires", "tries", work->tries,
                     "next-try", "sent", "last-error", work->cause ? work->cause : "damaged", "in-doubt",
                     work->in_doubt);
}

static void take_entry(struct queue_scan *scan, struct work *work, struct copy *copy) {
    struct summary summary;
    json_array_append_new(scan->context,
                          copy ? entry_json(scan->mta, work, copy, &summary) : damaged_json(scan->mta, work));
}

json_t *request_queue_list(struct client *client, json_t *request) {
    struct mta *mta = client->mta;
    struct queue_filter filter;
    struct error err = {0};
    struct queue_scan scan = {.mta = mta, .filter = &filter, .take = take_entry};
    json_t *wrong = queue_filter_read(mta, request, &filter);
    wrong = wrong ? wrong : queue_read_page(&scan, request, 100);
    if (wrong)
        return wrong;
    scan.context = json_array();
    if (queue_scan(&scan, &err))
        return json_pack("{s:o, s:o}", "entries", scan.context, "cursor", queue_cursor(&scan));
    json_decref(scan.context);
    return client_error("unavailable", "%s", err.text);
}

static json_t *element_json(const struct x411_TraceInformationElement *element) {
    const struct x411_DomainSuppliedInformation *supplied = &element->domain_supplied_information;
    struct buf domain;
    int64_t arrival;
    buf_init(&domain, 4096);
    bool named = domain_print(&element->global_domain_identifier, &domain);
    json_t *object =
        json_pack("{s:o, s:o, s:s}", "domain", named ? json_text(buf_span(&domain)) : json_null(), "arrival",
                  json_time(ber_utctime_read(supplied->arrival_time, &arrival) ? arrival : 0), "action",
                  supplied->routing_action == x411_RoutingAction_rerouted ? "rerouted" : "relayed");
    buf_free(&domain);
    return object;
}

static json_t *trace_json(const struct x411_TraceInformation *trace) {
    json_t *elements = json_array();
    for (size_t i = 0; trace && i < trace->count; i++)
        json_array_append_new(elements, element_json(&trace->items[i]));
    return elements;
}

json_t *request_queue_show(struct client *client, json_t *request) {
    struct mta *mta = client->mta;
    struct work *work = queue_find(mta, request);
    struct copy copy;
    struct summary summary;
    struct error err = {0};
    if (!work)
        return client_error("not-found", QUEUE_NO_SUCH_COPY);
    if (work->damaged || !copy_load_rows(mta, work, &copy, &err))
        return queue_is_damaged(work, &err) ? damaged_json(mta, work)
                                            : client_error("unavailable", "%s", err.text);
    json_t *entry = entry_json(mta, work, &copy, &summary);
    json_t *names = json_array(), *events = json_array();
    struct mts_recipient *recipients;
    size_t count;
    if (mts_recipients(&copy.stored, &mta->arena, &recipients, &count))
        for (size_t i = 0; i < count; i++)
            json_array_append_new(names, json_text(recipients[i].name));
    uint8_t key[9];
    bool told = history_events(&mta->view, summary.identifier, events, &err) &&
                history_events(&mta->view, event_message_key(work->message, key), events, &err);
    json_object_set_new(entry, "content-type", json_text(summary.content_type));
    json_object_set_new(entry, "recipient-list", names);
    json_object_set_new(entry, "submitted", json_time(summary.submitted));
    json_object_set_new(entry, "trace", trace_json(summary.trace));
    json_object_set_new(entry, "events", events);
    if (told)
        return entry;
    json_decref(entry);
    return client_error("unavailable", "%s", err.text);
}
