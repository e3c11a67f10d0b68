/* What operators see and do of the copies that wait. */
#include <stdio.h>

#include "base/clock.h"
#include "mta/client.h"
#include "mta/copy.h"
#include "mta/decide.h"
#include "mta/event.h"
#include "mta/json.h"
#include "mta/jump.h"
#include "mta/mta_private.h"
#include "mta/redirect.h"
#include "mta/requests.h"
#include "mts/summary.h"
#include "mts/supplementary.h"
#include "names/identifier.h"
#include "names/oraddress.h"

#define LIST_MOST 1000

#define NO_SUCH_COPY "no copy in the queue has this id; 'mhs queue list' shows those that wait"

/* ---- filters ---- */

struct filter {
    const char *next_hop, *originator, *recipient, *state, *priority, *kind;
    int64_t before; /* µs; 0: any arrival */
};

static bool string_member(json_t *request, const char *name, const char **value) {
    json_t *member = json_object_get(request, name);
    *value = json_string_value(member);
    return !member || *value;
}

static const char *const states[] = {
    "ready", "deferred", "backing-off", "peer-disabled", "peer-removed", "held", "sending", "in-doubt", NULL};
static const char *const priorities[] = {"urgent", "normal", "non-urgent", NULL};
static const char *const kinds[] = {"message", "probe", "report", NULL};

static json_t *check_word(const char *name, const char *word, const char *const *words) {
    char known[100] = "";
    for (size_t i = 0; words[i]; i++) {
        if (!word || strcmp(word, words[i]) == 0)
            return NULL;
        strcat(strcat(known, i ? ", " : ""), words[i]);
    }
    return client_error("bad-request", "%s '%.40s' is none of: %s", name, word, known);
}

static json_t *check_address(struct mta *mta, const char *name, const char *text) {
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
    json_t *wrong = check_address(mta, name, text);
    if (wrong || !text || !oraddress_parse(span_str(text), &mta->arena, &address, NULL) ||
        oraddress_is_complete(&address, &missing))
        return wrong;
    return client_error("bad-request",
                        "%s: a filter takes a whole address, and '%.64s' lacks %s; 'next-hop' ('--peer') "
                        "chooses all that goes to one peer",
                        name, text, missing);
}

static json_t *check_filter(struct mta *mta, const struct filter *filter) {
    if (filter->next_hop && !destination_find(mta, span_str(filter->next_hop)))
        return client_error("not-found", "no peer has the name %s; 'mhs peer list' shows them",
                            filter->next_hop);
    json_t *error = check_word("state", filter->state, states);
    error = error ? error : check_word("priority", filter->priority, priorities);
    error = error ? error : check_word("kind", filter->kind, kinds);
    error = error ? error : check_user_address(mta, "originator", filter->originator);
    return error ? error : check_user_address(mta, "recipient", filter->recipient);
}

