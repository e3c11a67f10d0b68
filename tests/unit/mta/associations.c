/* When another association is opened: an urgent copy waits for none that is under way, nor does any copy
 * behind a long transfer. */
#include "world.h"

static void begin(struct world *world, unsigned most) {
    world_begin(world);
    world_stop(world);
    world->peers[1].max_out = most;
    world_start(world);
    client(world, 1, 0);
    associate(world, 1, "beta");
}

static void take_in(struct world *world, int priority) {
    world->priority = priority;
    comes_in(world, FRANK);
}

/* A transfer of a normal copy is under way on association 2. */
static void begin_long(struct world *world, unsigned most) {
    begin(world, most);
    take_in(world, x411_Priority_normal);
    sets_out(world, 2, "gamma");
}

static void an_urgent_copy_opens_another(void **state) {
    struct world world;
    (void)state;
    begin_long(&world, 2);
    take_in(&world, x411_Priority_urgent);
    goes_out(&world, 3, "gamma");
    sent(&world, 2, IPC_SENT);
    expect_drained(&world);
    world_end(&world);
}

static void a_copy_behind_a_long_transfer_opens_another(void **state) {
    struct world world;
    (void)state;
    begin_long(&world, 3);
    take_in(&world, x411_Priority_normal);
    assert_false(await(&world, IPC_CONNECT, 0, 0)); /* the transfer is not a long one yet */
    sets_out(&world, 3, "gamma");
    /* the third and last one is for urgent copies */
    take_in(&world, x411_Priority_normal);
    assert_false(await(&world, IPC_CONNECT, 0, 4000));
    take_in(&world, x411_Priority_urgent);
    sets_out(&world, 4, "gamma");
    for (uint64_t ref = 2; ref <= 4; ref++)
        sent(&world, ref, IPC_SENT);
    sent(&world, outgoing_of(&world, 0).ref, IPC_SENT);
    expect_drained(&world);
    world_end(&world);
}

static void no_more_than_are_allowed(void **state) {
    struct world world;
    (void)state;
    begin_long(&world, 1);
    take_in(&world, x411_Priority_urgent);
    expect_none(&world, IPC_CONNECT);
    sent(&world, 2, IPC_SENT);
    outgoing_of(&world, 2);
    sent(&world, 2, IPC_SENT);
    expect_drained(&world);
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_urgent_copy_opens_another),
        cmocka_unit_test(a_copy_behind_a_long_transfer_opens_another),
        cmocka_unit_test(no_more_than_are_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
