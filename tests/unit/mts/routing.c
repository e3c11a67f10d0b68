/* Which route is taken, and which of its next hops. */
#include "play.h"

static const char *hop_for(struct play *play, const char *address) {
    struct address parts;
    struct decision decision;
    struct x411_ORName name = name_of(play, address);
    assert_true(address_of(&play->arena, &name, &parts));
    if (!route_find(play->tables, &parts, &decision))
        return "none";
    if (decision.route->action != MTS_ROUTE_TRANSFER)
        return decision.route->action == MTS_ROUTE_LOCAL ? "local" : "refuse";
    return play->tables->hops[route_choose(&play->run, decision.route, 0, -1)].given.name;
}

static void most_specific_wins(void **state) {
    struct play *play = *state;
    static const char *const patterns[] = {
        "/C=SE",
        "/C=SE/A=TELIA",
        "/C=SE/A=TELIA/P=*",
        "/C=SE/A=TELIA/P=VOLVO*",
        "/C=SE/A=TELIA/P=VOLVO",
        "/C=SE/A=TELIA/P=VOLVO/O=cars",
        "/C=SE/A=TELIA/P=VOLVO/O=cars/OU1=red",
        "/C=SE/A=TELIA/P=VOLVO/S=gustav",
        "/C=SE/A=TELIA/P=VOLVO/DDA:RFC-822=*",
        "/C=*/A=TELIA/P=VOLVO/O=cars",
        "",
    };
    static const char *const names[] = {"p0", "p1", "p2", "p3", "p4",     "p5",
                                        "p6", "p7", "p8", "p9", "default"};
    /* The order of adding plays no part. */
    for (size_t i = 0; i < 11; i++)
        add_hop(play, (struct mts_hop){.name = names[i], .domain = "/C=SE/A=TELIA"});
    for (size_t i = 0; i < 11; i++)
        add_route(play, patterns[(i * 7) % 11], names[(i * 7) % 11]);
    assert_string_equal(hop_for(play, "/C=SE/A=OTHER/S=x"), "p0");
    assert_string_equal(hop_for(play, "/C=SE/A=TELIA/S=x"), "p1");
    assert_string_equal(hop_for(play, "/C=SE/A=TELIA/P=SAAB/S=x"), "p2");
    assert_string_equal(hop_for(play, "/C=SE/A=TELIA/P=VOLVOS/S=x"), "p3");
    assert_string_equal(hop_for(play, "/C=SE/A=TELIA/P=VOLVO/S=x"), "p4");
    assert_string_equal(hop_for(play, "/C=se/A=Telia/P=volvo/O=Cars/S=x"), "p5");
    assert_string_equal(hop_for(play, "/C=SE/A=TELIA/P=VOLVO/O=cars/OU1=red/S=x"), "p6");
    assert_string_equal(hop_for(play, "/C=SE/A=TELIA/P=VOLVO/O=cars/OU1=blue/S=x"), "p5");
    assert_string_equal(hop_for(play, "/C=SE/A=TELIA/P=VOLVO/S=gustav"), "p7");
    assert_string_equal(hop_for(play, "/C=SE/A=TELIA/P=VOLVO/DDA:RFC-822=a(a)b"), "p8");
    assert_string_equal(hop_for(play, "/C=NO/A=TELIA/P=VOLVO/O=cars/S=x"), "p9");
    assert_string_equal(hop_for(play, "/C=NO/A=TELIA/S=x"), "default");
    assert_string_equal(hop_for(play, "/C=NO/A=TELENOR/S=x"), "default");
}

static void local_space_and_none(void **state) {
    struct play *play = *state;
    assert_string_equal(hop_for(play, OURS "/S=anyone"), "local");
    assert_string_equal(hop_for(play, OURS "/O=inner/S=ivo"), "inner");
    assert_string_equal(hop_for(play, "/C=AQ/A=SNOMAIL/S=x"), "none");
}

static void add_two(struct play *play, struct mts_choice first, struct mts_choice second,
                    struct mts_choice third) {
    struct mts_choice choices[] = {first, second, third};
    struct mts_route route = {.pattern = "/C=SE/A=TELIA", .choices = choices, .choice_count = 3};
    add_hop(play, (struct mts_hop){.name = "a", .domain = "/C=SE/A=TELIA"});
    add_hop(play, (struct mts_hop){.name = "b", .domain = "/C=SE/A=TELIA"});
    add_hop(play, (struct mts_hop){.name = "c", .domain = "/C=SE/A=TELIA"});
    assert_true(mts_tables_add_route(play->tables, &route, NULL));
}

