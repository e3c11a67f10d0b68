/* Who asked for a report (X.411 §14). The originator asks for none, non-delivery or report; the originating
 * MTA for non-delivery, report or audited, never less. */
#include "mts/mts_private.h"

enum {
    MTA_REPORT = x411_PerRecipientIndicators_originating_MTA_report,
    MTA_NON_DELIVERY = x411_PerRecipientIndicators_originating_MTA_non_delivery_report,
    ORIGINATOR_REPORT = x411_PerRecipientIndicators_originator_report,
    ORIGINATOR_NON_DELIVERY = x411_PerRecipientIndicators_originator_non_delivery_report
};

/* A non-delivery is always told: one of the MTA's bits shall be one, and an envelope that breaks this means
 * the least. */
bool report_wanted(const struct ber_bits *indicators, bool delivered) {
    return !delivered || ber_bit(indicators, MTA_REPORT) || ber_bit(indicators, ORIGINATOR_REPORT);
}

bool report_wanted_by_originator(const struct ber_bits *indicators, bool delivered) {
    return ber_bit(indicators, ORIGINATOR_REPORT) ||
           (!delivered && ber_bit(indicators, ORIGINATOR_NON_DELIVERY));
}

/* The intermediate trace is told "if and only if" all recipients of the subject, whether this report speaks
 * of them or not, asked for audited-report (ICAO Doc 9880 IIB 4.5.6.2.12, which repeats X.411). */
bool report_audited_for_all(const struct subject *subject) {
    const struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    for (size_t i = 0; i < envelope->per_recipient_fields.count; i++) {
        const struct ber_bits *indicators = &envelope->per_recipient_fields.items[i].per_recipient_indicators;
        if (!ber_bit(indicators, MTA_REPORT) || !ber_bit(indicators, MTA_NON_DELIVERY))
            return false;
    }
    return true;
}
