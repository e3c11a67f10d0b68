/*
 * A commit that does not end (mta/late.c holds it): whoever has to wait for it waits, and nobody else does.
 */
#include "hold.h"

/* ---- what is asked and said meanwhile ---- */

static bool is_refusing(struct world *world) {
    json_t *status = ask(world, "{\"operation\":\"status\"}");
    const char *store = json_string_value(json_object_get(status, "cause"));
    bool refuses = store && strstr(store, "does not end");
    json_decref(status);
    return refuses;
}

/* What nobody needs the store for, and what reads of it what is on disk. */
static void others_are_served(struct world *world, uint64_t ref) {
    json_decref(ask(world, "{\"operation\":\"status\"}"));
    json_t *track = ask(world, "{\"operation\":\"track\",\"recent\":5}");
    assert_non_null(json_object_get(track, "messages"));
    json_decref(track);
    entries_of(world, JONES);
    associate(world, ref, "gamma");
    struct ipc_bind stranger = bind_of("beta", false, "stranger");
    stranger.credentials.password = SPAN_LIT("wrong");
    say_bind(world, ref + 1, &stranger);
    assert_int_equal(admission(world, ref + 1), IPC_BIND_AUTHENTICATION_ERROR);
}

static void hand_over(struct world *world, uint64_t ref) {
    send_whole(world, ref, envelope_to(world, WANTS_NDN, JONES, NULL), SPAN_LIT("content"));
}

static enum ipc_resume resumed(struct world *world, uint64_t ref) {
    struct reader r = expect(world, IPC_RESUME_RESULT, ref);
    reader_u32(&r);
    return (enum ipc_resume)reader_u8(&r);
}

static void open_world(struct world *world) {
    world_begin(world);
    client(world, 1, 0);
    associate(world, 1, "beta");
}

/* ---- the cases ---- */

/* I1 */
static void nobody_waits_who_need_not(void **state) {
    struct world world;
    (void)state;
    open_world(&world);
    comes_in(&world, JONES);
    hold_commits(true);
    hand_over(&world, 1);
    others_are_served(&world, 2);
    assert_int_equal(entries_of(&world, JONES), 1);
    expect_none(&world, IPC_TRANSFER_RESULT);
    hold_commits(false);
    assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
    assert_int_equal(entries_of(&world, JONES), 2);
    world_end(&world);
}

/* I7: the next activity of an association whose last one stands in what flies. */
static void an_activity_waits_for_what_is_said_of_the_last(void **state) {
    struct world world;
    (void)state;
    open_world(&world);
    hold_commits(true);
    begin_transfer(&world, 1, "\2\1\1");
    tell(&world, IPC_TRANSFER_STOP, 1, SPAN_LIT("\0"), NOTHING); /* its sender discards it */
    begin_transfer(&world, 1, "\2\1\1");                         /* which is known to be that one's name */
    tell(&world, IPC_TRANSFER_END, 1, NOTHING, NOTHING);
    others_are_served(&world, 2);
    expect_none(&world, IPC_TRANSFER_RESULT);
    hold_commits(false);
    assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
    assert_int_equal(entries_of(&world, JONES), 1);
    struct reader r = say_resume(&world, 1, "", "\2\1\1", 1);
    assert_int_equal(reader_u8(&r), IPC_RESUME_UNKNOWN_ACTIVITY);
    world_end(&world);
}

/* I7, I8: so do a resume, and a recovery without a bind. */
static void a_resume_waits_for_what_is_said_of_activities(void **state) {
    struct world world;
    (void)state;
    open_world(&world);
    begin_transfer(&world, 1, "\2\1\1");
    expect_checkpoint(&world, 1, 1);
    close_association(&world, 1, IPC_CLOSE_BROKEN);
    associate(&world, 2, "beta");
    associate(&world, 3, "beta");
    hold_commits(true);
    begin_transfer(&world, 3, "\2\1\2");
    announce(&world, 4, false, "beta", "in-4", "in-1");
    ask_resume(&world, 2, "in-1", "\2\1\1", 1);
    others_are_served(&world, 5);
    expect_none(&world, IPC_RESUME_RESULT);
    hold_commits(false);
    assert_int_equal(resumed(&world, 2), IPC_RESUME_FROM);
    assert_int_equal(admission(&world, 4), IPC_BIND_ADMITTED);
    tell(&world, IPC_TRANSFER_CONTENT, 2, SPAN_LIT(" and the rest"), NOTHING);
    tell(&world, IPC_TRANSFER_END, 2, NOTHING, NOTHING);
    assert_int_equal(result_of(&world, 2), IPC_ACCEPTED);
    tell(&world, IPC_TRANSFER_STOP, 3, SPAN_LIT("\0"), NOTHING);
    world_end(&world);
}

