/* What users who take deliveries by P3 get: their associations, and the ready copies for them. */
#ifndef MTA_USER_PUMP_H
#define MTA_USER_PUMP_H

struct destination_operations;

/* Of a user's agent (user_agent.h): its copies are held while nobody is bound, and go one at a time to each
 * association. */
extern const struct destination_operations user_agent_operations;

#endif
