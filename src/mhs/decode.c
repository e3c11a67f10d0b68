/* `mhs decode` and `mhs encode`: BER to text and back. */
#include <stdlib.h>

#include <jansson.h>

#include "asn1/json.h"
#include "base/alloc.h"
#include "mhs/command.h"
#include "mhs/commands.h"
#include "mhs/types.h"

#define MAX_INPUT  ((size_t)1 << 30)
#define MAX_VALUES ((size_t)4 << 30) /* octets of decoded values: nested ones come on top */
#define MAX_SHOWN  256               /* octets of an OCTET STRING in value notation */

static bool read_all(FILE *file, struct buf *into) {
    while (buf_reserve(into, 65536)) {
        size_t len = fread(into->data + into->len, 1, 65536, file);
        into->len += len;
        if (len == 0)
            return !ferror(file);
    }
    return false;
}

static bool read_input(const char *path, struct buf *into) {
    bool standard = !path || strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "rb");
    bool read = file && read_all(file, into);
    if (file && !standard)
        fclose(file);
    return read;
}

/* ---- decode ---- */

enum { OPT_TYPE = 't', OPT_OFFSETS = 'o', OPT_OUT = 'w' };

static const struct mhs_option decode_options[] = {
    {OPT_TYPE, "type", "TYPE", "the ASN.1 type, `MTS-APDU` or `x411.MTS-APDU`; guessed when not given"},
    {OPT_OFFSETS, "offsets", NULL, "tell at which octet values stand"},
    {0},
};

static const struct mhs_usage decode_usage = {
    .command = "decode",
    .operands = "[FILE|-]",
    .summary = "Print an APDU, envelope, content or presentation PDU as ASN.1 value notation, or as JSON.",
    .notes = "Of a broken one prints what can be read, and where and why it stops. Elements that have no "
             "place are passed over, and what is missing is marked.",
    .options = decode_options,
};

/* True when the octets can be read behind what is wrong: an element that has no place, or one that is
 * missing. */
static bool goes_on(const struct ber_error *error) {
    return error->path[0] && (error->code == BER_TAG || error->code == BER_UNEXPECTED ||
                              error->code == BER_MISSING || error->code == BER_DUPLICATE);
}

/* The same without those: true when nothing else is wrong, else `value` is what it was. */
static bool pass_over(const struct ber_type *type, struct span in, struct arena *arena,
                      struct ber_limits limits, void *value) {
    struct ber_error first;
    limits.pass_over = true;
    if (ber_decode(type, in, arena, &limits, value, &first))
        return true;
    limits.pass_over = false;
    ber_decode(type, in, arena, &limits, value, &first);
    return false;
}

/* Bounds and repertoires that are broken are told, not judged. True with a filled `error`: what it tells of,
 * and the like, was passed over. */
static bool decode_leniently(const struct ber_type *type, struct span in, struct arena *arena, void *value,
                             struct ber_passed_list *passed, struct ber_error *error) {
    struct ber_limits limits = {.relax_bounds = true, .relax_characters = true, .elements = 1 << 20};
    struct ber_error strict;
    if (!ber_decode(type, in, arena, NULL, value, &strict) &&
        (strict.code == BER_BOUND || strict.code == BER_CHARACTER || strict.code == BER_VALUE))
        fprintf(stderr, "mhs: at octet %zu, %s: %s\n", strict.offset,
                strict.path[0] ? strict.path : "the value", strict.text);
    arena_reset(arena);
    if (ber_decode(type, in, arena, &limits, value, error))
        return true;
    limits.passed = passed;
    return goes_on(error) && pass_over(type, in, arena, limits, value);
}

#define MOST_PASSED 64

/* All but the first, which the error tells. */
static void tell_passed(const struct ber_passed_list *passed) {
    for (size_t i = 1; i < passed->count; i++)
        fprintf(stderr, "mhs: at octet %zu: %s\n", passed->items[i].offset, passed->items[i].text);
    if (passed->more)
        fprintf(stderr, "mhs: and %zu more\n", passed->more);
}

static void print_passed(const struct ber_passed_list *passed, struct buf *text) {
    json_t *list = json_array();
    for (size_t i = 0; i < passed->count; i++) {
        const struct ber_passed *item = &passed->items[i];
        json_array_append_new(list, json_pack("{s:I, s:s*, s:s}", "offset", (json_int_t)item->offset,
                                              "missing", item->component, "text", item->text));
    }
    char *dumped = list ? json_dumps(list, 0) : NULL;
    buf_printf(text, ",\n\"@passed-over\": %s", dumped ? dumped : "null");
    free(dumped);
    json_decref(list);
}

static void print_error(const struct ber_error *error, struct buf *text) {
    json_t *object = json_pack("{s:I, s:s, s:s}", "offset", (json_int_t)error->offset, "path", error->path,
                               "text", error->text);
    char *dumped = object ? json_dumps(object, 0) : NULL;
    buf_printf(text, ",\n\"@error\": %s", dumped ? dumped : "null");
    free(dumped);
    json_decref(object);
}

static bool write_value(const struct ber_type *type, const void *value, const struct ber_print *how,
                        const struct ber_error *error) {
    struct buf text;
    buf_init(&text, 0);
    buf_printf(&text, how->json ? "{\"@%s\": " : "%s ::= ", ber_type_name(type));
    ber_print(type, value, how, &text);
    if (how->json && error->code != BER_OK)
        print_error(error, &text);
    if (how->json && how->passed->count)
        print_passed(how->passed, &text);
    if (how->json)
        buf_append(&text, "}\n", 2);
    if (!text.failed)
        fwrite(text.data, 1, text.len, stdout);
    bool written = !text.failed && fflush(stdout) == 0;
    buf_free(&text);
    return written;
}

