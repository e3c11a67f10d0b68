/* Channels to net processes and to the process of the clients (mta_attach_net, mta_attach_clients of mta.h).
 */
#ifndef MTA_NET_H
#define MTA_NET_H

struct mta;

/* A batch has landed, or was undone: frames that waited for it are taken. */
void net_landed(struct mta *mta);

/* Closes all of them. */
void net_free_all(struct mta *mta);

#endif
