/* Values out of delivery and report envelopes; those of contents are object_ipm.c's. */
#include "ms/object.h"

#include "ms/object_private.h"
#include "schema/x411ext.h"

static const struct ber_limits limits = {.relax_bounds = true, .relax_characters = true};

/* ---- extensions ---- */

/* The attributes (2.6.4.3.n) that an extension of the envelope holds as it stands (X.411 §9.1's numbers). */
static const struct {
    uint8_t attribute, extension;
    bool each; /* its elements are the values */
} extensions_of[] = {{2, 17, false},  {3, 23, false},  {5, 18, false},  {9, 4, false},   {14, 26, true},
                     {21, 19, false}, {22, 20, false}, {24, 16, false}, {26, 15, false}, {32, 22, false},
                     {33, 25, true},  {35, 31, false}, {36, 32, false}, {37, 33, false}, {54, 38, true},
                     {64, 13, false}, {75, 37, true},  {78, 42, true},  {80, 45, false}, {81, 40, false}};

static struct span find_extension(const struct x411_Extensions *extensions, int64_t number) {
    for (size_t i = 0; i < extensions->count; i++) {
        const struct x411_ExtensionField *field = &extensions->items[i];
        if (field->type.choice == x411_ExtensionType_standard_extension &&
            field->type.u.standard_extension == number)
            return field->value;
    }
    return (struct span){NULL, 0};
}

static bool add_extension(struct making *making, const struct x411_Extensions *extensions, uint8_t number) {
    for (size_t i = 0; i < sizeof extensions_of / sizeof *extensions_of; i++)
        if (extensions_of[i].attribute == number) {
            struct span value = find_extension(extensions, extensions_of[i].extension);
            if (extensions_of[i].each)
                making_add_each(making, value);
            else
                making_add_checked(making, value);
            return true;
        }
    return false;
}

/* mt-security-classification, of the label. */
static void add_classification(struct making *making, const struct x411_Extensions *extensions) {
    struct span element = find_extension(extensions, 20);
    struct x411_SecurityLabel label = {0};
    if (element.data &&
        ber_decode(&x411_SecurityLabel_type, element, making->object->arena, &limits, &label, NULL) &&
        label.has_security_classification)
        making_encode(making, &label.security_classification);
}

/* ---- envelopes ---- */

struct span ms_content_type(int64_t built_in) {
    return built_in == x411_BuiltInContentType_interpersonal_messaging_1984   ? x420_id_mct_p2_1984
           : built_in == x411_BuiltInContentType_interpersonal_messaging_1988 ? x420_id_mct_p2_1988
                                                                              : (struct span){NULL, 0};
}

static struct span type_delivered(const struct x411p3_DeliveredContentType *type) {
    return type->choice == x411p3_DeliveredContentType_extended ? type->u.extended
                                                                : ms_content_type(type->u.built_in);
}

static void add_present(struct making *making, struct span value) {
    if (value.data)
        making_encode(making, &value);
}

static void add_name(struct making *making, const struct x411_ORName *name) {
    if (name)
        making_encode(making, name);
}

static void of_message(struct making *making, uint8_t number) {
    const struct x411p3_MessageDeliveryEnvelope *envelope = making->object->message;
    const struct x411p3_OtherMessageDeliveryFields *fields = &envelope->other_fields;
    const struct x411_EncodedInformationTypes *converted = fields->converted_encoded_information_types;
    int64_t length = (int64_t)making->object->content.length;
    switch (number) {
    case 4:
        return add_present(making, fields->content_identifier);
    case 6:
        return making_encode(making, &length);
    case 8:
        return add_present(making, type_delivered(&fields->content_type));
    case 10:
        return making_add_eits(making, converted);
    case 12:
        return making_add_eits(making, converted ? converted : fields->original_encoded_information_types);
    case 13:
        return fields->delivery_flags.octets.data ? making_encode(making, &fields->delivery_flags) : (void)0;
    case 17:
        return add_name(making, fields->originally_intended_recipient_name);
    case 18:
        return making_add(making, making->object->envelope);
    case 19:
        return making_encode(making, &envelope->message_delivery_identifier);
    case 20:
        return add_present(making, envelope->message_delivery_time);
    case 23:
        return add_present(making, fields->message_submission_time);
    case 25:
        return making_add_eits(making, fields->original_encoded_information_types);
    case 27:
        return add_name(making, &fields->originator_name);
    case 28:
        for (size_t i = 0; i < fields->other_recipient_names.count; i++)
            add_name(making, &fields->other_recipient_names.items[i]);
        return;
    case 31:
        return making_encode(making, &fields->priority);
    case 38:
        return add_classification(making, &fields->extensions);
    case 41:
        return add_name(making, &fields->this_recipient_name);
    default:
        add_extension(making, &fields->extensions, number);
    }
}

