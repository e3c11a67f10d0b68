/* The packed rows of the store: events and repeat keys. */
#include "store/sqlite/sqlite_private.h"

static bool take_event(void *context, struct span key, int64_t at, struct span data) {
    uint64_t *sum = context;
    *sum += (uint64_t)at + span_hash(key) + span_hash(data);
    return true;
}

static bool take_repeat(void *context, struct span digest) {
    uint64_t *sum = context;
    *sum += span_hash(digest);
    return true;
}

static bool pack_again(void *context, struct span key, int64_t at, struct span data) {
    return events_pack(context, key, at, data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint64_t sum = 0;
    struct buf again;
    buf_init(&again, 0);
    repeats_unpack(span_of(data, size), take_repeat, &sum);
    /* What reads as events packs to the same octets. */
    if (events_unpack(span_of(data, size), take_event, &sum) &&
        (!events_unpack(span_of(data, size), pack_again, &again) ||
         !span_eq(buf_span(&again), span_of(data, size))))
        __builtin_trap();
    buf_free(&again);
    return 0;
}
