/* `mhs send`. */
#include <unistd.h>

#include "mhs/commands.h"
#include "mhs/compose.h"

#define ARENA_MAX (256 * 1024 * 1024)

static const struct command_option send_options[] = {COMPOSE_ORIGINATOR_OPTIONS,
                                                     COMPOSE_MESSAGE_OPTIONS,
                                                     COMPOSE_RECIPIENT_OPTIONS,
                                                     COMPOSE_ENVELOPE_OPTIONS,
                                                     {0}};

static const struct command_usage send_usage = {
    "send", "[ADDRESS]...",
    "Submits an interpersonal message and prints the identifier that the MTS gave it.",
    "Each ADDRESS is a primary recipient. Texts and files become body parts in the order of the options; "
    "when there is\n"
    "none, the text is read from standard input. An address is an O/R address in any spelling, or an alias. "
    "TIME is\n"
    "2026-11-22 06:30 in local time, 2026-11-22T06:30:00Z, or from now: +30m, +2h, +1d.",
    send_options};

/* Reads options and operands into the draft. Returns COMMAND_OK to go on; else `*done` is set and the exit
 * code returned. */
static int read_line(struct compose *compose, int argc, char **argv, bool *done) {
    struct command_line line;
    const char *value;
    int id, status = COMMAND_OK;
    *done = true;
    command_line_init(&line, &send_usage, argc, argv);
    while (status == COMMAND_OK && (id = command_line_next(&line, &value)) != COMMAND_LINE_END) {
        if (id == COMMAND_LINE_STOP)
            return line.status;
        status = compose_take(compose, &send_usage, id, value);
    }
    while (status == COMMAND_OK && (value = command_line_operand(&line)) != NULL)
        status = compose_take(compose, &send_usage, COMPOSE_TO, value);
    if (status == COMMAND_OK)
        status = compose_finish(compose, &send_usage);
    *done = status != COMMAND_OK;
    return status;
}

int cmd_send(int argc, char **argv) {
    struct arena arena;
    struct draft draft;
    struct compose compose;
    struct span text;
    bool done;
    arena_init(&arena, ARENA_MAX);
    int status = COMMAND_FAILED;
    if (draft_init(&draft, &arena, (size_t)argc)) {
        compose_init(&compose, &draft);
        status = read_line(&compose, argc, argv, &done);
        if (!done && draft.part_count == 0)
            status = draft_read_text(&draft, "-", &text) ? compose_text(&compose, text) : COMMAND_FAILED;
        if (!done && status == COMMAND_OK)
            status = draft_submit(&draft);
    }
    arena_free(&arena);
    return status;
}
