#include "content/downgrade.h"

#include <stdio.h>

#include "base/reader.h"
#include "content/body.h"
#include "content/downgrade_private.h"
#include "content/transcode_private.h"
#include "schema/x420.h"

/* What is decoded as a whole. */
#define HEADING_MOST    (4 * 1024 * 1024)
#define PARAMETERS_MOST (64 * 1024)
#define PIECES_MOST     300000
#define REGISTRATIONS   64

/* Built-in encoded information types (X.411 §8.2.1.1.1.33). */
enum {
    TYPE_UNKNOWN = 0,
    TYPE_TELEX = 1,
    TYPE_IA5 = 2,
    TYPE_G3 = 3,
    TYPE_G4 = 4,
    TYPE_TELETEX = 5,
    TYPE_VIDEOTEX = 6,
    TYPE_VOICE = 7,
    TYPE_SFD = 8,
    TYPE_MIXED_MODE = 9
};

/* How a basic part's octets are had from an extended one. */
enum form {
    FORM_NONE,
    FORM_SEQUENCE, /* of parameters (a SET) and data */
    FORM_RETAGGED, /* the data with another tag */
    FORM_WRAPPED,  /* the data within the tag */
    FORM_MESSAGE,
    FORM_TEXT,
    FORM_FILE
};

/* The body parts of 1984, by context tag, with bilaterally-defined, which its implementors agreed on. */
static const struct {
    uint8_t tag, type;
} basic[] = {{0, TYPE_IA5},     {1, TYPE_TELEX},   {2, TYPE_VOICE},       {3, TYPE_G3},
             {4, TYPE_G4},      {5, TYPE_TELETEX}, {6, TYPE_VIDEOTEX},    {7, TYPE_UNKNOWN},
             {8, TYPE_UNKNOWN}, {10, TYPE_SFD},    {11, TYPE_MIXED_MODE}, {14, TYPE_UNKNOWN}};

/* By the last arc of id-et: what the part is called, and the basic part that it becomes. */
static const struct {
    const char *name;
    enum form form;
    uint8_t tag;
} extended[] = {
    [0] = {"ia5-text", FORM_SEQUENCE, 0},
    [2] = {"g3-facsimile", FORM_SEQUENCE, 3},
    [3] = {"g4-class1", FORM_RETAGGED, 4},
    [4] = {"teletex", FORM_SEQUENCE, 5},
    [5] = {"videotex", FORM_SEQUENCE, 6},
    [6] = {"encrypted", FORM_SEQUENCE, 8},
    [7] = {"message", FORM_MESSAGE, 9},
    [8] = {"mixed-mode", FORM_RETAGGED, 11},
    [9] = {"bilaterally-defined", FORM_RETAGGED, 14},
    [10] = {"nationally-defined", FORM_WRAPPED, 7},
    [11] = {"general-text", FORM_TEXT, 0},
    [12] = {"file-transfer", FORM_FILE, 14},
    [14] = {"report", FORM_NONE, 0},
    [15] = {"notification", FORM_NONE, 0},
    [16] = {"voice", FORM_NONE, 0},
    [18] = {"pkcs7", FORM_NONE, 0},
};

struct downgrade_piece {
    enum { PIECE_LITERAL, PIECE_COPY, PIECE_TEXT } kind;
    struct span octets;           /* LITERAL */
    struct range range;           /* COPY: the octets; TEXT: the element of the string */
    const int64_t *registrations; /* TEXT */
    size_t registration_count;
    uint64_t length;
};

struct job {
    struct scan scan;
    struct arena *arena;
    struct downgrade *plan;
    struct downgrade_refusal *refusal;
    size_t room;
    unsigned flags;
    struct rfc1328 names; /* what is agreed of them */
    unsigned depth;
    const char *lacks; /* why the part has no counterpart; NULL: it has one, or all has failed */
};

/* ---- refusals ---- */

/* The refusal's reason while nothing has been refused. */
#define NOT_SAID (-2)

static bool refuse(struct job *job, int reason, int diagnostic, const char *text) {
    job->refusal->reason = reason;
    job->refusal->diagnostic = diagnostic;
    snprintf(job->refusal->text, sizeof job->refusal->text, "%s", text);
    return false;
}

