/* The submission of a draft: envelope, content in pieces, answer. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "asn1/ber.h"
#include "base/clock.h"
#include "ipc/payload.h"
#include "mhs/daemon.h"
#include "mhs/draft.h"
#include "mhs/output.h"
#include "mhs/progress.h"
#include "names/identifier.h"
#include "schema/x411p3.h"

/* Which recipients a submission is for: blind copies travel apart. */
enum round { ROUND_OPEN, ROUND_BLIND };

static bool in_round(const struct draft_recipient *recipient, enum round round) {
    return (recipient->role == DRAFT_BCC) == (round == ROUND_BLIND);
}

/* ---- the envelope ---- */

struct extension_list {
    struct x411_Extensions *to;
    struct arena *arena;
    bool failed;
};

static void add_extension(struct extension_list *list, int64_t number, int criticality,
                          const struct ber_type *type, const void *value) {
    struct x411_ExtensionField *field = &list->to->items[list->to->count++];
    field->type.choice = x411_ExtensionType_standard_extension;
    field->type.u.standard_extension = number;
    if (criticality >= 0 && !ber_bit_set(&field->criticality, (unsigned)criticality, true, list->arena))
        list->failed = true;
    if (!ber_encode_arena(type, value, list->arena, &field->value, NULL))
        list->failed = true;
}

static bool list_begin(struct extension_list *list, struct x411_Extensions *to, struct arena *arena) {
    *list = (struct extension_list){to, arena, false};
    to->items = arena_array(arena, 8, sizeof *to->items);
    to->count = 0;
    return to->items != NULL;
}

static bool list_end(struct extension_list *list) {
    if (list->to->count == 0)
        list->to->items = NULL;
    return !list->failed;
}

/* Numbers and criticalities are those of X.411's table of extensions. */
static bool message_extensions(const struct draft *draft, struct x411_Extensions *to) {
    struct extension_list list;
    if (!list_begin(&list, to, draft->arena))
        return false;
    const int64_t yes = 1;
    struct span latest;
    if (draft->reassignment_prohibited)
        add_extension(&list, 1, x411_Criticality_for_delivery, &x411_RecipientReassignmentProhibited_type,
                      &yes);
    if (draft->expansion_prohibited)
        add_extension(&list, 3, x411_Criticality_for_delivery, &x411_DLExpansionProhibited_type, &yes);
    if (draft->conversion_with_loss_prohibited)
        add_extension(&list, 4, x411_Criticality_for_delivery, &x411_ConversionWithLossProhibited_type, &yes);
    if (draft->latest && ber_utctime_write(draft->latest, draft->arena, &latest))
        add_extension(&list, 5, x411_Criticality_for_delivery, &x411_LatestDeliveryTime_type, &latest);
    if (draft->exempted.count)
        add_extension(&list, 42, -1, &x411_DLExemptedRecipients_type, &draft->exempted);
    return list_end(&list);
}

static bool recipient_extensions(const struct draft *draft, const struct draft_recipient *recipient,
                                 struct x411_Extensions *to) {
    struct extension_list list;
    if (!list_begin(&list, to, draft->arena))
        return false;
    if (recipient->alternate)
        add_extension(&list, 2, x411_Criticality_for_submission,
                      &x411_OriginatorRequestedAlternateRecipient_type, recipient->alternate);
    x411_DeliveryMethod method = recipient->delivery_method;
    const struct x411_RequestedDeliveryMethod methods = {&method, 1};
    if (method)
        add_extension(&list, 6, -1, &x411_RequestedDeliveryMethod_type, &methods);
    return list_end(&list);
}

static bool indicators(const struct draft *draft, struct ber_bits *bits) {
    const struct {
        unsigned bit;
        bool set;
    } table[] = {
        {x411_PerMessageIndicators_disclosure_of_other_recipients, draft->disclose},
        {x411_PerMessageIndicators_implicit_conversion_prohibited, draft->conversion_prohibited},
        {x411_PerMessageIndicators_alternate_recipient_allowed, draft->alternate_allowed},
        {x411_PerMessageIndicators_content_return_request, draft->return_content},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].set && !ber_bit_set(bits, table[i].bit, true, draft->arena))
            return false;
    return true;
}

static bool report_request(const struct draft *draft, enum draft_report report, struct ber_bits *bits) {
    if (report == DRAFT_REPORT_NONE) {
        bits->octets = (struct span){(const uint8_t *)"", 0};
        return true;
    }
    return ber_bit_set(bits, x411p3_OriginatorReportRequest_non_delivery_report, true, draft->arena) &&
           (report == DRAFT_REPORT_NON_DELIVERY ||
            ber_bit_set(bits, x411p3_OriginatorReportRequest_report, true, draft->arena));
}

