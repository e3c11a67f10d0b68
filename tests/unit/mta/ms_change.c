/* What a net process says is to be so of a user's entries: it is done for those that there are, and the rest
 * costs nothing, whatever the frame says. */
#include "hold.h"

#include "mta/mailbox_name.h"
#include "schema/x419.h"
#include "security/password.h"
#include "store/store.h"

#define USER 2

static char hash[PASSWORD_HASH_SIZE];

/* jones has three entries, and is bound to his store. */
static void begin(struct world *world) {
    struct ipc_bind bind = {.direction = IPC_DIRECTION_IN,
                            .binder = IPC_BINDER_MS_USER,
                            .user = SPAN_LIT(JONES),
                            .address = SPAN_LIT("192.0.2.3"),
                            .mode = IPC_MODE_NORMAL,
                            .credentials = {IPC_CREDENTIALS_OCTET_STRING, SPAN_LIT(""), SPAN_LIT("secret")}};
    world_begin(world);
    world_stop(world);
    world->users[0].password_hash = hash;
    world_start(world);
    associate(world, 1, "beta");
    client(world, 1, 0);
    for (unsigned i = 0; i < 3; i++)
        comes_in(world, JONES);
    EVENTUALLY(entries_of(world, JONES) == 3);
    say_bind(world, USER, &bind);
    assert_int_equal(bind_answer(world, USER).verdict, IPC_BIND_ADMITTED);
}

static void put_runs(struct buf *out, const uint32_t *numbers, size_t count) {
    buf_append_u32(out, (uint32_t)(count * 4));
    for (size_t i = 0; i < count; i++)
        buf_append_u32(out, numbers[i]);
}

/* How the change is answered: `listed` and `deleted` are pairs of numbers. */
static enum ipc_user_answer change(struct world *world, const uint32_t *listed, size_t count,
                                   const uint32_t *deleted, size_t deleted_count) {
    static uint32_t invocation;
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_u32(&payload, ++invocation);
    buf_append_u16(&payload, x419_op_list);
    put_runs(&payload, listed, count);
    put_runs(&payload, NULL, 0);
    put_runs(&payload, deleted, deleted_count);
    put_runs(&payload, NULL, 0);
    tell(world, IPC_MS_CHANGE, USER, buf_span(&payload), NOTHING);
    buf_free(&payload);
    struct reader answer = expect(world, IPC_USER_ANSWER, USER);
    assert_int_equal(reader_u32(&answer), invocation);
    return (enum ipc_user_answer)reader_u8(&answer);
}

struct statuses {
    uint64_t sum;
};

static bool add_status(void *context, const struct store_entry *entry) {
    ((struct statuses *)context)->sum += entry->status;
    return true;
}

/* The sum of all entries' statuses. */
static uint64_t statuses(struct world *world) {
    struct store_options options = {.read_only = true};
    struct error err = {0};
    struct statuses seen = {0};
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct store *store = store_open(world->place, &options, &err);
    assert_non_null(store);
    uint32_t mailbox =
        store_find_mailbox(store, mailbox_name(&arena, mts_mailbox_of(world->config.tables, JONES)), NULL);
    assert_true(store_each_entry(store, mailbox, 0, 0, add_status, &seen, &err));
    store_close(store);
    arena_free(&arena);
    return seen.sum;
}

static void entries_are_listed_and_deleted(void **state) {
    static const uint32_t listed[] = {1, 1, 3, 3}, deleted[] = {1, 1};
    struct world world;
    (void)state;
    begin(&world);
    assert_int_equal(statuses(&world), 3 * STORE_NEW);
    assert_int_equal(change(&world, listed, 4, NULL, 0), IPC_USER_RESULT);
    assert_int_equal(statuses(&world), STORE_NEW + 2 * STORE_LISTED);
    assert_int_equal(change(&world, NULL, 0, deleted, 2), IPC_USER_RESULT);
    assert_int_equal(entries_of(&world, JONES), 2);
    world_end(&world);
}

/* Each of these numbers would be gone through in the commit. */
static void what_is_beyond_the_entries_costs_nothing(void **state) {
    static uint32_t all[] = {0, UINT32_MAX}, beyond[] = {2, 2, 4, UINT32_MAX};
    struct world world;
    (void)state;
    begin(&world);
    assert_int_equal(change(&world, beyond, 4, NULL, 0), IPC_USER_RESULT);
    assert_int_equal(statuses(&world), 2 * STORE_NEW + STORE_LISTED);
    assert_int_equal(change(&world, all, 2, NULL, 0), IPC_USER_RESULT);
    assert_int_equal(statuses(&world), 3 * STORE_LISTED);
    world_end(&world);
}

static void runs_that_do_not_rise_are_refused(void **state) {
    static uint32_t again[] = {1, 3, 1, 3}, overlapping[] = {1, 2, 2, 3}, reversed[] = {3, 1},
                    odd[] = {1, 2, 3};
    struct world world;
    (void)state;
    begin(&world);
    assert_int_equal(change(&world, again, 4, NULL, 0), IPC_USER_REJECT);
    assert_int_equal(change(&world, overlapping, 4, NULL, 0), IPC_USER_REJECT);
    assert_int_equal(change(&world, reversed, 2, NULL, 0), IPC_USER_REJECT);
    assert_int_equal(change(&world, odd, 3, NULL, 0), IPC_USER_REJECT);
    assert_int_equal(statuses(&world), 3 * STORE_NEW);
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(entries_are_listed_and_deleted),
        CASE(what_is_beyond_the_entries_costs_nothing),
        CASE(runs_that_do_not_rise_are_refused),
    };
    if (!password_init() || !password_hash(SPAN_LIT("secret"), hash))
        return 1;
    return cmocka_run_group_tests_name("ms_change", tests, NULL, NULL);
}
