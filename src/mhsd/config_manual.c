/*
 * Writes chasqui.conf(5): the page whose beginning and end are given, with every
 * option from the table between them. Run by the build.
 * Usage: config_manual TEMPLATE; a line @OPTIONS@ stands for the options.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "mhsd/config_options.h"

/* ---- text as mdoc ---- */

static void put_char(char c) {
    if (c == '\\')
        fputs("\\e", stdout);
    else if (c == '"')
        fputs("\\(dq", stdout);
    else
        putchar(c);
}

static void put_text(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        put_char(text[i]);
}

static bool is_option(const struct config_option *section, struct span name) {
    if (config_option_named(section, name, NULL))
        return true;
    for (const struct config_option *row = section->options; row->type != CONFIG_END; row++)
        if (config_is_section(row) && is_option(row, name))
            return true;
    return false;
}

/* A word of the file, an option or another page, as a macro's line, with the punctuation behind it. */
static void put_word(const char *word, size_t length, const char *behind, size_t behind_length) {
    bool page = length > 3 && word[length - 3] == '(' && isdigit((unsigned char)word[length - 2]);
    if (page) {
        printf(".Xr %.*s %c", (int)length - 3, word, word[length - 2]);
    } else {
        printf(".%s ", word[0] == '/' ? "Pa" : is_option(&config_top, span_of(word, length)) ? "Ic" : "Li");
        put_text(word, length);
    }
    for (size_t i = 0; i < behind_length; i++)
        printf(" %c", behind[i]);
    putchar('\n');
}

/* Up to a word in backquotes; each sentence begins a line. */
static void put_sentences(const char *text, size_t length) {
    bool begun = false;
    for (size_t i = 0; i < length; i++) {
        if (!begun && text[i] == ' ')
            continue;
        if (!begun && (text[i] == '.' || text[i] == '\''))
            fputs("\\&", stdout);
        bool ends = i > 0 && text[i - 1] == '.' && text[i] == ' ';
        if (ends)
            putchar('\n');
        else
            put_char(text[i]);
        begun = !ends;
    }
    if (begun)
        fputs(text[length - 1] == '(' ? "\\c\n" : "\n", stdout);
}

static void put_help(const char *help) {
    while (*help) {
        size_t length = strcspn(help, "`");
        put_sentences(help, length);
        help += length;
        if (*help != '`')
            return;
        length = strcspn(++help, "`");
        const char *behind = help + length + (help[length] == '`');
        size_t marks = strspn(behind, ".,;:)");
        put_word(help, length, behind, marks);
        help = behind + marks;
    }
}

/* ---- what the row says ---- */

static const struct {
    int64_t size;
    unsigned units;
    const char *name;
} measures[] = {
    {86400, CONFIG_SECONDS, "days"}, {3600, CONFIG_SECONDS, "hours"}, {60, CONFIG_SECONDS, "minutes"},
    {1, CONFIG_SECONDS, "seconds"},  {1 << 30, CONFIG_OCTETS, "GiB"}, {1 << 20, CONFIG_OCTETS, "MiB"},
    {1 << 10, CONFIG_OCTETS, "KiB"}, {1, CONFIG_OCTETS, "octets"},    {1, 0, ""}};

/* In the largest measure that holds it whole, and more than once. */
static void put_number(const struct config_option *row, int64_t number) {
    for (size_t i = 0; i < sizeof measures / sizeof *measures; i++) {
        int64_t size = measures[i].size;
        if (measures[i].units != (row->flags & CONFIG_UNITS) ||
            (size > 1 && (number % size || number / size < 2)))
            continue;
        const char *name = number == 1 && row->flags & CONFIG_SECONDS ? "second" : measures[i].name;
        printf("%lld%s%s", (long long)(number / size), name[0] ? " " : "", name);
        return;
    }
}

