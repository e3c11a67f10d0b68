/*
 * `mhs store move`: all of a store is in another one, by another engine where a
 * server is to be had; and wherever it is broken off, never can both be served.
 */
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "room.h"
#include "store/mailbox_rows.h"
#include "store/move.h"

/* A room, and another place. */
struct move {
    struct room room;
    char to[PLACE_MAX];
};

/* ---- it dies at any commit ---- */

static unsigned commits, dies_at; /* from 1; 0: never */
static bool dies_before;
static const char *spoils; /* that place, when all is there and nothing is marked */
static unsigned spoils_at;

bool __real_store_commit(struct store_batch *batch, struct error *err);
bool __wrap_store_commit(struct store_batch *batch, struct error *err);

bool __wrap_store_commit(struct store_batch *batch, struct error *err) {
    bool last = ++commits == dies_at;
    if (last && dies_before)
        raise(SIGKILL);
    bool done = __real_store_commit(batch, err);
    if (last)
        raise(SIGKILL);
    if (spoils && commits == spoils_at)
        assert_true(place_spoil(
            spoils, "UPDATE work SET due = due + 1, sum = NULL WHERE id = (SELECT max(id) FROM work)",
            "UPDATE work SET due = due + 1, sum = NULL WHERE id = (SELECT max(id) FROM work)"));
    return done;
}

/* ---- a bit of everything ---- */

struct inhabited {
    uint64_t short_one, long_one, shared[3], empty, in, in_work;

    uint32_t mailbox;
};

static struct span number_text(unsigned number, char out[static 16]) {
    snprintf(out, 16, "%u", number);
    return span_str(out);
}

static void add_past(struct room *room) {
    char text[16], key[16];
    uint8_t digest[STORE_DIGEST] = {0};
    for (unsigned i = 0; i < 5000; i++) {
        memcpy(digest, &i, sizeof i);
        assert_true(store_add_event(room->batch, number_text(i % 7, key), i, number_text(i, text)));
        assert_true(store_add_repeat(room->batch, digest, 1000000 + i));
        if (i % 1000 == 999)
            room_commit(room);
    }
    for (unsigned i = 0; i < 700; i++) {
        struct store_outcome outcome = {.association = number_text(i / 2, text),
                                        .activity = i % 2 ? SPAN_LIT("") : SPAN_LIT("\2\1\1"),
                                        .peer = SPAN_LIT("beta"),
                                        .expiry = i,
                                        .data = SPAN_LIT("data")};
        assert_true(store_put_outcome(room->batch, &outcome));
        assert_true(store_put_record(room->batch, i % 3 ? STORE_USER : STORE_KIND_OTHER + i % 5,
                                     number_text(i, text), SPAN_LIT("record")));
    }
    room_commit(room);
}

static struct span without_first(void *context, struct span name) {
    (void)context;
    return span_eq(name, SPAN_LIT("first box")) ? SPAN_LIT("box") : name;
}

/* The key of a mailbox has gone, so that those of the others are not the same in the other store. */
static void leave_a_gap(struct room *room) {
    struct store_rename changed;
    assert_int_not_equal(store_mailbox(room->store, SPAN_LIT("second box"), NULL), 0);
    assert_int_not_equal(store_mailbox(room->store, SPAN_LIT("box"), NULL), 0);
    assert_int_not_equal(store_mailbox(room->store, SPAN_LIT("first box"), NULL), 0);
    assert_int_not_equal(store_mailbox(room->store, SPAN_LIT("last box"), NULL), 0);
    room_commit(room);
    assert_true(store_rename_mailboxes(room->store, without_first, NULL, &changed, NULL));
    assert_int_equal(changed.joined, 1);
    room_reopen(room);
}

static const char *const with_rows[] = {"box", "last box"};

static void add_rows(struct room *room) {
    for (unsigned i = 0; i < 2; i++) {
        struct store_row row = {.kind = i ? STORE_ROW_GROUP : STORE_ROW_LOG, .number = 3 + i};
        row.mailbox = store_mailbox(room->store, span_str(with_rows[i]), NULL);
        row.name = row.data = span_str(with_rows[i]);
        assert_true(store_put_row(room->batch, &row));
    }
}

