/* `mhs track`: the history of a message on this MTA. */
#include <stdlib.h>
#include <string.h>

#include "mhs/commands.h"
#include "mhs/daemon.h"
#include "mhs/events.h"
#include "mhs/output.h"
#include "mhs/pages.h"

#define RECENT_MOST 1000 /* docs/local-protocol.md */

static enum out_style event_style(const char *event) {
    static const char *const good[] = {"delivered", "transferred", "report-delivered", NULL};
    static const char *const bad[] = {
        "non-delivered", "loop", "transfer-refused", "expired", "report-dropped", "deleted", NULL};
    for (size_t i = 0; good[i]; i++)
        if (strcmp(event, good[i]) == 0)
            return OUT_GOOD;
    for (size_t i = 0; bad[i]; i++)
        if (strcmp(event, bad[i]) == 0)
            return OUT_BAD;
    return OUT_PLAIN;
}

/* Recipients are numbers (as in the envelope) or addresses. */
static void print_recipients(const json_t *recipients) {
    const json_t *recipient;
    size_t i;
    json_array_foreach(recipients, i, recipient) {
        printf("%s", i == 0 ? "  recipient " : ", ");
        if (json_is_integer(recipient))
            printf("%" JSON_INTEGER_FORMAT, json_integer_value(recipient));
        else
            out_line(json_string_value(recipient) ? json_string_value(recipient) : "?");
    }
}

void events_print(const json_t *events) {
    const json_t *event;
    size_t i;
    json_array_foreach(events, i, event) {
        const char *name = out_text(event, "event");
        printf("  %s  %s%-17s%s", out_text(event, "time"), out_style(event_style(name)), name, out_end());
        if (json_is_string(json_object_get(event, "peer"))) {
            printf("  peer ");
            out_line(out_text(event, "peer"));
        }
        if (json_is_string(json_object_get(event, "originator"))) {
            printf("  originator ");
            out_line(out_text(event, "originator"));
        }
        print_recipients(json_object_get(event, "recipients"));
        if (json_is_string(json_object_get(event, "detail"))) {
            printf("  ");
            out_line(out_text(event, "detail"));
        }
        putchar('\n');
    }
}

static json_t *make_request(const char *id, const char *recent, const char *content_identifier) {
    if (recent)
        return json_pack("{s:s, s:I}", "operation", "track", "recent", (json_int_t)atoll(recent));
    if (content_identifier)
        return json_pack("{s:s, s:s}", "operation", "track", "content-identifier", content_identifier);
    if (strspn(id, "0123456789") == strlen(id))
        return json_pack("{s:s, s:I}", "operation", "track", "message", (json_int_t)atoll(id));
    return json_pack("{s:s, s:s}", "operation", "track", "mts-identifier", id);
}

/* A long history comes in parts, one after the other. */
static void join_histories(json_t *messages) {
    for (size_t i = 1; i < json_array_size(messages);) {
        json_t *before = json_array_get(messages, i - 1), *message = json_array_get(messages, i);
        if (!json_is_true(json_object_get(message, "continued"))) {
            i++;
            continue;
        }
        json_array_extend(json_object_get(before, "events"), json_object_get(message, "events"));
        json_array_remove(messages, i);
    }
}

static void print_messages(const json_t *messages) {
    const json_t *message;
    size_t i;
    if (json_array_size(messages) == 0)
        printf("No message came in since the MTA was started.\n");
    json_array_foreach(messages, i, message) {
        printf("%s%s%s\n", out_style(OUT_BOLD), out_text(message, "mts-identifier"), out_end());
        events_print(json_object_get(message, "events"));
        if (json_is_true(json_object_get(message, "truncated")))
            printf("  There are more events than are kept in one history.\n");
    }
}

int cmd_track(int argc, char **argv) {
    enum { RECENT = 'n', CONTENT_IDENTIFIER = 'c' };
    static const struct mhs_option options[] = {
        {RECENT, "recent", "COUNT", "the last COUNT messages"},
        {CONTENT_IDENTIFIER, "content-identifier", "TEXT", "by the originator's identifier"},
        {0}};
    static const struct mhs_usage usage = {
        "track", "[MTS-IDENTIFIER]",
        "Shows the whole history of a message, its recipients and its reports on this MTA.",
        "The identifier is the one that 'mhs send' printed; its local part alone will do.", options};
    struct mhs_line line;
    const char *value, *recent = NULL, *content_identifier = NULL;
    int id;
    mhs_line_init(&line, &usage, argc, argv);
    while ((id = mhs_line_next(&line, &value)) > 0)
        *(id == RECENT ? &recent : &content_identifier) = value;
    if (id == MHS_LINE_STOP)
        return line.status;
    const char *identifier = mhs_line_operand(&line);
    if ((identifier != NULL) + (recent != NULL) + (content_identifier != NULL) != 1 ||
        mhs_line_operand(&line))
        return mhs_usage_error(&usage, "give one of MTS-IDENTIFIER, --recent and --content-identifier");
    int64_t count;
    if (recent && !pages_number(&usage, "recent", recent, &count))
        return MHS_USAGE;
    if (recent && count > RECENT_MOST)
        return mhs_usage_error(&usage, "--recent: the MTA knows at most the last %d", RECENT_MOST);
    json_t *answer;
    int status = mhs_request(make_request(identifier, recent, content_identifier), &answer);
    if (status != MHS_OK)
        return status;
    join_histories(json_object_get(answer, "messages"));
    if (mhs_settings.json)
        out_json(answer);
    else
        print_messages(json_object_get(answer, "messages"));
    json_decref(answer);
    return MHS_OK;
}
