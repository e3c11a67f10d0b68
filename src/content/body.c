#include "content/body.h"

#include "base/text.h"
#include "content/element_private.h"
#include "schema/x420.h"

#define PARTS_MAX         65536
#define REGISTRATIONS_MAX 64

/* The alternatives of BodyPart, by context tag; those of 1984 that X.420 dropped are read as unknown. */
static const struct {
    uint32_t tag;
    enum ipm_part_type type;
} basic_parts[] = {
    {0, IPM_PART_IA5_TEXT},
    {2, IPM_PART_VOICE},
    {3, IPM_PART_G3_FACSIMILE},
    {4, IPM_PART_G4_CLASS_1},
    {5, IPM_PART_TELETEX},
    {6, IPM_PART_VIDEOTEX},
    {7, IPM_PART_NATIONALLY_DEFINED},
    {8, IPM_PART_ENCRYPTED},
    {9, IPM_PART_MESSAGE},
    {11, IPM_PART_MIXED_MODE},
    {14, IPM_PART_BILATERALLY_DEFINED},
};

/* The last arc of id-et. */
static const enum ipm_part_type extended_parts[] = {
    [0] = IPM_PART_IA5_TEXT,
    [2] = IPM_PART_G3_FACSIMILE,
    [3] = IPM_PART_G4_CLASS_1,
    [4] = IPM_PART_TELETEX,
    [5] = IPM_PART_VIDEOTEX,
    [6] = IPM_PART_ENCRYPTED,
    [7] = IPM_PART_MESSAGE,
    [8] = IPM_PART_MIXED_MODE,
    [9] = IPM_PART_BILATERALLY_DEFINED,
    [10] = IPM_PART_NATIONALLY_DEFINED,
    [11] = IPM_PART_GENERAL_TEXT,
    [12] = IPM_PART_FILE_TRANSFER,
    [14] = IPM_PART_REPORT,
    [15] = IPM_PART_NOTIFICATION,
    [16] = IPM_PART_VOICE,
};

static const char *const part_names[] = {
    [IPM_PART_IA5_TEXT] = "ia5-text",
    [IPM_PART_GENERAL_TEXT] = "general-text",
    [IPM_PART_TELETEX] = "teletex",
    [IPM_PART_FILE_TRANSFER] = "file-transfer",
    [IPM_PART_BILATERALLY_DEFINED] = "bilaterally-defined",
    [IPM_PART_MESSAGE] = "message",
    [IPM_PART_NOTIFICATION] = "notification",
    [IPM_PART_REPORT] = "report",
    [IPM_PART_G3_FACSIMILE] = "g3-facsimile",
    [IPM_PART_G4_CLASS_1] = "g4-class1",
    [IPM_PART_VIDEOTEX] = "videotex",
    [IPM_PART_ENCRYPTED] = "encrypted",
    [IPM_PART_MIXED_MODE] = "mixed-mode",
    [IPM_PART_VOICE] = "voice",
    [IPM_PART_NATIONALLY_DEFINED] = "nationally-defined",
};

static const struct ber_limits lax = {.relax_bounds = true, .relax_characters = true};

/* An EXTERNAL taken apart: its direct reference, and the element it holds or, octet-aligned or arbitrary, the
 * string with its octets or bits. */
struct external {
    struct span type;
    struct span value;
    bool octet_aligned, arbitrary;
};

static bool read_external(struct span contents, struct external *out) {
    struct element e;
    *out = (struct external){0};
    while (element_next(&contents, &e)) {
        if (element_is(&e, BER_UNIVERSAL, 6))
            out->type = e.contents;
        else if (element_is(&e, BER_CONTEXT, 0))
            out->value = e.contents;
        else if (element_is(&e, BER_CONTEXT, 1)) {
            out->value = e.whole;
            out->octet_aligned = true;
        } else if (element_is(&e, BER_CONTEXT, 2)) {
            out->value = e.whole;
            out->arbitrary = true;
        }
    }
    return out->type.data && out->value.data;
}