static void expect_rows(struct room *room) {
    struct error err = {0};
    for (unsigned i = 0; i < 2; i++) {
        struct store_row row = {.kind = i ? STORE_ROW_GROUP : STORE_ROW_LOG, .number = 3 + i};
        struct buf data;
        buf_init(&data, 0);
        row.mailbox = store_find_mailbox(room->store, span_str(with_rows[i]), NULL);
        row.name = span_str(with_rows[i]);
        assert_true(store_get_row(room->store, &row, &data, &err) &&
                    span_eq(buf_span(&data), span_str(with_rows[i])));
        buf_free(&data);
    }
}

/* Entries 1 to 5, of which 2 and 5 go. */
static void add_entries(struct room *room, struct inhabited *in) {
    leave_a_gap(room);
    add_rows(room);
    in->mailbox = store_mailbox(room->store, SPAN_LIT("box"), NULL);
    assert_int_not_equal(store_mailbox(room->store, SPAN_LIT("empty box"), NULL), 0);
    for (unsigned i = 0; i < 5; i++) {
        struct store_entry entry = {.message = in->shared[i % 3],
                                    .at = i,
                                    .priority = (uint8_t)i,
                                    .octets = 100 + i,
                                    .data = SPAN_LIT("entry")};
        assert_true(store_add_entry(room->batch, in->mailbox, &entry, NULL));
    }
    room_commit(room);
    assert_true(store_raise_status(room->batch, in->mailbox, 1, 3, STORE_LISTED) &&
                store_change_entry_flags(room->batch, in->mailbox, 4, 2, 0));
    assert_true(store_remove_entry(room->batch, in->mailbox, 2, in->shared[1]));
    assert_true(store_remove_entry(room->batch, in->mailbox, 5, in->shared[1]));
    room_commit(room);
}

static void add_work(struct room *room, struct inhabited *in) {
    struct store_content *content = make_content(room, 3000000, 3);
    for (unsigned i = 0; i < 3; i++) {
        struct store_work row = {.message =
                                     store_add_message(room->batch, i, SPAN_LIT("shared envelope"), content),
                                 .next_hop = store_next_hop(room->store, SPAN_LIT("GAMMA"), NULL),
                                 .doubt_peer = i ? store_next_hop(room->store, SPAN_LIT("OTHER"), NULL) : 0,
                                 .due = 100 + i,
                                 .expiry = 200 + i,
                                 .tries = i,
                                 .priority = 1,
                                 .status = (uint8_t)i,
                                 .data = SPAN_LIT("row")};
        in->shared[i] = row.message;
        assert_int_not_equal(store_add_work(room->batch, &row), 0);
        if (i == 1)
            room_commit(room); /* the third comes later */
    }
    store_content_release(content);
    in->short_one = add_one(room, 100, 1, NULL);
    in->long_one = add_one(room, 100000, 2, &in->in_work);
    in->empty = add_one(room, 0, 4, NULL);
    room_commit(room);
}

static void add_activities(struct room *room, struct inhabited *in) {
    struct store_content *content = make_content(room, 50000, 5), *small = make_content(room, 500, 6);
    struct store_activity_in activity = {.peer = SPAN_LIT("beta"),
                                         .association = SPAN_LIT("a"),
                                         .activity = SPAN_LIT("1"),
                                         .at = 5,
                                         .serial = 3,
                                         .offset = 60000,
                                         .state = SPAN_LIT("state")};
    struct store_activity_out out = {.work = in->in_work,
                                     .association = SPAN_LIT("b"),
                                     .activity = SPAN_LIT("2"),
                                     .serial = 7,
                                     .offset = 8,
                                     .data = SPAN_LIT("out")};
    in->in = store_put_activity_in(room->batch, &activity, content);
    activity.activity = SPAN_LIT("2");
    assert_int_not_equal(store_put_activity_in(room->batch, &activity, small), 0);
    activity.activity = SPAN_LIT("3");
    assert_int_not_equal(store_put_activity_in(room->batch, &activity, NULL), 0);
    /* A short content that was a checkpoint's before: two messages have it. */
    for (unsigned i = 0; i < 2; i++) {
        struct store_work row = {.message = store_add_message(room->batch, 9, SPAN_LIT("e"), small)};
        assert_int_not_equal(store_add_work(room->batch, &row), 0);
        room_commit(room);
    }
    store_content_release(content);
    store_content_release(small);
    assert_true(store_put_activity_out(room->batch, &out));
    room_commit(room);
}

