/* Local submission (X.411 §8.2): the envelope of P3's message- and probe-submission, the content after it. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "mta/client.h"
#include "mta/clients.h"
#include "mta/decide.h"
#include "mta/event.h"
#include "mta/later.h"
#include "mta/mailbox.h"
#include "mta/mta_private.h"
#include "mta/quota.h"
#include "mta/submit.h"
#include "mta/users.h"
#include "names/oraddress.h"
#include "schema/x411p3.h"

/* A submission that gets no frame for so long is given up: whatever holds it open is not at work on it. */
#define PATIENCE (600 * SECOND)

struct submission {
    enum ipc_submission kind;
    int64_t heard;   /* monotonic µs of its last frame */
    uint64_t octets; /* of the content, counted for its uid */
    struct bytes *envelope;
    struct store_content *content;
};

static void submission_free(const struct client *client, struct submission *submission) {
    quota_submitted(client->mta, client->uid, bytes_head(submission->envelope).len, submission->octets);
    store_content_release(submission->content);
    bytes_drop(submission->envelope);
    mem_free(submission);
}

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
        submission_free(client, submission);
}

void submissions_free(struct client *client) {
    for (size_t i = 0; i < client->submissions.room; i++)
        if (client->submissions.slots[i].value)
            submission_free(client, client->submissions.slots[i].value);
    map_free(&client->submissions);
}

