/* The tokens of the configuration's files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/text.h"
#include "ipc/frames.h"
#include "mhsd/config_private.h"

static struct lexer_file *current(struct config_lexer *lexer) {
    return &lexer->open[lexer->depth - 1];
}

/* The octet so far ahead; 0 behind the end of the file, which holds none. */
static uint8_t ahead(struct config_lexer *lexer, size_t count) {
    const struct span *rest = &current(lexer)->rest;
    return count < rest->len ? rest->data[count] : 0;
}

static void skip(struct config_lexer *lexer, size_t count) {
    struct lexer_file *file = current(lexer);
    for (size_t i = 0; i < count && i < file->rest.len; i++)
        file->place.line += file->rest.data[i] == '\n';
    file->taken += count < file->rest.len ? count : file->rest.len;
    file->rest = span_sub(file->rest, count, file->rest.len);
}

/* ---- files ---- */

static bool read_octets(FILE *file, struct buf *octets) {
    size_t got = 1;
    while (got > 0 && buf_reserve(octets, 65536)) {
        got = fread(octets->data + octets->len, 1, 65536, file);
        octets->len += got;
    }
    return !ferror(file);
}

/* `outer` is the place that includes it, NULL for the first file: there the error says what to do. */
static bool cannot_read(struct loader *l, const char *path, const struct config_place *outer, int cause) {
    l->incomplete = true;
    if (outer)
        return config_complain(l, *outer, "the file '%.100s' can't be read: %s", path, strerror(cause));
    struct config_place whole = {0};
    if (cause != ENOENT)
        return config_complain(l, whole, "it can't be read: %s", strerror(cause));
    return config_complain(l, whole, "%s; write one with 'mhsd --write-config %s', or name another with -c",
                           strerror(cause), path);
}

static bool is_open(const struct config_lexer *lexer, const struct lexer_file *file) {
    for (unsigned i = 0; i < lexer->depth; i++)
        if (file->inode && lexer->open[i].device == file->device && lexer->open[i].inode == file->inode)
            return true;
    return false;
}

static bool begins_with(struct span octets, struct span mark) {
    return span_eq(span_sub(octets, 0, mark.len), mark);
}

/* What editors of other systems write: the options would seem odd. */
static bool is_text(struct loader *l, const struct config_place *outer, const char *path,
                    struct span octets) {
    struct config_place first = outer ? *outer : (struct config_place){.line = 1};
    char file[120] = "the file";
    if (outer)
        snprintf(file, sizeof file, "the file '%.100s'", path);
    if (begins_with(octets, SPAN_LIT("\xFF\xFE")) || begins_with(octets, SPAN_LIT("\xFE\xFF")))
        return config_complain(l, first, "%s is in UTF-16: save it as UTF-8, without a byte order mark",
                               file);
    if (begins_with(octets, SPAN_LIT("\xEF\xBB\xBF")))
        return config_complain(
            l, first, "%s begins with a byte order mark (U+FEFF): save it as UTF-8 without one", file);
    const uint8_t *nul = octets.len ? memchr(octets.data, '\0', octets.len) : NULL;
    int line = 1;
    for (const uint8_t *c = octets.data; nul && c < nul; c++)
        line += *c == '\n';
    if (nul && !outer)
        first.line = line;
    return !nul ||
           config_complain(l, first, "%s has an octet of 0 (NUL) in line %d, which no text has", file, line);
}

/* The file's octets, which are to be freed also when it fails. */
static bool read_file(struct config_lexer *lexer, const char *path, const struct config_place *outer,
                      struct buf *octets, struct lexer_file *opened) {
    struct config_place whole = outer ? *outer : (struct config_place){0};
    FILE *file = fopen(path, "re");
    struct stat status;
    bool done = file && read_octets(file, octets);
    int cause = errno;
    if (file && fstat(fileno(file), &status) == 0)
        *opened = (struct lexer_file){.device = status.st_dev, .inode = status.st_ino};
    if (file)
        fclose(file);
    if (is_open(lexer, opened))
        return config_complain(lexer->l, whole, "the file '%.100s' includes itself", path);
    if (octets->failed || lexer->octets + octets->len > IPC_CONFIG_FILES)
        return config_complain(lexer->l, whole,
                               "with what it includes it is longer than 16 MiB, or there is no memory");
    if (!done)
        return cannot_read(lexer->l, path, outer, cause);
    lexer->octets += octets->len;
    if (is_text(lexer->l, outer, path, buf_span(octets)))
        return true;
    lexer->l->incomplete = true;
    return false;
}

