#include "mhs/attach.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "asn1/ber.h"
#include "base/text.h"
#include "mhs/fax.h"
#include "schema/x420.h"

/* What one part is made of. */
struct making {
    struct draft *draft;
    const struct command_usage *usage;
    const char *type, *parameter; /* NULL: none was given */
    const char *path;
    struct span file;
    struct x420_BodyPart *part;
};

static bool add(struct draft *draft, const struct x420_BodyPart *part) {
    struct ber_error why = {0};
    struct span element;
    if (ber_encode_arena(&x420_BodyPart_type, part, draft->arena, &element, &why) &&
        draft_add_element(draft, element))
        return true;
    command_fail(COMMAND_FAILED, "the body part can't be written: %s", *why.text ? why.text : "no memory");
    return false;
}

static bool has_no_parameter(const struct making *making) {
    return !making->parameter || command_usage_error(making->usage, "%s takes no '=%s'", making->type,
                                                     making->parameter) == COMMAND_OK;
}

/* An object identifier out of the parameter, which must be there. */
static bool take_oid(const struct making *making, const char *what, struct span *oid) {
    return (making->parameter && ber_oid_parse(making->parameter, making->draft->arena, oid)) ||
           command_usage_error(making->usage,
                               "%s needs the object identifier of its %s: --attach-as %s=1.2.3:FILE",
                               making->type, what, making->type) == COMMAND_OK;
}

/* ---- the types ---- */

static bool make_videotex(struct making *making) {
    static const char *const syntaxes[] = {"ids", "data-syntax1", "data-syntax2", "data-syntax3"};
    struct x420_VideotexBodyPart *videotex = &making->part->u.videotex;
    making->part->choice = x420_BodyPart_videotex;
    videotex->data = making->file;
    videotex->parameters.has_syntax = making->parameter != NULL;
    for (size_t i = 0; making->parameter && i < sizeof syntaxes / sizeof *syntaxes; i++)
        if (strcmp(syntaxes[i], making->parameter) == 0) {
            videotex->parameters.syntax = (int64_t)i;
            return true;
        }
    return !making->parameter ||
           command_usage_error(making->usage, "'%s' is no syntax of videotex: ids, data-syntax1, 2 or 3",
                               making->parameter) == COMMAND_OK;
}

static struct ber_bits whole_bits(struct span octets) {
    return (struct ber_bits){.octets = octets};
}

static bool fax_failed(const struct making *making, const struct error *err) {
    command_fail(COMMAND_FAILED, "%s can't be sent as g3-facsimile: %s; --attach sends it as a file",
                 making->path, err->text);
    return false;
}

static bool make_fax(struct making *making) {
    struct x420_G3FacsimileBodyPart *part = &making->part->u.g3_facsimile;
    struct arena *arena = making->draft->arena;
    struct error err = {0};
    struct fax fax;
    making->part->choice = x420_BodyPart_g3_facsimile;
    if (!has_no_parameter(making))
        return false;
    if (!fax_from_tiff(making->file, arena, &fax, &err))
        return fax_failed(making, &err);
    part->parameters.has_number_of_pages = true;
    part->parameters.number_of_pages = (int64_t)fax.count;
    part->data.items = arena_array(arena, fax.count, sizeof *part->data.items);
    for (size_t i = 0; part->data.items && i < fax.count; i++)
        part->data.items[part->data.count++] = whole_bits(fax.pages[i].octets);
    struct ber_bits *how = &part->parameters.non_basic_parameters;
    return part->data.items &&
           (!fax.two_dimensional ||
            ber_bit_set(how, x411_G3FacsimileNonBasicParameters_two_dimensional, true, arena)) &&
           (!fax.fine || ber_bit_set(how, x411_G3FacsimileNonBasicParameters_fine_resolution, true, arena));
}

static bool make_national(struct making *making) {
    struct ber_element head;
    making->part->choice = x420_BodyPart_nationally_defined;
    making->part->u.nationally_defined = making->file;
    if (!has_no_parameter(making))
        return false;
    if (ber_element_read(making->file, &head, NULL) && head.total == making->file.len)
        return true;
    command_fail(COMMAND_FAILED, "%s is no single value in BER, which a nationally defined part holds",
                 making->path);
    return false;
}

