/*
 * The characters of messages: TeletexString (T.61), GeneralString with
 * registered sets (ISO 2022, ISO-IR), BMPString and UniversalString, to UTF-8
 * and back. Input is hostile: what is no character becomes U+FFFD, and so does
 * NUL, so that no text is cut where it is used as one of C's; nothing fails but
 * memory.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/arena.h"
#include "base/span.h"

/* The value of a hexadecimal digit, either case; -1: it is none. */
static inline int text_hex_digit(uint8_t c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

/* Registration numbers of ISO-IR that stand in general-text's parameters. */
enum { TEXT_IR_C0 = 1, TEXT_IR_ASCII = 6, TEXT_IR_LATIN1 = 100, TEXT_IR_UTF8 = 196 };

/*
 * A TeletexString as UTF-8 in the arena; a NUL follows it. Escape sequences that
 * designate ISO 8859 sets or UTF-8 are followed. Octets below 0x80 are read as
 * ASCII: T.61 leaves some of them out, but senders use them all. Text that is
 * not T.61 at all is taken for UTF-8 if it is that, else for ISO 8859-1, which
 * real user agents send. `data` is NULL without memory.
 */
struct span text_from_teletex(struct span in, struct arena *arena);

/*
 * UTF-8 as a TeletexString. What T.61 lacks becomes `?`, and `*lossy` (which may
 * be NULL) true. `data` is NULL without memory.
 */
struct span text_to_teletex(struct span utf8, struct arena *arena, bool *lossy);

/* A GeneralString whose sets have these registration numbers, as UTF-8. Escape sequences in it go before the
 * registrations. */
struct span text_from_general(struct span in, const int64_t *registrations, size_t count,
                              struct arena *arena);

/*
 * A GeneralString that comes piece by piece: what its escape sequences
 * designated stays designated. A piece ends with the text or after a line feed,
 * so that no character and no escape sequence is cut.
 */
struct text_stream {
    const void *standard, *sets[4]; /* G0 to G3; NULL: none */
    uint8_t left, right;            /* which of them is on each side */
    bool utf8;                      /* instead of them */
    bool damaged;                   /* something that is no character was met */
};
void text_stream_init(struct text_stream *stream, const int64_t *registrations, size_t count);
/* The next piece as UTF-8; `data` is NULL without memory. */
struct span text_stream_next(struct text_stream *stream, struct span in, struct arena *arena);

/* UTF-8 in the set with this registration (TEXT_IR_UTF8, or an ISO 8859 part). The absent span when a
 * character has no place in it. */
struct span text_to_registration(struct span utf8, int64_t registration, struct arena *arena);

/* The smallest of ASCII (6), ISO 8859-1 (100) and UTF-8 (196) that holds the text: a registration number. */
int64_t text_smallest_registration(struct span utf8);

/* What a registration number is called (`ISO-8859-1`), or NULL when it is not known here. */
const char *text_registration_name(int64_t registration);

/* The registration number of a set by its name, letters' case ignored; 0 when it is not known. */
int64_t text_registration_by_name(const char *name);

/* IA5String as UTF-8: octets over 0x7F, which have no business there, are read as ISO 8859-1. */
struct span text_from_ia5(struct span in, struct arena *arena);

/* BMPString (two octets a character) and UniversalString (four) to UTF-8; UTF-8 to BMPString, or to
 * UniversalString where it must. */
struct span text_from_bmp(struct span in, struct arena *arena);
struct span text_from_universal(struct span in, struct arena *arena);
struct span text_to_bmp(struct span utf8, struct arena *arena);
struct span text_to_universal(struct span utf8, struct arena *arena);
bool text_fits_bmp(struct span utf8);

/* Loads all that the conversions need, for a process that will have no file system. False when the C library
 * lacks a character set. */
bool text_prepare(void);

/* True if the octets are well-formed UTF-8 (no surrogates, no overlong forms). */
bool text_is_utf8(struct span in);

/*
 * Octets of the character at the start of UTF-8 text when it controls what shows
 * it: C0, DEL, C1, and those that turn the direction of the text round it
 * (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069), with which a name
 * can be made to look like another. 0: another character, or none.
 */
size_t text_control(struct span utf8);

/* True if every octet is ASCII. */
bool text_is_ascii(struct span in);

#endif
