/* The characters of messages: T.61, ISO 2022 with registered sets, BMP and universal strings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/text.h"

static struct arena arena;

static int reset(void **state) {
    (void)state;
    arena_free(&arena);
    arena_init(&arena, 1024 * 1024);
    return 0;
}

static void check(struct span got, const char *want) {
    assert_non_null(got.data);
    assert_int_equal(got.len, strlen(want));
    assert_memory_equal(got.data, want, got.len);
}

static void teletex_is_read(void **state) {
    (void)state;
    check(text_from_teletex(SPAN_LIT("Plain #$\\^`{|}~"), &arena), "Plain #$\\^`{|}~");
    check(text_from_teletex(SPAN_LIT("\xC8"
                                     "Ubung Gru\xFB"),
                            &arena),
          "Übung Gruß");
    check(text_from_teletex(SPAN_LIT("caf\xC2"
                                     "e"),
                            &arena),
          "café");
    check(text_from_teletex(SPAN_LIT("\x1B\x2D\x41"
                                     "na\xEFve"),
                            &arena),
          "naïve");
    check(text_from_teletex(SPAN_LIT("\x1B\x2D\x4C\xBC\xD8\xE0"), &arena), "Мир");
    check(text_from_teletex(SPAN_LIT("\x1B\x25\x47\xE2\x82\xAC 5"), &arena), "€ 5");
    check(text_from_teletex(SPAN_LIT(""), &arena), "");
}

/* A locking shift to where no set was designated: as with an unknown set, it is no teletex, and is guessed.
 */
static void a_shift_to_no_set_is_no_teletex(void **state) {
    static const char shifts[] = "no|}~";
    (void)state;
    for (const char *shift = shifts; *shift; shift++) {
        char in[] = "a\x1B?b\xC8"
                    "u";
        in[2] = *shift;
        check(text_from_teletex(span_str(in), &arena),
              *shift == '~' ? "abü" : "abÈu"); /* G1 there is always */
    }
    check(text_from_teletex(SPAN_LIT("\x1B\x2E\x46\x1B}\xE1"), &arena),
          "α"); /* G2 is Greek, and shifted to */
}

/* One replacement for each, also where the set's code has more octets than the text: or the end would find no
 * room. */
static void wrong_characters_cut_nothing_off(void **state) {
    static const struct {
        const char *designation, *wrong;
    } sets[] = {{"\x1B(I", "m"}, {"\x1B$(D", "!!"}, {"\x1B$(B", "~~"}};
    (void)state;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        char in[500], want[700];
        size_t in_len = (size_t)sprintf(in, "%s", sets[i].designation), want_len = 0;
        for (int j = 0; j < 200; j++) {
            in_len += (size_t)sprintf(in + in_len, "%s", sets[i].wrong);
            want_len += (size_t)sprintf(want + want_len, "\uFFFD");
        }
        sprintf(in + in_len, "\x1B(Bend");
        sprintf(want + want_len, "end");
        check(text_from_general(span_str(in), NULL, 0, &arena), want);
    }
}

static void what_is_no_teletex_is_guessed(void **state) {
    (void)state;
    check(text_from_teletex(SPAN_LIT("caf\xE9 \xA9"), &arena),
          "café ©"); /* 0xA9 is nothing in T.61: ISO 8859-1 */
    check(text_from_teletex(SPAN_LIT("caf\xC3\xA9"), &arena), "café"); /* UTF-8 */
}

static void teletex_is_written(void **state) {
    (void)state;
    bool lossy = true;
    struct span out = text_to_teletex(SPAN_LIT("Übung {1} für é"), &arena, &lossy);
    assert_false(lossy);
    check(out, "\xC8"
               "Ubung {1} f\xC8"
               "ur \xC2"
               "e");
    check(text_from_teletex(out, &arena), "Übung {1} für é");
    check(text_to_teletex(SPAN_LIT("5 € Мир"), &arena, &lossy), "5 ? ???");
    assert_true(lossy);
}

