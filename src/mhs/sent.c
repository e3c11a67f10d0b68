/* `mhs sent` and `mhs status MESSAGE`: what became of what one sent. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "mhs/address.h"
#include "mhs/aliases.h"
#include "mhs/commands.h"
#include "mhs/correlator.h"
#include "mhs/daemon.h"
#include "mhs/entry.h"
#include "mhs/outcome.h"
#include "mhs/output.h"
#include "mhs/pages.h"
#include "mhs/sent.h"
#include "mhs/table.h"
#include "names/identifier.h"

#define ARENA_MAX ((size_t)64 * 1024 * 1024)
#define LOOK      1000 /* messages that the daemon looks at for an answer */
#define PAGE      100

/* The local part is enough for `track` and `status`. */
struct local_part {
    char text[MHS_IDENTIFIER_SIZE];
};

static struct local_part local_part(const char *identifier) {
    struct local_part part;
    const char *semicolon = strrchr(identifier, ';'), *begin = semicolon ? semicolon + 1 : identifier;
    snprintf(part.text, sizeof part.text, "%.*s", (int)strcspn(begin, "]"), begin);
    return part;
}

/* ---- sent ---- */

struct wish {
    const char *user;
    int64_t last, since;
};

/* The messages of an originator, the newest first, with their histories. Returns the exit code. */
static int ask(const char *mailbox, const struct wish *wish, json_t *messages) {
    int64_t after = 0, wanted = wish->last;
    do {
        json_t *answer, *request = json_pack("{s:s, s:i, s:i, s:s}", "operation", "track", "recent", LOOK,
                                             "limit", PAGE, "originator", mailbox);
        if (after)
            json_object_set_new(request, "after", json_integer(after));
        if (wish->since)
            json_object_set_new(request, "since", json_integer(wish->since));
        enum command_status status = daemon_request(request, &answer);
        if (status != COMMAND_OK)
            return status;
        json_array_extend(messages, json_object_get(answer, "messages"));
        after = out_integer(answer, "cursor");
        json_decref(answer);
    } while (after && (int64_t)json_array_size(messages) < wanted);
    return COMMAND_OK;
}

static bool is_probe(const json_t *message) {
    const json_t *first = json_array_get(json_object_get(message, "events"), 0);
    return strcmp(out_text(first, "detail"), "probe") == 0;
}

/* Receipts and probes are no letters; a receipt is told by nothing here but that it has one recipient and no
 * receipts come to it, so it is listed too. */
static json_t *outcomes_of(const json_t *messages, int64_t most) {
    json_t *outcomes = json_array(), *message;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)messages, i, message) {
        if (json_is_true(json_object_get(message, "continued")) || is_probe(message) ||
            (int64_t)json_array_size(outcomes) >= most)
            continue;
        json_array_append_new(outcomes, outcome_of_history(message));
    }
    return outcomes;
}

static int64_t oldest(const json_t *outcomes) {
    const json_t *last = json_array_get(outcomes, json_array_size(outcomes) - 1);
    return last ? out_time(last, "submitted") : 0;
}

static void add_rows(json_t *rows, const json_t *outcome) {
    const json_t *recipient;
    size_t i;
    json_array_foreach(json_object_get(outcome, "recipients"), i, recipient) {
        const json_t *steps = json_object_get(recipient, "steps"),
                     *last = json_array_get(steps, json_array_size(steps) - 1);
        const char *state = out_text(recipient, "state"), *sent = out_text(outcome, "submitted");
        const char *detail = last ? json_string_value(json_object_get(last, "detail")) : NULL;
        const char *mark = outcome_is_good(state) ? "\u2713 " : outcome_is_bad(state) ? "\u2717 " : "";
        json_array_append_new(
            rows, json_pack("{s:o, s:s, s:s, s:o, s:s}", "sent",
                            json_sprintf("%.16s%s", sent, strlen(sent) > 16 ? "Z" : ""), "message",
                            i == 0 ? local_part(out_text(outcome, "mts-identifier")).text : "", "to",
                            aliases_short(out_text(recipient, "recipient")), "state",
                            json_sprintf("%s%s", mark, state), "why", detail ? detail : ""));
    }
}

