/*
 * A clock that jumps. Expiry and back-off are times of day in the rows, but they
 * mean spans of time: a clock that is set three days ahead must not return the
 * whole queue. So whoever sets or judges a time asks for the clock here, where it
 * is compared with the one that never steps; when they part, what waits is moved
 * by as much, and goes on waiting for as long as it would have. What was asked for
 * as a time of day (deferred delivery) stays.
 *
 * The rows keep their times. That those of units up to an id are to be read with a
 * shift is a record of its own, written with the next commit, so that a restart
 * does not take the jump back. An event in that commit bears the clock's new time:
 * a restart compares with it, and does not find the same jump again.
 *
 * Between a stop and the next start nobody ran a clock. One that stands before the
 * newest recorded event was set back, which is a jump like another. One that is
 * ahead may be right: then what expired meanwhile is given START_GRACE, in which it
 * is tried, and in which an operator can see to the clock.
 */
#include "mta/jump.h"

#include "base/clock.h"
#include "base/log.h"
#include "ipc/payload.h"

#include <stdio.h>

/* Smaller steps are those of a clock that is being steered, or of a machine that is busy. */
#define JUMP_LEAST (60 * SECOND)

#define START_GRACE (3600 * SECOND)

static const struct span record_name = SPAN_LIT("expiry-shift");

/* ---- the record ---- */

/* No message's events stand under it: neither an identifier nor the other keys of event.h begin with it. */
static const struct span event_key = SPAN_LIT("\2");

bool jump_save(struct mta *mta) {
    struct buf record;
    buf_init(&record, (size_t)64 * SHIFTS_MOST);
    for (size_t i = 0; i < mta->shift_count; i++) {
        buf_append_u64(&record, mta->shifts[i].below);
        buf_append_u64(&record, (uint64_t)mta->shifts[i].us);
    }
    bool done = !record.failed &&
                store_put_record(mta->batch.store, STORE_SETTING, record_name, buf_span(&record)) &&
                store_add_event(mta->batch.store, event_key, mta->tick_clock, (struct span){NULL, 0});
    buf_free(&record);
    return done;
}

/* Units with ids below `below` are read with the shift. When there is no more room the two oldest become one:
 * the few units between them get a shift too many. */
static void note_shift(struct mta *mta, uint64_t below, int64_t us) {
    if (mta->shift_count == SHIFTS_MOST) {
        mta->shifts[1].us += mta->shifts[0].us;
        memmove(mta->shifts, mta->shifts + 1, --mta->shift_count * sizeof *mta->shifts);
    }
    mta->shifts[mta->shift_count++] = (struct expiry_shift){below, us};
}

static void load(struct mta *mta) {
    struct buf data;
    buf_init(&data, (size_t)64 * SHIFTS_MOST);
    store_get_record(mta->view.store, STORE_SETTING, record_name, &data, NULL);
    for (struct reader r = reader_of(buf_span(&data)); reader_left(&r) >= 16;) {
        uint64_t below = reader_u64(&r);
        note_shift(mta, below, (int64_t)reader_u64(&r));
    }
    buf_free(&data);
}

/* ---- jumps ---- */

static bool find_last(void *context, struct work *work) {
    uint64_t *below = context;
    if (work->id >= *below)
        *below = work->id + 1;
    return true;
}

static const char *duration(int64_t us, char out[static 40]) {
    int64_t seconds = (us < 0 ? -us : us) / SECOND;
    snprintf(out, 40, "%lld d %02d:%02d:%02d", (long long)(seconds / 86400), (int)(seconds / 3600 % 24),
             (int)(seconds / 60 % 60), (int)(seconds % 60));
    return out;
}

static void jumped(struct mta *mta, int64_t us) {
    char text[40];
    log_warning("the clock jumped %s by %s: %zu copies go on waiting, and expire, by time that has passed",
                us > 0 ? "forward" : "back", duration(us, text), mta->schedule.count);
    uint64_t below = 0;
    schedule_each(&mta->schedule, find_last, &below);
    schedule_shift(&mta->schedule, us);
    if (!below)
        return;
    note_shift(mta, below, us);
    mta->jump_unsaved = true;
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
}

int64_t jump_expiry(struct mta *mta, uint64_t work, int64_t expires) {
    int64_t now = mta->tick_clock;
    if (expires == INT64_MAX)
        return expires;
    for (size_t i = 0; i < mta->shift_count; i++)
        if (work < mta->shifts[i].below)
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
        log_warning(
            "%zu copies expired while nothing was recorded, for %s: they get one hour more; if the clock is "
            "wrong, set it right in that time",
            mta->graced, duration(away, text));
    if (mta->last_seen && away < -JUMP_LEAST)
        jumped(mta, away);
}
