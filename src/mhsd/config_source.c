#include "mhsd/config_source.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ipc/frames.h"

/* Says of the lines after it which file they are from, and the number of the first: a comment to the parser.
 */
#define MARK "#@line "

#define DEPTH_MOST 8

struct source {
    const char *path;
    const struct source *outer; /* that includes it */
    unsigned depth;
    int line; /* that is being looked at */
    struct buf *text;
    struct error *err;
};

__attribute__((format(printf, 2, 3))) static bool fail(const struct source *source, const char *format, ...) {
    char what[400];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return error_set(source->err, EINVAL, "%s: line %d: %s", source->path, source->line, what);
}

/* ---- one file ---- */

static bool read_octets(FILE *file, struct buf *octets) {
    size_t got = 1;
    while (got > 0 && buf_reserve(octets, 65536)) {
        got = fread(octets->data + octets->len, 1, 65536, file);
        octets->len += got;
    }
    return !ferror(file);
}

/* The whole file; an error of the first file tells what to do about it. */
static bool read_file(const struct source *source, struct buf *octets) {
    FILE *file = fopen(source->path, "re");
    bool there = file != NULL;
    bool done = there && read_octets(file, octets);
    int cause = errno;
    if (file)
        fclose(file);
    if (octets->failed)
        return error_set(source->err, EFBIG, "%s: it is longer than 16 MiB, or there is no memory",
                         source->path);
    if (done && octets->len && memchr(octets->data, '\0', octets->len))
        return error_set(source->err, EINVAL, "%s: it is no text: it has an octet of 0", source->path);
    if (done)
        return true;
    if (source->outer)
        return fail(source->outer, "the file '%s' can't be read: %s", source->path, strerror(cause));
    if (there || cause != ENOENT)
        return error_set(source->err, cause, "%s: it can't be read: %s", source->path, strerror(cause));
    return error_set(source->err, cause,
                     "%s: %s; write one with 'mhsd --write-config %s', or name another with -c", source->path,
                     strerror(cause), source->path);
}

/* ---- lines ---- */

static size_t skip_space(struct span line, size_t at) {
    while (at < line.len && (line.data[at] == ' ' || line.data[at] == '\t' || line.data[at] == '\r'))
        at++;
    return at;
}

/* The name in `include("NAME")`, or an absent span. */
static struct span included(struct span line) {
    static const char word[] = "include";
    const struct span none = {NULL, 0};
    size_t at = skip_space(line, 0);
    if (line.len - at < sizeof word || memcmp(line.data + at, word, sizeof word - 1) != 0)
        return none;
    at = skip_space(line, at + sizeof word - 1);
    if (at >= line.len || line.data[at] != '(')
        return none;
    at = skip_space(line, at + 1);
    if (at >= line.len || line.data[at] != '"')
        return none;
    size_t start = ++at;
    while (at < line.len && line.data[at] != '"')
        at++;
    struct span name = span_sub(line, start, at - start);
    at = skip_space(line, at + 1);
    return at < line.len && line.data[at] == ')' ? name : none;
}

static bool is_open(const struct source *source, const char *path) {
    for (; source; source = source->outer)
        if (strcmp(source->path, path) == 0)
            return true;
    return false;
}

static void resolve(const char *outer, struct span name, size_t size, char path[]) {
    const char *slash = strrchr(outer, '/');
    bool relative = name.len == 0 || name.data[0] != '/';
    snprintf(path, size, "%.*s%.*s", relative && slash ? (int)(slash - outer + 1) : 0, outer, (int)name.len,
             (const char *)name.data);
}

static bool add_source(struct source *source);

static bool add_included(struct source *source, struct span name) {
    char path[4096];
    if (name.len >= 2000)
        return fail(source, "the name of the included file is too long");
    resolve(source->path, name, sizeof path, path);
    if (is_open(source, path))
        return fail(source, "the file '%s' includes itself", path);
    if (source->depth == DEPTH_MOST)
        return fail(source, "'%s' is included by too many files, one in the other", path);
    struct source inner = {
        .path = path, .outer = source, .depth = source->depth + 1, .text = source->text, .err = source->err};
    buf_printf(source->text, MARK "1 %s\n", path);
    if (!add_source(&inner))
        return false;
    buf_printf(source->text, MARK "%d %s\n", source->line + 1, source->path);
    return true;
}

/* Whether a block comment is open after the line. */
static bool in_comment_after(struct span line, bool open) {
    bool quoted = false;
    for (size_t i = 0; i < line.len; i++) {
        uint8_t c = line.data[i], next = i + 1 < line.len ? line.data[i + 1] : 0;
        if (open && c == '*' && next == '/')
            open = false;
        else if (open)
            continue;
        else if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '#' || (c == '/' && next == '/')))
            return false;
        else if (!quoted && c == '/' && next == '*')
            open = true;
    }
    return open;
}

static bool add_lines(struct source *source, struct span rest) {
    bool comment = false;
    while (rest.len) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        struct span line = span_sub(rest, 0, end ? (size_t)(end - rest.data) : rest.len);
        struct span name = comment ? (struct span){NULL, 0} : included(line);
        source->line++;
        rest = span_sub(rest, line.len + (end != NULL), rest.len);
        comment = in_comment_after(line, comment);
        if (name.data) {
            if (!add_included(source, name))
                return false;
            continue;
        }
        buf_append_span(source->text, line);
        buf_append_byte(source->text, '\n');
    }
    return !source->text->failed ||
           error_set(source->err, EFBIG, "%s: with what it includes it is longer than %zu octets",
                     source->path, IPC_CONFIG_FILES);
}

