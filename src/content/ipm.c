/* Reading interpersonal messages and notifications. */
#include "content/ipm.h"

#include "base/reader.h"
#include "base/text.h"
#include "content/body.h"
#include "content/element_private.h"
#include "content/heading.h"

static const struct ber_limits lax = {.relax_bounds = true, .relax_characters = true};

static bool no_memory(struct error *err) {
    return error_set(err, 1, "no memory to read the message, or it is larger than what is read at once");
}

/* The contents of an IPM: heading, body. The body is walked, not decoded: it may be of any size. */
static bool ipm_of(struct span contents, struct arena *arena, struct ipm *ipm, struct error *err) {
    struct element heading, body;
    *ipm = (struct ipm){0};
    if (!element_next(&contents, &heading) || !element_is(&heading, BER_UNIVERSAL, 17))
        return error_set(err, 1, "the interpersonal message has no heading");
    if (!heading_read(heading.whole, arena, &ipm->heading, err))
        return false;
    if (!element_next(&contents, &body) || !element_is(&body, BER_UNIVERSAL, 16))
        return error_set(err, 1, "the interpersonal message has no body, or it is cut off");
    return body_read(body.contents, arena, ipm) || no_memory(err);
}

/* Skips identifier and length of the element that begins `in`; its end may be missing. */
static bool skip_header(struct span *in) {
    struct reader r = reader_of(*in);
    bool long_tag = (reader_u8(&r) & 0x1F) == 0x1F;
    uint8_t length = reader_u8(&r);
    if (length > 0x80)
        reader_take(&r, length & 0x7F);
    *in = span_of(r.at, reader_left(&r));
    return !r.failed && !long_tag;
}

bool ipm_read_heading(struct span beginning, struct arena *arena, struct ipm_heading *heading,
                      struct error *err) {
    struct element element;
    if (beginning.len == 0 || beginning.data[0] != 0xA0 || !skip_header(&beginning) ||
        !element_next(&beginning, &element) || !element_is(&element, BER_UNIVERSAL, 17))
        return error_set(err, 1, "no interpersonal message's heading is there");
    return heading_read(element.whole, arena, heading, err);
}

bool ipm_read_forwarded(const struct ipm_part *part, struct arena *arena, struct ipm *out,
                        struct error *err) {
    struct element message;
    struct span rest = part->data;
    if (part->type != IPM_PART_MESSAGE || !element_next(&rest, &message))
        return error_set(err, 1, "the part is no forwarded message");
    return ipm_of(message.contents, arena, out, err);
}

bool ipm_read_returned(const struct ipn *ipn, struct arena *arena, struct ipm *out, struct error *err) {
    struct element message;
    struct span rest = ipn->returned_ipm;
    if (!rest.data || !element_next(&rest, &message))
        return error_set(err, 1, "the notification returns no message");
    return ipm_of(message.contents, arena, out, err);
}

/* A printable string as a C string, NULL when absent. */
static const char *printable(struct span octets, struct arena *arena) {
    return octets.data ? (const char *)arena_dup(arena, text_from_ia5(octets, arena)).data : NULL;
}

static bool user_of(const struct x420_ORDescriptor *from, struct arena *arena, const struct ipm_user **user) {
    struct ipm_user *copy = from ? arena_alloc(arena, sizeof *copy) : NULL;
    *user = copy;
    return !from || (copy && user_read(from, arena, copy));
}

static void fields_of(const struct x420_NotificationFields *from, struct arena *arena, struct ipn *ipn) {
    if (from->choice == x420_NotificationFields_receipt_fields) {
        const struct x420_ReceiptFields *fields = &from->u.receipt_fields;
        ipn->kind = IPN_RECEIPT;
        ber_utctime_read(fields->receipt_time, &ipn->receipt_time);
        ipn->automatic = fields->acknowledgment_mode == x420_AcknowledgmentModeField_automatic;
        ipn->suppl_receipt_info = printable(fields->suppl_receipt_info, arena);
    } else if (from->choice == x420_NotificationFields_non_receipt_fields) {
        const struct x420_NonReceiptFields *fields = &from->u.non_receipt_fields;
        ipn->kind = IPN_NON_RECEIPT;
        ipn->non_receipt_reason = fields->non_receipt_reason;
        ipn->has_discard_reason = fields->has_discard_reason;
        ipn->discard_reason = fields->discard_reason;
        ipn->auto_forward_comment = printable(fields->auto_forward_comment, arena);
        if (fields->returned_ipm)
            ipn->returned_ipm = fields->returned_ipm->raw;
    } else {
        ipn->kind = IPN_OTHER;
    }
}

/* Those of the notification, then those of its fields. */
static bool notification_extensions(const struct x420_IPN *wire, struct arena *arena,
                                    struct ipm_extensions *to) {
    const struct x420_NotificationFields *fields = &wire->choice;
    const struct x420_IPMSExtensions *own = fields->choice == x420_NotificationFields_receipt_fields
                                                ? &fields->u.receipt_fields.rn_extensions
                                            : fields->choice == x420_NotificationFields_non_receipt_fields
                                                ? &fields->u.non_receipt_fields.nrn_extensions
                                                : &fields->u.other_notification_type_fields;
    to->items = arena_array(arena, wire->notification_extensions.count + own->count + 1, sizeof *to->items);
    if (!to->items)
        return false;
    extensions_append(&wire->notification_extensions, to);
    extensions_append(own, to);
    return true;
}

