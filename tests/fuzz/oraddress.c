/* O/R addresses from text and from the wire: what is read must come back from text and wire as an equal
 * address. */
#include "names/oraddress.h"
#include "asn1/ber.h"
#include "names/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition)
        __builtin_trap();
}

static void check_text(const struct oraddress *address, struct arena *arena) {
    struct oraddress again;
    struct span text = oraddress_text(address, arena);
    if (text.data && oraddress_parse(text, arena, &again, NULL) && address->count &&
        oraddress_find(address, ORADDRESS_ADMD))
        require(oraddress_equal(address, &again));
}

/* What is kept under a key is found by it, and the key by itself. */
static void check_key(const struct oraddress *address, struct arena *arena) {
    struct span key = oraddress_key(address, arena);
    struct span again = key.data ? oraddress_key_of(key, arena, NULL) : key;
    if (address->count && oraddress_find(address, ORADDRESS_ADMD) && again.data)
        require(span_eq(key, again));
}

static void from_text(struct span in, struct arena *arena) {
    struct oraddress address, back;
    struct x411_ORName name;
    struct pattern pattern;
    if (pattern_parse(in, arena, &pattern, NULL) && oraddress_parse(in, arena, &address, NULL))
        require(pattern_matches(&pattern, &address) || memchr(in.data, '*', in.len) || address.count == 0);
    if (!oraddress_parse(in, arena, &address, NULL))
        return;
    check_text(&address, arena);
    check_key(&address, arena);
    if (!oraddress_build_name(&address, arena, &name, NULL) || !oraddress_of_name(&name, arena, &back))
        return;
    check_text(&back, arena);
    require(oraddress_equal(&address, &back)); /* from text or from the wire: one key */
}

static void from_wire(struct span in, struct arena *arena) {
    struct x411_ORName name;
    struct oraddress address;
    struct ber_limits relaxed = {.relax_bounds = true, .relax_characters = true};
    if (ber_decode(&x411_ORName_type, in, arena, &relaxed, &name, NULL) &&
        oraddress_of_name(&name, arena, &address)) {
        check_text(&address, arena);
        check_key(&address, arena);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena;
    arena_init(&arena, 1 << 22);
    from_text(span_of(data, size), &arena);
    from_wire(span_of(data, size), &arena);
    arena_free(&arena);
    return 0;
}
