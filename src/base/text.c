#include "base/text.h"

#include <errno.h>
#include <iconv.h>
#include <strings.h>

struct charset {
    int64_t registration;
    const char *name; /* as iconv knows it */
    uint8_t
        final; /* last octet of the escape sequence that designates it to G1 as a set of 96 (ESC 2/13 F) */
};

/* ISO International Register of coded character sets. */
static const struct charset charsets[] = {
    {TEXT_IR_LATIN1, "ISO-8859-1", 'A'},
    {101, "ISO-8859-2", 'B'},
    {109, "ISO-8859-3", 'C'},
    {110, "ISO-8859-4", 'D'},
    {144, "ISO-8859-5", 'L'},
    {127, "ISO-8859-6", 'G'},
    {126, "ISO-8859-7", 'F'},
    {138, "ISO-8859-8", 'H'},
    {148, "ISO-8859-9", 'M'},
    {157, "ISO-8859-10", 'V'},
    {166, "ISO-8859-11", 'T'},
    {179, "ISO-8859-13", 'Y'},
    {199, "ISO-8859-14", '_'},
    {203, "ISO-8859-15", 'b'},
    {226, "ISO-8859-16", 'f'},
    {156, "ISO6937", 'R'},
    {TEXT_IR_UTF8, "UTF-8", 0},
};

static const struct charset teletex = {103, "T.61-8BIT", 0};
static const struct charset *const utf8_set = &charsets[sizeof charsets / sizeof *charsets - 1];

#define CHARSETS (sizeof charsets / sizeof *charsets)
#define ESC      0x1B

static const struct charset *by_registration(int64_t registration) {
    if (registration >= 190 && registration <= 192)
        return utf8_set; /* levels 1 to 3 of UTF-8 without standard return */
    for (size_t i = 0; i < CHARSETS; i++)
        if (charsets[i].registration == registration)
            return &charsets[i];
    return NULL;
}

const char *text_registration_name(int64_t registration) {
    if (registration == TEXT_IR_ASCII || registration == 2)
        return "US-ASCII";
    const struct charset *set = by_registration(registration);
    return set ? set->name : NULL;
}

int64_t text_registration_by_name(const char *name) {
    if (strcasecmp(name, "US-ASCII") == 0)
        return TEXT_IR_ASCII;
    for (size_t i = 0; i < CHARSETS; i++)
        if (strcasecmp(charsets[i].name, name) == 0)
            return charsets[i].registration;
    return 0;
}

bool text_is_ascii(struct span in) {
    for (size_t i = 0; i < in.len; i++)
        if (in.data[i] > 0x7F)
            return false;
    return true;
}

/* Octets of the character at the start of `in`, 0 when it is malformed; its number in `*code`. */
static size_t utf8_character(struct span in, uint32_t *code) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = in.data[0];
    size_t len = first < 0x80   ? 1
                 : first < 0xC0 ? 0
                 : first < 0xE0 ? 2
                 : first < 0xF0 ? 3
                 : first < 0xF8 ? 4
                                : 0;
    if (len == 0 || len > in.len)
        return 0;
    *code = len == 1 ? first : first & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((in.data[i] & 0xC0) != 0x80)
            return 0;
        *code = *code << 6 | (in.data[i] & 0x3F);
    }
    bool surrogate = *code >= 0xD800 && *code <= 0xDFFF;
    return *code < least[len] || *code > 0x10FFFF || surrogate ? 0 : len;
}