static void general_strings_follow_registrations_and_escapes(void **state) {
    (void)state;
    const int64_t latin2[] = {1, 6, 101}, utf8[] = {196}, ascii[] = {6}, unknown[] = {9999};
    check(text_from_general(SPAN_LIT("\xB1\xE6"), latin2, 3, &arena), "ąć");
    check(text_from_general(SPAN_LIT("\xE2\x82\xAC"), utf8, 1, &arena), "€");
    check(text_from_general(SPAN_LIT("abc"), ascii, 1, &arena), "abc");
    check(text_from_general(SPAN_LIT("\xE9"), unknown, 1, &arena), "é");
    check(text_from_general(SPAN_LIT("\xE9\x1B\x2D\x46\xE1\x1B\x2D\x42\xB1"), ascii, 1, &arena), "éαą");
    check(text_from_general(SPAN_LIT("a\x1B"), utf8, 1, &arena),
          "a\x1B"); /* no escape sequence: its end is missing */
    check(text_from_general(SPAN_LIT("\xFF\xE2\x82"), utf8, 1, &arena), "\uFFFD\uFFFD\uFFFD");
    /* U+110000 and beyond are no characters, whatever the C library says; U+10FFFF is the last. */
    check(text_from_general(SPAN_LIT("a\xF4\x90\x80\x80z"), utf8, 1, &arena), "a\uFFFD\uFFFD\uFFFD\uFFFDz");
    check(text_from_general(SPAN_LIT("\xF4\x8F\xBF\xBF"), utf8, 1, &arena), "\xF4\x8F\xBF\xBF");
}

static void iso_2022_is_followed(void **state) {
    (void)state;
    const int64_t japanese[] = {1, 6, 87}, latin1[] = {1, 2, 100}, korean[] = {6, 149}, iso6937[] = {6, 156};
    check(text_from_general(SPAN_LIT("\x1B$BF|K\\\x1B(B."), japanese, 3, &arena), "日本.");
    check(text_from_general(SPAN_LIT("\x1B$@F|\x1B(J~\x1B(I1"), japanese, 3, &arena), "日‾ｱ");
    check(text_from_general(SPAN_LIT("\x1B(B\x0FGr\xFC\xDF"
                                     "e\r\n"),
                            latin1, 3, &arena),
          "Grüße\r\n");
    check(text_from_general(SPAN_LIT("\x1B$)C\x0E\x47\x51\x0F ok \xC7\xD1"), korean, 2, &arena), "한 ok 한");
    check(text_from_general(SPAN_LIT("\x1B(K[\\]\x1B(B[\\]"), latin1, 3, &arena), "ÄÖÜ[\\]");
    check(text_from_general(SPAN_LIT("\x1B.F\x1BNa\x1BNbc"), latin1, 3, &arena),
          "αβc"); /* ISO 8859-7 in G2 */
    check(text_from_general(SPAN_LIT("\x1B.F\x1B}\xE1\x1B~\xE9"), latin1, 3, &arena), "αé");
    check(text_from_general(SPAN_LIT("\xC8"
                                     "Uber \xA3"),
                            iso6937, 2, &arena),
          "Über £");
    /* What is cut short, or not known, harms nothing. */
    check(text_from_general(SPAN_LIT("\x1B$BF"), japanese, 3, &arena), "\uFFFD");
    check(text_from_general(SPAN_LIT("\x1B(5abc"), latin1, 3, &arena), "abc");
    /* What is designated stays so in the next piece. */
    struct text_stream stream;
    text_stream_init(&stream, japanese, 3);
    check(text_stream_next(&stream, SPAN_LIT("\x1B$BF|\n"), &arena), "日\n");
    check(text_stream_next(&stream, SPAN_LIT("K\\"), &arena), "本");
}

static void no_text_is_cut_at_a_nul(void **state) {
    (void)state;
    const int64_t latin1[] = {100}, utf8[] = {196};
    check(text_from_teletex(SPAN_LIT("a\0b"), &arena), "a\uFFFDb");
    check(text_from_teletex(SPAN_LIT("\0\0"), &arena), "\uFFFD\uFFFD");
    check(text_from_ia5(SPAN_LIT("a\0b\0"), &arena), "a\uFFFDb\uFFFD");
    check(text_from_general(SPAN_LIT("\xE9\0"), latin1, 1, &arena), "é\uFFFD");
    check(text_from_general(SPAN_LIT("\0é"), utf8, 1, &arena), "\uFFFDé");
    check(text_from_bmp(SPAN_LIT("\0a\0\0"), &arena), "a\uFFFD");
    check(text_from_universal(SPAN_LIT("\0\0\0\0"), &arena), "\uFFFD");
}

