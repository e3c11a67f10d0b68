/*
 * Who may invoke what, and what it may be answered with (X.413 §8, §16). The
 * user has opened the association: retrieval and submission are his, the store
 * invokes alert and submission-control. In the contexts of 1988 submission is
 * P3's own, and administration is in all.
 */
#include "protocol/p3.h"
#include "protocol/p7.h"
#include "schema/x419.h"

#define COUNT(errors) errors, sizeof(errors) / sizeof *(errors)

/* Security-error is 12 in X.411 and 26 in X.419's P7 (schema/x419.asn1). */
static const int64_t entries[] = {21, 29, 25, 12, 26, 27, 34, 31},
                     fetch[] = {21, 24, 29, 25, 12, 26, 28, 27, 34, 31},
                     delete[] = {23, 29, 25, 12, 26, 28, 27, 34, 31},
                     registration[] = {21, 22, 29, 12, 26, 27, 5, 6, 30, 31, 32}, alert[] = {12, 26},
                     modify[] = {21, 29, 25, 12, 26, 28, 27, 33, 30, 34, 31},
                     submission[] = {1, 2, 3, 4, 11, 12, 13, 15, 27, 30, 31, 34}, cancel[] = {7, 8, 12, 15},
                     control[] = {12, 15};

#define RETRIEVAL(syntax)                                                                                    \
    {syntax, x419_op_summarize, 2, OSI_RO_BY_INITIATOR, COUNT(entries)},                                     \
        {syntax, x419_op_list, 2, OSI_RO_BY_INITIATOR, COUNT(entries)},                                      \
        {syntax, x419_op_fetch, 2, OSI_RO_BY_INITIATOR, COUNT(fetch)},                                       \
        {syntax, x419_op_delete, 2, OSI_RO_BY_INITIATOR, COUNT(delete)},                                     \
        {syntax, x419_op_register_ms, 2, OSI_RO_BY_INITIATOR, COUNT(registration)}, {                        \
        syntax, x419_op_alert, 2, OSI_RO_BY_RESPONDER, COUNT(alert)                                          \
    }

const struct osi_operation p7_operations[P7_OPERATIONS] = {
    RETRIEVAL(OSI_SYNTAX_MRSE_88),
    RETRIEVAL(OSI_SYNTAX_MRSE_94),
    {OSI_SYNTAX_MRSE_94, x419_op_modify, 2, OSI_RO_BY_INITIATOR, COUNT(modify)},
    {OSI_SYNTAX_MS_MSSE, x419_op_ms_message_submission, 2, OSI_RO_BY_INITIATOR, COUNT(submission)},
    {OSI_SYNTAX_MS_MSSE, x419_op_ms_probe_submission, 2, OSI_RO_BY_INITIATOR, COUNT(submission)},
    {OSI_SYNTAX_MS_MSSE, x419_op_ms_cancel_deferred_delivery, 2, OSI_RO_BY_INITIATOR, COUNT(cancel)},
    {OSI_SYNTAX_MS_MSSE, x419_op_ms_submission_control, 2, OSI_RO_BY_RESPONDER, COUNT(control)},
};

const struct osi_operation *user_operations(size_t *count) {
    static struct osi_operation all[P3_OPERATIONS + P7_OPERATIONS];
    *count = P3_OPERATIONS + P7_OPERATIONS;
    for (size_t i = 0; !all[0].syntax && i < *count; i++)
        all[*count - 1 - i] = *count - 1 - i < P3_OPERATIONS ? p3_operations[*count - 1 - i]
                                                             : p7_operations[*count - 1 - i - P3_OPERATIONS];
    return all;
}
