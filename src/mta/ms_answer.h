/* Users of a message store (X.413): what they ask of their mailbox, answered from rows of the store. */
#ifndef MTA_MS_ANSWER_H
#define MTA_MS_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "store/store.h"

/* The kind of the record that has a user's registrations; its name is his key. */
#define MS_REGISTERED (STORE_KIND_OTHER + 5)

struct ipc_channel;
struct view;

/* Frames of a net process about one of its associations; answered there. False: against the rules of the
 * frames. A wrong seal is answered as if the mailbox were not there. */
bool ms_answer_ask(struct view *view, struct ipc_channel *net, uint64_t ref, struct span payload);
bool ms_answer_read(struct view *view, struct ipc_channel *net, uint64_t ref, struct span payload);

#endif
