/* Headings, descriptors and envelopes in the form of 1984. */
#include "base/text.h"
#include "content/downgrade_private.h"
#include "content/element_private.h"
#include "names/rfc1328.h"
#include "schema/x411p3.h"
#include "schema/x420.h"

static const struct ber_limits lax = {.relax_bounds = true, .relax_characters = true};
static const struct span absent = {NULL, 0};

/* NotificationRequests of 1984 (there reportRequest): rn, nrn and ipm-return. */
#define REQUESTS_1984 0xE0

static const char no_memory[] = "no memory, or the heading is too large";
static const char bad_address[] = "an O/R name that 1984 can't express";

/* ---- directory names ---- */

/* The value of an attribute as text: what kinds of string the Directory has, else nothing. */
static struct span value_text(struct span value, struct arena *arena) {
    struct ber_element element;
    if (!ber_element_read(value, &element, NULL) || element.constructed)
        return absent;
    struct span octets = ber_element_contents(value, &element);
    switch (element.tag_class == BER_UNIVERSAL ? element.number : 0) {
    case 12: /* UTF8String */
        return text_is_utf8(octets) ? octets : absent;
    case 18: /* NumericString */
    case 19: /* PrintableString */
    case 22: /* IA5String */
        return text_from_ia5(octets, arena);
    case 20: /* TeletexString */
        return text_from_teletex(octets, arena);
    case 28:
        return text_from_universal(octets, arena);
    case 30:
        return text_from_bmp(octets, arena);
    default:
        return absent;
    }
}

/* The user friendly name: the values alone, from the entry up to the country. */
static bool friendly_name(const struct x501_Name *name, struct arena *arena, struct buf *out) {
    const char *separator = "";
    for (size_t i = name->u.rdnSequence.count; i-- > 0;) {
        const struct x501_RelativeDistinguishedName *rdn = &name->u.rdnSequence.items[i];
        for (size_t j = 0; j < rdn->count; j++) {
            struct span text = value_text(rdn->items[j].value, arena);
            if (!text.len)
                continue;
            buf_printf(out, "%s", separator);
            buf_append_span(out, text);
            separator = ", ";
        }
    }
    return !out->failed;
}

/* `free form name (Directory, Name)`, cut to ub-free-form-name. */
static bool append_directory_name(const struct x501_Name *name, struct arena *arena, struct span *free_form) {
    struct buf text;
    buf_init(&text, 4096);
    bool ok = friendly_name(name, arena, &text);
    struct span teletex = ok ? text_to_teletex(buf_span(&text), arena, NULL) : absent;
    buf_free(&text);
    if (!teletex.len)
        return ok;
    size_t before = free_form->len + (free_form->len ? 1 : 0);
    if (before + 3 > x420_ub_free_form_name)
        return true;
    size_t room = x420_ub_free_form_name - before - 2;
    size_t len = teletex.len < room ? teletex.len : room;
    uint8_t *out = arena_alloc(arena, before + len + 2), *at = out;
    if (!out)
        return false;
    if (free_form->len) {
        memcpy(at, free_form->data, free_form->len);
        at += free_form->len;
        *at++ = ' ';
    }
    *at++ = '(';
    memcpy(at, teletex.data, len);
    at[len] = ')';
    *free_form = span_of(out, before + len + 2);
    return true;
}

/* ---- names ---- */

static bool name_1984(struct x411_ORName *name, const struct rfc1328 *how, struct arena *arena,
                      const char **why) {
    struct x411_ORName to;
    *why = bad_address;
    if (name->extension_attributes.count) {
        if (!rfc1328_downgrade(how, name, arena, &to))
            return false;
        *name = to;
    } else if (name->directory_name) {
        name->raw = absent;
        name->directory_name = NULL;
    }
    return true;
}

static bool user_1984(struct x420_ORDescriptor *user, const struct rfc1328 *how, struct arena *arena,
                      const char **why) {
    user->raw = absent;
    if (!user->formal_name)
        return true;
    const struct x501_Name *directory_name = user->formal_name->directory_name;
    *why = no_memory;
    if (directory_name && !append_directory_name(directory_name, arena, &user->free_form_name))
        return false;
    return name_1984(user->formal_name, how, arena, why);
}

