/* Every operation of the store: done, seen, gone, and seen again after a restart. */
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "room.h"

#include "store/batch_private.h"

struct list {
    size_t count;
    uint64_t ids[64];
    struct span last;
    uint8_t octets[256];
};

static void note(struct list *list, uint64_t id, struct span data) {
    assert_true(list->count < 64 && data.len <= sizeof list->octets);
    list->ids[list->count++] = id;
    if (data.len)
        memcpy(list->octets, data.data, data.len);
    list->last = span_of(list->octets, data.len);
}

static bool note_work(void *context, const struct store_work *work) {
    note(context, work->id, work->data);
    return true;
}

static bool note_event(void *context, int64_t at, struct span data) {
    note(context, (uint64_t)at, data);
    return true;
}

static bool note_entry(void *context, const struct store_entry *entry) {
    note(context, entry->sequence, entry->data);
    return true;
}

static bool note_record(void *context, struct span name, struct span data) {
    note(context, name.len, data);
    return true;
}

static bool note_activity_out(void *context, const struct store_activity_out *out) {
    note(context, out->work, out->association);
    return true;
}

static void message_lives_as_long_as_its_work(void **state) {
    struct room *room = *state;
    uint64_t work;
    uint64_t message = add_one(room, 2000, 7, &work);
    room_commit(room);
    assert_true(store_batch_is_empty(room->batch));
    room_reopen(room);
    struct store_message got;
    assert_true(store_get_message(room->store, message, &room->arena, &got, NULL));
    assert_true(span_eq(got.envelope, SPAN_LIT("envelope")));
    assert_int_equal(got.content_length, 2000);
    assert_int_equal(got.arrival, 1000);
    expect_message(room, message, 2000, 7);

    struct store_work row;
    assert_true(store_get_work(room->store, work, &room->arena, &row, NULL));
    assert_int_equal(row.due, 5);
    assert_int_equal(row.expiry, 10);
    assert_int_equal(row.priority, 2);
    assert_true(span_eq(row.data, SPAN_LIT("recipients")));
    struct span name;
    assert_true(store_next_hop_name(room->store, row.next_hop, &name, NULL));
    assert_true(span_eq(name, SPAN_LIT("BETA")));
    struct error err = {0};
    assert_false(store_next_hop_name(room->store, row.next_hop + 7, &name, &err));
    assert_int_equal(err.code, STORE_NOT_FOUND);
    row.tries = 3;
    row.status = STORE_HELD;
    row.doubt_peer = row.next_hop;
    row.data = SPAN_LIT("changed");
    assert_true(store_update_work(room->batch, &row));
    room_commit(room);
    assert_int_equal(rows_of_work(room, STORE_HELD), 1);
    assert_int_equal(rows_of_work(room, STORE_READY), 0);
    assert_true(store_get_work(room->store, work, &room->arena, &row, NULL));
    assert_int_equal(row.doubt_peer, row.next_hop);
    assert_int_equal(row.tries, 3);
    assert_true(span_eq(row.data, SPAN_LIT("changed")));

    assert_true(store_finish_work(room->batch, work, message));
    room_commit(room);
    assert_false(is_there(room, message));
    assert_false(store_get_work(room->store, work, &room->arena, &row, &err));
    assert_int_equal(err.code, STORE_NOT_FOUND);
    /* A second finish finds nothing and takes nothing away. */
    assert_true(store_finish_work(room->batch, work, message));
    room_commit(room);
}

/* I7: work and an entry each keep the message. */
static void last_reference_of_any_kind_removes_it(void **state) {
    struct room *room = *state;
    uint64_t work, message = add_one(room, 100, 1, &work);
    uint32_t mailbox = store_mailbox(room->store, SPAN_LIT("/CN=Inca/O=Post/"), NULL);
    struct store_entry entry = {.message = message, .at = 9, .data = SPAN_LIT("delivery")};
    uint64_t sequence = 0;
    assert_true(store_add_entry(room->batch, mailbox, &entry, &sequence));
    room_commit(room);
    assert_int_equal(sequence, 1);
    store_finish_work(room->batch, work, message);
    room_commit(room);
    assert_true(is_there(room, message));
    store_remove_entry(room->batch, mailbox, sequence, message);
    room_commit(room);
    assert_false(is_there(room, message));
}

static void message_without_references_is_not_stored(void **state) {
    struct room *room = *state;
    uint64_t work, message = add_one(room, 50000, 1, &work);
    store_finish_work(room->batch, work, message);
    room_commit(room);
    assert_false(is_there(room, message));
    struct store_figures figures;
    store_figures(room->store, &figures);
    assert_int_equal(figures.content_octets, 0);
}

static void undo_takes_back_one_request_only(void **state) {
    struct room *room = *state;
    uint64_t first = add_one(room, 10, 1, NULL);
    size_t mark = store_batch_mark(room->batch);
    uint64_t second = add_one(room, 20000, 2, NULL);
    store_batch_undo(room->batch, mark);
    room_commit(room);
    assert_true(is_there(room, first));
    assert_false(is_there(room, second));
}

