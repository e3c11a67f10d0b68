/* Reading APDUs in pieces of every size, with the state saved and restored between any two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "asn1/stream.h"
#include "base/alloc.h"

struct result {
    enum ber_stream_kind kind;
    struct buf envelope, content;
    bool refuse;
};

static bool take_envelope(void *user, enum ber_stream_kind kind, struct span octets) {
    struct result *r = user;
    r->kind = kind;
    return buf_append_span(&r->envelope, octets) && !r->refuse;
}

static bool take_content(void *user, struct span octets) {
    struct result *r = user;
    return buf_append_span(&r->content, octets);
}

static void clear(struct result *r) {
    buf_free(&r->envelope);
    buf_free(&r->content);
    *r = (struct result){0};
}

/* A stream that is brought back from its saved state must go on as if nothing had been. */
static void save_and_restore(struct ber_stream *stream, size_t limit) {
    uint8_t saved[BER_STREAM_SAVED];
    size_t len = ber_stream_save(stream, saved);
    assert_true(len <= sizeof saved);
    struct ber_stream again;
    assert_true(ber_stream_restore(&again, limit, span_of(saved, len), ber_stream_gathered(stream)));
    assert_int_equal(ber_stream_offset(&again), ber_stream_offset(stream));
    ber_stream_free(stream);
    *stream = again;
}

/* Feeds `in` in pieces of `size` octets. Returns the error's code. */
static enum ber_error_code feed_all(struct ber_stream *stream, struct span in, size_t size, bool restore,
                                    struct result *result, struct ber_error *error) {
    struct ber_stream_sink sink = {take_envelope, take_content, result};
    for (size_t at = 0; at < in.len; at += size) {
        uint8_t *piece = malloc(size);
        struct span s = span_sub(in, at, size);
        memcpy(piece, s.data, s.len);
        bool good = ber_stream_feed(stream, span_of(piece, s.len), &sink, error);
        free(piece);
        if (!good)
            return error->code;
        if (restore)
            save_and_restore(stream, 64);
    }
    return BER_OK;
}

static void check(struct span in, enum ber_stream_kind kind, struct span envelope, struct span content) {
    for (size_t size = 1; size <= in.len; size++) {
        struct ber_stream stream;
        struct result result = {0};
        struct ber_error error;
        ber_stream_init(&stream, 64);
        assert_int_equal(feed_all(&stream, in, size, size % 2, &result, &error), BER_OK);
        assert_true(ber_stream_done(&stream));
        assert_int_equal(result.kind, kind);
        assert_true(span_eq(buf_span(&result.envelope), envelope));
        assert_true(span_eq(buf_span(&result.content), content));
        assert_int_equal(stream.content_len, content.len);
        assert_int_equal(ber_stream_offset(&stream), in.len);
        ber_stream_free(&stream);
        clear(&result);
    }
}

#define ENVELOPE "\x31\x06\x80\x01\x05\x81\x01\x06"

static void messages_in_every_form(void **state) {
    (void)state;
    check(SPAN_LIT("\xA0\x0F" ENVELOPE "\x04\x05hello"), BER_STREAM_MESSAGE, SPAN_LIT(ENVELOPE),
          SPAN_LIT("hello"));
    check(SPAN_LIT("\xA0\x0A" ENVELOPE "\x04\x00"), BER_STREAM_MESSAGE, SPAN_LIT(ENVELOPE), SPAN_LIT(""));
    check(SPAN_LIT("\xA0\x80" ENVELOPE "\x04\x82\x00\x05hello\x00\x00"), BER_STREAM_MESSAGE,
          SPAN_LIT(ENVELOPE), SPAN_LIT("hello"));
    check(SPAN_LIT("\xA0\x80\x31\x80\xA1\x80\x04\x02\x00\x00\x00\x00\x80\x01\x05\x00\x00\x24\x80\x04\x02he"
                   "\x24\x04\x04"
                   "\x02ll\x24\x80\x04\x01o\x00\x00\x00\x00\x00\x00"),
          BER_STREAM_MESSAGE, SPAN_LIT("\x31\x80\xA1\x80\x04\x02\x00\x00\x00\x00\x80\x01\x05\x00\x00"),
          SPAN_LIT("hello"));
}

