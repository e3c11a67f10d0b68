/* A batch upon a store of its own: effects after the commit, undone to a mark, and what they name by number.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "mta/mta_private.h"

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
    batch_settle(&stage->mta);
    assert_string_equal(stage->did, "ab");
    assert_true(has(stage, "one"));
    assert_int_equal(stage->after, 1);
    batch_settle(&stage->mta); /* of nothing */
    assert_int_equal(stage->after, 1);
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
    batch_settle(&stage->mta);
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
    batch_settle(&stage->mta);
    assert_string_equal(stage->did, "abc");
    assert_false(batch_is_open(&stage->mta, number));
    batch_settle(&stage->mta);
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
    batch_settle(mta);
    assert_true(batch_effect(mta, (struct effect){.kind = &seeing, .work = 5, .association = 7}));
    schedule_remove(&mta->schedule, first);
    map_remove(&mta->associations, 7);
    unit.id = 6;
    assert_ptr_equal(schedule_add(&mta->schedule, &unit), first);
    association.number = 8;
    assert_true(map_put(&mta->associations, 8, &association));
    batch_settle(mta);
    assert_string_equal(stage->did, "wa--");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(effects_run_in_their_order_when_all_is_on_disk, begin, end),
        cmocka_unit_test_setup_teardown(what_a_request_added_is_taken_back, begin, end),
        cmocka_unit_test_setup_teardown(effects_add_to_the_batch_that_fills, begin, end),
        cmocka_unit_test_setup_teardown(what_ended_meanwhile_is_not_there, begin, end),
    };
    return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