/* Its own checkpoint is what it waits for: the batch holds the content no more when that has landed. */
static void a_resume_waits_for_its_own_checkpoint(void **state) {
    struct world world;
    (void)state;
    open_world(&world);
    associate(&world, 2, "beta");
    hold_commits(true);
    begin_transfer(&world, 1, "\2\1\1");
    close_association(&world, 1, IPC_CLOSE_BROKEN);
    ask_resume(&world, 2, "in-1", "\2\1\1", 1);
    others_are_served(&world, 3);
    expect_none(&world, IPC_RESUME_RESULT);
    hold_commits(false);
    assert_int_equal(resumed(&world, 2), IPC_RESUME_FROM);
    tell(&world, IPC_TRANSFER_CONTENT, 2, SPAN_LIT(" and the rest"), NOTHING);
    tell(&world, IPC_TRANSFER_END, 2, NOTHING, NOTHING);
    assert_int_equal(result_of(&world, 2), IPC_ACCEPTED);
    world_end(&world);
}

/* A net process that is told of an end before its bind was answered hears nothing more of it. */
static void a_recovery_may_end_while_it_waits(void **state) {
    struct world world;
    (void)state;
    open_world(&world);
    hold_commits(true);
    begin_transfer(&world, 1, "\2\1\1");
    announce(&world, 2, false, "beta", "in-2", "in-1");
    close_association(&world, 2, IPC_CLOSE_BROKEN);
    others_are_served(&world, 3);
    hold_commits(false);
    expect_checkpoint(&world, 1, 1);
    expect_none(&world, IPC_BIND_ANSWER);
    associate(&world, 2, "beta"); /* so the number is free */
    tell(&world, IPC_TRANSFER_STOP, 1, SPAN_LIT("\0"), NOTHING);
    world_end(&world);
}

/* What waits has bounds: who sends without end is ended, alone. */
static void what_is_put_aside_is_bounded(void **state) {
    static const uint8_t piece[IPC_CHUNK];
    struct world world;
    (void)state;
    open_world(&world);
    hold_commits(true);
    begin_transfer(&world, 1, "\2\1\1");
    tell(&world, IPC_TRANSFER_STOP, 1, SPAN_LIT("\0"), NOTHING);
    begin_transfer(&world, 1, "\2\1\1");
    for (int i = 0; i < 20; i++)
        tell(&world, IPC_TRANSFER_CONTENT, 1, span_of(piece, sizeof piece), NOTHING);
    expect(&world, IPC_ASSOCIATION_CLOSE, 1);
    others_are_served(&world, 2);
    hold_commits(false);
    hand_over(&world, 2);
    assert_int_equal(result_of(&world, 2), IPC_ACCEPTED);
    world_end(&world);
}

static void begin_with(struct world *world, const struct mta_limits *limits) {
    world_begin(world);
    world_stop(world);
    world->config.limits = *limits;
    begin_again(world);
}

/* What a peer hands over again and again, by associations that it breaks each time, fills a batch and no
 * more; whoever waits is taken when there is room. */
static void the_batch_that_fills_is_bounded(void **state) {
    static const uint8_t content[150000];
    struct mta_limits octets = {NUMBERS_OF_LIMITS}, requests = octets;
    octets.batch_octets = 100000;
    requests.requests = 20;
    (void)state;
    for (int by_requests = 0; by_requests < 2; by_requests++) {
        struct world world;
        size_t length = by_requests ? sizeof content : 2000;
        begin_with(&world, by_requests ? &requests : &octets);
        associate(&world, 1, "gamma");
        hold_commits(true);
        hand_over(&world, 1); /* flies */
        json_decref(ask(&world, "{\"operation\":\"status\"}"));
        usleep(50000);
        for (uint64_t ref = 2; ref < 202; ref++) {
            associate(&world, ref, "beta");
            send_whole(&world, ref, envelope_to(&world, WANTS_NDN, JONES, NULL), span_of(content, length));
            if (ref < 199)
                close_association(&world, ref, IPC_CLOSE_BROKEN);
        }
        others_are_served(&world, 300);
        hold_commits(false);
        for (uint64_t ref = 199; ref < 202; ref++)
            assert_int_equal(result_of(&world, ref), IPC_ACCEPTED);
        json_int_t taken = entries_of(&world, JONES);
        if (taken < 10 || taken > 80)
            fail_msg("%d were taken", (int)taken);
        world_end(&world);
    }
}