static bool unable(struct job *job, const char *text) {
    return refuse(job, x411_NonDeliveryReasonCode_unable_to_transfer,
                  x411_NonDeliveryDiagnosticCode_unable_to_downgrade, text);
}

static bool lacks(struct job *job, const char *why) {
    job->lacks = why;
    return false;
}

/* A part changes its type. `losses`: what counts those that lose what it does; NULL: it loses nothing. */
static bool may_convert(struct job *job, uint32_t *losses, const char *text) {
    const int reason = x411_NonDeliveryReasonCode_conversion_not_performed;
    if (job->flags & DOWNGRADE_CONVERSION_PROHIBITED)
        return refuse(job, reason, x411_NonDeliveryDiagnosticCode_implicit_conversion_prohibited, text);
    if (losses && job->flags & DOWNGRADE_LOSS_PROHIBITED)
        return refuse(job, reason, x411_NonDeliveryDiagnosticCode_conversion_with_loss_prohibited, text);
    job->plan->converted = true;
    job->plan->lossy |= losses != NULL;
    if (losses)
        ++*losses;
    return true;
}

/* ---- pieces ---- */

static bool add_piece(struct job *job, struct downgrade_piece piece) {
    struct downgrade *plan = job->plan;
    if (plan->count == PIECES_MOST)
        return scan_fail(&job->scan, SCAN_LIMIT);
    if (plan->count == job->room) {
        size_t room = job->room ? job->room * 2 : 64;
        struct downgrade_piece *grown = arena_array(job->arena, room, sizeof *grown);
        if (!grown)
            return scan_fail(&job->scan, SCAN_MEMORY);
        if (plan->count)
            memcpy(grown, plan->pieces, plan->count * sizeof *grown);
        plan->pieces = grown;
        job->room = room;
    }
    plan->pieces[plan->count++] = piece;
    plan->length += piece.length;
    return true;
}

static bool add_literal(struct job *job, struct span octets) {
    return add_piece(job,
                     (struct downgrade_piece){.kind = PIECE_LITERAL, .octets = octets, .length = octets.len});
}

static bool add_copy(void *context, struct range range) {
    return range.at == range.end ||
           add_piece(context, (struct downgrade_piece){
                                  .kind = PIECE_COPY, .range = range, .length = range.end - range.at});
}

/* An element whose length is known when all in it is laid out. */
struct open {
    size_t piece;
    uint64_t length;
};

static bool open_element(struct job *job, struct open *open) {
    *open = (struct open){job->plan->count, job->plan->length};
    return add_piece(job, (struct downgrade_piece){.kind = PIECE_LITERAL});
}

static bool close_element(struct job *job, const struct open *open, uint8_t identifier) {
    uint64_t length = job->plan->length - open->length;
    uint8_t *header = arena_alloc(job->arena, 10);
    size_t count = 0;
    if (!header)
        return scan_fail(&job->scan, SCAN_MEMORY);
    for (uint64_t rest = length; rest && length >= 0x80; rest >>= 8)
        count++;
    header[0] = identifier;
    header[1] = (uint8_t)(count ? 0x80 | count : length);
    for (size_t i = 0; i < count; i++)
        header[2 + i] = (uint8_t)(length >> 8 * (count - 1 - i));
    struct downgrade_piece *piece = &job->plan->pieces[open->piece];
    piece->octets = span_of(header, 2 + count);
    piece->length = 2 + count;
    job->plan->length += piece->length;
    return true;
}

/* What is copied unopened is BER at least. */
static bool check_element(struct job *job, const struct place *place, unsigned depth) {
    struct place inner;
    struct range rest = place->contents;
    if (!place->constructed)
        return true;
    if (depth > 32)
        return scan_fail(&job->scan, SCAN_LIMIT);
    while (scan_next(&job->scan, &rest, &inner))
        if (!check_element(job, &inner, depth + 1))
            return false;
    return job->scan.failure == SCAN_OK;
}

static bool copy_element(struct job *job, const struct place *place) {
    return check_element(job, place, 0) && add_copy(job, place->whole);
}

/* The element's contents with another tag. */
static bool retag(struct job *job, const struct place *place, uint8_t number) {
    struct open open;
    return check_element(job, place, 0) && open_element(job, &open) && add_copy(job, place->contents) &&
           close_element(job, &open, (uint8_t)(0x80 | (place->constructed ? 0x20 : 0) | number));
}

