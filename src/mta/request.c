/* IPC_REQUEST: which operations there are, who may ask for them, and which members they take. */
#include "ipc/operation.h"
#include "mta/client.h"
#include "mta/later.h"
#include "mta/mta_private.h"
#include "mta/requests.h"
#include "mta/users.h"
#include "mta/view.h"

enum who { EVERYBODY, OPERATORS };

struct operation {
    const char *name;
    json_t *(*run)(struct client *client, json_t *request);
    enum who who;
    enum touches {
        NOTHING, /* is answered at once */
        CHANGES, /* the answer follows the commit; NULL: it follows, as with PEERS */
        PEERS,   /* asks a peer: no answer (NULL) follows when there is one */
    } touches;
    const char *members[20];
};

#define FILTERS "next-hop", "originator", "recipient", "state", "priority", "kind", "older-than"

#define CHANGE_MEMBERS FILTERS, "id", "all", "reason", "limit", "after", "until", "count"

static const struct operation operations[] = {
    {"status", request_status, EVERYBODY, NOTHING, {NULL}},
    {"ping", request_ping, OPERATORS, PEERS, {"peer"}},
    {"peer-status", request_peers, OPERATORS, NOTHING, {"peer"}},
    {"peer-disable", request_peer_able, OPERATORS, CHANGES, {"peer", "reason"}},
    {"peer-enable", request_peer_able, OPERATORS, CHANGES, {"peer", "reason"}},
    {"peer-retry", request_peer_retry, OPERATORS, NOTHING, {"peer"}},
    {"queue-list", request_queue_list, OPERATORS, NOTHING, {FILTERS, "limit", "after"}},
    {"queue-show", request_queue_show, OPERATORS, NOTHING, {"id"}},
    {"queue-hold", request_queue_change, OPERATORS, CHANGES, {CHANGE_MEMBERS}},
    {"queue-release", request_queue_change, OPERATORS, CHANGES, {CHANGE_MEMBERS, "force"}},
    {"queue-retry", request_queue_change, OPERATORS, CHANGES, {CHANGE_MEMBERS}},
    {"queue-redirect",
     request_queue_change,
     OPERATORS,
     CHANGES,
     {CHANGE_MEMBERS, "may-arrive-twice", "by-peer", "address", "anew", "force"}},
    {"queue-delete", request_queue_change, OPERATORS, CHANGES, {CHANGE_MEMBERS, "may-arrive-twice"}},
    {"queue-nondeliver", request_queue_change, OPERATORS, CHANGES, {CHANGE_MEMBERS, "may-arrive-twice"}},
    {"track",
     request_track,
     EVERYBODY,
     NOTHING,
     {"mts-identifier", "message", "content-identifier", "recent", "after", "originator", "recipient",
      "since", "until", "limit"}},
    {"waiting", request_waiting, EVERYBODY, NOTHING, {"mts-identifier"}},
    {"route",
     request_route,
     EVERYBODY,
     NOTHING,
     {"address", "directory-name", "originator", "content-type", "content-length",
      "encoded-information-types", "priority", "security-label", "alternate-recipient-allowed", "via"}},
    {"cancel", request_cancel, EVERYBODY, CHANGES, {"mts-identifier"}},
    {"mailboxes", request_mailboxes, EVERYBODY, NOTHING, {NULL}},
    {"mailbox-list",
     request_mailbox_list,
     EVERYBODY,
     NOTHING,
     {"mailbox", "after", "before", "limit", "unseen", "newest", "since", "from", "subject"}},
    {"mailbox-show", request_mailbox_show, EVERYBODY, NOTHING, {"mailbox", "entry"}},
    {"mailbox-mark", request_mailbox_mark, EVERYBODY, CHANGES, {"mailbox", "entry", "seen"}},
    {"mailbox-delete", request_mailbox_delete, EVERYBODY, CHANGES, {"mailbox", "entry"}},
    {"backup-begin", request_backup_begin, OPERATORS, NOTHING, {NULL}},
    {"backup-end", request_backup_end, OPERATORS, NOTHING, {NULL}},
    {"user-list", request_users, EVERYBODY, NOTHING, {"address"}},
    {"user-add",
     request_user_add,
     OPERATORS,
     CHANGES,
     {"address", "uid", "directory-name", "password-hash", "delivery", "users", "more", "count"}},
    {"user-set",
     request_user_set,
     OPERATORS,
     CHANGES,
     {"address", "uid", "directory-name", "password-hash", "delivery", "reset"}},
    {"user-reset", request_user_reset, OPERATORS, CHANGES, {"address"}},
    {"user-remove", request_user_remove, OPERATORS, CHANGES, {"address", "discard"}},
};

static const struct operation *operation_named(const char *name) {
    for (size_t i = 0; name && i < sizeof operations / sizeof operations[0]; i++)
        if (strcmp(operations[i].name, name) == 0)
            return &operations[i];
    return NULL;
}

