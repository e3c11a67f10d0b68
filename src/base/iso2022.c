#include "base/iso2022.h"

#define ESC 0x1B
#define SO  0x0E
#define SI  0x0F
#define SS2 0x8E
#define SS3 0x8F

#define REPLACEMENT "\xEF\xBF\xBD"

void iso2022_begin(struct text_stream *stream, const struct charset *standard) {
    *stream = (struct text_stream){.standard = standard, .right = 1};
    stream->sets[0] = standard->kind == CHARSET_94 ? standard : charset_ascii;
    stream->sets[1] = standard->kind == CHARSET_UTF8 ? charset_latin1 : standard;
    stream->utf8 = standard->kind == CHARSET_UTF8;
}

/* ---- escape sequences ---- */

/* The length of the escape sequence at the start of `in` (ISO 2022: intermediate octets 2/0 to 2/15, one
 * final), 0: none. */
static size_t escape_length(struct span in) {
    size_t at = 1;
    while (at < in.len && in.data[at] >= 0x20 && in.data[at] <= 0x2F)
        at++;
    return in.len > 1 && in.data[0] == ESC && at < in.len && in.data[at] >= 0x30 && in.data[at] <= 0x7E
               ? at + 1
               : 0;
}

/* Sets are designated to G0 to G3 by 2/8 to 2/11 (94 characters) and 2/13 to 2/15 (96, to G1 to G3). */
static void designate(struct text_stream *stream, bool many, uint8_t intermediate, uint8_t final) {
    bool of_96 = intermediate >= 0x2D && intermediate <= 0x2F;
    if (intermediate < 0x28 || intermediate > 0x2F || intermediate == 0x2C)
        return; /* control sets, announcements, revisions */
    const struct charset *set = charset_by_final(many    ? CHARSET_94_94
                                                 : of_96 ? CHARSET_96
                                                         : CHARSET_94,
                                                 final);
    if (set)
        stream->sets[(intermediate - (of_96 ? 0x2C : 0x28)) & 3] = set;
    else
        stream->damaged = true;
}

/* Locking shifts: LS2, LS3 on the left, LS1R to LS3R on the right. G0 and G1 have a set always, G2 and G3
 * when one was designated. */
static void shift(struct text_stream *stream, uint8_t final) {
    bool left = final == 'n' || final == 'o', right = final >= '|' && final <= '~';
    uint8_t number = (uint8_t)(left ? 2 + final - 'n' : 1 + '~' - final);
    if (!left && !right)
        return;
    if (!stream->sets[number])
        stream->damaged = true;
    else if (left)
        stream->left = number;
    else
        stream->right = number;
}

static void follow_escape(struct text_stream *stream, struct span escape) {
    uint8_t first = escape.data[1], final = escape.data[escape.len - 1];
    if (first == 0x25) { /* DOCS: ESC % @ returns; ESC % G and ESC % / G.. enter UTF-8 */
        const struct charset *standard = stream->standard;
        stream->utf8 = final != 0x40 || standard->kind == CHARSET_UTF8;
    } else if (escape.len == 2) {
        shift(stream, final);
    } else if (first == 0x24) {
        designate(stream, true, escape.len == 3 ? 0x28 : escape.data[2], final);
    } else if (escape.len == 3) {
        designate(stream, false, first, final);
    }
}

/* ---- characters ---- */

#define STAGE 512

/* Characters of one set, in the form of its code; `octets` are of the left or the right half. */
static void convert_set(const struct charset *set, struct span octets, struct charset_output *out) {
    uint8_t stage[STAGE], high = set->kind == CHARSET_94 && !set->prefix ? 0 : 0x80;
    size_t width = set->kind == CHARSET_94_94 ? 2 : 1, len = 0;
    for (size_t at = 0; at < octets.len; at += width) {
        if (len + 3 > STAGE) {
            charset_to_utf8(set, span_of(stage, len), out);
            len = 0;
        }
        if (set->prefix)
            stage[len++] = set->prefix;
        for (size_t i = at; i < at + width && i < octets.len; i++)
            stage[len++] = (octets.data[i] & 0x7F) | high;
    }
    charset_to_utf8(set, span_of(stage, len), out);
}

