/* Values read into the forms in which they are compared. */
#include "asn1/table.h"
#include "base/text.h"
#include "ms/match.h"
#include "names/dn.h"
#include "schema/x413at.h"
#include "schema/x420ms.h"

/* What stands in entries was taken with relaxed bounds perhaps, and what is asserted may be a part of a
 * value. */
static const struct ber_limits limits = {.relax_bounds = true, .relax_characters = true};

static enum ms_read decode(const struct ber_type *type, struct span element, struct arena *arena,
                           void *value) {
    struct ber_error error = {0};
    if (ber_decode(type, element, arena, &limits, value, &error))
        return MS_READ;
    return error.code == BER_MEMORY ? MS_NO_MEMORY : MS_NO_VALUE;
}

/* Takes the next of the elements that are left. False: there is none. */
static bool take_element(struct span *rest, struct ber_element *head, struct span *element) {
    enum ber_error_code why;
    if (!rest->len || !ber_element_read(*rest, head, &why))
        return false;
    *element = span_sub(*rest, 0, head->total);
    *rest = span_sub(*rest, head->total, rest->len - head->total);
    return true;
}

/* ---- text ---- */

static const struct ber_type *string_type(uint8_t tag) {
    static const struct ber_type *const types[32] = {
        [12] = &ber_UTF8String_type,    [18] = &ber_NumericString_type,   [19] = &ber_PrintableString_type,
        [20] = &ber_TeletexString_type, [22] = &ber_IA5String_type,       [26] = &ber_VisibleString_type,
        [27] = &ber_GeneralString_type, [28] = &ber_UniversalString_type, [30] = &ber_BMPString_type};
    return tag & 0xC0 ? NULL : types[tag & 0x1F];
}

static struct span to_utf8(enum ber_kind kind, struct span in, struct arena *arena) {
    switch (kind) {
    case BER_KIND_TELETEXSTRING:
        return text_from_teletex(in, arena);
    case BER_KIND_GENERALSTRING:
        return text_from_general(in, NULL, 0, arena);
    case BER_KIND_BMPSTRING:
        return text_from_bmp(in, arena);
    case BER_KIND_UNIVERSALSTRING:
        return text_from_universal(in, arena);
    case BER_KIND_UTF8STRING:
        return in;
    default:
        return text_from_ia5(in, arena);
    }
}

/* The first element within a constructed one that is a string: of X.411's UniversalOrBMPString, a SET. */
static bool string_within(struct span element, struct span *string) {
    struct ber_element outer, inner;
    enum ber_error_code why;
    if (!ber_element_read(element, &outer, &why))
        return false;
    struct span rest = ber_element_contents(element, &outer);
    while (take_element(&rest, &inner, string))
        if (string_type(string->data[0]) == &ber_BMPString_type ||
            string_type(string->data[0]) == &ber_UniversalString_type)
            return true;
    return false;
}

/* The characters of a string of any type, as UTF-8. */
static enum ms_read read_characters(struct span element, struct arena *arena, struct span *utf8) {
    if (!element.len || ((element.data[0] & ~0x20) == 0x11 && !string_within(element, &element)))
        return MS_NO_VALUE;
    const struct ber_type *type = string_type(element.data[0]);
    struct span octets;
    enum ms_read read = type ? decode(type, element, arena, &octets) : MS_NO_VALUE;
    if (read != MS_READ)
        return read;
    *utf8 = to_utf8(type->kind, octets, arena);
    return utf8->data ? MS_READ : MS_NO_MEMORY;
}

static enum ms_read read_text(struct span element, struct arena *arena, struct span *text) {
    struct span utf8;
    enum ms_read read = read_characters(element, arena, &utf8);
    if (read != MS_READ)
        return read;
    *text = oraddress_fold(utf8, arena);
    return text->data ? MS_READ : MS_NO_MEMORY;
}

/* The characters, and room for so many octets more than they take. */
static enum ms_read read_with_room(struct span element, struct arena *arena, size_t more, struct span *utf8,
                                   uint8_t **room) {
    enum ms_read read = read_characters(element, arena, utf8);
    if (read != MS_READ)
        return read;
    *room = arena_alloc(arena, utf8->len + more);
    return *room ? MS_READ : MS_NO_MEMORY;
}

/* Text in its own case: spaces at its ends go, of several in a row one stays. */
static enum ms_read read_exact_text(struct span element, struct arena *arena, struct span *text) {
    struct span utf8;
    uint8_t *out;
    enum ms_read read = read_with_room(element, arena, 1, &utf8, &out);
    if (read != MS_READ)
        return read;
    size_t len = 0;
    for (size_t i = 0; i < utf8.len; i++)
        if (utf8.data[i] != ' ' || (len && out[len - 1] != ' '))
            out[len++] = utf8.data[i];
    *text = span_of(out, len && out[len - 1] == ' ' ? len - 1 : len);
    return MS_READ;
}

