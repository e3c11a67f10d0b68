/* What holds: what is set in a section, or the row's default. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "mhsd/config_private.h"

static const struct config_option *row_of(const struct config_section *section, const char *option) {
    const struct config_option *row = config_option_named(section->option, span_str(option), NULL);
    if (!row) { /* a fault of the program: its reader asks for what the table lacks */
        log_error("the table of options has no %s in %s", option, section->option->name);
        abort();
    }
    return row;
}

static const struct config_value *set_in(const struct config_section *section,
                                         const struct config_option *row) {
    const struct config_value *value = section->values;
    while (value && value->option != row)
        value = value->next;
    return value;
}

const struct config_value *config_value(const struct config_section *section, const char *option) {
    return set_in(section, row_of(section, option));
}

int64_t config_number(const struct config_section *section, const char *option) {
    const struct config_option *row = row_of(section, option);
    const struct config_value *value = set_in(section, row);
    return value ? value->number : row->number;
}

bool config_flag(const struct config_section *section, const char *option) {
    return config_number(section, option) != 0;
}

const char *config_text(const struct config_section *section, const char *option) {
    const struct config_option *row = row_of(section, option);
    const struct config_value *value = set_in(section, row);
    return value ? value->items[0] : row->text;
}

static unsigned position_of(const struct config_option *row, const char *word) {
    unsigned position = 0;
    while (row->words[position] && strcmp(row->words[position], word) != 0)
        position++;
    return position;
}

unsigned config_word(const struct config_section *section, const char *option) {
    const struct config_option *row = row_of(section, option);
    const struct config_value *value = set_in(section, row);
    return value ? (unsigned)value->number : position_of(row, row->text);
}

unsigned config_words(const struct config_section *section, const char *option) {
    const struct config_option *row = row_of(section, option);
    const struct config_value *value = set_in(section, row);
    unsigned bits = 0;
    for (size_t i = 0; !value && row->items && row->items[i]; i++)
        bits |= 1u << position_of(row, row->items[i]);
    return value ? (unsigned)value->number : bits;
}

static size_t list_of(const struct config_section *section, const struct config_option *row,
                      const char *const **items) {
    static const char *const none[] = {NULL};
    const struct config_value *value = set_in(section, row);
    size_t count = 0;
    *items = value ? value->items : row->items ? row->items : none;
    while ((*items)[count])
        count++;
    return count;
}

size_t config_list(const struct config_section *section, const char *option, const char *const **items) {
    return list_of(section, row_of(section, option), items);
}

/* ---- sections ---- */

static struct config_section *from(struct config_section *section, const char *name) {
    while (section && strcmp(section->option->name, name) != 0)
        section = section->next;
    return section;
}

struct config_section *config_first(const struct config_section *outer, const char *name) {
    return from(outer->first, name);
}

struct config_section *config_next(const struct config_section *section) {
    return from(section->next, section->option->name);
}

size_t config_count(const struct config_section *outer, const char *name) {
    size_t count = 0;
    for (const struct config_section *section = config_first(outer, name); section;
         section = config_next(section))
        count++;
    return count;
}

/* ---- as in a file ---- */

/* In double quotes; what could be taken for something else is escaped. */
void config_write_text(struct buf *out, const char *text) {
    buf_append_byte(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\' || *text == '$')
            buf_append_byte(out, '\\');
        if ((uint8_t)*text < 0x20)
            buf_printf(out, "\\%03o", (unsigned)*text);
        else
            buf_append_byte(out, (uint8_t)*text);
    }
    buf_append_byte(out, '"');
}

static void write_list(struct buf *out, const struct config_section *section,
                       const struct config_option *row) {
    const char *const *items;
    size_t count = list_of(section, row, &items);
    buf_printf(out, "{");
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, i ? ", " : " ");
        config_write_text(out, items[i]);
    }
    buf_printf(out, count ? " }" : "}");
}

void config_write_value(struct buf *out, const struct config_section *section,
                        const struct config_option *row) {
    const char *text = NULL;
    switch (row->type) {
    case CONFIG_NUMBER:
        buf_printf(out, "%lld", (long long)config_number(section, row->name));
        return;
    case CONFIG_FLAG:
        buf_printf(out, "%s", config_number(section, row->name) ? "true" : "false");
        return;
    case CONFIG_TEXTS:
    case CONFIG_WORDS:
        write_list(out, section, row);
        return;
    default:
        text = config_text(section, row->name);
        config_write_text(out, text ? text : "");
    }
}

static bool same_items(const struct config_section *a, const struct config_section *b,
                       const struct config_option *row) {
    const char *const *one, *const *two;
    size_t count = list_of(a, row, &one);
    bool same = count == list_of(b, row, &two);
    for (size_t i = 0; same && i < count; i++)
        same = strcmp(one[i], two[i]) == 0;
    return same;
}

bool config_same(const struct config_section *a, const struct config_section *b,
                 const struct config_option *row) {
    if (row->type == CONFIG_NUMBER || row->type == CONFIG_FLAG)
        return config_number(a, row->name) == config_number(b, row->name);
    if (row->type == CONFIG_TEXTS || row->type == CONFIG_WORDS)
        return same_items(a, b, row);
    const char *one = config_text(a, row->name), *two = config_text(b, row->name);
    return one == two || (one && two && strcmp(one, two) == 0);
}
