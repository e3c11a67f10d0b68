/* Transfers in pieces, their checkpoints and resumes, in and out; and local submission. */
#include "world.h"

#define PIECE  ((size_t)IPC_WHOLE_MAX / 2)
#define LENGTH (4 * PIECE)

static uint8_t content[LENGTH];

static void piece(struct world *world, uint64_t ref, size_t number) {
    tell(world, IPC_TRANSFER_CONTENT, ref, span_of(content + number * PIECE, PIECE), NOTHING);
}

static void expect_read(struct world *world, uint64_t ref, uint64_t offset, uint32_t length) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_u64(&payload, offset);
    buf_append_u32(&payload, length);
    tell(world, IPC_SEND_READ, ref, buf_span(&payload), NOTHING);
    buf_free(&payload);
    struct reader r = expect(world, IPC_SEND_DATA, ref);
    assert_int_equal(reader_u64(&r), offset);
    assert_true(span_eq(payload_rest(&r), span_of(content + offset, length)));
}

static void begin_with_envelope(struct world *world, uint64_t ref) {
    say_transfer(world, ref, "\2\1\1");
    tell(world, IPC_TRANSFER_ENVELOPE, ref, SPAN_LIT("\1"), envelope_to(world, WANTS_NDN, FRANK, NULL));
}

static void comes_in_pieces(struct world *world) {
    begin_with_envelope(world, 1);
    for (size_t i = 0; i < 4; i++)
        piece(world, 1, i);
    tell(world, IPC_TRANSFER_END, 1, NOTHING, NOTHING);
    assert_int_equal(result_of(world, 1), IPC_ACCEPTED);
}

static void test_pieces(void **state) {
    struct world world;
    (void)state;
    begin_with_beta(&world);
    comes_in_pieces(&world);
    struct outgoing out = sets_out(&world, 2, "gamma");
    assert_int_equal(out.content_length, LENGTH);
    assert_int_equal(out.content.len, 0);
    expect_read(&world, 2, 0, PIECE);
    expect_read(&world, 2, LENGTH - 100, 100);
    sent(&world, 2, IPC_SENT);
    client(&world, 1, 0);
    expect_drained(&world);
    world_end(&world);
}

/* A stop takes what was under way when the net process heard of it, and refuses what begins after that. */
static void test_stop(void **state) {
    struct world world;
    (void)state;
    begin_with_beta(&world);
    associate(&world, 2, "beta");
    put(world.parent, IPC_STOP, 0, NOTHING, NOTHING);
    expect_none(&world, IPC_ASSOCIATION_CLOSE); /* it is not known yet what is under way */
    begin_with_envelope(&world, 1);
    piece(&world, 1, 0);
    say_stopping(world.net);
    send_whole(&world, 2, envelope_to(&world, WANTS_NDN, FRANK, NULL), SPAN_LIT("late"));
    assert_int_equal(result_of(&world, 2), IPC_REFUSED_TEMPORARILY);
    for (size_t i = 1; i < 4; i++)
        piece(&world, 1, i);
    tell(&world, IPC_TRANSFER_END, 1, NOTHING, NOTHING);
    assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
    int status = world_wait(&world);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    world_end(&world);
}

/* Beta's association 1 has sent the envelope and a piece of a message, to a checkpoint. */
static void begin_at_checkpoint(struct world *world) {
    begin_with_beta(world);
    begin_with_envelope(world, 1);
    piece(world, 1, 0);
    say_checkpoint(world, 1, 1, 1000 + PIECE, "one");
    expect_checkpoint(world, 1, 1);
}

