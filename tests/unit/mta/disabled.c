/* What an operator's `peer-disable` does to the associations that the peer opened. */
#include "hold.h"

static void disable(struct world *world, uint64_t under) {
    ask_under(world, under, "{\"operation\":\"peer-disable\",\"peer\":\"beta\",\"reason\":\"test\"}");
}

static void expect_changed(json_t *answer) {
    assert_int_equal(number_at(answer, "changed", NULL), 1);
    json_decref(answer);
}

static void expect_aborted(struct world *world, uint64_t ref) {
    struct reader r = expect(world, IPC_ASSOCIATION_CLOSE, ref);
    assert_int_equal(reader_u8(&r), IPC_CLOSE_ABORTED);
    close_association(world, ref, IPC_CLOSE_ABORTED);
}

/* It was taken before: its commit comes after that of the disabling, and its answer before the end. */
static void what_was_taken_is_answered_first(void **state) {
    struct world world;
    (void)state;
    begin_with_operator(&world);
    associate(&world, 2, "gamma");
    hold_commits(true);
    disable(&world, 8);
    usleep(100000); /* it flies */
    send_whole(&world, 1, envelope_to(&world, WANTS_NDN, JONES, NULL), SPAN_LIT("a content"));
    expect_none(&world, IPC_TRANSFER_RESULT);
    hold_commits(false);
    expect_changed(late_answer(&world, 8));
    expect(&world, IPC_ASSOCIATION_CLOSE, 1);
    assert_true(await(&world, IPC_TRANSFER_RESULT, 1, 0)); /* what came before the end */
    struct reader r = reader_of(buf_span(&world.last.payload));
    reader_u32(&r);
    assert_int_equal(reader_u8(&r), IPC_ACCEPTED);
    close_association(&world, 1, IPC_CLOSE_ABORTED);
    expect_none(&world, IPC_ASSOCIATION_CLOSE); /* gamma's goes on */
    world_end(&world);
}

/* A transfer that is under way ends with its association, and goes on from its checkpoint later. */
static void what_is_under_way_is_resumed(void **state) {
    struct world world;
    (void)state;
    begin_with_operator(&world);
    begin_transfer(&world, 1, "\2\1\1");
    expect_checkpoint(&world, 1, 1);
    disable(&world, 8);
    expect_changed(late_answer(&world, 8));
    expect_aborted(&world, 1);
    announce(&world, 3, false, "beta", "in-3", "");
    assert_int_equal(admission(&world, 3), IPC_BIND_BUSY);
    expect_changed(ask(&world, "{\"operation\":\"peer-enable\",\"peer\":\"beta\",\"reason\":\"test\"}"));
    associate(&world, 4, "beta");
    struct reader r = say_resume(&world, 4, "in-1", "\2\1\1", 1);
    assert_int_equal(reader_u8(&r), IPC_RESUME_FROM);
    tell(&world, IPC_TRANSFER_CONTENT, 4, SPAN_LIT(", and the second"), NOTHING);
    tell(&world, IPC_TRANSFER_END, 4, NOTHING, NOTHING);
    assert_int_equal(result_of(&world, 4), IPC_ACCEPTED);
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(what_was_taken_is_answered_first),
        CASE(what_is_under_way_is_resumed),
    };
    return cmocka_run_group_tests_name("disabled", tests, NULL, NULL);
}
