/* `mhs peer`: the peers, and what an operator does with them. */
#include <string.h>

#include "base/clock.h"
#include "mhs/commands.h"
#include "mhs/daemon.h"
#include "mhs/events.h"
#include "mhs/output.h"
#include "mhs/table.h"

/* `backing-off, next try in 5 min`. */
static void set_state(json_t *peer, int64_t now) {
    int64_t next = out_time(peer, "next-try");
    const char *state = out_text(peer, "state");
    char duration[24];
    if (next > now)
        json_object_set_new(peer, "shown-state",
                            json_sprintf("%s %s", state, out_duration(next - now, duration)));
    else
        json_object_set_new(peer, "shown-state", json_string(state));
}

static void set_age(json_t *peer, const char *member, const char *shown, int64_t now) {
    char duration[24];
    int64_t time = out_time(peer, member);
    json_object_set_new(peer, shown, json_string(time ? out_duration(now - time, duration) : ""));
}

static void set_size(json_t *peer, const char *member, const char *shown) {
    char size[16];
    json_object_set_new(peer, shown, json_string(out_size((uint64_t)out_integer(peer, member), size)));
}

static void dress(json_t *peer) {
    int64_t now = clock_now_us() / 1000000;
    set_state(peer, now);
    set_age(peer, "oldest-waiting", "shown-oldest", now);
    set_age(peer, "last-success", "shown-success", now);
    set_size(peer, "octets-in", "shown-octets-in");
    set_size(peer, "octets-out", "shown-octets-out");
    out_end_error(peer);
    if (json_is_string(json_object_get(peer, "disabled"))) /* that is why nothing goes */
        json_object_set_new(peer, "last-error", events_by(out_text(peer, "disabled")));
    else if (json_is_null(json_object_get(peer, "last-error")))
        json_object_set_new(peer, "last-error", json_string(""));
}

#define LIST_BEGIN                                                                                           \
    {"PEER", "peer", false, TABLE_CUT_END}, {"STATE", "shown-state", false, TABLE_WHOLE},                    \
        {"IN", "associations-in", true, TABLE_WHOLE}, {"OUT", "associations-out", true, TABLE_WHOLE},        \
        {"WAIT", "waiting", true, TABLE_WHOLE}, {"OLDEST", "shown-oldest", true, TABLE_WHOLE},               \
        {"RCVD", "messages-in", true, TABLE_WHOLE}, {                                                        \
        "SENT", "messages-out", true, TABLE_WHOLE                                                            \
    }
#define LIST_END                                                                                             \
    {"OK", "shown-success", true, TABLE_WHOLE}, {"LAST ERROR", "last-error", false, TABLE_FLOW}, {           \
        NULL, NULL, false, TABLE_WHOLE                                                                       \
    }

static void print_list(const json_t *answer) {
    static const struct out_column columns[] = {LIST_BEGIN, LIST_END};
    static const struct out_column wide[] = {LIST_BEGIN,
                                             {"OCTETS RCVD", "shown-octets-in", true, TABLE_WHOLE},
                                             {"OCTETS SENT", "shown-octets-out", true, TABLE_WHOLE},
                                             LIST_END};
    const json_t *peers = json_object_get(answer, "peers");
    for (size_t i = 0; i < json_array_size(peers); i++)
        dress(json_array_get(peers, i));
    if (json_array_size(peers))
        out_table(peers, command_settings.wide ? wide : columns);
    else
        printf("No peer is configured.\n");
}

static void print_peer(const json_t *answer) {
    static const char *const members[] = {
        "peer",         "state",           "disabled",           "configured",
        "permanent",    "associations-in", "associations-out",   "connecting",
        "waiting",      "in-doubt",        "oldest-waiting",     "messages-in",
        "messages-out", "last-success",    "last-error",         "last-error-at",
        "tries",        "next-try",        "binds-refused-until"};
    static const char *const octets[] = {"octets-in", "octets-out"};
    json_t *peer = json_array_get(json_object_get(answer, "peers"), 0);
    char size[16];
    if (json_is_string(json_object_get(peer, "disabled")))
        json_object_set_new(peer, "disabled", events_by(out_text(peer, "disabled")));
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (!json_is_null(json_object_get(peer, members[i])))
            out_field(strcmp(members[i], "disabled") == 0 ? "disabled by" : members[i],
                      out_text(peer, members[i]));
    for (size_t i = 0; i < sizeof octets / sizeof *octets; i++)
        out_field(octets[i], out_size((uint64_t)out_integer(peer, octets[i]), size));
}

static int peer_list(int argc, char **argv) {
    static const struct command_usage usage = {
        "peer list", NULL, "Lists the peers (adjacent MTAs).",
        "IN and OUT are associations; RCVD and SENT messages since the daemon started; OLDEST is the age "
        "of what waits longest, OK how long ago the peer last took, gave or answered something; LAST ERROR "
        "is "
        "empty when that came after it. With --wide octets are told too.",
        NULL};
    struct command_line line;
    command_line_init(&line, &usage, argc, argv);
    if (command_line_operands(&line, 0, 0, NULL) < 0)
        return line.status;
    return daemon_ask(json_pack("{s:s}", "operation", "peer-status"), print_list);
}

