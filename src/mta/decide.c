/* What the rules decided becomes rows: objects, copies for next hops, mailbox entries, events. */
#include "mta/decide.h"

#include "directory/directory.h"
#include "mta/delivered.h"
#include "mta/event.h"
#include "mta/jump.h"
#include "mta/kept.h"
#include "mta/mailbox_name.h"
#include "mta/mta_private.h"
#include "mta/pace.h"
#include "mta/quota.h"
#include "mta/telling.h"
#include "mta/user_agent.h"
#include "mts/row.h"
#include "schema/x413.h"

/* Received octets wait in memory up to this many; what is above is
 * read from the store when its turn comes. */
#define HOT_MOST ((size_t)24 * 1024 * 1024)

/* Deliveries, and what comes of them (a report that is delivered), within one decision. */
#define DEPTH_MOST 8

/* Deliveries of one decision, and octets of the envelopes that they decode into its memory. What is above
 * becomes work that is due, which is done some in each turn (deliver.c). */
#define DELIVER_AT_ONCE 256
#define DECODE_AT_ONCE  ((size_t)256 * 1024)

struct decision {
    struct mta *mta;
    struct mts_run *run;
    const struct content *content;
    unsigned depth;
    struct spent {
        size_t decoded; /* octets */
        unsigned deliveries;
        bool kept; /* the submission was */
    } * spent;     /* of the inner ones, too */
    struct telling *telling;
};

static bool apply(const struct decision *decision, const struct mts_decisions *decisions);

/* The built-in table knows all that it will know. */
static void find_name(void *context, struct mts_answer *answer) {
    const struct mta *mta = context;
    const struct directory *directory = mta->view.config->directory;
    answer->address = directory ? directory_find(directory, answer->directory_name) : NULL;
}

bool run_again(struct mta *mta, struct mts_run *run, struct mts_decisions *out) {
    return mts_answer(run, out, find_name, mta);
}

struct mts_run run_begin(struct mta *mta, struct arena *arena) {
    return (struct mts_run){.tables = mta->view.config->tables,
                            .arena = arena,
                            .now = jump_now(mta) / SECOND,
                            .id_prefix = mta->id_prefix,
                            .id_next = mta->id_next,
                            .relax_bounds = mta->view.config->limits.relax_bounds,
                            .hop_down = mta->hop_down,
                            .hop_disabled = mta->hop_disabled,
                            .hop_down_count = mta->hop_count,
                            .record = event_history,
                            .record_context = mta};
}

/* ---- the effect of new work ---- */

void work_forget_bytes(struct mta *mta, struct work *work) {
    if (!work->bytes)
        return;
    mta->hot_octets -= work->bytes->length;
    bytes_drop(work->bytes);
    work->bytes = NULL;
}

static void work_is_stored(struct mta *mta, const struct effect *effect) {
    struct work *work = schedule_find(&mta->schedule, effect->work);
    if (!work)
        return;
    work->committed = true;
    if (mta->hot_octets > HOT_MOST && work->state != WORK_SENDING)
        work_forget_bytes(mta, work);
    destination_mark(mta, destination_at(mta, work->destination));
}

static void work_is_not_stored(struct mta *mta, const struct effect *effect) {
    struct work *work = schedule_find(&mta->schedule, effect->work);
    if (!work)
        return;
    work_forget_bytes(mta, work);
    schedule_remove(&mta->schedule, work);
}

static const struct effect_kind new_work = {work_is_stored, work_is_not_stored};

static enum work_lane lane_of(enum mts_priority priority) {
    return priority == MTS_URGENT ? LANE_URGENT : priority == MTS_NON_URGENT ? LANE_NON_URGENT : LANE_NORMAL;
}

/* The APDU as it will leave, while all it is made of is at hand. */
static struct bytes *hot_bytes(const struct decision *decision, const struct mts_object *object,
                               const struct mts_copy *copy) {
    const struct content *content = decision->content;
    struct mta *mta = decision->mta;
    uint64_t length = object->has_content ? content->length : 0;
    if (length > IPC_WHOLE_MAX || (length && !content->memory.data) || mta->hot_octets > HOT_MOST)
        return NULL;
    struct mts_stored stored = {object->kind, object->octets, copy->plan, object->has_content, length};
    buf_clear(&mta->prefix);
    if (!mts_outbound(&stored, decision->run->arena, &mta->prefix))
        return NULL;
    return bytes_new(buf_span(&mta->prefix), length ? content->memory : (struct span){NULL, 0});
}

