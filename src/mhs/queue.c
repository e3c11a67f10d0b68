/* `mhs queue`: what an operator does with the copies that wait. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "mhs/aliases.h"
#include "mhs/commands.h"
#include "mhs/daemon.h"
#include "mhs/output.h"
#include "mhs/pages.h"
#include "mhs/queue_show.h"

enum {
    FILTER_HOP = 300,
    FILTER_ORIGINATOR,
    FILTER_RECIPIENT,
    FILTER_STATE,
    FILTER_PRIORITY,
    FILTER_KIND,
    FILTER_OLDER,
    OPTION_LIMIT,
    OPTION_AFTER,
    OPTION_ALL,
    OPTION_ADDRESS,
    OPTION_REASON,
    OPTION_TWICE,
    OPTION_YES,
    OPTION_FORCE,
    OPTION_ANEW
};

#define FILTERS                                                                                              \
    {FILTER_HOP, "peer", "PEER", "only copies for this peer"}, {FILTER_HOP, "next-hop", "PEER", NULL},       \
        {FILTER_ORIGINATOR, "originator", "ADDRESS", "only from this originator"},                           \
        {FILTER_RECIPIENT, "recipient", "ADDRESS", "only to this recipient"},                                \
        {FILTER_STATE, "state", "STATE",                                                                     \
         "ready, deferred, backing-off, peer-disabled, peer-removed, user-removed, unbound, "                \
         "restricted, held, sending or in-doubt"},                                                           \
        {FILTER_PRIORITY, "priority", "PRIORITY", "urgent, normal or non-urgent"},                           \
        {FILTER_KIND, "kind", "KIND", "message, probe or report"}, {                                         \
        FILTER_OLDER, "older-than", "TIME", "only what came longer ago: 90 (seconds), 30m, 2h, 1d"           \
    }

static const struct command_option list_options[] = {
    FILTERS,
    {OPTION_LIMIT, "limit", "COUNT", "at most so many (all)"},
    {OPTION_AFTER, "after", "ID", "only copies with an ID above this one"},
    {0}};

#define CHANGES                                                                                              \
    {OPTION_REASON, "reason", "TEXT", "why; it is recorded in the message's history"},                       \
        {OPTION_ALL, "all", NULL, "all copies, or all that the filters choose"},                             \
        {OPTION_YES, "yes", NULL, "change them without being asked first"}, FILTERS

#define TWICE                                                                                                \
    { OPTION_TWICE, "may-arrive-twice", NULL, "also a copy in doubt, which may have arrived already" }

static const struct command_option change_options[] = {CHANGES, {0}};

static const struct command_option release_options[] = {
    CHANGES, {OPTION_FORCE, "force", NULL, "also one whose time is over: it is then non-delivered"}, {0}};

static const struct command_option end_options[] = {CHANGES, TWICE, {0}};

static const struct command_option redirect_options[] = {
    {OPTION_ADDRESS, "address", "ADDRESS", "to this address instead of by another peer"},
    {OPTION_ANEW, "anew", NULL, "where a message that came now would go"},
    {OPTION_FORCE, "force", NULL, "also what would loop, or be non-delivered"},
    CHANGES,
    TWICE,
    {0}};

static const char *filter_member(int id) {
    static const char *const members[] = {"next-hop", "originator", "recipient", "state", "priority", "kind"};
    return id >= FILTER_HOP && id < FILTER_OLDER ? members[id - FILTER_HOP] : NULL;
}

static const char *text_member(int id) {
    return id == OPTION_REASON ? "reason" : id == OPTION_ADDRESS ? "address" : filter_member(id);
}

/* `90`, `90s`, `30m`, `2h` or `1d` in seconds. False: it is none of these, and that was said. */
static bool read_age(const struct command_usage *usage, const char *text, int64_t *seconds) {
    char *end;
    errno = 0;
    long long number = *text >= '0' && *text <= '9' ? strtoll(text, &end, 10) : 0;
    const char *unit = number > 0 && errno == 0 ? strchr("smhd", *end) : NULL;
    int64_t each = !unit || !*unit || *unit == 's' ? 1 : *unit == 'm' ? 60 : *unit == 'h' ? 3600 : 86400;
    if (unit && (!*end || !end[1]) && !__builtin_mul_overflow(number, each, seconds))
        return true;
    command_usage_error(usage, "--older-than: '%s' is no time; write 90 (seconds), 90s, 30m, 2h or 1d", text);
    return false;
}

