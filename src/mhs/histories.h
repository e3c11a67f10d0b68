/*
 * Histories of messages as `track` answers with them (docs/local-protocol.md),
 * whole: a long one comes in parts, and many come in pages.
 */
#ifndef MHS_HISTORIES_H
#define MHS_HISTORIES_H

#include <jansson.h>

#include "mhs/command.h"

/* Puts the parts of each history in an answer's `messages` together. */
void histories_join(json_t *messages);

/*
 * Sends `request` (consumed; a `track` without `after`), as often as there are
 * pages, and tells each history that comes; false: no more is wanted. Returns
 * the exit code; what is wrong was said.
 */
enum command_status histories_each(json_t *request, bool (*take)(void *context, const json_t *history),
                                   void *context);

/* It is that of a probe. */
bool history_is_of_probe(const json_t *history);

#endif
