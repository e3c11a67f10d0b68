/*
 * A small theatre for the rules: an MTA of the domain /C=GB/A=GOLD/P=ALPHA with
 * peers, users and lists; messages that arrive; and what is kept of them.
 */
#ifndef PLAY_H
#define PLAY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mts/mts_private.h"

#include "../numbers.h"

#define UNUSED __attribute__((unused))

#define OURS   "/C=GB/A=GOLD/P=ALPHA"
#define BETA   "/C=DE/A=VIAT/P=BETA"
#define OTHER  "/C=FR/A=ATLAS/P=OTHER"
#define ALICE  OURS "/S=alice"
#define BOB    OURS "/S=bob"
#define CAROL  OURS "/S=carol"
#define DIETER BETA "/S=dieter"
#define EVA    BETA "/S=eva"
#define FRANK  OTHER "/S=frank"

#define NOW ((int64_t)1795327200) /* 2026-11-22T06:00:00Z */

enum { UNABLE = x411_NonDeliveryReasonCode_unable_to_transfer };

struct play {
    struct mts_tables *tables;
    struct arena arena;
    struct mts_run run;
    struct mts_decisions out;
    bool down[8];
    mts_find *find; /* NULL: needs stay open */
    void *find_context;
};

/* What the rules asked for is found: call them again. */
UNUSED static bool again(struct play *play, struct mts_decisions *out) {
    return play->find && mts_answer(&play->run, out, play->find, play->find_context);
}

/* In the place of the user or list that had the address. */
UNUSED static void add_user(struct play *play, const char *address, struct mts_user user) {
    struct error err = {0};
    user.address = address;
    mts_tables_remove(play->tables, address);
    if (!mts_tables_add_user(play->tables, &user, &err))
        fail_msg("%s", err.text);
}

UNUSED static void add_hop(struct play *play, struct mts_hop hop) {
    struct error err = {0};
    if (!mts_tables_add_hop(play->tables, &hop, &err))
        fail_msg("%s", err.text);
}

UNUSED static void add_route(struct play *play, const char *pattern, const char *hop) {
    struct error err = {0};
    struct mts_choice choice = {.hop = hop, .weight = 1};
    struct mts_route route = {.pattern = pattern, .choices = &choice, .choice_count = 1};
    if (!hop)
        route = (struct mts_route){.pattern = pattern, .action = MTS_ROUTE_LOCAL};
    if (!mts_tables_add_route(play->tables, &route, &err))
        fail_msg("%s", err.text);
}

UNUSED static void add_dl(struct play *play, struct mts_dl dl, const char *member, ...) {
    const char *members[8];
    struct error err = {0};
    va_list more;
    va_start(more, member);
    for (dl.member_count = 0; member; member = va_arg(more, const char *))
        members[dl.member_count++] = member;
    va_end(more);
    dl.members = members;
    mts_tables_remove(play->tables, dl.address);
    if (!mts_tables_add_dl(play->tables, &dl, &err))
        fail_msg("%s", err.text);
}

/* Peers: beta (0, foreign), inner (1, our domain), other (2, foreign), old (3, foreign, 1984), all with
 * transit. Users: alice, bob. */
UNUSED static void play_begin(struct play *play) {
    struct error err = {0};
    struct mts_self self = {.domain = OURS, .mta_name = "alpha-1", NUMBERS_OF_SELF};
    *play = (struct play){0};
    play->tables = mts_tables_new(&self, &err);
    if (!play->tables)
        fail_msg("%s", err.text);
    arena_init(&play->arena, 16 << 20);
    add_hop(play, (struct mts_hop){.name = "beta", .domain = BETA, .transit = true});
    add_hop(play, (struct mts_hop){.name = "inner"});
    add_hop(play, (struct mts_hop){.name = "other", .domain = OTHER, .transit = true});
    add_hop(play, (struct mts_hop){
                      .name = "old", .domain = "/C=US/A=MCI", .edition = MTS_EDITION_1984, .transit = true});
    add_route(play, OURS, NULL);
    add_route(play, BETA, "beta");
    add_route(play, OTHER, "other");
    add_route(play, "/C=US/A=MCI", "old");
    add_route(play, OURS "/O=inner", "inner");
    add_user(play, ALICE, (struct mts_user){.mailbox = "alice"});
    add_user(play, BOB, (struct mts_user){.mailbox = "bob"});
    play->run = (struct mts_run){.tables = play->tables,
                                 .arena = &play->arena,
                                 .now = NOW,
                                 .id_prefix = "alpha-1.7",
                                 .hop_down = play->down,
                                 .hop_down_count = 8};
}

