/* Names of codes, content types and encoded information types. */
#include <stdio.h>
#include <stdlib.h>

#include "mts/mts_private.h"

static const char *const reasons[] = {
    "transfer-failure",
    "unable-to-transfer",
    "conversion-not-performed",
    "physical-rendition-not-performed",
    "physical-delivery-not-performed",
    "restricted-delivery",
    "directory-operation-unsuccessful",
    "deferred-delivery-not-performed",
    "transfer-failure-for-security-reason",
};

static const char *const diagnostics[] = {
    "unrecognised-OR-name",
    "ambiguous-OR-name",
    "mts-congestion",
    "loop-detected",
    "recipient-unavailable",
    "maximum-time-expired",
    "encoded-information-types-unsupported",
    "content-too-long",
    "conversion-impractical",
    "implicit-conversion-prohibited",
    "implicit-conversion-not-subscribed",
    "invalid-arguments",
    "content-syntax-error",
    "size-constraint-violation",
    "protocol-violation",
    "content-type-not-supported",
    "too-many-recipients",
    "no-bilateral-agreement",
    "unsupported-critical-function",
    "conversion-with-loss-prohibited",
    "line-too-long",
    "page-split",
    "pictorial-symbol-loss",
    "punctuation-symbol-loss",
    "alphabetic-character-loss",
    "multiple-information-loss",
    "recipient-reassignment-prohibited",
    "redirection-loop-detected",
    "dl-expansion-prohibited",
    "no-dl-submit-permission",
    "dl-expansion-failure",
    "physical-rendition-attributes-not-supported",
    "undeliverable-mail-physical-delivery-address-incorrect",
    "undeliverable-mail-physical-delivery-office-incorrect-or-invalid",
    "undeliverable-mail-physical-delivery-address-incomplete",
    "undeliverable-mail-recipient-unknown",
    "undeliverable-mail-recipient-deceased",
    "undeliverable-mail-organization-expired",
    "undeliverable-mail-recipient-refused-to-accept",
    "undeliverable-mail-recipient-did-not-claim",
    "undeliverable-mail-recipient-changed-address-permanently",
    "undeliverable-mail-recipient-changed-address-temporarily",
    "undeliverable-mail-recipient-changed-temporary-address",
    "undeliverable-mail-new-address-unknown",
    "undeliverable-mail-recipient-did-not-want-forwarding",
    "undeliverable-mail-originator-prohibited-forwarding",
    "secure-messaging-error",
    "unable-to-downgrade",
    "unable-to-complete-transfer",
    "transfer-attempts-limit-reached",
    "incorrect-notification-type",
    "dl-expansion-prohibited-by-security-policy",
    "forbidden-alternate-recipient",
    "security-policy-violation",
    "security-services-refusal",
    "unauthorised-dl-member",
    "unauthorised-dl-name",
    "unauthorised-originally-intended-recipient-name",
    "unauthorised-originator-name",
    "unauthorised-recipient-name",
    "unreliable-system",
    "authentication-failure-on-subject-message",
    "decryption-failed",
    "decryption-key-unobtainable",
    "double-envelope-creation-failure",
    "double-enveloping-message-restoring-failure",
    "failure-of-proof-of-message",
    "integrity-failure-on-subject-message",
    "invalid-security-label",
    "key-failure",
    "mandatory-parameter-absence",
    "operation-security-failure",
    "repudiation-failure-of-message",
    "security-context-failure",
    "token-decryption-failed",
    "token-error",
    "unknown-security-label",
    "unsupported-algorithm-identifier",
    "unsupported-security-policy",
};

#define COUNT(list) ((int)(sizeof(list) / sizeof *(list)))

static const char *name_of(const char *const *names, int count, int64_t code, char out[static 24]) {
    if (code >= 0 && code < count)
        return names[code];
    snprintf(out, 24, "%lld", (long long)code);
    return out;
}

