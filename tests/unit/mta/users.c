/* Many users that are added at once: they are users when they are on disk, all of them, and not before. */
#include "hold.h"

#include "directory/directory.h"
#include "store/store.h"

#define ONE "CN=One,O=Alpha,C=GB"

static const char three[] =
    "{\"operation\":\"user-add\",\"users\":[{\"address\":\"" OURS "/S=one\",\"uid\":7,"
    "\"directory-name\":\"" ONE "\"},{\"address\":\"" OURS "/S=two\"},{\"address\":\"" OURS "/S=three\"}]}";

static struct mts_tables *fresh_tables, *later_tables; /* NULL: there is one reload */
static struct directory *fresh_directory;

static const struct mta_config *read_again(void *context, struct span text, struct error *err) {
    static struct mta_config again;
    static unsigned reloads;
    (void)text, (void)err;
    again = ((struct world *)context)->config;
    again.tables = later_tables && reloads++ ? later_tables : fresh_tables;
    again.directory = fresh_directory;
    return &again;
}

static void open_world(struct world *world, const struct mta_reload *reload) {
    world_begin(world);
    world_stop(world);
    world->config.directory = directory_new();
    world->reload = reload;
    begin_again(world);
    associate(world, 1, "beta");
}

static void close_world(struct world *world) {
    struct directory *directory = world->config.directory;
    world_end(world);
    directory_free(directory);
}

static bool is_user(struct world *world, const char *address) {
    char request[200];
    snprintf(request, sizeof request, "{\"operation\":\"user-list\",\"address\":\"%s\"}", address);
    json_t *answer = ask(world, request);
    bool is = json_array_size(json_object_get(answer, "users")) == 1;
    json_decref(answer);
    return is;
}

static bool is_serving(struct world *world) {
    json_t *status = ask(world, "{\"operation\":\"status\"}");
    const char *state = json_string_value(json_object_get(status, "state"));
    bool serves = state && strcmp(state, "serving") == 0;
    json_decref(status);
    return serves;
}

static void is_refused_with(struct world *world, const char *code, const char *request) {
    json_t *answer = ask(world, request);
    assert_string_equal(code_of(answer), code);
    json_decref(answer);
}

/* Three are being added, and what adds them flies. */
static void add_three(struct world *world) {
    hold_commits(true);
    ask_under(world, 8, three);
    for (int i = 0; i < 30; i++) { /* it has gone on as far as it may */
        json_decref(ask(world, "{\"operation\":\"status\"}"));
        usleep(2000);
    }
}

static void hears_of(struct world *world, json_int_t changed, const char *code) {
    json_t *answer = late_answer(world, 8);
    assert_string_equal(code_of(answer), code);
    assert_int_equal(number_at(answer, "changed", NULL), changed);
    json_decref(answer);
}

/* ---- the cases ---- */

static void nobody_is_a_user_before_he_is_on_disk(void **state) {
    struct world world;
    (void)state;
    open_world(&world, NULL);
    add_three(&world);
    assert_false(is_user(&world, OURS "/S=one"));
    send_whole(&world, 1, envelope_to(&world, WANTS_NDN, OURS "/S=two", NULL), SPAN_LIT("too early"));
    expect_none(&world, IPC_RESPONSE);
    hold_commits(false);
    hears_of(&world, 3, "");
    assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
    assert_int_equal(entries_of(&world, OURS "/S=two"), 0);
    comes_in(&world, OURS "/S=two");
    assert_int_equal(entries_of(&world, OURS "/S=two"), 1);
    assert_true(is_user(&world, OURS "/S=one") && is_user(&world, OURS "/S=three"));
    is_refused_with(&world, "bad-request",
                    "{\"operation\":\"user-add\",\"address\":\"" OURS "/S=new\",\"directory-name\":\"" ONE
                    "\"}");
    close_world(&world);
}

