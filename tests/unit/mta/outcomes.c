/* What a resume is told of what is over (I7), and what a recovery without a bind gets (I8). */
#include "world.h"

static void begin(struct world *world, uint64_t ref, const char *activity, bool good) {
    say_transfer(world, ref, activity);
    struct span envelope = good ? envelope_to(world, WANTS_NDN, FRANK, NULL) : SPAN_LIT("\x31\x02\x05\x00");
    tell(world, IPC_TRANSFER_ENVELOPE, ref, SPAN_LIT("\1"), envelope);
    tell(world, IPC_TRANSFER_CONTENT, ref, SPAN_LIT("content"), NOTHING);
}

static void checkpoint(struct world *world, uint64_t ref, uint32_t serial) {
    say_checkpoint(world, ref, serial, 1000, "parser");
    expect_checkpoint(world, ref, serial);
}

static enum ipc_result end(struct world *world, uint64_t ref) {
    tell(world, IPC_TRANSFER_END, ref, NOTHING, NOTHING);
    return result_of(world, ref);
}

static enum ipc_resume resumed(struct world *world, uint64_t ref, const char *association,
                               const char *activity, uint32_t serial) {
    struct reader r = say_resume(world, ref, association, activity, serial);
    return (enum ipc_resume)reader_u8(&r);
}

static void comes_whole(struct world *world, uint64_t ref, const char *activity) {
    begin(world, ref, activity, true);
    checkpoint(world, ref, 1);
    assert_int_equal(end(world, ref), IPC_ACCEPTED);
}

static void break_off(struct world *world, uint64_t ref) {
    associate(world, ref, "beta");
    begin(world, ref, "\2\1\1", true);
    checkpoint(world, ref, 1);
}

static bool recovers(struct world *world, uint64_t ref, const char *broken) {
    char id[32];
    snprintf(id, sizeof id, "in-%llu", (unsigned long long)ref);
    announce(world, ref, false, "", id, broken);
    return admission(world, ref) == IPC_BIND_ADMITTED;
}

static void a_verdict_is_given_again(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    associate(&world, 1, "beta");
    comes_whole(&world, 1, "\2\1\1");
    begin(&world, 1, "\2\1\2", false);
    checkpoint(&world, 1, 1);
    assert_int_equal(end(&world, 1), IPC_REFUSED);
    for (int restarts = 0; restarts < 2; restarts++) {
        associate(&world, 2, "beta");
        associate(&world, 3, "gamma");
        assert_int_equal(resumed(&world, 2, "in-1", "\2\1\1", 1), IPC_RESUME_COMPLETED);
        assert_int_equal(resumed(&world, 2, "in-1", "\2\1\2", 1), IPC_RESUME_REFUSED);
        assert_int_equal(resumed(&world, 2, "in-1", "\2\1\3", 1), IPC_RESUME_UNKNOWN_ACTIVITY);
        assert_int_equal(resumed(&world, 2, "in-1", "", 1), IPC_RESUME_UNKNOWN_ACTIVITY);
        assert_int_equal(resumed(&world, 3, "in-1", "\2\1\1", 1), IPC_RESUME_UNKNOWN_ACTIVITY);
        world_kill(&world);
        world_start(&world);
    }
    world_end(&world);
}

/* One whose identifier comes again is not over, nor is the former one to be resumed any more. */
static void an_identifier_is_used_again(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    associate(&world, 1, "beta");
    comes_whole(&world, 1, "\2\1\1");
    begin(&world, 1, "\2\1\1", true);
    checkpoint(&world, 1, 1);
    tell(&world, IPC_TRANSFER_STOP, 1, SPAN_LIT("\1"), NOTHING);
    assert_int_equal(resumed(&world, 1, "", "\2\1\1", 1), IPC_RESUME_FROM);
    tell(&world, IPC_TRANSFER_STOP, 1, SPAN_LIT("\1"), NOTHING);
    begin(&world, 1, "\2\1\1", true); /* and a third time, without a checkpoint */
    tell(&world, IPC_TRANSFER_STOP, 1, SPAN_LIT("\1"), NOTHING);
    assert_int_equal(resumed(&world, 1, "", "\2\1\1", 1), IPC_RESUME_UNKNOWN_ACTIVITY);
    world_end(&world);
}

