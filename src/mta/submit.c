/* Local submission (X.411 §8.2): the envelope of P3's message- and probe-submission, the content after it. */
#include <stdio.h>

#include "base/clock.h"
#include "mta/attempt.h"
#include "mta/client.h"
#include "mta/clients.h"
#include "mta/later.h"
#include "mta/mailbox.h"
#include "mta/submit.h"
#include "mta/users.h"
#include "names/oraddress.h"

/* A submission that gets no frame for so long is given up: whatever holds it open is not at work on it. */
#define PATIENCE (600 * SECOND)

/* NULL: none is open under this ref. */
static struct submission *take_out(struct client *client, uint64_t ref) {
    struct submission *submission = map_get(&client->submissions, ref);
    if (submission)
        map_remove(&client->submissions, ref);
    return submission;
}

static void forget(struct client *client, uint64_t ref) {
    struct submission *submission = take_out(client, ref);
    if (submission)
        submission_free(client->mta, submission);
}

void submissions_free(struct client *client) {
    for (size_t i = 0; i < client->submissions.room; i++)
        if (client->submissions.slots[i].value)
            submission_free(client->mta, client->submissions.slots[i].value);
    map_free(&client->submissions);
}

static void refuse(struct client *client, uint64_t ref, json_t *error) {
    forget(client, ref);
    client_refuse_submission(client, ref, error);
}

static const char *const codes[] = {
    [MTS_SUBMIT_OK] = "inconsistent-request",
    [MTS_SUBMIT_ORIGINATOR_INVALID] = "originator-invalid",
    [MTS_SUBMIT_RECIPIENT_IMPROPERLY_SPECIFIED] = "recipient-improperly-specified",
    [MTS_SUBMIT_ELEMENT_NOT_SUBSCRIBED] = "element-of-service-not-subscribed",
    [MTS_SUBMIT_INCONSISTENT_REQUEST] = "inconsistent-request",
    [MTS_SUBMIT_UNSUPPORTED_CRITICAL_FUNCTION] = "unsupported-critical-function",
    [MTS_SUBMIT_CONTROL_VIOLATED] = "submission-control-violated",
};

static const char *code_of(enum attempt_error error) {
    return error == ATTEMPT_TOO_LARGE || error == ATTEMPT_OVER_QUOTA ? "too-large"
           : error == ATTEMPT_UNAVAILABLE                            ? "unavailable"
           : error == ATTEMPT_NOT_THEIRS                             ? "originator-invalid"
                                                                     : "inconsistent-request";
}

#define STOPPING "the MTA is stopping: try again when it runs"

/* Whoever owns a mailbox may be an originator; which one is looked at when the envelope is decoded. */
static bool may_submit(const struct client *client) {
    const struct mta *mta = client->mta;
    bool may = client_is_operator(client);
    for (size_t i = 0; !may && i < mta->view.users.count; i++)
        may = client_owns(client, &mta->view.users.all[i]);
    return may;
}

/* Why nothing can be begun under this ref; NULL: it can. Nothing is kept of a submission before. */
static json_t *why_not(const struct client *client, uint64_t ref, uint8_t kind) {
    const struct mta *mta = client->mta;
    if (!may_submit(client))
        return client_error("not-permitted",
                            "no mailbox belongs to uid %u: it has nobody to submit for; 'mhs user set --uid' "
                            "by an operator gives it one",
                            (unsigned)client->uid);
    if (kind < IPC_SUBMISSION_MESSAGE || kind > IPC_SUBMISSION_PROBE)
        return client_error("inconsistent-request",
                            "the submission's kind is none: 1 is a message, 2 a probe");
    if (map_get(&client->submissions, ref))
        return client_error("inconsistent-request",
                            "a submission with this ref is open: the two are given up; use a ref of its own "
                            "for each");
    if (mta->stopping)
        return client_error("unavailable", STOPPING);
    return store_accepting(mta->view.store)
               ? NULL
               : client_error("unavailable", "%s", store_cause(mta->view.store)->text);
}

/* NULL: it is open. */
static json_t *open_submission(struct client *client, uint64_t ref, enum ipc_submission kind,
                               struct span envelope) {
    struct error err = {0};
    struct submission *submission = submission_new(client->mta, kind, client->uid, envelope, &err);
    if (submission && map_put(&client->submissions, ref, submission))
        return NULL;
    if (submission)
        submission_free(client->mta, submission);
    return client_error("unavailable", "%s", err.text[0] ? err.text : "no memory");
}

void submit_begin(struct client *client, uint64_t ref, struct span payload) {
    struct reader r = reader_of(payload);
    uint8_t kind = reader_u8(&r);
    json_t *error = why_not(client, ref, kind);
    if (!error)
        error = open_submission(client, ref, (enum ipc_submission)kind, payload_rest(&r));
    if (error)
        refuse(client, ref, error);
}

/* The first that has been silent for too long. False: there is none. */
static bool give_up_silent(struct client *client, int64_t now) {
    for (size_t i = 0; i < client->submissions.room; i++) {
        const struct submission *submission = client->submissions.slots[i].value;
        if (!submission || now - submission->heard < PATIENCE)
            continue;
        refuse(client, client->submissions.slots[i].key,
               client_error("unavailable",
                            "the submission was given up: nothing came for 10 minutes; submit it again"));
        return true;
    }
    return false;
}

