/* One field of a type, told as its octets come, however they are cut; the rest is a value of the same type.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "asn1/random.h"
#include "asn1/scanner.h"
#include "schema/x226.h"
#include "schema/x411p3.h"
#include "schema/x880.h"
#include "tests/unit/sample.h"

#define S(text) SPAN_LIT(text)

struct told {
    struct ber_scanner *scanner;
    struct buf head, field; /* the envelope when the field began */
    unsigned path, fields;
};

static bool on_field(void *context, unsigned path, struct span head) {
    struct told *told = context;
    told->path = path;
    told->fields++;
    (void)head;
    return ber_scanner_envelope(told->scanner, &told->head);
}

static bool on_octets(void *context, struct span octets) {
    assert_true(octets.len > 0);
    return buf_append_span(&((struct told *)context)->field, octets);
}

static const struct ber_scan_handler handler = {on_field, on_octets};

static void told_free(struct told *told) {
    buf_free(&told->head);
    buf_free(&told->field);
}

/* Saves the scanner and goes on with another. */
static void change_over(struct ber_scanner *s, const struct ber_plan *plan, size_t limit) {
    struct ber_scanner next;
    struct buf state, head;
    buf_init(&state, 0);
    buf_init(&head, 0);
    ber_scanner_init(&next, plan, limit);
    assert_true(ber_scanner_save(s, &state) && state.len <= BER_SCAN_STATE_MAX);
    assert_true(buf_append_span(&head, buf_span(&s->head)));
    assert_true(ber_scanner_restore(&next, plan, buf_span(&state), buf_span(&head), limit));
    ber_scanner_free(s);
    *s = next;
    buf_free(&state);
    buf_free(&head);
}

/* Feeds copies that end where they end: sanitizers see reads past them. */
static bool scan(const struct ber_plan *plan, struct span in, size_t cut, bool save, size_t limit,
                 struct told *told, struct buf *envelope) {
    struct ber_scanner s;
    bool ok = true;
    *told = (struct told){.scanner = &s};
    buf_init(envelope, 0);
    ber_scanner_init(&s, plan, limit);
    for (size_t at = 0; ok && at < in.len; at += cut) {
        struct span piece = span_sub(in, at, cut);
        uint8_t *copy = malloc(piece.len);
        memcpy(copy, piece.data, piece.len);
        ok = ber_scanner_feed(&s, span_of(copy, piece.len), &handler, told);
        free(copy);
        if (ok && save)
            change_over(&s, plan, limit);
    }
    ok = ok && ber_scanner_finish(&s) && ber_scanner_envelope(&s, envelope);
    ber_scanner_free(&s);
    return ok;
}

static struct ber_plan plan_of(const struct ber_type *type, const char *path) {
    struct ber_plan plan;
    assert_true(ber_plan_init(&plan, type, &(struct ber_path){.components = path}, 1));
    return plan;
}

/* ---- whole types ---- */

/* The delivery of a random message: the content comes alone, the rest decodes to the same without it, before
 * the content and after. */
static void check_delivery(uint64_t seed, const struct ber_plan *plan) {
    struct arena arena;
    struct x411p3_MessageDeliveryArgument value = {0}, again = {0};
    struct span octets;
    arena_init(&arena, 64 << 20);
    if (!ber_random(&x411p3_MessageDeliveryArgument_type, seed, &arena, &value) ||
        !ber_encode_arena(&x411p3_MessageDeliveryArgument_type, &value, &arena, &octets, NULL)) {
        arena_free(&arena);
        return;
    }
    struct span content = value.content;
    value.content = S("");
    ber_forget_raw(&x411p3_MessageDeliveryArgument_type, &value);
    size_t cuts[] = {octets.len, 1, 7, 100};
    for (size_t i = 0; i < 4; i++)
        for (int save = 0; save < (octets.len < 3000 ? 2 : 1); save++) {
            struct told told;
            struct buf envelope;
            assert_true(scan(plan, octets, cuts[i], save, 1 << 24, &told, &envelope));
            assert_int_equal(told.fields, 1);
            assert_true(span_eq(buf_span(&told.field), content));
            struct buf *both[] = {&told.head, &envelope};
            for (size_t j = 0; j < 2; j++) {
                assert_true(ber_decode(&x411p3_MessageDeliveryArgument_type, buf_span(both[j]), &arena, NULL,
                                       &again, NULL));
                assert_true(ber_equal(&x411p3_MessageDeliveryArgument_type, &value, &again));
            }
            told_free(&told);
            buf_free(&envelope);
        }
    arena_free(&arena);
}

