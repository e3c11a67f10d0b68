/* COTP class 0, as responder and as initiator. */
#include "osi/cotp.h"

static void run(struct span in, bool initiator) {
    struct cotp c;
    struct buf out;
    struct osi_cause cause = {0};
    struct span none = {0};
    buf_init(&out, 1 << 20);
    if (!cotp_init(&c, &out, &cause, 65531, none, none))
        __builtin_trap();
    if (initiator)
        cotp_connect(&c);
    else
        cotp_listen(&c, NULL, 0);
    while (in.len > 0) {
        size_t used;
        struct cotp_indication event = cotp_input(&c, in, &used);
        if (event.event == COTP_T_DISCONNECT && !osi_cause_is_set(&cause))
            __builtin_trap();
        if (event.event == COTP_T_CONNECT && c.tpdu_size < COTP_TPDU_MINIMUM)
            __builtin_trap();
        if (event.event == COTP_T_DATA)
            cotp_data(&c, &event.data, 1, event.end);
        if (used == 0)
            break;
        in = span_sub(in, used, in.len);
    }
    cotp_free(&c);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    run(span_of(data, size), false);
    run(span_of(data, size), true);
    return 0;
}