/* The words that a filter knows; NULL: any text. As the daemon's (mta/queue_filter.c). */
static const char *const *words_of(int id) {
    static const char *const states[] = {"ready",        "deferred",     "backing-off", "peer-disabled",
                                         "peer-removed", "user-removed", "unbound",     "restricted",
                                         "held",         "sending",      "in-doubt",    NULL};
    static const char *const kinds[] = {"message", "probe", "report", NULL};
    return id == FILTER_STATE      ? states
           : id == FILTER_PRIORITY ? command_priorities
           : id == FILTER_KIND     ? kinds
                                   : NULL;
}

/* Takes one option into the request. Returns COMMAND_OK or the exit code for a wrong value. */
static int take_option(const struct command_usage *usage, json_t *request, int id, const char *value) {
    int64_t number;
    if (id == OPTION_ALL || (id >= FILTER_HOP && id <= FILTER_OLDER))
        json_object_set_new(request, "all", json_true());
    if (id == OPTION_ALL)
        return COMMAND_OK;
    if (id == OPTION_TWICE || id == OPTION_FORCE || id == OPTION_ANEW || id == OPTION_YES)
        return json_object_set_new(request,
                                   id == OPTION_TWICE   ? "may-arrive-twice"
                                   : id == OPTION_FORCE ? "force"
                                   : id == OPTION_ANEW  ? "anew"
                                                        : "yes",
                                   json_true());
    bool address = id == FILTER_ORIGINATOR || id == FILTER_RECIPIENT || id == OPTION_ADDRESS;
    if (address && !(value = aliases_resolve(value)))
        return COMMAND_USAGE;
    if (words_of(id) && !command_word(usage, text_member(id), value, words_of(id)))
        return COMMAND_USAGE;
    if (text_member(id) && json_object_get(request, text_member(id)))
        return command_usage_error(usage, "an option is given twice: '%s' and '%s'",
                                   json_string_value(json_object_get(request, text_member(id))), value);
    if (text_member(id))
        return json_object_set_new(request, text_member(id), json_string(value)) == 0
                   ? COMMAND_OK
                   : command_usage_error(usage, "--%s: '%s' is not UTF-8", text_member(id), value);
    const char *name = id == OPTION_LIMIT ? "limit" : id == OPTION_AFTER ? "after" : "older-than";
    if (id == FILTER_OLDER ? !read_age(usage, value, &number) : !pages_number(usage, name, value, &number))
        return COMMAND_USAGE;
    return json_object_set_new(request, name, json_integer(number));
}

/* Reads all options into `request`; false when the command is to end with `*status`. */
static bool read_options(struct command_line *line, json_t *request, int *status) {
    const char *value;
    int id;
    while ((id = command_line_next(line, &value)) > 0) {
        *status = take_option(line->usage, request, id, value);
        if (*status != COMMAND_OK)
            return false;
    }
    *status = id == COMMAND_LINE_STOP ? (int)line->status : COMMAND_OK;
    return id != COMMAND_LINE_STOP;
}

/* Into `out`, which holds 24 octets: `in 5 min`, or `now`. */
static const char *until_text(int64_t time, int64_t now, char *out) {
    char duration[24];
    if (time <= now)
        return "now";
    snprintf(out, 24, "in %s", out_duration(time - now, duration));
    return out;
}

static const char *next_try_text(const json_t *row, int64_t now, char *out) {
    const char *state = out_text(row, "state");
    int64_t time = out_time(row, "next-try"), end = out_time(row, "expires");
    char duration[24];
    if (strcmp(state, "sending") == 0)
        return "";
    if (strcmp(state, "held") == 0) { /* its lifetime runs on */
        if (end > now)
            snprintf(out, 24, "ends in %s", out_duration(end - now, duration));
        return end > now ? out : end ? "time is over" : "";
    }
    return time ? until_text(time, now, out) : ""; /* else nobody knows */
}

