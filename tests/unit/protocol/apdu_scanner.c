/* The scanner finds envelope and content however the octets are cut, and refuses what is no MTS-APDU. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "protocol/apdu_scanner.h"

struct found {
    enum ipc_apdu kind;
    struct buf envelope, content;
};

static bool on_envelope(void *context, enum ipc_apdu kind, struct span envelope) {
    struct found *found = context;
    assert_int_equal(found->envelope.len, 0);
    found->kind = kind;
    return buf_append_span(&found->envelope, envelope);
}

static bool on_content(void *context, struct span content) {
    assert_true(content.len > 0);
    return buf_append_span(&((struct found *)context)->content, content);
}

static const struct apdu_handler handler = {on_envelope, on_content};

static void found_free(struct found *found) {
    buf_free(&found->envelope);
    buf_free(&found->content);
}

/* Feeds `apdu` in pieces of `cut` octets, through a saved and restored scanner at each cut when `restore` is
 * set. */
static bool scan(struct span apdu, size_t cut, bool restore, size_t limit, struct found *found) {
    struct apdu_scanner s;
    *found = (struct found){0};
    apdu_scanner_init(&s, limit);
    bool ok = true;
    for (size_t at = 0; ok && at < apdu.len; at += cut) {
        ok = apdu_scanner_feed(&s, span_sub(apdu, at, cut), &handler, found);
        if (ok && restore) {
            struct buf state, collected;
            buf_init(&state, 0);
            buf_init(&collected, 0);
            assert_true(apdu_scanner_save(&s, &state));
            assert_true(state.len <= APDU_STATE_MAX);
            assert_true(buf_append_span(&collected, apdu_scanner_collected(&s)));
            apdu_scanner_free(&s);
            apdu_scanner_init(&s, limit);
            assert_true(apdu_scanner_restore(&s, buf_span(&state), buf_span(&collected), limit));
            buf_free(&collected);
            buf_free(&state);
        }
    }
    ok = ok && apdu_scanner_finish(&s);
    apdu_scanner_free(&s);
    return ok;
}

struct sample {
    struct span apdu, envelope, content;
    enum ipc_apdu kind;
};

#define S(text) SPAN_LIT(text)
static const struct sample *samples(size_t *count) {
    static struct sample all[8];
    size_t n = 0;
    /* definite throughout */
    all[n++] = (struct sample){S("\xA0\x09\x31\x02\x05\x00\x04\x03"
                                 "abc"),
                               S("\x31\x02\x05\x00"), S("abc"), IPC_APDU_MESSAGE};
    /* non-minimal lengths, an empty content */
    all[n++] = (struct sample){S("\xA0\x83\x00\x00\x07\x31\x81\x00\x04\x82\x00\x00"), S("\x31\x81\x00"),
                               S(""), IPC_APDU_MESSAGE};
    /* indefinite outside, in the envelope, and a content of nested segments */
    all[n++] = (struct sample){S("\xA0\x80\x31\x80\x64\x80\x05\x00\x00\x00\x00\x00"
                                 "\x24\x80\x04\x02"
                                 "ab\x24\x06\x04\x01"
                                 "c\x04\x01"
                                 "d\x04\x00\x24\x80\x00\x00\x04\x01"
                                 "e\x00\x00\x00\x00"),
                               S("\x31\x80\x64\x80\x05\x00\x00\x00\x00\x00"), S("abcde"), IPC_APDU_MESSAGE};
    /* a long tag in the envelope */
    all[n++] = (struct sample){S("\xA0\x0A\x31\x80\x7F\x81\x01\x01\x00\x00\x00\x04\x00"),
                               S("\x31\x80\x7F\x81\x01\x01\x00\x00\x00"), S(""), IPC_APDU_MESSAGE};
    all[n - 1].apdu = S("\xA0\x0B\x31\x80\x7F\x81\x01\x01\x00\x00\x00\x04\x00");
    /* a report and a probe, whole */
    all[n++] =
        (struct sample){S("\xA1\x80\x31\x00\x00\x00"), S("\xA1\x80\x31\x00\x00\x00"), S(""), IPC_APDU_REPORT};
    all[n++] = (struct sample){S("\xA2\x02\x05\x00"), S("\xA2\x02\x05\x00"), S(""), IPC_APDU_PROBE};
    *count = n;
    return all;
}

static void found_however_it_is_cut(void **state) {
    (void)state;
    size_t count;
    const struct sample *all = samples(&count);
    for (size_t i = 0; i < count; i++)
        for (size_t cut = 1; cut <= all[i].apdu.len; cut++)
            for (int restore = 0; restore < 2; restore++) {
                struct found found;
                assert_true(scan(all[i].apdu, cut, restore, 1000, &found));
                assert_int_equal(found.kind, all[i].kind);
                assert_true(span_eq(buf_span(&found.envelope), all[i].envelope));
                assert_true(span_eq(buf_span(&found.content), all[i].content));
                found_free(&found);
            }
}

static void refused_when_cut_short(void **state) {
    (void)state;
    size_t count;
    const struct sample *all = samples(&count);
    for (size_t i = 0; i < count; i++)
        for (size_t len = 0; len < all[i].apdu.len; len++) {
            struct found found;
            assert_false(scan(span_sub(all[i].apdu, 0, len), 1, false, 1000, &found));
            found_free(&found);
        }
}