UNUSED static void play_end(struct play *play) {
    arena_free(&play->arena);
    mts_tables_free(play->tables);
}

UNUSED static struct x411_ORName name_of(struct play *play, const char *text) {
    struct x411_ORName name;
    struct error err = {0};
    if (!address_parse(&play->arena, text, &name, &err))
        fail_msg("%s: %s", text, err.text);
    return name;
}

UNUSED static struct x411_GlobalDomainIdentifier domain_named(struct play *play, const char *text) {
    struct x411_GlobalDomainIdentifier domain = {0};
    assert_true(domain_parse(span_str(text), &play->arena, &domain, NULL));
    return domain;
}

UNUSED static struct span utc(struct play *play, int64_t seconds) {
    struct span text;
    assert_true(ber_utctime_write(seconds, &play->arena, &text));
    return text;
}

enum visit { VISIT = 0, REDIRECTED = 1, DL_OPERATION = 2, REROUTED = 4 };

UNUSED static struct x411_TraceInformationElement *
visit(struct play *play, struct x411_TraceInformation *trace, const char *domain, unsigned what) {
    struct x411_TraceInformationElement *items = arena_array(&play->arena, trace->count + 1, sizeof *items);
    if (trace->count)
        memcpy(items, trace->items, trace->count * sizeof *items);
    struct x411_TraceInformationElement *last = &items[trace->count++];
    trace->items = items;
    last->global_domain_identifier = domain_named(play, domain);
    last->domain_supplied_information.arrival_time = utc(play, NOW - 600);
    last->domain_supplied_information.routing_action = what & REROUTED ? 1 : 0;
    if (what & REDIRECTED)
        assert_true(ber_bit_set(&last->domain_supplied_information.other_actions, 0, true, &play->arena));
    if (what & DL_OPERATION)
        assert_true(ber_bit_set(&last->domain_supplied_information.other_actions, 1, true, &play->arena));
    return last;
}

/* PerRecipientIndicators by name. */
enum {
    RESPONSIBLE = 0x80,
    MTA_REPORT_BIT = 0x40,
    MTA_NDN_BIT = 0x20,
    ORIGINATOR_REPORT_BIT = 0x10,
    ORIGINATOR_NDN_BIT = 0x08
};
#define WANTS_NDN    (RESPONSIBLE | MTA_NDN_BIT | ORIGINATOR_NDN_BIT)
#define WANTS_REPORT (RESPONSIBLE | MTA_REPORT_BIT | ORIGINATOR_REPORT_BIT)
#define WANTS_AUDIT  (RESPONSIBLE | MTA_REPORT_BIT | MTA_NDN_BIT | ORIGINATOR_REPORT_BIT)

UNUSED static struct ber_bits bits(struct play *play, uint8_t octet) {
    return (struct ber_bits){arena_dup(&play->arena, span_of(&octet, 1)), 0};
}

UNUSED static recipient_fields *to(struct play *play, struct x411_MessageTransferEnvelope *envelope,
                                   const char *address, unsigned indicators) {
    size_t count = envelope->per_recipient_fields.count;
    recipient_fields *items = arena_array(&play->arena, count + 1, sizeof *items);
    if (count)
        memcpy(items, envelope->per_recipient_fields.items, count * sizeof *items);
    envelope->per_recipient_fields.items = items;
    envelope->per_recipient_fields.count = count + 1;
    items[count].recipient_name = name_of(play, address);
    items[count].originally_specified_recipient_number = (int64_t)count + 1;
    items[count].per_recipient_indicators = bits(play, (uint8_t)indicators);
    return &items[count];
}