/* NULL: there is no memory. */
static struct destination *destination_of_delivery(struct mta *mta, struct arena *arena,
                                                   const struct mts_copy *copy) {
    bool failed;
    struct user_agent *agent = user_agent_of_mailbox(mta, arena, copy->mailbox, &failed);
    return agent ? &agent->destination : failed ? NULL : destination_of_kind(mta, DESTINATION_MAILBOX);
}

/* NULL: the hop left the tables meanwhile, or there is no memory. */
static struct destination *destination_of(struct mta *mta, struct arena *arena, const struct mts_copy *copy) {
    if (copy->kind == MTS_COPY_DELIVER)
        return destination_of_delivery(mta, arena, copy);
    if (copy->kind == MTS_COPY_CONVERT)
        return destination_of_kind(mta, DESTINATION_CONVERSION);
    struct peer *peer = peer_of_hop(mta, copy->hop);
    return peer ? &peer->destination : NULL;
}

static bool goes_on(const struct decision *decision, const struct mts_object *object) {
    return object->kind == decision->content->successor_of;
}

/* Why the object's copies are held; NULL: they are not. */
static const char *why_held(const struct decision *decision, const struct mts_object *object) {
    return goes_on(decision, object) ? decision->content->held : NULL;
}

/* The scheduler gets the unit with the row; a next hop that is up gets the row with its mark (I3). */
static bool add_work(const struct decision *decision, const struct mts_object *object,
                     const struct mts_copy *copy, uint64_t message) {
    struct mta *mta = decision->mta;
    struct destination *destination = destination_of(mta, decision->run->arena, copy);
    struct peer *peer = peer_of(destination);
    const char *held = why_held(decision, object);
    bool later = copy->due > decision->run->now;
    bool marked = peer && !later && !held && peer_is_up(peer);
    struct row row = {object->kind, copy->kind, object->has_content, copy->plan, copy->latest * SECOND};
    struct work unit = {.message = message,
                        .due = copy->due * SECOND,
                        .expires = copy->expires > 0 ? copy->expires * SECOND : INT64_MAX,
                        .latest = row.latest,
                        .destination = destination ? destination->number : DESTINATION_NONE,
                        .lane = (uint8_t)lane_of(copy->priority),
                        .state = held    ? WORK_HELD
                                 : later ? WORK_WAITING
                                         : WORK_READY,
                        .marked = marked};
    if (held &&
        !event_copy_at(mta, message, EVENT_HELD, destination, span_str(copy->mailbox), span_str(held)))
        return false;
    buf_clear(&mta->scratch);
    if (!destination || !row_write(&mta->scratch, &row))
        return false;
    struct store_work stored = {.message = message,
                                .due = unit.due,
                                .expiry = unit.expires,
                                .next_hop = destination->key,
                                .doubt_peer = marked ? destination->key : 0,
                                .priority = unit.lane,
                                .status = held    ? STORE_HELD
                                          : later ? STORE_DEFERRED
                                                  : STORE_READY,
                                .data = buf_span(&mta->scratch)};
    unit.id = store_add_work(mta->batch.store, &stored);
    unit.bytes = marked ? hot_bytes(decision, object, copy) : NULL;
    struct work *work = unit.id ? schedule_add(&mta->schedule, &unit) : NULL;
    if (!work) {
        bytes_drop(unit.bytes);
        return false;
    }
    if (held)
        schedule_cause(work, held);
    if (work->bytes)
        mta->hot_octets += work->bytes->length;
    if (batch_effect(mta, (struct effect){.kind = &new_work, .work = work->id, .number = object->kind})) {
        if (marked)
            pace_work(mta, peer);
        return true;
    }
    work_forget_bytes(mta, work);
    schedule_remove(&mta->schedule, work);
    return false;
}

