/* What came back into a mailbox on messages that were sent from it: receipts, replies, and the times in
 * reports. */
#include <stdlib.h>
#include <string.h>

#include "asn1/ber.h"
#include "base/clock.h"
#include "mhs/address.h"
#include "mhs/correlator.h"
#include "mhs/daemon.h"
#include "mhs/entry.h"
#include "mhs/histories.h"
#include "mhs/outcome.h"
#include "mhs/output.h"

#define ARENA_MAX       ((size_t)64 * 1024 * 1024)
#define HEADING_OCTETS  ((size_t)16 * 1024)
#define ENVELOPE_OCTETS ((size_t)256 * 1024)
#define CONTENT_OCTETS  ((size_t)1024 * 1024)

/* An IPM-identifier of ours tells when the message was written, which is just before it was submitted. */
#define WRITTEN_WITHIN 3600

struct reading {
    const char *mailbox;
    int64_t since;
    json_t *deliveries; /* [{"mts-identifier", "recipient", "time"}], of reports */
    json_t *by_ipm;     /* {"IPM-IDENTIFIER": [{"recipient", "step", "time", "detail"}]} */
    struct arena arena;
};

static void add(struct reading *reading, const char *ipm, const char *who, const char *step, int64_t seconds,
                const char *detail) {
    char time[21];
    if (!json_object_get(reading->by_ipm, ipm))
        json_object_set_new(reading->by_ipm, ipm, json_array());
    json_array_append_new(json_object_get(reading->by_ipm, ipm),
                          json_pack("{s:s, s:s, s:s, s:s*}", "recipient", who ? who : "?", "step", step,
                                    "time", clock_format(seconds, time), "detail", detail));
}

static void take_notification(struct reading *reading, const struct mhs_entry *entry, const struct ipn *ipn) {
    static const char *const discards[] = {"it had expired", "a later one replaced it",
                                           "he is no user any more", "he deleted it unread"};
    const char *ipm = ipn->subject_ipm.user_relative_identifier;
    bool known = ipn->has_discard_reason && ipn->discard_reason >= 0 &&
                 (size_t)ipn->discard_reason < sizeof discards / sizeof *discards;
    if (!ipm)
        return;
    if (ipn->kind == IPN_RECEIPT)
        add(reading, ipm, entry->originator, ipn->automatic ? "acknowledged" : "read", ipn->receipt_time,
            ipn->suppl_receipt_info);
    else if (ipn->kind == IPN_NON_RECEIPT && ipn->non_receipt_reason == 1)
        add(reading, ipm, entry->originator, "forwarded", entry->arrival, ipn->auto_forward_comment);
    else if (ipn->kind == IPN_NON_RECEIPT)
        add(reading, ipm, entry->originator, "not read", entry->arrival,
            known ? discards[ipn->discard_reason] : NULL);
}

static void take_message(struct reading *reading, const struct mhs_entry *entry) {
    struct ipm_heading heading;
    struct ipm_content content;
    struct span beginning =
        entry_peek(reading->mailbox, entry->number, MHS_CONTENT, HEADING_OCTETS, &reading->arena);
    if (!beginning.len)
        return;
    if (beginning.data[0] == 0xA1 && entry->size > beginning.len && entry->size <= CONTENT_OCTETS)
        beginning = entry_peek(reading->mailbox, entry->number, MHS_CONTENT, CONTENT_OCTETS, &reading->arena);
    if (beginning.len && beginning.data[0] == 0xA1) {
        if (ipm_read(beginning, &reading->arena, &content, NULL) && content.ipn)
            take_notification(reading, entry, content.ipn);
    } else if (ipm_read_heading(beginning, &reading->arena, &heading, NULL) && heading.replied_to_ipm &&
               heading.replied_to_ipm->user_relative_identifier) {
        add(reading, heading.replied_to_ipm->user_relative_identifier, entry->originator, "replied",
            entry->submitted ? entry->submitted : entry->arrival, heading.subject);
    }
}

