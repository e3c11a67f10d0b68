/* Whole associations, both ends ours: open, transfer, turn, close, refuse, abort, in each application
 * context. */
#include "pair.h"

static const unsigned contexts[] = {OSI_MTS_TRANSFER, OSI_MTS_TRANSFER_PROTOCOL,
                                    OSI_MTS_TRANSFER_PROTOCOL_1984};

static void assert_transfer(struct pair *p, struct end *from, struct end *to, size_t len) {
    struct span apdu = test_apdu(len);
    struct osi_activity activity;
    unsigned before = from->confirmed_transfers;
    end_start(from, apdu, &activity);
    pair_run(p);
    assert_int_equal(from->confirmed_transfers, before + 1);
    assert_true(span_eq(buf_span(&to->received), apdu));
    assert_memory_equal(activity.id, to->begin.activity.id, activity.id_len);
    free((void *)apdu.data);
}

static void test_open_and_close(void **state) {
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct pair p;
        pair_open(&p, initiator_parameters(contexts[i]), responder_parameters());
        assert_int_equal(p.responder.open.context, contexts[i]);
        assert_int_equal(p.responder.user_data_len, 9);
        assert_memory_equal(p.responder.user_data,
                            "\xB0\x07\xA1\x05\x80\x03"
                            "ABC",
                            9);
        assert_int_equal(end_last(&p.initiator)->type, OSI_EVENT_OPEN_CONFIRM);
        assert_int_equal(p.initiator.user_data_len, 5);
        assert_int_equal(p.initiator.open.checkpoint_size, 63);
        assert_int_equal(p.initiator.open.window_size, 3);
        assert_true(osi_rt_has_turn(p.initiator.a));
        assert_false(osi_rt_has_turn(p.responder.a));
        assert_int_equal(osi_association_open(p.initiator.a)->session_version, 2);
        assert_true(osi_association_release(p.initiator.a, (struct span){0}, p.now));
        pair_run(&p);
        assert_int_equal(p.initiator.cause.end, OSI_END_RELEASED);
        assert_int_equal(p.responder.cause.end, OSI_END_RELEASED);
        assert_true(osi_association_is_over(p.initiator.a) && osi_association_is_over(p.responder.a));
        pair_end(&p);
    }
}

static void test_session_version_1(void **state) {
    (void)state;
    for (unsigned side = 0; side < 2; side++)
        for (unsigned i = 0; i < 3; i++) {
            struct pair p;
            struct osi_parameters initiator = initiator_parameters(contexts[i]),
                                  responder = responder_parameters();
            *(side ? &initiator.session_versions : &responder.session_versions) = 1;
            pair_open(&p, initiator, responder);
            assert_int_equal(osi_association_open(p.initiator.a)->session_version, 1);
            assert_int_equal(osi_association_open(p.responder.a)->session_version, 1);
            assert_transfer(&p, &p.initiator, &p.responder, 70000);
            /* Abort data over 9 octets do not fit in version 1; X.410 mode's do. */
            osi_association_abort(p.initiator.a, OSI_ABORT_TEMPORARY_PROBLEM, "test");
            pair_run(&p);
            assert_int_equal(p.responder.cause.end, OSI_END_PROVIDER_ABORT);
            assert_int_equal(p.responder.cause.code,
                             contexts[i] == OSI_MTS_TRANSFER ? -1 : OSI_ABORT_TEMPORARY_PROBLEM);
            pair_end(&p);
        }
}

static void test_identifiers_reach_the_responder(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, initiator_parameters(OSI_MTS_TRANSFER), responder_parameters());
    p.responder.manual_open = true;
    pair_run(&p);
    const struct osi_open *open = &p.responder.open;
    assert_true(span_eq(open->id.calling, SPAN_LIT("alpha-1f93ab")));
    assert_true(span_eq(open->id.common, SPAN_LIT("261122061500Z")));
    assert_true(span_eq(open->id.additional, SPAN_LIT("01")));
    assert_true(span_eq(open->calling.t, SPAN_LIT("ALPHA")));
    assert_true(span_eq(open->called.t, SPAN_LIT("BETA")));
    pair_end(&p);
}

