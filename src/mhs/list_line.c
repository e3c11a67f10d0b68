#include "mhs/list_line.h"

#include <ctype.h>
#include <string.h>

#include "asn1/ber.h"
#include "base/clock.h"
#include "mhs/address.h"
#include "mhs/aliases.h"
#include "mhs/command.h"
#include "mhs/correlator.h"
#include "mhs/entry.h"
#include "mhs/output.h"
#include "mhs/view_private.h"
#include "names/codes.h"

#define HEADING_OCTETS ((size_t)16 * 1024) /* of a content are fetched to show its subject */
#define NOTIFICATION_OCTETS                                                                                  \
    ((size_t)1024 * 1024) /* a longer one, which returns its message, is not told of */
#define REPORT_OCTETS                                                                                        \
    ((size_t)256 * 1024) /* of a report to more recipients than these hold the first are named */

/* {local part of an IPM-identifier: subject} of what reports were about. */
static json_t *subjects;

static bool is_kind(const json_t *row, const char *kind) {
    return strcmp(out_text(row, "kind"), kind) == 0;
}

/* In a table what is no subject stands in parentheses; in JSON it is another member. */
static void set_remark(json_t *row, const char *remark) {
    if (command_settings.json)
        json_object_set_new(row, "remark", json_string(remark));
    else
        json_object_set_new(row, "subject", json_sprintf("(%s)", remark));
}

/* ` · "Pläne"`, or nothing. */
static const char *quoted(const char *subject, struct arena *arena) {
    return subject && *subject ? arena_printf(arena, " \u00B7 \"%s\"", subject) : "";
}

/* ---- reports ---- */

/* A sentence as the end of another: `no such recipient`. */
static const char *as_cause(const char *sentence, struct arena *arena) {
    static const char there_is[] = "There is ";
    size_t skip = strncmp(sentence, there_is, sizeof there_is - 1) == 0 ? sizeof there_is - 1 : 0;
    char *cause = arena_printf(arena, "%s", sentence + skip);
    if (cause && !isupper((unsigned char)cause[1]))
        *cause = (char)tolower((unsigned char)*cause);
    return cause ? cause : sentence;
}

/* Why it was not delivered, in a few words; NULL when it was. */
static const char *cause_of(const struct x411p3_PerRecipientReportDeliveryFields *fields,
                            struct arena *arena) {
    const struct x411_NonDeliveryReport *report = &fields->report_type.u.non_delivery;
    if (fields->report_type.choice == x411_ReportType_delivery)
        return NULL;
    return as_cause(report->has_non_delivery_diagnostic_code
                        ? non_delivery_diagnostic_text(report->non_delivery_diagnostic_code)
                        : non_delivery_reason_text(report->non_delivery_reason_code),
                    arena);
}

static void add_recipients(json_t *recipients, const struct x411p3_ReportDeliveryEnvelope *report,
                           struct arena *arena) {
    for (size_t i = 0; i < report->per_recipient_fields.count; i++) {
        const struct x411p3_PerRecipientReportDeliveryFields *fields = &report->per_recipient_fields.items[i];
        const char *cause = cause_of(fields, arena);
        json_t *one =
            json_pack("{s:s, s:b}", "recipient", address_show(&fields->actual_recipient_name, arena),
                      "delivered", cause == NULL);
        view_set(one, "cause", cause ? json_string(cause) : NULL);
        json_array_append_new(recipients, one);
    }
}

/* `what it was about`: the subject, when the report brought back the correlator of one of ours. */
static void set_about(json_t *row, const struct x411p3_ReportDeliveryEnvelope *report, struct arena *arena) {
    struct correlator about;
    if (!correlator_read(&report->extensions, arena, &about))
        return;
    if (!subjects)
        subjects = json_object();
    json_object_set_new(subjects, about.identifier, json_string(about.subject));
    json_object_set_new(row, "about", json_string(about.subject));
    json_object_set_new(row, "about-ipm", json_string(about.identifier));
}

