/* What differs between two configurations, and what a reload leaves as it is. */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "mhsd/config_private.h"

struct comparison {
    void (*tell)(void *context, const struct config_option *row, const char *line);
    void *context;
    struct buf line;
    bool failed;
};

/* `peer "BETA": `, from the outermost section. */
static void write_place(struct buf *line, const struct config_section *section) {
    if (!section->outer)
        return;
    write_place(line, section->outer);
    buf_printf(line, "%s", section->option->name);
    if (section->title) {
        buf_append_byte(line, ' ');
        config_write_text(line, section->title);
    }
    buf_printf(line, ": ");
}

static void tell(struct comparison *c, const struct config_option *row) {
    buf_append_byte(&c->line, '\0');
    c->failed = c->failed || c->line.failed;
    if (!c->failed)
        c->tell(c->context, row, (const char *)c->line.data);
    buf_clear(&c->line);
}

static void tell_value(struct comparison *c, const struct config_section *old,
                       const struct config_section *fresh, const struct config_option *row) {
    write_place(&c->line, fresh);
    if (row->flags & CONFIG_SECRET) {
        buf_printf(&c->line, "%s %s", row->name,
                   !config_value(old, row->name)     ? "is new"
                   : !config_value(fresh, row->name) ? "is gone"
                                                     : "has changed");
    } else {
        buf_printf(&c->line, "%s = ", row->name);
        config_write_value(&c->line, fresh, row);
        buf_printf(&c->line, ", was ");
        config_write_value(&c->line, old, row);
    }
    tell(c, row);
}

static void tell_section(struct comparison *c, const struct config_section *section, const char *what) {
    write_place(&c->line, section);
    buf_printf(&c->line, "%s", what);
    tell(c, section->option);
}

/* ---- sections in pairs ---- */

struct ordered {
    const struct config_section *section;
    size_t number; /* in the file: what the order goes by where there are no titles */
};

static int by_title(const void *a, const void *b) {
    const struct ordered *x = a, *y = b;
    int order = strcmp(x->section->option->name, y->section->option->name);
    if (order == 0 && x->section->title && y->section->title)
        return strcmp(x->section->title, y->section->title);
    return order ? order : (x->number > y->number) - (x->number < y->number);
}

static struct ordered *in_order(const struct config_section *outer, size_t *count) {
    *count = 0;
    for (const struct config_section *s = outer->first; s; s = s->next)
        ++*count;
    struct ordered *list = mem_alloc((*count + 1) * sizeof *list);
    size_t at = 0, number = 0;
    const struct config_section *before = NULL;
    for (const struct config_section *s = outer->first; list && s; before = s, s = s->next) {
        number = before && before->option == s->option ? number + 1 : 0;
        list[at++] = (struct ordered){s, number};
    }
    if (list)
        qsort(list, *count, sizeof *list, by_title);
    return list;
}

static void compare(struct comparison *c, const struct config_section *old,
                    const struct config_section *fresh);

static void compare_sections(struct comparison *c, const struct config_section *old,
                             const struct config_section *fresh) {
    size_t olds, news, o = 0, n = 0;
    struct ordered *before = in_order(old, &olds), *after = in_order(fresh, &news);
    c->failed = c->failed || !before || !after;
    while (!c->failed && (o < olds || n < news)) {
        int order = o == olds ? 1 : n == news ? -1 : by_title(&before[o], &after[n]);
        if (order < 0)
            tell_section(c, before[o++].section, "it is gone");
        else if (order > 0)
            tell_section(c, after[n++].section, "it is new");
        else
            compare(c, before[o++].section, after[n++].section);
    }
    mem_free(before);
    mem_free(after);
}

static void compare(struct comparison *c, const struct config_section *old,
                    const struct config_section *fresh) {
    for (const struct config_option *row = fresh->option->options; row->type != CONFIG_END; row++)
        if (!config_is_section(row) && !config_same(old, fresh, row))
            tell_value(c, old, fresh, row);
    compare_sections(c, old, fresh);
}

bool config_changes(const struct config *old, const struct config *fresh,
                    void (*tell_)(void *context, const struct config_option *row, const char *line),
                    void *context) {
    struct comparison c = {.tell = tell_, .context = context};
    buf_init(&c.line, 0);
    compare(&c, ((const struct loader *)old)->tree, ((const struct loader *)fresh)->tree);
    buf_free(&c.line);
    return !c.failed;
}

/* ---- what stays ---- */

/* A copy in the fresh configuration's memory: the old one is freed after the reload. */
static struct config_value *copy_value(struct loader *l, const struct config_value *from) {
    struct config_value *value = config_array(l, 1, sizeof *value);
    const char **items = config_array(l, from->count + 1, sizeof *items);
    uint32_t *ids = config_array(l, from->id_count, sizeof *ids);
    if (!value || !items || !ids)
        return NULL;
    *value = *from;
    value->next = NULL;
    value->place = (struct config_place){0};
    value->items = items;
    value->ids = from->ids ? ids : NULL;
    if (from->ids)
        memcpy(ids, from->ids, from->id_count * sizeof *ids);
    for (size_t i = 0; i < from->count; i++) {
        items[i] = (const char *)arena_dup(&l->arena, span_str(from->items[i])).data;
        if (!items[i])
            return NULL;
    }
    return value;
}

static void take_out(struct config_section *section, const struct config_option *row) {
    struct config_value **at = &section->values;
    while (*at)
        if ((*at)->option == row)
            *at = (*at)->next;
        else
            at = &(*at)->next;
    section->values_end = at;
}

bool config_keep(struct loader *l, const struct config_section *running) {
    for (const struct config_option *row = config_top.options; row->type != CONFIG_END; row++) {
        if (!(row->flags & CONFIG_RESTART))
            continue;
        take_out(l->tree, row);
        const struct config_value *old = config_value(running, row->name);
        struct config_value *value = old ? copy_value(l, old) : NULL;
        if (old && !value)
            return config_no_memory(l);
        if (value) {
            *l->tree->values_end = value;
            l->tree->values_end = &value->next;
        }
    }
    return true;
}
