/* Laying out a new IPM: the headers of its parts are made here, their octets stay where they are. */
#include "base/text.h"
#include "content/body.h"
#include "content/element_private.h"
#include "content/heading.h"

/* Headers are written backwards, from the innermost to the outermost, so that each length is known when it is
 * needed. */
struct frame {
    uint8_t *at;
    uint64_t length; /* of what was written and of the octets that follow it */
    size_t written;
};

/* Room for the headers of one part besides its parameters: six elements and two object identifiers. */
#define FRAME_ROOM 128

static bool frame_init(struct frame *frame, size_t room, uint64_t payload, struct arena *arena) {
    uint8_t *memory = arena_alloc(arena, room);
    *frame = (struct frame){.at = memory + (memory ? room : 0), .length = payload};
    return memory != NULL;
}

static void put(struct frame *frame, struct span octets) {
    frame->at -= octets.len;
    memcpy(frame->at, octets.data, octets.len);
    frame->length += octets.len;
    frame->written += octets.len;
}

static void put_byte(struct frame *frame, uint8_t byte) {
    put(frame, span_of(&byte, 1));
}

/* Puts identifier and length before everything so far. */
static void wrap(struct frame *frame, uint8_t identifier) {
    uint64_t length = frame->length;
    if (length < 0x80) {
        put_byte(frame, (uint8_t)length);
    } else {
        uint8_t octets = 0;
        for (; length > 0; length >>= 8, octets++)
            put_byte(frame, (uint8_t)length);
        put_byte(frame, 0x80 | octets);
    }
    put_byte(frame, identifier);
}

static struct span frame_octets(const struct frame *frame) {
    return span_of(frame->at, frame->written);
}

enum {
    TAG_INTEGER = 0x02,
    TAG_OCTET_STRING = 0x04,
    TAG_OID = 0x06,
    TAG_IA5_STRING = 0x16,
    TAG_UTC_TIME = 0x17,
    TAG_GENERAL_STRING = 0x1B,
    TAG_EXTERNAL = 0x28,
    TAG_SEQUENCE = 0x30,
    TAG_SET = 0x31,
    TAG_CONTEXT = 0xA0 /* constructed; the number is added */
};

static void put_oid(struct frame *frame, struct span oid) {
    put(frame, oid);
    put_byte(frame, (uint8_t)oid.len);
    put_byte(frame, TAG_OID);
}

/* Makes an EXTERNAL of what is there: single-ASN1-type, which everybody reads (RFC 2157 §5). */
static void wrap_external(struct frame *frame, struct span oid, uint8_t identifier) {
    wrap(frame, TAG_CONTEXT);
    put_oid(frame, oid);
    wrap(frame, identifier);
}

/* parameters [0] EXTERNAL, data EXTERNAL, as ExtendedBodyPart [15] */
static void wrap_extended(struct frame *frame, struct span data_oid, struct span parameters) {
    wrap_external(frame, data_oid, TAG_EXTERNAL);
    put(frame, parameters);
    wrap(frame, TAG_CONTEXT + 15);
}

/* The character sets as SET OF INTEGER, in the EXTERNAL of id-ep-general-text. */
static bool general_text_parameters(int64_t registration, struct arena *arena, struct span *parameters) {
    const int64_t sets[] = {registration, TEXT_IR_ASCII, TEXT_IR_C0};
    struct frame frame;
    if (!frame_init(&frame, FRAME_ROOM, 0, arena))
        return false;
    for (size_t i = registration == TEXT_IR_ASCII; i < 3; i++) {
        put_byte(&frame, (uint8_t)sets[i]);
        if (sets[i] > 0x7F)
            put_byte(&frame, (uint8_t)(sets[i] >> 8));
        put_byte(&frame, sets[i] > 0x7F ? 2 : 1);
        put_byte(&frame, TAG_INTEGER);
    }
    wrap(&frame, TAG_SET);
    wrap_external(&frame, BODY_ID_EP("\x0B"), TAG_CONTEXT);
    *parameters = frame_octets(&frame);
    return true;
}

/* A part that is laid out: its headers and where its octets are. */
struct laid_out {
    struct span headers;
    struct span octets;
    bool elsewhere;
    uint64_t length; /* of the octets */
};