static const char *unknown_member(const struct operation *operation, json_t *request) {
    const char *member;
    json_t *value;
    json_object_foreach(request, member, value) {
        bool known = strcmp(member, "operation") == 0;
        for (size_t i = 0; i < sizeof operation->members / sizeof operation->members[0]; i++)
            known = known || (operation->members[i] && strcmp(operation->members[i], member) == 0);
        if (!known)
            return member;
    }
    return NULL;
}

enum answers { ANSWER_NOW, ANSWER_AFTER_COMMIT, ANSWER_LATER };

/* What it added to the batch goes again when it comes to an error. */
static json_t *change(struct client *client, const struct operation *operation, json_t *request,
                      enum answers *when) {
    if (batch_is_full(client->mta)) /* and stuck: nobody waits for room in it */
        return client_error("unavailable", "%s", batch_cause(client->mta));
    struct batch_mark mark = batch_mark(client->mta);
    json_t *answer = operation->run(client, request);
    if (!answer)
        *when = ANSWER_LATER;
    else if (!json_object_get(answer, "error"))
        *when = ANSWER_AFTER_COMMIT;
    else
        batch_undo(client->mta, mark);
    return answer;
}

static void run_late(void *owner, uint64_t ref, struct span payload, void *object);

static void refuse_late(void *owner, uint64_t ref) {
    client_respond(owner, ref, client_error("unavailable", "the MTA is stopping: try again when it runs"),
                   true);
}

static const struct later_kind late_request = {.run = run_late, .refuse = refuse_late};

/* A frame; `late`: it has waited. */
struct asked {
    struct span payload;
    bool late;
};

/* An error, or NULL: the answer follows when it is run. */
static json_t *put_off(struct client *client, const struct asked *asked, enum answers *when) {
    if (!later_put(client->mta, client, &late_request, client->request, asked->payload, NULL))
        return client_error("unavailable", "%s", batch_cause(client->mta));
    *when = ANSWER_LATER;
    return NULL;
}

static json_t *read_rows(struct client *client, const struct operation *operation, json_t *request) {
    view_answer(client->view);
    if (!client->mta)
        users_follow(client->view);
    json_t *answer = operation->run(client, request);
    view_answered(client->view);
    return answer;
}

/* After an upgrade the old daemon runs till it is restarted. */
#define NEWER "; if mhs is newer than the daemon that runs ('mhs status'), restart that"

static json_t *run(struct client *client, const struct asked *asked, json_t *request, enum answers *when) {
    const char *name = json_string_value(json_object_get(request, "operation"));
    const struct operation *operation = operation_named(name);
    *when = ANSWER_NOW;
    if (!json_is_object(request))
        return client_error("bad-request", "the request is no JSON object");
    if (!operation)
        return client_error("bad-request", "unknown operation %s" NEWER, name ? name : "(none)");
    const char *unknown = unknown_member(operation, request);
    if (unknown)
        return client_error("bad-request", "%s takes no member %s" NEWER, name, unknown);
    if (operation->who == OPERATORS && !client_is_operator(client))
        return client_error("not-permitted",
                            "only root and the operators ('operators' in the configuration) may ask for %s",
                            name);
    bool reads = ipc_operation_of(name) == IPC_OPERATION_READS;
    if (!client->mta && !reads)
        return client_error("bad-request", "%s is not for a reader process", name);
    if (reads)
        return read_rows(client, operation, request);
    if (operation->touches == CHANGES)
        return !asked->late && later_awaits(client->mta) ? put_off(client, asked, when)
                                                         : change(client, operation, request, when);
    json_t *answer = operation->run(client, request);
    if (operation->touches == PEERS && !answer)
        *when = ANSWER_LATER;
    return answer;
}

static void run_asked(struct client *client, uint64_t ref, const struct asked *asked) {
    enum answers when;
    struct span payload = asked->payload;
    client->request = ref;
    json_t *request = json_loadb((const char *)payload.data, payload.len, JSON_REJECT_DUPLICATES, NULL);
    json_t *answer = run(client, asked, request, &when);
    json_decref(request);
    if (when == ANSWER_AFTER_COMMIT)
        client_respond_after_commit(client, ref, answer);
    else if (when == ANSWER_NOW)
        client_respond(client, ref, answer, true);
}

static void run_late(void *owner, uint64_t ref, struct span payload, void *object) {
    (void)object;
    run_asked(owner, ref, &(struct asked){payload, true});
}

void request_run(struct client *client, uint64_t ref, struct span payload) {
    if (payload.len > IPC_REQUEST_MAX)
        client_respond(client, ref, client_error("too-large", "a request has at most 64 KiB"), true);
    else
        run_asked(client, ref, &(struct asked){payload, false});
}
