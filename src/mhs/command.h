/*
 * A command of `mhs`: what it is called, what runs it, and how it reads its
 * command line. Each command is a function `int cmd_NAME(int argc, char **argv)`
 * with argv[0] = NAME, declared in mhs/commands.h and named in the table of
 * mhs/main.c; it returns one of the exit codes below.
 */
#ifndef MHS_COMMAND_H
#define MHS_COMMAND_H

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"

/* Exit codes; mhs.1 lists them too. */
enum command_status {
    COMMAND_OK = 0,
    COMMAND_NO = 1,          /* the answer is negative: refused, not found, not valid, peer not reached */
    COMMAND_USAGE = 2,       /* the command line is wrong */
    COMMAND_UNREACHABLE = 3, /* no daemon answers on the socket */
    COMMAND_FAILED = 4,      /* a file can't be read or written, or memory ran out */
    COMMAND_COMPLAINTS = 5,  /* done, but what was read or made breaks the standards' rules, as told */
    COMMAND_PENDING = 6      /* nobody has answered yet: a probe's report is missing */
};

/* What every command shares: given before the command's name or among its own options. */
struct command_settings {
    bool json;          /* --json: machine-readable output */
    bool wide;          /* --wide: lists are not cut to the terminal's width */
    const char *socket; /* --socket, else $CHASQUI_SOCKET, else the built-in path */
};

extern struct command_settings command_settings;

/* One option. The table of a command ends with a row whose `name` is NULL. --help, --json and --socket are
 * added to each. */
struct command_option {
    int id;            /* the letter of the short form, or a number above 255 when there is none */
    const char *name;  /* long form, without the dashes */
    const char *value; /* what stands for the value in the help, NULL for a flag */
    const char *help;  /* one line; NULL: a former name of an option, not shown */
};

struct command_usage {
    const char *command;                  /* `send`, or `queue list` */
    const char *operands;                 /* `MESSAGE [FILE]`; may be NULL */
    const char *summary;                  /* one sentence */
    const char *notes;                    /* more paragraphs for the help; may be NULL */
    const struct command_option *options; /* may be NULL */
};

/* One of the commands below another, as `queue list`. Ends with a row whose `name` is NULL. */
struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] = `name` */
    const char *summary;
};

/* Runs the subcommand that argv[1] names; else says which there are. `about` is a sentence for the help. */
int command_run_subcommand(const char *command, const char *about, const struct subcommand *commands,
                           int argc, char **argv);

/* While it is set, --help prints nothing: each command that is asked for it tells its usage here, and one
 * with subcommands asks each of them. */
extern void (*command_usage_taken)(const struct command_usage *usage, const struct command_option *shared);

#define COMMAND_OPTIONS_MAX 96

/* A command line being read; options and operands may be mixed. */
struct command_line {
    const struct command_usage *usage;
    int argc;
    char **argv;
    enum command_status status; /* what to return after command_line_next gave COMMAND_LINE_STOP */
    struct option longs[COMMAND_OPTIONS_MAX + 1];
    char shorts[3 * COMMAND_OPTIONS_MAX + 2];
};

enum { COMMAND_LINE_END = 0, COMMAND_LINE_STOP = -1 };

void command_line_init(struct command_line *line, const struct command_usage *usage, int argc, char **argv);

/*
 * The next option's `id`, with its value in `*value` (NULL for a flag);
 * COMMAND_LINE_END when only operands are left; COMMAND_LINE_STOP when the help was
 * printed or the line is wrong (said on standard error).
 */
int command_line_next(struct command_line *line, const char **value);

/* After COMMAND_LINE_END: the next operand, or NULL. */
const char *command_line_operand(struct command_line *line);

/* Reads a line without options of its own into at most `max` operands, of which `min` must be there. Returns
 * their number, or -1 (return line->status then). */
int command_line_operands(struct command_line *line, int min, int max, const char **operands);

/* Says on standard error what is wrong with the command line, and where help is. Returns COMMAND_USAGE. */
int command_usage_error(const struct command_usage *usage, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* True when it is UTF-8, as what goes to the daemon must be; else that was said. */
bool command_text(const struct command_usage *usage, const char *text);

/* True when the option's value is one of the words; else which there are was said. */
bool command_word(const struct command_usage *usage, const char *option, const char *value,
                  const char *const *words);
/* Those of X.411: urgent, normal, non-urgent. */
extern const char *const command_priorities[];

/* With --json what is printed as text in between becomes {"MEMBER": TEXT}; NULL: it is thrown away. Without,
 * nothing happens. */
void command_text_begin(void);
void command_text_end(const char *member);

/* Prints `mhs: TEXT` on standard error; with --json also {"error": {"code": CODE, "text": TEXT}} on standard
 * output, where CODE is usage, no, unreachable or failed. Returns `status`. */
int command_fail(enum command_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with a text and a code that are at hand. */
void command_say(const char *text, const char *code);

#endif