/*
 * A part of a text: folded, but a space at its ends counts, for it may stand
 * within the whole. Marks around it keep the spaces from being trimmed; what is
 * at an end of the whole text is trimmed there.
 */
static enum ms_read read_part(enum ms_part part, struct span element, struct arena *arena,
                              struct span *text) {
    struct span utf8;
    uint8_t *marked;
    enum ms_read read = read_with_room(element, arena, 2, &utf8, &marked);
    if (read != MS_READ)
        return read;
    size_t before = part != MS_INITIAL, behind = part != MS_FINAL;
    marked[0] = '.';
    memcpy(marked + before, utf8.data, utf8.len);
    marked[before + utf8.len] = '.';
    struct span folded = oraddress_fold(span_of(marked, before + utf8.len + behind), arena);
    if (!folded.data)
        return MS_NO_MEMORY;
    *text = span_sub(folded, before, folded.len - before - behind);
    return MS_READ;
}

enum ms_read ms_operand_add_part(enum ms_part part, struct span element, struct arena *arena,
                                 struct ms_operand *operand) {
    if (operand->count && (part == MS_INITIAL || operand->parts[operand->count - 1] == MS_FINAL))
        return MS_NO_VALUE;
    enum ms_read read = read_part(part, element, arena, &operand->texts[operand->count]);
    operand->parts[operand->count] = part;
    operand->count += read == MS_READ;
    return read;
}

/* ---- lists ---- */

/* The elements within a SEQUENCE; false when it is none. */
static bool count_within(struct span element, struct span *contents, size_t *count) {
    struct ber_element outer, inner;
    enum ber_error_code why;
    if (!element.len || element.data[0] != 0x30 || !ber_element_read(element, &outer, &why))
        return false;
    struct span rest = *contents = ber_element_contents(element, &outer), one;
    for (*count = 0; take_element(&rest, &inner, &one); ++*count) {
    }
    return !rest.len;
}

/* `*rest` gets the elements of the list, and the operand room for as many texts (`*count`). */
static enum ms_read begin_texts(struct span element, struct arena *arena, struct ms_operand *operand,
                                struct span *rest, size_t *count) {
    if (!count_within(element, rest, count))
        return MS_NO_VALUE;
    operand->texts = arena_array(arena, *count + 1, sizeof *operand->texts);
    return operand->texts ? MS_READ : MS_NO_MEMORY;
}

static enum ms_read read_texts(struct span element, struct arena *arena, struct ms_operand *operand) {
    struct ber_element inner;
    struct span rest, one;
    size_t count;
    enum ms_read read = begin_texts(element, arena, operand, &rest, &count);
    while (read == MS_READ && take_element(&rest, &inner, &one)) {
        read = read_text(one, arena, &operand->texts[operand->count]);
        operand->count += read == MS_READ;
    }
    return read;
}

/* An element within an explicit tag; absent when there is none. */
static struct span within(struct span tagged) {
    struct ber_element element;
    enum ber_error_code why;
    return ber_element_read(tagged, &element, &why) ? ber_element_contents(tagged, &element)
                                                    : (struct span){NULL, 0};
}

static enum ms_read read_parts(struct span element, struct arena *arena, struct ms_operand *operand) {
    struct ber_element inner;
    struct span rest, one;
    size_t count;
    enum ms_read read = begin_texts(element, arena, operand, &rest, &count);
    if (read == MS_READ && !(operand->parts = arena_array(arena, count + 1, sizeof *operand->parts)))
        return MS_NO_MEMORY;
    while (read == MS_READ && take_element(&rest, &inner, &one)) {
        if (inner.tag_class != BER_CONTEXT || inner.number > MS_FINAL)
            return MS_NO_VALUE;
        read = ms_operand_add_part((enum ms_part)inner.number, within(one), arena, operand);
    }
    return read;
}

/* ---- names ---- */

static enum ms_read take_name(const struct x411_ORName *wire, struct arena *arena, struct ms_name *name) {
    if (!oraddress_of_name(wire, arena, &name->address))
        return MS_NO_MEMORY;
    if (wire->directory_name)
        name->directory = dn_key(wire->directory_name, arena);
    return wire->directory_name && !name->directory.data ? MS_NO_MEMORY : MS_READ;
}

static enum ms_read take_folded(struct span utf8, struct arena *arena, struct span *folded) {
    *folded = utf8.data ? oraddress_fold(utf8, arena) : utf8;
    return folded->data ? MS_READ : MS_NO_MEMORY;
}