static void work_is_listed_by_cursor(void **state) {
    struct room *room = *state;
    uint64_t ids[10];
    for (unsigned i = 0; i < 10; i++)
        add_one(room, 10, i, &ids[i]);
    struct store_work row = {.message = add_one(room, 1, 1, NULL),
                             .status = STORE_HELD,
                             .next_hop = store_next_hop(room->store, SPAN_LIT("GAMMA"), NULL)};
    uint64_t held = store_add_work(room->batch, &row);
    room_commit(room);
    struct list list = {0};
    assert_true(store_each_work(room->store, ids[3], 4, 0, -1, note_work, &list, NULL));
    assert_int_equal(list.count, 4);
    assert_int_equal(list.ids[0], ids[4]);
    assert_int_equal(list.ids[3], ids[7]);
    list.count = 0;
    assert_true(store_each_work(room->store, 0, 0, row.next_hop, STORE_HELD, note_work, &list, NULL));
    assert_int_equal(list.count, 1);
    assert_int_equal(list.ids[0], held);
}

/* I9 */
static void ids_rise_across_restarts(void **state) {
    struct room *room = *state;
    uint64_t work, first = add_one(room, 10, 1, &work);
    store_finish_work(room->batch, work, first);
    room_commit(room);
    add_one(room, 10, 1, NULL);
    store_batch_clear(room->batch);
    room_reopen(room);
    uint64_t later = add_one(room, 10, 1, NULL);
    assert_true(later > work);
    room_commit(room);
}

static void work_for_a_message_that_is_gone_is_refused(void **state) {
    struct room *room = *state;
    struct error err = {0};
    uint64_t kept = add_one(room, 10, 1, NULL);
    struct store_work row = {.message = 12345};
    store_add_work(room->batch, &row);
    assert_false(store_commit(room->batch, &err));
    assert_int_equal(err.code, STORE_BAD_REQUEST);
    assert_true(store_accepting(room->store));
    assert_false(is_there(room, kept)); /* I2 */
    store_batch_clear(room->batch);
    add_one(room, 10, 1, NULL);
    room_commit(room);
}

static void mailbox_entries(void **state) {
    struct room *room = *state;
    uint32_t box = store_mailbox(room->store, SPAN_LIT("a"), NULL),
             other = store_mailbox(room->store, SPAN_LIT("b"), NULL);
    assert_true(box && other && box != other);
    uint64_t numbers[5] = {0};
    for (unsigned i = 0; i < 5; i++) {
        uint64_t work, message = add_one(room, 100 + i, i, &work);
        struct store_entry entry = {.message = message, .priority = (uint8_t)i, .data = SPAN_LIT("x")};
        assert_true(store_add_entry(room->batch, i == 4 ? other : box, &entry, &numbers[i]));
        store_finish_work(room->batch, work, message);
        assert_int_equal(numbers[i], 0); /* the commit gives it */
    }
    room_commit(room);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(numbers[i], i == 4 ? 1 : i + 1);
    struct store_entry entry;
    assert_true(store_get_entry(room->store, box, 4, &room->arena, &entry, NULL));
    assert_int_equal(entry.priority, 3);
    store_change_entry_flags(room->batch, box, 2, 2, 0);
    store_change_entry_flags(room->batch, box, 2, 1, 0); /* in one batch, what the other set stays */
    store_remove_entry(room->batch, box, 4, entry.message);
    room_commit(room);
    room_reopen(room);
    assert_int_equal(store_find_mailbox(room->store, SPAN_LIT("a"), NULL), box);
    assert_int_equal(store_find_mailbox(room->store, SPAN_LIT("c"), NULL), 0);
    struct list list = {0};
    assert_true(store_each_entry(room->store, box, 1, 0, note_entry, &list, NULL));
    assert_int_equal(list.count, 2);
    assert_int_equal(list.ids[0], 2);
    assert_int_equal(list.ids[1], 3);
    assert_true(store_get_entry(room->store, box, 2, &room->arena, &entry, NULL));
    assert_int_equal(entry.flags, 3);
    /* The sequence-number of the removed last entry does not come again. */
    struct store_entry fresh = {.message = entry.message};
    assert_true(store_add_entry(room->batch, box, &fresh, numbers));
    room_commit(room);
    assert_int_equal(numbers[0], 5);
    struct error err = {0};
    assert_true(store_add_entry(room->batch, 99, &fresh, NULL));
    assert_false(store_commit(room->batch, &err));
    assert_int_equal(err.code, STORE_BAD_REQUEST);
    store_batch_clear(room->batch);
}

/* ---- what stands beside the rows ---- */

struct marks {
    unsigned char status[5010], flags[5010];
    size_t count;
};

static bool note_mark(void *context, const struct store_entry *entry) {
    struct marks *marks = context;
    marks->count++;
    marks->status[entry->sequence] = entry->status;
    marks->flags[entry->sequence] = entry->flags;
    return true;
}

