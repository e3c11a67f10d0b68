/* P3: to whom a copy belongs while its user has not said that he has it, and what he submits
 * (I1, I2, I3, I4, I6). */
#include "disk.h"
#include "hold.h"

#include "mta/user_answer.h"
#include "security/password.h"

static char hash[PASSWORD_HASH_SIZE];

/* jones takes his messages by P3; beta has its association 1, and an operator is client 1. */
static void begin(struct world *world) {
    world_begin(world);
    world_stop(world);
    world->users[0].by_p3 = true;
    world->users[0].password_hash = hash;
    world_start(world);
    associate(world, 1, "beta");
    client(world, 1, 0);
}

static void bind_jones_to(struct world *world, uint64_t ref, enum ipc_binder binder) {
    struct ipc_bind bind = {.direction = IPC_DIRECTION_IN,
                            .binder = binder,
                            .user = SPAN_LIT(JONES),
                            .address = SPAN_LIT("192.0.2.3"),
                            .mode = IPC_MODE_NORMAL,
                            .credentials = {IPC_CREDENTIALS_OCTET_STRING, SPAN_LIT(""), SPAN_LIT("secret")}};
    say_bind(world, ref, &bind);
    assert_int_equal(bind_answer(world, ref).verdict, IPC_BIND_ADMITTED);
}

static void bind_jones(struct world *world, uint64_t ref) {
    bind_jones_to(world, ref, IPC_BINDER_MTS_USER);
}

static void ended(struct world *world, uint64_t ref, enum ipc_user_delivered what, uint16_t code) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_byte(&payload, (uint8_t)what);
    buf_append_u16(&payload, code);
    payload_put_octets(&payload, SPAN_LIT("test"));
    tell(world, IPC_USER_DELIVER_RESULT, ref, buf_span(&payload), NOTHING);
    buf_free(&payload);
}

/* The delivery on the association, into `out` where that is given. */
static void expect_delivery(struct world *world, uint64_t ref, struct buf *out) {
    struct reader r = expect(world, IPC_USER_DELIVER, ref);
    assert_int_equal(reader_u8(&r), IPC_USER_MESSAGE);
    assert_int_equal(reader_u64(&r), strlen("content"));
    if (!out)
        return;
    buf_init(out, 0);
    buf_append_span(out, buf_span(&world->last.payload));
}

static void it_is_his_with_his_result_alone(void **state) {
    struct world world;
    (void)state;
    begin(&world);
    comes_in(&world, JONES);
    assert_int_equal(copies_in(&world, "unbound"), 1);
    bind_jones(&world, 2);
    expect_delivery(&world, 2, NULL);
    assert_int_equal(copies_in(&world, "sending"), 1);
    ended(&world, 2, IPC_USER_TAKEN, 0);
    expect_drained(&world);
    assert_int_equal(entries_of(&world, JONES), 0);
    expect_none(&world, IPC_USER_DELIVER);
    world_end(&world);
}

static void what_broke_off_in_time_is_not_in_doubt(void **state) {
    struct world world;
    (void)state;
    begin(&world);
    bind_jones(&world, 2);
    comes_in(&world, JONES);
    expect_delivery(&world, 2, NULL);
    ended(&world, 2, IPC_USER_BROKEN, 0);
    close_association(&world, 2, IPC_CLOSE_BROKEN);
    EVENTUALLY(copies_in(&world, "unbound") == 1);
    assert_int_equal(copies_in(&world, "in-doubt"), 0);
    bind_jones(&world, 3);
    expect_delivery(&world, 3, NULL);
    ended(&world, 3, IPC_USER_TAKEN, 0);
    expect_drained(&world);
    world_end(&world);
}

