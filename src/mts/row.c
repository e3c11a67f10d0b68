#include "mts/row.h"

#include "base/reader.h"

#define ROW_FORM          1
#define ROW_FORM_LATEST   2 /* the plan comes after `latest`, */
#define ROW_FORM_DELIVERY 3 /* and after `delivery` */

static uint8_t form_of(const struct row *row) {
    return row->delivery ? ROW_FORM_DELIVERY : row->latest ? ROW_FORM_LATEST : ROW_FORM;
}

bool row_write(struct buf *out, const struct row *row) {
    uint8_t form = form_of(row);
    return buf_append_byte(out, form) && buf_append_byte(out, (uint8_t)row->kind) &&
           buf_append_byte(out, (uint8_t)row->copy) && buf_append_byte(out, row->has_content) &&
           (form < ROW_FORM_LATEST || buf_append_u64(out, (uint64_t)row->latest)) &&
           (form < ROW_FORM_DELIVERY || buf_append_u64(out, (uint64_t)row->delivery)) &&
           buf_append_span(out, row->plan);
}

bool row_read(struct span data, struct row *row) {
    struct reader r = reader_of(data);
    uint8_t form = reader_u8(&r);
    row->kind = (enum mts_kind)reader_u8(&r);
    row->copy = (enum mts_copy_kind)reader_u8(&r);
    row->has_content = reader_u8(&r);
    row->latest = form >= ROW_FORM_LATEST ? (int64_t)reader_u64(&r) : 0;
    row->delivery = form == ROW_FORM_DELIVERY ? (int64_t)reader_u64(&r) : 0;
    row->plan = reader_take(&r, reader_left(&r));
    return !r.failed && form >= ROW_FORM && form <= ROW_FORM_DELIVERY && form_of(row) == form &&
           row->kind >= MTS_MESSAGE && row->kind <= MTS_REPORT && row->copy >= MTS_COPY_TRANSFER &&
           row->copy <= MTS_COPY_CONVERT;
}

/* Before schema version 4 the first octet was the kind alone, and the rest the delivery envelope. */
#define SHARES_ENVELOPE 0x10

bool delivered_write(struct buf *out, const struct delivered *delivered) {
    return buf_append_byte(out, (uint8_t)(SHARES_ENVELOPE | delivered->kind)) &&
           buf_append_byte(out, delivered->has_content) && buf_append_u32(out, delivered->position) &&
           buf_append_span(out, delivered->items);
}

bool delivered_read(struct span data, struct delivered *delivered) {
    struct reader r = reader_of(data);
    uint8_t form = reader_u8(&r);
    *delivered = (struct delivered){.kind = (enum mts_kind)(form & ~SHARES_ENVELOPE)};
    delivered->has_content = reader_u8(&r);
    if (form & SHARES_ENVELOPE)
        delivered->position = reader_u32(&r);
    if (form & SHARES_ENVELOPE)
        delivered->items = reader_take(&r, reader_left(&r));
    else
        delivered->envelope = reader_take(&r, reader_left(&r));
    return !r.failed && (delivered->kind == MTS_MESSAGE || delivered->kind == MTS_REPORT);
}
