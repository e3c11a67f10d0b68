/* The ground floor: spans, arenas, buffers, readers, civil time, log text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/host.h"
#include "base/log.h"
#include "base/map.h"
#include "base/nearest.h"
#include "base/reader.h"

static void span_order_and_case(void **state) {
    (void)state;
    assert_true(span_cmp(SPAN_LIT("ab"), SPAN_LIT("abc")) < 0);
    assert_true(span_cmp(SPAN_LIT("b"), SPAN_LIT("abc")) > 0);
    assert_int_equal(span_cmp(SPAN_LIT("abc"), SPAN_LIT("abc")), 0);
    assert_true(span_eq_nocase(SPAN_LIT("Gold-400"), SPAN_LIT("gOLD-400")));
    assert_false(span_eq_nocase(SPAN_LIT("GOLD"), SPAN_LIT("GOLF")));
    assert_int_equal(span_sub(SPAN_LIT("abc"), 2, 9).len, 1);
    assert_int_equal(span_sub(SPAN_LIT("abc"), 9, 9).len, 0);
}

static const char *nearest_of(const char *given) {
    static const char *const names[] = {"socket", "domain", "resume", "at"};
    struct nearest nearest = nearest_begin(span_str(given));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        nearest_try(&nearest, names[i]);
    return nearest.name ? nearest.name : "-";
}

static void the_nearest_name_is_near(void **state) {
    (void)state;
    assert_string_equal(nearest_of("sokcet"), "socket");
    assert_string_equal(nearest_of("domains"), "domain");
    assert_string_equal(nearest_of("rsume"), "resume");
    assert_string_equal(nearest_of("a"), "-"); /* all but nothing of it would be changed */
    assert_string_equal(nearest_of("on"), "-");
    assert_string_equal(nearest_of(""), "-");
    char long_one[2000];
    memset(long_one, 's', sizeof long_one - 1);
    long_one[sizeof long_one - 1] = '\0';
    assert_string_equal(nearest_of(long_one), "-");
}

static void an_option_is_found_without_its_dashes_and_value(void **state) {
    (void)state;
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"test", no_argument, NULL, 't'}, {0}};
    assert_string_equal(nearest_option("--conifg=/etc/x", options), "config");
    assert_string_equal(nearest_option("--tset", options), "test");
    assert_null(nearest_option("--", options));
    assert_null(nearest_option("--elephant", options));
}

static void arena_keeps_its_cap(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 100000);
    uint8_t *first = arena_alloc(&arena, 40000);
    assert_non_null(first);
    memset(first, 0xFF, 40000);
    assert_null(arena_alloc(&arena, 60001));
    assert_null(arena_array(&arena, SIZE_MAX / 2, 3));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    arena_reset(&arena);
    uint8_t *again = arena_alloc(&arena, 40000);
    assert_non_null(again);
    assert_int_equal(again[39999], 0);
    arena_free(&arena);
}

static void arena_gives_zeros_however_often_it_is_used(void **state) {
    (void)state;
    struct arena arena;
    static const uint8_t zeros[300];
    arena_init(&arena, 65521); /* no multiple of anything */
    for (int use = 0; use < 3; use++) {
        uint8_t *part;
        size_t size = 0, given = 0;
        for (; (part = arena_alloc(&arena, size)); given += size, size = (size + 37) % sizeof zeros) {
            assert_int_equal((uintptr_t)part % _Alignof(max_align_t), 0);
            assert_memory_equal(part, zeros, size);
            memset(part, 0xFF, size);
        }
        assert_in_range(given, 50000, 65521);
        arena_reset(&arena);
    }
    arena_free(&arena);
}

static void arena_survives_an_empty_heap(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    mem_fail_after(0);
    assert_null(arena_alloc(&arena, 10));
    mem_fail_after(-1);
    assert_non_null(arena_alloc(&arena, 10));
    assert_string_equal(arena_printf(&arena, "%d-%s", 7, "x"), "7-x");
    arena_free(&arena);
}

static bool has(const struct buf *buf, const char *word) {
    return buf->data && memmem(buf->data, buf->cap, word, strlen(word));
}

/* What a secret buffer gives up is nowhere in its memory; what it gives back, isolation.py looks for. */
static void secret_buf_leaves_nothing(void **state) {
    struct buf buf;
    (void)state;
    buf_init_secret(&buf, 0);
    assert_true(buf_append_span(&buf, SPAN_LIT("rest password")) && has(&buf, "password"));
    buf_clear(&buf);
    assert_false(has(&buf, "password"));
    assert_true(buf_append_span(&buf, SPAN_LIT("password then")));
    buf_consume(&buf, 9);
    assert_true(span_eq(buf_span(&buf), SPAN_LIT("then")));
    assert_false(has(&buf, "password") || has(&buf, "word"));
    for (int i = 0; i < 1000; i++)
        assert_true(buf_append_span(&buf, SPAN_LIT("more")));
    assert_true(memcmp(buf.data, "thenmore", 8) == 0 && buf.len == 4004);
    buf_no_secret(&buf);
    buf_consume(&buf, 4000);
    assert_true(span_eq(buf_span(&buf), SPAN_LIT("more")));
    assert_true(has(&buf, "moremoremore")); /* no work is done for it any more */
    buf_free(&buf);
    assert_false(buf.secret);
}