static struct marks read_marks(struct room *room, uint32_t box) {
    struct marks marks = {.count = 0};
    assert_true(store_each_entry(room->store, box, 0, 0, note_mark, &marks, NULL));
    return marks;
}

static uint32_t add_5000(struct room *room, uint64_t *message) {
    uint32_t box = store_mailbox(room->store, SPAN_LIT("a"), NULL);
    *message = add_one(room, 10, 1, NULL);
    for (unsigned i = 1; i <= 5000; i++)
        assert_true(store_add_entry(
            room->batch, box,
            &(struct store_entry){.message = *message, .status = i == 9 ? STORE_LISTED : STORE_NEW}, NULL));
    room_commit(room);
    return box;
}

/* I17, across the border of two rows, whatever comes later or in the same batch. */
static void statuses_do_not_go_back(void **state) {
    struct room *room = *state;
    uint64_t message;
    uint32_t box = add_5000(room, &message);
    assert_true(store_raise_status(room->batch, box, 4000, 4200, STORE_PROCESSED));
    assert_true(store_raise_status(room->batch, box, 4100, 4999, STORE_LISTED));
    assert_true(store_raise_status(room->batch, box, 4095, 4096, STORE_NEW));
    assert_true(store_change_entry_flags(room->batch, box, 4096, 3, 0));
    room_commit(room);
    assert_true(store_raise_status(room->batch, box, 1, 4200, STORE_LISTED));
    assert_true(store_change_entry_flags(room->batch, box, 4096, 0, 1));
    assert_true(store_change_entry_flags(room->batch, box, 4097, 1, 0));
    assert_true(store_change_entry_flags(room->batch, box, 4097, 0, 1));
    room_commit(room);
    room_reopen(room);
    struct marks marks = read_marks(room, box);
    assert_int_equal(marks.count, 5000);
    for (unsigned i = 1; i <= 5000; i++) {
        if (marks.status[i] != (i >= 4000 && i <= 4200 ? STORE_PROCESSED
                                : i < 5000             ? STORE_LISTED
                                                       : STORE_NEW))
            fail_msg("entry %u has status %u", i, marks.status[i]);
        assert_int_equal(marks.flags[i], i == 4096 ? 2 : 0);
    }
}

/* A new entry is new, whatever was said of its number before it came, or of those that went. */
static void entries_to_come_are_new(void **state) {
    struct room *room = *state;
    uint64_t message;
    uint32_t box = add_5000(room, &message);
    assert_true(store_raise_status(room->batch, box, 4999, 9000, STORE_PROCESSED));
    assert_true(store_change_entry_flags(room->batch, box, 5001, 2, 0));
    room_commit(room);
    for (unsigned i = 0; i < 3; i++)
        assert_true(store_add_entry(room->batch, box, &(struct store_entry){.message = message}, NULL));
    room_commit(room);
    struct marks marks = read_marks(room, box);
    for (unsigned i = 4999; i <= 5003; i++)
        assert_true(marks.status[i] == (i > 5000 ? STORE_NEW : STORE_PROCESSED) && marks.flags[i] == 0);
    for (uint64_t i = 4096; i <= 5003; i++)
        assert_true(store_remove_entry(room->batch, box, i, message));
    room_commit(room); /* with the last of them the row goes */
    for (unsigned i = 0; i < 3; i++)
        assert_true(store_add_entry(room->batch, box, &(struct store_entry){.message = message}, NULL));
    room_commit(room);
    marks = read_marks(room, box);
    assert_int_equal(marks.count, 4098);
    for (unsigned i = 5004; i <= 5006; i++)
        assert_true(marks.status[i] == STORE_NEW && marks.flags[i] == 0);
    room_close(room);
    room_check(room);
    room_open(room);
}

static void entries_keep_their_head(void **state) {
    struct room *room = *state;
    uint64_t sequence;
    struct store_entry entry = {.message = add_one(room, 10, 1, NULL),
                                .at = -5,
                                .octets = 77,
                                .parent = INT32_MAX,
                                .entry_class = 7,
                                .type = 6,
                                .priority = 15,
                                .known = 9,
                                .status = STORE_PROCESSED,
                                .data = SPAN_LIT("d")},
                       bad = entry, got;
    uint32_t box = store_mailbox(room->store, SPAN_LIT("a"), NULL);
    assert_true(store_add_entry(room->batch, box, &entry, &sequence));
    bad.status = 2;
    assert_false(store_add_entry(room->batch, box, &bad, NULL));
    bad.status = 0, bad.flags = 1;
    assert_false(store_add_entry(room->batch, box, &bad, NULL));
    assert_false(store_raise_status(room->batch, box, 2, 1, STORE_LISTED));
    room_commit(room);
    room_reopen(room);
    assert_true(store_get_entry(room->store, box, sequence, &room->arena, &got, NULL));
    assert_true(got.at == -5 && got.octets == 77 && got.parent == INT32_MAX && got.entry_class == 7 &&
                got.type == 6 && got.priority == 15 && got.known == 9 && got.status == STORE_PROCESSED &&
                !got.flags);
}