static void the_smallest_set_is_found(void **state) {
    (void)state;
    assert_int_equal(text_smallest_registration(SPAN_LIT("abc")), TEXT_IR_ASCII);
    assert_int_equal(text_smallest_registration(SPAN_LIT("é")), TEXT_IR_LATIN1);
    assert_int_equal(text_smallest_registration(SPAN_LIT("€")), TEXT_IR_UTF8);
    check(text_to_registration(SPAN_LIT("é"), TEXT_IR_LATIN1, &arena), "\xE9");
    assert_null(text_to_registration(SPAN_LIT("€"), TEXT_IR_LATIN1, &arena).data);
    check(text_to_registration(SPAN_LIT("€"), text_registration_by_name("iso-8859-15"), &arena), "\xA4");
    assert_string_equal(text_registration_name(TEXT_IR_UTF8), "UTF-8");
    assert_int_equal(text_registration_by_name("KLINGON"), 0);
}

static void wide_strings_round_trip(void **state) {
    (void)state;
    struct span text = SPAN_LIT("aé€😀");
    assert_false(text_fits_bmp(text));
    check(text_from_universal(text_to_universal(text, &arena), &arena), "aé€😀");
    struct span bmp = text_to_bmp(SPAN_LIT("aé€"), &arena);
    assert_int_equal(bmp.len, 6);
    check(text_from_bmp(bmp, &arena), "aé€");
    check(text_from_bmp(SPAN_LIT("\xD8\x00\x00"), &arena),
          "\uFFFD"); /* a lone surrogate and half a character */
    assert_false(text_is_utf8(SPAN_LIT("\xC0\x80")));
    assert_false(text_is_utf8(SPAN_LIT("\xED\xA0\x80")));
    assert_true(text_is_utf8(text));
}

static void a_full_arena_is_no_crash(void **state) {
    (void)state;
    struct arena small;
    arena_init(&small, 4);
    assert_null(text_from_teletex(SPAN_LIT("caf\xE9 and more"), &small).data);
    assert_null(text_to_bmp(SPAN_LIT("abcdefgh"), &small).data);
    arena_free(&small);
}

/* What drives a terminal, ends a string or turns text round, by its octets; nothing else. */
static void controls_are_told(void **state) {
    static const struct {
        struct span text;
        size_t octets;
    } table[] = {{SPAN_LIT("\0x"), 1},      {SPAN_LIT("\x1B[m"), 1}, {SPAN_LIT("\x7F"), 1},
                 {SPAN_LIT("\xC2\x9B"), 2}, {SPAN_LIT("\u061C"), 2}, {SPAN_LIT("\u200E"), 3},
                 {SPAN_LIT("\u202A"), 3},   {SPAN_LIT("\u202E"), 3}, {SPAN_LIT("\u2066"), 3},
                 {SPAN_LIT("\u2069"), 3},   {SPAN_LIT(" "), 0},      {SPAN_LIT("~"), 0},
                 {SPAN_LIT("\u00A0"), 0},   {SPAN_LIT("\u202F"), 0}, {SPAN_LIT("\u0627"), 0}};
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_int_equal(text_control(table[i].text), table[i].octets);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(controls_are_told),
        cmocka_unit_test_setup(teletex_is_read, reset),
        cmocka_unit_test_setup(wrong_characters_cut_nothing_off, reset),
        cmocka_unit_test_setup(a_shift_to_no_set_is_no_teletex, reset),
        cmocka_unit_test_setup(what_is_no_teletex_is_guessed, reset),
        cmocka_unit_test_setup(teletex_is_written, reset),
        cmocka_unit_test_setup(general_strings_follow_registrations_and_escapes, reset),
        cmocka_unit_test_setup(iso_2022_is_followed, reset),
        cmocka_unit_test_setup(no_text_is_cut_at_a_nul, reset),
        cmocka_unit_test_setup(the_smallest_set_is_found, reset),
        cmocka_unit_test_setup(wide_strings_round_trip, reset),
        cmocka_unit_test_setup(a_full_arena_is_no_crash, reset),
    };
    int failed = cmocka_run_group_tests_name("content-text", tests, NULL, NULL);
    arena_free(&arena);
    return failed;
}
