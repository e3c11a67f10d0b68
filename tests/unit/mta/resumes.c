/* The names that resumes give: an activity is found by its last one as by its first, and by no other's (I7);
 * and by none that is given without a bind when another has it (I8). */
#include "broken.h"

/* Some senders ask by the names under which it began, others by those that the last resume gave. */
static void progress_is_kept_however_often_it_breaks(void **state) {
    struct world world;
    (void)state;
    for (int by_last = 0; by_last < 2; by_last++) {
        char association[32] = "in-1";
        const char *activity = "\2\1\1";
        world_begin(&world);
        client(&world, 1, 0);
        break_off(&world, 1);
        for (uint32_t ref = 2; ref <= 5; ref++) {
            close_association(&world, ref - 1, IPC_CLOSE_BROKEN);
            associate(&world, ref, "beta");
            assert_int_equal(resumed_from(&world, ref, association, activity, ref - 1, "\2\1\5"),
                             IPC_RESUME_FROM);
            checkpoint(&world, ref, ref);
            if (by_last) {
                snprintf(association, sizeof association, "in-%u", (unsigned)ref);
                activity = "\2\1\5";
            }
        }
        assert_int_equal(end(&world, 5), IPC_ACCEPTED);
        assert_int_equal(queued(&world), 1);
        world_anew(&world);
        associate(&world, 7, "beta");
        assert_int_equal(resumed(&world, 7, association, activity, 5), IPC_RESUME_COMPLETED);
        assert_int_equal(resumed(&world, 7, "in-1", "\2\1\1", 5), IPC_RESUME_COMPLETED);
        world_end(&world);
    }
}

/* The name that a resume gave was given before, is given to another by a resume, or begins another. */
static void a_name_that_a_resume_gives_is_another_s_too(void **state) {
    struct world world;
    (void)state;
    for (int how = 0; how < 3; how++) {
        world_begin(&world);
        breaks(&world, 1);
        breaks(&world, 2);
        associate(&world, 3, "beta");
        if (how == 0) {
            comes_whole(&world, 3, "\2\1\5");
        } else if (how == 1) {
            assert_int_equal(resumed_as(&world, 3, "in-2", "\2\1\1", "\2\1\5"), IPC_RESUME_FROM);
            interrupt(&world, 3);
        }
        assert_int_equal(resumed_as(&world, 3, "in-1", "\2\1\1", "\2\1\5"), IPC_RESUME_FROM);
        interrupt(&world, 3);
        if (how == 2) {
            comes_to_checkpoint(&world, 3, "\2\1\5");
            interrupt(&world, 3);
        }
        close_association(&world, 3, IPC_CLOSE_BROKEN);
        assert_int_equal(asked_anew(&world, 4, "in-3", "\2\1\5"), IPC_RESUME_UNKNOWN_ACTIVITY);
        goes_on(&world, 4, "in-1", "\2\1\1");
        goes_on(&world, 4, "in-2", "\2\1\1");
        world_end(&world);
    }
}

/* What nobody knew when it was resumed is not what has its names later, whether the resume gave it the same
 * identifier or another. */
static void a_name_of_the_unknown_stands_for_nothing_later(void **state) {
    static const char *const given[] = {"\2\1\1", "\2\1\5"};
    struct world world;
    (void)state;
    for (int i = 0; i < 2; i++) {
        world_begin(&world);
        associate(&world, 3, "beta");
        assert_int_equal(resumed_as(&world, 3, "in-1", "\2\1\1", given[i]), IPC_RESUME_UNKNOWN_ACTIVITY);
        breaks(&world, 1);
        assert_int_equal(asked_anew(&world, 4, "in-3", given[i]), IPC_RESUME_UNKNOWN_ACTIVITY);
        world_end(&world);
    }
}

/* A peer sends on the associations that were opened here, too, and gives an identifier twice there. */
static void an_identifier_is_used_again_on_an_association_of_ours(void **state) {
    struct world world;
    (void)state;
    begin_with_beta(&world);
    comes_in(&world, FRANK);
    goes_out(&world, 2, "gamma");
    comes_whole(&world, 2, "\2\1\1");
    comes_to_checkpoint(&world, 2, "\2\1\1");
    close_association(&world, 2, IPC_CLOSE_BROKEN);
    associate(&world, 3, "gamma");
    assert_int_equal(resumed(&world, 3, "out-2", "\2\1\1", 1), IPC_RESUME_UNKNOWN_ACTIVITY);
    world_abandon(&world);
}