/* The same by another association of that name, after a restart. */
static void an_association_has_the_name_of_another(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    associate(&world, 1, "beta");
    comes_whole(&world, 1, "\2\1\1");
    world_kill(&world);
    world_start(&world);
    associate(&world, 1, "beta");
    begin(&world, 1, "\2\1\1", true);
    tell(&world, IPC_TRANSFER_STOP, 1, SPAN_LIT("\1"), NOTHING);
    assert_int_equal(resumed(&world, 1, "in-1", "\2\1\1", 1), IPC_RESUME_UNKNOWN_ACTIVITY);
    world_end(&world);
}

/* Associations 1 and 2, both beta's. */
static void begin_with_two_of_one_name(struct world *world) {
    world_begin(world);
    associate(world, 1, "beta");
    announce(world, 2, false, "beta", "in-1", "");
    assert_int_equal(admission(world, 2), IPC_BIND_ADMITTED);
}

/* Both are up when one of them writes the outcome. */
static void two_associations_have_one_name(void **state) {
    struct world world;
    (void)state;
    begin_with_two_of_one_name(&world);
    comes_whole(&world, 1, "\2\1\1");
    begin(&world, 2, "\2\1\1", true);
    tell(&world, IPC_TRANSFER_STOP, 2, SPAN_LIT("\1"), NOTHING);
    assert_int_equal(resumed(&world, 2, "", "\2\1\1", 1), IPC_RESUME_UNKNOWN_ACTIVITY);
    world_end(&world);
}

/* What is stored of the first is no leaving of an earlier one: the second waits for its end. */
static void two_transfers_of_one_name_come_one_by_one(void **state) {
    struct world world;
    (void)state;
    begin_with_two_of_one_name(&world);
    begin(&world, 1, "\2\1\1", true);
    for (int tries = 0; tries < 2; tries++) { /* before anything of it is stored, and afterwards */
        begin(&world, 2, "\2\1\1", true);
        assert_int_equal(end(&world, 2), IPC_REFUSED_TEMPORARILY);
        send_whole(&world, 2, envelope_to(&world, WANTS_NDN, FRANK, NULL), SPAN_LIT("content"));
        assert_int_equal(result_of(&world, 2), IPC_REFUSED_TEMPORARILY);
        say_checkpoint(&world, 1, (uint32_t)tries + 1, 1000, "parser");
        expect(&world, IPC_TRANSFER_CHECKPOINT_DONE, 1);
    }
    begin(&world, 2, "\2\1\2", true);
    assert_int_equal(end(&world, 2), IPC_ACCEPTED);
    assert_int_equal(end(&world, 1), IPC_ACCEPTED);
    begin(&world, 2, "\2\1\1", true);
    checkpoint(&world, 2, 1);
    assert_int_equal(end(&world, 2), IPC_ACCEPTED);
    world_end(&world);
}

/* The second comes up while what the first did is in the batch; its frames wait in the socket till then. */
static void a_name_comes_again_before_the_commit(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    associate(&world, 1, "beta");
    begin(&world, 1, "\2\1\1", true);
    checkpoint(&world, 1, 1);
    kill(world.pid, SIGSTOP);
    tell(&world, IPC_TRANSFER_END, 1, NOTHING, NOTHING);
    close_association(&world, 1, IPC_CLOSE_RELEASED);
    announce(&world, 2, false, "beta", "in-1", "");
    begin(&world, 2, "\2\1\1", true);
    say_checkpoint(&world, 2, 1, 1000, "parser");
    kill(world.pid, SIGCONT);
    expect(&world, IPC_TRANSFER_CHECKPOINT_DONE, 2);
    tell(&world, IPC_TRANSFER_STOP, 2, SPAN_LIT("\1"), NOTHING);
    assert_true(recovers(&world, 3, "in-1")); /* the second was not released */
    assert_int_equal(resumed(&world, 3, "in-1", "\2\1\1", 1), IPC_RESUME_FROM);
    assert_int_equal(end(&world, 3), IPC_ACCEPTED);
    world_end(&world);
}

