/* What `mhs route` tells: the rules' own decision on a supposed message. */
#include "play.h"

#include "mts/explain.h"

static struct mts_explanation explain(struct play *play, struct mts_supposed supposed) {
    struct mts_explanation explanation;
    struct error err = {0};
    bool done;
    do
        done = mts_explain(&play->run, &supposed, &explanation, &err);
    while (again(play, &explanation.decisions));
    if (!done)
        fail_msg("%s", err.text);
    return explanation;
}

static bool says(const struct mts_explanation *explanation, const char *words) {
    for (size_t i = 0; i < explanation->step_count; i++)
        if (strstr(explanation->steps[i], words))
            return true;
    return false;
}

static void a_transfer_names_its_route_and_choices(void **state) {
    struct play *play = *state;
    struct mts_choice choices[] = {{"small", 1, 3}, {"large", 2, 1}};
    struct mts_route route = {.pattern = "/C=SE/A=TELIA", .choices = choices, .choice_count = 2};
    add_hop(play, (struct mts_hop){.name = "small", .domain = "/C=SE/A=TELIA", .max_length = 1000});
    add_hop(play, (struct mts_hop){.name = "large", .domain = "/C=SE/A=TELIA"});
    assert_true(mts_tables_add_route(play->tables, &route, NULL));
    struct mts_supposed supposed = {.recipient = "C=SE; A=TELIA; S=x"};
    struct mts_explanation it = explain(play, supposed);
    assert_int_equal(it.outcome, MTS_OUTCOME_TRANSFER);
    assert_string_equal(it.hop, "small");
    assert_string_equal(it.route, "/C=SE/A=TELIA");
    assert_string_equal((const char *)it.recipient.data, "/C=SE/A=TELIA/S=x");
    assert_int_equal(it.hop_count, 2);
    assert_true(it.hops[0].chosen && it.hops[0].usable && it.hops[0].weight == 3);
    assert_false(it.hops[1].chosen);
    assert_int_equal(it.reason, -1);
    supposed.has_length = true;
    supposed.content_length = 1001;
    it = explain(play, supposed);
    assert_string_equal(it.hop, "large");
    assert_false(it.hops[0].usable);
    assert_int_equal(it.hops[0].diagnostic, x411_NonDeliveryDiagnosticCode_content_too_long);
    assert_true(says(&it, "content-too-long (7)"));
    play->down[mts_hop_number(play->tables, "small")] = true;
    supposed.has_length = false;
    it = explain(play, supposed);
    assert_true(it.hops[0].backing_off);
    assert_string_equal(it.hop, "large");
}

static void a_peer_of_1984_needs_no_originator(void **state) {
    struct play *play = *state;
    struct mts_explanation it =
        explain(play, (struct mts_supposed){.recipient = "/C=US/A=MCI/S=bell", .content_type = "p2"});
    assert_int_equal(it.outcome, MTS_OUTCOME_TRANSFER);
    assert_string_equal(it.hop, "old");
    /* One that is told must fit. */
    it = explain(play, (struct mts_supposed){.recipient = "/C=US/A=MCI/S=bell",
                                             .originator = OURS "/CN=Alice",
                                             .content_type = "p2"});
    assert_int_equal(it.diagnostic, x411_NonDeliveryDiagnosticCode_unable_to_downgrade);
}

static void a_delivery_names_its_mailbox(void **state) {
    struct play *play = *state;
    struct mts_explanation it = explain(play, (struct mts_supposed){.recipient = BOB});
    assert_int_equal(it.outcome, MTS_OUTCOME_DELIVERY);
    assert_string_equal(it.mailbox, "bob");
    assert_null(it.route);
    assert_int_equal(it.hop_count, 0);
}

