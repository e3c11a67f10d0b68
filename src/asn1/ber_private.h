/* What the parts of the engine share: reading headers, counting characters, filling errors. */
#ifndef ASN1_BER_PRIVATE_H
#define ASN1_BER_PRIVATE_H

#include "asn1/table.h"

/* Every OF struct has this form. */
struct ber_list {
    void *items;
    size_t count;
};

/* An element's identifier and length as read. */
struct ber_header {
    uint32_t id; /* BER_ID */
    bool constructed;
    bool indefinite;
    bool cut;  /* the contents run beyond the input; `end` is the input's end */
    bool open; /* of the contents: running out of them is truncation of the input */
    const uint8_t *start;
    const uint8_t *contents;
    const uint8_t *end; /* of the contents; of the enclosing window when indefinite */
};

/*
 * Reads the header at `at` in a window that ends at `end`; `open` if that is
 * where the input ends, not a length that was read. BER_OK, or BER_TRUNCATED,
 * BER_LENGTH, BER_TAG.
 */
enum ber_error_code ber_header_read(const uint8_t *at, const uint8_t *end, bool open,
                                    struct ber_header *header);

/* The first octet behind an element of indefinite length whose contents start at `at`, or NULL and why. */
const uint8_t *ber_find_end(const uint8_t *at, const uint8_t *end, unsigned depth, enum ber_error_code *why);

#define BER_DEFAULT_DEPTH    64
#define BER_DEFAULT_ELEMENTS 65536

bool ber_untagged_field_matches(const struct ber_field *field, uint32_t id);

static inline bool ber_field_matches(const struct ber_field *field, uint32_t id) {
    return field->id == id || (field->id == BER_NO_ID && ber_untagged_field_matches(field, id));
}

static inline bool ber_is_constructed_kind(enum ber_kind kind) {
    return kind < BER_KIND_ANY;
}

/* True for a CHOICE or ANY: all tags of the place stand around the value's own. */
static inline bool ber_is_untagged_kind(enum ber_kind kind) {
    return kind == BER_KIND_CHOICE || kind == BER_KIND_ANY;
}

/* True if the string types' repertoire holds all of `s`; `*at` gets the offset of the first octet that it
 * does not. */
bool ber_repertoire_check(enum ber_kind kind, struct span s, size_t *at);

/* Characters in a value of a string type; octets for OCTET STRING. */
size_t ber_character_count(enum ber_kind kind, struct span s);

/* True for contents octets of an OBJECT IDENTIFIER or RELATIVE-OID. */
bool ber_oid_check(struct span oid);

/* `[3]`, `[APPLICATION 1]`, `SEQUENCE` for messages. Returns `out`. */
const char *ber_id_text(uint32_t id, char out[static 32]);

/* Fills the error, unless it is filled already or NULL. Returns false. */
bool ber_fail(struct ber_error *error, enum ber_error_code code, size_t offset, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts a component's name, or an element's number, before the error's path. */
void ber_path_prepend(struct ber_error *error, const char *name);
void ber_path_prepend_number(struct ber_error *error, size_t number);

/* The universal tag of a primitive type. */
uint32_t ber_universal_id(enum ber_kind kind);

/* The universal types that are met in open types, closed by NULL. */
extern const struct ber_type *const ber_common_types[];

/* The named number's name, or NULL. */
const char *ber_name_of(const struct ber_type *type, int64_t number);

static inline void *ber_member(const void *value, uint32_t offset) {
    return (uint8_t *)value + offset;
}

static inline void *ber_load_pointer(const void *member) {
    void *pointer;
    memcpy(&pointer, member, sizeof pointer);
    return pointer;
}

static inline int ber_choice_of(const struct ber_type *type, const void *value) {
    int choice;
    memcpy(&choice, ber_member(value, type->extra), sizeof choice);
    return choice;
}

static inline struct ber_list ber_list_of(const void *value) {
    struct ber_list list;
    memcpy(&list, value, sizeof list);
    return list;
}

/*
 * Where a component's value lies, or NULL when the member says that it is not
 * there. For a NULL without member returns the struct itself.
 */
const void *ber_field_value(const struct ber_field *field, const void *value);

#endif