/* ---- recovery ---- */

static void a_recovery_gets_what_was_unfinished(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    break_off(&world, 1);
    break_off(&world, 2);
    assert_false(recovers(&world, 3, "in-9"));
    assert_true(recovers(&world, 3, "in-1"));
    expect(&world, IPC_ASSOCIATION_CLOSE, 1); /* it was still up */
    assert_int_equal(resumed(&world, 3, "in-2", "\2\1\1", 1), IPC_RESUME_UNKNOWN_ACTIVITY);
    assert_int_equal(resumed(&world, 3, "in-1", "\2\1\1", 1), IPC_RESUME_FROM);
    assert_int_equal(end(&world, 3), IPC_ACCEPTED);
    send_whole(&world, 3, envelope_to(&world, WANTS_NDN, FRANK, NULL), SPAN_LIT("new"));
    expect(&world, IPC_ASSOCIATION_CLOSE, 3);
    close_association(&world, 3, IPC_CLOSE_ABORTED);
    assert_false(recovers(&world, 4, "in-1")); /* nothing is unfinished */
    assert_true(recovers(&world, 5, "in-2"));
    begin(&world, 5, "\2\1\7", true);
    expect(&world, IPC_ASSOCIATION_CLOSE, 5);
    expect_none(&world, IPC_TRANSFER_RESULT);
    world_end(&world);
}

/* What can't be resumed is nothing to recover: its sender would begin anew, be turned away, and recover. */
static void what_cannot_be_resumed_is_forgotten(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    break_off(&world, 1);
    close_association(&world, 1, IPC_CLOSE_BROKEN);
    assert_true(recovers(&world, 2, "in-1"));
    assert_int_equal(resumed(&world, 2, "in-1", "\2\1\1", 7), IPC_RESUME_UNKNOWN_ACTIVITY);
    begin(&world, 2, "\2\1\1", true);
    expect(&world, IPC_ASSOCIATION_CLOSE, 2);
    close_association(&world, 2, IPC_CLOSE_ABORTED);
    assert_false(recovers(&world, 3, "in-1")); /* so that it binds */
    associate(&world, 4, "beta");
    assert_int_equal(resumed(&world, 4, "in-1", "\2\1\1", 1), IPC_RESUME_UNKNOWN_ACTIVITY);
    world_end(&world);
}

/* `count` transfers of beta break after a checkpoint, on associations from `ref` on. */
static void break_many(struct world *world, uint64_t ref, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        break_off(world, ref + i);
        close_association(world, ref + i, IPC_CLOSE_BROKEN);
    }
}

static enum ipc_resume resumes(struct world *world, uint64_t ref, uint64_t broken) {
    char id[32];
    snprintf(id, sizeof id, "in-%llu", (unsigned long long)broken);
    associate(world, ref, "beta");
    enum ipc_resume result = resumed(world, ref, id, "\2\1\1", 1);
    close_association(world, ref, IPC_CLOSE_BROKEN);
    return result;
}

