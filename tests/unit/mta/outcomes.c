/* What a resume is told of what is over (I7), and what a recovery without a bind gets (I8). */
#include "broken.h"

static void a_verdict_is_given_again(void **state) {
    struct world world;
    (void)state;
    begin_with_beta(&world);
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
        world_anew(&world);
    }
    world_end(&world);
}

/* ---- names that are given again: what is asked for by them is not known ---- */

/* Beta's association `ref` by the name of its first. */
static void associate_again(struct world *world, uint64_t ref) {
    associate_as(world, ref, "in-1");
}

/* The peer asks on one of its other associations, after a restart too. */
static void expect_unknown(struct world *world, const char *activity) {
    for (int restarts = 0; restarts < 2; restarts++) {
        assert_int_equal(asked_anew(world, 8, "in-1", activity), IPC_RESUME_UNKNOWN_ACTIVITY);
        assert_false(recovers(world, 9, "in-1"));
        world_anew(world);
    }
}

/* One whose identifier comes again on its association is not over, and is not told from the former one. */
static void an_identifier_is_used_again(void **state) {
    struct world world;
    (void)state;
    begin_with_beta(&world);
    comes_whole(&world, 1, "\2\1\1");
    begin(&world, 1, "\2\1\1", true); /* without a checkpoint */
    interrupt(&world, 1);
    assert_int_equal(resumed(&world, 1, "", "\2\1\1", 1), IPC_RESUME_UNKNOWN_ACTIVITY);
    begin(&world, 1, "\2\1\1", true); /* and with one */
    checkpoint(&world, 1, 1);
    interrupt(&world, 1);
    assert_int_equal(resumed(&world, 1, "", "\2\1\1", 1), IPC_RESUME_UNKNOWN_ACTIVITY);
    begin(&world, 1, "\2\1\1", true); /* it comes all the same */
    checkpoint(&world, 1, 1);
    assert_int_equal(end(&world, 1), IPC_ACCEPTED);
    expect_unknown(&world, "\2\1\1");
    world_end(&world);
}

/* Two that were interrupted: whose octets would the rest be put to? Nor are they told apart when the former
 * was discarded, or could not be gone on from. */
static void an_interrupted_one_is_followed_by_another_of_its_name(void **state) {
    struct world world;
    (void)state;
    for (int how = 0; how < 3; how++) {
        begin_with_beta(&world);
        comes_to_checkpoint(&world, 1, "\2\1\1");
        if (how == 1)
            tell(&world, IPC_TRANSFER_STOP, 1, SPAN_LIT("\0"), NOTHING);
        else
            interrupt(&world, 1);
        if (how == 2)
            assert_int_equal(resumed(&world, 1, "", "\2\1\1", 7), IPC_RESUME_UNKNOWN_ACTIVITY);
        comes_to_checkpoint(&world, 1, "\2\1\1");
        interrupt(&world, 1);
        expect_unknown(&world, "\2\1\1");
        world_end(&world);
    }
}

/* The same by another association of that name, after a restart: the former one's answer is not for it. */
static void an_association_has_the_name_of_another(void **state) {
    struct world world;
    (void)state;
    begin_with_beta(&world);
    comes_whole(&world, 1, "\2\1\1");
    world_anew(&world);
    associate(&world, 1, "beta");
    begin(&world, 1, "\2\1\1", true);
    interrupt(&world, 1);
    expect_unknown(&world, "\2\1\1");
    world_end(&world);
}

/* Nor does it go on with what is stored by the name; its mail comes anew. */
static void an_association_is_not_the_former_one_of_its_name(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    breaks(&world, 1);
    associate_again(&world, 2);
    assert_int_equal(resumed(&world, 2, "", "\2\1\1", 1), IPC_RESUME_UNKNOWN_ACTIVITY);
    comes_whole(&world, 2, "\2\1\1");
    expect_unknown(&world, "\2\1\1");
    world_end(&world);
}

/* Though it begins nothing that the switch is told of: it may have, on the wire. */
static void an_association_of_that_name_is_enough(void **state) {
    struct world world;
    (void)state;
    begin_with_beta(&world);
    comes_whole(&world, 1, "\2\1\1");
    close_association(&world, 1, IPC_CLOSE_BROKEN);
    associate_again(&world, 2);
    expect_unknown(&world, "\2\1\1");
    world_end(&world);
}

