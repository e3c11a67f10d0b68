#include "base/charset.h"

#include <iconv.h>
#include <strings.h>

#include "base/text.h"

#define REPLACEMENT "\xEF\xBF\xBD"

/* The places of those that have names in charset.h; the others follow. */
enum { ASCII, TELETEX, LATIN1, UTF8 };

static const struct charset charsets[] = {
    [ASCII] = {TEXT_IR_ASCII, "US-ASCII", NULL, CHARSET_94, 'B', 0},
    [TELETEX] = {103, "T.61", "T.61-8BIT", CHARSET_TELETEX, 'v', 0},
    [LATIN1] = {TEXT_IR_LATIN1, "ISO-8859-1", "ISO-8859-1", CHARSET_96, 'A', 0},
    [UTF8] = {TEXT_IR_UTF8, "UTF-8", NULL, CHARSET_UTF8, 0, 0},
    {2, "US-ASCII", NULL, CHARSET_94, '@', 0}, /* the IRV of 1973, which differs by a currency sign */
    {102, "T.61 primary", NULL, CHARSET_94, 'u', 0},
    {4, "ISO646-GB", "ISO646-GB", CHARSET_94, 'A', 0},
    {10, "ISO646-FI", "ISO646-FI", CHARSET_94, 'G', 0},
    {11, "ISO646-SE2", "ISO646-SE2", CHARSET_94, 'H', 0},
    {13, "JIS X 0201 katakana", "EUC-JP", CHARSET_94, 'I', 0x8E},
    {14, "ISO646-JP", "ISO646-JP", CHARSET_94, 'J', 0},
    {15, "ISO646-IT", "ISO646-IT", CHARSET_94, 'Y', 0},
    {16, "ISO646-PT", "ISO646-PT", CHARSET_94, 'L', 0},
    {17, "ISO646-ES", "ISO646-ES", CHARSET_94, 'Z', 0},
    {21, "ISO646-DE", "ISO646-DE", CHARSET_94, 'K', 0},
    {25, "ISO646-FR1", "ISO646-FR1", CHARSET_94, 'R', 0},
    {60, "ISO646-NO", "ISO646-NO", CHARSET_94, '`', 0},
    {61, "ISO646-NO2", "ISO646-NO2", CHARSET_94, 'a', 0},
    {69, "ISO646-FR", "ISO646-FR", CHARSET_94, 'f', 0},
    {84, "ISO646-PT2", "ISO646-PT2", CHARSET_94, 'g', 0},
    {85, "ISO646-ES2", "ISO646-ES2", CHARSET_94, 'h', 0},
    {86, "ISO646-HU", "ISO646-HU", CHARSET_94, 'i', 0},
    {121, "ISO646-CA", "ISO646-CA", CHARSET_94, 'w', 0},
    {122, "ISO646-CA2", "ISO646-CA2", CHARSET_94, 'x', 0},
    {141, "ISO646-YU", "ISO646-YU", CHARSET_94, 'z', 0},
    {42, "JIS C 6226", "EUC-JP", CHARSET_94_94, '@', 0},
    {58, "GB 2312", "EUC-CN", CHARSET_94_94, 'A', 0},
    {87, "JIS X 0208", "EUC-JP", CHARSET_94_94, 'B', 0},
    {168, "JIS X 0208", "EUC-JP", CHARSET_94_94, 'B', 0},
    {149, "KS X 1001", "EUC-KR", CHARSET_94_94, 'C', 0},
    {159, "JIS X 0212", "EUC-JP", CHARSET_94_94, 'D', 0x8F},
    {156, "ISO6937", "ISO6937", CHARSET_TELETEX, 'R', 0},
    {101, "ISO-8859-2", "ISO-8859-2", CHARSET_96, 'B', 0},
    {109, "ISO-8859-3", "ISO-8859-3", CHARSET_96, 'C', 0},
    {110, "ISO-8859-4", "ISO-8859-4", CHARSET_96, 'D', 0},
    {144, "ISO-8859-5", "ISO-8859-5", CHARSET_96, 'L', 0},
    {127, "ISO-8859-6", "ISO-8859-6", CHARSET_96, 'G', 0},
    {126, "ISO-8859-7", "ISO-8859-7", CHARSET_96, 'F', 0},
    {138, "ISO-8859-8", "ISO-8859-8", CHARSET_96, 'H', 0},
    {148, "ISO-8859-9", "ISO-8859-9", CHARSET_96, 'M', 0},
    {157, "ISO-8859-10", "ISO-8859-10", CHARSET_96, 'V', 0},
    {166, "ISO-8859-11", "ISO-8859-11", CHARSET_96, 'T', 0},
    {179, "ISO-8859-13", "ISO-8859-13", CHARSET_96, 'Y', 0},
    {199, "ISO-8859-14", "ISO-8859-14", CHARSET_96, '_', 0},
    {203, "ISO-8859-15", "ISO-8859-15", CHARSET_96, 'b', 0},
    {226, "ISO-8859-16", "ISO-8859-16", CHARSET_96, 'f', 0},
};
#define CHARSETS (sizeof charsets / sizeof *charsets)

