/* What commands print: aligned tables, values of JSON answers, colour where a person looks. */
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

/* A column of a table: its heading, and the member of each row that stands in it; numbers are set right. */
struct out_column {
    const char *heading;
    const char *member;
    bool right;
};

/* Prints the array `rows` of objects under headings; columns end with a NULL heading. */
void out_table(const json_t *rows, const struct out_column *columns);

/* The same in parts: the headings and the widths are those of the first part. */
#define OUT_COLUMNS_MAX 16
struct out_widths {
    size_t columns[OUT_COLUMNS_MAX];
    bool begun;
};
void out_table_part(const json_t *rows, const struct out_column *columns, struct out_widths *widths);

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

/* Prints UTF-8 text with control characters but newline and tab made visible, so that a message can't drive
 * the terminal. */
void out_untrusted(FILE *out, const char *text, size_t len);

/* The same on standard output for text that must stay on one line: newlines and tabs are made visible too. */
void out_line(const char *text);

/* Prints `label:` padded, then the text, if there is one. */
void out_field(const char *label, const char *text);

/* The columns that UTF-8 text takes. */
size_t out_width(const char *text);

#endif
