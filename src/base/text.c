#include "base/text.h"

#include "base/iso2022.h"

const char *text_registration_name(int64_t registration) {
    const struct charset *set = charset_by_registration(registration);
    return set ? set->name : NULL;
}

int64_t text_registration_by_name(const char *name) {
    const struct charset *set = charset_by_name(name);
    return set ? set->registration : 0;
}

bool text_is_ascii(struct span in) {
    for (size_t i = 0; i < in.len; i++)
        if (in.data[i] > 0x7F)
            return false;
    return true;
}

/* The highest character of well-formed UTF-8; UINT32_MAX when it is malformed. */
static uint32_t highest_character(struct span in) {
    uint32_t highest = 0, code = 0;
    for (size_t at = 0; at < in.len;) {
        size_t len = charset_utf8_character(span_sub(in, at, in.len), &code);
        if (len == 0)
            return UINT32_MAX;
        highest = code > highest ? code : highest;
        at += len;
    }
    return highest;
}

bool text_is_utf8(struct span in) {
    return highest_character(in) != UINT32_MAX;
}

bool text_fits_bmp(struct span utf8) {
    return highest_character(utf8) <= 0xFFFF;
}

int64_t text_smallest_registration(struct span utf8) {
    uint32_t highest = highest_character(utf8);
    return highest < 0x80 ? TEXT_IR_ASCII : highest < 0x100 ? TEXT_IR_LATIN1 : TEXT_IR_UTF8;
}

static char *make_room(struct charset_output *out, size_t len, size_t factor, struct arena *arena) {
    if (len > (SIZE_MAX - 8) / factor)
        return NULL;
    *out = (struct charset_output){.left = len * factor + 7};
    out->at = arena_alloc(arena, out->left + 1);
    return out->at;
}

/* A NUL is no character for those who use text as C's strings: U+FFFD stands for each, for which there is
 * room. */
static struct span finish(char *start, struct charset_output *out) {
    size_t nuls = 0, len = (size_t)(out->at - start);
    for (const char *at = start; at < out->at; at++)
        nuls += *at == '\0';
    start[len + 2 * nuls] = '\0';
    for (size_t from = len, to = len + 2 * nuls; from < to;) {
        char c = start[--from];
        to -= c ? 1 : 3;
        if (c)
            start[to] = c;
        else
            memcpy(start + to, "\xEF\xBF\xBD", 3);
    }
    return span_of(start, len + 2 * nuls);
}

static struct span from_iso2022(struct span in, struct text_stream *stream, struct arena *arena) {
    struct charset_output out;
    char *start = make_room(&out, in.len, 3, arena);
    if (!start)
        return (struct span){NULL, 0};
    iso2022_convert(stream, in, &out);
    return finish(start, &out);
}

static struct span from_set(struct span in, const struct charset *standard, struct arena *arena,
                            bool *damaged) {
    struct text_stream stream;
    iso2022_begin(&stream, standard);
    struct span out = from_iso2022(in, &stream, arena);
    *damaged = stream.damaged;
    return out;
}

/* Octets of one code, escape sequences and all. */
static struct span from_octets(struct span in, const struct charset *set, struct arena *arena) {
    struct charset_output out;
    char *start = make_room(&out, in.len, 3, arena);
    if (!start)
        return (struct span){NULL, 0};
    charset_to_utf8(set, in, &out);
    return finish(start, &out);
}

/* ASCII that is text as it stands. */
static bool is_plain(struct span in) {
    for (size_t i = 0; i < in.len; i++)
        if (in.data[i] > 0x7F || in.data[i] == 0 || (in.data[i] >= 0x0E && in.data[i] <= 0x1B))
            return false;
    return true;
}

struct span text_from_teletex(struct span in, struct arena *arena) {
    bool damaged;
    if (is_plain(in))
        return arena_dup(arena, in);
    struct span out = from_set(in, charset_teletex, arena, &damaged);
    if (!out.data || !damaged)
        return out;
    return from_set(in, text_is_utf8(in) ? charset_utf8 : charset_latin1, arena, &damaged);
}

static struct span to_set(const struct charset *set, struct span utf8, struct arena *arena, bool *damaged) {
    struct charset_output out;
    char *start = make_room(&out, utf8.len, 4, arena);
    if (!start)
        return (struct span){NULL, 0};
    charset_from_utf8(set, utf8, &out);
    *damaged = out.damaged;
    *out.at = '\0';
    return span_of(start, (size_t)(out.at - start));
}

struct span text_to_teletex(struct span utf8, struct arena *arena, bool *lossy) {
    bool damaged = false;
    struct span out =
        text_is_ascii(utf8) ? arena_dup(arena, utf8) : to_set(charset_teletex, utf8, arena, &damaged);
    if (lossy)
        *lossy = damaged;
    return out;
}

