/* Arguments, results and errors of MTA-bind, in each application context. */
#include "protocol/bind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const enum osi_context contexts[] = {OSI_MTS_TRANSFER, OSI_MTS_TRANSFER_PROTOCOL,
                                                OSI_MTS_TRANSFER_PROTOCOL_1984};
    static const struct protocol_peer peer = {.name = "P"};
    struct span in = span_of(data, size);
    for (size_t i = 0; i < 3; i++) {
        struct arena arena;
        struct bind_identity identity;
        char why[200];
        arena_init(&arena, 65536);
        if (bind_read_argument(in, contexts[i], &arena, &identity, why))
            bind_matches(&peer, &identity);
        if (bind_read_result(in, contexts[i], &arena, &identity, why))
            bind_matches(&peer, &identity);
        arena_free(&arena);
    }
    bind_error_name(in);
    return 0;
}