/* The octets of a BIT STRING: each segment begins with the number of bits that its last octet leaves unused.
 */
struct bits {
    bool (*sink)(void *, struct span);
    void *context;
};

static bool without_unused(void *context, struct span segment) {
    const struct bits *bits = context;
    return segment.len < 2 || bits->sink(bits->context, span_sub(segment, 1, segment.len));
}

static bool gather(void *context, struct span piece) {
    return buf_append_span(context, piece);
}

/* A BIT STRING's bits as octets. */
static struct span bit_octets(struct span string, struct arena *arena) {
    struct buf joined;
    buf_init(&joined, 0);
    struct bits bits = {gather, &joined};
    string_walk(string, without_unused, &bits);
    struct span octets = joined.failed ? (struct span){NULL, 0} : arena_dup(arena, buf_span(&joined));
    buf_free(&joined);
    return octets;
}

/* The element in an EXTERNAL that should hold one; senders differ in whether they wrap it in octets (RFC 2157
 * §5). */
static struct span external_element(const struct external *external, struct arena *arena) {
    return external->arbitrary       ? bit_octets(external->value, arena)
           : external->octet_aligned ? string_octets(external->value, arena)
                                     : external->value;
}

/* Gives the octets of each EXTERNAL in FileTransferData to `sink`. */
static bool walk_file(struct span data, bool (*sink)(void *, struct span), void *context) {
    struct element list, item;
    if (!element_next(&data, &list))
        return true;
    for (struct span rest = list.contents; element_next(&rest, &item);) {
        struct external external;
        if (!read_external(item.contents, &external))
            continue;
        struct element value;
        struct span peek = external.value;
        struct bits bits = {sink, context};
        bool string =
            element_next(&peek, &value) && (external.octet_aligned || element_is(&value, BER_UNIVERSAL, 4));
        bool done = external.arbitrary ? string_walk(external.value, without_unused, &bits)
                    : string           ? string_walk(external.value, sink, context)
                                       : sink(context, external.value);
        if (!done)
            return false;
    }
    return true;
}

/* A string of octets, bits or characters; what is none (octets that stand in an EXTERNAL without an element
 * around them) is given as it is. */
static bool walk_string(struct span string, bool (*sink)(void *, struct span), void *context) {
    static const uint32_t strings = 1u << 3 | 1u << 4 | 1u << 20 | 1u << 21 | 1u << 22;
    struct element e;
    struct span peek = string;
    struct bits bits = {sink, context};
    if (!element_next(&peek, &e) || peek.len || e.head.tag_class != BER_UNIVERSAL || e.head.number >= 32 ||
        !(strings >> e.head.number & 1))
        return sink(context, string);
    return e.head.number == 3 ? string_walk(string, without_unused, &bits)
                              : string_walk(string, sink, context);
}

/* The strings of a SEQUENCE OF them, one after the other: pages of teletex, of facsimile. */
static bool walk_pages(struct span list, bool (*sink)(void *, struct span), void *context) {
    struct element page;
    if (!element_next(&list, &page))
        return true;
    for (struct span rest = page.contents; element_next(&rest, &page);)
        if (!walk_string(page.whole, sink, context))
            return false;
    return true;
}

bool ipm_part_write(const struct ipm_part *part, bool (*sink)(void *context, struct span piece),
                    void *context) {
    switch (part->type) {
    case IPM_PART_IA5_TEXT:
    case IPM_PART_GENERAL_TEXT:
    case IPM_PART_BILATERALLY_DEFINED:
    case IPM_PART_VIDEOTEX:
        return string_walk(part->data, sink, context);
    case IPM_PART_ENCRYPTED:
    case IPM_PART_VOICE:
        return walk_string(part->data, sink, context);
    case IPM_PART_TELETEX:
    case IPM_PART_G3_FACSIMILE:
        return walk_pages(part->data, sink, context);
    case IPM_PART_FILE_TRANSFER:
        return walk_file(part->data, sink, context);
    default:
        return sink(context, part->data);
    }
}