/* `element`: an IPN, with the tag of a SET or with the one that it has in an InformationObject. */
static bool ipn_of(struct span element, struct arena *arena, struct ipn *ipn, struct error *err) {
    struct x420_InformationObject *object = arena_alloc(arena, sizeof *object);
    struct x420_IPN *wire = object ? &object->u.ipn : NULL;
    struct ber_error why = {0};
    bool set = element.len && element.data[0] == 0x31;
    *ipn = (struct ipn){0};
    if (!object)
        return no_memory(err);
    if (!ber_decode(set ? &x420_IPN_type : &x420_InformationObject_type, element, arena, &lax,
                    set ? (void *)wire : (void *)object, &why))
        return error_set(err, 1, "the notification can't be read: %s%s%s", why.path, *why.path ? ": " : "",
                         why.text);
    ipn->conversion_eits = wire->conversion_eits;
    if (!notification_extensions(wire, arena, &ipn->extensions))
        return no_memory(err);
    identifier_read(&wire->subject_ipm, arena, &ipn->subject_ipm);
    fields_of(&wire->choice, arena, ipn);
    return (user_of(wire->ipn_originator, arena, &ipn->ipn_originator) &&
            user_of(wire->ipm_intended_recipient, arena, &ipn->ipm_intended_recipient)) ||
           no_memory(err);
}

bool ipm_read_notification(const struct ipm_part *part, struct arena *arena, struct ipn *out,
                           struct error *err) {
    if (part->type != IPM_PART_NOTIFICATION)
        return error_set(err, 1, "the part is no notification");
    return ipn_of(part->data, arena, out, err);
}

bool ipm_read(struct span content, struct arena *arena, struct ipm_content *out, struct error *err) {
    struct element object;
    struct span rest = content;
    *out = (struct ipm_content){0};
    if (!element_next(&rest, &object) || object.head.tag_class != BER_CONTEXT || object.head.number > 1)
        return error_set(err, 1,
                         "the content is no interpersonal message and no notification, or it is cut off");
    if (object.head.number == 0) {
        struct ipm *ipm = arena_alloc(arena, sizeof *ipm);
        if (!ipm)
            return no_memory(err);
        bool ok = ipm_of(object.contents, arena, ipm, err);
        out->ipm = ok ? ipm : NULL;
        return ok;
    }
    struct ipn *ipn = arena_alloc(arena, sizeof *ipn);
    if (!ipn)
        return no_memory(err);
    bool ok = ipn_of(object.whole, arena, ipn, err);
    out->ipn = ok ? ipn : NULL;
    return ok;
}

/* ---- making notifications ---- */

struct span ipm_element(struct span content) {
    struct element object;
    bool whole =
        element_next(&content, &object) && object.head.tag_class == BER_CONTEXT && object.head.number == 0;
    return whole ? object.whole : (struct span){NULL, 0};
}

static bool receipt_to(const struct ipn *ipn, struct arena *arena, struct x420_ReceiptFields *to) {
    to->acknowledgment_mode =
        ipn->automatic ? x420_AcknowledgmentModeField_automatic : x420_AcknowledgmentModeField_manual;
    to->suppl_receipt_info = span_str(ipn->suppl_receipt_info);
    return ber_utctime_write(ipn->receipt_time, arena, &to->receipt_time);
}

static void non_receipt_to(const struct ipn *ipn, struct x420_NonReceiptFields *to) {
    to->non_receipt_reason = ipn->non_receipt_reason;
    to->has_discard_reason = ipn->has_discard_reason;
    to->discard_reason = ipn->discard_reason;
    to->auto_forward_comment = span_str(ipn->auto_forward_comment);
}

static bool descriptor_to(const struct ipm_user *user, struct arena *arena, struct x420_ORDescriptor **to) {
    *to = user ? arena_alloc(arena, sizeof **to) : NULL;
    return !user || (*to && user_write(user, arena, *to));
}

bool ipn_encode(const struct ipn *ipn, struct arena *arena, struct span *content, struct error *err) {
    struct ber_error why = {0};
    struct x420_InformationObject *object = arena_alloc(arena, sizeof *object);
    struct x420_IPM *returned = arena_alloc(arena, sizeof *returned);
    if (!object || !returned)
        return no_memory(err);
    object->choice = x420_InformationObject_ipn;
    struct x420_IPN *wire = &object->u.ipn;
    identifier_write(&ipn->subject_ipm, &wire->subject_ipm);
    if (!descriptor_to(ipn->ipn_originator, arena, &wire->ipn_originator) ||
        !descriptor_to(ipn->ipm_intended_recipient, arena, &wire->ipm_intended_recipient))
        return no_memory(err);
    if (ipn->kind == IPN_RECEIPT) {
        wire->choice.choice = x420_NotificationFields_receipt_fields;
        if (!receipt_to(ipn, arena, &wire->choice.u.receipt_fields))
            return no_memory(err);
    } else if (ipn->kind == IPN_NON_RECEIPT) {
        wire->choice.choice = x420_NotificationFields_non_receipt_fields;
        non_receipt_to(ipn, &wire->choice.u.non_receipt_fields);
        returned->raw = ipn->returned_ipm;
        wire->choice.u.non_receipt_fields.returned_ipm = ipn->returned_ipm.data ? returned : NULL;
    } else {
        return error_set(err, 1, "only receipt and non-receipt notifications are made");
    }
    return ber_encode_arena(&x420_InformationObject_type, object, arena, content, &why) ||
           error_set(err, 1, "the notification can't be written: %s%s%s", why.path, *why.path ? ": " : "",
                     why.text);
}
