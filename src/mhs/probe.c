/* `mhs probe`: asks whether a message could be delivered, and waits for the report that says so. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "mhs/address.h"
#include "mhs/address_set.h"
#include "mhs/commands.h"
#include "mhs/compose.h"
#include "mhs/daemon.h"
#include "mhs/entry.h"
#include "mhs/output.h"
#include "mhs/pages.h"
#include "mhs/view.h"
#include "names/oraddress.h"

#define ARENA_MAX ((size_t)256 * 1024 * 1024)

enum { TIMEOUT_S = 30 };
enum { OPTION_TIMEOUT = 700, OPTION_NO_WAIT };

static const struct command_option options[] = {
    COMPOSE_ORIGINATOR_OPTIONS,
    {COMPOSE_TO, "to", "ADDRESS", "a recipient"},
    {OPTION_TIMEOUT, "timeout", "SECONDS", "wait at most so long for the reports (30)"},
    {OPTION_NO_WAIT, "no-wait", NULL, "do not wait: the report comes into the mailbox"},
    {COMPOSE_LENGTH, "content-length", "OCTETS", "the length of the message that might follow"},
    COMPOSE_RECIPIENT_OPTIONS,
    COMPOSE_ENVELOPE_OPTIONS,
    {0}};

static const struct command_usage usage = {
    "probe", "[ADDRESS]...", "Asks whether a message could be delivered, without sending one.",
    "It waits for the report, and says for each recipient who answered and after how long. The exit status "
    "is 0 when all are deliverable, 1 when one is not, and 6 when an answer is missing.",
    options};

struct probe {
    struct arena arena, entry; /* the latter: of the report that is being read */
    struct draft draft;
    struct compose compose;
    int64_t timeout_s, began; /* monotonic µs */
    bool no_wait;
    const char *mailbox; /* the originator's */
    uint64_t last;       /* its last entry that was looked at */
    struct mhs_submitted submitted;
    json_t **outcomes;            /* beside the draft's recipients; NULL: not told of yet */
    struct address_set awaited;   /* whose outcomes are to come, with their numbers */
    size_t waiting, by_directory; /* how many they are, and of them who has no address but in the directory */
};

/* A report on him comes whatever the outcome is. */
static bool is_awaited(const struct draft_recipient *recipient) {
    return recipient->report == DRAFT_REPORT_DELIVERY;
}

/* ---- the mailbox ---- */

static bool note_number(void *context, const struct mhs_entry *entry) {
    *(uint64_t *)context = entry->number;
    return true;
}

/* The first entry after `after`; 0: there is none. */
static enum mhs_code entry_after(const struct probe *probe, uint64_t after, uint64_t *number) {
    const struct mhs_list list = {.mailbox = probe->mailbox, .after = after, .limit = 1};
    *number = 0;
    return mhs_list(daemon_session(), &list, note_number, number, NULL);
}

/* The last entry: between one that has another behind it and one that has none, halving. Lists begin with the
 * oldest, and a mailbox may be long. */
static enum mhs_code find_last(struct probe *probe) {
    uint64_t number, below = 0, above = 1;
    enum mhs_code code;
    while ((code = entry_after(probe, above - 1, &number)) == MHS_OK && number) {
        below = number;
        above = 2 * number;
    }
    while (code == MHS_OK && below + 1 < above) {
        uint64_t middle = below + (above - below) / 2;
        code = entry_after(probe, middle - 1, &number);
        if (number)
            below = number;
        else
            above = middle;
    }
    probe->last = below;
    return code;
}

/* ---- reports ---- */

static bool is_by_directory(const struct draft_recipient *recipient, struct arena *arena) {
    struct oraddress address;
    return recipient->name.directory_name && oraddress_of_name(&recipient->name, arena, &address) &&
           !address.count;
}

/* The only recipient left that was named by a directory name alone. */
static bool find_by_directory(struct probe *probe, size_t *number) {
    for (size_t i = 0; probe->by_directory == 1 && i < probe->draft.recipient_count; i++)
        if (!probe->outcomes[i] && is_awaited(&probe->draft.recipients[i]) &&
            is_by_directory(&probe->draft.recipients[i], &probe->entry))
            return address_set_take(&probe->awaited, &probe->draft.recipients[i].name, number);
    return false;
}

