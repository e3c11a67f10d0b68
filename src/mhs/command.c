#include "mhs/command.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/nearest.h"
#include "base/text.h"
#include "mhs/output.h"

struct command_settings command_settings;

enum { OPTION_HELP = 1000, OPTION_JSON, OPTION_SOCKET, OPTION_WIDE };

static const struct command_option shared_options[] = {
    {OPTION_JSON, "json", NULL, "print JSON instead of text"},
    {OPTION_WIDE, "wide", NULL, "lists as wide as what is in them"},
    {OPTION_SOCKET, "socket", "PATH", "the daemon's Unix socket (or set CHASQUI_SOCKET)"},
    {OPTION_HELP, "help", NULL, "show this help"},
    {0},
};

static void add_options(struct command_line *line, const struct command_option *options, size_t *longs,
                        size_t *shorts) {
    for (; options && options->name && *longs < COMMAND_OPTIONS_MAX; options++) {
        line->longs[(*longs)++] = (struct option){options->name, options->value != NULL, NULL, options->id};
        if (options->id > 255)
            continue;
        line->shorts[(*shorts)++] = (char)options->id;
        if (options->value)
            line->shorts[(*shorts)++] = ':';
    }
}

void command_line_init(struct command_line *line, const struct command_usage *usage, int argc, char **argv) {
    *line = (struct command_line){.usage = usage, .argc = argc, .argv = argv};
    size_t longs = 0, shorts = 0;
    line->shorts[shorts++] = ':'; /* getopt leaves the words to us */
    add_options(line, usage->options, &longs, &shorts);
    add_options(line, shared_options, &longs, &shorts);
    optind = 0; /* glibc: start anew */
}

/* ---- text as JSON ---- */

static struct {
    FILE *out; /* the standard output meanwhile; NULL: nothing is kept */
    char *text;
    size_t size;
} kept;

void command_text_begin(void) {
    FILE *memory = command_settings.json ? open_memstream(&kept.text, &kept.size) : NULL;
    if (!memory)
        return;
    kept.out = stdout;
    stdout = memory;
}

void command_text_end(const char *member) {
    if (!kept.out)
        return;
    fclose(stdout);
    stdout = kept.out;
    kept.out = NULL;
    json_t *value = member ? json_pack("{s:s%}", member, kept.text, kept.size) : NULL;
    if (value)
        out_json(value);
    json_decref(value);
    free(kept.text);
}

/* ---- help ---- */

#define HELP_COLUMNS 80
#define HELP_INDENT  37

static void command_print_wrapped(FILE *out, const char *text, size_t at, size_t indent) {
    bool first = true;
    while (*text) {
        size_t length = strcspn(text, " \n");
        bool fits = at + 1 + length <= HELP_COLUMNS;
        if (!first)
            fprintf(out, "%s%*s", fits ? " " : "\n", fits ? 0 : (int)indent, "");
        at = first ? at : fits ? at + 1 : indent;
        fprintf(out, "%.*s", (int)length, text);
        at += length;
        text += length;
        text += *text != '\0';
        first = false;
    }
    putc('\n', out);
}

static void print_options(const struct command_option *options) {
    for (; options && options->name; options++) {
        if (!options->help)
            continue; /* a former name */
        char text[64];
        snprintf(text, sizeof text, "%c%c%s--%s%s%s", options->id > 255 ? ' ' : '-',
                 options->id > 255 ? ' ' : options->id, options->id > 255 ? "  " : ", ", options->name,
                 options->value ? " " : "", options->value ? options->value : "");
        size_t width = (size_t)printf("  %-34s ", text);
        command_print_wrapped(stdout, options->help, width, HELP_INDENT);
    }
}

void (*command_usage_taken)(const struct command_usage *usage, const struct command_option *shared);