static void put_bounds(const struct config_option *row) {
    if (row->flags & CONFIG_SECONDS)
        fputs("In seconds: ", stdout);
    fputs(row->most != INT64_MAX ? "" : row->flags & CONFIG_SECONDS ? "at least " : "At least ", stdout);
    put_number(row, row->least);
    if (row->most != INT64_MAX) {
        fputs(" to ", stdout);
        put_number(row, row->most);
    }
    fputs("; default ", stdout);
    put_number(row, row->number);
    fputs(row->flags & CONFIG_ZERO_DEFAULT ? ", which 0 stands for too.\n" : ".\n", stdout);
}

static void put_list(const char *before, const char *const *words) {
    fputs(before, stdout);
    for (; *words; words++)
        printf(" %s %s", *words, words[1] ? "," : ".");
    putchar('\n');
}

/* Its words, and which of them is the default. */
static void put_words(const struct config_option *row) {
    put_list(row->type == CONFIG_WORD ? "One of\n.Li" : "Some of\n.Li", row->words);
    if (row->text)
        printf("Default\n.Li %s .\n", row->text);
    if (row->items)
        put_list("Default\n.Li", row->items);
}

static void put_length(const struct config_option *row) {
    if (row->most)
        printf("%lld to %lld octets.\n", (long long)row->least, (long long)row->most);
    if (row->text) {
        fputs("Default\n.Li ", stdout);
        put_text(row->text, strlen(row->text));
        fputs(" .\n", stdout);
    }
}

/* What it means that an option is not set. */
static void put_none(const char *none) {
    char text[500];
    snprintf(text, sizeof text, "%s.", none);
    fputs(*none == '`' ? "Default:\n" : "Default: ", stdout);
    put_help(text);
}

static void put_facts(const struct config_option *row) {
    bool empty = !row->text && !row->items && row->type != CONFIG_NUMBER && row->type != CONFIG_FLAG;
    if (row->type == CONFIG_NUMBER)
        put_bounds(row);
    else if (row->type == CONFIG_FLAG)
        printf("Default\n.Li %s .\n", row->number ? "true" : "false");
    else if (row->words)
        put_words(row);
    else
        put_length(row);
    if (row->flags & CONFIG_NEEDED)
        puts("Needed.");
    else if (empty)
        put_none(row->none ? row->none : "none");
    if (row->flags & CONFIG_RESTART)
        puts("A change takes effect when the daemon is restarted.");
}

/* ---- the page ---- */

static void put_options(const struct config_option *section);

static void put_row(const struct config_option *row) {
    printf(".It Ic %s", row->name);
    if (config_is_section(row)) {
        if (row->title_is)
            printf(" \\(dq%s\\(dq", row->title_is);
        fputs(" { ... }", stdout);
    }
    putchar('\n');
    put_help(row->help);
    if (!config_is_section(row)) {
        put_facts(row);
        return;
    }
    if (row->none)
        put_none(row->none);
    put_options(row);
}

/* Those of a section; sections of the top level have headings of their own. */
static void put_options(const struct config_option *section) {
    puts(".Bl -tag -width Ds");
    for (const struct config_option *row = section->options; row->type != CONFIG_END; row++)
        if (section != &config_top || !config_is_section(row))
            put_row(row);
    puts(".El");
}

static void put_heading(const struct config_option *row) {
    const char *title = row->title ? row->title : row->title_is;
    printf(".Ss %s ", row->name);
    if (title)
        printf("\\(dq%s\\(dq ", title);
    puts("{ ... }");
    put_help(row->help);
    put_options(row);
}

static void put_table(void) {
    puts(".Ss The MTA");
    put_options(&config_top);
    for (const struct config_option *row = config_top.options; row->type != CONFIG_END; row++)
        if (config_is_section(row))
            put_heading(row);
}

int main(int argc, char **argv) {
    char line[4096];
    FILE *template = argc == 2 ? fopen(argv[1], "r") : NULL;
    bool done = false;
    while (template && fgets(line, sizeof line, template)) {
        bool options = strcmp(line, "@OPTIONS@\n") == 0;
        done = done || options;
        if (options)
            put_table();
        else
            fputs(line, stdout);
    }
    if (template)
        fclose(template);
    return done && fflush(stdout) == 0 ? 0 : 1;
}