static bool no_memory(struct error *err) {
    return error_set(err, 1, "no memory to lay out the message");
}

static bool lay_out_text(const struct ipm_new_part *part, struct arena *arena, struct laid_out *out,
                         struct error *err) {
    bool ia5 = part->type == IPM_PART_IA5_TEXT;
    int64_t registration = ia5                  ? TEXT_IR_ASCII
                           : part->registration ? part->registration
                                                : text_smallest_registration(part->octets);
    if (!text_is_utf8(part->octets))
        return error_set(err, 1, "a text is not UTF-8");
    out->octets = text_to_registration(part->octets, registration, arena);
    if (!out->octets.data)
        return error_set(err, 1, "a text has characters that %s lacks",
                         text_registration_name(registration) ? text_registration_name(registration)
                                                              : "the chosen character set");
    out->length = out->octets.len;
    struct frame frame;
    struct span parameters = {NULL, 0};
    if (!frame_init(&frame, 2 * FRAME_ROOM, out->length, arena) ||
        (!ia5 && !general_text_parameters(registration, arena, &parameters)))
        return no_memory(err);
    if (ia5) {
        wrap(&frame, TAG_IA5_STRING);
        put(&frame, SPAN_LIT("\x31\x00"));
        wrap(&frame, TAG_CONTEXT);
    } else {
        wrap(&frame, TAG_GENERAL_STRING);
        wrap_extended(&frame, BODY_ID_ET("\x0B"), parameters);
    }
    out->headers = frame_octets(&frame);
    return true;
}

/* The abstract syntax of an unstructured binary file: { iso standard 8571 abstract-syntax(2)
 * unstructured-binary(4) } */
#define ID_UNSTRUCTURED_BINARY SPAN_LIT("\x28\xC2\x7B\x02\x04")

static bool lay_out_file(const struct ipm_new_part *part, struct arena *arena, struct laid_out *out,
                         struct error *err) {
    struct span encoded;
    if (!file_parameters_encode(part, out->length, arena, &encoded, err))
        return false;
    struct frame parameters, frame;
    if (!frame_init(&parameters, encoded.len + FRAME_ROOM, 0, arena))
        return no_memory(err);
    put(&parameters, encoded);
    wrap_external(&parameters, BODY_ID_EP("\x0C"), TAG_CONTEXT);
    if (!frame_init(&frame, parameters.written + FRAME_ROOM, out->length, arena))
        return no_memory(err);
    wrap(&frame, TAG_OCTET_STRING);
    wrap_external(&frame, ID_UNSTRUCTURED_BINARY, TAG_EXTERNAL);
    wrap(&frame, TAG_SEQUENCE);
    wrap_extended(&frame, BODY_ID_ET("\x0C"), frame_octets(&parameters));
    out->headers = frame_octets(&frame);
    return true;
}

/* The SET of MessageParameters. */
static bool put_message_parameters(struct frame *frame, const struct ipm_new_part *part,
                                   struct arena *arena) {
    struct frame set;
    struct span time = {NULL, 0};
    if (!frame_init(&set, part->delivery_envelope.len + FRAME_ROOM, 0, arena) ||
        (part->delivery_time && !ber_utctime_write(part->delivery_time, arena, &time)))
        return false;
    struct element envelope;
    struct span rest = part->delivery_envelope;
    if (element_next(&rest, &envelope)) {
        put(&set, envelope.contents);
        wrap(&set, TAG_CONTEXT + 1);
    }
    if (time.data) {
        put(&set, time);
        put_byte(&set, (uint8_t)time.len);
        put_byte(&set, 0x80); /* [0] IMPLICIT UTCTime */
    }
    wrap(&set, TAG_SET);
    put(frame, frame_octets(&set));
    return true;
}

