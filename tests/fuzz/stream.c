/*
 * The stream reader: the same octets in one piece and in many, with the state
 * saved between them, must give the same. The first octet sets the size of the
 * pieces.
 */
#include <stdlib.h>

#include "asn1/stream.h"

struct seen {
    size_t envelope, content;
    uint64_t hash;
};

static bool take_envelope(void *user, enum ber_stream_kind kind, struct span octets) {
    struct seen *seen = user;
    seen->envelope = octets.len + kind;
    seen->hash ^= span_hash(octets);
    return true;
}

static bool take_content(void *user, struct span octets) {
    struct seen *seen = user;
    for (size_t i = 0; i < octets.len; i++)
        seen->hash = (seen->hash << 5 ^ seen->hash >> 59 ^ octets.data[i]) * 0x9E3779B97F4A7C15u;
    seen->content += octets.len;
    return true;
}

static bool restore(struct ber_stream *stream) {
    uint8_t saved[BER_STREAM_SAVED];
    struct ber_stream again;
    size_t len = ber_stream_save(stream, saved);
    bool good = ber_stream_restore(&again, 1 << 16, span_of(saved, len), ber_stream_gathered(stream));
    ber_stream_free(stream);
    *stream = again;
    return good;
}

static enum ber_error_code run(struct span in, size_t size, bool saving, struct seen *seen) {
    struct ber_stream stream;
    struct ber_stream_sink sink = {take_envelope, take_content, seen};
    struct ber_error error = {0};
    ber_stream_init(&stream, 1 << 16);
    for (size_t at = 0; at < in.len && error.code == BER_OK; at += size)
        if (ber_stream_feed(&stream, span_sub(in, at, size), &sink, &error) && saving && !restore(&stream))
            abort();
    ber_stream_free(&stream);
    return error.code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    struct span in = span_of(data + 1, size - 1);
    struct seen whole = {0}, pieces = {0};
    enum ber_error_code code = run(in, in.len, false, &whole);
    if (run(in, 1 + data[0] % 16, true, &pieces) != code || pieces.hash != whole.hash ||
        pieces.envelope != whole.envelope || pieces.content != whole.content)
        abort();
    return 0;
}
