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
    static const struct out_column columns[] = {{"ADDRESS", "address", false},
                                                {"UID", "uid", true},
                                                {"ENTRIES", "entries", true},
                                                {"DIRECTORY NAME", "directory-name", false},
                                                {"IN CONFIGURATION", "configured", false},
                                                {NULL, NULL, false}};
    out_table(json_object_get(answer, "users"), columns);
}

static void print_done(const json_t *answer) {
    (void)answer;
    printf("done\n");
}

static int user_list(int argc, char **argv) {
    static const struct mhs_usage usage = {"user list", NULL, "Lists the users that have a mailbox here.",
                                           NULL, NULL};
    struct mhs_line line;
    mhs_line_init(&line, &usage, argc, argv);
    if (mhs_line_operands(&line, 0, 0, NULL) < 0)
        return line.status;
    return mhs_ask(json_pack("{s:s}", "operation", "user-list"), print_users);
}

static int user_show(int argc, char **argv) {
    static const struct mhs_usage usage = {"user show", "ADDRESS", "Shows one user.", NULL, NULL};
    struct mhs_line line;
    const char *address;
    mhs_line_init(&line, &usage, argc, argv);
    if (mhs_line_operands(&line, 1, 1, &address) < 0)
        return line.status;
    if (!(address = aliases_resolve(address)))
        return MHS_USAGE;
    return mhs_ask(json_pack("{s:s, s:s}", "operation", "user-list", "address", address), print_users);
}

/* ---- changes ---- */

/* A member from text; `none` and nothing take it away. False: it is no uid, and that was said. */
static bool set_member(const struct mhs_usage *usage, json_t *request, const char *member, const char *text) {
    int64_t uid = 0;
    if (!*text || strcmp(text, "none") == 0)
        return json_object_set_new(request, member, json_null()) == 0;
    if (strcmp(member, "uid") != 0)
        return json_object_set_new(request, member, json_string(text)) == 0;
    return (strcmp(text, "0") == 0 || pages_number(usage, "uid", text, &uid)) &&
           json_object_set_new(request, member, json_integer(uid)) == 0;
}

/* ---- many at a time ---- */

static void wrong_line(const char *file, unsigned number, const char *what, unsigned *wrong) {
    char text[200];
    snprintf(text, sizeof text, "%.100s: line %u: %.60s", file, number, what);
    mhs_say(text, "usage");
    ++*wrong;
}

/* `ADDRESS`, or with UID and DIRECTORY-NAME behind tabs. */
static void add_line(const struct mhs_usage *usage, const char *file, unsigned number, char *text,
                     unsigned *added, unsigned *wrong) {
    static const char *const members[] = {"address", "uid", "directory-name"};
    json_t *request = json_pack("{s:s}", "operation", "user-add"), *answer;
    bool right = request != NULL;
    size_t i = 0;
    for (char *field; right && (field = strsep(&text, "\t")); i++)
        right = i < 3 && (i == 0 ? json_object_set_new(request, "address", json_string(field)) == 0
                                 : !*field || set_member(usage, request, members[i], field));
    if (!right) {
        json_decref(request);
        wrong_line(file, number, "it must be ADDRESS, or ADDRESS, UID and DIRECTORY-NAME with tabs between",
                   wrong);
        return;
    }
    if (mhs_request(request, &answer) == MHS_OK)
        ++*added;
    else
        wrong_line(file, number, "this user was not added, for the cause above", wrong);
    json_decref(answer);
}

static int add_file(const struct mhs_usage *usage, const char *name) {
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
    char *text = NULL;
    size_t room = 0;
    ssize_t length;
    unsigned number = 0, added = 0, wrong = 0;
    if (!file)
        return mhs_fail(MHS_FAILED, "%s: %s", name, strerror(errno));
    if (!mhs_daemon())
        return MHS_UNREACHABLE;
    while ((length = getline(&text, &room, file)) >= 0) {
        number++;
        if (length > 0 && text[length - 1] == '\n')
            text[length - 1] = '\0';
        if (text[0] && text[0] != '#')
            add_line(usage, name, number, text, &added, &wrong);
    }
    free(text);
    bool failed = ferror(file);
    if (file != stdin)
        fclose(file);
    if (failed)
        return mhs_fail(MHS_FAILED, "%s can't be read", name);
    if (mhs_settings.json) {
        json_t *answer = json_pack("{s:i, s:i}", "changed", (int)added, "wrong", (int)wrong);
        out_json(answer);
        json_decref(answer);
    } else
        printf("%u added, %u not\n", added, wrong);
    return wrong ? MHS_NO : MHS_OK;
}

