/*
 * `mhs completion`: what a shell needs to complete command lines, made from the tables of commands and
 * options that --help prints. The build installs it.
 */
#include "mhs/completion.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"
#include "chasqui/mhs.h"
#include "mhs/aliases.h"
#include "mhs/output.h"

/* The usage texts call back without a context. */
static struct {
    struct buf cases;       /* for each command: a pattern and its words */
    struct buf subcommands; /* words of the command that is being asked */
    const char *list;       /* how a shell begins a list of words */
} making;

/* ---- what stands in the place of a value ---- */

/* The octets of a word of an enumeration at the beginning of `text`. */
static size_t word_at(const char *text) {
    return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
}

/* Behind the last word of `one, two or three` at the beginning of `text`; NULL: no such list stands there.
 * `out` (may be NULL) gets the words with commas between. */
static const char *list_at(const char *text, struct buf *out) {
    for (size_t count = 0; word_at(text); count++) {
        size_t length = word_at(text);
        if (out)
            buf_printf(out, "%s%.*s", count ? "," : "", (int)length, text);
        text += length;
        if (strncmp(text, " or ", 4) == 0) {
            length = word_at(text + 4);
            if (out)
                buf_printf(out, ",%.*s", (int)length, text + 4);
            return length ? text + 4 + length : NULL;
        }
        if (strncmp(text, ", ", 2) != 0)
            return NULL;
        text += 2;
    }
    return NULL;
}

/* The words that a value may be, as its help lists them: at its beginning, or behind a colon, up to the end
 * or a colon. NULL: it lists none. */
static const char *find_list(const char *help) {
    for (const char *at = help; at; at = strstr(at, ": ") ? strstr(at, ": ") + 2 : NULL) {
        const char *end = list_at(at, NULL);
        if (end && (!*end || *end == ':'))
            return at;
    }
    return NULL;
}

static bool is_id(const char *value) {
    return strcmp(value, "ID") == 0 || strncmp(value, "ID ", 3) == 0;
}

/* `@peers` and the like are asked for when they are needed, words are told, of all else nothing is known. */
static void add_kind(const char *value, const char *help) {
    const char *list = help ? find_list(help) : NULL;
    if (strncmp(value, "PEER", 4) == 0)
        buf_printf(&making.cases, "@peers");
    else if (strncmp(value, "ADDRESS", 7) == 0 || strncmp(value, "[ADDRESS", 8) == 0)
        buf_printf(&making.cases, "@addresses");
    else if (is_id(value))
        buf_printf(&making.cases, "@copies");
    else if (list)
        list_at(list, &making.cases);
}

/* ` --state:ready,held --peer:@peers --reason:` */
static void add_values(const struct command_option *options) {
    for (; options && options->name; options++)
        if (options->help && options->value) {
            buf_printf(&making.cases, " --%s:", options->name);
            add_kind(options->value, options->help);
        }
}

/* ---- commands ---- */

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
    buf_printf(&making.cases, "%s values=%s", making.list[0] == '(' ? ")" : "\"", making.list);
    add_values(usage->options);
    add_values(shared);
    buf_printf(&making.cases, "%s kind=", making.list[0] == '(' ? ")" : "\"");
    if (usage->operands)
        add_kind(usage->operands, NULL);
    buf_printf(&making.cases, " ;;\n");
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

/* The words before the one that is being completed, without options, tell the command. Bash parts words at
 * '=' and ':' too, which addresses have: so the line is taken apart anew. */
static const char bash_head[] =
    "# Completion of mhs for bash, made by 'mhs completion bash'.\n"
    "_mhs() {\n"
    "  local part=${COMP_WORDS[COMP_CWORD]//\\\\/} line=${COMP_LINE:0:COMP_POINT} i last\n"
    "  local command= found= values= kind= valued= before= word=\n"
    "  local -a words socket\n"
    "  read -a words <<< \"$line\"\n"
    "  [[ $line == *[[:space:]] ]] && words+=(\"\")\n"
    "  ((last = ${#words[@]} - 1))\n"
    "  for ((i = 1; i < last; i++)); do\n"
    "    case ${words[i]} in\n"
    "    --socket)\n"
    "      ((++i == last)) && return\n"
    "      socket=(--socket \"${words[i]}\")\n"
    "      ;;\n"
    "    --socket=*) socket=(\"${words[i]}\") ;;\n"
    "    -*) ;;\n"
    "    *) command+=\"${words[i]} \" ;;\n"
    "    esac\n"
    "  done\n"
    "  before=${words[last - 1]} word=${words[last]}\n"
    "  if [[ $word == --*=* ]]; then before=${word%%=*} word=${word#*=}; fi\n"
    "  [[ $before == --socket ]] && return\n"
    "  case ${command#help } in\n";
