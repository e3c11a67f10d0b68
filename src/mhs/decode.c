/* `mhs decode` and `mhs encode`: BER to text and back. */
#include <errno.h>
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
#define MOST_PATHS 1000              /* octets of paths to what was not checked */

/* False with errno. */
static bool read_all(FILE *file, struct buf *into) {
    while (buf_reserve(into, 65536)) {
        size_t len = fread(into->data + into->len, 1, 65536, file);
        into->len += len;
        if (len == 0)
            return !ferror(file);
    }
    errno = EFBIG;
    return false;
}

/* Returns COMMAND_OK, or the exit code; what is wrong was said. */
static int read_input(const char *path, struct buf *into) {
    bool standard = !path || strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "rb");
    bool read = file && read_all(file, into);
    int why = errno;
    if (file && !standard)
        fclose(file);
    return read ? COMMAND_OK
                : command_fail(COMMAND_FAILED, "%s can't be read: %s", standard ? "standard input" : path,
                               strerror(why));
}

/* ---- decode ---- */

#define NO_TYPE "there is no type '%s'; mhs-json(7) says how types are named"

enum { OPT_TYPE = 't', OPT_OFFSETS = 'o', OPT_OUT = 'w' };

static const struct command_option decode_options[] = {
    {OPT_TYPE, "type", "TYPE", "the ASN.1 type, `MTS-APDU` or `x411.MTS-APDU`; guessed when not given"},
    {OPT_OFFSETS, "offsets", NULL, "tell at which octet values stand"},
    {0},
};

static const struct command_usage decode_usage = {
    .command = "decode",
    .operands = "[FILE|-]",
    .summary = "Print an APDU, envelope, content or presentation PDU as ASN.1 value notation, or as JSON.",
    .notes = "Of a broken one prints what can be read, what is wrong with it, and where it stops if it does. "
             "Exit status 5: read to its end, with complaints. mhs-json(7) tells the JSON form.",
    .options = decode_options,
};

#define MOST_COMPLAINTS 64

/* A decoding: whole or not, and what is to be told of it. */
struct reading {
    const struct ber_type *type;
    struct span in;
    struct ber_error stop; /* BER_OK: it was read to its end */
    struct ber_passed_list complaints;
    struct ber_passed items[MOST_COMPLAINTS];
};

static void add_trailing(struct reading *reading, size_t used) {
    struct ber_passed_list *list = &reading->complaints;
    if (used == reading->in.len)
        return;
    if (list->count == list->most) {
        list->more++;
        return;
    }
    struct ber_passed *item = &list->items[list->count++];
    *item = (struct ber_passed){.offset = used};
    snprintf(item->text, sizeof item->text, "%zu octets after the value", reading->in.len - used);
}

static void read_value(struct reading *reading, struct arena *arena, void *value) {
    struct ber_limits limits = {.lenient = true, .elements = 1 << 20, .passed = &reading->complaints};
    struct ber_error error;
    size_t used;
    reading->complaints = (struct ber_passed_list){.items = reading->items, .most = MOST_COMPLAINTS};
    if (ber_decode_prefix(reading->type, reading->in, arena, &limits, value, &used, &error))
        add_trailing(reading, used);
    else
        reading->stop = error;
}

static json_t *complaint_json(const struct ber_passed *item) {
    const char *missing = item->component && !item->octets.data ? ber_field_name(item->component) : NULL;
    return json_pack("{s:I, s:s, s:s*, s:s}", "offset", (json_int_t)item->offset, "path", item->path,
                     "missing", missing, "text", item->text);
}

static void append_json(struct buf *text, const char *name, json_t *json) {
    char *dumped = json ? json_dumps(json, JSON_ENSURE_ASCII) : NULL;
    buf_printf(text, ",\n\"%s\": %s", name, dumped ? dumped : "null");
    free(dumped);
    json_decref(json);
}

static void append_complaints(struct buf *text, const struct ber_passed_list *complaints) {
    json_t *list = json_array();
    for (size_t i = 0; i < complaints->count; i++)
        json_array_append_new(list, complaint_json(&complaints->items[i]));
    append_json(text, "@complaints", list);
}

static json_t *stop_json(const struct ber_error *stop) {
    return json_pack("{s:I, s:s, s:s}", "offset", (json_int_t)stop->offset, "path", stop->path, "text",
                     stop->text);
}

/* The octets themselves, for `mhs encode`. */
static void append_octets(struct buf *text, struct span octets) {
    buf_printf(text, ",\n\"@octets\": \"");
    for (size_t i = 0; i < octets.len; i++)
        buf_printf(text, "%02X", octets.data[i]);
    buf_printf(text, "\"");
}

