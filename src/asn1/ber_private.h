/* What the parts of the engine share: reading headers, counting characters, filling errors. */
#ifndef ASN1_BER_PRIVATE_H
#define ASN1_BER_PRIVATE_H

#include "asn1/table.h"

/* What is seldom needed is kept out of the hot functions, so that these need fewer registers. */
#define BER_COLD __attribute__((noinline, cold))

/* Every OF struct has this form. */
struct ber_list {
    void *items;
    size_t count;
};

/* An element's identifier and length as read. */
struct ber_header {
    const uint8_t *start;
    const uint8_t *contents;
    const uint8_t *end; /* of the contents; of the enclosing window when indefinite */
    bool indefinite;
    bool odd;  /* `indefinite` or `cut`: the element does not stop at `end` */
    bool cut;  /* the contents run beyond the input; `end` is the input's end */
    bool open; /* of the contents: running out of them is truncation of the input */
};

static inline bool ber_constructed(const struct ber_header *header) {
    return *header->start & 0x20;
}

uint32_t ber_long_id(const struct ber_header *header);

/* The BER_ID of a header that was read. */
static inline uint32_t ber_header_id(const struct ber_header *header) {
    uint8_t first = *header->start;
    return (first & 0x1F) == 0x1F ? ber_long_id(header) : BER_ID(first >> 6, first & 0x1F);
}

/* True for the usual header within `left` octets: a tag of one octet, not that of end-of-contents in either
 * form, and a short length that fits. */
static inline bool ber_is_short(const uint8_t *at, size_t left) {
    return left >= 2 && (at[0] & 0xDF) != 0 && (at[0] & 0x1F) != 0x1F && at[1] < 0x80 && at[1] <= left - 2;
}

/* Fills in a header of `size` octets and a tag of one, whose definite contents are all there. */
static inline void ber_header_fill(const uint8_t *at, size_t size, size_t length, struct ber_header *header) {
    header->indefinite = header->odd = header->cut = header->open = false;
    header->start = at;
    header->contents = at + size;
    header->end = at + size + length;
}

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

/* True for what a string type, or a type of time, can hold. */
bool ber_is_string(enum ber_kind kind, struct span s);

/* The repertoires that each octet belongs to, and of each kind the bit of its own; 0 where octets don't tell.
 */
extern const uint8_t ber_repertoires[256], ber_repertoire_of[];

/* Characters in a value of a string type; octets for OCTET STRING. */
size_t ber_character_count(enum ber_kind kind, struct span s);

/* True for contents octets of an OBJECT IDENTIFIER or RELATIVE-OID. */
bool ber_oid_check(struct span oid);

/* `[3]`, `[APPLICATION 1]`, `SEQUENCE` for messages. Returns `out`. */
const char *ber_id_text(uint32_t id, char out[static 32]);

/* Fills the error, unless it is filled already or NULL. Returns false. */
bool ber_fail(struct ber_error *error, enum ber_error_code code, size_t offset, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Makes it one that tells nothing; NULL is let be. */
void ber_error_clear(struct ber_error *error);

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

const void *ber_odd_field_value(const struct ber_field *field, const void *value);

/*
 * Where a component's value lies, or NULL when the member says that it is not
 * there. For a NULL without member returns the struct itself.
 */
static inline const void *ber_field_value(const struct ber_field *field, const void *value) {
    const void *member = ber_member(value, field->offset);
    if ((field->flags & (BER_FIELD_PLAIN | BER_FIELD_OPTIONAL | BER_FIELD_NULLABLE)) == BER_FIELD_PLAIN)
        return member;
    if (!(field->flags & BER_FIELD_NULLABLE))
        return ber_odd_field_value(field, value);
    const void *pointer = ber_load_pointer(member);
    return pointer && !(field->flags & BER_FIELD_POINTER) ? member : pointer;
}

#endif
