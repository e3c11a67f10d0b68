#include "mhs/correlator.h"

#include <string.h>

#include "asn1/ber.h"
#include "base/text.h"

enum { CONTENT_CORRELATOR = 23 };

struct span correlator_make(const char *identifier, const char *subject, struct arena *arena) {
    struct span text =
        span_str(arena_printf(arena, "%s%s%s", identifier, subject ? " " : "", subject ? subject : ""));
    size_t length =
        text.len < x411_ub_content_correlator_length ? text.len : x411_ub_content_correlator_length;
    while (length < text.len && (text.data[length] & 0xC0) == 0x80) /* no character is cut */
        length--;
    return span_sub(text, 0, length);
}

/* As ipm_new_identifier makes them: `20261130215817Z.5fade869`. */
#define MADE_LENGTH 24

static bool is_ours(struct span identifier) {
    return identifier.len >= MADE_LENGTH && identifier.data[14] == 'Z' && identifier.data[15] == '.' &&
           (identifier.len == MADE_LENGTH || identifier.data[MADE_LENGTH] == '.');
}

bool correlator_is_ours(const char *identifier) {
    return is_ours(span_str(identifier));
}

static bool read_text(struct span text, struct arena *arena, struct correlator *out) {
    const uint8_t *space = text.data ? memchr(text.data, ' ', text.len) : NULL;
    size_t length = space ? (size_t)(space - text.data) : text.len;
    struct span subject = span_sub(text, space ? length + 1 : length, text.len);
    if (!is_ours(span_sub(text, 0, length)) || !text_is_utf8(text) || memchr(text.data, '\0', text.len))
        return false;
    out->identifier = arena_printf(arena, "%.*s", (int)length, (const char *)text.data);
    out->subject =
        arena_printf(arena, "%.*s", (int)subject.len, subject.len ? (const char *)subject.data : "");
    return out->identifier && out->subject;
}

bool correlator_read(const struct x411_Extensions *extensions, struct arena *arena, struct correlator *out) {
    for (size_t i = 0; i < extensions->count; i++) {
        const struct x411_ExtensionField *field = &extensions->items[i];
        struct x411_ContentCorrelator value = {0};
        if (field->type.choice == x411_ExtensionType_standard_extension &&
            field->type.u.standard_extension == CONTENT_CORRELATOR && field->value.data &&
            ber_decode(&x411_ContentCorrelator_type, field->value, arena, NULL, &value, NULL))
            return read_text(value.choice == x411_ContentCorrelator_octets ? value.u.octets : value.u.ia5text,
                             arena, out);
    }
    return false;
}

/* A blank would end the identifier in a correlator. */
const char *correlator_identifier(const char *made, const char *content_identifier, struct arena *arena) {
    char text[2 * x411_ub_content_id_length + 1];
    size_t length = 0;
    if (!made || !content_identifier || !*content_identifier)
        return made;
    for (const char *c = content_identifier; *c && length + 2 < sizeof text; c++) {
        if (*c == ' ' || *c == '=')
            text[length++] = '=';
        text[length++] = *c == ' ' ? '-' : *c;
    }
    text[length] = '\0';
    return arena_printf(arena, "%s.%s", made, text);
}

const char *correlator_content_identifier(const char *identifier, struct correlator_content_identifier *out) {
    size_t length = strlen(identifier), at = 0;
    if (!correlator_is_ours(identifier) || length == MADE_LENGTH)
        return identifier + (length > x411_ub_content_id_length ? length - x411_ub_content_id_length : 0);
    for (const char *c = identifier + MADE_LENGTH + 1; *c && at + 1 < sizeof out->text; c++) {
        bool escaped = *c == '=' && (c[1] == '=' || c[1] == '-');
        out->text[at++] = escaped && c[1] == '-' ? ' ' : *c;
        c += escaped;
    }
    out->text[at] = '\0';
    return out->text;
}
