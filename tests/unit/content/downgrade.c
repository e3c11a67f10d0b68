/* P22 to P2: what comes out is judged by the schema's decoder and by walking its octets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "asn1/ber.h"
#include "base/buf.h"
#include "content/downgrade.h"
#include "content/ipm.h"
#include "schema/x420.h"

static struct arena arena;
static const struct span nothing;
static const struct oraddress *gateway;

static int reset(void **state) {
    (void)state;
    arena_free(&arena);
    arena_init(&arena, (size_t)256 << 20);
    gateway = NULL;
    return 0;
}

/* ---- contents, octet by octet ---- */

#define OCTETS(literal) span_of("" literal, sizeof(literal) - 1)

static struct span join(size_t count, const struct span *parts) {
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    uint8_t *octets = arena_alloc(&arena, len + 1), *at = octets;
    for (size_t i = 0; i < count; i++) {
        memcpy(at, parts[i].data, parts[i].len);
        at += parts[i].len;
    }
    return span_of(octets, len);
}
#define JOIN(...)                                                                                            \
    join(sizeof((struct span[]){__VA_ARGS__}) / sizeof(struct span), (struct span[]){__VA_ARGS__})

static struct span tlv(uint8_t tag, struct span contents) {
    uint8_t header[6] = {tag,
                         0x84,
                         (uint8_t)(contents.len >> 24),
                         (uint8_t)(contents.len >> 16),
                         (uint8_t)(contents.len >> 8),
                         (uint8_t)contents.len};
    return JOIN(span_of(header, 6), contents);
}

/* The same with an indefinite length. */
static struct span loose(uint8_t tag, struct span contents) {
    uint8_t header[2] = {tag, 0x80};
    return JOIN(span_of(header, 2), contents, OCTETS("\0\0"));
}

#define THIS_IPM                                                                                             \
    OCTETS("\x6B\x03\x13\x01"                                                                                \
           "1")
#define ET(arc) OCTETS("\x06\x04\x56\x01\x04" arc)
#define EP(arc) OCTETS("\x06\x04\x56\x01\x0B" arc)

static struct span extended(struct span type, struct span data, struct span parameter_type,
                            struct span parameters) {
    struct span first = parameters.data ? tlv(0xA0, JOIN(parameter_type, tlv(0xA0, parameters))) : OCTETS("");
    return tlv(0xAF, JOIN(first, tlv(0x28, JOIN(type, tlv(0xA0, data)))));
}

static struct span ipm(struct span heading, struct span body) {
    return tlv(0xA0, JOIN(tlv(0x31, heading), tlv(0x30, body)));
}

static struct span general_text(struct span text, struct span registrations) {
    return extended(ET("\x0B"), tlv(0x1B, text), EP("\x0B"), tlv(0x31, registrations));
}

#define LATIN1 OCTETS("\x02\x01\x01\x02\x01\x06\x02\x01\x64")
#define UTF8   OCTETS("\x02\x01\x01\x02\x01\x06\x02\x02\x00\xC4")

/* ---- running ---- */

static bool read_memory(void *context, uint64_t offset, void *out, size_t len) {
    const struct span *content = context;
    assert_true(offset <= content->len && len <= content->len - offset);
    memcpy(out, content->data + offset, len);
    return true;
}

static bool gather(void *context, struct span octets) {
    return buf_append_span(context, octets);
}

static struct downgrade plan;
static struct downgrade_refusal refusal;

static struct span downgraded(struct span content, unsigned flags) {
    struct content_source source = {read_memory, &content, content.len};
    struct buf out;
    if (!downgrade_plan(&source, &(struct downgrade_how){flags, gateway}, &arena, &plan, &refusal))
        fail_msg("refused: %d %d %s", refusal.reason, refusal.diagnostic, refusal.text);
    buf_init(&out, 0);
    assert_true(downgrade_write(&plan, &source, &arena, gather, &out));
    assert_int_equal(out.len, plan.length);
    struct span copy = arena_dup(&arena, buf_span(&out));
    buf_free(&out);
    return copy;
}

static void check_refused(struct span content, unsigned flags, int reason, int diagnostic) {
    struct content_source source = {read_memory, &content, content.len};
    assert_false(downgrade_plan(&source, &(struct downgrade_how){flags, gateway}, &arena, &plan, &refusal));
    assert_int_equal(refusal.reason, reason);
    assert_int_equal(refusal.diagnostic, diagnostic);
}

