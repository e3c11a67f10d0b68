/* `mhs reply` and `mhs forward`: a new message out of one in a mailbox. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "asn1/ber.h"
#include "base/clock.h"
#include "mhs/address.h"
#include "mhs/address_set.h"
#include "mhs/attach.h"
#include "mhs/commands.h"
#include "mhs/compose.h"
#include "mhs/correlator.h"
#include "mhs/entry.h"

#define ARENA_MAX (256 * 1024 * 1024)

/* Of a long conversation the latest messages are named. */
#define RELATED_MOST 64

enum { OPTION_ALL = 600 };

/* As the commands that read a mailbox name it. */
#define USER_OPTION                                                                                          \
    { 'u', "user", "ADDRESS", "the same as --from" }

static const struct command_option reply_options[] = {
    {OPTION_ALL, "all", NULL, "reply to the other recipients too"},
    COMPOSE_ORIGINATOR_OPTIONS,
    USER_OPTION,
    COMPOSE_MESSAGE_OPTIONS,
    COMPOSE_RECIPIENT_OPTIONS,
    COMPOSE_ENVELOPE_OPTIONS,
    {0}};

static const struct command_option forward_options[] = {COMPOSE_ORIGINATOR_OPTIONS, USER_OPTION,
                                                        COMPOSE_MESSAGE_OPTIONS,    COMPOSE_RECIPIENT_OPTIONS,
                                                        COMPOSE_ENVELOPE_OPTIONS,   {0}};

static const struct command_usage reply_usage = {
    "reply", "ENTRY", "Answers a message of the mailbox of --from (or CHASQUI_USER).",
    "The answer goes to the reply recipients of the message, else "
    "to its originator. The text is read from standard\n"
    "input when no --text, --file or --attach is given.",
    reply_options};

/* `reply --all` under a name of its own. */
static const struct command_usage reply_all_usage = {
    "reply-all", "ENTRY", "Answers a message, to its other recipients too: 'mhs reply --all'.", NULL,
    reply_options};

static const struct command_usage forward_usage = {
    "forward", "ENTRY",
    "Sends a message of the mailbox of --from (or CHASQUI_USER) on, whole, as a body part.",
    "Options are those of 'mhs send'; texts given go before the forwarded message.", forward_options};

/* One run of either command. */
struct run {
    struct arena arena;
    struct draft draft;
    struct compose compose;
    struct entry entry;
    struct ipm_content content;
    struct address_set recipients; /* of the draft */
    bool all;
    bool oneself; /* the one who replies is a recipient as others are */
};

/* Adds a user as a recipient, unless the user has no address, is left out as the one who replies, or is there
 * already. False without memory. */
static bool add_user(struct run *run, const struct ipm_user *user, enum draft_role role) {
    struct draft *draft = &run->draft;
    struct address_set *known = &run->recipients;
    if (!user->formal_name || address_set_has(known, user->formal_name) ||
        (!run->oneself && address_same(user->formal_name, &draft->originator)))
        return true;
    struct draft_recipient *recipient = draft_add_recipient(draft, role, &run->compose.next);
    if (!recipient || !address_set_add(known, user->formal_name, draft->recipient_count))
        return false;
    recipient->name = *user->formal_name;
    recipient->free_form_name = user->free_form_name;
    recipient->telephone_number = user->telephone_number;
    return true;
}

static bool add_others(struct run *run, const struct ipm_recipients *list) {
    bool done = true;
    for (size_t i = 0; done && run->all && i < list->count; i++)
        done = add_user(run, &list->items[i].user, DRAFT_CC);
    return done;
}

static const char *prefixed(const char *prefix, const char *subject, struct arena *arena) {
    bool there = subject && strncasecmp(subject, prefix, strlen(prefix)) == 0;
    return there ? subject : arena_printf(arena, "%s%s", prefix, subject ? subject : "");
}

static bool same_identifier(const struct ipm_identifier *a, const struct ipm_identifier *b) {
    return span_eq(span_str(a->user_relative_identifier), span_str(b->user_relative_identifier)) &&
           (a->user == NULL) == (b->user == NULL) && (!a->user || address_same(a->user, b->user));
}

static void add_related(struct run *run, const struct ipm_identifier *identifier) {
    struct ipm_identifiers *related = &run->draft.heading.related_ipms;
    for (size_t i = 0; i < related->count; i++)
        if (same_identifier(&related->items[i], identifier))
            return;
    related->items[related->count++] = *identifier;
}

