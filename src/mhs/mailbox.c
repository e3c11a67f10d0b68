/* `mhs list` and `mhs delete`: what is in a mailbox. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "mhs/address.h"
#include "mhs/aliases.h"
#include "mhs/commands.h"
#include "mhs/daemon.h"
#include "mhs/entry.h"
#include "mhs/output.h"
#include "mhs/pages.h"
#include "mhs/table.h"

#define ARENA_MAX      (64 * 1024 * 1024)
#define HEADING_OCTETS (16 * 1024) /* of a content are fetched to show its subject */

enum { UNREAD = 300 };

static const struct command_option user_option[] = {
    {'u', "user", "ADDRESS", "whose mailbox (default: CHASQUI_USER or the alias 'me')"}, {0}};

/* What a report says, in a line; a table has little room, so that what matters comes first. */
static const char *report_line(const json_t *row, struct arena *arena) {
    long long delivered = out_integer(row, "delivered"), non_delivered = out_integer(row, "non-delivered");
    bool probe = json_is_true(json_object_get(row, "probe"));
    const char *word = !command_settings.json ? "" : probe ? "report on a probe: " : "report: ";
    const char *done = probe ? "deliverable" : "delivered";
    if (delivered && non_delivered && command_settings.json)
        return arena_printf(arena, "%s%lld %s, %lld NOT %s", word, delivered, done, non_delivered, done);
    if (delivered && non_delivered)
        return arena_printf(arena, "NOT %s: %lld of %lld", done, non_delivered, delivered + non_delivered);
    if (!delivered && !non_delivered)
        return "report";
    return arena_printf(arena, "%s%s%s", word, non_delivered ? "NOT " : "", done);
}

/* The subject of an entry; NULL: it has none, and `remark` says what it is. */
static const char *find_subject(const char *mailbox, const json_t *row, struct arena *arena,
                                const char **remark) {
    struct ipm_heading heading;
    uint64_t number = (uint64_t)out_integer(row, "entry");
    bool report = strcmp(out_text(row, "kind"), "report") == 0;
    bool damaged = strcmp(out_text(row, "kind"), "damaged") == 0;
    struct span beginning = !report && !damaged && out_integer(row, "size") > 0
                                ? entry_peek(mailbox, number, MHS_CONTENT, HEADING_OCTETS, arena)
                                : (struct span){NULL, 0};
    if (beginning.data && ipm_read_heading(beginning, arena, &heading, NULL)) {
        *remark = "no subject";
        return heading.subject;
    }
    *remark = report    ? report_line(row, arena)
              : damaged ? arena_printf(arena, "damaged: %s", out_text(row, "damage"))
              : beginning.len > 0 && beginning.data[0] == 0xA1 ? "notification"
                                                               : "no interpersonal message";
    return NULL;
}

/* Whoever reads the JSON must not take for a subject what is none; a table tells it by the parentheses. */
static void set_subject(const char *mailbox, json_t *row, struct arena *arena) {
    const char *remark = NULL, *subject = find_subject(mailbox, row, arena, &remark);
    if (subject)
        json_object_set_new(row, "subject", json_string(subject));
    else if (command_settings.json)
        json_object_set_new(row, "remark", json_string(remark ? remark : "?"));
    else
        json_object_set_new(row, "subject", json_sprintf("(%s)", remark ? remark : "?"));
}

/* ---- whom a report tells of ---- */

/* Of a report to more recipients than these octets hold the first are named. */
#define REPORT_OCTETS (256 * 1024)

static void add_recipient(json_t *recipients, const struct x411p3_PerRecipientReportDeliveryFields *fields,
                          struct arena *arena) {
    bool delivered = fields->report_type.choice == x411_ReportType_delivery;
    json_array_append_new(recipients, json_pack("{s:s, s:b}", "recipient",
                                                address_show(&fields->actual_recipient_name, arena),
                                                "delivered", delivered));
}

static void set_recipients(const char *mailbox, json_t *row, struct arena *arena) {
    static const struct ber_limits lax = {.relax_bounds = true, .relax_characters = true};
    struct span envelope =
        entry_peek(mailbox, (uint64_t)out_integer(row, "entry"), MHS_ENVELOPE, REPORT_OCTETS, arena);
    struct x411p3_ReportDeliveryEnvelope *report = envelope.data ? arena_alloc(arena, sizeof *report) : NULL;
    json_t *recipients = json_array();
    if (report)
        ber_decode(&x411p3_ReportDeliveryEnvelope_type, envelope, arena, &lax, report, NULL);
    for (size_t i = 0; report && i < report->per_recipient_fields.count; i++)
        add_recipient(recipients, &report->per_recipient_fields.items[i], arena);
    json_object_set_new(row, "recipients", recipients);
}

