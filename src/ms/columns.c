#include "ms/columns.h"

#include "ms/columns_private.h"
#include "ms/entry.h"

/* An attribute with columns: a hash of what its equality compares, or a text. */
struct source {
    enum store_column column;
    const char *oid; /* contents octets, four */
    enum ms_form form;
};

static const struct source sources[] = {
    {STORE_COLUMN_ORIGINATOR, "\x56\x04\x03\x1B", MS_FORM_NAME},
    {STORE_COLUMN_ORIGINATOR_TEXT, "\x56\x04\x03\x1B", MS_FORM_NAME},
    {STORE_COLUMN_SUBMITTED, "\x56\x04\x03\x17", MS_FORM_TIME},
    {STORE_COLUMN_SIZE, "\x56\x04\x03\x06", MS_FORM_NUMBER},
    {STORE_COLUMN_MTS, "\x56\x04\x03\x13", MS_FORM_MTS_IDENTIFIER},
    {STORE_COLUMN_IPM, "\x56\x01\x07\x01", MS_FORM_IPM_IDENTIFIER},
    {STORE_COLUMN_REPLIED_TO, "\x56\x01\x07\x03", MS_FORM_IPM_IDENTIFIER},
    {STORE_COLUMN_SUBJECT, "\x56\x01\x07\x04", MS_FORM_TEXT},
    {STORE_COLUMN_SUBJECT_TEXT, "\x56\x01\x07\x04", MS_FORM_TEXT},
};

/* All values of a name, one after the other: what is within one of them is within this. */
static struct span name_text(const struct oraddress *address, struct arena *arena) {
    struct buf text;
    buf_init(&text, 0);
    for (size_t i = 0; i < address->count; i++) {
        buf_append_span(&text, address->items[i].key);
        buf_append_byte(&text, '\n');
    }
    struct span copy = text.failed ? (struct span){NULL, 0} : arena_dup(arena, buf_span(&text));
    buf_free(&text);
    return copy;
}

struct span ms_hashed(enum ms_form form, const struct ms_operand *operand, struct arena *arena) {
    if (form == MS_FORM_NAME)
        return operand->name.address.count ? oraddress_key(&operand->name.address, arena)
                                           : (struct span){NULL, 0};
    return form == MS_FORM_MTS_IDENTIFIER   ? operand->identifier->local_identifier
           : form == MS_FORM_IPM_IDENTIFIER ? operand->octets
                                            : operand->text;
}

static bool derive_one(struct ms_deriving *deriving, const struct source *source, struct span element,
                       struct store_columns *columns) {
    const struct ms_attribute *attribute = ms_attribute_by_oid(span_of(source->oid, 4));
    uint64_t *number = &columns->numbers[source->column];
    struct ms_operand operand;
    enum ms_read read = ms_operand_read(source->form, attribute->type, element, &deriving->arena, &operand);
    *number = STORE_UNKNOWN; /* what can't be read is decided on the row */
    if (read != MS_READ)
        return read == MS_NO_VALUE;
    if (source->form == MS_FORM_TIME || source->form == MS_FORM_NUMBER) {
        *number = store_column_number(operand.number);
        return true;
    }
    bool text = source->column >= STORE_FIRST_TEXT, name = source->form == MS_FORM_NAME;
    struct span value = text && name ? name_text(&operand.name.address, &deriving->arena)
                                     : ms_hashed(source->form, &operand, &deriving->arena);
    if (!value.data)
        return true;
    if (text)
        columns->texts[source->column - STORE_FIRST_TEXT] = value;
    *number = text ? STORE_NO_VALUE : store_column_hash(deriving->store, value);
    return true;
}

bool ms_derive(void *context, const struct store_entry *entry, struct store_columns *columns) {
    struct ms_deriving *deriving = context;
    struct span items = deriving->items(entry);
    arena_reset(&deriving->arena);
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        const struct ms_attribute *attribute = ms_attribute_by_oid(span_of(sources[i].oid, 4));
        struct span element = ms_item(items, attribute);
        if (!element.data)
            columns->numbers[sources[i].column] =
                ms_entry_lacks(entry, attribute) ? STORE_NO_VALUE : STORE_UNKNOWN;
        else if (!derive_one(deriving, &sources[i], element, columns))
            return false;
    }
    return true;
}