static bool users_1984(struct x420_ORDescriptor *users, size_t count, const struct rfc1328 *how,
                       struct arena *arena, const char **why) {
    for (size_t i = 0; i < count; i++)
        if (!user_1984(&users[i], how, arena, why))
            return false;
    return true;
}

static bool message_id_1984(struct x420_IPMIdentifier *identifier, const struct rfc1328 *how,
                            struct arena *arena, const char **why) {
    identifier->raw = absent;
    return !identifier->user || name_1984(identifier->user, how, arena, why);
}

static bool identifiers_1984(struct x420_IPMIdentifier *items, size_t count, const struct rfc1328 *how,
                             struct arena *arena, const char **why) {
    for (size_t i = 0; i < count; i++)
        if (!message_id_1984(&items[i], how, arena, why))
            return false;
    return true;
}

static bool recipients_1984(struct x420_RecipientSpecifier *items, size_t count, const struct rfc1328 *how,
                            struct arena *arena, const char **why) {
    for (size_t i = 0; i < count; i++) {
        struct x420_RecipientSpecifier *item = &items[i];
        item->raw = absent;
        item->recipient_extensions = (struct x420_IPMSExtensions){0};
        if (item->notification_requests.octets.len) {
            uint8_t *octet = arena_alloc(arena, 1);
            *why = no_memory;
            if (!octet)
                return false;
            *octet = item->notification_requests.octets.data[0] & REQUESTS_1984;
            item->notification_requests = (struct ber_bits){span_of(octet, 1), 5};
        }
        if (!user_1984(&item->recipient, how, arena, why))
            return false;
    }
    return true;
}

/* ---- whole elements ---- */

static bool encode(const struct ber_type *type, const void *value, struct arena *arena, struct span *out,
                   const char **why) {
    *why = no_memory;
    return ber_encode_arena(type, value, arena, out, NULL);
}

static bool fields_1984(struct x420_Heading *heading, const struct rfc1328 *how, struct arena *arena,
                        const char **why) {
    return message_id_1984(&heading->this_IPM, how, arena, why) &&
           (!heading->originator || user_1984(heading->originator, how, arena, why)) &&
           users_1984(heading->authorizing_users.items, heading->authorizing_users.count, how, arena, why) &&
           recipients_1984(heading->primary_recipients.items, heading->primary_recipients.count, how, arena,
                           why) &&
           recipients_1984(heading->copy_recipients.items, heading->copy_recipients.count, how, arena, why) &&
           recipients_1984(heading->blind_copy_recipients.items, heading->blind_copy_recipients.count, how,
                           arena, why) &&
           (!heading->replied_to_IPM || message_id_1984(heading->replied_to_IPM, how, arena, why)) &&
           identifiers_1984(heading->obsoleted_IPMs.items, heading->obsoleted_IPMs.count, how, arena, why) &&
           identifiers_1984(heading->related_IPMs.items, heading->related_IPMs.count, how, arena, why) &&
           users_1984(heading->reply_recipients.items, heading->reply_recipients.count, how, arena, why);
}

bool heading_1984(struct span element, const struct rfc1328 *how, struct arena *arena, struct span *out,
                  const char **why) {
    struct x420_Heading *heading = arena_alloc(arena, sizeof *heading);
    *why = "a heading that can't be read";
    if (!heading || !ber_decode(&x420_Heading_type, element, arena, &lax, heading, NULL))
        return false;
    heading->raw = absent;
    heading->extensions = (struct x420_IPMSExtensions){0};
    return fields_1984(heading, how, arena, why) && encode(&x420_Heading_type, heading, arena, out, why);
}

bool descriptor_1984(struct span element, const struct rfc1328 *how, struct arena *arena, struct span *out,
                     const char **why) {
    struct x420_ORDescriptor *user = arena_alloc(arena, sizeof *user);
    *why = "a descriptor that can't be read";
    return user && ber_decode(&x420_ORDescriptor_type, element, arena, &lax, user, NULL) &&
           user_1984(user, how, arena, why) && encode(&x420_ORDescriptor_type, user, arena, out, why);
}