static void nothing_is_left_when_the_commit_fails(void **state) {
    struct world world;
    char fail[LEVER_MAX];
    (void)state;
    set_lever(fail, "CHASQUI_TEST_FAIL");
    open_world(&world, NULL);
    add_three(&world);
    assert_true(switch_file(fail, true));
    hold_commits(false);
    hears_of(&world, 0, "unavailable");
    assert_false(is_user(&world, OURS "/S=one") || is_user(&world, OURS "/S=two"));
    EVENTUALLY(is_serving(&world));
    comes_in(&world, OURS "/S=two"); /* who is nobody: it is non-delivered */
    is_refused_with(&world, "not-found", "{\"operation\":\"mailbox-list\",\"mailbox\":\"" OURS "/S=two\"}");
    json_decref(ask(&world, "{\"operation\":\"user-add\",\"address\":\"" OURS
                            "/S=four\",\"directory-name\":\"" ONE "\"}"));
    assert_true(is_user(&world, OURS "/S=four"));
    json_decref(ask(&world, "{\"operation\":\"user-remove\",\"address\":\"" OURS "/S=four\"}"));
    json_t *answer = ask(&world, three);
    assert_int_equal(number_at(answer, "changed", NULL), 3);
    json_decref(answer);
    assert_int_equal(entries_of(&world, OURS "/S=two"), 0);
    close_world(&world);
    unsetenv("CHASQUI_TEST_FAIL");
}

/* Their addresses and directory names are nobody else's till then. */
static void others_keep_away_from_those_that_are_added(void **state) {
    static const char *const requests[] = {
        "{\"operation\":\"user-add\",\"address\":\"" OURS "/S=TWO\"}",
        "{\"operation\":\"user-set\",\"address\":\"" OURS "/S=two\",\"uid\":9}",
        "{\"operation\":\"user-remove\",\"address\":\"" OURS "/S=two\"}",
        "{\"operation\":\"user-add\",\"address\":\"" OURS
        "/S=new\",\"directory-name\":\"cn=one, o=alpha, c=gb\"}",
        "{\"operation\":\"user-set\",\"address\":\"" OURS "/S=old\",\"directory-name\":\"" ONE "\"}"};
    struct world world;
    (void)state;
    open_world(&world, NULL);
    json_decref(ask(&world, "{\"operation\":\"user-add\",\"address\":\"" OURS "/S=old\"}"));
    add_three(&world);
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
        is_refused_with(&world, "wrong-state", requests[i]);
    ask_under(&world, 9, "{\"operation\":\"user-add\",\"users\":[{\"address\":\"" OURS "/S=two\"}]}");
    hold_commits(false);
    hears_of(&world, 3, "");
    json_t *answer = late_answer(&world, 9), *wrong = json_array_get(json_object_get(answer, "wrong"), 0);
    assert_string_equal(json_string_value(json_object_get(wrong, "code")), "exists");
    json_decref(answer);
    json_decref(ask(&world, requests[1]));
    json_decref(ask(&world, requests[2]));
    assert_false(is_user(&world, OURS "/S=two"));
    close_world(&world);
}

static void a_reload_meanwhile_loses_and_doubles_nobody(void **state) {
    struct world world;
    struct mta_reload reload = {read_again, NULL, &world};
    (void)state;
    fresh_tables = make_tables();
    fresh_directory = directory_new();
    open_world(&world, &reload);
    add_three(&world);
    put(world.parent, IPC_CONFIG, 0, SPAN_LIT("x"), NOTHING);
    json_decref(ask(&world, "{\"operation\":\"status\"}"));
    hold_commits(false);
    hears_of(&world, 3, "");
    json_t *users = ask(&world, "{\"operation\":\"user-list\"}");
    assert_int_equal(json_array_size(json_object_get(users, "users")), 5);
    json_decref(users);
    comes_in(&world, OURS "/S=three");
    assert_int_equal(entries_of(&world, OURS "/S=three"), 1);
    close_world(&world);
    mts_tables_free(fresh_tables);
    directory_free(fresh_directory);
}

/* ---- many ---- */

#define MANY 6000
#define PART 1000

static void give_part(struct world *world, unsigned from, bool more) {
    json_t *users = json_array();
    for (unsigned i = from; i < from + PART; i++) {
        char address[60];
        snprintf(address, sizeof address, "%s/S=n%u", OURS, i);
        json_array_append_new(users, json_pack("{s:s}", "address", address));
    }
    json_t *request = json_pack("{s:s, s:o, s:b}", "operation", "user-add", "users", users, "more", more);
    char *text = json_dumps(request, JSON_COMPACT);
    ask_under(world, 8, text);
    free(text);
    json_decref(request);
    if (more)
        json_decref(late_answer(world, 8));
}

