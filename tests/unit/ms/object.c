/* Values out of envelopes and contents: each is of its attribute's type, whatever stands there, and those
 * that can be compared by eye are what was put in; what is sealed says the same. */
#include "../arena_room.h"

#include "asn1/random.h"
#include "base/buf.h"
#include "ms/entry.h"
#include "ms/object.h"
#include "ms/sealed.h"
#include "names/oraddress.h"
#include "schema/x413.h"

static struct span octets_of(const struct ber_type *type, const void *value) {
    struct span out;
    assert_true(ber_encode_arena(type, value, &arena, &out, NULL));
    return out;
}

static bool read_span(void *context, uint64_t offset, void *out, size_t len) {
    const struct span *content = context;
    if (offset > content->len || len > content->len - offset)
        return false;
    memcpy(out, content->data + offset, len);
    return true;
}

static struct ms_object object_of(bool report, struct span envelope, struct span *content) {
    return (struct ms_object){.report = report,
                              .has_content = content->data,
                              .envelope = envelope,
                              .content = {read_span, content, content->len},
                              .arena = &arena};
}

/* All values are of their types, and single where they have to be. How many there were. */
static unsigned look_at_all(struct ms_object *object) {
    static const struct ber_limits limits = {.relax_bounds = true, .relax_characters = true};
    const struct ms_attribute *attribute;
    unsigned found = 0, wrong = 0;
    for (size_t i = 0; (attribute = ms_attribute_at(i)); i++) {
        const struct span *values;
        size_t count;
        struct ber_error error = {0};
        if (!ms_object_get(object, attribute, &values, &count))
            continue;
        if (!attribute->multi_valued && count > 1)
            fail_msg("%s has %zu values", attribute->name, count);
        found += count != 0;
        for (size_t v = 0; v < count; v++) {
            struct arena inner;
            arena_init(&inner, 64 << 20);
            void *value = arena_alloc(&inner, 65536);
            if (!value || !ber_decode(attribute->type, values[v], &inner, &limits, value, &error)) {
                print_error("%s: %s at %s\n", attribute->name, error.text, error.path);
                wrong++;
            }
            arena_free(&inner);
        }
    }
    assert_int_equal(wrong, 0);
    return found;
}

static void values_are_of_their_types(void **state) {
    unsigned most = 0, of_report = 0;
    (void)state;
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct x411p3_MessageDeliveryEnvelope *envelope;
        struct x411p3_ReportDeliveryEnvelope *report;
        struct x420_InformationObject *content;
        arena_reset(&arena);
        envelope = arena_alloc(&arena, sizeof *envelope);
        report = arena_alloc(&arena, sizeof *report);
        content = arena_alloc(&arena, sizeof *content);
        struct span octets = {NULL, 0}, none = {NULL, 0};
        if (ber_random(&x420_InformationObject_type, seed, &arena, content))
            octets = octets_of(&x420_InformationObject_type, content);
        if (ber_random(&x411p3_MessageDeliveryEnvelope_type, seed, &arena, envelope)) {
            envelope->other_fields.content_type.choice = x411p3_DeliveredContentType_built_in;
            envelope->other_fields.content_type.u.built_in = seed % 2 ? 2 : 22;
            struct ms_object object =
                object_of(false, octets_of(&x411p3_MessageDeliveryEnvelope_type, envelope), &octets);
            unsigned found = look_at_all(&object);
            most = found > most ? found : most;
        }
        if (ber_random(&x411p3_ReportDeliveryEnvelope_type, seed, &arena, report)) {
            struct ms_object object =
                object_of(true, octets_of(&x411p3_ReportDeliveryEnvelope_type, report), &none);
            of_report += look_at_all(&object);
        }
    }
    assert_true(most > 25 && of_report > 400);
}

/* ---- what was put in ---- */