/* `ADDRESS` or `ADDRESS +2`: first one that did not get it. */
static json_t *shown_recipients(const json_t *row) {
    const json_t *recipients = json_object_get(row, "recipients"), *one,
                 *shown = json_array_get(recipients, 0);
    size_t count = json_array_size(recipients), i;
    json_array_foreach(recipients, i, one) {
        if (!json_is_true(json_object_get(one, "delivered"))) {
            shown = one;
            break;
        }
    }
    const char *name = shown ? aliases_short(out_text(shown, "recipient")) : "-";
    return count > 1 ? json_sprintf("%s +%zu", name, count - 1) : json_string(name);
}

struct listing {
    const char *mailbox;
    struct arena arena;
};

/* What is shown besides what the daemon says of an entry. */
static void complete(void *context, const json_t *rows) {
    struct listing *listing = context;
    json_t *row;
    size_t i;
    json_array_foreach(rows, i, row) {
        char size[16];
        arena_reset(&listing->arena);
        set_subject(listing->mailbox, row, &listing->arena);
        bool report = strcmp(out_text(row, "kind"), "report") == 0;
        if (report)
            set_recipients(listing->mailbox, row, &listing->arena);
        if (command_settings.json)
            continue;
        json_object_set_new(row, "who",
                            report ? shown_recipients(row)
                                   : json_string(aliases_short(out_text(row, "originator"))));
        const char *priority = out_text(row, "priority"), *arrival = out_text(row, "arrival");
        json_object_set_new(row, "shown-priority",
                            json_string(strcmp(priority, "normal") == 0 ? "" : priority));
        json_object_set_new(row, "shown-arrival",
                            strlen(arrival) > 16 ? json_sprintf("%.16sZ", arrival) : json_string("-"));
        json_object_set_new(row, "new", json_string(json_is_true(json_object_get(row, "seen")) ? "" : "*"));
        json_object_set_new(row, "shown-size",
                            json_string(out_size((uint64_t)out_integer(row, "size"), size)));
    }
}

struct wish {
    const char *user;
    int64_t limit, after;
    bool unseen, mailboxes;
};

/* ---- rows ---- */

static json_t *text_or_null(const char *text) {
    return text ? json_string(text) : json_null();
}

static json_t *time_or_null(int64_t seconds) {
    char text[21];
    return seconds ? json_string(clock_format(seconds, text)) : json_null();
}

static json_t *damaged_row(const struct mhs_entry *entry) {
    return json_pack("{s:I, s:s, s:o, s:o, s:b, s:b}", "entry", (json_int_t)entry->number, "kind", "damaged",
                     "damage", text_or_null(entry->damage), "arrival", time_or_null(entry->arrival), "seen",
                     entry->seen, "notified", entry->notified);
}

static json_t *row_of(const struct mhs_entry *entry) {
    static const char *const priorities[] = {"normal", "non-urgent", "urgent"};
    bool report = entry->kind == MHS_REPORT;
    if (entry->kind == MHS_DAMAGED)
        return damaged_row(entry);
    json_t *row = json_pack(
        "{s:I, s:s, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:s, s:b, s:b}", "entry", (json_int_t)entry->number,
        "kind", report ? "report" : "message", "mts-identifier", text_or_null(entry->identifier),
        "originator", text_or_null(entry->originator), "arrival", time_or_null(entry->arrival), "submitted",
        time_or_null(entry->submitted), "size", (json_int_t)entry->size, "content-type",
        text_or_null(entry->content_type), "content-identifier", text_or_null(entry->content_identifier),
        "priority", priorities[entry->priority], "seen", entry->seen, "notified", entry->notified);
    if (report) {
        json_object_set_new(row, "delivered", json_integer((json_int_t)entry->delivered));
        json_object_set_new(row, "non-delivered", json_integer((json_int_t)entry->non_delivered));
        json_object_set_new(row, "probe", json_boolean(entry->on_probe));
    }
    return row;
}

static bool add_row(void *context, const struct mhs_entry *entry) {
    return json_array_append_new(context, row_of(entry)) == 0;
}

struct question {
    const char *mailbox;
    bool unseen;
};

