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
json_t *request_user_remove(struct client *client, json_t *request);
/* users_many.c: forgets users that the client gave and has not added; it is gone, say. */
void users_leave(struct client *client);

/* ---- queue.c ---- */

json_t *request_queue_list(struct client *client, json_t *request);
json_t *request_queue_show(struct client *client, json_t *request);
json_t *request_queue_change(struct client *client, json_t *request);

/* ---- track.c ---- */

json_t *request_track(struct client *client, json_t *request);
/* The events under a key, appended to `events`. False: they can't be read now, for `err`. */
bool track_events(const struct view *view, struct span key, json_t *events, struct error *err);
/* Whether a report's subject is a probe: the report does not tell, our own record does, while it is kept.
 * False: it can't be read now, for `err`. */
bool track_is_probe(const struct view *view, struct span subject, bool *probe, struct error *err);
/* A read failed that may work in a moment: what it was to tell may be there all the same. */
bool track_failed_for_now(const struct error *err);

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
