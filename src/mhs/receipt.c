/* `mhs receipt`: the receipt or non-receipt notification that a message asked for (X.420 §8). */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "mhs/address.h"
#include "mhs/commands.h"
#include "mhs/compose.h"
#include "mhs/daemon.h"
#include "mhs/entry.h"

#define ARENA_MAX   (64 * 1024 * 1024)
#define RETURN_MOST (16 * 1024 * 1024)

enum { OPTION_DISCARDED = 600, OPTION_INFORMATION };

static const struct command_option options[] = {
    COMPOSE_ORIGINATOR_OPTIONS,
    {OPTION_DISCARDED, "discarded", "REASON",
     "it was not received: ipm-expired, ipm-obsoleted, user-subscription-terminated or ipm-deleted"},
    {OPTION_INFORMATION, "information", "TEXT", "suppl-receipt-info: more about the receipt"},
    {0}};

static const struct command_usage usage = {
    "receipt", "ENTRY",
    "Sends the notification that a message of the mailbox of --from (or CHASQUI_USER) asked for.",
    "Without --discarded it is a receipt notification: you have read the message. Nothing else sends one.",
    options};

struct run {
    struct arena arena;
    struct draft draft;
    struct compose compose;
    struct entry entry;
    struct ipm_content content;
    struct ipn ipn;
    const char *operand;
};

/* DiscardReasonField of X.420 (§8.2.2), by number. */
#define REASONS "ipm-expired, ipm-obsoleted, user-subscription-terminated or ipm-deleted"
static const char *const reasons[] = {"ipm-expired", "ipm-obsoleted", "user-subscription-terminated",
                                      "ipm-deleted"};

static bool take_discard(struct run *run, const char *reason) {
    run->ipn.kind = IPN_NON_RECEIPT;
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (strcmp(reason, reasons[i]) == 0) {
            run->ipn.has_discard_reason = true;
            run->ipn.discard_reason = (int64_t)i;
            return true;
        }
    return false;
}

static int read_line(struct run *run, int argc, char **argv) {
    struct command_line line;
    const char *value;
    int id, status = COMMAND_OK;
    command_line_init(&line, &usage, argc, argv);
    while (status == COMMAND_OK && (id = command_line_next(&line, &value)) != COMMAND_LINE_END) {
        if (id == COMMAND_LINE_STOP)
            return line.status;
        if (id == OPTION_INFORMATION)
            run->ipn.suppl_receipt_info = value;
        else if (id != OPTION_DISCARDED)
            status = compose_take(&run->compose, &usage, id, value);
        else if (!take_discard(run, value))
            status = command_usage_error(&usage, "'%s' is not a reason to discard a message; it is " REASONS,
                                         value);
    }
    if (status != COMMAND_OK)
        return status;
    run->operand = command_line_operand(&line);
    return run->operand && !command_line_operand(&line)
               ? COMMAND_OK
               : command_usage_error(&usage, "give one ENTRY; 'mhs list' shows them");
}

static unsigned requests_in(struct run *run, const struct ipm_recipients *list) {
    const struct x411p3_OtherMessageDeliveryFields *fields = &run->entry.message->other_fields;
    unsigned requests = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct x411_ORName *name = list->items[i].user.formal_name;
        if (name && (address_same(name, &run->draft.originator) ||
                     (fields->originally_intended_recipient_name &&
                      address_same(name, fields->originally_intended_recipient_name))))
            requests |= list->items[i].notification_requests;
    }
    return requests;
}

/* What the originator asked of this recipient (X.420 §7.1.2). */
static unsigned requests_of(struct run *run) {
    const struct ipm_heading *heading = &run->content.ipm->heading;
    return requests_in(run, &heading->primary_recipients) | requests_in(run, &heading->copy_recipients) |
           requests_in(run, &heading->blind_copy_recipients);
}

/* Goes to who submitted the message, with its priority and content type (X.420 §18.5.1.1), and no report is
 * asked for. */
