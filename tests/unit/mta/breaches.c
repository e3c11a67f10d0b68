/* What strangers, peers, clients and reloads bring about is no breach of a net process: its channel stays,
 * and the answer says what was wrong. */
#include "broken.h"

#define CLIENT (UINT64_C(1) << 32)

static void resumes(struct world *world, uint64_t ref, const char *association) {
    struct reader r = say_resume(world, ref, association, "\2\1\1", 1);
    assert_int_equal(reader_u8(&r), IPC_RESUME_FROM);
}

/* All frames that a transfer in can still bring after the store asked for the end of its association. */
static void late_frames_are_passed_over(void **state) {
    struct world world;
    (void)state;
    begin_with_beta(&world);
    comes_to_checkpoint(&world, 1, "\2\1\1");
    associate(&world, 2, "beta");
    resumes(&world, 2, "in-1");
    expect(&world, IPC_ASSOCIATION_CLOSE, 1);
    tell(&world, IPC_TRANSFER_CONTENT, 1, SPAN_LIT("late"), NOTHING);
    say_checkpoint(&world, 1, 2, 1000, "parser");
    tell(&world, IPC_TRANSFER_END, 1, NOTHING, NOTHING);
    begin(&world, 1, "\2\1\1", true);
    tell(&world, IPC_TRANSFER_STOP, 1, SPAN_LIT("\1"), NOTHING);
    send_whole(&world, 1, envelope_to(&world, WANTS_NDN, FRANK, NULL), SPAN_LIT("late"));
    close_association(&world, 1, IPC_CLOSE_ABORTED);
    still_served(&world);
    tell(&world, IPC_TRANSFER_END, 2, NOTHING, NOTHING);
    assert_int_equal(result_of(&world, 2), IPC_ACCEPTED);
    world_end(&world);
}

static void hostile_submissions_are_answered(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    client(&world, 1, 1001);
    tell(&world, IPC_SUBMIT_BEGIN, CLIENT | 1, NOTHING, NOTHING);
    assert_string_equal(error_of(&world, CLIENT | 1), "inconsistent-request");
    tell(&world, IPC_SUBMIT_BEGIN, CLIENT | 1, SPAN_LIT("\3"), NOTHING);
    assert_string_equal(error_of(&world, CLIENT | 1), "inconsistent-request");
    tell(&world, IPC_SUBMIT_BEGIN, CLIENT | 1, SPAN_LIT("\1x"), NOTHING);
    tell(&world, IPC_SUBMIT_BEGIN, CLIENT | 1, SPAN_LIT("\1x"), NOTHING);
    assert_string_equal(error_of(&world, CLIENT | 1), "inconsistent-request");
    tell(&world, IPC_SUBMIT_END, CLIENT | 1, NOTHING, NOTHING); /* both were given up */
    tell(&world, IPC_SUBMIT_BEGIN, CLIENT | 1, SPAN_LIT("\1x"), NOTHING);
    tell(&world, IPC_SUBMIT_END, CLIENT | 1, SPAN_LIT("\1"), NOTHING);
    assert_string_equal(error_of(&world, CLIENT | 1), "inconsistent-request");
    for (uint64_t ref = 1; ref <= 65; ref++)
        tell(&world, IPC_SUBMIT_BEGIN, CLIENT | ref, SPAN_LIT("\1x"), NOTHING);
    assert_string_equal(error_of(&world, CLIENT | 65), "unavailable");
    tell(&world, IPC_SUBMIT_END, CLIENT | 64, NOTHING, NOTHING);
    assert_string_equal(error_of(&world, CLIENT | 64), "inconsistent-request"); /* "x" is no envelope */
    still_served(&world);
    world_end(&world);
}

/* Envelopes wait in memory until their submissions end: what one uid has there is counted over all its
 * connections, and its submissions too. */
