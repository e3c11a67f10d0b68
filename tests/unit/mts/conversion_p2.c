/* P22 to P2: for whom it is done, what is said to who does it, and the message that comes of it. */
#include "play.h"

#define OLD   "/C=US/A=MCI"
#define YVES  OLD "/P=x/S=yves"
#define ZELDA OLD "/P=x/S=zelda"
#define PLAIN x411_BuiltInContentType_interpersonal_messaging_1984

enum { OLD_HOP = 3 };

/* What is known of the next hop of 1984, before its tables are used. */
static struct mts_hop *old(struct play *play) {
    return &play->tables->hops[OLD_HOP].given;
}

static const struct mts_object *accept(struct play *play, struct x411_MessageTransferEnvelope *envelope) {
    mts_accept_message(&play->run, 0, envelope, 100, &play->out);
    assert_int_equal(play->out.result, MTS_DECIDED);
    assert_true(play->out.object_count >= 1 && play->out.objects[0].copy_count >= 1);
    return &play->out.objects[0];
}

/* A copy that waits for its conversion. */
static struct mts_stored waiting(struct play *play, struct x411_MessageTransferEnvelope *envelope) {
    old(play)->rfc1328 = old(play)->edition_1984_content_only = true;
    const struct mts_object *object = accept(play, envelope);
    assert_int_equal(object->copies[0].kind, MTS_COPY_CONVERT);
    assert_int_equal(object->copies[0].hop, OLD_HOP);
    return stored_of(object, &object->copies[0]);
}

static struct x411_MessageTransferEnvelope *to_old(struct play *play) {
    struct x411_MessageTransferEnvelope *envelope = message(play, EVA, BETA);
    to(play, envelope, YVES, WANTS_NDN);
    to(play, envelope, ZELDA, WANTS_NDN);
    return envelope;
}

static struct x411_MessageTransferEnvelope decoded(struct play *play, struct span octets) {
    struct x411_MessageTransferEnvelope envelope = {0};
    assert_true(ber_decode(&x411_MessageTransferEnvelope_type, octets, &play->arena, NULL, &envelope, NULL));
    return envelope;
}

static void only_who_agreed_and_knows_no_p22_gets_p2(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = to_old(play);
    /* No agreement: it goes as it is, or not at all. */
    assert_int_equal(accept(play, envelope)->copies[0].kind, MTS_COPY_TRANSFER);
    old(play)->rfc1328 = true;
    assert_int_equal(accept(play, envelope)->copies[0].kind, MTS_COPY_TRANSFER);
    old(play)->edition_1984_content_only = true;
    const struct mts_object *object = accept(play, envelope);
    assert_int_equal(object->copy_count, 1);
    assert_int_equal(object->copies[0].kind, MTS_COPY_CONVERT);
    assert_int_equal(object->copies[0].recipient_count, 2);
    /* Other contents are none of its business. */
    envelope->content_type.u.built_in = PLAIN;
    assert_int_equal(accept(play, envelope)->copies[0].kind, MTS_COPY_TRANSFER);
}

static void who_converts_is_told_what_is_prohibited(void **state) {
    struct play *play = *state;
    struct mts_conversion how;
    struct x411_MessageTransferEnvelope *envelope = to_old(play);
    struct mts_stored copy = waiting(play, envelope);
    assert_true(mts_conversion(&copy, &play->arena, &how));
    assert_false(how.conversion_prohibited || how.loss_prohibited || how.replace);
    int64_t prohibited = x411_ConversionWithLossProhibited_conversion_with_loss_prohibited;
    extend(play, &envelope->extensions, EXT_CONVERSION_WITH_LOSS_PROHIBITED,
           &x411_ConversionWithLossProhibited_type, &prohibited, 0);
    old(play)->rfc1328_replace = true;
    copy = waiting(play, envelope);
    assert_true(mts_conversion(&copy, &play->arena, &how));
    assert_true(how.loss_prohibited && how.replace && !how.conversion_prohibited);
    assert_true(ber_bit_set(&envelope->per_message_indicators,
                            x411_PerMessageIndicators_implicit_conversion_prohibited, true, &play->arena));
    copy = waiting(play, envelope);
    assert_true(mts_conversion(&copy, &play->arena, &how));
    assert_true(how.conversion_prohibited);
}