static void add_type(struct job *job, unsigned type) {
    job->plan->types |= 1u << type;
}

/* An element that is decoded and encoded anew. */
static bool add_changed(struct job *job, struct range whole, uint64_t most, element_1984 *change) {
    const char *why = NULL;
    struct span out, element = scan_octets(&job->scan, whole, most);
    if (!element.data)
        return false;
    if (!change(element, &job->names, job->arena, &out, &why))
        return unable(job, why);
    return add_literal(job, out);
}

/* ---- EXTERNALs ---- */

struct external {
    struct span type;
    struct place value; /* the element in [0], or the string [1] */
    bool octet_aligned;
};

static bool read_external(struct job *job, struct range rest, struct external *external) {
    struct place place;
    *external = (struct external){0};
    bool found = false;
    while (scan_next(&job->scan, &rest, &place)) {
        struct range inside = place.contents;
        if (place_is(&place, BER_UNIVERSAL, 6)) {
            external->type = scan_octets(&job->scan, place.contents, 128);
        } else if (place_is(&place, BER_CONTEXT, 0)) {
            found = place.constructed && scan_next(&job->scan, &inside, &external->value);
        } else if (place_is(&place, BER_CONTEXT, 1)) {
            external->value = place;
            external->octet_aligned = found = true;
        }
    }
    if (job->scan.failure)
        return false;
    return (found && external->type.data) || lacks(job, "an external form that is not read");
}

/* The element in an EXTERNAL that should hold one; senders differ in whether they wrap it in octets (RFC 2157
 * §5). */
static bool external_element(struct job *job, const struct external *external, struct place *place) {
    struct range inside = external->value.contents;
    *place = external->value;
    if (!external->octet_aligned)
        return true;
    if (external->value.constructed)
        return lacks(job, "an element in segments");
    return scan_next(&job->scan, &inside, place) ||
           (!job->scan.failure && lacks(job, "an external without an element"));
}

/* ---- parts ---- */

static bool body_1984(struct job *job, struct range contents);

/* heading, body */
static bool ipm_1984(struct job *job, struct range rest) {
    struct place heading, body;
    if (!scan_next(&job->scan, &rest, &heading) || !place_is(&heading, BER_UNIVERSAL, 17) ||
        !scan_next(&job->scan, &rest, &body) || !place_is(&body, BER_UNIVERSAL, 16))
        return scan_fail(&job->scan, SCAN_SYNTAX);
    return add_changed(job, heading.whole, HEADING_MOST, heading_1984) && body_1984(job, body.contents);
}

/* A forwarded message; `parameters` may be NULL. */
static bool message_1984(struct job *job, const struct place *parameters, struct range ipm) {
    struct open part, message;
    if (job->depth >= DOWNGRADE_DEPTH)
        return lacks(job, "forwarded messages nested deeper than is looked at");
    job->depth++;
    bool ok = open_element(job, &part) &&
              (parameters ? add_changed(job, parameters->whole, PARAMETERS_MOST * 16, message_parameters_1984)
                          : add_literal(job, SPAN_LIT("\x31\x00"))) &&
              open_element(job, &message) && ipm_1984(job, ipm) && close_element(job, &message, 0x30) &&
              close_element(job, &part, 0xA9);
    job->depth--;
    return ok;
}

static bool basic_message(struct job *job, const struct place *place) {
    struct place parameters, ipm;
    struct range rest = place->contents;
    if (!scan_next(&job->scan, &rest, &parameters) || !scan_next(&job->scan, &rest, &ipm))
        return scan_fail(&job->scan, SCAN_SYNTAX);
    return message_1984(job, &parameters, ipm.contents);
}

/* id-et-content: the octets of an InformationObject. */
static bool forwarded_content(struct job *job, const struct place *parameters, const struct place *data) {
    struct place object;
    struct range rest = data->contents;
    if (data->constructed)
        return lacks(job, "a forwarded content in segments");
    if (!scan_next(&job->scan, &rest, &object))
        return scan_fail(&job->scan, SCAN_SYNTAX);
    return place_is(&object, BER_CONTEXT, 0) ? message_1984(job, parameters, object.contents)
                                             : lacks(job, "a forwarded notification");
}

