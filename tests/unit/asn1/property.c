/* What must hold for every value of every type: random values of sample.asn1's Box and of all modules' types.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "asn1/json.h"
#include "asn1/random.h"
#include "base/alloc.h"
#include "schema/modules.h"
#include "tests/unit/sample.h"

static struct arena arena;

static int set_up(void **state) {
    (void)state;
    arena_init(&arena, 64 << 20);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(&arena);
    return 0;
}

static void *new_value(const struct ber_type *type) {
    void *value = arena_alloc(&arena, ber_type_size(type));
    assert_non_null(value);
    return value;
}

static struct span encode(const struct ber_type *type, const void *value) {
    struct ber_error error;
    struct span out;
    if (!ber_encode_arena(type, value, &arena, &out, &error))
        fail_msg("%s: %s: %s", ber_type_name(type), error.path, error.text);
    return out;
}

static void *decode(const struct ber_type *type, struct span in) {
    struct ber_error error;
    void *value = new_value(type);
    if (!ber_decode(type, in, &arena, NULL, value, &error))
        fail_msg("%s: %s at %zu: %s", ber_type_name(type), error.path, error.offset, error.text);
    return value;
}

/* decode(encode(v)) = v; raw gives the same octets; so does a fresh encoding; JSON brings the value back. */
static void check_round_trip(const struct ber_type *type, const void *value) {
    struct span octets = encode(type, value);
    void *again = decode(type, octets);
    assert_true(ber_equal(type, value, again));
    assert_true(span_eq(encode(type, again), octets));
    ber_forget_raw(type, again);
    assert_true(span_eq(encode(type, again), octets));
    struct ber_print print = {.json = true, .arena = &arena};
    struct ber_json read = {0};
    struct ber_error error;
    struct buf text;
    buf_init(&text, 0);
    assert_true(ber_print(type, value, &print, &text));
    void *back = new_value(type);
    if (!ber_from_json(type, buf_span(&text), &read, &arena, back, &error))
        fail_msg("%s: %s: %s in %.*s", ber_type_name(type), error.path, error.text, (int)text.len, text.data);
    assert_true(ber_equal(type, value, back));
    buf_clear(&text);
    print.json = false;
    assert_true(ber_print(type, value, &print, &text));
    buf_free(&text);
}

static void random_values_come_back(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 3000; seed++) {
        struct sample_Box box;
        assert_true(ber_random(&sample_Box_type, seed, &arena, &box));
        check_round_trip(&sample_Box_type, &box);
        arena_reset(&arena);
    }
}

static void random_values_of_all_modules_come_back(void **state) {
    (void)state;
    for (const struct ber_module *const *module = schema_modules; *module; module++)
        for (const struct ber_type *const *type = (*module)->types; *type; type++)
            for (uint64_t seed = 0; seed < 8; seed++) {
                void *value = new_value(*type);
                if (ber_random(*type, seed, &arena, value))
                    check_round_trip(*type, value);
                arena_reset(&arena);
            }
}

/* Rewrites an encoding with indefinite lengths: the value must not change. */
static void make_indefinite(struct span in, struct buf *out) {
    while (in.len) {
        struct ber_element element;
        enum ber_error_code why;
        assert_true(ber_element_read(in, &element, &why));
        struct span contents = ber_element_contents(in, &element);
        if (!element.constructed) {
            buf_append(out, in.data, element.total);
        } else {
            size_t tag = 1;
            if ((in.data[0] & 0x1F) == 0x1F)
                while (in.data[tag++] & 0x80)
                    ;
            buf_append(out, in.data, tag);
            buf_append_byte(out, 0x80);
            make_indefinite(contents, out);
            buf_append(out, "\0\0", 2);
        }
        in = span_sub(in, element.total, in.len);
    }
}