static bool write_value(struct reading *reading, const void *value, const struct ber_print *how) {
    struct buf text;
    buf_init(&text, 0);
    buf_printf(&text, how->json ? "{\"@%s\": " : "%s ::= ", types_called(NULL, reading->type));
    ber_print(reading->type, value, how, &text);
    if (how->json && reading->stop.code == BER_OK && !ber_encodes_to(reading->type, reading->in, how->arena))
        append_octets(&text, reading->in);
    if (how->json && reading->stop.code != BER_OK)
        append_json(&text, "@error", stop_json(&reading->stop));
    if (how->json && reading->complaints.count)
        append_complaints(&text, &reading->complaints);
    if (how->json)
        buf_append(&text, "}\n", 2);
    if (!text.failed)
        fwrite(text.data, 1, text.len, stdout);
    bool written = !text.failed && fflush(stdout) == 0;
    buf_free(&text);
    return written;
}

/* The complaints, and where it stops. */
static int tell(const struct reading *reading) {
    const struct ber_passed_list *complaints = &reading->complaints;
    for (size_t i = 0; i < complaints->count; i++) {
        const struct ber_passed *item = &complaints->items[i];
        fprintf(stderr, "mhs: at octet %zu%s%s: %s\n", item->offset, item->path[0] ? ", " : "", item->path,
                item->text);
    }
    if (complaints->more)
        fprintf(stderr, "mhs: and %zu more\n", complaints->more);
    if (reading->stop.code == BER_OK)
        return complaints->count ? COMMAND_COMPLAINTS : COMMAND_OK;
    fprintf(stderr, "mhs: %s stops at octet %zu of %zu, %s: %s\n", types_called(NULL, reading->type),
            reading->stop.offset, reading->in.len,
            reading->stop.path[0] ? reading->stop.path : "the outermost element", reading->stop.text);
    return COMMAND_NO;
}

static int decode_as(const struct ber_type *type, struct span in, struct arena *arena, struct arena *nested,
                     bool offsets) {
    struct reading *reading = mem_alloc(sizeof *reading);
    void *value = mem_alloc(ber_type_size(type));
    int status = COMMAND_FAILED;
    if (reading && value) {
        *reading = (struct reading){.type = type, .in = in};
        read_value(reading, arena, value);
        struct ber_print how = {.json = command_settings.json,
                                .offsets = offsets,
                                .input = in,
                                .elide = MAX_SHOWN,
                                .open = types_open,
                                .called = types_called,
                                .arena = nested,
                                .passed = &reading->complaints,
                                .stop = reading->stop.code == BER_OK ? NULL : reading->stop.path};
        status = write_value(reading, value, &how)
                     ? tell(reading)
                     : command_fail(COMMAND_FAILED, "the output can't be written");
    } else {
        command_fail(COMMAND_FAILED, "out of memory");
    }
    mem_free(value);
    mem_free(reading);
    return status;
}

/* Octets that look like nothing of ours. */
static int decode_unknown(struct span in) {
    struct ber_element element;
    enum ber_error_code why;
    bool whole = ber_element_read(in, &element, &why);
    printf(command_settings.json ? "{\"@unknown\": \"" : "unknown ::= '");
    for (size_t i = 0; i < in.len; i++)
        printf("%02X", in.data[i]);
    printf(command_settings.json ? "\"}\n" : "'H\n");
    fprintf(stderr, "mhs: the type is unknown: %s\n",
            whole ? "the octets match none well enough; name it with --type"
                  : "no whole element of BER is there");
    return COMMAND_NO;
}

static int decode(struct span in, const struct ber_type *type, bool offsets) {
    struct arena arena, nested;
    arena_init(&arena, MAX_VALUES);
    arena_init(&nested, MAX_VALUES);
    if (!type)
        type = types_guess(in, &arena);
    arena_reset(&arena);
    int status = type ? decode_as(type, in, &arena, &nested, offsets) : decode_unknown(in);
    arena_free(&arena);
    arena_free(&nested);
    return status;
}