/* `sending 45 %`, `held probe`: what is no message says so (and damaged ones in the cause). */
static void set_state(json_t *row) {
    const char *state = out_text(row, "state");
    const char *kind = out_text(row, "kind");
    bool plain = strcmp(kind, "probe") != 0 && strcmp(kind, "report") != 0;
    int64_t sent = out_integer(row, "sent"), size = out_integer(row, "size");
    char text[60];
    int length = snprintf(text, sizeof text, "%.24s%s%.10s", state, plain ? "" : " ", plain ? "" : kind);
    if (json_is_integer(json_object_get(row, "sent")) && size > 0)
        snprintf(text + length, sizeof text - (size_t)length, " %d %%",
                 (int)(100.0 * (double)sent / (double)size));
    json_object_set_new(row, "shown-state", json_string(text));
}

static void set_recipient(json_t *row) {
    json_int_t more = out_integer(row, "recipients") - 1;
    const char *first = aliases_short(out_text(row, "first-recipient"));
    json_object_set_new(row, "shown-recipient",
                        more > 0 ? json_sprintf("%s +%" JSON_INTEGER_FORMAT, first, more)
                                 : json_string(first));
}

/* What the table shows of a row, in words for people. */
static void dress(void *context, json_t *rows) {
    int64_t now = clock_now_us() / 1000000;
    json_t *row;
    size_t i;
    char text[24];
    (void)context;
    json_array_foreach(rows, i, row) {
        if (command_settings.json)
            return;
        set_state(row);
        set_recipient(row);
        bool known = json_is_integer(json_object_get(row, "size")); /* else its row is damaged */
        json_object_set_new(row, "shown-size",
                            json_string(known ? out_size((uint64_t)out_integer(row, "size"), text) : ""));
        json_object_set_new(row, "age",
                            json_string(known ? out_duration(now - out_time(row, "arrival"), text) : ""));
        json_object_set_new(row, "shown-next-try", json_string(next_try_text(row, now, text)));
        if (json_is_null(json_object_get(row, "last-error")))
            json_object_set_new(row, "last-error", json_string(""));
    }
}

static int queue_list(int argc, char **argv) {
    static const struct command_usage usage = {
        "queue list", NULL, "Lists the copies that wait to be transferred or delivered.",
        "The next try of a copy that backs off is its own or its peer's, whichever is later. The "
        "cause is why its last try failed, why its peer can't be reached, or why it is held.",
        list_options};
    static const struct out_column columns[] = {{"ID", "id", true, TABLE_WHOLE},
                                                {"STATE", "shown-state", false, TABLE_WHOLE},
                                                {"PEER", "next-hop", false, TABLE_CUT_END},
                                                {"RECIPIENT", "shown-recipient", false, TABLE_CUT_START},
                                                {"SIZE", "shown-size", true, TABLE_WHOLE},
                                                {"AGE", "age", true, TABLE_WHOLE},
                                                {"NEXT TRY", "shown-next-try", false, TABLE_WHOLE},
                                                {"CAUSE", "last-error", false, TABLE_FLOW},
                                                {NULL, NULL, false, TABLE_WHOLE}};
    struct command_line line;
    command_line_init(&line, &usage, argc, argv);
    json_t *request = json_pack("{s:s}", "operation", "queue-list");
    int status = COMMAND_FAILED;
    if (!request || !read_options(&line, request, &status)) {
        json_decref(request);
        return status;
    }
    if (command_line_operand(&line)) {
        json_decref(request);
        return command_usage_error(&usage, "no operand is wanted: 'mhs queue show ID' shows one copy");
    }
    struct pages pages = {.array = "entries",
                          .columns = columns,
                          .more = "--after",
                          .complete = dress,
                          .limit = out_integer(request, "limit"),
                          .after = out_integer(request, "after")};
    json_object_del(request, "limit");
    json_object_del(request, "after");
    json_object_del(request, "all");
    pages.none = json_object_size(request) > 1 || pages.after ? "No copy in the queue matches."
                                                              : "The queue is empty.";
    return pages_show(request, &pages);
}

/* What a change does, for the help and for the line that says what was done. */
struct change {
    const char *name;
    const char *operation;
    const char *operands;
    const char *brief; /* among the other subcommands */
    const char *summary;
    const char *done;
    bool ends; /* the copy, for good: somebody has to be able to say why */
};

