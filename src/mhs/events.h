/* The history of a message as the daemon tells it (`events` of docs/local-protocol.md). */
#ifndef MHS_EVENTS_H
#define MHS_EVENTS_H

#include <jansson.h>

/* Prints an array of events, one a line: time, event, peer, recipients, detail. */
void events_print(const json_t *events);

/* What an operator did, and why, with his name: `uid 0: a test` is `root (uid 0): a test`. */
json_t *events_by(const char *detail);

/* Gives those that an operator made a member `user`, where the number has a name here. */
void events_name_users(const json_t *events);

#endif