/* After its limit the store says that it takes nothing: each is told so by the protocol's own answer. */
static void a_store_that_is_stuck_refuses(void **state) {
    struct world world;
    (void)state;
    open_world(&world);
    associate(&world, 2, "beta");
    associate(&world, 3, "beta");
    hold_commits(true);
    begin_transfer(&world, 1, "\2\1\1");
    tell(&world, IPC_TRANSFER_STOP, 1, SPAN_LIT("\0"), NOTHING);
    hand_over(&world, 1); /* waits */
    EVENTUALLY(is_refusing(&world));
    hand_over(&world, 2);
    assert_int_equal(result_of(&world, 2), IPC_REFUSED_TEMPORARILY);
    assert_int_equal(result_of(&world, 1), IPC_REFUSED_TEMPORARILY); /* as nobody waits for ever */
    announce(&world, 4, false, "beta", "in-4", "in-1");
    assert_int_equal(admission(&world, 4), IPC_BIND_BUSY);
    ask_resume(&world, 3, "", "\2\1\1", 1);
    expect(&world, IPC_ASSOCIATION_CLOSE, 3);
    others_are_served(&world, 5);
    hold_commits(false);
    EVENTUALLY(!is_refusing(&world));
    hand_over(&world, 2);
    assert_int_equal(result_of(&world, 2), IPC_ACCEPTED);
    world_end(&world);
}

static struct mts_tables *fresh_tables;

static const struct mta_config *read_again(void *context, struct span text, struct error *err) {
    static struct mta_config again;
    (void)text, (void)err;
    again = ((struct world *)context)->config;
    again.tables = fresh_tables;
    again.limits.content_octets = 3;
    return &again;
}

/* I6: a reload does not wait either, and takes nothing of what flies away. */
static void a_reload_waits_for_nothing(void **state) {
    struct world world;
    struct mta_reload reload = {read_again, NULL, &world};
    (void)state;
    world_begin(&world);
    world_stop(&world);
    fresh_tables = make_tables();
    world.reload = &reload;
    begin_again(&world);
    associate(&world, 1, "beta");
    associate(&world, 2, "beta");
    hold_commits(true);
    hand_over(&world, 1);
    tell(&world, IPC_REQUEST, (uint64_t)1 << 32 | 7, NOTHING,
         SPAN_LIT("{\"operation\":\"user-add\",\"address\":\"" OURS "/S=new\"}"));
    put(world.parent, IPC_CONFIG, 0, SPAN_LIT("x"), NOTHING);
    others_are_served(&world, 3);
    hand_over(&world, 2); /* is longer than the new limit */
    assert_int_equal(result_of(&world, 2), IPC_REFUSED_TEMPORARILY);
    hold_commits(false);
    assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
    expect(&world, IPC_RESPONSE, (uint64_t)1 << 32 | 7);
    json_t *users = ask(&world, "{\"operation\":\"user-list\",\"address\":\"" OURS "/S=new\"}");
    assert_int_equal(json_array_size(json_object_get(users, "users")), 1);
    json_decref(users);
    world_end(&world);
    mts_tables_free(fresh_tables);
}

#define NEW OURS "/S=new"