/* What the same turn of the loop says of the first and of the last. */
static bool only_the_first_is_there(struct world *world) {
    ask_under(world, 20, "{\"operation\":\"user-list\",\"address\":\"" OURS "/S=n0\"}");
    ask_under(world, 21, "{\"operation\":\"user-list\",\"address\":\"" OURS "/S=n5999\"}");
    json_t *first = late_answer(world, 20), *last = late_answer(world, 21);
    bool found = json_object_get(first, "users") && !json_object_get(last, "users");
    if (json_object_get(last, "users"))
        fail_msg("all of them entered the rules in one turn");
    json_decref(first);
    json_decref(last);
    return found;
}

/* The commit has landed, and some of them are in the rules: a start has all. */
static void a_start_within_has_all_of_them(void **state) {
    struct world world;
    (void)state;
    open_world(&world, NULL);
    for (unsigned from = 0; from < MANY; from += PART)
        give_part(&world, from, from + PART < MANY);
    EVENTUALLY(only_the_first_is_there(&world));
    world_kill(&world);
    begin_again(&world);
    assert_true(is_user(&world, OURS "/S=n0") && is_user(&world, OURS "/S=n5999"));
    close_world(&world);
}

/* A stop does not wait for the rules: what was asked for is done; what comes behind it has not begun, and
 * hears so. */
static void a_stop_within_is_answered(void **state) {
    struct world world;
    (void)state;
    open_world(&world, NULL);
    for (unsigned from = 0; from < MANY; from += PART)
        give_part(&world, from, from + PART < MANY);
    close_association(&world, 1, IPC_CLOSE_RELEASED);
    ask_under(&world, 9, three);
    EVENTUALLY(only_the_first_is_there(&world));
    say_stopping(world.net);
    put(world.parent, IPC_STOP, 0, NOTHING, NOTHING);
    int net = world.net;
    world.net = world.clients; /* its own channel may end first */
    hears_of(&world, MANY, "");
    json_t *answer = late_answer(&world, 9);
    assert_string_equal(code_of(answer), "unavailable");
    json_decref(answer);
    world.net = net;
    assert_int_equal(world_wait(&world), 0);
    begin_again(&world);
    assert_false(is_user(&world, OURS "/S=one"));
    close_world(&world);
}

/* ---- one that is open ---- */

#define FOUR OURS "/S=four"

#define ADD_FOUR    "{\"operation\":\"user-add\",\"address\":\"" FOUR "\"}"
#define SET_FOUR    "{\"operation\":\"user-set\",\"address\":\"" FOUR "\",\"uid\":9}"
#define REMOVE_FOUR "{\"operation\":\"user-remove\",\"address\":\"" FOUR "\"}"

static char one[LEVER_MAX], fails[LEVER_MAX], unread[LEVER_MAX];

static int begin_open(void **state) {
    int begun = begin_hold(state);
    set_lever(one, "CHASQUI_TEST_ONE");
    set_lever(fails, "CHASQUI_TEST_FAIL");
    set_lever(unread, "CHASQUI_TEST_UNREAD");
    return begun;
}

static int end_open(void **state) {
    unlink(one);
    unlink(fails);
    unlink(unread);
    unsetenv("CHASQUI_TEST_ONE");
    unsetenv("CHASQUI_TEST_FAIL");
    unsetenv("CHASQUI_TEST_UNREAD");
    return end_hold(state);
}

#define OPEN(test) cmocka_unit_test_setup_teardown(test, begin_open, end_open)

static void answered(struct world *world, const char *request) {
    json_t *answer = ask(world, request);
    assert_string_equal(code_of(answer), "");
    json_decref(answer);
}

/* The loop has gone round: what could be done was. */
static void turns(struct world *world) {
    for (int i = 0; i < 10; i++) {
        json_decref(ask(world, "{\"operation\":\"status\"}"));
        usleep(2000);
    }
}

/* The number of the user's login; -1: he has none. */
static json_int_t uid_of_four(struct world *world) {
    json_t *answer = ask(world, "{\"operation\":\"user-list\",\"address\":\"" FOUR "\"}");
    const json_t *user = json_array_get(json_object_get(answer, "users"), 0),
                 *uid = json_object_get(user, "uid");
    assert_non_null(user);
    json_int_t number = json_is_integer(uid) ? json_integer_value(uid) : -1;
    json_decref(answer);
    return number;
}

