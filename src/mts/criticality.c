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

const struct x411_ExtensionField *criticality_unknown(const struct x411_Extensions *extensions,
                                                      unsigned bit) {
    for (size_t i = 0; i < extensions->count; i++) {
        const struct x411_ExtensionField *field = &extensions->items[i];
        if (extension_critical(field, bit) && !is_known(extension_number(field)))
            return field;
    }
    return NULL;
}
