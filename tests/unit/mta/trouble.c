/* I6: a store that can't write. What comes is refused for now, what the peers confirmed is kept, and all goes
 * on afterwards. */
#include "disk.h"

static enum ipc_result send_by(struct world *world, uint64_t ref) {
    send_whole(world, ref, envelope_to(world, WANTS_NDN, FRANK, NULL), SPAN_LIT("content"));
    return result_of(world, ref);
}

static enum ipc_result send_one(struct world *world) {
    return send_by(world, 1);
}

static void test_full_disk(void **state) {
    struct world world;
    (void)state;
    begin_with_beta(&world);
    assert_int_equal(send_one(&world), IPC_ACCEPTED);
    sets_out(&world, 2, "gamma");
    client(&world, 1, 0);
    fill_disk(&world);
    assert_int_equal(send_one(&world), IPC_REFUSED_TEMPORARILY);
    assert_int_equal(send_one(&world), IPC_REFUSED_TEMPORARILY);
    sent(&world, 2, IPC_SENT);
    expect_none(&world, IPC_SEND_BEGIN);
    assert_int_equal(queued(&world), 1);
    json_t *answer = ask(&world, "{\"operation\":\"status\"}");
    assert_string_equal(json_string_value(json_object_get(answer, "state")), "refusing");
    assert_int_equal(number_at(answer, "counters", "received"), 1);
    assert_int_equal(number_at(answer, "counters", "refused"), 2);
    assert_int_equal(number_at(answer, "counters", "transferred"), 0);
    json_decref(answer);

    empty_disk(&world);
    EVENTUALLY(send_one(&world) == IPC_ACCEPTED);
    outgoing_of(&world, 2);
    sent(&world, 2, IPC_SENT);
    expect_drained(&world);
    answer = ask(&world, "{\"operation\":\"status\"}");
    assert_int_equal(number_at(answer, "counters", "transferred"), 2);
    assert_int_equal(number_at(answer, "counters", "received"), 2);
    json_decref(answer);
    world_end(&world);
}

static void expect_code(struct world *world, const char *request, const char *code) {
    json_t *answer = ask(world, request);
    const char *got = json_string_value(json_object_get(json_object_get(answer, "error"), "code"));
    assert_string_equal(got ? got : "none", code);
    json_decref(answer);
}

/* What `user-list` says of the uid of an address; -1: it is no user. */
static json_int_t uid_of(struct world *world, const char *address) {
    json_t *answer = ask(world, "{\"operation\":\"user-list\"}"), *user;
    json_int_t uid = -1;
    size_t i;
    json_array_foreach(json_object_get(answer, "users"), i, user) {
        if (strcmp(json_string_value(json_object_get(user, "address")), address) == 0)
            uid = json_integer_value(json_object_get(user, "uid"));
    }
    json_decref(answer);
    return uid;
}

#define ADD    "{\"operation\":\"user-add\",\"address\":\"%s\",\"uid\":7}"
#define SET    "{\"operation\":\"user-set\",\"address\":\"%s\",\"uid\":8}"
#define REMOVE "{\"operation\":\"user-remove\",\"address\":\"%s\"}"

static void change(struct world *world, const char *format, const char *address, const char *code) {
    char request[200];
    snprintf(request, sizeof request, format, address);
    expect_code(world, request, code);
}

/* Users are what the store says of them, whatever was asked for meanwhile. */
static void users_are_as_the_disk_has_them(void **state) {
    static const char ann[] = "/C=GB/A=GOLD/P=ALPHA/S=ann", bob[] = "/C=GB/A=GOLD/P=ALPHA/S=bob";
    struct world world;
    (void)state;
    world_begin(&world);
    client(&world, 1, 0);
    change(&world, ADD, ann, "none");
    assert_int_equal(uid_of(&world, ann), 7);
    fill_disk(&world);
    change(&world, ADD, bob, "unavailable");
    change(&world, SET, ann, "unavailable");
    assert_int_equal(uid_of(&world, bob), -1);
    assert_int_equal(uid_of(&world, ann), 7);
    change(&world, REMOVE, ann, "unavailable");
    assert_int_equal(uid_of(&world, ann), 7);
    empty_disk(&world);
    associate(&world, 1, "beta");
    EVENTUALLY(send_one(&world) == IPC_ACCEPTED);
    change(&world, ADD, bob, "none");
    change(&world, SET, ann, "none");
    assert_int_equal(uid_of(&world, bob), 7);
    assert_int_equal(uid_of(&world, ann), 8);
    world_end(&world);
}

/* A checkpoint that can't be written is not confirmed: the association ends, and the peer resumes from an
 * earlier one. */
