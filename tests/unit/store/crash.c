/*
 * A writer is killed at random moments, over and over, on one store. It tells
 * what was confirmed through a pipe, after the commit, as the daemon tells its
 * peers. After each kill every invariant must hold, all that was confirmed must
 * be there (I1), and of a batch all or nothing (I2). Once with SIGKILL on the
 * real files, once on a disk that forgets what was not synced, or with SIGKILL
 * of the server.
 *
 * The number of kills is CHASQUI_CRASH_ROUNDS, else 25 of each kind (8 with a server).
 */
#include "room.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "crash_disk.h"

#define SLOTS 12

/* What the writer reports: slot `slot` now holds message `message` (0: none) made from `number`. */
struct report {
    uint32_t slot;
    uint64_t message, work, number;
    uint64_t length;
};

struct truth {
    struct report slots[SLOTS];
    uint64_t last;    /* the highest number that was used */
    uint64_t batches; /* confirmed */
    uint64_t activity;
    uint32_t serial;
};

static unsigned random_state;

static unsigned next_random(void) {
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 12;
}

static uint64_t length_of(uint64_t number) {
    static const uint64_t lengths[] = {0, 100, 2000, 8192, 8193, 30000, 100000, 700000};
    return lengths[number * 2654435761u >> 7 & 7];
}

static struct span key_of(uint64_t number, char out[static 32]) {
    return span_of(out, (size_t)snprintf(out, 32, "key-%llu", (unsigned long long)number));
}

static void digest_of(uint64_t number, uint8_t out[static STORE_DIGEST]) {
    memset(out, 0, STORE_DIGEST);
    memcpy(out, &number, sizeof number);
}

/* ---- the writer ---- */

struct writer {
    struct room *room;
    struct truth *truth;
    int pipe;
    uint64_t number;
    struct store_content *partial;
};

static struct report write_message(struct writer *w, uint32_t slot) {
    struct room *room = w->room;
    uint8_t digest[STORE_DIGEST];
    char key[32];
    struct report report = {.slot = slot, .number = ++w->number};
    report.length = length_of(report.number);
    const struct report *old = &w->truth->slots[slot];
    if (old->message)
        store_finish_work(room->batch, old->work, old->message);
    report.message = add_one(room, report.length, (unsigned)report.number, &report.work);
    digest_of(report.number, digest);
    add_repeat(room->batch, SPAN_LIT("p"), key_of(report.number, key), digest, INT64_MAX);
    store_add_event(room->batch, key_of(report.number, key), (int64_t)report.number, SPAN_LIT("in"));
    return report;
}

static void write_checkpoint(struct writer *w) {
    struct truth *truth = w->truth;
    struct store_activity_in in = {.id = truth->activity,
                                   .peer = SPAN_LIT("p"),
                                   .association = SPAN_LIT("a"),
                                   .activity = SPAN_LIT("1"),
                                   .serial = truth->serial + 1,
                                   .state = SPAN_LIT("s")};
    if (!w->partial)
        w->partial = truth->activity ? store_content_resume(w->room->store, truth->activity, NULL)
                                     : store_content_create(w->room->store, 0, NULL);
    if (!w->partial)
        _exit(9);
    append_octets(w->partial, next_random() % 50000, 77);
    in.offset = store_content_length(w->partial);
    truth->activity = store_put_activity_in(w->room->batch, &in, w->partial);
    truth->serial = in.serial;
}

static void tell(struct writer *w, const void *what, size_t len) {
    if (write(w->pipe, what, len) != (ssize_t)len)
        _exit(8);
}

static void write_batch(struct writer *w) {
    struct report reports[SLOTS];
    struct error err = {0};
    unsigned count = 1 + next_random() % 6, first = next_random();
    for (unsigned i = 0; i < count; i++)
        reports[i] = write_message(w, (first + i) % SLOTS);
    write_checkpoint(w);
    if (!store_commit(w->room->batch, &err)) {
        fprintf(stderr, "# commit: %s\n", err.text);
        _exit(7);
    }
    for (unsigned i = 0; i < count; i++)
        w->truth->slots[reports[i].slot] = reports[i];
    w->truth->last = w->number;
    w->truth->batches++;
    tell(w, w->truth, sizeof *w->truth);
    if (next_random() % 4 == 0)
        store_maintain(w->room->store, 0, 0, 100);
}

static void run_writer(struct room *room, const struct truth *start, int pipe) {
    struct truth truth = *start;
    /* Numbers that a lost batch may have used must not come again. */
    struct writer w = {room, &truth, pipe, start->last + 1000, NULL};
    room_open(room);
    for (;;)
        write_batch(&w);
}

/* ---- the judge ---- */

static bool count_event(void *context, int64_t at, struct span data) {
    (void)at, (void)data;
    ++*(int *)context;
    return true;
}

