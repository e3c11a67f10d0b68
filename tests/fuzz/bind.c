/* Arguments, results and errors of MTA-bind, in each application context. */
#include "protocol/bind.h"

/* What was read can be sent to the store process. */
static void travel(const struct ipc_credentials *given) {
    struct buf frame;
    struct ipc_credentials again;
    buf_init(&frame, 0);
    if (ipc_credentials_write(given, &frame)) {
        struct reader r = reader_of(buf_span(&frame));
        if (!ipc_credentials_read(&r, &again) || again.form != given->form)
            __builtin_trap();
    }
    buf_free(&frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const enum osi_context contexts[] = {OSI_MTS_TRANSFER, OSI_MTS_TRANSFER_PROTOCOL,
                                                OSI_MTS_TRANSFER_PROTOCOL_1984};
    struct span in = span_of(data, size);
    for (size_t i = 0; i < 3; i++) {
        struct arena arena;
        struct ipc_credentials given;
        bool security_context;
        char why[200];
        arena_init(&arena, 65536);
        if (bind_read_argument(in, contexts[i], &arena, &given, &security_context, why))
            travel(&given);
        if (bind_read_result(in, contexts[i], &arena, &given, why))
            travel(&given);
        arena_free(&arena);
    }
    bind_error_name(in);
    return 0;
}
