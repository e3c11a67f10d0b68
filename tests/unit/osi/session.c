/* The session machine's segmenting, tokens and exceptions, one machine against SPDUs or against another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "osi/association.h"
#include "osi/session.h"
#include "osi/spdu.h"
#include "osi/tpkt.h"

#define TSDU 128
#define MOST 420

static const struct span none;

/* A session, and what it told its user. */
struct machine {
    struct buf out;
    struct cotp cotp;
    struct osi_cause cause;
    struct session session;
    int count;
    struct session_indication last;
    uint8_t data[MOST];
    size_t length; /* of S-DATA */
    int ends;
};

static void indicate(void *user, const struct session_indication *in) {
    struct machine *m = user;
    m->count++;
    m->last = *in;
    if (in->primitive != S_DATA)
        return;
    assert_true(m->length + in->data.len <= sizeof m->data);
    memcpy(m->data + m->length, in->data.data, in->data.len);
    m->length += in->data.len;
    m->ends += in->end;
}

static bool gets(struct machine *m, struct span tsdu) {
    return session_input(&m->session, tsdu, true);
}

/* A responder that has a CONNECT, and has not answered. */
static void begin_called(struct machine *m) {
    memset(m, 0, sizeof *m);
    buf_init(&m->out, 0);
    assert_true(cotp_init(&m->cotp, &m->out, &m->cause, 65531, none, none));
    m->cotp.state = COTP_OPEN;
    session_init(&m->session, &m->cotp, &m->cause, false, 4096, indicate, m);
    session_transport_connected(&m->session);
    assert_true(gets(m, SPAN_LIT("\x0D\x0C\x05\x06\x13\1\0\x16\1\3\x14\2\x02\x49")));
}

/* A responder in STA 713, tokens at the initiator; version 2. */
static void begin(struct machine *m) {
    struct session_connect answer = {.versions = 2, .units = SESSION_UNITS_RTSE};
    begin_called(m);
    assert_true(session_accept(&m->session, &answer));
    buf_clear(&m->out);
    m->count = 0;
}

static void end(struct machine *m) {
    session_free(&m->session);
    cotp_free(&m->cotp);
    buf_free(&m->out);
}

static void begin_activity(struct machine *m) {
    begin(m);
    assert_true(gets(m, SPAN_LIT("\x01\0\x2D\5\x29\3\2\1\1")));
    m->count = 0;
}

/* All tokens are ours. */
static void begin_with_tokens(struct machine *m) {
    begin(m);
    assert_true(gets(m, SPAN_LIT("\x15\0")));
    assert_int_equal(m->last.primitive, S_CONTROL_GIVE);
    assert_true(span_eq(buf_span(&m->out), SPAN_LIT("\x03\0\0\x09\2\xF0\x80\x16\0")));
    buf_clear(&m->out);
}

/* Takes the next TSDU out of what was written; each is one DT TPDU here. */
static struct span next_tsdu(struct span *out) {
    assert_true(out->len > 7);
    size_t length = (size_t)out->data[2] << 8 | out->data[3];
    struct span tsdu = span_sub(*out, 7, length - 7);
    assert_int_equal(out->data[6], 0x80);
    *out = span_sub(*out, length, SIZE_MAX);
    return tsdu;
}

static uint8_t octets[MOST];

/* ---- segmenting, X.225 §6.3.5 ---- */

/* An ABORT SPDU has 3 octets of parameters before its user data; 16 octets are kept for heads. */
static size_t segments_of(size_t length) {
    size_t first = TSDU - 16 - 3, next = TSDU - 16;
    return length <= first ? 1 : 1 + (length - first + next - 1) / next;
}

static void user_data_is_cut_at_every_length(void **state) {
    (void)state;
    for (size_t length = 0; length < MOST; length++) {
        struct machine from, to;
        begin(&from);
        begin(&to);
        from.session.tsdu_out = TSDU;
        session_user_abort(&from.session, span_of(octets, length));
        struct span out = buf_span(&from.out);
        size_t segments = segments_of(length);
        for (size_t i = 0; i < segments; i++) {
            struct span tsdu = next_tsdu(&out);
            assert_true(tsdu.len <= TSDU);
            assert_int_equal(to.count, 0);
            assert_true(gets(&to, tsdu));
        }
        assert_int_equal(out.len, 0);
        assert_int_equal(to.last.primitive, S_U_ABORT);
        assert_true(span_eq(to.last.data, span_of(octets, length)));
        end(&from);
        end(&to);
    }
}

