/* Relay and delivery: what comes in leaves with our trace, once, and only after it is on disk. */
#include "world.h"

static void test_relay(void **state) {
    struct world world;
    (void)state;
    struct outgoing out = begin_on_its_way(&world);
    assert_int_equal(out.content_length, 7);
    assert_true(span_eq(out.content, SPAN_LIT("content")));

    struct buf apdu;
    buf_init(&apdu, 0);
    buf_append_span(&apdu, out.prefix);
    buf_append_span(&apdu, out.content);
    struct x411_MTS_APDU decoded;
    struct ber_error error = {0};
    if (!ber_decode(&x411_MTS_APDU_type, buf_span(&apdu), &world.arena, NULL, &decoded, &error))
        fail_msg("%s", error.text);
    assert_int_equal(decoded.choice, x411_MTS_APDU_message);
    assert_int_equal(decoded.u.message.envelope.trace_information.count, 2);
    assert_true(span_eq(decoded.u.message.content, SPAN_LIT("content")));
    buf_free(&apdu);

    sent(&world, 2, IPC_SENT);
    client(&world, 1, 0);
    expect_drained(&world);
    world_end(&world);
}

static void test_two_next_hops_and_a_mailbox(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    associate(&world, 1, "gamma");
    send_whole(&world, 1, envelope_to(&world, WANTS_NDN, JONES, EVA, FRANK, NULL), SPAN_LIT("content"));
    assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
    client(&world, 1, 1001);
    json_t *answer = ask(&world, "{\"operation\":\"mailbox-list\",\"mailbox\":\"" JONES "\"}");
    assert_int_equal(json_array_size(json_object_get(answer, "entries")), 1);
    json_t *entry = json_array_get(json_object_get(answer, "entries"), 0);
    assert_string_equal(json_string_value(json_object_get(entry, "content-type")), "22");
    assert_int_equal(number_at(entry, "size", NULL), 7);
    json_decref(answer);
    world_end(&world);
}

static void test_non_delivery_report(void **state) {
    struct world world;
    (void)state;
    begin_with_beta(&world);
    comes_in(&world, OURS "/S=nobody");
    struct outgoing out = sets_out(&world, 2, "beta");
    struct x411_MTS_APDU decoded;
    struct ber_error error = {0};
    assert_int_equal(out.content_length, 0);
    if (!ber_decode(&x411_MTS_APDU_type, out.prefix, &world.arena, NULL, &decoded, &error))
        fail_msg("%s", error.text);
    assert_int_equal(decoded.choice, x411_MTS_APDU_report);
    sent(&world, 2, IPC_SENT);
    world_end(&world);
}

static void test_busy(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    for (uint64_t ref = 1; ref <= 10; ref++)
        associate(&world, ref, "beta");
    announce(&world, 11, false, "beta", "in-11", "");
    assert_int_equal(admission(&world, 11), IPC_BIND_BUSY);
    close_association(&world, 3, IPC_CLOSE_RELEASED);
    associate(&world, 12, "beta");
    world_end(&world);
}

/* I5 */
static void test_repeat(void **state) {
    struct world world;
    (void)state;
    begin_with_beta(&world);
    struct span envelope = envelope_to(&world, WANTS_NDN, FRANK, NULL);
    send_whole(&world, 1, envelope, SPAN_LIT("content"));
    assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
    send_whole(&world, 1, envelope, SPAN_LIT("content"));
    assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
    goes_out(&world, 2, "gamma");
    expect_none(&world, IPC_SEND_BEGIN);
    world_anew(&world);
    associate(&world, 1, "beta");
    send_whole(&world, 1, envelope, SPAN_LIT("content"));
    assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
    send_whole(&world, 1, envelope, SPAN_LIT("another content"));
    assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
    client(&world, 1, 0);
    json_t *answer = ask(&world, "{\"operation\":\"status\"}");
    assert_int_equal(number_at(answer, "counters", "repeats"), 1);
    assert_int_equal(number_at(answer, "counters", "received"), 1);
    json_decref(answer);
    world_end(&world);
}