/* What was on its way to his mailbox as he was removed goes with it, or keeps him. */
static void a_removed_user_leaves_nothing(void **state) {
    struct world world;
    json_t *answer;
    (void)state;
    for (int discard = 0; discard < 2; discard++) {
        open_world(&world);
        associate(&world, 2, "beta");
        json_decref(ask(&world, "{\"operation\":\"user-add\",\"address\":\"" NEW "\"}"));
        hold_commits(true);
        send_whole(&world, 1, envelope_to(&world, WANTS_NDN, NEW, NULL), SPAN_LIT("content"));
        json_decref(ask(&world, "{\"operation\":\"status\"}")); /* so that it flies */
        usleep(20000);
        send_whole(&world, 2, envelope_to(&world, WANTS_NDN, NEW, NULL), SPAN_LIT("content"));
        ask_under(&world, 8,
                  discard ? "{\"operation\":\"user-remove\",\"address\":\"" NEW "\",\"discard\":true}"
                          : "{\"operation\":\"user-remove\",\"address\":\"" NEW "\"}");
        answer = ask(&world, "{\"operation\":\"user-remove\",\"address\":\"" NEW "\",\"discard\":true}");
        assert_string_equal(code_of(answer), "wrong-state");
        json_decref(answer);
        hold_commits(false);
        answer = late_answer(&world, 8);
        assert_string_equal(code_of(answer), discard ? "" : "wrong-state");
        json_decref(answer);
        if (discard)
            json_decref(ask(&world, "{\"operation\":\"user-add\",\"address\":\"" NEW "\"}"));
        answer = ask(&world, "{\"operation\":\"mailbox-list\",\"mailbox\":\"" NEW "\"}");
        assert_int_equal(json_array_size(json_object_get(answer, "entries")), discard ? 0 : 2);
        json_decref(answer);
        assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
        assert_int_equal(result_of(&world, 2), IPC_ACCEPTED);
        comes_in(&world, NEW);
        answer = ask(&world, "{\"operation\":\"mailbox-list\",\"mailbox\":\"" NEW "\"}");
        assert_int_equal(json_array_size(json_object_get(answer, "entries")), discard ? 1 : 3);
        json_decref(answer);
        world_end(&world);
    }
}

/* A client that asked before the stop hears what became of it, if that shows in time. */
static void a_stop_tells_what_was_committed(void **state) {
    struct world world;
    (void)state;
    open_world(&world);
    hold_commits(true);
    ask_under(&world, 8, "{\"operation\":\"user-add\",\"address\":\"" NEW "\"}");
    json_decref(ask(&world, "{\"operation\":\"status\"}"));
    put(world.parent, IPC_STOP, 0, NOTHING, NOTHING);
    usleep(1500000);
    hold_commits(false);
    json_t *answer = late_answer(&world, 8);
    assert_int_equal(number_at(answer, "changed", NULL), 1);
    json_decref(answer);
    assert_int_equal(world_wait(&world), 0);
    world_end(&world);
}

/* The stop is in good order, and what flew is there at the next start or is not; it was not confirmed. */
static void a_stop_does_not_wait_for_ever(void **state) {
    struct world world;
    (void)state;
    open_world(&world);
    associate(&world, 2, "beta");
    hold_commits(true);
    begin_transfer(&world, 1, "\2\1\1");
    hand_over(&world, 2);
    world_stop(&world);
    hold_commits(false);
    begin_again(&world);
    assert_int_equal(entries_of(&world, JONES), 0);
    world_end(&world);
}