int cmd_decode(int argc, char **argv) {
    struct command_line line;
    const struct ber_type *type = NULL;
    const char *value;
    bool offsets = false;
    command_line_init(&line, &decode_usage, argc, argv);
    for (int id; (id = command_line_next(&line, &value)) != COMMAND_LINE_END;) {
        if (id == COMMAND_LINE_STOP)
            return line.status;
        if (id == OPT_OFFSETS)
            offsets = true;
        else if (!(type = types_find(NULL, value)))
            return command_usage_error(&decode_usage, NO_TYPE, value);
    }
    const char *path = command_line_operand(&line);
    struct buf in;
    buf_init(&in, MAX_INPUT);
    int status = read_input(path, &in);
    if (status == COMMAND_OK && in.len == 0)
        status = command_fail(COMMAND_NO, "%s is empty", path ? path : "standard input");
    else if (status == COMMAND_OK)
        status = decode(buf_span(&in), type, offsets);
    buf_free(&in);
    return status;
}

/* ---- encode ---- */

static const struct command_option encode_options[] = {
    {OPT_TYPE, "type", "TYPE", "the ASN.1 type, when the JSON does not name it as {\"@TYPE\": ...}"},
    {OPT_OUT, "output", "FILE", "where the octets go; standard output when not given"},
    {0},
};

static const struct command_usage encode_usage = {
    .command = "encode",
    .operands = "[FILE|-]",
    .summary = "Turn the JSON that `mhs decode --json` prints into BER.",
    .notes =
        "Values over their bounds or outside their repertoires are reported, and encoded (exit status 5). "
        "What is given as octets in hex is not looked at, as is told. mhs-json(7) tells the JSON form.",
    .options = encode_options,
};

/* Without --type the JSON is read as an open type: {"@Type": value}. */
static bool encode(struct span text, const struct ber_type *type, struct arena *arena, struct span *out,
                   struct ber_passed_list *complaints, struct buf *unchecked, struct ber_error *error) {
    struct ber_json how = {
        .open = types_open, .find = types_find, .passed = complaints, .unchecked = unchecked};
    struct ber_limits limits = {.lenient = true, .elements = 1 << 20, .passed = complaints};
    struct ber_error ignored;
    if (!type)
        return ber_open_from_json(text, &how, arena, out, error);
    void *value = arena_alloc(arena, ber_type_size(type));
    if (!value || !ber_from_json(type, text, &how, arena, value, error) ||
        !ber_encode_arena(type, value, arena, out, error))
        return false;
    ber_decode(type, *out, arena, &limits, value, &ignored);
    return true;
}

/* `unchecked` is full when there are more of them. */
static int tell_bounds(const struct ber_passed_list *complaints, const struct buf *unchecked) {
    if (unchecked->len)
        fprintf(stderr, "mhs: bounds were not checked within hex at: %.*s%s\n", (int)unchecked->len,
                (const char *)unchecked->data, unchecked->failed ? ", and more" : "");
    for (size_t i = 0; i < complaints->count; i++)
        fprintf(stderr, "mhs: encoded all the same: %s\n", complaints->items[i].text);
    if (complaints->more)
        fprintf(stderr, "mhs: and %zu more\n", complaints->more);
    return complaints->count ? COMMAND_COMPLAINTS : COMMAND_OK;
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
    struct ber_passed items[MOST_COMPLAINTS];
    struct ber_passed_list complaints = {.items = items, .most = MOST_COMPLAINTS};
    struct buf unchecked;
    buf_init(&unchecked, MOST_PATHS);
    arena_init(&arena, MAX_VALUES);
    int status;
    if (!encode(text, type, &arena, &octets, &complaints, &unchecked, &error))
        status = command_fail(COMMAND_NO, "%s%s%s", error.path, error.path[0] ? ": " : "", error.text);
    else if (!write_octets(output, octets))
        status = command_fail(COMMAND_FAILED, "%s can't be written", output ? output : "standard output");
    else
        status = tell_bounds(&complaints, &unchecked);
    buf_free(&unchecked);
    arena_free(&arena);
    return status;
}

int cmd_encode(int argc, char **argv) {
    struct command_line line;
    const struct ber_type *type = NULL;
    const char *value, *output = NULL;
    command_line_init(&line, &encode_usage, argc, argv);
    for (int id; (id = command_line_next(&line, &value)) != COMMAND_LINE_END;) {
        if (id == COMMAND_LINE_STOP)
            return line.status;
        if (id == OPT_OUT)
            output = value;
        else if (!(type = types_find(NULL, value)))
            return command_usage_error(&encode_usage, NO_TYPE, value);
    }
    const char *path = command_line_operand(&line);
    struct buf text;
    buf_init(&text, MAX_INPUT);
    int status = read_input(path, &text);
    if (status == COMMAND_OK)
        status = encode_text(buf_span(&text), type, output);
    buf_free(&text);
    return status;
}