static void read_report(const char *mailbox, json_t *row, struct arena *arena) {
    static const struct ber_limits lax = {.relax_bounds = true, .relax_characters = true};
    struct span envelope =
        entry_peek(mailbox, (uint64_t)out_integer(row, "entry"), MHS_ENVELOPE, REPORT_OCTETS, arena);
    struct x411p3_ReportDeliveryEnvelope *report = envelope.data ? arena_alloc(arena, sizeof *report) : NULL;
    json_t *recipients = json_array();
    if (report)
        ber_decode(&x411p3_ReportDeliveryEnvelope_type, envelope, arena, &lax, report, NULL);
    if (report)
        add_recipients(recipients, report, arena);
    if (report)
        set_about(row, report, arena);
    json_object_set_new(row, "recipients", recipients);
}

/* The recipient that the line tells of: the first one that did not get it, else the first. */
static const json_t *told(const json_t *row) {
    const json_t *recipients = json_object_get(row, "recipients"), *one;
    size_t i;
    json_array_foreach(recipients, i, one) if (!json_is_true(json_object_get(one, "delivered"))) return one;
    return json_array_get(recipients, 0);
}

/* `ADDRESS` or `ADDRESS +2` */
static json_t *whom(const json_t *row) {
    const json_t *shown = told(row);
    size_t count = json_array_size(json_object_get(row, "recipients"));
    const char *name = shown ? aliases_short(out_text(shown, "recipient")) : "-";
    return count > 1 ? json_sprintf("%s +%zu", name, count - 1) : json_string(name);
}

/* What a report says for programs that read a sentence. */
static const char *report_remark(const json_t *row, struct arena *arena) {
    long long delivered = out_integer(row, "delivered"), non_delivered = out_integer(row, "non-delivered");
    bool probe = json_is_true(json_object_get(row, "probe"));
    const char *word = probe ? "report on a probe: " : "report: ",
               *done = probe ? "deliverable" : "delivered";
    if (delivered && non_delivered)
        return arena_printf(arena, "%s%lld %s, %lld NOT %s", word, delivered, done, non_delivered, done);
    if (!delivered && !non_delivered)
        return "report";
    return arena_printf(arena, "%s%s%s", word, non_delivered ? "NOT " : "", done);
}

static void complete_report(const char *mailbox, json_t *row, struct arena *arena) {
    long long delivered = out_integer(row, "delivered"), non_delivered = out_integer(row, "non-delivered");
    bool probe = json_is_true(json_object_get(row, "probe"));
    read_report(mailbox, row, arena);
    if (command_settings.json) {
        json_object_set_new(row, "remark", json_string(report_remark(row, arena)));
        return;
    }
    const json_t *one = told(row);
    const char *cause = one ? json_string_value(json_object_get(one, "cause")) : NULL;
    const char *about = quoted(json_string_value(json_object_get(row, "about")), arena);
    const char *count = delivered && non_delivered
                            ? arena_printf(arena, "%lld of %lld: ", non_delivered, delivered + non_delivered)
                            : "";
    json_object_set_new(row, "who", whom(row));
    if (non_delivered)
        json_object_set_new(row, "subject",
                            json_sprintf("\u2717 %s%s%s%s", count, probe ? "not deliverable: " : "",
                                         cause ? cause : "not delivered", about));
    else
        json_object_set_new(row, "subject",
                            json_sprintf("\u2713 %s%s", probe ? "deliverable" : "delivered", about));
}

/* ---- receipts ---- */