static void someone_comes_in(struct world *world, uint64_t ref) {
    send_whole(world, ref, envelope_to(world, WANTS_NDN, FOUR, NULL), SPAN_LIT("content"));
    turns(world);
}

/* What was asked for is undone, and nobody can be asked what he was before: he is a user all the same. */
static void who_was_not_changed_stays_while_nothing_can_be_read(void **state) {
    struct world world;
    (void)state;
    open_world(&world, NULL);
    answered(&world, ADD_FOUR);
    hold_commits(true);
    ask_under(&world, 8, SET_FOUR);
    turns(&world);
    assert_true(switch_file(fails, true) && switch_file(unread, true));
    hold_commits(false);
    hears_of(&world, 0, "unavailable");
    assert_true(is_user(&world, FOUR));
    EVENTUALLY(is_serving(&world));
    comes_in(&world, FOUR);
    assert_true(switch_file(unread, false));
    EVENTUALLY(uid_of_four(&world) == -1);
    assert_int_equal(entries_of(&world, FOUR), 1);
    close_world(&world);
}

/* What takes him away flies: nothing was open before. */
static void removal_flies(struct world *world) {
    hold_commits(true);
    ask_under(world, 8, REMOVE_FOUR);
    turns(world);
}

static void open_with_reload(struct world *world, struct mta_reload *reload) {
    *reload = (struct mta_reload){read_again, NULL, world};
    fresh_tables = make_tables();
    fresh_directory = directory_new();
    open_world(world, reload);
}

static void close_with_reload(struct world *world) {
    close_world(world);
    mts_tables_free(fresh_tables);
    directory_free(fresh_directory);
}

static void reload_now(struct world *world) {
    put(world->parent, IPC_CONFIG, 0, SPAN_LIT("x"), NOTHING);
    turns(world);
}

/* No mail lies in a mailbox that is nobody's, for the next holder of the address to read. */
static void who_leaves_does_not_come_back_by_a_reload(void **state) {
    struct world world;
    struct mta_reload reload;
    (void)state;
    open_with_reload(&world, &reload);
    answered(&world, ADD_FOUR);
    removal_flies(&world);
    reload_now(&world);
    is_refused_with(&world, "wrong-state", SET_FOUR);
    is_refused_with(&world, "wrong-state", ADD_FOUR);
    someone_comes_in(&world, 1);
    hold_commits(false);
    hears_of(&world, 1, "");
    assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
    assert_false(is_user(&world, FOUR));
    EVENTUALLY(copies_in(&world, "deferred") == 0);
    answered(&world, ADD_FOUR);
    assert_int_equal(entries_of(&world, FOUR), 0);
    close_with_reload(&world);
}

/* It is refused for what was under way to his mailbox: what came meanwhile is for him too. */
static void mail_waits_for_the_end_of_a_removal(void **state) {
    struct world world;
    (void)state;
    open_world(&world, NULL);
    associate(&world, 2, "beta");
    answered(&world, ADD_FOUR);
    hold_commits(true);
    someone_comes_in(&world, 1);
    ask_under(&world, 8, REMOVE_FOUR);
    someone_comes_in(&world, 2);
    hold_commits(false);
    hears_of(&world, 0, "wrong-state");
    assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
    assert_int_equal(result_of(&world, 2), IPC_ACCEPTED);
    EVENTUALLY(entries_of(&world, FOUR) == 2);
    assert_int_equal(copies_in(&world, "all"), 0);
    close_world(&world);
}

/* What takes him away fails, or what it waits for; and nothing can be read. */
static void who_was_not_removed_stays_while_nothing_can_be_read(void **state) {
    (void)state;
    for (int second = 0; second < 2; second++) {
        struct world world;
        open_world(&world, NULL);
        answered(&world, ADD_FOUR);
        hold_commits(true);
        if (!second)
            someone_comes_in(&world, 1);
        removal_flies(&world);
        assert_true(switch_file(fails, true) && switch_file(unread, true));
        hold_commits(false);
        hears_of(&world, 0, "unavailable");
        if (!second)
            assert_int_not_equal(result_of(&world, 1), IPC_ACCEPTED);
        EVENTUALLY(is_serving(&world));
        comes_in(&world, FOUR);
        assert_true(switch_file(unread, false));
        assert_int_equal(entries_of(&world, FOUR), 1);
        is_refused_with(&world, "wrong-state", REMOVE_FOUR);
        close_world(&world);
    }
}

