/* `mhs user`: who has a mailbox here. */
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "mhs/aliases.h"
#include "mhs/commands.h"
#include "mhs/daemon.h"
#include "mhs/output.h"
#include "mhs/password.h"
#include "mhs/table.h"

/* `ada (1000)`, where the system has a name for the number. */
static void name_login(json_t *user) {
    const json_t *uid = json_object_get(user, "uid");
    const struct passwd *login = json_is_integer(uid) ? getpwuid((uid_t)json_integer_value(uid)) : NULL;
    json_t *text =
        login ? json_sprintf("%s (%" JSON_INTEGER_FORMAT ")", login->pw_name, json_integer_value(uid)) : NULL;
    if (text)
        json_object_set_new(user, "uid", text);
}

/* Whether the text is a user's number, or the name of one that the system knows, as in `--uid ada`. */
static bool read_login(const char *text, json_int_t *uid) {
    char *end;
    errno = 0;
    *uid = strtoll(text, &end, 10);
    if (!errno && *text >= '0' && *text <= '9' && !*end)
        return true;
    const struct passwd *login = getpwnam(text);
    *uid = login ? (json_int_t)login->pw_uid : 0;
    return login != NULL;
}

/* With aliases, as other lists have them, and addresses whole: they tell users apart. */
static void print_users(const json_t *answer) {
    static const struct out_column columns[] = {{"ADDRESS", "address", false, TABLE_ABOVE},
                                                {"UID", "uid", false, TABLE_CUT_END},
                                                {"PASSWORD", "password", false},
                                                {"ENTRIES", "entries", true},
                                                {"DELIVERY", "delivery", false},
                                                {"CONFIGURED", "configured", false},
                                                {"", "directory-name", false, TABLE_FLOW},
                                                {NULL, NULL, false}};
    json_t *user;
    size_t i;
    json_array_foreach(json_object_get(answer, "users"), i, user) {
        name_login(user);
        if (!json_is_string(json_object_get(user, "directory-name")))
            json_object_set_new(user, "directory-name", json_string(""));
        json_object_set_new(user, "address", json_string(aliases_short(out_text(user, "address"))));
    }
    out_table(json_object_get(answer, "users"), columns);
}

static void print_done(const json_t *answer) {
    (void)answer;
    printf("done\n");
}

/* Who had the old password may have registered a redirection with it. */
static void print_new_password(const json_t *answer) {
    print_done(answer);
    if (json_is_true(json_object_get(answer, "registered")))
        fprintf(stderr, "mhs: what the user registered by P3 stays: 'mhs user show' shows it, and if it may "
                        "be of somebody who had the old password, 'mhs user reset' takes it away\n");
}

static void print_reset(const json_t *answer) {
    puts(out_integer(answer, "changed") ? "done" : "nothing was registered");
}

static void print_redirections(const json_t *redirections) {
    const json_t *one;
    size_t i;
    json_array_foreach(redirections, i, one) {
        bool some = json_is_true(json_object_get(one, "some"));
        json_t *text = json_is_null(json_object_get(one, "to"))
                           ? json_string("nobody")
                           : json_sprintf("%s%s", out_text(one, "to"), some ? " (some messages)" : "");
        out_field("redirected to", json_string_value(text));
        json_decref(text);
    }
}

static void print_restrictions(const json_t *restrictions) {
    const json_t *one;
    size_t i;
    json_array_foreach(restrictions, i, one) {
        bool named = !json_is_null(json_object_get(one, "name"));
        bool all_below = named && !json_is_true(json_object_get(one, "exact"));
        json_t *text =
            json_sprintf("%s%s", named ? out_text(one, "name") : "anybody", all_below ? " (and below)" : "");
        out_field(json_is_true(json_object_get(one, "permitted")) ? "takes from" : "not from",
                  json_string_value(text));
        json_decref(text);
    }
}

static void print_registrations(const json_t *registrations) {
    if (!json_is_object(registrations)) {
        out_field("registered", "nothing");
        return;
    }
    out_field("registered", out_text(registrations, "parameters"));
    print_redirections(json_object_get(registrations, "redirections"));
    print_restrictions(json_object_get(registrations, "restrictions"));
}