static struct x420_InformationObject *decoded(struct span content) {
    struct x420_InformationObject *object = arena_alloc(&arena, sizeof *object);
    struct ber_error why = {0};
    if (!ber_decode(&x420_InformationObject_type, content, &arena, NULL, object, &why))
        fail_msg("%s: %s", why.path, why.text);
    return object;
}

/* The only part of a body. */
static struct x420_BodyPart *only_part(struct span content) {
    struct x420_InformationObject *object = decoded(content);
    assert_int_equal(object->choice, x420_InformationObject_ipm);
    assert_int_equal(object->u.ipm.body.count, 1);
    return &object->u.ipm.body.items[0];
}

static void check_octets(struct span got, struct span want) {
    assert_int_equal(got.len, want.len);
    assert_memory_equal(got.data, want.data, want.len);
}

/* ---- headings ---- */

static struct span name_with(struct span more, struct span directory_name) {
    return JOIN(tlv(0x30, JOIN(OCTETS("\x61\x04\x13\x02GB\x62\x06\x13\x04GOLD"))), more, directory_name);
}

static struct span common_name(uint8_t number, struct span value) {
    uint8_t type[3] = {0x80, 1, number};
    return tlv(0x31, tlv(0x30, JOIN(span_of(type, 3), tlv(0xA1, value))));
}

static void extensions_of_the_heading_go(void **state) {
    (void)state;
    struct span languages = tlv(0x30, JOIN(OCTETS("\x06\x04\x56\x01\x05\x01"), OCTETS("\x31\x04\x13\x02"
                                                                                      "en")));
    struct span recipient = tlv(0x31, JOIN(tlv(0xA0, OCTETS("\x80\x03"
                                                            "Bob")),
                                           OCTETS("\x81\x02\x03\xF8"), tlv(0xA3, languages)));
    struct span heading = JOIN(THIS_IPM, tlv(0xA2, recipient),
                               OCTETS("\xA8\x06\x14\x04"
                                      "Tea?"),
                               tlv(0xAF, languages));
    struct x420_Heading *got = &decoded(downgraded(ipm(heading, OCTETS("")), 0))->u.ipm.heading;
    assert_int_equal(got->extensions.count, 0);
    check_octets(got->subject, OCTETS("Tea?"));
    assert_int_equal(got->primary_recipients.count, 1);
    assert_int_equal(got->primary_recipients.items[0].recipient_extensions.count, 0);
    for (unsigned bit = 0; bit < 5; bit++)
        assert_int_equal(ber_bit(&got->primary_recipients.items[0].notification_requests, bit), bit < 3);
    assert_int_equal(plan.types, 1);
    assert_false(plan.converted);
}

static void a_common_name_becomes_a_domain_defined_attribute(void **state) {
    (void)state;
    struct span name = tlv(0x60, name_with(common_name(1, OCTETS("\x13\x0APostmaster")), OCTETS("")));
    struct span heading = JOIN(tlv(0x6B, JOIN(name, OCTETS("\x13\x01"
                                                           "1"))),
                               tlv(0xA0, name));
    struct x420_Heading *got = &decoded(downgraded(ipm(heading, OCTETS("")), 0))->u.ipm.heading;
    struct x411_ORName *names[] = {got->this_IPM.user, got->originator->formal_name};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(names[i]->extension_attributes.count, 0);
        assert_int_equal(names[i]->built_in_domain_defined_attributes.count, 1);
        check_octets(names[i]->built_in_domain_defined_attributes.items[0].type, OCTETS("Common"));
        check_octets(names[i]->built_in_domain_defined_attributes.items[0].value, OCTETS("Postmaster"));
    }
}

static void a_name_that_1984_lacks_is_refused(void **state) {
    (void)state;
    struct span name = tlv(0x60, name_with(common_name(16, OCTETS("\x13\x03"
                                                                  "Rio")),
                                           OCTETS("")));
    check_refused(ipm(JOIN(THIS_IPM, tlv(0xA0, name)), OCTETS("")), 0,
                  x411_NonDeliveryReasonCode_unable_to_transfer,
                  x411_NonDeliveryDiagnosticCode_unable_to_downgrade);
}