/* What was said in a batch that failed, and in the one that filled meanwhile, is waited for by nobody. */
static void a_resume_after_a_failed_batch_is_answered(void **state) {
    struct world world;
    char fail[LEVER_MAX];
    (void)state;
    set_lever(fail, "CHASQUI_TEST_FAIL");
    open_world(&world);
    begin_transfer(&world, 1, "\2\1\1");
    expect_checkpoint(&world, 1, 1);
    close_association(&world, 1, IPC_CLOSE_BROKEN);
    for (uint64_t ref = 2; ref <= 4; ref++)
        associate(&world, ref, "beta");
    hold_commits(true);
    begin_transfer(&world, 3, "\2\1\2"); /* flies */
    json_decref(ask(&world, "{\"operation\":\"status\"}"));
    usleep(50000);
    begin_transfer(&world, 4, "\2\1\3"); /* fills */
    json_decref(ask(&world, "{\"operation\":\"status\"}"));
    close(open(fail, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    hold_commits(false);
    expect(&world, IPC_ASSOCIATION_CLOSE, 4);
    expect(&world, IPC_ASSOCIATION_CLOSE, 3);
    ask_resume(&world, 2, "in-1", "\2\1\1", 1);
    expect(&world, IPC_RESUME_RESULT, 2);
    announce(&world, 6, false, "beta", "in-6", "in-1");
    expect(&world, IPC_BIND_ANSWER, 6);
    world_kill(&world); /* a stop would wait for its associations */
    world_end(&world);
    unsetenv("CHASQUI_TEST_FAIL");
}

/* ---- who breaks the rules within what was put aside ---- */

/* Frames of the switch that nobody reads, more than the socket holds. */
static void let_answers_wait(struct world *world) {
    struct ipc_bind stranger = bind_of("beta", false, "stranger");
    stranger.credentials.name = SPAN_LIT("NOBODY");
    for (uint64_t ref = 1000; ref < 9000; ref++)
        say_bind(world, ref, &stranger);
}

/* Its channel ends at once, though it reads nothing. */
static void who_breaks_the_rules_in_what_was_put_aside_is_cut_off(void **state) {
    struct world world;
    (void)state;
    open_world(&world);
    hold_commits(true);
    begin_transfer(&world, 1, "\2\1\1");
    tell(&world, IPC_TRANSFER_STOP, 1, SPAN_LIT("\0"), NOTHING);
    begin_transfer(&world, 1, "\2\1\1");
    say_transfer(&world, 1, "\2\1\2"); /* within the other */
    let_answers_wait(&world);
    struct pollfd closed = {.fd = world.net};
    assert_int_equal(poll(&closed, 1, 0), 0);
    hold_commits(false);
    assert_int_equal(poll(&closed, 1, 10000), 1);
    world_end(&world);
}

/* ---- what is secret of what was put aside ---- */

static bool is_found_at(int memory, const char *text, uint64_t from, uint64_t to) {
    size_t length = (size_t)(to - from);
    uint8_t *copy = malloc(length);
    ssize_t got = copy ? pread(memory, copy, length, (off_t)from) : -1;
    bool found = got > 0 && memmem(copy, (size_t)got, text, strlen(text)) != NULL;
    free(copy);
    return found;
}

/* Whether the process that was forked has the text anywhere in memory that it can write. */
static bool has_in_memory(pid_t pid, const char *text) {
    char path[64], line[512];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    int memory = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "r");
    assert_true(memory >= 0 && maps);
    while (fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        char rights[8];
        if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) == 3 && strncmp(rights, "rw", 2) == 0 &&
            to - from < (unsigned long)1 << 28) /* not the sanitizer's own map of all memory */
            found = found || is_found_at(memory, text, from, to);
    }
    fclose(maps);
    close(memory);
    return found;
}

static void a_bind_that_was_put_aside_leaves_no_password(void **state) {
    struct world world;
    char password[40];
    (void)state;
    open_world(&world);
    snprintf(password, sizeof password, "secret-%llx", (unsigned long long)clock_monotonic_us());
    hold_commits(true);
    begin_transfer(&world, 1, "\2\1\1");
    struct ipc_bind bind = bind_of("beta", false, "in-2");
    bind.recover_id = SPAN_LIT("in-1");
    bind.credentials.password = span_str(password);
    say_bind(&world, 2, &bind);
    EVENTUALLY(has_in_memory(world.pid, password));
    hold_commits(false);
    expect(&world, IPC_BIND_ANSWER, 2);
    assert_false(has_in_memory(world.pid, password));
    tell(&world, IPC_TRANSFER_STOP, 1, SPAN_LIT("\0"), NOTHING);
    world_end(&world);
}

/* ---- what can't be read for a moment ---- */

/* Asks for a resume, and is told nothing but the end of the association. */
static void resume_in_vain(struct world *world, uint64_t ref, const char *activity) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_u32(&payload, ++world->transfer);
    payload_put_octets(&payload, SPAN_LIT("in-1"));
    payload_put_octets(&payload, span_str(activity));
    buf_append_u32(&payload, 1);
    payload_put_octets(&payload, SPAN_LIT("\2\1\11"));
    tell(world, IPC_RESUME, ref, buf_span(&payload), NOTHING);
    buf_free(&payload);
    expect(world, IPC_ASSOCIATION_CLOSE, ref);
    expect_none(world, IPC_RESUME_RESULT);
    close_association(world, ref, IPC_CLOSE_BROKEN);
}