static bool is_too_late(bool done, struct error *err) {
    bool late = !done && err->code == STORE_IO && strstr(err->text, "takes too long");
    *err = (struct error){0};
    return late;
}

struct walked {
    struct store *store;
    unsigned rows;
};

static bool time_is_over(void *context, const struct store_entry *entry) {
    struct walked *walked = context;
    (void)entry;
    walked->rows++;
    store_read_until(walked->store, 1);
    return true;
}

/* Nothing is read then, and the store is as well as before. */
static void nothing_is_read_after_its_time(void **state) {
    struct room *room = *state;
    struct store *store = room->store;
    struct store_entry entry = {.data = SPAN_LIT("x")};
    struct store_message message;
    struct list list = {0};
    struct error err = {0};
    struct buf out;
    buf_init(&out, 0);
    entry.message = add_one(room, 100000, 1, NULL);
    uint32_t box = store_mailbox(store, SPAN_LIT("a"), NULL);
    for (int i = 0; i < 2; i++)
        assert_true(store_add_entry(room->batch, box, &entry, NULL));
    store_put_record(room->batch, STORE_USER, SPAN_LIT("ann"), SPAN_LIT("1"));
    room_commit(room);
    store_read_until(store, 1);
    assert_true(is_too_late(store_get_message(store, entry.message, &room->arena, &message, &err), &err));
    assert_true(is_too_late(store_content_open(store, entry.message, &err), &err));
    assert_true(is_too_late(store_find_mailbox(store, SPAN_LIT("a"), &err), &err));
    assert_true(is_too_late(store_get_entry(store, box, 1, &room->arena, &entry, &err), &err));
    assert_true(is_too_late(store_each_entry(store, box, 0, 0, note_entry, &list, &err), &err));
    assert_true(is_too_late(store_track(store, SPAN_LIT("k"), note_event, &list, &err), &err));
    assert_true(is_too_late(store_get_record(store, STORE_USER, SPAN_LIT("ann"), &out, &err), &err));
    assert_true(is_too_late(store_each_record(store, STORE_USER, note_record, &list, &err), &err));
    assert_true(list.count == 0 && store_accepting(store));
    store_read_until(store, 0);
    assert_true(store_each_entry(store, box, 0, 0, note_entry, &list, &err));
    assert_int_equal(list.count, 2);
    struct walked walked = {.store = store};
    assert_true(is_too_late(store_each_entry(store, box, 0, 0, time_is_over, &walked, &err), &err));
    assert_int_equal(walked.rows, 1); /* also amid a walk */
    store_read_until(store, 0);
    expect_message(room, entry.message, 100000, 1);
    buf_free(&out);
}

/* "A", "a" and "Aa" become "a", "b" stays, "?" is left as it is. */
static struct span first_letter(void *context, struct span name) {
    static uint8_t key[1];
    ++*(unsigned *)context;
    key[0] = name.data[0] | 0x20;
    return name.data[0] == '?' ? (struct span){NULL, 0} : span_of(key, 1);
}

static void deliver(struct room *room, const char *mailbox, uint8_t priority, uint64_t *sequence) {
    uint64_t work, message = add_one(room, 100, priority, &work);
    struct store_entry entry = {.message = message, .priority = priority, .data = SPAN_LIT("x")};
    store_finish_work(room->batch, work, message);
    assert_true(
        store_add_entry(room->batch, store_mailbox(room->store, span_str(mailbox), NULL), &entry, sequence));
}

static bool note_marks(void *context, const struct store_entry *entry) {
    char *out = context;
    sprintf(out + strlen(out), "%d:%d%s ", (int)entry->sequence, (int)entry->priority,
            entry->status == STORE_PROCESSED ? entry->flags == 2 ? "pf" : "p"
            : entry->flags                   ? "f"
                                             : "");
    return true;
}

static void mark_joined(struct room *room, const char *mailbox, uint64_t sequence) {
    uint32_t box = store_find_mailbox(room->store, span_str(mailbox), NULL);
    assert_true(store_raise_status(room->batch, box, sequence, sequence, STORE_PROCESSED) &&
                (*mailbox == 'A' || store_change_entry_flags(room->batch, box, sequence, 2, 0)));
}

