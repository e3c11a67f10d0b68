/*
 * What became of a message, recipient by recipient: from its history on this MTA
 * (`track` of docs/local-protocol.md), and from what came back into the
 * originator's mailbox: reports, receipts, replies.
 *
 * An outcome is {"mts-identifier", "submitted", "recipients": [{"recipient", "state",
 * "steps": [{"step", "time", "detail"}]}]}; the state is the last step, or what is waited for. One recipient
 * has one row, however his address is spelled; it shows the first spelling that was told of.
 */
#ifndef MHS_OUTCOME_H
#define MHS_OUTCOME_H

#include <jansson.h>

#include "mhs/command.h"

/* Out of an element of `track`'s answer; outcome_complete ends what was begun here. */
json_t *outcome_of_history(const json_t *message);

/* What came back into a mailbox since then (seconds since 1970): read once, for several outcomes. NULL when
 * it could not be read; said. */
json_t *outcome_answers(const char *mailbox, int64_t since);

/* Adds to an outcome those of the answers that are on its message. False when the daemon could not be asked;
 * said. */
bool outcome_add_answers(json_t *outcome, json_t *answers);

/* All is told: what was kept to find its rows by goes. */
void outcome_complete(json_t *outcome);

/* The row of a recipient, made where there is none (who got it by a list, say), and a step more in it;
 * `detail` may be NULL. */
json_t *outcome_row(json_t *outcome, const char *address);
void outcome_add_step(json_t *row, const char *step, const char *time, const char *detail);

/* `delivered`, `read`: good; `failed`, `not read`: bad; a line of a list has it in that style. */
bool outcome_is_good(const char *state);
bool outcome_is_bad(const char *state);

#endif
