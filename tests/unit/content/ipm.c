/* Interpersonal messages and notifications: what is made is read back, and what others made is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "asn1/ber.h"
#include "base/buf.h"
#include "content/ipm.h"
#include "schema/x420.h"

static struct arena arena;
static const struct span nothing;

static int reset(void **state) {
    (void)state;
    arena_free(&arena);
    arena_init(&arena, 16 * 1024 * 1024);
    return 0;
}

static struct x411_ORName *name(const char *organization) {
    struct x411_ORName *made = arena_alloc(&arena, sizeof *made);
    made->built_in_standard_attributes.organization_name = span_str(organization);
    return made;
}

/* The content that a plan describes; gaps are filled with `filling`. */
static struct span carry_out(const struct ipm_plan *plan, struct span filling) {
    uint8_t *content = arena_alloc(&arena, plan->length);
    size_t at = 0;
    for (size_t i = 0; i < plan->count; i++) {
        struct span octets = plan->pieces[i].octets.data ? plan->pieces[i].octets : filling;
        assert_int_equal(octets.len, plan->pieces[i].length);
        memcpy(content + at, octets.data, octets.len);
        at += octets.len;
    }
    assert_int_equal(at, plan->length);
    return span_of(content, at);
}

static struct span make(const struct ipm_heading *heading, const struct ipm_new_part *parts, size_t count,
                        struct span filling) {
    struct ipm_plan plan;
    struct error err = {0};
    if (!ipm_plan(heading, parts, count, &arena, &plan, &err))
        fail_msg("%s", err.text);
    return carry_out(&plan, filling);
}

/* Reads a content with an IPM, and has the schema's own decoder check it against every rule of X.420. */
static struct ipm *read_ipm(struct span content) {
    struct ipm_content out;
    struct error err = {0};
    struct ber_error why = {0};
    struct x420_InformationObject object;
    if (!ber_decode(&x420_InformationObject_type, content, &arena, NULL, &object, &why))
        fail_msg("%s: %s", why.path, why.text);
    if (!ipm_read(content, &arena, &out, &err))
        fail_msg("%s", err.text);
    assert_non_null(out.ipm);
    return out.ipm;
}

static struct ipm_heading plain_heading(void) {
    return (struct ipm_heading){.this_ipm = {name("Alpha"), "1 2026"}, .importance = IPM_NORMAL};
}

struct sum {
    uint8_t octets[4096];
    size_t len;
};

static bool gather(void *context, struct span piece) {
    struct sum *sum = context;
    assert_true(piece.len <= sizeof sum->octets - sum->len);
    memcpy(sum->octets + sum->len, piece.data, piece.len);
    sum->len += piece.len;
    return true;
}

static void check_octets(const struct ipm_part *part, struct span want) {
    struct sum sum = {.len = 0};
    assert_true(ipm_part_write(part, gather, &sum));
    assert_int_equal(sum.len, want.len);
    assert_memory_equal(sum.octets, want.data, want.len);
    assert_int_equal(part->size, want.len);
}

static void check_text(const struct ipm_part *part, const char *want) {
    struct span text = ipm_part_text(part, &arena);
    assert_non_null(text.data);
    assert_int_equal(text.len, strlen(want));
    assert_memory_equal(text.data, want, text.len);
}

/* What every_heading_field_returns writes, behind the recipients. */
static void the_rest_returned(const struct ipm_heading *got, const struct ipm_extension *policy) {
    assert_string_equal(got->replied_to_ipm->user_relative_identifier, "7");
    assert_int_equal(got->obsoleted_ipms.count, 2);
    assert_int_equal(got->related_ipms.count, 1);
    assert_string_equal(got->subject, "Grüße");
    assert_int_equal(got->expiry_time, 1800000000);
    assert_int_equal(got->reply_time, 1790000000);
    assert_int_equal(got->reply_recipients.count, 1);
    assert_int_equal(got->importance, IPM_HIGH);
    assert_int_equal(got->sensitivity, IPM_COMPANY_CONFIDENTIAL);
    assert_true(got->auto_forwarded && got->incomplete_copy);
    assert_int_equal(got->auto_submitted, IPM_AUTO_REPLIED);
    assert_int_equal(got->language_count, 2);
    assert_string_equal(got->originators_reference, "Az. 4/26");
    assert_int_equal(got->authorization_time, 1789000000);
    assert_int_equal(got->extensions.count, 1);
    assert_true(span_eq(got->extensions.items[0].type, policy->type));
    assert_true(span_eq(got->extensions.items[0].value, policy->value));
}

