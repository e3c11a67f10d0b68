/* The heading of an IPM: from X.420's type to text. */
#include "base/text.h"
#include "content/heading.h"

static const struct ber_limits lax = {.relax_bounds = true, .relax_characters = true};

static bool users_read(const struct x420_ORDescriptor *from, size_t count, struct arena *arena,
                       struct ipm_users *to) {
    to->items = arena_array(arena, count + 1, sizeof *to->items);
    for (; to->items && to->count < count; to->count++)
        if (!user_read(&from[to->count], arena, &to->items[to->count]))
            return false;
    return to->items != NULL;
}

void extensions_append(const struct x420_IPMSExtensions *from, struct ipm_extensions *to) {
    for (size_t i = 0; i < from->count; i++)
        to->items[to->count++] = (struct ipm_extension){from->items[i].type, from->items[i].value};
}

static bool recipients_read(const struct x420_RecipientSpecifier *from, size_t count, struct arena *arena,
                            struct ipm_recipients *to) {
    to->items = arena_array(arena, count + 1, sizeof *to->items);
    for (; to->items && to->count < count; to->count++)
        if (!recipient_read(&from[to->count], arena, &to->items[to->count]))
            return false;
    return to->items != NULL;
}

static bool identifiers_read(const struct x420_IPMIdentifier *from, size_t count, struct arena *arena,
                             struct ipm_identifiers *to) {
    to->items = arena_array(arena, count + 1, sizeof *to->items);
    for (; to->items && to->count < count; to->count++)
        identifier_read(&from[to->count], arena, &to->items[to->count]);
    return to->items != NULL;
}

static void languages_read(struct span value, struct arena *arena, struct ipm_heading *heading) {
    struct x420_Languages *set = arena_alloc(arena, sizeof *set);
    if (!set || !ber_decode(&x420_Languages_type, value, arena, &lax, set, NULL))
        return;
    const char **languages = arena_array(arena, set->count + 1, sizeof *languages);
    for (size_t i = 0; languages && i < set->count; i++)
        languages[heading->language_count++] = plain_text_read(set->items[i], arena);
    heading->languages = languages;
}

/* Takes an extension that has a member of its own. False when it is another. */
static bool known_extension(const struct x420_IPMSExtension *extension, struct arena *arena,
                            struct ipm_heading *heading) {
    x420_AutoSubmitted submitted = 0;
    struct span time;
    if (span_eq(extension->type, x420_id_hex_incomplete_copy))
        heading->incomplete_copy = true;
    else if (span_eq(extension->type, x420_id_hex_languages))
        languages_read(extension->value, arena, heading);
    else if (span_eq(extension->type, x420_id_hex_auto_submitted) &&
             ber_decode(&x420_AutoSubmitted_type, extension->value, arena, &lax, &submitted, NULL))
        heading->auto_submitted = (enum ipm_auto_submitted)submitted;
    else if (span_eq(extension->type, x420_id_hex_authorization_time) &&
             ber_decode(&x420_AuthorizationTime_type, extension->value, arena, &lax, &time, NULL))
        ber_generalizedtime_read(time, &heading->authorization_time);
    else if (span_eq(extension->type, x420_id_hex_originators_reference))
        heading->originators_reference = wide_text_read(extension->value, arena);
    else if (span_eq(extension->type, x420_id_hex_extended_subject) &&
             wide_text_read(extension->value, arena))
        heading->subject = wide_text_read(extension->value, arena); /* more of it than T.61 could hold */
    else
        return business_read(extension, arena, heading);
    return true;
}

static bool extensions_read(const struct x420_IPMSExtensions *from, struct arena *arena,
                            struct ipm_heading *heading) {
    struct ipm_extensions *others = &heading->extensions;
    others->items = arena_array(arena, from->count + 1, sizeof *others->items);
    for (size_t i = 0; others->items && i < from->count; i++)
        if (!known_extension(&from->items[i], arena, heading))
            others->items[others->count++] =
                (struct ipm_extension){from->items[i].type, from->items[i].value};
    return others->items != NULL;
}

static bool lists_read(const struct x420_Heading *from, struct arena *arena, struct ipm_heading *to) {
    return users_read(from->authorizing_users.items, from->authorizing_users.count, arena,
                      &to->authorizing_users) &&
           recipients_read(from->primary_recipients.items, from->primary_recipients.count, arena,
                           &to->primary_recipients) &&
           recipients_read(from->copy_recipients.items, from->copy_recipients.count, arena,
                           &to->copy_recipients) &&
           recipients_read(from->blind_copy_recipients.items, from->blind_copy_recipients.count, arena,
                           &to->blind_copy_recipients) &&
           identifiers_read(from->obsoleted_IPMs.items, from->obsoleted_IPMs.count, arena,
                            &to->obsoleted_ipms) &&
           identifiers_read(from->related_IPMs.items, from->related_IPMs.count, arena, &to->related_ipms) &&
           users_read(from->reply_recipients.items, from->reply_recipients.count, arena,
                      &to->reply_recipients);
}

static bool heading_of(const struct x420_Heading *from, struct arena *arena, struct ipm_heading *to) {
    struct ipm_user *originator = arena_alloc(arena, sizeof *originator);
    struct ipm_identifier *replied_to = arena_alloc(arena, sizeof *replied_to);
    if (!originator || !replied_to || !lists_read(from, arena, to))
        return false;
    identifier_read(&from->this_IPM, arena, &to->this_ipm);
    if (from->originator) {
        if (!user_read(from->originator, arena, originator))
            return false;
        to->originator = originator;
    }
    if (from->replied_to_IPM) {
        identifier_read(from->replied_to_IPM, arena, replied_to);
        to->replied_to_ipm = replied_to;
    }
    to->subject = teletex_text_read(from->subject, arena);
    ber_utctime_read(from->expiry_time, &to->expiry_time);
    ber_utctime_read(from->reply_time, &to->reply_time);
    to->importance = (enum ipm_importance)from->importance;
    to->sensitivity = from->has_sensitivity ? (enum ipm_sensitivity)from->sensitivity : IPM_NOT_SENSITIVE;
    to->auto_forwarded = from->auto_forwarded;
    return extensions_read(&from->extensions, arena, to);
}

bool heading_read(struct span element, struct arena *arena, struct ipm_heading *heading, struct error *err) {
    struct ber_error why = {0};
    struct x420_Heading *wire = arena_alloc(arena, sizeof *wire);
    if (wire && !ber_decode(&x420_Heading_type, element, arena, &lax, wire, &why))
        return error_set(err, 1, "the heading can't be read: %s%s%s", why.path, *why.path ? ": " : "",
                         why.text);
    *heading = (struct ipm_heading){0};
    return (wire && heading_of(wire, arena, heading)) || error_set(err, 1, "no memory for the heading");
}
