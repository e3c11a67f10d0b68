/* Local clients, the users they may act for, and their requests. */
#ifndef MTA_CLIENT_PRIVATE_H
#define MTA_CLIENT_PRIVATE_H

#include <jansson.h>

#include "mta/mta_private.h"

struct submission;

struct client {
    struct net *net;
    uint64_t ref;
    uint32_t uid, gid;
    uint64_t request;       /* ref of the one that is being run */
    struct map submissions; /* by the client's ref */
};

/* ---- users.c ---- */

struct local_user {
    char *address;        /* as the rules print it; names the mailbox */
    char *directory_name; /* RFC 4514, or NULL */
    uint32_t uid;
    bool has_uid, configured;
    bool in_rules;    /* of one that was added: the rules know it, for nobody else has its address */
    struct buf key;   /* of the address: equal for all its spellings */
    size_t same_hash; /* number of the next user whose key has the same hash, from 1; 0: none */
};

/* Those of the configuration and those added later, which also go into the rules' tables. */
bool users_load(struct mta *mta, struct error *err);
void users_free(struct mta *mta);
/* For a reader: loads them anew when the store process has changed them. */
void users_follow(struct mta *mta);
bool client_is_operator(const struct client *client);
/* The user with this address (any spelling), or NULL. */
const struct local_user *user_find(struct mta *mta, struct span address);
/* True if the client may act for the user. */
bool client_owns(const struct client *client, const struct local_user *user);
/* The text of an address in the form that names mailboxes; in the arena, or NULL with an error. */
const char *user_address(struct arena *arena, struct span text, struct error *err);

json_t *request_users(struct client *client, json_t *request);
json_t *request_user_add(struct client *client, json_t *request);
json_t *request_user_set(struct client *client, json_t *request);
json_t *request_user_remove(struct client *client, json_t *request);

/* ---- client.c: answers ---- */

/* The payload of an error (docs/local-protocol.md). */
json_t *client_error(const char *code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Answers now, in several frames when an array in the answer is long. The reference to `value` is taken over.
 */
void client_respond(struct client *client, uint64_t ref, json_t *value, bool last);
/* Answers when the batch is on disk; when it is not, `unavailable`. */
void client_respond_after_commit(struct client *client, uint64_t ref, json_t *value);
/* The same for a payload made beforehand, which is taken over. False without memory: nothing will be
 * answered. */
bool client_answer_after_commit(struct client *client, enum ipc_type type, uint64_t ref, struct bytes *bytes);
void client_refuse_submission(struct client *client, uint64_t ref, json_t *error);

/* ---- submit.c ---- */

/* Frames of a client, who may be anybody: what is wrong with them is answered, and ends nothing else. */
void submit_begin(struct client *client, uint64_t ref, struct span payload);
void submit_content(struct client *client, uint64_t ref, struct span payload);
void submit_end(struct client *client, uint64_t ref, struct span payload);
void submissions_free(struct client *client);
/* Each second: gives up those that nothing came of for long. `now`: monotonic µs. */
void submissions_tick(struct mta *mta, int64_t now);

/* ---- mailbox.c ---- */

json_t *request_mailboxes(struct client *client, json_t *request);
json_t *request_mailbox_list(struct client *client, json_t *request);
json_t *request_mailbox_show(struct client *client, json_t *request);
json_t *request_mailbox_mark(struct client *client, json_t *request);
json_t *request_mailbox_delete(struct client *client, json_t *request);
/* Marks the entry with the batch as one whose notification was sent. NULL, or the error: it was sent already.
 * Marks that are not on disk yet are not seen: commit before. Resets mta->arena. */
json_t *mailbox_mark_notified(struct client *client, struct span mailbox, uint64_t sequence);
void mailbox_fetch(struct client *client, uint64_t ref, struct span payload);
/* `entries`, `unseen` and `octets` of a mailbox (0: none is there). `entries` may be NULL. */
json_t *mailbox_figures(struct mta *mta, uint32_t mailbox, uint64_t *entries);
/* Removes all entries with the batch. */
bool mailbox_discard(struct mta *mta, uint32_t mailbox);
/* At the start, before mail is returned for them: a log line for each mailbox that is above its quota. */
void mailboxes_tell_full(struct mta *mta);

/* ---- queue.c ---- */

json_t *request_queue_list(struct client *client, json_t *request);
json_t *request_queue_show(struct client *client, json_t *request);
json_t *request_queue_change(struct client *client, json_t *request);

/* ---- track.c ---- */

json_t *request_track(struct client *client, json_t *request);
/* The events under a key, appended to `events`. */
bool track_events(struct mta *mta, struct span key, json_t *events);

/* ---- status.c ---- */

json_t *request_status(struct client *client, json_t *request);
json_t *request_peers(struct client *client, json_t *request);
json_t *request_route(struct client *client, json_t *request);
json_t *json_time(int64_t seconds);
json_t *json_text(struct span text);

/* ---- backup.c ---- */

json_t *request_backup_begin(struct client *client, json_t *request);
json_t *request_backup_end(struct client *client, json_t *request);
/* The client is gone. */
void backup_leave(const struct client *client);

/* ---- peer_operator.c ---- */

json_t *request_peer_able(struct client *client, json_t *request);
json_t *request_peer_retry(struct client *client, json_t *request);

/* ---- ping.c ---- */

/* NULL: the answer follows when the net process has one. */
json_t *request_ping(struct client *client, json_t *request);

/* ---- request.c ---- */

void request_run(struct client *client, uint64_t ref, struct span payload);

#endif