json_t *decide_added(const struct mta *mta, struct batch_mark since, enum mts_kind kind) {
    json_t *ids = json_array();
    for (size_t i = since.effects; i < mta->batch.count; i++) {
        const struct effect *effect = &mta->batch.effects[i];
        if (effect->kind == &new_work && effect->number == kind)
            json_array_append_new(ids, json_integer((json_int_t)effect->work));
    }
    return ids;
}

/* ---- deliveries ---- */

/* What an entry costs besides its octets: rows and their places. */
#define ENTRY_OCTETS 256

static bool add_entry(struct mta *mta, struct arena *arena, const struct mts_stored *stored,
                      const struct mts_delivery *delivery, const struct store_entry *entry,
                      struct span name) {
    struct delivered delivered = {
        .kind = stored->kind, .has_content = stored->has_content, .position = delivery->position};
    struct store_entry row = *entry;
    row.type =
        stored->kind == MTS_REPORT ? x413_EntryType_delivered_report : x413_EntryType_delivered_message;
    uint32_t mailbox = store_mailbox(mta->view.store, name, NULL);
    buf_clear(&mta->scratch);
    if (!mailbox || !delivered_write(&mta->scratch, &delivered) ||
        (delivery->envelope &&
         !delivered_add_items(&mta->scratch, delivery, stored->content_length, arena, &row)))
        return false;
    row.data = buf_span(&mta->scratch);
    return store_add_entry(mta->batch.store, mailbox, &row, NULL) && quota_add(mta, mailbox, row.octets) &&
           (delivered.kind != MTS_MESSAGE || counter_with_batch(mta, COUNT_DELIVERED));
}

/* X.411 has no diagnostic of its own for it: the recipient can't take delivery now. */
static const struct mts_failure mailbox_full = {.reason = x411_NonDeliveryReasonCode_unable_to_transfer,
                                                .diagnostic =
                                                    x411_NonDeliveryDiagnosticCode_recipient_unavailable,
                                                .supplementary = "the mailbox is full"};

static uint64_t octets_of_entry(struct span envelope, uint64_t content_length) {
    return ENTRY_OCTETS + envelope.len + content_length;
}

/* Also without memory: then it does not get there. */
static bool goes_to_program(struct mta *mta, struct arena *arena, const struct mts_copy *copy) {
    bool failed;
    return user_agent_of_mailbox(mta, arena, copy->mailbox, &failed) || failed;
}

bool decide_has_room(struct mta *mta, struct arena *arena, const struct mts_object *object,
                     const struct mts_copy *copy, uint64_t content_length, struct mts_failure *full) {
    *full = mailbox_full;
    return copy->kind != MTS_COPY_DELIVER || goes_to_program(mta, arena, copy) ||
           quota_has_room(mta, mailbox_name(arena, copy->mailbox),
                          octets_of_entry(object->octets, object->has_content ? content_length : 0),
                          object->kind == MTS_REPORT);
}

bool decide_delivery(struct mta *mta, struct mts_run *run, const struct mts_stored *stored, uint64_t message,
                     struct mts_decisions *more, struct delivery_waits *waits) {
    *waits = (struct delivery_waits){0};
    struct mts_delivery delivery = {0};
    struct user_agent *agent = NULL;
    struct store_entry entry = {.message = message,
                                .at = run->now * SECOND,
                                .octets = octets_of_entry(stored->octets, stored->content_length)};
    do
        mts_deliver(run, stored, &delivery);
    while (run_again(mta, run, &delivery.more));
    *more = delivery.more;
    if (!delivery.delivered)
        return true;
    struct span name = mailbox_name(run->arena, delivery.mailbox);
    const struct local_user *user = users_with_key(&mta->view.users, name);
    waits->removal = user && user->leaving;
    if (user && user->by_p3 && !user->leaving && !(agent = user_agent_for(mta, user)))
        return false;
    waits->instead = agent ? &agent->destination : NULL;
    if (waits->removal || waits->instead)
        return true;
    if (quota_has_room(mta, name, entry.octets, stored->kind == MTS_REPORT))
        return add_entry(mta, run->arena, stored, &delivery, &entry, name);
    quota_turned_away(mta, name);
    do
        mts_work_failed(run, stored, &mailbox_full, more);
    while (run_again(mta, run, more));
    return true;
}