static void refused(struct span apdu, size_t limit) {
    for (size_t cut = 1; cut <= apdu.len; cut++) {
        struct found found;
        assert_false(scan(apdu, cut, false, limit, &found));
        found_free(&found);
    }
}

static void refused_what_is_no_apdu(void **state) {
    (void)state;
    refused(S("\x30\x02\x05\x00"), 100);                             /* another tag */
    refused(S("\xA0\x06\x31\x00\x0C\x01z\x00"), 100);                /* a content that is no OCTET STRING */
    refused(S("\xA0\x04\x31\x00\x04\x05"), 100);                     /* a content longer than the message */
    refused(S("\xA0\x03\x31\x05\x05"), 100);                         /* an envelope longer than the message */
    refused(S("\xA0\x04\x31\x00\x04\x00!"), 100);                    /* octets after the APDU */
    refused(S("\xA0\x06\x31\x00\x04\x00\x05\x00"), 100);             /* an element after the content */
    refused(S("\xA0\x80\x31\x00\x00\x00"), 100);                     /* no content */
    refused(S("\xA0\x80\x31\x00\x04\x80\x00\x00\x00\x00"), 100);     /* an indefinite primitive */
    refused(S("\xA0\x88\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x31"), 100); /* a length past all sense */
    refused(S("\xA0\x80\x31\x84\xFF\xFF\xFF\xFF\x05"), 1000);        /* an envelope of 4 GB */
    refused(S("\xA0\x80\x31\x06\x05\x00\x05\x00\x05\x00"), 4);       /* an envelope over the limit */
}

static void nesting_bombs_are_refused(void **state) {
    (void)state;
    struct buf bomb;
    buf_init(&bomb, 0);
    buf_append_span(&bomb, S("\xA0\x80\x31\x00"));
    for (int i = 0; i < 1000; i++)
        buf_append_span(&bomb, S("\x24\x80"));
    struct found found;
    assert_false(scan(buf_span(&bomb), 7, false, 1000, &found));
    found_free(&found);
    buf_clear(&bomb);
    buf_append_byte(&bomb, 0xA0);
    buf_append_byte(&bomb, 0x80);
    for (int i = 0; i < 1000; i++)
        buf_append_span(&bomb, S("\x31\x80"));
    assert_false(scan(buf_span(&bomb), 7, false, 100000, &found));
    found_free(&found);
    buf_free(&bomb);
}

static void a_long_content_is_never_held(void **state) {
    (void)state;
    struct apdu_scanner s;
    struct found found = {0};
    static uint8_t zeros[65536];
    apdu_scanner_init(&s, 1000);
    assert_true(apdu_scanner_feed(&s, S("\xA0\x80\x31\x00\x04\x84\x40\x00\x00\x00"), &handler, &found));
    size_t kept = s.scanner.head.cap;
    for (int i = 0; i < 16384; i++) {
        assert_true(apdu_scanner_feed(&s, span_of(zeros, sizeof zeros), &handler, &found));
        buf_clear(&found.content);
        assert_int_equal(s.scanner.head.cap, kept);
    }
    assert_true(apdu_scanner_feed(&s, S("\x00\x00"), &handler, &found));
    assert_true(apdu_scanner_finish(&s));
    apdu_scanner_free(&s);
    found_free(&found);
}

static void a_saved_state_that_is_broken_is_refused(void **state) {
    (void)state;
    struct apdu_scanner s;
    struct found found = {0};
    struct buf saved;
    buf_init(&saved, 0);
    apdu_scanner_init(&s, 1000);
    assert_false(apdu_scanner_restore(&s, S(""), S(""), 1000));
    assert_false(apdu_scanner_restore(&s, S("\x09\x01\x01"), S(""), 1000));
    apdu_scanner_free(&s);
    apdu_scanner_init(&s, 1000);
    assert_true(apdu_scanner_feed(&s,
                                  S("\xA0\x80\x31\x00\x24\x80\x04\x05"
                                    "ab"),
                                  &handler, &found));
    assert_true(apdu_scanner_save(&s, &saved));
    assert_true(apdu_scanner_restore(&s, buf_span(&saved), S(""), 1000));
    /* What was collected belongs to a state in which the envelope was not told. */
    assert_false(apdu_scanner_restore(&s, buf_span(&saved), S("x"), 1000));
    /* Kind, told, where, depth, the field's depth: no other is one in which this state can be. */
    for (size_t at = 0; at < 5; at++)
        for (unsigned value = 0; value < 256; value++) {
            uint8_t was = saved.data[at];
            saved.data[at] = (uint8_t)value;
            if (value != was)
                assert_false(apdu_scanner_restore(&s, buf_span(&saved), S(""), 1000));
            saved.data[at] = was;
        }
    buf_free(&saved);
    found_free(&found);
    apdu_scanner_free(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_however_it_is_cut),
        cmocka_unit_test(refused_when_cut_short),
        cmocka_unit_test(refused_what_is_no_apdu),
        cmocka_unit_test(nesting_bombs_are_refused),
        cmocka_unit_test(a_long_content_is_never_held),
        cmocka_unit_test(a_saved_state_that_is_broken_is_refused),
    };
    return cmocka_run_group_tests_name("protocol-apdu_scanner", tests, NULL, NULL);
}