/* One that begins anew leaves nothing of the first. */
static void a_segmented_spdu_may_begin_anew(void **state) {
    (void)state;
    struct machine m;
    begin(&m);
    assert_true(gets(&m, SPAN_LIT("\x19\x0B\x19\1\1\x11\1\3\xC1\3one")));
    assert_true(gets(&m, SPAN_LIT("\x19\x0B\x19\1\1\x11\1\3\xC1\3two")));
    assert_true(gets(&m, SPAN_LIT("\x19\x0A\x19\1\2\xC1\5three")));
    assert_int_equal(m.count, 1);
    assert_int_equal(m.last.primitive, S_U_ABORT); /* the parameters are the first segment's */
    assert_true(span_eq(m.last.data, SPAN_LIT("twothree")));
    end(&m);
    begin(&m);
    assert_false(gets(&m, SPAN_LIT("\x19\x0A\x19\1\2\xC1\5three")));
    assert_string_equal(m.cause.parameter, "ABORT");
    end(&m);
}

static void data_is_cut_at_every_length(void **state) {
    (void)state;
    for (size_t length = 1; length < MOST; length++) {
        struct machine from, to;
        begin_with_tokens(&from);
        begin_activity(&to);
        from.session.tsdu_out = TSDU;
        assert_true(session_activity_start(&from.session, SPAN_LIT("\2\1\1")));
        buf_clear(&from.out);
        struct span part = span_of(octets, length);
        assert_true(session_data(&from.session, &part, 1, true, true));
        struct span out = buf_span(&from.out);
        size_t room = length <= TSDU - 4 ? TSDU - 4 : TSDU - 7;
        for (size_t at = 0; at < length; at += room) {
            struct span tsdu = next_tsdu(&out);
            size_t rest = length - at;
            assert_int_equal(tsdu.len, (rest < room ? rest : room) + (TSDU - room));
            assert_int_equal(to.ends, 0);
            assert_true(gets(&to, tsdu));
        }
        assert_int_equal(out.len, 0);
        assert_int_equal(to.ends, 1);
        assert_true(span_eq(span_of(to.data, to.length), part));
        end(&from);
        end(&to);
    }
}

/* BEGIN and END stand where they belong, and nothing else between them. */
static void enclosures_are_judged(void **state) {
    (void)state;
    static const struct {
        bool inside; /* an SSDU has begun */
        struct span tsdu;
    } wrong[] = {
        {false, SPAN_LIT("\x01\0\x01\3\x19\1\2x")}, {false, SPAN_LIT("\x01\0\x01\3\x19\1\0x")},
        {true, SPAN_LIT("\x01\0\x01\3\x19\1\1x")},  {true, SPAN_LIT("\x01\0\x01\3\x19\1\3x")},
        {true, SPAN_LIT("\x01\0\x01\0x")},          {true, SPAN_LIT("\x01\0\x31\3\x2A\1\x31")},
        {true, SPAN_LIT("\x01\0\x29\3\x2A\1\x31")},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct machine m;
        begin_activity(&m);
        if (wrong[i].inside)
            assert_true(gets(&m, SPAN_LIT("\x01\0\x01\3\x19\1\1x")));
        assert_false(gets(&m, wrong[i].tsdu));
        assert_int_equal(m.last.primitive, S_P_ABORT);
        assert_int_equal(m.cause.layer, OSI_LAYER_SESSION);
        end(&m);
    }
}

/* The sync type of a MAJOR SYNC POINT is none of an ACTIVITY END (X.225 §8.3.23); serial numbers end. */
static void sync_points_are_judged(void **state) {
    (void)state;
    struct machine m;
    uint32_t serial;
    begin_activity(&m);
    assert_false(gets(&m, SPAN_LIT("\x01\0\x29\6\x0F\1\1\x2A\1\x31")));
    end(&m);
    begin_with_tokens(&m);
    assert_true(session_activity_start(&m.session, SPAN_LIT("\2\1\1")));
    m.session.vm = SESSION_SERIAL_MAXIMUM;
    assert_true(session_sync_minor(&m.session, &serial));
    assert_int_equal(serial, SESSION_SERIAL_MAXIMUM);
    assert_false(session_sync_minor(&m.session, &serial));
    assert_false(session_activity_end(&m.session, &serial));
    end(&m);
}

/* ---- connection ---- */