/* What became of the message, in a few words. */
static const char *became(const struct ipn *ipn, struct arena *arena) {
    static const char *const discards[] = {"it had expired", "a later one replaced it",
                                           "he is no user any more", "he deleted it unread"};
    char time[21];
    if (ipn->kind == IPN_RECEIPT)
        return arena_printf(arena, "\u2713 %s %.16sZ", ipn->automatic ? "acknowledged" : "read",
                            clock_format(ipn->receipt_time, time));
    if (ipn->kind == IPN_OTHER)
        return "another notification";
    if (ipn->non_receipt_reason == 1)
        return arena_printf(arena, "\u2192 forwarded unread%s%s", ipn->auto_forward_comment ? ": " : "",
                            ipn->auto_forward_comment ? ipn->auto_forward_comment : "");
    bool known = ipn->has_discard_reason && ipn->discard_reason >= 0 &&
                 (size_t)ipn->discard_reason < sizeof discards / sizeof *discards;
    return arena_printf(arena, "\u2717 not read%s%s", known ? ": " : "",
                        known ? discards[ipn->discard_reason] : "");
}

/* Whose message: its subject, when it came back or a report told it, else its identifier. */
static const char *subject_of(const struct ipn *ipn, struct arena *arena) {
    const char *identifier = ipn->subject_ipm.user_relative_identifier;
    const char *subject = identifier ? json_string_value(json_object_get(subjects, identifier)) : NULL;
    struct ipm returned;
    if (!subject && ipm_read_returned(ipn, arena, &returned, NULL))
        subject = returned.heading.subject;
    return subject ? quoted(subject, arena)
                   : arena_printf(arena, " \u00B7 on %s", identifier ? identifier : "?");
}

/* False: it can't be read, or is too long to be fetched for a line. */
static bool complete_notification(const char *mailbox, json_t *row, struct arena *arena) {
    static const char *const kinds[] = {"non-receipt", "receipt", "other"};
    struct ipm_content content;
    uint64_t size = (uint64_t)out_integer(row, "size");
    struct span octets = size <= NOTIFICATION_OCTETS
                             ? entry_peek(mailbox, (uint64_t)out_integer(row, "entry"), MHS_CONTENT,
                                          NOTIFICATION_OCTETS, arena)
                             : (struct span){NULL, 0};
    if (!octets.data || !ipm_read(octets, arena, &content, NULL) || !content.ipn)
        return false;
    if (!command_settings.json) {
        json_object_set_new(row, "subject",
                            json_sprintf("%s%s", became(content.ipn, arena), subject_of(content.ipn, arena)));
        return true;
    }
    json_object_set_new(row, "notification", json_string(kinds[content.ipn->kind]));
    view_set(row, "about-ipm",
             content.ipn->subject_ipm.user_relative_identifier
                 ? json_string(content.ipn->subject_ipm.user_relative_identifier)
                 : NULL);
    set_remark(row, "notification");
    return true;
}

/* ---- the whole ---- */

static void complete_message(const char *mailbox, json_t *row, struct arena *arena) {
    struct ipm_heading heading;
    struct span beginning =
        out_integer(row, "size") > 0
            ? entry_peek(mailbox, (uint64_t)out_integer(row, "entry"), MHS_CONTENT, HEADING_OCTETS, arena)
            : (struct span){NULL, 0};
    if (beginning.data && ipm_read_heading(beginning, arena, &heading, NULL)) {
        if (heading.subject)
            json_object_set_new(row, "subject", json_string(heading.subject));
        else
            set_remark(row, "no subject");
    } else if (beginning.len > 0 && beginning.data[0] == 0xA1) {
        if (!complete_notification(mailbox, row, arena))
            set_remark(row, "notification");
    } else
        set_remark(row, "no interpersonal message");
}

void list_line_complete(const char *mailbox, json_t *row, struct arena *arena) {
    if (!command_settings.json)
        json_object_set_new(row, "who", json_string(aliases_short(out_text(row, "originator"))));
    if (is_kind(row, "report"))
        complete_report(mailbox, row, arena);
    else if (is_kind(row, "damaged"))
        set_remark(row, arena_printf(arena, "damaged: %s", out_text(row, "damage")));
    else
        complete_message(mailbox, row, arena);
}
