/*
 * Talking to the daemon over its local socket (docs/local-protocol.md). The
 * connection is opened at the first use and shared by all that a command does.
 */
#ifndef MHS_DAEMON_H
#define MHS_DAEMON_H

#include <jansson.h>

#include "base/buf.h"
#include "base/error.h"
#include "ipc/client.h"
#include "mhs/command.h"

#define MHS_DEFAULT_SOCKET "/run/chasqui/mhsd.sock"

/* How long a request may take; a ping is waited for as long as its layers' own timers run. */
#define MHS_TIMEOUT_MS (120 * 1000)

/* The connection, or NULL: the reason was said on standard error (return COMMAND_UNREACHABLE). */
struct ipc_client *daemon_connection(void);

/*
 * Sends `request` (consumed; NULL when it could not be made) and collects the
 * whole answer into `*answer`, which the caller frees with json_decref; arrays
 * of the same name in several responses are joined. Returns COMMAND_OK, or says on
 * standard error what is wrong and returns the exit code for it.
 */
enum command_status daemon_request(json_t *request, json_t **answer);

/* Sends `request` (as daemon_request does) and shows the answer: as JSON when that was asked for, else by
 * `print`. */
enum command_status daemon_ask(json_t *request, void (*print)(const json_t *answer));

/* Takes the error object of a response: says it and returns the exit code that fits its code. */
enum command_status daemon_refused(const json_t *error);

/* While on, a refusal is returned but not said: for questions that may fail. */
void daemon_quiet(bool on);
/* The error object of the last refusal that was not said, until the next one; NULL: there was none. */
const json_t *daemon_refusal(void);

/* Receives the frame that answers `ref`. An error response is said; false then, with the exit code in
 * `*status`. */
bool daemon_receive(uint64_t ref, enum ipc_type wanted, struct span *payload, enum command_status *status);

/* A reference that was not used before. */
uint64_t daemon_next_ref(void);

void daemon_close(void);

#endif