static void test_transfers(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 2, 100, 2000, 64488, 64489, 64512, 64513, 70000, 1000000};
    for (unsigned i = 0; i < 3; i++) {
        struct pair p;
        pair_open(&p, initiator_parameters(contexts[i]), responder_parameters());
        for (unsigned j = 0; j < sizeof sizes / sizeof *sizes; j++)
            assert_transfer(&p, &p.initiator, &p.responder, sizes[j]);
        assert_true(p.initiator.confirmed_offset > 0);
        pair_end(&p);
    }
}

static void test_transfers_octet_by_octet(void **state) {
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct pair p;
        struct osi_parameters initiator = initiator_parameters(contexts[i]);
        initiator.checkpoint_size = 1;
        pair_begin(&p, initiator, responder_parameters());
        p.chunk = 1;
        pair_run(&p);
        assert_transfer(&p, &p.initiator, &p.responder, 5000);
        assert_int_equal(p.responder.checkpoint_count, 4);
        assert_true(osi_association_release(p.initiator.a, (struct span){0}, p.now));
        pair_run(&p);
        assert_int_equal(p.responder.cause.end, OSI_END_RELEASED);
        pair_end(&p);
    }
}

/* Small TPDUs, TSDU maximum size, tiny pieces from the owner: the same octets arrive. */
static void test_small_units(void **state) {
    (void)state;
    static const struct {
        unsigned tpdu, tsdu, checkpoint;
    } cases[] = {{128, 0, 1},    {128, 2041, 63},  {2048, 2041, 1},
                 {8192, 200, 3}, {65531, 300, 63}, {1024, 128, 1}};
    for (unsigned c = 0; c < sizeof cases / sizeof *cases; c++)
        for (unsigned i = 0; i < 3; i++) {
            struct pair p;
            struct osi_parameters initiator = initiator_parameters(contexts[i]);
            initiator.tpdu_size = cases[c].tpdu;
            initiator.tsdu_size = cases[c].tsdu;
            initiator.checkpoint_size = cases[c].checkpoint;
            pair_open(&p, initiator, responder_parameters());
            assert_transfer(&p, &p.initiator, &p.responder, 20000);
            pair_end(&p);
        }
}

static void test_without_checkpoints(void **state) {
    (void)state;
    static const unsigned tsdu_sizes[] = {0, 500};
    for (unsigned t = 0; t < 2; t++)
        for (unsigned i = 0; i < 3; i++) {
            struct pair p;
            struct osi_parameters responder = responder_parameters(),
                                  initiator = initiator_parameters(contexts[i]);
            responder.no_checkpoints = true;
            initiator.tsdu_size = tsdu_sizes[t];
            pair_open(&p, initiator, responder);
            assert_int_equal(p.initiator.open.checkpoint_size, 0);
            assert_transfer(&p, &p.initiator, &p.responder, 10);
            /* In pieces: one RTTR as it comes. */
            struct span apdu = test_apdu(300000);
            struct osi_activity activity;
            assert_true(osi_rt_transfer_begin(p.initiator.a, &activity, p.now));
            size_t at = 0;
            while (at < apdu.len) {
                struct span piece = span_sub(apdu, at, 7000);
                at += osi_rt_transfer_data(p.initiator.a, piece, at + piece.len == apdu.len, p.now);
                pair_run(&p);
            }
            assert_int_equal(p.initiator.confirmed_transfers, 2);
            assert_true(span_eq(buf_span(&p.responder.received), apdu));
            assert_int_equal(p.responder.checkpoint_count, 0);
            free((void *)apdu.data);
            pair_end(&p);
        }
}

/* Without checkpoints nothing but the output's bound keeps an APDU from being in memory as a whole. */
static void test_without_checkpoints_the_output_is_bounded(void **state) {
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct pair p;
        struct osi_parameters initiator = initiator_parameters(contexts[i]);
        initiator.output_high_water = 20000;
        initiator.no_checkpoints = true;
        struct osi_parameters responder = responder_parameters();
        responder.no_checkpoints = true;
        pair_open(&p, initiator, responder);
        struct span apdu = test_apdu(200000);
        struct osi_activity activity;
        assert_true(osi_rt_transfer_begin(p.initiator.a, &activity, p.now));
        size_t at = 0, taken;
        while ((taken = osi_rt_transfer_data(p.initiator.a, span_sub(apdu, at, 1000), false, p.now)) > 0) {
            at += taken;
            assert_true(at < 25000);
        }
        assert_true(at >= 19000);
        assert_in_range(osi_association_output(p.initiator.a).len, 20000, 22000);
        /* Nor is it taken as the last. */
        assert_int_equal(osi_rt_transfer_data(p.initiator.a, span_sub(apdu, at, 1000), true, p.now), 0);
        p.initiator.to_send = span_sub(apdu, at, apdu.len);
        p.initiator.sending = true;
        pair_run(&p); /* the rest goes when the owner is told that it may */
        assert_int_equal(p.initiator.confirmed_transfers, 1);
        assert_true(span_eq(buf_span(&p.responder.received), apdu));
        free((void *)apdu.data);
        pair_end(&p);
    }
}