static bool make_encrypted(struct making *making) {
    struct x420_EncryptedBodyPart *part = &making->part->u.encrypted;
    making->part->choice = x420_BodyPart_encrypted;
    part->data = whole_bits(making->file);
    return take_oid(making, "algorithm", &part->parameters.algorithm_identifier.algorithm);
}

static struct asn1_EXTERNAL external(struct span type, struct span element) {
    struct asn1_EXTERNAL made = {.direct_reference = type};
    made.encoding.choice = asn1_EXTERNAL_encoding_single_ASN1_type;
    made.encoding.u.single_ASN1_type = element;
    return made;
}

static bool encode(const struct making *making, const struct ber_type *type, const void *value,
                   struct span *out) {
    return ber_encode_arena(type, value, making->draft->arena, out, NULL);
}

static bool make_voice(struct making *making) {
    struct x420_ExtendedBodyPart *part = &making->part->u.extended;
    struct x420_VoiceParameters parameters = {0};
    struct span voice, encoded;
    making->part->choice = x420_BodyPart_extended;
    part->parameters = arena_alloc(making->draft->arena, sizeof *part->parameters);
    if (!take_oid(making, "encoding", &parameters.voice_encoding_type) || !part->parameters ||
        !encode(making, &x420_VoiceParameters_type, &parameters, &encoded) ||
        !encode(making, &x420_VoiceData_type, &making->file, &voice))
        return false;
    *part->parameters = external(x420_id_ep_voice, encoded);
    part->data = external(x420_id_et_voice, voice);
    return true;
}

/* An externally defined one, whose octets nobody here knows. */
static bool make_external(struct making *making, struct span oid) {
    struct asn1_EXTERNAL *data = &making->part->u.extended.data;
    making->part->choice = x420_BodyPart_extended;
    data->direct_reference = oid;
    data->encoding.choice = asn1_EXTERNAL_encoding_octet_aligned;
    data->encoding.u.octet_aligned = making->file;
    return has_no_parameter(making);
}

/* ---- the option ---- */

static const struct {
    const char *name;
    bool (*make)(struct making *making);
} kinds[] = {{"g3-facsimile", make_fax},
             {"videotex", make_videotex},
             {"voice", make_voice},
             {"national", make_national},
             {"encrypted", make_encrypted}};

#define KINDS "file, bilateral, g3-facsimile, videotex, voice, national, encrypted, or an object identifier"

/* Files that are streamed; their parameter is the application reference. */
static int attach_file(const struct making *making) {
    bool file = strcmp(making->type, "file") == 0;
    struct span application = {NULL, 0};
    if (!file && !has_no_parameter(making))
        return COMMAND_USAGE;
    if (making->parameter && !take_oid(making, "application", &application))
        return COMMAND_USAGE;
    return draft_add_file(making->draft, making->path,
                          file ? IPM_PART_FILE_TRANSFER : IPM_PART_BILATERALLY_DEFINED, application)
               ? COMMAND_OK
               : COMMAND_FAILED;
}

static int make_part(struct making *making) {
    struct span oid = {NULL, 0};
    bool (*make)(struct making *) = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, making->type) == 0)
            make = kinds[i].make;
    if (!make && !ber_oid_parse(making->type, making->draft->arena, &oid))
        return command_usage_error(making->usage, "'%s' is no type of body part; it is one of " KINDS,
                                   making->type);
    making->part = arena_alloc(making->draft->arena, sizeof *making->part);
    if (!making->part || !draft_read_file(making->draft, making->path, &making->file))
        return COMMAND_FAILED;
    if (make ? !make(making) : !make_external(making, oid))
        return COMMAND_USAGE;
    return add(making->draft, making->part) ? COMMAND_OK : COMMAND_FAILED;
}

int attach_as(struct draft *draft, const struct command_usage *usage, const char *value) {
    struct making making = {.draft = draft, .usage = usage};
    char *type = arena_printf(draft->arena, "%s", value), *colon = type ? strchr(type, ':') : NULL;
    if (!colon || !colon[1])
        return command_usage_error(usage, "--attach-as: write TYPE:FILE; TYPE is one of " KINDS);
    *colon = '\0';
    making.path = colon + 1;
    making.type = strsep(&type, "=");
    making.parameter = type;
    bool streamed = strcmp(making.type, "file") == 0 || strcmp(making.type, "bilateral") == 0;
    return streamed ? attach_file(&making) : make_part(&making);
}

