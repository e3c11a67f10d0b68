/* Octets that strangers send to hurt: bombs, lies about lengths, odd forms, and each kind of error once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/sample.h"

static struct arena arena;
static struct ber_error error;

static int set_up(void **state) {
    (void)state;
    arena_init(&arena, 16 << 20);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(&arena);
    return 0;
}

static bool decode_box(struct span in, const struct ber_limits *limits, struct sample_Box *box) {
    return ber_decode(&sample_Box_type, in, &arena, limits, box, &error);
}

static void nesting_bombs(void **state) {
    (void)state;
    uint8_t bomb[100000];
    struct sample_Box box;
    for (size_t i = 0; i < sizeof bomb; i += 2) {
        bomb[i] = 0xA8;
        bomb[i + 1] = 0x80;
    }
    assert_false(decode_box(span_of(bomb, sizeof bomb), NULL, &box));
    assert_int_equal(error.code, BER_DEPTH);
    for (size_t i = 0; i < sizeof bomb; i += 2)
        bomb[i] = i ? 0x30 : 0xA2; /* unknown depths below shape.any */
    bomb[2] = 0xA2;
    assert_false(decode_box(span_of(bomb, sizeof bomb), NULL, &box));
    assert_int_equal(error.code, BER_DEPTH);
    for (size_t i = 0; i < sizeof bomb; i += 2)
        bomb[i] = i ? 0x24 : 0x24;
    struct span octets;
    assert_false(
        ber_decode(&ber_OCTET_STRING_type, span_of(bomb, sizeof bomb), &arena, NULL, &octets, &error));
    assert_int_equal(error.code, BER_DEPTH);
    for (size_t i = 0; i < sizeof bomb; i += 2)
        bomb[i] = 0x22; /* numbers within numbers */
    int64_t number;
    assert_false(ber_decode(&ber_INTEGER_type, span_of(bomb, sizeof bomb), &arena, NULL, &number, &error));
    assert_int_equal(error.code, BER_DEPTH);
}

/* Where nothing more is to come nothing is taken for it: neither in what has no components at all, nor behind
 * the last one. 00 is the octet that no component begins with. */
static void nothing_comes_where_nothing_is_left(void **state) {
    struct sample_Nothing nothing;
    struct sample_Nothing_Yet nothing_yet;
    struct sample_Plain plain;
    (void)state;
    for (unsigned octet = 0; octet <= 0xFF; octet++) {
        uint8_t in[] = {0x30, 2, (uint8_t)octet, 0};
        bool is_element = (octet & 0xDF) != 0 && (octet & 0x1F) != 0x1F; /* 0 is an end of contents */
        assert_false(ber_decode(&sample_Nothing_type, span_of(in, 4), &arena, NULL, &nothing, &error));
        in[0] = 0x31;
        assert_int_equal(
            ber_decode(&sample_Nothing_Yet_type, span_of(in, 4), &arena, NULL, &nothing_yet, &error),
            is_element);
    }
    static const uint8_t whole[] = {0x30, 9, 0x41, 1, 'a', 0x84, 2, 0, 0x80, 0, 0};
    assert_false(ber_decode(&sample_Plain_type, span_of(whole, sizeof whole), &arena, NULL, &plain, &error));
}

