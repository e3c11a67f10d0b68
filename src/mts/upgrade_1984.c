/*
 * The reverse of RFC 1328 §3 on arrival: a peer of 1984 with which it is agreed
 * writes common names as `Common`, and anybody may send to an address that is
 * carried below our own (§3.1, source routing through the gateway).
 */
#include "mts/mts_private.h"

static void upgrade_name(struct work *work, const struct rfc1328 *how, struct x411_ORName *name) {
    struct x411_ORName full;
    if (rfc1328_upgrade(how, name, work->arena, &full))
        *name = full;
}

static struct rfc1328 agreed_with(const struct work *work, int peer) {
    const struct mts_hop *hop = &work->tables->hops[peer].given;
    return (struct rfc1328){hop->edition == MTS_EDITION_1984 && hop->rfc1328, work->tables->rfc1328_address};
}

void upgrade_subject(struct work *work, int peer, struct subject *subject) {
    struct rfc1328 how = agreed_with(work, peer);
    struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    if (!how.common_name && !how.gateway)
        return;
    upgrade_name(work, &how, &envelope->originator_name);
    for (size_t i = 0; i < envelope->per_recipient_fields.count; i++) {
        recipient_fields *recipient = &envelope->per_recipient_fields.items[i];
        struct x411_ORName full;
        if (!rfc1328_upgrade(&how, &recipient->recipient_name, work->arena, &full))
            continue;
        recipient->recipient_name = full;
        recipient->raw = (struct span){NULL, 0};
    }
}

void upgrade_report(struct work *work, int peer, struct x411_Report *report) {
    struct rfc1328 how = agreed_with(work, peer);
    struct x411_ReportTransferContent *content = &report->content;
    size_t count = content->per_recipient_fields.count;
    if (!how.common_name && !how.gateway)
        return;
    struct x411_PerRecipientReportTransferFields *items = arena_array(work->arena, count + 1, sizeof *items);
    if (!items) {
        work->no_memory = true;
        return;
    }
    report->raw = report->envelope.raw = content->raw = (struct span){NULL, 0};
    upgrade_name(work, &how, &report->envelope.report_destination_name);
    for (size_t i = 0; i < count; i++) {
        items[i] = content->per_recipient_fields.items[i];
        items[i].raw = (struct span){NULL, 0};
        upgrade_name(work, &how, &items[i].actual_recipient_name);
        if (items[i].originally_intended_recipient_name)
            upgrade_name(work, &how, items[i].originally_intended_recipient_name);
    }
    content->per_recipient_fields.items = items;
}