static int peer_show(int argc, char **argv) {
    static const struct command_usage usage = {"peer show", "PEER", "Shows all that is known of one peer.",
                                               NULL, NULL};
    struct command_line line;
    const char *peer;
    command_line_init(&line, &usage, argc, argv);
    if (command_line_operands(&line, 1, 1, &peer) < 0)
        return line.status;
    return daemon_ask(json_pack("{s:s, s:s}", "operation", "peer-status", "peer", peer), print_peer);
}

static bool is_true(const json_t *answer, const char *member) {
    return json_is_true(json_object_get(answer, member));
}

static void print_done(const json_t *answer) {
    printf("%s\n", is_true(answer, "bind-wait-ended")
                       ? "it is enabled already; its next bind is looked at again"
                       : "done");
}

static void print_retried(const json_t *answer) {
    printf("%" JSON_INTEGER_FORMAT " to be tried now, %" JSON_INTEGER_FORMAT " left alone%s%s\n",
           (json_int_t)out_integer(answer, "changed"), (json_int_t)out_integer(answer, "skipped"),
           is_true(answer, "back-off-ended") ? "; its back-off is over" : "",
           is_true(answer, "bind-wait-ended") ? "; its next bind is looked at again" : "");
    if (!out_integer(answer, "changed") && !out_integer(answer, "skipped") &&
        !is_true(answer, "back-off-ended") && !is_true(answer, "bind-wait-ended"))
        printf("nothing waits for it, and it backs off from nothing\n");
    if (json_object_get(answer, "why"))
        printf("the first that was left alone is %s\n", out_text(answer, "why"));
}

struct change {
    const char *name, *operation;
    const char *brief, *summary; /* among the other subcommands, and alone */
    bool wants_reason;
    void (*print)(const json_t *answer);
};

static const struct change changes[] = {
    {"disable", "peer-disable", "have no association with it, either way",
     "Has no association with the peer, either way, until it is enabled. Transfers under way are broken off, "
     "and go on from their last checkpoint then.",
     true, print_done},
    {"enable", "peer-enable", "end what disable began",
     "Ends what disable began; its next bind is looked at, though too many wrong ones came in this minute.",
     true, print_done},
    {"retry", "peer-retry", "end its back-off",
     "Ends the back-off of the peer and its copies: they are tried now. Its next bind is looked at, though "
     "too "
     "many wrong ones came in this minute.",
     false, print_retried},
};

static int peer_change(const struct change *change, int argc, char **argv) {
    static const struct command_option options[] = {
        {'r', "reason", "TEXT", "why; the log and the store keep it"}, {0}};
    char name[32];
    const char *value, *reason = NULL;
    int id;
    snprintf(name, sizeof name, "peer %s", change->name);
    const struct command_usage usage = {name, "PEER", change->summary, NULL,
                                        change->wants_reason ? options : NULL};
    struct command_line line;
    command_line_init(&line, &usage, argc, argv);
    while ((id = command_line_next(&line, &value)) > 0)
        reason = value;
    if (id == COMMAND_LINE_STOP)
        return line.status;
    const char *peer = command_line_operand(&line);
    if (!peer || command_line_operand(&line))
        return command_usage_error(&usage, "give one PEER; 'mhs peer list' shows them");
    if (change->wants_reason && (!reason || !*reason))
        return command_usage_error(&usage, "say why: give --reason");
    if (!command_text(&usage, peer) || (reason && !command_text(&usage, reason)))
        return COMMAND_USAGE;
    json_t *answer, *request = json_pack("{s:s, s:s, s:s*}", "operation", change->operation, "peer", peer,
                                         "reason", reason);
    int status = daemon_request(request, &answer);
    if (status != COMMAND_OK)
        return status;
    if (command_settings.json)
        out_json(answer);
    else
        change->print(answer);
    bool ended = is_true(answer, "back-off-ended") || is_true(answer, "bind-wait-ended");
    status = out_integer(answer, "changed") || ended ? COMMAND_OK : COMMAND_NO;
    json_decref(answer);
    return status;
}

static int peer_change_named(int argc, char **argv) {
    const struct change *change = changes;
    while (strcmp(change->name, argv[0]) != 0)
        change++;
    return peer_change(change, argc, argv);
}

int cmd_peer(int argc, char **argv) {
    enum { CHANGE_COUNT = sizeof changes / sizeof *changes };
    struct subcommand commands[CHANGE_COUNT + 4] = {{"list", peer_list, "list them"},
                                                    {"show", peer_show, "show all that is known of one"}};
    for (size_t i = 0; i < CHANGE_COUNT; i++)
        commands[2 + i] = (struct subcommand){changes[i].name, peer_change_named, changes[i].brief};
    commands[2 + CHANGE_COUNT] =
        (struct subcommand){"reroute", queue_reroute, "send what waits for it where the rules say now"};
    return command_run_subcommand("peer", "The peers (adjacent MTAs).", commands, argc, argv);
}