static const char zsh_head[] =
    "#compdef mhs\n"
    "# Completion of mhs for zsh, made by 'mhs completion zsh'.\n"
    "_mhs() {\n"
    "  local command= kind= valued= before=${words[CURRENT-1]} word=${words[CURRENT]} i\n"
    "  local -a found values socket\n"
    "  for ((i = 2; i < CURRENT; i++)); do\n"
    "    case ${words[i]} in\n"
    "    --socket)\n"
    "      ((++i == CURRENT)) && _files && return\n"
    "      socket=(--socket \"${words[i]}\")\n"
    "      ;;\n"
    "    --socket=*) socket=(\"${words[i]}\") ;;\n"
    "    -*) ;;\n"
    "    *) command+=\"${words[i]} \" ;;\n"
    "    esac\n"
    "  done\n"
    "  if [[ $word == --*=* ]]; then\n"
    "    before=${word%%=*} word=${word#*=}\n"
    "    compset -P \"$before=\"\n"
    "    [[ $before == --socket ]] && _files && return\n"
    "  fi\n"
    "  case ${command#help } in\n";

/* Options are offered where one is begun, of an option that has a value that alone, and else what the
 * operands are; where nothing of ours fits, files are. What the daemon knows is asked for there and then.
 * Bash keeps the beginning of an address up to its last '=' or ':' by itself. */
static const char bash_tail[] =
    "  for i in $values; do\n"
    "    [[ ${i%%:*} == \"$before\" ]] && valued=1 kind=${i#*:}\n"
    "  done\n"
    "  if [[ $word == -* && ! $valued ]]; then\n"
    "    kind=\n"
    "  elif [[ $kind == @* ]]; then\n"
    "    found=$(\"${words[0]}\" \"${socket[@]}\" completion \"${kind#@}\" 2>/dev/null)\n"
    "  elif [[ $kind || $valued ]]; then\n"
    "    found=${kind//,/ }\n"
    "  fi\n"
    "  [[ $part == [=:] ]] && part=\n"
    "  local kept=${word%\"$part\"} IFS=$'\\n'\n"
    "  [[ $kind == @* ]] || found=${found// /$'\\n'}\n"
    "  COMPREPLY=()\n"
    "  while IFS= read -r i; do\n"
    "    [[ $i && $i == \"$word\"* && ($word == -* || $i != -*) ]] && COMPREPLY+=(\"$(printf %q "
    "\"${i#\"$kept\"}\")\")\n"
    "  done <<<\"$found\"\n"
    "}\n"
    "complete -o default -F _mhs mhs\n";
/* It is found in a folder of functions, or was read by `source`. */
static const char zsh_tail[] =
    "  for i in $values; do\n"
    "    [[ ${i%%:*} == $before ]] && valued=1 kind=${i#*:}\n"
    "  done\n"
    "  [[ $word == -* ]] || found=(${found:#-*})\n"
    "  if [[ $word == -* && -z $valued ]]; then\n"
    "    kind=\n"
    "  elif [[ $kind == @* ]]; then\n"
    "    found=(${(f)\"$(\"${words[1]}\" $socket completion ${kind#@} 2>/dev/null)\"})\n"
    "  elif [[ -n $kind$valued ]]; then\n"
    "    found=(${(s:,:)kind})\n"
    "  fi\n"
    "  compadd -- $found || _files\n"
    "}\n"
    "if [[ ${funcstack[1]} == _mhs ]]; then\n"
    "  _mhs \"$@\"\n"
    "else\n"
    "  compdef _mhs mhs\n"
    "fi\n";