/* The conversation so far: what the message replied to, and what both it and the options call related. */
static bool relate(struct run *run) {
    const struct ipm_heading *heading = &run->content.ipm->heading;
    struct ipm_identifiers given = run->draft.heading.related_ipms, *to = &run->draft.heading.related_ipms;
    size_t earlier = heading->related_ipms.count < RELATED_MOST ? heading->related_ipms.count : RELATED_MOST;
    *to = (struct ipm_identifiers){arena_array(&run->arena, given.count + earlier + 1, sizeof *to->items), 0};
    if (!to->items)
        return false;
    for (size_t i = 0; i < given.count; i++)
        add_related(run, &given.items[i]);
    for (size_t i = heading->related_ipms.count - earlier; i < heading->related_ipms.count; i++)
        add_related(run, &heading->related_ipms.items[i]);
    if (heading->replied_to_ipm)
        add_related(run, heading->replied_to_ipm);
    return true;
}

/* The originator said until when a reply is of use to him (reply-time, X.420 §7.2.12). */
static void warn_if_late(const struct ipm_heading *heading) {
    char text[21];
    if (heading->reply_time && heading->reply_time < clock_now_us() / 1000000)
        fprintf(stderr, "mhs: a reply was asked for by %s, which has passed\n",
                clock_format(heading->reply_time, text));
}

/* Whom the message itself wants answers to go to. */
static bool add_addressed(struct run *run, const struct ipm_heading *heading) {
    const struct ipm_user originator = {&run->entry.message->other_fields.originator_name, NULL, NULL};
    bool done = true;
    for (size_t i = 0; done && i < heading->reply_recipients.count; i++)
        done = add_user(run, &heading->reply_recipients.items[i], DRAFT_TO);
    if (heading->reply_recipients.count == 0)
        done = add_user(
            run, heading->originator && heading->originator->formal_name ? heading->originator : &originator,
            DRAFT_TO);
    return done;
}

/* Those whom the options name stand there already; a name that is empty is nobody's. */
static bool add_all_users(struct run *run, const struct ipm_heading *heading) {
    static const struct x411_ORName nobody;
    const struct draft *draft = &run->draft;
    bool done = address_set_add(&run->recipients, &nobody, 0);
    for (size_t i = 0; done && i < draft->recipient_count; i++)
        done = address_set_add(&run->recipients, &draft->recipients[i].name, i);
    done = done && add_addressed(run, heading) && add_others(run, &heading->primary_recipients) &&
           add_others(run, &heading->copy_recipients);
    run->oneself = draft->recipient_count == 0; /* a note to oneself, which is answered too */
    return done && (!run->oneself || add_addressed(run, heading));
}

static bool fill_reply(struct run *run) {
    const struct ipm_heading *heading = &run->content.ipm->heading;
    if (!add_all_users(run, heading))
        return false;
    run->draft.heading.replied_to_ipm = &heading->this_ipm;
    if (!run->draft.heading.subject)
        run->draft.heading.subject = prefixed("Re: ", heading->subject, &run->arena);
    warn_if_late(heading);
    return relate(run);
}

static bool set_subject(struct run *run, const char *subject) {
    if (!run->draft.heading.subject)
        run->draft.heading.subject = prefixed("Fw: ", subject, &run->arena);
    return run->draft.heading.subject != NULL;
}

static bool add_forwarded(struct run *run) {
    struct draft *draft = &run->draft;
    int64_t delivered = 0;
    struct span envelope;
    struct x411p3_MessageDeliveryEnvelope *message = run->entry.message;
    ber_utctime_read(message->message_delivery_time, &delivered);
    if (draft->part_count == draft->capacity ||
        !ber_encode_arena(&x411p3_OtherMessageDeliveryFields_type, &message->other_fields, &run->arena,
                          &envelope, NULL))
        return false;
    draft->parts[draft->part_count++] = (struct ipm_new_part){.type = IPM_PART_MESSAGE,
                                                              .octets = run->entry.content,
                                                              .delivery_time = delivered,
                                                              .delivery_envelope = envelope};
    return set_subject(run, run->content.ipm->heading.subject);
}