static enum ms_read take_descriptor(const struct x420_ORDescriptor *wire, struct arena *arena,
                                    struct ms_name *name) {
    enum ms_read read = wire->formal_name ? take_name(wire->formal_name, arena, name) : MS_READ;
    if (read == MS_READ && wire->free_form_name.data)
        read = take_folded(text_from_teletex(wire->free_form_name, arena), arena, &name->free_form);
    if (read == MS_READ && wire->telephone_number.data)
        read = take_folded(text_from_ia5(wire->telephone_number, arena), arena, &name->telephone);
    return read;
}

static enum ms_read read_address(struct span element, struct arena *arena, struct ms_operand *operand) {
    struct x411_ORAddress wire;
    enum ms_read read = decode(&x411_ORAddress_type, element, arena, &wire);
    return read != MS_READ || oraddress_of(&wire, arena, &operand->name.address) ? read : MS_NO_MEMORY;
}

static enum ms_read read_name(struct span element, struct arena *arena, struct ms_operand *operand) {
    struct x411_ORName wire;
    enum ms_read read = decode(&x411_ORName_type, element, arena, &wire);
    return read == MS_READ ? take_name(&wire, arena, &operand->name) : read;
}

/* A DLExpansion begins with a name, a Redirection with a SEQUENCE of name and time. */
static enum ms_read read_history(struct span element, struct arena *arena, struct ms_operand *operand) {
    struct x411_DLExpansion expansion;
    struct x411_Redirection redirection;
    struct span first = within(element);
    if (first.len && first.data[0] == 0x30) {
        enum ms_read read = decode(&x411_Redirection_type, element, arena, &redirection);
        if (read != MS_READ)
            return read;
        operand->number = redirection.redirection_reason;
        return take_name(&redirection.intended_recipient_name.intended_recipient, arena, &operand->name);
    }
    enum ms_read read = decode(&x411_DLExpansion_type, element, arena, &expansion);
    return read == MS_READ ? take_name(&expansion.dl, arena, &operand->name) : read;
}

static enum ms_read read_descriptor(enum ms_form form, struct span element, struct arena *arena,
                                    struct ms_operand *operand) {
    struct x420_ORDescriptor descriptor = {0};
    struct x420_RecipientSpecifier specifier = {0};
    struct x420_CirculationMember member = {0};
    enum ms_read read;
    if (form == MS_FORM_DESCRIPTOR) {
        read = decode(&x420_ORDescriptor_type, element, arena, &descriptor);
    } else if (form == MS_FORM_SPECIFIER) {
        read = decode(&x420_RecipientSpecifier_type, element, arena, &specifier);
        descriptor = specifier.recipient;
    } else {
        read = decode(&x420_CirculationMember_type, element, arena, &member);
        descriptor = member.circulation_recipient.recipient;
        operand->number = read == MS_READ && member.checked;
    }
    return read == MS_READ ? take_descriptor(&descriptor, arena, &operand->name) : read;
}

/* ---- the others ---- */

static enum ms_read read_number(const struct ber_type *type, struct span element, struct arena *arena,
                                struct ms_operand *operand) {
    bool flag;
    if (type->kind != BER_KIND_BOOLEAN)
        return type->kind == BER_KIND_INTEGER || type->kind == BER_KIND_ENUMERATED
                   ? decode(type, element, arena, &operand->number)
                   : MS_NO_VALUE;
    enum ms_read read = decode(type, element, arena, &flag);
    operand->number = read == MS_READ && flag;
    return read;
}

static enum ms_read read_time(const struct ber_type *type, struct span element, struct arena *arena,
                              struct ms_operand *operand) {
    struct span text;
    enum ms_read read = decode(type, element, arena, &text);
    if (read != MS_READ)
        return read;
    bool is_time = type->kind == BER_KIND_UTCTIME ? ber_utctime_read(text, &operand->number)
                                                  : ber_generalizedtime_read(text, &operand->number);
    return is_time ? MS_READ : MS_NO_VALUE;
}

/* Bits at the end that are zero say nothing where bits have names, as in all that are compared. */
static enum ms_read read_octets(const struct ber_type *type, struct span element, struct arena *arena,
                                struct ms_operand *operand) {
    struct ber_bits bits;
    if (type->kind != BER_KIND_BIT_STRING)
        return type->kind == BER_KIND_OBJECT_IDENTIFIER ? decode(type, element, arena, &operand->octets)
                                                        : MS_NO_VALUE;
    enum ms_read read = decode(type, element, arena, &bits);
    if (read != MS_READ)
        return read;
    operand->octets = bits.octets;
    while (operand->octets.len && operand->octets.data[operand->octets.len - 1] == 0)
        operand->octets.len--;
    return MS_READ;
}