static void test_owner_hands_over_crumbs(void **state) {
    (void)state;
    struct pair p;
    struct osi_parameters initiator = initiator_parameters(OSI_MTS_TRANSFER);
    initiator.checkpoint_size = 1;
    pair_open(&p, initiator, responder_parameters());
    struct span apdu = test_apdu(5000);
    struct osi_activity activity;
    assert_true(osi_rt_transfer_begin(p.initiator.a, &activity, p.now));
    for (size_t at = 0; at < apdu.len;) {
        struct span piece = span_sub(apdu, at, 3);
        at += osi_rt_transfer_data(p.initiator.a, piece, false, p.now);
        pair_run(&p);
    }
    assert_int_equal(osi_rt_transfer_data(p.initiator.a, (struct span){0}, true, p.now), 0);
    pair_run(&p);
    assert_int_equal(p.initiator.confirmed_transfers, 1);
    assert_true(span_eq(buf_span(&p.responder.received), apdu));
    free((void *)apdu.data);
    pair_end(&p);
}

/* Negotiation of X.228 §7.1.3. */
static void test_checkpoint_negotiation(void **state) {
    (void)state;
    static const struct {
        unsigned proposed, ours, agreed;
    } cases[] = {{63, 10, 10}, {10, 63, 10}, {1, 1, 1}, {0, 20, 20}};
    for (unsigned c = 0; c < 4; c++) {
        struct pair p;
        struct osi_parameters initiator = initiator_parameters(OSI_MTS_TRANSFER),
                              responder = responder_parameters();
        initiator.checkpoint_size = cases[c].proposed;
        initiator.no_checkpoints = cases[c].proposed == 0;
        initiator.window_size = 5;
        responder.checkpoint_size = cases[c].ours;
        responder.window_size = 2;
        pair_open(&p, initiator, responder);
        assert_int_equal(p.responder.open.checkpoint_size, cases[c].proposed);
        assert_int_equal(p.initiator.open.checkpoint_size, cases[c].agreed);
        assert_int_equal(p.initiator.open.window_size, 2);
        pair_end(&p);
    }
}

static void test_window_stops_the_sender(void **state) {
    (void)state;
    struct pair p;
    struct osi_parameters initiator = initiator_parameters(OSI_MTS_TRANSFER);
    initiator.checkpoint_size = 1;
    pair_begin(&p, initiator, responder_parameters());
    p.responder.no_checkpoint_confirm = true;
    pair_run(&p);
    struct span apdu = test_apdu(10000);
    struct osi_activity activity;
    end_start(&p.initiator, apdu, &activity);
    pair_run(&p);
    assert_int_equal(p.responder.checkpoint_count, 3);
    assert_int_equal(p.initiator.confirmed_transfers, 0);
    /* One acknowledgement for all three, then confirmations as they come. */
    assert_false(osi_rt_checkpoint_confirm(p.responder.a, 4, p.now));
    assert_true(osi_rt_checkpoint_confirm(p.responder.a, 3, p.now));
    assert_false(osi_rt_checkpoint_confirm(p.responder.a, 2, p.now));
    p.responder.no_checkpoint_confirm = false;
    pair_run(&p);
    assert_int_equal(p.initiator.confirmed_transfers, 1);
    assert_true(span_eq(buf_span(&p.responder.received), apdu));
    free((void *)apdu.data);
    pair_end(&p);
}

