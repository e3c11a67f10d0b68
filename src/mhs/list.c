/* `mhs list`: what is in a mailbox. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"
#include "mhs/address.h"
#include "mhs/aliases.h"
#include "mhs/commands.h"
#include "mhs/daemon.h"
#include "mhs/entry.h"
#include "mhs/list_line.h"
#include "mhs/output.h"
#include "mhs/pages.h"
#include "mhs/table.h"
#include "names/oraddress.h"

#define ARENA_MAX ((size_t)64 * 1024 * 1024)

struct wish {
    const char *user;
    int64_t limit, after, last, since;
    const char *from, *subject;         /* parts of them, in any case */
    uint64_t first_number, last_number; /* a range; 0: any */
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

/* ---- filters ---- */

#define PAGE_MOST 200

struct listing {
    const char *mailbox;
    const struct wish *wish;
    const char *from; /* an address, where --from is one or an alias */
    struct arena arena;
};

static bool holds(const char *text, const char *part, struct arena *arena) {
    struct span whole = text ? oraddress_fold(span_str(text), arena) : (struct span){NULL, 0};
    struct span wanted = oraddress_fold(span_str(part), arena);
    return whole.data && wanted.data && strstr((const char *)whole.data, (const char *)wanted.data);
}

/* The subject of the message, or of that which a report is about. */
static bool has_other_subject(const struct listing *listing, const json_t *row, struct arena *arena) {
    const char *about = json_string_value(json_object_get(row, "about"));
    const char *subject = about ? about : json_string_value(json_object_get(row, "subject"));
    return listing->wish->subject && !holds(subject, listing->wish->subject, arena);
}

/* Completes a row. False: it is not wanted. */
static bool complete_row(struct listing *listing, json_t *row) {
    arena_reset(&listing->arena);
    list_line_complete(listing->mailbox, row, &listing->arena);
    if (has_other_subject(listing, row, &listing->arena))
        return false;
    if (command_settings.json)
        return true;
    char size[16];
    const char *priority = out_text(row, "priority"), *arrival = out_text(row, "arrival");
    const char *mark = strcmp(priority, "urgent") == 0 ? "!" : strcmp(priority, "non-urgent") == 0 ? "-" : "";
    json_object_set_new(row, "shown-arrival",
                        strlen(arrival) > 16 ? json_sprintf("%.16sZ", arrival) : json_string("-"));
    json_object_set_new(row, "new",
                        json_sprintf("%s%s", json_is_true(json_object_get(row, "seen")) ? "" : "*", mark));
    json_object_set_new(row, "shown-size", json_string(out_size((uint64_t)out_integer(row, "size"), size)));
    return true;
}

/* Takes those out that are not wanted. */
static void complete(void *context, json_t *rows) {
    for (size_t i = 0; i < json_array_size(rows);)
        if (complete_row(context, json_array_get(rows, i)))
            i++;
        else
            json_array_remove(rows, i);
}

/* ---- list ---- */

/* The range ends where it goes on. */
static struct mhs_list list_of(const struct listing *listing, int64_t most) {
    const struct wish *wish = listing->wish;
    uint64_t first = wish->first_number > 1 ? wish->first_number - 1 : 0;
    return (struct mhs_list){.mailbox = listing->mailbox,
                             .limit = (uint64_t)most,
                             .after = first > (uint64_t)wish->after ? first : (uint64_t)wish->after,
                             .before = wish->last_number ? wish->last_number + 1 : 0,
                             .unseen = wish->unseen,
                             .since = wish->since,
                             .from = listing->from ? listing->from : wish->from,
                             .subject = wish->subject};
}

static enum command_status ask(const struct mhs_list *list, json_t **answer) {
    uint64_t more = 0;
    json_t *rows = json_array();
    enum mhs_code code = mhs_list(daemon_session(), list, add_row, rows, &more);
    *answer = json_pack("{s:o, s:I}", "entries", rows, "cursor", (json_int_t)more);
    if (code == MHS_OK)
        return COMMAND_OK;
    json_decref(*answer);
    return code == MHS_STOPPED ? (enum command_status)command_fail(COMMAND_FAILED, "no memory")
                               : daemon_failed(code);
}

static enum command_status ask_entries(void *context, int64_t most, int64_t after, json_t **answer) {
    struct mhs_list list = list_of(context, most);
    list.after = (uint64_t)after;
    return ask(&list, answer);
}

/* Of --last: the newest are asked for, until there are enough of those that are wanted. */
static enum command_status ask_last(void *context, int64_t most, int64_t after, json_t **answer) {
    struct listing *listing = context;
    size_t wanted = (size_t)listing->wish->last;
    struct mhs_list list = list_of(listing, most);
    json_t *rows = json_array(), *page, *row;
    enum command_status status = COMMAND_OK;
    size_t i;
    (void)after;
    list.newest = true;
    do {
        list.limit = wanted - json_array_size(rows) < PAGE_MOST ? wanted - json_array_size(rows) : PAGE_MOST;
        status = ask(&list, &page);
        if (status != COMMAND_OK)
            break;
        json_array_foreach(json_object_get(page, "entries"), i, row) {
            if (complete_row(listing, row))
                json_array_insert(rows, 0, row);
        }
        list.before = (uint64_t)out_integer(page, "cursor");
        json_decref(page);
    } while (list.before && json_array_size(rows) < wanted);
    *answer = json_pack("{s:o, s:I}", "entries", rows, "cursor", (json_int_t)0);
    if (status != COMMAND_OK)
        json_decref(*answer);
    return status;
}

