/* The submission of a draft: envelope, content in pieces, answer. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "asn1/ber.h"
#include "base/clock.h"
#include "mhs/correlator.h"
#include "mhs/daemon.h"
#include "mhs/draft.h"
#include "mhs/output.h"
#include "mhs/progress.h"
#include "schema/x411p3.h"

/* Octets of a file that are read and sent at a time. */
#define PIECE (256 * 1024)

/* Which recipients a submission is for: blind copies travel apart. */
enum round { ROUND_OPEN, ROUND_BLIND };

static bool in_round(const struct draft_recipient *recipient, enum round round) {
    return (recipient->role == DRAFT_BCC) == (round == ROUND_BLIND);
}

/* ---- the envelope ---- */

static size_t count_round(const struct draft *draft, enum round round) {
    size_t count = 0;
    for (size_t i = 0; i < draft->recipient_count; i++)
        count += in_round(&draft->recipients[i], round);
    return count;
}

static bool octets_of(const struct ber_type *type, const void *value, struct arena *arena,
                      struct mhs_octets *octets) {
    struct span encoded = {NULL, 0};
    bool done = ber_encode_arena(type, value, arena, &encoded, NULL);
    *octets = (struct mhs_octets){encoded.data, encoded.len};
    return done;
}

static bool name_of(const struct x411_ORName *from, struct arena *arena, struct mhs_name *name) {
    return octets_of(&x411_ORName_type, from, arena, &name->ber);
}

static enum mhs_report_request report_request(enum draft_report report) {
    return report == DRAFT_REPORT_NONE       ? MHS_REPORT_NONE
           : report == DRAFT_REPORT_DELIVERY ? MHS_REPORT_DELIVERY
                                             : MHS_REPORT_NON_DELIVERY;
}

static bool add_recipient(const struct draft_recipient *from, struct arena *arena, struct mhs_recipient *to) {
    *to = (struct mhs_recipient){.report = report_request(from->report),
                                 .delivery_method = from->delivery_method};
    return name_of(&from->name, arena, &to->name) &&
           (!from->alternate || name_of(from->alternate, arena, &to->alternate));
}

static bool add_exempted(const struct draft *draft, struct mhs_submission *to) {
    struct mhs_name *names = arena_array(draft->arena, draft->exempted.count + 1, sizeof *names);
    bool done = names != NULL;
    for (size_t i = 0; done && i < draft->exempted.count; i++)
        done = name_of(&draft->exempted.items[i], draft->arena, &names[i]);
    to->dl_exempted = names;
    to->dl_exempted_count = draft->exempted.count;
    return done;
}

static bool add_types(const struct draft *draft, struct mhs_submission *to) {
    struct x411_EncodedInformationTypes types;
    return draft->notification.data ||
           (ipm_encoded_types(draft->parts, draft->part_count, draft->arena, &types) &&
            octets_of(&x411_EncodedInformationTypes_type, &types, draft->arena, &to->encoded_types));
}

/* What the envelope says; a round has at least one recipient. False without memory. */
static bool fill_submission(const struct draft *draft, enum round round, struct mhs_submission *to) {
    struct mhs_recipient *recipients =
        arena_array(draft->arena, count_round(draft, round), sizeof *recipients);
    *to = (struct mhs_submission){.recipients = recipients,
                                  .content_type = draft->content_type,
                                  .content_identifier = draft->content_identifier,
                                  .priority = (enum mhs_priority)draft->priority,
                                  .disclose_recipients = draft->disclose,
                                  .conversion_prohibited = draft->conversion_prohibited,
                                  .conversion_with_loss_prohibited = draft->conversion_with_loss_prohibited,
                                  .alternate_recipient_allowed = draft->alternate_allowed,
                                  .content_return = draft->return_content,
                                  .reassignment_prohibited = draft->reassignment_prohibited,
                                  .dl_expansion_prohibited = draft->expansion_prohibited,
                                  .deferred_delivery = draft->deferred,
                                  .latest_delivery = draft->latest,
                                  .content_length = draft->probe_length,
                                  .notified_mailbox = draft->notified_mailbox,
                                  .notified_entry = draft->notified_entry};
    bool done =
        recipients && name_of(&draft->originator, draft->arena, &to->originator) && add_exempted(draft, to);
    for (size_t i = 0; done && i < draft->recipient_count; i++)
        if (in_round(&draft->recipients[i], round))
            done = add_recipient(&draft->recipients[i], draft->arena, &recipients[to->recipient_count++]);
    return done;
}

