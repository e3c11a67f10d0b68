/* PPDUs in each state, and P-DATA as it streams: at once and octet by octet it gives the same octets or the
 * same refusal. */
#include "osi/presentation.h"
#include "osi/external.h"
#include "osi/pdata.h"

static uint64_t stream(struct span in, size_t step, bool *complete) {
    struct pdata p;
    struct external e;
    uint64_t hash = 0;
    struct span octets, value[2];
    bool ok = true;
    pdata_begin(&p, 3);
    external_begin(&e);
    while (in.len > 0 && ok) {
        struct span part = span_sub(in, 0, step);
        in = span_sub(in, part.len, in.len);
        enum pdata_result result;
        while (ok && (result = pdata_input(&p, &part, &octets)) != PDATA_MORE) {
            int count = result == PDATA_OCTETS ? external_input(&e, octets, 5, value) : -1;
            for (int i = 0; i < count; i++)
                for (size_t j = 0; j < value[i].len; j++)
                    hash = hash * 31 + value[i].data[j];
            ok = count >= 0;
        }
    }
    *complete = ok && pdata_is_complete(&p) && external_is_complete(&e);
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena;
    struct osi_cause cause = {0};
    struct presentation p;
    struct presentation_connect connect = {.user_data = SPAN_LIT("\x60\x00")};
    enum osi_syntax syntax;
    struct span in = span_of(data, size), apdu, ppdu;
    int reason;
    arena_init(&arena, 1 << 20);
    presentation_init(&p, &arena, &cause, OSI_ALL_CONTEXTS);
    if (presentation_connect_indication(&p, in, &connect, &reason) && !connect.x410 &&
        presentation_settle(&p, osi_context_row(size % 2 ? OSI_MTS_TRANSFER : OSI_MTS_ACCESS_88)))
        presentation_accept(&p, (struct span){0}, SPAN_LIT("\x61\x00"), &ppdu);
    presentation_init(&p, &arena, &cause, size % 2 ? OSI_MTS_TRANSFER : OSI_MS_ACCESS_94);
    connect = (struct presentation_connect){.user_data = SPAN_LIT("\x60\x00")};
    presentation_connect(&p, &connect, &ppdu);
    presentation_accepted(&p, in, &connect);
    presentation_unwrap(&p, in, &syntax, &apdu);
    presentation_refused(&p, in, &apdu, &reason);
    presentation_aborted(&p, in, &apdu, &reason);
    arena_free(&arena);
    bool whole, single;
    uint64_t a = stream(in, size, &whole), b = stream(in, 1, &single);
    if (whole != single || (whole && a != b))
        __builtin_trap();
    return 0;
}
