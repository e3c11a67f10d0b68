/* ACSE's APDUs, each in the state that expects it. */
#include "osi/acse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena;
    struct osi_cause cause = {0};
    struct acse a;
    struct acse_associate associate;
    struct span in = span_of(data, size), user_data, out;
    bool by_provider;
    arena_init(&arena, 1 << 20);
    acse_init(&a, &arena, &cause);
    if (acse_indication(&a, in, &associate))
        acse_response(&a, &associate, &out);
    a.state = ACSE_STA1;
    if (acse_confirm(&a, in, &associate))
        acse_diagnostic_text(&associate);
    a.state = ACSE_STA5;
    acse_release_indication(&a, in, &user_data);
    a.state = ACSE_STA3;
    acse_release_confirm(&a, in, &user_data);
    acse_aborted(&a, in, &by_provider, &user_data);
    arena_free(&arena);
    return 0;
}
