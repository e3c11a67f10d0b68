/*
 * A clock that jumps. Expiry and back-off are times of day in the rows, but they
 * mean spans of time: a clock that is set three days ahead must not return the
 * whole queue. So whoever sets or judges a time asks for the clock here, where it
 * is compared with the one that never steps; when they part, what waits is moved
 * by as much, and goes on waiting for as long as it would have. What was asked for
 * as a time of day (deferred delivery, latest delivery) stays.
 *
 * The rows keep their times. That those of units up to an id are to be read with a
 * shift is a record of its own, written with the next commit, so that a restart
 * does not take the jump back. An event in that commit bears the clock's new time:
 * a restart compares with it, and does not find the same jump again.
 *
 * Between a stop and the next start nobody ran a clock. One that stands before the
 * newest recorded event was set back, which is a jump like another. One that is
 * ahead may be right: then what expired meanwhile is given START_GRACE, in which it
 * is tried, and in which an operator can see to the clock; and nothing that is kept
 * for a time is dropped. A clock that is set back later, by no more than it was
 * ahead, is set right: what waited at the start then has its rows' times again.
 *
 * What is kept for a time (repeat keys, outcomes, activities) is dated by a clock
 * that never jumped: the system's, less all jumps that were seen.
 */
#include "mta/jump.h"

#include "base/clock.h"
#include "base/log.h"
#include "ipc/payload.h"

#include <stdio.h>

/* Smaller steps are those of a clock that is being steered, or of a machine that is busy. */
#define JUMP_LEAST (60 * SECOND)

#define START_GRACE (3600 * SECOND)

static const struct span record_name = SPAN_LIT("clock-jumps");

/* ---- the record ---- */

/* No message's events stand under it: neither an identifier nor the other keys of event.h begin with it. */
static const struct span event_key = SPAN_LIT("\2");

bool jump_save(struct mta *mta) {
    struct buf record;
    buf_init(&record, (size_t)64 * SHIFTS_MOST);
    buf_append_u64(&record, (uint64_t)mta->jump_total);
    for (size_t i = 0; i < mta->shift_count; i++) {
        buf_append_u64(&record, mta->shifts[i].from);
        buf_append_u64(&record, mta->shifts[i].below);
        buf_append_u64(&record, (uint64_t)mta->shifts[i].us);
        buf_append_u64(&record, (uint64_t)mta->shifts[i].at);
    }
    bool done = !record.failed &&
                store_put_record(mta->batch.store, STORE_SETTING, record_name, buf_span(&record)) &&
                store_add_event(mta->batch.store, event_key, mta->tick_clock, (struct span){NULL, 0});
    buf_free(&record);
    return done;
}

static void load(struct mta *mta) {
    struct buf data;
    buf_init(&data, (size_t)64 * SHIFTS_MOST);
    store_get_record(mta->view.store, STORE_SETTING, record_name, &data, NULL);
    struct reader r = reader_of(buf_span(&data));
    if (data.len)
        mta->jump_total = (int64_t)reader_u64(&r);
    while (reader_left(&r) >= 32 && mta->shift_count < SHIFTS_MOST) {
        struct expiry_shift *shift = &mta->shifts[mta->shift_count++];
        shift->from = reader_u64(&r);
        shift->below = reader_u64(&r);
        shift->us = (int64_t)reader_u64(&r);
        shift->at = (int64_t)reader_u64(&r);
    }
    buf_free(&data);
}

/* ---- jumps ---- */

struct ids {
    uint64_t lowest, below;
};

static bool find_ids(void *context, struct work *work) {
    struct ids *ids = context;
    if (work->id >= ids->below)
        ids->below = work->id + 1;
    if (work->id < ids->lowest)
        ids->lowest = work->id;
    return true;
}

static struct ids ids_of(const struct mta *mta) {
    struct ids ids = {.lowest = UINT64_MAX};
    schedule_each(&mta->schedule, find_ids, &ids);
    return ids;
}

/* Units from `from` on that wait now are to be read with the shift. When there is no more room the oldest
 * gives way. Where units wait yet that it is for, the next one takes it in: the few units between them get a
 * shift too many. */
static void note_shift(struct mta *mta, uint64_t from, const struct ids *ids, int64_t us) {
    struct expiry_shift *shifts = mta->shifts;
    if (mta->shift_count == SHIFTS_MOST) {
        if (ids->lowest < shifts[0].below) {
            shifts[1].us += shifts[0].us;
            shifts[1].from = shifts[0].from;
        }
        memmove(shifts, shifts + 1, --mta->shift_count * sizeof *shifts);
    }
    shifts[mta->shift_count++] =
        (struct expiry_shift){from, ids->below, us, mta->tick_clock - mta->jump_total};
}

static bool in_grace(const struct mta *mta) {
    return mta->tick_monotonic < mta->grace_end;
}

