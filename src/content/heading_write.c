/* The heading of an IPM: from text to X.420's type. */
#include "base/text.h"
#include "content/heading.h"

/* An empty list is absent: nothing is encoded. */
static bool users_write(const struct ipm_users *from, struct arena *arena, struct x420_ORDescriptor **items,
                        size_t *count) {
    if (from->count == 0)
        return true;
    *items = arena_array(arena, from->count, sizeof **items);
    for (*count = 0; *items && *count < from->count; ++*count)
        if (!user_write(&from->items[*count], arena, &(*items)[*count]))
            return false;
    return *items != NULL;
}

static bool recipients_write(const struct ipm_recipients *from, struct arena *arena,
                             struct x420_RecipientSpecifier **items, size_t *count) {
    if (from->count == 0)
        return true;
    *items = arena_array(arena, from->count, sizeof **items);
    for (*count = 0; *items && *count < from->count; ++*count)
        if (!recipient_write(&from->items[*count], arena, &(*items)[*count]))
            return false;
    return *items != NULL;
}

static bool identifiers_write(const struct ipm_identifiers *from, struct arena *arena,
                              struct x420_IPMIdentifier **items, size_t *count) {
    if (from->count == 0)
        return true;
    *items = arena_array(arena, from->count, sizeof **items);
    for (*count = 0; *items && *count < from->count; ++*count)
        identifier_write(&from->items[*count], &(*items)[*count]);
    return *items != NULL;
}

/* ---- extensions ---- */

struct extensions {
    struct x420_IPMSExtensions list;
    struct arena *arena;
    bool failed;
};

static void add(struct extensions *extensions, struct span type, struct span value) {
    extensions->list.items[extensions->list.count++] =
        (struct x420_IPMSExtension){.type = type, .value = value};
}

static void add_value(struct extensions *extensions, struct span oid, const struct ber_type *type,
                      const void *value) {
    struct span encoded;
    if (ber_encode_arena(type, value, extensions->arena, &encoded, NULL))
        add(extensions, oid, encoded);
    else
        extensions->failed = true;
}

static void add_text(struct extensions *extensions, struct span oid, const char *text) {
    struct x411_UniversalOrBMPString string;
    if (wide_text_write(text, extensions->arena, &string))
        add_value(extensions, oid, &x411_UniversalOrBMPString_type, &string);
    else
        extensions->failed = true;
}

static void add_languages(struct extensions *extensions, const struct ipm_heading *heading) {
    struct x420_Languages set = {
        .items = arena_array(extensions->arena, heading->language_count, sizeof *set.items)};
    for (; set.items && set.count < heading->language_count; set.count++)
        set.items[set.count] = span_str(heading->languages[set.count]);
    add_value(extensions, x420_id_hex_languages, &x420_Languages_type, &set);
}

/* Those that have a member of their own, besides what business_write writes. */
#define OWN_MOST 6

static bool extensions_write(const struct ipm_heading *heading, bool extended_subject, struct arena *arena,
                             struct x420_IPMSExtensions *out, struct error *err) {
    struct extensions extensions = {.arena = arena};
    extensions.list.items = arena_array(arena, heading->extensions.count + OWN_MOST + BUSINESS_MOST,
                                        sizeof *extensions.list.items);
    if (!extensions.list.items)
        return false;
    x420_AutoSubmitted submitted = heading->auto_submitted;
    struct span time;
    if (heading->incomplete_copy)
        add(&extensions, x420_id_hex_incomplete_copy, (struct span){NULL, 0});
    if (heading->language_count > 0)
        add_languages(&extensions, heading);
    if (submitted)
        add_value(&extensions, x420_id_hex_auto_submitted, &x420_AutoSubmitted_type, &submitted);
    if (heading->authorization_time && ber_generalizedtime_write(heading->authorization_time, arena, &time))
        add_value(&extensions, x420_id_hex_authorization_time, &x420_AuthorizationTime_type, &time);
    if (extended_subject)
        add_text(&extensions, x420_id_hex_extended_subject, heading->subject);
    if (heading->originators_reference)
        add_text(&extensions, x420_id_hex_originators_reference, heading->originators_reference);
    if (!business_write(heading, arena, &extensions.list, err))
        return false;
    for (size_t i = 0; i < heading->extensions.count; i++)
        add(&extensions, heading->extensions.items[i].type, heading->extensions.items[i].value);
    if (extensions.list.count > 0)
        *out = extensions.list;
    return !extensions.failed;
}

