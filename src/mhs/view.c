/* An entry of a mailbox as JSON. */
#include "mhs/view.h"

#include "base/text.h"
#include "mhs/correlator.h"
#include "mhs/view_private.h"
#include "names/codes.h"
#include "names/identifier.h"

#define FORWARDED_DEPTH 8
#define SET_TAG         0x31

static json_t *view_ipm(const struct ipm *ipm, struct arena *arena, unsigned depth);
static json_t *view_ipn(const struct ipn *ipn, struct arena *arena, unsigned depth);

static json_t *text_or_null(const char *text) {
    return text ? json_string(text) : NULL;
}

static json_t *ascii(struct span text, struct arena *arena) {
    struct span utf8 = text.data ? text_from_ia5(text, arena) : text;
    return utf8.data ? json_stringn((const char *)utf8.data, utf8.len) : NULL;
}

static json_t *mts_identifier(const struct x411_MTSIdentifier *identifier) {
    struct buf text;
    buf_init(&text, 0);
    json_t *value =
        mts_identifier_print(identifier, &text) ? json_stringn((const char *)text.data, text.len) : NULL;
    buf_free(&text);
    return value;
}

static json_t *user(const struct ipm_user *from, struct arena *arena) {
    json_t *object = from ? json_object() : NULL;
    if (from) {
        view_set(object, "address", view_name(from->formal_name, arena));
        view_set(object, "name", text_or_null(from->free_form_name));
        view_set(object, "telephone", text_or_null(from->telephone_number));
    }
    return object;
}

static json_t *users(const struct ipm_users *list, struct arena *arena) {
    json_t *array = list->count > 0 ? json_array() : NULL;
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, user(&list->items[i], arena));
    return array;
}

static json_t *recipient(const struct ipm_recipient *from, struct arena *arena) {
    static const char *const requests[] = {"rn", "nrn", "ipm-return", "an-supported", "suppress-an"};
    json_t *object = user(&from->user, arena), *asked = json_array();
    for (unsigned bit = 0; bit < 5; bit++)
        if (from->notification_requests & 1u << bit)
            json_array_append_new(asked, json_string(requests[bit]));
    view_set(object, "notification-requests", json_array_size(asked) > 0 ? json_incref(asked) : NULL);
    view_set(object, "reply-requested", from->reply_requested ? json_true() : NULL);
    view_set(object, "precedence", from->has_precedence ? json_integer(from->precedence) : NULL);
    view_set(object, "circulation-member", from->circulation_member ? json_true() : NULL);
    view_set(object, "extensions", view_ipms_extensions(&from->extensions, arena));
    json_decref(asked);
    return object;
}

static json_t *recipients(const struct ipm_recipients *list, struct arena *arena) {
    json_t *array = list->count > 0 ? json_array() : NULL;
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, recipient(&list->items[i], arena));
    return array;
}