/* All that is known of one. Of what the configuration gave him as a password it alone tells. */
static void print_user(const json_t *answer) {
    static const char *const members[] = {"address", "directory-name", "uid",    "password", "delivery",
                                          "entries", "unseen",         "octets", "quota",    "configured"};
    json_t *user = json_array_get(json_object_get(answer, "users"), 0);
    name_login(user);
    if (json_is_null(json_object_get(user, "password")))
        json_object_set_new(user, "password", json_string("as the configuration says"));
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (!json_is_null(json_object_get(user, members[i])))
            out_field(strcmp(members[i], "configured") == 0 ? "in configuration" : members[i],
                      out_text(user, members[i]));
    print_registrations(json_object_get(user, "registrations"));
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

/* NULL: nobody, and that was said. */
static const char *whom(const char *operand) {
    const char *address;
    if (operand)
        return aliases_resolve(operand);
    if (!aliases_me(&address))
        return NULL;
    if (!address)
        command_fail(COMMAND_USAGE, "whom? Give ADDRESS, set CHASQUI_USER, or put 'me = ADDRESS' into "
                                    "~/.config/chasqui/aliases");
    return address;
}

static int user_show(int argc, char **argv) {
    static const struct command_usage usage = {
        "user show", "[ADDRESS]", "Shows one user.",
        "Without ADDRESS it is you: CHASQUI_USER or the alias 'me'. Others are shown to operators alone.",
        NULL};
    struct command_line line;
    const char *address = NULL;
    command_line_init(&line, &usage, argc, argv);
    if (command_line_operands(&line, 0, 1, &address) < 0)
        return line.status;
    if (!(address = whom(address)))
        return COMMAND_USAGE;
    return daemon_ask(json_pack("{s:s, s:s}", "operation", "user-list", "address", address), print_user);
}

/* ---- changes ---- */

/* A member from text; `none` and nothing take it away. False: it is no uid, and that was said. */
static bool set_member(const struct command_usage *usage, json_t *request, const char *member,
                       const char *text) {
    json_int_t uid;
    if (!*text || strcmp(text, "none") == 0)
        return json_object_set_new(request, member, json_null()) == 0;
    if (strcmp(member, "uid") != 0)
        return json_object_set_new(request, member, json_string(text)) == 0;
    if (!read_login(text, &uid)) {
        command_usage_error(usage,
                            "--uid: '%s' is neither a user's number nor the name of a user of this system; "
                            "'getent passwd' shows them",
                            text);
        return false;
    }
    return json_object_set_new(request, member, json_integer(uid)) == 0;
}

/* ---- many in one transaction ---- */

/* What a request may hold (64 KiB), less its frame and the names of its members. */
#define USERS_OCTETS ((size_t)60 * 1024)

/* The users of a file, and the lines that they stand in. */
struct many {
    const char *name;
    json_t *users, *lines;
    json_t *wrong;    /* {"line": n, "code": text, "text": text}, by lines */
    json_t *warnings; /* {"line": n, "text": text}: of lines that are taken all the same */
};

/* At its place: what the daemon finds comes behind all that was seen here. */
static void wrong_line(struct many *many, json_int_t line, const char *code, const char *what) {
    size_t at = json_array_size(many->wrong);
    while (at > 0 && out_integer(json_array_get(many->wrong, at - 1), "line") > line)
        at--;
    json_array_insert_new(many->wrong, at,
                          json_pack("{s:I, s:s, s:s}", "line", line, "code", code, "text", what));
}

static void tell_lines(const struct many *many, const json_t *lines, const char *label) {
    const json_t *one;
    size_t i;
    json_array_foreach(lines, i, one) {
        const char *what = out_text(one, "text");
        fprintf(stderr, "mhs: %s", label);
        out_untrusted(stderr, many->name, strlen(many->name));
        fprintf(stderr, ": line %" JSON_INTEGER_FORMAT ": ", (json_int_t)out_integer(one, "line"));
        out_untrusted(stderr, what, strlen(what));
        fputc('\n', stderr);
    }
}

/* A field that is no login is told as such: what is wrong with it does not show in the form of the line. */
static bool take_field(json_t *user, size_t number, const char *field, char *why, size_t size) {
    static const char *const members[] = {"address", "uid", "directory-name"};
    json_int_t uid = 0;
    if (number < 3 && !*field)
        return true;
    if (number == 1 && !read_login(field, &uid)) {
        snprintf(why, size,
                 "'%.60s' is neither a user's number nor the name of a user of this system; 'getent passwd' "
                 "shows them",
                 field);
        return false;
    }
    return number < 3 && json_object_set_new(user, members[number],
                                             number == 1 ? json_integer(uid) : json_string(field)) == 0;
}

/* `ADDRESS`, or with UID and DIRECTORY-NAME behind tabs. NULL: it is none, and `why` says what is wrong. */
static json_t *read_user(char *text, char *why, size_t size) {
    json_t *user = json_object();
    bool right = user != NULL;
    size_t i = 0;
    snprintf(why, size,
             "it must be ADDRESS, or ADDRESS, UID (or login) and DIRECTORY-NAME with tabs between, in UTF-8");
    for (char *field; right && (field = strsep(&text, "\t")); i++)
        right = take_field(user, i, field, why, size);
    if (right && json_dumpb(user, NULL, 0, JSON_COMPACT) <= USERS_OCTETS)
        return user;
    json_decref(user);
    return NULL;
}

/* An address may hold spaces, but one that ends in a login was hardly meant to. */
static void warn_of_space(struct many *many, json_int_t line, const json_t *user) {
    const char *address = out_text(user, "address"), *last = strrchr(address, ' ');
    json_int_t uid;
    char text[512];
    if (json_object_get(user, "uid") || !last || !read_login(last + 1, &uid))
        return;
    snprintf(text, sizeof text,
             "the address ends in '%.60s', which looks like a login: is a tab meant where the space is?",
             last);
    json_array_append_new(many->warnings, json_pack("{s:I, s:s}", "line", line, "text", text));
}

static void read_line(struct many *many, json_int_t line, char *text) {
    char why[512];
    json_t *user = read_user(text, why, sizeof why);
    if (!user) {
        wrong_line(many, line, "bad-request", why);
        return;
    }
    warn_of_space(many, line, user);
    json_array_append_new(many->users, user);
    json_array_append_new(many->lines, json_integer(line));
}

/* Lines that end in CR LF are of a file from elsewhere. */
static void read_lines(struct many *many, FILE *file) {
    char *text = NULL;
    size_t room = 0;
    ssize_t length;
    for (json_int_t line = 1; (length = getline(&text, &room, file)) >= 0; line++) {
        if (length > 0 && text[length - 1] == '\n')
            text[--length] = '\0';
        if (length > 0 && text[length - 1] == '\r')
            text[--length] = '\0';
        if (text[0] && text[0] != '#')
            read_line(many, line, text);
    }
    free(text);
}

static bool read_file(struct many *many, int *status) {
    FILE *file = strcmp(many->name, "-") == 0 ? stdin : fopen(many->name, "re");
    *status = COMMAND_OK;
    if (!file) {
        *status = command_fail(COMMAND_FAILED, "%s: %s", many->name, strerror(errno));
        return false;
    }
    read_lines(many, file);
    if (ferror(file))
        *status = command_fail(COMMAND_FAILED, "%s can't be read: %s", many->name, strerror(errno));
    if (file != stdin)
        fclose(file);
    return *status == COMMAND_OK;
}

/* Sends the users in as many requests as it takes; the last one has all of them added, or (`count`) only
 * looked at. */
static int send_users(const struct many *many, bool count, json_t **answer) {
    int status = COMMAND_OK;
    size_t at = 0, all = json_array_size(many->users);
    do {
        json_t *part = json_array();
        for (size_t octets = 0; at < all; at++) {
            json_t *user = json_array_get(many->users, at);
            octets += json_dumpb(user, NULL, 0, JSON_COMPACT) + 1;
            if (octets > USERS_OCTETS + 1)
                break;
            json_array_append(part, user);
        }
        json_decref(*answer);
        status = daemon_request(json_pack("{s:s, s:o, s:b}", "operation", "user-add", "users", part,
                                          at < all ? "more" : "count", at < all || count),
                                answer);
    } while (status == COMMAND_OK && at < all);
    return status;
}

static void take_wrong(struct many *many, const json_t *answer) {
    const json_t *wrong = json_object_get(answer, "wrong"), *one;
    size_t i;
    json_array_foreach(wrong, i, one) {
        const json_t *line = json_array_get(many->lines, (size_t)out_integer(one, "user"));
        const json_t *first = json_array_get(many->lines, (size_t)out_integer(one, "first"));
        char text[96];
        snprintf(text, sizeof text, "the same user stands in line %" JSON_INTEGER_FORMAT " already",
                 json_integer_value(first));
        wrong_line(many, json_integer_value(line), out_text(one, "code"),
                   json_object_get(one, "first") ? text : out_text(one, "text"));
    }
}

static void show_many(const struct many *many, json_int_t changed) {
    size_t wrong = json_array_size(many->wrong);
    json_t *shown = json_pack("{s:I, s:O}", "changed", changed, "wrong", many->wrong);
    if (json_array_size(many->warnings))
        json_object_set(shown, "warnings", many->warnings);
    if (wrong) {
        char text[64];
        snprintf(text, sizeof text, "none added: %zu line%s wrong", wrong, wrong == 1 ? " is" : "s are");
        json_object_set_new(shown, "error", json_pack("{s:s, s:s}", "code", "bad-request", "text", text));
    }
    out_json(shown);
    json_decref(shown);
}

static int add_many(struct many *many) {
    json_t *answer = NULL;
    int status = send_users(many, json_array_size(many->wrong) > 0, &answer);
    if (status == COMMAND_OK)
        take_wrong(many, answer);
    tell_lines(many, many->wrong, "");
    tell_lines(many, many->warnings, "warning: ");
    if (status != COMMAND_OK) {
        json_decref(answer);
        return status;
    }
    size_t wrong = json_array_size(many->wrong);
    json_int_t changed = wrong ? 0 : out_integer(answer, "changed");
    json_decref(answer);
    if (command_settings.json)
        show_many(many, changed);
    else if (wrong)
        printf("none added: %zu line%s wrong\n", wrong, wrong == 1 ? " is" : "s are");
    else
        printf("%" JSON_INTEGER_FORMAT " added\n", changed);
    return wrong ? COMMAND_NO : COMMAND_OK;
}

static int add_file(const char *name) {
    struct many many = {.name = name,
                        .users = json_array(),
                        .lines = json_array(),
                        .wrong = json_array(),
                        .warnings = json_array()};
    int status;
    if (read_file(&many, &status))
        status = add_many(&many);
    json_decref(many.users);
    json_decref(many.lines);
    json_decref(many.wrong);
    json_decref(many.warnings);
    return status;
}

/* ---- one ---- */

struct change {
    const char *file, *password; /* the command that gives it */
    json_t *request;
};

/* Hashed here: the daemon hears no password. */
static bool set_password(const struct command_usage *usage, const struct change *change) {
    char hash[PASSWORD_HASH_SIZE];
    const char *command = change->password;
    if (!command)
        return true;
    if (!*command || strcmp(command, "none") == 0)
        return json_object_set_new(change->request, "password-hash", json_null()) == 0;
    return password_hash_of(usage, command, hash) &&
           json_object_set_new(change->request, "password-hash", json_string(hash)) == 0;
}

/* False: return `*status`. */
static bool read_change(struct command_line *line, struct change *change, int *status) {
    const char *value, *address;
    int id;
    while ((id = command_line_next(line, &value)) > 0) {
        *status = COMMAND_USAGE;
        if (id == 'f')
            change->file = value;
        else if (id == 'p')
            change->password = value;
        else if (id == 'd')
            json_object_set_new(change->request, "discard", json_true());
        else if (id == 'r')
            json_object_set_new(change->request, "reset", json_true());
        else if (id == 'D')
            json_object_set_new(change->request, "delivery", json_string(value));
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
    return set_password(line->usage, change);
}

static int user_change(const struct command_usage *usage, const char *operation, int argc, char **argv) {
    struct command_line line;
    struct change change = {.request = json_pack("{s:s}", "operation", operation)};
    int status = COMMAND_FAILED;
    command_line_init(&line, usage, argc, argv);
    if (change.request && read_change(&line, &change, &status)) {
        if (!change.file && strcmp(operation, "user-set") == 0 && json_object_size(change.request) == 2) {
            json_decref(change.request);
            return command_usage_error(usage, "say what is to be changed: --uid, --directory-name, "
                                              "--password-command, --delivery or --reset");
        }
        if (!change.file)
            return daemon_ask(change.request, json_object_get(change.request, "password-hash")
                                                  ? print_new_password
                                                  : print_done);
        status =
            json_object_size(change.request) > 1
                ? command_usage_error(usage, "with --file, uid and directory name stand in its lines, and "
                                             "passwords and deliveries are set by 'mhs user set'")
                : add_file(change.file);
    }
    json_decref(change.request);
    return status;
}

#define PASSWORD_HELP "the command whose first line is the password with which the user's programs bind"

#define DELIVERY_HELP "'mailbox': messages are delivered here; 'p3': to the user's own program, when it binds"

static int user_add(int argc, char **argv) {
    static const struct command_option options[] = {
        {'u', "uid", "UID", "the Unix user, by number or login, who may use the mailbox"},
        {'n', "directory-name", "NAME", "the user's directory name (RFC 4514)"},
        {'p', "password-command", "COMMAND", PASSWORD_HELP},
        {'D', "delivery", "WHERE", DELIVERY_HELP},
        {'f', "file", "FILE", "many users, a line each ('-': standard input)"},
        {0}};
    static const struct command_usage usage = {
        "user add", "ADDRESS, or --file FILE", "Gives an address of our domain a mailbox.",
        "A line of FILE is ADDRESS, or ADDRESS, UID and DIRECTORY-NAME with tabs between; '#' begins\n"
        "a comment. All are added in one transaction, 20,000 at most, or none: then each line that\n"
        "is wrong is reported.",
        options};
    return user_change(&usage, "user-add", argc, argv);
}

static int user_set(int argc, char **argv) {
    static const struct command_option options[] = {
        {'u', "uid", "UID",
         "the Unix user, by number or login, who may use the mailbox; 'none': nobody but operators"},
        {'n', "directory-name", "NAME", "the user's directory name (RFC 4514); 'none': it has none"},
        {'p', "password-command", "COMMAND", PASSWORD_HELP "; 'none': the user can't bind"},
        {'D', "delivery", "WHERE", DELIVERY_HELP},
        {'r', "reset", NULL, "take away what the user registered by P3"},
        {0}};
    static const struct command_usage usage = {"user set", "ADDRESS",
                                               "Changes a user that 'mhs user add' made.",
                                               "What is not said stays.", options};
    return user_change(&usage, "user-set", argc, argv);
}

static int user_reset(int argc, char **argv) {
    static const struct command_usage usage = {
        "user reset", "ADDRESS", "Takes away what a user registered by P3: redirections, restrictions ...",
        "The password stays. 'mhs user show' shows what is registered.", NULL};
    struct command_line line;
    const char *address;
    command_line_init(&line, &usage, argc, argv);
    if (command_line_operands(&line, 1, 1, &address) < 0)
        return line.status;
    if (!(address = aliases_resolve(address)))
        return COMMAND_USAGE;
    return daemon_ask(json_pack("{s:s, s:s}", "operation", "user-reset", "address", address), print_reset);
}

static int user_remove(int argc, char **argv) {
    static const struct command_option options[] = {
        {'d', "discard", NULL, "remove the mailbox with its messages"}, {0}};
    static const struct command_usage usage = {"user remove", "ADDRESS", "Takes a user and the mailbox away.",
                                               NULL, options};
    return user_change(&usage, "user-remove", argc, argv);
}

static int user_hash(int argc, char **argv) {
    static const struct command_option options[] = {{'p', "password-command", "COMMAND", PASSWORD_HELP}, {0}};
    static const struct command_usage usage = {
        "user hash", NULL, "Prints the hash of a password, for 'password-hash' of chasqui.conf.", NULL,
        options};
    struct command_line line;
    const char *value, *command = NULL;
    char hash[PASSWORD_HASH_SIZE];
    int id;
    command_line_init(&line, &usage, argc, argv);
    while ((id = command_line_next(&line, &value)) > 0)
        command = value;
    if (id == COMMAND_LINE_STOP)
        return line.status;
    if (!command || command_line_operand(&line))
        return command_usage_error(&usage, "give --password-command, and nothing else");
    if (!password_hash_of(&usage, command, hash))
        return COMMAND_USAGE;
    json_t *answer = json_pack("{s:s}", "password-hash", hash);
    if (command_settings.json)
        out_json(answer);
    else
        printf("%s\n", hash);
    json_decref(answer);
    return COMMAND_OK;
}

int cmd_user(int argc, char **argv) {
    static const struct subcommand commands[] = {{"list", user_list, "list the users"},
                                                 {"show", user_show, "show one"},
                                                 {"add", user_add, "give an address, or many, a mailbox"},
                                                 {"set", user_set, "change one"},
                                                 {"reset", user_reset, "take away what one registered"},
                                                 {"remove", user_remove, "take one away"},
                                                 {"hash", user_hash, "make a password's hash"},
                                                 {0}};
    return command_run_subcommand("user", "The users that have a mailbox here.", commands, argc, argv);
}
