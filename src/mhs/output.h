/* What commands print: values of JSON answers, sizes and times for people, colour where a person looks.
 * Tables are in mhs/table.h. */
#ifndef MHS_OUTPUT_H
#define MHS_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum out_style { OUT_PLAIN, OUT_BOLD, OUT_DIM, OUT_GOOD, OUT_BAD, OUT_WARN };

/* The escape sequence that begins a style, or "" when standard output is no terminal or NO_COLOR is set. */
const char *out_style(enum out_style style);
const char *out_end(void);

/* Prints `value` as JSON on standard output with a newline. */
void out_json(const json_t *value);

/* A member as text: strings as they are, integers and booleans spelt out, "-" for null and absent. Valid
 * until the fourth next call. */
const char *out_text(const json_t *object, const char *member);
int64_t out_integer(const json_t *object, const char *member);

/*
 * A JSON object whose only array is printed as it comes:
 * {"NAME": [rows...], members of `more`}. An error that is said in between
 * ends it, so that what was printed stays one JSON value.
 */
void out_stream_begin(const char *name);
void out_stream_rows(const json_t *rows);
/* Takes over the reference. */
void out_stream_end(json_t *more);

/* Prints {"error": ERROR} once (later errors of the same command are not printed), at the end of a stream
 * that is open. Takes over the reference. */
void out_json_error(json_t *error);

/* `12 B`, `3.4 MB`; at least 16 octets in `out`. Returns `out`. */
char *out_size(uint64_t octets, char out[static 16]);

/* `40 s`, `5 min`, `3 h`, `12 d`: a length of time in one unit, for a person. Negative ones are 0. Returns
 * `out`. */
char *out_duration(int64_t seconds, char out[static 24]);

/* The seconds since 1970 of a time in an answer; 0: there is none. */
int64_t out_time(const json_t *object, const char *member);

/* For a table: the peer's `last-error` goes when something has worked since. */
void out_end_error(json_t *peer);

/* Prints UTF-8 text with control characters but newline and tab made visible, so that a message can't drive
 * the terminal. */
void out_untrusted(FILE *out, const char *text, size_t len);

/* The same on standard output for text that must stay on one line: newlines and tabs are made visible too. */
void out_line(const char *text);
void out_line_part(const char *text, size_t len);

/* Prints `label:` padded, then the text, if there is one. */
void out_field(const char *label, const char *text);

#endif
