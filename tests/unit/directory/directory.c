/* The built-in table: names are found by their meaning, not by their octets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "asn1/ber.h"
#include "directory/directory.h"
#include "names/dn.h"

#define JIM "CN=James Hacker,O=Widget Inc,C=GB"
#define AT  "/C=GB/A=GOLD/P=ALPHA/S=Hacker"

static struct directory *directory;
static struct arena arena;
static struct error err;

static int set_up(void **state) {
    (void)state;
    arena_init(&arena, 1 << 20);
    directory = directory_new();
    err = (struct error){0};
    return directory ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    directory_free(directory);
    arena_free(&arena);
    return 0;
}

static const char *find(const char *text) {
    struct x501_Name name;
    struct span octets;
    assert_true(dn_parse(span_str(text), &arena, &name, &err));
    assert_true(ber_encode_arena(&x501_Name_type, &name, &arena, &octets, NULL));
    return directory_find(directory, octets);
}

static void names_are_found_by_their_meaning(void **state) {
    (void)state;
    assert_true(directory_add(directory, JIM, AT, &err));
    assert_string_equal(find(JIM), AT);
    assert_string_equal(find("cn=james  HACKER, o=widget inc, c=gb"), AT);
    assert_null(find("CN=James Hacker,C=GB"));
    assert_null(find("C=GB,O=Widget Inc,CN=James Hacker"));
    assert_null(directory_find(directory, SPAN_LIT("\x30\x03nonsense")));
}

static void a_value_in_another_string_type_is_the_same(void **state) {
    (void)state;
    struct x501_Name name;
    struct span octets;
    struct x501_DirectoryString text = {.choice = x501_DirectoryString_teletexString,
                                        .u.teletexString = SPAN_LIT("Widget Inc")};
    assert_true(directory_add(directory, "O=Widget Inc,C=GB", AT, &err));
    assert_true(dn_parse(SPAN_LIT("O=x,C=GB"), &arena, &name, &err));
    assert_true(ber_encode_arena(&x501_DirectoryString_type, &text, &arena, &octets, NULL));
    name.u.rdnSequence.items[1].items[0].value = octets;
    assert_true(ber_encode_arena(&x501_Name_type, &name, &arena, &octets, NULL));
    assert_non_null(directory_find(directory, octets));
}

static void what_does_not_read_is_refused(void **state) {
    (void)state;
    assert_false(directory_add(directory, "James", AT, &err));
    assert_false(directory_add(directory, "", AT, &err));
    assert_false(directory_add(directory, JIM, "nonsense", &err));
    assert_false(directory_add(directory, JIM, "", &err));
    assert_int_equal(directory_count(directory), 0);
    assert_true(directory_add(directory, "DN:" JIM, AT, &err));
    assert_true(directory_add(directory, JIM, AT, &err));
    assert_true(directory_add(directory, JIM, "s=HACKER; p=Alpha; a=gold; c=234", &err));
    assert_false(directory_add(directory, JIM, "/C=GB/A=GOLD/P=ALPHA/S=other", &err));
    assert_non_null(strstr(err.text, "James Hacker"));
    assert_int_equal(directory_count(directory), 1);
}

static void entries_are_removed(void **state) {
    (void)state;
    assert_false(directory_remove(directory, JIM));
    assert_true(directory_add(directory, JIM, AT, &err));
    assert_true(directory_remove(directory, "cn=James Hacker,o=Widget Inc,c=gb"));
    assert_null(find(JIM));
    assert_int_equal(directory_count(directory), 0);
}

static void a_large_table_is_found_whole(void **state) {
    (void)state;
    char name[64], address[64];
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "CN=user %d,C=GB", i);
        snprintf(address, sizeof address, "/C=GB/A=GOLD/P=ALPHA/S=u%d", i);
        assert_true(directory_add(directory, name, address, &err));
    }
    for (int i = 0; i < 2000; i += 97) {
        snprintf(name, sizeof name, "CN=user %d,C=GB", i);
        snprintf(address, sizeof address, "/C=GB/A=GOLD/P=ALPHA/S=u%d", i);
        assert_string_equal(find(name), address);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_are_found_by_their_meaning, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_value_in_another_string_type_is_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_does_not_read_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(entries_are_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_large_table_is_found_whole, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
