#include "mhsd/manage.h"

#include <stdlib.h>
#include <string.h>

#include "base/lines.h"
#include "base/nearest.h"
#include "mta/json.h"

/* Elements of an array that make a response: each is far shorter than a frame may be. */
#define PART_ELEMENTS 200

/* Of options in one answer, which the parent makes while it does nothing else: more would take it a second.
 */
#define SHOWN_MOST 50000

json_t *manage_error(const char *code, const char *text) {
    return json_pack("{s:{s:s, s:o}}", "error", "code", code, "text", json_text(span_str(text)));
}

/* ---- lines of a report ---- */

static void each_line(struct span lines, void (*take)(json_t *array, json_t *line), json_t *array) {
    struct span line;
    while (lines_next(&lines, &line))
        take(array, json_text(line));
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
    each_line(buf_span(lines), take_line, array);
    return array;
}

json_t *manage_reloaded(const struct config_report *report) {
    json_t *changes = json_array();
    each_line(buf_span(&report->changes), take_change, changes);
    each_line(buf_span(&report->waiting), take_waiting, changes);
    return json_pack("{s:o, s:o}", "changes", changes, "warnings", lines_of(&report->warnings));
}

void manage_add_warnings(json_t *answer, struct span warnings) {
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
        json_array_append_new(list, json_text(span_str(*items)));
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
        return *items ? json_text(span_str(*items)) : json_null();
    }
}

/*
 * What is asked for is an object by name, so that each is looked for once, however often it stands there. The
 * value is whether there is such.
 */
struct shown {
    json_t *wanted;   /* options, kinds and titles; NULL: all */
    json_t *sections; /* by kind an object by title: one section each */
    json_t *options;
    bool too_many;
};

static bool find(json_t *names, const char *name) {
    json_t *there = json_object_get(names, name);
    if (json_is_false(there))
        json_object_set_new(names, name, json_true());
    return there != NULL;
}

/* All are asked for, so that of each that is wanted it is known that it is there. */
static bool wants(void *context, const char *name, const char *title) {
    const struct shown *shown = context;
    bool one = title && find(json_object_get(shown->sections, name), title);
    bool titled = title && find(shown->wanted, title), named = find(shown->wanted, name);
    return one || titled || named;
}

static bool add_option(void *context, const struct config_shown *option) {
    struct shown *shown = context;
    shown->too_many = json_array_size(shown->options) >= SHOWN_MOST;
    if (shown->too_many)
        return false;
    json_t *text = option->text ? json_text(span_str(option->text)) : json_null();
    json_t *section = *option->section ? json_text(span_str(option->section)) : json_null();
    json_array_append_new(shown->options,
                          json_pack("{s:o, s:s, s:o, s:o, s:b, s:b}", "section", section, "option",
                                    option->row->name, "value", value_of(option), "text", text, "set",
                                    option->set, "secret", !option->text));
    return true;
}

static bool add_name(json_t *names, const char *name) {
    return json_object_set_new(names, name, json_false()) == 0;
}

static bool add_section(json_t *sections, const char *kind, const char *title) {
    json_t *titles = json_object_get(sections, kind);
    if (!titles) {
        titles = json_object();
        if (json_object_set_new(sections, kind, titles) != 0)
            return false;
    }
    return add_name(titles, title);
}

static const char *text_at(const json_t *array, size_t i) {
    return json_string_value(json_array_get(array, i));
}

/* Nothing is shown. */
static bool note_section(void *context, const char *name, const char *title) {
    if (title)
        find(json_object_get(context, name), title);
    return false;
}

/* Which two of the names that follow each other are a section's kind and title. */
static bool find_sections(const struct config *running, const json_t *array, json_t *sections) {
    const struct config_showing calls = {note_section, NULL, sections};
    for (size_t i = 0; i + 1 < json_array_size(array); i++)
        if (!add_section(sections, text_at(array, i), text_at(array, i + 1)))
            return false;
    return json_array_size(array) < 2 || config_show(running, &calls);
}

