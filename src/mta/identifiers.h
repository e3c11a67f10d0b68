/* The local identifiers that this MTA gives: those of messages, reports and probes. */
#ifndef MTA_IDENTIFIERS_H
#define MTA_IDENTIFIERS_H

#include <stdbool.h>

struct error;
struct mta;

/* From now on mta->id_prefix and mta->id_next make some that were never made before. */
bool identifiers_begin(struct mta *mta, struct error *err);

#endif