/* I3, I4: the repeat after a crash is the same octets, to the same peer. */
static void test_crash_in_doubt(void **state) {
    struct world world;
    struct buf first;
    struct outgoing out;
    (void)state;
    killed_in_doubt(&world, &first);

    sleep(2); /* a trace or an identifier that is made anew would show */
    world_start(&world);
    client(&world, 1, 0);
    json_t *answer = ask(&world, "{\"operation\":\"queue-list\"}");
    json_t *entry = json_array_get(json_object_get(answer, "entries"), 0);
    assert_string_equal(json_string_value(json_object_get(entry, "state")), "in-doubt");
    json_decref(answer);
    answer = ask(&world, "{\"operation\":\"queue-delete\",\"all\":true,\"reason\":\"test\"}");
    assert_int_equal(number_at(answer, "changed", NULL), 0);
    assert_int_equal(number_at(answer, "skipped", NULL), 1);
    json_decref(answer);
    out = sets_out(&world, 2, "gamma");
    assert_true(span_eq(out.prefix, buf_span(&first)));
    assert_true(span_eq(out.content, SPAN_LIT("content")));
    sent(&world, 2, IPC_SENT);
    expect_drained(&world);
    buf_free(&first);
    world_end(&world);
}

static void test_broken_and_again(void **state) {
    struct world world;
    (void)state;
    begin_on_its_way(&world);
    sent(&world, 2, IPC_SENT_BROKEN);
    close_association(&world, 2, IPC_CLOSE_BROKEN);
    sets_out(&world, 3, "gamma");
    close_association(&world, 3, IPC_CLOSE_BROKEN);
    client(&world, 1, 0);
    json_t *answer = ask(&world, "{\"operation\":\"queue-list\",\"state\":\"in-doubt\"}");
    assert_int_equal(json_array_size(json_object_get(answer, "entries")), 1);
    json_decref(answer);
    goes_out(&world, 4, "gamma");
    expect_drained(&world);
    world_end(&world);
}

static void test_refused_by_the_peer(void **state) {
    struct world world;
    (void)state;
    begin_on_its_way(&world);
    sent(&world, 2, IPC_SENT_REFUSED);
    struct outgoing out = sets_out(&world, 3, "beta");
    assert_int_equal(out.prefix.data[0], 0xA1); /* a report */
    sent(&world, 3, IPC_SENT);
    client(&world, 1, 0);
    expect_drained(&world);
    world_end(&world);
}

static void test_hostile_frames(void **state) {
    static const struct {
        enum ipc_type type;
        uint64_t ref;
        const char *payload;
    } frames[] = {{IPC_TRANSFER_WHOLE, 1, "\1"},
                  {IPC_TRANSFER_END, 1, ""},
                  {IPC_TRANSFER_CONTENT, 1, "x"},
                  {IPC_READY, 0, ""},
                  {(enum ipc_type)999, 1, ""},
                  {IPC_SEND_RESULT, 1, "\1"},
                  {IPC_BIND, 5, "x"},
                  {IPC_REQUEST, (uint64_t)7 << 32, "{}"},
                  {IPC_CONNECT_FAILED, 0, "x"},
                  {IPC_CLIENT_CLOSE, 3, ""},
                  {IPC_TRANSFER_CHECKPOINT, 1, "\1"},
                  {IPC_RESUME, 1, "\1"}};
    (void)state;
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        struct world world;
        struct frame frame = {0};
        begin_with_beta(&world);
        tell(&world, frames[i].type, frames[i].ref, span_str(frames[i].payload), NOTHING);
        assert_false(read_frame(&world, &frame, 10000)); /* the channel ends */
        assert_int_equal(kill(world.pid, 0), 0);         /* the process does not */
        world_end(&world);
    }
}

static struct x411_MessageTransferEnvelope envelope_again(struct world *world) {
    struct x411_MessageTransferEnvelope envelope;
    struct span octets = envelope_to(world, WANTS_NDN, FRANK, NULL);
    assert_true(ber_decode(&x411_MessageTransferEnvelope_type, octets, &world->arena, NULL, &envelope, NULL));
    envelope.raw = NOTHING;
    return envelope;
}