static void every_heading_field_returns(void **state) {
    (void)state;
    struct ipm_user originator = {name("Alpha"), "José Núñez", "+44 20 7946 0000"};
    struct ipm_user authorizing[] = {{name("Board"), NULL, NULL}};
    struct ipm_recipient primary[] = {
        {{name("Beta"), NULL, NULL},
         IPM_REQUEST_RN | IPM_REQUEST_NRN | IPM_REQUEST_IPM_RETURN,
         true,
         .extensions = {&(struct ipm_extension){x420_id_rex_precedence, SPAN_LIT("\x30\x00")}, 1}},
        {.user = {NULL, "Nobody", NULL}}};
    struct ipm_extension policy = {SPAN_LIT("\x2A\x03"), SPAN_LIT("\x06\x02\x2A\x03")};
    struct ipm_recipient copy[] = {{.user = {name("Gamma"), NULL, NULL}}};
    struct ipm_identifier earlier[] = {{name("Beta"), "7"}, {NULL, "8"}};
    const char *languages[] = {"en", "de"};
    const struct ipm_heading heading = {.this_ipm = {name("Alpha"), "1 2026"},
                                        .originator = &originator,
                                        .authorizing_users = {authorizing, 1},
                                        .primary_recipients = {primary, 2},
                                        .copy_recipients = {copy, 1},
                                        .blind_copy_recipients = {copy, 1},
                                        .replied_to_ipm = earlier,
                                        .obsoleted_ipms = {earlier, 2},
                                        .related_ipms = {earlier, 1},
                                        .subject = "Grüße",
                                        .expiry_time = 1800000000,
                                        .reply_time = 1790000000,
                                        .reply_recipients = {authorizing, 1},
                                        .importance = IPM_HIGH,
                                        .sensitivity = IPM_COMPANY_CONFIDENTIAL,
                                        .auto_forwarded = true,
                                        .incomplete_copy = true,
                                        .auto_submitted = IPM_AUTO_REPLIED,
                                        .languages = languages,
                                        .language_count = 2,
                                        .originators_reference = "Az. 4/26",
                                        .authorization_time = 1789000000,
                                        .extensions = {&policy, 1}};
    const struct ipm_heading *got = &read_ipm(make(&heading, NULL, 0, nothing))->heading;
    assert_string_equal(got->this_ipm.user_relative_identifier, "1 2026");
    assert_true(
        span_eq(got->this_ipm.user->built_in_standard_attributes.organization_name, SPAN_LIT("Alpha")));
    assert_string_equal(got->originator->free_form_name, "José Núñez");
    assert_string_equal(got->originator->telephone_number, "+44 20 7946 0000");
    assert_int_equal(got->authorizing_users.count, 1);
    assert_int_equal(got->primary_recipients.count, 2);
    assert_int_equal(got->primary_recipients.items[0].notification_requests, 7);
    assert_true(got->primary_recipients.items[0].reply_requested);
    assert_null(got->primary_recipients.items[1].user.formal_name);
    assert_int_equal(got->copy_recipients.count, 1);
    assert_int_equal(got->blind_copy_recipients.count, 1);
    the_rest_returned(got, &policy);
    assert_int_equal(got->primary_recipients.items[0].extensions.count, 1);
    assert_true(span_eq(got->primary_recipients.items[0].extensions.items[0].type, x420_id_rex_precedence));
}

static const struct ipm_user somebody = {NULL, "Somebody", NULL};