static void test_full_disk_at_a_checkpoint(void **state) {
    struct world world;
    struct buf payload;
    static const uint8_t piece[100000];
    (void)state;
    begin_with_beta(&world);
    buf_init(&payload, 0);
    buf_append_u32(&payload, ++world.transfer);
    payload_put_octets(&payload, SPAN_LIT("\2\1\1"));
    tell(&world, IPC_TRANSFER_BEGIN, 1, buf_span(&payload), NOTHING);
    buf_free(&payload);
    tell(&world, IPC_TRANSFER_ENVELOPE, 1, SPAN_LIT("\1"), envelope_to(&world, WANTS_NDN, FRANK, NULL));
    client(&world, 1, 0);
    json_decref(ask(&world, "{\"operation\":\"status\"}"));
    fill_disk(&world);
    buf_init(&payload, 0);
    buf_append_u32(&payload, 1);
    buf_append_u64(&payload, 1000);
    tell(&world, IPC_TRANSFER_CHECKPOINT, 1, buf_span(&payload), SPAN_LIT("state"));
    buf_free(&payload);
    expect(&world, IPC_ASSOCIATION_CLOSE, 1);
    tell(&world, IPC_TRANSFER_CONTENT, 1, span_of(piece, sizeof piece), NOTHING);
    tell(&world, IPC_TRANSFER_END, 1, NOTHING, NOTHING); /* both were on their way, and are passed over */
    close_association(&world, 1, IPC_CLOSE_ABORTED);
    associate(&world, 2, "beta");
    empty_disk(&world);
    world_end(&world);
}

static enum ipc_resume resumed(struct world *world, uint64_t ref, const char *association) {
    struct reader r = say_resume(world, ref, association, "\2\1\1", 1);
    return (enum ipc_resume)reader_u8(&r);
}

/* I7: an activity that was over, and begins anew while the store can't forget it, is not over after that. */
static void what_was_not_forgotten_is_no_answer(void **state) {
    struct world world;
    (void)state;
    begin_with_beta(&world);
    say_transfer(&world, 1, "\2\1\1");
    tell(&world, IPC_TRANSFER_ENVELOPE, 1, SPAN_LIT("\1"), envelope_to(&world, WANTS_NDN, FRANK, NULL));
    say_checkpoint(&world, 1, 1, 1000, "parser");
    expect_checkpoint(&world, 1, 1);
    tell(&world, IPC_TRANSFER_END, 1, NOTHING, NOTHING);
    assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
    associate(&world, 2, "beta");
    assert_int_equal(resumed(&world, 2, "in-1"), IPC_RESUME_COMPLETED);
    fill_disk(&world);
    say_transfer(&world, 1, "\2\1\1");
    expect(&world, IPC_ASSOCIATION_CLOSE, 1);
    close_association(&world, 1, IPC_CLOSE_ABORTED);
    empty_disk(&world);
    associate(&world, 4, "beta"); /* of another name: what was known of the former stays */
    EVENTUALLY(send_by(&world, 4) == IPC_ACCEPTED);
    associate(&world, 3, "beta");
    assert_int_equal(resumed(&world, 3, "in-1"), IPC_RESUME_UNKNOWN_ACTIVITY);
    world_kill(&world); /* the next process knows of it */
    world_start(&world);
    associate(&world, 3, "beta");
    assert_int_equal(resumed(&world, 3, "in-1"), IPC_RESUME_UNKNOWN_ACTIVITY);
    say_transfer(&world, 3, "\2\1\1"); /* what is over since then is */
    tell(&world, IPC_TRANSFER_ENVELOPE, 3, SPAN_LIT("\1"), envelope_to(&world, WANTS_NDN, FRANK, NULL));
    say_checkpoint(&world, 3, 1, 1000, "parser");
    expect_checkpoint(&world, 3, 1);
    tell(&world, IPC_TRANSFER_END, 3, NOTHING, NOTHING);
    assert_int_equal(result_of(&world, 3), IPC_ACCEPTED);
    assert_int_equal(resumed(&world, 3, "in-3"), IPC_RESUME_COMPLETED);
    world_end(&world);
}

static json_int_t in_doubt(struct world *world) {
    json_t *answer = ask(world, "{\"operation\":\"status\"}");
    json_int_t copies = number_at(answer, "work", "in-doubt");
    json_decref(answer);
    return copies;
}

/* A net process that goes away takes nothing with it: what it was sending is in doubt and leaves by the next
 * one, as the same octets. */
static void test_net_process_dies(void **state) {
    struct world world;
    struct buf first;
    (void)state;
    begin_with_beta(&world);
    assert_int_equal(send_one(&world), IPC_ACCEPTED);
    struct outgoing out = sets_out(&world, 2, "gamma");
    buf_init(&first, 0);
    buf_append_span(&first, out.prefix);
    buf_append_span(&first, out.content);
    client(&world, 1, 0);
    close(world.net);
    world.net = pass_through(world.door, IPC_END_NET);
    EVENTUALLY(in_doubt(&world) == 1);
    json_decref(
        ask(&world, "{\"operation\":\"queue-retry\",\"all\":true,\"limit\":10,\"reason\":\"a test\"}"));
    out = sets_out(&world, 3, "gamma");
    assert_true(span_eq(span_sub(buf_span(&first), 0, out.prefix.len), out.prefix));
    assert_true(span_eq(span_sub(buf_span(&first), out.prefix.len, first.len), out.content));
    buf_free(&first);
    sent(&world, 3, IPC_SENT);
    expect_drained(&world);
    assert_int_equal(in_doubt(&world), 0);
    world_end(&world);
}