/* The same octets, with the time of the first try, from the row alone. */
static void what_may_be_his_comes_again_as_the_same_octets(void **state) {
    struct world world;
    struct buf first, again;
    (void)state;
    begin(&world);
    bind_jones(&world, 2);
    comes_in(&world, JONES);
    expect_delivery(&world, 2, &first);
    usleep(1100000); /* another time of delivery would be another second */
    world_kill(&world);
    begin_again(&world);
    assert_int_equal(copies_in(&world, "in-doubt"), 1);
    bind_jones(&world, 2);
    expect_delivery(&world, 2, &again);
    assert_true(span_eq(buf_span(&first), buf_span(&again)));
    close_association(&world, 2, IPC_CLOSE_BROKEN); /* without a word about the delivery */
    EVENTUALLY(copies_in(&world, "in-doubt") == 1);
    buf_free(&again);
    bind_jones(&world, 3);
    expect_delivery(&world, 3, &again);
    assert_true(span_eq(buf_span(&first), buf_span(&again)));
    ended(&world, 3, IPC_USER_TAKEN, 0);
    expect_drained(&world);
    buf_free(&first);
    buf_free(&again);
    world_end(&world);
}

static void who_goes_without_a_word_may_have_it(void **state) {
    struct world world;
    (void)state;
    begin(&world);
    bind_jones(&world, 2);
    comes_in(&world, JONES);
    expect_delivery(&world, 2, NULL);
    close_association(&world, 2, IPC_CLOSE_BROKEN);
    EVENTUALLY(copies_in(&world, "in-doubt") == 1);
    json_t *status = ask(&world, "{\"operation\":\"status\"}"); /* it counts once, as the queue has it */
    assert_int_equal(number_at(status, "work", "in-doubt"), 1);
    assert_int_equal(number_at(status, "work", "unbound"), 0);
    json_decref(status);
    world_end(&world);
}

static void an_error_for_good_is_a_report(void **state) {
    struct world world;
    (void)state;
    begin(&world);
    bind_jones(&world, 2);
    comes_in(&world, JONES);
    expect_delivery(&world, 2, NULL);
    ended(&world, 2, IPC_USER_REFUSED, 12);
    EVENTUALLY(copies_in(&world, "unbound") == 0 && queued(&world) == 1); /* the report, for beta */
    expect_none(&world, IPC_USER_DELIVER);
    world_end(&world);
}

/* I3: nothing leaves before the mark is on disk; and whoever goes meanwhile has seen nothing of it. */
static void nothing_leaves_before_its_mark_is_on_disk(void **state) {
    struct world world;
    (void)state;
    if (!getenv("CHASQUI_TEST_LATE")) /* nobody holds its commits */
        return;
    begin(&world);
    comes_in(&world, JONES);
    hold_commits(true);
    bind_jones(&world, 2);
    expect_none(&world, IPC_USER_DELIVER);
    close_association(&world, 2, IPC_CLOSE_BROKEN);
    bind_jones(&world, 3); /* behind the end of the other */
    hold_commits(false);
    expect_delivery(&world, 3, NULL);
    assert_int_equal(copies_in(&world, "in-doubt"), 0);
    ended(&world, 3, IPC_USER_TAKEN, 0);
    expect_drained(&world);
    world_end(&world);
}

static void who_binds_to_his_store_is_given_nothing(void **state) {
    struct world world;
    (void)state;
    begin(&world);
    comes_in(&world, JONES);
    bind_jones_to(&world, 2, IPC_BINDER_MS_USER);
    expect_none(&world, IPC_USER_DELIVER);
    assert_int_equal(copies_in(&world, "unbound"), 1);
    world_end(&world);
}

/* A net process that answers for what it was not given breaks the rules. */
static void a_result_of_nothing_is_a_breach(void **state) {
    struct world world;
    uint8_t octet;
    (void)state;
    begin(&world);
    bind_jones(&world, 2);
    comes_in(&world, JONES);
    expect_delivery(&world, 2, NULL);
    ended(&world, 2, IPC_USER_TAKEN, 0);
    expect_drained(&world);
    ended(&world, 2, IPC_USER_TAKEN, 0);
    assert_false(read_all(world.net, &octet, 1, 10000) && read_all(world.net, &octet, 1, 1000));
    world_abandon(&world);
}

