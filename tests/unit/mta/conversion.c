/* Copies that wait for conversion, and work processes that end in it: this test is them too. */
#include "world.h"

#include <sys/un.h>

#define OLD "/C=IT/A=OLD"
#define DON OLD "/S=don"

/* A third peer, of 1984, behind which P22 is not understood. */
static void begin_with_old(struct world *world, struct mta_peer peers[static 3]) {
    struct error err = {0};
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    world_begin(world);
    world_stop(world);
    const struct mts_hop old = {.name = "old",
                                .domain = OLD,
                                .edition = MTS_EDITION_1984,
                                .edition_1984_content_only = true,
                                .rfc1328 = true};
    assert_true(mts_tables_add_hop(world->config.tables, &old, &err));
    route_to(world->config.tables, OLD, "old");
    memcpy(peers, world->peers, sizeof world->peers);
    peers[2] = (struct mta_peer){.name = "old", .retry_first = 1};
    world->config.peers = peers;
    world->config.peer_count = 3;
    snprintf(name.sun_path, sizeof name.sun_path, "%s/work", world->directory);
    world->work_listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(world->work_listener, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(world->work_listener, 4), 0);
    world_start(world);
    client(world, 1, 0);
}

/* A work process takes the job that waits, and ends without a word. */
static void die_in_a_job(struct world *world) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    uint8_t header[16];
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(name.sun_path, sizeof name.sun_path, "%s/work", world->directory);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    put(fd, IPC_WORK_READY, 0, NOTHING, NOTHING);
    if (!read_all(fd, header, sizeof header, 30000))
        fail_msg("the work process got no job");
    struct reader r = reader_of(span_of(header + 4, 2));
    assert_int_equal(reader_u16(&r), IPC_WORK_BEGIN);
    close(fd);
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
    for (unsigned i = 0; i < 3000 && tries(world) != wanted; i++)
        usleep(10000);
    assert_int_equal(tries(world), wanted);
}

static void tries_are_kept_over_a_restart(void **state) {
    struct world world;
    struct mta_peer peers[3];
    (void)state;
    begin_with_old(&world, peers);
    associate(&world, 1, "beta");
    send_whole(&world, 1, envelope_to(&world, WANTS_NDN, DON, NULL), SPAN_LIT("content"));
    assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
    for (json_int_t try = 1; try <= 2; try++) {
        die_in_a_job(&world);
        expect_tries(&world, try);
        world_stop(&world);
        world_start(&world);
        client(&world, 1, 0);
        expect_tries(&world, try);
    }
    die_in_a_job(&world); /* the third and last: what is left is the report to beta */
    connect_out(&world, 2, "beta");
    struct outgoing out = outgoing_of(&world, 2);
    assert_true(out.prefix.len && out.prefix.data[0] == 0xA1);
    sent(&world, 2, IPC_SENT);
    expect_drained(&world);
    close(world.work_listener);
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(tries_are_kept_over_a_restart)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