static void take_delivery(struct reading *reading, const struct mhs_entry *entry,
                          const struct x411p3_PerRecipientReportDeliveryFields *fields) {
    int64_t seconds = 0;
    char time[21];
    if (fields->report_type.choice != x411_ReportType_delivery ||
        !ber_utctime_read(fields->report_type.u.delivery.message_delivery_time, &seconds))
        return;
    json_array_append_new(reading->deliveries,
                          json_pack("{s:s, s:s, s:s}", "mts-identifier", entry->identifier, "recipient",
                                    address_show(&fields->actual_recipient_name, &reading->arena), "time",
                                    clock_format(seconds, time)));
}

/* When it was delivered stands in the report; the history says when the report came. */
static void take_report(struct reading *reading, const struct mhs_entry *entry) {
    static const struct ber_limits lax = {.relax_bounds = true, .relax_characters = true};
    struct span envelope =
        entry_peek(reading->mailbox, entry->number, MHS_ENVELOPE, ENVELOPE_OCTETS, &reading->arena);
    struct x411p3_ReportDeliveryEnvelope *report =
        envelope.data ? arena_alloc(&reading->arena, sizeof *report) : NULL;
    if (!report ||
        !ber_decode(&x411p3_ReportDeliveryEnvelope_type, envelope, &reading->arena, &lax, report, NULL))
        return;
    for (size_t i = 0; i < report->per_recipient_fields.count; i++)
        take_delivery(reading, entry, &report->per_recipient_fields.items[i]);
}

static bool take_entry(void *context, const struct mhs_entry *entry) {
    struct reading *reading = context;
    arena_reset(&reading->arena);
    if (entry->arrival < reading->since || entry->kind == MHS_DAMAGED)
        return true;
    if (entry->kind == MHS_REPORT)
        take_report(reading, entry);
    else
        take_message(reading, entry);
    return true;
}

/* At most so many entries (0: all): whose mailbox it is is asked in any case. */
static enum command_status read_mailbox(struct reading *reading, unsigned most) {
    const struct mhs_list list = {.mailbox = reading->mailbox, .limit = most};
    reading->deliveries = json_array();
    reading->by_ipm = json_object();
    arena_init(&reading->arena, ARENA_MAX);
    enum mhs_code code = mhs_list(daemon_session(), &list, take_entry, reading, NULL);
    arena_free(&reading->arena);
    return code == MHS_OK ? COMMAND_OK : daemon_failed(code);
}

/* ---- whose message an answer is on ---- */

/* When an IPM-identifier of ours was made; 0: it is none. */
static int64_t written(const char *ipm) {
    struct civil_time at = {0};
    bool ours = correlator_is_ours(ipm) && sscanf(ipm, "%4d%2d%2d%2d%2d%2dZ.", &at.year, &at.month, &at.day,
                                                  &at.hour, &at.minute, &at.second) == 6;
    return ours && civil_is_valid(at) ? civil_to_seconds(at) : 0;
}

/* Seconds between the writing of an IPM and the submission of what may be its message. */
static int64_t apart(const struct outcome *outcome, int64_t at) {
    return outcome->submitted > at ? outcome->submitted - at : at - outcome->submitted;
}

struct search {
    int64_t written;
    struct outcomes *found;
};

/* They come with the newest first. */
static bool take_history(void *context, const json_t *history) {
    struct search *search = context;
    const json_t *first = json_array_get(json_object_get(history, "events"), 0);
    int64_t submitted = out_time(first, "time");
    if (search->written && submitted > search->written + WRITTEN_WITHIN)
        return true;
    if (search->written && submitted < search->written - WRITTEN_WITHIN)
        return false;
    return outcomes_add(search->found, history);
}

enum command_status outcomes_of_ipm(const char *ipm, struct outcomes *found) {
    struct search search = {written(ipm), found};
    struct correlator_content_identifier content;
    return histories_each(json_pack("{s:s, s:s}", "operation", "track", "content-identifier",
                                    correlator_content_identifier(ipm, &content)),
                          take_history, &search);
}