/* Cut after two checkpoints, both ends restarted; the sender knows of the first only. */
static void test_resume_in(void **state) {
    struct world world;
    (void)state;
    begin_at_checkpoint(&world);
    piece(&world, 1, 1);
    say_checkpoint(&world, 1, 2, 1000 + 2 * PIECE, "two");
    expect_checkpoint(&world, 1, 2);
    piece(&world, 1, 2);
    world_anew(&world);
    associate(&world, 5, "beta");
    struct reader r = say_resume(&world, 5, "in-1", "\2\1\5", 1);
    assert_int_equal(reader_u8(&r), IPC_RESUME_UNKNOWN_ACTIVITY);
    r = say_resume(&world, 5, "in-1", "\2\1\1", 1);
    assert_int_equal(reader_u8(&r), IPC_RESUME_FROM);
    assert_int_equal(reader_u32(&r), 1);
    assert_int_equal(reader_u64(&r), 1000 + PIECE);
    assert_true(span_eq(payload_octets(&r), SPAN_LIT("one")));
    assert_int_equal(payload_rest(&r).len, 0);
    for (size_t i = 1; i < 4; i++)
        piece(&world, 5, i);
    tell(&world, IPC_TRANSFER_END, 5, NOTHING, NOTHING);
    assert_int_equal(result_of(&world, 5), IPC_ACCEPTED);
    sets_out(&world, 6, "gamma");
    for (size_t i = 0; i < 4; i++)
        expect_read(&world, 6, i * PIECE, PIECE);
    r = say_resume(&world, 5, "in-1", "\2\1\1", 2);
    assert_int_equal(reader_u8(&r), IPC_RESUME_COMPLETED);
    sent(&world, 6, IPC_SENT);
    world_end(&world);
}

#define CROWD 4000

/* The envelope of a message to `CROWD` recipients: too long to stand in the state of an activity. */
static struct span crowded_envelope(struct world *world) {
    struct span octets = envelope_to(world, WANTS_NDN, FRANK, NULL), crowded;
    struct ber_error error = {0};
    struct x411_MessageTransferEnvelope envelope = {0};
    assert_true(
        ber_decode(&x411_MessageTransferEnvelope_type, octets, &world->arena, NULL, &envelope, &error));
    struct x411_PerRecipientMessageTransferFields *fields =
        arena_alloc(&world->arena, CROWD * sizeof *fields);
    for (size_t i = 0; i < CROWD; i++) {
        fields[i] = envelope.per_recipient_fields.items[0];
        fields[i].originally_specified_recipient_number = (int64_t)i + 1;
    }
    envelope.raw = (struct span){NULL, 0}; /* it is another now */
    envelope.per_recipient_fields.items = fields;
    envelope.per_recipient_fields.count = CROWD;
    assert_true(
        ber_encode_arena(&x411_MessageTransferEnvelope_type, &envelope, &world->arena, &crowded, &error));
    assert_true(crowded.len > 64 * 1024);
    return crowded;
}

static void envelope_part(struct world *world, uint64_t ref, enum ipc_apdu kind, struct span octets) {
    uint8_t octet = (uint8_t)kind;
    tell(world, IPC_TRANSFER_ENVELOPE, ref, span_of(&octet, 1), octets);
}

static void expect_resumed(struct world *world, uint64_t ref, uint32_t serial, struct span collected) {
    struct reader r = say_resume(world, ref, "in-1", "\2\1\1", serial);
    assert_int_equal(reader_u8(&r), IPC_RESUME_FROM);
    assert_int_equal(reader_u32(&r), serial);
    reader_u64(&r);
    payload_octets(&r);
    assert_true(span_eq(payload_rest(&r), collected));
}

/* A long envelope is cut twice, and its content once; the sender goes back as it likes. */
static void test_resume_long_envelope(void **state) {
    struct world world;
    const size_t part = 20000;
    (void)state;
    world_begin(&world);
    struct span envelope = crowded_envelope(&world);
    struct buf kept; /* the world's memory goes with it */
    buf_init(&kept, 0);
    assert_true(buf_append_span(&kept, envelope));
    envelope = buf_span(&kept);
    associate(&world, 1, "beta");
    say_transfer(&world, 1, "\2\1\1");
    for (uint32_t i = 1; i <= 3; i++) {
        envelope_part(&world, 1, IPC_APDU_PARTIAL, span_sub(envelope, (i - 1) * part, part));
        say_checkpoint(&world, 1, i, 4 + i * part, "head");
        expect_checkpoint(&world, 1, i);
    }
    world_anew(&world);
    associate(&world, 2, "beta");
    expect_resumed(&world, 2, 2, span_sub(envelope, 0, 2 * part));
    envelope_part(&world, 2, IPC_APDU_PARTIAL, span_sub(envelope, 2 * part, part));
    say_checkpoint(&world, 2, 3, 4 + 3 * part, "head");
    expect_checkpoint(&world, 2, 3);
    tell(&world, IPC_TRANSFER_STOP, 2, SPAN_LIT("\1"), NOTHING);
    expect_resumed(&world, 2, 3, span_sub(envelope, 0, 3 * part));
    envelope_part(&world, 2, IPC_APDU_MESSAGE, span_sub(envelope, 3 * part, envelope.len));
    piece(&world, 2, 0);
    say_checkpoint(&world, 2, 4, 8 + envelope.len + PIECE, "content");
    expect_checkpoint(&world, 2, 4);
    world_anew(&world);
    associate(&world, 3, "beta");
    expect_resumed(&world, 3, 4, NOTHING);
    for (size_t i = 1; i < 4; i++)
        piece(&world, 3, i);
    tell(&world, IPC_TRANSFER_END, 3, NOTHING, NOTHING);
    assert_int_equal(result_of(&world, 3), IPC_ACCEPTED);
    struct outgoing out = sets_out(&world, 4, "gamma");
    assert_int_equal(out.content_length, LENGTH);
    assert_true(out.prefix.len > envelope.len);
    sent(&world, 4, IPC_SENT);
    buf_free(&kept);
    world_end(&world);
}