/* A P22 message, submitted in `domain` (NULL: no trace yet). */
UNUSED static struct x411_MessageTransferEnvelope *message(struct play *play, const char *originator,
                                                           const char *domain) {
    struct x411_MessageTransferEnvelope *envelope = arena_alloc(&play->arena, sizeof *envelope);
    envelope->message_identifier.global_domain_identifier = domain_named(play, BETA);
    envelope->message_identifier.local_identifier = SPAN_LIT("m-1");
    envelope->originator_name = name_of(play, originator);
    envelope->content_type.choice = x411_ContentType_built_in;
    envelope->content_type.u.built_in = 22;
    envelope->content_identifier = SPAN_LIT("cid");
    if (domain)
        visit(play, &envelope->trace_information, domain, VISIT);
    return envelope;
}

UNUSED static void extend(struct play *play, struct x411_Extensions *extensions, int number,
                          const struct ber_type *type, const void *value, unsigned critical) {
    assert_true(extension_encode(&play->arena, extensions, number, type, value));
    struct x411_ExtensionField *field = (struct x411_ExtensionField *)extension_find(extensions, number);
    if (critical)
        assert_true(ber_bit_set(&field->criticality, critical - 1, true, &play->arena));
}
enum { FOR_SUBMISSION = 1, FOR_TRANSFER = 2, FOR_DELIVERY = 3 };

UNUSED static void extend_enumerated(struct play *play, struct x411_Extensions *extensions, int number,
                                     uint8_t value) {
    uint8_t octets[3] = {0x0A, 1, value};
    assert_true(extension_set(&play->arena, extensions, number, arena_dup(&play->arena, span_of(octets, 3))));
}

UNUSED static void indicate(struct play *play, struct x411_MessageTransferEnvelope *envelope, unsigned bit) {
    assert_true(ber_bit_set(&envelope->per_message_indicators, bit, true, &play->arena));
}

/* By way of its octets, as the wire brings it. */
UNUSED static struct x411_MessageTransferEnvelope *
over_the_wire(struct play *play, const struct x411_MessageTransferEnvelope *envelope) {
    struct ber_error error = {0};
    struct span octets;
    struct x411_MessageTransferEnvelope *received = arena_alloc(&play->arena, sizeof *received);
    if (!ber_encode_arena(&x411_MessageTransferEnvelope_type, envelope, &play->arena, &octets, &error))
        fail_msg("encode: %s %s", error.path, error.text);
    if (!ber_decode(&x411_MessageTransferEnvelope_type, octets, &play->arena, NULL, received, &error))
        fail_msg("decode: %s %s", error.path, error.text);
    return received;
}

UNUSED static void arrives(struct play *play, const char *peer,
                           const struct x411_MessageTransferEnvelope *envelope) {
    const struct x411_MessageTransferEnvelope *received = over_the_wire(play, envelope);
    do
        mts_accept_message(&play->run, mts_hop_number(play->tables, peer), received, 2000, &play->out);
    while (again(play, &play->out));
    assert_int_equal(play->out.result, MTS_DECIDED);
}

/* ---- what is kept ---- */

UNUSED static struct mts_copy *find_copy(struct play *play, const char *hop, const char *mailbox,
                                         struct mts_object **object) {
    for (size_t i = 0; i < play->out.object_count; i++)
        for (size_t k = 0; k < play->out.objects[i].copy_count; k++) {
            struct mts_copy *copy = &play->out.objects[i].copies[k];
            bool here =
                hop ? copy->kind == MTS_COPY_TRANSFER && copy->hop == mts_hop_number(play->tables, hop)
                    : mailbox && copy->kind == MTS_COPY_DELIVER && strcmp(copy->mailbox, mailbox) == 0;
            if (!here)
                continue;
            if (object)
                *object = &play->out.objects[i];
            return copy;
        }
    return NULL;
}

UNUSED static struct mts_stored stored_of(const struct mts_object *object, const struct mts_copy *copy) {
    return (struct mts_stored){object->kind, object->octets, copy->plan, object->has_content,
                               object->has_content ? 2000 : 0};
}

UNUSED static struct mts_stored stored_copy(struct play *play, const char *hop, const char *mailbox) {
    struct mts_object *object = NULL;
    struct mts_copy *copy = find_copy(play, hop, mailbox, &object);
    if (!copy)
        fail_msg("no copy for %s", hop ? hop : mailbox);
    return stored_of(object, copy);
}

