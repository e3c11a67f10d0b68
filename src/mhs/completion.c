/*
 * `mhs completion`: what a shell needs to complete command lines, made from the tables of commands and
 * options that --help prints. The build installs it.
 */
#include "mhs/completion.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

/* The usage texts call back without a context. */
static struct {
    struct buf cases;       /* for each command: a pattern and its words */
    struct buf subcommands; /* words of the command that is being asked */
    const char *list;       /* how a shell begins a list of words */
} making;

static void add_options(const struct command_option *options) {
    for (; options && options->name; options++)
        if (options->help) /* else a former name */
            buf_printf(&making.cases, " --%s", options->name);
}

static void add_usage(const struct command_usage *usage, const struct command_option *shared) {
    const char *subcommand = strchr(usage->command, ' ');
    if (subcommand)
        buf_printf(&making.subcommands, "%s", subcommand);
    buf_printf(&making.cases, "    \"%s \"*) found=%s", usage->command, making.list);
    add_options(usage->options);
    add_options(shared);
    buf_printf(&making.cases, "%s ;;\n", making.list[0] == '(' ? ")" : "\"");
}

/* A command that has no table of subcommands prints its help: not here. */
static void ask_quietly(const struct command *command) {
    char *ask[] = {(char *)command->name, "--help", NULL};
    fflush(stdout);
    int kept = dup(STDOUT_FILENO), nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nowhere, STDOUT_FILENO);
    command->run(2, ask);
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    close(nowhere);
}

static void make_cases(const struct command *commands, const char *list) {
    buf_init(&making.cases, 0);
    buf_init(&making.subcommands, 0);
    making.list = list;
    command_usage_taken = add_usage;
    for (; commands->name; commands++) {
        if (strcmp(commands->name, "help") == 0)
            continue; /* its operands are the commands */
        buf_clear(&making.subcommands);
        ask_quietly(commands);
        if (making.subcommands.len)
            buf_printf(&making.cases, "    \"%s \"*) found=%s%.*s --help%s ;;\n", commands->name, list,
                       (int)making.subcommands.len, (const char *)making.subcommands.data,
                       list[0] == '(' ? ")" : "\"");
    }
    command_usage_taken = NULL;
}

static void print_commands(const struct command *commands) {
    for (; commands->name; commands++)
        printf(" %s", commands->name);
    printf(" --json --wide --socket --version --help");
}

/* The words before the one that is being completed, without options, tell the command. */
static const char bash_head[] =
    "# Completion of mhs for bash, made by 'mhs completion bash'.\n"
    "_mhs() {\n"
    "  local word=${COMP_WORDS[COMP_CWORD]} command= found= i\n"
    "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "    case ${COMP_WORDS[i]} in\n"
    "    --socket)\n"
    "      [[ ${COMP_WORDS[i + 1]} == = ]] && ((i++)) # --socket=PATH is three words\n"
    "      ((++i == COMP_CWORD)) && return\n"
    "      ;;\n"
    "    -*) ;;\n"
    "    *) command+=\"${COMP_WORDS[i]} \" ;;\n"
    "    esac\n"
    "  done\n"
    "  case ${command#help } in\n";
static const char zsh_head[] = "#compdef mhs\n"
                               "# Completion of mhs for zsh, made by 'mhs completion zsh'.\n"
                               "_mhs() {\n"
                               "  local command= i\n"
                               "  local -a found\n"
                               "  for ((i = 2; i < CURRENT; i++)); do\n"
                               "    case ${words[i]} in\n"
                               "    --socket)\n"
                               "      ((++i == CURRENT)) && _files && return\n"
                               "      ;;\n"
                               "    -*) ;;\n"
                               "    *) command+=\"${words[i]} \" ;;\n"
                               "    esac\n"
                               "  done\n"
                               "  case ${command#help } in\n";

/* Options are offered where one is begun; where nothing of ours fits, files are. */
static const char bash_tail[] = "  local without='-*'\n"
                                "  [[ $word == -* ]] && without=\n"
                                "  COMPREPLY=($(compgen -X \"$without\" -W \"$found\" -- \"$word\"))\n"
                                "}\n"
                                "complete -o default -F _mhs mhs\n";
/* It is found in a folder of functions, or was read by `source`. */
static const char zsh_tail[] = "  [[ ${words[CURRENT]} == -* ]] || found=(${found:#-*})\n"
                               "  compadd -- $found || _files\n"
                               "}\n"
                               "if [[ ${funcstack[1]} == _mhs ]]; then\n"
                               "  _mhs \"$@\"\n"
                               "else\n"
                               "  compdef _mhs mhs\n"
                               "fi\n";

static int print_script(const struct command *commands, bool zsh) {
    make_cases(commands, zsh ? "(" : "\"");
    fputs(zsh ? zsh_head : bash_head, stdout);
    fwrite(making.cases.data, 1, making.cases.len, stdout);
    printf("    \"\") found=%s", making.list);
    print_commands(commands);
    printf("%s ;;\n  esac\n", zsh ? ")" : "\"");
    fputs(zsh ? zsh_tail : bash_tail, stdout);
    bool failed = making.cases.failed || making.subcommands.failed;
    buf_free(&making.cases);
    buf_free(&making.subcommands);
    return failed ? command_fail(COMMAND_FAILED, "no memory") : COMMAND_OK;
}

int completion(const struct command *commands, int argc, char **argv) {
    static const struct command_usage usage = {
        "completion", "bash|zsh", "Prints what the shell needs to complete command lines of mhs.",
        "For this shell alone: source <(mhs completion bash), or zsh.", NULL};
    struct command_line line;
    const char *shell;
    command_line_init(&line, &usage, argc, argv);
    if (command_line_operands(&line, 1, 1, &shell) < 0)
        return line.status;
    if (strcmp(shell, "bash") != 0 && strcmp(shell, "zsh") != 0)
        return command_usage_error(&usage, "it is made for bash and zsh, not for '%s'", shell);
    return print_script(commands, shell[0] == 'z');
}
