/* Submissions that are kept: an entry of class submission in the originator's mailbox, of the same message as
 * the copies, for its time; not where that is not asked for, or the mailbox is full. */
#include "world.h"

#include "mta/mailbox_name.h"
#include "schema/x413.h"
#include "store/check.h"
#include "store/store.h"

#define CLIENT ((uint64_t)1 << 32)

static void submit(struct world *world, const char *to, const char *content) {
    static uint64_t ref;
    ref++;
    tell(world, IPC_SUBMIT_BEGIN, CLIENT | (100 + ref), SPAN_LIT("\1"), submission_to(world, EVA, to, NULL));
    tell(world, IPC_SUBMIT_CONTENT, CLIENT | (100 + ref), NOTHING, span_str(content));
    tell(world, IPC_SUBMIT_END, CLIENT | (100 + ref), NOTHING, NOTHING);
    assert_string_equal(error_of(world, CLIENT | (100 + ref)), "");
}

struct seen {
    unsigned kept, delivered;
    struct store_entry entry; /* the last that is kept */
    struct store *store;
    bool content_is_right;
};

static bool see(void *context, const struct store_entry *entry) {
    struct seen *seen = context;
    bool kept = entry->entry_class == x413_EntryClass_submission;
    seen->kept += kept;
    seen->delivered += entry->entry_class == x413_EntryClass_delivery;
    if (!kept)
        return true;
    seen->entry = *entry;
    struct store_content *content = store_content_open(seen->store, entry->message, NULL);
    char octets[64] = "";
    size_t got = 0;
    seen->content_is_right = content && store_content_read(content, 0, octets, 60, &got, NULL) &&
                             strcmp(octets, "what is submitted") == 0;
    store_content_release(content);
    return true;
}

static struct seen look(struct world *world, const char *whose) {
    struct store_options options = {.read_only = true};
    struct error err = {0};
    struct seen seen = {.store = store_open(world->place, &options, &err)};
    struct arena arena;
    arena_init(&arena, 1 << 20);
    assert_non_null(seen.store);
    uint32_t mailbox = store_find_mailbox(
        seen.store, mailbox_name(&arena, mts_mailbox_of(world->config.tables, whose)), NULL);
    if (mailbox)
        assert_true(store_each_entry(seen.store, mailbox, 0, 0, see, &seen, &err));
    store_close(seen.store);
    arena_free(&arena);
    return seen;
}

static void begin(struct world *world, unsigned kept) {
    world_begin(world);
    world_stop(world);
    world->config.limits.kept_seconds = kept;
    world_start(world);
    client(world, 1, 1001);
}

static void told(void *context, const struct store_finding *finding) {
    (void)context;
    if (!finding->step)
        fprintf(stderr, "# I%d: %s\n", finding->invariant, finding->text);
}

static void is_sound(struct world *world) {
    uint64_t findings = 0;
    struct error err = {0};
    world_stop(world);
    assert_true(store_check(world->place, true, told, NULL, &findings, &err));
    assert_int_equal(findings, 0);
    world_start(world);
}

static void what_is_submitted_is_kept(void **state) {
    struct world world;
    (void)state;
    begin(&world, 3600);
    submit(&world, SMITH, "what is submitted");
    struct seen seen = look(&world, JONES);
    assert_true(seen.kept == 1 && seen.delivered == 0 && seen.content_is_right);
    assert_true(seen.entry.type == x413_EntryType_submitted_message && seen.entry.known);
    assert_int_equal(look(&world, SMITH).kept, 0);
    assert_int_equal(look(&world, SMITH).delivered, 1);
    /* A list of what came does not show it. */
    json_t *list = ask(&world, "{\"operation\":\"mailbox-list\",\"mailbox\":\"" JONES "\"}");
    assert_int_equal(json_array_size(json_object_get(list, "entries")), 0);
    json_decref(list);
    world_anew(&world);
    assert_int_equal(look(&world, JONES).kept, 1);
    is_sound(&world);
    world_abandon(&world);
}

static void what_is_not_asked_for_is_not_kept(void **state) {
    struct world world;
    (void)state;
    begin(&world, 0);
    submit(&world, SMITH, "what is submitted");
    assert_int_equal(look(&world, JONES).kept, 0);
    world_abandon(&world);
}

static void a_full_mailbox_keeps_none(void **state) {
    struct world world;
    (void)state;
    begin(&world, 3600);
    world_stop(&world);
    world.config.limits.mailbox_octets = 100;
    world_start(&world);
    client(&world, 1, 1001);
    submit(&world, FRANK, "what is submitted");
    assert_int_equal(look(&world, JONES).kept, 0);
    world_abandon(&world);
}

static void it_goes_when_its_time_is_over(void **state) {
    struct world world;
    (void)state;
    begin(&world, 1);
    submit(&world, SMITH, "what is submitted");
    EVENTUALLY(look(&world, JONES).kept == 0);
    assert_int_equal(look(&world, SMITH).delivered, 1);
    is_sound(&world);
    world_abandon(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_submitted_is_kept),
        cmocka_unit_test(what_is_not_asked_for_is_not_kept),
        cmocka_unit_test(a_full_mailbox_keeps_none),
        cmocka_unit_test(it_goes_when_its_time_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