/* ---- teletex ---- */

bool attach_teletex(struct draft *draft, struct span utf8) {
    struct x420_BodyPart *part = arena_alloc(draft->arena, sizeof *part);
    size_t pages = 1;
    bool lossy = false;
    for (size_t i = 0; i < utf8.len; i++)
        pages += utf8.data[i] == '\f';
    if (!part || !(part->u.teletex.data.items = arena_array(draft->arena, pages, sizeof(struct span))))
        return false;
    part->choice = x420_BodyPart_teletex;
    part->u.teletex.parameters.has_number_of_pages = true;
    part->u.teletex.parameters.number_of_pages = (int64_t)pages;
    for (struct span rest = utf8; part->u.teletex.data.count < pages && !lossy;) {
        const uint8_t *end = rest.len ? memchr(rest.data, '\f', rest.len) : NULL;
        size_t length = end ? (size_t)(end - rest.data) : rest.len;
        part->u.teletex.data.items[part->u.teletex.data.count++] =
            text_to_teletex(span_sub(rest, 0, length), draft->arena, &lossy);
        rest = span_sub(rest, length + 1, rest.len);
    }
    if (!lossy)
        return add(draft, part);
    command_fail(COMMAND_FAILED,
                 "the text has characters that T.61 lacks; leave --charset out, or give another");
    return false;
}

/* ---- what is forwarded ---- */

static bool add_extended(struct draft *draft, struct asn1_EXTERNAL *parameters, struct span type,
                         const struct ber_type *of, const void *value) {
    struct x420_BodyPart *part = arena_alloc(draft->arena, sizeof *part);
    struct span encoded;
    if (!part || !ber_encode_arena(of, value, draft->arena, &encoded, NULL)) {
        command_fail(COMMAND_FAILED, "it can't be written anew as a body part, or there is no memory");
        return false;
    }
    part->choice = x420_BodyPart_extended;
    part->u.extended.parameters = parameters;
    part->u.extended.data = external(type, encoded);
    return add(draft, part);
}

bool attach_report(struct draft *draft, const struct x411p3_ReportDeliveryEnvelope *report,
                   struct span content) {
    struct x411p3_ReportDeliveryArgument argument = {
        .subject_submission_identifier = report->subject_submission_identifier,
        .content_identifier = report->content_identifier,
        .content_type = report->content_type,
        .original_encoded_information_types = report->original_encoded_information_types,
        .extensions = report->extensions,
        .per_recipient_fields = report->per_recipient_fields,
        .returned_content = content};
    return add_extended(draft, NULL, x420_id_et_report, &x411p3_ReportDeliveryArgument_type, &argument);
}

bool attach_notification(struct draft *draft, struct span content, int64_t delivered,
                         struct x411p3_OtherMessageDeliveryFields *fields) {
    static const struct ber_limits lax = {.relax_bounds = true, .relax_characters = true};
    struct x420_InformationObject *object = arena_alloc(draft->arena, sizeof *object);
    struct asn1_EXTERNAL *parameters = arena_alloc(draft->arena, sizeof *parameters);
    struct x420_MessageParameters envelope = {.delivery_envelope = fields};
    struct span encoded;
    if (!object || !parameters ||
        !ber_decode(&x420_InformationObject_type, content, draft->arena, &lax, object, NULL) ||
        object->choice != x420_InformationObject_ipn ||
        (delivered && !ber_utctime_write(delivered, draft->arena, &envelope.delivery_time)) ||
        !ber_encode_arena(&x420_MessageParameters_type, &envelope, draft->arena, &encoded, NULL)) {
        command_fail(COMMAND_FAILED, "the notification can't be written anew as a body part");
        return false;
    }
    *parameters = external(x420_id_ep_notification, encoded);
    return add_extended(draft, parameters, x420_id_et_notification, &x420_IPN_type, &object->u.ipn);
}