/* The one has begun, the other ends: that is no answer to the first. */
static void two_associations_have_one_name(void **state) {
    struct world world;
    (void)state;
    for (int first = 1; first <= 2; first++) {
        begin_with_beta(&world);
        associate_again(&world, 2);
        if (first == 1)
            begin(&world, 2, "\2\1\1", true);
        comes_whole(&world, 1, "\2\1\1");
        if (first == 2)
            begin(&world, 2, "\2\1\1", true);
        interrupt(&world, 2);
        expect_unknown(&world, "\2\1\1");
        world_end(&world);
    }
}

/* A sender that has heard of no checkpoint: nothing is kept to answer it with. */
static void one_without_a_checkpoint_is_not_over(void **state) {
    struct world world;
    (void)state;
    begin_with_beta(&world);
    begin(&world, 1, "\2\1\1", true);
    close_association(&world, 1, IPC_CLOSE_BROKEN);
    associate_again(&world, 2);
    comes_whole(&world, 2, "\2\1\1");
    associate(&world, 3, "beta");
    assert_int_equal(resumed(&world, 3, "in-1", "\2\1\1", 0), IPC_RESUME_UNKNOWN_ACTIVITY);
    assert_int_equal(resumed(&world, 3, "in-1", "\2\1\1", 1), IPC_RESUME_COMPLETED);
    world_end(&world);
}

/* Both come, whatever the order, though one of them is kept since it began before the other was there. */
static void two_transfers_of_one_name_come_side_by_side(void **state) {
    struct world world;
    (void)state;
    for (int last = 1; last <= 2; last++) {
        world_begin(&world);
        client(&world, 1, 0);
        break_off(&world, 1);
        associate_again(&world, 2);
        comes_to_checkpoint(&world, 2, "\2\1\1");
        next_checkpoint(&world, 1, 2);
        assert_int_equal(end(&world, last == 1 ? 2 : 1), IPC_ACCEPTED);
        send_whole(&world, last == 1 ? 2 : 1, envelope_to(&world, WANTS_NDN, FRANK, NULL), SPAN_LIT("c"));
        assert_int_equal(result_of(&world, last == 1 ? 2 : 1), IPC_ACCEPTED);
        assert_int_equal(end(&world, (uint64_t)last), IPC_ACCEPTED);
        assert_int_equal(queued(&world), 3);
        expect_unknown(&world, "\2\1\1");
        world_end(&world);
    }
}

/* What was resumed on an association of another name ends, while one of the old name has begun another. */
static void one_that_was_resumed_elsewhere_is_no_answer(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    breaks(&world, 1);
    assert_int_equal(asked_anew(&world, 3, "in-1", "\2\1\1"), IPC_RESUME_FROM);
    associate_again(&world, 2);
    comes_to_checkpoint(&world, 2, "\2\1\1");
    interrupt(&world, 2);
    assert_int_equal(end(&world, 3), IPC_ACCEPTED);
    expect_unknown(&world, "\2\1\1");
    world_end(&world);
}

/* The release of one says nothing of what another of its name had been told. */
static void one_of_the_name_is_released(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    break_off(&world, 1);
    associate_again(&world, 2);
    comes_to_checkpoint(&world, 2, "\2\1\1");
    interrupt(&world, 2);
    close_association(&world, 2, IPC_CLOSE_RELEASED);
    associate_again(&world, 4);
    close_association(&world, 4, IPC_CLOSE_RELEASED);
    expect_unknown(&world, "\2\1\1");
    world_end(&world);
}

/* What gave way to newer ones leaves its name. */
static void the_name_of_one_that_gave_way_stays_known(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    world_kill(&world);
    world.config.limits.leftovers = 4;
    world_start(&world);
    for (uint64_t ref = 1; ref <= 7; ref++) { /* the first has given way to the last */
        breaks(&world, ref);
    }
    associate_again(&world, 10);
    comes_to_checkpoint(&world, 10, "\2\1\1");
    interrupt(&world, 10);
    expect_unknown(&world, "\2\1\1");
    world_end(&world);
}

/* The second comes up while what the first did is in the batch; its frames wait in the socket till then. */
static void a_name_comes_again_before_the_commit(void **state) {
    struct world world;
    (void)state;
    begin_with_beta(&world);
    comes_to_checkpoint(&world, 1, "\2\1\1");
    kill(world.pid, SIGSTOP);
    tell(&world, IPC_TRANSFER_END, 1, NOTHING, NOTHING);
    close_association(&world, 1, IPC_CLOSE_RELEASED);
    announce(&world, 2, false, "beta", "in-1", "");
    begin(&world, 2, "\2\1\1", true);
    say_checkpoint(&world, 2, 1, 1000, "parser");
    kill(world.pid, SIGCONT);
    expect(&world, IPC_TRANSFER_CHECKPOINT_DONE, 2);
    interrupt(&world, 2);
    expect_unknown(&world, "\2\1\1");
    world_end(&world);
}

