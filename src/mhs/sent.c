/* `mhs sent` and `mhs status MESSAGE`: what became of what one sent; of several messages the oldest first, as
 * `mhs list` has them. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "mhs/address.h"
#include "mhs/aliases.h"
#include "mhs/commands.h"
#include "mhs/daemon.h"
#include "mhs/entry.h"
#include "mhs/histories.h"
#include "mhs/outcome.h"
#include "mhs/output.h"
#include "mhs/pages.h"
#include "mhs/sent.h"
#include "mhs/table.h"
#include "mhs/waits.h"
#include "names/codes.h"
#include "names/identifier.h"

#define ARENA_MAX  ((size_t)64 * 1024 * 1024)
#define LOOK       1000 /* messages that the daemon looks at for an answer */
#define PAGE       100  /* histories in an answer: more when many are wanted */
#define PAGE_LEAST 20

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

struct asking {
    int64_t last; /* how many outcomes are wanted */
    struct outcomes *outcomes;
};

/* Receipts and probes are no letters; a receipt is told by nothing here but that it has one recipient and no
 * receipts come to it, so it is listed too. */
static bool take_history(void *context, const json_t *history) {
    const struct asking *asking = context;
    return history_is_of_probe(history) ||
           (outcomes_add(asking->outcomes, history) && (int64_t)asking->outcomes->count < asking->last);
}

/* The last that an originator sent, the newest first. Returns the exit code. */
static int ask(const char *mailbox, const struct wish *wish, struct outcomes *outcomes) {
    struct asking asking = {wish->last, outcomes};
    int page = wish->last < PAGE_LEAST ? PAGE_LEAST : wish->last < PAGE ? (int)wish->last : PAGE;
    json_t *request = json_pack("{s:s, s:i, s:i, s:s}", "operation", "track", "recent", LOOK, "limit", page,
                                "originator", mailbox);
    if (wish->since)
        json_object_set_new(request, "since", json_integer(wish->since));
    return (int)histories_each(request, take_history, &asking);
}

/* Why not, as a sentence: a failure's detail is `REASON, DIAGNOSTIC: TEXT` in X.411's names, where all but
 * the first may be absent. What is none of these stays as it is. */
static json_t *in_words(const char *detail) {
    char name[64] = "";
    size_t names = strcspn(detail, ":"), reason = strcspn(detail, ",:");
    bool two = reason < names;
    const char *begin = two ? detail + reason + 2 : detail;
    if (two && names < reason + 2)
        return json_string(detail);
    snprintf(name, sizeof name, "%.*s", (int)(detail + names - begin), begin);
    int64_t code = two ? non_delivery_diagnostic_code(name) : non_delivery_reason_code(name);
    return code < 0 ? json_string(detail)
                    : json_sprintf("%s%s",
                                   two ? non_delivery_diagnostic_text(code) : non_delivery_reason_text(code),
                                   detail + names);
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
            rows, json_pack("{s:o, s:s, s:s, s:o, s:o}", "sent",
                            json_sprintf("%.16s%s", sent, strlen(sent) > 16 ? "Z" : ""), "message",
                            i == 0 ? local_part(out_text(outcome, "mts-identifier")).text : "", "to",
                            aliases_short(out_text(recipient, "recipient")), "state",
                            json_sprintf("%s%s", mark, state), "why",
                            outcome_is_bad(state) && detail ? in_words(detail)
                                                            : json_string(detail ? detail : "")));
    }
}

/* What nobody sent differs from what a filter passes over. */
static void print_none(const struct wish *wish) {
    char time[21];
    if (wish->since)
        printf("Nothing that was sent at %s or later is still known here.\n",
               clock_format(wish->since, time));
    else
        printf("Nothing that was sent is still known here.\n");
}

static void print_sent(const struct outcomes *outcomes, const struct wish *wish) {
    static const struct out_column columns[] = {{"SENT", "sent", false},
                                                {"MESSAGE", "message", false, TABLE_WHOLE},
                                                {"TO", "to", false, TABLE_CUT_START},
                                                {"STATE", "state", false, TABLE_WHOLE},
                                                {"", "why", false, TABLE_FLOW},
                                                {NULL, NULL, false}};
    json_t *rows = json_array();
    for (size_t i = outcomes->count; i-- > 0;)
        add_rows(rows, outcomes->items[i].json);
    if (json_array_size(rows) > 0)
        out_table(rows, columns);
    else
        print_none(wish);
    json_decref(rows);
}

static void print_json(const struct outcomes *outcomes) {
    json_t *messages = json_array(), *all = json_pack("{s:o}", "messages", messages);
    for (size_t i = outcomes->count; i-- > 0;)
        json_array_append(messages, outcomes->items[i].json);
    out_json(all);
    json_decref(all);
}