static void print_sent(const json_t *outcomes) {
    static const struct out_column columns[] = {{"SENT", "sent", false},
                                                {"TO", "to", false, TABLE_CUT_START},
                                                {"STATE", "state", false},
                                                {"", "why", false, TABLE_CUT_END},
                                                {"MESSAGE", "message", false, TABLE_WHOLE},
                                                {NULL, NULL, false}};
    json_t *rows = json_array();
    for (size_t i = json_array_size(outcomes); i-- > 0;)
        add_rows(rows, json_array_get(outcomes, i));
    if (json_array_size(rows) > 0)
        out_table(rows, columns);
    else
        printf("Nothing that was sent is still known here.\n");
    json_decref(rows);
}

/* Adds what the mailbox tells of them; JSON is printed, and who prints text does so with COMMAND_OK. */
static int complete(const char *mailbox, const json_t *outcomes) {
    json_t *answers = outcome_answers(mailbox, oldest(outcomes));
    bool done = answers != NULL;
    for (size_t i = 0; done && i < json_array_size(outcomes); i++) {
        done = outcome_add_answers(json_array_get(outcomes, i), answers);
        outcome_complete(json_array_get(outcomes, i));
    }
    json_decref(answers);
    if (done && command_settings.json) {
        json_t *all = json_pack("{s:O}", "messages", outcomes);
        out_json(all);
        json_decref(all);
    }
    return done ? COMMAND_OK : COMMAND_UNREACHABLE;
}

static int show_sent(const char *mailbox, const struct wish *wish) {
    json_t *messages = json_array(), *outcomes = NULL;
    int status = ask(mailbox, wish, messages);
    if (status == COMMAND_OK) {
        outcomes = outcomes_of(messages, wish->last);
        status = complete(mailbox, outcomes);
    }
    if (status == COMMAND_OK && !command_settings.json)
        print_sent(outcomes);
    json_decref(messages);
    json_decref(outcomes);
    return status;
}

#define SENT_LAST 20

int cmd_sent(int argc, char **argv) {
    static const struct command_option options[] = {
        {'u', "user", "ADDRESS", "whose messages (default: CHASQUI_USER or the alias 'me')"},
        {'l', "last", "COUNT", "the last COUNT messages (20)"},
        {'s', "since", "TIME", "only what was submitted at this time or later"},
        {0}};
    static const struct command_usage usage = {
        "sent", NULL, "Lists what you sent, with what became of it at each recipient.",
        "It is known from this MTA's record, and from the reports, receipts and replies in your mailbox. "
        "'mhs status "
        "MESSAGE' tells all of one message.",
        options};
    struct command_line line;
    struct wish wish = {.last = SENT_LAST};
    struct arena arena;
    const char *value;
    int id;
    command_line_init(&line, &usage, argc, argv);
    while ((id = command_line_next(&line, &value)) > 0) {
        if (id == 'u')
            wish.user = value;
        if ((id == 'l' && !pages_number(&usage, "last", value, &wish.last)) ||
            (id == 's' && !time_from_text(value, &wish.since)))
            return COMMAND_USAGE;
    }
    if (id == COMMAND_LINE_STOP)
        return line.status;
    if (command_line_operand(&line))
        return command_usage_error(&usage, "no operand is wanted; 'mhs status MESSAGE' tells of one");
    arena_init(&arena, ARENA_MAX);
    const char *mailbox = address_mailbox(wish.user, &arena);
    int status = mailbox ? show_sent(mailbox, &wish) : COMMAND_USAGE;
    arena_free(&arena);
    return status;
}

/* ---- status MESSAGE ---- */