static bool add_source(struct source *source) {
    struct buf octets;
    buf_init(&octets, IPC_CONFIG_FILES);
    bool done = read_file(source, &octets) && add_lines(source, buf_span(&octets));
    buf_free(&octets);
    return done;
}

bool source_read(const char *path, struct buf *text, struct error *err) {
    struct source source = {.path = path, .text = text, .err = err};
    return add_source(&source);
}

/* ---- places ---- */

static struct span line_at(struct span *rest) {
    const uint8_t *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
    struct span line = span_sub(*rest, 0, end ? (size_t)(end - rest->data) : rest->len);
    *rest = span_sub(*rest, line.len + (end != NULL), rest->len);
    return line;
}

char *source_place(struct span text, const char *name, int line, size_t size, char out[]) {
    static const char mark[] = MARK;
    char file[1024];
    int number = 1, seen = 0;
    snprintf(file, sizeof file, "%s", name);
    while (text.len) {
        struct span at = line_at(&text);
        bool marks = at.len >= sizeof mark && memcmp(at.data, mark, sizeof mark - 1) == 0;
        if (++seen == line && !marks)
            break;
        number++;
        if (marks)
            sscanf((const char *)at.data, MARK "%d %1023[^\n]", &number, file);
    }
    snprintf(out, size, "%s: line %d", file, number);
    return out;
}

struct walk {
    struct span text;
    size_t at;
    int line;
};

/* Steps over what is no token: space and comments. */
static void skip_nothing(struct walk *walk) {
    while (walk->at < walk->text.len) {
        const uint8_t *c = walk->text.data + walk->at;
        size_t left = walk->text.len - walk->at;
        if (*c == '\n')
            walk->line++;
        if (*c == '#' || (left > 1 && c[0] == '/' && c[1] == '/')) {
            while (walk->at < walk->text.len && walk->text.data[walk->at] != '\n')
                walk->at++;
        } else if (left > 1 && c[0] == '/' && c[1] == '*') {
            for (; left > 1 && !(c[0] == '*' && c[1] == '/'); c++, left--, walk->at++)
                walk->line += *c == '\n';
            walk->at += 2;
        } else if (isspace(*c)) {
            walk->at++;
        } else {
            return;
        }
    }
}

/* A word, a quoted text or a character; empty at the end. */
static struct span next_token(struct walk *walk) {
    skip_nothing(walk);
    size_t start = walk->at < walk->text.len ? walk->at : walk->text.len;
    const uint8_t *data = walk->text.data;
    size_t end = start;
    if (end < walk->text.len && data[end] == '"') {
        for (end++; end < walk->text.len && data[end] != '"'; end++) {
            walk->line += data[end] == '\n';
            end += data[end] == '\\';
        }
        end++;
    } else {
        while (end < walk->text.len && (isalnum(data[end]) || data[end] == '-' || data[end] == '_'))
            end++;
        end += end == start && end < walk->text.len;
    }
    walk->at = end < walk->text.len ? end : walk->text.len;
    return span_sub(walk->text, start, walk->at - start);
}

/* A brace's section as far as it was walked through. */
struct opened {
    struct span name, title;
    int line, option; /* where it begins, and where the option is set in it (0: nowhere) */
};

static struct span unquoted(struct span token) {
    return token.len >= 2 && token.data[0] == '"' ? span_sub(token, 1, token.len - 2) : token;
}

static bool is_named(const struct opened *section, const char *name, const char *title) {
    return span_eq(section->name, span_str(name)) &&
           (!title || span_eq(unquoted(section->title), span_str(title)));
}

int source_option_line(struct span text, const struct source_section *section, const char *option) {
    enum { MOST = 16 };
    struct opened open[MOST] = {0};
    struct span before = {NULL, 0}, token, last = {NULL, 0};
    struct walk walk = {text, 0, 1};
    int depth = 0, line_before = 1, line = 1;
    for (; (token = next_token(&walk)).len; before = last, last = token, line_before = line) {
        line = walk.line;
        bool sets = span_eq(token, SPAN_LIT("=")) || span_eq(token, SPAN_LIT("+"));
        if (span_eq(token, SPAN_LIT("{"))) {
            bool titled = before.len && (isalnum(before.data[0]) || before.data[0] == '-');
            if (++depth == MOST)
                break;
            open[depth] = (struct opened){titled ? before : last, last, line_before, 0};
        } else if (span_eq(token, SPAN_LIT("}")) && depth > 0) {
            const struct opened *closed = &open[depth--];
            if (section && line == section->end && is_named(closed, section->name, section->title))
                return closed->option ? closed->option : closed->line;
        } else if (sets && option && span_eq(last, span_str(option))) {
            open[depth].option = line_before;
        }
    }
    return section ? section->end : open[0].option;
}

/* The last of them. */
static char *blank(char *from, const char *end) {
    for (; from < end; from++)
        if (*from != '\n')
            *from = ' ';
    return from - 1;
}

void source_blank_comments(char *text) {
    bool quoted = false;
    for (char *c = text; *c; c++) {
        if (quoted && *c == '\\' && c[1])
            c++;
        else if (*c == '"')
            quoted = !quoted;
        else if (!quoted && (*c == '#' || (c[0] == '/' && c[1] == '/')))
            c = blank(c, c + strcspn(c, "\n"));
        else if (!quoted && c[0] == '/' && c[1] == '*') {
            char *end = strstr(c + 2, "*/");
            if (!end)
                return; /* the parser tells of it */
            c = blank(c, end + 2);
        }
    }
}