static const struct change changes[] = {
    {"hold", "queue-hold", "ID", "keep a copy from being tried",
     "Keeps a copy from being tried until it is released; its lifetime runs on.", "held"},
    {"release", "queue-release", "ID", "let a held copy go",
     "Lets a held copy go; a deferred one keeps its time.", "released"},
    {"retry", "queue-retry", "ID", "try a copy now", "Tries a copy now, before its next try is due.",
     "to be tried now"},
    {"redirect", "queue-redirect", "ID [PEER]", "send a copy by another peer, to another address, or anew",
     "Sends a copy by another peer, to another address, or where the rules say now.", "redirected"},
    {"delete", "queue-delete", "ID", "drop a copy without a report",
     "Drops a copy without a report to anyone.", "deleted", true},
    {"nondeliver", "queue-nondeliver", "ID", "end a copy with a non-delivery report",
     "Ends a copy with a non-delivery report.", "non-delivered", true},
};

/* The ID and, for redirect, the peer; or --all or filters. */
static int take_operands(struct command_line *line, const struct change *change, json_t *request) {
    if (!json_object_get(request, "all")) {
        const char *text = command_line_operand(line);
        if (!queue_id(text))
            return text ? command_usage_error(line->usage, "'%s' is not an ID; 'mhs queue list' shows them",
                                              text)
                        : command_usage_error(line->usage, "ID is missing; 'mhs queue list' shows them");
        json_object_set_new(request, "id", json_integer(queue_id(text)));
    }
    if (strcmp(change->name, "redirect") == 0 && !json_object_get(request, "address") &&
        !json_object_get(request, "anew")) {
        const char *peer = command_line_operand(line);
        if (!peer)
            return command_usage_error(line->usage, "PEER is missing; or give --address or --anew");
        json_object_set_new(request, "by-peer", json_string(peer));
    }
    const char *extra = command_line_operand(line);
    return extra ? command_usage_error(line->usage, "'%s' is one too many", extra) : COMMAND_OK;
}

static int take_reason(const struct command_usage *usage, const struct change *change, json_t *request) {
    const char *reason = json_string_value(json_object_get(request, "reason"));
    if (reason && !*reason)
        return command_usage_error(usage, "--reason: say why");
    if (reason)
        return COMMAND_OK;
    if (change->ends || json_object_get(request, "all"))
        return command_usage_error(usage, "say why: give --reason; it is recorded in the message's history");
    json_object_set_new(request, "reason", json_string("no reason was given"));
    return COMMAND_OK;
}

struct tally {
    json_int_t changed, skipped, last;
    json_t *redirected; /* of all parts; NULL: none is */
    char why[600];      /* the first of those was left alone */
    char expires[24];   /* of a single copy: the end of its lifetime */
    char report[300];   /* what a report can say of the reason, where that is not all of it */
};

static void take_redirected(struct tally *tally, const json_t *answer) {
    json_t *redirected = json_object_get(answer, "redirected");
    if (redirected && !tally->redirected)
        tally->redirected = json_array();
    if (redirected)
        json_array_extend(tally->redirected, redirected);
}

/* The daemon changes, or counts, a part of a long queue at a time. */
static enum command_status change_parts(const json_t *wanted, struct tally *tally) {
    json_t *request = json_deep_copy(wanted);
    json_int_t cursor;
    enum command_status status;
    do {
        json_t *answer;
        status = daemon_request(json_deep_copy(request), &answer);
        if (status != COMMAND_OK)
            break;
        tally->changed += out_integer(answer, "changed");
        tally->skipped += out_integer(answer, "skipped");
        tally->last = out_integer(answer, "last");
        take_redirected(tally, answer);
        if (!tally->why[0] && json_object_get(answer, "why"))
            snprintf(tally->why, sizeof tally->why, "%s", out_text(answer, "why"));
        snprintf(tally->expires, sizeof tally->expires, "%s",
                 json_is_string(json_object_get(answer, "expires")) ? out_text(answer, "expires") : "");
        if (json_object_get(answer, "supplementary-information"))
            snprintf(tally->report, sizeof tally->report, "%s",
                     out_text(answer, "supplementary-information"));
        cursor = out_integer(answer, "cursor");
        json_decref(answer);
        if (cursor)
            json_object_set_new(request, "after", json_integer(cursor));
    } while (cursor);
    json_decref(request);
    return status;
}