/*
 * Which recipient a report, which has no numbers, tells of: whom it names as the one that was meant. Who was
 * named by a directory name alone is told of by the address that the directory has for it, beside that name
 * where the MTAs kept it.
 */
static bool find_recipient(struct probe *probe, const struct x411p3_PerRecipientReportDeliveryFields *fields,
                           size_t *number) {
    const struct x411_ORName *actual = &fields->actual_recipient_name,
                             *meant = fields->originally_intended_recipient_name;
    const struct x411_ORName directory = {.directory_name = (meant ? meant : actual)->directory_name};
    bool found = address_set_take(&probe->awaited, meant ? meant : actual, number);
    if (!found && directory.directory_name)
        found = address_set_take(&probe->awaited, &directory, number);
    if (!found)
        found = find_by_directory(probe, number);
    if (found)
        probe->by_directory -= is_by_directory(&probe->draft.recipients[*number], &probe->entry);
    return found;
}

/* reporting-MTA-name, as view_entry shows it; NULL: the report does not tell. */
static json_t *reporting_mta(const json_t *view) {
    const json_t *extension;
    size_t i;
    json_array_foreach(json_object_get(view, "extensions"), i, extension) {
        if (json_integer_value(json_object_get(extension, "type")) == 39)
            return json_object_get(json_object_get(extension, "value"), "mta-name");
    }
    return NULL;
}