/* The values of a SET OF INTEGER. */
static bool read_registrations(struct job *job, const struct place *set, int64_t *values, size_t *count) {
    struct place place;
    struct range rest = set->contents;
    while (*count < REGISTRATIONS && scan_next(&job->scan, &rest, &place)) {
        struct span octets = scan_octets(&job->scan, place.contents, 8);
        if (!octets.data)
            return false;
        struct reader r = reader_of(octets);
        values[(*count)++] = (int64_t)reader_uint(&r, (unsigned)octets.len);
    }
    return job->scan.failure == SCAN_OK;
}

static bool text_1984(struct job *job, const struct place *parameters, const struct place *data) {
    struct transcoded text;
    struct open part, pages;
    size_t count = 0;
    int64_t *registrations = arena_array(job->arena, REGISTRATIONS, sizeof *registrations);
    if (!registrations)
        return scan_fail(&job->scan, SCAN_MEMORY);
    if ((parameters && !read_registrations(job, parameters, registrations, &count)) ||
        !transcode(&job->scan, data, registrations, count, NULL, NULL, &text) ||
        !may_convert(job, text.lossy ? &job->plan->losses.texts : NULL, "general-text"))
        return false;
    struct downgrade_piece piece = {.kind = PIECE_TEXT,
                                    .range = data->whole,
                                    .registrations = registrations,
                                    .registration_count = count,
                                    .length = text.length};
    add_type(job, text.non_ascii ? TYPE_TELETEX : TYPE_IA5);
    if (!open_element(job, &part) || !add_literal(job, SPAN_LIT("\x31\x00")))
        return false;
    struct open string;
    if (!text.non_ascii)
        return open_element(job, &string) && add_piece(job, piece) && close_element(job, &string, 0x16) &&
               close_element(job, &part, 0xA0);
    return open_element(job, &pages) && open_element(job, &string) && add_piece(job, piece) &&
           close_element(job, &string, 0x14) && close_element(job, &pages, 0x30) &&
           close_element(job, &part, 0xA5);
}

/* The octets of a file: a string, or several. */
static bool add_file_octets(struct job *job, const struct external *external) {
    static const uint32_t strings = 1u << 4 | 1u << 12 | 1u << 22 | 1u << 25 | 1u << 26 | 1u << 27;
    const struct place *value = &external->value;
    bool string = external->octet_aligned ||
                  (value->tag_class == BER_UNIVERSAL && value->number < 32 && strings >> value->number & 1);
    return string ? scan_string(&job->scan, value, add_copy, job) : lacks(job, "a structured file");
}

static bool file_1984(struct job *job, const struct place *parameters, const struct place *data) {
    struct place place;
    struct external external;
    struct open part;
    if (parameters)
        for (struct range rest = parameters->contents; scan_next(&job->scan, &rest, &place);)
            if (place_is(&place, BER_CONTEXT, 3))
                return lacks(job, "a compressed file");
    if (job->scan.failure || !may_convert(job, &job->plan->losses.files, "file-transfer") ||
        !open_element(job, &part))
        return false;
    for (struct range rest = data->contents; scan_next(&job->scan, &rest, &place);)
        if (!read_external(job, place.contents, &external) || !add_file_octets(job, &external))
            return false;
    add_type(job, TYPE_UNKNOWN);
    return !job->scan.failure && close_element(job, &part, 0x8E);
}

static unsigned type_of(uint8_t tag) {
    for (size_t i = 0; i < sizeof basic / sizeof *basic; i++)
        if (basic[i].tag == tag)
            return basic[i].type;
    return TYPE_UNKNOWN;
}

/* A part that is the same but for its form (X.420 annex on extended body part types). */
static bool same_part(struct job *job, uint8_t tag, enum form form, const struct place *parameters,
                      const struct place *data) {
    struct open part;
    add_type(job, type_of(tag));
    if (form == FORM_RETAGGED)
        return retag(job, data, tag);
    if (!open_element(job, &part))
        return false;
    if (form == FORM_SEQUENCE && !parameters && tag == 8)
        return lacks(job, "an encrypted part without parameters");
    bool ok = form != FORM_SEQUENCE ||
              (parameters ? copy_element(job, parameters) : add_literal(job, SPAN_LIT("\x31\x00")));
    return ok && copy_element(job, data) && close_element(job, &part, (uint8_t)(0xA0 | tag));
}