static size_t count_round(const struct draft *draft, enum round round) {
    size_t count = 0;
    for (size_t i = 0; i < draft->recipient_count; i++)
        count += in_round(&draft->recipients[i], round);
    return count;
}

static struct x411_ContentType content_type(const struct draft *draft) {
    return (struct x411_ContentType){.choice = x411_ContentType_built_in, .u.built_in = draft->content_type};
}

static bool message_envelope(const struct draft *draft, enum round round, struct span *encoded,
                             struct error *err) {
    struct ber_error why = {0};
    struct x411p3_MessageSubmissionEnvelope envelope = {.originator_name = draft->originator,
                                                        .priority = draft->priority};
    struct x411_EncodedInformationTypes types;
    struct x411p3_PerRecipientMessageSubmissionFields *fields =
        arena_array(draft->arena, count_round(draft, round), sizeof *fields);
    envelope.content_type = content_type(draft);
    envelope.content_identifier = span_str(draft->content_identifier);
    envelope.original_encoded_information_types = draft->notification.data ? NULL : &types;
    envelope.per_recipient_fields.items = fields;
    if (!fields || !ipm_encoded_types(draft->parts, draft->part_count, draft->arena, &types) ||
        !indicators(draft, &envelope.per_message_indicators) ||
        !message_extensions(draft, &envelope.extensions) ||
        (draft->deferred &&
         !ber_utctime_write(draft->deferred, draft->arena, &envelope.deferred_delivery_time)))
        return error_set(err, 1, "no memory for the envelope");
    for (size_t i = 0; i < draft->recipient_count; i++) {
        const struct draft_recipient *recipient = &draft->recipients[i];
        if (!in_round(recipient, round))
            continue;
        struct x411p3_PerRecipientMessageSubmissionFields *field =
            &fields[envelope.per_recipient_fields.count++];
        field->recipient_name = recipient->name;
        if (!report_request(draft, recipient->report, &field->originator_report_request) ||
            !recipient_extensions(draft, recipient, &field->extensions))
            return error_set(err, 1, "no memory for the envelope");
    }
    return ber_encode_arena(&x411p3_MessageSubmissionEnvelope_type, &envelope, draft->arena, encoded, &why) ||
           error_set(err, 1, "the envelope can't be written: %s: %s", why.path, why.text);
}

static bool probe_envelope(const struct draft *draft, struct span *encoded, struct error *err) {
    struct ber_error why = {0};
    struct x411p3_ProbeSubmissionEnvelope envelope = {.originator_name = draft->originator};
    struct x411p3_PerRecipientProbeSubmissionFields *fields =
        arena_array(draft->arena, draft->recipient_count, sizeof *fields);
    envelope.content_type = content_type(draft);
    envelope.content_identifier = span_str(draft->content_identifier);
    envelope.has_content_length = draft->probe_length > 0;
    envelope.content_length = (int64_t)draft->probe_length;
    envelope.per_recipient_fields.items = fields;
    if (!fields || !indicators(draft, &envelope.per_message_indicators) ||
        !message_extensions(draft, &envelope.extensions))
        return error_set(err, 1, "no memory for the envelope");
    for (; envelope.per_recipient_fields.count < draft->recipient_count;
         envelope.per_recipient_fields.count++) {
        const struct draft_recipient *recipient = &draft->recipients[envelope.per_recipient_fields.count];
        struct x411p3_PerRecipientProbeSubmissionFields *field = &fields[envelope.per_recipient_fields.count];
        field->recipient_name = recipient->name;
        if (!report_request(draft, recipient->report, &field->originator_report_request) ||
            !recipient_extensions(draft, recipient, &field->extensions))
            return error_set(err, 1, "no memory for the envelope");
    }
    return ber_encode_arena(&x411p3_ProbeSubmissionEnvelope_type, &envelope, draft->arena, encoded, &why) ||
           error_set(err, 1, "the envelope can't be written: %s: %s", why.path, why.text);
}

/* ---- the content ---- */

static bool add_to_heading(struct ipm_recipients *list, const struct draft *draft, enum draft_role role) {
    list->items = arena_array(draft->arena, draft->recipient_count, sizeof *list->items);
    list->count = 0;
    for (size_t i = 0; list->items && i < draft->recipient_count; i++) {
        const struct draft_recipient *recipient = &draft->recipients[i];
        if (recipient->role == role)
            list->items[list->count++] = (struct ipm_recipient){
                {&recipient->name, NULL, NULL}, recipient->notifications, recipient->reply_requested};
    }
    return list->items != NULL;
}