static void a_name_that_1984_lacks_travels_below_the_agreed_address(void **state) {
    (void)state;
    struct oraddress address;
    assert_true(oraddress_parse(SPAN_LIT("/C=GB/A=GOLD/P=GATE"), &arena, &address, NULL));
    gateway = &address;
    struct span name = tlv(0x60, name_with(common_name(9, OCTETS("\x13\x05"
                                                                 "21000")),
                                           OCTETS("")));
    struct span content = ipm(JOIN(THIS_IPM, tlv(0xA0, name)), OCTETS(""));
    const struct x411_ORName *got = decoded(downgraded(content, 0))->u.ipm.heading.originator->formal_name;
    assert_int_equal(got->extension_attributes.count, 0);
    assert_int_equal(got->built_in_domain_defined_attributes.count, 1);
    check_octets(got->built_in_domain_defined_attributes.items[0].type, OCTETS("X400-88"));
    assert_non_null(memmem(got->built_in_domain_defined_attributes.items[0].value.data,
                           got->built_in_domain_defined_attributes.items[0].value.len, "21000", 5));
}

static void a_directory_name_is_appended_to_the_free_form_name(void **state) {
    (void)state;
    struct span rdn_c = tlv(0x31, tlv(0x30, OCTETS("\x06\x03\x55\x04\x06\x13\x02"
                                                   "GB")));
    struct span rdn_cn = tlv(0x31, tlv(0x30, OCTETS("\x06\x03\x55\x04\x03\x13\x05"
                                                    "Steve")));
    struct span dn = tlv(0xA0, tlv(0x30, JOIN(rdn_c, rdn_cn)));
    struct span user = tlv(0xA0, JOIN(tlv(0x60, name_with(OCTETS(""), dn)), OCTETS("\x80\x02SK")));
    struct x420_Heading *got = &decoded(downgraded(ipm(JOIN(THIS_IPM, user), OCTETS("")), 0))->u.ipm.heading;
    check_octets(got->originator->free_form_name, OCTETS("SK (Steve, GB)"));
    assert_null(got->originator->formal_name->directory_name);
}

/* ---- parts ---- */

static void basic_parts_stay_as_they_are(void **state) {
    (void)state;
    struct span parts = JOIN(tlv(0xA0, OCTETS("\x31\x00\x16\x02Hi")), tlv(0xA3, OCTETS("\x31\x00\x30\x00")),
                             OCTETS("\x8E\x03"
                                    "abc"));
    struct span content = downgraded(loose(0xA0, JOIN(loose(0x31, THIS_IPM), loose(0x30, parts))), 3);
    struct x420_IPM *got = &decoded(content)->u.ipm;
    assert_int_equal(got->body.count, 3);
    assert_int_equal(plan.types, 1 << 2 | 1 << 3 | 1 << 0);
    assert_true(memmem(content.data, content.len, parts.data, parts.len));
}

static void an_extended_part_becomes_its_basic_one(void **state) {
    (void)state;
    struct span ia5 = extended(ET("\x00"), OCTETS("\x16\x02Hi"), EP("\x00"), OCTETS("\x31\x00"));
    struct x420_BodyPart *got = only_part(downgraded(ipm(THIS_IPM, ia5), DOWNGRADE_CONVERSION_PROHIBITED));
    assert_int_equal(got->choice, x420_BodyPart_ia5_text);
    check_octets(got->u.ia5_text.data, OCTETS("Hi"));
    struct span bilateral = extended(ET("\x09"),
                                     loose(0x24, OCTETS("\x04\x01"
                                                        "a\x04\x01"
                                                        "b")),
                                     nothing, nothing);
    got = only_part(downgraded(ipm(THIS_IPM, bilateral), 0));
    assert_int_equal(got->choice, x420_BodyPart_bilaterally_defined);
    check_octets(got->u.bilaterally_defined, OCTETS("ab"));
    struct span national = extended(ET("\x0A"), OCTETS("\x30\x03\x02\x01\x07"), nothing, nothing);
    got = only_part(downgraded(ipm(THIS_IPM, national), 0));
    assert_int_equal(got->choice, x420_BodyPart_nationally_defined);
    check_octets(got->u.nationally_defined, OCTETS("\x30\x03\x02\x01\x07"));
}

static void general_text_becomes_ia5_text_or_teletex(void **state) {
    (void)state;
    struct x420_BodyPart *got =
        only_part(downgraded(ipm(THIS_IPM, general_text(OCTETS("plain"), LATIN1)), 2));
    assert_int_equal(got->choice, x420_BodyPart_ia5_text);
    check_octets(got->u.ia5_text.data, OCTETS("plain"));
    assert_int_equal(plan.types, 1 << 2);
    assert_true(plan.converted);
    got = only_part(downgraded(ipm(THIS_IPM, general_text(OCTETS("caf\xE9\n\xFC"), LATIN1)), 2));
    assert_int_equal(got->choice, x420_BodyPart_teletex);
    assert_int_equal(got->u.teletex.data.count, 1);
    check_octets(got->u.teletex.data.items[0], OCTETS("caf\xC2"
                                                      "e\n\xC8u"));
    assert_int_equal(plan.types, 1 << 5);
    assert_false(plan.lossy);
}

