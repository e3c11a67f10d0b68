/* Back-pressure: whose answers are delayed, for how long, and what lets them go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "mta/mta_private.h"
#include "mta/pace.h"

enum { QUEUE = 40, BRISK = 100, ASSOCIATIONS = 3 };

/* As much of a switch as back-pressure looks at: one next hop, one net process with three associations. */
struct stage {
    struct mta mta;
    struct peer peer;
    struct destination *destinations[1];
    struct queue queues[1];
    struct net_process net;
    struct association associations[ASSOCIATIONS];
    int far; /* the net process's end */
};

static bool on_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                     struct span payload) {
    (void)context, (void)channel, (void)type, (void)ref, (void)payload;
    return true;
}

static const struct ipc_handler handler = {.frame = on_frame};

/* A queue that is long, to a next hop that is brisk. */
static void begin(struct stage *stage) {
    int pair[2];
    *stage = (struct stage){.peer = {.destination = {.kind = DESTINATION_MTA}, .out = 1, .done = BRISK},
                            .destinations = {&stage->peer.destination}};
    struct mta *mta = &stage->mta;
    mta->loop = event_base_new();
    mta->destinations = stage->destinations;
    mta->destination_count = 1;
    mta->schedule.queues = stage->queues;
    mta->schedule.queue_count = 1;
    stage->queues[0].ready = QUEUE;
    mta->pace = event_new(mta->loop, -1, 0, pace_on_timer, mta);
    buf_init(&mta->head, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    stage->far = pair[0];
    stage->net = (struct net_process){.mta = mta,
                                      .channel = ipc_channel_new(mta->loop, pair[1], "net", &handler, NULL)};
    assert_non_null(stage->net.channel);
    for (size_t i = 0; i < ASSOCIATIONS; i++)
        stage->associations[i] = (struct association){.net = &stage->net, .peer = &stage->peer, .ref = i + 1};
}

static void end(struct stage *stage) {
    ipc_channel_free(stage->net.channel);
    event_free(stage->mta.pace);
    event_base_free(stage->mta.loop);
    buf_free(&stage->mta.head);
    close(stage->far);
}

/* The refs of the answers that came, as digits in their order. */
static unsigned answered(struct stage *stage) {
    uint8_t octets[1024];
    unsigned refs = 0;
    for (unsigned i = 0; i < 5; i++)
        event_base_loop(stage->mta.loop, EVLOOP_NONBLOCK);
    ssize_t got = recv(stage->far, octets, sizeof octets, 0);
    struct reader r = reader_of(span_of(octets, got > 0 ? (size_t)got : 0));
    while (reader_left(&r)) {
        uint32_t length = reader_u32(&r);
        assert_int_equal(reader_u16(&r), IPC_TRANSFER_RESULT);
        reader_u16(&r);
        refs = refs * 10 + (unsigned)reader_u64(&r);
        struct reader payload = reader_of(reader_take(&r, length));
        assert_int_equal(reader_u32(&payload), 1);
        assert_int_equal(reader_u8(&payload), IPC_ACCEPTED);
    }
    assert_false(r.failed);
    return refs;
}

static void a_long_queue_to_a_brisk_hop_holds_answers(void **state) {
    struct stage stage;
    (void)state;
    begin(&stage);
    pace_work(&stage.mta, &stage.peer);
    assert_ptr_equal(stage.mta.crowded, &stage.peer);
    assert_true(pace_delay(&stage.associations[0], 1, 0));
    assert_ptr_equal(stage.associations[0].delayed_for, &stage.peer);
    assert_int_equal(answered(&stage), 0);
    end(&stage);
}

static void nothing_is_held_for(struct stage *stage) {
    stage->mta.crowded = NULL;
    pace_work(&stage->mta, &stage->peer);
    assert_null(stage->mta.crowded);
    assert_false(pace_delay(&stage->associations[0], 1, 0));
    assert_null(stage->mta.delayed_first);
}

static void a_short_queue_a_slow_hop_and_a_stopping_switch_hold_none(void **state) {
    struct stage stage;
    (void)state;
    begin(&stage);
    stage.queues[0].ready = 34; /* 32, and two for its association */
    nothing_is_held_for(&stage);
    stage.queues[0].ready = QUEUE;
    stage.peer.done = BRISK - 1;
    nothing_is_held_for(&stage);
    stage.peer.done_before = 1; /* the last second counts too */
    assert_true(pace_delay(&stage.associations[0], 1, 0));
    pace_forget(&stage.associations[0]);
    stage.peer.out = 0;
    nothing_is_held_for(&stage);
    stage.peer.out = 1;
    stage.mta.stopping = true;
    nothing_is_held_for(&stage);
    stage.mta.stopping = false;
    assert_false(pace_delay(&stage.associations[0], 1, DESTINATION_NONE));
    end(&stage);
}

static void answers_go_in_their_order_when_the_queue_is_short_again(void **state) {
    struct stage stage;
    (void)state;
    begin(&stage);
    for (size_t i = 0; i < ASSOCIATIONS; i++)
        assert_true(pace_delay(&stage.associations[i], 1, 0));
    pace_release(&stage.mta);
    assert_int_equal(answered(&stage), 0);
    stage.queues[0].ready = 3;
    pace_release(&stage.mta);
    assert_int_equal(answered(&stage), 123);
    assert_null(stage.mta.delayed_first);
    assert_null(stage.mta.delayed_last);
    assert_null(stage.associations[1].delayed_for);
    end(&stage);
}

static void an_answer_is_held_for_a_moment_only(void **state) {
    struct stage stage;
    (void)state;
    begin(&stage);
    int64_t before = clock_monotonic_us();
    assert_true(pace_delay(&stage.associations[0], 1, 0));
    assert_true(stage.associations[0].delayed_until >= before + 100000);
    assert_true(stage.associations[0].delayed_until <= clock_monotonic_us() + 100000);
    assert_true(pace_delay(&stage.associations[1], 1, 0));
    stage.associations[0].delayed_until = before; /* its time is over */
    pace_release(&stage.mta);
    assert_int_equal(answered(&stage), 1);
    assert_ptr_equal(stage.mta.delayed_first, &stage.associations[1]);
    /* The timer looks again by itself. */
    stage.associations[1].delayed_until = before;
    unsigned refs = 0;
    for (unsigned i = 0; i < 1000 && !refs; i++) {
        usleep(10000);
        refs = answered(&stage);
    }
    assert_int_equal(refs, 2);
    end(&stage);
}

static void an_association_that_goes_leaves_the_others(void **state) {
    static const size_t orders[][2] = {{0, 23}, {1, 13}, {2, 12}};
    struct stage stage;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        begin(&stage);
        for (size_t k = 0; k < ASSOCIATIONS; k++)
            assert_true(pace_delay(&stage.associations[k], 1, 0));
        pace_forget(&stage.associations[orders[i][0]]);
        pace_forget(&stage.associations[orders[i][0]]); /* once is enough */
        stage.peer.done = 0;
        pace_release(&stage.mta);
        assert_int_equal(answered(&stage), orders[i][1]);
        end(&stage);
    }
}

static void counts_are_of_this_second_and_the_last(void **state) {
    struct stage stage;
    (void)state;
    begin(&stage);
    stage.mta.paced_at = 5 * SECOND;
    pace_tick(&stage.mta, 5 * SECOND + SECOND - 1);
    assert_int_equal(stage.peer.done, BRISK);
    pace_tick(&stage.mta, 6 * SECOND);
    assert_int_equal(stage.peer.done, 0);
    assert_int_equal(stage.peer.done_before, BRISK);
    pace_tick(&stage.mta, 7 * SECOND);
    assert_int_equal(stage.peer.done_before, 0);
    stage.peer.done = 7;
    pace_tick(&stage.mta, 2 * SECOND); /* the clock was set back */
    assert_int_equal(stage.peer.done_before, 7);
    end(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_queue_to_a_brisk_hop_holds_answers),
        cmocka_unit_test(a_short_queue_a_slow_hop_and_a_stopping_switch_hold_none),
        cmocka_unit_test(answers_go_in_their_order_when_the_queue_is_short_again),
        cmocka_unit_test(an_answer_is_held_for_a_moment_only),
        cmocka_unit_test(an_association_that_goes_leaves_the_others),
        cmocka_unit_test(counts_are_of_this_second_and_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
