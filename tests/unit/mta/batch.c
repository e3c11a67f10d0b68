/* A batch upon a store of its own: effects after the commit, undone to a mark, and what they name by number.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "mta/jump.h"
#include "mta/mta_private.h"
#include "mta/send.h"
#include "store/batch_private.h"
#include "store/engine.h"
#include "store/store_private.h"

enum { MOST = 32 };

/* As much of a switch as a batch needs, and what its effects did. */
struct stage {
    struct mta mta;
    char directory[64];
    char did[MOST + 1]; /* a letter for each effect: capital when it was undone */
    size_t count;
    unsigned after, failed;
};

static struct stage *stage_of(struct mta *mta) {
    return (struct stage *)mta;
}

static void note(struct mta *mta, char letter) {
    struct stage *stage = stage_of(mta);
    assert_true(stage->count < MOST);
    stage->did[stage->count++] = letter;
}

static void commit(struct mta *mta, const struct effect *effect) {
    note(mta, (char)effect->number);
}

static void undo(struct mta *mta, const struct effect *effect) {
    note(mta, (char)(effect->number - 'a' + 'A'));
}

static const struct effect_kind kind = {commit, undo};

static void before(struct mta *mta) {
    (void)mta;
}

static void after(struct mta *mta, bool done) {
    stage_of(mta)->after++;
    stage_of(mta)->failed += !done;
}

static const struct batch_hooks hooks = {before, after};

/* ---- an engine whose commits end when they are asked to ---- */

static struct store_engine late;
static const struct store_engine *prompt; /* the one behind it */
static struct store_batch *flying;
static const struct error *fails; /* the next commit, as a whole */
static enum store_code refuses;   /* the request of its first operation */

static void begin_late(struct store_batch *batch) {
    assert_null(flying);
    flying = batch;
}

static void end_late(struct store *store, bool wait) {
    struct store_batch *batch = flying;
    (void)store;
    (void)wait;
    flying = NULL;
    if (batch && refuses) {
        struct error err = {.code = refuses};
        assert_true(batch_fail(batch, &batch->list[0], &err));
        batch_done(batch, NULL);
    } else if (batch && fails)
        batch_done(batch, fails);
    else if (batch)
        prompt->commit_begin(batch);
}

static void be_late(struct stage *stage) {
    struct store *store = stage->mta.view.store;
    prompt = store->engine;
    late = *prompt;
    late.commit_begin = begin_late;
    late.proceed = end_late;
    store->engine = &late;
}

static void nothing(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what, (void)arg;
}

static int begin(void **state) {
    struct stage *stage = calloc(1, sizeof *stage);
    struct store_options options = {.create = true};
    struct error err = {0};
    snprintf(stage->directory, sizeof stage->directory, "/tmp/chasqui-batch-XXXXXX");
    assert_non_null(mkdtemp(stage->directory));
    struct mta *mta = &stage->mta;
    static const struct mta_config config;
    mta->view.config = &config;
    mta->loop = event_base_new();
    mta->view.store = store_open(stage->directory, &options, &err);
    if (!mta->view.store)
        fail_msg("%s", err.text);
    mta->commit = event_new(mta->loop, -1, 0, nothing, NULL);
    assert_true(batch_init(mta, &hooks) && schedule_init(&mta->schedule, 1));
    *state = stage;
    return 0;
}

static int end(void **state) {
    struct stage *stage = *state;
    char command[100];
    batch_free(&stage->mta);
    schedule_free(&stage->mta.schedule);
    map_free(&stage->mta.associations);
    store_close(stage->mta.view.store);
    event_free(stage->mta.commit);
    event_base_free(stage->mta.loop);
    snprintf(command, sizeof command, "rm -rf %s", stage->directory);
    assert_int_equal(system(command), 0);
    free(stage);
    return 0;
}

static void settle(struct mta *mta) {
    assert_true(batch_settle(mta, clock_monotonic_us() + 60 * SECOND));
}

static void add(struct stage *stage, char letter) {
    assert_true(batch_effect(&stage->mta, (struct effect){.kind = &kind, .number = (uint32_t)letter}));
}

static void put(struct stage *stage, const char *name) {
    assert_true(store_put_record(stage->mta.batch.store, STORE_SETTING, span_str(name), SPAN_LIT("x")));
}

