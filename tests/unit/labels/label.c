/* Security labels: text and back, and the plain comparison. */
#include "../arena_room.h"

#include <string.h>

#include "labels/label.h"

static struct error err;

static struct x411_SecurityLabel label_of(const char *text) {
    struct x411_SecurityLabel label;
    if (!label_parse(span_str(text), &arena, &label, &err))
        fail_msg("%s", err.text);
    return label;
}

static bool matches(const char *registered, const char *message) {
    struct x411_SecurityLabel a = label_of(registered), b = label_of(message);
    return label_matches(&a, &b);
}

static void labels_are_written_and_read(void **state) {
    (void)state;
    static const char *const texts[] = {"1.2.826.0.1/secret",
                                        "1.2.826.0.1",
                                        "secret",
                                        "2.16.1/42",
                                        "unmarked",
                                        "256",
                                        "1.2.3/secret/1.2.4:0101FF,1.2.5:020105",
                                        "1.2.3//1.2.4:0101FF",
                                        "/secret/1.2.4:0500",
                                        "//1.2.4:0500"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct x411_SecurityLabel label = label_of(texts[i]);
        assert_string_equal((const char *)label_text(&label, &arena).data, texts[i]);
    }
    struct x411_SecurityLabel four = label_of("4"), empty = {0};
    assert_string_equal((const char *)label_text(&four, &arena).data, "secret");
    assert_string_equal((const char *)label_text(&empty, &arena).data, "-");
}

static void other_texts_are_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        "/",
                                        "hush",
                                        "1.2/hush",
                                        "/secret",
                                        "9.9.9",
                                        "257",
                                        "1.2/",
                                        "-1",
                                        "1.2/secret/",
                                        "1.2/secret/1.2.3",
                                        "1.2/secret/1.2.3:",
                                        "1.2/secret/1.2.3:0",
                                        "1.2/secret/1.2.3:0101",
                                        "1.2/secret/1.2.3:0500,",
                                        "1.2/secret/1.2.3:05zz",
                                        "1.2//",
                                        "//",
                                        "1.2/secret/1.2.3:050000"};
    struct x411_SecurityLabel label;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (label_parse(span_str(texts[i]), &arena, &label, &err))
            fail_msg("'%s' was read", texts[i]);
}

static void policy_and_classification_must_be_the_same(void **state) {
    (void)state;
    assert_true(matches("1.2.3/secret", "1.2.3/secret"));
    assert_false(matches("1.2.3/secret", "1.2.3/top-secret"));
    assert_false(matches("1.2.3/secret", "1.2.4/secret"));
    assert_false(matches("1.2.3/secret", "1.2.3"));
    assert_false(matches("1.2.3/secret", "secret"));
}

static void a_part_left_out_is_not_compared(void **state) {
    (void)state;
    assert_true(matches("secret", "1.2.3/secret"));
    assert_true(matches("1.2.3", "1.2.3/secret"));
    assert_false(matches("1.2.3", "secret"));
    struct x411_SecurityLabel marked = label_of("1.2.3/secret"), registered = label_of("1.2.3/secret");
    marked.privacy_mark = SPAN_LIT("IN CONFIDENCE");
    assert_true(label_matches(&registered, &marked));
}

static void categories_are_compared_as_a_set(void **state) {
    (void)state;
    assert_true(matches("1.2.3/secret/1.2.4:0101FF,1.2.5:0500", "1.2.3/secret/1.2.5:0500,1.2.4:0101FF"));
    assert_false(matches("1.2.3/secret/1.2.4:0101FF", "1.2.3/secret"));
    assert_false(matches("1.2.3/secret/1.2.4:0101FF", "1.2.3/secret/1.2.4:010100"));
    assert_false(matches("1.2.3/secret/1.2.4:0101FF", "1.2.3/secret/1.2.4:0101FF,1.2.5:0500"));
    assert_false(matches("1.2.3/secret/1.2.4:0101FF,1.2.5:0500", "1.2.3/secret/1.2.4:0101FF"));
    assert_true(matches("1.2.3/secret", "1.2.3/secret/1.2.4:0101FF"));
    assert_true(matches("//1.2.4:0101FF", "1.2.3/secret/1.2.4:0101FF"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_are_written_and_read),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(policy_and_classification_must_be_the_same),
        cmocka_unit_test(a_part_left_out_is_not_compared),
        cmocka_unit_test(categories_are_compared_as_a_set),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