static struct inhabited inhabit(struct room *room) {
    struct inhabited in = {0};
    add_work(room, &in);
    add_entries(room, &in);
    add_activities(room, &in);
    add_past(room);
    return in;
}

/* ---- is it there? ---- */

struct seen {
    unsigned count;
    uint64_t octets;
    int64_t last;
    struct store *store;
};

static bool see_event(void *context, int64_t at, struct span data) {
    struct seen *seen = context;
    char text[16];
    assert_true(at > seen->last && span_eq(data, number_text((unsigned)at, text)));
    seen->last = at;
    seen->count++;
    return true;
}

static bool see_work(void *context, const struct store_work *work) {
    struct seen *seen = context;
    if (span_eq(work->data, SPAN_LIT("row"))) {
        unsigned i = work->status;
        struct span hop, doubt = {NULL, 0};
        struct error err = {0};
        assert_true(store_next_hop_name(seen->store, work->next_hop, &hop, &err));
        assert_true(!i || store_next_hop_name(seen->store, work->doubt_peer, &doubt, &err));
        assert_true(span_eq(hop, SPAN_LIT("GAMMA")));
        assert_true(i ? span_eq(doubt, SPAN_LIT("OTHER")) : !work->doubt_peer);
        assert_true(work->due == 100 + i && work->expiry == 200 + i && work->tries == i &&
                    work->priority == 1);
    }
    assert_true((int64_t)work->id > seen->last);
    seen->last = (int64_t)work->id;
    seen->count++;
    return true;
}

static bool see_entry(void *context, const struct store_entry *entry) {
    struct seen *seen = context;
    static const uint64_t left[] = {1, 3, 4};
    assert_in_range(seen->count, 0, 2);
    assert_int_equal(entry->sequence, left[seen->count++]);
    assert_true(entry->at == (int64_t)entry->sequence - 1 && entry->priority == entry->sequence - 1 &&
                entry->status == (entry->sequence < 4 ? STORE_LISTED : STORE_NEW) &&
                entry->flags == (entry->sequence == 4 ? 2 : 0) && entry->octets == 99 + entry->sequence &&
                span_eq(entry->data, SPAN_LIT("entry")));
    return true;
}

static bool see_activity_out(void *context, const struct store_activity_out *out) {
    assert_true(out->work == *(uint64_t *)context && out->serial == 7 && out->offset == 8 &&
                span_eq(out->data, SPAN_LIT("out")));
    *(uint64_t *)context = 0;
    return true;
}

static bool see_outcome(void *context, const struct store_outcome *outcome) {
    assert_true(span_eq(outcome->peer, SPAN_LIT("beta")) && outcome->expiry / 2 == 170);
    ++*(unsigned *)context;
    return true;
}

static bool see_record(void *context, struct span name, struct span data) {
    assert_true(name.len && span_eq(data, SPAN_LIT("record")));
    ++*(unsigned *)context;
    return true;
}

static void expect_work(struct room *room, const struct inhabited *in) {
    struct seen work = {.store = room->store};
    uint64_t out = in->in_work;
    struct error err = {0};
    assert_true(store_each_work(room->store, 0, 0, 0, -1, see_work, &work, &err));
    assert_int_equal(work.count, 8);
    assert_true(store_each_activity_out(room->store, see_activity_out, &out, &err));
    assert_int_equal(out, 0);
    expect_message(room, in->short_one, 100, 1);
    expect_message(room, in->long_one, 100000, 2);
    expect_message(room, in->empty, 0, 4);
    for (unsigned i = 0; i < 3; i++) {
        struct store_message message;
        expect_message(room, in->shared[i], 3000000, 3);
        assert_true(store_get_message(room->store, in->shared[i], &room->arena, &message, &err));
        assert_true(message.arrival == i && span_eq(message.envelope, SPAN_LIT("shared envelope")));
    }
}

static void expect_past(struct room *room) {
    uint8_t digest[STORE_DIGEST] = {0};
    struct error err = {0};
    unsigned outcomes = 0, records = 0;
    char text[16];
    for (unsigned key = 0; key < 7; key++) {
        struct seen events = {.last = -1};
        assert_true(store_track(room->store, number_text(key, text), see_event, &events, &err));
        assert_int_equal(events.count, (5000 + 6 - key) / 7);
    }
    for (unsigned i = 0; i < 5000; i += 17) {
        memcpy(digest, &i, sizeof i);
        assert_int_equal(store_find_repeat(room->store, NULL, digest, &err), STORE_REPEAT_KNOWN);
    }
    assert_true(store_each_outcome(room->store, SPAN_LIT("170"), 10, see_outcome, &outcomes, &err));
    assert_int_equal(outcomes, 2);
    assert_true(store_each_record(room->store, STORE_USER, see_record, &records, &err));
    for (unsigned i = 0; i < 5; i++)
        assert_true(store_each_record(room->store, STORE_KIND_OTHER + i, see_record, &records, &err));
    assert_int_equal(records, 700);
}

