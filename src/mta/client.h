/* A local client, and answers to it. */
#ifndef MTA_CLIENT_H
#define MTA_CLIENT_H

#include <jansson.h>

#include "base/map.h"
#include "ipc/frames.h"

struct bytes;
struct clients_process;
struct mta;
struct view;

struct client {
    struct clients_process *process;
    struct view *view;
    struct mta *mta; /* NULL: in a reader */
    uint64_t ref;
    uint32_t uid, gid;
    uint64_t request;       /* ref of the one that is being run */
    struct map submissions; /* by the client's ref */
    json_t *users;          /* those of `user-add` with `more`, which the next one adds; NULL: none */
};

/* The payload of an error (docs/local-protocol.md). */
json_t *client_error(const char *code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Answers now, in several frames when an array in the answer is
 * long. The reference to `value` is taken over. */
void client_respond(struct client *client, uint64_t ref, json_t *value, bool last);
/* Answers when the batch is on disk; when it is not, `unavailable`. */
void client_respond_after_commit(struct client *client, uint64_t ref, json_t *value);
/* The same for a payload made beforehand, which is taken over. False without memory: nothing will be
 * answered. */
bool client_answer_after_commit(struct client *client, enum ipc_type type, uint64_t ref, struct bytes *bytes);
/* The same for who asked: the client's process may have gone meanwhile, and nobody is answered then. */
void client_answer(struct mta *mta, uint32_t process, uint64_t ref, json_t *value);
void client_answer_with_batch(struct mta *mta, uint32_t process, uint64_t ref, json_t *value);
void client_refuse_submission(struct client *client, uint64_t ref, json_t *error);

#endif
