#include "mta/schedule.h"

#include <string.h>

#include "base/alloc.h"

#define SLAB_UNITS    256
#define FIRST_BUCKETS 1024

struct work_slab {
    struct work_slab *next;
    struct work units[SLAB_UNITS];
};

bool schedule_init(struct schedule *schedule, size_t destinations) {
    *schedule = (struct schedule){.buckets = FIRST_BUCKETS};
    schedule->table = mem_alloc(FIRST_BUCKETS * sizeof(struct work *));
    schedule->messages = mem_alloc(FIRST_BUCKETS * sizeof(struct work *));
    return schedule->table && schedule->messages && schedule_grow(schedule, destinations);
}

void schedule_free(struct schedule *schedule) {
    for (size_t i = 0; schedule->table && i < schedule->buckets; i++)
        for (struct work *work = schedule->table[i]; work; work = work->same)
            mem_free(work->cause);
    while (schedule->slabs) {
        struct work_slab *slab = schedule->slabs;
        schedule->slabs = slab->next;
        mem_free(slab);
    }
    mem_free(schedule->table);
    mem_free(schedule->messages);
    mem_free(schedule->timers);
    mem_free(schedule->queues);
    *schedule = (struct schedule){0};
}

bool schedule_grow(struct schedule *schedule, size_t destinations) {
    if (destinations <= schedule->queue_count)
        return true;
    struct queue *grown = mem_resize(schedule->queues, destinations * sizeof *grown);
    if (!grown)
        return false;
    memset(grown + schedule->queue_count, 0, (destinations - schedule->queue_count) * sizeof *grown);
    schedule->queues = grown;
    schedule->queue_count = destinations;
    return true;
}

/* ---- the tables by id and by message ---- */

/* Ids rise one by one, so their low bits spread evenly; so do those of messages. */
static struct work **bucket(const struct schedule *schedule, uint64_t id) {
    return &schedule->table[id & (schedule->buckets - 1)];
}

static struct work **bucket_of_message(const struct schedule *schedule, uint64_t message) {
    return &schedule->messages[message & (schedule->buckets - 1)];
}

static void join_tables(struct schedule *schedule, struct work *work) {
    struct work **place = bucket(schedule, work->id);
    work->same = *place;
    *place = work;
    place = bucket_of_message(schedule, work->message);
    work->alike = *place;
    *place = work;
}

static void leave_tables(struct schedule *schedule, struct work *work) {
    struct work **place = bucket(schedule, work->id);
    while (*place != work)
        place = &(*place)->same;
    *place = work->same;
    place = bucket_of_message(schedule, work->message);
    while (*place != work)
        place = &(*place)->alike;
    *place = work->alike;
}

static void widen_table(struct schedule *schedule) {
    struct work **old = schedule->table;
    size_t old_buckets = schedule->buckets;
    struct work **wide = mem_alloc(old_buckets * 2 * sizeof *wide);
    struct work **messages = mem_alloc(old_buckets * 2 * sizeof *messages);
    if (!wide || !messages) { /* longer chains, nothing worse */
        mem_free(wide);
        mem_free(messages);
        return;
    }
    mem_free(schedule->messages);
    schedule->table = wide;
    schedule->messages = messages;
    schedule->buckets = old_buckets * 2;
    for (size_t i = 0; i < old_buckets; i++) {
        for (struct work *work = old[i], *next; work; work = next) {
            next = work->same;
            join_tables(schedule, work);
        }
    }
    mem_free(old);
}

struct work *schedule_find(const struct schedule *schedule, uint64_t id) {
    struct work *work = *bucket(schedule, id);
    while (work && work->id != id)
        work = work->same;
    return work;
}

/* From there on in the chain. */
static struct work *of_message(struct work *work, uint64_t message) {
    while (work && work->message != message)
        work = work->alike;
    return work;
}

struct work *schedule_of_message(const struct schedule *schedule, uint64_t message) {
    return of_message(*bucket_of_message(schedule, message), message);
}

struct work *schedule_next_of_message(const struct work *work) {
    return of_message(work->alike, work->message);
}

/* ---- timers: a binary heap ---- */

static void place_timer(struct schedule *schedule, size_t at, struct timer timer) {
    schedule->timers[at] = timer;
    timer.work->timer = (uint32_t)at;
}

static void sift_up(struct schedule *schedule, size_t at, struct timer timer) {
    while (at > 1 && schedule->timers[at / 2].when > timer.when) {
        place_timer(schedule, at, schedule->timers[at / 2]);
        at /= 2;
    }
    place_timer(schedule, at, timer);
}

static void sift_down(struct schedule *schedule, size_t at, struct timer timer) {
    for (;;) {
        size_t child = at * 2;
        if (child > schedule->timer_count)
            break;
        if (child < schedule->timer_count && schedule->timers[child + 1].when < schedule->timers[child].when)
            child++;
        if (schedule->timers[child].when >= timer.when)
            break;
        place_timer(schedule, at, schedule->timers[child]);
        at = child;
    }
    place_timer(schedule, at, timer);
}

