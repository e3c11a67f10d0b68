/* Errors: where, what, and which was the first. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/charset.h"
#include "base/lines.h"
#include "base/map.h"
#include "mhsd/config_private.h"

/* Of what is said of one place, without its file and line: all of it, with names of files within it. */
#define CONFIG_TEXT_SIZE 600

/* What a file holds must not command the terminal or the log that tells of it, and is UTF-8 as all that is
 * answered: an octet of no character, as the cut of a title leaves one too, is not. */
static void make_printable(char *text) {
    struct span left = span_str(text);
    uint32_t code;
    for (size_t octets; left.len; text += octets, left = span_sub(left, octets, SIZE_MAX)) {
        bool shows = (octets = charset_utf8_character(left, &code)) && code >= ' ' && code != 0x7F;
        octets = octets ? octets : 1;
        if (!shows)
            *text = '?';
    }
}

static void name_line(struct config_place place, char line[static 16]) {
    *line = '\0';
    if (place.line)
        snprintf(line, 16, " line %d:", place.line);
}

/* Room is a power of two. */
static void add_note(struct loader *l, struct config_notes *notes, struct config_place place,
                     const char *text) {
    char line[16];
    if (notes->count == notes->room) {
        size_t room = notes->room ? notes->room * 2 : 16;
        struct config_note *grown = arena_array(&l->arena, room, sizeof *grown);
        if (!grown)
            return;
        if (notes->count)
            memcpy(grown, notes->items, notes->count * sizeof *grown);
        notes->items = grown;
        notes->room = room;
    }
    name_line(place, line);
    const char *said = arena_printf(&l->arena, "%s:%s %s", l->files[place.file], line, text);
    if (!said)
        return;
    notes->items[notes->count] = (struct config_note){place, notes->count, said};
    notes->count++;
}

/* What is of a file as a whole comes behind its lines. */
static int line_of(struct config_place place) {
    return place.line ? place.line : INT_MAX;
}

/* A stable order: what stands in one line was found in its order. */
static int by_place(const void *a, const void *b) {
    const struct config_note *left = a, *right = b;
    struct config_place one = left->place, two = right->place;
    int order = (one.file > two.file) - (one.file < two.file);
    order = order ? order : (line_of(one) > line_of(two)) - (line_of(one) < line_of(two));
    return order ? order : (left->number > right->number) - (left->number < right->number);
}

static void tell_all(struct config_notes *notes, struct buf *lines) {
    if (notes->count)
        qsort(notes->items, notes->count, sizeof *notes->items, by_place);
    for (size_t i = 0; lines && i < notes->count; i++)
        buf_printf(lines, "%s\n", notes->items[i].text);
}

void config_tell(struct loader *l, struct config_report *report) {
    tell_all(&l->complaints, report ? &report->complaints : NULL);
    tell_all(&l->warnings, report ? &report->warnings : NULL);
    if (l->complaints.count)
        error_set(l->err, EINVAL, "%s", l->complaints.items[0].text);
}

static void write_text(char text[static CONFIG_TEXT_SIZE], const char *format, va_list args) {
    vsnprintf(text, CONFIG_TEXT_SIZE, format, args);
    make_printable(text);
}

/* Without memory for the note the error tells all the same. */
bool config_complain(struct loader *l, struct config_place place, const char *format, ...) {
    char text[CONFIG_TEXT_SIZE], line[16];
    va_list args;
    va_start(args, format);
    write_text(text, format, args);
    va_end(args);
    name_line(place, line);
    if (l->complaint_count++ == 0)
        error_set(l->err, EINVAL, "%s:%s %s", l->files[place.file], line, text);
    if (l->complaint_count <= CONFIG_COMPLAINTS_MOST)
        add_note(l, &l->complaints, place, text);
    return false;
}

void config_warn_at(struct loader *l, struct config_place place, const char *format, ...) {
    char text[CONFIG_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    write_text(text, format, args);
    va_end(args);
    add_note(l, &l->warnings, place, text);
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

void config_where(const struct config *config, const char *option, char *where, size_t size) {
    const struct loader *l = (const struct loader *)config;
    const struct config_value *value = config_value(l->tree, option);
    struct config_place place = value ? value->place : (struct config_place){0};
    char line[16];
    name_line(place, line);
    snprintf(where, size, "%s:%s", l->files[place.file], line);
}

void config_warn(struct loader *l, const struct config_section *section, const char *option,
                 const char *what) {
    char text[CONFIG_TEXT_SIZE];
    struct config_place place = say(section, option, what, text, sizeof text);
    config_warn_at(l, place, "%s", text);
}

/* So many remarks are told one by one: with them it shows what the others are about, and they have room in
 * the log and in an answer. */
#define REMARKS_MOST 100

/* Where two titles have one hash, that is none of the other's. */
static uint64_t key_of(struct span title) {
    return span_hash(title) | 1;
}

/* The sections of those who have an address, by their titles, as there may be many. Without memory some are
 * not among them. */
static void find_users(const struct loader *l, struct map *users) {
    static const char *const kinds[] = {"alias", "list", "user"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct config_section *one = config_first(l->tree, kinds[i]);
        while (one && map_put(users, key_of(span_str(one->title)), one))
            one = config_next(one);
    }
}

static void add_remark(const struct loader *l, const struct map *users, struct span title, struct span what,
                       struct buf *warnings) {
    char text[600], told[560], line[16];
    const struct config_section *user = map_get(users, key_of(title));
    struct config_place place = {0};
    snprintf(told, sizeof told, "%.*s", (int)what.len, (const char *)what.data);
    if (user && span_eq(span_str(user->title), title))
        place = say(user, NULL, told, text, sizeof text);
    else
        snprintf(text, sizeof text, "user \"%.*s\": %.*s", (int)(title.len < 100 ? title.len : 100),
                 (const char *)title.data, (int)what.len, (const char *)what.data);
    make_printable(text);
    name_line(place, line);
    buf_printf(warnings, "%s:%s %s\n", l->files[place.file], line, text);
}

void config_add_remarks(const struct config *config, struct span remarks, struct buf *warnings) {
    const struct loader *l = (const struct loader *)config;
    struct map users = {0};
    struct span title, what;
    size_t count = 0;
    if (remarks.len)
        find_users(l, &users);
    while (lines_next_titled(&remarks, &title, &what))
        if (++count <= REMARKS_MOST)
            add_remark(l, &users, title, what, warnings);
    if (count > REMARKS_MOST)
        buf_printf(warnings, "%s: more users of whom the like is to be said: %zu\n", l->files[0],
                   count - REMARKS_MOST);
    map_free(&users);
}

bool config_fail(struct loader *l, struct config_section *section, const char *option, const char *format,
                 ...) {
    char what[CONFIG_TEXT_SIZE - 100], text[CONFIG_TEXT_SIZE];
    va_list args;
    if (section->faulty && l->tree)
        return false;
    section->faulty = section->outer != NULL; /* the options of the top level are a matter each */
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    struct config_place place = say(section, option, what, text, sizeof text);
    return config_complain(l, place, "%s", text);
}

bool config_no_memory(struct loader *l) {
    l->no_memory = true;
    return l->complaint_count == 0 &&
           config_complain(l, (struct config_place){0}, "no memory for the configuration");
}

void *config_array(struct loader *l, size_t count, size_t size) {
    void *array = arena_array(&l->arena, count ? count : 1, size);
    if (!array)
        config_no_memory(l);
    return array;
}
