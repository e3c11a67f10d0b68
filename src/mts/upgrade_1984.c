/*
 * Contents in an EXTERNAL, of which X.419 Annex B makes external(1), are taken out
 * of it again.
 *
 * The reverse of RFC 1328 §3 on arrival: a peer of 1984 with which it is agreed
 * writes common names as `Common`, and anybody may send to an address that is
 * carried below our own (§3.1, source routing through the gateway).
 */
#include "base/reader.h"
#include "mts/mts_private.h"

static void upgrade_name(struct ruling *ruling, const struct rfc1328 *how, struct x411_ORName *name) {
    struct x411_ORName full;
    if (rfc1328_upgrade(how, name, ruling->arena, &full))
        *name = full;
}

static struct rfc1328 agreed_with(const struct ruling *ruling, int peer) {
    const struct mts_hop *hop = &ruling->tables->hops[peer].given;
    return (struct rfc1328){hop->edition == MTS_EDITION_1984 && hop->rfc1328,
                            ruling->tables->rfc1328_address};
}

void upgrade_subject(struct ruling *ruling, int peer, struct subject *subject) {
    struct rfc1328 how = agreed_with(ruling, peer);
    struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    if (!how.common_name && !how.gateway)
        return;
    upgrade_name(ruling, &how, &envelope->originator_name);
    for (size_t i = 0; i < envelope->per_recipient_fields.count; i++) {
        recipient_fields *recipient = &envelope->per_recipient_fields.items[i];
        struct x411_ORName full;
        if (!rfc1328_upgrade(&how, &recipient->recipient_name, ruling->arena, &full))
            continue;
        recipient->recipient_name = full;
        recipient->raw = (struct span){NULL, 0};
    }
}

void upgrade_report(struct ruling *ruling, int peer, struct x411_Report *report) {
    struct rfc1328 how = agreed_with(ruling, peer);
    struct x411_ReportTransferContent *content = &report->content;
    size_t count = content->per_recipient_fields.count;
    if (!how.common_name && !how.gateway)
        return;
    struct x411_PerRecipientReportTransferFields *items =
        arena_array(ruling->arena, count + 1, sizeof *items);
    if (!items) {
        ruling->no_memory = true;
        return;
    }
    report->raw = report->envelope.raw = content->raw = (struct span){NULL, 0};
    upgrade_name(ruling, &how, &report->envelope.report_destination_name);
    for (size_t i = 0; i < count; i++) {
        items[i] = content->per_recipient_fields.items[i];
        items[i].raw = (struct span){NULL, 0};
        upgrade_name(ruling, &how, &items[i].actual_recipient_name);
        if (items[i].originally_intended_recipient_name)
            upgrade_name(ruling, &how, items[i].originally_intended_recipient_name);
    }
    content->per_recipient_fields.items = items;
}

/* ---- contents ---- */

/* Steps over an identifier octet and a definite length. False when either is not there. */
static bool take_header(struct reader *r, uint8_t *identifier, uint64_t *length) {
    *identifier = reader_u8(r);
    uint8_t first = reader_u8(r);
    *length = first < 0x80                    ? first
              : first > 0x80 && first <= 0x88 ? reader_uint(r, first & 0x7F)
                                              : UINT64_MAX;
    return !r->failed && *length < UINT64_MAX;
}

static bool is_external(const struct mts_tables *tables, int peer,
                        const struct x411_MessageTransferEnvelope *envelope) {
    return peer >= 0 && (size_t)peer < tables->hop_count &&
           tables->hops[peer].given.edition == MTS_EDITION_1984 &&
           envelope->content_type.choice == x411_ContentType_built_in &&
           envelope->content_type.u.built_in == x411_BuiltInContentType_external;
}

bool mts_external(const struct mts_tables *tables, int peer,
                  const struct x411_MessageTransferEnvelope *envelope, struct span beginning, uint64_t length,
                  struct span *type, uint64_t *offset) {
    struct reader r = reader_of(beginning);
    uint8_t identifier;
    uint64_t inner;
    if (!is_external(tables, peer, envelope) || !take_header(&r, &identifier, &inner) || identifier != 0x28 ||
        inner != length - (beginning.len - reader_left(&r)))
        return false;
    if (!take_header(&r, &identifier, &inner) || identifier != 0x06 || !inner || inner > reader_left(&r))
        return false;
    char dotted[MTS_EXTERNAL_HEAD * 4];
    *type = reader_take(&r, (size_t)inner);
    if (!ber_oid_format(*type, dotted, sizeof dotted))
        return false;
    /* single-ASN1-type, or octet-aligned in one piece; an indirect reference or a descriptor tells of others
     */
    if (!take_header(&r, &identifier, &inner) || (identifier != 0xA0 && identifier != 0x81))
        return false;
    *offset = beginning.len - reader_left(&r);
    return inner == length - *offset && inner;
}
