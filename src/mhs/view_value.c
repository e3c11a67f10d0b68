/* Extensions, parameters and types of a message as JSON, by the schema's tables. */
#include <stdio.h>
#include <string.h>

#include "asn1/print.h"
#include "base/clock.h"
#include "mhs/address.h"
#include "mhs/types.h"
#include "mhs/view_private.h"
#include "names/codes.h"
#include "names/identifier.h"
#include "schema/x411ext.h"
#include "schema/x420.h"

/* Longer values are shown as no more than their length: certificates, say, are nothing to read. */
#define VALUE_MOST (64 * 1024)

static const struct ber_limits lax = {.relax_bounds = true, .relax_characters = true};

void view_set(json_t *object, const char *member, json_t *value) {
    if (value)
        json_object_set_new(object, member, value);
}

json_t *view_time(int64_t seconds) {
    char text[21];
    return seconds ? json_string(clock_format(seconds, text)) : NULL;
}

json_t *view_utctime(struct span time) {
    int64_t seconds = 0;
    return ber_utctime_read(time, &seconds) ? view_time(seconds) : NULL;
}

json_t *view_oid(struct span oid) {
    char dotted[128];
    return oid.data ? json_string(ber_oid_format(oid, dotted, sizeof dotted) ? dotted : "?") : NULL;
}

json_t *view_name(const struct x411_ORName *name, struct arena *arena) {
    return name ? json_string(address_show(name, arena)) : NULL;
}

/* ---- values ---- */

static json_t *hex(struct span octets) {
    static const char digits[] = "0123456789ABCDEF";
    char text[2 * 256];
    if (octets.len > sizeof text / 2)
        return json_sprintf("(%zu octets)", octets.len);
    for (size_t i = 0; i < octets.len; i++) {
        text[2 * i] = digits[octets.data[i] >> 4];
        text[2 * i + 1] = digits[octets.data[i] & 15];
    }
    return json_stringn(text, 2 * octets.len);
}