static void a_delivery_comes_apart(void **state) {
    (void)state;
    struct ber_plan plan = plan_of(&x411p3_MessageDeliveryArgument_type, "content");
    for (uint64_t seed = 1; seed <= 40; seed++)
        check_delivery(seed, &plan);
}

/* What goes out around the content, and the content itself, are the value again. */
static void check_split(uint64_t seed, const struct ber_plan *plan) {
    struct arena arena;
    struct x411p3_MessageDeliveryArgument value = {0}, again = {0};
    struct span octets;
    struct buf out, tail;
    static uint8_t content[70000];
    static const size_t lengths[] = {0, 1, 127, 128, 255, 256, 70000};
    arena_init(&arena, 64 << 20);
    buf_init(&out, 0);
    buf_init(&tail, 0);
    bool ok = ber_random(&x411p3_MessageDeliveryArgument_type, seed, &arena, &value);
    value.content = S("");
    if (ok && ber_encode_arena(&x411p3_MessageDeliveryArgument_type, &value, &arena, &octets, NULL)) {
        size_t length = lengths[seed % (sizeof lengths / sizeof *lengths)];
        assert_true(ber_scanner_split(plan, octets, length, &out, &tail));
        assert_true(buf_append(&out, content, length) && buf_append_span(&out, buf_span(&tail)));
        value.content = span_of(content, length);
        assert_true(ber_decode(&x411p3_MessageDeliveryArgument_type, buf_span(&out), &arena,
                               &(struct ber_limits){.relax_bounds = true}, &again, NULL));
        assert_true(ber_equal(&x411p3_MessageDeliveryArgument_type, &value, &again));
    }
    buf_free(&out);
    buf_free(&tail);
    arena_free(&arena);
}

static void a_delivery_goes_out_in_parts(void **state) {
    (void)state;
    struct ber_plan plan = plan_of(&x411p3_MessageDeliveryArgument_type, "content");
    struct ber_plan operation = plan_of(&x880_ROS_type, "invoke.argument");
    struct buf head, tail;
    for (uint64_t seed = 1; seed <= 60; seed++)
        check_split(seed, &plan);
    buf_init(&head, 0);
    buf_init(&tail, 0);
    assert_true(
        ber_scanner_split(&operation, S("\xA1\x08\x02\x01\x07\x02\x01\x03\x05\x00"), 0, &head, &tail));
    assert_true(span_eq(buf_span(&head), S("\xA1\x80\x02\x01\x07\x02\x01\x03")));
    assert_true(span_eq(buf_span(&tail), S("\x00\x00")));
    buf_clear(&head);
    buf_clear(&tail);
    /* no field, or one that is not empty */
    assert_false(ber_scanner_split(&operation, S("\xA1\x06\x02\x01\x07\x02\x01\x03"), 0, &head, &tail));
    struct ber_plan submission = plan_of(&x411p3_MessageSubmissionArgument_type, "content");
    assert_false(ber_scanner_split(&submission, S("\x30\x05\x31\x00\x04\x01x"), 1, &head, &tail));
    buf_free(&head);
    buf_free(&tail);
}

struct sample {
    struct span value, field, envelope;
    unsigned path;
};

