/*
 * The readers, which answer for mailboxes: each has a channel whose end comes
 * through the door. A question goes to one of them; where the configuration has
 * none the store process answers. One that ends takes its question with it: the service of who asked
 * hears of that (`reader_lost`) and asks anew.
 *
 * A reader has one question at a time, so that no more is asked than is answered:
 * the rest waits in the associations, goes with them, and is asked in turn
 * (`reader_free`), which goes by user: who has many associations is one.
 */
#ifndef PROTOCOL_MAILBOX_READERS_H
#define PROTOCOL_MAILBOX_READERS_H

#include "protocol/net_private.h"

/* Takes over the door. */
bool mailbox_readers_open(struct net *net, int door);
void mailbox_readers_close(struct net *net);

enum mailbox_asked {
    MAILBOX_ASKED,
    MAILBOX_WAITS, /* for its turn: it was not asked */
    MAILBOX_FAILED /* who answers can't take more */
};

struct mailbox_question {
    enum ipc_type type;
    uint64_t ref; /* the association for which it is asked */
    struct span head, body;
};

/* `*reader` names who was asked, NULL: the store process, or nobody yet. */
enum mailbox_asked mailbox_readers_ask(struct net *net, const struct mailbox_question *question,
                                       const void **reader);

#endif
