/* Values of headings and notifications (X.420 §19.6), and how much of a content is read for them. */
#include "asn1/ber.h"
#include "ms/object_private.h"

static const struct ber_limits limits = {.relax_bounds = true, .relax_characters = true};

/* ---- the beginning of a content ---- */

/* Most contents have their heading within this. */
#define FIRST_OCTETS 2048

struct beginning {
    const struct ms_content *content;
    struct arena *arena;
    struct span octets;
    bool failed;
};

/* At least so many octets, or all there are; `octets` may lie elsewhere after it. */
static bool read_to(struct beginning *beginning, size_t len) {
    const struct ms_content *content = beginning->content;
    if (len > content->length)
        len = (size_t)content->length;
    if (len <= beginning->octets.len)
        return true;
    uint8_t *room = arena_alloc(beginning->arena, len);
    beginning->failed = !room || !content->read(content->context, 0, room, len);
    if (beginning->failed)
        return false;
    beginning->octets = span_of(room, len);
    return true;
}

/* Of the choice's element, which may be longer than what was read, the octets behind its header. */
static bool skip_header(struct span *octets, bool *ipm) {
    size_t at = 2;
    if (octets->len < 2 || (octets->data[0] != 0xA0 && octets->data[0] != 0xA1))
        return false;
    *ipm = octets->data[0] == 0xA0;
    if (octets->data[1] & 0x80)
        at += octets->data[1] & 0x7F;
    if (at > octets->len)
        return false;
    *octets = span_sub(*octets, at, octets->len - at);
    return true;
}

/* The Heading's element, whole. */
static bool find_heading(struct beginning *beginning, struct span *heading) {
    struct ber_element head;
    bool ipm;
    for (size_t want = FIRST_OCTETS;; want = want * 8 < MS_BEGINNING ? want * 8 : MS_BEGINNING) {
        struct span octets;
        if (!read_to(beginning, want))
            return false;
        octets = beginning->octets;
        if (!skip_header(&octets, &ipm))
            return false;
        if (ber_element_read(octets, &head, NULL) && head.total <= octets.len) {
            *heading = span_sub(octets, 0, head.total);
            return true;
        }
        if (want == MS_BEGINNING || beginning->octets.len == beginning->content->length)
            return false;
    }
}

static enum ms_reading read_ipm(struct beginning *beginning, struct x420_Heading **out) {
    struct span element;
    *out = arena_alloc(beginning->arena, sizeof **out);
    return *out && find_heading(beginning, &element) &&
                   ber_decode(&x420_Heading_type, element, beginning->arena, &limits, *out, NULL)
               ? MS_READ_IPM
               : MS_UNREADABLE;
}

/* One that returns a content longer than what is read can't be told. */
static enum ms_reading read_ipn(struct beginning *beginning, struct x420_IPN **out) {
    struct x420_InformationObject *object = arena_alloc(beginning->arena, sizeof *object);
    if (!object || !read_to(beginning, MS_BEGINNING) ||
        !ber_decode(&x420_InformationObject_type, beginning->octets, beginning->arena, &limits, object,
                    NULL) ||
        object->choice != x420_InformationObject_ipn)
        return MS_UNREADABLE;
    *out = &object->u.ipn;
    return MS_READ_IPN;
}

enum ms_reading ms_content_read(struct span type, const struct ms_content *content, struct arena *arena,
                                struct x420_Heading **heading, struct x420_IPN **notification) {
    struct beginning beginning = {.content = content, .arena = arena};
    struct span octets;
    bool ipm;
    if (!type.data || (!span_eq(type, x420_id_mct_p2_1984) && !span_eq(type, x420_id_mct_p2_1988)))
        return MS_READ_NEITHER;
    if (!read_to(&beginning, FIRST_OCTETS))
        return MS_UNREADABLE;
    octets = beginning.octets;
    if (!skip_header(&octets, &ipm))
        return MS_UNREADABLE;
    return ipm ? read_ipm(&beginning, heading) : read_ipn(&beginning, notification);
}

