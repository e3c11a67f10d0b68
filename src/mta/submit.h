/* Local submission. */
#ifndef MTA_SUBMIT_H
#define MTA_SUBMIT_H

#include <stdint.h>

#include "base/span.h"
#include "ipc/frames.h"

struct client;
struct mta;

/* Frames of a client, who may be anybody: what is wrong with them is answered, and ends nothing else. False:
 * of another type. */
bool submit_frame(struct client *client, enum ipc_type type, uint64_t ref, struct span payload);
void submissions_free(struct client *client);
/* Each second: gives up those that nothing came of for long. `now`: monotonic µs. */
void submissions_tick(struct mta *mta, int64_t now);

#endif
