/* What operators ask of the parent about the configuration (docs/local-protocol.md), in JSON. */
#ifndef MHSD_MANAGE_H
#define MHSD_MANAGE_H

#include <jansson.h>

#include "mhsd/config.h"

/* The answer to config-show and config-diff; to anything else an error. `path` is the configuration's file.
 */
json_t *manage_answer(const char *path, const struct config *running, const json_t *request);

/* The answer to a reload that was done, and to one that was refused. */
json_t *manage_reloaded(const struct config_report *report);
json_t *manage_refused(const struct config_report *report);

/* Adds lines to the warnings of an answer; one that has none is left alone. NULL is allowed. */
void manage_add_warnings(json_t *answer, struct span warnings);

/* An error of that code. */
json_t *manage_error(const char *code, const char *text);

/* Calls `send` with the octets of each response that makes up `answer` (consumed), in order. */
void manage_send(json_t *answer, void (*send)(void *context, struct span payload), void *context);

#endif
