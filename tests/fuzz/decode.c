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

/* What reading and printing note of the octets. */
static struct ber_passed_list noted(struct ber_passed items[static 64]) {
    return (struct ber_passed_list){.items = items, .most = 64};
}

/* What is printed without a complaint is read again, and is the same value. */
static void decode(struct span in) {
    struct ber_passed items[64];
    struct ber_passed_list passed = noted(items);
    struct ber_limits limits = {.lenient = true, .elements = 1 << 16, .passed = &passed};
    struct ber_error error = {0};
    struct arena arena, nested;
    struct buf text, json;
    arena_init(&arena, ROOM);
    arena_init(&nested, ROOM);
    buf_init(&text, ROOM);
    buf_init(&json, ROOM);
    const struct ber_type *type = types_guess(in, &arena);
    type = type ? type : types_find(NULL, "MTS-APDU");
    void *value = arena_alloc(&arena, ber_type_size(type));
    require(value);
    bool whole = ber_decode(type, in, &arena, &limits, value, &error);
    bool clean = whole && passed.count == 0;
    require(passed.count == 0 || passed.items[0].text[0]);
    require(passed.octets <= in.len * 64); /* nested at most so deep */
    struct ber_print how = {.offsets = in.len % 2,
                            .input = in,
                            .elide = 256,
                            .open = types_open,
                            .called = types_called,
                            .arena = &nested,
                            .passed = &passed};
    how.stop = whole || error.code == BER_TRAILING ? NULL : error.path;
    print(type, value, &how, &text);
    how.json = true;
    print(type, value, &how, &json);
    struct ber_json back = {.open = types_open, .find = types_find};
    struct span octets;
    if (clean && !json.failed && nested.used < ROOM / 2) {
        void *again = arena_alloc(&arena, ber_type_size(type));
        bool read = ber_open_from_json(buf_span(&json), &back, &nested, &octets, &error);
        require(read || error.code == BER_MEMORY || error.code == BER_VALUE);
        if (read && again && ber_decode(type, octets, &arena, &limits, again, &error))
            require(ber_equal(type, value, again));
    }
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
