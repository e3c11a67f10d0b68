/* The part of the configuration that a kind of process needs. */
#include "mhsd/config_private.h"

/* With what the system answered; config_lookup.c reads it. */
static void write_name(struct buf *out, const struct config_value *value) {
    struct buf name;
    buf_init(&name, 0);
    buf_printf(&name, "%s", value->items[0]);
    for (size_t i = 0; i < value->id_count; i++)
        buf_printf(&name, ":%u", value->ids[i]);
    if (buf_append_byte(&name, 0))
        config_write_text(out, (const char *)name.data);
    out->failed = out->failed || name.failed;
    buf_free(&name);
}

static void write_section(struct buf *out, const struct config_section *section, unsigned kind) {
    for (const struct config_value *value = section->values; value; value = value->next) {
        if (!(value->option->processes & kind))
            continue;
        buf_printf(out, "%s = ", value->option->name);
        if (value->ids)
            write_name(out, value);
        else
            config_write_value(out, section, value->option);
        buf_append_byte(out, '\n');
    }
    for (const struct config_section *inner = section->first; inner; inner = inner->next) {
        if (!(inner->option->processes & kind) || !inner->place.line)
            continue;
        buf_printf(out, "%s ", inner->option->name);
        if (inner->title)
            config_write_text(out, inner->title);
        buf_printf(out, " {\n");
        write_section(out, inner, kind);
        buf_printf(out, "}\n");
    }
}

bool config_slice(const struct config *config, enum config_process kind, struct buf *out) {
    write_section(out, ((const struct loader *)config)->tree, kind);
    return !out->failed;
}