static void print_help(const struct command_usage *usage) {
    if (command_usage_taken) {
        command_usage_taken(usage, shared_options);
        return;
    }
    command_text_begin();
    printf("Usage: mhs %s [OPTION]...%s%s\n\n", usage->command, usage->operands ? " " : "",
           usage->operands ? usage->operands : "");
    command_print_wrapped(stdout, usage->summary, 0, 0);
    if (usage->options && usage->options->name)
        printf("\nOptions:\n");
    print_options(usage->options);
    printf("\nFor every command:\n");
    print_options(shared_options);
    if (usage->notes) {
        putchar('\n');
        command_print_wrapped(stdout, usage->notes, 0, 0);
    }
    command_text_end("help");
}

static int stop(struct command_line *line, int status) {
    line->status = (enum command_status)status;
    return COMMAND_LINE_STOP;
}

/* A beginning that several options have; getopt takes one that a single one has. */
static bool is_ambiguous(const struct command_line *line, const char *given) {
    const char *name = given + 2;
    size_t length = strcspn(name, "="), count = 0;
    for (const struct option *option = line->longs; option->name; option++)
        count += strncmp(option->name, name, length) == 0;
    return count > 1;
}

static bool has_option(const struct command_line *line, int id) {
    const struct option *option = line->longs;
    while (option->name && option->val != id)
        option++;
    return option->name != NULL;
}

/* What getopt gave '?' for: it tells a long option that it does not know by 0, and one that takes no value by
 * its number. A short one may stand amid others. */
static int refuse_option(struct command_line *line) {
    const char *given = line->argv[optind - 1];
    const char *near = optopt == 0 ? nearest_option(given, line->longs) : NULL;
    if (optopt != 0 && has_option(line, optopt))
        return command_usage_error(line->usage, "'%.*s' takes no value", (int)strcspn(given, "="), given);
    if (optopt != 0)
        return command_usage_error(line->usage, "unknown option '-%c'", optopt);
    if (is_ambiguous(line, given))
        return command_usage_error(line->usage, "several options begin with '%s'", given);
    return command_usage_error(
        line->usage, near ? "unknown option '%s'; did you mean '--%s'?" : "unknown option '%s'", given, near);
}

int command_line_next(struct command_line *line, const char **value) {
    for (;;) {
        int id = getopt_long(line->argc, line->argv, line->shorts, line->longs, NULL);
        *value = optarg;
        switch (id) {
        case -1:
            return COMMAND_LINE_END;
        case OPTION_JSON:
            command_settings.json = true;
            continue;
        case OPTION_WIDE:
            command_settings.wide = true;
            continue;
        case OPTION_SOCKET:
            command_settings.socket = optarg;
            continue;
        case OPTION_HELP:
            print_help(line->usage);
            return stop(line, COMMAND_OK);
        case ':':
            return stop(line, command_usage_error(line->usage, "'%s' needs a value", line->argv[optind - 1]));
        case '?':
            return stop(line, refuse_option(line));
        default:
            return id;
        }
    }
}

static int tell_subcommands(FILE *out, const char *command, const char *about,
                            const struct subcommand *commands, int status) {
    fprintf(out, "Usage: mhs %s SUBCOMMAND [OPTION]... [OPERAND]...\n\n%s\n\nSubcommands:\n", command, about);
    for (; commands->name; commands++)
        command_print_wrapped(out, commands->summary, (size_t)fprintf(out, "  %-10s ", commands->name), 13);
    fprintf(out, "\n'mhs %s SUBCOMMAND --help' explains one.\n", command);
    return status;
}

static const char *nearest_subcommand(const struct subcommand *commands, const char *name) {
    struct nearest nearest = nearest_begin(span_str(name));
    for (; commands->name; commands++)
        nearest_try(&nearest, commands->name);
    return nearest.name;
}

int command_run_subcommand(const char *command, const char *about, const struct subcommand *commands,
                           int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "";
    bool help = strcmp(name, "--help") == 0;
    for (const struct subcommand *one = commands; one->name; one++) {
        char *ask[] = {(char *)one->name, "--help", NULL};
        if (help && command_usage_taken)
            one->run(2, ask);
        else if (strcmp(name, one->name) == 0)
            return one->run(argc - 1, argv + 1);
    }
    if (help && !command_usage_taken) {
        command_text_begin();
        tell_subcommands(stdout, command, about, commands, COMMAND_OK);
        command_text_end("help");
    }
    if (help)
        return COMMAND_OK;
    const char *near = nearest_subcommand(commands, name);
    if (near)
        return command_fail(COMMAND_USAGE,
                            "'mhs %s' has no subcommand '%s'; did you mean '%s'? 'mhs %s --help' tells all",
                            command, name, near, command);
    if (*name)
        command_fail(COMMAND_USAGE, "'mhs %s' has no subcommand '%s'", command, name);
    else
        command_fail(COMMAND_USAGE, "give a subcommand");
    return tell_subcommands(stderr, command, about, commands, COMMAND_USAGE);
}

