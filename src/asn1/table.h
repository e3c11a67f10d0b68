/*
 * The form of the type tables that schema/compile makes and the engine reads,
 * and the tables that stand for information object sets.
 */
#ifndef ASN1_TABLE_H
#define ASN1_TABLE_H

#include <stddef.h>

#include "asn1/ber.h"

enum ber_kind {
    BER_KIND_SEQUENCE,
    BER_KIND_SET,
    BER_KIND_SEQUENCE_OF,
    BER_KIND_SET_OF,
    BER_KIND_CHOICE,
    BER_KIND_ANY,
    BER_KIND_BOOLEAN,
    BER_KIND_INTEGER,
    BER_KIND_ENUMERATED,
    BER_KIND_NULL,
    BER_KIND_BIT_STRING,
    BER_KIND_OCTET_STRING,
    BER_KIND_OBJECT_IDENTIFIER,
    BER_KIND_RELATIVE_OID,
    BER_KIND_REAL,
    BER_KIND_OBJECTDESCRIPTOR,
    BER_KIND_UTF8STRING,
    BER_KIND_NUMERICSTRING,
    BER_KIND_PRINTABLESTRING,
    BER_KIND_TELETEXSTRING,
    BER_KIND_VIDEOTEXSTRING,
    BER_KIND_IA5STRING,
    BER_KIND_GRAPHICSTRING,
    BER_KIND_VISIBLESTRING,
    BER_KIND_GENERALSTRING,
    BER_KIND_UNIVERSALSTRING,
    BER_KIND_BMPSTRING,
    BER_KIND_UTCTIME,
    BER_KIND_GENERALIZEDTIME,
};

/* A tag in one word: class and number. Numbers that are read have at most 29 bits. */
#define BER_ID(tag_class, number) ((uint32_t)(tag_class) << 30 | (uint32_t)(number))
/* No tag: its number is one that the decoder refuses. */
#define BER_NO_ID         UINT32_MAX
#define BER_ID_CLASS(id)  ((enum ber_class)((id) >> 30))
#define BER_ID_NUMBER(id) ((id)&0x3FFFFFFFu)

enum {
    BER_FIELD_OPTIONAL = 1,  /* OPTIONAL or DEFAULT */
    BER_FIELD_POINTER = 2,   /* the member is a pointer to the value */
    BER_FIELD_HAS = 4,       /* a bool at `has` tells that the value is there */
    BER_FIELD_DEFAULT = 8,   /* `value` is the default of a BOOLEAN, INTEGER or ENUMERATED */
    BER_FIELD_VOID = 16,     /* no member: a NULL */
    BER_FIELD_PLAIN = 32,    /* no POINTER, HAS or VOID, and no explicit tag: the usual case */
    BER_FIELD_NULLABLE = 64, /* absent when the pointer at the member's start is NULL: spans, bits, pointers,
                                lists that are OPTIONAL */
};

/*
 * How the decoder takes a component of the usual form: `octet`, a short length
 * and no fault. What is of another form, or of no step, its type's reader takes.
 */
enum ber_step {
    BER_STEP_NONE,
    BER_STEP_CHARACTERS, /* a string of one octet a character */
    BER_STEP_OCTETS,     /* an OCTET STRING */
    BER_STEP_NUMBER,     /* an INTEGER or ENUMERATED, of one octet and not below zero */
    BER_STEP_BITS,
    BER_STEP_CHOICE,   /* a CHOICE in one explicit tag, also behind a pointer */
    BER_STEP_UNTAGGED, /* a CHOICE without a tag of its own: it has no `octet` */
    BER_STEP_OPEN,     /* an ANY in one explicit tag */
    BER_STEP_STRUCT,   /* a SEQUENCE or SET, also behind a pointer; this and what follows holds elements */
    BER_STEP_LIST,
};

/* What no octet is. */
#define BER_NO_OCTET 0x100

/* A component of a SEQUENCE or SET, an alternative of a CHOICE, or the element of an OF. */
struct ber_field {
    const char *name;
    const struct ber_type *type;
    const uint32_t
        *tags; /* outermost first; all but the last are explicit, and the last too round a CHOICE or ANY */
    const uint32_t *first; /* of an untagged CHOICE: the tags with which it can begin */
    uint8_t tag_count;
    uint8_t around; /* explicit ones among `tags` */
    uint8_t flags;
    uint8_t octet;        /* the identifier octet of `id` in the usual form, where it is but one; else 0 */
    uint16_t first_count; /* 0 for an untagged ANY (or CHOICE with one): every tag */
    uint8_t kind;         /* of `type` */
    uint8_t step;
    uint16_t next; /* `octet` of the component behind it, or BER_NO_OCTET */
    uint16_t has;
    uint32_t offset; /* of the member in the struct */
    uint32_t id;     /* the first of `tags`; BER_NO_ID for an untagged CHOICE or ANY */
    uint16_t least,
        most;      /* the bounds or names of `type` as far as 16 bits tell; 0 to UINT16_MAX: there are none */
    int64_t value; /* the default; of an alternative its constant */
};