static void add_outcome(struct probe *probe, size_t number, const json_t *told, const json_t *view) {
    bool good = json_is_true(json_object_get(told, "delivered"));
    json_t *outcome = json_pack("{s:s, s:s}", "recipient",
                                address_show(&probe->draft.recipients[number].name, &probe->arena), "outcome",
                                good ? "deliverable" : "not-deliverable");
    json_t *mta = reporting_mta(view);
    json_object_set(outcome, "mta", mta ? mta : json_null());
    json_object_set_new(outcome, "milliseconds", json_integer((clock_monotonic_us() - probe->began) / 1000));
    static const char *const members[] = {"reason-code",
                                          "reason",
                                          "reason-text",
                                          "diagnostic-code",
                                          "diagnostic",
                                          "diagnostic-text",
                                          "supplementary-information"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (json_object_get(told, members[i]))
            json_object_set(outcome, members[i], json_object_get(told, members[i]));
    probe->outcomes[number] = outcome;
    probe->waiting--;
}

/* What a report on our probe says. Where it was shown then, the entry is marked as read. */
static void take_report(struct probe *probe, struct entry *entry) {
    json_t *view = view_entry(entry);
    size_t number, told = 0;
    for (size_t i = 0; i < entry->report->per_recipient_fields.count; i++) {
        if (!find_recipient(probe, &entry->report->per_recipient_fields.items[i], &number))
            continue;
        add_outcome(probe, number, json_array_get(json_object_get(view, "recipients"), i), view);
        told++;
    }
    json_decref(view);
    if (told)
        mhs_mark(daemon_session(), probe->mailbox, entry->number, true);
}

static enum command_status read_report(struct probe *probe, uint64_t number) {
    struct entry entry = {0};
    arena_reset(&probe->entry);
    enum command_status status = entry_open(&entry, probe->mailbox, number, &probe->entry);
    if (status == COMMAND_OK && entry.report)
        take_report(probe, &entry);
    entry_close(&entry);
    return status;
}

/* Reports that came since the last look, as many as there may be of ours. */
struct found {
    const struct probe *probe;
    uint64_t last, reports[16];
    size_t count;
};

static bool find_report(void *context, const struct mhs_entry *entry) {
    struct found *found = context;
    found->last = entry->number;
    if (entry->kind == MHS_REPORT && entry->identifier &&
        strcmp(entry->identifier, found->probe->submitted.identifier) == 0)
        found->reports[found->count++] = entry->number;
    return found->count < sizeof found->reports / sizeof *found->reports;
}

static enum command_status look(struct probe *probe) {
    struct found found = {probe, probe->last, {0}, 0};
    const struct mhs_list list = {.mailbox = probe->mailbox, .after = probe->last};
    enum mhs_code code = mhs_list(daemon_session(), &list, find_report, &found, NULL);
    if (code != MHS_OK && code != MHS_STOPPED)
        return daemon_failed(code);
    enum command_status status = COMMAND_OK;
    for (size_t i = 0; status == COMMAND_OK && i < found.count; i++)
        status = read_report(probe, found.reports[i]);
    probe->last = found.last;
    return status;
}

/* Milliseconds that are left; 0: none. */
static int time_left(const struct probe *probe) {
    int64_t left = probe->timeout_s * 1000 - (clock_monotonic_us() - probe->began) / 1000;
    return left < 0 ? 0 : left < INT_MAX ? (int)left : INT_MAX;
}

static enum command_status wait_for_reports(struct probe *probe) {
    enum command_status status = COMMAND_OK;
    while (status == COMMAND_OK && probe->waiting) {
        uint64_t entry;
        enum mhs_code code =
            mhs_wait(daemon_session(), probe->mailbox, probe->last, time_left(probe), &entry);
        if (code == MHS_TIMED_OUT)
            break;
        status = code == MHS_OK ? look(probe) : daemon_failed(code);
    }
    return status;
}

/* ---- what is said ---- */

static void print_outcome(const json_t *outcome) {
    bool good = strcmp(out_text(outcome, "outcome"), "deliverable") == 0;
    const char *mta = json_string_value(json_object_get(outcome, "mta"));
    printf("%s%s:%s ", out_style(good ? OUT_GOOD : OUT_BAD), good ? "deliverable" : "NOT deliverable",
           out_end());
    out_line(out_text(outcome, "recipient"));
    printf(" (");
    if (mta)
        out_line(mta);
    printf("%s%.1f s)\n", mta ? ", " : "", (double)out_integer(outcome, "milliseconds") / 1000);
    static const char *const causes[] = {"reason-text", "diagnostic-text", "supplementary-information"};
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
        if (json_object_get(outcome, causes[i])) {
            printf("    ");
            out_line(out_text(outcome, causes[i]));
            putchar('\n');
        }
}

static void print_missing(const struct probe *probe, const struct draft_recipient *recipient) {
    printf("%sno answer:%s ", out_style(OUT_WARN), out_end());
    out_line(address_show(&recipient->name, probe->draft.arena));
    printf(" within %d s\n", (int)probe->timeout_s);
}

/* Tells of each recipient that a report was asked for. Returns the exit code. */
static int tell_outcomes(const struct probe *probe, json_t *told) {
    int status = COMMAND_OK;
    json_t *outcomes = json_array();
    for (size_t i = 0; i < probe->draft.recipient_count; i++) {
        const struct draft_recipient *recipient = &probe->draft.recipients[i];
        json_t *outcome = probe->outcomes[i];
        if (!is_awaited(recipient))
            continue;
        bool good = outcome && strcmp(out_text(outcome, "outcome"), "deliverable") == 0;
        if (!good && status != COMMAND_NO)
            status = outcome ? COMMAND_NO : COMMAND_PENDING;
        if (!command_settings.json)
            outcome ? print_outcome(outcome) : print_missing(probe, recipient);
        json_array_append_new(outcomes, outcome
                                            ? json_incref(outcome)
                                            : json_pack("{s:s, s:s}", "recipient",
                                                        address_show(&recipient->name, probe->draft.arena),
                                                        "outcome", "no-answer"));
    }
    if (!command_settings.json && probe->waiting)
        printf("What comes later comes into the mailbox; this follows it:\n  mhs track '%s'\n",
               probe->submitted.identifier);
    json_object_set_new(told, "recipients", outcomes);
    return status;
}

/* ---- the command ---- */

/* Notes whose outcomes are to come. False without memory. */
static bool await_all(struct probe *probe) {
    const struct draft *draft = &probe->draft;
    bool done = true;
    for (size_t i = 0; done && !probe->no_wait && i < draft->recipient_count; i++) {
        if (!is_awaited(&draft->recipients[i]))
            continue;
        done = address_set_add(&probe->awaited, &draft->recipients[i].name, i);
        arena_reset(&probe->entry);
        probe->by_directory += is_by_directory(&draft->recipients[i], &probe->entry);
        probe->waiting++;
    }
    return done;
}

/* Whose mailbox the reports come into, and what is in it by now. */
static int prepare(struct probe *probe) {
    struct oraddress address;
    probe->outcomes = arena_array(&probe->arena, probe->draft.recipient_count, sizeof *probe->outcomes);
    if (!probe->outcomes || !await_all(probe))
        return command_fail(COMMAND_FAILED, "no memory");
    if (!probe->waiting)
        return COMMAND_OK;
    if (!oraddress_of_name(&probe->draft.originator, &probe->arena, &address) || !address.count)
        return command_usage_error(&usage,
                                   "the originator has no O/R address, where the report could be looked for; "
                                   "give one, or --no-wait");
    probe->mailbox = (const char *)oraddress_text(&address, &probe->arena).data;
    if (!probe->mailbox)
        return command_fail(COMMAND_FAILED, "no memory");
    enum mhs_code code = find_last(probe);
    return code == MHS_OK ? COMMAND_OK : daemon_failed(code);
}

static int submit_and_wait(struct probe *probe) {
    char time[21];
    int status = prepare(probe);
    probe->began = clock_monotonic_us();
    if (status == COMMAND_OK)
        status = (int)draft_submit_probe(&probe->draft, &probe->submitted);
    if (status != COMMAND_OK)
        return status;
    clock_format(probe->submitted.time, time);
    json_t *told =
        json_pack("{s:s, s:s}", "mts-identifier", probe->submitted.identifier, "submission-time", time);
    if (!command_settings.json)
        printf("Probe submitted at %s: %s%s%s\n", time, out_style(OUT_BOLD), probe->submitted.identifier,
               out_end());
    fflush(stdout);
    if (probe->waiting) {
        status = (int)wait_for_reports(probe);
        if (status == COMMAND_OK)
            status = tell_outcomes(probe, told);
    }
    if (command_settings.json && (status == COMMAND_OK || json_object_get(told, "recipients")))
        out_json(told);
    json_decref(told);
    return status;
}

/* Returns COMMAND_OK to go on; else `*done` is set and the exit code returned. */
static int read_line(struct probe *probe, int argc, char **argv, bool *done) {
    struct command_line line;
    const char *value;
    int id, status = COMMAND_OK;
    *done = true;
    command_line_init(&line, &usage, argc, argv);
    while (status == COMMAND_OK && (id = command_line_next(&line, &value)) != COMMAND_LINE_END) {
        if (id == COMMAND_LINE_STOP)
            return line.status;
        if (id == OPTION_NO_WAIT)
            probe->no_wait = true;
        else if (id == OPTION_TIMEOUT)
            status = pages_number(&usage, "timeout", value, &probe->timeout_s) ? COMMAND_OK : COMMAND_USAGE;
        else
            status = compose_take(&probe->compose, &usage, id, value);
    }
    while (status == COMMAND_OK && (value = command_line_operand(&line)) != NULL)
        status = compose_take(&probe->compose, &usage, COMPOSE_TO, value);
    if (status == COMMAND_OK)
        status = compose_finish(&probe->compose, &usage);
    *done = status != COMMAND_OK;
    return status;
}

int cmd_probe(int argc, char **argv) {
    struct probe probe = {.timeout_s = TIMEOUT_S};
    bool done;
    int status = COMMAND_FAILED;
    arena_init(&probe.arena, ARENA_MAX);
    arena_init(&probe.entry, ARENA_MAX);
    address_set_init(&probe.awaited);
    if (draft_init(&probe.draft, &probe.arena, (size_t)argc)) {
        compose_init(&probe.compose, &probe.draft);
        probe.compose.next.report = DRAFT_REPORT_DELIVERY;
        status = read_line(&probe, argc, argv, &done);
        if (!done)
            status = submit_and_wait(&probe);
        for (size_t i = 0; probe.outcomes && i < probe.draft.recipient_count; i++)
            json_decref(probe.outcomes[i]);
    }
    address_set_free(&probe.awaited);
    arena_free(&probe.arena);
    arena_free(&probe.entry);
    return status;
}
