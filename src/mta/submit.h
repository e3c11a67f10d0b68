/* Local submission. */
#ifndef MTA_SUBMIT_H
#define MTA_SUBMIT_H

#include <stdint.h>

#include "base/span.h"
#include "ipc/frames.h"

struct client;
struct mta;

/* Frames of a client of the store process, who may be anybody: what is wrong with them is answered, and ends
 * nothing else. */
void submit_begin(struct client *client, uint64_t ref, struct span payload);
void submit_content(struct client *client, uint64_t ref, struct span payload);
void submit_end(struct client *client, uint64_t ref, struct span payload);
void submissions_free(struct client *client);
/* Each second: gives up those that nothing came of for long. `now`: monotonic µs. */
void submissions_tick(struct mta *mta, int64_t now);

#endif
