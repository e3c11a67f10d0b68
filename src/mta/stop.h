/*
 * A stop of the switch, which mta->stopping asks for: transfers under way end, clients hear their answers,
 * associations are released, and what was never sent is in doubt no more.
 */
#ifndef MTA_STOP_H
#define MTA_STOP_H

struct mta;

/* µs. How long a stop waits for the store, each time that it has to. */
#define STOP_SETTLE_MOST SECOND

/* Octets of what a stop waits for. */
#define STOP_TEXT 200

/* Which transfers end first, how long they may take, and how to end them at once: for the log and operators.
 */
const char *stop_waits_for(const struct mta *mta, char text[static STOP_TEXT]);

/* Each second: does what can be done now, and ends the process when all is. Each step has a time of its own,
 * after which the stop goes on without it. */
void stop_go_on(struct mta *mta);

#endif