static void test_refusals(void **state) {
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct pair p;
        pair_begin(&p, initiator_parameters(contexts[i]), responder_parameters());
        p.responder.manual_open = true;
        pair_run(&p);
        assert_true(osi_association_refuse(p.responder.a, OSI_REFUSE_VALIDATION_FAILURE,
                                           SPAN_LIT("\xB2\x03\x80\x01\x02")));
        pair_run(&p);
        assert_int_equal(p.initiator.cause.end, OSI_END_REFUSED);
        assert_true(p.initiator.cause.by_peer);
        if (contexts[i] == OSI_MTS_TRANSFER) {
            assert_int_equal(p.initiator.cause.layer, OSI_LAYER_USER);
            assert_int_equal(p.initiator.user_data_len, 5);
        } else {
            assert_int_equal(p.initiator.cause.layer, OSI_LAYER_RTSE);
            assert_int_equal(p.initiator.cause.code, OSI_REFUSE_VALIDATION_FAILURE);
        }
        pair_end(&p);
    }
}

/* What `mhs ping` shows: the layer, and the parameter that did not match. */
static void test_refusals_name_layer_and_parameter(void **state) {
    (void)state;
    static const struct {
        const char *t, *s, *p;
        unsigned accepted;
        enum osi_layer layer;
        const char *parameter;
    } cases[] = {
        {"OTHER", NULL, NULL, OSI_MTS_TRANSFER, OSI_LAYER_TRANSPORT, "called T-selector"},
        {"BETA", "S1", NULL, OSI_MTS_TRANSFER, OSI_LAYER_SESSION, "called S-selector"},
        {"BETA", NULL, "P1", OSI_MTS_TRANSFER, OSI_LAYER_PRESENTATION, "called P-selector"},
        {"BETA", NULL, NULL, OSI_MTS_TRANSFER_PROTOCOL, OSI_LAYER_ACSE, "application context name"},
    };
    for (unsigned i = 0; i < 4; i++) {
        struct pair p;
        struct osi_parameters responder = responder_parameters();
        responder.called =
            (struct osi_address){span_str(cases[i].t), span_str(cases[i].s), span_str(cases[i].p)};
        responder.contexts = cases[i].accepted;
        pair_open(&p, initiator_parameters(OSI_MTS_TRANSFER), responder);
        assert_int_equal(p.initiator.cause.end, OSI_END_REFUSED);
        assert_int_equal(p.initiator.cause.layer, cases[i].layer);
        assert_string_equal(p.initiator.cause.parameter, cases[i].parameter);
        assert_true(p.initiator.cause.by_peer);
        assert_int_equal(p.responder.cause.end, OSI_END_REFUSED);
        assert_int_equal(p.responder.cause.layer, cases[i].layer);
        assert_string_equal(p.responder.cause.parameter, cases[i].parameter);
        pair_end(&p);
    }
}

/* Of the addresses that are ours the caller must have called one, with all of its selectors. */
static void test_several_addresses_are_listened_at(void **state) {
    (void)state;
    const struct osi_address ours[] = {{.t = SPAN_LIT("T1"), .s = SPAN_LIT("S1")},
                                       {.t = SPAN_LIT("T1"), .s = SPAN_LIT("S2"), .p = SPAN_LIT("P2")},
                                       {.t = SPAN_LIT("T2")}};
    static const struct {
        const char *t, *s, *p;
        const char *wrong; /* NULL: one of ours is called */
    } cases[] = {{"T1", "S1", NULL, NULL},
                 {"T1", "S1", "P9", NULL},
                 {"T1", "S2", "P2", NULL},
                 {"T2", "S9", "P9", NULL},
                 {"T3", "S1", NULL, "called T-selector"},
                 {"T1", "S3", NULL, "called S-selector"},
                 {"T1", NULL, NULL, "called S-selector"},
                 {"T1", "S2", "P3", "called P-selector"},
                 {"T1", "S2", NULL, "called P-selector"}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pair p;
        struct osi_parameters initiator = initiator_parameters(OSI_MTS_TRANSFER),
                              responder = responder_parameters();
        responder.called = ours[0];
        responder.others = &ours[1];
        responder.other_count = 2;
        initiator.called =
            (struct osi_address){span_str(cases[i].t), span_str(cases[i].s), span_str(cases[i].p)};
        pair_open(&p, initiator, responder);
        if (cases[i].wrong) {
            assert_int_equal(p.initiator.cause.end, OSI_END_REFUSED);
            assert_string_equal(p.responder.cause.parameter, cases[i].wrong);
        } else {
            assert_int_equal(end_last(&p.initiator)->type, OSI_EVENT_OPEN_CONFIRM);
        }
        pair_end(&p);
    }
}