static bool is_graphic(const struct charset *left, uint8_t c) {
    return c >= 0xA0 || (c > 0x20 && c < 0x7F) || (c == 0x20 && left->kind == CHARSET_96);
}

/* Octets of both halves, each of its own set. */
static void convert_halves(const struct charset *left, const struct charset *right, struct span in,
                           struct charset_output *out) {
    for (size_t at = 0, end; at < in.len; at = end) {
        uint8_t first = in.data[at];
        end = at + 1;
        if (!is_graphic(left, first)) {
            bool control = first < 0x80;
            charset_put(out, control ? (const char *)&first : REPLACEMENT, control ? 1 : 3);
            out->damaged |= !control;
            continue;
        }
        while (end < in.len && is_graphic(left, in.data[end]) && (in.data[end] ^ first) < 0x80)
            end++;
        convert_set(first < 0x80 ? left : right, span_sub(in, at, end - at), out);
    }
}

/* Octets without escape sequences and shifts. */
static void convert_run(const struct text_stream *stream, struct span in, struct charset_output *out) {
    const struct charset *left = stream->sets[stream->left], *right = stream->sets[stream->right];
    if (stream->utf8)
        charset_to_utf8(charset_utf8, in, out);
    else if (!left->iconv && (right->kind == CHARSET_96 || right->kind == CHARSET_TELETEX))
        charset_to_utf8(right, in, out); /* a code of its own, whose left half is ASCII */
    else
        convert_halves(left, right, in, out);
}

/* The octets of a single shift and its character at the start of `in`, 0: none. */
static size_t single_shift(const struct text_stream *stream, struct span in, const struct charset **set) {
    bool escape = in.len > 2 && in.data[0] == ESC && (in.data[1] == 'N' || in.data[1] == 'O');
    bool octet = in.len > 1 && (in.data[0] == SS2 || in.data[0] == SS3);
    unsigned number = escape ? (in.data[1] == 'N' ? 2 : 3) : octet ? (in.data[0] == SS2 ? 2 : 3) : 0;
    *set = number && !stream->utf8 ? stream->sets[number] : NULL;
    if (!*set)
        return 0;
    size_t len = (escape ? 2u : 1u) + ((*set)->kind == CHARSET_94_94 ? 2u : 1u);
    return len <= in.len ? len : in.len;
}

/* What is no character at the start of `in` and is followed: its length, 0: there is none. */
static size_t follow(struct text_stream *stream, struct span in, struct charset_output *out) {
    const struct charset *set;
    size_t len = single_shift(stream, in, &set);
    if (len) {
        size_t skip = in.data[0] == ESC ? 2 : 1;
        convert_set(set, span_sub(in, skip, len - skip), out);
        return len;
    }
    if (!stream->utf8 && (in.data[0] == SI || in.data[0] == SO)) {
        stream->left = in.data[0] == SO;
        return 1;
    }
    len = escape_length(in);
    if (len)
        follow_escape(stream, span_sub(in, 0, len));
    return len;
}

/* True for an octet that `follow` may have something to do with. */
static bool may_be_followed(const struct text_stream *stream, uint8_t c) {
    return c == ESC ||
           (!stream->utf8 && (c == SI || c == SO || ((c == SS2 || c == SS3) && stream->sets[c - SS2 + 2])));
}

void iso2022_convert(struct text_stream *stream, struct span in, struct charset_output *out) {
    size_t at = 0;
    while (at < in.len) {
        size_t len = follow(stream, span_sub(in, at, in.len), out);
        if (len) {
            at += len;
            continue;
        }
        size_t end = at + 1;
        while (end < in.len && !may_be_followed(stream, in.data[end]))
            end++;
        convert_run(stream, span_sub(in, at, end - at), out);
        at = end;
    }
    stream->damaged |= out->damaged;
}
