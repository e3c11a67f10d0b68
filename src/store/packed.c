/*
 * Tracking events, packed in few rows a commit. An event is: length of the key
 * (u16), length of the data (u32), time (u64), key, data; big-endian.
 */
#include "base/reader.h"
#include "store/store_private.h"

bool events_pack(struct buf *out, struct span key, int64_t at, struct span data) {
    if (key.len > KEY_LIMIT || data.len > UINT32_MAX)
        return false;
    buf_append_u16(out, (uint16_t)key.len);
    buf_append_u32(out, (uint32_t)data.len);
    buf_append_u64(out, (uint64_t)at);
    buf_append_span(out, key);
    return buf_append_span(out, data);
}

bool events_unpack(struct span packed, packed_event_cb *cb, void *context) {
    struct reader r = reader_of(packed);
    while (reader_left(&r)) {
        uint16_t key_len = reader_u16(&r);
        uint32_t data_len = reader_u32(&r);
        int64_t at = (int64_t)reader_u64(&r);
        struct span key = reader_take(&r, key_len), data = reader_take(&r, data_len);
        if (r.failed || key_len > KEY_LIMIT)
            return false;
        if (!cb(context, key, at, data))
            return true;
    }
    return true;
}

/* ---- backwards ---- */

struct packed_event {
    struct span key, data;
    int64_t at;
};

static bool note_packed(void *context, struct span key, int64_t at, struct span data) {
    struct packed_event event = {key, data, at};
    return buf_append(context, &event, sizeof event);
}

bool events_backwards(struct buf *scratch, uint64_t row, struct span packed, uint64_t before,
                      store_past_cb *cb, void *context) {
    buf_clear(scratch);
    events_unpack(packed, note_packed, scratch); /* of a damaged row what can be read */
    if (scratch->failed)
        return false;
    for (size_t n = scratch->len / sizeof(struct packed_event); n-- > 0;) {
        struct packed_event event;
        memcpy(&event, scratch->data + n * sizeof event, sizeof event);
        uint64_t place = row << PLACE_BITS | (n < PLACE_MASK ? n : PLACE_MASK);
        if ((!before || place < before) && !cb(context, place, event.key, event.at, event.data))
            return false;
    }
    return true;
}
