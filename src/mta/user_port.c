#include "mta/user_port.h"

#include <stdio.h>

#include "base/log.h"
#include "mta/attempt.h"
#include "mta/later.h"
#include "mta/user_answer.h"
#include "mta/user_association.h"
#include "mta/user_cancel.h"
#include "mta/user_controls.h"
#include "mta/user_register.h"
#include "mta/users.h"
#include "names/oraddress.h"
#include "schema/x419.h"

/* Most names that recipient-improperly-specified tells: the answer to a million is no place for a million. */
#define NAMES_MOST 1000
/* And most octets of them, or one name. */
#define NAMES_OCTETS_MOST ((size_t)16 * 1024)

/* ---- submission-control ---- */

static void control(const struct user_association *association, struct x411p3_Controls *controls) {
    struct mta *mta = association->net->mta;
    buf_clear(&mta->head);
    if (ber_encode(&x411p3_SubmissionControlArgument_type, controls, &mta->head, NULL))
        ipc_send(association->net->channel, IPC_USER_CONTROL, association->ref, buf_span(&mta->head),
                 (struct span){NULL, 0});
}

/* What holds of contents at any time; `restrict_all`: and no operation is taken for now. */
static void tell_controls(struct user_association *association, bool restrict_all) {
    uint64_t most = association->net->mta->view.config->limits.content_octets;
    struct x411p3_Controls controls = {.restrict_ = restrict_all || most,
                                       .has_permissible_maximum_content_length = most && !restrict_all,
                                       .permissible_maximum_content_length = most > x411_ub_content_length
                                                                                 ? x411_ub_content_length
                                                                                 : (int64_t)most};
    if (restrict_all)
        controls.permissible_operations = (struct ber_bits){.octets = SPAN_LIT("")};
    association->restricted = restrict_all;
    association->told_octets = restrict_all ? 0 : most;
    control(association, &controls);
}

/* What was told is what holds: a reload may change it. */
static void tell_limit(struct user_association *association) {
    if (association->told_octets != association->net->mta->view.config->limits.content_octets)
        tell_controls(association, false);
}

void user_port_open(struct user_association *association) {
    tell_limit(association);
}

static void lift(struct user_association *association) {
    if (association->restricted)
        tell_controls(association, false);
    else
        tell_limit(association);
}

/* ---- the refusal of a submission ---- */

/* Who hears that a control was violated has heard of the control. */
static void refuse_for_now(struct user_association *association, uint32_t invocation) {
    if (store_accepting(association->net->mta->view.store)) {
        user_reject(association, invocation, USER_RESOURCE_LIMITATION);
        return;
    }
    if (!association->restricted)
        tell_controls(association, true);
    user_error(association, invocation, USER_SUBMISSION_CONTROL_VIOLATED);
}

static void refuse_recipients(const struct user_association *association, uint32_t invocation,
                              const struct attempt *attempt) {
    struct mta *mta = attempt->mta;
    size_t count = attempt->outcome.improper_count, found = 0, octets = 0;
    count = count < NAMES_MOST ? count : NAMES_MOST;
    struct x411p3_ImproperlySpecifiedRecipients names = {
        .items = arena_array(&mta->arena, count + 1, sizeof *names.items)};
    for (size_t i = 0; names.items && i < count; i++) {
        const struct x411_ORName *name = attempt_recipient(attempt, attempt->outcome.improper[i]);
        octets += name ? name->raw.len : 0;
        if (found && octets > NAMES_OCTETS_MOST)
            break;
        if (name)
            names.items[found++] = *name;
    }
    names.count = found;
    buf_clear(&mta->prefix);
    if (found && ber_encode(&x411p3_ImproperlySpecifiedRecipients_type, &names, &mta->prefix, NULL))
        user_answer(association, invocation, IPC_USER_ERROR, USER_RECIPIENT_IMPROPERLY_SPECIFIED,
                    buf_span(&mta->prefix));
    else
        user_error(association, invocation, USER_INCONSISTENT_REQUEST);
}

static void refuse_by_rules(const struct user_association *association, uint32_t invocation,
                            const struct attempt *attempt) {
    static const enum user_error errors[] = {
        [MTS_SUBMIT_OK] = USER_INCONSISTENT_REQUEST,
        [MTS_SUBMIT_ORIGINATOR_INVALID] = USER_ORIGINATOR_INVALID,
        [MTS_SUBMIT_RECIPIENT_IMPROPERLY_SPECIFIED] = USER_RECIPIENT_IMPROPERLY_SPECIFIED,
        [MTS_SUBMIT_ELEMENT_NOT_SUBSCRIBED] = USER_ELEMENT_OF_SERVICE_NOT_SUBSCRIBED,
        [MTS_SUBMIT_INCONSISTENT_REQUEST] = USER_INCONSISTENT_REQUEST,
        [MTS_SUBMIT_UNSUPPORTED_CRITICAL_FUNCTION] = USER_UNSUPPORTED_CRITICAL_FUNCTION,
        [MTS_SUBMIT_CONTROL_VIOLATED] = USER_SUBMISSION_CONTROL_VIOLATED,
    };
    if (attempt->outcome.error == MTS_SUBMIT_RECIPIENT_IMPROPERLY_SPECIFIED &&
        attempt->outcome.improper_count)
        refuse_recipients(association, invocation, attempt);
    else if (attempt->outcome.error == MTS_SUBMIT_RECIPIENT_IMPROPERLY_SPECIFIED)
        user_error(association, invocation, USER_INCONSISTENT_REQUEST);
    else
        user_error(association, invocation, errors[attempt->outcome.error]);
}