static void test_dialogue_mode_is_refused(void **state) {
    (void)state;
    struct pair p;
    struct osi_parameters initiator = initiator_parameters(OSI_MTS_TRANSFER_PROTOCOL),
                          responder = responder_parameters();
    initiator.dialogue = OSI_TWO_WAY_ALTERNATE;
    responder.refuse_two_way_alternate = true;
    pair_open(&p, initiator, responder);
    assert_int_equal(p.initiator.cause.code, OSI_REFUSE_UNACCEPTABLE_DIALOGUE_MODE);
    assert_string_equal(p.initiator.cause.parameter, "dialogue mode");
    pair_end(&p);
}

static void test_wrong_protocol_in_x410_mode(void **state) {
    (void)state;
    struct pair p;
    struct osi_parameters responder = responder_parameters();
    responder.contexts = OSI_MTS_TRANSFER_PROTOCOL;
    pair_open(&p, initiator_parameters(OSI_MTS_TRANSFER_PROTOCOL_1984), responder);
    assert_int_equal(p.initiator.cause.end, OSI_END_REFUSED);
    assert_int_equal(p.initiator.cause.layer, OSI_LAYER_RTSE);
    assert_string_equal(p.responder.cause.parameter, "application protocol");
    pair_end(&p);
}

static void test_turn(void **state) {
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct pair p;
        struct osi_parameters initiator = initiator_parameters(contexts[i]);
        initiator.dialogue = OSI_TWO_WAY_ALTERNATE;
        pair_open(&p, initiator, responder_parameters());
        struct osi_activity activity;
        assert_false(osi_rt_transfer_begin(p.responder.a, &activity, p.now));
        assert_true(osi_rt_turn_please(p.responder.a, 1, p.now));
        pair_run(&p);
        assert_int_equal(end_last(&p.initiator)->type, OSI_EVENT_TURN_PLEASE);
        assert_int_equal(end_last(&p.initiator)->u.priority, 1);
        assert_true(osi_rt_turn_give(p.initiator.a, p.now));
        pair_run(&p);
        assert_int_equal(end_last(&p.responder)->type, OSI_EVENT_TURN_GIVE);
        assert_false(osi_association_release(p.initiator.a, (struct span){0}, p.now));
        assert_transfer(&p, &p.responder, &p.initiator, 100000);
        assert_true(osi_rt_turn_give(p.responder.a, p.now));
        pair_run(&p);
        assert_transfer(&p, &p.initiator, &p.responder, 3000);
        assert_true(osi_association_release(p.initiator.a, (struct span){0}, p.now));
        pair_run(&p);
        assert_int_equal(p.responder.cause.end, OSI_END_RELEASED);
        pair_end(&p);
    }
}

static void test_responder_has_first_turn(void **state) {
    (void)state;
    struct pair p;
    struct osi_parameters initiator = initiator_parameters(OSI_MTS_TRANSFER);
    initiator.dialogue = OSI_TWO_WAY_ALTERNATE;
    initiator.responder_turn = true;
    pair_open(&p, initiator, responder_parameters());
    assert_true(p.responder.open.turn);
    assert_false(p.initiator.open.turn);
    assert_transfer(&p, &p.responder, &p.initiator, 500);
    pair_end(&p);
}

