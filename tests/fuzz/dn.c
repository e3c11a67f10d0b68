/* Names of the Directory: from RFC 4514's text and from the wire. What is read is printed, read again, and
 * equal; the table of the directory finds it. */
#include "names/dn.h"

#include "asn1/ber.h"
#include "directory/directory.h"

static void require(bool condition) {
    if (!condition)
        __builtin_trap();
}

static void check(const struct x501_Name *name, struct arena *arena) {
    struct x501_Name again, wire;
    struct span text = dn_text(name, arena), key = dn_key(name, arena), octets;
    if (!text.data || !key.data)
        return;
    require(text.data[text.len] == 0 && dn_equal(name, name));
    if (dn_parse(text, arena, &again, NULL))
        require(dn_equal(name, &again) && span_eq(key, dn_key(&again, arena)));
    if (ber_encode_arena(&x501_Name_type, name, arena, &octets, NULL) &&
        ber_decode(&x501_Name_type, octets, arena, NULL, &wire, NULL))
        require(dn_equal(name, &wire));
}

static void look_up(const char *text, struct span octets) {
    struct directory *directory = directory_new();
    if (directory && directory_add(directory, text, "/C=GB/A=GOLD/S=x", NULL)) {
        require(directory_count(directory) == 1);
        directory_add(directory, text, "/C=GB/A=GOLD/S=y", NULL);
        directory_find(directory, octets);
        require(directory_remove(directory, text) && directory_count(directory) == 0);
    }
    directory_free(directory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ber_limits relaxed = {.relax_bounds = true, .relax_characters = true};
    struct span in = span_of(data, size);
    struct x501_Name name;
    struct arena arena;
    arena_init(&arena, 1 << 22);
    if (dn_parse(in, &arena, &name, NULL))
        check(&name, &arena);
    if (ber_decode(&x501_Name_type, in, &arena, size % 2 ? &relaxed : NULL, &name, NULL))
        check(&name, &arena);
    char *text = arena_printf(&arena, "%.*s", (int)size, (const char *)data);
    if (text)
        look_up(text, in);
    arena_free(&arena);
    return 0;
}
