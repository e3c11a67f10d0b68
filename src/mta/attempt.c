#include "mta/attempt.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "mta/decide.h"
#include "mta/event.h"
#include "mta/kept.h"
#include "mta/quota.h"
#include "names/oraddress.h"

/* ---- what came ---- */

size_t submission_end(struct mta *mta, struct submission *submission) {
    size_t envelope = bytes_head(submission->envelope).len;
    if (!submission->ended)
        quota_end(mta, submission->payer, envelope);
    submission->ended = true;
    return envelope;
}

void submission_free(struct mta *mta, struct submission *submission) {
    submission_end(mta, submission);
    quota_submitted(mta, submission->payer, submission->octets);
    store_content_release(submission->content);
    bytes_drop(submission->envelope);
    mem_free(submission);
}

struct submission *submission_new(struct mta *mta, enum ipc_submission kind, uint64_t payer,
                                  struct span envelope, struct error *err) {
    struct submission *submission = mem_alloc(sizeof *submission);
    struct bytes *bytes = submission ? bytes_new(envelope, (struct span){NULL, 0}) : NULL;
    const char *over = bytes ? quota_begin(mta, payer, envelope.len) : "no memory";
    if (over) {
        bytes_drop(bytes);
        mem_free(submission);
        error_set(err, 0, "%s", over);
        return NULL;
    }
    *submission =
        (struct submission){.kind = kind, .payer = payer, .heard = clock_monotonic_us(), .envelope = bytes};
    submission->content = store_content_create(mta->view.store, 0, err);
    if (submission->content)
        return submission;
    submission_free(mta, submission);
    return NULL;
}