static void an_external_around_it(void **state) {
    (void)state;
    check(SPAN_LIT("\x28\x1A\x06\x02\x56\x00\x02\x01\x03\xA0\x11\xA0\x0F" ENVELOPE "\x04\x05hello"),
          BER_STREAM_MESSAGE, SPAN_LIT(ENVELOPE), SPAN_LIT("hello"));
    check(SPAN_LIT("\x28\x80\x02\x01\x03\xA0\x80\xA0\x80" ENVELOPE "\x04\x05hello\x00\x00\x00\x00\x00\x00"),
          BER_STREAM_MESSAGE, SPAN_LIT(ENVELOPE), SPAN_LIT("hello"));
    check(SPAN_LIT("\x28\x16\x02\x01\x03\x81\x11\xA0\x0F" ENVELOPE "\x04\x05hello"), BER_STREAM_MESSAGE,
          SPAN_LIT(ENVELOPE), SPAN_LIT("hello"));
    check(SPAN_LIT("\x28\x80\x02\x01\x03\xA1\x80\x04\x03\xA0\x0F\x31\x04\x0E\x06\x80\x01\x05\x81\x01\x06\x04"
                   "\x05hello"
                   "\x00\x00\x00\x00"),
          BER_STREAM_MESSAGE, SPAN_LIT(ENVELOPE), SPAN_LIT("hello"));
}

static void references_are_kept(void **state) {
    (void)state;
    struct ber_stream stream;
    struct result result = {0};
    struct ber_error error;
    ber_stream_init(&stream, 64);
    struct span in = SPAN_LIT("\x28\x12\x06\x02\x56\x00\x02\x02\xFF\x03\x07\x02hi\xA0\x04\xA2\x02\x05\x00");
    assert_int_equal(feed_all(&stream, in, 3, true, &result, &error), BER_OK);
    assert_true(stream.external && stream.has_indirect_reference);
    assert_int_equal(stream.indirect_reference, -253);
    assert_int_equal(stream.direct_reference_len, 2);
    assert_int_equal(result.kind, BER_STREAM_PROBE);
    ber_stream_free(&stream);
    clear(&result);
}

static void other_apdus_come_whole(void **state) {
    (void)state;
    check(SPAN_LIT("\xA1\x04\x30\x02\x05\x00"), BER_STREAM_REPORT, SPAN_LIT("\xA1\x04\x30\x02\x05\x00"),
          SPAN_LIT(""));
    check(SPAN_LIT("\xA2\x80\x30\x80\x05\x00\x00\x00\x00\x00"), BER_STREAM_PROBE,
          SPAN_LIT("\xA2\x80\x30\x80\x05\x00\x00\x00\x00\x00"), SPAN_LIT(""));
    check(SPAN_LIT("\xBF\x45\x00"), BER_STREAM_OTHER, SPAN_LIT("\xBF\x45\x00"), SPAN_LIT(""));
}

