/* Decoding and encoding by the tables of sample.asn1. */

#include "../arena_room.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "tests/unit/sample.h"

static struct ber_error error;

#define DECODE(name, value, octets)                                                                          \
    ber_decode(&sample_##name##_type, SPAN_LIT(octets), &arena, NULL, value, &error)

/* The value's encoding must be these octets. */
static void assert_encoding(const struct ber_type *type, const void *value, struct span wanted) {
    struct buf out;
    buf_init(&out, 0);
    assert_true(ber_encode(type, value, &out, &error));
    assert_int_equal(out.len, wanted.len);
    assert_memory_equal(out.data, wanted.data, wanted.len);
    buf_free(&out);
}

static void values_have_their_constants(void **state) {
    (void)state;
    assert_int_equal(sample_best, 2);
    assert_int_equal(sample_Flags_last, 8);
    assert_true(span_eq(sample_greeting, SPAN_LIT("hello")));
    char text[32];
    assert_true(ber_oid_format(sample_id_leaf, text, sizeof text));
    assert_string_equal(text, "2.6.77.1000");
}

static void defaults_and_flags_are_filled_in(void **state) {
    (void)state;
    struct sample_Plain plain;
    assert_true(DECODE(Plain, &plain,
                       "\x30\x03\x41\x01"
                       "A"));
    assert_true(span_eq(plain.name, SPAN_LIT("A")));
    assert_false(plain.has_count);
    assert_int_equal(plain.grade, sample_Grade_middle);
    assert_true(plain.open);
    assert_false(plain.mark);
    assert_null(plain.flags.octets.data);
    assert_int_equal(plain.raw.len, 5);
    plain.raw = (struct span){0};
    assert_encoding(&sample_Plain_type, &plain,
                    SPAN_LIT("\x30\x03\x41\x01"
                             "A"));
}

static void all_components_round_trip(void **state) {
    (void)state;
    static const char octets[] =
        "\x30\x19\x41\x01"
        "A\xA0\x03\x02\x01\xFB\x81\x01\x02\xA2\x03\x01\x01\x00\xA3\x02\x05\x00\x84\x03\x07\x40\x80";
    struct sample_Plain plain;
    assert_true(DECODE(Plain, &plain, octets));
    assert_true(plain.has_count);
    assert_int_equal(plain.count, -5);
    assert_int_equal(plain.grade, sample_Grade_high);
    assert_false(plain.open);
    assert_true(plain.mark);
    assert_true(ber_bit(&plain.flags, sample_Flags_secret));
    assert_true(ber_bit(&plain.flags, sample_Flags_last));
    assert_false(ber_bit(&plain.flags, sample_Flags_urgent));
    assert_false(ber_bit(&plain.flags, 9));
    plain.raw = (struct span){0};
    assert_encoding(&sample_Plain_type, &plain, SPAN_LIT(octets));
}

static void indefinite_and_constructed_forms_are_read(void **state) {
    (void)state;
    struct sample_Plain plain;
    static const char octets[] = "\x30\x80\x61\x80\x04\x01"
                                 "A\x33\x80\x04\x02"
                                 "BC\x00\x00\x00\x00\xA0\x80\x02\x81\x01\x05\x00\x00\x00\x00";
    assert_true(DECODE(Plain, &plain, octets));
    assert_true(span_eq(plain.name, SPAN_LIT("ABC")));
    assert_int_equal(plain.count, 5);
    assert_int_equal(plain.raw.len, sizeof octets - 1);
    assert_false(ber_decode(&sample_Plain_type, span_sub(SPAN_LIT(octets), 0, sizeof octets - 3), &arena,
                            NULL, &plain, &error));
    assert_int_equal(error.code, BER_TRUNCATED);
}

static void a_set_comes_in_any_order(void **state) {
    (void)state;
    struct sample_Any_Set set;
    assert_true(DECODE(Any_Set, &set,
                       "\x31\x13\x01\x01\xFF\x9F\x45\x01\x09\x9F\xE0\x39\x01\x07\x81\x02hi\x80\x01\x03"));
    assert_int_equal(set.first, 3);
    assert_true(set.has_far);
    assert_int_equal(set.far, 7);
    assert_true(set.has_truth && set.truth);
    assert_true(span_eq(set.second, SPAN_LIT("hi")));
    assert_true(span_eq(set.unknown, SPAN_LIT("\x9F\x45\x01\x09")));
    assert_false(DECODE(Any_Set, &set, "\x31\x06\x80\x01\x03\x80\x01\x03"));
    assert_int_equal(error.code, BER_DUPLICATE);
    assert_int_equal(error.offset, 5);
    assert_false(DECODE(Any_Set, &set, "\x31\x00"));
    assert_int_equal(error.code, BER_MISSING);
    assert_string_equal(error.path, "first");
}

static void scattered_unknown_elements_are_joined(void **state) {
    (void)state;
    struct sample_Any_Set set;
    assert_true(DECODE(Any_Set, &set, "\x31\x0C\x88\x00\x89\x01\x07\x80\x01\x03\xAA\x80\x00\x00"));
    assert_true(span_eq(set.unknown, SPAN_LIT("\x88\x00\x89\x01\x07\xAA\x80\x00\x00")));
}

static void errors_tell_where(void **state) {
    (void)state;
    struct sample_Box box;
    assert_false(DECODE(Box, &box,
                        "\xA7\x0F\x41\x01"
                        "A\x41\x0A"
                        "ABCDEFGHIJ"));
    assert_int_equal(error.code, BER_BOUND);
    assert_string_equal(error.bound, "ub-name-length");
    assert_string_equal(error.path, "names.1");
    assert_int_equal(error.offset, 5);
    assert_int_equal(box.choice, sample_Box_names);
    assert_int_equal(box.u.names.count, 2);
    assert_true(span_eq(box.u.names.items[0], SPAN_LIT("A")));
}

/* A Plain: a BOOLEAN that has no place, no name, the count, which stands twice, and the grade. */
static void what_has_no_place_is_passed_over(void **state) {
    (void)state;
    struct sample_Plain plain;
    struct ber_passed items[2];
    struct ber_passed_list passed = {.items = items, .most = 2};
    struct ber_limits limits = {.lenient = true, .passed = &passed};
    struct span in = SPAN_LIT("\x30\x10\x01\x01\xFF\xA0\x03\x02\x01\x05\xA0\x03\x02\x01\x06\x81\x01\x02");
    assert_false(ber_decode(&sample_Plain_type, in, &arena, NULL, &plain, &error));
    assert_true(ber_decode(&sample_Plain_type, in, &arena, &limits, &plain, &error));
    assert_int_equal(error.code, BER_TAG);
    assert_int_equal(error.offset, 2);
    assert_int_equal(plain.name.len, 0);
    assert_int_equal(plain.count, 5);
    assert_int_equal(plain.grade, 2);
    assert_int_equal(passed.count, 2);
    assert_int_equal(passed.more, 1);
    assert_int_equal(items[0].offset, 2);
    assert_null(items[0].component);
    assert_int_equal(items[1].offset, 10); /* the count, twice */
    passed.count = passed.more = 0;
    assert_false(
        ber_decode(&sample_Plain_type, span_of(in.data, in.len - 1), &arena, &limits, &plain, &error));
    passed.count = passed.more = 0;
    in = SPAN_LIT("\x30\x00");
    assert_true(ber_decode(&sample_Plain_type, in, &arena, &limits, &plain, &error));
    assert_int_equal(error.code, BER_MISSING);
    assert_int_equal(passed.count, 1);
    assert_ptr_equal(items[0].within, &plain);
    assert_string_equal(ber_field_name(items[0].component), "name");
    assert_null(items[0].octets.data);
}

/* The faults that are noted of a value; each is at `offset` and its text has `text`. */
static void assert_faults(const struct ber_type *type, struct span in, void *value, size_t count,
                          const size_t *offsets, const char *const *texts) {
    struct ber_passed items[8];
    struct ber_passed_list passed = {.items = items, .most = 8};
    struct ber_limits limits = {.lenient = true, .passed = &passed};
    assert_true(ber_decode(type, in, &arena, &limits, value, &error));
    assert_int_equal(passed.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(items[i].offset, offsets[i]);
        if (!strstr(items[i].text, texts[i]))
            fail_msg("'%s' has no '%s'", items[i].text, texts[i]);
    }
}

static void a_fault_ends_no_more_than_its_element(void **state) {
    (void)state;
    struct sample_Plain plain;
    /* The name in a form that it can't have, and the count behind it; then the same with indefinite lengths.
     */
    assert_faults(&sample_Plain_type, SPAN_LIT("\x30\x0A\x61\x03\x01\x01\xFF\xA0\x03\x02\x01\x05"), &plain, 1,
                  (size_t[]){4}, (const char *const[]){"is no segment"});
    assert_int_equal(plain.count, 5);
    assert_faults(&sample_Plain_type,
                  SPAN_LIT("\x30\x80\x61\x80\x01\x01\xFF\x00\x00\xA0\x80\x02\x01\x05\x00\x00\x00\x00"),
                  &plain, 1, (size_t[]){4}, (const char *const[]){"is no segment"});
    assert_int_equal(plain.count, 5);
    /* A length that runs out of the value: what stands before it counts. */
    assert_faults(&sample_Plain_type, SPAN_LIT("\x30\x07\x41\x01\x41\xA0\x7F\x02\x01"), &plain, 1,
                  (size_t[]){5}, (const char *const[]){"runs out"});
    assert_int_equal(plain.name.len, 1);
    /* Over a bound: told, and kept. */
    struct sample_Box box;
    assert_faults(&sample_Box_type,
                  SPAN_LIT("\xA7\x0F\x41\x01\x41\x41\x0A\x41\x42\x43\x44\x45\x46\x47\x48\x49\x4A"), &box, 1,
                  (size_t[]){5}, (const char *const[]){"upper bound"});
    assert_int_equal(box.u.names.items[1].len, 10);
    /* Where the input ends there is nothing behind the fault. */
    struct ber_limits limits = {.lenient = true};
    assert_false(ber_decode(&sample_Plain_type, SPAN_LIT("\x30\x0A\x41\x01\x41\xA0\x03\x02"), &arena, &limits,
                            &plain, &error));
    assert_int_equal(error.code, BER_TRUNCATED);
}

static void raw_is_reused_with_the_tag_of_its_place(void **state) {
    (void)state;
    struct sample_Plain plain;
    assert_true(DECODE(Plain, &plain,
                       "\x30\x80\x41\x81\x01"
                       "A\x00\x00"));
    assert_encoding(&sample_Plain_type, &plain,
                    SPAN_LIT("\x30\x80\x41\x81\x01"
                             "A\x00\x00"));
    assert_encoding(&sample_Tagged_type, &plain,
                    SPAN_LIT("\x63\x80\x41\x81\x01"
                             "A\x00\x00"));
    struct sample_Any_Set set = {.first = 1, .plain = &plain};
    assert_encoding(&sample_Any_Set_type, &set,
                    SPAN_LIT("\x31\x0B\x80\x01\x01\xBE\x80\x41\x81\x01"
                             "A\x00\x00"));
}

static void recursion_goes_by_pointers(void **state) {
    (void)state;
    struct sample_Loop leaf = {.choice = sample_Loop_leaf, .u.leaf = 1};
    struct sample_Loop_pair pair = {.one = leaf, .two = leaf};
    struct sample_Loop loop = {.choice = sample_Loop_pair, .u.pair = &pair};
    static const char octets[] = "\xA0\x06\x02\x01\x01\x02\x01\x01";
    assert_encoding(&sample_Loop_type, &loop, SPAN_LIT(octets));
    struct sample_Loop read;
    assert_true(DECODE(Loop, &read, octets));
    assert_true(ber_equal(&sample_Loop_type, &loop, &read));
    pair.two.choice = 0;
    struct buf out;
    buf_init(&out, 0);
    assert_false(ber_encode(&sample_Loop_type, &loop, &out, &error));
    assert_int_equal(error.code, BER_MISSING);
    assert_string_equal(error.path, "pair.two");
    assert_int_equal(out.len, 0);
    buf_free(&out);
}

static void tables_are_searched_by_number_and_oid(void **state) {
    (void)state;
    const struct ber_table_row *row = ber_table_by_number(&sample_Things_table, 7);
    assert_string_equal(row->name, "seven");
    assert_int_equal(row->criticality, BER_FOR_TRANSFER | BER_FOR_DELIVERY);
    assert_string_equal(ber_table_by_number(&sample_Things_table, 4)->name, "named");
    assert_string_equal(ber_table_by_number(&sample_Things_table, -3)->name, "minus");
    assert_null(ber_table_by_number(&sample_Things_table, 5));
    assert_string_equal(ber_table_by_oid(&sample_Things_table, sample_id_leaf)->name, "leaf");
    assert_string_equal(ber_table_by_oid(&sample_Things_table, SPAN_LIT("\x2B\x06"))->name, "other");
    assert_null(ber_table_by_oid(&sample_Things_table, SPAN_LIT("\x2B\x07")));
    assert_ptr_equal(ber_module_type(&sample_module, "Tree"), &sample_Tree_type);
    assert_null(ber_module_type(&sample_module, "Bush"));
}

/* The corrigendum to X.411 wants 10 years back to 40 ahead understood and leaves the other 49 to us: they are
 * the past. */
static void two_digits_mean_40_years_ahead_or_the_past(void **state) {
    static const struct {
        int now;
        const char *text;
        int year;
    } cases[] = {{2026, "6612312359Z", 2066}, {2026, "6701010000Z", 1967}, {2026, "1601010000Z", 2016},
                 {2026, "1512312359Z", 2015}, {2059, "9901010000Z", 2099}, {2059, "0001010000Z", 2000},
                 {2060, "0001010000Z", 2100}, {2060, "5001010000Z", 2050}, {2060, "0101010000Z", 2001}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t got;
        /* The first and the last moment of a year mean the same. */
        for (int end = 0; end < 2; end++) {
            ber_utctime_set_now(civil_to_seconds(
                (struct civil_time){cases[i].now, end ? 12 : 1, end ? 31 : 1, end ? 23 : 0, 0, 0}));
            assert_true(ber_utctime_read(span_str(cases[i].text), &got));
            assert_int_equal(civil_from_seconds(got).year, cases[i].year);
        }
    }
    ber_utctime_set_now(civil_to_seconds((struct civil_time){2009, 6, 1, 12, 0, 0}));
}

/* The corrigendum to X.411: two digits reach from 10 years back to 40 ahead. */
static void two_digits_follow_the_clock(void **state) {
    static const struct {
        int now, year; /* what the digits of `year` are read as at `now` */
        bool fits;
    } cases[] = {{2026, 2026, true}, {2026, 2066, true}, {2026, 2067, false}, {2026, 2016, true},
                 {2051, 2049, true}, {2051, 2051, true}, {2051, 2091, true},  {2051, 2092, false},
                 {2051, 2026, true}, {2099, 2139, true}, {2099, 2089, true},  {2099, 2140, false}};
    struct arena room;
    (void)state;
    arena_init(&room, 1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t got, want = civil_to_seconds((struct civil_time){cases[i].year, 6, 1, 12, 0, 0});
        struct span text;
        ber_utctime_set_now(civil_to_seconds((struct civil_time){cases[i].now, 6, 1, 12, 0, 0}));
        assert_int_equal(ber_utctime_fits(want), cases[i].fits);
        assert_int_equal(ber_utctime_write(want, &room, &text), cases[i].fits);
        if (cases[i].fits) {
            assert_true(ber_utctime_read(text, &got));
            assert_int_equal(got, want);
        }
    }
    ber_utctime_set_now(civil_to_seconds((struct civil_time){2009, 6, 1, 12, 0, 0}));
    arena_free(&room);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_have_their_constants, set_up, tear_down),
        cmocka_unit_test_setup_teardown(defaults_and_flags_are_filled_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_components_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(indefinite_and_constructed_forms_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_set_comes_in_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(scattered_unknown_elements_are_joined, set_up, tear_down),
        cmocka_unit_test_setup_teardown(errors_tell_where, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_fault_ends_no_more_than_its_element, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_has_no_place_is_passed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(raw_is_reused_with_the_tag_of_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(recursion_goes_by_pointers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tables_are_searched_by_number_and_oid, set_up, tear_down),
        cmocka_unit_test(two_digits_mean_40_years_ahead_or_the_past),
        cmocka_unit_test(two_digits_follow_the_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