static void a_non_delivery_has_reason_and_diagnostic(void **state) {
    struct play *play = *state;
    struct mts_explanation it = explain(play, (struct mts_supposed){.recipient = OURS "/S=nobody"});
    assert_int_equal(it.outcome, MTS_OUTCOME_NON_DELIVERY);
    assert_int_equal(it.reason, UNABLE);
    assert_int_equal(it.diagnostic, x411_NonDeliveryDiagnosticCode_unrecognised_OR_name);
    assert_string_equal(it.route, OURS);
    assert_true(says(&it, "unable-to-transfer (1), unrecognised-OR-name (0)"));
    it = explain(play, (struct mts_supposed){.recipient = "/C=AQ/A=SNOMAIL/S=x"});
    assert_null(it.route);
    assert_true(says(&it, "no default route"));
}

static void a_stated_non_delivery_is_told(void **state) {
    struct play *play = *state;
    struct mts_route route = {.pattern = "/C=AQ",
                              .action = MTS_ROUTE_REFUSE,
                              .reason = UNABLE,
                              .diagnostic = x411_NonDeliveryDiagnosticCode_no_bilateral_agreement,
                              .supplementary = "no agreement with the pole"};
    assert_true(mts_tables_add_route(play->tables, &route, NULL));
    struct mts_explanation it = explain(play, (struct mts_supposed){.recipient = "/C=AQ/A=SNOMAIL/S=x"});
    assert_int_equal(it.outcome, MTS_OUTCOME_NON_DELIVERY);
    assert_int_equal(it.diagnostic, x411_NonDeliveryDiagnosticCode_no_bilateral_agreement);
    assert_string_equal(it.supplementary, "no agreement with the pole");
    assert_string_equal(it.route, "/C=AQ");
}

static void a_list_is_named_and_not_expanded(void **state) {
    struct play *play = *state;
    static const char *const submitters[] = {ALICE};
    add_dl(play, (struct mts_dl){.address = OURS "/S=all", .submitters = submitters, .submitter_count = 1},
           BOB, FRANK, NULL);
    struct mts_explanation it =
        explain(play, (struct mts_supposed){.recipient = OURS "/S=all", .originator = ALICE});
    assert_int_equal(it.outcome, MTS_OUTCOME_EXPANSION);
    assert_int_equal(it.members, 2);
    it = explain(play, (struct mts_supposed){.recipient = OURS "/S=all", .originator = DIETER});
    assert_int_equal(it.outcome, MTS_OUTCOME_NON_DELIVERY);
    assert_int_equal(it.diagnostic, x411_NonDeliveryDiagnosticCode_no_dl_submit_permission);
    assert_true(says(&it, "no-dl-submit-permission"));
    it = explain(play, (struct mts_supposed){.recipient = OURS "/S=all"});
    assert_int_equal(it.outcome, MTS_OUTCOME_NON_DELIVERY);
    assert_true(says(&it, "it depends on the originator"));
    assert_false(says(&it, "no-dl-submit-permission"));
}

static void redirections_are_followed(void **state) {
    struct play *play = *state;
    struct mts_redirection urgent = {.class = {.priorities = 1u << MTS_URGENT}, .alternate = FRANK};
    add_user(play, CAROL,
             (struct mts_user){.mailbox = "carol", .redirections = &urgent, .redirection_count = 1});
    assert_true(mts_tables_add_alias(play->tables, OURS "/S=caroline", CAROL, NULL));
    struct mts_supposed supposed = {.recipient = OURS "/S=caroline", .priority = MTS_URGENT};
    struct mts_explanation it = explain(play, supposed);
    assert_int_equal(it.outcome, MTS_OUTCOME_TRANSFER);
    assert_string_equal(it.hop, "other");
    assert_int_equal(it.redirection_count, 2);
    assert_int_equal(it.redirections[0].reason, x411_RedirectionReason_alias);
    assert_string_equal((const char *)it.redirections[1].from.data, CAROL);
    assert_string_equal((const char *)it.redirections[1].to.data, FRANK);
    assert_true(says(&it, "recipient-assigned-alternate-recipient"));
    supposed.priority = MTS_NORMAL;
    it = explain(play, supposed);
    assert_int_equal(it.outcome, MTS_OUTCOME_DELIVERY);
    assert_int_equal(it.redirection_count, 1);
}

