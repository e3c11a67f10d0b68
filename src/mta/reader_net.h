/* Net processes that ask a reader, for users of message stores. */
#ifndef MTA_READER_NET_H
#define MTA_READER_NET_H

#include "ipc/door.h"

struct event_base;
struct reader_net;
struct view;

/* Another one, which joins the list. False: no memory. */
bool reader_net_attach(struct event_base *loop, struct view *view, int fd, const struct ipc_holder *holder,
                       struct reader_net **list);
void reader_nets_close(struct reader_net **list);

#endif