static void text_that_t61_lacks_is_lost_or_refused(void **state) {
    (void)state;
    struct span content = ipm(THIS_IPM, general_text(OCTETS("\xE2\x82\xAC 5"), UTF8));
    struct x420_BodyPart *got = only_part(downgraded(content, 0));
    check_octets(got->u.ia5_text.data, OCTETS("? 5"));
    assert_true(plan.lossy);
    assert_int_equal(plan.losses.texts, 1);
    assert_int_equal(plan.losses.files + plan.losses.parts, 0);
    check_refused(content, DOWNGRADE_LOSS_PROHIBITED, x411_NonDeliveryReasonCode_conversion_not_performed,
                  x411_NonDeliveryDiagnosticCode_conversion_with_loss_prohibited);
    check_refused(content, DOWNGRADE_CONVERSION_PROHIBITED,
                  x411_NonDeliveryReasonCode_conversion_not_performed,
                  x411_NonDeliveryDiagnosticCode_implicit_conversion_prohibited);
}

/* Longer than the window and than the piece that is converted at once; the last line has no end. */
static void long_text_is_converted_in_pieces(void **state) {
    (void)state;
    size_t lines = 40000, len = 0;
    uint8_t *text = arena_alloc(&arena, lines * 32);
    for (size_t i = 0; i < lines; i++)
        len += (size_t)sprintf((char *)text + len, "line %zu \xC3\xA9%s", i, i + 1 < lines ? "\n" : "");
    struct span content = ipm(THIS_IPM, general_text(span_of(text, len), UTF8));
    struct x420_BodyPart *got = only_part(downgraded(content, DOWNGRADE_LOSS_PROHIBITED));
    assert_int_equal(got->choice, x420_BodyPart_teletex);
    struct span out = got->u.teletex.data.items[0];
    assert_int_equal(out.len, len); /* two octets for the letter in both */
    assert_memory_equal(out.data + out.len - 2,
                        "\xC2"
                        "e",
                        2);
    for (size_t i = 0; i < out.len; i++)
        assert_int_not_equal(out.data[i], '?');
}

static struct span file_part(struct span parameters, struct span data) {
    return extended(ET("\x0C"), tlv(0x30, data), EP("\x0C"), tlv(0x30, parameters));
}

static void a_file_becomes_bilaterally_defined(void **state) {
    (void)state;
    struct span first = tlv(0x28, OCTETS("\x06\x05\x28\xC2\x7B\x02\x04\xA0\x05\x04\x03one"));
    struct span second = tlv(0x28, OCTETS("\x06\x05\x28\xC2\x7B\x02\x04\x81\x03two"));
    struct span content = ipm(THIS_IPM, file_part(OCTETS(""), JOIN(first, second)));
    struct x420_BodyPart *got = only_part(downgraded(content, 0));
    assert_int_equal(got->choice, x420_BodyPart_bilaterally_defined);
    check_octets(got->u.bilaterally_defined, OCTETS("onetwo"));
    check_refused(content, DOWNGRADE_LOSS_PROHIBITED, x411_NonDeliveryReasonCode_conversion_not_performed,
                  x411_NonDeliveryDiagnosticCode_conversion_with_loss_prohibited);
    struct span packed = ipm(THIS_IPM, file_part(OCTETS("\xA3\x03\x80\x01\x2A"), first));
    check_refused(packed, 0, x411_NonDeliveryReasonCode_unable_to_transfer,
                  x411_NonDeliveryDiagnosticCode_unable_to_downgrade);
}

static void what_has_no_counterpart_is_refused_or_replaced(void **state) {
    (void)state;
    struct span content = ipm(THIS_IPM, extended(ET("\x10"), OCTETS("\x04\x01v"), nothing, nothing));
    check_refused(content, 0, x411_NonDeliveryReasonCode_unable_to_transfer,
                  x411_NonDeliveryDiagnosticCode_unable_to_downgrade);
    assert_string_equal(refusal.text, "voice");
    struct x420_BodyPart *got = only_part(downgraded(content, DOWNGRADE_REPLACE));
    assert_int_equal(got->choice, x420_BodyPart_ia5_text);
    assert_non_null(memmem(got->u.ia5_text.data.data, got->u.ia5_text.data.len, "voice", 5));
    assert_int_equal(plan.losses.parts, 1);
    check_refused(content, DOWNGRADE_REPLACE | DOWNGRADE_LOSS_PROHIBITED,
                  x411_NonDeliveryReasonCode_conversion_not_performed,
                  x411_NonDeliveryDiagnosticCode_conversion_with_loss_prohibited);
}

