/*
 * The scanner of APDUs: the same octets in one piece, in many, and with the
 * state saved and restored between them, must give the same. The first octet
 * sets the size of the pieces.
 */
#include <stdlib.h>

#include "protocol/apdu_scanner.h"

#define LIMIT 65536

struct seen {
    size_t envelopes, content;
    uint64_t hash;
};

static bool take_envelope(void *context, enum ipc_apdu kind, struct span envelope) {
    struct seen *seen = context;
    seen->envelopes++;
    seen->hash ^= span_hash(envelope) + (uint64_t)kind;
    return true;
}

static bool take_content(void *context, struct span content) {
    struct seen *seen = context;
    for (size_t i = 0; i < content.len; i++)
        seen->hash = (seen->hash << 5 ^ seen->hash >> 59 ^ content.data[i]) * 0x9E3779B97F4A7C15u;
    seen->content += content.len;
    return true;
}

static const struct apdu_handler handler = {take_envelope, take_content};

static void save_and_restore(struct apdu_scanner *s) {
    struct buf state, collected;
    buf_init(&state, 0);
    buf_init(&collected, 0);
    if (!apdu_scanner_save(s, &state) || state.len > APDU_STATE_MAX ||
        !buf_append_span(&collected, apdu_scanner_collected(s)) ||
        !apdu_scanner_restore(s, buf_span(&state), buf_span(&collected), LIMIT))
        abort();
    buf_free(&collected);
    buf_free(&state);
}

static bool run(struct span in, size_t size, bool saving, struct seen *seen) {
    struct apdu_scanner s;
    bool ok = true;
    apdu_scanner_init(&s, LIMIT);
    for (size_t at = 0; ok && at < in.len; at += size) {
        ok = apdu_scanner_feed(&s, span_sub(in, at, size), &handler, seen);
        if (ok && saving)
            save_and_restore(&s);
    }
    ok = ok && apdu_scanner_finish(&s);
    apdu_scanner_free(&s);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    struct span in = span_of(data + 1, size - 1);
    struct seen whole = {0}, cut = {0}, saved = {0};
    size_t piece = (size_t)data[0] % 32 + 1;
    bool ok = run(in, in.len, false, &whole);
    if (run(in, piece, false, &cut) != ok || run(in, piece, true, &saved) != ok)
        abort();
    if (ok && (memcmp(&whole, &cut, sizeof whole) != 0 || memcmp(&whole, &saved, sizeof whole) != 0))
        abort();
    if (whole.envelopes > 1)
        abort();
    struct apdu_scanner s;
    apdu_scanner_init(&s, LIMIT);
    /* a state is read from the store: broken ones must be refused, not believed */
    apdu_scanner_restore(&s, span_sub(in, 0, APDU_STATE_MAX), span_sub(in, APDU_STATE_MAX, SIZE_MAX), LIMIT);
    apdu_scanner_free(&s);
    return 0;
}
