/* What operators see and do of the copies that wait. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "mta/client_private.h"
#include "mta/convert.h"
#include "mta/event.h"
#include "mta/outbound_private.h"
#include "mta/summary.h"
#include "names/oraddress.h"

#define LIST_MOST 1000

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

static bool read_filter(json_t *request, struct filter *filter) {
    json_t *older = json_object_get(request, "older-than");
    *filter = (struct filter){0};
    if (older)
        filter->before = clock_now_us() - json_integer_value(older) * SECOND;
    return (!older || json_is_integer(older)) && string_member(request, "next-hop", &filter->next_hop) &&
           string_member(request, "originator", &filter->originator) &&
           string_member(request, "recipient", &filter->recipient) &&
           string_member(request, "state", &filter->state) &&
           string_member(request, "priority", &filter->priority) &&
           string_member(request, "kind", &filter->kind);
}

static const char *state_name(const struct work *work) {
    if (work->in_doubt && work->state != WORK_HELD)
        return "in-doubt";
    switch (work->state) {
    case WORK_READY:
        return "ready";
    case WORK_WAITING:
        return work->tries ? "retrying" : "deferred";
    case WORK_HELD:
        return "held";
    default:
        return "sending";
    }
}

static const char *lane_name(const struct work *work) {
    return work->lane == LANE_URGENT ? "urgent" : work->lane == LANE_NORMAL ? "normal" : "non-urgent";
}

/* What the unit in memory tells; the rest needs its row. */
static bool fits_unit(const struct mta *mta, const struct filter *filter, const struct work *work) {
    const char *hop = work->peer == PEER_NONE ? "" : mta->peers[work->peer]->name;
    return work->committed && (!filter->next_hop || strcmp(filter->next_hop, hop) == 0) &&
           (!filter->state || strcmp(filter->state, state_name(work)) == 0) &&
           (!filter->priority || strcmp(filter->priority, lane_name(work)) == 0);
}

static bool needs_row(const struct filter *filter) {
    return filter->originator || filter->recipient || filter->kind || filter->before;
}