static void drop_timer(struct schedule *schedule, struct work *work) {
    size_t at = work->timer;
    if (!at)
        return;
    work->timer = 0;
    struct timer last = schedule->timers[schedule->timer_count--];
    if (last.work == work)
        return;
    if (at > 1 && schedule->timers[at / 2].when > last.when)
        sift_up(schedule, at, last);
    else
        sift_down(schedule, at, last);
}

int64_t schedule_expiry(const struct work *work) {
    return work->latest && work->latest < work->expires ? work->latest : work->expires;
}

/* Room is made when a unit is added, so that moving a unit never fails. */
static bool timer_room(struct schedule *schedule) {
    if (schedule->count + 2 <= schedule->timer_room)
        return true;
    size_t room = schedule->timer_room ? schedule->timer_room * 2 : 1024;
    struct timer *grown = mem_resize(schedule->timers, room * sizeof *grown);
    if (!grown)
        return false;
    schedule->timers = grown;
    schedule->timer_room = room;
    return true;
}

static void set_timer(struct schedule *schedule, struct work *work) {
    int64_t when = work->taken ? INT64_MAX : schedule_expiry(work);
    if (work->state == WORK_WAITING && work->due < when)
        when = work->due;
    if (work->state == WORK_HELD || work->state == WORK_SENDING || when == INT64_MAX)
        return;
    sift_up(schedule, ++schedule->timer_count, (struct timer){when, work});
}

void schedule_expires(struct schedule *schedule, struct work *work, int64_t expires) {
    bool armed = work->timer != 0;
    drop_timer(schedule, work);
    work->expires = expires;
    if (armed)
        set_timer(schedule, work);
}

int64_t schedule_wake(const struct schedule *schedule) {
    return schedule->timer_count ? schedule->timers[1].when : INT64_MAX;
}

struct work *schedule_due(struct schedule *schedule, int64_t now) {
    if (schedule_wake(schedule) > now)
        return NULL;
    struct work *work = schedule->timers[1].work;
    drop_timer(schedule, work);
    return work;
}

/* ---- lanes ---- */

static struct queue *queue_of(struct schedule *schedule, const struct work *work) {
    return &schedule->queues[work->destination];
}

static void join_lane(struct schedule *schedule, struct work *work, bool front) {
    struct queue *queue = queue_of(schedule, work);
    struct lane *lane = &queue->lanes[work->lane];
    work->prev = front ? NULL : lane->last;
    work->next = front ? lane->first : NULL;
    *(work->prev ? &work->prev->next : &lane->first) = work;
    *(work->next ? &work->next->prev : &lane->last) = work;
    queue->ready++;
}

static void leave_lane(struct schedule *schedule, struct work *work) {
    struct queue *queue = queue_of(schedule, work);
    struct lane *lane = &queue->lanes[work->lane];
    *(work->prev ? &work->prev->next : &lane->first) = work->next;
    *(work->next ? &work->next->prev : &lane->last) = work->prev;
    work->next = work->prev = NULL;
    queue->ready--;
}

struct work *schedule_first(const struct schedule *schedule, uint32_t destination) {
    const struct queue *queue = &schedule->queues[destination];
    for (size_t i = 0; i < LANES; i++)
        if (queue->lanes[i].first)
            return queue->lanes[i].first;
    return NULL;
}

/* ---- all of a destination ---- */

/* Ids rise, so that a new unit is the newest. */
static void join_queue(struct schedule *schedule, struct work *work) {
    struct queue *queue = queue_of(schedule, work);
    work->older = queue->newest;
    work->newer = NULL;
    *(work->older ? &work->older->newer : &queue->oldest) = work;
    queue->newest = work;
    queue->count++;
    queue->in_doubt += work->in_doubt;
}

static void leave_queue(struct schedule *schedule, struct work *work) {
    struct queue *queue = queue_of(schedule, work);
    *(work->older ? &work->older->newer : &queue->oldest) = work->newer;
    *(work->newer ? &work->newer->older : &queue->newest) = work->older;
    queue->count--;
    queue->in_doubt -= work->in_doubt;
}

void schedule_each_of(const struct schedule *schedule, uint32_t destination,
                      bool (*visit)(void *context, struct work *work), void *context) {
    for (struct work *work = schedule->queues[destination].oldest; work; work = work->newer)
        if (!visit(context, work))
            return;
}

/* ---- units ---- */

