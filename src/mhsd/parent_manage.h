/* What operators ask of the parent, through the process of the clients (manage.h says what of it is answered
 * at once). */
#ifndef MHSD_PARENT_MANAGE_H
#define MHSD_PARENT_MANAGE_H

#include "mhsd/parent_child.h"

/* IPC_MANAGE, as in parent_frames.h. One reload at a time is answered, and one config-diff. */
bool parent_take_request(struct child *child, uint64_t ref, struct span payload);

/* The process of the clients is gone, and with it who asked. */
void parent_forget_asker(struct parent *parent);

#endif