static bool lay_out_message(const struct ipm_new_part *part, struct arena *arena, struct laid_out *out,
                            struct error *err) {
    struct element object;
    struct span rest = part->octets;
    if (!element_next(&rest, &object) || !element_is(&object, BER_CONTEXT, 0))
        return error_set(err, 1, "what is to be forwarded is no interpersonal message");
    out->octets = object.contents;
    out->length = object.contents.len;
    struct frame frame;
    if (!frame_init(&frame, part->delivery_envelope.len + 2 * FRAME_ROOM, out->length, arena))
        return no_memory(err);
    wrap(&frame, TAG_SEQUENCE);
    if (!put_message_parameters(&frame, part, arena))
        return no_memory(err);
    wrap(&frame, TAG_CONTEXT + 9);
    out->headers = frame_octets(&frame);
    return true;
}

static bool lay_out(const struct ipm_new_part *part, struct arena *arena, struct laid_out *out,
                    struct error *err) {
    *out = (struct laid_out){.octets = part->octets,
                             .elsewhere = part->elsewhere,
                             .length = part->elsewhere ? part->length : part->octets.len};
    struct frame frame;
    if (part->element.data) {
        *out = (struct laid_out){
            .headers = {(const uint8_t *)"", 0}, .octets = part->element, .length = part->element.len};
        return true;
    }
    switch (part->type) {
    case IPM_PART_IA5_TEXT:
    case IPM_PART_GENERAL_TEXT:
        return lay_out_text(part, arena, out, err);
    case IPM_PART_FILE_TRANSFER:
        return lay_out_file(part, arena, out, err);
    case IPM_PART_MESSAGE:
        return lay_out_message(part, arena, out, err);
    case IPM_PART_BILATERALLY_DEFINED:
        if (!frame_init(&frame, FRAME_ROOM, out->length, arena))
            return no_memory(err);
        wrap(&frame, 0x8E); /* [14] IMPLICIT OCTET STRING */
        out->headers = frame_octets(&frame);
        return true;
    default:
        return error_set(err, 1, "a part of this type can only be passed on as it was received");
    }
}

static void add_piece(struct ipm_plan *plan, struct ipm_piece piece) {
    if (piece.length == 0)
        return;
    plan->pieces[plan->count++] = piece;
    plan->length += piece.length;
}

bool ipm_plan(const struct ipm_heading *heading, const struct ipm_new_part *parts, size_t count,
              struct arena *arena, struct ipm_plan *plan, struct error *err) {
    struct span encoded;
    struct laid_out *laid = arena_array(arena, count + 1, sizeof *laid);
    *plan = (struct ipm_plan){.pieces = arena_array(arena, 2 * count + 1, sizeof *plan->pieces)};
    if (!laid || !plan->pieces)
        return no_memory(err);
    if (!heading_encode(heading, arena, &encoded, err))
        return false;
    uint64_t body = 0;
    for (size_t i = 0; i < count; i++) {
        if (!lay_out(&parts[i], arena, &laid[i], err))
            return false;
        body += laid[i].headers.len + laid[i].length;
    }
    struct frame frame;
    if (!frame_init(&frame, encoded.len + FRAME_ROOM, body, arena))
        return no_memory(err);
    wrap(&frame, TAG_SEQUENCE);
    put(&frame, encoded);
    wrap(&frame, TAG_CONTEXT); /* InformationObject: ipm [0] IMPLICIT SEQUENCE */
    add_piece(plan, (struct ipm_piece){frame_octets(&frame), 0, frame.written});
    for (size_t i = 0; i < count; i++) {
        add_piece(plan, (struct ipm_piece){laid[i].headers, i, laid[i].headers.len});
        add_piece(plan, (struct ipm_piece){laid[i].elsewhere ? (struct span){NULL, 0} : laid[i].octets, i,
                                           laid[i].length});
    }
    return true;
}

/* ---- encoded information types ---- */

/* What a message holds, as far as encoded information types tell. */
struct types {
    bool unknown, ia5, g3, g4, teletex, videotex, voice, mixed_mode, file;
    int64_t registrations[16];
    size_t registration_count;
};

static void add_registration(struct types *types, int64_t registration) {
    for (size_t i = 0; i < types->registration_count; i++)
        if (types->registrations[i] == registration)
            return;
    if (types->registration_count < sizeof types->registrations / sizeof *types->registrations)
        types->registrations[types->registration_count++] = registration;
}

