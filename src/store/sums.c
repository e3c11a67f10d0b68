/*
 * Checksums of rows (I16): of all that a row has but its key, and what is
 * changed where it lies. An entry's flags are such; they are folded in so that
 * who changes them changes the sum by the same bits.
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
    return store_sum(numbers, sizeof numbers / sizeof *numbers, &entry->data, 1) ^ entry->flags;
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