static void business_fields_return(void **state) {
    (void)state;
    struct ipm_recipient to[] = {
        {.user = somebody, .has_precedence = true, .precedence = 107, .circulation_member = true}};
    struct ipm_member list[] = {
        {.recipient = {.user = somebody}, .checked = true},
        {.recipient = {.user = somebody}, .checked = true, .checked_at = 1789000000},
        {.recipient = {.user = somebody}, .checked = true, .mark = SPAN_LIT("\x30\x02\x05\x00")},
        {.recipient = {.user = somebody, .reply_requested = true}}};
    struct ipm_code codes[] = {{.oid = SPAN_LIT("\x2A\x03"), .text = "Code", .user = &somebody},
                               {.text = "\xF0\x9F\x98\x80"}};
    struct ipm_code categories[] = {{.oid = SPAN_LIT("\x2A\x03")}, {.text = "Wetter"}};
    const char *handling[] = {"Von Hand", "eilig"};
    struct ipm_heading heading = plain_heading();
    heading.primary_recipients = (struct ipm_recipients){to, 1};
    heading.circulation_list = (struct ipm_members){list, 4};
    heading.distribution_codes = (struct ipm_codes){codes, 2};
    heading.information_categories = (struct ipm_codes){categories, 2};
    heading.handling_instructions = handling;
    heading.handling_count = 2;
    heading.precedence_policy = SPAN_LIT("\x2B\x1B\x08\x00\x00");
    const struct ipm_heading *got = &read_ipm(make(&heading, NULL, 0, nothing))->heading;
    assert_int_equal(got->extensions.count, 0);
    assert_int_equal(got->primary_recipients.items[0].precedence, 107);
    assert_true(got->primary_recipients.items[0].circulation_member);
    assert_int_equal(got->circulation_list.count, 4);
    const struct ipm_member *members = got->circulation_list.items;
    assert_true(members[0].checked && !members[0].checked_at && !members[0].mark.data);
    assert_true(members[1].checked && members[1].checked_at == 1789000000);
    assert_true(members[2].checked && span_eq(members[2].mark, list[2].mark));
    assert_true(!members[3].checked && members[3].recipient.reply_requested);
    assert_string_equal(got->distribution_codes.items[0].text, "Code");
    assert_string_equal(got->distribution_codes.items[0].user->free_form_name, "Somebody");
    assert_string_equal(got->distribution_codes.items[1].text, codes[1].text);
    assert_true(span_eq(got->information_categories.items[0].oid, categories[0].oid));
    assert_string_equal(got->information_categories.items[1].text, "Wetter");
    assert_int_equal(got->handling_count, 2);
    assert_string_equal(got->handling_instructions[1], "eilig");
    assert_true(span_eq(got->precedence_policy, heading.precedence_policy));
}

static void a_subject_beyond_t61_is_extended(void **state) {
    (void)state;
    struct ipm_heading heading = plain_heading();
    heading.subject = "Цена 5 € 😀";
    assert_string_equal(read_ipm(make(&heading, NULL, 0, nothing))->heading.subject, heading.subject);
    char longer[300] = {0};
    memset(longer, 'x', 160);
    heading.subject = longer;
    assert_string_equal(read_ipm(make(&heading, NULL, 0, nothing))->heading.subject, longer);
    memset(longer, 'x', sizeof longer - 1);
    struct ipm_plan plan;
    struct error err = {0};
    assert_false(ipm_plan(&heading, NULL, 0, &arena, &plan, &err));
    assert_string_equal(err.text, "the subject is longer than 256 characters");
    heading.subject = "\xFF";
    assert_false(ipm_plan(&heading, NULL, 0, &arena, &plan, &err));
    assert_string_equal(err.text, "the subject is no UTF-8");
}

static void parts_of_each_kind_return(void **state) {
    (void)state;
    const struct ipm_heading heading = plain_heading();
    const struct ipm_new_part parts[] = {
        {.type = IPM_PART_IA5_TEXT, .octets = SPAN_LIT("plain")},
        {.type = IPM_PART_GENERAL_TEXT, .octets = SPAN_LIT("Grüße")},
        {.type = IPM_PART_GENERAL_TEXT, .octets = SPAN_LIT("5 €")},
        {.type = IPM_PART_BILATERALLY_DEFINED, .octets = SPAN_LIT("\x00\x01\xFF")},
        {.type = IPM_PART_FILE_TRANSFER,
         .elsewhere = true,
         .length = 300,
         .file_name = "Übersicht.pdf",
         .modified = 1789000000},
        {.type = IPM_PART_FILE_TRANSFER, .octets = SPAN_LIT(""), .file_name = "Цены.txt"},
    };
    uint8_t file[300];
    memset(file, 0x5A, sizeof file);
    struct ipm *ipm = read_ipm(make(&heading, parts, 6, span_of(file, sizeof file)));
    assert_int_equal(ipm->part_count, 6);
    assert_false(ipm->truncated);
    check_text(&ipm->parts[0], "plain");
    assert_string_equal(ipm->parts[0].name, "ia5-text");
    check_text(&ipm->parts[1], "Grüße");
    assert_string_equal(ipm->parts[1].charset, "ISO-8859-1");
    check_octets(&ipm->parts[1], SPAN_LIT("Gr\xFC\xDF"
                                          "e"));
    check_text(&ipm->parts[2], "5 €");
    assert_string_equal(ipm->parts[2].charset, "UTF-8");
    assert_int_equal(ipm->parts[3].type, IPM_PART_BILATERALLY_DEFINED);
    check_octets(&ipm->parts[3], SPAN_LIT("\x00\x01\xFF"));
    assert_int_equal(ipm->parts[4].type, IPM_PART_FILE_TRANSFER);
    assert_string_equal(ipm->parts[4].file_name, "Übersicht.pdf");
    assert_int_equal(ipm->parts[4].modified, 1789000000);
    check_octets(&ipm->parts[4], span_of(file, sizeof file));
    assert_string_equal(ipm->parts[5].file_name, "Цены.txt");
    assert_int_equal(ipm->parts[5].size, 0);
}