/* By what reports and receipts on a message are known again. 1984 has no correlator. */
static bool add_correlation(const struct draft *draft, struct mhs_submission *to) {
    const char *identifier = draft->heading.this_ipm.user_relative_identifier;
    if (draft->notification.data)
        return true;
    struct correlator_content_identifier *content = arena_alloc(draft->arena, sizeof *content);
    if (!content)
        return false;
    if (!to->content_identifier)
        to->content_identifier = correlator_content_identifier(identifier, content);
    if (draft->content_type == 2)
        return true;
    struct span octets = correlator_make(identifier, draft->heading.subject, draft->arena);
    to->content_correlator = (struct mhs_octets){octets.data, octets.len};
    return octets.data != NULL;
}

/* ---- the content ---- */

static bool add_to_heading(struct ipm_recipients *list, const struct draft *draft, enum draft_role role) {
    list->items = arena_array(draft->arena, draft->recipient_count, sizeof *list->items);
    list->count = 0;
    for (size_t i = 0; list->items && i < draft->recipient_count; i++) {
        const struct draft_recipient *recipient = &draft->recipients[i];
        if (recipient->role == role)
            list->items[list->count++] = (struct ipm_recipient){
                .user = {&recipient->name, recipient->free_form_name, recipient->telephone_number},
                .notification_requests = recipient->notifications,
                .reply_requested = recipient->reply_requested,
                .has_precedence = recipient->has_precedence,
                .precedence = recipient->precedence,
                .circulation_member = recipient->circulation_member};
    }
    return list->items != NULL;
}

static bool plan_notification(const struct draft *draft, struct ipm_plan *plan, struct error *err) {
    *plan = (struct ipm_plan){arena_alloc(draft->arena, sizeof *plan->pieces), 1, draft->notification.len};
    if (!plan->pieces)
        return error_set(err, 1, "no memory for the notification");
    plan->pieces[0].octets = draft->notification;
    return true;
}

static bool plan_content(struct draft *draft, enum round round, struct ipm_plan *plan, struct error *err) {
    struct ipm_heading *heading = &draft->heading;
    if (draft->notification.data)
        return plan_notification(draft, plan, err);
    struct ipm_user *originator = arena_alloc(draft->arena, sizeof *originator);
    if (!heading->this_ipm.user_relative_identifier)
        heading->this_ipm = (struct ipm_identifier){
            &draft->originator,
            correlator_identifier(ipm_new_identifier(draft->arena), draft->content_identifier, draft->arena)};
    if (!originator || !add_to_heading(&heading->primary_recipients, draft, DRAFT_TO) ||
        !add_to_heading(&heading->copy_recipients, draft, DRAFT_CC) ||
        (round == ROUND_BLIND && !add_to_heading(&heading->blind_copy_recipients, draft, DRAFT_BCC)))
        return error_set(err, 1, "no memory for the heading");
    *originator = (struct ipm_user){&draft->originator, draft->originator_name, draft->originator_telephone};
    heading->originator = originator;
    return ipm_plan(heading, draft->parts, draft->part_count, draft->arena, plan, err);
}

/* ---- sending ---- */

static uint64_t octets_sent; /* of the content that is under way */

static enum mhs_code send_octets(struct span octets) {
    enum mhs_code code = MHS_OK;
    for (size_t at = 0; code == MHS_OK && at < octets.len; at += PIECE) {
        struct span piece = span_sub(octets, at, PIECE);
        code = mhs_submit_content(daemon_session(), piece.data, piece.len);
        octets_sent += piece.len;
        progress_at(octets_sent);
    }
    return code;
}

/* Streams exactly `length` octets of a file: the content's length is announced by then. */
static enum command_status send_file(const char *path, uint64_t length) {
    static uint8_t chunk[PIECE];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum command_status status = COMMAND_OK;
    if (fd < 0)
        return (enum command_status)command_fail(COMMAND_FAILED, "%s can't be read: %s", path,
                                                 strerror(errno));
    while (status == COMMAND_OK && length > 0) {
        ssize_t got = read(fd, chunk, length < sizeof chunk ? (size_t)length : sizeof chunk);
        enum mhs_code code = got > 0 ? send_octets(span_of(chunk, (size_t)got)) : MHS_OK;
        if (got <= 0)
            status = (enum command_status)command_fail(COMMAND_FAILED,
                                                       "%s became shorter, or can't be read, while it was "
                                                       "sent; nothing was submitted: send it again",
                                                       path);
        else if (code != MHS_OK)
            status = daemon_failed(code);
        length -= got > 0 ? (uint64_t)got : 0;
    }
    close(fd);
    return status;
}

