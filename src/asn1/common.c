/* Errors, names and members: what decoding, encoding, printing and comparing share. */
#include <stdarg.h>
#include <stdio.h>

#include "asn1/ber_private.h"

bool ber_fail(struct ber_error *error, enum ber_error_code code, size_t offset, const char *format, ...) {
    if (!error || error->code != BER_OK)
        return false;
    error->code = code;
    error->offset = offset;
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    return false;
}

void ber_error_clear(struct ber_error *error) {
    if (!error)
        return;
    error->code = BER_OK;
    error->bound = NULL;
    error->path[0] = error->text[0] = '\0';
}

void ber_path_prepend(struct ber_error *error, const char *name) {
    if (!error)
        return;
    size_t len = strlen(name), old = strlen(error->path);
    size_t dot = old ? 1 : 0;
    if (len + dot + old >= sizeof error->path)
        return;
    memmove(error->path + len + dot, error->path, old + 1);
    memcpy(error->path, name, len);
    if (dot)
        error->path[len] = '.';
}

void ber_path_prepend_number(struct ber_error *error, size_t number) {
    char text[24];
    snprintf(text, sizeof text, "%zu", number);
    ber_path_prepend(error, text);
}

bool ber_untagged_field_matches(const struct ber_field *field, uint32_t id) {
    for (unsigned i = 0; i < field->first_count; i++)
        if (field->first[i] == id)
            return true;
    return field->first_count == 0;
}

static const char *universal_name(uint32_t number) {
    static const char *const names[] = {"end-of-contents",
                                        "BOOLEAN",
                                        "INTEGER",
                                        "BIT STRING",
                                        "OCTET STRING",
                                        "NULL",
                                        "OBJECT IDENTIFIER",
                                        "ObjectDescriptor",
                                        "EXTERNAL",
                                        "REAL",
                                        "ENUMERATED",
                                        "EMBEDDED PDV",
                                        "UTF8String",
                                        "RELATIVE-OID",
                                        "TIME",
                                        NULL,
                                        "SEQUENCE",
                                        "SET",
                                        "NumericString",
                                        "PrintableString",
                                        "TeletexString",
                                        "VideotexString",
                                        "IA5String",
                                        "UTCTime",
                                        "GeneralizedTime",
                                        "GraphicString",
                                        "VisibleString",
                                        "GeneralString",
                                        "UniversalString",
                                        "CHARACTER STRING",
                                        "BMPString"};
    return number < sizeof names / sizeof names[0] ? names[number] : NULL;
}

const char *ber_id_text(uint32_t id, char out[static 32]) {
    static const char *const classes[] = {"UNIVERSAL ", "APPLICATION ", "", "PRIVATE "};
    const char *name = BER_ID_CLASS(id) == BER_UNIVERSAL ? universal_name(id) : NULL;
    if (name)
        snprintf(out, 32, "%s", name);
    else
        snprintf(out, 32, "[%s%u]", classes[BER_ID_CLASS(id)], BER_ID_NUMBER(id));
    return out;
}

const char *ber_name_of(const struct ber_type *type, int64_t number) {
    for (uint32_t i = 0; i < type->name_count; i++)
        if (type->names[i].number == number)
            return type->names[i].name;
    return NULL;
}

bool ber_bit(const struct ber_bits *bits, unsigned number) {
    return bits->octets.data && number / 8 < bits->octets.len &&
           number < bits->octets.len * 8 - bits->unused &&
           (bits->octets.data[number / 8] & 0x80 >> number % 8);
}

bool ber_bit_set(struct ber_bits *bits, unsigned number, bool value, struct arena *arena) {
    size_t old = bits->octets.data ? bits->octets.len : 0;
    size_t len = old > number / 8 ? old : number / 8 + 1;
    uint8_t *octets = arena_alloc(arena, len);
    if (!octets)
        return false;
    if (old)
        memcpy(octets, bits->octets.data, old);
    size_t bit_count = old * 8 - (old ? bits->unused : 0);
    if (bit_count < (size_t)number + 1)
        bit_count = (size_t)number + 1;
    if (value)
        octets[number / 8] |= (uint8_t)(0x80 >> number % 8);
    else
        octets[number / 8] &= (uint8_t) ~(0x80 >> number % 8);
    *bits = (struct ber_bits){{octets, len}, (unsigned)(len * 8 - bit_count)};
    return true;
}

const void *ber_odd_field_value(const struct ber_field *field, const void *value) {
    if (field->flags & BER_FIELD_VOID)
        return value;
    const void *member = ber_member(value, field->offset);
    if (field->flags & BER_FIELD_HAS)
        return *(const bool *)ber_member(value, field->has) ? member : NULL;
    return field->type->kind != BER_KIND_NULL || *(const bool *)member ? member : NULL;
}

static void forget_in_field(const struct ber_field *field, void *value) {
    const void *member = ber_field_value(field, value);
    if (member && !(field->flags & BER_FIELD_VOID))
        ber_forget_raw(field->type, ber_member(member, 0));
}

void ber_forget_raw(const struct ber_type *type, void *value) {
    if (!ber_is_constructed_kind(type->kind))
        return;
    if (type->kind == BER_KIND_SEQUENCE_OF || type->kind == BER_KIND_SET_OF) {
        struct ber_list list = ber_list_of(value);
        const struct ber_type *element = type->fields->type;
        for (size_t i = 0; ber_is_constructed_kind(element->kind) && i < list.count; i++)
            ber_forget_raw(element, (uint8_t *)list.items + i * element->size);
        return;
    }
    int choice = type->kind == BER_KIND_CHOICE ? ber_choice_of(type, value) : 0;
    if (type->kind == BER_KIND_CHOICE && (choice < 1 || (uint32_t)choice > type->count))
        return; /* an alternative that is not known is nothing but `raw` */
    *(struct span *)value = (struct span){NULL, 0};
    if (choice) {
        forget_in_field(&type->fields[choice - 1], value);
        return;
    }
    for (uint32_t i = 0; i < type->count; i++)
        forget_in_field(&type->fields[i], value);
}