/* ExtendedBodyPart: parameters [0] EXTERNAL OPTIONAL, data EXTERNAL */
struct extended_part {
    struct span type;
    struct place parameters, data;
    bool has_parameters;
};

static bool read_extended(struct job *job, struct range rest, struct extended_part *part) {
    struct place place;
    struct external external;
    bool found = false;
    *part = (struct extended_part){0};
    while (scan_next(&job->scan, &rest, &place)) {
        if (place_is(&place, BER_CONTEXT, 0)) {
            if (!read_external(job, place.contents, &external) ||
                !external_element(job, &external, &part->parameters))
                return false;
            part->has_parameters = true;
        } else if (place_is(&place, BER_UNIVERSAL, 8)) {
            if (!read_external(job, place.contents, &external))
                return false;
            part->type = external.type;
            if (!external_element(job, &external, &part->data))
                return false;
            found = true;
        }
    }
    return !job->scan.failure && (found || scan_fail(&job->scan, SCAN_SYNTAX));
}

static bool known_extended(struct job *job, const struct extended_part *part, uint8_t arc) {
    const struct place *parameters = part->has_parameters ? &part->parameters : NULL;
    switch (extended[arc].form) {
    case FORM_SEQUENCE:
    case FORM_RETAGGED:
    case FORM_WRAPPED:
        return same_part(job, extended[arc].tag, extended[arc].form, parameters, &part->data);
    case FORM_MESSAGE:
        return message_1984(job, parameters, part->data.contents);
    case FORM_TEXT:
        return text_1984(job, parameters, &part->data);
    case FORM_FILE:
        return file_1984(job, parameters, &part->data);
    case FORM_NONE:
        break;
    }
    return lacks(job, extended[arc].name ? extended[arc].name : "an extended body part");
}

static bool extended_1984(struct job *job, const struct place *place) {
    struct extended_part part;
    const struct span prefix = BODY_ID_ET("");
    if (!read_extended(job, place->contents, &part))
        return false;
    if (span_eq(part.type, x420_id_et_content_p2) || span_eq(part.type, x420_id_et_content_p22))
        return forwarded_content(job, part.has_parameters ? &part.parameters : NULL, &part.data);
    if (part.type.len == prefix.len + 1 && memcmp(part.type.data, prefix.data, prefix.len) == 0 &&
        part.type.data[prefix.len] < sizeof extended / sizeof *extended)
        return known_extended(job, &part, part.type.data[prefix.len]);
    return lacks(job, "an extended body part of an unknown type");
}

static bool part_1984(struct job *job, const struct place *place) {
    if (place->tag_class != BER_CONTEXT)
        return scan_fail(&job->scan, SCAN_SYNTAX);
    if (place->number == 9)
        return basic_message(job, place);
    if (place->number == 15)
        return extended_1984(job, place);
    for (size_t i = 0; i < sizeof basic / sizeof *basic; i++)
        if (basic[i].tag == place->number) {
            add_type(job, basic[i].type);
            return copy_element(job, place);
        }
    return lacks(job, "a body part of an unknown type");
}

/* RFC 1328 §6, option 3. */
static bool replace_part(struct job *job, const char *what) {
    struct open part, string;
    char *text = arena_printf(job->arena,
                              "**********************************************\r\n*\r\n"
                              "*  There was %s here which could\r\n*  not be converted\r\n*\r\n"
                              "**********************************************\r\n",
                              what);
    if (!text)
        return scan_fail(&job->scan, SCAN_MEMORY);
    add_type(job, TYPE_IA5);
    return may_convert(job, &job->plan->losses.parts, what) && open_element(job, &part) &&
           add_literal(job, SPAN_LIT("\x31\x00")) && open_element(job, &string) &&
           add_literal(job, span_str(text)) && close_element(job, &string, 0x16) &&
           close_element(job, &part, 0xA0);
}

/* RFC 1328 §6, the last option: nothing is lost to who knows what is in it. */
static bool encapsulate_part(struct job *job, const struct place *place, const char *what) {
    struct open part;
    add_type(job, TYPE_UNKNOWN);
    return may_convert(job, NULL, what) && open_element(job, &part) && copy_element(job, place) &&
           close_element(job, &part, 0xA7);
}

