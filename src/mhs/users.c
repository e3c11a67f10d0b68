/* `mhs user`: who has a mailbox here. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mhs/aliases.h"
#include "mhs/commands.h"
#include "mhs/daemon.h"
#include "mhs/output.h"
#include "mhs/pages.h"

static void print_users(const json_t *answer) {
    static const struct out_column columns[] = {{"ADDRESS", "address", false, TABLE_CUT_START},
                                                {"UID", "uid", true},
                                                {"ENTRIES", "entries", true},
                                                {"DIRECTORY NAME", "directory-name", false, TABLE_CUT_END},
                                                {"IN CONFIGURATION", "configured", false},
                                                {NULL, NULL, false}};
    out_table(json_object_get(answer, "users"), columns);
}

static void print_done(const json_t *answer) {
    (void)answer;
    printf("done\n");
}

static int user_list(int argc, char **argv) {
    static const struct command_usage usage = {"user list", NULL, "Lists the users that have a mailbox here.",
                                               NULL, NULL};
    struct command_line line;
    command_line_init(&line, &usage, argc, argv);
    if (command_line_operands(&line, 0, 0, NULL) < 0)
        return line.status;
    return daemon_ask(json_pack("{s:s}", "operation", "user-list"), print_users);
}

static int user_show(int argc, char **argv) {
    static const struct command_usage usage = {"user show", "ADDRESS", "Shows one user.", NULL, NULL};
    struct command_line line;
    const char *address;
    command_line_init(&line, &usage, argc, argv);
    if (command_line_operands(&line, 1, 1, &address) < 0)
        return line.status;
    if (!(address = aliases_resolve(address)))
        return COMMAND_USAGE;
    return daemon_ask(json_pack("{s:s, s:s}", "operation", "user-list", "address", address), print_users);
}

/* ---- changes ---- */

/* A member from text; `none` and nothing take it away. False: it is no uid, and that was said. */
static bool set_member(const struct command_usage *usage, json_t *request, const char *member,
                       const char *text) {
    int64_t uid = 0;
    if (!*text || strcmp(text, "none") == 0)
        return json_object_set_new(request, member, json_null()) == 0;
    if (strcmp(member, "uid") != 0)
        return json_object_set_new(request, member, json_string(text)) == 0;
    return (strcmp(text, "0") == 0 || pages_number(usage, "uid", text, &uid)) &&
           json_object_set_new(request, member, json_integer(uid)) == 0;
}

/* ---- many at a time ---- */

struct many {
    const char *name;
    unsigned number, added; /* of the line, from 1; of users so far */
    json_t *wrong;
};

static void wrong_line(struct many *many, const char *code, const char *what) {
    json_array_append_new(
        many->wrong, json_pack("{s:i, s:s, s:s}", "line", (int)many->number, "code", code, "text", what));
    fputs("mhs: ", stderr);
    out_untrusted(stderr, many->name, strlen(many->name));
    fprintf(stderr, ": line %u: ", many->number);
    out_untrusted(stderr, what, strlen(what));
    fputc('\n', stderr);
}

/* `ADDRESS`, or with UID and DIRECTORY-NAME behind tabs. NULL: it is none. */
static json_t *read_line(char *text) {
    static const char *const members[] = {"address", "uid", "directory-name"};
    json_t *request = json_pack("{s:s}", "operation", "user-add");
    bool right = request != NULL;
    size_t i = 0;
    for (char *field, *end; right && (field = strsep(&text, "\t")); i++) {
        long long uid = strtoll(field, &end, 10);
        right = i < 3 &&
                (!*field || (i != 1 ? json_object_set_new(request, members[i], json_string(field)) == 0
                                    : !*end && json_object_set_new(request, "uid", json_integer(uid)) == 0));
    }
    if (right)
        return request;
    json_decref(request);
    return NULL;
}

/* False when the daemon does not answer. */
static bool add_line(struct many *many, char *text) {
    json_t *request = read_line(text), *answer;
    if (!request) {
        wrong_line(many, "bad-request",
                   "it must be ADDRESS, or ADDRESS, UID and DIRECTORY-NAME with tabs between, in UTF-8");
        return true;
    }
    int status = daemon_request(request, &answer);
    json_decref(answer);
    many->added += status == COMMAND_OK;
    if (status == COMMAND_NO)
        wrong_line(many, mhs_error_name(daemon_session()), mhs_error_text(daemon_session()));
    return status == COMMAND_OK || status == COMMAND_NO;
}

static bool add_lines(struct many *many, FILE *file) {
    char *text = NULL;
    size_t room = 0;
    bool answers = true;
    for (ssize_t length; answers && (length = getline(&text, &room, file)) >= 0;) {
        many->number++;
        if (length > 0 && text[length - 1] == '\n')
            text[length - 1] = '\0';
        if (text[0] && text[0] != '#')
            answers = add_line(many, text);
    }
    free(text);
    return answers;
}

