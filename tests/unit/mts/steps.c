/*
 * What a peer sends costs the rules as much as it is long: in a message to many recipients that has been to
 * many domains, not the product of both. Steps are counted, not time: the rules are compiled once more with a
 * call in each basic block.
 */
#include <stdio.h>

#include "play.h"

void __sanitizer_cov_trace_pc(void);

static uint64_t steps;

void __sanitizer_cov_trace_pc(void) {
    steps++;
}

static const char *const ours[] = {ALICE, BOB};
static const char *const nobodys[] = {OURS "/S=nobody", OURS "/S=noone"};

/* A user of ours who is known from then on. */
static struct x411_ORName user_of_number(struct play *play, size_t i) {
    char address[64];
    snprintf(address, sizeof address, OURS "/S=u%zu", i);
    add_user(play, address, (struct mts_user){.mailbox = address});
    return name_of(play, address);
}

/* From FRANK, by so many domains, to so many recipients, by turns the two; NULL: to as many users of ours. */
static struct x411_MessageTransferEnvelope *by_many(struct play *play, size_t domains, size_t recipients,
                                                    const char *const *addresses, unsigned indicators) {
    struct x411_MessageTransferEnvelope *envelope = message(play, FRANK, OTHER);
    struct x411_TraceInformationElement *elements = arena_array(&play->arena, domains, sizeof *elements);
    recipient_fields *items = arena_array(&play->arena, recipients, sizeof *items);
    for (size_t i = 0; i < 2; i++)
        items[i] = *to(play, envelope, addresses ? addresses[i] : ALICE, indicators);
    for (size_t i = 0; i < recipients; i++) {
        items[i] = items[i % 2];
        if (!addresses)
            items[i].recipient_name = user_of_number(play, i);
        items[i].originally_specified_recipient_number = (int64_t)i + 1;
    }
    for (size_t i = 0; i < domains; i++)
        elements[i] = envelope->trace_information.items[0];
    envelope->per_recipient_fields.items = items;
    envelope->per_recipient_fields.count = recipients;
    envelope->trace_information.items = elements;
    envelope->trace_information.count = domains;
    return envelope;
}

struct cost {
    uint64_t steps;
    size_t octets; /* of what is kept */
};

static void receive(struct play *play, const struct x411_MessageTransferEnvelope *envelope) {
    const struct ber_limits limits = {.relax_bounds = true};
    struct x411_MessageTransferEnvelope received = {0};
    struct span octets;
    assert_true(ber_encode_arena(&x411_MessageTransferEnvelope_type, envelope, &play->arena, &octets, NULL));
    assert_true(
        ber_decode(&x411_MessageTransferEnvelope_type, octets, &play->arena, &limits, &received, NULL));
    steps = 0;
    mts_accept_message(&play->run, mts_hop_number(play->tables, "other"), &received, 2000, &play->out);
    assert_int_equal(play->out.result, MTS_DECIDED);
}

static struct cost cost_now(const struct play *play) {
    struct cost cost = {.steps = steps};
    for (size_t i = 0; i < play->out.object_count; i++)
        cost.octets += play->out.objects[i].octets.len;
    return cost;
}

static struct cost of_a_refusal(size_t domains, size_t recipients) {
    struct play play;
    play_begin(&play);
    play.run.over_bounds = true;
    receive(&play, by_many(&play, domains, recipients, nobodys, WANTS_NDN));
    assert_true(report_held(&play, 0)->content.per_recipient_fields.count == recipients);
    struct cost cost = cost_now(&play);
    play_end(&play);
    return cost;
}

static struct cost of_an_arrival(size_t domains, size_t recipients) {
    struct play play;
    play_begin(&play);
    receive(&play, by_many(&play, domains, recipients, NULL, WANTS_NDN));
    assert_true(play.out.object_count >= 1 && play.out.objects[0].copies[0].kind == MTS_COPY_DELIVER);
    struct cost cost = cost_now(&play);
    play_end(&play);
    return cost;
}

/* Each message is opened once, and delivered to each of its mailboxes, which is reported. */
static struct cost of_deliveries_to(const char *const *addresses, size_t domains, size_t recipients) {
    struct play play;
    size_t delivered = 0;
    play_begin(&play);
    play.arena.cap = (size_t)1 << 30;
    receive(&play, by_many(&play, domains, recipients, addresses, WANTS_REPORT));
    steps = 0;
    for (size_t i = 0; i < play.out.object_count; i++) {
        const struct mts_object *object = &play.out.objects[i];
        struct mts_stored stored = stored_of(object, &object->copies[0]);
        struct mts_opened *opened = mts_open(&play.run, &stored);
        for (size_t k = 0; k < object->copy_count; k++) {
            struct mts_delivery delivery;
            stored = stored_of(object, &object->copies[k]);
            stored.opened = opened;
            mts_deliver(&play.run, &stored, &delivery);
            delivered += delivery.delivered;
        }
    }
    assert_int_equal(delivered, addresses ? 2 : recipients);
    struct cost cost = {.steps = steps};
    play_end(&play);
    return cost;
}

static struct cost of_deliveries(size_t domains, size_t recipients) {
    return of_deliveries_to(NULL, domains, recipients);
}

/* To two mailboxes that are named again and again. */
static struct cost of_joined_deliveries(size_t domains, size_t recipients) {
    return of_deliveries_to(ours, domains, recipients);
}

/* Twice as much of both is twice as much, where their product would be four times. */
static void costs_what_it_is(struct cost (*of)(size_t domains, size_t recipients)) {
    const struct cost once = of(3000, 500), twice = of(6000, 1000);
    if (twice.steps * 2 > once.steps * 5)
        fail_msg("%llu steps, and %llu for twice as much", (unsigned long long)once.steps,
                 (unsigned long long)twice.steps);
    if (twice.octets * 2 > once.octets * 5)
        fail_msg("%zu octets are kept, and %zu of twice as much", once.octets, twice.octets);
}

static void a_refusal_costs_what_was_sent(void **state) {
    (void)state;
    costs_what_it_is(of_a_refusal);
}

static void an_arrival_costs_what_was_sent(void **state) {
    (void)state;
    costs_what_it_is(of_an_arrival);
}

static void deliveries_cost_what_was_sent(void **state) {
    (void)state;
    costs_what_it_is(of_deliveries);
    costs_what_it_is(of_joined_deliveries);
}

/* However long an envelope is, what is kept of it for many mailboxes is a few times as long at most. */
static void a_long_envelope_is_kept_once_or_twice(void **state) {
    (void)state;
    const struct cost few = of_an_arrival(6000, 2), many = of_an_arrival(6000, 1000);
    if (many.octets > 3 * few.octets)
        fail_msg("%zu octets for two mailboxes, %zu for 1,000", few.octets, many.octets);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_costs_what_was_sent),
        cmocka_unit_test(an_arrival_costs_what_was_sent),
        cmocka_unit_test(deliveries_cost_what_was_sent),
        cmocka_unit_test(a_long_envelope_is_kept_once_or_twice),
    };
    return cmocka_run_group_tests_name("steps", tests, NULL, NULL);
}