/* A part without a counterpart leaves nothing behind of what was laid out for it. */
static bool convert_part(struct job *job, const struct place *place) {
    struct downgrade before = *job->plan;
    job->lacks = NULL;
    if (part_1984(job, place))
        return true;
    if (!job->lacks || job->scan.failure)
        return false;
    const char *what = job->lacks;
    if (!(job->flags & (DOWNGRADE_REPLACE | DOWNGRADE_ENCAPSULATE)))
        return unable(job, what);
    job->plan->count = before.count;
    job->plan->length = before.length;
    job->plan->types = before.types;
    job->plan->losses = before.losses;
    job->lacks = NULL;
    return job->flags & DOWNGRADE_ENCAPSULATE ? encapsulate_part(job, place, what) : replace_part(job, what);
}

static bool body_1984(struct job *job, struct range rest) {
    struct place place;
    struct open body;
    if (!open_element(job, &body))
        return false;
    while (scan_next(&job->scan, &rest, &place))
        if (!convert_part(job, &place))
            return false;
    return !job->scan.failure && close_element(job, &body, 0x30);
}

/* ---- notifications ---- */

/* An IMPLICIT element as if it had the universal tag of a SET, changed, and with its tag again. */
static bool add_changed_set(struct job *job, const struct place *place, element_1984 *change) {
    const char *why = NULL;
    struct span out, element = scan_octets(&job->scan, place->whole, PARAMETERS_MOST);
    if (!element.data)
        return false;
    uint8_t *retagged = arena_alloc(job->arena, element.len + 1);
    if (!retagged)
        return scan_fail(&job->scan, SCAN_MEMORY);
    memcpy(retagged, element.data, element.len);
    retagged[0] = 0x31;
    if (!change(span_of(retagged, element.len), &job->names, job->arena, &out, &why))
        return unable(job, why);
    uint8_t *changed = arena_alloc(job->arena, out.len + 1);
    if (!changed)
        return scan_fail(&job->scan, SCAN_MEMORY);
    memcpy(changed, out.data, out.len);
    changed[0] = (uint8_t)(0xA0 | place->number);
    return add_literal(job, span_of(changed, out.len));
}

/* A reason or qualifier that 1984 lacks: the first is refused, the second is left out. */
static bool add_code(struct job *job, const struct place *place, uint8_t most, bool optional) {
    struct span code = scan_octets(&job->scan, place->contents, 8);
    if (!code.data || place->constructed)
        return scan_fail(&job->scan, SCAN_SYNTAX);
    if (code.len == 1 && code.data[0] <= most)
        return add_copy(job, place->whole);
    return optional || unable(job, "a notification with a reason that 1984 lacks");
}

static bool non_receipt_1984(struct job *job, struct range rest) {
    struct place place;
    struct open open;
    bool ok = true;
    while (ok && scan_next(&job->scan, &rest, &place)) {
        if (place_is(&place, BER_CONTEXT, 0))
            ok = add_code(job, &place, 1, false);
        else if (place_is(&place, BER_CONTEXT, 1))
            ok = add_code(job, &place, 2, true);
        else if (place_is(&place, BER_CONTEXT, 2))
            ok = copy_element(job, &place);
        else if (place_is(&place, BER_CONTEXT, 3))
            ok = open_element(job, &open) && ipm_1984(job, place.contents) && close_element(job, &open, 0xA3);
    }
    return ok && !job->scan.failure;
}

static bool receipt_1984(struct job *job, struct range rest) {
    struct place place;
    while (scan_next(&job->scan, &rest, &place))
        if (place.tag_class == BER_CONTEXT && place.number < 3 && !copy_element(job, &place))
            return false;
    return !job->scan.failure;
}

static bool notification_fields(struct job *job, const struct place *choice) {
    struct place fields;
    struct open outer, inner;
    struct range rest = choice->contents;
    if (!scan_next(&job->scan, &rest, &fields) || fields.tag_class != BER_CONTEXT)
        return scan_fail(&job->scan, SCAN_SYNTAX);
    if (fields.number > 1)
        return unable(job, "a notification that is neither of receipt nor of non-receipt");
    return open_element(job, &outer) && open_element(job, &inner) &&
           (fields.number == 0 ? non_receipt_1984(job, fields.contents)
                               : receipt_1984(job, fields.contents)) &&
           close_element(job, &inner, (uint8_t)(0xA0 | fields.number)) && close_element(job, &outer, 0xA0);
}