static int print_script(const struct command *commands, bool zsh) {
    make_cases(commands, zsh ? "(" : "\"");
    command_text_begin();
    fputs(zsh ? zsh_head : bash_head, stdout);
    fwrite(making.cases.data, 1, making.cases.len, stdout);
    printf("    \"\") found=%s", making.list);
    print_commands(commands);
    printf("%s ;;\n  esac\n", zsh ? ")" : "\"");
    fputs(zsh ? zsh_tail : bash_tail, stdout);
    bool failed = making.cases.failed || making.subcommands.failed;
    buf_free(&making.cases);
    buf_free(&making.subcommands);
    command_text_end(failed ? NULL : "script");
    return failed ? command_fail(COMMAND_FAILED, "no memory") : COMMAND_OK;
}

/* ---- what the daemon knows ---- */

/* A person waits for the shell. */
#define ANSWER_MS 500

static json_t *names; /* for JSON, else NULL */

/* One with control characters is for no command line. */
static void print_name(void *context, const char *name) {
    (void)context;
    for (const char *at = name; *at; at++)
        if (text_control(span_str(at)))
            return;
    if (names)
        json_array_append_new(names, json_string(name));
    else
        puts(name);
}

static bool print_mailbox(void *context, const struct mhs_mailbox *mailbox) {
    print_name(context, mailbox->address);
    return true;
}

/* Of each element of an array of the answer the member that names it. */
static void print_each(struct mhs_session *session, const char *request, const char *array,
                       const char *member) {
    char *told = NULL;
    bool answered = mhs_operate(session, request, &told) == MHS_OK;
    json_t *answer = answered ? json_loads(told, 0, NULL) : NULL;
    const json_t *one;
    size_t i;
    json_array_foreach(json_object_get(answer, array), i, one) print_name(NULL, out_text(one, member));
    json_decref(answer);
    free(told);
}

static void print_peers(struct mhs_session *session) {
    print_each(session, "{\"operation\":\"peer-status\"}", "peers", "peer");
}

/* Nobody looks through more. */
static void print_copies(struct mhs_session *session) {
    print_each(session, "{\"operation\":\"queue-list\",\"limit\":1000}", "entries", "id");
}

static void print_addresses(struct mhs_session *session) {
    mhs_mailboxes(session, print_mailbox, NULL);
}

struct known {
    const char *what;
    void (*print)(struct mhs_session *session);
    bool aliases; /* those too, which need no daemon */
};

static const struct known knows[] = {
    {"peers", print_peers}, {"addresses", print_addresses, true}, {"copies", print_copies}, {0}};

/* Where no daemon answers soon, or it does not say that to this user, nothing is completed, and nothing said.
 */
static void print_names(const struct known *known) {
    struct mhs_session *session;
    if (known->aliases)
        aliases_each(print_name, NULL);
    mhs_open(command_settings.socket, &session);
    if (!session)
        return;
    mhs_set_timeout(session, ANSWER_MS);
    known->print(session);
    mhs_close(session);
}

static int show_names(const struct known *known) {
    names = command_settings.json ? json_array() : NULL;
    print_names(known);
    json_t *all = names ? json_pack("{s:o}", "names", names) : NULL;
    if (all)
        out_json(all);
    json_decref(all);
    return COMMAND_OK;
}

int completion(const struct command *commands, int argc, char **argv) {
    static const struct command_usage usage = {
        "completion", "bash|zsh|peers|addresses|copies",
        "Prints what the shell needs to complete command lines of mhs.",
        "For this shell alone: source <(mhs completion bash), or zsh. Both ask for the names of peers, for "
        "aliases and "
        "the addresses of mailboxes, and for the numbers of copies in the queue, by 'mhs completion peers', "
        "'addresses' "
        "and 'copies', which print none where no daemon tells them at once.",
        NULL};
    struct command_line line;
    const char *shell;
    command_line_init(&line, &usage, argc, argv);
    if (command_line_operands(&line, 1, 1, &shell) < 0)
        return line.status;
    for (const struct known *known = knows; known->what; known++)
        if (strcmp(shell, known->what) == 0)
            return show_names(known);
    if (strcmp(shell, "bash") != 0 && strcmp(shell, "zsh") != 0)
        return command_usage_error(&usage, "it is made for bash and zsh, not for '%s'", shell);
    return print_script(commands, shell[0] == 'z');
}
