/*
 * Who may invoke what, and what it may be answered with (X.411 §8.2 to §8.4). All are of class 2. The user
 * has opened the association: in mts-access the initiator consumes the services of the submission port, to
 * which the MTS may say submission-control; deliveries are invoked by the MTS, delivery-control by the user.
 * Register is the user's, change-credentials of both. X.411 has no operation-refused for deliveries, but
 * users' programs that say it mean a refusal.
 */
#include "protocol/p3.h"
#include "schema/x419.h"

#define COUNT(errors) errors, sizeof(errors) / sizeof *(errors)

static const int64_t submission[] = {1, 2, 3, 4, 11, 12, 13, 15}, probe[] = {1, 2, 3, 4, 11, 12, 13, 15},
                     cancel[] = {7, 8, 15}, submission_control[] = {12, 15},
                     message_delivery[] = {1, 12, 13, 16}, report_delivery[] = {1, 12, 13, 16},
                     delivery_control[] = {12, 14, 16}, registration[] = {10, 12, 15, 16},
                     credentials[] = {5, 6, 12, 15};

#define DELIVERY(syntax)                                                                                     \
    {syntax, x419_op_message_delivery, 2, OSI_RO_BY_RESPONDER, COUNT(message_delivery)},                     \
        {syntax, x419_op_report_delivery, 2, OSI_RO_BY_RESPONDER, COUNT(report_delivery)}, {                 \
        syntax, x419_op_delivery_control, 2, OSI_RO_BY_INITIATOR, COUNT(delivery_control)                    \
    }

#define ADMINISTRATION(syntax)                                                                               \
    {syntax, x419_op_register, 2, OSI_RO_BY_INITIATOR, COUNT(registration)}, {                               \
        syntax, x419_op_change_credentials, 2, OSI_RO_BY_BOTH, COUNT(credentials)                            \
    }

const struct osi_operation p3_operations[P3_OPERATIONS] = {
    {OSI_SYNTAX_MSSE, x419_op_message_submission, 2, OSI_RO_BY_INITIATOR, COUNT(submission)},
    {OSI_SYNTAX_MSSE, x419_op_probe_submission, 2, OSI_RO_BY_INITIATOR, COUNT(probe)},
    {OSI_SYNTAX_MSSE, x419_op_cancel_deferred_delivery, 2, OSI_RO_BY_INITIATOR, COUNT(cancel)},
    {OSI_SYNTAX_MSSE, x419_op_submission_control, 2, OSI_RO_BY_RESPONDER, COUNT(submission_control)},
    DELIVERY(OSI_SYNTAX_MDSE_88),
    DELIVERY(OSI_SYNTAX_MDSE_94),
    ADMINISTRATION(OSI_SYNTAX_MASE_88),
    ADMINISTRATION(OSI_SYNTAX_MASE_94),
};