/* ---- a queue that can't be loaded whole ---- */

/* A store with two copies that wait, whose rows were changed when nobody served it. */
static void begin_spoilt(struct world *world, const char *text) {
    begin_with_beta(world);
    comes_in(world, FRANK);
    comes_in(world, FRANK);
    world_stop(world);
    assert_true(place_spoil(world->place, text, text));
}

/* Served without the rest of its queue, nobody would miss it before the next start. */
static void a_queue_that_is_not_whole_is_not_served(void **state) {
    struct world world;
    (void)state;
    begin_spoilt(&world, "UPDATE next_hop SET id = id + 90"); /* work names what is not there, then */
    world_start(&world);
    siginfo_t ended = {0};
    EVENTUALLY(waitid(P_PID, (id_t)world.pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               ended.si_pid == world.pid);
    int status = world_wait(&world);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    world_end(&world);
}

/* A row that is not what was stored is believed in nothing: it is held, and the rest of the queue is served.
 */
static json_t *only_entry(struct world *world, const char *filter, size_t count) {
    char request[200];
    snprintf(request, sizeof request, "{\"operation\":\"queue-list\"%s}", filter);
    json_t *list = ask(world, request), *entry = json_incref(entry_at(list, 0));
    assert_int_equal(json_array_size(json_object_get(list, "entries")), count);
    json_decref(list);
    return entry;
}

static bool is_said_to_be_damaged(json_t *entry) {
    return json_integer_value(json_object_get(entry, "id")) > 0 &&
           strcmp(json_string_value(json_object_get(entry, "kind")), "damaged") == 0 &&
           strcmp(json_string_value(json_object_get(entry, "state")), "held") == 0 &&
           strstr(json_string_value(json_object_get(entry, "last-error")), "not what was stored") &&
           json_is_null(json_object_get(entry, "message")) &&
           json_is_null(json_object_get(entry, "next-hop"));
}

/* The first of two. Nothing is believed of it: it fits no filter that asks for what it says. */
static void damage_is_listed(struct world *world) {
    static const char *const changes[] = {"hold", "release", "retry", "delete", "nondeliver"};
    char request[200];
    json_t *entry = only_entry(world, "", 2);
    json_int_t id = json_integer_value(json_object_get(entry, "id"));
    assert_true(is_said_to_be_damaged(entry));
    json_decref(entry);
    json_decref(only_entry(world, ",\"state\":\"held\"", 1));
    entry = only_entry(world, ",\"kind\":\"message\"", 1);
    assert_false(is_said_to_be_damaged(entry));
    json_decref(entry);
    snprintf(request, sizeof request, "{\"operation\":\"queue-show\",\"id\":%d}", (int)id);
    entry = ask(world, request);
    assert_true(is_said_to_be_damaged(entry));
    json_decref(entry);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        snprintf(request, sizeof request, "{\"operation\":\"queue-%s\",\"id\":%d,\"reason\":\"x\"}",
                 changes[i], (int)id);
        json_t *answer = ask(world, request), *error = json_object_get(answer, "error");
        assert_string_equal(json_string_value(json_object_get(error, "code")), "wrong-state");
        assert_non_null(strstr(json_string_value(json_object_get(error, "text")), "damaged"));
        json_decref(answer);
    }
}

static void a_damaged_row_is_held(void **state) {
    struct world world;
    (void)state;
    begin_spoilt(&world, "UPDATE work SET next_hop = next_hop + 77 WHERE id = (SELECT min(id) FROM work)");
    begin_again(&world);
    json_t *answer = ask(&world, "{\"operation\":\"status\"}");
    assert_int_equal(number_at(answer, "work", "held"), 1);
    json_decref(answer);
    damage_is_listed(&world);
    goes_out(&world, 2, "gamma");
    EVENTUALLY(queued(&world) == 1);
    json_decref(
        ask(&world, "{\"operation\":\"queue-release\",\"all\":true,\"limit\":10,\"reason\":\"a test\"}"));
    expect_none(&world, IPC_SEND_BEGIN);
    assert_int_equal(queued(&world), 1);
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_damaged_row_is_held),
        cmocka_unit_test(users_are_as_the_disk_has_them),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_full_disk_at_a_checkpoint),
        cmocka_unit_test(test_net_process_dies),
        cmocka_unit_test(what_was_not_forgotten_is_no_answer),
        cmocka_unit_test(a_queue_that_is_not_whole_is_not_served),
    };
    signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests_name("trouble", tests, NULL, NULL);
}