/* One element around another. */
static struct span around(uint8_t identifier, struct span inside) {
    uint8_t *octets = arena_alloc(&arena, inside.len + 2);
    assert_true(inside.len < 0x80);
    octets[0] = identifier;
    octets[1] = (uint8_t)inside.len;
    memcpy(octets + 2, inside.data, inside.len);
    return span_of(octets, inside.len + 2);
}

static struct span joined(struct span a, struct span b) {
    uint8_t *octets = arena_alloc(&arena, a.len + b.len);
    memcpy(octets, a.data, a.len);
    memcpy(octets + a.len, b.data, b.len);
    return span_of(octets, a.len + b.len);
}

/* ExtendedBodyPart with this type and value. */
static struct span extended(struct span oid, struct span value) {
    return around(0xAF, around(0x28, joined(around(0x06, oid), around(0xA0, value))));
}

static struct ipm_part *only_part(struct span element) {
    const struct ipm_heading heading = plain_heading();
    const struct ipm_new_part part = {.element = element};
    struct ipm *ipm = read_ipm(make(&heading, &part, 1, nothing));
    assert_int_equal(ipm->part_count, 1);
    return &ipm->parts[0];
}

static void check_part(struct span element, const char *type, struct span octets) {
    struct ipm_part *part = only_part(element);
    assert_string_equal(part->name, type);
    check_octets(part, octets);
}

/* What a file holds after `mhs save`: the octets that the part carries, without their BER. */
static void octets_of_other_parts_are_given_bare(void **state) {
    (void)state;
    check_part(extended(x420_id_et_voice, SPAN_LIT("\x04\x03hum")), "voice", SPAN_LIT("hum"));
    check_part(SPAN_LIT("\xA3\x0C\x31\x00\x30\x08\x03\x02\x00\xAA\x03\x02\x04\xB0"), "g3-facsimile",
               SPAN_LIT("\xAA\xB0"));
    check_part(SPAN_LIT("\xA8\x0E\x31\x07\x30\x05\x06\x03\x2A\x03\x04\x03\x03\x00\x01\x02"), "encrypted",
               SPAN_LIT("\x01\x02"));
    check_part(SPAN_LIT("\xA6\x06\x31\x00\x15\x02hi"), "videotex", SPAN_LIT("hi"));
    check_part(SPAN_LIT("\xA7\x03\x04\x01N"), "nationally-defined", SPAN_LIT("\x04\x01N"));
    check_part(extended(x420_id_et_nationally_defined, SPAN_LIT("\x04\x01N")), "nationally-defined",
               SPAN_LIT("\x04\x01N"));
    check_part(extended(x420_id_et_pkcs7, SPAN_LIT("\x30\x00")), "pkcs7", SPAN_LIT("\x30\x00"));
    check_part(extended(SPAN_LIT("\x2A\x03"), SPAN_LIT("\x05\x00")), "1.2.3", SPAN_LIT("\x05\x00"));
}

static void a_forwarded_content_is_a_message(void **state) {
    (void)state;
    struct ipm_heading heading = plain_heading();
    struct ipm forwarded;
    heading.subject = "inner";
    struct span inner = make(&heading, NULL, 0, nothing);
    const struct ipm_part *part = only_part(extended(x420_id_et_content_p22, around(0x04, inner)));
    assert_int_equal(part->type, IPM_PART_MESSAGE);
    assert_true(ipm_read_forwarded(part, &arena, &forwarded, NULL));
    assert_string_equal(forwarded.heading.subject, "inner");
}

