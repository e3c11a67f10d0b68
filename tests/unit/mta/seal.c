/*
 * Columns of mailboxes, as the switch has them made: by a work process, of each 256 entries. What ends the
 * work process, or the switch itself, at whatever moment, keeps no chunk from being sealed in the end, and
 * what is sealed says what was delivered.
 */
#include "world.h"

#include "content/ipm.h"
#include "ipc/client.h"
#include "ms/entry.h"
#include "ms/sealed.h"
#include "mta/mailbox_name.h"
#include "mts/row.h"
#include "store/check.h"
#include "store/store.h"
#include "work/work.h"

#define BOMB "BOMB"

/* ---- messages ---- */

static struct span content_with(struct world *world, const char *subject, size_t related) {
    struct x420_InformationObject object = {.choice = x420_InformationObject_ipm};
    struct x420_Heading *heading = &object.u.ipm.heading;
    struct x420_IPMIdentifier *others = arena_array(&world->arena, related + 1, sizeof *others);
    struct span octets;
    heading->this_IPM.user_relative_identifier = span_str(subject);
    heading->subject = span_str(subject);
    heading->related_IPMs.items = related ? others : NULL;
    heading->related_IPMs.count = related;
    for (size_t i = 0; i < related; i++)
        others[i].user_relative_identifier = SPAN_LIT("a message that is related to this one");
    assert_true(ber_encode_arena(&x420_InformationObject_type, &object, &world->arena, &octets, NULL));
    return octets;
}

static void give(struct world *world, struct span content) {
    send_whole(world, 1, envelope_to(world, WANTS_NDN, JONES, NULL), content);
    assert_int_equal(result_of(world, 1), IPC_ACCEPTED);
}

/* `from` to `to`: the numbers that they get. */
static void give_numbered(struct world *world, unsigned from, unsigned to) {
    for (unsigned i = from; i <= to; i++)
        give(world, content_with(world, arena_printf(&world->arena, "Subject %u", i), 0));
}

/* ---- work processes ---- */

static pid_t begin_work(struct world *world, void (*work)(int fd)) {
    int fd = pass_through(world->door, IPC_END_WORK);
    fflush(stdout);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(world->net);
        close(world->clients);
        close(world->door);
        close(world->parent);
        work(fd);
        _exit(0);
    }
    close(fd);
    return pid;
}

