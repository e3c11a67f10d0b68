/* Upper bounds of the O/R addresses within an envelope's extensions (X.411 annex B), in transfer and on
 * submission: ub-common-name-length is 64 characters, ub-organization-name-length as well. */
#include "play.h"

/* FRANK with a common name (extension attribute 1) of so many characters. */
static struct x411_ORName common_name_of(struct play *play, size_t characters) {
    struct x411_ORName name = name_of(play, FRANK);
    struct x411_ExtensionAttribute *attribute = arena_alloc(&play->arena, sizeof *attribute);
    uint8_t *value = arena_alloc(&play->arena, characters + 2);
    value[0] = 0x13;
    value[1] = (uint8_t)characters;
    memset(value + 2, 'n', characters);
    *attribute = (struct x411_ExtensionAttribute){
        .extension_attribute_type = 1, .extension_attribute_value = span_of(value, characters + 2)};
    name.extension_attributes.items = attribute;
    name.extension_attributes.count = 1;
    name.raw = (struct span){NULL, 0};
    return name;
}

/* Puts the name into an extension: `field` of a recipient, or of all. */
struct place {
    bool of_recipient;
    void (*put)(struct play *play, struct x411_Extensions *extensions, const struct x411_ORName *name);
};

static void put_alternate(struct play *play, struct x411_Extensions *extensions,
                          const struct x411_ORName *name) {
    extend(play, extensions, EXT_ORIGINATOR_REQUESTED_ALTERNATE,
           &x411_MTAOriginatorRequestedAlternateRecipient_type, name, 0);
}

static void put_return_address(struct play *play, struct x411_Extensions *extensions,
                               const struct x411_ORName *name) {
    struct x411_ORAddress address = {.built_in_standard_attributes = name->built_in_standard_attributes,
                                     .extension_attributes = name->extension_attributes};
    extend(play, extensions, EXT_ORIGINATOR_RETURN_ADDRESS, &x411_OriginatorReturnAddress_type, &address, 0);
}

static void put_redirection(struct play *play, struct x411_Extensions *extensions,
                            const struct x411_ORName *name) {
    struct x411_Redirection items[2] = {{.redirection_reason = 0}, {.redirection_reason = 0}};
    struct x411_RedirectionHistory history = {.items = items, .count = 2};
    items[0].intended_recipient_name.intended_recipient = name_of(play, EVA);
    items[1].intended_recipient_name.intended_recipient = *name;
    items[0].intended_recipient_name.redirection_time = items[1].intended_recipient_name.redirection_time =
        utc(play, NOW - 60);
    extend(play, extensions, EXT_REDIRECTION_HISTORY, &x411_RedirectionHistory_type, &history, 0);
}

static void put_expansion(struct play *play, struct x411_Extensions *extensions,
                          const struct x411_ORName *name) {
    struct x411_DLExpansion item = {.dl = *name, .dl_expansion_time = utc(play, NOW - 60)};
    struct x411_DLExpansionHistory history = {.items = &item, .count = 1};
    extend(play, extensions, EXT_DL_EXPANSION_HISTORY, &x411_DLExpansionHistory_type, &history, 0);
}

static void put_exempted(struct play *play, struct x411_Extensions *extensions,
                         const struct x411_ORName *name) {
    struct x411_ORName items[2] = {name_of(play, EVA), *name};
    struct x411_DLExemptedRecipients exempted = {.items = items, .count = 2};
    extend(play, extensions, EXT_DL_EXEMPTED_RECIPIENTS, &x411_DLExemptedRecipients_type, &exempted, 0);
}

static const struct place places[] = {{true, put_alternate},
                                      {false, put_return_address},
                                      {true, put_redirection},
                                      {false, put_expansion},
                                      {false, put_exempted}};

enum { PLACES = sizeof places / sizeof *places };

/* A message from FRANK that names someone with such a common name in that place. */
static void arrives_with(struct play *play, const struct place *place, size_t characters) {
    struct x411_ORName name = common_name_of(play, characters);
    struct x411_MessageTransferEnvelope *envelope = message(play, FRANK, OTHER);
    recipient_fields *fields = to(play, envelope, DIETER, WANTS_NDN);
    place->put(play, place->of_recipient ? &fields->extensions : &envelope->extensions, &name);
    arrives(play, "other", envelope);
}

static void names_in_extensions_of_a_message(void **state) {
    struct play *play = *state;
    for (size_t i = 0; i < PLACES; i++) {
        arrives_with(play, &places[i], 64);
        assert_non_null(find_copy(play, "beta", NULL, NULL));
        arrives_with(play, &places[i], 65);
        assert_null(find_copy(play, "beta", NULL, NULL));
        assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_size_constraint_violation);
        play->run.relax_bounds = true;
        arrives_with(play, &places[i], 65);
        assert_non_null(find_copy(play, "beta", NULL, NULL));
        play->run.relax_bounds = false;
    }
}