static void what_has_no_counterpart_is_encapsulated(void **state) {
    (void)state;
    struct span part = extended(ET("\x10"), OCTETS("\x04\x01v"), nothing, nothing);
    struct span content = ipm(THIS_IPM, part);
    unsigned flags = DOWNGRADE_ENCAPSULATE | DOWNGRADE_REPLACE;
    struct x420_BodyPart *got = only_part(downgraded(content, flags | DOWNGRADE_LOSS_PROHIBITED));
    assert_int_equal(got->choice, x420_BodyPart_nationally_defined);
    check_octets(got->u.nationally_defined, part);
    assert_int_equal(plan.types, 1);
    assert_true(plan.converted && !plan.lossy);
    check_refused(content, flags | DOWNGRADE_CONVERSION_PROHIBITED,
                  x411_NonDeliveryReasonCode_conversion_not_performed,
                  x411_NonDeliveryDiagnosticCode_implicit_conversion_prohibited);
}

/* ---- forwarded messages ---- */

static struct span forward(struct span heading, struct span body) {
    return tlv(0xA9, JOIN(OCTETS("\x31\x00"), tlv(0x30, JOIN(tlv(0x31, heading), tlv(0x30, body)))));
}

static void forwarded_messages_are_treated_alike(void **state) {
    (void)state;
    struct span extension = tlv(0xAF, tlv(0x30, OCTETS("\x06\x04\x56\x01\x05\x00\x05\x00")));
    struct span text = general_text(OCTETS("inner"), LATIN1);
    struct x420_BodyPart *got =
        only_part(downgraded(ipm(THIS_IPM, forward(JOIN(THIS_IPM, extension), text)), 0));
    assert_int_equal(got->choice, x420_BodyPart_message);
    assert_int_equal(got->u.message.data.heading.extensions.count, 0);
    assert_int_equal(got->u.message.data.body.items[0].choice, x420_BodyPart_ia5_text);
    /* As a whole content in octets, with what proves its submission */
    struct span type = OCTETS("\x06\x09\x56\x01\x04\x11\x02\x06\x01\x0A\x01");
    struct span content =
        extended(type, tlv(0x04, ipm(THIS_IPM, text)), OCTETS("\x06\x09\x56\x01\x0B\x11\x02\x06\x01\x0A\x01"),
                 tlv(0x31, OCTETS("\x80\x0D"
                                  "260101000000Z")));
    got = only_part(downgraded(ipm(THIS_IPM, content), 0));
    assert_int_equal(got->choice, x420_BodyPart_message);
    check_octets(got->u.message.parameters.delivery_time, OCTETS("260101000000Z"));
    assert_int_equal(got->u.message.data.body.items[0].choice, x420_BodyPart_ia5_text);
}

static void nesting_is_bounded(void **state) {
    (void)state;
    struct span body = tlv(0xA0, OCTETS("\x31\x00\x16\x00"));
    for (unsigned depth = 0; depth < DOWNGRADE_DEPTH; depth++)
        body = forward(THIS_IPM, body);
    downgraded(ipm(THIS_IPM, body), 0);
    check_refused(ipm(THIS_IPM, forward(THIS_IPM, body)), 0, x411_NonDeliveryReasonCode_unable_to_transfer,
                  x411_NonDeliveryDiagnosticCode_unable_to_downgrade);
    /* A nesting bomb of indefinite lengths */
    size_t len = 200000;
    uint8_t *bomb = arena_alloc(&arena, len);
    for (size_t i = 0; i < len; i += 2) {
        bomb[i] = 0xA0;
        bomb[i + 1] = 0x80;
    }
    check_refused(span_of(bomb, len), 0, x411_NonDeliveryReasonCode_unable_to_transfer,
                  x411_NonDeliveryDiagnosticCode_unable_to_downgrade);
}