static struct span type_reported(const struct x411_ContentType *type) {
    return !type                                       ? (struct span){NULL, 0}
           : type->choice == x411_ContentType_built_in ? ms_content_type(type->u.built_in)
                                                       : type->u.extended;
}

/* ms-content-length of a report is its returned content's. */
static void of_report(struct making *making, uint8_t number) {
    const struct ms_object *object = making->object;
    const struct x411p3_ReportDeliveryEnvelope *envelope = object->of_report;
    switch (number) {
    case 4:
        return add_present(making, envelope->content_identifier);
    case 7:
        return making_encode(making, &object->has_content);
    case 8:
        return add_present(making, type_reported(envelope->content_type));
    case 25:
        return making_add_eits(making, envelope->original_encoded_information_types);
    case 30:
        for (size_t i = 0; i < envelope->per_recipient_fields.count; i++)
            making_encode(making, &envelope->per_recipient_fields.items[i]);
        return;
    case 34:
        return making_add(making, object->envelope);
    case 38:
        return add_classification(making, &envelope->extensions);
    case 40:
        return making_encode(making, &envelope->subject_submission_identifier);
    default:
        add_extension(making, &envelope->extensions, number);
    }
}

static bool open_envelope(struct ms_object *object) {
    const struct ber_type *type =
        object->report ? &x411p3_ReportDeliveryEnvelope_type : &x411p3_MessageDeliveryEnvelope_type;
    if (object->opened)
        return object->decoded;
    object->opened = true;
    object->message = object->report ? NULL : arena_alloc(object->arena, sizeof *object->message);
    object->of_report = object->report ? arena_alloc(object->arena, sizeof *object->of_report) : NULL;
    void *value = object->report ? (void *)object->of_report : (void *)object->message;
    object->decoded = value && object->envelope.data &&
                      ber_decode(type, object->envelope, object->arena, &limits, value, NULL);
    return object->decoded;
}

/* ---- contents ---- */

/* Which the content is, and its heading or notification; the beginning is read as far as it must be. */
static void open_content(struct ms_object *object) {
    if (object->reading != MS_NOT_READ)
        return;
    if (object->report) {
        object->reading = MS_READ_NEITHER; /* what is returned is a child's */
        return;
    }
    object->reading =
        ms_content_read(type_delivered(&object->message->other_fields.content_type), &object->content,
                        object->arena, &object->heading, &object->notification);
}

static void add_entry_type(struct making *making) {
    const struct ms_object *object = making->object;
    const struct x420_IPN *ipn = object->notification;
    int64_t type = object->reading == MS_READ_IPM                                     ? 0
                   : ipn->choice.choice == x420_NotificationFields_receipt_fields     ? 1
                   : ipn->choice.choice == x420_NotificationFields_non_receipt_fields ? 2
                                                                                      : 3;
    making_encode(making, &type);
}

static bool of_content(struct making *making) {
    struct ms_object *object = making->object;
    const uint8_t *oid = making->attribute->oid.data; /* 2.6.1.arc.n */
    open_content(object);
    if (object->reading == MS_UNREADABLE)
        return false;
    if (object->reading == MS_READ_NEITHER)
        return true;
    if (oid[2] == 6 && oid[3] == 0)
        add_entry_type(making);
    else if (object->reading == MS_READ_IPM && oid[2] == 7)
        making_of_heading(making, object->heading);
    else if (object->reading == MS_READ_IPN && oid[2] == 9)
        making_of_notification(making, object->notification);
    return true;
}

/* ms-recipient-names */
static bool of_submission(struct making *making, uint8_t number) {
    const struct x411_MessageTransferEnvelope *envelope = making->object->submitted;
    if (!envelope || number != 71)
        return false;
    for (size_t i = 0; i < envelope->per_recipient_fields.count; i++)
        add_name(making, &envelope->per_recipient_fields.items[i].recipient_name);
    return true;
}

bool ms_object_get(void *user, const struct ms_attribute *attribute, const struct span **values,
                   size_t *count) {
    struct making making = {.object = user, .attribute = attribute};
    bool told = open_envelope(making.object);
    if (told && attribute->origin == MS_IPM)
        told = of_content(&making);
    else if (told && making.object->report)
        of_report(&making, attribute->oid.data[3]);
    else if (told && !of_submission(&making, attribute->oid.data[3]))
        of_message(&making, attribute->oid.data[3]);
    *values = making.values;
    *count = making.count;
    return told && !making.failed;
}
