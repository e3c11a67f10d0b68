#include "mta/queue_scan.h"

#include "mta/client.h"
#include "mta/history.h"
#include "mta/mta_private.h"

/* A request looks at so many rows at most, so that a long queue is worked on in turns with all else: the
 * answer's cursor says where the next request goes on. */
#define ROWS_A_REQUEST 10000

bool queue_is_damaged(const struct work *work, const struct error *err) {
    return work->damaged || err->code == STORE_CORRUPT;
}

/* What the filters ask for is there, and `damaged` tells that nothing more is. */
static bool fits(struct queue_scan *scan, struct work *work, struct copy *copy, bool *damaged) {
    struct error err = {0};
    if (!work || !queue_filter_fits_unit(scan->mta, scan->filter, work))
        return false;
    *damaged = work->damaged || !copy_load_rows(scan->mta, work, copy, &err);
    if (!*damaged)
        return queue_filter_fits_row(scan->mta, scan->filter, copy);
    if (queue_is_damaged(work, &err) && !work->cause)
        schedule_cause(work, err.text);
    if (!queue_is_damaged(work, &err) && history_failed_for_now(&err))
        scan->err = err;
    return queue_is_damaged(work, &err) && !queue_filter_needs_row(scan->filter);
}

/* Nobody can tell whether it is asked for: what was found is told, and the next request begins with it. */
static bool stop_before(struct queue_scan *scan, uint64_t id) {
    scan->more = true;
    scan->last = id - 1;
    return false;
}

/* In the order of ids, as the store has them. */
static bool look_at(void *context, const struct store_work *row) {
    struct queue_scan *scan = context;
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

json_t *queue_read_page(struct queue_scan *scan, json_t *request, json_int_t usual) {
    json_t *limit = json_object_get(request, "limit"), *after = json_object_get(request, "after");
    scan->most = limit ? json_integer_value(limit) : usual;
    scan->last = (uint64_t)json_integer_value(after);
    if (scan->most >= 1 && scan->most <= QUEUE_LIST_MOST && (!after || json_integer_value(after) >= 0))
        return NULL;
    return client_error("bad-request", "limit is not 1 to %d, or after is negative", QUEUE_LIST_MOST);
}

bool queue_scan(struct queue_scan *scan, struct error *err) {
    if (!store_each_work(scan->mta->view.store, scan->last, 0, 0, -1, look_at, scan, err))
        return false;
    return !scan->err.code || scan->taken || error_set(err, scan->err.code, "%s", scan->err.text);
}

json_t *queue_cursor(const struct queue_scan *scan) {
    return scan->more ? json_integer((json_int_t)scan->last) : json_null();
}

struct work *queue_find(struct mta *mta, json_t *request) {
    json_t *id = json_object_get(request, "id");
    struct work *work =
        json_integer_value(id) > 0 ? schedule_find(&mta->schedule, (uint64_t)json_integer_value(id)) : NULL;
    return work && work->committed ? work : NULL;
}