const struct charset *const charset_ascii = &charsets[ASCII];
const struct charset *const charset_teletex = &charsets[TELETEX];
const struct charset *const charset_latin1 = &charsets[LATIN1];
const struct charset *const charset_utf8 = &charsets[UTF8];

const struct charset *charset_by_registration(int64_t registration) {
    if (registration >= 190 && registration <= 192)
        return charset_utf8; /* levels 1 to 3 of UTF-8 without standard return */
    for (size_t i = 0; i < CHARSETS; i++)
        if (charsets[i].registration == registration)
            return &charsets[i];
    return NULL;
}

/* ISO 6937's supplementary set is one of 96 characters, T.61's one of 94. */
static enum charset_kind designated_as(const struct charset *set) {
    return set->kind != CHARSET_TELETEX ? set->kind : set == charset_teletex ? CHARSET_94 : CHARSET_96;
}

const struct charset *charset_by_final(enum charset_kind kind, uint8_t final) {
    for (size_t i = 0; i < CHARSETS; i++)
        if (charsets[i].final == final && designated_as(&charsets[i]) == kind)
            return &charsets[i];
    return NULL;
}

static bool is_writable(const struct charset *set) {
    return set == charset_ascii || set == charset_utf8 || set->kind == CHARSET_96 ||
           (set->kind == CHARSET_TELETEX && set != charset_teletex);
}

const struct charset *charset_by_name(const char *name) {
    for (size_t i = 0; i < CHARSETS; i++)
        if (is_writable(&charsets[i]) && strcasecmp(charsets[i].name, name) == 0)
            return &charsets[i];
    return NULL;
}