static void check_sample(const struct ber_plan *plan, const struct sample *sample) {
    for (size_t cut = 1; cut <= sample->value.len; cut++)
        for (int save = 0; save < 2; save++) {
            struct told told;
            struct buf envelope;
            assert_true(scan(plan, sample->value, cut, save, 1000, &told, &envelope));
            assert_true(span_eq(buf_span(&told.field), sample->field));
            assert_true(span_eq(buf_span(&envelope), sample->envelope));
            assert_int_equal(told.path, sample->path);
            assert_int_equal(told.fields, sample->field.data != NULL);
            told_free(&told);
            buf_free(&envelope);
        }
    for (size_t len = 0; len < sample->value.len; len++) {
        struct told told;
        struct buf envelope;
        assert_false(scan(plan, span_sub(sample->value, 0, len), 3, false, 1000, &told, &envelope));
        told_free(&told);
        buf_free(&envelope);
    }
}

static void operations_have_one_plan(void **state) {
    (void)state;
    static const struct ber_path paths[] = {
        {"invoke.argument"}, {"returnResult.result.result"}, {"returnError.parameter"}};
    static const struct sample samples[] = {
        {S("\xA1\x0B\x02\x01\x07\x02\x01\x03\x04\x03"
           "abc"),
         S("\x04\x03"
           "abc"),
         S("\xA1\x80\x02\x01\x07\x02\x01\x03\x05\x00\x00\x00"), 0},
        /* an indefinite argument, a linked identifier */
        {S("\xA1\x80\x02\x01\x07\x80\x01\x05\x02\x01\x03\x30\x80\x30\x80\x05\x00\x00\x00\x04\x01x\x00\x00\x00"
           "\x00"),
         S("\x30\x80\x30\x80\x05\x00\x00\x00\x04\x01x\x00\x00"),
         S("\xA1\x80\x02\x01\x07\x80\x01\x05\x02\x01\x03\x05\x00\x00\x00"), 0},
        {S("\xA2\x0A\x02\x01\x07\x30\x05\x02\x01\x03\x05\x00"), S("\x05\x00"),
         S("\xA2\x80\x02\x01\x07\x30\x80\x02\x01\x03\x05\x00\x00\x00\x00\x00"), 1},
        {S("\xA3\x08\x02\x01\x07\x02\x01\x03\x31\x00"), S("\x31\x00"),
         S("\xA3\x80\x02\x01\x07\x02\x01\x03\x05\x00\x00\x00"), 2},
        /* without a field: as it is */
        {S("\xA1\x06\x02\x01\x07\x02\x01\x03"), {NULL, 0}, S("\xA1\x80\x02\x01\x07\x02\x01\x03\x00\x00"), 0},
        {S("\xA4\x07\x02\x01\x07\x81\x02\x00\x01"), {NULL, 0}, S("\xA4\x07\x02\x01\x07\x81\x02\x00\x01"), 0},
    };
    struct ber_plan plan;
    assert_true(ber_plan_init(&plan, &x880_ROS_type, paths, 3));
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        check_sample(&plan, &samples[i]);
}

