#include "mta/waiting.h"

#include <string.h>

#include "base/clock.h"
#include "mta/event.h"
#include "mta/history.h"
#include "mta/json.h"

struct destination *waiting_destination(const struct mta *mta, const struct work *work) {
    return destination_at(mta, work->destination);
}

const char *waiting_state_counted(const struct mta *mta, const struct destination *destination,
                                  enum work_count how) {
    const char *blocked = destination_blocked(mta, destination);
    switch (how) {
    case COUNTED_READY:
        return blocked ? blocked : destination_waits(mta, destination) ? "backing-off" : "ready";
    case COUNTED_DEFERRED:
        return "deferred";
    case COUNTED_RETRIED:
        return blocked ? blocked : "backing-off";
    case COUNTED_BARRED:
        return blocked ? blocked : "restricted";
    case COUNTED_HELD:
        return "held";
    case COUNTED_SENDING:
        return "sending";
    default:
        return "in-doubt";
    }
}

const char *waiting_state(const struct mta *mta, const struct work *work) {
    return waiting_state_counted(mta, waiting_destination(mta, work), (enum work_count)work->counted);
}

const char *waiting_lane(const struct work *work) {
    return work->lane == LANE_URGENT ? "urgent" : work->lane == LANE_NORMAL ? "normal" : "non-urgent";
}

bool waiting_is_deferred(const struct work *work) {
    return work->tries == 0 && !work->in_doubt && !work->barred && work->due > clock_now_us();
}

/* Why its last try failed, of a copy that an earlier run of the process tried, or why it is held: its history
 * says so. */
static bool tells_cause(const struct work *work, const char *event) {
    if (work->state == WORK_HELD)
        return strcmp(event, "held") == 0;
    return strncmp(event, "transfer-", 9) == 0 || strncmp(event, "delivery-", 9) == 0 ||
           strcmp(event, "in-doubt") == 0;
}

void waiting_recall_cause(struct mta *mta, struct work *work) {
    uint8_t key[9];
    json_t *events = json_array();
    bool told = history_events(&mta->view, event_message_key(work->message, key), events, NULL);
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

/* What is wrong with the destination, where a copy that is due waits for that; NULL: it waits for itself. */
static const char *longest_wait(const struct mta *mta, const struct work *work) {
    const struct destination *destination = waiting_destination(mta, work);
    int64_t own = work->state == WORK_WAITING ? work->due : clock_now_us();
    bool tried = work->state == WORK_WAITING || work->state == WORK_READY;
    return tried && destination_waits(mta, destination) && destination_next_try(mta, destination) > own
               ? destination_trouble(mta, destination)
               : NULL;
}

struct span waiting_cause(struct mta *mta, struct work *work) {
    const struct destination *destination = waiting_destination(mta, work);
    const char *longest = waiting_is_deferred(work) ? NULL : longest_wait(mta, work);
    if (longest)
        return span_str(longest);
    if (work->state != WORK_HELD && work->state != WORK_SENDING && destination_blocked(mta, destination))
        return span_str(destination_trouble(mta, destination));
    if (!work->cause && !work->recalled && (work->tries || work->state == WORK_HELD))
        waiting_recall_cause(mta, work);
    if (work->barred)
        return SPAN_LIT("the user's delivery controls do not let it through for now");
    if (work->cause)
        return span_str(work->cause);
    bool waits = destination_waits(mta, destination) && !waiting_is_deferred(work);
    const char *trouble = waits ? destination_trouble(mta, destination) : NULL;
    return trouble ? span_str(trouble) : (struct span){NULL, 0};
}

int64_t waiting_next_try(const struct mta *mta, const struct work *work) {
    const struct destination *destination = waiting_destination(mta, work);
    int64_t own = work->state == WORK_WAITING ? work->due : clock_now_us();
    int64_t its = work->barred ? INT64_MAX : destination_next_try(mta, destination);
    if (work->state == WORK_HELD || work->state == WORK_SENDING)
        return 0;
    if (waiting_is_deferred(work) && destination_is_gone(mta, destination))
        return own; /* it is routed anew then */
    return own > its ? own : its;
}

json_t *waiting_expiry(const struct work *work) {
    int64_t expiry = schedule_expiry(work);
    return expiry == INT64_MAX ? json_null() : json_time(expiry / SECOND);
}
