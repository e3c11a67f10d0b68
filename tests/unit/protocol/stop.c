/* What a net process tells when it stops, or a reload takes away whom it calls. */
#include "stage.h"

/* Part of an envelope has come to B, up to a checkpoint that is not confirmed: it may wait for the end. */
static void begin_part(struct stage *stage, uint64_t *a, uint64_t *b) {
    struct buf prefix;
    checkpoints_each_kib(stage, a, b);
    put_prefix(&prefix, 1500, 300);
    send_begin(&stage->a, *a, buf_span(&prefix), 300, SPAN_LIT(""));
    buf_free(&prefix);
    expect(stage, &stage->a, IPC_SEND_READ); /* not answered */
    for (int64_t limit = clock_monotonic_us() + 20000000; clock_monotonic_us() < limit;) {
        turn(stage);
        if (stage->b.net->gathered)
            return;
    }
    fail_msg("nothing came");
}

/* Of the transfer before it hears of the stop. */
static void hear_of_it(struct stage *stage, uint64_t b) {
    assert_int_equal(expect(stage, &stage->b, IPC_TRANSFER_BEGIN)->ref, b);
    expect(stage, &stage->b, IPC_TRANSFER_ENVELOPE);
    expect(stage, &stage->b, IPC_TRANSFER_CHECKPOINT);
    expect(stage, &stage->b, IPC_STOPPING);
}

static void the_store_process_hears_of_a_short_transfer_under_way(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    uint64_t a, b;
    begin_part(stage, &a, &b);
    net_stop(stage->b.net);
    hear_of_it(stage, b);
    end_stage(stage);
}

/* Of one that has come whole it knows. */
static void it_hears_nothing_new_of_one_that_has_come(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    uint64_t a, b;
    open_association(stage, &a, &b);
    send_begin(&stage->a, a, SMALL_PREFIX, 3, SPAN_LIT("abc"));
    expect(stage, &stage->b, IPC_TRANSFER_WHOLE);
    net_stop(stage->b.net);
    expect(stage, &stage->b, IPC_STOPPING);
    transfer_result(&stage->b, b, IPC_ACCEPTED);
    assert_int_equal(sent(stage, a), IPC_SENT);
    end_stage(stage);
}

static void close_for_stop(struct side *side, uint64_t ref) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_byte(&payload, IPC_CLOSE_RELEASED);
    payload_put_octets(&payload, SPAN_LIT("the MTA is stopping"));
    say(side, IPC_ASSOCIATION_CLOSE, ref, &payload);
}

/* What the log says meanwhile. */
static const char *said_by(void (*play)(struct stage *stage, uint64_t b), struct stage *stage, uint64_t b) {
    static char said[16384];
    FILE *log = tmpfile();
    int own = dup(STDERR_FILENO);
    assert_true(log && own >= 0);
    dup2(fileno(log), STDERR_FILENO);
    play(stage, b);
    dup2(own, STDERR_FILENO);
    close(own);
    ssize_t length = pread(fileno(log), said, sizeof said - 1, 0);
    assert_true(length >= 0);
    said[length] = '\0';
    fclose(log);
    return said;
}

static void stop_and_close(struct stage *stage, uint64_t b) {
    for (int i = 0; i < 40; i++) /* what it may say of a peer in a minute is said */
        connection_log(slots_find(stage->b.net, b), LOG_LEVEL_NOTICE, "line %d", i);
    net_stop(stage->b.net);
    hear_of_it(stage, b);
    close_for_stop(&stage->b, b);
    expect(stage, &stage->b, IPC_TRANSFER_STOP);
}

static void stop_twice(struct stage *stage, uint64_t b) {
    (void)b;
    net_stop(stage->b.net);
    net_stop(stage->b.net);
}

/* Whoever cuts a transfer, and however much was said of the peer; without a checkpoint it can't be resumed.
 */
static void each_transfer_that_is_cut_has_a_line(void **state) {
    static void (*const cuts[])(struct stage * stage, uint64_t b) = {stop_and_close, stop_twice};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct stage *stage = new_stage(OSI_MTS_TRANSFER);
        uint64_t a, b;
        begin_part(stage, &a, &b);
        const char *said = said_by(cuts[i], stage, b);
        if (!strstr(said, "the stop cuts a transfer from it: ") || !strstr(said, "the peer sends it anew"))
            fail_msg("%s", said);
        end_stage(stage);
    }
}

/* A reload takes away whom A calls: that is what its store process hears, and not that A gave up. */
static void a_peer_that_is_taken_away_is_told_as_that(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    ask_connect(stage);
    bind_in(stage); /* not answered */
    stage->a.config.peer_count = 0;
    for (uint32_t i = 0; i < stage->a.net->slot_count; i++)
        if (stage->a.net->slots[i].connection)
            p1_service.reloaded(stage->a.net->slots[i].connection);
    struct frame *frame = expect(stage, &stage->a, IPC_CONNECT_FAILED);
    struct span said = buf_span(&frame->payload);
    assert_non_null(memmem(said.data, said.len, "not configured any more", 23));
    assert_null(memmem(said.data, said.len, "abort", 5));
    end_stage(stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_store_process_hears_of_a_short_transfer_under_way),
        cmocka_unit_test(it_hears_nothing_new_of_one_that_has_come),
        cmocka_unit_test(each_transfer_that_is_cut_has_a_line),
        cmocka_unit_test(a_peer_that_is_taken_away_is_told_as_that),
    };
    return cmocka_run_group_tests_name("protocol-stop", tests, NULL, NULL);
}
