/* What net processes say to each other, and to their store processes. */
#include "stage.h"

/* ---- the plays ---- */

static void small_message(enum osi_context context) {
    struct stage *stage = new_stage(context);
    uint64_t a, b;
    open_association(stage, &a, &b);
    for (int i = 0; i < 20; i++) {
        send_begin(&stage->a, a, SMALL_PREFIX, 3, SPAN_LIT("abc"));
        struct frame *frame = expect(stage, &stage->b, IPC_TRANSFER_WHOLE);
        assert_int_equal(frame->ref, b);
        struct reader r = reader_of(buf_span(&frame->payload));
        assert_int_equal(reader_u32(&r), i + 1);
        assert_int_equal(reader_u8(&r), IPC_APDU_MESSAGE);
        payload_octets(&r);
        assert_true(span_eq(payload_octets(&r), SPAN_LIT("\x31\x02\x05\x00")));
        assert_true(span_eq(payload_rest(&r), SPAN_LIT("abc")));
        /* Nothing is confirmed before the store process says so. */
        for (int turns = 0; turns < 50; turns++)
            turn(stage);
        assert_int_equal(stage->a.count, 0);
        transfer_result(&stage->b, b, IPC_ACCEPTED);
        assert_int_equal(sent(stage, a), IPC_SENT);
    }
    end_stage(stage);
}

static void a_small_message_crosses(void **state) {
    (void)state;
    small_message(OSI_MTS_TRANSFER);
    small_message(OSI_MTS_TRANSFER_PROTOCOL);
    small_message(OSI_MTS_TRANSFER_PROTOCOL_1984);
}

/* Answers A's reads with a pattern and B's checkpoints with their confirmation, until B has all of it. */
static void play_large(struct stage *stage, uint64_t b, uint64_t length) {
    uint64_t got = 0;
    bool begun = false;
    static uint8_t pattern[IPC_CHUNK];
    memset(pattern, 'x', sizeof pattern);
    for (;;) {
        while (stage->a.count == 0 && stage->b.count == 0)
            turn(stage);
        if (stage->a.count > 0) {
            struct frame *frame = &stage->a.frames[stage->a.first % FRAMES];
            if (frame->type == IPC_SEND_CHECKPOINT) {
                expect(stage, &stage->a, IPC_SEND_CHECKPOINT);
                continue;
            }
            expect(stage, &stage->a, IPC_SEND_READ);
            struct reader r = reader_of(buf_span(&frame->payload));
            struct buf payload;
            buf_init(&payload, 0);
            buf_append_u64(&payload, reader_u64(&r));
            buf_append(&payload, pattern, reader_u32(&r));
            say(&stage->a, IPC_SEND_DATA, frame->ref, &payload);
        } else {
            struct frame *frame = &stage->b.frames[stage->b.first++ % FRAMES];
            stage->b.count--;
            begun = begun || frame->type == IPC_TRANSFER_BEGIN;
            assert_true(begun);
            if (frame->type == IPC_TRANSFER_CONTENT)
                got += frame->payload.len;
            if (frame->type == IPC_TRANSFER_CHECKPOINT) {
                struct reader r = reader_of(buf_span(&frame->payload));
                struct buf payload;
                buf_init(&payload, 0);
                buf_append_u32(&payload, stage->b.transfer);
                buf_append_u32(&payload, reader_u32(&r));
                say(&stage->b, IPC_TRANSFER_CHECKPOINT_DONE, b, &payload);
            }
            if (frame->type == IPC_TRANSFER_END)
                break;
        }
    }
    assert_int_equal(got, length);
}

static void a_large_message_crosses_in_pieces(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    uint64_t a, b, length = 3000000;
    open_association(stage, &a, &b);
    struct buf prefix;
    buf_init(&prefix, 0);
    buf_append_span(&prefix, SPAN_LIT("\xA0\x84"));
    buf_append_u32(&prefix, (uint32_t)(4 + 6 + length));
    buf_append_span(&prefix, SPAN_LIT("\x31\x02\x05\x00\x04\x84"));
    buf_append_u32(&prefix, (uint32_t)length);
    send_begin(&stage->a, a, buf_span(&prefix), length, SPAN_LIT(""));
    buf_free(&prefix);
    play_large(stage, b, length);
    transfer_result(&stage->b, b, IPC_ACCEPTED);
    struct frame *frame;
    do {
        while (stage->a.count == 0)
            turn(stage);
        frame = &stage->a.frames[stage->a.first++ % FRAMES];
        stage->a.count--;
    } while (frame->type == IPC_SEND_CHECKPOINT);
    assert_int_equal(frame->type, IPC_SEND_RESULT);
    assert_int_equal(frame->payload.data[0], IPC_SENT);
    end_stage(stage);
}

