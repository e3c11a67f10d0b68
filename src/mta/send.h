/* Transfers out. */
#ifndef MTA_SEND_H
#define MTA_SEND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct association;
struct mta;
struct mts_schedule;
struct work;

/* How long, and how often, copies of a lane are tried. */
const struct mts_schedule *send_schedule(const struct mta *mta, uint8_t lane);
/* Gives the work to the idle association. False: not now (the store fails), or the work was ended as it can't
 * be sent. */
bool send_start(struct association *association, struct work *work);
bool send_read(struct association *association, struct span payload);
bool send_checkpoint(struct association *association, struct span payload);
bool send_ended(struct association *association, struct span payload);
/* The association is gone with its transfer: in doubt. */
void send_lost(struct association *association);

#endif
