/*
 * What became of messages that one sent: from their histories on this MTA
 * (mhs/histories.h), and from what came back into the originator's mailbox:
 * reports, receipts, replies.
 *
 * One outcome is told of each recipient, for he has one row, however the
 * envelope, an event, a report, a receipt or a reply spells his address (mhs/address.h's
 * keys); it shows the first spelling that was told. An event that names nobody
 * is about the copies that it means: those that wait here for its `peer`, or,
 * without one, all that wait here. A row is looked up by its address, its
 * number or what its copy waits for, never searched: all costs as much as there are
 * events, steps and answers, for the 32,000 recipients that a message may have
 * as for one.
 *
 * An outcome in JSON is {"mts-identifier", "submitted", "recipients": [{"recipient",
 * "state", "steps": [{"step", "time", "detail"}]}]}; the state is the last step, or
 * what is waited for. `"probe": true` stands in a probe's, and `"truncated": true` where the
 * MTA's record has more than it told.
 */
#ifndef MHS_OUTCOME_H
#define MHS_OUTCOME_H

#include <jansson.h>
#include <stdint.h>

#include "mhs/command.h"

struct outcome {
    json_t *json;
    const char *identifier; /* the MTS-identifier, in the former */
    int64_t submitted;      /* seconds since 1970 */
    bool probe;
    /* Where its rows are found, each with what is known of it but not shown: {"row", "index", "at" (what its
     * copy waits for here), "before" (the state before it was held)}. */
    json_t *by_address; /* {"KEY": place} */
    json_t *by_number;  /* {"NUMBER in the envelope": place}: of those that had it the last */
    json_t *under_way;  /* {"AT": {"INDEX": place}} */
    json_t *routed;     /* the place that the last event gave a way */
};

/* Those of several messages, in the order in which they were added. */
struct outcomes {
    struct outcome *items;
    size_t count, room;
    json_t *by_identifier; /* {"MTS-IDENTIFIER": index} */
};

void outcomes_init(struct outcomes *outcomes);
void outcomes_free(struct outcomes *outcomes);

/* Adds that of a history (mhs/histories.h). False without memory; said. */
bool outcomes_add(struct outcomes *outcomes, const json_t *history);

/* The longest name of a step. */
enum { OUTCOME_STEP_COLUMNS = 15 };

/* The outcome of a message, or NULL. */
struct outcome *outcomes_find(const struct outcomes *outcomes, const char *identifier);

/* Adds what came back into a mailbox. Returns the exit code; what is wrong was said. */
enum command_status outcomes_add_answers(struct outcomes *outcomes, const char *mailbox);

/* Asks for the messages that an IPM-identifier of ours may have been given to (mhs/correlator.h). Returns the
 * exit code; what is wrong was said. */
enum command_status outcomes_of_ipm(const char *ipm, struct outcomes *found);

/* That of those which somebody's answer is on: several messages may share a content identifier, and blind
 * copies an IPM-identifier. NULL: there are none. */
struct outcome *outcomes_meant(const struct outcomes *found, const char *ipm, const char *answerer);

/* True when the message has a row for this address. */
bool outcome_names(const struct outcome *outcome, const char *address);

/* The row of a recipient, made where there is none (who got it by a list, say), and a step more in it;
 * `detail` may be NULL. */
json_t *outcome_row(struct outcome *outcome, const char *address);
void outcome_add_step(json_t *row, const char *step, const char *time, const char *detail);

/* `delivered`, `read`: good; `failed`, `not read`: bad; a line of a list has it in that style. */
bool outcome_is_good(const char *state);
bool outcome_is_bad(const char *state);

#endif