bool ipm_part_facsimile(const struct ipm_part *part, struct arena *arena, struct ipm_facsimile *out) {
    struct x420_G3FacsimileParameters parameters = {0};
    struct element list, page;
    struct span rest = part->data;
    *out = (struct ipm_facsimile){0};
    if (part->type != IPM_PART_G3_FACSIMILE || !element_next(&rest, &list))
        return false;
    for (rest = list.contents; element_next(&rest, &page);)
        out->count++;
    out->pages = arena_array(arena, out->count + 1, sizeof *out->pages);
    size_t i = 0;
    for (rest = list.contents; out->pages && element_next(&rest, &page); i++)
        out->pages[i] = bit_octets(page.whole, arena);
    if (part->parameters.data &&
        ber_decode(&x420_G3FacsimileParameters_type, part->parameters, arena, &lax, &parameters, NULL)) {
        const struct ber_bits *how = &parameters.non_basic_parameters;
        out->two_dimensional = ber_bit(how, x411_G3FacsimileNonBasicParameters_two_dimensional);
        out->fine = ber_bit(how, x411_G3FacsimileNonBasicParameters_fine_resolution);
    }
    return out->pages != NULL;
}

static bool add_size(void *context, struct span piece) {
    *(uint64_t *)context += piece.len;
    return true;
}

/* The values of a SET OF INTEGER. */
static bool read_registrations(struct span parameters, struct arena *arena, struct ipm_part *part) {
    struct element set, e;
    int64_t *values = arena_array(arena, REGISTRATIONS_MAX, sizeof *values);
    if (!values)
        return false;
    part->registrations = values;
    if (!element_next(&parameters, &set))
        return true;
    for (struct span rest = set.contents;
         part->registration_count < REGISTRATIONS_MAX && element_next(&rest, &e);) {
        int64_t value = 0;
        for (size_t i = 0; i < e.contents.len && i < 4; i++)
            value = value << 8 | e.contents.data[i];
        values[part->registration_count++] = value;
    }
    for (size_t i = 0; i < part->registration_count; i++)
        if (text_registration_name(values[i]))
            part->charset = text_registration_name(values[i]);
    return true;
}

/* The last component of a path is the file's name; the others are the sender's affair. */
static const char *read_path(const struct x420_Pathname *path, struct arena *arena) {
    static const int64_t latin1 = TEXT_IR_LATIN1, utf8 = TEXT_IR_UTF8;
    if (path->count == 0)
        return NULL;
    struct span last = path->items[path->count - 1];
    struct span text = text_from_general(last, text_is_utf8(last) ? &utf8 : &latin1, 1, arena);
    return (const char *)text.data;
}

static int64_t read_date(const struct x420_DateAndTimeAttribute *from) {
    int64_t seconds = 0;
    if (from && from->choice == x420_DateAndTimeAttribute_actual_values)
        ber_generalizedtime_read(from->u.actual_values, &seconds);
    return seconds;
}

static void read_file_parameters(struct span parameters, struct arena *arena, struct ipm_part *part) {
    struct x420_FileTransferParameters *value = arena_alloc(arena, sizeof *value);
    if (!value || !ber_decode(&x420_FileTransferParameters_type, parameters, arena, &lax, value, NULL))
        return;
    const struct x420_FileAttributes *attributes = value->file_attributes;
    const struct x420_GeneralIdentifier *application =
        value->environment ? value->environment->application_reference : NULL;
    if (application && application->choice == x420_GeneralIdentifier_registered_identifier)
        part->application = application->u.registered_identifier;
    if (!attributes)
        return;
    part->created = read_date(attributes->date_and_time_of_creation);
    part->modified = read_date(attributes->date_and_time_of_last_modification);
    if (attributes->pathname)
        part->file_name = read_path(attributes->pathname->choice == x420_PathnameAttribute_incomplete_pathname
                                        ? &attributes->pathname->u.incomplete_pathname
                                        : &attributes->pathname->u.complete_pathname,
                                    arena);
}

