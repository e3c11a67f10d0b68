#include <string.h>

#include "asn1/ber_private.h"

#define PRIMITIVE(cname, text, kind_, T, number)                                                             \
    const struct ber_type cname = {.name = text,                                                             \
                                   .kind = kind_,                                                            \
                                   .size = sizeof(T),                                                        \
                                   .tags = (const uint32_t[]){BER_ID(BER_UNIVERSAL, number)},                \
                                   .tag_count = 1}

const uint8_t ber_no_index[256];

const struct ber_type ber_ANY_type = {.name = "ANY", .kind = BER_KIND_ANY, .size = sizeof(struct span)};
PRIMITIVE(ber_BOOLEAN_type, "BOOLEAN", BER_KIND_BOOLEAN, bool, 1);
PRIMITIVE(ber_INTEGER_type, "INTEGER", BER_KIND_INTEGER, int64_t, 2);
PRIMITIVE(ber_BIT_STRING_type, "BIT STRING", BER_KIND_BIT_STRING, struct ber_bits, 3);
PRIMITIVE(ber_OCTET_STRING_type, "OCTET STRING", BER_KIND_OCTET_STRING, struct span, 4);
PRIMITIVE(ber_NULL_type, "NULL", BER_KIND_NULL, bool, 5);
PRIMITIVE(ber_OBJECT_IDENTIFIER_type, "OBJECT IDENTIFIER", BER_KIND_OBJECT_IDENTIFIER, struct span, 6);
PRIMITIVE(ber_ObjectDescriptor_type, "ObjectDescriptor", BER_KIND_OBJECTDESCRIPTOR, struct span, 7);
PRIMITIVE(ber_REAL_type, "REAL", BER_KIND_REAL, struct span, 9);
PRIMITIVE(ber_ENUMERATED_type, "ENUMERATED", BER_KIND_ENUMERATED, int64_t, 10);
PRIMITIVE(ber_UTF8String_type, "UTF8String", BER_KIND_UTF8STRING, struct span, 12);
PRIMITIVE(ber_RELATIVE_OID_type, "RELATIVE-OID", BER_KIND_RELATIVE_OID, struct span, 13);
PRIMITIVE(ber_NumericString_type, "NumericString", BER_KIND_NUMERICSTRING, struct span, 18);
PRIMITIVE(ber_PrintableString_type, "PrintableString", BER_KIND_PRINTABLESTRING, struct span, 19);
PRIMITIVE(ber_TeletexString_type, "TeletexString", BER_KIND_TELETEXSTRING, struct span, 20);
PRIMITIVE(ber_VideotexString_type, "VideotexString", BER_KIND_VIDEOTEXSTRING, struct span, 21);
PRIMITIVE(ber_IA5String_type, "IA5String", BER_KIND_IA5STRING, struct span, 22);
PRIMITIVE(ber_UTCTime_type, "UTCTime", BER_KIND_UTCTIME, struct span, 23);
PRIMITIVE(ber_GeneralizedTime_type, "GeneralizedTime", BER_KIND_GENERALIZEDTIME, struct span, 24);
PRIMITIVE(ber_GraphicString_type, "GraphicString", BER_KIND_GRAPHICSTRING, struct span, 25);
PRIMITIVE(ber_VisibleString_type, "VisibleString", BER_KIND_VISIBLESTRING, struct span, 26);
PRIMITIVE(ber_GeneralString_type, "GeneralString", BER_KIND_GENERALSTRING, struct span, 27);
PRIMITIVE(ber_UniversalString_type, "UniversalString", BER_KIND_UNIVERSALSTRING, struct span, 28);
PRIMITIVE(ber_BMPString_type, "BMPString", BER_KIND_BMPSTRING, struct span, 30);

const char *ber_type_name(const struct ber_type *type) {
    return type->name;
}

const char *ber_field_name(const struct ber_field *field) {
    return field->name;
}

size_t ber_type_size(const struct ber_type *type) {
    return type->size;
}

const struct ber_table_row *ber_table_by_number(const struct ber_table *table, int64_t number) {
    size_t low = 0, high = table->number_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->numbers[middle].number == number)
            return &table->numbers[middle];
        if (table->numbers[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct ber_table_row *ber_table_by_oid(const struct ber_table *table, struct span oid) {
    size_t low = 0, high = table->oid_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = span_cmp(table->oids[middle].oid, oid);
        if (order == 0)
            return &table->oids[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct ber_type *ber_module_type(const struct ber_module *module, const char *name) {
    size_t low = 0, high = module->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(module->types[middle]->name, name);
        if (order == 0)
            return module->types[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

uint32_t ber_universal_id(enum ber_kind kind) {
    static const struct ber_type *const types[] = {&ber_BOOLEAN_type,
                                                   &ber_INTEGER_type,
                                                   &ber_ENUMERATED_type,
                                                   &ber_NULL_type,
                                                   &ber_BIT_STRING_type,
                                                   &ber_OCTET_STRING_type,
                                                   &ber_OBJECT_IDENTIFIER_type,
                                                   &ber_RELATIVE_OID_type,
                                                   &ber_REAL_type,
                                                   &ber_ObjectDescriptor_type,
                                                   &ber_UTF8String_type,
                                                   &ber_NumericString_type,
                                                   &ber_PrintableString_type,
                                                   &ber_TeletexString_type,
                                                   &ber_VideotexString_type,
                                                   &ber_IA5String_type,
                                                   &ber_GraphicString_type,
                                                   &ber_VisibleString_type,
                                                   &ber_GeneralString_type,
                                                   &ber_UniversalString_type,
                                                   &ber_BMPString_type,
                                                   &ber_UTCTime_type,
                                                   &ber_GeneralizedTime_type};
    _Static_assert(sizeof types / sizeof types[0] == BER_KIND_GENERALIZEDTIME - BER_KIND_BOOLEAN + 1,
                   "one entry for each primitive kind, in the order of the enumeration");
    return types[kind - BER_KIND_BOOLEAN]->tags[0];
}

const struct ber_type *const ber_common_types[] = {&ber_BOOLEAN_type,
                                                   &ber_INTEGER_type,
                                                   &ber_BIT_STRING_type,
                                                   &ber_OCTET_STRING_type,
                                                   &ber_NULL_type,
                                                   &ber_OBJECT_IDENTIFIER_type,
                                                   &ber_UTF8String_type,
                                                   &ber_NumericString_type,
                                                   &ber_PrintableString_type,
                                                   &ber_TeletexString_type,
                                                   &ber_IA5String_type,
                                                   &ber_UTCTime_type,
                                                   &ber_GeneralizedTime_type,
                                                   &ber_GraphicString_type,
                                                   &ber_VisibleString_type,
                                                   &ber_GeneralString_type,
                                                   &ber_UniversalString_type,
                                                   &ber_BMPString_type,
                                                   NULL};