/* The sender may ask by the name that a resume gave an activity: who has the resuming association's name next
 * gives that anew, and what became of his is no answer. */
static void the_name_that_a_resume_gave_stays_known(void **state) {
    struct world world;
    (void)state;
    for (int ends = 0; ends < 2; ends++) {
        world_begin(&world);
        breaks(&world, 1);
        associate(&world, 2, "beta"); /* there it is the first activity, too */
        assert_int_equal(resumed_as(&world, 2, "in-1", "\2\1\1", "\2\1\1"), IPC_RESUME_FROM);
        next_checkpoint(&world, 2, 2);
        close_association(&world, 2, IPC_CLOSE_BROKEN);
        associate_as(&world, 3, "in-2");
        comes_to_checkpoint(&world, 3, "\2\1\1");
        if (ends)
            assert_int_equal(end(&world, 3), IPC_ACCEPTED);
        close_association(&world, 3, IPC_CLOSE_BROKEN);
        /* what in-2 resumed is not over */
        assert_int_equal(asked_anew(&world, 4, "in-2", "\2\1\1"), IPC_RESUME_UNKNOWN_ACTIVITY);
        world_end(&world);
    }
}

/* RT-RECOVER by the session connection identifier that the broken one had: it is no other that took the name.
 */
static void a_recovery_has_the_name_of_what_it_recovers(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    breaks(&world, 1);
    announce(&world, 2, false, "", "in-1", "in-1");
    assert_int_equal(admission(&world, 2), IPC_BIND_ADMITTED);
    assert_int_equal(resumed(&world, 2, "in-1", "\2\1\1", 1), IPC_RESUME_FROM);
    assert_int_equal(end(&world, 2), IPC_ACCEPTED);
    world_end(&world);
}

/* As some senders ask: by the association on which an activity began, and the identifier that it had last. */
static void the_last_identifier_on_the_first_association(void **state) {
    struct world world;
    (void)state;
    begin_with_beta(&world);
    comes_whole(&world, 1, "\2\1\1");
    comes_to_checkpoint(&world, 1, "\2\1\2");
    close_association(&world, 1, IPC_CLOSE_BROKEN);
    associate(&world, 2, "beta"); /* the resumed one is its activity 1 */
    assert_int_equal(resumed_as(&world, 2, "in-1", "\2\1\2", "\2\1\1"), IPC_RESUME_FROM);
    close_association(&world, 2, IPC_CLOSE_BROKEN);
    assert_int_equal(asked_anew(&world, 3, "in-1", "\2\1\1"), IPC_RESUME_UNKNOWN_ACTIVITY);
    assert_int_equal(resumed(&world, 3, "in-1", "\2\1\2", 1), IPC_RESUME_FROM);
    close_association(&world, 3, IPC_CLOSE_BROKEN);
    world_end(&world);
}

/* Nor does it go on with the other one, which is not over: that has come to its checkpoint before, or comes
 * to it on an association that is still there. */
static void the_last_identifier_is_another_unfinished_one(void **state) {
    struct world world;
    (void)state;
    for (int how = 0; how < 3; how++) {
        begin_with_beta(&world);
        comes_to_checkpoint(&world, 1, "\2\1\2");
        interrupt(&world, 1);
        begin(&world, 1, "\2\1\1", true);
        if (how == 0)
            checkpoint(&world, 1, 1);
        associate(&world, 2, "beta");
        assert_int_equal(resumed_as(&world, 2, "in-1", "\2\1\2", "\2\1\1"), IPC_RESUME_FROM);
        close_association(&world, 2, IPC_CLOSE_BROKEN);
        if (how > 0) {
            next_checkpoint(&world, 1, 1);
        }
        if (how > 1)
            assert_int_equal(end(&world, 1), IPC_ACCEPTED);
        close_association(&world, 1, IPC_CLOSE_BROKEN);
        assert_int_equal(asked_anew(&world, 3, "in-1", "\2\1\1"), IPC_RESUME_UNKNOWN_ACTIVITY);
        world_end(&world);
    }
}