static bool notification_1984(struct job *job, struct range rest) {
    struct place place;
    bool ok = true;
    while (ok && scan_next(&job->scan, &rest, &place)) {
        if (place_is(&place, BER_APPLICATION, 11))
            ok = add_changed(job, place.whole, PARAMETERS_MOST, identifier_1984);
        else if (place_is(&place, BER_APPLICATION, 5))
            ok = add_changed(job, place.whole, PARAMETERS_MOST, types_1984);
        else if (place_is(&place, BER_CONTEXT, 0))
            ok = notification_fields(job, &place);
        else if (place_is(&place, BER_CONTEXT, 1) || place_is(&place, BER_CONTEXT, 2))
            ok = add_changed_set(job, &place, descriptor_1984);
    }
    return ok && !job->scan.failure;
}

/* ---- the whole ---- */

static bool object_1984(struct job *job) {
    struct place object;
    struct open open;
    struct range rest = {0, job->scan.source->length};
    if (!scan_next(&job->scan, &rest, &object) || object.tag_class != BER_CONTEXT || object.number > 1 ||
        !object.constructed)
        return scan_fail(&job->scan, SCAN_SYNTAX);
    return open_element(job, &open) &&
           (object.number == 0 ? ipm_1984(job, object.contents) : notification_1984(job, object.contents)) &&
           close_element(job, &open, (uint8_t)(0xA0 | object.number));
}

static bool failed(struct job *job) {
    switch (job->scan.failure) {
    case SCAN_SYNTAX:
        return refuse(job, x411_NonDeliveryReasonCode_unable_to_transfer,
                      x411_NonDeliveryDiagnosticCode_content_syntax_error,
                      "the content is no interpersonal message or notification");
    case SCAN_LIMIT:
        return unable(job, "the content is nested deeper, or has more or larger elements, than is looked at");
    case SCAN_MEMORY:
        return refuse(job, -1, -1, "no memory");
    case SCAN_NO_INPUT:
        return refuse(job, -1, -1, "the content can't be read");
    case SCAN_OK:
        break;
    }
    return unable(job, job->lacks ? job->lacks : "the content");
}

bool downgrade_plan(const struct content_source *source, const struct downgrade_how *how, struct arena *arena,
                    struct downgrade *plan, struct downgrade_refusal *refusal) {
    struct job job = {.arena = arena,
                      .plan = plan,
                      .refusal = refusal,
                      .flags = how->flags,
                      .names = {.common_name = true, .gateway = how->gateway}};
    *plan = (struct downgrade){0};
    *refusal = (struct downgrade_refusal){.reason = NOT_SAID};
    if (scan_init(&job.scan, source, arena) && object_1984(&job)) {
        if (!plan->types)
            add_type(&job, TYPE_UNKNOWN);
        return true;
    }
    if (refusal->reason == NOT_SAID)
        failed(&job);
    return false;
}

static bool write_copy(struct scan *scan, struct range range, bool (*sink)(void *, struct span),
                       void *context) {
    struct span octets;
    for (; range.at < range.end; range.at += octets.len)
        if (!scan_look(scan, range, SCAN_WINDOW, &octets) || !sink(context, octets))
            return false;
    return true;
}

static bool write_text(struct scan *scan, const struct downgrade_piece *piece,
                       bool (*sink)(void *, struct span), void *context) {
    struct place place;
    struct transcoded text;
    struct range rest = piece->range;
    return scan_next(scan, &rest, &place) &&
           transcode(scan, &place, piece->registrations, piece->registration_count, sink, context, &text) &&
           text.length == piece->length;
}

bool downgrade_write(const struct downgrade *plan, const struct content_source *source, struct arena *arena,
                     bool (*sink)(void *context, struct span octets), void *context) {
    struct scan scan;
    if (!scan_init(&scan, source, arena))
        return false;
    for (size_t i = 0; i < plan->count; i++) {
        const struct downgrade_piece *piece = &plan->pieces[i];
        bool ok = piece->kind == PIECE_LITERAL ? sink(context, piece->octets)
                  : piece->kind == PIECE_COPY  ? write_copy(&scan, piece->range, sink, context)
                                               : write_text(&scan, piece, sink, context);
        if (!ok)
            return false;
    }
    return true;
}
