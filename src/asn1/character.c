/* Repertoires of the string types (X.680 §41) and lengths in characters. */
#include "asn1/ber_private.h"

enum { NUMERIC = 1, PRINTABLE = 2, VISIBLE = 4, IA5 = 8, TIME = 16 };

#define CONTROL   IA5
#define OTHER     (IA5 | VISIBLE)
#define LETTER    (IA5 | VISIBLE | PRINTABLE)
#define DIGIT     (IA5 | VISIBLE | PRINTABLE | NUMERIC | TIME)
#define SPACE     (IA5 | VISIBLE | PRINTABLE | NUMERIC)
#define TIME_SIGN (IA5 | VISIBLE | PRINTABLE | TIME)

const uint8_t ber_repertoires[256] = {
    [0 ... 0x1F] = CONTROL,  [' '] = SPACE,         ['!' ... '&'] = OTHER,
    ['\'' ... ')'] = LETTER, ['*'] = OTHER,         ['+' ... '.'] = TIME_SIGN,
    ['/'] = LETTER,          ['0' ... '9'] = DIGIT, [':'] = LETTER,
    [';' ... '<'] = OTHER,   ['='] = LETTER,        ['>'] = OTHER,
    ['?'] = LETTER,          ['@'] = OTHER,         ['A' ... 'Y'] = LETTER,
    ['Z'] = TIME_SIGN,       ['[' ... '`'] = OTHER, ['a' ... 'z'] = LETTER,
    ['{' ... '~'] = OTHER,   [0x7F] = CONTROL,
};

const uint8_t ber_repertoire_of[] = {
    [BER_KIND_NUMERICSTRING] = NUMERIC, [BER_KIND_PRINTABLESTRING] = PRINTABLE,
    [BER_KIND_IA5STRING] = IA5,         [BER_KIND_VISIBLESTRING] = VISIBLE,
    [BER_KIND_UTCTIME] = TIME,          [BER_KIND_GENERALIZEDTIME] = TIME,
};

static bool each_octet(struct span s, uint8_t repertoire, size_t *at) {
    for (*at = 0; *at < s.len; ++*at)
        if (!(ber_repertoires[s.data[*at]] & repertoire))
            return false;
    return true;
}

/* Octets of the UTF-8 character at `i`, or 0. Overlong forms and surrogates are none (RFC 3629 §4). */
static size_t utf8_length(struct span s, size_t i) {
    uint8_t c = s.data[i];
    size_t len = c < 0x80                ? 1
                 : c >= 0xC2 && c < 0xE0 ? 2
                 : c >= 0xE0 && c < 0xF0 ? 3
                 : c >= 0xF0 && c < 0xF5 ? 4
                                         : 0;
    if (len == 0 || len > s.len - i)
        return 0;
    for (size_t k = 1; k < len; k++)
        if ((s.data[i + k] & 0xC0) != 0x80)
            return 0;
    uint8_t second = len > 2 ? s.data[i + 1] : 0x80;
    bool bad = (c == 0xE0 && second < 0xA0) || (c == 0xED && second > 0x9F) || (c == 0xF0 && second < 0x90) ||
               (c == 0xF4 && second > 0x8F);
    return bad ? 0 : len;
}

static bool check_utf8(struct span s, size_t *at) {
    for (size_t i = 0, len; i < s.len; i += len) {
        len = utf8_length(s, i);
        if (!len) {
            *at = i;
            return false;
        }
    }
    return true;
}

static bool check_wide(struct span s, size_t width, size_t *at) {
    for (size_t i = 0; i < s.len; i += width) {
        *at = i;
        if (s.len - i < width)
            return false;
        if (width == 4 && (s.data[i] || s.data[i + 1] > 0x10))
            return false;
    }
    return true;
}

bool ber_repertoire_check(enum ber_kind kind, struct span s, size_t *at) {
    switch (kind) {
    case BER_KIND_UTF8STRING:
        return check_utf8(s, at);
    case BER_KIND_BMPSTRING:
        return check_wide(s, 2, at);
    case BER_KIND_UNIVERSALSTRING:
        return check_wide(s, 4, at);
    default:
        return kind > BER_KIND_GENERALIZEDTIME || !ber_repertoire_of[kind] ||
               each_octet(s, ber_repertoire_of[kind], at);
    }
}

/* T.61's accents (0xC0 to 0xCF) stand before the letter that carries them and are no character of their own.
 */
static size_t count_teletex(struct span s) {
    size_t count = 0;
    for (size_t i = 0; i < s.len; i++)
        count += (s.data[i] & 0xF0) != 0xC0;
    return count;
}

static size_t count_utf8(struct span s) {
    size_t count = 0;
    for (size_t i = 0; i < s.len; i++)
        count += (s.data[i] & 0xC0) != 0x80;
    return count;
}

size_t ber_character_count(enum ber_kind kind, struct span s) {
    switch (kind) {
    case BER_KIND_BMPSTRING:
        return s.len / 2;
    case BER_KIND_UNIVERSALSTRING:
        return s.len / 4;
    case BER_KIND_UTF8STRING:
        return count_utf8(s);
    case BER_KIND_TELETEXSTRING:
        return count_teletex(s);
    default:
        return s.len;
    }
}

bool ber_is_string(enum ber_kind kind, struct span s) {
    int64_t ignored;
    size_t at;
    return ber_repertoire_check(kind, s, &at) &&
           (kind != BER_KIND_UTCTIME || ber_utctime_read(s, &ignored)) &&
           (kind != BER_KIND_GENERALIZEDTIME || ber_generalizedtime_read(s, &ignored));
}