static bool add_name(struct loader *l, const char *name) {
    const char **names = l->files;
    if ((l->file_count & (l->file_count - 1)) == 0) { /* a power of two: it is full */
        names = config_array(l, l->file_count * 2, sizeof *names);
        if (!names)
            return false;
        memcpy(names, l->files, l->file_count * sizeof *names);
    }
    names[l->file_count++] = name;
    l->files = names;
    return true;
}

/* The octets are the lexer's now. */
static void push(struct config_lexer *lexer, struct lexer_file file, struct buf *octets, unsigned number) {
    file.rest = buf_span(octets);
    file.owned = octets->data;
    file.place = (struct config_place){.file = number, .line = 1};
    lexer->open[lexer->depth++] = file;
}

static void pop(struct config_lexer *lexer) {
    mem_free(current(lexer)->owned);
    lexer->depth--;
}

bool config_lexer_text(struct config_lexer *lexer, struct loader *l, struct span text) {
    *lexer = (struct config_lexer){.l = l};
    buf_init(&lexer->text, IPC_CONFIG_FILES);
    lexer->open[lexer->depth++] = (struct lexer_file){.rest = text, .place = {.line = 1}};
    return !text.len || !memchr(text.data, '\0', text.len) ||
           config_complain(l, (struct config_place){0}, "it is not a text: it has an octet of 0");
}

bool config_lexer_file(struct config_lexer *lexer, struct loader *l) {
    struct buf octets;
    struct lexer_file file = {0};
    *lexer = (struct config_lexer){.l = l, .may_include = true};
    buf_init(&lexer->text, IPC_CONFIG_FILES);
    buf_init(&octets, IPC_CONFIG_FILES);
    if (read_file(lexer, l->files[0], NULL, &octets, &file)) {
        push(lexer, file, &octets, 0);
        return true;
    }
    buf_free(&octets);
    return false;
}

static const char *path_of(struct loader *l, const char *outer, struct span name) {
    const char *slash = strrchr(outer, '/');
    bool relative = name.len == 0 || name.data[0] != '/';
    const char *path = arena_printf(&l->arena, "%.*s%.*s", relative && slash ? (int)(slash - outer + 1) : 0,
                                    outer, (int)name.len, (const char *)name.data);
    if (!path)
        config_no_memory(l);
    return path;
}

bool config_lexer_include(struct config_lexer *lexer, struct span name, struct config_place place) {
    struct loader *l = lexer->l;
    struct buf octets;
    struct lexer_file file = {0};
    if (name.len >= 2000)
        return config_complain(l, place, "the name of the included file is too long");
    const char *path = path_of(l, l->files[place.file], name);
    if (!path)
        return false;
    if (lexer->depth > CONFIG_FILES_DEEP)
        return config_complain(l, place, "'%.100s' is included by too many files, one in the other", path);
    buf_init(&octets, IPC_CONFIG_FILES);
    if (read_file(lexer, path, &place, &octets, &file) && add_name(l, path)) {
        push(lexer, file, &octets, l->file_count - 1);
        return true;
    }
    buf_free(&octets);
    return false;
}

void config_lexer_done(struct config_lexer *lexer) {
    while (lexer->depth)
        pop(lexer);
    buf_free(&lexer->text);
}

/* ---- what is no token ---- */

static bool skip_comment(struct config_lexer *lexer) {
    const struct span rest = current(lexer)->rest;
    if (ahead(lexer, 0) == '#' || ahead(lexer, 1) == '/') {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        skip(lexer, end ? (size_t)(end - rest.data) : rest.len);
        return true;
    }
    const uint8_t *end = memmem(rest.data + 2, rest.len - 2, "*/", 2);
    struct config_place place = current(lexer)->place;
    skip(lexer, end ? (size_t)(end + 2 - rest.data) : rest.len);
    return end || config_complain(lexer->l, place, "a comment is not closed before the end of the file");
}

/* To the next token; an included file's end is none. False: a comment has no end. */
static bool skip_nothing(struct config_lexer *lexer) {
    for (;;) {
        uint8_t c = ahead(lexer, 0), next = ahead(lexer, 1);
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            skip(lexer, 1);
        else if (c == '#' || (c == '/' && (next == '/' || next == '*'))) {
            if (!skip_comment(lexer))
                return false;
        } else if (c == '\0' && lexer->depth > 1)
            pop(lexer);
        else
            return true;
    }
}

/* ---- texts ---- */

enum variable { NO_VARIABLE, TAKEN_VARIABLE, WRONG_VARIABLE };