static enum command_status ask_entries(void *context, int64_t most, int64_t after, json_t **answer) {
    const struct question *question = context;
    const struct mhs_list list = {question->mailbox, (uint64_t)after, (uint64_t)most, question->unseen};
    uint64_t more = 0;
    json_t *rows = json_array();
    enum mhs_code code = mhs_list(daemon_session(), &list, add_row, rows, &more);
    *answer = json_pack("{s:o, s:I}", "entries", rows, "cursor", (json_int_t)more);
    if (code == MHS_OK)
        return COMMAND_OK;
    json_decref(*answer);
    return code == MHS_STOPPED ? (enum command_status)command_fail(COMMAND_FAILED, "no memory")
                               : daemon_failed(code);
}

/* ---- list ---- */

static enum command_status list(const char *mailbox, const struct wish *wish) {
    static const struct out_column columns[] = {{"ENTRY", "entry", true},
                                                {"NEW", "new", false},
                                                {"ARRIVAL", "shown-arrival", false},
                                                {"SIZE", "shown-size", true},
                                                {"PRIO", "shown-priority", false},
                                                {"FROM OR TO", "who", false, TABLE_CUT_START},
                                                {"SUBJECT", "subject", false, TABLE_CUT_END},
                                                {NULL, NULL, false}};
    struct listing listing = {.mailbox = mailbox};
    struct pages pages = {.array = "entries",
                          .columns = columns,
                          .none = wish->unseen  ? "Nothing in the mailbox is new."
                                  : wish->after ? "There are no more."
                                                : "The mailbox is empty.",
                          .more = "--after",
                          .limit = wish->limit,
                          .after = wish->after,
                          .complete = complete,
                          .context = &listing};
    struct question question = {mailbox, wish->unseen};
    arena_init(&listing.arena, ARENA_MAX);
    enum command_status status = pages_show_by(&pages, ask_entries, &question);
    arena_free(&listing.arena);
    return status;
}

/* What it holds, and of what it may hold. */
static void add_room(json_t *mailbox) {
    char holds[16], may[16], text[40];
    uint64_t quota = (uint64_t)out_integer(mailbox, "quota");
    out_size((uint64_t)out_integer(mailbox, "octets"), holds);
    if (quota)
        snprintf(text, sizeof text, "%s of %s", holds, out_size(quota, may));
    json_object_set_new(mailbox, "holds", json_string(quota ? text : holds));
}

static void print_mailboxes(const json_t *answer) {
    static const struct out_column columns[] = {{"MAILBOX", "mailbox", false, TABLE_CUT_START},
                                                {"ENTRIES", "entries", true},
                                                {"UNSEEN", "unseen", true},
                                                {"HOLDS", "holds", true},
                                                {NULL, NULL, false}};
    size_t i;
    json_t *mailbox;
    json_array_foreach(json_object_get(answer, "mailboxes"), i, mailbox) add_room(mailbox);
    out_table(json_object_get(answer, "mailboxes"), columns);
}

static bool add_mailbox(void *context, const struct mhs_mailbox *mailbox) {
    json_t *quota = mailbox->quota ? json_integer((json_int_t)mailbox->quota) : json_null();
    json_t *row = json_pack("{s:I, s:I, s:I, s:o, s:s}", "entries", (json_int_t)mailbox->entries, "unseen",
                            (json_int_t)mailbox->unseen, "octets", (json_int_t)mailbox->octets, "quota",
                            quota, "mailbox", mailbox->address);
    return json_array_append_new(context, row) == 0;
}

static enum command_status list_mailboxes(void) {
    json_t *rows = json_array(), *answer = json_pack("{s:o}", "mailboxes", rows);
    enum mhs_code code = mhs_mailboxes(daemon_session(), add_mailbox, rows);
    if (code == MHS_OK && command_settings.json)
        out_json(answer);
    else if (code == MHS_OK)
        print_mailboxes(answer);
    json_decref(answer);
    return code == MHS_OK ? COMMAND_OK : daemon_failed(code);
}

/* Reads the command line. Returns COMMAND_OK to go on; else `*done` is set and the exit code returned. */
static int read_wish(struct wish *wish, const struct command_usage *usage, int argc, char **argv,
                     bool *done) {
    struct command_line line;
    const char *value;
    int id;
    *done = true;
    command_line_init(&line, usage, argc, argv);
    while ((id = command_line_next(&line, &value)) > 0) {
        if (id == 'u')
            wish->user = value;
        wish->unseen |= id == 'n' || id == UNREAD;
        wish->mailboxes |= id == 'm';
        if ((id == 'l' && !pages_number(usage, "limit", value, &wish->limit)) ||
            (id == 'a' && !pages_number(usage, "after", value, &wish->after)))
            return COMMAND_USAGE;
    }
    if (id == COMMAND_LINE_STOP)
        return line.status;
    if (wish->mailboxes && (wish->user || wish->unseen || wish->limit || wish->after))
        return command_usage_error(usage,
                                   "--mailboxes lists all that you may use: no other option goes with it");
    if (command_line_operand(&line))
        return command_usage_error(
            usage, "no operand is wanted: 'mhs read ENTRY' shows an entry, --user says whose mailbox");
    *done = false;
    return COMMAND_OK;
}