static void mailboxes_are_renamed_and_joined(void **state) {
    struct room *room = *state;
    struct store_rename changed;
    unsigned asked = 0;
    char entries[100] = "";
    static const char *const order[] = {"A", "b", "A", "a", "Aa", "A", "a", "?"};
    for (uint8_t i = 0; i < 8; i++)
        deliver(room, order[i], i, NULL);
    room_commit(room);
    mark_joined(room, "A", 2);
    mark_joined(room, "a", 1);
    mark_joined(room, "Aa", 1);
    room_commit(room);
    struct store_entry first;
    uint32_t upper = store_find_mailbox(room->store, SPAN_LIT("A"), NULL);
    assert_true(store_get_entry(room->store, upper, 1, &room->arena, &first, NULL));
    store_remove_entry(room->batch, upper, 1, first.message);
    room_commit(room);
    assert_true(store_rename_mailboxes(room->store, first_letter, &asked, &changed, NULL));
    assert_int_equal(changed.renamed, 1);
    assert_int_equal(changed.joined, 2);
    for (int again = 0; again < 2; again++) {
        entries[0] = 0;
        uint32_t box = store_find_mailbox(room->store, SPAN_LIT("a"), NULL);
        assert_true(store_each_entry(room->store, box, 0, 0, note_marks, entries, NULL));
        assert_string_equal(entries, "2:2p 3:5 4:3pf 5:6 6:4p ");
        assert_int_equal(store_find_mailbox(room->store, SPAN_LIT("A"), NULL), 0);
        assert_int_equal(store_find_mailbox(room->store, SPAN_LIT("Aa"), NULL), 0);
        assert_true(store_find_mailbox(room->store, SPAN_LIT("b"), NULL) &&
                    store_find_mailbox(room->store, SPAN_LIT("?"), NULL));
        assert_true(store_rename_mailboxes(room->store, first_letter, &asked, &changed, NULL));
        assert_int_equal(changed.renamed + changed.joined, 0);
        room_reopen(room);
    }
    uint64_t sequence;
    deliver(room, "a", 9, &sequence);
    room_commit(room);
    assert_int_equal(sequence, 7);
}

static void records_by_kind_and_name(void **state) {
    struct room *room = *state;
    struct error err = {0};
    store_put_record(room->batch, STORE_USER, SPAN_LIT("ann"), SPAN_LIT("1"));
    store_put_record(room->batch, STORE_USER, SPAN_LIT("bob"), SPAN_LIT("2"));
    store_put_record(room->batch, 70, SPAN_LIT("ann"), SPAN_LIT("3"));
    store_put_record(room->batch, STORE_USER, SPAN_LIT("ann"), SPAN_LIT("4"));
    room_commit(room);
    room_reopen(room);
    struct buf out;
    buf_init(&out, 0);
    assert_true(store_get_record(room->store, STORE_USER, SPAN_LIT("ann"), &out, NULL));
    assert_true(span_eq(buf_span(&out), SPAN_LIT("4")));
    buf_free(&out);
    struct list list = {0};
    assert_true(store_each_record(room->store, STORE_USER, note_record, &list, NULL));
    assert_int_equal(list.count, 2);
    store_remove_record(room->batch, STORE_USER, SPAN_LIT("ann"));
    room_commit(room);
    assert_false(store_get_record(room->store, STORE_USER, SPAN_LIT("ann"), &out, &err));
    assert_int_equal(err.code, STORE_NOT_FOUND);
    buf_free(&out);
}

/* I14: the activity goes with its work. */
static void activity_out_goes_with_its_work(void **state) {
    struct room *room = *state;
    uint64_t work, message = add_one(room, 10, 1, &work);
    struct store_activity_out out = {.work = work,
                                     .association = SPAN_LIT("assoc"),
                                     .activity = SPAN_LIT("1"),
                                     .serial = 4,
                                     .offset = 4096,
                                     .data = SPAN_LIT("d")};
    store_put_activity_out(room->batch, &out);
    room_commit(room);
    out.serial = 5;
    store_put_activity_out(room->batch, &out);
    room_commit(room);
    room_reopen(room);
    struct list list = {0};
    assert_true(store_each_activity_out(room->store, note_activity_out, &list, NULL));
    assert_int_equal(list.count, 1);
    assert_true(span_eq(list.last, SPAN_LIT("assoc")));
    store_finish_work(room->batch, work, message);
    room_commit(room);
    list.count = 0;
    assert_true(store_each_activity_out(room->store, note_activity_out, &list, NULL));
    assert_int_equal(list.count, 0);
    store_put_activity_out(room->batch, &out); /* too late: the work is done */
    room_commit(room);
    assert_true(store_each_activity_out(room->store, note_activity_out, &list, NULL));
    assert_int_equal(list.count, 0);
}

/* I11 */
static void events_come_back_in_order(void **state) {
    struct room *room = *state;
    for (int i = 0; i < 20; i++) {
        char data[8];
        snprintf(data, sizeof data, "%d", i);
        store_add_event(room->batch, SPAN_LIT("ALPHA.1"), i, span_str(data));
        store_add_event(room->batch, i % 2 ? SPAN_LIT("ALPHA.2") : SPAN_LIT(""), i, span_of("", 0));
        if (i % 3 == 0)
            room_commit(room);
    }
    room_commit(room);
    for (int round = 0; round < 2; round++) {
        struct list list = {0};
        assert_true(store_track(room->store, SPAN_LIT("ALPHA.1"), note_event, &list, NULL));
        assert_int_equal(list.count, 20);
        for (uint64_t i = 0; i < 20; i++)
            assert_int_equal(list.ids[i], i);
        assert_true(span_eq(list.last, SPAN_LIT("19")));
        list.count = 0;
        assert_true(store_track(room->store, SPAN_LIT("ALPHA.3"), note_event, &list, NULL));
        assert_int_equal(list.count, 0);
        room_reopen(room);
    }
    static uint8_t long_key[1025];
    assert_false(store_add_event(room->batch, span_of(long_key, sizeof long_key), 1, SPAN_LIT("")));
}