/* How many octets the variable's braces hold; false: it is not closed in its line. */
static bool length_in_braces(struct config_lexer *lexer, size_t *length) {
    uint8_t c;
    for (*length = 0; (c = ahead(lexer, 2 + *length)) != '}'; ++*length)
        if (!c || c == '\n')
            return false;
    return true;
}

/* What follows an unset variable would be worse than no start: a peer without a password, a store at the
 * root.
 */
static enum variable unset_variable(struct config_lexer *lexer, struct config_place place, const char *name) {
    config_complain(
        lexer->l, place,
        "the variable '%.80s' of the environment is not set: set it, or write ${%.80s:-otherwise} "
        "for what stands in its place then",
        name, name);
    return WRONG_VARIABLE;
}

/* ${NAME}, or ${NAME:-what stands for it when it is not set}. */
static enum variable take_variable(struct config_lexer *lexer) {
    struct config_place place = current(lexer)->place;
    size_t length;
    char name[256];
    if (ahead(lexer, 0) != '$' || ahead(lexer, 1) != '{')
        return NO_VARIABLE;
    if (!length_in_braces(lexer, &length) || length >= sizeof name) {
        skip(lexer, 2);
        config_complain(
            lexer->l, place,
            "'${' begins a variable, which '}' is to end in the same line; where it is text, put it "
            "in quotes, with a backslash before it");
        return WRONG_VARIABLE;
    }
    memcpy(name, current(lexer)->rest.data + 2, length);
    name[length] = '\0';
    skip(lexer, length + 3);
    char *otherwise = strstr(name, ":-");
    if (otherwise)
        *otherwise = '\0';
    const char *value = getenv(name);
    if (!value && !otherwise)
        return unset_variable(lexer, place, name);
    buf_append_span(&lexer->text, span_str(value ? value : otherwise + 2));
    return TAKEN_VARIABLE;
}

/* An octet by its number: \ooo or \xhh. False: none that can stand in a text. */
static bool take_octet(struct config_lexer *lexer) {
    unsigned value = 0, digits = 0, base = ahead(lexer, 1) == 'x' ? 16 : 8, start = base == 16 ? 2 : 1;
    for (; digits < (base == 16 ? 2 : 3); digits++) {
        int digit = text_hex_digit(ahead(lexer, start + digits));
        if (digit < 0 || (unsigned)digit >= base)
            break;
        value = value * base + (unsigned)digit;
    }
    skip(lexer, start + digits);
    return digits && value && value <= 255 && buf_append_byte(&lexer->text, (uint8_t)value);
}

/* What stands behind a backslash within double quotes. */
static bool take_escape(struct config_lexer *lexer) {
    static const char letters[] = "nrbfaetv", octets[] = "\n\r\b\f\a\033\t\v";
    uint8_t c = ahead(lexer, 1);
    const char *letter = c ? strchr(letters, c) : NULL;
    if ((c >= '0' && c <= '9') || (c == 'x' && text_hex_digit(ahead(lexer, 2)) >= 0))
        return take_octet(lexer);
    skip(lexer, 2);
    if (c && c != '\n') /* such a line goes on */
        buf_append_byte(&lexer->text, letter ? (uint8_t)octets[letter - letters] : c);
    return true;
}

static bool bad_octet(struct config_lexer *lexer, struct config_place place) {
    return config_complain(lexer->l, place,
                           "a number behind '\\' is that of no character; '\\\\' is the sign itself");
}

/* Within single quotes a backslash is itself, but before another, a quote, or the end of a line that goes on.
 */
static void take_plain(struct config_lexer *lexer, uint8_t c, uint8_t next) {
    bool escapes = c == '\\' && (next == '\\' || next == '\'' || next == '\n');
    skip(lexer, escapes ? 2 : 1);
    if (!escapes || next != '\n')
        buf_append_byte(&lexer->text, escapes ? next : c);
}

/* What may follow a text. */
static bool ends_text(uint8_t c, uint8_t next) {
    return !c || strchr(" \t\r\n#={}()+,", c) || (c == '/' && (next == '/' || next == '*'));
}

/* Where a quote stands wrong nothing tells what in its line is text. */
static bool quote_astray(struct config_lexer *lexer, struct config_place place, unsigned column,
                         const char *what) {
    const struct span rest = current(lexer)->rest;
    const uint8_t *end = rest.len ? memchr(rest.data, '\n', rest.len) : NULL;
    skip(lexer, end ? (size_t)(end - rest.data) : rest.len);
    return config_complain(
        lexer->l, place,
        "column %u: %s: put all of the text in one pair of quotes, and a backslash before a quote "
        "within it",
        column, what);
}

