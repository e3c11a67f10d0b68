/* While a commit hangs the batch that fills has room for so much, and no more is begun: what waits for room.
 */
#include "hold.h"

#define REQUESTS_MOST 2
#define HANDED        3

static void open_world(struct world *world) {
    world_begin(world);
    world_stop(world);
    world->config.limits.requests = REQUESTS_MOST;
    begin_again(world);
    associate(world, 1, "beta");
    associate(world, 2, "beta");
}

static void hand_over(struct world *world, uint64_t ref, size_t length) {
    static const uint8_t content[2000];
    send_whole(world, ref, envelope_to(world, WANTS_NDN, JONES, NULL), span_of(content, length));
}

/* One flies, and the one that fills has no room: gamma's associations from 100 on wait for their answers. */
static void fill_up(struct world *world) {
    for (uint64_t ref = 100; ref < 100 + HANDED; ref++)
        associate(world, ref, "gamma");
    hold_commits(true);
    for (uint64_t ref = 100; ref < 100 + HANDED; ref++) {
        hand_over(world, ref, 100);
        json_decref(ask(world, "{\"operation\":\"status\"}"));
        if (ref == 100)
            usleep(50000);
    }
}

static void all_is_taken(struct world *world) {
    for (uint64_t ref = 100; ref < 100 + HANDED; ref++)
        assert_int_equal(result_of(world, ref), IPC_ACCEPTED);
}

/* The checkpoint that it goes on from waited for room as well, before it: that one is on disk first (I7). */
static void a_resume_that_waited_for_room_looks_again(void **state) {
    struct world world;
    uint8_t kind = IPC_APDU_MESSAGE;
    (void)state;
    open_world(&world);
    say_transfer(&world, 1, "\2\1\1");
    tell(&world, IPC_TRANSFER_ENVELOPE, 1, span_of(&kind, 1), envelope_to(&world, WANTS_NDN, JONES, NULL));
    tell(&world, IPC_TRANSFER_CONTENT, 1, SPAN_LIT("the first half"), NOTHING);
    say_checkpoint(&world, 1, 1, 1000, "state");
    expect_checkpoint(&world, 1, 1);
    fill_up(&world);
    tell(&world, IPC_TRANSFER_CONTENT, 1, SPAN_LIT(", more"), NOTHING);
    say_checkpoint(&world, 1, 2, 2000, "state");
    ask_resume(&world, 2, "in-1", "\2\1\1", 2);
    json_decref(ask(&world, "{\"operation\":\"status\"}"));
    expect_none(&world, IPC_RESUME_RESULT);
    hold_commits(false);
    struct reader r = expect(&world, IPC_RESUME_RESULT, 2);
    reader_u32(&r);
    assert_int_equal(reader_u8(&r), IPC_RESUME_FROM);
    assert_int_equal(reader_u32(&r), 2);
    all_is_taken(&world);
    tell(&world, IPC_TRANSFER_CONTENT, 2, SPAN_LIT(" and the rest"), NOTHING);
    tell(&world, IPC_TRANSFER_END, 2, NOTHING, NOTHING);
    assert_int_equal(result_of(&world, 2), IPC_ACCEPTED);
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_resume_that_waited_for_room_looks_again),
    };
    return cmocka_run_group_tests_name("room", tests, NULL, NULL);
}
