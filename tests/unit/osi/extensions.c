/*
 * What later versions add is passed over: unknown elements of RTSE's APDUs (X.228 §7.10), of PPDUs (X.226
 * §8.5) and of ACSE's APDUs (X.227 §7.4), in both modes. Versions that do not overlap with ours are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "osi/acse.h"
#include "osi/presentation.h"
#include "osi/rtse_pdu.h"

#define UNKNOWN_PRIMITIVE SPAN_LIT("\x9F\x2A\x01\xFF")
#define UNKNOWN_CONSTRUCTED                                                                                  \
    SPAN_LIT("\xBF\x63\x80\x02\x01\x07\x04\x02"                                                              \
             "zz\x00\x00")
#define NONE SPAN_LIT("")

struct world {
    struct arena arena;
    struct osi_cause cause;
    struct rtse_codec codec;
};

static void begin(struct world *w, bool x410) {
    memset(w, 0, sizeof *w);
    arena_init(&w->arena, 64 * 1024);
    w->codec = (struct rtse_codec){.arena = &w->arena, .cause = &w->cause, .x410 = x410};
}

static void end(struct world *w) {
    arena_free(&w->arena);
}

/* A constructed element of definite length around up to four parts. */
static struct span around(struct world *w, const char *tag, struct span a, struct span b, struct span c,
                          struct span d) {
    struct span parts[] = {a, b, c, d};
    size_t tag_len = strlen(tag), len = a.len + b.len + c.len + d.len, at = tag_len;
    uint8_t *out = arena_alloc(&w->arena, tag_len + 3 + len);
    memcpy(out, tag, tag_len);
    if (len > 127)
        out[at++] = 0x81;
    assert_true(len < 256);
    out[at++] = (uint8_t)len;
    for (size_t i = 0; i < 4; i++) {
        memcpy(out + at, parts[i].data, parts[i].len);
        at += parts[i].len;
    }
    return span_of(out, at);
}

/* The components of RTORQ or RTOAC, with an unknown one at the start, between and at the end. */
static struct span open_components(struct world *w, const char *tag, const char *data_tag) {
    struct span data = around(w, data_tag, SPAN_LIT("\xA0\x03\x04\x01x"), NONE, NONE, NONE);
    struct span sizes = SPAN_LIT("\x80\x01\x05\x9F\x2B\x00\x81\x01\x02");
    return around(w, tag, UNKNOWN_PRIMITIVE, sizes, data, UNKNOWN_CONSTRUCTED);
}

/* In X.410 mode the APDU's components are x410-mode-parameters, beside the transfer syntax. */
static struct span open_apdu(struct world *w, const char *tag, const char *data_tag) {
    if (!w->codec.x410)
        return open_components(w, tag, data_tag);
    struct span syntax = around(w, "\xA0", SPAN_LIT("\x80\x01\x00"), UNKNOWN_PRIMITIVE, NONE, NONE);
    return around(w, "\x31", syntax, open_components(w, "\xA1", data_tag), UNKNOWN_CONSTRUCTED, NONE);
}

static void assert_open(const struct world *w, bool ok, const struct rtse_open *open) {
    if (!ok)
        print_message("%s\n", w->cause.text);
    assert_true(ok);
    assert_int_equal(open->checkpoint_size, 5);
    assert_int_equal(open->window_size, 2);
    assert_true(span_eq(open->user_data, SPAN_LIT("\x04\x01x")));
}

static void rtorq_and_rtoac(void **state) {
    (void)state;
    for (int x410 = 0; x410 < 2; x410++) {
        struct world w;
        struct rtse_open open;
        begin(&w, x410);
        assert_open(&w, rtse_rtorq_decode(&w.codec, open_apdu(&w, "\xB0", "\xA3"), &open), &open);
        assert_open(&w, rtse_rtoac_decode(&w.codec, open_apdu(&w, "\xB1", "\xA2"), &open), &open);
        end(&w);
    }
}

static void rtorj_and_rtab(void **state) {
    (void)state;
    for (int x410 = 0; x410 < 2; x410++) {
        struct world w;
        int reason;
        struct span data;
        begin(&w, x410);
        struct span user = x410 ? NONE : SPAN_LIT("\xA1\x03\x02\x01\x09");
        struct span rtorj = around(&w, x410 ? "\x31" : "\xB2", UNKNOWN_CONSTRUCTED, SPAN_LIT("\x80\x01\x02"),
                                   user, UNKNOWN_PRIMITIVE);
        assert_true(rtse_rtorj_decode(&w.codec, rtorj, &reason, &data));
        assert_int_equal(reason, OSI_REFUSE_VALIDATION_FAILURE);
        assert_int_equal(data.len, x410 ? 0 : 3);
        struct span rtab = around(&w, x410 ? "\x31" : "\xB6", SPAN_LIT("\x80\x01\x01\x81\x02\x00\x40"),
                                  UNKNOWN_CONSTRUCTED, UNKNOWN_PRIMITIVE, NONE);
        assert_true(rtse_rtab_decode(&w.codec, rtab, &reason, &data));
        assert_int_equal(reason, OSI_ABORT_INVALID_PARAMETER);
        end(&w);
    }
}

