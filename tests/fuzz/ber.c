/*
 * The engine: the first line names a type (`x411.MTS-APDU`, anything else
 * chooses one by its hash), the rest is decoded, printed, encoded afresh and
 * read again.
 */
#include <stdlib.h>

#include "asn1/json.h"
#include "schema/modules.h"

static const struct ber_type *choose(struct span name) {
    char text[80] = "";
    size_t modules = 0;
    memcpy(text, name.data, name.len < sizeof text ? name.len : sizeof text - 1);
    for (; schema_modules[modules]; modules++) {
        const char *module = schema_modules[modules]->name;
        size_t len = strlen(module);
        const struct ber_type *type = NULL;
        if (strncmp(text, module, len) == 0 && text[len] == '.')
            type = ber_module_type(schema_modules[modules], text + len + 1);
        if (type)
            return type;
    }
    uint64_t hash = span_hash(name);
    const struct ber_module *module = schema_modules[hash % modules];
    return module->count ? module->types[hash / modules % module->count] : &asn1_EXTERNAL_type;
}

static void print(const struct ber_type *type, const void *value, struct arena *arena, bool json,
                  const char *stop) {
    struct ber_print how = {.json = json, .arena = arena, .stop = stop, .elide = 16};
    struct buf text;
    buf_init(&text, 1 << 24);
    ber_print(type, value, &how, &text);
    buf_free(&text);
}

/* What was decoded must be encoded, and be the same value when it is read again. */
static void check(const struct ber_type *type, void *value, struct arena *arena) {
    struct ber_limits limits = {.relax_bounds = true, .relax_characters = true, .depth = 200};
    struct span out;
    void *again = arena_alloc(arena, ber_type_size(type));
    ber_forget_raw(type, value);
    if (!again || !ber_encode_arena(type, value, arena, &out, NULL))
        return;
    struct ber_error error;
    if (!ber_decode(type, out, arena, &limits, again, &error)) {
        if (error.code != BER_MEMORY)
            abort();
    } else if (!ber_equal(type, value, again)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena;
    struct ber_error error;
    const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
    if (!line)
        return 0;
    const struct ber_type *type = choose(span_of(data, (size_t)(line - data)));
    struct span in = span_of(line + 1, size - (size_t)(line + 1 - data));
    arena_init(&arena, 16 << 20);
    void *value = arena_alloc(&arena, ber_type_size(type));
    struct ber_limits limits = {.relax_bounds = true, .relax_characters = true};
    if (value && ber_decode(type, in, &arena, &limits, value, &error)) {
        print(type, value, &arena, false, NULL);
        print(type, value, &arena, true, NULL);
        check(type, value, &arena);
    } else if (value) {
        print(type, value, &arena, size % 2, error.path);
    }
    arena_free(&arena);
    return 0;
}