static void malformed_streams_are_refused(void **state) {
    (void)state;
    static const struct {
        struct span in;
        enum ber_error_code code;
        size_t offset;
    } cases[] = {
        {SPAN_LIT("\xA0\x0F" ENVELOPE "\x04\x06hello"), BER_LENGTH, 12},
        {SPAN_LIT("\xA0\x10" ENVELOPE "\x04\x05hello\x05\x00"), BER_LENGTH, 18},
        {SPAN_LIT("\xA0\x11" ENVELOPE "\x04\x05hello\x05\x00"), BER_UNEXPECTED, 19},
        {SPAN_LIT("\xA0\x0F" ENVELOPE "\x04\x05hello!"), BER_TRAILING, 17},
        {SPAN_LIT("\xA0\x08" ENVELOPE), BER_MISSING, 10},
        {SPAN_LIT("\xA0\x00"), BER_MISSING, 2},
        {SPAN_LIT("\xA0\x0F" ENVELOPE "\x05\x05hello"), BER_TAG, 12},
        {SPAN_LIT("\x80\x0F"), BER_TAG, 2},
        {SPAN_LIT("\x00\x00"), BER_TAG, 2},
        {SPAN_LIT("\xA0\x80\x31\x89\x01\x01\x01\x01\x01\x01\x01\x01\x01"), BER_LENGTH, 12},
        {SPAN_LIT("\xA0\x80\x31\x85\x01\x00\x00\x00\x00" ENVELOPE ENVELOPE ENVELOPE ENVELOPE ENVELOPE ENVELOPE
                      ENVELOPE ENVELOPE),
         BER_MEMORY, 73},
        {SPAN_LIT("\x28\x05\x02\x01\x03\x82\x00"), BER_TAG, 7},
        {SPAN_LIT("\x28\x03\x02\x01\x03"), BER_MISSING, 5},
        {SPAN_LIT("\x28\x80\xA0\x03\xA0\x80\x31\x00\x00"), BER_LENGTH, 7},
        {SPAN_LIT("\xA0\x80\x31\x00\x24\x80\x24\x80\x24\x80\x24\x80\x24\x80\x24\x80\x24\x80\x24\x80"),
         BER_DEPTH, 20},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t size = 1; size <= cases[i].in.len; size += cases[i].in.len - 1) {
            struct ber_stream stream;
            struct result result = {0};
            struct ber_error error;
            ber_stream_init(&stream, 64);
            assert_int_equal(feed_all(&stream, cases[i].in, size, false, &result, &error), cases[i].code);
            if (cases[i].code != BER_MEMORY)
                assert_int_equal(error.offset, cases[i].offset);
            ber_stream_free(&stream);
            clear(&result);
        }
}

static void indefinite_bombs_are_cut_off(void **state) {
    (void)state;
    struct ber_stream stream;
    struct result result = {0};
    struct ber_error error;
    uint8_t bomb[400];
    for (size_t i = 0; i < sizeof bomb; i += 2) {
        bomb[i] = 0x30;
        bomb[i + 1] = 0x80;
    }
    ber_stream_init(&stream, 1000);
    assert_int_equal(feed_all(&stream, span_of(bomb, sizeof bomb), 7, false, &result, &error), BER_DEPTH);
    ber_stream_free(&stream);
    clear(&result);
}

static void the_sink_may_refuse(void **state) {
    (void)state;
    struct ber_stream stream;
    struct result result = {.refuse = true};
    struct ber_error error;
    ber_stream_init(&stream, 64);
    assert_int_equal(feed_all(&stream, SPAN_LIT("\xA2\x00"), 1, false, &result, &error), BER_VALUE);
    assert_string_equal(error.text, "refused");
    ber_stream_free(&stream);
    clear(&result);
}

static void damaged_states_are_refused(void **state) {
    (void)state;
    struct ber_stream stream, again;
    struct result result = {0};
    struct ber_error error;
    uint8_t saved[BER_STREAM_SAVED];
    ber_stream_init(&stream, 64);
    assert_int_equal(feed_all(&stream, SPAN_LIT("\xA0\x0F\x31\x06"), 4, false, &result, &error), BER_OK);
    size_t len = ber_stream_save(&stream, saved);
    struct span gathered = ber_stream_gathered(&stream);
    assert_false(ber_stream_restore(&again, 64, span_of(saved, len - 1), gathered));
    assert_false(ber_stream_restore(&again, 64, span_of(saved, len), SPAN_LIT("x")));
    assert_false(ber_stream_restore(&again, 1, span_of(saved, len), gathered));
    mem_fail_after(0);
    assert_false(ber_stream_restore(&again, 64, span_of(saved, len), gathered));
    mem_fail_after(-1);
    saved[0]++;
    assert_false(ber_stream_restore(&again, 64, span_of(saved, len), gathered));
    ber_stream_free(&stream);
    clear(&result);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_in_every_form),        cmocka_unit_test(an_external_around_it),
        cmocka_unit_test(references_are_kept),           cmocka_unit_test(other_apdus_come_whole),
        cmocka_unit_test(malformed_streams_are_refused), cmocka_unit_test(indefinite_bombs_are_cut_off),
        cmocka_unit_test(the_sink_may_refuse),           cmocka_unit_test(damaged_states_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