/* ---- the whole ---- */

/* The subject in T.61, cut to its bound; true in `*extended` when that is not all of it. */
static bool subject_write(const char *subject, struct arena *arena, struct span *out, bool *extended) {
    bool lossy = false;
    *extended = false;
    if (!subject)
        return true;
    *out = text_to_teletex(span_str(subject), arena, &lossy);
    *extended = lossy || out->len > x420_ub_subject_field;
    *out = span_sub(*out, 0, x420_ub_subject_field);
    return out->data != NULL;
}

static bool lists_write(const struct ipm_heading *from, struct arena *arena, struct x420_Heading *to) {
    return users_write(&from->authorizing_users, arena, &to->authorizing_users.items,
                       &to->authorizing_users.count) &&
           recipients_write(&from->primary_recipients, arena, &to->primary_recipients.items,
                            &to->primary_recipients.count) &&
           recipients_write(&from->copy_recipients, arena, &to->copy_recipients.items,
                            &to->copy_recipients.count) &&
           recipients_write(&from->blind_copy_recipients, arena, &to->blind_copy_recipients.items,
                            &to->blind_copy_recipients.count) &&
           identifiers_write(&from->obsoleted_ipms, arena, &to->obsoleted_IPMs.items,
                             &to->obsoleted_IPMs.count) &&
           identifiers_write(&from->related_ipms, arena, &to->related_IPMs.items, &to->related_IPMs.count) &&
           users_write(&from->reply_recipients, arena, &to->reply_recipients.items,
                       &to->reply_recipients.count);
}

static bool heading_to(const struct ipm_heading *from, struct arena *arena, struct x420_Heading *to,
                       struct error *err) {
    bool extended;
    to->originator = from->originator ? arena_alloc(arena, sizeof *to->originator) : NULL;
    to->replied_to_IPM = from->replied_to_ipm ? arena_alloc(arena, sizeof *to->replied_to_IPM) : NULL;
    if ((from->originator && (!to->originator || !user_write(from->originator, arena, to->originator))) ||
        (from->replied_to_ipm && !to->replied_to_IPM) || !lists_write(from, arena, to) ||
        !subject_write(from->subject, arena, &to->subject, &extended))
        return false;
    identifier_write(&from->this_ipm, &to->this_IPM);
    if (from->replied_to_ipm)
        identifier_write(from->replied_to_ipm, to->replied_to_IPM);
    if ((from->expiry_time && !ber_utctime_write(from->expiry_time, arena, &to->expiry_time)) ||
        (from->reply_time && !ber_utctime_write(from->reply_time, arena, &to->reply_time)))
        return false;
    to->importance = from->importance;
    to->has_sensitivity = from->sensitivity != IPM_NOT_SENSITIVE;
    to->sensitivity = from->sensitivity;
    to->auto_forwarded = from->auto_forwarded;
    return extensions_write(from, extended, arena, &to->extensions, err);
}

bool heading_encode(const struct ipm_heading *heading, struct arena *arena, struct span *out,
                    struct error *err) {
    if (!heading->this_ipm.user_relative_identifier)
        return error_set(err, 1, "the message has no identifier (this-IPM)");
    if (heading->subject && !text_is_utf8(span_str(heading->subject)))
        return error_set(err, 1, "the subject is no UTF-8");
    if (heading->subject && text_characters(heading->subject) > x420_ub_extended_subject_length)
        return error_set(err, 1, "the subject is longer than %d characters",
                         (int)x420_ub_extended_subject_length);
    if (!text_in_bounds(heading->originators_reference, "reference", x420_ub_originators_reference_length,
                        err))
        return false;
    struct ber_error why = {0};
    struct x420_Heading *wire = arena_alloc(arena, sizeof *wire);
    struct error bounds = {0};
    if (!wire || !heading_to(heading, arena, wire, &bounds))
        return error_set(err, 1, "%s", bounds.code ? bounds.text : "no memory for the heading");
    return ber_encode_arena(&x420_Heading_type, wire, arena, out, &why) ||
           error_set(err, 1, "the heading can't be written: %s%s%s", why.path, *why.path ? ": " : "",
                     why.text);
}

