/* Answers to the operations of a user who is bound (X.419 §9.3, X.411 §8.2 to §8.4). */
#ifndef MTA_USER_ANSWER_H
#define MTA_USER_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "ipc/frames.h"

struct user_association;

/* Abstract errors of the submission, delivery and administration ports, by X.419's codes (schema/x419.asn1).
 */
enum user_error {
    USER_SUBMISSION_CONTROL_VIOLATED = 1,
    USER_ORIGINATOR_INVALID = 2,
    USER_RECIPIENT_IMPROPERLY_SPECIFIED = 3,
    USER_ELEMENT_OF_SERVICE_NOT_SUBSCRIBED = 4,
    USER_OLD_CREDENTIALS_INCORRECTLY_SPECIFIED = 5,
    USER_NEW_CREDENTIALS_UNACCEPTABLE = 6,
    USER_MESSAGE_SUBMISSION_IDENTIFIER_INVALID = 7,
    USER_DEFERRED_DELIVERY_CANCELLATION_REJECTED = 8,
    USER_REGISTER_REJECTED = 10,
    USER_INCONSISTENT_REQUEST = 11,
    USER_SECURITY_ERROR = 12,
    USER_UNSUPPORTED_CRITICAL_FUNCTION = 13,
    USER_OPERATION_REFUSED = 16,
};

/* Invoke problems of a reject (X.880 §9.6). */
enum user_problem {
    USER_MISTYPED_ARGUMENT = 2,
    USER_RESOURCE_LIMITATION = 3,
    USER_RELEASE_IN_PROGRESS = 4,
};

/* Answers now. `invocation` is the net process's number. */
void user_answer(const struct user_association *association, uint32_t invocation, enum ipc_user_answer what,
                 uint16_t code, struct span value);
/* An error without a parameter. */
void user_error(const struct user_association *association, uint32_t invocation, enum user_error error);
void user_reject(const struct user_association *association, uint32_t invocation, enum user_problem problem);

/* A result, when the batch is on disk (I1); when it is not, the invocation is rejected with
 * resource-limitation. False without memory. */
bool user_result_after_commit(const struct user_association *association, uint32_t invocation, uint16_t code,
                              struct span result);

#endif
