/* What the rules ask of the record, when it can't be read. */
#include "world.h"

/* beta may send for its own users only, and brings back what went out; loops are not looked for. */
static struct mts_tables *strict_tables(void) {
    struct error err = {0};
    struct mts_self self = {.domain = OURS, .mta_name = "alpha-1", NUMBERS_OF_SELF};
    struct mts_tables *tables = mts_tables_new(&self, &err);
    assert_non_null(tables);
    assert_true(mts_tables_add_hop(
        tables, &(struct mts_hop){.name = "beta", .domain = BETA, .dont_check_loops = true}, &err));
    route_to(tables, OURS, NULL);
    route_to(tables, BETA, "beta");
    assert_true(mts_tables_add_user(tables, &(struct mts_user){.address = SMITH, .mailbox = SMITH}, &err));
    return tables;
}

/* Every event's row is spoilt under the running switch. */
static void spoil_the_record(const struct world *world) {
    assert_true(
        place_spoil(world->place, "UPDATE event SET data = x'ff'", "ALTER TABLE event RENAME TO lost"));
}

static enum ipc_result take(struct world *world) {
    send_whole(world, 1, envelope_to(world, WANTS_NDN, SMITH, NULL), SPAN_LIT("content"));
    return result_of(world, 1);
}

/* What the record knows nothing of is refused for good; where nobody can tell, for now. */
static void what_comes_back_waits_for_the_record(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    world_stop(&world);
    mts_tables_free(world.config.tables);
    world.config.tables = strict_tables();
    world.config.peer_count = 1;
    world_start(&world);
    associate(&world, 1, "beta");
    assert_int_equal(take(&world), IPC_ACCEPTED);
    world.originator = JONES;
    world.were_here = true;
    world.messages = 0; /* by the identifier of the first, which came from elsewhere */
    assert_int_equal(take(&world), IPC_REFUSED);
    spoil_the_record(&world);
    world.messages = 0;
    assert_int_equal(take(&world), IPC_REFUSED_TEMPORARILY);
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_back_waits_for_the_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