static bool has(struct stage *stage, const char *name) {
    struct error err = {0};
    struct buf out;
    buf_init(&out, 0);
    bool found = store_get_record(stage->mta.view.store, STORE_SETTING, span_str(name), &out, &err);
    buf_free(&out);
    return found;
}

static void effects_run_in_their_order_when_all_is_on_disk(void **state) {
    struct stage *stage = *state;
    put(stage, "one");
    add(stage, 'a');
    add(stage, 'b');
    assert_string_equal(stage->did, "");
    assert_false(has(stage, "one"));
    settle(&stage->mta);
    assert_string_equal(stage->did, "ab");
    assert_true(has(stage, "one"));
    assert_int_equal(stage->after, 1);
    settle(&stage->mta); /* of nothing */
    assert_int_equal(stage->after, 1);
}

/* What the log says while a commit fails for the cause; the caller frees it. */
static char *log_of_failure(struct stage *stage, const struct error *cause) {
    char *said = calloc(1, 1000);
    FILE *file = tmpfile();
    int stderr_fd = dup(STDERR_FILENO);
    assert_true(said && file && stderr_fd >= 0);
    fails = cause;
    fflush(stderr);
    dup2(fileno(file), STDERR_FILENO);
    settle(&stage->mta);
    fflush(stderr);
    dup2(stderr_fd, STDERR_FILENO);
    fails = NULL;
    rewind(file);
    assert_true(fread(said, 1, 999, file) < 999);
    fclose(file);
    close(stderr_fd);
    return said;
}

static void expect_said(struct stage *stage, const struct error *cause, const char *text) {
    char *said = log_of_failure(stage, cause);
    if (text ? !strstr(said, text) : *said != '\0')
        fail_msg("not '%s', but: %s", text ? text : "", said);
    free(said);
}

/* What is written again each second while the store is away; it is told elsewhere that it is. */
static void a_failure_that_nobody_waits_for_is_not_told_again(void **state) {
    static const struct error away = {.code = STORE_IO, .text = "the server is away"};
    static const struct error bad = {.code = STORE_BAD_REQUEST, .text = "a constraint"};
    const struct effect unasked = {.kind = &kind, .number = 'a'};
    struct stage *stage = *state;
    be_late(stage);
    assert_true(batch_effect_later(&stage->mta, unasked));
    put(stage, "one");
    expect_said(stage, &bad, "refused what nobody waits for: a constraint");
    for (int i = 0; i < 2; i++) {
        assert_true(batch_effect_later(&stage->mta, unasked));
        put(stage, "one");
        expect_said(stage, &away, NULL);
    }
    put(stage, "two");
    add(stage, 'b');
    expect_said(stage, &away, "refused a batch of 1 requests: the server is away");
    assert_string_equal(stage->did, "AAAB");
}

static void what_a_request_added_is_taken_back(void **state) {
    struct stage *stage = *state;
    put(stage, "one");
    add(stage, 'a');
    struct batch_mark mark = batch_mark(&stage->mta);
    put(stage, "two");
    add(stage, 'b');
    add(stage, 'c');
    batch_undo(&stage->mta, mark);
    assert_string_equal(stage->did, "CB");
    settle(&stage->mta);
    assert_string_equal(stage->did, "CBa");
    assert_true(has(stage, "one"));
    assert_false(has(stage, "two"));
}

static void commit_and_add(struct mta *mta, const struct effect *effect) {
    commit(mta, effect);
    assert_false(batch_is_open(mta, mta->batch.number - 1));
    assert_true(batch_is_open(mta, mta->batch.number));
    add(stage_of(mta), 'z');
}

static void effects_add_to_the_batch_that_fills(void **state) {
    static const struct effect_kind adding = {commit_and_add, undo};
    struct stage *stage = *state;
    uint64_t number = stage->mta.batch.number;
    assert_true(batch_is_open(&stage->mta, number));
    assert_false(batch_is_open(&stage->mta, 0));
    for (char letter = 'a'; letter < 'd'; letter++)
        assert_true(batch_effect(&stage->mta, (struct effect){.kind = &adding, .number = (uint32_t)letter}));
    settle(&stage->mta);
    assert_string_equal(stage->did, "abc");
    assert_false(batch_is_open(&stage->mta, number));
    settle(&stage->mta);
    assert_string_equal(stage->did, "abczzz");
}

static void see_work(struct mta *mta, const struct effect *effect) {
    note(mta, schedule_find(&mta->schedule, effect->work) ? 'w' : '-');
    note(mta, association_numbered(mta, effect->association) ? 'a' : '-');
}