/* Time and chance make it unique among the user's own; PrintableString. */
static const char *new_identifier(struct arena *arena) {
    uint32_t chance = 0;
    if (getrandom(&chance, sizeof chance, 0) != sizeof chance)
        chance = (uint32_t)clock_monotonic_us();
    struct civil_time now = civil_from_seconds(clock_now_us() / 1000000);
    return arena_printf(arena, "%04d%02d%02d%02d%02d%02dZ.%08x", now.year, now.month, now.day, now.hour,
                        now.minute, now.second, chance);
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
        heading->this_ipm = (struct ipm_identifier){&draft->originator, new_identifier(draft->arena)};
    if (!originator || !add_to_heading(&heading->primary_recipients, draft, DRAFT_TO) ||
        !add_to_heading(&heading->copy_recipients, draft, DRAFT_CC) ||
        (round == ROUND_BLIND && !add_to_heading(&heading->blind_copy_recipients, draft, DRAFT_BCC)))
        return error_set(err, 1, "no memory for the heading");
    originator->formal_name = &draft->originator;
    heading->originator = originator;
    return ipm_plan(heading, draft->parts, draft->part_count, draft->arena, plan, err);
}

/* ---- the conversation ---- */

static uint64_t octets_sent; /* of the content that is under way */

static bool send_octets(uint64_t ref, struct span octets, struct error *err) {
    for (size_t at = 0; at < octets.len; at += IPC_CHUNK) {
        struct span piece = span_sub(octets, at, IPC_CHUNK);
        if (!ipc_client_send(daemon_connection(), IPC_SUBMIT_CONTENT, ref, piece, (struct span){NULL, 0},
                             err))
            return false;
        octets_sent += piece.len;
        progress_at(octets_sent);
    }
    return true;
}

/* Streams exactly `length` octets of a file: the content's length is announced by then. */
static bool send_file(uint64_t ref, const char *path, uint64_t length, struct error *err) {
    static uint8_t chunk[IPC_CHUNK];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, 1, "%s can't be read: %s", path, strerror(errno));
    bool ok = true;
    while (ok && length > 0) {
        ssize_t got = read(fd, chunk, length < sizeof chunk ? (size_t)length : sizeof chunk);
        if (got <= 0)
            ok = error_set(err, 1,
                           "%s became shorter, or can't be read, while it was sent; nothing was submitted",
                           path);
        else
            ok = send_octets(ref, span_of(chunk, (size_t)got), err);
        length -= got > 0 ? (uint64_t)got : 0;
    }
    close(fd);
    return ok;
}

static uint64_t content_length(const struct ipm_plan *plan) {
    uint64_t length = 0;
    for (size_t i = 0; i < plan->count; i++)
        length += plan->pieces[i].octets.data ? plan->pieces[i].octets.len : plan->pieces[i].length;
    return length;
}

static bool send_content(const struct draft *draft, const struct ipm_plan *plan, uint64_t ref,
                         struct error *err) {
    bool ok = true;
    octets_sent = 0;
    progress_begin("sending", content_length(plan));
    for (size_t i = 0; ok && i < plan->count; i++) {
        const struct ipm_piece *piece = &plan->pieces[i];
        ok = piece->octets.data ? send_octets(ref, piece->octets, err)
                                : send_file(ref, draft->paths[piece->part], piece->length, err);
    }
    progress_end();
    return ok;
}

static bool send_begin(enum ipc_submission kind, struct span envelope, uint64_t ref, struct error *err) {
    uint8_t head = (uint8_t)kind;
    return ipc_client_send(daemon_connection(), IPC_SUBMIT_BEGIN, ref, span_of(&head, 1), envelope, err);
}

/* The end of a notification names the entry that asked for it: the daemon marks it with the same commit. */
static bool send_end(const struct draft *draft, uint64_t ref, struct error *err) {
    struct span nothing = {NULL, 0};
    struct buf payload;
    buf_init(&payload, 0);
    if (draft->notified_mailbox) {
        payload_put_octets(&payload, span_str(draft->notified_mailbox));
        buf_append_u64(&payload, draft->notified_entry);
    }
    bool ok = payload.failed ? error_set(err, 1, "no memory")
                             : ipc_client_send(daemon_connection(), IPC_SUBMIT_END, ref, buf_span(&payload),
                                               nothing, err);
    buf_free(&payload);
    return ok;
}

/* With --json: the first submission's result, with that of the blind copies in it. */
static json_t *results;