static bool same_address(struct arena *arena, struct span text, const char *wanted) {
    struct oraddress a, b;
    return text.data && oraddress_parse(text, arena, &a, NULL) &&
           oraddress_parse(span_str(wanted), arena, &b, NULL) && oraddress_equal(&a, &b);
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

struct choice {
    struct mta *mta;
    const struct filter *filter;
    uint64_t *ids;
    size_t count, room;
    uint64_t after;
};

static bool choose(void *context, struct work *work) {
    struct choice *choice = context;
    if (work->id <= choice->after || !fits_unit(choice->mta, choice->filter, work))
        return true;
    if (choice->count == choice->room) {
        size_t room = choice->room ? choice->room * 2 : 256;
        uint64_t *grown = realloc(choice->ids, room * sizeof *grown);
        if (!grown)
            return false;
        choice->ids = grown;
        choice->room = room;
    }
    choice->ids[choice->count++] = work->id;
    return true;
}

static int rising(const void *a, const void *b) {
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
    return (first > second) - (first < second);
}

/* The ids of the units that the filter's part in memory lets through, rising; the caller frees them. */
static struct choice chosen(struct mta *mta, const struct filter *filter, uint64_t after) {
    struct choice choice = {.mta = mta, .filter = filter, .after = after};
    schedule_each(&mta->schedule, choose, &choice);
    if (choice.count)
        qsort(choice.ids, choice.count, sizeof *choice.ids, rising);
    return choice;
}

/* ---- entries ---- */

static json_t *entry_json(struct mta *mta, const struct work *work, const struct copy *copy,
                          struct summary *summary) {
    struct mts_recipient *recipients = NULL;
    size_t count = 0;
    summary_of(copy->row.kind, copy->stored.octets, &mta->arena, summary);
    mts_recipients(&copy->stored, &mta->arena, &recipients, &count);
    const struct peer *peer = work->peer == PEER_NONE ? NULL : mta->peers[work->peer];
    json_t *entry = json_pack(
        "{s:I, s:I, s:o, s:s, s:o, s:I, s:o, s:o, s:s, s:s, s:I, s:o, s:o, s:o, s:i}", "id",
        (json_int_t)work->id, "message", (json_int_t)work->message, "mts-identifier",
        json_text(summary->identifier), "kind", summary_kind(copy->row.kind), "originator",
        json_text(summary->originator), "recipients", (json_int_t)count, "first-recipient",
        count ? json_text(recipients[0].name) : json_null(), "next-hop",
        peer ? json_text(span_str(peer->name)) : json_null(), "priority", lane_name(work), "state",
        state_name(work), "size", (json_int_t)copy->message.content_length, "arrival",
        json_time(copy->message.arrival / SECOND), "due", json_time(work->due / SECOND), "expires",
        work->expires == INT64_MAX ? json_null() : json_time(work->expires / SECOND), "tries", work->tries);
    const char *last = peer && peer->last_error[0] ? peer->last_error : NULL;
    json_object_set_new(entry, "last-error", json_text(span_str(last)));
    return entry;
}

/* Rows without their content: a list shows lengths only. */
static bool load_row(struct mta *mta, const struct work *work, struct copy *copy) {
    struct error err = {0};
    if (!copy_load(mta, work, copy, &err))
        return false;
    copy_release(copy);
    return true;
}

json_t *request_queue_list(struct client *client, json_t *request) {
    struct mta *mta = client->net->mta;
    struct filter filter;
    json_t *limit = json_object_get(request, "limit");
    json_int_t most = limit ? json_integer_value(limit) : 100;
    json_int_t after = json_integer_value(json_object_get(request, "after"));
    if (!read_filter(request, &filter) || most < 1 || most > LIST_MOST || after < 0)
        return client_error("bad-request", "a filter has the wrong type, or limit is not 1 to %d", LIST_MOST);
    struct choice choice = chosen(mta, &filter, (uint64_t)after);
    json_t *entries = json_array();
    uint64_t last = 0;
    size_t i = 0;
    for (; i < choice.count && (json_int_t)json_array_size(entries) < most; i++) {
        const struct work *work = schedule_find(&mta->schedule, choice.ids[i]);
        struct copy copy;
        struct summary summary;
        if (work && load_row(mta, work, &copy) && (!needs_row(&filter) || fits_row(mta, &filter, &copy)))
            json_array_append_new(entries, entry_json(mta, work, &copy, &summary));
        last = choice.ids[i];
    }
    bool more = i < choice.count;
    free(choice.ids);
    return json_pack("{s:o, s:o}", "entries", entries, "cursor",
                     more ? json_integer((json_int_t)last) : json_null());
}

static struct work *unit_of(struct mta *mta, json_t *request) {
    json_t *id = json_object_get(request, "id");
    struct work *work =
        json_integer_value(id) > 0 ? schedule_find(&mta->schedule, (uint64_t)json_integer_value(id)) : NULL;
    return work && work->committed ? work : NULL;
}

json_t *request_queue_show(struct client *client, json_t *request) {
    struct mta *mta = client->net->mta;
    struct work *work = unit_of(mta, request);
    struct copy copy;
    struct summary summary;
    if (!work || !load_row(mta, work, &copy))
        return client_error("not-found", "no copy in the queue has this id");
    json_t *entry = entry_json(mta, work, &copy, &summary);
    json_t *names = json_array(), *events = json_array();
    struct mts_recipient *recipients;
    size_t count;
    if (mts_recipients(&copy.stored, &mta->arena, &recipients, &count))
        for (size_t i = 0; i < count; i++)
            json_array_append_new(names, json_text(recipients[i].name));
    uint8_t key[9];
    track_events(mta, summary.identifier, events);
    track_events(mta, event_message_key(work->message, key), events);
    json_object_set_new(entry, "content-type", json_text(summary.content_type));
    json_object_set_new(entry, "recipient-list", names);
    json_object_set_new(entry, "submitted", json_time(summary.submitted));
    json_object_set_new(entry, "trace", summary_trace(&summary, &mta->arena));
    json_object_set_new(entry, "events", events);
    return entry;
}

/* ---- changes ---- */

struct change {
    struct mta *mta;
    struct client *client;
    const char *operation, *reason, *next_hop, *address;
};

/* A unit's new state follows the row: applied when the row is on disk. */
static void change_state(struct mta *mta, struct effect *effect) {
    struct work *work = effect->work;
    struct peer *peer = work->peer == PEER_NONE ? NULL : mta->peers[work->peer];
    enum work_state state = (enum work_state)(effect->number & 0xFF);
    if (state == WORK_READY && !peer)
        state = WORK_WAITING;
    schedule_set(&mta->schedule, work, WORK_HELD, work->due, false);
    if (effect->ref != UINT64_MAX)
        schedule_move(&mta->schedule, work, (uint32_t)effect->ref);
    schedule_set(&mta->schedule, work, state, clock_now_us(), false);
    work->marked = work->in_doubt;
    if (work->peer != PEER_NONE)
        mta->peers[work->peer]->pump = true;
}

static void keep_state(struct mta *mta, struct effect *effect) {
    schedule_set(&mta->schedule, effect->work, (enum work_state)(effect->number >> 8), effect->work->due,
                 false);
}

static bool update_row(const struct change *change, struct work *work, enum store_status status,
                       enum work_state state, const struct peer *peer) {
    struct mta *mta = change->mta;
    struct store_work row;
    struct error err = {0};
    arena_reset(&mta->arena);
    if (!store_get_work(mta->store, work->id, &mta->arena, &row, &err))
        return false;
    row.status = (uint8_t)status;
    row.due = clock_now_us();
    row.doubt_peer = work->in_doubt ? row.doubt_peer : 0;
    if (peer)
        row.next_hop = peer->key;
    work_forget_bytes(mta, work);
    struct effect effect = {.commit = change_state,
                            .undo = keep_state,
                            .work = work,
                            .number = (uint32_t)state | (uint32_t)work->state << 8,
                            .ref = peer ? peer->number : UINT64_MAX};
    if (!store_update_work(mta->batch.store, &row) || !batch_effect(mta, effect))
        return false;
    schedule_set(&mta->schedule, work, WORK_SENDING, work->due,
                 false); /* nobody takes it before the commit */
    return true;
}

static bool note(const struct change *change, const struct work *work, enum event_own what) {
    char text[400];
    int length = snprintf(text, sizeof text, "uid %u: %s", change->client->uid, change->reason);
    return event_copy(change->mta, work->message, what, NULL, span_of(text, (size_t)length));
}

static bool redirect_to_address(const struct change *change, struct work *work) {
    struct mta *mta = change->mta;
    struct copy copy;
    struct error err = {0};
    struct mts_decisions decisions = {0};
    if (!copy_load(mta, work, &copy, &err))
        return false;
    struct mts_run run = run_begin(mta, &mta->arena);
    mts_redirect(&run, &copy.stored, change->address, &decisions);
    bool done = decisions.result == MTS_DECIDED && note(change, work, EVENT_REDIRECTED_BY_OPERATOR) &&
                copy_replace(mta, work, &copy, &run, &decisions);
    copy_release(&copy);
    return done;
}

static bool redirect(const struct change *change, struct work *work) {
    struct peer *peer = change->next_hop ? peer_find(change->mta, span_str(change->next_hop)) : NULL;
    if (change->address)
        return redirect_to_address(change, work);
    /* What waits for conversion is not fit for a next hop yet, and none can be told to convert it. */
    const struct peer *conversion = convert_peer(change->mta);
    if (peer == conversion || work->peer == conversion->number)
        return false;
    outbound_drop(change->mta, work->id);
    return peer && note(change, work, EVENT_REDIRECTED_BY_OPERATOR) &&
           update_row(change, work, STORE_READY, WORK_READY, peer);
}

static bool nondeliver(const struct change *change, struct work *work) {
    struct mts_failure failure = {.reason = x411_NonDeliveryReasonCode_unable_to_transfer,
                                  .diagnostic = -1,
                                  .supplementary = change->reason,
                                  .final = true};
    return note(change, work, EVENT_NON_DELIVERED_BY_OPERATOR) && copy_fail(change->mta, work, &failure);
}

static bool apply_change(const struct change *change, struct work *work) {
    const char *operation = change->operation;
    if (strcmp(operation, "queue-hold") == 0)
        return note(change, work, EVENT_HELD) && update_row(change, work, STORE_HELD, WORK_HELD, NULL);
    if (strcmp(operation, "queue-release") == 0)
        return note(change, work, EVENT_RELEASED) && update_row(change, work, STORE_READY, WORK_READY, NULL);
    if (strcmp(operation, "queue-retry") == 0)
        return note(change, work, EVENT_RETRIED) && update_row(change, work, STORE_READY, WORK_READY, NULL);
    if (strcmp(operation, "queue-redirect") == 0)
        return redirect(change, work);
    if (strcmp(operation, "queue-delete") == 0)
        return note(change, work, EVENT_DELETED) && copy_finish(change->mta, work);
    return nondeliver(change, work);
}

/* Recipients and route of a copy in doubt are frozen (I4): it may be tried now, nothing else. */
static bool may_change(const struct change *change, const struct work *work) {
    if (work->state == WORK_SENDING)
        return false;
    if (strcmp(change->operation, "queue-release") == 0)
        return work->state == WORK_HELD;
    if (strcmp(change->operation, "queue-hold") == 0)
        return work->state != WORK_HELD && !work->in_doubt;
    if (strcmp(change->operation, "queue-retry") == 0)
        return work->state != WORK_HELD;
    return !work->in_doubt;
}

static void try_peer_now(struct mta *mta, const struct work *work) {
    if (work->peer != PEER_NONE)
        mta->peers[work->peer]->next_try = 0;
}

static bool change_one(const struct change *change, struct work *work) {
    struct batch_mark mark = batch_mark(change->mta);
    if (!may_change(change, work))
        return false;
    if (strcmp(change->operation, "queue-retry") == 0)
        try_peer_now(change->mta, work);
    if (apply_change(change, work))
        return true;
    batch_undo(change->mta, mark);
    return false;
}

static json_t *change_all(const struct change *change, json_t *request) {
    struct mta *mta = change->mta;
    struct filter filter;
    json_int_t changed = 0, skipped = 0;
    if (!read_filter(request, &filter))
        return client_error("bad-request", "a filter has the wrong type");
    struct choice choice = chosen(mta, &filter, 0);
    for (size_t i = 0; i < choice.count; i++) {
        struct work *work = schedule_find(&mta->schedule, choice.ids[i]);
        struct copy copy;
        if (needs_row(&filter) && (!load_row(mta, work, &copy) || !fits_row(mta, &filter, &copy)))
            continue;
        bool done = change_one(change, work);
        changed += done;
        skipped += !done;
    }
    free(choice.ids);
    return json_pack("{s:I, s:I}", "changed", changed, "skipped", skipped);
}

static json_t *check_change(const struct change *change, json_t *request) {
    size_t length = change->reason ? strlen(change->reason) : 0;
    bool redirects = strcmp(change->operation, "queue-redirect") == 0;
    if (length < 1 || length > 256)
        return client_error("bad-request", "give a reason of 1 to 256 characters");
    if (!json_object_get(request, "id") == !json_is_true(json_object_get(request, "all")))
        return client_error("bad-request", "give either id or all: true");
    if (redirects && !change->next_hop == !change->address)
        return client_error("bad-request", "give either next-hop or address");
    if (redirects && change->next_hop && !peer_find(change->mta, span_str(change->next_hop)))
        return client_error("not-found", "no peer has the name %s", change->next_hop);
    return NULL;
}

json_t *request_queue_change(struct client *client, json_t *request) {
    struct mta *mta = client->net->mta;
    const char *operation = json_string_value(json_object_get(request, "operation"));
    bool redirects = strcmp(operation, "queue-redirect") == 0;
    struct change change = {
        .mta = mta,
        .client = client,
        .operation = operation,
        .reason = json_string_value(json_object_get(request, "reason")),
        .next_hop = redirects ? json_string_value(json_object_get(request, "next-hop")) : NULL,
        .address = redirects ? json_string_value(json_object_get(request, "address")) : NULL};
    json_t *error = check_change(&change, request);
    if (error)
        return error;
    if (!json_object_get(request, "id"))
        return change_all(&change, request);
    struct work *work = unit_of(mta, request);
    if (!work)
        return client_error("not-found", "no copy in the queue has this id");
    if (!may_change(&change, work))
        return client_error(
            "wrong-state", "the copy is %s%s", work->state == WORK_HELD ? "held" : "in doubt or under way",
            work->state == WORK_HELD ? ": release it first" : "; its recipients and route are frozen");
    if (!change_one(&change, work))
        return client_error("unavailable", "the copy could not be changed");
    return json_pack("{s:i, s:i}", "changed", 1, "skipped", 0);
}
