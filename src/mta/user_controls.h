/*
 * Delivery controls of a user who is bound (X.411 §8.3.1.3): they hold on his association until he changes
 * them or it ends; without any, those that he has registered. What they hold up is barred in the schedule,
 * and looked at again when they change, or somebody else of his binds or goes.
 */
#ifndef MTA_USER_CONTROLS_H
#define MTA_USER_CONTROLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct copy;
struct mta;
struct user_agent;
struct user_association;

/* The operation, in the form of 1988 or of 1994: answers it. */
void user_delivery_control(struct user_association *association, uint32_t invocation, struct span argument,
                           bool edition_1988);

/* An idle association of the agent whose controls let the copy (in mta->arena) through; NULL: none does, and
 * `*later` says whether one that is not idle would. */
struct user_association *user_controls_choose(struct mta *mta, const struct user_agent *agent,
                                              const struct copy *copy, bool *later);

#endif