static void a_forwarded_notification_is_read(void **state) {
    (void)state;
    const struct ipn receipt = {.subject_ipm = {NULL, "5"}, .kind = IPN_RECEIPT, .receipt_time = 1789000000};
    struct span content;
    struct ipn got;
    assert_true(ipn_encode(&receipt, &arena, &content, NULL));
    uint8_t *set = (uint8_t *)(uintptr_t)arena_dup(&arena, content).data;
    set[0] = 0x31; /* as a value that stands alone */
    const struct ipm_part *part = only_part(extended(x420_id_et_notification, span_of(set, content.len)));
    assert_int_equal(part->type, IPM_PART_NOTIFICATION);
    assert_true(ipm_read_notification(part, &arena, &got, NULL));
    assert_string_equal(got.subject_ipm.user_relative_identifier, "5");
    part = only_part(extended(x420_id_et_content_p2, around(0x04, content)));
    assert_true(ipm_read_notification(part, &arena, &got, NULL));
    assert_int_equal(got.receipt_time, 1789000000);
}

static void a_forwarded_message_is_whole(void **state) {
    (void)state;
    struct ipm_heading heading = plain_heading();
    heading.subject = "inner";
    const struct ipm_new_part text = {.type = IPM_PART_IA5_TEXT, .octets = SPAN_LIT("hello")};
    struct span inner = make(&heading, &text, 1, nothing);
    heading.subject = "outer";
    const struct ipm_new_part message = {
        .type = IPM_PART_MESSAGE, .octets = inner, .delivery_time = 1789000000};
    struct ipm *outer = read_ipm(make(&heading, &message, 1, nothing));
    assert_int_equal(outer->part_count, 1);
    assert_int_equal(outer->parts[0].delivery_time, 1789000000);
    struct ipm forwarded;
    assert_true(ipm_read_forwarded(&outer->parts[0], &arena, &forwarded, NULL));
    assert_string_equal(forwarded.heading.subject, "inner");
    check_text(&forwarded.parts[0], "hello");
    const struct ipm_new_part again = {.element = outer->parts[0].element};
    assert_int_equal(read_ipm(make(&heading, &again, 1, nothing))->parts[0].type, IPM_PART_MESSAGE);
}

static void encoded_types_are_those_of_the_parts(void **state) {
    (void)state;
    const struct ipm_new_part parts[] = {{.type = IPM_PART_IA5_TEXT, .octets = SPAN_LIT("a")},
                                         {.type = IPM_PART_GENERAL_TEXT, .octets = SPAN_LIT("é")},
                                         {.type = IPM_PART_FILE_TRANSFER, .octets = SPAN_LIT("b")}};
    struct x411_EncodedInformationTypes types;
    assert_true(ipm_encoded_types(parts, 3, &arena, &types));
    assert_true(ber_bit(&types.built_in_encoded_information_types, 2));
    assert_false(ber_bit(&types.built_in_encoded_information_types, 0));
    assert_int_equal(types.extended_encoded_information_types.count, 4);
    char dotted[64];
    assert_true(ber_oid_format(types.extended_encoded_information_types.items[2], dotted, sizeof dotted));
    assert_string_equal(dotted, "1.0.10021.7.1.0.100");
    assert_true(span_eq(types.extended_encoded_information_types.items[3], x420_id_eit_file_transfer));
}

static void receipts_return(void **state) {
    (void)state;
    struct ipm_user who = {name("Beta"), NULL, NULL};
    const struct ipn receipt = {.subject_ipm = {name("Alpha"), "1"},
                                .ipn_originator = &who,
                                .kind = IPN_RECEIPT,
                                .receipt_time = 1789000000,
                                .automatic = true,
                                .suppl_receipt_info = "read"};
    struct span content;
    struct ipm_content out;
    assert_true(ipn_encode(&receipt, &arena, &content, NULL));
    assert_true(ipm_read(content, &arena, &out, NULL));
    assert_int_equal(out.ipn->kind, IPN_RECEIPT);
    assert_int_equal(out.ipn->receipt_time, 1789000000);
    assert_true(out.ipn->automatic);
    assert_string_equal(out.ipn->suppl_receipt_info, "read");
    assert_string_equal(out.ipn->subject_ipm.user_relative_identifier, "1");
}