static void secret_arena_leaves_nothing(void **state) {
    struct arena arena;
    (void)state;
    arena_init_secret(&arena, 1 << 20);
    struct span word = arena_dup(&arena, SPAN_LIT("password"));
    assert_non_null(word.data);
    arena_reset(&arena);
    for (size_t i = 0; i < word.len; i++)
        assert_int_equal(word.data[i], 0); /* the newest block stays */
    assert_non_null(arena_alloc(&arena, 100000));
    arena_free(&arena);
    assert_true(arena.secret);
}

static void buf_fails_once_and_for_all_at_its_limit(void **state) {
    (void)state;
    struct buf buf;
    buf_init(&buf, 10);
    assert_true(buf_append_u64(&buf, 0x0102030405060708u));
    assert_int_equal(buf.data[0], 1);
    assert_false(buf_append_u32(&buf, 1));
    assert_false(buf_append_byte(&buf, 1));
    assert_true(buf.failed);
    buf_clear(&buf);
    assert_true(buf_append(&buf, "abcdef", 6));
    buf_consume(&buf, 2);
    assert_true(span_eq(buf_span(&buf), SPAN_LIT("cdef")));
    buf_free(&buf);
}

static void reader_never_leaves_its_window(void **state) {
    (void)state;
    struct reader r = reader_of(SPAN_LIT("\x01\x02\x03"));
    assert_int_equal(reader_u16(&r), 0x0102);
    assert_int_equal(reader_u16(&r), 0);
    assert_true(r.failed);
    assert_int_equal(reader_u8(&r), 0);
}

static void civil_time_round_trips(void **state) {
    (void)state;
    char text[21];
    assert_string_equal(clock_format(0, text), "1970-01-01T00:00:00Z");
    assert_string_equal(clock_format(951782400, text), "2000-02-29T00:00:00Z");
    assert_string_equal(clock_format(-1, text), "1969-12-31T23:59:59Z");
    for (int64_t s = -3000000000; s < 5000000000; s += 86399 * 17) {
        struct civil_time t = civil_from_seconds(s);
        assert_true(civil_is_valid(t));
        assert_int_equal(civil_to_seconds(t), s);
    }
    assert_false(civil_is_valid((struct civil_time){1900, 2, 29, 0, 0, 0}));
    assert_true(civil_is_valid((struct civil_time){2000, 2, 29, 23, 59, 59}));
}

static void errors_gather_context(void **state) {
    (void)state;
    struct error err = {0};
    assert_false(error_set(&err, 3, "line %d", 7));
    error_prefix(&err, "chasqui.conf");
    assert_string_equal(err.text, "chasqui.conf: line 7");
    assert_int_equal(err.code, 3);
    assert_false(error_set(NULL, 1, "nobody listens"));
}

/* What a person is told to do is never cut in a word: half a command is worse than none. */
static void an_error_is_cut_between_words(void **state) {
    (void)state;
    static const char ellipsis[] = " \u2026", remedy[] = "; run it as that one, runuser -u NAME";
    struct error err = {0};
    char words[700] = "";
    while (strlen(words) < sizeof words - 5)
        strcat(words, "four ");
    for (size_t length = sizeof err.text - 8; length < sizeof err.text + 8; length++) {
        error_set(&err, 1, "%.*s", (int)length, words);
        if (length < sizeof err.text)
            assert_int_equal(strlen(err.text), length);
        else
            assert_string_equal(strrchr(err.text, 'r') + 1, ellipsis);
        error_append(&err, remedy);
        assert_string_equal(err.text + strlen(err.text) - strlen(remedy), remedy);
        assert_memory_equal(err.text + strlen(err.text) - strlen(remedy) - strlen(ellipsis) - 4, "four", 4);
    }
    error_set(&err, 1, "why");
    error_append(&err, remedy);
    assert_string_equal(err.text, "why; run it as that one, runuser -u NAME");
    error_set(&err, 1, "%s", words);
    error_prefix(&err, "%.300s", words);
    assert_string_equal(strrchr(err.text, 'r') + 1, ellipsis);
    memset(words, 'x', sizeof words - 1);
    error_set(&err, 1, "%s", words); /* no words: within the bound all the same */
    assert_string_equal(strrchr(err.text, 'x') + 1, ellipsis);
}

