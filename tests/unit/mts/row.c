/* The data of a mailbox entry, in the form of now and in that of before schema version 4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mts/row.h"

static void an_entry_is_read_as_it_was_written(void **state) {
    struct buf data;
    struct delivered got;
    (void)state;
    for (int kind = MTS_MESSAGE; kind <= MTS_REPORT; kind += 2) {
        struct delivered given = {.kind = (enum mts_kind)kind, .has_content = true, .position = 40000};
        buf_init(&data, 0);
        assert_true(delivered_write(&data, &given));
        assert_true(data.len < 16); /* whatever the envelope is */
        assert_true(delivered_read(buf_span(&data), &got));
        assert_int_equal(got.kind, kind);
        assert_int_equal(got.position, 40000);
        assert_true(got.has_content);
        assert_null(got.envelope.data);
        for (size_t len = 0; len < data.len; len++)
            assert_false(delivered_read(span_of(data.data, len), &got));
        buf_free(&data);
    }
}

static void an_old_entry_keeps_its_envelope(void **state) {
    struct delivered got;
    (void)state;
    assert_true(delivered_read(SPAN_LIT("\3\0envelope"), &got));
    assert_int_equal(got.kind, MTS_REPORT);
    assert_false(got.has_content);
    assert_true(span_eq(got.envelope, SPAN_LIT("envelope")));
    assert_false(delivered_read(SPAN_LIT("\2\0probe"), &got));
    assert_false(delivered_read(SPAN_LIT("\7\0x"), &got));
    assert_false(delivered_read(SPAN_LIT("\1"), &got));
}

static void a_work_row_keeps_latest_delivery(void **state) {
    struct buf data;
    struct row got;
    (void)state;
    for (int64_t latest = 0; latest < 3; latest += 2) {
        struct row given = {MTS_MESSAGE, MTS_COPY_TRANSFER, true, SPAN_LIT("plan"), latest};
        buf_init(&data, 0);
        assert_true(row_write(&data, &given));
        assert_true(row_read(buf_span(&data), &got));
        assert_int_equal(got.latest, latest);
        assert_int_equal(got.copy, MTS_COPY_TRANSFER);
        assert_true(got.has_content && span_eq(got.plan, given.plan));
        for (size_t len = 0; len < data.len - given.plan.len; len++)
            assert_false(row_read(span_of(data.data, len), &got));
        buf_free(&data);
    }
    assert_false(row_read(SPAN_LIT("\3\1\1\0plan"), &got)); /* of a later form */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_work_row_keeps_latest_delivery),
        cmocka_unit_test(an_entry_is_read_as_it_was_written),
        cmocka_unit_test(an_old_entry_keeps_its_envelope),
    };
    return cmocka_run_group_tests_name("row", tests, NULL, NULL);
}