/* The set that stands on the right when no escape sequence has said so: the last of 96 characters that is
 * registered, or UTF-8; sets of 94 stand on the left, where an escape sequence puts them. */
static const struct charset *standard_set(const int64_t *registrations, size_t count) {
    const struct charset *standard = charset_latin1;
    for (size_t i = 0; i < count; i++) {
        const struct charset *set = charset_by_registration(registrations[i]);
        if (set && set->kind != CHARSET_94 && set->kind != CHARSET_94_94)
            standard = set;
    }
    return standard;
}

struct span text_from_general(struct span in, const int64_t *registrations, size_t count,
                              struct arena *arena) {
    bool damaged;
    return from_set(in, standard_set(registrations, count), arena, &damaged);
}

void text_stream_init(struct text_stream *stream, const int64_t *registrations, size_t count) {
    iso2022_begin(stream, standard_set(registrations, count));
}

struct span text_stream_next(struct text_stream *stream, struct span in, struct arena *arena) {
    return from_iso2022(in, stream, arena);
}

struct span text_to_registration(struct span utf8, int64_t registration, struct arena *arena) {
    const struct charset *set = charset_by_registration(registration);
    bool damaged = false;
    if (set == charset_utf8)
        return text_is_utf8(utf8) ? utf8 : (struct span){NULL, 0};
    if (!set || !charset_by_name(set->name) || !set->iconv)
        return text_is_ascii(utf8) ? utf8 : (struct span){NULL, 0};
    struct span out = to_set(set, utf8, arena, &damaged);
    return damaged ? (struct span){NULL, 0} : out;
}

struct span text_from_ia5(struct span in, struct arena *arena) {
    return text_is_ascii(in) && !(in.len && memchr(in.data, 0, in.len))
               ? in
               : from_octets(in, charset_latin1, arena);
}

/* Fixed-width characters to UTF-8; `width` octets each. */
static struct span from_wide(struct span in, size_t width, struct arena *arena) {
    uint8_t *start = in.len > SIZE_MAX / 4 ? NULL : arena_alloc(arena, in.len / width * 4 + 1);
    uint8_t *at = start;
    for (size_t i = 0; start && i + width <= in.len; i += width) {
        uint32_t code = 0;
        for (size_t j = 0; j < width; j++)
            code = code << 8 | in.data[i + j];
        if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
            code = 0xFFFD;
        if (code < 0x80) {
            *at++ = (uint8_t)code;
            continue;
        }
        unsigned more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
        *at++ = (uint8_t)(0xFFu << (7 - more) | code >> 6 * more);
        while (more-- > 0)
            *at++ = (uint8_t)(0x80 | (code >> 6 * more & 0x3F));
    }
    return start ? span_of(start, (size_t)(at - start)) : (struct span){NULL, 0};
}

static struct span to_wide(struct span utf8, size_t width, struct arena *arena) {
    uint8_t *start = utf8.len > SIZE_MAX / 8 ? NULL : arena_alloc(arena, utf8.len * width + 1);
    uint8_t *out = start;
    for (size_t at = 0; start && at < utf8.len;) {
        uint32_t code = 0xFFFD;
        size_t len = charset_utf8_character(span_sub(utf8, at, utf8.len), &code);
        if (len == 0 || (width == 2 && code > 0xFFFF))
            code = 0xFFFD;
        for (size_t j = width; j-- > 0;)
            *out++ = (uint8_t)(code >> 8 * j);
        at += len ? len : 1;
    }
    return start ? span_of(start, (size_t)(out - start)) : (struct span){NULL, 0};
}

struct span text_from_bmp(struct span in, struct arena *arena) {
    return from_wide(in, 2, arena);
}

struct span text_from_universal(struct span in, struct arena *arena) {
    return from_wide(in, 4, arena);
}

struct span text_to_bmp(struct span utf8, struct arena *arena) {
    return to_wide(utf8, 2, arena);
}

struct span text_to_universal(struct span utf8, struct arena *arena) {
    return to_wide(utf8, 4, arena);
}

bool text_prepare(void) {
    return charset_prepare();
}

size_t text_control(struct span utf8) {
    uint32_t code = 0;
    size_t len = utf8.len ? charset_utf8_character(utf8, &code) : 0;
    bool control = code < 0x20 || (code >= 0x7F && code < 0xA0);
    bool turns = code == 0x061C || code == 0x200E || code == 0x200F || (code >= 0x202A && code <= 0x202E) ||
                 (code >= 0x2066 && code <= 0x2069);
    return control || turns ? len : 0;
}