/* ---- the heading ---- */

/* Extensions of the heading (2.6.1.5.n) by the attribute (2.6.1.7.n) that they are. */
static const struct {
    uint8_t attribute, extension;
    bool each; /* its elements are the values */
} extensions_of[] = {{17, 0, false}, {18, 1, true},   {22, 2, false}, {23, 3, false}, {24, 4, false},
                     {27, 5, false}, {28, 6, true},   {29, 7, true},  {30, 8, false}, {31, 9, true},
                     {32, 10, true}, {33, 11, false}, {34, 12, false}};

static void add_extension(struct making *making, const struct x420_IPMSExtensions *extensions,
                          uint8_t attribute) {
    for (size_t row = 0; row < sizeof extensions_of / sizeof *extensions_of; row++)
        for (size_t i = 0; extensions_of[row].attribute == attribute && i < extensions->count; i++) {
            const struct x420_IPMSExtension *extension = &extensions->items[i];
            const uint8_t oid[] = {0x56, 1, 5, extensions_of[row].extension};
            if (!span_eq(extension->type, span_of(oid, sizeof oid)))
                continue;
            if (extensions_of[row].each)
                making_add_each(making, extension->value);
            else
                making_add_checked(making, extension->value);
        }
}

/* incomplete-copy is there by its name alone (X.420 §A.2.1: its value is NULL, left out). */
static void add_incomplete_copy(struct making *making, const struct x420_IPMSExtensions *extensions) {
    static const bool yes = true;
    for (size_t i = 0; i < extensions->count; i++)
        if (span_eq(extensions->items[i].type, x420_id_hex_incomplete_copy)) {
            if (extensions->items[i].value.data)
                making_add_checked(making, extensions->items[i].value);
            else
                making_encode(making, &yes);
        }
}

static void add_users(struct making *making, const struct x420_ORDescriptor *items, size_t count) {
    for (size_t i = 0; i < count; i++)
        making_encode(making, &items[i]);
}

static void add_recipients(struct making *making, const struct x420_RecipientSpecifier *items, size_t count) {
    for (size_t i = 0; i < count; i++)
        making_encode(making, &items[i]);
}

static void add_identifiers(struct making *making, const struct x420_IPMIdentifier *items, size_t count) {
    for (size_t i = 0; i < count; i++)
        making_encode(making, &items[i]);
}

/* Those recipients of whom a notification (a bit), or a reply (`bit` negative), is asked. */
static void add_requestors(struct making *making, const struct x420_RecipientSpecifier *items, size_t count,
                           int bit) {
    for (size_t i = 0; i < count; i++)
        if (bit < 0 ? items[i].reply_requested : ber_bit(&items[i].notification_requests, (unsigned)bit))
            making_encode(making, &items[i].recipient);
}

static void add_all_requestors(struct making *making, const struct x420_Heading *heading, int bit) {
    add_requestors(making, heading->primary_recipients.items, heading->primary_recipients.count, bit);
    add_requestors(making, heading->copy_recipients.items, heading->copy_recipients.count, bit);
    add_requestors(making, heading->blind_copy_recipients.items, heading->blind_copy_recipients.count, bit);
}

static void add_text(struct making *making, struct span text) {
    if (text.data)
        making_encode(making, &text);
}

static void add_lists(struct making *making, const struct x420_Heading *heading, uint8_t number) {
    switch (number) {
    case 10:
        return add_users(making, heading->authorizing_users.items, heading->authorizing_users.count);
    case 11:
        return add_recipients(making, heading->primary_recipients.items, heading->primary_recipients.count);
    case 12:
        return add_recipients(making, heading->copy_recipients.items, heading->copy_recipients.count);
    case 13:
        return add_recipients(making, heading->blind_copy_recipients.items,
                              heading->blind_copy_recipients.count);
    case 14:
        return add_identifiers(making, heading->obsoleted_IPMs.items, heading->obsoleted_IPMs.count);
    case 15:
        return add_identifiers(making, heading->related_IPMs.items, heading->related_IPMs.count);
    case 16:
        return add_users(making, heading->reply_recipients.items, heading->reply_recipients.count);
    case 17:
        return add_incomplete_copy(making, &heading->extensions);
    case 19:
        return add_all_requestors(making, heading, 0);
    case 20:
        return add_all_requestors(making, heading, 1);
    case 21:
        return add_all_requestors(making, heading, -1);
    default:
        add_extension(making, &heading->extensions, number);
    }
}