/* The oldest give way; another peer's stay. */
static void a_peer_leaves_no_more_than_the_limit(void **state) {
    struct world world;
    (void)state;
    for (int by_octets = 0; by_octets < 2; by_octets++) {
        world_begin(&world);
        world_kill(&world);
        world.config.limits.leftovers = by_octets ? 0 : 8;
        world.config.limits.leftover_octets = by_octets ? 8 * strlen("content") : 0;
        world_start(&world);
        associate(&world, 100, "gamma");
        begin(&world, 100, "\2\1\1", true);
        checkpoint(&world, 100, 1);
        close_association(&world, 100, IPC_CLOSE_BROKEN);
        break_many(&world, 1, 8);
        world_kill(&world); /* what was left before counts */
        world_start(&world);
        break_many(&world, 9, 8);
        assert_int_equal(resumes(&world, 30, 1), IPC_RESUME_UNKNOWN_ACTIVITY);
        assert_int_equal(resumes(&world, 31, 5), IPC_RESUME_UNKNOWN_ACTIVITY);
        for (uint64_t broken = 12; broken <= 16; broken++)
            assert_int_equal(resumes(&world, 40 + broken, broken), IPC_RESUME_FROM);
        associate(&world, 90, "gamma");
        assert_int_equal(resumed(&world, 90, "in-100", "\2\1\1", 1), IPC_RESUME_FROM);
        world_kill(&world);
        world_end(&world);
    }
}

/* Three that break and four that end well whose rows are there yet are no seven that were interrupted. */
static void what_has_just_ended_was_not_interrupted(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    world_kill(&world);
    world.config.limits.leftovers = 6;
    world_start(&world);
    break_many(&world, 1, 3);
    for (uint64_t ref = 11; ref <= 14; ref++) {
        break_off(&world, ref);
        close_association(&world, ref, IPC_CLOSE_BROKEN); /* counted, as nobody knows what will come of it */
    }
    for (uint64_t ref = 21; ref <= 24; ref++) {
        char id[32];
        snprintf(id, sizeof id, "in-%llu", (unsigned long long)ref - 10);
        associate(&world, ref, "beta");
        assert_int_equal(resumed(&world, ref, id, "\2\1\1", 1), IPC_RESUME_FROM);
    }
    associate(&world, 5, "beta");
    begin(&world, 5, "\2\1\1", true);
    kill(world.pid, SIGSTOP); /* so that the store process has these frames in one turn */
    for (uint64_t ref = 21; ref <= 24; ref++)
        tell(&world, IPC_TRANSFER_END, ref, NOTHING, NOTHING);
    say_checkpoint(&world, 5, 1, 1000, "parser");
    kill(world.pid, SIGCONT);
    expect(&world, IPC_TRANSFER_CHECKPOINT_DONE, 5);
    for (uint64_t broken = 1; broken <= 3; broken++)
        assert_int_equal(resumes(&world, 30 + broken, broken), IPC_RESUME_FROM);
    world_kill(&world);
    world_end(&world);
}

static void a_released_association_is_not_recovered(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    break_off(&world, 1);
    tell(&world, IPC_TRANSFER_STOP, 1, SPAN_LIT("\1"), NOTHING);
    close_association(&world, 1, IPC_CLOSE_RELEASED);
    associate(&world, 2, "beta");
    assert_false(recovers(&world, 3, "in-1"));
    assert_int_equal(resumed(&world, 2, "in-1", "\2\1\1", 1), IPC_RESUME_FROM); /* after a bind it goes on */
    tell(&world, IPC_TRANSFER_STOP, 2, SPAN_LIT("\1"), NOTHING);
    world_end(&world);
}

static void the_peers_option_decides(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    world_stop(&world);
    world.peers[0].recovery = MTA_RECOVERY_FULL;
    world_start(&world);
    break_off(&world, 1);
    assert_int_equal(end(&world, 1), IPC_ACCEPTED);
    assert_true(recovers(&world, 2, "in-1"));
    send_whole(&world, 2, envelope_to(&world, WANTS_NDN, FRANK, NULL), SPAN_LIT("new"));
    assert_int_equal(result_of(&world, 2), IPC_ACCEPTED);
    break_off(&world, 3);
    world_kill(&world);
    world.peers[0].recovery = MTA_RECOVERY_OFF;
    world_start(&world);
    assert_false(recovers(&world, 4, "in-1"));
    assert_false(recovers(&world, 5, "in-3"));
    world_end(&world);
}

