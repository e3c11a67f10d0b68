/*
 * The history of a message, probe or report, as answers tell it: what was recorded of it, in the order of
 * time,
 * {"mts-identifier", "message", "events", "truncated"}.
 */
#ifndef MTA_HISTORY_H
#define MTA_HISTORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct client;
struct error;
struct view;

#define HISTORY_EVENTS_MOST 100000

/* NULL: nothing is known under this MTS-identifier. A store that can't be read now is told of, by `err`: what
 * it does not say may be there. */
json_t *history_of(const struct view *view, struct span identifier, struct error *err);

/* The events under a key of the store alone (event_message_key, say), appended to `events`. False: they can't
 * be read now, for `err`. */
bool history_events(const struct view *view, struct span key, json_t *events, struct error *err);

/* Whether a report's subject is a probe: the report does not tell, our own record does, while it is kept.
 * False: it can't be read now, for `err`. */
bool history_is_probe(const struct view *view, struct span subject, bool *probe, struct error *err);

/* A read failed that may work in a moment: what it was to tell may be there all the same. */
bool history_failed_for_now(const struct error *err);

/* An operator sees each, a user those that begin with his submission. */
bool history_may_see(struct client *client, json_t *history);

/* Adds a history (taken over) to the answer's messages: a long one in parts, of which all but the first say
 * that they continue it. */
void history_add(json_t *messages, json_t *history);

/* What it takes to look one up (NULL: which was not there) and to tell of it: about the work of looking at so
 * many events. A request spends HISTORY_COST_MOST, so that others have their turn. */
#define HISTORY_COST_MOST 100000u
size_t history_cost(const json_t *history);

#endif