/* An error for the client, or NULL. */
static json_t *read_filter(struct mta *mta, json_t *request, struct filter *filter) {
    json_t *older = json_object_get(request, "older-than");
    *filter = (struct filter){0};
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

static struct destination *destination_of(const struct mta *mta, const struct work *work) {
    return destination_at(mta, work->destination);
}

/* A copy that is ready waits all the same while its peer is left alone. */
static const char *state_name(const struct mta *mta, const struct work *work) {
    const struct destination *destination = destination_of(mta, work);
    const char *blocked = destination_blocked(mta, destination);
    if (work->in_doubt && work->state != WORK_HELD)
        return "in-doubt";
    switch (work->state) {
    case WORK_READY:
        return blocked ? blocked : destination_waits(mta, destination) ? "backing-off" : "ready";
    case WORK_WAITING:
        return !work->tries ? "deferred" : blocked ? blocked : "backing-off";
    case WORK_HELD:
        return "held";
    default:
        return "sending";
    }
}

static const char *lane_name(const struct work *work) {
    return work->lane == LANE_URGENT ? "urgent" : work->lane == LANE_NORMAL ? "normal" : "non-urgent";
}

/* What the unit in memory tells; the rest needs its row. Of a damaged one nothing else is believed. */
static bool needs_row(const struct filter *filter) {
    return filter->before || filter->kind || filter->originator || filter->recipient || filter->next_hop ||
           filter->priority;
}

static bool fits_unit(const struct mta *mta, const struct filter *filter, const struct work *work) {
    const char *hop = destination_of(mta, work)->name;
    return work->committed && (!filter->next_hop || strcmp(filter->next_hop, hop) == 0) &&
           (!filter->state || strcmp(filter->state, state_name(mta, work)) == 0) &&
           (!filter->priority || strcmp(filter->priority, lane_name(work)) == 0);
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

static bool fits_row(struct mta *mta, const struct filter *filter, const struct copy *copy) {
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

/* ---- choosing ---- */

/* A request looks at so many rows at most, so that a long queue is worked on in turns with all else: the
 * answer's cursor says where the next request goes on. */
#define ROWS_A_REQUEST 10000

/* `copy` is NULL when its rows are damaged: the unit's cause says so. */
struct scan {
    struct mta *mta;
    const struct filter *filter;
    void (*take)(struct scan *scan, struct work *work, struct copy *copy);
    void *context;
    uint64_t last;  /* the last id that was looked at */
    uint64_t until; /* the last id that is to be looked at; 0: all */
    json_int_t most, taken;
    unsigned rows_seen;
    bool more;
    struct error err; /* the copy that is next can't be read now */
};

static bool is_damaged(const struct work *work, const struct error *err) {
    return work->damaged || err->code == STORE_CORRUPT;
}

/* What the filters ask for is there, and `damaged` tells that nothing more is. */
static bool fits(struct scan *scan, struct work *work, struct copy *copy, bool *damaged) {
    struct error err = {0};
    if (!work || !fits_unit(scan->mta, scan->filter, work))
        return false;
    *damaged = work->damaged || !copy_load_rows(scan->mta, work, copy, &err);
    if (!*damaged)
        return fits_row(scan->mta, scan->filter, copy);
    if (is_damaged(work, &err) && !work->cause)
        schedule_cause(work, err.text);
    if (!is_damaged(work, &err) && track_failed_for_now(&err))
        scan->err = err;
    return is_damaged(work, &err) && !needs_row(scan->filter);
}

/* Nobody can tell whether it is asked for: what was found is told, and the next request begins with it. */
static bool stop_before(struct scan *scan, uint64_t id) {
    scan->more = true;
    scan->last = id - 1;
    return false;
}

/* In the order of ids, as the store has them. */
static bool look_at(void *context, const struct store_work *row) {
    struct scan *scan = context;
    struct copy copy;
    bool damaged = false;
    if (scan->until && row->id > scan->until)
        return false;
    if (scan->taken == scan->most || scan->rows_seen == ROWS_A_REQUEST) {
        scan->more = true;
        return false;
    }
    scan->rows_seen++;
    scan->last = row->id;
    struct work *work = schedule_find(&scan->mta->schedule, row->id);
    if (!fits(scan, work, &copy, &damaged))
        return !scan->err.code || stop_before(scan, row->id);
    scan->taken++;
    scan->take(scan, work, damaged ? NULL : &copy);
    return true;
}

/* The members `limit` and `after` of a request. An error for the client, or NULL. */
static json_t *read_page(struct scan *scan, json_t *request, json_int_t usual) {
    json_t *limit = json_object_get(request, "limit"), *after = json_object_get(request, "after");
    scan->most = limit ? json_integer_value(limit) : usual;
    scan->last = (uint64_t)json_integer_value(after);
    if (scan->most >= 1 && scan->most <= LIST_MOST && (!after || json_integer_value(after) >= 0))
        return NULL;
    return client_error("bad-request", "limit is not 1 to %d, or after is negative", LIST_MOST);
}

static bool run_scan(struct scan *scan, struct error *err) {
    if (!store_each_work(scan->mta->view.store, scan->last, 0, 0, -1, look_at, scan, err))
        return false;
    return !scan->err.code || scan->taken || error_set(err, scan->err.code, "%s", scan->err.text);
}

static json_t *cursor_of(const struct scan *scan) {
    return scan->more ? json_integer((json_int_t)scan->last) : json_null();
}

/* ---- entries ---- */

/* Why its last try failed, of a copy that an earlier run of the process tried, or why it is held: its history
 * says so. */
static bool tells_cause(const struct work *work, const char *event) {
    if (work->state == WORK_HELD)
        return strcmp(event, "held") == 0;
    return strncmp(event, "transfer-", 9) == 0 || strcmp(event, "in-doubt") == 0;
}

static void recall_cause(struct mta *mta, struct work *work) {
    uint8_t key[9];
    json_t *events = json_array();
    bool told = track_events(&mta->view, event_message_key(work->message, key), events, NULL);
    for (size_t i = json_array_size(events); i > 0 && !work->cause; i--) {
        const json_t *event = json_array_get(events, i - 1);
        const char *name = json_string_value(json_object_get(event, "event"));
        const char *detail = json_string_value(json_object_get(event, "detail"));
        if (detail && name && tells_cause(work, name))
            schedule_cause(work, detail);
    }
    work->recalled = told; /* also where it tells nothing: the next list does not read it again */
    json_decref(events);
}

/* The originator's deferred delivery time has not come. A copy that was tried is past it. */
static bool is_deferred(const struct work *work) {
    return work->tries == 0 && !work->in_doubt && work->due > clock_now_us();
}

/* Why the copy waits; absent when nothing failed. What is wrong with its peer concerns it while the peer is
 * left alone only, and not before its time, where its originator deferred it; that nothing is tried there any
 * more, more than why its last try failed. */
static struct span cause_of(struct mta *mta, struct work *work) {
    const struct destination *destination = destination_of(mta, work);
    if (work->state != WORK_HELD && work->state != WORK_SENDING && destination_blocked(mta, destination))
        return span_str(destination_trouble(mta, destination));
    if (!work->cause && !work->recalled && (work->tries || work->state == WORK_HELD))
        recall_cause(mta, work);
    if (work->cause)
        return span_str(work->cause);
    bool waits = destination_waits(mta, destination) && !is_deferred(work);
    const char *trouble = waits ? destination_trouble(mta, destination) : NULL;
    return trouble ? span_str(trouble) : (struct span){NULL, 0};
}

/* µs; now: it goes at once; INT64_MAX: nobody knows; 0: it is under way, or not tried at all. */
static int64_t next_try_of(const struct mta *mta, const struct work *work) {
    const struct destination *destination = destination_of(mta, work);
    int64_t own = work->state == WORK_WAITING ? work->due : clock_now_us();
    int64_t its = destination_next_try(mta, destination);
    if (work->state == WORK_HELD || work->state == WORK_SENDING)
        return 0;
    return own > its ? own : its;
}

/* How much of the content has been handed to the net process. */
static json_t *sent_of(const struct mta *mta, const struct work *work) {
    if (work->state != WORK_SENDING)
        return json_null();
    for (const struct net_process *net = mta->nets; net; net = net->next)
        for (size_t i = 0; i < net->associations.room; i++) {
            const struct association *association = net->associations.slots[i].value;
            if (association && association->sending == work && association->content)
                return json_integer((json_int_t)association->read);
        }
    return json_null();
}

static json_t *expiry_json(const struct work *work) {
    int64_t expiry = schedule_expiry(work);
    return expiry == INT64_MAX ? json_null() : json_time(expiry / SECOND);
}

static json_t *entry_json(struct mta *mta, struct work *work, const struct copy *copy,
                          struct summary *summary) {
    struct mts_recipient *recipients = NULL;
    size_t count = 0;
    summary_of(copy->row.kind, copy->stored.octets, &mta->arena, summary);
    mts_recipients(&copy->stored, &mta->arena, &recipients, &count);
    const char *hop = destination_of(mta, work)->name;
    json_t *entry =
        json_pack("{s:I, s:I, s:o, s:s, s:o, s:I, s:o, s:o, s:s, s:s, s:I, s:o, s:o, s:o, s:i}", "id",
                  (json_int_t)work->id, "message", (json_int_t)work->message, "mts-identifier",
                  json_text(summary->identifier), "kind", summary_kind(copy->row.kind), "originator",
                  json_text(summary->originator), "recipients", (json_int_t)count, "first-recipient",
                  count ? json_text(recipients[0].name) : json_null(), "next-hop",
                  hop[0] ? json_text(span_str(hop)) : json_null(), "priority", lane_name(work), "state",
                  state_name(mta, work), "size", (json_int_t)copy->message.content_length, "arrival",
                  json_time(copy->message.arrival / SECOND), "due", json_time(work->due / SECOND), "expires",
                  expiry_json(work), "tries", work->tries);
    json_object_set_new(entry, "next-try", json_time(next_try_of(mta, work) / SECOND));
    json_object_set_new(entry, "sent", sent_of(mta, work));
    json_object_set_new(entry, "last-error", json_text(cause_of(mta, work)));
    json_object_set_new(entry, "in-doubt", json_boolean(work->in_doubt));
    return entry;
}

/* The members are those of entry_json: what nobody can tell is null. */
static json_t *damaged_json(struct mta *mta, const struct work *work) {
    return json_pack("{s:I, s:n, s:n, s:s, s:n, s:n, s:n, s:n, s:n, s:s, s:n, s:n, s:n, s:n, s:i, s:n, s:n, "
                     "s:s, s:b}",
                     "id", (json_int_t)work->id, "message", "mts-identifier", "kind", "damaged", "originator",
                     "recipients", "first-recipient", "next-hop", "priority", "state", state_name(mta, work),
                     "size", "arrival", "due", "expires", "tries", work->tries, "next-try", "sent",
                     "last-error", work->cause ? work->cause : "damaged", "in-doubt", work->in_doubt);
}

static void take_entry(struct scan *scan, struct work *work, struct copy *copy) {
    struct summary summary;
    json_array_append_new(scan->context,
                          copy ? entry_json(scan->mta, work, copy, &summary) : damaged_json(scan->mta, work));
}

json_t *request_queue_list(struct client *client, json_t *request) {
    struct mta *mta = client->mta;
    struct filter filter;
    struct error err = {0};
    struct scan scan = {.mta = mta, .filter = &filter, .take = take_entry};
    json_t *wrong = read_filter(mta, request, &filter);
    wrong = wrong ? wrong : read_page(&scan, request, 100);
    if (wrong)
        return wrong;
    scan.context = json_array();
    if (run_scan(&scan, &err))
        return json_pack("{s:o, s:o}", "entries", scan.context, "cursor", cursor_of(&scan));
    json_decref(scan.context);
    return client_error("unavailable", "%s", err.text);
}

static struct work *unit_of(struct mta *mta, json_t *request) {
    json_t *id = json_object_get(request, "id");
    struct work *work =
        json_integer_value(id) > 0 ? schedule_find(&mta->schedule, (uint64_t)json_integer_value(id)) : NULL;
    return work && work->committed ? work : NULL;
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
    struct work *work = unit_of(mta, request);
    struct copy copy;
    struct summary summary;
    struct error err = {0};
    if (!work)
        return client_error("not-found", NO_SUCH_COPY);
    if (work->damaged || !copy_load_rows(mta, work, &copy, &err))
        return is_damaged(work, &err) ? damaged_json(mta, work) : client_error("unavailable", "%s", err.text);
    json_t *entry = entry_json(mta, work, &copy, &summary);
    json_t *names = json_array(), *events = json_array();
    struct mts_recipient *recipients;
    size_t count;
    if (mts_recipients(&copy.stored, &mta->arena, &recipients, &count))
        for (size_t i = 0; i < count; i++)
            json_array_append_new(names, json_text(recipients[i].name));
    uint8_t key[9];
    bool told = track_events(&mta->view, summary.identifier, events, &err) &&
                track_events(&mta->view, event_message_key(work->message, key), events, &err);
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

/* ---- changes ---- */

struct change {
    struct mta *mta;
    struct client *client;
    const char *operation, *reason;
    const char *by_peer;   /* the name of the redirection's */
    struct redirection to; /* of a redirection */
    bool force;            /* a redirection that would loop or fail, a release of one whose time is over */
    bool count;            /* nothing is changed: only how many would be is asked */
    bool may_arrive_twice; /* the operator takes it on himself that a copy in doubt arrives twice */
    bool leave_held;       /* copies that are held are not meant: who chose many did not choose them */
    json_t *redirected;    /* what became of each copy (tell_redirected); NULL: none is */
};

static bool is_asked(const struct change *change, const char *operation) {
    return strcmp(change->operation, operation) == 0;
}

#define TRY_NOW (1u << 16)

static enum work_state former_state(const struct effect *effect) {
    return (enum work_state)(effect->number >> 8 & 0xFF);
}

/* All that a change makes of the unit follows the row, when that is on disk: a change that fails leaves the
 * copy as it was. `number`: its new state, the one in which it was, and whether it is to be tried now;
 * `bytes`: why it is held now. Released, its history tells of its tries. */
static void change_state(struct mta *mta, const struct effect *effect) {
    struct work *work = schedule_find(&mta->schedule, effect->work);
    enum work_state state = (enum work_state)(effect->number & 0xFF);
    if (work) {
        struct destination *destination = destination_of(mta, work);
        schedule_cause(work, effect->bytes ? (const char *)bytes_rest(effect->bytes).data : NULL);
        if (former_state(effect) == WORK_HELD)
            work->aborts = 0;
        schedule_set(&mta->schedule, work, state, state == WORK_READY ? jump_now(mta) : work->due, false);
        work->marked = work->in_doubt;
        if (effect->number & TRY_NOW)
            destination_try_now(mta, destination, work->id);
        destination_mark(mta, destination);
        destination->reroute = destination->reroute || destination_is_gone(mta, destination);
    }
    bytes_drop(effect->bytes);
}

static void keep_state(struct mta *mta, const struct effect *effect) {
    struct work *work = schedule_find(&mta->schedule, effect->work);
    if (work)
        schedule_set(&mta->schedule, work, former_state(effect), work->due, work->in_doubt);
    bytes_drop(effect->bytes);
}

static const struct effect_kind state_change = {change_state, keep_state};

/* With its 0; NULL without memory. */
static struct bytes *reason_of(const struct change *change) {
    return bytes_new((struct span){NULL, 0}, span_of(change->reason, strlen(change->reason) + 1));
}

/* A deferred copy keeps its time, held or not; any other is due now when it is let go. */
static bool update_row(const struct change *change, struct work *work, bool hold) {
    struct mta *mta = change->mta;
    struct store_work row;
    struct error err = {0};
    bool deferred = is_deferred(work);
    enum work_state state = hold ? WORK_HELD : deferred ? WORK_WAITING : WORK_READY;
    arena_reset(&mta->arena);
    if (!store_get_work(mta->view.store, work->id, &mta->arena, &row, &err))
        return false;
    row.status = hold ? STORE_HELD : deferred ? STORE_DEFERRED : STORE_READY;
    row.due = hold || deferred ? work->due : jump_now(mta);
    row.tries = work->tries;
    row.doubt_peer = work->in_doubt ? row.doubt_peer : 0;
    work_forget_bytes(mta, work);
    struct effect effect = {.kind = &state_change,
                            .work = work->id,
                            .number = (uint32_t)state | (uint32_t)work->state << 8 |
                                      (is_asked(change, "queue-retry") ? TRY_NOW : 0),
                            .bytes = hold ? reason_of(change) : NULL};
    if (!store_update_work(mta->batch.store, &row) || !batch_effect(mta, effect)) {
        bytes_drop(effect.bytes);
        return false;
    }
    schedule_set(&mta->schedule, work, WORK_SENDING, work->due,
                 false); /* nobody takes it before the commit */
    return true;
}

/* Who did it, and why, for the history. */
static struct span note_text(const struct change *change, const struct work *work, char *out, size_t size) {
    bool twice = work->in_doubt && change->may_arrive_twice;
    int length = snprintf(out, size, "uid %u: %s%s", change->client->uid, change->reason,
                          twice ? " (it may arrive twice)" : "");
    return span_of(out, (size_t)length);
}

static bool note(const struct change *change, const struct work *work, enum event_own what) {
    char text[400];
    return event_copy(change->mta, work->message, what, NULL, note_text(change, work, text, sizeof text));
}

static enum redirect_result redirect(const struct change *change, struct work *work) {
    char text[400];
    if (work->state == WORK_HELD && !work->cause && !work->recalled)
        recall_cause(change->mta, work); /* what takes its place is held for that too */
    return redirect_copy(change->mta, &change->to, work, note_text(change, work, text, sizeof text));
}

static bool nondeliver(const struct change *change, struct work *work) {
    struct mts_failure failure = {.reason = x411_NonDeliveryReasonCode_unable_to_transfer,
                                  .diagnostic = -1,
                                  .supplementary = change->reason,
                                  .final = true};
    return note(change, work, EVENT_NON_DELIVERED_BY_OPERATOR) &&
           copy_fail(change->mta, work, &failure, COPY_STAYS);
}

static bool apply_change(const struct change *change, struct work *work) {
    if (is_asked(change, "queue-hold"))
        return note(change, work, EVENT_HELD) && update_row(change, work, true);
    if (is_asked(change, "queue-release"))
        return note(change, work, EVENT_RELEASED) && update_row(change, work, false);
    if (is_asked(change, "queue-retry"))
        return note(change, work, EVENT_RETRIED) && update_row(change, work, false);
    if (is_asked(change, "queue-delete"))
        return note(change, work, EVENT_DELETED) && copy_finish(change->mta, work, COPY_STAYS);
    return nondeliver(change, work);
}

static json_t *refuse_doubtful(const struct change *change, const struct peer *peer) {
    if ((peer->config && is_asked(change, "queue-retry")) || is_asked(change, "queue-hold") ||
        change->may_arrive_twice)
        return NULL;
    return client_error("wrong-state",
                        "the copy may have arrived at %s: its recipients and route are frozen, and it is "
                        "tried again there only%s; with --may-arrive-twice it can be changed all the same",
                        peer->name,
                        peer->config ? "" : " (that peer is not in the configuration: put it back)");
}

static json_t *refuse_failures(json_t *failures) {
    const json_t *first = json_array_get(failures, 0);
    const char *address = json_string_value(json_object_get(first, "address"));
    const char *cause = json_string_value(json_object_get(first, "cause"));
    char more[40] = "";
    if (json_array_size(failures) > 1)
        snprintf(more, sizeof more, " (and %zu more)", json_array_size(failures) - 1);
    json_t *refusal = client_error("wrong-state",
                                   "it would be non-delivered to %.300s%s: %s; --force sends it all the same",
                                   address ? address : "?", more, cause ? cause : "?");
    json_decref(failures);
    return refusal;
}

/* A mistyped address, say, would end the copy, and nobody could take that back. */
static json_t *refuse_redirection(const struct change *change, const struct work *work) {
    if (change->leave_held && work->state == WORK_HELD)
        return client_error("wrong-state", "the copy is held: 'mhs queue release' lets it go, and 'mhs queue "
                                           "redirect ID' sends it elsewhere, where it is held too");
    if (change->force)
        return NULL;
    const char *why = redirect_loops(change->mta, &change->to, work);
    if (why)
        return client_error("wrong-state", "the copy would loop: %s; --force sends it all the same", why);
    json_t *failures = redirect_failures(change->mta, &change->to, work);
    return failures ? refuse_failures(failures) : NULL;
}

/* The lifetime of a copy runs on while it is held. */
static json_t *refuse_release(const struct change *change, const struct work *work) {
    char time[21];
    bool over = schedule_expiry(work) <= jump_now(change->mta);
    if (work->state == WORK_HELD && over && !change->force)
        return client_error(
            "wrong-state", "its time ended at %s: it will be non-delivered; --force releases it all the same",
            clock_format(schedule_expiry(work) / SECOND, time));
    if (work->state == WORK_HELD)
        return NULL;
    if (is_deferred(work))
        return client_error("wrong-state", "the copy is not held, but the originator deferred it until %s",
                            clock_format(work->due / SECOND, time));
    const struct destination *destination = destination_of(change->mta, work);
    if (destination_blocked(change->mta, destination))
        return client_error("wrong-state", "the copy is not held, but %s",
                            destination_trouble(change->mta, destination));
    return client_error("wrong-state", "the copy is not held, so that nothing is to be released; 'mhs queue "
                                       "retry' has it tried now");
}

/* Why the change can't be made to the copy now; NULL: it can. Recipients and route of a copy in doubt are
 * frozen (I4): it may be tried now, held or let go, nothing else, unless the operator says that it may arrive
 * twice. */
static json_t *refuse_change(const struct change *change, const struct work *work) {
    char until[21];
    struct destination *destination = destination_of(change->mta, work);
    const struct peer *peer = peer_of(destination);
    const char *fixed = destination_fixed(change->mta, destination);
    bool held = work->state == WORK_HELD;
    json_t *wrong;
    if (work->damaged)
        return client_error("wrong-state",
                            "its row is damaged: 'mhs store repair', with the daemon stopped, makes "
                            "it one that can be shown and changed");
    if (work->state == WORK_SENDING)
        return client_error("wrong-state", "the copy is under way just now: look again in a moment");
    if (work->lost)
        return client_error("wrong-state", "its content is lost: its originator gets a report at once");
    if (is_asked(change, "queue-release"))
        return refuse_release(change, work);
    if (held && is_asked(change, "queue-hold"))
        return client_error("wrong-state", "the copy is held already; 'mhs queue release' lets it go");
    if (held && is_asked(change, "queue-retry"))
        return client_error("wrong-state", "the copy is held: 'mhs queue release' lets it go");
    if (work->in_doubt && peer && (wrong = refuse_doubtful(change, peer)))
        return wrong;
    if (is_asked(change, "queue-retry") && peer && destination_blocked(change->mta, destination))
        return client_error("wrong-state",
                            peer->config ? "the peer is disabled: 'mhs peer enable %s' lets its copies go"
                                         : "the peer %s is not in the configuration any more: 'mhs queue "
                                           "redirect' has the copy take another way",
                            peer->name);
    if (is_asked(change, "queue-retry") && !work->in_doubt && is_deferred(work))
        return client_error("wrong-state", "the originator deferred it until %s: it can't go before",
                            clock_format(work->due / SECOND, until));
    if (!is_asked(change, "queue-redirect"))
        return NULL;
    if (!change->to.address && fixed)
        return client_error("wrong-state", "%s", fixed);
    return refuse_redirection(change, work);
}

/* Ids that are told of one copy at most, so that an answer on many fits into a frame whatever the rules
 * split. */
#define TOLD_MOST 20

/* {"id": n, "now": [n], "non-delivered": [{"address", "cause"}]}: what takes a redirected copy's place has
 * ids of its own; none of either: it was delivered here. */
static void tell_redirected(const struct change *change, uint64_t id, struct batch_mark since,
                            enum mts_kind kind, json_t *failures) {
    json_t *now = decide_added(change->mta, since, kind);
    while (json_array_size(now) > TOLD_MOST)
        json_array_remove(now, json_array_size(now) - 1);
    json_array_append_new(change->redirected, json_pack("{s:I, s:o, s:o}", "id", (json_int_t)id, "now", now,
                                                        "non-delivered", failures ? failures : json_array()));
}

static enum redirect_result redirect_one(const struct change *change, struct work *work,
                                         struct batch_mark since) {
    enum redirect_result result = REDIRECT_NOT_NOW;
    struct copy copy = {0};
    struct error err = {0};
    uint64_t id = work->id;
    /* Without --force nothing fails: refuse_redirection. */
    json_t *failures = change->force ? redirect_failures(change->mta, &change->to, work) : NULL;
    arena_reset(&change->mta->arena);
    if (copy_load_row(change->mta, &change->mta->arena, work, &copy, &err))
        result = redirect(change, work);
    if (result == REDIRECT_DONE)
        tell_redirected(change, id, since, copy.row.kind, failures);
    else
        json_decref(failures);
    return result;
}

static enum redirect_result change_one(const struct change *change, struct work *work) {
    batch_request(change->mta);
    struct batch_mark mark = batch_mark(change->mta);
    enum redirect_result result = change->redirected           ? redirect_one(change, work, mark)
                                  : apply_change(change, work) ? REDIRECT_DONE
                                                               : REDIRECT_NOT_NOW;
    if (result != REDIRECT_DONE)
        batch_undo(change->mta, mark);
    return result;
}

/* Why a change that was allowed could not be made. */
static json_t *tell_undone(const struct change *change, enum redirect_result result) {
    if (result == REDIRECT_NO_WAY)
        return client_error(
            "wrong-state", "the copy can't go that way: %s",
            change->by_peer
                ? "the peer does not take it, or has it already; 'mhs route' tells who would take it"
            : change->to.address
                ? "a report is not redirected by hand, but it may go by another PEER"
                : "the rules know no better way now; 'mhs queue redirect ID PEER' sends it by "
                  "a peer of your choice");
    return client_error("unavailable",
                        "the copy can't be read, or the change not written, now: it stays as it "
                        "was; the log says why");
}

struct tally {
    const struct change *change;
    json_int_t changed, skipped;
    char why[560]; /* the first of these was left alone */
};

static void change_taken(struct scan *scan, struct work *work, struct copy *copy) {
    struct tally *tally = scan->context;
    uint64_t id = work->id; /* the change may end the unit */
    json_t *refusal = refuse_change(tally->change, work);
    (void)copy;
    enum redirect_result result =
        refusal || tally->change->count ? REDIRECT_DONE : change_one(tally->change, work);
    bool done = !refusal && result == REDIRECT_DONE;
    if (!done && !tally->skipped) {
        refusal = refusal ? refusal : tell_undone(tally->change, result);
        const char *why = json_string_value(json_object_get(json_object_get(refusal, "error"), "text"));
        snprintf(tally->why, sizeof tally->why, "copy %llu: %.520s", (unsigned long long)id,
                 why ? why : "no memory to tell why");
    }
    json_decref(refusal);
    tally->changed += done;
    tally->skipped += !done;
}

static json_t *change_all(struct change *change, json_t *request) {
    struct filter filter;
    struct error err = {0};
    struct tally tally = {.change = change};
    struct scan scan = {.mta = change->mta, .filter = &filter, .take = change_taken, .context = &tally};
    json_t *wrong = read_filter(change->mta, request, &filter);
    wrong = wrong ? wrong : read_page(&scan, request, LIST_MOST);
    if (wrong)
        return wrong;
    change->leave_held = !filter.state || strcmp(filter.state, "held") != 0;
    scan.until = (uint64_t)json_integer_value(json_object_get(request, "until"));
    if (!run_scan(&scan, &err))
        return client_error("unavailable", "%s", err.text);
    return json_pack("{s:I, s:I, s:I, s:o, s:O*, s:o*}", "last", (json_int_t)scan.last, "changed",
                     tally.changed, "skipped", tally.skipped, "cursor", cursor_of(&scan), "redirected",
                     change->redirected, "why", tally.why[0] ? json_whole(tally.why) : NULL);
}

static json_t *check_target(struct change *change, json_t *request) {
    bool anew = json_is_true(json_object_get(request, "anew"));
    if ((change->by_peer != NULL) + (change->to.address != NULL) + anew != 1)
        return client_error("bad-request", "give one of by-peer, address and anew: true");
    if (!change->by_peer)
        return change->to.address ? check_address(change->mta, "address", change->to.address) : NULL;
    const struct peer *peer = change->to.peer = peer_find(change->mta, span_str(change->by_peer));
    return peer && peer->config && peer->hop >= 0
               ? NULL
               : client_error("not-found", "no peer has the name %s; 'mhs peer list' shows them",
                              change->by_peer);
}

static json_t *check_change(struct change *change, json_t *request) {
    size_t length = change->reason ? strlen(change->reason) : 0;
    if (length < 1 || length > 256)
        return client_error("bad-request", "give a reason of 1 to 256 octets");
    if (!json_object_get(request, "id") == !json_is_true(json_object_get(request, "all")))
        return client_error("bad-request", "give either id or all: true");
    return is_asked(change, "queue-redirect") ? check_target(change, request) : NULL;
}

static json_t *change_by_id(const struct change *change, json_t *request) {
    struct work *work = unit_of(change->mta, request);
    json_t *refusal = work ? refuse_change(change, work) : client_error("not-found", NO_SUCH_COPY);
    if (refusal)
        return refusal;
    json_t *expires = expiry_json(work); /* the change may end the unit */
    enum redirect_result result = change->count ? REDIRECT_DONE : change_one(change, work);
    if (result != REDIRECT_DONE) {
        json_decref(expires);
        return tell_undone(change, result);
    }
    return json_pack("{s:i, s:i, s:n, s:O*, s:o}", "changed", 1, "skipped", 0, "cursor", "redirected",
                     change->redirected, "expires", expires);
}

/* A report can't say all that a reason can; the history can. */
static void tell_what_reports_say(const struct change *change, json_t *answer) {
    struct arena *arena = &change->mta->arena;
    struct span reason = span_str(change->reason);
    arena_reset(arena);
    struct span said = supplementary_of(reason, arena);
    if (said.data && !span_eq(said, reason) && json_integer_value(json_object_get(answer, "changed")))
        json_object_set_new(answer, "supplementary-information",
                            json_stringn((const char *)said.data, said.len));
}

json_t *request_queue_change(struct client *client, json_t *request) {
    const char *operation = json_string_value(json_object_get(request, "operation"));
    struct change change = {.mta = client->mta,
                            .client = client,
                            .operation = operation,
                            .reason = json_string_value(json_object_get(request, "reason")),
                            .may_arrive_twice = json_is_true(json_object_get(request, "may-arrive-twice")),
                            .by_peer = json_string_value(json_object_get(request, "by-peer")),
                            .to.address = json_string_value(json_object_get(request, "address")),
                            .force = json_is_true(json_object_get(request, "force")),
                            .count = json_is_true(json_object_get(request, "count"))};
    json_t *answer = check_change(&change, request);
    if (answer)
        return answer;
    if (is_asked(&change, "queue-redirect") && !change.count)
        change.redirected = json_array();
    answer = json_object_get(request, "id") ? change_by_id(&change, request) : change_all(&change, request);
    if (is_asked(&change, "queue-nondeliver") && !change.count)
        tell_what_reports_say(&change, answer);
    json_decref(change.redirected);
    return answer;
}