/* The next number of the mailbox is 6, and what is new has an id of its own. */
static void goes_on(struct room *room, const struct inhabited *in) {
    uint64_t sequence = 0, message = add_one(room, 20000, 8, NULL);
    struct store_entry entry = {.message = message};
    assert_true(message > in->in && message > in->in_work);
    assert_true(
        store_add_entry(room->batch, store_mailbox(room->store, SPAN_LIT("box"), NULL), &entry, &sequence));
    room_commit(room);
    assert_int_equal(sequence, 6);
    assert_true(
        store_remove_entry(room->batch, store_mailbox(room->store, SPAN_LIT("box"), NULL), 6, message));
    assert_true(store_finish_work(room->batch, message + 1, message));
    room_commit(room);
    assert_false(is_there(room, message));
}

static void expect_all(struct room *room, const struct inhabited *in) {
    struct error err = {0};
    struct seen entries = {0};
    room_open(room);
    expect_work(room, in);
    uint32_t mailbox = store_find_mailbox(room->store, SPAN_LIT("box"), &err);
    assert_true(store_each_entry(room->store, mailbox, 0, 0, see_entry, &entries, &err));
    assert_int_equal(entries.count, 3);
    assert_int_not_equal(store_find_mailbox(room->store, SPAN_LIT("empty box"), &err), 0);
    expect_rows(room);
    const struct store_activity_in *activity =
        find_activity(room->store, SPAN_LIT("beta"), SPAN_LIT("a"), SPAN_LIT("1"));
    assert_true(activity && activity->id == in->in && activity->serial == 3 && activity->offset == 60000 &&
                activity->at == 5 && span_eq(activity->state, SPAN_LIT("state")));
    struct store_content *resumed = store_content_resume(room->store, in->in, &err);
    assert_non_null(resumed);
    expect_octets(resumed, 50000, 5);
    append_octets(resumed, 1000, 5);
    expect_octets(resumed, 51000, 5);
    store_content_release(resumed);
    assert_non_null(find_activity(room->store, SPAN_LIT("beta"), SPAN_LIT("a"), SPAN_LIT("3")));
    expect_past(room);
    room_close(room);
    room_check(room);
}

/* ---- moves ---- */

static void move_to(const char *from, const char *to, bool replace) {
    struct store_moved moved;
    struct error err = {0};
    if (!store_move(from, to, replace, NULL, NULL, &moved, &err))
        fail_msg("move: %s", err.text);
}

/* A session that ended just now may have its lock for a moment. */
static bool opens(const char *place, int *code) {
    struct error err = {0};
    struct store_options reader = {.read_only = true};
    struct store *store, *read;
    int64_t end = clock_monotonic_us() + 20000000;
    do {
        err.code = 0;
        store = store_open(place, NULL, &err);
    } while (!store && err.code == STORE_LOCKED && clock_monotonic_us() < end && usleep(10000) == 0);
    *code = err.code;
    store_close(store);
    read = store_open(place, &reader, &err);
    assert_true((read != NULL) == (store != NULL)); /* for readers as for a writer */
    store_close(read);
    return store != NULL;
}

/* The room is at that place now. */
static void go_to(struct move *move) {
    char from[PLACE_MAX];
    memcpy(from, move->room.path, PLACE_MAX);
    memcpy(move->room.path, move->to, PLACE_MAX);
    memcpy(move->to, from, PLACE_MAX);
}