static struct x411p3_MessageDeliveryEnvelope plain_envelope(void) {
    struct x411p3_MessageDeliveryEnvelope envelope = {.message_delivery_time = SPAN_LIT("260101120000Z")};
    struct x411_ORName name = {.raw = {NULL, 0}};
    assert_true(oraddress_parse_name(SPAN_LIT("/C=gb/A=gold/S=smith"), &arena, &name, NULL));
    envelope.message_delivery_identifier.global_domain_identifier.country_name.choice = 1;
    envelope.message_delivery_identifier.global_domain_identifier.country_name.u.iso_3166_alpha2_code =
        SPAN_LIT("gb");
    envelope.message_delivery_identifier.global_domain_identifier.administration_domain_name.choice = 2;
    envelope.message_delivery_identifier.global_domain_identifier.administration_domain_name.u.printable =
        SPAN_LIT("gold");
    envelope.message_delivery_identifier.local_identifier = SPAN_LIT("m-1");
    envelope.other_fields.content_type.choice = x411p3_DeliveredContentType_built_in;
    envelope.other_fields.content_type.u.built_in = 22;
    envelope.other_fields.originator_name = envelope.other_fields.this_recipient_name = name;
    envelope.other_fields.message_submission_time = SPAN_LIT("251231120000Z");
    envelope.other_fields.priority = 2;
    return envelope;
}

static void has(struct ms_object *object, const char *oid, const char *octets, size_t len) {
    const struct span *values;
    size_t count;
    const struct ms_attribute *attribute = ms_attribute_by_oid(span_of(oid, 4));
    assert_true(ms_object_get(object, attribute, &values, &count));
    if (count != 1 || !span_eq(values[0], span_of(octets, len)))
        fail_msg("%s: %zu values, the first of %zu octets, %02x %02x %02x", attribute->name, count,
                 count ? values[0].len : 0, count ? values[0].data[0] : 0, count ? values[0].data[1] : 0,
                 count ? values[0].data[2] : 0);
}

#define HAS(object, oid, octets) has(object, oid, octets, sizeof(octets) - 1)

static void lacks(struct ms_object *object, const char *oid) {
    const struct span *values;
    size_t count;
    assert_true(ms_object_get(object, ms_attribute_by_oid(span_of(oid, 4)), &values, &count));
    assert_int_equal(count, 0);
}

static void what_was_put_in_is_told(void **state) {
    (void)state;
    arena_reset(&arena);
    struct x411p3_MessageDeliveryEnvelope envelope = plain_envelope();
    struct x420_InformationObject content = {.choice = x420_InformationObject_ipm};
    struct x420_Heading *heading = &content.u.ipm.heading;
    struct x420_RecipientSpecifier to[2] = {{.reply_requested = true}, {.reply_requested = false}};
    heading->this_IPM.user_relative_identifier = SPAN_LIT("one");
    heading->subject = SPAN_LIT("Plans");
    heading->importance = x420_ImportanceField_normal;
    heading->has_sensitivity = true;
    heading->sensitivity = 3;
    to[0].recipient.free_form_name = SPAN_LIT("ada");
    to[1].recipient.free_form_name = SPAN_LIT("ben");
    heading->primary_recipients.items = to;
    heading->primary_recipients.count = 2;
    struct span octets = octets_of(&x420_InformationObject_type, &content);
    struct ms_object object =
        object_of(false, octets_of(&x411p3_MessageDeliveryEnvelope_type, &envelope), &octets);
    HAS(&object, "\x56\x04\x03\x08", "\x06\x04\x56\x01\x0A\x01"); /* P22 */
    HAS(&object, "\x56\x04\x03\x17",
        "\x17\x0D"
        "251231120000Z"); /* submitted */
    HAS(&object, "\x56\x04\x03\x14",
        "\x17\x0D"
        "260101120000Z");                             /* delivered */
    HAS(&object, "\x56\x04\x03\x1F", "\x47\x01\x02"); /* urgent */
    HAS(&object, "\x56\x01\x06\x00", "\x0A\x01\x00"); /* an IPM */
    HAS(&object, "\x56\x01\x07\x04", "\x14\x05Plans");
    HAS(&object, "\x56\x01\x07\x07", "\x0A\x01\x01"); /* importance, by default */
    HAS(&object, "\x56\x01\x07\x08", "\x0A\x01\x03");
    HAS(&object, "\x56\x01\x07\x09", "\x01\x01\x00"); /* auto-forwarded, by default */
    HAS(&object, "\x56\x01\x07\x15",
        "\x31\x05\x80\x03"
        "ada"); /* of whom a reply is wanted */
    lacks(&object, "\x56\x01\x07\x03");
    lacks(&object, "\x56\x01\x09\x00"); /* it is no notification */
    lacks(&object, "\x56\x04\x03\x28"); /* nor a report */
}