/* RT-RECOVER: only for what broke, from the same address; the half-open association is fenced. */
static void test_recover(void **state) {
    struct world world;
    (void)state;
    begin_at_checkpoint(&world);
    announce(&world, 2, false, "", "in-2", "in-77");
    assert_int_equal(admission(&world, 2), IPC_BIND_CANNOT_RECOVER);
    announce(&world, 3, false, "", "in-3", "in-1");
    expect(&world, IPC_ASSOCIATION_CLOSE, 1);
    struct ipc_bind_answer answer = bind_answer(&world, 3);
    assert_int_equal(answer.verdict, IPC_BIND_ADMITTED);
    assert_true(span_eq(answer.peer, SPAN_LIT("beta")));
    assert_int_equal(answer.credentials.form,
                     IPC_CREDENTIALS_NONE); /* who knows an association is not shown more */
    struct reader r = say_resume(&world, 3, "in-1", "\2\1\1", 1);
    assert_int_equal(reader_u8(&r), IPC_RESUME_FROM);
    tell(&world, IPC_TRANSFER_STOP, 3, SPAN_LIT("\0"), NOTHING);
    r = say_resume(&world, 3, "in-1", "\2\1\1", 1);
    assert_int_equal(reader_u8(&r), IPC_RESUME_UNKNOWN_ACTIVITY);
    world_end(&world);
}

static void test_resume_out(void **state) {
    struct world world;
    (void)state;
    begin_with_beta(&world);
    comes_in_pieces(&world);
    sets_out(&world, 2, "gamma");
    confirm_checkpoint(&world, 2, 3, 150000);
    expect_committed(&world);
    world_anew(&world);
    struct reader r = expect(&world, IPC_CONNECT, 0);
    payload_octets(&r);
    assert_true(span_eq(payload_octets(&r), SPAN_LIT("out-2")));
    announce(&world, 9, true, "gamma", "out-9", "");
    struct outgoing out = outgoing_of(&world, 9);
    assert_int_equal(out.start, 150000);
    assert_int_equal(out.serial, 3);
    assert_true(span_eq(out.old_association, SPAN_LIT("out-2")));
    assert_true(span_eq(out.old_activity, SPAN_LIT("\2\1\7")));
    sent(&world, 9, IPC_SENT);
    client(&world, 1, 0);
    expect_drained(&world);
    world_end(&world);
}

/* ---- submission ---- */

static struct span submission_from(struct world *world, const char *originator, const char *recipient) {
    struct x411p3_MessageSubmissionEnvelope envelope = {0};
    struct x411p3_PerRecipientMessageSubmissionFields field = {0};
    static const uint8_t report = 0x08; /* non-delivery-report(4) */
    struct ber_error error = {0};
    struct span octets;
    envelope.originator_name = name_of(world, originator);
    envelope.content_type.choice = x411_ContentType_built_in;
    envelope.content_type.u.built_in = 22;
    field.recipient_name = name_of(world, recipient);
    field.originator_report_request = (struct ber_bits){span_of(&report, 1), 3};
    envelope.per_recipient_fields.items = &field;
    envelope.per_recipient_fields.count = 1;
    if (!ber_encode_arena(&x411p3_MessageSubmissionEnvelope_type, &envelope, &world->arena, &octets, &error))
        fail_msg("%s", error.text);
    return octets;
}