static const struct route *telia(struct play *play) {
    struct address parts;
    struct decision decision;
    struct x411_ORName name = name_of(play, "/C=SE/A=TELIA/S=x");
    assert_true(address_of(&play->arena, &name, &parts));
    assert_true(route_find(play->tables, &parts, &decision));
    return decision.route;
}

static void weights_share_the_load(void **state) {
    struct play *play = *state;
    int counts[8] = {0};
    add_two(play, (struct mts_choice){"a", 1, 3}, (struct mts_choice){"b", 1, 1},
            (struct mts_choice){"c", 2, 50});
    for (uint64_t salt = 0; salt < 400; salt++)
        counts[route_choose(&play->run, telia(play), salt, -1)]++;
    assert_int_equal(counts[4], 300);
    assert_int_equal(counts[5], 100);
    assert_int_equal(counts[6], 0);
}

static void higher_ranks_wait_for_back_off(void **state) {
    struct play *play = *state;
    add_two(play, (struct mts_choice){"c", 2, 1}, (struct mts_choice){"a", 1, 1},
            (struct mts_choice){"b", 1, 1});
    play->down[4] = true;
    for (uint64_t salt = 0; salt < 10; salt++)
        assert_int_equal(route_choose(&play->run, telia(play), salt, -1), 5);
    play->down[5] = true;
    assert_int_equal(route_choose(&play->run, telia(play), 0, -1), 6);
    play->down[6] = true; /* all down: the first rank is waited for */
    assert_int_equal(route_choose(&play->run, telia(play), 0, -1), 4);
    assert_int_equal(route_choose(&play->run, telia(play), 1, -1), 5);
}

static void stated_non_delivery(void **state) {
    struct play *play = *state;
    struct mts_route route = {.pattern = "/C=SE",
                              .action = MTS_ROUTE_REFUSE,
                              .reason = UNABLE,
                              .diagnostic = x411_NonDeliveryDiagnosticCode_no_bilateral_agreement,
                              .supplementary = "not with us_"};
    assert_true(mts_tables_add_route(play->tables, &route, NULL));
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, "/C=SE/A=TELIA/S=x", WANTS_NDN);
    arrives(play, "beta", envelope);
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_no_bilateral_agreement);
    assert_true(
        span_eq(reported(report_held(play, 0), 1)->supplementary_information, SPAN_LIT("not with us?")));
}

static struct x501_Name *directory_name(struct play *play) {
    /* CN=x, as one relative distinguished name */
    static const uint8_t octets[] = {0x30, 0x0C, 0x31, 0x0A, 0x30, 0x08, 0x06,
                                     0x03, 0x55, 0x04, 0x03, 0x13, 0x01, 'x'};
    struct x501_Name *name = arena_alloc(&play->arena, sizeof *name);
    assert_true(ber_decode(&x501_Name_type, span_of(octets, sizeof octets), &play->arena, NULL, name, NULL));
    return name;
}

static void directory_name_is_a_need(void **state) {
    struct play *play = *state;
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    recipient_fields *fields = to(play, envelope, BOB, WANTS_NDN);
    fields->recipient_name = (struct x411_ORName){.directory_name = directory_name(play)};
    struct x411_MessageTransferEnvelope *received = over_the_wire(play, envelope);
    mts_accept_message(&play->run, 0, received, 1, &play->out);
    assert_int_equal(play->out.result, MTS_NEEDS);
    assert_int_equal(play->out.need_count, 1);
    assert_int_equal(play->out.object_count, 0);
    struct mts_answer answer = {.directory_name = play->out.needs[0].directory_name, .address = BOB};
    play->run.answers = &answer;
    play->run.answer_count = 1;
    mts_accept_message(&play->run, 0, received, 1, &play->out);
    assert_int_equal(play->out.result, MTS_DECIDED);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    answer.address = NULL;
    mts_accept_message(&play->run, 0, received, 1, &play->out);
    assert_not_delivered(play, 1, x411_NonDeliveryReasonCode_directory_operation_unsuccessful,
                         x411_NonDeliveryDiagnosticCode_unrecognised_OR_name);
    answer.failed = true;
    mts_accept_message(&play->run, 0, received, 1, &play->out);
    assert_not_delivered(play, 1, x411_NonDeliveryReasonCode_directory_operation_unsuccessful, -1);
}