static int decode_as(const struct ber_type *type, struct span in, void *value, struct arena *arena,
                     struct ber_print *how) {
    struct ber_error error = {0};
    struct ber_passed items[MOST_PASSED];
    struct ber_passed_list passed = {.items = items, .most = MOST_PASSED};
    bool to_the_end = decode_leniently(type, in, arena, value, &passed, &error);
    if (!to_the_end) /* what was met in vain is not told */
        passed.count = passed.more = 0;
    how->passed = &passed;
    how->stop = to_the_end || error.code == BER_TRAILING ? NULL : error.path;
    if (!write_value(type, value, how, &error))
        return mhs_fail(MHS_FAILED, "the output can't be written");
    if (error.code == BER_OK)
        return MHS_OK;
    fprintf(stderr, "mhs: %s %s at octet %zu of %zu, %s: %s\n", ber_type_name(type),
            to_the_end ? "is wrong" : "stops", error.offset, in.len,
            error.path[0] ? error.path : "the outermost element", error.text);
    tell_passed(&passed);
    return MHS_NO;
}

static int decode(struct span in, const struct ber_type *type, bool offsets) {
    struct arena arena, nested;
    arena_init(&arena, MAX_VALUES);
    arena_init(&nested, MAX_VALUES);
    type = type ? type : types_guess(in, &arena);
    void *value = mem_alloc(ber_type_size(type));
    struct ber_print how = {.json = mhs_settings.json,
                            .offsets = offsets,
                            .input = in,
                            .elide = MAX_SHOWN,
                            .open = types_open,
                            .arena = &nested};
    int status = value ? decode_as(type, in, value, &arena, &how) : mhs_fail(MHS_FAILED, "out of memory");
    arena_free(&arena);
    arena_free(&nested);
    mem_free(value);
    return status;
}

int cmd_decode(int argc, char **argv) {
    struct mhs_line line;
    const struct ber_type *type = NULL;
    const char *value;
    bool offsets = false;
    mhs_line_init(&line, &decode_usage, argc, argv);
    for (int id; (id = mhs_line_next(&line, &value)) != MHS_LINE_END;) {
        if (id == MHS_LINE_STOP)
            return line.status;
        if (id == OPT_OFFSETS)
            offsets = true;
        else if (!(type = types_find(NULL, value)))
            return mhs_usage_error(&decode_usage, "there is no type '%s'", value);
    }
    const char *path = mhs_line_operand(&line);
    struct buf in;
    buf_init(&in, MAX_INPUT);
    int status;
    if (!read_input(path, &in))
        status = mhs_fail(MHS_FAILED, "%s can't be read", path ? path : "standard input");
    else if (in.len == 0)
        status = mhs_fail(MHS_NO, "%s is empty", path ? path : "standard input");
    else
        status = decode(buf_span(&in), type, offsets);
    buf_free(&in);
    return status;
}

/* ---- encode ---- */

static const struct mhs_option encode_options[] = {
    {OPT_TYPE, "type", "TYPE", "the ASN.1 type, when the JSON does not name it as {\"@TYPE\": ...}"},
    {OPT_OUT, "output", "FILE", "where the octets go; standard output when not given"},
    {0},
};

static const struct mhs_usage encode_usage = {
    .command = "encode",
    .operands = "[FILE|-]",
    .summary = "Turn the JSON that `mhs decode --json` prints into BER.",
    .options = encode_options,
};

/* Without --type the JSON is read as an open type: {"@Type": value}. */
static bool encode(struct span text, const struct ber_type *type, struct arena *arena, struct span *out,
                   struct ber_error *error) {
    struct ber_json how = {.open = types_open, .find = types_find};
    if (!type)
        return ber_open_from_json(text, &how, arena, out, error);
    void *value = arena_alloc(arena, ber_type_size(type));
    return value && ber_from_json(type, text, &how, arena, value, error) &&
           ber_encode_arena(type, value, arena, out, error);
}

static bool write_octets(const char *path, struct span octets) {
    FILE *file = path ? fopen(path, "wb") : stdout;
    if (!file)
        return false;
    bool written = fwrite(octets.data, 1, octets.len, file) == octets.len;
    written &= (path ? fclose(file) : fflush(file)) == 0;
    return written;
}

static int encode_text(struct span text, const struct ber_type *type, const char *output) {
    struct arena arena;
    struct ber_error error = {0};
    struct span octets;
    arena_init(&arena, MAX_VALUES);
    int status = MHS_OK;
    if (!encode(text, type, &arena, &octets, &error))
        status = mhs_fail(MHS_NO, "%s%s%s", error.path, error.path[0] ? ": " : "", error.text);
    else if (!write_octets(output, octets))
        status = mhs_fail(MHS_FAILED, "%s can't be written", output ? output : "standard output");
    arena_free(&arena);
    return status;
}

int cmd_encode(int argc, char **argv) {
    struct mhs_line line;
    const struct ber_type *type = NULL;
    const char *value, *output = NULL;
    mhs_line_init(&line, &encode_usage, argc, argv);
    for (int id; (id = mhs_line_next(&line, &value)) != MHS_LINE_END;) {
        if (id == MHS_LINE_STOP)
            return line.status;
        if (id == OPT_OUT)
            output = value;
        else if (!(type = types_find(NULL, value)))
            return mhs_usage_error(&encode_usage, "there is no type '%s'", value);
    }
    const char *path = mhs_line_operand(&line);
    struct buf text;
    buf_init(&text, MAX_INPUT);
    int status = read_input(path, &text)
                     ? encode_text(buf_span(&text), type, output)
                     : mhs_fail(MHS_FAILED, "%s can't be read", path ? path : "standard input");
    buf_free(&text);
    return status;
}
