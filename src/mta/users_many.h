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
/* The process is about to end: who waits only for those that are on disk to enter the rules is told that they
 * are added; who comes behind, or is looked at still, that nobody was. Only what flies has no answer yet. */
void users_many_stop(struct mta *mta);
void users_many_free(struct mta *mta);

/* Why no other request may change the user of this address now, or give someone this directory name (NULL:
 * none): one that is being added has it. NULL: it may. */
json_t *users_many_hinder(const struct mta *mta, const char *address, const char *directory_name);

#endif