struct ber_bounds {
    int64_t min, max;
    const char *min_name, *max_name; /* as in the module, or NULL */
};

struct ber_name {
    int64_t number;
    const char *name;
};

enum {
    BER_TYPE_EXTENSIBLE = 1,
    BER_TYPE_DEFAULTS = 2, /* a component has BER_FIELD_DEFAULT */
};

/* Components of a SEQUENCE or SET: the decoder keeps those that it has seen in one word. */
#define BER_MAX_COMPONENTS 64

struct ber_type {
    const char *name;
    enum ber_kind kind;
    uint32_t flags;
    uint32_t size;   /* of the C type */
    uint16_t first;  /* `octet` of the first of `fields`, or BER_NO_OCTET, also where there are none */
    uint32_t extra;  /* offset of `choice`, or of `unknown` in an extensible SEQUENCE or SET */
    uint32_t marker; /* of an extensible one: components before `...`, behind which unknown elements go */
    const uint32_t *tags; /* of a value that stands alone; see ber_field */
    uint32_t tag_count;
    uint32_t count;
    const struct ber_field *fields;
    /*
     * Of a SEQUENCE, SET or CHOICE: for each identifier octet the number, from
     * 1, of the component that begins with it. 0 where the octet does not tell.
     */
    const uint8_t *index;
    uint64_t mandatory; /* of a SEQUENCE or SET: the components that must be there, bit 0 is the first */
    const struct ber_bounds *bounds; /* of the size or of the value, or NULL */
    const struct ber_name *names;    /* named numbers, bits or enumerations */
    uint32_t name_count;
};

/* The index of a type in which one tag does not tell one component. */
extern const uint8_t ber_no_index[256];

/* Both identifier octets, primitive and constructed, of a tag. */
#define BER_INDEX(tag_class, number, place)                                                                  \
    [(tag_class) << 6 | (number)] = (place), [(tag_class) << 6 | 0x20 | (number)] = (place)

/* offsetof that does not compile unless the member is of type `T`. */
#define BER_OFFSET(S, member, T)                                                                             \
    (offsetof(S, member) + 0 * sizeof(struct {                                                               \
                               _Static_assert(__builtin_types_compatible_p(__typeof__(((S *)0)->member), T), \
                                              #member);                                                      \
                               int unused;                                                                   \
                           }))

/* The types that need no table of their own. */
extern const struct ber_type ber_ANY_type, ber_BOOLEAN_type, ber_INTEGER_type, ber_ENUMERATED_type,
    ber_NULL_type, ber_BIT_STRING_type, ber_OCTET_STRING_type, ber_OBJECT_IDENTIFIER_type,
    ber_RELATIVE_OID_type, ber_REAL_type, ber_ObjectDescriptor_type, ber_UTF8String_type,
    ber_NumericString_type, ber_PrintableString_type, ber_TeletexString_type, ber_VideotexString_type,
    ber_IA5String_type, ber_GraphicString_type, ber_VisibleString_type, ber_GeneralString_type,
    ber_UniversalString_type, ber_BMPString_type, ber_UTCTime_type, ber_GeneralizedTime_type;

/* ---- information object sets ---- */

enum { BER_FOR_SUBMISSION = 1, BER_FOR_TRANSFER = 2, BER_FOR_DELIVERY = 4 };

struct ber_table_row {
    int64_t number;
    struct span oid; /* absent where the key is a number */
    const char *name;
    const struct ber_type *type;
    unsigned criticality; /* BER_FOR_..., the table's default */
};

struct ber_table {
    const char *name;
    const struct ber_table_row *numbers; /* sorted */
    size_t number_count;
    const struct ber_table_row *oids; /* sorted by contents octets */
    size_t oid_count;
};

/* The row with that key, or NULL. */
const struct ber_table_row *ber_table_by_number(const struct ber_table *table, int64_t number);
const struct ber_table_row *ber_table_by_oid(const struct ber_table *table, struct span oid);

/* ---- modules ---- */

struct ber_module {
    const char *name;                    /* the file's, `x411` */
    const struct ber_type *const *types; /* sorted by name, closed by NULL */
    size_t count;
};

/* The module's type of that ASN.1 name, or NULL. */
const struct ber_type *ber_module_type(const struct ber_module *module, const char *name);

#endif