/* An initiator that proposed version 1 and 2, and all tokens for the responder. */
static void begin_calling(struct machine *m) {
    struct session_connect c = {.versions = 3, .units = SESSION_UNITS_RTSE, .token_setting = 0x15};
    memset(m, 0, sizeof *m);
    buf_init(&m->out, 0);
    assert_true(cotp_init(&m->cotp, &m->out, &m->cause, 65531, none, none));
    m->cotp.state = COTP_OPEN;
    session_init(&m->session, &m->cotp, &m->cause, true, 4096, indicate, m);
    session_transport_connected(&m->session);
    assert_true(session_connect(&m->session, &c));
}

static void answers_stay_within_the_proposal(void **state) {
    (void)state;
    struct machine m;
    begin_calling(&m); /* TSDU maximum sizes 128 toward the responder, 256 back; no token setting item */
    assert_true(gets(&m, SPAN_LIT("\x0E\x12\5\x0C\x13\1\0\x15\4\0\x80\1\0\x16\1\2\x14\2\2\x49")));
    assert_int_equal(m.last.primitive, S_CONNECT_CONFIRM);
    assert_int_equal(m.session.tsdu_out, 128);
    assert_int_equal(m.session.tokens, 0);
    end(&m);
    begin_calling(&m);
    assert_false(gets(&m, SPAN_LIT("\x0E\x0C\5\6\x13\1\0\x16\1\4\x14\2\2\x49")));
    assert_string_equal(m.cause.parameter, "session version");
    end(&m);
    begin_calling(&m);
    assert_false(gets(&m, SPAN_LIT("\x0E\x0F\5\x09\x13\1\0\x16\1\2\x1A\1\0\x14\2\2\x49")));
    assert_string_equal(m.cause.parameter, "token setting item");
    end(&m);
}

/* A refusal by the provider has no session user requirements, one by the user has them (X.225 §8.3.5). */
static void long_references_are_refused(void **state) {
    (void)state;
    struct machine m;
    uint8_t cn[90] = {SPDU_CN, 0x4F, 1, 67, 10, 65};
    static const uint8_t rest[] = {5, 6, 0x13, 1, 0, 0x16, 1, 2};
    memcpy(cn + 71, rest, sizeof rest);
    cn[1] = 69 + sizeof rest;
    memset(&m, 0, sizeof m);
    buf_init(&m.out, 0);
    assert_true(cotp_init(&m.cotp, &m.out, &m.cause, 65531, none, none));
    m.cotp.state = COTP_OPEN;
    session_init(&m.session, &m.cotp, &m.cause, false, 4096, indicate, &m);
    session_transport_connected(&m.session);
    gets(&m, span_of(cn, 71 + sizeof rest));
    assert_int_equal(m.cause.end, OSI_END_REFUSED);
    assert_int_equal(m.cause.code, SESSION_REFUSE_PROVIDER);
    struct spdu rf;
    struct span out = buf_span(&m.out);
    assert_true(spdu_read(next_tsdu(&out), &rf));
    assert_int_equal(rf.si, SPDU_RF);
    assert_null(rf.parameter[PI_SESSION_USER_REQUIREMENTS].data);
    end(&m);
}

/* ---- tokens ---- */

/* A REFUSE is never segmented (X.225 §6.3.5): what does not fit in one is not sent, and a shorter one may be.
 */
static void a_refusal_fits_in_one_spdu(void **state) {
    (void)state;
    enum { AROUND = 10 }; /* its other parameters */
    uint8_t *data = calloc(1, SPDU_MAXIMUM + 1);
    for (int over = 0; over < 2; over++) {
        struct machine m;
        begin_called(&m);
        size_t length = (size_t)(SPDU_MAXIMUM - AROUND - 5 + over); /* its PI, LI and reason */
        assert_int_equal(session_refuse(&m.session, 2, span_of(data, length)), !over);
        assert_int_equal(m.session.state, over ? STA08 : STA16);
        if (over) {
            assert_int_equal(m.out.len, 0);
            assert_true(session_refuse(&m.session, 2, none));
        }
        assert_memory_equal(m.out.data + 7, over ? "\x0C\x0D" : "\x0C\xFF\xFF\xFF", over ? 2 : 4);
        end(&m);
    }
    free(data);
}

