#include "ms/auto_action.h"

#include "asn1/table.h"
#include "schema/x413at.h"
#include "schema/x420aa.h"

#define OCTETS(...)                                                                                          \
    { (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}) }
#define GENERAL(number) OCTETS(0x56, 4, 4, number)
#define IPM(number)     OCTETS(0x56, 1, 15, number)

/* Auto-forward is X.420's with an identifier of X.413's. */
static const struct ms_auto_action actions[] = {
    {"auto-alert", GENERAL(1), &x413at_AutoAlertRegistrationParameter_type, MS_GENERAL, MS_1988,
     MS_ON_DELIVERY},
    {"auto-correlate-reports", GENERAL(2), NULL, MS_GENERAL, MS_1994, MS_ON_CREATION},
    {"auto-delete", GENERAL(3), NULL, MS_GENERAL, MS_1994, MS_ON_TIME},
    {"auto-modify", GENERAL(4), &x413at_AutoModifyRegistrationParameter_type, MS_GENERAL, MS_1994,
     MS_ON_CREATION},
    {"ipm-auto-forward", GENERAL(0), &x420aa_IPMAutoForwardParameter_type, MS_IPM, MS_1988, MS_ON_DELIVERY},
    {"ipm-auto-acknowledgement", IPM(0), &x420aa_IPMAutoAcknowledgementRegistrationParameter_type, MS_IPM,
     MS_1994, MS_ON_PROCESSED},
    {"ipm-auto-correlate", IPM(1), NULL, MS_IPM, MS_1994, MS_ON_CREATION},
    {"ipm-auto-discard", IPM(2), &x420aa_IPMAutoDiscardRegistrationParameter_type, MS_IPM, MS_1994,
     MS_ON_TIME},
    {"ipm-auto-advise", IPM(3), &x420aa_IPMAutoAdviseRegistrationParameter_type, MS_IPM, MS_1994,
     MS_ON_DELIVERY},
};

const struct ms_auto_action *ms_auto_action_at(size_t index) {
    return index < sizeof actions / sizeof actions[0] ? &actions[index] : NULL;
}

const struct ms_auto_action *ms_auto_action_by_oid(struct span oid) {
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (span_eq(actions[i].oid, oid))
            return &actions[i];
    return NULL;
}