/* Units that waited at the start, and that the shift of a clock that is set right is not for. */
static bool read_again(void *context, const struct store_work *row) {
    struct mta *mta = context;
    struct work *work = row->id < mta->started_below ? schedule_find(&mta->schedule, row->id) : NULL;
    if (work && row->expiry)
        schedule_expires(&mta->schedule, work, jump_expiry(mta, row->id, row->expiry));
    return row->id < mta->started_below;
}

/* What the start took for time that had passed was none, or not all of it: it is no part of the total. */
static void set_right(struct mta *mta, const struct ids *ids, int64_t us) {
    struct error err = {0};
    mta->away += us;
    note_shift(mta, mta->started_below, ids, us);
    if (!store_each_work(mta->view.store, 0, 0, 0, -1, read_again, mta, &err))
        log_error("what waited at the start may expire too early, its times can't be read: %s", err.text);
}

static const char *duration(int64_t us, char out[static 40]) {
    int64_t seconds = (us < 0 ? -us : us) / SECOND;
    snprintf(out, 40, "%lld d %02d:%02d:%02d", (long long)(seconds / 86400), (int)(seconds / 3600 % 24),
             (int)(seconds / 60 % 60), (int)(seconds % 60));
    return out;
}

static void jumped(struct mta *mta, int64_t us) {
    char text[40];
    log_warning("the clock jumped %s by %s: what waits (copies: %zu) goes on waiting, and expires, by time "
                "that has passed",
                us > 0 ? "forward" : "back", duration(us, text), mta->schedule.count);
    struct ids ids = ids_of(mta);
    schedule_shift(&mta->schedule, us);
    if (us < 0 && -us <= mta->away) {
        set_right(mta, &ids, us);
    } else {
        mta->jump_total += us;
        note_shift(mta, 0, &ids, us);
    }
    mta->jump_note = (struct note){.unsaved = true};
}

int64_t jump_now(struct mta *mta) {
    int64_t now = clock_now_us(), monotonic = clock_monotonic_us();
    int64_t apart = (now - mta->tick_clock) - (monotonic - mta->tick_monotonic);
    bool first = !mta->tick_monotonic;
    mta->tick_clock = now;
    mta->tick_monotonic = monotonic;
    ber_utctime_set_now(now / SECOND);
    if (!first && (apart > JUMP_LEAST || apart < -JUMP_LEAST))
        jumped(mta, apart);
    return now;
}

/* ---- what is kept for a time ---- */

int64_t jump_steady(struct mta *mta) {
    int64_t now = jump_now(mta);
    return now - mta->jump_total;
}

int64_t jump_drop_before(struct mta *mta) {
    int64_t steady = jump_steady(mta);
    return in_grace(mta) ? mta->last_seen - mta->jump_total : steady;
}

/* Events bear the clock's time. One that is younger than `keep` may look older by as much as the clock was
 * set ahead in all since: the most that the last jumps, of that time, come to. */
int64_t jump_events_before(struct mta *mta, int64_t keep) {
    int64_t now = jump_now(mta), steady = now - mta->jump_total, sum = 0, most = 0;
    for (size_t i = mta->shift_count; i-- > 0 && steady - mta->shifts[i].at < keep;) {
        sum += mta->shifts[i].us;
        if (sum > most)
            most = sum;
    }
    return (in_grace(mta) && mta->last_seen < now ? mta->last_seen : now) - keep - most;
}

/* ---- at start ---- */

static bool newest(void *context, uint64_t place, struct span key, int64_t at, struct span data) {
    (void)place, (void)key, (void)data;
    *(int64_t *)context = at;
    return false;
}

void jump_start(struct mta *mta) {
    int64_t now = clock_now_us();
    mta->last_seen = 0;
    load(mta);
    store_each_event(mta->view.store, 0, newest, &mta->last_seen, NULL);
    mta->tick_clock = now;
    mta->tick_monotonic = clock_monotonic_us();
    if (mta->last_seen && now - mta->last_seen > START_GRACE)
        mta->grace_end = mta->tick_monotonic + START_GRACE;
}

int64_t jump_expiry(struct mta *mta, uint64_t work, int64_t expires) {
    int64_t now = mta->tick_clock;
    if (expires == INT64_MAX)
        return expires;
    for (size_t i = 0; i < mta->shift_count; i++)
        if (work >= mta->shifts[i].from && work < mta->shifts[i].below)
            expires += mta->shifts[i].us;
    if (expires > now || !mta->last_seen || now - mta->last_seen <= START_GRACE || expires <= mta->last_seen)
        return expires;
    mta->graced++;
    return now + START_GRACE;
}

void jump_started(struct mta *mta) {
    char text[40];
    int64_t away = mta->tick_clock - mta->last_seen;
    if (mta->graced)
        log_warning("copies that expired while nothing was recorded, for %s, get one hour more (%zu of "
                    "them); if the clock is "
                    "wrong, set it right in that time",
                    duration(away, text), mta->graced);
    mta->started_below = ids_of(mta).below;
    if (mta->last_seen && away < -JUMP_LEAST)
        jumped(mta, away);
    else if (mta->last_seen && away > 0)
        mta->away = away;
}