/* A kind with a title behind it means that section alone, and not all of its kind. */
static bool sort_names(const struct config *running, const json_t *array, struct shown *shown) {
    json_t *found = json_object();
    bool done = find_sections(running, array, found);
    shown->wanted = json_object();
    shown->sections = json_object();
    for (size_t i = 0; done && i < json_array_size(array); i++) {
        const char *name = text_at(array, i), *next = text_at(array, i + 1);
        bool section = next && json_is_true(json_object_get(json_object_get(found, name), next));
        done = section ? add_section(shown->sections, name, next) : add_name(shown->wanted, name);
        i += section;
    }
    json_decref(found);
    return done;
}

static bool are_names(const json_t *array) {
    json_t *name;
    size_t i;
    json_array_foreach(array, i, name) {
        if (!json_is_string(name))
            return false;
    }
    return !array || json_is_array(array);
}

static const char *nearest_name(const char *name) {
    struct nearest nearest = nearest_begin(span_str(name));
    for (const struct config_option *row = config_top.options; row->type != CONFIG_END; row++)
        nearest_try(&nearest, row->name);
    return nearest.name;
}

struct titles {
    const char *kind;
    struct nearest nearest;
};

/* Nothing is shown. */
static bool try_title(void *context, const char *name, const char *title) {
    struct titles *titles = context;
    if (title && strcmp(name, titles->kind) == 0)
        nearest_try(&titles->nearest, title);
    return false;
}

/* `peer NAME` with a name that no peer has. */
static json_t *no_such_section(const struct config *running, const char *kind, const char *title) {
    struct titles titles = {kind, nearest_begin(span_str(title))};
    const struct config_showing calls = {try_title, NULL, &titles};
    char text[400];
    if (config_show(running, &calls) && titles.nearest.name)
        snprintf(text, sizeof text, "there is no %s '%.60s' in the configuration; did you mean '%.100s'?",
                 kind, title, titles.nearest.name);
    else
        snprintf(text, sizeof text,
                 "there is no %s '%.60s' in the configuration; 'mhs config show %s' shows all", kind, title,
                 kind);
    return manage_error("not-found", text);
}

static json_t *no_such(const struct config *running, const char *before, const char *name) {
    char text[400], meant[80] = "";
    const struct config_option *kind =
        before ? config_option_named(&config_top, span_str(before), NULL) : NULL;
    const char *near = nearest_name(name);
    if (kind && kind->type == CONFIG_TITLED && !near)
        return no_such_section(running, before, name);
    if (near && strcmp(near, name) != 0)
        snprintf(meant, sizeof meant, "; did you mean '%s'?", near);
    snprintf(text, sizeof text, "there is no option or section '%.60s' in the configuration%s", name,
             *meant ? meant : "; 'mhs config show' shows all");
    return manage_error("not-found", text);
}

static json_t *not_there(const struct config *running, const json_t *array, json_t *wanted) {
    for (size_t i = 0; i < json_array_size(array); i++)
        if (json_is_false(json_object_get(wanted, text_at(array, i))))
            return no_such(running, i ? text_at(array, i - 1) : NULL, text_at(array, i));
    return NULL;
}

static json_t *show(const struct config *running, const json_t *request) {
    struct shown shown = {.options = json_array()};
    const json_t *names = json_object_get(request, "sections");
    bool some = json_array_size(names) != 0;
    const struct config_showing calls = {some ? wants : NULL, add_option, &shown};
    json_t *answer = NULL;
    if (!are_names(names))
        answer = manage_error("bad-request", "'sections' is not an array of names");
    else if ((some && !sort_names(running, names, &shown)) || !config_show(running, &calls))
        answer = manage_error("unavailable", "no memory");
    else if (shown.too_many)
        answer = manage_error("too-large", "these are more options than one answer holds: name the sections "
                                           "that are wanted, or fewer of them");
    else
        answer = not_there(running, names, shown.wanted);
    if (!answer)
        answer = json_pack("{s:O}", "options", shown.options);
    json_decref(shown.wanted);
    json_decref(shown.sections);
    json_decref(shown.options);
    return answer;
}

/* ---- diff ---- */

static void add_change(void *context, const struct config_option *row, const char *line) {
    json_array_append_new(context, json_pack("{s:o, s:b}", "text", json_text(span_str(line)), "restart",
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