/* A report goes as a report body part, with the content that it returned. */
static int forward_report(struct run *run) {
    struct correlator about = {0};
    const struct x411p3_ReportDeliveryEnvelope *report = run->entry.report;
    bool told = correlator_read(&report->extensions, &run->arena, &about) && *about.subject;
    return attach_report(&run->draft, report, run->entry.content) &&
                   set_subject(run, told ? about.subject : "report")
               ? COMMAND_OK
               : COMMAND_FAILED;
}

static int forward_message(struct run *run) {
    struct error err = {0};
    int64_t delivered = 0;
    if (!ipm_read(run->entry.content, &run->arena, &run->content, &err))
        return command_fail(COMMAND_NO, "%s", err.text);
    if (run->content.ipm)
        return add_forwarded(run)
                   ? COMMAND_OK
                   : command_fail(COMMAND_FAILED, "the message can't be forwarded: no memory, or its "
                                                  "envelope can't be written anew");
    ber_utctime_read(run->entry.message->message_delivery_time, &delivered);
    return attach_notification(&run->draft, run->entry.content, delivered,
                               &run->entry.message->other_fields) &&
                   set_subject(run, "notification")
               ? COMMAND_OK
               : COMMAND_FAILED;
}

/* Whatever the entry is goes as a body part of its kind. */
static int forward(struct run *run, const char *operand) {
    int status = (int)entry_open_own(&run->entry, &run->draft.originator, operand, &run->arena);
    if (status != COMMAND_OK)
        return status;
    return run->entry.report ? forward_report(run) : forward_message(run);
}

static int reply(struct run *run, const char *operand) {
    struct span text;
    int status =
        (int)entry_open_ipm(&run->entry, &run->draft.originator, operand, &run->arena, &run->content);
    if (status != COMMAND_OK)
        return status;
    if (!fill_reply(run))
        return command_fail(COMMAND_FAILED, "no memory for the reply");
    if (run->draft.part_count == 0)
        return draft_read_text(&run->draft, "-", &text) ? compose_text(&run->compose, text) : COMMAND_FAILED;
    return COMMAND_OK;
}

static int read_line(struct run *run, const struct command_usage *usage, int argc, char **argv,
                     const char **operand) {
    struct command_line line;
    const char *value;
    int id, status = COMMAND_OK;
    command_line_init(&line, usage, argc, argv);
    while (status == COMMAND_OK && (id = command_line_next(&line, &value)) != COMMAND_LINE_END) {
        if (id == COMMAND_LINE_STOP)
            return line.status;
        if (id == OPTION_ALL)
            run->all = true;
        else
            status = compose_take(&run->compose, usage, id == 'u' ? COMPOSE_FROM : id, value);
    }
    if (status != COMMAND_OK)
        return status;
    *operand = command_line_operand(&line);
    return *operand && !command_line_operand(&line)
               ? COMMAND_OK
               : command_usage_error(usage, "give one ENTRY; 'mhs list' shows them");
}

/* Runs either command up to the submission. */
static int compose_from_entry(struct run *run, const struct command_usage *usage, int argc, char **argv) {
    const char *operand = NULL;
    run->all = usage == &reply_all_usage;
    int status = read_line(run, usage, argc, argv, &operand);
    if (status != COMMAND_OK || !operand)
        return status;
    status = compose_originator(&run->compose, usage);
    if (status == COMMAND_OK)
        status = usage == &forward_usage ? forward(run, operand) : reply(run, operand);
    if (status == COMMAND_OK)
        status = compose_finish(&run->compose, usage);
    return status == COMMAND_OK ? (int)draft_submit(&run->draft) : status;
}

static int run_command(const struct command_usage *usage, int argc, char **argv) {
    struct run run = {0};
    int status = COMMAND_FAILED;
    arena_init(&run.arena, ARENA_MAX);
    address_set_init(&run.recipients);
    if (draft_init(&run.draft, &run.arena, (size_t)argc + 1024)) {
        compose_init(&run.compose, &run.draft);
        status = compose_from_entry(&run, usage, argc, argv);
    }
    entry_close(&run.entry);
    address_set_free(&run.recipients);
    arena_free(&run.arena);
    return status;
}

int cmd_reply(int argc, char **argv) {
    return run_command(&reply_usage, argc, argv);
}

int cmd_reply_all(int argc, char **argv) {
    return run_command(&reply_all_usage, argc, argv);
}

int cmd_forward(int argc, char **argv) {
    return run_command(&forward_usage, argc, argv);
}
