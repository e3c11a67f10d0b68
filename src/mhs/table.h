/* Tables on the terminal: aligned by display columns, and no wider than it is. */
#ifndef MHS_TABLE_H
#define MHS_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* What becomes of a text that its column has no room for. */
enum table_cut {
    TABLE_WHOLE,     /* it is never cut */
    TABLE_CUT_END,   /* its end gives way to an ellipsis */
    TABLE_CUT_START, /* its beginning does: an address says most at its end */
    TABLE_FLOW,      /* of the last column: it is told whole, below the row, indented, where the others can't
                        give it room */
    TABLE_ABOVE      /* of the first column: it is told whole, above the rest of its row */
};

/* A column of a table: its heading, and the member of each row that stands in it; numbers are set right. */
struct out_column {
    const char *heading;
    const char *member;
    bool right;
    enum table_cut cut;
};

/* Prints the array `rows` of objects under headings; columns end with a NULL heading. Columns that may be cut
 * share what room the terminal leaves them, and leave room for one that flows if that is enough for it. */
void out_table(const json_t *rows, const struct out_column *columns);

/* The same in parts: the headings and the widths are those of the first part. */
#define OUT_COLUMNS_MAX 16
struct out_widths {
    size_t columns[OUT_COLUMNS_MAX];
    bool begun;
};
void out_table_part(const json_t *rows, const struct out_column *columns, struct out_widths *widths);

/* A line that goes on below itself, indented, where the terminal ends: at $COLUMNS, or as it says, or at 80
 * columns; nowhere after --wide. */
struct out_flow {
    size_t at;     /* columns that are taken */
    size_t tab;    /* the next text begins in this one at the earliest */
    size_t indent; /* of the lines that follow */
};

/* Prints the text two columns behind what stands there, or at the tab, on a line of its own if it has no
 * room; one that has no line's room is parted at its spaces, or anywhere. Shows control characters. */
void out_flow(struct out_flow *flow, const char *text);

/* The display columns that UTF-8 text takes as out_line prints it: two for a wide character, none for a
 * combining one, and those of the escape for a control character. */
size_t out_width(const char *text);

#endif