/* Two spellings: older programs wrote both. The first counts, and a removal takes both. */
static void two_records_of_one_address_are_one_user(void **state) {
    struct world world;
    struct error err = {0};
    struct store_options options = {0};
    (void)state;
    open_world(&world, NULL);
    world_stop(&world);
    struct store *store = store_open(world.place, &options, &err);
    struct store_batch *batch = store_batch_new(store);
    assert_true(store_put_record(batch, STORE_USER, SPAN_LIT(OURS "/S=FOUR"), span_of("\0\0\0\0\0", 5)));
    assert_true(store_put_record(batch, STORE_USER, SPAN_LIT(FOUR), span_of("\1\0\0\0\7", 5)));
    assert_true(store_commit(batch, &err));
    store_batch_free(batch);
    store_close(store);
    struct mta_user *users = calloc(2, sizeof *users); /* a sanitizer sees who looks beyond them */
    assert_non_null(users);
    memcpy(users, world.users, sizeof world.users);
    world.config.users = users;
    begin_again(&world);
    assert_int_equal(uid_of_four(&world), -1);
    answered(&world, REMOVE_FOUR);
    world_stop(&world);
    begin_again(&world);
    assert_false(is_user(&world, FOUR));
    close_world(&world);
    free(users);
}

/* Whoever is wrong is told of, or nobody is added. */
static void a_fault_that_can_not_be_told_adds_nobody(void **state) {
    static const char wrong[] = "{\"operation\":\"user-add\",\"users\":[{\"address\":\"" OURS
                                "/S=one\"},{\"address\":\"" OURS "/S=ONE\"}]}";
    struct world world;
    char path[LEVER_MAX];
    (void)state;
    set_lever(path, "CHASQUI_TEST_WORDLESS");
    open_world(&world, NULL);
    assert_true(switch_file(path, true));
    is_refused_with(&world, "unavailable", wrong);
    assert_false(switch_file(path, false)); /* it was for that */
    assert_false(is_user(&world, OURS "/S=one"));
    close_world(&world);
    unsetenv("CHASQUI_TEST_WORDLESS");
}

/* What an open batch makes of a user counts: memory and disk say the same of him in the end. */
static void a_reload_keeps_what_is_not_on_disk_yet(void **state) {
    struct world world;
    struct mta_reload reload;
    (void)state;
    later_tables = make_tables();
    open_with_reload(&world, &reload);
    hold_commits(true);
    ask_under(&world, 8, ADD_FOUR);
    turns(&world);
    reload_now(&world);
    assert_true(is_user(&world, FOUR));
    is_refused_with(&world, "exists", "{\"operation\":\"user-add\",\"address\":\"" FOUR "\",\"uid\":7}");
    ask_under(&world, 9, SET_FOUR); /* in the next batch */
    turns(&world);
    reload_now(&world);
    assert_int_equal(uid_of_four(&world), 9);
    assert_true(switch_file(one, true));
    hears_of(&world, 1, "");
    turns(&world);
    assert_int_equal(uid_of_four(&world), 9);
    hold_commits(false);
    json_decref(late_answer(&world, 9));
    assert_int_equal(uid_of_four(&world), 9);
    comes_in(&world, FOUR);
    assert_int_equal(entries_of(&world, FOUR), 1);
    close_with_reload(&world);
    mts_tables_free(later_tables);
    later_tables = NULL;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(nobody_is_a_user_before_he_is_on_disk),
        CASE(nothing_is_left_when_the_commit_fails),
        CASE(others_keep_away_from_those_that_are_added),
        CASE(a_reload_meanwhile_loses_and_doubles_nobody),
        CASE(a_start_within_has_all_of_them),
        CASE(a_stop_within_is_answered),
        OPEN(who_was_not_changed_stays_while_nothing_can_be_read),
        OPEN(who_leaves_does_not_come_back_by_a_reload),
        OPEN(mail_waits_for_the_end_of_a_removal),
        OPEN(who_was_not_removed_stays_while_nothing_can_be_read),
        OPEN(two_records_of_one_address_are_one_user),
        CASE(a_fault_that_can_not_be_told_adds_nobody),
        OPEN(a_reload_keeps_what_is_not_on_disk_yet),
    };
    return cmocka_run_group_tests_name("users", tests, NULL, NULL);
}
