/* What the heading, its extensions and notifications are made of: users, identifiers, recipients, strings. */
#include "base/text.h"
#include "content/heading.h"

static const struct ber_limits lax = {.relax_bounds = true, .relax_characters = true};

/* ---- reading ---- */

/* A string whose repertoire is within ASCII, or should be, as a C string. */
const char *plain_text_read(struct span octets, struct arena *arena) {
    struct span text = text_from_ia5(octets, arena);
    return octets.data ? (const char *)arena_dup(arena, text).data : NULL;
}

const char *teletex_text_read(struct span octets, struct arena *arena) {
    return octets.data ? (const char *)text_from_teletex(octets, arena).data : NULL;
}

bool user_read(const struct x420_ORDescriptor *from, struct arena *arena, struct ipm_user *user) {
    *user = (struct ipm_user){from->formal_name, teletex_text_read(from->free_form_name, arena),
                              plain_text_read(from->telephone_number, arena)};
    return (!from->free_form_name.data || user->free_form_name) &&
           (!from->telephone_number.data || user->telephone_number);
}

void identifier_read(const struct x420_IPMIdentifier *from, struct arena *arena,
                     struct ipm_identifier *identifier) {
    *identifier = (struct ipm_identifier){from->user, plain_text_read(from->user_relative_identifier, arena)};
}

const char *wide_text_read(struct span value, struct arena *arena) {
    struct x411_UniversalOrBMPString *string = arena_alloc(arena, sizeof *string);
    if (!string || !ber_decode(&x411_UniversalOrBMPString_type, value, arena, &lax, string, NULL))
        return NULL;
    struct span text =
        string->character_encoding.choice == x411_UniversalOrBMPString_character_encoding_two_octets
            ? text_from_bmp(string->character_encoding.u.two_octets, arena)
            : text_from_universal(string->character_encoding.u.four_octets, arena);
    return (const char *)text.data;
}

bool recipient_extension_read(const struct x420_IPMSExtension *extension, struct ipm_recipient *recipient) {
    x420_Precedence precedence = 0;
    if (span_eq(extension->type, x420_id_rex_circulation_list_indicator))
        return recipient->circulation_member = true;
    if (!span_eq(extension->type, x420_id_rex_precedence) ||
        !ber_decode(&x420_Precedence_type, extension->value, NULL, &lax, &precedence, NULL))
        return false;
    recipient->precedence = precedence;
    return recipient->has_precedence = true;
}

bool recipient_read(const struct x420_RecipientSpecifier *from, struct arena *arena,
                    struct ipm_recipient *to) {
    const struct x420_IPMSExtensions *extensions = &from->recipient_extensions;
    struct ipm_extensions *others = &to->extensions;
    for (unsigned bit = 0; bit < 5; bit++)
        to->notification_requests |= (unsigned)ber_bit(&from->notification_requests, bit) << bit;
    to->reply_requested = from->reply_requested;
    others->items = arena_array(arena, extensions->count + 1, sizeof *others->items);
    for (size_t i = 0; others->items && i < extensions->count; i++)
        if (!recipient_extension_read(&extensions->items[i], to))
            others->items[others->count++] =
                (struct ipm_extension){extensions->items[i].type, extensions->items[i].value};
    return others->items && user_read(&from->recipient, arena, &to->user);
}

/* ---- writing ---- */

static bool to_teletex(const char *text, struct arena *arena, struct span *out) {
    *out = text ? text_to_teletex(span_str(text), arena, NULL) : (struct span){NULL, 0};
    return !text || out->data;
}

bool user_write(const struct ipm_user *user, struct arena *arena, struct x420_ORDescriptor *to) {
    to->formal_name = (struct x411_ORName *)(uintptr_t)user->formal_name;
    to->telephone_number = span_str(user->telephone_number);
    return to_teletex(user->free_form_name, arena, &to->free_form_name);
}

void identifier_write(const struct ipm_identifier *identifier, struct x420_IPMIdentifier *to) {
    to->user = (struct x411_ORName *)(uintptr_t)identifier->user;
    to->user_relative_identifier =
        span_str(identifier->user_relative_identifier ? identifier->user_relative_identifier : "");
}

size_t text_characters(const char *utf8) {
    size_t count = 0;
    for (; *utf8; utf8++)
        count += ((unsigned char)*utf8 & 0xC0) != 0x80;
    return count;
}

bool text_in_bounds(const char *text, const char *what, int64_t most, struct error *err) {
    size_t count = text ? text_characters(text) : 1;
    if (count > (size_t)most)
        return error_set(err, 1, "the %s is longer than %d characters", what, (int)most);
    return count > 0 || error_set(err, 1, "the %s is empty", what);
}

bool wide_text_write(const char *text, struct arena *arena, struct x411_UniversalOrBMPString *to) {
    struct span utf8 = span_str(text), octets;
    bool two = text_fits_bmp(utf8);
    octets = two ? text_to_bmp(utf8, arena) : text_to_universal(utf8, arena);
    *to = (struct x411_UniversalOrBMPString){0};
    if (two)
        to->character_encoding.u.two_octets = octets;
    else
        to->character_encoding.u.four_octets = octets;
    to->character_encoding.choice = two ? x411_UniversalOrBMPString_character_encoding_two_octets
                                        : x411_UniversalOrBMPString_character_encoding_four_octets;
    return octets.data != NULL;
}

/* Those with a member of their own, then the others. */
static bool recipient_extensions(const struct ipm_recipient *from, struct arena *arena,
                                 struct x420_IPMSExtensions *to) {
    size_t count = from->extensions.count + from->has_precedence + from->circulation_member;
    x420_Precedence precedence = from->precedence;
    if (count == 0)
        return true;
    to->items = arena_array(arena, count, sizeof *to->items);
    if (to->items && from->has_precedence) {
        to->items[to->count].type = x420_id_rex_precedence;
        if (!ber_encode_arena(&x420_Precedence_type, &precedence, arena, &to->items[to->count++].value, NULL))
            return false;
    }
    if (to->items && from->circulation_member)
        to->items[to->count++].type = x420_id_rex_circulation_list_indicator; /* its NULL is the default */
    for (size_t i = 0; to->items && i < from->extensions.count; i++)
        to->items[to->count++] = (struct x420_IPMSExtension){.type = from->extensions.items[i].type,
                                                             .value = from->extensions.items[i].value};
    return to->items != NULL;
}

bool recipient_write(const struct ipm_recipient *from, struct arena *arena,
                     struct x420_RecipientSpecifier *to) {
    for (unsigned bit = 0; bit < 5; bit++)
        if ((from->notification_requests & 1u << bit) &&
            !ber_bit_set(&to->notification_requests, bit, true, arena))
            return false;
    to->reply_requested = from->reply_requested;
    return recipient_extensions(from, arena, &to->recipient_extensions) &&
           user_write(&from->user, arena, &to->recipient);
}
