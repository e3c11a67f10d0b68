/* Downgrades hostile contents: what comes out is as long as was planned, and BER throughout. */
#include "content/downgrade.h"
#include "asn1/ber.h"
#include "base/buf.h"

static bool read_memory(void *context, uint64_t offset, void *out, size_t len) {
    const struct span *in = context;
    if (offset > in->len || len > in->len - offset)
        __builtin_trap();
    memcpy(out, in->data + offset, len);
    return true;
}

static bool gather(void *context, struct span octets) {
    return buf_append_span(context, octets);
}

static void check(struct span in, unsigned depth) {
    struct ber_element element;
    while (in.len) {
        if (!ber_element_read(in, &element, NULL))
            __builtin_trap();
        if (element.constructed && depth < 48)
            check(ber_element_contents(in, &element), depth + 1);
        in = span_sub(in, element.total, in.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span in = span_of(data + (size > 0), size ? size - 1 : 0);
    struct content_source source = {read_memory, &in, in.len};
    static const char gateway[] = "/C=GB/A=GOLD/P=GATE";
    struct oraddress address;
    struct downgrade_how how = {.flags = size ? data[0] & 15 : 0};
    struct downgrade plan;
    struct downgrade_refusal refusal;
    struct arena arena;
    struct buf out;
    arena_init(&arena, (size_t)32 << 20);
    buf_init(&out, 0);
    if (size && data[0] & 16 && oraddress_parse(span_str(gateway), &arena, &address, NULL))
        how.gateway = &address;
    if (downgrade_plan(&source, &how, &arena, &plan, &refusal)) {
        if (!downgrade_write(&plan, &source, &arena, gather, &out) || out.len != plan.length)
            __builtin_trap();
        check(buf_span(&out), 0);
    } else if (refusal.reason < -1 || !refusal.text[0]) {
        __builtin_trap();
    }
    buf_free(&out);
    arena_free(&arena);
    return 0;
}