struct past {
    size_t count, most;
    uint64_t place;
    int64_t at[64];
};

static bool note_past(void *context, uint64_t place, struct span key, int64_t at, struct span data) {
    struct past *past = context;
    assert_true(!past->count || place < past->place); /* the newest first */
    assert_true(span_eq(key, SPAN_LIT("k")) && span_eq(data, SPAN_LIT("d")));
    past->place = place;
    past->at[past->count++] = at;
    return past->count < past->most;
}

/* A walk back is the same in pages of any size, for the writer, for a reader, and while more is added. */
static void events_are_walked_backwards_in_pages(void **state) {
    struct room *room = *state;
    struct store_options options = {.read_only = true};
    for (int i = 0; i < 50; i++) {
        store_add_event(room->batch, SPAN_LIT("k"), i, SPAN_LIT("d"));
        if (i % 7 == 0)
            room_commit(room);
    }
    room_commit(room);
    struct store *reader = store_open(room->path, &options, NULL);
    struct store *handles[] = {room->store, reader};
    for (size_t handle = 0; handle < 2; handle++)
        for (size_t page = 1; page < 60; page += 3) {
            struct past past = {0};
            for (uint64_t before = 0, seen = 0; before || !seen; seen = past.count) {
                past.most = past.count + page;
                assert_true(store_each_event(handles[handle], before, note_past, &past, NULL));
                before = past.count == past.most ? past.place : 0;
                if (!before)
                    break;
            }
            assert_int_equal(past.count, 50);
            for (size_t i = 0; i < 50; i++)
                assert_int_equal(past.at[i], 49 - (int64_t)i);
        }
    store_add_event(room->batch, SPAN_LIT("k"), 50, SPAN_LIT("d"));
    room_commit(room);
    struct past newest = {.most = 1};
    assert_true(store_each_event(reader, 0, note_past, &newest, NULL));
    assert_int_equal(newest.at[0], 50);
    store_close(reader);
}

/* I10, I11: enough keys for several runs; each is found in memory, in runs, after a restart in the middle of
 * a run, and by a reader. */
static void keys_are_found_through_runs(void **state) {
    struct room *room = *state;
    enum { COUNT = 150000, BATCH = 500 };
    uint8_t digest[STORE_DIGEST] = {0};
    char key[32];
    struct store_options options = {.read_only = true};
    struct store *follower = store_open(room->path, &options, NULL); /* sees each run begin, end and go */
    assert_non_null(follower);
    for (int i = 0; i < COUNT; i++) {
        snprintf(key, sizeof key, "id-%d", i);
        memcpy(digest, &i, sizeof i);
        store_add_event(room->batch, span_str(key), i, SPAN_LIT("e"));
        add_repeat(room->batch, SPAN_LIT("BETA"), span_str(key), digest, 1000);
        if (i % BATCH == BATCH - 1)
            room_commit(room);
        if (i % 15000 == BATCH - 1) {
            struct list found = {0};
            assert_true(store_track(follower, span_str(key), note_event, &found, NULL));
            snprintf(key, sizeof key, "id-%d", i / 2); /* by now in a finished run */
            assert_true(store_track(follower, span_str(key), note_event, &found, NULL));
            assert_int_equal(found.count, 2);
        }
        if (i == COUNT / 2)
            room_reopen(room);
    }
    room_commit(room);
    struct store *reader = store_open(room->path, &options, NULL);
    assert_non_null(reader);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < COUNT; i += 1499) {
            struct list list = {0};
            snprintf(key, sizeof key, "id-%d", i);
            memcpy(digest, &i, sizeof i);
            /* What a restart lost from an uncommitted batch is lost for good: the test's batch was cleared
             * there. */
            bool lost = i > COUNT / 2 - BATCH && i <= COUNT / 2 && i / BATCH == COUNT / 2 / BATCH;
            assert_true(store_track(room->store, span_str(key), note_event, &list, NULL));
            assert_int_equal(list.count, !lost);
            assert_int_equal(find_repeat(room->store, NULL, SPAN_LIT("BETA"), span_str(key), digest),
                             lost ? STORE_REPEAT_UNKNOWN : STORE_REPEAT_KNOWN);
            assert_int_equal(find_repeat(room->store, NULL, SPAN_LIT("BET"), span_str(key), digest),
                             STORE_REPEAT_UNKNOWN);
        }
        struct list list = {0};
        assert_true(store_track(reader, SPAN_LIT("id-77"), note_event, &list, NULL));
        assert_true(store_track(reader, SPAN_LIT("id-149999"), note_event, &list, NULL));
        assert_int_equal(list.count, 2);
        room_reopen(room);
    }
    store_close(reader);
    while (store_maintain(room->store, 2000, COUNT / 2, 1000))
        ;
    struct list list = {0};
    assert_true(store_track(room->store, SPAN_LIT("id-1"), note_event, &list, NULL));
    assert_int_equal(list.count, 0);
    assert_true(store_track(follower, SPAN_LIT("id-1"), note_event, &list, NULL));
    assert_int_equal(list.count, 0);
    assert_true(store_track(room->store, SPAN_LIT("id-149999"), note_event, &list, NULL));
    assert_int_equal(list.count, 1);
    assert_true(store_track(follower, SPAN_LIT("id-149999"), note_event, &list, NULL));
    assert_int_equal(list.count, 2);
    store_close(follower);
    int first = 1;
    memcpy(digest, &first, sizeof first);
    assert_int_equal(find_repeat(room->store, NULL, SPAN_LIT("BETA"), SPAN_LIT("id-1"), digest),
                     STORE_REPEAT_UNKNOWN);
}