/* A recipient whose organization is one character over ub-organization-name-length, 64. */
static struct span submission_over_bounds(struct world *world) {
    static char organization[65];
    struct x411p3_MessageSubmissionEnvelope envelope;
    struct ber_limits relaxed = {.relax_bounds = true};
    struct span octets = submission_from(world, JONES, FRANK);
    assert_true(
        ber_decode(&x411p3_MessageSubmissionEnvelope_type, octets, &world->arena, &relaxed, &envelope, NULL));
    struct x411_ORName *name = &envelope.per_recipient_fields.items[0].recipient_name;
    memset(organization, 'o', sizeof organization);
    ber_forget_raw(&x411p3_MessageSubmissionEnvelope_type, &envelope);
    name->built_in_standard_attributes.organization_name = span_of(organization, sizeof organization);
    assert_true(
        ber_encode_arena(&x411p3_MessageSubmissionEnvelope_type, &envelope, &world->arena, &octets, NULL));
    return octets;
}

static void submit_begins(struct world *world, uint64_t ref, struct span envelope) {
    tell(world, IPC_SUBMIT_BEGIN, ref, SPAN_LIT("\1"), envelope);
    tell(world, IPC_SUBMIT_CONTENT, ref, span_of(content, PIECE), NOTHING);
    tell(world, IPC_SUBMIT_CONTENT, ref, span_of(content + PIECE, PIECE), NOTHING);
}

static struct reader submit_for(struct world *world, uint64_t ref, struct span envelope) {
    submit_begins(world, ref, envelope);
    tell(world, IPC_SUBMIT_END, ref, NOTHING, NOTHING);
    return expect(world, IPC_SUBMIT_RESULT, ref);
}

/* The end of the notification that an entry of JONES asked for: its error's code, "" when it was taken. */
static const char *notify_of(struct world *world, uint64_t ref, json_int_t entry) {
    struct buf payload;
    buf_init(&payload, 0);
    payload_put_octets(&payload, SPAN_LIT(JONES));
    buf_append_u64(&payload, (uint64_t)entry);
    tell(world, IPC_SUBMIT_END, ref, buf_span(&payload), NOTHING);
    buf_free(&payload);
    return error_of(world, ref);
}

static bool submit(struct world *world, uint64_t ref, struct span envelope) {
    struct reader r = submit_for(world, ref, envelope);
    return reader_u8(&r) == 1;
}

static void expect_fetch(struct world *world, const char *mailbox, uint64_t entry, uint64_t offset,
                         uint32_t length) {
    struct buf payload;
    buf_init(&payload, 0);
    payload_put_octets(&payload, span_str(mailbox));
    buf_append_u64(&payload, entry);
    buf_append_u64(&payload, offset);
    buf_append_u32(&payload, length);
    tell(world, IPC_FETCH, (uint64_t)1 << 32 | 8, buf_span(&payload), NOTHING);
    buf_free(&payload);
    struct reader r = expect(world, IPC_FETCH_DATA, (uint64_t)1 << 32 | 8);
    assert_int_equal(reader_u64(&r), offset);
    assert_int_equal(reader_u64(&r), 2 * PIECE);
    assert_true(span_eq(payload_rest(&r), span_of(content + offset, length)));
}

static json_int_t only_entry(struct world *world, const char *mailbox) {
    char request[200];
    snprintf(request, sizeof request, "{\"operation\":\"mailbox-list\",\"mailbox\":\"%s\"}", mailbox);
    json_t *answer = ask(world, request);
    assert_int_equal(json_array_size(json_object_get(answer, "entries")), 1);
    json_int_t entry = number_at(json_array_get(json_object_get(answer, "entries"), 0), "entry", NULL);
    json_decref(answer);
    return entry;
}

static void expect_error(struct world *world, const char *request, const char *code) {
    json_t *answer = ask(world, request);
    const char *got = json_string_value(json_object_get(json_object_get(answer, "error"), "code"));
    assert_string_equal(got ? got : "no error", code);
    json_decref(answer);
}

static void test_submission_over_bounds(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    client(&world, 1, 1001);
    struct reader r = submit_for(&world, (uint64_t)1 << 32 | 2, submission_over_bounds(&world));
    assert_int_equal(reader_u8(&r), 0);
    struct span octets = payload_rest(&r);
    json_t *answer = json_loadb((const char *)octets.data, octets.len, 0, NULL);
    json_t *error = json_object_get(answer, "error");
    assert_string_equal(json_string_value(json_object_get(error, "code")), "recipient-improperly-specified");
    assert_int_equal(json_array_size(json_object_get(error, "recipients")), 1);
    json_decref(answer);
    world_stop(&world);
    world.config.limits.relax_bounds = true;
    world_start(&world);
    client(&world, 1, 1001);
    assert_true(submit(&world, (uint64_t)1 << 32 | 2, submission_over_bounds(&world)));
    world_end(&world);
}