static void log_text_is_printable_and_bounded(void **state) {
    (void)state;
    char out[LOG_TEXT_SIZE];
    assert_string_equal(log_text(SPAN_LIT("a\n\\b"), out), "a\\x0A\\x5Cb");
    assert_string_equal(log_text(SPAN_LIT("Gr\xC3\xB6\xC3\x9F"
                                          "e \xC3\xE2\x80\xAE\xC2\x85\x7F"),
                                 out),
                        "Gr\xC3\xB6\xC3\x9F"
                        "e \\xC3\\xE2\\x80\\xAE\\xC2\\x85\\x7F");
    uint8_t umlauts[LOG_TEXT_SIZE + 2];
    for (size_t i = 0; i < sizeof umlauts; i++)
        umlauts[i] = i == 0 ? 'a' : i % 2 ? 0xC3 : 0xB6;
    assert_int_equal(strlen(log_text(span_of(umlauts, sizeof umlauts), out)), 127); /* no half of one */
    uint8_t long_text[500];
    memset(long_text, 7, sizeof long_text);
    assert_int_equal(strlen(log_text(span_of(long_text, sizeof long_text), out)), 128);
}

static void networks_of_hosts(void **state) {
    static const struct {
        const char *host, *wide, *narrow;
    } hosts[] = {{"192.0.2.7", "192.0.2.7", "192.0.2.7"},
                 {"2001:db8:1:2:3:4:5:6", "2001:db8:1::/48", "2001:db8:1:2::/64"},
                 {"::1", "::/48", "::/64"},
                 {"?", "?", "?"}};
    char out[HOST_TEXT_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        host_network(hosts[i].host, 48, out);
        assert_string_equal(out, hosts[i].wide);
        host_network(hosts[i].host, 64, out);
        assert_string_equal(out, hosts[i].narrow);
    }
}

/* Keys of which many share a home, so that removals close gaps in long runs. */
static void compare_map(const struct map *map, const int64_t numbers[static 512]) {
    size_t count = 0;
    for (uint64_t key = 1; key < 512; key++) {
        const struct map_slot *slot = map_find(map, key << 40);
        assert_int_equal(slot ? slot->number : 0, numbers[key]);
        count += numbers[key] != 0;
    }
    assert_int_equal(map->count, count);
    for (size_t i = 0; i < map->room; i++)
        assert_true(map->slots[i].key || !map->slots[i].number);
}

static void a_map_has_what_was_put_last(void **state) {
    int64_t numbers[512] = {0};
    struct map map = {0};
    (void)state;
    srand(11);
    for (int i = 0; i < 40000; i++) {
        uint64_t key = 1 + (uint64_t)rand() % 511;
        bool remove = rand() % 2;
        if (remove) {
            map_remove(&map, key << 40);
        } else {
            struct map_slot *slot = map_at(&map, key << 40);
            assert_int_equal(slot->number, numbers[key]); /* 0 where it is new */
            slot->number = i + 1;
        }
        numbers[key] = remove ? 0 : i + 1;
        if (i % 1000 == 0)
            compare_map(&map, numbers);
        if (i == 20000) {
            map_clear(&map);
            memset(numbers, 0, sizeof numbers);
        }
    }
    compare_map(&map, numbers);
    map_free(&map);
}

static void a_map_survives_an_empty_heap(void **state) {
    struct map map = {0};
    int value;
    (void)state;
    mem_fail_after(0);
    assert_false(map_put(&map, 1, &value));
    mem_fail_after(-1);
    for (uint64_t key = 1; key <= 8; key++)
        assert_true(map_put(&map, key, &value));
    mem_fail_after(0);
    assert_null(map_at(&map, 9));
    assert_true(map_put(&map, 8, NULL)); /* needs none */
    mem_fail_after(-1);
    assert_int_equal(map.count, 8);
    assert_ptr_equal(map_get(&map, 7), &value);
    map_free(&map);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_of_hosts),
        cmocka_unit_test(a_map_has_what_was_put_last),
        cmocka_unit_test(a_map_survives_an_empty_heap),
        cmocka_unit_test(span_order_and_case),
        cmocka_unit_test(secret_buf_leaves_nothing),
        cmocka_unit_test(secret_arena_leaves_nothing),
        cmocka_unit_test(the_nearest_name_is_near),
        cmocka_unit_test(an_option_is_found_without_its_dashes_and_value),
        cmocka_unit_test(arena_keeps_its_cap),
        cmocka_unit_test(arena_gives_zeros_however_often_it_is_used),
        cmocka_unit_test(arena_survives_an_empty_heap),
        cmocka_unit_test(buf_fails_once_and_for_all_at_its_limit),
        cmocka_unit_test(reader_never_leaves_its_window),
        cmocka_unit_test(civil_time_round_trips),
        cmocka_unit_test(errors_gather_context),
        cmocka_unit_test(an_error_is_cut_between_words),
        cmocka_unit_test(log_text_is_printable_and_bounded),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
