/* How many names a peer can make of what never was here, was discarded or refused: they are bounded, and what
 * is not remembered is given for nothing's answer (I7). */
#include "broken.h"

#include "store/store_private.h"

/* ---- what the store has ---- */

struct rows {
    const char *peer, *association; /* NULL: any */
    unsigned count;
};

static bool count_row(void *context, const struct store_outcome *outcome) {
    struct rows *rows = context;
    rows->count += span_eq(outcome->peer, span_str(rows->peer)) &&
                   (!rows->association || span_eq(outcome->association, span_str(rows->association)));
    return true;
}

/* How many outcomes it keeps, while the switch is stopped. */
static unsigned rows_of(struct world *world, const char *peer, const char *association) {
    struct rows rows = {.peer = peer, .association = association};
    struct store_scan scan = {.context = &rows, .outcome = count_row};
    struct error err = {0};
    world_kill(world);
    struct store *store = store_open(world->place, NULL, &err);
    if (!store || !store->engine->scan(store, &scan, &err))
        fail_msg("%s", err.text);
    store_close(store);
    world_start(world);
    return rows.count;
}

static void begin_with_names(struct world *world, unsigned names) {
    world_begin(world);
    world_kill(world);
    world->config.limits.names = names;
    world_start(world);
}

/* It resumes what is not there, by this number, on the association. */
static void resumes_nothing(struct world *world, uint64_t ref, unsigned number) {
    char new[5] = {2, 2, (char)(number / 100 + 1), (char)(number % 100 + 1)}, old[32];
    snprintf(old, sizeof old, "old-%u", number);
    assert_int_equal(resumed_as(world, ref, old, "\2\1\1", new), IPC_RESUME_UNKNOWN_ACTIVITY);
}

static void resumes_nothing_often(struct world *world, uint64_t ref, unsigned times) {
    for (unsigned i = 0; i < times; i++)
        resumes_nothing(world, ref, i);
}

/* ---- of a peer ---- */

/* And nothing is told from what was not written, whatever the peer left before or leaves later; another peer
 * goes on. */
static void a_peer_names_no_more_than_the_limit(void **state) {
    struct world world;
    (void)state;
    begin_with_names(&world, 20);
    associate(&world, 100, "gamma");
    comes_to_checkpoint(&world, 100, "\2\1\1");
    close_association(&world, 100, IPC_CLOSE_BROKEN);
    breaks(&world, 1);
    associate(&world, 2, "beta");
    resumes_nothing_often(&world, 2, 8); /* two names each: there and here */
    goes_on(&world, 2, "in-1", "\2\1\1");
    close_association(&world, 2, IPC_CLOSE_BROKEN);
    for (uint64_t ref = 3; ref <= 12; ref++) {
        associate(&world, ref, "beta");
        resumes_nothing_often(&world, ref, 8);
        close_association(&world, ref, IPC_CLOSE_BROKEN);
    }
    breaks(&world, 13);
    for (int restarts = 0; restarts < 2; restarts++) {
        assert_int_equal(asked_anew(&world, 20, "in-1", "\2\1\1"), IPC_RESUME_UNKNOWN_ACTIVITY);
        assert_int_equal(resumed(&world, 20, "in-13", "\2\1\1", 1), IPC_RESUME_UNKNOWN_ACTIVITY);
        assert_false(recovers(&world, 21, "in-13"));
        associate(&world, 22, "gamma");
        goes_on(&world, 22, "in-100", "\2\1\1");
        assert_in_range(rows_of(&world, "beta", NULL), 20, 25);
    }
    world_end(&world);
}

/* Who fills what he may, over and over, gets no more by our restarts. */
static void a_restart_goes_on_counting(void **state) {
    struct world world;
    (void)state;
    begin_with_names(&world, 20);
    for (uint64_t ref = 2, restarts = 0; restarts < 3; restarts++) {
        for (uint64_t end = ref + 10; ref < end; ref++) {
            associate(&world, ref, "beta");
            resumes_nothing_often(&world, ref, 8);
            close_association(&world, ref, IPC_CLOSE_BROKEN);
        }
        assert_int_equal(rows_of(&world, "beta", NULL), 21); /* and one for all others */
    }
    world_end(&world);
}