static bool says_yes(json_int_t count, const char *done) {
    char line[16];
    fprintf(stderr, "%" JSON_INTEGER_FORMAT " %s to be %s. Go on? [y/N] ", count,
            count == 1 ? "copy is" : "copies are", done);
    return fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y');
}

/* Counts what the filters choose, and asks. What comes into the queue later is not meant: the copies that
 * take the place of redirected ones, for instance. */
static int confirm(const struct command_usage *usage, const struct change *change, json_t *request,
                   bool yes) {
    struct tally tally = {0};
    json_object_set_new(request, "count", json_true());
    enum command_status status = change_parts(request, &tally);
    json_object_del(request, "count");
    if (status != COMMAND_OK)
        return status;
    json_object_set_new(request, "until", json_integer(tally.last ? tally.last : 1));
    if (yes || !tally.changed)
        return COMMAND_OK;
    if (!isatty(STDIN_FILENO))
        return command_usage_error(
            usage, "%" JSON_INTEGER_FORMAT " match: give --yes to change them without being asked",
            tally.changed);
    return says_yes(tally.changed, change->done) ? COMMAND_OK
                                                 : command_fail(COMMAND_NO, "nothing was changed");
}

/* More lines than these nobody reads. */
#define REDIRECTED_TOLD 10

static void print_failed(const json_t *failed) {
    const json_t *one;
    size_t i;
    json_array_foreach(failed, i, one) {
        printf("  non-delivered: ");
        out_line(out_text(one, "address"));
        printf(": ");
        out_line(out_text(one, "cause"));
        putchar('\n');
    }
}

/* `copy 17 is now 21`. */
static void print_redirected(const json_t *redirected) {
    const json_t *one, *id;
    size_t i, k;
    json_array_foreach(redirected, i, one) {
        const json_t *now = json_object_get(one, "now");
        if (i == REDIRECTED_TOLD) {
            printf("… and so on; 'mhs queue list' shows them\n");
            return;
        }
        printf("copy %" JSON_INTEGER_FORMAT, (json_int_t)out_integer(one, "id"));
        json_array_foreach(now, k, id)
            printf("%s %" JSON_INTEGER_FORMAT, k ? "," : " is now", json_integer_value(id));
        const json_t *failed = json_object_get(one, "non-delivered");
        puts(json_array_size(now)      ? ""
             : json_array_size(failed) ? " waits no more"
                                       : " waits no more: it was delivered here");
        print_failed(failed);
    }
}

static void tell_tally(const struct change *change, const struct tally *tally) {
    if (command_settings.json) {
        json_t *answer =
            json_pack("{s:I, s:I, s:O*, s:s*, s:s*, s:s*}", "changed", tally->changed, "skipped",
                      tally->skipped, "redirected", tally->redirected, "why",
                      tally->why[0] ? tally->why : NULL, "expires", tally->expires[0] ? tally->expires : NULL,
                      "supplementary-information", tally->report[0] ? tally->report : NULL);
        out_json(answer);
        json_decref(answer);
        return;
    }
    printf("%" JSON_INTEGER_FORMAT " %s, %" JSON_INTEGER_FORMAT " left alone\n", tally->changed, change->done,
           tally->skipped);
    if (tally->why[0])
        printf("the first that was left alone is %s\n", tally->why);
    print_redirected(tally->redirected);
    if (tally->report[0])
        printf("a report has room for 256 plain letters and digits; of the reason it says: %s\n",
               tally->report);
    if (strcmp(change->name, "hold") == 0 && tally->expires[0])
        printf("held or not, its time ends at %s\n", tally->expires);
    else if (strcmp(change->name, "hold") == 0 && tally->changed)
        printf("held or not, their time runs on: 'mhs queue show' tells when it ends\n");
}