void making_of_heading(struct making *making, const struct x420_Heading *heading) {
    uint8_t number = making->attribute->oid.data[3];
    switch (number) {
    case 0:
        return making_encode(making, heading);
    case 1:
        return making_encode(making, &heading->this_IPM);
    case 2:
        return heading->originator ? making_encode(making, heading->originator) : (void)0;
    case 3:
        return heading->replied_to_IPM ? making_encode(making, heading->replied_to_IPM) : (void)0;
    case 4:
        return add_text(making, heading->subject);
    case 5:
        return add_text(making, heading->expiry_time);
    case 6:
        return add_text(making, heading->reply_time);
    case 7:
        return making_encode(making, &heading->importance);
    case 8:
        return heading->has_sensitivity ? making_encode(making, &heading->sensitivity) : (void)0;
    case 9:
        return making_encode(making, &heading->auto_forwarded);
    default:
        add_lists(making, heading, number);
    }
}

/* ---- notifications ---- */

static void of_non_receipt(struct making *making, const struct x420_NonReceiptFields *fields,
                           uint8_t number) {
    if (number == 4)
        making_encode(making, &fields->non_receipt_reason);
    else if (number == 5 && fields->has_discard_reason)
        making_encode(making, &fields->discard_reason);
    else if (number == 6)
        add_text(making, fields->auto_forward_comment);
    else if (number == 7 && fields->returned_ipm)
        making_encode(making, fields->returned_ipm);
    for (size_t i = 0; number == 12 && i < fields->nrn_extensions.count; i++)
        making_encode(making, &fields->nrn_extensions.items[i]);
}

static void of_receipt(struct making *making, const struct x420_ReceiptFields *fields, uint8_t number) {
    if (number == 8)
        add_text(making, fields->receipt_time);
    else if (number == 9)
        making_encode(making, &fields->acknowledgment_mode);
    else if (number == 10)
        add_text(making, fields->suppl_receipt_info);
    for (size_t i = 0; number == 13 && i < fields->rn_extensions.count; i++)
        making_encode(making, &fields->rn_extensions.items[i]);
}

static void of_kind(struct making *making, const struct x420_NotificationFields *fields, uint8_t number) {
    if (fields->choice == x420_NotificationFields_non_receipt_fields)
        of_non_receipt(making, &fields->u.non_receipt_fields, number);
    else if (fields->choice == x420_NotificationFields_receipt_fields)
        of_receipt(making, &fields->u.receipt_fields, number);
    else
        for (size_t i = 0; number == 14 && i < fields->u.other_notification_type_fields.count; i++)
            making_encode(making, &fields->u.other_notification_type_fields.items[i]);
}

void making_of_notification(struct making *making, const struct x420_IPN *ipn) {
    uint8_t number = making->attribute->oid.data[3];
    if (number == 0)
        making_encode(making, &ipn->subject_ipm);
    else if (number == 1 && ipn->ipn_originator)
        making_encode(making, ipn->ipn_originator);
    else if (number == 2 && ipn->ipm_intended_recipient)
        making_encode(making, ipn->ipm_intended_recipient);
    else if (number == 3)
        making_add_eits(making, ipn->conversion_eits);
    for (size_t i = 0; number == 11 && i < ipn->notification_extensions.count; i++)
        making_encode(making, &ipn->notification_extensions.items[i]);
    if (number >= 4 && number != 11)
        of_kind(making, &ipn->choice, number);
}