static const char *oid_name(struct span oid, struct arena *arena) {
    const struct ber_table_row *row = ber_table_by_oid(&x420_ExtendedBodyPartTypes_table, oid);
    char dotted[128];
    if (row)
        return row->name;
    return ber_oid_format(oid, dotted, sizeof dotted) ? arena_printf(arena, "%s", dotted) : "external";
}

/* A forwarded content (X.420, id-et-content): what an OCTET STRING holds is an IPM or a notification. */
static bool open_content(struct span type, struct arena *arena, struct ipm_part *part) {
    struct element object;
    if (!span_eq(type, x420_id_et_content_p2) && !span_eq(type, x420_id_et_content_p22))
        return false;
    struct span octets = string_octets(part->data, arena), rest = octets;
    if (!octets.data || !element_next(&rest, &object) || object.head.tag_class != BER_CONTEXT ||
        object.head.number > 1)
        return false;
    part->data = object.whole;
    part->type = object.head.number == 0 ? IPM_PART_MESSAGE : IPM_PART_NOTIFICATION;
    part->name = NULL;
    return true;
}

static enum ipm_part_type extended_type(struct span oid) {
    struct span prefix = BODY_ID_ET("");
    if (oid.len != prefix.len + 1 || memcmp(oid.data, prefix.data, prefix.len) != 0)
        return IPM_PART_OTHER;
    uint8_t arc = oid.data[prefix.len];
    enum ipm_part_type type = arc < sizeof extended_parts / sizeof *extended_parts ? extended_parts[arc] : 0;
    return type ? type : IPM_PART_OTHER;
}

/* ExtendedBodyPart: parameters [0] EXTERNAL OPTIONAL, data EXTERNAL */
static bool read_extended(struct span contents, struct arena *arena, struct ipm_part *part) {
    struct element e;
    struct external external, parameters = {0};
    while (element_next(&contents, &e)) {
        if (element_is(&e, BER_CONTEXT, 0) && read_external(e.contents, &parameters))
            part->parameters = external_element(&parameters, arena);
        else if (element_is(&e, BER_UNIVERSAL, 8) && read_external(e.contents, &external)) {
            part->type = extended_type(external.type);
            part->name = part->type == IPM_PART_OTHER ? oid_name(external.type, arena) : NULL;
            part->data = external_element(&external, arena);
            open_content(external.type, arena, part);
        }
    }
    return part->type != 0;
}

/* MessageParameters */
static void read_message_parameters(struct span parameters, struct ipm_part *part) {
    struct element set, e;
    if (!element_next(&parameters, &set))
        return;
    for (struct span rest = set.contents; element_next(&rest, &e);) {
        if (element_is(&e, BER_CONTEXT, 0))
            ber_utctime_read(e.contents, &part->delivery_time);
        else if (element_is(&e, BER_CONTEXT, 1))
            part->delivery_envelope = e.whole;
    }
}

/* The alternatives that are SEQUENCEs of parameters (a SET) and data. */
static bool has_parameters(enum ipm_part_type type) {
    return type == IPM_PART_IA5_TEXT || type == IPM_PART_TELETEX || type == IPM_PART_MESSAGE ||
           type == IPM_PART_G3_FACSIMILE || type == IPM_PART_VIDEOTEX || type == IPM_PART_ENCRYPTED ||
           type == IPM_PART_VOICE;
}