/* Of association 1, which broke: activity 1 is over and was accepted, 2 stands at its second checkpoint. */
static void open_with_activities(struct world *world) {
    static uint8_t content[20000];
    open_world(world);
    begin_transfer(world, 1, "\2\1\1");
    expect_checkpoint(world, 1, 1);
    tell(world, IPC_TRANSFER_END, 1, NOTHING, NOTHING);
    assert_int_equal(result_of(world, 1), IPC_ACCEPTED);
    begin_transfer(world, 1, "\2\1\2");
    tell(world, IPC_TRANSFER_CONTENT, 1, span_of(content, sizeof content), NOTHING);
    say_checkpoint(world, 1, 2, 2000, "state");
    expect_checkpoint(world, 1, 1);
    expect_checkpoint(world, 1, 2);
    close_association(world, 1, IPC_CLOSE_BROKEN);
}

/* I7: what can't be read for a moment is not taken for what is not there. */
static void what_is_unread_is_not_forgotten(void **state) {
    struct world world;
    char unread[LEVER_MAX];
    (void)state;
    set_lever(unread, "CHASQUI_TEST_UNREAD");
    open_with_activities(&world);
    for (uint64_t ref = 2; ref <= 5; ref++)
        associate(&world, ref, "beta");
    assert_true(switch_file(unread, true));
    resume_in_vain(&world, 2, "\2\1\1");
    resume_in_vain(&world, 3, "\2\1\2");
    announce(&world, 6, false, "beta", "in-6", "in-1");
    assert_int_equal(admission(&world, 6), IPC_BIND_BUSY);
    assert_true(switch_file(unread, false));
    struct reader r = say_resume(&world, 4, "in-1", "\2\1\1", 1);
    assert_int_equal(reader_u8(&r), IPC_RESUME_COMPLETED);
    r = say_resume(&world, 5, "in-1", "\2\1\2", 2);
    assert_int_equal(reader_u8(&r), IPC_RESUME_FROM);
    tell(&world, IPC_TRANSFER_END, 5, NOTHING, NOTHING);
    assert_int_equal(result_of(&world, 5), IPC_ACCEPTED);
    assert_int_equal(entries_of(&world, JONES), 2);
    world_end(&world);
    unsetenv("CHASQUI_TEST_UNREAD");
}

/* What can't be read at try after try begins anew: an activity, and what was answered to one that is over. */
static void what_stays_unread_begins_anew(void **state) {
    struct world world;
    char unread[LEVER_MAX];
    (void)state;
    set_lever(unread, "CHASQUI_TEST_UNREAD");
    open_with_activities(&world);
    assert_true(switch_file(unread, true));
    for (uint64_t ref = 2; ref < 10; ref++) {
        associate(&world, ref, "beta");
        resume_in_vain(&world, ref, ref % 2 ? "\2\1\1" : "\2\1\2");
    }
    for (uint64_t ref = 10; ref < 12; ref++) {
        associate(&world, ref, "beta");
        struct reader r = say_resume(&world, ref, "in-1", ref % 2 ? "\2\1\1" : "\2\1\2", 1);
        assert_int_equal(reader_u8(&r), IPC_RESUME_UNKNOWN_ACTIVITY);
    }
    assert_true(switch_file(unread, false));
    associate(&world, 12, "beta");
    struct reader r = say_resume(&world, 12, "in-1", "\2\1\2", 2); /* it is nowhere any more */
    assert_int_equal(reader_u8(&r), IPC_RESUME_UNKNOWN_ACTIVITY);
    begin_transfer(&world, 12, "\2\1\3");
    tell(&world, IPC_TRANSFER_END, 12, NOTHING, NOTHING);
    assert_int_equal(result_of(&world, 12), IPC_ACCEPTED);
    assert_int_equal(entries_of(&world, JONES), 2);
    world_end(&world);
    unsetenv("CHASQUI_TEST_UNREAD");
}

static const char *code_of_request(struct world *world, const char *request) {
    static char code[40];
    json_t *answer = ask(world, request);
    snprintf(code, sizeof code, "%s", code_of(answer));
    json_decref(answer);
    return code;
}