/* The same by the columns as by the content. */
static void what_is_sealed_is_what_is_there(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct x420_InformationObject *content;
        arena_reset(&arena);
        struct x411p3_MessageDeliveryEnvelope envelope = plain_envelope();
        content = arena_alloc(&arena, sizeof *content);
        if (!ber_random(&x420_InformationObject_type, seed, &arena, content))
            continue;
        struct span octets = octets_of(&x420_InformationObject_type, content), type = {NULL, 0};
        struct ms_object object =
            object_of(false, octets_of(&x411p3_MessageDeliveryEnvelope_type, &envelope), &octets);
        struct store_entry row = {.type = x413_EntryType_delivered_message, .known = MS_KNOWS_SUMMARY};
        struct ms_facts facts, again;
        struct buf items, wire;
        buf_init(&items, 0);
        buf_init(&wire, 0);
        type = octets_of(&ber_OBJECT_IDENTIFIER_type, &x420_id_mct_p2_1988);
        assert_true(ms_item_write(&items, ms_attribute_by_oid(SPAN_LIT("\x56\x04\x03\x08")), type));
        assert_true(ms_seal_facts(&row, buf_span(&items), &object.content, &arena, &facts));
        assert_true(ms_facts_write(&wire, &facts));
        struct span rest = buf_span(&wire);
        assert_true(ms_facts_read(&rest, &again) && !rest.len);
        for (size_t i = 0; i < STORE_COLUMNS; i++)
            assert_true(span_eq(again.spans[i], facts.spans[i]) &&
                        (i < STORE_COLUMN_SUBMITTED || again.numbers[i] == facts.numbers[i]));
        struct ms_sealed sealed = ms_sealed_open(facts.spans[STORE_COLUMN_ITEMS]);
        if (facts.spans[STORE_COLUMN_ITEMS].len < MS_FACT_MOST)
            for (size_t i = 0; i < ms_attribute_count(); i++) {
                const struct ms_attribute *attribute = ms_attribute_at(i);
                const struct span *by_column, *by_content;
                size_t columns, contents;
                bool told = ms_object_get(&object, attribute, &by_content, &contents);
                if (attribute->origin != MS_IPM || !ms_is_summary(attribute) ||
                    sealed.reading == MS_UNREADABLE)
                    continue;
                assert_true(ms_sealed_tells(&sealed, attribute) && told);
                assert_true(ms_sealed_values(&sealed, attribute, &arena, &by_column, &columns));
                assert_int_equal(columns, contents);
                assert_true(!columns || span_eq(by_column[0], by_content[0]));
            }
        buf_free(&wire);
        buf_free(&items);
    }
}

/* Cut anywhere, or with octets changed: told, or said not to be. */
static void broken_contents_are_told(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct x420_InformationObject *content;
        arena_reset(&arena);
        struct x411p3_MessageDeliveryEnvelope envelope = plain_envelope();
        struct span whole = octets_of(&x411p3_MessageDeliveryEnvelope_type, &envelope);
        content = arena_alloc(&arena, sizeof *content);
        if (!ber_random(&x420_InformationObject_type, seed, &arena, content))
            continue;
        struct span octets = octets_of(&x420_InformationObject_type, content);
        for (size_t at = 0; at < octets.len && at < 300; at += 1 + at / 8) {
            struct span copy = arena_dup(&arena, octets), cut = span_sub(octets, 0, at);
            struct ms_object object = object_of(false, whole, &cut), changed = object_of(false, whole, &copy);
            look_at_all(&object);
            ((uint8_t *)(uintptr_t)copy.data)[at] ^= (uint8_t)(seed * 31 + 1);
            look_at_all(&changed);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_of_their_types),
        cmocka_unit_test(what_was_put_in_is_told),
        cmocka_unit_test(what_is_sealed_is_what_is_there),
        cmocka_unit_test(broken_contents_are_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
