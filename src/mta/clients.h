/*
 * The process of the clients, and the clients that it speaks for: it alone says who they are. A switch and a
 * reader may have several, while one takes another's place.
 */
#ifndef MTA_CLIENTS_H
#define MTA_CLIENTS_H

#include "base/map.h"
#include "ipc/channel.h"
#include "ipc/door.h"

struct mta;
struct view;

struct clients_process {
    struct view *view;
    struct mta *mta; /* NULL: in a reader */
    struct clients_process *next;
    uint32_t number; /* never used again: effects name it so */
    struct ipc_channel *channel;
    struct ipc_holder holder;
    struct map clients;
};

/* A new channel; takes over `fd`. */
bool clients_attach(struct event_base *loop, struct view *view, struct mta *mta, int fd,
                    const struct ipc_holder *holder);
/* Closes all channels of the view. */
void clients_close(struct view *view);

#endif