/* A caller who does not call as the peer may is not the peer, though he names what it left. */
static void context_and_dialogue_are_checked(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    world_stop(&world);
    world.peers[0].bind.modes = 1u << IPC_MODE_NORMAL;
    world.peers[0].bind.two_way_alternate = false;
    world_start(&world);
    break_off(&world, 1);
    struct ipc_bind bind = bind_of("", false, "in-2");
    bind.recover_id = SPAN_LIT("in-1");
    bind.mode = IPC_MODE_1984;
    say_bind(&world, 2, &bind);
    assert_int_equal(admission(&world, 2), IPC_BIND_CANNOT_RECOVER);
    bind.mode = IPC_MODE_NORMAL;
    bind.two_way_alternate = true;
    say_bind(&world, 3, &bind);
    assert_int_equal(admission(&world, 3), IPC_BIND_CANNOT_RECOVER);
    bind.two_way_alternate = false;
    bind.address = SPAN_LIT("192.0.2.99");
    say_bind(&world, 4, &bind);
    assert_int_equal(admission(&world, 4), IPC_BIND_CANNOT_RECOVER);
    assert_int_equal(end(&world, 1), IPC_ACCEPTED); /* and the association is still up */
    world_end(&world);
}

/* The responder to our RT-RECOVER has proved nothing: it gets the copy that it left unfinished, no other. */
static void our_recovery_sends_what_was_unfinished(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    associate(&world, 1, "beta");
    send_whole(&world, 1, envelope_to(&world, WANTS_NDN, FRANK, NULL), SPAN_LIT("first"));
    assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
    connect_out(&world, 2, "gamma");
    outgoing_of(&world, 2);
    confirm_checkpoint(&world, 2, 3, 2);
    world.priority = x411_Priority_urgent; /* before the first, where both may go */
    send_whole(&world, 1, envelope_to(&world, WANTS_NDN, FRANK, NULL), SPAN_LIT("second"));
    assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
    world_kill(&world);
    world_start(&world);
    struct reader r = expect(&world, IPC_CONNECT, 0);
    payload_octets(&r);
    assert_true(span_eq(payload_octets(&r), SPAN_LIT("out-2")));
    announce(&world, 9, true, "gamma", "out-9", "out-2");
    struct outgoing out = outgoing_of(&world, 9);
    assert_int_equal(out.serial, 3);
    assert_true(span_eq(out.content, SPAN_LIT("first")));
    r = expect(&world, IPC_CONNECT, 0); /* the other does not wait behind it */
    payload_octets(&r);
    assert_int_equal(payload_octets(&r).len, 0);
    announce(&world, 10, true, "gamma", "out-10", "");
    out = outgoing_of(&world, 10);
    assert_true(span_eq(out.content, SPAN_LIT("second")));
    sent(&world, 9, IPC_SENT);
    r = expect(&world, IPC_ASSOCIATION_CLOSE, 9);
    assert_int_equal(reader_u8(&r), IPC_CLOSE_RELEASED);
    close_association(&world, 9, IPC_CLOSE_RELEASED);
    sent(&world, 10, IPC_SENT);
    client(&world, 1, 0);
    expect_drained(&world);
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_verdict_is_given_again),
        cmocka_unit_test(an_identifier_is_used_again),
        cmocka_unit_test(an_association_has_the_name_of_another),
        cmocka_unit_test(two_associations_have_one_name),
        cmocka_unit_test(two_transfers_of_one_name_come_one_by_one),
        cmocka_unit_test(a_name_comes_again_before_the_commit),
        cmocka_unit_test(a_recovery_gets_what_was_unfinished),
        cmocka_unit_test(what_cannot_be_resumed_is_forgotten),
        cmocka_unit_test(a_peer_leaves_no_more_than_the_limit),
        cmocka_unit_test(what_has_just_ended_was_not_interrupted),
        cmocka_unit_test(a_released_association_is_not_recovered),
        cmocka_unit_test(the_peers_option_decides),
        cmocka_unit_test(context_and_dialogue_are_checked),
        cmocka_unit_test(our_recovery_sends_what_was_unfinished),
    };
    return cmocka_run_group_tests_name("outcomes", tests, NULL, NULL);
}
