/* An entry of a mailbox as JSON. */
#include "mhs/view.h"

#include "asn1/ber.h"
#include "base/clock.h"
#include "base/text.h"
#include "mhs/address.h"
#include "names/codes.h"
#include "names/identifier.h"

#define FORWARDED_DEPTH 8

static json_t *view_ipm(const struct ipm *ipm, struct arena *arena, unsigned depth);

static json_t *text_or_null(const char *text) {
    return text ? json_string(text) : NULL;
}

/* Sets a member unless the value is NULL. */
static void set(json_t *object, const char *member, json_t *value) {
    if (value)
        json_object_set_new(object, member, value);
}

static json_t *time_text(int64_t seconds) {
    char text[21];
    return seconds ? json_string(clock_format(seconds, text)) : NULL;
}

static json_t *utctime(struct span time) {
    int64_t seconds = 0;
    return ber_utctime_read(time, &seconds) ? time_text(seconds) : NULL;
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

static json_t *name(const struct x411_ORName *or_name, struct arena *arena) {
    return or_name ? json_string(address_show(or_name, arena)) : NULL;
}

static json_t *user(const struct ipm_user *from, struct arena *arena) {
    json_t *object = from ? json_object() : NULL;
    if (from) {
        set(object, "address", name(from->formal_name, arena));
        set(object, "name", text_or_null(from->free_form_name));
        set(object, "telephone", text_or_null(from->telephone_number));
    }
    return object;
}

static json_t *users(const struct ipm_users *list, struct arena *arena) {
    json_t *array = list->count > 0 ? json_array() : NULL;
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, user(&list->items[i], arena));
    return array;
}

