/* `mhs route`: where a message would go, and why. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mhs/aliases.h"
#include "mhs/commands.h"
#include "mhs/daemon.h"
#include "mhs/output.h"

/* A reason or diagnostic: `unable-to-transfer (1)`. */
static void print_code(const char *label, const json_t *code) {
    char text[100];
    if (!json_is_object(code))
        return;
    snprintf(text, sizeof text, "%s (%s)", out_text(code, "name"), out_text(code, "code"));
    out_field(label, text);
}

static void print_steps(const json_t *steps) {
    const json_t *step;
    size_t i;
    json_array_foreach(steps, i, step) {
        printf("%2zu. ", i + 1);
        out_line(json_string_value(step) ? json_string_value(step) : "?");
        putchar('\n');
    }
}

static void print_route(const json_t *answer) {
    static const char *const members[] = {"outcome",  "recipient", "directory-name", "route",
                                          "next-hop", "mailbox",   "members"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const json_t *value = json_object_get(answer, members[i]);
        if (json_is_string(value) && !*json_string_value(value))
            out_field(members[i], "(default)");
        else if (value && !json_is_null(value))
            out_field(members[i], out_text(answer, members[i]));
    }
    print_code("reason", json_object_get(answer, "reason"));
    print_code("diagnostic", json_object_get(answer, "diagnostic"));
    putchar('\n');
    print_steps(json_object_get(answer, "steps"));
}

enum route_option {
    DIRECTORY_NAME = 'd',
    ORIGINATOR = 'f',
    LENGTH = 'l',
    TYPE = 't',
    EIT = 'e',
    PRIORITY = 'p',
    LABEL = 256,
    ALTERNATE = 'a',
    VIA = 'v'
};

static bool append(json_t *request, const char *member, const char *value) {
    if (!json_object_get(request, member))
        json_object_set_new(request, member, json_array());
    return json_array_append_new(json_object_get(request, member), json_string(value)) == 0;
}

/* By name, or by an OBJECT IDENTIFIER, which the daemon reads. */
static bool is_content_type(const struct command_usage *usage, const char *value) {
    static const char *const words[] = {"p2",
                                        "p22",
                                        "p35",
                                        "unidentified",
                                        "external",
                                        "interpersonal-messaging-1984",
                                        "interpersonal-messaging-1988",
                                        "edi-messaging",
                                        "voice-messaging",
                                        "an OBJECT IDENTIFIER (2.6.1.10.1)",
                                        NULL};
    bool numbers = strspn(value, "0123456789.") == strlen(value) && strchr(value, '.');
    return numbers || command_word(usage, "content-type", value, words);
}

/* Puts an option into the request. False when its value is wrong, which was said. */
static bool take_option(const struct command_usage *usage, json_t *request, int id, const char *value) {
    char *end = NULL;
    errno = 0;
    switch ((enum route_option)id) {
    case DIRECTORY_NAME:
        return json_object_set_new(request, "directory-name", json_string(value)) == 0;
    case ORIGINATOR:
        return json_object_set_new(request, "originator", json_string(value)) == 0;
    case TYPE:
        return is_content_type(usage, value) &&
               json_object_set_new(request, "content-type", json_string(value)) == 0;
    case PRIORITY:
        return command_word(usage, "priority", value, command_priorities) &&
               json_object_set_new(request, "priority", json_string(value)) == 0;
    case LABEL:
        return json_object_set_new(request, "security-label", json_string(value)) == 0;
    case ALTERNATE:
        return json_object_set_new(request, "alternate-recipient-allowed", json_true()) == 0;
    case EIT:
        return append(request, "encoded-information-types", value);
    case VIA:
        return append(request, "via", value);
    case LENGTH:
        json_object_set_new(request, "content-length", json_integer(strtoll(value, &end, 10)));
        if (end != value && !*end && errno == 0 && *value != '-')
            return true;
        command_usage_error(usage, "'%s' is not a number of octets", value);
        return false;
    }
    return false;
}

/* An alias gives way to its address. False when it has none; said. */
static bool resolve(json_t *request, const char *member) {
    const char *given = json_string_value(json_object_get(request, member));
    const char *address = given ? aliases_resolve(given) : NULL;
    return !given || (address && json_object_set_new(request, member, json_string(address)) == 0);
}

int cmd_route(int argc, char **argv) {
    static const struct command_option options[] = {
        {DIRECTORY_NAME, "directory-name", "NAME", "the recipient's directory name, beside the address"},
        {ORIGINATOR, "from", "ADDRESS", "as if the message were from this originator"},
        {LENGTH, "content-length", "OCTETS", "as if the content had this length"},
        {TYPE, "content-type", "TYPE", "as if the content were of this type (p2, p22, …)"},
        {EIT, "encoded-information-type", "TYPE", "as if it held this type (ia5-text, …); more than once"},
        {PRIORITY, "priority", "PRIORITY", "urgent, normal or non-urgent"},
        {LABEL, "security-label", "LABEL", "as if it bore this label, POLICY/CLASSIFICATION"},
        {VIA, "via", "MTA", "as if this MTA of our domain had had it before; more than once"},
        {ALTERNATE, "alternate-recipient-allowed", NULL, "as if the originator allowed an alternate"},
        {0}};
    static const struct command_usage usage = {
        "route", "ADDRESS", "Says where a message to an address would go, and why.",
        "ADDRESS is an O/R address in any spelling, an alias, or 'DN:' "
        "and a directory name. What is not said\n"
        "of the message plays no part in the decision.",
        options};
    struct command_line line;
    command_line_init(&line, &usage, argc, argv);
    json_t *request = json_pack("{s:s}", "operation", "route");
    const char *value;
    int id;
    bool good = true;
    while (good && (id = command_line_next(&line, &value)) > 0)
        good = take_option(&usage, request, id, value);
    const char *address = good && id != COMMAND_LINE_STOP ? command_line_operand(&line) : NULL;
    if (!address || command_line_operand(&line)) {
        json_decref(request);
        if (!good)
            return COMMAND_USAGE;
        return id == COMMAND_LINE_STOP ? (int)line.status : command_usage_error(&usage, "give one ADDRESS");
    }
    json_object_set_new(request, "address", json_string(address));
    if (resolve(request, "address") && resolve(request, "originator"))
        return daemon_ask(request, print_route);
    json_decref(request);
    return COMMAND_USAGE;
}