/* A unit that takes the memory of one that went is not taken for it; nor an association that has another's
 * number in the net process. */
static void what_ended_meanwhile_is_not_there(void **state) {
    static const struct effect_kind seeing = {see_work, see_work};
    struct stage *stage = *state;
    struct mta *mta = &stage->mta;
    struct association association = {.number = 7};
    struct work unit = {.id = 5, .expires = INT64_MAX}, *first = schedule_add(&mta->schedule, &unit);
    assert_true(map_put(&mta->associations, 7, &association));
    assert_true(batch_effect(mta, (struct effect){.kind = &seeing, .work = 5, .association = 7}));
    settle(mta);
    assert_true(batch_effect(mta, (struct effect){.kind = &seeing, .work = 5, .association = 7}));
    schedule_remove(&mta->schedule, first);
    map_remove(&mta->associations, 7);
    unit.id = 6;
    assert_ptr_equal(schedule_add(&mta->schedule, &unit), first);
    association.number = 8;
    assert_true(map_put(&mta->associations, 8, &association));
    settle(mta);
    assert_string_equal(stage->did, "wa--");
}

/* ---- one flies ---- */

static void launch(struct stage *stage) {
    batch_on_commit(-1, 0, &stage->mta);
    assert_non_null(flying);
}

static void a_batch_fills_while_another_flies(void **state) {
    struct stage *stage = *state;
    uint64_t number = stage->mta.batch.number;
    be_late(stage);
    put(stage, "one");
    add(stage, 'a');
    launch(stage);
    add(stage, 'b');
    put(stage, "two");
    assert_true(batch_is_open(&stage->mta, number) && batch_is_open(&stage->mta, number + 1));
    batch_on_commit(-1, 0, &stage->mta); /* waits for the one that flies */
    assert_string_equal(stage->did, "");
    store_proceed(stage->mta.view.store, false);
    assert_string_equal(stage->did, "a");
    assert_false(batch_is_open(&stage->mta, number));
    assert_true(has(stage, "one") && !has(stage, "two"));
    assert_true(event_pending(stage->mta.commit, EV_TIMEOUT, NULL) || stage->mta.batch.urgent);
    launch(stage);
    add(stage, 'c');
    settle(&stage->mta); /* of both */
    assert_string_equal(stage->did, "abc");
    assert_true(has(stage, "two"));
}

/* I5 */
static void a_repeat_of_what_flies_is_pending(void **state) {
    static const uint8_t key[STORE_DIGEST] = {1}, other[STORE_DIGEST] = {2};
    struct stage *stage = *state;
    struct mta *mta = &stage->mta;
    struct error err = {0};
    be_late(stage);
    assert_int_equal(batch_find_repeat(mta, key, &err), STORE_REPEAT_UNKNOWN);
    assert_true(store_add_repeat(mta->batch.store, key, INT64_MAX));
    assert_int_equal(batch_find_repeat(mta, key, &err), STORE_REPEAT_PENDING);
    launch(stage);
    assert_int_equal(batch_find_repeat(mta, key, &err), STORE_REPEAT_PENDING);
    assert_int_equal(batch_find_repeat(mta, other, &err), STORE_REPEAT_UNKNOWN);
    store_proceed(mta->view.store, true);
    assert_int_equal(batch_find_repeat(mta, key, &err), STORE_REPEAT_KNOWN);
}

/* I6 */
static void a_failed_flight_takes_what_filled_meanwhile_along(void **state) {
    static const struct error full = {.code = STORE_FULL, .text = "disk full"};
    struct stage *stage = *state;
    be_late(stage);
    put(stage, "one");
    add(stage, 'a');
    add(stage, 'b');
    launch(stage);
    put(stage, "two");
    add(stage, 'c');
    fails = &full;
    store_proceed(stage->mta.view.store, true);
    fails = NULL;
    assert_string_equal(stage->did, "CBA");
    assert_int_equal(stage->failed, 1);
    add(stage, 'd');
    put(stage, "three");
    settle(&stage->mta);
    assert_string_equal(stage->did, "CBAd");
    assert_true(has(stage, "three") && !has(stage, "one") && !has(stage, "two"));
}

