/* Peers as `status` and `peer-status` show them. Resets mta->arena. */
#ifndef MTA_PEER_SHOW_H
#define MTA_PEER_SHOW_H

#include <jansson.h>

struct destination;
struct mta;
struct peer;

/* An array of all, or of `only`. */
json_t *peers_shown(struct mta *mta, const struct peer *only);

/* The error that no peer has the name, with the one that was meant, if one is near. */
json_t *peer_unknown(const struct mta *mta, const char *name);

/* Adds one to the array `peers` of the answer. */
void peer_show(struct mta *mta, struct destination *destination, json_t *status);

#endif
