/*
 * The readers, which answer for mailboxes: each has a channel whose end comes
 * through the door. A question goes to one of them; without any the store process
 * answers. One that ends takes the questions with it: the services of those who
 * asked hear of that (`reader_lost`) and ask anew.
 */
#ifndef PROTOCOL_MAILBOX_READERS_H
#define PROTOCOL_MAILBOX_READERS_H

#include "protocol/net_private.h"

/* Takes over the door. */
bool mailbox_readers_open(struct net *net, int door);
void mailbox_readers_close(struct net *net);

/* Asks on behalf of that association. `*reader` names who was asked, NULL: the store process. False: it can't
 * take more. */
bool mailbox_readers_ask(struct net *net, enum ipc_type type, uint64_t ref, struct span head,
                         struct span body, const void **reader);

#endif