static int make_change(const struct change *change, const json_t *request) {
    struct tally tally = {0};
    enum command_status status = change_parts(request, &tally);
    if (status != COMMAND_OK && tally.changed + tally.skipped > 0)
        fprintf(stderr, "mhs: before that, %" JSON_INTEGER_FORMAT " were %s\n", tally.changed, change->done);
    if (status == COMMAND_OK)
        tell_tally(change, &tally);
    json_decref(tally.redirected);
    if (status != COMMAND_OK)
        return status;
    return tally.changed > 0 ? COMMAND_OK : COMMAND_NO;
}

static int queue_change(const struct change *change, int argc, char **argv) {
    char name[32];
    bool redirects = strcmp(change->name, "redirect") == 0;
    snprintf(name, sizeof name, "queue %s", change->name);
    const struct command_usage usage = {
        name, change->operands, change->summary,
        change->ends
            ? "The ID is that of 'mhs queue list'. What is under way is left alone, and what is in doubt "
              "without --may-arrive-twice. It must have a --reason."
        : redirects
            ? "The ID is that of 'mhs queue list'. What is under way is left alone, and what is in doubt "
              "without --may-arrive-twice."
            : "The ID is that of 'mhs queue list'. What is under way is left alone.",
        redirects                              ? redirect_options
        : strcmp(change->name, "release") == 0 ? release_options
        : change->ends                         ? end_options
                                               : change_options};
    struct command_line line;
    command_line_init(&line, &usage, argc, argv);
    json_t *request = json_pack("{s:s}", "operation", change->operation);
    int status = COMMAND_FAILED;
    bool go_on = request && read_options(&line, request, &status);
    if (go_on)
        status = take_operands(&line, change, request);
    if (go_on && status == COMMAND_OK)
        status = take_reason(&usage, change, request);
    bool yes = json_object_get(request, "yes") != NULL;
    json_object_del(request, "yes");
    if (go_on && status == COMMAND_OK && json_object_get(request, "all"))
        status = confirm(&usage, change, request, yes);
    if (go_on && status == COMMAND_OK)
        status = make_change(change, request);
    json_decref(request);
    return status;
}

int queue_reroute(int argc, char **argv) {
    static const struct command_option options[] = {
        {OPTION_REASON, "reason", "TEXT", "why; it is recorded in the messages' histories"},
        {OPTION_YES, "yes", NULL, "without being asked first"},
        TWICE,
        {0}};
    static const struct command_usage usage = {
        "peer reroute", "PEER", "Sends all that waits for a peer where the rules would send it now.",
        "What has no better way stays. Disable a peer first when nothing shall go there.", options};
    static const struct change reroute = {.name = "reroute", .done = "rerouted"};
    struct command_line line;
    int status = COMMAND_FAILED;
    command_line_init(&line, &usage, argc, argv);
    json_t *request = json_pack("{s:s, s:b, s:b}", "operation", "queue-redirect", "anew", true, "all", true);
    bool go_on = request && read_options(&line, request, &status);
    const char *peer = go_on ? command_line_operand(&line) : NULL;
    bool yes = json_object_get(request, "yes") != NULL;
    json_object_del(request, "yes");
    if (go_on && (!peer || command_line_operand(&line)))
        status = command_usage_error(&usage, "give one PEER; 'mhs peer list' shows them");
    if (go_on && status == COMMAND_OK)
        status = take_reason(&usage, &reroute, request);
    if (go_on && status == COMMAND_OK) {
        json_object_set_new(request, "next-hop", json_string(peer));
        status = confirm(&usage, &reroute, request, yes);
    }
    if (go_on && status == COMMAND_OK)
        status = make_change(&reroute, request);
    json_decref(request);
    return status;
}

static int queue_change_named(int argc, char **argv) {
    const struct change *change = changes;
    while (strcmp(change->name, argv[0]) != 0)
        change++;
    return queue_change(change, argc, argv);
}

int cmd_queue(int argc, char **argv) {
    enum { CHANGE_COUNT = sizeof changes / sizeof *changes };
    struct subcommand commands[CHANGE_COUNT + 3] = {{"list", queue_list, "list the copies that wait"},
                                                    {"show", queue_show, "show one with its history"}};
    for (size_t i = 0; i < CHANGE_COUNT; i++)
        commands[2 + i] = (struct subcommand){changes[i].name, queue_change_named, changes[i].brief};
    return command_run_subcommand("queue", "The copies that wait to be transferred or delivered.", commands,
                                  argc, argv);
}