const char *command_line_operand(struct command_line *line) {
    return optind < line->argc ? line->argv[optind++] : NULL;
}

int command_line_operands(struct command_line *line, int min, int max, const char **operands) {
    const char *value;
    int id = command_line_next(line, &value);
    if (id == COMMAND_LINE_STOP)
        return -1;
    int count = 0;
    const char *operand;
    while ((operand = command_line_operand(line)) != NULL) {
        if (count == max) {
            line->status =
                (enum command_status)command_usage_error(line->usage, "'%s' is one too many", operand);
            return -1;
        }
        operands[count++] = operand;
    }
    if (count < min) {
        line->status =
            (enum command_status)command_usage_error(line->usage, "%s is missing", line->usage->operands);
        return -1;
    }
    return count;
}

int command_usage_error(const struct command_usage *usage, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    command_say(text, "usage");
    fprintf(stderr, "Try: mhs %s --help\n", usage->command);
    return COMMAND_USAGE;
}

const char *const command_priorities[] = {"urgent", "normal", "non-urgent", NULL};

bool command_word(const struct command_usage *usage, const char *option, const char *value,
                  const char *const *words) {
    char known[200] = "";
    struct nearest nearest = nearest_begin(span_str(value));
    for (size_t i = 0; words[i]; i++) {
        if (strcmp(value, words[i]) == 0)
            return true;
        nearest_try(&nearest, words[i]);
        size_t length = strlen(known);
        snprintf(known + length, sizeof known - length, "%s%s", i ? ", " : "", words[i]);
    }
    if (nearest.name)
        command_usage_error(usage, "--%s: '%.40s' is none of: %s; did you mean '%s'?", option, value, known,
                            nearest.name);
    else
        command_usage_error(usage, "--%s: '%.40s' is none of: %s", option, value, known);
    return false;
}

bool command_text(const struct command_usage *usage, const char *text) {
    if (text_is_utf8(span_str(text)))
        return true;
    command_usage_error(usage, "'%s' is not UTF-8", text);
    return false;
}

/* Octets of the character at the start of the text; 0: they are none of UTF-8. */
static size_t character_at(const char *text) {
    size_t length = 1, most = strnlen(text, 4);
    while (length <= most && !text_is_utf8(span_of(text, length)))
        length++;
    return length <= most ? length : 0;
}

/* Arguments need not be UTF-8, JSON is. */
static json_t *json_of(const char *text) {
    struct buf utf8;
    buf_init(&utf8, 0);
    while (*text) {
        size_t length = character_at(text);
        buf_append_span(&utf8, length ? span_of(text, length) : SPAN_LIT("\uFFFD"));
        text += length ? length : 1;
    }
    json_t *value = utf8.failed ? NULL : json_stringn(utf8.len ? (const char *)utf8.data : "", utf8.len);
    buf_free(&utf8);
    return value ? value : json_string("(no memory)");
}

void command_say(const char *text, const char *code) {
    fputs("mhs: ", stderr);
    out_untrusted(stderr, text, strlen(text));
    fputc('\n', stderr);
    if (command_settings.json)
        out_json_error(json_pack("{s:s, s:o}", "code", code, "text", json_of(text)));
}

static const char *code_of(enum command_status status) {
    return status == COMMAND_USAGE         ? "usage"
           : status == COMMAND_UNREACHABLE ? "unreachable"
           : status == COMMAND_NO          ? "no"
                                           : "failed";
}

int command_fail(enum command_status status, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    command_say(text, code_of(status));
    return status;
}
