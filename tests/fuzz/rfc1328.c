/*
 * Names for systems of 1984, and back: octet 0 chooses what was agreed, the rest
 * is a name, from the wire or as text. What goes down by an agreement comes up
 * by the same as an equal address, and needs nothing that 1984 lacks.
 */
#include "names/rfc1328.h"

#include "asn1/ber.h"

static void require(bool condition) {
    if (!condition)
        __builtin_trap();
}

static void check(const struct rfc1328 *how, const struct x411_ORName *name, struct arena *arena) {
    struct x411_ORName down, up, twice;
    struct oraddress before, after;
    if (!rfc1328_downgrade(how, name, arena, &down))
        return;
    require(!down.extension_attributes.count);
    if (rfc1328_downgrade(how, &down, arena, &twice))
        require(!twice.extension_attributes.count);
    if (rfc1328_upgrade(how, &down, arena, &up) && oraddress_of_name(name, arena, &before) &&
        oraddress_of_name(&up, arena, &after) && oraddress_find(&before, ORADDRESS_COMMON_NAME))
        require(oraddress_find(&after, ORADDRESS_COMMON_NAME));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ber_limits relaxed = {.relax_bounds = true, .relax_characters = true};
    struct oraddress gateway, address;
    struct x411_ORName name, up;
    struct arena arena;
    if (!size)
        return 0;
    struct span in = span_of(data + 1, size - 1);
    arena_init(&arena, 1 << 22);
    struct rfc1328 how = {.common_name = data[0] & 1};
    if (data[0] & 2 && oraddress_parse(SPAN_LIT("/C=GB/A=GOLD/P=GATE"), &arena, &gateway, NULL))
        how.gateway = &gateway;
    if (ber_decode(&x411_ORName_type, in, &arena, data[0] & 4 ? &relaxed : NULL, &name, NULL)) {
        check(&how, &name, &arena);
        rfc1328_upgrade(&how, &name, &arena, &up);
    }
    if (oraddress_parse(in, &arena, &address, NULL) && oraddress_build_name(&address, &arena, &name, NULL)) {
        check(&how, &name, &arena);
        rfc1328_upgrade(&how, &name, &arena, &up);
    }
    arena_free(&arena);
    return 0;
}