static void test_aborts(void **state) {
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct pair p;
        pair_open(&p, initiator_parameters(contexts[i]), responder_parameters());
        bool normal = contexts[i] == OSI_MTS_TRANSFER;
        osi_association_user_abort(p.initiator.a, SPAN_LIT("\x04\x01!"));
        pair_run(&p);
        assert_int_equal(p.initiator.cause.end, OSI_END_LOCAL);
        assert_int_equal(p.responder.cause.end, normal ? OSI_END_USER_ABORT : OSI_END_PROVIDER_ABORT);
        assert_int_equal(p.responder.cause.code,
                         normal ? OSI_ABORT_USER_ERROR : OSI_ABORT_LOCAL_SYSTEM_PROBLEM);
        assert_int_equal(p.responder.user_data_len, normal ? 3 : 0);
        pair_end(&p);

        pair_open(&p, initiator_parameters(contexts[i]), responder_parameters());
        osi_association_abort(p.initiator.a, OSI_ABORT_PERMANENT_PROBLEM, "test");
        pair_run(&p);
        assert_int_equal(p.responder.cause.code,
                         normal ? OSI_ABORT_PERMANENT_PROBLEM : OSI_ABORT_LOCAL_SYSTEM_PROBLEM);
        pair_end(&p);

        pair_open(&p, initiator_parameters(contexts[i]), responder_parameters());
        osi_association_abort(p.responder.a, OSI_ABORT_TEMPORARY_PROBLEM, "the disk is full");
        pair_run(&p);
        assert_int_equal(p.initiator.cause.end, OSI_END_PROVIDER_ABORT);
        assert_int_equal(p.initiator.cause.layer, OSI_LAYER_RTSE);
        assert_int_equal(p.initiator.cause.code, OSI_ABORT_TEMPORARY_PROBLEM);
        pair_end(&p);
    }
}

static void test_receiver_rejects(void **state) {
    (void)state;
    for (int again = 0; again < 2; again++)
        for (unsigned i = 0; i < 3; i++) {
            struct pair p;
            pair_begin(&p, initiator_parameters(contexts[i]), responder_parameters());
            p.responder.manual_confirm = true;
            pair_run(&p);
            struct span apdu = test_apdu(3000);
            struct osi_activity activity;
            end_start(&p.initiator, apdu, &activity);
            pair_run(&p);
            assert_int_equal(end_last(&p.responder)->type, OSI_EVENT_TRANSFER_END);
            assert_true(osi_rt_transfer_reject(p.responder.a, again, p.now));
            pair_run(&p);
            const struct osi_event *event = end_last(&p.initiator);
            assert_int_equal(event->type, OSI_EVENT_TRANSFER_REFUSED);
            assert_int_equal(event->u.refused.what, again ? OSI_REFUSAL_INTERRUPTED : OSI_REFUSAL_DISCARDED);
            /* No checkpoint was confirmed: on the wire it is a discard in both cases. */
            assert_int_equal(end_last(&p.responder)->type, OSI_EVENT_TRANSFER_DISCARDED);
            p.responder.manual_confirm = false;
            assert_transfer(&p, &p.initiator, &p.responder, 10);
            free((void *)apdu.data);
            pair_end(&p);
        }
}

static void test_sender_discards(void **state) {
    (void)state;
    struct pair p;
    struct osi_parameters initiator = initiator_parameters(OSI_MTS_TRANSFER);
    initiator.checkpoint_size = 1;
    pair_begin(&p, initiator, responder_parameters());
    p.responder.no_checkpoint_confirm = true;
    pair_run(&p);
    struct span apdu = test_apdu(30000);
    struct osi_activity activity;
    end_start(&p.initiator, apdu, &activity);
    pair_run(&p);
    assert_true(osi_rt_transfer_discard(p.initiator.a, p.now));
    pair_run(&p);
    assert_int_equal(end_last(&p.responder)->type, OSI_EVENT_TRANSFER_DISCARDED);
    assert_int_equal(end_last(&p.initiator)->type, OSI_EVENT_TRANSFER_REFUSED);
    p.responder.no_checkpoint_confirm = false;
    assert_transfer(&p, &p.initiator, &p.responder, 3000);
    free((void *)apdu.data);
    pair_end(&p);
}

static void test_long_bind_overflows(void **state) {
    (void)state;
    static const size_t sizes[] = {600, 10000, 10300, 30000};
    for (unsigned i = 0; i < 4; i++) {
        uint8_t *bind = calloc(1, sizes[i] + 4);
        struct pair p;
        struct osi_parameters initiator = initiator_parameters(OSI_MTS_TRANSFER);
        memcpy(bind, (uint8_t[]){0x04, 0x82, (uint8_t)(sizes[i] >> 8), (uint8_t)sizes[i]}, 4);
        initiator.user_data = span_of(bind, sizes[i] + 4);
        pair_begin(&p, initiator, responder_parameters());
        p.responder.manual_open = true;
        pair_run(&p);
        assert_true(span_eq(p.responder.open.user_data, span_of(bind, sizes[i] + 4)));
        assert_true(osi_association_accept(p.responder.a, span_of(bind, sizes[i] + 4), p.now));
        pair_run(&p);
        assert_int_equal(end_last(&p.initiator)->type, OSI_EVENT_OPEN_CONFIRM);
        pair_end(&p);
        free(bind);
    }
}