static void repeat_is_pending_until_its_commit(void **state) {
    struct room *room = *state;
    uint8_t digest[STORE_DIGEST] = {1};
    add_repeat(room->batch, SPAN_LIT("p"), SPAN_LIT("id"), digest, 1);
    assert_int_equal(find_repeat(room->store, room->batch, SPAN_LIT("p"), SPAN_LIT("id"), digest),
                     STORE_REPEAT_PENDING);
    assert_int_equal(find_repeat(room->store, NULL, SPAN_LIT("p"), SPAN_LIT("id"), digest),
                     STORE_REPEAT_UNKNOWN);
    assert_int_equal(find_repeat(room->store, room->batch, SPAN_LIT("pi"), SPAN_LIT("d"), digest),
                     STORE_REPEAT_UNKNOWN);
    room_commit(room);
    assert_int_equal(find_repeat(room->store, NULL, SPAN_LIT("p"), SPAN_LIT("id"), digest),
                     STORE_REPEAT_KNOWN);
    digest[0] = 2;
    assert_int_equal(find_repeat(room->store, NULL, SPAN_LIT("p"), SPAN_LIT("id"), digest),
                     STORE_REPEAT_UNKNOWN);
}

/* A batch lives as long as the store: it keeps no key that it does not add any more, and loses none that it
 * still adds. */
static void a_batch_forgets_the_keys_that_it_lost(void **state) {
    struct room *room = *state;
    uint8_t key[STORE_DIGEST] = {0};
    for (key[0] = 1; key[0] < 100; key[0]++) {
        assert_true(store_add_repeat(room->batch, key, 1));
        size_t mark = store_batch_mark(room->batch);
        assert_true(store_add_repeat(room->batch, key, 1));
        store_batch_undo(room->batch, mark);
        assert_true(store_batch_adds_repeat(room->batch, key));
        assert_int_equal(room->batch->pending.count, 1);
        store_batch_undo(room->batch, mark - 1);
        assert_false(store_batch_adds_repeat(room->batch, key));
        assert_int_equal(room->batch->pending.count, 0);
    }
    assert_true(store_add_repeat(room->batch, key, 1));
    room_commit(room);
    assert_int_equal(room->batch->pending.count, 0);
}

/* I13 */
static void second_writer_is_refused(void **state) {
    struct room *room = *state;
    struct error err = {0};
    assert_null(store_open(room->path, NULL, &err));
    assert_int_equal(err.code, STORE_LOCKED);
}

static void reader_sees_commits_and_writes_nothing(void **state) {
    struct room *room = *state;
    struct error err = {0};
    struct store_options options = {.read_only = true};
    struct store *reader = store_open(room->path, &options, &err);
    assert_non_null(reader);
    uint64_t message = add_one(room, 100000, 3, NULL);
    uint32_t box = store_mailbox(room->store, SPAN_LIT("later"), NULL);
    room_commit(room);
    struct store_content *content = store_content_open(reader, message, &err);
    assert_non_null(content);
    expect_octets(content, 100000, 3);
    store_content_release(content);
    assert_int_equal(store_find_mailbox(reader, SPAN_LIT("later"), NULL), box);
    struct store_batch *batch = store_batch_new(reader);
    store_put_record(batch, STORE_USER, SPAN_LIT("x"), SPAN_LIT("y"));
    assert_false(store_commit(batch, &err));
    assert_int_equal(err.code, STORE_READ_ONLY);
    assert_null(store_content_create(reader, 0, &err));
    store_batch_free(batch);
    store_close(reader);
}

static void gathering_waits_only_when_it_pays(void **state) {
    struct room *room = *state;
    add_one(room, 10, 1, NULL);
    room_commit(room);
    struct store_figures figures;
    store_figures(room->store, &figures);
    assert_int_equal(store_gather_us(room->store, 1, 1, 0, 0), 0);
    if (figures.sync_us < 500) {
        assert_int_equal(store_gather_us(room->store, 1, 8, 1000, 1100), 400);
        assert_int_equal(store_gather_us(room->store, 1, 8, 1000, 2000), 0);
    }
    assert_int_equal(store_gather_us(room->store, 8, 8, 1000, 1100), 0);
}

static void folder_without_a_store_is_told(void **state) {
    (void)state;
    struct error err = {0};
    assert_null(store_open("/tmp/chasqui-there-is-nothing-here", NULL, &err));
    assert_int_equal(err.code, STORE_NOT_FOUND);
}

