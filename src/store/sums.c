/*
 * Checksums of rows (I16): of all that a row has but its key. An entry's head
 * is folded in so that a migration which made it of something else could change
 * the sum without reading the rest of the row.
 */
#include "store/batch_private.h"

uint64_t sum_of_work(const struct store_work *work) {
    const int64_t numbers[] = {(int64_t)work->id, (int64_t)work->message, work->next_hop, work->priority,
                               work->status,      work->doubt_peer,       work->tries,    work->due,
                               work->expiry};
    return store_sum(numbers, sizeof numbers / sizeof *numbers, &work->data, 1);
}

uint64_t sum_of_entry(const struct store_entry *entry) {
    const int64_t numbers[] = {(int64_t)entry->message, entry->at, (int64_t)entry->octets};
    return store_sum(numbers, sizeof numbers / sizeof *numbers, &entry->data, 1) ^
           (uint64_t)entry_head(entry);
}

int64_t entry_head(const struct store_entry *entry) {
    return (int64_t)((uint64_t)entry->parent << 32 | (uint64_t)(entry->flags & 3) << 18 |
                     (uint64_t)(entry->status & 3) << 16 | (uint64_t)(entry->known & 15) << 12 |
                     (uint64_t)(entry->priority & 15) << 8 | (uint64_t)(entry->type & 15) << 4 |
                     (uint64_t)(entry->entry_class & 15));
}

void entry_set_head(struct store_entry *entry, int64_t head) {
    entry->entry_class = head & 15;
    entry->type = head >> 4 & 15;
    entry->priority = head >> 8 & 15;
    entry->known = head >> 12 & 15;
    entry->status = head >> 16 & 3;
    entry->flags = head >> 18 & 3;
    entry->parent = (uint32_t)((uint64_t)head >> 32);
}

uint64_t sum_of_activity_in(const struct store_activity_in *in, uint64_t content, struct span chain) {
    const int64_t numbers[] = {(int64_t)in->id,     in->at,           in->serial,
                               (int64_t)in->offset, (int64_t)content, (int64_t)in->content_length};
    const struct span spans[] = {in->peer, in->association, in->activity, chain, in->state};
    return store_sum(numbers, sizeof numbers / sizeof *numbers, spans, sizeof spans / sizeof *spans);
}

uint64_t sum_of_activity_out(const struct store_activity_out *out) {
    const int64_t numbers[] = {(int64_t)out->work, out->at, out->serial, (int64_t)out->offset};
    const struct span spans[] = {out->association, out->activity, out->data};
    return store_sum(numbers, sizeof numbers / sizeof *numbers, spans, sizeof spans / sizeof *spans);
}