static void a_pdv_is_found_in_its_list(void **state) {
    (void)state;
    struct ber_plan plan =
        plan_of(&x226_User_data_type, "fully-encoded-data.*.presentation-data-values.single-ASN1-type");
    static const struct sample samples[] = {
        {S("\x61\x0A\x30\x08\x02\x01\x03\xA0\x03\x04\x01x"), S("\x04\x01x"),
         S("\x61\x80\x30\x80\x02\x01\x03\xA0\x80\x05\x00\x00\x00\x00\x00\x00\x00"), 0},
        {S("\x61\x80\x30\x80\x02\x01\x03\xA0\x80\x24\x80\x04\x01x\x00\x00\x00\x00\x00\x00\x00\x00"),
         S("\x24\x80\x04\x01x\x00\x00"),
         S("\x61\x80\x30\x80\x02\x01\x03\xA0\x80\x05\x00\x00\x00\x00\x00\x00\x00"), 0},
        /* the second goes to the envelope */
        {S("\x61\x14\x30\x08\x02\x01\x03\xA0\x03\x04\x01x\x30\x08\x02\x01\x05\xA0\x03\x04\x01y"),
         S("\x04\x01x"),
         S("\x61\x80\x30\x80\x02\x01\x03\xA0\x80\x05\x00\x00\x00\x00\x00\x30\x80\x02\x01\x05\xA0\x80\x04\x01y"
           "\x00"
           "\x00\x00\x00\x00\x00"),
         0},
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        check_sample(&plan, &samples[i]);
}

/* entry { 7, { { 1.2 { x } }, { 1.3 { content, y } } } }, next 9 */
#define ENTRY(values)                                                                                        \
    "\x31\x80\xA0\x80\x02\x01\x07\x31\x80\x30\x80\x06\x01\x2A\x30\x80\x05\x00\x00\x00\x00\x00\x30\x80\x06"   \
    "\x01\x2B\x30\x80" values "\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\xA2\x03\x02\x01\x09\x00\x00"

static void a_condition_chooses_the_attribute(void **state) {
    (void)state;
    struct ber_plan plan;
    struct ber_path path = {.components = "entry.attributes.*.attribute-values(attribute-type).*",
                            .when = S("\x2B"),
                            .string = true};
    static const struct sample samples[] = {
        {S(ENTRY("\x04\x03"
                 "abc")),
         S("abc"), S(ENTRY("\x04\x00")), 0},
        {S(ENTRY("\x24\x80\x04\x01"
                 "a\x24\x80\x04\x02"
                 "bc\x00\x00\x00\x00")),
         S("abc"), S(ENTRY("\x04\x00")), 0},
    };
    assert_true(ber_plan_init(&plan, &sample_Fetched_type, &path, 1));
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        check_sample(&plan, &samples[i]);
    path.when = S("\x2C");
    assert_true(ber_plan_init(&plan, &sample_Fetched_type, &path, 1));
    struct sample none = {samples[0].value, {NULL, 0}, samples[0].value, 0};
    check_sample(&plan, &none);
}

static void paths_that_are_none_are_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {"",         "contents",      "content.x", "envelope.",
                                        "content(", "content(none)", "*"};
    struct ber_plan plan;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(ber_plan_init(&plan, &x411p3_MessageSubmissionArgument_type,
                                   &(struct ber_path){.components = wrong[i]}, 1));
}

/* ---- hostile octets ---- */

static void refused(const struct ber_plan *plan, struct span in, size_t limit) {
    for (size_t cut = 1; cut <= in.len; cut += cut < 16 ? 1 : 97) {
        struct told told;
        struct buf envelope;
        assert_false(scan(plan, in, cut, false, limit, &told, &envelope));
        told_free(&told);
        buf_free(&envelope);
    }
}

static void hostile_values_are_refused(void **state) {
    (void)state;
    struct ber_plan plan = plan_of(&x411p3_MessageSubmissionArgument_type, "content");
    refused(&plan, S("\x31\x02\x05\x00"), 100);                         /* another tag */
    refused(&plan, S("\x30\x04\x31\x00\x04\x05"), 100);                 /* longer than what encloses it */
    refused(&plan, S("\x30\x80\x31\x00\x04\x80\x00\x00\x00\x00"), 100); /* an indefinite primitive */
    refused(&plan, S("\x30\x80\x31\x00\x24\x80\x0C\x01x\x00\x00\x00\x00"), 100); /* another segment */
    refused(&plan, S("\x30\x04\x31\x00\x04\x00!"), 100);                         /* octets after the value */
    refused(&plan, S("\x30\x88\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x31"), 100);
    refused(&plan, S("\x30\x80\x31\x84\x7F\xFF\xFF\xFF\x05"), 1000); /* 2 GB of envelope */
    refused(&plan, S("\x30\x80\x04\x00\x31\x06\x05\x00\x05\x00\x05\x00\x00\x00"),
            8);                                 /* over the limit behind */
    refused(&plan, S("\x30\x02\x00\x00"), 100); /* ends of contents in a definite length */
    refused(&plan, S("\x1F\x81\x82\x83\x84\x85\x86\x07"), 100);
}

