/*
 * Lenient decoding: a fault ends no more than the element that it stands in,
 * as long as that element's end is known. What shows broken values asks for it.
 */
#include "asn1/decode_private.h"

/* Notes the fault. An error keeps what it has, so it is emptied for the next one. */
static void note(struct decoder *d, const void *within, const struct ber_field *component,
                 struct span octets) {
    struct ber_passed_list *list = d->passed;
    if (d->first->code == BER_OK)
        *d->first = *d->error;
    if (list) {
        list->octets += octets.len;
        if (list->count < list->most) {
            struct ber_passed *item = &list->items[list->count++];
            *item = (struct ber_passed){d->error->offset, within, component, octets, "", ""};
            memcpy(item->text, d->error->text, sizeof item->text);
        } else {
            list->more++;
        }
    }
    ber_error_clear(d->error);
}

/* Behind the end of the input there is nothing to go on with, and without memory no use. */
static bool goes_on(const struct decoder *d) {
    return d->lenient && d->error->code != BER_TRUNCATED && d->error->code != BER_MEMORY;
}

bool decode_tolerate(struct decoder *d, const void *value) {
    if (goes_on(d))
        note(d, value, NULL, (struct span){NULL, 0});
    return d->lenient && d->error->code == BER_OK;
}

const uint8_t *decode_pass_element(struct decoder *d, const void *within, const struct ber_field *component,
                                   const struct ber_header *h) {
    enum ber_error_code why;
    if (!goes_on(d) || h->cut)
        return NULL;
    const uint8_t *behind = h->indefinite ? ber_find_end(h->contents, h->end, d->depth, &why) : h->end;
    if (behind)
        note(d, within, component, span_of(h->start, (size_t)(behind - h->start)));
    return behind;
}

const uint8_t *decode_pass_rest(struct decoder *d, const void *within, const struct ber_header *h,
                                const uint8_t *at) {
    if (!goes_on(d) || h->odd)
        return NULL;
    note(d, within, NULL, span_of(at, (size_t)(h->end - at)));
    return h->end;
}

bool decode_pass_missing(struct decoder *d, const void *within, const struct ber_field *component) {
    if (goes_on(d))
        note(d, within, component, (struct span){NULL, 0});
    return d->lenient && d->error->code == BER_OK;
}

void decode_items_moved(struct decoder *d, const void *from, const void *to, size_t size) {
    for (size_t i = 0; d->lenient && d->passed && i < d->passed->count; i++) {
        struct ber_passed *item = &d->passed->items[i];
        uintptr_t at = (uintptr_t)item->within, start = (uintptr_t)from;
        if (at >= start && at - start < size)
            item->within = (const uint8_t *)to + (at - start);
    }
}