/* They pass after what they were concatenated with (X.225 §6.3.7). */
static void tokens_pass_last(void **state) {
    (void)state;
    struct machine m;
    begin_activity(&m);
    assert_true(gets(&m, SPAN_LIT("\x01\3\x10\1\x15\x31\3\x2A\1\x31")));
    assert_int_equal(m.count, 2);
    assert_int_equal(m.last.primitive, S_TOKEN_GIVE);
    assert_true(session_owns(&m.session, SESSION_TOKEN_DATA | SESSION_TOKEN_MINOR | SESSION_TOKEN_MAJOR));
    end(&m);
}

static void tokens_are_asked_for_in_any_state_of_a_transfer(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct machine m;
        uint32_t serial;
        begin_with_tokens(&m);
        assert_true(session_activity_start(&m.session, SPAN_LIT("\2\1\1")));
        if (i == 1)
            assert_true(session_activity_end(&m.session, &serial));
        if (i == 2)
            assert_true(session_activity_interrupt(&m.session, -1));
        if (i == 3)
            assert_true(session_activity_discard(&m.session, -1));
        assert_true(gets(&m, SPAN_LIT("\x02\3\x10\1\1")));
        assert_int_equal(m.last.primitive, S_TOKEN_PLEASE);
        end(&m);
    }
}

static void control_is_given_by_who_has_it(void **state) {
    (void)state;
    struct machine m;
    begin_activity(&m);
    assert_false(gets(&m, SPAN_LIT("\x15\0"))); /* within an activity */
    end(&m);
    begin_with_tokens(&m);
    assert_false(gets(&m, SPAN_LIT("\x15\0"))); /* of tokens that are ours */
    end(&m);
    begin_with_tokens(&m);
    assert_true(session_control_give(&m.session));
    assert_int_equal(m.session.state, STA18);
    assert_true(gets(&m, SPAN_LIT("\x16\0")));
    assert_int_equal(m.last.primitive, S_CONTROL_GIVE_ACK);
    assert_false(session_owns(&m.session, SESSION_TOKEN_DATA));
    end(&m);
}

/* ---- exceptions, X.225 §7.21 ---- */

/* A reporter that gets the data token may go on: the exception is over. */
static void the_token_ends_an_exception(void **state) {
    (void)state;
    struct machine m;
    begin_activity(&m);
    assert_true(session_exception_report(&m.session, SESSION_DEMAND_DATA_TOKEN, none));
    assert_true(gets(&m, SPAN_LIT("\x01\3\x10\1\1")));
    assert_int_equal(m.last.primitive, S_TOKEN_GIVE);
    assert_int_equal(m.session.state, STA713);
    assert_true(session_owns(&m.session, SESSION_TOKEN_DATA));
    end(&m);
}

/* By the peer's user and by its provider, in data transfer and when the end was asked for. */
static void exceptions_come_up(void **state) {
    (void)state;
    static const struct {
        struct span tsdu;
        enum session_primitive primitive;
        int reason;
    } reports[] = {
        {SPAN_LIT("\x02\0\x30\3\x32\1\5"), S_U_EXCEPTION_REPORT, 5},
        {SPAN_LIT("\x02\0\x30\0"), S_U_EXCEPTION_REPORT, -1},
        {SPAN_LIT("\x02\0\0\0"), S_P_EXCEPTION_REPORT, -1},
    };
    for (size_t i = 0; i < 2 * sizeof reports / sizeof *reports; i++) {
        struct machine m;
        uint32_t serial;
        begin_with_tokens(&m);
        assert_true(session_activity_start(&m.session, SPAN_LIT("\2\1\1")));
        if (i % 2)
            assert_true(session_activity_end(&m.session, &serial));
        assert_true(gets(&m, reports[i / 2].tsdu));
        assert_int_equal(m.last.primitive, reports[i / 2].primitive);
        assert_int_equal(m.last.reason, reports[i / 2].reason);
        assert_int_equal(m.session.state, STA20);
        assert_true(session_activity_discard(&m.session, -1));
        end(&m);
    }
}