static void another_choice_that_can_take_it(void **state) {
    struct play *play = *state;
    struct mts_choice choices[] = {{"small", 1, 1}, {"large", 2, 1}};
    struct mts_route route = {.pattern = "/C=SE/A=TELIA", .choices = choices, .choice_count = 2};
    add_hop(play, (struct mts_hop){.name = "small", .domain = "/C=SE/A=TELIA", .max_length = 1000});
    add_hop(play, (struct mts_hop){.name = "large", .domain = "/C=SE/A=TELIA"});
    assert_true(mts_tables_add_route(play->tables, &route, NULL));
    struct x411_MessageTransferEnvelope *envelope = message(play, DIETER, BETA);
    to(play, envelope, "/C=SE/A=TELIA/S=x", WANTS_NDN);
    arrives(play, "beta", envelope);
    assert_non_null(find_copy(play, "large", NULL, NULL));
}

static void tables_refuse_nonsense(void **state) {
    struct play *play = *state;
    struct error err = {0};
    struct mts_choice choice = {.hop = "nowhere", .weight = 1};
    struct mts_route route = {.pattern = "/C=SE", .choices = &choice, .choice_count = 1};
    assert_false(mts_tables_add_route(play->tables, &route, &err));
    assert_non_null(strstr(err.text, "nowhere"));
    assert_false(mts_tables_add_hop(play->tables, &(struct mts_hop){.name = "beta"}, &err));
    assert_false(mts_tables_add_user(play->tables, &(struct mts_user){.address = "rubbish"}, &err));
    assert_non_null(strstr(err.text, "rubbish"));
    assert_null(mts_tables_new(&(struct mts_self){.domain = OURS, .mta_name = ""}, &err));
    assert_int_equal(mts_reason_read("conversion-not-performed"), 2);
    assert_int_equal(mts_reason_read("7"), 7);
    assert_int_equal(mts_diagnostic_read("loop-detected"), 3);
    assert_int_equal(mts_diagnostic_read("no-such-thing"), -1);
}

static void users_come_and_go(void **state) {
    struct play *play = *state;
    assert_string_equal(mts_mailbox_of(play->tables, "S=Bob; P=alpha; A=gold; C=gb"), "bob");
    struct error err = {0};
    const char *again = "s=BOB; p=Alpha; a=Gold; c=234";
    assert_false(mts_tables_add_user(play->tables, &(struct mts_user){.address = again}, &err));
    assert_non_null(strstr(err.text, "a user has this address already"));
    assert_false(mts_tables_add_dl(play->tables, &(struct mts_dl){.address = again}, &err));
    assert_false(mts_tables_add_alias(play->tables, again, OURS "/S=ann", &err));
    assert_string_equal(mts_mailbox_of(play->tables, BOB), "bob");
    assert_true(mts_tables_remove(play->tables, BOB));
    assert_false(mts_tables_remove(play->tables, BOB));
    assert_null(mts_mailbox_of(play->tables, BOB));
    for (int i = 0; i < 2000; i++)
        add_user(play, arena_printf(&play->arena, OURS "/S=user%d", i), (struct mts_user){.mailbox = "m"});
    for (int i = 0; i < 2000; i++)
        assert_non_null(mts_mailbox_of(play->tables, arena_printf(&play->arena, OURS "/S=user%d", i)));
}

static void back_off_doubles_to_its_end(void **state) {
    struct play *play = *state;
    const struct mts_schedule *schedule = mts_schedule_of(play->tables, MTS_URGENT);
    assert_int_equal(mts_retry_delay(schedule, 1), 60);
    assert_int_equal(mts_retry_delay(schedule, 2), 120);
    assert_int_equal(mts_retry_delay(schedule, 4), 480);
    assert_int_equal(mts_retry_delay(schedule, 5), 900);
    assert_int_equal(mts_retry_delay(schedule, 4000000000u), 900);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE(most_specific_wins),
        SCENE(local_space_and_none),
        SCENE(weights_share_the_load),
        SCENE(higher_ranks_wait_for_back_off),
        SCENE(stated_non_delivery),
        SCENE(directory_name_is_a_need),
        SCENE(another_choice_that_can_take_it),
        SCENE(tables_refuse_nonsense),
        SCENE(users_come_and_go),
        SCENE(back_off_doubles_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