static bool count_past(void *context, uint64_t place, struct span key, int64_t at, struct span data) {
    (void)place, (void)key, (void)at, (void)data;
    ++*(unsigned *)context;
    return true;
}

static unsigned events_left(struct room *room) {
    unsigned count = 0;
    assert_true(store_each_event(room->store, 0, count_past, &count, NULL));
    return count;
}

/* The clock was a year ahead for a while: what was recorded then, and what came after it, expires all the
 * same. */
static void events_of_the_future_hold_up_no_expiry(void **state) {
    struct room *room = *state;
    int64_t now = clock_now_us();
    for (unsigned commits = 0; commits < 80; commits++) {
        for (unsigned i = 0; i < 10; i++)
            store_add_event(room->batch, SPAN_LIT("k"), now + INT64_C(31536000000000), SPAN_LIT("d"));
        room_commit(room);
    }
    store_add_event(room->batch, SPAN_LIT("k"), now - 1000000, SPAN_LIT("d"));
    room_commit(room);
    assert_int_equal(events_left(room), 801);
    while (store_maintain(room->store, now, now - 2000000, 1000))
        ;
    assert_int_equal(events_left(room), 801);
    for (unsigned calls = 0; calls < 5;
         calls++) /* nothing but expiry is asked of it: each goes on from the last */
        while (store_maintain(room->store, now, clock_now_us() + 1, 1000))
            ;
    assert_int_equal(events_left(room), 0);
}

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, room_setup, room_teardown)

/* A writer that dies after its commit; what it wrote is in the log alone. */
static uint64_t write_and_die(struct room *room) {
    int ends[2];
    uint64_t message = 0;
    assert_int_equal(pipe(ends), 0);
    room_close(room);
    pid_t child = fork();
    if (child == 0) {
        room_open(room);
        message = add_one(room, 100, 1, NULL);
        room_commit(room);
        _exit(write(ends[1], &message, sizeof message) == sizeof message ? 0 : 1);
    }
    assert_int_equal(read(ends[0], &message, sizeof message), sizeof message);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ends[0]);
    close(ends[1]);
    return message;
}

static void expect_beside(struct room *room, uint64_t first, uint64_t second) {
    const struct store_options reader = {.read_only = true};
    struct store *beside = store_open(room->path, &reader, NULL);
    assert_non_null(beside);
    for (unsigned i = 1; i <= 2; i++) {
        struct store_content *content = store_content_open(beside, i == 1 ? first : second, NULL);
        assert_non_null(content);
        expect_octets(content, 100, i);
        store_content_release(content);
    }
    store_close(beside);
}

/* What stands behind the end of SQLite's log is nothing to who comes after a writer that was killed, to a
 * second handle, or to a checkpoint. */
static void the_log_is_longer_than_it_says(void **state) {
    struct room *room = *state;
    struct stat log;
    char name[PLACE_MAX + 16];
    if (is_at_a_server())
        return;
    uint64_t first = write_and_die(room);
    snprintf(name, sizeof name, "%s/queue.db-wal", room->path);
    assert_int_equal(stat(name, &log), 0);
    assert_true(log.st_size >= 2 << 20);
    room_open(room);
    uint64_t second = add_one(room, 100, 2, NULL);
    room_commit(room);
    expect_beside(room, first, second);
    room_reopen(room);
    expect_message(room, first, 100, 1);
    expect_message(room, second, 100, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_ROOM(events_of_the_future_hold_up_no_expiry),
        IN_ROOM(message_lives_as_long_as_its_work),
        IN_ROOM(last_reference_of_any_kind_removes_it),
        IN_ROOM(message_without_references_is_not_stored),
        IN_ROOM(undo_takes_back_one_request_only),
        IN_ROOM(work_is_listed_by_cursor),
        IN_ROOM(ids_rise_across_restarts),
        IN_ROOM(work_for_a_message_that_is_gone_is_refused),
        IN_ROOM(mailbox_entries),
        IN_ROOM(statuses_do_not_go_back),
        IN_ROOM(entries_to_come_are_new),
        IN_ROOM(entries_keep_their_head),
        IN_ROOM(mailboxes_are_renamed_and_joined),
        IN_ROOM(records_by_kind_and_name),
        IN_ROOM(nothing_is_read_after_its_time),
        IN_ROOM(activity_out_goes_with_its_work),
        IN_ROOM(events_come_back_in_order),
        IN_ROOM(events_are_walked_backwards_in_pages),
        IN_ROOM(keys_are_found_through_runs),
        IN_ROOM(repeat_is_pending_until_its_commit),
        IN_ROOM(a_batch_forgets_the_keys_that_it_lost),
        IN_ROOM(second_writer_is_refused),
        IN_ROOM(the_log_is_longer_than_it_says),
        IN_ROOM(reader_sees_commits_and_writes_nothing),
        IN_ROOM(gathering_waits_only_when_it_pays),
        cmocka_unit_test(folder_without_a_store_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
