/* What messages that one sent wait for on this MTA: as the daemon tells who submitted them (`waiting` in
 * docs/local-protocol.md). */
#ifndef MHS_WAITS_H
#define MHS_WAITS_H

#include <jansson.h>

#include "mhs/outcome.h"

/* Adds to each row that waits, or is in doubt, {"waits-for": {"next-hop", "state", "last-error", "next-try",
 * "expires"}}, where his copy still waits here. Returns the exit code; what is wrong was said. A daemon of a
 * former version tells nothing, which is not wrong. */
enum command_status outcomes_add_waits(struct outcomes *outcomes);

/* The same for people, as a JSON string. NULL: it does not wait, or for its time alone, which its steps tell.
 */
json_t *waits_text(const json_t *row);

#endif
