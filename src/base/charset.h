/*
 * The coded character sets of ISO's international register (ISO-IR) that text
 * is read in, and their conversion by the C library. Of the room's own use:
 * base/text.h is for the others.
 */
#ifndef BASE_CHARSET_H
#define BASE_CHARSET_H

#include "base/span.h"

enum charset_kind {
    CHARSET_94,      /* one octet a character, 2/1 to 7/14 */
    CHARSET_96,      /* one octet, 2/0 to 7/15: the right half of a code whose left one is ASCII */
    CHARSET_94_94,   /* two octets a character */
    CHARSET_TELETEX, /* a supplementary set whose diacritical marks stand before letters of the left half */
    CHARSET_UTF8     /* no set of ISO 2022: a code of its own */
};

struct charset {
    int64_t registration;
    const char *name;  /* for people */
    const char *iconv; /* the C library's name of a code that has the set; NULL: ASCII */
    enum charset_kind kind;
    uint8_t final;  /* octet of the escape sequence that designates it */
    uint8_t prefix; /* in that code, before each character; 0: none */
};

extern const struct charset *const charset_ascii, *const charset_latin1, *const charset_teletex,
                                                                             *const charset_utf8;

/* The set with that number, or of that kind with that final octet; NULL: none is known. */
const struct charset *charset_by_registration(int64_t registration);
const struct charset *charset_by_final(enum charset_kind kind, uint8_t final);

/* A set that a text can be written in, by its name, letters' case ignored; NULL: none. */
const struct charset *charset_by_name(const char *name);

/* Where converted text goes: room for the worst case is there from the start. */
struct charset_output {
    char *at;
    size_t left;
    bool damaged; /* something had no place in the target */
};

void charset_put(struct charset_output *out, const void *octets, size_t len);

/*
 * Converts octets of the set's code to UTF-8 (three octets at most for each),
 * or UTF-8 to that code (four at most); never fails. What the C library refuses
 * is copied when it is ASCII, else U+FFFD, or `?`, stands for it.
 */
void charset_to_utf8(const struct charset *set, struct span in, struct charset_output *out);
void charset_from_utf8(const struct charset *set, struct span utf8, struct charset_output *out);

/* Octets of the character at the start of `in`, 0 when it is malformed; its number in `*code`. */
size_t charset_utf8_character(struct span in, uint32_t *code);

/* Opens all conversions, for a process that will have no file system. False: the C library lacks one. */
bool charset_prepare(void);

#endif