static json_t *codes(const struct ipm_codes *list, const char *text, struct arena *arena) {
    json_t *array = list->count > 0 ? json_array() : NULL;
    for (size_t i = 0; i < list->count; i++) {
        json_t *object = json_object();
        view_set(object, "oid", view_oid(list->items[i].oid));
        view_set(object, text, text_or_null(list->items[i].text));
        view_set(object, "user", user(list->items[i].user, arena));
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *members(const struct ipm_members *list, struct arena *arena) {
    json_t *array = list->count > 0 ? json_array() : NULL;
    for (size_t i = 0; i < list->count; i++) {
        json_t *object = recipient(&list->items[i].recipient, arena);
        view_set(object, "checked", list->items[i].checked ? json_true() : NULL);
        view_set(object, "checked-at", view_time(list->items[i].checked_at));
        view_set(object, "signed", list->items[i].mark.data ? json_true() : NULL);
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *identifier(const struct ipm_identifier *from, struct arena *arena) {
    json_t *object = from ? json_object() : NULL;
    if (from) {
        view_set(object, "user", view_name(from->user, arena));
        view_set(object, "identifier", text_or_null(from->user_relative_identifier));
    }
    return object;
}

static json_t *identifiers(const struct ipm_identifiers *list, struct arena *arena) {
    json_t *array = list->count > 0 ? json_array() : NULL;
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, identifier(&list->items[i], arena));
    return array;
}

static json_t *texts(const char *const *items, size_t count) {
    json_t *array = count > 0 ? json_array() : NULL;
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_string(items[i]));
    return array;
}

static json_t *word(const char *const *words, size_t count, size_t value) {
    return value < count && words[value] ? json_string(words[value]) : NULL;
}

static void view_business(json_t *object, const struct ipm_heading *heading, struct arena *arena) {
    view_set(object, "circulation-list", members(&heading->circulation_list, arena));
    view_set(object, "distribution-codes", codes(&heading->distribution_codes, "code", arena));
    view_set(object, "information-categories", codes(&heading->information_categories, "description", arena));
    view_set(object, "manual-handling", texts(heading->handling_instructions, heading->handling_count));
    view_set(object, "precedence-policy", view_oid(heading->precedence_policy));
}

static void view_heading(json_t *object, const struct ipm_heading *heading, struct arena *arena) {
    static const char *const importances[] = {"low", NULL, "high"};
    static const char *const sensitivities[] = {NULL, "personal", "private", "company-confidential"};
    static const char *const submitted[] = {NULL, "auto-generated", "auto-replied"};
    view_set(object, "identifier", text_or_null(heading->this_ipm.user_relative_identifier));
    view_set(object, "from", user(heading->originator, arena));
    view_set(object, "authorizing-users", users(&heading->authorizing_users, arena));
    view_set(object, "to", recipients(&heading->primary_recipients, arena));
    view_set(object, "cc", recipients(&heading->copy_recipients, arena));
    view_set(object, "bcc", recipients(&heading->blind_copy_recipients, arena));
    view_set(object, "subject", text_or_null(heading->subject));
    view_set(object, "replied-to", identifier(heading->replied_to_ipm, arena));
    view_set(object, "obsoletes", identifiers(&heading->obsoleted_ipms, arena));
    view_set(object, "related", identifiers(&heading->related_ipms, arena));
    view_set(object, "expiry-time", view_time(heading->expiry_time));
    view_set(object, "reply-time", view_time(heading->reply_time));
    view_set(object, "reply-to", users(&heading->reply_recipients, arena));
    view_set(object, "importance", word(importances, 3, (size_t)heading->importance));
    view_set(object, "sensitivity", word(sensitivities, 4, (size_t)heading->sensitivity));
    view_set(object, "auto-forwarded", heading->auto_forwarded ? json_true() : NULL);
    view_set(object, "auto-submitted", word(submitted, 3, (size_t)heading->auto_submitted));
    view_set(object, "incomplete-copy", heading->incomplete_copy ? json_true() : NULL);
    view_set(object, "languages", texts(heading->languages, heading->language_count));
    view_set(object, "reference", text_or_null(heading->originators_reference));
    view_set(object, "authorization-time", view_time(heading->authorization_time));
    view_business(object, heading, arena);
    view_set(object, "other-extensions", view_ipms_extensions(&heading->extensions, arena));
}

/* OtherMessageDeliveryFields: of a delivered message, or of one that was forwarded. */
static void view_fields(json_t *object, const struct x411p3_OtherMessageDeliveryFields *fields,
                        struct arena *arena) {
    static const char *const priorities[] = {"normal", "non-urgent", "urgent"};
    view_set(object, "submission-time", view_utctime(fields->message_submission_time));
    view_set(object, "originator", view_name(&fields->originator_name, arena));
    view_set(object, "recipient", view_name(&fields->this_recipient_name, arena));
    view_set(object, "originally-intended-recipient",
             view_name(fields->originally_intended_recipient_name, arena));
    view_set(object, "priority", word(priorities, 3, (size_t)fields->priority));
    view_set(object, "content-identifier", ascii(fields->content_identifier, arena));
    view_set(object, "original-types", view_types(fields->original_encoded_information_types));
    view_set(object, "converted-types", view_types(fields->converted_encoded_information_types));
    if (ber_bit(&fields->delivery_flags, x411p3_DeliveryFlags_implicit_conversion_prohibited))
        view_set(object, "implicit-conversion-prohibited", json_true());
    json_t *others = fields->other_recipient_names.count > 0 ? json_array() : NULL;
    for (size_t i = 0; i < fields->other_recipient_names.count; i++)
        json_array_append_new(others, view_name(&fields->other_recipient_names.items[i], arena));
    view_set(object, "other-recipients", others);
    view_set(object, "extensions", view_extensions(&fields->extensions, arena));
}

/* The element has the tag that it has among a forwarded message's parameters. */
static json_t *forwarded_envelope(const struct ipm_part *part, struct arena *arena) {
    struct ber_limits lax = {.relax_bounds = true, .relax_characters = true};
    struct x411p3_OtherMessageDeliveryFields *fields =
        part->delivery_envelope.data ? arena_alloc(arena, sizeof *fields) : NULL;
    uint8_t *element = fields ? arena_alloc(arena, part->delivery_envelope.len) : NULL;
    if (!element)
        return NULL;
    memcpy(element, part->delivery_envelope.data, part->delivery_envelope.len);
    element[0] = SET_TAG;
    if (!ber_decode(&x411p3_OtherMessageDeliveryFields_type, span_of(element, part->delivery_envelope.len),
                    arena, &lax, fields, NULL))
        return NULL;
    json_t *object = json_object();
    view_fields(object, fields, arena);
    return object;
}

static void view_report(json_t *object, const struct x411p3_ReportDeliveryEnvelope *envelope,
                        struct arena *arena);

/* ReportDeliveryArgument, whose elements are those of a report's envelope but for the content. */
static json_t *report_part(const struct ipm_part *part, struct arena *arena) {
    static const struct ber_limits lax = {.relax_bounds = true, .relax_characters = true};
    struct x411p3_ReportDeliveryArgument *from = arena_alloc(arena, sizeof *from);
    if (!from || !ber_decode(&x411p3_ReportDeliveryArgument_type, part->data, arena, &lax, from, NULL))
        return NULL;
    const struct x411p3_ReportDeliveryEnvelope report = {
        .subject_submission_identifier = from->subject_submission_identifier,
        .content_identifier = from->content_identifier,
        .original_encoded_information_types = from->original_encoded_information_types,
        .extensions = from->extensions,
        .per_recipient_fields = from->per_recipient_fields};
    json_t *object = json_object();
    view_report(object, &report, arena);
    return object;
}

static json_t *view_part(const struct ipm_part *part, size_t number, struct arena *arena, unsigned depth) {
    struct ipm inner;
    json_t *object = json_pack("{s:I, s:s, s:I}", "number", (json_int_t)number, "type", part->name, "size",
                               (json_int_t)part->size);
    view_set(object, "charset", text_or_null(part->charset));
    view_set(object, "file-name", text_or_null(part->file_name));
    view_set(object, "created", view_time(part->created));
    view_set(object, "modified", view_time(part->modified));
    view_set(object, "application", view_oid(part->application));
    view_set(object, "delivery-time", view_time(part->delivery_time));
    view_set(object, "parameters", view_parameters(part, arena));
    view_set(object, "delivery-envelope", forwarded_envelope(part, arena));
    struct span text = ipm_part_text(part, arena);
    if (text.data)
        view_set(object, "text", json_stringn((const char *)text.data, text.len));
    if (part->type == IPM_PART_MESSAGE && depth < FORWARDED_DEPTH &&
        ipm_read_forwarded(part, arena, &inner, NULL))
        view_set(object, "message", view_ipm(&inner, arena, depth + 1));
    if (part->type == IPM_PART_REPORT)
        view_set(object, "report", report_part(part, arena));
    struct ipn notification;
    if (part->type == IPM_PART_NOTIFICATION && depth < FORWARDED_DEPTH &&
        ipm_read_notification(part, arena, &notification, NULL))
        view_set(object, "notification", view_ipn(&notification, arena, depth + 1));
    return object;
}

static json_t *view_ipm(const struct ipm *ipm, struct arena *arena, unsigned depth) {
    json_t *object = json_object(), *parts = json_array();
    view_heading(object, &ipm->heading, arena);
    for (size_t i = 0; i < ipm->part_count; i++)
        json_array_append_new(parts, view_part(&ipm->parts[i], i + 1, arena, depth));
    view_set(object, "parts", parts);
    view_set(object, "truncated", ipm->truncated ? json_true() : NULL);
    return object;
}

static json_t *view_ipn(const struct ipn *ipn, struct arena *arena, unsigned depth) {
    static const char *const kinds[] = {"non-receipt", "receipt", "other"};
    static const char *const reasons[] = {"ipm-discarded", "ipm-auto-forwarded"};
    static const char *const discards[] = {"ipm-expired", "ipm-obsoleted", "user-subscription-terminated",
                                           "ipm-deleted"};
    json_t *object = json_pack("{s:s}", "kind", kinds[ipn->kind]);
    view_set(object, "subject-ipm", identifier(&ipn->subject_ipm, arena));
    view_set(object, "originator", user(ipn->ipn_originator, arena));
    view_set(object, "intended-recipient", user(ipn->ipm_intended_recipient, arena));
    if (ipn->kind == IPN_RECEIPT) {
        view_set(object, "receipt-time", view_time(ipn->receipt_time));
        view_set(object, "acknowledgment-mode", json_string(ipn->automatic ? "automatic" : "manual"));
        view_set(object, "supplementary-information", text_or_null(ipn->suppl_receipt_info));
    } else if (ipn->kind == IPN_NON_RECEIPT) {
        view_set(object, "reason", word(reasons, 2, (size_t)ipn->non_receipt_reason));
        view_set(object, "discard-reason",
                 ipn->has_discard_reason ? word(discards, 4, (size_t)ipn->discard_reason) : NULL);
        view_set(object, "comment", text_or_null(ipn->auto_forward_comment));
    }
    view_set(object, "conversion-types", view_types(ipn->conversion_eits));
    view_set(object, "extensions", view_ipms_extensions(&ipn->extensions, arena));
    struct ipm returned;
    if (depth < FORWARDED_DEPTH && ipm_read_returned(ipn, arena, &returned, NULL))
        view_set(object, "returned", view_ipm(&returned, arena, depth + 1));
    return object;
}

void view_content(json_t *object, struct span octets, struct arena *arena) {
    struct ipm_content content;
    struct error err = {0};
    if (!ipm_read(octets, arena, &content, &err))
        view_set(object, "content-error", json_string(err.text));
    else if (content.ipm)
        view_set(object, "ipm", view_ipm(content.ipm, arena, 0));
    else
        view_set(object, "ipn", view_ipn(content.ipn, arena, 0));
}

static void view_message(json_t *object, const struct x411p3_MessageDeliveryEnvelope *envelope,
                         struct arena *arena) {
    view_set(object, "mts-identifier", mts_identifier(&envelope->message_delivery_identifier));
    view_set(object, "delivery-time", view_utctime(envelope->message_delivery_time));
    view_fields(object, &envelope->other_fields, arena);
}

static json_t *view_reported(const struct x411p3_PerRecipientReportDeliveryFields *fields,
                             struct arena *arena) {
    static const char *const user_types[] = {"public", "private", "ms", "dl", "pdau", "physical-recipient",
                                             "other"};
    json_t *object = json_object();
    view_set(object, "recipient", view_name(&fields->actual_recipient_name, arena));
    view_set(object, "originally-intended-recipient",
             view_name(fields->originally_intended_recipient_name, arena));
    view_set(object, "supplementary-information", ascii(fields->supplementary_information, arena));
    view_set(object, "converted-types", view_types(fields->converted_encoded_information_types));
    view_set(object, "extensions", view_extensions(&fields->extensions, arena));
    if (fields->report_type.choice == x411_ReportType_delivery) {
        view_set(object, "delivered", json_true());
        view_set(object, "delivery-time", view_utctime(fields->report_type.u.delivery.message_delivery_time));
        view_set(object, "user-type",
                 word(user_types, sizeof user_types / sizeof *user_types,
                      (size_t)fields->report_type.u.delivery.type_of_MTS_user));
        return object;
    }
    const struct x411_NonDeliveryReport *report = &fields->report_type.u.non_delivery;
    view_set(object, "delivered", json_false());
    view_set(object, "reason-code", json_integer(report->non_delivery_reason_code));
    view_set(object, "reason", text_or_null(non_delivery_reason_name(report->non_delivery_reason_code)));
    view_set(object, "reason-text", json_string(non_delivery_reason_text(report->non_delivery_reason_code)));
    if (report->has_non_delivery_diagnostic_code) {
        view_set(object, "diagnostic-code", json_integer(report->non_delivery_diagnostic_code));
        view_set(object, "diagnostic",
                 text_or_null(non_delivery_diagnostic_name(report->non_delivery_diagnostic_code)));
        view_set(object, "diagnostic-text",
                 json_string(non_delivery_diagnostic_text(report->non_delivery_diagnostic_code)));
    }
    return object;
}

static void view_report(json_t *object, const struct x411p3_ReportDeliveryEnvelope *envelope,
                        struct arena *arena) {
    json_t *reported = json_array();
    struct correlator about;
    if (correlator_read(&envelope->extensions, arena, &about)) {
        view_set(object, "about", json_string(about.subject));
        view_set(object, "about-ipm", json_string(about.identifier));
    }
    view_set(object, "subject-mts-identifier", mts_identifier(&envelope->subject_submission_identifier));
    view_set(object, "content-identifier", ascii(envelope->content_identifier, arena));
    for (size_t i = 0; i < envelope->per_recipient_fields.count; i++)
        json_array_append_new(reported, view_reported(&envelope->per_recipient_fields.items[i], arena));
    view_set(object, "recipients", reported);
    view_set(object, "original-types", view_types(envelope->original_encoded_information_types));
    view_set(object, "extensions", view_extensions(&envelope->extensions, arena));
}

json_t *view_entry(const struct entry *entry) {
    json_t *object = json_pack("{s:I, s:s}", "entry", (json_int_t)entry->number, "kind",
                               entry->report ? "report" : "message");
    if (!object)
        return NULL;
    view_set(object, "arrival", view_time(entry->arrival));
    view_set(object, "content-type", entry->content_type ? json_string(entry->content_type) : json_null());
    view_set(object, "size", json_integer((json_int_t)entry->size));
    if (entry->report) {
        view_set(object, "probe", json_boolean(entry->on_probe));
        view_report(object, entry->report, entry->arena);
    } else {
        view_message(object, entry->message, entry->arena);
    }
    if (entry->content.data)
        view_content(object, entry->content, entry->arena);
    else if (entry->message) /* `mhs store repair` leaves such ones */
        view_set(object, "content-error", json_string("the content is empty, or was lost here"));
    return object;
}
