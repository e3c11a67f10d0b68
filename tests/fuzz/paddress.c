/* Presentation addresses and distinguished names from text: what is read is printed, and the print read as
 * equal. */
#include "names/paddress.h"
#include "names/dn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition)
        __builtin_trap();
}

static void check_paddress(struct span in, struct arena *arena) {
    struct paddress address, again;
    struct buf out;
    if (!paddress_parse(in, arena, &address, NULL))
        return;
    buf_init(&out, 1 << 20);
    require(paddress_print(&address, &out));
    require(paddress_parse(buf_span(&out), arena, &again, NULL) && paddress_equal(&address, &again));
    buf_free(&out);
}

static void check_dn(struct span in, struct arena *arena) {
    struct x501_Name name, again;
    struct buf out;
    if (!dn_parse(in, arena, &name, NULL))
        return;
    buf_init(&out, 1 << 20);
    if (dn_print(&name, &out) && dn_parse(buf_span(&out), arena, &again, NULL))
        require(dn_equal(&name, &again));
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena;
    arena_init(&arena, 1 << 22);
    check_paddress(span_of(data, size), &arena);
    check_dn(span_of(data, size), &arena);
    arena_free(&arena);
    return 0;
}
