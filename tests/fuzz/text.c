/*
 * The characters of messages: octet 0 is a registration number, the rest a text
 * in every set there is. All that comes out is UTF-8; a text that comes in
 * pieces gives the same as at once; what fits a set comes back from it.
 */
#include "base/text.h"

static void require(bool condition) {
    if (!condition)
        __builtin_trap();
}

static void check(struct span text) {
    require(!text.data || (text_is_utf8(text) && !memchr(text.data, 0, text.len)));
}

static void in_pieces(struct span in, const int64_t *registrations, size_t count, struct arena *arena,
                      struct span whole) {
    struct text_stream stream;
    size_t at = 0;
    text_stream_init(&stream, registrations, count);
    while (in.len) {
        const uint8_t *end = memchr(in.data, '\n', in.len);
        struct span piece = span_sub(in, 0, end ? (size_t)(end - in.data) + 1 : in.len);
        struct span text = text_stream_next(&stream, piece, arena);
        if (!text.data)
            return;
        check(text);
        require(at + text.len <= whole.len && span_eq(text, span_sub(whole, at, text.len)));
        at += text.len;
        in = span_sub(in, piece.len, in.len);
    }
    require(at == whole.len);
}

/* NUL, which becomes U+FFFD, and what ISO 2022 takes for a shift or an escape sequence, don't come back. */
static bool has_shifts(struct span utf8) {
    for (size_t i = 0; i < utf8.len; i++)
        if (utf8.data[i] == 0 || utf8.data[i] == 0x0E || utf8.data[i] == 0x0F || utf8.data[i] == 0x1B)
            return true;
    return false;
}

static void there_and_back(struct span utf8, int64_t registration, struct arena *arena) {
    if (has_shifts(utf8))
        return;
    struct span octets = text_to_registration(utf8, registration, arena);
    bool lossy = true;
    if (octets.data && text_registration_name(registration)) {
        struct span back = text_from_general(octets, &registration, 1, arena);
        require(!back.data || span_eq(back, utf8));
    }
    octets = text_to_teletex(utf8, arena, &lossy);
    check(octets.data ? text_from_teletex(octets, arena) : octets);
    octets = text_to_universal(utf8, arena);
    require(!octets.data || span_eq(text_from_universal(octets, arena), utf8));
    octets = text_to_bmp(utf8, arena);
    require(!octets.data || !text_fits_bmp(utf8) || span_eq(text_from_bmp(octets, arena), utf8));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena;
    if (size < 2)
        return 0;
    struct span in = span_of(data + 1, size - 1);
    const int64_t registrations[] = {TEXT_IR_C0, TEXT_IR_ASCII, data[0]};
    arena_init(&arena, (size_t)32 << 20);
    check(text_from_teletex(in, &arena));
    check(text_from_ia5(in, &arena));
    check(text_from_bmp(in, &arena));
    check(text_from_universal(in, &arena));
    for (size_t count = 0; count <= 3; count++) {
        struct span whole = text_from_general(in, registrations, count, &arena);
        check(whole);
        if (whole.data)
            in_pieces(in, registrations, count, &arena, whole);
    }
    if (text_is_utf8(in)) {
        require(text_smallest_registration(in) > 0);
        there_and_back(in, data[0], &arena);
    }
    arena_free(&arena);
    return 0;
}