static void refuse(struct client *client, uint64_t ref, json_t *error) {
    forget(client, ref);
    client_refuse_submission(client, ref, error);
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

static json_t *over_quota(const struct client *client) {
    return client_error("too-large",
                        "uid %u has as much as it may in open submissions: %llu octets ('submission-octets' "
                        "of the limits); wait till one has ended",
                        (unsigned)client->uid,
                        (unsigned long long)client->mta->view.config->limits.submission_octets);
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
    struct mta *mta = client->mta;
    struct error err = {0};
    struct submission *submission = mem_alloc(sizeof *submission);
    struct bytes *bytes = submission ? bytes_new(envelope, (struct span){NULL, 0}) : NULL;
    const char *over = bytes ? quota_begin(mta, client->uid, envelope.len) : "no memory";
    if (over) {
        bytes_drop(bytes);
        mem_free(submission);
        return client_error("unavailable", "%s", over);
    }
    *submission = (struct submission){.kind = kind, .heard = clock_monotonic_us(), .envelope = bytes};
    submission->content = store_content_create(mta->view.store, 0, &err);
    if (submission->content && map_put(&client->submissions, ref, submission))
        return NULL;
    submission_free(client, submission);
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
    struct mta *mta = client->mta;
    struct submission *submission = map_get(&client->submissions, ref);
    struct error err = {0};
    if (!submission)
        return;
    submission->heard = clock_monotonic_us();
    uint64_t most = mta->view.config->limits.content_octets;
    if (submission->kind == IPC_SUBMISSION_PROBE)
        refuse(client, ref, client_error("inconsistent-request", "a probe has no content"));
    else if (most && store_content_length(submission->content) + payload.len > most)
        refuse(client, ref,
               client_error("too-large",
                            "the content is longer than %llu octets ('content-octets' of the limits): make "
                            "it shorter, or have that raised",
                            (unsigned long long)most));
    else if (!store_accepting(mta->view.store))
        refuse(client, ref, client_error("unavailable", "%s", store_cause(mta->view.store)->text));
    else if (!quota_submit(mta, client->uid, payload.len))
        refuse(client, ref, over_quota(client));
    else {
        submission->octets += payload.len;
        if (!store_content_append(submission->content, payload, &err))
            refuse(client, ref, client_error("unavailable", "%s", err.text));
    }
}

/* ---- who submits ---- */

/* The originator with the address that the directory knows, where only a directory name was given. */
static const struct x411_ORName *address_in_directory(struct mta *mta, const struct x411_ORName *name) {
    struct oraddress address;
    struct span octets;
    struct x411_ORName *found = arena_alloc(&mta->arena, sizeof *found);
    if (!found || !mta->view.config->directory || !name->directory_name ||
        !oraddress_of_name(name, &mta->arena, &address) || address.count ||
        !ber_encode_arena(&x501_Name_type, name->directory_name, &mta->arena, &octets, NULL))
        return name;
    const char *text = directory_find(mta->view.config->directory, octets);
    return text && oraddress_parse_name(span_str(text), &mta->arena, found, NULL) ? found : name;
}

/* The rules check the originator against this address; an operator may name any of our users. */
static bool submitter(struct client *client, const struct x411_ORName *originator, const char **user) {
    struct mta *mta = client->mta;
    *user = NULL;
    if (client_is_operator(client))
        return true;
    struct span text = oraddress_name_text(address_in_directory(mta, originator), &mta->arena);
    const struct local_user *found = text.data ? user_find(&mta->view, text) : NULL;
    if (!found || !client_owns(client, found))
        return false;
    *user = found->address;
    return true;
}

/* ---- answers ---- */

static const char *const codes[] = {
    [MTS_SUBMIT_OK] = "inconsistent-request",
    [MTS_SUBMIT_ORIGINATOR_INVALID] = "originator-invalid",
    [MTS_SUBMIT_RECIPIENT_IMPROPERLY_SPECIFIED] = "recipient-improperly-specified",
    [MTS_SUBMIT_ELEMENT_NOT_SUBSCRIBED] = "element-of-service-not-subscribed",
    [MTS_SUBMIT_INCONSISTENT_REQUEST] = "inconsistent-request",
    [MTS_SUBMIT_UNSUPPORTED_CRITICAL_FUNCTION] = "unsupported-critical-function",
    [MTS_SUBMIT_CONTROL_VIOLATED] = "submission-control-violated",
};

/* One submission while it is decided on. */
struct attempt {
    struct client *client;
    struct submission *submission;
    struct x411p3_MessageSubmissionEnvelope message;
    struct x411p3_ProbeSubmissionEnvelope probe;
    struct mts_submission outcome;
    struct mts_decisions decisions;
    bool over_bounds; /* the envelope breaks upper bounds of X.411 */
};

static const struct x411_ORName *recipient_at(const struct attempt *attempt, uint32_t position) {
    if (attempt->submission->kind == IPC_SUBMISSION_PROBE)
        return position < attempt->probe.per_recipient_fields.count
                   ? &attempt->probe.per_recipient_fields.items[position].recipient_name
                   : NULL;
    return position < attempt->message.per_recipient_fields.count
               ? &attempt->message.per_recipient_fields.items[position].recipient_name
               : NULL;
}

static json_t *refusal(const struct attempt *attempt) {
    const char *cause = attempt->decisions.cause;
    json_t *error =
        client_error(codes[attempt->outcome.error], "%s", cause ? cause : "the submission is not valid");
    json_t *recipients = json_array();
    for (size_t i = 0; i < attempt->outcome.improper_count; i++) {
        const struct x411_ORName *name = recipient_at(attempt, attempt->outcome.improper[i]);
        struct span text =
            name ? oraddress_name_text(name, &attempt->client->mta->arena) : (struct span){NULL, 0};
        if (text.data)
            json_array_append_new(recipients, json_string((const char *)text.data));
    }
    json_object_set_new(json_object_get(error, "error"), "recipients", recipients);
    return error;
}

static struct bytes *result_of(struct attempt *attempt) {
    struct mta *mta = attempt->client->mta;
    static const uint8_t ok = 1;
    bool done;
    buf_clear(&mta->prefix);
    if (attempt->submission->kind == IPC_SUBMISSION_PROBE) {
        struct x411p3_ProbeSubmissionResult result = {
            .probe_submission_identifier = attempt->outcome.identifier,
            .probe_submission_time = attempt->outcome.time,
            .content_identifier = attempt->probe.content_identifier};
        done = ber_encode(&x411p3_ProbeSubmissionResult_type, &result, &mta->prefix, NULL);
    } else {
        struct x411p3_MessageSubmissionResult result = {
            .message_submission_identifier = attempt->outcome.identifier,
            .message_submission_time = attempt->outcome.time,
            .content_identifier = attempt->message.content_identifier};
        done = ber_encode(&x411p3_MessageSubmissionResult_type, &result, &mta->prefix, NULL);
    }
    return done ? bytes_new(span_of(&ok, 1), buf_span(&mta->prefix)) : NULL;
}

/* ---- the decision ---- */

static bool decode_octets(struct attempt *attempt, bool relax_bounds, struct ber_error *error) {
    struct mta *mta = attempt->client->mta;
    struct ber_limits limits = {.relax_bounds = relax_bounds};
    struct span octets = bytes_head(attempt->submission->envelope);
    return attempt->submission->kind == IPC_SUBMISSION_PROBE
               ? ber_decode(&x411p3_ProbeSubmissionEnvelope_type, octets, &mta->arena, &limits,
                            &attempt->probe, error)
               : ber_decode(&x411p3_MessageSubmissionEnvelope_type, octets, &mta->arena, &limits,
                            &attempt->message, error);
}

/* It would be so at another try too. */
static json_t *over_memory(const struct mta *mta) {
    return client_error("too-large",
                        "the envelope needs more memory than the limit of %zu octets; use fewer recipients",
                        mta->arena.cap);
}

/* What breaks an upper bound is read in spite of it: the rules say whose fault it is. */
static json_t *decode(struct attempt *attempt) {
    struct ber_error error = {0};
    bool done = decode_octets(attempt, attempt->client->mta->view.config->limits.relax_bounds, &error);
    if (!done && error.code == BER_BOUND) {
        attempt->over_bounds = true;
        attempt->probe = (struct x411p3_ProbeSubmissionEnvelope){0};
        attempt->message = (struct x411p3_MessageSubmissionEnvelope){0};
        done = decode_octets(attempt, true, &error);
    }
    if (!done && attempt->client->mta->arena.cap_hit)
        return over_memory(attempt->client->mta);
    return done ? NULL : client_error("inconsistent-request", "the envelope does not decode: %s", error.text);
}

static void decide(struct attempt *attempt, struct mts_run *run, const char *user) {
    uint64_t length = store_content_length(attempt->submission->content);
    if (attempt->submission->kind == IPC_SUBMISSION_PROBE)
        mts_submit_probe(run, user, &attempt->probe, &attempt->outcome, &attempt->decisions);
    else
        mts_submit_message(run, user, &attempt->message, length, &attempt->outcome, &attempt->decisions);
}

/* The history says whose submission it was: who may see it is decided by that. */
static void name_submitter(struct attempt *attempt) {
    bool probe = attempt->submission->kind == IPC_SUBMISSION_PROBE;
    const struct x411_ORName *name =
        probe ? &attempt->probe.originator_name : &attempt->message.originator_name;
    for (size_t i = 0; i < attempt->decisions.event_count; i++)
        if (attempt->decisions.events[i].kind == MTS_EVENT_SUBMITTED)
            attempt->decisions.events[i].name = oraddress_name_text(name, &attempt->client->mta->arena);
}

static bool store_submission(struct attempt *attempt, struct mts_run *run, uint64_t ref) {
    struct mta *mta = attempt->client->mta;
    struct store_content *content = attempt->submission->content;
    bool probe = attempt->submission->kind == IPC_SUBMISSION_PROBE;
    char who[24];
    struct content carried = {.who = who};
    if (!probe)
        carried =
            (struct content){content, store_content_length(content), store_content_memory(content), who};
    snprintf(who, sizeof who, "uid=%u", (unsigned)attempt->client->uid);
    name_submitter(attempt);
    return decide_apply(mta, run, &attempt->decisions, &carried) &&
           client_answer_after_commit(attempt->client, IPC_SUBMIT_RESULT, ref, result_of(attempt));
}

static bool identify(const struct attempt *attempt, bool probe) {
    const struct mts_decisions *decisions = &attempt->decisions;
    return !decisions->event_count || event_content_identifier(attempt->client->mta,
                                                               probe ? attempt->probe.content_identifier
                                                                     : attempt->message.content_identifier,
                                                               decisions->events[0].identifier);
}

/* NULL: the answer follows the commit. */
static json_t *submit(struct attempt *attempt, uint64_t ref) {
    struct mta *mta = attempt->client->mta;
    const char *user;
    arena_reset(&mta->arena);
    json_t *error = decode(attempt);
    if (error)
        return error;
    bool probe = attempt->submission->kind == IPC_SUBMISSION_PROBE;
    if (!submitter(attempt->client,
                   probe ? &attempt->probe.originator_name : &attempt->message.originator_name, &user))
        return client_error(
            "originator-invalid",
            "the originator is not a mailbox of yours; 'mhs list --mailboxes' shows those that are");
    struct mts_run run = run_begin(mta, &mta->arena);
    run.over_bounds = attempt->over_bounds;
    do
        decide(attempt, &run, user);
    while (run_again(mta, &run, &attempt->decisions));
    mta->id_next = run.id_next;
    if (attempt->decisions.result == MTS_INVALID)
        return refusal(attempt);
    if (attempt->decisions.result != MTS_DECIDED || !identify(attempt, probe) ||
        !store_submission(attempt, &run, ref) || !counter_with_batch(mta, COUNT_SUBMITTED))
        return mta->arena.cap_hit ? over_memory(mta) : client_error("unavailable", "no memory");
    return NULL;
}

/* A notification and the mark of the entry that asked for it are one commit: a crash leaves both or neither,
 * and it is sent once. */
static json_t *submit_once(struct attempt *attempt, uint64_t ref, struct reader *notified) {
    struct mta *mta = attempt->client->mta;
    json_t *error = NULL;
    struct span mailbox = notified ? payload_octets(notified) : (struct span){NULL, 0};
    uint64_t entry = notified ? reader_u64(notified) : 0;
    struct batch_mark mark = batch_mark(mta);
    if (notified)
        error = mailbox_mark_notified(attempt->client, mailbox, entry);
    if (!error)
        error = submit(attempt, ref);
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
static json_t *end_submission(struct client *client, struct submission *submission, uint64_t ref,
                              struct span payload) {
    struct attempt attempt = {.client = client, .submission = submission};
    struct reader notified = reader_of(payload);
    return batch_is_full(client->mta) ? client_error("unavailable", "%s", batch_cause(client->mta))
                                      : submit_once(&attempt, ref, payload.len ? &notified : NULL);
}

static void end_now(struct client *client, uint64_t ref, struct span payload, void *object) {
    json_t *error = end_submission(client, object, ref, payload);
    submission_free(client, object);
    if (error)
        client_refuse_submission(client, ref, error);
}

static void drop_end(const struct client *client, void *object) {
    submission_free(client, object);
}

static void refuse_end(struct client *client, uint64_t ref) {
    client_refuse_submission(client, ref, client_error("unavailable", STOPPING));
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
    else if (!later_put(client, &late_end, ref, payload, submission)) {
        submission_free(client, submission);
        client_refuse_submission(client, ref, client_error("unavailable", "%s", batch_cause(client->mta)));
    }
}
