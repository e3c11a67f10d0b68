#include "mhs/queue_show.h"

#include <stdlib.h>
#include <string.h>

#include "mhs/daemon.h"
#include "mhs/entry.h"
#include "mhs/events.h"
#include "mhs/output.h"
#include "mhs/save_file.h"
#include "mhs/view.h"

#define ARENA_MAX ((size_t)256 * 1024 * 1024)

json_int_t queue_id(const char *text) {
    char *end;
    long long id = text ? strtoll(text, &end, 10) : 0;
    return text && *text >= '0' && *text <= '9' && !*end && id > 0 ? id : 0;
}

struct wish {
    const char *operand, *save;
    bool content, force;
};

static void print_entry(const json_t *entry) {
    static const char *const members[] = {
        "id",         "message",  "mts-identifier", "kind",     "state",     "priority",
        "originator", "next-hop", "content-type",   "size",     "submitted", "arrival",
        "due",        "expires",  "tries",          "next-try", "in-doubt",  "last-error"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (!json_is_null(json_object_get(entry, members[i])))
            out_field(strcmp(members[i], "last-error") == 0 ? "cause" : members[i],
                      out_text(entry, members[i]));
    const json_t *value;
    size_t i;
    json_array_foreach(json_object_get(entry, "recipient-list"), i, value)
        out_field("recipient", json_string_value(value));
    json_array_foreach(json_object_get(entry, "trace"), i, value) {
        printf("trace:          %s %s ", out_text(value, "arrival"), out_text(value, "action"));
        out_line(out_text(value, "domain"));
        putchar('\n');
    }
    events_print(json_object_get(entry, "events"));
    const json_t *content = json_object_get(entry, "content");
    if (content) {
        printf("\n%sThe content:%s\n\n", out_style(OUT_BOLD), out_end());
        view_print_content(content);
    }
}

/* Fetches the content of the copy's message: shown under `content`, or saved. */
static enum command_status add_content(json_t *entry, const struct wish *wish) {
    struct span content;
    struct arena arena;
    if (!json_is_integer(json_object_get(entry, "message")))
        return command_fail(COMMAND_FAILED,
                            "the copy's row is damaged: its content can't be found; 'mhs store repair', with "
                            "the daemon stopped, says what is left of it");
    enum command_status status = content_fetch(NULL, (uint64_t)out_integer(entry, "message"),
                                               (uint64_t)out_integer(entry, "size"), &content);
    if (status != COMMAND_OK)
        return status;
    if (wish->content) {
        json_t *view = json_object();
        arena_init(&arena, ARENA_MAX);
        view_content(view, content.data ? content : SPAN_LIT(""), &arena);
        arena_free(&arena);
        json_object_set_new(entry, "content", view);
    }
    if (wish->save)
        status = save_file(wish->save, wish->force, NULL, content.data ? content : SPAN_LIT(""));
    content_release(content);
    return status;
}

static enum command_status show(const struct wish *wish) {
    json_t *entry;
    enum command_status status = daemon_request(
        json_pack("{s:s, s:I}", "operation", "queue-show", "id", queue_id(wish->operand)), &entry);
    if (status == COMMAND_OK && (wish->content || wish->save))
        status = add_content(entry, wish);
    events_name_users(json_object_get(entry, "events"));
    if (status == COMMAND_OK && (wish->content || !wish->save))
        command_settings.json ? out_json(entry) : print_entry(entry);
    json_decref(entry);
    return status;
}

int queue_show(int argc, char **argv) {
    static const struct command_option options[] = {
        {'c', "content", NULL, "show the message itself too, as 'mhs read' does"},
        {'s', "save", "FILE", "save its content as it is (BER); '-' is standard output"},
        {'f', "force", NULL, "overwrite a file that is there"},
        {0}};
    static const struct command_usage usage = {
        "queue show", "ID", "Shows one copy with its recipients, trace and history.",
        "Who looks at a content leaves a line in the daemon's log.", options};
    struct command_line line;
    struct wish wish = {0};
    const char *value;
    int id;
    command_line_init(&line, &usage, argc, argv);
    while ((id = command_line_next(&line, &value)) > 0) {
        wish.content |= id == 'c';
        wish.force |= id == 'f';
        wish.save = id == 's' ? value : wish.save;
    }
    if (id == COMMAND_LINE_STOP)
        return line.status;
    wish.operand = command_line_operand(&line);
    if (!wish.operand || command_line_operand(&line))
        return command_usage_error(&usage, "give one ID; 'mhs queue list' shows them");
    if (!queue_id(wish.operand))
        return command_usage_error(&usage, "'%s' is not an ID; 'mhs queue list' shows them", wish.operand);
    return show(&wish);
}