static void keep_result(json_t *result) {
    if (results)
        json_object_set_new(results, "blind-copies", result);
    else
        results = result;
}

static void print_results(void) {
    if (results)
        out_json(results);
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
static enum command_status print_result(const struct draft *draft,
                                        const struct x411_MTSIdentifier *identifier, struct span time,
                                        const char *what) {
    char submitted[21] = "";
    int64_t seconds;
    struct buf text;
    buf_init(&text, 0);
    mts_identifier_print(identifier, &text);
    buf_append_byte(&text, 0);
    if (ber_utctime_read(time, &seconds))
        clock_format(seconds, submitted);
    if (text.failed)
        return (enum command_status)command_fail(COMMAND_FAILED, "no memory");
    if (command_settings.json) {
        json_t *result =
            json_pack("{s:s, s:s, s:s*}", "mts-identifier", (const char *)text.data, "submission-time",
                      submitted, "ipm-identifier", draft->heading.this_ipm.user_relative_identifier);
        keep_result(result);
    } else {
        printf("%s submitted at %s: %s%s%s\n", what, submitted, out_style(OUT_BOLD), (const char *)text.data,
               out_end());
    }
    buf_free(&text);
    return COMMAND_OK;
}

static enum command_status bad_answer(void) {
    return (enum command_status)command_fail(COMMAND_UNREACHABLE,
                                             "the daemon's answer to the submission makes no sense");
}

static enum command_status read_refusal(struct span text) {
    json_t *answer = json_loadb((const char *)text.data, text.len, 0, NULL);
    const json_t *error = json_object_get(answer, "error");
    enum command_status status = error ? daemon_refused(error) : bad_answer();
    json_decref(answer);
    return status;
}

static enum command_status read_answer(const struct draft *draft, uint64_t ref, enum ipc_submission kind) {
    struct span payload;
    enum command_status status;
    if (!daemon_receive(ref, IPC_SUBMIT_RESULT, &payload, &status))
        return status;
    struct reader r = reader_of(payload);
    bool ok = reader_u8(&r) == 1;
    struct span rest = payload_rest(&r);
    if (r.failed || !ok)
        return read_refusal(rest);
    struct x411p3_MessageSubmissionResult message;
    struct x411p3_ProbeSubmissionResult probe;
    if (kind == IPC_SUBMISSION_MESSAGE)
        return ber_decode(&x411p3_MessageSubmissionResult_type, rest, draft->arena, NULL, &message, NULL)
                   ? print_result(draft, &message.message_submission_identifier,
                                  message.message_submission_time, draft->word ? draft->word : "Message")
                   : bad_answer();
    return ber_decode(&x411p3_ProbeSubmissionResult_type, rest, draft->arena, NULL, &probe, NULL)
               ? print_result(draft, &probe.probe_submission_identifier, probe.probe_submission_time, "Probe")
               : bad_answer();
}

static enum command_status submit_round(struct draft *draft, enum round round) {
    struct error err = {0};
    struct span envelope;
    struct ipm_plan plan;
    if (!plan_content(draft, round, &plan, &err) || !message_envelope(draft, round, &envelope, &err))
        return (enum command_status)command_fail(COMMAND_USAGE, "%s", err.text);
    if (!daemon_connection())
        return COMMAND_UNREACHABLE;
    uint64_t ref = daemon_next_ref();
    if (send_begin(IPC_SUBMISSION_MESSAGE, envelope, ref, &err) && send_content(draft, &plan, ref, &err) &&
        send_end(draft, ref, &err))
        return read_answer(draft, ref, IPC_SUBMISSION_MESSAGE);
    daemon_close(); /* the unfinished submission goes with the connection */
    return (enum command_status)command_fail(COMMAND_FAILED, "%s", err.text);
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

enum command_status draft_submit_probe(struct draft *draft) {
    struct error err = {0};
    struct span envelope;
    if (!probe_envelope(draft, &envelope, &err))
        return (enum command_status)command_fail(COMMAND_USAGE, "%s", err.text);
    if (!daemon_connection())
        return COMMAND_UNREACHABLE;
    uint64_t ref = daemon_next_ref();
    if (!send_begin(IPC_SUBMISSION_PROBE, envelope, ref, &err) ||
        !ipc_client_send(daemon_connection(), IPC_SUBMIT_END, ref, (struct span){NULL, 0},
                         (struct span){NULL, 0}, &err))
        return (enum command_status)command_fail(COMMAND_UNREACHABLE, "%s", err.text);
    enum command_status status = read_answer(draft, ref, IPC_SUBMISSION_PROBE);
    print_results();
    return status;
}