static bool address_notification(struct run *run) {
    const struct x411p3_OtherMessageDeliveryFields *fields = &run->entry.message->other_fields;
    const struct draft_recipient originator = {.name = fields->originator_name, .report = DRAFT_REPORT_NONE};
    run->draft.priority = fields->priority;
    if (fields->content_type.choice == x411p3_DeliveredContentType_built_in)
        run->draft.content_type = (int)fields->content_type.u.built_in;
    return draft_add_recipient(&run->draft, DRAFT_TO, &originator) != NULL;
}

static int encode_notification(struct run *run) {
    struct error err = {0};
    struct ipm_user *us = arena_alloc(&run->arena, sizeof *us),
                    *preferred = arena_alloc(&run->arena, sizeof *us);
    if (!us || !preferred)
        return command_fail(COMMAND_FAILED, "no memory");
    us->formal_name = &run->draft.originator;
    preferred->formal_name = run->entry.message->other_fields.originally_intended_recipient_name;
    run->ipn.subject_ipm = run->content.ipm->heading.this_ipm;
    run->ipn.ipn_originator = us;
    run->ipn.ipm_intended_recipient = preferred->formal_name ? preferred : NULL;
    run->ipn.receipt_time = clock_now_us() / 1000000;
    return ipn_encode(&run->ipn, &run->arena, &run->draft.notification, &err)
               ? COMMAND_OK
               : command_fail(COMMAND_FAILED, "the notification can't be written: %s", err.text);
}

/* X.420 §8.2.4: the message is returned when the subject recipient specifier asked for it, and only if it
 * was not converted for its delivery here. */
static void return_message(struct run *run) {
    struct span message = ipm_element(run->entry.content);
    if (run->ipn.kind != IPN_NON_RECEIPT || !(requests_of(run) & IPM_REQUEST_IPM_RETURN) ||
        run->entry.message->other_fields.converted_encoded_information_types)
        return;
    if (message.data && message.len <= RETURN_MOST)
        run->ipn.returned_ipm = message;
    else
        fprintf(stderr, "mhs: the message is not returned: %s\n",
                message.data ? "it is longer than 16 MiB" : "it is cut off");
}

static int notify(struct run *run, int argc, char **argv) {
    int status = read_line(run, argc, argv);
    if (status != COMMAND_OK || !run->operand)
        return status;
    status = compose_originator(&run->compose, &usage);
    if (status == COMMAND_OK)
        status = (int)entry_open_ipm(&run->entry, &run->draft.originator, run->operand, &run->arena,
                                     &run->content);
    if (status != COMMAND_OK)
        return status;
    bool receipt = run->ipn.kind == IPN_RECEIPT;
    if (!(requests_of(run) & (receipt ? IPM_REQUEST_RN : IPM_REQUEST_NRN)))
        return command_fail(
            COMMAND_NO, "entry %s does not ask for a %s notification; 'mhs reply' answers it all the same",
            run->operand, receipt ? "receipt" : "non-receipt");
    run->draft.word = receipt ? "Receipt" : "Non-receipt notification";
    if (!address_notification(run))
        return COMMAND_FAILED;
    return_message(run);
    run->draft.notified_mailbox = run->entry.mailbox;
    run->draft.notified_entry = run->entry.number;
    status = encode_notification(run);
    return status == COMMAND_OK ? (int)draft_submit(&run->draft) : status;
}

int cmd_receipt(int argc, char **argv) {
    struct run run = {.ipn = {.kind = IPN_RECEIPT}};
    int status = COMMAND_FAILED;
    arena_init(&run.arena, ARENA_MAX);
    if (draft_init(&run.draft, &run.arena, 1)) {
        compose_init(&run.compose, &run.draft);
        status = notify(&run, argc, argv);
    }
    entry_close(&run.entry);
    arena_free(&run.arena);
    return status;
}
