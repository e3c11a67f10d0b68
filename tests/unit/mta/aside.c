/* How much of the frames that wait for a commit (mta/late.c holds it) may be of one peer. */
#include "hold.h"

/* Nearly as much as an association may: a transfer that waits for the end of another, which flies. */
static void put_aside(struct world *world, uint64_t ref) {
    static const uint8_t piece[IPC_CHUNK];
    begin_transfer(world, ref, "\2\1\1");
    tell(world, IPC_TRANSFER_STOP, ref, SPAN_LIT("\0"), NOTHING);
    begin_transfer(world, ref, "\2\1\2");
    for (int i = 0; i < 7; i++)
        tell(world, IPC_TRANSFER_CONTENT, ref, span_of(piece, sizeof piece), NOTHING);
}

static unsigned ended(struct world *world) {
    unsigned count = 0;
    while (await(world, IPC_ASSOCIATION_CLOSE, 0, count ? 300 : 2000))
        count++;
    return count;
}

/* A peer may have as much as is free for all, by however many associations: another's transfers go on. */
static void what_is_put_aside_is_shared(void **state) {
    enum { OF_BETA = 40, ALL = 44 };
    struct world world;
    (void)state;
    setenv("CHASQUI_TEST_PATIENCE", "60", 1); /* so many octets need more than a second */
    world_begin(&world);
    world_stop(&world);
    world.peers[0].max_in = OF_BETA;
    begin_again(&world);
    for (uint64_t ref = 1; ref <= ALL; ref++)
        associate(&world, ref, ref <= OF_BETA ? "beta" : "gamma");
    hold_commits(true);
    for (uint64_t ref = 1; ref <= OF_BETA; ref++)
        put_aside(&world, ref); /* 70 MiB, of which 64 there are */
    unsigned of_beta = ended(&world);
    for (uint64_t ref = OF_BETA + 1; ref <= ALL; ref++) {
        put_aside(&world, ref);
        tell(&world, IPC_TRANSFER_END, ref, NOTHING, NOTHING);
    }
    assert_int_equal(ended(&world), 0);
    for (uint64_t ref = 1; ref <= OF_BETA; ref++)
        close_association(&world, ref, IPC_CLOSE_BROKEN);
    hold_commits(false);
    for (uint64_t ref = OF_BETA + 1; ref <= ALL; ref++)
        assert_int_equal(result_of(&world, ref), IPC_ACCEPTED);
    assert_in_range(of_beta, OF_BETA - 19, OF_BETA - 17); /* it has half of all, in 18 of 1.75 MiB */
    world_abandon(&world);
    unsetenv("CHASQUI_TEST_PATIENCE");
}

/* Then they wait on, and go on with no other commit. */
static void what_was_put_aside_waits_for_a_store_that_takes_no_octets(void **state) {
    enum { SENDING = 3 };
    struct world world;
    char sated[LEVER_MAX];
    (void)state;
    set_lever(sated, "CHASQUI_TEST_SATED");
    world_begin(&world);
    client(&world, 1, 0);
    for (uint64_t ref = 1; ref <= SENDING; ref++)
        associate(&world, ref, "beta");
    hold_commits(true);
    for (uint64_t ref = 1; ref <= SENDING; ref++) {
        put_aside(&world, ref);
        tell(&world, IPC_TRANSFER_END, ref, NOTHING, NOTHING);
    }
    json_decref(ask(&world, "{\"operation\":\"status\"}"));
    assert_true(switch_file(sated, true));
    hold_commits(false);
    expect_none(&world, IPC_TRANSFER_RESULT);
    assert_true(switch_file(sated, false));
    for (uint64_t ref = 1; ref <= SENDING; ref++)
        assert_int_equal(result_of(&world, ref), IPC_ACCEPTED);
    world_end(&world);
    unsetenv("CHASQUI_TEST_SATED");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(what_is_put_aside_is_shared),
        CASE(what_was_put_aside_waits_for_a_store_that_takes_no_octets),
    };
    return cmocka_run_group_tests_name("aside", tests, NULL, NULL);
}