/* `opened` is of the object, from the first of its deliveries on. */
static bool deliver_now(const struct decision *decision, const struct mts_object *object,
                        const struct mts_copy *copy, uint64_t message, struct mts_opened **opened) {
    struct mts_stored stored = {object->kind,
                                object->octets,
                                copy->plan,
                                object->has_content,
                                object->has_content ? decision->content->length : 0,
                                *opened};
    struct mts_decisions more = {0};
    struct decision inner = *decision;
    if (!*opened) {
        *opened = stored.opened = mts_open(decision->run, &stored);
        decision->spent->decoded += object->octets.len;
    }
    decision->spent->deliveries++;
    inner.depth++;
    struct delivery_waits waits;
    return decide_delivery(decision->mta, decision->run, &stored, message, &more, &waits) &&
           (waits.removal || waits.instead ? add_work(decision, object, copy, message)
                                           : apply(&inner, &more));
}

/* An envelope that is open already costs no more. */
static bool is_for_now(const struct decision *decision, const struct mts_object *object,
                       const struct mts_copy *copy, bool opened) {
    const struct spent *spent = decision->spent;
    return copy->kind == MTS_COPY_DELIVER && copy->due <= decision->run->now && !why_held(decision, object) &&
           decision->depth < DEPTH_MOST && spent->deliveries < DELIVER_AT_ONCE &&
           !goes_to_program(decision->mta, decision->run->arena, copy) &&
           (opened || spent->decoded + object->octets.len < DECODE_AT_ONCE);
}

/* The first message that a submission leads to is what was submitted. */
static bool keep(const struct decision *decision, const struct mts_object *object, uint64_t message) {
    const struct content *content = decision->content;
    if (!content->keep_in.data || object->kind != MTS_MESSAGE || decision->spent->kept || decision->depth)
        return true;
    decision->spent->kept = true;
    return kept_add(decision->mta, decision->run->arena, content->keep_in, object,
                    object->has_content ? content->length : 0, message);
}

static bool add_object(const struct decision *decision, const struct mts_object *object) {
    struct mta *mta = decision->mta;
    if (!object->copy_count)
        return true;
    int64_t came = goes_on(decision, object) ? decision->content->arrival : 0;
    uint64_t message =
        store_add_message(mta->batch.store, came ? came : decision->run->now * SECOND, object->octets,
                          object->has_content ? decision->content->stored : NULL);
    if (!message || !event_message(mta, object->identifier, message) || !keep(decision, object, message))
        return false;
    struct mts_opened *opened = NULL;
    for (size_t i = 0; i < object->copy_count; i++) {
        const struct mts_copy *copy = &object->copies[i];
        if (!(is_for_now(decision, object, copy, opened)
                  ? deliver_now(decision, object, copy, message, &opened)
                  : add_work(decision, object, copy, message)))
            return false;
    }
    return true;
}

/* One event tells of each report that is made; one that only passes has none. */
static bool count_reports(struct mta *mta, const struct mts_decisions *decisions) {
    for (size_t i = 0; i < decisions->event_count; i++)
        if (decisions->events[i].kind == MTS_EVENT_REPORTED && !counter_with_batch(mta, COUNT_REPORTS))
            return false;
    return true;
}

static bool apply(const struct decision *decision, const struct mts_decisions *decisions) {
    if (decisions->result != MTS_DECIDED)
        return decisions->result == 0; /* a delivery that had nothing more to decide */
    /* The decision's own events come before those of the copies that it leads to. */
    if (!event_decided(decision->mta, decisions) || !count_reports(decision->mta, decisions))
        return false;
    telling_note(decision->telling, decisions);
    for (size_t i = 0; i < decisions->object_count; i++)
        if (!add_object(decision, &decisions->objects[i]))
            return false;
    return true;
}

bool decide_apply(struct mta *mta, struct mts_run *run, const struct mts_decisions *decisions,
                  const struct content *content) {
    struct spent spent = {0};
    struct telling telling;
    struct decision decision = {mta, run, content, 0, &spent, &telling};
    telling_begin(&telling, mta, content->who);
    bool done = apply(&decision, decisions) && telling_end(&telling);
    mta->id_next = run->id_next;
    return done;
}
