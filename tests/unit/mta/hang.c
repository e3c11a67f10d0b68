/*
 * A commit that does not end (mta/late.c holds it): whoever has to wait for it waits, and nobody else does.
 */
#include "world.h"

#include <fcntl.h>

static char hold[32];

static void hold_commits(bool hold_them) {
    if (hold_them)
        close(open(hold, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    else
        unlink(hold);
}

static int begin(void **state) {
    (void)state;
    snprintf(hold, sizeof hold, "/tmp/chasqui-hold-XXXXXX");
    int fd = mkstemp(hold);
    close(fd);
    unlink(hold);
    return setenv("CHASQUI_TEST_HOLD", hold, 1);
}

static int end(void **state) {
    (void)state;
    return unlink(hold) && errno != ENOENT;
}

/* ---- what is asked and said meanwhile ---- */

static bool is_refusing(struct world *world) {
    json_t *status = ask(world, "{\"operation\":\"status\"}");
    const char *store = json_string_value(json_object_get(status, "cause"));
    bool refuses = store && strstr(store, "does not end");
    json_decref(status);
    return refuses;
}

static json_int_t entries(struct world *world) {
    json_t *list = ask(world, "{\"operation\":\"mailbox-list\",\"mailbox\":\"" JONES "\"}");
    json_int_t count = (json_int_t)json_array_size(json_object_get(list, "entries"));
    json_decref(list);
    return count;
}

/* What nobody needs the store for, and what reads of it what is on disk. */
static void others_are_served(struct world *world, uint64_t ref) {
    json_decref(ask(world, "{\"operation\":\"status\"}"));
    json_t *track = ask(world, "{\"operation\":\"track\",\"recent\":5}");
    assert_non_null(json_object_get(track, "messages"));
    json_decref(track);
    entries(world);
    associate(world, ref, "gamma");
    struct ipc_bind stranger = bind_of("beta", false, "stranger");
    stranger.credentials.password = SPAN_LIT("wrong");
    say_bind(world, ref + 1, &stranger);
    assert_int_equal(admission(world, ref + 1), IPC_BIND_AUTHENTICATION_ERROR);
}

static void hand_over(struct world *world, uint64_t ref) {
    send_whole(world, ref, envelope_to(world, WANTS_NDN, JONES, NULL), SPAN_LIT("content"));
}

/* A transfer in pieces up to its first checkpoint, which is asked for. */
static void begin_transfer(struct world *world, uint64_t ref, const char *activity) {
    struct span envelope = envelope_to(world, WANTS_NDN, JONES, NULL);
    uint8_t kind = IPC_APDU_MESSAGE;
    say_transfer(world, ref, activity);
    tell(world, IPC_TRANSFER_ENVELOPE, ref, span_of(&kind, 1), envelope);
    tell(world, IPC_TRANSFER_CONTENT, ref, SPAN_LIT("the first half"), NOTHING);
    say_checkpoint(world, ref, 1, 1000, "state");
}

static enum ipc_resume resumed(struct world *world, uint64_t ref) {
    struct reader r = expect(world, IPC_RESUME_RESULT, ref);
    reader_u32(&r);
    return (enum ipc_resume)reader_u8(&r);
}

static void open_world(struct world *world) {
    world_begin(world);
    client(world, 1, 0);
    associate(world, 1, "beta");
}

/* ---- the cases ---- */

/* I1 */
static void nobody_waits_who_need_not(void **state) {
    struct world world;
    (void)state;
    open_world(&world);
    comes_in(&world, JONES);
    hold_commits(true);
    hand_over(&world, 1);
    others_are_served(&world, 2);
    assert_int_equal(entries(&world), 1);
    expect_none(&world, IPC_TRANSFER_RESULT);
    hold_commits(false);
    assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
    assert_int_equal(entries(&world), 2);
    world_end(&world);
}

/* I7: the next activity of an association whose last one stands in what flies. */
static void an_activity_waits_for_what_is_said_of_the_last(void **state) {
    struct world world;
    (void)state;
    open_world(&world);
    hold_commits(true);
    begin_transfer(&world, 1, "\2\1\1");
    tell(&world, IPC_TRANSFER_STOP, 1, SPAN_LIT("\0"), NOTHING); /* its sender discards it */
    begin_transfer(&world, 1, "\2\1\1");
    tell(&world, IPC_TRANSFER_END, 1, NOTHING, NOTHING);
    others_are_served(&world, 2);
    expect_none(&world, IPC_TRANSFER_RESULT);
    hold_commits(false);
    assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
    assert_int_equal(entries(&world), 1);
    struct reader r = say_resume(&world, 1, "", "\2\1\1", 1);
    assert_int_equal(reader_u8(&r), IPC_RESUME_COMPLETED);
    world_end(&world);
}

/* I7, I8: so do a resume, and a recovery without a bind. */
static void a_resume_waits_for_what_is_said_of_activities(void **state) {
    struct world world;
    (void)state;
    open_world(&world);
    begin_transfer(&world, 1, "\2\1\1");
    expect_checkpoint(&world, 1, 1);
    close_association(&world, 1, IPC_CLOSE_BROKEN);
    associate(&world, 2, "beta");
    associate(&world, 3, "beta");
    hold_commits(true);
    begin_transfer(&world, 3, "\2\1\2");
    announce(&world, 4, false, "beta", "in-4", "in-1");
    ask_resume(&world, 2, "in-1", "\2\1\1", 1);
    others_are_served(&world, 5);
    expect_none(&world, IPC_RESUME_RESULT);
    hold_commits(false);
    assert_int_equal(resumed(&world, 2), IPC_RESUME_FROM);
    assert_int_equal(admission(&world, 4), IPC_BIND_ADMITTED);
    tell(&world, IPC_TRANSFER_CONTENT, 2, SPAN_LIT(" and the rest"), NOTHING);
    tell(&world, IPC_TRANSFER_END, 2, NOTHING, NOTHING);
    assert_int_equal(result_of(&world, 2), IPC_ACCEPTED);
    tell(&world, IPC_TRANSFER_STOP, 3, SPAN_LIT("\0"), NOTHING);
    world_end(&world);
}

/* Its own checkpoint is what it waits for: the batch holds the content no more when that has landed. */
static void a_resume_waits_for_its_own_checkpoint(void **state) {
    struct world world;
    (void)state;
    open_world(&world);
    associate(&world, 2, "beta");
    hold_commits(true);
    begin_transfer(&world, 1, "\2\1\1");
    close_association(&world, 1, IPC_CLOSE_BROKEN);
    ask_resume(&world, 2, "in-1", "\2\1\1", 1);
    others_are_served(&world, 3);
    expect_none(&world, IPC_RESUME_RESULT);
    hold_commits(false);
    assert_int_equal(resumed(&world, 2), IPC_RESUME_FROM);
    tell(&world, IPC_TRANSFER_CONTENT, 2, SPAN_LIT(" and the rest"), NOTHING);
    tell(&world, IPC_TRANSFER_END, 2, NOTHING, NOTHING);
    assert_int_equal(result_of(&world, 2), IPC_ACCEPTED);
    world_end(&world);
}

/* A net process that is told of an end before its bind was answered hears nothing more of it. */
static void a_recovery_may_end_while_it_waits(void **state) {
    struct world world;
    (void)state;
    open_world(&world);
    hold_commits(true);
    begin_transfer(&world, 1, "\2\1\1");
    announce(&world, 2, false, "beta", "in-2", "in-1");
    close_association(&world, 2, IPC_CLOSE_BROKEN);
    others_are_served(&world, 3);
    hold_commits(false);
    expect_checkpoint(&world, 1, 1);
    expect_none(&world, IPC_BIND_ANSWER);
    associate(&world, 2, "beta"); /* so the number is free */
    tell(&world, IPC_TRANSFER_STOP, 1, SPAN_LIT("\0"), NOTHING);
    world_end(&world);
}

/* What waits has bounds: who sends without end is ended, alone. */
static void what_is_put_aside_is_bounded(void **state) {
    static const uint8_t piece[IPC_CHUNK];
    struct world world;
    (void)state;
    open_world(&world);
    hold_commits(true);
    begin_transfer(&world, 1, "\2\1\1");
    tell(&world, IPC_TRANSFER_STOP, 1, SPAN_LIT("\0"), NOTHING);
    begin_transfer(&world, 1, "\2\1\1");
    for (int i = 0; i < 20; i++)
        tell(&world, IPC_TRANSFER_CONTENT, 1, span_of(piece, sizeof piece), NOTHING);
    expect(&world, IPC_ASSOCIATION_CLOSE, 1);
    others_are_served(&world, 2);
    hold_commits(false);
    hand_over(&world, 2);
    assert_int_equal(result_of(&world, 2), IPC_ACCEPTED);
    world_end(&world);
}

/* After its limit the store says that it takes nothing: each is told so by the protocol's own answer. */
static void a_store_that_is_stuck_refuses(void **state) {
    struct world world;
    (void)state;
    open_world(&world);
    associate(&world, 2, "beta");
    associate(&world, 3, "beta");
    hold_commits(true);
    begin_transfer(&world, 1, "\2\1\1");
    tell(&world, IPC_TRANSFER_STOP, 1, SPAN_LIT("\0"), NOTHING);
    hand_over(&world, 1); /* waits */
    EVENTUALLY(is_refusing(&world));
    hand_over(&world, 2);
    assert_int_equal(result_of(&world, 2), IPC_REFUSED_TEMPORARILY);
    assert_int_equal(result_of(&world, 1), IPC_REFUSED_TEMPORARILY); /* as nobody waits for ever */
    announce(&world, 4, false, "beta", "in-4", "in-1");
    assert_int_equal(admission(&world, 4), IPC_BIND_BUSY);
    ask_resume(&world, 3, "", "\2\1\1", 1);
    expect(&world, IPC_ASSOCIATION_CLOSE, 3);
    others_are_served(&world, 5);
    hold_commits(false);
    EVENTUALLY(!is_refusing(&world));
    hand_over(&world, 2);
    assert_int_equal(result_of(&world, 2), IPC_ACCEPTED);
    world_end(&world);
}

static struct mts_tables *fresh_tables;

static const struct mta_config *read_again(void *context, struct span text, struct error *err) {
    static struct mta_config again;
    (void)text, (void)err;
    again = ((struct world *)context)->config;
    again.tables = fresh_tables;
    again.limits.content_octets = 3;
    return &again;
}

/* I6: a reload does not wait either, and takes nothing of what flies away. */
static void a_reload_waits_for_nothing(void **state) {
    struct world world;
    struct mta_reload reload = {read_again, NULL, &world};
    (void)state;
    world_begin(&world);
    world_stop(&world);
    fresh_tables = make_tables();
    world.reload = &reload;
    begin_again(&world);
    associate(&world, 1, "beta");
    associate(&world, 2, "beta");
    hold_commits(true);
    hand_over(&world, 1);
    tell(&world, IPC_REQUEST, (uint64_t)1 << 32 | 7, NOTHING,
         SPAN_LIT("{\"operation\":\"user-add\",\"address\":\"" OURS "/S=new\"}"));
    put(world.parent, IPC_CONFIG, 0, SPAN_LIT("x"), NOTHING);
    others_are_served(&world, 3);
    hand_over(&world, 2); /* is longer than the new limit */
    assert_int_equal(result_of(&world, 2), IPC_REFUSED_TEMPORARILY);
    hold_commits(false);
    assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
    expect(&world, IPC_RESPONSE, (uint64_t)1 << 32 | 7);
    json_t *users = ask(&world, "{\"operation\":\"user-list\",\"address\":\"" OURS "/S=new\"}");
    assert_int_equal(json_array_size(json_object_get(users, "users")), 1);
    json_decref(users);
    world_end(&world);
    mts_tables_free(fresh_tables);
}

/* The stop is in good order, and what flew is there at the next start or is not; it was not confirmed. */
static void a_stop_does_not_wait_for_ever(void **state) {
    struct world world;
    (void)state;
    open_world(&world);
    associate(&world, 2, "beta");
    hold_commits(true);
    begin_transfer(&world, 1, "\2\1\1");
    hand_over(&world, 2);
    world_stop(&world);
    hold_commits(false);
    begin_again(&world);
    assert_int_equal(entries(&world), 0);
    world_end(&world);
}

/* What was said in a batch that failed, and in the one that filled meanwhile, is waited for by nobody. */
static void a_resume_after_a_failed_batch_is_answered(void **state) {
    struct world world;
    char fail[sizeof hold + 5];
    (void)state;
    snprintf(fail, sizeof fail, "%s.fail", hold);
    setenv("CHASQUI_TEST_FAIL", fail, 1);
    open_world(&world);
    begin_transfer(&world, 1, "\2\1\1");
    expect_checkpoint(&world, 1, 1);
    close_association(&world, 1, IPC_CLOSE_BROKEN);
    for (uint64_t ref = 2; ref <= 4; ref++)
        associate(&world, ref, "beta");
    hold_commits(true);
    begin_transfer(&world, 3, "\2\1\2"); /* flies */
    json_decref(ask(&world, "{\"operation\":\"status\"}"));
    usleep(50000);
    begin_transfer(&world, 4, "\2\1\3"); /* fills */
    json_decref(ask(&world, "{\"operation\":\"status\"}"));
    close(open(fail, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    hold_commits(false);
    expect(&world, IPC_ASSOCIATION_CLOSE, 4);
    expect(&world, IPC_ASSOCIATION_CLOSE, 3);
    ask_resume(&world, 2, "in-1", "\2\1\1", 1);
    expect(&world, IPC_RESUME_RESULT, 2);
    announce(&world, 6, false, "beta", "in-6", "in-1");
    expect(&world, IPC_BIND_ANSWER, 6);
    world_kill(&world); /* a stop would wait for its associations */
    world_end(&world);
    unsetenv("CHASQUI_TEST_FAIL");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(nobody_waits_who_need_not),
        CASE(a_resume_after_a_failed_batch_is_answered),
        CASE(an_activity_waits_for_what_is_said_of_the_last),
        CASE(a_resume_waits_for_what_is_said_of_activities),
        CASE(a_resume_waits_for_its_own_checkpoint),
        CASE(a_recovery_may_end_while_it_waits),
        CASE(what_is_put_aside_is_bounded),
        CASE(a_store_that_is_stuck_refuses),
        CASE(a_reload_waits_for_nothing),
        CASE(a_stop_does_not_wait_for_ever),
    };
    return cmocka_run_group_tests_name("hang", tests, NULL, NULL);
}