static void bombs_are_refused(void **state) {
    (void)state;
    static const struct span starts[] = {S("\x30\x80\x31\x00"), S("\x30\x80")};
    struct ber_plan plan = plan_of(&x411p3_MessageSubmissionArgument_type, "content");
    for (size_t i = 0; i < 2; i++) {
        struct buf bomb;
        buf_init(&bomb, 0);
        buf_append_span(&bomb, starts[i]);
        for (int n = 0; n < 1000; n++)
            buf_append_span(&bomb, i ? S("\x31\x80") : S("\x24\x80"));
        refused(&plan, buf_span(&bomb), 1 << 20);
        buf_free(&bomb);
    }
}

static void a_gigabyte_is_never_held(void **state) {
    (void)state;
    static uint8_t zeros[1 << 20];
    struct ber_plan plan = plan_of(&x880_ROS_type, "invoke.argument");
    struct ber_scanner s;
    struct told told = {.scanner = &s};
    ber_scanner_init(&s, &plan, 1000);
    assert_true(ber_scanner_feed(
        &s, S("\xA1\x80\x02\x01\x01\x02\x01\x03\x30\x80\x31\x00\x04\x84\x40\x00\x00\x00"), &handler, &told));
    size_t kept = s.head.cap;
    for (int i = 0; i < 1024; i++) {
        assert_true(ber_scanner_feed(&s, span_of(zeros, sizeof zeros), &handler, &told));
        buf_clear(&told.field);
    }
    assert_int_equal(s.head.cap, kept);
    assert_true(ber_scanner_feed(&s, S("\x00\x00\x00\x00"), &handler, &told));
    assert_true(ber_scanner_finish(&s));
    ber_scanner_free(&s);
    told_free(&told);
}

/* Whatever octet of a saved state is changed: it is refused, or goes on within its bounds. */
static void broken_states_do_no_harm(void **state) {
    (void)state;
    static const struct span value = S(ENTRY("\x24\x80\x04\x03"
                                             "abc\x00\x00"));
    struct ber_plan plan;
    struct ber_path path = {.components = "entry.attributes.*.attribute-values(attribute-type).*",
                            .when = S("\x2B"),
                            .string = true};
    assert_true(ber_plan_init(&plan, &sample_Fetched_type, &path, 1));
    for (size_t len = 1; len < value.len; len++) {
        struct ber_scanner s;
        struct told told = {.scanner = &s};
        struct buf saved;
        buf_init(&saved, 0);
        ber_scanner_init(&s, &plan, 1000);
        assert_true(ber_scanner_feed(&s, span_sub(value, 0, len), &handler, &told));
        assert_true(ber_scanner_save(&s, &saved));
        for (size_t at = 0; at < saved.len; at++)
            for (unsigned bit = 0; bit < 8; bit++) {
                saved.data[at] ^= (uint8_t)(1u << bit);
                if (ber_scanner_restore(&s, &plan, buf_span(&saved), S(""), 1000))
                    ber_scanner_feed(&s, span_sub(value, len, SIZE_MAX), &handler, &told);
                assert_true(s.head.len <= 1000);
                saved.data[at] ^= (uint8_t)(1u << bit);
            }
        ber_scanner_free(&s);
        buf_free(&saved);
        told_free(&told);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_delivery_comes_apart),
        cmocka_unit_test(a_delivery_goes_out_in_parts),
        cmocka_unit_test(operations_have_one_plan),
        cmocka_unit_test(a_pdv_is_found_in_its_list),
        cmocka_unit_test(a_condition_chooses_the_attribute),
        cmocka_unit_test(paths_that_are_none_are_refused),
        cmocka_unit_test(hostile_values_are_refused),
        cmocka_unit_test(bombs_are_refused),
        cmocka_unit_test(a_gigabyte_is_never_held),
        cmocka_unit_test(broken_states_do_no_harm),
    };
    return cmocka_run_group_tests_name("asn1-scanner", tests, NULL, NULL);
}
