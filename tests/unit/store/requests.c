/* Commits that are begun, and a verdict for each request of a batch. */
#include "room.h"

#include <errno.h>

#include "store/sqlite/options.h"

struct ending {
    struct store_batch *batch;
    unsigned calls;
    bool done;
    int code;
    int verdicts[8];
    unsigned requests;
};

static void note_end(void *context, bool done, const struct error *err) {
    struct ending *ending = context;
    ending->calls++;
    ending->done = done;
    ending->code = done ? STORE_OK : err->code;
    for (unsigned i = 0; i < ending->requests; i++)
        ending->verdicts[i] = store_batch_verdict(ending->batch, i)->code;
}

static struct ending commit(struct room *room, unsigned requests) {
    struct ending ending = {.batch = room->batch, .requests = requests};
    store_commit_begin(room->batch, note_end, &ending);
    store_proceed(room->store, true);
    assert_int_equal(ending.calls, 1);
    return ending;
}

static bool note_work(void *context, const struct store_work *work) {
    *(unsigned *)context |= 1u << work->tries;
    return true;
}

/* The set of the numbers that the works were given. */
static unsigned works(struct room *room) {
    unsigned there = 0;
    assert_true(store_each_work(room->store, 0, 0, 0, -1, note_work, &there, NULL));
    return there;
}

static bool count_event(void *context, int64_t at, struct span data) {
    (void)at, (void)data;
    ++*(unsigned *)context;
    return true;
}

static unsigned events(struct room *room, const char *key) {
    unsigned count = 0;
    assert_true(store_track(room->store, span_str(key), count_event, &count, NULL));
    return count;
}

/* A request with something of each kind; `lost`: one of its works names a message that isn't there. */
static uint64_t add_request(struct room *room, uint32_t number, size_t length, bool lost,
                            uint64_t *sequence) {
    char key[16];
    snprintf(key, sizeof key, "request %u", number);
    assert_int_equal(store_batch_request(room->batch), number);
    struct store_content *content = make_content(room, length, number);
    uint64_t message = store_add_message(room->batch, 1, span_str(key), content);
    store_content_release(content);
    struct store_entry entry = {.message = message};
    assert_true(store_add_work(room->batch, &(struct store_work){.message = message, .tries = number}));
    assert_true(store_add_event(room->batch, span_str(key), 1, SPAN_LIT("in")));
    assert_true(store_put_record(room->batch, 70, span_str(key), SPAN_LIT("x")));
    assert_true(
        store_add_entry(room->batch, store_mailbox(room->store, SPAN_LIT("box"), NULL), &entry, sequence));
    if (lost)
        assert_true(store_add_work(room->batch, &(struct store_work){.message = 777, .tries = number}));
    return message;
}

static bool has_record(struct room *room, const char *name) {
    struct buf out;
    buf_init(&out, 0);
    bool there = store_get_record(room->store, 70, span_str(name), &out, NULL);
    buf_free(&out);
    return there;
}

/* I2: what a request adds that can't be is left out, wherever the others put theirs. */
static void one_conflict_fails_one_request(void **state) {
    struct room *room = *state;
    uint64_t sequences[4] = {0}, messages[4];
    for (uint32_t i = 0; i < 4; i++)
        messages[i] = add_request(room, i, i % 2 ? 20000 : 100, i == 1 || i == 2, &sequences[i]);
    struct ending ending = commit(room, 4);
    assert_true(ending.done);
    assert_true(store_batch_is_empty(room->batch));
    for (unsigned i = 0; i < 4; i++) {
        char key[16];
        bool out = i == 1 || i == 2;
        snprintf(key, sizeof key, "request %u", i);
        assert_int_equal(ending.verdicts[i], out ? STORE_BAD_REQUEST : STORE_OK);
        assert_int_equal(events(room, key), !out);
        assert_int_equal(has_record(room, key), !out);
        assert_int_equal(is_there(room, messages[i]), !out);
        assert_int_equal(sequences[i] != 0, !out);
    }
    assert_int_equal(works(room), 9);
    assert_true(sequences[3] > sequences[0]);
    room_reopen(room);
    assert_int_equal(works(room), 9);
    expect_message(room, messages[3], 20000, 3);
}

/* A request that works on what another one adds goes with it. */
static void what_rests_on_it_fails_with_it(void **state) {
    struct room *room = *state;
    add_request(room, 0, 100, false, NULL);
    uint64_t message = add_request(room, 1, 100, true, NULL);
    assert_int_equal(store_batch_request(room->batch), 2);
    store_add_work(room->batch, &(struct store_work){.message = message, .tries = 2});
    add_request(room, 3, 100, false, NULL);
    struct ending ending = commit(room, 4);
    assert_true(ending.done);
    assert_int_equal(ending.verdicts[0], STORE_OK);
    assert_int_equal(ending.verdicts[1], STORE_BAD_REQUEST);
    assert_int_equal(ending.verdicts[2], STORE_BAD_REQUEST);
    assert_int_equal(ending.verdicts[3], STORE_OK);
    assert_int_equal(works(room), 9);
}