static void read_basic(const struct element *e, struct arena *arena, struct ipm_part *part) {
    part->type = IPM_PART_OTHER;
    for (size_t i = 0; i < sizeof basic_parts / sizeof *basic_parts; i++)
        if (basic_parts[i].tag == e->head.number)
            part->type = basic_parts[i].type;
    part->data = e->whole;
    struct span rest = e->contents;
    struct element parameters, data;
    if (e->head.constructed && has_parameters(part->type) && element_next(&rest, &parameters) &&
        element_next(&rest, &data)) {
        part->parameters = parameters.whole;
        part->data = data.whole;
    }
    /* An ANY stands within the tag. */
    if (part->type == IPM_PART_NATIONALLY_DEFINED && e->head.constructed)
        part->data = e->contents;
    if (part->type == IPM_PART_OTHER)
        part->name = arena_printf(arena, "[%u]", e->head.number);
}

static bool finish_part(struct arena *arena, struct ipm_part *part) {
    if (!part->name && part->type != IPM_PART_OTHER)
        part->name = part_names[part->type];
    if (part->type == IPM_PART_IA5_TEXT)
        part->charset = "US-ASCII";
    if (part->type == IPM_PART_TELETEX)
        part->charset = "T.61";
    if (part->type == IPM_PART_GENERAL_TEXT && !read_registrations(part->parameters, arena, part))
        return false;
    if (part->type == IPM_PART_FILE_TRANSFER)
        read_file_parameters(part->parameters, arena, part);
    if (part->type == IPM_PART_MESSAGE || part->type == IPM_PART_NOTIFICATION)
        read_message_parameters(part->parameters, part);
    ipm_part_write(part, add_size, &part->size);
    return part->name != NULL;
}

static bool read_part(const struct element *e, struct arena *arena, struct ipm_part *part) {
    part->element = e->whole;
    if (!element_is(e, BER_CONTEXT, 15) || !read_extended(e->contents, arena, part))
        read_basic(e, arena, part);
    return finish_part(arena, part);
}

bool body_read(struct span contents, struct arena *arena, struct ipm *ipm) {
    struct element e;
    size_t count = 0;
    struct span rest = contents;
    while (count < PARTS_MAX && element_next(&rest, &e))
        count++;
    ipm->truncated = rest.len > 0;
    ipm->parts = arena_array(arena, count + 1, sizeof *ipm->parts);
    if (!ipm->parts)
        return false;
    for (rest = contents; ipm->part_count < count && element_next(&rest, &e); ipm->part_count++)
        if (!read_part(&e, arena, &ipm->parts[ipm->part_count]))
            return false;
    return true;
}

/* Pages of teletex, joined by form feeds. */
static struct span teletex_text(struct span data, struct arena *arena) {
    struct element list, page;
    struct buf joined;
    buf_init(&joined, 0);
    if (!element_next(&data, &list))
        return (struct span){(const uint8_t *)"", 0};
    for (struct span rest = list.contents; !joined.failed && element_next(&rest, &page);) {
        struct span text = text_from_teletex(string_octets(page.whole, arena), arena);
        if (page.whole.data != list.contents.data)
            buf_append_byte(&joined, '\f');
        if (!text.data || !buf_append_span(&joined, text))
            joined.failed = true;
    }
    struct span text = joined.failed ? (struct span){NULL, 0} : arena_dup(arena, buf_span(&joined));
    buf_free(&joined);
    return text;
}

struct span ipm_part_text(const struct ipm_part *part, struct arena *arena) {
    if (part->type == IPM_PART_TELETEX)
        return teletex_text(part->data, arena);
    if (part->type != IPM_PART_IA5_TEXT && part->type != IPM_PART_GENERAL_TEXT)
        return (struct span){NULL, 0};
    struct span octets = string_octets(part->data, arena);
    if (!octets.data)
        return octets;
    return part->type == IPM_PART_IA5_TEXT
               ? text_from_ia5(octets, arena)
               : text_from_general(octets, part->registrations, part->registration_count, arena);
}