static void what_is_cut_off_is_no_content(void **state) {
    (void)state;
    struct span whole = ipm(THIS_IPM, JOIN(general_text(OCTETS("some text"), LATIN1),
                                           forward(THIS_IPM, general_text(OCTETS("more"), UTF8))));
    for (size_t len = 0; len < whole.len; len++) {
        struct span cut = span_sub(whole, 0, len);
        struct content_source source = {read_memory, &cut, len};
        assert_false(downgrade_plan(&source, &(struct downgrade_how){0}, &arena, &plan, &refusal));
        assert_int_equal(refusal.diagnostic, x411_NonDeliveryDiagnosticCode_content_syntax_error);
    }
}

/* ---- notifications ---- */

static void notifications_lose_what_is_new(void **state) {
    (void)state;
    struct span extension = tlv(0x30, OCTETS("\x06\x04\x56\x01\x05\x00\x05\x00"));
    struct span receipt = tlv(0xA1, JOIN(OCTETS("\x80\x0D"
                                                "260101000000Z"),
                                         tlv(0xA3, extension)));
    struct span rn =
        tlv(0xA1, JOIN(THIS_IPM, tlv(0xA1, OCTETS("\x80\x01X")), tlv(0xA3, extension), tlv(0xA0, receipt)));
    struct x420_IPN *got = &decoded(downgraded(rn, 0))->u.ipn;
    assert_int_equal(got->notification_extensions.count, 0);
    check_octets(got->ipn_originator->free_form_name, OCTETS("X"));
    assert_int_equal(got->choice.choice, x420_NotificationFields_receipt_fields);
    assert_int_equal(got->choice.u.receipt_fields.rn_extensions.count, 0);
    /* With the message that was not read, which is downgraded too; ipm-deleted is no reason of 1984. */
    struct span returned = JOIN(tlv(0x31, JOIN(THIS_IPM, tlv(0xAF, extension))),
                                tlv(0x30, general_text(OCTETS("unread"), LATIN1)));
    struct span fields = tlv(0xA0, JOIN(OCTETS("\x80\x01\x00\x81\x01\x03"), tlv(0xA3, returned)));
    got = &decoded(downgraded(tlv(0xA1, JOIN(THIS_IPM, tlv(0xA0, fields))), 0))->u.ipn;
    struct x420_NonReceiptFields *non_receipt = &got->choice.u.non_receipt_fields;
    assert_false(non_receipt->has_discard_reason);
    assert_int_equal(non_receipt->returned_ipm->heading.extensions.count, 0);
    assert_int_equal(non_receipt->returned_ipm->body.items[0].choice, x420_BodyPart_ia5_text);
    struct span other = tlv(0xA1, JOIN(THIS_IPM, tlv(0xA0, tlv(0xA2, extension))));
    check_refused(other, 0, x411_NonDeliveryReasonCode_unable_to_transfer,
                  x411_NonDeliveryDiagnosticCode_unable_to_downgrade);
}

/* What is of 1984 already comes out as it went in, but for the form of lengths. */
static void p2_stays_p2(void **state) {
    (void)state;
    struct span parts =
        JOIN(tlv(0xA0, OCTETS("\x31\x00\x16\x02Hi")), forward(THIS_IPM, OCTETS("\xA0\x04\x31\x00\x16\x00")));
    struct span content = ipm(JOIN(THIS_IPM, OCTETS("\xA8\x03\x14\x01S")), parts);
    struct x420_InformationObject *before = decoded(content), *after = decoded(downgraded(content, 3));
    assert_true(ber_equal(&x420_InformationObject_type, before, after));
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, reset)
        TEST(extensions_of_the_heading_go),
        TEST(a_common_name_becomes_a_domain_defined_attribute),
        TEST(a_name_that_1984_lacks_is_refused),
        TEST(a_name_that_1984_lacks_travels_below_the_agreed_address),
        TEST(a_directory_name_is_appended_to_the_free_form_name),
        TEST(basic_parts_stay_as_they_are),
        TEST(an_extended_part_becomes_its_basic_one),
        TEST(general_text_becomes_ia5_text_or_teletex),
        TEST(text_that_t61_lacks_is_lost_or_refused),
        TEST(long_text_is_converted_in_pieces),
        TEST(a_file_becomes_bilaterally_defined),
        TEST(what_has_no_counterpart_is_refused_or_replaced),
        TEST(what_has_no_counterpart_is_encapsulated),
        TEST(forwarded_messages_are_treated_alike),
        TEST(nesting_is_bounded),
        TEST(what_is_cut_off_is_no_content),
        TEST(notifications_lose_what_is_new),
        TEST(p2_stays_p2),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(&arena);
    return failed;
}