bool identifier_1984(struct span element, const struct rfc1328 *how, struct arena *arena, struct span *out,
                     const char **why) {
    struct x420_IPMIdentifier *identifier = arena_alloc(arena, sizeof *identifier);
    *why = "an identifier that can't be read";
    return identifier && ber_decode(&x420_IPMIdentifier_type, element, arena, &lax, identifier, NULL) &&
           message_id_1984(identifier, how, arena, why) &&
           encode(&x420_IPMIdentifier_type, identifier, arena, out, why);
}

/* Types by object identifier become `unknown` (bit 0). */
static bool change_types(struct x411_EncodedInformationTypes *types, struct arena *arena, const char **why) {
    *why = no_memory;
    if (!types || !types->extended_encoded_information_types.count)
        return true;
    types->raw = absent;
    types->extended_encoded_information_types = (struct x411_ExtendedEncodedInformationTypes){0};
    return ber_bit_set(&types->built_in_encoded_information_types, 0, true, arena);
}

bool types_1984(struct span element, const struct rfc1328 *how, struct arena *arena, struct span *out,
                const char **why) {
    struct x411_EncodedInformationTypes *types = arena_alloc(arena, sizeof *types);
    (void)how;
    *why = "encoded information types that can't be read";
    return types && ber_decode(&x411_EncodedInformationTypes_type, element, arena, &lax, types, NULL) &&
           change_types(types, arena, why) &&
           encode(&x411_EncodedInformationTypes_type, types, arena, out, why);
}

/* ---- the parameters of a forwarded message ---- */

static void content_type_1984(struct x411p3_DeliveredContentType *type) {
    type->raw = absent;
    if (type->choice == x411p3_DeliveredContentType_extended ||
        type->u.built_in == x411_BuiltInContentType_interpersonal_messaging_1988) {
        type->choice = x411p3_DeliveredContentType_built_in;
        type->u.built_in = x411_BuiltInContentType_interpersonal_messaging_1984;
    }
}

static bool other_names_1984(struct x411p3_OtherMessageDeliveryFields *envelope, const struct rfc1328 *how,
                             struct arena *arena, const char **why) {
    for (size_t i = 0; i < envelope->other_recipient_names.count; i++)
        if (!name_1984(&envelope->other_recipient_names.items[i], how, arena, why))
            return false;
    return true;
}

/* In 1984 the original types are mandatory: unknown ones stand for those that nobody told. */
static bool envelope_1984(struct x411p3_OtherMessageDeliveryFields *envelope, const struct rfc1328 *how,
                          struct arena *arena, const char **why) {
    envelope->raw = absent;
    envelope->extensions = (struct x411_Extensions){0};
    content_type_1984(&envelope->content_type);
    if (!envelope->original_encoded_information_types) {
        struct x411_EncodedInformationTypes *types = arena_alloc(arena, sizeof *types);
        *why = no_memory;
        if (!types || !ber_bit_set(&types->built_in_encoded_information_types, 0, true, arena))
            return false;
        envelope->original_encoded_information_types = types;
    }
    return name_1984(&envelope->originator_name, how, arena, why) &&
           name_1984(&envelope->this_recipient_name, how, arena, why) &&
           (!envelope->originally_intended_recipient_name ||
            name_1984(envelope->originally_intended_recipient_name, how, arena, why)) &&
           other_names_1984(envelope, how, arena, why) &&
           change_types(envelope->original_encoded_information_types, arena, why) &&
           change_types(envelope->converted_encoded_information_types, arena, why);
}

bool message_parameters_1984(struct span element, const struct rfc1328 *how, struct arena *arena,
                             struct span *out, const char **why) {
    struct x420_ForwardedContentParameters *from = arena_alloc(arena, sizeof *from);
    struct x420_MessageParameters *to = arena_alloc(arena, sizeof *to);
    *why = "parameters of a forwarded message that can't be read";
    if (!from || !to || !ber_decode(&x420_ForwardedContentParameters_type, element, arena, &lax, from, NULL))
        return false;
    to->delivery_time = from->delivery_time;
    to->delivery_envelope = from->delivery_envelope;
    return (!to->delivery_envelope || envelope_1984(to->delivery_envelope, how, arena, why)) &&
           encode(&x420_MessageParameters_type, to, arena, out, why);
}
