/* Errors: where, what, and which was the first. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "mhsd/config_private.h"

/* What a file holds must not command the terminal or the log that tells of it. */
static void make_printable(char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7F)
            *text = '?';
}

static void name_line(struct config_place place, char line[static 16]) {
    *line = '\0';
    if (place.line)
        snprintf(line, 16, " line %d:", place.line);
}

static bool note(struct loader *l, struct config_place place, char *text) {
    char line[16];
    struct error one;
    make_printable(text);
    name_line(place, line);
    error_set(&one, EINVAL, "%s:%s %s", l->files[place.file], line, text);
    if (l->complaint_count++ == 0 && l->err)
        *l->err = one;
    if (l->complaints && l->complaint_count <= CONFIG_COMPLAINTS_MOST)
        buf_printf(l->complaints, "%s:%s %s\n", l->files[place.file], line, text);
    return false;
}

bool config_complain(struct loader *l, struct config_place place, const char *format, ...) {
    char text[240];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return note(l, place, text);
}

/* `peer "BETA": option: what`; where it stands. */
static struct config_place say(const struct config_section *section, const char *option, const char *what,
                               char *text, size_t size) {
    char title[70] = "";
    const struct config_value *value = option ? config_value(section, option) : NULL;
    if (section->title)
        snprintf(title, sizeof title, " \"%.60s\"", section->title);
    snprintf(text, size, "%s%s%s%s%s%s", section->option->name, title, section->outer ? ": " : "",
             option ? option : "", option ? ": " : "", what);
    return value ? value->place : section->place;
}

void config_warn(struct loader *l, const struct config_section *section, const char *option,
                 const char *what) {
    char text[340], line[16];
    if (!l->warnings)
        return;
    struct config_place place = say(section, option, what, text, sizeof text);
    make_printable(text);
    name_line(place, line);
    buf_printf(l->warnings, "%s:%s %s\n", l->files[place.file], line, text);
}

bool config_fail(struct loader *l, struct config_section *section, const char *option, const char *format,
                 ...) {
    char what[200], text[240];
    va_list args;
    if (section->faulty && l->tree)
        return false;
    section->faulty = section->outer != NULL; /* the options of the top level are a matter each */
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    struct config_place place = say(section, option, what, text, sizeof text);
    return note(l, place, text);
}

bool config_no_memory(struct loader *l) {
    return l->complaint_count == 0 &&
           config_complain(l, (struct config_place){0}, "no memory for the configuration");
}

void *config_array(struct loader *l, size_t count, size_t size) {
    void *array = arena_array(&l->arena, count ? count : 1, size);
    if (!array)
        config_no_memory(l);
    return array;
}
