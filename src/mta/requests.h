/*
 * The operations that a client can ask for (request.c has the table; docs/local-protocol.md says what each
 * takes and gives). Each returns the answer, or the error, and leaves `request` alone.
 */
#ifndef MTA_REQUESTS_H
#define MTA_REQUESTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct client;
struct mta;
struct peer;
struct view;

/* A frame of type IPC_REQUEST: runs the operation, answers now, after the commit, or later. */
void request_run(struct client *client, uint64_t ref, struct span payload);

/* ---- mailbox.c ---- */

json_t *request_mailboxes(struct client *client, json_t *request);
json_t *request_mailbox_list(struct client *client, json_t *request);
json_t *request_mailbox_show(struct client *client, json_t *request);
json_t *request_mailbox_mark(struct client *client, json_t *request);
json_t *request_mailbox_delete(struct client *client, json_t *request);

/* ---- user_requests.c ---- */

json_t *request_users(struct client *client, json_t *request);
json_t *request_user_add(struct client *client, json_t *request);
json_t *request_user_set(struct client *client, json_t *request);
json_t *request_user_reset(struct client *client, json_t *request);
json_t *request_user_remove(struct client *client, json_t *request);
/* users_many.c: forgets users that the client gave and has not added; it is gone, say. */
void users_leave(struct client *client);

/* ---- queue.c, queue_changes.c ---- */

json_t *request_queue_list(struct client *client, json_t *request);
json_t *request_queue_show(struct client *client, json_t *request);
json_t *request_queue_change(struct client *client, json_t *request);

/* ---- waiting_request.c ---- */

json_t *request_waiting(struct client *client, json_t *request);

/* ---- cancel_request.c ---- */

json_t *request_cancel(struct client *client, json_t *request);

/* ---- track.c ---- */

json_t *request_track(struct client *client, json_t *request);

/* ---- status.c, route.c ---- */

json_t *request_status(struct client *client, json_t *request);
json_t *request_peers(struct client *client, json_t *request);
json_t *request_route(struct client *client, json_t *request);

/* ---- peer_operator.c ---- */

/* Who disabled a peer, and why: `uid 0: they move house`; null of one that is not. */
json_t *peer_why_disabled(struct mta *mta, const struct peer *peer);

json_t *request_peer_able(struct client *client, json_t *request);
json_t *request_peer_retry(struct client *client, json_t *request);

/* ---- ping.c ---- */

/* NULL: the answer follows when the net process has one. */
json_t *request_ping(struct client *client, json_t *request);

/* ---- backup.c ---- */

json_t *request_backup_begin(struct client *client, json_t *request);
json_t *request_backup_end(struct client *client, json_t *request);
/* The client is gone. */
void backup_leave(const struct client *client);

#endif
