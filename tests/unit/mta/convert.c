/*
 * Conversion as the switch sees it: a copy for who knows P2 only waits for a work
 * process, which this test plays. Whatever that says or leaves unsaid, the copy
 * leaves as what came of it, or is non-delivered; it is never both and never lost.
 */
#include "world.h"

#define OLD     "/C=US/A=MCI"
#define YVES    OLD "/P=x/S=yves"
#define CONTENT "a content that the switch does not look into"

enum { JOB_WAIT = 60000 };

/* A work process: a world of which only the socket and the frames are used. */
struct worker {
    struct world world;
    uint64_t job;
};

static int door; /* of the switch */

/* The usual world, with a next hop of 1984. */
static void begin(struct world *world) {
    static struct mta_peer peers[3];
    struct mts_hop old = {.name = "old",
                          .domain = OLD,
                          .edition = MTS_EDITION_1984,
                          .edition_1984_content_only = true,
                          .rfc1328 = true,
                          .transit = true};
    world_begin(world);
    world_stop(world);
    memcpy(peers, world->peers, sizeof world->peers);
    peers[2] = (struct mta_peer){.name = "old", NUMBERS_OF_PEER, .bind = peers[1].bind};
    world->config.peers = peers;
    world->config.peer_count = 3;
    assert_true(mts_tables_add_hop(world->config.tables, &old, NULL));
    route_to(world->config.tables, OLD, "old");
    world_start(world);
    door = world->door;
    associate(world, 1, "beta");
}

static void give_message(struct world *world, uint64_t association) {
    send_whole(world, association, envelope_to(world, WANTS_NDN, YVES, NULL), SPAN_LIT(CONTENT));
    assert_int_equal(result_of(world, association), IPC_ACCEPTED);
}

/* ---- the work process ---- */

static void worker_begin(struct worker *worker) {
    *worker = (struct worker){0};
    worker->world.net = pass_through(door, IPC_END_WORK);
    tell(&worker->world, IPC_WORK_READY, 0, NOTHING, NOTHING);
}

static void worker_end(struct worker *worker) {
    close(worker->world.net);
    buf_free(&worker->world.last.payload);
    for (size_t i = 0; i < worker->world.kept_count; i++)
        buf_free(&worker->world.kept[i].payload);
}

static void take_job(struct worker *worker) {
    if (!await(&worker->world, IPC_WORK_BEGIN, 0, JOB_WAIT))
        fail_msg("no job came");
    struct reader r = reader_of(buf_span(&worker->world.last.payload));
    worker->job = worker->world.last.ref;
    assert_int_equal(reader_u8(&r), IPC_WORK_DOWNGRADE);
    assert_int_equal(reader_u64(&r), sizeof CONTENT - 1);
    assert_int_equal(reader_u8(&r), 0);  /* nothing is prohibited */
    assert_int_equal(reader_u32(&r), 0); /* no address below which names travel */
    assert_true(payload_done(&r));
}

static void ask_for(struct worker *worker, uint64_t offset, uint32_t length) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_u64(&payload, offset);
    buf_append_u32(&payload, length);
    tell(&worker->world, IPC_WORK_READ, worker->job, buf_span(&payload), NOTHING);
    buf_free(&payload);
}

static void expect_piece(struct worker *worker, uint64_t offset, struct span octets) {
    struct reader r = expect(&worker->world, IPC_WORK_DATA, worker->job);
    assert_int_equal(reader_u64(&r), offset);
    assert_true(span_eq(payload_rest(&r), octets));
}

static void say_done(struct worker *worker, uint64_t length) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_byte(&payload, IPC_WORK_DONE);
    buf_append_u64(&payload, length);
    buf_append_u32(&payload, 1u << 2);
    for (uint32_t lost = 2; lost-- > 0;) /* one text, no file */
        buf_append_u32(&payload, lost);
    buf_append_u32(&payload, 2); /* parts */
    tell(&worker->world, IPC_WORK_RESULT, worker->job, buf_span(&payload), NOTHING);
    buf_free(&payload);
}

static void say_no(struct worker *worker, enum ipc_work_verdict verdict) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_byte(&payload, (uint8_t)verdict);
    buf_append_u16(&payload, x411_NonDeliveryReasonCode_conversion_not_performed);
    buf_append_u16(&payload, x411_NonDeliveryDiagnosticCode_conversion_impractical);
    payload_put_octets(&payload, SPAN_LIT("the test says so"));
    tell(&worker->world, IPC_WORK_RESULT, worker->job, buf_span(&payload), NOTHING);
    buf_free(&payload);
}

static void give_back(struct worker *worker, struct span octets) {
    tell(&worker->world, IPC_WORK_CONTENT, worker->job, NOTHING, octets);
}