static uint64_t content_length(const struct ipm_plan *plan) {
    uint64_t length = 0;
    for (size_t i = 0; i < plan->count; i++)
        length += plan->pieces[i].octets.data ? plan->pieces[i].octets.len : plan->pieces[i].length;
    return length;
}

static enum command_status send_content(const struct draft *draft, const struct ipm_plan *plan) {
    enum command_status status = COMMAND_OK;
    octets_sent = 0;
    progress_begin("sending", content_length(plan));
    for (size_t i = 0; status == COMMAND_OK && i < plan->count; i++) {
        const struct ipm_piece *piece = &plan->pieces[i];
        enum mhs_code code = piece->octets.data ? send_octets(piece->octets) : MHS_OK;
        if (code != MHS_OK)
            status = daemon_failed(code);
        else if (!piece->octets.data)
            status = send_file(draft->paths[piece->part], piece->length);
    }
    progress_end();
    return status;
}

/* ---- results ---- */

/* With --json: the first submission's result, with that of the blind copies in it. */
static json_t *results;

static void keep_result(json_t *result) {
    if (results)
        json_object_set_new(results, "blind-copies", result);
    else
        results = result;
}

/* Who can't be told on standard output is not to send it once more. */
static void tell_if_unheard(const char *identifier) {
    if (fflush(stdout) != 0 || ferror(stdout))
        fprintf(stderr, "mhs: it was submitted all the same, and is not to be sent again: %s\n", identifier);
}

static void print_results(void) {
    if (results) {
        out_json(results);
        tell_if_unheard(out_text(results, "mts-identifier"));
    }
    json_decref(results);
    results = NULL;
}

/* When the second submission fails the first is made all the same. */
static void tell_first(void) {
    const char *first = json_string_value(json_object_get(results, "mts-identifier"));
    if (first)
        fprintf(stderr, "mhs: the message without its blind copies was submitted: %s\n", first);
    json_decref(results);
    results = NULL;
}

/* Says what identifier the message got. */
static void print_result(const struct draft *draft, enum round round, const struct mhs_submitted *submitted) {
    char time[21];
    clock_format(submitted->time, time);
    if (command_settings.json)
        keep_result(json_pack("{s:s, s:s, s:s*}", "mts-identifier", submitted->identifier, "submission-time",
                              time, "ipm-identifier", draft->heading.this_ipm.user_relative_identifier));
    else
        printf("%s%s submitted at %s: %s%s%s\n", draft->word ? draft->word : "Message",
               round == ROUND_BLIND ? " to the blind copy recipients" : "", time, out_style(OUT_BOLD),
               submitted->identifier, out_end());
    if (!command_settings.json)
        tell_if_unheard(submitted->identifier);
}

static enum command_status submit_round(struct draft *draft, enum round round) {
    struct error err = {0};
    struct mhs_submission submission;
    struct mhs_submitted submitted;
    struct ipm_plan plan;
    if (!plan_content(draft, round, &plan, &err))
        return (enum command_status)command_fail(COMMAND_USAGE, "%s", err.text);
    if (!fill_submission(draft, round, &submission) || !add_types(draft, &submission) ||
        !add_correlation(draft, &submission))
        return (enum command_status)command_fail(COMMAND_FAILED, "no memory for the envelope");
    enum mhs_code code = mhs_submit_begin(daemon_session(), &submission);
    if (code != MHS_OK)
        return daemon_failed(code);
    enum command_status status = send_content(draft, &plan);
    if (status != COMMAND_OK) {
        mhs_submit_cancel(daemon_session());
        return status;
    }
    code = mhs_submit_end(daemon_session(), &submitted);
    if (code != MHS_OK)
        return daemon_failed(code);
    print_result(draft, round, &submitted);
    return COMMAND_OK;
}

enum command_status draft_submit(struct draft *draft) {
    enum command_status status = COMMAND_OK;
    if (count_round(draft, ROUND_OPEN) > 0)
        status = submit_round(draft, ROUND_OPEN);
    if (status == COMMAND_OK && count_round(draft, ROUND_BLIND) > 0)
        status = submit_round(draft, ROUND_BLIND);
    if (status == COMMAND_OK)
        print_results();
    else
        tell_first();
    return status;
}

enum command_status draft_submit_probe(const struct draft *draft, struct mhs_submitted *submitted) {
    struct mhs_submission submission;
    if (!fill_submission(draft, ROUND_OPEN, &submission))
        return (enum command_status)command_fail(COMMAND_FAILED, "no memory for the envelope");
    enum mhs_code code = mhs_probe(daemon_session(), &submission, submitted);
    return code == MHS_OK ? COMMAND_OK : daemon_failed(code);
}