static enum work_count counts_as(const struct work *work) {
    if (work->state == WORK_HELD)
        return COUNTED_HELD;
    if (work->in_doubt)
        return COUNTED_IN_DOUBT;
    if (work->state != WORK_WAITING)
        return work->state == WORK_READY ? COUNTED_READY : COUNTED_SENDING;
    return work->barred ? COUNTED_BARRED : work->tries ? COUNTED_RETRIED : COUNTED_DEFERRED;
}

static void count_in(struct schedule *schedule, struct work *work) {
    work->counted = (uint8_t)counts_as(work);
    queue_of(schedule, work)->counted[work->counted]++;
}

static void count_out(struct schedule *schedule, const struct work *work) {
    queue_of(schedule, work)->counted[work->counted]--;
}

static void enter_state(struct schedule *schedule, struct work *work, enum work_state state, int64_t due,
                        bool front) {
    work->state = (uint8_t)state;
    work->due = due;
    count_in(schedule, work);
    if (state == WORK_READY)
        join_lane(schedule, work, front);
    set_timer(schedule, work);
}

static void leave_state(struct schedule *schedule, struct work *work) {
    count_out(schedule, work);
    schedule->barred -= work->barred;
    work->barred = false;
    if (work->state == WORK_READY)
        leave_lane(schedule, work);
    drop_timer(schedule, work);
}

void schedule_set(struct schedule *schedule, struct work *work, enum work_state state, int64_t due,
                  bool front) {
    leave_state(schedule, work);
    enter_state(schedule, work, state, due, front);
}

void schedule_bar(struct schedule *schedule, struct work *work, int64_t due) {
    schedule_set(schedule, work, WORK_WAITING, due, false);
    count_out(schedule, work);
    work->barred = true;
    schedule->barred++;
    count_in(schedule, work);
}

void schedule_cause(struct work *work, const char *cause) {
    size_t size = cause ? strlen(cause) + 1 : 0;
    mem_free(work->cause);
    work->recalled = false;
    work->cause = cause ? mem_alloc(size) : NULL;
    if (work->cause)
        memcpy(work->cause, cause, size);
}

void schedule_doubt(struct schedule *schedule, struct work *work, bool in_doubt) {
    if (work->in_doubt == in_doubt)
        return;
    count_out(schedule, work);
    schedule->in_doubt += in_doubt ? 1 : (size_t)-1;
    queue_of(schedule, work)->in_doubt += in_doubt ? 1 : (size_t)-1;
    work->in_doubt = in_doubt;
    count_in(schedule, work);
}

static struct work *spare_unit(struct schedule *schedule) {
    if (!schedule->spare) {
        struct work_slab *slab = mem_alloc(sizeof *slab);
        if (!slab)
            return NULL;
        slab->next = schedule->slabs;
        schedule->slabs = slab;
        for (size_t i = 0; i < SLAB_UNITS; i++) {
            slab->units[i].next = schedule->spare;
            schedule->spare = &slab->units[i];
        }
    }
    struct work *work = schedule->spare;
    schedule->spare = work->next;
    return work;
}

struct work *schedule_add(struct schedule *schedule, const struct work *work) {
    if (!timer_room(schedule))
        return NULL;
    struct work *unit = spare_unit(schedule);
    if (!unit)
        return NULL;
    *unit = *work;
    unit->next = unit->prev = NULL;
    unit->timer = 0;
    if (schedule->count >= schedule->buckets)
        widen_table(schedule);
    join_tables(schedule, unit);
    schedule->count++;
    schedule->in_doubt += unit->in_doubt;
    join_queue(schedule, unit);
    enter_state(schedule, unit, (enum work_state)unit->state, unit->due, false);
    return unit;
}

void schedule_remove(struct schedule *schedule, struct work *work) {
    leave_state(schedule, work);
    leave_queue(schedule, work);
    leave_tables(schedule, work);
    mem_free(work->cause);
    work->cause = NULL;
    schedule->in_doubt -= work->in_doubt;
    schedule->count--;
    work->next = schedule->spare;
    schedule->spare = work;
}

void schedule_each(const struct schedule *schedule, bool (*visit)(void *context, struct work *work),
                   void *context) {
    for (size_t i = 0; i < schedule->buckets; i++)
        for (struct work *work = schedule->table[i], *next; work; work = next) {
            next = work->same;
            if (!visit(context, work))
                return;
        }
}

static void shift_unit(struct work *work, int64_t us) {
    if (work->expires != INT64_MAX && __builtin_add_overflow(work->expires, us, &work->expires))
        work->expires = INT64_MAX;
    if (work->tries || work->state != WORK_WAITING)
        work->due += us;
}

void schedule_shift(struct schedule *schedule, int64_t us) {
    for (size_t i = 0; i < schedule->buckets; i++)
        for (struct work *work = schedule->table[i]; work; work = work->same) {
            bool armed = work->timer != 0;
            drop_timer(schedule, work);
            shift_unit(work, us);
            if (armed)
                set_timer(schedule, work);
        }
}