static bool is_notified(struct world *world) {
    json_t *answer = ask(world, "{\"operation\":\"mailbox-list\",\"mailbox\":\"" JONES "\"}");
    const json_t *entry = json_array_get(json_object_get(answer, "entries"), 0);
    bool notified = json_is_true(json_object_get(entry, "notified"));
    json_decref(answer);
    return notified;
}

/* The mark and the notification are one commit: neither is there without the other. */
static void test_notification(void **state) {
    struct world world;
    const uint64_t ref = (uint64_t)1 << 32 | 3;
    (void)state;
    world_begin(&world);
    client(&world, 1, 1001);
    assert_true(submit(&world, (uint64_t)1 << 32 | 2, submission_from(&world, JONES, JONES)));
    json_int_t entry = only_entry(&world, JONES);
    submit_begins(&world, ref, submission_from(&world, JONES, FRANK));
    world_anew(&world);
    client(&world, 1, 1001);
    assert_false(is_notified(&world));
    submit_begins(&world, ref, submission_from(&world, SMITH, FRANK));
    assert_string_equal(notify_of(&world, ref, entry), "originator-invalid");
    assert_false(is_notified(&world));
    submit_begins(&world, ref, submission_from(&world, JONES, FRANK));
    assert_string_equal(notify_of(&world, ref, entry + 1), "not-found");
    submit_begins(&world, ref, submission_from(&world, JONES, FRANK));
    assert_string_equal(notify_of(&world, ref, entry), "");
    world_anew(&world);
    client(&world, 1, 0);
    assert_true(is_notified(&world));
    submit_begins(&world, ref, submission_from(&world, JONES, FRANK));
    assert_string_equal(notify_of(&world, ref, entry), "wrong-state");
    json_t *answer = ask(&world, "{\"operation\":\"queue-list\"}");
    assert_int_equal(json_array_size(json_object_get(answer, "entries")), 1);
    json_decref(answer);
    world_end(&world);
}

static void test_submission(void **state) {
    struct world world;
    char request[300];
    (void)state;
    world_begin(&world);
    client(&world, 1, 1001);
    assert_true(submit(&world, (uint64_t)1 << 32 | 2, submission_from(&world, JONES, JONES)));
    assert_false(submit(&world, (uint64_t)1 << 32 | 3, submission_from(&world, SMITH, JONES)));
    json_int_t entry = only_entry(&world, JONES);
    expect_fetch(&world, JONES, (uint64_t)entry, PIECE - 10, 20);
    snprintf(request, sizeof request,
             "{\"operation\":\"mailbox-show\",\"mailbox\":\"" JONES "\",\"entry\":%lld}", (long long)entry);
    json_t *answer = ask(&world, request);
    assert_true(number_at(answer, "envelope-octets", NULL) > 0);
    json_decref(answer);
    expect_error(&world, "{\"operation\":\"mailbox-list\",\"mailbox\":\"" SMITH "\"}", "not-permitted");
    expect_error(&world, "{\"operation\":\"queue-list\"}", "not-permitted");
    expect_error(&world, "{\"operation\":\"mailbox-list\",\"mailbx\":\"" SMITH "\"}", "bad-request");
    expect_error(&world, "[]", "bad-request");
    expect_error(&world, "{", "bad-request");
    snprintf(request, sizeof request,
             "{\"operation\":\"mailbox-delete\",\"mailbox\":\"" JONES "\",\"entry\":%lld}", (long long)entry);
    answer = ask(&world, request);
    assert_int_equal(number_at(answer, "changed", NULL), 1);
    json_decref(answer);
    for (uint32_t uid = 1001; uid <= 1002; uid++) { /* the history is the submitter's, not another's */
        tell(&world, IPC_CLIENT_CLOSE, 1, NOTHING, NOTHING);
        client(&world, 1, uid);
        answer = ask(&world, "{\"operation\":\"track\",\"recent\":10}");
        assert_int_equal(json_array_size(json_object_get(answer, "messages")), uid == 1001);
        json_decref(answer);
    }
    world_end(&world);
}

