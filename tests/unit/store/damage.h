/* What the tests of `store check` and `repair` share: a store with a bit of everything, and what is left of
 * it. */
#ifndef TESTS_STORE_DAMAGE_H
#define TESTS_STORE_DAMAGE_H

#include "room.h"
#include "store/check.h"

struct findings {
    uint64_t count, repaired;
    uint64_t copies, entries; /* named as lost */
    int invariant;            /* of the first */
    bool others;              /* some have another one */
    char text[512];
};

static inline void note(void *context, const struct store_finding *finding) {
    struct findings *findings = context;
    if (finding->step)
        return;
    if (finding->lost) {
        findings->copies += finding->lost->work != 0;
        findings->entries += finding->lost->sequence != 0;
        return;
    }
    if (!findings->count++) {
        findings->invariant = finding->invariant;
        snprintf(findings->text, sizeof findings->text, "%s", finding->text);
    }
    findings->others = findings->others || finding->invariant != findings->invariant;
    findings->repaired += finding->repaired;
}

/* Of the message that the damages are done to: some chunks at a server, some extents in a folder. */
#define LARGE_OCTETS (place_server() ? 600000u : 100000u)

struct inhabited {
    uint64_t small, large, shared, activity;
};

/* A bit of everything. */
static inline struct inhabited inhabit(struct room *room) {
    struct inhabited in;
    uint64_t work;
    uint8_t digest[STORE_DIGEST] = {3};
    in.small = add_one(room, 100, 1, NULL);
    in.large = add_one(room, LARGE_OCTETS, 2, &work);
    in.shared = add_one(room, 200000, 3, NULL);
    struct store_entry entry = {.message = in.shared};
    store_add_entry(room->batch, store_mailbox(room->store, SPAN_LIT("box"), NULL), &entry, NULL);
    struct store_activity_in activity = {.peer = SPAN_LIT("p")};
    struct store_content *content = make_content(room, 50000, 4);
    in.activity = store_put_activity_in(room->batch, &activity, content);
    store_content_release(content);
    struct store_activity_out out = {.work = work};
    store_put_activity_out(room->batch, &out);
    store_add_event(room->batch, SPAN_LIT("key"), 1, SPAN_LIT("data"));
    if (find_repeat(room->store, NULL, SPAN_LIT("p"), SPAN_LIT("key"), digest) == STORE_REPEAT_UNKNOWN)
        add_repeat(room->batch, SPAN_LIT("p"), SPAN_LIT("key"), digest, INT64_MAX);
    room_commit(room);
    return in;
}

/* What is still there after the repair. */
enum { SMALL = 1, LARGE = 2, SHARED = 4, ACTIVITY = 8, HISTORY = 16, REPEAT = 32, ALL = 63 };

static inline bool any_event(void *context, int64_t at, struct span data) {
    (void)at, (void)data;
    *(bool *)context = true;
    return true;
}

/* With all of its content; false: it is gone, or is there without any. */
static inline bool serves(struct room *room, uint64_t message, uint64_t len, unsigned seed) {
    struct store_content *content = store_content_open(room->store, message, NULL);
    bool whole = content && store_content_length(content);
    store_content_release(content);
    if (whole)
        expect_message(room, message, len, seed);
    return whole;
}

/* What is there is whole. */
static inline unsigned whats_there(struct room *room, const struct inhabited *in) {
    uint8_t digest[STORE_DIGEST] = {3};
    bool event = false;
    unsigned there = (serves(room, in->small, 100, 1) ? SMALL : 0) |
                     (serves(room, in->large, LARGE_OCTETS, 2) ? LARGE : 0) |
                     (serves(room, in->shared, 200000, 3) ? SHARED : 0);
    struct store_content *resumed = store_content_resume(room->store, in->activity, NULL);
    if (resumed) {
        expect_octets(resumed, 50000, 4);
        there |= ACTIVITY;
    }
    store_content_release(resumed);
    assert_true(store_track(room->store, SPAN_LIT("key"), any_event, &event, NULL));
    if (find_repeat(room->store, NULL, SPAN_LIT("p"), SPAN_LIT("key"), digest) == STORE_REPEAT_KNOWN)
        there |= REPEAT;
    return there | (event ? HISTORY : 0);
}

static inline void repair(const struct room *room, const char *damaged) {
    struct findings repaired = {0};
    struct error err;
    uint64_t n = 0;
    if (!store_repair(room->path, note, &repaired, &n, &err))
        fail_msg("%s: repair: %s", damaged, err.text);
    assert_true(n > 0 && repaired.repaired == n); /* each finding says what was done */
}

/* A closed store in which all invariants hold again serves what was `kept`, and takes more. */
static inline void go_on(struct room *room, const struct inhabited *in, unsigned kept, const char *damaged) {
    room_check(room);
    room_open(room);
    assert_true(store_accepting(room->store));
    unsigned there = whats_there(room, in);
    if (there != kept)
        fail_msg("%s: %x is there, %x should be", damaged, there, kept);
    add_one(room, 30000, 8, NULL);
    room_commit(room);
    room_close(room);
    room_check(room);
}

#endif
