/* The configuration as it holds, for people; no secret is in it. */
#include "mhsd/config_private.h"

struct showing {
    const struct config_showing *calls;
    struct buf place, value;
    bool over, failed;
};

/* What is in a section goes with the outermost one. */
static bool is_wanted(const struct config_showing *calls, const struct config_section *section,
                      const struct config_option *row) {
    if (!calls->wants)
        return true;
    while (section->outer && section->outer->outer)
        section = section->outer;
    return section->outer ? calls->wants(calls->context, section->option->name, section->title)
                          : calls->wants(calls->context, row->name, NULL);
}

/* `route "/C=DE": next-hop "BETA"`, from the outermost section. */
static void write_place(struct buf *out, const struct config_section *section) {
    if (!section->outer)
        return;
    write_place(out, section->outer);
    buf_printf(out, out->len ? ": %s" : "%s", section->option->name);
    if (section->title) {
        buf_append_byte(out, ' ');
        config_write_text(out, section->title);
    }
}

static int64_t number_of(const struct config_section *section, const struct config_option *row) {
    return row->type == CONFIG_NUMBER || row->type == CONFIG_FLAG ? config_number(section, row->name) : 0;
}

/* Into `*items`, which is `one` for what is no list. */
static void find_items(const struct config_section *section, const struct config_option *row,
                       const char *one[static 2], const char *const **items) {
    if (row->type == CONFIG_TEXTS || row->type == CONFIG_WORDS)
        config_list(section, row->name, items);
    else if (row->type != CONFIG_NUMBER && row->type != CONFIG_FLAG)
        one[0] = config_text(section, row->name);
}

static void show(struct showing *showing, const struct config_section *section,
                 const struct config_option *row) {
    bool secret = (row->flags & CONFIG_SECRET) != 0;
    buf_clear(&showing->place);
    buf_clear(&showing->value);
    write_place(&showing->place, section);
    if (!secret)
        config_write_value(&showing->value, section, row);
    buf_append_byte(&showing->place, 0);
    buf_append_byte(&showing->value, 0);
    showing->failed = showing->failed || showing->place.failed || showing->value.failed;
    if (showing->failed)
        return;
    const char *one[2] = {NULL}, *const *items = one;
    if (!secret)
        find_items(section, row, one, &items);
    showing->over = !showing->calls->tell(
        showing->calls->context,
        &(struct config_shown){.row = row,
                               .section = (const char *)showing->place.data,
                               .text = secret ? NULL : (const char *)showing->value.data,
                               .number = number_of(section, row),
                               .items = items,
                               .set = config_value(section, row->name) != NULL});
}

static void show_section(struct showing *showing, const struct config_section *section) {
    for (const struct config_option *row = section->option->options; row->type != CONFIG_END; row++)
        if (!showing->over && !config_is_section(row) && is_wanted(showing->calls, section, row))
            show(showing, section, row);
    for (const struct config_section *inner = section->first; inner; inner = inner->next)
        show_section(showing, inner);
}

bool config_show(const struct config *config, const struct config_showing *calls) {
    struct showing showing = {.calls = calls};
    buf_init(&showing.place, 0);
    buf_init(&showing.value, 0);
    show_section(&showing, ((const struct loader *)config)->tree);
    buf_free(&showing.place);
    buf_free(&showing.value);
    return !showing.failed;
}