/* ---- checkpoints of a short message ---- */

static void send_filled(struct stage *stage, uint64_t a, size_t content) {
    static uint8_t octets[10000];
    struct buf prefix;
    put_prefix(&prefix, 300, content);
    send_begin(&stage->a, a, buf_span(&prefix), content, span_of(octets, content));
    buf_free(&prefix);
}

static uint32_t confirm_checkpoint(struct stage *stage, uint64_t b) {
    struct frame *frame = expect(stage, &stage->b, IPC_TRANSFER_CHECKPOINT);
    struct reader r = reader_of(buf_span(&frame->payload));
    uint32_t serial = reader_u32(&r);
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_u32(&payload, stage->b.transfer);
    buf_append_u32(&payload, serial);
    say(&stage->b, IPC_TRANSFER_CHECKPOINT_DONE, b, &payload);
    return serial;
}

/* Two checkpoints are within the window, so the end of the activity confirms them; with the third the sender
 * waits. */
static void the_end_confirms_the_checkpoints_of_a_short_message(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    uint64_t a, b;
    checkpoints_each_kib(stage, &a, &b);
    send_filled(stage, a, 2000);
    struct frame *frame = expect(stage, &stage->b, IPC_TRANSFER_WHOLE);
    assert_true(frame->payload.len > 2300);
    transfer_result(&stage->b, b, IPC_ACCEPTED);
    assert_int_equal(sent(stage, a), IPC_SENT);
    send_filled(stage, a, 3200);
    expect(stage, &stage->b, IPC_TRANSFER_BEGIN);
    expect(stage, &stage->b, IPC_TRANSFER_ENVELOPE);
    expect(stage, &stage->b, IPC_TRANSFER_CONTENT);
    confirm_checkpoint(stage, b);
    frame = expect(stage, &stage->a, IPC_SEND_CHECKPOINT);
    struct reader r = reader_of(buf_span(&frame->payload));
    assert_int_equal(reader_u32(&r), 3); /* it confirms those before it too */
    expect(stage, &stage->b, IPC_TRANSFER_CONTENT);
    expect(stage, &stage->b, IPC_TRANSFER_END);
    transfer_result(&stage->b, b, IPC_ACCEPTED);
    assert_int_equal(sent(stage, a), IPC_SENT);
    end_stage(stage);
}

/* The octets of the envelope in the next frame. */
static size_t envelope_part(struct stage *stage, enum ipc_apdu kind) {
    struct frame *frame = expect(stage, &stage->b, IPC_TRANSFER_ENVELOPE);
    struct reader r = reader_of(buf_span(&frame->payload));
    assert_int_equal(reader_u8(&r), kind);
    return reader_left(&r);
}

static void a_checkpoint_that_no_end_follows_is_confirmed(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    uint64_t a, b;
    static uint8_t octets[300];
    struct buf prefix, payload;
    checkpoints_each_kib(stage, &a, &b);
    put_prefix(&prefix, 1500, sizeof octets);
    send_begin(&stage->a, a, buf_span(&prefix), sizeof octets, SPAN_LIT(""));
    buf_free(&prefix);
    expect(stage, &stage->a, IPC_SEND_READ); /* not answered: the transfer stops after its first checkpoint */
    expect(stage, &stage->b, IPC_TRANSFER_BEGIN);
    /* What came of the envelope goes before its checkpoint, and only once. */
    size_t first = envelope_part(stage, IPC_APDU_PARTIAL);
    assert_in_range(first, 900, 1023);
    confirm_checkpoint(stage, b);
    expect(stage, &stage->a, IPC_SEND_CHECKPOINT);
    buf_init(&payload, 0);
    buf_append_u64(&payload, 0);
    buf_append(&payload, octets, sizeof octets);
    say(&stage->a, IPC_SEND_DATA, a, &payload);
    assert_int_equal(first + envelope_part(stage, IPC_APDU_MESSAGE), 1504);
    expect(stage, &stage->b, IPC_TRANSFER_CONTENT);
    expect(stage, &stage->b, IPC_TRANSFER_END);
    transfer_result(&stage->b, b, IPC_ACCEPTED);
    assert_int_equal(sent(stage, a), IPC_SENT);
    end_stage(stage);
}