static enum attempt_error refuse_octets(enum attempt_error error, struct error *err, const char *format,
                                        ...) {
    char text[sizeof err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    error_set(err, 0, "%s", text);
    return error;
}

static enum attempt_error over_quota(const struct mta *mta, uint64_t payer, struct error *err) {
    char who[24] = "the user";
    if (payer <= UINT32_MAX)
        snprintf(who, sizeof who, "uid %u", (unsigned)payer);
    return refuse_octets(ATTEMPT_OVER_QUOTA, err,
                         "%s has as much as it may in open submissions: %llu octets ('submission-octets' of "
                         "the limits); wait till one has ended",
                         who, (unsigned long long)mta->view.config->limits.submission_octets);
}

enum attempt_error submission_append(struct mta *mta, struct submission *submission, struct span octets,
                                     struct error *err) {
    const struct mta_limits *limits = &mta->view.config->limits;
    uint64_t length = store_content_length(submission->content) + octets.len;
    submission->heard = clock_monotonic_us();
    if (submission->kind == IPC_SUBMISSION_PROBE)
        return refuse_octets(ATTEMPT_RULES, err, "a probe has no content");
    if (limits->content_octets && length > limits->content_octets)
        return refuse_octets(ATTEMPT_TOO_LARGE, err,
                             "the content is longer than %llu octets ('content-octets' of the limits): make "
                             "it shorter, or have that raised",
                             (unsigned long long)limits->content_octets);
    if (!store_accepting(mta->view.store))
        return refuse_octets(ATTEMPT_UNAVAILABLE, err, "%s", store_cause(mta->view.store)->text);
    if (!quota_submit(mta, submission->payer, octets.len))
        return over_quota(mta, submission->payer, err);
    submission->octets += octets.len;
    return store_content_append(submission->content, octets, err) ? ATTEMPT_OK : ATTEMPT_UNAVAILABLE;
}

/* ---- what is wrong ---- */

static enum attempt_error fail(struct attempt *attempt, enum attempt_error error, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(attempt->text, sizeof attempt->text, format, args);
    va_end(args);
    return error;
}

/* It would be so at another try too. */
static enum attempt_error over_memory(struct attempt *attempt) {
    return fail(attempt, ATTEMPT_TOO_LARGE,
                "the envelope needs more memory than the limit of %zu octets; use fewer recipients",
                attempt->mta->arena.cap);
}

static enum attempt_error no_memory(struct attempt *attempt) {
    return attempt->mta->arena.cap_hit ? over_memory(attempt)
                                       : fail(attempt, ATTEMPT_UNAVAILABLE, "no memory");
}

/* ---- names ---- */

static bool is_probe(const struct attempt *attempt) {
    return attempt->submission->kind == IPC_SUBMISSION_PROBE;
}

static const struct x411_ORName *originator(const struct attempt *attempt) {
    return is_probe(attempt) ? &attempt->probe.originator_name : &attempt->message.originator_name;
}

static struct span content_identifier(const struct attempt *attempt) {
    return is_probe(attempt) ? attempt->probe.content_identifier : attempt->message.content_identifier;
}

const struct x411_ORName *attempt_recipient(const struct attempt *attempt, uint32_t position) {
    if (is_probe(attempt))
        return position < attempt->probe.per_recipient_fields.count
                   ? &attempt->probe.per_recipient_fields.items[position].recipient_name
                   : NULL;
    return position < attempt->message.per_recipient_fields.count
               ? &attempt->message.per_recipient_fields.items[position].recipient_name
               : NULL;
}

const struct x411_ORName *attempt_address(struct mta *mta, const struct x411_ORName *name) {
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

/* ---- the decision ---- */

static bool decode_octets(struct attempt *attempt, bool relax_bounds, struct ber_error *error) {
    struct ber_limits limits = {.relax_bounds = relax_bounds};
    struct span octets = bytes_head(attempt->submission->envelope);
    struct arena *arena = &attempt->mta->arena;
    return is_probe(attempt) ? ber_decode(&x411p3_ProbeSubmissionEnvelope_type, octets, arena, &limits,
                                          &attempt->probe, error)
                             : ber_decode(&x411p3_MessageSubmissionEnvelope_type, octets, arena, &limits,
                                          &attempt->message, error);
}

/* What breaks an upper bound is read in spite of it: the rules say whose fault it is. */
static enum attempt_error decode(struct attempt *attempt) {
    struct ber_error error = {0};
    bool done = decode_octets(attempt, attempt->mta->view.config->limits.relax_bounds, &error);
    if (!done && error.code == BER_BOUND) {
        attempt->over_bounds = true;
        attempt->probe = (struct x411p3_ProbeSubmissionEnvelope){0};
        attempt->message = (struct x411p3_MessageSubmissionEnvelope){0};
        done = decode_octets(attempt, true, &error);
    }
    if (!done && attempt->mta->arena.cap_hit)
        return over_memory(attempt);
    return done ? ATTEMPT_OK
                : fail(attempt, ATTEMPT_NOT_DECODED, "the envelope does not decode: %.300s", error.text);
}

static void decide(struct attempt *attempt, struct mts_run *run, const char *user) {
    uint64_t length = store_content_length(attempt->submission->content);
    if (is_probe(attempt))
        mts_submit_probe(run, user, &attempt->probe, &attempt->outcome, &attempt->decisions);
    else
        mts_submit_message(run, user, &attempt->message, length, &attempt->outcome, &attempt->decisions);
}

static bool encode_result(struct attempt *attempt) {
    struct buf *out = &attempt->mta->prefix;
    struct x411p3_ProbeSubmissionResult probe = {.probe_submission_identifier = attempt->outcome.identifier,
                                                 .probe_submission_time = attempt->outcome.time,
                                                 .content_identifier = attempt->probe.content_identifier};
    struct x411p3_MessageSubmissionResult message = {
        .message_submission_identifier = attempt->outcome.identifier,
        .message_submission_time = attempt->outcome.time,
        .content_identifier = attempt->message.content_identifier};
    buf_clear(out);
    return is_probe(attempt) ? ber_encode(&x411p3_ProbeSubmissionResult_type, &probe, out, NULL)
                             : ber_encode(&x411p3_MessageSubmissionResult_type, &message, out, NULL);
}

/* The history says whose submission it was: who may see it is decided by that. */
static void name_submitter(struct attempt *attempt) {
    for (size_t i = 0; i < attempt->decisions.event_count; i++)
        if (attempt->decisions.events[i].kind == MTS_EVENT_SUBMITTED)
            attempt->decisions.events[i].name =
                oraddress_name_text(originator(attempt), &attempt->mta->arena);
}

static bool store_it(struct attempt *attempt, struct mts_run *run) {
    struct mta *mta = attempt->mta;
    struct store_content *content = attempt->submission->content;
    struct content carried = {.who = attempt->who};
    if (!is_probe(attempt))
        carried = (struct content){.stored = content,
                                   .length = store_content_length(content),
                                   .memory = store_content_memory(content),
                                   .who = attempt->who,
                                   .keep_in = kept_for(mta, attempt_address(mta, originator(attempt)))};
    name_submitter(attempt);
    return decide_apply(mta, run, &attempt->decisions, &carried) && encode_result(attempt) &&
           attempt->answer(attempt, buf_span(&mta->prefix));
}

static bool identify(const struct attempt *attempt) {
    const struct mts_decisions *decisions = &attempt->decisions;
    return !decisions->event_count || event_content_identifier(attempt->mta, content_identifier(attempt),
                                                               decisions->events[0].identifier);
}

enum attempt_error attempt_run(struct attempt *attempt) {
    struct mta *mta = attempt->mta;
    const char *user;
    arena_reset(&mta->arena);
    enum attempt_error error = decode(attempt);
    if (error)
        return error;
    if (!attempt->submitter(attempt, originator(attempt), &user))
        return fail(attempt, ATTEMPT_NOT_THEIRS,
                    "the originator is not a mailbox of yours; 'mhs list --mailboxes' shows those that are");
    struct mts_run run = run_begin(mta, &mta->arena);
    run.over_bounds = attempt->over_bounds;
    do
        decide(attempt, &run, user);
    while (run_again(mta, &run, &attempt->decisions));
    mta->id_next = run.id_next;
    if (attempt->decisions.result == MTS_INVALID)
        return fail(attempt, ATTEMPT_RULES, "%s",
                    attempt->decisions.cause ? attempt->decisions.cause : "the submission is not valid");
    if (attempt->decisions.result != MTS_DECIDED || !identify(attempt) || !store_it(attempt, &run) ||
        !counter_with_batch(mta, COUNT_SUBMITTED))
        return no_memory(attempt);
    return ATTEMPT_OK;
}