static bool confirmed_is_there(struct room *room, const struct report *report) {
    uint8_t digest[STORE_DIGEST];
    char key[32];
    int events = 0;
    if (!report->message || !is_there(room, report->message))
        return !report->message;
    expect_message(room, report->message, report->length, (unsigned)report->number);
    digest_of(report->number, digest);
    assert_int_equal(find_repeat(room->store, NULL, SPAN_LIT("p"), key_of(report->number, key), digest),
                     STORE_REPEAT_KNOWN); /* I10 */
    assert_true(store_track(room->store, key_of(report->number, key), count_event, &events, NULL));
    assert_int_equal(events, 1); /* I11 */
    return true;
}

static void judge(struct room *room, struct truth *truth) {
    unsigned missing = 0, live = 0;
    room_check(room);
    room_open(room);
    for (unsigned i = 0; i < SLOTS; i++) {
        live += truth->slots[i].message != 0;
        missing += !confirmed_is_there(room, &truth->slots[i]);
    }
    unsigned rows = rows_of_work(room, -1);
    /* What is gone was finished by the batch under way, which put as many in their place; else nothing may be
     * gone. */
    assert_true(rows >= live);
    assert_true(rows <= live + (missing ? 0 : 6) + (live < SLOTS ? 6 : 0));
    const struct store_activity_in *in =
        find_activity(room->store, SPAN_LIT("p"), SPAN_LIT("a"), SPAN_LIT("1"));
    if (truth->activity) { /* I12 */
        assert_non_null(in);
        assert_true(in->serial == truth->serial || in->serial == truth->serial + 1);
        assert_true(missing == 0 || in->serial == truth->serial + 1); /* I2: one batch */
        assert_int_equal(in->offset, in->content_length);
        struct store_content *content = store_content_resume(room->store, in->id, NULL);
        assert_non_null(content);
        expect_octets(content, in->content_length, 77);
        store_content_release(content);
    }
    room_close(room);
}

/* A fresh start for the next round: all work finished, the activity kept on. */
static bool finish_row(void *context, const struct store_work *work) {
    struct room *room = context;
    store_finish_work(room->batch, work->id, work->message);
    return true;
}

static void tidy(struct room *room, struct truth *truth) {
    room_open(room);
    assert_true(store_each_work(room->store, 0, 0, 0, -1, finish_row, room, NULL));
    const struct store_activity_in *in =
        find_activity(room->store, SPAN_LIT("p"), SPAN_LIT("a"), SPAN_LIT("1"));
    if (in && in->content_length > 3000000) {
        store_remove_activity_in(room->batch, in->id);
        in = NULL;
    }
    truth->activity = in ? in->id : 0;
    truth->serial = in ? in->serial : 0;
    memset(truth->slots, 0, sizeof truth->slots);
    truth->last += 2000;
    room_commit(room);
    room_close(room);
}

/* With `server`, the server's power is cut first. */
static void kill_one(struct room *room, struct truth *truth, unsigned delay_us, bool server) {
    int ends[2];
    struct truth got;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (!child) {
        close(ends[0]);
        run_writer(room, truth, ends[1]);
    }
    close(ends[1]);
    usleep(delay_us);
    assert_true(!server || place_kill_server());
    kill(child, SIGKILL);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || server);
    while (read(ends[0], &got, sizeof got) == (ssize_t)sizeof got)
        *truth = got;
    close(ends[0]);
}

static void crash_rounds(struct room *room, bool forgetful) {
    const char *wanted = getenv("CHASQUI_CRASH_ROUNDS");
    unsigned rounds = wanted ? (unsigned)atoi(wanted) : place_server() ? 8 : 25;
    struct truth truth = {0};
    random_state = (unsigned)time(NULL);
    fprintf(stderr, "# seed %u\n", random_state);
    room_close(room);
    for (unsigned round = 0; round < rounds; round++) {
        random_state += round;
        if (forgetful && !place_server()) {
            room->engine.vfs = crash_disk_vfs();
            room->engine.files = &crash_disk_files;
            crash_disk_seed(random_state, round % 3 ? next_random() % 256 : 0);
        }
        kill_one(room, &truth, 20000 + next_random() % 150000, forgetful && place_server());
        assert_true(!place_server() || place_await_server());
        room->engine.vfs = NULL;
        room->engine.files = NULL;
        judge(room, &truth);
        tidy(room, &truth);
    }
    fprintf(stderr, "# %u kills, %llu batches confirmed\n", rounds, (unsigned long long)truth.batches);
}

static void killed_writer_loses_nothing(void **state) {
    crash_rounds(*state, false);
}

static void power_cut_loses_nothing(void **state) {
    crash_rounds(*state, true);
}

/* The check may run beside the daemon: a writer at work does not look like damage. */
static void check_beside_a_writer_finds_nothing(void **state) {
    struct room *room = *state;
    struct truth truth = {0};
    int ends[2];
    room_close(room);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (!child) {
        close(ends[0]);
        run_writer(room, &truth, ends[1]);
    }
    close(ends[1]);
    for (int i = 0; i < 6; i++) {
        for (int n = 0; n < 5; n++)
            assert_int_equal(read(ends[0], &truth, sizeof truth), sizeof truth);
        room_check(room);
    }
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ends[0]);
}

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, room_setup, room_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_ROOM(killed_writer_loses_nothing),
        IN_ROOM(power_cut_loses_nothing),
        IN_ROOM(check_beside_a_writer_finds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