static int code_of(const char *const *names, int count, const char *name) {
    char *end;
    long code = strtol(name, &end, 10);
    if (end != name && !*end && code >= 0 && code <= 32767)
        return (int)code;
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

const char *mts_reason_name(int64_t reason, char out[static 24]) {
    return name_of(reasons, COUNT(reasons), reason, out);
}

const char *mts_diagnostic_name(int64_t diagnostic, char out[static 24]) {
    return name_of(diagnostics, COUNT(diagnostics), diagnostic, out);
}

int mts_reason_read(const char *name) {
    return code_of(reasons, COUNT(reasons), name);
}

int mts_diagnostic_read(const char *name) {
    return code_of(diagnostics, COUNT(diagnostics), name);
}

/* ---- sets of content types and encoded information types ---- */

/* Built-in values stand in a set as 0xFF (no first octet of an OBJECT IDENTIFIER) and a 16-bit number. */
static struct span built_in(uint8_t octets[static 3], int64_t number) {
    octets[0] = 0xFF;
    octets[1] = (uint8_t)(number >> 8);
    octets[2] = (uint8_t)number;
    return span_of(octets, 3);
}

static const struct {
    const char *name;
    int64_t number;
} content_types[] = {
    {"unidentified", 0},
    {"external", 1},
    {"interpersonal-messaging-1984", 2},
    {"p2", 2},
    {"interpersonal-messaging-1988", 22},
    {"p22", 22},
    {"edi-messaging", 35},
    {"p35", 35},
    {"voice-messaging", 40},
};

static const struct {
    const char *name;
    int64_t number; /* the bit, and the last arc below id-eit */
} eits[] = {
    {"unknown", 0}, {"telex", 1},    {"ia5-text", 2}, {"g3-facsimile", 3}, {"g4-class-1", 4},
    {"teletex", 5}, {"videotex", 6}, {"voice", 7},    {"sfd", 8},          {"mixed-mode", 9},
};

static struct span eit_octets(uint8_t octets[static 4], int64_t number) {
    /* id-eit is 2.6.3.4. */
    octets[0] = 0x56;
    octets[1] = 3;
    octets[2] = 4;
    octets[3] = (uint8_t)number;
    return span_of(octets, 4);
}

static bool read_name(struct arena *arena, const char *name, bool is_content_type, struct span *item) {
    uint8_t octets[4];
    for (size_t i = 0; is_content_type && i < sizeof content_types / sizeof *content_types; i++)
        if (strcmp(content_types[i].name, name) == 0) {
            *item = arena_dup(arena, built_in(octets, content_types[i].number));
            return item->data;
        }
    for (size_t i = 0; !is_content_type && i < sizeof eits / sizeof *eits; i++)
        if (strcmp(eits[i].name, name) == 0) {
            *item = arena_dup(arena, eit_octets(octets, eits[i].number));
            return item->data;
        }
    return ber_oid_parse(name, arena, item);
}

bool name_set_read(struct arena *arena, const struct mts_names *names, bool is_content_type, struct name_set *set,
                   struct error *err) {
    set->count = names->count;
    set->items = names->count ? arena_array(arena, names->count, sizeof *set->items) : NULL;
    if (names->count && !set->items)
        return error_set(err, 1, "out of memory");
    for (size_t i = 0; i < names->count; i++)
        if (!read_name(arena, names->items[i], is_content_type, &set->items[i]))
            return error_set(err, 1, "'%s' is no %s and no object identifier", names->items[i],
                             is_content_type ? "content type" : "encoded information type");
    return true;
}

static bool set_has(const struct name_set *set, struct span item) {
    for (size_t i = 0; i < set->count; i++)
        if (span_eq(set->items[i], item))
            return true;
    return false;
}

bool content_type_in(const struct name_set *set, const struct x411_ContentType *type) {
    uint8_t octets[3];
    if (!set->count)
        return true;
    if (type->choice == x411_ContentType_built_in)
        return set_has(set, built_in(octets, type->u.built_in));
    return set_has(set, type->u.extended);
}

/* True if all of the types (or, without `all`, one of them) are in the set. Types without a bit set are in every set. */
bool eits_meet(const struct name_set *set, const struct x411_EncodedInformationTypes *types, bool all) {
    uint8_t octets[4];
    for (unsigned bit = 0; bit < 10; bit++)
        if (ber_bit(&types->built_in_encoded_information_types, bit) && set_has(set, eit_octets(octets, bit)) != all)
            return !all;
    for (size_t i = 0; i < types->extended_encoded_information_types.count; i++)
        if (set_has(set, types->extended_encoded_information_types.items[i]) != all)
            return !all;
    return all;
}
