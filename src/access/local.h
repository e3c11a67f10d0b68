/* The way over mhsd's local socket (docs/local-protocol.md): frames in local.c, mailboxes in local_mailbox.c.
 */
#ifndef ACCESS_LOCAL_H
#define ACCESS_LOCAL_H

#include <jansson.h>

#include "access/access_private.h"
#include "ipc/client.h"

struct local {
    char *path;
    struct ipc_client *client; /* NULL: not connected */
    uint64_t last_ref;
    /* The submission that is under way. */
    uint64_t ref; /* 0: there is none */
    bool probe;
    char *notified_mailbox;
    uint64_t notified_entry;
};

/* ---- the connection; `session->link` is a struct local ---- */

/* Sends a frame with a new `*ref`; connects first where there is no connection. */
enum mhs_code local_send(struct mhs_session *session, enum ipc_type type, uint64_t *ref, struct span head,
                         struct span body);

/* Sends a further frame with the same `ref`. */
enum mhs_code local_send_more(struct mhs_session *session, enum ipc_type type, uint64_t ref, struct span head,
                              struct span body);

/* Waits for the frame that answers `ref`; the payload lives until the next one. A response that came instead
 * is taken as the refusal that it is. */
enum mhs_code local_receive(struct mhs_session *session, uint64_t ref, enum ipc_type wanted,
                            struct span *payload);

/* Sends a request, JSON as text, and gathers the whole answer, which the caller frees with json_decref; NULL
 * when this failed. Arrays of the same name in several responses are joined. */
enum mhs_code local_ask(struct mhs_session *session, const char *request, json_t **answer);

/* The same with a request that is consumed; NULL: it could not be made. */
enum mhs_code local_request(struct mhs_session *session, json_t *request, json_t **answer);

/* Keeps a refusal: {"code": …, "text": …, "recipients": […], "complaints": […]}. Returns its code. */
enum mhs_code local_refuse(struct mhs_session *session, const json_t *error);

/* Ends the connection: what came over it makes no sense. Returns the code. */
enum mhs_code local_nonsense(struct mhs_session *session, const char *what);

void local_disconnect(struct mhs_session *session);

/* ---- operations ---- */

enum mhs_code local_submit_begin(struct mhs_session *session, const struct access_submission *what);
enum mhs_code local_submit_content(struct mhs_session *session, struct span octets);
enum mhs_code local_submit_end(struct mhs_session *session, struct mhs_submitted *submitted);
void local_submit_cancel(struct mhs_session *session);
void local_forget_submission(struct local *local);

enum mhs_code local_mailboxes(struct mhs_session *session,
                              bool (*each)(void *context, const struct mhs_mailbox *mailbox), void *context);
enum mhs_code local_list(struct mhs_session *session, const struct mhs_list *list,
                         bool (*each)(void *context, const struct mhs_entry *entry), void *context,
                         uint64_t *more);
enum mhs_code local_show(struct mhs_session *session, const char *mailbox, uint64_t entry,
                         bool (*each)(void *context, const struct mhs_entry *entry), void *context);
enum mhs_code local_fetch(struct mhs_session *session, const struct mhs_fetch *fetch,
                          bool (*piece)(void *context, struct mhs_octets octets), void *context,
                          uint64_t *total);
enum mhs_code local_mark(struct mhs_session *session, const char *mailbox, uint64_t entry, bool seen);
enum mhs_code local_remove(struct mhs_session *session, const char *mailbox, uint64_t entry);

#endif