/* I1, I12: two checkpoints of one activity are one row; neither may be confirmed when it is left out. */
static void checkpoints_that_share_a_row_share_the_verdict(void **state) {
    struct room *room = *state;
    struct store_activity_in in = {
        .peer = SPAN_LIT("p"), .association = SPAN_LIT("a"), .activity = SPAN_LIT("1")};
    struct store_content *content = make_content(room, 20000, 5);
    assert_int_equal(store_batch_request(room->batch), 0);
    in.id = store_put_activity_in(room->batch, &in, content);
    store_add_work(room->batch, &(struct store_work){.message = 777});
    add_request(room, 1, 100, false, NULL);
    assert_int_equal(store_batch_request(room->batch), 2);
    in.serial = 2;
    assert_int_equal(store_put_activity_in(room->batch, &in, content), in.id);
    struct ending ending = commit(room, 3);
    assert_true(ending.done);
    assert_int_equal(ending.verdicts[0], STORE_BAD_REQUEST);
    assert_int_equal(ending.verdicts[1], STORE_OK);
    assert_int_equal(ending.verdicts[2], STORE_BAD_REQUEST);
    assert_null(find_activity(room->store, in.peer, in.association, in.activity));
    store_content_release(content);
}

static const uint8_t digest[STORE_DIGEST] = {1};

static void add_key(struct room *room) {
    assert_true(add_repeat(room->batch, SPAN_LIT("p"), SPAN_LIT("i"), digest, INT64_MAX));
}

/* I10: a key is there once, whoever adds it, and its request's message with it. */
static void a_known_key_is_a_verdict(void **state) {
    struct room *room = *state;
    add_request(room, 0, 100, false, NULL);
    add_key(room);
    add_request(room, 1, 100, false, NULL);
    add_key(room); /* both came at once */
    struct ending ending = commit(room, 2);
    assert_true(ending.done);
    assert_int_equal(ending.verdicts[0], STORE_OK);
    assert_int_equal(ending.verdicts[1], STORE_REPEATED);
    assert_int_equal(works(room), 1);
    for (int again = 0; again < 2; again++) {
        add_request(room, 0, 100, false, NULL);
        add_key(room);
        add_request(room, 1, 100, false, NULL);
        ending = commit(room, 2);
        assert_true(ending.done);
        assert_int_equal(ending.verdicts[0], STORE_REPEATED);
        assert_int_equal(ending.verdicts[1], STORE_OK);
        assert_int_equal(works(room), 3);
        room_reopen(room);
    }
    assert_int_equal(find_repeat(room->store, NULL, SPAN_LIT("p"), SPAN_LIT("i"), digest),
                     STORE_REPEAT_KNOWN);
}

/* I10: who was told that the message is in this batch may hear no more than who brought it. */
static void a_pending_repeat_shares_the_verdict(void **state) {
    struct room *room = *state;
    add_request(room, 0, 100, true, NULL);
    add_key(room);
    add_request(room, 1, 100, false, NULL);
    assert_int_equal(store_batch_request(room->batch), 2);
    assert_int_equal(find_repeat(room->store, room->batch, SPAN_LIT("p"), SPAN_LIT("i"), digest),
                     STORE_REPEAT_PENDING);
    store_add_event(room->batch, SPAN_LIT("repeated"), 1, SPAN_LIT("x"));
    struct ending ending = commit(room, 3);
    assert_true(ending.done);
    assert_int_equal(ending.verdicts[0], STORE_BAD_REQUEST);
    assert_int_equal(ending.verdicts[1], STORE_OK);
    assert_int_equal(ending.verdicts[2], STORE_BAD_REQUEST);
    assert_int_equal(events(room, "repeated"), 0);
    assert_int_equal(find_repeat(room->store, NULL, SPAN_LIT("p"), SPAN_LIT("i"), digest),
                     STORE_REPEAT_UNKNOWN);
}

static void undone_requests_are_not_there(void **state) {
    struct room *room = *state;
    add_request(room, 0, 100, false, NULL);
    size_t mark = store_batch_mark(room->batch);
    add_request(room, 1, 100, true, NULL);
    add_request(room, 2, 100, false, NULL);
    store_batch_undo(room->batch, mark);
    add_request(room, 2, 100, false, NULL);
    struct ending ending = commit(room, 3);
    assert_true(ending.done);
    assert_int_equal(ending.verdicts[0] | ending.verdicts[1] | ending.verdicts[2], STORE_OK);
    assert_int_equal(works(room), 5);
}