static enum ms_read read_correlator(struct span element, struct arena *arena, struct ms_operand *operand) {
    struct x411_ContentCorrelator correlator;
    enum ms_read read = decode(&x411_ContentCorrelator_type, element, arena, &correlator);
    if (read != MS_READ)
        return read;
    operand->number = correlator.choice;
    operand->octets =
        correlator.choice == x411_ContentCorrelator_octets ? correlator.u.octets : correlator.u.ia5text;
    return MS_READ;
}

static enum ms_read read_identifier(struct span element, struct arena *arena, struct ms_operand *operand) {
    struct x411_MTSIdentifier *identifier = arena_alloc(arena, sizeof *identifier);
    operand->identifier = identifier;
    return identifier ? decode(&x411_MTSIdentifier_type, element, arena, identifier) : MS_NO_MEMORY;
}

static enum ms_read read_ipm_identifier(struct span element, struct arena *arena,
                                        struct ms_operand *operand) {
    struct x420_IPMIdentifier identifier;
    enum ms_read read = decode(&x420_IPMIdentifier_type, element, arena, &identifier);
    if (read != MS_READ)
        return read;
    operand->octets = identifier.user_relative_identifier;
    return identifier.user ? take_name(identifier.user, arena, &operand->name) : MS_READ;
}

static enum ms_read read_location(struct span element, struct arena *arena, struct ms_operand *operand) {
    struct x420ms_IPMLocation location;
    enum ms_read read = decode(&x420ms_IPMLocation_type, element, arena, &location);
    if (read == MS_READ && location.choice == x420ms_IPMLocation_stored) {
        operand->numbers = location.u.stored.items;
        operand->count = location.u.stored.count;
    }
    return read;
}

static enum ms_read read_code(struct span element, struct arena *arena, struct ms_operand *operand) {
    struct x420_DistributionCode code;
    enum ms_read read = decode(&x420_DistributionCode_type, element, arena, &code);
    if (read != MS_READ)
        return read;
    operand->octets = code.oid_code;
    return code.alphanumeric_code ? read_text(code.alphanumeric_code->raw, arena, &operand->text) : MS_READ;
}

/* The description has the tag [1] for that of its SET. */
static enum ms_read read_category(struct span element, struct arena *arena, struct ms_operand *operand) {
    struct x420_InformationCategory category;
    enum ms_read read = decode(&x420_InformationCategory_type, element, arena, &category);
    if (read != MS_READ)
        return read;
    operand->octets = category.reference;
    struct span string;
    if (!category.description)
        return MS_READ;
    return string_within(category.description->raw, &string) ? read_text(string, arena, &operand->text)
                                                             : MS_NO_VALUE;
}

static enum ms_read read_content_identifier(struct span element, struct arena *arena,
                                            struct ms_operand *operand) {
    struct span octets;
    if (!element.len || element.data[0] != 0x4A)
        return read_exact_text(element, arena, &operand->text);
    enum ms_read read = decode(&x411_ContentIdentifier_type, element, arena, &octets);
    operand->text = octets;
    return read;
}

enum ms_read ms_operand_read(enum ms_form form, const struct ber_type *type, struct span element,
                             struct arena *arena, struct ms_operand *operand) {
    *operand = (struct ms_operand){0};
    switch (form) {
    case MS_FORM_NUMBER:
        return read_number(type, element, arena, operand);
    case MS_FORM_TIME:
        return read_time(type, element, arena, operand);
    case MS_FORM_OCTETS:
        return read_octets(type, element, arena, operand);
    case MS_FORM_TEXT:
        return read_text(element, arena, &operand->text);
    case MS_FORM_EXACT_TEXT:
        return read_content_identifier(element, arena, operand);
    case MS_FORM_TEXTS:
        return read_texts(element, arena, operand);
    case MS_FORM_PARTS:
        return read_parts(element, arena, operand);
    case MS_FORM_CORRELATOR:
        return read_correlator(element, arena, operand);
    case MS_FORM_MTS_IDENTIFIER:
        return read_identifier(element, arena, operand);
    case MS_FORM_ADDRESS:
        return read_address(element, arena, operand);
    case MS_FORM_NAME:
        return read_name(element, arena, operand);
    case MS_FORM_HISTORY:
    case MS_FORM_REASON:
        return read_history(element, arena, operand);
    case MS_FORM_DESCRIPTOR:
    case MS_FORM_SPECIFIER:
    case MS_FORM_MEMBER:
        return read_descriptor(form, element, arena, operand);
    case MS_FORM_IPM_IDENTIFIER:
        return read_ipm_identifier(element, arena, operand);
    case MS_FORM_LOCATION:
        return read_location(element, arena, operand);
    case MS_FORM_CODE:
        return read_code(element, arena, operand);
    case MS_FORM_CATEGORY:
        return read_category(element, arena, operand);
    }
    return MS_NO_VALUE;
}
