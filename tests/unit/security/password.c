/* Users' passwords: their hashes, and what is taken for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "security/password.h"

static void a_hash_is_of_its_password_alone(void **state) {
    char hash[PASSWORD_HASH_SIZE], again[PASSWORD_HASH_SIZE];
    (void)state;
    assert_true(password_init());
    assert_true(password_hash(SPAN_LIT("secret"), hash) && password_hash(SPAN_LIT("secret"), again));
    assert_string_not_equal(hash, again); /* each has a salt of its own */
    assert_true(password_is_hash(span_str(hash)));
    assert_true(password_matches(hash, SPAN_LIT("secret")) && password_matches(again, SPAN_LIT("secret")));
    assert_false(password_matches(hash, SPAN_LIT("Secret")) || password_matches(hash, SPAN_LIT("secret\0")) ||
                 password_matches(hash, SPAN_LIT("")));
}

static void nobody_has_the_password_of_nobody(void **state) {
    (void)state;
    assert_true(password_is_hash(span_str(password_nobody)));
    assert_false(password_matches(password_nobody, SPAN_LIT("")));
    assert_false(password_matches(password_nobody, SPAN_LIT("secret")));
}

#define SALT "$AAAAAAAAAAAAAAAAAAAAAA"
#define HASH SALT "$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

/* What would take long, or much memory, whenever somebody binds is none. */
static void hashes_have_a_form_and_bounds(void **state) {
    static const char *const right[] = {"$argon2id$v=19$m=8,t=1,p=1" HASH,
                                        "$argon2id$v=19$m=65536,t=3,p=1" HASH,
                                        "$argon2id$v=19$m=12288,t=16,p=1" HASH};
    static const char *const wrong[] = {"",
                                        "secret",
                                        "$argon2id$v=19$m=65537,t=1,p=1" HASH,
                                        "$argon2id$v=19$m=65536,t=4,p=1" HASH,
                                        "$argon2id$v=19$m=12289,t=16,p=1" HASH,
                                        "$argon2id$v=19$m=8,t=17,p=1" HASH,
                                        "$argon2id$v=19$m=7,t=1,p=1" HASH,
                                        "$argon2id$v=19$m=8,t=0,p=1" HASH,
                                        "$argon2id$v=19$m=8,t=1,p=2" HASH,
                                        "$argon2id$v=19$m=08,t=1,p=1" HASH,
                                        "$argon2id$v=19$m=-8,t=1,p=1" HASH,
                                        "$argon2id$v=16$m=8,t=1,p=1" HASH,
                                        "$argon2i$v=19$m=8,t=1,p=1" HASH,
                                        "$argon2id$v=19$m=8,t=1,p=1" SALT,
                                        "$argon2id$v=19$m=8,t=1,p=1" SALT "$",
                                        "$argon2id$v=19$m=8,t=1,p=1" HASH "=",
                                        "$argon2id$v=19$m=8,t=1,p=1" HASH "$x",
                                        "$argon2id$v=19$m=8,t=1,p=1$AA$AAAAAAAAAAAAAAAA",
                                        "$argon2id$v=19$m=8,t=1,p=1" HASH HASH HASH};
    (void)state;
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        assert_true(password_is_hash(span_str(right[i])));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (password_is_hash(span_str(wrong[i])))
            fail_msg("'%s' is taken for a hash", wrong[i]);
    assert_false(password_is_hash(SPAN_LIT("$argon2id$v=19$m=8,t=1,p=1" HASH "\0")));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_hash_is_of_its_password_alone),
                                       cmocka_unit_test(nobody_has_the_password_of_nobody),
                                       cmocka_unit_test(hashes_have_a_form_and_bounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
