/* What a mailbox's entries say, for selections (ms/select.h): each is looked at when it is asked about. */
#ifndef MTA_LOOKING_H
#define MTA_LOOKING_H

#include "base/arena.h"
#include "ms/select.h"

struct view;

struct looking {
    struct view *view;
    struct ms_mailbox mailbox;
    struct arena arena; /* of the entry that is looked at */
    struct span value;
};

/* `mailbox` 0: nothing was ever delivered. */
bool looking_begin(struct looking *looking, struct view *view, uint32_t mailbox);
void looking_end(struct looking *looking);

#endif
