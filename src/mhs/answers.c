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
    json_t *answers;
    struct arena arena;
};

static void add(struct reading *reading, const char *ipm, const char *who, const char *step, int64_t seconds,
                const char *detail) {
    char time[21];
    json_array_append_new(reading->answers,
                          json_pack("{s:s, s:s, s:s, s:s, s:s*}", "ipm", ipm, "recipient", who ? who : "?",
                                    "step", step, "time", clock_format(seconds, time), "detail", detail));
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
    json_array_append_new(reading->answers,
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

json_t *outcome_answers(const char *mailbox, int64_t since) {
    struct reading reading = {.mailbox = mailbox, .since = since, .answers = json_array()};
    const struct mhs_list list = {.mailbox = mailbox};
    arena_init(&reading.arena, ARENA_MAX);
    enum mhs_code code = mhs_list(daemon_session(), &list, take_entry, &reading, NULL);
    arena_free(&reading.arena);
    if (code == MHS_OK)
        return reading.answers;
    daemon_failed(code);
    json_decref(reading.answers);
    return NULL;
}

/* ---- whose message an answer is on ---- */

static bool written_before(const json_t *outcome, const char *ipm) {
    struct civil_time at = {0};
    int64_t submitted = out_time(outcome, "submitted");
    if (strlen(ipm) != 24 ||
        sscanf(ipm, "%4d%2d%2d%2d%2d%2dZ.", &at.year, &at.month, &at.day, &at.hour, &at.minute, &at.second) !=
            6 ||
        !civil_is_valid(at))
        return false;
    int64_t written = civil_to_seconds(at);
    return written <= submitted + WRITTEN_WITHIN && written >= submitted - WRITTEN_WITHIN;
}

/* The MTS-identifiers of the messages that an identifier of ours was given to, by their content identifier;
 * kept in the answer. NULL when the daemon could not be asked; said. */
static const json_t *messages_of(json_t *answer) {
    json_t *known = json_object_get(answer, "messages"), *reply, *message;
    const char *identifier = correlator_content_identifier(out_text(answer, "ipm"));
    size_t i;
    if (known)
        return known;
    daemon_quiet(true); /* it may be of another user, or from before what is on record */
    enum command_status status = daemon_request(
        json_pack("{s:s, s:s}", "operation", "track", "content-identifier", identifier), &reply);
    daemon_quiet(false);
    if (status == COMMAND_UNREACHABLE)
        return NULL;
    known = json_array();
    json_object_set_new(answer, "messages", known);
    if (status != COMMAND_OK)
        return known;
    json_array_foreach(json_object_get(reply, "messages"), i, message)
        json_array_append(known, json_object_get(message, "mts-identifier"));
    json_decref(reply);
    return known;
}

static bool holds(const json_t *array, const char *text) {
    const json_t *one;
    size_t i;
    json_array_foreach(array, i, one) if (strcmp(json_string_value(one), text) == 0) return true;
    return false;
}

/* ---- adding ---- */

static void set_delivered(json_t *row, const char *time) {
    json_t *step;
    size_t i;
    json_array_foreach(json_object_get(row, "steps"), i,
                       step) if (strcmp(out_text(step, "step"), "delivered") == 0) {
        json_object_set_new(step, "time", json_string(time));
        json_object_del(step, "detail");
    }
}

static bool add_answer(json_t *outcome, json_t *answer) {
    const char *message = out_text(outcome, "mts-identifier"),
               *ipm = json_string_value(json_object_get(answer, "ipm"));
    if (!ipm && strcmp(out_text(answer, "mts-identifier"), message) == 0) {
        set_delivered(outcome_row(outcome, out_text(answer, "recipient")), out_text(answer, "time"));
        return true;
    }
    if (!ipm || !written_before(outcome, ipm))
        return true;
    const json_t *messages = messages_of(answer);
    if (messages && holds(messages, message))
        outcome_add_step(outcome_row(outcome, out_text(answer, "recipient")), out_text(answer, "step"),
                         out_text(answer, "time"), json_string_value(json_object_get(answer, "detail")));
    return messages != NULL;
}

bool outcome_add_answers(json_t *outcome, json_t *answers) {
    json_t *answer;
    size_t i;
    json_array_foreach(answers, i, answer) if (!add_answer(outcome, answer)) return false;
    return true;
}
