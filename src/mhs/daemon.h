/*
 * The session that a command works with (chasqui/mhs.h), and how its errors are
 * said. It is opened at the first use and shared by all that a command does.
 */
#ifndef MHS_DAEMON_H
#define MHS_DAEMON_H

#include <jansson.h>

#include "chasqui/mhs.h"
#include "mhs/command.h"

/* Never NULL: without memory for it the command ends. Nothing is connected yet. */
struct mhs_session *daemon_session(void);

/* Says why the session's last function failed, unless daemon_quiet is on, and returns the exit code for it.
 */
enum command_status daemon_failed(enum mhs_code code);

/*
 * Sends `request` (consumed; NULL when it could not be made), one of the
 * operations of docs/local-protocol.md, and collects the whole answer into
 * `*answer`, which the caller frees with json_decref. Returns COMMAND_OK, or says on
 * standard error what is wrong and returns the exit code for it.
 */
enum command_status daemon_request(json_t *request, json_t **answer);

/* Sends `request` (as daemon_request does) and shows the answer: as JSON when that was asked for, else by
 * `print`. */
enum command_status daemon_ask(json_t *request, void (*print)(const json_t *answer));

/* While on, a refusal is returned but not said: for questions that may fail. mhs_error_text and
 * mhs_error_name have it. */
void daemon_quiet(bool on);

void daemon_close(void);

#endif
