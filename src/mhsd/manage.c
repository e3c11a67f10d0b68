#include "mhsd/manage.h"

#include <stdlib.h>

#include "base/lines.h"

/* Elements of an array that make a response: each is far shorter than a frame may be. */
#define PART_ELEMENTS 200

/* Of options in one answer, which the parent makes while it does nothing else: more would take it a second.
 */
#define SHOWN_MOST 50000

json_t *manage_error(const char *code, const char *text) {
    return json_pack("{s:{s:s, s:s}}", "error", "code", code, "text", text);
}

/* A text that need not be UTF-8. */
static json_t *text_of(const char *text, size_t length) {
    json_t *value = json_stringn(text, length);
    return value ? value : json_string("(no UTF-8)");
}

/* ---- lines of a report ---- */

static void each_line(const struct buf *lines, void (*take)(json_t *array, json_t *line), json_t *array) {
    struct span rest = buf_span(lines), line;
    while (lines_next(&rest, &line))
        take(array, text_of((const char *)line.data, line.len));
}

static void take_line(json_t *array, json_t *line) {
    json_array_append_new(array, line);
}

static void take_change(json_t *array, json_t *line) {
    json_array_append_new(array, json_pack("{s:o, s:b}", "text", line, "restart", 0));
}

static void take_waiting(json_t *array, json_t *line) {
    json_array_append_new(array, json_pack("{s:o, s:b}", "text", line, "restart", 1));
}

static json_t *lines_of(const struct buf *lines) {
    json_t *array = json_array();
    each_line(lines, take_line, array);
    return array;
}

json_t *manage_reloaded(const struct config_report *report) {
    json_t *changes = json_array();
    each_line(&report->changes, take_change, changes);
    each_line(&report->waiting, take_waiting, changes);
    return json_pack("{s:o, s:o}", "changes", changes, "warnings", lines_of(&report->warnings));
}

void manage_add_warnings(json_t *answer, const struct buf *warnings) {
    json_t *array = json_object_get(answer, "warnings");
    if (array)
        each_line(warnings, take_line, array);
}

json_t *manage_refused(const struct config_report *report) {
    return json_pack("{s:{s:s, s:s, s:o}}", "error", "code", "bad-configuration", "text",
                     "the configuration is wrong; what ran before goes on", "complaints",
                     lines_of(&report->complaints));
}

/* ---- show ---- */

static json_t *list_of(const char *const *items) {
    json_t *list = json_array();
    for (; *items; items++)
        json_array_append_new(list, text_of(*items, strlen(*items)));
    return list;
}

static json_t *value_of(const struct config_shown *shown) {
    const char *const *items = shown->items;
    if (!shown->text)
        return json_null();
    switch (shown->row->type) {
    case CONFIG_NUMBER:
        return json_integer(shown->number);
    case CONFIG_FLAG:
        return json_boolean(shown->number);
    case CONFIG_TEXTS:
    case CONFIG_WORDS:
        return list_of(items);
    default:
        return *items ? text_of(*items, strlen(*items)) : json_null();
    }
}

struct shown {
    json_t *wanted; /* each name, once, and whether there is such; NULL: all */
    json_t *options;
    bool too_many;
};

static bool wants(void *context, const char *name) {
    const struct shown *shown = context;
    json_t *there = json_object_get(shown->wanted, name);
    if (json_is_false(there))
        json_object_set_new(shown->wanted, name, json_true());
    return there != NULL;
}

static bool add_option(void *context, const struct config_shown *option) {
    struct shown *shown = context;
    shown->too_many = json_array_size(shown->options) >= SHOWN_MOST;
    if (shown->too_many)
        return false;
    json_t *text = option->text ? text_of(option->text, strlen(option->text)) : json_null();
    json_t *section = *option->section ? text_of(option->section, strlen(option->section)) : json_null();
    json_array_append_new(shown->options,
                          json_pack("{s:o, s:s, s:o, s:o, s:b, s:b}", "section", section, "option",
                                    option->row->name, "value", value_of(option), "text", text, "set",
                                    option->set, "secret", !option->text));
    return true;
}

/* The names as the keys of an object, so that each is looked for once, however often it stands there. False:
 * they are none. */
static bool read_names(const json_t *array, json_t **names) {
    json_t *name;
    size_t i;
    *names = json_array_size(array) ? json_object() : NULL;
    json_array_foreach(array, i, name) {
        if (!json_is_string(name) || json_object_set_new(*names, json_string_value(name), json_false()) != 0)
            return false;
    }
    return !array || json_is_array(array);
}