/* What the user gets of a copy that was just delivered. */
UNUSED static struct span delivery_envelope(struct play *play, const struct mts_stored *stored,
                                            const struct mts_delivery *delivery) {
    return mts_delivery_envelope(stored, delivery->position, play->run.now, &play->arena);
}

/* The APDU as the next hop gets it: the prefix, and content octets of 'x'. */
UNUSED static struct x411_MTS_APDU *outbound(struct play *play, const struct mts_stored *stored) {
    struct buf out;
    struct ber_error error = {0};
    buf_init(&out, 0);
    assert_true(mts_outbound(stored, &play->arena, &out));
    for (uint64_t i = 0; i < stored->content_length; i++)
        assert_true(buf_append_byte(&out, 'x'));
    struct span octets = arena_dup(&play->arena, buf_span(&out));
    buf_free(&out);
    struct x411_MTS_APDU *apdu = arena_alloc(&play->arena, sizeof *apdu);
    if (!ber_decode(&x411_MTS_APDU_type, octets, &play->arena, NULL, apdu, &error))
        fail_msg("outbound: %s %s", error.path, error.text);
    return apdu;
}

UNUSED static struct x411_MessageTransferEnvelope *sent_to(struct play *play, const char *hop) {
    struct mts_stored stored = stored_copy(play, hop, NULL);
    struct x411_MTS_APDU *apdu = outbound(play, &stored);
    assert_int_equal(apdu->choice, x411_MTS_APDU_message);
    assert_int_equal(apdu->u.message.content.len, 2000);
    return &apdu->u.message.envelope;
}

/* The n-th report that is object, from 0. NULL: there are fewer. */
UNUSED static struct x411_Report *report_held(struct play *play, size_t n) {
    for (size_t i = 0; i < play->out.object_count; i++) {
        struct ber_error error = {0};
        struct x411_Report *report;
        if (play->out.objects[i].kind != MTS_REPORT || n--)
            continue;
        report = arena_alloc(&play->arena, sizeof *report);
        if (!ber_decode(&x411_Report_type, play->out.objects[i].octets, &play->arena, NULL, report, &error))
            fail_msg("report: %s %s", error.path, error.text);
        return report;
    }
    return NULL;
}

UNUSED static struct x411_PerRecipientReportTransferFields *reported(struct x411_Report *report,
                                                                     int64_t number) {
    for (size_t i = 0; report && i < report->content.per_recipient_fields.count; i++)
        if (report->content.per_recipient_fields.items[i].originally_specified_recipient_number == number)
            return &report->content.per_recipient_fields.items[i];
    fail_msg("no report on recipient %d", (int)number);
    return NULL;
}

UNUSED static void assert_not_delivered(struct play *play, int64_t number, int reason, int diagnostic) {
    struct x411_PerRecipientReportTransferFields *fields = reported(report_held(play, 0), number);
    const struct x411_ReportType *type = &fields->last_trace_information.report_type;
    assert_int_equal(type->choice, x411_ReportType_non_delivery);
    assert_int_equal(type->u.non_delivery.non_delivery_reason_code, reason);
    assert_int_equal(type->u.non_delivery.has_non_delivery_diagnostic_code, diagnostic >= 0);
    if (diagnostic >= 0)
        assert_int_equal(type->u.non_delivery.non_delivery_diagnostic_code, diagnostic);
}

UNUSED static void assert_name(struct play *play, const struct x411_ORName *name, const char *address) {
    struct x411_ORName expected = name_of(play, address);
    if (!address_equal(&play->arena, name, &expected))
        fail_msg("%s is not %s", (const char *)address_text(&play->arena, name).data, address);
}

UNUSED static const struct mts_event *event_of(struct play *play, enum mts_event_kind kind) {
    for (size_t i = 0; i < play->out.event_count; i++)
        if (play->out.events[i].kind == kind)
            return &play->out.events[i];
    return NULL;
}

UNUSED static int begin(void **state) {
    static struct play play;
    play_begin(&play);
    *state = &play;
    return 0;
}

UNUSED static int end(void **state) {
    play_end(*state);
    return 0;
}

#define SCENE(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif
