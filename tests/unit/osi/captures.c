/*
 * Real traffic, replayed: the octets of real initiators are handed to a responder
 * of ours, those of real responders to an initiator. Skipped where the samples are not there.
 */
#include "pair.h"

#include "../samples.h"
#include "capture.h"
#include "osi/cotp.h"
#include "osi/session.h"

static struct capture capture; /* large */

static bool is_initiator(const struct capture_stream *s) {
    return s->octets.len > 6 && s->octets.data[0] == 3 && (s->octets.data[5] & 0xF0) == 0xE0;
}

struct replay {
    struct end end;
    char folder[128];
    unsigned transfers, opened;
    enum osi_context context;
    struct span expected; /* the APDU to be received, if known */
};

static void feed(struct end *e, struct span in, size_t step) {
    while (in.len > 0 && !osi_association_is_over(e->a)) {
        struct span part = span_sub(in, 0, step);
        size_t used = osi_association_input(e->a, part, 1);
        end_events(e);
        struct span out = osi_association_output(e->a);
        osi_association_output_taken(e->a, out.len, 1);
        end_events(e);
        assert_true(used > 0 || osi_association_is_over(e->a));
        in = span_sub(in, used, in.len);
    }
}

static void responder_begin(struct end *e, unsigned accepted) {
    struct osi_parameters parameters = responder_parameters();
    parameters.called = (struct osi_address){0};
    parameters.contexts = accepted;
    memset(e, 0, sizeof *e);
    buf_init(&e->received, 0);
    e->a = osi_association_new(&parameters, 0, NULL);
    assert_non_null(e->a);
}

static void end_free(struct end *e) {
    osi_association_free(e->a);
    buf_free(&e->received);
}

static unsigned count_events(const struct end *e, enum osi_event_type type) {
    unsigned count = 0;
    for (unsigned i = 0; i < e->event_count; i++)
        count += e->events[i].type == type;
    return count;
}

/* Replays every initiator of a capture: `initiators` must open in `context` (others break off before), all
 * that end be released, and `transfers` arrive in all. */
static void replay_p1(const char *file, enum osi_context context, unsigned initiators, unsigned transfers) {
    assert_true(capture_read(&capture, file));
    static const size_t steps[] = {SIZE_MAX, 1460, 1};
    for (unsigned step = 0; step < 3; step++) {
        unsigned opened = 0, received = 0;
        for (size_t i = 0; i < capture.count; i++) {
            struct capture_stream *s = &capture.streams[i];
            if (!is_initiator(s))
                continue;
            struct end *e = calloc(1, sizeof *e);
            responder_begin(e, OSI_MTS_TRANSFER | OSI_MTS_TRANSFER_PROTOCOL | OSI_MTS_TRANSFER_PROTOCOL_1984);
            feed(e, buf_span(&s->octets), steps[step]);
            if (e->cause.text[0])
                assert_int_equal(e->cause.end, OSI_END_RELEASED);
            opened += e->open.context == context;
            received += count_events(e, OSI_EVENT_TRANSFER_END);
            end_free(e);
            free(e);
        }
        assert_int_equal(opened, initiators);
        assert_int_equal(received, transfers);
    }
    capture_free(&capture);
}

static void test_ping(void **state) {
    (void)state;
    replay_p1("x400-pcap/x400-ping-success.pcap", OSI_MTS_TRANSFER, 1, 0);
}

static void test_normal_mode(void **state) {
    (void)state;
    replay_p1("x400-pcap-pp/p1-88-normal.pcap", OSI_MTS_TRANSFER, 6, 6);
}

static void test_normal_mode_standard_extensions(void **state) {
    (void)state;
    replay_p1("x400-pcap-pp/p1-88-stdext.pcap", OSI_MTS_TRANSFER, 2, 2);
}

static void test_x410_mode(void **state) {
    (void)state;
    replay_p1("x400-pcap-pp/p1-88-x410.pcap", OSI_MTS_TRANSFER_PROTOCOL, 2, 2);
}

static void test_1984(void **state) {
    (void)state;
    replay_p1("x400-pcap-pp/p1-84.pcap", OSI_MTS_TRANSFER_PROTOCOL_1984, 5, 5);
}

/* The APDUs that come out are those that were taken out of the captures by other means. */
static void test_apdus_are_the_same(void **state) {
    (void)state;
    static const struct {
        const char *capture, *apdu;
        uint16_t port;
    } cases[] = {
        {"p1-88-normal", "p1-88-normal-s1-p1025-1", 1025},
        {"p1-88-normal", "p1-88-normal-s4-p1028-4", 1028},
        {"p1-88-x410", "p1-88-x410-s0-p1024-0", 1024},
        {"p1-84", "p1-84-s1-p1026-1", 1026},
    };
    for (unsigned i = 0; i < 4; i++) {
        char path[256];
        static uint8_t wanted[1 << 20];
        snprintf(path, sizeof path, "x400-pcap-pp/ber/%s.ber", cases[i].apdu);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        size_t len = fread(wanted, 1, sizeof wanted, file);
        fclose(file);
        snprintf(path, sizeof path, "x400-pcap-pp/%s.pcap", cases[i].capture);
        assert_true(capture_read(&capture, path));
        struct capture_stream *s = NULL;
        for (size_t j = 0; j < capture.count && !s; j++)
            if (capture.streams[j].source == cases[i].port && is_initiator(&capture.streams[j]))
                s = &capture.streams[j];
        assert_non_null(s);
        struct end *e = calloc(1, sizeof *e);
        responder_begin(e, OSI_MTS_TRANSFER | OSI_MTS_TRANSFER_PROTOCOL | OSI_MTS_TRANSFER_PROTOCOL_1984);
        feed(e, buf_span(&s->octets), SIZE_MAX);
        /* In normal mode the files hold the EXTERNAL too: 28 80 02 01 05 A0 80 before, 00 00 00 00 behind. */
        struct span apdu = span_of(wanted, len);
        if (wanted[0] == 0x28)
            apdu = span_sub(apdu, 7, len - 11);
        assert_true(span_eq(buf_span(&e->received), apdu));
        end_free(e);
        free(e);
        capture_free(&capture);
    }
}

static void test_contexts_not_accepted(void **state) {
    (void)state;
    static const struct {
        const char *file;
        unsigned accepted;
        enum osi_layer layer;
        const char *parameter;
    } cases[] = {
        {"x400-pcap/x400-ping-success.pcap", OSI_MTS_TRANSFER_PROTOCOL, OSI_LAYER_ACSE,
         "application context name"},
        {"x400-pcap-pp/p1-88-x410.pcap", OSI_MTS_TRANSFER, OSI_LAYER_RTSE, "application protocol"},
        {"x400-pcap-pp/p1-84.pcap", OSI_MTS_TRANSFER_PROTOCOL, OSI_LAYER_RTSE, "application protocol"},
    };
    for (unsigned c = 0; c < 3; c++) {
        assert_true(capture_read(&capture, cases[c].file));
        for (size_t i = 0; i < capture.count; i++) {
            struct end *e = calloc(1, sizeof *e);
            if (is_initiator(&capture.streams[i])) {
                responder_begin(e, cases[c].accepted);
                feed(e, buf_span(&capture.streams[i].octets), SIZE_MAX);
                assert_int_equal(e->cause.end, OSI_END_REFUSED);
                assert_int_equal(e->cause.layer, cases[c].layer);
                assert_string_equal(e->cause.parameter, cases[c].parameter);
                end_free(e);
            }
            free(e);
        }
        capture_free(&capture);
    }
}

/* A real responder's octets to an initiator of ours; the CC is made to answer our reference. */
static void initiator_meets(struct end *e, const char *file, unsigned context) {
    assert_true(capture_read(&capture, file));
    struct osi_parameters parameters = initiator_parameters(context);
    memset(e, 0, sizeof *e);
    buf_init(&e->received, 0);
    e->a = osi_association_new(&parameters, 0, NULL);
    for (size_t i = 0; i < capture.count; i++) {
        struct buf *octets = &capture.streams[i].octets;
        if (octets->len < 12 || octets->data[5] != 0xD0)
            continue;
        octets->data[6] = 0;
        octets->data[7] = 1;
        feed(e, buf_span(octets), 100);
        break;
    }
    capture_free(&capture);
}

static void test_real_responders(void **state) {
    (void)state;
    struct end *e = calloc(1, sizeof *e);
    initiator_meets(e, "x400-pcap/x400-ping-refuse.pcap", OSI_MTS_TRANSFER);
    assert_int_equal(e->cause.end, OSI_END_REFUSED);
    assert_int_equal(e->cause.layer, OSI_LAYER_USER);
    assert_true(e->user_data_len > 0);
    end_free(e);
    initiator_meets(e, "x400-pcap-pp/p1-88-reject.pcap", OSI_MTS_TRANSFER);
    assert_int_equal(e->cause.end, OSI_END_REFUSED);
    assert_int_equal(e->cause.layer, OSI_LAYER_USER);
    assert_int_equal(e->user_data_len, 3);
    assert_memory_equal(e->user_data, "\x02\x01\x02", 3); /* authentication-error */
    end_free(e);
    initiator_meets(e, "x400-pcap/x400-ping-success.pcap", OSI_MTS_TRANSFER);
    assert_int_equal(e->events[0].type, OSI_EVENT_OPEN_CONFIRM);
    assert_int_equal(e->open.window_size, 3);
    end_free(e);
    initiator_meets(e, "x400-pcap-pp/p1-88-x410.pcap", OSI_MTS_TRANSFER_PROTOCOL);
    assert_int_equal(e->events[0].type, OSI_EVENT_OPEN_CONFIRM);
    assert_int_equal(e->open.checkpoint_size, 1);
    end_free(e);
    free(e);
}

/* ---- other protocols over the same lower layers ---- */