/* ---- parameters of a file ---- */

/*
 * A name as GraphicString: ASCII as it is, ISO 8859-1 designated by its escape
 * sequence (ISO 2022), everything else as UTF-8, entered by its own.
 */
static struct span graphic_string(const char *name, struct arena *arena) {
    struct span utf8 = span_str(name);
    int64_t registration = text_smallest_registration(utf8);
    const char *escape = registration == TEXT_IR_ASCII    ? ""
                         : registration == TEXT_IR_LATIN1 ? "\x1B\x2D\x41"
                                                          : "\x1B\x25\x47";
    struct span octets = text_to_registration(utf8, registration, arena);
    size_t escape_len = strlen(escape);
    uint8_t *out = octets.data ? arena_alloc(arena, escape_len + octets.len + 1) : NULL;
    if (!out)
        return (struct span){NULL, 0};
    memcpy(out, escape, escape_len);
    memcpy(out + escape_len, octets.data, octets.len);
    return span_of(out, escape_len + octets.len);
}

static bool date_to(int64_t seconds, struct arena *arena, struct x420_DateAndTimeAttribute **to) {
    if (!seconds)
        return true;
    *to = arena_alloc(arena, sizeof **to);
    if (!*to)
        return false;
    (*to)->choice = x420_DateAndTimeAttribute_actual_values;
    return ber_generalizedtime_write(seconds, arena, &(*to)->u.actual_values);
}

/* What the Electronic Messaging Association registered for an attachment of unknown kind, as Exchange and
 * gateways of the AMHS write it: 2.16.840.1.113694.2.2.1.1. */
#define ID_UNKNOWN_ATTACHMENT SPAN_LIT("\x60\x86\x48\x01\x86\xF8\x1E\x02\x02\x01\x01")

static bool environment_to(const struct ipm_new_part *part, struct arena *arena,
                           struct x420_FileTransferParameters *to) {
    to->environment = arena_alloc(arena, sizeof *to->environment);
    struct x420_GeneralIdentifier *application = arena_alloc(arena, sizeof *application);
    if (!to->environment || !application)
        return false;
    application->choice = x420_GeneralIdentifier_registered_identifier;
    application->u.registered_identifier = part->application.data ? part->application : ID_UNKNOWN_ATTACHMENT;
    to->environment->application_reference = application;
    return true;
}

static bool attributes_to(const struct ipm_new_part *part, uint64_t length, struct arena *arena,
                          struct x420_FileAttributes *to) {
    to->object_size = arena_alloc(arena, sizeof *to->object_size);
    if (!to->object_size)
        return false;
    to->object_size->choice = x420_ObjectSizeAttribute_actual_values;
    to->object_size->u.actual_values = (int64_t)length;
    if (part->file_name) {
        to->pathname = arena_alloc(arena, sizeof *to->pathname);
        struct span *name = arena_alloc(arena, sizeof *name);
        if (!to->pathname || !name)
            return false;
        *name = graphic_string(part->file_name, arena);
        to->pathname->choice = x420_PathnameAttribute_incomplete_pathname;
        to->pathname->u.incomplete_pathname.items = name;
        to->pathname->u.incomplete_pathname.count = 1;
        if (!name->data)
            return false;
    }
    return date_to(part->created, arena, &to->date_and_time_of_creation) &&
           date_to(part->modified, arena, &to->date_and_time_of_last_modification);
}

bool file_parameters_encode(const struct ipm_new_part *part, uint64_t length, struct arena *arena,
                            struct span *out, struct error *err) {
    struct x420_FileTransferParameters *wire = arena_alloc(arena, sizeof *wire);
    struct x420_FileAttributes *attributes = arena_alloc(arena, sizeof *attributes);
    struct ber_error why = {0};
    if (!wire || !attributes || !environment_to(part, arena, wire) ||
        !attributes_to(part, length, arena, attributes))
        return error_set(err, 1, "no memory for a file's attributes, or its name is not UTF-8");
    wire->file_attributes = attributes;
    return ber_encode_arena(&x420_FileTransferParameters_type, wire, arena, out, &why) ||
           error_set(err, 1, "a file's attributes can't be written: %s", why.text);
}
