/* Frames of net processes that begin associations and end them. False: against the rules. */
#ifndef MTA_ADMISSION_H
#define MTA_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct net_process;

/* As outcome_awaits, of a bind. */
uint64_t admission_awaits(const struct net_process *net, uint64_t ref, struct span payload);
bool admission_bind(struct net_process *net, uint64_t ref, struct span payload);
bool admission_close(struct net_process *net, uint64_t ref, struct span payload);
bool admission_connect_failed(struct net_process *net, uint64_t ref, struct span payload);

#endif