static void test_other_protocols_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *file;
        enum osi_layer layer;
    } cases[] = {
        {"iti-iec61850_get_name_list.pcap", OSI_LAYER_SESSION},
        {"ndpi-iso9506-1-mms.pcap", OSI_LAYER_SESSION},
        {"iti-s7comm_reading_plc_status.pcap", OSI_LAYER_SESSION},
        {"ndpi-rdp.pcap", OSI_LAYER_TRANSPORT},
    };
    for (unsigned c = 0; c < 4; c++) {
        char path[256];
        snprintf(path, sizeof path, "osi-pcap/%s", cases[c].file);
        assert_true(capture_read(&capture, path));
        unsigned met = 0;
        for (size_t i = 0; i < capture.count; i++) {
            if (!is_initiator(&capture.streams[i]))
                continue;
            struct end *e = calloc(1, sizeof *e);
            responder_begin(e, OSI_MTS_TRANSFER);
            feed(e, buf_span(&capture.streams[i].octets), SIZE_MAX);
            assert_true(osi_association_is_over(e->a));
            assert_int_equal(e->cause.layer, cases[c].layer);
            end_free(e);
            free(e);
            met++;
        }
        assert_true(met > 0);
        capture_free(&capture);
    }
}

/* No capture of any kind makes either role fail badly. */
static void test_all_captures_survive(void **state) {
    (void)state;
    static const char *const files[] = {
        "iti-8d7c7db0-9804-012b-b2a6-0016cb8cea27.pcap",
        "iti-Sample_File_MMS_and_GOOSE.pcap",
        "iti-iec61850_get_name_list.pcap",
        "iti-iec61850_release.pcap",
        "iti-piccolo.pcap",
        "iti-s7comm_reading_plc_status.pcap",
        "ndpi-h323.pcap",
        "ndpi-iso9506-1-mms.pcap",
        "ndpi-rdp.pcap",
    };
    for (unsigned c = 0; c < sizeof files / sizeof *files; c++) {
        char path[256];
        snprintf(path, sizeof path, "osi-pcap/%s", files[c]);
        assert_true(capture_read(&capture, path));
        for (size_t i = 0; i < capture.count; i++) {
            struct end *e = calloc(1, sizeof *e);
            responder_begin(e, OSI_MTS_TRANSFER);
            feed(e, buf_span(&capture.streams[i].octets), 1000);
            end_free(e);
            free(e);
        }
        capture_free(&capture);
    }
}

/* The lower layers alone carry other users: MMS, duplex, to its last octet. */
struct lower {
    struct cotp cotp;
    struct session session;
    struct osi_cause cause;
    struct buf out;
    unsigned connects, data, releases;
};

static void lower_indicate(void *user, const struct session_indication *in) {
    struct lower *l = user;
    struct session_connect answer = {.versions = 2, .units = SESSION_DUPLEX, .user_data = SPAN_LIT("")};
    switch (in->primitive) {
    case S_CONNECT_INDICATION:
        l->connects++;
        assert_true(in->connect->units & SESSION_DUPLEX);
        assert_true(session_accept(&l->session, &answer));
        break;
    case S_DATA:
        l->data += in->end;
        break;
    case S_RELEASE_INDICATION:
        l->releases++;
        assert_true(session_release_response(&l->session, (struct span){0}));
        break;
    default:
        break;
    }
}

static void test_mms_over_duplex_session(void **state) {
    (void)state;
    struct span none = {0};
    assert_true(capture_read(&capture, "osi-pcap/ndpi-iso9506-1-mms.pcap"));
    unsigned data = 0;
    for (size_t i = 0; i < capture.count; i++) {
        struct lower l = {0};
        struct span in = buf_span(&capture.streams[i].octets);
        if (!is_initiator(&capture.streams[i]))
            continue;
        buf_init(&l.out, 0);
        assert_true(cotp_init(&l.cotp, &l.out, &l.cause, 65531, none, none));
        session_init(&l.session, &l.cotp, &l.cause, false, 65536, lower_indicate, &l);
        cotp_listen(&l.cotp, NULL, 0);
        while (in.len > 0) {
            size_t used;
            struct cotp_indication tpdu = cotp_input(&l.cotp, in, &used);
            if (used == 0)
                break;
            in = span_sub(in, used, in.len);
            if (tpdu.event == COTP_T_CONNECT)
                session_transport_connected(&l.session);
            else if (tpdu.event == COTP_T_DATA)
                assert_true(session_input(&l.session, tpdu.data, tpdu.end));
        }
        assert_string_equal(l.cause.text, "");
        assert_int_equal(l.connects, 1);
        data += l.data;
        session_free(&l.session);
        cotp_free(&l.cotp);
        buf_free(&l.out);
    }
    assert_true(data > 0);
    capture_free(&capture);
}

int main(void) {
    if (!samples_enter())
        return 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ping),
        cmocka_unit_test(test_normal_mode),
        cmocka_unit_test(test_normal_mode_standard_extensions),
        cmocka_unit_test(test_x410_mode),
        cmocka_unit_test(test_1984),
        cmocka_unit_test(test_apdus_are_the_same),
        cmocka_unit_test(test_contexts_not_accepted),
        cmocka_unit_test(test_real_responders),
        cmocka_unit_test(test_other_protocols_are_refused),
        cmocka_unit_test(test_all_captures_survive),
        cmocka_unit_test(test_mms_over_duplex_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