static json_t *not_there(json_t *names) {
    const char *name;
    json_t *there;
    char text[200];
    json_object_foreach(names, name, there) {
        if (json_is_true(there))
            continue;
        snprintf(text, sizeof text,
                 "there is no option or section '%.60s' in the configuration; 'mhs config show' shows all",
                 name);
        return manage_error("not-found", text);
    }
    return NULL;
}

static json_t *show(const struct config *running, const json_t *request) {
    struct shown shown = {.options = json_array()};
    const struct config_showing calls = {NULL, add_option, &shown}, of_some = {wants, add_option, &shown};
    json_t *answer = NULL;
    if (!read_names(json_object_get(request, "sections"), &shown.wanted))
        answer = manage_error("bad-request", "'sections' is not an array of names, or there is no memory");
    else if (!config_show(running, shown.wanted ? &of_some : &calls))
        answer = manage_error("unavailable", "no memory");
    else if (shown.too_many)
        answer = manage_error("too-large", "these are more options than one answer holds: name the sections "
                                           "that are wanted, or fewer of them");
    else
        answer = not_there(shown.wanted);
    if (!answer)
        answer = json_pack("{s:O}", "options", shown.options);
    json_decref(shown.wanted);
    json_decref(shown.options);
    return answer;
}

/* ---- diff ---- */

static void add_change(void *context, const struct config_option *row, const char *line) {
    json_array_append_new(context, json_pack("{s:o, s:b}", "text", text_of(line, strlen(line)), "restart",
                                             (row->flags & CONFIG_RESTART) != 0));
}

static json_t *diff(const char *path, const struct config *running) {
    struct config_report report;
    config_report_init(&report);
    struct config *fresh = config_read_file(path, NULL, &report, NULL);
    json_t *answer, *changes = json_array();
    if (!fresh)
        answer = manage_refused(&report);
    else if (!config_changes(running, fresh, add_change, changes))
        answer = manage_error("unavailable", "no memory");
    else
        answer = json_pack("{s:O, s:o}", "changes", changes, "warnings", lines_of(&report.warnings));
    json_decref(changes);
    config_free(fresh);
    config_report_free(&report);
    return answer;
}

json_t *manage_answer(const char *path, const struct config *running, const json_t *request) {
    const char *operation = json_string_value(json_object_get(request, "operation"));
    bool shows = operation && strcmp(operation, "config-show") == 0;
    if (json_object_size(request) !=
        (operation != NULL) + (size_t)(shows && json_object_get(request, "sections")))
        return manage_error("bad-request", "the request has a member that it does not take");
    if (shows)
        return show(running, request);
    if (operation && strcmp(operation, "config-diff") == 0)
        return diff(path, running);
    return manage_error("bad-request", "unknown operation");
}

/* ---- responses ---- */

static void send_part(json_t *part, bool last, void (*send)(void *context, struct span payload),
                      void *context) {
    struct buf payload;
    char *text = json_dumps(part, JSON_COMPACT);
    buf_init(&payload, 0);
    buf_append_byte(&payload, last);
    buf_append_span(&payload,
                    text ? span_str(text)
                         : SPAN_LIT("{\"error\":{\"code\":\"unavailable\",\"text\":\"no memory\"}}"));
    if (!payload.failed)
        send(context, buf_span(&payload));
    buf_free(&payload);
    free(text);
    json_decref(part);
}

/* The first elements of a long array go before the answer, which keeps the rest. */
static void send_beginning(json_t *answer, const char *name, void (*send)(void *context, struct span payload),
                           void *context) {
    json_t *array = json_object_get(answer, name), *element, *part = json_array();
    size_t i, count = json_array_size(array);
    json_array_foreach(array, i, element) {
        json_array_append(part, element);
        if (json_array_size(part) == PART_ELEMENTS && i + 1 < count) {
            send_part(json_pack("{s:o}", name, part), false, send, context);
            part = json_array();
        }
    }
    if (array)
        json_object_set(answer, name, part);
    json_decref(part);
}

void manage_send(json_t *answer, void (*send)(void *context, struct span payload), void *context) {
    static const char *const arrays[] = {"options", "changes", "warnings"};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        send_beginning(answer, arrays[i], send, context);
    send_part(answer, true, send, context);
}