/* What could not be noted stays his, whatever an operator does, and over a stop. */
static void what_he_confirmed_is_nobody_elses(void **state) {
    struct world world;
    struct buf first, again;
    (void)state;
    begin(&world);
    bind_jones(&world, 2);
    comes_in(&world, JONES);
    expect_delivery(&world, 2, &first);
    fill_disk(&world);
    ended(&world, 2, IPC_USER_TAKEN, 0);
    EVENTUALLY(is_refusing(&world));
    empty_disk(&world);
    EVENTUALLY(!is_refusing(&world));
    json_t *answer = ask(&world, "{\"operation\":\"queue-delete\",\"all\":true,\"reason\":\"x\"}");
    assert_int_equal(json_integer_value(json_object_get(answer, "changed")), 0);
    json_decref(answer);
    usleep(1100000); /* another time of delivery would be another second */
    world_stop(&world);
    begin_again(&world);
    if (queued(&world) == 0) { /* noted in time */
        buf_free(&first);
        world_end(&world);
        return;
    }
    assert_int_equal(copies_in(&world, "in-doubt"), 1);
    bind_jones(&world, 2);
    expect_delivery(&world, 2, &again);
    assert_true(span_eq(buf_span(&first), buf_span(&again)));
    ended(&world, 2, IPC_USER_TAKEN, 0);
    expect_drained(&world);
    buf_free(&first);
    buf_free(&again);
    world_end(&world);
}

static struct mts_tables *fresh_tables;

static const struct mta_config *read_again(void *context, struct span text, struct error *err) {
    static struct mta_config again;
    (void)text, (void)err;
    again = ((struct world *)context)->config;
    again.tables = fresh_tables;
    return &again;
}

/* I6: a reload takes the users from the store, where the batch that flies is not seen. */
static void a_password_that_flies_stands_after_a_reload(void **state) {
    static const uint8_t asked[] = "\0\0\0\1\4\x31\x14\xa0\x08\x16\x06secret\xa1\x08\x16\x06second";
    struct world world;
    struct mta_reload reload = {read_again, NULL, &world};
    (void)state;
    if (!getenv("CHASQUI_TEST_LATE")) /* nobody holds its commits */
        return;
    world_begin(&world);
    world_stop(&world);
    fresh_tables = make_tables();
    world.reload = &reload;
    world.users[0].password_hash = hash;
    begin_again(&world);
    bind_jones(&world, 2);
    hold_commits(true);
    tell(&world, IPC_USER_REQUEST, 2, span_of(asked, sizeof asked - 1), NOTHING);
    usleep(1500000); /* it is compared */
    put(world.parent, IPC_CONFIG, 0, SPAN_LIT("x"), NOTHING);
    json_decref(ask(&world, "{\"operation\":\"status\"}"));
    hold_commits(false);
    expect(&world, IPC_USER_ANSWER, 2);
    struct ipc_bind bind = {.direction = IPC_DIRECTION_IN,
                            .binder = IPC_BINDER_MTS_USER,
                            .user = SPAN_LIT(JONES),
                            .address = SPAN_LIT("192.0.2.3"),
                            .mode = IPC_MODE_NORMAL,
                            .credentials = {IPC_CREDENTIALS_OCTET_STRING, SPAN_LIT(""), SPAN_LIT("second")}};
    say_bind(&world, 3, &bind);
    assert_int_equal(bind_answer(&world, 3).verdict, IPC_BIND_ADMITTED);
    world_end(&world);
    mts_tables_free(fresh_tables);
}

