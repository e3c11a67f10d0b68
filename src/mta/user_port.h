/*
 * What a user who is bound by P3 asks for (X.411 §8.2 to §8.4): submissions, and the other operations. The
 * net process has found the operations and their arguments' ends; what an argument holds is decoded here. No
 * user's octets are a breach of the rules: what is wrong is answered.
 */
#ifndef MTA_USER_PORT_H
#define MTA_USER_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct mta;
struct user_association;

/* Frames. False: against the rules of the frames. */
bool user_submit_begin(struct user_association *association, struct span payload);
bool user_submit_content(struct user_association *association, struct span payload);
bool user_submit_end(struct user_association *association, struct span payload);
bool user_submit_stop(struct user_association *association, struct span payload);
bool user_request(struct user_association *association, struct span payload);

/* The user is up: he hears what he may not do from the first on. */
void user_port_open(struct user_association *association);
/* Each second: those who were told that nothing is taken hear when it is again, and a submission that nothing
 * came of for long is given up. `now`: monotonic µs. */
void user_ports_tick(struct mta *mta, int64_t now);

#endif