static const char *nothing(const struct wish *wish) {
    return wish->from || wish->subject || wish->since || wish->last_number ? "Nothing in the mailbox matches."
           : wish->unseen                                                  ? "Nothing in the mailbox is new."
           : wish->after                                                   ? "There are no more."
                                                                           : "The mailbox is empty.";
}

static enum command_status list(const char *mailbox, const struct wish *wish) {
    static const struct out_column columns[] = {{"ENTRY", "entry", true},
                                                {"NEW", "new", false},
                                                {"ARRIVAL", "shown-arrival", false},
                                                {"SIZE", "shown-size", true},
                                                {"FROM OR TO", "who", false, TABLE_CUT_START},
                                                {"SUBJECT", "subject", false, TABLE_CUT_END},
                                                {NULL, NULL, false}};
    struct listing listing = {.mailbox = mailbox, .wish = wish};
    struct pages pages = {.array = "entries",
                          .columns = columns,
                          .none = nothing(wish),
                          .more = "--after",
                          .limit = wish->limit,
                          .after = wish->first_number > 1 ? (int64_t)wish->first_number - 1 : wish->after,
                          .complete = wish->last ? NULL : complete,
                          .context = &listing};
    arena_init(&listing.arena, ARENA_MAX);
    if (wish->from && aliases_is_known(wish->from))
        listing.from = aliases_resolve(wish->from);
    enum command_status status = pages_show_by(&pages, wish->last ? ask_last : ask_entries, &listing);
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

/* ---- the command line ---- */

enum { UNREAD = 300, FROM, SUBJECT, SINCE, LAST };

/* False: the value is wrong, and that was said. */
static bool take_option(struct wish *wish, const struct command_usage *usage, int id, const char *value) {
    switch (id) {
    case 'u':
        wish->user = value;
        return true;
    case FROM:
        wish->from = value;
        return command_text(usage, value);
    case SUBJECT:
        wish->subject = value;
        return command_text(usage, value);
    case SINCE:
        return time_from_text(value, &wish->since);
    case LAST:
        return pages_number(usage, "last", value, &wish->last);
    case 'l':
        return pages_number(usage, "limit", value, &wish->limit);
    case 'a':
        return pages_number(usage, "after", value, &wish->after);
    default:
        wish->unseen |= id == 'n' || id == UNREAD;
        wish->mailboxes |= id == 'm';
        return true;
    }
}

/* Reads the command line. Returns COMMAND_OK to go on; else `*done` is set and the exit code returned. */
static int read_wish(struct wish *wish, const struct command_usage *usage, int argc, char **argv,
                     bool *done) {
    struct command_line line;
    const char *value, *range;
    int id;
    *done = true;
    command_line_init(&line, usage, argc, argv);
    while ((id = command_line_next(&line, &value)) > 0)
        if (!take_option(wish, usage, id, value))
            return COMMAND_USAGE;
    if (id == COMMAND_LINE_STOP)
        return line.status;
    range = command_line_operand(&line);
    if (wish->mailboxes && (wish->user || wish->unseen || wish->limit || wish->after || wish->last ||
                            wish->from || wish->subject || wish->since || range))
        return command_usage_error(usage,
                                   "--mailboxes lists all that you may use: no other option goes with it");
    if (range && !entry_range(range, &wish->first_number, &wish->last_number))
        return COMMAND_USAGE;
    if (command_line_operand(&line))
        return command_usage_error(usage, "give one range of entries, as 3-7; 'mhs read ENTRY' shows one");
    if ((wish->after || wish->limit) && (wish->last || range))
        return command_usage_error(usage, "--after and --limit don't go with --last or a range");
    *done = false;
    return COMMAND_OK;
}

int cmd_list(int argc, char **argv) {
    static const struct command_option options[] = {
        {'u', "user", "ADDRESS", "whose mailbox (default: CHASQUI_USER or the alias 'me')"},
        {'n', "new", NULL, "only what was not read yet"},
        {UNREAD, "unread", NULL, "the same"},
        {FROM, "from", "ADDRESS", "only messages from this address or alias, or with this in the address"},
        {SUBJECT, "subject", "TEXT", "only with this in the subject, or in that which a report is about"},
        {SINCE, "since", "TIME", "only what arrived at this time or later; -2d: in the last two days"},
        {LAST, "last", "COUNT", "the last COUNT of those"},
        {'l', "limit", "COUNT", "at most so many entries (all)"},
        {'a', "after", "ENTRY", "only entries after this one"},
        {'m', "mailboxes", NULL, "list the mailboxes that you may use"},
        {0}};
    static const struct command_usage usage = {
        "list", "[FIRST-LAST]", "Lists the messages and reports in a mailbox.",
        "Of a report or receipt the line tells the recipient, what became of the message and why, and its "
        "subject.",
        options};
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