static void lengths_play_no_part(void **state) {
    (void)state;
    struct ber_limits limits = {.refuse_unknown = true};
    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct sample_Box box, again;
        struct ber_error error;
        struct buf out;
        buf_init(&out, 0);
        assert_true(ber_random(&sample_Box_type, seed, &arena, &box));
        make_indefinite(encode(&sample_Box_type, &box), &out);
        if (!ber_decode(&sample_Box_type, buf_span(&out), &arena, &limits, &again, &error))
            fail_msg("seed %d: %s: %s", (int)seed, error.path, error.text);
        assert_true(ber_equal(&sample_Box_type, &box, &again));
        assert_int_equal(again.raw.len, out.len);
        buf_free(&out);
        arena_reset(&arena);
    }
}

/* What becomes of the element number `at` of an encoding: nothing outside it is broken by that. */
struct damage {
    enum { CONTENTS, TAG, DROPPED, TWICE } kind;
    size_t at;
    uint8_t bits; /* of the tag, or of the first octet of the contents, that change */
};

static void append_length(struct buf *out, size_t len) {
    if (len >= 0x80) {
        buf_append_byte(out, 0x82);
        buf_append_byte(out, (uint8_t)(len >> 8));
    }
    buf_append_byte(out, (uint8_t)len);
}

static void rewrite(struct span in, bool indefinite, const struct damage *damage, size_t *number,
                    struct buf *out);

static void rewrite_element(struct span in, const struct ber_element *element, bool indefinite,
                            const struct damage *damage, size_t *number, struct buf *out) {
    bool hit = (*number)++ == damage->at;
    size_t tag = 1, start = out->len;
    if ((in.data[0] & 0x1F) == 0x1F)
        while (in.data[tag++] & 0x80)
            ;
    buf_append(out, in.data, tag);
    uint8_t other = in.data[0] ^ (damage->bits & 0xDF); /* primitive or constructed stays what it is */
    if (hit && damage->kind == TAG && tag == 1 && (other & 0x1F) != 0x1F && (other & 0xDF) != 0)
        out->data[start] = other;
    struct buf contents;
    buf_init(&contents, 0);
    if (element->constructed)
        rewrite(ber_element_contents(in, element), indefinite, damage, number, &contents);
    else
        buf_append_span(&contents, ber_element_contents(in, element));
    if (hit && damage->kind == CONTENTS && !element->constructed && contents.len)
        contents.data[0] ^= damage->bits;
    if (indefinite && element->constructed)
        buf_append_byte(out, 0x80);
    else
        append_length(out, contents.len);
    buf_append_span(out, buf_span(&contents));
    if (indefinite && element->constructed)
        buf_append(out, "\0\0", 2);
    buf_free(&contents);
}

static void rewrite(struct span in, bool indefinite, const struct damage *damage, size_t *number,
                    struct buf *out) {
    while (in.len) {
        struct ber_element element;
        enum ber_error_code why;
        assert_true(ber_element_read(in, &element, &why));
        bool hit = *number == damage->at;
        for (int times = !hit || damage->kind < DROPPED ? 1
                         : damage->kind == TWICE        ? 2
                                                        : 0;
             times > 0; times--)
            rewrite_element(in, &element, indefinite, damage, number, out);
        *number += hit && damage->kind == DROPPED;
        in = span_sub(in, element.total, in.len);
    }
}

/* Decodes the damaged octets in a form of the lengths; the line tells all that is told about it. */
static char *judge(const struct ber_type *type, struct span octets, bool indefinite, bool lenient,
                   const struct damage *damage) {
    struct ber_passed items[16];
    struct ber_passed_list passed = {.items = items, .most = 16};
    struct ber_limits limits = {.lenient = lenient, .passed = &passed, .allow_trailing = true};
    struct ber_error error;
    struct buf out;
    size_t number = 0;
    buf_init(&out, 0);
    rewrite(octets, indefinite, damage, &number, &out);
    bool ok = ber_decode(type, arena_dup(&arena, buf_span(&out)), &arena, &limits, new_value(type), &error);
    buf_free(&out);
    char *text = arena_printf(&arena, "%d %d %s %s %s", ok, error.code, error.path, error.text,
                              error.bound ? error.bound : "");
    for (size_t i = 0; i < passed.count; i++)
        text = arena_printf(&arena, "%s; %s", text, items[i].text);
    return text;
}