/* Its sender has not seen the answer. */
static void what_is_discarded_after_its_end_keeps_its_answer(void **state) {
    struct world world;
    (void)state;
    for (int good = 0; good < 2; good++) {
        begin_with_beta(&world);
        begin(&world, 1, "\2\1\1", good);
        checkpoint(&world, 1, 1);
        assert_int_equal(end(&world, 1), good ? IPC_ACCEPTED : IPC_REFUSED);
        tell(&world, IPC_TRANSFER_STOP, 1, SPAN_LIT("\0"), NOTHING);
        close_association(&world, 1, IPC_CLOSE_BROKEN);
        associate(&world, 2, "beta");
        assert_int_equal(resumed(&world, 2, "in-1", "\2\1\1", 1),
                         good ? IPC_RESUME_COMPLETED : IPC_RESUME_REFUSED);
        world_end(&world);
    }
}

/* Refused for now before its end, which says nothing of what ended before it: nothing of it stays. */
static void what_was_refused_before_its_end_is_discarded(void **state) {
    struct world world;
    (void)state;
    for (int taken_before = 0; taken_before < 2; taken_before++) {
        world_begin(&world);
        world_kill(&world);
        world.config.limits.content_octets = 10;
        world_start(&world);
        associate(&world, 1, "beta");
        if (taken_before)
            comes_whole(&world, 1, "\2\1\1");
        begin(&world, 1, "\2\1\2", true);
        checkpoint(&world, 1, 1);
        tell(&world, IPC_TRANSFER_CONTENT, 1, SPAN_LIT("content"), NOTHING); /* too much */
        say_checkpoint(&world, 1, 2, 2000, "parser");
        assert_int_equal(result_of(&world, 1), IPC_REFUSED_TEMPORARILY);
        tell(&world, IPC_TRANSFER_END, 1, NOTHING, NOTHING); /* it had sent that by then */
        tell(&world, IPC_TRANSFER_STOP, 1, SPAN_LIT("\0"), NOTHING);
        close_association(&world, 1, IPC_CLOSE_BROKEN);
        associate(&world, 2, "beta");
        assert_int_equal(resumed(&world, 2, "in-1", "\2\1\2", 1), IPC_RESUME_UNKNOWN_ACTIVITY);
        world_end(&world);
    }
}

/* Ours names it as it began, which the peer has confirmed. */
static void our_resumes_name_it_as_it_began(void **state) {
    struct world world;
    (void)state;
    begin_on_its_way(&world);
    confirm_checkpoint(&world, 2, 3, 2);
    for (uint32_t ref = 3; ref <= 5; ref++) {
        sent(&world, ref - 1, IPC_SENT_BROKEN);
        close_association(&world, ref - 1, IPC_CLOSE_BROKEN);
        if (ref == 5) { /* the row says the same */
            expect_committed(&world);
            world_anew(&world);
        }
        struct outgoing out = sets_out(&world, ref, "gamma");
        assert_true(span_eq(out.old_association, SPAN_LIT("out-2")));
        assert_int_equal(out.serial, ref);
        confirm_checkpoint(&world, ref, ref + 1, 2);
    }
    world_abandon(&world);
}

/* It ends late in the name's time, and its sender may ask by that for as long as for any. */
static void a_name_that_a_resume_gave_is_kept_as_long_as_the_answer(void **state) {
    enum { KEPT = 6, MOST_OF_IT = 4 };
    struct world world;
    (void)state;
    world_begin(&world);
    world_kill(&world);
    world.config.limits.resume_seconds = KEPT;
    world_start(&world);
    breaks(&world, 1);
    associate(&world, 3, "beta");
    assert_int_equal(resumed_as(&world, 3, "in-1", "\2\1\1", "\2\1\5"), IPC_RESUME_FROM);
    sleep(MOST_OF_IT);
    assert_int_equal(end(&world, 3), IPC_ACCEPTED);
    sleep(MOST_OF_IT);
    associate(&world, 4, "beta");
    assert_int_equal(resumed(&world, 4, "in-3", "\2\1\5", 1), IPC_RESUME_COMPLETED);
    world_end(&world);
}

/* ---- recovery ---- */

/* It calls itself as another does, or did: that one's transfers are not touched by one who proved nothing. */
static void a_recovery_has_no_name_of_another(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    breaks(&world, 1);
    associate(&world, 2, "beta");
    for (int how = 0; how < 3; how++) { /* it is there without an activity, with one, or broken */
        announce(&world, 3, false, "", "in-2", "in-1");
        assert_int_equal(admission(&world, 3), IPC_BIND_CANNOT_RECOVER);
        if (how == 0)
            comes_to_checkpoint(&world, 2, "\2\1\1");
        if (how == 1) {
            checkpoint(&world, 2, 2);
            close_association(&world, 2, IPC_CLOSE_BROKEN);
        }
    }
    associate(&world, 4, "beta");
    assert_int_equal(resumed(&world, 4, "in-2", "\2\1\1", 2), IPC_RESUME_FROM);
    assert_int_equal(end(&world, 4), IPC_ACCEPTED);
    world_end(&world);
}

