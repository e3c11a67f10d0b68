/* `mhs list` and `mhs delete`: what is in a mailbox. */
#include <string.h>

#include "mhs/address.h"
#include "mhs/commands.h"
#include "mhs/daemon.h"
#include "mhs/entry.h"
#include "mhs/output.h"

#define ARENA_MAX      (64 * 1024 * 1024)
#define HEADING_OCTETS (16 * 1024) /* of a content are fetched to show its subject */

static const struct mhs_option user_option[] = {
    {'u', "user", "ADDRESS", "whose mailbox (default: CHASQUI_USER or the alias 'me')"}, {0}};

/* The subject of an entry, or what it is when it has none. */
static const char *find_subject(const char *mailbox, const json_t *row, struct arena *arena) {
    struct ipm_heading heading;
    if (strcmp(out_text(row, "kind"), "report") == 0)
        return "(report)";
    uint64_t number = (uint64_t)out_integer(row, "entry");
    struct span beginning = out_integer(row, "size") > 0 ? entry_peek(mailbox, number, HEADING_OCTETS, arena)
                                                         : (struct span){NULL, 0};
    if (!beginning.data || !ipm_read_heading(beginning, arena, &heading, NULL))
        return beginning.len > 0 && beginning.data[0] == 0xA1 ? "(notification)"
                                                              : "(no interpersonal message)";
    return heading.subject ? heading.subject : "(no subject)";
}

static void add_subjects(const char *mailbox, const json_t *rows, struct arena *arena) {
    json_t *row;
    size_t i;
    json_array_foreach(rows, i, row) {
        arena_reset(arena);
        json_object_set_new(row, "subject", json_string(find_subject(mailbox, row, arena)));
    }
}

static void print_rows(const json_t *rows) {
    static const struct out_column columns[] = {
        {"ENTRY", "entry", true},        {"NEW", "new", false},
        {"ARRIVAL", "arrival", false},   {"SIZE", "shown-size", true},
        {"PRIORITY", "priority", false}, {"FROM", "originator", false},
        {"SUBJECT", "subject", false},   {NULL, NULL, false}};
    json_t *row;
    size_t i;
    json_array_foreach(rows, i, row) {
        char size[16];
        json_object_set_new(row, "new", json_string(json_is_true(json_object_get(row, "seen")) ? "" : "*"));
        json_object_set_new(row, "shown-size",
                            json_string(out_size((uint64_t)out_integer(row, "size"), size)));
    }
    out_table(rows, columns);
}

static enum mhs_exit list(const char *mailbox, bool unseen, struct arena *arena) {
    json_t *request =
        json_pack("{s:s, s:s, s:i}", "operation", "mailbox-list", "mailbox", mailbox, "limit", 1000);
    json_t *answer;
    if (unseen)
        json_object_set_new(request, "unseen", json_true());
    enum mhs_exit status = mhs_request(request, &answer);
    if (status != MHS_OK)
        return status;
    struct arena scratch;
    arena_init(&scratch, arena->cap);
    const json_t *rows = json_object_get(answer, "entries");
    add_subjects(mailbox, rows, &scratch);
    arena_free(&scratch);
    if (mhs_settings.json)
        out_json(answer);
    else if (json_array_size(rows) == 0)
        printf("The mailbox is empty.\n");
    else
        print_rows(rows);
    if (!mhs_settings.json && json_is_integer(json_object_get(answer, "cursor")))
        printf("There are more.\n");
    json_decref(answer);
    return MHS_OK;
}

static enum mhs_exit list_mailboxes(void) {
    static const struct out_column columns[] = {{"MAILBOX", "mailbox", false},
                                                {"ENTRIES", "entries", true},
                                                {"UNSEEN", "unseen", true},
                                                {"OCTETS", "octets", true},
                                                {NULL, NULL, false}};
    json_t *answer;
    enum mhs_exit status = mhs_request(json_pack("{s:s}", "operation", "mailboxes"), &answer);
    if (status != MHS_OK)
        return status;
    if (mhs_settings.json)
        out_json(answer);
    else
        out_table(json_object_get(answer, "mailboxes"), columns);
    json_decref(answer);
    return MHS_OK;
}

int cmd_list(int argc, char **argv) {
    static const struct mhs_option options[] = {
        {'u', "user", "ADDRESS", "whose mailbox (default: CHASQUI_USER or the alias 'me')"},
        {'n', "new", NULL, "only what was not read yet"},
        {'m', "mailboxes", NULL, "list the mailboxes that you may use"},
        {0}};
    static const struct mhs_usage usage = {"list", NULL, "Lists the messages and reports in a mailbox.", NULL,
                                           options};
    struct mhs_line line;
    struct arena arena;
    const char *value, *user = NULL;
    bool unseen = false, mailboxes = false;
    int id;
    mhs_line_init(&line, &usage, argc, argv);
    while ((id = mhs_line_next(&line, &value)) > 0) {
        if (id == 'u')
            user = value;
        unseen |= id == 'n';
        mailboxes |= id == 'm';
    }
    if (id == MHS_LINE_STOP)
        return line.status;
    if (mhs_line_operand(&line))
        return mhs_usage_error(&usage, "no operand is wanted");
    if (mailboxes)
        return list_mailboxes();
    arena_init(&arena, ARENA_MAX);
    const char *mailbox = address_mailbox(user, &arena);
    int status = mailbox ? (int)list(mailbox, unseen, &arena) : MHS_USAGE;
    arena_free(&arena);
    return status;
}

static int delete_entry(const char *mailbox, const char *operand) {
    uint64_t number = entry_number(operand);
    json_t *answer;
    if (!number)
        return MHS_USAGE;
    int status = mhs_request(json_pack("{s:s, s:s, s:I}", "operation", "mailbox-delete", "mailbox", mailbox,
                                       "entry", (json_int_t)number),
                             &answer);
    if (status != MHS_OK)
        return status;
    if (mhs_settings.json)
        out_json(answer);
    else
        printf("entry %s deleted\n", operand);
    json_decref(answer);
    return MHS_OK;
}

int cmd_delete(int argc, char **argv) {
    static const struct mhs_usage usage = {"delete", "ENTRY...", "Deletes entries of a mailbox.", NULL,
                                           user_option};
    struct mhs_line line;
    struct arena arena;
    const char *value, *user = NULL;
    int id;
    mhs_line_init(&line, &usage, argc, argv);
    while ((id = mhs_line_next(&line, &value)) > 0)
        user = value;
    if (id == MHS_LINE_STOP)
        return line.status;
    const char *operand = mhs_line_operand(&line);
    if (!operand)
        return mhs_usage_error(&usage, "ENTRY is missing");
    arena_init(&arena, ARENA_MAX);
    const char *mailbox = address_mailbox(user, &arena);
    int status = mailbox ? MHS_OK : MHS_USAGE;
    for (; operand && status == MHS_OK; operand = mhs_line_operand(&line))
        status = delete_entry(mailbox, operand);
    arena_free(&arena);
    return status;
}