/* An element in the JSON form of asn1/print.h; in hex when `type` is NULL or it can't be decoded. */
static json_t *element_value(const struct ber_type *type, struct span element, struct arena *arena) {
    struct ber_print how = {.json = true, .open = types_open, .arena = arena};
    struct buf text;
    json_t *json = NULL;
    void *value = type && element.len <= VALUE_MOST ? arena_alloc(arena, ber_type_size(type)) : NULL;
    buf_init(&text, 0);
    if (value && ber_decode(type, element, arena, &lax, value, NULL) && ber_print(type, value, &how, &text))
        json = json_loadb((const char *)text.data, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    buf_free(&text);
    return json ? json : hex(element);
}

/* ---- extensions of interpersonal messages ---- */

json_t *view_ipms_extensions(const struct ipm_extensions *extensions, struct arena *arena) {
    json_t *array = extensions->count > 0 ? json_array() : NULL;
    for (size_t i = 0; i < extensions->count; i++) {
        const struct ipm_extension *extension = &extensions->items[i];
        const struct ber_table_row *row = ber_table_by_oid(&x420_IPMSExtensionTypes_table, extension->type);
        json_t *object = json_object();
        view_set(object, "type", view_oid(extension->type));
        view_set(object, "name", row ? json_string(row->name) : NULL);
        if (extension->value.data)
            view_set(object, "value", element_value(row ? row->type : NULL, extension->value, arena));
        json_array_append_new(array, object);
    }
    return array;
}

/* ---- extensions of envelopes ---- */

static json_t *history_row(const struct x411_ORName *name, struct span time, const char *reason,
                           struct arena *arena) {
    json_t *object = json_object();
    view_set(object, "address", view_name(name, arena));
    view_set(object, "time", view_utctime(time));
    view_set(object, "reason", reason ? json_string(reason) : NULL);
    return object;
}

static json_t *redirections(struct span value, struct arena *arena) {
    struct x411_RedirectionHistory history = {0};
    if (!ber_decode(&x411_RedirectionHistory_type, value, arena, &lax, &history, NULL))
        return NULL;
    json_t *array = json_array();
    for (size_t i = 0; i < history.count; i++) {
        const struct x411_IntendedRecipientName *from = &history.items[i].intended_recipient_name;
        json_array_append_new(array, history_row(&from->intended_recipient, from->redirection_time,
                                                 redirection_reason_name(history.items[i].redirection_reason),
                                                 arena));
    }
    return array;
}

static json_t *expansions(struct span value, struct arena *arena) {
    struct x411_DLExpansionHistory history = {0};
    if (!ber_decode(&x411_DLExpansionHistory_type, value, arena, &lax, &history, NULL))
        return NULL;
    json_t *array = json_array();
    for (size_t i = 0; i < history.count; i++)
        json_array_append_new(
            array, history_row(&history.items[i].dl, history.items[i].dl_expansion_time, NULL, arena));
    return array;
}

static json_t *origins(struct span value, struct arena *arena) {
    struct x411_OriginatorAndDLExpansionHistory history = {0};
    if (!ber_decode(&x411_OriginatorAndDLExpansionHistory_type, value, arena, &lax, &history, NULL))
        return NULL;
    json_t *array = json_array();
    for (size_t i = 0; i < history.count; i++)
        json_array_append_new(array,
                              history_row(&history.items[i].originator_or_dl_name,
                                          history.items[i].origination_or_expansion_time, NULL, arena));
    return array;
}

static json_t *one_name(struct span value, struct arena *arena) {
    struct x411_ORName *name = arena_alloc(arena, sizeof *name);
    return name && ber_decode(&x411_ReportingDLName_type, value, arena, &lax, name, NULL)
               ? view_name(name, arena)
               : NULL;
}

static json_t *reporting_mta(struct span value, struct arena *arena) {
    struct x411_ReportingMTAName name;
    struct buf domain;
    if (!ber_decode(&x411_ReportingMTAName_type, value, arena, &lax, &name, NULL))
        return NULL;
    json_t *object = json_object();
    buf_init(&domain, 0);
    view_set(object, "mta-name", json_stringn((const char *)name.mta_name.data, name.mta_name.len));
    if (domain_print(&name.domain, &domain))
        view_set(object, "domain", json_stringn((const char *)domain.data, domain.len));
    buf_free(&domain);
    return object;
}

/* Names are easier to read as addresses than as what they consist of. */
static json_t *extension_value(int64_t number, const struct ber_table_row *row, struct span value,
                               struct arena *arena) {
    json_t *json = number == 25   ? redirections(value, arena)
                   : number == 26 ? expansions(value, arena)
                   : number == 30 ? origins(value, arena)
                   : number == 31 ? one_name(value, arena)
                   : number == 39 ? reporting_mta(value, arena)
                                  : NULL;
    return json ? json : element_value(row ? row->type : NULL, value, arena);
}

static json_t *criticality(const struct ber_bits *bits) {
    static const char *const stages[] = {"submission", "transfer", "delivery"};
    json_t *array = NULL;
    for (unsigned bit = 0; bit < 3; bit++)
        if (ber_bit(bits, bit)) {
            array = array ? array : json_array();
            json_array_append_new(array, json_string(stages[bit]));
        }
    return array;
}

static json_t *extension_object(const struct x411_ExtensionField *field, struct arena *arena) {
    bool standard = field->type.choice == x411_ExtensionType_standard_extension;
    int64_t number = standard ? field->type.u.standard_extension : -1;
    const struct ber_table_row *row =
        standard ? ber_table_by_number(&x411ext_StandardExtensions_table, number) : NULL;
    json_t *object = json_object();
    view_set(object, "type", standard ? json_integer(number) : view_oid(field->type.u.private_extension));
    view_set(object, "name", row ? json_string(row->name) : NULL);
    view_set(object, "critical", criticality(&field->criticality));
    if (field->value.data)
        view_set(object, "value", extension_value(number, row, field->value, arena));
    return object;
}

json_t *view_extensions(const struct x411_Extensions *extensions, struct arena *arena) {
    json_t *array = extensions->count > 0 ? json_array() : NULL;
    for (size_t i = 0; i < extensions->count; i++)
        json_array_append_new(array, extension_object(&extensions->items[i], arena));
    return array;
}

/* ---- encoded information types, parameters ---- */

static const char *const built_in[] = {"unknown", "telex",    "ia5-text", "g3-facsimile", "g4-class-1",
                                       "teletex", "videotex", "voice",    "sfd",          "mixed-mode"};

/* What follows `prefix` is a number. */
static bool is_below(const char *dotted, const char *prefix, unsigned *last) {
    size_t length = strlen(prefix);
    return strncmp(dotted, prefix, length) == 0 && sscanf(dotted + length, "%u", last) == 1;
}

/* id-eit of X.411 has the built-in types again, that of X.420 two of its own; a general text's are the
 * registration numbers of its character sets (X.420 annex B). Others are their numbers alone. */
static json_t *extended_type(const char *dotted) {
    unsigned last;
    if (is_below(dotted, "2.6.3.4.", &last) && last < sizeof built_in / sizeof *built_in)
        return json_string(built_in[last]);
    if (is_below(dotted, "2.6.1.12.", &last) && last < 2)
        return json_string(last ? "voice" : "file-transfer");
    if (is_below(dotted, "1.0.10021.7.1.0.", &last))
        return json_sprintf("iso-ir-%u", last);
    return json_string(dotted);
}

json_t *view_types(const struct x411_EncodedInformationTypes *types) {
    json_t *array = types ? json_array() : NULL;
    char dotted[128];
    for (unsigned bit = 0; types && bit < sizeof built_in / sizeof *built_in; bit++)
        if (ber_bit(&types->built_in_encoded_information_types, bit))
            json_array_append_new(array, json_string(built_in[bit]));
    for (size_t i = 0; types && i < types->extended_encoded_information_types.count; i++)
        if (ber_oid_format(types->extended_encoded_information_types.items[i], dotted, sizeof dotted))
            json_array_append_new(array, extended_type(dotted));
    return array;
}

json_t *view_parameters(const struct ipm_part *part, struct arena *arena) {
    static const struct ber_type *const types[] = {
        [IPM_PART_IA5_TEXT] = &x420_IA5TextParameters_type,
        [IPM_PART_TELETEX] = &x420_TeletexParameters_type,
        [IPM_PART_G3_FACSIMILE] = &x420_G3FacsimileParameters_type,
        [IPM_PART_VIDEOTEX] = &x420_VideotexParameters_type,
        [IPM_PART_ENCRYPTED] = &x420_EncryptedParameters_type,
        [IPM_PART_VOICE] = &x420_VoiceParameters_type,
        [IPM_PART_GENERAL_TEXT] = &x420_GeneralTextParameters_type,
        [IPM_PART_FILE_TRANSFER] = &x420_FileTransferParameters_type,
        [IPM_PART_OTHER] = NULL,
    };
    if (part->parameters.len <= 2 || part->type == IPM_PART_MESSAGE || part->type == IPM_PART_NOTIFICATION)
        return NULL;
    return element_value(types[part->type], part->parameters, arena);
}
