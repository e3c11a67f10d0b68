/* Cancel-deferred-delivery (X.411 §8.2.1.3). */
#ifndef MTA_USER_CANCEL_H
#define MTA_USER_CANCEL_H

#include <stdint.h>

#include "base/span.h"

struct user_association;

/* Answers, when it is on disk or at once. `argument` is a MessageSubmissionIdentifier. */
void user_cancel(struct user_association *association, uint32_t invocation, struct span argument);

#endif