/* The highest character of well-formed UTF-8; UINT32_MAX when it is malformed. */
static uint32_t highest_character(struct span in) {
    uint32_t highest = 0, code = 0;
    for (size_t at = 0; at < in.len;) {
        size_t len = utf8_character(span_sub(in, at, in.len), &code);
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

/* Where converted text goes: room for the worst case is there from the start. */
struct output {
    char *at;
    size_t left;
    bool damaged; /* something had no place in the target */
};

/*
 * Converts all of `in`; never fails. What iconv refuses is copied when it is
 * ASCII, else `replacement` stands for it. The output has room for three octets
 * (to UTF-8) or four (from it) for each octet of input.
 */
static void convert(iconv_t how, struct span in, bool from_utf8, const char *replacement,
                    struct output *out) {
    char *at = (char *)(uintptr_t)in.data;
    size_t left = in.len;
    while (left > 0 && iconv(how, &at, &left, &out->at, &out->left) == (size_t)-1 && left > 0) {
        uint32_t code;
        if (out->left < 4) /* the room was reckoned for the worst case; this is a second lock */
            break;
        size_t skip = from_utf8 ? utf8_character(span_of(at, left), &code) : 1;
        size_t len = strlen(replacement);
        if ((uint8_t)*at < 0x80) {
            *out->at++ = *at;
            out->left--;
        } else {
            memcpy(out->at, replacement, len);
            out->at += len;
            out->left -= len;
            out->damaged = true;
        }
        at += skip ? skip : 1;
        left -= skip ? skip : 1;
        iconv(how, NULL, NULL, NULL, NULL);
    }
    iconv(how, NULL, NULL, &out->at, &out->left);
}

static void convert_named(const char *to, const char *from, struct span in, const char *replacement,
                          struct output *out) {
    iconv_t how = iconv_open(to, from);
    if (how == (iconv_t)-1) { /* a libc without its conversion modules: ASCII still passes */
        for (size_t i = 0; i < in.len; i++) {
            bool ascii = in.data[i] < 0x80;
            *out->at++ = ascii ? (char)in.data[i] : '?';
            out->left--;
            out->damaged |= !ascii;
        }
        return;
    }
    convert(how, in, strcmp(from, "UTF-8") == 0, replacement, out);
    iconv_close(how);
}

static char *make_room(struct output *out, size_t len, size_t factor, struct arena *arena) {
    if (len > (SIZE_MAX - 8) / factor)
        return NULL;
    *out = (struct output){.left = len * factor + 7};
    out->at = arena_alloc(arena, out->left + 1);
    return out->at;
}

static struct span finish(const char *start, const struct output *out) {
    *out->at = '\0';
    return span_of(start, (size_t)(out->at - start));
}

/* The length of the escape sequence at the start of `in` (ISO 2022: intermediate octets 0x20 to 0x2F, one
 * final), 0: none. */
static size_t escape_length(struct span in) {
    size_t at = 1;
    while (at < in.len && in.data[at] >= 0x20 && in.data[at] <= 0x2F)
        at++;
    return in.len > 1 && in.data[0] == ESC && at < in.len && in.data[at] >= 0x30 && in.data[at] <= 0x7E
               ? at + 1
               : 0;
}

/* The set that is invoked on the right after an escape sequence of `len` octets. */
static const struct charset *follow_escape(struct span escape, const struct charset *now,
                                           const struct charset *standard) {
    uint8_t final = escape.data[escape.len - 1];
    if (escape.len >= 3 && escape.data[1] == 0x25)
        return final == 0x40 ? standard
                             : utf8_set; /* DOCS: ESC % @ returns, ESC % G and ESC % / G.. enter UTF-8 */
    if (escape.len == 3 && escape.data[1] == 0x29)
        return final == 'v' ? &teletex : now;
    if (escape.len != 3 || escape.data[1] < 0x2D || escape.data[1] > 0x2F)
        return now; /* sets of 94 for the left half: all are read as ASCII */
    for (size_t i = 0; i + 1 < CHARSETS; i++)
        if (charsets[i].final == final)
            return &charsets[i];
    return now;
}

static void put(struct output *out, const void *octets, size_t len) {
    if (len)
        memcpy(out->at, octets, len);
    out->at += len;
    out->left -= len;
}

/* UTF-8 to UTF-8: iconv lets numbers above U+10FFFF through. */
static void copy_utf8(struct span in, struct output *out) {
    static const char replacement[] = "\xEF\xBF\xBD";
    uint32_t code;
    size_t good = 0, len = 1;
    for (size_t at = 0; at < in.len; at += len ? len : 1) {
        len = utf8_character(span_sub(in, at, in.len), &code);
        if (len) {
            good += len;
            continue;
        }
        put(out, in.data + at - good, good);
        put(out, replacement, sizeof replacement - 1);
        out->damaged = true;
        good = 0;
    }
    put(out, in.data + in.len - good, good);
}

/* Converts text with escape sequences; `*set` is on the right at the start, and then at the end; `standard`
 * is what ESC % @ returns to. */
static struct span from_iso2022_piece(struct span in, const struct charset *standard,
                                      const struct charset **set, struct arena *arena, bool *damaged) {
    struct output out;
    char *start = make_room(&out, in.len, 3, arena);
    if (!start)
        return (struct span){NULL, 0};
    for (size_t at = 0; at < in.len;) {
        struct span rest = span_sub(in, at, in.len);
        size_t escape = escape_length(rest);
        if (escape) {
            *set = follow_escape(span_sub(rest, 0, escape), *set, standard);
            at += escape;
            continue;
        }
        const uint8_t *next = rest.len > 1 ? memchr(rest.data + 1, ESC, rest.len - 1) : NULL;
        size_t len = next ? (size_t)(next - rest.data) : rest.len;
        if (*set == utf8_set)
            copy_utf8(span_sub(rest, 0, len), &out);
        else
            convert_named("UTF-8", (*set)->name, span_sub(rest, 0, len), "\xEF\xBF\xBD", &out);
        at += len;
    }
    *damaged = out.damaged;
    return finish(start, &out);
}

static struct span from_iso2022(struct span in, const struct charset *standard, struct arena *arena,
                                bool *damaged) {
    const struct charset *set = standard;
    return from_iso2022_piece(in, standard, &set, arena, damaged);
}

struct span text_from_teletex(struct span in, struct arena *arena) {
    bool damaged;
    if (text_is_ascii(in) && !(in.len && memchr(in.data, ESC, in.len)))
        return arena_dup(arena, in);
    struct span out = from_iso2022(in, &teletex, arena, &damaged);
    if (!out.data || !damaged)
        return out;
    return from_iso2022(in, text_is_utf8(in) ? utf8_set : by_registration(TEXT_IR_LATIN1), arena, &damaged);
}

static struct span convert_whole(const char *to, const char *from, struct span in, size_t factor,
                                 const char *replacement, struct arena *arena, bool *damaged) {
    struct output out;
    char *start = make_room(&out, in.len, factor, arena);
    if (!start)
        return (struct span){NULL, 0};
    convert_named(to, from, in, replacement, &out);
    *damaged = out.damaged;
    return finish(start, &out);
}

struct span text_to_teletex(struct span utf8, struct arena *arena, bool *lossy) {
    bool damaged = false;
    struct span out = text_is_ascii(utf8)
                          ? arena_dup(arena, utf8)
                          : convert_whole("T.61-8BIT", "UTF-8", utf8, 4, "?", arena, &damaged);
    if (lossy)
        *lossy = damaged;
    return out;
}

/* The set that stands on the right when no escape sequence has said so. */
static const struct charset *standard_set(const int64_t *registrations, size_t count) {
    const struct charset *standard = by_registration(TEXT_IR_LATIN1);
    for (size_t i = 0; i < count; i++)
        if (by_registration(registrations[i]))
            standard = by_registration(registrations[i]);
    return standard;
}

struct span text_from_general(struct span in, const int64_t *registrations, size_t count,
                              struct arena *arena) {
    bool damaged;
    return from_iso2022(in, standard_set(registrations, count), arena, &damaged);
}

void text_stream_init(struct text_stream *stream, const int64_t *registrations, size_t count) {
    const struct charset *standard = standard_set(registrations, count);
    *stream = (struct text_stream){standard, standard, false};
}

struct span text_stream_next(struct text_stream *stream, struct span in, struct arena *arena) {
    bool damaged = false;
    const struct charset *set = stream->set;
    struct span out = from_iso2022_piece(in, stream->standard, &set, arena, &damaged);
    stream->set = set;
    stream->damaged |= damaged;
    return out;
}

struct span text_to_registration(struct span utf8, int64_t registration, struct arena *arena) {
    const struct charset *set = by_registration(registration);
    bool damaged = !set && !text_is_ascii(utf8);
    if (!set || set == utf8_set)
        return damaged || !text_is_utf8(utf8) ? (struct span){NULL, 0} : utf8;
    struct span out = convert_whole(set->name, "UTF-8", utf8, 4, "?", arena, &damaged);
    return damaged ? (struct span){NULL, 0} : out;
}

struct span text_from_ia5(struct span in, struct arena *arena) {
    bool damaged;
    return text_is_ascii(in) ? in : convert_whole("UTF-8", "ISO-8859-1", in, 3, "?", arena, &damaged);
}

/* Fixed-width characters to UTF-8; `width` octets each. */
static struct span from_wide(struct span in, size_t width, struct arena *arena) {
    uint8_t *start = in.len > SIZE_MAX / 4 ? NULL : arena_alloc(arena, in.len / width * 4 + 1);
    uint8_t *at = start;
    for (size_t i = 0; start && i + width <= in.len; i += width) {
        uint32_t code = 0;
        for (size_t j = 0; j < width; j++)
            code = code << 8 | in.data[i + j];
        if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
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
        size_t len = utf8_character(span_sub(utf8, at, utf8.len), &code);
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

/* The descriptors stay open: glibc keeps the modules of a conversion as long as somebody uses it. */
bool text_prepare(void) {
    bool all = true;
    for (size_t i = 0; i <= CHARSETS; i++) {
        const char *name = i < CHARSETS ? charsets[i].name : teletex.name;
        iconv_t from = iconv_open("UTF-8", name), to = iconv_open(name, "UTF-8");
        all &= from != (iconv_t)-1 && to != (iconv_t)-1; // NOLINT: iconv's own value of failure
    }
    return all;
}
