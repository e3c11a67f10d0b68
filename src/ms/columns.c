#include "ms/columns.h"

#include "base/reader.h"
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

/* Made of the value: a number, or what is hashed, or a text. */
static bool tell_one(const struct source *source, const struct ms_attribute *attribute, struct span element,
                     struct arena *arena, struct ms_facts *facts) {
    uint64_t *number = &facts->numbers[source->column];
    struct ms_operand operand;
    enum ms_read read = ms_operand_read(source->form, attribute->type, element, arena, &operand);
    *number = STORE_UNKNOWN; /* what can't be read is decided on the row */
    if (read != MS_READ)
        return read == MS_NO_VALUE;
    if (source->form == MS_FORM_TIME || source->form == MS_FORM_NUMBER) {
        *number = store_column_number(operand.number);
        return true;
    }
    bool name = source->column >= STORE_FIRST_TEXT && source->form == MS_FORM_NAME;
    struct span value =
        name ? name_text(&operand.name.address, arena) : ms_hashed(source->form, &operand, arena);
    if (value.data) {
        facts->spans[source->column] = value;
        *number = STORE_NO_VALUE;
    }
    return true;
}

bool ms_facts_of(const struct store_entry *entry, struct span items, struct arena *arena,
                 struct ms_facts *facts) {
    *facts = (struct ms_facts){{0}, {{NULL, 0}}};
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        const struct ms_attribute *attribute = ms_attribute_by_oid(span_of(sources[i].oid, 4));
        struct span element = ms_item(items, attribute);
        if (!element.data)
            facts->numbers[sources[i].column] =
                ms_entry_lacks(entry, attribute) ? STORE_NO_VALUE : STORE_UNKNOWN;
        else if (!tell_one(&sources[i], attribute, element, arena, facts))
            return false;
    }
    /* Of an extended subject its teletex form has only what that can hold. */
    const struct ms_attribute *extended = ms_attribute_by_oid(SPAN_LIT("\x56\x01\x07\x1E"));
    if (ms_item(items, extended).data || !ms_entry_lacks(entry, extended))
        facts->numbers[STORE_COLUMN_SUBJECT_TEXT] = STORE_UNKNOWN;
    return true;
}

void ms_facts_columns(const struct store *store, const struct ms_facts *facts,
                      struct store_columns *columns) {
    memcpy(columns->numbers, facts->numbers, sizeof columns->numbers);
    for (size_t i = STORE_FIRST_HASH; i < STORE_FIRST_TEXT; i++)
        if (facts->spans[i].data)
            columns->numbers[i] = store_column_hash(store, facts->spans[i]);
    for (size_t i = STORE_FIRST_TEXT; i < STORE_COLUMNS; i++)
        columns->texts[i - STORE_FIRST_TEXT] = facts->spans[i];
}

bool ms_derive(void *context, const struct store_entry *entry, struct store_columns *columns) {
    struct ms_deriving *deriving = context;
    struct ms_facts facts;
    arena_reset(&deriving->arena);
    if (!ms_facts_of(entry, deriving->items(entry), &deriving->arena, &facts))
        return false;
    ms_facts_columns(deriving->store, &facts, columns);
    return true;
}

/* ---- facts as octets ---- */

bool ms_facts_write(struct buf *out, const struct ms_facts *facts) {
    for (size_t i = STORE_COLUMN_SUBMITTED; i < STORE_COLUMNS; i++) {
        struct span value = facts->spans[i];
        buf_append_u64(out, facts->numbers[i]);
        buf_append_u32(out, value.data ? (uint32_t)value.len + 1 : 0);
        buf_append_span(out, value);
    }
    return !out->failed;
}

/* A number of a hash or text says whether it is known, no more. */
static bool is_number_of(size_t column, uint64_t number) {
    return column < STORE_FIRST_HASH || number == STORE_NO_VALUE || number == STORE_UNKNOWN;
}

bool ms_facts_read(struct span *rest, struct ms_facts *facts) {
    struct reader r = reader_of(*rest);
    *facts = (struct ms_facts){{0}, {{NULL, 0}}};
    for (size_t i = STORE_COLUMN_SUBMITTED; i < STORE_COLUMNS && !r.failed; i++) {
        facts->numbers[i] = reader_u64(&r);
        uint32_t len = reader_u32(&r);
        if (len)
            facts->spans[i] = reader_take(&r, len - 1);
        if (!is_number_of(i, facts->numbers[i]) || (i < STORE_FIRST_HASH && len))
            return false;
    }
    if (r.failed)
        return false;
    *rest = reader_take(&r, reader_left(&r));
    return true;
}
