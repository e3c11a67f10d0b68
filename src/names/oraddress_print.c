/* From attributes to text: one form, that oraddress_parse reads back; and the key, the same of their keys. */
#include "names/dn.h"
#include "names/oraddress_private.h"

static size_t put(struct span s, uint8_t *out) {
    memcpy(out, s.data, s.len);
    return s.len;
}

static size_t put_escaped(struct span s, uint8_t *out) {
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] && strchr("/;=$*\\", s.data[i]))
            out[len++] = '$';
        out[len++] = s.data[i];
    }
    return len;
}

static size_t put_attribute(const struct oraddress_attribute *item, bool keys, uint8_t *out) {
    size_t len = 0;
    out[len++] = '/';
    len += put(span_str(oraddress_label(item->kind)), out + len);
    if (item->type.data) {
        out[len++] = ':';
        len += put_escaped(keys ? item->type_key : item->type, out + len);
    }
    out[len++] = '=';
    return len + put_escaped(keys ? item->key : item->value, out + len);
}

static struct span print(const struct oraddress *address, bool keys, struct arena *arena) {
    enum { LABEL_MOST = 8, MARKS = 3 };
    size_t size = 1, len = 0;
    for (size_t i = 0; i < address->count; i++) {
        const struct oraddress_attribute *item = &address->items[i];
        size += LABEL_MOST + MARKS + 2 * (keys ? item->type_key.len : item->type.len) +
                2 * (keys ? item->key.len : item->value.len);
    }
    uint8_t *out = arena_alloc(arena, size);
    if (!out)
        return (struct span){NULL, 0};
    for (size_t i = 0; i < address->count; i++)
        len += put_attribute(&address->items[i], keys, out + len);
    out[len] = 0;
    return span_of(out, len);
}

struct span oraddress_text(const struct oraddress *address, struct arena *arena) {
    return print(address, false, arena);
}

struct span oraddress_key(const struct oraddress *address, struct arena *arena) {
    return print(address, true, arena);
}

/* All of it in the arena. */
static struct span name_text(const struct x411_ORName *name, struct arena *arena) {
    struct oraddress address;
    if (!oraddress_of_name(name, arena, &address))
        return (struct span){NULL, 0};
    if (!address.count && name->directory_name) {
        struct span text = dn_text(name->directory_name, arena);
        return text.data ? span_str(arena_printf(arena, "DN:%s", (const char *)text.data)) : text;
    }
    return oraddress_text(&address, arena);
}

#define TEXT_MEMORY ((size_t)16 << 20)

/* Only the text stays: what is needed to make it is ten times as long, and a message has many recipients. */
struct span oraddress_name_text(const struct x411_ORName *name, struct arena *arena) {
    struct arena scratch;
    arena_init(&scratch, TEXT_MEMORY);
    struct span text = name_text(name, &scratch);
    text = text.data ? arena_dup(arena, text) : text;
    arena_free(&scratch);
    return text;
}
