/* Transfers out. */
#ifndef MTA_SEND_H
#define MTA_SEND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/span.h"
#include "ipc/frames.h"

struct association;
struct ipc_channel;
struct mta;
struct mts_schedule;
struct store_content;
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

/* Octets of a content that a net process has asked for, and the frame in which they go to it. */
struct send_piece {
    struct ipc_channel *channel;
    enum ipc_type type;
    uint64_t ref;
    struct store_content *content;
    uint64_t offset;
    uint32_t length;
};

/* False, `err` says why unless the channel has ended: they can't be read, or there is no memory. */
bool send_piece(struct mta *mta, const struct send_piece *piece, struct error *err);

#endif
