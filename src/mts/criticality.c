/*
 * Criticality (X.411 §9.1): an extension that is critical for a stage and
 * whose meaning the MTA does not know must not pass that stage. For-transfer
 * is judged by every MTA, for-delivery by the delivering one; for-submission
 * has no meaning in P1.
 */
#include "mts/mts_private.h"

/* Standard extensions whose meaning is known here (X.411 §9.1, X.413 and X.420 for the ones that they
 * define). */
static bool is_known(int64_t number) {
    if (number < 1 || number > 46)
        return false;
    return number != 27 && number != 29 && (number < 31 || number > 37) && number != 21;
}

/* The same of reports (X.411 §12.2.1.3): all but what stands in submissions and deliveries of messages alone.
 */
static bool is_known_in_report(int64_t number) {
    return number >= 1 && number <= 46 && (number < 34 || number > 37);
}

static const struct x411_ExtensionField *first_unknown(const struct x411_Extensions *extensions, unsigned bit,
                                                       bool (*known)(int64_t number)) {
    for (size_t i = 0; i < extensions->count; i++) {
        const struct x411_ExtensionField *field = &extensions->items[i];
        if (extension_critical(field, bit) && !known(extension_number(field)))
            return field;
    }
    return NULL;
}

const struct x411_ExtensionField *criticality_unknown(const struct x411_Extensions *extensions,
                                                      unsigned bit) {
    return first_unknown(extensions, bit, is_known);
}

bool criticality_unknown_in_report(const struct x411_Report *report, unsigned bit) {
    const struct x411_ReportTransferContent *content = &report->content;
    if (first_unknown(&report->envelope.extensions, bit, is_known_in_report) ||
        first_unknown(&content->extensions, bit, is_known_in_report))
        return true;
    for (size_t i = 0; i < content->per_recipient_fields.count; i++)
        if (first_unknown(&content->per_recipient_fields.items[i].extensions, bit, is_known_in_report))
            return true;
    return false;
}