static void test_operator(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    client(&world, 1, 0);
    assert_true(submit(&world, (uint64_t)1 << 32 | 2, submission_from(&world, JONES, FRANK)));
    json_t *answer = ask(&world, "{\"operation\":\"queue-hold\",\"all\":true,\"reason\":\"test\"}");
    assert_int_equal(number_at(answer, "changed", NULL), 1);
    json_decref(answer);
    connect_out(&world, 2, "gamma");
    expect_none(&world, IPC_SEND_BEGIN);
    world_anew(&world);
    client(&world, 1, 0);
    answer = ask(&world, "{\"operation\":\"queue-list\",\"state\":\"held\",\"originator\":\"" JONES "\"}");
    json_t *entry = json_array_get(json_object_get(answer, "entries"), 0);
    char request[200];
    snprintf(request, sizeof request, "{\"operation\":\"queue-show\",\"id\":%lld}",
             (long long)number_at(entry, "id", NULL));
    json_decref(answer);
    answer = ask(&world, request);
    assert_string_equal(json_string_value(json_array_get(json_object_get(answer, "recipient-list"), 0)),
                        FRANK);
    json_decref(answer);
    answer = ask(&world, "{\"operation\":\"queue-nondeliver\",\"all\":true,\"reason\":\"test\"}");
    assert_int_equal(number_at(answer, "changed", NULL), 1);
    json_decref(answer);
    expect_drained(&world);
    answer = ask(&world, "{\"operation\":\"mailbox-list\",\"mailbox\":\"" JONES "\"}");
    entry = json_array_get(json_object_get(answer, "entries"), 0);
    assert_string_equal(json_string_value(json_object_get(entry, "kind")), "report");
    snprintf(request, sizeof request, "{\"operation\":\"track\",\"mts-identifier\":\"%s\"}",
             json_string_value(json_object_get(entry, "mts-identifier")));
    json_decref(answer);
    answer = ask(&world, request);
    entry = json_array_get(json_object_get(answer, "messages"), 0);
    assert_true(json_array_size(json_object_get(entry, "events")) >= 5);
    json_decref(answer);
    world_end(&world);
}

static void test_users(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    client(&world, 1, 0);
    json_t *answer =
        ask(&world, "{\"operation\":\"user-add\",\"address\":\"S=new; P=alpha; A=gold; C=gb\",\"uid\":1003}");
    assert_int_equal(number_at(answer, "changed", NULL), 1);
    json_decref(answer);
    expect_error(&world, "{\"operation\":\"user-add\",\"address\":\"" OURS "/S=NEW\"}", "exists");
    expect_error(&world, "{\"operation\":\"user-add\",\"address\":\"" FRANK "\"}", "bad-request");
    world_anew(&world);
    client(&world, 1, 0);
    assert_true(submit(&world, (uint64_t)1 << 32 | 2, submission_from(&world, JONES, OURS "/S=new")));
    only_entry(&world, OURS "/S=new");
    expect_error(&world, "{\"operation\":\"user-remove\",\"address\":\"" OURS "/S=new\"}", "wrong-state");
    answer = ask(&world, "{\"operation\":\"user-remove\",\"address\":\"" OURS "/S=new\",\"discard\":true}");
    assert_int_equal(number_at(answer, "changed", NULL), 1);
    json_decref(answer);
    expect_error(&world, "{\"operation\":\"mailbox-list\",\"mailbox\":\"" OURS "/S=new\"}", "not-found");
    expect_error(&world, "{\"operation\":\"user-remove\",\"address\":\"" JONES "\"}", "not-permitted");
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),       cmocka_unit_test(test_stop),
        cmocka_unit_test(test_resume_in),    cmocka_unit_test(test_resume_long_envelope),
        cmocka_unit_test(test_recover),      cmocka_unit_test(test_resume_out),
        cmocka_unit_test(test_submission),   cmocka_unit_test(test_submission_over_bounds),
        cmocka_unit_test(test_notification), cmocka_unit_test(test_operator),
        cmocka_unit_test(test_users),
    };
    for (size_t i = 0; i < LENGTH; i++)
        content[i] = (uint8_t)(i * 31 + i / 251);
    return cmocka_run_group_tests_name("pieces", tests, NULL, NULL);
}