/* ---- refusals ---- */

static void a_temporary_refusal_comes_back(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    uint64_t a, b;
    open_association(stage, &a, &b);
    send_begin(&stage->a, a, SMALL_PREFIX, 3, SPAN_LIT("abc"));
    expect(stage, &stage->b, IPC_TRANSFER_WHOLE);
    transfer_result(&stage->b, b, IPC_REFUSED_TEMPORARILY);
    assert_int_equal(sent(stage, a), IPC_SENT_DEFERRED);
    /* The association is as good as before. */
    send_begin(&stage->a, a, SMALL_PREFIX, 3, SPAN_LIT("abc"));
    expect(stage, &stage->b, IPC_TRANSFER_WHOLE);
    transfer_result(&stage->b, b, IPC_ACCEPTED);
    assert_int_equal(sent(stage, a), IPC_SENT);
    end_stage(stage);
}

/* A peer may have given up the transfer that the answer is for, and have begun another. */
static void an_answer_for_another_transfer_is_passed_over(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    uint64_t a, b;
    open_association(stage, &a, &b);
    send_begin(&stage->a, a, SMALL_PREFIX, 3, SPAN_LIT("abc"));
    expect(stage, &stage->b, IPC_TRANSFER_WHOLE);
    stage->b.transfer--;
    transfer_result(&stage->b, b, IPC_ACCEPTED);
    stage->b.transfer++;
    transfer_result(&stage->b, b, IPC_REFUSED_TEMPORARILY);
    assert_int_equal(sent(stage, a), IPC_SENT_DEFERRED);
    end_stage(stage);
}

static void a_cut_before_the_confirmation_leaves_a_doubt(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    uint64_t a, b;
    open_association(stage, &a, &b);
    send_begin(&stage->a, a, SMALL_PREFIX, 3, SPAN_LIT("abc"));
    expect(stage, &stage->b, IPC_TRANSFER_WHOLE);
    net_free(stage->b.net);
    stage->b.net = NULL;
    assert_int_equal(sent(stage, a), IPC_SENT_IN_DOUBT);
    expect(stage, &stage->a, IPC_ASSOCIATION_CLOSE);
    end_stage(stage);
}

static void failed(struct stage *stage, enum ipc_layer layer, const char *says) {
    struct frame *frame = expect(stage, &stage->a, IPC_CONNECT_FAILED);
    struct reader r = reader_of(buf_span(&frame->payload));
    assert_true(span_eq(payload_octets(&r), span_str("B")));
    assert_int_equal(reader_u8(&r), layer);
    struct span cause = payload_octets(&r);
    assert_non_null(memmem(cause.data, cause.len, says, strlen(says)));
}

/* B's store process knows better. */
static void a_refused_bind_is_a_failed_call(void **state) {
    static const struct {
        enum ipc_bind_verdict verdict;
        const char *says[2];
    } refusals[] = {
        {IPC_BIND_AUTHENTICATION_ERROR, {"authentication-error", "validationFailure"}},
        {IPC_BIND_UNACCEPTABLE_DIALOGUE_MODE, {"unacceptable-dialogue-mode", "unacceptableDialogueMode"}},
        {IPC_BIND_UNACCEPTABLE_SECURITY_CONTEXT, {"unacceptable-security-context", "validationFailure"}},
        {IPC_BIND_BUSY, {"busy", "rtsBusy"}}};
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        for (int x410 = 0; x410 < 2; x410++) {
            struct stage *stage = new_stage(x410 ? OSI_MTS_TRANSFER_PROTOCOL : OSI_MTS_TRANSFER);
            ask_connect(stage);
            refuse(&stage->b, bind_in(stage), refusals[i].verdict);
            failed(stage, x410 ? IPC_LAYER_RTSE : IPC_LAYER_BIND, refusals[i].says[x410]);
            assert_int_equal(stage->b.count, 0);
            end_stage(stage);
        }
}