static void test_timeouts(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, initiator_parameters(OSI_MTS_TRANSFER), responder_parameters());
    assert_int_equal(osi_association_deadline(p.responder.a), p.now + 60000000);
    osi_association_timeout(p.responder.a, p.now + 59000000);
    assert_false(osi_association_is_over(p.responder.a));
    osi_association_timeout(p.responder.a, p.now + 60000000);
    end_events(&p.responder);
    assert_int_equal(p.responder.cause.end, OSI_END_TIMEOUT);
    pair_end(&p);

    pair_begin(&p, initiator_parameters(OSI_MTS_TRANSFER), responder_parameters());
    p.responder.manual_confirm = true;
    pair_run(&p);
    assert_int_equal(osi_association_deadline(p.initiator.a), INT64_MAX);
    struct osi_activity activity;
    end_start(&p.initiator, SPAN_LIT("x"), &activity);
    pair_run(&p);
    assert_int_equal(osi_association_deadline(p.initiator.a), p.now + 300000000);
    assert_int_equal(osi_association_deadline(p.responder.a), INT64_MAX);
    osi_association_timeout(p.initiator.a, p.now + 300000000);
    pair_run(&p);
    assert_int_equal(p.initiator.cause.end, OSI_END_TIMEOUT);
    assert_int_equal(p.responder.cause.code, OSI_ABORT_TEMPORARY_PROBLEM);
    pair_end(&p);
}

static void test_idle_memory(void **state) {
    (void)state;
    struct pair p;
    pair_open(&p, initiator_parameters(OSI_MTS_TRANSFER), responder_parameters());
    assert_transfer(&p, &p.initiator, &p.responder, 1000000);
    assert_in_range(osi_association_memory(p.initiator.a), 1, 24 * 1024);
    assert_in_range(osi_association_memory(p.responder.a), 1, 24 * 1024);
    pair_end(&p);
}

static void test_parameters_are_checked(void **state) {
    (void)state;
    struct error err;
    struct osi_parameters p = initiator_parameters(OSI_MTS_TRANSFER | OSI_MTS_TRANSFER_PROTOCOL);
    assert_null(osi_association_new(&p, 0, &err));
    p = initiator_parameters(OSI_MTS_TRANSFER);
    p.tpdu_size = 127;
    assert_null(osi_association_new(&p, 0, &err));
    p = initiator_parameters(OSI_MTS_TRANSFER);
    p.id.calling = (struct span){0};
    assert_null(osi_association_new(&p, 0, &err));
    p = initiator_parameters(OSI_MTS_TRANSFER);
    p.called.t = SPAN_LIT("123456789012345678901234567890123");
    assert_null(osi_association_new(&p, 0, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_and_close),
        cmocka_unit_test(test_session_version_1),
        cmocka_unit_test(test_identifiers_reach_the_responder),
        cmocka_unit_test(test_transfers),
        cmocka_unit_test(test_transfers_octet_by_octet),
        cmocka_unit_test(test_small_units),
        cmocka_unit_test(test_without_checkpoints),
        cmocka_unit_test(test_without_checkpoints_the_output_is_bounded),
        cmocka_unit_test(test_owner_hands_over_crumbs),
        cmocka_unit_test(test_checkpoint_negotiation),
        cmocka_unit_test(test_window_stops_the_sender),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_refusals_name_layer_and_parameter),
        cmocka_unit_test(test_several_addresses_are_listened_at),
        cmocka_unit_test(test_dialogue_mode_is_refused),
        cmocka_unit_test(test_wrong_protocol_in_x410_mode),
        cmocka_unit_test(test_turn),
        cmocka_unit_test(test_responder_has_first_turn),
        cmocka_unit_test(test_aborts),
        cmocka_unit_test(test_receiver_rejects),
        cmocka_unit_test(test_sender_discards),
        cmocka_unit_test(test_long_bind_overflows),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_idle_memory),
        cmocka_unit_test(test_parameters_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