static void types_and_labels_count(void **state) {
    struct play *play = *state;
    static const char *const p2[] = {"p2"}, *const ia5[] = {"ia5-text"}, *const telex[] = {"telex", "1.2.3"};
    static const char *const secret[] = {"1.2.3/secret"};
    struct mts_redirection labelled = {.class = {.labels = {secret, 1}}, .alternate = ALICE};
    add_user(play, BOB,
             (struct mts_user){.mailbox = "bob",
                               .content_types = {p2, 1},
                               .eits = {ia5, 1},
                               .redirections = &labelled,
                               .redirection_count = 1});
    struct mts_supposed supposed = {.recipient = BOB, .content_type = "p2"};
    assert_int_equal(explain(play, supposed).outcome, MTS_OUTCOME_DELIVERY);
    supposed.content_type = NULL;
    assert_int_equal(explain(play, supposed).diagnostic,
                     x411_NonDeliveryDiagnosticCode_content_type_not_supported);
    supposed.content_type = "p2";
    supposed.eits = (struct mts_names){telex, 2};
    assert_int_equal(explain(play, supposed).reason, UNABLE);
    supposed.security_label = "1.2.3/secret";
    assert_int_equal(explain(play, supposed).outcome, MTS_OUTCOME_DELIVERY);
    assert_string_equal(explain(play, supposed).mailbox, "alice");
}

static void knows_bob(void *context, struct mts_answer *answer) {
    struct span name = answer->directory_name;
    (void)context;
    answer->address = memmem(name.data, name.len, "Bob", 3) ? BOB : NULL;
}

static void directory_names_are_taken(void **state) {
    struct play *play = *state;
    play->find = knows_bob;
    struct mts_explanation it = explain(play, (struct mts_supposed){.recipient = "DN:CN=Bob,C=GB"});
    assert_int_equal(it.outcome, MTS_OUTCOME_DELIVERY);
    assert_string_equal((const char *)it.recipient.data, BOB);
    assert_string_equal((const char *)it.directory_name.data, "CN=Bob,C=GB");
    it = explain(play, (struct mts_supposed){.recipient = "DN:CN=Eve,C=GB"});
    assert_int_equal(it.reason, x411_NonDeliveryReasonCode_directory_operation_unsuccessful);
    it = explain(play, (struct mts_supposed){.recipient = OURS "/S=robert", .directory_name = "CN=Bob,C=GB"});
    assert_int_equal(it.outcome, MTS_OUTCOME_DELIVERY);
    assert_int_equal(it.redirections[0].reason, x411_RedirectionReason_directory_look_up);
}

static void what_does_not_read_is_said(void **state) {
    struct play *play = *state;
    static const char *const hush[] = {"hush"};
    struct mts_supposed wrong[] = {
        {.recipient = "rubbish"},
        {.recipient = ""},
        {.recipient = BOB, .originator = "rubbish"},
        {.recipient = BOB, .content_type = "hush"},
        {.recipient = BOB, .eits = {hush, 1}},
        {.recipient = BOB, .security_label = "hush"},
        {.recipient = BOB, .directory_name = "hush"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct mts_explanation explanation;
        struct error err = {0};
        assert_false(mts_explain(&play->run, &wrong[i], &explanation, &err));
        assert_true(err.text[0]);
    }
}

static void nothing_is_kept_of_it(void **state) {
    struct play *play = *state;
    uint64_t before = play->run.id_next;
    explain(play, (struct mts_supposed){.recipient = OURS "/S=nobody"});
    assert_int_equal(play->run.id_next, before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE(a_transfer_names_its_route_and_choices),
        SCENE(a_peer_of_1984_needs_no_originator),
        SCENE(a_delivery_names_its_mailbox),
        SCENE(a_non_delivery_has_reason_and_diagnostic),
        SCENE(a_stated_non_delivery_is_told),
        SCENE(a_list_is_named_and_not_expanded),
        SCENE(redirections_are_followed),
        SCENE(types_and_labels_count),
        SCENE(directory_names_are_taken),
        SCENE(what_does_not_read_is_said),
        SCENE(nothing_is_kept_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