/* A's store process does not know who answered. The bind was the answer to CONNECT, so nothing more is said.
 */
static void a_responder_must_prove_itself_too(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    struct ipc_bind bind;
    ask_connect(stage);
    admit(&stage->b, bind_in(stage), "A");
    refuse(&stage->a, bind_asked(stage, &stage->a, &bind), IPC_BIND_AUTHENTICATION_ERROR);
    expect(stage, &stage->b, IPC_ASSOCIATION_CLOSE);
    for (int turns = 0; turns < 50; turns++)
        turn(stage);
    assert_int_equal(stage->a.count, 0);
    end_stage(stage);
}

/* The association breaks while A's store process looks at the result: it hears of the end, once. */
static void a_break_before_the_verdict_is_told(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    struct ipc_bind bind;
    ask_connect(stage);
    admit(&stage->b, bind_in(stage), "A");
    uint64_t ref = bind_asked(stage, &stage->a, &bind);
    net_free(stage->b.net);
    stage->b.net = NULL;
    assert_int_equal(expect(stage, &stage->a, IPC_ASSOCIATION_CLOSE)->ref, ref);
    admit(&stage->a, ref, "B"); /* too late */
    for (int turns = 0; turns < 50; turns++)
        turn(stage);
    assert_int_equal(stage->a.count, 0);
    end_stage(stage);
}

static void ping_says(struct stage *stage, const char *says) {
    struct frame *frame = expect(stage, &stage->a, IPC_PING_RESULT);
    assert_int_equal(frame->ref, 7);
    assert_non_null(memmem(frame->payload.data, frame->payload.len, says, strlen(says)));
}

static void a_ping_asks_as_well(void **state) {
    (void)state;
    for (int known = 0; known < 2; known++) {
        struct stage *stage = new_stage(OSI_MTS_TRANSFER);
        struct ipc_bind bind;
        struct buf payload;
        buf_init(&payload, 0);
        payload_put_octets(&payload, span_str("B"));
        ipc_credentials_write(&of_a, &payload);
        say(&stage->a, IPC_PING, 7, &payload);
        admit(&stage->b, bind_in(stage), "A");
        uint64_t ref = bind_asked(stage, &stage->a, &bind);
        assert_int_equal(bind.direction, IPC_DIRECTION_PING);
        if (known)
            admit(&stage->a, ref, "B");
        else
            refuse(&stage->a, ref, IPC_BIND_AUTHENTICATION_ERROR);
        ping_says(stage, known ? "\"ok\": true" : "\"parameter\": \"responder-credentials\"");
        end_stage(stage);
    }
}

/* A peer that does not recover may say so with any bind error: it is none of names and passwords. */
static void a_refused_recovery_is_no_refused_bind(void **state) {
    (void)state;
    for (int x410 = 0; x410 < 4; x410++) {
        struct stage *stage = new_stage(x410 % 2 ? OSI_MTS_TRANSFER_PROTOCOL : OSI_MTS_TRANSFER);
        struct osi_connection_id id;
        struct ipc_bind bind;
        char calling[33], common[14];
        struct buf payload, recover;
        buf_init(&payload, 0);
        buf_init(&recover, 0);
        assert_true(connection_id_new(&id, calling, common) && connection_id_write(&id, &recover));
        payload_put_octets(&payload, span_str("B"));
        payload_put_octets(&payload, buf_span(&recover));
        ipc_credentials_write(&of_a, &payload);
        say(&stage->a, IPC_CONNECT, 0, &payload);
        uint64_t b = bind_asked(stage, &stage->b, &bind);
        assert_true(span_eq(bind.recover_id, buf_span(&recover)));
        assert_int_equal(bind.credentials.form, IPC_CREDENTIALS_NONE);
        refuse(&stage->b, b, x410 < 2 ? IPC_BIND_CANNOT_RECOVER : IPC_BIND_AUTHENTICATION_ERROR);
        failed(stage, IPC_LAYER_RTSE, "does not recover");
        buf_free(&recover);
        end_stage(stage);
    }
}