/* The other binds by the name when the recovery is there. */
static void a_recovery_gives_no_name_of_another(void **state) {
    struct world world;
    (void)state;
    for (int how = 0; how < 3; how++) { /* up, broken, or there and without an activity */
        world_begin(&world);
        breaks(&world, 1);
        assert_true(recovers(&world, 3, "in-1"));
        associate_as(&world, 4, "in-3");
        if (how < 2) {
            comes_to_checkpoint(&world, 4, "\2\1\5");
        }
        if (how == 1)
            close_association(&world, 4, IPC_CLOSE_BROKEN);
        ask_resume_as(&world, 3, "in-1", "\2\1\1", 1, "\2\1\5");
        expect(&world, IPC_ASSOCIATION_CLOSE, 3);
        close_association(&world, 3, IPC_CLOSE_ABORTED);
        if (how == 0) {
            next_checkpoint(&world, 4, 2);
        } else if (how == 2) {
            comes_whole(&world, 4, "\2\1\5");
        }
        if (how != 1)
            close_association(&world, 4, IPC_CLOSE_BROKEN);
        associate(&world, 5, "beta");
        assert_int_equal(resumed(&world, 5, "in-3", "\2\1\5", 1),
                         how < 2 ? IPC_RESUME_FROM : IPC_RESUME_COMPLETED);
        interrupt(&world, 5);
        goes_on(&world, 5, "in-1", "\2\1\1");
        world_end(&world);
    }
}

/* Nothing is written for it: the next one by its name is no namesake. */
static void a_recovery_resumes_what_is_not_there(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    break_off(&world, 1);
    assert_true(recovers(&world, 3, "in-1"));
    for (int i = 0; i < 20; i++) {
        char new[4] = {2, 1, (char)(i + 1)};
        assert_int_equal(resumed_as(&world, 3, "in-1", "\2\1\11", new), IPC_RESUME_UNKNOWN_ACTIVITY);
    }
    close_association(&world, 3, IPC_CLOSE_BROKEN);
    associate_as(&world, 4, "in-3");
    comes_to_checkpoint(&world, 4, "\2\1\5");
    close_association(&world, 4, IPC_CLOSE_BROKEN);
    assert_int_equal(asked_anew(&world, 5, "in-3", "\2\1\5"), IPC_RESUME_FROM);
    interrupt(&world, 5);
    goes_on(&world, 5, "in-1", "\2\1\1");
    world_end(&world);
}

/* The name that it gives to what goes on is kept as that of a bound one, in bounds. */
static void a_recovery_names_what_it_resumes(void **state) {
    struct world world;
    unsigned resumes = 0;
    (void)state;
    world_begin(&world);
    break_off(&world, 1);
    assert_true(recovers(&world, 3, "in-1"));
    assert_int_equal(resumed_as(&world, 3, "in-1", "\2\1\1", "\2\1\5"), IPC_RESUME_FROM);
    checkpoint(&world, 3, 2);
    close_association(&world, 3, IPC_CLOSE_BROKEN);
    associate(&world, 4, "beta");
    assert_int_equal(resumed(&world, 4, "in-3", "\2\1\5", 2), IPC_RESUME_FROM);
    interrupt(&world, 4);
    assert_true(recovers(&world, 5, "in-1"));
    for (; resumes < 200; resumes++) {
        char new[5] = {2, 2, (char)(resumes / 100 + 1), (char)(resumes % 100 + 1)};
        ask_resume_as(&world, 5, "in-1", "\2\1\1", 1, new);
        if (!await(&world, IPC_RESUME_RESULT, 5, 1000))
            break;
        interrupt(&world, 5);
    }
    expect(&world, IPC_ASSOCIATION_CLOSE, 5);
    assert_int_equal(resumes, 100);
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(progress_is_kept_however_often_it_breaks),
        cmocka_unit_test(a_name_that_a_resume_gives_is_another_s_too),
        cmocka_unit_test(a_name_of_the_unknown_stands_for_nothing_later),
        cmocka_unit_test(an_identifier_is_used_again_on_an_association_of_ours),
        cmocka_unit_test(what_is_discarded_after_its_end_keeps_its_answer),
        cmocka_unit_test(what_was_refused_before_its_end_is_discarded),
        cmocka_unit_test(a_recovery_has_no_name_of_another),
        cmocka_unit_test(a_recovery_gives_no_name_of_another),
        cmocka_unit_test(a_recovery_resumes_what_is_not_there),
        cmocka_unit_test(a_recovery_names_what_it_resumes),
        cmocka_unit_test(our_resumes_name_it_as_it_began),
        cmocka_unit_test(a_name_that_a_resume_gave_is_kept_as_long_as_the_answer),
    };
    return cmocka_run_group_tests_name("resumes", tests, NULL, NULL);
}