static int show_sent(const char *mailbox, const struct wish *wish) {
    struct outcomes outcomes;
    outcomes_init(&outcomes);
    int status = ask(mailbox, wish, &outcomes);
    if (status == COMMAND_OK)
        status = (int)outcomes_add_answers(&outcomes, mailbox);
    if (status == COMMAND_OK && command_settings.json)
        print_json(&outcomes);
    else if (status == COMMAND_OK)
        print_sent(&outcomes, wish);
    outcomes_free(&outcomes);
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

/* Its time, where it has one, and what else is told of it, below itself where it has no room. */
static void print_step(const char *step, const char *time, const char *detail) {
    size_t begun = (size_t)printf("  %-*s  ", OUTCOME_STEP_COLUMNS, step);
    struct out_flow flow = {.at = begun, .indent = begun};
    if (time)
        out_flow(&flow, time);
    if (detail)
        out_flow(&flow, detail);
    putchar('\n');
}

static void print_recipient(const json_t *recipient, const char *submitted) {
    const char *state = out_text(recipient, "state");
    const json_t *step;
    size_t i;
    printf("\n%s", out_style(outcome_is_good(state)  ? OUT_GOOD
                             : outcome_is_bad(state) ? OUT_BAD
                                                     : OUT_PLAIN));
    out_line(aliases_short(out_text(recipient, "recipient")));
    printf("%s\n", out_end());
    print_step("submitted", submitted, NULL);
    json_array_foreach(json_object_get(recipient, "steps"), i, step) print_step(
        out_text(step, "step"), out_text(step, "time"), json_string_value(json_object_get(step, "detail")));
    json_t *waits = waits_text(recipient);
    if (waits)
        print_step("waits", NULL, json_string_value(waits));
    json_decref(waits);
}

static void print_outcome(const json_t *outcome) {
    const json_t *recipient;
    size_t i;
    printf("%s%s%s%s\n", json_is_true(json_object_get(outcome, "probe")) ? "Probe " : "", out_style(OUT_BOLD),
           out_text(outcome, "mts-identifier"), out_end());
    json_array_foreach(json_object_get(outcome, "recipients"), i, recipient)
        print_recipient(recipient, out_text(outcome, "submitted"));
    if (json_is_true(json_object_get(outcome, "truncated")))
        printf("\nThere is more on record than is told at once: recipients and steps may be missing.\n");
}

static void print_outcomes(const struct outcomes *outcomes) {
    for (size_t i = 0; i < outcomes->count; i++)
        print_outcome(outcomes->items[i].json);
}

static bool take_first(void *context, const json_t *history) {
    outcomes_add(context, history);
    return false;
}

/* One that is not spelled as the record has it is looked for from page to page. Returns the exit code. */
static int find_message(const char *identifier, struct outcomes *outcomes) {
    return (int)histories_each(json_pack("{s:s, s:s}", "operation", "track", "mts-identifier", identifier),
                               take_first, outcomes);
}

static int find_of_report(const struct x411p3_ReportDeliveryEnvelope *report, struct outcomes *outcomes) {
    struct buf identifier;
    buf_init(&identifier, 0);
    mts_identifier_print(&report->subject_submission_identifier, &identifier);
    buf_append_byte(&identifier, '\0');
    int status = identifier.failed ? command_fail(COMMAND_FAILED, "no memory")
                                   : find_message((const char *)identifier.data, outcomes);
    buf_free(&identifier);
    return status;
}

/* Of those that the IPM-identifier may be that of, the one that its sender answers. */
static int find_of_receipt(const char *ipm, const struct entry *entry, struct outcomes *outcomes) {
    struct outcomes found;
    outcomes_init(&found);
    int status = (int)outcomes_of_ipm(ipm, &found);
    const struct outcome *meant = outcomes_meant(
        &found, ipm, address_show(&entry->message->other_fields.originator_name, entry->arena));
    if (status == COMMAND_OK && meant)
        status = find_message(meant->identifier, outcomes);
    outcomes_free(&found);
    return status;
}

/* What the entry of a report or receipt is about. */
static int find_of_entry(const char *mailbox, const char *operand, struct arena *arena,
                         struct outcomes *outcomes) {
    struct entry entry = {0};
    struct ipm_content content;
    uint64_t number = entry_number(operand);
    int status = number ? (int)entry_open(&entry, mailbox, number, arena) : COMMAND_USAGE;
    if (status == COMMAND_OK && entry.report)
        status = find_of_report(entry.report, outcomes);
    else if (status == COMMAND_OK && (status = (int)entry_fetch(&entry)) == COMMAND_OK) {
        bool receipt = ipm_read(entry.content, arena, &content, NULL) && content.ipn &&
                       content.ipn->subject_ipm.user_relative_identifier;
        status =
            receipt
                ? find_of_receipt(content.ipn->subject_ipm.user_relative_identifier, &entry, outcomes)
                : command_fail(COMMAND_NO, "entry %s is no report or receipt on a message of yours", operand);
    }
    entry_close(&entry);
    return status;
}

int sent_status(const char *user, const char *operand) {
    struct arena arena;
    struct outcomes outcomes;
    arena_init(&arena, ARENA_MAX);
    outcomes_init(&outcomes);
    const char *mailbox = address_mailbox(user, &arena);
    bool entry = strspn(operand, "0123456789") == strlen(operand);
    int status = !mailbox ? COMMAND_USAGE
                 : entry  ? find_of_entry(mailbox, operand, &arena, &outcomes)
                          : find_message(operand, &outcomes);
    if (status == COMMAND_OK && !outcomes.count)
        status = command_fail(COMMAND_NO, "no message that is still known here is meant by '%s'", operand);
    if (status == COMMAND_OK)
        status = (int)outcomes_add_answers(&outcomes, mailbox);
    if (status == COMMAND_OK)
        status = (int)outcomes_add_waits(&outcomes);
    if (status == COMMAND_OK)
        (command_settings.json ? print_json : print_outcomes)(&outcomes);
    outcomes_free(&outcomes);
    arena_free(&arena);
    return status;
}