static struct span encoded(struct world *world, const struct x411_MessageTransferEnvelope *envelope) {
    struct span octets;
    assert_true(ber_encode_arena(&x411_MessageTransferEnvelope_type, envelope, &world->arena, &octets, NULL));
    return octets;
}

/* A local identifier of 40 characters breaks ub-local-id-length, 32. */
static struct span long_identifier(struct world *world) {
    struct x411_MessageTransferEnvelope envelope = envelope_again(world);
    envelope.message_identifier.raw = NOTHING;
    envelope.message_identifier.local_identifier = SPAN_LIT("m-0123456789-0123456789-0123456789-01234");
    return encoded(world, &envelope);
}

static void add_attribute(struct world *world, struct x411_ORName *name, int64_t type, struct span value) {
    struct x411_ExtensionAttribute *attribute = arena_alloc(&world->arena, sizeof *attribute);
    assert_non_null(attribute);
    *attribute = (struct x411_ExtensionAttribute){.extension_attribute_type = type,
                                                  .extension_attribute_value = value};
    name->extension_attributes.items = attribute;
    name->extension_attributes.count = 1;
    name->raw = NOTHING;
}

static struct span with_attribute(struct world *world, int64_t type, struct span value) {
    struct x411_MessageTransferEnvelope envelope = envelope_again(world);
    envelope.per_recipient_fields.items[0].raw = NOTHING;
    envelope.per_recipient_fields.items[0].recipient_name = name_of(world, OURS "/S=nobody");
    add_attribute(world, &envelope.per_recipient_fields.items[0].recipient_name, type, value);
    return encoded(world, &envelope);
}

/* ub-common-name-length is 64 characters. */
static struct span long_common_name(struct world *world) {
    static uint8_t value[2 + 65] = {0x13, 65};
    memset(value + 2, 'n', 65);
    return with_attribute(world, 1, span_of(value, sizeof value));
}

/* The same bound holds for its universal form, which takes two octets a character. */
static struct span universal_common_name(struct world *world, size_t characters) {
    static uint8_t value[7 + 130] = {0x31, 0x81};
    size_t len = characters * 2;
    memcpy(value + 2, (uint8_t[]){(uint8_t)(len + 3), 0x1E, 0x81, (uint8_t)len}, 4);
    for (size_t i = 0; i < characters; i++)
        memcpy(value + 6 + 2 * i, "\0n", 2);
    return with_attribute(world, 24, span_of(value, 6 + len));
}

static struct span long_universal_common_name(struct world *world) {
    return universal_common_name(world, 65);
}

/* A name within its bounds that nobody has. */
static struct span longest_universal_common_name(struct world *world) {
    return universal_common_name(world, 64);
}

/* A content-correlator (23) over ub-content-correlator-length, 512 octets with all encoding. */
static struct span long_correlator(struct world *world) {
    static uint8_t value[4 + 509] = {0x16, 0x82, 1, 0xFD};
    struct x411_ExtensionField *field = arena_alloc(&world->arena, sizeof *field);
    assert_non_null(field);
    memset(value + 4, 'c', 509);
    *field = (struct x411_ExtensionField){.value = span_of(value, sizeof value)};
    field->type.choice = x411_ExtensionType_standard_extension;
    field->type.u.standard_extension = 23;
    struct x411_MessageTransferEnvelope envelope = envelope_again(world);
    envelope.extensions.items = field;
    envelope.extensions.count = 1;
    return encoded(world, &envelope);
}

/* One more than ub-recipients, 32767; all but the first are others' responsibility. */
static struct span many_recipients(struct world *world) {
    static const uint8_t not_ours = 0x28;
    struct x411_MessageTransferEnvelope envelope = envelope_again(world);
    struct x411_PerRecipientMessageTransferFields first = envelope.per_recipient_fields.items[0], *all;
    all = arena_alloc(&world->arena, 32768 * sizeof *all);
    assert_non_null(all);
    for (size_t i = 0; i < 32768; i++)
        all[i] = first;
    for (size_t i = 1; i < 32768; i++) {
        all[i].raw = NOTHING;
        all[i].recipient_name = (struct x411_ORName){0}; /* short, for the limit of a frame */
        all[i].per_recipient_indicators.octets = span_of(&not_ours, 1);
    }
    envelope.per_recipient_fields.items = all;
    envelope.per_recipient_fields.count = 32768;
    return encoded(world, &envelope);
}