static void names_in_extensions_of_a_probe(void **state) {
    struct play *play = *state;
    struct x411_ORName names[2] = {common_name_of(play, 64), common_name_of(play, 65)};
    for (size_t i = 0; i < 2; i++) {
        struct x411_PerRecipientProbeTransferFields fields = {.recipient_name = name_of(play, DIETER),
                                                              .originally_specified_recipient_number = 1,
                                                              .per_recipient_indicators =
                                                                  bits(play, WANTS_NDN)};
        struct x411_MessageTransferEnvelope *like = message(play, FRANK, OTHER);
        struct x411_ProbeTransferEnvelope probe = {.probe_identifier = like->message_identifier,
                                                   .originator_name = like->originator_name,
                                                   .content_type = like->content_type,
                                                   .trace_information = like->trace_information,
                                                   .per_recipient_fields = {.items = &fields, .count = 1}};
        put_redirection(play, &fields.extensions, &names[i]);
        mts_accept_probe(&play->run, mts_hop_number(play->tables, "other"), &probe, &play->out);
        assert_int_equal(play->out.result, MTS_DECIDED);
        if (i == 0)
            assert_non_null(find_copy(play, "beta", NULL, NULL));
        else
            assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_size_constraint_violation);
    }
}

/* What is wrong with one recipient is no reason to fail another: found in an extension, and by the decoder.
 */
static void one_recipient_fails_alone(void **state) {
    struct play *play = *state;
    struct x411_ORName longer = common_name_of(play, 65);
    struct x411_MessageTransferEnvelope *envelope = message(play, FRANK, OTHER);
    put_redirection(play, &to(play, envelope, DIETER, WANTS_NDN)->extensions, &longer);
    to(play, envelope, EVA, WANTS_NDN);
    arrives(play, "other", envelope);
    assert_int_equal(find_copy(play, "beta", NULL, NULL)->recipient_count, 1);
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_size_constraint_violation);

    static char organization[66];
    memset(organization, 'o', 65);
    envelope = message(play, FRANK, OTHER);
    to(play, envelope, DIETER, WANTS_NDN)->recipient_name.built_in_standard_attributes.organization_name =
        span_str(organization);
    to(play, envelope, EVA, WANTS_NDN);
    to(play, envelope, OURS "/S=bob", WANTS_NDN);
    play->run.over_bounds = true;
    mts_accept_message(&play->run, mts_hop_number(play->tables, "other"), envelope, 2000, &play->out);
    play->run.over_bounds = false;
    assert_int_equal(play->out.result, MTS_DECIDED);
    assert_int_equal(find_copy(play, "beta", NULL, NULL)->recipient_count, 1);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    assert_int_equal(event_of(play, MTS_EVENT_NOT_DELIVERED)->recipient, 1);
    assert_int_equal(event_of(play, MTS_EVENT_NOT_DELIVERED)->diagnostic,
                     x411_NonDeliveryDiagnosticCode_size_constraint_violation);
}

/* The report and the record say which bound it was. */
static void the_bound_is_named(void **state) {
    struct play *play = *state;
    static char organization[66];
    memset(organization, 'o', 65);
    struct x411_MessageTransferEnvelope *envelope = message(play, FRANK, OTHER);
    envelope->originator_name.built_in_standard_attributes.organization_name = span_str(organization);
    to(play, envelope, DIETER, WANTS_NDN);
    to(play, envelope, EVA, WANTS_NDN);
    play->run.over_bounds = true;
    mts_accept_message(&play->run, mts_hop_number(play->tables, "other"), envelope, 2000, &play->out);
    play->run.over_bounds = false;
    assert_null(find_copy(play, "beta", NULL, NULL));
    const struct mts_event *event = event_of(play, MTS_EVENT_NOT_DELIVERED);
    assert_non_null(event->text);
    assert_non_null(strstr(event->text, "organization"));
}

/* ---- submission ---- */

struct submission {
    struct x411p3_MessageSubmissionEnvelope envelope;
    struct x411p3_PerRecipientMessageSubmissionFields fields[2];
};

/* From ALICE to DIETER and EVA. */
static struct submission *submission(struct play *play) {
    struct submission *s = arena_alloc(&play->arena, sizeof *s);
    static const char *const to_whom[2] = {DIETER, EVA};
    s->envelope.originator_name = name_of(play, ALICE);
    s->envelope.content_type.choice = x411_ContentType_built_in;
    s->envelope.content_type.u.built_in = 22;
    for (size_t i = 0; i < 2; i++) {
        s->fields[i].recipient_name = name_of(play, to_whom[i]);
        s->fields[i].originator_report_request = bits(play, 0x08);
    }
    s->envelope.per_recipient_fields.items = s->fields;
    s->envelope.per_recipient_fields.count = 2;
    return s;
}

