/* `mhs delete`: takes entries out of a mailbox. */
#include <stdio.h>
#include <string.h>

#include "mhs/address.h"
#include "mhs/commands.h"
#include "mhs/daemon.h"
#include "mhs/entry.h"
#include "mhs/output.h"

#define ARENA_MAX ((size_t)64 * 1024 * 1024)

static const struct command_option user_option[] = {
    {'u', "user", "ADDRESS", "whose mailbox (default: CHASQUI_USER or the alias 'me')"}, {0}};

static int delete_number(const char *mailbox, uint64_t number, json_t *deleted) {
    enum mhs_code code = mhs_delete(daemon_session(), mailbox, number);
    if (code != MHS_OK)
        return daemon_failed(code);
    json_array_append_new(deleted, json_integer((json_int_t)number));
    if (!command_settings.json)
        printf("entry %llu deleted\n", (unsigned long long)number);
    return COMMAND_OK;
}

struct range {
    uint64_t last;
    json_t *numbers;
};

static bool take_number(void *context, const struct mhs_entry *entry) {
    struct range *range = context;
    return entry->number <= range->last &&
           json_array_append_new(range->numbers, json_integer((json_int_t)entry->number)) == 0;
}

/* Those of a range that are there. */
static int delete_range(const char *mailbox, uint64_t first, uint64_t last, json_t *deleted) {
    struct range range = {last, json_array()};
    const struct mhs_list list = {.mailbox = mailbox, .after = first - 1};
    enum mhs_code code = mhs_list(daemon_session(), &list, take_number, &range, NULL);
    int status = code == MHS_OK || code == MHS_STOPPED ? COMMAND_OK : (int)daemon_failed(code);
    const json_t *number;
    size_t i;
    if (status == COMMAND_OK && json_array_size(range.numbers) == 0)
        status = command_fail(COMMAND_NO, "no entry from %llu to %llu is there; 'mhs list' shows them",
                              (unsigned long long)first, (unsigned long long)last);
    json_array_foreach(range.numbers, i, number) if (status == COMMAND_OK) status =
        delete_number(mailbox, (uint64_t)json_integer_value(number), deleted);
    json_decref(range.numbers);
    return status;
}

static int delete_operand(const char *mailbox, const char *operand, json_t *deleted) {
    uint64_t first, last;
    if (!entry_range(operand, &first, &last))
        return COMMAND_USAGE;
    return first == last ? delete_number(mailbox, first, deleted)
                         : delete_range(mailbox, first, last, deleted);
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
        status = delete_operand(mailbox, operand, deleted);
        if (command_settings.json)
            out_stream_rows(deleted);
        json_array_clear(deleted);
        if (status != COMMAND_OK)
            break;
    }
    if (operand)
        tell_left(line, operand);
    if (command_settings.json && status == COMMAND_OK)
        out_stream_end(NULL);
    json_decref(deleted);
    return status;
}

/* A command line with a wrong one does nothing. */
static bool are_ranges(const struct command_line *line, const char *operand) {
    uint64_t first, last;
    bool all = entry_range(operand, &first, &last);
    for (int i = optind; all && i < line->argc; i++)
        all = entry_range(line->argv[i], &first, &last);
    return all;
}

int cmd_delete(int argc, char **argv) {
    static const struct command_usage usage = {"delete", "ENTRY...", "Deletes entries of a mailbox.",
                                               "An ENTRY may be a range, as 3-7: of it those that are there.",
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
    if (!are_ranges(&line, operand))
        return COMMAND_USAGE;
    arena_init(&arena, ARENA_MAX);
    const char *mailbox = address_mailbox(user, &arena);
    int status = mailbox ? delete_entries(&line, operand, mailbox) : COMMAND_USAGE;
    arena_free(&arena);
    return status;
}