static void non_receipts_return(void **state) {
    (void)state;
    const struct ipm_heading heading = plain_heading();
    struct x420_InformationObject object;
    assert_true(ber_decode(&x420_InformationObject_type, make(&heading, NULL, 0, nothing), &arena, NULL,
                           &object, NULL));
    const struct ipn non_receipt = {.subject_ipm = {NULL, "2"},
                                    .kind = IPN_NON_RECEIPT,
                                    .has_discard_reason = true,
                                    .discard_reason = 1,
                                    .auto_forward_comment = "gone",
                                    .returned_ipm = object.u.ipm.raw};
    struct span content;
    struct ipm_content out;
    assert_true(ipn_encode(&non_receipt, &arena, &content, NULL));
    assert_true(ipm_read(content, &arena, &out, NULL));
    assert_int_equal(out.ipn->kind, IPN_NON_RECEIPT);
    assert_int_equal(out.ipn->discard_reason, 1);
    assert_string_equal(out.ipn->auto_forward_comment, "gone");
    struct ipm returned;
    assert_true(ipm_read_returned(out.ipn, &arena, &returned, NULL));
    assert_string_equal(returned.heading.this_ipm.user_relative_identifier, "1 2026");
}

/* Hand-made as other systems write: indefinite lengths, constructed strings, octet-aligned EXTERNALs, tags of
 * 1984. */
static void other_hands_are_read(void **state) {
    (void)state;
    static const char content[] =
        "\xA0\x80"                                                         /* ipm, indefinite */
        "\x31\x80\x6B\x03\x13\x01\x39\xA8\x05\x14\x03\x41\xC2\x65\x00\x00" /* heading: 9, subject */
        "\x30\x80"
        "\xA0\x10\x31\x03\x80\x01\x05\x36\x80\x04\x02hi\x04\x01!\x00\x00" /* ia5-text in pieces */
        "\xAF\x80"                                                        /* file, octet-aligned */
        "\x28\x1A\x06\x04\x56\x01\x04\x0C\xA0\x12\x30\x10"
        "\x28\x0E\x06\x05\x28\xC2\x7B\x02\x04\xA1\x80\x04\x01\x41\x00\x00" /* [1] constructed */
        "\x00\x00"
        "\x81\x02"
        "ab" /* telex of 1984 */
        "\x00\x00\x00\x00";
    struct ipm_content out;
    struct error err = {0};
    if (!ipm_read(span_of(content, sizeof content - 1), &arena, &out, &err))
        fail_msg("%s", err.text);
    assert_string_equal(out.ipm->heading.subject, "Aé");
    assert_int_equal(out.ipm->part_count, 3);
    check_text(&out.ipm->parts[0], "hi!");
    assert_int_equal(out.ipm->parts[1].type, IPM_PART_FILE_TRANSFER);
    check_octets(&out.ipm->parts[1], SPAN_LIT("A"));
    assert_int_equal(out.ipm->parts[2].type, IPM_PART_OTHER);
    assert_string_equal(out.ipm->parts[2].name, "[1]");
}

static void nonsense_is_refused(void **state) {
    (void)state;
    struct ipm_content out;
    struct error err = {0};
    assert_false(ipm_read(SPAN_LIT(""), &arena, &out, &err));
    assert_false(ipm_read(SPAN_LIT("\x30\x00"), &arena, &out, &err));
    assert_false(ipm_read(SPAN_LIT("\xA0\x00"), &arena, &out, &err));
    assert_non_null(strstr(err.text, "heading"));
    assert_false(ipm_read(SPAN_LIT("\xA1\x02\x31\x00"), &arena, &out, &err));
    assert_null(out.ipm);
    assert_null(out.ipn);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_heading_field_returns, reset),
        cmocka_unit_test_setup(business_fields_return, reset),
        cmocka_unit_test_setup(a_subject_beyond_t61_is_extended, reset),
        cmocka_unit_test_setup(parts_of_each_kind_return, reset),
        cmocka_unit_test_setup(octets_of_other_parts_are_given_bare, reset),
        cmocka_unit_test_setup(a_forwarded_content_is_a_message, reset),
        cmocka_unit_test_setup(a_forwarded_notification_is_read, reset),
        cmocka_unit_test_setup(a_forwarded_message_is_whole, reset),
        cmocka_unit_test_setup(encoded_types_are_those_of_the_parts, reset),
        cmocka_unit_test_setup(receipts_return, reset),
        cmocka_unit_test_setup(non_receipts_return, reset),
        cmocka_unit_test_setup(other_hands_are_read, reset),
        cmocka_unit_test_setup(nonsense_is_refused, reset),
    };
    int failed = cmocka_run_group_tests_name("content-ipm", tests, NULL, NULL);
    arena_free(&arena);
    return failed;
}
