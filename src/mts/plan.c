/*
 * A copy's plan: what mts_outbound and the later calls must know besides the
 * stored envelope. Everything that the outbound octets depend on is in it, so
 * that a reload of the configuration does not change a copy that is in doubt.
 *
 * Form: octet 4 (version), u16 flags, u32 length of the bilateral element and
 * the element (a whole PerDomainBilateralInformation), with PLAN_RFC1328 u32
 * length and text of our address for RFC 1328, then u32 count of positions and
 * the positions as u32 each. Version 3 had the next hop's number as u32 behind
 * the flags, version 2 an octet for the flags, version 1 no address either.
 */
#include "base/reader.h"
#include "mts/mts_private.h"

enum { PLAN_VERSION = 4, PLAN_HEAD = 11 };

static uint8_t *put_u32(uint8_t *at, uint64_t value) {
    for (int shift = 24; shift >= 0; shift -= 8)
        *at++ = (uint8_t)(value >> shift);
    return at;
}

bool plan_write(struct arena *arena, const struct plan *plan, struct span *octets) {
    size_t count = plan->flags & PLAN_ALL ? 0 : plan->count;
    bool has_address = plan->flags & PLAN_RFC1328;
    size_t size =
        PLAN_HEAD + plan->bilateral.len + (has_address ? 4 + plan->rfc1328_address.len : 0) + 4 * count;
    uint8_t *start = arena_alloc(arena, size), *at = start;
    if (!start)
        return false;
    *at++ = PLAN_VERSION;
    *at++ = (uint8_t)(plan->flags >> 8);
    *at++ = (uint8_t)plan->flags;
    at = put_u32(at, plan->bilateral.len);
    if (plan->bilateral.len)
        memcpy(at, plan->bilateral.data, plan->bilateral.len);
    at += plan->bilateral.len;
    if (has_address) {
        at = put_u32(at, plan->rfc1328_address.len);
        if (plan->rfc1328_address.len)
            memcpy(at, plan->rfc1328_address.data, plan->rfc1328_address.len);
        at += plan->rfc1328_address.len;
    }
    at = put_u32(at, count);
    for (size_t i = 0; i < count; i++)
        at = put_u32(at, plan->positions[i]);
    *octets = span_of(start, size);
    return true;
}

bool plan_read(struct arena *arena, struct span octets, struct plan *plan) {
    struct reader r = reader_of(octets);
    *plan = (struct plan){0};
    unsigned version = reader_u8(&r);
    if (version < 1 || version > PLAN_VERSION)
        return false;
    plan->flags = version > 2 ? reader_u16(&r) : reader_u8(&r);
    if (version < 4)
        reader_u32(&r);
    plan->bilateral = reader_take(&r, reader_u32(&r));
    if (version > 1 && plan->flags & PLAN_RFC1328)
        plan->rfc1328_address = reader_take(&r, reader_u32(&r));
    plan->count = reader_u32(&r);
    if (r.failed || reader_left(&r) != 4 * plan->count)
        return false;
    plan->positions = plan->count ? arena_array(arena, plan->count, sizeof *plan->positions) : NULL;
    if (plan->count && !plan->positions)
        return false;
    for (size_t i = 0; i < plan->count; i++)
        plan->positions[i] = reader_u32(&r);
    return true;
}

bool plan_next(const struct plan *plan, const struct subject *subject, size_t *cursor, size_t *position) {
    const struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    size_t count = envelope->per_recipient_fields.count;
    if (!(plan->flags & PLAN_ALL)) {
        while (*cursor < plan->count) {
            *position = plan->positions[(*cursor)++];
            if (*position < count)
                return true;
        }
        return false;
    }
    while (*cursor < count) {
        *position = (*cursor)++;
        if (subject_responsible(&envelope->per_recipient_fields.items[*position]))
            return true;
    }
    return false;
}

/* What the hop's outbound envelopes need. */
unsigned plan_flags_of_hop(const struct mts_tables *tables, int number) {
    const struct hop *hop = &tables->hops[number];
    unsigned flags = 0;
    if (hop->foreign && !hop->given.keep_internal_trace)
        flags |= PLAN_DROP_INTERNAL_TRACE;
    if (!hop->given.defers)
        flags |= PLAN_DROP_DEFERRED;
    if (hop->given.old_extension_form && hop->given.edition != MTS_EDITION_1984)
        flags |= PLAN_OLD_EXTENSIONS;
    if (hop->given.edition == MTS_EDITION_1984)
        flags |= PLAN_1984 | (hop->given.rfc1328 ? PLAN_RFC1328 : 0);
    return flags;
}