static void all_is_there_and_back_again(void **state) {
    struct move *move = *state;
    struct room *room = &move->room;
    struct inhabited in = inhabit(room);
    int code;
    room_close(room);
    expect_all(room, &in);
    move_to(room->path, move->to, false);
    assert_false(opens(room->path, &code));
    assert_int_equal(code, STORE_MOVED);
    go_to(move);
    expect_all(room, &in);
    room_open(room);
    goes_on(room, &in);
    room_close(room);

    struct store_moved moved;
    struct error err = {0};
    assert_false(store_move(room->path, move->to, false, NULL, NULL, &moved, &err));
    assert_int_equal(err.code, STORE_IN_USE); /* there is what was moved away */
    assert_non_null(strstr(err.text, "--replace"));
    assert_true(opens(room->path, &code));
    assert_true(store_move(room->path, move->to, true, NULL, NULL, &moved, &err));
    assert_true(moved.messages == 8 && moved.entries == 3 && moved.copies == 8 && moved.events == 5000 &&
                moved.repeats == 5000 && moved.outcomes == 700 && moved.records == 702 &&
                moved.mailboxes == 4 && moved.activities == 4);
    go_to(move);
    expect_all(room, &in);
    room_open(room);
    struct store_entry entry = {.message = in.short_one};
    uint64_t sequence;
    assert_true(
        store_add_entry(room->batch, store_mailbox(room->store, SPAN_LIT("box"), NULL), &entry, &sequence));
    room_commit(room);
    assert_int_equal(sequence, 7);
}

static mode_t mode_of(const char *place, const char *name) {
    char path[PLACE_MAX + 32];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", place, name);
    if (stat(path, &status) != 0)
        fail_msg("%s is not there", path);
    return status.st_mode & 07777;
}

/* Whatever the umask of the shell that moves it there. */
static void its_owner_alone_may_read_what_was_moved(void **state) {
    static const char *const names[] = {"queue.db", "queue.db-wal", "queue.db-shm"};
    struct move *move = *state;
    struct room *room = &move->room;
    if (place_server()) /* it has no files */
        return;
    inhabit(room);
    room_close(room);
    mode_t mask = umask(022);
    move_to(room->path, move->to, false);
    umask(mask);
    go_to(move);
    room_open(room);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(mode_of(room->path, names[i]), 0600);
}

