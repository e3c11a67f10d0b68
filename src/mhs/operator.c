/* `mhs status`, `mhs ping` and `mhs user`: the operator's questions to the daemon. */
#include <stdlib.h>
#include <string.h>

#include "mhs/aliases.h"
#include "mhs/commands.h"
#include "mhs/daemon.h"
#include "mhs/output.h"
#include "mhs/pages.h"
#include "mhs/table.h"

static void print_numbers(const char *label, const json_t *numbers) {
    if (!numbers)
        return;
    printf("%s%s:%s%*s", out_style(OUT_BOLD), label, out_end(), (int)(15 - strlen(label)), "");
    const char *name;
    json_t *value;
    const char *separator = "";
    json_object_foreach((json_t *)numbers, name, value) {
        printf("%s%" JSON_INTEGER_FORMAT " %s", separator, json_integer_value(value), name);
        separator = ", ";
    }
    putchar('\n');
}

static void print_status(const json_t *answer) {
    static const char *const members[] = {"mta",   "domain",  "version", "state",
                                          "cause", "started", "now",     "messages"};
    static const struct out_column columns[] = {{"PEER", "peer", false, TABLE_CUT_END},
                                                {"STATE", "state", false},
                                                {"IN", "associations-in", true},
                                                {"OUT", "associations-out", true},
                                                {"QUEUED", "queued", true},
                                                {"IN DOUBT", "in-doubt", true},
                                                {"LAST ERROR", "last-error", false, TABLE_CUT_END},
                                                {NULL, NULL, false}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const json_t *value = json_object_get(answer, members[i]);
        if (value && !json_is_null(value))
            out_field(members[i], out_text(answer, members[i]));
    }
    print_numbers("work", json_object_get(answer, "work"));
    print_numbers("counters", json_object_get(answer, "counters"));
    if (json_array_size(json_object_get(answer, "peers")) > 0) {
        putchar('\n');
        out_table(json_object_get(answer, "peers"), columns);
    }
}

int cmd_status(int argc, char **argv) {
    static const struct mhs_usage usage = {"status", NULL, "Shows how the MTA and its peers are.", NULL,
                                           NULL};
    struct mhs_line line;
    mhs_line_init(&line, &usage, argc, argv);
    if (mhs_line_operands(&line, 0, 0, NULL) < 0)
        return line.status;
    return mhs_ask(json_pack("{s:s}", "operation", "status"), print_status);
}

static void print_ping(const json_t *answer) {
    static const char *const members[] = {"peer",
                                          "address",
                                          "application-context",
                                          "session-version",
                                          "checkpoint-size",
                                          "window-size",
                                          "layer",
                                          "parameter",
                                          "cause"};
    bool ok = json_is_true(json_object_get(answer, "ok"));
    printf("%s%s%s\n", out_style(ok ? OUT_GOOD : OUT_BAD),
           ok ? "reached: associated, bound and released" : "not reached", out_end());
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const json_t *value = json_object_get(answer, members[i]);
        if (value && !json_is_null(value))
            out_field(members[i], out_text(answer, members[i]));
    }
}

int cmd_ping(int argc, char **argv) {
    static const struct mhs_usage usage = {
        "ping", "PEER", "Associates with a peer, binds and releases; no message is sent.",
        "When it fails, the layer and the parameter that did not match are named.", NULL};
    struct mhs_line line;
    const char *peer;
    mhs_line_init(&line, &usage, argc, argv);
    if (mhs_line_operands(&line, 1, 1, &peer) < 0)
        return line.status;
    json_t *answer;
    int status = mhs_request(json_pack("{s:s, s:s}", "operation", "ping", "peer", peer), &answer);
    if (status != MHS_OK)
        return status;
    if (mhs_settings.json)
        out_json(answer);
    else
        print_ping(answer);
    status = json_is_true(json_object_get(answer, "ok")) ? MHS_OK : MHS_NO;
    json_decref(answer);
    return status;
}

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

static int user_change(const struct mhs_usage *usage, const char *operation, int argc, char **argv) {
    struct mhs_line line;
    mhs_line_init(&line, usage, argc, argv);
    json_t *request = json_pack("{s:s}", "operation", operation);
    const char *value, *address;
    int id;
    while ((id = mhs_line_next(&line, &value)) > 0) {
        int64_t uid = 0;
        if (id == 'u' && strcmp(value, "0") != 0 && !pages_number(usage, "uid", value, &uid)) {
            json_decref(request);
            return MHS_USAGE;
        }
        if (id == 'u')
            json_object_set_new(request, "uid", json_integer(uid));
        else if (id == 'n')
            json_object_set_new(request, "directory-name", json_string(value));
        else
            json_object_set_new(request, "discard", json_true());
    }
    address = mhs_line_operand(&line);
    if (id == MHS_LINE_STOP || !address || mhs_line_operand(&line)) {
        json_decref(request);
        return id == MHS_LINE_STOP ? (int)line.status : mhs_usage_error(usage, "give one ADDRESS");
    }
    if (!(address = aliases_resolve(address))) {
        json_decref(request);
        return MHS_USAGE;
    }
    json_object_set_new(request, "address", json_string(address));
    return mhs_ask(request, print_done);
}

int cmd_user(int argc, char **argv) {
    static const struct mhs_option add_options[] = {
        {'u', "uid", "UID", "the Unix user who may use the mailbox"},
        {'n', "directory-name", "NAME", "the user's directory name (RFC 4514)"},
        {0}};
    static const struct mhs_option remove_options[] = {
        {'d', "discard", NULL, "remove the mailbox with its messages"}, {0}};
    static const struct mhs_usage add = {"user add", "ADDRESS", "Gives an address of our domain a mailbox.",
                                         NULL, add_options};
    static const struct mhs_usage remove = {"user remove", "ADDRESS", "Takes a user and the mailbox away.",
                                            NULL, remove_options};
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "list") == 0)
        return user_list(argc - 1, argv + 1);
    if (strcmp(name, "add") == 0)
        return user_change(&add, "user-add", argc - 1, argv + 1);
    if (strcmp(name, "remove") == 0)
        return user_change(&remove, "user-remove", argc - 1, argv + 1);
    bool help = strcmp(name, "--help") == 0;
    if (!help)
        mhs_fail(MHS_USAGE, *name ? "'mhs user' has no subcommand '%s'" : "give a subcommand%s", name);
    fprintf(help ? stdout : stderr,
            "Usage: mhs user list|add|remove [OPTION]... [ADDRESS]\n\nThe users that have a mailbox here.\n"
            "'mhs user add --help' explains one.\n");
    return help ? MHS_OK : MHS_USAGE;
}