static json_t *recipients(const struct ipm_recipients *list, struct arena *arena) {
    static const char *const requests[] = {"rn", "nrn", "ipm-return", "an-supported", "suppress-an"};
    json_t *array = list->count > 0 ? json_array() : NULL;
    for (size_t i = 0; i < list->count; i++) {
        json_t *object = user(&list->items[i].user, arena), *asked = json_array();
        for (unsigned bit = 0; bit < 5; bit++)
            if (list->items[i].notification_requests & 1u << bit)
                json_array_append_new(asked, json_string(requests[bit]));
        set(object, "notification-requests", json_array_size(asked) > 0 ? json_incref(asked) : NULL);
        set(object, "reply-requested", list->items[i].reply_requested ? json_true() : NULL);
        json_decref(asked);
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *identifier(const struct ipm_identifier *from, struct arena *arena) {
    json_t *object = from ? json_object() : NULL;
    if (from) {
        set(object, "user", name(from->user, arena));
        set(object, "identifier", text_or_null(from->user_relative_identifier));
    }
    return object;
}

static json_t *identifiers(const struct ipm_identifiers *list, struct arena *arena) {
    json_t *array = list->count > 0 ? json_array() : NULL;
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, identifier(&list->items[i], arena));
    return array;
}

static json_t *extensions(const struct ipm_heading *heading) {
    json_t *array = heading->extension_count > 0 ? json_array() : NULL;
    for (size_t i = 0; i < heading->extension_count; i++) {
        char dotted[128];
        if (ber_oid_format(heading->extensions[i].type, dotted, sizeof dotted))
            json_array_append_new(array, json_string(dotted));
    }
    return array;
}

static json_t *languages(const struct ipm_heading *heading) {
    json_t *array = heading->language_count > 0 ? json_array() : NULL;
    for (size_t i = 0; i < heading->language_count; i++)
        json_array_append_new(array, json_string(heading->languages[i]));
    return array;
}

static json_t *word(const char *const *words, size_t count, size_t value) {
    return value < count && words[value] ? json_string(words[value]) : NULL;
}

static void view_heading(json_t *object, const struct ipm_heading *heading, struct arena *arena) {
    static const char *const importances[] = {"low", NULL, "high"};
    static const char *const sensitivities[] = {NULL, "personal", "private", "company-confidential"};
    static const char *const submitted[] = {NULL, "auto-generated", "auto-replied"};
    set(object, "identifier", text_or_null(heading->this_ipm.user_relative_identifier));
    set(object, "from", user(heading->originator, arena));
    set(object, "authorizing-users", users(&heading->authorizing_users, arena));
    set(object, "to", recipients(&heading->primary_recipients, arena));
    set(object, "cc", recipients(&heading->copy_recipients, arena));
    set(object, "bcc", recipients(&heading->blind_copy_recipients, arena));
    set(object, "subject", text_or_null(heading->subject));
    set(object, "replied-to", identifier(heading->replied_to_ipm, arena));
    set(object, "obsoletes", identifiers(&heading->obsoleted_ipms, arena));
    set(object, "related", identifiers(&heading->related_ipms, arena));
    set(object, "expiry-time", time_text(heading->expiry_time));
    set(object, "reply-time", time_text(heading->reply_time));
    set(object, "reply-to", users(&heading->reply_recipients, arena));
    set(object, "importance", word(importances, 3, (size_t)heading->importance));
    set(object, "sensitivity", word(sensitivities, 4, (size_t)heading->sensitivity));
    set(object, "auto-forwarded", heading->auto_forwarded ? json_true() : NULL);
    set(object, "auto-submitted", word(submitted, 3, (size_t)heading->auto_submitted));
    set(object, "incomplete-copy", heading->incomplete_copy ? json_true() : NULL);
    set(object, "languages", languages(heading));
    set(object, "reference", text_or_null(heading->originators_reference));
    set(object, "authorization-time", time_text(heading->authorization_time));
    set(object, "other-extensions", extensions(heading));
}

static json_t *view_part(const struct ipm_part *part, size_t number, struct arena *arena, unsigned depth) {
    struct ipm inner;
    json_t *object = json_pack("{s:I, s:s, s:I}", "number", (json_int_t)number, "type", part->name, "size",
                               (json_int_t)part->size);
    set(object, "charset", text_or_null(part->charset));
    set(object, "file-name", text_or_null(part->file_name));
    set(object, "modified", time_text(part->modified));
    set(object, "delivery-time", time_text(part->delivery_time));
    struct span text = ipm_part_text(part, arena);
    if (text.data)
        set(object, "text", json_stringn((const char *)text.data, text.len));
    if (part->type == IPM_PART_MESSAGE && depth < FORWARDED_DEPTH &&
        ipm_read_forwarded(part, arena, &inner, NULL))
        set(object, "message", view_ipm(&inner, arena, depth + 1));
    return object;
}

static json_t *view_ipm(const struct ipm *ipm, struct arena *arena, unsigned depth) {
    json_t *object = json_object(), *parts = json_array();
    view_heading(object, &ipm->heading, arena);
    for (size_t i = 0; i < ipm->part_count; i++)
        json_array_append_new(parts, view_part(&ipm->parts[i], i + 1, arena, depth));
    set(object, "parts", parts);
    set(object, "truncated", ipm->truncated ? json_true() : NULL);
    return object;
}

static json_t *view_ipn(const struct ipn *ipn, struct arena *arena) {
    static const char *const kinds[] = {"non-receipt", "receipt", "other"};
    static const char *const reasons[] = {"ipm-discarded", "ipm-auto-forwarded"};
    static const char *const discards[] = {"ipm-expired", "ipm-obsoleted", "user-subscription-terminated",
                                           "ipm-deleted"};
    json_t *object = json_pack("{s:s}", "kind", kinds[ipn->kind]);
    set(object, "subject-ipm", identifier(&ipn->subject_ipm, arena));
    set(object, "originator", user(ipn->ipn_originator, arena));
    set(object, "intended-recipient", user(ipn->ipm_intended_recipient, arena));
    if (ipn->kind == IPN_RECEIPT) {
        set(object, "receipt-time", time_text(ipn->receipt_time));
        set(object, "acknowledgment-mode", json_string(ipn->automatic ? "automatic" : "manual"));
        set(object, "supplementary-information", text_or_null(ipn->suppl_receipt_info));
    } else if (ipn->kind == IPN_NON_RECEIPT) {
        set(object, "reason", word(reasons, 2, (size_t)ipn->non_receipt_reason));
        set(object, "discard-reason",
            ipn->has_discard_reason ? word(discards, 4, (size_t)ipn->discard_reason) : NULL);
        set(object, "comment", text_or_null(ipn->auto_forward_comment));
    }
    return object;
}

/* The content under "ipm" or "ipn"; why it can't be shown under "content-error". */
static void view_content(json_t *object, struct span octets, struct arena *arena) {
    struct ipm_content content;
    struct error err = {0};
    if (!ipm_read(octets, arena, &content, &err))
        set(object, "content-error", json_string(err.text));
    else if (content.ipm)
        set(object, "ipm", view_ipm(content.ipm, arena, 0));
    else
        set(object, "ipn", view_ipn(content.ipn, arena));
}

static void view_message(json_t *object, const struct x411p3_MessageDeliveryEnvelope *envelope,
                         struct arena *arena) {
    static const char *const priorities[] = {"normal", "non-urgent", "urgent"};
    const struct x411p3_OtherMessageDeliveryFields *fields = &envelope->other_fields;
    set(object, "mts-identifier", mts_identifier(&envelope->message_delivery_identifier));
    set(object, "submission-time", utctime(fields->message_submission_time));
    set(object, "delivery-time", utctime(envelope->message_delivery_time));
    set(object, "originator", name(&fields->originator_name, arena));
    set(object, "recipient", name(&fields->this_recipient_name, arena));
    set(object, "originally-intended-recipient", name(fields->originally_intended_recipient_name, arena));
    set(object, "priority", word(priorities, 3, (size_t)fields->priority));
    set(object, "content-identifier", ascii(fields->content_identifier, arena));
    json_t *others = fields->other_recipient_names.count > 0 ? json_array() : NULL;
    for (size_t i = 0; i < fields->other_recipient_names.count; i++)
        json_array_append_new(others, name(&fields->other_recipient_names.items[i], arena));
    set(object, "other-recipients", others);
}

static json_t *view_reported(const struct x411p3_PerRecipientReportDeliveryFields *fields,
                             struct arena *arena) {
    json_t *object = json_object();
    set(object, "recipient", name(&fields->actual_recipient_name, arena));
    set(object, "originally-intended-recipient", name(fields->originally_intended_recipient_name, arena));
    set(object, "supplementary-information", ascii(fields->supplementary_information, arena));
    if (fields->report_type.choice == x411_ReportType_delivery) {
        set(object, "delivered", json_true());
        set(object, "delivery-time", utctime(fields->report_type.u.delivery.message_delivery_time));
        return object;
    }
    const struct x411_NonDeliveryReport *report = &fields->report_type.u.non_delivery;
    set(object, "delivered", json_false());
    set(object, "reason-code", json_integer(report->non_delivery_reason_code));
    set(object, "reason", text_or_null(non_delivery_reason_name(report->non_delivery_reason_code)));
    set(object, "reason-text", json_string(non_delivery_reason_text(report->non_delivery_reason_code)));
    if (report->has_non_delivery_diagnostic_code) {
        set(object, "diagnostic-code", json_integer(report->non_delivery_diagnostic_code));
        set(object, "diagnostic",
            text_or_null(non_delivery_diagnostic_name(report->non_delivery_diagnostic_code)));
        set(object, "diagnostic-text",
            json_string(non_delivery_diagnostic_text(report->non_delivery_diagnostic_code)));
    }
    return object;
}

static void view_report(json_t *object, const struct x411p3_ReportDeliveryEnvelope *envelope,
                        struct arena *arena) {
    json_t *reported = json_array();
    set(object, "subject-mts-identifier", mts_identifier(&envelope->subject_submission_identifier));
    set(object, "content-identifier", ascii(envelope->content_identifier, arena));
    for (size_t i = 0; i < envelope->per_recipient_fields.count; i++)
        json_array_append_new(reported, view_reported(&envelope->per_recipient_fields.items[i], arena));
    set(object, "recipients", reported);
}

json_t *view_entry(const struct entry *entry) {
    json_t *object = json_pack("{s:I, s:s}", "entry", (json_int_t)entry->number, "kind",
                               entry->report ? "report" : "message");
    if (!object)
        return NULL;
    static const char *const copied[] = {"arrival", "content-type", "size"};
    for (size_t i = 0; i < sizeof copied / sizeof *copied; i++)
        set(object, copied[i], json_incref(json_object_get(entry->summary, copied[i])));
    if (entry->report)
        view_report(object, entry->report, entry->arena);
    else
        view_message(object, entry->message, entry->arena);
    if (entry->content.data)
        view_content(object, entry->content, entry->arena);
    return object;
}
