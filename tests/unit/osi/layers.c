/* Each lower layer alone, and what each says to a peer that breaks its protocol. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "osi/cotp.h"
#include "osi/external.h"
#include "osi/pdata.h"
#include "osi/presentation.h"
#include "osi/session.h"
#include "osi/spdu.h"
#include "osi/tpkt.h"

static const struct span none;

/* ---- TPKT ---- */

static void test_tpkt(void **state) {
    (void)state;
    struct tpkt t;
    size_t used;
    struct span tpdu;
    tpkt_init(&t);
    struct span two = SPAN_LIT("\x03\x00\x00\x07"
                               "abc"
                               "\x03\x00\x00\x08"
                               "defg");
    assert_int_equal(tpkt_input(&t, two, &used, &tpdu), TPKT_PACKET);
    assert_int_equal(used, 7);
    assert_ptr_equal(tpdu.data, two.data + 4); /* not copied */
    two = span_sub(two, used, two.len);
    assert_int_equal(tpkt_input(&t, span_sub(two, 0, 3), &used, &tpdu), TPKT_MORE);
    assert_true(tpkt_is_partial(&t));
    assert_int_equal(tpkt_input(&t, span_sub(two, 3, 9), &used, &tpdu), TPKT_PACKET);
    assert_true(span_eq(tpdu, SPAN_LIT("defg")));
    assert_false(tpkt_is_partial(&t));
    assert_int_equal(tpkt_input(&t, SPAN_LIT("\x03\x00\x00\x06"), &used, &tpdu), TPKT_BAD);
    assert_int_equal(tpkt_input(&t, SPAN_LIT("GET / HTTP"), &used, &tpdu), TPKT_BAD);
    tpkt_free(&t);
}

/* ---- COTP ---- */

struct transport {
    struct span required;
    struct cotp cotp;
    struct buf out;
    struct osi_cause cause;
};

static struct cotp_indication cotp_gets(struct transport *t, struct span tpdu) {
    uint8_t packet[300];
    size_t used;
    tpkt_header(packet, tpdu.len);
    memcpy(packet + TPKT_HEADER, tpdu.data, tpdu.len);
    return cotp_input(&t->cotp, span_of(packet, tpdu.len + TPKT_HEADER), &used);
}

static struct cotp_indication cotp_answers(struct transport *t, const char *required, unsigned size,
                                           struct span tpdu) {
    memset(t, 0, sizeof *t);
    buf_init(&t->out, 0);
    assert_true(cotp_init(&t->cotp, &t->out, &t->cause, size, none, none));
    t->required = span_str(required);
    cotp_listen(&t->cotp, &t->required, required ? 1 : 0);
    return cotp_gets(t, tpdu);
}

static struct cotp_indication cotp_meets(struct transport *t, const char *required, struct span tpdu) {
    return cotp_answers(t, required, 65531, tpdu);
}

static void transport_free(struct transport *t) {
    cotp_free(&t->cotp);
    buf_free(&t->out);
}