static void open_submissions_of_a_uid_are_limited(void **state) {
    enum { ENVELOPE = 1000000, FIT = 16 };
    static uint8_t envelope[ENVELOPE];
    struct world world;
    (void)state;
    world_begin(&world);
    for (uint64_t number = 1; number <= FIT + 1; number++) {
        client(&world, (uint32_t)number, 1001);
        tell(&world, IPC_SUBMIT_BEGIN, number << 32 | 1, SPAN_LIT("\1"), span_of(envelope, ENVELOPE));
    }
    assert_string_equal(error_of(&world, (uint64_t)(FIT + 1) << 32 | 1), "unavailable");
    client(&world, 100, 1002); /* another's are his own */
    tell(&world, IPC_SUBMIT_BEGIN, (uint64_t)100 << 32 | 1, SPAN_LIT("\1"), span_of(envelope, ENVELOPE));
    tell(&world, IPC_SUBMIT_END, (uint64_t)100 << 32 | 1, NOTHING, NOTHING);
    assert_string_equal(error_of(&world, (uint64_t)100 << 32 | 1), "inconsistent-request");
    tell(&world, IPC_CLIENT_CLOSE, 1, NOTHING, NOTHING); /* what it had is free again */
    for (uint64_t ref = 1; ref <= 49; ref++)
        tell(&world, IPC_SUBMIT_BEGIN, (uint64_t)2 << 32 | (ref + 1), SPAN_LIT("\1x"), NOTHING);
    tell(&world, IPC_SUBMIT_BEGIN, (uint64_t)3 << 32 | 2, SPAN_LIT("\1x"), NOTHING);
    assert_string_equal(error_of(&world, (uint64_t)3 << 32 | 2), "unavailable"); /* the 65th */
    still_served(&world);
    world_end(&world);
}

/* The limit of an envelope is the one of another configuration in the two processes, while one is read anew.
 */
static void an_envelope_over_the_limit_is_refused(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    world_stop(&world);
    world.config.limits.envelope_octets = 100;
    world_start(&world);
    associate(&world, 1, "beta");
    begin(&world, 1, "\2\1\1", true);
    tell(&world, IPC_TRANSFER_END, 1, NOTHING, NOTHING);
    assert_int_equal(result_of(&world, 1), IPC_REFUSED_TEMPORARILY);
    still_served(&world);
    world_end(&world);
}

/* The next try would need as much. */
static void an_envelope_over_the_memory_is_refused_for_good(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    world_stop(&world);
    world.config.limits.envelope_memory = 3000;
    world_start(&world);
    associate(&world, 1, "beta");
    send_whole(&world, 1,
               envelope_to(&world, WANTS_NDN, FRANK, FRANK, FRANK, FRANK, FRANK, FRANK, FRANK, FRANK, NULL),
               SPAN_LIT("content"));
    assert_int_equal(result_of(&world, 1), IPC_REFUSED);
    world_end(&world);
}

/* As many clients as the configuration allows, and one for the sign that their process asks for. */
static void a_sign_is_given_beside_all_clients(void **state) {
    struct world world;
    struct buf who;
    const uint64_t own = UINT32_MAX, request = own << 32 | 1;
    (void)state;
    world_begin(&world);
    buf_init(&who, 0);
    buf_append_u32(&who, 1000);
    buf_append_u32(&who, 1000);
    for (uint64_t number = 1; number <= IPC_CLIENTS_MOST; number++)
        put(world.clients, IPC_CLIENT_OPEN, number, buf_span(&who), NOTHING);
    put(world.clients, IPC_CLIENT_OPEN, own, buf_span(&who), NOTHING);
    put(world.clients, IPC_REQUEST, request, SPAN_LIT("{\"operation\":\"status\"}"), NOTHING);
    put(world.clients, IPC_CLIENT_CLOSE, own, NOTHING, NOTHING);
    expect(&world, IPC_RESPONSE, request);
    buf_free(&who);
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(late_frames_are_passed_over),
        cmocka_unit_test(hostile_submissions_are_answered),
        cmocka_unit_test(open_submissions_of_a_uid_are_limited),
        cmocka_unit_test(an_envelope_over_the_limit_is_refused),
        cmocka_unit_test(an_envelope_over_the_memory_is_refused_for_good),
        cmocka_unit_test(a_sign_is_given_beside_all_clients),
    };
    return cmocka_run_group_tests_name("breaches", tests, NULL, NULL);
}