/* What stands before the first request is no request's own: the commit fails for it. */
static void what_belongs_to_all_fails_all(void **state) {
    struct room *room = *state;
    store_add_work(room->batch, &(struct store_work){.message = 777});
    add_request(room, 0, 100, false, NULL);
    struct ending ending = commit(room, 1);
    assert_false(ending.done);
    assert_int_equal(ending.code, STORE_BAD_REQUEST);
    assert_int_equal(works(room), 0);
    assert_true(store_accepting(room->store));
    store_batch_clear(room->batch);
}

static void at_one_go_it_is_all_or_nothing(void **state) {
    struct room *room = *state;
    struct error err = {0};
    add_request(room, 0, 100, false, NULL);
    add_request(room, 1, 100, true, NULL);
    assert_false(store_commit(room->batch, &err));
    assert_int_equal(err.code, STORE_BAD_REQUEST);
    assert_int_equal(works(room), 0);
    struct ending ending = commit(room, 2); /* the same batch, begun: now each stands for itself */
    assert_true(ending.done);
    assert_int_equal(ending.verdicts[1], STORE_BAD_REQUEST);
    assert_int_equal(works(room), 1);
}

static bool sync_fails;

static int no_datasync(int fd) {
    errno = EIO;
    return sync_fails ? -1 : store_system_files.datasync(fd);
}

/* A failed sync fails the commit; after that its content is given up, and fails the request that has it. */
static void a_lost_content_fails_its_request_only(void **state) {
    struct room *room = *state;
    if (is_at_a_server())
        return;
    struct store_files files = store_system_files;
    files.datasync = no_datasync;
    room_close(room);
    room->engine.files = &files;
    room_open(room);
    add_request(room, 0, 100, false, NULL);
    add_request(room, 1, 20000, false, NULL);
    sync_fails = true;
    struct ending ending = commit(room, 2);
    sync_fails = false;
    assert_false(ending.done);
    assert_int_equal(ending.code, STORE_IO);
    assert_int_equal(ending.verdicts[0] | ending.verdicts[1], STORE_OK);
    assert_false(store_batch_is_empty(room->batch));
    assert_int_equal(works(room), 0);
    ending = commit(room, 2);
    assert_true(ending.done);
    assert_int_equal(ending.verdicts[0], STORE_OK);
    assert_int_equal(ending.verdicts[1], STORE_IO);
    assert_int_equal(works(room), 1);
    room_close(room);
    room->engine.files = NULL;
    room_open(room);
}

/* I13: the only node is given each row that was there when it began, once; what it adds is its own. */
static void one_node_claims_all_once(void **state) {
    struct room *room = *state;
    struct error err = {0};
    unsigned given = 0;
    for (uint32_t i = 0; i < 5; i++)
        add_request(room, i, 100, false, NULL);
    assert_true(commit(room, 5).done);
    assert_true(store_claim(room->store, 1000000, 0, count_one, &given, &err));
    assert_int_equal(given, 0);
    room_reopen(room);
    add_request(room, 0, 100, false, NULL);
    assert_true(commit(room, 1).done);
    for (unsigned page = 0; page < 4; page++) {
        assert_true(store_claim(room->store, 1000000, 2, count_one, &given, &err));
        assert_int_equal(given, page < 2 ? 2 * page + 2 : 5);
    }
    assert_true(store_renew(room->store, 1000000, &err));
}

static void a_folder_has_one_node(void **state) {
    struct room *room = *state;
    struct store_options options = {.node = 2};
    struct error err = {0};
    if (is_at_a_server())
        return;
    assert_null(store_open(room->path, &options, &err));
    assert_int_equal(err.code, STORE_BAD_REQUEST);
}

static void a_reader_begins_none(void **state) {
    struct room *room = *state;
    struct store_options options = {.read_only = true};
    struct store *reader = store_open(room->path, &options, NULL);
    struct ending ending = {.batch = store_batch_new(reader)};
    store_put_record(ending.batch, 70, SPAN_LIT("x"), SPAN_LIT("y"));
    store_commit_begin(ending.batch, note_end, &ending);
    assert_int_equal(ending.calls, 1);
    assert_int_equal(ending.code, STORE_READ_ONLY);
    assert_int_equal(store_descriptor(reader) != -1, is_at_a_server()); /* which it may have to call again */
    store_batch_free(ending.batch);
    store_close(reader);
}

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, room_setup, room_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_ROOM(one_conflict_fails_one_request),
        IN_ROOM(what_rests_on_it_fails_with_it),
        IN_ROOM(checkpoints_that_share_a_row_share_the_verdict),
        IN_ROOM(a_known_key_is_a_verdict),
        IN_ROOM(a_pending_repeat_shares_the_verdict),
        IN_ROOM(undone_requests_are_not_there),
        IN_ROOM(what_belongs_to_all_fails_all),
        IN_ROOM(at_one_go_it_is_all_or_nothing),
        IN_ROOM(a_lost_content_fails_its_request_only),
        IN_ROOM(one_node_claims_all_once),
        IN_ROOM(a_folder_has_one_node),
        IN_ROOM(a_reader_begins_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