/* Nothing is written for him, and no reader has all users anew. */
static void who_only_asks_what_is_registered_waits_for_no_commit(void **state) {
    static const uint8_t asked[] = "\0\0\0\1\3\x31\x06\xa5\x04\x80\x02\x02\xfc";
    struct world world;
    (void)state;
    if (!getenv("CHASQUI_TEST_LATE"))
        return;
    begin(&world);
    bind_jones(&world, 2);
    hold_commits(true);
    tell(&world, IPC_USER_REQUEST, 2, span_of(asked, sizeof asked - 1), NOTHING);
    struct reader r = expect(&world, IPC_USER_ANSWER, 2);
    assert_int_equal(reader_u32(&r), 1);
    assert_int_equal(reader_u8(&r), IPC_USER_RESULT);
    hold_commits(false);
    world_end(&world);
}

/* ---- what a user submits ---- */

/* Invocation 1 of his; the octets of it so far. */
static void begins_submission(struct world *world, uint64_t ref, const char *recipient) {
    tell(world, IPC_USER_SUBMIT_BEGIN, ref, SPAN_LIT("\0\0\0\1\1"), submission_to(world, recipient, NULL));
    tell(world, IPC_USER_SUBMIT_CONTENT, ref, SPAN_LIT("content"), NOTHING);
}

static void submits(struct world *world, uint64_t ref, const char *recipient) {
    begins_submission(world, ref, recipient);
    tell(world, IPC_USER_SUBMIT_END, ref, NOTHING, NOTHING);
}

/* The code of the answer to his invocation 1, which is a result, an error or a reject; what stands in it. */
static uint16_t answered(struct world *world, uint64_t ref, enum ipc_user_answer what, struct span *value) {
    struct reader r = expect(world, IPC_USER_ANSWER, ref);
    assert_int_equal(reader_u32(&r), 1);
    assert_int_equal(reader_u8(&r), what);
    uint16_t code = reader_u16(&r);
    if (value)
        *value = arena_dup(&world->arena, payload_rest(&r));
    return code;
}

/* What his submission was named, for a cancel-deferred-delivery. */
static struct span was_submitted(struct world *world, uint64_t ref) {
    struct x411p3_MessageSubmissionResult result = {0};
    struct span value, identifier;
    assert_int_equal(answered(world, ref, IPC_USER_RESULT, &value), 3); /* message-submission */
    assert_true(ber_decode(&x411p3_MessageSubmissionResult_type, value, &world->arena, NULL, &result, NULL));
    assert_true(span_eq(result.content_identifier, SPAN_LIT("C-1")));
    assert_true(ber_encode_arena(&x411p3_CancelDeferredDeliveryArgument_type,
                                 &result.message_submission_identifier, &world->arena, &identifier, NULL));
    return identifier;
}

static struct x411p3_Controls controls(struct world *world, uint64_t ref) {
    struct x411p3_Controls controls = {0};
    struct reader r = expect(world, IPC_USER_CONTROL, ref);
    struct span octets = arena_dup(&world->arena, payload_rest(&r));
    assert_true(
        ber_decode(&x411p3_SubmissionControlArgument_type, octets, &world->arena, NULL, &controls, NULL));
    return controls;
}

/* Who was told that nothing is taken hears once that something is again, without asking. */
static void he_hears_when_something_is_taken_again(void **state) {
    struct world world;
    (void)state;
    begin(&world);
    bind_jones(&world, 2);
    fill_disk(&world);
    submits(&world, 2, FRANK);
    assert_int_equal(answered(&world, 2, IPC_USER_REJECT, NULL), USER_RESOURCE_LIMITATION);
    EVENTUALLY(is_refusing(&world));
    for (unsigned i = 0; i < 2; i++) {
        submits(&world, 2, FRANK);
        assert_int_equal(answered(&world, 2, IPC_USER_ERROR, NULL), USER_SUBMISSION_CONTROL_VIOLATED);
    }
    struct x411p3_Controls told = controls(&world, 2);
    assert_true(told.restrict_ && told.permissible_operations.octets.data);
    expect_none(&world, IPC_USER_CONTROL); /* not twice */
    empty_disk(&world);
    told = controls(&world, 2);
    assert_false(told.restrict_);
    expect_none(&world, IPC_USER_CONTROL);
    submits(&world, 2, FRANK);
    was_submitted(&world, 2);
    assert_int_equal(queued(&world), 1);
    world_abandon(&world);
}

