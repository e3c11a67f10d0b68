/* RTSE's APDUs in both modes: what decodes is encoded again and then decodes to the same. */
#include "osi/rtse_pdu.h"

static void run(struct span in, bool x410) {
    struct arena arena;
    struct osi_cause cause = {0};
    arena_init(&arena, 1 << 20);
    struct rtse_codec codec = {.arena = &arena, .cause = &cause, .x410 = x410};
    struct rtse_open open, again;
    struct span out, user_data;
    int number;
    if (rtse_rtorq_decode(&codec, in, &open) && rtse_rtorq_encode(&codec, &open, &out)) {
        if (!rtse_rtorq_decode(&codec, out, &again) || again.checkpoint_size != open.checkpoint_size ||
            again.recover != open.recover || !span_eq(again.id.calling, open.id.calling))
            __builtin_trap();
    }
    rtse_rtoac_decode(&codec, in, &open);
    rtse_rtorj_decode(&codec, in, &number, &user_data);
    rtse_rtab_decode(&codec, in, &number, &user_data);
    rtse_rttp_decode(&codec, in, &number);
    rtse_reference_decode(in);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    run(span_of(data, size), false);
    run(span_of(data, size), true);
    return 0;
}