/* What is known must still be right: an element that stands twice, or a mandatory one that lacks. */
static void known_elements_are_checked(void **state) {
    (void)state;
    for (int x410 = 0; x410 < 2; x410++) {
        struct world w;
        struct rtse_open open;
        begin(&w, x410);
        struct span twice = SPAN_LIT("\x80\x01\x05\x80\x01\x05"),
                    data = SPAN_LIT("\xA3\x05\xA0\x03\x04\x01x"), syntax = SPAN_LIT("\xA0\x03\x80\x01\x00");
        struct span apdu = around(&w, x410 ? "\xA1" : "\xB0", twice, data, NONE, NONE);
        if (x410)
            apdu = around(&w, "\x31", syntax, apdu, NONE, NONE);
        assert_false(rtse_rtorq_decode(&w.codec, apdu, &open));
        apdu = around(&w, x410 ? "\xA1" : "\xB0", UNKNOWN_PRIMITIVE, NONE, NONE, NONE);
        if (x410)
            apdu = around(&w, "\x31", syntax, apdu, NONE, NONE);
        assert_false(rtse_rtorq_decode(&w.codec, apdu, &open));
        end(&w);
    }
}

/* ---- presentation and ACSE ---- */

/* The contexts of ACSE, RTSE and MTSE, and one that nobody knows. */
static const struct span contexts =
    SPAN_LIT("\xA4\x42"
             "\x30\x0F\x02\x01\x01\x06\x04\x52\x01\x00\x01\x30\x04\x06\x02\x51\x01"
             "\x30\x0F\x02\x01\x03\x06\x04\x56\x00\x02\x0C\x30\x04\x06\x02\x51\x01"
             "\x30\x0F\x02\x01\x05\x06\x04\x56\x00\x02\x07\x30\x04\x06\x02\x51\x01"
             "\x30\x0D\x02\x01\x07\x06\x02\x2A\x03\x30\x04\x06\x02\x51\x01");

static struct span user_data(struct world *w, struct span apdu) {
    struct span value = around(w, "\xA0", apdu, NONE, NONE, NONE);
    struct span pdv = around(w, "\x30", SPAN_LIT("\x02\x01\x01"), value, NONE, NONE);
    return around(w, "\x61", pdv, NONE, NONE, NONE);
}

static struct span cp(struct world *w, struct span version) {
    struct span mode = around(w, "\xA0", SPAN_LIT("\x80\x01\x01"), UNKNOWN_PRIMITIVE, NONE, NONE);
    struct span head =
        around(w, "\xA2", version, contexts, UNKNOWN_CONSTRUCTED, user_data(w, SPAN_LIT("\x04\x01x")));
    return around(w, "\x31", UNKNOWN_PRIMITIVE, mode, head, UNKNOWN_CONSTRUCTED);
}

static bool cp_reads(struct world *w, struct span version, int *reason) {
    struct presentation p;
    struct presentation_connect connect;
    presentation_init(&p, &w->arena, &w->cause, OSI_MTS_TRANSFER);
    return presentation_connect_indication(&p, cp(w, version), &connect, reason) &&
           span_eq(connect.user_data, SPAN_LIT("\x04\x01x")) && p.context[OSI_SYNTAX_MTSE] == 5;
}

static void presentation_elements_and_versions(void **state) {
    (void)state;
    struct world w;
    int reason;
    begin(&w, false);
    assert_true(cp_reads(&w, NONE, &reason));
    assert_true(cp_reads(&w, SPAN_LIT("\x80\x02\x07\x80"), &reason));
    assert_true(cp_reads(&w, SPAN_LIT("\x80\x02\x05\xE0"), &reason)); /* and later ones */
    assert_false(cp_reads(&w, SPAN_LIT("\x80\x02\x06\x40"), &reason));
    assert_int_equal(reason, PRESENTATION_VERSION_NOT_SUPPORTED);
    assert_string_equal(w.cause.parameter, "presentation protocol version");
    end(&w);
}

static bool aarq_reads(struct world *w, struct span version, struct acse_associate *associate) {
    struct acse acse;
    acse_init(&acse, &w->arena, &w->cause);
    struct span name = SPAN_LIT("\xA1\x06\x06\x04\x56\x00\x01\x06");
    struct span user = SPAN_LIT("\xBE\x0A\x28\x08\x02\x01\x03\xA0\x03\x04\x01x");
    struct span unknown = SPAN_LIT("\x9F\x2A\x01\xFF\x9F\x2C\x00");
    struct span head = around(w, "\x60", version, name, unknown, user);
    return acse_indication(&acse, head, associate) && span_eq(associate->user_data, SPAN_LIT("\x04\x01x"));
}

static void acse_elements_and_versions(void **state) {
    (void)state;
    struct world w;
    struct acse_associate associate;
    begin(&w, false);
    assert_true(aarq_reads(&w, NONE, &associate));
    assert_true(aarq_reads(&w, SPAN_LIT("\x80\x02\x05\xA0"), &associate));
    assert_true(associate.version_1);
    assert_true(aarq_reads(&w, SPAN_LIT("\x80\x02\x06\x40"), &associate));
    assert_false(associate.version_1);
    end(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rtorq_and_rtoac),
        cmocka_unit_test(rtorj_and_rtab),
        cmocka_unit_test(known_elements_are_checked),
        cmocka_unit_test(presentation_elements_and_versions),
        cmocka_unit_test(acse_elements_and_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