static void a_refused_request_fails_alone(void **state) {
    struct stage *stage = *state;
    struct mta *mta = &stage->mta;
    put(stage, "one");
    add(stage, 'a');
    batch_request(mta);
    put(stage, "two");
    add(stage, 'b');
    assert_true(store_add_work(mta->batch.store, &(struct store_work){.message = 777})); /* there is none */
    add(stage, 'c');
    batch_request(mta);
    put(stage, "three");
    add(stage, 'd');
    settle(mta);
    assert_string_equal(stage->did, "adCB");
    assert_true(has(stage, "one") && has(stage, "three") && !has(stage, "two"));
    assert_int_equal(stage->failed, 0);
}

/* I5, I6: a repeat that waits for its message, which the store then refuses, is not confirmed. */
static void what_rests_on_a_refused_request_is_undone(void **state) {
    static const uint8_t key[STORE_DIGEST] = {1};
    struct stage *stage = *state;
    struct mta *mta = &stage->mta;
    struct error err = {0};
    be_late(stage);
    put(stage, "one");
    add(stage, 'a');
    batch_request(mta);
    assert_true(store_add_repeat(mta->batch.store, key, INT64_MAX));
    assert_true(store_add_work(mta->batch.store, &(struct store_work){.message = 777})); /* there is none */
    add(stage, 'b');
    launch(stage);
    assert_int_equal(batch_find_repeat(mta, key, &err), STORE_REPEAT_PENDING);
    put(stage, "two");
    add(stage, 'c');
    store_proceed(mta->view.store, true);
    assert_string_equal(stage->did, "CaB");
    assert_true(has(stage, "one"));
    settle(mta);
    assert_false(has(stage, "two"));
    assert_int_equal(batch_find_repeat(mta, key, &err), STORE_REPEAT_UNKNOWN);
}

/* I5: the same where both are in one batch, and a third request is in between. */
static void a_repeat_of_a_refused_request_in_its_batch_is_refused(void **state) {
    static const uint8_t key[STORE_DIGEST] = {1};
    struct stage *stage = *state;
    struct mta *mta = &stage->mta;
    struct error err = {0};
    put(stage, "one");
    assert_true(store_add_repeat(mta->batch.store, key, INT64_MAX));
    assert_true(store_add_work(mta->batch.store, &(struct store_work){.message = 777})); /* there is none */
    add(stage, 'a');
    batch_request(mta);
    add(stage, 'b');
    batch_request(mta);
    assert_int_equal(batch_find_repeat(mta, key, &err), STORE_REPEAT_PENDING);
    put(stage, "two");
    add(stage, 'c');
    batch_request(mta);
    assert_int_equal(batch_find_repeat(mta, key, &err), STORE_REPEAT_PENDING);
    add(stage, 'd'); /* an answer alone */
    settle(mta);
    assert_string_equal(stage->did, "bDCA");
    assert_false(has(stage, "one") || has(stage, "two"));
    assert_int_equal(batch_find_repeat(mta, key, &err), STORE_REPEAT_UNKNOWN);
}

static void put_seen(struct mta *mta) {
    put(stage_of(mta), "hook");
}

/* What the floors above add to each commit falls with no request: they are told that it is there. */
static void what_a_hook_adds_is_a_request_of_its_own(void **state) {
    static const struct batch_hooks putting = {put_seen, after};
    struct stage *stage = *state;
    struct mta *mta = &stage->mta;
    mta->batches.hooks = &putting;
    put(stage, "one");
    assert_true(store_add_work(mta->batch.store, &(struct store_work){.message = 777}));
    add(stage, 'a');
    settle(mta);
    assert_string_equal(stage->did, "A");
    assert_true(has(stage, "hook") && !has(stage, "one"));
    assert_int_equal(stage->failed, 0);
}

static void jump(struct mta *mta) {
    mta->tick_clock -= 7200 * SECOND;
    jump_now(mta);
    assert_true(mta->jump_note.unsaved);
}

/* The clock jumps again while the record of its last jump flies: that is not all of it. */
static void a_jump_is_not_saved_with_the_one_before(void **state) {
    struct stage *stage = *state;
    struct mta *mta = &stage->mta;
    jump_now(mta);
    jump(mta);
    mta->jump_note.in_batch = jump_save(mta);
    assert_true(mta->jump_note.in_batch);
    jump(mta);
    assert_false(mta->jump_note.in_batch);
}

/* ---- marks (I3) ---- */