/* What the receiver had said before it heard of our interrupt or discard is overtaken. */
static void what_was_under_way_is_overtaken(void **state) {
    (void)state;
    static const struct span late[] = {SPAN_LIT("\x02\0\x32\3\x2A\1\x31"), SPAN_LIT("\x02\0\x2A\3\x2A\1\x32"),
                                       SPAN_LIT("\x02\0\x30\3\x32\1\5"), SPAN_LIT("\x02\0\0\0")};
    for (size_t i = 0; i < 2 * sizeof late / sizeof *late; i++) {
        struct machine m;
        uint32_t serial;
        begin_with_tokens(&m);
        assert_true(session_activity_start(&m.session, SPAN_LIT("\2\1\1")));
        assert_true(session_sync_minor(&m.session, &serial));
        assert_true(session_activity_end(&m.session, &serial));
        assert_true(i % 2 ? session_activity_interrupt(&m.session, -1)
                          : session_activity_discard(&m.session, -1));
        m.count = 0;
        assert_true(gets(&m, late[i / 2]));
        assert_int_equal(m.count, 0);
        assert_true(gets(&m, i % 2 ? SPAN_LIT("\x02\0\x1A\0") : SPAN_LIT("\x02\0\x3A\0")));
        assert_int_equal(m.session.state, STA713);
        end(&m);
    }
}

/* A sender may stop also when it has asked for the end (STA 10B here). */
static void an_end_that_is_not_answered_may_be_stopped(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct machine m;
        begin_activity(&m);
        assert_true(gets(&m, SPAN_LIT("\x01\0\x29\3\x2A\1\x31")));
        assert_int_equal(m.session.state, STA10B);
        assert_true(gets(&m, i ? SPAN_LIT("\x01\0\x19\0") : SPAN_LIT("\x01\0\x39\0")));
        assert_int_equal(m.last.primitive, i ? S_ACTIVITY_INTERRUPT : S_ACTIVITY_DISCARD);
        end(&m);
    }
}

/* A checkpoint is confirmed once, also when the end was asked for meanwhile. */
static void minor_sync_acks_are_judged(void **state) {
    (void)state;
    struct machine m;
    uint32_t serial;
    begin_with_tokens(&m);
    assert_true(session_activity_start(&m.session, SPAN_LIT("\2\1\1")));
    for (int i = 0; i < 3; i++)
        assert_true(session_sync_minor(&m.session, &serial));
    assert_true(gets(&m, SPAN_LIT("\x02\0\x32\3\x2A\1\x32")));
    assert_int_equal(m.last.serial, 2);
    assert_true(session_activity_end(&m.session, &serial));
    assert_true(gets(&m, SPAN_LIT("\x02\0\x32\3\x2A\1\x33")));
    assert_int_equal(m.last.serial, 3);
    assert_false(gets(&m, SPAN_LIT("\x02\0\x32\3\x2A\1\x31")));
    end(&m);
}

/* Each reason that X.225 names has its name, and a text that an event's detail has room for. */
static void exceptions_are_told_in_words(void **state) {
    static const struct {
        int reason;
        const char *text;
    } told[] = {{0, "can't take mail now (temporary): exception reason 0, non-specific error"},
                {1, "exception reason 1, user receiving ability jeopardized"},
                {3, "exception reason 3, user sequence error"},
                {5, "can't take mail now (temporary): exception reason 5, local SS-user error"},
                {6, "exception reason 6, unrecoverable procedural error"},
                {128, "exception reason 128, demand data token"},
                {77, "exception reason 77, which X.225 does not name"},
                {-1, "gave no reason"}};
    char text[OSI_EXCEPTION_TEXT];
    (void)state;
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        osi_exception_text(told[i].reason, text);
        if (!strstr(text, told[i].text))
            fail_msg("no '%s' in: %s", told[i].text, text);
        assert_true(strlen(text) < sizeof text - 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(user_data_is_cut_at_every_length),
        cmocka_unit_test(a_segmented_spdu_may_begin_anew),
        cmocka_unit_test(data_is_cut_at_every_length),
        cmocka_unit_test(enclosures_are_judged),
        cmocka_unit_test(sync_points_are_judged),
        cmocka_unit_test(answers_stay_within_the_proposal),
        cmocka_unit_test(long_references_are_refused),
        cmocka_unit_test(a_refusal_fits_in_one_spdu),
        cmocka_unit_test(tokens_pass_last),
        cmocka_unit_test(tokens_are_asked_for_in_any_state_of_a_transfer),
        cmocka_unit_test(control_is_given_by_who_has_it),
        cmocka_unit_test(the_token_ends_an_exception),
        cmocka_unit_test(exceptions_come_up),
        cmocka_unit_test(exceptions_are_told_in_words),
        cmocka_unit_test(what_was_under_way_is_overtaken),
        cmocka_unit_test(an_end_that_is_not_answered_may_be_stopped),
        cmocka_unit_test(minor_sync_acks_are_judged),
    };
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)(i * 7 + i / 256);
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
