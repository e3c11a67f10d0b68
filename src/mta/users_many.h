/* `user-add` of many: all of them in one commit, or none. */
#ifndef MTA_USERS_MANY_H
#define MTA_USERS_MANY_H

#include <jansson.h>

struct client;
struct mta;

/* An error, the answer to a request with `more`, or NULL: the answer follows. */
json_t *users_add_many(struct client *client, json_t *request);

/* The loop calls it while there is something to do. */
void users_on_adding(int fd, short what, void *arg);
void users_many_free(struct mta *mta);

#endif