static bool dies(const struct move *move, unsigned at, bool before) {
    int status;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct store_moved moved;
        struct error err = {0};
        commits = 0;
        dies_at = at;
        dies_before = before;
        _exit(store_move(move->room.path, move->to, false, NULL, NULL, &moved, &err) ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
}

static void wherever_it_ends_one_is_served_at_most(void **state) {
    struct move *move = *state;
    struct room *room = &move->room;
    struct inhabited in = inhabit(room);
    unsigned only_old = 0, none = 0;
    room_close(room);
    for (unsigned at = 1, before = 1;; before = !before, at += before) {
        int old, fresh;
        bool died = dies(move, at, before);
        bool old_opens = opens(room->path, &old), fresh_opens = opens(move->to, &fresh);
        assert_true(!old_opens || !fresh_opens || (at == 1 && before)); /* when it is empty, as it was */
        assert_true(old_opens || old == STORE_MOVED);
        assert_true(fresh_opens || fresh == STORE_MOVED || fresh == STORE_NOT_FOUND);
        only_old += old_opens && !fresh_opens;
        none += !old_opens && !fresh_opens;
        if (none && !old_opens && !fresh_opens) {
            move_to(room->path, move->to, false); /* what is left to do */
            assert_true(opens(move->to, &fresh));
        }
        if (!died || (fresh_opens && !old_opens) || none == 2)
            break;
        if (!old_opens) { /* as if it had not been moved: the next one is to end elsewhere */
            assert_true(place_spoil(room->path, "DELETE FROM record WHERE kind = 3",
                                    "DELETE FROM record WHERE kind = 3"));
            assert_true(place_spoil(
                move->to, "INSERT INTO record SELECT 3, CAST('move' AS BLOB), x'01' || zeroblob(17)",
                "INSERT INTO record VALUES(3, 'move', '\\x010000000000000000000000000000000000')"));
        }
    }
    assert_true(only_old > 5);
    assert_true(none > 0);
    go_to(move);
    expect_all(room, &in);
}

static void expect_refusal(const struct move *move, int code, const char *words) {
    struct store_moved moved;
    struct error err = {0};
    assert_false(store_move(move->room.path, move->to, true, NULL, NULL, &moved, &err));
    if (err.code != code || !strstr(err.text, words))
        fail_msg("%d: %s", err.code, err.text);
}

static void what_must_not_be_is_refused(void **state) {
    struct move *move = *state;
    struct room *room = &move->room;
    struct error err = {0};
    struct store_options options = {.create = true};
    int code;
    add_one(room, 100, 1, NULL);
    room_commit(room);
    expect_refusal(move, STORE_LOCKED, "another process");
    room_close(room);
    struct store *other = store_open(move->to, &options, &err);
    assert_non_null(other);
    expect_refusal(move, STORE_LOCKED, "another process");
    struct store_batch *batch = store_batch_new(other);
    assert_true(store_put_record(batch, STORE_USER, SPAN_LIT("u"), SPAN_LIT("r")) &&
                store_commit(batch, &err));
    store_batch_free(batch);
    store_close(other);
    expect_refusal(move, STORE_IN_USE, "not an empty one"); /* also with `replace` */
    assert_true(opens(room->path, &code) && opens(move->to, &code));
    assert_true(place_spoil(room->path, "UPDATE message SET refs = 7", "UPDATE message SET refs = 7"));
    expect_refusal(move, STORE_CORRUPT, "mhs store repair");
    assert_true(place_spoil(room->path, "UPDATE message SET refs = 1", "UPDATE message SET refs = 1"));
    assert_true(opens(room->path, &code) && opens(move->to, &code));
}

/* One row that is another one in the copy: the first one is the store. */
static void what_differs_is_found(void **state) {
    struct move *move = *state;
    struct store_moved moved;
    struct error err = {0};
    int code;
    inhabit(&move->room);
    room_close(&move->room);
    commits = 0;
    move_to(move->room.path, move->to, false);
    go_to(move);
    spoils_at = commits - 3; /* the last three write marks */
    commits = 0;
    spoils = move->to;
    bool done = store_move(move->room.path, move->to, true, NULL, NULL, &moved, &err);
    spoils = NULL;
    assert_false(done);
    assert_int_equal(err.code, STORE_CORRUPT);
    assert_non_null(strstr(err.text, "copies"));
    assert_true(opens(move->room.path, &code) && !opens(move->to, &code));
}

/* An empty store is no more than an empty place, and an empty one can be moved. */
static void nothing_is_moved_to_nothing(void **state) {
    struct move *move = *state;
    struct error err = {0};
    struct store_options options = {.create = true};
    int code;
    room_close(&move->room);
    struct store *other = store_open(move->to, &options, &err);
    assert_non_null(other);
    store_close(other);
    move_to(move->room.path, move->to, false);
    assert_true(opens(move->to, &code) && !opens(move->room.path, &code));
    go_to(move);
}

/* ---- back without what lies there ---- */

static int take_back(const struct move *move, bool force, const char *words) {
    struct store_taken_back taken;
    struct error err = {0};
    bool done = store_take_back(move->room.path, move->to, force, &taken, &err);
    const char *said = !done ? err.text : taken.marked ? "marked" : taken.unmarked.text;
    if (!strstr(said, words))
        fail_msg("%d: %s", err.code, said);
    return err.code;
}

static void expect_served(const struct move *move, bool old, bool fresh) {
    int code;
    assert_int_equal(opens(move->room.path, &code), old);
    assert_int_equal(opens(move->to, &code), fresh);
}

static void lose(const char *place) {
    char command[PLACE_MAX + 16];
    snprintf(command, sizeof command, "rm -rf %s/*", place);
    assert_true(place_is_folder(place) ? system(command) == 0
                                       : place_spoil(place, "", "DROP SCHEMA chasqui CASCADE"));
}

/* What is there must say that it is not the store any more, before the other one is. */
static void what_is_there_is_marked_first(void **state) {
    struct move *move = *state;
    struct inhabited in = inhabit(&move->room);
    struct error err = {0};
    room_close(&move->room);
    assert_int_equal(take_back(move, true, "was not moved away"), STORE_BAD_REQUEST);
    move_to(move->room.path, move->to, false);
    assert_int_equal(take_back(move, false, "is there"), STORE_IN_USE);
    expect_served(move, false, true);
    struct store *served = store_open(move->to, NULL, &err);
    assert_non_null(served);
    assert_int_equal(take_back(move, true, "another process"), STORE_LOCKED);
    store_close(served);
    expect_served(move, false, true);
    assert_int_equal(take_back(move, true, "marked"), STORE_OK);
    expect_served(move, true, false);
    assert_int_equal(take_back(move, true, "was not moved away"), STORE_BAD_REQUEST);
    expect_all(&move->room, &in);
}

static void what_is_lost_is_done_without(void **state) {
    struct move *move = *state;
    struct inhabited in = inhabit(&move->room);
    room_close(&move->room);
    move_to(move->room.path, move->to, false);
    lose(move->to);
    if (place_is_folder(move->to)) { /* its disk may not be mounted */
        assert_int_equal(take_back(move, false, "--force"), STORE_IN_USE);
        expect_served(move, false, false);
        assert_int_equal(take_back(move, true, "no store"), STORE_OK);
    } else
        assert_int_equal(take_back(move, false, "no store"), STORE_OK);
    expect_served(move, true, false);
    expect_all(&move->room, &in);
}

/* It dies before and after the mark over there: at most one is served, and the same command ends it. */
static void a_take_back_that_is_broken_off_is_ended(void **state) {
    struct move *move = *state;
    int status;
    room_close(&move->room);
    move_to(move->room.path, move->to, false);
    for (unsigned before = 2; before-- > 0;) {
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
            commits = 0;
            dies_at = 1;
            dies_before = before != 0;
            _exit(take_back(move, true, "") == STORE_OK ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        expect_served(move, false, before != 0);
    }
    assert_int_equal(take_back(move, false, "marked"), STORE_OK);
    expect_served(move, true, false);
}

/* The one that was moved last is to be asked for first; and the place that it was moved to is to be named. */
static void the_chain_is_gone_back_in_order(void **state) {
    struct move *move = *state, wrong = *move, onward = *move;
    room_close(&move->room);
    move_to(move->room.path, move->to, false);
    assert_true(place_make_folder(onward.to));
    memcpy(onward.room.path, move->to, PLACE_MAX);
    memcpy(wrong.to, onward.to, PLACE_MAX);
    assert_int_equal(take_back(&wrong, true, "name that one"), STORE_BAD_REQUEST);
    move_to(onward.room.path, onward.to, false);
    assert_int_equal(take_back(move, true, "moved on to"), STORE_IN_USE);
    expect_served(move, false, false);
    assert_int_equal(take_back(&onward, true, "marked"), STORE_OK);
    assert_int_equal(take_back(move, true, "marked"), STORE_OK);
    expect_served(move, true, false);
    expect_served(&onward, false, false);
    assert_true(place_remove(onward.to));
}

/* ---- between which places ---- */

static int begin(void **state, bool from_server, bool to_server) {
    struct move *move = calloc(1, sizeof *move);
    struct room *room = &move->room;
    if (!(from_server ? place_make_database : place_make_folder)(room->path) ||
        !(to_server ? place_make_database : place_make_folder)(move->to))
        return -1;
    room->options = (struct store_options){.create = true, .low_water = 1};
    arena_init(&room->arena, 16 << 20);
    room_open(room);
    *state = move;
    return 0;
}

static int begin_in_folder(void **state) {
    return begin(state, false, place_server() != NULL);
}

static int begin_at_server(void **state) {
    return begin(state, true, false);
}

static int end(void **state) {
    struct move *move = *state;
    struct room *room = &move->room;
    if (room->store)
        room_close(room);
    arena_free(&room->arena);
    bool first = place_remove(room->path), second = place_remove(move->to);
    free(move);
    return first && second ? 0 : -1;
}

#define FROM(where, test)                                                                                    \
    { #test " from " #where, test, begin_##where, end, NULL }

#define ALL_FROM(where)                                                                                      \
    FROM(where, all_is_there_and_back_again), FROM(where, its_owner_alone_may_read_what_was_moved),          \
        FROM(where, wherever_it_ends_one_is_served_at_most), FROM(where, what_must_not_be_is_refused),       \
        FROM(where, what_differs_is_found), FROM(where, nothing_is_moved_to_nothing),                        \
        FROM(where, what_is_there_is_marked_first), FROM(where, what_is_lost_is_done_without),               \
        FROM(where, a_take_back_that_is_broken_off_is_ended), FROM(where, the_chain_is_gone_back_in_order)

int main(void) {
    const struct CMUnitTest folders[] = {ALL_FROM(in_folder)};
    const struct CMUnitTest both_ways[] = {ALL_FROM(in_folder), ALL_FROM(at_server)};
    return place_server() ? cmocka_run_group_tests(both_ways, NULL, NULL)
                          : cmocka_run_group_tests(folders, NULL, NULL);
}