void submissions_tick(struct mta *mta, int64_t now) {
    for (struct clients_process *process = mta->view.processes; process; process = process->next)
        for (size_t i = 0; i < process->clients.room; i++)
            while (process->clients.slots[i].value && give_up_silent(process->clients.slots[i].value, now))
                ;
}

/* What comes after a refusal is let go by. */
void submit_content(struct client *client, uint64_t ref, struct span payload) {
    struct submission *submission = map_get(&client->submissions, ref);
    struct error err = {0};
    enum attempt_error error =
        submission ? submission_append(client->mta, submission, payload, &err) : ATTEMPT_OK;
    if (error)
        refuse(client, ref, client_error(code_of(error), "%s", err.text));
}

/* ---- who submits ---- */

/* The rules check the originator against this address; an operator may name any of our users. */
static bool submitter(const struct attempt *attempt, const struct x411_ORName *originator,
                      const char **user) {
    const struct client *client = attempt->context;
    struct mta *mta = attempt->mta;
    *user = NULL;
    if (client_is_operator(client))
        return true;
    struct span text = oraddress_name_text(attempt_address(mta, originator), &mta->arena);
    const struct local_user *found = text.data ? user_find(&mta->view, text) : NULL;
    if (!found || !client_owns(client, found))
        return false;
    *user = found->address;
    return true;
}

/* ---- answers ---- */

static json_t *refusal(const struct attempt *attempt, enum attempt_error why) {
    bool rules = why == ATTEMPT_RULES;
    json_t *error = client_error(rules ? codes[attempt->outcome.error] : code_of(why), "%s", attempt->text);
    json_t *recipients = rules ? json_array() : NULL;
    for (size_t i = 0; rules && i < attempt->outcome.improper_count; i++) {
        const struct x411_ORName *name = attempt_recipient(attempt, attempt->outcome.improper[i]);
        struct span text = name ? oraddress_name_text(name, &attempt->mta->arena) : (struct span){NULL, 0};
        if (text.data)
            json_array_append_new(recipients, json_string((const char *)text.data));
    }
    if (rules)
        json_object_set_new(json_object_get(error, "error"), "recipients", recipients);
    return error;
}

static bool answer(const struct attempt *attempt, struct span result) {
    static const uint8_t ok = 1;
    return client_answer_after_commit(attempt->context, IPC_SUBMIT_RESULT, attempt->ref,
                                      bytes_new(span_of(&ok, 1), result));
}

/* NULL: the answer follows the commit. */
static json_t *submit(struct client *client, const struct submission *submission, uint64_t ref) {
    char who[24];
    snprintf(who, sizeof who, "uid=%u", (unsigned)client->uid);
    struct attempt attempt = {.mta = client->mta,
                              .submission = submission,
                              .who = who,
                              .submitter = submitter,
                              .answer = answer,
                              .context = client,
                              .ref = ref};
    enum attempt_error error = attempt_run(&attempt);
    return error ? refusal(&attempt, error) : NULL;
}

/* A notification and the mark of the entry that asked for it are one commit: a crash leaves both or neither,
 * and it is sent once. */
static json_t *submit_once(struct client *client, const struct submission *submission, uint64_t ref,
                           struct reader *notified) {
    struct mta *mta = client->mta;
    json_t *error = NULL;
    struct span mailbox = notified ? payload_octets(notified) : (struct span){NULL, 0};
    uint64_t entry = notified ? reader_u64(notified) : 0;
    struct batch_mark mark = batch_mark(mta);
    if (notified)
        error = mailbox_mark_notified(client, mailbox, entry);
    if (!error)
        error = submit(client, submission, ref);
    if (error)
        batch_undo(mta, mark);
    return error;
}

static bool names_an_entry(struct span payload) {
    struct reader r = reader_of(payload);
    payload_octets(&r);
    reader_u64(&r);
    return payload_done(&r);
}

/* Nobody waits for a store that is stuck, nor adds to a batch that is full. */
static json_t *end_submission(struct client *client, const struct submission *submission, uint64_t ref,
                              struct span payload) {
    struct reader notified = reader_of(payload);
    return batch_is_full(client->mta) ? client_error("unavailable", "%s", batch_cause(client->mta))
                                      : submit_once(client, submission, ref, payload.len ? &notified : NULL);
}

static void end_now(void *owner, uint64_t ref, struct span payload, void *object) {
    struct client *client = owner;
    json_t *error = end_submission(client, object, ref, payload);
    submission_free(client->mta, object);
    if (error)
        client_refuse_submission(client, ref, error);
}

static void drop_end(struct mta *mta, void *object) {
    submission_free(mta, object);
}

static void refuse_end(void *owner, uint64_t ref) {
    client_refuse_submission(owner, ref, client_error("unavailable", STOPPING));
}

static const struct later_kind late_end = {end_now, refuse_end, drop_end};

void submit_end(struct client *client, uint64_t ref, struct span payload) {
    if (!map_get(&client->submissions, ref))
        return;
    if (payload.len && !names_an_entry(payload)) {
        refuse(client, ref,
               client_error("inconsistent-request", "the end of the submission names no mailbox and entry"));
        return;
    }
    struct submission *submission = take_out(client, ref);
    if (!later_awaits(client->mta))
        end_now(client, ref, payload, submission);
    else if (!later_put(client->mta, client, &late_end, ref, payload, submission)) {
        submission_free(client->mta, submission);
        client_refuse_submission(client, ref, client_error("unavailable", "%s", batch_cause(client->mta)));
    }
}