/* A copy that an association has begun to send, before its mark is on disk; the association ends. */
static struct work *lose_the_association(struct stage *stage, struct association *association) {
    struct mta *mta = &stage->mta;
    struct work unit = {.id = 5, .expires = INT64_MAX, .state = WORK_READY, .marked = true};
    unit.bytes = bytes_new(SPAN_LIT("apdu"), (struct span){NULL, 0});
    struct work *work = schedule_add(&mta->schedule, &unit);
    assert_true(unit.bytes && work && map_put(&mta->associations, association->number, association));
    put(stage, "mark");
    assert_true(send_start(association, work));
    work->committed = true; /* it waits for its mark alone */
    assert_true(association->committing);
    launch(stage);
    send_lost(association);
    map_remove(&mta->associations, association->number);
    return work;
}

static void nobody_takes_a_copy_whose_mark_is_being_written(void **state) {
    static const struct error full = {.code = STORE_FULL, .text = "disk full"};
    struct stage *stage = *state;
    struct mta *mta = &stage->mta;
    struct peer peer = {.destination = {.kind = DESTINATION_MTA}};
    struct destination *destinations[] = {&peer.destination};
    struct net_process net = {.mta = mta};
    be_late(stage);
    mta->destinations = destinations;
    mta->destination_count = 1;
    mta->pump = event_new(mta->loop, -1, 0, nothing, NULL);
    for (int refused = 0; refused < 2; refused++) {
        struct association association = {.number = 7, .net = &net, .peer = &peer};
        struct work *work = lose_the_association(stage, &association);
        assert_null(schedule_first(&mta->schedule, 0));
        fails = refused ? &full : NULL;
        store_proceed(mta->view.store, true);
        fails = NULL;
        assert_int_equal(work->state, refused ? WORK_WAITING : WORK_READY);
        assert_ptr_equal(schedule_first(&mta->schedule, 0), refused ? NULL : work);
        assert_true(peer.destination.marked); /* by the first */
        bytes_drop(work->bytes);
        work->bytes = NULL;
        schedule_remove(&mta->schedule, work);
    }
    event_free(mta->pump);
}

static void undo_and_tell(struct mta *mta, const struct effect *effect) {
    undo(mta, effect);
    note(mta, batch_was_repeated(mta) ? '=' : '!');
}

/* I5: who undoes an answer is told that another has the same on disk, so that he can confirm it. */
static void a_key_that_is_on_disk_is_told(void **state) {
    static const struct effect_kind telling = {commit, undo_and_tell};
    struct stage *stage = *state;
    struct mta *mta = &stage->mta;
    be_late(stage);
    for (uint32_t letter = 'a'; letter < 'c'; letter++) {
        refuses = letter == 'a' ? STORE_BAD_REQUEST : STORE_REPEATED;
        put(stage, "one");
        assert_true(batch_effect(mta, (struct effect){.kind = &telling, .number = letter}));
        settle(mta);
    }
    refuses = STORE_OK;
    assert_string_equal(stage->did, "A!B=");
    assert_false(batch_was_repeated(mta));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_batch_fills_while_another_flies, begin, end),
        cmocka_unit_test_setup_teardown(a_repeat_of_what_flies_is_pending, begin, end),
        cmocka_unit_test_setup_teardown(a_failed_flight_takes_what_filled_meanwhile_along, begin, end),
        cmocka_unit_test_setup_teardown(a_refused_request_fails_alone, begin, end),
        cmocka_unit_test_setup_teardown(a_failure_that_nobody_waits_for_is_not_told_again, begin, end),
        cmocka_unit_test_setup_teardown(what_rests_on_a_refused_request_is_undone, begin, end),
        cmocka_unit_test_setup_teardown(a_repeat_of_a_refused_request_in_its_batch_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(what_a_hook_adds_is_a_request_of_its_own, begin, end),
        cmocka_unit_test_setup_teardown(a_jump_is_not_saved_with_the_one_before, begin, end),
        cmocka_unit_test_setup_teardown(nobody_takes_a_copy_whose_mark_is_being_written, begin, end),
        cmocka_unit_test_setup_teardown(a_key_that_is_on_disk_is_told, begin, end),
        cmocka_unit_test_setup_teardown(effects_run_in_their_order_when_all_is_on_disk, begin, end),
        cmocka_unit_test_setup_teardown(what_a_request_added_is_taken_back, begin, end),
        cmocka_unit_test_setup_teardown(effects_add_to_the_batch_that_fills, begin, end),
        cmocka_unit_test_setup_teardown(what_ended_meanwhile_is_not_there, begin, end),
    };
    return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
