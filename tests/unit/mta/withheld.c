/*
 * A store that can't do one thing for a moment, or takes long for it (mta/late.c): what the switch makes of
 * that.
 */
#include "hold.h"

/* A file beside `hold`, and the variable that names it until the case is over. */
struct other {
    const char *variable;
    char path[sizeof hold + 10];
};

static struct other others[4];

static const char *other_file(const char *variable, const char *ending) {
    struct other *other = others;
    while (other->variable)
        other++;
    snprintf(other->path, sizeof other->path, "%s%s", hold, ending);
    other->variable = variable;
    assert_int_equal(setenv(variable, other->path, 1), 0);
    return other->path;
}

static int end_all(void **state) {
    for (struct other *other = others; other->variable; other++) {
        unlink(other->path);
        unsetenv(other->variable);
        other->variable = NULL;
    }
    return end_hold(state);
}

/* An operator is client 1, and beta has its association 1. */
static void open_world(struct world *world) {
    world_begin(world);
    client(world, 1, 0);
    associate(world, 1, "beta");
}

#define NEW OURS "/S=new"

#define ADD        "{\"operation\":\"user-add\",\"address\":\"" NEW "\"}"
#define REMOVE     "{\"operation\":\"user-remove\",\"address\":\"" NEW "\"}"
#define REMOVE_ALL "{\"operation\":\"user-remove\",\"address\":\"" NEW "\",\"discard\":true}"

static void answers_so(json_t *answer, const char *code, int line) {
    if (strcmp(code_of(answer), code) != 0)
        fail_msg("line %d: '%s' is answered, not '%s'", line, code_of(answer), code);
    json_decref(answer);
}

/* "": no error. */
#define expect_code(answer, code) answers_so(answer, code, __LINE__)

/* ---- users ---- */

/* His mailbox is looked at as he is asked to go, and again when nothing comes for him any more. */
static void who_has_an_unread_mailbox_stays(void **state) {
    (void)state;
    const char *unread = other_file("CHASQUI_TEST_UNREAD", ".unread");
    for (int discard = 0; discard < 2; discard++) {
        struct world world;
        open_world(&world);
        expect_code(ask(&world, ADD), "");
        if (discard)
            comes_in(&world, NEW);
        hold_commits(true);
        send_whole(&world, 1, envelope_to(&world, WANTS_NDN, discard ? JONES : NEW, NULL),
                   SPAN_LIT("content"));
        json_decref(ask(&world, "{\"operation\":\"status\"}")); /* so that it flies */
        usleep(20000);
        if (discard) { /* he is told at once: nothing was begun */
            assert_true(switch_file(unread, true));
            expect_code(ask(&world, REMOVE_ALL), "unavailable");
            assert_true(switch_file(unread, false));
        }
        ask_under(&world, 8, discard ? REMOVE_ALL : REMOVE);
        json_decref(ask(&world, "{\"operation\":\"status\"}"));
        assert_true(switch_file(unread, true));
        hold_commits(false);
        expect_code(late_answer(&world, 8), "unavailable");
        assert_true(switch_file(unread, false));
        assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
        assert_int_equal(entries_of(&world, NEW), 1);
        comes_in(&world, NEW);
        assert_int_equal(entries_of(&world, NEW), 2);
        expect_code(ask(&world, REMOVE), "wrong-state");
        expect_code(ask(&world, REMOVE_ALL), "");
        world_end(&world);
    }
}

/* I6: what is undone reads him from the store, and he stands elsewhere in memory then (a sanitizer sees who
 * looks for him where he was). */
static void who_can_not_be_taken_away_stays(void **state) {
    struct world world;
    (void)state;
    const char *crowded = other_file("CHASQUI_TEST_CROWDED", ".crowded");
    open_world(&world);
    expect_code(ask(&world, ADD), "");
    for (int times = 0; times < 3; times++) {
        assert_true(switch_file(crowded, true));
        expect_code(ask(&world, REMOVE_ALL), "unavailable");
        assert_false(switch_file(crowded, false)); /* it was for that */
        comes_in(&world, NEW);
        assert_int_equal(entries_of(&world, NEW), times + 1);
    }
    expect_code(ask(&world, REMOVE_ALL), "");
    expect_code(ask(&world, REMOVE), "not-found");
    world_end(&world);
}

/* ---- work and segments ---- */

/* What the store gave it stands in nobody's memory: it ends, and the next one loads all. */
static void work_that_can_not_be_loaded_ends_the_switch(void **state) {
    struct world world;
    siginfo_t ended = {0};
    (void)state;
    open_world(&world);
    world_stop(&world);
    const char *nameless = other_file("CHASQUI_TEST_NAMELESS", ".nameless");
    begin_again(&world);
    associate(&world, 1, "beta");
    comes_in(&world, JONES);
    assert_true(switch_file(nameless, true)); /* it asks for such work each quarter of a minute */
    EVENTUALLY(waitid(P_PID, (id_t)world.pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               ended.si_pid == world.pid);
    assert_int_equal(ended.si_code, CLD_EXITED);
    assert_int_not_equal(ended.si_status, 0);
    world_wait(&world);
    assert_true(switch_file(nameless, false));
    begin_again(&world);
    assert_int_equal(entries_of(&world, JONES), 1);
    world_end(&world);
}

/* Zeros are for messages to come: nobody who waits for an answer waits for them. */
static void zero_filling_comes_after_the_answers(void **state) {
    struct world world;
    (void)state;
    const char *behind = other_file("CHASQUI_TEST_BEHIND", ".behind");
    const char *step = other_file("CHASQUI_TEST_STEP", ".step");
    open_world(&world);
    for (int kind = 0; kind < 2; kind++) {
        hold_commits(true);
        if (kind)
            ask_under(&world, 8, ADD);
        else
            send_whole(&world, 1, envelope_to(&world, WANTS_NDN, JONES, NULL), SPAN_LIT("content"));
        json_decref(ask(&world, "{\"operation\":\"status\"}"));
        assert_true(switch_file(step, true) && switch_file(behind, true));
        hold_commits(false);
        if (kind)
            expect_code(late_answer(&world, 8), "");
        else
            assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
        EVENTUALLY(access(behind, F_OK) != 0);
        ask_under(&world, 9, "{\"operation\":\"status\"}");
        expect_none(&world, IPC_RESPONSE); /* for it fills now */
        assert_true(switch_file(step, false));
        json_decref(late_answer(&world, 9));
    }
    world_end(&world);
}

#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, begin_hold, end_all)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FILES(who_has_an_unread_mailbox_stays),
        WITH_FILES(who_can_not_be_taken_away_stays),
        WITH_FILES(work_that_can_not_be_loaded_ends_the_switch),
        WITH_FILES(zero_filling_comes_after_the_answers),
    };
    return cmocka_run_group_tests_name("withheld", tests, NULL, NULL);
}
