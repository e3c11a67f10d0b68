/* The life of the store process, and of a reader. */
#ifndef MTA_RUN_H
#define MTA_RUN_H

#include "mta/mta.h"

/* What is done each second. */
void mta_tick(struct mta *mta);
/* Takes over the descriptors of a process of its own. */
bool mta_attach(struct mta *mta, const struct mta_descriptors *descriptors);

/* What the switch and a reader have in common: an empty one, which `open` then fills; as mta_new. */
struct mta *mta_make(struct event_base *loop, const struct mta_config *config,
                     const struct mta_reload *reload, bool open(struct mta *mta, struct error *err),
                     struct error *err);

/* Runs `mta` until it is stopped, and frees both; NULL: says why, by `err`. Returns the process's exit
 * status. */
int mta_serve(struct event_base *loop, struct mta *mta, const struct mta_descriptors *descriptors,
              const struct error *err);

#endif