/* Its channel is closed by the switch. */
static void expect_closed(struct worker *worker) {
    struct pollfd poll_fd = {.fd = worker->world.net, .events = POLLIN};
    uint8_t octets[256];
    ssize_t got = 1;
    while (got > 0 && poll(&poll_fd, 1, JOB_WAIT) == 1)
        got = read(worker->world.net, octets, sizeof octets);
    assert_true(got <= 0);
    worker_end(worker);
}

/* Reads the content again and again, until its channel is closed. */
static void read_without_end(struct worker *worker) {
    struct span content = SPAN_LIT(CONTENT);
    struct pollfd poll_fd = {.fd = worker->world.net, .events = POLLIN};
    struct buf frame;
    uint8_t answers[65536];
    uint64_t sent = 0;
    ssize_t got = 1;
    buf_init(&frame, 0);
    buf_append_u32(&frame, 12);
    buf_append_u16(&frame, IPC_WORK_READ);
    buf_append_u16(&frame, 0);
    buf_append_u64(&frame, worker->job);
    buf_append_u64(&frame, 0);
    buf_append_u32(&frame, (uint32_t)content.len);
    for (; got > 0 && sent < 4000000; sent++) {
        if (send(worker->world.net, frame.data, frame.len, MSG_NOSIGNAL) < 0)
            break;
        while (got > 0 && poll(&poll_fd, 1, 0) == 1)
            got = read(worker->world.net, answers, sizeof answers);
    }
    assert_true(sent < 4000000);
    buf_free(&frame);
    worker_end(worker);
}

/* ---- what leaves ---- */

/* The converted message leaves to `old`: P2, with this content. */
static void expect_converted(struct world *world, struct span content) {
    struct outgoing out = sets_out(world, 50, "old");
    assert_true(span_eq(out.content, content));
    sent(world, 50, IPC_SENT);
    client(world, 1, 0);
    expect_drained(world);
}

/* A report goes back to the originator's MTA, and nothing to `old`. */
static void expect_report(struct world *world) {
    struct outgoing out = sets_out(world, 60, "beta");
    assert_int_equal(out.prefix.data[0], 0xA1); /* MTS-APDU's report */
    sent(world, 60, IPC_SENT);
    expect_none(world, IPC_CONNECT);
    client(world, 1, 0);
    expect_drained(world);
}

/* ---- plays ---- */

static void a_copy_is_converted_and_leaves(void **state) {
    struct world world;
    struct worker worker;
    (void)state;
    begin(&world);
    give_message(&world, 1);
    expect_none(&world, IPC_CONNECT); /* not as P22 */
    worker_begin(&worker);
    take_job(&worker);
    ask_for(&worker, 0, 9);
    expect_piece(&worker, 0, SPAN_LIT("a content"));
    ask_for(&worker, sizeof CONTENT - 1 - 4, 4);
    expect_piece(&worker, sizeof CONTENT - 1 - 4, SPAN_LIT("into"));
    say_done(&worker, 8);
    give_back(&worker, SPAN_LIT("new "));
    expect_none(&world, IPC_CONNECT); /* not before all of it is there */
    give_back(&worker, SPAN_LIT("octs"));
    expect_converted(&world, SPAN_LIT("new octs"));
    worker_end(&worker);
    world_end(&world);
}

static void jobs_are_given_one_at_a_time(void **state) {
    struct world world;
    struct worker worker;
    (void)state;
    begin(&world);
    worker_begin(&worker);
    give_message(&world, 1);
    give_message(&world, 1);
    take_job(&worker);
    uint64_t first = worker.job;
    expect_none(&worker.world, IPC_WORK_BEGIN);
    say_done(&worker, 3);
    give_back(&worker, SPAN_LIT("one"));
    take_job(&worker);
    assert_true(worker.job != first);
    say_done(&worker, 3);
    give_back(&worker, SPAN_LIT("two"));
    connect_out(&world, 50, "old");
    for (unsigned i = 0; i < 2; i++) {
        outgoing_of(&world, 50);
        sent(&world, 50, IPC_SENT);
    }
    client(&world, 1, 0);
    expect_drained(&world);
    worker_end(&worker);
    world_end(&world);
}

static void a_refusal_is_reported(void **state) {
    struct world world;
    struct worker worker;
    (void)state;
    begin(&world);
    worker_begin(&worker);
    give_message(&world, 1);
    take_job(&worker);
    say_no(&worker, IPC_WORK_REFUSED);
    expect_report(&world);
    worker_end(&worker);
    world_end(&world);
}

/* A process takes a job, and ends when half of the result is there. */
static void do_half(struct world *world, struct worker *worker) {
    worker_begin(worker);
    give_message(world, 1);
    take_job(worker);
    say_done(worker, 100);
    give_back(worker, SPAN_LIT("half of"));
    worker_end(worker);
}