/* The controls know of contents alone; `decided`: something else is too large. */
static void refuse_large(struct user_association *association, uint32_t invocation, bool decided) {
    if (decided) {
        user_reject(association, invocation, USER_RESOURCE_LIMITATION);
        return;
    }
    tell_limit(association);
    user_error(association, invocation, USER_SUBMISSION_CONTROL_VIOLATED);
}

/* `attempt` NULL: its octets were refused already, as `why` says. */
static void refuse(struct user_association *association, uint32_t invocation, enum attempt_error why,
                   const struct attempt *attempt) {
    switch (why) {
    case ATTEMPT_OK:
    case ATTEMPT_NOT_DECODED:
        user_reject(association, invocation, USER_MISTYPED_ARGUMENT);
        break;
    case ATTEMPT_NOT_THEIRS:
        user_error(association, invocation, USER_ORIGINATOR_INVALID);
        break;
    case ATTEMPT_RULES:
        if (attempt)
            refuse_by_rules(association, invocation, attempt);
        else
            user_error(association, invocation, USER_INCONSISTENT_REQUEST);
        break;
    case ATTEMPT_TOO_LARGE:
        refuse_large(association, invocation, attempt != NULL);
        break;
    case ATTEMPT_OVER_QUOTA:
        user_reject(association, invocation, USER_RESOURCE_LIMITATION);
        break;
    case ATTEMPT_UNAVAILABLE:
        refuse_for_now(association, invocation);
        break;
    }
}

/* ---- a submission that comes in ---- */

static void let_go(struct user_association *association) {
    if (association->submission)
        submission_free(association->net->mta, association->submission);
    association->submission = NULL;
}

bool user_submit_begin(struct user_association *association, struct span payload) {
    struct mta *mta = association->net->mta;
    struct reader r = reader_of(payload);
    uint32_t invocation = reader_u32(&r);
    enum ipc_submission kind = (enum ipc_submission)reader_u8(&r);
    struct span envelope = payload_rest(&r);
    struct error err = {0};
    association->invocation = invocation;
    association->failed = ATTEMPT_OK;
    if (mta->stopping || !store_accepting(mta->view.store))
        association->failed = ATTEMPT_UNAVAILABLE;
    else if (envelope.len > mta->view.config->limits.envelope_octets)
        association->failed = ATTEMPT_OVER_QUOTA;
    else if (!(association->submission =
                   submission_new(mta, kind, user_association_payer(association), envelope, &err)))
        association->failed = ATTEMPT_UNAVAILABLE;
    return true;
}

/* What can't be stored is let go by: the invocation is answered at its end. */
bool user_submit_content(struct user_association *association, struct span payload) {
    struct error err = {0};
    if (!association->submission)
        return true;
    association->failed = submission_append(association->net->mta, association->submission, payload, &err);
    if (!association->failed)
        return true;
    log_debug("user=%.*s submission refused: %s", (int)user_association_address(association).len,
              (const char *)user_association_address(association).data, err.text);
    let_go(association);
    return true;
}

bool user_submit_stop(struct user_association *association, struct span payload) {
    (void)payload;
    let_go(association);
    association->invocation = 0;
    return true;
}

/* ---- the decision ---- */

/* The rules compare the originator with him. */
static bool submitter(const struct attempt *attempt, const struct x411_ORName *originator,
                      const char **user) {
    const struct user_association *association = attempt->context;
    const struct local_user *found = user_find(&attempt->mta->view, user_association_address(association));
    (void)originator;
    *user = found ? found->address : NULL;
    return found != NULL;
}

static bool answer(const struct attempt *attempt, struct span result) {
    int64_t code = attempt->submission->kind == IPC_SUBMISSION_PROBE ? x419_op_probe_submission
                                                                     : x419_op_message_submission;
    return user_result_after_commit(attempt->context, (uint32_t)attempt->ref, (uint16_t)code, result);
}

