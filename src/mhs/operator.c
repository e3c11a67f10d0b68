/* `mhs status` and `mhs ping`: the operator's questions to the daemon. */
#include <stdlib.h>
#include <string.h>

#include "mhs/commands.h"
#include "mhs/daemon.h"
#include "mhs/events.h"
#include "mhs/output.h"
#include "mhs/sent.h"
#include "mhs/table.h"

enum { NUMBERS_INDENT = 16, NUMBERS_COLUMNS = 80 };

/* `3 ready, 1 held` in lines that fit; a number stays beside its name. */
static void print_numbers(const char *label, const json_t *numbers) {
    int at = NUMBERS_INDENT;
    size_t left = json_object_size(numbers);
    const char *name;
    json_t *value;
    char text[80];
    if (!numbers)
        return;
    printf("%s%s:%s%*s", out_style(OUT_BOLD), label, out_end(), NUMBERS_INDENT - 1 - (int)strlen(label), "");
    json_object_foreach((json_t *)numbers, name, value) {
        int length = snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT " %.40s%s",
                              json_integer_value(value), name, --left ? "," : "");
        bool first = at == NUMBERS_INDENT, fits = at + 1 + length <= NUMBERS_COLUMNS;
        if (!first)
            printf("%s%*s", fits ? " " : "\n", fits ? 0 : NUMBERS_INDENT, "");
        fputs(text, stdout);
        at = (fits || first ? at + !first : NUMBERS_INDENT) + length;
    }
    putchar('\n');
}

/* Those who take deliveries by P3, where one is bound or something waits for him. */
static void print_users_bound(json_t *users) {
    static const struct out_column columns[] = {{"USER", "address", false, TABLE_CUT_START},
                                                {"BOUND", "associations", true},
                                                {"WAIT", "copies", true},
                                                {"LAST ERROR", "last-error", false, TABLE_FLOW},
                                                {NULL, NULL, false}};
    if (!json_array_size(users))
        return;
    putchar('\n');
    out_table(users, columns);
}

static void print_status(const json_t *answer) {
    static const char *const members[] = {"mta",   "domain",  "version", "state",
                                          "cause", "started", "now",     "copies"};
    static const struct out_column columns[] = {{"PEER", "peer", false, TABLE_CUT_END},
                                                {"STATE", "state", false},
                                                {"IN", "associations-in", true},
                                                {"OUT", "associations-out", true},
                                                {"WAIT", "waiting", true},
                                                {"IN DOUBT", "in-doubt", true},
                                                {"LAST ERROR", "last-error", false, TABLE_FLOW},
                                                {NULL, NULL, false}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const json_t *value = json_object_get(answer, members[i]);
        if (value && !json_is_null(value))
            out_field(members[i], out_text(answer, members[i]));
    }
    print_numbers("work", json_object_get(answer, "work"));
    print_numbers("counters", json_object_get(answer, "counters"));
    json_t *peers = json_object_get(answer, "peers");
    for (size_t i = 0; i < json_array_size(peers); i++) {
        json_t *peer = json_array_get(peers, i);
        out_end_error(peer);
        if (json_is_string(json_object_get(peer, "disabled"))) /* that is why nothing goes */
            json_object_set_new(peer, "last-error", events_by(out_text(peer, "disabled")));
    }
    if (json_array_size(peers) > 0) {
        putchar('\n');
        out_table(peers, columns);
    }
    print_users_bound(json_object_get(answer, "users"));
}

int cmd_status(int argc, char **argv) {
    static const struct command_option options[] = {
        {'u', "user", "ADDRESS", "of MESSAGE: whose mailbox has the answers (default: CHASQUI_USER or 'me')"},
        {0}};
    static const struct command_usage usage = {
        "status", "[MESSAGE]",
        "Shows how the MTA and its peers are, or what became of a message at each recipient.",
        "MESSAGE is the MTS-identifier that 'mhs send' and 'mhs sent' print, its local part, or the entry of "
        "a report or "
        "receipt on it.",
        options};
    struct command_line line;
    const char *value, *user = NULL;
    int id;
    command_line_init(&line, &usage, argc, argv);
    while ((id = command_line_next(&line, &value)) > 0)
        user = value;
    if (id == COMMAND_LINE_STOP)
        return line.status;
    const char *message = command_line_operand(&line), *more = command_line_operand(&line);
    if (more)
        return command_usage_error(&usage, "'%s' is one too many", more);
    if (user && !message)
        return command_usage_error(&usage, "--user goes with a MESSAGE");
    if (message)
        return sent_status(user, message);
    return daemon_ask(json_pack("{s:s}", "operation", "status"), print_status);
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
    const json_t *warning;
    size_t i;
    json_array_foreach(json_object_get(answer, "warnings"), i, warning)
        out_field("warning", json_string_value(warning));
}

int cmd_ping(int argc, char **argv) {
    static const struct command_usage usage = {
        "ping", "PEER", "Associates with a peer, binds and releases; no message is sent.",
        "When it fails, the layer and the parameter that did not match are named.", NULL};
    struct command_line line;
    const char *peer;
    command_line_init(&line, &usage, argc, argv);
    if (command_line_operands(&line, 1, 1, &peer) < 0)
        return line.status;
    json_t *answer;
    int status = daemon_request(json_pack("{s:s, s:s}", "operation", "ping", "peer", peer), &answer);
    if (status != COMMAND_OK)
        return status;
    if (command_settings.json)
        out_json(answer);
    else
        print_ping(answer);
    status = json_is_true(json_object_get(answer, "ok")) ? COMMAND_OK : COMMAND_NO;
    json_decref(answer);
    return status;
}