struct outcome *outcomes_meant(const struct outcomes *found, const char *ipm, const char *answerer) {
    int64_t at = written(ipm);
    struct outcome *meant = NULL;
    bool named = false;
    for (size_t i = 0; i < found->count; i++) {
        struct outcome *outcome = &found->items[i];
        bool names = found->count > 1 && outcome_names(outcome, answerer);
        if (!meant || names > named || (names == named && apart(outcome, at) < apart(meant, at))) {
            meant = outcome;
            named = names;
        }
    }
    return meant;
}

/* ---- adding ---- */

/* The report knows when it was; the history, when the report came. */
static void set_delivered(json_t *row, const char *time) {
    json_t *step;
    size_t i;
    json_array_foreach(json_object_get(row, "steps"), i, step) {
        if (strcmp(out_text(step, "step"), "delivered") == 0) {
            json_object_set_new(step, "time", json_string(time));
            return;
        }
    }
    if (!outcome_is_good(out_text(row, "state")))
        outcome_add_step(row, "delivered", time, NULL);
}

static void add_deliveries(struct outcomes *outcomes, const json_t *deliveries) {
    const json_t *delivery;
    size_t i;
    json_array_foreach(deliveries, i, delivery) {
        struct outcome *outcome = outcomes_find(outcomes, out_text(delivery, "mts-identifier"));
        if (outcome && !outcome->probe)
            set_delivered(outcome_row(outcome, out_text(delivery, "recipient")), out_text(delivery, "time"));
    }
}

/* The answers on one IPM. Its messages may be others than those that are wanted, another user's, or from
 * before what is on record. */
static enum command_status add_on_ipm(struct outcomes *outcomes, const char *ipm, const json_t *answers) {
    const json_t *answer;
    struct outcomes found;
    size_t i;
    outcomes_init(&found);
    daemon_quiet(true);
    enum command_status status = outcomes_of_ipm(ipm, &found);
    daemon_quiet(false);
    json_array_foreach(answers, i, answer) {
        const char *who = out_text(answer, "recipient");
        const struct outcome *meant = outcomes_meant(&found, ipm, who);
        struct outcome *outcome = meant ? outcomes_find(outcomes, meant->identifier) : NULL;
        if (outcome)
            outcome_add_step(outcome_row(outcome, who), out_text(answer, "step"), out_text(answer, "time"),
                             json_string_value(json_object_get(answer, "detail")));
    }
    outcomes_free(&found);
    return status == COMMAND_NO ? COMMAND_OK : status;
}

/* An IPM of which one of the messages may be a message, by when it was written. */
static enum command_status add_receipts_and_replies(struct outcomes *outcomes, json_t *by_ipm) {
    enum command_status status = COMMAND_OK;
    int64_t oldest = INT64_MAX, newest = 0;
    const char *ipm;
    json_t *answers;
    for (size_t i = 0; i < outcomes->count; i++) {
        int64_t submitted = outcomes->items[i].submitted;
        oldest = submitted < oldest ? submitted : oldest;
        newest = submitted > newest ? submitted : newest;
    }
    json_object_foreach(by_ipm, ipm, answers) {
        int64_t at = written(ipm);
        if (status == COMMAND_OK && at && at + WRITTEN_WITHIN >= oldest && at <= newest + WRITTEN_WITHIN)
            status = add_on_ipm(outcomes, ipm, answers);
    }
    return status;
}

enum command_status outcomes_add_answers(struct outcomes *outcomes, const char *mailbox) {
    struct reading reading = {.mailbox = mailbox, .since = INT64_MAX};
    for (size_t i = 0; i < outcomes->count; i++)
        if (outcomes->items[i].submitted < reading.since)
            reading.since = outcomes->items[i].submitted;
    enum command_status status = read_mailbox(&reading, outcomes->count ? 0 : 1);
    if (status == COMMAND_OK) {
        add_deliveries(outcomes, reading.deliveries);
        status = add_receipts_and_replies(outcomes, reading.by_ipm);
    }
    json_decref(reading.deliveries);
    json_decref(reading.by_ipm);
    return status;
}
