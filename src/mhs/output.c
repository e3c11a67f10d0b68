#include "mhs/output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

static bool coloured(void) {
    static int answer = -1;
    if (answer < 0) {
        const char *term = getenv("TERM");
        const char *none = getenv("NO_COLOR"); /* an empty one does not count: no-color.org */
        answer = isatty(STDOUT_FILENO) && !(none && *none) && term && strcmp(term, "dumb") != 0;
    }
    return answer;
}

const char *out_style(enum out_style style) {
    static const char *const codes[] = {"", "\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[33m"};
    return coloured() ? codes[style] : "";
}

const char *out_end(void) {
    return coloured() ? "\033[0m" : "";
}

const char *out_text(const json_t *object, const char *member) {
    static char numbers[4][24];
    static unsigned next;
    const json_t *value = json_object_get(object, member);
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_boolean(value))
        return json_is_true(value) ? "yes" : "no";
    if (!json_is_integer(value))
        return "-";
    char *text = numbers[next++ % 4];
    snprintf(text, sizeof numbers[0], "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return text;
}

int64_t out_integer(const json_t *object, const char *member) {
    return json_integer_value(json_object_get(object, member));
}

/* The number of a character of one to three octets. */
static uint32_t code_of(struct span character) {
    uint32_t code = character.data[0];
    if (character.len == 2)
        code = (code & 0x1F) << 6 | (character.data[1] & 0x3Fu);
    else if (character.len == 3)
        code = (code & 0x0F) << 12 | (character.data[1] & 0x3Fu) << 6 | (character.data[2] & 0x3Fu);
    return code;
}

/* A control character: `\x1B`, or `\u202E` by its number. */
static void print_escaped(FILE *out, struct span character) {
    uint32_t code = code_of(character);
    fprintf(out, code < 0x100 ? "\\x%02X" : "\\u%04X", code);
}

static void print_visible(FILE *out, const char *text, size_t len, bool lines) {
    for (size_t i = 0; i < len;) {
        size_t odd =
            lines && (text[i] == '\n' || text[i] == '\t') ? 0 : text_control(span_of(text + i, len - i));
        if (odd)
            print_escaped(out, span_of(text + i, odd));
        else
            putc(text[i], out);
        i += odd ? odd : 1;
    }
}

void out_untrusted(FILE *out, const char *text, size_t len) {
    print_visible(out, text, len, true);
}

void out_line(const char *text) {
    out_line_part(text, strlen(text));
}

void out_line_part(const char *text, size_t len) {
    print_visible(stdout, text, len, false);
}

/* ---- JSON ---- */

/* JSON escapes the controls of ASCII by itself; the others, which only strings can hold, here. */
static int put_json(const char *octets, size_t size, void *out) {
    for (size_t i = 0; i < size;) {
        size_t odd = (uint8_t)octets[i] < 0x7F ? 0 : text_control(span_of(octets + i, size - i));
        if (odd)
            fprintf(out, "\\u%04X", code_of(span_of(octets + i, odd)));
        else
            putc(octets[i], out);
        i += odd ? odd : 1;
    }
    return 0;
}

static void print_json(const json_t *value, size_t flags) {
    json_dump_callback(value, put_json, stdout, flags | JSON_ENCODE_ANY);
}

void out_json(const json_t *value) {
    print_json(value, JSON_INDENT(2));
    putchar('\n');
}

/* ---- JSON that comes in parts ---- */

static struct {
    bool open;
    size_t rows;
} stream;

void out_stream_begin(const char *name) {
    printf("{\n  \"%s\": [", name);
    stream.open = true;
    stream.rows = 0;
}

void out_stream_rows(const json_t *rows) {
    const json_t *row;
    size_t i;
    json_array_foreach(rows, i, row) {
        fputs(stream.rows++ ? ",\n    " : "\n    ", stdout);
        print_json(row, JSON_COMPACT);
    }
}

void out_stream_end(json_t *more) {
    const char *name;
    json_t *value;
    fputs(stream.rows ? "\n  ]" : "]", stdout);
    json_object_foreach(more, name, value) {
        printf(",\n  \"%s\": ", name);
        print_json(value, JSON_COMPACT);
    }
    puts("\n}");
    stream.open = false;
    json_decref(more);
}

void out_json_error(json_t *error) {
    static bool said;
    json_t *whole = json_pack("{s:o}", "error", error);
    if (whole && !said && stream.open)
        out_stream_end(json_incref(whole));
    else if (whole && !said)
        out_json(whole);
    said = true;
    json_decref(whole);
}

char *out_size(uint64_t octets, char out[static 16]) {
    static const char *const units[] = {"kB", "MB", "GB", "TB"};
    if (octets < 1000) {
        snprintf(out, 16, "%u B", (unsigned)octets);
        return out;
    }
    double value = (double)octets / 1000;
    size_t unit = 0;
    while (value >= 1000 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1000;
        unit++;
    }
    snprintf(out, 16, value < 10 ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return out;
}

char *out_duration(int64_t seconds, char out[static 24]) {
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}};
    if (seconds < 0)
        seconds = 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (seconds >= 2 * units[i].seconds) {
            snprintf(out, 24, "%" PRId64 " %s", seconds / units[i].seconds, units[i].name);
            return out;
        }
    snprintf(out, 24, "%" PRId64 " s", seconds);
    return out;
}

int64_t out_time(const json_t *object, const char *member) {
    const char *text = json_string_value(json_object_get(object, member));
    int64_t seconds;
    return text && clock_parse(text, &seconds) ? seconds : 0;
}

void out_end_error(json_t *peer) {
    bool waits = strcmp(out_text(peer, "state"), "backing-off") == 0 || out_integer(peer, "tries");
    if (!waits && out_time(peer, "last-success") > out_time(peer, "last-error-at"))
        json_object_set_new(peer, "last-error", json_null());
}

void out_field(const char *label, const char *text) {
    if (!text)
        return;
    printf("%s%s:%s%*s", out_style(OUT_BOLD), label, out_end(),
           strlen(label) < 15 ? (int)(15 - strlen(label)) : 1, "");
    out_line(text);
    putchar('\n');
}