static void print_outcome(const json_t *outcome) {
    const json_t *recipient, *step;
    size_t i, k;
    printf("%s%s%s\n", out_style(OUT_BOLD), out_text(outcome, "mts-identifier"), out_end());
    json_array_foreach(json_object_get(outcome, "recipients"), i, recipient) {
        const char *state = out_text(recipient, "state");
        printf("\n%s", out_style(outcome_is_good(state)  ? OUT_GOOD
                                 : outcome_is_bad(state) ? OUT_BAD
                                                         : OUT_PLAIN));
        out_line(aliases_short(out_text(recipient, "recipient")));
        printf("%s\n  %-12s  %s\n", out_end(), "submitted", out_text(outcome, "submitted"));
        json_array_foreach(json_object_get(recipient, "steps"), k, step) {
            printf("  %-12s  %s", out_text(step, "step"), out_text(step, "time"));
            if (json_object_get(step, "detail")) {
                printf("  ");
                out_line(out_text(step, "detail"));
            }
            putchar('\n');
        }
        if (strcmp(state, "waiting") == 0)
            printf("  %-12s  'mhs track %s' tells for what\n", state,
                   local_part(out_text(outcome, "mts-identifier")).text);
    }
}

/* Asks for a message by one member of `track`. Returns the exit code. */
static int find_message(const char *member, const char *value, json_t **answer) {
    return daemon_request(json_pack("{s:s, s:s}", "operation", "track", member, value), answer);
}

/* What the entry of a report or receipt is about. */
static int find_of_entry(const char *mailbox, const char *operand, struct arena *arena, json_t **answer) {
    struct entry entry = {0};
    struct ipm_content content;
    struct buf identifier;
    uint64_t number = entry_number(operand);
    int status = number ? (int)entry_open(&entry, mailbox, number, arena) : COMMAND_USAGE;
    buf_init(&identifier, 0);
    if (status == COMMAND_OK && entry.report) {
        mts_identifier_print(&entry.report->subject_submission_identifier, &identifier);
        buf_append_byte(&identifier, '\0');
        status = identifier.failed ? command_fail(COMMAND_FAILED, "no memory")
                                   : find_message("mts-identifier", (const char *)identifier.data, answer);
    } else if (status == COMMAND_OK && (status = entry_fetch(&entry)) == COMMAND_OK) {
        bool receipt = ipm_read(entry.content, arena, &content, NULL) && content.ipn &&
                       content.ipn->subject_ipm.user_relative_identifier;
        status =
            receipt
                ? find_message(
                      "content-identifier",
                      correlator_content_identifier(content.ipn->subject_ipm.user_relative_identifier),
                      answer)
                : command_fail(COMMAND_NO, "entry %s is no report or receipt on a message of yours", operand);
    }
    buf_free(&identifier);
    entry_close(&entry);
    return status;
}

static int show_outcomes(const char *mailbox, const json_t *answer) {
    json_t *outcomes = outcomes_of(json_object_get(answer, "messages"), INT64_MAX);
    int status = complete(mailbox, outcomes);
    for (size_t i = 0; status == COMMAND_OK && !command_settings.json && i < json_array_size(outcomes); i++)
        print_outcome(json_array_get(outcomes, i));
    json_decref(outcomes);
    return status;
}

int sent_status(const char *user, const char *operand) {
    struct arena arena;
    json_t *answer = NULL;
    arena_init(&arena, ARENA_MAX);
    const char *mailbox = address_mailbox(user, &arena);
    bool entry = strspn(operand, "0123456789") == strlen(operand);
    int status = !mailbox ? COMMAND_USAGE
                 : entry  ? find_of_entry(mailbox, operand, &arena, &answer)
                          : find_message("mts-identifier", operand, &answer);
    if (status == COMMAND_OK)
        status = show_outcomes(mailbox, answer);
    json_decref(answer);
    arena_free(&arena);
    return status;
}
