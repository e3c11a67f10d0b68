/* `mhs cancel`: takes back messages whose delivery was deferred (X.411 §8.2.1.3). */
#include <stdio.h>

#include "mhs/command.h"
#include "mhs/commands.h"
#include "mhs/daemon.h"
#include "mhs/histories.h"

static const struct command_usage usage = {
    "cancel", "MESSAGE", "Takes back a message that waits for the time to which you deferred it.",
    "MESSAGE is what 'mhs send' and 'mhs sent' print. It is cancelled for all its recipients, or not at all: "
    "not when a part of it has gone already. Blind copies are messages of their own.",
    NULL};

/* The identifier as the record has it, however it was spelled. */
static bool take_identifier(void *context, const json_t *history) {
    json_t **identifier = context;
    *identifier = json_incref(json_object_get(history, "mts-identifier"));
    return false;
}

/* Returns the exit code; what is wrong was said. */
static int find(const char *operand, json_t **identifier) {
    json_t *request = json_pack("{s:s, s:s}", "operation", "track", "mts-identifier", operand);
    int status = (int)histories_each(request, take_identifier, identifier);
    return status == COMMAND_OK && !json_is_string(*identifier)
               ? command_fail(COMMAND_NO, "no message that is still known here is meant by '%s'", operand)
               : status;
}

static void print_cancelled(const json_t *answer) {
    (void)answer;
    printf("cancelled\n");
}

int cmd_cancel(int argc, char **argv) {
    struct command_line line;
    const char *operand;
    json_t *identifier = NULL;
    command_line_init(&line, &usage, argc, argv);
    if (command_line_operands(&line, 1, 1, &operand) < 0)
        return line.status;
    int status = find(operand, &identifier);
    if (status == COMMAND_OK)
        status = (int)daemon_ask(json_pack("{s:s, s:O}", "operation", "cancel", "mts-identifier", identifier),
                                 print_cancelled);
    json_decref(identifier);
    return status;
}