/* ---- one ---- */

struct change {
    const char *file;
    json_t *request;
};

/* False: return `*status`. */
static bool read_change(struct mhs_line *line, struct change *change, int *status) {
    const char *value, *address;
    int id;
    while ((id = mhs_line_next(line, &value)) > 0) {
        *status = MHS_USAGE;
        if (id == 'f')
            change->file = value;
        else if (id == 'd')
            json_object_set_new(change->request, "discard", json_true());
        else if (!set_member(line->usage, change->request, id == 'u' ? "uid" : "directory-name", value))
            return false;
    }
    *status = line->status;
    if (id == MHS_LINE_STOP)
        return false;
    address = mhs_line_operand(line);
    if ((address != NULL) == (change->file != NULL) || mhs_line_operand(line)) {
        *status = mhs_usage_error(line->usage, "give %s", line->usage->operands);
        return false;
    }
    *status = MHS_USAGE;
    if (address && !(address = aliases_resolve(address)))
        return false;
    if (address)
        json_object_set_new(change->request, "address", json_string(address));
    return true;
}

static int user_change(const struct mhs_usage *usage, const char *operation, int argc, char **argv) {
    struct mhs_line line;
    struct change change = {.request = json_pack("{s:s}", "operation", operation)};
    int status = MHS_FAILED;
    mhs_line_init(&line, usage, argc, argv);
    if (change.request && read_change(&line, &change, &status)) {
        if (!change.file)
            return mhs_ask(change.request, print_done);
        status = json_object_size(change.request) > 1
                     ? mhs_usage_error(usage, "with --file, uid and directory name stand in its lines")
                     : add_file(usage, change.file);
    }
    json_decref(change.request);
    return status;
}

static int user_add(int argc, char **argv) {
    static const struct mhs_option options[] = {
        {'u', "uid", "UID", "the Unix user who may use the mailbox"},
        {'n', "directory-name", "NAME", "the user's directory name (RFC 4514)"},
        {'f', "file", "FILE", "many users, a line each ('-': standard input)"},
        {0}};
    static const struct mhs_usage usage = {
        "user add", "ADDRESS, or --file FILE", "Gives an address of our domain a mailbox.",
        "A line of FILE is ADDRESS, or ADDRESS, UID and DIRECTORY-NAME with tabs between; '#' begins\n"
        "a comment. What is wrong is told with its line, and the others are added all the same.",
        options};
    return user_change(&usage, "user-add", argc, argv);
}

static int user_set(int argc, char **argv) {
    static const struct mhs_option options[] = {
        {'u', "uid", "UID", "the Unix user who may use the mailbox; 'none': nobody but operators"},
        {'n', "directory-name", "NAME", "the user's directory name (RFC 4514); 'none': it has none"},
        {0}};
    static const struct mhs_usage usage = {"user set", "ADDRESS", "Changes a user that 'mhs user add' made.",
                                           "What is not said stays.", options};
    return user_change(&usage, "user-set", argc, argv);
}

static int user_remove(int argc, char **argv) {
    static const struct mhs_option options[] = {
        {'d', "discard", NULL, "remove the mailbox with its messages"}, {0}};
    static const struct mhs_usage usage = {"user remove", "ADDRESS", "Takes a user and the mailbox away.",
                                           NULL, options};
    return user_change(&usage, "user-remove", argc, argv);
}

int cmd_user(int argc, char **argv) {
    static const struct mhs_subcommand commands[] = {{"list", user_list, "list the users"},
                                                     {"show", user_show, "show one"},
                                                     {"add", user_add, "give an address, or many, a mailbox"},
                                                     {"set", user_set, "change one"},
                                                     {"remove", user_remove, "take one away"},
                                                     {0}};
    return mhs_subcommands("user", "The users that have a mailbox here.", commands, argc, argv);
}