/* The column, in characters from 1, of what is at the start of the rest of a file. */
static unsigned column_of(const struct lexer_file *file) {
    const uint8_t *c = file->rest.data, *start = c - file->taken;
    unsigned column = 1;
    while (c > start && c[-1] != '\n') {
        c--;
        column += (*c & 0xC0) != 0x80;
    }
    return column;
}

/* False: a variable that is none, which was complained of. */
static bool take_variable_or_octet(struct config_lexer *lexer, uint8_t c) {
    enum variable variable = c == '$' ? take_variable(lexer) : NO_VARIABLE;
    if (variable == NO_VARIABLE) {
        buf_append_byte(&lexer->text, c);
        skip(lexer, 1);
    }
    return variable != WRONG_VARIABLE;
}

static bool take_quoted(struct config_lexer *lexer, struct config_token *token) {
    uint8_t quote = ahead(lexer, 0), c;
    const struct lexer_file opening = *current(lexer);
    bool sound = true;
    struct lexer_file line_end = {.rest = {0}}; /* of the line that the text begins in */
    for (skip(lexer, 1); (c = ahead(lexer, 0)) != quote && c;) {
        struct config_place place = current(lexer)->place;
        if (c == '\n' && !line_end.rest.data)
            line_end = *current(lexer);
        if (quote == '\'')
            take_plain(lexer, c, ahead(lexer, 1));
        else if (c == '\\')
            sound = take_escape(lexer) ? sound : bad_octet(lexer, place);
        else
            sound = take_variable_or_octet(lexer, c) && sound;
    }
    const struct lexer_file closing = *current(lexer);
    skip(lexer, 1);
    if (c && ends_text(ahead(lexer, 0), ahead(lexer, 1)))
        return sound;
    if (c && !line_end.rest.data)
        return quote_astray(lexer, token->place, column_of(&closing),
                            "the quote here ends a text, and more follows it");
    /* The quote that ended it opens another text, or nothing ended it: what follows is read as if this one
     * had ended in its line. */
    if (line_end.rest.data)
        *current(lexer) = line_end;
    return config_complain(
        lexer->l, token->place,
        "column %u: the quote %c opens a text that is not closed in its line: put %c at its end, or "
        "take this one away; within a text a quote is written \\%c",
        column_of(&opening), quote, quote, quote);
}

static bool ends_word(uint8_t c, uint8_t next) {
    return !c || strchr(" \t\r\n#\"'={}()+,*", c) || (c == '/' && (next == '/' || next == '*'));
}

/* The only one of its kind in the rest of the line; `peer"BETA"` has two. */
static bool lone_quote(struct config_lexer *lexer) {
    uint8_t quote = ahead(lexer, 0), c;
    if (quote != '"' && quote != '\'')
        return false;
    for (size_t i = 1; (c = ahead(lexer, i)) != quote; i++)
        if (!c || c == '\n')
            return true;
    return false;
}

static bool take_word(struct config_lexer *lexer, struct config_token *token) {
    uint8_t c = ahead(lexer, 0);
    enum variable variable = take_variable(lexer);
    if (variable != NO_VARIABLE)
        return variable == TAKEN_VARIABLE;
    size_t length = 0;
    while (!ends_word(ahead(lexer, length), ahead(lexer, length + 1)))
        length++;
    if (length == 0) {
        skip(lexer, 1);
        return config_complain(lexer->l, token->place,
                               "'%c' is out of place here: put a value that has it in quotes", c);
    }
    buf_append_span(&lexer->text, span_sub(current(lexer)->rest, 0, length));
    skip(lexer, length);
    return !lone_quote(lexer) || quote_astray(lexer, token->place, column_of(current(lexer)),
                                              "a quote stands behind a text that began without one");
}

void config_lexer_next(struct config_lexer *lexer, struct config_token *token) {
    buf_clear(&lexer->text);
    bool sound = skip_nothing(lexer);
    uint8_t c = ahead(lexer, 0);
    *token = (struct config_token){.kind = '!', .place = current(lexer)->place};
    if (!sound)
        return;
    if (c == '\0') {
        token->kind = 0;
    } else if (strchr("{}()=,", c)) {
        token->kind = (char)c;
        skip(lexer, 1);
    } else if (c == '+' && ahead(lexer, 1) == '=') {
        token->kind = '+';
        skip(lexer, 2);
    } else {
        token->quoted = c == '"' || c == '\'';
        sound = token->quoted ? take_quoted(lexer, token) : take_word(lexer, token);
        if (sound && lexer->text.failed)
            sound = config_no_memory(lexer->l);
        token->kind = sound ? 't' : '!';
        token->text = span_of(lexer->text.data ? lexer->text.data : (const uint8_t *)"", lexer->text.len);
    }
}
