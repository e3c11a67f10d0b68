/*
 * `mhs decode` and `mhs encode` on anything: octets are printed as the type they
 * look like, as text and as JSON; that JSON, and the input taken for JSON, become
 * octets again.
 */
#include "asn1/json.h"
#include "base/buf.h"
#include "mhs/types.h"

#define ROOM ((size_t)16 << 20)

static void require(bool condition) {
    if (!condition)
        __builtin_trap();
}

static void print(const struct ber_type *type, const void *value, struct ber_print *how, struct buf *text) {
    buf_printf(text, how->json ? "{\"@%s\": " : "%s ::= ", ber_type_name(type));
    ber_print(type, value, how, text);
    buf_append(text, "}", how->json);
}

/* What is printed whole as JSON is read again, and gives octets of the same length at most. */
static void decode(struct span in) {
    struct ber_limits limits = {.relax_bounds = true, .relax_characters = true, .elements = 1 << 16};
    struct ber_error error = {0};
    struct arena arena, nested;
    struct buf text, json;
    arena_init(&arena, ROOM);
    arena_init(&nested, ROOM);
    buf_init(&text, ROOM);
    buf_init(&json, ROOM);
    const struct ber_type *type = types_guess(in, &arena);
    require(type);
    void *value = arena_alloc(&arena, ber_type_size(type));
    bool whole = value && ber_decode(type, in, &arena, &limits, value, &error);
    struct ber_print how = {
        .offsets = in.len % 2, .input = in, .elide = 256, .open = types_open, .arena = &nested};
    how.stop = whole || error.code == BER_TRAILING ? NULL : error.path;
    if (value)
        print(type, value, &how, &text);
    how.json = true;
    if (value)
        print(type, value, &how, &json);
    struct ber_json back = {.open = types_open, .find = types_find};
    struct span octets;
    if (whole && !json.failed)
        ber_open_from_json(buf_span(&json), &back, &nested, &octets, &error);
    buf_free(&text);
    buf_free(&json);
    arena_free(&arena);
    arena_free(&nested);
}

static void encode(struct span in) {
    struct ber_json how = {.open = types_open, .find = types_find};
    struct ber_error error = {0};
    struct arena arena;
    struct span octets;
    arena_init(&arena, ROOM);
    if (ber_open_from_json(in, &how, &arena, &octets, &error))
        require(octets.len > 0);
    else
        require(error.text[0]);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    decode(span_of(data, size));
    if (size && data[0] == '{')
        encode(span_of(data, size));
    return 0;
}
