/* `mhs reload` and `mhs config`: the daemon's configuration. */
#include <stdio.h>
#include <string.h>

#include "mhs/commands.h"
#include "mhs/daemon.h"
#include "mhs/output.h"
#include "mhs/table.h"

enum { SECTIONS_MOST = 64, CONTINUED = 4 };

static void print_changes(const json_t *answer) {
    const json_t *changes = json_object_get(answer, "changes"), *change, *warning;
    size_t i;
    if (json_array_size(changes) == 0)
        printf("nothing has changed\n");
    json_array_foreach(changes, i, change) {
        struct out_flow flow = {.indent = CONTINUED};
        out_flow(&flow, out_text(change, "text"));
        if (json_is_true(json_object_get(change, "restart")))
            out_flow(&flow, "(takes effect when the daemon is restarted)");
        putchar('\n');
    }
    json_array_foreach(json_object_get(answer, "warnings"), i, warning) {
        static const char label[] = "warning:";
        struct out_flow flow = {.at = sizeof label, .indent = sizeof label};
        printf("%s%s%s ", out_style(OUT_WARN), label, out_end());
        out_flow(&flow, json_string_value(warning) ? json_string_value(warning) : "?");
        putchar('\n');
    }
}

int cmd_reload(int argc, char **argv) {
    static const struct command_usage usage = {
        "reload", NULL, "Has the daemon reread its configuration, and says what has changed.",
        "It returns when all of the daemon's processes have it. A wrong configuration is refused\n"
        "with file, line and option of all that is wrong, and the old one stays. What can't work, or\n"
        "does nothing, is said as a warning.",
        NULL};
    struct command_line line;
    command_line_init(&line, &usage, argc, argv);
    if (command_line_operands(&line, 0, 0, NULL) < 0)
        return line.status;
    return daemon_ask(json_pack("{s:s}", "operation", "reload"), print_changes);
}

/* As in a file; a list goes on below itself, a text stays whole. */
static void print_option(const char *section, const char *option, const char *value, bool set) {
    char name[80];
    snprintf(name, sizeof name, "%s%s = ", section ? "    " : "", option);
    struct out_flow flow = {.at = strlen(name), .indent = strlen(name)};
    fputs(name, stdout);
    if (*value == '{') {
        out_flow(&flow, value);
    } else {
        out_line(value);
        flow.at += out_width(value);
    }
    flow.tab = flow.at + 4;
    if (!set)
        out_flow(&flow, "# default");
    putchar('\n');
}

static void print_options(const json_t *answer) {
    const json_t *options = json_object_get(answer, "options"), *option;
    const char *last = "-";
    size_t i;
    json_array_foreach(options, i, option) {
        const char *section = json_string_value(json_object_get(option, "section"));
        const char *value = json_string_value(json_object_get(option, "text"));
        bool set = json_is_true(json_object_get(option, "set"));
        if (section && strcmp(section, last) != 0)
            printf("\n%s%s%s\n", out_style(OUT_BOLD), section, out_end());
        last = section ? section : "-";
        print_option(section, out_text(option, "option"),
                     value ? value
                     : set ? "(not shown)"
                           : "(not set)",
                     set);
    }
}

static int config_show_command(int argc, char **argv) {
    static const struct command_usage usage = {
        "config show", "[SECTION]...", "Shows the configuration that the daemon runs with.",
        "A SECTION is an option, a kind of section as 'peer' or 'limits', the title of one, or both: "
        "'peer BETA' is that one alone. Passwords are not shown.",
        NULL};
    struct command_line line;
    const char *names[SECTIONS_MOST];
    command_line_init(&line, &usage, argc, argv);
    int count = command_line_operands(&line, 0, SECTIONS_MOST, names);
    if (count < 0)
        return line.status;
    for (int i = 0; i < count; i++)
        if (!command_text(&usage, names[i]))
            return COMMAND_USAGE;
    json_t *sections = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(sections, json_string(names[i]));
    return daemon_ask(json_pack("{s:s, s:o}", "operation", "config-show", "sections", sections),
                      print_options);
}

static int config_diff_command(int argc, char **argv) {
    static const struct command_usage usage = {
        "config diff", NULL, "Says what a reload would change: the file against what the daemon runs with.",
        "The exit status is 1 when they differ, or the file is wrong.", NULL};
    struct command_line line;
    json_t *answer;
    command_line_init(&line, &usage, argc, argv);
    if (command_line_operands(&line, 0, 0, NULL) < 0)
        return line.status;
    int status = daemon_request(json_pack("{s:s}", "operation", "config-diff"), &answer);
    if (status != COMMAND_OK)
        return status;
    if (command_settings.json)
        out_json(answer);
    else
        print_changes(answer);
    status = json_array_size(json_object_get(answer, "changes")) == 0 ? COMMAND_OK : COMMAND_NO;
    json_decref(answer);
    return status;
}

int cmd_config(int argc, char **argv) {
    static const struct subcommand commands[] = {
        {"show", config_show_command, "show what the daemon runs with"},
        {"diff", config_diff_command, "say what a reload would change"},
        {0}};
    return command_run_subcommand("config", "The daemon's configuration.", commands, argc, argv);
}