static void a_copy_that_needs_none_or_does_not_read_is_told_apart(void **state) {
    struct play *play = *state;
    struct mts_conversion how;
    const struct mts_object *object = accept(play, to_old(play));
    struct mts_stored plain = stored_of(object, &object->copies[0]);
    assert_false(mts_conversion(&plain, &play->arena, &how));
    struct mts_stored copy = waiting(play, to_old(play)), broken = copy;
    broken.plan = SPAN_LIT("\x09plan");
    assert_false(mts_conversion(&broken, &play->arena, &how));
    mts_converted(&play->run, &broken, 50, 4, "", &play->out);
    assert_int_equal(play->out.result, MTS_INVALID);
    assert_non_null(play->out.cause);
    broken = copy;
    broken.octets = span_sub(copy.octets, 0, copy.octets.len - 1);
    assert_false(mts_conversion(&broken, &play->arena, &how));
    mts_converted(&play->run, &broken, 50, 4, "", &play->out);
    assert_int_equal(play->out.result, MTS_INVALID);
    broken = copy;
    broken.kind = MTS_PROBE;
    assert_false(mts_conversion(&broken, &play->arena, &how));
}

static void the_new_message_is_p2_and_its_trace_says_so(void **state) {
    struct play *play = *state;
    struct mts_stored copy = waiting(play, to_old(play));
    struct x411_MessageTransferEnvelope before = decoded(play, copy.octets);
    mts_converted(&play->run, &copy, 50, 1u << 2 | 1u << 5, "1 file lost its name", &play->out);
    assert_int_equal(play->out.result, MTS_DECIDED);
    assert_int_equal(play->out.object_count, 1);
    assert_string_equal(play->out.events[0].text, "P22 to P2: 1 file lost its name");
    const struct mts_object *object = &play->out.objects[0];
    assert_true(object->has_content);
    assert_int_equal(object->copy_count, 1);
    assert_int_equal(object->copies[0].kind, MTS_COPY_TRANSFER);
    assert_int_equal(object->copies[0].hop, OLD_HOP);
    assert_int_equal(object->copies[0].recipient_count, 2);
    struct x411_MessageTransferEnvelope after = decoded(play, object->octets);
    assert_int_equal(after.content_type.u.built_in, PLAIN);
    assert_true(mts_identifier_equal(&after.message_identifier, &before.message_identifier));
    assert_int_equal(after.trace_information.count, before.trace_information.count);
    size_t last = after.trace_information.count - 1;
    const struct x411_EncodedInformationTypes *types =
        after.trace_information.items[last].domain_supplied_information.converted_encoded_information_types;
    assert_non_null(types);
    for (unsigned bit = 0; bit < 10; bit++)
        assert_int_equal(ber_bit(&types->built_in_encoded_information_types, bit), bit == 2 || bit == 5);
    assert_null(
        before.trace_information.items[last].domain_supplied_information.converted_encoded_information_types);
    assert_true(trace_converted_types(&after.trace_information));
    assert_false(trace_converted_types(&before.trace_information));
}

/* Tables may have changed while the content was rewritten. */
static void its_recipients_are_routed_anew(void **state) {
    struct play *play = *state;
    struct mts_stored copy = waiting(play, to_old(play));
    add_route(play, ZELDA, "other");
    mts_converted(&play->run, &copy, 50, 4, "", &play->out);
    assert_int_equal(play->out.result, MTS_DECIDED);
    assert_int_equal(play->out.object_count, 1);
    const struct mts_object *object = &play->out.objects[0];
    assert_int_equal(object->copy_count, 2);
    unsigned hops = 0;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(object->copies[i].recipient_count, 1);
        hops |= 1u << object->copies[i].hop;
    }
    assert_int_equal(hops, 1u << OLD_HOP | 1u << 2);
}

static int set_up(void **state) {
    static struct play play;
    play_begin(&play);
    *state = &play;
    return 0;
}

static int tear_down(void **state) {
    play_end(*state);
    return 0;
}

#define PLAY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        PLAY(only_who_agreed_and_knows_no_p22_gets_p2),
        PLAY(who_converts_is_told_what_is_prohibited),
        PLAY(a_copy_that_needs_none_or_does_not_read_is_told_apart),
        PLAY(the_new_message_is_p2_and_its_trace_says_so),
        PLAY(its_recipients_are_routed_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