/* Over X.411's bounds: taken, for it won't become better, and the originator is told why. */
static void answered_with(struct span make(struct world *), int64_t diagnostic) {
    struct world world;
    begin_with_beta(&world);
    send_whole(&world, 1, make(&world), SPAN_LIT("content"));
    assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
    struct outgoing out = sets_out(&world, 2, "beta");
    struct x411_MTS_APDU decoded;
    struct ber_limits limits = {.relax_bounds = true};
    assert_true(ber_decode(&x411_MTS_APDU_type, out.prefix, &world.arena, &limits, &decoded, NULL));
    assert_int_equal(decoded.choice, x411_MTS_APDU_report);
    const struct x411_ReportTransferContent *content = &decoded.u.report.content;
    assert_int_equal(content->per_recipient_fields.count, 1);
    const struct x411_ReportType *type =
        &content->per_recipient_fields.items[0].last_trace_information.report_type;
    assert_int_equal(type->choice, x411_ReportType_non_delivery);
    const struct x411_NonDeliveryReport *why = &type->u.non_delivery;
    assert_int_equal(why->non_delivery_reason_code, x411_NonDeliveryReasonCode_unable_to_transfer);
    assert_true(why->has_non_delivery_diagnostic_code);
    assert_int_equal(why->non_delivery_diagnostic_code, diagnostic);
    sent(&world, 2, IPC_SENT);
    world_end(&world);
}

static void test_upper_bounds(void **state) {
    (void)state;
    answered_with(long_identifier, x411_NonDeliveryDiagnosticCode_size_constraint_violation);
    answered_with(long_common_name, x411_NonDeliveryDiagnosticCode_size_constraint_violation);
    answered_with(long_universal_common_name, x411_NonDeliveryDiagnosticCode_size_constraint_violation);
    answered_with(long_correlator, x411_NonDeliveryDiagnosticCode_size_constraint_violation);
    answered_with(longest_universal_common_name, x411_NonDeliveryDiagnosticCode_unrecognised_OR_name);
}

static void test_too_many_recipients(void **state) {
    (void)state;
    answered_with(many_recipients, x411_NonDeliveryDiagnosticCode_too_many_recipients);
}

static void test_upper_bounds_relaxed(void **state) {
    struct world world;
    (void)state;
    begin_relaxed(&world);
    send_whole(&world, 1, long_identifier(&world), SPAN_LIT("content"));
    assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
    struct outgoing out = sets_out(&world, 2, "gamma");
    assert_int_equal(out.content_length, 7);
    sent(&world, 2, IPC_SENT);
    client(&world, 1, 0);
    expect_drained(&world);
    world_end(&world);
}

static void test_no_envelope(void **state) {
    struct world world;
    (void)state;
    begin_with_beta(&world);
    send_whole(&world, 1, SPAN_LIT("\x31\x03\x02\x01\x05"), SPAN_LIT("content"));
    assert_int_equal(result_of(&world, 1), IPC_REFUSED);
    comes_in(&world, FRANK);
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_relay),
        cmocka_unit_test(test_two_next_hops_and_a_mailbox),
        cmocka_unit_test(test_non_delivery_report),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_repeat),
        cmocka_unit_test(test_crash_in_doubt),
        cmocka_unit_test(test_broken_and_again),
        cmocka_unit_test(test_refused_by_the_peer),
        cmocka_unit_test(test_hostile_frames),
        cmocka_unit_test(test_upper_bounds),
        cmocka_unit_test(test_too_many_recipients),
        cmocka_unit_test(test_upper_bounds_relaxed),
        cmocka_unit_test(test_no_envelope),
    };
    return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