static void lies_about_lengths(void **state) {
    (void)state;
    struct sample_Box box;
    static const struct {
        struct span in;
        enum ber_error_code code;
    } cases[] = {
        {SPAN_LIT("\xA9\x84\xFF\xFF\xFF\xFF\x02\x01\x01"), BER_TRUNCATED},
        {SPAN_LIT("\xA9\x88\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02\x01\x01"), BER_TRUNCATED},
        {SPAN_LIT("\xA9\x8A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02\x01\x01"), BER_TRUNCATED},
        {SPAN_LIT("\xA9\x03\x02\x84\xFF"), BER_LENGTH},
        {SPAN_LIT("\xA9\x03\x02\x05\x01"), BER_LENGTH},
        {SPAN_LIT("\xA9\xFF\x02\x01\x01"), BER_LENGTH},
        {SPAN_LIT("\x89\x80\x02\x01\x01\x00\x00"), BER_LENGTH},
        {SPAN_LIT("\x89\x03\x02\x01\x01"), BER_VALUE},
        {SPAN_LIT("\xA9\x80\x02\x01\x01\x00"), BER_TRUNCATED},
        {SPAN_LIT("\xA9\x80\x02\x01\x01\x00\x01\x00"), BER_TAG},
        {SPAN_LIT("\xA9\x04\x00\x00\x00\x00"), BER_TAG},
        {SPAN_LIT("\xA9\x02\x20\x00"), BER_TAG},
        {SPAN_LIT("\xA2\x04\xA2\x02\x20\x00"), BER_TAG},
        {SPAN_LIT("\xA9\x03\x02\x01\x01\x00"), BER_TRAILING},
        {SPAN_LIT("\xBF\x89\x80\x80\x80\x80\x00\x00"), BER_TAG},
        {SPAN_LIT("\xA9\x02\x02\x00"), BER_VALUE},
        {SPAN_LIT("\xA9\x0B\x02\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01"), BER_VALUE},
        {SPAN_LIT("\xA0\x80\x30\x00\x00\x00"), BER_MISSING},
        {SPAN_LIT("\xA0\x00"), BER_MISSING},
        {SPAN_LIT("\xA0\x0A\x30\x03\x41\x01g\x30\x03\x41\x01g"), BER_UNEXPECTED},
        {SPAN_LIT("\xA0\x80\x30\x03\x41\x01g\x05\x00\x00\x00"), BER_UNEXPECTED},
        {SPAN_LIT("\xA0\x08\x30\x06\x41\x01g\x41\x01g"), BER_UNEXPECTED},
        {SPAN_LIT("\xA0\x07\x30\x05\x41\x03g\x80h"), BER_CHARACTER},
        {SPAN_LIT("\xA0\x08\x30\x06\x41\x01g\x81\x01\x07"), BER_VALUE},
        {SPAN_LIT("\xA0\x09\x30\x07\x41\x01g\x84\x02\x08\x00"), BER_VALUE},
        {SPAN_LIT("\xA0\x07\x30\x05\x41\x01g\x84\x00"), BER_VALUE},
        {SPAN_LIT("\xA7\x00"), BER_BOUND},
        {SPAN_LIT(""), BER_TRUNCATED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t *exact = malloc(cases[i].in.len + 1);
        memcpy(exact, cases[i].in.data, cases[i].in.len);
        if (decode_box(span_of(exact, cases[i].in.len), NULL, &box) || error.code != cases[i].code)
            fail_msg("case %zu: code %d, %s: %s", i, error.code, error.path, error.text);
        free(exact);
    }
    assert_false(decode_box((struct span){NULL, 0}, NULL, &box));
}

static void limits_can_be_relaxed(void **state) {
    (void)state;
    struct sample_Box box;
    struct ber_limits bounds = {.relax_bounds = true}, characters = {.relax_characters = true};
    struct ber_limits trailing = {.allow_trailing = true}, depth = {.depth = 3},
                      unknown = {.refuse_unknown = true};
    assert_true(decode_box(SPAN_LIT("\xA7\x00"), &bounds, &box));
    assert_true(decode_box(SPAN_LIT("\xA0\x08\x30\x06\x41\x01g\x81\x01\x07"), &bounds, &box));
    assert_true(decode_box(SPAN_LIT("\xA0\x07\x30\x05\x41\x03g\x80h"), &characters, &box));
    assert_true(decode_box(SPAN_LIT("\xA9\x03\x02\x01\x01\x00"), &trailing, &box));
    assert_true(decode_box(SPAN_LIT("\xA0\x05\x30\x03\x41\x01g"), &depth, &box));
    assert_false(decode_box(SPAN_LIT("\xA8\x07\xA8\x05\xA9\x03\x02\x01\x01"), &depth, &box));
    assert_int_equal(error.code, BER_DEPTH);
    assert_true(decode_box(SPAN_LIT("\xA1\x06\x80\x01\x01\x9F\x7F\x00"), NULL, &box));
    assert_false(decode_box(SPAN_LIT("\xA1\x06\x80\x01\x01\x9F\x7F\x00"), &unknown, &box));
    assert_int_equal(error.code, BER_UNEXPECTED);
}

/* Numbers in a list: `count` of them, definite or not. */
static struct span make_numbers(size_t count, bool indefinite, struct buf *out) {
    buf_append(out, "\xA9\x80", 2);
    for (size_t i = 0; i < count; i++)
        buf_append(out, indefinite ? "\x22\x80\x02\x01\x05\x00\x00" : "\x02\x01\x05", indefinite ? 7 : 3);
    buf_append(out, "\0\0", 2);
    return buf_span(out);
}

static void too_many_elements_are_refused_at_once(void **state) {
    (void)state;
    struct sample_Box box;
    for (int indefinite = 0; indefinite < 2; indefinite++) {
        struct buf in;
        buf_init(&in, 0);
        make_numbers(1000000, indefinite, &in);
        assert_false(decode_box(buf_span(&in), NULL, &box));
        assert_int_equal(error.code, BER_COUNT);
        assert_true(arena.used < 8 << 20);
        buf_free(&in);
        arena_reset(&arena);
    }
}

static double seconds_to_decode(size_t count, bool indefinite) {
    struct ber_limits limits = {.elements = 2000000};
    struct sample_Box box;
    struct buf in;
    struct timespec start, end;
    arena.cap = SIZE_MAX / 2;
    buf_init(&in, 0);
    make_numbers(count, indefinite, &in);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    assert_true(decode_box(buf_span(&in), &limits, &box));
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    assert_int_equal(box.u.numbers.count, count);
    assert_int_equal(box.u.numbers.items[count - 1], 5);
    buf_free(&in);
    arena_reset(&arena);
    return (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
}

/* Sixteen times as many may take some more than sixteen times as long, never anything like 256 times. */
/* What is over a bound is told as that, and no memory is taken for it: in a definite and an indefinite
 * length. */
static void what_is_over_its_bound_takes_no_memory(void **state) {
    (void)state;
    enum { MANY = 20000 };
    static uint8_t octets[6 + 3 * MANY + 2];
    struct arena small;
    struct sample_Names names;
    for (size_t i = 0; i < MANY; i++)
        memcpy(octets + 6 + 3 * i, "\x41\x01g", 3);
    for (unsigned indefinite = 0; indefinite < 2; indefinite++) {
        const uint8_t header[6] = {0x30, 0x84, 0, 0, 3 * MANY >> 8, (uint8_t)(3 * MANY)};
        memcpy(octets, header, 6);
        octets[4] = indefinite ? 0x30 : header[4];
        octets[5] = indefinite ? 0x80 : header[5];
        struct span in = indefinite ? span_of(octets + 4, sizeof octets - 4) : span_of(octets, 6 + 3 * MANY);
        arena_init(&small, 4096);
        assert_false(ber_decode(&sample_Names_type, in, &small, NULL, &names, &error));
        assert_int_equal(error.code, BER_BOUND);
        assert_string_equal(error.bound, "ub-names");
        arena_free(&small);
    }
}

static void cost_is_linear(void **state) {
    (void)state;
    for (int indefinite = 0; indefinite < 2; indefinite++) {
        double few = seconds_to_decode(60000, indefinite) + 0.0005;
        assert_true(seconds_to_decode(960000, indefinite) < few * 100);
    }
}

static void strings_in_segments(void **state) {
    (void)state;
    struct span octets;
    struct ber_bits bits;
    assert_true(ber_decode(&ber_OCTET_STRING_type,
                           SPAN_LIT("\x24\x80\x04\x01g\x24\x04\x04\x02hi\x04\x00\x00\x00"), &arena, NULL,
                           &octets, &error));
    assert_true(span_eq(octets, SPAN_LIT("ghi")));
    assert_true(ber_decode(&ber_OCTET_STRING_type, SPAN_LIT("\x24\x00"), &arena, NULL, &octets, &error));
    assert_true(octets.data && octets.len == 0);
    assert_true(ber_decode(&ber_BIT_STRING_type, SPAN_LIT("\x23\x09\x03\x02\x00\xAA\x03\x03\x04\xAA\xF0"),
                           &arena, NULL, &bits, &error));
    assert_int_equal(bits.unused, 4);
    assert_true(span_eq(bits.octets, SPAN_LIT("\xAA\xAA\xF0")));
    assert_false(ber_decode(&ber_BIT_STRING_type, SPAN_LIT("\x23\x08\x03\x02\x01\xAA\x03\x02\x04\xA0"),
                            &arena, NULL, &bits, &error));
    assert_int_equal(error.code, BER_VALUE);
    assert_false(
        ber_decode(&ber_OCTET_STRING_type, SPAN_LIT("\x24\x03\x02\x01\x05"), &arena, NULL, &octets, &error));
    assert_int_equal(error.code, BER_TAG);
}

static void sizes_count_characters(void **state) {
    (void)state;
    static const struct {
        struct span in;
        bool good;
    } cases[] = {
        {SPAN_LIT("\x31\x0A\x80\x08\xC3\xA4\xC3\xB6\xC3\xBC\xC3\x9F"), true},
        {SPAN_LIT("\x31\x07\x80\x05"
                  "abcde"),
         false},
        {SPAN_LIT("\x31\x0A\x83\x08\xC8"
                  "a\xC8o\xC8u\xC8U"),
         true},
        {SPAN_LIT("\x31\x07\x83\x05"
                  "abcde"),
         false},
        {SPAN_LIT("\x31\x0A\x88\x08\0a\0b\0c\0d"), true},
        {SPAN_LIT("\x31\x0C\x88\x0A\0a\0b\0c\0d\0e"), false},
        {SPAN_LIT("\x31\x05\x88\x03\0a\0"), false},
        {SPAN_LIT("\x31\x06\x87\x04\0\0\0a"), true},
        {SPAN_LIT("\x31\x06\x87\x04\0\x11\0a"), false},
        {SPAN_LIT("\x31\x04\x80\x02\xC0\x80"), false},
        {SPAN_LIT("\x31\x05\x80\x03\xED\xA0\x80"), false},
        {SPAN_LIT("\x31\x03\x80\x01\xC3"), false},
        {SPAN_LIT("\x31\x04\x8B\x02\x80\x01"), false},
        {SPAN_LIT("\x31\x04\x8B\x02\x2A\x83"), false},
        {SPAN_LIT("\x31\x03\x81\x01"
                  "a"),
         false},
        {SPAN_LIT("\x31\x03\x84\x01\x80"), false},
        {SPAN_LIT("\x31\x03\x85\x01\x1F"), false},
        {SPAN_LIT("\x31\x03\x89\x01"
                  "A"),
         false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sample_Strings strings;
        bool good = ber_decode(&sample_Strings_type, cases[i].in, &arena, NULL, &strings, &error);
        if (good != cases[i].good)
            fail_msg("case %zu: %s: %s", i, error.path, error.text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nesting_bombs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_comes_where_nothing_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lies_about_lengths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limits_can_be_relaxed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_elements_are_refused_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_over_its_bound_takes_no_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cost_is_linear, set_up, tear_down),
        cmocka_unit_test_setup_teardown(strings_in_segments, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sizes_count_characters, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