/* Whatever comes to nothing counts: it begins and is discarded, or is refused. What was accepted does not. */
static void what_comes_to_nothing_counts(void **state) {
    struct world world;
    (void)state;
    for (int how = 0; how < 3; how++) {
        begin_with_names(&world, 20);
        breaks(&world, 1);
        for (uint64_t ref = 2; ref <= 41; ref++) {
            associate(&world, ref, "beta");
            begin(&world, ref, "\2\1\1", how != 1);
            checkpoint(&world, ref, 1);
            if (how == 0)
                tell(&world, IPC_TRANSFER_STOP, ref, SPAN_LIT("\0"), NOTHING);
            else
                assert_int_equal(end(&world, ref), how == 1 ? IPC_REFUSED : IPC_ACCEPTED);
            close_association(&world, ref, IPC_CLOSE_BROKEN);
        }
        assert_int_equal(asked_anew(&world, 50, "in-1", "\2\1\1"),
                         how < 2 ? IPC_RESUME_UNKNOWN_ACTIVITY : IPC_RESUME_FROM);
        close_association(&world, 50, IPC_CLOSE_BROKEN);
        assert_int_equal(rows_of(&world, "beta", NULL), how < 2 ? 21 : 40);
        world_abandon(&world);
    }
}

/* What takes the place of a row is no new one: the name of a day's associations, which is given again with
 * each of them. */
static void a_name_that_is_given_again_counts_once(void **state) {
    struct world world;
    (void)state;
    begin_with_names(&world, 20);
    breaks(&world, 1);
    for (uint64_t ref = 2; ref <= 41; ref++) {
        associate_as(&world, ref, "today");
        comes_to_checkpoint(&world, ref, "\2\1\1");
        close_association(&world, ref, IPC_CLOSE_BROKEN);
    }
    assert_int_equal(asked_anew(&world, 50, "in-1", "\2\1\1"), IPC_RESUME_FROM);
    interrupt(&world, 50);
    world_end(&world);
}

/* Who has not bound leaves room for the peer. */
static void a_recovery_leaves_room(void **state) {
    struct world world;
    unsigned resumes = 0;
    (void)state;
    begin_with_names(&world, 20);
    breaks(&world, 1);
    for (uint64_t ref = 3; ref <= 6; ref++) {
        assert_true(recovers(&world, ref, "in-1"));
        for (unsigned i = 0; i < 20; i++, resumes++) {
            char new[5] = {2, 2, (char)ref, (char)(i + 1)};
            ask_resume_as(&world, ref, "in-1", "\2\1\1", 1, new);
            if (!await(&world, IPC_RESUME_RESULT, ref, 500))
                break;
            interrupt(&world, ref);
        }
        expect(&world, IPC_ASSOCIATION_CLOSE, ref);
        close_association(&world, ref, IPC_CLOSE_ABORTED);
    }
    assert_in_range(resumes, 4, 5);
    associate(&world, 7, "beta");
    goes_on(&world, 7, "in-1", "\2\1\1");
    world_end(&world);
}

/* ---- of an association ---- */

/* One that resumes nothing again and again has a name that says nothing: no more is written by it, and the
 * peer's others go on. */
static void an_association_names_no_more_than_so_many(void **state) {
    struct world world;
    (void)state;
    begin_with_names(&world, 0);
    breaks(&world, 1);
    associate(&world, 2, "beta");
    resumes_nothing_often(&world, 2, 300);
    comes_to_checkpoint(&world, 2, "\2\1\1");
    close_association(&world, 2, IPC_CLOSE_BROKEN);
    assert_int_equal(rows_of(&world, "beta", "in-2"), 257);
    assert_int_equal(asked_anew(&world, 3, "in-2", "\2\1\1"), IPC_RESUME_UNKNOWN_ACTIVITY);
    goes_on(&world, 3, "in-1", "\2\1\1");
    world_end(&world);
}

/* An association whose name is another's leaves no names of its own. */
static void a_shared_name_is_one_row(void **state) {
    struct world world;
    (void)state;
    begin_with_names(&world, 0);
    for (uint64_t ref = 2; ref <= 6; ref++) {
        associate_as(&world, ref, "today");
        resumes_nothing(&world, ref, (unsigned)ref);
        close_association(&world, ref, IPC_CLOSE_BROKEN);
    }
    assert_int_equal(rows_of(&world, "beta", "today"), 2); /* the first's, and that it is shared */
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_names_no_more_than_the_limit),
        cmocka_unit_test(a_restart_goes_on_counting),
        cmocka_unit_test(what_comes_to_nothing_counts),
        cmocka_unit_test(a_name_that_is_given_again_counts_once),
        cmocka_unit_test(a_recovery_leaves_room),
        cmocka_unit_test(an_association_names_no_more_than_so_many),
        cmocka_unit_test(a_shared_name_is_one_row),
    };
    return cmocka_run_group_tests_name("nameless", tests, NULL, NULL);
}