/* Another does it anew. */
static void do_all(struct world *world, struct worker *worker) {
    worker_begin(worker);
    take_job(worker);
    say_done(worker, 5);
    give_back(worker, SPAN_LIT("whole"));
    expect_converted(world, SPAN_LIT("whole"));
    worker_end(worker);
}

static void a_job_whose_process_dies_is_done_by_another(void **state) {
    struct world world;
    struct worker worker;
    (void)state;
    begin(&world);
    do_half(&world, &worker);
    do_all(&world, &worker);
    world_end(&world);
}

static void a_restart_in_a_job_begins_it_anew(void **state) {
    struct world world;
    struct worker worker;
    (void)state;
    begin(&world);
    do_half(&world, &worker);
    world_anew(&world);
    do_all(&world, &worker);
    world_end(&world);
}

/* How often the only copy of the queue was tried; -1: there is none. */
static json_int_t tries(struct world *world) {
    json_t *list = ask(world, "{\"operation\":\"queue-list\"}");
    json_t *entry = json_array_get(json_object_get(list, "entries"), 0);
    json_int_t count = entry ? number_at(entry, "tries", NULL) : -1;
    json_decref(list);
    return count;
}

static void expect_tries(struct world *world, json_int_t wanted) {
    EVENTUALLY(tries(world) == wanted);
}

static void tries_are_kept_over_a_restart(void **state) {
    struct world world;
    struct worker worker;
    (void)state;
    begin(&world);
    client(&world, 1, 0);
    give_message(&world, 1);
    for (json_int_t try = 1; try <= 2; try++) {
        worker_begin(&worker);
        take_job(&worker);
        worker_end(&worker);
        expect_tries(&world, try);
        world_stop(&world);
        world_start(&world);
        client(&world, 1, 0);
        expect_tries(&world, try);
    }
    worker_begin(&worker);
    take_job(&worker);
    worker_end(&worker); /* the third and last: what is left is the report to beta */
    assert_int_equal(sets_out(&world, 60, "beta").prefix.data[0], 0xA1);
    sent(&world, 60, IPC_SENT);
    expect_drained(&world);
    world_end(&world);
}

/* Each lie ends the liar's channel, and is one try; after the third the copy is non-delivered. */
static void lies_end_the_process_and_then_the_copy(void **state) {
    struct world world;
    struct worker worker;
    (void)state;
    begin(&world);
    give_message(&world, 1);
    worker_begin(&worker);
    take_job(&worker);
    say_done(&worker, (uint64_t)1 << 40); /* much more than there was */
    expect_closed(&worker);
    worker_begin(&worker);
    take_job(&worker);
    say_done(&worker, 3);
    give_back(&worker, SPAN_LIT("more than three"));
    expect_closed(&worker);
    worker_begin(&worker);
    take_job(&worker);
    ask_for(&worker, sizeof CONTENT - 2, 2); /* beyond the end */
    expect_closed(&worker);
    expect_report(&world);
    world_end(&world);
}

/* It is never silent, and would keep its copy for ever. */
static void a_process_that_reads_on_and_on_is_ended(void **state) {
    struct world world;
    struct worker worker;
    struct span content = SPAN_LIT(CONTENT);
    (void)state;
    begin(&world);
    give_message(&world, 1);
    worker_begin(&worker);
    take_job(&worker);
    read_without_end(&worker);
    worker_begin(&worker);
    take_job(&worker);
    say_done(&worker, content.len);
    give_back(&worker, content);
    expect_converted(&world, content);
    worker_end(&worker);
    world_end(&world);
}

/* Without a job nothing but READY is right, and that once. */
static void a_process_without_a_job_says_nothing(void **state) {
    struct world world;
    struct worker worker;
    (void)state;
    begin(&world);
    for (unsigned what = 0; what < 4; what++) {
        worker_begin(&worker);
        if (what == 0)
            tell(&worker.world, IPC_WORK_READY, 0, NOTHING, NOTHING);
        else if (what == 1)
            ask_for(&worker, 0, 1);
        else if (what == 2)
            say_done(&worker, 1);
        else
            give_back(&worker, SPAN_LIT("x"));
        expect_closed(&worker);
    }
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_is_converted_and_leaves),
        cmocka_unit_test(a_process_that_reads_on_and_on_is_ended),
        cmocka_unit_test(jobs_are_given_one_at_a_time),
        cmocka_unit_test(a_refusal_is_reported),
        cmocka_unit_test(a_job_whose_process_dies_is_done_by_another),
        cmocka_unit_test(a_restart_in_a_job_begins_it_anew),
        cmocka_unit_test(tries_are_kept_over_a_restart),
        cmocka_unit_test(lies_end_the_process_and_then_the_copy),
        cmocka_unit_test(a_process_without_a_job_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
