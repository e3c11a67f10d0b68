#include "mhs/table.h"

#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "base/charset.h"
#include "base/text.h"
#include "mhs/command.h"
#include "mhs/output.h"

/* No column that may be cut becomes narrower than this, and none above whose row a text may stand than that.
 */
#define LEAST       10
#define LEAST_ABOVE 20

#define USUAL_COLUMNS 80

/* Of what is told below a row. */
#define BELOW 4

/* ---- widths ---- */

/* The C library knows the width of a character in a locale of UTF-8 only. */
static size_t width_of(uint32_t code) {
    static locale_t utf8;
    if (!utf8)
        utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = utf8 ? uselocale(utf8) : (locale_t)0;
    int width = wcwidth((wchar_t)code);
    if (before)
        uselocale(before);
    return width < 0 ? 1 : (size_t)width;
}

/* Octets of the character at the start of `text`, and its display columns. */
static size_t step(struct span text, size_t *width) {
    uint32_t code = 0;
    size_t octets = charset_utf8_character(text, &code);
    if (text_control(text)) /* `\x1B` or `\u202E` */
        *width = code < 0x100 ? 4 : 6;
    else
        *width = octets ? width_of(code) : 1;
    return octets ? octets : 1;
}

static size_t span_width(struct span text) {
    size_t total = 0, width;
    while (text.len) {
        size_t octets = step(text, &width);
        text = span_sub(text, octets, text.len);
        total += width;
    }
    return total;
}

size_t out_width(const char *text) {
    return span_width(span_str(text));
}

static size_t number_of(const char *text) {
    char *end;
    long number = text ? strtol(text, &end, 10) : 0;
    return number > 0 && !*end ? (size_t)number : 0;
}