/* What is over leaves its last names, too. */
static void the_name_of_a_resume_of_what_is_over_stays_known(void **state) {
    struct world world;
    (void)state;
    begin_with_beta(&world);
    comes_whole(&world, 1, "\2\1\1");
    associate(&world, 2, "beta");
    assert_int_equal(resumed_as(&world, 2, "in-1", "\2\1\1", "\2\1\7"), IPC_RESUME_COMPLETED);
    close_association(&world, 2, IPC_CLOSE_BROKEN);
    associate_as(&world, 3, "in-2");
    comes_to_checkpoint(&world, 3, "\2\1\7");
    close_association(&world, 3, IPC_CLOSE_BROKEN);
    assert_int_equal(asked_anew(&world, 4, "in-2", "\2\1\7"), IPC_RESUME_UNKNOWN_ACTIVITY);
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
    breaks(&world, 1);
    assert_true(recovers(&world, 2, "in-1"));
    assert_int_equal(resumed(&world, 2, "in-1", "\2\1\1", 7), IPC_RESUME_UNKNOWN_ACTIVITY);
    begin(&world, 2, "\2\1\1", true);
    expect(&world, IPC_ASSOCIATION_CLOSE, 2);
    close_association(&world, 2, IPC_CLOSE_ABORTED);
    assert_false(recovers(&world, 3, "in-1")); /* so that it binds */
    assert_int_equal(asked_anew(&world, 4, "in-1", "\2\1\1"), IPC_RESUME_UNKNOWN_ACTIVITY);
    world_end(&world);
}

/* `count` transfers of beta break after a checkpoint, on associations from `ref` on. */
static void break_many(struct world *world, uint64_t ref, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        breaks(world, ref + i);
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
        comes_to_checkpoint(&world, 100, "\2\1\1");
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
        world_abandon(&world);
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
        breaks(&world, ref); /* counted, as nobody knows what will come of it */
    }
    for (uint64_t ref = 21; ref <= 24; ref++) {
        char id[32];
        snprintf(id, sizeof id, "in-%llu", (unsigned long long)ref - 10);
        assert_int_equal(asked_anew(&world, ref, id, "\2\1\1"), IPC_RESUME_FROM);
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
    world_abandon(&world);
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
    begin_with_beta(&world);
    send_whole(&world, 1, envelope_to(&world, WANTS_NDN, FRANK, NULL), SPAN_LIT("first"));
    assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
    sets_out(&world, 2, "gamma");
    confirm_checkpoint(&world, 2, 3, 2);
    world.priority = x411_Priority_urgent; /* before the first, where both may go */
    send_whole(&world, 1, envelope_to(&world, WANTS_NDN, FRANK, NULL), SPAN_LIT("second"));
    assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
    world_anew(&world);
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
        cmocka_unit_test(an_interrupted_one_is_followed_by_another_of_its_name),
        cmocka_unit_test(an_association_has_the_name_of_another),
        cmocka_unit_test(an_association_is_not_the_former_one_of_its_name),
        cmocka_unit_test(an_association_of_that_name_is_enough),
        cmocka_unit_test(two_associations_have_one_name),
        cmocka_unit_test(one_without_a_checkpoint_is_not_over),
        cmocka_unit_test(two_transfers_of_one_name_come_side_by_side),
        cmocka_unit_test(one_that_was_resumed_elsewhere_is_no_answer),
        cmocka_unit_test(one_of_the_name_is_released),
        cmocka_unit_test(the_name_of_one_that_gave_way_stays_known),
        cmocka_unit_test(a_name_comes_again_before_the_commit),
        cmocka_unit_test(a_recovery_has_the_name_of_what_it_recovers),
        cmocka_unit_test(a_recovery_gets_what_was_unfinished),
        cmocka_unit_test(what_cannot_be_resumed_is_forgotten),
        cmocka_unit_test(a_peer_leaves_no_more_than_the_limit),
        cmocka_unit_test(what_has_just_ended_was_not_interrupted),
        cmocka_unit_test(a_released_association_is_not_recovered),
        cmocka_unit_test(the_peers_option_decides),
        cmocka_unit_test(context_and_dialogue_are_checked),
        cmocka_unit_test(our_recovery_sends_what_was_unfinished),
        cmocka_unit_test(the_last_identifier_on_the_first_association),
        cmocka_unit_test(the_last_identifier_is_another_unfinished_one),
        cmocka_unit_test(the_name_of_a_resume_of_what_is_over_stays_known),
        cmocka_unit_test(the_name_that_a_resume_gave_stays_known),
    };
    return cmocka_run_group_tests_name("outcomes", tests, NULL, NULL);
}