int cmd_list(int argc, char **argv) {
    static const struct command_option options[] = {
        {'u', "user", "ADDRESS", "whose mailbox (default: CHASQUI_USER or the alias 'me')"},
        {'n', "new", NULL, "only what was not read yet"},
        {UNREAD, "unread", NULL, "the same"},
        {'l', "limit", "COUNT", "at most so many entries (all)"},
        {'a', "after", "ENTRY", "only entries after this one"},
        {'m', "mailboxes", NULL, "list the mailboxes that you may use"},
        {0}};
    static const struct command_usage usage = {"list", NULL, "Lists the messages and reports in a mailbox.",
                                               NULL, options};
    struct wish wish = {0};
    struct arena arena;
    bool done;
    int status = read_wish(&wish, &usage, argc, argv, &done);
    if (done)
        return status;
    if (wish.mailboxes)
        return list_mailboxes();
    arena_init(&arena, ARENA_MAX);
    const char *mailbox = address_mailbox(wish.user, &arena);
    status = mailbox ? (int)list(mailbox, &wish) : COMMAND_USAGE;
    arena_free(&arena);
    return status;
}

static int delete_entry(const char *mailbox, const char *operand, json_t *deleted) {
    uint64_t number = entry_number(operand);
    if (!number)
        return COMMAND_USAGE;
    enum mhs_code code = mhs_delete(daemon_session(), mailbox, number);
    if (code != MHS_OK)
        return daemon_failed(code);
    json_array_append_new(deleted, json_integer((json_int_t)number));
    if (!command_settings.json)
        printf("entry %s deleted\n", operand);
    return COMMAND_OK;
}

/* After one that could not be deleted. */
static void tell_left(struct command_line *line, const char *operand) {
    fprintf(stderr, "mhs: not deleted: %s", operand);
    while ((operand = command_line_operand(line)))
        fprintf(stderr, ", %s", operand);
    fputc('\n', stderr);
}

/* The operands that are left. With --json one object tells of those that were deleted, also when one could
 * not be. */
static int delete_entries(struct command_line *line, const char *operand, const char *mailbox) {
    json_t *deleted = json_array();
    int status = COMMAND_OK;
    if (command_settings.json)
        out_stream_begin("deleted");
    for (; operand; operand = command_line_operand(line)) {
        status = delete_entry(mailbox, operand, deleted);
        if (status != COMMAND_OK)
            break;
        if (command_settings.json && status == COMMAND_OK)
            out_stream_rows(deleted);
        json_array_clear(deleted);
    }
    if (operand)
        tell_left(line, operand);
    if (command_settings.json && status == COMMAND_OK)
        out_stream_end(NULL);
    json_decref(deleted);
    return status;
}

/* A command line with a wrong one does nothing. */
static bool are_numbers(const struct command_line *line, const char *operand) {
    bool all = entry_number(operand) != 0;
    for (int i = optind; all && i < line->argc; i++)
        all = entry_number(line->argv[i]) != 0;
    return all;
}

int cmd_delete(int argc, char **argv) {
    static const struct command_usage usage = {"delete", "ENTRY...", "Deletes entries of a mailbox.", NULL,
                                               user_option};
    struct command_line line;
    struct arena arena;
    const char *value, *user = NULL;
    int id;
    command_line_init(&line, &usage, argc, argv);
    while ((id = command_line_next(&line, &value)) > 0)
        user = value;
    if (id == COMMAND_LINE_STOP)
        return line.status;
    const char *operand = command_line_operand(&line);
    if (!operand)
        return command_usage_error(&usage, "ENTRY is missing; 'mhs list' shows them");
    if (!are_numbers(&line, operand))
        return COMMAND_USAGE;
    arena_init(&arena, ARENA_MAX);
    const char *mailbox = address_mailbox(user, &arena);
    int status = mailbox ? delete_entries(&line, operand, mailbox) : COMMAND_USAGE;
    arena_free(&arena);
    return status;
}