static size_t columns_of_terminal(void) {
    struct winsize size;
    if (command_settings.wide)
        return SIZE_MAX;
    size_t columns = number_of(getenv("COLUMNS"));
    if (!columns && isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        columns = size.ws_col;
    return columns ? columns : USUAL_COLUMNS;
}

static void pad(size_t count) {
    for (; count > 0; count--)
        putchar(' ');
}

/* ---- cells ---- */

/* As many whole characters of the text's beginning, or end, as `room` columns hold. */
static struct span part_of(struct span text, size_t room, bool end) {
    size_t skip = end ? span_width(text) : 0, width, taken = 0, at = 0;
    skip = skip > room ? skip - room : 0;
    while (at < text.len) {
        size_t octets = step(span_sub(text, at, text.len), &width);
        if (end ? taken >= skip && width : taken + width > room)
            break;
        taken += width;
        at += octets;
    }
    return end ? span_sub(text, at, text.len) : span_sub(text, 0, at);
}

static void print_cut(const char *text, size_t room, enum table_cut cut) {
    bool end = cut == TABLE_CUT_START;
    struct span part = part_of(span_str(text), room - 1, end);
    if (end)
        fputs("…", stdout);
    out_line_part((const char *)part.data, part.len);
    if (!end)
        fputs("…", stdout);
    pad(room - 1 - span_width(part));
}

static bool is_cut(const struct out_column *column) {
    return column->cut == TABLE_CUT_END || column->cut == TABLE_CUT_START;
}

static bool gives_way(const struct out_column *column) {
    return is_cut(column) || column->cut == TABLE_ABOVE;
}

static void print_cell(const char *text, size_t width, const struct out_column *column, bool last) {
    size_t used = out_width(text);
    size_t fill = used < width ? width - used : 0;
    if (column->right)
        pad(fill);
    if (used > width && is_cut(column))
        print_cut(text, width, column->cut);
    else
        out_line(text);
    if (!last)
        pad((column->right ? 0 : fill) + 2);
}

/* ---- lines that go on ---- */

static void print_at(struct out_flow *flow, struct span text, size_t gap) {
    pad(gap);
    out_line_part((const char *)text.data, text.len);
    flow->at += gap + span_width(text);
}

static void begin_line(struct out_flow *flow) {
    putchar('\n');
    pad(flow->indent);
    flow->at = flow->indent;
}

static bool is_begun(const struct out_flow *flow) {
    return flow->at > 0 && flow->at != flow->indent;
}

/* Behind a gap, or at the beginning of the next line. False: it has no room there either. */
static bool place_whole(struct out_flow *flow, struct span text, size_t gap, size_t columns) {
    size_t width = span_width(text);
    bool fits = flow->at + gap + width <= columns;
    if (!fits && (!is_begun(flow) || flow->indent + width > columns))
        return false;
    if (!fits)
        begin_line(flow);
    print_at(flow, text, fits ? gap : 0);
    return true;
}

/* A word that is longer than a line. */
static void place_parts(struct out_flow *flow, struct span word, size_t gap, size_t columns) {
    if (flow->at + gap + LEAST > columns && is_begun(flow)) {
        begin_line(flow);
        gap = 0;
    }
    while (word.len) {
        size_t taken = flow->at + gap, room = columns > taken + LEAST ? columns - taken : LEAST;
        struct span part = part_of(word, room, false);
        print_at(flow, part, gap);
        word = span_sub(word, part.len, word.len);
        gap = 0;
        if (word.len)
            begin_line(flow);
    }
}

void out_flow(struct out_flow *flow, const char *text) {
    size_t columns = columns_of_terminal(), gap = is_begun(flow) ? 2 : 0;
    if (is_begun(flow) && flow->tab > flow->at + gap)
        gap = flow->tab - flow->at;
    struct span rest = span_str(text);
    if (place_whole(flow, rest, gap, columns))
        return;
    while (rest.len) {
        const uint8_t *space = memchr(rest.data, ' ', rest.len);
        struct span word = span_sub(rest, 0, space ? (size_t)(space - rest.data) : rest.len);
        if (!place_whole(flow, word, gap, columns))
            place_parts(flow, word, gap, columns);
        rest = span_sub(rest, word.len + (space != NULL), rest.len);
        gap = 1;
    }
}

/* ---- tables ---- */

static size_t widen(const json_t *rows, const struct out_column *columns, size_t widths[]) {
    size_t count = 0, i;
    const json_t *row;
    for (; columns[count].heading; count++) {
        widths[count] = out_width(columns[count].heading);
        json_array_foreach(rows, i, row) {
            size_t width = out_width(out_text(row, columns[count].member));
            widths[count] = width > widths[count] ? width : widths[count];
        }
    }
    return count;
}

/* The widest of those that give way gives first. False: they can't give enough. */
static bool narrow(const struct out_column *columns, size_t count, size_t widths[], size_t room) {
    size_t total = 2 * (count - 1);
    for (size_t i = 0; i < count; i++)
        total += widths[i];
    while (total > room) {
        size_t widest = count;
        for (size_t i = 0; i < count; i++) {
            size_t least = columns[i].cut == TABLE_ABOVE ? LEAST_ABOVE : LEAST;
            if (gives_way(&columns[i]) && widths[i] > least &&
                (widest == count || widths[i] > widths[widest]))
                widest = i;
        }
        if (widest == count)
            return false;
        widths[widest]--;
        total--;
    }
    return true;
}

/* What flows has a line below where the others can't give it room: then they need not. */
static void fit(const struct out_column *columns, size_t count, size_t widths[OUT_COLUMNS_MAX]) {
    size_t whole[OUT_COLUMNS_MAX], room = columns_of_terminal();
    bool flows = columns[count - 1].cut == TABLE_FLOW;
    memcpy(whole, widths, count * sizeof *whole);
    if (narrow(columns, count, widths, room) || !flows)
        return;
    memcpy(widths, whole, count * sizeof *whole);
    widths[count - 1] = out_width(columns[count - 1].heading);
    narrow(columns, count, widths, room);
}

/* A line of its own for what has no room in the first cell, which is empty then: what to print in that. */
static const char *print_above(const char *text, size_t width, const struct out_column *column) {
    struct out_flow flow = {.indent = BELOW};
    if (column->cut != TABLE_ABOVE || out_width(text) <= width)
        return text;
    out_flow(&flow, text);
    putchar('\n');
    return "";
}

/* The cells before one that flows, padded by it, and it. */
static void print_flowing(const json_t *row, const struct out_column *columns, size_t count,
                          const size_t widths[]) {
    const char *text = out_text(row, columns[count - 1].member);
    struct out_flow flow = {.indent = BELOW};
    for (size_t c = 0; c + 1 < count; c++) {
        const char *cell = print_above(out_text(row, columns[c].member), widths[c], &columns[c]);
        size_t used = out_width(cell);
        bool last = c + 2 == count;
        print_cell(cell, widths[c], &columns[c], last);
        flow.at = flow.tab + (used > widths[c] || columns[c].right ? widths[c] : used);
        flow.tab += widths[c] + 2;
    }
    if (*text)
        out_flow(&flow, text);
}

static void print_row(const json_t *row, const struct out_column *columns, size_t count,
                      const size_t widths[]) {
    if (columns[count - 1].cut == TABLE_FLOW)
        print_flowing(row, columns, count, widths);
    else
        for (size_t c = 0; c < count; c++)
            print_cell(print_above(out_text(row, columns[c].member), widths[c], &columns[c]), widths[c],
                       &columns[c], c + 1 == count);
    putchar('\n');
}

void out_table_part(const json_t *rows, const struct out_column *columns, struct out_widths *widths) {
    size_t count = 0, i;
    const json_t *row;
    while (columns[count].heading)
        count++;
    if (!widths->begun) {
        widen(rows, columns, widths->columns);
        fit(columns, count, widths->columns);
        fputs(out_style(OUT_BOLD), stdout);
        for (size_t c = 0; c < count; c++)
            print_cell(columns[c].heading, widths->columns[c], &columns[c], c + 1 == count);
        printf("%s\n", out_end());
        widths->begun = true;
    }
    json_array_foreach(rows, i, row) print_row(row, columns, count, widths->columns);
}

void out_table(const json_t *rows, const struct out_column *columns) {
    struct out_widths widths = {0};
    out_table_part(rows, columns, &widths);
}
