#include "mts/supplementary.h"

#include <string.h>

#include "base/text.h"
#include "schema/x411.h"

struct plain {
    const char *character, *instead;
};

/* What T.61 lacks too; nothing here is longer than what it stands for. */
static const struct plain marks[] = {
    {"“", "'"}, {"”", "'"}, {"„", "'"}, {"«", "'"}, {"»", "'"},   {"‘", "'"},   {"’", "'"},
    {"‚", "'"}, {"–", "-"}, {"—", "-"}, {"‐", "-"}, {"…", "..."}, {"€", "EUR"}, {"\u00A0", " "},
};

static const struct plain *mark_at(struct span text) {
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        size_t length = strlen(marks[i].character);
        if (text.len >= length && memcmp(text.data, marks[i].character, length) == 0)
            return &marks[i];
    }
    return NULL;
}

static struct span plain_marks(struct span text, struct arena *arena) {
    uint8_t *out = arena_alloc(arena, text.len);
    size_t length = 0;
    if (!out)
        return (struct span){NULL, 0};
    while (text.len) {
        const struct plain *mark = mark_at(text);
        size_t used = mark ? strlen(mark->character) : 1, added = mark ? strlen(mark->instead) : 1;
        memcpy(out + length, mark ? (const uint8_t *)mark->instead : text.data, added);
        length += added;
        text = span_sub(text, used, SIZE_MAX);
    }
    return span_of(out, length);
}

/* The letters of T.61 that are no letter with an accent. */
static const char *letter_of(uint8_t octet) {
    static const char *const letters[256] = {
        [0xE1] = "AE", [0xE2] = "D",  [0xE4] = "H",  [0xE6] = "IJ", [0xE7] = "L", [0xE8] = "L",  [0xE9] = "O",
        [0xEA] = "OE", [0xEC] = "Th", [0xED] = "T",  [0xEE] = "N",  [0xF0] = "k", [0xF1] = "ae", [0xF2] = "d",
        [0xF3] = "d",  [0xF4] = "h",  [0xF5] = "i",  [0xF6] = "ij", [0xF7] = "l", [0xF8] = "l",  [0xF9] = "o",
        [0xFA] = "oe", [0xFB] = "ss", [0xFC] = "th", [0xFD] = "t",  [0xFE] = "n",
    };
    return letters[octet];
}

static const char *printable_of(uint8_t octet, char one[static 2]) {
    static const char repertoire[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?";
    const char *letter = letter_of(octet);
    one[0] = octet == '"' ? '\'' : octet && strchr(repertoire, octet) ? (char)octet : '?';
    one[1] = '\0';
    return letter ? letter : one;
}

/* In T.61 an accent stands before its letter. */
static bool is_accent(uint8_t octet) {
    return octet >= 0xC1 && octet <= 0xCF;
}

struct span supplementary_of(struct span text, struct arena *arena) {
    struct span teletex = text.len ? text_to_teletex(plain_marks(text, arena), arena, NULL) : text;
    uint8_t *out = teletex.len ? arena_alloc(arena, x411_ub_supplementary_info_length) : NULL;
    size_t length = 0;
    if (!out)
        return (struct span){NULL, 0};
    for (size_t i = 0; i < teletex.len; i++) {
        char one[2];
        const char *printable = is_accent(teletex.data[i]) ? "" : printable_of(teletex.data[i], one);
        size_t added = strlen(printable);
        if (length + added > x411_ub_supplementary_info_length)
            break;
        memcpy(out + length, printable, added);
        length += added;
    }
    return span_of(out, length);
}