static int add_file(const char *name) {
    struct many many = {.name = name, .wrong = json_array()};
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
    int status = COMMAND_OK;
    if (!file)
        status = command_fail(COMMAND_FAILED, "%s: %s", name, strerror(errno));
    daemon_quiet(true);
    if (file && !add_lines(&many, file))
        status = COMMAND_UNREACHABLE;
    daemon_quiet(false);
    if (file && ferror(file))
        status = command_fail(COMMAND_FAILED, "%s can't be read: %s", name, strerror(errno));
    if (file && file != stdin)
        fclose(file);
    if (status == COMMAND_OK && json_array_size(many.wrong))
        status = COMMAND_NO;
    if (status <= COMMAND_NO && command_settings.json) {
        json_t *answer = json_pack("{s:i, s:O}", "changed", (int)many.added, "wrong", many.wrong);
        out_json(answer);
        json_decref(answer);
    } else if (status <= COMMAND_NO)
        printf("%u added, %zu not\n", many.added, json_array_size(many.wrong));
    json_decref(many.wrong);
    return status;
}

/* ---- one ---- */

struct change {
    const char *file;
    json_t *request;
};

/* False: return `*status`. */
static bool read_change(struct command_line *line, struct change *change, int *status) {
    const char *value, *address;
    int id;
    while ((id = command_line_next(line, &value)) > 0) {
        *status = COMMAND_USAGE;
        if (id == 'f')
            change->file = value;
        else if (id == 'd')
            json_object_set_new(change->request, "discard", json_true());
        else if (!set_member(line->usage, change->request, id == 'u' ? "uid" : "directory-name", value))
            return false;
    }
    *status = line->status;
    if (id == COMMAND_LINE_STOP)
        return false;
    address = command_line_operand(line);
    if ((address != NULL) == (change->file != NULL) || command_line_operand(line)) {
        *status = command_usage_error(line->usage, "give %s", line->usage->operands);
        return false;
    }
    *status = COMMAND_USAGE;
    if (address && !(address = aliases_resolve(address)))
        return false;
    if (address)
        json_object_set_new(change->request, "address", json_string(address));
    return true;
}

static int user_change(const struct command_usage *usage, const char *operation, int argc, char **argv) {
    struct command_line line;
    struct change change = {.request = json_pack("{s:s}", "operation", operation)};
    int status = COMMAND_FAILED;
    command_line_init(&line, usage, argc, argv);
    if (change.request && read_change(&line, &change, &status)) {
        if (!change.file)
            return daemon_ask(change.request, print_done);
        status = json_object_size(change.request) > 1
                     ? command_usage_error(usage, "with --file, uid and directory name stand in its lines")
                     : add_file(change.file);
    }
    json_decref(change.request);
    return status;
}

static int user_add(int argc, char **argv) {
    static const struct command_option options[] = {
        {'u', "uid", "UID", "the Unix user who may use the mailbox"},
        {'n', "directory-name", "NAME", "the user's directory name (RFC 4514)"},
        {'f', "file", "FILE", "many users, a line each ('-': standard input)"},
        {0}};
    static const struct command_usage usage = {
        "user add", "ADDRESS, or --file FILE", "Gives an address of our domain a mailbox.",
        "A line of FILE is ADDRESS, or ADDRESS, UID and DIRECTORY-NAME with tabs between; '#' begins\n"
        "a comment. What is wrong is told with its line, and the others are added all the same.",
        options};
    return user_change(&usage, "user-add", argc, argv);
}

static int user_set(int argc, char **argv) {
    static const struct command_option options[] = {
        {'u', "uid", "UID", "the Unix user who may use the mailbox; 'none': nobody but operators"},
        {'n', "directory-name", "NAME", "the user's directory name (RFC 4514); 'none': it has none"},
        {0}};
    static const struct command_usage usage = {"user set", "ADDRESS",
                                               "Changes a user that 'mhs user add' made.",
                                               "What is not said stays.", options};
    return user_change(&usage, "user-set", argc, argv);
}

static int user_remove(int argc, char **argv) {
    static const struct command_option options[] = {
        {'d', "discard", NULL, "remove the mailbox with its messages"}, {0}};
    static const struct command_usage usage = {"user remove", "ADDRESS", "Takes a user and the mailbox away.",
                                               NULL, options};
    return user_change(&usage, "user-remove", argc, argv);
}

int cmd_user(int argc, char **argv) {
    static const struct subcommand commands[] = {{"list", user_list, "list the users"},
                                                 {"show", user_show, "show one"},
                                                 {"add", user_add, "give an address, or many, a mailbox"},
                                                 {"set", user_set, "change one"},
                                                 {"remove", user_remove, "take one away"},
                                                 {0}};
    return command_run_subcommand("user", "The users that have a mailbox here.", commands, argc, argv);
}