static void add_type(struct types *types, enum ipm_part_type type) {
    bool *const flags[] = {
        [IPM_PART_IA5_TEXT] = &types->ia5,          [IPM_PART_G3_FACSIMILE] = &types->g3,
        [IPM_PART_G4_CLASS_1] = &types->g4,         [IPM_PART_TELETEX] = &types->teletex,
        [IPM_PART_VIDEOTEX] = &types->videotex,     [IPM_PART_VOICE] = &types->voice,
        [IPM_PART_MIXED_MODE] = &types->mixed_mode, [IPM_PART_FILE_TRANSFER] = &types->file,
        [IPM_PART_OTHER] = &types->unknown};
    bool *flag = flags[type] ? flags[type] : &types->unknown;
    *flag = true;
}

static void add_received(struct types *types, const struct ipm *ipm, struct arena *arena, unsigned depth);

static void add_received_part(struct types *types, const struct ipm_part *part, struct arena *arena,
                              unsigned depth) {
    struct ipm inner;
    if (part->type == IPM_PART_GENERAL_TEXT)
        for (size_t i = 0; i < part->registration_count; i++)
            add_registration(types, part->registrations[i]);
    else if (part->type != IPM_PART_MESSAGE)
        add_type(types, part->type);
    else if (depth < 8 && ipm_read_forwarded(part, arena, &inner, NULL))
        add_received(types, &inner, arena, depth + 1);
}

static void add_received(struct types *types, const struct ipm *ipm, struct arena *arena, unsigned depth) {
    for (size_t i = 0; i < ipm->part_count; i++)
        add_received_part(types, &ipm->parts[i], arena, depth);
}

/* A part that is passed on, or a message that is forwarded, says itself what it holds. */
static void add_new_part(struct types *types, const struct ipm_new_part *part, struct arena *arena) {
    struct ipm received = {0};
    struct ipm_content content;
    if (part->element.data && body_read(part->element, arena, &received))
        add_received(types, &received, arena, 0);
    else if (part->type == IPM_PART_MESSAGE && ipm_read(part->octets, arena, &content, NULL) && content.ipm)
        add_received(types, content.ipm, arena, 0);
    else if (part->type == IPM_PART_GENERAL_TEXT) {
        add_registration(types, TEXT_IR_C0);
        add_registration(types, TEXT_IR_ASCII);
        add_registration(types,
                         part->registration ? part->registration : text_smallest_registration(part->octets));
    } else
        add_type(types, part->type);
}

/* { iso standard 10021 eit-authority(7) 1 0 registration } (X.420 annex B) */
static bool registration_oid(int64_t registration, struct arena *arena, struct span *oid) {
    char *dotted = arena_printf(arena, "1.0.10021.7.1.0.%lld", (long long)registration);
    return dotted && ber_oid_parse(dotted, arena, oid);
}

static bool set_built_in(const struct types *found, struct arena *arena, struct ber_bits *bits) {
    const bool set[] = {found->unknown, false,           found->ia5,   found->g3, found->g4,
                        found->teletex, found->videotex, found->voice, false,     found->mixed_mode};
    bits->octets = (struct span){(const uint8_t *)"", 0};
    for (unsigned i = 0; i < sizeof set; i++)
        if (set[i] && !ber_bit_set(bits, i, true, arena))
            return false;
    return true;
}

bool ipm_encoded_types(const struct ipm_new_part *parts, size_t count, struct arena *arena,
                       struct x411_EncodedInformationTypes *types) {
    struct types found = {0};
    for (size_t i = 0; i < count; i++)
        add_new_part(&found, &parts[i], arena);
    *types = (struct x411_EncodedInformationTypes){0};
    size_t extended = found.registration_count + found.file;
    struct span *oids = arena_array(arena, extended + 1, sizeof *oids);
    if (!oids || !set_built_in(&found, arena, &types->built_in_encoded_information_types))
        return false;
    for (size_t i = 0; i < found.registration_count; i++)
        if (!registration_oid(found.registrations[i], arena, &oids[i]))
            return false;
    if (found.file)
        oids[extended - 1] = SPAN_LIT("\x56\x01\x0C\x00"); /* id-eit-file-transfer, 2.6.1.12.0 */
    if (extended > 0) {
        types->extended_encoded_information_types.items = oids;
        types->extended_encoded_information_types.count = extended;
    }
    return true;
}