static struct mts_submission submit(struct play *play, const struct submission *s) {
    struct mts_submission submitted;
    mts_submit_message(&play->run, NULL, &s->envelope, 2000, &submitted, &play->out);
    if (play->out.result == MTS_INVALID)
        assert_int_equal(play->out.object_count, 0);
    else
        assert_int_equal(play->out.result, MTS_DECIDED);
    return submitted;
}

static void assert_second_improper(struct play *play, const struct submission *s) {
    struct mts_submission submitted = submit(play, s);
    assert_int_equal(submitted.error, MTS_SUBMIT_RECIPIENT_IMPROPERLY_SPECIFIED);
    assert_int_equal(submitted.improper_count, 1);
    assert_int_equal(submitted.improper[0], 1);
}

static void names_on_submission(void **state) {
    struct play *play = *state;
    struct x411_ORName fits = common_name_of(play, 64), longer = common_name_of(play, 65);
    struct submission *s = submission(play);
    s->fields[1].recipient_name = fits;
    assert_int_equal(submit(play, s).error, MTS_SUBMIT_OK);
    s->fields[1].recipient_name = longer;
    assert_second_improper(play, s);
    s = submission(play);
    put_alternate(play, &s->fields[1].extensions, &longer);
    assert_second_improper(play, s);
    s = submission(play);
    put_exempted(play, &s->envelope.extensions, &longer);
    assert_int_equal(submit(play, s).error, MTS_SUBMIT_INCONSISTENT_REQUEST);
    s = submission(play);
    put_return_address(play, &s->envelope.extensions, &longer);
    assert_int_equal(submit(play, s).error, MTS_SUBMIT_INCONSISTENT_REQUEST);
    s->envelope.originator_name = longer;
    assert_int_equal(submit(play, s).error, MTS_SUBMIT_ORIGINATOR_INVALID);
    assert_string_equal(play->out.cause, "the originator's name is over X.411's bounds");
}

static void relaxed_on_submission(void **state) {
    struct play *play = *state;
    struct x411_ORName longer = common_name_of(play, 65);
    struct submission *s = submission(play);
    play->run.relax_bounds = true;
    s->fields[1].recipient_name = longer;
    put_alternate(play, &s->fields[0].extensions, &longer);
    put_return_address(play, &s->envelope.extensions, &longer);
    assert_int_equal(submit(play, s).error, MTS_SUBMIT_OK);
    assert_non_null(find_copy(play, "beta", NULL, NULL));
    assert_non_null(find_copy(play, "other", NULL, NULL));
}

/* What the decoder found over the bounds is somebody's fault: here it did so in a name, or elsewhere. */
static void what_the_decoder_let_pass(void **state) {
    struct play *play = *state;
    static char organization[65];
    struct submission *s = submission(play);
    memset(organization, 'o', sizeof organization);
    play->run.over_bounds = true;
    assert_int_equal(submit(play, s).error, MTS_SUBMIT_INCONSISTENT_REQUEST);
    s->fields[1].recipient_name.built_in_standard_attributes.organization_name =
        span_of(organization, sizeof organization);
    assert_second_improper(play, s);
    s->envelope.originator_name = s->fields[1].recipient_name;
    assert_int_equal(submit(play, s).error, MTS_SUBMIT_ORIGINATOR_INVALID);
}

/* Histories and trace are the MTS's to write. */
static void histories_are_not_submitted(void **state) {
    struct play *play = *state;
    struct x411_ORName name = common_name_of(play, 64);
    struct submission *s = submission(play);
    put_expansion(play, &s->envelope.extensions, &name);
    assert_int_equal(submit(play, s).error, MTS_SUBMIT_INCONSISTENT_REQUEST);
    s = submission(play);
    put_redirection(play, &s->fields[1].extensions, &name);
    assert_int_equal(submit(play, s).error, MTS_SUBMIT_INCONSISTENT_REQUEST);
    s = submission(play);
    extend_enumerated(play, &s->envelope.extensions, 199, 0); /* unknown, and not critical */
    assert_int_equal(submit(play, s).error, MTS_SUBMIT_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE(names_in_extensions_of_a_message),
        SCENE(names_in_extensions_of_a_probe),
        SCENE(one_recipient_fails_alone),
        SCENE(the_bound_is_named),
        SCENE(names_on_submission),
        SCENE(relaxed_on_submission),
        SCENE(what_the_decoder_let_pass),
        SCENE(histories_are_not_submitted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
