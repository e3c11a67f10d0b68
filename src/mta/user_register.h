/* Register and change-credentials of a user who is bound (X.411 §8.4.1): answered when they are on disk. */
#ifndef MTA_USER_REGISTER_H
#define MTA_USER_REGISTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct user_association;

void user_register(struct user_association *association, uint32_t invocation, struct span argument,
                   bool edition_1988);
void user_change_credentials(struct user_association *association, uint32_t invocation, struct span argument);

#endif