size_t charset_utf8_character(struct span in, uint32_t *code) {
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

/* ---- conversion ---- */

/* One conversion each way for each set; a process opens it once and keeps it, so that it works in a sandbox
 * without files, and costs nothing to begin. Each process has one thread. */
static struct conversion {
    iconv_t how;
    bool open, lacking;
} conversions[CHARSETS][2];

static struct conversion *conversion_of(const struct charset *set, bool to_utf8) {
    struct conversion *conversion = &conversions[set - charsets][to_utf8];
    if (!conversion->open && !conversion->lacking) {
        conversion->how = iconv_open(to_utf8 ? "UTF-8" : set->iconv, to_utf8 ? set->iconv : "UTF-8");
        conversion->open = conversion->how != (iconv_t)-1; // NOLINT: iconv's own value of failure
        conversion->lacking = !conversion->open;
    }
    return conversion;
}

bool charset_prepare(void) {
    bool all = true;
    for (size_t i = 0; i < CHARSETS; i++)
        if (charsets[i].iconv)
            all &= conversion_of(&charsets[i], true)->open && conversion_of(&charsets[i], false)->open;
    return all;
}

void charset_put(struct charset_output *out, const void *octets, size_t len) {
    if (len > out->left) /* the room was reckoned for the worst case; this is a second lock */
        len = out->left;
    if (len)
        memcpy(out->at, octets, len);
    out->at += len;
    out->left -= len;
}

/* Without the conversion ASCII still passes. */
static void pass_ascii(struct span in, const char *replacement, struct charset_output *out) {
    for (size_t i = 0; i < in.len; i++) {
        bool ascii = in.data[i] < 0x80;
        charset_put(out, ascii ? (const char *)&in.data[i] : replacement, ascii ? 1 : strlen(replacement));
        out->damaged |= !ascii;
    }
}

/* The octets of the character at the start of `in` that is none of the set's, in the form of its code: one
 * character of the text, however many octets it has, for the room is reckoned by those of the text. */
static size_t wrong_length(const struct charset *set, struct span in) {
    size_t most = (set->prefix && in.data[0] == set->prefix ? 1 : 0) + (set->kind == CHARSET_94_94 ? 2u : 1u);
    size_t len = 1;
    while (len < most && len < in.len && in.data[0] >= 0x80 && in.data[len] >= 0x80)
        len++;
    return len;
}

/* What iconv refuses at the start of `in`: octets to step over. */
static size_t step_over(const struct charset *set, bool to_utf8, struct span in, const char *replacement,
                        struct charset_output *out) {
    uint32_t code;
    size_t len = to_utf8 ? wrong_length(set, in) : charset_utf8_character(in, &code);
    bool ascii = in.data[0] < 0x80;
    charset_put(out, ascii ? (const char *)in.data : replacement, ascii ? 1 : strlen(replacement));
    out->damaged |= !ascii;
    return len ? len : 1;
}

static void convert(const struct charset *set, bool to_utf8, struct span in, struct charset_output *out) {
    const char *replacement = to_utf8 ? REPLACEMENT : "?";
    struct conversion *conversion = conversion_of(set, to_utf8);
    if (!conversion->open) {
        pass_ascii(in, replacement, out);
        return;
    }
    char *at = (char *)(uintptr_t)in.data;
    size_t left = in.len;
    iconv(conversion->how, NULL, NULL, NULL, NULL);
    while (left > 0 && iconv(conversion->how, &at, &left, &out->at, &out->left) == (size_t)-1 && left > 0) {
        if (out->left < 4)
            break;
        size_t len = step_over(set, to_utf8, span_of(at, left), replacement, out);
        at += len;
        left -= len;
        iconv(conversion->how, NULL, NULL, NULL, NULL);
    }
    iconv(conversion->how, NULL, NULL, &out->at, &out->left);
}

/* UTF-8 to UTF-8: iconv lets numbers above U+10FFFF through. */
static void copy_utf8(struct span in, struct charset_output *out) {
    uint32_t code;
    size_t good = 0, len = 1;
    for (size_t at = 0; at < in.len; at += len ? len : 1) {
        len = charset_utf8_character(span_sub(in, at, in.len), &code);
        if (len) {
            good += len;
            continue;
        }
        charset_put(out, in.data + at - good, good);
        charset_put(out, REPLACEMENT, sizeof REPLACEMENT - 1);
        out->damaged = true;
        good = 0;
    }
    charset_put(out, in.data + in.len - good, good);
}

void charset_to_utf8(const struct charset *set, struct span in, struct charset_output *out) {
    if (set == charset_utf8)
        copy_utf8(in, out);
    else if (!set->iconv)
        pass_ascii(in, REPLACEMENT, out);
    else
        convert(set, true, in, out);
}

void charset_from_utf8(const struct charset *set, struct span utf8, struct charset_output *out) {
    convert(set, false, utf8, out);
}