static void end_work(pid_t pid) {
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void work_well(int fd) {
    work_run(fd);
}

/* As work/attributes.c, but that one content ends it. */
static void work_badly(int fd) {
    static const struct ipc_side side = {.self = IPC_WORK, .other = IPC_STORE};
    struct ipc_client *client = ipc_client_of(fd, side);
    struct error err = {0};
    enum ipc_type type;
    uint64_t ref;
    struct span payload;
    assert_true(client && ipc_client_send(client, IPC_WORK_READY, 0, NOTHING, NOTHING, &err));
    while (ipc_client_receive(client, &type, &ref, &payload, -1, &err)) {
        struct reader r = reader_of(payload);
        struct buf out;
        if (memmem(payload.data, payload.len, BOMB, 4))
            _exit(1);
        buf_init(&out, 0);
        buf_append_byte(&out, IPC_WORK_DONE);
        buf_append_u64(&out, 0);
        assert_true(reader_u8(&r) == IPC_WORK_ATTRIBUTES && reader_u64(&r) == 0);
        while (reader_left(&r)) { /* that nothing could be read is right as well */
            struct store_entry entry = {.type = reader_u8(&r), .known = reader_u8(&r)};
            struct span items = payload_octets(&r);
            struct ms_facts facts;
            struct arena arena;
            reader_u64(&r);
            payload_octets(&r);
            arena_init(&arena, 1 << 20);
            assert_true(ms_seal_unread(&entry, items, &arena, &facts));
            buf_append_byte(&out, IPC_WORK_FACTS);
            ms_facts_write(&out, &facts);
            arena_free(&arena);
        }
        ipc_client_send(client, IPC_WORK_RESULT, ref, buf_span(&out), NOTHING, &err);
        buf_free(&out);
    }
}

static void refuse(int fd) {
    static const struct ipc_side side = {.self = IPC_WORK, .other = IPC_STORE};
    struct ipc_client *client = ipc_client_of(fd, side);
    struct error err = {0};
    enum ipc_type type;
    uint64_t ref;
    struct span payload;
    ipc_client_send(client, IPC_WORK_READY, 0, NOTHING, NOTHING, &err);
    /* Results for one entry too many. */
    while (ipc_client_receive(client, &type, &ref, &payload, -1, &err))
        ipc_client_send(client, IPC_WORK_RESULT, ref, SPAN_LIT("\1\0\0\0\0\0\0\0\0\0\7"), NOTHING, &err);
}

/* ---- what is sealed ---- */

struct seen {
    struct store *store;
    uint32_t mailbox;
    struct buf octets;
};

static void look(struct world *world, struct seen *seen) {
    struct store_options options = {.read_only = true};
    struct error err = {0};
    struct arena arena;
    arena_init(&arena, 1 << 20);
    if (!(seen->store = store_open(world->place, &options, &err)))
        fail_msg("%s", err.text);
    const char *name = mts_mailbox_of(world->config.tables, JONES);
    seen->mailbox = store_find_mailbox(seen->store, mailbox_name(&arena, name), NULL);
    assert_true(seen->mailbox);
    arena_free(&arena);
}

static struct store_column_view *column_of(struct seen *seen, enum store_column column, uint64_t chunk) {
    static struct store_column_view view;
    buf_clear(&seen->octets);
    assert_true(
        store_get_column(seen->store, seen->mailbox, column, chunk, &seen->octets, &(struct error){0}));
    return seen->octets.len && store_column_open(buf_span(&seen->octets), column, &view) ? &view : NULL;
}

static bool is_sealed(struct world *world, uint64_t chunk) {
    struct seen seen = {0};
    bool sealed = true;
    buf_init(&seen.octets, 0);
    look(world, &seen);
    for (unsigned i = 0; i < STORE_COLUMNS; i++)
        sealed = sealed && column_of(&seen, (enum store_column)i, chunk);
    store_close(seen.store);
    buf_free(&seen.octets);
    return sealed;
}

/* What the items say of each number of the chunk's that has an entry. */
typedef void each_sealed(uint64_t number, const struct ms_sealed *sealed);

static void each(struct world *world, uint64_t chunk, each_sealed *cb) {
    struct seen seen = {0};
    buf_init(&seen.octets, 0);
    look(world, &seen);
    struct store_column_view *view = column_of(&seen, STORE_COLUMN_ITEMS, chunk);
    assert_non_null(view);
    for (unsigned i = 0; i < STORE_CHUNK; i++)
        if (view->texts[i].data) {
            struct ms_sealed sealed = ms_sealed_open(view->texts[i]);
            cb(chunk * STORE_CHUNK + i, &sealed);
        }
    store_close(seen.store);
    buf_free(&seen.octets);
}

static unsigned unreadable, checked;

static bool says(const struct ms_sealed *sealed, const char *text) {
    struct span subject = ms_item(sealed->items, ms_attribute_by_oid(span_of("\x56\x01\x07\x04", 4)));
    return subject.len >= 2 && span_eq(span_sub(subject, 2, subject.len - 2), span_str(text));
}

static void is_as_given(uint64_t number, const struct ms_sealed *sealed) {
    char text[40];
    snprintf(text, sizeof text, "Subject %llu", (unsigned long long)number);
    unreadable += sealed->reading == MS_UNREADABLE;
    if (sealed->reading != MS_UNREADABLE)
        assert_true(sealed->reading == MS_READ_IPM && says(sealed, text));
    checked++;
}

static void columns_are_made_of_contents(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    associate(&world, 1, "beta");
    pid_t work = begin_work(&world, work_well);
    give_numbered(&world, 1, 300);
    EVENTUALLY(is_sealed(&world, 0));
    unreadable = checked = 0;
    each(&world, 0, is_as_given);
    assert_int_equal(checked, 255);
    assert_int_equal(unreadable, 0);

    struct seen seen = {0};
    buf_init(&seen.octets, 0);
    look(&world, &seen);
    struct store_column_view *view = column_of(&seen, STORE_COLUMN_ORIGINATOR_TEXT, 0);
    assert_true(view && memmem(view->texts[7].data, view->texts[7].len, "eva", 3));
    view = column_of(&seen, STORE_COLUMN_SUBJECT_TEXT, 0);
    assert_true(span_eq(view->texts[200], SPAN_LIT("subject 200")));
    view = column_of(&seen, STORE_COLUMN_SUBJECT, 0);
    assert_true(view->numbers[200] == store_column_hash(seen.store, SPAN_LIT("subject 200")));
    view = column_of(&seen, STORE_COLUMN_REPLIED_TO, 0);
    assert_true(view->numbers[200] == STORE_NO_VALUE); /* a heading that was read has none */
    view = column_of(&seen, STORE_COLUMN_MTS, 0);
    assert_true(view->numbers[200] == store_column_hash(seen.store, SPAN_LIT("m-200")));
    store_close(seen.store);
    buf_free(&seen.octets);
    end_work(work);
    world_end(&world);
}

/* Those with headings that are long, too long, and none at all. */
static void is_odd(uint64_t number, const struct ms_sealed *sealed) {
    assert_int_equal(sealed->reading, number == 20 || number == 30 ? MS_UNREADABLE : MS_READ_IPM);
    if (number == 10)
        assert_true(says(sealed, "long"));
    checked++;
}

static void long_and_broken_headings_are_told(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    associate(&world, 1, "beta");
    give_numbered(&world, 1, 9);
    give(&world, content_with(&world, "long", 1000));
    give_numbered(&world, 11, 19);
    give(&world, content_with(&world, "too long", 8000));
    give_numbered(&world, 21, 29);
    give(&world, SPAN_LIT("\xA0\x10no heading at all"));
    give_numbered(&world, 31, 255);
    assert_false(is_sealed(&world, 0)); /* there is no work process yet */
    pid_t work = begin_work(&world, work_well);
    EVENTUALLY(is_sealed(&world, 0));
    checked = 0;
    each(&world, 0, is_odd);
    assert_int_equal(checked, 255);
    end_work(work);
    world_end(&world);
}

/* The work process ends at one content, whenever it meets it; the others are not unreadable for that. */
static bool seals_at_last(struct world *world, void (*work)(int fd), unsigned most) {
    for (unsigned i = 0; i < most; i++) {
        pid_t pid = begin_work(world, work);
        int64_t end = clock_monotonic_us() + 30000000;
        bool gone = false;
        while (clock_monotonic_us() < end && !gone && !is_sealed(world, 0)) {
            gone = waitpid(pid, NULL, WNOHANG) == pid;
            usleep(2000);
        }
        if (gone)
            continue;
        end_work(pid);
        return is_sealed(world, 0);
    }
    return false;
}

/* ---- lists ---- */

/* The numbers of the entries that a list of these members gives, in its order, as `3 2 1 `. */
static char *numbers_of(struct world *world, const char *members) {
    static char text[8192];
    json_t *answer, *row;
    size_t i, at = 0;
    char *request =
        arena_printf(&world->arena, "{\"operation\":\"mailbox-list\",\"mailbox\":\"%s\",\"limit\":1000%s}",
                     JONES, members);
    answer = ask(world, request);
    if (!json_is_array(json_object_get(answer, "entries")))
        fail_msg("%s: %s", members, json_dumps(answer, 0));
    text[0] = '\0';
    json_array_foreach(json_object_get(answer, "entries"), i, row) at += (size_t)snprintf(
        text + at, sizeof text - at, "%lld ", json_integer_value(json_object_get(row, "entry")));
    json_decref(answer);
    return text;
}

#define HELGE BETA "/O=Acme Ltd/S=Svensson/G=Helge"

static void lists_are_right(struct world *world) {
    assert_string_equal(numbers_of(world, ",\"subject\":\"SUBJECT 12\",\"before\":130"),
                        "12 120 121 122 123 124 125 126 127 128 129 ");
    assert_string_equal(numbers_of(world, ",\"subject\":\"subject 299\""), "299 ");
    assert_string_equal(numbers_of(world, ",\"from\":\"svens\""), "50 280 ");
    assert_string_equal(numbers_of(world, ",\"from\":\"acme\",\"newest\":true"), "280 50 ");
    assert_string_equal(numbers_of(world, ",\"from\":\"/O=acme/S=SVENSS\""), "50 280 ");
    assert_string_equal(numbers_of(world, ",\"from\":\"/O=acme/S=other\""), "");
    assert_string_equal(numbers_of(world, ",\"from\":\"nobody\""), "");
    assert_string_equal(numbers_of(world, ",\"from\":\"svensson\",\"subject\":\"28\""), "280 ");
    assert_string_equal(numbers_of(world, ",\"unseen\":true,\"before\":8"), "1 2 4 5 6 7 "); /* 3 was read */
    assert_string_equal(numbers_of(world, ",\"newest\":true,\"after\":297"), "300 299 298 ");
    assert_string_equal(numbers_of(world, ",\"newest\":true,\"after\":1,\"before\":4"), "3 2 ");
    assert_string_equal(numbers_of(world, ",\"since\":4000000000"), "");
    assert_string_equal(numbers_of(world, ",\"since\":1,\"after\":298"), "299 300 ");
    assert_string_equal(numbers_of(world, ",\"after\":9,\"before\":10"), "");
    assert_string_equal(numbers_of(world, ",\"subject\":\"p\u00e4\u4e2d\""), "60 "); /* T.61 can't hold it */
}

/* By the columns and by each entry: it is the same. */
static void lists_are_the_same_when_sealed(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    associate(&world, 1, "beta");
    give_numbered(&world, 1, 49);
    world.originator = HELGE;
    give_numbered(&world, 50, 50);
    world.originator = NULL;
    give_numbered(&world, 51, 59);
    struct ipm_heading heading = {.this_ipm = {.user_relative_identifier = "wide"},
                                  .subject = "P\u00e4\u4e2d"};
    struct ipm_plan plan;
    struct error err = {0};
    assert_true(ipm_plan(&heading, NULL, 0, &world.arena, &plan, &err) && plan.count);
    struct buf content;
    buf_init(&content, 0);
    for (size_t i = 0; i < plan.count; i++)
        buf_append_span(&content, plan.pieces[i].octets);
    give(&world, buf_span(&content));
    buf_free(&content);
    give_numbered(&world, 61, 279);
    world.originator = HELGE;
    give_numbered(&world, 280, 280);
    world.originator = NULL;
    give_numbered(&world, 281, 300);
    client(&world, 1, 1001);
    json_decref(
        ask(&world, "{\"operation\":\"mailbox-mark\",\"mailbox\":\"" JONES "\",\"entry\":3,\"seen\":true}"));
    lists_are_right(&world);
    assert_false(is_sealed(&world, 0));
    pid_t work = begin_work(&world, work_well);
    EVENTUALLY(is_sealed(&world, 0));
    lists_are_right(&world);
    end_work(work);
    world_end(&world);
}

static void a_content_that_ends_work_processes_is_told(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    associate(&world, 1, "beta");
    give_numbered(&world, 1, 99);
    give(&world, content_with(&world, BOMB, 0));
    give_numbered(&world, 101, 255);
    assert_true(seals_at_last(&world, work_badly, 10));
    client(&world, 1, 1001);
    /* It is not opened again, and stands in the lists for which it need not be. */
    assert_string_equal(numbers_of(&world, ",\"subject\":\"" BOMB "\""), "");
    assert_string_equal(numbers_of(&world, ",\"from\":\"eva\",\"after\":98,\"before\":102"), "99 100 101 ");
    world_end(&world);
}

static void who_answers_wrongly_is_ended(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    associate(&world, 1, "beta");
    give_numbered(&world, 1, 255);
    pid_t pid = begin_work(&world, refuse);
    assert_int_equal(waitpid(pid, NULL, 0), pid); /* its channel was closed */
    pid = begin_work(&world, work_well);
    EVENTUALLY(is_sealed(&world, 0));
    end_work(pid);
    still_served(&world);
    world_end(&world);
}

static void told(void *context, const struct store_finding *finding) {
    if (!finding->step)
        fprintf(stderr, "# I%d: %s\n", finding->invariant, finding->text);
    (void)context;
}

static void a_kill_at_any_moment_leaves_no_gap(void **state) {
    struct world world;
    struct error err = {0};
    uint64_t findings = 0;
    unsigned number = 0;
    (void)state;
    world_begin(&world);
    for (unsigned round = 0; round < 8; round++) {
        associate(&world, 1, "beta");
        pid_t work = begin_work(&world, work_well);
        give_numbered(&world, number + 1, number + 150);
        number += 150;
        usleep(round * 700); /* wherever sealing is then */
        end_work(work);
        world_anew(&world);
    }
    pid_t work = begin_work(&world, work_well);
    for (unsigned chunk = 0; chunk < number / STORE_CHUNK; chunk++)
        EVENTUALLY(is_sealed(&world, chunk));
    unreadable = checked = 0;
    for (unsigned chunk = 0; chunk < number / STORE_CHUNK; chunk++)
        each(&world, chunk, is_as_given);
    assert_int_equal(unreadable, 0);
    assert_int_equal(checked, number / STORE_CHUNK * STORE_CHUNK - 1);
    world_stop(&world);
    end_work(work);
    assert_true(store_check(world.place, true, told, NULL, &findings, &err));
    assert_int_equal(findings, 0);
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_made_of_contents),
        cmocka_unit_test(long_and_broken_headings_are_told),
        cmocka_unit_test(lists_are_the_same_when_sealed),
        cmocka_unit_test(a_content_that_ends_work_processes_is_told),
        cmocka_unit_test(who_answers_wrongly_is_ended),
        cmocka_unit_test(a_kill_at_any_moment_leaves_no_gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