/* Octet by octet: after fifty a stranger's segments are gathered for the rest of the second. */
static void tiny_segments_are_gathered(void **state) {
    static const uint8_t octets[] = {3, 0, 0xF0, 0, 2, 0xF0, 0x80}; /* a TPDU that never gets whole */
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1, waiting = 0;
    const struct protocol_endpoint *b = &stage->b.listener.endpoint;
    assert_int_equal(connect(fd, (const struct sockaddr *)&b->address, b->length), 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    while (stage->b.net->connections == 0)
        turn(stage);
    struct connection *c = stage->b.net->slots[0].connection;
    for (unsigned i = 0; i < 200 && !c->read_after; i++) {
        assert_int_equal(send(fd, i < sizeof octets ? &octets[i] : (const uint8_t *)"x", 1, 0), 1);
        while (ioctl(c->fd, FIONREAD, &waiting) == 0 && waiting > 0)
            turn(stage);
    }
    assert_int_equal(c->segments, 50);
    assert_int_equal(send(fd, "yyyy", 4, 0), 4);
    for (unsigned turns = 0; turns < 20; turns++)
        turn(stage);
    assert_true(ioctl(c->fd, FIONREAD, &waiting) == 0 && (waiting == 4 || !c->read_after));
    while (waiting > 0) { /* and then they are read together */
        turn(stage);
        assert_int_equal(ioctl(c->fd, FIONREAD, &waiting), 0);
    }
    close(fd);
    end_stage(stage);
}

static void nobody_listens(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    net_free(stage->b.net);
    stage->b.net = NULL;
    ask_connect(stage);
    failed(stage, IPC_LAYER_TCP, "refused");
    end_stage(stage);
}

/* ---- names of hosts ---- */

static uint16_t port_of_b(const struct stage *stage) {
    return ntohs(((const struct sockaddr_in *)&stage->b.listener.endpoint.address)->sin_port);
}

static struct protocol_endpoint named(const struct stage *stage, const char *host) {
    return (struct protocol_endpoint){.host = host, .port = port_of_b(stage)};
}

static void each_address_of_a_name_is_tried(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    uint64_t a, b;
    stage->a.endpoint = named(stage, "two.test"); /* nobody listens at the first address */
    open_association(stage, &a, &b);
    assert_string_equal(slots_find(stage->a.net, a)->address, "127.0.0.1");
    end_stage(stage);
}

static void a_name_that_does_not_resolve_is_a_failed_call(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    stage->a.endpoint = named(stage, "nobody.test");
    ask_connect(stage);
    failed(stage, IPC_LAYER_NAME,
           "name resolution: the host name 'nobody.test' does not resolve: there is no such host");
    assert_int_equal(stage->a.net->connections, 0);
    /* The next endpoint is tried after it. */
    struct protocol_endpoint both[2] = {stage->a.endpoint, named(stage, "one.test")};
    stage->a.peer.endpoints = both;
    stage->a.peer.endpoint_count = 2;
    uint64_t a, b;
    open_association(stage, &a, &b);
    end_stage(stage);
}

static void a_refusing_host_is_named_with_its_address(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    net_free(stage->b.net);
    stage->b.net = NULL;
    stage->a.endpoint = named(stage, "one.test");
    ask_connect(stage);
    failed(stage, IPC_LAYER_TCP, "TCP connection to one.test (127.0.0.1) port ");
    end_stage(stage);
}

/* A name server that says nothing holds up nobody else, and a question under way may be given up. */
static void a_silent_name_server_holds_nobody_up(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    struct protocol_endpoint silent = named(stage, "silent.test");
    stage->a.peers[0] = stage->a.peers[1] = stage->a.peer;
    stage->a.peers[1].name = "SILENT";
    stage->a.peers[1].endpoints = &silent;
    stage->a.config.peers = stage->a.peers;
    stage->a.config.peer_count = 2;
    ask_connect_to(stage, "SILENT");
    uint64_t a, b;
    open_association(stage, &a, &b);
    assert_int_equal(stage->a.net->connections, 2); /* the other still waits for its name */
    end_stage(stage);
}

/* Tells B which names to resolve. */
static void resolve(struct stage *stage, uint64_t ref, const char *const *hosts) {
    struct buf names;
    buf_init(&names, 0);
    for (; *hosts; hosts++)
        payload_put_octets(&names, span_str(*hosts));
    answer_bind(&stage->b, ref,
                &(struct ipc_bind_answer){.verdict = IPC_BIND_RESOLVE, .hosts = buf_span(&names)});
    buf_free(&names);
}

/* B's store process wants to know which names are the caller's: it is told those that resolve to his address.
 */
static void names_are_resolved_for_the_store_process(void **state) {
    static const char *const hosts[] = {"nobody.test", "one.test", "elsewhere.test", "two.test", NULL};
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    struct ipc_bind bind;
    struct span host;
    ask_connect(stage);
    uint64_t b = bind_in(stage);
    resolve(stage, b, hosts);
    assert_int_equal(bind_asked(stage, &stage->b, &bind), b);
    assert_true(bind.resolved);
    assert_true(same_credentials(&bind.credentials, &of_a));
    assert_true(ipc_bind_host(&bind.hosts, &host) && span_eq(host, SPAN_LIT("one.test")));
    assert_true(ipc_bind_host(&bind.hosts, &host) && span_eq(host, SPAN_LIT("two.test")));
    assert_false(ipc_bind_host(&bind.hosts, &host));
    admit(&stage->b, b, "A");
    bind_asked(stage, &stage->a, &bind);
    end_stage(stage);
}

/* The caller gives up while its address is being asked for. */
static void a_caller_may_go_while_its_address_is_asked_for(void **state) {
    static const char *const hosts[] = {"silent.test", NULL};
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    ask_connect(stage);
    uint64_t b = bind_in(stage);
    const struct p1 *p1 = p1_of(slots_find(stage->b.net, b));
    for (int again = 0; again < 2; again++) {
        resolve(stage, b, hosts);
        while (!p1->question)
            turn(stage);
        if (again == 0) {
            admission_ask_again(p1_of(slots_find(stage->b.net, b))); /* as a reload does */
            assert_null(p1->question);
            assert_int_equal(bind_in(stage), b);
        }
    }
    net_free(stage->a.net);
    stage->a.net = NULL;
    for (int i = 0; i < 2000 && stage->b.net->connections > 0; i++)
        turn(stage);
    assert_int_equal(stage->b.count, 0); /* the store process knows of no association */
    end_stage(stage);
}

static void an_apdu_that_is_none_is_refused(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    uint64_t a, b;
    open_association(stage, &a, &b);
    send_begin(&stage->a, a, SPAN_LIT("\x30\x03\x02\x01\x05"), 0, SPAN_LIT(""));
    assert_int_equal(sent(stage, a), IPC_SENT_DEFERRED);
    assert_int_equal(stage->b.count, 0);
    end_stage(stage);
}

static void an_association_is_released(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    uint64_t a, b;
    open_association(stage, &a, &b);
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_byte(&payload, IPC_CLOSE_RELEASED);
    payload_put_octets(&payload, span_str("idle"));
    say(&stage->a, IPC_ASSOCIATION_CLOSE, a, &payload);
    assert_int_equal(expect(stage, &stage->a, IPC_ASSOCIATION_CLOSE)->payload.data[0], IPC_CLOSE_RELEASED);
    assert_int_equal(expect(stage, &stage->b, IPC_ASSOCIATION_CLOSE)->payload.data[0], IPC_CLOSE_RELEASED);
    assert_int_equal(stage->a.net->connections, 0);
    assert_int_equal(stage->b.net->connections, 0);
    end_stage(stage);
}

/* A host that dies without a word is found out by TCP, on either side. */
static void dead_hosts_are_found_out(void **state) {
    (void)state;
    struct stage *stage = new_stage(OSI_MTS_TRANSFER);
    uint64_t refs[2];
    open_association(stage, &refs[0], &refs[1]);
    int fds[2] = {slots_find(stage->a.net, refs[0])->fd, slots_find(stage->b.net, refs[1])->fd};
    for (int i = 0; i < 2; i++) {
        int on = 0, idle = 0, interval = 0, count = 0;
        socklen_t length = sizeof on;
        assert_int_equal(getsockopt(fds[i], SOL_SOCKET, SO_KEEPALIVE, &on, &length), 0);
        assert_int_equal(getsockopt(fds[i], IPPROTO_TCP, TCP_KEEPIDLE, &idle, &length), 0);
        assert_int_equal(getsockopt(fds[i], IPPROTO_TCP, TCP_KEEPINTVL, &interval, &length), 0);
        assert_int_equal(getsockopt(fds[i], IPPROTO_TCP, TCP_KEEPCNT, &count, &length), 0);
        assert_true(on);
        assert_in_range(idle + interval * count, 1, 120);
    }
    end_stage(stage);
}

/* ---- the store process is gone ---- */

/* A net process whose store process has just ended; what the loop holds is not worked on yet. */
static struct net *bereaved(struct event_base *loop, const struct protocol_config *config) {
    int pair[2];
    const char *server = "127.0.0.1:9";
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct net_descriptors descriptors = {
        .store = pair[0], .parent = -1, .resolver = resolver_new(loop, &server, 1)};
    struct net *net = net_new(loop, config, NULL, &descriptors);
    assert_non_null(net);
    close(pair[1]);
    return net;
}

/* At a stop the store process may end before this one has seen the order: no failure, if the order comes. */
static void the_order_to_stop_may_be_seen_after_the_stores_end(void **state) {
    static const struct protocol_config config = {.envelope_octets = 1 << 20, NUMBERS_OF_PROTOCOL};
    (void)state;
    for (int ordered = 0; ordered < 2; ordered++) {
        struct event_base *loop = event_base_new();
        struct net *net = bereaved(loop, &config);
        int64_t begun = clock_monotonic_us();
        bool left = false;
        for (int turns = 0; turns < 10 && !left; turns++) {
            usleep(1000);
            event_base_loop(loop, EVLOOP_NONBLOCK);
            left = event_base_got_exit(loop);
        }
        assert_null(net->store);
        assert_true(!left || clock_monotonic_us() - begun > 200000);
        if (ordered)
            net_stop(net);
        event_base_dispatch(loop);
        assert_int_equal(net->status, !ordered);
        net_free(net);
        event_base_free(loop);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_message_crosses),
        cmocka_unit_test(a_large_message_crosses_in_pieces),
        cmocka_unit_test(the_end_confirms_the_checkpoints_of_a_short_message),
        cmocka_unit_test(a_checkpoint_that_no_end_follows_is_confirmed),
        cmocka_unit_test(a_temporary_refusal_comes_back),
        cmocka_unit_test(an_answer_for_another_transfer_is_passed_over),
        cmocka_unit_test(a_cut_before_the_confirmation_leaves_a_doubt),
        cmocka_unit_test(a_refused_bind_is_a_failed_call),
        cmocka_unit_test(a_responder_must_prove_itself_too),
        cmocka_unit_test(a_break_before_the_verdict_is_told),
        cmocka_unit_test(a_ping_asks_as_well),
        cmocka_unit_test(a_refused_recovery_is_no_refused_bind),
        cmocka_unit_test(tiny_segments_are_gathered),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(each_address_of_a_name_is_tried),
        cmocka_unit_test(a_name_that_does_not_resolve_is_a_failed_call),
        cmocka_unit_test(a_refusing_host_is_named_with_its_address),
        cmocka_unit_test(a_silent_name_server_holds_nobody_up),
        cmocka_unit_test(names_are_resolved_for_the_store_process),
        cmocka_unit_test(a_caller_may_go_while_its_address_is_asked_for),
        cmocka_unit_test(an_apdu_that_is_none_is_refused),
        cmocka_unit_test(an_association_is_released),
        cmocka_unit_test(dead_hosts_are_found_out),
        cmocka_unit_test(the_order_to_stop_may_be_seen_after_the_stores_end),
    };
    return cmocka_run_group_tests_name("protocol-net", tests, NULL, NULL);
}