/* Elements of the usual form are decoded another way than those of any form: what is told of the faults in
 * them is the same. */
static void faults_are_told_whatever_the_form(void **state) {
    (void)state;
    for (const struct ber_module *const *module = schema_modules; *module; module++)
        for (const struct ber_type *const *type = (*module)->types; *type; type++)
            for (uint64_t seed = 0; seed < 60; seed++) {
                void *value = new_value(*type);
                if (ber_random(*type, seed / 12, &arena, value)) {
                    struct damage damage = {seed % 4, seed % 12 / 4 + seed / 12, (uint8_t)(1u << seed % 7)};
                    struct span octets = encode(*type, value);
                    bool lenient = seed & 1;
                    char *usual = judge(*type, octets, false, lenient, &damage);
                    char *any = judge(*type, octets, true, lenient, &damage);
                    if (strcmp(usual, any) != 0)
                        fail_msg("%s: %s, and with indefinite lengths %s", ber_type_name(*type), usual, any);
                }
                arena_reset(&arena);
            }
}

static void every_truncation_is_told(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct sample_Box box, again;
        assert_true(ber_random(&sample_Box_type, seed, &arena, &box));
        struct span octets = encode(&sample_Box_type, &box);
        for (size_t len = 0; len < octets.len && len < 600; len++) {
            struct ber_error error;
            struct ber_print print = {.stop = error.path};
            struct buf text;
            buf_init(&text, 0);
            assert_false(
                ber_decode(&sample_Box_type, span_sub(octets, 0, len), &arena, NULL, &again, &error));
            assert_int_equal(error.code, BER_TRUNCATED);
            assert_true(error.offset <= len);
            assert_true(ber_print(&sample_Box_type, &again, &print, &text));
            buf_free(&text);
        }
        arena_reset(&arena);
    }
}

/* With the n-th allocation failing, each door fails cleanly, until none fails any more. */
static void memory_may_run_out_anywhere(void **state) {
    (void)state;
    struct sample_Box box;
    assert_true(ber_random(&sample_Box_type, 7, &arena, &box));
    struct buf indefinite;
    buf_init(&indefinite, 0);
    make_indefinite(encode(&sample_Box_type, &box), &indefinite);
    bool done = false;
    for (int64_t n = 0; !done; n++) {
        struct arena small;
        struct sample_Box again;
        struct buf out;
        struct ber_error error;
        struct ber_print print = {.json = true, .arena = &small};
        arena_init(&small, 1 << 20);
        buf_init(&out, 0);
        mem_fail_after(n);
        done = ber_decode(&sample_Box_type, buf_span(&indefinite), &small, NULL, &again, &error);
        if (!done)
            assert_int_equal(error.code, BER_MEMORY);
        if (done && (done = ber_encode(&sample_Box_type, &again, &out, &error)))
            done = ber_print(&sample_Box_type, &again, &print, &out);
        mem_fail_after(-1);
        buf_free(&out);
        arena_free(&small);
        assert_true(n < 1000);
    }
    buf_free(&indefinite);
}

static void the_arena_cap_bounds_decoding(void **state) {
    (void)state;
    struct sample_Box box;
    assert_true(ber_random(&sample_Box_type, 11, &arena, &box));
    struct span octets = encode(&sample_Box_type, &box);
    for (size_t cap = 0;; cap += 64) {
        struct arena small;
        struct sample_Box again;
        struct ber_error error;
        arena_init(&small, cap);
        bool done = ber_decode(&sample_Box_type, octets, &small, NULL, &again, &error);
        assert_true(done || error.code == BER_MEMORY);
        arena_free(&small);
        if (done)
            break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_values_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(random_values_of_all_modules_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lengths_play_no_part, set_up, tear_down),
        cmocka_unit_test_setup_teardown(faults_are_told_whatever_the_form, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_truncation_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_may_run_out_anywhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_arena_cap_bounds_decoding, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