static void test_cotp_size_negotiation(void **state) {
    (void)state;
    static const struct {
        struct span cr;
        unsigned size;
        struct span cc;
    } cases[] = {
        {SPAN_LIT("\x06\xE0\0\0\0\5\0"), 65531, SPAN_LIT("\x03\0\0\x0B\x06\xD0\0\5\0\1\0")},
        {SPAN_LIT("\x09\xE0\0\0\0\5\0\xC0\1\x0A"), 1024,
         SPAN_LIT("\x03\0\0\x0E\x09\xD0\0\5\0\1\0\xC0\1\x0A")},
        {SPAN_LIT("\x09\xE0\0\0\0\5\0\xC0\1\x0D"), 2048,
         SPAN_LIT("\x03\0\0\x0E\x09\xD0\0\5\0\1\0\xC0\1\x0B")},
        {SPAN_LIT("\x0D\xE0\0\0\0\5\0\xC0\1\x0B\xF0\2\1\xFF"), 65408,
         SPAN_LIT("\x03\0\0\x0F\x0A\xD0\0\5\0\1\0\xF0\2\1\xFF")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct transport t;
        assert_int_equal(cotp_meets(&t, NULL, cases[i].cr).event, COTP_T_CONNECT);
        assert_int_equal(t.cotp.tpdu_size, cases[i].size);
        assert_true(span_eq(buf_span(&t.out), cases[i].cc));
        transport_free(&t);
    }
}

static void test_cotp_refusals(void **state) {
    (void)state;
    static const struct {
        struct span tpdu;
        uint8_t answer; /* TPDU code */
        uint8_t reason; /* of a DR, reject cause of an ER */
    } cases[] = {
        {SPAN_LIT("\x0B\xE0\0\0\0\5\0\xC2\3BAD"), 0x80, COTP_REASON_ADDRESS_UNKNOWN},
        {SPAN_LIT("\x06\xE0\0\0\0\5\x40"), 0x80, COTP_REASON_NEGOTIATION_FAILED},
        {SPAN_LIT("\x09\xE0\0\0\0\5\0\xC0\1\x05"), 0x70, 3},
        {SPAN_LIT("\x06\xE0\0\1\0\5\0"), 0x70, 3},
        {SPAN_LIT("\x02\xF0\x80"), 0x70, 2},
        {SPAN_LIT("\x20\xE0\0\0"), 0x70, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct transport t;
        assert_int_equal(cotp_meets(&t, "GOOD", cases[i].tpdu).event, COTP_T_DISCONNECT);
        assert_true(osi_cause_is_set(&t.cause));
        assert_int_equal(t.cause.layer, OSI_LAYER_TRANSPORT);
        assert_true(t.out.len > 10);
        assert_int_equal(t.out.data[5], cases[i].answer);
        assert_int_equal(t.out.data[cases[i].answer == 0x80 ? 10 : 8], cases[i].reason);
        transport_free(&t);
    }
}

/* Class 4 with class 0 as alternative is answered with class 0; class 1 without one too (X.224 §6.5.5). */
static void test_cotp_alternative_class(void **state) {
    (void)state;
    struct transport t;
    assert_int_equal(cotp_meets(&t, NULL, SPAN_LIT("\x09\xE0\0\0\0\5\x40\xC7\1\0")).event, COTP_T_CONNECT);
    transport_free(&t);
    assert_int_equal(cotp_meets(&t, NULL, SPAN_LIT("\x06\xE0\0\0\0\5\x10")).event, COTP_T_CONNECT);
    assert_int_equal(t.out.data[10], 0);
    transport_free(&t);
}

/* The answer is no more than we take, a multiple of 128, in as many octets as the peer likes (RFC 2126). */
static void test_cotp_preferred_size(void **state) {
    (void)state;
    struct transport t;
    cotp_answers(&t, NULL, 1000, SPAN_LIT("\x0D\xE0\0\0\0\5\0\xC0\1\x0B\xF0\2\1\xFF"));
    assert_int_equal(t.cotp.tpdu_size, 896);
    assert_true(span_eq(buf_span(&t.out), SPAN_LIT("\x03\0\0\x0E\x09\xD0\0\5\0\1\0\xF0\1\7")));
    transport_free(&t);
    cotp_answers(&t, NULL, 65531, SPAN_LIT("\x0C\xE0\0\0\0\5\0\xF0\4\0\0\0\x20"));
    assert_int_equal(t.cotp.state, COTP_OPEN);
    assert_int_equal(t.cotp.tpdu_size, 4096);
    transport_free(&t);
}

/* A CC meets our CR, which proposed 2048 by C0 and, where we can, `ours` as the preferred size. */
static void test_cotp_initiator_sizes(void **state) {
    (void)state;
    static const struct {
        unsigned ours;
        struct span parameters; /* of the CC */
        unsigned size;          /* 0: refused */
    } cases[] = {
        {65531, SPAN_LIT(""), 2048},        {65531, SPAN_LIT("\xC0\1\x07"), 128},
        {65531, SPAN_LIT("\xC0\1\x0C"), 0}, {65531, SPAN_LIT("\xF0\1\x20"), 4096},
        {4096, SPAN_LIT("\xF0\1\x21"), 0},  {1024, SPAN_LIT(""), 1024},
        {1024, SPAN_LIT("\xC0\1\x0B"), 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct transport t = {0};
        uint8_t cc[20] = {0, 0xD0};
        buf_init(&t.out, 0);
        assert_true(cotp_init(&t.cotp, &t.out, &t.cause, cases[i].ours, none, none));
        assert_true(cotp_connect(&t.cotp));
        memcpy(cc + 2, t.out.data + 8, 2); /* our reference */
        cc[5] = 9;
        memcpy(cc + 7, cases[i].parameters.data, cases[i].parameters.len);
        cc[0] = (uint8_t)(6 + cases[i].parameters.len);
        struct cotp_indication got = cotp_gets(&t, span_of(cc, 1u + cc[0]));
        assert_int_equal(got.event, cases[i].size ? COTP_T_CONNECT : COTP_T_DISCONNECT);
        if (cases[i].size)
            assert_int_equal(t.cotp.tpdu_size, cases[i].size);
        else
            assert_string_equal(t.cause.parameter, "TPDU size");
        transport_free(&t);
    }
}

/* A CC that bears another's reference is none of ours. */
static void test_cotp_foreign_reference(void **state) {
    (void)state;
    struct transport t = {0};
    buf_init(&t.out, 0);
    assert_true(cotp_init(&t.cotp, &t.out, &t.cause, 65531, none, none));
    assert_true(cotp_connect(&t.cotp));
    uint8_t cc[] = {6, 0xD0, t.out.data[8], (uint8_t)(t.out.data[9] + 1), 0, 9, 0};
    assert_int_equal(cotp_gets(&t, span_of(cc, sizeof cc)).event, COTP_T_DISCONNECT);
    transport_free(&t);
}

/* ---- session ---- */

struct ses {
    struct transport t;
    struct session session;
    struct session_indication last;
    unsigned count;
    enum session_primitive primitives[16];
    bool responder_tokens, tokens_apart; /* of the connect indication */
};

static void indicate(void *user, const struct session_indication *in) {
    struct ses *s = user;
    s->last = *in;
    if (in->primitive == S_CONNECT_INDICATION) {
        s->responder_tokens = in->connect->responder_tokens;
        s->tokens_apart = in->connect->tokens_apart;
    }
    if (s->count < 16)
        s->primitives[s->count] = in->primitive;
    s->count++;
}

static void ses_begin(struct ses *s) {
    memset(s, 0, sizeof *s);
    buf_init(&s->t.out, 0);
    assert_true(cotp_init(&s->t.cotp, &s->t.out, &s->t.cause, 65531, none, none));
    s->t.cotp.state = COTP_OPEN;
    session_init(&s->session, &s->t.cotp, &s->t.cause, false, 4096, indicate, s);
    session_transport_connected(&s->session);
}

/* A responder in STA 713, tokens at the initiator. */
static void ses_connected(struct ses *s) {
    struct session_connect answer = {.versions = 2, .units = SESSION_UNITS_RTSE, .user_data = SPAN_LIT("r")};
    ses_begin(s);
    assert_true(
        session_input(&s->session, SPAN_LIT("\x0D\x0F\x05\x06\x13\1\0\x16\1\3\x14\2\x02\x49\xC1\1x"), true));
    assert_int_equal(s->last.primitive, S_CONNECT_INDICATION);
    assert_true(session_accept(&s->session, &answer));
    buf_clear(&s->t.out);
    s->count = 0;
}

static void ses_end(struct ses *s) {
    session_free(&s->session);
    transport_free(&s->t);
}

static void test_session_activity(void **state) {
    (void)state;
    struct ses s;
    ses_connected(&s);
    assert_true(session_input(&s.session, SPAN_LIT("\x01\0\x2D\5\x29\3\2\1\1"), true));
    assert_int_equal(s.last.primitive, S_ACTIVITY_START);
    assert_true(span_eq(s.last.activity, SPAN_LIT("\2\1\1")));
    assert_true(session_input(&s.session, SPAN_LIT("\x01\0\x01\0data"), true));
    assert_true(span_eq(s.last.data, SPAN_LIT("data")));
    /* An SSDU in two segments, the first TSDU cut into three DTs. */
    assert_true(session_input(&s.session, SPAN_LIT("\x01\0\x01\3\x19\1"), false));
    assert_true(session_input(&s.session, SPAN_LIT("\1one"), false));
    assert_true(session_input(&s.session, SPAN_LIT("two"), true));
    assert_false(s.last.end);
    assert_true(session_input(&s.session, SPAN_LIT("\x01\0\x01\3\x19\1\2three"), true));
    assert_true(s.last.end);
    assert_true(session_input(&s.session,
                              SPAN_LIT("\x01\0\x31\3\x2A\1"
                                       "1"),
                              true));
    assert_int_equal(s.last.primitive, S_SYNC_MINOR);
    assert_true(session_sync_minor_response(&s.session, 1));
    assert_false(session_sync_minor_response(&s.session, 1));
    assert_true(session_input(&s.session,
                              SPAN_LIT("\x01\0\x29\3\x2A\1"
                                       "2"),
                              true));
    assert_int_equal(s.last.primitive, S_ACTIVITY_END);
    assert_true(session_activity_end_response(&s.session));
    static const char wanted[] = "\x03\0\0\x0E\2\xF0\x80\2\0\x32\3\x2A\1"
                                 "1"
                                 "\x03\0\0\x0E\2\xF0\x80\2\0\x2A\3\x2A\1"
                                 "2";
    assert_true(span_eq(buf_span(&s.t.out), SPAN_LIT(wanted)));
    ses_end(&s);
}

/* Each breaks X.225's table or a condition of it: S-P-ABORT, an ABORT SPDU with 'protocol error', and a
 * cause. */
static void test_session_protocol_errors(void **state) {
    (void)state;
    static const struct span wrong[] = {
        SPAN_LIT("\x01\0\x01\0data"),                                      /* data outside an activity */
        SPAN_LIT("\x0D\x0F\x05\x06\x13\1\0\x16\1\3\x14\2\x02\x49\xC1\1x"), /* a second CONNECT */
        SPAN_LIT("\x0E\0"),                                                /* ACCEPT to a responder */
        SPAN_LIT("\x01\0\x29\3\x2A\1"
                 "1"), /* ACTIVITY END without an activity */
        SPAN_LIT("\x01\0\x31\3\x2A\1"
                 "1"),            /* MINOR SYNC POINT without an activity */
        SPAN_LIT("\x01\0\x2D\0"), /* ACTIVITY START without an identifier */
        SPAN_LIT("\x01\0\x2D\x09\x29\7"
                 "1234567"),                  /* an identifier that is too long */
        SPAN_LIT("\x01\0\x1D\5\x29\3\2\1\1"), /* ACTIVITY RESUME without linking information */
        SPAN_LIT("\x02\0\x32\3\x2A\1"
                 "1"),            /* MINOR SYNC ACK of nothing */
        SPAN_LIT("\x01\0\x35\0"), /* RESYNCHRONIZE: not negotiated */
        SPAN_LIT("\x01\0\x29\7\x0F\1\1\x2A\1"
                 "1"),              /* MAJOR SYNC POINT: not negotiated */
        SPAN_LIT("\x16\0"),         /* GIVE TOKENS ACK that was not asked for */
        SPAN_LIT("\x07\3\x18\1\1"), /* PREPARE: needs transport expedited flow */
        SPAN_LIT("\xFF\xFF"),       /* cut short */
        SPAN_LIT("\x01\x05"),       /* a length that leaves the TSDU */
        SPAN_LIT(""),               /* an empty TSDU */
        SPAN_LIT("\x09\0\x09\0"),   /* two of category 1 in a TSDU */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct ses s;
        ses_connected(&s);
        assert_false(session_input(&s.session, wrong[i], true));
        assert_int_equal(s.last.primitive, S_P_ABORT);
        assert_int_equal(s.t.cause.end, OSI_END_PROTOCOL_ERROR);
        assert_int_equal(s.t.cause.layer, OSI_LAYER_SESSION);
        assert_true(span_eq(buf_span(&s.t.out), SPAN_LIT("\x03\0\0\x0C\2\xF0\x80\x19\3\x11\1\5")));
        ses_end(&s);
    }
}

/* Parameters that we do not know, and groups of them, are passed over in each SPDU. */
static void test_session_unknown_parameters(void **state) {
    (void)state;
    struct ses s;
    ses_begin(&s);
    assert_true(session_input(&s.session,
                              SPAN_LIT("\x0D\x18\x7E\2ab\x05\x09\x13\1\0\x7D\1z\x16\1\2\xC8\3"
                                       "xyz"
                                       "\x14\2\x02\x49"),
                              true));
    assert_int_equal(s.last.primitive, S_CONNECT_INDICATION);
    struct session_connect answer = {.versions = 2, .units = SESSION_UNITS_RTSE};
    assert_true(session_accept(&s.session, &answer));
    assert_true(session_input(&s.session, SPAN_LIT("\x01\0\x2D\x0A\x7E\1q\x29\3\2\1\1\xC8\0"), true));
    assert_int_equal(s.last.primitive, S_ACTIVITY_START);
    assert_true(session_input(&s.session,
                              SPAN_LIT("\x01\0\x01\3\x7E\1q"
                                       "data"),
                              true));
    assert_true(span_eq(s.last.data, SPAN_LIT("data")));
    ses_end(&s);
}

/* Who gets the tokens of 0249 (data, minor, major/activity): all one side, or RTSE can't work. */
static void test_session_token_settings(void **state) {
    (void)state;
    static const struct {
        uint8_t setting;
        bool responder, apart;
        uint8_t answer;
    } cases[] = {
        {0x00, false, false, 0x00}, {0x15, true, false, 0x15},
        {0x55, true, false, 0x55},  {0x2A, false, false, 0x00}, /* the called SS-user's choice */
        {0x80, false, false, 0x00}, {0x01, false, true, 0x01},  /* the data token only */
        {0x14, false, true, 0x14},  {0x25, false, true, 0x05},  /* a choice that can't mend it */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ses s;
        uint8_t cn[] = {0x0D, 0x0F, 0x05, 0x09, 0x13, 1, 0, 0x16, 1, 2, 0x1A, 1, 0, 0x14, 0x02, 0x02, 0x49};
        cn[12] = cases[i].setting;
        ses_begin(&s);
        assert_true(session_input(&s.session, span_of(cn, sizeof cn), true));
        assert_int_equal(s.last.primitive, S_CONNECT_INDICATION);
        assert_int_equal(s.session.state, STA08);
        assert_int_equal(s.responder_tokens, cases[i].responder);
        assert_int_equal(s.tokens_apart, cases[i].apart);
        struct session_connect answer = {.versions = 2, .units = SESSION_UNITS_RTSE};
        assert_true(session_accept(&s.session, &answer));
        struct span out = buf_span(&s.t.out);
        size_t at = 0;
        while (at + 3 < out.len && memcmp(out.data + at, "\x1A\x01", 2) != 0)
            at++;
        assert_int_equal(out.data[at + 2], cases[i].answer);
        ses_end(&s);
    }
}

static void test_session_tsdu_limit(void **state) {
    (void)state;
    struct ses s;
    uint8_t *much = calloc(1, 5000);
    ses_connected(&s);
    assert_false(session_input(&s.session, span_of(much, 5000), false));
    assert_string_equal(s.t.cause.parameter, "TSDU size");
    ses_end(&s);
    free(much);
}

static void test_session_exception(void **state) {
    (void)state;
    struct ses s;
    ses_connected(&s);
    assert_false(session_exception_report(&s.session, 6, none)); /* no activity */
    assert_true(session_input(&s.session, SPAN_LIT("\x01\0\x2D\5\x29\3\2\1\1"), true));
    assert_true(session_exception_report(&s.session, 6, none));
    assert_int_equal(s.session.state, STA19);
    /* What was under way is ignored until the recovery. */
    s.count = 0;
    assert_true(session_input(&s.session, SPAN_LIT("\x01\0\x01\0data"), true));
    assert_true(session_input(&s.session,
                              SPAN_LIT("\x01\0\x31\3\x2A\1"
                                       "1"),
                              true));
    assert_true(session_input(&s.session,
                              SPAN_LIT("\x01\0\x29\3\x2A\1"
                                       "2"),
                              true));
    assert_int_equal(s.count, 0);
    assert_true(session_input(&s.session, SPAN_LIT("\x01\0\x39\3\x32\1\6"), true));
    assert_int_equal(s.last.primitive, S_ACTIVITY_DISCARD);
    assert_int_equal(s.last.reason, 6);
    assert_true(session_activity_discard_response(&s.session));
    assert_int_equal(s.session.state, STA713);
    ses_end(&s);
}

static void test_session_abort_accept(void **state) {
    (void)state;
    struct ses s;
    ses_connected(&s);
    session_input(&s.session, SPAN_LIT("\x19\x03\x11\1\2"), true); /* user abort, transport kept */
    assert_int_equal(s.last.primitive, S_U_ABORT);
    assert_true(span_eq(buf_span(&s.t.out), SPAN_LIT("\x03\0\0\x09\2\xF0\x80\x1A\0")));
    ses_end(&s);
}

static void test_session_refuses_versions(void **state) {
    (void)state;
    struct ses s;
    ses_begin(&s);
    session_input(&s.session, SPAN_LIT("\x0D\x0C\x05\6\x13\1\0\x16\1\4\x14\2\x02\x49"), true);
    assert_int_equal(s.t.cause.end, OSI_END_REFUSED);
    assert_int_equal(s.t.cause.code, SESSION_REFUSE_VERSIONS);
    assert_int_equal(s.t.out.data[7], SPDU_RF);
    ses_end(&s);
}

/* ---- presentation ---- */

/* A CP PPDU: ACSE's context, and others that nobody knows; one PDV of ACSE's. */
static void put_cp(struct buf *out, unsigned contexts) {
    static const uint8_t mode[] = {0xA0, 3, 0x80, 1, 1};
    static const uint8_t others[] = {0x30, 0x0D, 2, 1, 3, 6, 2, 0x51, 0x7F, 0x30, 4, 6, 2, 0x51, 1};
    static const uint8_t acse[] = {0x30, 0x0F, 2, 1, 1, 6, 4, 0x52, 1, 0, 1, 0x30, 4, 6, 2, 0x51, 1};
    static const uint8_t data[] = {0x61, 9, 0x30, 7, 2, 1, 1, 0xA0, 2, 5, 0};
    buf_init(out, 0);
    buf_append(out, "\x31\x80", 2);
    buf_append(out, mode, sizeof mode);
    buf_append(out, "\xA2\x80\xA4\x80", 4);
    buf_append(out, acse, sizeof acse);
    for (unsigned i = 1; i < contexts; i++)
        buf_append(out, others, sizeof others);
    buf_append(out, "\0\0", 2);
    buf_append(out, data, sizeof data);
    assert_true(buf_append(out, "\0\0\0\0", 4));
}

/* As many as there is room for in what is answered; the answer to more has none. */
static void test_presentation_contexts_are_counted(void **state) {
    (void)state;
    static const unsigned counts[] = {1, PRESENTATION_CONTEXTS_MAXIMUM, PRESENTATION_CONTEXTS_MAXIMUM + 1,
                                      1000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        bool few = counts[i] <= PRESENTATION_CONTEXTS_MAXIMUM;
        struct presentation p;
        struct presentation_connect c;
        struct osi_cause cause = {0};
        struct arena arena;
        struct buf cp;
        struct span cpr;
        int reason;
        arena_init(&arena, SIZE_MAX);
        put_cp(&cp, counts[i]);
        presentation_init(&p, &arena, &cause, OSI_MTS_TRANSFER);
        assert_int_equal(presentation_connect_indication(&p, buf_span(&cp), &c, &reason), few);
        assert_int_equal(p.result_count, few ? counts[i] : 0);
        if (!few) {
            assert_int_equal(reason, PRESENTATION_REASON_NOT_SPECIFIED);
            assert_int_equal(cause.end, OSI_END_REFUSED);
            assert_string_equal(cause.parameter, "presentation context definition list");
            assert_true(presentation_refuse(&p, reason, none, &cpr));
        }
        buf_free(&cp);
        arena_free(&arena);
    }
}

/* ---- P-DATA and EXTERNAL ---- */

static bool pdata_reads(struct span in, struct span wanted) {
    struct pdata p;
    struct buf got;
    struct span octets;
    enum pdata_result result;
    buf_init(&got, 0);
    pdata_begin(&p, 3);
    while ((result = pdata_input(&p, &in, &octets)) == PDATA_OCTETS)
        buf_append_span(&got, octets);
    bool ok = result == PDATA_MORE && pdata_is_complete(&p) && span_eq(buf_span(&got), wanted);
    buf_free(&got);
    return ok;
}

static void test_pdata_forms(void **state) {
    (void)state;
    struct span ab = SPAN_LIT("ab");
    assert_true(pdata_reads(SPAN_LIT("\x61\x0B\x30\x09\2\1\3\xA0\4\4\2"
                                     "ab"),
                            ab));
    assert_true(pdata_reads(SPAN_LIT("\x61\x0F\x30\x0D\6\2\x51\1\2\1\3\xA0\4\4\2"
                                     "ab"),
                            ab));
    assert_true(
        pdata_reads(SPAN_LIT("\x61\x80\x30\x80\2\1\3\xA0\x80\x24\x80\4\1a\4\1b\0\0\0\0\0\0\0\0"), ab));
    assert_true(pdata_reads(SPAN_LIT("\x61\x0B\x30\x09\2\1\3\x81\4\4\2"
                                     "ab"),
                            ab));
    assert_true(pdata_reads(SPAN_LIT("\x61\x81\x0D\x30\x82\0\x09\2\1\3\xA0\4\4\2"
                                     "ab"),
                            ab));
    assert_true(pdata_reads(SPAN_LIT("\x61\x11\x30\x0F\2\1\3\xA0\x0A\x24\x08\x24\3\4\1a\4\1b"), ab));
}

static void test_pdata_errors(void **state) {
    (void)state;
    static const struct span wrong[] = {
        SPAN_LIT("\x61\x0B\x30\x09\2\1\5\xA0\4\4\2"
                 "ab"), /* another context */
        SPAN_LIT("\x61\x0B\x30\x09\2\1\3\xA0\4\2\2"
                 "ab"), /* an INTEGER */
        SPAN_LIT("\x61\x0B\x30\x09\2\1\3\xA0\4\4\3"
                 "ab"), /* leaves its element */
        SPAN_LIT("\x60\x0B\x30\x09\2\1\3\xA0\4\4\2"
                 "ab"), /* simply encoded */
        SPAN_LIT("\x61\x0B\x30\x09\2\1\3\xA0\4\4\2"
                 "a"), /* cut short */
        SPAN_LIT("\x61\x0B\x30\x09\2\1\3\xA0\4\4\2"
                 "ab\0"),                                     /* something behind */
        SPAN_LIT("\x61\x0D\x30\x0B\2\1\3\xA0\x06\4\1a\4\1b"), /* two values */
        SPAN_LIT("\x61\x89\1\2\3\4\5\6\7\x08\x09"),           /* a length of nine octets */
        SPAN_LIT(
            "\x61\x80\x30\x80\2\1\3\xA0\x80\x24\x80\x24\x80\x24\x80\x24\x80\x24\x80\x24\x80\x24\x80\x24\x80"
            "\x24\x80\x24\x80"), /* nested without end */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(pdata_reads(wrong[i], SPAN_LIT("ab")));
}

static void test_pdata_writing(void **state) {
    (void)state;
    static const size_t lengths[] = {0, 1, 100, 127, 128, 200, 65535, 65536, 1 << 20};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        uint8_t *pdu = calloc(1, PDATA_HEADER + lengths[i]);
        size_t header = pdata_header(pdu, 3, lengths[i]);
        assert_true(pdata_reads(span_of(pdu, header + lengths[i]), span_of(pdu + header, lengths[i])));
        free(pdu);
    }
    uint8_t header[PDATA_HEADER];
    assert_int_equal(pdata_header(header, 3, 2), 11);
    assert_memory_equal(header, "\x61\x0B\x30\x09\2\1\3\xA0\4\4\2", 11);
}

static bool external_reads(struct span in, size_t step, struct span wanted) {
    struct external e;
    struct buf got;
    struct span out[2];
    int count = 0;
    buf_init(&got, 0);
    external_begin(&e);
    for (size_t at = 0; at < in.len && count >= 0; at += step) {
        count = external_input(&e, span_sub(in, at, step), 5, out);
        for (int i = 0; i < count; i++)
            buf_append_span(&got, out[i]);
        /* A checkpoint between any two octets: what is kept is enough to go on. */
        uint8_t kept[OSI_CHECKPOINT_STATE];
        external_save(&e, kept);
        if (e.passing)
            assert_true(external_restore(&e, kept));
    }
    bool ok = count >= 0 && external_is_complete(&e) && span_eq(buf_span(&got), wanted);
    buf_free(&got);
    return ok;
}

static void test_external_forms(void **state) {
    (void)state;
    struct span value = SPAN_LIT("\xA0\4\4\2"
                                 "ab");
    static const struct span right[] = {
        SPAN_LIT("\x28\x80\2\1\5\xA0\x80\xA0\4\4\2"
                 "ab\0\0\0\0"),
        SPAN_LIT("\x28\x0B\2\1\5\xA0\6\xA0\4\4\2"
                 "ab"),
        SPAN_LIT("\x28\x80\2\1\5\xA0\6\xA0\4\4\2"
                 "ab\0\0"),
        SPAN_LIT("\x28\x0D\2\1\5\xA0\x80\xA0\4\4\2"
                 "ab\0\0"),
        SPAN_LIT("\x28\x0F\6\2\x51\1\2\1\5\xA0\6\xA0\4\4\2"
                 "ab"),
        SPAN_LIT("\x28\x0B\2\1\5\x81\6\xA0\4\4\2"
                 "ab"),
    };
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        for (size_t step = 1; step <= right[i].len; step++)
            assert_true(external_reads(right[i], step, value));
    static const struct span wrong[] = {
        SPAN_LIT("\x28\x0B\2\1\7\xA0\6\xA0\4\4\2"
                 "ab"), /* another context */
        SPAN_LIT("\x30\x0B\2\1\5\xA0\6\xA0\4\4\2"
                 "ab"), /* no EXTERNAL */
        SPAN_LIT("\x28\x0B\2\1\5\xA0\6\xA0\4\4\2"
                 "a"), /* cut short */
        SPAN_LIT("\x28\x0B\2\1\5\xA0\6\xA0\4\4\2"
                 "abc"), /* too long */
        SPAN_LIT("\x28\x80\2\1\5\xA0\x80\xA0\4\4\2"
                 "ab\0\0\0x"), /* no end-of-contents */
        SPAN_LIT("\x28\x0B\2\1\5\xA2\6\xA0\4\4\2"
                 "ab"), /* arbitrary */
        SPAN_LIT("\x28\x80\6\x80\2\1\5\xA0\6\xA0\4\4\2"
                 "ab\0\0"), /* an OBJECT IDENTIFIER without a length */
        SPAN_LIT("\x28\x80\7\x80\2\1\5\xA0\6\xA0\4\4\2"
                 "ab\0\0"), /* a descriptor without one */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        for (size_t step = 1; step <= wrong[i].len; step++)
            assert_false(external_reads(wrong[i], step, value));
}

/* What can't be one is refused at its length, not when as many octets have come. */
static void test_external_lengths(void **state) {
    (void)state;
    static const struct {
        struct span start;
        int count;
    } cases[] = {{SPAN_LIT("\x28\x80\6\x40"), 0},
                 {SPAN_LIT("\x28\x80\6\x41"), -1},
                 {SPAN_LIT("\x28\x80\7\x84\1\0\0\0"), -1},
                 {SPAN_LIT("\x28\x80\6\x85\1\0\0\0\0"), -1}, /* 2^32: none in 32 bits */
                 {SPAN_LIT("\x28\x80\2\x88\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct external e;
        struct span out[2];
        external_begin(&e);
        assert_int_equal(external_input(&e, cases[i].start, 5, out), cases[i].count);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tpkt),
        cmocka_unit_test(test_cotp_size_negotiation),
        cmocka_unit_test(test_cotp_refusals),
        cmocka_unit_test(test_cotp_alternative_class),
        cmocka_unit_test(test_cotp_preferred_size),
        cmocka_unit_test(test_cotp_initiator_sizes),
        cmocka_unit_test(test_cotp_foreign_reference),
        cmocka_unit_test(test_session_activity),
        cmocka_unit_test(test_session_protocol_errors),
        cmocka_unit_test(test_session_unknown_parameters),
        cmocka_unit_test(test_session_token_settings),
        cmocka_unit_test(test_session_tsdu_limit),
        cmocka_unit_test(test_session_exception),
        cmocka_unit_test(test_session_abort_accept),
        cmocka_unit_test(test_session_refuses_versions),
        cmocka_unit_test(test_presentation_contexts_are_counted),
        cmocka_unit_test(test_pdata_forms),
        cmocka_unit_test(test_pdata_errors),
        cmocka_unit_test(test_pdata_writing),
        cmocka_unit_test(test_external_forms),
        cmocka_unit_test(test_external_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