static void minutes_pass(int number) {
    (void)number;
    clock_pass((int64_t)6 * 60 * 1000000);
}

/* The switch has seen the time. */
static void six_minutes_pass(struct world *world) {
    json_decref(ask(world, "{\"operation\":\"status\"}"));
    kill(world->pid, SIGUSR1);
    json_decref(ask(world, "{\"operation\":\"status\"}"));
}

/* Ten minutes of silence end it with its association; each octet is a word. */
static void a_silent_submission_is_given_up(void **state) {
    struct world world;
    (void)state;
    signal(SIGUSR1, minutes_pass);
    begin(&world);
    bind_jones(&world, 2);
    begins_submission(&world, 2, FRANK);
    six_minutes_pass(&world);
    tell(&world, IPC_USER_SUBMIT_CONTENT, 2, SPAN_LIT(" and more"), NOTHING);
    six_minutes_pass(&world);
    assert_false(await(&world, IPC_ASSOCIATION_CLOSE, 2, 2500)); /* two ticks and a little */
    six_minutes_pass(&world);
    expect(&world, IPC_ASSOCIATION_CLOSE, 2);
    world_abandon(&world);
    signal(SIGUSR1, SIG_DFL);
}

static void cancels(struct world *world, uint64_t ref, struct span identifier) {
    tell(world, IPC_USER_REQUEST, ref, SPAN_LIT("\0\0\0\1\1"), identifier);
}

/* What a peer was given once is not the originator's to take, though it waits for a time again. */
static void what_was_tried_is_not_cancelled(void **state) {
    struct world world;
    (void)state;
    begin(&world);
    bind_jones(&world, 2);
    world.deferred = clock_now_us() / 1000000 + 3600;
    submits(&world, 2, FRANK);
    struct span later = was_submitted(&world, 2);
    world.deferred = clock_now_us() / 1000000 + 2;
    submits(&world, 2, FRANK);
    struct span soon = was_submitted(&world, 2);
    sets_out(&world, 3, "gamma");
    sent(&world, 3, IPC_SENT_DEFERRED);
    EVENTUALLY(copies_in(&world, "backing-off") == 1);
    cancels(&world, 2, soon);
    assert_int_equal(answered(&world, 2, IPC_USER_ERROR, NULL), USER_DEFERRED_DELIVERY_CANCELLATION_REJECTED);
    cancels(&world, 2, later);
    answered(&world, 2, IPC_USER_RESULT, NULL);
    EVENTUALLY(queued(&world) == 1);
    assert_int_equal(copies_in(&world, "deferred"), 0);
    world_abandon(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(it_is_his_with_his_result_alone),
        CASE(what_broke_off_in_time_is_not_in_doubt),
        CASE(what_may_be_his_comes_again_as_the_same_octets),
        CASE(who_goes_without_a_word_may_have_it),
        CASE(an_error_for_good_is_a_report),
        CASE(nothing_leaves_before_its_mark_is_on_disk),
        CASE(who_binds_to_his_store_is_given_nothing),
        CASE(a_result_of_nothing_is_a_breach),
        CASE(what_he_confirmed_is_nobody_elses),
        CASE(a_password_that_flies_stands_after_a_reload),
        CASE(who_only_asks_what_is_registered_waits_for_no_commit),
        CASE(he_hears_when_something_is_taken_again),
        CASE(a_silent_submission_is_given_up),
        CASE(what_was_tried_is_not_cancelled),
    };
    signal(SIGXFSZ, SIG_IGN);
    if (!password_init() || !password_hash(SPAN_LIT("secret"), hash))
        return 1;
    return cmocka_run_group_tests_name("user_delivery", tests, NULL, NULL);
}