#define LIST_OF "{\"operation\":\"mailbox-list\",\"mailbox\":\"" JONES "\",\"limit\":"

/* However long a read takes, and however many there are, a request ends. */
static void a_request_of_many_reads_ends(void **state) {
    struct world world;
    char slow[LEVER_MAX];
    (void)state;
    set_lever(slow, "CHASQUI_TEST_SLOW");
    open_world(&world);
    for (int i = 0; i < 60; i++)
        comes_in(&world, JONES);
    assert_true(switch_file(slow, true)); /* 60 reads would take a minute */
    assert_string_equal(code_of_request(&world, LIST_OF "60}"), "unavailable");
    assert_string_equal(code_of_request(&world, LIST_OF "20}"), ""); /* each request has a time of its own */
    assert_string_equal(code_of_request(&world, LIST_OF "20}"), "");
    assert_true(switch_file(slow, false));
    assert_int_equal(entries_of(&world, JONES), 60);
    json_decref(ask(&world, "{\"operation\":\"status\"}"));
    assert_false(is_refusing(&world)); /* it says nothing of the store */
    world_end(&world);
    unsetenv("CHASQUI_TEST_SLOW");
}

/* What can't be read now is not told as what is not there. */
static void an_unread_mailbox_is_not_empty(void **state) {
    static const char *const requests[] = {
        "{\"operation\":\"mailboxes\"}", "{\"operation\":\"user-list\"}",
        "{\"operation\":\"mailbox-show\",\"mailbox\":\"" JONES "\",\"entry\":1}", LIST_OF "10}"};
    struct world world;
    char unread[LEVER_MAX];
    (void)state;
    set_lever(unread, "CHASQUI_TEST_UNREAD");
    open_world(&world);
    comes_in(&world, JONES);
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        assert_string_equal(code_of_request(&world, requests[i]), "");
        assert_true(switch_file(unread, true));
        assert_string_equal(code_of_request(&world, requests[i]), "unavailable");
        assert_true(switch_file(unread, false));
    }
    world_end(&world);
    unsetenv("CHASQUI_TEST_UNREAD");
}

/* Nor is what somebody else has locked at the server: reads end with STORE_LOCKED then. */
static void a_locked_history_is_not_missing(void **state) {
    static const char *const requests[] = {"{\"operation\":\"track\",\"message\":1}",
                                           "{\"operation\":\"track\",\"recent\":5}"};
    struct world world;
    char locked[LEVER_MAX];
    (void)state;
    set_lever(locked, "CHASQUI_TEST_LOCKED");
    open_world(&world);
    comes_in(&world, JONES);
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        assert_string_equal(code_of_request(&world, requests[i]), ""); /* it is known */
        assert_true(switch_file(locked, true));
        json_t *answer = ask(&world, requests[i]);
        bool unavailable = !strcmp(code_of(answer), "unavailable");
        json_decref(answer);
        assert_true(switch_file(locked, false));
        assert_true(unavailable);
    }
    world_end(&world);
    unsetenv("CHASQUI_TEST_LOCKED");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(nobody_waits_who_need_not),
        CASE(a_request_of_many_reads_ends),
        CASE(an_unread_mailbox_is_not_empty),
        CASE(a_locked_history_is_not_missing),
        CASE(a_resume_after_a_failed_batch_is_answered),
        CASE(an_activity_waits_for_what_is_said_of_the_last),
        CASE(a_resume_waits_for_what_is_said_of_activities),
        CASE(a_resume_waits_for_its_own_checkpoint),
        CASE(a_recovery_may_end_while_it_waits),
        CASE(what_is_put_aside_is_bounded),
        CASE(the_batch_that_fills_is_bounded),
        CASE(a_store_that_is_stuck_refuses),
        CASE(a_reload_waits_for_nothing),
        CASE(who_breaks_the_rules_in_what_was_put_aside_is_cut_off),
        CASE(a_bind_that_was_put_aside_leaves_no_password),
        CASE(a_removed_user_leaves_nothing),
        CASE(a_stop_tells_what_was_committed),
        CASE(what_is_unread_is_not_forgotten),
        CASE(what_stays_unread_begins_anew),
        CASE(a_stop_does_not_wait_for_ever),
    };
    return cmocka_run_group_tests_name("hang", tests, NULL, NULL);
}
