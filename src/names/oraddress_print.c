/* From attributes to text: one form, that oraddress_parse reads back. */
#include "names/dn.h"
#include "names/oraddress_private.h"

static bool print_escaped(struct span s, struct buf *out) {
    for (size_t i = 0; i < s.len; i++) {
        if (strchr("/=$", s.data[i]))
            buf_append_byte(out, '$');
        buf_append_byte(out, s.data[i]);
    }
    return !out->failed;
}

static bool print_attribute(const struct oraddress_attribute *item, struct buf *out) {
    buf_append_byte(out, '/');
    buf_append_span(out, span_str(oraddress_label(item->kind)));
    if (item->type.data) {
        buf_append_byte(out, ':');
        print_escaped(item->type, out);
    }
    buf_append_byte(out, '=');
    return print_escaped(item->value, out);
}

bool oraddress_print(const struct oraddress *address, struct buf *out) {
    size_t before = out->len;
    for (size_t i = 0; i < address->count; i++) {
        if (!print_attribute(&address->items[i], out)) {
            out->len = before;
            return false;
        }
    }
    return true;
}

struct span oraddress_text(const struct oraddress *address, struct arena *arena) {
    struct buf out;
    buf_init(&out, 0);
    struct span text = {NULL, 0};
    if (oraddress_print(address, &out))
        text = arena_dup(arena, out.len ? buf_span(&out) : SPAN_LIT(""));
    buf_free(&out);
    return text;
}

struct span oraddress_name_text(const struct x411_ORName *name, struct arena *arena) {
    struct oraddress address;
    if (!oraddress_of_name(name, arena, &address))
        return (struct span){NULL, 0};
    if (!address.count && name->directory_name) {
        struct span text = dn_text(name->directory_name, arena);
        return text.data ? span_str(arena_printf(arena, "DN:%s", (const char *)text.data)) : text;
    }
    return oraddress_text(&address, arena);
}