static void decide(struct user_association *association, const struct submission *submission,
                   uint32_t invocation) {
    struct mta *mta = association->net->mta;
    struct span address = user_association_address(association);
    struct batch_mark mark = batch_mark(mta);
    char who[160];
    snprintf(who, sizeof who, "user=%.*s", (int)address.len, (const char *)address.data);
    struct attempt attempt = {.mta = mta,
                              .submission = submission,
                              .who = who,
                              .submitter = submitter,
                              .answer = answer,
                              .context = association,
                              .ref = invocation};
    enum attempt_error error = batch_is_full(mta) ? ATTEMPT_UNAVAILABLE : attempt_run(&attempt);
    if (!error)
        return;
    batch_undo(mta, mark);
    refuse(association, invocation, error, &attempt);
}

static void end_now(void *owner, uint64_t ref, struct span payload, void *object) {
    struct user_association *association = owner;
    (void)payload;
    decide(association, object, (uint32_t)ref);
    submission_free(association->net->mta, object);
}

static void refuse_end(void *owner, uint64_t ref) {
    user_reject(owner, (uint32_t)ref, USER_RELEASE_IN_PROGRESS);
}

static void drop_end(struct mta *mta, void *object) {
    submission_free(mta, object);
}

static const struct later_kind late_end = {end_now, refuse_end, drop_end};

static void end_in_turn(struct user_association *association, struct submission *submission,
                        uint32_t invocation) {
    struct mta *mta = association->net->mta;
    struct later_asked asked = {.owner = association,
                                .kind = &late_end,
                                .ref = invocation,
                                .object = submission,
                                .octets = submission_end(mta, submission)};
    if (later_do(mta, user_association_payer(association), &asked))
        return;
    submission_free(mta, submission);
    refuse_for_now(association, invocation);
}

bool user_submit_end(struct user_association *association, struct span payload) {
    (void)payload;
    struct submission *submission = association->submission;
    uint32_t invocation = association->invocation;
    association->submission = NULL;
    association->invocation = 0;
    if (!submission)
        refuse(association, invocation, association->failed, NULL);
    else
        end_in_turn(association, submission, invocation);
    return true;
}

/* ---- other operations ---- */

static void run_request(void *owner, uint64_t ref, struct span payload, void *object) {
    struct user_association *association = owner;
    struct reader r = reader_of(payload);
    enum ipc_user_operation operation = (enum ipc_user_operation)reader_u8(&r);
    struct span argument = payload_rest(&r);
    uint32_t invocation = (uint32_t)ref;
    (void)object;
    switch (operation) {
    case IPC_USER_CANCEL:
        user_cancel(association, invocation, argument);
        break;
    case IPC_USER_DELIVERY_CONTROL:
    case IPC_USER_DELIVERY_CONTROL_88:
        user_delivery_control(association, invocation, argument, operation == IPC_USER_DELIVERY_CONTROL_88);
        break;
    case IPC_USER_REGISTER:
    case IPC_USER_REGISTER_88:
        user_register(association, invocation, argument, operation == IPC_USER_REGISTER_88);
        break;
    case IPC_USER_CHANGE_CREDENTIALS:
        user_change_credentials(association, invocation, argument);
        break;
    }
}

static void refuse_request(void *owner, uint64_t ref) {
    user_reject(owner, (uint32_t)ref, USER_RELEASE_IN_PROGRESS);
}

static const struct later_kind late_request = {.run = run_request, .refuse = refuse_request, .secret = true};

bool user_request(struct user_association *association, struct span payload) {
    struct reader r = reader_of(payload);
    struct later_asked asked = {.owner = association, .kind = &late_request};
    uint32_t invocation = reader_u32(&r);
    asked.ref = invocation;
    asked.payload = payload_rest(&r);
    if (!later_do(association->net->mta, user_association_payer(association), &asked))
        user_reject(association, invocation, USER_RESOURCE_LIMITATION);
    return true;
}

/* ---- time and the end ---- */

/* As that of a local client (submit.c). */
#define PATIENCE (600 * SECOND)

/* A delivery has a time of its own, mostly longer than the timer of the transfer, which whatever else its
 * user says puts off. */
#define DELIVERY_PATIENCE (3600 * SECOND)

static const char *why_tired(const struct user_association *association, int64_t now) {
    bool given = association->delivering && !association->committing;
    return association->submission && now - association->submission->heard > PATIENCE
               ? "nothing came of a submission for 10 minutes"
           : given && now - association->heard > DELIVERY_PATIENCE ? "nothing came of a delivery for an hour"
                                                                   : NULL;
}

void user_ports_tick(struct mta *mta, int64_t now) {
    bool accepts = store_accepting(mta->view.store);
    for (size_t i = 0; i < mta->user_associations.room; i++) {
        struct user_association *association = mta->user_associations.slots[i].value;
        if (!association || association->state != USER_UP)
            continue;
        if (accepts)
            lift(association);
        const char *tired = why_tired(association, now);
        if (tired)
            user_association_end(association, tired);
    }
}
